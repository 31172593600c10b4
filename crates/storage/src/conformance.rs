//! What the contracts mean, as tests that every engine must pass.
//!
//! An engine's test implements [`Harness`] and calls [`all`]. Each function is one property; it panics, with what it saw,
//! when an engine does not have it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a test suite")]

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use strongroom_types::{AccountId, BlobId, BucketId};

use crate::contract::{
    Batch, BlobStore, Direction, Entry, Journal, MAX_COMMIT_BYTES, MAX_KEY_BYTES, MetaStore, Partition,
    Position, Precondition, Row, RowVersion, StagedBlob, StoreClock, StoreError, Write, prefix_range,
};

/// How the suite gets stores of one engine.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A handle of the engine; clones share the store.
    type Store: MetaStore + BlobStore + Journal + StoreClock + Clone + 'static;

    /// A new, empty store.
    async fn fresh(&self) -> Self::Store;

    /// Closes the store (the suite holds no other handle) and opens what it left. An engine that keeps nothing gives
    /// the same store back.
    async fn reopen(&self, store: Self::Store) -> Self::Store;
}

/// Runs the whole suite.
pub async fn all<H: Harness>(harness: &H) {
    commits_are_seen_by_every_later_read(harness).await;
    positions_grow_and_name_row_versions(harness).await;
    a_batch_is_applied_in_order_and_the_last_write_of_a_key_wins(harness).await;
    a_row_that_must_be_absent_conflicts_when_present(harness).await;
    a_row_that_must_be_unchanged_conflicts_after_any_write(harness).await;
    a_range_that_must_be_empty_conflicts_with_any_row_in_it(harness).await;
    a_conflict_writes_nothing_at_all(harness).await;
    of_many_racing_creations_exactly_one_wins(harness).await;
    racing_counters_lose_no_increment(harness).await;
    racing_range_guards_admit_only_one_row(harness).await;
    scans_are_ordered_both_ways_and_limited(harness).await;
    scans_see_one_instant(harness).await;
    keys_and_values_are_arbitrary_bytes(harness).await;
    partitions_are_isolated(harness).await;
    appended_rows_sort_by_commit(harness).await;
    blobs_become_visible_with_their_commit_only(harness).await;
    blobs_of_every_size_read_back_in_ranges(harness).await;
    a_staged_blob_survives_a_conflict_and_is_committed_once(harness).await;
    released_blobs_are_gone_after_a_restart(harness).await;
    records_come_in_order_and_none_is_skipped(harness).await;
    a_position_with_several_records_is_never_split(harness).await;
    trimmed_records_are_forgotten_and_others_kept(harness).await;
    readers_skip_no_record_that_commits_late(harness).await;
    the_clock_never_goes_back(harness).await;
    limits_are_refused_and_harm_nothing(harness).await;
    everything_acknowledged_survives_a_restart(harness).await;
}

const PLACE: Partition = Partition::System;

fn put(key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new(PLACE);
    batch.put(key, value);
    batch
}

async fn value<S: MetaStore>(store: &S, key: &[u8]) -> Option<Bytes> {
    store.get(PLACE, key).await.unwrap().map(|row| row.value)
}

async fn keys<S: MetaStore>(store: &S, prefix: &[u8], direction: Direction) -> Vec<Bytes> {
    let found = store.scan(PLACE, prefix_range(prefix), 10_000, direction).await.unwrap();
    found.into_iter().map(|entry| entry.key).collect()
}

/// Stages `bytes` in pieces under the id `[tag; 16]`.
pub async fn stage<S: BlobStore>(store: &S, id: BlobId, bytes: &[u8], tell_length: bool) -> StagedBlob {
    let mut writer = store.stage(id, tell_length.then_some(bytes.len() as u64)).await.unwrap();
    for piece in bytes.chunks(50_000) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    writer.finish().await.unwrap()
}

fn blob_id(tag: u8) -> BlobId {
    BlobId::from_bytes([tag; 16])
}

async fn read_all<S: BlobStore>(store: &S, id: BlobId) -> Result<Vec<u8>, StoreError> {
    let length = BlobStore::len(store, id).await?;
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < length {
        let from = bytes.len() as u64;
        bytes.extend_from_slice(&BlobStore::read(store, id, from..length.min(from + 100_000)).await?);
    }
    Ok(bytes)
}

