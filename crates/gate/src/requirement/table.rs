//! `docs/permissions.md`: what each operation asks for. Written from the code and compared with it; with the variable
//! `WRITE_TABLE` set the page is written anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use strongroom_shape::{OperationSchema, ServiceSchema};
use strongroom_types::{AccessKeyId, AccountId, BucketName, CanonicalUserId, ObjectKey, VersionId};

use super::{Access, requirements};
use crate::generated;
use crate::target::{Asks, CopyPlace, CopySource};
use crate::{Caller, RootUser, Target};

const HEAD: &str = "\
# What each operation asks for

Written from the code (`crates/gate/src/requirement`) by its tests; do not edit. An operation is allowed if *all* its
actions are. Lines that begin with … are asked for too, or in its place, where the request names a version, a copy source,
a condition, or tags, an ACL, a lock and the like with the object. The keys are those that the Service Authorization Reference lists for the action,
beside the global ones (`aws:…`).

| operation | action | on | keys |
|---|---|---|---|
";

#[test]
fn the_page_of_permissions_says_what_the_code_asks_for() {
    let mut page = HEAD.to_owned();
    for service in [
        &strongroom_api_s3::SERVICE,
        &strongroom_api_s3control::SERVICE,
        &strongroom_api_iam::SERVICE,
        &strongroom_api_sts::SERVICE,
        &strongroom_api_organizations::SERVICE,
        &strongroom_api_account::SERVICE,
        &strongroom_api_accessanalyzer::SERVICE,
        &strongroom_api_strongroom::SERVICE,
    ] {
        for operation in service.operations {
            rows(&mut page, service, operation);
        }
    }
    // EC2 has 830 operations; those with resources here are what there is to tell.
    let of_vpcs = |operation: &&&OperationSchema| super::ec2::WITH_RESOURCES.contains(&operation.name);
    for operation in strongroom_api_ec2::SERVICE.operations.iter().filter(of_vpcs) {
        rows(&mut page, &strongroom_api_ec2::SERVICE, operation);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/permissions.md");
    if std::env::var_os("WRITE_TABLE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == page, "docs/permissions.md is stale: run the test with WRITE_TABLE=1");
}

fn rows(page: &mut String, service: &ServiceSchema, operation: &OperationSchema) {
    let plain = asked(service, operation, &target(operation));
    let mut full = target(operation);
    let has = |name: &str| operation.input.members.iter().any(|member| member.name == name);
    full.asks = Asks {
        tagging: has("Tagging"),
        acl: has("ACL"),
        retention: has("ObjectLockMode"),
        legal_hold: has("ObjectLockLegalHoldStatus"),
        bypass_governance: has("BypassGovernanceRetention"),
        bucket_object_lock: has("ObjectLockEnabledForBucket"),
        bucket_ownership: has("ObjectOwnership"),
        vpc_origin: false,
    };
    full.parameters.tags = vec![("key".to_owned(), "value".to_owned())];
    for member in operation.input.members.iter().filter(|member| member.name == "IfMatch") {
        full.parameters.note(member, "etag");
    }
    full.version_id = full.key.as_ref().map(|_| VersionId::Null);
    full.copy_source = has("CopySource").then(|| CopySource {
        place: CopyPlace::Bucket(BucketName::parse("source-bucket").unwrap()),
        key: ObjectKey::parse("source").unwrap(),
        version_id: None,
    });
    let named = format!("{}:{}", service.name, operation.name);
    for (place, access) in plain.iter().enumerate() {
        row(page, if place == 0 { &named } else { "" }, access);
    }
    let with_tags = (operation.name == "CopyObject").then(|| super::tags_of_copy(&full));
    for access in asked(service, operation, &full)
        .iter()
        .chain(with_tags.iter().flatten())
        .filter(|access| !plain.contains(access))
    {
        row(page, "&nbsp;…", access);
    }
}

fn asked(service: &ServiceSchema, operation: &OperationSchema, target: &Target) -> Vec<Access> {
    requirements(service.name, operation.name, target, &caller()).unwrap_or_default()
}

fn row(page: &mut String, operation: &str, access: &Access) {
    let (prefix, name) = access.action.split_once(':').unwrap();
    let action = generated::service(prefix).and_then(|service| service.action(name));
    let keys: BTreeSet<&str> = action
        .into_iter()
        .flat_map(|action| {
            action.condition_keys.iter().chain(action.on.iter().flat_map(|on| on.condition_keys))
        })
        .copied()
        .filter(|key| !key.starts_with("aws:"))
        .filter(|key| prefix != "ec2" || crate::context::ec2::KEYS.contains(key))
        .collect();
    let keys: Vec<String> = keys.into_iter().map(|key| format!("`{key}`")).collect();
    let resource = access.resource.arn();
    writeln!(page, "| {operation} | {} | `{resource}` | {} |", access.action, keys.join(" ")).unwrap();
}

/// A target of an operation that names whatever its input can name.
fn target(operation: &OperationSchema) -> Target {
    let has = |name: &str| operation.input.members.iter().any(|member| member.name == name);
    let mut target = Target::default();
    if has("Bucket") || has("ResourceArn") {
        target.bucket = Some(BucketName::parse("bucket").unwrap());
    }
    if has("Key") {
        target.key = Some(ObjectKey::parse("key").unwrap());
    }
    if has("VpcEndpointIds") || has("Resources") {
        target.ids.push("vpce-ID".to_owned());
    }
    if has("Name") {
        target.access_point_name = Some("NAME".to_owned());
    }
    for member in operation.input.members {
        if member.flags.required && matches!(member.kind, strongroom_shape::Kind::String) {
            target.parameters.note(member, &member.name.to_uppercase());
        }
    }
    target
}

fn caller() -> Caller {
    Caller::Root(RootUser {
        account: AccountId::parse("111122223333").unwrap(),
        canonical: CanonicalUserId::from_bytes([1; 32]),
        access_key_id: AccessKeyId::long_term([1; 16]),
        session: None,
    })
}
