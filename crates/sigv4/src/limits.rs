//! The limits of this crate, with unit and source.

use std::time::Duration;

/// How far a request's time may lie from the server's, either way.
///
/// Source: S3 API Reference, "Error responses", `RequestTimeTooSkewed`.
pub const MAX_CLOCK_SKEW: Duration = Duration::from_mins(15);

/// Longest life of a presigned URL, in seconds: a week. The shortest is one second.
///
/// Source: S3 API Reference, "Authenticating Requests: Using Query Parameters", `X-Amz-Expires`.
pub const MAX_PRESIGN_SECONDS: u32 = 604_800;

/// Longest time between the signing of a form and its use: the life of a signing key.
///
/// DEVIATION: AWS documents seven days for the key and does not say that a policy's later end is cut to it.
///
/// Source: S3 API Reference, "Authenticating Requests in Browser-Based Uploads Using POST".
pub const MAX_POST_AGE: Duration = Duration::from_hours(7 * 24);

/// Most query parameters of one request. AWS's largest operation has fewer than forty.
pub const MAX_QUERY_PARAMETERS: usize = 256;

/// Most names in a list of signed headers; the listener admits no more header lines.
pub const MAX_SIGNED_HEADERS: usize = 128;

/// Longest signature text that is kept for an error body, in bytes; a real one has 64.
pub const MAX_SIGNATURE_BYTES: usize = 256;

/// Longest session token, in bytes. AWS's documented ones stay below half of it.
pub const MAX_SESSION_TOKEN_BYTES: usize = 8192;

/// Longest credential (`id/date/region/service/aws4_request`), in bytes.
pub const MAX_CREDENTIAL_BYTES: usize = 256;

/// Derived signing keys kept by one cache.
pub const SIGNING_KEY_CACHE_ENTRIES: usize = 1024;

/// Parts of the cache, each behind a lock of its own.
pub const SIGNING_KEY_CACHE_SHARDS: usize = 16;

/// Longest line before a chunk's data, in bytes, line end included: 16 digits, the extension and 64 digits fit.
pub const MAX_CHUNK_LINE_BYTES: usize = 128;

/// Most hexadecimal digits of a chunk's size.
pub const MAX_CHUNK_SIZE_DIGITS: usize = 16;

/// Smallest data chunk that another data chunk may follow, in bytes.
///
/// Source: S3 API Reference, "Signature Calculations … Transferring Payload in Multiple Chunks", and the error
/// `InvalidChunkSizeError`.
pub const MIN_INNER_CHUNK_BYTES: u64 = 8192;

/// Longest trailer line, in bytes.
pub const MAX_TRAILER_LINE_BYTES: usize = 1024;

/// Most trailer headers of one body, the signature not counted.
pub const MAX_TRAILERS: usize = 16;

/// Longest policy of a form in Base64, in bytes: all fields before the file fit in 20 KB.
///
/// Source: S3 API Reference, "POST Object", and the error `MaxPostPreDataLengthExceededError`.
pub const MAX_POST_POLICY_BYTES: usize = 20 * 1024;

/// Most conditions of a form policy.
pub const MAX_POST_CONDITIONS: usize = 256;

const _: () = assert!(MAX_CHUNK_LINE_BYTES > MAX_CHUNK_SIZE_DIGITS + ";chunk-signature=".len() + 64 + 2);
const _: () = assert!(SIGNING_KEY_CACHE_ENTRIES.is_multiple_of(SIGNING_KEY_CACHE_SHARDS));
