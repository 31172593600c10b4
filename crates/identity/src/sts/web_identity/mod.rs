//! AssumeRoleWithWebIdentity: whoever shows a token that an identity provider of the account signed gets the role that
//! trusts it.
//!
//! The request bears no signature, so the token is what says who asks. It is verified before the gate decides:
//! [`Identity::web_identity`] makes the caller, the role's trust policy then says whether he may, and the handler gives the
//! session. Where an issuer's keys come from is not this crate's affair: it asks for them by [`KeySets`].
//!
//! Source: STS API Reference, AssumeRoleWithWebIdentity; IAM User Guide, "OIDC federation", and "IAM and AWS STS condition
//! context keys", "Available keys for AWS OIDC federation".

mod json;
mod key;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use async_trait::async_trait;
use strongroom_api_sts as api;
use strongroom_gate::{Authorized, Caller, ErrorReply, Federation, Handle, Reply, Session, WebIdentity};
use strongroom_types::{AccountId, Arn, Timestamp};

pub use key::{BadKeySet, KeySet, MAX_KEY_SET_BYTES};
pub use token::fuzz_web_identity_token;

use super::assume_role::{ONE_HOUR_SECONDS, role_session};
use super::error::StsError;
use super::parameters::{Narrowing, check_tags, duration, packed_percent};
use super::{SessionParts, credentials};
use crate::Identity;
use crate::iam::row::OidcRow;
use token::{Claims, Token};

/// Seconds that an issuer's clock may be ahead of ours.
const MAX_SKEW_SECONDS: f64 = 60.0;

/// Why there are no keys of an issuer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// The operator has not said where its keys are to be had.
    #[error("the operator of this store has not configured the issuer {0}")]
    NotConfigured(String),
    /// They could not be had.
    #[error("the keys of the issuer {issuer} could not be had: {why}")]
    Unavailable {
        /// The issuer.
        issuer: String,
        /// What happened, without addresses.
        why: &'static str,
    },
}

/// Where the keys of issuers come from.
#[async_trait]
pub trait KeySets: Send + Sync {
    /// The keys of the issuer of this URL; if they do not have the key of this id, as new as they can be had.
    ///
    /// # Errors
    /// [`KeySetError`].
    async fn key_set(&self, issuer: &str, key_id: Option<&str>) -> Result<Arc<KeySet>, KeySetError>;
}

impl Identity {
    /// Whom a token speaks of who asks for a role: verified, and fit for the provider that the role's account has of its
    /// issuer.
    ///
    /// # Errors
    /// `InvalidIdentityToken`, `ExpiredTokenException`, `IDPCommunicationError`; errors of the store.
    pub async fn web_identity(
        &self,
        key_sets: &dyn KeySets,
        input: &api::AssumeRoleWithWebIdentityInput,
        now: Timestamp,
    ) -> Result<Caller, ErrorReply> {
        let token = Token::parse(&input.web_identity_token)
            .map_err(|error| StsError::IdentityToken(error.to_string()))?;
        let role = Arn::parse(&input.role_arn).ok();
        let account = role.and_then(|role| AccountId::parse(role.account()).ok());
        let account = account.ok_or_else(|| StsError::Invalid(format!("{} is invalid", input.role_arn)))?;
        // A provider that has no ARN is one of those that speak OAuth 2.0 without tokens of this kind.
        if let Some(provider) = &input.provider_id {
            return Err(StsError::Invalid(format!("The provider {provider} is not supported.")).into());
        }
        let issuer = token.claims.issuer.strip_prefix("https://").map(|rest| rest.trim_end_matches('/'));
        let provider = match issuer {
            Some(issuer) => self.oidc_provider(account, issuer).await?,
            None => None,
        };
        let provider = provider.ok_or_else(|| {
            let message =
                format!("No OpenIDConnect provider found in your account for {}", token.claims.issuer);
            StsError::IdentityToken(message)
        })?;
        let keys = key_sets.key_set(&token.claims.issuer, token.key_id.as_deref()).await;
        let keys = keys.map_err(|error| StsError::Provider(error.to_string()))?;
        let caller = verified(&token, &keys, account, &provider, now)?;
        // Before anything is decided by them: of two tags whose keys differ by case alone, policies see one.
        check_token_tags(&caller)?;
        Ok(Caller::WebIdentity(Arc::new(caller)))
    }
}

