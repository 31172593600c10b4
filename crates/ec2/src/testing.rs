//! What tests stand on: the service over the memory engine, behind the real gate.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use strongroom_crypto::Entropy;
use strongroom_gate::{
    BucketFacts, Caller, ErrorReply, Facts, Gate, Handle, Kept, Ledger, RequestFacts, RootUser, WireFacts,
};
use strongroom_policy::document::AwsPrincipal;
use strongroom_record::Decided;
use strongroom_shape::Operation;
use strongroom_storage::{Journal as _, MemoryStore, StoreClock as _, StoreError};
use strongroom_types::{AccessKeyId, AccountId, BucketName, CanonicalUserId, Region, Timestamp};

use crate::Ec2;

/// Tuesday, 24 November 2026, 16:32:38 UTC.
const NOW_MILLIS: i64 = 1_795_537_958_123;

/// Two accounts.
pub(crate) const OWNER: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";

/// Counts, so that no id comes twice.
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        let next = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (byte, random) in out.iter_mut().zip(next) {
            *byte = random;
        }
    }
}

/// The service over a store of its own.
pub(crate) fn service(regions: Arc<[Region]>) -> Ec2 {
    let store = Arc::new(MemoryStore::at(Timestamp::from_millis(NOW_MILLIS)));
    Ec2::new(store, Arc::new(Counting(AtomicU64::new(1))), regions, "s3.example.com")
}

/// No user or role of account [`OTHER`] exists; of [`OWNER`] every one is kept by the id `AIDAIOSFODNN7EXAMPLE0`.
struct TestFacts;

#[async_trait]
impl Facts for TestFacts {
    async fn bucket(&self, _: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        Ok(None)
    }
    async fn management_account(&self) -> Result<AccountId, StoreError> {
        Ok(AccountId::parse(OWNER).unwrap())
    }
    async fn keep_principal(&self, principal: &AwsPrincipal) -> Result<Kept, StoreError> {
        let text = principal.to_string();
        Ok(match text.split_once(":user/") {
            Some((account, _)) if account.ends_with(OWNER) => {
                Kept::ByUniqueId("AIDAIOSFODNN7EXAMPLE0".to_owned())
            }
            Some(_) => Kept::Unknown,
            None => Kept::AsItIs,
        })
    }
    async fn show_principal(&self, _: &str) -> Result<Option<AwsPrincipal>, StoreError> {
        Ok(AwsPrincipal::parse(&format!("arn:aws:iam::{OWNER}:user/alice")))
    }
}

/// An installation of two regions.
pub(crate) struct World {
    pub(crate) ec2: Ec2,
    store: MemoryStore,
    gate: Gate,
}

impl World {
    pub(crate) fn new() -> Self {
        let store = MemoryStore::at(Timestamp::from_millis(NOW_MILLIS));
        let regions: Vec<Region> = ["us-east-1", "eu-west-1"].map(|name| Region::parse(name).unwrap()).into();
        let entropy = Arc::new(Counting(AtomicU64::new(1)));
        let ec2 = Ec2::new(Arc::new(store.clone()), entropy, regions.into(), "s3.example.com");
        Self { ec2, store, gate: Gate::new(Arc::new(TestFacts)) }
    }

    /// Calls an operation as the root user of [`OWNER`] in us-east-1.
    pub(crate) async fn call<O>(&self, input: O::Input) -> Result<O::Output, ErrorReply>
    where
        O: Operation,
        Ec2: Handle<O>,
    {
        self.call_as::<O>((OWNER, "us-east-1"), input).await
    }

    /// Calls an operation as the root user of an account in a region: through the gate, into the record.
    pub(crate) async fn call_as<O>(
        &self,
        (account, region): (&str, &str),
        input: O::Input,
    ) -> Result<O::Output, ErrorReply>
    where
        O: Operation,
        Ec2: Handle<O>,
    {
        let ledger = Ledger::new(Decided::default());
        let caller = Caller::Root(RootUser {
            account: AccountId::parse(account).unwrap(),
            canonical: CanonicalUserId::from_bytes([7; 32]),
            access_key_id: AccessKeyId::long_term([1; 16]),
            session: None,
        });
        let facts = RequestFacts {
            service: "ec2",
            region: Region::parse(region).unwrap(),
            now: self.store.now(),
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            secure_transport: true,
            wire: WireFacts::default(),
        };
        let authorized = self.gate.authorize(caller, facts, input, None, &ledger).await;
        let authorized = authorized.map_err(|refusal| refusal.reply())?;
        let result = Handle::<O>::handle(&self.ec2, authorized).await;
        if let Some(record) = ledger.outstanding() {
            self.store.append(vec![record]).await.unwrap();
        }
        Ok(result?.output)
    }
}
