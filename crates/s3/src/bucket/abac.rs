//! GetBucketAbac, PutBucketAbac: whether access depends on the bucket's tags.
//!
//! While it does, the gate knows them as `aws:ResourceTag/…` and `s3:BucketTag/…`, for the bucket and what lies in it, and they
//! change by S3 Control's TagResource and UntagResource alone.
//!
//! Source: S3 User Guide, "Enabling ABAC in general purpose buckets".

use async_trait::async_trait;
use strongroom_api_s3::{
    AbacStatus, BucketAbacStatus, GetBucketAbacInput, GetBucketAbacOutput, PutBucketAbacInput,
    PutBucketAbacOutput, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};

use crate::S3;
use crate::error;

/// Source: S3 API Reference, "GetBucketAbac".
#[async_trait]
impl Handle<op::GetBucketAbac> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketAbacInput>,
    ) -> Result<Reply<GetBucketAbacOutput>, ErrorReply> {
        let (state, _) = self.state(request.bucket()?.partition()).await?;
        let status = if state.abac { BucketAbacStatus::Enabled } else { BucketAbacStatus::Disabled };
        let abac_status = Some(Box::new(AbacStatus { status: Some(status) }));
        Ok(Reply::new(GetBucketAbacOutput { abac_status }))
    }
}

/// Source: S3 API Reference, "PutBucketAbac".
#[async_trait]
impl Handle<op::PutBucketAbac> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutBucketAbacInput>,
    ) -> Result<Reply<PutBucketAbacOutput>, ErrorReply> {
        let status = request.input().abac_status.status;
        let enabled = status.ok_or_else(error::malformed_xml)? == BucketAbacStatus::Enabled;
        self.change_state(&mut request, |state| {
            state.abac = enabled;
            Ok(())
        })
        .await?;
        Ok(Reply::new(PutBucketAbacOutput {}))
    }
}

/// DEVIATION: AWS says that PutBucketTagging and DeleteBucketTagging no longer work then, and not by which code.
pub(super) fn tags_decide() -> ErrorReply {
    ErrorReply::new(
        400,
        "InvalidRequest",
        "This bucket's tags decide who may reach it (ABAC is enabled). Change them by S3 Control's TagResource and \
         UntagResource.",
    )
}
