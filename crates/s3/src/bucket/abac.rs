//! GetBucketAbac, PutBucketAbac: whether access depends on the bucket's tags.
//!
//! While it does, the gate knows them as `aws:ResourceTag/…` and `s3:BucketTag/…`, for the bucket and what lies in it, and they
//! change by S3 Control's TagResource and UntagResource alone.
//!
//! Source: S3 User Guide, "Enabling ABAC in general purpose buckets".

use async_trait::async_trait;
use strongroom_api_s3::{
    AbacStatus, BucketAbacStatus, GetBucketAbacInput, GetBucketAbacOutput, PutBucketAbacInput,
    PutBucketAbacOutput, Tagging, op,
};
use strongroom_gate::{Authorized, CommitError, ErrorReply, Handle, Mutation, Reply, settled};

use super::limits::MAX_TRIES;
use super::settings::configured;
use super::{settings, tagging};
use crate::S3;
use crate::error;
use crate::row::{self, Coded as _};

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
        self.set_abac(&mut request, enabled).await?;
        Ok(Reply::new(PutBucketAbacOutput {}))
    }
}

impl S3 {
    /// Lets the tags decide, as they are, if they are fit for it; or not any more.
    async fn set_abac(
        &self,
        request: &mut Authorized<PutBucketAbacInput>,
        enabled: bool,
    ) -> Result<(), ErrorReply> {
        for _ in 0..MAX_TRIES {
            let partition = request.bucket()?.partition();
            let (mut state, version) = self.state(partition).await?;
            if state.abac == enabled {
                return Ok(());
            }
            let stored = self.configuration::<Tagging>(partition, settings::name::TAGGING).await?;
            let (tags, tags_version) = stored.unzip();
            if enabled {
                tagging::check_case(tags.iter().flat_map(|tags| &tags.tag_set).map(|tag| tag.key.as_str()))?;
            }
            state.abac = enabled;
            state.generation = state.generation.saturating_add(1);
            let mut mutation = Mutation::new();
            mutation.unchanged(row::STATE, Some(version));
            mutation.unchanged(row::config(settings::name::TAGGING), tags_version);
            mutation.put(row::STATE, state.encode());
            mutation.effect(configured());
            if settled(request.commit(&*self.store, mutation).await)? {
                return Ok(());
            }
        }
        Err(CommitError::Conflict.reply())
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
