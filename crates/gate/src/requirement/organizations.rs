//! Actions and resources of Organizations.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Organizations"; who may call
//! an operation: its page in the Organizations API Reference.

use super::{Access, Authority, Resource, action_of, is_read_only};
use crate::generated::ORGANIZATIONS;
use crate::{Caller, Target};

/// Members that name what an operation is done to, all of which have to be allowed.
const IDS: [&str; 12] = [
    "PolicyId",
    "TargetId",
    "AccountId",
    "SourceParentId",
    "DestinationParentId",
    "ParentId",
    "ChildId",
    "OrganizationalUnitId",
    "RootId",
    "ResourceId",
    "HandshakeId",
    "Id",
];

/// "You can only call this operation from the management account."
const BY_MANAGEMENT: [&str; 23] = [
    "CloseAccount",
    "CreateAccount",
    "CreateGovCloudAccount",
    "CreateOrganizationalUnit",
    "DeleteOrganization",
    "DeleteOrganizationalUnit",
    "DeleteResourcePolicy",
    "DeregisterDelegatedAdministrator",
    "DescribeResponsibilityTransfer",
    "DisableAWSServiceAccess",
    "EnableAWSServiceAccess",
    "EnableAllFeatures",
    "InviteAccountToOrganization",
    "InviteOrganizationToTransferResponsibility",
    "ListInboundResponsibilityTransfers",
    "ListOutboundResponsibilityTransfers",
    "MoveAccount",
    "PutResourcePolicy",
    "RegisterDelegatedAdministrator",
    "RemoveAccountFromOrganization",
    "TerminateResponsibilityTransfer",
    "UpdateOrganizationalUnit",
    "UpdateResponsibilityTransfer",
];

/// "You can call this operation from any account in a organization." CreateOrganization is for accounts in none.
const BY_MEMBERS: [&str; 9] = [
    "AcceptHandshake",
    "CancelHandshake",
    "CreateOrganization",
    "DeclineHandshake",
    "DescribeEffectivePolicy",
    "DescribeHandshake",
    "DescribeOrganization",
    "LeaveOrganization",
    "ListHandshakesForAccount",
];

pub(super) fn requirements(operation: &str, target: &Target, caller: &Caller) -> Vec<Access> {
    let action = action_of(&ORGANIZATIONS, "organizations:*", operation);
    let authority = authority(operation, target, caller);
    let access = |action, id| Access::new(action, Resource::Organization { id, authority });
    let has_resources = ORGANIZATIONS.action(operation).is_some_and(|action| !action.on.is_empty());
    let mut ids: Vec<String> = IDS
        .iter()
        .filter(|_| has_resources)
        .filter_map(|member| Some(target.parameters.member(member)?.to_owned()))
        .collect();
    if operation == "DescribeEffectivePolicy" && ids.is_empty() {
        ids.extend(caller.account().map(|account| account.to_string()));
    }
    let mut all: Vec<Access> = ids.into_iter().map(|id| access(action, Some(id))).collect();
    if all.is_empty() {
        all.push(access(action, None));
    }
    // "If the request includes tags, then the requester must have the organizations:TagResource permission." Source:
    // Organizations API Reference, CreateAccount, "Tags".
    if !target.parameters.tags.is_empty() && operation != "TagResource" {
        all.push(access("organizations:TagResource", None));
    }
    all
}

fn authority(operation: &str, target: &Target, caller: &Caller) -> Authority {
    // "When you call DescribeEffectivePolicy from a member account, you can specify only your own account."
    let own = caller.account().map(|account| account.to_string());
    let of_another = target.parameters.member("TargetId").is_some_and(|id| Some(id) != own.as_deref());
    if BY_MEMBERS.contains(&operation) && !of_another {
        Authority::Member
    } else if is_read_only(operation) && !BY_MANAGEMENT.contains(&operation) {
        Authority::Delegated
    } else {
        // Being a delegated administrator "grants read-only access to Organizations service data" (its page,
        // RegisterDelegatedAdministrator). Who may change policies is for the organisation's resource policy to say.
        Authority::Management
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_name_operations() {
        let known = |name: &&str| ORGANIZATIONS.action(name).is_some();
        assert!(BY_MANAGEMENT.iter().chain(&BY_MEMBERS).all(known));
    }

    #[test]
    fn delegated_administrators_read_and_change_nothing() {
        let of = |operation| authority(operation, &Target::default(), &Caller::Anonymous);
        for reads in ["ListAccounts", "DescribePolicy", "ListDelegatedAdministrators"] {
            assert_eq!(of(reads), Authority::Delegated, "{reads}");
        }
        for changes in ["AttachPolicy", "CreatePolicy", "EnablePolicyType", "TagResource", "CloseAccount"] {
            assert_eq!(of(changes), Authority::Management, "{changes}");
        }
        assert_eq!(of("DescribeOrganization"), Authority::Member);
    }
}
