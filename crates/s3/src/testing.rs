//! What tests of operations stand on: the service over the memory engine, behind the real gate.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use strongroom_crypto::Keyring;
use strongroom_gate::{
    AccessPointAddress, AccessPointFacts, Body, BodyError, BodySource, BucketFacts, Caller, ErrorReply,
    ExpectedDigests, Facts, Gate, Handle, Ledger, ObjectAccess, RequestFacts, RootUser, WireFacts,
};
use strongroom_kms::{Keys, SystemEntropy};
use strongroom_record::{Decided, Effect, Record};
use strongroom_shape::Operation;
use strongroom_storage::{
    Batch, BlobStore, BlobWriter, Committed, Direction, Entry, Journal, MemoryStore, MetaStore, Partition,
    Row, StoreClock as _, StoreError, StoreHealth,
};
use strongroom_types::{
    AccessKeyId, AccountId, BlobId, BucketId, BucketName, CanonicalUserId, ObjectKey, Region, Timestamp,
    VersionId,
};

use crate::S3;
use crate::row::{self, BucketRow, Coded as _, NameRow, StateRow, Versioning};

/// Tuesday, 24 November 2026, 16:32:38 UTC.
pub(crate) static NOW: std::sync::LazyLock<Timestamp> =
    std::sync::LazyLock::new(|| Timestamp::from_millis(1_795_537_958_123));

/// The bucket that is there from the beginning.
pub(crate) const BUCKET: &str = "bucket";

/// The memory engine, watched. On demand it gives way at each call, so that requests interleave, and stops at a chosen
/// commit, as if the process were killed there.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) inner: MemoryStore,
    watch: Arc<Watch>,
}

struct Watch {
    staged: Mutex<Vec<BlobId>>,
    /// State of a generator of pseudo-random numbers; 0: never gives way.
    dice: AtomicU64,
    /// How many commits are still taken.
    commits_left: AtomicUsize,
    /// Every partition that was committed to.
    touched: Mutex<BTreeSet<Partition>>,
    /// Rows that scans gave out, and the scans.
    scanned: Mutex<(usize, usize)>,
}

impl Engine {
    fn new() -> Self {
        let watch = Watch {
            staged: Mutex::default(),
            dice: AtomicU64::new(0),
            commits_left: AtomicUsize::new(usize::MAX),
            touched: Mutex::default(),
            scanned: Mutex::default(),
        };
        Self { inner: MemoryStore::at(*NOW), watch: Arc::new(watch) }
    }

    /// From now on requests interleave, by this seed.
    pub(crate) fn interleave(&self, seed: u64) {
        self.watch.dice.store(seed | 1, Ordering::Relaxed);
    }

    /// From now on only so many further commits are taken.
    pub(crate) fn crash_after(&self, commits: usize) {
        self.watch.commits_left.store(commits, Ordering::Relaxed);
    }

    /// From now on all commits are taken again.
    pub(crate) fn restart(&self) {
        self.crash_after(usize::MAX);
    }

    /// Every partition that was ever committed to.
    pub(crate) fn touched(&self) -> BTreeSet<Partition> {
        self.watch.touched.lock().unwrap().clone()
    }

    /// How many rows were given out by scans since this was last asked, and by how many scans.
    pub(crate) fn scanned(&self) -> (usize, usize) {
        std::mem::take(&mut *self.watch.scanned.lock().unwrap())
    }

    async fn give_way(&self) {
        let mut dice = self.watch.dice.load(Ordering::Relaxed);
        if dice == 0 {
            return;
        }
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        self.watch.dice.store(dice, Ordering::Relaxed);
        for _ in 0..dice % 4 {
            tokio::task::yield_now().await;
        }
    }

    /// Blobs that are committed and not released.
    pub(crate) async fn live_blobs(&self) -> Vec<BlobId> {
        let staged = self.watch.staged.lock().unwrap().clone();
        let mut live = Vec::new();
        for id in staged {
            if BlobStore::len(&self.inner, id).await.is_ok() {
                live.push(id);
            }
        }
        live
    }
}

