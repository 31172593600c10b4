//! Rows of access points, in `Names`, so that one commit claims name, alias and host.

use std::ops::Range;

use minicbor::{Decode, Encode};
use strongroom_gate::{AccessPointAlias, AccessPointId, AccessPointName};
use strongroom_storage::prefix_range;
use strongroom_types::{AccountId, BucketId, Region, Timestamp};

use super::PublicAccessBlockRow;

/// An access point.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AccessPointRow {
    /// The bucket's name.
    #[n(0)]
    pub bucket: String,
    /// The bucket's incarnation.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bucket_id: [u8; 16],
    /// The account that owned the bucket.
    #[n(2)]
    pub bucket_account: String,
    /// Its alias.
    #[n(3)]
    pub alias: String,
    /// The VPC from which alone it answers.
    #[n(4)]
    pub vpc: Option<String>,
    /// Block Public Access, set when it was made.
    #[n(5)]
    pub block: PublicAccessBlockRow,
    /// When it was made, milliseconds since 1970.
    #[n(6)]
    pub created_millis: i64,
    /// Its policy, if it has one.
    #[n(7)]
    pub policy: Option<AccessPointPolicyRow>,
    /// Its tags.
    #[n(8)]
    pub tags: Vec<TagRow>,
}

/// Which policy an access point has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AccessPointPolicyRow {
    /// Under which id its text is kept: a new one each time it is put, so that text and access point belong together
    /// whenever they are read.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// It gives access to the public.
    #[n(1)]
    pub is_public: bool,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TagRow {
    /// Key.
    #[n(0)]
    pub key: String,
    /// Value.
    #[n(1)]
    pub value: String,
}

/// Which access point has an alias.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AliasRow {
    /// The account that owns it.
    #[n(0)]
    pub account: String,
    /// Its region.
    #[n(1)]
    pub region: String,
    /// Its name.
    #[n(2)]
    pub name: String,
}

impl AliasRow {
    /// Which it is; `None` for a row that this code did not write.
    pub fn id(&self) -> Option<AccessPointId> {
        Some(AccessPointId {
            account: AccountId::parse(&self.account).ok()?,
            region: Region::parse(&self.region).ok()?,
            name: AccessPointName::parse(&self.name).ok()?,
        })
    }
}

impl AccessPointRow {
    /// The bucket's incarnation.
    pub fn bucket_id(&self) -> BucketId {
        BucketId::from_bytes(self.bucket_id)
    }

    /// Whether both are of one access point, not of two that had one name after each other: no two have one alias.
    pub fn is_same(&self, other: &Self) -> bool {
        self.alias == other.alias
    }

    /// When it was made.
    pub fn created(&self) -> Timestamp {
        Timestamp::from_millis(self.created_millis)
    }
}

/// Regions end in a zero byte, which none holds, so that no region's access points stand among another's.
fn of_region(tag: u8, account: AccountId, region: &Region) -> Vec<u8> {
    [&[tag], account.as_u64().to_be_bytes().as_slice(), region.as_str().as_bytes(), &[0]].concat()
}

/// An access point.
pub fn access_point(id: &AccessPointId) -> Vec<u8> {
    [of_region(b'p', id.account, &id.region).as_slice(), id.name.as_str().as_bytes()].concat()
}

/// That an account has an access point. Without a value: what counts and lists them does not read them, for their tags are
/// much.
pub fn account_access_point(id: &AccessPointId) -> Vec<u8> {
    [of_region(b'o', id.account, &id.region).as_slice(), id.name.as_str().as_bytes()].concat()
}

/// The access points of an account in a region whose name is at least `from`, by the keys of
/// [`account_access_point`].
pub fn account_access_points(account: AccountId, region: &Region, from: &str) -> Range<Vec<u8>> {
    let all = prefix_range(&of_region(b'o', account, region));
    [all.start.as_slice(), from.as_bytes()].concat()..all.end
}

