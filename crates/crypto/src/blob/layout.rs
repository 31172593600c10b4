//! Where the frames of a blob lie, and what binds them to it.

use std::ops::Range;

use strongroom_types::{BlobId, BucketId, ObjectKey};

use crate::error::OpenError;
use crate::limits::{
    BLOB_HEADER_BYTES, FRAME_PLAIN_BYTES, FRAME_SEALED_BYTES, MAX_BLOB_PLAIN_BYTES, TAG_BYTES,
};

/// Format 1; cipher 1, AES-256-GCM; frames of 2¹⁶ bytes; zero.
pub(super) const HEADER: [u8; BLOB_HEADER_BYTES] = [1, 1, 16, 0];

const FRAME_PLAIN: u64 = FRAME_PLAIN_BYTES as u64;
const FRAME_SEALED: u64 = FRAME_SEALED_BYTES as u64;
const HEADER_LEN: u64 = BLOB_HEADER_BYTES as u64;
const TAG: u64 = TAG_BYTES as u64;

/// Where the number of the frame stands in the associated data.
const FRAME_NUMBER: Range<usize> = 36..44;

/// What a sealed blob is bound to: it opens for this object of this bucket, under this id, and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobBinding<'a> {
    /// The bucket's incarnation.
    pub bucket: BucketId,
    /// The object's key (a part's: the key of its upload).
    pub key: &'a ObjectKey,
    /// The blob's own id.
    pub blob: BlobId,
}

/// The associated data of a blob's frames: header, bucket, blob, frame number, object key. Only the last has a
/// length of its own, so no two bindings share an encoding.
#[derive(Debug)]
pub(super) struct AssociatedData(Vec<u8>);

impl AssociatedData {
    pub(super) fn new(binding: &BlobBinding<'_>) -> Self {
        let key = binding.key.as_bytes();
        let mut aad = Vec::with_capacity(FRAME_NUMBER.end + key.len());
        aad.extend_from_slice(&HEADER);
        aad.extend_from_slice(binding.bucket.as_bytes());
        aad.extend_from_slice(binding.blob.as_bytes());
        aad.extend_from_slice(&[0; 8]);
        aad.extend_from_slice(key);
        Self(aad)
    }

    pub(super) fn of_frame(&mut self, number: u64) -> &[u8] {
        if let Some(place) = self.0.get_mut(FRAME_NUMBER) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        &self.0
    }
}

/// The nonce of a frame: three zeros, its number, and 1 for the last frame.
///
/// INVARIANT: within a blob no two frames share a number, and a key seals one blob.
pub(super) fn nonce(number: u64, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(last);
    nonce
}

/// The number of the last frame of a blob of `plain_len` bytes.
pub(super) fn last_frame(plain_len: u64) -> u64 {
    plain_len.saturating_sub(1) / FRAME_PLAIN
}

/// Bytes of plaintext in frame `number` of a blob of `plain_len` bytes.
pub(super) fn frame_plain_len(plain_len: u64, number: u64) -> usize {
    let left = plain_len.saturating_sub(number.saturating_mul(FRAME_PLAIN)).min(FRAME_PLAIN);
    usize::try_from(left).unwrap_or(FRAME_PLAIN_BYTES)
}

/// Bytes of the sealed blob that holds `plain_len` bytes of plaintext.
///
/// Saturates beyond [`MAX_BLOB_PLAIN_BYTES`], which no blob reaches.
pub fn sealed_len(plain_len: u64) -> u64 {
    let frames = last_frame(plain_len).saturating_add(1);
    plain_len.saturating_add(frames.saturating_mul(TAG)).saturating_add(HEADER_LEN)
}

/// Bytes of plaintext in a sealed blob of `sealed_len` bytes; `None` for a length that no blob has.
pub fn plain_len(sealed_len: u64) -> Option<u64> {
    let framed = sealed_len.checked_sub(HEADER_LEN)?;
    let whole = framed / FRAME_SEALED;
    let rest = framed % FRAME_SEALED;
    let plain = match rest {
        0 if whole > 0 => whole * FRAME_PLAIN,
        TAG if whole == 0 => 0,
        _ if rest > TAG => whole * FRAME_PLAIN + (rest - TAG),
        _ => return None,
    };
    (plain <= MAX_BLOB_PLAIN_BYTES).then_some(plain)
}

