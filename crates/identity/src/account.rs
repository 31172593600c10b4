//! Accounts: what an account is made of, and how it is found. Who makes accounts commits the rows of a draft together
//! with their place in the organisation.

use strongroom_gate::Mutation;
use strongroom_storage::{Batch, Direction, Partition, Precondition, StoreError};
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, SecretAccessKey, Timestamp};

use crate::iam::entity::{Core, Held, Kind, unique_id};
use crate::iam::limits::DEFAULT_SESSION_SECONDS;
use crate::iam::row::{self as iam_row, GenerationRow, RoleRow};
use crate::row::{self, AccountRow, RootKeysRow};
use crate::{Identity, IdentityError};

/// The policy that lets everything be done.
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// E-mail address of its root user.
    pub email: String,
    /// Its name.
    pub name: Option<String>,
    /// Its canonical user id.
    pub canonical: CanonicalUserId,
    /// When it was made.
    pub created: Timestamp,
}

/// An account that is not there yet: rows of the partition `Org` of which none is there either.
#[derive(Debug, Clone)]
pub struct AccountDraft {
    /// The account.
    pub account: Account,
    /// Its rows.
    pub rows: Vec<(Vec<u8>, Vec<u8>)>,
}

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
    /// What is to be committed.
    pub draft: AccountDraft,
}

impl Identity {
    /// Makes the management account of a new installation.
    ///
    /// # Errors
    /// [`IdentityError::Bootstrapped`] if there is one; [`IdentityError::Email`]; errors of the store.
    pub async fn bootstrap(&self, email: &str) -> Result<NewAccount, IdentityError> {
        let new = self.draft_account_with_key(email, None)?;
        let mut batch = Batch::new(Partition::Org);
        batch.require(Precondition::RowAbsent(row::MANAGEMENT.to_vec()));
        batch.put(row::MANAGEMENT, row::encode(&new.account.to_string()));
        for (key, value) in &new.draft.rows {
            batch.put(key.clone(), value.clone());
        }
        match self.store.commit(batch).await {
            Ok(_) => Ok(new),
            Err(StoreError::Conflict) => Err(IdentityError::Bootstrapped),
            Err(error) => Err(error.into()),
        }
    }

    /// An account whose root user has no key.
    ///
    /// # Errors
    /// [`IdentityError::Email`].
    pub fn draft_account(&self, email: &str, name: Option<&str>) -> Result<AccountDraft, IdentityError> {
        if !is_email(email) {
            return Err(IdentityError::Email);
        }
        let account = Account {
            id: AccountId::from_random(self.random()),
            email: email.to_owned(),
            name: name.map(ToOwned::to_owned),
            canonical: CanonicalUserId::from_bytes(self.random()),
            created: self.clock.now(),
        };
        let rows = vec![
            (row::account(account.id), row::encode(&AccountRow::from(&account))),
            (row::email(email), row::encode(&account.id.to_string())),
        ];
        Ok(AccountDraft { account, rows })
    }

    /// An account whose root user has a key.
    ///
    /// # Errors
    /// [`IdentityError::Email`].
    pub fn draft_account_with_key(
        &self,
        email: &str,
        name: Option<&str>,
    ) -> Result<NewAccount, IdentityError> {
        let mut draft = self.draft_account(email, name)?;
        let (account, canonical) = (draft.account.id, draft.account.canonical);
        let (access_key_id, secret_access_key, key_row) = self.new_root_key(account, canonical);
        let ids = RootKeysRow { ids: vec![access_key_id.to_string()] };
        draft.rows.push((row::access_key(&access_key_id), row::encode(&key_row)));
        draft.rows.push((row::root_keys(account), row::encode(&ids)));
        Ok(NewAccount { account, canonical, access_key_id, secret_access_key, draft })
    }

