//! How operations read and change the organisation.
//!
//! Every change is made on condition that the organisation's row is as it was when the change began, and rewrites it. So
//! whatever an operation read in between still holds when its change is committed, and whoever keeps what was computed of
//! the organisation sees by that one row whether it is still true.

use strongroom_gate::{Authorized, Caller, ErrorReply, Mutation, settled};
use strongroom_identity::Account;
use strongroom_storage::{Direction, Entry, Partition, RowVersion, prefix_range};
use strongroom_types::{AccountId, Timestamp};

use crate::Organizations;
use crate::error::{Missing, OrganizationsError};
use crate::kind::PolicyKind;
use crate::node::Node;
use crate::row::{
    self, DelegationRow, MemberRow, ORGANIZATION, OrganizationRow, PolicyRow, ROOT, RootRow, UnitRow, decode,
    encode,
};

/// Who asks, and when.
pub(crate) fn asker<I>(request: &Authorized<I>) -> (Caller, Timestamp) {
    (request.caller().clone(), request.now())
}

/// The organisation, as a request reads it.
pub(crate) struct View {
    pub(crate) organizations: Organizations,
    pub(crate) organization: OrganizationRow,
    pub(crate) caller: Caller,
    pub(crate) now: Timestamp,
    version: RowVersion,
}

impl View {
    /// The organisation of now.
    pub(crate) async fn of(
        organizations: &Organizations,
        (caller, now): (Caller, Timestamp),
    ) -> Result<Self, OrganizationsError> {
        let (organization, version) = organizations.organization().await?;
        Ok(Self { organizations: organizations.clone(), organization, caller, now, version })
    }

    /// A row, if it is there.
    pub(crate) async fn get<T: for<'b> minicbor::Decode<'b, ()>>(
        &self,
        key: &[u8],
    ) -> Result<Option<T>, OrganizationsError> {
        let row = self.organizations.store.get(Partition::Org, key).await?;
        row.map(|row| decode(&row.value)).transpose()
    }

    /// A row that must be there, since another speaks of it.
    pub(crate) async fn must<T: for<'b> minicbor::Decode<'b, ()>>(
        &self,
        key: &[u8],
    ) -> Result<T, OrganizationsError> {
        self.get(key).await?.ok_or(OrganizationsError::Damaged)
    }

    /// Up to a number of rows whose keys begin with `prefix`, behind the row `prefix` `after`.
    pub(crate) async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, OrganizationsError> {
        let mut range = prefix_range(prefix);
        if let Some(after) = after {
            range.start = [prefix, after, &[0]].concat();
        }
        Ok(self.organizations.store.scan(Partition::Org, range, limit, Direction::Forward).await?)
    }

    /// Whether a row begins with `prefix`.
    pub(crate) async fn any(&self, prefix: &[u8]) -> Result<bool, OrganizationsError> {
        Ok(!self.scan(prefix, None, 1).await?.is_empty())
    }

    /// Whether this is the management account.
    pub(crate) fn is_management(&self, account: &str) -> bool {
        self.organization.management == account
    }

    /// The caller's account.
    pub(crate) fn own_account(&self) -> Result<AccountId, OrganizationsError> {
        // INVARIANT: the gate lets nobody through who has no account.
        self.caller.account().ok_or(OrganizationsError::Damaged)
    }

    /// A member by the text of its account's id.
    pub(crate) async fn member(&self, id: &str) -> Result<Option<MemberRow>, OrganizationsError> {
        match AccountId::parse(id) {
            Ok(account) => self.get(&row::member(account)).await,
            Err(_) => Ok(None),
        }
    }

    /// A member that must be there.
    ///
    /// # Errors
    /// `AccountNotFoundException`.
    pub(crate) async fn account(&self, id: &str) -> Result<MemberRow, OrganizationsError> {
        Ok(self.member(id).await?.ok_or(Missing::Account)?)
    }

    /// The account of a member.
    pub(crate) async fn account_of(&self, member: &MemberRow) -> Result<Account, OrganizationsError> {
        Ok(self.organizations.identity.find_account(member.account()?).await?)
    }

    /// A unit that must be there.
    ///
    /// # Errors
    /// `OrganizationalUnitNotFoundException`.
    pub(crate) async fn unit(&self, id: &str) -> Result<UnitRow, OrganizationsError> {
        Ok(self.get(&row::unit(id)).await?.ok_or(Missing::Unit)?)
    }

