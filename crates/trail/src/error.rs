//! What can go wrong with records that are kept.

use std::io;

use strongroom_record::RecordError;
use strongroom_storage::{Position, StoreError};

/// Why the archive, a cursor or the audit log did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// Rows or the journal.
    #[error("the store did not answer as needed")]
    Store(#[from] StoreError),
    /// A file of the archive, or the audit log's.
    #[error("{what} failed; see that the disk has room and the directory belongs to the server's user")]
    Io {
        /// The operation.
        what: &'static str,
        /// Its error.
        #[source]
        source: io::Error,
    },
    /// A chunk is not what was written.
    #[error("a chunk of the archive is damaged: {what}")]
    Damaged {
        /// What does not hold.
        what: &'static str,
    },
    /// Records that should be kept are in no chunk. Restore the missing files of `archive/` from a backup.
    #[error("the archive has no chunk for the records behind position {}", after.0)]
    Missing {
        /// The position behind which they should be.
        after: Position,
    },
    /// Bytes at this position are not a record that this version knows.
    #[error("the record at position {} cannot be read", position.0)]
    Record {
        /// Where.
        position: Position,
        /// Why.
        #[source]
        source: RecordError,
    },
    /// Cursors' names have 1 to 64 of `a-z`, `0-9`, `-`.
    #[error("a cursor's name has 1 to 64 of a-z, 0-9 and -")]
    Name,
    /// The runtime is going down.
    #[error("the server is stopping")]
    Stopping,
}

impl TrailError {
    pub(crate) fn io(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

/// Runs file work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, TrailError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| TrailError::Stopping)
}
