//! Access points: S3 Control's operations on them, and requests that go through them.

use strongroom_api_s3::{CopyObjectInput, GetObjectInput, PutBucketPolicyInput, PutObjectInput, op};
use strongroom_api_s3control::{
    CreateAccessPointInput, CreateAccessPointOutput, DeleteAccessPointInput, DeleteAccessPointPolicyInput,
    GetAccessPointInput, GetAccessPointPolicyInput, GetAccessPointPolicyStatusInput, ListAccessPointsInput,
    ListMultiRegionAccessPointsInput, ListTagsForResourceInput, NetworkOrigin,
    PublicAccessBlockConfiguration, PutAccessPointPolicyInput, PutPublicAccessBlockInput, Tag,
    TagResourceInput, UntagResourceInput, VpcConfiguration,
};

use super::*;
use crate::testing::body;

const US: &str = "us-east-1";

fn create(who: &str, name: &str, bucket: &str) -> CreateAccessPointInput {
    CreateAccessPointInput {
        account_id: who.into(),
        name: name.into(),
        bucket: bucket.into(),
        ..Default::default()
    }
}

fn get(name: &str) -> GetAccessPointInput {
    GetAccessPointInput { account_id: ALICE.into(), name: name.into() }
}

fn delete(name: &str) -> DeleteAccessPointInput {
    DeleteAccessPointInput { account_id: ALICE.into(), name: name.into() }
}

fn put_policy(name: &str, policy: String) -> PutAccessPointPolicyInput {
    PutAccessPointPolicyInput { account_id: ALICE.into(), name: name.into(), policy }
}

fn arn(who: &str, name: &str) -> String {
    format!("arn:aws:s3:us-east-1:{who}:accesspoint/{name}")
}

/// A policy that lets `whom` do `action` to what has this ARN.
fn allow(whom: &str, action: &str, resource: &str) -> String {
    let principal = if whom == "*" { r#""*""#.to_owned() } else { format!(r#"{{"AWS":"{whom}"}}"#) };
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"{action}",
        "Resource":"{resource}"}}]}}"#
    )
}

/// Alice's bucket `bucket` with an object `k`, and her access point `ap1` to it.
async fn bed() -> (Bed, CreateAccessPointOutput) {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "bucket")).await;
    put(&bed, ALICE, "bucket", "k").await.unwrap();
    let made = bed.ok(create(ALICE, "ap1", "bucket")).await;
    (bed, made)
}

async fn put(bed: &Bed, who: &str, place: &str, key: &str) -> Result<(), ErrorReply> {
    let input = PutObjectInput { bucket: place.into(), key: key.into(), ..Default::default() };
    let region = Region::us_east_1();
    let answer = bed.call_in::<op::PutObject>(region, root(who), input, Some(body(b"bytes")));
    answer.await.map(|_| ())
}

fn read(place: &str, key: &str) -> GetObjectInput {
    GetObjectInput { bucket: place.into(), key: key.into(), ..Default::default() }
}

#[tokio::test]
async fn an_access_point_is_made_shown_listed_and_deleted() {
    let (bed, made) = bed().await;
    assert_eq!(made.access_point_arn.as_deref(), Some(arn(ALICE, "ap1").as_str()));
    let alias = made.alias.unwrap();
    assert!(alias.starts_with("ap1-") && alias.ends_with("-s3alias"), "{alias}");
    let shown = bed.ok(get("ap1")).await;
    assert_eq!((shown.name.as_deref(), shown.bucket.as_deref()), (Some("ap1"), Some("bucket")));
    assert_eq!((shown.network_origin, shown.alias), (Some(NetworkOrigin::Internet), Some(alias)));
    assert_eq!(shown.bucket_account_id.as_deref(), Some(ALICE));
    assert!(shown.creation_date.is_some() && shown.vpc_configuration.is_none());
    let block = shown.public_access_block_configuration.unwrap();
    assert_eq!((block.block_public_acls, block.restrict_public_buckets), (Some(true), Some(true)));
    assert_eq!(bed.refused(create(ALICE, "ap1", "bucket")).await, is(409, "AccessPointAlreadyOwnedByYou"));
    assert_eq!(
        refusal(bed.at(ALICE, "eu-west-1", get("ap1")).await),
        is(404, "NoSuchAccessPoint"),
        "in another region"
    );
    let rows = bed.names().await;
    bed.ok(delete("ap1")).await;
    assert_eq!(
        bed.names().await,
        rows - 4,
        "its row, its alias, that the account has it, and that it leads to the bucket"
    );
    assert_eq!(bed.refused(get("ap1")).await, is(404, "NoSuchAccessPoint"));
    assert_eq!(bed.refused(delete("ap1")).await, is(404, "NoSuchAccessPoint"));
    bed.ok(create(ALICE, "ap1", "bucket")).await;
}

