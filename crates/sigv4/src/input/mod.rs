//! The authentication input of a request head: one value, decided before anything else is interpreted.
//!
//! INVARIANT: nothing after [`AuthInput::from_head`] reads `Authorization`, `X-Amz-*` authentication parameters,
//! `x-amz-content-sha256`, `x-amz-trailer` or `x-amz-decoded-content-length` again. What they say about the
//! verifier to use is in the value, so that no later reader can come to another conclusion.

mod header;
mod payload;
mod presigned;

use std::fmt;

use strongroom_types::Timestamp;

use crate::canonical::{CanonicalHead, CanonicalQuery, SignedHeaders, UriStyle};
use crate::error::{AuthError, Problem, Source};
use crate::head::{RequestHead, Single};
use crate::limits::{MAX_SESSION_TOKEN_BYTES, MAX_SIGNATURE_BYTES};
use crate::scope::{Credential, CredentialScope};

pub(crate) use payload::ChunkedHead;
pub use payload::{AnonymousBody, PayloadMode};

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const ALGORITHM_V4A: &str = "AWS4-ECDSA-P256-SHA256";

/// How a request authenticates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthInput {
    /// It does not.
    Anonymous(AnonymousBody),
    /// By a signature in its head that is not verified yet.
    Signed(Box<SignedRequest>),
}

/// Where the signature of a request stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// In the header `Authorization` (`s3:authType` `REST-HEADER`).
    Header,
    /// In the query (`REST-QUERY-STRING`).
    Presigned {
        /// `X-Amz-Expires`, in seconds.
        expires_seconds: u32,
    },
}

/// A session token as it was presented. Not a secret by itself, but never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(Box<str>);

impl SessionToken {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, AuthError> {
        let text = std::str::from_utf8(text).map_err(|_| AuthError::SessionToken)?;
        if (1..=MAX_SESSION_TOKEN_BYTES).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(AuthError::SessionToken)
        }
    }

    /// The token.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(redacted)")
    }
}

/// A signed request head, complete and consistent, whose signature is not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    pub(crate) mechanism: Mechanism,
    pub(crate) credential: Credential,
    pub(crate) signed_at: Timestamp,
    /// The same as text, as it is signed.
    pub(crate) amz_date: Box<str>,
    pub(crate) session_token: Option<SessionToken>,
    pub(crate) signed_headers: SignedHeaders,
    pub(crate) signature: Box<str>,
    pub(crate) canonical: CanonicalHead,
    pub(crate) payload: PayloadMode,
    /// A presigned URL whose signed `x-amz-content-sha256` holds a hash: the payload's line may still be
    /// `UNSIGNED-PAYLOAD`, since the header's line binds the hash as well.
    pub(crate) unsigned_line_too: bool,
    pub(crate) chunked: Option<ChunkedHead>,
}

impl AuthInput {
    /// Reads the authentication input of a request head.
    ///
    /// # Errors
    /// [`AuthError`] for inputs that are missing a part, occur twice, contradict each other, or ask for a
    /// mechanism that is not served. An error never means "anonymous".
    ///
    /// # Source
    /// S3 API Reference, "Authenticating Requests: Using the Authorization Header" and "Using Query Parameters".
    pub fn from_head(head: &RequestHead<'_>) -> Result<Self, AuthError> {
        let query = CanonicalQuery::parse(head.raw_query).map_err(|_| AuthError::Uri)?;
        let presigned = presigned::PARAMETERS.iter().any(|name| query.contains(name));
        let version2 = query.contains("AWSAccessKeyId") || query.contains("Signature");
        match (head.single("authorization"), presigned, version2) {
            (Single::Absent, false, false) => payload::of_anonymous(head).map(Self::Anonymous),
            (Single::Absent, true, false) => {
                presigned::parse(head, &query).map(|request| Self::Signed(Box::new(request)))
            }
            (Single::Absent, false, true) => Err(AuthError::SignatureVersion2),
            (Single::Value(value), false, false) => {
                header::parse(head, &query, value).map(|request| Self::Signed(Box::new(request)))
            }
            (Single::Repeated | Single::Value(_), ..) | (Single::Absent, true, true) => {
                Err(AuthError::SeveralMechanisms)
            }
        }
    }
}

