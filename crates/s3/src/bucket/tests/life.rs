//! How buckets come and go.

use strongroom_api_s3::{
    BucketCannedAcl, BucketLocationConstraint, BucketNamespace, BucketVersioningStatus,
    CreateBucketConfiguration, CreateBucketInput, EncryptionType, ObjectOwnership, Tag, op,
};
use strongroom_crypto::Entropy as _;
use strongroom_record::EffectKind;
use strongroom_storage::{BlobStore as _, StagedBlob};
use strongroom_types::{BlobId, ObjectKey, UploadId};

use super::*;
use crate::NewBuckets;
use crate::bucket::limits::MAX_BUCKETS_PER_ACCOUNT;
use crate::row::{self, BlobRow, Coded, ObjectSequence, PartRow};
use crate::testing::body;

async fn create(bed: &Bed, name: &str) {
    bed.ok(on!(CreateBucketInput, name)).await;
}

fn located(name: &str, constraint: Option<BucketLocationConstraint>) -> CreateBucketInput {
    let configuration = CreateBucketConfiguration { location_constraint: constraint, ..Default::default() };
    on!(CreateBucketInput, name, create_bucket_configuration: Some(Box::new(configuration)))
}

#[tokio::test]
async fn a_new_bucket_is_there_and_closed() {
    let bed = Bed::new();
    assert_eq!(bed.refused(on!(HeadBucketInput, "first")).await, is(404, "NoSuchBucket"));
    let made = bed.ok(on!(CreateBucketInput, "first")).await;
    assert_eq!(made.location.as_deref(), Some("/first"));
    let head = bed.ok(on!(HeadBucketInput, "first")).await;
    assert_eq!((head.bucket_region.as_deref(), head.access_point_alias), (Some("us-east-1"), Some(false)));
    assert!(bed.ok(on!(GetBucketLocationInput, "first")).await.location_constraint.is_none());
    let block =
        bed.ok(on!(GetPublicAccessBlockInput, "first")).await.public_access_block_configuration.unwrap();
    assert_eq!(
        [
            block.block_public_acls,
            block.ignore_public_acls,
            block.block_public_policy,
            block.restrict_public_buckets
        ],
        [Some(true); 4]
    );
    let controls = bed.ok(on!(GetBucketOwnershipControlsInput, "first")).await.ownership_controls.unwrap();
    assert_eq!(controls.rules[0].object_ownership, Some(ObjectOwnership::BucketOwnerEnforced));
    let versioning = bed.ok(on!(GetBucketVersioningInput, "first")).await;
    assert!(versioning.status.is_none() && versioning.mfa_delete.is_none());
}

#[tokio::test]
async fn a_new_bucket_of_before_april_2023_is_open_to_what_its_owner_sets() {
    let mut bed = Bed::new();
    bed.0.s3 = bed.0.s3.clone().with_new_buckets(NewBuckets::BeforeApril2023);
    create(&bed, "old").await;
    let missing = bed.refused(on!(GetPublicAccessBlockInput, "old")).await;
    assert_eq!(missing, is(404, "NoSuchPublicAccessBlockConfiguration"));
    let missing = bed.refused(on!(GetBucketOwnershipControlsInput, "old")).await;
    assert_eq!(missing, is(404, "OwnershipControlsNotFoundError"));
    let answer = bed.ok(on!(GetBucketEncryptionInput, "old")).await;
    let rules = answer.server_side_encryption_configuration.unwrap().rules;
    let blocked = rules[0].blocked_encryption_types.as_ref().unwrap();
    assert_eq!(blocked.encryption_type, [EncryptionType::None]);
    let asked = on!(CreateBucketInput, "asked", object_ownership: Some(ObjectOwnership::BucketOwnerEnforced));
    bed.ok(asked).await;
    let controls = bed.ok(on!(GetBucketOwnershipControlsInput, "asked")).await.ownership_controls.unwrap();
    assert_eq!(controls.rules[0].object_ownership, Some(ObjectOwnership::BucketOwnerEnforced));
}

