//! UploadPartCopy.

use strongroom_api_s3::{UploadPartCopyInput, UploadPartCopyOutput, op};
use strongroom_types::Timestamp;

use super::*;

fn copy_input(id: &str, number: i32, source: &str, range: Option<&str>) -> UploadPartCopyInput {
    UploadPartCopyInput {
        bucket: BUCKET.into(),
        key: "k".into(),
        upload_id: id.into(),
        part_number: Some(number),
        copy_source: source.into(),
        copy_source_range: range.map(str::to_owned),
        ..UploadPartCopyInput::default()
    }
}

async fn copy(harness: &Harness, input: UploadPartCopyInput) -> Result<UploadPartCopyOutput, ErrorReply> {
    Ok(harness.call::<op::UploadPartCopy>(input, None).await?.output)
}

async fn etag(harness: &Harness, input: UploadPartCopyInput) -> String {
    copy(harness, input).await.unwrap().copy_part_result.unwrap().etag.unwrap()
}

#[tokio::test]
async fn ranges_of_objects_in_one_piece_and_in_parts_are_copied_under_new_keys() {
    let harness = Harness::new().await;
    harness.make_bucket("other", false).await;
    let whole = bytes(9, WHOLE + 500_000);
    let put = PutObjectInput { bucket: "other".into(), key: "a b".into(), ..PutObjectInput::default() };
    harness.call::<op::PutObject>(put, Some(body(&whole))).await.unwrap();
    let id = create(&harness, "in-parts").await;
    let (one, two) = (bytes(1, WHOLE), bytes(2, 100));
    let list = [
        (1, part(&harness, "in-parts", &id, 1, &one).await),
        (2, part(&harness, "in-parts", &id, 2, &two).await),
    ];
    let list = [(1, list[0].1.as_str()), (2, list[1].1.as_str())];
    complete(&harness, complete_input("in-parts", &id, &list)).await.unwrap();

    let id = create(&harness, "k").await;
    let range = format!("bytes=250000-{}", 250_000 + WHOLE);
    let answer =
        harness.call::<op::UploadPartCopy>(copy_input(&id, 1, "/other/a%20b", Some(&range)), None).await;
    let answer = answer.unwrap();
    let read = &answer.effects[0];
    assert_eq!((read.key.as_deref(), read.bucket.as_deref()), (Some("a b"), Some("other")));
    let first = answer.output.copy_part_result.unwrap().etag.unwrap();
    let across = format!("bytes={}-{}", WHOLE - 70_000, WHOLE + 49);
    let second = etag(&harness, copy_input(&id, 2, &format!("{BUCKET}/in-parts"), Some(&across))).await;
    complete(&harness, complete_input("k", &id, &[(1, &first), (2, &second)])).await.unwrap();
    let expected = [&whole[250_000..=250_000 + WHOLE], &one[WHOLE - 70_000..], &two[..50]].concat();
    assert_eq!(get(&harness, "k").await.unwrap(), expected);
}

#[tokio::test]
async fn a_range_beyond_the_source_and_conditions_that_fail_are_refused() {
    let harness = Harness::new().await;
    put(&harness, "s", b"0123456789").await;
    let id = create(&harness, "k").await;
    let source = format!("{BUCKET}/s");
    for range in ["bytes=0-10", "bytes=5-", "bytes=3-2", "0-1"] {
        let result = copy(&harness, copy_input(&id, 1, &source, Some(range))).await;
        assert_eq!(code(result), (400, "InvalidArgument".into()), "{range}");
    }
    let plain = copy_input(&id, 1, &source, None);
    let future = Some(Timestamp::from_secs(4_000_000_000));
    for input in [
        UploadPartCopyInput { copy_source_if_match: Some("x".into()), ..plain.clone() },
        UploadPartCopyInput { copy_source_if_none_match: Some("*".into()), ..plain.clone() },
        UploadPartCopyInput { copy_source_if_modified_since: future, ..plain.clone() },
        UploadPartCopyInput {
            copy_source_if_unmodified_since: Some(Timestamp::from_secs(1)),
            ..plain.clone()
        },
    ] {
        assert_eq!(code(copy(&harness, input).await), (412, "PreconditionFailed".into()));
    }
    assert_eq!(rows(&harness, b'p').await, 0);
    let holds = UploadPartCopyInput { copy_source_if_match: Some("*".into()), ..plain };
    let output = copy(&harness, holds).await.unwrap();
    assert!(output.copy_part_result.unwrap().checksum_crc64nvme.is_some());
}

#[tokio::test]
async fn a_missing_source_object_is_no_such_key() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    let result = copy(&harness, copy_input(&id, 1, &format!("{BUCKET}/missing"), None)).await;
    assert_eq!(code(result), (404, "NoSuchKey".into()));
    let result = copy(&harness, copy_input(&id, 1, "no-such-bucket/k", None)).await;
    assert_eq!(code(result), (404, "NoSuchBucket".into()));
}
