//! Why an authentication is refused, with the code that AWS gives for it.

use std::fmt;
use std::time::Duration;

use strongroom_types::{AccessKeyId, Region, Timestamp};

/// The error codes that this crate's refusals have on the wire.
///
/// Source: S3 API Reference, "Error responses"; IAM API Reference, "Common Errors".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the code of its name")]
pub enum Code {
    AccessDenied,
    AuthorizationHeaderMalformed,
    AuthorizationQueryParametersError,
    EntityTooLarge,
    EntityTooSmall,
    IncompleteBody,
    IncompleteSignature,
    InternalError,
    InvalidAccessKeyId,
    InvalidArgument,
    InvalidChunkSizeError,
    InvalidClientTokenId,
    InvalidPolicyDocument,
    InvalidRequest,
    InvalidToken,
    InvalidURI,
    MalformedTrailerError,
    MaxPostPreDataLengthExceededError,
    MissingContentLength,
    RequestTimeTooSkewed,
    SignatureDoesNotMatch,
    XAmzContentSHA256Mismatch,
}

impl Code {
    /// The code as it stands in an error document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            Self::AuthorizationHeaderMalformed => "AuthorizationHeaderMalformed",
            Self::AuthorizationQueryParametersError => "AuthorizationQueryParametersError",
            Self::EntityTooLarge => "EntityTooLarge",
            Self::EntityTooSmall => "EntityTooSmall",
            Self::IncompleteBody => "IncompleteBody",
            Self::IncompleteSignature => "IncompleteSignature",
            Self::InternalError => "InternalError",
            Self::InvalidAccessKeyId => "InvalidAccessKeyId",
            Self::InvalidArgument => "InvalidArgument",
            Self::InvalidChunkSizeError => "InvalidChunkSizeError",
            Self::InvalidClientTokenId => "InvalidClientTokenId",
            Self::InvalidPolicyDocument => "InvalidPolicyDocument",
            Self::InvalidRequest => "InvalidRequest",
            Self::InvalidToken => "InvalidToken",
            Self::InvalidURI => "InvalidURI",
            Self::MalformedTrailerError => "MalformedTrailerError",
            Self::MaxPostPreDataLengthExceededError => "MaxPostPreDataLengthExceededError",
            Self::MissingContentLength => "MissingContentLength",
            Self::RequestTimeTooSkewed => "RequestTimeTooSkewed",
            Self::SignatureDoesNotMatch => "SignatureDoesNotMatch",
            Self::XAmzContentSHA256Mismatch => "XAmzContentSHA256Mismatch",
        }
    }
}

/// Where an authentication input stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The header `Authorization`.
    Header,
    /// The query (`X-Amz-…`).
    Query,
    /// The fields of a browser upload.
    Form,
}

impl Source {
    fn intro(self) -> &'static str {
        match self {
            Self::Header => "The authorization header is malformed",
            Self::Query => "Error parsing the query-string authentication parameters",
            Self::Form => "The form's signature fields are malformed",
        }
    }
}

