//! The engine against the suite, and what only it has: recovery, reclaim, failing disks.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use strongroom_types::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::conformance::{self, Harness};

pub(super) fn options() -> Options {
    static MILLIS: AtomicI64 = AtomicI64::new(1_700_000_000_000);
    let mut options = Options::new(
        Arc::new(|| Timestamp::from_millis(MILLIS.fetch_add(1, Ordering::Relaxed))),
        Arc::new(|bytes| bytes.fill(7)),
    );
    options.low_water_bytes = Some(0);
    options.reserve_bytes = 1 << 20;
    options
}

struct LocalHarness {
    options: Options,
    directories: Mutex<Vec<TempDir>>,
}

#[async_trait]
impl Harness for LocalHarness {
    type Store = LocalStore;

    async fn fresh(&self) -> LocalStore {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::open(directory.path(), self.options.clone()).unwrap();
        locked(&self.directories).push(directory);
        store
    }

    async fn reopen(&self, store: LocalStore) -> LocalStore {
        let directory = store.shared().directory.clone();
        drop(store);
        LocalStore::open(directory, self.options.clone()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_engine_keeps_the_contracts() {
    conformance::all(&LocalHarness { options: options(), directories: Mutex::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_engine_keeps_the_contracts_with_tiny_segments_and_memtables() {
    let mut options = options();
    options.segment_bytes = 20_000;
    options.memtable_bytes = 10_000;
    conformance::all(&LocalHarness { options, directories: Mutex::default() }).await;
}

pub(super) fn options_small() -> Options {
    let mut small = options();
    small.segment_bytes = 20_000;
    small.memtable_bytes = 10_000;
    small
}

pub(super) const PLACE: Partition = Partition::System;

pub(super) fn put(key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new(PLACE);
    batch.put(key, value);
    batch
}

async fn value(store: &LocalStore, key: &[u8]) -> Option<Vec<u8>> {
    store.get(PLACE, key).await.unwrap().map(|row| row.value.to_vec())
}

pub(super) fn blob_id(tag: u8) -> BlobId {
    BlobId::from_bytes([tag; 16])
}

pub(super) async fn put_blob(store: &LocalStore, tag: u8, bytes: &[u8]) {
    let mut batch = put(&[b'o', tag], &[tag]);
    batch.blobs.push(conformance::stage(store, blob_id(tag), bytes, false).await);
    store.commit(batch).await.unwrap();
}

pub(super) async fn release(store: &LocalStore, tag: u8) {
    let mut batch = Batch::new(PLACE);
    batch.delete(vec![b'o', tag]);
    batch.released.push(blob_id(tag));
    store.commit(batch).await.unwrap();
}

pub(super) async fn blob(store: &LocalStore, tag: u8) -> Result<Bytes, StoreError> {
    let length = BlobStore::len(store, blob_id(tag)).await?;
    BlobStore::read(store, blob_id(tag), 0..length).await
}

pub(super) fn segments(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> =
        std::fs::read_dir(directory.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

pub(super) fn blob_files(directory: &Path) -> usize {
    let folders = std::fs::read_dir(directory.join("blobs")).unwrap();
    folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
}

/// A copy to break, while the original stays.
pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Asks until it is so; what is asked happens on another thread.
pub(super) async fn eventually(mut so: impl FnMut() -> bool) {
    let asked = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.expect("it never became so");
}

mod disk {
    //! A disk that fails on demand.

    use std::io;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::super::log::{Disk, LogDisk, LogFile};
    use super::*;

    #[derive(Default)]
    pub(in crate::local) struct Faults {
        pub(in crate::local) sync: AtomicBool,
        pub(super) write: AtomicBool,
        pub(super) truncate: AtomicBool,
        /// While it is held, syncs wait.
        pub(super) gate: Mutex<()>,
        pub(super) syncs: AtomicU64,
        /// Bytes that still fit, when not zero.
        pub(super) room: AtomicU64,
    }

    pub(super) struct FaultyDisk(pub(super) Arc<Faults>);

    struct FaultyFile(Box<dyn LogFile>, Arc<Faults>);

    impl LogDisk for FaultyDisk {
        fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
            Ok(Box::new(FaultyFile(Disk.open(path)?, self.0.clone())))
        }
    }

    fn failing(flag: &AtomicBool) -> io::Result<()> {
        if flag.load(Ordering::Relaxed) { Err(rustix::io::Errno::IO.into()) } else { Ok(()) }
    }

    impl LogFile for FaultyFile {
        fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
            failing(&self.1.write)?;
            let room = self.1.room.load(Ordering::Relaxed);
            if room != 0 && bytes.len() as u64 > room {
                self.0.write_all_at(&bytes[..usize::try_from(room).unwrap()], offset)?;
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.write_all_at(bytes, offset)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.1.syncs.fetch_add(1, Ordering::Relaxed);
            drop(locked(&self.1.gate));
            failing(&self.1.sync)?;
            self.0.sync_data()
        }

        fn set_len(&self, length: u64) -> io::Result<()> {
            failing(&self.1.truncate)?;
            self.0.set_len(length)
        }
    }
}

use disk::{Faults, FaultyDisk};

pub(super) fn open_faulty(directory: &Path, options: Options) -> (LocalStore, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let seams = open::Seams { disk: Arc::new(FaultyDisk(faults.clone())), ..open::Seams::default() };
    (open::open_with(directory, options, seams).unwrap(), faults)
}

#[tokio::test]
async fn a_failed_sync_stops_all_writes_but_reads_and_their_records_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let (store, faults) = open_faulty(directory.path(), options());
    store.commit(put(b"kept", b"1")).await.unwrap();
    let before = store.append(vec![b"before".to_vec()]).await.unwrap();
    faults.sync.store(true, Ordering::Relaxed);
    assert!(matches!(store.commit(put(b"doubtful", b"2")).await, Err(StoreError::Poisoned { .. })));
    faults.sync.store(false, Ordering::Relaxed);
    // A later sync that succeeds proves nothing: the store stays as it is.
    assert!(matches!(store.commit(put(b"refused", b"3")).await, Err(StoreError::Poisoned { .. })));
    assert!(matches!(store.health(), StoreHealth::ReadOnly(StoreError::Poisoned { .. })));
    assert_eq!(value(&store, b"kept").await.unwrap(), b"1");
    assert_eq!(value(&store, b"doubtful").await, None);
    let during = store.append(vec![b"during".to_vec(), b"too".to_vec()]).await.unwrap();
    assert_eq!(store.tail(), during);
    let seen = Journal::read(&store, Some(before), 10).await.unwrap();
    assert_eq!(seen, [(during, vec![Bytes::from("during"), Bytes::from("too")])]);
    drop(store);

    let store = LocalStore::open(directory.path(), options()).unwrap();
    assert!(matches!(store.health(), StoreHealth::Ready));
    assert_eq!(value(&store, b"kept").await.unwrap(), b"1");
    assert_eq!(value(&store, b"refused").await, None);
    let seen = Journal::read(&store, Some(before), 10).await.unwrap();
    assert_eq!(seen, [(during, vec![Bytes::from("during"), Bytes::from("too")])]);
    assert!(store.commit(put(b"after", b"4")).await.unwrap().position > during);
    drop(store);
    let store = LocalStore::open(directory.path(), options()).unwrap();
    assert_eq!(Journal::read(&store, None, 10).await.unwrap().len(), 2, "merged once");
}

#[tokio::test]
async fn records_of_a_group_whose_sync_fails_are_kept_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let (store, faults) = open_faulty(directory.path(), options());
    faults.sync.store(true, Ordering::Relaxed);
    let position = store.append(vec![b"one".to_vec()]).await.unwrap();
    assert!(matches!(store.health(), StoreHealth::ReadOnly(_)));
    drop(store);
    let store = LocalStore::open(directory.path(), options()).unwrap();
    let seen = Journal::read(&store, None, 10).await.unwrap();
    assert!(seen.contains(&(position, vec![Bytes::from("one")])), "{seen:?}");
}

#[tokio::test]
async fn records_of_a_frame_that_the_index_cannot_take_are_kept_and_shown() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.cache_bytes = 0;
    let (store, faults) = open_faulty(directory.path(), options.clone());
    put_blob(&store, 1, &[1; 100]).await;
    store.checkpoint().await.unwrap();
    let table =
        std::fs::read_dir(directory.path().join("index/tables")).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&table).unwrap();
    std::fs::write(&table, vec![0; whole.len()]).unwrap();

    // While the sync of one frame waits, a commit that needs the damaged table and records gather for the next.
    let mut gate = Some(locked(&faults.gate));
    let before = faults.syncs.load(Ordering::Relaxed);
    let mut unreadable = put(b"new", b"row");
    unreadable.released.push(blob_id(1));
    unreadable.records.push(b"released".to_vec());
    let (first, refused, kept, ()) = tokio::join!(
        store.commit(put(b"first", b"1")),
        async {
            eventually(|| faults.syncs.load(Ordering::Relaxed) > before).await;
            store.commit(unreadable).await
        },
        async {
            eventually(|| faults.syncs.load(Ordering::Relaxed) > before).await;
            store.append(vec![b"read".to_vec()]).await
        },
        async {
            eventually(|| faults.syncs.load(Ordering::Relaxed) > before).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            gate.take();
        },
    );
    // Whichever of the two came first in the frame.
    let (kept, first) = (kept.unwrap(), first.unwrap().position);
    assert!([first.0 + 1, first.0 + 2].contains(&kept.0), "{kept:?} after {first:?}");
    let (last, other) = (Position(first.0 + 2), Position(first.0 * 2 + 3 - kept.0));
    assert!(matches!(refused, Err(StoreError::Poisoned { .. })), "{refused:?}");
    assert!(matches!(store.health(), StoreHealth::ReadOnly(_)));
    assert_eq!(store.tail(), last);
    let mut records = [(other, vec![Bytes::from("released")]), (kept, vec![Bytes::from("read")])];
    records.sort();
    assert_eq!(Journal::read(&store, None, 9).await.unwrap(), records);
    let later = store.append(vec![b"later".to_vec()]).await.unwrap();
    assert_eq!(Journal::read(&store, Some(last), 9).await.unwrap(), [(later, vec![Bytes::from("later")])]);
    drop(store);

    std::fs::write(&table, whole).unwrap();
    let store = LocalStore::open(directory.path(), options).unwrap();
    assert_eq!(Journal::read(&store, None, 9).await.unwrap()[..2], records);
    assert_eq!(Journal::read(&store, None, 9).await.unwrap().len(), 3);
    assert_eq!(value(&store, b"new").await.unwrap(), b"row");
    assert!(matches!(blob(&store, 1).await, Err(StoreError::NoSuchBlob(_))));
}

#[tokio::test]
async fn when_not_even_records_can_be_kept_the_store_is_down() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.reserve_bytes = 4000;
    let (store, faults) = open_faulty(directory.path(), options);
    faults.write.store(true, Ordering::Relaxed);
    assert!(store.commit(put(b"a", b"")).await.is_err());
    store.append(vec![vec![0; 400]]).await.unwrap();
    assert!(matches!(store.health(), StoreHealth::ReadOnly(_)));
    assert!(matches!(store.append(vec![vec![0; 900]]).await, Err(StoreError::Poisoned { .. })));
    assert!(matches!(store.health(), StoreHealth::Down(_)));
}

#[tokio::test]
async fn an_append_that_finds_no_room_is_cut_off_and_the_store_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (store, faults) = open_faulty(directory.path(), options());
    store.commit(put(b"a", b"1")).await.unwrap();
    let length = std::fs::metadata(&segments(directory.path())[0]).unwrap().len();
    faults.room.store(100, Ordering::Relaxed);
    let staged = conformance::stage(&store, blob_id(1), &[1; 5000], false).await;
    let mut batch = put(b"b", &[2; 3000]);
    batch.blobs.push(staged.clone());
    assert!(matches!(store.commit(batch).await, Err(StoreError::DiskFull { .. })));
    assert_eq!(std::fs::metadata(&segments(directory.path())[0]).unwrap().len(), length);
    assert_eq!(value(&store, b"b").await, None);
    // The ballast was given back, and the emergency log kept.
    assert_eq!(std::fs::metadata(directory.path().join("reserve")).unwrap().len(), 1 << 18);
    faults.room.store(0, Ordering::Relaxed);
    let mut batch = put(b"b", b"3");
    batch.blobs.push(staged);
    store.commit(batch).await.unwrap();
    drop(store);
    let store = LocalStore::open(directory.path(), options()).unwrap();
    assert_eq!(value(&store, b"a").await.unwrap(), b"1");
    assert_eq!(blob(&store, 1).await.unwrap(), [1; 5000].as_slice());
    assert_eq!(std::fs::metadata(directory.path().join("reserve")).unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn an_append_that_can_not_be_cut_off_poisons() {
    let directory = tempfile::tempdir().unwrap();
    let (store, faults) = open_faulty(directory.path(), options());
    store.commit(put(b"a", b"1")).await.unwrap();
    faults.room.store(10, Ordering::Relaxed);
    faults.truncate.store(true, Ordering::Relaxed);
    assert!(matches!(store.commit(put(b"b", b"")).await, Err(StoreError::Poisoned { .. })));
    drop(store);
    let store = LocalStore::open(directory.path(), options()).unwrap();
    assert_eq!(value(&store, b"a").await.unwrap(), b"1");
    assert_eq!(value(&store, b"b").await, None);
}

#[tokio::test]
async fn under_the_low_water_mark_only_what_frees_space_and_records_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.low_water_bytes = Some(1000);
    let free = Arc::new(AtomicU64::new(10_000));
    let told = free.clone();
    let statvfs = Box::new(move |_: &Path| Ok((told.load(Ordering::Relaxed), 100_000)));
    let seams = open::Seams { statvfs, ..open::Seams::default() };
    let store = open::open_with(directory.path(), options, seams).unwrap();
    store.commit(put(b"a", b"1")).await.unwrap();
    free.store(999, Ordering::Relaxed);
    eventually(|| {
        matches!(store.health(), StoreHealth::ReadOnly(StoreError::DiskFull { free_bytes: 999, .. }))
    })
    .await;
    assert!(matches!(
        store.commit(put(b"b", b"2")).await,
        Err(StoreError::DiskFull { low_water_bytes: 1000, .. })
    ));
    assert!(matches!(store.stage(blob_id(1), Some(1 << 20)).await, Err(StoreError::DiskFull { .. })));
    assert_eq!(value(&store, b"a").await.unwrap(), b"1");
    store.append(vec![b"read of a".to_vec()]).await.unwrap();
    let mut records_only = Batch::new(PLACE);
    records_only.records.push(b"denied".to_vec());
    store.commit(records_only).await.unwrap();
    let mut delete = Batch::new(PLACE);
    delete.delete(b"a".as_slice());
    delete.frees_space = true;
    store.commit(delete).await.unwrap();
    free.store(5000, Ordering::Relaxed);
    eventually(|| matches!(store.health(), StoreHealth::Ready)).await;
    store.commit(put(b"b", b"2")).await.unwrap();
}

#[tokio::test]
async fn a_torn_last_frame_is_cut_off_wherever_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path(), options()).unwrap();
    store.commit(put(b"a", b"1")).await.unwrap();
    let last = segments(directory.path()).pop().unwrap();
    let before = std::fs::metadata(&last).unwrap().len();
    let mut batch = put(b"a", b"2");
    batch.records.push(b"torn".to_vec());
    batch.blobs.push(conformance::stage(&store, blob_id(1), b"bytes", false).await);
    store.commit(batch).await.unwrap();
    drop(store);
    let whole = std::fs::read(&last).unwrap();
    let cuts: Vec<u64> =
        (before..whole.len() as u64).step_by(29).chain([before, whole.len() as u64 - 1]).collect();
    for cut in cuts {
        for filler in [0, 3000] {
            let broken = tempfile::tempdir().unwrap();
            copy(directory.path(), broken.path());
            let mut bytes = whole[..usize::try_from(cut).unwrap()].to_vec();
            bytes.resize(bytes.len() + filler, 0);
            std::fs::write(broken.path().join("log").join(last.file_name().unwrap()), bytes).unwrap();
            let store = LocalStore::open(broken.path(), options()).unwrap();
            assert_eq!(value(&store, b"a").await.unwrap(), b"1", "cut at {cut}");
            assert!(Journal::read(&store, None, 9).await.unwrap().is_empty());
            assert!(matches!(blob(&store, 1).await, Err(StoreError::NoSuchBlob(_))));
            store.commit(put(b"a", b"3")).await.unwrap();
            drop(store);
            let store = LocalStore::open(broken.path(), options()).unwrap();
            assert_eq!(value(&store, b"a").await.unwrap(), b"3");
        }
    }
}

