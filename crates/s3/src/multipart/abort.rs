//! AbortMultipartUpload.

use async_trait::async_trait;
use strongroom_api_s3::{AbortMultipartUploadInput, AbortMultipartUploadOutput, op};
use strongroom_gate::{Authorized, ErrorReply, Handle, Mutation, Reply, settled};
use strongroom_record::EffectKind;
use strongroom_types::Timestamp;

use super::upload::{hold, remove};
use crate::S3;
use crate::error;
use crate::limits::MAX_COMMIT_TRIES;
use crate::object::versions::effect;

/// One commit removes the upload and all of its parts: an upload that is being completed or written to meanwhile either
/// comes first, and is aborted whole or found no more, or finds the upload gone.
///
/// Source: S3 API Reference, "AbortMultipartUpload".
#[async_trait]
impl Handle<op::AbortMultipartUpload> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<AbortMultipartUploadInput>,
    ) -> Result<Reply<AbortMultipartUploadOutput>, ErrorReply> {
        let (key, id) = (request.key()?.clone(), request.input().upload_id.clone());
        let initiated = request.input().if_match_initiated_time;
        for _ in 0..MAX_COMMIT_TRIES {
            let partition = request.bucket()?.partition();
            let upload = self.upload(partition, &key, &id).await?;
            check_initiated(initiated, Timestamp::from_millis(upload.row.begun_millis))?;
            let parts = self.all_parts(partition, upload.id).await?;
            let mut mutation = Mutation::new();
            hold(&upload, &parts, &mut mutation);
            remove(&upload, &parts, &mut mutation);
            mutation.frees_space();
            mutation.effect(effect(EffectKind::Configure, &key, None, None));
            if settled(request.commit(&*self.store, mutation).await)? {
                return Ok(Reply::new(AbortMultipartUploadOutput::default()));
            }
        }
        Err(error::slow_down())
    }
}

/// `x-amz-if-match-initiated-time`, which has whole seconds.
fn check_initiated(stated: Option<Timestamp>, begun: Timestamp) -> Result<(), ErrorReply> {
    match stated {
        Some(stated) if stated.truncated_to_seconds() != begun.truncated_to_seconds() => {
            Err(error::precondition_failed("x-amz-if-match-initiated-time"))
        }
        _ => Ok(()),
    }
}
