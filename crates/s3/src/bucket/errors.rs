//! Error replies that many bucket operations share. Source: S3 API Reference, "Error responses".

use strongroom_gate::ErrorReply;
use strongroom_types::BucketName;

/// A configuration that the bucket does not have.
pub(super) fn absent(code: &'static str, message: &'static str, bucket: &BucketName) -> ErrorReply {
    ErrorReply::new(404, code, message).member("BucketName", bucket.as_str())
}

/// An argument that has not the value it should.
pub(super) fn invalid_argument(
    message: impl Into<String>,
    name: &'static str,
    value: impl Into<String>,
) -> ErrorReply {
    ErrorReply::new(400, "InvalidArgument", message)
        .member("ArgumentName", name)
        .member("ArgumentValue", value)
}

/// A request that contradicts itself or the service's rules.
pub(super) fn invalid_request(message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(400, "InvalidRequest", message)
}

/// A document that is not of its schema.
pub(super) fn malformed_xml() -> ErrorReply {
    ErrorReply::new(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

/// Something that AWS has and this store has not.
pub(super) fn not_implemented(message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(501, "NotImplemented", message)
}

/// A caller who may not, whatever a policy says.
pub(super) fn access_denied(message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(403, "AccessDenied", message)
}

/// A row that must be there and is not: fails the request closed.
pub(super) fn internal() -> ErrorReply {
    ErrorReply::new(500, "InternalError", "We encountered an internal error. Please try again.")
}
