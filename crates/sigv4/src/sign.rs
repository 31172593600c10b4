//! Signing, for our own clients and for tests.

use std::fmt;

use aws_lc_rs::digest;
use http::{HeaderMap, HeaderValue, header};
use strongroom_types::{AccessKeyId, Region, SecretAccessKey, Timestamp};

use crate::canonical::{CanonicalHead, CanonicalQuery, SignedHeaders, UriStyle, encode};
use crate::chunked::{Chain, ChunkEncoder};
use crate::head::RequestHead;
use crate::input::{ALGORITHM, PayloadMode};
use crate::key::SigningKey;
use crate::limits::MAX_PRESIGN_SECONDS;
use crate::payload::sha256_array;
use crate::scope::{Credential, CredentialScope};
use crate::verify::string_to_sign;

/// Whose key signs, for which service and region.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// The id of the key.
    pub access_key_id: &'a AccessKeyId,
    /// Its secret.
    pub secret: &'a SecretAccessKey,
    /// The session token of temporary credentials.
    pub session_token: Option<&'a str>,
    /// The region to sign for.
    pub region: &'a Region,
    /// The signing name of the service.
    pub service: &'a str,
}

/// The body of a request to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadToSign<'a> {
    /// The body itself.
    Bytes(&'a [u8]),
    /// Its SHA-256.
    Sha256([u8; 32]),
    /// Not covered by the signature.
    Unsigned,
    /// aws-chunked, each chunk signed. The caller sets `x-amz-decoded-content-length`.
    StreamingSigned,
    /// aws-chunked, chunks and trailer signed. The caller sets `x-amz-decoded-content-length` and `x-amz-trailer`.
    StreamingSignedTrailer,
    /// aws-chunked, not covered by the signature, with a trailer. The caller sets the same headers.
    StreamingUnsignedTrailer,
}

impl PayloadToSign<'_> {
    fn mode(self) -> PayloadMode {
        match self {
            Self::Bytes(bytes) => {
                PayloadMode::SignedSha256(sha256_array(&digest::digest(&digest::SHA256, bytes)))
            }
            Self::Sha256(hash) => PayloadMode::SignedSha256(hash),
            Self::Unsigned => PayloadMode::Unsigned,
            Self::StreamingSigned => PayloadMode::StreamingSigned,
            Self::StreamingSignedTrailer => PayloadMode::StreamingSignedTrailer,
            Self::StreamingUnsignedTrailer => PayloadMode::StreamingUnsignedTrailer,
        }
    }
}

/// Why a request cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// A path or query with a broken escape.
    #[error("the path or the query holds a percent sign that no two hexadecimal digits follow")]
    Uri,
    /// A value that cannot stand in a header.
    #[error("a value to sign cannot stand in a header")]
    HeaderValue,
    /// No `Host` among the headers.
    #[error("the headers to sign hold no host")]
    Host,
    /// A service name that cannot stand in a scope.
    #[error("the service name cannot stand in a credential scope")]
    Service,
    /// A time that is not of the day that the signing key was derived for.
    #[error("the signing key is of another day than the request")]
    Day,
    /// A life of a presigned URL that is not 1 to 604,800 seconds.
    #[error("a presigned URL lives for 1 to 604800 seconds")]
    Expires,
}

/// A signature that was made, and what a streamed body needs to go on from it.
#[derive(Debug)]
pub struct Signed {
    signature: [u8; 32],
    mode: PayloadMode,
    key: SigningKey,
    time: Timestamp,
    scope: CredentialScope,
}

impl Signed {
    /// The signature in hexadecimal digits.
    pub fn signature(&self) -> String {
        hex::encode(self.signature)
    }

    /// The encoder of the body, where the head was signed with a streaming mode.
    pub fn chunk_encoder(&self) -> Option<ChunkEncoder> {
        let chain = || Chain::new(self.key.clone(), self.signature, &self.time.to_amz_date(), &self.scope);
        match self.mode {
            PayloadMode::StreamingSigned => Some(ChunkEncoder::new(Some(chain()), false)),
            PayloadMode::StreamingSignedTrailer => Some(ChunkEncoder::new(Some(chain()), true)),
            PayloadMode::StreamingUnsignedTrailer => Some(ChunkEncoder::new(None, true)),
            PayloadMode::SignedSha256(_) | PayloadMode::OfBody | PayloadMode::Unsigned => None,
        }
    }
}

