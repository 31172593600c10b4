//! Actions and resources of S3 and S3 Control.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3", and S3 User Guide,
//! "Required permissions for Amazon S3 API operations".

use strongroom_types::{Arn, BucketName, VersionId};

use super::{Access, Resource, action_of};
use crate::Target;
use crate::access_point::AccessPointAddress;
use crate::generated;

pub(super) fn s3control(operation: &str, target: &Target) -> Vec<Access> {
    if let ("ListTagsForResource" | "TagResource" | "UntagResource", Some(bucket)) =
        (operation, &target.bucket)
    {
        let action = action_of(&generated::S3, "s3:*", operation);
        return vec![Access { action, resource: Resource::Bucket(bucket.clone()) }];
    }
    if let Some(all) = access_points(operation, target) {
        return all;
    }
    let action = S3_CONTROL.iter().find(|(name, _)| *name == operation).map_or("s3:*", |(_, action)| *action);
    vec![Access { action, resource: Resource::Account }]
}

/// What operations on access points need; `None` for others. Whoever makes one with tags needs leave to tag it.
fn access_points(operation: &str, target: &Target) -> Option<Vec<Access>> {
    if let (Some(AccessPointAddress::Id(id)), "ListTagsForResource" | "TagResource" | "UntagResource") =
        (&target.access_point, operation)
    {
        let action = action_of(&generated::S3, "s3:*", operation);
        return Some(vec![Access { action, resource: Resource::Arn(id.arn()) }]);
    }
    if matches!(operation, "ListAccessPoints" | "ListMultiRegionAccessPoints") {
        let action = action_of(&generated::S3, "s3:*", operation);
        return Some(vec![Access { action, resource: Resource::Account }]);
    }
    if !ON_ACCESS_POINTS.contains(&operation) {
        return None;
    }
    let name = target.access_point_name.as_deref().unwrap_or("*");
    let resource = Resource::Regional { service: "s3", resource: format!("accesspoint/{name}") };
    let mut all = vec![Access::new(action_of(&generated::S3, "s3:*", operation), resource.clone())];
    if operation == "CreateAccessPoint" && !target.parameters.tags.is_empty() {
        all.push(Access::new("s3:TagResource", resource));
    }
    Some(all)
}

/// Operations on one access point of the caller's account, which they name.
const ON_ACCESS_POINTS: [&str; 7] = [
    "CreateAccessPoint",
    "DeleteAccessPoint",
    "DeleteAccessPointPolicy",
    "GetAccessPoint",
    "GetAccessPointPolicy",
    "GetAccessPointPolicyStatus",
    "PutAccessPointPolicy",
];

/// Account-level actions of S3 Control whose name is not the operation's.
const S3_CONTROL: [(&str, &str); 3] = [
    ("GetPublicAccessBlock", "s3:GetAccountPublicAccessBlock"),
    ("PutPublicAccessBlock", "s3:PutAccountPublicAccessBlock"),
    ("DeletePublicAccessBlock", "s3:PutAccountPublicAccessBlock"),
];

pub(super) fn s3(operation: &str, target: &Target) -> Option<Vec<Access>> {
    if operation == "ListBuckets" || operation == "ListDirectoryBuckets" {
        // AWS's own policies name its resource so, though its table has none.
        let every_bucket = Resource::Arn(Arn::new("s3", "", "", "*"));
        return Some(vec![Access { action: "s3:ListAllMyBuckets", resource: every_bucket }]);
    }
    if operation == "WriteGetObjectResponse" {
        return Some(vec![Access {
            action: "s3-object-lambda:WriteGetObjectResponse",
            resource: Resource::Account,
        }]);
    }
    let bucket = target.bucket.clone()?;
    if operation == "CreateBucket" {
        return Some(create_bucket(&bucket, target));
    }
    if let Some((_, action)) = BUCKET.iter().find(|(name, _)| *name == operation) {
        return Some(vec![Access { action, resource: Resource::Bucket(bucket) }]);
    }
    if operation == "DeleteObjects" {
        // Each key is decided on its own; the request as such needs to find the bucket only.
        return Some(vec![Access { action: "s3:DeleteObject", resource: Resource::Bucket(bucket) }]);
    }
    let (_, plain, versioned) = OBJECT.iter().find(|(name, _, _)| *name == operation)?;
    let key = target.key.clone()?;
    let own = match (&target.version_id, operation) {
        (Some(_), _) => *versioned,
        (None, _) => *plain,
    };
    let object = Resource::Object(bucket, key);
    let mut all = vec![Access { action: own, resource: object.clone() }];
    all.extend(
        besides(operation, target).into_iter().map(|action| Access { action, resource: object.clone() }),
    );
    if let Some(source) = &target.copy_source {
        let action = source_action(source.version_id.as_ref());
        let bucket = source.bucket()?.clone();
        all.push(Access { action, resource: Resource::Source(bucket, source.key.clone()) });
    }
    Some(all)
}

