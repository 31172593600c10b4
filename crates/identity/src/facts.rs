//! What the gate asks of identities before it decides.
//!
//! Read on every request. What was gathered of a user or role is kept together with the version of its account's
//! generation row, which every change rewrites: one read says whether it is still true.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_gate::{
    Caller, FederationIssuer, IamKind, IamName, NamedPolicy, PrincipalFacts, ResourceFacts, Session,
};
use strongroom_policy::{Kind as PolicyKind, Policy, PolicyCache};
use strongroom_storage::{Partition, Precondition, RowVersion, StoreError};
use strongroom_types::{AccountId, Arn};

use crate::iam::entity::{Entity, Held, Holder, Kind, TagRow};
use crate::iam::limits::{FACTS_KEPT, MAX_TRIES};
use crate::iam::managed;
use crate::iam::role_of_service;
use crate::iam::row::{
    self as iam_row, GroupRow, InstanceProfileRow, KeyRow, MfaRow, OidcRow, PolicyRow, RoleRow, UserRow,
    VersionRow,
};
use crate::row::decode;
use crate::{Identity, IdentityError};

/// What was gathered, and policies in the form that is decided with.
#[derive(Default)]
pub(crate) struct FactsCache {
    policies: PolicyCache,
    gathered: Mutex<HashMap<String, (RowVersion, Arc<PrincipalFacts>)>>,
}

impl FactsCache {
    fn find(&self, id: &str, version: RowVersion) -> Option<Arc<PrincipalFacts>> {
        let gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.get(id).filter(|(known, _)| *known == version).map(|(_, facts)| facts.clone())
    }

    fn keep(&self, id: &str, version: RowVersion, facts: &Arc<PrincipalFacts>) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        if gathered.len() >= FACTS_KEPT {
            gathered.clear();
        }
        gathered.insert(id.to_owned(), (version, facts.clone()));
    }
}

impl Identity {
    /// The policies and tags of a caller, as they are now. A user or role that is gone has none.
    ///
    /// # Errors
    /// [`IdentityError::Damaged`] if a stored policy does not read as one; errors of the store.
    pub async fn principal_facts(&self, caller: &Caller) -> Result<Arc<PrincipalFacts>, IdentityError> {
        let own = match caller {
            Caller::User(user) => self.facts_of::<UserRow>(user.account, &user.user_id).await?,
            Caller::Role(role) => self.facts_of::<RoleRow>(role.account, &role.role_id).await?,
            Caller::Federated(federated) => match &federated.issuer {
                FederationIssuer::User { user_id, .. } => {
                    self.facts_of::<UserRow>(federated.account, user_id).await?
                }
                FederationIssuer::Root => Arc::default(),
            },
            Caller::Anonymous | Caller::Root(_) | Caller::WebIdentity(_) | Caller::Service(_) => {
                Arc::default()
            }
        };
        let Some((session, account)) = caller.session().zip(caller.account()) else { return Ok(own) };
        let policies = self.session_policies(account, session).await?;
        let policies = match caller {
            // Source: STS API Reference, GetFederationToken: "If you do not pass this parameter, the resulting federated
            // user session has no permissions."
            Caller::Federated(_) => Some(policies.unwrap_or_default()),
            Caller::Anonymous
            | Caller::Root(_)
            | Caller::User(_)
            | Caller::Role(_)
            | Caller::WebIdentity(_)
            | Caller::Service(_) => policies,
        };
        if policies.is_none() && session.tags.is_empty() {
            return Ok(own);
        }
        let mut facts = PrincipalFacts::clone(&own);
        facts.session = policies;
        overlay(&mut facts.tags, &session.tags);
        Ok(Arc::new(facts))
    }

    /// The policies that a session was begun with; `None` where none were given.
    async fn session_policies(
        &self,
        account: AccountId,
        session: &Session,
    ) -> Result<Option<Vec<NamedPolicy>>, IdentityError> {
        if session.policy.is_none() && session.policy_arns.is_empty() {
            return Ok(None);
        }
        let mut policies = Vec::with_capacity(1 + session.policy_arns.len());
        if let Some(text) = &session.policy {
            policies.push(NamedPolicy {
                name: "session policy".into(),
                policy: self.compiled(PolicyKind::Session, text)?,
            });
        }
        for arn in &session.policy_arns {
            // One that is gone allows nothing.
            policies.extend(self.managed(account, arn).await?);
        }
        Ok(Some(policies))
    }

    async fn facts_of<E: Principal>(
        &self,
        account: AccountId,
        id: &str,
    ) -> Result<Arc<PrincipalFacts>, IdentityError> {
        for _ in 0..MAX_TRIES {
            // Without a generation the account has neither users nor roles.
            let Some(version) = self.generation(account).await? else { return Ok(Arc::default()) };
            if let Some(facts) = self.facts.find(id, version) {
                return Ok(facts);
            }
            let gathered = self.gather::<E>(account, id).await;
            // What was read between two changes may never have been true together.
            if self.generation(account).await? == Some(version) {
                let guard = Precondition::RowIs(iam_row::GENERATION.to_vec(), version);
                let guard = Some((Partition::Iam(account), guard));
                let facts = Arc::new(PrincipalFacts { guard, ..gathered? });
                self.facts.keep(id, version, &facts);
                return Ok(facts);
            }
        }
        Err(IdentityError::Store(StoreError::Busy))
    }

