//! Objects of other accounts, in a bucket whose lists have a say.

use strongroom_api_s3::{
    CopyObjectInput, CreateMultipartUploadInput, DeleteObjectInput, GetObjectAclInput,
    GetObjectAttributesInput, GetObjectInput, ListObjectsInput, ObjectAttributes, ObjectCannedAcl,
    PutObjectAclInput, PutObjectInput, op,
};
use strongroom_gate::{AccessControlList, AclGrantee, AclPermission, Caller};
use strongroom_types::{AccountId, CanonicalUserId};

use super::{code, put, put_input};
use crate::row::AclRow;
use crate::testing::{BUCKET, Harness, body, root_of};

fn bob() -> CanonicalUserId {
    CanonicalUserId::from_bytes([9; 32])
}

fn bobs_root() -> Caller {
    root_of(AccountId::parse("444455556666").unwrap(), bob())
}

/// A bucket into which bob may write, with an object of his.
async fn shared() -> Harness {
    let harness = Harness::new().await;
    let list = AccessControlList::from_iter([(AclGrantee::User(bob()), AclPermission::Write)]);
    harness.change_state(|state| state.acl = Some(AclRow::from(&list))).await;
    harness.call_as::<op::PutObject>(bobs_root(), put_input("k"), Some(body(b"bob's"))).await.unwrap();
    harness
}

fn get() -> GetObjectInput {
    GetObjectInput { bucket: BUCKET.into(), key: "k".into(), ..GetObjectInput::default() }
}

#[tokio::test]
async fn an_object_is_its_writers_to_read_and_the_bucket_owners_to_delete() {
    let harness = shared().await;
    assert_eq!(code(harness.call::<op::GetObject>(get(), None).await), "AccessDenied");
    assert_eq!(harness.call_as::<op::GetObject>(bobs_root(), get(), None).await.unwrap().body, b"bob's");
    let copy = CopyObjectInput {
        bucket: BUCKET.into(),
        key: "copy".into(),
        copy_source: format!("{BUCKET}/k"),
        ..CopyObjectInput::default()
    };
    assert_eq!(code(harness.call::<op::CopyObject>(copy, None).await), "AccessDenied");
    let attributes = GetObjectAttributesInput {
        bucket: BUCKET.into(),
        key: "k".into(),
        object_attributes: vec![ObjectAttributes::ObjectSize],
        ..GetObjectAttributesInput::default()
    };
    assert_eq!(code(harness.call::<op::GetObjectAttributes>(attributes, None).await), "AccessDenied");
    let list = ListObjectsInput { bucket: BUCKET.into(), ..ListObjectsInput::default() };
    let listed = harness.call::<op::ListObjects>(list, None).await.unwrap().output.contents;
    assert_eq!(listed[0].owner.as_ref().unwrap().id, Some(bob().to_string()));
    let delete = DeleteObjectInput { bucket: BUCKET.into(), key: "k".into(), ..DeleteObjectInput::default() };
    harness.call::<op::DeleteObject>(delete, None).await.unwrap();
}

#[tokio::test]
async fn who_may_write_deletes_what_is_his_and_nothing_else() {
    let harness = shared().await;
    put(&harness, "own", b"x").await;
    let delete = async |key: &str| {
        let (bucket, key) = (BUCKET.to_owned(), key.to_owned());
        let input = DeleteObjectInput { bucket, key, ..DeleteObjectInput::default() };
        code(harness.call_as::<op::DeleteObject>(bobs_root(), input, None).await)
    };
    assert_eq!(delete("own").await, "AccessDenied");
    assert_eq!(delete("none").await, "AccessDenied");
    assert_eq!(delete("k").await, "none");
}

#[tokio::test]
async fn its_owner_sets_its_list_and_others_read_by_it() {
    let harness = shared().await;
    let set = async |caller: Caller, acl| {
        let (bucket, key) = (BUCKET.to_owned(), "k".to_owned());
        let input = PutObjectAclInput { bucket, key, acl: Some(acl), ..PutObjectAclInput::default() };
        code(harness.call_as::<op::PutObjectAcl>(caller, input, None).await)
    };
    assert_eq!(set(harness.caller.clone(), ObjectCannedAcl::BucketOwnerFullControl).await, "AccessDenied");
    assert_eq!(set(bobs_root(), ObjectCannedAcl::BucketOwnerRead).await, "none");
    assert_eq!(harness.call::<op::GetObject>(get(), None).await.unwrap().body, b"bob's");
    let shown =
        || GetObjectAclInput { bucket: BUCKET.into(), key: "k".into(), ..GetObjectAclInput::default() };
    assert_eq!(code(harness.call::<op::GetObjectAcl>(shown(), None).await), "AccessDenied");
    let answer = harness.call_as::<op::GetObjectAcl>(bobs_root(), shown(), None).await.unwrap().output;
    assert_eq!(answer.owner.unwrap().id, Some(bob().to_string()));
    assert_eq!(answer.grants.unwrap().len(), 2);
}

#[tokio::test]
async fn with_lists_disabled_everything_is_the_bucket_owners() {
    let harness = shared().await;
    harness.change_state(|state| state.ownership = Some("BucketOwnerEnforced".to_owned())).await;
    assert_eq!(harness.call::<op::GetObject>(get(), None).await.unwrap().body, b"bob's");
    assert_eq!(code(harness.call_as::<op::GetObject>(bobs_root(), get(), None).await), "AccessDenied");
}

#[tokio::test]
async fn given_to_the_bucket_owner_it_is_his_where_he_prefers_so() {
    let harness = shared().await;
    harness.change_state(|state| state.ownership = Some("BucketOwnerPreferred".to_owned())).await;
    let acl = Some(ObjectCannedAcl::BucketOwnerFullControl);
    let input = PutObjectInput { acl, ..put_input("k") };
    harness.call_as::<op::PutObject>(bobs_root(), input, Some(body(b"given"))).await.unwrap();
    assert_eq!(harness.call::<op::GetObject>(get(), None).await.unwrap().body, b"given");
    assert_eq!(code(harness.call_as::<op::GetObject>(bobs_root(), get(), None).await), "AccessDenied");
    let (bucket, key) = (BUCKET.to_owned(), "parts".to_owned());
    let input = CreateMultipartUploadInput { bucket, key, acl, ..CreateMultipartUploadInput::default() };
    harness.call_as::<op::CreateMultipartUpload>(bobs_root(), input, None).await.unwrap();
}

/// However requests interleave, nobody reads what another account wrote since he was let through.
#[tokio::test]
async fn what_is_read_is_what_was_decided_on() {
    for seed in 1..60_u64 {
        let harness = shared().await;
        put(&harness, "k", b"alice's").await;
        harness.engine.interleave(seed * 7919);
        let write = harness.call_as::<op::PutObject>(bobs_root(), put_input("k"), Some(body(b"bob's")));
        let (read, written) = tokio::join!(harness.call::<op::GetObject>(get(), None), write);
        assert!(written.is_ok());
        match read {
            Ok(answer) => assert_eq!(answer.body, b"alice's", "seed {seed}"),
            Err(reply) => assert_eq!(reply.code, "AccessDenied", "seed {seed}"),
        }
    }
}
