//! Order among writers of one key.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use strongroom_types::{BucketId, ObjectKey};
use tokio::sync::{Mutex, MutexGuard};

use crate::limits::KEY_LOCKS;

/// Commits are optimistic: of many writers of one key, one wins each round. A writer that lost waits here for its turn,
/// so that the last of a hundred does not lose a hundred times. Nothing depends on it but patience: what keeps rows
/// right is the commits' preconditions.
pub(crate) struct KeyLocks {
    hasher: RandomState,
    locks: Box<[Mutex<()>]>,
}

impl KeyLocks {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), locks: (0..KEY_LOCKS).map(|_| Mutex::new(())).collect() }
    }

    /// Waits for its turn with this key.
    pub(crate) async fn turn(&self, bucket: BucketId, key: &ObjectKey) -> Option<MutexGuard<'_, ()>> {
        let hash = self.hasher.hash_one((bucket, key));
        let place = usize::try_from(hash % self.locks.len() as u64).unwrap_or(0);
        match self.locks.get(place) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }
}