#[tokio::test]
async fn a_name_that_is_taken_is_not_given_again() {
    let bed = Bed::new();
    create(&bed, "taken").await;
    bed.ok(on!(CreateBucketInput, "taken")).await;
    let asks = on!(CreateBucketInput, "taken", object_ownership: Some(ObjectOwnership::ObjectWriter));
    assert_eq!(bed.refused(asks).await, is(409, "BucketAlreadyOwnedByYou"));
    let by_bob = bed.at(BOB, "us-east-1", on!(CreateBucketInput, "taken")).await;
    assert_eq!(refusal(by_bob), is(409, "BucketAlreadyExists"));
    assert!(bed.at(BOB, "us-east-1", on!(CreateBucketInput, "other")).await.is_ok());
}

#[tokio::test]
async fn others_may_not_touch_a_bucket() {
    let bed = Bed::new();
    create(&bed, "mine").await;
    for refused in [
        refusal(bed.at(BOB, "us-east-1", on!(HeadBucketInput, "mine")).await),
        refusal(bed.at(BOB, "us-east-1", on!(DeleteBucketInput, "mine")).await),
        refusal(bed.at(BOB, "us-east-1", on!(GetBucketTaggingInput, "mine")).await),
        refusal(bed.at(BOB, "us-east-1", on!(DeletePublicAccessBlockInput, "mine")).await),
    ] {
        assert_eq!(refused, is(403, "AccessDenied"));
    }
    bed.ok(on!(DeleteBucketInput, "mine")).await;
}

#[tokio::test]
async fn the_location_must_fit_the_region_that_was_asked() {
    use BucketLocationConstraint::{ApSouth1, Eu, EuCentral1, EuWest1};
    let bed = Bed::new();
    let illegal = || Err(is(400, "IllegalLocationConstraintException"));
    let cases = [
        ("us-east-1", None, Ok(None)),
        ("eu-west-1", Some(EuWest1), Ok(Some(EuWest1))),
        ("eu-west-1", Some(Eu), Ok(Some(Eu))),
        ("eu-central-1", Some(EuCentral1), Ok(Some(EuCentral1))),
        ("eu-central-1", None, illegal()),
        ("us-east-1", Some(EuWest1), illegal()),
        ("eu-west-1", Some(EuCentral1), illegal()),
        ("ap-south-1", Some(ApSouth1), Err(is(400, "InvalidLocationConstraint"))),
    ];
    for (number, (region, constraint, expected)) in cases.into_iter().enumerate() {
        let name = format!("bucket-{number}");
        let made = bed.at(ALICE, region, located(&name, constraint)).await;
        match expected {
            Err(refused) => assert_eq!(refusal(made), refused, "{region} {constraint:?}"),
            Ok(answer) => {
                assert!(made.is_ok(), "{region} {constraint:?}");
                let got = bed.at(ALICE, region, on!(GetBucketLocationInput, name)).await.unwrap();
                assert_eq!(got.output.location_constraint, answer);
                let head = bed.at(ALICE, region, on!(HeadBucketInput, name)).await.unwrap();
                assert_eq!(head.output.bucket_region.as_deref(), Some(region));
            }
        }
    }
    let elsewhere = bed.at(ALICE, "us-east-1", on!(HeadBucketInput, "bucket-1")).await;
    assert_eq!(refusal(elsewhere), is(301, "PermanentRedirect"));
}

#[tokio::test]
async fn only_acls_that_say_nothing_new_are_accepted_at_birth_unless_lists_are_enabled() {
    let bed = Bed::new();
    let own = format!("id=\"{}\"", canonical(ALICE));
    let others = format!("id=\"{}\"", canonical(BOB));
    let enforced = is(400, "InvalidBucketAclWithObjectOwnership");
    bed.ok(on!(CreateBucketInput, "private", acl: Some(BucketCannedAcl::Private))).await;
    bed.ok(on!(CreateBucketInput, "own-grant", grant_full_control: Some(own))).await;
    for canned in
        [BucketCannedAcl::PublicRead, BucketCannedAcl::PublicReadWrite, BucketCannedAcl::AuthenticatedRead]
    {
        assert_eq!(bed.refused(on!(CreateBucketInput, "canned", acl: Some(canned))).await, enforced);
        let with_acls = on!(
            CreateBucketInput, "canned",
            acl: Some(canned), object_ownership: Some(ObjectOwnership::ObjectWriter)
        );
        assert_eq!(bed.refused(with_acls).await, is(400, "InvalidBucketAclWithBlockPublicAccessError"));
    }
    assert_eq!(
        bed.refused(on!(CreateBucketInput, "granted", grant_read: Some(others.clone()))).await,
        enforced
    );
    assert_eq!(
        bed.refused(on!(CreateBucketInput, "granted", grant_full_control: Some(others.clone()))).await,
        enforced
    );
    let writer = Some(ObjectOwnership::ObjectWriter);
    let granted = on!(CreateBucketInput, "writer", object_ownership: writer, grant_read: Some(others));
    bed.ok(granted).await;
    assert_eq!(bed.ok(on!(GetBucketAclInput, "writer")).await.grants.unwrap().len(), 1);
    let controls = bed.ok(on!(GetBucketOwnershipControlsInput, "writer")).await.ownership_controls.unwrap();
    assert_eq!(controls.rules[0].object_ownership, writer);
}

