//! Errors as each protocol writes them.

use http::{HeaderName, HeaderValue};
use strongroom_shape::{Fault, Location, Member, Protocol, ServiceSchema, Structure};

use crate::binding::{HttpWriter, Only};
use crate::cbor::CborWriter;
use crate::json::JsonWriter;
use crate::message::{EncodedResponse, ErrorResponse};
use crate::s3;
use crate::server::{SMITHY_PROTOCOL, answer, close, element, open, style};
use crate::xml::{XML_DECLARATION, XmlWriter};

/// Members of modelled errors that every error document has anyway.
const COMMON: &[&str] = &["message", "code", "requestid"];
const CODES: &[&str] = &["code", "requestid"];

/// Writes an error. What cannot be a header is left out: an error must always be sayable.
pub fn encode_error(
    protocol: Protocol,
    service: &'static ServiceSchema,
    error: &ErrorResponse<'_>,
) -> EncodedResponse {
    match protocol {
        Protocol::RestXml => rest_xml(service, error),
        Protocol::AwsQuery => answer(error.status, "text/xml", wrapped(service, error)),
        Protocol::Ec2Query => answer(error.status, "text/xml;charset=UTF-8", ec2(service, error)),
        Protocol::RestJson1 => {
            let mut encoded = answer(error.status, "application/json", json(error, false));
            encoded.headers.extend(bound_headers(error));
            encoded.with("x-amzn-errortype", error.shape_name())
        }
        Protocol::AwsJson10 => rpc(service, error, "application/x-amz-json-1.0", json(error, true)),
        Protocol::AwsJson11 => rpc(service, error, "application/x-amz-json-1.1", json(error, true)),
        Protocol::RpcV2Cbor => {
            rpc(service, error, "application/cbor", cbor(error)).with(SMITHY_PROTOCOL.0, SMITHY_PROTOCOL.1)
        }
    }
}

fn rpc(
    service: &'static ServiceSchema,
    error: &ErrorResponse<'_>,
    content_type: &'static str,
    body: Vec<u8>,
) -> EncodedResponse {
    let encoded = answer(error.status, content_type, body);
    if service.query_compatible {
        let code = error.schema.map_or(&*error.code, |schema| schema.code);
        encoded.with("x-amzn-query-error", &format!("{code};{}", fault_name(error.fault)))
    } else {
        encoded
    }
}

fn fault_name(fault: Fault) -> &'static str {
    match fault {
        Fault::Sender => "Sender",
        Fault::Receiver => "Receiver",
    }
}

/// The modelled error's own message member.
fn message_member(error: &ErrorResponse<'_>) -> Option<&'static Member> {
    let detail = error.detail?;
    detail.schema().members.iter().find(|member| member.wire_name.eq_ignore_ascii_case("message"))
}

/// Which members of the modelled error are left out: its message only if there is another.
fn left_out(error: &ErrorResponse<'_>) -> &'static [&'static str] {
    if error.message.is_empty() { CODES } else { COMMON }
}

/// Headers that the modelled error's members are bound to.
fn bound_headers(error: &ErrorResponse<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let mut http = HttpWriter::default();
    if let Some(detail) = error.detail {
        detail.write(&mut Only::without(None, left_out(error), &mut http));
    }
    http.headers
}

fn write_detail_xml(out: &mut Vec<u8>, service: &'static ServiceSchema, error: &ErrorResponse<'_>) {
    for (name, value) in &error.members {
        element(out, name, value);
    }
    if let Some(detail) = error.detail {
        let mut xml = XmlWriter::new(out, style(service));
        detail.write(&mut Only::without(Some(Location::Body), left_out(error), &mut xml));
    }
}

fn rest_xml(service: &'static ServiceSchema, error: &ErrorResponse<'_>) -> EncodedResponse {
    let body = if s3::is_s3(service) {
        let mut out = XML_DECLARATION.as_bytes().to_vec();
        out.extend_from_slice(b"<Error>");
        code_and_message(&mut out, error);
        write_detail_xml(&mut out, service, error);
        if let Some(resource) = &error.resource {
            element(&mut out, "Resource", resource);
        }
        ids(&mut out, error);
        out.extend_from_slice(b"</Error>");
        out
    } else {
        wrapped(service, error)
    };
    let mut encoded = answer(error.status, "application/xml", body);
    encoded.headers.extend(bound_headers(error));
    encoded
}

fn code_and_message(out: &mut Vec<u8>, error: &ErrorResponse<'_>) {
    element(out, "Code", &error.code);
    if !error.message.is_empty() {
        element(out, "Message", &error.message);
    }
}

fn ids(out: &mut Vec<u8>, error: &ErrorResponse<'_>) {
    element(out, "RequestId", &error.request_id);
    if let Some(host_id) = &error.host_id {
        element(out, "HostId", host_id);
    }
}

/// The form of awsQuery, and of restXml for all but S3.
fn wrapped(service: &'static ServiceSchema, error: &ErrorResponse<'_>) -> Vec<u8> {
    let mut out = XML_DECLARATION.as_bytes().to_vec();
    open(&mut out, "ErrorResponse", service.xml_namespace);
    out.extend_from_slice(b"<Error>");
    element(&mut out, "Type", fault_name(error.fault));
    code_and_message(&mut out, error);
    write_detail_xml(&mut out, service, error);
    out.extend_from_slice(b"</Error>");
    ids(&mut out, error);
    close(&mut out, "ErrorResponse");
    out
}

fn ec2(service: &'static ServiceSchema, error: &ErrorResponse<'_>) -> Vec<u8> {
    let mut out = XML_DECLARATION.as_bytes().to_vec();
    out.extend_from_slice(b"<Response><Errors><Error>");
    code_and_message(&mut out, error);
    write_detail_xml(&mut out, service, error);
    out.extend_from_slice(b"</Error></Errors>");
    element(&mut out, "RequestID", &error.request_id);
    out.extend_from_slice(b"</Response>");
    out
}

fn json(error: &ErrorResponse<'_>, typed: bool) -> Vec<u8> {
    let mut out = Vec::new();
    JsonWriter::value(&mut out).object(&mut |json| {
        if typed {
            json.extra("__type", error.shape_name());
        }
        if !error.message.is_empty() {
            json.extra(message_member(error).map_or("message", |member| member.wire_name), &error.message);
        }
        for (name, value) in &error.members {
            json.extra(name, value);
        }
        if let Some(detail) = error.detail {
            // Protocols that name the type in the body bind nothing to headers.
            let location = if typed { None } else { Some(Location::Body) };
            detail.write(&mut Only::without(location, left_out(error), json));
        }
    });
    out
}

fn cbor(error: &ErrorResponse<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    CborWriter::new(&mut out).object(&mut |cbor| {
        cbor.extra("__type", error.shape_name());
        if !error.message.is_empty() {
            cbor.extra(message_member(error).map_or("message", |member| member.wire_name), &error.message);
        }
        for (name, value) in &error.members {
            cbor.extra(name, value);
        }
        if let Some(detail) = error.detail {
            let detail: &dyn Structure = detail;
            detail.write(&mut Only::without(None, left_out(error), cbor));
        }
    });
    out
}
