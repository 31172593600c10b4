//! What decisions are told of an endpoint. Read on every request that comes through one, so that a change of its policy
//! holds on the next request of every connection.

use strongroom_gate::NamedPolicy;
use strongroom_policy::Kind;
use strongroom_storage::Partition;
use strongroom_types::{AccountId, Arn, Region};

use crate::error::Ec2Error;
use crate::row::{self, EndpointRow, Place, VpcRow, decode};
use crate::{Ec2, id, offer};

/// An endpoint that is there.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `vpce-…`.
    pub id: String,
    /// `vpc-…`.
    pub vpc: String,
    /// The account that owns it.
    pub owner: AccountId,
    /// Where it is.
    pub region: Region,
    /// Its policy.
    pub policy: NamedPolicy,
    /// The services that go through it, by their names in botocore.
    pub services: &'static [&'static str],
}

/// Whether a text has the form of an endpoint's id.
pub fn is_endpoint_id(text: &str) -> bool {
    id::is(text, "vpce-")
}

impl Ec2 {
    /// The tags of a VPC or endpoint, by its ARN; none if it is not there.
    ///
    /// # Errors
    /// [`Ec2Error::Damaged`] for a row that does not read. Those of the store.
    pub async fn tags(&self, resource: &Arn) -> Result<Vec<(String, String)>, Ec2Error> {
        let (Ok(account), Ok(region)) =
            (AccountId::parse(resource.account()), Region::parse(resource.region()))
        else {
            return Ok(Vec::new());
        };
        let place = Place { account, region };
        let tags = match resource.resource().split_once('/') {
            Some(("vpc", id)) => self.row::<VpcRow>(&place.vpc(id)).await?.map(|vpc| vpc.tags),
            Some(("vpc-endpoint", id)) => {
                let found = self.row::<EndpointRow>(&row::endpoint(id)).await?;
                match found {
                    Some(found) if found.place()? == place => Some(found.tags),
                    Some(_) | None => None,
                }
            }
            _ => None,
        };
        Ok(tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    async fn row<T: for<'b> minicbor::Decode<'b, ()>>(&self, key: &[u8]) -> Result<Option<T>, Ec2Error> {
        let row = self.store.get(Partition::Org, key).await?;
        row.map(|row| decode(&row.value)).transpose()
    }

    /// The endpoint of this id, whosever it is; `None` if there is none.
    ///
    /// # Errors
    /// [`Ec2Error::Damaged`] for a policy that does not read: it may deny, so it must not be left out. Those of the store.
    pub async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>, Ec2Error> {
        let Some(row) = self.row::<EndpointRow>(&row::endpoint(id)).await? else { return Ok(None) };
        let place = row.place()?;
        let policy = self.policies.get(&row.policy.into(), Kind::Endpoint).map_err(|_| Ec2Error::Damaged)?;
        Ok(Some(Endpoint {
            policy: NamedPolicy { name: row.id.as_str().into(), policy },
            id: row.id,
            vpc: row.vpc,
            owner: place.account,
            region: place.region,
            services: offer::services(&row.service),
        }))
    }
}
