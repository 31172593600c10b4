//! What a row costs to write down and to read: the two of a version, as most objects have them.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use strongroom_s3::row::{
    BlobRow, ChecksumRow, Coded, Content, CurrentRow, Headers, ObjectSequence, VersionRow,
};

const ETAG: &str = "9a0364b9e99bb480dd25e1f0284c8555";

fn current() -> CurrentRow {
    CurrentRow {
        sequence: ObjectSequence(1_795_537_958_123_000),
        size: 4_096,
        etag: ETAG.to_owned(),
        modified_millis: 1_795_537_958_123,
        storage_class: None,
        checksum_algorithms: vec!["CRC32".to_owned()],
        checksum_type: Some("FULL_OBJECT".to_owned()),
        owner: None,
    }
}

fn version() -> VersionRow {
    let checksum = ChecksumRow {
        algorithm: "CRC32".to_owned(),
        value: "DUoRhQ==".to_owned(),
        kind: "FULL_OBJECT".to_owned(),
    };
    let blob = BlobRow { id: [7; 16], wrapped_key: vec![9; 92], plain_bytes: 4_096, sealed_sha256: None };
    let content = Content {
        size: 4_096,
        etag: ETAG.to_owned(),
        headers: Headers { content_type: Some("image/jpeg".to_owned()), ..Headers::default() },
        metadata: vec![("camera".to_owned(), "one".to_owned())],
        storage_class: None,
        tags: vec![("team".to_owned(), "red".to_owned())],
        checksums: vec![checksum],
        website_redirect: None,
        blob: Some(blob),
        upload: None,
        parts: None,
        encryption: "AES256".to_owned(),
        customer_proof: None,
        owner: None,
        acl: None,
    };
    VersionRow { random: Some([3; 8]), modified_millis: 1_795_537_958_123, content: Some(Box::new(content)) }
}

fn bench_row<R: Coded>(criterion: &mut Criterion, name: &str, row: &R) {
    let bytes = row.encode();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("write", |bencher| bencher.iter(|| row.encode()));
    group.bench_function("read", |bencher| bencher.iter(|| R::decode(&bytes)));
    group.finish();
}

fn bench(criterion: &mut Criterion) {
    bench_row(criterion, "row of a version", &version());
    bench_row(criterion, "row of the current version", &current());
}

criterion_group!(benches, bench);
criterion_main!(benches);
