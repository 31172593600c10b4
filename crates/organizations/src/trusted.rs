//! Services that may work with the organisation (trusted access). Source: Organizations API Reference,
//! EnableAWSServiceAccess.

use strongroom_api_organizations as api;
use strongroom_api_organizations::InvalidInputExceptionReason as Input;

use crate::error::{OrganizationsError, input};
use crate::page::Page;
use crate::row::{self, SERVICES, ServiceRow, decode, suffix, time};
use crate::view::{Change, View};

/// Source: InvalidInputException, `UNRECOGNIZED_SERVICE_PRINCIPAL`.
pub(crate) fn check_principal(principal: &str) -> Result<(), OrganizationsError> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let name = principal.strip_suffix(".amazonaws.com").unwrap_or_default();
    if name.is_empty() || !name.bytes().all(good) {
        let message = "You specified an unrecognized service principal: name it as in config.amazonaws.com.";
        return Err(input(Input::UnrecognizedServicePrincipal, message));
    }
    Ok(())
}

/// Whether a service may work with the organisation.
pub(crate) async fn is_trusted(view: &View, principal: &str) -> Result<bool, OrganizationsError> {
    Ok(view.get::<ServiceRow>(&row::service(principal)).await?.is_some())
}

pub(crate) async fn enable_aws_service_access(
    change: &mut Change,
    input: &api::EnableAWSServiceAccessInput,
) -> Result<api::EnableAWSServiceAccessOutput, OrganizationsError> {
    check_principal(&input.service_principal)?;
    if !is_trusted(&change.view, &input.service_principal).await? {
        let enabled_millis = change.view.now.as_millis();
        change.put(row::service(&input.service_principal), &ServiceRow { enabled_millis });
        change.touch(change.view.organization.arn());
    }
    Ok(api::EnableAWSServiceAccessOutput {})
}

pub(crate) async fn disable_aws_service_access(
    change: &mut Change,
    input: &api::DisableAWSServiceAccessInput,
) -> Result<api::DisableAWSServiceAccessOutput, OrganizationsError> {
    check_principal(&input.service_principal)?;
    if is_trusted(&change.view, &input.service_principal).await? {
        change.delete(row::service(&input.service_principal));
        change.touch(change.view.organization.arn());
    }
    Ok(api::DisableAWSServiceAccessOutput {})
}

pub(crate) async fn list_aws_service_access_for_organization(
    view: &View,
    input: &api::ListAWSServiceAccessForOrganizationInput,
) -> Result<api::ListAWSServiceAccessForOrganizationOutput, OrganizationsError> {
    let page = Page::of(input.next_token.as_deref(), input.max_results)?;
    let cut = page
        .rows(view, SERVICES, |entry| {
            let row: ServiceRow = decode(&entry.row.value)?;
            let service_principal = Some(suffix(SERVICES, entry)?);
            let date_enabled = time(row.enabled_millis);
            Ok(Some(api::EnabledServicePrincipal { service_principal, date_enabled }))
        })
        .await?;
    Ok(api::ListAWSServiceAccessForOrganizationOutput {
        enabled_service_principals: Some(cut.items),
        next_token: cut.next_token,
    })
}
