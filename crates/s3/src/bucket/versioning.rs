//! GetBucketVersioning, PutBucketVersioning.

use async_trait::async_trait;
use strongroom_api_s3::{
    BucketVersioningStatus, GetBucketVersioningInput, GetBucketVersioningOutput, MfaDelete, MfaDeleteStatus,
    PutBucketVersioningInput, PutBucketVersioningOutput, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};

use crate::S3;
use crate::error;
use crate::row::{self, BucketRow, Versioning};

/// A bucket that never had versioning answers neither member. Source: S3 API Reference, "GetBucketVersioning".
#[async_trait]
impl Handle<op::GetBucketVersioning> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketVersioningInput>,
    ) -> Result<Reply<GetBucketVersioningOutput>, ErrorReply> {
        let (state, _) = self.state(request.bucket()?.partition()).await?;
        let status = match state.versioning {
            Versioning::Off => None,
            Versioning::Enabled => Some(BucketVersioningStatus::Enabled),
            Versioning::Suspended => Some(BucketVersioningStatus::Suspended),
        };
        let mfa_delete = state.mfa_delete.then_some(MfaDeleteStatus::Enabled);
        Ok(Reply::new(GetBucketVersioningOutput { status, mfa_delete }))
    }
}

/// Source: S3 API Reference, "PutBucketVersioning"; S3 User Guide, "Configuring MFA delete" and "Object Lock
/// considerations" (versioning cannot be suspended).
#[async_trait]
impl Handle<op::PutBucketVersioning> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutBucketVersioningInput>,
    ) -> Result<Reply<PutBucketVersioningOutput>, ErrorReply> {
        let asked = &request.input().versioning_configuration;
        let mfa_delete = asked.mfa_delete.map(|mfa_delete| mfa_delete == MfaDelete::Enabled);
        let versioning = match asked.status {
            Some(BucketVersioningStatus::Enabled) => Versioning::Enabled,
            Some(BucketVersioningStatus::Suspended) => Versioning::Suspended,
            None => {
                return Err(ErrorReply::new(
                    400,
                    "IllegalVersioningConfigurationException",
                    "The Versioning element must be specified",
                ));
            }
        };
        let with_code = request.input().mfa.is_some();
        let partition = request.bucket()?.partition();
        let locked = self.read::<BucketRow>(partition, row::BUCKET).await?;
        let locked = locked.ok_or_else(error::internal)?.0.object_lock;
        if locked && versioning == Versioning::Suspended {
            return Err(error::invalid_bucket_state(
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
            ));
        }
        self.change_state(&mut request, |state| {
            let changes_mfa = mfa_delete.is_some_and(|asked| asked != state.mfa_delete);
            if changes_mfa || state.mfa_delete {
                return Err(without_mfa(with_code));
            }
            state.versioning = versioning;
            Ok(())
        })
        .await?;
        Ok(Reply::new(PutBucketVersioningOutput {}))
    }
}

/// MFA devices are not built: no code can be right, so MFA Delete can be neither enabled nor disabled.
fn without_mfa(with_code: bool) -> ErrorReply {
    error::access_denied(if with_code {
        "The MFA device in x-amz-mfa is not known. MFA devices are not implemented, so MFA Delete cannot be changed."
    } else {
        "Mfa Authentication must be used for this request"
    })
}
