use strongroom_shape::{Kind, OperationSchema, ServiceSchema};
use strongroom_types::{AccessKeyId, CanonicalUserId};

use super::*;
use crate::{IamUser, RootUser, generated};

const ACCOUNT: &str = "111122223333";

fn account() -> AccountId {
    AccountId::parse(ACCOUNT).unwrap()
}

fn root() -> Caller {
    Caller::Root(RootUser {
        account: account(),
        canonical: CanonicalUserId::from_bytes([1; 32]),
        access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
        session: None,
    })
}

fn user() -> Caller {
    Caller::User(IamUser {
        account: account(),
        canonical: CanonicalUserId::from_bytes([1; 32]),
        user_id: "AIDAIOSFODNN7EXAMPLE".to_owned(),
        name: "alice".to_owned(),
        path: "/division/".to_owned(),
        access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
        session: None,
    })
}

fn operation(service: &'static ServiceSchema, name: &str) -> &'static OperationSchema {
    service.operations.iter().find(|operation| operation.name == name).unwrap()
}

/// A target of an input with these members.
fn target(operation: &'static OperationSchema, members: &[(&str, &str)]) -> Target {
    let mut target = Target::default();
    for (name, value) in members {
        let member = operation.input.members.iter().find(|member| member.name == *name);
        target.parameters.note(member.unwrap_or_else(|| panic!("{}: {name}", operation.name)), value);
    }
    target
}

/// What an operation needs, as `action resource`.
fn needs(
    service: &'static ServiceSchema,
    name: &str,
    members: &[(&str, &str)],
    caller: &Caller,
) -> Vec<String> {
    let target = target(operation(service, name), members);
    let all = requirements(service.name, name, &target, caller).unwrap();
    all.iter().map(|access| format!("{} {}", access.action, access.resource.arn())).collect()
}

fn iam(name: &str, members: &[(&str, &str)]) -> Vec<String> {
    needs(&strongroom_api_iam::SERVICE, name, members, &user())
}

#[test]
fn what_is_made_has_the_path_that_is_asked_for() {
    assert_eq!(
        iam("CreateUser", &[("UserName", "bob"), ("Path", "/team/")]),
        ["iam:CreateUser arn:aws:iam::111122223333:user/team/bob"]
    );
    assert_eq!(
        iam("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", "{}")]),
        ["iam:CreatePolicy arn:aws:iam::111122223333:policy/p"]
    );
    assert_eq!(
        iam("CreateVirtualMFADevice", &[("VirtualMFADeviceName", "m"), ("Path", "/team/")]),
        ["iam:CreateVirtualMFADevice arn:aws:iam::111122223333:mfa/team/m"]
    );
    assert_eq!(
        iam("CreateOpenIDConnectProvider", &[("Url", "https://id.example.com/realm/")]),
        ["iam:CreateOpenIDConnectProvider arn:aws:iam::111122223333:oidc-provider/id.example.com/realm"]
    );
}

#[test]
fn what_is_there_is_named_without_its_path() {
    let target = target(operation(&strongroom_api_iam::SERVICE, "DeleteUser"), &[("UserName", "bob")]);
    let named = IamName { account: account(), kind: IamKind::User, name: "bob".to_owned() };
    assert_eq!(
        requirements("iam", "DeleteUser", &target, &root()),
        Some(vec![Access::new("iam:DeleteUser", Resource::Iam(named))])
    );
}

#[test]
fn a_policy_is_named_by_its_arn_whosoever_it_is() {
    for arn in ["arn:aws:iam::111122223333:policy/team/p", "arn:aws:iam::aws:policy/ReadOnlyAccess"] {
        assert_eq!(iam("GetPolicy", &[("PolicyArn", arn)]), [format!("iam:GetPolicy {arn}")]);
    }
    assert_eq!(iam("GetPolicy", &[("PolicyArn", "no arn")]), ["iam:GetPolicy *"]);
}

#[test]
fn without_a_user_name_an_operation_is_about_the_caller() {
    for name in ["GetUser", "ListAccessKeys", "CreateAccessKey", "ListMFADevices"] {
        let own = format!("iam:{name} arn:aws:iam::111122223333:user/division/alice");
        assert_eq!(iam(name, &[]), [own]);
        let other = format!("iam:{name} arn:aws:iam::111122223333:user/bob");
        assert_eq!(iam(name, &[("UserName", "bob")]), [other]);
    }
    assert_eq!(
        needs(&strongroom_api_iam::SERVICE, "ListAccessKeys", &[], &root()),
        ["iam:ListAccessKeys arn:aws:iam::111122223333:root"]
    );
}

