//! Browser uploads: signature fields and policies.

use base64::Engine as _;
use strongroom_sigv4::{
    AuthError, Code, Credentials, ExpectedScope, PostError, PostField, PostInput, PostPolicy, PostTarget,
    RegionRule, SigningKey, VerifiedPost, sign_post_policy,
};
use strongroom_types::{AccessKeyId, BucketName, ObjectKey, Region, SecretAccessKey, Timestamp};

use crate::support::{ID, now, secret, time};

type Fields = Vec<(String, String)>;

const EXPIRATION: &str = "2026-11-24T17:00:00.000Z";

fn encode(policy: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(policy)
}

fn sign(policy: &str, secret: &SecretAccessKey, at: Timestamp, more: &[(&str, &str)]) -> Fields {
    let (id, region) = (AccessKeyId::parse(ID).unwrap(), Region::us_east_1());
    let by = Credentials { access_key_id: &id, secret, session_token: None, region: &region, service: "s3" };
    let signed = sign_post_policy(&by, at, &encode(policy)).unwrap();
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    more.chain(signed.into_iter().map(|(name, value)| (name.to_owned(), value))).collect()
}

fn borrow(fields: &Fields) -> Vec<PostField<'_>> {
    fields.iter().map(|(name, value)| PostField { name, value }).collect()
}

fn verify(fields: &Fields, at: Timestamp) -> Result<VerifiedPost, PostError> {
    let PostInput::Signed(form) = PostInput::from_fields(&borrow(fields))? else {
        panic!("taken for anonymous")
    };
    let key = SigningKey::derive(&secret(), &form.credential().scope);
    form.verify(&key, at, &ExpectedScope { region: RegionRule::Exactly(&Region::us_east_1()), service: "s3" })
}

fn check(policy: &PostPolicy, fields: &[(&str, &str)], key: &str) -> Result<(), PostError> {
    let fields: Vec<PostField<'_>> = fields.iter().map(|(name, value)| PostField { name, value }).collect();
    let (bucket, key) = (BucketName::parse("bucket").unwrap(), ObjectKey::parse(key).unwrap());
    policy.check(&fields, &PostTarget { bucket: &bucket, key: &key })
}

/// A policy of these conditions, beside those that every form needs.
fn policy(conditions: &str) -> PostPolicy {
    let comma = if conditions.is_empty() { "" } else { "," };
    let base = r#"{"bucket": "bucket"}, ["starts-with", "$key", "user/"]"#;
    parse(&format!(r#"{{"expiration": "{EXPIRATION}", "conditions": [{base}{comma}{conditions}]}}"#)).unwrap()
}

fn parse(text: &str) -> Result<PostPolicy, PostError> {
    PostPolicy::parse(&encode(text))
}

fn simple() -> String {
    format!(
        r#"{{"expiration": "{EXPIRATION}", "conditions": [{{"bucket": "bucket"}}, {{"key": "k"}},
        ["starts-with", "$x-amz-credential", ""], {{"x-amz-algorithm": "AWS4-HMAC-SHA256"}},
        ["starts-with", "$x-amz-date", ""]]}}"#
    )
}

#[test]
fn a_signed_form_is_accepted_and_each_wrong_fact_is_refused() {
    let good = sign(&simple(), &secret(), now(), &[("key", "k")]);
    let verified = verify(&good, now()).unwrap();
    let (bucket, key) = (BucketName::parse("bucket").unwrap(), ObjectKey::parse("k").unwrap());
    verified.check(&borrow(&good), &PostTarget { bucket: &bucket, key: &key }).unwrap();
    let other = BucketName::parse("other").unwrap();
    assert!(verified.check(&borrow(&good), &PostTarget { bucket: &other, key: &key }).is_err());

    let wrong = sign(&simple(), &SecretAccessKey::new("wrong".to_owned()), now(), &[("key", "k")]);
    assert_eq!(verify(&wrong, now()).map(|_| ()).unwrap_err().code(), Code::SignatureDoesNotMatch);
    let mut changed = good.clone();
    let at = changed.iter().position(|(name, _)| name == "policy").unwrap();
    changed[at].1 = encode(&simple().replace("\"k\"", "\"l\""));
    assert_eq!(verify(&changed, now()).map(|_| ()).unwrap_err().code(), Code::SignatureDoesNotMatch);
}

