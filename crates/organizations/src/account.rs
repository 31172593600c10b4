//! Accounts as members: lists, moving, closing, and what became of requests to make them. Source: Organizations API
//! Reference.

use strongroom_api_organizations as api;
use strongroom_api_organizations::ConstraintViolationExceptionReason as Constraint;

use crate::error::{Clash, Missing, OrganizationsError};
use crate::node::Node;
use crate::page::Page;
use crate::row::{self, ChildKind, MEMBERS, MemberRow, STATUSES, StatusRow, decode, time};
use crate::unit::children;
use crate::view::{Change, View};

/// State and, as it was called before, status. Closing an account is done at once; nothing of it is deleted later.
pub(crate) fn state(member: &MemberRow) -> (api::AccountState, api::AccountStatus) {
    match member.closed_millis {
        Some(_) => (api::AccountState::Suspended, api::AccountStatus::Suspended),
        None => (api::AccountState::Active, api::AccountStatus::Active),
    }
}

/// An account as answers show it. One that was made without a name has its e-mail address for one, since tools rely on a
/// name.
pub(crate) async fn shape(view: &View, member: &MemberRow) -> Result<api::Account, OrganizationsError> {
    let account = view.account_of(member).await?;
    let (state, status) = state(member);
    let path = format!("{}{}/", view.entity_path(&member.parent).await?, member.id);
    Ok(api::Account {
        id: Some(member.id.clone()),
        arn: Some(view.organization.account_arn(&member.id)),
        name: Some(account.name.unwrap_or_else(|| account.email.clone())),
        email: Some(account.email),
        status: Some(status),
        state: Some(state),
        paths: Some(vec![path]),
        joined_method: Some(api::AccountJoinedMethod::Created),
        joined_timestamp: time(member.joined_millis),
    })
}

pub(crate) async fn describe_account(
    view: &View,
    input: &api::DescribeAccountInput,
) -> Result<api::DescribeAccountOutput, OrganizationsError> {
    let member = view.account(&input.account_id).await?;
    Ok(api::DescribeAccountOutput { account: Some(Box::new(shape(view, &member).await?)) })
}

pub(crate) async fn list_accounts(
    view: &View,
    input: &api::ListAccountsInput,
) -> Result<api::ListAccountsOutput, OrganizationsError> {
    let page = Page::of(input.next_token.as_deref(), input.max_results)?;
    let cut = page.rows(view, MEMBERS, |entry| decode::<MemberRow>(&entry.row.value).map(Some)).await?;
    let mut accounts = Vec::with_capacity(cut.items.len());
    for member in &cut.items {
        accounts.push(shape(view, member).await?);
    }
    Ok(api::ListAccountsOutput { accounts: Some(accounts), next_token: cut.next_token })
}

pub(crate) async fn list_accounts_for_parent(
    view: &View,
    input: &api::ListAccountsForParentInput,
) -> Result<api::ListAccountsForParentOutput, OrganizationsError> {
    let page = Page::of(input.next_token.as_deref(), input.max_results)?;
    let cut = children(view, &input.parent_id, ChildKind::Account, &page).await?;
    let mut accounts = Vec::with_capacity(cut.items.len());
    for id in &cut.items {
        accounts.push(shape(view, &view.account(id).await?).await?);
    }
    Ok(api::ListAccountsForParentOutput { accounts: Some(accounts), next_token: cut.next_token })
}

pub(crate) async fn move_account(
    change: &mut Change,
    input: &api::MoveAccountInput,
) -> Result<api::MoveAccountOutput, OrganizationsError> {
    let view = &change.view;
    let mut member = view.account(&input.account_id).await?;
    if member.parent != input.source_parent_id {
        return Err(Missing::SourceParent.into());
    }
    if !view.has_parent(&input.destination_parent_id).await? {
        return Err(Missing::DestinationParent.into());
    }
    if member.parent == input.destination_parent_id {
        return Err(Clash::AccountThere.into());
    }
    change.delete(row::child(&member.parent, ChildKind::Account, &member.id));
    member.parent.clone_from(&input.destination_parent_id);
    change.mark(row::child(&member.parent, ChildKind::Account, &member.id));
    change.save(&Node::Account(member))?;
    Ok(api::MoveAccountOutput {})
}

/// From now on the account's credentials are refused, and nobody reaches what it has; nothing is deleted.
pub(crate) async fn close_account(
    change: &mut Change,
    input: &api::CloseAccountInput,
) -> Result<api::CloseAccountOutput, OrganizationsError> {
    let mut member = change.view.account(&input.account_id).await?;
    if change.view.is_management(&member.id) {
        let message = "The management account can't be closed.";
        return Err(OrganizationsError::Constraint(
            Constraint::CannotCloseManagementAccount,
            message.to_owned(),
        ));
    }
    if member.closed_millis.is_some() {
        return Err(Clash::AccountClosed.into());
    }
    member.closed_millis = Some(change.view.now.as_millis());
    change.save(&Node::Account(member))?;
    Ok(api::CloseAccountOutput {})
}

/// A request to make an account, as answers show it. All have ended: making an account is done at once.
pub(crate) fn status(row: StatusRow) -> api::CreateAccountStatus {
    let failure_reason = row.failure.as_deref().and_then(api::CreateAccountFailureReason::parse);
    let state = match &row.account {
        Some(_) => api::CreateAccountState::Succeeded,
        None => api::CreateAccountState::Failed,
    };
    api::CreateAccountStatus {
        id: Some(row.id),
        account_name: Some(row.name),
        state: Some(state),
        requested_timestamp: time(row.requested_millis),
        completed_timestamp: time(row.requested_millis),
        account_id: row.account,
        gov_cloud_account_id: None,
        failure_reason,
    }
}

pub(crate) async fn describe_create_account_status(
    view: &View,
    input: &api::DescribeCreateAccountStatusInput,
) -> Result<api::DescribeCreateAccountStatusOutput, OrganizationsError> {
    let row: Option<StatusRow> = view.get(&row::status(&input.create_account_request_id)).await?;
    let status = status(row.ok_or(Missing::Status)?);
    Ok(api::DescribeCreateAccountStatusOutput { create_account_status: Some(Box::new(status)) })
}

pub(crate) async fn list_create_account_status(
    view: &View,
    input: &api::ListCreateAccountStatusInput,
) -> Result<api::ListCreateAccountStatusOutput, OrganizationsError> {
    let page = Page::of(input.next_token.as_deref(), input.max_results)?;
    let cut = page
        .rows(view, STATUSES, |entry| {
            let status = status(decode(&entry.row.value)?);
            let wanted =
                input.states.as_ref().is_none_or(|states| states.iter().any(|s| Some(*s) == status.state));
            Ok(wanted.then_some(status))
        })
        .await?;
    Ok(api::ListCreateAccountStatusOutput {
        create_account_statuses: Some(cut.items),
        next_token: cut.next_token,
    })
}
