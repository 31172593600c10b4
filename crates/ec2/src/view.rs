//! How operations read and change what an account has in a region.
//!
//! Every change is made on condition that the row [`SpaceRow`] is as it was when the change began, and rewrites it: what an
//! operation read in between still holds when its change is committed.

use strongroom_gate::{Authorized, ErrorReply, Mutation, settled};
use strongroom_storage::{Direction, Entry, Partition, RowVersion, prefix_range};
use strongroom_types::Timestamp;

use crate::error::{Ec2Error, Named};
use crate::row::{self, EndpointRow, PRESENT, Place, SpaceRow, VpcRow, decode, encode};
use crate::{Ec2, id, limits};

/// Whose VPCs a request is about, where, and when it came.
pub(crate) fn asker<I>(request: &Authorized<I>) -> Result<(Place, Timestamp), Ec2Error> {
    // INVARIANT: the gate lets nobody through who has no account.
    let account = request.caller().account().ok_or(Ec2Error::Damaged)?;
    Ok((Place { account, region: request.request().region.clone() }, request.now()))
}

/// What an account has in a region, as a request reads it.
pub(crate) struct View {
    pub(crate) ec2: Ec2,
    pub(crate) place: Place,
    pub(crate) now: Timestamp,
    space: SpaceRow,
    version: Option<RowVersion>,
}

impl View {
    /// What there is now.
    pub(crate) async fn of(ec2: &Ec2, (place, now): (Place, Timestamp)) -> Result<Self, Ec2Error> {
        let row = ec2.store.get(Partition::Org, &place.space()).await?;
        let (space, version) = match row {
            Some(row) => (decode(&row.value)?, Some(row.version)),
            None => (SpaceRow::default(), None),
        };
        Ok(Self { ec2: ec2.clone(), place, now, space, version })
    }

    async fn get<T: for<'b> minicbor::Decode<'b, ()>>(&self, key: &[u8]) -> Result<Option<T>, Ec2Error> {
        let row = self.ec2.store.get(Partition::Org, key).await?;
        row.map(|row| decode(&row.value)).transpose()
    }

    /// A VPC that must be there.
    ///
    /// # Errors
    /// `InvalidVpcID.NotFound`, `InvalidVpcID.Malformed`.
    pub(crate) async fn vpc(&self, vpc: &str) -> Result<VpcRow, Ec2Error> {
        let found = self.get(&self.place.vpc(id::vpc(vpc)?)).await?;
        found.ok_or_else(|| Ec2Error::NotFound { named: Named::Vpc, id: vpc.to_owned() })
    }

    /// An endpoint that must be there.
    ///
    /// # Errors
    /// `InvalidVpcEndpointId.NotFound`, `InvalidVpcEndpointId.Malformed`.
    pub(crate) async fn endpoint(&self, endpoint: &str) -> Result<EndpointRow, Ec2Error> {
        let found = self.endpoint_if_there(endpoint).await?;
        found.ok_or_else(|| Ec2Error::NotFound { named: Named::Endpoint, id: endpoint.to_owned() })
    }

    /// An endpoint. Others' are as if they were not there.
    ///
    /// # Errors
    /// `InvalidVpcEndpointId.Malformed`.
    pub(crate) async fn endpoint_if_there(&self, endpoint: &str) -> Result<Option<EndpointRow>, Ec2Error> {
        let found: Option<EndpointRow> = self.get(&row::endpoint(id::endpoint(endpoint)?)).await?;
        match found {
            Some(found) if found.place()? == self.place => Ok(Some(found)),
            Some(_) | None => Ok(None),
        }
    }

    /// All VPCs.
    pub(crate) async fn vpcs(&self) -> Result<Vec<VpcRow>, Ec2Error> {
        self.all(&self.place.vpcs()).await?.iter().map(|entry| decode(&entry.row.value)).collect()
    }

    /// All endpoints.
    pub(crate) async fn endpoints(&self) -> Result<Vec<EndpointRow>, Ec2Error> {
        self.each_endpoint(|endpoint| endpoint).await
    }