    /// Which commit changed the identities of an account last.
    async fn generation(&self, account: AccountId) -> Result<Option<RowVersion>, IdentityError> {
        let row = self.store.get(Partition::Iam(account), iam_row::GENERATION).await?;
        Ok(row.map(|row| row.version))
    }

    async fn gather<E: Principal>(
        &self,
        account: AccountId,
        id: &str,
    ) -> Result<PrincipalFacts, IdentityError> {
        let Some(entity) = self.by_id::<E>(account, id).await? else { return Ok(PrincipalFacts::default()) };
        let mut facts = PrincipalFacts {
            identity: Vec::new(),
            boundary: None,
            session: None,
            tags: entity.tags().iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
            guard: None,
        };
        self.held(account, &entity, &mut facts.identity).await?;
        for group in entity.groups() {
            if let Some(group) = self.by_id::<GroupRow>(account, group).await? {
                self.held(account, &group, &mut facts.identity).await?;
            }
        }
        if let Some(arn) = &entity.held().boundary {
            let found = self.managed(account, arn).await?;
            // INVARIANT: a policy that bounds somebody is not deleted.
            facts.boundary = Some(found.ok_or(IdentityError::Damaged)?);
        }
        Ok(facts)
    }

    /// The policies that hang on an entity.
    async fn held<E: Holder>(
        &self,
        account: AccountId,
        entity: &E,
        policies: &mut Vec<NamedPolicy>,
    ) -> Result<(), IdentityError> {
        let Held { attached, inline, boundary: _ } = entity.held();
        for arn in attached {
            // INVARIANT: a policy that is attached is not deleted.
            policies.push(self.managed(account, arn).await?.ok_or(IdentityError::Damaged)?);
        }
        for entry in inline {
            let key = iam_row::inline(&entity.core().id, &entry.name);
            let row = self.store.get(Partition::Iam(account), &key).await?.ok_or(IdentityError::Damaged)?;
            let text: String = decode(&row.value)?;
            let name = format!("{} of {} {}", entry.name, E::KIND.noun(), entity.core().name);
            policies.push(NamedPolicy { name: name.into(), policy: self.compiled(E::INLINE, &text)? });
        }
        Ok(())
    }

    /// The default version of a managed policy.
    pub(crate) async fn managed(
        &self,
        account: AccountId,
        arn: &str,
    ) -> Result<Option<NamedPolicy>, IdentityError> {
        if let Some(policy) = managed::find(arn) {
            let policy = self.compiled(PolicyKind::Managed, policy.document)?;
            return Ok(Some(NamedPolicy { name: arn.into(), policy }));
        }
        let name = arn.rsplit('/').next().unwrap_or_default();
        let found = self.named::<PolicyRow>(account, name).await?;
        let Some(policy) = found.filter(|policy| policy.arn(account) == arn) else { return Ok(None) };
        let key = iam_row::version(&policy.core.id, policy.default_version);
        let row = self.store.get(Partition::Iam(account), &key).await?.ok_or(IdentityError::Damaged)?;
        let version: VersionRow = decode(&row.value)?;
        let policy = self.compiled(PolicyKind::Managed, &version.document)?;
        Ok(Some(NamedPolicy { name: arn.into(), policy }))
    }

    /// A policy in the form that is decided with.
    ///
    /// # Errors
    /// [`IdentityError::Damaged`]: a policy that does not read must not be left out, for it may deny.
    pub(crate) fn compiled(&self, kind: PolicyKind, text: &str) -> Result<Arc<Policy>, IdentityError> {
        self.facts.policies.get(&text.into(), kind).map_err(|_| IdentityError::Damaged)
    }

    /// The trust policy of the role that has this ARN.
    ///
    /// # Errors
    /// As [`Identity::principal_facts`].
    pub async fn trust_policy(&self, role: &Arn) -> Result<Option<NamedPolicy>, IdentityError> {
        let Ok(account) = AccountId::parse(role.account()) else { return Ok(None) };
        if role.service() != "iam" || !role.resource().starts_with("role/") {
            return Ok(None);
        }
        let Some(found) = self.at::<RoleRow>(account, role).await? else { return Ok(None) };
        let policy = self.compiled(PolicyKind::Trust, &found.trust)?;
        Ok(Some(NamedPolicy { name: format!("trust policy of {role}").into(), policy }))
    }

