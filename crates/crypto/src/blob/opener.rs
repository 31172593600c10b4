//! Opening: sealed bytes in chunks of any size in, authentic plaintext out.

use std::fmt;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::layout::{
    AssociatedData, BlobBinding, FrameRange, HEADER, frame_plain_len, frame_range, last_frame, nonce,
    plain_len,
};
use crate::aead::Gcm;
use crate::error::OpenError;
use crate::limits::{FRAME_PLAIN_BYTES, TAG_BYTES};
use crate::secret::{DataKey, SecretBytes};

/// Opens a blob, or the frames of it that hold a range. Gives out a frame's plaintext only when it is authentic.
///
/// Read the bytes that [`sealed`](Self::sealed) names, push them in order, take plaintext until `None`, and at
/// the end call [`finish`](Self::finish), which fails when bytes are missing.
pub struct Opener {
    gcm: Gcm,
    aad: AssociatedData,
    plain_len: u64,
    range: FrameRange,
    /// The next frame to open.
    number: u64,
    /// Sealed bytes that are not opened yet.
    pending: BytesMut,
    /// Whether the header is still to come.
    header: bool,
}

impl Opener {
    /// Opens the bytes `plain` of a blob whose plaintext has `plain_len` bytes, as its row says.
    ///
    /// A wrong `plain_len` gives out no wrong byte and cannot go unnoticed where it matters: the last frame opens
    /// only as the last, and any other only as not the last.
    ///
    /// # Errors
    /// [`OpenError::Range`] and [`OpenError::Length`], when the range does not lie within the plaintext.
    pub fn new(
        key: &DataKey,
        binding: &BlobBinding<'_>,
        plain_len: u64,
        plain: Range<u64>,
    ) -> Result<Self, OpenError> {
        let range = frame_range(plain_len, plain)?;
        Ok(Self {
            gcm: Gcm::new(key.expose()),
            aad: AssociatedData::new(binding),
            plain_len,
            number: range.frames.start,
            header: range.frames.start == 0,
            range,
            pending: BytesMut::new(),
        })
    }

    /// Opens a whole blob.
    ///
    /// # Errors
    /// [`OpenError::Length`], when no blob has so many bytes.
    pub fn whole(key: &DataKey, binding: &BlobBinding<'_>, plain_len: u64) -> Result<Self, OpenError> {
        Self::new(key, binding, plain_len, 0..plain_len)
    }

    /// The bytes of the sealed blob to read and push.
    pub fn sealed(&self) -> Range<u64> {
        self.range.sealed.clone()
    }

    /// Takes sealed bytes. They are opened in place, without a copy, when the chunk is the only handle to them
    /// and holds whole frames.
    pub fn push(&mut self, sealed: Bytes) {
        if self.pending.is_empty() {
            self.pending = sealed.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        } else {
            self.pending.extend_from_slice(&sealed);
        }
    }

    /// The plaintext of the next frame, cut to the range asked for; `None` when more sealed bytes are needed, or
    /// all are opened. May be empty, for an empty blob or range.
    ///
    /// # Errors
    /// [`OpenError::Altered`] or [`OpenError::Format`]: stop, and give out nothing more.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, OpenError> {
        if self.number >= self.range.frames.end || !self.take_header()? {
            return Ok(None);
        }
        let plain_bytes = frame_plain_len(self.plain_len, self.number);
        if self.pending.len() < plain_bytes + TAG_BYTES {
            return Ok(None);
        }
        let mut frame = self.pending.split_to(plain_bytes + TAG_BYTES);
        self.open_frame(&mut frame)?;
        frame.truncate(plain_bytes);
        let wanted = self.wanted(plain_bytes);
        self.number += 1;
        Ok(Some(frame.freeze().slice(wanted)))
    }

    /// Opens all bytes that [`sealed`](Self::sealed) names at once, where they lie, and says where among them the
    /// plaintext of each frame is, cut to the range asked for.
    ///
    /// # Errors
    /// [`OpenError`]: give out nothing.
    pub fn open_in_place(mut self, sealed: &mut [u8]) -> Result<Vec<Range<usize>>, OpenError> {
        let mut at = 0;
        if self.header {
            check_header(sealed)?;
            at = HEADER.len();
        }
        let mut plain = Vec::with_capacity(1);
        while self.number < self.range.frames.end {
            let plain_bytes = frame_plain_len(self.plain_len, self.number);
            let end = at + plain_bytes + TAG_BYTES;
            let frame = sealed.get_mut(at..end).ok_or(OpenError::Length)?;
            self.open_frame(frame)?;
            let wanted = self.wanted(plain_bytes);
            plain.push(at + wanted.start..at + wanted.end);
            self.number += 1;
            at = end;
        }
        if at == sealed.len() { Ok(plain) } else { Err(OpenError::Length) }
    }

    /// Opens the next frame in place.
    fn open_frame(&mut self, frame: &mut [u8]) -> Result<(), OpenError> {
        let last = self.number == last_frame(self.plain_len);
        self.gcm.open(nonce(self.number, last), self.aad.of_frame(self.number), frame).map(|_| ())
    }

    /// The end: all frames were opened, and nothing follows them.
    ///
    /// # Errors
    /// [`OpenError::Length`], when sealed bytes are missing or left over.
    pub fn finish(self) -> Result<(), OpenError> {
        let complete = self.number >= self.range.frames.end && self.pending.is_empty();
        if complete { Ok(()) } else { Err(OpenError::Length) }
    }

    /// Checks the header, once it is there. False while it is not.
    fn take_header(&mut self) -> Result<bool, OpenError> {
        if !self.header {
            return Ok(true);
        }
        if self.pending.len() < HEADER.len() {
            return Ok(false);
        }
        check_header(&self.pending)?;
        let _ = self.pending.split_to(HEADER.len());
        self.header = false;
        Ok(true)
    }

    /// Which bytes of the current frame's plaintext lie in the range asked for.
    fn wanted(&self, plain_bytes: usize) -> Range<usize> {
        let start = self.number * FRAME_PLAIN_BYTES as u64;
        let within = |position: u64| {
            usize::try_from(position.saturating_sub(start)).unwrap_or(usize::MAX).min(plain_bytes)
        };
        within(self.range.plain.start)..within(self.range.plain.end)
    }
}