/// Which sealed bytes hold a range of plaintext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameRange {
    /// The bytes of the sealed blob to read: whole frames, and the header before frame 0.
    pub sealed: Range<u64>,
    /// The frames' numbers.
    pub frames: Range<u64>,
    /// The plaintext asked for.
    pub plain: Range<u64>,
}

/// The frames that hold `plain`, a range of the `plain_len` bytes of a blob.
///
/// An empty range still names the frame in which it lies, so that even a read of nothing proves something.
///
/// # Errors
/// [`OpenError::Range`] when the range is inverted or reaches beyond the plaintext, [`OpenError::Length`] when
/// the plaintext is longer than a blob can be.
pub fn frame_range(plain_len: u64, plain: Range<u64>) -> Result<FrameRange, OpenError> {
    if plain_len > MAX_BLOB_PLAIN_BYTES {
        return Err(OpenError::Length);
    }
    if plain.start > plain.end || plain.end > plain_len {
        return Err(OpenError::Range);
    }
    let last = last_frame(plain_len);
    let first = (plain.start / FRAME_PLAIN).min(last);
    let end = (plain.end.max(plain.start + 1).saturating_sub(1) / FRAME_PLAIN).min(last) + 1;
    let sealed_start = if first == 0 { 0 } else { HEADER_LEN + first * FRAME_SEALED };
    let sealed_end = if end > last { sealed_len(plain_len) } else { HEADER_LEN + end * FRAME_SEALED };
    Ok(FrameRange { sealed: sealed_start..sealed_end, frames: first..end, plain })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_at_the_borders_of_frames_are_exact() {
        for (plain, sealed) in [
            (0, 4 + 16),
            (1, 4 + 17),
            (65_535, 4 + 65_551),
            (65_536, 4 + 65_552),
            (65_537, 4 + 65_552 + 17),
            (131_072, 4 + 2 * 65_552),
        ] {
            assert_eq!(sealed_len(plain), sealed);
            assert_eq!(plain_len(sealed), Some(plain));
        }
        for impossible in [0, 3, 4, 19, 4 + 65_552 + 16, 4 + 65_552 + 1, u64::MAX] {
            assert_eq!(plain_len(impossible), None, "{impossible}");
        }
        assert_eq!(sealed_len(u64::MAX), u64::MAX);
    }

    #[test]
    fn ranges_beyond_the_plaintext_are_refused() {
        assert_eq!(frame_range(10, 0..11), Err(OpenError::Range));
        #[expect(clippy::reversed_empty_ranges, reason = "the very thing that is refused")]
        let inverted = 5..4;
        assert_eq!(frame_range(10, inverted), Err(OpenError::Range));
        assert_eq!(frame_range(u64::MAX, 0..1), Err(OpenError::Length));
        assert_eq!(frame_range(0, 0..0).unwrap().sealed, 0..20);
        assert_eq!(frame_range(65_536, 65_536..65_536).unwrap().frames, 0..1);
    }

    proptest! {
        #[test]
        fn every_range_names_the_fewest_frames(
            len in 0u64..1_000_000,
            cut in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let size = usize::try_from(len).unwrap() + 1;
            let (a, b) = (cut.0.index(size) as u64, cut.1.index(size) as u64);
            let range = a.min(b)..a.max(b);
            let found = frame_range(len, range.clone()).unwrap();
            prop_assert!(found.frames.start * FRAME_PLAIN <= range.start);
            prop_assert!(found.frames.end * FRAME_PLAIN >= range.end);
            if !range.is_empty() {
                prop_assert_eq!(found.frames.start, range.start / FRAME_PLAIN);
                prop_assert_eq!(found.frames.end, (range.end - 1) / FRAME_PLAIN + 1);
            }
            let frames: u64 = found.frames.clone().map(|n| frame_plain_len(len, n) as u64 + TAG).sum();
            let header = if found.frames.start == 0 { HEADER_LEN } else { 0 };
            prop_assert_eq!(found.sealed.end - found.sealed.start, frames + header);
            prop_assert!(found.sealed.end <= sealed_len(len));
            prop_assert_eq!(plain_len(sealed_len(len)), Some(len));
        }
    }
}
