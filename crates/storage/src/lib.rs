//! Where rows, blobs and records live: three contracts, and the engines that keep them.
//!
//! [`MetaStore`] keeps rows and commits them together with blobs and records in one durable step, [`BlobStore`] keeps
//! sealed bytes, [`Journal`] keeps records in order. Services know the contracts only.
//!
//! In reading order: [`contract`](MetaStore) says what holds, [`conformance`] proves it of an engine, [`memory`] is the
//! naive reference, [`local`] the embedded engine, [`sealed`] the decorator that encrypts rows and records on their way
//! to any engine, [`HaltingStore`] what services are tested on, [`verify`] the offline proof of a data directory.

mod contract;
mod halting;

pub mod conformance;

pub mod local;
pub mod memory;
pub mod sealed;
pub mod verify;

use std::sync::Arc;

use strongroom_types::Timestamp;

pub use contract::{
    Batch, BlobStore, BlobWriter, Committed, Direction, Entry, Journal, MAX_COMMIT_BYTES, MAX_KEY_BYTES,
    MAX_READ_BYTES, MetaStore, Partition, Position, Precondition, Row, RowVersion, StagedBlob, StoreClock,
    StoreError, StoreHealth, Write, prefix_range,
};
pub use halting::HaltingStore;
pub use local::LocalStore;
pub use memory::MemoryStore;
pub use sealed::{CipherError, RowCipher, SealedStore};

/// Reads the wall clock. `server` passes the real one, tests one of their own.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Fills a buffer with random bytes.
pub type Entropy = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Takes a lock whose holder may have panicked: every structure here is replaced whole or not at all.
fn locked<T: ?Sized>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
