//! What is looked up of a resource for the sake of a condition key, and when.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use strongroom_api_account::{AlternateContactType, GetAlternateContactInput};
use strongroom_api_iam as iam;
use strongroom_api_organizations as organizations;
use strongroom_policy::{Document, Kind, Policy};
use strongroom_record::Decided;
use strongroom_shape::Input;
use strongroom_types::{AccessKeyId, BucketName, CanonicalUserId, Region, Timestamp};

use super::*;
use crate::facts::OrganizationFacts;
use crate::{Gate, IamUser, Ledger, Refusal, WireFacts};

const ACCOUNT: &str = "111122223333";
const BOUNDARY: &str = "arn:aws:iam::111122223333:policy/bounds";

/// Everything of IAM is tagged `team=red` and bounded; p-12345678 is a service control policy. Its one user has a policy.
struct World {
    policy: NamedPolicy,
    /// How often a resource was looked up.
    asked: Arc<AtomicUsize>,
}

fn guard() -> Guard {
    (Partition::Iam(account()), Precondition::RowAbsent(b"g".to_vec()))
}

#[async_trait]
impl Facts for World {
    async fn bucket(&self, _: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        Ok(Some(BucketFacts {
            id: BucketId::from_bytes([1; 16]),
            owner: account(),
            owner_canonical: CanonicalUserId::from_bytes([1; 32]),
            region: Region::us_east_1(),
            guards: Vec::new(),
            access: Arc::default(),
            organization_block: PublicAccessBlock::default(),
            access_point_block: PublicAccessBlock::default(),
        }))
    }

    async fn management_account(&self) -> Result<AccountId, StoreError> {
        Ok(account())
    }

    async fn arn(&self, named: Named<'_>) -> Result<Option<Arn>, StoreError> {
        let resource = match named {
            Named::Organization("p-12345678") => "policy/o-abcdefghij/service_control_policy/p-12345678",
            Named::Organization("p-FullAWSAccess") => "policy/service_control_policy/p-FullAWSAccess",
            Named::Organization("r-abcd") => "root/o-abcdefghij/r-abcd",
            Named::Iam(_) | Named::Organization(_) | Named::MemberAccount(_) => return Ok(None),
        };
        Ok(Some(Arn::new("organizations", "", ACCOUNT, resource)))
    }

    async fn principal(&self, _: &Caller) -> Result<Arc<PrincipalFacts>, StoreError> {
        Ok(Arc::new(PrincipalFacts { identity: vec![self.policy.clone()], ..PrincipalFacts::default() }))
    }

    async fn account(&self, _: AccountId) -> Result<Arc<AccountFacts>, StoreError> {
        let place =
            OrganizationFacts { id: "o-abcdefghij".into(), path: "o-abcdefghij/r-abcd/ou-abcd-1/".into() };
        Ok(Arc::new(AccountFacts { organization: Some(place), ..AccountFacts::default() }))
    }

    async fn resource(&self, _: &Arn) -> Result<ResourceFacts, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let tags = vec![("Team".to_owned(), "red".to_owned())];
        Ok(ResourceFacts { tags, boundary: Some(BOUNDARY.to_owned()), guard: Some(guard()) })
    }
}

fn account() -> AccountId {
    AccountId::parse(ACCOUNT).unwrap()
}

fn user() -> Caller {
    Caller::User(IamUser {
        account: account(),
        canonical: CanonicalUserId::from_bytes([1; 32]),
        user_id: "AIDAIOSFODNN7EXAMPLE".to_owned(),
        name: "ann".to_owned(),
        path: "/".to_owned(),
        access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
        session: None,
    })
}