#[tokio::test]
async fn damage_before_the_end_of_the_log_is_refused_and_nothing_changed() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path(), options()).unwrap();
    for round in 0..5_u8 {
        store.commit(put(&[round], &[round; 100])).await.unwrap();
    }
    drop(store);
    let last = segments(directory.path()).pop().unwrap();
    let whole = std::fs::read(&last).unwrap();
    for at in (0..whole.len() - 300).step_by(61) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&last, &bytes).unwrap();
        let refused = LocalStore::open(directory.path(), options());
        assert!(matches!(refused, Err(OpenError::Corrupt { .. })), "bit at {at}");
        assert_eq!(std::fs::read(&last).unwrap(), bytes);
    }
    std::fs::write(&last, &whole).unwrap();
    let store = LocalStore::open(directory.path(), options()).unwrap();
    assert_eq!(value(&store, &[4]).await.unwrap(), [4; 100]);
}

#[tokio::test]
async fn a_log_that_lacks_what_the_index_holds_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path(), options_small()).unwrap();
    for tag in 0..60_u8 {
        put_blob(&store, tag, &[tag; 1000]).await;
    }
    store.checkpoint().await.unwrap();
    drop(store);
    let all = segments(directory.path());
    assert!(all.len() >= 3, "{all:?}");
    for segment in &all {
        let broken = tempfile::tempdir().unwrap();
        copy(directory.path(), broken.path());
        let place = broken.path().join("log").join(segment.file_name().unwrap());
        let bytes = std::fs::read(&place).unwrap();
        std::fs::write(&place, &bytes[..bytes.len() - 1]).unwrap();
        assert!(matches!(LocalStore::open(broken.path(), options_small()), Err(OpenError::Corrupt { .. })));
        std::fs::remove_file(&place).unwrap();
        assert!(matches!(LocalStore::open(broken.path(), options_small()), Err(OpenError::Corrupt { .. })));
    }
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path(), options()).unwrap();
    assert!(matches!(LocalStore::open(directory.path(), options()), Err(OpenError::Locked)));
    let clone = store.clone();
    drop(store);
    assert!(matches!(LocalStore::open(directory.path(), options()), Err(OpenError::Locked)));
    drop(clone);
    LocalStore::open(directory.path(), options()).unwrap();
}

