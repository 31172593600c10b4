//! Block Public Access of a bucket.

use async_trait::async_trait;
use strongroom_api_s3::{
    DeletePublicAccessBlockInput, DeletePublicAccessBlockOutput, GetPublicAccessBlockInput,
    GetPublicAccessBlockOutput, PutPublicAccessBlockInput, PutPublicAccessBlockOutput, op,
};
use strongroom_gate::{Authorized, BucketGrant, ErrorReply, Handle, PublicAccessBlock, Reply};

use crate::S3;
use crate::control::AccountBlockRow;
use crate::error;
use crate::row::PublicAccessBlockRow;

/// A row's four settings as the configuration of an API, and back: S3 and S3 Control have a structure each, alike in
/// everything but its type.
macro_rules! settings_of {
    ($configuration:ty) => {
        impl From<PublicAccessBlockRow> for $configuration {
            fn from(block: PublicAccessBlockRow) -> Self {
                Self {
                    block_public_acls: Some(block.block_public_acls),
                    ignore_public_acls: Some(block.ignore_public_acls),
                    block_public_policy: Some(block.block_public_policy),
                    restrict_public_buckets: Some(block.restrict_public_buckets),
                }
            }
        }

        /// Settings that are left out are off.
        impl From<&$configuration> for PublicAccessBlockRow {
            fn from(asked: &$configuration) -> Self {
                Self {
                    block_public_acls: asked.block_public_acls == Some(true),
                    ignore_public_acls: asked.ignore_public_acls == Some(true),
                    block_public_policy: asked.block_public_policy == Some(true),
                    restrict_public_buckets: asked.restrict_public_buckets == Some(true),
                }
            }
        }
    };
}

settings_of!(strongroom_api_s3::PublicAccessBlockConfiguration);
settings_of!(strongroom_api_s3control::PublicAccessBlockConfiguration);

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
        let public_access_block_configuration = Some(Box::new(block.into()));
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
        let block = PublicAccessBlockRow::from(&request.input().public_access_block_configuration);
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

impl From<PublicAccessBlockRow> for PublicAccessBlock {
    fn from(row: PublicAccessBlockRow) -> Self {
        Self {
            block_public_acls: row.block_public_acls,
            ignore_public_acls: row.ignore_public_acls,
            block_public_policy: row.block_public_policy,
            restrict_public_buckets: row.restrict_public_buckets,
        }
    }
}

impl From<PublicAccessBlock> for PublicAccessBlockRow {
    fn from(block: PublicAccessBlock) -> Self {
        Self {
            block_public_acls: block.block_public_acls,
            ignore_public_acls: block.ignore_public_acls,
            block_public_policy: block.block_public_policy,
            restrict_public_buckets: block.restrict_public_buckets,
        }
    }
}

impl S3 {
    /// Block Public Access in effect for a bucket: its own, its account's, and what the organisation sets.
    pub(crate) async fn effective_block(
        &self,
        bucket: &BucketGrant,
    ) -> Result<PublicAccessBlock, ErrorReply> {
        let (state, _) = self.state(bucket.partition()).await?;
        let account = self.directory.account_block(bucket.owner()).await;
        let account = account.map_err(|error| ErrorReply::from(&error))?;
        Ok(effective(state.public_access_block, account).and(bucket.organization_block()))
    }
}

/// What is in effect where bucket and account are set so.
pub(crate) fn effective(bucket: Option<PublicAccessBlockRow>, account: AccountBlockRow) -> PublicAccessBlock {
    let set = |row: Option<PublicAccessBlockRow>| row.map(PublicAccessBlock::from).unwrap_or_default();
    set(bucket).and(set(account.block))
}
