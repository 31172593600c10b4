//! GetObjectTagging, PutObjectTagging, DeleteObjectTagging.

use async_trait::async_trait;
use strongroom_api_s3::{
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
    PutObjectTaggingInput, PutObjectTaggingOutput, Tag, op,
};
use strongroom_gate::{Authorized, BucketGrant, ErrorReply, Handle, Mutation, Reply, settled};
use strongroom_record::EffectKind;
use strongroom_storage::{Partition, StoreError};
use strongroom_types::{BucketId, ObjectKey, VersionId};

use super::tags;
use super::versions::effect;
use crate::S3;
use crate::error;
use crate::limits::MAX_COMMIT_TRIES;
use crate::row::{self, Coded as _, Content, StateRow, VersionRow, Versioning};

#[async_trait]
impl Handle<op::GetObjectTagging> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetObjectTaggingInput>,
    ) -> Result<Reply<GetObjectTaggingOutput>, ErrorReply> {
        let (partition, key, asked) =
            (request.bucket()?.partition(), request.key()?, request.target().version_id);
        let object = self.object(partition, key, asked, "GET").await?;
        let version_id = self.shown_version(partition, object.id, asked).await?;
        let shown = version_id.is_some().then_some(object.id);
        request.note(effect(EffectKind::Read, key, shown, None));
        let tag_set = object.content.tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
        Ok(Reply::new(GetObjectTaggingOutput { version_id, tag_set }))
    }
}

#[async_trait]
impl Handle<op::PutObjectTagging> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutObjectTaggingInput>,
    ) -> Result<Reply<PutObjectTaggingOutput>, ErrorReply> {
        let tags = tags::from_document(&request.input().tagging.tag_set)?;
        let version_id = self.set_tags(&mut request, tags, "PUT").await?;
        Ok(Reply::new(PutObjectTaggingOutput { version_id }))
    }
}

#[async_trait]
impl Handle<op::DeleteObjectTagging> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeleteObjectTaggingInput>,
    ) -> Result<Reply<DeleteObjectTaggingOutput>, ErrorReply> {
        let version_id = self.set_tags(&mut request, Vec::new(), "DELETE").await?;
        Ok(Reply::new(DeleteObjectTaggingOutput { version_id }))
    }
}

impl S3 {
    /// The tags of an object, for the gate; `None` if there is no such object.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub async fn object_tags(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: Option<VersionId>,
    ) -> Result<Option<Vec<(String, String)>>, StoreError> {
        match self.object(Partition::Bucket(bucket), key, version, "GET").await {
            Ok(object) => Ok(Some(object.content.tags)),
            Err(reply) if reply.status < 500 => Ok(None),
            Err(reply) => {
                Err(StoreError::Corrupt { what: format!("the tags of an object: {}", reply.message).into() })
            }
        }
    }

    /// Replaces the tags of the object that a request names; gives its version id as answers show it.
    async fn set_tags<I: Send + Sync>(
        &self,
        request: &mut Authorized<I>,
        tags: Vec<(String, String)>,
        method: &'static str,
    ) -> Result<Option<String>, ErrorReply> {
        self.change_content(request, method, |_, _, content| {
            content.tags.clone_from(&tags);
            Ok(())
        })
        .await
    }

    /// Changes what is kept beside the bytes of the object that a request names, which stays the version that it is; gives
    /// its version id as answers show it.
    pub(super) async fn change_content<I: Send + Sync>(
        &self,
        request: &mut Authorized<I>,
        method: &'static str,
        change: impl Fn(&BucketGrant, &StateRow, &mut Content) -> Result<(), ErrorReply> + Send + Sync,
    ) -> Result<Option<String>, ErrorReply> {
        let (key, asked) = (request.key()?.clone(), request.target().version_id);
        let mut turn = None;
        for _ in 0..MAX_COMMIT_TRIES {
            let partition = request.bucket()?.partition();
            let state = self.bucket_state(partition).await?;
            let versioned = state.versioning != Versioning::Off;
            let object = self.decided_object(request, method).await?;
            let shown = (versioned || asked.is_some()).then_some(object.id);
            let place = row::version(&key, object.sequence);
            let mut content = object.content;
            change(request.bucket()?, &state, &mut content)?;
            let row = VersionRow {
                random: match object.id {
                    strongroom_types::VersionId::Null => None,
                    strongroom_types::VersionId::Id(bytes) => bytes.last_chunk().copied(),
                },
                modified_millis: object.modified.as_millis(),
                content: Some(content),
            };
            let mut mutation = Mutation::new();
            mutation.unchanged(place.clone(), Some(object.row_version));
            mutation.put(place, row.encode());
            mutation.effect(effect(EffectKind::Configure, &key, shown, None));
            if settled(request.commit(&*self.store, mutation).await)? {
                return Ok(shown.map(|id| id.to_string()));
            }
            if turn.is_none() {
                turn = self.key_locks.turn(request.bucket()?.id(), &key).await;
            }
        }
        Err(error::operation_aborted())
    }
}
