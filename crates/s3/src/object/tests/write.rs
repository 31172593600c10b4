//! PutObject and DeleteObject.

use strongroom_api_s3::{
    DeleteObjectInput, ObjectCannedAcl, ObjectLockMode, PutObjectInput, ServerSideEncryption, StorageClass,
    op,
};
use strongroom_record::EffectKind;

use super::{code, delete, delete_input, get, get_version, put, put_input};
use crate::row::Versioning;
use crate::testing::{Harness, body};

#[tokio::test]
async fn what_is_not_built_or_not_allowed_is_refused_and_nothing_is_written() {
    let harness = Harness::new().await;
    harness.make_bucket("locked", true).await;
    harness.change_state(|state| state.ownership = Some("BucketOwnerEnforced".to_owned())).await;
    let input = || put_input("k");
    let group = "uri=http://acs.amazonaws.com/groups/s3/LogDelivery".to_owned();
    for (input, expected) in [
        (PutObjectInput { acl: Some(ObjectCannedAcl::Private), ..input() }, "AccessControlListNotSupported"),
        (
            PutObjectInput { acl: Some(ObjectCannedAcl::PublicRead), ..input() },
            "AccessControlListNotSupported",
        ),
        (PutObjectInput { grant_read: Some(group), ..input() }, "AccessControlListNotSupported"),
        (PutObjectInput { grant_full_control: Some("id=x".into()), ..input() }, "InvalidArgument"),
        (
            PutObjectInput { server_side_encryption: Some(ServerSideEncryption::AwsKms), ..input() },
            "NotImplemented",
        ),
        (PutObjectInput { sse_kms_key_id: Some("x".into()), ..input() }, "InvalidArgument"),
        (
            PutObjectInput {
                server_side_encryption: Some(ServerSideEncryption::Aes256),
                sse_kms_key_id: Some("x".into()),
                ..input()
            },
            "InvalidArgument",
        ),
        (PutObjectInput { object_lock_mode: Some(ObjectLockMode::Governance), ..input() }, "InvalidRequest"),
        (PutObjectInput { storage_class: Some(StorageClass::Outposts), ..input() }, "InvalidStorageClass"),
        (
            PutObjectInput { website_redirect_location: Some("x".into()), ..input() },
            "InvalidRedirectLocation",
        ),
        (PutObjectInput { tagging: Some("aws:a=1".into()), ..input() }, "InvalidTag"),
        (PutObjectInput { metadata: vec![("a".into(), "v".repeat(2048))], ..input() }, "MetadataTooLarge"),
        (PutObjectInput { if_none_match: Some("\"x\"".into()), ..input() }, "NotImplemented"),
        (PutObjectInput { write_offset_bytes: Some(1), ..input() }, "NotImplemented"),
        (
            PutObjectInput {
                bucket: "locked".into(),
                object_lock_mode: Some(ObjectLockMode::Governance),
                ..input()
            },
            "NotImplemented",
        ),
    ] {
        let result = harness.call::<op::PutObject>(input.clone(), Some(body(b"x"))).await;
        assert_eq!(code(result), expected, "{input:?}");
    }
    assert_eq!(code(get(&harness, "k").await), "NoSuchKey");
    let owner = format!("id=\"{}\"", harness.caller.canonical().unwrap());
    let granted = PutObjectInput { grant_full_control: Some(owner), ..input() };
    assert!(harness.call::<op::PutObject>(granted, Some(body(b"x"))).await.is_ok());
}

#[tokio::test]
async fn conditional_writes_look_at_the_current_object() {
    let harness = Harness::new().await;
    let write = async |if_match: Option<&str>, if_none_match: Option<&str>| {
        let (if_match, if_none_match) = (if_match.map(str::to_owned), if_none_match.map(str::to_owned));
        let input = PutObjectInput { if_match, if_none_match, ..put_input("k") };
        harness.call::<op::PutObject>(input, Some(body(b"new"))).await
    };
    assert_eq!(code(write(Some("\"x\""), None).await), "NoSuchKey");
    assert!(write(None, Some("*")).await.is_ok());
    let failed = write(None, Some("*")).await.err().unwrap();
    assert_eq!((failed.status, failed.code.as_ref()), (412, "PreconditionFailed"));
    assert_eq!(code(write(Some("\"x\""), None).await), "PreconditionFailed");
    let etag = put(&harness, "k", b"hello").await.etag.unwrap();
    assert!(write(Some(&etag), None).await.is_ok());
    // A delete marker is nothing.
    harness.set_versioning(Versioning::Enabled).await;
    delete(&harness, "k", None).await;
    assert!(write(None, Some("*")).await.is_ok());
}

#[tokio::test]
async fn conditional_deletes_look_at_the_current_object() {
    let harness = Harness::new().await;
    let etag = put(&harness, "k", b"hello").await.etag.unwrap();
    let remove = async |if_match: &str| {
        let input = DeleteObjectInput { if_match: Some(if_match.to_owned()), ..delete_input("k", None) };
        harness.call::<op::DeleteObject>(input, None).await
    };
    assert_eq!(code(remove("\"x\"").await), "PreconditionFailed");
    assert!(remove(&etag).await.is_ok());
    assert_eq!(code(get(&harness, "k").await), "NoSuchKey");
    assert_eq!(code(remove("*").await), "NoSuchKey");
    let version = DeleteObjectInput { if_match: Some("*".into()), ..delete_input("k", Some("null")) };
    assert_eq!(code(harness.call::<op::DeleteObject>(version, None).await), "NotImplemented");
    let sized = DeleteObjectInput { if_match_size: Some(1), ..delete_input("k", None) };
    assert_eq!(code(harness.call::<op::DeleteObject>(sized, None).await), "NotImplemented");
}

