//! Groups, and who is in them. Source: IAM API Reference, operations on groups.

use strongroom_api_iam as api;

use super::entity::{Held, Kind};
use super::error::{IamError, Missing, Obstacle};
use super::page::Page;
use super::row::{self, GroupRow, UserRow};
use super::view::{Change, View};
use super::{limits, shape};

pub(crate) async fn create_group(
    change: &mut Change,
    input: &api::CreateGroupInput,
) -> Result<api::CreateGroupOutput, IamError> {
    let core = change.core(Kind::Group, &input.group_name, input.path.as_deref());
    let group = GroupRow { core, held: Held::default() };
    change.create(&group).await?;
    Ok(api::CreateGroupOutput { group: shape::group(change.view.account, &group) })
}

pub(crate) async fn get_group(
    view: &View,
    input: &api::GetGroupInput,
) -> Result<api::GetGroupOutput, IamError> {
    let group: GroupRow = view.named(&input.group_name).await?;
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let cut = page.suffixes(view, &row::members(&group.core.id)).await?;
    let mut users = Vec::with_capacity(cut.items.len());
    for id in &cut.items {
        // One that was deleted since the memberships were read is not there.
        users.extend(view.entity::<UserRow>(id).await?.map(|user| shape::user(view.account, &user)));
    }
    let group = shape::group(view.account, &group);
    Ok(api::GetGroupOutput { group, users, is_truncated: cut.is_truncated, marker: cut.marker })
}

pub(crate) async fn list_groups(
    view: &View,
    input: &api::ListGroupsInput,
) -> Result<api::ListGroupsOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let cut = page.entities::<GroupRow>(view, input.path_prefix.as_deref()).await?;
    let cut = cut.map(|group| shape::group(view.account, &group));
    Ok(api::ListGroupsOutput { groups: cut.items, is_truncated: cut.is_truncated, marker: cut.marker })
}

pub(crate) async fn list_groups_for_user(
    view: &View,
    input: &api::ListGroupsForUserInput,
) -> Result<api::ListGroupsForUserOutput, IamError> {
    let user: UserRow = view.named(&input.user_name).await?;
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let cut = page.cut(groups_of(view, &user).await?, |group| group.core.name.to_ascii_lowercase());
    let cut = cut.map(|group| shape::group(view.account, &group));
    Ok(api::ListGroupsForUserOutput { groups: cut.items, is_truncated: cut.is_truncated, marker: cut.marker })
}

/// The groups that a user is in.
pub(crate) async fn groups_of(view: &View, user: &UserRow) -> Result<Vec<GroupRow>, IamError> {
    let mut groups = Vec::with_capacity(user.groups.len());
    for id in &user.groups {
        groups.extend(view.entity::<GroupRow>(id).await?);
    }
    Ok(groups)
}

pub(crate) async fn update_group(
    change: &mut Change,
    input: &api::UpdateGroupInput,
) -> Result<api::UpdateGroupOutput, IamError> {
    let mut group: GroupRow = change.changeable(&input.group_name).await?;
    change.rename(&mut group, input.new_group_name.as_deref(), input.new_path.as_deref()).await?;
    Ok(api::UpdateGroupOutput {})
}

pub(crate) async fn delete_group(
    change: &mut Change,
    input: &api::DeleteGroupInput,
) -> Result<api::DeleteGroupOutput, IamError> {
    let group: GroupRow = change.changeable(&input.group_name).await?;
    let members = change.view.scan(&row::members(&group.core.id), None, 1).await?;
    let obstacles = [
        (!members.is_empty(), Obstacle::Members),
        (!group.held.attached.is_empty(), Obstacle::AttachedPolicies),
        (!group.held.inline.is_empty(), Obstacle::InlinePolicies),
    ];
    if let Some((_, obstacle)) = obstacles.into_iter().find(|(stands, _)| *stands) {
        return Err(IamError::Conflict(obstacle));
    }
    change.remove(&group);
    Ok(api::DeleteGroupOutput {})
}

pub(crate) async fn add_user_to_group(
    change: &mut Change,
    input: &api::AddUserToGroupInput,
) -> Result<api::AddUserToGroupOutput, IamError> {
    let group: GroupRow = change.changeable(&input.group_name).await?;
    let mut user: UserRow = change.changeable(&input.user_name).await?;
    if !user.groups.contains(&group.core.id) {
        if user.groups.len() >= limits::GROUPS_PER_USER {
            return Err(IamError::Limit { quota: "GroupsPerUser", limit: limits::GROUPS_PER_USER });
        }
        change.mark(row::member(&group.core.id, &user.core.id));
        user.groups.push(group.core.id);
        change.save(&user);
    }
    Ok(api::AddUserToGroupOutput {})
}

pub(crate) async fn remove_user_from_group(
    change: &mut Change,
    input: &api::RemoveUserFromGroupInput,
) -> Result<api::RemoveUserFromGroupOutput, IamError> {
    let group: GroupRow = change.changeable(&input.group_name).await?;
    let mut user: UserRow = change.changeable(&input.user_name).await?;
    let before = user.groups.len();
    user.groups.retain(|id| *id != group.core.id);
    if user.groups.len() == before {
        let (user, group) = (input.user_name.clone(), input.group_name.clone());
        return Err(IamError::NoSuch(Missing::Membership { user, group }));
    }
    change.delete(row::member(&group.core.id, &user.core.id));
    change.save(&user);
    Ok(api::RemoveUserFromGroupOutput {})
}