#[tokio::test]
async fn what_cannot_be_an_access_point_is_refused() {
    let (bed, _) = bed().await;
    for name in ["ab", "Ap", "a_b", "a-s3alias", "-ab", &"a".repeat(51)] {
        assert_eq!(bed.refused(create(ALICE, name, "bucket")).await, is(400, "InvalidRequest"), "{name}");
    }
    assert_eq!(bed.refused(create(ALICE, "ap2", "nowhere")).await, is(404, "NoSuchBucket"));
    assert_eq!(bed.refused(create(ALICE, "ap2", "ap1-x-s3alias")).await, is(400, "InvalidBucketName"));
    let elsewhere = bed.at(ALICE, "eu-west-1", create(ALICE, "ap2", "bucket")).await;
    assert_eq!(refusal(elsewhere), is(400, "InvalidRequest"), "the bucket is in another region");
    let vpc = |id: &str| CreateAccessPointInput {
        vpc_configuration: Some(Box::new(VpcConfiguration { vpc_id: id.into() })),
        ..create(ALICE, "ap2", "bucket")
    };
    assert_eq!(bed.refused(vpc("subnet-1")).await, is(400, "InvalidRequest"));
    let doubled = Tag { key: "a".into(), value: "1".into() };
    let tagged = CreateAccessPointInput {
        tags: Some(vec![doubled.clone(), doubled]),
        ..create(ALICE, "ap2", "bucket")
    };
    assert_eq!(bed.refused(tagged).await, is(400, "InvalidTag"));
    // Of another account's bucket whoever makes one must say whose it is.
    let by_bob = |account: Option<&str>| CreateAccessPointInput {
        bucket_account_id: account.map(ToOwned::to_owned),
        ..create(BOB, "ap2", "bucket")
    };
    for account in [None, Some(BOB)] {
        assert_eq!(refusal(bed.at(BOB, US, by_bob(account)).await), is(403, "AccessDenied"));
    }
    let made = bed.at(BOB, US, by_bob(Some(ALICE))).await.unwrap().output;
    assert_eq!(made.access_point_arn.as_deref(), Some(arn(BOB, "ap2").as_str()));
}

