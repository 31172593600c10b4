//! Backups of a store that is written to, and what becomes of them.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use strongroom_types::BlobId;

use super::*;
use crate::conformance::stage;
use crate::contract::{
    Batch, BlobStore, Direction, Journal, MetaStore, Partition, StoreClock as _, prefix_range,
};
use crate::local::Options;
use crate::verify::Verifier;

fn options() -> Options {
    static MILLIS: AtomicI64 = AtomicI64::new(1_700_000_000_000);
    let mut options = Options::new(
        Arc::new(|| Timestamp::from_millis(MILLIS.fetch_add(1, Ordering::Relaxed))),
        Arc::new(|bytes| bytes.fill(7)),
    );
    options.low_water_bytes = Some(0);
    options.reserve_bytes = 1 << 16;
    options.segment_bytes = 60_000;
    options.memtable_bytes = 30_000;
    options.inline_bytes = 4000;
    options.release_grace = Duration::ZERO;
    options
}

const PLACE: Partition = Partition::Names;

#[expect(clippy::unnecessary_wraps, reason = "it stands for what may fail")]
fn nothing(_: Position) -> io::Result<(Vec<PathBuf>, ())> {
    Ok((Vec::new(), ()))
}

/// Everything that a store holds, as text to compare.
async fn contents(store: &LocalStore) -> Vec<String> {
    let rows = store.scan(PLACE, prefix_range(b""), 100_000, Direction::Forward).await.unwrap();
    let mut all: Vec<_> = rows.iter().map(|entry| format!("{entry:?}")).collect();
    for info in store.blob_ids(None, 100_000).unwrap() {
        let bytes = BlobStore::read(store, info.id, 0..info.sealed_bytes).await.unwrap();
        all.push(format!("{info:?} {:08x}", crc32c::crc32c(&bytes)));
    }
    all.push(format!("{:?}", Journal::read(store, None, 100_000).await.unwrap()));
    all
}

fn verify(directory: &Path) {
    let verifier = Verifier::open(directory, options()).unwrap();
    let mut findings = Vec::new();
    verifier.run(|_| {}, |finding| findings.push(finding)).unwrap();
    assert_eq!(findings, []);
}

/// Every file below, with its checksum.
fn sums(directory: &Path) -> BTreeMap<PathBuf, (u32, u32)> {
    let mut found = BTreeMap::new();
    tree::walk(directory, &mut |relative, _| {
        let path = directory.join(relative);
        let sum = crc32c::crc32c(&std::fs::read(&path).unwrap());
        found.insert(relative.to_owned(), (sum, path.metadata().unwrap().mode() & 0o7777));
        Ok(())
    })
    .unwrap();
    found
}

/// A writer of pairs: each commit sets two rows, names a blob (of a file of its own, or none), releases the one before, and
/// has a record.
struct Writer {
    store: LocalStore,
    task: u8,
    /// The last number acknowledged.
    acknowledged: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

fn blob_of(task: u8, number: u64) -> BlobId {
    BlobId::from_bytes(
        (u128::from(number) << 120 | u128::from(task) << 112 | u128::from(number)).to_be_bytes(),
    )
}

impl Writer {
    async fn run(self) -> Vec<(u64, u64)> {
        let mut positions = Vec::new();
        for number in 1.. {
            if self.ended.load(Ordering::Relaxed) {
                break;
            }
            let size = if number % 3 == 0 { 9000 } else { 700 };
            let staged = stage(&self.store, blob_of(self.task, number), &vec![self.task; size], true).await;
            let mut batch = Batch::new(PLACE);
            batch.put([self.task, 0], number.to_be_bytes()).put([self.task, 1], number.to_be_bytes());
            batch.blobs.push(staged);
            if number > 1 {
                batch.released.push(blob_of(self.task, number - 1));
            }
            batch.records.push([&[self.task][..], &number.to_be_bytes()].concat());
            positions.push((number, self.store.commit(batch).await.unwrap().position.0));
            self.acknowledged.store(number, Ordering::Release);
        }
        positions
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_taken_under_load_holds_all_commits_up_to_one_instant_and_none_behind_it() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let store = LocalStore::open(&data, options()).unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let acknowledged: Vec<_> = (0..4).map(|_| Arc::new(AtomicU64::new(0))).collect();
    let writers: Vec<_> = (0..4_u8)
        .map(|task| {
            let (acknowledged, ended) = (acknowledged[usize::from(task)].clone(), ended.clone());
            tokio::spawn(Writer { store: store.clone(), task, acknowledged, ended }.run())
        })
        .collect();
    let mut taken = Vec::new();
    for number in 0..6 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        // What the archiver would do, so that segments go.
        store.trim(Position(store.tail().0 / 2)).await.unwrap();
        let before: Vec<u64> = acknowledged.iter().map(|number| number.load(Ordering::Acquire)).collect();
        let (to, taker) = (home.path().join(format!("backup-{number}")), store.clone());
        let from = to.clone();
        let backup = tokio::task::spawn_blocking(move || taker.backup(&to, nothing, &Progress::default()));
        taken.push((from, before, backup.await.unwrap().unwrap()));
    }
    ended.store(true, Ordering::Relaxed);
    let mut committed = BTreeMap::new();
    for (task, writer) in writers.into_iter().enumerate() {
        committed.insert(u8::try_from(task).unwrap(), writer.await.unwrap());
    }
    store.checkpoint().await.unwrap();
    store.reclaim().await.unwrap();
    drop(store);

