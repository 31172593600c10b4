//! What a typed input is about: bucket, key, version, copy source, keys to delete. Read by walking the input once, so
//! that no operation can be forgotten.

use percent_encoding::percent_decode_str;
use strongroom_shape::{Member, ShapeWriter, Structure};
use strongroom_types::{Arn, BucketName, BucketNameError, ObjectKey, ObjectKeyError, Timestamp, VersionId};

use crate::Parameters;
use crate::access_point::{AccessPointAddress, AccessPointId, BadAddress};

/// A key, and perhaps one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyVersion {
    /// As the caller wrote it: may be no valid key.
    pub key: String,
    /// As the caller wrote it.
    pub version_id: Option<String>,
}

/// The source of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// The bucket, or the access point that leads there.
    pub place: CopyPlace,
    /// Key.
    pub key: ObjectKey,
    /// Version, the current one if missing.
    pub version_id: Option<VersionId>,
}

/// Where the source of a copy lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyPlace {
    /// In a bucket.
    Bucket(BucketName),
    /// In the bucket of an access point.
    AccessPoint(AccessPointAddress),
}

impl CopySource {
    /// The bucket, once it is known.
    pub fn bucket(&self) -> Option<&BucketName> {
        match &self.place {
            CopyPlace::Bucket(bucket) => Some(bucket),
            CopyPlace::AccessPoint(_) => None,
        }
    }

    /// Parses `x-amz-copy-source`: `bucket/key`, with or without a leading slash, URL-encoded, perhaps followed by
    /// `?versionId=`. In the place of the bucket may stand the alias of an access point; what goes through its ARN is
    /// `arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME/object/KEY`. What this returns is what is authorised and what is read: it is parsed here and nowhere else.
    ///
    /// # Errors
    /// [`TargetError::CopySource`] for any other form.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        let bad = || TargetError::CopySource;
        let (place, key) = Self::place_and_key(path).ok_or_else(bad)?;
        let key = ObjectKey::from_bytes(&key).map_err(|_| bad())?;
        let version_id = match query {
            None => None,
            Some(query) => {
                let id = query.strip_prefix("versionId=").ok_or_else(bad)?;
                Some(VersionId::parse(id).map_err(|_| TargetError::VersionId(id.to_owned()))?)
            }
        };
        Ok(Self { place, key, version_id })
    }

    fn place_and_key(path: &str) -> Option<(CopyPlace, Vec<u8>)> {
        let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let rest = path.strip_prefix('/').unwrap_or(path);
        if rest.starts_with("arn:") || rest.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("arn%3A"))
        {
            return Self::through_arn(&decode(rest));
        }
        let (bucket, key) = match rest.split_once('/') {
            Some((bucket, key)) => (bucket.as_bytes().to_vec(), decode(key)),
            // Some clients encode the slash behind the bucket too.
            None => {
                let whole = decode(path);
                let whole = whole.strip_prefix(b"/").unwrap_or(&whole);
                let slash = whole.iter().position(|byte| *byte == b'/')?;
                let (bucket, key) = whole.split_at(slash);
                (bucket.to_vec(), key.get(1..).unwrap_or_default().to_vec())
            }
        };
        let bucket = std::str::from_utf8(&bucket).ok()?;
        let place = match AccessPointAddress::parse(bucket).ok()? {
            Some(address @ AccessPointAddress::Alias(_)) => CopyPlace::AccessPoint(address),
            // An ARN has its own way to the key.
            Some(AccessPointAddress::Id(_)) => return None,
            None => CopyPlace::Bucket(BucketName::parse(bucket).ok()?),
        };
        Some((place, key))
    }

    /// `…:accesspoint/NAME/object/KEY`. Neither an account nor a region holds a slash, and a name does not either: the first
    /// `/object/` behind the name's first letter ends it, for an access point may be called `object`, too.
    fn through_arn(whole: &[u8]) -> Option<(CopyPlace, Vec<u8>)> {
        const BEFORE_NAME: &[u8] = b":accesspoint";
        const BEFORE_KEY: &[u8] = b"/object/";
        let resource = whole.windows(BEFORE_NAME.len()).position(|part| part == BEFORE_NAME)?;
        let name = resource + BEFORE_NAME.len() + 1; // behind the slash, or colon, between both
        let at = whole.get(name..)?.windows(BEFORE_KEY.len()).position(|part| part == BEFORE_KEY)? + name;
        let id = AccessPointId::of_arn(std::str::from_utf8(whole.get(..at)?).ok()?)?;
        let key = whole.get(at + BEFORE_KEY.len()..)?.to_vec();
        Some((CopyPlace::AccessPoint(AccessPointAddress::Id(id)), key))
    }
}

