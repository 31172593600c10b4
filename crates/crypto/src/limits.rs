//! Sizes and bounds of the sealed formats.

/// Bytes of plaintext in each frame of a sealed blob but the last.
pub const FRAME_PLAIN_BYTES: usize = 64 * 1024;

/// Bytes of a GCM authentication tag.
pub const TAG_BYTES: usize = 16;

/// Bytes of a full frame as it lies in a sealed blob.
pub const FRAME_SEALED_BYTES: usize = FRAME_PLAIN_BYTES + TAG_BYTES;

/// Bytes of the header of a sealed blob.
pub const BLOB_HEADER_BYTES: usize = 4;

/// Most bytes of plaintext in one blob: 256 TiB, far above the largest object (48.8 TiB), so that no
/// arithmetic on lengths that pass this check can overflow.
pub const MAX_BLOB_PLAIN_BYTES: u64 = 1 << 48;

/// Bytes of the random nonce of an envelope, a wrapped key or a wrapped epoch.
pub const NONCE_BYTES: usize = 24;

/// Bytes of a symmetric key.
pub const KEY_BYTES: usize = 32;

/// Bytes that an envelope (row, record, secret, token) adds to its plaintext: format, epoch, nonce, tag.
pub const ENVELOPE_OVERHEAD_BYTES: usize = 1 + 4 + NONCE_BYTES + TAG_BYTES;

/// Most epochs in one keyring. An epoch is added when a key is destroyed, and dropped when nothing uses it.
pub const MAX_EPOCHS: usize = 1024;

/// Most bytes of the names and values of an encryption context together.
///
/// Source: AWS KMS Cryptographic Details, "Encryption context": 8,192 bytes.
pub const MAX_ENCRYPTION_CONTEXT_BYTES: usize = 8192;

/// Most bytes of a KMS key id in a wrapped key. Source: KMS API Reference, `KeyId`: 2,048 characters.
pub const MAX_KMS_KEY_ID_BYTES: usize = 2048;

/// Most bytes of key material in a wrapped key after its header (a KMS ciphertext may be longer than ours).
pub const MAX_WRAPPED_BYTES: usize = 6144;

/// Most parts of a multipart upload. Source: S3 User Guide, "Amazon S3 multipart upload limits".
pub const MAX_PARTS: usize = 10_000;

/// Piece of a large chunk that every digest sees before the next piece is touched, so that it is read from
/// memory once and from the first-level caches afterwards.
pub(crate) const DIGEST_PIECE_BYTES: usize = 16 * 1024;

const _: () = assert!(FRAME_SEALED_BYTES == FRAME_PLAIN_BYTES + TAG_BYTES);
