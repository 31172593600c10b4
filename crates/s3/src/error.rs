//! Answers that say no, by AWS's codes, in one place.
//!
//! Source: S3 API Reference, "Error responses", "List of error codes"; the elements beside code and message are those
//! that S3 is seen to send.

use std::fmt::Display;

use strongroom_gate::ErrorReply;
use strongroom_types::{BucketName, ObjectKey, VersionId};

/// The key has no current object.
pub fn no_such_key(key: &ObjectKey) -> ErrorReply {
    ErrorReply::new(404, "NoSuchKey", "The specified key does not exist.").member("Key", key.as_str())
}

/// The key has no such version.
pub fn no_such_version(key: &ObjectKey, version_id: VersionId) -> ErrorReply {
    ErrorReply::new(404, "NoSuchVersion", "The specified version does not exist.")
        .member("Key", key.as_str())
        .member("VersionId", version_id.to_string())
}

/// The named version is a delete marker, which can only be deleted.
pub fn delete_marker_not_allowed(method: &'static str) -> ErrorReply {
    let message = "The specified method is not allowed against this resource.";
    ErrorReply::new(405, "MethodNotAllowed", message)
        .member("Method", method)
        .member("ResourceType", "DeleteMarker")
        .header("allow", "DELETE")
        .header("x-amz-delete-marker", "true")
}

/// A condition (`If-Match`, `x-amz-copy-source-if-match`, …) does not hold.
pub fn precondition_failed(condition: &'static str) -> ErrorReply {
    let message = "At least one of the pre-conditions you specified did not hold";
    ErrorReply::new(412, "PreconditionFailed", message).member("Condition", condition)
}

/// A conditional write lost a race against another one.
pub fn conditional_request_conflict(condition: &'static str, key: &ObjectKey) -> ErrorReply {
    let message =
        "The conditional request cannot succeed due to a conflicting operation against this resource.";
    ErrorReply::new(409, "ConditionalRequestConflict", message)
        .member("Condition", condition)
        .member("Key", key.as_str())
}

/// The client's copy is still good: no body, only the headers that name what it has.
pub fn not_modified() -> ErrorReply {
    ErrorReply { bare: true, ..ErrorReply::new(304, "NotModified", "Not Modified") }
}

/// An argument (header, query parameter or element) has a value that it cannot have.
pub fn invalid_argument(
    name: &'static str,
    value: impl Into<String>,
    message: impl Into<String>,
) -> ErrorReply {
    ErrorReply::new(400, "InvalidArgument", message)
        .member("ArgumentName", name)
        .member("ArgumentValue", value)
}

/// The request as a whole makes no sense.
pub fn invalid_request(message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(400, "InvalidRequest", message)
}

/// Something that a request asks for is not built yet. Never ignored in silence.
pub fn not_implemented(header: &'static str, message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(501, "NotImplemented", message).member("Header", header)
}

/// A document that is well-formed but not what the operation takes.
pub fn malformed_xml() -> ErrorReply {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    ErrorReply::new(400, "MalformedXML", message)
}

/// A tag that cannot be.
pub fn invalid_tag(message: impl Into<String>, key: impl Into<String>) -> ErrorReply {
    ErrorReply::new(400, "InvalidTag", message).member("TagKey", key)
}

/// Too many tags on an object. S3 has this odd code for it.
pub fn too_many_object_tags() -> ErrorReply {
    ErrorReply::new(400, "BadRequest", "Object tags cannot be greater than 10")
}

/// User metadata beyond its limit.
pub fn metadata_too_large(size: usize, most: usize) -> ErrorReply {
    let message = "Your metadata headers exceed the maximum allowed metadata size";
    ErrorReply::new(400, "MetadataTooLarge", message)
        .member("Size", size.to_string())
        .member("MaxSizeAllowed", most.to_string())
}

