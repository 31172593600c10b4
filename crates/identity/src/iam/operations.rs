//! Which function does which operation.
//!
//! What reads gets a [`View`], what changes gets a [`Change`], which is committed when the function returns, or made
//! anew if the account's identities were changed meanwhile.

use async_trait::async_trait;
use strongroom_api_iam::op;
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};
use strongroom_shape::Operation;

use super::error::IamError;
use super::view::{Change, View};
use super::{
    absent, access, access_key, attachment, boundary, details, group, inline, instance_profile, limits,
    login_profile, mfa, oidc, policies, policy, report, role, service_role, settings, simulate, tag, user,
};
use crate::Identity;

type Input<O> = <O as Operation>::Input;
type Output<O> = <O as Operation>::Output;

/// What a function answers. Those that read no rows answer at once, and some of them always.
macro_rules! answer {
    (@now $function:path, $account:expr, $input:expr) => {
        $function($account, $input)
    };
    (@check $function:path, $account:expr, $input:expr) => {
        $function($account, $input)?
    };
    ($function:path, $account:expr, $input:expr) => {
        $function($account, $input).await?
    };
}

macro_rules! reads {
    ($($operation:ident => $(@$now:ident)? $function:path,)*) => {$(
        #[async_trait]
        impl Handle<op::$operation> for Identity {
            async fn handle(
                &self,
                request: Authorized<Input<op::$operation>>,
            ) -> Result<Reply<Output<op::$operation>>, ErrorReply> {
                let view = View::of(self, &request)?;
                Ok(Reply::new(answer!($(@$now)? $function, &view, request.input())))
            }
        }
    )*};
}

macro_rules! changes {
    ($($operation:ident => $(@$now:ident)? $function:path,)*) => {$(
        #[async_trait]
        impl Handle<op::$operation> for Identity {
            async fn handle(
                &self,
                mut request: Authorized<Input<op::$operation>>,
            ) -> Result<Reply<Output<op::$operation>>, ErrorReply> {
                // The turn lasts for all tries: a decision that is made anew then holds until its change is committed.
                let _turn = self.turns.turn(View::of(self, &request)?.account).await;
                for _ in 0..limits::MAX_TRIES {
                    let view = View::of(self, &request)?;
                    let mut change = Change::of(view).await?;
                    let output = answer!($(@$now)? $function, &mut change, request.input());
                    if change.commit(&mut request).await? {
                        return Ok(Reply::new(output));
                    }
                }
                Err(IamError::Contended.into())
            }
        }
    )*};
}

reads! {
    GetAccessKeyLastUsed => access_key::get_access_key_last_used,
    GetAccountAuthorizationDetails => details::get_account_authorization_details,
    GetAccountPasswordPolicy => settings::get_account_password_policy,
    GetAccountSummary => settings::get_account_summary,
    GetContextKeysForCustomPolicy => @check simulate::get_context_keys_for_custom_policy,
    GetContextKeysForPrincipalPolicy => simulate::get_context_keys_for_principal_policy,
    GetCredentialReport => report::get_credential_report,
    GetGroup => group::get_group,
    GetGroupPolicy => inline::get_group_policy,
    GetInstanceProfile => instance_profile::get_instance_profile,
    GetLoginProfile => login_profile::get_login_profile,
    GetMFADevice => mfa::get_mfa_device,
    GetOpenIDConnectProvider => oidc::get_openid_connect_provider,
    GetPolicy => policy::get_policy,
    GetPolicyVersion => policy::get_policy_version,
    GetRole => role::get_role,
    GetRolePolicy => inline::get_role_policy,
    GetServiceLastAccessedDetails => access::get_service_last_accessed_details,
    GetServiceLastAccessedDetailsWithEntities => access::get_service_last_accessed_details_with_entities,
    GetServiceLinkedRoleDeletionStatus => @check service_role::get_service_linked_role_deletion_status,
    GetUser => user::get_user,
    GetUserPolicy => inline::get_user_policy,
    ListAccessKeys => access_key::list_access_keys,
    ListAccountAliases => settings::list_account_aliases,
    ListAttachedGroupPolicies => attachment::list_attached_group_policies,
    ListAttachedRolePolicies => attachment::list_attached_role_policies,
    ListAttachedUserPolicies => attachment::list_attached_user_policies,
    ListEntitiesForPolicy => policies::list_entities_for_policy,
    ListGroupPolicies => inline::list_group_policies,
    ListGroups => group::list_groups,
    ListGroupsForUser => group::list_groups_for_user,
    ListInstanceProfileTags => tag::list_instance_profile_tags,
    ListInstanceProfiles => instance_profile::list_instance_profiles,
    ListInstanceProfilesForRole => instance_profile::list_instance_profiles_for_role,
    ListMFADeviceTags => mfa::list_mfa_device_tags,
    ListMFADevices => mfa::list_mfa_devices,
    ListOpenIDConnectProviderTags => oidc::list_openid_connect_provider_tags,
    ListOpenIDConnectProviders => oidc::list_openid_connect_providers,
    ListPolicies => policies::list_policies,
    ListPoliciesGrantingServiceAccess => access::list_policies_granting_service_access,
    ListPolicyTags => tag::list_policy_tags,
    ListPolicyVersions => policy::list_policy_versions,
    ListRolePolicies => inline::list_role_policies,
    ListRoleTags => tag::list_role_tags,
    ListRoles => role::list_roles,
    ListSAMLProviders => @now absent::list_saml_providers,
    ListSSHPublicKeys => absent::list_ssh_public_keys,
    ListServerCertificates => @now absent::list_server_certificates,
    ListServiceSpecificCredentials => absent::list_service_specific_credentials,
    ListSigningCertificates => absent::list_signing_certificates,
    ListUserPolicies => inline::list_user_policies,
    ListUserTags => tag::list_user_tags,
    ListUsers => user::list_users,
    ListVirtualMFADevices => mfa::list_virtual_mfa_devices,
}

