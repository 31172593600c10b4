//! DeleteObjects, CopyObject, GetObjectAttributes, tags, ACLs and locks.

use strongroom_api_s3::{
    CopyObjectInput, Delete, DeleteObjectTaggingInput, DeleteObjectsInput, DeleteObjectsOutput,
    GetObjectAclInput, GetObjectAttributesInput, GetObjectLegalHoldInput, GetObjectRetentionInput,
    GetObjectTaggingInput, MetadataDirective, ObjectAttributes, ObjectCannedAcl, ObjectIdentifier,
    PutObjectAclInput, PutObjectInput, PutObjectTaggingInput, RestoreObjectInput, StorageClass, Tag, Tagging,
    TaggingDirective, op,
};
use strongroom_gate::ErrorReply;
use strongroom_record::EffectKind;
use strongroom_storage::MetaStore as _;
use strongroom_types::{AccountId, ObjectKey, UploadId};

use super::{bytes, code, delete, get, get_version, head_input, put, put_input};
use crate::row::{self, ChecksumRow, Coded as _, Content, Headers, LayoutRow, PartRow, Versioning};
use crate::testing::{Answer, BUCKET, Harness, body, root};

fn identifiers(keys: &[(&str, Option<&str>)]) -> DeleteObjectsInput {
    let objects = keys
        .iter()
        .map(|(key, version)| ObjectIdentifier {
            key: (*key).to_owned(),
            version_id: version.map(str::to_owned),
            ..ObjectIdentifier::default()
        })
        .collect();
    let delete = Delete { objects, quiet: None };
    DeleteObjectsInput { bucket: BUCKET.to_owned(), delete, ..DeleteObjectsInput::default() }
}

async fn delete_many(harness: &Harness, keys: &[(&str, Option<&str>)]) -> Answer<op::DeleteObjects> {
    harness.call::<op::DeleteObjects>(identifiers(keys), None).await.unwrap()
}

fn error_codes(output: &DeleteObjectsOutput) -> Vec<(&str, &str)> {
    output
        .errors
        .iter()
        .map(|error| (error.key.as_deref().unwrap(), error.code.as_deref().unwrap()))
        .collect()
}

#[tokio::test]
async fn many_keys_go_in_one_request_with_an_effect_each() {
    let harness = Harness::new().await;
    for key in ["a", "b", "c"] {
        put(&harness, key, b"x").await;
    }
    let answer = delete_many(&harness, &[("a", None), ("b", None), ("absent", None)]).await;
    let deleted: Vec<_> =
        answer.output.deleted.iter().map(|deleted| deleted.key.as_deref().unwrap()).collect();
    assert_eq!(deleted, ["a", "b", "absent"]);
    assert!(answer.output.errors.is_empty());
    let effects: Vec<_> = answer.effects.iter().map(|effect| (effect.kind, effect.key.as_deref())).collect();
    // A key that was not there is told too: CloudTrail has one resource for each key of the request.
    assert_eq!(effects, ["a", "b", "absent"].map(|key| (EffectKind::Delete, Some(key))));
    assert_eq!(code(get(&harness, "a").await), "NoSuchKey");
    assert_eq!(harness.engine.live_blobs().await.len(), 1);
}

#[tokio::test]
async fn versions_markers_and_repeats_of_a_key_go_in_their_order() {
    let harness = Harness::new().await;
    harness.set_versioning(Versioning::Enabled).await;
    let one = put(&harness, "k", b"1").await.version_id.unwrap();
    let two = put(&harness, "k", b"2").await.version_id.unwrap();
    let three = put(&harness, "k", b"3").await.version_id.unwrap();
    let keys = [
        ("k", Some(two.as_str())),
        ("k", Some(three.as_str())),
        ("other", None),
        ("k", Some(three.as_str())),
    ];
    let output = delete_many(&harness, &keys).await.output;
    assert_eq!(output.deleted.len(), 4);
    assert_eq!(output.deleted[2].delete_marker, Some(true));
    assert_eq!(get(&harness, "k").await.unwrap(), b"1");
    let output = delete_many(&harness, &[("k", Some(one.as_str())), ("k", None), ("k", None)]).await.output;
    assert!(output.errors.is_empty());
    let markers: Vec<_> = output.deleted[1..].iter().map(|deleted| deleted.delete_marker).collect();
    assert_eq!(markers, [Some(true), Some(true)]);
    assert_ne!(output.deleted[1].delete_marker_version_id, output.deleted[2].delete_marker_version_id);
    // Deleting a marker says which.
    let marker = output.deleted[2].delete_marker_version_id.clone().unwrap();
    let output = delete_many(&harness, &[("k", Some(marker.as_str()))]).await.output;
    assert_eq!(output.deleted[0].delete_marker, Some(true));
    assert_eq!(output.deleted[0].delete_marker_version_id, Some(marker));
    assert!(harness.engine.live_blobs().await.is_empty());
}