    for (from, before, backup) in taken {
        let to = from.with_extension("restored");
        assert_eq!(restore(&from, &to, &Progress::default()).unwrap(), backup);
        let restored = LocalStore::open(&to, options()).unwrap();
        assert_eq!(restored.tail(), backup.position);
        for (task, positions) in &committed {
            let held = positions.iter().take_while(|(_, position)| *position <= backup.position.0).last();
            let number = held.map_or(0, |(number, _)| *number);
            assert!(number >= before[usize::from(*task)], "an acknowledged commit is missing");
            for half in 0..2 {
                let row = restored.get(PLACE, &[*task, half]).await.unwrap();
                let found = row.map_or(0, |row| u64::from_be_bytes(row.value[..].try_into().unwrap()));
                assert_eq!(found, number, "task {task}, row {half}");
            }
            if number > 0 {
                let length = BlobStore::len(&restored, blob_of(*task, number)).await.unwrap();
                let bytes = BlobStore::read(&restored, blob_of(*task, number), 0..length).await.unwrap();
                assert!(bytes.iter().all(|byte| byte == task));
            }
        }
        let last =
            Journal::read(&restored, None, 100_000).await.unwrap().last().map(|(position, _)| *position);
        assert!(last <= Some(backup.position));
        drop(restored);
        verify(&to);
        std::fs::remove_dir_all(&to).unwrap();
    }
}

#[tokio::test]
async fn nothing_that_the_store_does_later_changes_a_backup() {
    let home = tempfile::tempdir().unwrap();
    let (data, to) = (home.path().join("data"), home.path().join("backup"));
    let mut store = LocalStore::open(&data, options()).unwrap();
    for round in 0..40_u8 {
        let mut batch = Batch::new(PLACE);
        batch.put([round % 20], vec![round; 900]);
        batch
            .blobs
            .push(stage(&store, blob_of(round, 1), &vec![round; 300 * usize::from(round)], true).await);
        if round >= 20 {
            batch.released.push(blob_of(round - 20, 1));
        }
        batch.records.push(vec![round; 40]);
        store.commit(batch).await.unwrap();
        if round == 30 {
            let store = store.clone();
            let to = to.clone();
            let taken = tokio::task::spawn_blocking(move || store.backup(&to, nothing, &Progress::default()));
            taken.await.unwrap().unwrap();
        }
    }
    let before = sums(&to);
    assert!(before.keys().any(|path| path.starts_with("blobs")) && before.len() > 8, "{before:?}");
    for round in 0..60_u8 {
        let mut batch = Batch::new(PLACE);
        batch.put([round % 20], vec![!round; 900]);
        store.commit(batch).await.unwrap();
        if round % 20 == 7 {
            store.trim(store.tail()).await.unwrap();
            store.checkpoint().await.unwrap();
            store.reclaim().await.unwrap();
            drop(store);
            store = LocalStore::open(&data, options()).unwrap();
        }
    }
    for round in 20..40 {
        let mut batch = Batch::new(PLACE);
        batch.delete([round % 20]);
        batch.released.push(blob_of(round, 1));
        store.commit(batch).await.unwrap();
    }
    store.reclaim().await.unwrap();
    drop(store);
    assert_eq!(sums(&to), before);
    let restored = home.path().join("restored");
    restore(&to, &restored, &Progress::default()).unwrap();
    verify(&restored);
}

#[tokio::test]
async fn a_backup_on_another_file_system_is_a_copy() {
    let home = tempfile::tempdir().unwrap();
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else { return };
    let data = home.path().join("data");
    let store = LocalStore::open(&data, options()).unwrap();
    for (number, size) in [(1, 100), (2, 50_000), (3, 4_000_000)] {
        let mut batch = Batch::new(PLACE);
        batch.put([number], []);
        let staged = stage(&store, blob_of(number, 1), &vec![number; size], true).await;
        batch.blobs.push(staged);
        store.commit(batch).await.unwrap();
    }
    std::fs::write(data.join("keys"), "sealed keys").unwrap();
    std::fs::create_dir(data.join("archive")).unwrap();
    std::fs::write(data.join("archive/1.chunk"), "records").unwrap();
    let to = other.path().join("backup");
    let further = |_| Ok((vec![PathBuf::from("keys"), PathBuf::from("archive/1.chunk")], ()));
    let progress = Arc::new(Progress::default());
    let (taker, place, watched) = (store.clone(), to.clone(), progress.clone());
    let taken = tokio::task::spawn_blocking(move || taker.backup(&place, further, &watched));
    let backup = taken.await.unwrap().unwrap();
    assert!(backup.bytes > 4_050_000);
    assert_eq!(progress.look().phase, Phase::Ending);
    assert!(!data.join(STAGING).exists());
    assert_eq!(std::fs::read_to_string(to.join("archive/1.chunk")).unwrap(), "records");
    for path in sums(&to).keys() {
        assert_eq!(to.join(path).metadata().unwrap().nlink(), 1);
        assert_eq!(to.join(path).metadata().unwrap().mode() & 0o777, 0o600, "{}", path.display());
    }
    let held = contents(&store).await;
    drop(store);
    let restored = home.path().join("restored");
    restore(&to, &restored, &Progress::default()).unwrap();
    assert_eq!(contents(&LocalStore::open(&restored, options()).unwrap()).await, held);
    verify(&restored);
}

#[test]
fn a_backup_that_was_interrupted_is_known_as_such_and_nothing_takes_it_for_more() {
    let home = tempfile::tempdir().unwrap();
    let (data, to) = (home.path().join("data"), home.path().join("backup"));
    let store = LocalStore::open(&data, options()).unwrap();
    let progress = Progress::default();
    progress.stop();
    assert!(matches!(store.backup(&to, nothing, &progress), Err(BackupError::Stopped)));
    let again = store.backup(&to, nothing, &Progress::default());
    assert!(matches!(again, Err(BackupError::Place(PlaceError::Unfinished))), "{again:?}");
    let restored = restore(&to, &home.path().join("restored"), &Progress::default());
    assert!(matches!(restored, Err(RestoreError::Unfinished(_))), "{restored:?}");
    assert!(!home.path().join("restored").exists());
    assert!(matches!(LocalStore::open(&to, options()), Err(crate::local::OpenError::Backup)));

    let failing = |_| Err::<(Vec<PathBuf>, ()), _>(io::ErrorKind::PermissionDenied.into());
    let to = home.path().join("another");
    assert!(matches!(store.backup(&to, failing, &Progress::default()), Err(BackupError::Io { .. })));
    assert!(matches!(Marked::read(&to), Ok(Marked::Unfinished)));
    std::fs::remove_dir_all(&to).unwrap();
    store.backup(&to, nothing, &Progress::default()).unwrap();
    assert!(matches!(LocalStore::open(&to, options()), Err(crate::local::OpenError::Backup)));
}

#[test]
fn what_an_interrupted_backup_left_in_the_data_directory_goes_at_the_next_start() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join(STAGING).join("log")).unwrap();
    std::fs::write(home.path().join(STAGING).join("log/x"), "x").unwrap();
    let store = LocalStore::open(home.path(), options()).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while home.path().join(STAGING).exists() {
        assert!(std::time::Instant::now() < deadline, "it stays");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(store);
}

