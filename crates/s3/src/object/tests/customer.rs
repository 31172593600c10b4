//! Objects under customers' keys (SSE-C).

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use strongroom_api_s3::{
    CopyObjectInput, CopyObjectOutput, GetObjectAttributesInput, GetObjectInput, HeadObjectInput,
    ObjectAttributes, PutObjectInput, ServerSideEncryption, op,
};
use strongroom_crypto::Md5Digest;
use strongroom_gate::{Body, BodyError, BodySource, ErrorReply, ExpectedDigests};
use strongroom_storage::{Direction, MetaStore as _};
use strongroom_types::ObjectKey;

use super::{bytes, code, get, get_input, head_input, put, put_input};
use crate::row::{self, Coded as _, VersionRow};
use crate::testing::{BUCKET, Harness, body, body_with};

/// A customer's key as headers bring it: key and MD5.
fn key(byte: u8) -> (Option<String>, Option<String>) {
    let key = [byte; 32];
    (Some(STANDARD.encode(key)), Some(Md5Digest::of(&key).to_base64()))
}

/// An input with a customer's key.
macro_rules! with_key {
    ($input:expr, $byte:expr) => {{
        let (sse_customer_key, sse_customer_key_md5) = key($byte);
        let mut input = $input;
        input.sse_customer_algorithm = Some("AES256".to_owned());
        input.sse_customer_key = sse_customer_key;
        input.sse_customer_key_md5 = sse_customer_key_md5;
        input
    }};
}

/// The same for the source of a copy.
macro_rules! with_source_key {
    ($input:expr, $byte:expr) => {{
        let (key, md5) = key($byte);
        let mut input = $input;
        input.copy_source_sse_customer_algorithm = Some("AES256".to_owned());
        input.copy_source_sse_customer_key = key;
        input.copy_source_sse_customer_key_md5 = md5;
        input
    }};
}

/// With a bucket that takes customers' keys.
async fn open_harness() -> Harness {
    let harness = Harness::new().await;
    harness.change_state(|state| state.customer_keys_allowed = true).await;
    harness
}

