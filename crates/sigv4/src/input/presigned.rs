//! `?X-Amz-Algorithm=…&X-Amz-Credential=…&…`: a signature in the query.

use std::borrow::Cow;

use super::parse_amz_date;
use super::{ALGORITHM, ALGORITHM_V4A, Mechanism, Parts, SessionToken, SignedRequest, check_signature_text};
use crate::canonical::{CanonicalQuery, SignedHeaders};
use crate::error::{AuthError, Problem, Source};
use crate::head::RequestHead;
use crate::limits::MAX_PRESIGN_SECONDS;
use crate::scope::Credential;

/// The parameters that make a request presigned. One alone is enough: the others are then missing, and nothing
/// falls back to "anonymous". Names count whatever their case.
pub(super) const PARAMETERS: [&str; 9] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
    "X-Amz-Region-Set",
];

fn malformed(problem: Problem) -> AuthError {
    AuthError::malformed(Source::Query, problem)
}

/// The one value of a parameter.
pub(super) fn one(query: &CanonicalQuery, name: &'static str) -> Result<Option<String>, AuthError> {
    let mut values = query.values(name);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            String::from_utf8(Cow::into_owned(value)).map(Some).map_err(|_| malformed(Problem::NotText(name)))
        }
        (Some(_), Some(_)) => Err(malformed(Problem::Repeated(name))),
    }
}

pub(super) fn parse(head: &RequestHead<'_>, query: &CanonicalQuery) -> Result<SignedRequest, AuthError> {
    for name in PARAMETERS {
        one(query, name)?;
    }
    let required = |name| one(query, name)?.ok_or(malformed(Problem::Missing(name)));
    match required("X-Amz-Algorithm")?.as_str() {
        ALGORITHM => {}
        ALGORITHM_V4A => return Err(AuthError::SignatureVersion4a),
        _ => return Err(malformed(Problem::Algorithm)),
    }
    let credential = Credential::parse(&required("X-Amz-Credential")?).map_err(malformed)?;
    let signed_at = parse_amz_date(required("X-Amz-Date")?.as_bytes()).ok_or(malformed(Problem::Date))?;
    let expires_seconds = parse_expires(&required("X-Amz-Expires")?).map_err(malformed)?;
    let signed_headers = SignedHeaders::parse(&required("X-Amz-SignedHeaders")?).map_err(malformed)?;
    let signature = required("X-Amz-Signature")?;
    check_signature_text(Source::Query, &signature)?;
    let session_token = match one(query, "X-Amz-Security-Token")? {
        Some(_) if head.headers.contains_key("x-amz-security-token") => {
            return Err(malformed(Problem::Repeated("X-Amz-Security-Token")));
        }
        Some(token) => Some(SessionToken::parse(token.as_bytes())?),
        None => None,
    };
    if session_token.is_none() && head.headers.contains_key("x-amz-security-token") {
        return Err(malformed(Problem::Missing("X-Amz-Security-Token")));
    }
    let parts = Parts {
        source: Source::Query,
        mechanism: Mechanism::Presigned { expires_seconds },
        credential,
        signed_at,
        session_token,
        signed_headers,
        signature: &signature,
    };
    parts.finish(head, query)
}

fn parse_expires(text: &str) -> Result<u32, Problem> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::ExpiresNumber);
    }
    if text.starts_with('-') || digits.bytes().all(|byte| byte == b'0') {
        return Err(Problem::ExpiresTooSmall);
    }
    let seconds = digits.parse().ok().filter(|seconds| *seconds <= MAX_PRESIGN_SECONDS);
    seconds.ok_or(Problem::ExpiresTooLarge)
}
