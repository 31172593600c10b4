//! CopyObject: the source is opened and sealed anew for the destination.

use std::sync::Arc;

use async_trait::async_trait;
use strongroom_api_s3::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, MetadataDirective, TaggingDirective, op,
};
use strongroom_crypto::{ChecksumAlgorithm, ChecksumSet};
use strongroom_gate::{Authorized, ErrorReply, Handle, Permit, Reply, action};
use strongroom_record::{Effect, EffectKind};
use strongroom_storage::StoreError;
use strongroom_types::{BucketId, ObjectKey};

use super::checksums::{quoted, show_checksums};
use super::conditions::{Outcome, ReadConditions, WriteConditions};
use super::customer::{
    Customer, confirm_customer, customer_headers, encryption_name, refuse_blocked, shown_encryption,
    source_customer_headers,
};
use super::put::Origin;
use super::store_body::{Sealing, StoredBlob};
use super::versions::{Object, Placed};
use super::write_options::{
    asked, asked_acl, kept_headers, storage_class, unknown_checksum, website_redirect,
};
use super::{metadata, tags};
use crate::S3;
use crate::acl::WantedAcl;
use crate::error;
use crate::limits::{MAX_COPY_SOURCE_BYTES, MAX_READ_TRIES};
use crate::row::Content;

#[async_trait]
impl Handle<op::CopyObject> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<CopyObjectInput>,
    ) -> Result<Reply<CopyObjectOutput>, ErrorReply> {
        let asked_acl = asked_acl!(request.input())?;
        let wanted_acl = self.wanted_acl(&mut request, asked_acl).await?;
        let input = request.input();
        self.check_asked(request.bucket()?, asked!(input)).await?;
        let secure = request.request().secure_transport;
        let keys = Customers {
            source: source_customer_headers!(input).read(secure)?,
            copy: customer_headers!(input).read(secure)?,
        };
        if keys.copy.is_some() {
            let state = self.bucket_state(request.bucket()?.partition()).await?;
            refuse_blocked(&request, &state)?;
        }
        let conditions = WriteConditions::parse(input.if_match.as_deref(), input.if_none_match.as_deref())?;
        refuse_unchanged(&request)?;
        let key = request.key()?.clone();
        if conditions.any() {
            let current = self.current_row(request.bucket()?.partition(), &key).await?;
            conditions.check(&key, &current)?;
        }
        let (source, stored) = {
            let (permit, bucket) = (request.source()?, request.bucket()?.id());
            self.copy_bytes(request.input(), permit, bucket, &key, &keys).await?
        };
        same_source(&request, &source)?;
        let customer = keys.copy.as_deref();
        let content = content(request.input(), &source.content, &stored, customer)?;
        let source_version = {
            let permit = request.source()?;
            let partition = permit.bucket().partition();
            self.shown_version(partition, source.id, permit.version_id()).await?
        };
        let mut result =
            CopyObjectResult { etag: Some(quoted(&content.etag)), ..CopyObjectResult::default() };
        show_checksums!(result, &content.checksums);
        let size = content.size;
        let placed = self
            .commit_copy(&mut request, &conditions, Box::new(content), &stored, wanted_acl.as_ref())
            .await?;
        note_source(&request, source_version.clone(), size)?;
        result.last_modified = Some(placed.modified);
        let mut output = CopyObjectOutput {
            copy_object_result: Some(Box::new(result)),
            copy_source_version_id: source_version,
            version_id: placed.shown.map(|id| id.to_string()),
            server_side_encryption: shown_encryption(customer),
            ..CopyObjectOutput::default()
        };
        confirm_customer!(output, customer);
        Ok(Reply { object_size: Some(size), ..Reply::new(output) })
    }
}

/// Where lists have a say, a source that was written since the decision may be another account's: the client asks again,
/// and is decided on anew.
pub(crate) fn same_source<I>(request: &Authorized<I>, object: &Object) -> Result<(), ErrorReply> {
    let source = request.source()?;
    let (bucket, version) = (source.bucket().id(), source.version_id());
    if request.decided_on(bucket, source.key(), version, object.row_version) {
        Ok(())
    } else {
        Err(error::slow_down())
    }
}

/// The customer's keys that open the source and that seal the copy.
struct Customers {
    source: Option<Arc<Customer>>,
    copy: Option<Arc<Customer>>,
}

/// What was read besides what was written.
fn note_source(
    request: &Authorized<CopyObjectInput>,
    version_id: Option<String>,
    size: u64,
) -> Result<(), ErrorReply> {
    let permit = request.source()?;
    request.note(Effect {
        kind: EffectKind::Read,
        key: Some(permit.key().as_str().to_owned()),
        version_id,
        size: Some(size),
        error_code: None,
        bucket: Some(permit.bucket().name().as_str().to_owned()),
    });
    Ok(())
}

