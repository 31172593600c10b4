//! The organisation itself, its root, and leaving it. Source: Organizations API Reference.

use strongroom_api_organizations as api;
use strongroom_api_organizations::ConstraintViolationExceptionReason as Constraint;

use crate::error::{Clash, OrganizationsError};
use crate::kind::PolicyKind;
use crate::page::Page;
use crate::row::OrganizationRow;
use crate::view::View;

/// Policy types with their state at the root.
fn policy_types(kinds: impl IntoIterator<Item = PolicyKind>) -> Vec<api::PolicyTypeSummary> {
    let shape = |kind: PolicyKind| api::PolicyTypeSummary {
        r#type: Some(kind.shape()),
        status: Some(api::PolicyTypeStatus::Enabled),
    };
    kinds.into_iter().map(shape).collect()
}

pub(crate) async fn describe_organization(
    view: &View,
    _input: &api::DescribeOrganizationInput,
) -> Result<api::DescribeOrganizationOutput, OrganizationsError> {
    let organization = &view.organization;
    let management = view.account_of(&view.account(&organization.management).await?).await?;
    Ok(api::DescribeOrganizationOutput {
        organization: Some(Box::new(api::Organization {
            id: Some(organization.id.clone()),
            arn: Some(organization.arn()),
            feature_set: Some(api::OrganizationFeatureSet::All),
            master_account_arn: Some(organization.account_arn(&organization.management)),
            master_account_id: Some(organization.management.clone()),
            master_account_email: Some(management.email),
            // Source: Organization, `AvailablePolicyTypes`: "Do not use. This field is deprecated and doesn't provide
            // complete information about the policies in your organization." AWS shows the one type that there was at first.
            available_policy_types: Some(policy_types([PolicyKind::ServiceControl])),
        })),
    })
}

/// The root as answers show it.
pub(crate) fn root(organization: &OrganizationRow) -> api::Root {
    api::Root {
        id: Some(organization.root.clone()),
        arn: Some(organization.root_arn()),
        name: Some("Root".to_owned()),
        policy_types: Some(policy_types(organization.enabled.iter().copied())),
    }
}

#[expect(clippy::unused_async, reason = "all that read have one form")]
pub(crate) async fn list_roots(
    view: &View,
    input: &api::ListRootsInput,
) -> Result<api::ListRootsOutput, OrganizationsError> {
    let root = root(&view.organization);
    let page = Page::of(input.next_token.as_deref(), input.max_results)?;
    let cut = page.cut(vec![root], |root| root.id.clone().unwrap_or_default());
    Ok(api::ListRootsOutput { roots: Some(cut.items), next_token: cut.next_token })
}

/// Who wants an account out of the organisation can only close it.
async fn stays(view: &View, id: &str) -> Result<OrganizationsError, OrganizationsError> {
    let member = view.account(id).await?;
    if view.is_management(&member.id) {
        return Ok(Clash::ManagementLeaves.into());
    }
    if view.delegation(member.account()?).await?.is_some() {
        let message = "The account is a delegated administrator: deregister it first.";
        let reason = Constraint::CannotRemoveDelegatedAdministratorFromOrg;
        return Ok(OrganizationsError::Constraint(reason, message.to_owned()));
    }
    let message =
        "An installation is one organization, which no account can leave. Close the account instead.";
    Ok(OrganizationsError::Constraint(Constraint::AccountCannotLeaveOrganization, message.to_owned()))
}

pub(crate) async fn leave_organization(
    view: &View,
    _input: &api::LeaveOrganizationInput,
) -> Result<api::LeaveOrganizationOutput, OrganizationsError> {
    Err(stays(view, &view.own_account()?.to_string()).await?)
}

pub(crate) async fn remove_account_from_organization(
    view: &View,
    input: &api::RemoveAccountFromOrganizationInput,
) -> Result<api::RemoveAccountFromOrganizationOutput, OrganizationsError> {
    Err(stays(view, &input.account_id).await?)
}
