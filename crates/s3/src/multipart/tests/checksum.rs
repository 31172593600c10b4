//! Additional checksums of uploads, parts and the objects that they become.

use strongroom_api_s3::{ChecksumAlgorithm as Asked, ChecksumType as Kind, op};
use strongroom_crypto::ChecksumAlgorithm::{Crc32, Crc64Nvme, Sha256};

use super::*;

async fn begin(harness: &Harness, algorithm: Asked, kind: Option<Kind>) -> Result<String, ErrorReply> {
    let input = CreateMultipartUploadInput {
        checksum_algorithm: Some(algorithm),
        checksum_type: kind,
        ..create_input("k")
    };
    let output = harness.call::<op::CreateMultipartUpload>(input, None).await?.output;
    assert_eq!(output.checksum_algorithm, Some(algorithm));
    assert!(kind.is_none_or(|kind| output.checksum_type == Some(kind)));
    Ok(output.upload_id.unwrap())
}

#[tokio::test]
async fn each_algorithm_has_the_types_of_the_documented_table() {
    let harness = Harness::new().await;
    for (algorithm, composite, full) in [
        (Asked::Crc32, true, true),
        (Asked::Crc32c, true, true),
        (Asked::Crc64nvme, false, true),
        (Asked::Sha1, true, false),
        (Asked::Sha256, true, false),
    ] {
        for (kind, good) in [(Kind::Composite, composite), (Kind::FullObject, full)] {
            let result = begin(&harness, algorithm, Some(kind)).await;
            let expected = if good { (0, "none".into()) } else { (400, "InvalidRequest".to_owned()) };
            assert_eq!(code(result), expected, "{algorithm} {kind}");
        }
        begin(&harness, algorithm, None).await.unwrap();
    }
    let input = CreateMultipartUploadInput { checksum_type: Some(Kind::FullObject), ..create_input("k") };
    let result = harness.call::<op::CreateMultipartUpload>(input, None).await;
    assert_eq!(code(result), (400, "InvalidRequest".into()), "a type without an algorithm");
}

#[tokio::test]
async fn a_composite_upload_wants_the_checksum_of_each_part_twice() {
    let harness = Harness::new().await;
    let id = begin(&harness, Asked::Sha256, None).await.unwrap();
    let (one, two) = (bytes(1, WHOLE), bytes(2, 5));
    let bare = part_stating(&harness, part_input("k", &id, 1), &one, &[]).await.unwrap_err();
    assert_eq!(bare.code, "InvalidRequest");
    assert!(
        bare.message.ends_with("expected checksum Type: sha256, actual checksum Type: null"),
        "{}",
        bare.message
    );
    let other = part_stating(&harness, part_input("k", &id, 1), &one, &[Crc32]).await;
    assert_eq!(code(other), (400, "InvalidRequest".into()));
    let first = part_stating(&harness, part_input("k", &id, 1), &one, &[Sha256]).await.unwrap();
    let second = part_stating(&harness, part_input("k", &id, 2), &two, &[Sha256]).await.unwrap();
    assert_eq!(first.checksum_sha256, Some(checksum(Sha256, &one).to_base64()));
    let list = [(1, first.etag.as_deref().unwrap()), (2, second.etag.as_deref().unwrap())];
    let mut input = complete_input("k", &id, &list);
    let missing = complete(&harness, input.clone()).await.unwrap_err();
    assert_eq!(missing.code, "InvalidRequest");
    assert!(missing.message.contains("missing for part 1"), "{}", missing.message);
    for (part, sum) in input
        .multipart_upload
        .as_mut()
        .unwrap()
        .parts
        .iter_mut()
        .zip([&first, &second].map(|p| &p.checksum_sha256))
    {
        part.checksum_sha256.clone_from(sum);
    }
    let mut swapped = input.clone();
    swapped.multipart_upload.as_mut().unwrap().parts[0].checksum_sha256 = second.checksum_sha256;
    assert_eq!(code(complete(&harness, swapped).await), (400, "InvalidPart".into()));
    let whole = [checksum(Sha256, &one).as_bytes(), checksum(Sha256, &two).as_bytes()].concat();
    let whole = format!("{}-2", checksum(Sha256, &whole).to_base64());
    let wrong = CompleteMultipartUploadInput {
        checksum_sha256: Some(checksum(Sha256, b"").to_base64()),
        ..input.clone()
    };
    assert_eq!(code(complete(&harness, wrong).await), (400, "BadDigest".into()));
    let malformed = CompleteMultipartUploadInput { checksum_sha256: Some("x".into()), ..input.clone() };
    assert_eq!(code(complete(&harness, malformed).await), (400, "InvalidRequest".into()));
    let mode = CompleteMultipartUploadInput { checksum_type: Some(Kind::FullObject), ..input.clone() };
    assert_eq!(code(complete(&harness, mode).await), (400, "InvalidRequest".into()));
    let right = CompleteMultipartUploadInput {
        checksum_sha256: Some(whole.clone()),
        checksum_type: Some(Kind::Composite),
        ..input
    };
    let output = complete(&harness, right).await.unwrap();
    assert_eq!((output.checksum_sha256, output.checksum_type), (Some(whole), Some(Kind::Composite)));
}