/// What the user's policy lets him do, and how often the resource was looked up for that: the guards of the decision, or
/// that it is denied.
fn ask<I: Input>(statements: &str, service: &'static str, input: I) -> (Option<Vec<Guard>>, usize) {
    let document = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    let document = Document::stored(&document, Kind::UserInline).unwrap();
    let policy = NamedPolicy { name: "rights".into(), policy: Arc::new(Policy::compile(&document)) };
    let asked = Arc::new(AtomicUsize::new(0));
    let request = RequestFacts {
        service,
        region: Region::us_east_1(),
        now: Timestamp::from_secs(1_800_000_000),
        source_ip: IpAddr::from([127, 0, 0, 1]),
        secure_transport: true,
        wire: WireFacts::default(),
    };
    let gate = Gate::new(Arc::new(World { policy, asked: asked.clone() }));
    let ledger = Ledger::new(Decided::default());
    let decided = gate.authorize(user(), request, input, None, &ledger).now_or_never().unwrap();
    let guards = match decided {
        Ok(authorized) => Some(authorized.granted.guards),
        Err(Refusal::Denied(_)) => None,
        Err(other) => panic!("{other:?}"),
    };
    (guards, asked.load(Ordering::Relaxed))
}

const ALLOW: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;

/// Everything is allowed, but for what the condition fits.
fn but(test: &str, key: &str, value: &str) -> String {
    let deny = ALLOW.replace("Allow", "Deny").replace('}', "");
    format!(r#"{ALLOW}, {deny}, "Condition": {{"{test}": {{"{key}": "{value}"}}}}}}"#)
}

/// Whether a denial on this value of a key denies.
fn has<I: Input>(key: &str, value: &str, service: &'static str, input: I) -> bool {
    ask(&but("StringEquals", key, value), service, input).0.is_none()
}

fn get_user() -> iam::GetUserInput {
    iam::GetUserInput { user_name: Some("bob".to_owned()) }
}

#[test]
fn a_resource_is_looked_up_only_where_a_policy_asks_for_what_it_has() {
    assert_eq!(ask(ALLOW, "iam", get_user()), (Some(Vec::new()), 0));
    let (denied, asked) = ask(&but("StringEquals", "aws:ResourceTag/team", "red"), "iam", get_user());
    assert_eq!((denied, asked), (None, 1));
    assert!(has("iam:ResourceTag/Team", "red", "iam", get_user()));
}

#[test]
fn for_an_object_nothing_is_looked_up_but_what_is_its_own() {
    let get = strongroom_api_s3::GetObjectInput {
        bucket: "bucket".into(),
        key: "k".into(),
        ..strongroom_api_s3::GetObjectInput::default()
    };
    let asked = ask(&but("StringEquals", "aws:ResourceTag/team", "red"), "s3", get);
    assert_eq!(asked, (Some(Vec::new()), 0));
}

#[test]
fn a_decision_by_tags_holds_until_the_change_is_committed() {
    let (guards, asked) = ask(&but("StringEquals", "aws:ResourceTag/team", "blue"), "iam", get_user());
    assert_eq!((guards, asked), (Some(vec![guard()]), 1));
}

#[test]
fn a_tag_that_is_only_a_variable_s_is_looked_up_too() {
    let own = r#"{"Effect": "Allow", "Action": "*",
        "Resource": "arn:aws:iam::111122223333:user/${aws:ResourceTag/team}"}"#;
    let get = |name: &str| iam::GetUserInput { user_name: Some(name.to_owned()) };
    assert!(ask(own, "iam", get("red")).0.is_some());
    assert!(ask(own, "iam", get("blue")).0.is_none());
}

#[test]
fn only_users_and_roles_have_the_tags_of_iam() {
    let get = || iam::GetPolicyInput { policy_arn: BOUNDARY.to_owned() };
    assert!(has("aws:ResourceTag/team", "red", "iam", get()));
    assert!(!has("iam:ResourceTag/team", "red", "iam", get()));
}

