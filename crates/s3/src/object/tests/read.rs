//! GetObject and HeadObject.

use strongroom_api_s3::{
    GetObjectInput, HeadObjectInput, ObjectCannedAcl, PutObjectInput, ServerSideEncryption, StorageClass, op,
};
use strongroom_gate::Caller;
use strongroom_record::EffectKind;
use strongroom_types::Timestamp;

use super::{code, delete, get, get_input, get_version, head_input, put, put_input};
use crate::row::Versioning;
use crate::testing::{Harness, body};

#[tokio::test]
async fn everything_said_of_an_object_comes_back() {
    let harness = Harness::new().await;
    let input = PutObjectInput {
        content_type: Some("text/plain".into()),
        content_encoding: Some("gzip,aws-chunked".into()),
        content_disposition: Some("inline".into()),
        content_language: Some("de".into()),
        cache_control: Some("no-cache".into()),
        expires: Some("never".into()),
        metadata: vec![("Mixed".into(), "value".into()), ("umlaut".into(), "ä".into())],
        storage_class: Some(StorageClass::StandardIa),
        website_redirect_location: Some("/there".into()),
        tagging: Some("a=1&b=2".into()),
        server_side_encryption: Some(ServerSideEncryption::Aes256),
        acl: Some(ObjectCannedAcl::BucketOwnerFullControl),
        ..put_input("k")
    };
    let answer = harness.call::<op::PutObject>(input, Some(body(b"hello"))).await.unwrap();
    assert_eq!(answer.output.server_side_encryption, Some(ServerSideEncryption::Aes256));
    assert_eq!(answer.output.version_id, None);
    let head = harness.call::<op::HeadObject>(head_input("k"), None).await.unwrap();
    let output = head.output;
    assert_eq!(output.content_type.as_deref(), Some("text/plain"));
    assert_eq!(output.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(output.content_disposition.as_deref(), Some("inline"));
    assert_eq!(output.content_language.as_deref(), Some("de"));
    assert_eq!(output.cache_control.as_deref(), Some("no-cache"));
    assert_eq!(output.expires.as_deref(), Some("never"));
    let metadata = [("mixed", "value"), ("umlaut", "=?UTF-8?B?w6Q=?=")];
    assert_eq!(output.metadata, metadata.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(output.storage_class, Some(StorageClass::StandardIa));
    assert_eq!(output.website_redirect_location.as_deref(), Some("/there"));
    assert_eq!(output.tag_count, Some(2));
    assert_eq!(output.accept_ranges.as_deref(), Some("bytes"));
    assert_eq!(output.content_length, Some(5));
    assert_eq!(output.version_id, None);
    assert_eq!(head.object_size, Some(5));
    assert_eq!(head.effects[0].kind, EffectKind::Read);
    assert_eq!(head.effects[0].key.as_deref(), Some("k"));
}

#[tokio::test]
async fn what_was_not_said_is_what_s3_says() {
    let harness = Harness::new().await;
    put(&harness, "k", b"").await;
    let output = harness.call::<op::GetObject>(get_input("k"), None).await.unwrap().output;
    assert_eq!(output.content_type.as_deref(), Some("binary/octet-stream"));
    assert_eq!((output.storage_class, output.tag_count, output.missing_meta), (None, None, None));
    assert_eq!(output.server_side_encryption, Some(ServerSideEncryption::Aes256));
}

#[tokio::test]
async fn conditions_are_answered_with_304_and_412() {
    let harness = Harness::new().await;
    let etag = put(&harness, "k", b"hello").await.etag.unwrap();
    let get = async |input: GetObjectInput| harness.call::<op::GetObject>(input, None).await;
    let unchanged = get(GetObjectInput { if_none_match: Some(etag.clone()), ..get_input("k") }).await;
    let reply = unchanged.err().unwrap();
    assert_eq!((reply.status, reply.bare), (304, true));
    assert!(reply.headers.contains(&("etag", etag.clone())));
    assert!(reply.headers.iter().any(|(name, _)| *name == "last-modified"));
    let failed =
        get(GetObjectInput { if_match: Some("\"x\"".into()), ..get_input("k") }).await.err().unwrap();
    assert_eq!((failed.status, failed.code.as_ref()), (412, "PreconditionFailed"));
    assert!(failed.members.contains(&("Condition", "If-Match".into())));
    assert!(get(GetObjectInput { if_match: Some(etag.clone()), ..get_input("k") }).await.is_ok());
    let since = Some(Timestamp::from_secs(1));
    let input = HeadObjectInput { if_unmodified_since: since, ..head_input("k") };
    assert_eq!(code(harness.call::<op::HeadObject>(input, None).await), "PreconditionFailed");
    // Absence comes before conditions.
    let input = GetObjectInput { if_none_match: Some("*".into()), ..get_input("absent") };
    assert_eq!(code(get(input).await), "NoSuchKey");
}

#[tokio::test]
async fn ranges_are_cut_passed_over_or_refused() {
    let harness = Harness::new().await;
    put(&harness, "k", b"0123456789").await;
    let get = async |range: &str| {
        let input = GetObjectInput { range: Some(range.to_owned()), ..get_input("k") };
        harness.call::<op::GetObject>(input, None).await
    };
    let answer = get("bytes=-3").await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (Some(206), &b"789"[..]));
    assert_eq!(answer.output.content_range.as_deref(), Some("bytes 7-9/10"));
    assert_eq!(answer.output.content_length, Some(3));
    let several = get("bytes=0-1,3-4").await.unwrap();
    assert_eq!((several.status, several.body.len()), (None, 10));
    assert_eq!(code(get("bytes=10-").await), "InvalidRange");
    let head = HeadObjectInput { range: Some("bytes=2-3".into()), ..head_input("k") };
    let head = harness.call::<op::HeadObject>(head, None).await.unwrap();
    assert_eq!((head.status, head.output.content_length), (Some(206), Some(2)));
}

#[tokio::test]
async fn an_object_in_one_piece_has_one_part() {
    let harness = Harness::new().await;
    put(&harness, "k", b"0123456789").await;
    let get = async |part: i32, range: Option<&str>| {
        let range = range.map(str::to_owned);
        let input = GetObjectInput { part_number: Some(part), range, ..get_input("k") };
        harness.call::<op::GetObject>(input, None).await
    };
    let answer = get(1, None).await.unwrap();
    assert_eq!((answer.status, answer.body.len(), answer.output.parts_count), (Some(206), 10, None));
    let refused = get(2, None).await.err().unwrap();
    assert_eq!((refused.status, refused.code.as_ref()), (416, "InvalidPartNumber"));
    assert_eq!(code(get(0, None).await), "InvalidArgument");
    assert_eq!(code(get(10_001, None).await), "InvalidArgument");
    assert_eq!(code(get(1, Some("bytes=0-1")).await), "InvalidRequest");
}

#[tokio::test]
async fn headers_of_the_answer_can_be_chosen_by_who_signs() {
    let harness = Harness::new().await;
    put(&harness, "k", b"x").await;
    let input = GetObjectInput {
        response_content_type: Some("a/b".into()),
        response_content_disposition: Some("attachment".into()),
        response_expires: Some(Timestamp::from_secs(0)),
        ..get_input("k")
    };
    let output = harness.call::<op::GetObject>(input.clone(), None).await.unwrap().output;
    assert_eq!(output.content_type.as_deref(), Some("a/b"));
    assert_eq!(output.content_disposition.as_deref(), Some("attachment"));
    assert_eq!(output.expires.as_deref(), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
    // The gate denies anonymous callers for now, whatever they ask.
    assert_eq!(code(harness.call_as::<op::GetObject>(Caller::Anonymous, input, None).await), "AccessDenied");
}

#[tokio::test]
async fn a_delete_marker_is_404_as_current_and_405_by_its_id() {
    let harness = Harness::new().await;
    harness.set_versioning(Versioning::Enabled).await;
    let version = put(&harness, "k", b"x").await.version_id.unwrap();
    let marker = delete(&harness, "k", None).await;
    assert_eq!(marker.delete_marker, Some(true));
    let marker = marker.version_id.unwrap();
    let current = harness.call::<op::GetObject>(get_input("k"), None).await.err().unwrap();
    assert_eq!((current.status, current.code.as_ref()), (404, "NoSuchKey"));
    assert!(current.headers.contains(&("x-amz-delete-marker", "true".into())));
    assert!(current.headers.contains(&("x-amz-version-id", marker.clone())));
    let by_id = get_version(&harness, "k", &marker).await.err().unwrap();
    assert_eq!((by_id.status, by_id.code.as_ref()), (405, "MethodNotAllowed"));
    assert!(by_id.headers.contains(&("allow", "DELETE".into())));
    assert!(by_id.headers.iter().any(|(name, _)| *name == "last-modified"));
    let old = get_version(&harness, "k", &version).await.unwrap();
    assert_eq!((old.body.as_slice(), old.output.version_id), (&b"x"[..], Some(version)));
    // Deleting the marker restores the object.
    let undeleted = delete(&harness, "k", Some(&marker)).await;
    assert_eq!((undeleted.delete_marker, undeleted.version_id), (Some(true), Some(marker)));
    assert_eq!(get(&harness, "k").await.unwrap(), b"x");
}

#[tokio::test]
async fn versions_that_are_not_there_and_ids_that_cannot_be() {
    let harness = Harness::new().await;
    put(&harness, "k", b"x").await;
    assert_eq!(code(get_version(&harness, "k", &"0".repeat(32)).await), "NoSuchVersion");
    assert_eq!(code(get_version(&harness, "k", "nonsense").await), "InvalidArgument");
    // Before versioning was enabled, the object is the null version.
    assert_eq!(get_version(&harness, "k", "null").await.unwrap().body, b"x");
}
