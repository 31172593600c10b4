//! Callers whom nobody authenticated, for questions about what they could do.

use std::sync::Arc;
use std::time::Duration;

use strongroom_gate::{Caller, IamUser, RoleSession, RootUser, Session};
use strongroom_policy::document::AwsPrincipal;
use strongroom_storage::{Direction, Partition, prefix_range};
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, Timestamp};

use crate::iam::entity::{Core, Entity};
use crate::iam::row::{self as iam_row, RoleRow, UserRow};
use crate::row::decode;
use crate::{Identity, IdentityError};

/// The session of a role that nobody took.
const SESSION: &str = "hypothesis";

/// How long it would last.
const SESSION_LASTS: Duration = Duration::from_hours(1);

/// Users and roles read at once.
const ROWS: usize = 512;

impl Identity {
    /// The caller that a principal would be at `now`, with a key of its own, or a fresh session of a role without session
    /// policies and tags; `None` if there is no such principal, or it is one that only a session can say more of.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn caller_named(
        &self,
        principal: &AwsPrincipal,
        now: Timestamp,
    ) -> Result<Option<Caller>, IdentityError> {
        Ok(match principal {
            AwsPrincipal::Everyone => Some(Caller::Anonymous),
            AwsPrincipal::Account(account) | AwsPrincipal::Root(account) => self.root_of(*account).await?,
            AwsPrincipal::User(account, place) => {
                let user = self.placed::<UserRow>(*account, place).await?;
                self.of_account(*account, user, |canonical, user| user_of(*account, canonical, user.core))
                    .await?
            }
            AwsPrincipal::Role(account, place) => {
                let role = self.placed::<RoleRow>(*account, place).await?;
                let session =
                    |canonical, role: RoleRow| session_of((*account, canonical), role.core, SESSION, now);
                self.of_account(*account, role, session).await?
            }
            AwsPrincipal::AssumedRole { account, role, session } => {
                let role = self.named::<RoleRow>(*account, role).await?;
                let session =
                    |canonical, role: RoleRow| session_of((*account, canonical), role.core, session, now);
                self.of_account(*account, role, session).await?
            }
            AwsPrincipal::FederatedUser(..) | AwsPrincipal::UniqueId(_) => None,
        })
    }

    /// The root user of an account, its users and its roles, in this order and that of their names.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn callers_of(&self, account: AccountId, now: Timestamp) -> Result<Vec<Caller>, IdentityError> {
        let canonical = self.find_account(account).await?.canonical;
        let mut callers = vec![root(account, canonical)];
        let users = self.all::<UserRow>(account).await?;
        callers.extend(users.into_iter().map(|user| user_of(account, canonical, user.core)));
        let roles = self.all::<RoleRow>(account).await?;
        callers
            .extend(roles.into_iter().map(|role| session_of((account, canonical), role.core, SESSION, now)));
        Ok(callers)
    }

    async fn root_of(&self, account: AccountId) -> Result<Option<Caller>, IdentityError> {
        self.of_account(account, Some(()), |canonical, ()| root(account, canonical)).await
    }

    /// A caller of an account, if that is there.
    async fn of_account<E>(
        &self,
        account: AccountId,
        entity: Option<E>,
        caller: impl FnOnce(CanonicalUserId, E) -> Caller,
    ) -> Result<Option<Caller>, IdentityError> {
        let Some(entity) = entity else { return Ok(None) };
        match self.find_account(account).await {
            Ok(found) => Ok(Some(caller(found.canonical, entity))),
            Err(IdentityError::NoSuchAccount) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All of a kind, in the order of their names.
    async fn all<E: Entity>(&self, account: AccountId) -> Result<Vec<E>, IdentityError> {
        let mut range = prefix_range(&iam_row::names(E::KIND));
        let mut found = Vec::new();
        loop {
            let partition = Partition::Iam(account);
            let rows = self.store.scan(partition, range.clone(), ROWS, Direction::Forward).await?;
            for entry in &rows {
                // One that went meanwhile is not there.
                found.extend(self.by_id::<E>(account, &decode::<String>(&entry.row.value)?).await?);
            }
            match rows.last() {
                Some(last) if rows.len() == ROWS => range.start = [&last.key[..], &[0]].concat(),
                _ => return Ok(found),
            }
        }
    }
}

/// The key of such callers: nobody was ever given it, and no policy can ask for it.
fn key() -> AccessKeyId {
    AccessKeyId::long_term([0; 16])
}

fn root(account: AccountId, canonical: CanonicalUserId) -> Caller {
    Caller::Root(RootUser { account, canonical, access_key_id: key(), session: None })
}

fn user_of(account: AccountId, canonical: CanonicalUserId, core: Core) -> Caller {
    Caller::User(IamUser {
        account,
        canonical,
        user_id: core.id,
        name: core.name,
        path: core.path,
        access_key_id: key(),
        session: None,
    })
}

fn session_of(
    (account, canonical): (AccountId, CanonicalUserId),
    role: Core,
    session_name: &str,
    now: Timestamp,
) -> Caller {
    Caller::Role(RoleSession {
        account,
        canonical,
        role_id: role.id,
        role_name: role.name,
        role_path: role.path,
        session_name: session_name.to_owned(),
        access_key_id: key(),
        session: Arc::new(Session::plain(now, now.plus(SESSION_LASTS))),
    })
}