/// The action that reading a copy source needs.
fn source_action(version_id: Option<&VersionId>) -> &'static str {
    if version_id.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" }
}

/// The action that deleting one key of many needs.
pub(crate) fn delete_action(versioned: bool) -> &'static str {
    if versioned { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" }
}

fn create_bucket(bucket: &BucketName, target: &Target) -> Vec<Access> {
    let asks = target.asks;
    let further = [
        (asks.acl, "s3:PutBucketAcl"),
        (asks.bucket_object_lock, "s3:PutBucketObjectLockConfiguration"),
        (asks.bucket_object_lock, "s3:PutBucketVersioning"),
        (asks.bucket_ownership, "s3:PutBucketOwnershipControls"),
        (!target.parameters.tags.is_empty(), "s3:TagResource"),
    ];
    let further = further.into_iter().filter_map(|(asked, action)| asked.then_some(action));
    std::iter::once("s3:CreateBucket")
        .chain(further)
        .map(|action| Access { action, resource: Resource::NewBucket(bucket.clone()) })
        .collect()
}

fn besides(operation: &str, target: &Target) -> Vec<&'static str> {
    let writes = matches!(operation, "PutObject" | "CopyObject" | "CreateMultipartUpload");
    // Whoever writes only if an object is still the same learns whether it is.
    let compares =
        matches!(operation, "PutObject" | "CopyObject" | "CompleteMultipartUpload" | "DeleteObject")
            && target.parameters.member("IfMatch").is_some();
    let attributes = operation == "GetObjectAttributes";
    let versioned = target.version_id.is_some();
    let asks = target.asks;
    [
        (writes && asks.tagging, "s3:PutObjectTagging"),
        (writes && asks.acl, "s3:PutObjectAcl"),
        (writes && asks.retention, "s3:PutObjectRetention"),
        (writes && asks.legal_hold, "s3:PutObjectLegalHold"),
        (compares || (attributes && !versioned), "s3:GetObject"),
        (attributes && versioned, "s3:GetObjectVersion"),
        (asks.bypass_governance, BYPASS),
    ]
    .into_iter()
    .filter_map(|(asked, action)| asked.then_some(action))
    .collect()
}

/// The action of getting round a retention in governance mode.
pub(crate) const BYPASS: &str = "s3:BypassGovernanceRetention";

/// What a copy needs beside, that takes its source's tags along. Source: S3 API Reference, "CopyObject",
/// `x-amz-tagging-directive`.
pub(crate) fn tags_of_copy(target: &Target) -> Vec<Access> {
    let (Some(source), Some(bucket), Some(key)) = (&target.copy_source, &target.bucket, &target.key) else {
        return Vec::new();
    };
    let Some(source_bucket) = source.bucket() else { return Vec::new() };
    let read = if source.version_id.is_some() { "s3:GetObjectVersionTagging" } else { "s3:GetObjectTagging" };
    vec![
        Access::new(read, Resource::Source(source_bucket.clone(), source.key.clone())),
        Access::new("s3:PutObjectTagging", Resource::Object(bucket.clone(), key.clone())),
    ]
}

