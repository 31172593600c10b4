//! ListParts and ListMultipartUploads.

use std::ops::Range;

use async_trait::async_trait;
use strongroom_api_s3::{
    ChecksumAlgorithm, ChecksumType, Initiator, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListPartsInput, ListPartsOutput, MultipartUpload, Owner, Part, StorageClass, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};
use strongroom_record::EffectKind;
use strongroom_types::{ObjectKey, Timestamp, UploadId};

use super::checksums::show_part_checksums;
use super::upload::sequence_of;
use crate::S3;
use crate::error;
use crate::limits::MAX_PART_NUMBER;
use crate::listing::walk::{Item, Listed, Start};
use crate::listing::wire::{Asked, Owners, listed, most_items, present, quoted};
use crate::object::customer::{checksums_need_customer, customer_headers};
use crate::object::versions::effect;
use crate::row::{self, Coded, RowError, UploadRow};

/// Source: S3 API Reference, "ListParts".
#[async_trait]
impl Handle<op::ListParts> for S3 {
    async fn handle(
        &self,
        request: Authorized<ListPartsInput>,
    ) -> Result<Reply<ListPartsOutput>, ErrorReply> {
        let (input, bucket, key) = (request.input(), request.bucket()?, request.key()?);
        let customer = customer_headers!(input).read(request.request().secure_transport)?;
        let most = most_items("max-parts", input.max_parts)?;
        let marker = part_number_marker(input.part_number_marker)?;
        let upload = self.upload(bucket.partition(), key, &input.upload_id).await?;
        match customer.as_deref() {
            None if checksums_need_customer(&upload.row) => {
                return Err(error::invalid_request(
                    "To retrieve Part Checksum data requests must include appropriate encryption parameters.",
                ));
            }
            None => {}
            given => self.check_upload_customer(bucket.id(), key, (upload.id, &upload.row), given)?,
        }
        let mut parts = Vec::new();
        if most > 0 && marker < MAX_PART_NUMBER {
            let asked = usize::from(most) + 1;
            parts = self.parts(bucket.partition(), upload.id, marker + 1, asked).await?;
        }
        request.note(effect(EffectKind::Read, key, None, None));
        let truncated = parts.len() > usize::from(most);
        parts.truncate(most.into());
        let last = parts.last().map_or(0, |part| part.number);
        let shown = parts.iter().map(|part| {
            let mut shown = Part {
                part_number: Some(part.number.into()),
                last_modified: Some(part.row.modified()),
                etag: Some(quoted(&part.row.etag())),
                size: i64::try_from(part.row.blob.plain_bytes).ok(),
                ..Part::default()
            };
            show_part_checksums!(shown, &part.row.checksums);
            shown
        });
        Ok(Reply::new(ListPartsOutput {
            bucket: Some(bucket.name().to_string()),
            key: Some(key.to_string()),
            upload_id: Some(upload.id.to_string()),
            part_number_marker: Some(marker.into()),
            next_part_number_marker: Some(last.into()),
            max_parts: Some(most.into()),
            is_truncated: Some(truncated),
            parts: shown.collect(),
            initiator: Some(Box::new(initiator(&upload.row))),
            owner: Some(Box::new(owner(&upload.row, &Owners::of(bucket)))),
            storage_class: Some(class(&upload.row)),
            checksum_algorithm: algorithm(&upload.row),
            checksum_type: kind(&upload.row),
            ..ListPartsOutput::default()
        }))
    }
}

fn part_number_marker(asked: Option<i32>) -> Result<u16, ErrorReply> {
    let asked = asked.unwrap_or(0);
    let number = u32::try_from(asked).map_err(|_| {
        let message = "Argument part-number-marker must be an integer between 0 and 2147483647";
        error::invalid_argument("part-number-marker", asked.to_string(), message)
    })?;
    Ok(u16::try_from(number).unwrap_or(MAX_PART_NUMBER).min(MAX_PART_NUMBER))
}

/// The initiator as answers show it: the canonical id of an account's root user, the ARN of any other principal.
fn initiator(upload: &UploadRow) -> Initiator {
    let (arn, canonical) = &upload.initiator;
    let id = if arn.ends_with(":root") || arn.is_empty() { canonical } else { arn };
    Initiator { id: Some(id.clone()), display_name: None }
}

fn class(upload: &UploadRow) -> StorageClass {
    upload.storage_class.as_deref().and_then(StorageClass::parse).unwrap_or(StorageClass::Standard)
}