/// Headers that proxies and clients change on the way.
const NOT_SIGNED: [&str; 7] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

fn signed_header_names(headers: &HeaderMap) -> Result<SignedHeaders, SignError> {
    let names = headers.keys().map(http::HeaderName::as_str).filter(|name| !NOT_SIGNED.contains(name));
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    SignedHeaders::parse(&names.join(";")).map_err(|_| SignError::Host)
}

fn uri_style(scope: &CredentialScope) -> UriStyle {
    if scope.is_s3() { UriStyle::Single } else { UriStyle::DoubleNormalized }
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), SignError> {
    headers.insert(name, HeaderValue::from_str(value).map_err(|_| SignError::HeaderValue)?);
    Ok(())
}

/// Signs a head: adds `x-amz-date`, `x-amz-content-sha256` (for S3 and for hashes given), `x-amz-security-token` and
/// `authorization`, and signs all headers but those that change on the way. `headers` must hold `host`.
///
/// # Errors
/// [`SignError`].
pub fn sign_header(
    credentials: &Credentials<'_>,
    now: Timestamp,
    method: &str,
    raw_path: &str,
    raw_query: &str,
    headers: &mut HeaderMap,
    payload: PayloadToSign<'_>,
) -> Result<Signed, SignError> {
    let signer = DaySigner::derive(credentials, now)?;
    signer.sign_header(now, method, raw_path, raw_query, headers, payload)
}

/// Signs the requests of one day, region and service with a key that was derived once: four HMACs less for each.
#[derive(Clone)]
pub struct DaySigner {
    access_key_id: AccessKeyId,
    session_token: Option<String>,
    scope: CredentialScope,
    key: SigningKey,
}

impl DaySigner {
    /// Derives the key of the day of `now`.
    ///
    /// # Errors
    /// [`SignError::Service`].
    pub fn derive(credentials: &Credentials<'_>, now: Timestamp) -> Result<Self, SignError> {
        let scope = CredentialScope::new(now, credentials.region.clone(), credentials.service);
        let scope = scope.map_err(|_| SignError::Service)?;
        Ok(Self {
            access_key_id: credentials.access_key_id.clone(),
            session_token: credentials.session_token.map(ToOwned::to_owned),
            key: SigningKey::derive(credentials.secret, &scope),
            scope,
        })
    }

    /// Signs a head as [`sign_header`] does.
    ///
    /// # Errors
    /// [`SignError`]; [`SignError::Day`] if `now` is of another day.
    pub fn sign_header(
        &self,
        now: Timestamp,
        method: &str,
        raw_path: &str,
        raw_query: &str,
        headers: &mut HeaderMap,
        payload: PayloadToSign<'_>,
    ) -> Result<Signed, SignError> {
        let Self { access_key_id, session_token, scope, key } = self;
        let amz_date = now.to_amz_date();
        if !scope.is_of_day(&amz_date) {
            return Err(SignError::Day);
        }
        let mode = payload.mode();
        let line = mode.line().unwrap_or_default();
        insert(headers, "x-amz-date", &amz_date)?;
        if scope.is_s3() {
            insert(headers, "x-amz-content-sha256", &line)?;
        }
        if let Some(token) = session_token {
            insert(headers, "x-amz-security-token", token)?;
        }
        headers.remove(header::AUTHORIZATION);
        let signed_headers = signed_header_names(headers)?;
        let query = CanonicalQuery::parse(raw_query).map_err(|_| SignError::Uri)?;
        let head = RequestHead { method, raw_path, raw_query, headers, is_tls: true };
        let canonical = CanonicalHead::new(uri_style(scope), &head, &query, &signed_headers);
        let digest = canonical.map_err(|_| SignError::Uri)?.digest(&line);
        let signature = key.sign(string_to_sign(&amz_date, scope, &digest).as_bytes());
        let authorization = format!(
            "{ALGORITHM} Credential={access_key_id}/{scope}, SignedHeaders={}, Signature={}",
            signed_headers.as_str(),
            hex::encode(signature)
        );
        insert(headers, "authorization", &authorization)?;
        Ok(Signed { signature, mode, key: key.clone(), time: now, scope: scope.clone() })
    }
}

