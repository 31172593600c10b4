//! What tests of operations stand on: an installation over the memory engine, behind the real gate.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use strongroom_crypto::Keyring;
use strongroom_gate::{
    Authorized, BucketFacts, Caller, ErrorReply, Facts, Gate, Handle, Kept, Ledger, Named, NamedPolicy,
    PrincipalFacts, RequestFacts, ResourceFacts, SecondFactor, WireFacts,
};
use strongroom_kms::{Keys, SystemEntropy};
use strongroom_policy::document::AwsPrincipal;
use strongroom_record::{Decided, Effect, Record};
use strongroom_shape::Operation;
use strongroom_storage::{HaltingStore, Journal as _, MemoryStore, StoreClock as _, StoreError};
use strongroom_types::{AccessKeyId, AccountId, Arn, BucketName, Region, Timestamp};

use crate::{Identity, IdentityError};

/// Tuesday, 24 November 2026, 16:32:38 UTC.
const NOW_MILLIS: i64 = 1_795_537_958_123;

/// A policy that allows everything.
pub(crate) const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// A trust policy for the users of account 123456789012 that nobody looks at.
pub(crate) const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

struct TestFacts(Identity);

fn store_error(error: IdentityError) -> StoreError {
    let what = error.to_string().into();
    if let IdentityError::Store(error) = error { error } else { StoreError::Corrupt { what } }
}

#[async_trait]
impl Facts for TestFacts {
    async fn bucket(&self, _name: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        Ok(None)
    }
    async fn management_account(&self) -> Result<AccountId, StoreError> {
        self.0.management_account().await.map_err(store_error)
    }
    async fn arn(&self, named: Named<'_>) -> Result<Option<Arn>, StoreError> {
        match named {
            Named::Iam(name) => self.0.iam_arn(name).await.map_err(store_error),
            Named::Organization(_) | Named::MemberAccount(_) => Ok(None),
        }
    }
    async fn principal(&self, caller: &Caller) -> Result<Arc<PrincipalFacts>, StoreError> {
        self.0.principal_facts(caller).await.map_err(store_error)
    }
    async fn resource_policy(&self, resource: &Arn) -> Result<Option<NamedPolicy>, StoreError> {
        self.0.trust_policy(resource).await.map_err(store_error)
    }
    async fn resource(&self, resource: &Arn) -> Result<ResourceFacts, StoreError> {
        self.0.resource_facts(resource).await.map_err(store_error)
    }
    async fn second_factor(
        &self,
        caller: &Caller,
        serial: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<SecondFactor, StoreError> {
        self.0.second_factor(caller, serial, code, now).await.map_err(store_error)
    }
    async fn keep_principal(&self, principal: &AwsPrincipal) -> Result<Kept, StoreError> {
        self.0.keep_principal(principal).await.map_err(store_error)
    }
    async fn show_principal(&self, id: &str) -> Result<Option<AwsPrincipal>, StoreError> {
        self.0.show_principal(id).await.map_err(store_error)
    }
}

/// An installation whose management account has nothing but its root user.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) identity: Identity,
    pub(crate) store: MemoryStore,
    keys: Arc<Keys>,
    engine: HaltingStore,
    gate: Gate,
    pub(crate) account: AccountId,
    /// The root user of the management account.
    pub(crate) root: Caller,
}

impl World {
    pub(crate) async fn new() -> Self {
        let store = MemoryStore::at(Timestamp::from_millis(NOW_MILLIS));
        let keyring = Keyring::create(&SystemEntropy::new());
        let keys = Arc::new(Keys::from_keyring(keyring).unwrap());
        let engine = HaltingStore::new(store.clone());
        let identity = Identity::new(Arc::new(engine.clone()), Arc::new(store.clone()), keys.clone());
        let made = identity.bootstrap("root@example.com").await.unwrap();
        let root = identity.credential(&made.access_key_id).await.unwrap().unwrap().caller;
        let gate = Gate::new(Arc::new(TestFacts(identity.clone())));
        Self { identity, store, keys, engine, gate, account: made.account, root }
    }

