//! The life of an upload, and each rule with its code.

use strongroom_api_s3::{
    DeleteObjectInput, HeadObjectInput, ObjectCannedAcl, PutObjectInput, StorageClass, op,
};
use strongroom_storage::{Batch, MetaStore as _};
use strongroom_types::{AccountId, Timestamp, UploadId};

use super::*;
use crate::multipart::upload::{sequence_of, upload_id};
use crate::row::{self, BlobRow, ChecksumRow, ObjectSequence, Versioning};
use crate::testing::{body, root};

#[tokio::test]
async fn parts_in_any_order_become_one_object_with_the_headers_of_its_beginning() {
    let harness = Harness::new().await;
    let input = CreateMultipartUploadInput {
        content_type: Some("video/mp4".into()),
        content_encoding: Some("gzip,aws-chunked".into()),
        metadata: vec![("Title".into(), "x".into())],
        storage_class: Some(StorageClass::StandardIa),
        tagging: Some("a=b".into()),
        acl: Some(ObjectCannedAcl::BucketOwnerFullControl),
        ..create_input("k")
    };
    let id = harness.call::<op::CreateMultipartUpload>(input, None).await.unwrap().output.upload_id.unwrap();
    let (one, two, last) = (bytes(1, WHOLE), bytes(2, WHOLE + 77), bytes(3, 10));
    let e9 = part(&harness, "k", &id, 9, &last).await;
    let e3 = part(&harness, "k", &id, 3, &two).await;
    let e1 = part(&harness, "k", &id, 1, &one).await;
    assert_eq!(code(get(&harness, "k").await), (404, "NoSuchKey".into()), "nothing is visible before");
    let input = complete_input("k", &id, &[(1, &e1), (3, e3.trim_matches('"')), (9, &e9)]);
    let input = CompleteMultipartUploadInput { mpu_object_size: i64::try_from(WHOLE * 2 + 87).ok(), ..input };
    let answer = harness.call::<op::CompleteMultipartUpload>(input, None).await.unwrap();
    let md5s = [&one, &two, &last].map(|bytes| strongroom_crypto::Md5Digest::of(bytes));
    let etag = format!("\"{}\"", strongroom_crypto::multipart_etag(&md5s));
    assert_eq!(answer.output.etag.as_deref(), Some(etag.as_str()));
    assert_eq!((answer.output.key.as_deref(), answer.output.version_id), (Some("k"), None));
    assert!(answer.output.location.unwrap().ends_with("/k"));
    assert_eq!(answer.effects.last().unwrap().size, Some((WHOLE * 2 + 87) as u64));
    assert_eq!(get(&harness, "k").await.unwrap(), [one, two, last].concat());
    let input = HeadObjectInput { bucket: BUCKET.into(), key: "k".into(), ..HeadObjectInput::default() };
    let head = harness.call::<op::HeadObject>(input, None).await.unwrap().output;
    assert_eq!(head.etag, Some(etag));
    assert_eq!(
        (head.content_type.as_deref(), head.content_encoding.as_deref()),
        (Some("video/mp4"), Some("gzip"))
    );
    assert_eq!(head.storage_class.map(StorageClass::as_str), Some("STANDARD_IA"));
    assert_eq!(head.metadata, [("title".to_owned(), "x".to_owned())]);
    assert_eq!((rows(&harness, b'u').await, rows(&harness, b'p').await), (0, 3));
    assert_blobs_match_rows(&harness).await;
}

