//! The reference engine: everything in ordered maps under one lock. It is the model that other engines are compared
//! with, and what other crates' unit tests run on. Nothing is durable.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, Range};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use strongroom_types::{BlobId, Timestamp};

use crate::contract::{
    Batch, BlobStore, BlobWriter, Committed, Direction, Entry, Journal, MAX_COMMIT_BYTES, MAX_KEY_BYTES,
    MAX_READ_BYTES, MetaStore, Partition, Position, Precondition, Row, RowVersion, StagedBlob, StoreClock,
    StoreError, StoreHealth, Write,
};
use crate::{WallClock, locked};

/// How far the wall clock may be behind the store clock (DESIGN, "Time").
const MOST_LAG: Duration = Duration::from_mins(5);

/// A store in memory. Clones share it.
#[derive(Clone)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

struct Inner {
    wall_clock: WallClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rows: BTreeMap<Vec<u8>, Row>,
    blobs: HashMap<BlobId, Bytes>,
    records: BTreeMap<u64, Vec<Bytes>>,
    last_position: u64,
    last_time_millis: i64,
    health: Option<StoreHealth>,
}

impl MemoryStore {
    /// An empty store that reads the time from `wall_clock`.
    pub fn new(wall_clock: WallClock) -> Self {
        Self { inner: Arc::new(Inner { wall_clock, state: Mutex::default() }) }
    }

    /// An empty store at a fixed wall clock, for tests.
    pub fn at(time: Timestamp) -> Self {
        Self::new(Arc::new(move || time))
    }

    /// Makes the store answer as an ailing engine does: every commit with the health's error, and every append too if
    /// it is [`StoreHealth::Down`]. [`StoreHealth::Ready`] heals it.
    pub fn set_health(&self, health: StoreHealth) {
        locked(&self.inner.state).health = match health {
            StoreHealth::Ready => None,
            ailing @ (StoreHealth::ReadOnly(_) | StoreHealth::Down(_)) => Some(ailing),
        };
    }

    fn stamp(&self, state: &mut State) -> u64 {
        let wall = (self.inner.wall_clock)().as_millis();
        state.last_time_millis = wall.max(state.last_time_millis.saturating_add(1));
        state.last_position += 1;
        state.last_position
    }
}

impl State {
    fn holds(&self, prefix: &[u8], precondition: &Precondition) -> bool {
        let full = |key: &[u8]| [prefix, key].concat();
        match precondition {
            Precondition::RowAbsent(key) => !self.rows.contains_key(&full(key)),
            Precondition::RowIs(key, version) => {
                self.rows.get(&full(key)).is_some_and(|row| row.version == *version)
            }
            Precondition::RangeEmpty(range) => {
                range.start >= range.end
                    || self.rows.range(full(&range.start)..full(&range.end)).next().is_none()
            }
        }
    }
}

/// Refuses what no engine takes.
pub(crate) fn check_limits(batch: &Batch) -> Result<u64, StoreError> {
    let mut bytes = 0_u64;
    let key_limit = |key: &[u8], extra: usize| {
        if key.len() + extra > MAX_KEY_BYTES {
            return Err(StoreError::TooLarge { what: "a row key", most_bytes: MAX_KEY_BYTES as u64 });
        }
        Ok(())
    };
    for write in &batch.writes {
        let (key, value) = match write {
            Write::Put { key, value } => (key, value.len()),
            Write::Append { prefix, value } => {
                key_limit(prefix, 12)?;
                (prefix, value.len())
            }
            Write::Delete { key } => (key, 0),
        };
        key_limit(key, 0)?;
        bytes += (key.len() + value) as u64 + 40;
    }
    bytes += batch.records.iter().map(|record| record.len() as u64 + 8).sum::<u64>();
    bytes += (batch.blobs.len() as u64 + batch.released.len() as u64) * 40;
    if bytes > MAX_COMMIT_BYTES {
        return Err(StoreError::TooLarge { what: "a commit", most_bytes: MAX_COMMIT_BYTES });
    }
    Ok(bytes)
}

/// The key of the `place`th append of the commit at `position`.
pub(crate) fn append_key(prefix: &[u8], position: u64, place: u32) -> Vec<u8> {
    [prefix, &position.to_be_bytes(), &place.to_be_bytes()].concat()
}

#[async_trait]
impl MetaStore for MemoryStore {
    async fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Row>, StoreError> {
        let key = [&partition.prefix(), key].concat();
        Ok(locked(&self.inner.state).rows.get(&key).cloned())
    }