#[test]
fn a_new_name_needs_leave_for_both_names() {
    assert_eq!(
        iam("UpdateUser", &[("UserName", "bob"), ("NewUserName", "robert")]),
        [
            "iam:UpdateUser arn:aws:iam::111122223333:user/bob",
            "iam:UpdateUser arn:aws:iam::111122223333:user/robert"
        ]
    );
    assert_eq!(
        iam("UpdateGroup", &[("GroupName", "g"), ("NewPath", "/team/")]),
        [
            "iam:UpdateGroup arn:aws:iam::111122223333:group/g",
            "iam:UpdateGroup arn:aws:iam::111122223333:group/team/g"
        ]
    );
    let there = Arn::new("iam", "", ACCOUNT, "user/division/bob");
    assert_eq!(renamed(&there, "robert").as_str(), "arn:aws:iam::111122223333:user/division/robert");
}

#[test]
fn a_role_is_passed_to_an_instance_profile() {
    assert_eq!(
        iam("AddRoleToInstanceProfile", &[("InstanceProfileName", "i"), ("RoleName", "r")]),
        [
            "iam:AddRoleToInstanceProfile arn:aws:iam::111122223333:instance-profile/i",
            "iam:PassRole arn:aws:iam::111122223333:role/r"
        ]
    );
}

#[test]
fn tags_at_creation_need_the_action_that_tags() {
    let mut target = target(operation(&strongroom_api_iam::SERVICE, "CreateRole"), &[("RoleName", "r")]);
    target.parameters.tags.push(("team".to_owned(), "blue".to_owned()));
    let actions: Vec<_> = requirements("iam", "CreateRole", &target, &user())
        .unwrap()
        .iter()
        .map(|access| access.action)
        .collect();
    assert_eq!(actions, ["iam:CreateRole", "iam:TagRole"]);
}

/// A plausible value of a member.
fn plausible(name: &str) -> String {
    match name {
        "PolicyArn" => format!("arn:aws:iam::{ACCOUNT}:policy/x"),
        "Arn" | "EntityArn" | "PolicySourceArn" => format!("arn:aws:iam::{ACCOUNT}:user/x"),
        "OpenIDConnectProviderArn" => format!("arn:aws:iam::{ACCOUNT}:oidc-provider/x"),
        "SAMLProviderArn" => format!("arn:aws:iam::{ACCOUNT}:saml-provider/x"),
        "RoleArn" => format!("arn:aws:iam::{ACCOUNT}:role/x"),
        "SerialNumber" => format!("arn:aws:iam::{ACCOUNT}:mfa/x"),
        "TargetPrincipal" => ACCOUNT.to_owned(),
        "DeletionTaskId" => "task/aws-service-role/config.amazonaws.com/x/1".to_owned(),
        "Path" | "NewPath" => "/x/".to_owned(),
        _ => "x".to_owned(),
    }
}

/// Everything of a target that an input can say in text.
fn whole(operation: &'static OperationSchema) -> Target {
    let mut target = Target::default();
    for member in operation.input.members {
        if matches!(member.kind, Kind::String) {
            target.parameters.note(member, &plausible(member.name));
        }
    }
    target
}

/// Whether an ARN has the form that the definitions give to a resource type.
fn has_form(arn: &str, form: &str) -> bool {
    let form = form.replace("${Partition}", "aws").replace("${Account}", ACCOUNT);
    let fixed = form.split("${").next().unwrap_or_default();
    arn.starts_with(fixed)
}

#[test]
fn every_operation_asks_for_what_its_definition_names() {
    let services = [
        (&strongroom_api_iam::SERVICE, &generated::IAM),
        (&strongroom_api_sts::SERVICE, &generated::STS),
        (&strongroom_api_account::SERVICE, &generated::ACCOUNT),
    ];
    // Their definitions name a resource that no request can: one of nobody's, or one that only comes to be.
    let unnamed = ["CreateDelegationRequest", "GetHumanReadableSummary"];
    for (service, definition) in services {
        for operation in service.operations {
            let all = requirements(service.name, operation.name, &whole(operation), &user()).unwrap();
            let Some(action) = definition.action(operation.name) else {
                assert_eq!(all[0].action, format!("{}:*", definition.prefix), "{}", operation.name);
                continue;
            };
            assert_eq!(all[0].action, action.id);
            let arn = all[0].resource.arn();
            let forms = action.on.iter().filter_map(|on| definition.resource(on.resource));
            let fits = forms.clone().any(|form| has_form(&arn, form.arn));
            let free = action.on.is_empty() || matches!(all[0].resource, Resource::MemberAccount(_));
            assert!(fits || free || unnamed.contains(&operation.name), "{}: {arn}", operation.name);
            if action.on.is_empty() {
                assert_eq!(arn, "*", "{}", operation.name);
            }
        }
    }
}