/// Operations on a bucket, and their action.
const BUCKET: &[(&str, &str)] = &[
    ("CreateBucketMetadataConfiguration", "s3:CreateBucketMetadataTableConfiguration"),
    ("CreateBucketMetadataTableConfiguration", "s3:CreateBucketMetadataTableConfiguration"),
    ("CreateSession", "s3express:CreateSession"),
    ("DeleteBucket", "s3:DeleteBucket"),
    ("DeleteBucketAnalyticsConfiguration", "s3:PutAnalyticsConfiguration"),
    ("DeleteBucketCors", "s3:PutBucketCORS"),
    ("DeleteBucketEncryption", "s3:PutEncryptionConfiguration"),
    ("DeleteBucketIntelligentTieringConfiguration", "s3:PutIntelligentTieringConfiguration"),
    ("DeleteBucketInventoryConfiguration", "s3:PutInventoryConfiguration"),
    ("DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"),
    ("DeleteBucketMetadataConfiguration", "s3:DeleteBucketMetadataTableConfiguration"),
    ("DeleteBucketMetadataTableConfiguration", "s3:DeleteBucketMetadataTableConfiguration"),
    ("DeleteBucketMetricsConfiguration", "s3:PutMetricsConfiguration"),
    ("DeleteBucketOwnershipControls", "s3:PutBucketOwnershipControls"),
    ("DeleteBucketPolicy", "s3:DeleteBucketPolicy"),
    ("DeleteBucketReplication", "s3:PutReplicationConfiguration"),
    ("DeleteBucketTagging", "s3:PutBucketTagging"),
    ("DeleteBucketWebsite", "s3:DeleteBucketWebsite"),
    ("DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    ("GetBucketAbac", "s3:GetBucketAbac"),
    ("GetBucketAccelerateConfiguration", "s3:GetAccelerateConfiguration"),
    ("GetBucketAcl", "s3:GetBucketAcl"),
    ("GetBucketAnalyticsConfiguration", "s3:GetAnalyticsConfiguration"),
    ("GetBucketCors", "s3:GetBucketCORS"),
    ("GetBucketEncryption", "s3:GetEncryptionConfiguration"),
    ("GetBucketIntelligentTieringConfiguration", "s3:GetIntelligentTieringConfiguration"),
    ("GetBucketInventoryConfiguration", "s3:GetInventoryConfiguration"),
    ("GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"),
    ("GetBucketLocation", "s3:GetBucketLocation"),
    ("GetBucketLogging", "s3:GetBucketLogging"),
    ("GetBucketMetadataConfiguration", "s3:GetBucketMetadataTableConfiguration"),
    ("GetBucketMetadataTableConfiguration", "s3:GetBucketMetadataTableConfiguration"),
    ("GetBucketMetricsConfiguration", "s3:GetMetricsConfiguration"),
    ("GetBucketNotificationConfiguration", "s3:GetBucketNotification"),
    ("GetBucketOwnershipControls", "s3:GetBucketOwnershipControls"),
    ("GetBucketPolicy", "s3:GetBucketPolicy"),
    ("GetBucketPolicyStatus", "s3:GetBucketPolicyStatus"),
    ("GetBucketReplication", "s3:GetReplicationConfiguration"),
    ("GetBucketRequestPayment", "s3:GetBucketRequestPayment"),
    ("GetBucketTagging", "s3:GetBucketTagging"),
    ("GetBucketVersioning", "s3:GetBucketVersioning"),
    ("GetBucketWebsite", "s3:GetBucketWebsite"),
    ("GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration"),
    ("GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
    ("HeadBucket", "s3:ListBucket"),
    ("ListBucketAnalyticsConfigurations", "s3:GetAnalyticsConfiguration"),
    ("ListBucketIntelligentTieringConfigurations", "s3:GetIntelligentTieringConfiguration"),
    ("ListBucketInventoryConfigurations", "s3:GetInventoryConfiguration"),
    ("ListBucketMetricsConfigurations", "s3:GetMetricsConfiguration"),
    ("ListMultipartUploads", "s3:ListBucketMultipartUploads"),
    ("ListObjectVersions", "s3:ListBucketVersions"),
    ("ListObjects", "s3:ListBucket"),
    ("ListObjectsV2", "s3:ListBucket"),
    ("PutBucketAbac", "s3:PutBucketAbac"),
    ("PutBucketAccelerateConfiguration", "s3:PutAccelerateConfiguration"),
    ("PutBucketAcl", "s3:PutBucketAcl"),
    ("PutBucketAnalyticsConfiguration", "s3:PutAnalyticsConfiguration"),
    ("PutBucketCors", "s3:PutBucketCORS"),
    ("PutBucketEncryption", "s3:PutEncryptionConfiguration"),
    ("PutBucketIntelligentTieringConfiguration", "s3:PutIntelligentTieringConfiguration"),
    ("PutBucketInventoryConfiguration", "s3:PutInventoryConfiguration"),
    ("PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
    ("PutBucketLogging", "s3:PutBucketLogging"),
    ("PutBucketMetricsConfiguration", "s3:PutMetricsConfiguration"),
    ("PutBucketNotificationConfiguration", "s3:PutBucketNotification"),
    ("PutBucketOwnershipControls", "s3:PutBucketOwnershipControls"),
    ("PutBucketPolicy", "s3:PutBucketPolicy"),
    ("PutBucketReplication", "s3:PutReplicationConfiguration"),
    ("PutBucketRequestPayment", "s3:PutBucketRequestPayment"),
    ("PutBucketTagging", "s3:PutBucketTagging"),
    ("PutBucketVersioning", "s3:PutBucketVersioning"),
    ("PutBucketWebsite", "s3:PutBucketWebsite"),
    ("PutObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration"),
    ("PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    (
        "UpdateBucketMetadataAnnotationTableConfiguration",
        "s3:UpdateBucketMetadataAnnotationTableConfiguration",
    ),
    ("UpdateBucketMetadataInventoryTableConfiguration", "s3:UpdateBucketMetadataInventoryTableConfiguration"),
    ("UpdateBucketMetadataJournalTableConfiguration", "s3:UpdateBucketMetadataJournalTableConfiguration"),
];

/// Operations on an object: their action without and with a version id.
const OBJECT: &[(&str, &str, &str)] = &[
    ("AbortMultipartUpload", "s3:AbortMultipartUpload", "s3:AbortMultipartUpload"),
    ("CompleteMultipartUpload", "s3:PutObject", "s3:PutObject"),
    ("CopyObject", "s3:PutObject", "s3:PutObject"),
    ("CreateMultipartUpload", "s3:PutObject", "s3:PutObject"),
    ("DeleteObject", "s3:DeleteObject", "s3:DeleteObjectVersion"),
    ("DeleteObjectAnnotation", "s3:DeleteObjectAnnotation", "s3:DeleteObjectVersionAnnotation"),
    ("DeleteObjectTagging", "s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
    ("GetObject", "s3:GetObject", "s3:GetObjectVersion"),
    ("GetObjectAcl", "s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
    ("GetObjectAnnotation", "s3:GetObjectAnnotation", "s3:GetObjectVersionAnnotation"),
    ("GetObjectAttributes", "s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"),
    ("GetObjectLegalHold", "s3:GetObjectLegalHold", "s3:GetObjectLegalHold"),
    ("GetObjectRetention", "s3:GetObjectRetention", "s3:GetObjectRetention"),
    ("GetObjectTagging", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
    ("GetObjectTorrent", "s3:GetObjectTorrent", "s3:GetObjectVersionTorrent"),
    ("HeadObject", "s3:GetObject", "s3:GetObjectVersion"),
    ("ListObjectAnnotations", "s3:GetObjectAnnotation", "s3:GetObjectVersionAnnotation"),
    ("ListParts", "s3:ListMultipartUploadParts", "s3:ListMultipartUploadParts"),
    ("PutObject", "s3:PutObject", "s3:PutObject"),
    ("PutObjectAcl", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
    ("PutObjectAnnotation", "s3:PutObjectAnnotation", "s3:PutObjectVersionAnnotation"),
    ("PutObjectLegalHold", "s3:PutObjectLegalHold", "s3:PutObjectLegalHold"),
    ("PutObjectRetention", "s3:PutObjectRetention", "s3:PutObjectRetention"),
    ("PutObjectTagging", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
    ("RenameObject", "s3:PutObject", "s3:PutObject"),
    ("RestoreObject", "s3:RestoreObject", "s3:RestoreObject"),
    ("SelectObjectContent", "s3:GetObject", "s3:GetObject"),
    ("UpdateObjectEncryption", "s3:UpdateObjectEncryption", "s3:UpdateObjectEncryption"),
    ("UploadPart", "s3:PutObject", "s3:PutObject"),
    ("UploadPartCopy", "s3:PutObject", "s3:PutObject"),
];

#[cfg(test)]
mod tests {
    use strongroom_types::ObjectKey;

    use super::*;
    use crate::CopySource;

    fn target() -> Target {
        Target {
            bucket: Some(BucketName::parse("bucket").unwrap()),
            key: Some(ObjectKey::parse("key").unwrap()),
            ..Target::default()
        }
    }

    fn actions(operation: &str, target: &Target) -> Vec<&'static str> {
        s3(operation, target).unwrap().iter().map(|access| access.action).collect()
    }

    #[test]
    fn a_version_id_needs_the_action_for_versions() {
        let mut target = target();
        assert_eq!(actions("GetObject", &target), ["s3:GetObject"]);
        target.version_id = Some(VersionId::Null);
        assert_eq!(actions("GetObject", &target), ["s3:GetObjectVersion"]);
        assert_eq!(actions("DeleteObject", &target), ["s3:DeleteObjectVersion"]);
    }

    #[test]
    fn a_copy_needs_its_source_and_whatever_it_sets() {
        let mut target = target();
        target.copy_source = Some(CopySource::parse("other/key").unwrap());
        target.asks.tagging = true;
        assert_eq!(actions("CopyObject", &target), ["s3:PutObject", "s3:PutObjectTagging", "s3:GetObject"]);
    }

    #[test]
    fn an_unknown_operation_is_nobodys() {
        assert_eq!(s3("Nonsense", &target()), None);
    }
}
