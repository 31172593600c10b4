//! ListObjects and ListObjectsV2.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_api_s3::{
    ChecksumAlgorithm, ChecksumType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object, ObjectStorageClass, op,
};
use strongroom_gate::{Authorized, BucketGrant, ErrorReply, Handle, Reply};
use strongroom_types::{Timestamp, UploadId, VersionId};

use super::rows::CurrentObject;
use super::walk::{Item, Page, Start};
use super::wire::{Asked, Owners, listed, most_items, present, quoted};
use crate::{S3, error};

/// Source: S3 API Reference, "ListObjects". Its `NextMarker` may be a common prefix.
#[async_trait]
impl Handle<op::ListObjects> for S3 {
    async fn handle(
        &self,
        request: Authorized<ListObjectsInput>,
    ) -> Result<Reply<ListObjectsOutput>, ErrorReply> {
        let (input, bucket) = (request.input(), request.bucket()?);
        let most = most_items("maxKeys", input.max_keys)?;
        let asked = Asked::new(most, input.prefix.as_ref(), input.delimiter.as_ref(), input.encoding_type);
        let start = asked.after(present(input.marker.as_ref()));
        let page = asked.page::<CurrentObject>(&*self.store, bucket, start).await?;
        request.note(listed());
        // Only with a delimiter: without one, the last key is the next marker.
        let next = page.next().filter(|_| asked.delimiter.is_some());
        let next_marker = next.map(|item| asked.text(item.position()));
        let truncated = page.truncated;
        let (objects, prefixes) = page.split();
        let owners = Owners::of(bucket);
        Ok(Reply::new(ListObjectsOutput {
            is_truncated: Some(truncated),
            marker: Some(asked.text(input.marker.as_deref().unwrap_or_default())),
            next_marker,
            contents: objects.into_iter().map(|found| shown(found, &asked, Some(&owners))).collect(),
            name: Some(bucket.name().to_string()),
            prefix: Some(asked.text(asked.prefix)),
            delimiter: asked.shown_delimiter(),
            max_keys: Some(most.into()),
            common_prefixes: asked.common_prefixes(&prefixes),
            encoding_type: asked.encoding,
            request_charged: None,
        }))
    }
}

/// Source: S3 API Reference, "ListObjectsV2". A key to start after that lies in a common prefix still shows that prefix,
/// if there are keys of it behind.
#[async_trait]
impl Handle<op::ListObjectsV2> for S3 {
    async fn handle(
        &self,
        request: Authorized<ListObjectsV2Input>,
    ) -> Result<Reply<ListObjectsV2Output>, ErrorReply> {
        let (input, bucket) = (request.input(), request.bucket()?);
        let most = most_items("maxKeys", input.max_keys)?;
        let asked = Asked::new(most, input.prefix.as_ref(), input.delimiter.as_ref(), input.encoding_type);
        let context = token_context(bucket, &asked);
        let start = match (&input.continuation_token, present(input.start_after.as_ref())) {
            (Some(token), _) => self.read_token(&context, token)?,
            (None, Some(key)) => Start::AfterKey(key.to_owned()),
            (None, None) => Start::First,
        };
        let page = asked.page::<CurrentObject>(&*self.store, bucket, start).await?;
        request.note(listed());
        let next_continuation_token = self.next_token(&context, &page);
        let truncated = page.truncated;
        let count = i32::try_from(page.items.len()).ok();
        let (objects, prefixes) = page.split();
        let owners = (input.fetch_owner == Some(true)).then(|| Owners::of(bucket));
        Ok(Reply::new(ListObjectsV2Output {
            is_truncated: Some(truncated),
            contents: objects.into_iter().map(|found| shown(found, &asked, owners.as_ref())).collect(),
            name: Some(bucket.name().to_string()),
            prefix: Some(asked.text(asked.prefix)),
            delimiter: asked.shown_delimiter(),
            max_keys: Some(most.into()),
            common_prefixes: asked.common_prefixes(&prefixes),
            encoding_type: asked.encoding,
            key_count: count,
            continuation_token: input.continuation_token.clone(),
            next_continuation_token,
            start_after: input.start_after.as_deref().map(|key| asked.text(key)),
            request_charged: None,
        }))
    }
}

