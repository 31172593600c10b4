//! The service and what it stands on.

use std::sync::Arc;

use strongroom_identity::{Account, Identity};
use strongroom_storage::{Batch, MetaStore, Partition, Precondition, RowVersion, StoreClock, StoreError};
use strongroom_types::{AccountId, Region};
use tokio::sync::Mutex;

use crate::error::OrganizationsError;
use crate::facts::FactsCache;
use crate::kind::{AwsPolicy, PolicyKind};
use crate::row::{
    self, AttachmentRow, ChildKind, MemberRow, ORGANIZATION, OrganizationRow, PRESENT, ROOT, RootRow, decode,
    encode,
};
use crate::{id, limits};

/// The organisation of an installation.
#[derive(Clone)]
pub struct Organizations {
    pub(crate) store: Arc<dyn MetaStore>,
    pub(crate) clock: Arc<dyn StoreClock>,
    pub(crate) identity: Identity,
    pub(crate) regions: Arc<[Region]>,
    /// Order among changes. Commits are optimistic: of many changes one wins each round, so whoever lost would lose
    /// again. Nothing depends on it but patience.
    pub(crate) turn: Arc<Mutex<()>>,
    pub(crate) facts: Arc<FactsCache>,
}

impl Organizations {
    /// A service over the store that `identity` keeps its accounts in, for an installation of these regions.
    pub fn new(
        store: Arc<dyn MetaStore>,
        clock: Arc<dyn StoreClock>,
        identity: Identity,
        regions: Arc<[Region]>,
    ) -> Self {
        Self { store, clock, identity, regions, turn: Arc::default(), facts: Arc::default() }
    }

    /// Makes the organisation, if it is not there: with every account that is there as its member. It is there from the
    /// first start on; a data directory of before there was one gets it when it is opened.
    ///
    /// # Errors
    /// Those of the store; [`OrganizationsError::Damaged`] for an account that does not read.
    pub async fn establish(&self) -> Result<(), OrganizationsError> {
        if self.store.get(Partition::Org, ORGANIZATION).await?.is_some() {
            return Ok(());
        }
        let mut accounts: Vec<Account> = Vec::new();
        loop {
            let after = accounts.last().map(|last| last.id);
            let more = self.identity.accounts(after, limits::SCAN_ROWS).await?;
            let full = more.len() == limits::SCAN_ROWS;
            accounts.extend(more);
            if !full {
                break;
            }
        }
        match self.store.commit(self.beginning(&accounts).await?).await {
            // Another process was faster.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The rows of a new organisation.
    async fn beginning(&self, accounts: &[Account]) -> Result<Batch, OrganizationsError> {
        let organization = OrganizationRow {
            id: id::organization(&self.identity),
            root: id::root(&self.identity),
            management: self.identity.management_account().await?.to_string(),
            enabled: vec![PolicyKind::ServiceControl, PolicyKind::ResourceControl],
            created_millis: self.clock.now().as_millis(),
            generation: 1,
            accounts: u32::try_from(accounts.len()).unwrap_or(u32::MAX),
            units: 0,
            service_control: 0,
            resource_control: 0,
            s3: 0,
        };
        let mut batch = Batch::new(Partition::Org);
        batch.require(Precondition::RowAbsent(ORGANIZATION.to_vec()));
        batch.put(ORGANIZATION, encode(&organization));
        for policy in AwsPolicy::ALL {
            batch.put(row::policy_name(policy.kind, policy.name), encode(&policy.id));
        }
        let root = RootRow { attached: defaults(&organization), tags: Vec::new() };
        batch.put(ROOT, encode(&root));
        for attached in &root.attached {
            batch.put(row::target(&attached.policy, &organization.root), PRESENT);
        }
        for account in accounts {
            for (key, value) in membership(account.id, &member(&organization, account)) {
                batch.put(key, value);
            }
        }
        Ok(batch)
    }

    /// The organisation, and which commit changed it last.
    pub(crate) async fn organization(&self) -> Result<(OrganizationRow, RowVersion), OrganizationsError> {
        let row = self.store.get(Partition::Org, ORGANIZATION).await?;
        // INVARIANT: an installation is served only once its organisation is established.
        let row = row.ok_or(OrganizationsError::Damaged)?;
        Ok((decode(&row.value)?, row.version))
    }
}

/// What hangs on a new unit or account.
pub(crate) fn defaults(organization: &OrganizationRow) -> Vec<AttachmentRow> {
    let enabled = PolicyKind::ALL.into_iter().filter(|kind| organization.has(*kind));
    enabled
        .filter_map(PolicyKind::default_policy)
        .map(|policy| AttachmentRow { policy: policy.id.to_owned(), kind: policy.kind })
        .collect()
}

/// An account as a new member, under the root.
pub(crate) fn member(organization: &OrganizationRow, account: &Account) -> MemberRow {
    MemberRow {
        id: account.id.to_string(),
        parent: organization.root.clone(),
        attached: defaults(organization),
        tags: Vec::new(),
        joined_millis: account.created.as_millis(),
        closed_millis: None,
    }
}

/// The rows of a new member.
pub(crate) fn membership(account: AccountId, member: &MemberRow) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = vec![
        (row::member(account), encode(member)),
        (row::child(&member.parent, ChildKind::Account, &member.id), PRESENT.to_vec()),
    ];
    rows.extend(
        member.attached.iter().map(|attached| (row::target(&attached.policy, &member.id), PRESENT.to_vec())),
    );
    rows
}