/// What is wrong with a part of an authentication input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A part is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A part occurs more than once.
    #[error("{0} occurs more than once")]
    Repeated(&'static str),
    /// The parts are not of the form `Name=value`, or one is unknown.
    #[error("expecting Credential=…, SignedHeaders=…, Signature=…")]
    Syntax,
    /// The credential has other parts than a credential has.
    #[error("the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"")]
    Credential,
    /// The credential begins with a slash.
    #[error("a non-empty Access Key (AKID) must be provided in the credential")]
    EmptyAccessKeyId,
    /// The access key id is of a form that no access key has.
    #[error("The AWS Access Key Id you provided does not exist in our records.")]
    AccessKeyId,
    /// The scope's date is not of the form `yyyyMMdd`.
    #[error("incorrect date format in the credential; this date must be in the format \"yyyyMMdd\"")]
    ScopeDate,
    /// The scope's date is another day than the request's.
    #[error("Invalid credential date \"{scope}\". This date is not the same as X-Amz-Date: \"{request}\"")]
    ScopeDateDiffers {
        /// The day of the scope.
        scope: String,
        /// The time of the request.
        request: String,
    },
    /// The scope does not end in `aws4_request`.
    #[error("incorrect terminal in the credential; this endpoint uses \"aws4_request\"")]
    Terminal,
    /// The scope names a service other than the one asked.
    #[error("incorrect service \"{found}\"; this endpoint belongs to \"{expected}\"")]
    Service {
        /// The service that was signed for.
        found: String,
        /// The service that was asked.
        expected: String,
    },
    /// The scope names a region other than that of the resource.
    #[error("the region '{found}' is wrong; expecting '{expected}'")]
    Region {
        /// The region that was signed for.
        found: Region,
        /// The region to sign for.
        expected: Region,
    },
    /// The list of signed headers is not lower-case names, each once, with semicolons between.
    #[error("SignedHeaders must list lower-case header names, each once, separated by semicolons")]
    SignedHeaders,
    /// `host` is not a signed header, or the request does not have exactly one.
    #[error("the request must have one Host header, and SignedHeaders must include host")]
    Host,
    /// A value is longer than any that AWS makes.
    #[error("{0} is too long")]
    TooLong(&'static str),
    /// A value is not text.
    #[error("{0} is not readable text")]
    NotText(&'static str),
    /// `X-Amz-Date` is not a time of the basic ISO 8601 form.
    #[error("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")]
    Date,
    /// `X-Amz-Expires` is not a number.
    #[error("X-Amz-Expires should be a number")]
    ExpiresNumber,
    /// `X-Amz-Expires` is below one.
    #[error("X-Amz-Expires must be at least one second")]
    ExpiresTooSmall,
    /// `X-Amz-Expires` is above a week.
    #[error("X-Amz-Expires must be less than a week (in seconds) that is 604800")]
    ExpiresTooLarge,
    /// The algorithm is not one that AWS has.
    #[error("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")]
    Algorithm,
}

/// Everything that AWS tells about a signature that does not match. Holds nothing that the caller did not send, or
/// could not compute from what it sent; not printed by `Debug`, since a session token may be part of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SignatureMismatch {
    /// `AWSAccessKeyId`.
    pub access_key_id: AccessKeyId,
    /// `SignatureProvided`, as it came.
    pub signature_provided: String,
    /// `StringToSign`.
    pub string_to_sign: String,
    /// The bytes behind `CanonicalRequest`; empty for a form, which has none.
    pub canonical_request: Vec<u8>,
}

impl SignatureMismatch {
    /// `StringToSignBytes`: two hexadecimal digits a byte, spaces between.
    pub fn string_to_sign_bytes(&self) -> String {
        spaced_hex(self.string_to_sign.as_bytes())
    }

    /// `CanonicalRequest`, without the keys of SSE-C; what is not UTF-8 is replaced.
    pub fn canonical_request_text(&self) -> String {
        String::from_utf8_lossy(&without_customer_keys(&self.canonical_request)).into_owned()
    }

    /// `CanonicalRequestBytes`, without the keys of SSE-C.
    pub fn canonical_request_bytes(&self) -> String {
        spaced_hex(&without_customer_keys(&self.canonical_request))
    }
}

/// Errors end up in the logs of clients, where a key that was signed as a header must not.
fn without_customer_keys(canonical_request: &[u8]) -> Vec<u8> {
    const SECRET: [&[u8]; 2] = [
        b"x-amz-server-side-encryption-customer-key:",
        b"x-amz-copy-source-server-side-encryption-customer-key:",
    ];
    let lines = canonical_request.split(|byte| *byte == b'\n');
    let shown = lines.map(|line| match SECRET.iter().find(|name| line.starts_with(name)) {
        Some(name) => [name, &b"(redacted)"[..]].concat(),
        None => line.to_vec(),
    });
    shown.collect::<Vec<_>>().join(&b'\n')
}

impl fmt::Debug for SignatureMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureMismatch")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

fn spaced_hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().enumerate().fold(String::with_capacity(bytes.len() * 3), |mut text, (at, byte)| {
        let space = if at == 0 { "" } else { " " };
        // INVARIANT: writing to a String does not fail.
        let _ = write!(text, "{space}{byte:02x}");
        text
    })
}

