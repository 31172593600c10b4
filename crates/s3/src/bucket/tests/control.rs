//! S3 Control.

use strongroom_api_s3control::{
    DeletePublicAccessBlockInput, GetPublicAccessBlockInput, ListTagsForResourceInput,
    PublicAccessBlockConfiguration, PutPublicAccessBlockInput, Tag, TagResourceInput, UntagResourceInput,
};

use super::*;
use crate::NewBuckets;
use crate::control::AccountBlockRow;

fn arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

fn list(bucket: &str) -> ListTagsForResourceInput {
    ListTagsForResourceInput { account_id: ALICE.into(), resource_arn: arn(bucket) }
}

fn tag(bucket: &str, tags: &[(&str, &str)]) -> TagResourceInput {
    let tags = tags.iter().map(|(key, value)| Tag { key: (*key).into(), value: (*value).into() }).collect();
    TagResourceInput { account_id: ALICE.into(), resource_arn: arn(bucket), tags }
}

fn untag(bucket: &str, keys: &[&str]) -> UntagResourceInput {
    let tag_keys = keys.iter().map(|key| (*key).to_owned()).collect();
    UntagResourceInput { account_id: ALICE.into(), resource_arn: arn(bucket), tag_keys }
}

async fn tags(bed: &Bed, bucket: &str) -> Vec<(String, String)> {
    let tags = bed.ok(list(bucket)).await.tags.unwrap();
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn bucket_tags_are_the_same_in_both_services() {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "tagged")).await;
    assert_eq!(tags(&bed, "tagged").await, []);
    bed.ok(tag("tagged", &[("a", "1"), ("b", "2")])).await;
    bed.ok(tag("tagged", &[("b", "3"), ("c", "4")])).await;
    assert_eq!(tags(&bed, "tagged").await, pairs(&[("a", "1"), ("b", "3"), ("c", "4")]));
    assert_eq!(bed.ok(on!(GetBucketTaggingInput, "tagged")).await.tag_set.len(), 3);
    bed.ok(untag("tagged", &["a", "unknown"])).await;
    assert_eq!(tags(&bed, "tagged").await, pairs(&[("b", "3"), ("c", "4")]));
    bed.ok(untag("tagged", &["b", "c"])).await;
    assert_eq!(tags(&bed, "tagged").await, []);
    assert_eq!(bed.refused(on!(GetBucketTaggingInput, "tagged")).await, is(404, "NoSuchTagSet"));
}

#[tokio::test]
async fn added_tags_keep_the_rules_of_bucket_tags() {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "tagged")).await;
    assert_eq!(bed.refused(tag("tagged", &[("aws:x", "1")])).await, is(400, "InvalidTag"));
    assert_eq!(bed.refused(tag("tagged", &[("a", "1"), ("a", "2")])).await, is(400, "InvalidTag"));
    for number in 0..50 {
        bed.ok(tag("tagged", &[(&format!("k{number}"), "v")])).await;
    }
    assert_eq!(bed.refused(tag("tagged", &[("k50", "v")])).await, is(400, "BadRequest"));
    bed.ok(tag("tagged", &[("k49", "w")])).await;
}

#[tokio::test]
async fn tags_of_anothers_or_no_bucket_are_refused() {
    let bed = Bed::new();
    assert_eq!(bed.refused(list("nowhere")).await, is(404, "NoSuchBucket"));
    bed.ok(on!(CreateBucketInput, "mine")).await;
    let by_bob = ListTagsForResourceInput { account_id: BOB.into(), ..list("mine") };
    assert_eq!(refusal(bed.at(BOB, "us-east-1", by_bob).await), is(403, "AccessDenied"));
    let other_account = ListTagsForResourceInput { account_id: BOB.into(), ..list("mine") };
    assert_eq!(bed.refused(other_account).await, is(403, "AccessDenied"));
}

#[tokio::test]
async fn tags_added_at_once_are_all_there() {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "tagged")).await;
    let keys = ["a", "b", "c", "d"];
    let adding = keys.map(|key| bed.at(ALICE, "us-east-1", tag("tagged", &[(key, "1")])));
    for answer in futures_util::future::join_all(adding).await {
        assert!(answer.is_ok());
    }
    assert_eq!(tags(&bed, "tagged").await.len(), keys.len());
}

#[tokio::test]
async fn a_new_account_blocks_public_access() {
    let bed = Bed::new();
    let get = || GetPublicAccessBlockInput { account_id: ALICE.into() };
    let block = bed.ok(get()).await.public_access_block_configuration.unwrap();
    assert_eq!(
        [
            block.block_public_acls,
            block.ignore_public_acls,
            block.block_public_policy,
            block.restrict_public_buckets
        ],
        [Some(true); 4]
    );
    let put = PutPublicAccessBlockInput {
        account_id: ALICE.into(),
        public_access_block_configuration: PublicAccessBlockConfiguration {
            block_public_acls: Some(true),
            ..Default::default()
        },
    };
    bed.ok(put).await;
    let block = bed.ok(get()).await.public_access_block_configuration.unwrap();
    assert_eq!((block.block_public_acls, block.restrict_public_buckets), (Some(true), Some(false)));
    bed.ok(DeletePublicAccessBlockInput { account_id: ALICE.into() }).await;
    assert_eq!(bed.refused(get()).await, is(404, "NoSuchPublicAccessBlockConfiguration"));
    assert_eq!(
        AccountBlockRow::of(&bed.engine.inner, account(ALICE), NewBuckets::Current).await.unwrap().block,
        None
    );
    assert_eq!(
        AccountBlockRow::of(&bed.engine.inner, account(BOB), NewBuckets::Current).await.unwrap(),
        AccountBlockRow::NEW
    );
    let others = GetPublicAccessBlockInput { account_id: BOB.into() };
    assert_eq!(bed.refused(others).await, is(403, "AccessDenied"));
}