#[tokio::test]
async fn formats_that_are_not_ours_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("tls")).unwrap();
    std::fs::write(directory.path().join("keys"), b"another's").unwrap();
    let store = LocalStore::open(directory.path(), options()).unwrap();
    assert_eq!(store.instance_id(), [7; 16]);
    drop(store);
    let format = directory.path().join("FORMAT");
    let ours = std::fs::read_to_string(&format).unwrap();
    for theirs in ["strongroom 2\ninstance 00\n", "", "minio\n", "strongroom 1"] {
        std::fs::write(&format, theirs).unwrap();
        assert!(LocalStore::open(directory.path(), options()).is_err(), "{theirs:?}");
    }
    std::fs::write(&format, ours.replacen("0707", "0706", 1)).unwrap();
    let rotten = LocalStore::open(directory.path(), options()).err().unwrap();
    assert!(matches!(rotten, OpenError::Corrupt { .. }), "another instance would make the log look torn");
    std::fs::write(&format, "strongroom 2\n").unwrap();
    let error = LocalStore::open(directory.path(), options()).err().unwrap();
    assert!(matches!(&error, OpenError::UnknownFormat { found, known: 1 } if found == "2"));
    std::fs::remove_file(&format).unwrap();
    assert!(matches!(LocalStore::open(directory.path(), options()), Err(OpenError::FormatMissing)));
    std::fs::write(&format, ours).unwrap();
    LocalStore::open(directory.path(), options()).unwrap();
    assert_eq!(std::fs::read(directory.path().join("keys")).unwrap(), b"another's");
}

