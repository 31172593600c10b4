//! DeleteAccessPoint.

use async_trait::async_trait;
use strongroom_api_s3control::{DeleteAccessPointInput, DeleteAccessPointOutput, op};
use strongroom_gate::{
    AccessPointAlias, Authorized, CommitError, ErrorReply, Handle, Mutation, Reply, settled,
};
use strongroom_storage::Partition;

use super::id_of;
use super::limits::MAX_TRIES;
use crate::S3;
use crate::bucket::settings::configured;
use crate::row;

/// All its names are free again with it. Source: S3 Control API Reference, "DeleteAccessPoint".
#[async_trait]
impl Handle<op::DeleteAccessPoint> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeleteAccessPointInput>,
    ) -> Result<Reply<DeleteAccessPointOutput>, ErrorReply> {
        let id = id_of(&request)?;
        for _ in 0..MAX_TRIES {
            let (found, version) = self.access_point(&id).await?;
            let mut mutation = Mutation::new();
            mutation.unchanged(row::access_point(&id), Some(version));
            mutation.delete(row::access_point(&id));
            mutation.delete(row::account_access_point(&id));
            mutation.delete(row::bucket_access_point(found.bucket_id(), &id));
            if let Some(alias) = AccessPointAlias::parse(&found.alias) {
                mutation.delete(row::alias(&alias));
            }
            if let Some(policy) = &found.policy {
                mutation.delete(row::access_point_policy(policy));
            }
            mutation.frees_space();
            mutation.effect(configured());
            if settled(request.commit_in(&*self.store, Partition::Names, mutation).await)? {
                return Ok(Reply::new(DeleteAccessPointOutput {}));
            }
        }
        Err(CommitError::Conflict.reply())
    }
}
