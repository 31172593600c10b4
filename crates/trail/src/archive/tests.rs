use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use strongroom_record::{Continued, Effect, Glance, Record, encode};

use super::*;
use crate::cursor::Cursor;
use crate::testing::{AT_ONCE, Store, request};

fn ids(records: &[(Position, Record)]) -> Vec<String> {
    let mut ids: Vec<String> = records
        .iter()
        .filter_map(|(_, record)| Glance::of_record(record).request_id.map(str::to_owned))
        .collect();
    ids.dedup();
    ids
}

fn id(n: u64) -> String {
    format!("{n:016X}")
}

fn chunk_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(dir.join("archive")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

async fn all(cursor: &mut Cursor) -> Vec<(Position, Record)> {
    let mut records = Vec::new();
    loop {
        let more = cursor.next(3).await.unwrap();
        if more.is_empty() {
            return records;
        }
        records.extend(more);
    }
}

#[tokio::test]
async fn a_cursor_reads_archive_and_journal_as_one() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    let mut archiver = store.archiver(&archive, AT_ONCE);
    for n in 0..3 {
        store.record(2 * n).await;
        store.record(2 * n + 1).await;
        archiver.step().await.unwrap();
    }
    store.record(6).await;
    assert_eq!(chunk_files(dir.path()).len(), 3);
    assert_eq!(Journal::read(&store, None, 10).await.unwrap().len(), 1, "the rest was trimmed");
    let mut cursor = Cursor::open(&archive, "reader").await.unwrap();
    let records = all(&mut cursor).await;
    assert_eq!(ids(&records), (0..7).map(id).collect::<Vec<_>>());
    assert_eq!(records.len(), 14);
}

#[tokio::test]
async fn what_was_not_committed_comes_again() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    for n in 0..6 {
        store.record(n).await;
    }
    let mut cursor = Cursor::open(&archive, "reader").await.unwrap();
    let first = cursor.next(4).await.unwrap();
    assert_eq!(ids(&first), [id(0), id(1)]);
    cursor.commit(first.last().unwrap().0).await.unwrap();
    assert_eq!(ids(&cursor.next(4).await.unwrap()), [id(2), id(3)]);
    let mut again = Cursor::open(&archive, "reader").await.unwrap();
    assert_eq!(ids(&all(&mut again).await), (2..6).map(id).collect::<Vec<_>>());
}

#[tokio::test]
async fn idle_readers_and_an_idle_archiver_change_nothing() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    let mut archiver = store.archiver(&archive, AT_ONCE);
    store.record(1).await;
    let mut cursor = Cursor::open(&archive, "reader").await.unwrap();
    let mut other = Cursor::open(&archive, "other").await.unwrap();
    for _ in 0..3 {
        archiver.step().await.unwrap();
        for cursor in [&mut cursor, &mut other] {
            all(cursor).await;
            cursor.commit(cursor.read_to()).await.unwrap();
        }
    }
    let tail = store.tail();
    for _ in 0..50 {
        store.pass_time(60_000);
        archiver.step().await.unwrap();
        for cursor in [&mut cursor, &mut other] {
            all(cursor).await;
            cursor.commit(cursor.read_to()).await.unwrap();
        }
    }
    assert_eq!(store.tail(), tail);
}

#[tokio::test]
async fn records_are_found_by_request_object_bucket_and_time() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    let mut archiver = store.archiver(&archive, AT_ONCE);
    let began = store.now.load(std::sync::atomic::Ordering::Acquire);
    for n in 0..10 {
        store.record(n).await;
        store.pass_time(1000);
        if n % 3 == 2 {
            archiver.step().await.unwrap();
        }
    }
    let find = async |query: Query| ids(&archive.find(&query, None, 100).await.unwrap());
    let any = Query::default();
    assert_eq!(find(Query { request_id: Some(id(4)), ..any.clone() }).await, [id(4)]);
    assert_eq!(find(Query { request_id: Some(id(9)), ..any.clone() }).await, [id(9)], "in the journal");
    assert_eq!(find(Query { request_id: Some(id(99)), ..any.clone() }).await, Vec::<String>::new());
    let object = Query { bucket: Some("photos".into()), key: Some("key-5".into()), ..any.clone() };
    assert_eq!(find(object).await, [id(5)]);
    assert_eq!(find(Query { bucket: Some("photos".into()), ..any.clone() }).await.len(), 10);
    assert_eq!(find(Query { bucket: Some("other".into()), ..any.clone() }).await, Vec::<String>::new());
    let between = Query {
        from: Some(strongroom_types::Timestamp::from_millis(began + 3000)),
        to: Some(strongroom_types::Timestamp::from_millis(began + 7500)),
        ..any
    };
    assert_eq!(find(between).await, (3..8).map(id).collect::<Vec<_>>());
}

