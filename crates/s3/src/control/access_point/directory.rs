//! Which access point is addressed how: the gate's view.

use std::sync::Arc;

use strongroom_gate::{AccessPointAddress, AccessPointFacts, AccessPointId, NamedPolicy, PublicAccessBlock};
use strongroom_policy::Kind;
use strongroom_storage::{Partition, Precondition, RowVersion, StoreError};
use strongroom_types::{BucketName, Region};

use super::limits::MAX_READ_TRIES;
use crate::BucketDirectory;
use crate::bucket::directory::corrupt;
use crate::row::{self, AccessPointRow, AliasRow};

/// What a record calls the policy of an access point.
const POLICY_NAME: &str = "access point policy";

/// That an access point's row is the one that was read.
fn guard(id: &AccessPointId, version: RowVersion) -> Precondition {
    Precondition::RowIs(row::access_point(id), version)
}

impl BucketDirectory {
    /// The access point that is addressed so, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] of the store; [`StoreError::Corrupt`] for a row that is not what its key says.
    pub async fn access_point(
        &self,
        address: &AccessPointAddress,
    ) -> Result<Option<Arc<AccessPointFacts>>, StoreError> {
        let id = match address {
            AccessPointAddress::Id(id) => id.clone(),
            AccessPointAddress::Alias(alias) => {
                let found = self.read::<AliasRow>(Partition::Names, &row::alias(alias)).await?;
                let Some((found, _)) = found else { return Ok(None) };
                found.id().ok_or_else(corrupt)?
            }
        };
        for _ in 0..MAX_READ_TRIES {
            let found = self.read::<AccessPointRow>(Partition::Names, &row::access_point(&id)).await?;
            let Some((found, version)) = found else { return Ok(None) };
            let policy = match &found.policy {
                None => None,
                // A policy that is gone was replaced since, or its access point is gone, too.
                Some(kept) => match self.access_point_policy(kept).await? {
                    Some(policy) => Some(policy),
                    None => continue,
                },
            };
            return self.access_point_facts(id, (found, version), policy).await.map(Some);
        }
        Err(StoreError::Conflict)
    }

    /// The row of an access point as it is now, as the gate's facts have it; `None` if it is gone.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn access_point_guard(&self, id: &AccessPointId) -> Result<Option<Precondition>, StoreError> {
        let found = self.store().get(Partition::Names, &row::access_point(id)).await?;
        Ok(found.map(|found| guard(id, found.version)))
    }

    /// The bucket to which what stands in the place of its name leads whoever comes from `vpc`; `None` if that is no access
    /// point, or one that answers another VPC alone. Neither region nor signature is known here: a host that is called so in
    /// several regions leads nowhere, rather than to one that was not meant.
    ///
    /// # Errors
    /// As [`Self::access_point`].
    pub(crate) async fn bucket_behind(
        &self,
        place: &str,
        regions: &[Region],
        vpc: Option<&str>,
    ) -> Result<Option<BucketName>, StoreError> {
        let addresses = match (AccessPointAddress::parse(place), BucketName::parse(place)) {
            (Ok(Some(address)), _) => vec![address],
            (Err(_), _) | (Ok(None), Err(_)) => Vec::new(),
            (Ok(None), Ok(host)) => {
                let ids = regions.iter().filter_map(|region| AccessPointId::of_host(&host, region));
                ids.map(AccessPointAddress::Id).collect()
            }
        };
        let mut found = None;
        for address in &addresses {
            let Some(point) = self.access_point(address).await? else { continue };
            if found.replace(point).is_some() {
                return Ok(None);
            }
        }
        let answers = |point: &Arc<AccessPointFacts>| point.vpc.as_deref().is_none_or(|own| vpc == Some(own));
        let Some(point) = found.filter(answers) else { return Ok(None) };
        let named = self.name_row(&point.bucket).await?;
        let leads_there = named.is_some_and(|(named, _)| named.id() == point.bucket_id);
        Ok(leads_there.then(|| point.bucket.clone()))
    }

    async fn access_point_facts(
        &self,
        id: AccessPointId,
        (found, version): (AccessPointRow, RowVersion),
        policy: Option<NamedPolicy>,
    ) -> Result<Arc<AccessPointFacts>, StoreError> {
        let bucket = BucketName::parse(&found.bucket).map_err(|_| corrupt())?;
        let account = self.account_block(id.account).await?.block;
        let account = account.map(PublicAccessBlock::from).unwrap_or_default();
        Ok(Arc::new(AccessPointFacts {
            guard: guard(&id, version),
            id,
            bucket,
            bucket_id: found.bucket_id(),
            block: PublicAccessBlock::from(found.block).and(account),
            is_public: found.policy.is_some_and(|policy| policy.is_public),
            policy,
            vpc: found.vpc,
            tags: found.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        }))
    }

    async fn access_point_policy(
        &self,
        kept: &row::AccessPointPolicyRow,
    ) -> Result<Option<NamedPolicy>, StoreError> {
        let Some(text) = self.store().get(Partition::Names, &row::access_point_policy(kept)).await? else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&text.value).map_err(|_| corrupt())?;
        let policy = self.policies().get(&text.into(), Kind::AccessPoint).map_err(|_| corrupt())?;
        Ok(Some(NamedPolicy { name: POLICY_NAME.into(), policy }))
    }
}
