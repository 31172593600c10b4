//! Access keys of an account's root user, which lie in the partition `Org`: they are there before any IAM user is.

use strongroom_api_iam as api;
use strongroom_gate::{Authorized, Caller, ErrorReply, Mutation, settled};
use strongroom_storage::{Partition, RowVersion};
use strongroom_types::{AccessKeyId, AccountId};

use super::access_key::{metadata, new_key_shape};
use super::entity::Kind;
use super::error::{IamError, Missing, Obstacle};
use super::row::{self, KeyRow, RoleRow, UserRow};
use super::view::View;
use super::{limits, managed};
use crate::row::{AccessKeyRow, RootKeysRow, access_key, decode, encode, root_keys};
use crate::{Identity, IdentityError};

/// The root keys of an account, and the version of the row that names them.
async fn ids(identity: &Identity, account: AccountId) -> Result<(RootKeysRow, Option<RowVersion>), IamError> {
    let row = identity.store.get(Partition::Org, &root_keys(account)).await?;
    let version = row.as_ref().map(|row| row.version);
    Ok((row.map(|row| decode(&row.value)).transpose()?.unwrap_or_default(), version))
}

async fn key(identity: &Identity, id: &str) -> Result<Option<AccessKeyRow>, IamError> {
    let missing = || IamError::NoSuch(Missing::AccessKey(id.to_owned()));
    let id = AccessKeyId::parse(id).map_err(|_| missing())?;
    let row = identity.store.get(Partition::Org, &access_key(&id)).await?;
    Ok(row.map(|row| decode(&row.value)).transpose()?)
}

/// The root user's keys, as lists show them.
pub(crate) async fn list(view: &View) -> Result<Vec<api::AccessKeyMetadata>, IamError> {
    let mut keys = Vec::new();
    for id in ids(&view.identity, view.account).await?.0.ids {
        let key = key(&view.identity, &id).await?;
        keys.extend(key.map(|key| metadata(None, &id, key.active, key.created_millis)));
    }
    Ok(keys)
}

/// Commits a change of the root keys on condition that they are as they were read. `false`: they are not.
async fn commit<I: Send + Sync>(
    identity: &Identity,
    request: &mut Authorized<I>,
    account: AccountId,
    (version, keys): (Option<RowVersion>, &RootKeysRow),
    mut mutation: Mutation,
) -> Result<bool, ErrorReply> {
    mutation.unchanged(root_keys(account), version);
    mutation.put(root_keys(account), encode(keys));
    mutation.touch(format!("arn:aws:iam::{account}:root"));
    settled(request.commit_in(&*identity.store, Partition::Org, mutation).await)
}

/// Gives the root user a key.
pub(crate) async fn create(
    identity: &Identity,
    request: &mut Authorized<api::CreateAccessKeyInput>,
) -> Result<api::AccessKey, ErrorReply> {
    let view = View::of(identity, request)?;
    let Caller::Root(root) = &view.caller else { return Err(IamError::NoUserName.into()) };
    let (id, secret, key) = identity.new_root_key(view.account, root.canonical);
    for _ in 0..limits::MAX_TRIES {
        let (mut keys, version) = ids(identity, view.account).await?;
        if keys.ids.len() >= limits::ACCESS_KEYS {
            return Err(IamError::Limit { quota: "AccessKeysPerUser", limit: limits::ACCESS_KEYS }.into());
        }
        keys.ids.push(id.to_string());
        let mut mutation = Mutation::new();
        mutation.unchanged(access_key(&id), None);
        mutation.put(access_key(&id), encode(&key));
        if commit(identity, request, view.account, (version, &keys), mutation).await? {
            return Ok(new_key_shape("", &id, &secret, view.now));
        }
    }
    Err(IamError::Contended.into())
}

/// Takes a key from the root user.
pub(crate) async fn delete(
    identity: &Identity,
    request: &mut Authorized<api::DeleteAccessKeyInput>,
    id: &str,
) -> Result<(), ErrorReply> {
    let view = View::of(identity, request)?;
    for _ in 0..limits::MAX_TRIES {
        let (mut keys, version) = ids(identity, view.account).await?;
        let parsed = known(&keys, id)?;
        if is_last_active(identity, &keys, id).await? && !has_administrator(&view).await? {
            return Err(IamError::Conflict(Obstacle::NoAdministrator).into());
        }
        keys.ids.retain(|key| key != id);
        let mut mutation = Mutation::new();
        mutation.delete(access_key(&parsed));
        if commit(identity, request, view.account, (version, &keys), mutation).await? {
            return Ok(());
        }
    }
    Err(IamError::Contended.into())
}

/// Makes a key of the root user active or inactive.
pub(crate) async fn set_active(
    identity: &Identity,
    request: &mut Authorized<api::UpdateAccessKeyInput>,
    id: &str,
    active: bool,
) -> Result<(), ErrorReply> {
    let view = View::of(identity, request)?;
    for _ in 0..limits::MAX_TRIES {
        let (keys, version) = ids(identity, view.account).await?;
        let parsed = known(&keys, id)?;
        if !active && is_last_active(identity, &keys, id).await? && !has_administrator(&view).await? {
            return Err(IamError::Conflict(Obstacle::NoAdministrator).into());
        }
        let mut row = key(identity, id).await?.ok_or(IamError::Identity(IdentityError::Damaged))?;
        row.active = active;
        let mut mutation = Mutation::new();
        mutation.put(access_key(&parsed), encode(&row));
        if commit(identity, request, view.account, (version, &keys), mutation).await? {
            return Ok(());
        }
    }
    Err(IamError::Contended.into())
}

fn known(keys: &RootKeysRow, id: &str) -> Result<AccessKeyId, IamError> {
    let missing = || IamError::NoSuch(Missing::AccessKey(id.to_owned()));
    if !keys.ids.iter().any(|key| key == id) {
        return Err(missing());
    }
    AccessKeyId::parse(id).map_err(|_| missing())
}

async fn is_last_active(identity: &Identity, keys: &RootKeysRow, id: &str) -> Result<bool, IamError> {
    for other in keys.ids.iter().filter(|other| *other != id) {
        if key(identity, other).await?.is_some_and(|key| key.active) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether somebody else can do everything in the account: a user with an active key to whom AWS's administrator policy
/// is attached, directly or by a group, and whom no boundary holds; or, in an account that the management account made,
/// a role of that kind.
pub(crate) async fn has_administrator(view: &View) -> Result<bool, IamError> {
    let is_member = view.identity.management_account().await? != view.account;
    for id in view.suffixes(&row::attachments(managed::ADMINISTRATOR_ARN)).await? {
        let found = if id.starts_with(Kind::User.id_prefix()) {
            is_able(view, &id).await?
        } else if id.starts_with(Kind::Group.id_prefix()) {
            any_member_is_able(view, &id).await?
        } else {
            let role: Option<RoleRow> = view.entity(&id).await?;
            is_member && role.is_some_and(|role| role.held.boundary.is_none())
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn any_member_is_able(view: &View, group_id: &str) -> Result<bool, IamError> {
    for user_id in view.suffixes(&row::members(group_id)).await? {
        if is_able(view, &user_id).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn is_able(view: &View, user_id: &str) -> Result<bool, IamError> {
    let user: Option<UserRow> = view.entity(user_id).await?;
    let Some(user) = user.filter(|user| user.held.boundary.is_none()) else { return Ok(false) };
    for id in &user.keys {
        let key: Option<KeyRow> = view.get(&row::key(id)).await?;
        if key.is_some_and(|key| key.active) {
            return Ok(true);
        }
    }
    Ok(false)
}