#[tokio::test]
async fn object_lock_enables_versioning_for_good() {
    let bed = Bed::new();
    bed.ok(on!(CreateBucketInput, "locked", object_lock_enabled_for_bucket: Some(true))).await;
    let versioning = bed.ok(on!(GetBucketVersioningInput, "locked")).await;
    assert_eq!(versioning.status, Some(BucketVersioningStatus::Enabled));
    let lock =
        bed.ok(on!(GetObjectLockConfigurationInput, "locked")).await.object_lock_configuration.unwrap();
    assert!(lock.object_lock_enabled.is_some() && lock.rule.is_none());
    create(&bed, "unlocked").await;
    assert_eq!(
        bed.refused(on!(GetObjectLockConfigurationInput, "unlocked")).await,
        is(404, "ObjectLockConfigurationNotFoundError")
    );
}

#[tokio::test]
async fn tags_can_be_given_at_birth() {
    let bed = Bed::new();
    let tagged = |name: &str, key: &str| {
        let tags = Some(vec![Tag { key: key.into(), value: "v".into() }]);
        let configuration = CreateBucketConfiguration { tags, ..Default::default() };
        on!(CreateBucketInput, name, create_bucket_configuration: Some(Box::new(configuration)))
    };
    bed.ok(tagged("tagged", "team")).await;
    assert_eq!(bed.ok(on!(GetBucketTaggingInput, "tagged")).await.tag_set[0].key, "team");
    assert_eq!(bed.refused(tagged("never", "aws:team")).await, is(400, "InvalidTag"));
    assert_eq!(bed.refused(on!(HeadBucketInput, "never")).await, is(404, "NoSuchBucket"));
}

#[tokio::test]
async fn account_regional_names_belong_to_their_account() {
    let bed = Bed::new();
    let own = format!("data-{ALICE}-us-east-1-an");
    let regional = Some(BucketNamespace::AccountRegional);
    assert_eq!(bed.refused(on!(CreateBucketInput, own)).await, is(400, "InvalidBucketName"));
    assert_eq!(
        bed.refused(on!(CreateBucketInput, "data", bucket_namespace: regional)).await,
        is(400, "InvalidBucketName")
    );
    let by_bob = bed.at(BOB, "us-east-1", on!(CreateBucketInput, own, bucket_namespace: regional)).await;
    assert_eq!(refusal(by_bob), is(400, "InvalidBucketName"));
    bed.ok(on!(CreateBucketInput, own, bucket_namespace: regional)).await;
    create(&bed, "a-plan-an").await;
}

#[tokio::test]
async fn an_account_owns_at_most_ten_thousand_buckets() {
    let bed = Bed::new();
    let mut batch = Batch::new(Partition::Names);
    for number in 0..MAX_BUCKETS_PER_ACCOUNT {
        let name = BucketName::parse(&format!("bucket-{number}")).unwrap();
        batch.put(row::account_bucket(account(ALICE), &name), Vec::new());
    }
    bed.engine.inner.commit(batch).await.unwrap();
    assert_eq!(bed.refused(on!(CreateBucketInput, "one-more")).await, is(400, "TooManyBuckets"));
    assert!(bed.at(BOB, "us-east-1", on!(CreateBucketInput, "one-more")).await.is_ok());
}