/// Reads a copy source from arbitrary text: the fuzz entry. What was read says the same when it is written plainly.
#[doc(hidden)]
pub fn fuzz_copy_source(data: &[u8]) {
    let Ok(source) = CopySource::parse(&String::from_utf8_lossy(data)) else { return };
    let key: String = source.key.as_str().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let version = source.version_id.map(|id| format!("?versionId={id}")).unwrap_or_default();
    let place = match &source.place {
        CopyPlace::Bucket(bucket) => bucket.to_string(),
        CopyPlace::AccessPoint(AccessPointAddress::Alias(alias)) => alias.as_str().to_owned(),
        CopyPlace::AccessPoint(AccessPointAddress::Id(id)) => format!("{}/object", id.arn()),
    };
    let plain = format!("{place}/{key}{version}");
    assert_eq!(CopySource::parse(&plain), Ok(source), "a copy source has another reading");
}

/// Why an input names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The bucket's name breaks the naming rules.
    #[error("{reason}")]
    BucketName {
        /// The name.
        name: String,
        /// The rule.
        reason: BucketNameError,
    },
    /// The key is empty, too long or no text.
    #[error("{0}")]
    Key(ObjectKeyError),
    /// The version id has not the form of one.
    #[error("Invalid version id specified")]
    VersionId(String),
    /// The copy source has not the form of one.
    #[error("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")]
    CopySource,
    /// The ARN names neither a bucket nor an access point.
    #[error("The resource ARN does not name a bucket or an access point")]
    ResourceArn,
    /// An ARN in the place of a bucket's name names no access point.
    #[error("The specified access point name or account is not valid")]
    AccessPointArn,
    /// An alias in the place of a bucket's name has not the form of one.
    #[error("The specified access point alias name is not valid")]
    AccessPointAlias,
}

/// What an input is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// Bucket.
    pub bucket: Option<BucketName>,
    /// The access point that stands in the bucket's place; of S3 Control, the one that the request's ARN names.
    pub access_point: Option<AccessPointAddress>,
    /// What S3 Control calls the access point, as the caller wrote it: may be no name.
    pub access_point_name: Option<String>,
    /// Key.
    pub key: Option<ObjectKey>,
    /// Version.
    pub version_id: Option<VersionId>,
    /// Source of a copy.
    pub copy_source: Option<CopySource>,
    /// Keys to delete.
    pub deletes: Vec<KeyVersion>,
    /// The account that the caller expects to own the bucket.
    pub expected_bucket_owner: Option<String>,
    /// The account that the caller expects to own the source bucket.
    pub expected_source_bucket_owner: Option<String>,
    /// The account that an account-level request names.
    pub account_id: Option<String>,
    /// The operation lets its caller say that he pays.
    pub takes_request_payer: bool,
    /// Ids of things of EC2 that the request lists (`vpce-…`).
    pub ids: Vec<String>,
    /// Further things that the request asks for, and that need actions of their own.
    pub asks: Asks,
    /// What of the input condition keys speak of.
    pub parameters: Parameters,
}