#[test]
fn every_id_of_the_organisation_is_decided_on() {
    let service = &strongroom_api_organizations::SERVICE;
    // Whom they invite is named inside a structure, by an address perhaps; the resource policy has no id.
    let unnamed =
        ["InviteAccountToOrganization", "InviteOrganizationToTransferResponsibility", "PutResourcePolicy"];
    for operation in service.operations {
        let action = generated::ORGANIZATIONS.action(operation.name).unwrap();
        let all = requirements("organizations", operation.name, &whole(operation), &user()).unwrap();
        let ids =
            all.iter().filter(|access| matches!(access.resource, Resource::Organization { id: Some(_), .. }));
        let named = !action.on.is_empty() && !unnamed.contains(&operation.name);
        assert_eq!(ids.count() > 0, named, "{}", operation.name);
        assert!(all.iter().all(|access| access.action == action.id), "{}", operation.name);
    }
    let moved =
        [("AccountId", "444455556666"), ("SourceParentId", "r-abcd"), ("DestinationParentId", "ou-abcd-1")];
    let target = target(operation(service, "MoveAccount"), &moved);
    let ids: Vec<_> = requirements("organizations", "MoveAccount", &target, &root())
        .unwrap()
        .into_iter()
        .map(|access| access.resource)
        .collect();
    let resource =
        |id: &str| Resource::Organization { id: Some(id.to_owned()), authority: Authority::Management };
    assert_eq!(ids, [resource("444455556666"), resource("r-abcd"), resource("ou-abcd-1")]);
}

#[test]
fn a_member_account_may_ask_for_its_own_effective_policy_only() {
    let service = &strongroom_api_organizations::SERVICE;
    let authority = |members: &[(&str, &str)]| {
        let target = target(operation(service, "DescribeEffectivePolicy"), members);
        let all = requirements("organizations", "DescribeEffectivePolicy", &target, &user()).unwrap();
        let Resource::Organization { id: Some(id), authority } = &all[0].resource else { panic!("{all:?}") };
        (id.clone(), *authority)
    };
    assert_eq!(authority(&[]), (ACCOUNT.to_owned(), Authority::Member));
    assert_eq!(authority(&[("TargetId", ACCOUNT)]), (ACCOUNT.to_owned(), Authority::Member));
    let other = "444455556666";
    assert_eq!(authority(&[("TargetId", other)]), (other.to_owned(), Authority::Delegated));
}

#[test]
fn an_account_id_that_is_not_the_callers_is_the_management_accounts_business() {
    let asked = |members: &[(&str, &str)]| {
        let target = target(operation(&strongroom_api_account::SERVICE, "GetContactInformation"), members);
        requirements("account", "GetContactInformation", &target, &root()).unwrap().remove(0).resource
    };
    let own = Resource::Arn(Arn::new("account", "", ACCOUNT, "account"));
    assert_eq!(asked(&[]), own);
    assert_eq!(asked(&[("AccountId", ACCOUNT)]), own);
    assert_eq!(asked(&[("AccountId", "444455556666")]), Resource::MemberAccount("444455556666".to_owned()));
}

#[test]
fn an_operation_newer_than_the_tables_needs_all_of_its_service() {
    let of = |service, name| requirements(service, name, &Target::default(), &root()).unwrap().remove(0);
    assert_eq!(of("ec2", "DescribeRegions"), Access::new("ec2:DescribeRegions", Resource::Account));
    assert_eq!(of("ec2", "InventedYesterday"), Access::new("ec2:*", Resource::Account));
    assert_eq!(of("iam", "InventedYesterday"), Access::new("iam:*", Resource::Account));
}

#[test]
fn a_service_that_is_not_known_is_nobodys() {
    assert_eq!(requirements("nonsense", "GetObject", &Target::default(), &root()), None);
}
