//! ListTagsForResource, TagResource, UntagResource, for buckets: the same tags as those of PutBucketTagging.

use async_trait::async_trait;
use strongroom_api_s3::{Tag as BucketTag, Tagging};
use strongroom_api_s3control::{
    ListTagsForResourceInput, ListTagsForResourceOutput, Tag, TagResourceInput, TagResourceOutput,
    UntagResourceInput, UntagResourceOutput, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};

use crate::S3;
use crate::bucket::{settings, tagging};

/// A bucket without tags answers an empty list. Source: S3 Control API Reference, "ListTagsForResource".
#[async_trait]
impl Handle<op::ListTagsForResource> for S3 {
    async fn handle(
        &self,
        request: Authorized<ListTagsForResourceInput>,
    ) -> Result<Reply<ListTagsForResourceOutput>, ErrorReply> {
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
        bucket_partition(&request)?;
        let added = request.input().tags.clone();
        tagging::check(added.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))?;
        self.reconfigure(&mut request, settings::name::TAGGING, |stored: Option<Tagging>| {
            let mut tags = stored.unwrap_or_default();
            for Tag { key, value } in &added {
                match tags.tag_set.iter_mut().find(|tag| tag.key == *key) {
                    Some(tag) => tag.value.clone_from(value),
                    None => tags.tag_set.push(BucketTag { key: key.clone(), value: value.clone() }),
                }
            }
            tagging::check(tags.tag_set.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))?;
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
        bucket_partition(&request)?;
        let removed = request.input().tag_keys.clone();
        self.reconfigure(&mut request, settings::name::TAGGING, |stored: Option<Tagging>| {
            let mut tags = stored.unwrap_or_default();
            tags.tag_set.retain(|tag| !removed.contains(&tag.key));
            Ok((!tags.tag_set.is_empty()).then_some(tags))
        })
        .await?;
        Ok(Reply::new(UntagResourceOutput {}))
    }
}

/// The bucket that the ARN names; other resources (access points, Storage Lens groups) are not built.
fn bucket_partition<I>(request: &Authorized<I>) -> Result<strongroom_storage::Partition, ErrorReply> {
    if request.target().bucket.is_none() {
        return Err(ErrorReply::new(
            501,
            "NotImplemented",
            "Only buckets have tags here. Name one by its ARN: arn:aws:s3:::bucket",
        ));
    }
    Ok(request.bucket()?.partition())
}