#[tokio::test]
async fn files_are_for_our_eyes_only() {
    use std::os::unix::fs::PermissionsExt;
    fn check(path: &Path, inside_index: bool) {
        for entry in std::fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let directory = entry.file_type().unwrap().is_dir();
            // The index's own files take the process's umask; their directory lets nobody in. They also come and go.
            if !inside_index {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                assert_eq!(mode, if directory { 0o700 } else { 0o600 }, "{}", entry.path().display());
            }
            if directory {
                check(&entry.path(), inside_index || entry.file_name() == "index");
            }
        }
    }
    let parent = tempfile::tempdir().unwrap();
    let store = LocalStore::open(parent.path().join("data"), options()).unwrap();
    put_blob(&store, 1, &vec![1; 400_000]).await;
    put_blob(&store, 2, &[1; 40]).await;
    store.checkpoint().await.unwrap();
    check(parent.path(), false);
}

#[tokio::test]
async fn segments_that_nobody_needs_go_and_live_blobs_move_out_of_dying_ones() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options_small();
    options.release_grace = Duration::ZERO;
    let store = LocalStore::open(directory.path(), options.clone()).unwrap();
    for tag in 0..200_u8 {
        put_blob(&store, tag, &[tag; 900]).await;
        store.append(vec![vec![tag; 10]]).await.unwrap();
    }
    let before = segments(directory.path()).len();
    assert!(before > 8);
    // Most blobs die; as long as the records are kept, no segment goes.
    for tag in (0..200_u8).filter(|tag| tag % 10 != 0) {
        release(&store, tag).await;
    }
    store.checkpoint().await.unwrap();
    store.reclaim().await.unwrap();
    assert!(segments(directory.path()).len() >= before);
    let read = Journal::read(&store, None, 1000).await.unwrap();
    assert_eq!(read.len(), 200);
    store.trim(store.tail()).await.unwrap();
    for _ in 0..6 {
        store.checkpoint().await.unwrap();
        store.reclaim().await.unwrap();
    }
    let left = segments(directory.path()).len();
    assert!(left <= before / 2, "{left} segments of {before} are left");
    for tag in 0..200_u8 {
        assert_eq!(blob(&store, tag).await.is_ok(), tag % 10 == 0, "blob {tag}");
    }
    drop(store);
    let store = LocalStore::open(directory.path(), options).unwrap();
    for tag in (0..200_u8).step_by(10) {
        assert_eq!(blob(&store, tag).await.unwrap(), [tag; 900].as_slice());
    }
    store.commit(put(b"still", b"writes")).await.unwrap();
}