#[test]
fn one_backup_is_taken_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let store = LocalStore::open(home.path().join("data"), options()).unwrap();
    let second = |_| {
        let second = store.backup(&home.path().join("second"), nothing, &Progress::default());
        assert!(matches!(second, Err(BackupError::Running)));
        nothing(Position(0))
    };
    store.backup(&home.path().join("first"), second, &Progress::default()).unwrap();
    assert!(!home.path().join("second").exists());
}

#[test]
fn a_place_that_is_not_fit_for_a_backup_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let data = path("data");
    drop(LocalStore::open(&data, options()).unwrap());
    std::fs::write(path("file"), "").unwrap();
    std::fs::create_dir(path("full")).unwrap();
    std::fs::write(path("full/x"), "").unwrap();
    std::fs::create_dir(path("empty")).unwrap();
    std::os::unix::fs::symlink(&data, path("link")).unwrap();
    std::os::unix::fs::symlink(path("empty"), path("link-to-empty")).unwrap();
    std::fs::create_dir(path("open")).unwrap();
    std::fs::set_permissions(path("open"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let said = |place: PathBuf| check_place(&data, &place).map_err(|error| error.to_string());
    for (place, words) in [
        (PathBuf::from("relative"), "absolute"),
        (PathBuf::from("/"), "absolute"),
        (path("x/../y"), "absolute"),
        (path("none/there"), "does not exist"),
        (path("file/below"), "make it first"),
        (data.clone(), "inside the data directory"),
        (data.join("blobs/backup"), "inside the data directory"),
        (path("link/backup"), "inside the data directory"),
        (path("file"), "a file or a link"),
        (path("link"), "a file or a link"),
        (path("link-to-empty"), "a file or a link"),
        (path("full"), "not empty"),
        (path("open"), "others may write"),
    ] {
        let error = said(place.clone()).unwrap_err();
        assert!(error.contains(words), "{}: {error}", place.display());
    }
    assert_eq!(said(path("empty")).unwrap(), home.path().canonicalize().unwrap().join("empty"));
    assert!(said(path("new")).is_ok());
    assert!(!path("new").exists());
}

#[test]
fn only_a_whole_backup_is_restored_and_only_into_an_empty_directory() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let store = LocalStore::open(path("data"), options()).unwrap();
    store.backup(&path("backup"), nothing, &Progress::default()).unwrap();
    drop(store);
    let said = |to: &Path| restore(&path("backup"), to, &Progress::default()).unwrap_err().to_string();

    assert!(said(&path("data")).contains("never writes over"));
    assert!(said(&path("backup/inside")).contains("inside the backup"));
    assert!(
        restore(&path("data"), &path("new"), &Progress::default())
            .unwrap_err()
            .to_string()
            .contains("not a backup")
    );

    let marker = std::fs::read_to_string(path("backup/BACKUP")).unwrap();
    std::fs::write(path("backup/BACKUP"), marker.replace("backup 1", "backup 9")).unwrap();
    assert!(said(&path("new")).contains("format 9"));
    std::fs::write(path("backup/BACKUP"), marker.replace("files", "flies")).unwrap();
    assert!(said(&path("new")).contains("not what was written"));
    std::fs::write(path("backup/BACKUP"), &marker).unwrap();

    let current = std::fs::read(path("backup/index/current")).unwrap();
    std::fs::remove_file(path("backup/index/current")).unwrap();
    assert!(said(&path("new")).contains("not whole"));
    std::os::unix::fs::symlink("/etc/passwd", path("backup/index/current")).unwrap();
    assert!(said(&path("new")).contains("neither a file nor a folder"));
    std::fs::remove_file(path("backup/index/current")).unwrap();
    std::fs::write(path("backup/index/current"), &current[1..]).unwrap();
    assert!(said(&path("new")).contains("not whole"));
    assert!(!path("new").exists());

    std::fs::write(path("backup/index/current"), current).unwrap();
    std::fs::create_dir(path("new")).unwrap();
    restore(&path("backup"), &path("new"), &Progress::default()).unwrap();
    verify(&path("new"));
}