/// Why a request head, or its signature, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// A part of the authentication input is missing or wrong.
    #[error("{}; {problem}", source_kind.intro())]
    Malformed {
        /// Where the input stood.
        source_kind: Source,
        /// What is wrong.
        problem: Problem,
    },
    /// Inputs of more than one mechanism, or one mechanism's input twice.
    #[error(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
         parameter or the Authorization header should be specified"
    )]
    SeveralMechanisms,
    /// `Authorization` of a type that S3 does not know.
    #[error("Unsupported Authorization Type")]
    UnsupportedType,
    /// `Authorization` without content.
    #[error("Access Denied")]
    EmptyAuthorization,
    /// Signature Version 2.
    #[error("The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")]
    SignatureVersion2,
    /// Signature Version 4A.
    #[error(
        "AWS4-ECDSA-P256-SHA256 (SigV4A) is not supported by this endpoint. Please use AWS4-HMAC-SHA256."
    )]
    SignatureVersion4a,
    /// No time, or one that cannot be read.
    #[error("AWS authentication requires a valid Date or x-amz-date header")]
    Date,
    /// An escape in the path or the query is not `%` and two hexadecimal digits, or there are too many parameters.
    #[error("Couldn't parse the specified URI.")]
    Uri,
    /// `x-amz-content-sha256` is not there.
    #[error("Missing required header for this request: x-amz-content-sha256")]
    ContentSha256Missing,
    /// `x-amz-content-sha256` has a value that is none of those defined, or several.
    #[error(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
         STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, or a valid sha256 value."
    )]
    ContentSha256Invalid,
    /// `x-amz-content-sha256` names a streaming mode in a request whose signature is not in its header.
    #[error("A STREAMING-* x-amz-content-sha256 requires a signature in the Authorization header")]
    StreamingNeedsHeaderSignature,
    /// `x-amz-content-sha256` of a service other than S3 that is not a hash.
    #[error("This service requires the payload to be signed")]
    PayloadMustBeSigned,
    /// A body that no signature covers over an unencrypted connection.
    #[error("An unsigned payload requires an HTTPS connection; sign the payload or use HTTPS")]
    UnsignedPayloadNeedsTls,
    /// A streaming mode without `x-amz-decoded-content-length`.
    #[error("You must provide the x-amz-decoded-content-length HTTP header.")]
    DecodedLengthMissing,
    /// `x-amz-decoded-content-length` is not a length.
    #[error("The value of x-amz-decoded-content-length is not a length")]
    DecodedLengthInvalid,
    /// `x-amz-trailer` in a mode without trailers, or a list that is not one of header names.
    #[error("The value specified in the x-amz-trailer header is not supported")]
    TrailerHeader,
    /// Headers that S3 acts upon and that no signature covers.
    #[error("There were headers present in the request which were not signed")]
    HeadersNotSigned(
        /// `HeadersNotSigned`: their names, in order.
        Vec<String>,
    ),
    /// A session token that cannot be one.
    #[error("The provided token is malformed or otherwise invalid.")]
    SessionToken,
    /// The request's time is too far from the server's.
    #[error("The difference between the request time and the current time is too large.")]
    RequestTimeTooSkewed {
        /// `RequestTime`.
        request_time: Timestamp,
        /// `ServerTime`.
        server_time: Timestamp,
        /// `MaxAllowedSkewMilliseconds`.
        max_skew: Duration,
    },
    /// A presigned URL or a form past its end.
    #[error("Request has expired")]
    Expired {
        /// `X-Amz-Expires`, in seconds.
        expires_seconds: u32,
        /// `Expires`.
        expires: Timestamp,
        /// `ServerTime`.
        server_time: Timestamp,
    },
    /// A presigned URL or a form signed in the future.
    #[error("Request is not yet valid")]
    NotYetValid {
        /// When it was signed.
        request_time: Timestamp,
        /// `ServerTime`.
        server_time: Timestamp,
    },
    /// The signature is not that of the request.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your key and \
         signing method."
    )]
    SignatureDoesNotMatch(Box<SignatureMismatch>),
    /// The body does not have the hash that was signed.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    ContentSha256Mismatch {
        /// `ClientComputedContentSHA256`.
        client: [u8; 32],
        /// `S3ComputedContentSHA256`.
        server: [u8; 32],
    },
    /// The caller asked for a verification that needs the body's hash without giving it: a fault of the server.
    #[error("We encountered an internal error. Please try again.")]
    BodyDigestNeeded,
}