#[test]
fn a_boundary_is_the_one_that_is_set_or_else_the_present_one() {
    let key = "iam:PermissionsBoundary";
    let delete = || iam::DeleteUserPolicyInput { user_name: "bob".into(), policy_name: "p".into() };
    assert!(has(key, BOUNDARY, "iam", delete()));
    let other = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let put = || iam::PutUserPermissionsBoundaryInput {
        user_name: "bob".into(),
        permissions_boundary: other.to_owned(),
    };
    assert!(has(key, other, "iam", put()));
    assert!(!has(key, BOUNDARY, "iam", put()));
    let create = || iam::CreateUserInput { user_name: "bob".into(), ..iam::CreateUserInput::default() };
    assert!(!has(key, BOUNDARY, "iam", create()), "of whoever has the name already");
    assert!(!has(key, BOUNDARY, "iam", get_user()), "the action has no such key");
}

#[test]
fn a_role_is_passed_to_ec2() {
    let add = || iam::AddRoleToInstanceProfileInput {
        instance_profile_name: "profile".into(),
        role_name: "role".into(),
    };
    assert!(has("iam:PassedToService", "ec2.amazonaws.com", "iam", add()));
    assert!(!has("iam:PassedToService", "lambda.amazonaws.com", "iam", add()));
    let instances = "arn:aws:ec2:*:111122223333:instance/*";
    assert!(ask(&but("ArnLike", "iam:AssociatedResourceArn", instances), "iam", add()).0.is_none());
    assert!(!has("iam:PassedToService", "ec2.amazonaws.com", "iam", get_user()));
}

#[test]
fn a_type_of_policy_is_the_request_s_or_the_policy_s_whatever_is_asked_about() {
    let (key, scp, service) = ("organizations:PolicyType", "SERVICE_CONTROL_POLICY", "organizations");
    let create = |kind| organizations::CreatePolicyInput {
        content: "{}".into(),
        name: "p".into(),
        r#type: Some(kind),
        ..organizations::CreatePolicyInput::default()
    };
    assert!(has(key, scp, service, create(organizations::PolicyType::ServiceControlPolicy)));
    assert!(!has(key, scp, service, create(organizations::PolicyType::S3Policy)));
    let list = organizations::ListPoliciesInput {
        filter: Some(organizations::PolicyType::ServiceControlPolicy),
        ..organizations::ListPoliciesInput::default()
    };
    assert!(has(key, scp, service, list));
    for id in ["p-12345678", "p-FullAWSAccess"] {
        let describe = organizations::DescribePolicyInput { policy_id: id.to_owned() };
        assert!(has(key, scp, service, describe), "{id}");
    }
    let attach =
        || organizations::AttachPolicyInput { policy_id: "p-12345678".into(), target_id: "r-abcd".into() };
    let on_target = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "*",
        "Resource": "arn:aws:organizations::*:root/*",
        "Condition": {"StringEquals": {"organizations:PolicyType": "SERVICE_CONTROL_POLICY"}}}"#;
    assert!(ask(on_target, service, attach()).0.is_none(), "of the policy, where its target is asked about");
    let unit = organizations::ListRootsInput::default();
    assert!(!has(key, scp, service, unit));
}

#[test]
fn an_account_has_its_tags_its_place_and_what_is_asked_of_it() {
    let contact = || GetAlternateContactInput {
        alternate_contact_type: Some(AlternateContactType::Security),
        account_id: None,
    };
    let has = |key: &str, value: &str| {
        let test = if key.contains("OrgTags") { "StringEquals" } else { "ForAnyValue:StringEquals" };
        ask(&but(test, key, value), "account", contact()).0.is_none()
    };
    assert!(has("account:AccountResourceOrgTags/team", "red"));
    assert!(!has("account:AccountResourceOrgTags/team", "blue"));
    assert!(!has("aws:ResourceTag/team", "red"));
    assert!(has("account:AccountResourceOrgPaths", "o-abcdefghij/r-abcd/ou-abcd-1/"));
    assert!(has("account:AlternateContactTypes", "SECURITY"));
    assert!(!has("account:AlternateContactTypes", "BILLING"));
}