#[async_trait]
impl MetaStore for Engine {
    async fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Row>, StoreError> {
        self.give_way().await;
        self.inner.get(partition, key).await
    }
    async fn scan(
        &self,
        partition: Partition,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Entry>, StoreError> {
        self.give_way().await;
        let found = self.inner.scan(partition, range, limit, direction).await?;
        let mut scanned = self.watch.scanned.lock().unwrap();
        *scanned = (scanned.0 + found.len(), scanned.1 + 1);
        Ok(found)
    }
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.give_way().await;
        let left = self.watch.commits_left.load(Ordering::Relaxed);
        self.watch.commits_left.store(left.checked_sub(1).ok_or(StoreError::Closed)?, Ordering::Relaxed);
        self.watch.touched.lock().unwrap().insert(batch.partition);
        let result = self.inner.commit(batch).await;
        self.give_way().await;
        result
    }
    fn health(&self) -> StoreHealth {
        self.inner.health()
    }
}

#[async_trait]
impl BlobStore for Engine {
    async fn stage(&self, id: BlobId, expected: Option<u64>) -> Result<Box<dyn BlobWriter>, StoreError> {
        self.watch.staged.lock().unwrap().push(id);
        self.inner.stage(id, expected).await
    }
    async fn read(&self, id: BlobId, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.give_way().await;
        BlobStore::read(&self.inner, id, range).await
    }
    async fn len(&self, id: BlobId) -> Result<u64, StoreError> {
        BlobStore::len(&self.inner, id).await
    }
}

struct TestFacts(S3, AccountId);

#[async_trait]
impl Facts for TestFacts {
    async fn bucket(&self, name: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        self.0.directory().bucket(name).await
    }
    async fn access_point(
        &self,
        address: &AccessPointAddress,
    ) -> Result<Option<Arc<AccessPointFacts>>, StoreError> {
        self.0.directory().access_point(address).await
    }
    async fn object_access(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: Option<VersionId>,
    ) -> Result<Option<ObjectAccess>, StoreError> {
        self.0.object_access(bucket, key, version).await
    }
    async fn upload_initiator(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        id: &str,
    ) -> Result<Option<CanonicalUserId>, StoreError> {
        self.0.upload_initiator(bucket, key, id).await
    }
    async fn management_account(&self) -> Result<AccountId, StoreError> {
        Ok(self.1)
    }
}

/// A body in the pieces given, that may end in an error.
pub(crate) struct Pieces {
    rest: VecDeque<Bytes>,
    error: Option<ErrorReply>,
    trailers: Vec<(String, String)>,
}

#[async_trait]
impl BodySource for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        tokio::task::yield_now().await;
        match (self.rest.pop_front(), self.error.clone()) {
            (Some(piece), _) => Ok(Some(piece)),
            (None, Some(error)) => Err(BodyError(error)),
            (None, None) => Ok(None),
        }
    }
    fn trailers(&self) -> &[(String, String)] {
        &self.trailers
    }
}

/// A body of these bytes, in pieces of 50,000, with its length and nothing else stated.
pub(crate) fn body(bytes: &[u8]) -> Body {
    body_with(bytes, ExpectedDigests { length: Some(bytes.len() as u64), ..ExpectedDigests::default() })
}

/// A body of these bytes with whatever is stated of it.
pub(crate) fn body_with(bytes: &[u8], expected: ExpectedDigests) -> Body {
    let rest = bytes.chunks(50_000).map(Bytes::copy_from_slice).collect();
    Body::new(Box::new(Pieces { rest, error: None, trailers: Vec::new() }), expected)
}

/// A body whose trailers are these.
pub(crate) fn body_with_trailers(bytes: &[u8], expected: ExpectedDigests, trailers: &[(&str, &str)]) -> Body {
    let rest = bytes.chunks(50_000).map(Bytes::copy_from_slice).collect();
    let trailers = trailers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Body::new(Box::new(Pieces { rest, error: None, trailers }), expected)
}

/// A body that breaks off behind these bytes.
pub(crate) fn broken_body(bytes: &[u8]) -> Body {
    let rest = bytes.chunks(50_000).map(Bytes::copy_from_slice).collect();
    let error = Some(ErrorReply::new(400, "SignatureDoesNotMatch", "A chunk's signature is wrong"));
    Body::new(Box::new(Pieces { rest, error, trailers: Vec::new() }), ExpectedDigests::default())
}