#[tokio::test]
async fn a_part_sent_again_and_parts_left_out_give_their_space_back() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    part(&harness, "k", &id, 1, &bytes(1, 9)).await;
    let etag = part(&harness, "k", &id, 1, &bytes(2, 9)).await;
    part(&harness, "k", &id, 2, &bytes(3, 9)).await;
    part(&harness, "k", &id, 7, &bytes(4, 9)).await;
    assert_eq!(rows(&harness, b'p').await, 3);
    assert_blobs_match_rows(&harness).await;
    complete(&harness, complete_input("k", &id, &[(1, &etag)])).await.unwrap();
    assert_eq!(rows(&harness, b'p').await, 1);
    assert_blobs_match_rows(&harness).await;
    assert_eq!(get(&harness, "k").await.unwrap(), bytes(2, 9));
    let delete = DeleteObjectInput { bucket: BUCKET.into(), key: "k".into(), ..DeleteObjectInput::default() };
    harness.call::<op::DeleteObject>(delete, None).await.unwrap();
    for kind in *b"puilvk" {
        assert_eq!(rows(&harness, kind).await, 0, "{}", char::from(kind));
    }
    assert_blobs_match_rows(&harness).await;
}

#[tokio::test]
async fn the_list_of_parts_must_name_parts_that_are_there_in_order() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    let one = part(&harness, "k", &id, 1, &bytes(1, 9)).await;
    let two = part(&harness, "k", &id, 2, &bytes(2, 9)).await;
    let try_list = |list: Vec<(i32, String)>| {
        let list: Vec<(i32, &str)> = list.iter().map(|(number, etag)| (*number, etag.as_str())).collect();
        complete(&harness, complete_input("k", &id, &list))
    };
    let error = |code: &str| (400, code.to_owned());
    assert_eq!(code(try_list(vec![(2, two.clone()), (1, one.clone())]).await), error("InvalidPartOrder"));
    assert_eq!(code(try_list(vec![(1, one.clone()), (1, one.clone())]).await), error("InvalidPartOrder"));
    assert_eq!(code(try_list(vec![(3, one.clone())]).await), error("InvalidPart"));
    assert_eq!(code(try_list(vec![]).await), error("MalformedXML"));
    assert_eq!(code(try_list(vec![(0, one.clone())]).await), error("InvalidArgument"));
    let reply = try_list(vec![(2, one.clone())]).await.unwrap_err();
    assert_eq!(reply.code, "InvalidPart");
    assert!(reply.members.contains(&("PartNumber", "2".to_owned())), "{:?}", reply.members);
    let reply = try_list(vec![(1, one.clone()), (2, two.clone())]).await.unwrap_err();
    assert_eq!((reply.status, reply.code.as_ref()), (400, "EntityTooSmall"));
    let etag = one.trim_matches('"').to_owned();
    for member in [
        ("ProposedSize", "9".to_owned()),
        ("MinSizeAllowed", "5242880".to_owned()),
        ("PartNumber", "1".to_owned()),
        ("ETag", etag),
    ] {
        assert!(reply.members.contains(&member), "{member:?}");
    }
    let none = CompleteMultipartUploadInput { multipart_upload: None, ..complete_input("k", &id, &[]) };
    assert_eq!(code(complete(&harness, none).await), error("InvalidRequest"));
    let mut bare = complete_input("k", &id, &[(1, &one)]);
    bare.multipart_upload.as_mut().unwrap().parts[0].etag = None;
    assert_eq!(code(complete(&harness, bare).await), error("MalformedXML"));
    let size = complete_input("k", &id, &[(1, &one)]);
    let size = CompleteMultipartUploadInput { mpu_object_size: Some(8), ..size };
    assert_eq!(code(complete(&harness, size).await), error("InvalidRequest"));
    complete(&harness, complete_input("k", &id, &[(2, &two)])).await.unwrap();
}

#[tokio::test]
async fn part_numbers_go_from_one_to_ten_thousand() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    for number in [-1, 0, 10_001, i32::MAX] {
        let result = harness.call::<op::UploadPart>(part_input("k", &id, number), Some(body(b"x"))).await;
        assert_eq!(code(result), (400, "InvalidArgument".into()), "{number}");
    }
    for number in [1, 10_000] {
        part(&harness, "k", &id, number, b"x").await;
    }
}

