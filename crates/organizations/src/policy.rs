//! Policies: making, reading, changing and deleting them. Source: Organizations API Reference.

use strongroom_api_organizations as api;
use strongroom_api_organizations::{
    ConstraintViolationExceptionReason as Constraint, InvalidInputExceptionReason as Input,
};
use strongroom_policy::Document;

use crate::error::{Clash, Missing, OrganizationsError, input, limit};
use crate::kind::{AwsPolicy, PolicyKind};
use crate::page::Page;
use crate::row::{self, OrganizationRow, PolicyRow, decode};
use crate::s3_policy::S3Policy;
use crate::view::{Change, View};
use crate::{id, tag};

/// A policy, a customer's or AWS's.
pub(crate) enum Policy {
    Customer(PolicyRow),
    Aws(&'static AwsPolicy),
}

impl Policy {
    /// The policy of an id.
    ///
    /// # Errors
    /// `PolicyNotFoundException`.
    pub(crate) async fn of(view: &View, id: &str) -> Result<Self, OrganizationsError> {
        if let Some(policy) = AwsPolicy::find(id) {
            return Ok(Self::Aws(policy));
        }
        Ok(Self::Customer(view.policy(id).await?.ok_or(Missing::Policy)?))
    }

    pub(crate) fn kind(&self) -> PolicyKind {
        match self {
            Self::Customer(policy) => policy.kind,
            Self::Aws(policy) => policy.kind,
        }
    }

    fn content(&self) -> &str {
        match self {
            Self::Customer(policy) => &policy.content,
            Self::Aws(policy) => policy.content,
        }
    }

    pub(crate) fn summary(&self, organization: &OrganizationRow) -> api::PolicySummary {
        let (id, name, description) = match self {
            Self::Customer(policy) => (policy.id.as_str(), policy.name.as_str(), policy.description.as_str()),
            Self::Aws(policy) => (policy.id, policy.name, policy.description),
        };
        api::PolicySummary {
            id: Some(id.to_owned()),
            arn: Some(organization.policy_arn(self.kind(), id)),
            name: Some(name.to_owned()),
            description: Some(description.to_owned()),
            r#type: Some(self.kind().shape()),
            aws_managed: Some(matches!(self, Self::Aws(_))),
        }
    }

