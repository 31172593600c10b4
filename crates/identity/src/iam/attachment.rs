//! Managed policies attached to users, groups and roles.

use strongroom_api_iam as api;
use strongroom_types::Arn;

use super::entity::Holder;
use super::error::{IamError, Missing};
use super::page::{Cut, Page};
use super::row::{self, GroupRow, RoleRow, UserRow};
use super::view::{Change, View};
use super::{limits, policy};

/// Attaches a policy; one that is attached already stays so.
pub(crate) async fn attach<E: Holder>(change: &mut Change, name: &str, arn: &str) -> Result<(), IamError> {
    let mut entity: E = change.changeable(name).await?;
    let policy = policy::resolve(&change.view, arn).await?;
    let policy = policy.ok_or_else(|| IamError::NoSuch(Missing::Attachable(arn.to_owned())))?;
    if !policy.is_attachable() {
        return Err(IamError::NotAttachable);
    }
    hang(change, &mut entity, arn)
}

/// Hangs a policy on an entity, whoever may do so.
pub(crate) fn hang<E: Holder>(change: &mut Change, entity: &mut E, arn: &str) -> Result<(), IamError> {
    if entity.held().attached.iter().any(|attached| attached == arn) {
        return Ok(());
    }
    if entity.held().attached.len() >= limits::ATTACHED_POLICIES {
        return Err(IamError::Limit { quota: E::ATTACHED_QUOTA, limit: limits::ATTACHED_POLICIES });
    }
    change.mark(row::attachment(arn, &entity.core().id));
    change.touch(arn.to_owned());
    entity.held_mut().attached.push(arn.to_owned());
    change.save(entity);
    Ok(())
}

async fn detach<E: Holder>(change: &mut Change, name: &str, arn: &str) -> Result<(), IamError> {
    let mut entity: E = change.changeable(name).await?;
    let before = entity.held().attached.len();
    entity.held_mut().attached.retain(|attached| attached != arn);
    if entity.held().attached.len() == before {
        return Err(IamError::NoSuch(Missing::Policy(arn.to_owned())));
    }
    change.delete(row::attachment(arn, &entity.core().id));
    change.touch(arn.to_owned());
    change.save(&entity);
    Ok(())
}

/// The name and the path that a policy's ARN ends with.
fn name_and_path(arn: &str) -> (String, String) {
    let resource = Arn::parse(arn).map(|arn| arn.resource().to_owned()).unwrap_or_default();
    let rest = resource.strip_prefix("policy").unwrap_or_default();
    let (path, name) = rest.rsplit_once('/').unwrap_or(("", rest));
    (name.to_owned(), format!("{path}/"))
}

/// As answers show an attached policy.
pub(crate) fn shape(arn: &str) -> api::AttachedPolicy {
    api::AttachedPolicy { policy_name: Some(name_and_path(arn).0), policy_arn: Some(arn.to_owned()) }
}

async fn list<E: Holder>(
    view: &View,
    name: &str,
    path_prefix: Option<&str>,
    page: &Page,
) -> Result<Cut<api::AttachedPolicy>, IamError> {
    let entity: E = view.named(name).await?;
    let mut attached = entity.held().attached.clone();
    attached.retain(|arn| path_prefix.is_none_or(|prefix| name_and_path(arn).1.starts_with(prefix)));
    // A policy of AWS's may have the name of one of the customer's.
    let key = |arn: &String| {
        let owner = if arn.starts_with("arn:aws:iam::aws:") { 'a' } else { 'c' };
        format!("{}/{owner}", name_and_path(arn).0)
    };
    Ok(page.cut(attached, key).map(|arn| shape(&arn)))
}

macro_rules! attachments {
    ($($row:ty, $name:ident: $attach:ident $attach_in:ident $attach_out:ident, $detach:ident $detach_in:ident
        $detach_out:ident, $list:ident $list_in:ident $list_out:ident;)*) => {$(
        pub(crate) async fn $attach(
            change: &mut Change,
            input: &api::$attach_in,
        ) -> Result<api::$attach_out, IamError> {
            attach::<$row>(change, &input.$name, &input.policy_arn).await?;
            Ok(api::$attach_out {})
        }

        pub(crate) async fn $detach(
            change: &mut Change,
            input: &api::$detach_in,
        ) -> Result<api::$detach_out, IamError> {
            detach::<$row>(change, &input.$name, &input.policy_arn).await?;
            Ok(api::$detach_out {})
        }

        pub(crate) async fn $list(view: &View, input: &api::$list_in) -> Result<api::$list_out, IamError> {
            let page = Page::of(input.marker.as_deref(), input.max_items)?;
            let cut = list::<$row>(view, &input.$name, input.path_prefix.as_deref(), &page).await?;
            Ok(api::$list_out {
                attached_policies: Some(cut.items),
                is_truncated: cut.is_truncated,
                marker: cut.marker,
            })
        }
    )*};
}

attachments! {
    UserRow, user_name: attach_user_policy AttachUserPolicyInput AttachUserPolicyOutput,
        detach_user_policy DetachUserPolicyInput DetachUserPolicyOutput,
        list_attached_user_policies ListAttachedUserPoliciesInput ListAttachedUserPoliciesOutput;
    GroupRow, group_name: attach_group_policy AttachGroupPolicyInput AttachGroupPolicyOutput,
        detach_group_policy DetachGroupPolicyInput DetachGroupPolicyOutput,
        list_attached_group_policies ListAttachedGroupPoliciesInput ListAttachedGroupPoliciesOutput;
    RoleRow, role_name: attach_role_policy AttachRolePolicyInput AttachRolePolicyOutput,
        detach_role_policy DetachRolePolicyInput DetachRolePolicyOutput,
        list_attached_role_policies ListAttachedRolePoliciesInput ListAttachedRolePoliciesOutput;
}

#[cfg(test)]
mod tests {
    use super::name_and_path;

    #[test]
    fn names_and_paths_are_read_from_arns() {
        let pair = |arn| name_and_path(arn);
        assert_eq!(pair("arn:aws:iam::123456789012:policy/p"), ("p".to_owned(), "/".to_owned()));
        assert_eq!(
            pair("arn:aws:iam::aws:policy/job-function/V"),
            ("V".to_owned(), "/job-function/".to_owned())
        );
    }
}
