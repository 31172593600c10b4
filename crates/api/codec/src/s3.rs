//! Where S3's wire is not what the models say.

use strongroom_shape::{OperationSchema, ServiceSchema};

/// Whether the service is S3 itself.
pub(crate) fn is_s3(service: &ServiceSchema) -> bool {
    service.name == "s3"
}

/// Whether the service is S3 or S3 Control, whose timestamps have milliseconds.
pub(crate) fn is_s3_family(service: &ServiceSchema) -> bool {
    matches!(service.name, "s3" | "s3control")
}

/// GetBucketLocation's answer is its root element: text in it, not a member.
pub(crate) fn is_bare_location(service: &ServiceSchema, op: &OperationSchema) -> bool {
    is_s3(service) && op.name == "GetBucketLocation"
}

/// Policies are text in the model and JSON on the wire.
pub(crate) fn is_json_text(service: &ServiceSchema, op: &OperationSchema) -> bool {
    is_s3_family(service) && matches!(op.name, "GetBucketPolicy" | "GetAccessPointPolicy")
}

/// Operations whose requests may be long: a thousand keys, ten thousand parts.
pub(crate) fn has_long_body(op: &OperationSchema) -> bool {
    matches!(op.name, "DeleteObjects" | "CompleteMultipartUpload")
}
