use strongroom_types::{AccountId, CanonicalUserId};

use super::*;
use crate::compile::Policy;
use crate::context::{ContextMap, NoContext};
use crate::document::{Document, Effect};
use crate::kind::Kind;

const OWN: &str = "111111111111";
const OTHER: &str = "222222222222";
const OBJECT: &str = "arn:aws:s3:::b/k";

fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

fn policy(text: &str, kind: Kind) -> Policy {
    Policy::compile(&Document::parse(text.as_bytes(), kind).unwrap_or_else(|error| panic!("{error}")))
}

/// A policy of an identity, a session, an organisation.
fn says(effect: &str, action: &str) -> Policy {
    let text =
        format!(r#"{{"Statement":[{{"Sid":"S","Effect":"{effect}","Action":"{action}","Resource":"*"}}]}}"#);
    policy(&text, Kind::Managed)
}

/// A policy of the bucket with this `Principal` or `NotPrincipal` element.
fn bucket(effect: &str, principal: &str) -> Policy {
    let text = format!(
        r#"{{"Statement":[{{"Effect":"{effect}",{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}]}}"#
    );
    policy(&text, Kind::Bucket)
}

fn to(principal: &str) -> Policy {
    bucket("Allow", &format!(r#""Principal":{{"AWS":"{principal}"}}"#))
}

fn everybody() -> Policy {
    bucket("Allow", r#""Principal":"*""#)
}

fn named(policy: &Policy) -> Attached<'_> {
    Attached { name: "p", policy }
}

fn user(account_id: &str) -> Principal {
    Principal::User(User {
        account: account(account_id),
        name: "team/Ann".into(),
        id: "AIDA0000000000000ANN".into(),
    })
}

fn session(account_id: &str, service_linked: bool) -> Principal {
    Principal::RoleSession(RoleSession {
        account: account(account_id),
        role: "path/Reader".into(),
        role_id: "AROA0000000000READER".into(),
        session: "monday".into(),
        service_linked,
    })
}

fn federated(account_id: &str) -> Principal {
    let Principal::User(issuer) = user(account_id) else { panic!() };
    Principal::FederatedUser(FederatedUser {
        account: issuer.account,
        name: "fed".into(),
        issuer: Some(issuer),
    })
}

fn ask(principal: &Principal, sets: &PolicySets<'_>) -> Decision {
    let request = Request {
        principal,
        canonical_user: None,
        action: "s3:GetObject",
        resource: OBJECT,
        resource_account: account(OWN),
        context: &NoContext,
    };
    let decision = evaluate(&request, sets);
    assert_eq!(explain(&request, sets).decision, decision, "the trace tells another answer");
    decision
}

fn with_resource(policy: &Policy) -> PolicySets<'_> {
    PolicySets {
        resource: ResourceSide { policy: Some(named(policy)), ..ResourceSide::NONE },
        ..PolicySets::NONE
    }
}

fn missing(decision: &Decision) -> Option<Missing> {
    match decision {
        Decision::ImplicitDeny { missing } => Some(*missing),
        Decision::Allow(_) | Decision::ExplicitDeny(_) => None,
    }
}

const fn lack(source: Source) -> Missing {
    Missing::Policy(source)
}

#[test]
fn nothing_is_allowed_by_nothing_but_to_root_of_the_account() {
    assert!(ask(&Principal::Root(account(OWN)), &PolicySets::NONE).is_allow());
    assert_eq!(
        missing(&ask(&Principal::Root(account(OTHER)), &PolicySets::NONE)),
        Some(lack(Source::Resource))
    );
    assert_eq!(missing(&ask(&Principal::Anonymous, &PolicySets::NONE)), Some(lack(Source::Resource)));
    assert_eq!(missing(&ask(&user(OWN), &PolicySets::NONE)), Some(lack(Source::Identity)));
    assert_eq!(missing(&ask(&session(OWN, false), &PolicySets::NONE)), Some(lack(Source::Identity)));
}

#[test]
fn an_identity_policy_allows_within_the_account() {
    let allow = says("Allow", "s3:Get*");
    let identity = [named(&allow)];
    let sets = PolicySets { identity: &identity, ..PolicySets::NONE };
    let statement = Statement { source: Source::Identity, policy: "p".into(), statement: "S".into() };
    assert_eq!(ask(&user(OWN), &sets), Decision::Allow(statement));
    assert!(ask(&session(OWN, false), &sets).is_allow());
    assert_eq!(missing(&ask(&user(OTHER), &sets)), Some(lack(Source::Resource)));
    let elsewhere = says("Allow", "s3:Put*");
    let identity = [named(&elsewhere)];
    let sets = PolicySets { identity: &identity, ..PolicySets::NONE };
    assert_eq!(missing(&ask(&user(OWN), &sets)), Some(lack(Source::Identity)));
}

#[test]
fn an_explicit_deny_of_any_kind_ends_it() {
    let (allow, deny) = (says("Allow", "*"), says("Deny", "s3:GetObject"));
    let (open, closed) = (everybody(), bucket("Deny", r#""Principal":"*""#));
    let (allows, denies) = ([named(&allow)], [named(&allow), named(&deny)]);
    let level = |policies| [Level { target: "r-1", policies }];
    let (fine, bad) = (level(&allows), level(&denies));
    let all = PolicySets {
        management_account: None,
        resource_control: &fine,
        service_control: &fine,
        endpoint: Some(named(&open)),
        resource: ResourceSide { policy: Some(named(&open)), ..ResourceSide::NONE },
        identity: &allows,
        boundary: Some(named(&allow)),
        session: Some(&allows),
    };
    // Resource control policies name principals; these do not, and so deny all and allow nobody.
    let all = PolicySets { resource_control: &[], ..all };
    assert!(ask(&user(OWN), &all).is_allow());
    let source = |sets: PolicySets<'_>| match ask(&user(OWN), &sets) {
        Decision::ExplicitDeny(statement) => statement.source,
        other @ (Decision::Allow(_) | Decision::ImplicitDeny { .. }) => panic!("{other:?}"),
    };
    assert_eq!(source(PolicySets { resource_control: &bad, ..all }), Source::ResourceControl);
    assert_eq!(source(PolicySets { service_control: &bad, ..all }), Source::ServiceControl);
    assert_eq!(source(PolicySets { endpoint: Some(named(&closed)), ..all }), Source::Endpoint);
    let resource = ResourceSide { policy: Some(named(&closed)), ..ResourceSide::NONE };
    assert_eq!(source(PolicySets { resource, ..all }), Source::Resource);
    assert_eq!(source(PolicySets { identity: &denies, ..all }), Source::Identity);
    assert_eq!(source(PolicySets { boundary: Some(named(&deny)), ..all }), Source::Boundary);
    assert_eq!(source(PolicySets { session: Some(&denies), ..all }), Source::Session);
}

#[test]
fn every_level_of_service_control_policies_must_allow() {
    let (all, some) = (says("Allow", "*"), says("Allow", "kms:*"));
    let (open, narrow) = ([named(&all)], [named(&some)]);
    let levels = |unit| [Level { target: "r-1", policies: &open }, Level { target: "ou-1", policies: unit }];
    let (fine, short) = (levels(&open), levels(&narrow));
    let sets = |service_control| PolicySets { service_control, identity: &open, ..PolicySets::NONE };
    for principal in [user(OWN), session(OWN, false), Principal::Root(account(OWN))] {
        assert!(ask(&principal, &sets(&fine)).is_allow(), "{principal}");
        assert_eq!(
            missing(&ask(&principal, &sets(&short))),
            Some(lack(Source::ServiceControl)),
            "{principal}"
        );
    }
}

#[test]
fn service_control_policies_bind_neither_the_management_account_nor_services() {
    let (all, none) = (says("Allow", "*"), says("Deny", "*"));
    let (open, closed) = ([named(&all)], [named(&none)]);
    let levels = [Level { target: "r-1", policies: &closed }];
    let sets = PolicySets { service_control: &levels, identity: &open, ..PolicySets::NONE };
    assert!(!ask(&user(OWN), &sets).is_allow());
    let managed = PolicySets { management_account: Some(account(OWN)), ..sets };
    assert!(ask(&user(OWN), &managed).is_allow());
    assert!(ask(&Principal::Root(account(OWN)), &managed).is_allow());
    assert!(ask(&session(OWN, true), &sets).is_allow());
    let public = everybody();
    let sets = PolicySets { resource: with_resource(&public).resource, ..sets };
    assert!(ask(&Principal::Anonymous, &sets).is_allow());
    assert!(ask(&Principal::Service("s3.amazonaws.com".into()), &sets).is_allow());
}

#[test]
fn resource_control_policies_go_by_the_account_of_the_resource() {
    let rcp = |effect: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Principal":"*","Action":"*","Resource":"*"}}]}}"#
        );
        policy(&text, Kind::FullResourceControl)
    };
    let (full, closed, public) = (rcp("Allow"), rcp("Deny"), everybody());
    let (open, shut) = ([named(&full)], [named(&closed)]);
    let (fine, bad) = ([Level { target: "r", policies: &open }], [Level { target: "r", policies: &shut }]);
    let sets = |resource_control| PolicySets { resource_control, ..with_resource(&public) };
    for principal in [user(OWN), Principal::Anonymous, Principal::Service("s3.amazonaws.com".into())] {
        assert!(ask(&principal, &sets(&fine)).is_allow(), "{principal}");
        assert!(!ask(&principal, &sets(&bad)).is_allow(), "{principal}");
        let managed = PolicySets { management_account: Some(account(OWN)), ..sets(&bad) };
        assert!(ask(&principal, &managed).is_allow(), "{principal}");
        let elsewhere = PolicySets { management_account: Some(account(OTHER)), ..sets(&bad) };
        assert!(!ask(&principal, &elsewhere).is_allow(), "{principal}");
    }
    assert!(ask(&session(OWN, true), &sets(&bad)).is_allow());
    let nothing = [Level { target: "r", policies: &[] }];
    assert_eq!(missing(&ask(&user(OWN), &sets(&nothing))), Some(lack(Source::ResourceControl)));
}

#[test]
fn an_endpoint_policy_must_allow_whoever_comes_through() {
    let (public, allow) = (everybody(), says("Allow", "*"));
    let other = bucket("Allow", &format!(r#""Principal":{{"AWS":"{OTHER}"}}"#));
    let identity = [named(&allow)];
    let sets = PolicySets { identity: &identity, endpoint: Some(named(&public)), ..with_resource(&public) };
    let narrow = PolicySets { endpoint: Some(named(&other)), ..sets };
    for principal in [user(OWN), Principal::Root(account(OWN)), Principal::Anonymous] {
        assert!(ask(&principal, &sets).is_allow(), "{principal}");
        assert_eq!(missing(&ask(&principal, &narrow)), Some(lack(Source::Endpoint)), "{principal}");
    }
}

/// The table of "Policy evaluation logic", "Resource-based policies and implicit denies in other policy types (same
/// account)": who is named → who asks → what still limits.
#[test]
fn whom_a_resource_policy_names_decides_what_still_limits_within_an_account() {
    let nothing = says("Allow", "kms:*");
    let limits = [named(&nothing)];
    let (by_user, by_id) = (to("arn:aws:iam::111111111111:user/team/Ann"), to("AIDA0000000000000ANN"));
    let (by_role, by_role_id) =
        (to("arn:aws:iam::111111111111:role/path/Reader"), to("AROA0000000000READER"));
    let by_session = to("arn:aws:sts::111111111111:assumed-role/Reader/monday");
    let by_federated = to("arn:aws:sts::111111111111:federated-user/fed");
    let (by_account, by_root) = (to(OWN), to("arn:aws:iam::111111111111:root"));
    let all = everybody();
    let cases: &[(&Policy, Principal, [Option<Missing>; 3])] = &[
        (&by_user, user(OWN), [None, None, None]),
        (&by_id, user(OWN), [None, None, None]),
        (&by_role, session(OWN, false), [None, Some(lack(Source::Boundary)), Some(lack(Source::Session))]),
        (&by_role_id, session(OWN, false), [None, Some(lack(Source::Boundary)), Some(lack(Source::Session))]),
        (&by_session, session(OWN, false), [None, None, None]),
        (&by_federated, federated(OWN), [None, None, None]),
        (&by_user, federated(OWN), [None, Some(lack(Source::Boundary)), Some(lack(Source::Session))]),
        (&by_id, federated(OWN), [None, Some(lack(Source::Boundary)), Some(lack(Source::Session))]),
        (&all, user(OWN), [None, None, None]),
        (&all, session(OWN, false), [None, None, None]),
        (&by_account, user(OWN), [Some(lack(Source::Identity)); 3]),
        (&by_root, session(OWN, false), [Some(lack(Source::Identity)); 3]),
    ];
    for (policy, principal, expected) in cases {
        let plain = with_resource(policy);
        let bounded = PolicySets { boundary: Some(named(&nothing)), ..plain };
        let narrowed = PolicySets { session: Some(&limits), ..plain };
        let found = [plain, bounded, narrowed].map(|sets| missing(&ask(principal, &sets)));
        assert_eq!(found, *expected, "{principal} {policy:?}");
    }
}

#[test]
fn a_resource_policy_that_names_another_grants_nothing() {
    for policy in [
        to("arn:aws:iam::111111111111:user/Ann"),
        to("arn:aws:iam::222222222222:user/team/Ann"),
        to("AIDA0000000000000BOB"),
        to("arn:aws:iam::111111111111:role/path/Reader"),
        to("arn:aws:sts::111111111111:federated-user/Ann"),
        to(OTHER),
        bucket("Allow", r#""Principal":{"Service":"s3.amazonaws.com"}"#),
        bucket("Allow", r#""Principal":{"Federated":"accounts.google.com"}"#),
    ] {
        assert!(!ask(&user(OWN), &with_resource(&policy)).is_allow(), "{policy:?}");
    }
    let other_session = to("arn:aws:sts::111111111111:assumed-role/Reader/tuesday");
    assert!(!ask(&session(OWN, false), &with_resource(&other_session)).is_allow());
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let (allow, nothing) = (says("Allow", "s3:*"), says("Allow", "kms:*"));
    let identity = [named(&allow)];
    let none = [named(&nothing)];
    for policy in [
        to(OTHER),
        to("arn:aws:iam::222222222222:root"),
        to("arn:aws:iam::222222222222:user/team/Ann"),
        everybody(),
    ] {
        let sets = with_resource(&policy);
        assert_eq!(missing(&ask(&user(OTHER), &sets)), Some(lack(Source::Identity)));
        let both = PolicySets { identity: &identity, ..sets };
        assert!(ask(&user(OTHER), &both).is_allow());
        let bounded = PolicySets { boundary: Some(named(&nothing)), ..both };
        assert_eq!(missing(&ask(&user(OTHER), &bounded)), Some(lack(Source::Boundary)));
        let narrowed = PolicySets { session: Some(&none), ..both };
        assert_eq!(missing(&ask(&user(OTHER), &narrowed)), Some(lack(Source::Session)));
    }
    let session_arn = to("arn:aws:sts::222222222222:assumed-role/Reader/monday");
    assert_eq!(
        missing(&ask(&session(OTHER, false), &with_resource(&session_arn))),
        Some(lack(Source::Identity))
    );
    let account_wide = to(OTHER);
    assert!(ask(&Principal::Root(account(OTHER)), &with_resource(&account_wide)).is_allow());
}

#[test]
fn boundaries_and_session_policies_intersect_with_identity_policies() {
    let (allow, nothing) = (says("Allow", "s3:*"), says("Allow", "kms:*"));
    let (identity, none) = ([named(&allow)], [named(&nothing)]);
    let sets = PolicySets {
        identity: &identity,
        boundary: Some(named(&allow)),
        session: Some(&identity),
        ..PolicySets::NONE
    };
    assert!(ask(&session(OWN, false), &sets).is_allow());
    let bounded = PolicySets { boundary: Some(named(&nothing)), ..sets };
    assert_eq!(missing(&ask(&session(OWN, false), &bounded)), Some(lack(Source::Boundary)));
    let narrowed = PolicySets { session: Some(&none), ..sets };
    assert_eq!(missing(&ask(&session(OWN, false), &narrowed)), Some(lack(Source::Session)));
    let only_boundary = PolicySets { identity: &none, ..sets };
    assert_eq!(missing(&ask(&session(OWN, false), &only_boundary)), Some(lack(Source::Identity)));
}

#[test]
fn several_session_policies_are_a_union() {
    let (allow, nothing) = (says("Allow", "s3:*"), says("Allow", "kms:*"));
    let (identity, both) = ([named(&allow)], [named(&nothing), named(&allow)]);
    let sets = PolicySets { identity: &identity, session: Some(&both), ..PolicySets::NONE };
    assert!(ask(&session(OWN, false), &sets).is_allow());
}

#[test]
fn a_federated_session_without_policies_may_do_nothing_of_its_own() {
    let allow = says("Allow", "*");
    let identity = [named(&allow)];
    let sets = PolicySets { identity: &identity, session: Some(&[]), ..PolicySets::NONE };
    assert_eq!(missing(&ask(&federated(OWN), &sets)), Some(lack(Source::Session)));
    let with = PolicySets { session: Some(&identity), ..sets };
    assert!(ask(&federated(OWN), &with).is_allow());
    let root =
        Principal::FederatedUser(FederatedUser { account: account(OWN), name: "r".into(), issuer: None });
    assert_eq!(
        missing(&ask(&root, &PolicySets { session: Some(&[]), ..PolicySets::NONE })),
        Some(lack(Source::Session))
    );
    assert!(ask(&root, &PolicySets { session: Some(&identity), ..PolicySets::NONE }).is_allow());
}

#[test]
fn roles_and_keys_must_grant_even_within_their_account() {
    let allow = says("Allow", "*");
    let identity = [named(&allow)];
    let (delegating, direct) = (to(OWN), to("arn:aws:iam::111111111111:user/team/Ann"));
    let side = |policy| ResourceSide { policy, must_allow: true, ..ResourceSide::NONE };
    let sets = |policy, identity| PolicySets { resource: side(policy), identity, ..PolicySets::NONE };
    assert_eq!(missing(&ask(&user(OWN), &sets(None, &identity))), Some(lack(Source::Resource)));
    assert_eq!(missing(&ask(&Principal::Root(account(OWN)), &sets(None, &[]))), Some(lack(Source::Resource)));
    assert!(ask(&user(OWN), &sets(Some(named(&delegating)), &identity)).is_allow());
    assert_eq!(missing(&ask(&user(OWN), &sets(Some(named(&delegating)), &[]))), Some(lack(Source::Identity)));
    assert!(ask(&user(OWN), &sets(Some(named(&direct)), &[])).is_allow());
    assert!(ask(&Principal::Root(account(OWN)), &sets(Some(named(&delegating)), &[])).is_allow());
}

#[test]
fn services_and_identities_of_providers_need_to_be_named() {
    let service = Principal::Service("logging.s3.amazonaws.com".into());
    let named_service = bucket("Allow", r#""Principal":{"Service":"logging.s3.amazonaws.com"}"#);
    let other = bucket("Allow", r#""Principal":{"Service":"s3.amazonaws.com"}"#);
    assert!(ask(&service, &with_resource(&named_service)).is_allow());
    assert_eq!(missing(&ask(&service, &with_resource(&other))), Some(lack(Source::Resource)));
    let google = Principal::WebIdentity("accounts.google.com".into());
    let provider = bucket("Allow", r#""Principal":{"Federated":"accounts.google.com"}"#);
    assert!(ask(&google, &with_resource(&provider)).is_allow());
    assert!(!ask(&google, &with_resource(&everybody())).is_allow());
    let closed = policy(
        r#"{"Statement":[
            {"Effect":"Allow","Principal":{"Federated":"accounts.google.com"},"Action":"s3:*","Resource":"arn:aws:s3:::b/*"},
            {"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}]}"#,
        Kind::Bucket,
    );
    assert!(matches!(ask(&google, &with_resource(&closed)), Decision::ExplicitDeny(_)));
}

#[test]
fn what_only_limits_lets_everybody_through_who_has_a_token_too() {
    let google = Principal::WebIdentity("accounts.google.com".into());
    let provider = bucket("Allow", r#""Principal":{"Federated":"accounts.google.com"}"#);
    let open = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#;
    let (endpoint, control) = (policy(open, Kind::Endpoint), policy(open, Kind::FullResourceControl));
    let controls = [named(&control)];
    let levels = [Level { target: "r-root", policies: &controls }];
    let sets = PolicySets {
        endpoint: Some(named(&endpoint)),
        resource_control: &levels,
        ..with_resource(&provider)
    };
    assert!(ask(&google, &sets).is_allow());
    let closed = policy(&open.replace("Allow", "Deny"), Kind::Endpoint);
    let shut = PolicySets { endpoint: Some(named(&closed)), ..sets };
    assert!(matches!(ask(&google, &shut), Decision::ExplicitDeny(_)));
    let ann = open.replace(r#""*","Action""#, r#"{"AWS":"111111111111"},"Action""#);
    let narrow = policy(&ann, Kind::Endpoint);
    let narrow = PolicySets { endpoint: Some(named(&narrow)), ..sets };
    assert_eq!(missing(&ask(&google, &narrow)), Some(lack(Source::Endpoint)));
    assert_eq!(
        missing(&ask(&google, &PolicySets { resource: with_resource(&everybody()).resource, ..sets })),
        Some(lack(Source::Resource))
    );
}

#[test]
fn the_stores_workers_are_bound_by_their_account_alone() {
    let worker =
        |of: &str| Principal::Worker { service: "lifecycle.s3.amazonaws.com".into(), account: account(of) };
    let closed = bucket("Deny", r#""Principal":"*""#);
    assert!(ask(&worker(OWN), &with_resource(&closed)).is_allow());
    assert_eq!(missing(&ask(&worker(OTHER), &with_resource(&everybody()))), Some(lack(Source::Resource)));
}

#[test]
fn a_canonical_user_is_an_account() {
    let id = CanonicalUserId::from_bytes([7; 32]);
    let policy = bucket("Allow", &format!(r#""Principal":{{"CanonicalUser":"{id}"}}"#));
    let allow = says("Allow", "*");
    let identity = [named(&allow)];
    let principal = user(OTHER);
    let decide = |canonical_user, identity| {
        let request = Request {
            principal: &principal,
            canonical_user,
            action: "s3:GetObject",
            resource: OBJECT,
            resource_account: account(OWN),
            context: &NoContext,
        };
        evaluate(&request, &PolicySets { identity, ..with_resource(&policy) })
    };
    assert!(decide(Some(id), &identity).is_allow());
    assert_eq!(missing(&decide(Some(id), &[])), Some(lack(Source::Identity)));
    assert_eq!(missing(&decide(None, &identity)), Some(lack(Source::Resource)));
}

#[test]
fn a_grant_of_an_access_control_list_is_the_resources_allow() {
    let allow = says("Allow", "*");
    let identity = [named(&allow)];
    let sets = |acl, identity| PolicySets {
        resource: ResourceSide { acl, ..ResourceSide::NONE },
        identity,
        ..PolicySets::NONE
    };
    assert!(ask(&Principal::Anonymous, &sets(AclGrant::Group, &[])).is_allow());
    assert!(!ask(&Principal::Anonymous, &sets(AclGrant::Account, &[])).is_allow());
    assert!(ask(&user(OTHER), &sets(AclGrant::Account, &identity)).is_allow());
    assert_eq!(missing(&ask(&user(OTHER), &sets(AclGrant::Account, &[]))), Some(lack(Source::Identity)));
    let closed = bucket("Deny", r#""Principal":"*""#);
    let resource = ResourceSide { acl: AclGrant::Group, policy: Some(named(&closed)), ..ResourceSide::NONE };
    let denied = ask(&Principal::Anonymous, &PolicySets { resource, ..PolicySets::NONE });
    assert!(matches!(denied, Decision::ExplicitDeny(_)));
}

#[test]
fn restrict_public_buckets_keeps_a_public_policy_within_its_account() {
    let policy = policy(
        r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*","Service":"s3.amazonaws.com"},"Action":"s3:*","Resource":"arn:aws:s3:::b/*"}]}"#,
        Kind::Bucket,
    );
    let allow = says("Allow", "*");
    let identity = [named(&allow)];
    let resource = ResourceSide { policy: Some(named(&policy)), restricted: true, ..ResourceSide::NONE };
    let sets = PolicySets { resource, identity: &identity, ..PolicySets::NONE };
    assert!(ask(&user(OWN), &sets).is_allow());
    assert!(ask(&Principal::Service("s3.amazonaws.com".into()), &sets).is_allow());
    for principal in [user(OTHER), Principal::Anonymous, Principal::Root(account(OTHER))] {
        let decision = ask(&principal, &sets);
        assert_eq!(missing(&decision), Some(Missing::PublicAccessBlocked), "{principal}");
        assert!(decision.because("s3:GetObject").unwrap().contains("RestrictPublicBuckets"));
    }
}

#[test]
fn not_principal_spares_whom_it_lists_with_their_account() {
    let spares = |list: &str, who: &Principal, boundary: bool| {
        let allow = says("Allow", "*");
        let identity = [named(&allow)];
        let policy = bucket("Deny", &format!(r#""NotPrincipal":{{"AWS":[{list}]}}"#));
        let boundary = boundary.then(|| named(&allow));
        ask(who, &PolicySets { identity: &identity, boundary, ..with_resource(&policy) }).is_allow()
    };
    let (root, ann) = (r#""arn:aws:iam::111111111111:root""#, r#""arn:aws:iam::111111111111:user/team/Ann""#);
    assert!(spares(&format!("{root},{ann}"), &user(OWN), false));
    assert!(!spares(root, &user(OWN), false));
    assert!(!spares(ann, &user(OWN), false));
    assert!(spares(root, &Principal::Root(account(OWN)), false));
    assert!(!spares(ann, &Principal::Root(account(OWN)), false));
    assert!(!spares(&format!("{root},{ann}"), &user(OWN), true), "a bearer of a boundary is never spared");
    assert!(spares(r#""*""#, &user(OWN), false));
    let role = r#""arn:aws:iam::111111111111:role/path/Reader""#;
    let monday = r#""arn:aws:sts::111111111111:assumed-role/Reader/monday""#;
    let tuesday = r#""arn:aws:sts::111111111111:assumed-role/Reader/tuesday""#;
    let who = session(OWN, false);
    assert!(spares(&format!("{root},{role}"), &who, false));
    assert!(spares(&format!("{root},{role},{monday}"), &who, false));
    assert!(!spares(&format!("{root},{role},{tuesday}"), &who, false));
    assert!(!spares(&format!("{root},{monday}"), &who, false));
    assert!(!spares(role, &who, false));
}

#[test]
fn a_denial_of_an_account_a_role_or_an_issuer_reaches_all_who_act_for_them() {
    let allow = says("Allow", "*");
    let identity = [named(&allow)];
    for (denied, who) in [
        (OWN, user(OWN)),
        (OWN, session(OWN, false)),
        ("arn:aws:iam::111111111111:root", federated(OWN)),
        ("arn:aws:iam::111111111111:role/path/Reader", session(OWN, false)),
        ("arn:aws:iam::111111111111:user/team/Ann", federated(OWN)),
        ("*", Principal::Root(account(OWN))),
    ] {
        let policy = bucket("Deny", &format!(r#""Principal":{{"AWS":"{denied}"}}"#));
        let sets = PolicySets { identity: &identity, session: Some(&identity), ..with_resource(&policy) };
        assert!(matches!(ask(&who, &sets), Decision::ExplicitDeny(_)), "{denied} {who}");
    }
}

#[test]
fn not_action_and_not_resource_are_everything_else() {
    let decide = |elements: &str, action: &str, resource: &str| {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{elements}}}]}}"#);
        let policy = policy(&text, Kind::Managed);
        let (principal, identity) = (user(OWN), [named(&policy)]);
        let request = Request {
            principal: &principal,
            canonical_user: None,
            action,
            resource,
            resource_account: account(OWN),
            context: &NoContext,
        };
        evaluate(&request, &PolicySets { identity: &identity, ..PolicySets::NONE }).is_allow()
    };
    let not_action = r#""NotAction":["iam:*","s3:Put*"],"Resource":"*""#;
    assert!(decide(not_action, "s3:GetObject", OBJECT));
    assert!(!decide(not_action, "s3:PutObject", OBJECT));
    let not_resource = r#""Action":"s3:*","NotResource":["arn:aws:s3:::b/*"]"#;
    assert!(!decide(not_resource, "s3:GetObject", OBJECT));
    assert!(decide(not_resource, "s3:GetObject", "arn:aws:s3:::c/k"));
    let unresolved = r#""Action":"s3:*","NotResource":["arn:aws:s3:::b/${aws:username}/*"]"#;
    assert!(!decide(unresolved, "s3:GetObject", OBJECT), "what nobody can tell is no grant");
}

#[test]
fn conditions_and_variables_are_those_of_the_request() {
    let policy = policy(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject",
            "Resource":"arn:aws:s3:::b/home/${aws:username}/*",
            "Condition":{"Bool":{"aws:SecureTransport":"true"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}"#,
        Kind::Managed,
    );
    let (principal, identity) = (user(OWN), [named(&policy)]);
    let sets = PolicySets { identity: &identity, ..PolicySets::NONE };
    let decide = |resource: &str, context: &ContextMap| {
        let request = Request {
            principal: &principal,
            canonical_user: None,
            action: "s3:GetObject",
            resource,
            resource_account: account(OWN),
            context,
        };
        (evaluate(&request, &sets).is_allow(), explain(&request, &sets))
    };
    let context = ContextMap::new()
        .with("aws:username", "Ann")
        .with("aws:SecureTransport", "true")
        .with("aws:SourceIp", "10.1.2.3");
    assert!(decide("arn:aws:s3:::b/home/Ann/x", &context).0);
    assert!(!decide("arn:aws:s3:::b/home/Bob/x", &context).0);
    let (allowed, trace) = decide("arn:aws:s3:::b/home/Ann/x", &context.with("aws:SourceIp", "192.0.2.1"));
    assert!(!allowed);
    let step = trace.steps.iter().find(|step| step.source == Source::Identity).unwrap();
    assert_eq!(step.outcome, StepOutcome::Silent);
    let statement = StatementTrace {
        index: 0,
        sid: None,
        effect: Effect::Allow,
        outcome: StatementOutcome::ConditionFails {
            operator: "IpAddress".into(),
            key: "aws:sourceip".into(),
            found: Some(vec!["192.0.2.1".into()]),
        },
    };
    assert_eq!(step.policies[0].statements, [statement]);
}

#[test]
fn resource_policies_speak_of_the_resources_own_arn() {
    let point = "arn:aws:s3:us-east-1:111111111111:accesspoint/p/object/k";
    let public = everybody();
    let principal = Principal::Anonymous;
    let request = Request {
        principal: &principal,
        canonical_user: None,
        action: "s3:GetObject",
        resource: point,
        resource_account: account(OWN),
        context: &NoContext,
    };
    assert!(!evaluate(&request, &with_resource(&public)).is_allow());
    let resource = ResourceSide { arn: Some(OBJECT), ..with_resource(&public).resource };
    assert!(evaluate(&request, &PolicySets { resource, ..PolicySets::NONE }).is_allow());
}

#[test]
fn what_is_denied_of_a_bucket_is_denied_through_an_access_point() {
    let point = "arn:aws:s3:us-east-1:111111111111:accesspoint/p/object/k";
    let allow = says("Allow", "*");
    let decide = |effect: &str, element: &str| {
        let text = format!(r#"{{"Statement":[{{"Effect":"{effect}","Action":"s3:*",{element}}}]}}"#);
        let own = policy(&text, Kind::Managed);
        let identity = [named(&own), named(&allow)];
        let identity = if effect == "Deny" { &identity[..] } else { &identity[..1] };
        let principal = user(OWN);
        let request = Request {
            principal: &principal,
            canonical_user: None,
            action: "s3:GetObject",
            resource: point,
            resource_account: account(OWN),
            context: &NoContext,
        };
        let resource = ResourceSide { arn: Some(OBJECT), ..ResourceSide::NONE };
        evaluate(&request, &PolicySets { resource, identity, ..PolicySets::NONE }).is_allow()
    };
    assert!(!decide("Deny", &format!(r#""Resource":"{OBJECT}""#)));
    assert!(!decide("Deny", &format!(r#""Resource":"{point}""#)));
    assert!(decide("Deny", r#""Resource":"arn:aws:s3:::other/*""#));
    assert!(decide("Deny", &format!(r#""NotResource":"{point}""#)), "all but the access point is denied");
    assert!(!decide("Deny", &format!(r#""NotResource":"{OBJECT}""#)));
    assert!(
        !decide("Allow", &format!(r#""Resource":"{OBJECT}""#)),
        "leave for the bucket is none for the point"
    );
    assert!(decide("Allow", &format!(r#""Resource":"{point}""#)));
}

#[test]
fn a_policy_without_principals_grants_nothing_on_a_resource() {
    let stray = says("Allow", "*");
    assert!(!ask(&Principal::Anonymous, &with_resource(&stray)).is_allow());
}

#[test]
fn a_denial_says_why_in_awss_words() {
    let deny = says("Deny", "*");
    let identity = [named(&deny)];
    let decision = ask(&user(OWN), &PolicySets { identity: &identity, ..PolicySets::NONE });
    assert_eq!(
        decision.because("s3:GetObject").unwrap(),
        "with an explicit deny in an identity-based policy"
    );
    let because = ask(&user(OWN), &PolicySets::NONE).because("s3:GetObject").unwrap();
    assert_eq!(because, "because no identity-based policy allows the s3:GetObject action");
    assert_eq!(ask(&Principal::Root(account(OWN)), &PolicySets::NONE).because("s3:GetObject"), None);
}

#[test]
fn a_trace_tells_all_even_behind_a_deny() {
    let (deny, allow) = (says("Deny", "*"), says("Allow", "*"));
    let identity = [named(&deny), named(&allow)];
    let principal = user(OWN);
    let request = Request {
        principal: &principal,
        canonical_user: None,
        action: "s3:GetObject",
        resource: OBJECT,
        resource_account: account(OWN),
        context: &NoContext,
    };
    let sets = PolicySets {
        management_account: Some(account(OWN)),
        identity: &identity,
        boundary: Some(named(&allow)),
        ..PolicySets::NONE
    };
    let trace = explain(&request, &sets);
    assert!(matches!(trace.decision, Decision::ExplicitDeny(_)));
    let outcomes = trace.steps.iter().map(|step| (step.source, step.outcome)).collect::<Vec<_>>();
    assert_eq!(
        outcomes,
        [
            (Source::ResourceControl, StepOutcome::Skipped("the resource belongs to the management account")),
            (Source::ServiceControl, StepOutcome::Skipped("the caller belongs to the management account")),
            (Source::Resource, StepOutcome::Silent),
            (Source::Identity, StepOutcome::Denies),
            (Source::Boundary, StepOutcome::Allows(Grant::Direct)),
        ]
    );
    assert_eq!(trace.steps[3].policies.len(), 2);
}

#[test]
fn principals_are_shown_by_their_arns() {
    assert_eq!(user(OWN).to_string(), "arn:aws:iam::111111111111:user/team/Ann");
    assert_eq!(session(OWN, false).to_string(), "arn:aws:sts::111111111111:assumed-role/Reader/monday");
    assert_eq!(federated(OWN).to_string(), "arn:aws:sts::111111111111:federated-user/fed");
    assert_eq!(Principal::Root(account(OWN)).to_string(), "arn:aws:iam::111111111111:root");
}
