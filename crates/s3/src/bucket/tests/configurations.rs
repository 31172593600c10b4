//! What buckets are set to: got as it was put, refused with AWS's codes, absent with AWS's codes.

use strongroom_api_s3::{
    AccessControlPolicy, BlockedEncryptionTypes, BucketCannedAcl, BucketVersioningStatus, Condition,
    CorsConfiguration, CorsRule, EncryptionType, ErrorDocument, Grant, Grantee, IndexDocument, MfaDelete,
    ObjectOwnership, Owner, OwnershipControls, OwnershipControlsRule, Payer, Permission, Protocol,
    PublicAccessBlockConfiguration, Redirect, RedirectAllRequestsTo, RequestPaymentConfiguration,
    RoutingRule, ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule, Tag, Tagging, Type, VersioningConfiguration, WebsiteConfiguration,
};

use super::*;
use crate::row::{self, StateRow};

async fn bucket() -> Bed {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "bucket")).await;
    bed
}

async fn generation(bed: &Bed) -> u64 {
    let partition = bed.partition("bucket").await.unwrap();
    let row = bed.engine.inner.get(partition, row::STATE).await.unwrap().unwrap();
    <StateRow as crate::row::Coded>::decode(&row.value).unwrap().generation
}

fn text(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

// Versioning.

fn versioning(
    status: Option<BucketVersioningStatus>,
    mfa_delete: Option<MfaDelete>,
    mfa: Option<&str>,
) -> strongroom_api_s3::PutBucketVersioningInput {
    let versioning_configuration = VersioningConfiguration { mfa_delete, status };
    on!(
        PutBucketVersioningInput, "bucket",
        versioning_configuration: versioning_configuration, mfa: mfa.map(str::to_owned)
    )
}

#[tokio::test]
async fn versioning_is_enabled_and_suspended_and_never_off_again() {
    use BucketVersioningStatus::{Enabled, Suspended};
    let bed = bucket().await;
    let before = generation(&bed).await;
    for (number, status) in [Enabled, Suspended, Enabled].into_iter().enumerate() {
        bed.ok(versioning(Some(status), Some(MfaDelete::Disabled), None)).await;
        assert_eq!(bed.ok(on!(GetBucketVersioningInput, "bucket")).await.status, Some(status));
        assert_eq!(generation(&bed).await, before + 1 + number as u64, "each change is a new generation");
    }
    assert_eq!(
        bed.refused(versioning(None, None, None)).await,
        is(400, "IllegalVersioningConfigurationException")
    );
}

#[tokio::test]
async fn mfa_delete_cannot_be_changed_without_a_device() {
    let bed = bucket().await;
    let enabled = Some(BucketVersioningStatus::Enabled);
    for mfa in [None, Some("arn:aws:iam::111111111111:mfa/root 123456")] {
        let asked = versioning(enabled, Some(MfaDelete::Enabled), mfa);
        assert_eq!(bed.refused(asked).await, is(403, "AccessDenied"));
    }
    assert!(bed.ok(on!(GetBucketVersioningInput, "bucket")).await.status.is_none());
}

#[tokio::test]
async fn versioning_of_a_bucket_with_object_lock_is_not_suspended() {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "bucket", object_lock_enabled_for_bucket: Some(true))).await;
    let suspended = versioning(Some(BucketVersioningStatus::Suspended), None, None);
    assert_eq!(bed.refused(suspended).await, is(409, "InvalidBucketState"));
    bed.ok(versioning(Some(BucketVersioningStatus::Enabled), None, None)).await;
}

// Tags.

fn tagging(tags: &[(&str, &str)]) -> strongroom_api_s3::PutBucketTaggingInput {
    let tag_set =
        tags.iter().map(|(key, value)| Tag { key: (*key).into(), value: (*value).into() }).collect();
    on!(PutBucketTaggingInput, "bucket", tagging: Tagging { tag_set })
}