#[tokio::test]
async fn what_is_to_be_replayed_is_bounded_even_when_it_has_few_rows() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.replay_bytes = 100_000;
    let store = LocalStore::open(directory.path(), options).unwrap();
    put_blob(&store, 1, &vec![1; 99_000]).await;
    assert_eq!(store.shared().flush.flushed_frame(), 0);
    put_blob(&store, 2, &vec![2; 99_000]).await;
    eventually(|| store.shared().flush.flushed_frame() == 2).await;
    put_blob(&store, 3, &[3; 100]).await;
    assert_eq!(store.shared().flush.flushed_frame(), 2);
}

#[tokio::test]
async fn a_file_goes_after_its_release_but_not_under_its_reader() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.release_grace = Duration::from_mins(10);
    let store = LocalStore::open(directory.path(), options.clone()).unwrap();
    put_blob(&store, 1, &vec![1; 400_000]).await;
    assert_eq!(blob_files(directory.path()), 1);
    release(&store, 1).await;
    store.reclaim().await.unwrap();
    assert_eq!(blob(&store, 1).await.unwrap().len(), 400_000, "a download that has begun can end");
    assert!(store.blob_ids(None, 10).unwrap().is_empty());
    drop(store);
    assert_eq!(blob_files(directory.path()), 0);

    options.release_grace = Duration::ZERO;
    let store = LocalStore::open(directory.path(), options).unwrap();
    put_blob(&store, 2, &vec![1; 400_000]).await;
    release(&store, 2).await;
    store.reclaim().await.unwrap();
    assert_eq!(blob_files(directory.path()), 0);
    assert!(matches!(blob(&store, 2).await, Err(StoreError::NoSuchBlob(_))));
}