/// An answer, its body read to the end.
pub(crate) struct Answer<O: Operation> {
    pub(crate) output: O::Output,
    pub(crate) status: Option<u16>,
    pub(crate) body: Vec<u8>,
    pub(crate) object_size: Option<u64>,
    /// What the record says was touched.
    pub(crate) effects: Vec<Effect>,
}

/// The service behind the gate, and its engine.
#[derive(Clone)]
pub(crate) struct Harness {
    pub(crate) s3: S3,
    pub(crate) engine: Engine,
    gate: Gate,
    /// Who calls, unless another caller is given.
    pub(crate) caller: Caller,
}

impl Harness {
    /// With the bucket [`BUCKET`], its versioning off.
    pub(crate) async fn new() -> Self {
        let harness = Self::empty();
        harness.make_bucket(BUCKET, false).await;
        harness
    }

    /// Without a bucket.
    pub(crate) fn empty() -> Self {
        let engine = Engine::new();
        let keyring = Keyring::create(&SystemEntropy::new());
        let regions = ["us-east-1", "eu-west-1", "eu-central-1"].map(|name| Region::parse(name).unwrap());
        let s3 = S3::new(
            Arc::new(engine.clone()),
            Arc::new(engine.clone()),
            Arc::new(engine.inner.clone()),
            Arc::new(Keys::from_keyring(keyring).unwrap()),
            Arc::new(regions),
        );
        let account = AccountId::parse("111122223333").unwrap();
        let facts = TestFacts(s3.clone(), account);
        Self { s3, engine, gate: Gate::new(Arc::new(facts)), caller: root(account) }
    }

    /// Makes a bucket of the harness's account.
    pub(crate) async fn make_bucket(&self, name: &str, object_lock: bool) {
        let Caller::Root(owner) = &self.caller else { panic!("the harness's caller is a root user") };
        let id = BucketId::from_bytes(self.s3.random());
        let name_row = NameRow {
            bucket_id: *id.as_bytes(),
            owner: owner.account.to_string(),
            owner_canonical: owner.canonical.to_string(),
            region: "us-east-1".to_owned(),
            created_millis: NOW.as_millis(),
        };
        let bucket_row = BucketRow {
            name: name.to_owned(),
            owner: owner.account.to_string(),
            created_millis: NOW.as_millis(),
            object_lock,
        };
        let mut batch = Batch::new(Partition::Bucket(id));
        batch.put(row::BUCKET, bucket_row.encode()).put(row::STATE, StateRow::default().encode());
        self.engine.inner.commit(batch).await.unwrap();
        let mut batch = Batch::new(Partition::Names);
        batch.put(row::name(&BucketName::parse(name).unwrap()), name_row.encode());
        self.engine.inner.commit(batch).await.unwrap();
    }

    /// Removes a bucket's name and rows, whatever is in it, as if it had been deleted.
    pub(crate) async fn forget_bucket(&self, name: &str) {
        let partition = self.partition_of(name).await;
        let mut batch = Batch::new(partition);
        batch.delete(row::BUCKET).delete(row::STATE);
        self.engine.inner.commit(batch).await.unwrap();
    }

    async fn partition_of(&self, name: &str) -> Partition {
        let key = row::name(&BucketName::parse(name).unwrap());
        let row = self.engine.inner.get(Partition::Names, &key).await.unwrap().unwrap();
        Partition::Bucket(NameRow::decode(&row.value).unwrap().id())
    }

    /// The partition of [`BUCKET`].
    pub(crate) async fn partition(&self) -> Partition {
        self.partition_of(BUCKET).await
    }

    /// Changes the state of [`BUCKET`], as PutBucketVersioning and others do.
    pub(crate) async fn change_state(&self, change: impl FnOnce(&mut StateRow)) {
        let partition = self.partition().await;
        let row = self.engine.inner.get(partition, row::STATE).await.unwrap().unwrap();
        let mut state = StateRow::decode(&row.value).unwrap();
        change(&mut state);
        state.generation += 1;
        let mut batch = Batch::new(partition);
        batch.put(row::STATE, state.encode());
        self.engine.inner.commit(batch).await.unwrap();
    }

