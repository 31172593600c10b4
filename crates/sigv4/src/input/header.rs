//! `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.

use strongroom_types::Timestamp;

use super::parse_amz_date;
use super::{ALGORITHM, ALGORITHM_V4A, Mechanism, Parts, SessionToken, SignedRequest, check_signature_text};
use crate::canonical::{CanonicalQuery, SignedHeaders};
use crate::error::{AuthError, Problem, Source};
use crate::head::{RequestHead, Single};
use crate::scope::Credential;

fn malformed(problem: Problem) -> AuthError {
    AuthError::malformed(Source::Header, problem)
}

pub(super) fn parse(
    head: &RequestHead<'_>,
    query: &CanonicalQuery,
    value: &[u8],
) -> Result<SignedRequest, AuthError> {
    let value = std::str::from_utf8(value).map_err(|_| malformed(Problem::NotText("Authorization")))?.trim();
    let (kind, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
    match kind {
        "" => return Err(AuthError::EmptyAuthorization),
        "AWS" => return Err(AuthError::SignatureVersion2),
        ALGORITHM => {}
        ALGORITHM_V4A => return Err(AuthError::SignatureVersion4a),
        other if other.starts_with("AWS4-") => return Err(malformed(Problem::Algorithm)),
        _ => return Err(AuthError::UnsupportedType),
    }
    let fields = Fields::parse(rest).map_err(malformed)?;
    check_signature_text(Source::Header, fields.signature)?;
    let parts = Parts {
        source: Source::Header,
        mechanism: Mechanism::Header,
        credential: Credential::parse(fields.credential).map_err(malformed)?,
        signed_at: signed_at(head)?,
        session_token: session_token(head)?,
        signed_headers: SignedHeaders::parse(fields.signed_headers).map_err(malformed)?,
        signature: fields.signature,
    };
    parts.finish(head, query)
}

struct Fields<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Fields<'a> {
    /// Three `Name=value`, in any order, commas between, white space allowed around them.
    fn parse(text: &'a str) -> Result<Self, Problem> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for piece in text.split(',') {
            let (name, value) = piece.trim().split_once('=').ok_or(Problem::Syntax)?;
            let (slot, label) = match name {
                "Credential" => (&mut credential, "Credential"),
                "SignedHeaders" => (&mut signed_headers, "SignedHeaders"),
                "Signature" => (&mut signature, "Signature"),
                _ => return Err(Problem::Syntax),
            };
            if slot.replace(value).is_some() {
                return Err(Problem::Repeated(label));
            }
        }
        Ok(Self {
            credential: credential.ok_or(Problem::Missing("Credential"))?,
            signed_headers: signed_headers.ok_or(Problem::Missing("SignedHeaders"))?,
            signature: signature.ok_or(Problem::Missing("Signature"))?,
        })
    }
}

/// The time of `x-amz-date`, else of `Date`.
///
/// DEVIATION: AWS ignores `Date` beside `x-amz-date`. A `Date` that cannot be read is refused here all the same:
/// somebody on the way reads another time than the one that was signed.
fn signed_at(head: &RequestHead<'_>) -> Result<Timestamp, AuthError> {
    let date = match head.single("date") {
        Single::Absent => None,
        Single::Value(value) => Some(parse_date(value).ok_or(AuthError::Date)?),
        Single::Repeated => return Err(AuthError::Date),
    };
    match head.single("x-amz-date") {
        Single::Absent => date.ok_or(AuthError::Date),
        Single::Value(value) => parse_amz_date(value).ok_or(AuthError::Date),
        Single::Repeated => Err(AuthError::Date),
    }
}

/// `Date` in the basic ISO 8601 form or as HTTP has it; mail libraries write the zone as a number.
fn parse_date(value: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(value).ok()?;
    let zone = ["+0000", "-0000", "UTC"].iter().find_map(|zone| text.strip_suffix(zone));
    let http = zone.map(|start| format!("{start}GMT"));
    parse_amz_date(value).or_else(|| Timestamp::parse_http_date(http.as_deref().unwrap_or(text)).ok())
}

fn session_token(head: &RequestHead<'_>) -> Result<Option<SessionToken>, AuthError> {
    match head.single("x-amz-security-token") {
        Single::Absent => Ok(None),
        Single::Value(value) => SessionToken::parse(value).map(Some),
        Single::Repeated => Err(malformed(Problem::Repeated("x-amz-security-token"))),
    }
}