#[tokio::test]
async fn a_bucket_with_an_object_or_a_version_is_not_deleted() {
    let bed = Bed::new();
    let key = ObjectKey::parse("key").unwrap();
    for (name, row_key) in [
        ("current", row::current(&key)),
        ("version", row::version(&key, ObjectSequence(1))),
        ("null", row::null(&key)),
    ] {
        create(&bed, name).await;
        let partition = bed.partition(name).await.unwrap();
        bed.put_row(partition, row_key.clone(), vec![1]).await;
        assert_eq!(bed.refused(on!(DeleteBucketInput, name)).await, is(409, "BucketNotEmpty"), "{name}");
        let mut batch = Batch::new(partition);
        batch.delete(row_key);
        bed.engine.inner.commit(batch).await.unwrap();
        bed.ok(on!(DeleteBucketInput, name)).await;
        assert_eq!(bed.refused(on!(HeadBucketInput, name)).await, is(404, "NoSuchBucket"));
        assert_eq!(bed.refused(on!(DeleteBucketInput, name)).await, is(404, "NoSuchBucket"));
    }
}

async fn stage(bed: &Bed) -> StagedBlob {
    let mut id = [0; 16];
    SystemEntropy::new().fill(&mut id);
    let mut writer = bed.engine.stage(BlobId::from_bytes(id), None).await.unwrap();
    writer.write(vec![1, 2, 3].into()).await.unwrap();
    writer.finish().await.unwrap()
}

#[tokio::test]
async fn uploads_in_progress_go_with_their_bucket() {
    let bed = Bed::new();
    create(&bed, "uploads").await;
    let partition = bed.partition("uploads").await.unwrap();
    let begun = bed.ok(on!(CreateMultipartUploadInput, "uploads", key: "key".into())).await;
    let part = on!(
        UploadPartInput, "uploads",
        key: "key".into(), upload_id: begun.upload_id.unwrap(), part_number: Some(1)
    );
    assert!(bed.call_as::<op::UploadPart>(root(ALICE), part, Some(body(b"123"))).await.is_ok());
    // What is left of another upload.
    let (upload, blob) = (UploadId::from_bytes([7; 16]), stage(&bed).await);
    let part = PartRow {
        blob: BlobRow {
            id: *blob.id().as_bytes(),
            wrapped_key: vec![1],
            plain_bytes: 3,
            sealed_sha256: None,
        },
        etag: [0; 16],
        modified_millis: 0,
        checksums: Vec::new(),
    };
    let mut batch = Batch::new(partition);
    batch.put(row::index(upload), vec![1]);
    batch.put(row::part(upload, 1), Coded::encode(&part));
    batch.put(row::layout(upload), vec![1]);
    batch.blobs.push(blob);
    bed.engine.commit(batch).await.unwrap();
    assert_eq!(bed.engine.live_blobs().await.len(), 2);
    bed.ok(on!(DeleteBucketInput, "uploads")).await;
    assert_eq!(bed.engine.live_blobs().await, [], "the space of the parts is given back");
    let left = bed.engine.inner.scan(partition, vec![]..vec![0xff], 10, Direction::Forward).await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test]
async fn a_bucket_made_again_shares_nothing_with_the_old_one() {
    let bed = Bed::new();
    create(&bed, "again").await;
    let old = bed.partition("again").await.unwrap();
    let tag_set = vec![Tag { key: "k".into(), value: "v".into() }];
    bed.ok(on!(PutBucketTaggingInput, "again", tagging: strongroom_api_s3::Tagging { tag_set })).await;
    bed.ok(on!(DeleteBucketInput, "again")).await;
    assert_eq!(bed.engine.inner.scan(old, vec![]..vec![0xff], 10, Direction::Forward).await.unwrap(), []);
    assert!(bed.at(BOB, "us-east-1", on!(CreateBucketInput, "again")).await.is_ok());
    assert_ne!(bed.partition("again").await.unwrap(), old);
    let tags = bed.at(BOB, "us-east-1", on!(GetBucketTaggingInput, "again")).await;
    assert_eq!(refusal(tags), is(404, "NoSuchTagSet"));
    let listed = bed.ok(strongroom_api_s3::ListBucketsInput::default()).await.buckets.unwrap();
    assert!(listed.is_empty(), "the name still counts for its former owner");
}

