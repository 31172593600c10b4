//! Making accounts: with their place in the organisation, from Organizations and from the service `strongroom`.
//!
//! An account of Organizations has a role through which the management account administers it. The role lies in another
//! partition and is made first, in that of an account that nobody can name yet; a crash in between leaves rows that lead
//! nowhere. Then one commit makes the account, its membership and the request's status.

use async_trait::async_trait;
use strongroom_api_organizations as api;
use strongroom_api_organizations::{
    ConstraintViolationExceptionReason as Constraint, CreateAccountFailureReason as Failure,
    InvalidInputExceptionReason as Input,
};
use strongroom_api_strongroom as operator;
use strongroom_gate::{Authorized, CommitError, ErrorReply, Handle, Reply};
use strongroom_identity::{Account, AccountDraft, IdentityError};
use strongroom_storage::Partition;
use strongroom_types::AccountId;

use crate::error::{OrganizationsError, commit_reply, input, limit};
use crate::row::{self, StatusRow, TagRow};
use crate::service::{member, membership};
use crate::view::{Change, View, asker};
use crate::{Organizations, account, id, limits, tag};

/// The role's name unless the request says otherwise. Source: CreateAccount, `RoleName`.
const ROLE: &str = "OrganizationAccountAccessRole";

/// Takes an account into the organisation, under the root.
fn enroll(change: &mut Change, draft: &AccountDraft, tags: Vec<TagRow>) -> Result<(), OrganizationsError> {
    let organization = &mut change.view.organization;
    if organization.accounts >= limits::ACCOUNTS {
        return Err(limit(Constraint::AccountNumberLimitExceeded, limits::ACCOUNTS, "accounts"));
    }
    organization.accounts = organization.accounts.saturating_add(1);
    let mut member = member(organization, &draft.account);
    member.tags = tags;
    for (key, value) in draft.rows.iter().cloned().chain(membership(draft.account.id, &member)) {
        change.put_raw(key, value);
    }
    change.touch(change.view.organization.account_arn(&member.id));
    Ok(())
}

/// Source: CreateAccount, `RoleName`, and InvalidInputException, `INVALID_ROLE_NAME`.
fn role_name(asked: Option<&str>) -> Result<&str, OrganizationsError> {
    let name = asked.unwrap_or(ROLE);
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if name.is_empty()
        || name.len() > 64
        || !name.bytes().all(good)
        || name.to_ascii_lowercase().starts_with("awsservicerolefor")
    {
        let message = "A role's name has up to 64 letters, digits and characters of _+=,.@- and does not begin with \
                       AWSServiceRoleFor.";
        return Err(input(Input::InvalidRoleName, message));
    }
    Ok(name)
}

/// An account that is drafted, with its role made, or why there is none.
enum Drafted {
    Ready(AccountDraft),
    Failed(Failure),
}

impl Organizations {
    /// Drafts an account and makes its role.
    async fn draft(
        &self,
        request: &mut Authorized<api::CreateAccountInput>,
        management: AccountId,
    ) -> Result<Drafted, ErrorReply> {
        let asked = request.input();
        let role = role_name(asked.role_name.as_deref())?.to_owned();
        let (email, name) = (asked.email.clone(), asked.account_name.clone());
        for _ in 0..limits::MAX_TRIES {
            let draft = match self.identity.draft_account(&email, Some(&name)) {
                Ok(draft) => draft,
                Err(IdentityError::Email) => return Ok(Drafted::Failed(Failure::InvalidEmail)),
                Err(error) => return Err(error.into()),
            };
            if self.identity.has_email(&email).await? {
                return Ok(Drafted::Failed(Failure::EmailAlreadyExists));
            }
            let mutation = self.identity.access_role(&draft.account, &role, management);
            match request.commit_in(&*self.store, Partition::Iam(draft.account.id), mutation).await {
                Ok(_) => return Ok(Drafted::Ready(draft)),
                // Something was left there by a crash: another id will do.
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(commit_reply(&error)),
            }
        }
        Err(OrganizationsError::Contended.into())
    }
}

