//! Instance profiles. Source: IAM API Reference, operations on instance profiles.

use strongroom_api_iam as api;

use super::entity::Kind;
use super::error::{IamError, Missing, Obstacle};
use super::page::Page;
use super::row::{InstanceProfileRow, RoleRow};
use super::view::{Change, View};
use super::{limits, name, role, shape};

pub(crate) async fn create_instance_profile(
    change: &mut Change,
    input: &api::CreateInstanceProfileInput,
) -> Result<api::CreateInstanceProfileOutput, IamError> {
    let profile = InstanceProfileRow {
        core: change.core(Kind::InstanceProfile, &input.instance_profile_name, input.path.as_deref()),
        tags: name::new_tags::<InstanceProfileRow>(input.tags.as_deref())?,
        roles: Vec::new(),
    };
    change.create(&profile).await?;
    let instance_profile = shape::instance_profile(change.view.account, &profile, Vec::new());
    Ok(api::CreateInstanceProfileOutput { instance_profile })
}

/// As answers show it, with its roles.
async fn shown(view: &View, profile: &InstanceProfileRow) -> Result<api::InstanceProfile, IamError> {
    let mut roles = Vec::with_capacity(profile.roles.len());
    for id in &profile.roles {
        if let Some(role) = view.entity(id).await? {
            roles.push(role::shown(view, &role).await?);
        }
    }
    Ok(shape::instance_profile(view.account, profile, roles))
}

/// The instance profiles that a role is in.
pub(crate) async fn profiles_of(view: &View, role: &RoleRow) -> Result<Vec<api::InstanceProfile>, IamError> {
    let mut profiles = Vec::with_capacity(role.instance_profiles.len());
    for id in &role.instance_profiles {
        if let Some(profile) = view.entity(id).await? {
            profiles.push(shown(view, &profile).await?);
        }
    }
    Ok(profiles)
}

pub(crate) async fn get_instance_profile(
    view: &View,
    input: &api::GetInstanceProfileInput,
) -> Result<api::GetInstanceProfileOutput, IamError> {
    let profile = view.named(&input.instance_profile_name).await?;
    Ok(api::GetInstanceProfileOutput { instance_profile: shown(view, &profile).await? })
}

pub(crate) async fn list_instance_profiles(
    view: &View,
    input: &api::ListInstanceProfilesInput,
) -> Result<api::ListInstanceProfilesOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let cut = page.entities::<InstanceProfileRow>(view, input.path_prefix.as_deref()).await?;
    let mut instance_profiles = Vec::with_capacity(cut.items.len());
    for profile in &cut.items {
        // Source: ListInstanceProfiles: no tags.
        instance_profiles.push(api::InstanceProfile { tags: None, ..shown(view, profile).await? });
    }
    let (is_truncated, marker) = (cut.is_truncated, cut.marker);
    Ok(api::ListInstanceProfilesOutput { instance_profiles, is_truncated, marker })
}

pub(crate) async fn list_instance_profiles_for_role(
    view: &View,
    input: &api::ListInstanceProfilesForRoleInput,
) -> Result<api::ListInstanceProfilesForRoleOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let role: RoleRow = view.named(&input.role_name).await?;
    let profiles = profiles_of(view, &role).await?;
    let cut = page.cut(profiles, |profile| profile.instance_profile_name.to_ascii_lowercase());
    Ok(api::ListInstanceProfilesForRoleOutput {
        instance_profiles: cut.items,
        is_truncated: cut.is_truncated,
        marker: cut.marker,
    })
}

pub(crate) async fn add_role_to_instance_profile(
    change: &mut Change,
    input: &api::AddRoleToInstanceProfileInput,
) -> Result<api::AddRoleToInstanceProfileOutput, IamError> {
    let mut profile: InstanceProfileRow = change.changeable(&input.instance_profile_name).await?;
    let mut role: RoleRow = change.changeable(&input.role_name).await?;
    if profile.roles.len() >= limits::ROLES_PER_INSTANCE_PROFILE {
        let limit = limits::ROLES_PER_INSTANCE_PROFILE;
        return Err(IamError::Limit { quota: "InstanceSessionsPerInstanceProfile", limit });
    }
    profile.roles.push(role.core.id.clone());
    role.instance_profiles.push(profile.core.id.clone());
    change.save(&profile);
    change.save(&role);
    Ok(api::AddRoleToInstanceProfileOutput {})
}

pub(crate) async fn remove_role_from_instance_profile(
    change: &mut Change,
    input: &api::RemoveRoleFromInstanceProfileInput,
) -> Result<api::RemoveRoleFromInstanceProfileOutput, IamError> {
    let mut profile: InstanceProfileRow = change.changeable(&input.instance_profile_name).await?;
    let mut role: RoleRow = change.changeable(&input.role_name).await?;
    let before = profile.roles.len();
    profile.roles.retain(|id| *id != role.core.id);
    if profile.roles.len() == before {
        let (profile, role) = (input.instance_profile_name.clone(), input.role_name.clone());
        return Err(IamError::NoSuch(Missing::ProfileRole { profile, role }));
    }
    role.instance_profiles.retain(|id| *id != profile.core.id);
    change.save(&profile);
    change.save(&role);
    Ok(api::RemoveRoleFromInstanceProfileOutput {})
}

pub(crate) async fn delete_instance_profile(
    change: &mut Change,
    input: &api::DeleteInstanceProfileInput,
) -> Result<api::DeleteInstanceProfileOutput, IamError> {
    let profile: InstanceProfileRow = change.changeable(&input.instance_profile_name).await?;
    if !profile.roles.is_empty() {
        return Err(IamError::Conflict(Obstacle::InstanceProfiles));
    }
    change.remove(&profile);
    Ok(api::DeleteInstanceProfileOutput {})
}