#[test]
fn a_restore_that_was_cut_short_is_not_opened() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let store = LocalStore::open(path("data"), options()).unwrap();
    store.backup(&path("backup"), nothing, &Progress::default()).unwrap();
    let progress = Progress::default();
    progress.stop();
    assert!(restore(&path("backup"), &path("new"), &progress).is_err());
    assert!(!path("new/FORMAT").exists());
    // FORMAT comes last: whatever was made before it is not taken for a data directory.
    std::fs::create_dir_all(path("new/log")).unwrap();
    assert!(matches!(LocalStore::open(path("new"), options()), Err(crate::local::OpenError::FormatMissing)));
}

#[tokio::test]
async fn a_restored_store_goes_on_where_the_backup_was_taken() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let store = LocalStore::open(path("data"), options()).unwrap();
    let mut batch = Batch::new(PLACE);
    batch.put(*b"a", *b"1");
    let first = store.commit(batch).await.unwrap().position;
    let (taker, to) = (store.clone(), path("backup"));
    let backup = tokio::task::spawn_blocking(move || taker.backup(&to, nothing, &Progress::default()));
    let backup = backup.await.unwrap().unwrap();
    assert_eq!(backup.position, first);
    assert!(backup.instant <= store.now());
    let held = contents(&store).await;
    drop(store);
    restore(&path("backup"), &path("new"), &Progress::default()).unwrap();
    let restored = LocalStore::open(path("new"), options()).unwrap();
    assert_eq!(restored.instance_id(), backup.instance_id);
    assert_eq!(contents(&restored).await, held);
    let mut batch = Batch::new(PLACE);
    batch.put(*b"b", *b"2");
    assert!(restored.commit(batch).await.unwrap().position > first);
    drop(restored);
    let again = LocalStore::open(path("new"), options()).unwrap();
    assert_eq!(again.get(PLACE, b"b").await.unwrap().unwrap().value, &b"2"[..]);
}
