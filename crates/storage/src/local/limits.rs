//! What the engine holds to, each with its reason.

use std::time::Duration;

use crate::contract::MAX_COMMIT_BYTES;

/// Commits that share a frame, at most. DESIGN, "Commit".
pub(crate) const GROUP_COMMITS: usize = 256;

/// Bytes after which a frame takes no further commit. DESIGN, "Commit": larger ones would make their sync too slow.
pub(crate) const GROUP_BYTES: u64 = 4 << 20;

/// Largest meta or blob section that a decoder believes in: the largest commit, with its inline blobs, on top of an
/// almost full group.
pub(crate) const SECTION_BYTES: u32 = 48 << 20;

/// Bytes of commits that wait or are being written. DESIGN, "Commit".
pub(crate) const QUEUE_BYTES: u64 = 32 << 20;

/// How long a commit waits for room in the queue before it is told [`Busy`](crate::StoreError::Busy).
pub(crate) const QUEUE_WAIT: Duration = Duration::from_secs(10);

/// Size from which a segment is followed by a new one. DESIGN, "Files".
pub(crate) const SEGMENT_BYTES: u64 = 256 << 20;

/// Sealed bytes up to which a blob travels in the commit's frame. DESIGN, "Blobs": one file each is slower than packed
/// by 10× at 4 KiB and 1.0–1.8× at 256 KiB.
pub(crate) const INLINE_BYTES: u64 = 256 << 10;

/// Bytes of a large blob gathered before they are written.
pub(crate) const BLOB_WRITE_BYTES: usize = 1 << 20;

/// Size at which a memtable is sealed. DESIGN, "Flush".
pub(crate) const MEMTABLE_BYTES: u64 = 16 << 20;

/// Sealed memtables beyond which commits wait. DESIGN, "Flush".
pub(crate) const SEALED_MEMTABLES: usize = 2;

/// Size of a table below the first level. Flushes wait for a step of compaction, which rewrites about eleven tables.
pub(crate) const TABLE_BYTES: u64 = 16 << 20;

/// Steps of compaction between two flushes, at least: four flushes make a step of the first level, and about two for each
/// table in each level below.
pub(crate) const STEPS_A_FLUSH: usize = 4;

/// Rows of the tables for each mark of a deleted one, at least: with more marks they are brought down and go.
pub(crate) const ROWS_A_MARK: u64 = 8;

/// Blocks of the index kept in memory.
pub(crate) const CACHE_BYTES: u64 = 64 << 20;

/// Open files of the index.
pub(crate) const INDEX_FILES: usize = 256;

/// Open segments and blob files for reading.
pub(crate) const READ_FILES: usize = 128;

/// Size of the file `reserve`. DESIGN, "Disk full".
pub(crate) const RESERVE_BYTES: u64 = 256 << 20;

/// Free space under which writes stop: 5 % of the disk, within these bounds. Records, reclaim and the index need the
/// rest; what they need does not grow with the disk, so that a large one does not go to waste.
pub(crate) const LOW_WATER_BYTES: std::ops::RangeInclusive<u64> = 1 << 30..=4 << 30;

/// How long a look at the free space is believed.
pub(crate) const SPACE_AGE: Duration = Duration::from_secs(1);

/// How long released bytes stay after their last read, so that a download that has begun can end.
pub(crate) const RELEASE_GRACE: Duration = Duration::from_mins(5);

/// Released blobs that wait for their readers; beyond it the oldest inline ones go at once, and those files that nobody
/// has read for [`READ_PAUSE`].
pub(crate) const RELEASED_BLOBS: usize = 65_536;

/// How long a download that goes on may pause between two reads.
pub(crate) const READ_PAUSE: Duration = Duration::from_mins(1);

/// How far the wall clock may be behind the store clock before the store is not ready. DESIGN, "Time".
pub(crate) const CLOCK_LAG: Duration = Duration::from_mins(5);

/// Bytes of records that one read of the journal gives, unless a single position has more.
pub(crate) const JOURNAL_READ_BYTES: usize = 8 << 20;

/// Rows that a walk over the whole index reads at one view of it.
pub(crate) const ROWS_A_VIEW: usize = 10_000;

/// Bytes of the log after which a memtable is sealed, however few rows it holds: with large blobs the log grows much
/// faster than the index, and all of what is not in the tables is read again at the next start.
pub(crate) const REPLAY_BYTES: u64 = 1 << 30;

/// Distance between the marks that say where in a segment a position lies.
pub(crate) const MARK_BYTES: u64 = 1 << 20;

/// A sealed segment of which less than this is alive (thousandths of its length) is emptied: the log takes at most twice
/// what lives in it, once reclaim has had its time. DESIGN, "Reclaim".
pub(crate) const LIVE_SHARE: u64 = 500;

/// Blobs' bytes that one step of a segment's compaction copies.
pub(crate) const RELOCATE_BYTES: u64 = 1 << 20;

/// Blobs that one step of a segment's compaction copies: each costs a read of the index on the committer's thread while
/// other commits wait, some milliseconds in all. As many as a group has commits, so that where every commit frees a blob,
/// and so another one has to move, reclaim keeps up.
pub(crate) const RELOCATE_BLOBS: usize = GROUP_COMMITS;

/// Bytes a second that reclaim copies out of dying segments, unless room is short: what it reads was written once by
/// callers, what it writes comes on top. Where callers free more than it can keep up with, segments get emptier while
/// they wait, so that the same rate gives back more.
pub(crate) const RECLAIM_BYTES_PER_SECOND: u64 = 64 << 20;

/// What moving a blob costs beside its bytes, for the rate above: its entry in the log and its row in the index.
pub(crate) const MOVE_BYTES: u64 = 1024;

/// Files a second that reclaim unlinks, unless room is short: more than can be made, for each of them takes two syncs.
pub(crate) const UNLINKS_PER_SECOND: u64 = 4000;

/// Bytes of a table that the scrub reads at once.
pub(crate) const SCRUB_PIECE_BYTES: u64 = 1 << 20;

const _: () = assert!(GROUP_BYTES + MAX_COMMIT_BYTES + INLINE_BYTES < SECTION_BYTES as u64);
const _: () = assert!(GROUP_BYTES <= QUEUE_BYTES && MAX_COMMIT_BYTES <= QUEUE_BYTES);