#[tokio::test]
async fn no_operation_finds_an_upload_by_an_unknown_id_or_under_another_key() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    let unknown = upload_id(sequence_of(UploadId::parse(&id).unwrap()), [0; 8]).to_string();
    for (key, id) in [("k", "nonsense"), ("k", ""), ("k", unknown.as_str()), ("other", id.as_str())] {
        let missing = (404, "NoSuchUpload".to_owned());
        let result = harness.call::<op::UploadPart>(part_input(key, id, 1), Some(body(b"x"))).await;
        assert_eq!(code(result), missing, "{key} {id}");
        assert_eq!(code(complete(&harness, complete_input(key, id, &[(1, "x")])).await), missing);
        assert_eq!(code(harness.call::<op::AbortMultipartUpload>(abort_input(key, id), None).await), missing);
        let list = strongroom_api_s3::ListPartsInput {
            bucket: BUCKET.into(),
            key: key.into(),
            upload_id: id.into(),
            ..Default::default()
        };
        assert_eq!(code(harness.call::<op::ListParts>(list, None).await), missing);
    }
    assert_blobs_match_rows(&harness).await;
}

#[tokio::test]
async fn strangers_may_neither_begin_nor_end_an_upload() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    let etag = part(&harness, "k", &id, 1, b"x").await;
    let stranger = root(AccountId::parse("999999999999").unwrap());
    let denied = (403, "AccessDenied".to_owned());
    let call = harness.call_as::<op::CreateMultipartUpload>(stranger.clone(), create_input("k"), None);
    assert_eq!(code(call.await), denied);
    let call = harness.call_as::<op::UploadPart>(stranger.clone(), part_input("k", &id, 1), Some(body(b"y")));
    assert_eq!(code(call.await), denied);
    let input = complete_input("k", &id, &[(1, &etag)]);
    let call = harness.call_as::<op::CompleteMultipartUpload>(stranger.clone(), input.clone(), None);
    assert_eq!(code(call.await), denied);
    let call = harness.call_as::<op::AbortMultipartUpload>(stranger, abort_input("k", &id), None);
    assert_eq!(code(call.await), denied);
    complete(&harness, input).await.unwrap();
}

#[tokio::test]
async fn abort_leaves_neither_rows_nor_blobs() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    for number in [1, 2, 5000] {
        part(&harness, "k", &id, number, &bytes(1, 300_000)).await;
    }
    let later = AbortMultipartUploadInput {
        if_match_initiated_time: Some(Timestamp::from_secs(1)),
        ..abort_input("k", &id)
    };
    let result = harness.call::<op::AbortMultipartUpload>(later, None).await;
    assert_eq!(code(result), (412, "PreconditionFailed".into()));
    harness.call::<op::AbortMultipartUpload>(abort_input("k", &id), None).await.unwrap();
    for kind in *b"upil" {
        assert_eq!(rows(&harness, kind).await, 0, "{}", char::from(kind));
    }
    assert!(harness.engine.live_blobs().await.is_empty());
    let again = harness.call::<op::AbortMultipartUpload>(abort_input("k", &id), None).await;
    assert_eq!(code(again), (404, "NoSuchUpload".into()));
}

#[tokio::test]
async fn complete_answers_the_same_again_while_its_version_is_there() {
    let harness = Harness::new().await;
    harness.set_versioning(Versioning::Enabled).await;
    let id = create(&harness, "k").await;
    let etag = part(&harness, "k", &id, 1, b"abc").await;
    let input = CompleteMultipartUploadInput {
        if_none_match: Some("*".into()),
        ..complete_input("k", &id, &[(1, &etag)])
    };
    let first = complete(&harness, input.clone()).await.unwrap();
    assert!(first.version_id.is_some());
    let again = complete(&harness, input.clone()).await.unwrap();
    assert_eq!((again.etag, again.checksum_crc64nvme), (first.etag, first.checksum_crc64nvme));
    assert_eq!(again.version_id, first.version_id);
    let other = complete_input("k", &id, &[(2, &etag)]);
    assert_eq!(code(complete(&harness, other).await), (404, "NoSuchUpload".into()));
    let delete = DeleteObjectInput {
        bucket: BUCKET.into(),
        key: "k".into(),
        version_id: first.version_id,
        ..DeleteObjectInput::default()
    };
    harness.call::<op::DeleteObject>(delete, None).await.unwrap();
    assert_eq!(code(complete(&harness, input).await), (404, "NoSuchUpload".into()));
    assert_blobs_match_rows(&harness).await;
}

