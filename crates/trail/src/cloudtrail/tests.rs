use proptest::prelude::*;
use strongroom_record::{CallerRecord, SignatureRecord, TlsRecord};

use super::*;

const EVENT_ID: &str = "cdc4b7ed-e171-4cef-975a-ad829d4123e8";

fn sample() -> (Decided, Completed) {
    let decided = Decided {
        request_id: "47B8E8D397DCE7A6".into(),
        host_id: "10S62Zv81kBW7BB6SX4XJ48o6kpcl6LPwEoizZQQxJd5qDSCTLX0TgS37kYUBKQW3+bPdrg1234=".into(),
        event_id: EVENT_ID.into(),
        received_at_millis: 1_795_537_957_000,
        decided_at_millis: 1_795_537_957_100,
        caller: CallerRecord {
            kind: CallerKind::Root,
            principal_id: Some("111122223333".into()),
            arn: Some("arn:aws:iam::111122223333:root".into()),
            account: Some("111122223333".into()),
            canonical_user_id: None,
            access_key_id: Some("AKIAIOSFODNN7EXAMPLE".into()),
            name: None,
            identity_provider: None,
        },
        service: "s3".into(),
        operation: "PutObject".into(),
        region: "us-west-2".into(),
        verdict: Verdict::Allow,
        bucket: Some("amzn-s3-demo-bucket1".into()),
        bucket_owner: Some("444455556666".into()),
        key: Some("photos/2026/cat.jpg".into()),
        source_ip: "192.0.2.3".into(),
        user_agent: Some("aws-cli/2.15".into()),
        host: Some("amzn-s3-demo-bucket1.s3.us-west-2.amazonaws.com".into()),
        method: "PUT".into(),
        target: "/photos/2026/cat.jpg".into(),
        tls: Some(TlsRecord {
            version: "TLSv1.3".into(),
            cipher: "TLS_AES_128_GCM_SHA256".into(),
            server_name: None,
            key_exchange: Some("X25519MLKEM768".into()),
        }),
        signature: Some(SignatureRecord { version: "SigV4".into(), method: "AuthHeader".into() }),
        request_parameters: Some(
            r#"{"bucketName":"amzn-s3-demo-bucket1","key":"photos/2026/cat.jpg","x-amz-storage-class":"STANDARD"}"#
                .into(),
        ),
        ..Decided::default()
    };
    let completed = Completed {
        request_id: decided.request_id.clone(),
        completed_at_millis: 1_795_537_958_123,
        status: 200,
        bytes_in: 17,
        outcome: Outcome::Sent,
        version_id: Some("3HL4kqtJlcpXroDTDmjVBH40Nrjfkd".into()),
        ..Completed::default()
    };
    (decided, completed)
}

fn parsed(line: &str) -> Value {
    assert_eq!(line.lines().count(), 1);
    serde_json::from_str(line).unwrap()
}

fn event(decided: &Decided, completed: &Completed) -> Value {
    parsed(&render(decided, &[], Some(completed))[0])
}

/// tests/golden/cloudtrail.jsonl: lines made by hand after the examples of the S3 User Guide.
fn golden(name: &str) -> Value {
    let all = include_str!("../../tests/golden/cloudtrail.jsonl");
    let found =
        all.lines().filter(|line| line.starts_with('{')).map(parsed).find(|line| line["name"] == name);
    found.unwrap()["event"].clone()
}

#[test]
fn a_put_reads_as_cloudtrail_writes_it() {
    let (decided, completed) = sample();
    assert_eq!(event(&decided, &completed), golden("put-object"));
}

