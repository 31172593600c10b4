//! ListTagsForResource, TagResource, UntagResource: for buckets, whose tags are those of PutBucketTagging, and for access
//! points.

use async_trait::async_trait;
use strongroom_api_s3::{Tag as BucketTag, Tagging};
use strongroom_api_s3control::{
    ListTagsForResourceInput, ListTagsForResourceOutput, Tag, TagResourceInput, TagResourceOutput,
    UntagResourceInput, UntagResourceOutput, op,
};
use strongroom_gate::{
    AccessPointAddress, AccessPointId, Authorized, CommitError, ErrorReply, Handle, Mutation, Reply, settled,
};
use strongroom_storage::Partition;

use crate::S3;
use crate::bucket::limits::MAX_TRIES;
use crate::bucket::{settings, tagging};
use crate::row::{self, Coded as _, TagRow};

/// A bucket without tags answers an empty list. Source: S3 Control API Reference, "ListTagsForResource".
#[async_trait]
impl Handle<op::ListTagsForResource> for S3 {
    async fn handle(
        &self,
        request: Authorized<ListTagsForResourceInput>,
    ) -> Result<Reply<ListTagsForResourceOutput>, ErrorReply> {
        if let Some(id) = access_point(&request) {
            let (found, _) = self.access_point(&id).await?;
            let tags = found.tags.into_iter().map(|TagRow { key, value }| Tag { key, value }).collect();
            return Ok(Reply::new(ListTagsForResourceOutput { tags: Some(tags) }));
        }
        let partition = bucket_partition(&request)?;
        let stored = self.configuration::<Tagging>(partition, settings::name::TAGGING).await?;
        let tags = stored.map(|(stored, _)| stored.tag_set).unwrap_or_default();
        let tags = tags.into_iter().map(|BucketTag { key, value }| Tag { key, value }).collect();
        Ok(Reply::new(ListTagsForResourceOutput { tags: Some(tags) }))
    }
}

/// Adds tags; those with the same key are replaced. Source: S3 Control API Reference, "TagResource".
#[async_trait]
impl Handle<op::TagResource> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<TagResourceInput>,
    ) -> Result<Reply<TagResourceOutput>, ErrorReply> {
        let added = request.input().tags.clone();
        tagging::check(added.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))?;
        if let Some(id) = access_point(&request) {
            let change = |tags: &mut Vec<TagRow>| {
                for Tag { key, value } in &added {
                    match tags.iter_mut().find(|tag| tag.key == *key) {
                        Some(tag) => tag.value.clone_from(value),
                        None => tags.push(TagRow { key: key.clone(), value: value.clone() }),
                    }
                }
                tagging::check(tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))?;
                tagging::check_case(tags.iter().map(|tag| tag.key.as_str()))
            };
            self.change_access_point_tags(&mut request, &id, change).await?;
            return Ok(Reply::new(TagResourceOutput {}));
        }
        bucket_partition(&request)?;
        self.retag(&mut request, |state, stored| {
            let mut tags = stored.unwrap_or_default();
            for Tag { key, value } in &added {
                match tags.tag_set.iter_mut().find(|tag| tag.key == *key) {
                    Some(tag) => tag.value.clone_from(value),
                    None => tags.tag_set.push(BucketTag { key: key.clone(), value: value.clone() }),
                }
            }
            tagging::check(tags.tag_set.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))?;
            if state.abac {
                tagging::check_case(tags.tag_set.iter().map(|tag| tag.key.as_str()))?;
            }
            Ok((!tags.tag_set.is_empty()).then_some(tags))
        })
        .await?;
        Ok(Reply::new(TagResourceOutput {}))
    }
}

/// Removes tags by key; keys that no tag has are passed over. Source: S3 Control API Reference, "UntagResource".
#[async_trait]
impl Handle<op::UntagResource> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<UntagResourceInput>,
    ) -> Result<Reply<UntagResourceOutput>, ErrorReply> {
        let removed = request.input().tag_keys.clone();
        if let Some(id) = access_point(&request) {
            let change = |tags: &mut Vec<TagRow>| {
                tags.retain(|tag| !removed.contains(&tag.key));
                Ok(())
            };
            self.change_access_point_tags(&mut request, &id, change).await?;
            return Ok(Reply::new(UntagResourceOutput {}));
        }
        bucket_partition(&request)?;
        self.retag(&mut request, |_, stored| {
            let mut tags = stored.unwrap_or_default();
            tags.tag_set.retain(|tag| !removed.contains(&tag.key));
            Ok((!tags.tag_set.is_empty()).then_some(tags))
        })
        .await?;
        Ok(Reply::new(UntagResourceOutput {}))
    }
}

/// The access point that the ARN names.
fn access_point<I>(request: &Authorized<I>) -> Option<AccessPointId> {
    match &request.target().access_point {
        Some(AccessPointAddress::Id(id)) => Some(id.clone()),
        Some(AccessPointAddress::Alias(_)) | None => None,
    }
}

impl S3 {
    async fn change_access_point_tags<I: Send>(
        &self,
        request: &mut Authorized<I>,
        id: &AccessPointId,
        change: impl Fn(&mut Vec<TagRow>) -> Result<(), ErrorReply> + Send,
    ) -> Result<(), ErrorReply> {
        for _ in 0..MAX_TRIES {
            let (mut found, version) = self.access_point(id).await?;
            change(&mut found.tags)?;
            let mut mutation = Mutation::new();
            mutation.unchanged(row::access_point(id), Some(version));
            mutation.put(row::access_point(id), found.encode());
            mutation.effect(settings::configured());
            if settled(request.commit_in(&*self.store, Partition::Names, mutation).await)? {
                return Ok(());
            }
        }
        Err(CommitError::Conflict.reply())
    }
}

/// The bucket that the ARN names; other resources (Storage Lens groups) are not built.
fn bucket_partition<I>(request: &Authorized<I>) -> Result<Partition, ErrorReply> {
    if request.target().bucket.is_none() {
        return Err(ErrorReply::new(
            501,
            "NotImplemented",
            "Only buckets and access points have tags here. Name one by its ARN, as in arn:aws:s3:::bucket",
        ));
    }
    Ok(request.bucket()?.partition())
}
