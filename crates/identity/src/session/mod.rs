//! Temporary credentials. No row is kept of them: the session token holds all that there is to know, the secret key
//! included, sealed for the access key id that it was given out with. Whoever has a token can neither read nor change
//! it, nor use it with another key; and what it stands for is looked up anew at each use, so that it ends with its role,
//! its user, or the key that asked for it.

mod content;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_gate::{Caller, FederatedUser, FederationIssuer, IamUser, RoleSession, RootUser, Session};
use strongroom_storage::Partition;
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, SecretAccessKey, Timestamp};

pub(crate) use content::Holder;
use content::SessionRow;

use crate::iam::entity::base32;
use crate::iam::row::{self as iam_row, KeyRow, RoleRow, UserRow};
use crate::row::{self, AccessKeyRow};
use crate::{Credential, Identity, IdentityError};

/// What a token begins with: how the rest is to be read.
const FORMAT: u8 = 1;

/// Characters of a token at most. It travels in a header, or in the query of a URL; AWS names no limit, and asks that
/// none be assumed (IAM User Guide, "Request temporary security credentials"). Verifiers of signatures take no more; what may make a token long is limited
/// where it is issued.
pub(crate) const MAX_TOKEN_CHARS: usize = 8 * 1024;

/// Why a session token is not good.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    /// Not given out by this installation for this key, or what it stood for is gone.
    #[error("the session token is not valid")]
    Invalid,
    /// Its time is over.
    #[error("the session token has expired")]
    Expired,
    /// It could not be looked at.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Credentials just made.
pub(crate) struct Issued {
    pub(crate) id: AccessKeyId,
    pub(crate) secret: SecretAccessKey,
    pub(crate) token: String,
}

/// Whose session is to be made.
pub(crate) struct NewSession<'a> {
    pub(crate) account: AccountId,
    pub(crate) canonical: CanonicalUserId,
    pub(crate) holder: Holder,
    pub(crate) session: &'a Session,
}

impl Identity {
    /// Makes temporary credentials.
    ///
    /// # Errors
    /// [`IdentityError::Damaged`] if the token came out longer than any that is taken back.
    pub(crate) fn issue(&self, new: NewSession<'_>) -> Result<Issued, IdentityError> {
        let NewSession { account, canonical, holder, session } = new;
        let id = key_id(account, self.random())?;
        let secret = SecretAccessKey::from_random(&self.random());
        let row = SessionRow::of(
            account.to_string(),
            canonical.to_string(),
            holder,
            secret.expose().to_owned(),
            session,
        );
        let sealed = self.keys.seal_token(&context(&id), &row::encode(&row));
        let token = STANDARD.encode([&[FORMAT], sealed.as_slice()].concat());
        if token.len() > MAX_TOKEN_CHARS {
            return Err(IdentityError::Damaged);
        }
        Ok(Issued { id, secret, token })
    }