    /// The role through which another account administers a new one, which has no identities yet: the change of its
    /// partition `Iam` that makes it.
    ///
    /// Source: Organizations User Guide, "Accessing member accounts in an organization with AWS Organizations".
    pub fn access_role(&self, account: &Account, name: &str, trusted: AccountId) -> Mutation {
        let trust = format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Principal\":{{\"AWS\":\
             \"arn:aws:iam::{trusted}:root\"}},\"Action\":\"sts:AssumeRole\"}}]}}"
        );
        let role = RoleRow {
            core: Core {
                id: unique_id(Kind::Role, account.id, self.random()),
                name: name.to_owned(),
                path: "/".to_owned(),
                created_millis: account.created.as_millis(),
            },
            held: Held { attached: vec![ADMINISTRATOR.to_owned()], inline: Vec::new(), boundary: None },
            tags: Vec::new(),
            trust,
            description: None,
            max_session_seconds: DEFAULT_SESSION_SECONDS,
            instance_profiles: Vec::new(),
            service: None,
        };
        let id = &role.core.id;
        let mut mutation = Mutation::new();
        mutation.unchanged(iam_row::GENERATION, None);
        let counts = GenerationRow { generation: 1, roles: 1, ..GenerationRow::default() };
        mutation.put(iam_row::GENERATION, row::encode(&counts));
        mutation.put(iam_row::name(Kind::Role, name), row::encode(id));
        mutation.put(iam_row::attachment(ADMINISTRATOR, id), iam_row::PRESENT);
        mutation.put(iam_row::entity(id), row::encode(&role));
        mutation
    }

    /// An account by its id.
    ///
    /// # Errors
    /// [`IdentityError::NoSuchAccount`]; errors of the store.
    pub async fn find_account(&self, id: AccountId) -> Result<Account, IdentityError> {
        Account::try_from(self.account(id).await?)
    }

    /// Up to `limit` accounts in the order of their ids, behind one of them.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn accounts(
        &self,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, IdentityError> {
        let start = after.map_or_else(|| b"a".to_vec(), |last| [row::account(last), vec![0]].concat());
        let rows = self.store.scan(Partition::Org, start..b"b".to_vec(), limit, Direction::Forward).await?;
        rows.iter().map(|entry| Account::try_from(row::decode::<AccountRow>(&entry.row.value)?)).collect()
    }

    /// Whether an account has this e-mail address.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn has_email(&self, email: &str) -> Result<bool, IdentityError> {
        Ok(self.store.get(Partition::Org, &row::email(email)).await?.is_some())
    }

    /// The account whose root user has this e-mail address.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn account_of_email(&self, email: &str) -> Result<Option<Account>, IdentityError> {
        let Some(row) = self.store.get(Partition::Org, &row::email(email)).await? else { return Ok(None) };
        let id = AccountId::parse(&row::decode::<String>(&row.value)?)
            .map_err(|_| IdentityError::NoSuchAccount)?;
        self.find_account(id).await.map(Some)
    }

    /// The row of an account once it has another name: its key and its value.
    ///
    /// # Errors
    /// As [`Identity::find_account`].
    pub async fn renamed_account(
        &self,
        id: AccountId,
        name: &str,
    ) -> Result<(Vec<u8>, Vec<u8>), IdentityError> {
        let named = AccountRow { name: Some(name.to_owned()), ..self.account(id).await? };
        Ok((row::account(id), row::encode(&named)))
    }

    pub(crate) async fn account(&self, id: AccountId) -> Result<AccountRow, IdentityError> {
        let row =
            self.store.get(Partition::Org, &row::account(id)).await?.ok_or(IdentityError::NoSuchAccount)?;
        row::decode(&row.value)
    }
}

impl From<&Account> for AccountRow {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.to_string(),
            email: account.email.clone(),
            name: account.name.clone(),
            canonical: account.canonical.to_string(),
            created_millis: account.created.as_millis(),
        }
    }
}

impl TryFrom<AccountRow> for Account {
    type Error = IdentityError;

    fn try_from(row: AccountRow) -> Result<Self, IdentityError> {
        Ok(Self {
            id: AccountId::parse(&row.id).map_err(|_| IdentityError::Damaged)?,
            canonical: CanonicalUserId::parse(&row.canonical).map_err(|_| IdentityError::Damaged)?,
            email: row.email,
            name: row.name,
            created: Timestamp::from_millis(row.created_millis),
        })
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
