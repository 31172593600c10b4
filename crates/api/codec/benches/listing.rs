//! How fast a listing of 1,000 keys becomes XML, and is read again.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::HeaderMap;
use strongroom_api_s3::{ListObjectsV2Output, Object, ObjectStorageClass, SERVICE, op};
use strongroom_codec::{decode_response, encode};
use strongroom_shape::{Operation as _, Protocol};
use strongroom_types::Timestamp;

fn listing() -> ListObjectsV2Output {
    let object = |number: u32| Object {
        key: Some(format!("photos/2026/11/24/holiday-in-the-mountains/IMG_{number:06}.jpeg")),
        etag: Some(format!("\"{:032x}\"", u128::from(number) * 0x9e37_79b9_7f4a_7c15)),
        last_modified: Some(Timestamp::from_millis(1_795_537_958_000 + i64::from(number))),
        size: Some(i64::from(number) * 4096),
        storage_class: Some(ObjectStorageClass::Standard),
        ..Default::default()
    };
    ListObjectsV2Output {
        name: Some("bucket".to_owned()),
        max_keys: Some(1000),
        key_count: Some(1000),
        is_truncated: Some(true),
        contents: (0..1000).map(object).collect(),
        ..Default::default()
    }
}

fn bench(criterion: &mut Criterion) {
    let (output, op) = (listing(), op::ListObjectsV2::SCHEMA);
    let write = || encode(Protocol::RestXml, &SERVICE, op, &output, "id").map(|encoded| encoded.body);
    let Ok(body) = write() else { return };
    let mut group = criterion.benchmark_group("a listing of 1,000 keys");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("write", |bencher| bencher.iter(write));
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let mut target = ListObjectsV2Output::default();
            decode_response(Protocol::RestXml, &SERVICE, op, 200, &HeaderMap::new(), &body, &mut target)
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