async fn records<S: Journal>(
    store: &S,
    after: Option<Position>,
    limit: usize,
) -> Vec<(Position, Vec<Bytes>)> {
    Journal::read(store, after, limit).await.unwrap()
}

/// A commit that has been answered is in every read that begins later, whichever handle asks.
pub async fn commits_are_seen_by_every_later_read<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    assert_eq!(value(&store, b"a").await, None);
    for round in 0..50_u8 {
        store.commit(put(b"a", &[round])).await.unwrap();
        assert_eq!(value(&store.clone(), b"a").await.unwrap(), [round].as_slice());
    }
    let mut batch = Batch::new(PLACE);
    batch.delete(b"a".as_slice());
    store.commit(batch).await.unwrap();
    assert_eq!(value(&store, b"a").await, None);
}

/// Every commit has a position of its own, later ones larger ones, and its rows bear it.
pub async fn positions_grow_and_name_row_versions<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let mut last = Position(0);
    for round in 0..10_u8 {
        let done = store.commit(put(&[round], b"x")).await.unwrap();
        assert!(done.position > last);
        last = done.position;
        let row = store.get(PLACE, &[round]).await.unwrap().unwrap();
        assert_eq!(row.version, RowVersion(last.0));
        assert!(store.tail() >= last);
    }
    assert!(store.append(vec![b"r".to_vec()]).await.unwrap() > last);
}

/// Writes of one batch apply in order: a row written, deleted and written again has its last value.
pub async fn a_batch_is_applied_in_order_and_the_last_write_of_a_key_wins<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let mut batch = put(b"a", b"1");
    batch.put(b"b".as_slice(), b"1".as_slice()).put(b"a".as_slice(), b"2".as_slice()).delete(b"b".as_slice());
    batch.delete(b"c".as_slice()).put(b"c".as_slice(), b"3".as_slice());
    store.commit(batch).await.unwrap();
    assert_eq!(value(&store, b"a").await.unwrap(), b"2".as_slice());
    assert_eq!(value(&store, b"b").await, None);
    assert_eq!(value(&store, b"c").await.unwrap(), b"3".as_slice());
}

/// [`Precondition::RowAbsent`].
pub async fn a_row_that_must_be_absent_conflicts_when_present<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let create = |value: &[u8]| {
        let mut batch = put(b"a", value);
        batch.require(Precondition::RowAbsent(b"a".to_vec()));
        batch
    };
    store.commit(create(b"1")).await.unwrap();
    assert!(matches!(store.commit(create(b"2")).await, Err(StoreError::Conflict)));
    assert_eq!(value(&store, b"a").await.unwrap(), b"1".as_slice());
    let mut remove = Batch::new(PLACE);
    remove.delete(b"a".as_slice());
    store.commit(remove).await.unwrap();
    store.commit(create(b"3")).await.unwrap();
}

/// [`Precondition::RowIs`]: also a write of the same value changes a row, and a row made again is another one.
pub async fn a_row_that_must_be_unchanged_conflicts_after_any_write<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let guarded = |version: RowVersion| {
        let mut batch = put(b"other", b"x");
        batch.require(Precondition::RowIs(b"a".to_vec(), version));
        batch
    };
    assert!(matches!(store.commit(guarded(RowVersion(0))).await, Err(StoreError::Conflict)));
    store.commit(put(b"a", b"same")).await.unwrap();
    let first = store.get(PLACE, b"a").await.unwrap().unwrap().version;
    store.commit(guarded(first)).await.unwrap();
    store.commit(put(b"a", b"same")).await.unwrap();
    assert!(matches!(store.commit(guarded(first)).await, Err(StoreError::Conflict)));
    let mut again = Batch::new(PLACE);
    again.delete(b"a".as_slice());
    store.commit(again).await.unwrap();
    let second = RowVersion(first.0 + 1);
    assert!(matches!(store.commit(guarded(second)).await, Err(StoreError::Conflict)));
}

