//! Requests that interleave at every call of the store, by seed.

use futures_util::future::join_all;
use strongroom_api_s3::{PutObjectInput, op};
use strongroom_storage::{Direction, MetaStore as _};

use super::{code, delete_input, get, put, put_input};
use crate::row::{self, Coded as _, CurrentRow, VersionRow, Versioning};
use crate::testing::{Harness, body};

/// The rows of key `k` agree with each other, and with the blobs.
async fn check(harness: &Harness, seed: u64) {
    let key = strongroom_types::ObjectKey::parse("k").unwrap();
    let partition = harness.partition().await;
    let store = &harness.engine.inner;
    let rows = store.scan(partition, row::versions_of(&key), 1000, Direction::Forward).await.unwrap();
    let versions: Vec<_> = rows
        .iter()
        .map(|entry| {
            let (_, sequence) = row::version_key_parts(&entry.key).unwrap();
            (sequence, VersionRow::decode(&entry.row.value).unwrap())
        })
        .collect();
    let current = store.get(partition, &row::current(&key)).await.unwrap();
    let current = current.map(|row| CurrentRow::decode(&row.value).unwrap().sequence);
    let newest = versions.first().filter(|(_, row)| row.content.is_some()).map(|(sequence, _)| *sequence);
    assert_eq!(current, newest, "seed {seed}: the current row names the newest version");
    let nulls = versions.iter().filter(|(_, row)| row.random.is_none()).count();
    assert!(nulls <= 1, "seed {seed}: {nulls} null versions");
    let blobs = versions.iter().filter(|(_, row)| row.content.is_some()).count();
    assert_eq!(harness.engine.live_blobs().await.len(), blobs, "seed {seed}: a blob for each object");
}

#[tokio::test]
async fn rows_and_blobs_agree_whatever_comes_between() {
    for seed in 1..120 {
        let harness = Harness::new().await;
        put(&harness, "k", b"before").await;
        harness.set_versioning(Versioning::Enabled).await;
        let first = put(&harness, "k", b"first").await.version_id.unwrap();
        let second = put(&harness, "k", b"second").await.version_id.unwrap();
        harness.engine.interleave(seed);
        let write = async |n: usize| {
            let result = harness.call::<op::PutObject>(put_input("k"), Some(body(&[0; 9][..n]))).await;
            assert_eq!(code(result), "none");
        };
        let remove = async |version: Option<&str>| {
            let result = harness.call::<op::DeleteObject>(delete_input("k", version), None).await;
            assert_eq!(code(result), "none");
        };
        let suspend = async { harness.set_versioning(Versioning::Suspended).await };
        tokio::join!(
            write(1),
            remove(None),
            remove(Some(&first)),
            write(2),
            remove(Some(&second)),
            remove(Some("null")),
            suspend,
            remove(None),
            write(3),
        );
        harness.engine.interleave(0);
        check(&harness, seed).await;
    }
}

#[tokio::test]
async fn of_many_writers_who_want_to_be_first_one_is() {
    for seed in 1..20 {
        let harness = Harness::new().await;
        harness.engine.interleave(seed);
        let writers = (0..20_u8).map(|n| {
            let harness = harness.clone();
            async move {
                let input = PutObjectInput { if_none_match: Some("*".into()), ..put_input("k") };
                code(harness.call::<op::PutObject>(input, Some(body(&[n]))).await)
            }
        });
        let codes = join_all(writers).await;
        assert_eq!(codes.iter().filter(|code| *code == "none").count(), 1, "seed {seed}");
        assert_eq!(codes.iter().filter(|code| *code == "PreconditionFailed").count(), 19, "seed {seed}");
        check(&harness, seed).await;
    }
}

#[tokio::test]
async fn a_hundred_writers_of_one_key_all_succeed() {
    let harness = Harness::new().await;
    harness.engine.interleave(3);
    let writers = (0..100_u8).map(|n| {
        let harness = harness.clone();
        async move { put(&harness, "k", &[n]).await }
    });
    join_all(writers).await;
    assert_eq!(get(&harness, "k").await.unwrap().len(), 1);
    check(&harness, 3).await;
}

#[tokio::test]
async fn a_counter_kept_by_if_match_loses_no_step() {
    for seed in 1..8 {
        let harness = Harness::new().await;
        put(&harness, "k", b"0").await;
        harness.engine.interleave(seed);
        let counters = (0..4).map(|_| {
            let harness = harness.clone();
            async move {
                let mut done = 0;
                while done < 5 {
                    let answer = harness.call::<op::GetObject>(super::get_input("k"), None).await.unwrap();
                    let count: u32 = String::from_utf8(answer.body).unwrap().parse().unwrap();
                    let input = PutObjectInput { if_match: answer.output.etag, ..put_input("k") };
                    let next = (count + 1).to_string();
                    match harness.call::<op::PutObject>(input, Some(body(next.as_bytes()))).await {
                        Ok(_) => done += 1,
                        Err(reply) => assert_eq!(reply.code, "PreconditionFailed"),
                    }
                }
            }
        });
        join_all(counters).await;
        assert_eq!(get(&harness, "k").await.unwrap(), b"20", "seed {seed}");
    }
}
