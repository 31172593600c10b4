//! How operations read and change the identities of one account.
//!
//! Every change is made on condition that the account's generation row is as it was when the change began, and rewrites
//! it. So whatever an operation read in between still holds when its change is committed, and whoever keeps what was
//! computed of an account's identities sees by that one row whether it is still true.

use std::hash::{BuildHasher as _, RandomState};

use strongroom_gate::{Authorized, Caller, ErrorReply, Mutation, settled};
use strongroom_storage::{Direction, Entry, Partition, RowVersion, prefix_range};
use strongroom_types::{AccountId, Timestamp};
use tokio::sync::{Mutex, MutexGuard};

use super::entity::{Core, Entity, Kind, unique_id};
use super::error::{IamError, Missing};
use super::row::{self, GenerationRow};
use super::{limits, name};
use crate::row::{decode, encode};
use crate::{Identity, IdentityError};

/// One account's identities, as a request reads them.
pub(crate) struct View {
    pub(crate) identity: Identity,
    pub(crate) account: AccountId,
    pub(crate) caller: Caller,
    pub(crate) now: Timestamp,
}

impl View {
    /// The identities of the caller's account.
    pub(crate) fn of<I>(identity: &Identity, request: &Authorized<I>) -> Result<Self, IamError> {
        let caller = request.caller().clone();
        // INVARIANT: the gate lets nobody through who has no account.
        let account = caller.account().ok_or(IamError::Identity(IdentityError::Damaged))?;
        Ok(Self { identity: identity.clone(), account, caller, now: request.now() })
    }

    pub(crate) fn partition(&self) -> Partition {
        Partition::Iam(self.account)
    }

    /// A row, if it is there.
    pub(crate) async fn get<T: for<'b> minicbor::Decode<'b, ()>>(
        &self,
        key: &[u8],
    ) -> Result<Option<T>, IamError> {
        let row = self.identity.store.get(self.partition(), key).await?;
        Ok(row.map(|row| decode(&row.value)).transpose()?)
    }

    /// A row that must be there, since another speaks of it.
    pub(crate) async fn must<T: for<'b> minicbor::Decode<'b, ()>>(&self, key: &[u8]) -> Result<T, IamError> {
        self.get(key).await?.ok_or(IamError::Identity(IdentityError::Damaged))
    }

    /// Up to a number of rows whose keys begin with `prefix`, behind the row `prefix` `after`.
    pub(crate) async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, IamError> {
        let mut range = prefix_range(prefix);
        if let Some(after) = after {
            range.start = [prefix, after, &[0]].concat();
        }
        Ok(self.identity.store.scan(self.partition(), range, limit, Direction::Forward).await?)
    }

    /// What stands behind `prefix` in the keys of all rows that begin with it. For what quotas bound.
    pub(crate) async fn suffixes(&self, prefix: &[u8]) -> Result<Vec<String>, IamError> {
        let mut all: Vec<String> = Vec::new();
        loop {
            let after = all.last().map(|last| last.as_bytes().to_vec());
            let rows = self.scan(prefix, after.as_deref(), limits::SCAN_ROWS).await?;
            let full = rows.len() == limits::SCAN_ROWS;
            for entry in rows {
                all.push(suffix(prefix, &entry)?);
            }
            if !full {
                return Ok(all);
            }
        }
    }

    /// The id of the entity that has a name, whatever its case.
    pub(crate) async fn id_of(&self, kind: Kind, name: &str) -> Result<Option<String>, IamError> {
        self.get(&row::name(kind, name)).await
    }

    /// The entity with an id.
    pub(crate) async fn entity<E: Entity>(&self, id: &str) -> Result<Option<E>, IamError> {
        self.get(&row::entity(id)).await
    }

    /// The entity with a name, in the case in which it was given: policies tell cases apart, and so must what they
    /// guard.
    pub(crate) async fn find<E: Entity>(&self, name: &str) -> Result<Option<E>, IamError> {
        let Some(id) = self.id_of(E::KIND, name).await? else { return Ok(None) };
        Ok(self.entity::<E>(&id).await?.filter(|entity| entity.core().name == name))
    }