#[tokio::test]
async fn tags_are_replaced_as_a_whole_and_given_back_in_order() {
    let bed = bucket().await;
    assert_eq!(bed.refused(on!(GetBucketTaggingInput, "bucket")).await, is(404, "NoSuchTagSet"));
    bed.ok(tagging(&[("z", "1"), ("Größe", "ä b"), ("a", "")])).await;
    bed.ok(tagging(&[("z", "2"), ("key+-=._:/@", "")])).await;
    let tags = bed.ok(on!(GetBucketTaggingInput, "bucket")).await.tag_set;
    let tags = tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect::<Vec<_>>();
    assert_eq!(tags, [("z", "2"), ("key+-=._:/@", "")]);
    bed.ok(on!(DeleteBucketTaggingInput, "bucket")).await;
    bed.ok(on!(DeleteBucketTaggingInput, "bucket")).await;
    assert_eq!(bed.refused(on!(GetBucketTaggingInput, "bucket")).await, is(404, "NoSuchTagSet"));
    bed.ok(tagging(&[("z", "1")])).await;
    bed.ok(tagging(&[])).await;
    assert_eq!(bed.refused(on!(GetBucketTaggingInput, "bucket")).await, is(404, "NoSuchTagSet"));
}

#[tokio::test]
async fn tags_have_rules() {
    let bed = bucket().await;
    let (long, longer) = ("k".repeat(128), "k".repeat(129));
    bed.ok(tagging(&[(&long, &"v".repeat(256))])).await;
    for bad in [
        [("", "v"), ("k", "v")],
        [(&longer, "v"), ("k", "v")],
        [("a", &*"v".repeat(257)), ("k", "v")],
        [("a\n", "v"), ("k", "v")],
        [("a", "<v>"), ("k", "v")],
        [("AWS:a", "v"), ("k", "v")],
        [("k", "w"), ("k", "v")],
    ] {
        assert_eq!(bed.refused(tagging(&bad)).await, is(400, "InvalidTag"), "{bad:?}");
    }
    let keys = (0..51).map(|number| format!("k{number}")).collect::<Vec<_>>();
    let many = keys.iter().map(|key| (key.as_str(), "v")).collect::<Vec<_>>();
    bed.ok(tagging(&many[..50])).await;
    assert_eq!(bed.refused(tagging(&many)).await, is(400, "BadRequest"));
}

// CORS.

fn rule() -> CorsRule {
    CorsRule {
        id: Some("rule".into()),
        allowed_headers: text(&["x-amz-*"]),
        allowed_methods: text(&["GET", "PUT"]),
        allowed_origins: text(&["https://*.example.com", "*"]),
        expose_headers: text(&["ETag"]),
        max_age_seconds: Some(60),
    }
}

fn cors(cors_rules: Vec<CorsRule>) -> strongroom_api_s3::PutBucketCorsInput {
    on!(PutBucketCorsInput, "bucket", cors_configuration: CorsConfiguration { cors_rules })
}

#[tokio::test]
async fn cors_rules_are_given_back_as_they_came() {
    let bed = bucket().await;
    let name = BucketName::parse("bucket").unwrap();
    assert_eq!(bed.refused(on!(GetBucketCorsInput, "bucket")).await, is(404, "NoSuchCORSConfiguration"));
    assert!(bed.s3.cors_rules(&name).await.unwrap().is_none());
    bed.ok(cors(vec![rule(), CorsRule { id: None, max_age_seconds: None, ..rule() }])).await;
    let rules = bed.ok(on!(GetBucketCorsInput, "bucket")).await.cors_rules;
    assert_eq!(rules.len(), 2);
    assert_eq!(rules[0].id.as_deref(), Some("rule"));
    assert_eq!(rules[0].allowed_origins, rule().allowed_origins);
    assert_eq!((rules[0].max_age_seconds, rules[1].max_age_seconds), (Some(60), None));
    assert_eq!(bed.s3.cors_rules(&name).await.unwrap().unwrap().len(), 2);
    assert!(bed.s3.cors_rules(&BucketName::parse("nowhere").unwrap()).await.unwrap().is_none());
    bed.ok(on!(DeleteBucketCorsInput, "bucket")).await;
    assert_eq!(bed.refused(on!(GetBucketCorsInput, "bucket")).await, is(404, "NoSuchCORSConfiguration"));
}