#[tokio::test]
async fn killed_while_creating_the_name_is_free_or_the_bucket_whole() {
    for commits in 0..5 {
        let bed = Bed::new();
        bed.engine.crash_after(commits);
        let answered = bed.at(ALICE, "us-east-1", on!(CreateBucketInput, "crash")).await.is_ok();
        bed.engine.restart();
        bed.s3.settle_intents().await.unwrap();
        let there = bed.partition("crash").await.is_some();
        assert_eq!(there, answered, "{commits} commits");
        assert_eq!(bed.rows_of_buckets().await == 0, !there, "{commits} commits");
        assert_eq!(bed.names().await, if there { 2 } else { 0 }, "{commits} commits");
        if there {
            bed.ok(on!(GetBucketVersioningInput, "crash")).await;
        } else {
            assert!(bed.at(BOB, "us-east-1", on!(CreateBucketInput, "crash")).await.is_ok());
        }
    }
}

#[tokio::test]
async fn killed_while_deleting_the_bucket_is_whole_or_its_name_free() {
    for commits in 0..5 {
        let bed = Bed::new();
        create(&bed, "crash").await;
        bed.engine.crash_after(commits);
        let answered = bed.at(ALICE, "us-east-1", on!(DeleteBucketInput, "crash")).await.is_ok();
        bed.engine.restart();
        bed.s3.settle_intents().await.unwrap();
        assert_eq!(bed.partition("crash").await.is_none(), answered, "{commits} commits");
        assert_eq!(bed.rows_of_buckets().await == 0, answered, "{commits} commits");
        assert_eq!(bed.names().await, if answered { 0 } else { 2 }, "{commits} commits");
        let listed = bed.ok(strongroom_api_s3::ListBucketsInput::default()).await.buckets.unwrap();
        assert_eq!(listed.is_empty(), answered, "{commits} commits");
        if answered {
            assert_eq!(bed.refused(on!(HeadBucketInput, "crash")).await, is(404, "NoSuchBucket"));
            assert!(bed.at(BOB, "us-east-1", on!(CreateBucketInput, "crash")).await.is_ok());
            let listed = bed.ok(strongroom_api_s3::ListBucketsInput::default()).await.buckets.unwrap();
            assert!(listed.is_empty(), "the former owner's index kept the name");
        } else {
            bed.ok(on!(GetBucketVersioningInput, "crash")).await;
        }
    }
}

#[tokio::test]
async fn of_many_who_ask_for_a_name_one_gets_it() {
    let bed = Bed::new();
    let asks = (0..8).map(|number| {
        let who = if number % 2 == 0 { ALICE } else { BOB };
        // Who asks for no more than the bucket, and has it already, is content in this region.
        let object_ownership = Some(ObjectOwnership::ObjectWriter);
        bed.at(who, "us-east-1", on!(CreateBucketInput, "wanted", object_ownership: object_ownership))
    });
    let answers = futures_util::future::join_all(asks).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let everything =
        bed.engine.inner.scan(Partition::Names, vec![]..vec![0xff], 10, Direction::Forward).await.unwrap();
    assert_eq!(everything.len(), 2, "one name, one place in an index");
}

#[tokio::test]
async fn a_change_and_its_record_are_one_commit() {
    let bed = Bed::new();
    create(&bed, "recorded").await;
    bed.ok(on!(DeletePublicAccessBlockInput, "recorded")).await;
    bed.ok(on!(DeleteBucketInput, "recorded")).await;
    let records = bed.records().await;
    assert_eq!(records.len(), 3);
    for (record, action) in
        records.iter().zip(["s3:CreateBucket", "s3:PutBucketPublicAccessBlock", "s3:DeleteBucket"])
    {
        let Record::Decided(decided) = record else { panic!("{record:?}") };
        assert_eq!(decided.action.as_deref(), Some(action));
        assert_eq!(decided.bucket.as_deref(), Some("recorded"));
        assert_eq!(decided.effects.len(), 1);
        assert_eq!(decided.effects[0].kind, EffectKind::Configure);
    }
}
