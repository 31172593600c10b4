//! What the gate asks of the organisation before it decides.
//!
//! Read on every request. What was gathered of an account is kept together with the version of the organisation's row,
//! which every change rewrites: one read says whether it is still true.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_gate::{AccountFacts, ControlLevel, NamedPolicy, OrganizationFacts, ResourceFacts};
use strongroom_policy::{Kind, PolicyCache};
use strongroom_storage::{Partition, Precondition, RowVersion, StoreError};
use strongroom_types::{AccountId, Arn};

use crate::Organizations;
use crate::error::OrganizationsError;
use crate::kind::{AwsPolicy, PolicyKind};
use crate::limits::{FACTS_KEPT, MAX_TRIES, UNIT_DEPTH};
use crate::node::Node;
use crate::row::{
    self, DelegationRow, MemberRow, ORGANIZATION, OrganizationRow, PolicyRow, RESOURCE_POLICY, ROOT,
    ResourcePolicyRow, RootRow, TagRow, UnitRow, decode,
};
use crate::s3_policy::{self, Effective, S3Policy};

/// What was gathered, and policies in the form that is decided with.
#[derive(Default)]
pub(crate) struct FactsCache {
    policies: PolicyCache,
    gathered: Mutex<Gathered>,
}

/// Facts of accounts as one version of the organisation has them.
#[derive(Default)]
struct Gathered {
    version: Option<RowVersion>,
    accounts: HashMap<AccountId, Arc<AccountFacts>>,
}

impl FactsCache {
    fn find(&self, account: AccountId, version: RowVersion) -> Option<Arc<AccountFacts>> {
        let gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.accounts.get(&account).filter(|_| gathered.version == Some(version)).cloned()
    }

    fn keep(&self, account: AccountId, version: RowVersion, facts: &Arc<AccountFacts>) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        if gathered.version != Some(version) || gathered.accounts.len() >= FACTS_KEPT {
            *gathered = Gathered { version: Some(version), accounts: HashMap::new() };
        }
        gathered.accounts.insert(account, facts.clone());
    }
}

impl Organizations {
    /// The place of an account in the organisation and what holds there, as it is now. An account that is not there has
    /// none.
    ///
    /// # Errors
    /// [`OrganizationsError::Damaged`] if a stored policy does not read as one; errors of the store.
    pub async fn account_facts(&self, account: AccountId) -> Result<Arc<AccountFacts>, OrganizationsError> {
        for _ in 0..MAX_TRIES {
            let row = self.store.get(Partition::Org, ORGANIZATION).await?;
            // INVARIANT: an installation is served only once its organisation is established.
            let row = row.ok_or(OrganizationsError::Damaged)?;
            if let Some(facts) = self.facts.find(account, row.version) {
                return Ok(facts);
            }
            let gathered = self.gather(account, &decode(&row.value)?).await;
            // What was read between two changes may never have been true together.
            if self.organization().await?.1 == row.version {
                let Some(facts) = gathered? else { return Ok(Arc::default()) };
                let facts = Arc::new(facts);
                self.facts.keep(account, row.version, &facts);
                return Ok(facts);
            }
        }
        Err(StoreError::Busy.into())
    }

    async fn gather(
        &self,
        account: AccountId,
        organization: &OrganizationRow,
    ) -> Result<Option<AccountFacts>, OrganizationsError> {
        let Some(member) = self.row::<MemberRow>(&row::member(account)).await? else { return Ok(None) };
        let is_closed = member.closed_millis.is_some();
        let path = self.path(organization, &member.parent).await?;
        let place = OrganizationFacts {
            id: organization.id.clone(),
            path: format!("{}/{}/", organization.id, path.join("/")),
        };
        let nodes = self.nodes(&path, member).await?;
        let (mut service_control, mut resource_control) = (Vec::new(), Vec::new());
        // Source: Organizations User Guide, "Service control policies" and "Resource control policies": neither affects
        // the management account.
        if organization.management()? != account {
            service_control = self.levels(organization, &nodes, PolicyKind::ServiceControl).await?;
            resource_control = self.levels(organization, &nodes, PolicyKind::ResourceControl).await?;
        }
        let block = self.effective(organization, &nodes).await?.map(|effective| effective.policy.block());
        Ok(Some(AccountFacts {
            organization: Some(place),
            service_control,
            resource_control,
            public_access_block: block,
            is_closed,
        }))
    }

