//! The client's side: requests out, answers in. For the command line and for tests.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use strongroom_shape::{Location, OperationSchema, Protocol, ReadError, ServiceSchema, Structure};

use crate::binding::{
    HttpWriter, Place, TextReader, headers as header_reader, is_stream, path_of, push_query,
};
use crate::cbor::{self, CborWriter};
use crate::json::{self, JsonWriter};
use crate::message::{EncodedRequest, ErrorAnswer, WriteError};
use crate::query::{Dialect, QueryWriter};
use crate::rest::{self, Format, Layout};
use crate::s3;
use crate::server::{SMITHY_PROTOCOL, default_content_type, style};
use crate::xml::{self, Limits};

/// Writes a request of `op`, unsigned and without `Host`. A payload that is a stream is left out.
///
/// # Errors
/// A value that has no form at its place; a label of the path without a value.
pub fn encode_request(
    protocol: Protocol,
    service: &'static ServiceSchema,
    op: &'static OperationSchema,
    input: &dyn Structure,
) -> Result<EncodedRequest, WriteError> {
    match protocol {
        Protocol::RestXml => rest_request(Format::Xml, service, op, input),
        Protocol::RestJson1 => rest_request(Format::Json, service, op, input),
        Protocol::AwsJson10 => Ok(json_request("application/x-amz-json-1.0", service, op, input)),
        Protocol::AwsJson11 => Ok(json_request("application/x-amz-json-1.1", service, op, input)),
        Protocol::AwsQuery => Ok(form_request(Dialect::Aws, service, op, input)),
        Protocol::Ec2Query => Ok(form_request(Dialect::Ec2, service, op, input)),
        Protocol::RpcV2Cbor => {
            let mut body = Vec::new();
            CborWriter::new(&mut body).object(&mut |cbor| input.write(cbor));
            let name = service.target_prefix.unwrap_or(service.name);
            let mut request =
                post(format!("/service/{name}/operation/{}", op.name), "application/cbor", body);
            request.headers.push((
                HeaderName::from_static(SMITHY_PROTOCOL.0),
                HeaderValue::from_static(SMITHY_PROTOCOL.1),
            ));
            request.headers.push((header::ACCEPT, HeaderValue::from_static("application/cbor")));
            Ok(request)
        }
    }
}

fn post(uri: String, content_type: &'static str, body: Vec<u8>) -> EncodedRequest {
    let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
    EncodedRequest { method: Method::POST, uri, headers, body }
}

fn rest_request(
    format: Format,
    service: &'static ServiceSchema,
    op: &'static OperationSchema,
    input: &dyn Structure,
) -> Result<EncodedRequest, WriteError> {
    let mut http = HttpWriter::default();
    input.write(&mut http);
    let (root, namespace) = match op.input_root {
        Some((name, namespace)) => (op.input.xml_name.unwrap_or(name), namespace),
        None => (op.input.xml_name.unwrap_or(op.input.name), None),
    };
    let layout = Layout {
        format,
        root,
        namespace: namespace.or(if s3::is_s3_family(service) { service.xml_namespace } else { None }),
        style: style(service),
        text_type: "text/plain",
        empty_document: false,
    };
    let (body, content_type) = rest::write_body(layout, input, &mut http);
    if let Some(error) = http.error {
        return Err(error);
    }
    let mut uri = path_of(op, &http.labels)?;
    push_query(&mut uri, &http.query);
    let mut headers = http.headers;
    default_content_type(&mut headers, content_type.filter(|_| !body.is_empty()));
    let method = Method::from_bytes(op.method.as_bytes()).unwrap_or(Method::POST);
    Ok(EncodedRequest { method, uri, headers, body })
}

fn json_request(
    content_type: &'static str,
    service: &'static ServiceSchema,
    op: &'static OperationSchema,
    input: &dyn Structure,
) -> EncodedRequest {
    let mut body = Vec::new();
    JsonWriter::value(&mut body).object(&mut |json| input.write(json));
    let mut request = post("/".to_owned(), content_type, body);
    let target = format!("{}.{}", service.target_prefix.unwrap_or(service.name), op.name);
    if let Ok(target) = HeaderValue::from_str(&target) {
        request.headers.push((HeaderName::from_static("x-amz-target"), target));
    }
    request
}

fn form_request(
    dialect: Dialect,
    service: &'static ServiceSchema,
    op: &'static OperationSchema,
    input: &dyn Structure,
) -> EncodedRequest {
    let mut form = QueryWriter::new(dialect);
    form.pairs.push(("Action".to_owned(), op.name.to_owned()));
    form.pairs.push(("Version".to_owned(), service.api_version.to_owned()));
    input.write(&mut form);
    let mut body = String::new();
    push_query(&mut body, &form.pairs);
    // The first parameter's mark is that of a URI.
    let body = body.strip_prefix('?').unwrap_or(&body).as_bytes().to_vec();
    post("/".to_owned(), "application/x-www-form-urlencoded; charset=utf-8", body)
}

