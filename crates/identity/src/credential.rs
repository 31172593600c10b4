//! Looking up who signed.

use std::fmt;

use strongroom_gate::{Caller, IamUser, RootUser};
use strongroom_storage::Partition;
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, SecretAccessKey};

use crate::iam::row::{self as iam_row, KeyRow, UserRow};
use crate::row::{self, AccessKeyRow};
use crate::{Identity, IdentityError};

/// An active access key: its secret, and whose it is.
#[derive(Clone)]
pub struct Credential {
    /// The secret.
    pub secret: SecretAccessKey,
    /// Whose it is.
    pub caller: Caller,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({:?})", self.caller.access_key_id())
    }
}

impl Identity {
    /// The credential with this access key id; `None` for unknown and inactive keys alike.
    ///
    /// # Errors
    /// [`IdentityError::Damaged`] for a secret that does not open; errors of the store.
    pub async fn credential(&self, id: &AccessKeyId) -> Result<Option<Credential>, IdentityError> {
        let Some(row) = self.store.get(Partition::Org, &row::access_key(id)).await? else { return Ok(None) };
        let key: AccessKeyRow = row::decode(&row.value)?;
        if key.user_id.is_some() {
            return self.user_credential(id, &key).await;
        }
        if !key.active {
            return Ok(None);
        }
        let root = RootUser {
            account: AccountId::parse(&key.account).map_err(|_| IdentityError::Damaged)?,
            canonical: CanonicalUserId::parse(&key.canonical).map_err(|_| IdentityError::Damaged)?,
            access_key_id: id.clone(),
            session: None,
        };
        let secret = self.open_secret(id, &key.sealed_secret)?;
        Ok(Some(Credential { secret, caller: Caller::Root(root) }))
    }

    /// The credential of an IAM user, named as it is now.
    async fn user_credential(
        &self,
        id: &AccessKeyId,
        place: &AccessKeyRow,
    ) -> Result<Option<Credential>, IdentityError> {
        let account = AccountId::parse(&place.account).map_err(|_| IdentityError::Damaged)?;
        let partition = Partition::Iam(account);
        let Some(row) = self.store.get(partition, &iam_row::key(id.as_str())).await? else { return Ok(None) };
        let key: KeyRow = row::decode(&row.value)?;
        if !key.active {
            return Ok(None);
        }
        let Some(row) = self.store.get(partition, &iam_row::entity(&key.user_id)).await? else {
            return Ok(None);
        };
        let user: UserRow = row::decode(&row.value)?;
        let caller = IamUser {
            account,
            canonical: CanonicalUserId::parse(&place.canonical).map_err(|_| IdentityError::Damaged)?,
            user_id: user.core.id,
            name: user.core.name,
            path: user.core.path,
            access_key_id: id.clone(),
            session: None,
        };
        let secret = self.open_secret(id, &key.sealed_secret)?;
        Ok(Some(Credential { secret, caller: Caller::User(caller) }))
    }

    fn open_secret(&self, id: &AccessKeyId, sealed: &[u8]) -> Result<SecretAccessKey, IdentityError> {
        let secret = self.keys.open_secret(&context(id), sealed).map_err(|_| IdentityError::Damaged)?;
        let secret = String::from_utf8(secret.to_vec()).map_err(|_| IdentityError::Damaged)?;
        Ok(SecretAccessKey::new(secret))
    }

    /// A new key's id, its secret, and the secret as it is kept.
    pub(crate) fn new_key(&self) -> (AccessKeyId, SecretAccessKey, Vec<u8>) {
        let id = AccessKeyId::long_term(self.random());
        let secret = SecretAccessKey::from_random(&self.random());
        let sealed = self.keys.seal_secret(&context(&id), secret.expose().as_bytes());
        (id, secret, sealed)
    }

    /// A new root key of an account, and its row.
    pub(crate) fn new_root_key(
        &self,
        account: AccountId,
        canonical: CanonicalUserId,
    ) -> (AccessKeyId, SecretAccessKey, AccessKeyRow) {
        let (id, secret, sealed_secret) = self.new_key();
        let row = AccessKeyRow {
            account: account.to_string(),
            canonical: canonical.to_string(),
            sealed_secret,
            created_millis: self.clock.now().as_millis(),
            active: true,
            user_id: None,
        };
        (id, secret, row)
    }
}

/// What a sealed secret is bound to.
fn context(id: &AccessKeyId) -> Vec<u8> {
    [b"access-key:", id.as_str().as_bytes()].concat()
}
