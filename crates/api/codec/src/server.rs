//! The server's side: requests in, answers out.

use http::{HeaderName, HeaderValue, header};
use strongroom_shape::{OperationSchema, Protocol, ReadError, ServiceSchema, Structure, StructureSchema};

use crate::binding::{HttpWriter, read_bindings};
use crate::cbor::{self, CborWriter};
use crate::json::{self, JsonWriter};
use crate::message::{EncodedResponse, RequestHead, WriteError};
use crate::query::{self, Dialect, Tree};
use crate::required::filled;
use crate::rest::{self, Format, Layout};
use crate::xml::{Limits, Style, XML_DECLARATION, XmlWriter, push_attribute, push_text};
use crate::{limits, s3};

/// The value of the header `smithy-protocol` of rpcv2Cbor.
pub(crate) const SMITHY_PROTOCOL: (&str, &str) = ("smithy-protocol", "rpc-v2-cbor");

/// Whether a request's body has to be in memory, whole, before [`decode`]: not if it is a stream or means nothing.
pub fn needs_body(protocol: Protocol, op: &'static OperationSchema) -> bool {
    match protocol {
        Protocol::RestXml | Protocol::RestJson1 => rest::needs_body(op.input),
        Protocol::AwsJson10
        | Protocol::AwsJson11
        | Protocol::AwsQuery
        | Protocol::Ec2Query
        | Protocol::RpcV2Cbor => true,
    }
}

/// How many bytes of such a body are read at most; a longer one is refused before it is read.
pub fn body_limit_bytes(_protocol: Protocol, op: &'static OperationSchema) -> usize {
    if s3::has_long_body(op) { limits::MAX_LONG_BODY_BYTES } else { limits::MAX_BODY_BYTES }
}

/// Fills `target`, an empty input of `op`, from a request. A payload that is a stream is left alone.
///
/// Required members are demanded here, what else the model demands by [`crate::validate`] afterwards. On an error the
/// members that lie outside the body are filled as far as they could be.
///
/// # Errors
/// What is missing, not of the protocol's syntax, not of its type, given twice, or beyond a limit of
/// [`crate::limits`].
pub fn decode(
    protocol: Protocol,
    _service: &'static ServiceSchema,
    op: &'static OperationSchema,
    head: &RequestHead<'_>,
    body: &[u8],
    target: &mut dyn Structure,
) -> Result<(), ReadError> {
    let limit = body_limit_bytes(protocol, op);
    if body.len() > limit {
        return Err(ReadError::syntax(format!("the body is longer than {limit} bytes")));
    }
    filled(target, |target| decode_into(protocol, op, head, body, target))
}

fn decode_into(
    protocol: Protocol,
    op: &'static OperationSchema,
    head: &RequestHead<'_>,
    body: &[u8],
    target: &mut dyn Structure,
) -> Result<(), ReadError> {
    match protocol {
        Protocol::RestXml => {
            read_bindings(op, head, target)?;
            let is_root = |found: &str| {
                op.input_root.is_some_and(|(name, _)| name == found)
                    || op.input.xml_name == Some(found)
                    || op.input.name == found
            };
            rest::read_body(Format::Xml, Limits::REQUEST, &is_root, body, target)
        }
        Protocol::RestJson1 => {
            read_bindings(op, head, target)?;
            rest::read_body(Format::Json, Limits::REQUEST, &|_| true, body, target)
        }
        Protocol::AwsJson10 | Protocol::AwsJson11 => json::read_structure(body, target, false),
        Protocol::AwsQuery => decode_form(Dialect::Aws, head, body, target),
        Protocol::Ec2Query => decode_form(Dialect::Ec2, head, body, target),
        Protocol::RpcV2Cbor => cbor::read_structure(body, target),
    }
}