/// The name in the key of an access point, or in that of an account's.
pub fn access_point_name(key: &[u8]) -> Option<AccessPointName> {
    let end = key.iter().skip(9).position(|byte| *byte == 0)? + 10;
    AccessPointName::parse(std::str::from_utf8(key.get(end..)?).ok()?).ok()
}

/// The text of a policy of an access point.
pub fn access_point_policy(policy: &AccessPointPolicyRow) -> Vec<u8> {
    [b"t", policy.id.as_slice()].concat()
}

/// Which access point has an alias.
pub fn alias(alias: &AccessPointAlias) -> Vec<u8> {
    [b"q", alias.as_str().as_bytes()].concat()
}

/// That an account's access point leads to a bucket.
pub fn bucket_access_point(bucket: BucketId, id: &AccessPointId) -> Vec<u8> {
    let of_bucket = [b"r", bucket.as_bytes().as_slice()].concat();
    let point = access_point(id);
    [of_bucket.as_slice(), point.get(1..).unwrap_or_default()].concat()
}

/// The access points of an account that lead to a bucket.
pub fn bucket_access_points(bucket: BucketId, account: AccountId) -> Range<Vec<u8>> {
    let account = account.as_u64().to_be_bytes();
    prefix_range(&[b"r", bucket.as_bytes().as_slice(), &account].concat())
}

/// The access points of an account, in a region, that lead to a bucket and whose name is at least `from`.
pub fn bucket_access_points_in(
    bucket: BucketId,
    (account, region): (AccountId, &Region),
    from: &str,
) -> Range<Vec<u8>> {
    let own = of_region(b'r', account, region);
    let behind = own.get(1..).unwrap_or_default();
    let all = prefix_range(&[b"r", bucket.as_bytes().as_slice(), behind].concat());
    [all.start.as_slice(), from.as_bytes()].concat()..all.end
}

/// The name in the key of a bucket's access point.
pub fn bucket_access_point_name(key: &[u8]) -> Option<AccessPointName> {
    access_point_name(key.get(16..)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_sort_by_name_within_account_and_region(
            a in "[a-z0-9][a-z0-9-]{1,8}[a-z0-9]",
            b in "[a-z0-9][a-z0-9-]{1,8}[a-z0-9]",
            regions in "(us|eu)-east-(1|11)",
        ) {
            let id = |name: &str, region: &str| {
                let account = AccountId::parse("111122223333").unwrap();
                let name = AccessPointName::parse(name).ok()?;
                Some(AccessPointId { account, region: Region::parse(region).unwrap(), name })
            };
            let (Some(a), Some(b)) = (id(&a, &regions), id(&b, "us-east-1")) else { return Ok(()) };
            let key = access_point(&a);
            prop_assert_eq!(access_point_name(&key), Some(a.name.clone()));
            let listed = account_access_point(&a);
            prop_assert_eq!(access_point_name(&listed), Some(a.name.clone()));
            let of_b = account_access_points(b.account, &b.region, "");
            prop_assert_eq!(of_b.contains(&listed), a.region == b.region);
            prop_assert!(!of_b.contains(&key), "what is listed are not the rows themselves");
            let from_b = account_access_points(b.account, &b.region, b.name.as_str());
            prop_assert_eq!(from_b.contains(&listed), a.region == b.region && a.name >= b.name);
            let bucket = BucketId::from_bytes([7; 16]);
            let of_bucket = bucket_access_point(bucket, &a);
            prop_assert_eq!(bucket_access_point_name(&of_bucket), Some(a.name.clone()));
            prop_assert!(bucket_access_points(bucket, a.account).contains(&of_bucket));
            let in_region = bucket_access_points_in(bucket, (b.account, &b.region), b.name.as_str());
            prop_assert_eq!(in_region.contains(&of_bucket), a.region == b.region && a.name >= b.name);
        }
    }
}