#[test]
fn a_denied_listing_reads_as_cloudtrail_writes_it() {
    let (decided, completed) = sample();
    let decided = Decided {
        caller: CallerRecord::default(),
        operation: "ListObjectsV2".into(),
        verdict: Verdict::ImplicitDeny,
        key: None,
        read_only: true,
        signature: None,
        tls: None,
        method: "GET".into(),
        request_parameters: Some(r#"{"bucketName":"amzn-s3-demo-bucket1","list-type":"2"}"#.into()),
        ..decided
    };
    let completed = Completed {
        status: 403,
        error_code: Some("AccessDenied".into()),
        error_message: Some("Access Denied".into()),
        bytes_in: 0,
        bytes_out: 243,
        version_id: None,
        ..completed
    };
    assert_eq!(event(&decided, &completed), golden("denied-anonymous-listing"));
}

#[test]
fn members_stand_in_awss_order() {
    let (decided, completed) = sample();
    let line = render(&decided, &[], Some(&completed)).remove(0);
    assert!(line.starts_with(r#"{"eventVersion":"1.11","userIdentity":{"type":"Root","#), "{line}");
}

#[test]
fn operations_bear_the_names_of_the_documented_list() {
    let (decided, completed) = sample();
    let named = |operation: &str, key: Option<&str>, bucket: Option<&str>| {
        let decided = Decided {
            operation: operation.into(),
            key: key.map(str::to_owned),
            bucket: bucket.map(str::to_owned),
            ..decided.clone()
        };
        let event = event(&decided, &completed);
        let category = event["eventCategory"].as_str().unwrap().to_owned();
        assert_eq!(event["managementEvent"], category == "Management");
        (event["eventName"].as_str().unwrap().to_owned(), category)
    };
    let told = |name: &str, category: &str| (name.to_owned(), category.to_owned());
    let b = Some("b");
    assert_eq!(named("PutBucketLifecycleConfiguration", None, b), told("PutBucketLifecycle", "Management"));
    assert_eq!(
        named("GetBucketNotificationConfiguration", None, b),
        told("GetBucketNotification", "Management")
    );
    assert_eq!(
        named("PutBucketAccelerateConfiguration", None, b),
        told("PutAccelerateConfiguration", "Management")
    );
    assert_eq!(
        named("GetObjectLockConfiguration", None, b),
        told("GetBucketObjectLockConfiguration", "Management")
    );
    assert_eq!(named("PutPublicAccessBlock", None, b), told("PutBucketPublicAccessBlock", "Management"));
    assert_eq!(named("ListObjectsV2", None, b), told("ListObjects", "Data"));
    assert_eq!(named("HeadBucket", None, b), told("HeadBucket", "Data"));
    assert_eq!(named("ListBuckets", None, None), told("ListBuckets", "Management"));
    assert_eq!(named("GetObject", Some("k"), b), told("GetObject", "Data"));
    assert_eq!(named("", None, None), told("UnknownOperation", "Management"));
}

#[test]
fn a_block_of_an_account_is_told_from_one_of_a_bucket_though_nothing_was_decided() {
    let (decided, completed) = sample();
    let named = |target: &str| {
        let operation = "DeletePublicAccessBlock".into();
        let decided = Decided { operation, target: target.into(), bucket: None, ..decided.clone() };
        event(&decided, &completed)["eventName"].clone()
    };
    assert_eq!(named("/photos?publicAccessBlock"), "DeleteBucketPublicAccessBlock");
    assert_eq!(named("/?publicAccessBlock"), "DeleteBucketPublicAccessBlock");
    assert_eq!(named("/v20180820/configuration/publicAccessBlock"), "DeleteAccountPublicAccessBlock");
    assert_eq!(named(""), "DeleteAccountPublicAccessBlock");
}

#[test]
fn each_kind_of_caller_has_its_identity() {
    let (decided, completed) = sample();
    let identity = |caller: CallerRecord| {
        let event = event(&Decided { caller, ..decided.clone() }, &completed);
        event["userIdentity"].clone()
    };
    let base = CallerRecord { account: Some("111122223333".into()), ..CallerRecord::default() };
    let anonymous = json!({"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"});
    assert_eq!(identity(CallerRecord::default()), anonymous);
    let claimed = CallerRecord { access_key_id: Some("AKIAX".into()), ..CallerRecord::default() };
    assert_eq!(identity(claimed), json!({"type": "Unknown", "principalId": "", "accessKeyId": "AKIAX"}));
    let user = CallerRecord {
        kind: CallerKind::IamUser,
        principal_id: Some("AIDAX".into()),
        arn: Some("arn:aws:iam::111122223333:user/Alice".into()),
        access_key_id: Some("AKIAX".into()),
        name: Some("Alice".into()),
        ..base.clone()
    };
    assert_eq!(
        identity(user),
        json!({"type": "IAMUser", "principalId": "AIDAX", "arn": "arn:aws:iam::111122223333:user/Alice",
               "accountId": "111122223333", "accessKeyId": "AKIAX", "userName": "Alice"})
    );
    let role = CallerRecord {
        kind: CallerKind::AssumedRole,
        principal_id: Some("AROAIDPPEZS35WEXAMPLE:MySession".into()),
        arn: Some("arn:aws:sts::111122223333:assumed-role/RoleToBeAssumed/MySession".into()),
        access_key_id: Some("ASIAX".into()),
        name: Some("MySession".into()),
        ..base.clone()
    };
    assert_eq!(
        identity(role)["sessionContext"]["sessionIssuer"],
        json!({"type": "Role", "principalId": "AROAIDPPEZS35WEXAMPLE", "accountId": "111122223333",
               "arn": "arn:aws:iam::111122223333:role/RoleToBeAssumed", "userName": "RoleToBeAssumed"})
    );
    let web = CallerRecord {
        kind: CallerKind::WebIdentityUser,
        principal_id: Some("arn:aws:iam::111122223333:oidc-provider/idp.example.com:store:42".into()),
        name: Some("42".into()),
        identity_provider: Some("arn:aws:iam::111122223333:oidc-provider/idp.example.com".into()),
        ..CallerRecord::default()
    };
    assert_eq!(
        identity(web),
        json!({"type": "WebIdentityUser", "userName": "42",
               "principalId": "arn:aws:iam::111122223333:oidc-provider/idp.example.com:store:42",
               "identityProvider": "arn:aws:iam::111122223333:oidc-provider/idp.example.com"})
    );
    let service =
        CallerRecord { kind: CallerKind::AwsService, name: Some("logging.s3.amazonaws.com".into()), ..base };
    assert_eq!(identity(service), json!({"type": "AWSService", "invokedBy": "logging.s3.amazonaws.com"}));
}

fn batch() -> (Decided, Vec<Continued>, Completed) {
    let (decided, completed) = sample();
    let effect = |kind, key: &str, version: Option<&str>, code: Option<&str>| Effect {
        kind,
        key: Some(key.into()),
        version_id: version.map(str::to_owned),
        error_code: code.map(str::to_owned),
        ..Effect::default()
    };
    let decided = Decided {
        operation: "DeleteObjects".into(),
        key: None,
        request_parameters: Some(
            r#"{"bucketName":"amzn-s3-demo-bucket1","Delete":{"Object":[{"Key":"a"}]},"delete":""}"#.into(),
        ),
        effects: vec![
            effect(EffectKind::DeleteMarker, "a", Some("marker"), None),
            effect(EffectKind::Denied, "b", None, Some("AccessDenied")),
        ],
        ..decided
    };
    let more = Continued {
        request_id: String::new(),
        effects: vec![effect(EffectKind::Delete, "c\n\u{2028}", Some("v1"), None)],
    };
    (decided, vec![more], Completed { version_id: None, ..completed })
}

#[test]
fn deleting_several_keys_gives_an_event_for_each_key_besides_its_own() {
    let (decided, more, completed) = batch();
    let lines = render(&decided, &more, Some(&completed));
    let events: Vec<Value> = lines.iter().map(|line| parsed(line)).collect();
    let names: Vec<_> = events.iter().map(|event| event["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["DeleteObjects", "DeleteObject", "DeleteObject", "DeleteObject"]);
    assert_eq!(events[0]["requestParameters"]["delete"], "");
    assert_eq!(events[0]["requestParameters"]["Delete"], Value::Null);
    assert_eq!(events[1]["requestParameters"]["key"], "a");
    assert_eq!(events[1]["responseElements"]["x-amz-version-id"], "marker");
    assert_eq!(events[1]["errorCode"], Value::Null);
    assert_eq!(events[2]["errorCode"], "AccessDenied");
    assert_eq!(events[3]["requestParameters"]["versionId"], "v1");
    assert_eq!(events[3]["resources"][0]["ARN"], "arn:aws:s3:::amzn-s3-demo-bucket1/c\n\u{2028}");
    assert!(!lines[3].contains('\u{2028}'));
    let mut ids: Vec<_> = events.iter().map(|event| event["eventID"].as_str().unwrap()).collect();
    assert_eq!(ids[0], EVENT_ID);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert!(events.iter().all(|event| event["requestID"] == decided.request_id));
}

#[test]
fn an_event_delivered_twice_is_the_same_line() {
    let (decided, more, completed) = batch();
    assert_eq!(render(&decided, &more, Some(&completed)), render(&decided, &more, Some(&completed)));
}

#[test]
fn a_request_without_an_end_is_told_as_interrupted_and_amended_later() {
    let (decided, completed) = sample();
    let first = parsed(&render(&decided, &[], None)[0]);
    assert_eq!(first["additionalEventData"]["outcome"], "interrupted");
    assert_eq!(first["eventTime"], "2026-11-24T16:32:37Z");
    let second = parsed(&render_amended(&decided, &completed));
    assert_eq!(second["addendum"]["reason"], "UPDATED_DATA");
    assert_eq!(second["addendum"]["originalEventID"], EVENT_ID);
    assert_ne!(second["eventID"], EVENT_ID);
    assert_eq!(second["eventTime"], "2026-11-24T16:32:38Z");
}

#[test]
fn a_denial_without_an_end_is_still_a_denial() {
    let (decided, _) = sample();
    let denied = Decided { verdict: Verdict::ExplicitDeny, ..decided };
    assert_eq!(parsed(&render(&denied, &[], None)[0])["errorCode"], "AccessDenied");
}

#[test]
fn fields_keep_their_sizes() {
    let (decided, completed) = sample();
    let decided = Decided {
        user_agent: Some("ü".repeat(2000)),
        request_parameters: Some(format!(r#"{{"x":"{}"}}"#, "y".repeat(200 << 10))),
        ..decided
    };
    let completed = Completed { status: 400, error_message: Some("m".repeat(5000)), ..completed };
    let event = event(&decided, &completed);
    assert!(event["userAgent"].as_str().unwrap().len() <= 1024);
    assert_eq!(event["errorMessage"].as_str().unwrap().len(), 1024);
    assert_eq!(event["requestParameters"]["omitted"], true);
    assert_eq!(event["requestParameters"]["bucketName"], "amzn-s3-demo-bucket1");
}

#[test]
fn counted_refusals_have_an_event_of_the_service() {
    let line =
        render_coalesced(&Coalesced { source_ip: "192.0.2.9".into(), second: 1_795_537_958, refused: 812 });
    let event = parsed(&line);
    assert_eq!(event["eventType"], "AwsServiceEvent");
    assert_eq!(event["serviceEventDetails"]["refusedRequests"], 812);
    assert_eq!(event["eventTime"], "2026-11-24T16:32:38Z");
}

proptest! {
    #[test]
    fn any_record_is_lines_of_valid_json_with_the_required_members(
        texts in proptest::collection::vec(any::<String>(), 16),
        long in "[\\u{0}-\\u{2100}]{0,3000}",
        times: [i64; 2],
        status: u16,
        kind in 0_u8..7,
        which in 0_usize..5,
        resources in 0_usize..40,
    ) {
        let text = |n: usize| texts[n].clone();
        let operation = [text(0), "DeleteObjects".into(), "PutObject".into(), "ListObjects".into(), String::new()];
        let kinds = [
            CallerKind::Anonymous, CallerKind::Root, CallerKind::AwsService, CallerKind::IamUser,
            CallerKind::AssumedRole, CallerKind::FederatedUser, CallerKind::WebIdentityUser,
        ];
        let resource = ResourceRecord { arn: long.clone(), account: Some(text(1)), kind: text(2) };
        let decided = Decided {
            request_id: text(3), host_id: text(4), event_id: text(5), decided_at_millis: times[0],
            caller: CallerRecord {
                kind: kinds[usize::from(kind)], principal_id: Some(text(6)),
                arn: Some(format!("arn:aws:sts::1:assumed-role/{}", text(7))), account: Some(long.clone()),
                canonical_user_id: None, access_key_id: Some(text(8)), name: Some(text(9)),
                identity_provider: Some(long.clone()),
            },
            service: if which == 0 { text(10) } else { "s3".into() },
            operation: operation[which].clone(), region: text(11), resources: vec![resource; resources],
            bucket: Some(long.clone()), key: Some(long.clone()), source_ip: text(12), user_agent: Some(long.clone()),
            host: Some(long.clone()), method: text(13), request_parameters: Some(text(14)),
            effects: vec![Effect { key: Some(long.clone()), error_code: Some(text(15)), ..Effect::default() }; 3],
            ..Decided::default()
        };
        let completed = Completed {
            completed_at_millis: times[1], status, error_code: Some(text(15)), error_message: Some(long.clone()),
            version_id: Some(long), ..Completed::default()
        };
        let mut lines = render(&decided, &[], Some(&completed));
        lines.extend(render(&decided, &[], None));
        lines.push(render_amended(&decided, &completed));
        for line in lines {
            prop_assert!(line.len() <= EVENT_BYTES);
            let breaks = line.chars().any(|c| c.is_control() || c == '\u{2028}' || c == '\u{2029}');
            prop_assert!(!breaks);
            let event: Value = serde_json::from_str(&line).unwrap();
            for member in [
                "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion",
                "sourceIPAddress", "userAgent", "requestParameters", "responseElements", "requestID", "eventID",
                "readOnly", "eventType", "managementEvent", "eventCategory",
            ] {
                prop_assert!(event.get(member).is_some(), "{} is missing", member);
            }
        }
    }
}
