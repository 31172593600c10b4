//! From a request's head and body to its typed input.

mod digests;
mod room;
mod signed_body;
mod unknown;

use bytes::{Bytes, BytesMut};
use strongroom_codec::RequestHead;
use strongroom_crypto::MultiDigest;
use strongroom_gate::{Body, ErrorReply};
use strongroom_shape::{Protocol, ReadError, ReadErrorKind, Structure};
use strongroom_types::Timestamp;

use crate::route::Routed;

pub(crate) use digests::{expected_digests, require_digest};
pub(crate) use room::{Owner, Placed, Room, Share};
pub(crate) use signed_body::{SignedBody, wire_reply};
pub(crate) use unknown::{UnknownBodies, UnknownBody, in_time};

/// Fills `input` from head and body, and checks what the model demands of it.
///
/// # Errors
/// The protocol's error for what does not read.
pub(crate) fn decode(
    routed: &Routed,
    head: &RequestHead<'_>,
    body: &[u8],
    input: &mut dyn Structure,
) -> Result<(), ErrorReply> {
    let Routed { protocol, service, operation, .. } = routed;
    strongroom_codec::decode(*protocol, service, operation, head, body, input)
        .or_else(|error| if is_empty_location(&error) { Ok(()) } else { Err(error) })
        .and_then(|()| strongroom_codec::validate_except(&*input, &PARSED_BY_THE_GATE))
        .map_err(|error| {
            let from_head = !strongroom_codec::needs_body(*protocol, operation) || is_header(error.member);
            let reply = read_reply(*protocol, &error, from_head);
            let is_list = matches!(operation.name, "PutBucketAcl" | "PutObjectAcl");
            if is_list && reply.code == "MalformedXML" { malformed_acl(&error) } else { reply }
        })
        .and_then(|()| refuse_encryption_of_reads(operation.name, head.headers))
}

/// Reads take no kind of encryption but a customer's key; the model does not know the header there, and S3 refuses it.
///
/// Source: S3 API Reference, "GetObject", "HeadObject", "Encryption".
fn refuse_encryption_of_reads(operation: &str, headers: &http::HeaderMap) -> Result<(), ErrorReply> {
    const HEADER: &str = "x-amz-server-side-encryption";
    let Some(value) = headers.get(HEADER).filter(|_| matches!(operation, "GetObject" | "HeadObject")) else {
        return Ok(());
    };
    let message = "x-amz-server-side-encryption header is not supported for this operation.";
    Err(ErrorReply::new(400, "InvalidArgument", message)
        .member("ArgumentName", HEADER)
        .member("ArgumentValue", String::from_utf8_lossy(value.as_bytes())))
}

/// Members whose patterns in the model are stricter than S3: that of `ResourceArn` has no room for a bucket's ARN, whose
/// region is empty, and that of `CopySource` none for one whose slash is encoded.
const PARSED_BY_THE_GATE: [&str; 2] = ["ResourceArn", "CopySource"];

/// An empty `LocationConstraint` means us-east-1, as its absence does.
fn is_empty_location(error: &ReadError) -> bool {
    error.kind == ReadErrorKind::UnknownValue(String::new()) && error.member == LOCATION
}

/// Headers as the model expects them, where S3 takes more. Conditions whose dates are none count as absent (RFC 9110,
/// sections 13.1.3 and 13.1.4); the AWS SDK for C++ asks for checksums in lower case.
pub(crate) fn tolerated(mut headers: http::HeaderMap) -> http::HeaderMap {
    const CHECKSUM_MODE: &str = "x-amz-checksum-mode";
    if headers.get(CHECKSUM_MODE).is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"enabled")) {
        headers.insert(CHECKSUM_MODE, http::HeaderValue::from_static("ENABLED"));
    }
    const DATES: [&str; 4] = [
        "if-modified-since",
        "if-unmodified-since",
        "x-amz-copy-source-if-modified-since",
        "x-amz-copy-source-if-unmodified-since",
    ];
    for name in DATES {
        let bad = headers.get(name).is_some_and(|value| {
            value.to_str().ok().is_none_or(|date| Timestamp::parse_http_date(date).is_err())
        });
        if bad {
            headers.remove(name);
        }
    }
    headers
}

const LOCATION: &str = "LocationConstraint";

/// Fills `input` from the head alone, as far as it goes: for callers who will be refused anyway.
pub(crate) fn decode_head(routed: &Routed, head: &RequestHead<'_>, input: &mut dyn Structure) {
    let Routed { protocol, service, operation, .. } = routed;
    // What the body would hold is missing; the gate decides on bucket and key.
    let _ = strongroom_codec::decode(*protocol, service, operation, head, &[], input);
}

/// The error for a body that does not come in time.
pub(crate) fn timed_out() -> ErrorReply {
    let message =
        "Your socket connection to the server was not read from or written to within the timeout period.";
    ErrorReply::new(400, "RequestTimeout", message)
}

