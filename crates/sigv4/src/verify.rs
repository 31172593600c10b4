//! The check of a signed request head: scope, time, signature.

use std::time::Duration;

use aws_lc_rs::digest::Digest;
use strongroom_types::{AccessKeyId, Region, Timestamp};
use subtle::ConstantTimeEq as _;

use crate::chunked::ChunkedBody;
use crate::error::{AuthError, Problem, SignatureMismatch, Source};
use crate::input::{ALGORITHM, Mechanism, PayloadMode, SignedRequest};
use crate::key::SigningKey;
use crate::limits::MAX_CLOCK_SKEW;
use crate::payload::PayloadCheck;
use crate::scope::CredentialScope;

/// Which regions a signature may be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionRule<'a> {
    /// That of the resource alone.
    Exactly(&'a Region),
    /// Any: global services at a custom endpoint are signed with the client's region.
    Any,
}

/// What a request must have been signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedScope<'a> {
    /// The region.
    pub region: RegionRule<'a>,
    /// The signing name of the service that the request is handled by.
    pub service: &'a str,
}

/// What is known of the body when the head is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyDigest {
    /// Nothing: it is still to come. Not enough for [`PayloadMode::OfBody`].
    Pending,
    /// The SHA-256 of the whole body, which has been read up to the operation's cap.
    Sha256([u8; 32]),
}

/// A request whose signature is right as far as the head goes. Only [`SignedRequest::verify`] makes one.
#[derive(Debug)]
#[must_use = "the body has to be checked still"]
pub struct Verified {
    head: VerifiedHead,
    payload: PayloadCheck,
}

impl Verified {
    /// The head.
    pub fn head(&self) -> &VerifiedHead {
        &self.head
    }

    /// What is still to be checked of the body.
    pub fn payload(self) -> PayloadCheck {
        self.payload
    }

    /// The head, and what is still to be checked of the body.
    pub fn into_parts(self) -> (VerifiedHead, PayloadCheck) {
        (self.head, self.payload)
    }
}

/// A request head whose signature is right. It says nothing about the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedHead {
    access_key_id: AccessKeyId,
    scope: CredentialScope,
    signed_at: Timestamp,
    mechanism: Mechanism,
    mode: PayloadMode,
}

impl VerifiedHead {
    /// Whose key signed.
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// What it was signed for.
    pub fn scope(&self) -> &CredentialScope {
        &self.scope
    }

    /// When it was signed, for `s3:signatureAge`.
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// Where the signature stood, for `s3:authType`.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// How the body is bound to the signature.
    pub fn payload_mode(&self) -> PayloadMode {
        self.mode
    }

    /// The value of `s3:x-amz-content-sha256` and of `x-amz-content-sha256`; `None` where the body gave the hash.
    pub fn content_sha256(&self) -> Option<String> {
        self.mode.line()
    }
}

impl SignedRequest {
    /// Whether [`SignedRequest::verify`] needs the SHA-256 of the body.
    pub fn needs_body_digest(&self) -> bool {
        self.payload == PayloadMode::OfBody
    }

    /// Checks what needs no key: service, region, time. Cheap enough to come before the key is looked up.
    ///
    /// # Errors
    /// [`AuthError::Malformed`] for another service or region, [`AuthError::RequestTimeTooSkewed`],
    /// [`AuthError::Expired`], [`AuthError::NotYetValid`].
    pub fn check_scope_and_time(
        &self,
        now: Timestamp,
        expected: &ExpectedScope<'_>,
    ) -> Result<(), AuthError> {
        let source = match self.mechanism {
            Mechanism::Header => Source::Header,
            Mechanism::Presigned { .. } => Source::Query,
        };
        check_scope(&self.credential.scope, expected)
            .map_err(|problem| AuthError::malformed(source, problem))?;
        match self.mechanism {
            Mechanism::Header => check_skew(self.signed_at, now),
            Mechanism::Presigned { expires_seconds } => check_life(self.signed_at, expires_seconds, now),
        }
    }

    /// Verifies the head with the signing key of its credential (see [`SignedRequest::credential`]).
    ///
    /// # Errors
    /// As [`SignedRequest::check_scope_and_time`]; [`AuthError::SignatureDoesNotMatch`];
    /// [`AuthError::ContentSha256Mismatch`] where the body's hash is given and is not the one that was signed.
    pub fn verify(
        &self,
        key: &SigningKey,
        now: Timestamp,
        expected: &ExpectedScope<'_>,
        body: BodyDigest,
    ) -> Result<Verified, AuthError> {
        self.check_scope_and_time(now, expected)?;
        let line = match (self.payload.line(), body) {
            (Some(line), _) => line,
            (None, BodyDigest::Sha256(hash)) => hex::encode(hash),
            (None, BodyDigest::Pending) => return Err(AuthError::BodyDigestNeeded),
        };
        let unsigned_line = PayloadMode::Unsigned.line().filter(|_| self.unsigned_line_too);
        let seed = match (self.matches(key, &line), unsigned_line) {
            (Some(seed), _) => seed,
            (None, Some(unsigned)) => self.matches(key, &unsigned).ok_or_else(|| self.mismatch(&line))?,
            (None, None) => return Err(self.mismatch(&line)),
        };
        let head = VerifiedHead {
            access_key_id: self.credential.access_key_id.clone(),
            scope: self.credential.scope.clone(),
            signed_at: self.signed_at,
            mechanism: self.mechanism,
            mode: self.payload,
        };
        Ok(Verified { head, payload: self.payload_check(key, seed, body)? })
    }