#[tokio::test]
async fn look_ups_go_on_page_by_page() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    let mut archiver = store.archiver(&archive, AT_ONCE);
    for n in 0..9 {
        store.record(n).await;
        if n == 5 {
            archiver.step().await.unwrap();
        }
    }
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let page = archive.find(&Query::default(), after, 2).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        found.extend(page);
    }
    assert_eq!(ids(&found), (0..9).map(id).collect::<Vec<_>>());
}

#[tokio::test]
async fn keys_of_a_continuation_are_found_under_the_bucket_of_its_request() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    let continuation = Record::Continued(Continued {
        request_id: id(1),
        effects: vec![Effect { key: Some("late".into()), ..Effect::default() }],
    });
    let [decided, completed] = request(1, 0);
    for record in [decided, continuation.clone(), completed] {
        store.inner.append(vec![encode(&record)]).await.unwrap();
    }
    let query =
        |bucket: &str| Query { bucket: Some(bucket.into()), key: Some("late".into()), ..Query::default() };
    for archived in [false, true] {
        if archived {
            store.archiver(&archive, AT_ONCE).step().await.unwrap();
        }
        let found = archive.find(&query("photos"), None, 10).await.unwrap();
        assert_eq!(found.iter().map(|(_, record)| record).collect::<Vec<_>>(), [&continuation]);
        assert_eq!(archive.find(&query("other"), None, 10).await.unwrap(), []);
    }
}

#[tokio::test]
async fn chunks_wait_for_age_or_size() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    let settings = ArchiveSettings { chunk_age: Duration::from_mins(5), chunk_bytes: 20_000, ..AT_ONCE };
    let mut archiver = store.archiver(&archive, settings);
    store.record(1).await;
    archiver.step().await.unwrap();
    store.pass_time(299_000);
    archiver.step().await.unwrap();
    assert_eq!(chunk_files(dir.path()).len(), 0);
    store.pass_time(2_000);
    archiver.step().await.unwrap();
    assert_eq!(chunk_files(dir.path()).len(), 1);
    for n in 2..400 {
        store.record(n).await;
    }
    archiver.step().await.unwrap();
    assert!(chunk_files(dir.path()).len() >= 2, "full before its time");
}

#[tokio::test]
async fn retention_removes_what_is_past_its_time() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    let settings = ArchiveSettings { keep: Duration::from_hours(1), ..AT_ONCE };
    let mut archiver = store.archiver(&archive, settings);
    for n in 0..3 {
        store.record(n).await;
        archiver.step().await.unwrap();
        store.pass_time(1_200_000);
    }
    assert_eq!(chunk_files(dir.path()).len(), 3);
    store.pass_time(100_000);
    store.record(3).await;
    archiver.step().await.unwrap();
    assert_eq!(chunk_files(dir.path()).len(), 3, "one went, one came");
    let mut cursor = Cursor::open(&archive, "reader").await.unwrap();
    assert_eq!(ids(&all(&mut cursor).await), [id(1), id(2), id(3)]);
}

#[tokio::test]
async fn a_reader_that_retention_overtakes_is_recorded_before_anything_goes() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    let mut slow = Cursor::open(&archive, "slow").await.unwrap();
    let mut quick = Cursor::open(&archive, "quick").await.unwrap();
    let mut archiver = store.archiver(&archive, ArchiveSettings { max_bytes: Some(1), ..AT_ONCE });
    for n in 0..2 {
        store.record(n).await;
        all(&mut quick).await;
        quick.commit(quick.read_to()).await.unwrap();
        archiver.step().await.unwrap();
    }
    assert_eq!(chunk_files(dir.path()).len(), 1, "the second chunk; the notice is in the journal");
    let records = all(&mut slow).await;
    let notices: Vec<_> = records
        .iter()
        .filter_map(|(_, record)| match record {
            Record::Decided(decided) if decided.operation == "RemoveUndeliveredRecords" => Some(decided),
            Record::Decided(_) | Record::Completed(_) | Record::Continued(_) | Record::Coalesced(_) => None,
        })
        .collect();
    assert_eq!(notices.len(), 1);
    assert!(notices[0].request_parameters.as_deref().unwrap().contains("\"cursor\":\"slow\""));
    assert_eq!(ids(&records)[0], id(1));
}

