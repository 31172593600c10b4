//! Durable commits: 16 writers, each commit a 4 KiB blob, two rows and a record of 700 bytes. Printed beside what the
//! disk itself does with bytes appended and synced, in the same run: a rate alone says nothing about the engine.

#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use strongroom_storage::local::Options;
use strongroom_storage::{Batch, BlobStore, Direction, LocalStore, MetaStore, Partition, prefix_range};
use strongroom_types::{BlobId, BucketId, Timestamp};

const WRITERS: u64 = 16;
const BLOB_BYTES: usize = 4096;
const RECORD_BYTES: usize = 700;

static NEXT: AtomicU64 = AtomicU64::new(0);

fn place() -> Partition {
    Partition::Bucket(BucketId::from_bytes([1; 16]))
}

/// Spreads keys as object names are spread.
fn scatter(number: u64) -> u128 {
    u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(number)
}

async fn put(store: &LocalStore) {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let id = BlobId::from_bytes(scatter(number).to_be_bytes());
    let mut writer = store.stage(id, Some(BLOB_BYTES as u64)).await.unwrap();
    writer.write(Bytes::from(vec![number.to_be_bytes()[7]; BLOB_BYTES])).await.unwrap();
    let mut batch = Batch::new(place());
    batch.blobs.push(writer.finish().await.unwrap());
    let name = format!("folder/{:032x}", scatter(number));
    batch.put(format!("cur|{name}"), vec![1; 120]);
    batch.put(format!("ver|{name}|{number:016x}"), vec![2; 300]);
    batch.records.push(vec![3; RECORD_BYTES]);
    store.commit(batch).await.unwrap();
}

/// Bytes a second that the disk takes when `size` bytes at a time are appended and synced.
fn disk_bandwidth(directory: &Path, size: usize) -> f64 {
    let mut file = File::create(directory.join("probe")).unwrap();
    let bytes = vec![5_u8; size];
    let since = Instant::now();
    let mut written = 0.0;
    while since.elapsed() < Duration::from_secs(2) {
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        written += f64::from(u32::try_from(size).unwrap());
    }
    written / since.elapsed().as_secs_f64()
}

fn commits(criterion: &mut Criterion) {
    let directory =
        tempfile::tempdir_in(std::env::var("STRONGROOM_BENCH_DIR").unwrap_or_else(|_| ".".into())).unwrap();
    let millis = AtomicI64::new(1_700_000_000_000);
    let clock = Arc::new(move || Timestamp::from_millis(millis.fetch_add(1, Ordering::Relaxed)));
    let mut options = Options::new(clock, Arc::new(|bytes| bytes.fill(9)));
    options.low_water_bytes = Some(0);
    let store = LocalStore::open(directory.path().join("data"), options).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();

    let mut group = criterion.benchmark_group("commit");
    group.throughput(Throughput::Elements(1)).sample_size(20).measurement_time(Duration::from_secs(10));
    let (mut total, mut spent) = (0_u64, Duration::ZERO);
    group.bench_function("16 writers, 4 KiB blob, 2 rows, 700 B record", |bencher| {
        bencher.iter_custom(|iterations| {
            let since = Instant::now();
            runtime.block_on(async {
                let left = Arc::new(AtomicI64::new(i64::try_from(iterations).unwrap()));
                let writers: Vec<_> = (0..WRITERS)
                    .map(|_| {
                        let (store, left) = (store.clone(), left.clone());
                        tokio::spawn(async move {
                            while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                                put(&store).await;
                            }
                        })
                    })
                    .collect();
                for writer in writers {
                    writer.await.unwrap();
                }
            });
            let elapsed = since.elapsed();
            total += iterations;
            spent += elapsed;
            elapsed
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("read");
    group.bench_function("scan of 1000 rows", |bencher| {
        bencher.iter(|| {
            let range = prefix_range(b"cur|");
            black_box(runtime.block_on(store.scan(place(), range, 1000, Direction::Forward)).unwrap());
        });
    });
    let id = BlobId::from_bytes(scatter(7).to_be_bytes());
    group.bench_function("4 KiB blob", |bencher| {
        bencher.iter(|| black_box(runtime.block_on(BlobStore::read(&store, id, 0..4096)).unwrap()));
    });
    group.finish();
    drop(store);

    let rate = f64::from(u32::try_from(total).unwrap()) / spent.as_secs_f64();
    let payload = f64::from(u32::try_from(BLOB_BYTES + RECORD_BYTES + 420).unwrap()) * rate;
    println!("{rate:.0} commits/s, {:.1} MB/s of payload", payload / 1e6);
    for size in [16 << 10, 80 << 10, 1 << 20] {
        let disk = disk_bandwidth(directory.path(), size);
        println!("disk, {size} bytes a sync: {:.1} MB/s; share {:.2}", disk / 1e6, payload / disk);
    }
}

criterion_group!(benches, commits);
criterion_main!(benches);