#[tokio::test]
async fn listings_have_pages_and_are_the_accounts_own() {
    let bed = Bed::new();
    for bucket in ["first", "second"] {
        bed.ok(on!(CreateBucketInput, bucket)).await;
    }
    for (name, bucket) in [("ap3", "first"), ("ap1", "second"), ("ap2", "first"), ("ap4", "first")] {
        bed.ok(create(ALICE, name, bucket)).await;
    }
    let by_bob =
        CreateAccessPointInput { bucket_account_id: Some(ALICE.into()), ..create(BOB, "ap5", "first") };
    bed.at(BOB, US, by_bob).await.unwrap();
    let list = |bucket: Option<&str>, token: Option<String>| ListAccessPointsInput {
        account_id: ALICE.into(),
        bucket: bucket.map(ToOwned::to_owned),
        next_token: token,
        max_results: Some(2),
        ..Default::default()
    };
    for (bucket, expected) in
        [(None, vec!["ap1", "ap2", "ap3", "ap4"]), (Some("first"), vec!["ap2", "ap3", "ap4"])]
    {
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            let page = bed.ok(list(bucket, token)).await;
            let found = page.access_point_list.unwrap();
            assert!(found.len() <= 2);
            names.extend(found.into_iter().map(|point| point.name));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(names, expected);
    }
    let token = bed.ok(list(None, None)).await.next_token;
    assert_eq!(bed.refused(list(Some("first"), token)).await, is(400, "InvalidArgument"));
    assert_eq!(bed.refused(list(Some("nowhere"), None)).await, is(404, "NoSuchBucket"));
    let other = bed.ok(ListMultiRegionAccessPointsInput { account_id: ALICE.into(), ..Default::default() });
    assert!(other.await.access_points.unwrap().is_empty());
}

#[tokio::test]
async fn a_policy_is_kept_shown_and_told_public() {
    let (bed, _) = bed().await;
    let policy = |name: &str| GetAccessPointPolicyInput { account_id: ALICE.into(), name: name.into() };
    let status = || GetAccessPointPolicyStatusInput { account_id: ALICE.into(), name: "ap1".into() };
    assert_eq!(bed.refused(policy("ap1")).await, is(404, "NoSuchAccessPointPolicy"));
    assert_eq!(bed.refused(status()).await, is(404, "NoSuchAccessPointPolicy"));
    assert_eq!(bed.refused(policy("ap2")).await, is(404, "NoSuchAccessPoint"));
    let objects = format!("{}/object/*", arn(ALICE, "ap1"));
    let text = allow(BOB, "s3:GetObject", &objects);
    bed.ok(put_policy("ap1", text.clone())).await;
    assert_eq!(bed.ok(policy("ap1")).await.policy, Some(text));
    assert_eq!(bed.ok(status()).await.policy_status.unwrap().is_public, Some(false));
    for bad in [
        allow(BOB, "s3:GetObject", "arn:aws:s3:::bucket/*"),
        allow(BOB, "s3:GetObject", &arn(ALICE, "ap1")),
        allow(BOB, "s3:ListBucket", &objects),
        allow(BOB, "s3:GetObject", &format!("{}/*", arn(ALICE, "ap1"))),
        allow(BOB, "s3:GetObject", &format!("{}2/object/*", arn(ALICE, "ap1"))),
        allow(BOB, "s3:GetObject", &format!("{}/object/*", arn(BOB, "ap1"))),
        allow(BOB, "iam:GetUser", &objects),
        "{}".to_owned(),
    ] {
        assert_eq!(bed.refused(put_policy("ap1", bad.clone())).await, is(400, "MalformedPolicy"), "{bad}");
    }
    let public = allow("*", "s3:GetObject", &objects);
    assert_eq!(bed.refused(put_policy("ap1", public.clone())).await, is(403, "AccessDenied"));
    let rows = bed.names().await;
    bed.ok(DeleteAccessPointPolicyInput { account_id: ALICE.into(), name: "ap1".into() }).await;
    assert_eq!(bed.names().await, rows - 1);
    assert_eq!(bed.refused(policy("ap1")).await, is(404, "NoSuchAccessPointPolicy"));
    // One that answers a VPC alone is never public.
    let in_vpc = CreateAccessPointInput {
        vpc_configuration: Some(Box::new(VpcConfiguration { vpc_id: "vpc-1".into() })),
        ..create(ALICE, "ap2", "bucket")
    };
    bed.ok(in_vpc).await;
    let public = allow("*", "s3:GetObject", &format!("{}/object/*", arn(ALICE, "ap2")));
    bed.ok(put_policy("ap2", public)).await;
    let status = GetAccessPointPolicyStatusInput { account_id: ALICE.into(), name: "ap2".into() };
    assert_eq!(bed.ok(status).await.policy_status.unwrap().is_public, Some(false));
}