#[tokio::test]
async fn files_without_a_commit_go() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path(), options()).unwrap();
    put_blob(&store, 1, &vec![1; 300_000]).await;
    drop(conformance::stage(&store, blob_id(2), &vec![2; 300_000], false).await);
    let mut writer = store.stage(blob_id(3), Some(1 << 20)).await.unwrap();
    writer.write(Bytes::from(vec![3; 2 << 20])).await.unwrap();
    drop(writer);
    eventually(|| blob_files(directory.path()) == 1).await;
    drop(store);
    let orphan = directory.path().join("blobs/05").join(blob_id(5).to_string());
    std::fs::write(&orphan, b"left by a crash").unwrap();
    let store = LocalStore::open(directory.path(), options()).unwrap();
    eventually(|| !orphan.exists()).await;
    assert_eq!(blob(&store, 1).await.unwrap().len(), 300_000);
}

#[tokio::test]
async fn what_a_kill_left_beside_the_index_goes_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path(), options()).unwrap();
    store.commit(put(b"a", b"1")).await.unwrap();
    drop(store);
    let index = directory.path().join("index");
    let foreign =
        [(".tmpAb3dE", 25), (".tmpAb3dE.", 25), (".tmpBb3dE9", 26), ("tmpAb3dE9", 25), (".tmpAb3dE9x", 0)];
    for (name, length) in foreign {
        std::fs::write(index.join(name), vec![1; length]).unwrap();
    }
    let left = [(".tmpaaaaaa", 25), (".tmp0Zz9Aa", 0)];
    for (name, length) in left {
        std::fs::write(index.join(name), vec![1; length]).unwrap();
    }
    std::fs::create_dir(index.join(".tmpFolder")).unwrap();
    drop(LocalStore::open_to_look(directory.path(), options()).unwrap());
    assert!(left.iter().all(|(name, _)| index.join(name).exists()), "who looks removes nothing");
    let store = LocalStore::open(directory.path(), options()).unwrap();
    assert!(left.iter().all(|(name, _)| !index.join(name).exists()));
    assert!(foreign.iter().all(|(name, _)| index.join(name).exists()) && index.join(".tmpFolder").exists());
    assert_eq!(value(&store, b"a").await.unwrap(), b"1");
}