#[tokio::test]
async fn cors_rules_have_rules() {
    let bed = bucket().await;
    bed.ok(cors(vec![rule(); 100])).await;
    for (bad, code) in [
        (vec![], "MalformedXML"),
        (vec![rule(); 101], "InvalidRequest"),
        (vec![CorsRule { allowed_methods: vec![], ..rule() }], "MalformedXML"),
        (vec![CorsRule { allowed_origins: vec![], ..rule() }], "MalformedXML"),
        (vec![CorsRule { allowed_methods: text(&["GET", "PATCH"]), ..rule() }], "InvalidRequest"),
        (vec![CorsRule { allowed_methods: text(&["get"]), ..rule() }], "InvalidRequest"),
        (vec![CorsRule { allowed_origins: text(&["http://*.a.*"]), ..rule() }], "InvalidRequest"),
        (vec![CorsRule { allowed_origins: text(&["http://a\r\nx: y"]), ..rule() }], "InvalidRequest"),
        (vec![CorsRule { allowed_headers: text(&["*-*"]), ..rule() }], "InvalidRequest"),
        (vec![CorsRule { expose_headers: text(&["*"]), ..rule() }], "InvalidRequest"),
        (vec![CorsRule { expose_headers: text(&["a\r\nset-cookie: b"]), ..rule() }], "InvalidRequest"),
        (vec![CorsRule { id: Some("i".repeat(256)), ..rule() }], "InvalidArgument"),
        (
            vec![CorsRule { allowed_origins: text(&["a".repeat(64 << 10).as_str()]), ..rule() }],
            "MaxMessageLengthExceeded",
        ),
    ] {
        assert_eq!(bed.refused(cors(bad.clone())).await, is(400, code), "{}", bad.len());
    }
}

// Encryption.

fn encryption(rules: Vec<ServerSideEncryptionRule>) -> strongroom_api_s3::PutBucketEncryptionInput {
    on!(
        PutBucketEncryptionInput, "bucket",
        server_side_encryption_configuration: ServerSideEncryptionConfiguration { rules }
    )
}

fn by_default(algorithm: ServerSideEncryption, key: Option<&str>) -> ServerSideEncryptionRule {
    ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(Box::new(ServerSideEncryptionByDefault {
            sse_algorithm: Some(algorithm),
            kms_master_key_id: key.map(str::to_owned),
        })),
        bucket_key_enabled: None,
        blocked_encryption_types: None,
    }
}

async fn blocked_types(bed: &Bed) -> Vec<EncryptionType> {
    encryption_rule(bed).await.blocked_encryption_types.unwrap().encryption_type
}

async fn encryption_rule(bed: &Bed) -> ServerSideEncryptionRule {
    let answer = bed.ok(on!(GetBucketEncryptionInput, "bucket")).await;
    let rules = answer.server_side_encryption_configuration.unwrap().rules;
    assert_eq!(rules.len(), 1);
    let rule = rules.into_iter().next().unwrap();
    let algorithm = rule.apply_server_side_encryption_by_default.as_ref().unwrap().sse_algorithm;
    assert_eq!(algorithm, Some(ServerSideEncryption::Aes256));
    rule
}