/// [`Precondition::RangeEmpty`]: the start is in the range, the end is not.
pub async fn a_range_that_must_be_empty_conflicts_with_any_row_in_it<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let guarded = |from: &[u8], to: &[u8]| {
        let mut batch = put(b"z", b"x");
        batch.require(Precondition::RangeEmpty(from.to_vec()..to.to_vec()));
        batch
    };
    store.commit(guarded(b"a", b"d")).await.unwrap();
    store.commit(put(b"b", b"")).await.unwrap();
    for (from, to, empty) in [
        (b"a", b"d", false),
        (b"b", b"c", false),
        (b"a", b"b", true),
        (b"c", b"d", true),
        (b"d", b"a", true),
        (b"b", b"b", true),
    ] {
        assert_eq!(store.commit(guarded(from, to)).await.is_ok(), empty, "{from:?}..{to:?}");
    }
    let mut remove = Batch::new(PLACE);
    remove.delete(b"b".as_slice());
    store.commit(remove).await.unwrap();
    store.commit(guarded(b"a", b"d")).await.unwrap();
}

/// All preconditions hold or nothing happens: no row, no record, no blob.
pub async fn a_conflict_writes_nothing_at_all<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    store.commit(put(b"a", b"1")).await.unwrap();
    let mut batch = put(b"b", b"2");
    batch.delete(b"a".as_slice());
    batch.require(Precondition::RowAbsent(b"b".to_vec())).require(Precondition::RowAbsent(b"a".to_vec()));
    batch.records.push(b"never".to_vec());
    batch.blobs.push(stage(&store, blob_id(1), b"never", false).await);
    assert!(matches!(store.commit(batch).await, Err(StoreError::Conflict)));
    assert_eq!(value(&store, b"a").await.unwrap(), b"1".as_slice());
    assert_eq!(value(&store, b"b").await, None);
    assert!(records(&store, None, 10).await.is_empty());
    assert!(matches!(BlobStore::len(&store, blob_id(1)).await, Err(StoreError::NoSuchBlob(_))));
}

/// If-None-Match under a race: one creation is committed, all others conflict.
pub async fn of_many_racing_creations_exactly_one_wins<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    for round in 0..20_u8 {
        let mut tasks = Vec::new();
        for racer in 0..16_u8 {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let mut batch = put(&[b'r', round], &[racer]);
                batch.require(Precondition::RowAbsent(vec![b'r', round]));
                store.commit(batch).await.map(|_| racer)
            }));
        }
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(racer) => winners.push(racer),
                Err(StoreError::Conflict) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(value(&store, &[b'r', round]).await.unwrap(), winners.as_slice());
    }
}

/// Read, decide, commit if unchanged, again on conflict: no update is lost.
pub async fn racing_counters_lose_no_increment<H: Harness>(harness: &H) {
    const TASKS: u64 = 8;
    const EACH: u64 = 25;
    let store = harness.fresh().await;
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..EACH {
                loop {
                    let row = store.get(PLACE, b"n").await.unwrap();
                    let count =
                        row.as_ref().map_or(0, |row| u64::from_be_bytes(row.value[..].try_into().unwrap()));
                    let mut batch = put(b"n", &(count + 1).to_be_bytes());
                    batch.require(match row {
                        Some(Row { version, .. }) => Precondition::RowIs(b"n".to_vec(), version),
                        None => Precondition::RowAbsent(b"n".to_vec()),
                    });
                    match store.commit(batch).await {
                        Ok(_) => break,
                        Err(StoreError::Conflict) => tokio::task::yield_now().await,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(value(&store, b"n").await.unwrap(), (TASKS * EACH).to_be_bytes().as_slice());
}

/// Two racers that each demand an empty range and fill it: one of them conflicts (a bucket is deleted only when empty).
pub async fn racing_range_guards_admit_only_one_row<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let mut tasks = Vec::new();
    for racer in 0..32_u8 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut batch = put(&[b'q', racer], b"");
            batch.require(Precondition::RangeEmpty(prefix_range(b"q")));
            store.commit(batch).await.is_ok()
        }));
    }
    let mut won = 0;
    for task in tasks {
        won += u32::from(task.await.unwrap());
    }
    assert_eq!(won, 1);
    assert_eq!(keys(&store, b"q", Direction::Forward).await.len(), 1);
}

