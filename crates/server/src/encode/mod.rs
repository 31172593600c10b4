//! From typed outputs and errors to answers.

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue};
use strongroom_codec::ErrorResponse;
use strongroom_gate::{ErrorReply, Reply, ReplyBody};
use strongroom_shape::{CommonError, Protocol, ServiceSchema, Structure};

use crate::http::OutgoingBody;
use crate::route::Routed;

/// An answer before the headers that every answer bears.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: OutgoingBody,
    pub(crate) error: Option<(String, String)>,
    pub(crate) object_size: Option<u64>,
}

/// The ids of a request, for error documents.
#[derive(Clone, Copy)]
pub(crate) struct Ids<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) host_id: &'a str,
    pub(crate) resource: &'a str,
}

/// What of a reply is not its output.
pub(crate) struct Extras {
    body: Option<ReplyBody>,
    status: Option<u16>,
    headers: Vec<(&'static str, String)>,
    object_size: Option<u64>,
}

/// Parts a reply, so that what follows does not depend on the operation's type.
pub(crate) fn split<O>(reply: Reply<O>) -> (O, Extras) {
    let Reply { output, body, status, headers, object_size } = reply;
    (output, Extras { body, status, headers, object_size })
}

/// Encodes a success.
///
/// # Errors
/// `InternalError` for a value that has no form on the wire.
pub(crate) fn success(
    routed: &Routed,
    output: &dyn Structure,
    extras: Extras,
    request_id: &str,
) -> Result<Answer, ErrorReply> {
    let encoded = strongroom_codec::encode(
        routed.protocol,
        routed.service,
        routed.operation,
        output,
        request_id,
    )
    .map_err(|error| {
        tracing::error!(%error, operation = routed.operation.name, "an output has no form on the wire");
        internal_error()
    })?;
    let mut headers = HeaderMap::with_capacity(encoded.headers.len() + 4);
    for (name, value) in encoded.headers {
        headers.append(name, value);
    }
    push_headers(&mut headers, &extras.headers);
    let body = match extras.body {
        Some(ReplyBody { length, bytes }) => OutgoingBody::Stream {
            len: Some(length),
            chunks: Box::pin(bytes.map(|piece| piece.map_err(std::io::Error::other))),
        },
        None if encoded.body.is_empty() => OutgoingBody::Empty,
        None => OutgoingBody::Full(Bytes::from(encoded.body)),
    };
    let status = extras.status.unwrap_or(encoded.status);
    Ok(Answer { status, headers, body, error: None, object_size: extras.object_size })
}

/// Encodes an error.
pub(crate) fn failure(
    protocol: Protocol,
    service: &'static ServiceSchema,
    reply: &ErrorReply,
    ids: Ids<'_>,
) -> Answer {
    let (code, status) = said(protocol, reply);
    let mut response = ErrorResponse::new(code, reply.message.as_str(), status);
    response.members =
        reply.members.iter().map(|(name, value)| ((*name).into(), value.as_str().into())).collect();
    response.request_id = ids.request_id.into();
    response.host_id = Some(ids.host_id.into());
    response.resource = Some(ids.resource.into());
    let error = Some((reply.code.to_string(), reply.message.clone()));
    let encoded = strongroom_codec::encode_error(protocol, service, &response);
    let mut headers = HeaderMap::with_capacity(encoded.headers.len() + 4);
    let mut body = OutgoingBody::Empty;
    if !reply.bare {
        for (name, value) in encoded.headers {
            headers.append(name, value);
        }
        body = OutgoingBody::Full(Bytes::from(encoded.body));
    }
    push_headers(&mut headers, &reply.headers);
    Answer { status: encoded.status, headers, body, error, object_size: None }
}

/// The header that carries an encoded authorization message.
///
/// DEVIATION: AWS has none. Its services that give a message give it in the text of the error, as EC2 does; those of S3, IAM
/// and the others here do not, and their documents stay as clients know them.
const AUTHORIZATION_MESSAGE: &str = "x-strongroom-authorization-message";

/// Encodes a denial with its encoded authorization message.
///
/// Source: of EC2's form, EC2 API Reference, "Error codes", UnauthorizedOperation: the message can be decoded with
/// DecodeAuthorizationMessage.
pub(crate) fn denial(
    protocol: Protocol,
    service: &'static ServiceSchema,
    mut reply: ErrorReply,
    message: String,
    ids: Ids<'_>,
) -> Answer {
    if protocol != Protocol::Ec2Query {
        return failure(protocol, service, &reply.header(AUTHORIZATION_MESSAGE, message), ids);
    }
    let plain = reply.message.clone();
    reply.message = format!("{plain}. Encoded authorization failure message: {message}");
    // The record has the reason as it is; a message cut to a record's length could not be decoded.
    let answer = failure(protocol, service, &reply, ids);
    Answer { error: answer.error.map(|(code, _)| (code, plain)), ..answer }
}

/// Code and status of an error in the words of a protocol. Errors before and around an operation have S3's names on
/// their way here, and in records; other protocols call some of them otherwise.
fn said(protocol: Protocol, reply: &ErrorReply) -> (&str, u16) {
    let common = match reply.code.as_ref() {
        _ if protocol == Protocol::RestXml => None,
        "AccessDenied" => Some(CommonError::AccessDenied),
        "ExpiredToken" => Some(CommonError::ExpiredToken),
        "IncompleteSignature" => Some(CommonError::IncompleteSignature),
        "InternalError" => Some(CommonError::InternalFailure),
        "InvalidClientTokenId" => Some(CommonError::InvalidClientTokenId),
        "MaxMessageLengthExceeded" => Some(CommonError::RequestTooLarge),
        "MissingAuthenticationToken" => Some(CommonError::MissingAuthenticationToken),
        "ServiceUnavailable" => Some(CommonError::ServiceUnavailable),
        "SignatureDoesNotMatch" => Some(CommonError::SignatureDoesNotMatch),
        "SlowDown" => Some(CommonError::Throttling),
        "ValidationError" => Some(CommonError::Validation),
        _ => None,
    };
    common.map_or((reply.code.as_ref(), reply.status), |common| {
        (common.code(protocol), common.status(protocol))
    })
}

/// Adds headers; those that cannot be are left out.
pub(crate) fn push_headers(headers: &mut HeaderMap, pairs: &[(&'static str, String)]) {
    for (name, value) in pairs {
        // A value that cannot be a header is left out: an answer must always be sayable.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::try_from(value.as_str())) {
            headers.append(name, value);
        }
    }
}

/// The error for a mistake of ours.
pub(crate) fn internal_error() -> ErrorReply {
    ErrorReply::new(500, "InternalError", "We encountered an internal error. Please try again.")
}

/// The error for what is not built.
pub(crate) fn not_implemented(operation: &str) -> ErrorReply {
    ErrorReply::new(501, "NotImplemented", format!("{operation} is not implemented by this store."))
}