/// Whether bytes begin as a blob does.
fn check_header(sealed: &[u8]) -> Result<(), OpenError> {
    match sealed.first_chunk() {
        Some(&HEADER) => Ok(()),
        Some([found, ..]) if *found != HEADER[0] => Err(OpenError::Format { found: *found }),
        Some(_) => Err(OpenError::Altered),
        None => Err(OpenError::Length),
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("range", &self.range)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Opens a blob that is in memory as a whole; the length of its plaintext follows from its own.
///
/// # Errors
/// [`OpenError`]: the bytes are not a blob of this key and binding, or not the whole of it.
pub fn open_blob(key: &DataKey, binding: &BlobBinding<'_>, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let length = plain_len(sealed.len() as u64).ok_or(OpenError::Length)?;
    let mut opener = Opener::whole(key, binding, length)?;
    opener.push(Bytes::copy_from_slice(sealed));
    let mut out = Vec::with_capacity(sealed.len());
    while let Some(plain) = opener.next_frame()? {
        out.extend_from_slice(&plain);
    }
    opener.finish()?;
    Ok(out)
}

/// Opens one frame in place: `frame` is its ciphertext and tag, without the header. What a scrubber needs.
///
/// # Errors
/// [`OpenError`]: it is not frame `number` of a blob of `plain_len` bytes under this key and binding.
pub fn open_frame<'a>(
    key: &DataKey,
    binding: &BlobBinding<'_>,
    plain_len: u64,
    number: u64,
    frame: &'a mut [u8],
) -> Result<&'a mut [u8], OpenError> {
    if number > last_frame(plain_len) || frame.len() != frame_plain_len(plain_len, number) + TAG_BYTES {
        return Err(OpenError::Length);
    }
    let mut aad = AssociatedData::new(binding);
    let last = number == last_frame(plain_len);
    Gcm::new(key.expose()).open(nonce(number, last), aad.of_frame(number), frame)
}

/// The fuzz entry for sealed blobs: arbitrary bytes never open and never panic, in whatever chunks they come.
#[doc(hidden)]
pub fn fuzz_sealed_blob(data: &[u8]) {
    let Ok(object) = strongroom_types::ObjectKey::parse("k") else { return };
    let binding = BlobBinding {
        bucket: strongroom_types::BucketId::from_bytes([1; 16]),
        key: &object,
        blob: strongroom_types::BlobId::from_bytes([2; 16]),
    };
    let key = DataKey::from_secret(SecretBytes::take(&mut [3; 32]));
    assert!(open_blob(&key, &binding, data).is_err(), "arbitrary bytes opened");
    let Some((step, rest)) = data.split_first() else { return };
    let length = rest.len() as u64;
    if let Ok(mut opener) = Opener::new(&key, &binding, length, length / 3..length) {
        for chunk in rest.chunks(usize::from(*step).max(1)) {
            opener.push(Bytes::copy_from_slice(chunk));
            if opener.next_frame().is_err() {
                return;
            }
        }
    }
}
