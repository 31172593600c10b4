//! What S3 computes over plaintext: the MD5 of the ETag, checksums, and the SHA-256 of the payload.

mod checksum;
mod lanes;
mod multi;
mod multipart;

pub use checksum::{
    Checksum, ChecksumAlgorithm, ChecksumParseError, ChecksumSet, ChecksumType, fuzz_checksum_text,
};
pub use lanes::{Md5Lanes, Md5Stream};
pub use multi::{Digests, Md5Digest, MultiDigest, Sha256Digest};
pub use multipart::{
    CombineError, MultipartChecksum, combine_full_object, composite_checksum, multipart_etag,
};