#[tokio::test]
async fn a_thousand_keys_and_no_more() {
    let harness = Harness::new().await;
    for n in 0..30 {
        put(&harness, &format!("k{n}"), b"x").await;
    }
    let names: Vec<_> = (0..1001).map(|n| format!("k{n}")).collect();
    let keys: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
    assert_eq!(delete_many(&harness, &keys[..1000]).await.output.deleted.len(), 1000);
    assert!(harness.engine.live_blobs().await.is_empty());
    assert_eq!(code(harness.call::<op::DeleteObjects>(identifiers(&keys), None).await), "MalformedXML");
    assert_eq!(code(harness.call::<op::DeleteObjects>(identifiers(&[]), None).await), "MalformedXML");
}

#[tokio::test]
async fn quiet_shows_errors_only_and_bad_names_fail_alone() {
    let harness = Harness::new().await;
    put(&harness, "a", b"x").await;
    let long = "k".repeat(1025);
    let mut input = identifiers(&[("a", None), (long.as_str(), None), ("a", Some("nonsense"))]);
    input.delete.quiet = Some(true);
    let output = harness.call::<op::DeleteObjects>(input, None).await.unwrap().output;
    assert!(output.deleted.is_empty());
    assert_eq!(error_codes(&output), [(long.as_str(), "KeyTooLongError"), ("a", "NoSuchVersion")]);
    assert_eq!(code(get(&harness, "a").await), "NoSuchKey");
}

#[tokio::test]
async fn each_key_is_decided_on_its_own_and_strangers_delete_nothing() {
    let harness = Harness::new().await;
    put(&harness, "a", b"x").await;
    let stranger = root(AccountId::parse("999988887777").unwrap());
    let input = identifiers(&[("a", None), ("b", Some("null"))]);
    let answer = harness.call_as::<op::DeleteObjects>(stranger, input, None).await.unwrap();
    assert_eq!(error_codes(&answer.output), [("a", "AccessDenied"), ("b", "AccessDenied")]);
    assert_eq!(answer.effects.iter().filter(|effect| effect.kind == EffectKind::Denied).count(), 2);
    assert_eq!(get(&harness, "a").await.unwrap(), b"x");
}

#[tokio::test]
async fn a_key_whose_etag_is_another_stays() {
    let harness = Harness::new().await;
    let etag = put(&harness, "a", b"x").await.etag;
    put(&harness, "b", b"x").await;
    let mut input = identifiers(&[("a", None), ("b", None)]);
    input.delete.objects[0].etag = etag;
    input.delete.objects[1].etag = Some("\"other\"".into());
    let output = harness.call::<op::DeleteObjects>(input, None).await.unwrap().output;
    assert_eq!(output.deleted.len(), 1);
    assert_eq!(error_codes(&output), [("b", "PreconditionFailed")]);
    assert!(get(&harness, "b").await.is_ok());
}

fn copy_input(source: &str, key: &str) -> CopyObjectInput {
    CopyObjectInput {
        bucket: BUCKET.to_owned(),
        key: key.to_owned(),
        copy_source: source.to_owned(),
        ..CopyObjectInput::default()
    }
}

async fn copy(harness: &Harness, input: CopyObjectInput) -> Result<Answer<op::CopyObject>, ErrorReply> {
    harness.call::<op::CopyObject>(input, None).await
}

