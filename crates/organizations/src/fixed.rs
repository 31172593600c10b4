//! Operations that have one answer here. An installation is one organisation with all features, to which every account
//! belongs from its beginning to its end: there is nobody to invite, and nothing to be founded, left or deleted.

use strongroom_api_organizations::{
    AcceptHandshakeOutput, CancelHandshakeOutput, CreateOrganizationOutput, DeclineHandshakeOutput,
    DeleteOrganizationOutput, DescribeHandshakeOutput, EnableAllFeaturesOutput,
    HandshakeConstraintViolationExceptionReason as Handshake, InviteAccountToOrganizationOutput,
    ListHandshakesForAccountOutput, ListHandshakesForOrganizationOutput,
};

use crate::error::{Clash, Missing, OrganizationsError};

pub(crate) fn create_organization() -> Result<CreateOrganizationOutput, OrganizationsError> {
    Err(Clash::InOrganization.into())
}

pub(crate) fn delete_organization() -> Result<DeleteOrganizationOutput, OrganizationsError> {
    Err(Clash::OrganizationNotEmpty.into())
}

pub(crate) fn enable_all_features() -> Result<EnableAllFeaturesOutput, OrganizationsError> {
    let message = "The organization has all features already.";
    Err(OrganizationsError::Handshake(Handshake::OrganizationAlreadyHasAllFeatures, message))
}

pub(crate) fn invite_account_to_organization() -> Result<InviteAccountToOrganizationOutput, OrganizationsError>
{
    let message =
        "Every account of the installation is in the organization; make new ones with CreateAccount.";
    Err(OrganizationsError::Handshake(Handshake::AlreadyInAnOrganization, message))
}

pub(crate) fn accept_handshake() -> Result<AcceptHandshakeOutput, OrganizationsError> {
    Err(Missing::Handshake.into())
}

pub(crate) fn cancel_handshake() -> Result<CancelHandshakeOutput, OrganizationsError> {
    Err(Missing::Handshake.into())
}

pub(crate) fn decline_handshake() -> Result<DeclineHandshakeOutput, OrganizationsError> {
    Err(Missing::Handshake.into())
}

pub(crate) fn describe_handshake() -> Result<DescribeHandshakeOutput, OrganizationsError> {
    Err(Missing::Handshake.into())
}

#[expect(clippy::unnecessary_wraps, reason = "all of them have one form")]
pub(crate) fn list_handshakes_for_account() -> Result<ListHandshakesForAccountOutput, OrganizationsError> {
    Ok(ListHandshakesForAccountOutput { handshakes: Some(Vec::new()), next_token: None })
}

#[expect(clippy::unnecessary_wraps, reason = "all of them have one form")]
pub(crate) fn list_handshakes_for_organization()
-> Result<ListHandshakesForOrganizationOutput, OrganizationsError> {
    Ok(ListHandshakesForOrganizationOutput { handshakes: Some(Vec::new()), next_token: None })
}
