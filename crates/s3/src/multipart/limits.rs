//! Limits of multipart uploads.
//!
//! Source of all: S3 User Guide, "Amazon S3 multipart upload limits".

use strongroom_storage::MAX_COMMIT_BYTES;

use crate::limits::{MAX_PART_NUMBER, MAX_PUT_BYTES};

/// Least size of every part but the last.
pub const MIN_PART_BYTES: u64 = 5 << 20;

/// Largest part.
pub const MAX_PART_BYTES: u64 = MAX_PUT_BYTES;

/// Largest object: 48.8 TiB, which is as many parts as there can be, each of the largest size. So nothing has to be
/// checked beside the parts.
pub const MAX_OBJECT_BYTES: u64 = MAX_PART_BYTES * MAX_PART_NUMBER as u64;

/// What one part can take at most in the commit that completes or aborts its upload: the row's key, the blob released,
/// its place in the layout, and what the engine adds.
const MAX_PART_COMMIT_BYTES: u64 = 160;

const _: () = assert!(MAX_OBJECT_BYTES / (1 << 40) == 48);
const _: () = assert!(MAX_PART_COMMIT_BYTES * (MAX_PART_NUMBER as u64) < MAX_COMMIT_BYTES / 4);