#[tokio::test]
async fn a_copy_has_its_own_blob_and_what_the_directives_say() {
    let harness = Harness::new().await;
    let data = bytes(400_000);
    let input = PutObjectInput {
        content_type: Some("text/plain".into()),
        metadata: vec![("a".into(), "1".into())],
        tagging: Some("t=1".into()),
        storage_class: Some(StorageClass::StandardIa),
        website_redirect_location: Some("/x".into()),
        ..put_input("from")
    };
    harness.call::<op::PutObject>(input, Some(body(&data))).await.unwrap();
    let answer = copy(&harness, copy_input("/bucket/from", "to")).await.unwrap();
    let kinds: Vec<_> = answer.effects.iter().map(|effect| (effect.kind, effect.key.as_deref())).collect();
    assert_eq!(kinds, [(EffectKind::Write, Some("to")), (EffectKind::Read, Some("from"))]);
    let head = harness.call::<op::HeadObject>(head_input("to"), None).await.unwrap().output;
    assert_eq!(head.content_type.as_deref(), Some("text/plain"));
    assert_eq!(head.metadata, [("a".to_owned(), "1".to_owned())]);
    assert_eq!((head.tag_count, head.storage_class, head.website_redirect_location), (Some(1), None, None));
    assert!(answer.output.copy_object_result.unwrap().last_modified.is_some());
    delete(&harness, "from", None).await;
    assert!(get(&harness, "to").await.unwrap() == data);

    let replace = CopyObjectInput {
        metadata_directive: Some(MetadataDirective::Replace),
        tagging_directive: Some(TaggingDirective::Replace),
        content_type: Some("a/b".into()),
        ..copy_input("bucket/to", "other")
    };
    copy(&harness, replace).await.unwrap();
    let head = harness.call::<op::HeadObject>(head_input("other"), None).await.unwrap().output;
    assert_eq!((head.content_type.as_deref(), head.metadata.len(), head.tag_count), (Some("a/b"), 0, None));
}

#[tokio::test]
async fn a_copy_onto_itself_must_change_something() {
    let harness = Harness::new().await;
    put(&harness, "k", b"x").await;
    let refused = copy(&harness, copy_input("bucket/k", "k")).await.err().unwrap();
    assert_eq!((refused.status, refused.code.as_ref()), (400, "InvalidRequest"));
    assert!(refused.message.contains("to itself without changing"));
    let replaced = CopyObjectInput {
        metadata_directive: Some(MetadataDirective::Replace),
        metadata: vec![("a".into(), "1".into())],
        ..copy_input("bucket/k", "k")
    };
    assert!(copy(&harness, replaced).await.is_ok());
    assert_eq!(get(&harness, "k").await.unwrap(), b"x");
    assert_eq!(harness.engine.live_blobs().await.len(), 1);
}

#[tokio::test]
async fn an_old_version_is_restored_by_copying_it_onto_its_key() {
    let harness = Harness::new().await;
    harness.set_versioning(Versioning::Enabled).await;
    let old = put(&harness, "k", b"old").await.version_id.unwrap();
    put(&harness, "k", b"new").await;
    let output = copy(&harness, copy_input(&format!("bucket/k?versionId={old}"), "k")).await.unwrap().output;
    assert_eq!(output.copy_source_version_id, Some(old));
    assert_eq!(get(&harness, "k").await.unwrap(), b"old");
    let marker = delete(&harness, "k", None).await.version_id.unwrap();
    assert_eq!(code(copy(&harness, copy_input("bucket/k", "j")).await), "NoSuchKey");
    let by_id = copy(&harness, copy_input(&format!("bucket/k?versionId={marker}"), "j")).await;
    assert_eq!(code(by_id), "InvalidRequest");
    assert_eq!(get_version(&harness, "k", &output.version_id.unwrap()).await.unwrap().body, b"old");
}