fn refused<T>(result: Result<T, ErrorReply>) -> (u16, String) {
    result.err().map_or_else(|| (0, "none".to_owned()), |reply| (reply.status, reply.code.into_owned()))
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn get_with(harness: &Harness, name: &str, byte: u8) -> Result<Vec<u8>, ErrorReply> {
    Ok(harness.call::<op::GetObject>(with_key!(get_input(name), byte), None).await?.body)
}

async fn put_with(harness: &Harness, name: &str, byte: u8, data: &[u8]) -> String {
    let input = with_key!(put_input(name), byte);
    harness.call::<op::PutObject>(input, Some(body(data))).await.unwrap().output.etag.unwrap()
}

fn attributes_input(name: &str) -> GetObjectAttributesInput {
    GetObjectAttributesInput {
        bucket: BUCKET.into(),
        key: name.into(),
        object_attributes: vec![ObjectAttributes::ObjectSize],
        ..GetObjectAttributesInput::default()
    }
}

fn copy_input(from: &str, to: &str) -> CopyObjectInput {
    CopyObjectInput {
        bucket: BUCKET.into(),
        key: to.into(),
        copy_source: format!("{BUCKET}/{from}"),
        ..CopyObjectInput::default()
    }
}

async fn copy(harness: &Harness, input: CopyObjectInput) -> Result<CopyObjectOutput, ErrorReply> {
    Ok(harness.call::<op::CopyObject>(input, None).await?.output)
}

#[tokio::test]
async fn an_object_opens_with_the_key_of_its_writer_and_no_other() {
    let harness = open_harness().await;
    for length in [0, 1, 65_536, 70_000, 3 << 20] {
        let data = bytes(length);
        put_with(&harness, "k", 1, &data).await;
        assert_eq!(get_with(&harness, "k", 1).await.unwrap(), data, "{length}");
        assert_eq!(refused(get_with(&harness, "k", 2).await), is(403, "AccessDenied"), "{length}");
        assert_eq!(refused(get(&harness, "k").await), is(400, "InvalidRequest"), "{length}");
        let range = GetObjectInput { range: Some("bytes=-5".into()), ..get_input("k") };
        if length >= 5 {
            let answer = harness.call::<op::GetObject>(with_key!(range, 1), None).await.unwrap();
            assert_eq!((answer.status, answer.body.as_slice()), (Some(206), &data[length - 5..]));
        }
        for (byte, expected) in [(2, is(403, "AccessDenied")), (1, is(0, "none"))] {
            let head = harness.call::<op::HeadObject>(with_key!(head_input("k"), byte), None).await;
            assert_eq!(refused(head), expected);
            let input = with_key!(attributes_input("k"), byte);
            assert_eq!(refused(harness.call::<op::GetObjectAttributes>(input, None).await), expected);
        }
        assert_eq!(code(harness.call::<op::HeadObject>(head_input("k"), None).await), "InvalidRequest");
        let input = attributes_input("k");
        assert_eq!(code(harness.call::<op::GetObjectAttributes>(input, None).await), "InvalidRequest");
    }
}

#[tokio::test]
async fn a_key_for_an_object_without_one_is_refused() {
    let harness = open_harness().await;
    put(&harness, "k", b"plain").await;
    let reply = get_with(&harness, "k", 1).await.unwrap_err();
    assert_eq!((reply.status, reply.code.as_ref()), (400, "InvalidRequest"));
    assert_eq!(reply.message, "The encryption parameters are not applicable to this object.");
    assert_eq!(get(&harness, "k").await.unwrap(), b"plain");
}

#[tokio::test]
async fn answers_confirm_the_key_and_show_no_other_encryption() {
    let harness = open_harness().await;
    let input = with_key!(put_input("k"), 1);
    let put = harness.call::<op::PutObject>(input, Some(body(b"x"))).await.unwrap().output;
    let get = harness.call::<op::GetObject>(with_key!(get_input("k"), 1), None).await.unwrap().output;
    let head = harness.call::<op::HeadObject>(with_key!(head_input("k"), 1), None).await.unwrap().output;
    for (algorithm, md5, encryption) in [
        (put.sse_customer_algorithm, put.sse_customer_key_md5, put.server_side_encryption),
        (get.sse_customer_algorithm, get.sse_customer_key_md5, get.server_side_encryption),
        (head.sse_customer_algorithm, head.sse_customer_key_md5, head.server_side_encryption),
    ] {
        assert_eq!((algorithm.as_deref(), md5, encryption), (Some("AES256"), key(1).1, None));
    }
    assert_eq!((put.etag.as_ref(), get.etag), (head.etag.as_ref(), put.etag.clone()));
    assert!(put.checksum_crc64nvme.is_some());
}

#[tokio::test]
async fn etags_are_no_digests_and_hold_in_conditions() {
    let harness = open_harness().await;
    let data = bytes(1 << 20);
    let (one, two) = (put_with(&harness, "k", 1, &data).await, put_with(&harness, "k", 1, &data).await);
    assert_ne!(one, two);
    let digest = Md5Digest::of(&data).to_hex();
    for etag in [&one, &two] {
        assert!(etag.len() == 34 && etag.trim_matches('"').bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(!etag.contains(&digest));
    }
    for (etag, expected) in [(&two, "none"), (&one, "PreconditionFailed")] {
        let input = GetObjectInput { if_match: Some(etag.clone()), ..get_input("k") };
        assert_eq!(code(harness.call::<op::GetObject>(with_key!(input, 1), None).await), expected);
        let input = PutObjectInput { if_match: Some(etag.clone()), ..put_input("k") };
        let input = with_key!(input, 3);
        if expected != "none" {
            assert_eq!(code(harness.call::<op::PutObject>(input, Some(body(&data))).await), expected);
        }
    }
    // Without the key not even a condition is evaluated.
    let input = GetObjectInput { if_none_match: Some(two), ..get_input("k") };
    assert_eq!(code(harness.call::<op::GetObject>(input, None).await), "InvalidRequest");
}

#[tokio::test]
async fn a_stated_md5_is_compared_though_the_etag_is_none() {
    let harness = open_harness().await;
    let data = bytes(600 << 10);
    for (md5, expected) in [(Md5Digest::of(&data), "none"), (Md5Digest::of(b"other"), "BadDigest")] {
        for length in [data.len(), 100] {
            let md5 = if length == 100 && expected == "none" { Md5Digest::of(&data[..100]) } else { md5 };
            let digests =
                ExpectedDigests { length: Some(length as u64), md5: Some(md5), ..ExpectedDigests::default() };
            let input = with_key!(put_input("k"), 1);
            let put = harness.call::<op::PutObject>(input, Some(body_with(&data[..length], digests))).await;
            assert_eq!(code(put), expected, "{length}");
        }
    }
}

#[tokio::test]
async fn a_key_beside_another_kind_of_encryption_is_refused() {
    let harness = open_harness().await;
    for method in [ServerSideEncryption::Aes256, ServerSideEncryption::AwsKms] {
        let input = PutObjectInput { server_side_encryption: Some(method), ..put_input("k") };
        let put = harness.call::<op::PutObject>(with_key!(input, 1), Some(body(b"x"))).await;
        let reply = put.err().unwrap();
        assert_eq!((reply.status, reply.code.as_ref()), (400, "InvalidArgument"));
        assert!(reply.message.contains("incompatible with the encryption method specified"));
    }
}

#[tokio::test]
async fn a_new_bucket_takes_no_keys_and_a_closed_one_still_gives_out_what_it_has() {
    let harness = Harness::new().await;
    let put = harness.call::<op::PutObject>(with_key!(put_input("k"), 1), Some(body(b"x"))).await;
    let reply = put.err().unwrap();
    assert_eq!((reply.status, reply.code.as_ref()), (403, "AccessDenied"));
    assert_eq!(
        reply.message,
        "User: arn:aws:iam::111122223333:root is not authorized to perform: s3:PutObject on resource: \
         \"arn:aws:s3:::bucket/k\" because this bucket has blocked upload requests that specify Server Side Encryption \
         with Customer provided keys (SSE-C). Please specify a different server-side encryption type."
    );
    harness.change_state(|state| state.customer_keys_allowed = true).await;
    put_with(&harness, "k", 1, b"x").await;
    harness.change_state(|state| state.customer_keys_allowed = false).await;
    assert_eq!(get_with(&harness, "k", 1).await.unwrap(), b"x");
    assert_eq!(refused(copy(&harness, with_source_key!(copy_input("k", "plain"), 1)).await), is(0, "none"));
    let again = with_key!(with_source_key!(copy_input("k", "l"), 1), 2);
    assert_eq!(refused(copy(&harness, again).await), is(403, "AccessDenied"));
    assert_eq!(get(&harness, "plain").await.unwrap(), b"x");
}

/// A body in one piece, while which comes its bucket is closed to customers' keys.
struct Closing(Harness, Option<Bytes>);

#[async_trait]
impl BodySource for Closing {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let piece = self.1.take();
        if piece.is_none() {
            self.0.change_state(|state| state.customer_keys_allowed = false).await;
        }
        Ok(piece)
    }
    fn trailers(&self) -> &[(String, String)] {
        &[]
    }
}

#[tokio::test]
async fn a_bucket_that_is_closed_while_an_upload_comes_does_not_take_it() {
    let harness = open_harness().await;
    let source = Closing(harness.clone(), Some(Bytes::from_static(b"late")));
    let late = Body::new(Box::new(source), ExpectedDigests::default());
    let put = harness.call::<op::PutObject>(with_key!(put_input("k"), 1), Some(late)).await;
    assert_eq!(refused(put), is(403, "AccessDenied"));
    assert!(harness.engine.live_blobs().await.is_empty());
}

#[tokio::test]
async fn copies_go_between_keys_and_the_buckets_own_encryption() {
    let harness = open_harness().await;
    let data = bytes(300_000);
    put(&harness, "plain", &data).await;
    put_with(&harness, "one", 1, &data).await;
    let output = copy(&harness, with_key!(copy_input("plain", "a"), 2)).await.unwrap();
    assert_eq!((output.server_side_encryption, output.sse_customer_key_md5), (None, key(2).1));
    assert_eq!(get_with(&harness, "a", 2).await.unwrap(), data);
    copy(&harness, with_key!(with_source_key!(copy_input("one", "b"), 1), 2)).await.unwrap();
    assert_eq!(get_with(&harness, "b", 2).await.unwrap(), data);
    let output = copy(&harness, with_source_key!(copy_input("one", "c"), 1)).await.unwrap();
    assert_eq!(output.server_side_encryption, Some(ServerSideEncryption::Aes256));
    let etag = output.copy_object_result.unwrap().etag.unwrap();
    assert_eq!(etag, format!("\"{}\"", Md5Digest::of(&data).to_hex()));
    assert_eq!(get(&harness, "c").await.unwrap(), data);
    // Onto itself, under another key.
    copy(&harness, with_key!(with_source_key!(copy_input("one", "one"), 1), 3)).await.unwrap();
    assert_eq!(get_with(&harness, "one", 3).await.unwrap(), data);
    assert_eq!(refused(get_with(&harness, "one", 1).await), is(403, "AccessDenied"));
    for (input, expected) in [
        (copy_input("one", "x"), is(400, "InvalidRequest")),
        (with_key!(copy_input("one", "x"), 3), is(400, "InvalidRequest")),
        (with_source_key!(copy_input("one", "x"), 1), is(403, "AccessDenied")),
        (with_source_key!(copy_input("plain", "x"), 1), is(400, "InvalidRequest")),
    ] {
        assert_eq!(refused(copy(&harness, input).await), expected);
    }
    assert_eq!(code(get(&harness, "x").await), "NoSuchKey");
}

#[tokio::test]
async fn a_row_that_was_moved_to_another_key_does_not_open_there() {
    let harness = open_harness().await;
    put_with(&harness, "a", 1, b"secret").await;
    put_with(&harness, "b", 1, b"other").await;
    let (partition, store) = (harness.partition().await, &harness.engine.inner);
    let place = async |name: &str| {
        let name = ObjectKey::parse(name).unwrap();
        let (current, _) = harness.s3.current_row(partition, &name).await.unwrap().unwrap();
        row::version(&name, current.sequence)
    };
    let (a, b) = (place("a").await, place("b").await);
    let moved = store.get(partition, &a).await.unwrap().unwrap().value;
    assert!(VersionRow::decode(&moved).unwrap().content.unwrap().is_of_customer());
    let mut batch = strongroom_storage::Batch::new(partition);
    batch.put(b, moved.to_vec());
    store.commit(batch).await.unwrap();
    assert_eq!(refused(get_with(&harness, "b", 1).await), is(500, "InternalError"));
    assert_eq!(get_with(&harness, "a", 1).await.unwrap(), b"secret");
}

#[tokio::test]
async fn nothing_of_a_key_is_in_a_row() {
    let harness = open_harness().await;
    let (text, md5) = key(7);
    put_with(&harness, "k", 7, b"x").await;
    let partition = harness.partition().await;
    let all = vec![0]..vec![0xff];
    let rows = harness.engine.inner.scan(partition, all, 1000, Direction::Forward).await.unwrap();
    assert!(rows.len() > 2);
    let needles = [
        vec![7; 12],
        text.unwrap().into_bytes(),
        md5.unwrap().into_bytes(),
        Md5Digest::of(&[7; 32]).as_bytes().to_vec(),
    ];
    for entry in rows {
        for needle in &needles {
            assert!(entry.row.value.windows(needle.len()).all(|window| window != needle), "{needle:?}");
        }
    }
}

#[tokio::test]
async fn each_version_has_a_key_of_its_own() {
    let harness = open_harness().await;
    harness.set_versioning(row::Versioning::Enabled).await;
    let mut versions = Vec::new();
    for byte in [1, 2] {
        let input = with_key!(put_input("k"), byte);
        let output = harness.call::<op::PutObject>(input, Some(body(&[byte]))).await.unwrap().output;
        versions.push(output.version_id);
    }
    for (byte, expected) in [(1, is(0, "none")), (2, is(403, "AccessDenied"))] {
        let input = HeadObjectInput { version_id: versions[0].clone(), ..head_input("k") };
        assert_eq!(refused(harness.call::<op::HeadObject>(with_key!(input, byte), None).await), expected);
    }
    assert_eq!(get_with(&harness, "k", 2).await.unwrap(), [2]);
    // Nobody needs a key to delete.
    super::delete(&harness, "k", versions[1].as_deref()).await;
    assert_eq!(get_with(&harness, "k", 1).await.unwrap(), [1]);
}
