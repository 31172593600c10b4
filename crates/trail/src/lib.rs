//! What becomes of records: kept in an archive, read in order by named cursors, shown as AWS shows them.
//!
//! In reading order: [`Archive`] keeps records in sealed chunks and finds them again, [`Archiver`] is the task that moves
//! them there and alone trims the journal, [`Cursor`] reads archive and journal as one, at least once and in order,
//! [`Joiner`] puts the parts of a request's record together, [`cloudtrail`] and [`access_log`] show it as lines, and
//! [`AuditLog`] writes those lines to a file.
//!
//! Nothing here knows how records come about, nor of keys: what is sealed goes through [`ChunkSeal`].

mod archive;
mod audit_log;
mod cursor;
mod error;
mod fingerprint;
mod join;
mod limits;

pub mod access_log;
pub mod cloudtrail;

pub use archive::{
    Archive, ArchiveFault, ArchiveSettings, Archiver, ChunkProof, ChunkSeal, Held, Proof, Query, SealError,
    chunk_files, fuzz_chunk, prove, prove_chunk,
};
pub use audit_log::{AuditLog, AuditLogSettings};
pub use cursor::Cursor;
pub use error::TrailError;
pub use join::{Ending, Event, Joined, Joiner};
pub use limits::{
    CHUNK_AGE, CHUNK_BYTES, MAX_PENDING_BYTES, MAX_PENDING_REQUESTS, MIN_ARCHIVE_BYTES, REQUEST_WAIT,
};

#[cfg(test)]
mod testing;