    /// Ids of the root and the units above and including one, from the root down.
    pub(crate) async fn path(
        &self,
        organization: &OrganizationRow,
        parent: &str,
    ) -> Result<Vec<String>, OrganizationsError> {
        let mut path = Vec::new();
        let mut next = parent.to_owned();
        while next != organization.root {
            // INVARIANT: no unit lies deeper, and none within itself.
            if path.len() >= UNIT_DEPTH {
                return Err(OrganizationsError::Damaged);
            }
            let unit = self.row::<UnitRow>(&row::unit(&next)).await?.ok_or(OrganizationsError::Damaged)?;
            path.push(next);
            next = unit.parent;
        }
        path.push(next);
        path.reverse();
        Ok(path)
    }

    /// The root, the units of a path, and an account under them.
    pub(crate) async fn nodes(
        &self,
        path: &[String],
        member: MemberRow,
    ) -> Result<Vec<Node>, OrganizationsError> {
        let mut nodes = Vec::with_capacity(path.len() + 1);
        for (index, id) in path.iter().enumerate() {
            nodes.push(if index == 0 {
                Node::Root(self.row(ROOT).await?.ok_or(OrganizationsError::Damaged)?)
            } else {
                Node::Unit(self.row(&row::unit(id)).await?.ok_or(OrganizationsError::Damaged)?)
            });
        }
        nodes.push(Node::Account(member));
        Ok(nodes)
    }

    /// The policies of a type, level by level; none if the type is not enabled.
    async fn levels(
        &self,
        organization: &OrganizationRow,
        nodes: &[Node],
        kind: PolicyKind,
    ) -> Result<Vec<ControlLevel>, OrganizationsError> {
        let mut levels = Vec::new();
        for node in nodes.iter().filter(|_| organization.has(kind)) {
            let mut policies = Vec::new();
            for id in node.policies(kind) {
                policies.push(self.compiled(organization, id).await?);
            }
            levels.push(ControlLevel { target: node.id(organization).to_owned(), policies });
        }
        Ok(levels)
    }

    async fn compiled(
        &self,
        organization: &OrganizationRow,
        id: &str,
    ) -> Result<NamedPolicy, OrganizationsError> {
        let (kind, language, content) = match AwsPolicy::find(id) {
            Some(policy) if policy.kind == PolicyKind::ResourceControl => {
                (policy.kind, Some(Kind::FullResourceControl), policy.content.to_owned())
            }
            Some(policy) => (policy.kind, policy.kind.language(), policy.content.to_owned()),
            None => {
                let policy = self.stored(id).await?;
                (policy.kind, policy.kind.language(), policy.content)
            }
        };
        let language = language.ok_or(OrganizationsError::Damaged)?;
        // A policy that does not read must not be left out, for it may deny.
        let policy = self.facts.policies.get(&content.into(), language);
        let policy = policy.map_err(|_| OrganizationsError::Damaged)?;
        Ok(NamedPolicy { name: organization.policy_arn(kind, id).into(), policy })
    }

    /// A customer's policy that is attached, and so there.
    async fn stored(&self, id: &str) -> Result<PolicyRow, OrganizationsError> {
        self.row(&row::policy(id)).await?.ok_or(OrganizationsError::Damaged)
    }

    /// The S3 policy in effect for the account at the end of these nodes, if there is one.
    pub(crate) async fn effective(
        &self,
        organization: &OrganizationRow,
        nodes: &[Node],
    ) -> Result<Option<Effective>, OrganizationsError> {
        let mut levels = Vec::new();
        for node in nodes.iter().filter(|_| organization.has(PolicyKind::S3)) {
            let mut policies = Vec::new();
            for id in node.policies(PolicyKind::S3) {
                let stored = self.stored(id).await?;
                let policy = S3Policy::parse(&stored.content).map_err(|_| OrganizationsError::Damaged)?;
                policies.push((policy, stored.changed_millis));
            }
            levels.push(policies);
        }
        Ok(s3_policy::effective(&levels))
    }

