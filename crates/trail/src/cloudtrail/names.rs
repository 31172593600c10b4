//! How CloudTrail calls S3's operations, and which of them are data events.
//!
//! Source: S3 User Guide, "Amazon S3 CloudTrail events".

/// Operations that CloudTrail has under another name.
const RENAMED: [(&str, &str); 11] = [
    ("GetBucketAccelerateConfiguration", "GetAccelerateConfiguration"),
    ("GetBucketLifecycleConfiguration", "GetBucketLifecycle"),
    ("GetBucketNotificationConfiguration", "GetBucketNotification"),
    ("GetObjectLockConfiguration", "GetBucketObjectLockConfiguration"),
    // In the list of data events there is one name for both forms of listing.
    ("ListObjectsV2", "ListObjects"),
    // A form's upload is a PutObject to policies and to CloudTrail.
    ("PostObject", "PutObject"),
    ("PutBucketAccelerateConfiguration", "PutAccelerateConfiguration"),
    ("PutBucketLifecycleConfiguration", "PutBucketLifecycle"),
    ("PutBucketNotificationConfiguration", "PutBucketNotification"),
    ("PutObjectLockConfiguration", "PutBucketObjectLockConfiguration"),
    ("DeleteBucketLifecycleConfiguration", "DeleteBucketLifecycle"),
];

/// Data events of `AWS::S3::Object`. HeadBucket stands in both lists; it is logged as a data event.
const DATA: [&str; 29] = [
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjects",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "HeadBucket",
    "HeadObject",
    "ListObjectVersions",
    "ListObjects",
    "ListParts",
    "PutObject",
    "PutObjectAcl",
    "PutObjectLegalHold",
    "PutObjectRetention",
    "PutObjectTagging",
    "RestoreObject",
    "SelectObjectContent",
    "UpdateObjectEncryption",
    "UploadPart",
    "UploadPartCopy",
];

/// The name of an operation that the model calls `operation`. `on_bucket`: whether the request names a bucket.
pub(crate) fn event_name<'a>(service: &str, operation: &'a str, on_bucket: bool) -> &'a str {
    if operation.is_empty() {
        return "UnknownOperation";
    }
    if !is_s3(service) {
        return operation;
    }
    match (operation, on_bucket) {
        ("GetPublicAccessBlock", true) => return "GetBucketPublicAccessBlock",
        ("PutPublicAccessBlock", true) => return "PutBucketPublicAccessBlock",
        ("DeletePublicAccessBlock", true) => return "DeleteBucketPublicAccessBlock",
        ("GetPublicAccessBlock", false) => return "GetAccountPublicAccessBlock",
        ("PutPublicAccessBlock", false) => return "PutAccountPublicAccessBlock",
        ("DeletePublicAccessBlock", false) => return "DeleteAccountPublicAccessBlock",
        _ => {}
    }
    RENAMED.iter().find(|(name, _)| *name == operation).map_or(operation, |(_, renamed)| renamed)
}

/// Whether a request to S3 with this target would be about a bucket, were it let in: a request that was refused before it
/// was decided on has no bucket in its record. Those of S3 Control, and work without a request, are about an account.
pub(crate) fn leads_to_bucket(target: &str) -> bool {
    !target.is_empty() && !target.starts_with("/v20180820/")
}

/// Whether an event of this name is a data event. Operations that AWS lists nowhere are, if they name a key.
pub(crate) fn is_data(service: &str, event_name: &str, has_key: bool) -> bool {
    is_s3(service) && (has_key || DATA.contains(&event_name))
}

/// Whether this is S3, S3 Control included: both sign as `s3`.
pub(crate) fn is_s3(service: &str) -> bool {
    matches!(service, "" | "s3" | "s3control")
}