#[tokio::test]
async fn a_cursor_that_was_forgotten_holds_nothing_up() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    Cursor::open(&archive, "gone").await.unwrap();
    Cursor::forget(&archive, "gone").await.unwrap();
    let mut archiver = store.archiver(&archive, ArchiveSettings { max_bytes: Some(1), ..AT_ONCE });
    for n in 0..3 {
        store.record(n).await;
        archiver.step().await.unwrap();
    }
    let mut cursor = Cursor::open(&archive, "reader").await.unwrap();
    assert_eq!(ids(&all(&mut cursor).await), [id(2)], "no notice");
}

#[tokio::test]
async fn a_missing_chunk_is_an_error_to_whoever_reads_there() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    let mut archiver = store.archiver(&archive, AT_ONCE);
    for n in 0..3 {
        store.record(n).await;
        archiver.step().await.unwrap();
    }
    fs::remove_file(&chunk_files(dir.path())[1]).unwrap();
    let archive = store.archive(dir.path()).await;
    let mut cursor = Cursor::open(&archive, "reader").await.unwrap();
    assert_eq!(ids(&cursor.next(10).await.unwrap()), [id(0)]);
    assert!(matches!(cursor.next(10).await, Err(TrailError::Missing { .. })));
    let found = archive.find(&Query::default(), None, 10).await.unwrap();
    assert_eq!(ids(&found), [id(0), id(2)], "what is there is found");
}

#[tokio::test]
async fn a_proof_counts_what_opens_and_names_what_does_not() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    assert_eq!(store.prove(dir.path()).await, Proof::default(), "no archive yet");
    let archive = store.archive(dir.path()).await;
    let mut archiver = store.archiver(&archive, AT_ONCE);
    let mut lasts = Vec::new();
    for n in 0..3 {
        store.record(n).await;
        archiver.step().await.unwrap();
        lasts.push(archive.archived_through().0);
    }
    let whole = store.prove(dir.path()).await;
    assert_eq!((whole.records, whole.faults.as_slice()), (6, [].as_slice()));
    let files = chunk_files(dir.path());
    let bytes = fs::read(&files[2]).unwrap();
    fs::write(&files[2], &bytes[..bytes.len() / 2]).unwrap();
    fs::remove_file(&files[1]).unwrap();
    let harmed = store.prove(dir.path()).await;
    assert_eq!(harmed.records, 2);
    assert!(harmed.faults.iter().any(|fault| fault.after == lasts[0]), "{harmed:?}");
    assert!(harmed.faults.len() >= 2, "{harmed:?}");
}

#[tokio::test]
async fn a_chunk_with_a_damaged_header_is_missing_and_kept() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    let mut archiver = store.archiver(&archive, AT_ONCE);
    for n in 0..2 {
        store.record(n).await;
        archiver.step().await.unwrap();
    }
    let damaged = &chunk_files(dir.path())[0];
    fs::write(damaged, b"no chunk").unwrap();
    let archive = store.archive(dir.path()).await;
    let mut cursor = Cursor::open(&archive, "reader").await.unwrap();
    assert!(matches!(cursor.next(10).await, Err(TrailError::Missing { .. })));
    assert_eq!(fs::read(damaged).unwrap(), b"no chunk");
}

