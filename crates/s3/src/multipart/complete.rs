//! CompleteMultipartUpload.

use std::sync::Arc;

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use strongroom_api_s3::{
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, ServerSideEncryption, op,
};
use strongroom_crypto::{ChecksumAlgorithm, ChecksumType, Md5Digest, multipart_etag};
use strongroom_gate::{Authorized, BucketGrant, CommitError, ErrorReply, Handle, Mutation, Reply};
use strongroom_record::EffectKind;
use strongroom_storage::Partition;
use strongroom_types::{BucketId, ObjectKey, Timestamp, UploadId, VersionId};

use super::checksums::{UploadChecksum, stated_checksums};
use super::limits::{MAX_OBJECT_BYTES, MIN_PART_BYTES};
use super::upload::{StoredPart, Upload, hold, part_number, remove};
use crate::S3;
use crate::error;
use crate::limits::{MAX_COMMIT_TRIES, MAX_PART_NUMBER};
use crate::object::checksums::{quoted, show_checksums};
use crate::object::conditions::WriteConditions;
use crate::object::customer::{
    AES256, Customer, checksums_need_customer, customer_headers, not_of_upload, refuse_blocked,
};
use crate::object::versions::{NewVersion, Unplanned, effect};
use crate::object::write_options::refuse_unknown_checksums;
use crate::row::{self, Coded, Content, LayoutRow, PartRow, UploadIndexRow, VersionRow};

/// A part as the request names it.
struct Wanted {
    number: u16,
    /// Its ETag without quotes.
    etag: String,
    /// The checksums that the request states of it.
    checksums: Vec<(ChecksumAlgorithm, String)>,
}

/// What the request asks for, checked as far as that goes without the upload.
struct Order {
    upload_id: String,
    parts: Vec<Wanted>,
    conditions: WriteConditions,
    customer: Option<Arc<Customer>>,
}

/// What an upload becomes.
struct Assembled {
    content: Box<Content>,
    layout: LayoutRow,
    /// Where each part of the layout is among the stored parts.
    used: Vec<usize>,
}

/// How a try to complete ended.
enum Done {
    /// The upload is complete, now or since an earlier request.
    Complete { content: Box<Content>, version: Option<String> },
    /// Something changed: try again.
    Again,
}

/// Source: S3 API Reference, "CompleteMultipartUpload"; S3 User Guide, "Multipart upload and concurrent operations".
#[async_trait]
impl Handle<op::CompleteMultipartUpload> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<CompleteMultipartUploadInput>,
    ) -> Result<Reply<CompleteMultipartUploadOutput>, ErrorReply> {
        let order = read_order(&request)?;
        let key = request.key()?.clone();
        let mut turn = None;
        for _ in 0..MAX_COMMIT_TRIES {
            let done = self.complete(&mut request, &key, &order).await?;
            if let Done::Complete { content, version } = done {
                let bucket = request.bucket()?;
                let mut output = CompleteMultipartUploadOutput {
                    location: Some(location(bucket, &key)),
                    bucket: Some(bucket.name().to_string()),
                    key: Some(key.to_string()),
                    etag: Some(quoted(&content.etag)),
                    server_side_encryption: ServerSideEncryption::parse(&content.encryption),
                    version_id: version,
                    ..CompleteMultipartUploadOutput::default()
                };
                show_checksums!(output, &content.checksums);
                return Ok(Reply { object_size: Some(content.size), ..Reply::new(output) });
            }
            if turn.is_none() {
                turn = self.key_locks.turn(request.bucket()?.id(), &key).await;
            }
        }
        Err(order.conditions.gave_up(&key))
    }
}

impl S3 {
    /// One try.
    async fn complete(
        &self,
        request: &mut Authorized<CompleteMultipartUploadInput>,
        key: &ObjectKey,
        order: &Order,
    ) -> Result<Done, ErrorReply> {
        let partition = request.bucket()?.partition();
        let Some(upload) = self.find_upload(partition, key, &order.upload_id).await? else {
            return self.completed_before(request.bucket()?.id(), key, order).await;
        };
        self.check_complete_customer(request, key, order, &upload)?;
        let stored = self.all_parts(partition, upload.id).await?;
        let Assembled { content, layout, used } = assemble(request.input(), order, &upload, &stored)?;
        let state = self.bucket_state(partition).await?;
        if content.is_of_customer() {
            refuse_blocked(request, &state)?;
        }
        let current = self.current_row(partition, key).await?;
        order.conditions.check(key, &current)?;
        if order.conditions.any() && self.is_overtaken(partition, key, upload.begun).await? {
            // The upload would come to lie below what was written or deleted since it began, which nobody wants who asks
            // for the current object to be replaced. AWS: "If a conflicting operation occurs during the upload, S3
            // returns 409".
            return Err(order.conditions.gave_up(key));
        }
        let new = NewVersion {
            sequence: Some(upload.begun),
            random: upload.row.random,
            // AWS: the object's date is that of the initiation.
            modified: Timestamp::from_millis(upload.row.begun_millis),
            content: Some(content.clone()),
        };
        let mut mutation = Mutation::new();
        hold(&upload, &stored, &mut mutation);
        let placed = match self.plan_write(partition, key, &state, &current, &new, &mut mutation).await {
            Ok(placed) => placed,
            Err(Unplanned::Stale) => return Ok(Done::Again),
            Err(Unplanned::Answer(reply)) => return Err(*reply),
        };
        if placed.superseded {
            // A later write took the only place that there is for this version: it came to be, and was overwritten.
            remove(&upload, &stored, &mut mutation);
        } else {
            let completed_as = Some(placed.sequence);
            let completed_etag = Some(content.etag.clone());
            let index = UploadIndexRow {
                key: key.as_str().to_owned(),
                begun: upload.begun,
                completed_etag,
                completed_as,
            };
            mutation.put(row::index(upload.id), index.encode());
            mutation.put(row::layout(upload.id), layout.encode());
            mutation.delete(upload.place.clone());
            discard_unused(&upload, &stored, &used, &mut mutation);
        }
        mutation.effect(effect(EffectKind::Write, key, placed.shown, Some(content.size)));
        match request.commit(&*self.store, mutation).await {
            Ok(_) => {}
            Err(CommitError::Conflict) => return Ok(Done::Again),
            Err(error) => return Err(error.reply()),
        }
        let version = placed.shown.as_ref().map(VersionId::to_string);
        Ok(Done::Complete { content, version })
    }