/// A form in the body, or, without a body, in the query: never both, so that no parameter has two meanings.
fn decode_form(
    dialect: Dialect,
    head: &RequestHead<'_>,
    body: &[u8],
    target: &mut dyn Structure,
) -> Result<(), ReadError> {
    if body.is_empty() {
        let pairs = head.query.iter().filter(|(name, _)| !name.starts_with("X-Amz-"));
        let tree = Tree::new(pairs.map(|(name, value)| (name.as_str(), value.as_str())))?;
        return query::read_request(&tree, dialect, target);
    }
    let pairs = query::parse_form(body)?;
    let tree = Tree::new(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
    query::read_request(&tree, dialect, target)
}

/// Writes the answer of a success. A payload that is a stream is left out, its headers are not.
///
/// # Errors
/// A value that has no form at its place, such as a header with control characters.
pub fn encode(
    protocol: Protocol,
    service: &'static ServiceSchema,
    op: &'static OperationSchema,
    output: &dyn Structure,
    request_id: &str,
) -> Result<EncodedResponse, WriteError> {
    match protocol {
        Protocol::RestXml => encode_rest(Format::Xml, service, op, output),
        Protocol::RestJson1 => encode_rest(Format::Json, service, op, output),
        Protocol::AwsJson10 => Ok(encode_json("application/x-amz-json-1.0", output)),
        Protocol::AwsJson11 => Ok(encode_json("application/x-amz-json-1.1", output)),
        Protocol::AwsQuery => Ok(encode_query(service, op, output, request_id)),
        Protocol::Ec2Query => Ok(encode_ec2(service, op, output, request_id)),
        Protocol::RpcV2Cbor => {
            let mut body = Vec::new();
            CborWriter::new(&mut body).object(&mut |cbor| output.write(cbor));
            Ok(answer(200, "application/cbor", body).with(SMITHY_PROTOCOL.0, SMITHY_PROTOCOL.1))
        }
    }
}

fn encode_rest(
    format: Format,
    service: &'static ServiceSchema,
    op: &'static OperationSchema,
    output: &dyn Structure,
) -> Result<EncodedResponse, WriteError> {
    let mut http = HttpWriter::default();
    output.write(&mut http);
    let (body, content_type) = if s3::is_bare_location(service, op) {
        (location_document(service, output), Some("application/xml"))
    } else {
        let schema = output.schema();
        let layout = Layout {
            format,
            root: schema.xml_name.unwrap_or(schema.name),
            namespace: service.xml_namespace,
            style: style(service),
            text_type: if s3::is_json_text(service, op) { "application/json" } else { "text/plain" },
            empty_document: false,
        };
        rest::write_body(layout, output, &mut http)
    };
    if let Some(error) = http.error {
        return Err(error);
    }
    let mut headers = http.headers;
    default_content_type(&mut headers, content_type.filter(|_| !body.is_empty()));
    Ok(EncodedResponse { status: http.status.unwrap_or(op.status), headers, body })
}

pub(crate) fn style(service: &ServiceSchema) -> Style {
    Style { millis: s3::is_s3_family(service) }
}

pub(crate) fn default_content_type(
    headers: &mut Vec<(HeaderName, HeaderValue)>,
    content_type: Option<&'static str>,
) {
    let missing = !headers.iter().any(|(name, _)| *name == header::CONTENT_TYPE);
    headers.extend(
        content_type
            .filter(|_| missing)
            .map(|content_type| (header::CONTENT_TYPE, HeaderValue::from_static(content_type))),
    );
}

fn location_document(service: &'static ServiceSchema, output: &dyn Structure) -> Vec<u8> {
    let mut text = crate::binding::TextSink::new(strongroom_shape::Location::Body);
    output.write(&mut text);
    let mut body = XML_DECLARATION.as_bytes().to_vec();
    open(&mut body, "LocationConstraint", service.xml_namespace);
    push_text(&mut body, text.texts.first().map_or("", String::as_str));
    body.extend_from_slice(b"</LocationConstraint>");
    body
}

fn encode_json(content_type: &'static str, output: &dyn Structure) -> EncodedResponse {
    let mut body = Vec::new();
    JsonWriter::value(&mut body).object(&mut |json| output.write(json));
    answer(200, content_type, body)
}

fn encode_query(
    service: &'static ServiceSchema,
    op: &'static OperationSchema,
    output: &dyn Structure,
    request_id: &str,
) -> EncodedResponse {
    let mut body = Vec::new();
    let root = format!("{}Response", op.name);
    open(&mut body, &root, service.xml_namespace.or(own_namespace(output.schema())));
    if let Some(wrapper) = op.result_wrapper {
        open(&mut body, wrapper, None);
    }
    output.write(&mut XmlWriter::new(&mut body, style(service)));
    if let Some(wrapper) = op.result_wrapper {
        close(&mut body, wrapper);
    }
    body.extend_from_slice(b"<ResponseMetadata>");
    element(&mut body, "RequestId", request_id);
    body.extend_from_slice(b"</ResponseMetadata>");
    close(&mut body, &root);
    answer(200, "text/xml", body)
}

fn encode_ec2(
    service: &'static ServiceSchema,
    op: &'static OperationSchema,
    output: &dyn Structure,
    request_id: &str,
) -> EncodedResponse {
    let mut body = XML_DECLARATION.as_bytes().to_vec();
    let root = format!("{}Response", op.name);
    open(&mut body, &root, service.xml_namespace.or(own_namespace(output.schema())));
    element(&mut body, "requestId", request_id);
    output.write(&mut XmlWriter::new(&mut body, style(service)));
    close(&mut body, &root);
    answer(200, "text/xml;charset=UTF-8", body)
}

fn own_namespace(schema: &'static StructureSchema) -> Option<&'static str> {
    schema.xml_namespace.filter(|(prefix, _)| prefix.is_empty()).map(|(_, uri)| uri)
}

pub(crate) fn open(out: &mut Vec<u8>, name: &str, namespace: Option<&str>) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    if let Some(uri) = namespace {
        push_attribute(out, "xmlns", uri);
    }
    out.push(b'>');
}

pub(crate) fn close(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
}

pub(crate) fn element(out: &mut Vec<u8>, name: &str, text: &str) {
    open(out, name, None);
    push_text(out, text);
    close(out, name);
}

pub(crate) fn answer(status: u16, content_type: &'static str, body: Vec<u8>) -> EncodedResponse {
    let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
    EncodedResponse { status, headers, body }
}

impl EncodedResponse {
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((HeaderName::from_static(name), value));
        }
        self
    }
}
