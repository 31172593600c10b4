//! CreateMultipartUpload.

use async_trait::async_trait;
use strongroom_api_s3::{CreateMultipartUploadInput, CreateMultipartUploadOutput, op};
use strongroom_gate::{Authorized, Caller, CommitError, ErrorReply, Handle, Mutation, Reply};
use strongroom_record::EffectKind;
use strongroom_storage::{Direction, Partition};
use strongroom_types::ObjectKey;

use super::checksums::UploadChecksum;
use super::upload::upload_id;
use crate::S3;
use crate::error;
use crate::limits::MAX_COMMIT_TRIES;
use crate::object::customer::{confirm_customer, customer_headers, refuse_blocked, shown_encryption};
use crate::object::versions::effect;
use crate::object::write_options::{asked, asked_acl, kept_headers, storage_class, website_redirect};
use crate::object::{metadata, tags};
use crate::row::{self, Coded as _, ObjectSequence, UploadIndexRow, UploadRow};

/// Source: S3 API Reference, "CreateMultipartUpload".
#[async_trait]
impl Handle<op::CreateMultipartUpload> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<CreateMultipartUploadInput>,
    ) -> Result<Reply<CreateMultipartUploadOutput>, ErrorReply> {
        let asked_acl = asked_acl!(request.input())?;
        let wanted_acl = self.wanted_acl(&mut request, asked_acl).await?;
        let input = request.input();
        self.check_asked(request.bucket()?, asked!(input)).await?;
        let customer = customer_headers!(input).read(request.request().secure_transport)?;
        let customer = customer.as_deref();
        let checksum = UploadChecksum::asked_for(input.checksum_algorithm, input.checksum_type)?;
        let kept = |text: &str| checksum.asked.then(|| text.to_owned());
        let mut row = UploadRow {
            begun_millis: 0,
            headers: kept_headers!(input),
            metadata: metadata::keep(&input.metadata)?,
            storage_class: storage_class(input.storage_class)?,
            tags: input.tagging.as_deref().map_or(Ok(Vec::new()), tags::from_header)?,
            website_redirect: website_redirect(input.website_redirect_location.as_deref())?,
            checksum_algorithm: kept(checksum.algorithm.as_str()),
            checksum_type: kept(checksum.kind.as_str()),
            random: self.random(),
            initiator: initiator(request.caller()),
            customer_proof: None,
            owner: None,
            acl: None,
        };
        let key = request.key()?.clone();
        for _ in 0..MAX_COMMIT_TRIES {
            let state = self.bucket_state(request.bucket()?.partition()).await?;
            if customer.is_some() {
                refuse_blocked(&request, &state)?;
            }
            let (bucket, caller) = (request.bucket()?, request.caller());
            let rights = self.object_rights((bucket, &key), caller, wanted_acl.as_ref(), &state).await?;
            (row.owner, row.acl) = (rights.owner, rights.acl);
            let newest = self.newest_sequence(request.bucket()?.partition(), &key).await?;
            let now = self.now();
            let begun = ObjectSequence::next(now, newest);
            let id = upload_id(begun, self.random());
            row.begun_millis = now.as_millis();
            if let Some(customer) = customer {
                row.customer_proof = Some(self.customer_proof(request.bucket()?.id(), &key, id, customer)?);
            }
            let index = UploadIndexRow {
                key: key.as_str().to_owned(),
                begun,
                completed_etag: None,
                completed_as: None,
            };
            let mut mutation = Mutation::new();
            mutation.unchanged(row::index(id), None);
            mutation.put(row::upload(&key, begun, id), row.encode());
            mutation.put(row::index(id), index.encode());
            mutation.effect(effect(EffectKind::Configure, &key, None, None));
            match request.commit(&*self.store, mutation).await {
                Ok(_) => {}
                Err(CommitError::Conflict) => continue,
                Err(error) => return Err(error.reply()),
            }
            let mut output = CreateMultipartUploadOutput {
                bucket: Some(request.bucket()?.name().to_string()),
                key: Some(key.to_string()),
                upload_id: Some(id.to_string()),
                server_side_encryption: shown_encryption(customer),
                checksum_algorithm: row
                    .checksum_algorithm
                    .as_deref()
                    .and_then(strongroom_api_s3::ChecksumAlgorithm::parse),
                checksum_type: row.checksum_type.as_deref().and_then(strongroom_api_s3::ChecksumType::parse),
                ..CreateMultipartUploadOutput::default()
            };
            confirm_customer!(output, customer);
            return Ok(Reply::new(output));
        }
        Err(error::slow_down())
    }
}

/// Who began an upload: ARN and canonical user id.
fn initiator(caller: &Caller) -> (String, String) {
    let arn = caller.arn().map(|arn| arn.to_string()).unwrap_or_default();
    (arn, caller.canonical().map(|id| id.to_string()).unwrap_or_default())
}

impl S3 {
    /// The sequence of a key's newest version.
    async fn newest_sequence(
        &self,
        partition: Partition,
        key: &ObjectKey,
    ) -> Result<Option<ObjectSequence>, ErrorReply> {
        let scan = self.store.scan(partition, row::versions_of(key), 1, Direction::Forward);
        let newest = scan.await.map_err(|error| ErrorReply::from(&error))?.pop();
        Ok(newest.and_then(|entry| row::version_key_parts(&entry.key)).map(|(_, sequence)| sequence))
    }
}