/// Rows come in the order of their keys' bytes, from either end, never more than asked for.
pub async fn scans_are_ordered_both_ways_and_limited<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let all: BTreeSet<Vec<u8>> =
        (0..300_u32).map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761)).into_bytes()).collect();
    let mut batch = Batch::new(PLACE);
    for key in &all {
        batch.put(key.as_slice(), key.as_slice());
    }
    store.commit(batch).await.unwrap();
    let sorted: Vec<_> = all.iter().cloned().map(Bytes::from).collect();
    assert_eq!(keys(&store, b"", Direction::Forward).await, sorted);
    let mut reversed = keys(&store, b"", Direction::Backward).await;
    reversed.reverse();
    assert_eq!(reversed, sorted);
    let range = || sorted[10].to_vec()..sorted[20].to_vec();
    let scan = |limit, direction| store.scan(PLACE, range(), limit, direction);
    let names = |found: Vec<Entry>| found.into_iter().map(|entry| entry.key).collect::<Vec<_>>();
    assert_eq!(names(scan(100, Direction::Forward).await.unwrap()), sorted[10..20]);
    assert_eq!(names(scan(3, Direction::Forward).await.unwrap()), sorted[10..13]);
    assert_eq!(names(scan(2, Direction::Backward).await.unwrap()), [sorted[19].clone(), sorted[18].clone()]);
    assert!(scan(0, Direction::Forward).await.unwrap().is_empty());
    let turned = store.scan(PLACE, sorted[20].to_vec()..sorted[10].to_vec(), 9, Direction::Forward).await;
    assert!(turned.unwrap().is_empty());
}

/// A scan never sees a part of a commit.
pub async fn scans_see_one_instant<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let writer = store.clone();
    let write = tokio::spawn(async move {
        for round in 0..200_u8 {
            let mut batch = Batch::new(PLACE);
            for row in 0..8_u8 {
                batch.put(vec![b's', row], vec![round]);
            }
            writer.commit(batch).await.unwrap();
        }
    });
    while !write.is_finished() {
        let found = store.scan(PLACE, prefix_range(b"s"), 100, Direction::Forward).await.unwrap();
        assert!(found.is_empty() || found.len() == 8, "{} of 8 rows", found.len());
        assert!(found.windows(2).all(|pair| pair[0].row == pair[1].row), "rows of two commits");
        tokio::task::yield_now().await;
    }
    write.await.unwrap();
}

/// Keys may be empty, long, and hold any byte; values may be empty.
pub async fn keys_and_values_are_arbitrary_bytes<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let mut all: Vec<Vec<u8>> = (0..=255_u8).map(|byte| vec![byte]).collect();
    all.extend([
        vec![],
        vec![0, 0],
        vec![0, 255],
        vec![255; 40],
        vec![7; MAX_KEY_BYTES],
        b"../../x//".to_vec(),
    ]);
    for key in &all {
        store.commit(put(key, b"")).await.unwrap();
    }
    for key in &all {
        assert_eq!(value(&store, key).await, Some(Bytes::new()), "{key:?}");
    }
    all.sort();
    let everything = keys(&store, b"", Direction::Forward).await;
    assert_eq!(everything, all.into_iter().map(Bytes::from).collect::<Vec<_>>());
}

/// The same key in two partitions is two rows, and no scan leaves its partition.
pub async fn partitions_are_isolated<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let account = |digits: &str| AccountId::parse(digits).unwrap();
    let all = [
        Partition::Names,
        Partition::Org,
        Partition::System,
        Partition::Iam(account("111111111111")),
        Partition::Iam(account("111111111112")),
        Partition::Account(account("111111111111")),
        Partition::Bucket(BucketId::from_bytes([0; 16])),
        Partition::Bucket(BucketId::from_bytes([255; 16])),
    ];
    for (number, partition) in (0..).zip(all) {
        let mut batch = Batch::new(partition);
        batch.require(Precondition::RangeEmpty(prefix_range(b"")));
        batch.put(b"k".as_slice(), vec![number]).put(vec![0], vec![number]).put(vec![255; 20], vec![number]);
        store.commit(batch).await.unwrap();
    }
    for (number, partition) in (0..).zip(all) {
        let found = store.scan(partition, prefix_range(b""), 100, Direction::Backward).await.unwrap();
        assert_eq!(found.len(), 3, "{partition:?}");
        assert!(found.iter().all(|entry| entry.row.value[..] == [number]));
    }
}

