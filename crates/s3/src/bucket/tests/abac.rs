//! Bucket tags that decide who may reach a bucket.

use strongroom_api_s3::{
    AbacStatus, BucketAbacStatus, PutBucketAbacInput, PutBucketTaggingInput, Tag, Tagging,
};
use strongroom_api_s3control::{Tag as ControlTag, TagResourceInput, UntagResourceInput};

use super::*;

fn put(bucket: &str, status: Option<BucketAbacStatus>) -> PutBucketAbacInput {
    on!(PutBucketAbacInput, bucket, abac_status: AbacStatus { status })
}

fn enable(bucket: &str) -> PutBucketAbacInput {
    put(bucket, Some(BucketAbacStatus::Enabled))
}

fn replace(bucket: &str, key: &str) -> PutBucketTaggingInput {
    let tag_set = vec![Tag { key: key.to_owned(), value: "v".to_owned() }];
    on!(PutBucketTaggingInput, bucket, tagging: Tagging { tag_set })
}

fn add(bucket: &str, key: &str, value: &str) -> TagResourceInput {
    let tags = vec![ControlTag { key: key.to_owned(), value: value.to_owned() }];
    TagResourceInput { account_id: ALICE.into(), resource_arn: format!("arn:aws:s3:::{bucket}"), tags }
}

/// The tags that the gate knows, and the generation that its decisions rest on.
async fn known(bed: &Bed, bucket: &str) -> (Vec<(String, String)>, String) {
    let directory = BucketDirectory::new(std::sync::Arc::new(bed.engine.inner.clone()));
    let facts = directory.bucket(&BucketName::parse(bucket).unwrap()).await.unwrap().unwrap();
    (facts.access.tags.clone(), format!("{:?}", facts.guards))
}

async fn status(bed: &Bed, bucket: &str) -> Option<BucketAbacStatus> {
    bed.ok(on!(GetBucketAbacInput, bucket)).await.abac_status.unwrap().status
}

#[tokio::test]
async fn tags_are_known_to_the_gate_while_abac_is_enabled() {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "tagged")).await;
    assert_eq!(status(&bed, "tagged").await, Some(BucketAbacStatus::Disabled));
    bed.ok(add("tagged", "team", "one")).await;
    assert_eq!(known(&bed, "tagged").await.0, []);
    bed.ok(enable("tagged")).await;
    assert_eq!(status(&bed, "tagged").await, Some(BucketAbacStatus::Enabled));
    assert_eq!(known(&bed, "tagged").await.0, [("team".to_owned(), "one".to_owned())]);
    bed.ok(put("tagged", Some(BucketAbacStatus::Disabled))).await;
    assert_eq!(known(&bed, "tagged").await.0, []);
    assert_eq!(bed.refused(put("tagged", None)).await, is(400, "MalformedXML"));
}

#[tokio::test]
async fn tags_that_decide_change_by_s3_control_alone() {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "tagged")).await;
    bed.ok(replace("tagged", "a")).await;
    bed.ok(enable("tagged")).await;
    assert_eq!(bed.refused(replace("tagged", "b")).await, is(400, "InvalidRequest"));
    assert_eq!(bed.refused(on!(DeleteBucketTaggingInput, "tagged")).await, is(400, "InvalidRequest"));
    assert_eq!(bed.ok(on!(GetBucketTaggingInput, "tagged")).await.tag_set.first().unwrap().key, "a");
    bed.ok(put("tagged", Some(BucketAbacStatus::Disabled))).await;
    bed.ok(replace("tagged", "b")).await;
    bed.ok(on!(DeleteBucketTaggingInput, "tagged")).await;
}

#[tokio::test]
async fn a_change_of_tags_is_a_new_generation_only_where_they_decide() {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "tagged")).await;
    let (_, before) = known(&bed, "tagged").await;
    bed.ok(add("tagged", "team", "one")).await;
    assert_eq!(known(&bed, "tagged").await.1, before);
    bed.ok(enable("tagged")).await;
    let (_, enabled) = known(&bed, "tagged").await;
    bed.ok(add("tagged", "team", "two")).await;
    let (tags, added) = known(&bed, "tagged").await;
    assert_eq!(tags, [("team".to_owned(), "two".to_owned())]);
    assert_ne!(added, enabled);
    let untag = UntagResourceInput {
        account_id: ALICE.into(),
        resource_arn: "arn:aws:s3:::tagged".into(),
        tag_keys: vec!["team".into()],
    };
    bed.ok(untag).await;
    let (tags, removed) = known(&bed, "tagged").await;
    assert_eq!(tags, []);
    assert_ne!(removed, added);
}

#[tokio::test]
async fn abac_enabled_while_tags_are_replaced_leaves_tags_that_were_set_before() {
    for seed in 0..20 {
        let bed = Bed::new();
        bed.engine.interleave(seed);
        bed.ok(on!(CreateBucketInput, "tagged")).await;
        let replacing = bed.at(ALICE, "us-east-1", replace("tagged", "late"));
        let (replaced, enabled) = tokio::join!(replacing, bed.at(ALICE, "us-east-1", enable("tagged")));
        assert!(enabled.is_ok(), "{seed}");
        let (tags, _) = known(&bed, "tagged").await;
        assert_eq!(tags.len(), usize::from(replaced.is_ok()), "{seed}");
    }
}

#[tokio::test]
async fn tags_that_decide_do_not_differ_by_case_alone() {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "tagged")).await;
    bed.ok(add("tagged", "team", "one")).await;
    bed.ok(add("tagged", "Team", "two")).await;
    assert_eq!(bed.refused(enable("tagged")).await, is(400, "InvalidTag"));
    let removed = UntagResourceInput {
        account_id: ALICE.into(),
        resource_arn: "arn:aws:s3:::tagged".into(),
        tag_keys: vec!["Team".into()],
    };
    bed.ok(removed).await;
    bed.ok(enable("tagged")).await;
    assert_eq!(bed.refused(add("tagged", "TEAM", "two")).await, is(400, "InvalidTag"));
    bed.ok(add("tagged", "team", "two")).await;
    bed.ok(add("tagged", "teams", "two")).await;
}
