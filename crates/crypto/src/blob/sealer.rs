//! Sealing: plaintext in chunks of any size in, sealed frames out.

use std::fmt;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::layout::{AssociatedData, BlobBinding, HEADER, nonce, sealed_len};
use super::pool::{Buffer, BufferPool};
use crate::aead::Gcm;
use crate::limits::{BLOB_HEADER_BYTES, FRAME_PLAIN_BYTES, FRAME_SEALED_BYTES, TAG_BYTES};
use crate::secret::NewDataKey;

/// Seals one blob. Holds at most one frame of plaintext.
///
/// ```
/// # use strongroom_crypto::{BlobBinding, Entropy, NewDataKey, Sealer};
/// # use strongroom_types::{BlobId, BucketId, ObjectKey};
/// # struct Fixed; impl Entropy for Fixed { fn fill(&self, out: &mut [u8]) { out.fill(4) } }
/// # let object_key = ObjectKey::parse("photos/1.jpg").unwrap();
/// # let binding = BlobBinding {
/// #     bucket: BucketId::from_bytes([1; 16]), key: &object_key, blob: BlobId::from_bytes([2; 16]) };
/// let mut sealer = Sealer::new(NewDataKey::generate(&Fixed), &binding, None);
/// let mut sealed = Vec::new();
/// let mut chunk = &b"plaintext"[..];
/// while let Some(frame) = sealer.push(&mut chunk) {
///     sealed.extend_from_slice(&frame);
/// }
/// let end = sealer.finish();
/// sealed.extend_from_slice(&end.frame);
/// assert_eq!((end.plain_len, end.sealed_len), (9, sealed.len() as u64));
/// ```
pub struct Sealer {
    gcm: Gcm,
    aad: AssociatedData,
    /// The frame being filled, after the header when it is the first.
    frame: Buffer,
    /// Where the buffers of further frames come from.
    pool: Option<Arc<BufferPool>>,
    /// Bytes of header at the beginning of `frame`.
    before: usize,
    number: u64,
}

/// The end of a sealed blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedEnd {
    /// The last frame (with the header, when it is also the first): the last bytes to store.
    pub frame: Bytes,
    /// Bytes of plaintext sealed.
    pub plain_len: u64,
    /// Bytes of the sealed blob, this frame included.
    pub sealed_len: u64,
}

impl Sealer {
    /// Begins a blob under a key that seals nothing else. `plain_len`, where it is known, only spares memory.
    pub fn new(key: NewDataKey, binding: &BlobBinding<'_>, plain_len: Option<u64>) -> Self {
        Self::with(key, binding, plain_len, None)
    }

    /// The same, with buffers of a pool for whole frames.
    pub fn pooled(
        key: NewDataKey,
        binding: &BlobBinding<'_>,
        plain_len: Option<u64>,
        pool: &Arc<BufferPool>,
    ) -> Self {
        Self::with(key, binding, plain_len, Some(pool.clone()))
    }

    #[expect(clippy::needless_pass_by_value, reason = "consumed, so that the key seals nothing else")]
    fn with(
        key: NewDataKey,
        binding: &BlobBinding<'_>,
        plain_len: Option<u64>,
        pool: Option<Arc<BufferPool>>,
    ) -> Self {
        let whole = FRAME_PLAIN_BYTES as u64;
        let first = usize::try_from(plain_len.unwrap_or(whole).min(whole)).unwrap_or(FRAME_PLAIN_BYTES);
        let mut frame = buffer(pool.as_ref(), BLOB_HEADER_BYTES + first + TAG_BYTES);
        frame.bytes_mut().extend_from_slice(&HEADER);
        Self {
            gcm: Gcm::new(key.key().expose()),
            aad: AssociatedData::new(binding),
            frame,
            pool,
            before: BLOB_HEADER_BYTES,
            number: 0,
        }
    }

    /// Takes plaintext until a frame is full and gives the frame, or `None` when the plaintext is used up.
    ///
    /// Call it until `None`. A frame is only given when more plaintext follows, since the last frame is sealed
    /// differently; so up to one frame is held back.
    pub fn push(&mut self, plain: &mut impl Buf) -> Option<Bytes> {
        while plain.has_remaining() {
            let room = FRAME_PLAIN_BYTES - self.filled();
            if room == 0 {
                return Some(self.seal(false));
            }
            let chunk = plain.chunk();
            let taken = chunk.len().min(room);
            self.frame.bytes_mut().extend_from_slice(chunk.get(..taken).unwrap_or_default());
            plain.advance(taken);
        }
        None
    }

    /// Seals the last frame.
    pub fn finish(mut self) -> SealedEnd {
        let plain_len = self.plain_len();
        SealedEnd { frame: self.seal(true), plain_len, sealed_len: sealed_len(plain_len) }
    }

    /// Bytes of plaintext taken so far.
    pub fn plain_len(&self) -> u64 {
        self.number * FRAME_PLAIN_BYTES as u64 + self.filled() as u64
    }

    fn filled(&self) -> usize {
        self.frame.as_ref().len() - self.before
    }

    fn seal(&mut self, last: bool) -> Bytes {
        let aad = self.aad.of_frame(self.number);
        let frame = self.frame.bytes_mut();
        let plain = frame.get_mut(self.before..).unwrap_or_default();
        let tag = self.gcm.seal(nonce(self.number, last), aad, plain);
        frame.extend_from_slice(&tag);
        let next = if last {
            Buffer::with_room(0)
        } else {
            self.number += 1;
            self.before = 0;
            buffer(self.pool.as_ref(), FRAME_SEALED_BYTES)
        };
        std::mem::replace(&mut self.frame, next).into_bytes()
    }
}

fn buffer(pool: Option<&Arc<BufferPool>>, bytes: usize) -> Buffer {
    pool.map_or_else(|| Buffer::with_room(bytes), |pool| pool.take(bytes))
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("plain_len", &self.plain_len()).finish_non_exhaustive()
    }
}

/// Seals a blob that is in memory as a whole.
pub fn seal_blob(key: NewDataKey, binding: &BlobBinding<'_>, plain: &[u8]) -> Vec<u8> {
    let length = plain.len() as u64;
    let mut out = Vec::with_capacity(usize::try_from(sealed_len(length)).unwrap_or(plain.len()));
    let mut sealer = Sealer::new(key, binding, Some(length));
    let mut rest = plain;
    while let Some(frame) = sealer.push(&mut rest) {
        out.extend_from_slice(&frame);
    }
    out.extend_from_slice(&sealer.finish().frame);
    out
}