#[tokio::test]
async fn an_object_put_after_the_initiation_stays_the_current_one() {
    for versioning in [Versioning::Off, Versioning::Enabled, Versioning::Suspended] {
        let harness = Harness::new().await;
        harness.set_versioning(versioning).await;
        let id = create(&harness, "k").await;
        let etag = part(&harness, "k", &id, 1, b"old").await;
        put(&harness, "k", b"new").await;
        complete(&harness, complete_input("k", &id, &[(1, &etag)])).await.unwrap();
        assert_eq!(get(&harness, "k").await.unwrap(), b"new", "{versioning:?}");
        let versions = if versioning == Versioning::Enabled { 2 } else { 1 };
        assert_eq!(rows(&harness, b'v').await, versions, "{versioning:?}");
        assert_blobs_match_rows(&harness).await;
    }
}

#[tokio::test]
async fn an_object_put_before_the_initiation_is_replaced() {
    let harness = Harness::new().await;
    put(&harness, "k", b"old").await;
    let id = create(&harness, "k").await;
    let etag = part(&harness, "k", &id, 1, b"new").await;
    complete(&harness, complete_input("k", &id, &[(1, &etag)])).await.unwrap();
    assert_eq!(get(&harness, "k").await.unwrap(), b"new");
    assert_eq!(rows(&harness, b'v').await, 1);
    assert_blobs_match_rows(&harness).await;
}

#[tokio::test]
async fn conditions_are_on_the_current_object_and_a_failed_one_leaves_the_upload() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    let etag = part(&harness, "k", &id, 1, b"abc").await;
    let input = complete_input("k", &id, &[(1, &etag)]);
    let matching = CompleteMultipartUploadInput { if_match: Some("\"x\"".into()), ..input.clone() };
    assert_eq!(code(complete(&harness, matching.clone()).await), (404, "NoSuchKey".into()));
    put(&harness, "k", b"other").await;
    assert_eq!(code(complete(&harness, matching).await), (412, "PreconditionFailed".into()));
    let absent = CompleteMultipartUploadInput { if_none_match: Some("*".into()), ..input };
    assert_eq!(code(complete(&harness, absent).await), (412, "PreconditionFailed".into()));
    assert_eq!((rows(&harness, b'u').await, rows(&harness, b'p').await), (1, 1));
}

#[tokio::test]
async fn acls_keys_of_kms_and_classes_of_other_services_are_refused_at_the_beginning() {
    let harness = Harness::new().await;
    harness.change_state(|state| state.ownership = Some("BucketOwnerEnforced".to_owned())).await;
    for (input, expected) in [
        (
            CreateMultipartUploadInput { acl: Some(ObjectCannedAcl::Private), ..create_input("k") },
            "AccessControlListNotSupported",
        ),
        (
            CreateMultipartUploadInput { sse_kms_key_id: Some("k".into()), ..create_input("k") },
            "InvalidArgument",
        ),
        (
            CreateMultipartUploadInput { storage_class: Some(StorageClass::Snow), ..create_input("k") },
            "InvalidStorageClass",
        ),
        (CreateMultipartUploadInput { tagging: Some("aws:a=b".into()), ..create_input("k") }, "InvalidTag"),
    ] {
        assert_eq!(code(harness.call::<op::CreateMultipartUpload>(input, None).await).1, expected);
    }
    assert_eq!(rows(&harness, b'u').await, 0);
}

