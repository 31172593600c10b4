//! Access keys of users. Source: IAM API Reference, operations on access keys.
//!
//! A user's key is a row of its account, and the partition `Org` says of which account. Making one writes the place
//! first and the key then, deleting one takes the key first and the place then: it exists as long as the key's own row,
//! and whatever a crash leaves of the other is a place that leads nowhere.

use async_trait::async_trait;
use strongroom_api_iam as api;
use strongroom_gate::{Authorized, Caller, CommitError, ErrorReply, Handle, Mutation, Reply};
use strongroom_storage::Partition;
use strongroom_types::{AccessKeyId, CanonicalUserId, SecretAccessKey, Timestamp};

use super::error::{IamError, Missing, commit_reply};
use super::page::Page;
use super::row::{self, KeyRow, LastUseRow, UserRow};
use super::view::{Change, View};
use super::{limits, root_key};
use crate::row::{AccessKeyRow, access_key, decode, encode};
use crate::{Identity, IdentityError};

/// Whose keys a request is about.
pub(crate) enum Owner {
    /// The root user's.
    Root,
    /// The user's of this name.
    User(String),
}

impl Owner {
    /// Source: IAM API Reference, CreateAccessKey: "If you do not specify a user name, IAM determines the user name
    /// implicitly based on the AWS access key ID signing the request. This operation works for access keys under the AWS
    /// account. Consequently, you can use this operation to manage AWS account root user credentials."
    pub(crate) fn of(view: &View, user_name: Option<&str>) -> Result<Self, IamError> {
        match (user_name, &view.caller) {
            (Some(name), _) => Ok(Self::User(name.to_owned())),
            (None, Caller::Root(_)) => Ok(Self::Root),
            (None, _) => Ok(Self::User(view.caller_name()?.to_owned())),
        }
    }
}

/// As answers show a new key, with its secret, which is never shown again.
pub(crate) fn new_key_shape(
    user_name: &str,
    id: &AccessKeyId,
    secret: &SecretAccessKey,
    created: Timestamp,
) -> api::AccessKey {
    api::AccessKey {
        user_name: user_name.to_owned(),
        access_key_id: id.to_string(),
        status: Some(api::StatusType::Active),
        secret_access_key: secret.expose().to_owned(),
        create_date: Some(created),
    }
}

/// As lists show a key.
pub(crate) fn metadata(
    user_name: Option<&str>,
    id: &str,
    active: bool,
    created_millis: i64,
) -> api::AccessKeyMetadata {
    let status = if active { api::StatusType::Active } else { api::StatusType::Inactive };
    api::AccessKeyMetadata {
        user_name: user_name.map(ToOwned::to_owned),
        access_key_id: Some(id.to_owned()),
        status: Some(status),
        create_date: Some(Timestamp::from_millis(created_millis)),
    }
}

/// Gives a user a key.
async fn give(
    change: &mut Change,
    name: &str,
    id: &AccessKeyId,
    sealed_secret: Vec<u8>,
) -> Result<(), IamError> {
    let mut user: UserRow = change.changeable(name).await?;
    if user.keys.len() >= limits::ACCESS_KEYS {
        return Err(IamError::Limit { quota: "AccessKeysPerUser", limit: limits::ACCESS_KEYS });
    }
    user.keys.push(id.to_string());
    let created_millis = change.view.now.as_millis();
    let key = KeyRow { user_id: user.core.id.clone(), sealed_secret, created_millis, active: true };
    change.put(row::key(id.as_str()), &key);
    change.save(&user);
    Ok(())
}

/// Takes a key from a user.
pub(crate) async fn take(change: &mut Change, name: &str, id: &str) -> Result<(), IamError> {
    let (mut user, _) = key_of(change, name, id).await?;
    user.keys.retain(|key| key != id);
    change.delete(row::key(id));
    change.delete(row::last_use(id));
    change.save(&user);
    Ok(())
}

async fn key_of(change: &Change, name: &str, id: &str) -> Result<(UserRow, KeyRow), IamError> {
    let user: UserRow = change.changeable(name).await?;
    if !user.keys.iter().any(|key| key == id) {
        return Err(IamError::NoSuch(Missing::AccessKey(id.to_owned())));
    }
    let key = change.view.must(&row::key(id)).await?;
    Ok((user, key))
}

