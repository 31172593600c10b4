//! Default encryption: GetBucketEncryption, PutBucketEncryption, DeleteBucketEncryption.

use async_trait::async_trait;
use strongroom_api_s3::{
    DeleteBucketEncryptionInput, DeleteBucketEncryptionOutput, EncryptionType, GetBucketEncryptionInput,
    GetBucketEncryptionOutput, PutBucketEncryptionInput, PutBucketEncryptionOutput, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};

use super::settings::not_built;
use super::{document, settings};
use crate::S3;
use crate::error;

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
        let answer = stored.map_or_else(default, |(stored, _)| stored);
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
        let asked = complete(request.input().server_side_encryption_configuration.clone())?;
        let document = Some(document::encode(&asked));
        self.configure(&mut request, settings::name::ENCRYPTION, document).await?;
        Ok(Reply::new(PutBucketEncryptionOutput {}))
    }
}

/// Back to SSE-S3: no bucket is ever without. Source: S3 API Reference, "DeleteBucketEncryption".
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

/// Checks a configuration and fills in what is understood: exactly one rule, SSE-S3 where none is named.
fn complete(
    mut asked: ServerSideEncryptionConfiguration,
) -> Result<ServerSideEncryptionConfiguration, ErrorReply> {
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
    if let Some(blocked) = &rule.blocked_encryption_types {
        let types = &blocked.encryption_type;
        if types.is_empty() || (types.len() > 1 && types.contains(&EncryptionType::None)) {
            return Err(error::malformed_xml());
        }
    }
    rule.bucket_key_enabled.get_or_insert(false);
    Ok(asked)
}
