//! What remains to be checked while a body passes.

use aws_lc_rs::digest;
use bytes::Bytes;
use subtle::ConstantTimeEq as _;

use crate::chunked::{ChunkDecoder, ChunkedBody, Trailers};
use crate::error::BodyError;

/// What the signature of a head still asks of the body.
#[derive(Debug)]
#[must_use = "the body has to be checked still"]
pub enum PayloadCheck {
    /// That it has this SHA-256.
    Sha256([u8; 32]),
    /// Nothing.
    Unsigned,
    /// That its chunks decode and, where they are signed, bear the signatures that follow from the head's.
    Chunked(Box<ChunkedBody>),
}

/// Compares the SHA-256 of what passes with the one that was signed.
pub struct PayloadHasher {
    context: digest::Context,
    expected: [u8; 32],
}

impl PayloadHasher {
    /// Expects a body of this hash.
    pub fn new(expected: [u8; 32]) -> Self {
        Self { context: digest::Context::new(&digest::SHA256), expected }
    }

    /// Takes the next bytes of the body.
    pub fn update(&mut self, data: &[u8]) {
        self.context.update(data);
    }

    /// Ends the body.
    ///
    /// # Errors
    /// [`BodyError::Sha256Mismatch`].
    pub fn finish(self) -> Result<(), BodyError> {
        let server = sha256_array(&self.context.finish());
        if bool::from(server.ct_eq(&self.expected)) {
            Ok(())
        } else {
            Err(BodyError::Sha256Mismatch { client: self.expected, server })
        }
    }
}

impl std::fmt::Debug for PayloadHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PayloadHasher").field("expected", &hex::encode(self.expected)).finish_non_exhaustive()
    }
}

pub(crate) fn sha256_array(digest: &digest::Digest) -> [u8; 32] {
    let mut bytes = [0; 32];
    // INVARIANT: a SHA-256 digest has 32 bytes.
    for (slot, byte) in bytes.iter_mut().zip(digest.as_ref()) {
        *slot = *byte;
    }
    bytes
}

/// Proof that a whole body passed and is what was signed. Only [`BodyDecoder::finish`] and
/// [`ChunkDecoder::finish`] make one.
#[derive(Debug)]
pub struct VerifiedBody {
    bytes: u64,
    trailers: Trailers,
}

impl VerifiedBody {
    pub(crate) fn new(bytes: u64, trailers: Trailers) -> Self {
        Self { bytes, trailers }
    }

    /// Decoded length, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The trailer headers of an aws-chunked body; empty for others.
    pub fn trailers(&self) -> &Trailers {
        &self.trailers
    }
}

/// A body on its way, whatever its form.
///
/// What [`BodyDecoder::feed`] gives out is *not verified*: keep it apart (a staged blob) until
/// [`BodyDecoder::finish`] gives its proof. After an error all further calls fail.
#[derive(Debug)]
pub struct BodyDecoder {
    bytes: u64,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Hashed(PayloadHasher),
    Unsigned,
    Chunked(Box<ChunkDecoder>),
}

impl BodyDecoder {
    /// Decodes a body under a check.
    pub fn new(check: PayloadCheck) -> Self {
        let form = match check {
            PayloadCheck::Sha256(hash) => Form::Hashed(PayloadHasher::new(hash)),
            PayloadCheck::Unsigned => Form::Unsigned,
            PayloadCheck::Chunked(body) => Form::Chunked(Box::new(ChunkDecoder::new(*body))),
        };
        Self { bytes: 0, form }
    }

    /// The decoded length that an aws-chunked body declares, in bytes.
    pub fn declared_bytes(&self) -> Option<u64> {
        match &self.form {
            Form::Hashed(_) | Form::Unsigned => None,
            Form::Chunked(decoder) => Some(decoder.declared_bytes()),
        }
    }

    /// Takes the next bytes as they came and appends the decoded ones to `out`, as slices without a copy.
    ///
    /// # Errors
    /// [`BodyError`]; nothing of the body may be kept.
    pub fn feed(&mut self, input: Bytes, out: &mut Vec<Bytes>) -> Result<(), BodyError> {
        match &mut self.form {
            Form::Chunked(decoder) => return decoder.feed(input, out),
            Form::Hashed(hasher) => hasher.update(&input),
            Form::Unsigned => {}
        }
        if !input.is_empty() {
            self.bytes = self.bytes.saturating_add(u64::try_from(input.len()).unwrap_or(u64::MAX));
            out.push(input);
        }
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// [`BodyError`]; nothing of the body may be kept.
    pub fn finish(self) -> Result<VerifiedBody, BodyError> {
        match self.form {
            Form::Hashed(hasher) => hasher.finish()?,
            Form::Unsigned => {}
            Form::Chunked(decoder) => return decoder.finish(),
        }
        Ok(VerifiedBody::new(self.bytes, Trailers::default()))
    }
}