    /// Sets the versioning of [`BUCKET`].
    pub(crate) async fn set_versioning(&self, versioning: Versioning) {
        self.change_state(|state| state.versioning = versioning).await;
    }

    /// Calls an operation as the harness's caller.
    pub(crate) async fn call<O>(&self, input: O::Input, body: Option<Body>) -> Result<Answer<O>, ErrorReply>
    where
        O: Operation,
        S3: Handle<O>,
    {
        self.call_as(self.caller.clone(), input, body).await
    }

    /// Calls an operation in the region us-east-1.
    pub(crate) async fn call_as<O>(
        &self,
        caller: Caller,
        input: O::Input,
        body: Option<Body>,
    ) -> Result<Answer<O>, ErrorReply>
    where
        O: Operation,
        S3: Handle<O>,
    {
        self.call_in(Region::us_east_1(), caller, input, body).await
    }

    /// Calls an operation: through the gate, into the record, its answer's body read to the end.
    pub(crate) async fn call_in<O>(
        &self,
        region: Region,
        caller: Caller,
        input: O::Input,
        body: Option<Body>,
    ) -> Result<Answer<O>, ErrorReply>
    where
        O: Operation,
        S3: Handle<O>,
    {
        static REQUESTS: AtomicU64 = AtomicU64::new(1);
        let request_id = format!("{:016X}", REQUESTS.fetch_add(1, Ordering::Relaxed));
        let ledger = Ledger::new(Decided { request_id: request_id.clone(), ..Decided::default() });
        let of_control = strongroom_api_s3control::SERVICE.operations.contains(&O::SCHEMA);
        let facts = RequestFacts {
            service: if of_control { "s3control" } else { "s3" },
            region,
            now: self.engine.inner.now(),
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            secure_transport: true,
            wire: WireFacts::default(),
        };
        let authorized = self.gate.authorize(caller, facts, input, body, &ledger).await;
        let authorized = authorized.map_err(|refusal| refusal.reply())?;
        let result = Handle::<O>::handle(&self.s3, authorized).await;
        if let Some(record) = ledger.outstanding() {
            self.engine.inner.append(vec![record]).await.unwrap();
        }
        let reply = result?;
        let mut bytes = Vec::new();
        if let Some(mut body) = reply.body {
            while let Some(piece) = body.bytes.next().await {
                bytes.extend_from_slice(&piece.map_err(|error| ErrorReply::from(&error))?);
            }
            assert_eq!(bytes.len() as u64, body.length, "the body is as long as it says");
        }
        Ok(Answer {
            output: reply.output,
            status: reply.status,
            body: bytes,
            object_size: reply.object_size,
            effects: self.effects(&request_id).await,
        })
    }

    /// The effects in the records of a request.
    async fn effects(&self, request_id: &str) -> Vec<Effect> {
        let records = Journal::read(&self.engine.inner, None, usize::MAX).await.unwrap();
        let records = records.into_iter().flat_map(|(_, records)| records);
        records
            .filter_map(|record| match strongroom_record::decode(&record).unwrap() {
                Record::Decided(decided) if decided.request_id == request_id => Some(decided.effects),
                Record::Continued(more) if more.request_id == request_id => Some(more.effects),
                Record::Decided(_) | Record::Continued(_) | Record::Completed(_) | Record::Coalesced(_) => {
                    None
                }
            })
            .flatten()
            .collect()
    }
}

/// The root user of an account, with a canonical id that no other account has.
pub(crate) fn root(account: AccountId) -> Caller {
    let mut canonical = [7; 32];
    let (head, _) = canonical.split_at_mut(8);
    head.copy_from_slice(&account.as_u64().to_be_bytes());
    root_of(account, CanonicalUserId::from_bytes(canonical))
}

/// The root user of an account.
pub(crate) fn root_of(account: AccountId, canonical: CanonicalUserId) -> Caller {
    let access_key_id = AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
    Caller::Root(RootUser { account, canonical, access_key_id, session: None })
}
