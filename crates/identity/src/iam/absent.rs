//! Lists of what this store does not keep: they are empty, as they are in most accounts of AWS, and tools that ask go on.

use strongroom_api_iam as api;

use super::error::IamError;
use super::row::UserRow;
use super::view::View;

/// A user that a request names must be there, even if nothing is asked of it.
async fn check_user(view: &View, name: Option<&str>) -> Result<(), IamError> {
    if let Some(name) = name {
        view.named::<UserRow>(name).await?;
    }
    Ok(())
}

pub(crate) fn list_saml_providers(
    _view: &View,
    _input: &api::ListSAMLProvidersInput,
) -> api::ListSAMLProvidersOutput {
    api::ListSAMLProvidersOutput { saml_provider_list: Some(Vec::new()) }
}

pub(crate) fn list_server_certificates(
    _view: &View,
    _input: &api::ListServerCertificatesInput,
) -> api::ListServerCertificatesOutput {
    api::ListServerCertificatesOutput {
        server_certificate_metadata_list: Vec::new(),
        is_truncated: Some(false),
        marker: None,
    }
}

pub(crate) async fn list_signing_certificates(
    view: &View,
    input: &api::ListSigningCertificatesInput,
) -> Result<api::ListSigningCertificatesOutput, IamError> {
    check_user(view, input.user_name.as_deref()).await?;
    Ok(api::ListSigningCertificatesOutput {
        certificates: Vec::new(),
        is_truncated: Some(false),
        marker: None,
    })
}

pub(crate) async fn list_ssh_public_keys(
    view: &View,
    input: &api::ListSSHPublicKeysInput,
) -> Result<api::ListSSHPublicKeysOutput, IamError> {
    check_user(view, input.user_name.as_deref()).await?;
    Ok(api::ListSSHPublicKeysOutput {
        ssh_public_keys: Some(Vec::new()),
        is_truncated: Some(false),
        marker: None,
    })
}

pub(crate) async fn list_service_specific_credentials(
    view: &View,
    input: &api::ListServiceSpecificCredentialsInput,
) -> Result<api::ListServiceSpecificCredentialsOutput, IamError> {
    check_user(view, input.user_name.as_deref()).await?;
    Ok(api::ListServiceSpecificCredentialsOutput {
        service_specific_credentials: Some(Vec::new()),
        marker: None,
        is_truncated: Some(false),
    })
}
