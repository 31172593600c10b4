//! Rows of the partition `Org` that are about VPCs. `docs/formats/network.md` describes them.
//!
//! | key | value |
//! |---|---|
//! | `vg` account (8 bytes) region | [`SpaceRow`]; every change of what an account has in a region rewrites it |
//! | `vv` account (8 bytes) region, 00, id | [`VpcRow`] |
//! | `ve` endpoint's id | [`EndpointRow`]: found by its id alone, since connections say no more |
//! | `vl` account (8 bytes) region, 00, endpoint's id | empty: the endpoint is there |

use minicbor::{Decode, Encode};
use strongroom_types::{AccountId, Arn, Region};

use crate::error::Ec2Error;

const FORMAT: u8 = 1;

/// An account's part of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
}

impl Place {
    fn key(&self, kind: &[u8], rest: &[u8]) -> Vec<u8> {
        let account = self.account.as_u64().to_be_bytes();
        [kind, &account, self.region.as_str().as_bytes(), rest].concat()
    }

    pub(crate) fn space(&self) -> Vec<u8> {
        self.key(b"vg", &[])
    }

    /// Names of regions hold no zero byte, so it parts them from ids.
    pub(crate) fn vpcs(&self) -> Vec<u8> {
        self.key(b"vv", &[0])
    }

    pub(crate) fn vpc(&self, id: &str) -> Vec<u8> {
        [self.vpcs(), id.as_bytes().to_vec()].concat()
    }

    pub(crate) fn endpoints(&self) -> Vec<u8> {
        self.key(b"vl", &[0])
    }

    /// That an endpoint is here.
    pub(crate) fn listed(&self, endpoint: &str) -> Vec<u8> {
        [self.endpoints(), endpoint.as_bytes().to_vec()].concat()
    }

    /// The ARN of something in this place.
    pub(crate) fn arn(&self, kind: &str, id: &str) -> String {
        let resource = format!("{kind}/{id}");
        Arn::new("ec2", self.region.as_str(), &self.account.to_string(), &resource).to_string()
    }
}

/// An endpoint, wherever it is.
pub(crate) fn endpoint(id: &str) -> Vec<u8> {
    [b"ve", id.as_bytes()].concat()
}

/// What an index row holds: that it is there is all it says.
pub(crate) const PRESENT: &[u8] = b"";

/// What an account has in a region, as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct SpaceRow {
    #[n(0)]
    pub(crate) generation: u64,
}

/// A key and a value.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct TagRow {
    #[n(0)]
    pub(crate) key: String,
    #[n(1)]
    pub(crate) value: String,
}

/// A VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct VpcRow {
    /// `vpc-…`.
    #[n(0)]
    pub(crate) id: String,
    #[n(1)]
    pub(crate) cidr: String,
    #[n(2)]
    pub(crate) tags: Vec<TagRow>,
    #[n(3)]
    pub(crate) created_millis: i64,
    /// Kept for clients that set it: nothing here hands out addresses or names.
    #[n(4)]
    pub(crate) dns_support: bool,
    #[n(5)]
    pub(crate) dns_hostnames: bool,
    #[n(6)]
    pub(crate) usage_metrics: bool,
}

/// What an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum EndpointKind {
    /// For S3 alone; on AWS a route, and without cost.
    #[n(0)]
    Gateway,
    /// On AWS addresses in the VPC.
    #[n(1)]
    Interface,
}

/// A VPC endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct EndpointRow {
    /// `vpce-…`.
    #[n(0)]
    pub(crate) id: String,
    /// `vpc-…`.
    #[n(1)]
    pub(crate) vpc: String,
    /// `com.amazonaws.…`.
    #[n(2)]
    pub(crate) service: String,
    #[n(3)]
    pub(crate) kind: EndpointKind,
    /// As it was given, but for users and roles, which stand by their unique ids.
    #[n(4)]
    pub(crate) policy: String,
    #[n(5)]
    pub(crate) tags: Vec<TagRow>,
    #[n(6)]
    pub(crate) created_millis: i64,
    /// With which its maker may ask again.
    #[n(7)]
    pub(crate) client_token: Option<String>,
    /// Whose it is.
    #[n(8)]
    pub(crate) account: String,
    /// In which region.
    #[n(9)]
    pub(crate) region: String,
}

impl EndpointRow {
    /// What there is to list of it: a policy may have many times the bytes of all else.
    pub(crate) fn without_policy(self) -> Self {
        Self { policy: String::new(), ..self }
    }

    /// Where it is.
    pub(crate) fn place(&self) -> Result<Place, Ec2Error> {
        let account = AccountId::parse(&self.account).map_err(|_| Ec2Error::Damaged)?;
        let region = Region::parse(&self.region).map_err(|_| Ec2Error::Damaged)?;
        Ok(Place { account, region })
    }
}

pub(crate) fn encode<T: Encode<()>>(row: &T) -> Vec<u8> {
    let mut out = vec![FORMAT];
    // INVARIANT: writing to a vector does not fail, and no row has a failing encoder.
    if minicbor::encode(row, &mut out).is_err() {
        out.clear();
    }
    out
}

pub(crate) fn decode<T: for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<T, Ec2Error> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => minicbor::decode(rest).map_err(|_| Ec2Error::Damaged),
        _ => Err(Ec2Error::Damaged),
    }
}
