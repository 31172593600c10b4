//! Where rows, blobs and records live: three contracts, and the engines that keep them.
//!
//! [`MetaStore`] keeps rows and commits them together with blobs and records in one durable step, [`BlobStore`] keeps
//! sealed bytes, [`Journal`] keeps records in order. Services know the contracts only.

mod contract;

pub use contract::{
    MAX_READ_BYTES, Batch, BlobStore, BlobWriter, Committed, Direction, Entry, Journal, MetaStore, Partition, Position, Precondition,
    Row, RowVersion, StagedBlob, StoreClock, StoreError, StoreHealth, Write,
};