    /// All endpoints, to be listed.
    pub(crate) async fn endpoints_without_policies(&self) -> Result<Vec<EndpointRow>, Ec2Error> {
        self.each_endpoint(EndpointRow::without_policy).await
    }

    async fn each_endpoint(
        &self,
        kept: impl Fn(EndpointRow) -> EndpointRow + Send,
    ) -> Result<Vec<EndpointRow>, Ec2Error> {
        let (prefix, mut found) = (self.place.endpoints(), Vec::new());
        for entry in self.all(&prefix).await? {
            let id = entry.key.get(prefix.len()..).unwrap_or_default();
            let id = std::str::from_utf8(id).map_err(|_| Ec2Error::Damaged)?;
            // One that was deleted meanwhile is none.
            found.extend(self.get(&row::endpoint(id)).await?.map(&kept));
        }
        Ok(found)
    }

    /// Bounded by the quotas of what is behind `prefix`.
    async fn all(&self, prefix: &[u8]) -> Result<Vec<Entry>, Ec2Error> {
        let (mut found, mut range) = (Vec::new(), prefix_range(prefix));
        loop {
            let store = &self.ec2.store;
            let rows =
                store.scan(Partition::Org, range.clone(), limits::SCAN_ROWS, Direction::Forward).await?;
            let Some(last) = rows.last() else { return Ok(found) };
            range.start = [&*last.key, &[0]].concat();
            found.extend(rows);
        }
    }
}

/// A change, not yet committed.
pub(crate) struct Change {
    pub(crate) view: View,
    mutation: Mutation,
}

impl Change {
    /// A change that is nothing yet.
    pub(crate) fn of(view: View) -> Self {
        Self { view, mutation: Mutation::new() }
    }

    pub(crate) fn put_vpc(&mut self, vpc: &VpcRow) {
        let key = self.view.place.vpc(&vpc.id);
        self.mutation.put(key, encode(vpc));
        self.touch("vpc", &vpc.id);
    }

    pub(crate) fn delete_vpc(&mut self, vpc: &VpcRow) {
        self.mutation.delete(self.view.place.vpc(&vpc.id));
        self.touch("vpc", &vpc.id);
    }

    pub(crate) fn put_endpoint(&mut self, endpoint: &EndpointRow) {
        self.mutation.put(row::endpoint(&endpoint.id), encode(endpoint));
        self.mutation.put(self.view.place.listed(&endpoint.id), PRESENT);
        self.touch("vpc-endpoint", &endpoint.id);
    }

    pub(crate) fn delete_endpoint(&mut self, endpoint: &EndpointRow) {
        self.mutation.delete(row::endpoint(&endpoint.id));
        self.mutation.delete(self.view.place.listed(&endpoint.id));
        self.touch("vpc-endpoint", &endpoint.id);
    }

    /// Says in the request's record what is changed.
    fn touch(&mut self, kind: &str, id: &str) {
        self.mutation.touch(self.view.place.arn(kind, id));
    }

    /// What is to be committed; `None` if nothing changes.
    fn into_mutation(self) -> Option<Mutation> {
        let Self { view, mut mutation } = self;
        if mutation.is_empty() {
            return None;
        }
        let space = view.place.space();
        mutation.unchanged(space.clone(), view.version);
        mutation.put(space, encode(&SpaceRow { generation: view.space.generation.saturating_add(1) }));
        Some(mutation)
    }

    /// Commits the change. `false`: others changed something meanwhile; begin anew.
    ///
    /// # Errors
    /// Those of the store; a refusal if what the request was allowed by is gone.
    pub(crate) async fn commit<I: Send + Sync>(
        self,
        request: &mut Authorized<I>,
    ) -> Result<bool, ErrorReply> {
        let store = self.view.ec2.store.clone();
        let Some(mutation) = self.into_mutation() else { return Ok(true) };
        settled(request.commit_in(&*store, Partition::Org, mutation).await)
    }
}