    /// What policies may ask of something of IAM: its tags, and the boundary of a user or role. Of what is not there, or
    /// another has since been made of the same name elsewhere, nothing.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn resource_facts(&self, resource: &Arn) -> Result<ResourceFacts, IdentityError> {
        let Ok(account) = AccountId::parse(resource.account()) else { return Ok(ResourceFacts::default()) };
        // Read first, so that nothing that is read below can be older than what it is guarded by.
        let generation = self.generation(account).await?;
        let key = iam_row::GENERATION.to_vec();
        let guard = match generation {
            Some(version) => Precondition::RowIs(key, version),
            None => Precondition::RowAbsent(key),
        };
        let (tags, boundary) = self.tags_and_boundary(account, resource).await?.unwrap_or_default();
        let tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
        Ok(ResourceFacts { tags, boundary, guard: Some((Partition::Iam(account), guard)) })
    }

    async fn tags_and_boundary(
        &self,
        account: AccountId,
        arn: &Arn,
    ) -> Result<Option<(Vec<TagRow>, Option<String>)>, IdentityError> {
        let Some((kind, place)) = arn.resource().split_once('/') else { return Ok(None) };
        Ok(match kind {
            "user" => self.at::<UserRow>(account, arn).await?.map(|user| (user.tags, user.held.boundary)),
            "role" => self.at::<RoleRow>(account, arn).await?.map(|role| (role.tags, role.held.boundary)),
            "policy" => self.at::<PolicyRow>(account, arn).await?.map(|policy| (policy.tags, None)),
            "instance-profile" => {
                self.at::<InstanceProfileRow>(account, arn).await?.map(|profile| (profile.tags, None))
            }
            "mfa" => {
                let key = iam_row::mfa_device(place.rsplit('/').next().unwrap_or_default());
                let device = self.iam_row::<MfaRow>(account, &key).await?;
                device.filter(|device| device.arn(account) == arn.as_str()).map(|device| (device.tags, None))
            }
            "oidc-provider" => {
                let provider = self.iam_row::<OidcRow>(account, &iam_row::oidc_provider(place)).await?;
                provider.map(|provider| (provider.tags, None))
            }
            _ => None,
        })
    }

    /// The entity that has this ARN.
    async fn at<E: Entity>(&self, account: AccountId, arn: &Arn) -> Result<Option<E>, IdentityError> {
        let name = arn.resource().rsplit('/').next().unwrap_or_default();
        let found = self.named::<E>(account, name).await?;
        Ok(found.filter(|entity| entity.arn(account) == arn.as_str()))
    }

    async fn iam_row<T: for<'b> minicbor::Decode<'b, ()>>(
        &self,
        account: AccountId,
        key: &[u8],
    ) -> Result<Option<T>, IdentityError> {
        let row = self.store.get(Partition::Iam(account), key).await?;
        row.map(|row| decode(&row.value)).transpose()
    }

    /// The ARN of what IAM knows by this name; `None` if there is none.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn iam_arn(&self, name: &IamName) -> Result<Option<Arn>, IdentityError> {
        let IamName { account, kind, name } = name;
        let arn = match kind {
            IamKind::User => self.arn_of::<UserRow>(*account, name).await?,
            IamKind::Group => self.arn_of::<GroupRow>(*account, name).await?,
            IamKind::Role => self.arn_of::<RoleRow>(*account, name).await?,
            IamKind::InstanceProfile => self.arn_of::<InstanceProfileRow>(*account, name).await?,
            IamKind::ServerCertificate => None,
            IamKind::ServiceLinkedRole => role_of_service(name)
                .map(|(path, role)| crate::iam::entity::arn(*account, Kind::Role, &path, role)),
            IamKind::UserOfAccessKey => {
                let row = self.store.get(Partition::Iam(*account), &iam_row::key(name)).await?;
                match row.map(|row| decode::<KeyRow>(&row.value)).transpose()? {
                    Some(key) => {
                        let user = self.by_id::<UserRow>(*account, &key.user_id).await?;
                        user.map(|user| user.arn(*account))
                    }
                    None => None,
                }
            }
        };
        Ok(arn.and_then(|arn| Arn::parse(&arn).ok()))
    }

    async fn arn_of<E: Entity>(
        &self,
        account: AccountId,
        name: &str,
    ) -> Result<Option<String>, IdentityError> {
        Ok(self.named::<E>(account, name).await?.map(|entity| entity.arn(account)))
    }
}

/// An entity that acts.
trait Principal: Holder {
    fn tags(&self) -> &[TagRow];

    /// Ids of its groups.
    fn groups(&self) -> &[String];
}

impl Principal for UserRow {
    fn tags(&self) -> &[TagRow] {
        &self.tags
    }

    fn groups(&self) -> &[String] {
        &self.groups
    }
}

impl Principal for RoleRow {
    fn tags(&self) -> &[TagRow] {
        &self.tags
    }

    fn groups(&self) -> &[String] {
        &[]
    }
}

/// Tags of a session stand in the place of the entity's own with the same key. Source: IAM User Guide, "Pass session
/// tags in AWS STS", "Things to know about session tags".
fn overlay(tags: &mut Vec<(String, String)>, session: &[(String, String)]) {
    for (key, value) in session {
        let lower = key.to_lowercase();
        tags.retain(|(known, _)| known.to_lowercase() != lower);
        tags.push((key.clone(), value.clone()));
    }
}