#[tokio::test]
async fn a_public_policy_is_taken_only_where_nothing_blocks_it() {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "bucket")).await;
    let off = PublicAccessBlockConfiguration {
        block_public_acls: Some(false),
        ignore_public_acls: Some(false),
        block_public_policy: Some(false),
        restrict_public_buckets: Some(false),
    };
    let open = CreateAccessPointInput {
        public_access_block_configuration: Some(Box::new(off.clone())),
        ..create(ALICE, "ap1", "bucket")
    };
    bed.ok(open).await;
    let public = || put_policy("ap1", allow("*", "s3:GetObject", &format!("{}/object/*", arn(ALICE, "ap1"))));
    assert_eq!(bed.refused(public()).await, is(403, "AccessDenied"), "the account blocks it");
    let unblock =
        PutPublicAccessBlockInput { account_id: ALICE.into(), public_access_block_configuration: off };
    bed.ok(unblock).await;
    assert_eq!(bed.refused(public()).await, is(403, "AccessDenied"), "the bucket blocks it");
    bed.ok(on!(DeletePublicAccessBlockInput, "bucket")).await;
    bed.ok(public()).await;
    let status = GetAccessPointPolicyStatusInput { account_id: ALICE.into(), name: "ap1".into() };
    assert_eq!(bed.ok(status).await.policy_status.unwrap().is_public, Some(true));
    bed.ok(create(ALICE, "ap2", "bucket")).await;
    let blocked = put_policy("ap2", allow("*", "s3:GetObject", &format!("{}/object/*", arn(ALICE, "ap2"))));
    assert_eq!(bed.refused(blocked).await, is(403, "AccessDenied"), "the access point blocks it");
}

/// However requests interleave, what was judged for one of a VPC is not the policy of one that everybody reaches.
#[tokio::test]
async fn a_policy_is_not_put_to_one_that_was_made_since_under_the_name() {
    for seed in 1..200 {
        let bed = Bed::new();
        bed.ok(on!(CreateBucketInput, "bucket")).await;
        let in_vpc = CreateAccessPointInput {
            vpc_configuration: Some(Box::new(VpcConfiguration { vpc_id: "vpc-1".into() })),
            ..create(ALICE, "ap1", "bucket")
        };
        bed.ok(in_vpc).await;
        bed.engine.interleave(seed * 7919);
        let public = allow("*", "s3:GetObject", &format!("{}/object/*", arn(ALICE, "ap1")));
        let put = bed.at(ALICE, US, put_policy("ap1", public));
        let again = async {
            bed.ok(delete("ap1")).await;
            bed.ok(create(ALICE, "ap1", "bucket")).await;
        };
        futures_util::future::join(put, again).await.0.ok();
        let kept = GetAccessPointPolicyInput { account_id: ALICE.into(), name: "ap1".into() };
        assert_eq!(bed.refused(kept).await, is(404, "NoSuchAccessPointPolicy"), "seed {seed}");
    }
}

#[tokio::test]
async fn what_counts_and_lists_access_points_scans_no_values() {
    let (bed, _) = bed().await;
    bed.ok(create(ALICE, "ap2", "bucket")).await;
    let (account, region) = (AccountId::parse(ALICE).unwrap(), Region::us_east_1());
    let listed = crate::row::account_access_points(account, &region, "");
    let listed = bed.engine.scan(Partition::Names, listed, 10, Direction::Forward).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|entry| entry.row.value.is_empty()));
}

