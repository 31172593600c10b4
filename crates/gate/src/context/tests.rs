use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use strongroom_policy::Context as _;
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, Region, Timestamp};

use super::*;
use crate::{
    EndpointFacts, Federation, IamUser, RoleSession, Session, SignatureFacts, WebIdentity, WireFacts,
};

const NOW: i64 = 1_800_000_000;

const ALLOW_ALL: &str =
    r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;

fn account() -> AccountId {
    AccountId::parse("111122223333").unwrap()
}

fn session() -> Arc<Session> {
    Arc::new(Session {
        issued_at: Timestamp::from_secs(NOW - 600),
        expires_at: Timestamp::from_secs(NOW + 600),
        mfa_at: Some(Timestamp::from_secs(NOW - 60)),
        policy: None,
        policy_arns: Vec::new(),
        tags: Vec::new(),
        transitive_tags: Vec::new(),
        source_identity: Some("ann".to_owned()),
        federation: Some(Federation {
            provider: "arn:aws:iam::111122223333:oidc-provider/idp.example.com".to_owned(),
            keys: vec![("idp.example.com:sub".to_owned(), vec!["42".to_owned()])],
        }),
    })
}

fn user(session: Option<Arc<Session>>) -> Caller {
    Caller::User(IamUser {
        account: account(),
        canonical: CanonicalUserId::from_bytes([7; 32]),
        user_id: "AIDAEXAMPLEEXAMPLE12".to_owned(),
        name: "Ann".to_owned(),
        path: "/engineering/".to_owned(),
        access_key_id: AccessKeyId::long_term([1; 16]),
        session,
    })
}

fn role() -> Caller {
    Caller::Role(RoleSession {
        account: account(),
        canonical: CanonicalUserId::from_bytes([7; 32]),
        role_id: "AROAEXAMPLEEXAMPLE12".to_owned(),
        role_name: "deploy".to_owned(),
        role_path: "/ci/".to_owned(),
        session_name: "build-7".to_owned(),
        access_key_id: AccessKeyId::long_term([1; 16]),
        session: session(),
    })
}

fn request() -> RequestFacts {
    RequestFacts {
        service: "s3",
        region: Region::us_east_1(),
        now: Timestamp::from_secs(NOW),
        source_ip: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
        secure_transport: true,
        wire: WireFacts {
            tls_version: Some("1.3"),
            user_agent: Some("agent/1".to_owned()),
            referer: None,
            second_factor: None,
            endpoint: None,
            is_form: false,
            signature: Some(SignatureFacts {
                auth_type: "REST-HEADER",
                signed_at: Timestamp::from_secs(NOW).minus(Duration::from_millis(1500)),
                content_sha256: Some("UNSIGNED-PAYLOAD".to_owned()),
            }),
        },
    }
}

fn ask(caller: &Caller, key: &str) -> Option<Vec<String>> {
    ask_of(&request(), caller, key)
}

fn ask_of(request: &RequestFacts, caller: &Caller, key: &str) -> Option<Vec<String>> {
    let organization =
        OrganizationFacts { id: "o-example".to_owned(), path: "o-example/r-root/ou-a/".to_owned() };
    let principal =
        PrincipalFacts { tags: vec![("Team".to_owned(), "red".to_owned())], ..PrincipalFacts::default() };
    let object_tags = [("class".to_owned(), "secret".to_owned())];
    let resource_tags = [("Stage".to_owned(), "test".to_owned())];
    let bucket_tags = [("Stage".to_owned(), "live".to_owned())];
    let context = RequestContext {
        caller,
        request,
        target: &Target::default(),
        action: "s3:GetObject",
        operation: "GetObject",
        supposed: None,
        principal: &principal,
        organization: Some(&organization),
        resource: ResourceContext {
            account: Some(account()),
            organization: None,
            tags: &resource_tags,
            is_entity: false,
            details: None,
            version: None,
            bucket_tags: &bucket_tags,
            object_tags: Some(&object_tags),
            access_point: None,
        },
    };
    context.values(key).map(|values| values.to_list())
}