    /// The customer's key of an upload that was begun with one is needed where checksums are compared, and must be the
    /// right one where it is given.
    fn check_complete_customer(
        &self,
        request: &Authorized<CompleteMultipartUploadInput>,
        key: &ObjectKey,
        order: &Order,
        upload: &Upload,
    ) -> Result<(), ErrorReply> {
        match order.customer.as_deref() {
            None if checksums_need_customer(&upload.row) => Err(not_of_upload()),
            None => Ok(()),
            given => self.check_upload_customer(request.bucket()?.id(), key, (upload.id, &upload.row), given),
        }
    }

    /// The answer to a request for an upload that is not in progress: the same as before, as long as the version is there
    /// which the same parts became.
    async fn completed_before(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        order: &Order,
    ) -> Result<Done, ErrorReply> {
        let partition = Partition::Bucket(bucket);
        let gone = || error::no_such_upload(order.upload_id.as_str());
        let id = UploadId::parse(&order.upload_id).map_err(|_| gone())?;
        let index = self.read::<UploadIndexRow>(partition, &row::index(id)).await?;
        let Some((index, _)) = index.filter(|(index, _)| index.key == key.as_str()) else {
            return Err(gone());
        };
        let (Some(etag), Some(sequence)) = (index.completed_etag, index.completed_as) else {
            return Err(gone());
        };
        let version = self.read::<VersionRow>(partition, &row::version(key, sequence)).await?;
        let Some((version, _)) = version else { return Err(gone()) };
        let version_id = version.id(sequence);
        let content = version.content.filter(|content| content.upload_id() == Some(id)).ok_or_else(gone)?;
        if let Some(customer) = order.customer.as_deref() {
            self.check_customer(bucket, key, &content, Some(customer))?;
        }
        let layout = self.read::<LayoutRow>(partition, &row::layout(id)).await?;
        let (layout, _) = layout.ok_or_else(gone)?;
        let same_numbers =
            layout.parts.iter().map(|(number, _)| *number).eq(order.parts.iter().map(|p| p.number));
        let md5s: Option<Vec<_>> = order.parts.iter().map(|part| md5(&part.etag)).collect();
        if !same_numbers || md5s.is_none_or(|md5s| multipart_etag(&md5s) != etag) {
            return Err(gone());
        }
        let version = self.shown_version(partition, version_id, None).await?;
        Ok(Done::Complete { content, version })
    }
}

fn md5(etag: &str) -> Option<Md5Digest> {
    let mut bytes = [0; 16];
    hex::decode_to_slice(etag, &mut bytes).ok()?;
    Some(Md5Digest::from_bytes(bytes))
}

/// Removes the parts that the request left out. Both lists are in the order of part numbers.
fn discard_unused(upload: &Upload, stored: &[StoredPart], used: &[usize], mutation: &mut Mutation) {
    let mut used = used.iter().peekable();
    for (place, part) in stored.iter().enumerate() {
        if used.next_if(|used| **used == place).is_none() {
            mutation.delete(row::part(upload.id, part.number));
            mutation.release(part.row.blob.id());
        }
    }
}

/// Checks what can be checked without the upload.
///
/// # Errors
/// `InvalidRequest` without a list, `MalformedXML` for a list that is empty, too long or has parts without number or
/// ETag, `InvalidArgument`, `InvalidPartOrder`; those of the headers of a customer's key.
fn read_order(request: &Authorized<CompleteMultipartUploadInput>) -> Result<Order, ErrorReply> {
    let input = request.input();
    refuse_unknown_checksums!(input);
    let customer = customer_headers!(input).read(request.request().secure_transport)?;
    let conditions = WriteConditions::parse(input.if_match.as_deref(), input.if_none_match.as_deref())?;
    let list = input.multipart_upload.as_ref();
    let list = &list.ok_or_else(|| error::invalid_request("You must specify at least one part"))?.parts;
    if list.is_empty() || list.len() > usize::from(MAX_PART_NUMBER) {
        return Err(error::malformed_xml());
    }
    let parts = list.iter().map(wanted).collect::<Result<Vec<_>, _>>()?;
    let ascending = parts.iter().zip(parts.iter().skip(1)).all(|(one, next)| one.number < next.number);
    if !ascending {
        return Err(error::invalid_part_order(input.upload_id.as_str()));
    }
    Ok(Order { upload_id: input.upload_id.clone(), parts, conditions, customer })
}

