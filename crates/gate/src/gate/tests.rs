use async_trait::async_trait;
use futures_util::FutureExt as _;
use std::net::IpAddr;
use strongroom_api_iam::{DeleteUserInput, UpdateUserInput};
use strongroom_api_organizations::{EnableAWSServiceAccessInput, ListRootsInput, ListTargetsForPolicyInput};
use strongroom_api_s3::{Delete, DeleteObjectsInput, ObjectIdentifier};
use strongroom_record::Decided;
use strongroom_storage::StoreError;
use strongroom_types::{AccessKeyId, Arn, BucketId, BucketName, CanonicalUserId, Region, Timestamp};

use super::*;
use crate::requirement::{IamKind, IamName};
use crate::{BucketFacts, RootUser, WireFacts};

const MANAGEMENT: &str = "111122223333";
const MEMBER: &str = "444455556666";

/// An organisation of two accounts, in which the user bob and one policy have ARNs that no request says.
struct World {
    delegated: bool,
}

#[async_trait]
impl Facts for World {
    async fn bucket(&self, name: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        Ok((name.as_str() == "known").then(|| BucketFacts {
            id: BucketId::from_bytes([1; 16]),
            owner: id(MANAGEMENT),
            owner_canonical: CanonicalUserId::from_bytes([1; 32]),
            region: Region::us_east_1(),
            guards: Vec::new(),
            access: Arc::default(),
            organization_block: PublicAccessBlock::default(),
            access_point_block: PublicAccessBlock::default(),
        }))
    }

    async fn management_account(&self) -> Result<AccountId, StoreError> {
        Ok(id(MANAGEMENT))
    }

    async fn arn(&self, named: Named<'_>) -> Result<Option<Arn>, StoreError> {
        Ok(match named {
            Named::Iam(name) if name.kind == IamKind::User && name.name == "bob" => {
                Some(Arn::new("iam", "", &name.account.to_string(), "user/division/bob"))
            }
            Named::Organization("p-12345678") => {
                let resource = "policy/o-abcdefghij/service_control_policy/p-12345678";
                Some(Arn::new("organizations", "", MANAGEMENT, resource))
            }
            Named::Iam(_) | Named::Organization(_) | Named::MemberAccount(_) => None,
        })
    }

    async fn is_delegated_administrator(&self, _: AccountId) -> Result<bool, StoreError> {
        Ok(self.delegated)
    }
}

fn id(account: &str) -> AccountId {
    AccountId::parse(account).unwrap()
}

fn request(service: &'static str) -> RequestFacts {
    RequestFacts {
        service,
        region: Region::us_east_1(),
        now: Timestamp::from_secs(1_800_000_000),
        source_ip: IpAddr::from([127, 0, 0, 1]),
        secure_transport: true,
        wire: WireFacts::default(),
    }
}

/// The first resource that the root user of `account` is denied; `None` if all is allowed.
fn denied<I: Input>(world: World, account: &str, service: &'static str, input: I) -> Option<String> {
    ask(world, root(account), service, input)
}

fn root(account: &str) -> Caller {
    Caller::Root(RootUser {
        account: id(account),
        canonical: CanonicalUserId::from_bytes([1; 32]),
        access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
        session: None,
    })
}

fn ask<I: Input>(world: World, caller: Caller, service: &'static str, input: I) -> Option<String> {
    let ledger = Ledger::new(Decided::default());
    let gate = Gate::new(Arc::new(world));
    let decided = gate.authorize(caller, request(service), input, None, &ledger).now_or_never().unwrap();
    match decided.err() {
        None => None,
        Some(Refusal::Denied(denied)) => Some(denied.resource),
        Some(other) => panic!("{other:?}"),
    }
}

/// How a decision on the root user of an account goes that comes through an endpoint with this policy.
fn through<I: Input>(policy: &str, service: &'static str, input: I) -> Result<(), String> {
    let wire = WireFacts { endpoint: Some(Arc::new(EndpointFacts::example(policy))), ..WireFacts::default() };
    let request = RequestFacts { wire, ..request(service) };
    let gate = Gate::new(Arc::new(World { delegated: false }));
    let ledger = Ledger::new(Decided::default());
    let caller = root(MANAGEMENT);
    match gate.authorize(caller, request, input, None, &ledger).now_or_never().unwrap() {
        Ok(_) => Ok(()),
        Err(refusal) => Err(refusal.reply().message),
    }
}