/// Whom a token speaks of. Nothing of it is looked at before its signature but what names the keys.
fn verified(
    token: &Token<'_>,
    keys: &KeySet,
    account: AccountId,
    provider: &OidcRow,
    now: Timestamp,
) -> Result<WebIdentity, StsError> {
    let invalid = |message: &str| StsError::IdentityToken(message.to_owned());
    if !keys.verifies(token) {
        return Err(invalid(
            "Couldn't retrieve verification key from your identity provider, or the signature is wrong",
        ));
    }
    let Claims { expires, not_before, issued, .. } = token.claims;
    let now_seconds = seconds(now);
    if now_seconds >= expires {
        return Err(StsError::TokenExpired);
    }
    if not_before.into_iter().chain(issued).any(|at| at > now_seconds + MAX_SKEW_SECONDS) {
        return Err(invalid("The token is not valid yet; check the clock of the identity provider"));
    }
    let claims = &token.claims;
    // Source: IAM User Guide, "Available keys for AWS OIDC federation": `azp`, where it is set, stands for `aud`.
    let asked: &[String] = match &claims.authorized_party {
        Some(party) => std::slice::from_ref(party),
        None => &claims.audience,
    };
    let audience = asked.iter().find(|audience| provider.client_ids.contains(audience));
    let audience = audience.ok_or_else(|| invalid("Incorrect token audience"))?;
    Ok(WebIdentity {
        provider: provider.arn(account),
        issuer: provider.url.clone(),
        subject: claims.subject.clone(),
        audience: audience.clone(),
        keys: condition_keys(claims, &provider.url, asked),
        tags: claims.tags.clone(),
        transitive_tags: claims.transitive_tags.clone(),
        source_identity: claims.source_identity.clone(),
    })
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
fn seconds(now: Timestamp) -> f64 {
    now.as_millis() as f64 / 1_000.0
}

fn condition_keys(claims: &Claims, issuer: &str, audience: &[String]) -> Vec<(String, Vec<String>)> {
    let key = |name: &str, values: &[String]| (format!("{issuer}:{name}"), values.to_vec());
    let mut keys = vec![key("aud", audience), key("sub", std::slice::from_ref(&claims.subject))];
    if claims.authorized_party.is_some() {
        keys.push(key("oaud", &claims.audience));
    }
    if !claims.methods.is_empty() {
        keys.push(key("amr", &claims.methods));
    }
    keys
}

#[async_trait]
impl Handle<api::op::AssumeRoleWithWebIdentity> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::AssumeRoleWithWebIdentityInput>,
    ) -> Result<Reply<api::AssumeRoleWithWebIdentityOutput>, ErrorReply> {
        let (caller, input) = (request.caller(), request.input());
        let Caller::WebIdentity(web) = caller else {
            return Err(StsError::SessionCredentials("AssumeRoleWithWebIdentity").into());
        };
        let (account, role) = self.role_to_assume(caller, &input.role_arn).await?;
        let too_long = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        let asked = input.duration_seconds.unwrap_or(ONE_HOUR_SECONDS);
        let lasts = duration(asked, role.max_session_seconds, too_long)?;
        let narrowing =
            Narrowing::of(self, account, input.policy.as_deref(), input.policy_arns.as_deref()).await?;
        let packed_policy_size = packed_percent(&narrowing, &web.tags)?;
        let session = Session {
            policy: narrowing.policy,
            policy_arns: narrowing.arns,
            tags: web.tags.clone(),
            transitive_tags: web.transitive_tags.clone(),
            source_identity: web.source_identity.clone(),
            federation: Some(Federation { provider: web.provider.clone(), keys: web.keys.clone() }),
            ..Session::plain(request.now(), request.now().plus(lasts))
        };
        let SessionParts { issued, user } =
            role_session(self, account, &role, &input.role_session_name, &session).await?;
        Ok(Reply::new(api::AssumeRoleWithWebIdentityOutput {
            credentials: Some(Box::new(credentials(&issued, &session))),
            subject_from_web_identity_token: Some(web.subject.clone()),
            assumed_role_user: Some(Box::new(user)),
            packed_policy_size,
            provider: Some(web.provider.clone()),
            audience: Some(web.audience.clone()),
            source_identity: session.source_identity,
            ..api::AssumeRoleWithWebIdentityOutput::default()
        }))
    }
}

/// Tags of a token are held to what tags of a request are held to.
fn check_token_tags(web: &WebIdentity) -> Result<(), StsError> {
    check_tags(&web.tags)?;
    let has = |key: &String| {
        let key = key.to_lowercase();
        web.tags.iter().any(|(known, _)| known.to_lowercase() == key)
    };
    if !web.transitive_tags.iter().all(has) {
        return Err(StsError::Tags(
            "The specified transitive tag key must be included in the requested tags.",
        ));
    }
    let sizes = |(key, value): &(String, String)| key.chars().count() <= 128 && value.chars().count() <= 256;
    if web.tags.iter().all(sizes) {
        Ok(())
    } else {
        Err(StsError::Tags("Tag keys have at most 128 characters, tag values at most 256."))
    }
}
