//! Access points: what they are called, and what a decision needs to know of one.
//!
//! Source: S3 User Guide, "Managing access to shared datasets with access points".

use std::fmt;

use strongroom_storage::Precondition;
use strongroom_types::{AccountId, Arn, BucketId, BucketName, Region};

use crate::facts::{NamedPolicy, PublicAccessBlock};

/// What ends every alias, and no name of a bucket or an access point.
const ALIAS_SUFFIX: &str = "-s3alias";

/// Endings that AWS keeps for what it makes itself: aliases, and access points of other kinds.
const RESERVED_SUFFIXES: [&str; 4] = [ALIAS_SUFFIX, "--ol-s3", "--x-s3", "--xa-s3"];

/// The name of an access point, valid under the naming rules.
///
/// Source: S3 User Guide, "Access points naming rules, restrictions, and limitations".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessPointName(Box<str>);

/// Why a text is no name of an access point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessPointNameError {
    /// Not 3 to 50 characters.
    #[error("access point names are 3 to 50 characters long")]
    Length,
    /// A character outside a–z, 0–9 and `-`, or a hyphen at an end.
    #[error(
        "access point names hold only lower-case letters, digits and hyphens, and begin and end with a letter or digit"
    )]
    Character,
    /// An ending, or a beginning, that names of other things have.
    #[error("this access point name has a reserved prefix or suffix")]
    Reserved,
}

impl AccessPointName {
    /// Parses a name.
    ///
    /// # Errors
    /// [`AccessPointNameError`], one variant a rule.
    pub fn parse(text: &str) -> Result<Self, AccessPointNameError> {
        if !(3..=50).contains(&text.len()) {
            return Err(AccessPointNameError::Length);
        }
        let legal = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !legal || text.starts_with('-') || text.ends_with('-') {
            return Err(AccessPointNameError::Character);
        }
        if text.starts_with("xn--") || RESERVED_SUFFIXES.iter().any(|suffix| text.ends_with(suffix)) {
            return Err(AccessPointNameError::Reserved);
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which access point: one of an account, in a region.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessPointId {
    /// The account that owns it.
    pub account: AccountId,
    /// The region in which it and its bucket are.
    pub region: Region,
    /// Its name, unique there.
    pub name: AccessPointName,
}

impl AccessPointId {
    /// Its ARN.
    pub fn arn(&self) -> Arn {
        let resource = format!("accesspoint/{}", self.name.as_str());
        Arn::new("s3", self.region.as_str(), &self.account.to_string(), &resource)
    }

    /// The ARN of an object that is reached through it.
    pub fn object_arn(&self, key: &str) -> String {
        format!("{}/object/{key}", self.arn())
    }

    /// The access point of this ARN, `arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME` (or with a colon before the name, as
    /// some clients write it).
    pub fn of_arn(text: &str) -> Option<Self> {
        let arn = Arn::parse(text).ok().filter(|arn| arn.partition() == "aws" && arn.service() == "s3")?;
        let name = arn.resource().strip_prefix("accesspoint")?.strip_prefix(['/', ':'])?;
        Some(Self {
            account: AccountId::parse(arn.account()).ok()?,
            region: Region::parse(arn.region()).ok()?,
            name: AccessPointName::parse(name).ok()?,
        })
    }

    /// The access point whose host is called so: `NAME-ACCOUNT`. A bucket may be called so, too; which of both there is,
    /// those who make them see to.
    pub fn of_host(label: &BucketName, region: &Region) -> Option<Self> {
        let (name, account) = label.as_str().rsplit_once('-')?;
        Some(Self {
            account: AccountId::parse(account).ok()?,
            region: region.clone(),
            name: AccessPointName::parse(name).ok()?,
        })
    }

    /// What its host is called, before the domain.
    pub fn host(&self) -> String {
        format!("{}-{}", self.name.as_str(), self.account)
    }
}

/// The alias of an access point, which stands wherever a bucket's name does.
///
/// Source: S3 User Guide, "Using a bucket-style alias for your access point".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessPointAlias(Box<str>);

impl AccessPointAlias {
    /// Parses an alias: what a bucket could be called, but for its end.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_suffix(ALIAS_SUFFIX)?;
        let legal = body.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        (legal && !body.is_empty() && !body.starts_with('-') && text.len() <= 63).then(|| Self(text.into()))
    }

    /// A new alias: as much of the name as there is room for, and 168 random bits. Source: as the type's; the metadata
    /// of AWS's are 34 characters, too.
    pub fn new(name: &AccessPointName, random: [u8; 21]) -> Self {
        const DIGITS: [char; 32] = [
            'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's',
            't', 'u', 'v', 'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7',
        ];
        let prefix = name.as_str().get(..20).unwrap_or(name.as_str());
        let mut text = format!("{prefix}-");
        let (mut bits, mut held) = (0_u32, 0_u32);
        for byte in random {
            bits = (bits << 8) | u32::from(byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                text.extend(usize::try_from((bits >> held) & 31).ok().and_then(|digit| DIGITS.get(digit)));
            }
        }
        text.extend(usize::try_from((bits << (5 - held)) & 31).ok().and_then(|digit| DIGITS.get(digit)));
        text.push_str(ALIAS_SUFFIX);
        Self(text.into())
    }

    /// The alias.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a request names an access point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessPointAddress {
    /// By its ARN, or by a host.
    Id(AccessPointId),
    /// By its alias.
    Alias(AccessPointAlias),
}

/// As a request names it.
impl fmt::Display for AccessPointAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id.arn().as_str()),
            Self::Alias(alias) => f.write_str(alias.as_str()),
        }
    }
}

