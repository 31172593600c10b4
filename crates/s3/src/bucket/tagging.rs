//! GetBucketTagging, PutBucketTagging, DeleteBucketTagging; and the rules of bucket tags, which S3 Control shares.

use std::collections::HashSet;

use async_trait::async_trait;
use strongroom_api_s3::{
    DeleteBucketTaggingInput, DeleteBucketTaggingOutput, GetBucketTaggingInput, GetBucketTaggingOutput,
    PutBucketTaggingInput, PutBucketTaggingOutput, Tagging, op,
};
use strongroom_gate::{Authorized, CommitError, ErrorReply, Handle, Mutation, Reply, settled};

use super::abac::tags_decide;
use super::limits::{MAX_BUCKET_TAGS, MAX_TAG_KEY_CHARS, MAX_TAG_VALUE_CHARS, MAX_TRIES};
use super::settings::configured;
use super::{document, settings};
use crate::S3;
use crate::error;
use crate::row::{self, Coded as _, StateRow};

/// Source: S3 API Reference, "GetBucketTagging".
#[async_trait]
impl Handle<op::GetBucketTagging> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketTaggingInput>,
    ) -> Result<Reply<GetBucketTaggingOutput>, ErrorReply> {
        let bucket = request.bucket()?.clone();
        let tags = self.configuration::<Tagging>(bucket.partition(), settings::name::TAGGING).await?;
        match tags {
            Some((tags, _)) => Ok(Reply::new(GetBucketTaggingOutput { tag_set: tags.tag_set })),
            None => Err(error::not_configured("NoSuchTagSet", "The TagSet does not exist", bucket.name())),
        }
    }
}

/// Replaces all tags; an empty set removes them. Not where ABAC is enabled. Source: S3 API Reference, "PutBucketTagging".
#[async_trait]
impl Handle<op::PutBucketTagging> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutBucketTaggingInput>,
    ) -> Result<Reply<PutBucketTaggingOutput>, ErrorReply> {
        let tags = request.input().tagging.clone();
        check(tags.tag_set.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))?;
        self.replace_tags(&mut request, (!tags.tag_set.is_empty()).then_some(tags)).await?;
        Ok(Reply::new(PutBucketTaggingOutput {}))
    }
}

/// Source: S3 API Reference, "DeleteBucketTagging".
#[async_trait]
impl Handle<op::DeleteBucketTagging> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeleteBucketTaggingInput>,
    ) -> Result<Reply<DeleteBucketTaggingOutput>, ErrorReply> {
        self.replace_tags(&mut request, None).await?;
        Ok(Reply::new(DeleteBucketTaggingOutput {}))
    }
}

impl S3 {
    /// Sets all tags of the request's bucket, where they have no say in who may reach it.
    async fn replace_tags<I: Send>(
        &self,
        request: &mut Authorized<I>,
        tags: Option<Tagging>,
    ) -> Result<(), ErrorReply> {
        self.retag(request, |state, _| if state.abac { Err(tags_decide()) } else { Ok(tags.clone()) }).await
    }

    /// Changes the tags of the request's bucket by what they were; `None` is none. Where they have a say in who may reach
    /// the bucket, that changes its generation, so that whatever was decided by the old ones is decided anew.
    pub(crate) async fn retag<I: Send>(
        &self,
        request: &mut Authorized<I>,
        change: impl Fn(&StateRow, Option<Tagging>) -> Result<Option<Tagging>, ErrorReply> + Send,
    ) -> Result<(), ErrorReply> {
        let key = row::config(settings::name::TAGGING);
        for _ in 0..MAX_TRIES {
            let partition = request.bucket()?.partition();
            let (mut state, generation) = self.state(partition).await?;
            let stored = self.configuration(partition, settings::name::TAGGING).await?;
            let (before, version) = stored.unzip();
            let mut mutation = Mutation::new();
            mutation.unchanged(row::STATE, Some(generation));
            mutation.unchanged(key.clone(), version);
            match change(&state, before)? {
                Some(tags) => mutation.put(key.clone(), document::encode(&tags)),
                None => mutation.delete(key.clone()),
            }
            if state.abac {
                state.generation = state.generation.saturating_add(1);
                mutation.put(row::STATE, state.encode());
            }
            mutation.effect(configured());
            if settled(request.commit(&*self.store, mutation).await)? {
                return Ok(());
            }
        }
        Err(CommitError::Conflict.reply())
    }
}

/// Checks a set of tags. Source: S3 User Guide, "Using cost allocation S3 bucket tags", and Billing User Guide,
/// "User-defined tag restrictions".
pub(crate) fn check<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), ErrorReply> {
    let mut keys = HashSet::new();
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > MAX_TAG_KEY_CHARS || !key.chars().all(is_tag_char) {
            return Err(invalid_tag("The TagKey you have provided is invalid", key, value));
        }
        if value.chars().count() > MAX_TAG_VALUE_CHARS || !value.chars().all(is_tag_char) {
            return Err(invalid_tag("The TagValue you have provided is invalid", key, value));
        }
        if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(invalid_tag("System tags cannot be added/updated by requester", key, value));
        }
        if !keys.insert(key) {
            return Err(invalid_tag("Cannot provide multiple Tags with the same key", key, value));
        }
    }
    if keys.len() > MAX_BUCKET_TAGS {
        let message = format!("Bucket tag count cannot be greater than {MAX_BUCKET_TAGS}");
        return Err(ErrorReply::new(400, "BadRequest", message));
    }
    Ok(())
}

/// Refuses tags that decide who may reach something, where two keys differ by case alone: conditions do not tell them
/// apart, so that one would stand for the other.
///
/// DEVIATION: AWS takes both, and says of the key in a condition that it matches either, "but not both". Source: IAM User
/// Guide, "IAM JSON policy elements: Condition" ("Condition key names are not case-sensitive").
pub(crate) fn check_case<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<(), ErrorReply> {
    let mut seen = HashSet::new();
    match keys.into_iter().find(|key| !seen.insert(key.to_lowercase())) {
        Some(key) => Err(ErrorReply::new(
            400,
            "InvalidTag",
            "These tags decide who may reach the resource: two keys may not differ by case alone",
        )
        .member("TagKey", key)),
        None => Ok(()),
    }
}

fn invalid_tag(message: &'static str, key: &str, value: &str) -> ErrorReply {
    ErrorReply::new(400, "InvalidTag", message).member("TagKey", key).member("TagValue", value)
}

/// Letters, digits and spaces of any script, and `+ - = . _ : / @`.
fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || "+-=._:/@".contains(c) || (c.is_whitespace() && !c.is_control())
}
