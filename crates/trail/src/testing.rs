//! What unit tests of archive, cursors and audit log stand on: the memory engine, a clock that tests turn, and a store
//! that dies at a chosen operation.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use strongroom_record::{Completed, Decided, Outcome, Record, Verdict, encode};
use strongroom_storage::{
    Batch, Committed, Direction, Entry, Journal, MemoryStore, MetaStore, Partition, Position, Row,
    StoreError, StoreHealth,
};
use strongroom_types::Timestamp;

use crate::archive::{Archive, ArchiveSettings, Archiver, ChunkSeal, SealError};

/// Seals nothing.
pub(crate) struct Plain;

impl ChunkSeal for Plain {
    fn seal(&self, _: &[u8], plain: &[u8]) -> Vec<u8> {
        plain.to_vec()
    }

    fn open(&self, _: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(sealed.to_vec())
    }
}

/// The memory engine behind a fuse: after so many operations it answers with errors, as if the process had died, once
/// with the last operation done and once without.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) inner: MemoryStore,
    pub(crate) now: Arc<AtomicI64>,
    fuse: Arc<AtomicI64>,
}

impl Store {
    pub(crate) fn new() -> Self {
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let clock = now.clone();
        let wall = Arc::new(move || Timestamp::from_millis(clock.load(Ordering::Acquire)));
        Self { inner: MemoryStore::new(wall), now, fuse: Arc::new(AtomicI64::new(i64::MAX)) }
    }

    /// Dies after `operations` more changes.
    pub(crate) fn die_after(&self, operations: i64) {
        self.fuse.store(operations, Ordering::Release);
    }

    pub(crate) fn live(&self) {
        self.die_after(i64::MAX);
    }

    pub(crate) fn pass_time(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::AcqRel);
    }

    /// Whether the next change happens, and whether its doer hears of it.
    fn burn(&self) -> (bool, bool) {
        let left = self.fuse.fetch_sub(1, Ordering::AcqRel);
        (left >= 1, left > 1)
    }

    pub(crate) async fn archive(&self, dir: &Path) -> Arc<Archive> {
        let store = Arc::new(self.clone());
        Archive::open(dir, store.clone(), store, Arc::new(Plain)).await.unwrap()
    }

    pub(crate) async fn prove(&self, dir: &Path) -> crate::Proof {
        crate::prove(dir, self, Arc::new(Plain)).await.unwrap()
    }

    /// An archiver that writes a chunk in every step.
    pub(crate) fn archiver(&self, archive: &Arc<Archive>, settings: ArchiveSettings) -> Archiver {
        Archiver::unchecked(archive.clone(), Arc::new(self.inner.clone()), settings)
    }

    pub(crate) async fn record(&self, id: u64) -> Position {
        let [decided, completed] = request(id, self.now.load(Ordering::Acquire));
        self.inner.append(vec![encode(&decided), encode(&completed)]).await.unwrap()
    }
}

/// Every step writes a chunk, and nothing is removed.
pub(crate) const AT_ONCE: ArchiveSettings = ArchiveSettings {
    chunk_age: std::time::Duration::ZERO,
    chunk_bytes: 1 << 20,
    keep: std::time::Duration::from_secs(1 << 32),
    max_bytes: None,
};

/// Both parts of a GetObject.
pub(crate) fn request(id: u64, millis: i64) -> [Record; 2] {
    let request_id = format!("{id:016X}");
    let decided = Decided {
        request_id: request_id.clone(),
        event_id: format!("00000000-0000-4000-8000-{id:012x}"),
        decided_at_millis: millis,
        service: "s3".into(),
        operation: "GetObject".into(),
        method: "GET".into(),
        verdict: Verdict::Allow,
        bucket: Some("photos".into()),
        key: Some(format!("key-{id}")),
        read_only: true,
        ..Decided::default()
    };
    let completed = Completed {
        request_id,
        completed_at_millis: millis + 5,
        status: 200,
        outcome: Outcome::Sent,
        ..Completed::default()
    };
    [Record::Decided(Box::new(decided)), Record::Completed(Box::new(completed))]
}

#[async_trait]
impl MetaStore for Store {
    async fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Row>, StoreError> {
        self.inner.get(partition, key).await
    }

    async fn scan(
        &self,
        partition: Partition,
        range: std::ops::Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Entry>, StoreError> {
        self.inner.scan(partition, range, limit, direction).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let (done, told) = self.burn();
        if !done {
            return Err(StoreError::Closed);
        }
        let committed = self.inner.commit(batch).await?;
        if told { Ok(committed) } else { Err(StoreError::Closed) }
    }

    fn health(&self) -> StoreHealth {
        self.inner.health()
    }
}

#[async_trait]
impl Journal for Store {
    async fn append(&self, records: Vec<Vec<u8>>) -> Result<Position, StoreError> {
        let (done, told) = self.burn();
        if !done {
            return Err(StoreError::Closed);
        }
        let position = self.inner.append(records).await?;
        if told { Ok(position) } else { Err(StoreError::Closed) }
    }

    async fn read(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<(Position, Vec<Bytes>)>, StoreError> {
        Journal::read(&self.inner, after, limit).await
    }

    async fn trim(&self, through: Position) -> Result<(), StoreError> {
        let (done, told) = self.burn();
        if !done {
            return Err(StoreError::Closed);
        }
        self.inner.trim(through).await?;
        if told { Ok(()) } else { Err(StoreError::Closed) }
    }

    fn tail(&self) -> Position {
        self.inner.tail()
    }
}