#[tokio::test]
async fn a_source_that_does_not_meet_its_conditions_is_not_copied() {
    let harness = Harness::new().await;
    let etag = put(&harness, "k", b"x").await.etag.unwrap();
    let with = |change: fn(&mut CopyObjectInput, String), tag: &str| {
        let mut input = copy_input("bucket/k", "j");
        change(&mut input, tag.to_owned());
        input
    };
    let matching = with(|input, tag| input.copy_source_if_match = Some(tag), "\"other\"");
    assert_eq!(code(copy(&harness, matching).await), "PreconditionFailed");
    let none = with(|input, tag| input.copy_source_if_none_match = Some(tag), &etag);
    let reply = copy(&harness, none).await.err().unwrap();
    assert_eq!((reply.status, reply.bare), (412, false));
    let first = with(|input, tag| input.if_none_match = Some(tag), "*");
    assert!(copy(&harness, first.clone()).await.is_ok());
    assert_eq!(code(copy(&harness, first).await), "PreconditionFailed");
    assert_eq!(code(copy(&harness, copy_input("bucket/absent", "j")).await), "NoSuchKey");
}

/// An object in two parts, as CompleteMultipartUpload leaves it.
async fn put_in_parts(harness: &Harness, key: &str, parts: &[(u16, &[u8])]) -> UploadId {
    let upload = UploadId::from_bytes([9; 16]);
    let sum = |value: &str| ChecksumRow {
        algorithm: "SHA256".into(),
        value: value.into(),
        kind: "COMPOSITE".into(),
    };
    let object_key = ObjectKey::parse(key).unwrap();
    // The blobs come in as objects of the same key, whose rows are then written anew.
    let partition = harness.partition().await;
    let mut batch = strongroom_storage::Batch::new(partition);
    let mut layout = LayoutRow::default();
    harness.set_versioning(Versioning::Enabled).await;
    let mut last = None;
    for (number, data) in parts {
        let put = put(harness, key, data).await;
        let (current, _) = harness.s3.current_row(partition, &object_key).await.unwrap().unwrap();
        let version_key = row::version(&object_key, current.sequence);
        let row = harness.engine.inner.get(partition, &version_key).await.unwrap().unwrap();
        let version = crate::row::VersionRow::decode(&row.value).unwrap();
        let blob = version.content.as_ref().unwrap().blob.clone().unwrap();
        layout.parts.push((*number, data.len() as u64));
        let checksums = vec![sum(&format!("part{number}"))];
        let part = PartRow { blob, etag: [0; 16], modified_millis: 0, checksums };
        batch.put(row::part(upload, *number), part.encode());
        batch.delete(version_key.clone());
        last = Some((version_key, version, current, put));
    }
    let (version_key, mut version, mut current, _) = last.unwrap();
    let size = layout.parts.iter().map(|(_, size)| size).sum();
    version.content = Some(Box::new(Content {
        size,
        etag: "00-2".into(),
        headers: Headers::default(),
        metadata: Vec::new(),
        storage_class: None,
        tags: Vec::new(),
        checksums: vec![sum("whole-2")],
        website_redirect: None,
        blob: None,
        upload: Some(*upload.as_bytes()),
        parts: Some(u16::try_from(parts.len()).unwrap()),
        encryption: "AES256".into(),
        customer_proof: None,
        owner: None,
        acl: None,
    }));
    current.size = size;
    batch.put(row::layout(upload), layout.encode());
    batch.put(version_key, version.encode());
    batch.put(row::current(&object_key), current.encode());
    harness.engine.inner.commit(batch).await.unwrap();
    upload
}

