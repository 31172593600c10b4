//! Sealing and opening of blobs and rows, and the digests of a PUT in one pass.

#![expect(clippy::expect_used, reason = "a benchmark's own inputs are valid")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use strongroom_crypto::{
    BlobBinding, ChecksumAlgorithm, ChecksumSet, DataKey, EncryptionContext, Entropy, EpochId, Keyring,
    MultiDigest, NewDataKey, Opener, Sealer, sealed_len,
};
use strongroom_types::{BlobId, BucketId, ObjectKey};

/// Not random, and as cheap as can be: what is measured is sealing.
struct Constant;

impl Entropy for Constant {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

fn object() -> ObjectKey {
    ObjectKey::parse("photos/2026/11/24/img_0001.jpg").expect("a key")
}

fn binding(key: &ObjectKey) -> BlobBinding<'_> {
    BlobBinding { bucket: BucketId::from_bytes([1; 16]), key, blob: BlobId::from_bytes([2; 16]) }
}

fn seal(plain: &[u8], name: &ObjectKey) -> Vec<Bytes> {
    let mut sealer = Sealer::new(NewDataKey::generate(&Constant), &binding(name), Some(plain.len() as u64));
    let mut frames = Vec::new();
    // As chunks come from a TLS connection.
    for mut chunk in plain.chunks(16 * 1024) {
        while let Some(frame) = sealer.push(&mut chunk) {
            frames.push(frame);
        }
    }
    frames.push(sealer.finish().frame);
    frames
}

fn open(key: &DataKey, sealed: Vec<u8>, plain_len: usize, name: &ObjectKey) -> usize {
    let mut opener = Opener::whole(key, &binding(name), plain_len as u64).expect("a length");
    opener.push(Bytes::from(sealed));
    let mut opened = 0;
    while let Some(frame) = opener.next_frame().expect("authentic") {
        opened += frame.len();
    }
    opened
}

fn blobs(criterion: &mut Criterion) {
    let name = object();
    let key = NewDataKey::generate(&Constant).key().clone();
    let mut group = criterion.benchmark_group("blob");
    for (label, len) in [("4 KiB", 4096), ("64 KiB", 65_536), ("1 MiB", 1 << 20)] {
        let plain = vec![0x55; len];
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(format!("seal {label}"), |bencher| {
            bencher.iter(|| black_box(seal(black_box(&plain), &name)));
        });
        let sealed = seal(&plain, &name).concat();
        assert_eq!(sealed.len() as u64, sealed_len(len as u64));
        group.bench_function(format!("open {label}"), |bencher| {
            let opened = |sealed| open(&key, sealed, len, &name);
            bencher.iter_batched(|| sealed.clone(), opened, BatchSize::LargeInput);
        });
    }
    group.finish();
}

fn rows(criterion: &mut Criterion) {
    let keyring = Keyring::create(&Constant);
    let key = keyring.row_key(EpochId::FIRST).expect("the first epoch");
    let (partition, row) =
        (&b"bucket/0123456789abcdef0123456789abcdef"[..], &b"ver|photos/img_0001.jpg|123"[..]);
    let mut group = criterion.benchmark_group("row");
    for len in [100, 500, 4096] {
        let value = vec![3; len];
        let sealed = key.seal(partition, row, &value, &[1; 24]);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(format!("seal {len} B"), |bencher| {
            bencher.iter(|| black_box(key.seal(partition, row, black_box(&value), &[1; 24])));
        });
        group.bench_function(format!("open {len} B"), |bencher| {
            bencher.iter(|| black_box(key.open(partition, row, black_box(&sealed))));
        });
    }
    group.finish();

    let bucket = BucketId::from_bytes([1; 16]);
    let bucket_key = keyring.bucket_key(EpochId::FIRST, bucket).expect("the first epoch");
    let data_key = NewDataKey::generate(&Constant);
    let context =
        EncryptionContext::new().with("aws:s3:arn", "arn:aws:s3:::bucket/photos/1.jpg").expect("short");
    criterion.bench_function("wrap a data key", |bencher| {
        bencher.iter(|| black_box(bucket_key.wrap(data_key.key(), &context, &[1; 24])));
    });
    criterion.bench_function("derive a bucket key", |bencher| {
        bencher.iter(|| black_box(keyring.bucket_key(EpochId::FIRST, bucket).is_ok()));
    });
}

fn digests(criterion: &mut Criterion) {
    let body = vec![0x55; 1 << 20];
    let mut group = criterion.benchmark_group("digest of 1 MiB");
    group.throughput(Throughput::Bytes(1 << 20));
    let crc = ChecksumSet::EMPTY.with(ChecksumAlgorithm::Crc64Nvme);
    for (label, md5, sha256, set) in [
        ("MD5", true, false, ChecksumSet::EMPTY),
        ("SHA-256", false, true, ChecksumSet::EMPTY),
        ("CRC32", false, false, ChecksumSet::EMPTY.with(ChecksumAlgorithm::Crc32)),
        ("CRC32C", false, false, ChecksumSet::EMPTY.with(ChecksumAlgorithm::Crc32c)),
        ("CRC64NVME", false, false, crc),
        ("SHA-1", false, false, ChecksumSet::EMPTY.with(ChecksumAlgorithm::Sha1)),
        ("MD5 + CRC64NVME + SHA-256", true, true, crc),
    ] {
        group.bench_function(label, |bencher| {
            bencher.iter(|| {
                let mut digest = MultiDigest::new(md5, sha256, set);
                digest.update(black_box(&body));
                black_box(digest.finalize())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, blobs, rows, digests);
criterion_main!(benches);
