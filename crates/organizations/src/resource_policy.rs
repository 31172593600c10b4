//! The resource policy of the organisation, by which the management account lets others manage policies.
//!
//! Source: Organizations User Guide, "Delegated administrator for AWS Organizations".

use async_trait::async_trait;
use strongroom_api_organizations as api;
use strongroom_api_organizations::{
    ConstraintViolationExceptionReason as Constraint, InvalidInputExceptionReason as Input, op,
};
use strongroom_gate::generated::ORGANIZATIONS;
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};
use strongroom_policy::document::{AwsPrincipal, PrincipalEntry};
use strongroom_policy::{Document, Kind, wildcard_match};

use crate::error::{Missing, OrganizationsError, input, limit};
use crate::row::{RESOURCE_POLICY, ResourcePolicyRow};
use crate::view::{Change, View, asker};
use crate::{Organizations, id, limits, tag};

/// What can be delegated beside what only reads. Source: as the module, "Supported actions".
const DELEGABLE: [&str; 9] = [
    "AttachPolicy",
    "CreatePolicy",
    "DeletePolicy",
    "DetachPolicy",
    "DisablePolicyType",
    "EnablePolicyType",
    "TagResource",
    "UntagResource",
    "UpdatePolicy",
];

/// Whether all actions that a pattern stands for can be delegated.
fn is_delegable(pattern: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let Some(name) = pattern.strip_prefix("organizations:") else { return false };
    let mut known = ORGANIZATIONS
        .actions
        .iter()
        .filter_map(|action| action.id.split_once(':'))
        .map(|(_, action)| action)
        .filter(|action| wildcard_match(name, &action.to_ascii_lowercase()))
        .peekable();
    known.peek().is_some()
        && known.all(|action| strongroom_gate::is_read_only(action) || DELEGABLE.contains(&action))
}

/// Reads a resource policy.
fn parse(content: &str) -> Result<Document, OrganizationsError> {
    if content.chars().count() > limits::RESOURCE_POLICY_MAX_CHARS {
        let most = limits::RESOURCE_POLICY_MAX_CHARS;
        return Err(limit(Constraint::PolicyContentLimitExceeded, most, "characters in a resource policy"));
    }
    // Its language is that of key policies: it names principals, and actions of one service.
    let document = Document::stored(content, Kind::Key)
        .map_err(|error| OrganizationsError::Input(Input::InvalidResourcePolicyJson, error.to_string()))?;
    for statement in document.statements() {
        let all = statement.action.patterns.iter().all(|pattern| is_delegable(pattern.as_str()));
        if statement.action.negated || !all {
            let message = "The resource policy names an action that cannot be delegated.";
            return Err(input(Input::UnsupportedActionInResourcePolicy, message));
        }
    }
    for entry in document.principals() {
        let named = matches!(entry, PrincipalEntry::Aws(principal) if *principal != AwsPrincipal::Everyone);
        if !named {
            let message =
                "The principals of the resource policy must be accounts, users or roles of the organization.";
            return Err(input(Input::InvalidPrincipal, message));
        }
    }
    Ok(document)
}

fn summary(view: &View, row: &ResourcePolicyRow) -> api::ResourcePolicySummary {
    api::ResourcePolicySummary {
        arn: Some(view.organization.resource_policy_arn(&row.id)),
        id: Some(row.id.clone()),
    }
}

fn shape(view: &View, row: &ResourcePolicyRow, content: String) -> api::ResourcePolicy {
    let resource_policy_summary = Some(Box::new(summary(view, row)));
    api::ResourcePolicy { resource_policy_summary, content: Some(content) }
}

#[async_trait]
impl Handle<op::PutResourcePolicy> for Organizations {
    async fn handle(
        &self,
        mut request: Authorized<api::PutResourcePolicyInput>,
    ) -> Result<Reply<api::PutResourcePolicyOutput>, ErrorReply> {
        let content = request.input().content.clone();
        let document = parse(&content)?;
        // Users and roles are kept by their unique ids, so that one who is made again has nothing of what was granted.
        let kept = request.keep_principals(&document).await.map_err(|reply| match reply.code.as_ref() {
            "MalformedPolicy" => input(Input::InvalidPrincipal, &reply.message).into(),
            _ => reply,
        })?;
        for _ in 0..limits::MAX_TRIES {
            let _turn = self.turn.lock().await;
            let asker = asker(&request);
            let mut change = Change::of(View::of(self, asker).await?);
            let before: Option<ResourcePolicyRow> = change.view.get(RESOURCE_POLICY).await?;
            let row = ResourcePolicyRow {
                id: before.as_ref().map_or_else(|| id::resource_policy(&self.identity), |row| row.id.clone()),
                content: kept.as_str().to_owned(),
                tags: match (before, request.input().tags.as_deref()) {
                    (Some(before), None) => before.tags,
                    (_, tags) => tag::new_tags(tags)?,
                },
            };
            change.put(RESOURCE_POLICY.to_vec(), &row);
            change.touch(change.view.organization.resource_policy_arn(&row.id));
            let resource_policy = Some(Box::new(shape(&change.view, &row, content.clone())));
            if change.commit(&mut request).await? {
                return Ok(Reply::new(api::PutResourcePolicyOutput { resource_policy }));
            }
        }
        Err(OrganizationsError::Contended.into())
    }
}

#[async_trait]
impl Handle<op::DescribeResourcePolicy> for Organizations {
    async fn handle(
        &self,
        mut request: Authorized<api::DescribeResourcePolicyInput>,
    ) -> Result<Reply<api::DescribeResourcePolicyOutput>, ErrorReply> {
        let asker = asker(&request);
        let view = View::of(self, asker).await?;
        let row: Option<ResourcePolicyRow> = view.get(RESOURCE_POLICY).await?;
        let row = row.ok_or(OrganizationsError::NoSuch(Missing::ResourcePolicy))?;
        let kept = Document::stored(&row.content, Kind::Key).map_err(|_| OrganizationsError::Damaged)?;
        let shown = request.show_principals(&kept).await?;
        let resource_policy = Some(Box::new(shape(&view, &row, shown.as_str().to_owned())));
        Ok(Reply::new(api::DescribeResourcePolicyOutput { resource_policy }))
    }
}

pub(crate) async fn delete_resource_policy(
    change: &mut Change,
    _input: &api::DeleteResourcePolicyInput,
) -> Result<api::DeleteResourcePolicyOutput, OrganizationsError> {
    let row: Option<ResourcePolicyRow> = change.view.get(RESOURCE_POLICY).await?;
    let row = row.ok_or(Missing::ResourcePolicy)?;
    change.delete(RESOURCE_POLICY.to_vec());
    change.touch(change.view.organization.resource_policy_arn(&row.id));
    Ok(api::DeleteResourcePolicyOutput {})
}

#[cfg(test)]
mod tests {
    use super::is_delegable;

    #[test]
    fn only_policies_can_be_delegated() {
        for good in ["organizations:List*", "organizations:DescribePolicy", "Organizations:AttachPolicy"] {
            assert!(is_delegable(good), "{good}");
        }
        for bad in ["*", "organizations:*", "organizations:CloseAccount", "organizations:Nothing", "iam:*"] {
            assert!(!is_delegable(bad), "{bad}");
        }
    }
}
