//! Limits, with their reasons.

use std::time::Duration;

use strongroom_storage::MAX_COMMIT_BYTES;

/// Age of its first record at which a chunk is closed (DESIGN, "Records' way").
pub const CHUNK_AGE: Duration = Duration::from_mins(5);

/// Bytes of records at which a chunk is closed, before compression (DESIGN, "Records' way").
pub const CHUNK_BYTES: u64 = 16 << 20;

/// Bytes of records in a block: what a look-up opens for one hit.
pub(crate) const BLOCK_BYTES: usize = 256 << 10;

/// Most bytes of a block: a full one, and the records of one position, which are never split.
pub(crate) const MAX_BLOCK_BYTES: usize = BLOCK_BYTES + (32 << 20);
const _: () = assert!((MAX_BLOCK_BYTES - BLOCK_BYTES) as u64 >= 2 * MAX_COMMIT_BYTES);

/// Most bytes of a chunk's index, uncompressed. Bounded by the records: an entry is smaller than what it points at.
pub(crate) const MAX_INDEX_BYTES: usize = 128 << 20;

/// Smallest cap on the archive's size: less would keep nothing long enough to be read.
pub const MIN_ARCHIVE_BYTES: u64 = 64 << 20;
const _: () = assert!(MIN_ARCHIVE_BYTES >= 2 * CHUNK_BYTES);

/// Records read from the journal or the archive at once.
pub(crate) const READ_RECORDS: usize = 512;

/// How often the archiver looks whether there are new records. A look costs one atomic read.
pub(crate) const ARCHIVER_POLL: Duration = Duration::from_secs(1);

/// How often retention is looked at when no chunk was written.
pub(crate) const RETENTION_EVERY: Duration = Duration::from_hours(1);

/// Longest wait between tries after a failure.
pub(crate) const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// Longest name of a cursor.
pub(crate) const MAX_CURSOR_NAME_BYTES: usize = 64;

/// Most cursors that retention asks about.
pub(crate) const MAX_CURSORS: usize = 10_000;

/// How long a decided request may wait for its second part before it is given out without. AWS delivers within
/// about 5 minutes on average (CloudTrail User Guide, "How CloudTrail works"); a longer download is amended at its end.
pub const REQUEST_WAIT: Duration = Duration::from_mins(15);

/// Requests that may wait for their second part: twice what the server lets run at once.
pub const MAX_PENDING_REQUESTS: usize = 32_768;

/// Bytes of records that may wait.
pub const MAX_PENDING_BYTES: usize = 64 << 20;

/// Requests given out without their second part whose end is still noted.
pub(crate) const MAX_LATE_REQUESTS: usize = 4096;

/// How often the audit log looks for new records; lines appear within a second.
pub(crate) const AUDIT_POLL: Duration = Duration::from_millis(100);

/// How often the audit log is synced and its cursor committed while lines are written.
pub(crate) const AUDIT_SYNC_EVERY: Duration = Duration::from_secs(1);

/// How long the audit log goes on reading after it was told to stop.
pub(crate) const AUDIT_DRAIN: Duration = Duration::from_secs(5);

/// Most bytes of lines written at once.
pub(crate) const AUDIT_WRITE_BYTES: usize = 1 << 20;

/// Sizes of CloudTrail's fields (CloudTrail User Guide, "CloudTrail record contents").
pub(crate) mod cloudtrail {
    /// `userAgent`, `errorCode`, `errorMessage`, `requestID`, and every other single text.
    pub(crate) const TEXT_BYTES: usize = 1024;
    /// Texts within `additionalEventData`.
    pub(crate) const SHORT_BYTES: usize = 512;
    /// An object's ARN holds a key of up to 1024 bytes.
    pub(crate) const ARN_BYTES: usize = 2048;
    /// `requestParameters`, `responseElements`.
    pub(crate) const PARAMETERS_BYTES: usize = 100 << 10;
    /// `additionalEventData`.
    pub(crate) const ADDITIONAL_BYTES: usize = 28 << 10;
    // Five texts, of whose bytes JSON may write each as six.
    const _: () = assert!(6 * 5 * SHORT_BYTES < ADDITIONAL_BYTES);
    /// `resources`: ours, so that the event's limit holds.
    pub(crate) const RESOURCES: usize = 20;
    /// A whole event.
    pub(crate) const EVENT_BYTES: usize = 256 << 10;
}