impl AuthError {
    pub(crate) fn malformed(source_kind: Source, problem: Problem) -> Self {
        Self::Malformed { source_kind, problem }
    }

    /// The region to sign for, where that is what was wrong (`Region` in the error document).
    pub fn expected_region(&self) -> Option<&Region> {
        let Self::Malformed { problem: Problem::Region { expected, .. }, .. } = self else { return None };
        Some(expected)
    }

    /// The code that S3 answers with.
    ///
    /// Source: S3 API Reference, "Error responses".
    pub fn code(&self) -> Code {
        match self {
            Self::Malformed { problem: Problem::AccessKeyId, .. } => Code::InvalidAccessKeyId,
            Self::Malformed { source_kind, .. } => match source_kind {
                Source::Header => Code::AuthorizationHeaderMalformed,
                Source::Query => Code::AuthorizationQueryParametersError,
                Source::Form => Code::InvalidArgument,
            },
            Self::SeveralMechanisms
            | Self::UnsupportedType
            | Self::ContentSha256Invalid
            | Self::DecodedLengthInvalid => Code::InvalidArgument,
            Self::EmptyAuthorization
            | Self::Date
            | Self::HeadersNotSigned(_)
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::StreamingNeedsHeaderSignature => Code::AccessDenied,
            Self::SignatureVersion2
            | Self::SignatureVersion4a
            | Self::ContentSha256Missing
            | Self::PayloadMustBeSigned
            | Self::UnsignedPayloadNeedsTls
            | Self::TrailerHeader => Code::InvalidRequest,
            Self::Uri => Code::InvalidURI,
            Self::DecodedLengthMissing => Code::MissingContentLength,
            Self::SessionToken => Code::InvalidToken,
            Self::RequestTimeTooSkewed { .. } => Code::RequestTimeTooSkewed,
            Self::SignatureDoesNotMatch(_) => Code::SignatureDoesNotMatch,
            Self::ContentSha256Mismatch { .. } => Code::XAmzContentSHA256Mismatch,
            Self::BodyDigestNeeded => Code::InternalError,
        }
    }

    /// The code that the other services answer with.
    ///
    /// Source: IAM API Reference, "Common Errors".
    pub fn code_of_other_services(&self) -> Code {
        match self {
            Self::Malformed { problem: Problem::AccessKeyId, .. } | Self::SessionToken => {
                Code::InvalidClientTokenId
            }
            Self::Malformed { problem: Problem::Region { .. } | Problem::Service { .. }, .. }
            | Self::HeadersNotSigned(_)
            | Self::RequestTimeTooSkewed { .. }
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::SignatureDoesNotMatch(_)
            | Self::ContentSha256Mismatch { .. } => Code::SignatureDoesNotMatch,
            Self::BodyDigestNeeded => Code::InternalError,
            Self::Malformed { .. }
            | Self::SeveralMechanisms
            | Self::UnsupportedType
            | Self::EmptyAuthorization
            | Self::SignatureVersion2
            | Self::SignatureVersion4a
            | Self::Date
            | Self::Uri
            | Self::ContentSha256Missing
            | Self::ContentSha256Invalid
            | Self::StreamingNeedsHeaderSignature
            | Self::PayloadMustBeSigned
            | Self::UnsignedPayloadNeedsTls
            | Self::DecodedLengthMissing
            | Self::DecodedLengthInvalid
            | Self::TrailerHeader => Code::IncompleteSignature,
        }
    }
}

