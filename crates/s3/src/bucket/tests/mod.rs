//! Buckets through the gate, over the naive store.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use strongroom_gate::{
    BucketFacts, Caller, ErrorReply, Facts, Gate, Handle, Ledger, Reply, RequestFacts, RootUser,
};
use strongroom_kms::{Keys, SystemEntropy};
use strongroom_record::{Decided, Record};
use strongroom_shape::{Input, Operation};
use strongroom_storage::{
    Batch, Committed, Direction, Entry, Journal as _, MemoryStore, MetaStore, Partition, Row, StoreError,
    StoreHealth,
};
use strongroom_types::{AccessKeyId, AccountId, BucketName, CanonicalUserId, Region, Timestamp};

use crate::{BucketDirectory, S3};

mod configurations;
mod control;
mod life;
mod listing;

/// A store that stops at a chosen commit, as if the process were killed there, and lets others run between its steps.
#[derive(Clone)]
struct Fragile {
    inner: MemoryStore,
    commits_left: Arc<AtomicUsize>,
    /// Every partition that was written to.
    touched: Arc<Mutex<Vec<Partition>>>,
}

#[async_trait]
impl MetaStore for Fragile {
    async fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Row>, StoreError> {
        tokio::task::yield_now().await;
        self.inner.get(partition, key).await
    }

    async fn scan(
        &self,
        partition: Partition,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Entry>, StoreError> {
        tokio::task::yield_now().await;
        self.inner.scan(partition, range, limit, direction).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        tokio::task::yield_now().await;
        let left = self.commits_left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(StoreError::Closed);
        }
        self.commits_left.store(left - 1, Ordering::SeqCst);
        self.touched.lock().unwrap().push(batch.partition);
        self.inner.commit(batch).await
    }

    fn health(&self) -> StoreHealth {
        self.inner.health()
    }
}

struct Truth(BucketDirectory);

#[async_trait]
impl Facts for Truth {
    async fn bucket(&self, name: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        self.0.bucket(name).await
    }

    async fn management_account(&self) -> Result<AccountId, StoreError> {
        Ok(account(ALICE))
    }
}

const ALICE: &str = "111111111111";
const BOB: &str = "222222222222";

fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

fn canonical(text: &str) -> CanonicalUserId {
    CanonicalUserId::from_bytes([text.as_bytes()[0]; 32])
}

/// An installation in memory.
struct Bed {
    store: MemoryStore,
    fragile: Fragile,
    s3: S3,
    gate: Gate,
}

impl Bed {
    fn new() -> Self {
        let store = MemoryStore::at(Timestamp::from_secs(1_800_000_000));
        let fragile = Fragile {
            inner: store.clone(),
            commits_left: Arc::new(AtomicUsize::new(usize::MAX)),
            touched: Arc::default(),
        };
        let keyring = strongroom_crypto::Keyring::create(&SystemEntropy::new());
        let regions = ["us-east-1", "eu-west-1", "eu-central-1"].map(|name| Region::parse(name).unwrap());
        let s3 = S3::new(
            Arc::new(fragile.clone()),
            Arc::new(store.clone()),
            Arc::new(store.clone()),
            Arc::new(Keys::from_keyring(keyring).unwrap()),
            Arc::new(regions),
        );
        let gate = Gate::new(Arc::new(Truth(BucketDirectory::new(Arc::new(fragile.clone())))));
        Self { store, fragile, s3, gate }
    }

    /// Lets the store take only so many further commits.
    fn crash_after(&self, commits: usize) {
        self.fragile.commits_left.store(commits, Ordering::SeqCst);
    }

    fn restart(&self) {
        self.crash_after(usize::MAX);
    }

    async fn at<I: Input>(
        &self,
        who: &str,
        region: &str,
        input: I,
    ) -> Result<Reply<<I::Operation as Operation>::Output>, ErrorReply>
    where
        S3: Handle<I::Operation>,
    {
        let service = if std::any::type_name::<I>().contains("s3control") { "s3control" } else { "s3" };
        let caller = Caller::Root(RootUser {
            account: account(who),
            canonical: canonical(who),
            access_key_id: AccessKeyId::long_term([1; 16]),
        });
        let facts = RequestFacts {
            service,
            region: Region::parse(region).unwrap(),
            now: Timestamp::from_secs(1_800_000_000),
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            secure_transport: true,
        };
        let ledger = Ledger::new(Decided::default());
        let request = self.gate.authorize(caller, facts, input, None, &ledger).await;
        self.s3.handle(request.map_err(|refusal| refusal.reply())?).await
    }

    async fn ok<I: Input>(&self, input: I) -> <I::Operation as Operation>::Output
    where
        S3: Handle<I::Operation>,
    {
        match self.at(ALICE, "us-east-1", input).await {
            Ok(reply) => reply.output,
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
        let directory = BucketDirectory::new(Arc::new(self.store.clone()));
        let facts = directory.bucket(&BucketName::parse(name).unwrap()).await.unwrap();
        facts.map(|facts| Partition::Bucket(facts.id))
    }

    /// How many rows all buckets have that there ever were.
    async fn rows_of_buckets(&self) -> usize {
        let touched = self.fragile.touched.lock().unwrap().clone();
        let mut count = 0;
        for partition in touched.into_iter().filter(|partition| *partition != Partition::Names) {
            count += self.rows_in(partition).await;
        }
        count
    }

    /// How many rows the partition of names has.
    async fn names(&self) -> usize {
        self.rows_in(Partition::Names).await
    }

    async fn rows_in(&self, partition: Partition) -> usize {
        self.store.scan(partition, vec![]..vec![0xff], 100, Direction::Forward).await.unwrap().len()
    }

    /// Sets a row, as another operation would.
    async fn put_row(&self, partition: Partition, key: Vec<u8>, value: Vec<u8>) {
        let mut batch = Batch::new(partition);
        batch.put(key, value);
        self.store.commit(batch).await.unwrap();
    }

    /// The first parts of all records, and the effects that were added later, in order.
    async fn records(&self) -> Vec<Record> {
        let read = self.store.read(None, 10_000).await.unwrap();
        read.iter()
            .flat_map(|(_, records)| records)
            .map(|bytes| strongroom_record::decode(bytes).unwrap())
            .collect()
    }
}

fn refusal<T>(result: Result<Reply<T>, ErrorReply>) -> (u16, String) {
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
