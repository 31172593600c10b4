//! Values as JSON, straight into one buffer.

use strongroom_shape::{Member, ShapeWriter, Structure, TimestampFormat};
use strongroom_types::Timestamp;

use crate::scalar;

/// Appends a JSON value, or the members of an object, to a buffer.
pub(crate) struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Nothing was written in the current object or array.
    first: bool,
    /// The current container is an object: values need names.
    named: bool,
}

impl<'o> JsonWriter<'o> {
    /// A writer of one value.
    pub(crate) fn value(out: &'o mut Vec<u8>) -> Self {
        Self { out, first: true, named: false }
    }

    /// Writes an object with what `inside` shows.
    pub(crate) fn object(&mut self, inside: &mut dyn FnMut(&mut Self)) {
        self.container(*b"{}", true, inside);
    }

    /// Writes a member that no schema has.
    pub(crate) fn extra(&mut self, name: &str, value: &str) {
        self.comma();
        push_string(self.out, name);
        self.out.push(b':');
        push_string(self.out, value);
    }

    fn container(&mut self, marks: [u8; 2], named: bool, inside: &mut dyn FnMut(&mut Self)) {
        let [open, close] = marks;
        self.out.push(open);
        let outer = (std::mem::replace(&mut self.first, true), std::mem::replace(&mut self.named, named));
        inside(self);
        (self.first, self.named) = outer;
        self.out.push(close);
    }

    fn comma(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
    }

    fn begin(&mut self, member: &'static Member) {
        self.comma();
        if self.named {
            push_string(self.out, member.wire_name);
            self.out.push(b':');
        }
    }

    fn raw(&mut self, member: &'static Member, text: &str) {
        self.begin(member);
        self.out.extend_from_slice(text.as_bytes());
    }
}

impl ShapeWriter for JsonWriter<'_> {
    fn string(&mut self, member: &'static Member, value: &str) {
        self.begin(member);
        push_string(self.out, value);
    }
    fn boolean(&mut self, member: &'static Member, value: bool) {
        self.raw(member, if value { "true" } else { "false" });
    }
    fn integer(&mut self, member: &'static Member, value: i64) {
        self.raw(member, &value.to_string());
    }
    fn float(&mut self, member: &'static Member, value: f64) {
        match scalar::float_name(value) {
            Some(name) => self.string(member, name),
            None => self.raw(member, &scalar::float_text(member, value)),
        }
    }
    fn blob(&mut self, member: &'static Member, value: &[u8]) {
        self.string(member, &scalar::encode_blob(value));
    }
    fn timestamp(&mut self, member: &'static Member, value: Timestamp) {
        let text = scalar::timestamp_text(member, TimestampFormat::UnixTimestamp, false, value);
        match member.timestamp_format {
            None | Some(TimestampFormat::UnixTimestamp) => self.raw(member, &text),
            Some(_) => self.string(member, &text),
        }
    }
    fn document(&mut self, member: &'static Member, json: &str) {
        self.raw(member, if json.is_empty() { "null" } else { json });
    }
    fn structure(&mut self, member: &'static Member, value: &dyn Structure) {
        self.begin(member);
        self.object(&mut |inner| value.write(inner));
    }
    fn list(&mut self, member: &'static Member, _: usize, elements: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        self.begin(member);
        self.container(*b"[]", false, &mut |inner| elements(inner));
    }
    fn map(&mut self, member: &'static Member, _: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        self.begin(member);
        self.container(*b"{}", false, &mut |inner| entries(inner));
    }
    fn key(&mut self, key: &str) {
        self.comma();
        push_string(self.out, key);
        self.out.push(b':');
        // The value that follows brings no comma of its own.
        self.first = true;
    }
    fn null(&mut self, member: &'static Member) {
        self.raw(member, "null");
    }
}

/// Appends a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&byte, behind)) = from.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
