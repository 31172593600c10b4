//! Policies on the root, on units and on accounts. Source: Organizations API Reference.

use strongroom_api_organizations as api;
use strongroom_api_organizations::{
    ConstraintViolationExceptionReason as Constraint, InvalidInputExceptionReason as Input,
};

use crate::error::{Clash, Missing, OrganizationsError, input, limit};
use crate::kind::{AwsPolicy, PolicyKind};
use crate::node::Node;
use crate::page::Page;
use crate::policy::Policy;
use crate::row::{self, AttachmentRow, suffix};
use crate::view::{Change, View};

pub(crate) async fn attach_policy(
    change: &mut Change,
    input: &api::AttachPolicyInput,
) -> Result<api::AttachPolicyOutput, OrganizationsError> {
    let kind = Policy::of(&change.view, &input.policy_id).await?.kind();
    let mut node = change.target(&input.target_id).await?;
    if !change.view.organization.has(kind) {
        return Err(Clash::TypeNotEnabled.into());
    }
    if node.policies(kind).any(|id| id == input.policy_id) {
        return Err(Clash::Attached.into());
    }
    if node.policies(kind).count() >= kind.max_attached() {
        let reason = Constraint::MaxPolicyTypeAttachmentLimitExceeded;
        return Err(limit(reason, kind.max_attached(), "policies of this type on one target"));
    }
    node.attached_mut().push(AttachmentRow { policy: input.policy_id.clone(), kind });
    change.mark(row::target(&input.policy_id, &input.target_id));
    change.touch(change.view.organization.policy_arn(kind, &input.policy_id));
    change.save(&node)?;
    Ok(api::AttachPolicyOutput {})
}

/// Source: DetachPolicy: "Every root, OU, and account must have at least one SCP attached"; "You can't detach
/// RCPFullAWSAccess".
pub(crate) async fn detach_policy(
    change: &mut Change,
    asked: &api::DetachPolicyInput,
) -> Result<api::DetachPolicyOutput, OrganizationsError> {
    let policy = Policy::of(&change.view, &asked.policy_id).await?;
    let kind = policy.kind();
    let mut node = change.target(&asked.target_id).await?;
    if !node.policies(kind).any(|id| id == asked.policy_id) {
        return Err(Clash::NotAttached.into());
    }
    if kind == PolicyKind::ResourceControl && matches!(policy, Policy::Aws(_)) {
        return Err(input(Input::NonDetachablePolicy, "RCPFullAWSAccess can't be detached."));
    }
    if kind == PolicyKind::ServiceControl && node.policies(kind).count() == 1 {
        let message = "Every root, unit and account must have at least one service control policy attached. Attach \
                       another one before you detach this.";
        let reason = Constraint::MinPolicyTypeAttachmentLimitExceeded;
        return Err(OrganizationsError::Constraint(reason, message.to_owned()));
    }
    node.attached_mut().retain(|row| row.policy != asked.policy_id);
    change.delete(row::target(&asked.policy_id, &asked.target_id));
    change.touch(change.view.organization.policy_arn(kind, &asked.policy_id));
    change.save(&node)?;
    Ok(api::DetachPolicyOutput {})
}

pub(crate) async fn list_policies_for_target(
    view: &View,
    input: &api::ListPoliciesForTargetInput,
) -> Result<api::ListPoliciesForTargetOutput, OrganizationsError> {
    let page = Page::of(input.next_token.as_deref(), input.max_results)?;
    let node = view.node(&input.target_id).await?.ok_or(Missing::Target)?;
    let kind = input.filter.and_then(PolicyKind::of);
    let ids = kind.map_or_else(Vec::new, |kind| node.policies(kind).map(ToOwned::to_owned).collect());
    let cut = page.cut(ids, Clone::clone);
    let mut policies = Vec::with_capacity(cut.items.len());
    for id in &cut.items {
        policies.push(Policy::of(view, id).await?.summary(&view.organization));
    }
    Ok(api::ListPoliciesForTargetOutput { policies: Some(policies), next_token: cut.next_token })
}

pub(crate) async fn list_targets_for_policy(
    view: &View,
    input: &api::ListTargetsForPolicyInput,
) -> Result<api::ListTargetsForPolicyOutput, OrganizationsError> {
    Policy::of(view, &input.policy_id).await?;
    let page = Page::of(input.next_token.as_deref(), input.max_results)?;
    let prefix = row::targets(&input.policy_id);
    let cut = page.rows(view, &prefix, |entry| suffix(&prefix, entry).map(Some)).await?;
    let mut targets = Vec::with_capacity(cut.items.len());
    for id in cut.items {
        // One that was deleted since the list was read is not there.
        let Some(node) = view.node(&id).await? else { continue };
        targets.push(api::PolicyTargetSummary {
            arn: Some(node.arn(&view.organization)),
            r#type: Some(node.target_type()),
            name: Some(name(view, &node).await?),
            target_id: Some(id),
        });
    }
    Ok(api::ListTargetsForPolicyOutput { targets: Some(targets), next_token: cut.next_token })
}

async fn name(view: &View, node: &Node) -> Result<String, OrganizationsError> {
    Ok(match node {
        Node::Root(_) => "Root".to_owned(),
        Node::Unit(unit) => unit.name.clone(),
        Node::Account(member) => {
            let account = view.account_of(member).await?;
            account.name.unwrap_or(account.email)
        }
    })
}

/// Takes all policies of a type from a root, unit or account, and hangs on it what it has from the beginning, if
/// anything.
pub(crate) fn reset(
    change: &mut Change,
    node: &mut Node,
    kind: PolicyKind,
    default: Option<&AwsPolicy>,
) -> Result<(), OrganizationsError> {
    let id = node.id(&change.view.organization).to_owned();
    let before: Vec<String> = node.policies(kind).map(ToOwned::to_owned).collect();
    for policy in &before {
        change.delete(row::target(policy, &id));
    }
    node.attached_mut().retain(|row| row.kind != kind);
    if let Some(default) = default {
        change.mark(row::target(default.id, &id));
        node.attached_mut().push(AttachmentRow { policy: default.id.to_owned(), kind });
    }
    if before.is_empty() && default.is_none() {
        return Ok(());
    }
    change.save(node)
}
