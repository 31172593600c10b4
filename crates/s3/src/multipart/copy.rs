//! UploadPartCopy.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use strongroom_api_s3::{CopyPartResult, UploadPartCopyInput, UploadPartCopyOutput, op};
use strongroom_crypto::ChecksumSet;
use strongroom_gate::{Authorized, ByteStream, ErrorReply, Handle, Permit, Reply, action};
use strongroom_record::{Effect, EffectKind};
use strongroom_storage::StoreError;

use super::checksums::{UploadChecksum, show_part_checksums};
use super::limits::MAX_PART_BYTES;
use super::upload::part_number;
use crate::S3;
use crate::error;
use crate::limits::MAX_READ_TRIES;
use crate::object::checksums::quoted;
use crate::object::conditions::{Outcome, ReadConditions};
use crate::object::copy::same_source;
use crate::object::customer::{
    Customer, confirm_customer, customer_headers, refuse_blocked, shown_encryption, source_customer_headers,
};
use crate::object::store_body::Sealing;
use crate::object::versions::{Object, effect};

/// Source: S3 API Reference, "UploadPartCopy".
#[async_trait]
impl Handle<op::UploadPartCopy> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<UploadPartCopyInput>,
    ) -> Result<Reply<UploadPartCopyOutput>, ErrorReply> {
        let input = request.input();
        let number = part_number(input.part_number)?;
        let secure = request.request().secure_transport;
        let opens = source_customer_headers!(input).read(secure)?;
        let customer = customer_headers!(input).read(secure)?;
        let customer = customer.as_deref();
        if customer.is_some() {
            let state = self.bucket_state(request.bucket()?.partition()).await?;
            refuse_blocked(&request, &state)?;
        }
        let (bucket, key, id) = (request.bucket()?, request.key()?.clone(), input.upload_id.clone());
        let upload = self.upload(bucket.partition(), &key, &id).await?;
        self.check_upload_customer(bucket.id(), &key, (upload.id, &upload.row), customer)?;
        let checksum = ChecksumSet::EMPTY.with(UploadChecksum::of(&upload.row)?.algorithm);
        let source = request.source()?;
        let from = source.bucket();
        let (object, length, bytes) = self.source_bytes(input, source, opens.as_ref()).await?;
        same_source(&request, &object)?;
        let sealing = Sealing::new(customer, checksum);
        let stored = self.store_copy(bucket.id(), &key, bytes, length, &sealing).await?;
        let other = (from.id() != bucket.id()).then(|| from.name().to_string());
        let read = effect(EffectKind::Read, source.key(), Some(object.id), Some(length));
        request.note(Effect { bucket: other, ..read });
        let shown = self.shown_version(from.partition(), object.id, source.version_id()).await?;
        let part = self.commit_part(&mut request, &key, &id, number, &stored, None).await?;
        let mut result = CopyPartResult {
            etag: Some(quoted(&part.etag())),
            last_modified: Some(part.modified()),
            ..CopyPartResult::default()
        };
        show_part_checksums!(result, &part.checksums);
        let mut output = UploadPartCopyOutput {
            copy_source_version_id: shown,
            copy_part_result: Some(Box::new(result)),
            server_side_encryption: shown_encryption(customer),
            ..UploadPartCopyOutput::default()
        };
        confirm_customer!(output, customer);
        Ok(Reply { object_size: Some(length), ..Reply::new(output) })
    }
}

impl S3 {
    /// The source as it is now, how many bytes of it are copied, and those.
    async fn source_bytes(
        &self,
        input: &UploadPartCopyInput,
        source: &Permit<action::GetObject>,
        customer: Option<&Arc<Customer>>,
    ) -> Result<(Object, u64, ByteStream), ErrorReply> {
        let from = source.bucket();
        for _ in 0..MAX_READ_TRIES {
            let object = self
                .object(from.partition(), source.key(), source.version_id(), "GET")
                .await
                .map_err(|reply| delete_marker_as_source(reply, source.version_id().is_some()))?;
            self.check_customer(
                from.id(),
                source.key(),
                &object.content,
                customer.map(|customer| &**customer),
            )?;
            check_conditions(input, &object)?;
            let range = source_range(input.copy_source_range.as_deref(), object.content.size)?;
            let length = range.end - range.start;
            if length > MAX_PART_BYTES {
                return Err(error::invalid_request(format!(
                    "The specified copy source is larger than the maximum allowable size for a copy source: \
                     {MAX_PART_BYTES}"
                )));
            }
            match self.open_range(from.id(), source.key(), &object.content, range, customer).await {
                Ok(bytes) => return Ok((object, length, bytes)),
                // Replaced between the look at its row and the look at its bytes: the next look finds the new one.
                Err(StoreError::NoSuchBlob(_)) => {}
                Err(error) => return Err(ErrorReply::from(&error)),
            }
        }
        Err(error::slow_down())
    }
}

