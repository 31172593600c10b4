//! Values as XML, straight into one buffer.

use strongroom_shape::{Kind, Location, Member, ShapeWriter, Structure, StructureSchema, TimestampFormat};
use strongroom_types::Timestamp;

use super::escape::{push_attribute, push_escaped_attribute, push_text};
use crate::binding::Only;
use crate::scalar::{self, flattened_name, or_default};

/// How a service writes what XML leaves open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Timestamps always have milliseconds (S3).
    pub(crate) millis: bool,
}

/// Appends elements to a buffer.
pub(crate) struct XmlWriter<'o> {
    out: &'o mut Vec<u8>,
    style: Style,
    /// Name of the next value's element, where it is not that of its member.
    name: Option<&'static str>,
    /// Namespace of the next value's element, where its member has none.
    namespace: Option<(&'static str, &'static str)>,
    pass: Pass,
    /// Entry and key element of the maps that the walk is in; keys write the beginning, values the end.
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Writes elements.
    Elements,
    /// Writes the attributes of an element that is not yet closed.
    Attributes,
}

#[derive(Clone, Copy)]
struct Entry {
    element: &'static str,
    namespace: Option<(&'static str, &'static str)>,
    key: &'static Member,
}

impl<'o> XmlWriter<'o> {
    /// A writer that appends to `out`.
    pub(crate) fn new(out: &'o mut Vec<u8>, style: Style) -> Self {
        Self { out, style, name: None, namespace: None, pass: Pass::Elements, entries: Vec::new() }
    }

    /// Makes the next value's element have this name, and this namespace unless it has one of its own.
    pub(crate) fn rename(&mut self, name: &'static str, namespace: Option<(&'static str, &'static str)>) {
        self.name = Some(name);
        self.namespace = namespace;
    }

    fn open(&mut self, name: &str, namespace: Option<(&'static str, &'static str)>) {
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        if let Some((prefix, uri)) = namespace {
            self.declare(prefix, uri);
        }
    }

    fn declare(&mut self, prefix: &str, uri: &str) {
        if prefix.is_empty() {
            push_attribute(self.out, "xmlns", uri);
        } else {
            push_attribute(self.out, &format!("xmlns:{prefix}"), uri);
        }
    }

    fn close(&mut self, name: &str) {
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
    }

    /// An element, or in the other pass an attribute, with text that is already escaped or needs no escape.
    fn scalar(&mut self, member: &'static Member, text: impl FnOnce(&mut Vec<u8>)) {
        match self.pass {
            Pass::Attributes if member.flags.xml_attribute => {
                let mut value = Vec::new();
                text(&mut value);
                push_escaped_attribute(self.out, member.wire_name, &value);
            }
            Pass::Elements if !member.flags.xml_attribute => {
                let name = self.name.unwrap_or(member.wire_name);
                self.open(name, member.xml_namespace);
                self.out.push(b'>');
                text(self.out);
                self.close(name);
            }
            Pass::Attributes | Pass::Elements => {}
        }
    }

    /// Writes a root element with the members of `value` that lie in the body.
    pub(crate) fn root(
        &mut self,
        name: &'static str,
        namespace: Option<(&'static str, &'static str)>,
        value: &dyn Structure,
    ) {
        self.open(name, namespace);
        if value.schema().members.iter().any(|member| member.flags.xml_attribute) {
            self.pass = Pass::Attributes;
            value.write(&mut Only::at(Location::Body, self));
            self.pass = Pass::Elements;
        }
        self.out.push(b'>');
        value.write(&mut Only::at(Location::Body, self));
        self.close(name);
    }

    /// The inside of an element that is `<name …` so far: its attributes, the members, its end.
    fn inside(&mut self, name: &str, value: &dyn Structure) {
        if value.schema().members.iter().any(|member| member.flags.xml_attribute) {
            self.pass = Pass::Attributes;
            value.write(self);
            self.pass = Pass::Elements;
        }
        self.out.push(b'>');
        let outer = self.name.take();
        value.write(self);
        self.name = outer;
        self.close(name);
    }
}