#[tokio::test]
async fn the_directory_is_for_its_owner_alone_and_unfinished_files_are_swept() {
    use std::os::unix::fs::PermissionsExt as _;
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    store.archive(dir.path()).await;
    let made = dir.path().join("archive");
    assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
    fs::write(made.join("00000000000000000007.tmp"), b"half").unwrap();
    store.archive(dir.path()).await;
    assert_eq!(chunk_files(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn cursors_names_are_checked() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = store.archive(dir.path()).await;
    for bad in ["", "A", "a/b", "a b", &"a".repeat(65)] {
        assert!(matches!(Cursor::open(&archive, bad).await, Err(TrailError::Name)), "{bad}");
    }
}

/// What a random history does.
#[derive(Debug, Clone)]
enum Step {
    Record(u8),
    Archive,
    Read(u8),
    ReadAndCommit(u8),
    /// The process ends here and starts again.
    Restart,
    /// The store dies after so many more changes; then the process starts again.
    DieWhileArchiving(i64),
    DieWhileCommitting(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1_u8..6).prop_map(Step::Record),
        3 => Just(Step::Archive),
        2 => (1_u8..9).prop_map(Step::Read),
        3 => (1_u8..9).prop_map(Step::ReadAndCommit),
        1 => Just(Step::Restart),
        2 => (0_i64..4).prop_map(Step::DieWhileArchiving),
        1 => (0_i64..2).prop_map(Step::DieWhileCommitting),
    ];
    proptest::collection::vec(step, 1..40)
}

/// A cursor, and what it must give out next.
struct Watched {
    cursor: Cursor,
    next: u64,
}

impl Watched {
    /// After a start: begins somewhere up to what was seen, never beyond.
    async fn open(archive: &Arc<Archive>, committed: std::ops::RangeInclusive<u64>) -> Self {
        let mut cursor = Cursor::open(archive, "watched").await.unwrap();
        let first = cursor.next(1).await.unwrap();
        let next = match first.first() {
            Some((_, Record::Decided(decided))) => u64::from_str_radix(&decided.request_id, 16).unwrap(),
            Some(other) => panic!("began in the middle of a position: {other:?}"),
            None => *committed.end(),
        };
        assert!(committed.contains(&next), "began at {next}, committed {committed:?}");
        cursor.rewind();
        Self { cursor, next }
    }

    async fn read(&mut self, limit: usize) {
        for (_, record) in self.cursor.next(limit).await.unwrap() {
            if let Record::Decided(decided) = record {
                assert_eq!(decided.request_id, id(self.next));
                self.next += 1;
            }
        }
    }
}

async fn play(steps: Vec<Step>) {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let mut archive = store.archive(dir.path()).await;
    let mut archiver = store.archiver(&archive, AT_ONCE);
    let mut recorded = 0;
    let mut committed = 0..=0;
    let mut watched = Watched::open(&archive, committed.clone()).await;
    for step in steps {
        let mut restart = false;
        match step {
            Step::Record(count) => {
                for _ in 0..count {
                    store.record(recorded).await;
                    recorded += 1;
                }
            }
            Step::Archive => archiver.step().await.unwrap(),
            Step::Read(limit) => watched.read(limit.into()).await,
            Step::ReadAndCommit(limit) => {
                watched.read(limit.into()).await;
                watched.cursor.commit(watched.cursor.read_to()).await.unwrap();
                committed = watched.next..=watched.next;
            }
            Step::Restart => restart = true,
            Step::DieWhileArchiving(operations) => {
                store.die_after(operations);
                let _ = archiver.step().await;
                // Readers of the dying process still see everything in order.
                watched.read(3).await;
                restart = true;
            }
            Step::DieWhileCommitting(operations) => {
                watched.read(5).await;
                store.die_after(operations);
                if watched.cursor.commit(watched.cursor.read_to()).await.is_ok() {
                    committed = watched.next..=watched.next;
                } else {
                    committed = *committed.start()..=watched.next;
                }
                restart = true;
            }
        }
        if restart {
            store.live();
            archive = store.archive(dir.path()).await;
            archiver = store.archiver(&archive, AT_ONCE);
            watched = Watched::open(&archive, committed.clone()).await;
            committed = watched.next..=watched.next;
        }
    }
    archiver.step().await.unwrap();
    while watched.next < recorded {
        let before = watched.next;
        watched.read(50).await;
        assert!(watched.next > before, "{recorded} were recorded, {before} came");
    }
    // Everything is archived exactly once, in order.
    let found = archive.find(&Query::default(), None, usize::MAX).await.unwrap();
    assert_eq!(ids(&found), (0..recorded).map(id).collect::<Vec<_>>());
    assert_eq!(found.len() as u64, 2 * recorded);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn every_record_is_read_in_order_whatever_dies(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(steps));
    }
}
