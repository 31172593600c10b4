//! ListObjects and ListObjectsV2.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_api_s3::{
    ChecksumAlgorithm, ChecksumType, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object, ObjectStorageClass, Owner, op,
};
use strongroom_gate::{Authorized, BucketGrant, ErrorReply, Handle, Reply};
use strongroom_types::Timestamp;

use super::rows::CurrentObject;
use super::walk::{Item, Page, Start, Walk, common_prefix};
use super::wire::{common_prefixes, encoded, listed, most_items, owner, present, quoted};
use crate::{S3, error};

/// Source: S3 API Reference, "ListObjects". A marker that lies in a common prefix continues behind that prefix, since
/// `NextMarker` may be one.
#[async_trait]
impl Handle<op::ListObjects> for S3 {
    async fn handle(
        &self,
        request: Authorized<ListObjectsInput>,
    ) -> Result<Reply<ListObjectsOutput>, ErrorReply> {
        let (input, bucket) = (request.input(), request.bucket()?);
        let most = most_items("maxKeys", input.max_keys)?;
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let delimiter = present(input.delimiter.as_ref());
        let page = Walk {
            store: self.store.as_ref(),
            partition: bucket.partition(),
            prefix,
            delimiter,
            start: after_marker(present(input.marker.as_ref()), prefix, delimiter),
            most: most.into(),
        }
        .page::<CurrentObject>()
        .await?;
        request.note(listed());
        let encoding = input.encoding_type;
        let text = |text: &str| encoded(encoding, text);
        // Only with a delimiter: without one, the last key is the next marker.
        let next = page.items.last().filter(|_| page.truncated && delimiter.is_some()).map(position);
        let next_marker = next.map(text);
        let truncated = page.truncated;
        let (objects, prefixes) = page.split();
        let owner = owner(bucket);
        Ok(Reply::new(ListObjectsOutput {
            is_truncated: Some(truncated),
            marker: Some(text(input.marker.as_deref().unwrap_or_default())),
            next_marker,
            contents: objects.into_iter().map(|found| shown(found, encoding, Some(&owner))).collect(),
            name: Some(bucket.name().to_string()),
            prefix: Some(text(prefix)),
            delimiter: delimiter.map(text),
            max_keys: Some(most.into()),
            common_prefixes: common_prefixes(encoding, &prefixes),
            encoding_type: encoding,
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
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let delimiter = present(input.delimiter.as_ref());
        let context = token_context(bucket, prefix, delimiter);
        let start = match (&input.continuation_token, present(input.start_after.as_ref())) {
            (Some(token), _) => self.read_token(&context, token)?,
            (None, Some(key)) => Start::AfterKey(key.to_owned()),
            (None, None) => Start::First,
        };
        let page = Walk {
            store: self.store.as_ref(),
            partition: bucket.partition(),
            prefix,
            delimiter,
            start,
            most: most.into(),
        }
        .page::<CurrentObject>()
        .await?;
        request.note(listed());
        let encoding = input.encoding_type;
        let text = |text: &str| encoded(encoding, text);
        let next_continuation_token = self.next_token(&context, &page);
        let truncated = page.truncated;
        let count = i32::try_from(page.items.len()).ok();
        let (objects, prefixes) = page.split();
        let owner = (input.fetch_owner == Some(true)).then(|| owner(bucket));
        Ok(Reply::new(ListObjectsV2Output {
            is_truncated: Some(truncated),
            contents: objects.into_iter().map(|found| shown(found, encoding, owner.as_ref())).collect(),
            name: Some(bucket.name().to_string()),
            prefix: Some(text(prefix)),
            delimiter: delimiter.map(text),
            max_keys: Some(most.into()),
            common_prefixes: common_prefixes(encoding, &prefixes),
            encoding_type: encoding,
            key_count: count,
            continuation_token: input.continuation_token.clone(),
            next_continuation_token,
            start_after: input.start_after.as_deref().map(text),
            request_charged: None,
        }))
    }
}

/// Where a listing with a marker begins.
pub(crate) fn after_marker(marker: Option<&str>, prefix: &str, delimiter: Option<&str>) -> Start {
    match marker {
        None => Start::First,
        Some(marker) => match common_prefix(marker, prefix, delimiter) {
            Some(rolled_up) => Start::AfterPrefix(rolled_up.to_owned()),
            None => Start::AfterKey(marker.to_owned()),
        },
    }
}

fn position(item: &Item<CurrentObject>) -> &str {
    match item {
        Item::Row(found) => found.key.as_str(),
        Item::Prefix(prefix) => prefix,
    }
}

fn shown(found: CurrentObject, encoding: Option<EncodingType>, owner: Option<&Owner>) -> Object {
    let CurrentObject { key, row } = found;
    let class = row.storage_class.as_deref().and_then(ObjectStorageClass::parse);
    let algorithms = row.checksum_algorithms.iter().filter_map(|name| ChecksumAlgorithm::parse(name));
    Object {
        key: Some(encoded(encoding, key.as_str())),
        last_modified: Some(Timestamp::from_millis(row.modified_millis)),
        etag: Some(quoted(&row.etag)),
        checksum_algorithm: algorithms.collect(),
        checksum_type: row.checksum_type.as_deref().and_then(ChecksumType::parse),
        size: i64::try_from(row.size).ok(),
        storage_class: Some(class.unwrap_or(ObjectStorageClass::Standard)),
        owner: owner.map(|owner| Box::new(owner.clone())),
        restore_status: None,
    }
}

/// In a continuation token: the position is a key.
const AFTER_KEY: u8 = b'k';
/// In a continuation token: the position is a common prefix.
const AFTER_PREFIX: u8 = b'p';

/// What a continuation token is good for: this bucket, listed with this prefix and delimiter. The size of the page, the
/// encoding and the members asked for may differ.
fn token_context(bucket: &BucketGrant, prefix: &str, delimiter: Option<&str>) -> Vec<u8> {
    let mut context = b"ListObjectsV2\0".to_vec();
    context.extend_from_slice(bucket.id().as_bytes());
    for text in [prefix, delimiter.unwrap_or_default()] {
        context.extend_from_slice(&(text.len() as u64).to_be_bytes());
        context.extend_from_slice(text.as_bytes());
    }
    context
}

impl S3 {
    fn next_token(&self, context: &[u8], page: &Page<CurrentObject>) -> Option<String> {
        let last = page.items.last().filter(|_| page.truncated)?;
        let kind = match last {
            Item::Row(_) => AFTER_KEY,
            Item::Prefix(_) => AFTER_PREFIX,
        };
        let token = [&[kind], position(last).as_bytes()].concat();
        Some(URL_SAFE_NO_PAD.encode(self.keys.seal_token(context, &token)))
    }

    fn read_token(&self, context: &[u8], token: &str) -> Result<Start, ErrorReply> {
        let read = || {
            let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
            let opened = self.keys.open_token(context, &sealed).ok()?;
            let (kind, text) = opened.split_first()?;
            let text = std::str::from_utf8(text).ok()?.to_owned();
            match *kind {
                AFTER_KEY => Some(Start::AfterKey(text)),
                AFTER_PREFIX => Some(Start::AfterPrefix(text)),
                _ => None,
            }
        };
        read().ok_or_else(|| {
            let message = "The continuation token provided is incorrect";
            error::invalid_argument("continuation-token", token, message)
        })
    }
}