/// A delete marker that the request names by its version id is answered otherwise than on a read.
fn delete_marker_as_source(reply: ErrorReply, by_id: bool) -> ErrorReply {
    if by_id && reply.code == "MethodNotAllowed" {
        return error::invalid_request(
            "The source of a copy request may not specifically refer to a delete marker by version id.",
        );
    }
    reply
}

/// The conditions on the source. What says "not modified" on a read is a failed condition on a copy.
fn check_conditions(input: &UploadPartCopyInput, object: &Object) -> Result<(), ErrorReply> {
    let conditions = ReadConditions {
        if_match: input.copy_source_if_match.as_deref(),
        if_none_match: input.copy_source_if_none_match.as_deref(),
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    match conditions.evaluate(&object.content.etag, object.modified) {
        Outcome::Proceed => Ok(()),
        Outcome::Failed(condition) | Outcome::NotModified(condition) => {
            Err(error::precondition_failed(match condition {
                "If-Match" => "x-amz-copy-source-If-Match",
                "If-None-Match" => "x-amz-copy-source-If-None-Match",
                "If-Modified-Since" => "x-amz-copy-source-If-Modified-Since",
                _ => "x-amz-copy-source-If-Unmodified-Since",
            }))
        }
    }
}

/// The bytes of a source of `size` bytes that `x-amz-copy-source-range` names: `bytes=first-last` and no other form,
/// all of it within the source; without the header, the whole source.
///
/// # Errors
/// `InvalidArgument`.
fn source_range(header: Option<&str>, size: u64) -> Result<Range<u64>, ErrorReply> {
    let Some(header) = header else { return Ok(0..size) };
    let argument = |message: String| error::invalid_argument("x-amz-copy-source-range", header, message);
    let (first, last) = parse_range(header).ok_or_else(|| {
        argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy"
                .to_owned(),
        )
    })?;
    if last >= size {
        return Err(argument(format!("Range specified is not valid for source object of size: {size}")));
    }
    Ok(first..last + 1)
}

fn parse_range(header: &str) -> Option<(u64, u64)> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

/// The fuzz entry for `x-amz-copy-source-range`: what is given always lies within the source.
#[doc(hidden)]
pub fn fuzz_copy_source_range(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for size in [0, 1, 10, u64::MAX] {
        if let Ok(range) = source_range(Some(text), size) {
            assert!(range.start < range.end && range.end <= size);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_first_and_last_byte_within_the_source_are_a_range() {
        assert_eq!(source_range(None, 10), Ok(0..10));
        assert_eq!(source_range(Some("bytes=0-9"), 10), Ok(0..10));
        assert_eq!(source_range(Some("bytes=3-3"), 10), Ok(3..4));
        for bad in [
            "",
            "bytes=",
            "bytes=-",
            "bytes=1-",
            "bytes=-1",
            "bytes=4-2",
            "bytes=0-10",
            "bytes=a-b",
            "0-1",
            "bytes=0-1,2-3",
            "bytes=+0-1",
            "bytes=0 -1",
            "Bytes=0-1",
            "bytes=0-99999999999999999999999",
        ] {
            let error = source_range(Some(bad), 10).unwrap_err();
            assert_eq!((error.status, error.code.as_ref()), (400, "InvalidArgument"), "{bad}");
        }
        assert!(source_range(Some("bytes=0-0"), 0).is_err());
    }

    proptest! {
        #[test]
        fn no_header_reaches_beyond_the_source(text in "bytes=[0-9]{0,22}-[0-9]{0,22}|\\PC{0,12}") {
            fuzz_copy_source_range(text.as_bytes());
        }
    }
}