/// Ten thousand parts of 5 MiB, as rows only.
async fn fill(harness: &Harness, id: &str) -> Vec<(i32, String)> {
    let id = UploadId::parse(id).unwrap();
    let partition = harness.partition().await;
    let mut list = Vec::new();
    for first in (1..=10_000_u16).step_by(1000) {
        let mut batch = Batch::new(partition);
        for number in first..first + 1000 {
            let mut blob_id = [0; 16];
            blob_id[..2].copy_from_slice(&number.to_be_bytes());
            let part = PartRow {
                blob: BlobRow {
                    id: blob_id,
                    wrapped_key: vec![7; 90],
                    plain_bytes: WHOLE as u64,
                    sealed_sha256: None,
                },
                etag: blob_id,
                modified_millis: 0,
                checksums: vec![ChecksumRow {
                    algorithm: "CRC64NVME".into(),
                    value: "AAAAAAAAAAA=".into(),
                    kind: "FULL_OBJECT".into(),
                }],
            };
            batch.put(row::part(id, number), part.encode());
            list.push((i32::from(number), hex::encode(blob_id)));
        }
        harness.engine.inner.commit(batch).await.unwrap();
    }
    list
}

#[tokio::test]
async fn ten_thousand_parts_are_completed_and_aborted_in_one_commit() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    let list = fill(&harness, &id).await;
    let list: Vec<(i32, &str)> = list.iter().map(|(number, etag)| (*number, etag.as_str())).collect();
    let output = complete(&harness, complete_input("k", &id, &list)).await.unwrap();
    assert!(output.etag.unwrap().ends_with("-10000\""));
    assert_eq!((rows(&harness, b'p').await, rows(&harness, b'l').await), (10_000, 1));
    let more: Vec<_> = list.iter().copied().chain([(10_000, "x")]).collect();
    assert_eq!(code(complete(&harness, complete_input("k", &id, &more)).await), (400, "MalformedXML".into()));
    let id = create(&harness, "k").await;
    fill(&harness, &id).await;
    harness.call::<op::AbortMultipartUpload>(abort_input("k", &id), None).await.unwrap();
    assert_eq!(rows(&harness, b'p').await, 10_000);
}

#[test]
fn ids_of_uploads_sort_by_the_time_when_they_began() {
    let early = upload_id(ObjectSequence(255), [0xff; 8]).to_string();
    assert!(early < upload_id(ObjectSequence(256), [0; 8]).to_string());
}

#[tokio::test]
async fn an_upload_that_was_overtaken_cannot_replace_what_it_names() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    let part = part(&harness, "k", &id, 1, &bytes(1, 9)).await;
    let input = PutObjectInput { bucket: BUCKET.into(), key: "k".into(), ..PutObjectInput::default() };
    let put = harness.call::<op::PutObject>(input, Some(body(b"later"))).await.unwrap().output;
    let input = complete_input("k", &id, &[(1, &part)]);
    let conditional = CompleteMultipartUploadInput { if_match: put.etag, ..input };
    let result = harness.call::<op::CompleteMultipartUpload>(conditional, None).await;
    assert_eq!(code(result), (409, "ConditionalRequestConflict".into()));
    assert_eq!(get(&harness, "k").await.unwrap(), b"later");
}

#[tokio::test]
async fn an_upload_that_a_deletion_overtook_does_not_come_to_lie_below_it() {
    let harness = Harness::new().await;
    harness.set_versioning(Versioning::Enabled).await;
    let id = create(&harness, "k").await;
    let part = part(&harness, "k", &id, 1, &bytes(1, 9)).await;
    let input = DeleteObjectInput { bucket: BUCKET.into(), key: "k".into(), ..DeleteObjectInput::default() };
    harness.call::<op::DeleteObject>(input, None).await.unwrap();
    let input = complete_input("k", &id, &[(1, &part)]);
    let conditional = CompleteMultipartUploadInput { if_none_match: Some("*".into()), ..input };
    let result = harness.call::<op::CompleteMultipartUpload>(conditional, None).await;
    assert_eq!(code(result), (409, "ConditionalRequestConflict".into()));
}
