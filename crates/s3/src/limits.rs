//! Limits of buckets and objects.

use strongroom_crypto::limits::{BLOB_HEADER_BYTES, FRAME_PLAIN_BYTES, FRAME_SEALED_BYTES};
use strongroom_storage::MAX_READ_BYTES;

/// Largest object that one PutObject takes, and largest part. Source: S3 User Guide, "Uploading objects": 5 GB.
pub const MAX_PUT_BYTES: u64 = 5 << 30;

/// Largest source of a CopyObject. Source: S3 API Reference, CopyObject: 5 GB.
pub const MAX_COPY_SOURCE_BYTES: u64 = 5 << 30;

/// Most user metadata, names and values together. Source: S3 User Guide, "User-defined object metadata": 2 KB.
pub const MAX_USER_METADATA_BYTES: usize = 2048;

/// Most tags of an object. Source: S3 User Guide, "Categorizing your objects using tags".
pub const MAX_OBJECT_TAGS: usize = 10;

/// Longest tag key, in characters. Source: as [`MAX_OBJECT_TAGS`].
pub const MAX_TAG_KEY_CHARS: usize = 128;

/// Longest tag value, in characters. Source: as [`MAX_OBJECT_TAGS`].
pub const MAX_TAG_VALUE_CHARS: usize = 256;

/// Longest website redirect. Source: S3 User Guide, "Configuring a webpage redirect": 2 KB.
pub const MAX_WEBSITE_REDIRECT_BYTES: usize = 2048;

/// Most keys of one DeleteObjects. Source: S3 API Reference, DeleteObjects: 1000.
pub const MAX_DELETES: usize = 1000;

/// Most keys of a DeleteObjects that one commit deletes.
pub const DELETE_KEYS_PER_COMMIT: usize = 250;

/// Most changes of rows that one commit of a DeleteObjects collects before it is sent (a single object in 10,000 parts
/// goes over it, alone).
pub const DELETE_CHANGES_PER_COMMIT: usize = 10_000;

/// Least and greatest number of a part. Source: S3 User Guide, "Amazon S3 multipart upload limits".
pub const MAX_PART_NUMBER: u16 = 10_000;

/// Most parts that GetObjectAttributes shows at a time. Source: S3 API Reference, GetObjectAttributes.
pub const MAX_ATTRIBUTE_PARTS: i32 = 1000;

/// Most items of one page of a listing; who asks for more gets as many. Source: S3 API Reference, "ListObjectsV2",
/// `max-keys`, and the other listings' like parameters.
pub const MAX_LISTED: u16 = 1000;

/// Rows of parts that are read at a time.
pub const PART_PAGE_ROWS: usize = 1000;

/// How often a change is tried whose rows others changed meanwhile. From the second try on, the tries for a key queue
/// up, so that only newcomers can still come between.
pub const MAX_COMMIT_TRIES: usize = 32;

/// How often rows are read again that changed between two reads of one lookup.
pub const MAX_READ_TRIES: usize = 16;

/// Locks that order the tries for one key after a conflict; keys share them by hash.
pub const KEY_LOCKS: usize = 1024;

/// Plaintext of a body that is digested and sealed at a time. Bodies of at most this much are handled where they
/// arrive, all others on the threads for blocking work: 256 KiB take about half a millisecond.
pub const STORE_BATCH_BYTES: usize = 256 << 10;

/// Most pieces in which such a batch may come, so that a body of tiny pieces costs no more memory than another.
pub const STORE_BATCH_PIECES: usize = 1024;

/// Plaintext that a large upload may leave, beyond the batch in hand, for its MD5 to be computed in company. More fills
/// the lanes better; so much more memory is held of an upload that comes in faster than its MD5 is computed.
pub const MD5_LEFT_BYTES: usize = 512 << 10;

/// How much of that for each other upload that has left something: none for an upload alone.
pub const MD5_LEFT_FOR_EACH_OTHER_BYTES: usize = 128 << 10;

/// Plaintext of each upload in one round of the lanes, about a third of a millisecond: how long one that becomes due
/// waits for its place.
pub const MD5_ROUND_BYTES: usize = 128 << 10;

/// Plaintext that is read and opened at a time: a tenth of a millisecond's work, done where it is read. One such chunk is
/// under way to the client, and one is read ahead.
pub const READ_CHUNK_BYTES: u64 = 256 << 10;

/// Room of a buffer for a sealed frame: the first comes with the blob's header.
pub const FRAME_BUFFER_BYTES: usize = BLOB_HEADER_BYTES + FRAME_SEALED_BYTES;

/// Room of a buffer for a sealed chunk.
pub const CHUNK_BUFFER_BYTES: usize = BLOB_HEADER_BYTES + FRAMES_PER_CHUNK * FRAME_SEALED_BYTES;

/// Buffers of frames that are kept while nobody needs them: 16 MiB, about what 16 uploads have under way.
pub const IDLE_FRAME_BUFFERS: usize = 256;

/// Buffers of chunks that are kept while nobody needs them: 8 MiB, what 16 downloads have under way.
pub const IDLE_CHUNK_BUFFERS: usize = 32;

const FRAMES_PER_CHUNK: usize = 4;
const _: () = assert!(READ_CHUNK_BYTES.is_multiple_of(FRAME_PLAIN_BYTES as u64));
const _: () = assert!(FRAMES_PER_CHUNK as u64 * FRAME_PLAIN_BYTES as u64 == READ_CHUNK_BYTES);
const _: () = assert!(CHUNK_BUFFER_BYTES as u64 <= MAX_READ_BYTES);
const _: () = assert!(STORE_BATCH_BYTES >= FRAME_PLAIN_BYTES);
const _: () = assert!(DELETE_KEYS_PER_COMMIT <= MAX_DELETES);
const _: () = assert!(MAX_COPY_SOURCE_BYTES <= MAX_PUT_BYTES);