impl SignedRequest {
    /// Where the signature stood.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Whose key is claimed to have signed, and for what.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The scope, by whose service a request is routed.
    pub fn scope(&self) -> &CredentialScope {
        &self.credential.scope
    }

    /// When the request claims to have been signed.
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// The session token that came with temporary credentials.
    pub fn session_token(&self) -> Option<&SessionToken> {
        self.session_token.as_ref()
    }

    /// The names of the signed headers.
    pub fn signed_headers(&self) -> impl Iterator<Item = &str> {
        self.signed_headers.names()
    }

    /// How the body is bound to the signature.
    pub fn payload_mode(&self) -> PayloadMode {
        self.payload
    }
}

/// Parts that both mechanisms share.
struct Parts<'a> {
    source: Source,
    mechanism: Mechanism,
    credential: Credential,
    signed_at: Timestamp,
    session_token: Option<SessionToken>,
    signed_headers: SignedHeaders,
    signature: &'a str,
}

impl Parts<'_> {
    fn finish(self, head: &RequestHead<'_>, query: &CanonicalQuery) -> Result<SignedRequest, AuthError> {
        let Self { source, mechanism, credential, signed_at, session_token, signed_headers, signature } =
            self;
        let amz_date = signed_at.to_amz_date();
        if !credential.scope.is_of_day(&amz_date) {
            let scope = credential.scope.date().to_owned();
            let problem = Problem::ScopeDateDiffers { scope, request: amz_date };
            return Err(AuthError::malformed(source, problem));
        }
        if !matches!(head.single("host"), Single::Value(_)) {
            return Err(AuthError::malformed(source, Problem::Host));
        }
        let payload = payload::decide(head, query, mechanism, &credential.scope, &signed_headers)?;
        payload::refuse_unsigned_headers(head, &signed_headers)?;
        let style = if credential.scope.is_s3() { UriStyle::Single } else { UriStyle::DoubleNormalized };
        let canonical =
            CanonicalHead::new(style, head, query, &signed_headers).map_err(|_| AuthError::Uri)?;
        Ok(SignedRequest {
            mechanism,
            credential,
            signed_at,
            amz_date: amz_date.into(),
            session_token,
            signed_headers,
            signature: signature.into(),
            canonical,
            payload: payload.mode,
            unsigned_line_too: payload.unsigned_line_too,
            chunked: payload.chunked,
        })
    }
}

/// The time of the basic ISO 8601 form, digit by digit.
pub(crate) fn parse_amz_date(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.bytes().enumerate().all(|(at, byte)| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    });
    if digits { Timestamp::parse_amz_date(text).ok() } else { None }
}

fn check_signature_text(source: Source, text: &str) -> Result<(), AuthError> {
    if text.is_empty() {
        return Err(AuthError::malformed(source, Problem::Missing("Signature")));
    }
    if text.len() > MAX_SIGNATURE_BYTES {
        return Err(AuthError::malformed(source, Problem::TooLong("Signature")));
    }
    Ok(())
}

/// Fuzz entry: the first line is method, path and query, the others are headers.
#[doc(hidden)]
pub fn fuzz_auth_input(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let mut words = first.splitn(3, ' ');
    let (method, raw_path, raw_query) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut headers = http::HeaderMap::new();
    for line in lines.take(64) {
        let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(at);
        let name = http::HeaderName::from_bytes(name);
        let value = http::HeaderValue::from_bytes(value.get(1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    for is_tls in [false, true] {
        let head = RequestHead { method, raw_path, raw_query, headers: &headers, is_tls };
        let Ok(AuthInput::Signed(request)) = AuthInput::from_head(&head) else { continue };
        // What is accepted is signed by a name that the signature covers.
        assert!(request.signed_headers().any(|name| name == "host"));
        assert_eq!(Credential::parse(&request.credential.to_string()).as_ref(), Ok(&request.credential));
    }
}
