//! Limits of buckets and their configurations.

/// Buckets that an account may own. Source: S3 User Guide, "Bucket quotas, limitations, and restrictions" (the default
/// quota for general purpose buckets).
pub const MAX_BUCKETS_PER_ACCOUNT: usize = 10_000;

/// Tags of a bucket. Source: S3 User Guide, "Using cost allocation S3 bucket tags".
pub const MAX_BUCKET_TAGS: usize = 50;

/// Characters of a tag's key. Source: as [`MAX_BUCKET_TAGS`].
pub const MAX_TAG_KEY_CHARS: usize = 128;

/// Characters of a tag's value. Source: as [`MAX_BUCKET_TAGS`].
pub const MAX_TAG_VALUE_CHARS: usize = 256;

/// Rules of a CORS configuration. Source: S3 API Reference, "PutBucketCors".
pub const MAX_CORS_RULES: usize = 100;

/// Bytes of a CORS configuration as it is stored. Source: S3 API Reference, "PutBucketCors" (64 KB).
pub const MAX_CORS_BYTES: usize = 64 << 10;

/// Characters of a CORS rule's id. Source: S3 API Reference, "CORSRule".
pub const MAX_CORS_ID_CHARS: usize = 255;

/// Bytes of an `Origin` or `Access-Control-Request-Headers` that is looked at; longer ones match no rule.
pub const MAX_CORS_REQUEST_BYTES: usize = 4096;

/// Routing rules of a website. Source: S3 User Guide, "Configuring a webpage redirect".
pub const MAX_ROUTING_RULES: usize = 50;

/// Tries of a change whose bucket is changed by others meanwhile, before it is answered `OperationAborted`.
pub(crate) const MAX_TRIES: usize = 8;

/// Rows read at a time while buckets are listed or purged.
pub(crate) const ROWS_AT_A_TIME: usize = 1000;

/// Buckets whose rows are looked up at a time while they are listed.
pub(crate) const LOOKUPS_AT_A_TIME: usize = 32;

const _: () = assert!(ROWS_AT_A_TIME <= MAX_BUCKETS_PER_ACCOUNT);
