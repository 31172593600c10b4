//! PutObject.

use async_trait::async_trait;
use strongroom_api_s3::{PutObjectInput, PutObjectOutput, op};
use strongroom_crypto::{ChecksumAlgorithm, ChecksumSet};
use strongroom_gate::{Authorized, BodyVerified, ErrorReply, Handle, Mutation, Provenance, Reply, settled};
use strongroom_record::EffectKind;
use strongroom_shape::Input;
use strongroom_types::{BucketId, ObjectKey};

use super::checksums::{quoted, show_checksums};
use super::conditions::WriteConditions;
use super::customer::{
    confirm_customer, customer_headers, encryption_name, refuse_blocked, shown_encryption,
};
use super::store_body::{Sealing, StoredBlob};
use super::versions::{NewVersion, Placed, Unplanned, effect};
use super::write_options::{
    asked, asked_acl, kept_headers, refuse_unknown_checksums, storage_class, unknown_checksum,
    website_redirect,
};
use super::{metadata, tags};
use crate::S3;
use crate::acl::WantedAcl;
use crate::error;
use crate::limits::{MAX_COMMIT_TRIES, MAX_PUT_BYTES};
use crate::row::Content;

#[async_trait]
impl Handle<op::PutObject> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutObjectInput>,
    ) -> Result<Reply<PutObjectOutput>, ErrorReply> {
        let body = request.take_body().ok_or_else(error::internal)?;
        let asked_acl = asked_acl!(request.input())?;
        let wanted_acl = self.wanted_acl(&mut request, asked_acl).await?;
        let input = request.input();
        self.check_asked(request.bucket()?, asked!(input)).await?;
        let customer = customer_headers!(input).read(request.request().secure_transport)?;
        let customer = customer.as_deref();
        if customer.is_some() {
            let state = self.bucket_state(request.bucket()?.partition()).await?;
            refuse_blocked(&request, &state)?;
        }
        refuse_unknown_checksums!(input);
        check_algorithm(input.checksum_algorithm, body.wanted().iter().next())?;
        if input.write_offset_bytes.is_some() {
            let message = "A header you provided implies functionality that is not implemented";
            return Err(error::not_implemented("x-amz-write-offset-bytes", message));
        }
        let conditions = WriteConditions::parse(input.if_match.as_deref(), input.if_none_match.as_deref())?;
        let mut content = Content {
            size: 0,
            etag: String::new(),
            headers: kept_headers!(input),
            metadata: metadata::keep(&input.metadata)?,
            storage_class: storage_class(input.storage_class)?,
            tags: input.tagging.as_deref().map_or(Ok(Vec::new()), tags::from_header)?,
            checksums: Vec::new(),
            website_redirect: website_redirect(input.website_redirect_location.as_deref())?,
            blob: None,
            upload: None,
            parts: None,
            encryption: encryption_name(customer),
            customer_proof: None,
            owner: None,
            acl: None,
        };
        let (bucket, key) = (request.bucket()?.id(), request.key()?.clone());
        if conditions.any() {
            // So that a body which cannot be taken is not sent for nothing; what counts is the look at commit.
            let current = self.current_row(request.bucket()?.partition(), &key).await?;
            conditions.check(&key, &current)?;
        }
        let sealing = Sealing::new(customer, ChecksumSet::EMPTY);
        let (stored, verified) = self.store_upload(bucket, &key, body, sealing, MAX_PUT_BYTES).await?;
        content.size = stored.row.plain_bytes;
        content.etag = stored.etag();
        content.checksums = stored.checksum_rows();
        content.blob = Some(stored.row.clone());
        let mut output = PutObjectOutput {
            etag: Some(quoted(&content.etag)),
            server_side_encryption: shown_encryption(customer),
            ..PutObjectOutput::default()
        };
        confirm_customer!(output, customer);
        show_checksums!(output, &content.checksums);
        let size = content.size;
        let placed = self
            .commit_object(
                &mut request,
                &key,
                &conditions,
                Box::new(content),
                &stored,
                (&Origin::Upload(&verified), wanted_acl.as_ref()),
            )
            .await?;
        output.version_id = placed.shown.map(|id| id.to_string());
        Ok(Reply { object_size: Some(size), ..Reply::new(output) })
    }
}

