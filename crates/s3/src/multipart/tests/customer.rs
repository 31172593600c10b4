//! Uploads under customers' keys (SSE-C).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_api_s3::{
    ChecksumAlgorithm, HeadObjectInput, ListPartsInput, ServerSideEncryption, UploadPartCopyInput,
};
use strongroom_crypto::Md5Digest;

use super::*;

/// A customer's key as headers bring it: key and MD5.
fn key(byte: u8) -> (Option<String>, Option<String>) {
    let key = [byte; 32];
    (Some(STANDARD.encode(key)), Some(Md5Digest::of(&key).to_base64()))
}

/// An input with a customer's key, or as it is.
macro_rules! with_key {
    ($input:expr, $byte:expr) => {{
        let mut input = $input;
        if let Some(byte) = Option::<u8>::from($byte) {
            let (sse_customer_key, sse_customer_key_md5) = key(byte);
            input.sse_customer_algorithm = Some("AES256".to_owned());
            input.sse_customer_key = sse_customer_key;
            input.sse_customer_key_md5 = sse_customer_key_md5;
        }
        input
    }};
}

async fn open_harness() -> Harness {
    let harness = Harness::new().await;
    allow(&harness, true).await;
    harness
}

async fn allow(harness: &Harness, allowed: bool) {
    harness.change_state(|state| state.customer_keys_allowed = allowed).await;
}

async fn begin(harness: &Harness, byte: u8, algorithm: Option<ChecksumAlgorithm>) -> String {
    let input = CreateMultipartUploadInput { checksum_algorithm: algorithm, ..create_input("k") };
    let answer = harness.call::<op::CreateMultipartUpload>(with_key!(input, byte), None).await.unwrap();
    let output = answer.output;
    assert_eq!((output.server_side_encryption, output.sse_customer_key_md5), (None, key(byte).1));
    output.upload_id.unwrap()
}

async fn part_with(
    harness: &Harness,
    id: &str,
    number: i32,
    byte: Option<u8>,
    bytes: &[u8],
) -> Result<String, ErrorReply> {
    let input = with_key!(part_input("k", id, number), byte);
    Ok(harness.call::<op::UploadPart>(input, Some(body(bytes))).await?.output.etag.unwrap())
}

