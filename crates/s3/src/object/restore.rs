//! RestoreObject: every object can be read as it is, so there is nothing to restore.

use async_trait::async_trait;
use strongroom_api_s3::{RestoreObjectInput, RestoreObjectOutput, op};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};

use crate::S3;
use crate::error;

#[async_trait]
impl Handle<op::RestoreObject> for S3 {
    async fn handle(
        &self,
        request: Authorized<RestoreObjectInput>,
    ) -> Result<Reply<RestoreObjectOutput>, ErrorReply> {
        let (bucket, key) = (request.bucket()?, request.key()?);
        let object = self.object(bucket.partition(), key, request.target().version_id, "POST").await?;
        let class = object.content.storage_class.as_deref().unwrap_or("STANDARD");
        Err(error::invalid_object_state("Restore is not allowed for the object's current storage class")
            .member("StorageClass", class))
    }
}
