//! Retention and legal hold of objects: not built yet, and said so the way S3 says that there is none.

use async_trait::async_trait;
use strongroom_api_s3::{
    GetObjectLegalHoldInput, GetObjectLegalHoldOutput, GetObjectRetentionInput, GetObjectRetentionOutput,
    PutObjectLegalHoldInput, PutObjectLegalHoldOutput, PutObjectRetentionInput, PutObjectRetentionOutput, op,
};
use strongroom_gate::{Authorized, BucketGrant, ErrorReply, Handle, Reply};
use strongroom_types::{ObjectKey, VersionId};

use crate::S3;
use crate::error;

impl S3 {
    /// Why there is no lock to show: the bucket has none, or this object has none.
    async fn no_lock(
        &self,
        bucket: &BucketGrant,
        key: &ObjectKey,
        version_id: Option<VersionId>,
    ) -> Result<ErrorReply, ErrorReply> {
        if !self.has_object_lock(bucket).await? {
            return Ok(error::bucket_has_no_object_lock());
        }
        self.object(bucket.partition(), key, version_id, "GET").await?;
        let message = "The specified object does not have a ObjectLock configuration";
        Ok(ErrorReply::new(404, "NoSuchObjectLockConfiguration", message).member("Key", key.as_str()))
    }
}

#[async_trait]
impl Handle<op::GetObjectRetention> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetObjectRetentionInput>,
    ) -> Result<Reply<GetObjectRetentionOutput>, ErrorReply> {
        Err(self.no_lock(request.bucket()?, request.key()?, request.target().version_id).await?)
    }
}

#[async_trait]
impl Handle<op::GetObjectLegalHold> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetObjectLegalHoldInput>,
    ) -> Result<Reply<GetObjectLegalHoldOutput>, ErrorReply> {
        Err(self.no_lock(request.bucket()?, request.key()?, request.target().version_id).await?)
    }
}

#[async_trait]
impl Handle<op::PutObjectRetention> for S3 {
    async fn handle(
        &self,
        request: Authorized<PutObjectRetentionInput>,
    ) -> Result<Reply<PutObjectRetentionOutput>, ErrorReply> {
        Err(self.refuse_lock(request.bucket()?, "retention").await?)
    }
}

#[async_trait]
impl Handle<op::PutObjectLegalHold> for S3 {
    async fn handle(
        &self,
        request: Authorized<PutObjectLegalHoldInput>,
    ) -> Result<Reply<PutObjectLegalHoldOutput>, ErrorReply> {
        Err(self.refuse_lock(request.bucket()?, "legal-hold").await?)
    }
}
