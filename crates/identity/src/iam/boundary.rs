//! Permissions boundaries of users and roles. Source: IAM User Guide, "Permissions boundaries for IAM entities".

use strongroom_api_iam as api;

use super::entity::Holder;
use super::error::{IamError, Missing};
use super::policy;
use super::row::{self, RoleRow, UserRow};
use super::view::Change;

/// Sets the boundary of an entity that is saved afterwards.
pub(crate) async fn bound<E: Holder>(change: &mut Change, entity: &mut E, arn: &str) -> Result<(), IamError> {
    if !policy::resolve(&change.view, arn).await?.is_some_and(|policy| policy.is_attachable()) {
        return Err(IamError::NoSuch(Missing::Attachable(arn.to_owned())));
    }
    unbound(change, entity);
    change.mark(row::boundary(arn, &entity.core().id));
    entity.held_mut().boundary = Some(arn.to_owned());
    Ok(())
}

/// Takes the boundary from an entity that is saved, or removed, afterwards. Whether there was one.
pub(crate) fn unbound<E: Holder>(change: &mut Change, entity: &mut E) -> bool {
    let Some(arn) = entity.held_mut().boundary.take() else { return false };
    change.delete(row::boundary(&arn, &entity.core().id));
    true
}

async fn put<E: Holder>(change: &mut Change, name: &str, arn: &str) -> Result<(), IamError> {
    let mut entity: E = change.changeable(name).await?;
    bound(change, &mut entity, arn).await?;
    change.save(&entity);
    Ok(())
}

async fn delete<E: Holder>(change: &mut Change, name: &str) -> Result<(), IamError> {
    let mut entity: E = change.changeable(name).await?;
    if !unbound(change, &mut entity) {
        return Err(IamError::NoSuch(Missing::Boundary(E::KIND, name.to_owned())));
    }
    change.save(&entity);
    Ok(())
}

pub(crate) async fn put_user_permissions_boundary(
    change: &mut Change,
    input: &api::PutUserPermissionsBoundaryInput,
) -> Result<api::PutUserPermissionsBoundaryOutput, IamError> {
    put::<UserRow>(change, &input.user_name, &input.permissions_boundary).await?;
    Ok(api::PutUserPermissionsBoundaryOutput {})
}

pub(crate) async fn put_role_permissions_boundary(
    change: &mut Change,
    input: &api::PutRolePermissionsBoundaryInput,
) -> Result<api::PutRolePermissionsBoundaryOutput, IamError> {
    put::<RoleRow>(change, &input.role_name, &input.permissions_boundary).await?;
    Ok(api::PutRolePermissionsBoundaryOutput {})
}

pub(crate) async fn delete_user_permissions_boundary(
    change: &mut Change,
    input: &api::DeleteUserPermissionsBoundaryInput,
) -> Result<api::DeleteUserPermissionsBoundaryOutput, IamError> {
    delete::<UserRow>(change, &input.user_name).await?;
    Ok(api::DeleteUserPermissionsBoundaryOutput {})
}

pub(crate) async fn delete_role_permissions_boundary(
    change: &mut Change,
    input: &api::DeleteRolePermissionsBoundaryInput,
) -> Result<api::DeleteRolePermissionsBoundaryOutput, IamError> {
    delete::<RoleRow>(change, &input.role_name).await?;
    Ok(api::DeleteRolePermissionsBoundaryOutput {})
}