/// Fills `target`, an empty output of `op`, from the answer of a success.
///
/// # Errors
/// As [`crate::decode`].
pub fn decode_response(
    protocol: Protocol,
    service: &'static ServiceSchema,
    op: &'static OperationSchema,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    target: &mut dyn Structure,
) -> Result<(), ReadError> {
    match protocol {
        Protocol::RestXml => {
            read_response_bindings(status, headers, target)?;
            if s3::is_bare_location(service, op) {
                return read_location(body, target);
            }
            rest::read_body(Format::Xml, Limits::ANSWER, &|_| true, body, target)
        }
        Protocol::RestJson1 => {
            read_response_bindings(status, headers, target)?;
            rest::read_body(Format::Json, Limits::ANSWER, &|_| true, body, target)
        }
        Protocol::AwsJson10 | Protocol::AwsJson11 => json::read_structure(body, target, false),
        Protocol::AwsQuery => xml::read_members(body, Limits::ANSWER, &|_| true, op.result_wrapper, target),
        Protocol::Ec2Query => xml::read_members(body, Limits::ANSWER, &|_| true, None, target),
        Protocol::RpcV2Cbor => cbor::read_structure(body, target),
    }
}

fn read_location(body: &[u8], target: &mut dyn Structure) -> Result<(), ReadError> {
    let text = xml::read_text_document(body, Limits::ANSWER, "LocationConstraint")?;
    if text.is_empty() {
        return Ok(());
    }
    target.read(0, &mut TextReader::single(Cow::Owned(text), Place::Document))
}

fn read_response_bindings(
    status: u16,
    headers: &HeaderMap,
    target: &mut dyn Structure,
) -> Result<(), ReadError> {
    for (index, member) in target.schema().members.iter().enumerate().filter(|(_, member)| !is_stream(member))
    {
        let found = match member.location {
            Location::Header | Location::HeaderPrefix => header_reader(member, headers)?,
            Location::StatusCode => Some(TextReader::single(Cow::Owned(status.to_string()), Place::Document)),
            Location::Body | Location::Payload | Location::Query | Location::Uri => None,
        };
        if let Some(mut reader) = found {
            target.read(index, &mut reader)?;
        }
    }
    Ok(())
}

/// Reads the code, message and request id of an error's answer; what cannot be read is empty.
pub fn decode_error(protocol: Protocol, headers: &HeaderMap, body: &[u8]) -> ErrorAnswer {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mut answer = match protocol {
        Protocol::RestXml | Protocol::AwsQuery | Protocol::Ec2Query => decode_error_document(body),
        Protocol::RestJson1 | Protocol::AwsJson10 | Protocol::AwsJson11 => decode_error_json(body),
        Protocol::RpcV2Cbor => {
            let (code, message) = cbor::error_members(body).unwrap_or_default();
            ErrorAnswer {
                code: code.unwrap_or_default(),
                message: message.unwrap_or_default(),
                request_id: None,
            }
        }
    };
    if let Some(name) = header("x-amzn-errortype") {
        name.clone_into(&mut answer.code);
    }
    let code = answer.code.rsplit_once('#').map_or(answer.code.as_str(), |(_, name)| name);
    answer.code = code.split_once(':').map_or(code, |(name, _)| name).to_owned();
    if let Some((code, _)) = header("x-amzn-query-error").and_then(|value| value.split_once(';')) {
        code.clone_into(&mut answer.code);
    }
    answer.request_id = answer
        .request_id
        .or_else(|| header("x-amz-request-id").or_else(|| header("x-amzn-requestid")).map(str::to_owned));
    answer
}

fn decode_error_json(body: &[u8]) -> ErrorAnswer {
    let Ok(node) = json::parse(body) else { return ErrorAnswer::default() };
    let text = |names: &[&str]| {
        names.iter().find_map(|name| node.get(name)?.as_str()).unwrap_or_default().to_owned()
    };
    ErrorAnswer { code: text(&["__type", "code"]), message: text(&["message", "Message"]), request_id: None }
}

/// Error documents differ only in what is wrapped around: the first element of each name counts.
pub(crate) fn decode_error_document(body: &[u8]) -> ErrorAnswer {
    fn read(body: &[u8], answer: &mut ErrorAnswer) -> Result<(), ReadError> {
        let mut cursor = xml::Cursor::new(body, Limits::ANSWER)?;
        cursor.root()?;
        let mut depth = 1_usize;
        while depth > 0 {
            let Some(start) = cursor.child()? else {
                depth -= 1;
                continue;
            };
            match start.name() {
                "Error" | "Errors" => depth += 1,
                "Code" if answer.code.is_empty() => answer.code = cursor.text_content()?,
                "Message" if answer.message.is_empty() => answer.message = cursor.text_content()?,
                "RequestId" | "RequestID" if answer.request_id.is_none() => {
                    answer.request_id = Some(cursor.text_content()?);
                }
                _ => cursor.skip()?,
            }
        }
        cursor.finish()
    }
    let mut answer = ErrorAnswer::default();
    // What was found before a document broke is still the best that can be said.
    let _ = read(body, &mut answer);
    answer
}