/// A text in the place of a bucket's name is meant for an access point and names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadAddress {
    /// An ARN.
    Arn,
    /// An alias.
    Alias,
}

impl AccessPointAddress {
    /// The access point that stands where a bucket's name does; `None` for what is meant to be a bucket's name.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn parse(text: &str) -> Result<Option<Self>, BadAddress> {
        if text.starts_with("arn:") {
            let of_access_point =
                text.splitn(6, ':').nth(5).is_some_and(|rest| rest.starts_with("accesspoint"));
            return match AccessPointId::of_arn(text) {
                Some(id) => Ok(Some(Self::Id(id))),
                None if of_access_point => Err(BadAddress::Arn),
                None => Ok(None),
            };
        }
        if text.ends_with(ALIAS_SUFFIX) {
            let alias = AccessPointAlias::parse(text).ok_or(BadAddress::Alias)?;
            return Ok(Some(Self::Alias(alias)));
        }
        Ok(None)
    }
}

/// Reads whatever stands in the place of a bucket: the fuzz entry. What is an access point says the same when it is
/// written plainly.
#[doc(hidden)]
pub fn fuzz_access_point(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match AccessPointAddress::parse(&text) {
        Ok(Some(AccessPointAddress::Id(id))) => {
            assert_eq!(
                AccessPointId::of_arn(id.arn().as_str()).as_ref(),
                Some(&id),
                "an ARN has another reading"
            );
            if let Ok(host) = BucketName::parse(&id.host()) {
                assert_eq!(AccessPointId::of_host(&host, &id.region), Some(id), "a host has another reading");
            }
        }
        Ok(Some(AccessPointAddress::Alias(alias))) => {
            assert!(BucketName::parse(alias.as_str()).is_err(), "an alias is a bucket's name");
        }
        Ok(None) | Err(BadAddress::Arn | BadAddress::Alias) => {}
    }
}

/// What a decision needs to know of an access point.
#[derive(Debug, Clone)]
pub struct AccessPointFacts {
    /// Which it is.
    pub id: AccessPointId,
    /// The bucket's name.
    pub bucket: BucketName,
    /// The bucket's incarnation: one that is made again under this name is not reached.
    pub bucket_id: BucketId,
    /// Its row in `Names`, as it was read: whatever is changed of it changes that.
    pub guard: Precondition,
    /// The VPC from which alone it answers; `None` where it answers everybody.
    pub vpc: Option<String>,
    /// Block Public Access of it and of its account.
    pub block: PublicAccessBlock,
    /// Its policy.
    pub policy: Option<NamedPolicy>,
    /// The policy gives access to the public. Never so of one that answers a VPC alone.
    pub is_public: bool,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

impl AccessPointFacts {
    /// `s3:AccessPointNetworkOrigin`.
    pub fn network_origin(&self) -> &'static str {
        network_origin(self.vpc.is_some())
    }
}

/// `s3:AccessPointNetworkOrigin` of an access point that answers a VPC alone, or everybody.
pub(crate) fn network_origin(of_vpc: bool) -> &'static str {
    if of_vpc { "VPC" } else { "Internet" }
}

/// What condition keys and tags there are of an access point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccessPointContext<'a> {
    pub(crate) id: &'a AccessPointId,
    pub(crate) network_origin: &'static str,
    pub(crate) tags: &'a [(String, String)],
}

/// The access point that a request goes through, and where it leads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Through<'a> {
    pub(crate) point: &'a AccessPointFacts,
    /// What the bucket's policy speaks of.
    pub(crate) bucket_arn: &'a str,
}

impl<'a> Through<'a> {
    pub(crate) fn context(self) -> AccessPointContext<'a> {
        let Self { point, .. } = self;
        AccessPointContext { id: &point.id, network_origin: point.network_origin(), tags: &point.tags }
    }
}

/// The ARN of a bucket, or of an object in it, as a request knows it; through an access point, also as the bucket's own
/// policy does.
pub(crate) fn arns(
    bucket: &BucketName,
    key: Option<&str>,
    point: Option<&AccessPointFacts>,
) -> (String, Option<String>) {
    let of_bucket = match key {
        Some(key) => format!("arn:aws:s3:::{bucket}/{key}"),
        None => format!("arn:aws:s3:::{bucket}"),
    };
    match (point, key) {
        (None, _) => (of_bucket, None),
        (Some(point), Some(key)) => (point.id.object_arn(key), Some(of_bucket)),
        (Some(point), None) => (point.id.arn().to_string(), Some(of_bucket)),
    }
}