#[test]
fn a_form_without_signature_fields_is_anonymous_and_an_incomplete_one_is_not() {
    assert_eq!(PostInput::from_fields(&[PostField { name: "key", value: "k" }]), Ok(PostInput::Anonymous));
    let good = sign(&simple(), &secret(), now(), &[("key", "k")]);
    for left_out in 1..good.len() {
        let mut some = good.clone();
        let (name, _) = some.remove(left_out);
        let error = PostInput::from_fields(&borrow(&some)).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{name}");
        assert!(error.to_string().contains(&format!("'{name}'")), "{error}");
        let alone = vec![good[left_out].clone()];
        assert!(PostInput::from_fields(&borrow(&alone)).is_err(), "{name}");
    }
}

#[test]
fn repeated_fields_are_refused_whatever_their_case() {
    for name in ["key", "KEY", "Policy", "X-Amz-Signature"] {
        let mut fields = sign(&simple(), &secret(), now(), &[("key", "k")]);
        fields.push((name.to_owned(), "other".to_owned()));
        let error = PostInput::from_fields(&borrow(&fields)).unwrap_err();
        assert_eq!(error, PostError::FieldRepeated(name.to_ascii_lowercase()));
    }
}

#[test]
fn signature_version_2_forms_are_refused_with_what_to_use_instead() {
    let fields = [("key", "k"), ("AWSAccessKeyId", ID), ("policy", "e30="), ("signature", "x")];
    let fields = fields.map(|(name, value)| PostField { name, value });
    let error = PostInput::from_fields(&fields).unwrap_err();
    assert_eq!(error, PostError::Auth(AuthError::SignatureVersion2));
    assert!(error.to_string().contains("Please use AWS4-HMAC-SHA256"));
    let mut both = sign(&simple(), &secret(), now(), &[("key", "k")]);
    both.push(("signature".to_owned(), "x".to_owned()));
    assert_eq!(PostInput::from_fields(&borrow(&both)), Err(PostError::Auth(AuthError::SeveralMechanisms)));
}

/// floci #3081: a form whose date and credential disagree was accepted.
#[test]
fn the_date_of_a_form_must_be_that_of_its_credential() {
    let mut fields = sign(&simple(), &secret(), now(), &[("key", "k")]);
    for date in ["20261123T163238Z", "20261125T163238Z", "20261124", ""] {
        let at = fields.iter().position(|(name, _)| name == "x-amz-date").unwrap();
        fields[at].1 = date.to_owned();
        assert_eq!(
            PostInput::from_fields(&borrow(&fields)).unwrap_err().code(),
            Code::InvalidArgument,
            "{date}"
        );
    }
}

#[test]
fn a_form_ends_with_its_policy_and_begins_with_its_date() {
    let form = |at| sign(&simple(), &secret(), time(at), &[("key", "k")]);
    assert!(verify(&form("20261124T163238Z"), time("20261124T165959Z")).is_ok());
    let expired = verify(&form("20261124T163238Z"), time("20261124T170000Z")).map(|_| ()).unwrap_err();
    assert_eq!(expired.to_string(), "Invalid according to Policy: Policy expired.");
    assert_eq!(expired.code(), Code::AccessDenied);
    assert!(verify(&form("20261124T164738Z"), now()).is_ok());
    assert!(matches!(
        verify(&form("20261124T164739Z"), now()),
        Err(PostError::Auth(AuthError::NotYetValid { .. }))
    ));
    assert!(verify(&form("20261117T163238Z"), now()).is_ok());
    assert!(matches!(
        verify(&form("20261117T163237Z"), now()),
        Err(PostError::Auth(AuthError::Expired { .. }))
    ));
}