/// Why a body is refused. Nothing of it may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body ended before its end, or does not have the length that was declared.
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header")]
    Incomplete,
    /// The body does not have the hash that was signed.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    Sha256Mismatch {
        /// `ClientComputedContentSHA256`.
        client: [u8; 32],
        /// `S3ComputedContentSHA256`.
        server: [u8; 32],
    },
    /// A chunk's signature is not that of the chunk.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your key and \
         signing method."
    )]
    ChunkSignature,
    /// The trailer's signature is not that of the trailer.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your key and \
         signing method."
    )]
    TrailerSignature,
    /// What stands before a chunk's data is not a size and, where chunks are signed, a signature.
    #[error("The chunk header of the aws-chunked body is malformed")]
    ChunkHeader,
    /// A chunk's data is not followed by a line end.
    #[error("A chunk of the aws-chunked body does not end where its size says")]
    ChunkEnd,
    /// A small chunk that is not the last.
    #[error("Only the last chunk is allowed to have a size less than 8192 bytes")]
    ChunkTooSmall,
    /// The trailer has lines that are no headers, that were not declared, occur twice, or are missing or too many.
    #[error(
        "The request contained trailing data that was not well-formed or did not conform to our published schema."
    )]
    Trailer,
    /// Something follows the end of the body.
    #[error("The body continues after its last chunk")]
    TrailingBytes,
}

impl BodyError {
    /// The code that S3 answers with.
    pub fn code(self) -> Code {
        match self {
            Self::Incomplete => Code::IncompleteBody,
            Self::Sha256Mismatch { .. } => Code::XAmzContentSHA256Mismatch,
            Self::ChunkSignature | Self::TrailerSignature => Code::SignatureDoesNotMatch,
            Self::ChunkHeader | Self::ChunkEnd | Self::TrailingBytes => Code::InvalidRequest,
            Self::ChunkTooSmall => Code::InvalidChunkSizeError,
            Self::Trailer => Code::MalformedTrailerError,
        }
    }
}

/// Why a browser upload is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// Its signature.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// A field that a signed form must have.
    #[error(
        "Bucket POST must contain a field named '{0}'.  If it is specified, please check the order of the fields."
    )]
    FieldMissing(&'static str),
    /// A field that occurs twice.
    #[error("POST requires exactly one value for the field '{0}'.")]
    FieldRepeated(String),
    /// The policy is larger than all fields may be.
    #[error("Your POST request fields preceding the upload file were too large.")]
    PolicyTooLarge,
    /// The policy is not Base64 of a JSON document of the form that is defined.
    #[error("Invalid Policy: {0}")]
    PolicyInvalid(String),
    /// The policy's end has passed.
    #[error("Invalid according to Policy: Policy expired.")]
    PolicyExpired,
    /// A condition does not hold.
    #[error("Invalid according to Policy: Policy Condition failed: {0}")]
    ConditionFailed(
        /// The condition, as the policy has it.
        String,
    ),
    /// Fields that no condition covers.
    #[error("Invalid according to Policy: Extra input fields: {0}")]
    ExtraField(String),
    /// The file is smaller than the policy wants.
    #[error("Your proposed upload is smaller than the minimum allowed size")]
    EntityTooSmall {
        /// `ProposedSize`, in bytes.
        proposed_bytes: u64,
        /// `MinSizeAllowed`, in bytes.
        min_bytes: u64,
    },
    /// The file is larger than the policy allows.
    #[error("Your proposed upload exceeds the maximum allowed size")]
    EntityTooLarge {
        /// `ProposedSize`, in bytes.
        proposed_bytes: u64,
        /// `MaxSizeAllowed`, in bytes.
        max_bytes: u64,
    },
}

impl PostError {
    /// The code that S3 answers with.
    pub fn code(&self) -> Code {
        match self {
            Self::Auth(error) => error.code(),
            Self::FieldMissing(_) | Self::FieldRepeated(_) => Code::InvalidArgument,
            Self::PolicyTooLarge => Code::MaxPostPreDataLengthExceededError,
            Self::PolicyInvalid(_) => Code::InvalidPolicyDocument,
            Self::PolicyExpired | Self::ConditionFailed(_) | Self::ExtraField(_) => Code::AccessDenied,
            Self::EntityTooSmall { .. } => Code::EntityTooSmall,
            Self::EntityTooLarge { .. } => Code::EntityTooLarge,
        }
    }
}