    async fn scan(
        &self,
        partition: Partition,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Entry>, StoreError> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        let prefix = partition.prefix();
        let bounds = [&prefix, range.start.as_slice()].concat()..[&prefix, range.end.as_slice()].concat();
        let state = locked(&self.inner.state);
        let rows = state.rows.range(bounds).map(|(key, row)| Entry {
            key: Bytes::copy_from_slice(key.get(prefix.len()..).unwrap_or_default()),
            row: row.clone(),
        });
        Ok(match direction {
            Direction::Forward => rows.take(limit).collect(),
            Direction::Backward => rows.rev().take(limit).collect(),
        })
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        check_limits(&batch)?;
        let prefix = batch.partition.prefix();
        let mut blobs = Vec::with_capacity(batch.blobs.len());
        for staged in batch.blobs {
            let id = staged.id();
            let part = staged.into_engine().downcast::<Staged>().map_err(|_| StoreError::NoSuchBlob(id))?;
            blobs.push((id, part));
        }
        let mut state = locked(&self.inner.state);
        if let Some(StoreHealth::ReadOnly(error) | StoreHealth::Down(error)) = &state.health {
            return Err(error.clone());
        }
        if !batch.preconditions.iter().all(|precondition| state.holds(&prefix, precondition)) {
            return Err(StoreError::Conflict);
        }
        if let Some((id, _)) = blobs.iter().find(|(_, part)| part.committed.load(Ordering::Acquire)) {
            return Err(StoreError::NoSuchBlob(*id));
        }
        let position = self.stamp(&mut state);
        let mut appends = 0;
        for write in batch.writes {
            let (key, value) = match write {
                Write::Put { key, value } => (key, value),
                Write::Delete { key } => {
                    state.rows.remove(&[prefix.as_slice(), &key].concat());
                    continue;
                }
                Write::Append { prefix, value } => {
                    appends += 1;
                    (append_key(&prefix, position, appends - 1), value)
                }
            };
            let row = Row { version: RowVersion(position), value: value.into() };
            state.rows.insert([prefix.as_slice(), &key].concat(), row);
        }
        for (id, part) in blobs {
            part.committed.store(true, Ordering::Release);
            state.blobs.insert(id, part.bytes.clone());
        }
        for id in &batch.released {
            state.blobs.remove(id);
        }
        if !batch.records.is_empty() {
            state.records.insert(position, batch.records.into_iter().map(Bytes::from).collect());
        }
        Ok(Committed { position: Position(position) })
    }

    fn health(&self) -> StoreHealth {
        locked(&self.inner.state).health.clone().unwrap_or(StoreHealth::Ready)
    }
}

struct Staged {
    bytes: Bytes,
    committed: AtomicBool,
}

struct MemoryWriter {
    id: BlobId,
    bytes: BytesMut,
    store: Weak<Inner>,
}

#[async_trait]
impl BlobWriter for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<StagedBlob, StoreError> {
        self.store.upgrade().ok_or(StoreError::Closed)?;
        let bytes = self.bytes.freeze();
        let length = bytes.len() as u64;
        Ok(StagedBlob::new(self.id, length, Arc::new(Staged { bytes, committed: AtomicBool::new(false) })))
    }
}

/// The part of a blob's `length` bytes that `range` names, or an error if it does not lie within.
pub(crate) fn check_range(range: &Range<u64>, length: u64) -> Result<(), StoreError> {
    if range.start > range.end || range.end > length {
        return Err(StoreError::Corrupt { what: "a blob is shorter than its row says".into() });
    }
    if range.end - range.start > MAX_READ_BYTES {
        return Err(StoreError::TooLarge { what: "a read", most_bytes: MAX_READ_BYTES });
    }
    Ok(())
}

#[async_trait]
impl BlobStore for MemoryStore {
    async fn stage(&self, id: BlobId, _: Option<u64>) -> Result<Box<dyn BlobWriter>, StoreError> {
        Ok(Box::new(MemoryWriter { id, bytes: BytesMut::new(), store: Arc::downgrade(&self.inner) }))
    }

    async fn read(&self, id: BlobId, range: Range<u64>) -> Result<Bytes, StoreError> {
        let blob = locked(&self.inner.state).blobs.get(&id).cloned().ok_or(StoreError::NoSuchBlob(id))?;
        check_range(&range, blob.len() as u64)?;
        let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(blob.slice(place(range.start)..place(range.end)))
    }

    async fn len(&self, id: BlobId) -> Result<u64, StoreError> {
        let state = locked(&self.inner.state);
        state.blobs.get(&id).map(|blob| blob.len() as u64).ok_or(StoreError::NoSuchBlob(id))
    }
}

#[async_trait]
impl Journal for MemoryStore {
    async fn append(&self, records: Vec<Vec<u8>>) -> Result<Position, StoreError> {
        let mut state = locked(&self.inner.state);
        if let Some(StoreHealth::Down(error)) = &state.health {
            return Err(error.clone());
        }
        let position = self.stamp(&mut state);
        if !records.is_empty() {
            state.records.insert(position, records.into_iter().map(Bytes::from).collect());
        }
        Ok(Position(position))
    }

    async fn read(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<(Position, Vec<Bytes>)>, StoreError> {
        let state = locked(&self.inner.state);
        let start = after.map_or(Bound::Unbounded, |position| Bound::Excluded(position.0));
        let mut found = Vec::new();
        let mut count = 0;
        for (position, records) in state.records.range((start, Bound::Unbounded)) {
            count += records.len();
            if count > limit && !found.is_empty() {
                break;
            }
            found.push((Position(*position), records.clone()));
        }
        Ok(found)
    }

    async fn trim(&self, through: Position) -> Result<(), StoreError> {
        let mut state = locked(&self.inner.state);
        state.records.retain(|position, _| *position > through.0);
        Ok(())
    }

    fn tail(&self) -> Position {
        Position(locked(&self.inner.state).last_position)
    }
}

impl StoreClock for MemoryStore {
    fn now(&self) -> Timestamp {
        let last = locked(&self.inner.state).last_time_millis;
        let wall = (self.inner.wall_clock)();
        if last == 0 { wall } else { wall.max(Timestamp::from_millis(last.saturating_add(1))) }
    }

    fn lag(&self) -> Option<Duration> {
        let last = Timestamp::from_millis(locked(&self.inner.state).last_time_millis);
        let lag = last.since((self.inner.wall_clock)());
        (lag > MOST_LAG).then_some(lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Harness};

    struct MemoryHarness;

    #[async_trait]
    impl Harness for MemoryHarness {
        type Store = MemoryStore;

        async fn fresh(&self) -> MemoryStore {
            MemoryStore::at(Timestamp::from_secs(1_700_000_000))
        }

        async fn reopen(&self, store: MemoryStore) -> MemoryStore {
            store
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_memory_engine_keeps_the_contracts() {
        conformance::all(&MemoryHarness).await;
    }
}