#[tokio::test]
async fn every_bucket_is_encrypted_by_default() {
    let bed = bucket().await;
    assert_eq!(encryption_rule(&bed).await.bucket_key_enabled, Some(false));
    assert_eq!(blocked_types(&bed).await, [EncryptionType::SseC], "a new bucket takes no customers' keys");
    let blocked = BlockedEncryptionTypes { encryption_type: vec![EncryptionType::None] };
    let rule = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: None,
        bucket_key_enabled: None,
        blocked_encryption_types: Some(Box::new(blocked)),
    };
    bed.ok(encryption(vec![rule])).await;
    assert_eq!(blocked_types(&bed).await, [EncryptionType::None]);
    bed.ok(encryption(vec![by_default(ServerSideEncryption::Aes256, None)])).await;
    assert_eq!(blocked_types(&bed).await, [EncryptionType::None], "what is not mentioned stays");
    bed.ok(on!(DeleteBucketEncryptionInput, "bucket")).await;
    assert_eq!(encryption_rule(&bed).await.bucket_key_enabled, Some(false));
    assert_eq!(blocked_types(&bed).await, [EncryptionType::None]);
    let blocked = BlockedEncryptionTypes { encryption_type: vec![EncryptionType::SseC] };
    let rule = ServerSideEncryptionRule {
        blocked_encryption_types: Some(Box::new(blocked)),
        ..by_default(ServerSideEncryption::Aes256, None)
    };
    bed.ok(encryption(vec![rule])).await;
    assert_eq!(blocked_types(&bed).await, [EncryptionType::SseC]);
}

#[tokio::test]
async fn encryption_that_is_not_sse_s3_is_refused() {
    let bed = bucket().await;
    let sse_s3 = by_default(ServerSideEncryption::Aes256, None);
    let empty = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: None,
        bucket_key_enabled: Some(true),
        blocked_encryption_types: None,
    };
    for (rules, status, code) in [
        (vec![], 400, "MalformedXML"),
        (vec![empty], 400, "MalformedXML"),
        (vec![sse_s3.clone(), sse_s3], 400, "MalformedXML"),
        (vec![by_default(ServerSideEncryption::Aes256, Some("key"))], 400, "InvalidArgument"),
        (vec![by_default(ServerSideEncryption::AwsFsx, None)], 400, "InvalidArgument"),
        (vec![by_default(ServerSideEncryption::AwsKms, Some("key"))], 501, "NotImplemented"),
        (vec![by_default(ServerSideEncryption::AwsKmsDsse, None)], 501, "NotImplemented"),
    ] {
        assert_eq!(bed.refused(encryption(rules)).await, is(status, code));
    }
}

// Website.

fn website(website_configuration: WebsiteConfiguration) -> strongroom_api_s3::PutBucketWebsiteInput {
    on!(PutBucketWebsiteInput, "bucket", website_configuration: website_configuration)
}

fn page(suffix: &str, rules: Option<Vec<RoutingRule>>) -> WebsiteConfiguration {
    WebsiteConfiguration {
        error_document: Some(Box::new(ErrorDocument { key: "error.html".into() })),
        index_document: Some(Box::new(IndexDocument { suffix: suffix.into() })),
        redirect_all_requests_to: None,
        routing_rules: rules,
    }
}

fn routing(condition: Option<Condition>, redirect: Redirect) -> RoutingRule {
    RoutingRule { condition: condition.map(Box::new), redirect }
}

