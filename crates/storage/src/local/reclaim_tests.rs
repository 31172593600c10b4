//! Space that comes back, and how fast.

use std::collections::BTreeMap;

use super::tests::{
    PLACE, blob, blob_files, blob_id, eventually, options, options_small, put, put_blob, release, segments,
};
use super::*;
use crate::conformance;

/// Numbers without end; what they are does not matter, only that they are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Bytes of blobs and log. The store's own thread may take a file away between its name's reading and its length's:
/// such a file takes no space.
fn disk_bytes(directory: &Path) -> u64 {
    let length = |path: PathBuf| match path.metadata() {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let folders = std::fs::read_dir(directory.join("blobs")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let files: u64 = files.map(|file| length(file.unwrap().path())).sum();
    files + segments(directory).into_iter().map(length).sum::<u64>()
}

/// Gives reclaim what it waits for, until it finds nothing more to do; gives the rounds that took.
async fn come_to_rest(store: &LocalStore, directory: &Path) -> u64 {
    store.trim(store.tail()).await.unwrap();
    let mut rounds = 0;
    let mut before = 0;
    while before != disk_bytes(directory) {
        before = disk_bytes(directory);
        store.checkpoint().await.unwrap();
        store.reclaim().await.unwrap();
        rounds += 1;
        assert!(rounds < 100, "reclaim comes to no rest");
    }
    rounds
}

#[tokio::test]
async fn space_of_overwritten_and_deleted_objects_and_given_up_uploads_comes_back() {
    const SIZES: [u64; 4] = [10, 4_000, 30_000, 300_000];
    const SEGMENT_BYTES: u64 = 500_000;
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.segment_bytes = SEGMENT_BYTES;
    options.memtable_bytes = 100_000;
    options.release_grace = Duration::ZERO;
    let store = LocalStore::open(directory.path(), options).unwrap();
    let mut numbers = Numbers(1);
    let mut live: BTreeMap<u64, (BlobId, u64)> = BTreeMap::new();
    let mut written = 0;
    for number in 1..1500_u64 {
        let id = BlobId::from_bytes((u128::from(number) << 64).to_be_bytes());
        let slot = numbers.below(100);
        let size = SIZES[[0, 1, 1, 1, 2, 2, 3][usize::try_from(numbers.below(7)).unwrap()]];
        let bytes = vec![slot.to_be_bytes()[7]; usize::try_from(size).unwrap()];
        let mut batch = Batch::new(PLACE);
        batch.records.push(vec![1; 500]);
        batch.released.extend(live.get(&slot).map(|(id, _)| *id));
        match numbers.below(10) {
            0 => {
                batch.delete(slot.to_be_bytes());
                live.remove(&slot);
            }
            1 => {
                drop(conformance::stage(&store, id, &bytes, false).await);
                continue;
            }
            _ => {
                batch.put(slot.to_be_bytes(), vec![2; 400]);
                batch.blobs.push(conformance::stage(&store, id, &bytes, false).await);
                live.insert(slot, (id, size));
                written += size;
            }
        }
        store.commit(batch).await.unwrap();
    }
    come_to_rest(&store, directory.path()).await;
    let living: u64 = live.values().map(|(_, size)| size).sum();
    let disk = disk_bytes(directory.path());
    assert!(written > 10 * living, "{written} bytes written, {living} live");
    // The segment that is being written does not count.
    assert!(disk <= 2 * living + SEGMENT_BYTES, "{disk} bytes on the disk for {living} live ones");
    for (slot, (id, size)) in &live {
        let bytes = BlobStore::read(&store, *id, 0..*size).await.unwrap();
        assert!(bytes.iter().all(|byte| *byte == slot.to_be_bytes()[7]) && bytes.len() as u64 == *size);
    }

    for (slot, (id, _)) in live {
        let mut batch = Batch::new(PLACE);
        batch.delete(slot.to_be_bytes());
        batch.released.push(id);
        store.commit(batch).await.unwrap();
    }
    come_to_rest(&store, directory.path()).await;
    assert_eq!(blob_files(directory.path()), 0);
    assert!(disk_bytes(directory.path()) <= SEGMENT_BYTES);
}

#[tokio::test]
async fn blobs_that_take_less_than_their_entries_move_once_and_not_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options_small();
    options.release_grace = Duration::ZERO;
    let store = LocalStore::open(directory.path(), options.clone()).unwrap();
    let id = |number: u64| BlobId::from_bytes((u128::from(number) << 64).to_be_bytes());
    for number in 0..3000_u64 {
        let mut batch = put(&number.to_be_bytes(), b"");
        batch.blobs.push(conformance::stage(&store, id(number), &[], false).await);
        batch.records.push(vec![0; 100]);
        store.commit(batch).await.unwrap();
    }
    come_to_rest(&store, directory.path()).await;
    let at_rest = store.tail();
    // A round commits one thing: that a memtable was sealed is none.
    store.checkpoint().await.unwrap();
    store.reclaim().await.unwrap();
    assert_eq!(store.tail(), at_rest, "blobs that have moved move again");
    assert!(disk_bytes(directory.path()) < 3000 * 60 + 20_000);
    drop(store);
    let store = LocalStore::open(directory.path(), options).unwrap();
    for number in 0..3000 {
        assert_eq!(BlobStore::read(&store, id(number), 0..0).await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn reclaim_keeps_its_rate_unless_somebody_waits_for_it() {
    const BYTES: usize = 200_000;
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.segment_bytes = 5_000_000;
    options.release_grace = Duration::ZERO;
    // One step copies about a MiB: the next one follows after minutes.
    options.reclaim_bytes_per_second = 10_000;
    let store = LocalStore::open(directory.path(), options).unwrap();
    for tag in 0..26 {
        put_blob(&store, tag, &vec![tag; BYTES]).await;
    }
    for tag in (0..26).filter(|tag| tag % 5 < 3) {
        release(&store, tag).await;
    }
    assert_eq!(segments(directory.path()).len(), 2);
    store.checkpoint().await.unwrap();
    store.handle.shared.chores.wake();
    let moved = || {
        let snapshot = store.shared().index.snapshot();
        let lies = |tag: &u8| rows::pointer(&snapshot, blob_id(*tag)).unwrap();
        let is_moved = |tag: &u8| matches!(lies(tag), Some(Pointer::Inline { segment, .. }) if segment > 1);
        (0..26).filter(is_moved).count()
    };
    eventually(|| moved() > 0).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(moved() as u64, limits::RELOCATE_BYTES.div_ceil(BYTES as u64));
    assert_eq!(segments(directory.path()).len(), 2);

    store.reclaim().await.unwrap();
    assert_eq!(segments(directory.path()).len(), 1);
    for tag in (0..26).filter(|tag| tag % 5 >= 3) {
        assert_eq!(blob(&store, tag).await.unwrap(), vec![tag; BYTES]);
    }
}

#[tokio::test]
async fn rows_that_are_deleted_leave_the_index_when_nothing_else_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.memtable_bytes = 200_000;
    let store = LocalStore::open(directory.path(), options).unwrap();
    let mut numbers = Numbers(2);
    let key = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    for number in 0..2_000 {
        let value: Vec<u8> = (0..500).map(|_| numbers.below(256).to_be_bytes()[7]).collect();
        store.commit(put(&key(number), &value)).await.unwrap();
    }
    store.checkpoint().await.unwrap();
    let tables = || {
        let tables = std::fs::read_dir(directory.path().join("index/tables")).unwrap();
        tables.map(|table| table.unwrap().metadata().map_or(0, |metadata| metadata.len())).sum::<u64>()
    };
    assert!(tables() > 1_000_000);
    for number in 0..1_990 {
        let mut batch = Batch::new(PLACE);
        batch.delete(key(number));
        store.commit(batch).await.unwrap();
    }
    store.checkpoint().await.unwrap();
    store.handle.shared.chores.wake();
    eventually(|| tables() < 20_000).await;
    for number in 1_990..2_000 {
        assert_eq!(store.get(PLACE, &key(number)).await.unwrap().unwrap().value.len(), 500);
    }
}
