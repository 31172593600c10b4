//! Actions and resources of Account Management.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Account Management".

use strongroom_types::Arn;

use super::{Access, Resource, action_of};
use crate::generated::ACCOUNT;
use crate::{Caller, Target};

/// Without an account id an operation is about the caller's account, with one about a member of the organisation.
pub(super) fn requirement(operation: &str, target: &Target, caller: &Caller) -> Access {
    let own = caller.account().map(|account| account.to_string());
    let named = ["AccountId", "StandardAccountId"].iter().find_map(|member| target.parameters.member(member));
    let resource = match (named, own) {
        (Some(named), own) if own.as_deref() != Some(named) => Resource::MemberAccount(named.to_owned()),
        (_, Some(own)) => Resource::Arn(Arn::new("account", "", &own, "account")),
        (_, None) => Resource::Account,
    };
    Access::new(action_of(&ACCOUNT, "account:*", operation), resource)
}