/// A body beyond its limit.
pub fn entity_too_large(proposed: u64, most: u64) -> ErrorReply {
    ErrorReply::new(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        .member("ProposedSize", proposed.to_string())
        .member("MaxSizeAllowed", most.to_string())
}

/// A part, not the last, below the least size.
pub fn entity_too_small(proposed: u64, least: u64) -> ErrorReply {
    ErrorReply::new(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        .member("ProposedSize", proposed.to_string())
        .member("MinSizeAllowed", least.to_string())
}

/// A body must come with its length.
pub fn missing_content_length() -> ErrorReply {
    ErrorReply::new(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
}

/// A storage class that there is not.
pub fn invalid_storage_class(requested: impl Into<String>) -> ErrorReply {
    ErrorReply::new(400, "InvalidStorageClass", "The storage class you specified is not valid")
        .member("StorageClassRequested", requested)
}

/// A range without a byte of the object in it.
pub fn invalid_range(requested: impl Into<String>, size: u64) -> ErrorReply {
    ErrorReply::new(416, "InvalidRange", "The requested range is not satisfiable")
        .member("RangeRequested", requested)
        .member("ActualObjectSize", size.to_string())
        .header("content-range", format!("bytes */{size}"))
}

/// A part that the object does not have.
pub fn invalid_part_number(requested: impl Display, count: impl Display) -> ErrorReply {
    ErrorReply::new(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
        .member("ActualPartCount", count.to_string())
        .member("PartNumberRequested", requested.to_string())
}

/// ACLs are off in the bucket (BucketOwnerEnforced).
pub fn acl_not_supported() -> ErrorReply {
    ErrorReply::new(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

/// A lock is asked for where the bucket has none.
pub fn bucket_has_no_object_lock() -> ErrorReply {
    invalid_request("Bucket is missing Object Lock Configuration")
}

/// The object's storage class does not allow this.
pub fn invalid_object_state(message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(403, "InvalidObjectState", message)
}

/// The caller may not do this, without a decision of the gate's to quote.
pub fn access_denied(message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(403, "AccessDenied", message)
}

/// A mistake of ours, or stored bytes that do not open. Says nothing of why.
pub fn internal() -> ErrorReply {
    ErrorReply::new(500, "InternalError", "We encountered an internal error. Please try again.")
}

/// Too much at once.
pub fn slow_down() -> ErrorReply {
    ErrorReply::new(503, "SlowDown", "Please reduce your request rate.")
}

/// A configuration that was not made, by its own code: `not_configured("NoSuchTagSet", "The TagSet does not exist")`.
pub fn not_configured(code: &'static str, message: impl Into<String>, bucket: &BucketName) -> ErrorReply {
    ErrorReply::new(404, code, message).member("BucketName", bucket.as_str())
}

/// There is no such bucket.
pub fn no_such_bucket(bucket: &BucketName) -> ErrorReply {
    not_configured("NoSuchBucket", "The specified bucket does not exist", bucket)
}

/// The bucket that the request was allowed for is not there any more.
pub fn bucket_gone() -> ErrorReply {
    ErrorReply::new(404, "NoSuchBucket", "The specified bucket does not exist")
}

/// Another account has a bucket of this name.
pub fn bucket_already_exists(bucket: &BucketName) -> ErrorReply {
    let message = "The requested bucket name is not available. The bucket namespace is shared by all users of \
                   the system. Please select a different name and try again.";
    ErrorReply::new(409, "BucketAlreadyExists", message).member("BucketName", bucket.as_str())
}

/// The caller has a bucket of this name.
pub fn bucket_already_owned_by_you(bucket: &BucketName) -> ErrorReply {
    let message = "Your previous request to create the named bucket succeeded and you already own it.";
    ErrorReply::new(409, "BucketAlreadyOwnedByYou", message).member("BucketName", bucket.as_str())
}

/// A bucket with objects, versions or uploads in it cannot go.
pub fn bucket_not_empty(bucket: &BucketName, versioned: bool) -> ErrorReply {
    let message = if versioned {
        "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
    } else {
        "The bucket you tried to delete is not empty"
    };
    ErrorReply::new(409, "BucketNotEmpty", message).member("BucketName", bucket.as_str())
}

/// The bucket's state does not allow this change.
pub fn invalid_bucket_state(message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(409, "InvalidBucketState", message)
}

/// A conflicting operation is in progress, after as many tries as are made.
pub fn operation_aborted() -> ErrorReply {
    let message =
        "A conflicting conditional operation is currently in progress against this resource. Try again.";
    ErrorReply::new(409, "OperationAborted", message)
}

/// A region that cannot be, or is not this installation's.
pub fn invalid_location_constraint(location: impl Into<String>) -> ErrorReply {
    ErrorReply::new(400, "InvalidLocationConstraint", "The specified location-constraint is not valid")
        .member("LocationConstraint", location)
}

/// There is no such upload, or it is no longer.
pub fn no_such_upload(upload_id: impl Into<String>) -> ErrorReply {
    let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                   aborted or completed.";
    ErrorReply::new(404, "NoSuchUpload", message).member("UploadId", upload_id)
}

/// A part that Complete names is not there, or is another.
pub fn invalid_part(
    upload_id: impl Into<String>,
    number: impl Display,
    etag: impl Into<String>,
) -> ErrorReply {
    let message = "One or more of the specified parts could not be found.  The part may not have been uploaded, \
                   or the specified entity tag may not match the part's entity tag.";
    ErrorReply::new(400, "InvalidPart", message)
        .member("UploadId", upload_id)
        .member("PartNumber", number.to_string())
        .member("ETag", etag)
}

/// Parts that Complete names out of order.
pub fn invalid_part_order(upload_id: impl Into<String>) -> ErrorReply {
    let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
    ErrorReply::new(400, "InvalidPartOrder", message).member("UploadId", upload_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_key_and_version_that_are_missing() {
        let key = ObjectKey::parse("a/b").unwrap();
        let reply = no_such_version(&key, VersionId::Null);
        assert_eq!((reply.status, reply.code.as_ref()), (404, "NoSuchVersion"));
        assert_eq!(reply.members, [("Key", "a/b".to_owned()), ("VersionId", "null".to_owned())]);
    }

    #[test]
    fn an_unchanged_object_is_answered_without_a_body() {
        assert!(not_modified().bare);
    }
}