#[track_caller]
fn is(caller: &Caller, key: &str, value: &str) {
    assert_eq!(ask(caller, key), Some(vec![value.to_owned()]), "{key}");
}

#[test]
fn keys_of_the_request_come_from_the_connection_and_the_signature() {
    let user = user(None);
    is(&user, "aws:sourceip", "203.0.113.9");
    is(&user, "aws:securetransport", "true");
    is(&user, "aws:epochtime", "1800000000");
    is(&user, "aws:useragent", "agent/1");
    is(&user, "s3:tlsversion", "1.3");
    is(&user, "s3:signatureage", "1500");
    is(&user, "s3:x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    is(&user, "s3:existingobjecttag/class", "secret");
    is(&user, "aws:resourcetag/stage", "test");
    is(&user, "s3:buckettag/stage", "live");
    assert_eq!(ask(&user, "s3:buckettag/class"), None, "an object's tag is none of its bucket");
    is(&user, "s3:resourceaccount", "111122223333");
    assert_eq!(ask(&user, "aws:referer"), None);
    assert_eq!(ask(&user, "aws:nosuchkey"), None);
    assert_eq!(ask(&user, "nothing"), None);
}

#[test]
fn what_comes_through_a_vpc_endpoint_has_its_keys_and_no_source_ip() {
    let user = user(None);
    let through = RequestFacts {
        wire: WireFacts { endpoint: Some(Arc::new(EndpointFacts::example(ALLOW_ALL))), ..request().wire },
        ..request()
    };
    let keys = [
        ("aws:sourcevpce", "vpce-0123456789abcdef0"),
        ("aws:sourcevpc", "vpc-0123456789abcdef0"),
        ("aws:sourcevpcarn", "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-0123456789abcdef0"),
        ("aws:vpcsourceip", "203.0.113.9"),
        ("aws:vpceaccount", "111122223333"),
        ("aws:vpceorgid", "o-example"),
        ("aws:vpceorgpaths", "o-example/r-root/"),
    ];
    for (key, value) in keys {
        assert_eq!(ask_of(&through, &user, key), Some(vec![value.to_owned()]), "{key}");
        assert_eq!(ask(&user, key), None, "{key}");
    }
    assert_eq!(ask_of(&through, &user, "aws:sourceip"), None);
}

#[test]
fn keys_of_a_user_with_a_long_term_key_say_nothing_of_a_session() {
    let user = user(None);
    is(&user, "aws:username", "Ann");
    is(&user, "aws:userid", "AIDAEXAMPLEEXAMPLE12");
    is(&user, "aws:principalarn", "arn:aws:iam::111122223333:user/engineering/Ann");
    is(&user, "aws:principaltype", "User");
    is(&user, "aws:principaltag/team", "red");
    is(&user, "aws:principalorgid", "o-example");
    is(&user, "aws:principalorgpaths", "o-example/r-root/ou-a/");
    assert_eq!(ask(&user, "aws:multifactorauthpresent"), None);
    assert_eq!(ask(&user, "aws:tokenissuetime"), None);
}

#[test]
fn a_session_tells_of_its_second_factor_and_its_provider() {
    let user = user(Some(session()));
    is(&user, "aws:multifactorauthpresent", "true");
    is(&user, "aws:multifactorauthage", "60");
    is(&user, "aws:sourceidentity", "ann");
    is(&user, "idp.example.com:sub", "42");
    assert_eq!(ask(&user, "idp.example.com:aud"), None);
}

#[test]
fn a_role_session_is_its_role_to_policies() {
    let role = role();
    is(&role, "aws:principalarn", "arn:aws:iam::111122223333:role/ci/deploy");
    is(&role, "aws:userid", "AROAEXAMPLEEXAMPLE12:build-7");
    is(&role, "aws:principaltype", "AssumedRole");
    assert_eq!(ask(&role, "aws:username"), None);
    assert_eq!(
        role.arn().map(|arn| arn.to_string()).as_deref(),
        Some("arn:aws:sts::111122223333:assumed-role/deploy/build-7")
    );
}

#[test]
fn nobody_known_has_a_type_and_an_id_and_no_more() {
    let nobody = Caller::Anonymous;
    is(&nobody, "aws:principaltype", "Anonymous");
    is(&nobody, "aws:userid", "anonymous");
    assert_eq!(ask(&nobody, "aws:principalaccount"), None);
    assert_eq!(ask(&nobody, "aws:principalarn"), None);
}

/// Somebody with a token of an identity provider.
fn web_identity() -> Caller {
    Caller::WebIdentity(Arc::new(WebIdentity {
        provider: "arn:aws:iam::111122223333:oidc-provider/idp.example.com".to_owned(),
        issuer: "idp.example.com".to_owned(),
        subject: "42".to_owned(),
        audience: "app".to_owned(),
        keys: vec![("idp.example.com:sub".to_owned(), vec!["42".to_owned()])],
        tags: vec![("Team".to_owned(), "red".to_owned())],
        transitive_tags: vec!["Team".to_owned()],
        source_identity: Some("ann".to_owned()),
    }))
}

#[test]
fn a_token_of_an_identity_provider_fills_the_keys_of_its_issuer_and_its_tags() {
    let web = web_identity();
    is(&web, "idp.example.com:sub", "42");
    is(&web, "aws:federatedprovider", "arn:aws:iam::111122223333:oidc-provider/idp.example.com");
    is(&web, "aws:requesttag/team", "red");
    is(&web, "aws:tagkeys", "Team");
    is(&web, "sts:transitivetagkeys", "Team");
    is(&web, "sts:sourceidentity", "ann");
    is(&web, "aws:principaltype", "WebIdentityUser");
    for absent in ["idp.example.com:aud", "aws:principalarn", "aws:principalaccount", "aws:tokenissuetime"] {
        assert_eq!(ask(&web, absent), None, "{absent}");
    }
}

#[test]
fn a_code_in_the_request_is_a_second_factor_of_a_long_term_key_too() {
    let mut request = request();
    request.wire.second_factor = Some(Timestamp::from_secs(NOW));
    let user = user(None);
    let asked = |key: &str| ask_of(&request, &user, key);
    assert_eq!(asked("aws:multifactorauthpresent"), Some(vec!["true".to_owned()]));
    assert_eq!(asked("aws:multifactorauthage"), Some(vec!["0".to_owned()]));
    assert_eq!(ask(&user, "aws:multifactorauthpresent"), None);
}

/// What a key is of an operation of S3 with this input.
fn ask_s3(
    action: &str,
    operation: &str,
    input: &dyn strongroom_shape::Structure,
    key: &str,
) -> Option<String> {
    let caller = user(None);
    let context = RequestContext {
        caller: &caller,
        request: &request(),
        target: &Target::of("s3", input).unwrap(),
        action,
        operation,
        supposed: None,
        principal: &PrincipalFacts::default(),
        organization: None,
        resource: ResourceContext { version: Some(VersionId::Null), ..ResourceContext::default() },
    };
    context.values(key).and_then(|values| values.to_list().pop())
}

#[test]
fn what_makes_an_object_is_told_from_what_prepares_one() {
    use strongroom_api_s3::PutObjectInput;
    let input = PutObjectInput { bucket: "bucket".into(), key: "k".into(), ..PutObjectInput::default() };
    let makes = |action, operation| ask_s3(action, operation, &input, "s3:objectcreationoperation");
    for operation in ["PutObject", "CopyObject", "CompleteMultipartUpload"] {
        assert_eq!(makes("s3:PutObject", operation).as_deref(), Some("true"), "{operation}");
    }
    for operation in ["CreateMultipartUpload", "UploadPart", "UploadPartCopy"] {
        assert_eq!(makes("s3:PutObject", operation).as_deref(), Some("false"), "{operation}");
    }
    assert_eq!(makes("s3:PutObjectTagging", "PutObject"), None);
    assert_eq!(makes("s3:GetObject", "CopyObject"), None);
}

#[test]
fn a_version_is_the_one_that_is_asked_about() {
    let input = strongroom_api_s3::DeleteObjectsInput { bucket: "bucket".into(), ..Default::default() };
    let asked = ask_s3("s3:DeleteObjectVersion", "DeleteObjects", &input, "s3:versionid");
    assert_eq!(asked.as_deref(), Some("null"));
}

#[test]
fn a_lock_in_a_body_has_the_keys_of_one_in_headers() {
    use strongroom_api_s3 as api;
    let until = Timestamp::from_secs(NOW + 10 * 24 * 60 * 60);
    let body = api::PutObjectRetentionInput {
        bucket: "bucket".into(),
        key: "k".into(),
        retention: Some(Box::new(api::ObjectLockRetention {
            mode: Some(api::ObjectLockRetentionMode::Governance),
            retain_until_date: Some(until),
            ..Default::default()
        })),
        ..Default::default()
    };
    let headers = api::PutObjectInput {
        bucket: "bucket".into(),
        key: "k".into(),
        object_lock_mode: Some(api::ObjectLockMode::Governance),
        object_lock_retain_until_date: Some(until),
        ..Default::default()
    };
    let asked = |key: &str| {
        let in_body = ask_s3("s3:PutObjectRetention", "PutObjectRetention", &body, key);
        assert_eq!(ask_s3("s3:PutObjectRetention", "PutObject", &headers, key), in_body, "{key}");
        in_body
    };
    assert_eq!(asked("s3:object-lock-mode").as_deref(), Some("GOVERNANCE"));
    assert_eq!(asked("s3:object-lock-retain-until-date").as_deref(), Some("2027-01-25T08:00:00Z"));
    assert_eq!(asked("s3:object-lock-remaining-retention-days").as_deref(), Some("10"));
    let hold = api::PutObjectLegalHoldInput {
        bucket: "bucket".into(),
        key: "k".into(),
        legal_hold: Some(Box::new(api::ObjectLockLegalHold {
            status: Some(api::ObjectLockLegalHoldStatus::On),
        })),
        ..Default::default()
    };
    let asked = ask_s3("s3:PutObjectLegalHold", "PutObjectLegalHold", &hold, "s3:object-lock-legal-hold");
    assert_eq!(asked.as_deref(), Some("ON"));
}

#[test]
fn of_what_is_sensitive_policies_may_ask_for_the_name_of_a_key_alone() {
    let input = strongroom_api_s3::PutObjectInput {
        bucket: "bucket".into(),
        key: "k".into(),
        sse_kms_key_id: Some("alias/a".into()),
        sse_customer_key: Some("c2VjcmV0".into()),
        ..Default::default()
    };
    let asked = |key: &str| ask_s3("s3:PutObject", "PutObject", &input, key);
    assert_eq!(asked("s3:x-amz-server-side-encryption-aws-kms-key-id").as_deref(), Some("alias/a"));
    assert_eq!(asked("s3:x-amz-server-side-encryption-customer-key"), None);
}

#[test]
fn what_has_begun_of_a_day_of_retention_counts() {
    let days = |seconds: i64| {
        let input = strongroom_api_s3::PutObjectInput {
            bucket: "bucket".into(),
            key: "k".into(),
            object_lock_retain_until_date: Some(Timestamp::from_secs(NOW + seconds)),
            ..Default::default()
        };
        ask_s3("s3:PutObjectRetention", "PutObject", &input, "s3:object-lock-remaining-retention-days")
    };
    for (seconds, expected) in [(-5, "0"), (0, "0"), (1, "1"), (86_400, "1"), (86_401, "2")] {
        assert_eq!(days(seconds).as_deref(), Some(expected), "{seconds}");
    }
}

#[test]
fn of_an_account_s_new_address_policies_know_the_domain() {
    let input = strongroom_api_account::StartPrimaryEmailUpdateInput {
        account_id: "111122223333".into(),
        primary_email: "a@b@example.com".into(),
    };
    let target = Target::of("account", &input).unwrap();
    assert_eq!(target.parameters.email_domain.as_deref(), Some("example.com"));
    assert_eq!(target.parameters.member("PrimaryEmail"), None);
}