#[tokio::test]
async fn an_object_in_parts_is_read_by_range_and_by_part_copied_and_deleted() {
    let harness = Harness::new().await;
    let (first, second) = (bytes(1_300_000), vec![5_u8; 70_000]);
    let upload = put_in_parts(&harness, "k", &[(2, &first), (7, &second)]).await;
    let whole = [first.as_slice(), &second].concat();
    assert!(get(&harness, "k").await.unwrap() == whole);
    let input = strongroom_api_s3::GetObjectInput {
        range: Some("bytes=1299990-1300009".into()),
        ..super::get_input("k")
    };
    let answer = harness.call::<op::GetObject>(input, None).await.unwrap();
    assert!(answer.body == whole[1_299_990..=1_300_009]);
    let input = strongroom_api_s3::GetObjectInput {
        part_number: Some(7),
        checksum_mode: Some(strongroom_api_s3::ChecksumMode::Enabled),
        ..super::get_input("k")
    };
    let answer = harness.call::<op::GetObject>(input, None).await.unwrap();
    assert!(answer.body == second);
    assert_eq!((answer.status, answer.output.parts_count), (Some(206), Some(2)));
    assert_eq!(answer.output.checksum_sha256.as_deref(), Some("part7"));
    assert_eq!(answer.output.content_range.as_deref(), Some("bytes 1300000-1369999/1370000"));
    let input = strongroom_api_s3::GetObjectInput { part_number: Some(1), ..super::get_input("k") };
    assert_eq!(code(harness.call::<op::GetObject>(input, None).await), "InvalidPartNumber");

    let input = GetObjectAttributesInput {
        bucket: BUCKET.into(),
        key: "k".into(),
        max_parts: Some(1),
        object_attributes: vec![
            ObjectAttributes::ObjectParts,
            ObjectAttributes::Checksum,
            ObjectAttributes::Etag,
            ObjectAttributes::StorageClass,
            ObjectAttributes::ObjectSize,
        ],
        ..GetObjectAttributesInput::default()
    };
    let output = harness.call::<op::GetObjectAttributes>(input.clone(), None).await.unwrap().output;
    let parts = output.object_parts.unwrap();
    assert_eq!((parts.total_parts_count, parts.is_truncated), (Some(2), Some(true)));
    assert_eq!((parts.next_part_number_marker, parts.parts[0].part_number), (Some(2), Some(2)));
    assert_eq!(output.checksum.unwrap().checksum_sha256.as_deref(), Some("whole"));
    assert_eq!((output.etag.as_deref(), output.object_size), (Some("00-2"), Some(1_370_000)));
    assert_eq!(output.storage_class, Some(StorageClass::Standard));
    let input = GetObjectAttributesInput { part_number_marker: Some(2), ..input };
    let output = harness.call::<op::GetObjectAttributes>(input, None).await.unwrap().output;
    let parts = output.object_parts.unwrap();
    assert_eq!((parts.is_truncated, parts.parts[0].part_number), (Some(false), Some(7)));

    copy(&harness, copy_input("bucket/k", "copy")).await.unwrap();
    assert!(get(&harness, "copy").await.unwrap() == whole);
    assert_eq!(harness.engine.live_blobs().await.len(), 3);
    let current = harness.call::<op::HeadObject>(head_input("k"), None).await.unwrap().output;
    delete(&harness, "k", current.version_id.as_deref()).await;
    assert_eq!(harness.engine.live_blobs().await.len(), 1);
    let partition = harness.partition().await;
    for key in [row::layout(upload), row::part(upload, 2), row::part(upload, 7)] {
        assert_eq!(harness.engine.inner.get(partition, &key).await.unwrap(), None);
    }
}

#[tokio::test]
async fn attributes_must_be_named() {
    let harness = Harness::new().await;
    put(&harness, "k", b"x").await;
    let input = GetObjectAttributesInput {
        bucket: BUCKET.into(),
        key: "k".into(),
        ..GetObjectAttributesInput::default()
    };
    assert_eq!(code(harness.call::<op::GetObjectAttributes>(input, None).await), "InvalidArgument");
}