/// [`Write::Append`]: keys carry the commit's position, several of one batch their place in it.
pub async fn appended_rows_sort_by_commit<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let mut expected = Vec::new();
    for round in 0..30_u8 {
        let mut batch = Batch::new(PLACE);
        for place in 0..3_u8 {
            batch.writes.push(Write::Append { prefix: b"log|".to_vec(), value: vec![round, place] });
        }
        let position = store.commit(batch).await.unwrap().position;
        for place in 0..3_u32 {
            let key = [&b"log|"[..], &position.0.to_be_bytes(), &place.to_be_bytes()].concat();
            expected.push((Bytes::from(key), position));
        }
    }
    let found = store.scan(PLACE, prefix_range(b"log|"), 1000, Direction::Forward).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|entry| (entry.key, Position(entry.row.version.0))).collect();
    assert_eq!(found, expected);
}

/// A staged blob is not there until the commit that names it, and goes when it is dropped.
pub async fn blobs_become_visible_with_their_commit_only<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let large = vec![3_u8; 400_000];
    for (tag, bytes) in [(1, b"small".as_slice()), (2, large.as_slice())] {
        let staged = stage(&store, blob_id(tag), bytes, false).await;
        assert_eq!((staged.id(), staged.sealed_bytes()), (blob_id(tag), bytes.len() as u64));
        assert!(matches!(read_all(&store, blob_id(tag)).await, Err(StoreError::NoSuchBlob(_))));
        let mut batch = put(b"row", &[tag]);
        batch.blobs.push(staged);
        store.commit(batch).await.unwrap();
        assert_eq!(read_all(&store, blob_id(tag)).await.unwrap(), bytes);
        drop(stage(&store, blob_id(tag + 10), bytes, true).await);
        assert!(matches!(read_all(&store, blob_id(tag + 10)).await, Err(StoreError::NoSuchBlob(_))));
    }
    let store = harness.reopen(store).await;
    assert_eq!(read_all(&store, blob_id(2)).await.unwrap(), large);
    assert!(matches!(read_all(&store, blob_id(12)).await, Err(StoreError::NoSuchBlob(_))));
}

/// Any length, told before or not, read back whole and in any range; beyond the end is an error.
pub async fn blobs_of_every_size_read_back_in_ranges<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let sizes = [0, 1, 4096, 262_143, 262_144, 262_145, 1_500_000];
    for (tag, size) in (0..).zip(sizes) {
        let bytes: Vec<u8> = (0..size).map(|at: u32| at.wrapping_mul(31).to_be_bytes()[2] ^ tag).collect();
        let id = blob_id(tag);
        let mut batch = Batch::new(PLACE);
        batch.blobs.push(stage(&store, id, &bytes, tag % 2 == 0).await);
        store.commit(batch).await.unwrap();
        assert_eq!(read_all(&store, id).await.unwrap(), bytes, "{size}");
        let length = u64::from(size);
        for (from, to) in [(0, length), (length / 3, length / 2), (length, length), (0, length.min(1))] {
            let read = BlobStore::read(&store, id, from..to).await.unwrap();
            assert_eq!(read, bytes[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()]);
        }
        assert!(BlobStore::read(&store, id, 0..length + 1).await.is_err());
    }
}