#[tokio::test]
async fn tags_are_set_with_it_and_by_its_arn() {
    let (bed, _) = bed().await;
    let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
    let with_tags =
        CreateAccessPointInput { tags: Some(vec![tag("a", "1")]), ..create(ALICE, "ap2", "bucket") };
    bed.ok(with_tags).await;
    let resource = || arn(ALICE, "ap2");
    let add = TagResourceInput {
        account_id: ALICE.into(),
        resource_arn: resource(),
        tags: vec![tag("a", "2"), tag("b", "3")],
    };
    bed.ok(add).await;
    let list = || ListTagsForResourceInput { account_id: ALICE.into(), resource_arn: resource() };
    let pairs = |tags: Vec<Tag>| tags.into_iter().map(|tag| (tag.key, tag.value)).collect::<Vec<_>>();
    let expected = [("a", "2"), ("b", "3")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(pairs(bed.ok(list()).await.tags.unwrap()), expected);
    let remove = UntagResourceInput {
        account_id: ALICE.into(),
        resource_arn: resource(),
        tag_keys: vec!["a".into(), "c".into()],
    };
    bed.ok(remove).await;
    assert_eq!(pairs(bed.ok(list()).await.tags.unwrap()), expected[1..]);
    let by_bob = ListTagsForResourceInput { account_id: BOB.into(), ..list() };
    assert_eq!(refusal(bed.at(BOB, US, by_bob).await), is(403, "AccessDenied"));
    let nowhere = ListTagsForResourceInput { account_id: ALICE.into(), resource_arn: arn(ALICE, "ap9") };
    assert_eq!(bed.refused(nowhere).await, is(404, "NoSuchAccessPoint"));
}

#[tokio::test]
async fn objects_are_reached_by_arn_alias_and_host() {
    let (bed, made) = bed().await;
    let (arn, alias) = (arn(ALICE, "ap1"), made.alias.unwrap());
    let host = format!("ap1-{ALICE}");
    for place in [&arn, &alias, &host] {
        put(&bed, ALICE, place, place).await.unwrap();
        bed.ok(read("bucket", place)).await;
        bed.ok(read(place, "k")).await;
        let listed = bed.ok(on!(ListObjectsV2Input, place)).await;
        assert!(listed.key_count.unwrap() >= 2);
        assert_eq!(bed.refused(read(place, "gone")).await, is(404, "NoSuchKey"));
    }
    for source in [format!("{arn}/object/k"), format!("{alias}/k"), format!("{host}/k")] {
        for place in ["bucket", &arn, &alias, &host] {
            let copy = CopyObjectInput {
                bucket: place.to_owned(),
                key: "copy".into(),
                copy_source: source.clone(),
                ..Default::default()
            };
            bed.ok(copy).await;
        }
    }
    let is_gone = is(404, "NoSuchAccessPoint");
    bed.ok(delete("ap1")).await;
    assert_eq!(bed.refused(read(&arn, "k")).await, is_gone);
    assert_eq!(bed.refused(read(&alias, "k")).await, is(404, "NoSuchBucket"));
    assert_eq!(bed.refused(read(&host, "k")).await, is(404, "NoSuchBucket"));
}

#[tokio::test]
async fn only_what_aws_lets_through_goes_through() {
    let (bed, made) = bed().await;
    let (arn, alias) = (arn(ALICE, "ap1"), made.alias.unwrap());
    let host = format!("ap1-{ALICE}");
    for place in [&arn, &alias, &host] {
        let refused = is(405, "MethodNotAllowed");
        assert_eq!(bed.refused(on!(DeleteBucketInput, place)).await, refused);
        assert_eq!(bed.refused(on!(GetBucketTaggingInput, place)).await, refused);
        let policy =
            PutBucketPolicyInput { bucket: place.clone(), policy: "{}".into(), ..Default::default() };
        assert_eq!(bed.refused(policy).await, refused);
        bed.ok(on!(HeadBucketInput, place)).await;
        bed.ok(on!(GetBucketLocationInput, place)).await;
    }
    for place in [&arn, &alias] {
        assert_eq!(bed.refused(on!(CreateBucketInput, place)).await, is(400, "InvalidBucketName"));
    }
    for bad in ["arn:aws:s3:us-east-1:1:accesspoint/ap1", "arn:aws:s3:us-east-1:111111111111:accesspoint/A"] {
        assert_eq!(bed.refused(read(bad, "k")).await, is(400, "InvalidAccessPoint"));
    }
    assert_eq!(bed.refused(read("A-s3alias", "k")).await, is(400, "InvalidAccessPointAliasError"));
}

#[tokio::test]
async fn a_host_is_never_both_an_access_point_and_a_bucket() {
    let (bed, _) = bed().await;
    let host = format!("ap1-{ALICE}");
    let taken = is(409, "BucketAlreadyExists");
    assert_eq!(bed.refused(on!(CreateBucketInput, host)).await, taken);
    let by_bob = bed.at(BOB, US, on!(CreateBucketInput, host)).await;
    assert_eq!(refusal(by_bob), taken, "nobody takes an access point's place");
    let other = format!("ap2-{ALICE}");
    bed.at(BOB, US, on!(CreateBucketInput, other)).await.unwrap();
    assert_eq!(
        bed.refused(create(ALICE, "ap2", "bucket")).await,
        is(400, "InvalidRequest"),
        "nobody takes a bucket's place"
    );
    bed.at(BOB, US, on!(DeleteBucketInput, other)).await.unwrap();
    bed.ok(create(ALICE, "ap2", "bucket")).await;
    bed.ok(delete("ap1")).await;
    bed.at(BOB, US, on!(CreateBucketInput, host)).await.unwrap();
}

#[tokio::test]
async fn one_of_two_who_claim_a_host_at_once_gets_it() {
    for _ in 0..20 {
        let bed = Bed::new();
        bed.ok(on!(CreateBucketInput, "bucket")).await;
        let host = format!("ap1-{ALICE}");
        let point = bed.at(ALICE, US, create(ALICE, "ap1", "bucket"));
        let bucket = bed.at(BOB, US, on!(CreateBucketInput, host));
        let (point, bucket) = futures_util::future::join(point, bucket).await;
        assert_eq!(u8::from(point.is_ok()) + u8::from(bucket.is_ok()), 1);
    }
}

#[tokio::test]
async fn a_bucket_goes_with_others_access_points_but_not_with_its_own() {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "bucket")).await;
    bed.ok(create(ALICE, "ap1", "bucket")).await;
    let by_bob =
        || CreateAccessPointInput { bucket_account_id: Some(ALICE.into()), ..create(BOB, "ap2", "bucket") };
    bed.at(BOB, US, by_bob()).await.unwrap();
    let attached = is(400, "BucketHasAccessPointsAttached");
    assert_eq!(bed.refused(on!(DeleteBucketInput, "bucket")).await, attached);
    bed.ok(delete("ap1")).await;
    bed.ok(on!(DeleteBucketInput, "bucket")).await;
    // Bob makes a bucket of the same name: his old access point does not lead there.
    bed.at(BOB, US, on!(CreateBucketInput, "bucket")).await.unwrap();
    put(&bed, BOB, "bucket", "k").await.unwrap();
    let stale = bed.at(BOB, US, read(&arn(BOB, "ap2"), "k")).await;
    assert_eq!(refusal(stale), is(404, "NoSuchBucket"));
    let shown = GetAccessPointInput { account_id: BOB.into(), name: "ap2".into() };
    assert_eq!(bed.at(BOB, US, shown).await.unwrap().output.bucket.as_deref(), Some("bucket"));
}