#[tokio::test]
async fn tags_are_set_read_and_removed_for_one_version() {
    let harness = Harness::new().await;
    harness.set_versioning(Versioning::Enabled).await;
    let old = put(&harness, "k", b"old").await.version_id;
    put(&harness, "k", b"new").await;
    let set = async |version_id: Option<String>, tags: &[(&str, &str)]| {
        let tag_set =
            tags.iter().map(|(key, value)| Tag { key: (*key).into(), value: (*value).into() }).collect();
        let input = PutObjectTaggingInput {
            bucket: BUCKET.into(),
            key: "k".into(),
            version_id,
            tagging: Tagging { tag_set },
            ..PutObjectTaggingInput::default()
        };
        harness.call::<op::PutObjectTagging>(input, None).await
    };
    let tags = async |version_id: Option<String>| {
        let input = GetObjectTaggingInput {
            bucket: BUCKET.into(),
            key: "k".into(),
            version_id,
            ..GetObjectTaggingInput::default()
        };
        harness.call::<op::GetObjectTagging>(input, None).await.unwrap().output.tag_set.len()
    };
    assert_eq!(set(old.clone(), &[("a", "1"), ("b", "2")]).await.unwrap().output.version_id, old);
    assert_eq!((tags(old.clone()).await, tags(None).await), (2, 0));
    assert_eq!(code(set(None, &[("a", "1"), ("a", "2")]).await), "InvalidTag");
    let input = DeleteObjectTaggingInput {
        bucket: BUCKET.into(),
        key: "k".into(),
        version_id: old.clone(),
        ..DeleteObjectTaggingInput::default()
    };
    harness.call::<op::DeleteObjectTagging>(input, None).await.unwrap();
    assert_eq!(tags(old.clone()).await, 0);
    assert_eq!(get_version(&harness, "k", &old.unwrap()).await.unwrap().body, b"old");
    delete(&harness, "k", None).await;
    assert_eq!(code(set(None, &[]).await), "NoSuchKey");
}

#[tokio::test]
async fn acls_show_the_owner_and_take_no_other_where_they_are_disabled() {
    let harness = Harness::new().await;
    harness.change_state(|state| state.ownership = Some("BucketOwnerEnforced".to_owned())).await;
    put(&harness, "k", b"x").await;
    let input = GetObjectAclInput { bucket: BUCKET.into(), key: "k".into(), ..GetObjectAclInput::default() };
    let output = harness.call::<op::GetObjectAcl>(input.clone(), None).await.unwrap().output;
    let owner = output.owner.unwrap().id;
    let grants = output.grants.unwrap();
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0].grantee.as_ref().unwrap().id, owner);
    let set = async |acl: Option<ObjectCannedAcl>| {
        let input =
            PutObjectAclInput { bucket: BUCKET.into(), key: "k".into(), acl, ..PutObjectAclInput::default() };
        code(harness.call::<op::PutObjectAcl>(input, None).await)
    };
    assert_eq!(set(Some(ObjectCannedAcl::PublicRead)).await, "AccessControlListNotSupported");
    assert_eq!(set(Some(ObjectCannedAcl::BucketOwnerFullControl)).await, "none");
    assert_eq!(set(None).await, "MissingSecurityHeader");
    harness.change_state(|state| state.ownership = None).await;
    assert_eq!(
        set(Some(ObjectCannedAcl::PublicRead)).await,
        "AccessDenied",
        "the account blocks public lists"
    );
    assert_eq!(set(Some(ObjectCannedAcl::AwsExecRead)).await, "none");
    let output = harness.call::<op::GetObjectAcl>(input, None).await.unwrap().output;
    assert_eq!(output.grants.unwrap().len(), 2);
}

#[tokio::test]
async fn locks_and_restores_are_answered_as_s3_answers_without_them() {
    let harness = Harness::new().await;
    harness.make_bucket("locked", true).await;
    for (bucket, expected) in [(BUCKET, "InvalidRequest"), ("locked", "NoSuchObjectLockConfiguration")] {
        let input = PutObjectInput { bucket: bucket.into(), ..put_input("k") };
        harness.call::<op::PutObject>(input, Some(body(b"x"))).await.unwrap();
        let (bucket, key) = (bucket.to_owned(), "k".to_owned());
        let input = GetObjectRetentionInput {
            bucket: bucket.clone(),
            key: key.clone(),
            ..GetObjectRetentionInput::default()
        };
        assert_eq!(code(harness.call::<op::GetObjectRetention>(input, None).await), expected);
        let input = GetObjectLegalHoldInput { bucket, key, ..GetObjectLegalHoldInput::default() };
        assert_eq!(code(harness.call::<op::GetObjectLegalHold>(input, None).await), expected);
    }
    let input =
        RestoreObjectInput { bucket: BUCKET.into(), key: "k".into(), ..RestoreObjectInput::default() };
    let reply = harness.call::<op::RestoreObject>(input, None).await.err().unwrap();
    assert_eq!((reply.status, reply.code.as_ref()), (403, "InvalidObjectState"));
}