/// Says where a key is.
async fn place<I: Send + Sync>(
    identity: &Identity,
    request: &mut Authorized<I>,
    id: &AccessKeyId,
    user_id: String,
) -> Result<(), ErrorReply> {
    let damaged = || ErrorReply::from(IdentityError::Damaged);
    let canonical = request.caller().canonical().as_ref().map(CanonicalUserId::to_string);
    let place = AccessKeyRow {
        account: request.caller().account().ok_or_else(damaged)?.to_string(),
        canonical: canonical.ok_or_else(damaged)?,
        sealed_secret: Vec::new(),
        created_millis: request.now().as_millis(),
        active: true,
        user_id: Some(user_id),
    };
    let mut mutation = Mutation::new();
    mutation.unchanged(access_key(id), None);
    mutation.put(access_key(id), encode(&place));
    match request.commit_in(&*identity.store, Partition::Org, mutation).await {
        Ok(_) => Ok(()),
        Err(error) => Err(commit_reply(&error)),
    }
}

async fn create_for_user(
    identity: &Identity,
    request: &mut Authorized<api::CreateAccessKeyInput>,
    name: &str,
) -> Result<api::AccessKey, ErrorReply> {
    let (id, secret, sealed) = identity.new_key();
    let mut placed = false;
    let _turn = identity.turns.turn(View::of(identity, request)?.account).await;
    for _ in 0..limits::MAX_TRIES {
        let view = View::of(identity, request)?;
        let now = view.now;
        let mut change = Change::of(view).await?;
        give(&mut change, name, &id, sealed.clone()).await?;
        if !placed {
            let user: UserRow = change.view.named(name).await?;
            place(identity, request, &id, user.core.id).await?;
            placed = true;
        }
        if change.commit(request).await? {
            return Ok(new_key_shape(name, &id, &secret, now));
        }
    }
    Err(IamError::Contended.into())
}

#[async_trait]
impl Handle<api::op::CreateAccessKey> for Identity {
    async fn handle(
        &self,
        mut request: Authorized<api::CreateAccessKeyInput>,
    ) -> Result<Reply<api::CreateAccessKeyOutput>, ErrorReply> {
        let view = View::of(self, &request)?;
        let access_key = match Owner::of(&view, request.input().user_name.as_deref())? {
            Owner::Root => root_key::create(self, &mut request).await?,
            Owner::User(name) => create_for_user(self, &mut request, &name).await?,
        };
        Ok(Reply::new(api::CreateAccessKeyOutput { access_key }))
    }
}

#[async_trait]
impl Handle<api::op::DeleteAccessKey> for Identity {
    async fn handle(
        &self,
        mut request: Authorized<api::DeleteAccessKeyInput>,
    ) -> Result<Reply<api::DeleteAccessKeyOutput>, ErrorReply> {
        let view = View::of(self, &request)?;
        let id = request.input().access_key_id.clone();
        match Owner::of(&view, request.input().user_name.as_deref())? {
            Owner::Root => root_key::delete(self, &mut request, &id).await?,
            Owner::User(name) => delete_for_user(self, &mut request, &name, &id).await?,
        }
        Ok(Reply::new(api::DeleteAccessKeyOutput {}))
    }
}

async fn delete_for_user(
    identity: &Identity,
    request: &mut Authorized<api::DeleteAccessKeyInput>,
    name: &str,
    id: &str,
) -> Result<(), ErrorReply> {
    let _turn = identity.turns.turn(View::of(identity, request)?.account).await;
    for _ in 0..limits::MAX_TRIES {
        let view = View::of(identity, request)?;
        let mut change = Change::of(view).await?;
        take(&mut change, name, id).await?;
        if !change.commit(request).await? {
            continue;
        }
        if let Ok(id) = AccessKeyId::parse(id) {
            let mut mutation = Mutation::new();
            mutation.delete(access_key(&id));
            // The key is gone. A place that stays leads nowhere, which is no reason to answer that it is not gone.
            let _: Result<_, CommitError> =
                request.commit_in(&*identity.store, Partition::Org, mutation).await;
        }
        return Ok(());
    }
    Err(IamError::Contended.into())
}

/// Whether a status asks for an active key.
fn is_active(status: Option<api::StatusType>) -> Result<bool, IamError> {
    match status {
        Some(api::StatusType::Active) => Ok(true),
        Some(api::StatusType::Inactive) => Ok(false),
        Some(api::StatusType::Expired) | None => {
            Err(IamError::InvalidInput("The status of an access key is Active or Inactive."))
        }
    }
}