    async fn row<T: for<'b> minicbor::Decode<'b, ()>>(
        &self,
        key: &[u8],
    ) -> Result<Option<T>, OrganizationsError> {
        let row = self.store.get(Partition::Org, key).await?;
        row.map(|row| decode(&row.value)).transpose()
    }

    /// The ARN of what has this id in the organisation: an account, the root, a unit, a policy.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn arn(&self, id: &str) -> Result<Option<Arn>, OrganizationsError> {
        let (organization, _) = self.organization().await?;
        let arn = if AccountId::parse(id).is_ok() {
            Some(organization.account_arn(id))
        } else if id == organization.root {
            Some(organization.root_arn())
        } else if id.starts_with("ou-") {
            Some(organization.unit_arn(id))
        } else if let Some(policy) = AwsPolicy::find(id) {
            Some(organization.policy_arn(policy.kind, id))
        } else if id.starts_with("p-") {
            let policy = self.row::<PolicyRow>(&row::policy(id)).await?;
            policy.map(|policy| organization.policy_arn(policy.kind, id))
        } else if id.starts_with("rp-") {
            Some(organization.resource_policy_arn(id))
        } else {
            None
        };
        Ok(arn.and_then(|arn| Arn::parse(&arn).ok()))
    }

    /// What policies may ask of the root, a unit, an account or a policy of the organisation: its tags. Of what is not
    /// there nothing.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn resource_facts(&self, resource: &Arn) -> Result<ResourceFacts, OrganizationsError> {
        // Read first, so that nothing that is read below can be older than what it is guarded by.
        let (organization, version) = self.organization().await?;
        let id = match resource.resource().rsplit_once('/') {
            Some((_, id)) => id,
            // Of the service `account`, the account of whoever asks.
            None => resource.account(),
        };
        let tags = self.tags_of(&organization, id).await?.unwrap_or_default();
        Ok(ResourceFacts {
            tags: tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            boundary: None,
            guard: Some((Partition::Org, Precondition::RowIs(ORGANIZATION.to_vec(), version))),
        })
    }

    async fn tags_of(
        &self,
        organization: &OrganizationRow,
        id: &str,
    ) -> Result<Option<Vec<TagRow>>, OrganizationsError> {
        Ok(if let Ok(account) = AccountId::parse(id) {
            self.row::<MemberRow>(&row::member(account)).await?.map(|member| member.tags)
        } else if id == organization.root {
            self.row::<RootRow>(ROOT).await?.map(|root| root.tags)
        } else if id.starts_with("ou-") {
            self.row::<UnitRow>(&row::unit(id)).await?.map(|unit| unit.tags)
        } else if id.starts_with("p-") {
            self.row::<PolicyRow>(&row::policy(id)).await?.map(|policy| policy.tags)
        } else if id.starts_with("rp-") {
            let policy = self.row::<ResourcePolicyRow>(RESOURCE_POLICY).await?;
            policy.filter(|policy| policy.id == id).map(|policy| policy.tags)
        } else {
            None
        })
    }

    /// The ARN of an account as the service `account` calls a member of the organisation.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn member_arn(&self, id: &str) -> Result<Option<Arn>, OrganizationsError> {
        let (organization, _) = self.organization().await?;
        let resource = format!("account/{}/{id}", organization.id);
        Ok(Some(Arn::new("account", "", &organization.management, &resource)))
    }

    /// Whether an account is a delegated administrator: for a service, or for any.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn is_delegated_administrator(
        &self,
        account: AccountId,
        service: Option<&str>,
    ) -> Result<bool, OrganizationsError> {
        let row = self.row::<DelegationRow>(&row::delegation(account)).await?;
        Ok(row.is_some_and(|row| {
            row.services.iter().any(|known| service.is_none_or(|service| known.principal == service))
        }))
    }

    /// The policy by which the management account lets others manage policies, if there is one.
    ///
    /// # Errors
    /// As [`Organizations::account_facts`].
    pub async fn resource_policy(&self) -> Result<Option<NamedPolicy>, OrganizationsError> {
        let Some(row) = self.row::<ResourcePolicyRow>(RESOURCE_POLICY).await? else { return Ok(None) };
        let policy = self.facts.policies.get(&row.content.into(), Kind::Key);
        let policy = policy.map_err(|_| OrganizationsError::Damaged)?;
        Ok(Some(NamedPolicy { name: row.id.into(), policy }))
    }
}
