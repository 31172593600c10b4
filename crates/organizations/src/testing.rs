//! What tests stand on: an installation over the memory engine, behind the real gate.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use strongroom_crypto::Keyring;
use strongroom_gate::{
    AccountFacts, BucketFacts, Caller, ErrorReply, Facts, Gate, Handle, IamUser, Ledger, Named, NamedPolicy,
    PrincipalFacts, RequestFacts, ResourceFacts, RootUser, WireFacts,
};
use strongroom_identity::Identity;
use strongroom_kms::{Keys, SystemEntropy};
use strongroom_policy::{Kind, PolicyCache};
use strongroom_record::Decided;
use strongroom_shape::{Operation, ServiceSchema};
use strongroom_storage::{HaltingStore, Journal as _, MemoryStore, MetaStore, StoreClock as _, StoreError};
use strongroom_types::{AccessKeyId, AccountId, Arn, BucketName, CanonicalUserId, Region, Timestamp};

use crate::{Organizations, OrganizationsError};

/// Tuesday, 24 November 2026, 16:32:38 UTC.
const NOW_MILLIS: i64 = 1_795_537_958_123;

/// A policy that allows everything.
const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

struct TestFacts {
    organizations: Organizations,
    policies: PolicyCache,
}

fn store_error(error: OrganizationsError) -> StoreError {
    let what = error.to_string().into();
    if let OrganizationsError::Store(error) = error { error } else { StoreError::Corrupt { what } }
}

#[async_trait]
impl Facts for TestFacts {
    async fn bucket(&self, _name: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        Ok(None)
    }
    async fn management_account(&self) -> Result<AccountId, StoreError> {
        Ok(self.organizations.identity.management_account().await.unwrap())
    }
    async fn arn(&self, named: Named<'_>) -> Result<Option<Arn>, StoreError> {
        match named {
            Named::Iam(_) => Ok(None),
            Named::Organization(id) => self.organizations.arn(id).await.map_err(store_error),
            Named::MemberAccount(id) => self.organizations.member_arn(id).await.map_err(store_error),
        }
    }
    /// Users here may do everything, as far as it is for their own policies to say.
    async fn principal(&self, _caller: &Caller) -> Result<Arc<PrincipalFacts>, StoreError> {
        let policy = self.policies.get(&ALLOW_ALL.into(), Kind::Managed).unwrap();
        let identity = vec![NamedPolicy { name: "all".into(), policy }];
        Ok(Arc::new(PrincipalFacts { identity, ..PrincipalFacts::default() }))
    }
    async fn account(&self, account: AccountId) -> Result<Arc<AccountFacts>, StoreError> {
        self.organizations.account_facts(account).await.map_err(store_error)
    }
    async fn resource(&self, resource: &Arn) -> Result<ResourceFacts, StoreError> {
        self.organizations.resource_facts(resource).await.map_err(store_error)
    }
    async fn is_delegated_administrator(&self, account: AccountId) -> Result<bool, StoreError> {
        self.organizations.is_delegated_administrator(account, None).await.map_err(store_error)
    }
    async fn administers_accounts(&self, account: AccountId) -> Result<bool, StoreError> {
        let service = Some(crate::ACCOUNT_SERVICE);
        self.organizations.is_delegated_administrator(account, service).await.map_err(store_error)
    }
    async fn organization_policy(&self) -> Result<Option<NamedPolicy>, StoreError> {
        self.organizations.resource_policy().await.map_err(store_error)
    }
}

/// An installation whose organisation has nothing but its management account.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) organizations: Organizations,
    pub(crate) identity: Identity,
    pub(crate) store: MemoryStore,
    engine: HaltingStore,
    gate: Gate,
    pub(crate) management: AccountId,
    /// The root user of the management account.
    pub(crate) root: Caller,
}

impl World {
    pub(crate) async fn new() -> Self {
        let world = Self::without_organization().await;
        world.organizations.establish().await.unwrap();
        world
    }