#[async_trait]
impl Handle<api::op::UpdateAccessKey> for Identity {
    async fn handle(
        &self,
        mut request: Authorized<api::UpdateAccessKeyInput>,
    ) -> Result<Reply<api::UpdateAccessKeyOutput>, ErrorReply> {
        let view = View::of(self, &request)?;
        let (id, active) = (request.input().access_key_id.clone(), is_active(request.input().status)?);
        match Owner::of(&view, request.input().user_name.as_deref())? {
            Owner::Root => root_key::set_active(self, &mut request, &id, active).await?,
            Owner::User(name) => set_active_for_user(self, &mut request, &name, &id, active).await?,
        }
        Ok(Reply::new(api::UpdateAccessKeyOutput {}))
    }
}

async fn set_active_for_user(
    identity: &Identity,
    request: &mut Authorized<api::UpdateAccessKeyInput>,
    name: &str,
    id: &str,
    active: bool,
) -> Result<(), ErrorReply> {
    let _turn = identity.turns.turn(View::of(identity, request)?.account).await;
    for _ in 0..limits::MAX_TRIES {
        let view = View::of(identity, request)?;
        let mut change = Change::of(view).await?;
        let (user, mut key) = key_of(&change, name, id).await?;
        key.active = active;
        change.put(row::key(id), &key);
        change.save(&user);
        if change.commit(request).await? {
            return Ok(());
        }
    }
    Err(IamError::Contended.into())
}

pub(crate) async fn list_access_keys(
    view: &View,
    input: &api::ListAccessKeysInput,
) -> Result<api::ListAccessKeysOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let keys = match Owner::of(view, input.user_name.as_deref())? {
        Owner::Root => root_key::list(view).await?,
        Owner::User(name) => keys_of(view, &view.named(&name).await?).await?,
    };
    let cut = page.cut(keys, |key| key.access_key_id.clone().unwrap_or_default());
    Ok(api::ListAccessKeysOutput {
        access_key_metadata: cut.items,
        is_truncated: cut.is_truncated,
        marker: cut.marker,
    })
}

/// A user's keys.
pub(crate) async fn keys_of(view: &View, user: &UserRow) -> Result<Vec<api::AccessKeyMetadata>, IamError> {
    let mut keys = Vec::with_capacity(user.keys.len());
    for id in &user.keys {
        // One that was deleted since its user was read is not there.
        let key: Option<KeyRow> = view.get(&row::key(id)).await?;
        keys.extend(key.map(|key| metadata(Some(&user.core.name), id, key.active, key.created_millis)));
    }
    Ok(keys)
}

/// Source: IAM API Reference, `AccessKeyLastUsed`: without a date, "N/A" stands for service and region.
pub(crate) async fn get_access_key_last_used(
    view: &View,
    input: &api::GetAccessKeyLastUsedInput,
) -> Result<api::GetAccessKeyLastUsedOutput, IamError> {
    let id = &input.access_key_id;
    let missing = || IamError::NoSuch(Missing::AccessKey(id.clone()));
    let parsed = AccessKeyId::parse(id).map_err(|_| missing())?;
    let place = view.identity.store.get(Partition::Org, &access_key(&parsed)).await?.ok_or_else(missing)?;
    let place: AccessKeyRow = decode(&place.value)?;
    if place.account != view.account.to_string() {
        return Err(missing());
    }
    let user_name = match &place.user_id {
        None => None,
        Some(user_id) => {
            let key: Option<KeyRow> = view.get(&row::key(id)).await?;
            key.ok_or_else(missing)?;
            view.entity::<UserRow>(user_id).await?.map(|user| user.core.name)
        }
    };
    let last_use: Option<LastUseRow> = view.get(&row::last_use(id)).await?;
    let unused = || "N/A".to_owned();
    let last_used = api::AccessKeyLastUsed {
        last_used_date: last_use.as_ref().map(|use_| Timestamp::from_millis(use_.at_millis)),
        service_name: last_use.as_ref().map_or_else(unused, |use_| use_.service.clone()),
        region: last_use.map_or_else(unused, |use_| use_.region),
    };
    Ok(api::GetAccessKeyLastUsedOutput { user_name, access_key_last_used: Some(Box::new(last_used)) })
}