#[tokio::test]
async fn deleting_what_is_not_there_succeeds() {
    let harness = Harness::new().await;
    let output = delete(&harness, "k", None).await;
    assert_eq!((output.delete_marker, output.version_id), (None, None));
    let id = "0".repeat(32);
    let output = delete(&harness, "k", Some(&id)).await;
    assert_eq!((output.delete_marker, output.version_id), (None, Some(id)));
    // With versions, a delete of nothing leaves a marker.
    harness.set_versioning(Versioning::Enabled).await;
    assert_eq!(delete(&harness, "k", None).await.delete_marker, Some(true));
}

#[tokio::test]
async fn a_suspended_bucket_writes_over_its_null_version_and_keeps_the_others() {
    let harness = Harness::new().await;
    put(&harness, "k", b"before").await;
    harness.set_versioning(Versioning::Enabled).await;
    let kept = put(&harness, "k", b"kept").await.version_id.unwrap();
    assert_eq!(get_version(&harness, "k", "null").await.unwrap().body, b"before");
    harness.set_versioning(Versioning::Suspended).await;
    let output = put(&harness, "k", b"after").await;
    assert_eq!(output.version_id.as_deref(), Some("null"));
    assert_eq!(get_version(&harness, "k", "null").await.unwrap().body, b"after");
    assert_eq!(get_version(&harness, "k", &kept).await.unwrap().body, b"kept");
    let marker = delete(&harness, "k", None).await;
    assert_eq!((marker.delete_marker, marker.version_id.as_deref()), (Some(true), Some("null")));
    assert_eq!(code(get_version(&harness, "k", "null").await), "MethodNotAllowed");
    assert_eq!(harness.engine.live_blobs().await.len(), 1);
    // Without the marker, the version before it is the current one again.
    delete(&harness, "k", Some("null")).await;
    assert_eq!(get(&harness, "k").await.unwrap(), b"kept");
    delete(&harness, "k", Some(&kept)).await;
    assert_eq!(code(get(&harness, "k").await), "NoSuchKey");
    assert!(harness.engine.live_blobs().await.is_empty());
}

#[tokio::test]
async fn a_bucket_with_mfa_delete_lets_no_version_go() {
    let harness = Harness::new().await;
    harness.set_versioning(Versioning::Enabled).await;
    let version = put(&harness, "k", b"x").await.version_id.unwrap();
    harness.change_state(|state| state.mfa_delete = true).await;
    let result = harness.call::<op::DeleteObject>(delete_input("k", Some(&version)), None).await;
    assert_eq!(code(result), "AccessDenied");
    assert_eq!(delete(&harness, "k", None).await.delete_marker, Some(true));
}

#[tokio::test]
async fn records_say_what_was_written_and_deleted() {
    let harness = Harness::new().await;
    harness.set_versioning(Versioning::Enabled).await;
    let answer = harness.call::<op::PutObject>(put_input("k"), Some(body(b"hello"))).await.unwrap();
    let effect = &answer.effects[0];
    assert_eq!((effect.kind, effect.size), (EffectKind::Write, Some(5)));
    assert_eq!(effect.version_id, answer.output.version_id);
    let marked = harness.call::<op::DeleteObject>(delete_input("k", None), None).await.unwrap();
    assert_eq!(marked.effects[0].kind, EffectKind::DeleteMarker);
    let id = marked.output.version_id.unwrap();
    let gone = harness.call::<op::DeleteObject>(delete_input("k", Some(&id)), None).await.unwrap();
    assert_eq!((gone.effects[0].kind, gone.effects[0].version_id.as_ref()), (EffectKind::Delete, Some(&id)));
}

#[tokio::test]
async fn keys_are_plain_bytes() {
    let harness = Harness::new().await;
    for key in ["..", "/", "a//b", "../../x", "a\0b", "a\0", "a", "\u{1}", "ключ", "a\u{7f}"] {
        put(&harness, key, key.as_bytes()).await;
    }
    for key in ["..", "/", "a//b", "../../x", "a\0b", "a\0", "a", "\u{1}", "ключ", "a\u{7f}"] {
        assert_eq!(get(&harness, key).await.unwrap(), key.as_bytes());
    }
    delete(&harness, "a", None).await;
    assert_eq!(get(&harness, "a\0").await.unwrap(), b"a\0");
}

#[tokio::test]
async fn an_upload_does_not_land_in_a_bucket_that_was_made_again() {
    let harness = Harness::new().await;
    for seed in 1..30 {
        harness.engine.interleave(seed);
        let writing = harness.call::<op::PutObject>(put_input("k"), Some(body(b"old")));
        let again = async {
            harness.forget_bucket(crate::testing::BUCKET).await;
            harness.make_bucket(crate::testing::BUCKET, false).await;
        };
        let (written, ()) = tokio::join!(writing, again);
        // Whatever came of it, what is there can be read.
        match get(&harness, "k").await {
            Ok(found) => assert_eq!(found, b"old"),
            Err(reply) => assert_eq!(reply.code, "NoSuchKey", "{written:?}", written = written.is_ok()),
        }
    }
}