/// `x-amz-sdk-checksum-algorithm` announces a checksum in a header or trailer.
fn check_algorithm(
    announced: Option<strongroom_api_s3::ChecksumAlgorithm>,
    given: Option<ChecksumAlgorithm>,
) -> Result<(), ErrorReply> {
    let Some(announced) = announced else { return Ok(()) };
    let Some(algorithm) = ChecksumAlgorithm::from_name(announced.as_str()) else {
        return Err(unknown_checksum());
    };
    match given {
        None => Err(error::invalid_request(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer \
             headers were found.",
        )),
        Some(given) if given != algorithm => {
            Err(error::invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid."))
        }
        Some(_) => Ok(()),
    }
}

/// Where the bytes of a blob come from.
pub(crate) enum Origin<'a> {
    /// The request's body.
    Upload(&'a BodyVerified),
    /// The source that the request may read.
    Source,
}

/// The blob is sealed for one incarnation of the bucket; in another it could not be opened.
pub(crate) fn same_bucket<I>(request: &Authorized<I>, sealed_for: BucketId) -> Result<(), ErrorReply> {
    if request.bucket()?.id() == sealed_for { Ok(()) } else { Err(error::operation_aborted()) }
}

impl S3 {
    /// Makes a stored blob the key's newest version, with the access control list `acl`. Tried again while others change
    /// the key.
    ///
    /// # Errors
    /// A condition that does not hold, then or now; a list that the bucket does not take any more; `AccessDenied` for a customer's key to which the bucket was closed
    /// meanwhile; the gate's refusal; the store's errors.
    pub(crate) async fn commit_object<I: Input>(
        &self,
        request: &mut Authorized<I>,
        key: &ObjectKey,
        conditions: &WriteConditions,
        content: Box<Content>,
        stored: &StoredBlob,
        (origin, acl): (&Origin<'_>, Option<&WantedAcl>),
    ) -> Result<Placed, ErrorReply> {
        let (size, of_customer) = (content.size, content.is_of_customer());
        let mut new = NewVersion {
            sequence: None,
            random: self.random(),
            modified: self.now(),
            content: Some(content),
        };
        let mut turn = None;
        for _ in 0..MAX_COMMIT_TRIES {
            same_bucket(request, stored.bucket)?;
            let partition = request.bucket()?.partition();
            let state = self.bucket_state(partition).await?;
            if of_customer {
                refuse_blocked(request, &state)?;
            }
            let (bucket, caller) = (request.bucket()?, request.caller());
            let rights = self.object_rights((bucket, key), caller, acl, &state).await?;
            if let Some(content) = &mut new.content {
                (content.owner, content.acl) = (rights.owner, rights.acl);
            }
            let current = self.current_row(partition, key).await?;
            conditions.check(key, &current)?;
            new.modified = self.now();
            let mut mutation = Mutation::new();
            match self.plan_write(partition, key, &state, &current, &new, &mut mutation).await {
                Ok(placed) => {
                    match origin {
                        Origin::Upload(verified) => {
                            mutation.blob(&stored.staged, &Provenance::Uploaded(verified));
                        }
                        Origin::Source => {
                            mutation.blob(&stored.staged, &Provenance::Copied(request.source()?));
                        }
                    }
                    mutation.effect(effect(EffectKind::Write, key, placed.shown, Some(size)));
                    if settled(request.commit(&*self.store, mutation).await)? {
                        return Ok(placed);
                    }
                }
                Err(Unplanned::Stale) => {}
                Err(Unplanned::Answer(reply)) => return Err(*reply),
            }
            if turn.is_none() {
                turn = self.key_locks.turn(stored.bucket, key).await;
            }
        }
        Err(conditions.gave_up(key))
    }
}
