//! Object Ownership: GetBucketOwnershipControls, PutBucketOwnershipControls, DeleteBucketOwnershipControls.

use async_trait::async_trait;
use strongroom_api_s3::{
    DeleteBucketOwnershipControlsInput, DeleteBucketOwnershipControlsOutput, GetBucketOwnershipControlsInput,
    GetBucketOwnershipControlsOutput, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    PutBucketOwnershipControlsInput, PutBucketOwnershipControlsOutput, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};

use super::acl::stored;
use crate::S3;
use crate::acl::invalid_acl_with_ownership;
use crate::error;

/// Source: S3 API Reference, "GetBucketOwnershipControls".
#[async_trait]
impl Handle<op::GetBucketOwnershipControls> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketOwnershipControlsInput>,
    ) -> Result<Reply<GetBucketOwnershipControlsOutput>, ErrorReply> {
        let bucket = request.bucket()?.clone();
        let (state, _) = self.state(bucket.partition()).await?;
        let Some(ownership) = state.ownership else {
            return Err(error::not_configured(
                "OwnershipControlsNotFoundError",
                "The bucket ownership controls were not found",
                bucket.name(),
            ));
        };
        let object_ownership = Some(ObjectOwnership::parse(&ownership).ok_or_else(error::internal)?);
        let rules = vec![OwnershipControlsRule { object_ownership }];
        let ownership_controls = Some(Box::new(OwnershipControls { rules }));
        Ok(Reply::new(GetBucketOwnershipControlsOutput { ownership_controls }))
    }
}

/// Exactly one rule, as the schema's users know it. Lists are disabled only once the bucket's own gives nobody else
/// anything.
///
/// Source: S3 API Reference, "PutBucketOwnershipControls"; S3 User Guide, "Setting Object Ownership on an existing bucket".
#[async_trait]
impl Handle<op::PutBucketOwnershipControls> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutBucketOwnershipControlsInput>,
    ) -> Result<Reply<PutBucketOwnershipControlsOutput>, ErrorReply> {
        let [OwnershipControlsRule { object_ownership: Some(ownership) }] =
            request.input().ownership_controls.rules.as_slice()
        else {
            return Err(error::malformed_xml());
        };
        let ownership = *ownership;
        let bucket = request.bucket()?.clone();
        self.change_state(&mut request, |state| {
            let enforced = ownership == ObjectOwnership::BucketOwnerEnforced;
            if enforced && stored(state, &bucket).grants_others(bucket.owner_canonical()) {
                return Err(invalid_acl_with_ownership());
            }
            state.ownership = Some(ownership.as_str().to_owned());
            Ok(())
        })
        .await?;
        Ok(Reply::new(PutBucketOwnershipControlsOutput {}))
    }
}

/// Source: S3 API Reference, "DeleteBucketOwnershipControls".
#[async_trait]
impl Handle<op::DeleteBucketOwnershipControls> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeleteBucketOwnershipControlsInput>,
    ) -> Result<Reply<DeleteBucketOwnershipControlsOutput>, ErrorReply> {
        self.change_state(&mut request, |state| {
            state.ownership = None;
            Ok(())
        })
        .await?;
        Ok(Reply::new(DeleteBucketOwnershipControlsOutput {}))
    }
}
