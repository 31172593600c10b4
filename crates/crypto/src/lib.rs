//! The sealed formats: how object bytes, rows, records, secrets and keys look at rest, and the digests that
//! are computed beside.
//!
//! Nothing here does I/O or knows of time, and nothing here has entropy of its own: random bytes come in as
//! arguments or through [`Entropy`]. The formats are described byte by byte in `docs/formats/sealed-blob.md`
//! and `docs/formats/keys.md`.
//!
//! In reading order:
//! - `secret`: 32-byte keys that zero themselves and never show themselves; where entropy comes from.
//! - `aead`: AES-256-GCM and its extended-nonce form, the only place that calls the cipher.
//! - `blob`: sealed objects: frames, [`Sealer`], [`Opener`], and the arithmetic of ranges.
//! - `envelope`: sealed rows, records, secrets and tokens.
//! - `wrap`: data keys at rest: [`KeyWrapper`], [`WrappedKey`], [`EncryptionContext`].
//! - `customer`: data keys that only a customer's key unwraps ([`CustomerKey`]).
//! - `keyring`: root key → epoch keys → the keys of each purpose.
//! - `digest`: ETags, checksums and payload hashes in one pass.

mod aead;
mod blob;
mod customer;
mod digest;
mod envelope;
mod error;
mod keyring;
pub mod limits;
mod secret;
mod wrap;

pub use blob::{
    BlobBinding, Buffer, BufferPool, FrameRange, Opener, SealedEnd, Sealer, frame_range, open_blob,
    open_frame, plain_len, seal_blob, sealed_len,
};
pub use customer::{CustomerKey, CustomerPlace, prove_outer};
pub use digest::{
    Checksum, ChecksumAlgorithm, ChecksumParseError, ChecksumSet, ChecksumType, CombineError, Digests,
    Md5Digest, Md5Lanes, Md5Stream, MultiDigest, MultipartChecksum, Sha256Digest, combine_full_object,
    composite_checksum, multipart_etag,
};
pub use envelope::{RowKey, SecretKey, sealed_epoch};
pub use error::{KeyringError, OpenError, WrapError};
pub use keyring::{EpochId, Keyring, Purpose, RootKey, RootKeyCheck};
pub use secret::{DataKey, Entropy, NewDataKey, SecretBytes};
pub use wrap::{
    BucketKey, EncryptionContext, EncryptionContextError, KeyWrapper, WrappedKey, WrapperId, rewrap,
};

#[doc(hidden)]
pub use blob::{fuzz_changed_blob, fuzz_sealed_blob};
#[doc(hidden)]
pub use digest::fuzz_checksum_text;
#[doc(hidden)]
pub use envelope::fuzz_sealed_row;
#[doc(hidden)]
pub use keyring::fuzz_keyring;
#[doc(hidden)]
pub use wrap::fuzz_wrapped_key;
