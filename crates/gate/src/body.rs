//! Bytes from outside, and the proof that they are those that the caller meant.

use async_trait::async_trait;
use bytes::Bytes;
use strongroom_crypto::{Checksum, ChecksumAlgorithm, ChecksumSet, Digests, Md5Digest};

use crate::ErrorReply;

/// Why a body cannot become part of the store.
#[derive(Debug, Clone)]
pub struct BodyError(pub ErrorReply);

/// Gives the plain bytes of a body: unchunked, and, where it is signed, with its signature checked.
#[async_trait]
pub trait BodySource: Send {
    /// The next bytes. `None` only when the body is whole and every signature, hash and length that covers it has been
    /// checked.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError>;

    /// The trailers, after `None` (names in lower case).
    fn trailers(&self) -> &[(String, String)];
}

/// What the caller says of its body, in headers.
#[derive(Debug, Clone, Default)]
pub struct ExpectedDigests {
    /// Length of the plain bytes, where it is known beforehand.
    pub length: Option<u64>,
    /// `Content-MD5`.
    pub md5: Option<Md5Digest>,
    /// `x-amz-checksum-…` headers.
    pub checksums: Vec<Checksum>,
    /// The checksum that a trailer will carry.
    pub trailing: Option<ChecksumAlgorithm>,
}

/// A request's body, to be read to its end.
pub struct Body {
    source: Box<dyn BodySource>,
    expected: ExpectedDigests,
    ended: bool,
}

/// Proof that a body was read to its end and is the one that the caller meant: last chunk, signature, trailer, digests
/// and length agree. Made by [`Body::finish`] alone.
#[derive(Debug, Clone)]
pub struct BodyVerified {
    length: u64,
    stated: Vec<Checksum>,
    _made_here: (),
}

impl BodyVerified {
    /// Length of the plain bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The checksums that the caller stated, in header or trailer; they agreed.
    pub fn stated(&self) -> &[Checksum] {
        &self.stated
    }
}

impl Body {
    /// A body from the pipeline.
    pub fn new(source: Box<dyn BodySource>, expected: ExpectedDigests) -> Self {
        Self { source, expected, ended: false }
    }

    /// Length of the plain bytes, if the caller said it.
    pub fn length(&self) -> Option<u64> {
        self.expected.length
    }

    /// The checksums that must be computed so that [`Body::finish`] can compare them.
    pub fn wanted(&self) -> ChecksumSet {
        let stated = self.expected.checksums.iter().map(Checksum::algorithm);
        stated.chain(self.expected.trailing).collect()
    }

    /// Whether the MD5 must be computed for the comparison.
    pub fn wants_md5(&self) -> bool {
        self.expected.md5.is_some()
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`BodyError`] for a body that is cut short, badly framed or wrongly signed.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let next = self.source.next().await?;
        self.ended |= next.is_none();
        Ok(next)
    }

    /// Compares what was computed over the bytes with what the caller stated.
    ///
    /// # Errors
    /// `BadDigest`, `IncompleteBody` and the like.
    pub fn finish(self, computed: &Digests) -> Result<BodyVerified, BodyError> {
        let incomplete = || {
            BodyError(ErrorReply::new(
                400,
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header.",
            ))
        };
        if !self.ended || self.expected.length.is_some_and(|length| length != computed.length) {
            return Err(incomplete());
        }
        if self.expected.md5.is_some() && self.expected.md5 != computed.md5 {
            return Err(bad_digest("Content-MD5"));
        }
        let mut stated = self.expected.checksums.clone();
        if let Some(algorithm) = self.expected.trailing {
            stated.push(trailing_checksum(algorithm, self.source.trailers())?);
        }
        for checksum in &stated {
            if computed.checksum(checksum.algorithm()) != Some(*checksum) {
                return Err(bad_digest(checksum.algorithm().as_str()));
            }
        }
        Ok(BodyVerified { length: computed.length, stated, _made_here: () })
    }
}

fn trailing_checksum(
    algorithm: ChecksumAlgorithm,
    trailers: &[(String, String)],
) -> Result<Checksum, BodyError> {
    let name = algorithm.header();
    let value =
        trailers.iter().find(|(trailer, _)| trailer.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let malformed = |message: String| BodyError(ErrorReply::new(400, "InvalidRequest", message));
    let value = value.ok_or_else(|| malformed(format!("The trailer {name} was announced but not sent")))?;
    Checksum::parse(algorithm, value)
        .map_err(|_| malformed(format!("Value for {name} trailing header is invalid.")))
}

fn bad_digest(what: &str) -> BodyError {
    BodyError(ErrorReply::new(
        400,
        "BadDigest",
        format!("The {what} you specified did not match what we received."),
    ))
}
