//! The limits of this crate, with unit and reason.

use std::time::Duration;

/// Most clients of one side. Each has one connection.
pub const MAX_CLIENTS: usize = 4096;

/// Most rounds of a cell.
pub const MAX_ROUNDS: usize = 1000;

/// Most bytes of one object. One buffer of the largest size is held.
pub const MAX_OBJECT_BYTES: u64 = 1024 * 1024 * 1024;

/// Most keys of one key space.
pub const MAX_KEYS: u64 = 100_000_000;

/// Keys of one page of a listing.
///
/// Source: S3 API Reference, `ListObjectsV2`, `max-keys`.
pub const LIST_PAGE_KEYS: u64 = 1000;

/// Keys of one DeleteObjects that is measured.
pub const DELETE_BATCH_KEYS: u64 = 100;

/// Bytes that are read at once. A client keeps one such buffer: large enough for few system calls, small enough to stay
/// in the core's cache.
pub(crate) const READ_BUFFER_BYTES: usize = 128 * 1024;

/// Bytes of an answer's head.
pub(crate) const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Header lines of an answer.
pub(crate) const MAX_HEADER_LINES: usize = 100;

/// Bytes of an answer that is kept: a page of 1,000 keys takes about 300 KiB, and keys may be longer.
pub(crate) const MAX_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// How long finding and reaching a server may take, its TLS handshake included.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one request may take that is not measured: making, listing, emptying and removing the bucket.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a round may go on beyond its duration before its clients are given up. An object of the largest size takes
/// long on a slow server.
pub(crate) const ROUND_GRACE: Duration = Duration::from_mins(2);

/// How long a client may finish what it does after an interruption, before its connection is cut.
pub(crate) const INTERRUPT_GRACE: Duration = Duration::from_secs(2);

/// How long a client waits after a failed request, so that a server that is gone is not flooded.
pub(crate) const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(10);

/// A fill gives up after this many failures of one client in a row.
pub(crate) const MAX_FILL_FAILURES: u32 = 5;

/// A cell of deletions fills and deletes until its duration is measured, but goes on no longer than this many times its
/// duration, filling included.
pub(crate) const DELETE_CELL_STRETCH: u32 = 4;

/// Bytes that a probe of a disk appends between two syncs: a block at least, and no more than a group commit holds.
pub(crate) const DISK_GROUP_BYTES: std::ops::RangeInclusive<u64> = 4096..=4 * 1024 * 1024;

/// How long such a probe lasts at most.
pub(crate) const DISK_PROBE_TIME: Duration = Duration::from_secs(1);

/// Bytes after which it ends.
pub(crate) const DISK_PROBE_BYTES: u64 = 1024 * 1024 * 1024;

/// Tries to empty and remove the bucket: a write that was cut off may land after the listing.
pub(crate) const CLEAN_TRIES: u32 = 5;

const _: () = assert!(MAX_HEAD_BYTES <= READ_BUFFER_BYTES, "a head is parsed where it was read");