#[tokio::test]
async fn both_the_access_point_and_the_bucket_must_let_another_account_in() {
    let (bed, _) = bed().await;
    let place = arn(ALICE, "ap1");
    let by_bob = || bed.at(BOB, US, read(&place, "k"));
    assert_eq!(refusal(by_bob().await), is(403, "AccessDenied"));
    bed.ok(put_policy("ap1", allow(BOB, "s3:GetObject", &format!("{place}/object/*")))).await;
    assert_eq!(refusal(by_bob().await), is(403, "AccessDenied"), "the bucket says nothing");
    let delegate = |account: &str| {
        let policy = allow("*", "s3:*", "arn:aws:s3:::bucket/*").replace(
            r#""Resource""#,
            &format!(
                r#""Condition":{{"StringEquals":{{"s3:DataAccessPointAccount":"{account}"}}}},"Resource""#
            ),
        );
        PutBucketPolicyInput { bucket: "bucket".into(), policy, ..Default::default() }
    };
    bed.ok(delegate(BOB)).await;
    assert_eq!(refusal(by_bob().await), is(403, "AccessDenied"), "delegated to another account's");
    bed.ok(delegate(ALICE)).await;
    by_bob().await.unwrap();
    assert_eq!(refusal(bed.at(BOB, US, read("bucket", "k")).await), is(403, "AccessDenied"), "without it");
    assert_eq!(refusal(put(&bed, BOB, &place, "k").await.map(|()| 0)), is(403, "AccessDenied"));
    bed.ok(DeleteAccessPointPolicyInput { account_id: ALICE.into(), name: "ap1".into() }).await;
    assert_eq!(refusal(by_bob().await), is(403, "AccessDenied"), "the access point says nothing");
}