/// Reads a whole body of at most `limit` bytes, and checks it as a streamed one is checked.
///
/// # Errors
/// Those of the body; `MaxMessageLengthExceeded`.
pub(crate) async fn collect(mut body: Body, limit: usize) -> Result<Bytes, ErrorReply> {
    let mut digest = MultiDigest::new(body.wants_md5(), false, body.wanted());
    let mut whole = BytesMut::new();
    while let Some(piece) = body.next().await.map_err(|error| error.0)? {
        if whole.len() + piece.len() > limit {
            return Err(too_long());
        }
        digest.update(&piece);
        whole.extend_from_slice(&piece);
    }
    body.finish(&digest.finalize()).map_err(|error| error.0)?;
    Ok(whole.freeze())
}

pub(crate) fn too_long() -> ErrorReply {
    ErrorReply::new(400, "MaxMessageLengthExceeded", "Your request was too big.")
}

/// The error for an input that does not read. Source: S3 API Reference, "Error responses" (MalformedXML,
/// InvalidArgument); the JSON protocols' SerializationException and ValidationException.
fn read_reply(protocol: Protocol, error: &ReadError, from_head: bool) -> ErrorReply {
    let message = error.to_string();
    match protocol {
        Protocol::RestXml => match &error.kind {
            ReadErrorKind::UnknownValue(value) if error.member == LOCATION => {
                let message = "The specified location-constraint is not valid";
                ErrorReply::new(400, "InvalidLocationConstraint", message).member(LOCATION, value)
            }
            ReadErrorKind::UnknownValue(value) if error.member == "StorageClass" => {
                let message = "The storage class you specified is not valid";
                ErrorReply::new(400, "InvalidStorageClass", message).member("StorageClassRequested", value)
            }
            ReadErrorKind::Syntax(_) => malformed_xml(),
            ReadErrorKind::Missing if error.member.is_empty() => malformed_xml(),
            ReadErrorKind::UnknownValue(value) if from_head => {
                ErrorReply::new(400, "InvalidArgument", message)
                    .member("ArgumentName", error.member)
                    .member("ArgumentValue", value)
            }
            ReadErrorKind::WrongType(_) | ReadErrorKind::OutOfRange if from_head => {
                ErrorReply::new(400, "InvalidArgument", message).member("ArgumentName", error.member)
            }
            ReadErrorKind::Constraint(_) => {
                ErrorReply::new(400, "InvalidArgument", message).member("ArgumentName", error.member)
            }
            ReadErrorKind::Missing
            | ReadErrorKind::UnknownValue(_)
            | ReadErrorKind::WrongType(_)
            | ReadErrorKind::OutOfRange => malformed_xml(),
        },
        Protocol::AwsQuery | Protocol::Ec2Query => match &error.kind {
            ReadErrorKind::Missing => ErrorReply::new(400, "MissingParameter", message),
            ReadErrorKind::Syntax(_) => ErrorReply::new(400, "MalformedQueryString", message),
            ReadErrorKind::UnknownValue(_)
            | ReadErrorKind::WrongType(_)
            | ReadErrorKind::OutOfRange
            | ReadErrorKind::Constraint(_) => ErrorReply::new(400, "ValidationError", message),
        },
        Protocol::RestJson1 | Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::RpcV2Cbor => {
            match &error.kind {
                ReadErrorKind::Syntax(_) | ReadErrorKind::WrongType(_) => {
                    ErrorReply::new(400, "SerializationException", message)
                }
                ReadErrorKind::Missing
                | ReadErrorKind::UnknownValue(_)
                | ReadErrorKind::OutOfRange
                | ReadErrorKind::Constraint(_) => ErrorReply::new(400, "ValidationException", message),
            }
        }
    }
}

fn malformed_xml() -> ErrorReply {
    ErrorReply::new(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

/// A list that is XML and has not the form of one. Source: S3 API Reference, "Error responses", MalformedACLError.
fn malformed_acl(error: &ReadError) -> ErrorReply {
    if matches!(error.kind, ReadErrorKind::Syntax(_)) {
        return malformed_xml();
    }
    let message =
        "The ACL that you provided was not well formed or did not validate against our published schema.";
    ErrorReply::new(400, "MalformedACLError", message)
}

/// Members of S3's inputs that lie in the head, where a bad value is an argument and not a document.
fn is_header(member: &str) -> bool {
    let header_of = |schema: &strongroom_shape::StructureSchema| {
        schema.members.iter().any(|m| {
            m.name == member
                && !matches!(
                    m.location,
                    strongroom_shape::Location::Body | strongroom_shape::Location::Payload
                )
        })
    };
    strongroom_api_s3::SERVICE.operations.iter().any(|operation| header_of(operation.input))
}
