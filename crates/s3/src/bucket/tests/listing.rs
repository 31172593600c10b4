//! ListBuckets.

use proptest::prelude::*;
use strongroom_api_s3::{
    BucketLocationConstraint, CreateBucketConfiguration, ListBucketsInput, ListBucketsOutput,
};

use super::*;

async fn create(bed: &Bed, who: &str, region: &str, name: &str) {
    let location_constraint = BucketLocationConstraint::parse(region);
    let configuration = CreateBucketConfiguration { location_constraint, ..Default::default() };
    let input = on!(CreateBucketInput, name, create_bucket_configuration: Some(Box::new(configuration)));
    assert!(bed.at(who, region, input).await.is_ok(), "{name}");
}

fn names(output: &ListBucketsOutput) -> Vec<String> {
    output.buckets.iter().flatten().map(|bucket| bucket.name.clone().unwrap()).collect()
}

async fn three() -> Bed {
    let bed = Bed::new();
    create(&bed, ALICE, "us-east-1", "logs-b").await;
    create(&bed, ALICE, "eu-west-1", "logs-a").await;
    create(&bed, ALICE, "us-east-1", "data").await;
    create(&bed, BOB, "us-east-1", "logs-bob").await;
    bed
}

#[tokio::test]
async fn an_account_sees_its_own_buckets_in_order() {
    let bed = three().await;
    let all = bed.ok(ListBucketsInput::default()).await;
    assert_eq!(names(&all), ["data", "logs-a", "logs-b"]);
    assert_eq!(all.owner.as_ref().unwrap().id, Some(canonical(ALICE).to_string()));
    assert!(all.continuation_token.is_none() && all.prefix.is_none());
    let buckets = all.buckets.unwrap();
    assert!(buckets.iter().all(|bucket| bucket.creation_date.is_some() && bucket.bucket_region.is_none()));
}

#[tokio::test]
async fn buckets_are_filtered_by_prefix_and_region() {
    let bed = three().await;
    let logs = bed.ok(ListBucketsInput { prefix: Some("logs-".into()), ..Default::default() }).await;
    assert_eq!(names(&logs), ["logs-a", "logs-b"]);
    assert_eq!(logs.prefix.as_deref(), Some("logs-"));
    assert_eq!(logs.buckets.unwrap()[0].bucket_region.as_deref(), Some("eu-west-1"));
    let europe = ListBucketsInput { bucket_region: Some("eu-west-1".into()), ..Default::default() };
    assert_eq!(names(&bed.ok(europe).await), ["logs-a"]);
    let nowhere = ListBucketsInput { bucket_region: Some("EU west".into()), ..Default::default() };
    assert_eq!(bed.refused(nowhere).await, is(400, "InvalidArgument"));
    let long = ListBucketsInput { prefix: Some("l".repeat(9000)), ..Default::default() };
    assert_eq!(names(&bed.ok(long).await), [""; 0]);
}

#[tokio::test]
async fn a_page_has_from_one_to_ten_thousand_buckets() {
    let bed = three().await;
    for max_buckets in [Some(0), Some(-1), Some(10_001)] {
        assert_eq!(
            bed.refused(ListBucketsInput { max_buckets, ..Default::default() }).await,
            is(400, "InvalidArgument")
        );
    }
    let exactly = bed.ok(ListBucketsInput { max_buckets: Some(3), ..Default::default() }).await;
    assert!(exactly.continuation_token.is_none());
}

#[tokio::test]
async fn a_token_continues_only_the_listing_it_came_from() {
    let bed = three().await;
    let first = ListBucketsInput { max_buckets: Some(1), prefix: Some("logs-".into()), ..Default::default() };
    let page = bed.ok(first.clone()).await;
    assert_eq!(names(&page), ["logs-a"]);
    let token = page.continuation_token.unwrap();
    assert!(!token.contains("logs"));
    let next = ListBucketsInput { continuation_token: Some(token.clone()), ..first };
    let page = bed.ok(next.clone()).await;
    assert_eq!(names(&page), ["logs-b"]);
    assert!(page.continuation_token.is_none());
    let other_prefix = ListBucketsInput { prefix: Some("data".into()), ..next.clone() };
    assert_eq!(bed.refused(other_prefix).await, is(400, "InvalidArgument"));
    let other_region = ListBucketsInput { bucket_region: Some("us-east-1".into()), ..next.clone() };
    assert_eq!(bed.refused(other_region).await, is(400, "InvalidArgument"));
    assert_eq!(refusal(bed.at(BOB, "us-east-1", next.clone()).await), is(400, "InvalidArgument"));
    for forged in ["logs-a", "!", &token[1..]] {
        let forged = ListBucketsInput { continuation_token: Some(forged.into()), ..next.clone() };
        assert_eq!(bed.refused(forged).await, is(400, "InvalidArgument"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn pages_together_are_the_whole(
        made in proptest::collection::btree_set("[ab][a.]{0,2}[ab]{2}", 0..12),
        size in 1..5_i32,
        prefix in "[ab]{0,2}",
    ) {
        let made = made.into_iter().filter(|name| BucketName::parse(name).is_ok()).collect::<Vec<_>>();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (expected, got) = runtime.block_on(async {
            let bed = Bed::new();
            for name in &made {
                create(&bed, ALICE, "us-east-1", name).await;
            }
            let mut got = Vec::new();
            let mut continuation_token = None;
            loop {
                let page = bed
                    .ok(ListBucketsInput {
                        max_buckets: Some(size),
                        prefix: Some(prefix.clone()),
                        continuation_token,
                        bucket_region: None,
                    })
                    .await;
                assert!(names(&page).len() <= usize::try_from(size).unwrap());
                got.extend(names(&page));
                continuation_token = page.continuation_token;
                if continuation_token.is_none() {
                    break;
                }
            }
            (made.iter().filter(|name| name.starts_with(&prefix)).cloned().collect::<Vec<_>>(), got)
        });
        prop_assert_eq!(expected, got);
    }
}
