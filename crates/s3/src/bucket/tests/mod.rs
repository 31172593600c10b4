//! Buckets through the gate, over the naive store.

use std::ops::Deref;

use strongroom_gate::{Caller, ErrorReply, Handle};
use strongroom_kms::SystemEntropy;
use strongroom_record::Record;
use strongroom_shape::{Input, Operation};
use strongroom_storage::{Batch, Direction, Journal as _, MetaStore as _, Partition};
use strongroom_types::{AccountId, BucketName, CanonicalUserId, Region};

use crate::testing::{Answer, Harness, root_of};
use crate::{BucketDirectory, S3};

mod abac;
mod access_points;
mod configurations;
mod control;
mod life;
mod listing;

const ALICE: &str = "111111111111";
const BOB: &str = "222222222222";

fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

fn canonical(text: &str) -> CanonicalUserId {
    CanonicalUserId::from_bytes([text.as_bytes()[0]; 32])
}

fn root(who: &str) -> Caller {
    root_of(account(who), canonical(who))
}

/// An installation in memory, without buckets, whose requests interleave.
struct Bed(Harness);

impl Deref for Bed {
    type Target = Harness;

    fn deref(&self) -> &Harness {
        &self.0
    }
}

impl Bed {
    fn new() -> Self {
        let harness = Harness::empty();
        harness.engine.interleave(7);
        Self(harness)
    }

    async fn at<I: Input>(
        &self,
        who: &str,
        region: &str,
        input: I,
    ) -> Result<Answer<I::Operation>, ErrorReply>
    where
        S3: Handle<I::Operation>,
    {
        self.call_in(Region::parse(region).unwrap(), root(who), input, None).await
    }

    async fn ok<I: Input>(&self, input: I) -> <I::Operation as Operation>::Output
    where
        S3: Handle<I::Operation>,
    {
        match self.at(ALICE, "us-east-1", input).await {
            Ok(answer) => answer.output,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// The status and code of a refusal.
    async fn refused<I: Input>(&self, input: I) -> (u16, String)
    where
        S3: Handle<I::Operation>,
    {
        refusal(self.at(ALICE, "us-east-1", input).await)
    }

    /// The partition of a bucket.
    async fn partition(&self, name: &str) -> Option<Partition> {
        let directory = BucketDirectory::new(std::sync::Arc::new(self.engine.inner.clone()));
        let facts = directory.bucket(&BucketName::parse(name).unwrap()).await.unwrap();
        facts.map(|facts| Partition::Bucket(facts.id))
    }

    /// How many rows all buckets have that there ever were.
    async fn rows_of_buckets(&self) -> usize {
        let mut count = 0;
        for partition in self.engine.touched() {
            if partition == Partition::Names {
                continue;
            }
            count += self.rows_in(partition).await;
        }
        count
    }

    /// How many rows the partition of names has.
    async fn names(&self) -> usize {
        self.rows_in(Partition::Names).await
    }

    async fn rows_in(&self, partition: Partition) -> usize {
        self.engine.inner.scan(partition, vec![]..vec![0xff], 100, Direction::Forward).await.unwrap().len()
    }

    /// Sets a row, as another operation would.
    async fn put_row(&self, partition: Partition, key: Vec<u8>, value: Vec<u8>) {
        let mut batch = Batch::new(partition);
        batch.put(key, value);
        self.engine.inner.commit(batch).await.unwrap();
    }

    /// The first parts of all records, and the effects that were added later, in order.
    async fn records(&self) -> Vec<Record> {
        let read = self.engine.inner.read(None, 10_000).await.unwrap();
        read.iter()
            .flat_map(|(_, records)| records)
            .map(|bytes| strongroom_record::decode(bytes).unwrap())
            .collect()
    }
}

fn refusal<T>(result: Result<T, ErrorReply>) -> (u16, String) {
    match result {
        Ok(_) => panic!("it was allowed"),
        Err(error) => (error.status, error.code.into_owned()),
    }
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// An input of just a bucket.
macro_rules! on {
    ($input:ident, $bucket:expr) => {
        strongroom_api_s3::$input { bucket: $bucket.to_owned(), ..Default::default() }
    };
    ($input:ident, $bucket:expr, $($field:ident: $value:expr),+ $(,)?) => {
        strongroom_api_s3::$input { bucket: $bucket.to_owned(), $($field: $value,)+ ..Default::default() }
    };
}
use on;
