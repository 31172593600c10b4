//! How the body is bound to the signature, decided by `x-amz-content-sha256` within what the mechanism allows.

use super::Mechanism;
use super::presigned::one;
use crate::PayloadCheck;
use crate::canonical::{CanonicalQuery, SignedHeaders, is_token};
use crate::chunked::ChunkedBody;
use crate::error::AuthError;
use crate::head::{RequestHead, Single};
use crate::limits::MAX_TRAILERS;
use crate::scope::CredentialScope;

const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// How the body is bound to the signature.
///
/// Source: S3 API Reference, "Authenticating Requests: Using the Authorization Header", `x-amz-content-sha256`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadMode {
    /// The body has this SHA-256.
    SignedSha256([u8; 32]),
    /// Services other than S3: the signature is over the SHA-256 of the body as it comes, so the body is needed
    /// to verify it.
    OfBody,
    /// No hash: the body is not covered.
    Unsigned,
    /// aws-chunked, each chunk signed.
    StreamingSigned,
    /// aws-chunked, each chunk and the trailer signed.
    StreamingSignedTrailer,
    /// aws-chunked, nothing of the body signed, with a trailer.
    StreamingUnsignedTrailer,
}

/// What a request that is not streamed may say of its payload.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

impl PayloadMode {
    pub(crate) const STREAMING: [(&'static str, Self); 3] = [
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", Self::StreamingSigned),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", Self::StreamingSignedTrailer),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", Self::StreamingUnsignedTrailer),
    ];

    fn parse(value: &[u8]) -> Result<Self, AuthError> {
        let text = std::str::from_utf8(value).map_err(|_| AuthError::ContentSha256Invalid)?;
        if text == UNSIGNED {
            return Ok(Self::Unsigned);
        }
        if text.starts_with("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD") {
            return Err(AuthError::SignatureVersion4a);
        }
        if let Some((_, mode)) = Self::STREAMING.iter().find(|(name, _)| *name == text) {
            return Ok(*mode);
        }
        parse_hash(text).map(Self::SignedSha256).ok_or(AuthError::ContentSha256Invalid)
    }

    /// The payload's line of the canonical request; `None` where the body gives it.
    pub(crate) fn line(self) -> Option<String> {
        match self {
            Self::SignedSha256(hash) => Some(hex::encode(hash)),
            Self::OfBody => None,
            Self::Unsigned => Some(UNSIGNED.to_owned()),
            Self::StreamingSigned | Self::StreamingSignedTrailer | Self::StreamingUnsignedTrailer => {
                Self::STREAMING.iter().find(|(_, mode)| *mode == self).map(|(name, _)| (*name).to_owned())
            }
        }
    }

    /// Whether the body is aws-chunked.
    pub fn is_streaming(self) -> bool {
        match self {
            Self::StreamingSigned | Self::StreamingSignedTrailer | Self::StreamingUnsignedTrailer => true,
            Self::SignedSha256(_) | Self::OfBody | Self::Unsigned => false,
        }
    }

    /// Whether the signature covers the body.
    pub fn covers_body(self) -> bool {
        match self {
            Self::SignedSha256(_) | Self::OfBody | Self::StreamingSigned | Self::StreamingSignedTrailer => {
                true
            }
            Self::Unsigned | Self::StreamingUnsignedTrailer => false,
        }
    }

    fn has_trailer(self) -> bool {
        match self {
            Self::StreamingSignedTrailer | Self::StreamingUnsignedTrailer => true,
            Self::SignedSha256(_) | Self::OfBody | Self::Unsigned | Self::StreamingSigned => false,
        }
    }
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut hash = [0; 32];
    (lower && hex::decode_to_slice(text, &mut hash).is_ok()).then_some(hash)
}

/// What a head says about an aws-chunked body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChunkedHead {
    /// `x-amz-decoded-content-length`, in bytes.
    pub(crate) decoded_bytes: u64,
    /// The names of `x-amz-trailer`, in lower case.
    pub(crate) trailers: Vec<String>,
}

/// What the head of a request that nobody signed says about its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnonymousBody {
    chunked: Option<ChunkedHead>,
}

impl AnonymousBody {
    /// What is still to be checked of the body: of aws-chunked, that it decodes; else nothing.
    pub fn check(&self) -> PayloadCheck {
        match &self.chunked {
            Some(head) => PayloadCheck::Chunked(Box::new(ChunkedBody::unsigned(head))),
            None => PayloadCheck::Unsigned,
        }
    }
}

pub(super) struct Payload {
    pub(super) mode: PayloadMode,
    pub(super) unsigned_line_too: bool,
    pub(super) chunked: Option<ChunkedHead>,
}

/// Decides the mode. The order matters: mechanism first, then the header within what the mechanism allows.
pub(super) fn decide(
    head: &RequestHead<'_>,
    query: &CanonicalQuery,
    mechanism: Mechanism,
    scope: &CredentialScope,
    signed: &SignedHeaders,
) -> Result<Payload, AuthError> {
    let declared = match head.single(CONTENT_SHA256) {
        Single::Absent => None,
        Single::Value(value) => Some(PayloadMode::parse(value)?),
        Single::Repeated => return Err(AuthError::ContentSha256Invalid),
    };
    let mut unsigned_line_too = false;
    let mode = match mechanism {
        Mechanism::Header if scope.is_s3() => {
            s3_header(head, declared.ok_or(AuthError::ContentSha256Missing)?, signed)?
        }
        Mechanism::Presigned { .. } if scope.is_s3() => {
            let in_query = one(query, "X-Amz-Content-Sha256")?;
            let in_query = in_query.map(|value| PayloadMode::parse(value.as_bytes())).transpose()?;
            let covered = signed.contains(CONTENT_SHA256);
            let mode = s3_presigned(in_query, declared, covered)?;
            unsigned_line_too = in_query.is_none() && mode != PayloadMode::Unsigned;
            mode
        }
        Mechanism::Header | Mechanism::Presigned { .. } => other_service(declared)?,
    };
    let chunked = chunked_head(head, mode)?;
    Ok(Payload { mode, unsigned_line_too, chunked })
}

