//! Roles. Source: IAM API Reference, operations on roles.

use strongroom_api_iam as api;

use super::document::{kept_trust, shown_trust};
use super::entity::{Held, Kind};
use super::error::{IamError, Obstacle};
use super::page::Page;
use super::row::{self, LastUseRow, RoleRow};
use super::view::{Change, View};
use super::{boundary, limits, name, shape};

/// The path of service-linked roles, which nobody else may take. Source: IAM User Guide, "IAM identifiers", "Paths".
pub(crate) const SERVICE_PATH: &str = "/aws-service-role/";

pub(crate) async fn create_role(
    change: &mut Change,
    input: &api::CreateRoleInput,
) -> Result<api::CreateRoleOutput, IamError> {
    if input.path.as_deref().is_some_and(|path| path.starts_with(SERVICE_PATH)) {
        return Err(IamError::InvalidInput("The path /aws-service-role/ is for service-linked roles."));
    }
    let trust = kept_trust(&change.view.identity, &input.assume_role_policy_document).await?;
    let mut role = RoleRow {
        core: change.core(Kind::Role, &input.role_name, input.path.as_deref()),
        held: Held::default(),
        tags: name::new_tags::<RoleRow>(input.tags.as_deref())?,
        trust,
        description: input.description.clone(),
        max_session_seconds: input.max_session_duration.unwrap_or(limits::DEFAULT_SESSION_SECONDS),
        instance_profiles: Vec::new(),
        service: None,
    };
    if let Some(arn) = &input.permissions_boundary {
        boundary::bound(change, &mut role, arn).await?;
    }
    change.create(&role).await?;
    let mut shape = shown(&change.view, &role).await?;
    // Source: what CreateRole of AWS answers, which says of the session's length only where it was asked for.
    shape.max_session_duration = input.max_session_duration;
    Ok(api::CreateRoleOutput { role: shape })
}

/// A role as answers show it, but for its last use.
pub(crate) async fn shown(view: &View, role: &RoleRow) -> Result<api::Role, IamError> {
    let trust = shown_trust(&view.identity, &role.trust).await?;
    Ok(shape::role(view.account, role, &trust))
}

/// When a role was used last.
pub(crate) async fn last_use(view: &View, role: &RoleRow) -> Result<Option<LastUseRow>, IamError> {
    view.get(&row::last_use(&role.core.id)).await
}

pub(crate) async fn get_role(view: &View, input: &api::GetRoleInput) -> Result<api::GetRoleOutput, IamError> {
    let role: RoleRow = view.named(&input.role_name).await?;
    let last_use = last_use(view, &role).await?;
    let mut shape = shown(view, &role).await?;
    shape.role_last_used = Some(Box::new(shape::role_last_used(last_use.as_ref())));
    Ok(api::GetRoleOutput { role: shape })
}

pub(crate) async fn list_roles(
    view: &View,
    input: &api::ListRolesInput,
) -> Result<api::ListRolesOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let cut = page.entities::<RoleRow>(view, input.path_prefix.as_deref()).await?;
    let mut roles = Vec::with_capacity(cut.items.len());
    for role in &cut.items {
        // Source: ListRoles: "IAM resource-listing operations return a subset of the available attributes for the
        // resource": neither boundary nor last use nor tags.
        roles.push(api::Role { permissions_boundary: None, tags: None, ..shown(view, role).await? });
    }
    Ok(api::ListRolesOutput { roles, is_truncated: cut.is_truncated, marker: cut.marker })
}

pub(crate) async fn update_role(
    change: &mut Change,
    input: &api::UpdateRoleInput,
) -> Result<api::UpdateRoleOutput, IamError> {
    let mut role: RoleRow = change.changeable(&input.role_name).await?;
    if let Some(description) = &input.description {
        role.description = Some(description.clone());
    }
    // Source: UpdateRole, `MaxSessionDuration`: "If you do not specify a value for this setting, the default value of
    // one hour is applied."
    role.max_session_seconds = input.max_session_duration.unwrap_or(limits::DEFAULT_SESSION_SECONDS);
    change.save(&role);
    Ok(api::UpdateRoleOutput {})
}

/// Service-linked roles, too, may be described. Source: IAM User Guide, "Service-linked roles", "Edit".
pub(crate) async fn update_role_description(
    change: &mut Change,
    input: &api::UpdateRoleDescriptionInput,
) -> Result<api::UpdateRoleDescriptionOutput, IamError> {
    let mut role: RoleRow = change.view.named(&input.role_name).await?;
    role.description = Some(input.description.clone());
    change.save(&role);
    let shape = shown(&change.view, &role).await?;
    Ok(api::UpdateRoleDescriptionOutput { role: Some(Box::new(shape)) })
}

pub(crate) async fn update_assume_role_policy(
    change: &mut Change,
    input: &api::UpdateAssumeRolePolicyInput,
) -> Result<api::UpdateAssumeRolePolicyOutput, IamError> {
    let mut role: RoleRow = change.changeable(&input.role_name).await?;
    role.trust = kept_trust(&change.view.identity, &input.policy_document).await?;
    change.save(&role);
    Ok(api::UpdateAssumeRolePolicyOutput {})
}

pub(crate) async fn delete_role(
    change: &mut Change,
    input: &api::DeleteRoleInput,
) -> Result<api::DeleteRoleOutput, IamError> {
    let role: RoleRow = change.changeable(&input.role_name).await?;
    let obstacles = [
        (!role.instance_profiles.is_empty(), Obstacle::InstanceProfiles),
        (!role.held.attached.is_empty(), Obstacle::AttachedPolicies),
        (!role.held.inline.is_empty(), Obstacle::InlinePolicies),
    ];
    if let Some((_, obstacle)) = obstacles.into_iter().find(|(stands, _)| *stands) {
        return Err(IamError::Conflict(obstacle));
    }
    remove(change, &role).await?;
    Ok(api::DeleteRoleOutput {})
}

/// Removes a role on which nothing hangs but its boundary.
pub(crate) async fn remove(change: &mut Change, role: &RoleRow) -> Result<(), IamError> {
    boundary::unbound(change, &mut role.clone());
    change.forget_use(&role.core.id).await?;
    change.remove(role);
    Ok(())
}
