//! An engine for tests of services: requests interleave on it, and it stops where it is told to.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::{
    Batch, Committed, Direction, Entry, MemoryStore, MetaStore, Partition, Row, StoreError, StoreHealth,
};

/// [`MemoryStore`], which gives way at each call, and stops at a chosen commit, as if the process were killed there.
/// Clones share it.
#[derive(Clone)]
pub struct HaltingStore {
    inner: MemoryStore,
    commits_left: Arc<AtomicUsize>,
}

impl HaltingStore {
    /// Takes every commit, until it is told otherwise.
    pub fn new(inner: MemoryStore) -> Self {
        Self { inner, commits_left: Arc::new(AtomicUsize::new(usize::MAX)) }
    }

    /// From now on only so many further commits are taken; those behind them are [`StoreError::Closed`].
    pub fn crash_after(&self, commits: usize) {
        self.commits_left.store(commits, Ordering::Relaxed);
    }

    /// From now on all commits are taken again.
    pub fn restart(&self) {
        self.crash_after(usize::MAX);
    }
}

#[async_trait]
impl MetaStore for HaltingStore {
    async fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Row>, StoreError> {
        tokio::task::yield_now().await;
        self.inner.get(partition, key).await
    }

    async fn scan(
        &self,
        partition: Partition,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Entry>, StoreError> {
        tokio::task::yield_now().await;
        self.inner.scan(partition, range, limit, direction).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        tokio::task::yield_now().await;
        let left = self.commits_left.load(Ordering::Relaxed);
        self.commits_left.store(left.checked_sub(1).ok_or(StoreError::Closed)?, Ordering::Relaxed);
        self.inner.commit(batch).await
    }

    fn health(&self) -> StoreHealth {
        self.inner.health()
    }
}