    fn shape(&self, organization: &OrganizationRow) -> api::Policy {
        api::Policy {
            policy_summary: Some(Box::new(self.summary(organization))),
            content: Some(self.content().to_owned()),
        }
    }
}

/// The type that a request names, of which there are policies here.
///
/// # Errors
/// `PolicyTypeNotAvailableForOrganizationException`.
pub(crate) fn kind_of(asked: Option<api::PolicyType>) -> Result<PolicyKind, OrganizationsError> {
    Ok(asked.and_then(PolicyKind::of).ok_or(Clash::TypeNotAvailable)?)
}

/// Makes sure that a text is a policy of its type.
///
/// # Errors
/// `MalformedPolicyDocumentException`; `ConstraintViolationException` for one that is too long.
fn check_content(kind: PolicyKind, content: &str) -> Result<(), OrganizationsError> {
    if content.chars().count() > kind.max_chars() {
        let reason = Constraint::PolicyContentLimitExceeded;
        return Err(limit(reason, kind.max_chars(), "characters in a policy of this type"));
    }
    let malformed = |message: String| OrganizationsError::Malformed(message);
    match kind.language() {
        Some(language) => {
            Document::stored(content, language).map(drop).map_err(|error| malformed(error.to_string()))
        }
        None => S3Policy::parse(content).map(drop).map_err(|error| malformed(error.to_string())),
    }
}

pub(crate) async fn create_policy(
    change: &mut Change,
    input: &api::CreatePolicyInput,
) -> Result<api::CreatePolicyOutput, OrganizationsError> {
    let kind = kind_of(input.r#type)?;
    check_content(kind, &input.content)?;
    if change.view.policy_named(kind, &input.name).await?.is_some() {
        return Err(Clash::PolicyExists.into());
    }
    let count = change.view.organization.policies_mut(kind);
    if *count >= kind.max_policies() {
        return Err(limit(
            Constraint::PolicyNumberLimitExceeded,
            kind.max_policies(),
            "policies of this type",
        ));
    }
    *count = count.saturating_add(1);
    let policy = PolicyRow {
        id: id::policy(&change.view.organizations.identity),
        kind,
        name: input.name.clone(),
        description: input.description.clone(),
        content: input.content.clone(),
        tags: tag::new_tags(input.tags.as_deref())?,
        changed_millis: change.view.now.as_millis(),
    };
    change.put(row::policy_name(kind, &policy.name), &policy.id);
    save(change, &policy);
    let shape = Policy::Customer(policy).shape(&change.view.organization);
    Ok(api::CreatePolicyOutput { policy: Some(Box::new(shape)) })
}

fn save(change: &mut Change, policy: &PolicyRow) {
    change.put(row::policy(&policy.id), policy);
    change.touch(change.view.organization.policy_arn(policy.kind, &policy.id));
}

/// A policy that may be changed.
async fn changeable(view: &View, id: &str) -> Result<PolicyRow, OrganizationsError> {
    match Policy::of(view, id).await? {
        Policy::Customer(policy) => Ok(policy),
        Policy::Aws(_) => Err(input(Input::ImmutablePolicy, "A policy of AWS's can't be changed.")),
    }
}

pub(crate) async fn update_policy(
    change: &mut Change,
    input: &api::UpdatePolicyInput,
) -> Result<api::UpdatePolicyOutput, OrganizationsError> {
    let mut policy = changeable(&change.view, &input.policy_id).await?;
    if let Some(name) = input.name.as_ref().filter(|name| **name != policy.name) {
        if change.view.policy_named(policy.kind, name).await?.is_some() {
            return Err(Clash::PolicyExists.into());
        }
        change.delete(row::policy_name(policy.kind, &policy.name));
        change.put(row::policy_name(policy.kind, name), &policy.id);
        policy.name.clone_from(name);
    }
    if let Some(description) = &input.description {
        policy.description.clone_from(description);
    }
    if let Some(content) = &input.content {
        check_content(policy.kind, content)?;
        policy.content.clone_from(content);
        policy.changed_millis = change.view.now.as_millis();
    }
    save(change, &policy);
    let shape = Policy::Customer(policy).shape(&change.view.organization);
    Ok(api::UpdatePolicyOutput { policy: Some(Box::new(shape)) })
}

pub(crate) async fn delete_policy(
    change: &mut Change,
    input: &api::DeletePolicyInput,
) -> Result<api::DeletePolicyOutput, OrganizationsError> {
    let policy = changeable(&change.view, &input.policy_id).await?;
    if change.view.any(&row::targets(&policy.id)).await? {
        return Err(Clash::PolicyInUse.into());
    }
    change.delete(row::policy(&policy.id));
    change.delete(row::policy_name(policy.kind, &policy.name));
    change.touch(change.view.organization.policy_arn(policy.kind, &policy.id));
    let count = change.view.organization.policies_mut(policy.kind);
    *count = count.saturating_sub(1);
    Ok(api::DeletePolicyOutput {})
}

pub(crate) async fn describe_policy(
    view: &View,
    input: &api::DescribePolicyInput,
) -> Result<api::DescribePolicyOutput, OrganizationsError> {
    let policy = Policy::of(view, &input.policy_id).await?;
    Ok(api::DescribePolicyOutput { policy: Some(Box::new(policy.shape(&view.organization))) })
}

/// Of a type of which there are no policies here, the list is empty.
pub(crate) async fn list_policies(
    view: &View,
    input: &api::ListPoliciesInput,
) -> Result<api::ListPoliciesOutput, OrganizationsError> {
    let page = Page::of(input.next_token.as_deref(), input.max_results)?;
    let Some(kind) = input.filter.and_then(PolicyKind::of) else {
        return Ok(api::ListPoliciesOutput { policies: Some(Vec::new()), next_token: None });
    };
    let ids = page
        .rows(view, &row::policy_names(kind), |entry| decode::<String>(&entry.row.value).map(Some))
        .await?;
    let mut policies = Vec::with_capacity(ids.items.len());
    for id in &ids.items {
        // One that was deleted since the list was read is not there.
        match Policy::of(view, id).await {
            Ok(policy) => policies.push(policy.summary(&view.organization)),
            Err(OrganizationsError::NoSuch(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(api::ListPoliciesOutput { policies: Some(policies), next_token: ids.next_token })
}