impl fmt::Debug for DaySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DaySigner")
            .field("access_key_id", &self.access_key_id)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// Presigns a request: gives its query, that of `raw_query` followed by the `X-Amz-…` parameters.
///
/// All `headers` are signed and must be sent with the request; `host` must be among them.
///
/// # Errors
/// [`SignError`].
pub fn presign(
    credentials: &Credentials<'_>,
    now: Timestamp,
    expires_seconds: u32,
    method: &str,
    raw_path: &str,
    raw_query: &str,
    headers: &HeaderMap,
) -> Result<String, SignError> {
    if !(1..=MAX_PRESIGN_SECONDS).contains(&expires_seconds) {
        return Err(SignError::Expires);
    }
    let scope = CredentialScope::new(now, credentials.region.clone(), credentials.service);
    let scope = scope.map_err(|_| SignError::Service)?;
    let signed_headers = signed_header_names(headers)?;
    let credential = Credential { access_key_id: credentials.access_key_id.clone(), scope: scope.clone() };
    let mut parameters = vec![
        ("X-Amz-Algorithm", ALGORITHM.to_owned()),
        ("X-Amz-Credential", encode(&credential.to_string(), false)),
        ("X-Amz-Date", now.to_amz_date()),
        ("X-Amz-Expires", expires_seconds.to_string()),
        ("X-Amz-SignedHeaders", encode(signed_headers.as_str(), false)),
    ];
    if let Some(token) = credentials.session_token {
        parameters.push(("X-Amz-Security-Token", encode(token, false)));
    }
    let mut query = raw_query.to_owned();
    for (name, value) in parameters {
        let and = if query.is_empty() { "" } else { "&" };
        query.extend([and, name, "=", &value]);
    }
    let line = if scope.is_s3() {
        PayloadMode::Unsigned.line().unwrap_or_default()
    } else {
        hex::encode(digest::digest(&digest::SHA256, b""))
    };
    let parsed = CanonicalQuery::parse(&query).map_err(|_| SignError::Uri)?;
    let head = RequestHead { method, raw_path, raw_query: &query, headers, is_tls: true };
    let canonical = CanonicalHead::new(uri_style(&scope), &head, &parsed, &signed_headers);
    let digest = canonical.map_err(|_| SignError::Uri)?.digest(&line);
    let key = SigningKey::derive(credentials.secret, &scope);
    let signature = key.sign(string_to_sign(&now.to_amz_date(), &scope, &digest).as_bytes());
    query.extend(["&X-Amz-Signature=", &hex::encode(signature)]);
    Ok(query)
}

/// Signs the Base64 text of a form's policy; gives the fields to add to the form, `policy` among them.
///
/// # Errors
/// [`SignError::Service`].
pub fn sign_post_policy(
    credentials: &Credentials<'_>,
    now: Timestamp,
    policy_base64: &str,
) -> Result<Vec<(&'static str, String)>, SignError> {
    let scope = CredentialScope::new(now, credentials.region.clone(), credentials.service);
    let scope = scope.map_err(|_| SignError::Service)?;
    let signature = SigningKey::derive(credentials.secret, &scope).sign(policy_base64.as_bytes());
    let credential = Credential { access_key_id: credentials.access_key_id.clone(), scope };
    let mut fields = vec![
        ("policy", policy_base64.to_owned()),
        ("x-amz-algorithm", ALGORITHM.to_owned()),
        ("x-amz-credential", credential.to_string()),
        ("x-amz-date", now.to_amz_date()),
        ("x-amz-signature", hex::encode(signature)),
    ];
    fields.extend(credentials.session_token.map(|token| ("x-amz-security-token", token.to_owned())));
    Ok(fields)
}