#[test]
fn an_endpoint_lets_through_what_its_policy_allows() {
    let allow = |action: &str| {
        format!(
            r#"{{"Statement": [{{"Effect": "Allow", "Principal": "*", "Action": "{action}", "Resource": "*"}}]}}"#
        )
    };
    let delete = || DeleteUserInput { user_name: "bob".to_owned() };
    assert_eq!(through(&allow("iam:*"), "iam", delete()), Ok(()));
    let message = through(&allow("iam:GetUser"), "iam", delete()).unwrap_err();
    assert!(
        message.ends_with("because no VPC endpoint policy allows the iam:DeleteUser action"),
        "{message}"
    );
    let deny = allow("iam:*").replace("Allow", "Deny");
    let message = through(&deny, "iam", delete()).unwrap_err();
    assert!(message.ends_with("with an explicit deny in a VPC endpoint policy"), "{message}");
}

#[test]
fn an_endpoint_lets_nobody_ask_who_he_is_unless_its_policy_does() {
    let whoami = || strongroom_api_sts::GetCallerIdentityInput {};
    let policy = |action: &str| {
        format!(
            r#"{{"Statement": [{{"Effect": "Allow", "Principal": "*", "Action": "{action}", "Resource": "*",
            "Condition": {{"StringEquals": {{"aws:PrincipalAccount": "111122223333"}}}}}}]}}"#
        )
    };
    assert_eq!(through(&policy("sts:GetCallerIdentity"), "sts", whoami()), Ok(()));
    assert!(through(&policy("sts:AssumeRole"), "sts", whoami()).is_err());
    let elsewhere = policy("sts:*").replace(MANAGEMENT, MEMBER);
    assert!(through(&elsewhere, "sts", whoami()).is_err());
}

/// A user without any policy, who is told what he may not.
fn nobody() -> Caller {
    Caller::User(crate::IamUser {
        account: id(MANAGEMENT),
        canonical: CanonicalUserId::from_bytes([1; 32]),
        user_id: "AIDAIOSFODNN7EXAMPLE".to_owned(),
        name: "nobody".to_owned(),
        path: "/".to_owned(),
        access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
        session: None,
    })
}

#[test]
fn a_user_is_decided_on_under_the_path_where_he_is() {
    let delete = |name: &str| DeleteUserInput { user_name: name.to_owned() };
    let asked = |name| ask(World { delegated: false }, nobody(), "iam", delete(name)).unwrap();
    assert_eq!(asked("bob"), "arn:aws:iam::111122223333:user/division/bob");
    assert_eq!(asked("carol"), "arn:aws:iam::111122223333:user/carol", "who is not there is at the root");
    assert_eq!(denied(World { delegated: false }, MANAGEMENT, "iam", delete("bob")), None);
}

#[test]
fn a_new_name_is_in_the_place_of_the_old_one() {
    let of = |name: &str| IamName { account: id(MANAGEMENT), kind: IamKind::User, name: name.to_owned() };
    let deciding = Deciding {
        facts: Arc::new(World { delegated: false }),
        caller: nobody(),
        request: request("iam"),
        operation: <strongroom_api_iam::op::UpdateUser as strongroom_shape::Operation>::SCHEMA.name,
    };
    let renamed = Resource::IamRenamed { from: of("bob"), name: "robert".to_owned() };
    let arn = deciding.arn(&renamed).now_or_never().unwrap().unwrap();
    assert_eq!(arn, "arn:aws:iam::111122223333:user/division/robert");
    let update = UpdateUserInput { user_name: "bob".to_owned(), ..UpdateUserInput::default() };
    assert_eq!(denied(World { delegated: false }, MANAGEMENT, "iam", update), None);
}