#[tokio::test]
async fn a_full_object_checksum_is_that_of_all_bytes_and_parts_need_none() {
    let harness = Harness::new().await;
    let id = begin(&harness, Asked::Crc32, Some(Kind::FullObject)).await.unwrap();
    let (one, two) = (bytes(1, WHOLE), bytes(2, 12_345));
    let first = part_stating(&harness, part_input("k", &id, 1), &one, &[]).await.unwrap();
    let second = part_stating(&harness, part_input("k", &id, 2), &two, &[Crc32]).await.unwrap();
    let whole = checksum(Crc32, &[one, two].concat()).to_base64();
    let list = [(1, first.etag.as_deref().unwrap()), (2, second.etag.as_deref().unwrap())];
    let input = CompleteMultipartUploadInput {
        checksum_crc32: Some(whole.clone()),
        ..complete_input("k", &id, &list)
    };
    let output = complete(&harness, input).await.unwrap();
    assert_eq!((output.checksum_crc32, output.checksum_type), (Some(whole), Some(Kind::FullObject)));
}

#[tokio::test]
async fn an_upload_without_an_algorithm_has_the_crc64nvme_of_all_bytes() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    let (one, two) = (bytes(1, WHOLE), bytes(2, 12_345));
    let first = part_stating(&harness, part_input("k", &id, 1), &one, &[]).await.unwrap();
    // A part may still come with any checksum, which is checked.
    let second = part_stating(&harness, part_input("k", &id, 2), &two, &[Crc32]).await.unwrap();
    assert_eq!(second.checksum_crc32, Some(checksum(Crc32, &two).to_base64()));
    let list = [(1, first.etag.as_deref().unwrap()), (2, second.etag.as_deref().unwrap())];
    let output = complete(&harness, complete_input("k", &id, &list)).await.unwrap();
    assert_eq!(output.checksum_crc64nvme, Some(checksum(Crc64Nvme, &[one, two].concat()).to_base64()));
}

#[tokio::test]
async fn a_part_with_a_wrong_checksum_or_length_is_refused_and_leaves_nothing() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    let wrong = ExpectedDigests { checksums: vec![checksum(Crc32, b"other")], ..ExpectedDigests::default() };
    let result = harness.call::<op::UploadPart>(part_input("k", &id, 1), Some(body_with(b"x", wrong))).await;
    assert_eq!(code(result), (400, "BadDigest".into()));
    let large = ExpectedDigests { length: Some((5 << 30) + 1), ..ExpectedDigests::default() };
    let result = harness.call::<op::UploadPart>(part_input("k", &id, 1), Some(body_with(b"x", large))).await;
    assert_eq!(code(result), (400, "EntityTooLarge".into()));
    assert_eq!(rows(&harness, b'p').await, 0);
    assert_blobs_match_rows(&harness).await;
}