impl ShapeWriter for XmlWriter<'_> {
    fn string(&mut self, member: &'static Member, value: &str) {
        self.scalar(member, |out| push_text(out, value));
    }
    fn boolean(&mut self, member: &'static Member, value: bool) {
        self.scalar(member, |out| out.extend_from_slice(if value { b"true" } else { b"false" }));
    }
    fn integer(&mut self, member: &'static Member, value: i64) {
        self.scalar(member, |out| push_integer(out, value));
    }
    fn float(&mut self, member: &'static Member, value: f64) {
        let text = scalar::float_text(member, value);
        self.scalar(member, |out| out.extend_from_slice(text.as_bytes()));
    }
    fn blob(&mut self, member: &'static Member, value: &[u8]) {
        self.scalar(member, |out| out.extend_from_slice(scalar::encode_blob(value).as_bytes()));
    }
    fn timestamp(&mut self, member: &'static Member, value: Timestamp) {
        let text = scalar::timestamp_text(member, TimestampFormat::Iso8601, self.style.millis, value);
        self.scalar(member, |out| out.extend_from_slice(text.as_bytes()));
    }
    fn document(&mut self, member: &'static Member, json: &str) {
        self.string(member, json);
    }
    fn structure(&mut self, member: &'static Member, value: &dyn Structure) {
        if self.pass == Pass::Attributes {
            return;
        }
        let name = self.name.unwrap_or(member.wire_name);
        let own = member.xml_namespace.or(value.schema().xml_namespace);
        let given = self.namespace.take();
        self.open(name, own.or(given));
        // The namespace of a root and one of the structure's own with a prefix stand side by side.
        match (own, given) {
            (Some((own, _)), Some((prefix, uri))) if own != prefix => self.declare(prefix, uri),
            _ => {}
        }
        self.inside(name, value);
    }
    fn list(
        &mut self,
        member: &'static Member,
        length: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeWriter),
    ) {
        let Kind::List(list) = member.kind else { return };
        if self.pass == Pass::Attributes {
            return;
        }
        let outer = self.name.take();
        if member.is_flattened() {
            self.name = Some(flattened_name(member));
            elements(self);
        } else {
            let name = outer.unwrap_or(member.wire_name);
            self.open(name, member.xml_namespace);
            if length == 0 {
                self.out.extend_from_slice(b"/>");
            } else {
                self.out.push(b'>');
                self.name = Some(or_default(list.element.wire_name, "member"));
                elements(self);
                self.close(name);
            }
        }
        self.name = outer;
    }
    fn map(&mut self, member: &'static Member, length: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        let Kind::Map(map) = member.kind else { return };
        if self.pass == Pass::Attributes {
            return;
        }
        let outer = self.name.take();
        let flat = member.is_flattened();
        let name = outer.unwrap_or(member.wire_name);
        if !flat {
            self.open(name, member.xml_namespace);
            self.out.extend_from_slice(if length == 0 { b"/>" } else { b">" });
        }
        if length > 0 {
            self.entries.push(if flat {
                Entry { element: flattened_name(member), namespace: member.xml_namespace, key: &map.key }
            } else {
                Entry { element: "entry", namespace: None, key: &map.key }
            });
            self.name = Some(or_default(map.value.wire_name, "value"));
            entries(&mut EntryWriter { xml: self, open: false });
            self.entries.pop();
            if !flat {
                self.close(name);
            }
        }
        self.name = outer;
    }
    fn key(&mut self, _key: &str) {}
    fn null(&mut self, member: &'static Member) {
        self.scalar(member, |_| {});
    }
}

/// Within a map: closes an entry once its value is written.
struct EntryWriter<'w, 'o> {
    xml: &'w mut XmlWriter<'o>,
    open: bool,
}

impl EntryWriter<'_, '_> {
    fn value(&mut self, write: impl FnOnce(&mut XmlWriter<'_>)) {
        write(self.xml);
        let open = std::mem::take(&mut self.open);
        if let Some(entry) = self.xml.entries.last().copied().filter(|_| open) {
            self.xml.close(entry.element);
        }
    }
}

impl ShapeWriter for EntryWriter<'_, '_> {
    fn string(&mut self, member: &'static Member, value: &str) {
        self.value(|xml| xml.string(member, value));
    }
    fn boolean(&mut self, member: &'static Member, value: bool) {
        self.value(|xml| xml.boolean(member, value));
    }
    fn integer(&mut self, member: &'static Member, value: i64) {
        self.value(|xml| xml.integer(member, value));
    }
    fn float(&mut self, member: &'static Member, value: f64) {
        self.value(|xml| xml.float(member, value));
    }
    fn blob(&mut self, member: &'static Member, value: &[u8]) {
        self.value(|xml| xml.blob(member, value));
    }
    fn timestamp(&mut self, member: &'static Member, value: Timestamp) {
        self.value(|xml| xml.timestamp(member, value));
    }
    fn document(&mut self, member: &'static Member, json: &str) {
        self.value(|xml| xml.document(member, json));
    }
    fn structure(&mut self, member: &'static Member, value: &dyn Structure) {
        self.value(|xml| xml.structure(member, value));
    }
    fn list(
        &mut self,
        member: &'static Member,
        length: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeWriter),
    ) {
        self.value(|xml| xml.list(member, length, elements));
    }
    fn map(&mut self, member: &'static Member, length: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        self.value(|xml| xml.map(member, length, entries));
    }
    fn key(&mut self, key: &str) {
        let Some(entry) = self.xml.entries.last().copied() else { return };
        let name = or_default(entry.key.wire_name, "key");
        self.xml.open(entry.element, entry.namespace);
        self.xml.out.push(b'>');
        self.xml.open(name, entry.key.xml_namespace);
        self.xml.out.push(b'>');
        push_text(self.xml.out, key);
        self.xml.close(name);
        self.open = true;
    }
    fn null(&mut self, member: &'static Member) {
        self.value(|xml| xml.null(member));
    }
}

fn push_integer(out: &mut Vec<u8>, value: i64) {
    use std::io::Write as _;
    let _ = write!(out, "{value}");
}

/// Name of the root of a body that is one member. The models name it in three ways: the member's `locationName`, the
/// structure's, and, for members that are not named like elements, the structure's name.
pub(crate) fn payload_root(member: &'static Member, schema: &'static StructureSchema) -> &'static str {
    match schema.xml_name {
        _ if member.wire_name != member.name => member.wire_name,
        Some(name) => name,
        None if member.name.starts_with(|c: char| c.is_ascii_lowercase()) => schema.name,
        None => member.wire_name,
    }
}