#[test]
fn policies_that_are_not_of_the_defined_form_are_refused() {
    let conditions = r#""conditions": [["starts-with", "$key", ""]]"#;
    let expiration = format!(r#""expiration": "{EXPIRATION}""#);
    assert!(parse(&format!("{{{expiration}, {conditions}}}")).is_ok());
    for bad in [
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        format!("{{{expiration}}}"),
        format!("{{{conditions}}}"),
        format!("{{{expiration}, {conditions}, \"more\": 1}}"),
        format!("{{{expiration}, \"CONDITIONS\": []}}"),
        format!("{{\"EXPIRATION\": \"{EXPIRATION}\", {conditions}}}"),
        format!("{{\"expiration\": \"soon\", {conditions}}}"),
        format!("{{\"expiration\": 1, {conditions}}}"),
        format!("{{{expiration}, \"conditions\": {{}}}}"),
        format!("{{{expiration}, {expiration}, {conditions}}}"),
        format!("{{{expiration}, {conditions}, {conditions}}}"),
        format!("{{{expiration}, \"conditions\": [{{}}]}}"),
        format!("{{{expiration}, \"conditions\": [\"key\"]}}"),
        format!("{{{expiration}, \"conditions\": [{{\"acl\": 1}}]}}"),
        format!("{{{expiration}, \"conditions\": [{{\"acl\": \"a\", \"acl\": \"b\"}}]}}"),
        format!("{{{expiration}, \"conditions\": [[\"eq\", \"$acl\"]]}}"),
        format!("{{{expiration}, \"conditions\": [[\"eq\", \"acl\", \"a\"]]}}"),
        format!("{{{expiration}, \"conditions\": [[\"eq\", \"$\", \"a\"]]}}"),
        format!("{{{expiration}, \"conditions\": [[\"eq\", \"$acl\", \"a\", \"b\"]]}}"),
        format!("{{{expiration}, \"conditions\": [[\"ends-with\", \"$acl\", \"a\"]]}}"),
        format!("{{{expiration}, \"conditions\": [[\"content-length-range\", 2, 1]]}}"),
        format!("{{{expiration}, \"conditions\": [[\"content-length-range\", -1, 1]]}}"),
        format!("{{{expiration}, \"conditions\": [[\"content-length-range\", \"\", \"1\"]]}}"),
        format!("{{{expiration}, \"conditions\": {}{}}}", "[".repeat(200), "]".repeat(200)),
        format!("{{{expiration}, {conditions}}} x"),
    ] {
        assert_eq!(parse(&bad).map(|_| ()).unwrap_err().code(), Code::InvalidPolicyDocument, "{bad}");
    }
    assert_eq!(PostPolicy::parse("not base64!").map(|_| ()).unwrap_err().code(), Code::InvalidPolicyDocument);
    let large = PostPolicy::parse(&"A".repeat(20 * 1024 + 4)).map(|_| ()).unwrap_err();
    assert_eq!(large.code(), Code::MaxPostPreDataLengthExceededError);
}

/// ATTACKS family 4 (CVE-2023-43040, supabase #1211, MinIO #21656): whatever no condition names is refused.
#[test]
fn every_field_needs_a_condition() {
    let policy = policy("");
    assert_eq!(check(&policy, &[("key", "user/a")], "user/a"), Ok(()));
    for exempt in ["x-amz-signature", "file", "Policy", "AWSAccessKeyId", "x-ignore-submit", "X-Ignore-"] {
        assert_eq!(check(&policy, &[("key", "user/a"), (exempt, "v")], "user/a"), Ok(()), "{exempt}");
    }
    for extra in [
        "acl",
        "tagging",
        "x-amz-meta-a",
        "Content-Type",
        "success_action_status",
        "success_action_redirect",
        "redirect",
        "x-amz-storage-class",
        "x-amz-website-redirect-location",
        "x-amz-server-side-encryption",
        "x-amz-security-token",
        "x-amz-date",
        "x-amz-credential",
        "x-amz-algorithm",
        "x-amz-checksum-crc32",
        "x-ignore",
    ] {
        let error = check(&policy, &[("key", "user/a"), (extra, "v")], "user/a").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Invalid according to Policy: Extra input fields: {}", extra.to_ascii_lowercase())
        );
        assert_eq!(error.code(), Code::AccessDenied);
    }
}

