//! Bodies of restXml and restJson1, in both directions.

use strongroom_shape::{Kind, Location, Member, ReadError, Structure};

use crate::binding::{HttpWriter, Only, RawReader, has_document, is_stream, payload};
use crate::json::{self, JsonWriter, NodeReader};
use crate::xml::{self, Limits, Style, XML_DECLARATION, XmlWriter, payload_root};

/// Which documents the bodies are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Xml,
    Json,
}

/// How a document is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) format: Format,
    /// XML root where members lie in the body.
    pub(crate) root: &'static str,
    /// Namespace of the root.
    pub(crate) namespace: Option<&'static str>,
    pub(crate) style: Style,
    /// Type of a payload that is text.
    pub(crate) text_type: &'static str,
    /// Documents without any member are written all the same.
    pub(crate) empty_document: bool,
}

/// Whether a payload is a document, not raw bytes.
fn is_document(format: Format, member: &'static Member) -> bool {
    match member.kind {
        Kind::Structure(_) | Kind::List(_) | Kind::Map(_) => true,
        Kind::Document => format == Format::Json,
        Kind::String
        | Kind::Enum(_)
        | Kind::Boolean
        | Kind::Integer
        | Kind::Long
        | Kind::Float
        | Kind::Double
        | Kind::Blob
        | Kind::Timestamp => false,
    }
}

/// Whether a body has to be read before `schema` can be filled.
pub(crate) fn needs_body(schema: &'static strongroom_shape::StructureSchema) -> bool {
    match payload(schema) {
        Some((_, member)) => !is_stream(member),
        None => has_document(schema),
    }
}

/// The body and its type, if there is one.
pub(crate) fn write_body(
    layout: Layout,
    value: &dyn Structure,
    http: &mut HttpWriter,
) -> (Vec<u8>, Option<&'static str>) {
    let content_type = match layout.format {
        Format::Xml => "application/xml",
        Format::Json => "application/json",
    };
    let mut out = Vec::new();
    match payload(value.schema()) {
        Some((_, member)) if is_stream(member) => (out, None),
        Some((_, member)) if is_document(layout.format, member) => {
            match layout.format {
                Format::Xml => write_xml_payload(&mut out, layout, member, value),
                Format::Json => {
                    let mut json = JsonWriter::value(&mut out);
                    value.write(&mut Only::at(Location::Payload, &mut json));
                    if out.is_empty() && matches!(member.kind, Kind::Structure(schema) if !schema.union) {
                        out.extend_from_slice(b"{}");
                    }
                }
            }
            let content_type = (!out.is_empty()).then_some(content_type);
            (out, content_type)
        }
        Some(_) => match http.raw.take() {
            Some((bytes, true)) => (bytes, Some(layout.text_type)),
            Some((bytes, false)) => (bytes, Some("application/octet-stream")),
            None => (out, None),
        },
        None if has_document(value.schema()) => {
            match layout.format {
                Format::Xml => {
                    out.reserve(1024);
                    out.extend_from_slice(XML_DECLARATION.as_bytes());
                    let own = value.schema().xml_namespace;
                    let namespace = layout.namespace.map(|uri| ("", uri)).or(own);
                    XmlWriter::new(&mut out, layout.style).root(layout.root, namespace, value);
                }
                Format::Json => JsonWriter::value(&mut out)
                    .object(&mut |json| value.write(&mut Only::at(Location::Body, json))),
            }
            (out, Some(content_type))
        }
        None if layout.empty_document && layout.format == Format::Json => {
            (b"{}".to_vec(), Some(content_type))
        }
        None => (out, None),
    }
}

fn write_xml_payload(out: &mut Vec<u8>, layout: Layout, member: &'static Member, value: &dyn Structure) {
    out.extend_from_slice(XML_DECLARATION.as_bytes());
    let begun = out.len();
    let mut xml = XmlWriter::new(out, layout.style);
    if let Kind::Structure(schema) = member.kind {
        xml.rename(payload_root(member, schema), layout.namespace.map(|uri| ("", uri)));
    }
    value.write(&mut Only::at(Location::Payload, &mut xml));
    if out.len() == begun {
        out.clear();
    }
}

/// Fills the members of `target` that are, or lie in, the body. An empty body sets none.
pub(crate) fn read_body(
    format: Format,
    limits: Limits,
    is_root: &dyn Fn(&str) -> bool,
    body: &[u8],
    target: &mut dyn Structure,
) -> Result<(), ReadError> {
    let schema = target.schema();
    match payload(schema) {
        Some((_, member)) if is_stream(member) => Ok(()),
        _ if body.is_empty() => Ok(()),
        Some((index, member)) if is_document(format, member) => match format {
            Format::Xml => {
                let is_root = |found: &str| {
                    let own = if let Kind::Structure(schema) = member.kind { Some(schema) } else { None };
                    member.wire_name == found
                        || own.is_some_and(|own| own.name == found || own.xml_name == Some(found))
                };
                xml::read_document(body, limits, &is_root, &mut |at| target.read(index, at))
            }
            Format::Json => {
                let node = json::parse(body)?;
                if node == json::Node::Null { Ok(()) } else { target.read(index, &mut NodeReader(&node)) }
            }
        },
        Some((index, _)) => target.read(index, &mut RawReader(body)),
        None if has_document(schema) => match format {
            Format::Xml => xml::read_members(body, limits, is_root, None, target),
            Format::Json => json::read_structure(body, target, true),
        },
        None => Ok(()),
    }
}