#[tokio::test]
async fn a_website_is_given_back_as_it_came() {
    let bed = bucket().await;
    assert_eq!(
        bed.refused(on!(GetBucketWebsiteInput, "bucket")).await,
        is(404, "NoSuchWebsiteConfiguration")
    );
    let condition =
        Condition { http_error_code_returned_equals: Some("404".into()), key_prefix_equals: None };
    let redirect = Redirect {
        host_name: Some("www.example.com:8080".into()),
        http_redirect_code: Some("302".into()),
        protocol: Some(Protocol::Https),
        replace_key_prefix_with: Some(String::new()),
        replace_key_with: None,
    };
    bed.ok(website(page("index.html", Some(vec![routing(Some(condition), redirect)])))).await;
    let got = bed.ok(on!(GetBucketWebsiteInput, "bucket")).await;
    assert_eq!(got.index_document.unwrap().suffix, "index.html");
    assert_eq!(got.error_document.unwrap().key, "error.html");
    let rules = got.routing_rules.unwrap();
    assert_eq!(rules[0].condition.as_ref().unwrap().http_error_code_returned_equals.as_deref(), Some("404"));
    assert_eq!(rules[0].redirect.protocol, Some(Protocol::Https));
    assert_eq!(rules[0].redirect.replace_key_prefix_with.as_deref(), Some(""));
    let redirect = RedirectAllRequestsTo { host_name: "example.com".into(), protocol: None };
    let all =
        WebsiteConfiguration { redirect_all_requests_to: Some(Box::new(redirect)), ..Default::default() };
    bed.ok(website(all)).await;
    assert!(bed.ok(on!(GetBucketWebsiteInput, "bucket")).await.index_document.is_none());
    bed.ok(on!(DeleteBucketWebsiteInput, "bucket")).await;
    assert_eq!(
        bed.refused(on!(GetBucketWebsiteInput, "bucket")).await,
        is(404, "NoSuchWebsiteConfiguration")
    );
}

#[tokio::test]
async fn websites_have_rules() {
    let bed = bucket().await;
    let ruled = |condition, redirect| page("i", Some(vec![routing(condition, redirect)]));
    let host = |host: &str| Redirect { host_name: Some(host.into()), ..Default::default() };
    let coded = |code: &str| Redirect { http_redirect_code: Some(code.into()), ..Default::default() };
    let when = |code: &str| Condition {
        http_error_code_returned_equals: Some(code.into()),
        key_prefix_equals: None,
    };
    let to = |host_name: &str| {
        Some(Box::new(RedirectAllRequestsTo { host_name: host_name.into(), protocol: None }))
    };
    let both = Redirect {
        replace_key_with: Some("a".into()),
        replace_key_prefix_with: Some("b".into()),
        ..host("h")
    };
    for (bad, code) in [
        (WebsiteConfiguration::default(), "InvalidArgument"),
        (page("", None), "InvalidArgument"),
        (page("a/b", None), "InvalidArgument"),
        (WebsiteConfiguration { redirect_all_requests_to: to("h"), ..page("i", None) }, "InvalidArgument"),
        (
            WebsiteConfiguration { redirect_all_requests_to: to("h\r\nx"), ..Default::default() },
            "InvalidArgument",
        ),
        (
            WebsiteConfiguration { redirect_all_requests_to: to("h/path"), ..Default::default() },
            "InvalidArgument",
        ),
        (page("i", Some(vec![])), "MalformedXML"),
        (page("i", Some(vec![routing(None, host("h")); 51])), "InvalidRequest"),
        (ruled(None, Redirect::default()), "MalformedXML"),
        (ruled(Some(Condition::default()), host("h")), "InvalidRequest"),
        (ruled(Some(when("200")), host("h")), "InvalidRequest"),
        (ruled(Some(when("+40")), host("h")), "InvalidRequest"),
        (ruled(None, coded("300")), "InvalidRequest"),
        (ruled(None, coded("404")), "InvalidRequest"),
        (ruled(None, both), "InvalidRequest"),
    ] {
        assert_eq!(bed.refused(website(bad.clone())).await, is(400, code), "{bad:?}");
    }
    bed.ok(website(page("i", Some(vec![routing(None, host("h")); 50])))).await;
}

// Ownership, public access, ACLs, payment.

fn ownership(rules: Vec<Option<ObjectOwnership>>) -> strongroom_api_s3::PutBucketOwnershipControlsInput {
    let rules =
        rules.into_iter().map(|object_ownership| OwnershipControlsRule { object_ownership }).collect();
    on!(PutBucketOwnershipControlsInput, "bucket", ownership_controls: OwnershipControls { rules })
}