/// CVE-2023-43040: a policy without a condition on the bucket opened every bucket.
#[test]
fn bucket_and_key_need_a_condition_even_if_the_form_has_no_such_field() {
    let of = |conditions: &str| {
        parse(&format!(r#"{{"expiration": "{EXPIRATION}", "conditions": [{conditions}]}}"#)).unwrap()
    };
    for (conditions, extra) in
        [(r#"{"key": "k"}"#, "bucket"), (r#"{"bucket": "bucket"}"#, "key"), ("", "bucket, key")]
    {
        let error = check(&of(conditions), &[], "k").unwrap_err();
        assert_eq!(error, PostError::ExtraField(extra.to_owned()));
    }
    let good = of(r#"{"key": "k"}, {"bucket": "bucket"}"#);
    assert_eq!(check(&good, &[], "k"), Ok(()));
    assert_eq!(check(&good, &[("bucket", "bucket")], "k"), Ok(()));
    assert!(check(&good, &[("bucket", "other")], "k").is_err());
    assert!(check(&of(r#"{"key": "k"}, {"bucket": "other"}"#), &[("bucket", "other")], "k").is_err());
}

#[test]
fn conditions_are_checked_and_named_when_they_fail() {
    for (condition, good, bad) in [
        (r#"{"acl": "private"}"#, "private", "public-read"),
        (r#"["eq", "$acl", "private"]"#, "private", "privat"),
        (r#"["eq", "$ACL", "private"]"#, "private", "Private"),
        (r#"["starts-with", "$acl", "pri"]"#, "private", "public"),
        (r#"["starts-with", "$acl", ""]"#, "anything", "anything"),
    ] {
        let policy = policy(condition);
        assert_eq!(check(&policy, &[("acl", good)], "user/a"), Ok(()), "{condition}");
        if good != bad {
            let error = check(&policy, &[("Acl", bad)], "user/a").unwrap_err();
            assert!(
                error.to_string().starts_with("Invalid according to Policy: Policy Condition failed: ["),
                "{error}"
            );
            assert_eq!(error.code(), Code::AccessDenied);
            assert!(check(&policy, &[], "user/a").is_err(), "{condition} without the field");
        }
    }
    let both = policy(r#"{"acl": "private"}, ["starts-with", "$acl", "public"]"#);
    assert!(check(&both, &[("acl", "private")], "user/a").is_err());
}

#[test]
fn a_condition_on_the_key_is_about_the_key_that_is_written() {
    let policy = policy("");
    assert_eq!(check(&policy, &[("key", "user/${filename}")], "user/a.jpg"), Ok(()));
    assert!(check(&policy, &[("key", "user/a")], "other/a").is_err());
    let named = r#"{"expiration": "2026-11-24T17:00:00Z", "conditions": [{"bucket": "bucket"}, {"key": "up/${filename}"}]}"#;
    let named = parse(named).unwrap();
    assert_eq!(check(&named, &[("key", "up/${filename}")], "up/a.jpg"), Ok(()));
    assert!(check(&named, &[("key", "up/b.jpg")], "up/b.jpg").is_err());
}

/// S3 API Reference, "POST Policy", "Condition Matching".
#[test]
fn each_of_a_list_of_content_types_must_meet_a_prefix() {
    let policy = policy(r#"["starts-with", "$Content-Type", "image/"]"#);
    let of = |value| check(&policy, &[("Content-Type", value)], "user/a");
    assert_eq!(of("image/jpeg"), Ok(()));
    assert_eq!(of("image/jpeg, image/png,image/gif"), Ok(()));
    assert!(of("image/jpeg,text/html").is_err());
    assert!(of("text/html").is_err());
    assert!(of("image/jpeg,").is_err());
}

#[test]
fn the_size_must_lie_within_every_range() {
    let policy = policy(r#"["content-length-range", 10, 100], ["content-length-range", "5", "50"]"#);
    assert_eq!(policy.max_bytes(), 50);
    assert_eq!((policy.check_size(10), policy.check_size(50)), (Ok(()), Ok(())));
    let small = policy.check_size(9).unwrap_err();
    assert_eq!(
        (small.code(), small),
        (Code::EntityTooSmall, PostError::EntityTooSmall { proposed_bytes: 9, min_bytes: 10 })
    );
    let large = policy.check_size(51).unwrap_err();
    assert_eq!(
        (large.code(), large),
        (Code::EntityTooLarge, PostError::EntityTooLarge { proposed_bytes: 51, max_bytes: 50 })
    );
}

/// S3 API Reference, "POST Policy", "Character Escaping".
#[test]
fn aws_escapes_are_understood() {
    let policy = policy(r#"["eq", "$x-amz-meta-a", "\$5\v\u00e9"], ["eq", "$x-amz-meta-b", "\\$foo"]"#);
    assert_eq!(check(&policy, &[("x-amz-meta-a", "$5\u{b}é"), ("x-amz-meta-b", "\\$foo")], "user/a"), Ok(()));
}