fn shown(found: CurrentObject, asked: &Asked<'_>, owners: Option<&Owners>) -> Object {
    let CurrentObject { key, row } = found;
    let class = row.storage_class.as_deref().and_then(ObjectStorageClass::parse);
    let algorithms = row.checksum_algorithms.iter().filter_map(|name| ChecksumAlgorithm::parse(name));
    Object {
        key: Some(asked.text(key.as_str())),
        last_modified: Some(Timestamp::from_millis(row.modified_millis)),
        etag: Some(quoted(&row.etag)),
        checksum_algorithm: algorithms.collect(),
        checksum_type: row.checksum_type.as_deref().and_then(ChecksumType::parse),
        size: i64::try_from(row.size).ok(),
        storage_class: Some(class.unwrap_or(ObjectStorageClass::Standard)),
        owner: owners.map(|owners| Box::new(owners.object(row.owner))),
        restore_status: None,
    }
}

/// In a continuation token: the position is a key.
const AFTER_KEY: u8 = b'k';
/// In a continuation token: the position is a common prefix.
const AFTER_PREFIX: u8 = b'p';

/// What a continuation token is good for: this bucket, listed with this prefix and delimiter. The size of the page, the
/// encoding and the members asked for may differ.
fn token_context(bucket: &BucketGrant, asked: &Asked<'_>) -> Vec<u8> {
    let mut context = b"ListObjectsV2\0".to_vec();
    context.extend_from_slice(bucket.id().as_bytes());
    for text in [asked.prefix, asked.delimiter.unwrap_or_default()] {
        context.extend_from_slice(&(text.len() as u64).to_be_bytes());
        context.extend_from_slice(text.as_bytes());
    }
    context
}

/// The position that an opened token holds.
fn position(opened: &[u8]) -> Option<Start> {
    let (kind, text) = opened.split_first()?;
    let text = std::str::from_utf8(text).ok()?.to_owned();
    match *kind {
        AFTER_KEY => Some(Start::AfterKey(text)),
        AFTER_PREFIX => Some(Start::AfterPrefix(text)),
        _ => None,
    }
}

/// Reads arbitrary bytes as what a client brings back for the next page: the inside of a token, and the markers of the
/// other listings. The fuzz entry.
#[doc(hidden)]
pub fn fuzz_list_token(data: &[u8]) {
    match position(data) {
        Some(Start::AfterKey(text)) => assert_eq!([&[AFTER_KEY], text.as_bytes()].concat(), data),
        Some(Start::AfterPrefix(text)) => assert_eq!([&[AFTER_PREFIX], text.as_bytes()].concat(), data),
        Some(Start::First | Start::AfterRow(_)) | None => {}
    }
    let text = String::from_utf8_lossy(data);
    if let Ok(sealed) = URL_SAFE_NO_PAD.decode(text.as_bytes()) {
        assert_eq!(URL_SAFE_NO_PAD.encode(sealed), text, "a token has one text");
    }
    if let Ok(id) = VersionId::parse(&text) {
        assert_eq!(id.to_string(), text, "a version id has one text");
    }
    if let Ok(id) = UploadId::parse(&text) {
        assert_eq!(id.to_string(), text, "an upload id has one text");
    }
}

impl S3 {
    fn next_token(&self, context: &[u8], page: &Page<CurrentObject>) -> Option<String> {
        let last = page.next()?;
        let kind = match last {
            Item::Row(_) => AFTER_KEY,
            Item::Prefix(_) => AFTER_PREFIX,
        };
        let token = [&[kind], last.position().as_bytes()].concat();
        Some(URL_SAFE_NO_PAD.encode(self.keys.seal_token(context, &token)))
    }

    fn read_token(&self, context: &[u8], token: &str) -> Result<Start, ErrorReply> {
        let read = || {
            let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
            let opened = self.keys.open_token(context, &sealed).ok()?;
            position(&opened)
        };
        read().ok_or_else(|| {
            let message = "The continuation token provided is incorrect";
            error::invalid_argument("continuation-token", token, message)
        })
    }
}
