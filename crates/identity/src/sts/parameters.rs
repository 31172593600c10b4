//! What the operations that give credentials have in common: session policies, tags, how long.

use std::time::Duration;

use strongroom_api_sts as api;
use strongroom_policy::{Document, Kind, PolicyError};
use strongroom_types::AccountId;

use super::error::StsError;
use crate::Identity;

/// Seconds that a session lasts at least. Source: STS API Reference, `DurationSeconds` of each operation.
pub(super) const MIN_SECONDS: i32 = 900;
/// Managed policies that narrow a session at most. Source: STS API Reference, AssumeRole, `PolicyArns`.
const MAX_POLICY_ARNS: usize = 10;
/// Tags of a session at most. Source: STS API Reference, AssumeRole, `Tags`.
const MAX_TAGS: usize = 50;
/// Bytes that policies and tags of a session may have together. AWS has such a limit, but does not say which
/// (STS API Reference, AssumeRole, `PackedPolicySize`); this one keeps tokens short enough for headers and URLs.
pub(super) const MAX_PACKED_BYTES: usize = 4_096;

/// What narrows a session.
pub(super) struct Narrowing {
    pub(super) policy: Option<String>,
    pub(super) arns: Vec<String>,
}

impl Narrowing {
    /// Checks session policies.
    ///
    /// # Errors
    /// `MalformedPolicyDocument`, `ValidationError`.
    pub(super) async fn of(
        identity: &Identity,
        account: AccountId,
        policy: Option<&str>,
        arns: Option<&[api::PolicyDescriptorType]>,
    ) -> Result<Self, StsError> {
        if let Some(text) = policy {
            Document::parse(text.as_bytes(), Kind::Session).map_err(|error| policy_error(&error))?;
        }
        let given = arns.unwrap_or_default();
        if given.len() > MAX_POLICY_ARNS {
            return Err(StsError::Invalid(format!("At most {MAX_POLICY_ARNS} policy ARNs may be given.")));
        }
        let mut arns = Vec::with_capacity(given.len());
        for arn in given.iter().map(|descriptor| descriptor.arn.as_deref().unwrap_or_default()) {
            if identity.managed(account, arn).await?.is_none() {
                return Err(StsError::Invalid(format!("Policy {arn} does not exist or is not attachable.")));
            }
            arns.push(arn.to_owned());
        }
        Ok(Self { policy: policy.map(ToOwned::to_owned), arns })
    }
}

fn policy_error(error: &PolicyError) -> StsError {
    match error {
        PolicyError::Malformed { .. } => StsError::MalformedPolicy(error.to_string()),
        PolicyError::TooLarge { .. } => StsError::Invalid(error.to_string()),
    }
}

/// Checks the tags that a request gives to a session.
///
/// # Errors
/// `InvalidParameterValue`. Source: IAM User Guide, "Pass session tags in AWS STS".
pub(super) fn tags(given: Option<&[api::Tag]>) -> Result<Vec<(String, String)>, StsError> {
    let given = given.unwrap_or_default();
    let tags: Vec<_> = given.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
    check_tags(&tags)?;
    Ok(tags)
}

/// As [`tags`], of all tags of a session.
pub(super) fn check_tags(tags: &[(String, String)]) -> Result<(), StsError> {
    if tags.len() > MAX_TAGS {
        return Err(StsError::Tags("A session has at most 50 tags."));
    }
    let mut keys: Vec<String> = tags.iter().map(|(key, _)| key.to_lowercase()).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(StsError::Tags(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ));
    }
    if keys.iter().any(|key| key.is_empty() || key.starts_with("aws:")) {
        return Err(StsError::Tags("Tag keys must not be empty or begin with \"aws:\"."));
    }
    Ok(())
}

/// How much of the allotted space policies and tags take, in percent; `None` where there are none.
///
/// # Errors
/// `PackedPolicyTooLarge`.
pub(super) fn packed_percent(
    narrowing: &Narrowing,
    tags: &[(String, String)],
) -> Result<Option<i32>, StsError> {
    let policies = narrowing.policy.as_ref().map_or(0, String::len);
    let arns: usize = narrowing.arns.iter().map(String::len).sum();
    let tags: usize = tags.iter().map(|(key, value)| key.len() + value.len()).sum();
    let bytes = policies + arns + tags;
    let percent = (bytes * 100).div_ceil(MAX_PACKED_BYTES);
    if bytes > MAX_PACKED_BYTES {
        return Err(StsError::PackedPolicyTooLarge(percent));
    }
    Ok(i32::try_from(percent).ok().filter(|percent| *percent > 0))
}

/// How long a session lasts.
///
/// # Errors
/// `ValidationError` below the least or above the most.
pub(super) fn duration(seconds: i32, most: i32, too_long: &str) -> Result<Duration, StsError> {
    if seconds < MIN_SECONDS {
        return Err(StsError::Invalid(format!("DurationSeconds must be at least {MIN_SECONDS}.")));
    }
    if seconds > most {
        return Err(StsError::Invalid(too_long.to_owned()));
    }
    Ok(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}