changes! {
    AddClientIDToOpenIDConnectProvider => oidc::add_client_id,
    AddRoleToInstanceProfile => instance_profile::add_role_to_instance_profile,
    AddUserToGroup => group::add_user_to_group,
    AttachGroupPolicy => attachment::attach_group_policy,
    AttachRolePolicy => attachment::attach_role_policy,
    AttachUserPolicy => attachment::attach_user_policy,
    ChangePassword => login_profile::change_password,
    CreateGroup => group::create_group,
    CreateInstanceProfile => instance_profile::create_instance_profile,
    CreateLoginProfile => login_profile::create_login_profile,
    CreateOpenIDConnectProvider => oidc::create_openid_connect_provider,
    CreatePolicy => policy::create_policy,
    CreatePolicyVersion => policy::create_policy_version,
    CreateRole => role::create_role,
    CreateServiceLinkedRole => service_role::create_service_linked_role,
    CreateUser => user::create_user,
    CreateVirtualMFADevice => mfa::create_virtual_mfa_device,
    DeactivateMFADevice => mfa::deactivate_mfa_device,
    DeleteAccountPasswordPolicy => settings::delete_account_password_policy,
    DeleteGroup => group::delete_group,
    DeleteGroupPolicy => inline::delete_group_policy,
    DeleteInstanceProfile => instance_profile::delete_instance_profile,
    DeleteLoginProfile => login_profile::delete_login_profile,
    DeleteOpenIDConnectProvider => oidc::delete_openid_connect_provider,
    DeletePolicy => policy::delete_policy,
    DeletePolicyVersion => policy::delete_policy_version,
    DeleteRole => role::delete_role,
    DeleteRolePermissionsBoundary => boundary::delete_role_permissions_boundary,
    DeleteRolePolicy => inline::delete_role_policy,
    DeleteServiceLinkedRole => service_role::delete_service_linked_role,
    DeleteUser => user::delete_user,
    DeleteUserPermissionsBoundary => boundary::delete_user_permissions_boundary,
    DeleteUserPolicy => inline::delete_user_policy,
    DeleteVirtualMFADevice => mfa::delete_virtual_mfa_device,
    DetachGroupPolicy => attachment::detach_group_policy,
    DetachRolePolicy => attachment::detach_role_policy,
    DetachUserPolicy => attachment::detach_user_policy,
    EnableMFADevice => mfa::enable_mfa_device,
    GenerateCredentialReport => report::generate_credential_report,
    PutGroupPolicy => inline::put_group_policy,
    PutRolePermissionsBoundary => boundary::put_role_permissions_boundary,
    PutRolePolicy => inline::put_role_policy,
    PutUserPermissionsBoundary => boundary::put_user_permissions_boundary,
    PutUserPolicy => inline::put_user_policy,
    RemoveClientIDFromOpenIDConnectProvider => oidc::remove_client_id,
    RemoveRoleFromInstanceProfile => instance_profile::remove_role_from_instance_profile,
    RemoveUserFromGroup => group::remove_user_from_group,
    ResyncMFADevice => mfa::resync_mfa_device,
    SetDefaultPolicyVersion => policy::set_default_policy_version,
    SetSecurityTokenServicePreferences => @now settings::set_security_token_service_preferences,
    TagInstanceProfile => tag::tag_instance_profile,
    TagMFADevice => mfa::tag_mfa_device,
    TagOpenIDConnectProvider => oidc::tag_openid_connect_provider,
    TagPolicy => tag::tag_policy,
    TagRole => tag::tag_role,
    TagUser => tag::tag_user,
    UntagInstanceProfile => tag::untag_instance_profile,
    UntagMFADevice => mfa::untag_mfa_device,
    UntagOpenIDConnectProvider => oidc::untag_openid_connect_provider,
    UntagPolicy => tag::untag_policy,
    UntagRole => tag::untag_role,
    UntagUser => tag::untag_user,
    UpdateAccountPasswordPolicy => @now settings::update_account_password_policy,
    UpdateAssumeRolePolicy => role::update_assume_role_policy,
    UpdateGroup => group::update_group,
    UpdateLoginProfile => login_profile::update_login_profile,
    UpdateOpenIDConnectProviderThumbprint => oidc::update_thumbprint,
    UpdateRole => role::update_role,
    UpdateRoleDescription => role::update_role_description,
    UpdateUser => user::update_user,
}