/// Operations that can go through an access point.
///
/// Source: S3 User Guide, "Access point compatibility", column "Access point attached to an S3 bucket".
const COMPATIBLE: [&str; 32] = [
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjects",
    "GetBucketAcl",
    "GetBucketCors",
    "GetBucketLocation",
    "GetBucketNotificationConfiguration",
    "GetBucketPolicy",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectTagging",
    "HeadBucket",
    "HeadObject",
    "ListMultipartUploads",
    "ListObjectVersions",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PutObject",
    "PutObjectAcl",
    "PutObjectLegalHold",
    "PutObjectRetention",
    "PutObjectTagging",
    "RestoreObject",
    "UploadPart",
];

/// Whether an operation can go through an access point.
pub(crate) fn is_compatible(operation: &str) -> bool {
    COMPATIBLE.contains(&operation) || operation == "UploadPartCopy"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id() -> AccessPointId {
        AccessPointId::of_arn("arn:aws:s3:us-east-1:123456789012:accesspoint/ap-1").unwrap()
    }

    #[test]
    fn naming_rules_hold() {
        use AccessPointNameError::{Character, Length, Reserved};
        for good in ["abc", "0-9", "my-access-point", &"a".repeat(50)] {
            assert!(AccessPointName::parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("ab", Length),
            (&*"a".repeat(51), Length),
            ("Abc", Character),
            ("a_b", Character),
            ("a.b", Character),
            ("a/b", Character),
            ("a b", Character),
            ("-ab", Character),
            ("ab-", Character),
            ("a-s3alias", Reserved),
            ("a--ol-s3", Reserved),
            ("xn--ab", Reserved),
        ] {
            assert_eq!(AccessPointName::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn an_arn_or_alias_in_a_buckets_place_is_an_access_point() {
        assert_eq!(
            AccessPointAddress::parse("arn:aws:s3:us-east-1:123456789012:accesspoint/ap-1"),
            Ok(Some(AccessPointAddress::Id(id())))
        );
        let colon = AccessPointAddress::parse("arn:aws:s3:us-east-1:123456789012:accesspoint:ap-1");
        assert_eq!(colon, Ok(Some(AccessPointAddress::Id(id()))));
        let alias = AccessPointAddress::parse("ap-1-x-s3alias");
        assert!(matches!(alias, Ok(Some(AccessPointAddress::Alias(_)))));
        for bucket in ["bucket", "arn:aws:s3:::bucket", "ap-1-123456789012"] {
            assert_eq!(AccessPointAddress::parse(bucket), Ok(None), "{bucket}");
        }
        for bad in [
            "arn:aws:s3:us-east-1:12345678901:accesspoint/ap-1",
            "arn:aws:s3::123456789012:accesspoint/ap-1",
            "arn:aws:s3:us-east-1:123456789012:accesspoint/ap-1/object/k",
            "arn:aws:s3-outposts:us-east-1:123456789012:accesspoint/ap-1",
        ] {
            assert!(matches!(AccessPointAddress::parse(bad), Err(BadAddress::Arn)), "{bad}");
        }
        for bad in ["-s3alias", "A-s3alias", "a.b-s3alias", &format!("{}-s3alias", "a".repeat(60))] {
            assert_eq!(AccessPointAddress::parse(bad), Err(BadAddress::Alias), "{bad}");
        }
    }

    #[test]
    fn a_host_is_name_and_account() {
        let region = Region::us_east_1();
        let host = |label: &str| AccessPointId::of_host(&BucketName::parse(label).unwrap(), &region);
        assert_eq!(host("ap-1-123456789012"), Some(id()));
        assert_eq!(id().host(), "ap-1-123456789012");
        for other in ["ap-1", "123456789012", "ap-1-12345678901", "a.b-123456789012", "a-123456789012"] {
            assert_eq!(host(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn an_alias_is_an_alias_and_no_buckets_name(
            name in "[a-z0-9]([a-z0-9-]{1,48}[a-z0-9])",
            random in any::<[u8; 21]>(),
        ) {
            let Ok(name) = AccessPointName::parse(&name) else { return Ok(()) };
            let alias = AccessPointAlias::new(&name, random);
            prop_assert_eq!(AccessPointAlias::parse(alias.as_str()), Some(alias.clone()));
            prop_assert!(BucketName::parse(alias.as_str()).is_err());
            let prefix = name.as_str().get(..20).unwrap_or(name.as_str());
            prop_assert_eq!(alias.as_str().len(), prefix.len() + 1 + 34 + ALIAS_SUFFIX.len());
        }

        #[test]
        fn whatever_stands_in_a_buckets_place_has_one_reading(
            text in "(arn:aws:s3:[a-z0-9-]{0,4}:[0-9]{11,13}:accesspoint[/:])?[a-zA-Z0-9:/.-]{0,12}(-s3alias)?",
        ) {
            fuzz_access_point(text.as_bytes());
        }
    }
}
