//! Default encryption: GetBucketEncryption, PutBucketEncryption, DeleteBucketEncryption; and whether a bucket takes
//! objects under customers' keys (SSE-C), which is part of the same document.
//!
//! The document is kept without `BlockedEncryptionTypes`: what these say stands in the bucket's state, which each commit of
//! a write relies on, so that no upload that is under way slips in after the bucket was closed.

use async_trait::async_trait;
use strongroom_api_s3::{
    BlockedEncryptionTypes, DeleteBucketEncryptionInput, DeleteBucketEncryptionOutput, EncryptionType,
    GetBucketEncryptionInput, GetBucketEncryptionOutput, PutBucketEncryptionInput, PutBucketEncryptionOutput,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule, op,
};
use strongroom_gate::{Authorized, CommitError, ErrorReply, Handle, Mutation, Reply, settled};
use strongroom_storage::Partition;

use super::limits::MAX_TRIES;
use super::settings::{configured, not_built};
use super::{document, settings};
use crate::S3;
use crate::error;
use crate::row::{self, Coded as _};

/// What a bucket does of which nothing was asked: SSE-S3. Source: S3 User Guide, "Setting default server-side
/// encryption behavior for Amazon S3 buckets".
fn default() -> ServerSideEncryptionConfiguration {
    let by_default = ServerSideEncryptionByDefault {
        sse_algorithm: Some(ServerSideEncryption::Aes256),
        kms_master_key_id: None,
    };
    ServerSideEncryptionConfiguration {
        rules: vec![ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(Box::new(by_default)),
            bucket_key_enabled: Some(false),
            blocked_encryption_types: None,
        }],
    }
}

/// Source: S3 API Reference, "GetBucketEncryption".
#[async_trait]
impl Handle<op::GetBucketEncryption> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketEncryptionInput>,
    ) -> Result<Reply<GetBucketEncryptionOutput>, ErrorReply> {
        let partition = request.bucket()?.partition();
        let stored = self
            .configuration::<ServerSideEncryptionConfiguration>(partition, settings::name::ENCRYPTION)
            .await?;
        let mut answer = stored.map_or_else(default, |(stored, _)| stored);
        let (state, _) = self.state(partition).await?;
        let blocked = if state.customer_keys_allowed { EncryptionType::None } else { EncryptionType::SseC };
        for rule in &mut answer.rules {
            let encryption_type = vec![blocked];
            rule.blocked_encryption_types = Some(Box::new(BlockedEncryptionTypes { encryption_type }));
        }
        Ok(Reply::new(GetBucketEncryptionOutput {
            server_side_encryption_configuration: Some(Box::new(answer)),
        }))
    }
}

/// Source: S3 API Reference, "PutBucketEncryption".
#[async_trait]
impl Handle<op::PutBucketEncryption> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutBucketEncryptionInput>,
    ) -> Result<Reply<PutBucketEncryptionOutput>, ErrorReply> {
        let (asked, allowed) = complete(request.input().server_side_encryption_configuration.clone())?;
        let document = document::encode(&asked);
        for _ in 0..MAX_TRIES {
            let partition = request.bucket()?.partition();
            let mutation = self.plan_encryption(partition, document.clone(), allowed).await?;
            if settled(request.commit(&*self.store, mutation).await)? {
                return Ok(Reply::new(PutBucketEncryptionOutput {}));
            }
        }
        Err(CommitError::Conflict.reply())
    }
}

impl S3 {
    /// The change of a bucket's document, and of its state where that changes. `allowed`: whether customers' keys are to be
    /// taken; as before where nothing is said of it.
    async fn plan_encryption(
        &self,
        partition: Partition,
        document: Vec<u8>,
        allowed: Option<bool>,
    ) -> Result<Mutation, ErrorReply> {
        let (mut state, version) = self.state(partition).await?;
        let mut mutation = Mutation::new();
        mutation.put(row::config(settings::name::ENCRYPTION), document);
        if let Some(allowed) = allowed.filter(|allowed| *allowed != state.customer_keys_allowed) {
            state.customer_keys_allowed = allowed;
            state.generation = state.generation.saturating_add(1);
            mutation.unchanged(row::STATE, Some(version));
            mutation.put(row::STATE, state.encode());
        }
        mutation.effect(configured());
        Ok(mutation)
    }
}

/// Back to SSE-S3: no bucket is ever without. Whether it takes customers' keys stays as it is, which the documentation
/// leaves open: a bucket that was opened for them on purpose is not closed by the way, nor the reverse.
///
/// Source: S3 API Reference, "DeleteBucketEncryption".
#[async_trait]
impl Handle<op::DeleteBucketEncryption> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeleteBucketEncryptionInput>,
    ) -> Result<Reply<DeleteBucketEncryptionOutput>, ErrorReply> {
        self.configure(&mut request, settings::name::ENCRYPTION, None).await?;
        Ok(Reply::new(DeleteBucketEncryptionOutput {}))
    }
}

/// Checks a configuration and fills in what is understood: exactly one rule, SSE-S3 where none is named. Takes out whether
/// customers' keys are allowed, where it says so.
fn complete(
    mut asked: ServerSideEncryptionConfiguration,
) -> Result<(ServerSideEncryptionConfiguration, Option<bool>), ErrorReply> {
    let [rule] = asked.rules.as_mut_slice() else { return Err(error::malformed_xml()) };
    if rule.apply_server_side_encryption_by_default.is_none() && rule.blocked_encryption_types.is_none() {
        return Err(error::malformed_xml());
    }
    let by_default = rule.apply_server_side_encryption_by_default.get_or_insert_with(|| {
        Box::new(ServerSideEncryptionByDefault {
            sse_algorithm: Some(ServerSideEncryption::Aes256),
            kms_master_key_id: None,
        })
    });
    match by_default.sse_algorithm {
        Some(ServerSideEncryption::Aes256) => {}
        Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse) => {
            return Err(not_built(
                "Server-side encryption with KMS keys is not implemented. Use SSEAlgorithm AES256.",
            ));
        }
        Some(other @ (ServerSideEncryption::AwsFsx | ServerSideEncryption::AwsBackup)) => {
            return Err(error::invalid_argument(
                "SSEAlgorithm",
                other.as_str(),
                "The encryption method cannot be the default of a bucket",
            ));
        }
        None => return Err(error::malformed_xml()),
    }
    if let Some(key) = &by_default.kms_master_key_id {
        return Err(error::invalid_argument(
            "ApplyServerSideEncryptionByDefault",
            key.as_str(),
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
        ));
    }
    let allowed = match rule.blocked_encryption_types.take() {
        None => None,
        Some(blocked) => match blocked.encryption_type.as_slice() {
            [EncryptionType::None] => Some(true),
            [EncryptionType::SseC] => Some(false),
            _ => return Err(error::malformed_xml()),
        },
    };
    rule.bucket_key_enabled.get_or_insert(false);
    Ok((asked, allowed))
}
