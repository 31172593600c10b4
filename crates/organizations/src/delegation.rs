//! Delegated administrators. Source: Organizations API Reference.

use strongroom_api_organizations as api;
use strongroom_api_organizations::ConstraintViolationExceptionReason as Constraint;

use crate::account;
use crate::error::{Clash, OrganizationsError, limit};
use crate::limits;
use crate::page::Page;
use crate::row::{self, DELEGATIONS, DelegatedServiceRow, DelegationRow, account_of, decode, time};
use crate::trusted::{check_principal, is_trusted};
use crate::view::{Change, View};

fn constraint(reason: Constraint, message: &str) -> OrganizationsError {
    OrganizationsError::Constraint(reason, message.to_owned())
}

pub(crate) async fn register_delegated_administrator(
    change: &mut Change,
    input: &api::RegisterDelegatedAdministratorInput,
) -> Result<api::RegisterDelegatedAdministratorOutput, OrganizationsError> {
    let (view, principal) = (&change.view, &input.service_principal);
    check_principal(principal)?;
    let member = view.account(&input.account_id).await?;
    if view.is_management(&member.id) {
        let message = "Only a member account can be a delegated administrator.";
        return Err(constraint(Constraint::CannotRegisterMasterAsDelegatedAdministrator, message));
    }
    if member.closed_millis.is_some() {
        let message = "An account that is closed can't be a delegated administrator.";
        return Err(constraint(Constraint::CannotRegisterSuspendedAccountAsDelegatedAdministrator, message));
    }
    if !is_trusted(view, principal).await? {
        let message = "Enable trusted access for the service (EnableAWSServiceAccess) first.";
        return Err(constraint(Constraint::ServiceAccessNotEnabled, message));
    }
    let (account, now) = (member.account()?, view.now.as_millis());
    let found = view.delegation(account).await?;
    let mut row = found.unwrap_or_else(|| DelegationRow { since_millis: now, services: Vec::new() });
    if row.services.iter().any(|service| service.principal == *principal) {
        return Err(Clash::Registered.into());
    }
    if row.services.len() >= limits::DELEGATED_SERVICES {
        let reason = Constraint::MaxDelegatedAdministratorsForServiceLimitExceeded;
        return Err(limit(reason, limits::DELEGATED_SERVICES, "services that one account administers"));
    }
    row.services.push(DelegatedServiceRow { principal: principal.clone(), since_millis: now });
    change.put(row::delegation(account), &row);
    change.touch(change.view.organization.account_arn(&member.id));
    Ok(api::RegisterDelegatedAdministratorOutput {})
}

pub(crate) async fn deregister_delegated_administrator(
    change: &mut Change,
    input: &api::DeregisterDelegatedAdministratorInput,
) -> Result<api::DeregisterDelegatedAdministratorOutput, OrganizationsError> {
    check_principal(&input.service_principal)?;
    let member = change.view.account(&input.account_id).await?;
    let account = member.account()?;
    let mut row = change.view.delegation(account).await?.ok_or(Clash::NotRegistered)?;
    let before = row.services.len();
    row.services.retain(|service| service.principal != input.service_principal);
    if row.services.len() == before {
        return Err(Clash::NotRegistered.into());
    }
    if row.services.is_empty() {
        change.delete(row::delegation(account));
    } else {
        change.put(row::delegation(account), &row);
    }
    change.touch(change.view.organization.account_arn(&member.id));
    Ok(api::DeregisterDelegatedAdministratorOutput {})
}

pub(crate) async fn list_delegated_administrators(
    view: &View,
    input: &api::ListDelegatedAdministratorsInput,
) -> Result<api::ListDelegatedAdministratorsOutput, OrganizationsError> {
    let page = Page::of(input.next_token.as_deref(), input.max_results)?;
    let cut = page
        .rows(view, DELEGATIONS, |entry| {
            let row: DelegationRow = decode(&entry.row.value)?;
            let asked = |name: &String| row.services.iter().any(|service| service.principal == *name);
            let wanted = input.service_principal.as_ref().is_none_or(asked);
            Ok(if wanted { Some((account_of(entry)?, row)) } else { None })
        })
        .await?;
    let mut administrators = Vec::with_capacity(cut.items.len());
    for (account, row) in cut.items {
        let member = view.account(&account.to_string()).await?;
        let shown = account::shape(view, &member).await?;
        administrators.push(api::DelegatedAdministrator {
            id: shown.id,
            arn: shown.arn,
            email: shown.email,
            name: shown.name,
            status: shown.status,
            state: shown.state,
            joined_method: shown.joined_method,
            joined_timestamp: shown.joined_timestamp,
            delegation_enabled_date: time(row.since_millis),
        });
    }
    Ok(api::ListDelegatedAdministratorsOutput {
        delegated_administrators: Some(administrators),
        next_token: cut.next_token,
    })
}

pub(crate) async fn list_delegated_services_for_account(
    view: &View,
    input: &api::ListDelegatedServicesForAccountInput,
) -> Result<api::ListDelegatedServicesForAccountOutput, OrganizationsError> {
    let page = Page::of(input.next_token.as_deref(), input.max_results)?;
    let member = view.account(&input.account_id).await?;
    let row = view.delegation(member.account()?).await?.ok_or(Clash::NotRegistered)?;
    let cut = page.cut(row.services, |service| service.principal.clone());
    let shape = |service: DelegatedServiceRow| api::DelegatedService {
        service_principal: Some(service.principal),
        delegation_enabled_date: time(service.since_millis),
    };
    Ok(api::ListDelegatedServicesForAccountOutput {
        delegated_services: Some(cut.items.into_iter().map(shape).collect()),
        next_token: cut.next_token,
    })
}