#[test]
fn the_organisation_belongs_to_the_management_account_and_its_delegates() {
    let policy = || ListTargetsForPolicyInput {
        policy_id: "p-12345678".to_owned(),
        ..ListTargetsForPolicyInput::default()
    };
    let arn = "arn:aws:organizations::111122223333:policy/o-abcdefghij/service_control_policy/p-12345678";
    let service = "organizations";
    assert_eq!(denied(World { delegated: false }, MEMBER, service, policy()).as_deref(), Some(arn));
    assert_eq!(denied(World { delegated: true }, MEMBER, service, policy()), None);
    assert_eq!(denied(World { delegated: false }, MANAGEMENT, service, policy()), None);
    let roots = ListRootsInput::default;
    assert_eq!(denied(World { delegated: false }, MEMBER, service, roots()).as_deref(), Some("*"));
    assert_eq!(denied(World { delegated: true }, MEMBER, service, roots()), None);
    let enable = || EnableAWSServiceAccessInput { service_principal: "config.amazonaws.com".to_owned() };
    assert_eq!(denied(World { delegated: true }, MEMBER, service, enable()).as_deref(), Some("*"));
    assert_eq!(denied(World { delegated: true }, MANAGEMENT, service, enable()), None);
}

/// How DeleteUser is denied to a caller who comes through an endpoint with this policy.
fn refused(policy: &str, caller: Caller) -> Denied {
    let wire = WireFacts {
        endpoint: Some(Arc::new(EndpointFacts::example(policy))),
        referer: Some("https://example.com/?token=secret".to_owned()),
        ..WireFacts::default()
    };
    let request = RequestFacts { wire, ..request("iam") };
    let gate = Gate::new(Arc::new(World { delegated: false }));
    let ledger = Ledger::new(Decided::default());
    let input = DeleteUserInput { user_name: "bob".to_owned() };
    match gate.authorize(caller, request, input, None, &ledger).now_or_never().unwrap() {
        Err(Refusal::Denied(denied)) => *denied,
        other => panic!("{:?}", other.err()),
    }
}

const DENY_ALL: &str =
    r#"{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;

#[test]
fn a_denial_keeps_what_was_known_of_the_request() {
    let denied = refused(DENY_ALL, root(MANAGEMENT));
    let attempt = denied.attempt.as_ref().unwrap();
    assert_eq!((attempt.account, attempt.user_name.as_deref()), (id(MANAGEMENT), None));
    let value = |key: &str| {
        let found = attempt.conditions.iter().find(|(name, _)| *name == key);
        found.map(|(_, values)| values.join(","))
    };
    assert_eq!(value("aws:SecureTransport").as_deref(), Some("true"));
    assert_eq!(value("aws:SourceVpce").as_deref(), Some("vpce-0123456789abcdef0"));
    assert_eq!(value("aws:VpcSourceIp").as_deref(), Some("127.0.0.1"));
    assert_eq!(value("aws:SourceIp"), None, "not through an endpoint");
    assert_eq!(value("aws:ResourceAccount").as_deref(), Some(MANAGEMENT));
    assert!(
        attempt.conditions.iter().all(|(_, values)| !values.iter().any(|value| value.contains("secret")))
    );
    assert_eq!(Refusal::Denied(Box::new(denied.clone())).reply().denied.as_deref(), Some(&denied));
}

#[test]
fn the_statement_that_denied_is_known_to_the_account_of_its_policy() {
    // The endpoint is the management account's.
    for (account, knows) in [(MANAGEMENT, true), (MEMBER, false)] {
        let denied = refused(DENY_ALL, root(account));
        let attempt = denied.attempt.as_ref().unwrap();
        assert_eq!(attempt.knows_statement, knows, "{account}");
    }
}

#[test]
fn a_denial_of_nobody_keeps_nothing() {
    let denied = refused(DENY_ALL, Caller::Anonymous);
    assert_eq!(denied.attempt, None);
    assert_eq!(Refusal::Denied(Box::new(denied)).reply().denied, None);
}

#[test]
fn the_keys_of_one_request_are_decided_on_in_turns() {
    let waits = |keys: usize| {
        let key = |index| ObjectIdentifier { key: format!("k{index}"), ..ObjectIdentifier::default() };
        let input = DeleteObjectsInput {
            bucket: "known".into(),
            delete: Delete { objects: (0..keys).map(key).collect(), ..Delete::default() },
            ..DeleteObjectsInput::default()
        };
        let gate = Gate::new(Arc::new(World { delegated: false }));
        let ledger = Ledger::new(Decided::default());
        let decided = gate.authorize(root(MANAGEMENT), request("s3"), input, None, &ledger).now_or_never();
        decided.map(|authorized| assert_eq!(authorized.unwrap().granted.deletes.len(), keys)).is_none()
    };
    assert!(!waits(KEYS_IN_A_TURN));
    assert!(waits(KEYS_IN_A_TURN + 1), "others have their turn");
}