fn wanted(part: &CompletedPart) -> Result<Wanted, ErrorReply> {
    refuse_unknown_checksums!(part);
    let (Some(_), Some(etag)) = (part.part_number, &part.etag) else { return Err(error::malformed_xml()) };
    let number = part_number(part.part_number)?;
    let etag = etag.trim();
    let etag = etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap_or(etag).to_owned();
    let checksums = stated_checksums!(part).map(|(algorithm, value)| (algorithm, value.to_owned())).collect();
    Ok(Wanted { number, etag, checksums })
}

/// Works out the object from the parts that are named and the parts that there are.
///
/// # Errors
/// `InvalidPart`, `EntityTooSmall`, `InvalidRequest`, `BadDigest`.
fn assemble(
    input: &CompleteMultipartUploadInput,
    order: &Order,
    upload: &Upload,
    stored: &[StoredPart],
) -> Result<Assembled, ErrorReply> {
    let checksum = UploadChecksum::of(&upload.row)?;
    checksum.check_kind(input.checksum_type)?;
    let (mut parts, mut used, mut layout) = (Vec::new(), Vec::new(), LayoutRow::default());
    for (place, wanted) in order.parts.iter().enumerate() {
        let found = stored.binary_search_by_key(&wanted.number, |part| part.number).ok();
        let invalid = || error::invalid_part(order.upload_id.as_str(), wanted.number, quoted(&wanted.etag));
        let (at, part) = found.and_then(|at| Some((at, &stored.get(at)?.row))).ok_or_else(invalid)?;
        if part.etag() != wanted.etag || !checksums_agree(wanted, part) {
            return Err(invalid());
        }
        let own = wanted.checksums.iter().any(|(algorithm, _)| *algorithm == checksum.algorithm);
        if checksum.asked && checksum.kind == ChecksumType::Composite && !own {
            return Err(checksum.missing_of_part(wanted.number));
        }
        let bytes = part.blob.plain_bytes;
        if bytes < MIN_PART_BYTES && place + 1 < order.parts.len() {
            return Err(error::entity_too_small(bytes, MIN_PART_BYTES)
                .member("PartNumber", wanted.number.to_string())
                .member("ETag", wanted.etag.clone()));
        }
        used.push(at);
        parts.push(part);
        layout.parts.push((wanted.number, bytes));
    }
    let size = parts.iter().map(|part| part.blob.plain_bytes).sum();
    check_size(input.mpu_object_size, size)?;
    let whole = checksum.of_object(&parts)?;
    for stated in stated_checksums!(input) {
        checksum.check_stated(&whole, stated)?;
    }
    let md5s: Vec<_> = parts.iter().map(|part| Md5Digest::from_bytes(part.etag)).collect();
    let row = upload.row.clone();
    let content = Content {
        size,
        etag: multipart_etag(&md5s),
        headers: row.headers,
        metadata: row.metadata,
        storage_class: row.storage_class,
        tags: row.tags,
        checksums: vec![checksum.row(&whole)],
        website_redirect: row.website_redirect,
        blob: None,
        upload: Some(*upload.id.as_bytes()),
        parts: u16::try_from(parts.len()).ok(),
        encryption: if row.customer_proof.is_some() { Content::OF_CUSTOMER } else { AES256 }.to_owned(),
        customer_proof: row.customer_proof,
        owner: row.owner,
        acl: row.acl,
    };
    Ok(Assembled { content: Box::new(content), layout, used })
}

/// Whether the checksums that the request states of a part are those that were computed.
fn checksums_agree(wanted: &Wanted, part: &PartRow) -> bool {
    wanted.checksums.iter().all(|(algorithm, value)| {
        part.checksums.iter().any(|row| row.algorithm == algorithm.as_str() && row.value == *value)
    })
}

/// `x-amz-mp-object-size`, and the largest object.
fn check_size(stated: Option<i64>, size: u64) -> Result<(), ErrorReply> {
    if size > MAX_OBJECT_BYTES {
        return Err(error::entity_too_large(size, MAX_OBJECT_BYTES));
    }
    match stated {
        Some(stated) if u64::try_from(stated) != Ok(size) => Err(error::invalid_request(format!(
            "The provided 'x-amz-mp-object-size' header value {stated} does not match what was computed: {size}"
        ))),
        _ => Ok(()),
    }
}

const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where the object is, as a path on whatever host the client speaks to.
fn location(bucket: &BucketGrant, key: &ObjectKey) -> String {
    format!("/{}/{}", bucket.name(), utf8_percent_encode(key.as_str(), PATH))
}