#[tokio::test]
async fn an_access_point_of_another_account_leads_where_the_bucket_lets_it() {
    let (bed, _) = bed().await;
    let by_bob =
        CreateAccessPointInput { bucket_account_id: Some(ALICE.into()), ..create(BOB, "ap2", "bucket") };
    bed.at(BOB, US, by_bob).await.unwrap();
    let place = arn(BOB, "ap2");
    assert_eq!(refusal(bed.at(BOB, US, read(&place, "k")).await), is(403, "AccessDenied"));
    let grant = PutBucketPolicyInput {
        bucket: "bucket".into(),
        policy: allow(BOB, "s3:GetObject", "arn:aws:s3:::bucket/*"),
        ..Default::default()
    };
    bed.ok(grant).await;
    bed.at(BOB, US, read(&place, "k")).await.unwrap();
    assert_eq!(
        bed.refused(read(&place, "k")).await,
        is(403, "AccessDenied"),
        "the bucket's owner is a stranger to Bob's access point"
    );
}

#[tokio::test]
async fn one_of_a_vpc_answers_nobody_outside() {
    let (bed, _) = bed().await;
    let in_vpc = CreateAccessPointInput {
        vpc_configuration: Some(Box::new(VpcConfiguration { vpc_id: "vpc-0123456789abcdef0".into() })),
        ..create(ALICE, "ap2", "bucket")
    };
    bed.ok(in_vpc).await;
    let shown = bed.ok(get("ap2")).await;
    assert_eq!(shown.network_origin, Some(NetworkOrigin::Vpc));
    let error = bed.at(ALICE, US, read(&arn(ALICE, "ap2"), "k")).await.map(|_| ()).unwrap_err();
    assert_eq!((error.status, &*error.code), (403, "AccessDenied"));
    assert!(error.message.ends_with("answers only requests from its VPC"), "{}", error.message);
    bed.ok(read(&arn(ALICE, "ap1"), "k")).await;
}

#[tokio::test]
async fn the_record_names_the_access_point() {
    let (bed, made) = bed().await;
    put(&bed, ALICE, &made.alias.unwrap(), "through").await.unwrap();
    let records = bed.records().await;
    let mut decided = records
        .iter()
        .filter_map(|record| if let Record::Decided(decided) = record { Some(decided) } else { None });
    let decided = decided.rfind(|decided| decided.key.as_deref() == Some("through")).unwrap();
    assert_eq!(decided.access_point_arn.as_deref(), Some(arn(ALICE, "ap1").as_str()));
    assert_eq!(decided.bucket.as_deref(), Some("bucket"));
    let kinds: Vec<_> = decided.resources.iter().map(|resource| resource.kind.as_str()).collect();
    assert_eq!(kinds, ["AWS::S3::Object", "AWS::S3::Bucket", "AWS::S3::AccessPoint"]);
}
