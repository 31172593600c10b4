//! What random overwriting costs in space: puts objects of mixed sizes over each other, deletes some, gives some uploads
//! up, and prints what lives and what lies on the disk meanwhile and afterwards.
//!
//! ```sh
//! cargo run --release -p strongroom-storage --example overwrite -- --directory DIR [--keys 20000] [--times 4] [--grace 10]
//! ```
//!
//! `DIR` must not exist, is filled (some 70 KiB a key, and what overwriting adds) and is not removed. Each key is written
//! about `times` times; released blobs stay `grace` seconds for their readers, instead of five minutes. The file
//! `reserve`, whose size is fixed, is not counted.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a program that measures")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Random, argument, blob_id, disk_bytes, memory_mib, mib, object_name, options, place};
use strongroom_storage::{Batch, BlobStore, Journal, LocalStore, MetaStore, Position, StagedBlob};

const WRITERS: u64 = 16;

/// Sealed bytes: seven of ten objects, two and a half of ten, one of twenty.
const SIZES: [usize; 3] = [(4 << 10) + 20, (64 << 10) + 20, (1 << 20) + 260];

/// How often the disk is looked at.
const INTERVAL: Duration = Duration::from_secs(5);

/// Unchanged for so many looks, the disk is at rest.
const QUIET: usize = 4;

#[derive(Default)]
struct Counts {
    operations: AtomicU64,
    written_bytes: AtomicU64,
    live_bytes: AtomicI64,
}

/// What a key holds: the version of its object, and the object's sealed bytes.
type Slot = Option<(u64, usize)>;

fn size(random: &mut Random) -> usize {
    SIZES[match random.below(20) {
        0 => 2,
        1..6 => 1,
        _ => 0,
    }]
}

async fn stage(store: &LocalStore, key: u64, version: u64, size: usize, random: &mut Random) -> StagedBlob {
    let mut writer = store.stage(blob_id(key, version), Some(size as u64)).await.unwrap();
    writer.write(Bytes::from(random.bytes(size))).await.unwrap();
    writer.finish().await.unwrap()
}

/// Bytes of rows that an object has: key and value of two rows and of the blob's.
fn row_bytes(name: &str) -> i64 {
    i64::try_from(2 * name.len() + 3 + 11 + 130 + 320 + 18 + 22 + 3 * 8).unwrap()
}

/// One operation on one key.
async fn operate(
    store: &LocalStore,
    counts: &Counts,
    key: u64,
    version: u64,
    slot: &mut Slot,
    random: &mut Random,
) {
    let name = object_name(key);
    let size = size(random);
    let kind = random.below(100);
    if kind < 5 {
        // An upload that is given up.
        drop(stage(store, key, version, size, random).await);
        return;
    }
    let old = *slot;
    let mut batch = Batch::new(place());
    if let Some((version, size)) = old {
        batch.released.push(blob_id(key, version));
        counts.live_bytes.fetch_sub(i64::try_from(size).unwrap() + row_bytes(&name), Ordering::Relaxed);
    }
    let delete = kind < 15;
    if delete {
        common::delete(&mut batch, &name, old.map(|(version, _)| version), random);
        *slot = None;
    } else {
        batch.blobs.push(stage(store, key, version, size, random).await);
        common::put(&mut batch, &name, version, old.map(|(version, _)| version), random);
        *slot = Some((version, size));
        counts.live_bytes.fetch_add(i64::try_from(size).unwrap() + row_bytes(&name), Ordering::Relaxed);
        counts.written_bytes.fetch_add(size as u64, Ordering::Relaxed);
    }
    store.commit(batch).await.unwrap();
    counts.operations.fetch_add(1, Ordering::Relaxed);
}

/// One writer's keys are its own.
async fn write(store: LocalStore, counts: Arc<Counts>, writer: u64, keys: u64, operations: u64) -> Vec<Slot> {
    let mut random = Random(writer + 1);
    let mut slots = vec![None; usize::try_from(keys).unwrap()];
    for version in 0..operations {
        let at = if version < keys { version } else { random.below(keys) };
        let slot = &mut slots[usize::try_from(at).unwrap()];
        operate(&store, &counts, at * WRITERS + writer, version, slot, &mut random).await;
    }
    slots
}

/// The archiver's part.
async fn archive(store: LocalStore) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        store.trim(Position(store.tail().0.saturating_sub(20_000))).await.unwrap();
    }
}

struct Watch {
    directory: PathBuf,
    counts: Arc<Counts>,
    since: Instant,
}