    /// The temporary credential with this access key id and session token.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn temporary_credential(
        &self,
        id: &AccessKeyId,
        token: &str,
        now: Timestamp,
    ) -> Result<Credential, SessionError> {
        let row = self.open(id, token)?;
        if now.as_millis() >= row.expires_millis {
            return Err(SessionError::Expired);
        }
        let damaged = |_| SessionError::Identity(IdentityError::Damaged);
        let account = AccountId::parse(&row.account).map_err(damaged)?;
        let canonical = CanonicalUserId::parse(&row.canonical).map_err(damaged)?;
        let (holder, secret) = (row.holder.clone(), SecretAccessKey::new(row.secret.clone()));
        let bearer = Bearer { account, canonical, id: id.clone(), session: Arc::new(row.session()) };
        let caller = self.bearer(bearer, holder).await?.ok_or(SessionError::Invalid)?;
        Ok(Credential { secret, caller })
    }

    fn open(&self, id: &AccessKeyId, token: &str) -> Result<SessionRow, SessionError> {
        if token.len() > MAX_TOKEN_CHARS {
            return Err(SessionError::Invalid);
        }
        let bytes = STANDARD.decode(token).map_err(|_| SessionError::Invalid)?;
        let Some((&FORMAT, sealed)) = bytes.split_first() else { return Err(SessionError::Invalid) };
        let opened = self.keys.open_token(&context(id), sealed).map_err(|_| SessionError::Invalid)?;
        row::decode(&opened).map_err(SessionError::Identity)
    }

    /// Who has a session; `None` if whom or what it depends on is gone.
    async fn bearer(&self, bearer: Bearer, holder: Holder) -> Result<Option<Caller>, IdentityError> {
        let account = bearer.account;
        Ok(match holder {
            Holder::Root { key } => self.root_key_lives(account, &key).await?.then(|| bearer.root()),
            Holder::User { user_id, key } => {
                self.user_with_key(account, &user_id, &key).await?.map(|user| bearer.user(user))
            }
            Holder::Role { role_id, session_name } => {
                self.by_id::<RoleRow>(account, &role_id).await?.map(|role| bearer.role(role, session_name))
            }
            Holder::Federated { name, user_id: None, key } => {
                let lives = self.root_key_lives(account, &key).await?;
                lives.then(|| bearer.federated(name, FederationIssuer::Root))
            }
            Holder::Federated { name, user_id: Some(user_id), key } => {
                self.user_with_key(account, &user_id, &key).await?.map(|user| {
                    let UserRow { core, .. } = user;
                    let issuer =
                        FederationIssuer::User { user_id: core.id, name: core.name, path: core.path };
                    bearer.federated(name, issuer)
                })
            }
        })
    }

    /// Whether a key of an account's root user is there and active.
    async fn root_key_lives(&self, account: AccountId, key: &str) -> Result<bool, IdentityError> {
        let id = AccessKeyId::parse(key).map_err(|_| IdentityError::Damaged)?;
        let Some(row) = self.store.get(Partition::Org, &row::access_key(&id)).await? else {
            return Ok(false);
        };
        let key: AccessKeyRow = row::decode(&row.value)?;
        Ok(key.active && key.user_id.is_none() && key.account == account.to_string())
    }

    /// A user, provided that the key is still the user's and active.
    async fn user_with_key(
        &self,
        account: AccountId,
        user_id: &str,
        key: &str,
    ) -> Result<Option<UserRow>, IdentityError> {
        let Some(row) = self.store.get(Partition::Iam(account), &iam_row::key(key)).await? else {
            return Ok(None);
        };
        let key: KeyRow = row::decode(&row.value)?;
        if !key.active || key.user_id != user_id {
            return Ok(None);
        }
        self.by_id::<UserRow>(account, user_id).await
    }
}

/// Who has a session, but for the name.
struct Bearer {
    account: AccountId,
    canonical: CanonicalUserId,
    id: AccessKeyId,
    session: Arc<Session>,
}

impl Bearer {
    fn root(self) -> Caller {
        let Self { account, canonical, id, session } = self;
        Caller::Root(RootUser { account, canonical, access_key_id: id, session: Some(session) })
    }

    fn user(self, user: UserRow) -> Caller {
        Caller::User(IamUser {
            account: self.account,
            canonical: self.canonical,
            user_id: user.core.id,
            name: user.core.name,
            path: user.core.path,
            access_key_id: self.id,
            session: Some(self.session),
        })
    }

    fn role(self, role: RoleRow, session_name: String) -> Caller {
        Caller::Role(RoleSession {
            account: self.account,
            canonical: self.canonical,
            role_id: role.core.id,
            role_name: role.core.name,
            role_path: role.core.path,
            session_name,
            access_key_id: self.id,
            session: self.session,
        })
    }

    fn federated(self, name: String, issuer: FederationIssuer) -> Caller {
        let Self { account, canonical, id, session } = self;
        Caller::Federated(FederatedUser { account, canonical, name, issuer, access_key_id: id, session })
    }
}

/// A temporary key's id: eight letters say of which account it is, as in unique ids, eight are random. It need not be
/// beyond guessing, for it is nothing without token and secret.
fn key_id(account: AccountId, random: [u8; 8]) -> Result<AccessKeyId, IdentityError> {
    let places = account_letters(account);
    let id: String = "ASIA".chars().chain(places).chain(base32(random)).collect();
    AccessKeyId::parse(&id).map_err(|_| IdentityError::Damaged)
}

fn account_letters(account: AccountId) -> impl Iterator<Item = char> {
    let account = account.as_u64();
    base32((0..8).rev().map(move |place| u8::try_from((account >> (5 * place)) & 31).unwrap_or(0)))
}

/// What a token is bound to: its format and its key.
fn context(id: &AccessKeyId) -> Vec<u8> {
    [b"session-token:".as_slice(), &[FORMAT], id.as_str().as_bytes()].concat()
}
