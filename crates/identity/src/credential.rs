//! Looking up who signed.

use std::fmt;

use strongroom_gate::{Caller, RootUser};
use strongroom_storage::Partition;
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, SecretAccessKey};

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
        if !key.active {
            return Ok(None);
        }
        let secret =
            self.keys.open_secret(&context(id), &key.sealed_secret).map_err(|_| IdentityError::Damaged)?;
        let secret = String::from_utf8(secret.to_vec()).map_err(|_| IdentityError::Damaged)?;
        let root = RootUser {
            account: AccountId::parse(&key.account).map_err(|_| IdentityError::Damaged)?,
            canonical: CanonicalUserId::parse(&key.canonical).map_err(|_| IdentityError::Damaged)?,
            access_key_id: id.clone(),
            session: None,
        };
        Ok(Some(Credential { secret: SecretAccessKey::new(secret), caller: Caller::Root(root) }))
    }

    /// A new root key of an account, and its row.
    pub(crate) fn new_root_key(
        &self,
        account: AccountId,
        canonical: CanonicalUserId,
    ) -> (AccessKeyId, SecretAccessKey, AccessKeyRow) {
        let id = AccessKeyId::long_term(self.random());
        let secret = SecretAccessKey::from_random(&self.random());
        let row = AccessKeyRow {
            account: account.to_string(),
            canonical: canonical.to_string(),
            sealed_secret: self.keys.seal_secret(&context(&id), secret.expose().as_bytes()),
            created_millis: self.clock.now().as_millis(),
            active: true,
        };
        (id, secret, row)
    }
}

/// What a sealed secret is bound to.
fn context(id: &AccessKeyId) -> Vec<u8> {
    [b"access-key:", id.as_str().as_bytes()].concat()
}