    /// The root, unit or account of an id.
    pub(crate) async fn node(&self, id: &str) -> Result<Option<Node>, OrganizationsError> {
        if id == self.organization.root {
            let root: RootRow = self.must(ROOT).await?;
            return Ok(Some(Node::Root(root)));
        }
        if id.starts_with("ou-") {
            return Ok(self.get(&row::unit(id)).await?.map(Node::Unit));
        }
        Ok(self.member(id).await?.map(Node::Account))
    }

    /// The root or a unit, in which others lie.
    pub(crate) async fn has_parent(&self, id: &str) -> Result<bool, OrganizationsError> {
        let node = self.node(id).await?;
        Ok(matches!(node, Some(Node::Root(_) | Node::Unit(_))))
    }

    /// A customer's policy.
    pub(crate) async fn policy(&self, id: &str) -> Result<Option<PolicyRow>, OrganizationsError> {
        self.get(&row::policy(id)).await
    }

    /// The id of the policy of a type that has a name.
    pub(crate) async fn policy_named(
        &self,
        kind: PolicyKind,
        name: &str,
    ) -> Result<Option<String>, OrganizationsError> {
        self.get(&row::policy_name(kind, name)).await
    }

    /// What an account administers.
    pub(crate) async fn delegation(
        &self,
        account: AccountId,
    ) -> Result<Option<DelegationRow>, OrganizationsError> {
        self.get(&row::delegation(account)).await
    }

    /// Ids of the root and the units above and including one, from the root down.
    pub(crate) async fn path(&self, parent: &str) -> Result<Vec<String>, OrganizationsError> {
        self.organizations.path(&self.organization, parent).await
    }

    /// Where a root or unit is, as in `o-…/r-…/ou-…/`. Source: IAM User Guide, "Understand the AWS Organizations entity
    /// path".
    pub(crate) async fn entity_path(&self, parent: &str) -> Result<String, OrganizationsError> {
        let path = self.path(parent).await?;
        Ok(format!("{}/{}/", self.organization.id, path.join("/")))
    }
}

/// A change of the organisation, not yet committed.
pub(crate) struct Change {
    pub(crate) view: View,
    mutation: Mutation,
}

impl Change {
    /// A change that is nothing yet.
    pub(crate) fn of(view: View) -> Self {
        Self { view, mutation: Mutation::new() }
    }

    /// Sets a row.
    pub(crate) fn put<T: minicbor::Encode<()>>(&mut self, key: Vec<u8>, value: &T) {
        self.put_raw(key, encode(value));
    }

    /// Sets a row that says nothing but that it is there.
    pub(crate) fn mark(&mut self, key: Vec<u8>) {
        self.put_raw(key, row::PRESENT.to_vec());
    }

    /// Sets a row to what is encoded already.
    pub(crate) fn put_raw(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.mutation.put(key, value);
    }

    /// Removes a row.
    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.mutation.delete(key);
    }

    /// Says in the request's record what is changed.
    pub(crate) fn touch(&mut self, arn: String) {
        self.mutation.touch(arn);
    }

    /// Writes a root, unit or account.
    pub(crate) fn save(&mut self, node: &Node) -> Result<(), OrganizationsError> {
        self.touch(node.arn(&self.view.organization));
        match node {
            Node::Root(root) => self.put(ROOT.to_vec(), root),
            Node::Unit(unit) => self.put(row::unit(&unit.id), unit),
            Node::Account(member) => self.put(row::member(member.account()?), member),
        }
        Ok(())
    }

    /// The root, unit or account of an id, to be changed.
    ///
    /// # Errors
    /// `TargetNotFoundException`.
    pub(crate) async fn target(&self, id: &str) -> Result<Node, OrganizationsError> {
        Ok(self.view.node(id).await?.ok_or(Missing::Target)?)
    }

    /// What is to be committed; `None` if nothing changes.
    fn into_mutation(self) -> Option<Mutation> {
        let Self { view, mut mutation } = self;
        if mutation.is_empty() {
            return None;
        }
        mutation.unchanged(ORGANIZATION, Some(view.version));
        let mut organization = view.organization;
        organization.generation = organization.generation.saturating_add(1);
        mutation.put(ORGANIZATION, encode(&organization));
        Some(mutation)
    }

    /// Commits the change. `false`: the organisation was changed meanwhile; begin anew.
    ///
    /// # Errors
    /// Those of the store; a refusal if what the request was allowed by is gone.
    pub(crate) async fn commit<I: Send + Sync>(
        self,
        request: &mut Authorized<I>,
    ) -> Result<bool, ErrorReply> {
        let store = self.view.organizations.store.clone();
        let Some(mutation) = self.into_mutation() else { return Ok(true) };
        settled(request.commit_in(&*store, Partition::Org, mutation).await)
    }
}