    /// As data directories were before there were organisations.
    pub(crate) async fn without_organization() -> Self {
        let store = MemoryStore::at(Timestamp::from_millis(NOW_MILLIS));
        let keys = Arc::new(Keys::from_keyring(Keyring::create(&SystemEntropy::new())).unwrap());
        let engine = HaltingStore::new(store.clone());
        let shared: Arc<dyn MetaStore> = Arc::new(engine.clone());
        let clock = Arc::new(store.clone());
        let identity = Identity::new(shared.clone(), clock.clone(), keys);
        let made = identity.bootstrap("root@example.com").await.unwrap();
        let root = identity.credential(&made.access_key_id).await.unwrap().unwrap().caller;
        let regions: Vec<Region> = ["us-east-1", "eu-west-1"].map(|name| Region::parse(name).unwrap()).into();
        let organizations = Organizations::new(shared, clock, identity.clone(), regions.into());
        let facts = TestFacts { organizations: organizations.clone(), policies: PolicyCache::new() };
        let gate = Gate::new(Arc::new(facts));
        Self { organizations, identity, store, engine, gate, management: made.account, root }
    }

    /// From now on only so many further commits are taken.
    pub(crate) fn crash_after(&self, commits: usize) {
        self.engine.crash_after(commits);
    }

    /// From now on all commits are taken again.
    pub(crate) fn restart(&self) {
        self.engine.restart();
    }

    /// A user of an account, whose own policies allow everything.
    pub(crate) fn user(account: &str) -> Caller {
        Caller::User(IamUser {
            account: AccountId::parse(account).unwrap(),
            canonical: CanonicalUserId::from_bytes([7; 32]),
            user_id: "AIDAEXAMPLE".to_owned(),
            name: "alice".to_owned(),
            path: "/".to_owned(),
            access_key_id: AccessKeyId::long_term([1; 16]),
            session: None,
        })
    }

    /// The root user of an account.
    pub(crate) fn root_of(account: &str) -> Caller {
        Caller::Root(RootUser {
            account: AccountId::parse(account).unwrap(),
            canonical: CanonicalUserId::from_bytes([7; 32]),
            access_key_id: AccessKeyId::long_term([1; 16]),
            session: None,
        })
    }

    /// Calls an operation as the root user of the management account.
    pub(crate) async fn call<O>(&self, input: O::Input) -> Result<O::Output, ErrorReply>
    where
        O: Operation,
        Organizations: Handle<O>,
    {
        self.call_as::<O>(&self.root, input).await
    }

    /// Calls an operation: through the gate, into the record.
    pub(crate) async fn call_as<O>(&self, caller: &Caller, input: O::Input) -> Result<O::Output, ErrorReply>
    where
        O: Operation,
        Organizations: Handle<O>,
    {
        static REQUESTS: AtomicU64 = AtomicU64::new(1);
        let request_id = format!("{:016X}", REQUESTS.fetch_add(1, Ordering::Relaxed));
        let ledger = Ledger::new(Decided { request_id, ..Decided::default() });
        let of =
            |service: &ServiceSchema| service.operations.iter().any(|known| std::ptr::eq(*known, O::SCHEMA));
        let facts = RequestFacts {
            service: if of(&strongroom_api_strongroom::SERVICE) {
                "strongroom"
            } else if of(&strongroom_api_account::SERVICE) {
                "account"
            } else {
                "organizations"
            },
            region: Region::us_east_1(),
            now: self.store.now(),
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            secure_transport: true,
            wire: WireFacts::default(),
        };
        let authorized = self.gate.authorize(caller.clone(), facts, input, None, &ledger).await;
        let authorized = authorized.map_err(|refusal| refusal.reply())?;
        let result = Handle::<O>::handle(&self.organizations, authorized).await;
        if let Some(record) = ledger.outstanding() {
            self.store.append(vec![record]).await.unwrap();
        }
        Ok(result?.output)
    }
}