/// What a request asks for beside its main action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asks {
    /// Tags are set with the object.
    pub tagging: bool,
    /// An ACL or grants are set with the object or bucket.
    pub acl: bool,
    /// A retention period is set with the object.
    pub retention: bool,
    /// A legal hold is set with the object.
    pub legal_hold: bool,
    /// Governance retention is to be bypassed.
    pub bypass_governance: bool,
    /// Object Lock is enabled with the bucket.
    pub bucket_object_lock: bool,
    /// Object ownership is set with the bucket.
    pub bucket_ownership: bool,
    /// An access point is to answer a VPC alone.
    pub vpc_origin: bool,
}

impl Target {
    /// Reads the target out of a decoded input of a service, by its name in botocore.
    ///
    /// # Errors
    /// [`TargetError`] where a name in it has not its form.
    pub fn of(service: &str, input: &dyn Structure) -> Result<Self, TargetError> {
        let mut walk = Walk {
            is_s3: matches!(service, "s3" | "s3control"),
            is_control: service == "s3control",
            is_ec2: service == "ec2",
            ..Walk::default()
        };
        input.write(&mut walk);
        walk.target.takes_request_payer =
            walk.is_s3 && input.schema().members.iter().any(|member| member.name == "RequestPayer");
        match walk.error {
            Some(error) => Err(error),
            None => Ok(walk.target),
        }
    }
}

#[derive(Default)]
struct Walk {
    /// Only S3 has buckets, keys and versions; members of these names mean other things elsewhere.
    is_s3: bool,
    is_control: bool,
    is_ec2: bool,
    target: Target,
    error: Option<TargetError>,
    depth: usize,
    in_delete: bool,
    pending_version: Option<String>,
    in_tags: bool,
    in_tag_keys: bool,
    in_transitive: bool,
    in_ids: bool,
    in_lock: bool,
    tag_key: Option<String>,
}

impl Walk {
    fn keep<T>(&mut self, result: Result<T, TargetError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.error.get_or_insert(error);
                None
            }
        }
    }

    fn top_level(&mut self, name: &str, value: &str) {
        match name {
            "Bucket" => self.bucket(value),
            "Name" if self.is_control => self.target.access_point_name = Some(value.to_owned()),
            "ResourceArn" => self.resource_arn(value),
            "Key" => self.target.key = self.keep(ObjectKey::parse(value).map_err(TargetError::Key)),
            "VersionId" => {
                let parsed = VersionId::parse(value).map_err(|_| TargetError::VersionId(value.to_owned()));
                self.target.version_id = self.keep(parsed);
            }
            "CopySource" => self.target.copy_source = self.keep(CopySource::parse(value)),
            "ExpectedBucketOwner" => self.target.expected_bucket_owner = Some(value.to_owned()),
            "ExpectedSourceBucketOwner" => self.target.expected_source_bucket_owner = Some(value.to_owned()),
            "AccountId" => self.target.account_id = Some(value.to_owned()),
            "Tagging" => self.target.asks.tagging = true,
            "ACL" | "GrantFullControl" | "GrantRead" | "GrantReadACP" | "GrantWrite" | "GrantWriteACP" => {
                self.target.asks.acl = true;
            }
            "ObjectLockMode" => self.target.asks.retention = true,
            "ObjectLockLegalHoldStatus" => self.target.asks.legal_hold = true,
            "ObjectOwnership" => self.target.asks.bucket_ownership = true,
            _ => {}
        }
    }

    /// A bucket, or in S3 an access point in its place. S3 Control's buckets are called by their names.
    fn bucket(&mut self, value: &str) {
        let address = if self.is_control { Ok(None) } else { AccessPointAddress::parse(value) };
        match address {
            Ok(Some(address)) => self.target.access_point = Some(address),
            Ok(None) => {
                let parsed = BucketName::parse(value)
                    .map_err(|reason| TargetError::BucketName { name: value.to_owned(), reason });
                self.target.bucket = self.keep(parsed);
            }
            Err(BadAddress::Arn) => drop(self.keep::<()>(Err(TargetError::AccessPointArn))),
            Err(BadAddress::Alias) => drop(self.keep::<()>(Err(TargetError::AccessPointAlias))),
        }
    }

    fn resource_arn(&mut self, text: &str) {
        if let Some(id) = AccessPointId::of_arn(text) {
            self.target.access_point = Some(AccessPointAddress::Id(id));
            return;
        }
        let bucket = Arn::parse(text)
            .ok()
            .filter(|arn| arn.service() == "s3" && arn.region().is_empty() && arn.account().is_empty())
            .and_then(|arn| BucketName::parse(arn.resource()).ok())
            .ok_or(TargetError::ResourceArn);
        self.target.bucket = self.keep(bucket);
    }
}

