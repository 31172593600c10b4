//! Block Public Access of a bucket, and GetBucketPolicyStatus.

use async_trait::async_trait;
use strongroom_api_s3::{
    DeletePublicAccessBlockInput, DeletePublicAccessBlockOutput, GetBucketPolicyInput, GetBucketPolicyOutput,
    GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, GetPublicAccessBlockInput,
    GetPublicAccessBlockOutput, PublicAccessBlockConfiguration, PutPublicAccessBlockInput,
    PutPublicAccessBlockOutput, op,
};
use strongroom_gate::{Authorized, BucketGrant, ErrorReply, Handle, Reply};

use crate::S3;
use crate::error;
use crate::row::PublicAccessBlockRow;

/// Source: S3 API Reference, "GetPublicAccessBlock".
#[async_trait]
impl Handle<op::GetPublicAccessBlock> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetPublicAccessBlockInput>,
    ) -> Result<Reply<GetPublicAccessBlockOutput>, ErrorReply> {
        let bucket = request.bucket()?.clone();
        let (state, _) = self.state(bucket.partition()).await?;
        let Some(block) = state.public_access_block else {
            return Err(error::not_configured(
                "NoSuchPublicAccessBlockConfiguration",
                "The public access block configuration was not found",
                bucket.name(),
            ));
        };
        let public_access_block_configuration = Some(Box::new(PublicAccessBlockConfiguration {
            block_public_acls: Some(block.block_public_acls),
            ignore_public_acls: Some(block.ignore_public_acls),
            block_public_policy: Some(block.block_public_policy),
            restrict_public_buckets: Some(block.restrict_public_buckets),
        }));
        Ok(Reply::new(GetPublicAccessBlockOutput { public_access_block_configuration }))
    }
}

/// Replaces all four settings; those left out are off. Source: S3 API Reference, "PutPublicAccessBlock".
#[async_trait]
impl Handle<op::PutPublicAccessBlock> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutPublicAccessBlockInput>,
    ) -> Result<Reply<PutPublicAccessBlockOutput>, ErrorReply> {
        let asked = &request.input().public_access_block_configuration;
        let block = PublicAccessBlockRow {
            block_public_acls: asked.block_public_acls == Some(true),
            ignore_public_acls: asked.ignore_public_acls == Some(true),
            block_public_policy: asked.block_public_policy == Some(true),
            restrict_public_buckets: asked.restrict_public_buckets == Some(true),
        };
        self.change_state(&mut request, |state| {
            state.public_access_block = Some(block);
            Ok(())
        })
        .await?;
        Ok(Reply::new(PutPublicAccessBlockOutput {}))
    }
}

/// Source: S3 API Reference, "DeletePublicAccessBlock".
#[async_trait]
impl Handle<op::DeletePublicAccessBlock> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeletePublicAccessBlockInput>,
    ) -> Result<Reply<DeletePublicAccessBlockOutput>, ErrorReply> {
        self.change_state(&mut request, |state| {
            state.public_access_block = None;
            Ok(())
        })
        .await?;
        Ok(Reply::new(DeletePublicAccessBlockOutput {}))
    }
}

/// No bucket has a policy yet. Source: S3 API Reference, "GetBucketPolicy".
#[async_trait]
impl Handle<op::GetBucketPolicy> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketPolicyInput>,
    ) -> Result<Reply<GetBucketPolicyOutput>, ErrorReply> {
        Err(no_policy(request.bucket()?))
    }
}

/// No bucket has a policy yet. Source: S3 API Reference, "GetBucketPolicyStatus".
#[async_trait]
impl Handle<op::GetBucketPolicyStatus> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketPolicyStatusInput>,
    ) -> Result<Reply<GetBucketPolicyStatusOutput>, ErrorReply> {
        Err(no_policy(request.bucket()?))
    }
}

fn no_policy(bucket: &BucketGrant) -> ErrorReply {
    error::not_configured("NoSuchBucketPolicy", "The bucket policy does not exist", bucket.name())
}
