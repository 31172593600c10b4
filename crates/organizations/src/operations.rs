//! Which function does which operation.
//!
//! What reads gets a [`View`], what changes gets a [`Change`], which is committed when the function returns, or made anew
//! if the organisation was changed meanwhile. What has one answer here, whatever is asked, reads nothing.

use async_trait::async_trait;
use strongroom_api_organizations::op;
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};
use strongroom_shape::Operation;

use crate::error::OrganizationsError;
use crate::view::{Change, View, asker};
use crate::{
    Organizations, account, attachment, delegation, effective, fixed, limits, organization, policy,
    policy_type, resource_policy, tag, trusted, unit,
};

type Input<O> = <O as Operation>::Input;
type Output<O> = <O as Operation>::Output;

macro_rules! fixed {
    ($($operation:ident => $function:path,)*) => {$(
        #[async_trait]
        impl Handle<op::$operation> for Organizations {
            async fn handle(
                &self,
                _request: Authorized<Input<op::$operation>>,
            ) -> Result<Reply<Output<op::$operation>>, ErrorReply> {
                Ok(Reply::new($function()?))
            }
        }
    )*};
}

macro_rules! reads {
    ($($operation:ident => $function:path,)*) => {$(
        #[async_trait]
        impl Handle<op::$operation> for Organizations {
            async fn handle(
                &self,
                request: Authorized<Input<op::$operation>>,
            ) -> Result<Reply<Output<op::$operation>>, ErrorReply> {
                let asker = asker(&request);
                let view = View::of(self, asker).await?;
                Ok(Reply::new($function(&view, request.input()).await?))
            }
        }
    )*};
}

macro_rules! changes {
    ($($operation:ident => $function:path,)*) => {$(
        #[async_trait]
        impl Handle<op::$operation> for Organizations {
            async fn handle(
                &self,
                mut request: Authorized<Input<op::$operation>>,
            ) -> Result<Reply<Output<op::$operation>>, ErrorReply> {
                for _ in 0..limits::MAX_TRIES {
                    let _turn = self.turn.lock().await;
                    let asker = asker(&request);
                    let mut change = Change::of(View::of(self, asker).await?);
                    let output = $function(&mut change, request.input()).await?;
                    if change.commit(&mut request).await? {
                        return Ok(Reply::new(output));
                    }
                }
                Err(OrganizationsError::Contended.into())
            }
        }
    )*};
}

fixed! {
    AcceptHandshake => fixed::accept_handshake,
    CancelHandshake => fixed::cancel_handshake,
    CreateOrganization => fixed::create_organization,
    DeclineHandshake => fixed::decline_handshake,
    DeleteOrganization => fixed::delete_organization,
    DescribeHandshake => fixed::describe_handshake,
    EnableAllFeatures => fixed::enable_all_features,
    InviteAccountToOrganization => fixed::invite_account_to_organization,
    ListHandshakesForAccount => fixed::list_handshakes_for_account,
    ListHandshakesForOrganization => fixed::list_handshakes_for_organization,
}

reads! {
    DescribeAccount => account::describe_account,
    DescribeCreateAccountStatus => account::describe_create_account_status,
    DescribeEffectivePolicy => effective::describe_effective_policy,
    DescribeOrganization => organization::describe_organization,
    DescribeOrganizationalUnit => unit::describe_organizational_unit,
    DescribePolicy => policy::describe_policy,
    LeaveOrganization => organization::leave_organization,
    ListAWSServiceAccessForOrganization => trusted::list_aws_service_access_for_organization,
    ListAccounts => account::list_accounts,
    ListAccountsForParent => account::list_accounts_for_parent,
    ListAccountsWithInvalidEffectivePolicy => effective::list_accounts_with_invalid_effective_policy,
    ListChildren => unit::list_children,
    ListCreateAccountStatus => account::list_create_account_status,
    ListDelegatedAdministrators => delegation::list_delegated_administrators,
    ListDelegatedServicesForAccount => delegation::list_delegated_services_for_account,
    ListEffectivePolicyValidationErrors => effective::list_effective_policy_validation_errors,
    ListOrganizationalUnitsForParent => unit::list_organizational_units_for_parent,
    ListParents => unit::list_parents,
    ListPolicies => policy::list_policies,
    ListPoliciesForTarget => attachment::list_policies_for_target,
    ListRoots => organization::list_roots,
    ListTagsForResource => tag::list_tags_for_resource,
    ListTargetsForPolicy => attachment::list_targets_for_policy,
    RemoveAccountFromOrganization => organization::remove_account_from_organization,
}

changes! {
    AttachPolicy => attachment::attach_policy,
    CloseAccount => account::close_account,
    CreateOrganizationalUnit => unit::create_organizational_unit,
    CreatePolicy => policy::create_policy,
    DeleteOrganizationalUnit => unit::delete_organizational_unit,
    DeletePolicy => policy::delete_policy,
    DeleteResourcePolicy => resource_policy::delete_resource_policy,
    DeregisterDelegatedAdministrator => delegation::deregister_delegated_administrator,
    DetachPolicy => attachment::detach_policy,
    DisableAWSServiceAccess => trusted::disable_aws_service_access,
    DisablePolicyType => policy_type::disable_policy_type,
    EnableAWSServiceAccess => trusted::enable_aws_service_access,
    EnablePolicyType => policy_type::enable_policy_type,
    MoveAccount => account::move_account,
    RegisterDelegatedAdministrator => delegation::register_delegated_administrator,
    TagResource => tag::tag_resource,
    UntagResource => tag::untag_resource,
    UpdateOrganizationalUnit => unit::update_organizational_unit,
    UpdatePolicy => policy::update_policy,
}
