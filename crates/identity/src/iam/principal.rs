//! Principals that policies name: whether they exist, and how they are kept and shown.

use strongroom_gate::Kept;
use strongroom_policy::document::AwsPrincipal;
use strongroom_storage::Partition;
use strongroom_types::AccountId;

use super::entity::{Core, Entity, Kind, account_of};
use super::row::{self, RoleRow, UserRow};
use crate::row::{account, decode};
use crate::{Identity, IdentityError};

impl Identity {
    /// How a principal is kept that somebody names in a policy.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn keep_principal(&self, principal: &AwsPrincipal) -> Result<Kept, IdentityError> {
        let exists = |exists: bool| if exists { Kept::AsItIs } else { Kept::Unknown };
        let by_id = |id: Option<String>| id.map_or(Kept::Unknown, Kept::ByUniqueId);
        Ok(match principal {
            AwsPrincipal::Everyone => Kept::AsItIs,
            AwsPrincipal::Account(account)
            | AwsPrincipal::Root(account)
            | AwsPrincipal::FederatedUser(account, _) => exists(self.has_account(*account).await?),
            AwsPrincipal::User(account, place) => by_id(self.id_at::<UserRow>(*account, place).await?),
            AwsPrincipal::Role(account, place) => by_id(self.id_at::<RoleRow>(*account, place).await?),
            AwsPrincipal::AssumedRole { account, role, .. } => {
                exists(self.named::<RoleRow>(*account, role).await?.is_some())
            }
            AwsPrincipal::UniqueId(id) => exists(self.show_principal(id).await?.is_some()),
        })
    }

    /// How a principal is shown that was kept by its unique id; `None` once its user or role is gone.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn show_principal(&self, id: &str) -> Result<Option<AwsPrincipal>, IdentityError> {
        let Some(account) = account_of(id) else { return Ok(None) };
        // ARNs have the path, less its first slash, before the name.
        let place = |core: Core| format!("{}{}", core.path.trim_start_matches('/'), core.name);
        if id.starts_with(Kind::User.id_prefix()) {
            let user = self.by_id::<UserRow>(account, id).await?;
            Ok(user.map(|user| AwsPrincipal::User(account, place(user.core))))
        } else if id.starts_with(Kind::Role.id_prefix()) {
            let role = self.by_id::<RoleRow>(account, id).await?;
            Ok(role.map(|role| AwsPrincipal::Role(account, place(role.core))))
        } else {
            Ok(None)
        }
    }

    async fn has_account(&self, id: AccountId) -> Result<bool, IdentityError> {
        Ok(self.store.get(Partition::Org, &account(id)).await?.is_some())
    }

    async fn id_at<E: Entity>(
        &self,
        account: AccountId,
        place: &str,
    ) -> Result<Option<String>, IdentityError> {
        Ok(self.placed::<E>(account, place).await?.map(|entity| entity.core().id.clone()))
    }

    /// What has a path and a name, as ARNs have them: the path without its first slash, then the name.
    pub(crate) async fn placed<E: Entity>(
        &self,
        account: AccountId,
        place: &str,
    ) -> Result<Option<E>, IdentityError> {
        let (path, name) = place.rsplit_once('/').unwrap_or(("", place));
        let path = if path.is_empty() { "/".to_owned() } else { format!("/{path}/") };
        Ok(self.named::<E>(account, name).await?.filter(|entity| entity.core().path == path))
    }

    /// The user, role, group, policy or instance profile of an account that has a name.
    pub(crate) async fn named<E: Entity>(
        &self,
        account: AccountId,
        name: &str,
    ) -> Result<Option<E>, IdentityError> {
        let row = self.store.get(Partition::Iam(account), &row::name(E::KIND, name)).await?;
        let Some(id) = row.map(|row| decode::<String>(&row.value)).transpose()? else { return Ok(None) };
        let found = self.by_id::<E>(account, &id).await?;
        Ok(found.filter(|entity| entity.core().name == name))
    }

    /// As [`Identity::named`], by unique id.
    pub(crate) async fn by_id<E: Entity>(
        &self,
        account: AccountId,
        id: &str,
    ) -> Result<Option<E>, IdentityError> {
        let row = self.store.get(Partition::Iam(account), &row::entity(id)).await?;
        row.map(|row| decode(&row.value)).transpose()
    }
}