    fn payload_check(
        &self,
        key: &SigningKey,
        seed: [u8; 32],
        body: BodyDigest,
    ) -> Result<PayloadCheck, AuthError> {
        match (self.payload, body, &self.chunked) {
            (PayloadMode::SignedSha256(client), BodyDigest::Sha256(server), _) => {
                if client == server {
                    Ok(PayloadCheck::Sha256(client))
                } else {
                    Err(AuthError::ContentSha256Mismatch { client, server })
                }
            }
            (PayloadMode::SignedSha256(hash), BodyDigest::Pending, _)
            | (PayloadMode::OfBody, BodyDigest::Sha256(hash), _) => Ok(PayloadCheck::Sha256(hash)),
            (PayloadMode::OfBody, BodyDigest::Pending, _) => Err(AuthError::BodyDigestNeeded),
            (PayloadMode::Unsigned, ..) => Ok(PayloadCheck::Unsigned),
            (
                PayloadMode::StreamingSigned
                | PayloadMode::StreamingSignedTrailer
                | PayloadMode::StreamingUnsignedTrailer,
                _,
                chunked,
            ) => {
                let chunked = chunked.as_ref().ok_or(AuthError::DecodedLengthMissing)?;
                let body = ChunkedBody::new(
                    self.payload,
                    chunked,
                    key,
                    seed,
                    &self.amz_date,
                    &self.credential.scope,
                );
                Ok(PayloadCheck::Chunked(Box::new(body)))
            }
        }
    }

    /// The signature's bytes if it is that of the request with this payload line. Compared in constant time.
    fn matches(&self, key: &SigningKey, line: &str) -> Option<[u8; 32]> {
        let digest = self.canonical.digest(line);
        let computed = key.sign(string_to_sign(&self.amz_date, &self.credential.scope, &digest).as_bytes());
        signature_matches(&computed, &self.signature).then_some(computed)
    }

    fn mismatch(&self, line: &str) -> AuthError {
        let digest = self.canonical.digest(line);
        AuthError::SignatureDoesNotMatch(Box::new(SignatureMismatch {
            access_key_id: self.credential.access_key_id.clone(),
            signature_provided: self.signature.to_string(),
            string_to_sign: string_to_sign(&self.amz_date, &self.credential.scope, &digest),
            canonical_request: self.canonical.with_payload(line),
        }))
    }
}

pub(crate) fn string_to_sign(amz_date: &str, scope: &CredentialScope, canonical: &Digest) -> String {
    format!("{ALGORITHM}\n{amz_date}\n{scope}\n{}", hex::encode(canonical))
}

/// Compares in constant time; only whether the length is 64 shows.
pub(crate) fn signature_matches(computed: &[u8; 32], provided: &str) -> bool {
    let mut digits = [0; 64];
    hex::encode_to_slice(computed, &mut digits).is_ok() && bool::from(digits.ct_eq(provided.as_bytes()))
}

pub(crate) fn check_scope(scope: &CredentialScope, expected: &ExpectedScope<'_>) -> Result<(), Problem> {
    if scope.service() != expected.service {
        let (found, expected) = (scope.service().to_owned(), expected.service.to_owned());
        return Err(Problem::Service { found, expected });
    }
    match expected.region {
        RegionRule::Exactly(region) if scope.region() != region => {
            Err(Problem::Region { found: scope.region().clone(), expected: region.clone() })
        }
        RegionRule::Exactly(_) | RegionRule::Any => Ok(()),
    }
}

fn check_skew(signed_at: Timestamp, now: Timestamp) -> Result<(), AuthError> {
    let skew = signed_at.since(now).max(now.since(signed_at));
    if skew > MAX_CLOCK_SKEW {
        let (request_time, server_time, max_skew) = (signed_at, now, MAX_CLOCK_SKEW);
        return Err(AuthError::RequestTimeTooSkewed { request_time, server_time, max_skew });
    }
    Ok(())
}

fn check_life(signed_at: Timestamp, expires_seconds: u32, now: Timestamp) -> Result<(), AuthError> {
    if signed_at.since(now) > MAX_CLOCK_SKEW {
        return Err(AuthError::NotYetValid { request_time: signed_at, server_time: now });
    }
    let expires = signed_at.plus(Duration::from_secs(expires_seconds.into()));
    if now > expires {
        return Err(AuthError::Expired { expires_seconds, expires, server_time: now });
    }
    Ok(())
}
