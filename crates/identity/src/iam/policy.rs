//! Managed policies: the customer's, with their versions, and AWS's. Source: IAM API Reference, operations on policies.

use strongroom_api_iam as api;
use strongroom_policy::Kind as PolicyKind;
use strongroom_types::{Arn, Timestamp};

use super::document;
use super::entity::{Entity as _, Kind};
use super::error::{IamError, Missing, Obstacle};
use super::managed::{self, ManagedPolicy};
use super::page::Page;
use super::row::{self, PolicyRow, VersionRow};
use super::shape::{self, Usage};
use super::view::{Change, View};
use super::{limits, name};

/// A managed policy.
#[derive(Debug, Clone)]
pub(crate) enum Managed {
    /// The account's.
    Customer(PolicyRow),
    /// Everybody's.
    Aws(&'static ManagedPolicy),
}

impl Managed {
    /// Whether identities of the account may have it; those of service-linked roles may not.
    pub(crate) fn is_attachable(&self) -> bool {
        match self {
            Self::Customer(_) => true,
            Self::Aws(policy) => policy.is_attachable(),
        }
    }

    /// As answers show it.
    pub(crate) async fn shape(&self, view: &View) -> Result<api::Policy, IamError> {
        Ok(match self {
            Self::Customer(policy) => {
                let usage = usage(view, &policy.arn(view.account)).await?;
                shape::policy(view.account, policy, usage)
            }
            Self::Aws(policy) => policy.shape(usage(view, &policy.arn()).await?),
        })
    }
}

/// The managed policy that an ARN names, if there is one that the account may use.
pub(crate) async fn resolve(view: &View, arn: &str) -> Result<Option<Managed>, IamError> {
    if let Some(policy) = managed::find(arn) {
        return Ok(Some(Managed::Aws(policy)));
    }
    let parsed = Arn::parse(arn).map_err(|_| IamError::Arn(arn.to_owned()))?;
    let Some(name) = parsed.resource().strip_prefix("policy/").and_then(|path| path.rsplit('/').next())
    else {
        return Err(IamError::Arn(arn.to_owned()));
    };
    let policy: Option<PolicyRow> = view.find(name).await?;
    Ok(policy.filter(|policy| policy.arn(view.account) == arn).map(Managed::Customer))
}

/// As [`resolve`], of a policy that must be there.
///
/// # Errors
/// `NoSuchEntity`, `InvalidInput`.
pub(crate) async fn must(view: &View, arn: &str) -> Result<Managed, IamError> {
    resolve(view, arn).await?.ok_or_else(|| IamError::NoSuch(Missing::Policy(arn.to_owned())))
}

/// The customer-managed policy that an ARN names, to be changed.
pub(crate) async fn customer(view: &View, arn: &str) -> Result<PolicyRow, IamError> {
    match must(view, arn).await? {
        Managed::Customer(policy) => Ok(policy),
        Managed::Aws(_) => Err(IamError::AwsManaged(arn.to_owned())),
    }
}

/// How often a policy is attached.
pub(crate) async fn usage(view: &View, arn: &str) -> Result<Usage, IamError> {
    Ok(Usage {
        attached: view.suffixes(&row::attachments(arn)).await?.len(),
        bounding: view.suffixes(&row::boundaries(arn)).await?.len(),
    })
}

pub(crate) async fn create_policy(
    change: &mut Change,
    input: &api::CreatePolicyInput,
) -> Result<api::CreatePolicyOutput, IamError> {
    document::parse(PolicyKind::Managed, &input.policy_document)?;
    let core = change.core(Kind::Policy, &input.policy_name, input.path.as_deref());
    let mut policy = PolicyRow {
        tags: name::new_tags::<PolicyRow>(input.tags.as_deref())?,
        description: input.description.clone(),
        updated_millis: core.created_millis,
        default_version: 0,
        versions: Vec::new(),
        last_version: 0,
        core,
    };
    add_version(change, &mut policy, &input.policy_document, true)?;
    change.create(&policy).await?;
    let shape = shape::policy(change.view.account, &policy, Usage::default());
    Ok(api::CreatePolicyOutput { policy: Some(Box::new(shape)) })
}

/// Adds a version to a policy that is saved afterwards; its number.
fn add_version(
    change: &mut Change,
    policy: &mut PolicyRow,
    document: &str,
    default: bool,
) -> Result<u32, IamError> {
    if policy.versions.len() >= limits::VERSIONS_PER_POLICY {
        return Err(IamError::TooManyVersions);
    }
    if change.counts.versions >= limits::VERSIONS_IN_USE {
        let limit = usize::try_from(limits::VERSIONS_IN_USE).unwrap_or(usize::MAX);
        return Err(IamError::Limit { quota: "PolicyVersionsInUse", limit });
    }
    change.counts.versions = change.counts.versions.saturating_add(1);
    let number = policy.last_version.saturating_add(1);
    policy.last_version = number;
    policy.versions.push(number);
    policy.updated_millis = change.view.now.as_millis();
    if default {
        policy.default_version = number;
    }
    let created_millis = change.view.now.as_millis();
    let version = VersionRow { document: document.to_owned(), created_millis };
    change.put(row::version(&policy.core.id, number), &version);
    Ok(number)
}

pub(crate) async fn get_policy(
    view: &View,
    input: &api::GetPolicyInput,
) -> Result<api::GetPolicyOutput, IamError> {
    let policy = must(view, &input.policy_arn).await?.shape(view).await?;
    Ok(api::GetPolicyOutput { policy: Some(Box::new(policy)) })
}

pub(crate) async fn delete_policy(
    change: &mut Change,
    input: &api::DeletePolicyInput,
) -> Result<api::DeletePolicyOutput, IamError> {
    let policy = customer(&change.view, &input.policy_arn).await?;
    let usage = usage(&change.view, &input.policy_arn).await?;
    let obstacles = [
        (usage.attached > 0, Obstacle::Attachments),
        (usage.bounding > 0, Obstacle::Boundaries),
        (policy.versions.len() > 1, Obstacle::Versions),
    ];
    if let Some((_, obstacle)) = obstacles.into_iter().find(|(stands, _)| *stands) {
        return Err(IamError::Conflict(obstacle));
    }
    remove_version(change, &policy, policy.default_version);
    change.remove(&policy);
    Ok(api::DeletePolicyOutput {})
}

fn remove_version(change: &mut Change, policy: &PolicyRow, number: u32) {
    change.delete(row::version(&policy.core.id, number));
    change.counts.versions = change.counts.versions.saturating_sub(1);
}

pub(crate) async fn create_policy_version(
    change: &mut Change,
    input: &api::CreatePolicyVersionInput,
) -> Result<api::CreatePolicyVersionOutput, IamError> {
    let mut policy = customer(&change.view, &input.policy_arn).await?;
    document::parse(PolicyKind::Managed, &input.policy_document)?;
    let default = input.set_as_default == Some(true);
    let number = add_version(change, &mut policy, &input.policy_document, default)?;
    change.save(&policy);
    let version = version_shape(&policy, number, change.view.now, None);
    Ok(api::CreatePolicyVersionOutput { policy_version: Some(Box::new(version)) })
}

fn version_shape(
    policy: &PolicyRow,
    number: u32,
    created: Timestamp,
    document: Option<&str>,
) -> api::PolicyVersion {
    api::PolicyVersion {
        document: document.map(shape::document),
        version_id: Some(PolicyRow::version_id(number)),
        is_default_version: Some(policy.default_version == number),
        create_date: Some(created),
    }
}

/// All versions of a managed policy, the newest first.
pub(crate) async fn versions(
    view: &View,
    policy: &Managed,
    with_documents: bool,
) -> Result<Vec<api::PolicyVersion>, IamError> {
    let policy = match policy {
        Managed::Customer(policy) => policy,
        Managed::Aws(policy) => return Ok(vec![policy.version(with_documents)]),
    };
    let mut versions = Vec::with_capacity(policy.versions.len());
    for number in policy.versions.iter().rev() {
        // One that was deleted since the policy was read is not there.
        let row: Option<VersionRow> = view.get(&row::version(&policy.core.id, *number)).await?;
        versions.extend(row.map(|row| {
            let document = with_documents.then_some(row.document.as_str());
            version_shape(policy, *number, Timestamp::from_millis(row.created_millis), document)
        }));
    }
    Ok(versions)
}

pub(crate) async fn get_policy_version(
    view: &View,
    input: &api::GetPolicyVersionInput,
) -> Result<api::GetPolicyVersionOutput, IamError> {
    let policy = must(view, &input.policy_arn).await?;
    let version = versions(view, &policy, true)
        .await?
        .into_iter()
        .find(|version| version.version_id.as_deref() == Some(&input.version_id))
        .ok_or_else(|| no_such_version(&input.policy_arn, &input.version_id))?;
    Ok(api::GetPolicyVersionOutput { policy_version: Some(Box::new(version)) })
}

fn no_such_version(arn: &str, id: &str) -> IamError {
    IamError::NoSuch(Missing::Version(arn.to_owned(), id.to_owned()))
}

pub(crate) async fn list_policy_versions(
    view: &View,
    input: &api::ListPolicyVersionsInput,
) -> Result<api::ListPolicyVersionsOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let versions = versions(view, &must(view, &input.policy_arn).await?, false).await?;
    // The newest first: keys count down.
    let key = |version: &api::PolicyVersion| {
        let digits = version.version_id.as_deref().and_then(|id| id.strip_prefix('v'));
        let number: u32 = digits.and_then(|digits| digits.parse().ok()).unwrap_or(0);
        format!("{:010}", u32::MAX - number)
    };
    let cut = page.cut(versions, key);
    Ok(api::ListPolicyVersionsOutput {
        versions: Some(cut.items),
        is_truncated: cut.is_truncated,
        marker: cut.marker,
    })
}

pub(crate) async fn delete_policy_version(
    change: &mut Change,
    input: &api::DeletePolicyVersionInput,
) -> Result<api::DeletePolicyVersionOutput, IamError> {
    let mut policy = customer(&change.view, &input.policy_arn).await?;
    let number = policy
        .version_number(&input.version_id)
        .ok_or_else(|| no_such_version(&input.policy_arn, &input.version_id))?;
    if number == policy.default_version {
        return Err(IamError::Conflict(Obstacle::DefaultVersion));
    }
    remove_version(change, &policy, number);
    policy.versions.retain(|known| *known != number);
    change.save(&policy);
    Ok(api::DeletePolicyVersionOutput {})
}

pub(crate) async fn set_default_policy_version(
    change: &mut Change,
    input: &api::SetDefaultPolicyVersionInput,
) -> Result<api::SetDefaultPolicyVersionOutput, IamError> {
    let mut policy = customer(&change.view, &input.policy_arn).await?;
    policy.default_version = policy
        .version_number(&input.version_id)
        .ok_or_else(|| no_such_version(&input.policy_arn, &input.version_id))?;
    policy.updated_millis = change.view.now.as_millis();
    change.save(&policy);
    Ok(api::SetDefaultPolicyVersionOutput {})
}