    /// The same installation, served by another process.
    pub(crate) fn elsewhere(&self) -> Self {
        let identity =
            Identity::new(Arc::new(self.engine.clone()), Arc::new(self.store.clone()), self.keys.clone());
        let gate = Gate::new(Arc::new(TestFacts(identity.clone())));
        Self { identity, gate, ..self.clone() }
    }

    /// From now on only so many further commits are taken.
    pub(crate) fn crash_after(&self, commits: usize) {
        self.engine.crash_after(commits);
    }

    /// From now on all commits are taken again.
    pub(crate) fn restart(&self) {
        self.engine.restart();
    }

    /// What time it is; it stands still.
    pub(crate) fn now(&self) -> Timestamp {
        self.store.now()
    }

    /// Who signs with a key.
    pub(crate) async fn caller(&self, access_key_id: &str) -> Option<Caller> {
        let id = AccessKeyId::parse(access_key_id).unwrap();
        self.identity.credential(&id).await.unwrap().map(|credential| credential.caller)
    }

    /// Calls an operation as the root user.
    pub(crate) async fn call<O>(&self, input: O::Input) -> Result<O::Output, ErrorReply>
    where
        O: Operation,
        Identity: Handle<O>,
    {
        self.call_as::<O>(&self.root, input).await
    }

    /// Calls an operation: through the gate, into the record.
    pub(crate) async fn call_as<O>(&self, caller: &Caller, input: O::Input) -> Result<O::Output, ErrorReply>
    where
        O: Operation,
        Identity: Handle<O>,
    {
        let decided = self.decide::<O>(caller, input).await?;
        self.handle::<O>(decided).await
    }

    /// Decides on a request.
    pub(crate) async fn decide<O>(
        &self,
        caller: &Caller,
        input: O::Input,
    ) -> Result<(Authorized<O::Input>, Ledger), ErrorReply>
    where
        O: Operation,
    {
        static REQUESTS: AtomicU64 = AtomicU64::new(1);
        let request_id = format!("{:016X}", REQUESTS.fetch_add(1, Ordering::Relaxed));
        let ledger = Ledger::new(Decided { request_id, ..Decided::default() });
        let sts = strongroom_api_sts::SERVICE.operations.iter().any(|known| std::ptr::eq(*known, O::SCHEMA));
        let facts = RequestFacts {
            service: if sts { "sts" } else { "iam" },
            region: Region::us_east_1(),
            now: self.store.now(),
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            secure_transport: true,
            wire: WireFacts::default(),
        };
        let authorized = self.gate.authorize(caller.clone(), facts, input, None, &ledger).await;
        Ok((authorized.map_err(|refusal| refusal.reply())?, ledger))
    }

    /// Handles a request that was decided on.
    pub(crate) async fn handle<O>(
        &self,
        (authorized, ledger): (Authorized<O::Input>, Ledger),
    ) -> Result<O::Output, ErrorReply>
    where
        O: Operation,
        Identity: Handle<O>,
    {
        let result = Handle::<O>::handle(&self.identity, authorized).await;
        if let Some(record) = ledger.outstanding() {
            self.store.append(vec![record]).await.unwrap();
        }
        Ok(result?.output)
    }

    /// The effects of the newest record.
    pub(crate) async fn last_effects(&self) -> Vec<Effect> {
        let records = self.store.read(None, usize::MAX).await.unwrap();
        let last = records.last().and_then(|(_, records)| records.last()).unwrap();
        match strongroom_record::decode(last).unwrap() {
            Record::Decided(decided) => decided.effects,
            Record::Continued(more) => more.effects,
            Record::Completed(_) | Record::Coalesced(_) => Vec::new(),
        }
    }
}
