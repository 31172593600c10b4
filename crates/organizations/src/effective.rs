//! Policies in effect for an account. Source: Organizations API Reference.

use strongroom_api_organizations as api;
use strongroom_api_organizations::InvalidInputExceptionReason as Input;
use strongroom_types::AccountId;

use crate::error::{Missing, OrganizationsError, input};
use crate::kind::PolicyKind;
use crate::row::time;
use crate::view::View;

/// Source: DescribeEffectivePolicy, `TargetId`: "Specifying an organization root or organizational unit (OU) as the target
/// is not supported."
pub(crate) async fn describe_effective_policy(
    view: &View,
    asked: &api::DescribeEffectivePolicyInput,
) -> Result<api::DescribeEffectivePolicyOutput, OrganizationsError> {
    let id = match &asked.target_id {
        Some(id) => id.clone(),
        None => view.own_account()?.to_string(),
    };
    if AccountId::parse(&id).is_err() {
        return Err(input(
            Input::TargetNotSupported,
            "Specify an account: roots and units are not supported.",
        ));
    }
    let member = view.member(&id).await?.ok_or(Missing::Target)?;
    if asked.policy_type.and_then(PolicyKind::of_effective).is_none() {
        return Err(Missing::EffectivePolicy.into());
    }
    let path = view.path(&member.parent).await?;
    let nodes = view.organizations.nodes(&path, member).await?;
    let effective = view.organizations.effective(&view.organization, &nodes).await?;
    let effective = effective.ok_or(Missing::EffectivePolicy)?;
    Ok(api::DescribeEffectivePolicyOutput {
        effective_policy: Some(Box::new(api::EffectivePolicy {
            policy_content: Some(effective.content()),
            last_updated_timestamp: time(effective.changed_millis),
            target_id: Some(id),
            policy_type: asked.policy_type,
        })),
    })
}

/// A policy that is not valid is not taken, and valid ones always merge.
#[expect(clippy::unused_async, reason = "all that read have one form")]
pub(crate) async fn list_accounts_with_invalid_effective_policy(
    _view: &View,
    asked: &api::ListAccountsWithInvalidEffectivePolicyInput,
) -> Result<api::ListAccountsWithInvalidEffectivePolicyOutput, OrganizationsError> {
    Ok(api::ListAccountsWithInvalidEffectivePolicyOutput {
        accounts: Some(Vec::new()),
        policy_type: asked.policy_type,
        next_token: None,
    })
}

/// As [`list_accounts_with_invalid_effective_policy`].
pub(crate) async fn list_effective_policy_validation_errors(
    view: &View,
    asked: &api::ListEffectivePolicyValidationErrorsInput,
) -> Result<api::ListEffectivePolicyValidationErrorsOutput, OrganizationsError> {
    let member = view.account(&asked.account_id).await?;
    let path = format!("{}{}/", view.entity_path(&member.parent).await?, member.id);
    Ok(api::ListEffectivePolicyValidationErrorsOutput {
        account_id: Some(member.id),
        policy_type: asked.policy_type,
        path: Some(path),
        evaluation_timestamp: Some(view.now),
        next_token: None,
        effective_policy_validation_errors: Some(Vec::new()),
    })
}
