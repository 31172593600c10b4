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

/// Distance between the marks that say where in a segment a position lies.
pub(crate) const MARK_BYTES: u64 = 1 << 20;

/// Blobs' bytes that one step of a segment's compaction copies.
pub(crate) const RELOCATE_BYTES: u64 = 1 << 20;

const _: () = assert!(GROUP_BYTES + MAX_COMMIT_BYTES + INLINE_BYTES < SECTION_BYTES as u64);
const _: () = assert!(GROUP_BYTES <= QUEUE_BYTES && MAX_COMMIT_BYTES <= QUEUE_BYTES);
