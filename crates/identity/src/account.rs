//! Making and listing accounts.

use async_trait::async_trait;
use strongroom_api_strongroom as api;
use strongroom_gate::{Authorized, CommitError, ErrorReply, Handle, Mutation, Reply};
use strongroom_record::{Effect, EffectKind};
use strongroom_storage::{Batch, Direction, Partition, Precondition, StoreError};
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, SecretAccessKey, Timestamp};

use crate::row::{self, AccountRow, RootKeysRow};
use crate::{Identity, IdentityError};

/// Accounts listed at most in one answer.
const MAX_PAGE: usize = 100;

/// A fresh account and the only showing of its root secret.
#[derive(Debug)]
pub struct NewAccount {
    /// The account.
    pub account: AccountId,
    /// Its canonical user id.
    pub canonical: CanonicalUserId,
    /// Its root key's id.
    pub access_key_id: AccessKeyId,
    /// Its root key's secret.
    pub secret_access_key: SecretAccessKey,
    email: String,
    created: Timestamp,
    name: Option<String>,
    rows: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Identity {
    /// Makes the management account of a new installation.
    ///
    /// # Errors
    /// [`IdentityError::Bootstrapped`] if there is one; [`IdentityError::Email`]; errors of the store.
    pub async fn bootstrap(&self, email: &str) -> Result<NewAccount, IdentityError> {
        let account = self.prepare(email, None)?;
        let mut batch = Batch::new(Partition::Org);
        batch.require(Precondition::RowAbsent(row::MANAGEMENT.to_vec()));
        batch.put(row::MANAGEMENT, row::encode(&account.account.to_string()));
        for (key, value) in &account.rows {
            batch.put(key.clone(), value.clone());
        }
        match self.store.commit(batch).await {
            Ok(_) => Ok(account),
            Err(StoreError::Conflict) => Err(IdentityError::Bootstrapped),
            Err(error) => Err(error.into()),
        }
    }

    fn prepare(&self, email: &str, name: Option<&str>) -> Result<NewAccount, IdentityError> {
        if !is_email(email) {
            return Err(IdentityError::Email);
        }
        let account = AccountId::from_random(self.random());
        let canonical = CanonicalUserId::from_bytes(self.random());
        let created = self.clock.now();
        let (access_key_id, secret_access_key, key_row) = self.new_root_key(account, canonical);
        let account_row = AccountRow {
            id: account.to_string(),
            email: email.to_owned(),
            name: name.map(ToOwned::to_owned),
            canonical: canonical.to_string(),
            created_millis: created.as_millis(),
        };
        let rows = vec![
            (row::account(account), row::encode(&account_row)),
            (row::email(email), row::encode(&account.to_string())),
            (row::access_key(&access_key_id), row::encode(&key_row)),
            (row::root_keys(account), row::encode(&RootKeysRow { ids: vec![access_key_id.to_string()] })),
        ];
        let (email, name) = (account_row.email, account_row.name);
        Ok(NewAccount { account, canonical, access_key_id, secret_access_key, email, created, name, rows })
    }

    pub(crate) async fn account(&self, id: AccountId) -> Result<AccountRow, IdentityError> {
        let row =
            self.store.get(Partition::Org, &row::account(id)).await?.ok_or(IdentityError::NoSuchAccount)?;
        row::decode(&row.value)
    }
}

/// Source: Organizations API Reference, CreateAccount, "Email".
fn is_email(text: &str) -> bool {
    let plain = text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    let parts = text.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && !domain.contains('@')
            && domain.split('.').count() > 1
            && domain.split('.').all(|p| !p.is_empty())
    });
    plain && parts && (6..=64).contains(&text.chars().count())
}

fn arn(id: &str) -> String {
    format!("arn:aws:organizations::{id}:account/{id}")
}

fn shape(row: AccountRow) -> api::Account {
    api::Account {
        arn: arn(&row.id),
        id: row.id,
        email: row.email,
        name: row.name,
        canonical_user_id: row.canonical,
        created_at: Some(Timestamp::from_millis(row.created_millis)),
    }
}

#[async_trait]
impl Handle<api::op::CreateAccount> for Identity {
    async fn handle(
        &self,
        mut request: Authorized<api::CreateAccountInput>,
    ) -> Result<Reply<api::CreateAccountOutput>, ErrorReply> {
        let input = request.input();
        let account = self.prepare(&input.email, input.account_name.as_deref())?;
        let mut mutation = Mutation::new();
        for (key, value) in &account.rows {
            mutation.unchanged(key.clone(), None);
            mutation.put(key.clone(), value.clone());
        }
        mutation.effect(Effect {
            kind: EffectKind::Configure,
            key: Some(account.account.to_string()),
            ..Effect::default()
        });
        match request.commit_in(&*self.store, Partition::Org, mutation).await {
            Ok(_) => {}
            Err(CommitError::Conflict) => return Err(IdentityError::EmailTaken.into()),
            Err(error) => return Err(error.reply()),
        }
        let id = account.account.to_string();
        Ok(Reply::new(api::CreateAccountOutput {
            account: api::Account {
                arn: arn(&id),
                id,
                email: account.email,
                name: account.name,
                canonical_user_id: account.canonical.to_string(),
                created_at: Some(account.created),
            },
            access_key_id: account.access_key_id.to_string(),
            secret_access_key: account.secret_access_key.expose().to_owned(),
        }))
    }
}

#[async_trait]
impl Handle<api::op::DescribeAccount> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::DescribeAccountInput>,
    ) -> Result<Reply<api::DescribeAccountOutput>, ErrorReply> {
        let id = AccountId::parse(&request.input().account_id).map_err(|_| IdentityError::NoSuchAccount)?;
        Ok(Reply::new(api::DescribeAccountOutput { account: shape(self.account(id).await?) }))
    }
}

#[async_trait]
impl Handle<api::op::ListAccounts> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::ListAccountsInput>,
    ) -> Result<Reply<api::ListAccountsOutput>, ErrorReply> {
        let limit = request.input().max_results.and_then(|n| usize::try_from(n).ok()).unwrap_or(MAX_PAGE);
        let limit = limit.clamp(1, MAX_PAGE);
        let start = match &request.input().next_token {
            None => b"a".to_vec(),
            // A token is the last account shown: account ids are no secret to those who may list them.
            Some(token) => {
                let last = AccountId::parse(token).map_err(|_| IdentityError::NextToken)?;
                [row::account(last), vec![0]].concat()
            }
        };
        let rows = self
            .store
            .scan(Partition::Org, start..b"b".to_vec(), limit + 1, Direction::Forward)
            .await
            .map_err(IdentityError::from)?;
        let more = rows.len() > limit;
        let accounts = rows
            .iter()
            .take(limit)
            .map(|entry| row::decode::<AccountRow>(&entry.row.value).map(shape))
            .collect::<Result<Vec<_>, _>>()?;
        let next_token = accounts.last().filter(|_| more).map(|last| last.id.clone());
        Ok(Reply::new(api::ListAccountsOutput { accounts, next_token }))
    }
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn email_addresses_have_their_form() {
        for good in ["root@strongroom.local", "a@b.co"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "root",
            "@b.co",
            "a@b",
            "a b@c.de",
            "a@b..c",
            "a@b.c\r\nx",
            &format!("{}@b.co", "a".repeat(64)),
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