#[tokio::test]
async fn turning_the_wall_clock_back_turns_nothing_back() {
    let directory = tempfile::tempdir().unwrap();
    let hour = 3_600_000;
    let wall = Arc::new(AtomicI64::new(10 * hour));
    let mut options = options();
    let read = wall.clone();
    options.wall_clock = Arc::new(move || Timestamp::from_millis(read.load(Ordering::Relaxed)));
    let store = LocalStore::open(directory.path(), options.clone()).unwrap();
    store.commit(put(b"a", b"")).await.unwrap();
    assert_eq!(store.now(), Timestamp::from_millis(10 * hour + 1));
    assert_eq!(store.lag(), None);
    drop(store);
    wall.store(9 * hour, Ordering::Relaxed);
    let store = LocalStore::open(directory.path(), options).unwrap();
    assert_eq!(store.now(), Timestamp::from_millis(10 * hour + 1));
    assert_eq!(store.lag(), Some(Duration::from_hours(1)));
    store.commit(put(b"a", b"")).await.unwrap();
    assert_eq!(store.now(), Timestamp::from_millis(10 * hour + 2));
    wall.store(11 * hour, Ordering::Relaxed);
    assert_eq!(store.now(), Timestamp::from_millis(11 * hour));
    assert_eq!(store.lag(), None);
}