#[tokio::test]
async fn ownership_is_set_and_removed_and_each_time_a_new_generation() {
    let bed = bucket().await;
    let before = generation(&bed).await;
    bed.ok(ownership(vec![Some(ObjectOwnership::BucketOwnerPreferred)])).await;
    let got = bed.ok(on!(GetBucketOwnershipControlsInput, "bucket")).await.ownership_controls.unwrap();
    assert_eq!(got.rules[0].object_ownership, Some(ObjectOwnership::BucketOwnerPreferred));
    bed.ok(on!(DeleteBucketOwnershipControlsInput, "bucket")).await;
    assert_eq!(
        bed.refused(on!(GetBucketOwnershipControlsInput, "bucket")).await,
        is(404, "OwnershipControlsNotFoundError")
    );
    assert_eq!(generation(&bed).await, before + 2);
    for bad in [vec![], vec![None], vec![Some(ObjectOwnership::ObjectWriter); 2]] {
        assert_eq!(bed.refused(ownership(bad)).await, is(400, "MalformedXML"));
    }
}

#[tokio::test]
async fn the_public_access_block_is_replaced_as_a_whole_and_can_be_removed() {
    let bed = bucket().await;
    let before = generation(&bed).await;
    let asked = PublicAccessBlockConfiguration {
        block_public_policy: Some(true),
        restrict_public_buckets: Some(false),
        ..Default::default()
    };
    bed.ok(on!(PutPublicAccessBlockInput, "bucket", public_access_block_configuration: asked)).await;
    let got =
        bed.ok(on!(GetPublicAccessBlockInput, "bucket")).await.public_access_block_configuration.unwrap();
    assert_eq!(
        [got.block_public_acls, got.ignore_public_acls, got.block_public_policy, got.restrict_public_buckets],
        [Some(false), Some(false), Some(true), Some(false)]
    );
    bed.ok(on!(DeletePublicAccessBlockInput, "bucket")).await;
    assert_eq!(
        bed.refused(on!(GetPublicAccessBlockInput, "bucket")).await,
        is(404, "NoSuchPublicAccessBlockConfiguration")
    );
    assert_eq!(generation(&bed).await, before + 2);
}

fn document(owner: &str, grants: &[(&str, Permission)]) -> strongroom_api_s3::PutBucketAclInput {
    let grants = grants
        .iter()
        .map(|(grantee, permission)| {
            let group = grantee.starts_with("http");
            let grantee = Grantee {
                id: (!group).then(|| canonical(grantee).to_string()),
                uri: group.then(|| (*grantee).to_owned()),
                r#type: Some(if group { Type::Group } else { Type::CanonicalUser }),
                ..Default::default()
            };
            Grant { grantee: Some(Box::new(grantee)), permission: Some(*permission) }
        })
        .collect();
    let owner = Owner { display_name: None, id: Some(canonical(owner).to_string()) };
    let policy = AccessControlPolicy { grants: Some(grants), owner: Some(Box::new(owner)) };
    on!(PutBucketAclInput, "bucket", access_control_policy: Some(Box::new(policy)))
}

#[tokio::test]
async fn acls_are_the_owners_full_control_and_disabled() {
    let bed = bucket().await;
    let acl = bed.ok(on!(GetBucketAclInput, "bucket")).await;
    let id = Some(canonical(ALICE).to_string());
    assert_eq!(acl.owner.unwrap().id, id);
    let grants = acl.grants.unwrap();
    assert_eq!((grants.len(), grants[0].permission), (1, Some(Permission::FullControl)));
    assert_eq!(grants[0].grantee.as_ref().unwrap().id, id);
    for acl in [BucketCannedAcl::Private, BucketCannedAcl::PublicRead] {
        let asked = on!(PutBucketAclInput, "bucket", acl: Some(acl));
        assert_eq!(bed.refused(asked).await, is(400, "AccessControlListNotSupported"));
    }
    let own = document(ALICE, &[(ALICE, Permission::FullControl)]);
    assert_eq!(bed.refused(own).await, is(400, "AccessControlListNotSupported"));
}