impl Watch {
    /// Looks at the disk, prints it, and gives its bytes.
    fn look(&self) -> u64 {
        let part = |name: &str| disk_bytes(&self.directory.join(name));
        let (log, index, blobs) = (part("log"), part("index"), part("blobs"));
        let live = u64::try_from(self.counts.live_bytes.load(Ordering::Relaxed)).unwrap_or(0);
        let disk = log + index + blobs;
        println!(
            "{:4.0} s: live {:.0} MiB, on disk {:.0} MiB (log {:.0}, index {:.0}, files {:.0}), {:.2} times; \
             {} operations, {:.0} MiB written, resident {:.0} MiB",
            self.since.elapsed().as_secs_f64(),
            mib(live),
            mib(disk),
            mib(log),
            mib(index),
            mib(blobs),
            disk as f64 / live.max(1) as f64,
            self.counts.operations.load(Ordering::Relaxed),
            mib(self.counts.written_bytes.load(Ordering::Relaxed)),
            memory_mib("VmRSS"),
        );
        disk
    }

    /// Waits until nothing goes any more, and says how fast it went.
    async fn rest(&self) {
        let began = Instant::now();
        let first = self.look();
        let (mut last, mut quiet, mut at_rest) = (first, 0, began);
        while quiet < QUIET {
            tokio::time::sleep(INTERVAL).await;
            let now = self.look();
            (quiet, at_rest) = if now == last { (quiet + 1, at_rest) } else { (0, Instant::now()) };
            last = now;
        }
        let took = at_rest.duration_since(began).as_secs_f64();
        let back = mib(first) - mib(last);
        println!("at rest after {took:.0} s: {back:.0} MiB came back, {:.0} MiB/s", back / took.max(1.0));
    }
}

/// Reads the length of all that should be there.
async fn check(store: &LocalStore, slots: &[Vec<Slot>]) {
    for (writer, slots) in (0..).zip(slots) {
        for (at, slot) in (0..).zip(slots) {
            let key = at * WRITERS + writer;
            let row = store.get(place(), &common::current_key(&object_name(key))).await.unwrap();
            assert_eq!(row.is_some(), slot.is_some(), "key {key}");
            if let Some((version, size)) = slot {
                let blob = BlobStore::read(store, blob_id(key, *version), 0..4096).await.unwrap();
                assert_eq!(blob.len(), 4096);
                assert_eq!(store.len(blob_id(key, *version)).await.unwrap(), *size as u64);
            }
        }
    }
}

async fn run(directory: &Path, keys: u64, times: u64, grace: u64) {
    let mut options = options();
    options.release_grace = Duration::from_secs(grace);
    let store = LocalStore::open(directory, options).unwrap();
    let counts = Arc::new(Counts::default());
    let watch =
        Arc::new(Watch { directory: directory.to_owned(), counts: counts.clone(), since: Instant::now() });
    let archiver = tokio::spawn(archive(store.clone()));
    let (keys, done) = (keys / WRITERS, Arc::new(AtomicBool::new(false)));
    let (looker, looks) = (watch.clone(), done.clone());
    let looker = tokio::spawn(async move {
        while !looks.load(Ordering::Relaxed) {
            tokio::time::sleep(INTERVAL).await;
            looker.look();
        }
    });
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(store.clone(), counts.clone(), writer, keys, keys * times)))
        .collect();
    let mut slots = Vec::new();
    for writer in writers {
        slots.push(writer.await.unwrap());
    }
    done.store(true, Ordering::Relaxed);
    looker.await.unwrap();
    archiver.abort();
    store.trim(store.tail()).await.unwrap();
    println!("nothing more is written");
    watch.rest().await;
    check(&store, &slots).await;
    println!("everything is deleted");
    for (writer, slots) in (0..).zip(&mut slots) {
        for (at, slot) in (0..).zip(slots) {
            let name = object_name(at * WRITERS + writer);
            if let Some((version, size)) = slot.take() {
                let mut batch = Batch::new(place());
                common::delete(&mut batch, &name, Some(version), &mut Random(at + 1));
                batch.released.push(blob_id(at * WRITERS + writer, version));
                store.commit(batch).await.unwrap();
                let bytes = i64::try_from(size).unwrap() + row_bytes(&name);
                counts.live_bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
        }
    }
    store.trim(store.tail()).await.unwrap();
    watch.rest().await;
}

fn main() {
    let directory = PathBuf::from(argument("--directory").unwrap());
    let number = |name: &str, default| argument(name).map_or(default, |number| number.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(&directory, number("--keys", 20_000), number("--times", 4), number("--grace", 10)));
}