/// S3, signature in the header. A concrete hash is the last line of what is signed, so the header itself need not be
/// among the signed ones (the only exemption that AWS makes); every other value chooses a verifier and must be.
fn s3_header(
    head: &RequestHead<'_>,
    declared: PayloadMode,
    signed: &SignedHeaders,
) -> Result<PayloadMode, AuthError> {
    if let PayloadMode::SignedSha256(_) = declared {
        return Ok(declared);
    }
    if !signed.contains(CONTENT_SHA256) {
        return Err(AuthError::HeadersNotSigned(vec![CONTENT_SHA256.to_owned()]));
    }
    // DEVIATION: AWS advises HTTPS for such a body; here nothing else would protect it, so it is required.
    if !declared.covers_body() && !head.is_tls && head.has_body() {
        return Err(AuthError::UnsignedPayloadNeedsTls);
    }
    Ok(declared)
}

/// S3, presigned: the payload is unsigned unless a hash was signed with the URL, in its query or as a signed header.
fn s3_presigned(
    in_query: Option<PayloadMode>,
    in_header: Option<PayloadMode>,
    header_is_signed: bool,
) -> Result<PayloadMode, AuthError> {
    if [in_query, in_header].into_iter().flatten().any(PayloadMode::is_streaming) {
        return Err(AuthError::StreamingNeedsHeaderSignature);
    }
    match (in_query, in_header) {
        (Some(in_query), None) => Ok(in_query),
        (Some(in_query), Some(in_header)) if in_query == in_header => Ok(in_query),
        (Some(_), Some(_)) => Err(AuthError::ContentSha256Invalid),
        (None, Some(PayloadMode::Unsigned) | None) => Ok(PayloadMode::Unsigned),
        (None, Some(in_header)) if header_is_signed => Ok(in_header),
        (None, Some(_)) => Err(AuthError::HeadersNotSigned(vec![CONTENT_SHA256.to_owned()])),
    }
}

fn other_service(declared: Option<PayloadMode>) -> Result<PayloadMode, AuthError> {
    match declared {
        None => Ok(PayloadMode::OfBody),
        Some(PayloadMode::SignedSha256(hash)) => Ok(PayloadMode::SignedSha256(hash)),
        Some(_) => Err(AuthError::PayloadMustBeSigned),
    }
}

fn chunked_head(head: &RequestHead<'_>, mode: PayloadMode) -> Result<Option<ChunkedHead>, AuthError> {
    let trailers = match head.single("x-amz-trailer") {
        Single::Absent => Vec::new(),
        Single::Value(value) if mode.has_trailer() => {
            parse_trailer_names(value).ok_or(AuthError::TrailerHeader)?
        }
        Single::Value(_) | Single::Repeated => return Err(AuthError::TrailerHeader),
    };
    if !mode.is_streaming() {
        return Ok(None);
    }
    let decoded_bytes = match head.single("x-amz-decoded-content-length") {
        Single::Absent => return Err(AuthError::DecodedLengthMissing),
        Single::Value(value) => parse_length(value).ok_or(AuthError::DecodedLengthInvalid)?,
        Single::Repeated => return Err(AuthError::DecodedLengthInvalid),
    };
    Ok(Some(ChunkedHead { decoded_bytes, trailers }))
}

fn parse_length(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn parse_trailer_names(value: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(value).ok()?;
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    let tokens = names.iter().all(|name| !name.is_empty() && name.bytes().all(is_token));
    let once =
        names.iter().enumerate().all(|(at, name)| !names.iter().skip(at + 1).any(|other| other == name));
    (tokens && once && names.len() <= MAX_TRAILERS).then_some(names)
}

/// Every `x-amz-*` header of a signed request must be signed; `x-amz-content-sha256` was dealt with by [`decide`].
///
/// DEVIATION: AWS refuses this in S3 requests; here it holds for all services, since `X-Amz-Target` chooses the
/// operation.
///
/// `Content-Type` and the other headers need not be signed, as with AWS.
///
/// Source: S3 API Reference, "Authenticating Requests: Using the Authorization Header", "CanonicalHeaders".
pub(super) fn refuse_unsigned_headers(
    head: &RequestHead<'_>,
    signed: &SignedHeaders,
) -> Result<(), AuthError> {
    let mut unsigned = signed.unsigned_amz(head.headers);
    unsigned.retain(|name| name != CONTENT_SHA256);
    if unsigned.is_empty() { Ok(()) } else { Err(AuthError::HeadersNotSigned(unsigned)) }
}

/// What the head of a request without a signature says about its body. Of the streaming modes it can only have the one
/// that signs nothing, which the SDKs choose for whoever has no credentials as for all others.
pub(super) fn of_anonymous(head: &RequestHead<'_>) -> Result<AnonymousBody, AuthError> {
    let mode = PayloadMode::StreamingUnsignedTrailer;
    match head.single(CONTENT_SHA256) {
        Single::Value(value) if PayloadMode::parse(value) == Ok(mode) => {
            chunked_head(head, mode).map(|chunked| AnonymousBody { chunked })
        }
        Single::Absent | Single::Value(_) | Single::Repeated => {
            let mut values = head.headers.get_all(CONTENT_SHA256).iter();
            if values.any(|value| value.as_bytes().starts_with(b"STREAMING-")) {
                return Err(AuthError::StreamingNeedsHeaderSignature);
            }
            Ok(AnonymousBody { chunked: None })
        }
    }
}