#[tokio::test]
async fn with_acls_enabled_a_list_is_kept_and_shown_and_public_ones_are_blocked() {
    let bed = bucket().await;
    bed.ok(ownership(vec![Some(ObjectOwnership::ObjectWriter)])).await;
    bed.ok(on!(PutBucketAclInput, "bucket", acl: Some(BucketCannedAcl::Private))).await;
    bed.ok(document(ALICE, &[(ALICE, Permission::FullControl)])).await;
    let everybody = "http://acs.amazonaws.com/groups/global/AllUsers";
    let id = Some(format!("id={}", canonical(BOB)));
    for (asked, refused) in [
        (on!(PutBucketAclInput, "bucket"), is(400, "MissingSecurityHeader")),
        (on!(PutBucketAclInput, "bucket", acl: Some(BucketCannedAcl::PublicRead)), is(403, "AccessDenied")),
        (
            document(ALICE, &[(ALICE, Permission::FullControl), (everybody, Permission::Read)]),
            is(403, "AccessDenied"),
        ),
        (
            on!(PutBucketAclInput, "bucket", grant_read: Some(format!("uri=\"{everybody}\""))),
            is(403, "AccessDenied"),
        ),
        (document(BOB, &[(ALICE, Permission::FullControl)]), is(403, "AccessDenied")),
        (
            on!(PutBucketAclInput, "bucket", grant_read: id.clone(), acl: Some(BucketCannedAcl::Private)),
            is(400, "InvalidRequest"),
        ),
    ] {
        assert_eq!(bed.refused(asked).await, refused);
    }
    let before = generation(&bed).await;
    for (asked, permission) in [
        (document(ALICE, &[(BOB, Permission::WriteAcp)]), Permission::WriteAcp),
        (on!(PutBucketAclInput, "bucket", grant_full_control: id), Permission::FullControl),
    ] {
        bed.ok(asked).await;
        let grants = bed.ok(on!(GetBucketAclInput, "bucket")).await.grants.unwrap();
        assert_eq!((grants.len(), grants[0].permission), (1, Some(permission)));
        assert_eq!(grants[0].grantee.as_ref().unwrap().id, Some(canonical(BOB).to_string()));
    }
    assert_eq!(generation(&bed).await, before + 2);
    let enforced = ownership(vec![Some(ObjectOwnership::BucketOwnerEnforced)]);
    assert_eq!(bed.refused(enforced.clone()).await, is(400, "InvalidBucketAclWithObjectOwnership"));
    bed.ok(on!(PutBucketAclInput, "bucket", acl: Some(BucketCannedAcl::Private))).await;
    bed.ok(enforced).await;
}

#[tokio::test]
async fn the_owner_pays_unless_he_says_otherwise() {
    let bed = bucket().await;
    let pays = |payer| {
        let request_payment_configuration = RequestPaymentConfiguration { payer };
        on!(PutBucketRequestPaymentInput, "bucket", request_payment_configuration: request_payment_configuration)
    };
    let payer = async || bed.ok(on!(GetBucketRequestPaymentInput, "bucket")).await.payer;
    assert_eq!(payer().await, Some(Payer::BucketOwner));
    bed.ok(pays(Some(Payer::Requester))).await;
    assert_eq!(payer().await, Some(Payer::Requester));
    assert_eq!(bed.refused(pays(None)).await, is(400, "MalformedXML"));
    bed.ok(pays(Some(Payer::BucketOwner))).await;
    assert_eq!(payer().await, Some(Payer::BucketOwner));
}

// What is not there.