#[async_trait]
impl Handle<api::op::CreateAccount> for Organizations {
    async fn handle(
        &self,
        mut request: Authorized<api::CreateAccountInput>,
    ) -> Result<Reply<api::CreateAccountOutput>, ErrorReply> {
        let tags = tag::new_tags(request.input().tags.as_deref())?;
        let mut drafted: Option<Drafted> = None;
        for _ in 0..limits::MAX_TRIES {
            let _turn = self.turn.lock().await;
            let asker = asker(&request);
            let mut change = Change::of(View::of(self, asker).await?);
            if let Some(Drafted::Ready(draft)) = &drafted
                && self.identity.has_email(&draft.account.email).await?
            {
                drafted = Some(Drafted::Failed(Failure::EmailAlreadyExists));
            }
            let ready = match drafted.take() {
                Some(ready) => ready,
                None => self.draft(&mut request, change.view.organization.management()?).await?,
            };
            let (account, failure) = match &ready {
                Drafted::Ready(draft) => (Some(draft.account.id.to_string()), None),
                Drafted::Failed(failure) => (None, Some(failure.as_str().to_owned())),
            };
            let status = StatusRow {
                id: id::create_account_status(&self.identity),
                name: request.input().account_name.clone(),
                requested_millis: request.now().as_millis(),
                account,
                failure,
            };
            if let Drafted::Ready(draft) = &ready {
                enroll(&mut change, draft, tags.clone())?;
            }
            change.put(row::status(&status.id), &status);
            if change.commit(&mut request).await? {
                let status = Some(Box::new(account::status(status)));
                return Ok(Reply::new(api::CreateAccountOutput { create_account_status: status }));
            }
            drafted = Some(ready);
        }
        Err(OrganizationsError::Contended.into())
    }
}

/// An account as an operator sees it.
fn shown(arn: String, account: Account) -> operator::Account {
    operator::Account {
        arn,
        id: account.id.to_string(),
        email: account.email,
        name: account.name,
        canonical_user_id: account.canonical.to_string(),
        created_at: Some(account.created),
    }
}

/// With a root key, which is shown once, and without a role.
#[async_trait]
impl Handle<operator::op::CreateAccount> for Organizations {
    async fn handle(
        &self,
        mut request: Authorized<operator::CreateAccountInput>,
    ) -> Result<Reply<operator::CreateAccountOutput>, ErrorReply> {
        let asked = request.input();
        let new = self.identity.draft_account_with_key(&asked.email, asked.account_name.as_deref())?;
        for _ in 0..limits::MAX_TRIES {
            let _turn = self.turn.lock().await;
            let asker = asker(&request);
            let mut change = Change::of(View::of(self, asker).await?);
            if self.identity.has_email(&new.draft.account.email).await? {
                return Err(IdentityError::EmailTaken.into());
            }
            enroll(&mut change, &new.draft, Vec::new())?;
            let arn = change.view.organization.account_arn(&new.account.to_string());
            if change.commit(&mut request).await? {
                return Ok(Reply::new(operator::CreateAccountOutput {
                    account: shown(arn, new.draft.account),
                    access_key_id: new.access_key_id.to_string(),
                    secret_access_key: new.secret_access_key.expose().to_owned(),
                }));
            }
        }
        Err(OrganizationsError::Contended.into())
    }
}

#[async_trait]
impl Handle<operator::op::DescribeAccount> for Organizations {
    async fn handle(
        &self,
        request: Authorized<operator::DescribeAccountInput>,
    ) -> Result<Reply<operator::DescribeAccountOutput>, ErrorReply> {
        let id = AccountId::parse(&request.input().account_id).map_err(|_| IdentityError::NoSuchAccount)?;
        let account = self.identity.find_account(id).await?;
        let (organization, _) = self.organization().await?;
        let account = shown(organization.account_arn(&id.to_string()), account);
        Ok(Reply::new(operator::DescribeAccountOutput { account }))
    }
}

#[async_trait]
impl Handle<operator::op::ListAccounts> for Organizations {
    async fn handle(
        &self,
        request: Authorized<operator::ListAccountsInput>,
    ) -> Result<Reply<operator::ListAccountsOutput>, ErrorReply> {
        let limit = request.input().max_results.and_then(|n| usize::try_from(n).ok());
        let limit = limit.unwrap_or(limits::ACCOUNTS_PAGE).clamp(1, limits::ACCOUNTS_PAGE);
        // A token is the last account shown: account ids are no secret to those who may list them.
        let after = request.input().next_token.as_deref().map(AccountId::parse).transpose();
        let after = after.map_err(|_| IdentityError::NextToken)?;
        let (organization, _) = self.organization().await?;
        let mut accounts = self.identity.accounts(after, limit + 1).await?;
        let more = accounts.len() > limit;
        accounts.truncate(limit);
        let next_token = accounts.last().filter(|_| more).map(|last| last.id.to_string());
        let show = |account: Account| shown(organization.account_arn(&account.id.to_string()), account);
        let accounts = accounts.into_iter().map(show).collect();
        Ok(Reply::new(operator::ListAccountsOutput { accounts, next_token }))
    }
}
