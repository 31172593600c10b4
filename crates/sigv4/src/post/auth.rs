//! The signature fields of a form.

use strongroom_types::{AccessKeyId, Timestamp};

use super::policy::{PostPolicy, PostTarget};
use crate::error::{AuthError, PostError, Problem, SignatureMismatch, Source};
use crate::input::{ALGORITHM, SessionToken};
use crate::key::SigningKey;
use crate::limits::{
    MAX_CLOCK_SKEW, MAX_POST_AGE, MAX_POST_POLICY_BYTES, MAX_PRESIGN_SECONDS, MAX_SIGNATURE_BYTES,
};
use crate::scope::{Credential, CredentialScope};
use crate::verify::{ExpectedScope, check_scope, signature_matches};

/// A form field that precedes the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostField<'a> {
    /// Its name as it came; names count whatever their case.
    pub name: &'a str,
    /// Its value as it came.
    pub value: &'a str,
}

/// How a form authenticates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostInput {
    /// It does not.
    Anonymous,
    /// By a signed policy that is not verified yet.
    Signed(Box<PostFormAuth>),
}

/// The signature fields of a form, complete and consistent, not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostFormAuth {
    credential: Credential,
    signed_at: Timestamp,
    session_token: Option<SessionToken>,
    policy: Box<str>,
    signature: Box<str>,
}

/// A form whose policy is signed rightly and has not expired. Only [`PostFormAuth::verify`] makes one. Its policy
/// still has to allow the form: [`VerifiedPost::check`].
#[derive(Debug)]
pub struct VerifiedPost {
    access_key_id: AccessKeyId,
    scope: CredentialScope,
    signed_at: Timestamp,
    policy: PostPolicy,
}

const SIGNED_FIELDS: [&str; 6] = [
    "policy",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
];

fn malformed(problem: Problem) -> PostError {
    AuthError::malformed(Source::Form, problem).into()
}

fn value<'a>(fields: &[PostField<'a>], name: &str) -> Option<&'a str> {
    fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

impl PostInput {
    /// Reads the authentication input of a form: all fields that precede the file, in the order of the form.
    ///
    /// # Errors
    /// [`PostError`] for a field that occurs twice (whatever the case of its name), for signature fields that are
    /// incomplete or wrong, and for Signature Version 2. An error never means "anonymous".
    pub fn from_fields(fields: &[PostField<'_>]) -> Result<Self, PostError> {
        let mut names: Vec<String> = fields.iter().map(|field| field.name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        if let Some(name) = names.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[_]>::first) {
            return Err(PostError::FieldRepeated(name.clone()));
        }
        let version4 = SIGNED_FIELDS.iter().skip(1).any(|name| value(fields, name).is_some());
        let version2 = value(fields, "signature").is_some();
        match (version4, version2 || value(fields, "AWSAccessKeyId").is_some()) {
            (true, _) if version2 => return Err(AuthError::SeveralMechanisms.into()),
            (false, true) => return Err(AuthError::SignatureVersion2.into()),
            (false, false) if value(fields, "policy").is_none() => return Ok(Self::Anonymous),
            (true | false, _) => {}
        }
        PostFormAuth::parse(fields).map(|auth| Self::Signed(Box::new(auth)))
    }
}

impl PostFormAuth {
    fn parse(fields: &[PostField<'_>]) -> Result<Self, PostError> {
        let required = |name| value(fields, name).ok_or(PostError::FieldMissing(name));
        let policy = required("policy")?;
        if policy.len() > MAX_POST_POLICY_BYTES {
            return Err(PostError::PolicyTooLarge);
        }
        match required("x-amz-algorithm")? {
            ALGORITHM => {}
            "AWS4-ECDSA-P256-SHA256" => return Err(AuthError::SignatureVersion4a.into()),
            _ => return Err(malformed(Problem::Algorithm)),
        }
        let credential = Credential::parse(required("x-amz-credential")?).map_err(malformed)?;
        let signed_at = crate::input::parse_amz_date(required("x-amz-date")?.as_bytes());
        let signed_at = signed_at.ok_or_else(|| malformed(Problem::Date))?;
        let signature = required("x-amz-signature")?;
        if signature.len() > MAX_SIGNATURE_BYTES {
            return Err(malformed(Problem::TooLong("x-amz-signature")));
        }
        let amz_date = signed_at.to_amz_date();
        if !credential.scope.is_of_day(&amz_date) {
            let scope = credential.scope.date().to_owned();
            return Err(malformed(Problem::ScopeDateDiffers { scope, request: amz_date }));
        }
        let token = value(fields, "x-amz-security-token").map(|token| SessionToken::parse(token.as_bytes()));
        let session_token = token.transpose()?;
        Ok(Self { credential, signed_at, session_token, policy: policy.into(), signature: signature.into() })
    }

    /// Whose key is claimed to have signed, and for what.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// When the form claims to have been signed.
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// The session token that came with temporary credentials.
    pub fn session_token(&self) -> Option<&SessionToken> {
        self.session_token.as_ref()
    }

    /// Verifies the signature, then reads the policy and checks its end.
    ///
    /// # Errors
    /// [`PostError::Auth`] for scope, time and signature, [`PostError::PolicyInvalid`], [`PostError::PolicyExpired`].
    pub fn verify(
        &self,
        key: &SigningKey,
        now: Timestamp,
        expected: &ExpectedScope<'_>,
    ) -> Result<VerifiedPost, PostError> {
        check_scope(&self.credential.scope, expected).map_err(malformed)?;
        self.check_age(now)?;
        if !signature_matches(&key.sign(self.policy.as_bytes()), &self.signature) {
            let mismatch = SignatureMismatch {
                access_key_id: self.credential.access_key_id.clone(),
                signature_provided: self.signature.to_string(),
                string_to_sign: self.policy.to_string(),
                canonical_request: Vec::new(),
            };
            return Err(AuthError::SignatureDoesNotMatch(Box::new(mismatch)).into());
        }
        let policy = PostPolicy::parse(&self.policy)?;
        if now >= policy.expiration() {
            return Err(PostError::PolicyExpired);
        }
        Ok(VerifiedPost {
            access_key_id: self.credential.access_key_id.clone(),
            scope: self.credential.scope.clone(),
            signed_at: self.signed_at,
            policy,
        })
    }

    fn check_age(&self, now: Timestamp) -> Result<(), AuthError> {
        if self.signed_at.since(now) > MAX_CLOCK_SKEW {
            return Err(AuthError::NotYetValid { request_time: self.signed_at, server_time: now });
        }
        let expires = self.signed_at.plus(MAX_POST_AGE);
        if now > expires {
            return Err(AuthError::Expired {
                expires_seconds: MAX_PRESIGN_SECONDS,
                expires,
                server_time: now,
            });
        }
        Ok(())
    }
}

impl VerifiedPost {
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

    /// The policy.
    pub fn policy(&self) -> &PostPolicy {
        &self.policy
    }

    /// Checks the form's fields and target against the policy (see [`PostPolicy::check`]).
    ///
    /// # Errors
    /// As [`PostPolicy::check`].
    pub fn check(&self, fields: &[PostField<'_>], target: &PostTarget<'_>) -> Result<(), PostError> {
        self.policy.check(fields, target)
    }

    /// Checks the size of the file, in bytes (see [`PostPolicy::check_size`]).
    ///
    /// # Errors
    /// As [`PostPolicy::check_size`].
    pub fn check_size(&self, bytes: u64) -> Result<(), PostError> {
        self.policy.check_size(bytes)
    }
}