    /// As [`View::find`], of an entity that must be there.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub(crate) async fn named<E: Entity>(&self, name: &str) -> Result<E, IamError> {
        let found = self.find(name).await?;
        found.ok_or_else(|| IamError::NoSuch(Missing::Entity(E::KIND, name.to_owned())))
    }

    /// How many entities there are.
    pub(crate) async fn generation(&self) -> Result<GenerationRow, IamError> {
        Ok(self.get(row::GENERATION).await?.unwrap_or_default())
    }

    /// The name of the caller, who must be a user. Source: IAM API Reference: "If you do not specify a user name, IAM
    /// determines the user name implicitly based on the AWS access key ID signing the request."
    pub(crate) fn caller_name(&self) -> Result<&str, IamError> {
        match &self.caller {
            Caller::User(user) => Ok(&user.name),
            Caller::Anonymous
            | Caller::Root(_)
            | Caller::Role(_)
            | Caller::Federated(_)
            | Caller::WebIdentity(_)
            | Caller::Service(_) => Err(IamError::NoUserName),
        }
    }
}

/// What stands behind `prefix` in a row's key.
pub(crate) fn suffix(prefix: &[u8], entry: &Entry) -> Result<String, IamError> {
    let rest = entry.key.get(prefix.len()..).unwrap_or_default();
    let text = std::str::from_utf8(rest).map_err(|_| IamError::Identity(IdentityError::Damaged))?;
    Ok(text.to_owned())
}

/// A change of one account's identities, not yet committed.
pub(crate) struct Change {
    pub(crate) view: View,
    /// How many entities there are, once the change is through.
    pub(crate) counts: GenerationRow,
    version: Option<RowVersion>,
    mutation: Mutation,
}

impl Change {
    /// A change that is nothing yet.
    pub(crate) async fn of(view: View) -> Result<Self, IamError> {
        let row = view.identity.store.get(view.partition(), row::GENERATION).await?;
        let version = row.as_ref().map(|row| row.version);
        let counts = row.map(|row| decode(&row.value)).transpose()?.unwrap_or_default();
        Ok(Self { view, counts, version, mutation: Mutation::new() })
    }

    /// Sets a row.
    pub(crate) fn put<T: minicbor::Encode<()>>(&mut self, key: Vec<u8>, value: &T) {
        self.mutation.put(key, encode(value));
    }

    /// Sets a row that says nothing but that it is there.
    pub(crate) fn mark(&mut self, key: Vec<u8>) {
        self.mutation.put(key, row::PRESENT);
    }

    /// Demands that a row is as it was read which may change without a new generation.
    pub(crate) fn hold(&mut self, key: Vec<u8>, version: Option<RowVersion>) {
        self.mutation.unchanged(key, version);
    }

