//! Users. Source: IAM API Reference, operations on users.

use strongroom_api_iam as api;
use strongroom_gate::Caller;
use strongroom_types::AccountId;

use super::entity::{Held, Kind};
use super::error::{IamError, Obstacle};
use super::page::Page;
use super::row::UserRow;
use super::view::{Change, View};
use super::{boundary, name, shape};
use crate::Identity;

pub(crate) async fn create_user(
    change: &mut Change,
    input: &api::CreateUserInput,
) -> Result<api::CreateUserOutput, IamError> {
    let mut user = UserRow {
        core: change.core(Kind::User, &input.user_name, input.path.as_deref()),
        held: Held::default(),
        tags: name::new_tags::<UserRow>(input.tags.as_deref())?,
        groups: Vec::new(),
        keys: Vec::new(),
        mfa_devices: Vec::new(),
        login_profile: None,
    };
    if let Some(arn) = &input.permissions_boundary {
        boundary::bound(change, &mut user, arn).await?;
    }
    change.create(&user).await?;
    Ok(api::CreateUserOutput { user: Some(Box::new(shape::user(change.view.account, &user))) })
}

pub(crate) async fn get_user(view: &View, input: &api::GetUserInput) -> Result<api::GetUserOutput, IamError> {
    let user = match (&input.user_name, &view.caller) {
        (Some(name), _) => shape::user(view.account, &view.named(name).await?),
        (None, Caller::Root(_)) => root(&view.identity, view.account).await?,
        (None, _) => shape::user(view.account, &view.named(view.caller_name()?).await?),
    };
    Ok(api::GetUserOutput { user })
}

/// The root user has neither name nor path.
pub(crate) async fn root(identity: &Identity, account: AccountId) -> Result<api::User, IamError> {
    let row = identity.account(account).await?;
    Ok(api::User {
        user_id: account.to_string(),
        arn: format!("arn:aws:iam::{account}:root"),
        create_date: Some(strongroom_types::Timestamp::from_millis(row.created_millis)),
        ..api::User::default()
    })
}

pub(crate) async fn list_users(
    view: &View,
    input: &api::ListUsersInput,
) -> Result<api::ListUsersOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let cut = page.entities::<UserRow>(view, input.path_prefix.as_deref()).await?;
    // Source: ListUsers: "IAM resource-listing operations return a subset of the available attributes for the
    // resource": neither boundary nor tags.
    let cut = cut.map(|user| api::User {
        permissions_boundary: None,
        tags: None,
        ..shape::user(view.account, &user)
    });
    Ok(api::ListUsersOutput { users: cut.items, is_truncated: cut.is_truncated, marker: cut.marker })
}

pub(crate) async fn update_user(
    change: &mut Change,
    input: &api::UpdateUserInput,
) -> Result<api::UpdateUserOutput, IamError> {
    let mut user: UserRow = change.changeable(&input.user_name).await?;
    change.rename(&mut user, input.new_user_name.as_deref(), input.new_path.as_deref()).await?;
    Ok(api::UpdateUserOutput {})
}

pub(crate) async fn delete_user(
    change: &mut Change,
    input: &api::DeleteUserInput,
) -> Result<api::DeleteUserOutput, IamError> {
    let user: UserRow = change.changeable(&input.user_name).await?;
    let obstacles = [
        (!user.groups.is_empty(), Obstacle::Memberships),
        (!user.held.attached.is_empty(), Obstacle::AttachedPolicies),
        (!user.held.inline.is_empty(), Obstacle::InlinePolicies),
        (!user.keys.is_empty(), Obstacle::AccessKeys),
        (!user.mfa_devices.is_empty(), Obstacle::MfaDevices),
        (user.login_profile.is_some(), Obstacle::LoginProfile),
    ];
    if let Some((_, obstacle)) = obstacles.into_iter().find(|(stands, _)| *stands) {
        return Err(IamError::Conflict(obstacle));
    }
    boundary::unbound(change, &mut user.clone());
    change.forget_use(&user.core.id).await?;
    change.remove(&user);
    Ok(api::DeleteUserOutput {})
}