/// A conflict leaves the staged blob as it is: another commit may name it, but only one ever does.
pub async fn a_staged_blob_survives_a_conflict_and_is_committed_once<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    store.commit(put(b"a", b"1")).await.unwrap();
    let staged = stage(&store, blob_id(5), &vec![9; 300_000], false).await;
    let mut refused = put(b"a", b"2");
    refused.require(Precondition::RowAbsent(b"a".to_vec()));
    refused.blobs.push(staged.clone());
    assert!(matches!(store.commit(refused).await, Err(StoreError::Conflict)));
    let mut retried = put(b"a", b"3");
    retried.blobs.push(staged.clone());
    store.commit(retried).await.unwrap();
    let mut twice = put(b"a", b"4");
    twice.blobs.push(staged);
    assert!(matches!(store.commit(twice).await, Err(StoreError::NoSuchBlob(_))));
    assert_eq!(value(&store, b"a").await.unwrap(), b"3".as_slice());
    assert_eq!(read_all(&store, blob_id(5)).await.unwrap(), vec![9; 300_000]);
}

/// A released blob may linger for its readers, but not beyond a restart. Releasing it twice, or an unknown one, is
/// harmless.
pub async fn released_blobs_are_gone_after_a_restart<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    for (tag, size) in [(1, 10), (2, 400_000), (3, 10), (4, 400_000)] {
        let mut batch = Batch::new(PLACE);
        batch.blobs.push(stage(&store, blob_id(tag), &vec![tag; size], false).await);
        store.commit(batch).await.unwrap();
    }
    for _ in 0..2 {
        let mut batch = Batch::new(PLACE);
        batch.released.extend([blob_id(1), blob_id(2), blob_id(99)]);
        store.commit(batch).await.unwrap();
    }
    let store = harness.reopen(store).await;
    for (tag, kept) in [(1, false), (2, false), (3, true), (4, true)] {
        assert_eq!(read_all(&store, blob_id(tag)).await.is_ok(), kept, "blob {tag}");
    }
}

/// Records of commits and of appends come in the order of their positions, all of them.
pub async fn records_come_in_order_and_none_is_skipped<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let mut expected = Vec::new();
    for round in 0..60_u8 {
        let record = vec![round; usize::from(round) * 20];
        let position = if round % 3 == 0 {
            store.append(vec![record.clone()]).await.unwrap()
        } else {
            let mut batch = put(&[round], b"x");
            batch.records.push(record.clone());
            store.commit(batch).await.unwrap().position
        };
        expected.push((position, vec![Bytes::from(record)]));
        store.commit(put(b"between", &[round])).await.unwrap();
    }
    let store = harness.reopen(store).await;
    assert_eq!(records(&store, None, 1000).await, expected);
    let mut after = None;
    let mut found = Vec::new();
    loop {
        let page = records(&store, after, 7).await;
        assert!(page.len() <= 7);
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        found.extend(page);
    }
    assert_eq!(found, expected);
    assert!(records(&store, Some(store.tail()), 10).await.is_empty());
}

/// A limit below a position's records gives them all the same.
pub async fn a_position_with_several_records_is_never_split<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let many: Vec<_> = (0..5_u8).map(|n| vec![n]).collect();
    let first = store.append(many.clone()).await.unwrap();
    let second = store.append(many.clone()).await.unwrap();
    let many: Vec<_> = many.into_iter().map(Bytes::from).collect();
    assert_eq!(records(&store, None, 1).await, [(first, many.clone())]);
    assert_eq!(records(&store, None, 7).await, [(first, many.clone())]);
    assert_eq!(records(&store, Some(first), 3).await, [(second, many)]);
}

/// Trimming forgets what lies up to a position, durably, and nothing else.
pub async fn trimmed_records_are_forgotten_and_others_kept<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let mut positions = Vec::new();
    for round in 0..10_u8 {
        positions.push(store.append(vec![vec![round]]).await.unwrap());
    }
    store.trim(positions[3]).await.unwrap();
    store.trim(positions[1]).await.unwrap();
    let store = harness.reopen(store).await;
    let left: Vec<_> = records(&store, None, 100).await.into_iter().map(|(position, _)| position).collect();
    assert_eq!(left, positions[4..]);
    assert_eq!(records(&store, Some(positions[1]), 100).await.len(), 6);
    store.trim(store.tail()).await.unwrap();
    assert!(records(&store, None, 100).await.is_empty());
    store.append(vec![b"later".to_vec()]).await.unwrap();
    assert_eq!(records(&store, None, 100).await.len(), 1);
}