    /// Removes a row.
    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.mutation.delete(key);
    }

    /// Says in the request's record what is changed.
    pub(crate) fn touch(&mut self, arn: String) {
        self.mutation.touch(arn);
    }

    /// The entity with a name, to be changed.
    ///
    /// # Errors
    /// `NoSuchEntity`; `UnmodifiableEntity` where a service alone may change it.
    pub(crate) async fn changeable<E: Entity>(&self, name: &str) -> Result<E, IamError> {
        let entity: E = self.view.named(name).await?;
        if entity.is_protected() {
            return Err(IamError::Protected(name.to_owned()));
        }
        Ok(entity)
    }

    /// What a new entity has in common with others; its name is taken by [`Change::create`].
    pub(crate) fn core(&self, kind: Kind, name: &str, path: Option<&str>) -> Core {
        Core {
            id: unique_id(kind, self.view.account, self.view.identity.random()),
            name: name.to_owned(),
            path: path.unwrap_or("/").to_owned(),
            created_millis: self.view.now.as_millis(),
        }
    }

    /// Makes an entity.
    ///
    /// # Errors
    /// `EntityAlreadyExists`, `LimitExceeded`, `InvalidInput` for a name or path that is none.
    pub(crate) async fn create<E: Entity>(&mut self, entity: &E) -> Result<(), IamError> {
        let core = entity.core();
        name::check_path(&core.path)?;
        self.take_name(E::KIND, &core.name, &core.id).await?;
        let (most, quota) = name::quota(E::KIND);
        let count = self.counts.count_mut(E::KIND);
        if *count >= most {
            return Err(IamError::Limit { quota, limit: usize::try_from(most).unwrap_or(usize::MAX) });
        }
        *count = count.saturating_add(1);
        self.save(entity);
        Ok(())
    }

    /// Gives a name to the entity with an id.
    async fn take_name(&mut self, kind: Kind, name: &str, id: &str) -> Result<(), IamError> {
        name::check_name(name)?;
        match self.view.id_of(kind, name).await? {
            Some(holder) if holder != id => Err(IamError::Exists { kind, name: name.to_owned() }),
            _ => {
                self.put(row::name(kind, name), &id);
                Ok(())
            }
        }
    }

    /// Gives an entity another name, another path, or both.
    ///
    /// # Errors
    /// `EntityAlreadyExists`; `InvalidInput` for a name or path that is none.
    pub(crate) async fn rename<E: Entity>(
        &mut self,
        entity: &mut E,
        new_name: Option<&str>,
        new_path: Option<&str>,
    ) -> Result<(), IamError> {
        self.touch(entity.arn(self.view.account));
        if let Some(path) = new_path {
            name::check_path(path)?;
            path.clone_into(&mut entity.core_mut().path);
        }
        if let Some(new) = new_name.filter(|new| *new != entity.core().name) {
            let old = row::name(E::KIND, &entity.core().name);
            if old != row::name(E::KIND, new) {
                self.delete(old);
            }
            let id = entity.core().id.clone();
            self.take_name(E::KIND, new, &id).await?;
            new.clone_into(&mut entity.core_mut().name);
        }
        self.save(entity);
        Ok(())
    }

    /// Writes an entity that was there.
    pub(crate) fn save<E: Entity>(&mut self, entity: &E) {
        self.put(row::entity(&entity.core().id), entity);
        self.touch(entity.arn(self.view.account));
    }

    /// Removes an entity of which nothing is left but its own rows.
    pub(crate) fn remove<E: Entity>(&mut self, entity: &E) {
        self.delete(row::entity(&entity.core().id));
        self.delete(row::name(E::KIND, &entity.core().name));
        let count = self.counts.count_mut(E::KIND);
        *count = count.saturating_sub(1);
        self.touch(entity.arn(self.view.account));
    }

    /// Removes what is known of an entity's use.
    pub(crate) async fn forget_use(&mut self, id: &str) -> Result<(), IamError> {
        let prefix = row::last_uses_of(id);
        for service in self.view.suffixes(&prefix).await? {
            self.delete(row::last_use_of_service(id, &service));
        }
        for action in self.view.suffixes(&row::last_uses_of_actions(id)).await? {
            self.delete(row::last_use_of_action(id, &action));
        }
        self.delete(row::last_use(id));
        Ok(())
    }

    /// What is to be committed; `None` if nothing changes.
    pub(crate) fn into_mutation(self) -> Option<Mutation> {
        let Self { counts, version, mut mutation, view: _ } = self;
        if mutation.is_empty() {
            return None;
        }
        mutation.unchanged(row::GENERATION, version);
        let generation = counts.generation.saturating_add(1);
        mutation.put(row::GENERATION, encode(&GenerationRow { generation, ..counts }));
        Some(mutation)
    }

    /// Commits the change. `false`: the account's identities were changed meanwhile; begin anew.
    ///
    /// # Errors
    /// Those of the store; a refusal if what the request was allowed by is gone.
    pub(crate) async fn commit<I: Send + Sync>(
        self,
        request: &mut Authorized<I>,
    ) -> Result<bool, ErrorReply> {
        let (partition, store) = (self.view.partition(), self.view.identity.store.clone());
        let Some(mutation) = self.into_mutation() else { return Ok(true) };
        settled(request.commit_in(&*store, partition, mutation).await)
    }
}

/// Order among changes of one account. Commits are optimistic: of many changes one wins each round, so whoever lost
/// would lose again. Nothing depends on it but patience.
pub(crate) struct Turns {
    hasher: RandomState,
    locks: Box<[Mutex<()>]>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), locks: (0..limits::TURNS).map(|_| Mutex::new(())).collect() }
    }

    /// Waits for its turn with this account.
    pub(crate) async fn turn(&self, account: AccountId) -> Option<MutexGuard<'_, ()>> {
        let hash = self.hasher.hash_one(account);
        let place = usize::try_from(hash % self.locks.len() as u64).unwrap_or(0);
        match self.locks.get(place) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }
}