async fn get_with(harness: &Harness, byte: u8, input: GetObjectInput) -> Result<Vec<u8>, ErrorReply> {
    let input = GetObjectInput { bucket: BUCKET.into(), key: "k".into(), ..input };
    Ok(harness.call::<op::GetObject>(with_key!(input, byte), None).await?.body)
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn parts_become_an_object_that_opens_with_the_key_of_the_upload_only() {
    let harness = open_harness().await;
    let id = begin(&harness, 1, None).await;
    let (first, second) = (bytes(1, WHOLE), bytes(2, 100_000));
    let one = part_with(&harness, &id, 1, Some(1), &first).await.unwrap();
    let same = part_with(&harness, &id, 1, Some(1), &first).await.unwrap();
    assert_ne!(one, same, "ETags of parts are no digests");
    let two = part_with(&harness, &id, 2, Some(1), &second).await.unwrap();
    let order = [(1, same.as_str()), (2, two.as_str())];
    // The key is not needed for the last step, where no checksums were asked for.
    let done = complete(&harness, complete_input("k", &id, &order)).await.unwrap();
    assert_eq!(done.server_side_encryption, None);
    assert!(done.etag.as_deref().unwrap().ends_with("-2\""));
    let again = complete(&harness, with_key!(complete_input("k", &id, &order), 1)).await.unwrap();
    assert_eq!(again.etag, done.etag);
    let refused = complete(&harness, with_key!(complete_input("k", &id, &order), 2)).await;
    assert_eq!(code(refused), is(403, "AccessDenied"));

    let whole = [first, second].concat();
    assert_eq!(get_with(&harness, 1, GetObjectInput::default()).await.unwrap(), whole);
    let range = format!("bytes={}-{}", WHOLE - 3, WHOLE + 3);
    let range = GetObjectInput { range: Some(range), ..GetObjectInput::default() };
    assert_eq!(get_with(&harness, 1, range).await.unwrap(), whole[WHOLE - 3..=WHOLE + 3]);
    let second = GetObjectInput { part_number: Some(2), ..GetObjectInput::default() };
    assert_eq!(get_with(&harness, 1, second).await.unwrap(), whole[WHOLE..]);
    assert_eq!(code(get_with(&harness, 2, GetObjectInput::default()).await), is(403, "AccessDenied"));
    assert_eq!(code(get(&harness, "k").await), is(400, "InvalidRequest"));
    for (byte, expected) in [(2, is(403, "AccessDenied")), (1, is(0, "none"))] {
        let input = HeadObjectInput { bucket: BUCKET.into(), key: "k".into(), ..HeadObjectInput::default() };
        assert_eq!(code(harness.call::<op::HeadObject>(with_key!(input, byte), None).await), expected);
    }
    assert_blobs_match_rows(&harness).await;
}

#[tokio::test]
async fn a_part_needs_the_key_of_its_upload() {
    let harness = open_harness().await;
    let (id, plain) = (begin(&harness, 1, None).await, create(&harness, "k").await);
    for (upload, byte, words) in [
        (&id, None, "Subsequent part requests must include the appropriate encryption parameters."),
        (&id, Some(2), "The provided encryption parameters did not match the ones used originally."),
        (&plain, Some(1), "Subsequent part requests must include the appropriate encryption parameters."),
    ] {
        let reply = part_with(&harness, upload, 1, byte, b"x").await.unwrap_err();
        assert_eq!((reply.status, reply.code.as_ref()), (400, "InvalidRequest"));
        assert!(reply.message.ends_with(words), "{}", reply.message);
    }
    assert!(harness.engine.live_blobs().await.is_empty());
    let etag = part_with(&harness, &id, 1, Some(1), b"x").await.unwrap();
    let wrong = with_key!(complete_input("k", &id, &[(1, &etag)]), 2);
    assert_eq!(code(complete(&harness, wrong).await), is(400, "InvalidRequest"));
    let plain_etag = part_with(&harness, &plain, 1, None, b"x").await.unwrap();
    let needless = with_key!(complete_input("k", &plain, &[(1, &plain_etag)]), 1);
    assert_eq!(code(complete(&harness, needless).await), is(400, "InvalidRequest"));
}

#[tokio::test]
async fn checksums_are_shown_and_compared_with_the_key_only() {
    let harness = open_harness().await;
    let id = begin(&harness, 1, Some(ChecksumAlgorithm::Crc32)).await;
    let input = with_key!(part_input("k", &id, 1), 1);
    let stated = [strongroom_crypto::ChecksumAlgorithm::Crc32];
    let etag = part_stating(&harness, input, b"x", &stated).await.unwrap().etag.unwrap();
    let list = |byte: Option<u8>| {
        let input = ListPartsInput {
            bucket: BUCKET.into(),
            key: "k".into(),
            upload_id: id.clone(),
            ..ListPartsInput::default()
        };
        with_key!(input, byte)
    };
    assert_eq!(code(harness.call::<op::ListParts>(list(None), None).await), is(400, "InvalidRequest"));
    assert_eq!(code(harness.call::<op::ListParts>(list(Some(2)), None).await), is(400, "InvalidRequest"));
    let parts = harness.call::<op::ListParts>(list(Some(1)), None).await.unwrap().output.parts;
    assert_eq!(parts[0].etag.as_ref(), Some(&etag));
    let order = complete_input("k", &id, &[(1, &etag)]);
    assert_eq!(code(complete(&harness, order.clone()).await), is(400, "InvalidRequest"));
    let mut order = with_key!(order, 1);
    let value = checksum(strongroom_crypto::ChecksumAlgorithm::Crc32, b"x").to_base64();
    for part in &mut order.multipart_upload.as_mut().unwrap().parts {
        part.checksum_crc32 = Some(value.clone());
    }
    complete(&harness, order).await.unwrap();
    assert_eq!(get_with(&harness, 1, GetObjectInput::default()).await.unwrap(), b"x");
}

#[tokio::test]
async fn parts_are_copied_from_one_key_to_another() {
    let harness = open_harness().await;
    let data = bytes(3, 1000);
    let input = PutObjectInput { bucket: BUCKET.into(), key: "from".into(), ..PutObjectInput::default() };
    harness.call::<op::PutObject>(with_key!(input, 7), Some(body(&data))).await.unwrap();
    let id = begin(&harness, 1, None).await;
    let input = |byte: Option<u8>, source: Option<u8>| {
        let input = UploadPartCopyInput {
            bucket: BUCKET.into(),
            key: "k".into(),
            upload_id: id.clone(),
            part_number: Some(1),
            copy_source: format!("{BUCKET}/from"),
            copy_source_range: Some("bytes=10-19".into()),
            ..UploadPartCopyInput::default()
        };
        let mut input = with_key!(input, byte);
        if let Some(source) = source {
            (input.copy_source_sse_customer_key, input.copy_source_sse_customer_key_md5) = key(source);
            input.copy_source_sse_customer_algorithm = Some("AES256".into());
        }
        input
    };
    for (byte, source, expected) in [
        (Some(1), None, is(400, "InvalidRequest")),
        (Some(1), Some(1), is(403, "AccessDenied")),
        (Some(7), Some(7), is(400, "InvalidRequest")),
        (None, Some(7), is(400, "InvalidRequest")),
    ] {
        assert_eq!(code(harness.call::<op::UploadPartCopy>(input(byte, source), None).await), expected);
    }
    let output = harness.call::<op::UploadPartCopy>(input(Some(1), Some(7)), None).await.unwrap().output;
    assert_eq!((output.server_side_encryption, output.sse_customer_key_md5), (None, key(1).1));
    let etag = output.copy_part_result.unwrap().etag.unwrap();
    complete(&harness, complete_input("k", &id, &[(1, &etag)])).await.unwrap();
    assert_eq!(get_with(&harness, 1, GetObjectInput::default()).await.unwrap(), data[10..20]);

    let plain = create(&harness, "k").await;
    let mut input = input(None, Some(7));
    input.upload_id.clone_from(&plain);
    let output = harness.call::<op::UploadPartCopy>(input, None).await.unwrap().output;
    assert_eq!(output.server_side_encryption, Some(ServerSideEncryption::Aes256));
}

#[tokio::test]
async fn a_bucket_that_was_closed_takes_no_further_part_and_makes_no_object_of_those_it_has() {
    let harness = Harness::new().await;
    let begun = harness.call::<op::CreateMultipartUpload>(with_key!(create_input("k"), 1), None).await;
    assert_eq!(code(begun), is(403, "AccessDenied"));
    allow(&harness, true).await;
    let id = begin(&harness, 1, None).await;
    let etag = part_with(&harness, &id, 1, Some(1), b"x").await.unwrap();
    allow(&harness, false).await;
    assert_eq!(code(part_with(&harness, &id, 2, Some(1), b"x").await), is(403, "AccessDenied"));
    let order = complete_input("k", &id, &[(1, &etag)]);
    assert_eq!(code(complete(&harness, order.clone()).await), is(403, "AccessDenied"));
    assert_eq!(code(get(&harness, "k").await), is(404, "NoSuchKey"));
    allow(&harness, true).await;
    complete(&harness, order).await.unwrap();
    allow(&harness, false).await;
    assert_eq!(get_with(&harness, 1, GetObjectInput::default()).await.unwrap(), b"x");
    let id = create(&harness, "k").await;
    assert!(part_with(&harness, &id, 1, None, b"x").await.is_ok(), "others are not concerned");
    harness.call::<op::AbortMultipartUpload>(abort_input("k", &id), None).await.unwrap();
}
