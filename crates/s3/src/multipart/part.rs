//! UploadPart, and how a stored blob becomes a part.

use async_trait::async_trait;
use strongroom_api_s3::{UploadPartInput, UploadPartOutput, op};
use strongroom_gate::{Authorized, BodyVerified, ErrorReply, Handle, Mutation, Provenance, Reply, settled};
use strongroom_record::EffectKind;
use strongroom_shape::Input;
use strongroom_types::{ObjectKey, Timestamp};

use super::checksums::{UploadChecksum, show_part_checksums};
use super::limits::MAX_PART_BYTES;
use super::upload::part_number;
use crate::S3;
use crate::error;
use crate::limits::MAX_COMMIT_TRIES;
use crate::object::checksums::quoted;
use crate::object::customer::{confirm_customer, customer_headers, refuse_blocked, shown_encryption};
use crate::object::store_body::{Sealing, StoredBlob};
use crate::object::versions::effect;
use crate::object::write_options::refuse_unknown_checksums;
use crate::row::{self, Coded as _, PartRow};

/// Source: S3 API Reference, "UploadPart".
#[async_trait]
impl Handle<op::UploadPart> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<UploadPartInput>,
    ) -> Result<Reply<UploadPartOutput>, ErrorReply> {
        let body = request.take_body().ok_or_else(error::internal)?;
        let input = request.input();
        let number = part_number(input.part_number)?;
        refuse_unknown_checksums!(input);
        let customer = customer_headers!(input).read(request.request().secure_transport)?;
        let customer = customer.as_deref();
        if customer.is_some() {
            let state = self.bucket_state(request.bucket()?.partition()).await?;
            refuse_blocked(&request, &state)?;
        }
        let (bucket, key, id) = (request.bucket()?, request.key()?.clone(), input.upload_id.clone());
        // Found before the body is read, so that none is sent for nothing.
        let upload = self.upload(bucket.partition(), &key, &id).await?;
        self.check_upload_customer(bucket.id(), &key, (upload.id, &upload.row), customer)?;
        let checksum = UploadChecksum::of(&upload.row)?;
        let sealing = Sealing::new(customer, checksum.of_part(body.wanted())?);
        let (stored, verified) = self.store_upload(bucket.id(), &key, body, sealing, MAX_PART_BYTES).await?;
        let part = self.commit_part(&mut request, &key, &id, number, &stored, Some(&verified)).await?;
        let mut output = UploadPartOutput {
            server_side_encryption: shown_encryption(customer),
            etag: Some(quoted(&stored.etag())),
            ..UploadPartOutput::default()
        };
        confirm_customer!(output, customer);
        show_part_checksums!(output, &part.checksums);
        Ok(Reply { object_size: Some(stored.row.plain_bytes), ..Reply::new(output) })
    }
}

impl S3 {
    /// Makes a stored blob a part of an upload, in place of one with the same number. Its bytes come from the request's
    /// body (`verified`) or from the source of the copy.
    ///
    /// # Errors
    /// `NoSuchUpload` if the upload has meanwhile been completed or aborted; `AccessDenied` for a customer's key to which
    /// the bucket was closed meanwhile; the gate's refusal; the store's errors.
    pub(super) async fn commit_part<I: Input>(
        &self,
        request: &mut Authorized<I>,
        key: &ObjectKey,
        id: &str,
        number: u16,
        stored: &StoredBlob,
        verified: Option<&BodyVerified>,
    ) -> Result<PartRow, ErrorReply> {
        let mut part = PartRow {
            blob: stored.row.clone(),
            etag: stored.etag,
            modified_millis: 0,
            checksums: stored.checksum_rows(),
        };
        for _ in 0..MAX_COMMIT_TRIES {
            if request.bucket()?.id() != stored.bucket {
                return Err(error::no_such_upload(id));
            }
            let partition = request.bucket()?.partition();
            let upload = self.upload(partition, key, id).await?;
            if upload.row.customer_proof.is_some() {
                let state = self.bucket_state(partition).await?;
                refuse_blocked(request, &state)?;
            }
            let place = row::part(upload.id, number);
            let old = self.read::<PartRow>(partition, &place).await?;
            part.modified_millis = self.now().as_millis();
            let mut mutation = Mutation::new();
            mutation.unchanged(upload.place, Some(upload.version));
            mutation.unchanged(place.clone(), old.as_ref().map(|(_, version)| *version));
            if let Some((old, _)) = old {
                mutation.release(old.blob.id());
            }
            mutation.put(place, part.encode());
            match verified {
                Some(verified) => mutation.blob(&stored.staged, &Provenance::Uploaded(verified)),
                None => mutation.blob(&stored.staged, &Provenance::Copied(request.source()?)),
            }
            mutation.effect(effect(EffectKind::Write, key, None, Some(stored.row.plain_bytes)));
            if settled(request.commit(&*self.store, mutation).await)? {
                return Ok(part);
            }
        }
        Err(error::slow_down())
    }
}

impl PartRow {
    /// Its ETag, without quotes.
    pub(super) fn etag(&self) -> String {
        hex::encode(self.etag)
    }

    /// Last modified.
    pub(super) fn modified(&self) -> Timestamp {
        Timestamp::from_millis(self.modified_millis)
    }
}
