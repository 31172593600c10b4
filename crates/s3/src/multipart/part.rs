//! UploadPart, and how a stored blob becomes a part.

use async_trait::async_trait;
use strongroom_api_s3::{ServerSideEncryption, UploadPartInput, UploadPartOutput, op};
use strongroom_gate::{
    Authorized, BodyVerified, CommitError, ErrorReply, Handle, Mutation, Provenance, Reply,
};
use strongroom_record::EffectKind;
use strongroom_types::{ObjectKey, Timestamp};

use super::checksums::{UploadChecksum, show_part_checksums};
use super::limits::MAX_PART_BYTES;
use super::upload::part_number;
use crate::S3;
use crate::error;
use crate::limits::MAX_COMMIT_TRIES;
use crate::object::checksums::quoted;
use crate::object::store_body::StoredBlob;
use crate::object::versions::effect;
use crate::object::write_options::{refuse_customer_key, refuse_unknown_checksums};
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
        refuse_customer_key(
            input.sse_customer_algorithm.is_some()
                || input.sse_customer_key.is_some()
                || input.sse_customer_key_md5.is_some(),
        )?;
        let (bucket, key, id) = (request.bucket()?, request.key()?.clone(), input.upload_id.clone());
        // Found before the body is read, so that none is sent for nothing.
        let upload = self.upload(bucket.partition(), &key, &id).await?;
        let checksum = UploadChecksum::of(&upload.row)?;
        let computed = checksum.of_part(body.wanted())?;
        let (stored, verified) = self.store_upload(bucket.id(), &key, body, computed, MAX_PART_BYTES).await?;
        let part = self.commit_part(&mut request, &key, &id, number, &stored, Some(&verified)).await?;
        let mut output = UploadPartOutput {
            server_side_encryption: Some(ServerSideEncryption::Aes256),
            etag: Some(quoted(&stored.etag())),
            ..UploadPartOutput::default()
        };
        show_part_checksums!(output, &part.checksums);
        Ok(Reply { object_size: Some(stored.row.plain_bytes), ..Reply::new(output) })
    }
}

impl S3 {
    /// Makes a stored blob a part of an upload, in place of one with the same number. Its bytes come from the request's
    /// body (`verified`) or from the source of the copy.
    ///
    /// # Errors
    /// `NoSuchUpload` if the upload has meanwhile been completed or aborted; the gate's refusal; the store's errors.
    pub(super) async fn commit_part<I: Send + Sync>(
        &self,
        request: &mut Authorized<I>,
        key: &ObjectKey,
        id: &str,
        number: u16,
        stored: &StoredBlob,
        verified: Option<&BodyVerified>,
    ) -> Result<PartRow, ErrorReply> {
        let md5 = stored.digests.md5.as_ref().ok_or_else(error::internal)?;
        let mut part = PartRow {
            blob: stored.row.clone(),
            md5: *md5.as_bytes(),
            modified_millis: 0,
            checksums: stored.checksum_rows(),
        };
        for _ in 0..MAX_COMMIT_TRIES {
            if request.bucket()?.id() != stored.bucket {
                return Err(error::no_such_upload(id));
            }
            let partition = request.bucket()?.partition();
            let upload = self.upload(partition, key, id).await?;
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
            match request.commit(&*self.store, mutation).await {
                Ok(_) => return Ok(part),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.reply()),
            }
        }
        Err(error::slow_down())
    }
}

impl PartRow {
    /// Its ETag, without quotes.
    pub(super) fn etag(&self) -> String {
        hex::encode(self.md5)
    }

    /// Last modified.
    pub(super) fn modified(&self) -> Timestamp {
        Timestamp::from_millis(self.modified_millis)
    }
}
