//! From a request's head and body to its typed input.

mod digests;
mod signed_body;

use bytes::{Bytes, BytesMut};
use strongroom_codec::RequestHead;
use strongroom_crypto::MultiDigest;
use strongroom_gate::{Body, ErrorReply};
use strongroom_shape::{Protocol, ReadError, ReadErrorKind, Structure};

use crate::route::Routed;

pub(crate) use digests::{expected_digests, require_digest};
pub(crate) use signed_body::SignedBody;

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
        .and_then(|()| strongroom_codec::validate(&*input))
        .or_else(|error| if is_tolerated(&error) { Ok(()) } else { Err(error) })
        .map_err(|error| read_reply(*protocol, &error))
}

/// An empty `LocationConstraint` means us-east-1, as its absence does. The model's pattern of `ResourceArn` has no room
/// for a bucket's ARN, whose region is empty, and that of `CopySource` none for one whose slash is encoded; the gate
/// parses both.
fn is_tolerated(error: &ReadError) -> bool {
    let empty_location = error.kind == ReadErrorKind::UnknownValue(String::new()) && error.member == LOCATION;
    let parsed_by_gate = matches!(error.member, "ResourceArn" | "CopySource");
    empty_location || (parsed_by_gate && matches!(error.kind, ReadErrorKind::Constraint(_)))
}

const LOCATION: &str = "LocationConstraint";

/// Fills `input` from the head alone, as far as it goes: for callers who will be refused anyway.
pub(crate) fn decode_head(routed: &Routed, head: &RequestHead<'_>, input: &mut dyn Structure) {
    let Routed { protocol, service, operation, .. } = routed;
    // What the body would hold is missing; the gate decides on bucket and key.
    let _ = strongroom_codec::decode(*protocol, service, operation, head, &[], input);
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
fn read_reply(protocol: Protocol, error: &ReadError) -> ErrorReply {
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
            ReadErrorKind::UnknownValue(value) if is_header(error.member) => {
                ErrorReply::new(400, "InvalidArgument", message)
                    .member("ArgumentName", error.member)
                    .member("ArgumentValue", value)
            }
            ReadErrorKind::WrongType(_) | ReadErrorKind::OutOfRange if is_header(error.member) => {
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