#[tokio::test]
async fn what_no_bucket_has_is_said_with_awss_code() {
    let bed = bucket().await;
    let id = || "id".to_owned();
    for (refused, code) in [
        (bed.refused(on!(GetBucketPolicyInput, "bucket")).await, "NoSuchBucketPolicy"),
        (bed.refused(on!(GetBucketPolicyStatusInput, "bucket")).await, "NoSuchBucketPolicy"),
        (
            bed.refused(on!(GetBucketLifecycleConfigurationInput, "bucket")).await,
            "NoSuchLifecycleConfiguration",
        ),
        (
            bed.refused(on!(GetBucketReplicationInput, "bucket")).await,
            "ReplicationConfigurationNotFoundError",
        ),
        (
            bed.refused(on!(GetObjectLockConfigurationInput, "bucket")).await,
            "ObjectLockConfigurationNotFoundError",
        ),
        (
            bed.refused(on!(GetBucketInventoryConfigurationInput, "bucket", id: id())).await,
            "NoSuchConfiguration",
        ),
        (
            bed.refused(on!(GetBucketMetricsConfigurationInput, "bucket", id: id())).await,
            "NoSuchConfiguration",
        ),
        (
            bed.refused(on!(GetBucketAnalyticsConfigurationInput, "bucket", id: id())).await,
            "NoSuchConfiguration",
        ),
        (
            bed.refused(on!(GetBucketIntelligentTieringConfigurationInput, "bucket", id: id())).await,
            "NoSuchConfiguration",
        ),
    ] {
        assert_eq!(refused, is(404, code));
    }
}

#[tokio::test]
async fn what_is_off_is_answered_without_its_members() {
    let bed = bucket().await;
    assert!(bed.ok(on!(GetBucketLoggingInput, "bucket")).await.logging_enabled.is_none());
    assert!(bed.ok(on!(GetBucketAccelerateConfigurationInput, "bucket")).await.status.is_none());
    let notifications = bed.ok(on!(GetBucketNotificationConfigurationInput, "bucket")).await;
    assert!(
        notifications.topic_configurations.is_empty() && notifications.event_bridge_configuration.is_none()
    );
    let inventory = bed.ok(on!(ListBucketInventoryConfigurationsInput, "bucket")).await;
    assert!(inventory.inventory_configuration_list.is_empty() && inventory.is_truncated == Some(false));
    let metrics = bed.ok(on!(ListBucketMetricsConfigurationsInput, "bucket")).await;
    assert!(metrics.metrics_configuration_list.is_empty() && metrics.is_truncated == Some(false));
    let analytics = bed.ok(on!(ListBucketAnalyticsConfigurationsInput, "bucket")).await;
    assert!(analytics.analytics_configuration_list.is_empty() && analytics.is_truncated == Some(false));
    let tiering = bed.ok(on!(ListBucketIntelligentTieringConfigurationsInput, "bucket")).await;
    assert!(tiering.intelligent_tiering_configuration_list.is_empty() && tiering.is_truncated == Some(false));
}

#[tokio::test]
async fn settings_changed_at_once_are_all_kept() {
    let bed = bucket().await;
    let enabled = versioning(Some(BucketVersioningStatus::Enabled), None, None);
    let (a, b, c, d) = Box::pin(futures_util::future::join4(
        bed.at(ALICE, "us-east-1", enabled),
        bed.at(ALICE, "us-east-1", ownership(vec![Some(ObjectOwnership::ObjectWriter)])),
        bed.at(ALICE, "us-east-1", on!(DeletePublicAccessBlockInput, "bucket")),
        bed.at(ALICE, "us-east-1", tagging(&[("k", "v")])),
    ))
    .await;
    assert!(a.is_ok() && b.is_ok() && c.is_ok() && d.is_ok());
    assert_eq!(
        bed.ok(on!(GetBucketVersioningInput, "bucket")).await.status,
        Some(BucketVersioningStatus::Enabled)
    );
    let controls = bed.ok(on!(GetBucketOwnershipControlsInput, "bucket")).await.ownership_controls.unwrap();
    assert_eq!(controls.rules[0].object_ownership, Some(ObjectOwnership::ObjectWriter));
    assert_eq!(bed.refused(on!(GetPublicAccessBlockInput, "bucket")).await.0, 404);
    assert_eq!(bed.ok(on!(GetBucketTaggingInput, "bucket")).await.tag_set.len(), 1);
}