/// A reader that follows the tail while many write gets every record exactly once, in order.
pub async fn readers_skip_no_record_that_commits_late<H: Harness>(harness: &H) {
    const TASKS: u16 = 8;
    const EACH: u16 = 40;
    let store = harness.fresh().await;
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for round in 0..EACH {
                let mut batch = put(&task.to_be_bytes(), b"x");
                batch.records.push([task.to_be_bytes(), round.to_be_bytes()].concat());
                store.commit(batch).await.unwrap();
            }
        }));
    }
    let total = usize::from(TASKS * EACH);
    let mut seen: Vec<Bytes> = Vec::new();
    let mut after = None;
    while seen.len() < total {
        for (position, found) in records(&store, after, 50).await {
            assert!(Some(position) > after);
            after = Some(position);
            seen.extend(found);
        }
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    for task in 0..TASKS {
        let of_task = seen.iter().filter(|record| record[..2] == task.to_be_bytes());
        let rounds: Vec<_> = of_task.map(|record| u16::from_be_bytes([record[2], record[3]])).collect();
        assert_eq!(rounds, (0..EACH).collect::<Vec<_>>(), "task {task}");
    }
}

/// Each commit is later than the one before, also over a restart.
pub async fn the_clock_never_goes_back<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let mut last = store.now();
    for round in 0..20_u8 {
        store.commit(put(b"a", &[round])).await.unwrap();
        let now = store.now();
        assert!(now > last || round == 0, "{now} after {last}");
        last = now;
    }
    let store = harness.reopen(store).await;
    assert!(store.now() >= last);
    assert_eq!(store.lag(), None);
}

/// What is too large is refused with its limit, and the store goes on.
pub async fn limits_are_refused_and_harm_nothing<H: Harness>(harness: &H) {
    let store = harness.fresh().await;
    let long_key = vec![1; MAX_KEY_BYTES + 1];
    assert!(matches!(store.commit(put(&long_key, b"")).await, Err(StoreError::TooLarge { .. })));
    let large = vec![0; usize::try_from(MAX_COMMIT_BYTES).unwrap()];
    assert!(matches!(store.commit(put(b"a", &large)).await, Err(StoreError::TooLarge { .. })));
    assert!(matches!(BlobStore::read(&store, blob_id(1), 0..1).await, Err(StoreError::NoSuchBlob(_))));
    store.commit(put(b"a", &large[..8 << 20])).await.unwrap();
    assert_eq!(value(&store, b"a").await.unwrap().len(), 8 << 20);
}

/// Rows, versions, blobs, records and positions are the same after the store is closed and opened again.
pub async fn everything_acknowledged_survives_a_restart<H: Harness>(harness: &H) {
    let mut store = harness.fresh().await;
    let bytes = Arc::new(vec![8_u8; 300_000]);
    for generation in 0..3_u8 {
        for round in 0..40_u8 {
            let tag = generation * 40 + round;
            let mut batch = put(&[tag], &[generation, round]);
            batch.records.push(vec![tag]);
            let length = if round % 10 == 0 { bytes.len() } else { usize::from(round) };
            batch.blobs.push(stage(&store, blob_id(tag), &bytes[..length], false).await);
            if round > 0 {
                batch.delete(vec![200, tag - 1]);
            }
            batch.put(vec![200, tag], b"".as_slice());
            store.commit(batch).await.unwrap();
        }
        let before = (
            store.scan(PLACE, prefix_range(b""), 10_000, Direction::Forward).await.unwrap(),
            records(&store, None, 10_000).await,
            store.tail(),
        );
        store = harness.reopen(store).await;
        let after = (
            store.scan(PLACE, prefix_range(b""), 10_000, Direction::Forward).await.unwrap(),
            records(&store, None, 10_000).await,
            store.tail(),
        );
        assert_eq!(before, after);
        for tag in 0..(generation + 1) * 40 {
            let length =
                if tag % 10 == 0 && tag % 40 % 10 == 0 { bytes.len() } else { usize::from(tag % 40) };
            assert_eq!(read_all(&store, blob_id(tag)).await.unwrap(), bytes[..length], "blob {tag}");
        }
    }
}