fn algorithm(upload: &UploadRow) -> Option<ChecksumAlgorithm> {
    upload.checksum_algorithm.as_deref().and_then(ChecksumAlgorithm::parse)
}

fn kind(upload: &UploadRow) -> Option<ChecksumType> {
    upload.checksum_type.as_deref().and_then(ChecksumType::parse)
}

/// An upload in progress, as a list meets it.
struct InProgress {
    key: ObjectKey,
    id: UploadId,
    row: UploadRow,
}

impl Listed for InProgress {
    fn range(prefix: &[u8], from: &[u8]) -> Range<Vec<u8>> {
        row::upload_range(prefix, from)
    }

    fn read(key: ObjectKey, rest: &[u8], value: &[u8]) -> Result<Self, RowError> {
        let id = rest.last_chunk().ok_or(RowError)?;
        Ok(Self { key, id: UploadId::from_bytes(*id), row: <UploadRow as Coded>::decode(value)? })
    }

    fn key(&self) -> &ObjectKey {
        &self.key
    }
}

/// Keys in order, the uploads of a key by the time when they began, which is also the order of their ids.
///
/// Source: S3 API Reference, "ListMultipartUploads".
#[async_trait]
impl Handle<op::ListMultipartUploads> for S3 {
    async fn handle(
        &self,
        request: Authorized<ListMultipartUploadsInput>,
    ) -> Result<Reply<ListMultipartUploadsOutput>, ErrorReply> {
        let (input, bucket) = (request.input(), request.bucket()?);
        let most = most_items("max-uploads", input.max_uploads)?;
        let asked = Asked::new(most, input.prefix.as_ref(), input.delimiter.as_ref(), input.encoding_type);
        let start = upload_start(input, &asked)?;
        let page = asked.page::<InProgress>(&*self.store, bucket, start).await?;
        request.note(listed());
        let next = page.next();
        let next_key_marker = next.map(|item| asked.text(item.position()));
        let next_upload_id_marker = next.and_then(Item::row).map(|upload| upload.id.to_string());
        let truncated = page.truncated;
        let (uploads, prefixes) = page.split();
        let owners = Owners::of(bucket);
        Ok(Reply::new(ListMultipartUploadsOutput {
            bucket: Some(bucket.name().to_string()),
            key_marker: Some(asked.text(input.key_marker.as_deref().unwrap_or_default())),
            upload_id_marker: Some(input.upload_id_marker.clone().unwrap_or_default()),
            next_key_marker,
            prefix: Some(asked.text(asked.prefix)),
            delimiter: asked.shown_delimiter(),
            next_upload_id_marker,
            max_uploads: Some(most.into()),
            is_truncated: Some(truncated),
            uploads: uploads.into_iter().map(|upload| shown(upload, &asked, &owners)).collect(),
            common_prefixes: asked.common_prefixes(&prefixes),
            encoding_type: asked.encoding,
            request_charged: None,
        }))
    }
}

/// The owner of the object that an upload becomes.
fn owner(upload: &UploadRow, owners: &Owners) -> Owner {
    owners.object(upload.owner.as_ref().map(|owner| owner.canonical))
}

fn shown(upload: InProgress, asked: &Asked<'_>, owners: &Owners) -> MultipartUpload {
    let InProgress { key, id, row } = upload;
    MultipartUpload {
        upload_id: Some(id.to_string()),
        key: Some(asked.text(key.as_str())),
        initiated: Some(Timestamp::from_millis(row.begun_millis)),
        storage_class: Some(class(&row)),
        owner: Some(Box::new(owner(&row, owners))),
        initiator: Some(Box::new(initiator(&row))),
        checksum_algorithm: algorithm(&row),
        checksum_type: kind(&row),
        version_id: None,
    }
}

/// Where the list begins: behind an upload, which need not be there any more, or behind a key. An upload id without a key
/// is not looked at.
fn upload_start(input: &ListMultipartUploadsInput, asked: &Asked<'_>) -> Result<Start, ErrorReply> {
    let marker = present(input.key_marker.as_ref());
    let (Some(marker), Some(id)) = (marker, present(input.upload_id_marker.as_ref())) else {
        return Ok(asked.after(marker));
    };
    let id = UploadId::parse(id)
        .map_err(|_| error::invalid_argument("upload-id-marker", id, "Invalid uploadId marker"))?;
    Ok(match asked.marked_key(marker) {
        Some(key) => Start::AfterRow(row::upload(&key, sequence_of(id), id)),
        None => asked.after(Some(marker)),
    })
}