impl Walk {
    /// What PutObjectRetention and PutObjectLegalHold say in their bodies, by the name that it has as a header.
    fn lock_member(&self, name: &str) -> Option<&'static str> {
        match name {
            "Mode" if self.in_lock => Some("ObjectLockMode"),
            "RetainUntilDate" if self.in_lock => Some("ObjectLockRetainUntilDate"),
            "Status" if self.in_lock => Some("ObjectLockLegalHoldStatus"),
            _ => None,
        }
    }

    /// Shapes called `Tag` have a key, which comes first in every model, and a value.
    fn tag(&mut self, member: &'static Member, value: &str) {
        match (self.in_tag_keys, member.name) {
            (true, _) if self.in_transitive => self.target.parameters.transitive_tags.push(value.to_owned()),
            (true, _) => self.target.parameters.removed_tags.push(value.to_owned()),
            (false, "Key") => self.tag_key = Some(value.to_owned()),
            (false, "Value") => {
                let key = self.tag_key.take().unwrap_or_default();
                self.target.parameters.tags.push((key, value.to_owned()));
            }
            _ => {}
        }
    }
}

impl ShapeWriter for Walk {
    fn string(&mut self, member: &'static Member, value: &str) {
        if self.depth == 0 {
            if self.is_s3 {
                self.top_level(member.name, value);
            }
            self.target.parameters.note(member, value);
        } else if let Some(name) = self.lock_member(member.name) {
            self.target.parameters.keep(name, value.to_owned());
        } else if member.name == "LocationConstraint" {
            self.target.parameters.note(member, value);
        } else if self.in_tags || self.in_tag_keys {
            self.tag(member, value);
        } else if self.in_ids {
            self.target.ids.push(value.to_owned());
        } else if self.in_delete && member.name == "Key" {
            let version_id = self.pending_version.take();
            self.target.deletes.push(KeyVersion { key: value.to_owned(), version_id });
        } else if self.in_delete && member.name == "VersionId" {
            match self.target.deletes.last_mut() {
                Some(last) => last.version_id = Some(value.to_owned()),
                None => self.pending_version = Some(value.to_owned()),
            }
        }
    }
    fn boolean(&mut self, member: &'static Member, value: bool) {
        match member.name {
            "BypassGovernanceRetention" => self.target.asks.bypass_governance = value,
            "ObjectLockEnabledForBucket" => self.target.asks.bucket_object_lock = value,
            _ => {}
        }
    }
    fn integer(&mut self, member: &'static Member, value: i64) {
        if self.depth == 0 {
            self.target.parameters.note(member, &value.to_string());
        }
    }
    fn float(&mut self, _: &'static Member, _: f64) {}
    fn blob(&mut self, _: &'static Member, _: &[u8]) {}
    fn timestamp(&mut self, member: &'static Member, value: Timestamp) {
        if self.depth == 0 {
            self.target.parameters.note(member, &value.to_iso8601_seconds());
        } else if let Some(name) = self.lock_member(member.name) {
            self.target.parameters.keep(name, value.to_iso8601_seconds());
        }
    }
    fn document(&mut self, _: &'static Member, _: &str) {}
    fn structure(&mut self, member: &'static Member, value: &dyn Structure) {
        let outer = (self.in_delete, self.in_tags, self.in_lock);
        self.in_lock |= self.is_s3 && matches!(member.name, "Retention" | "LegalHold");
        self.target.asks.vpc_origin |=
            self.is_control && self.depth == 0 && member.name == "VpcConfiguration";
        self.in_delete |= member.name == "Delete";
        self.in_tags |= member.name == "Tagging";
        self.depth += 1;
        value.write(self);
        self.depth -= 1;
        (self.in_delete, self.in_tags, self.in_lock) = outer;
    }
    fn list(&mut self, member: &'static Member, _: usize, elements: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        let outer = (self.in_tags, self.in_tag_keys);
        self.in_tags |= member.name == "Tags";
        self.in_transitive = member.name == "TransitiveTagKeys";
        self.in_ids = self.is_ec2 && matches!(member.name, "Resources" | "VpcEndpointIds");
        self.in_tag_keys |= member.name == "TagKeys" || self.in_transitive;
        self.depth += 1;
        elements(self);
        self.depth -= 1;
        (self.in_tags, self.in_tag_keys) = outer;
        self.in_ids = false;
    }
    fn map(&mut self, member: &'static Member, length: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        self.list(member, length, entries);
    }
    fn key(&mut self, _: &str) {}
    fn null(&mut self, _: &'static Member) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_sources_are_parsed_one_way() {
        let source = CopySource::parse("/bucket/a%2Fb%20c/../d?versionId=null").unwrap();
        assert_eq!(source.key.as_str(), "a/b c/../d");
        assert_eq!(source.version_id, Some(VersionId::Null));
        let encoded = CopySource::parse("%2Fbucket%2Fa%2Fb?versionId=null").unwrap();
        assert_eq!((encoded.bucket().unwrap().as_str(), encoded.key.as_str()), ("bucket", "a/b"));
        assert_eq!(CopySource::parse("bucket%2Fk").unwrap().key.as_str(), "k");
        assert_eq!(CopySource::parse("bucket/k%3FversionId=x").unwrap().key.as_str(), "k?versionId=x");
        for bad in
            ["", "bucket", "bucket/", "/bucket", "BUCKET/k", "../bucket/k", "bucket/k?x=1", "bucket/%ff"]
        {
            assert!(CopySource::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_copy_source_goes_through_an_access_point_by_arn_or_alias() {
        let arn = "arn:aws:s3:us-east-1:123456789012:accesspoint/ap1";
        let id = AccessPointId::of_arn(arn).unwrap();
        let through = |text: &str| {
            let source = CopySource::parse(text).unwrap();
            assert_eq!(source.bucket(), None);
            (source.place, source.key.as_str().to_owned(), source.version_id)
        };
        let by_arn = || CopyPlace::AccessPoint(AccessPointAddress::Id(id.clone()));
        assert_eq!(through(&format!("{arn}/object/a/object/b")), (by_arn(), "a/object/b".into(), None));
        let called_object = "arn:aws:s3:us-east-1:123456789012:accesspoint/object";
        let (place, key, _) = through(&format!("{called_object}/object/object/k"));
        let id_of_object = AccessPointId::of_arn(called_object).unwrap();
        assert_eq!(place, CopyPlace::AccessPoint(AccessPointAddress::Id(id_of_object)));
        assert_eq!(key, "object/k");
        let encoded =
            "arn%3Aaws%3As3%3Aus-east-1%3A123456789012%3Aaccesspoint%2Fap1%2Fobject%2Fa%20b?versionId=null";
        assert_eq!(through(encoded), (by_arn(), "a b".into(), Some(VersionId::Null)));
        let (place, key, _) = through("ap1-x-s3alias/k");
        assert!(matches!(place, CopyPlace::AccessPoint(AccessPointAddress::Alias(_))));
        assert_eq!(key, "k");
        for bad in [
            format!("{arn}/k"),
            format!("{arn}/object/"),
            "arn:aws:s3:us-east-1:1:accesspoint/ap1/object/k".to_owned(),
            "arn:aws:s3:::bucket/k".to_owned(),
            "-s3alias/k".to_owned(),
        ] {
            assert!(CopySource::parse(&bad).is_err(), "{bad}");
        }
    }
}