#[tokio::test]
async fn a_verifier_finds_what_is_wrong_and_nothing_else() {
    use crate::verify::{Finding, Verifier};
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path(), options_small()).unwrap();
    for tag in 0..60_u8 {
        put_blob(&store, tag, &vec![tag; if tag % 20 == 0 { 300_000 } else { 800 }]).await;
    }
    assert_eq!(store.partitions().unwrap(), [PLACE]);
    let pages: Vec<_> = [None, Some(blob_id(29))]
        .into_iter()
        .flat_map(|after| store.blob_ids(after, 30).unwrap())
        .map(|info| info.id)
        .collect();
    assert_eq!(pages, (0..60).map(blob_id).collect::<Vec<_>>());
    store.checkpoint().await.unwrap();
    drop(store);
    let look = |directory: &Path| {
        let verifier = Verifier::open(directory, options_small()).unwrap();
        let (mut found, mut done) = (Vec::new(), 0);
        let looked = verifier.run(|bytes| done += bytes, |finding| found.push(finding)).unwrap();
        assert_eq!(done, verifier.log_bytes().unwrap());
        (looked, found)
    };
    let (looked, found) = look(directory.path());
    assert_eq!(found, []);
    assert_eq!((looked.blobs, looked.blob_bytes, looked.frames), (60, 3 * 300_000 + 57 * 800, 60));
    assert!(looked.rows >= 120);

    let orphan = PathBuf::from("blobs/aa").join(blob_id(0xaa).to_string());
    std::fs::write(directory.path().join(&orphan), b"x").unwrap();
    std::fs::remove_file(directory.path().join("blobs/14").join(blob_id(20).to_string())).unwrap();
    std::fs::write(directory.path().join("blobs/28").join(blob_id(40).to_string()), b"short").unwrap();
    let first = &segments(directory.path())[0];
    let mut bytes = std::fs::read(first).unwrap();
    bytes[500] ^= 1;
    std::fs::write(first, bytes).unwrap();
    let (_, found) = look(directory.path());
    let missing = |tag| Finding::BlobMissing { id: blob_id(tag), sealed_bytes: 300_000 };
    assert!(matches!(found[0], Finding::Frame { segment: 1, .. }), "{found:?}");
    assert_eq!(found[1..], [missing(20), missing(40), Finding::Orphan { path: orphan }]);
}