/// A copy onto itself must change something. Source: S3 API Reference, CopyObject.
fn refuse_unchanged(request: &Authorized<CopyObjectInput>) -> Result<(), ErrorReply> {
    let (input, source) = (request.input(), request.source()?);
    let itself = source.bucket().id() == request.bucket()?.id()
        && source.key() == request.key()?
        && source.version_id().is_none();
    let changes = input.metadata_directive == Some(MetadataDirective::Replace)
        || input.storage_class.is_some()
        || input.website_redirect_location.is_some()
        || input.server_side_encryption.is_some()
        || customer_headers!(input).any()
        || source_customer_headers!(input).any()
        || input.checksum_algorithm.is_some();
    if itself && !changes {
        return Err(error::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    Ok(())
}

/// What the copy holds: of the source, or as asked.
fn content(
    input: &CopyObjectInput,
    source: &Content,
    stored: &StoredBlob,
    customer: Option<&Customer>,
) -> Result<Content, ErrorReply> {
    let replace = input.metadata_directive == Some(MetadataDirective::Replace);
    let (headers, metadata) = if replace {
        (kept_headers!(input), metadata::keep(&input.metadata)?)
    } else {
        (source.headers.clone(), source.metadata.clone())
    };
    let tags = match (input.tagging_directive, input.tagging.as_deref()) {
        (Some(TaggingDirective::Replace), Some(header)) => tags::from_header(header)?,
        (Some(TaggingDirective::Replace), None) => Vec::new(),
        (Some(TaggingDirective::Copy) | None, _) => source.tags.clone(),
    };
    Ok(Content {
        size: stored.row.plain_bytes,
        etag: stored.etag(),
        headers,
        metadata,
        // Neither the class nor the redirect of the source is copied.
        storage_class: storage_class(input.storage_class)?,
        tags,
        checksums: stored.checksum_rows(),
        website_redirect: website_redirect(input.website_redirect_location.as_deref())?,
        blob: Some(stored.row.clone()),
        upload: None,
        parts: None,
        encryption: encryption_name(customer),
        customer_proof: None,
        owner: None,
        acl: None,
    })
}

/// The checksums of the copy: the one asked for, else those that the source has.
fn checksums(input: &CopyObjectInput, source: &Content) -> Result<ChecksumSet, ErrorReply> {
    match input.checksum_algorithm {
        Some(algorithm) => {
            let algorithm = ChecksumAlgorithm::from_name(algorithm.as_str()).ok_or_else(unknown_checksum)?;
            Ok(ChecksumSet::EMPTY.with(algorithm))
        }
        None => Ok(source
            .checksums
            .iter()
            .filter_map(|row| ChecksumAlgorithm::from_name(&row.algorithm))
            .collect()),
    }
}

impl S3 {
    /// The object that a permit to read names, for a copy.
    ///
    /// # Errors
    /// `NoSuchKey`, `NoSuchVersion`; `InvalidRequest` for a delete marker by its id; those of a customer's key that it
    /// needs or does not; `PreconditionFailed`.
    async fn copy_source(
        &self,
        permit: &Permit<action::GetObject>,
        conditions: &ReadConditions<'_>,
        customer: Option<&Customer>,
    ) -> Result<Object, ErrorReply> {
        let partition = permit.bucket().partition();
        let found = self.object(partition, permit.key(), permit.version_id(), "GET").await;
        let object = found.map_err(|reply| {
            if reply.code == "MethodNotAllowed" {
                error::invalid_request(
                    "The source of a copy request may not specifically refer to a delete marker by version id.",
                )
            } else {
                // The headers of a delete marker speak of the object asked for, not of a source.
                ErrorReply { headers: Vec::new(), ..reply }
            }
        })?;
        self.check_customer(permit.bucket().id(), permit.key(), &object.content, customer)?;
        match conditions.evaluate(&object.content.etag, object.modified) {
            Outcome::Proceed => Ok(object),
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

    /// Reads the source and seals it for the destination. A source that is replaced meanwhile is read again.
    async fn copy_bytes(
        &self,
        input: &CopyObjectInput,
        permit: &Permit<action::GetObject>,
        to: BucketId,
        to_key: &ObjectKey,
        keys: &Customers,
    ) -> Result<(Object, StoredBlob), ErrorReply> {
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match.as_deref(),
            if_none_match: input.copy_source_if_none_match.as_deref(),
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let (bucket, source) = (permit.bucket(), permit.key());
        for _ in 0..MAX_READ_TRIES {
            let object = self.copy_source(permit, &conditions, keys.source.as_deref()).await?;
            let size = object.content.size;
            if size > MAX_COPY_SOURCE_BYTES {
                return Err(error::invalid_request(format!(
                    "The specified copy source is larger than the maximum allowable size for a copy source: \
                     {MAX_COPY_SOURCE_BYTES}"
                )));
            }
            // What cannot be kept is refused before the bytes are copied.
            metadata::keep(&input.metadata)?;
            let sums = checksums(input, &object.content)?;
            let from = keys.source.as_ref();
            let bytes = match self.open_range(bucket.id(), source, &object.content, 0..size, from).await {
                Ok(bytes) => bytes,
                Err(StoreError::NoSuchBlob(_)) => continue,
                Err(error) => return Err(ErrorReply::from(&error)),
            };
            let sealing = Sealing::new(keys.copy.as_deref(), sums);
            let stored = self.store_copy(to, to_key, bytes, size, &sealing).await?;
            return Ok((object, stored));
        }
        Err(error::slow_down())
    }

    async fn commit_copy(
        &self,
        request: &mut Authorized<CopyObjectInput>,
        conditions: &WriteConditions,
        content: Box<Content>,
        stored: &StoredBlob,
        acl: Option<&WantedAcl>,
    ) -> Result<Placed, ErrorReply> {
        let key = request.key()?.clone();
        self.commit_object(request, &key, conditions, content, stored, (&Origin::Source, acl)).await
    }
}
