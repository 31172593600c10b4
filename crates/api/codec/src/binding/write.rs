//! Values into headers, query, labels, the status and raw bodies.

use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use strongroom_shape::{Kind, Location, Member, OperationSchema, ShapeWriter, Structure, TimestampFormat};
use strongroom_types::Timestamp;

use super::is_stream;
use crate::message::WriteError;
use crate::scalar;

/// RFC 3986's unreserved characters stay, as SigV4 wants.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// Takes what lies outside the document of a body.
#[derive(Default)]
pub(crate) struct HttpWriter {
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) status: Option<u16>,
    /// A payload that is a blob or text, and whether it is text.
    pub(crate) raw: Option<(Vec<u8>, bool)>,
    pub(crate) error: Option<WriteError>,
}

impl HttpWriter {
    /// Puts a header, or keeps the error.
    pub(crate) fn header(&mut self, member: &'static str, name: &str, value: &str) {
        let name = HeaderName::from_bytes(name.as_bytes());
        match (name, HeaderValue::from_bytes(value.as_bytes())) {
            (Ok(name), Ok(value)) => self.headers.push((name, value)),
            _ => self.fail(WriteError::Header { member }),
        }
    }

    fn fail(&mut self, error: WriteError) {
        self.error.get_or_insert(error);
    }

    fn text(&mut self, member: &'static Member, text: impl FnOnce() -> String) {
        match member.location {
            Location::Body => {}
            Location::Payload if is_stream(member) => {}
            Location::Payload => self.raw = Some((text().into_bytes(), true)),
            Location::Header => self.header(member.name, member.wire_name, &text()),
            Location::Query => self.query.push((member.wire_name.to_owned(), text())),
            Location::Uri => self.labels.push((member.wire_name, text())),
            Location::StatusCode => self.status = text().parse().ok(),
            Location::HeaderPrefix => self.fail(WriteError::Place { member: member.name }),
        }
    }
}

fn timestamp_default(location: Location) -> TimestampFormat {
    match location {
        Location::Header | Location::HeaderPrefix => TimestampFormat::Rfc822,
        Location::Body | Location::Payload | Location::Query | Location::Uri | Location::StatusCode => {
            TimestampFormat::Iso8601
        }
    }
}

impl ShapeWriter for HttpWriter {
    fn string(&mut self, member: &'static Member, value: &str) {
        self.text(member, || match (member.location, member.flags.json_value) {
            (Location::Header, true) => scalar::encode_blob(value.as_bytes()),
            _ => value.to_owned(),
        });
    }
    fn boolean(&mut self, member: &'static Member, value: bool) {
        self.text(member, || value.to_string());
    }
    fn integer(&mut self, member: &'static Member, value: i64) {
        self.text(member, || value.to_string());
    }
    fn float(&mut self, member: &'static Member, value: f64) {
        self.text(member, || scalar::float_text(member, value));
    }
    fn blob(&mut self, member: &'static Member, value: &[u8]) {
        if member.location == Location::Payload {
            if !is_stream(member) {
                self.raw = Some((value.to_vec(), false));
            }
            return;
        }
        self.text(member, || scalar::encode_blob(value));
    }
    fn timestamp(&mut self, member: &'static Member, value: Timestamp) {
        let default = timestamp_default(member.location);
        self.text(member, || scalar::timestamp_text(member, default, false, value));
    }
    fn document(&mut self, member: &'static Member, json: &str) {
        match member.location {
            Location::Header => self.text(member, || scalar::encode_blob(json.as_bytes())),
            Location::Body | Location::Payload => {}
            Location::HeaderPrefix | Location::Query | Location::Uri | Location::StatusCode => {
                self.text(member, || json.to_owned());
            }
        }
    }
    fn structure(&mut self, member: &'static Member, _: &dyn Structure) {
        if !matches!(member.location, Location::Body | Location::Payload) {
            self.fail(WriteError::Place { member: member.name });
        }
    }
    fn list(&mut self, member: &'static Member, _: usize, elements: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        let place = member.location;
        match place {
            Location::Body | Location::Payload => {}
            Location::Header => {
                let mut sink = TextSink::new(place);
                elements(&mut sink);
                let quoted = matches!(member.kind, Kind::List(list) if matches!(list.element.kind, Kind::String | Kind::Enum(_)));
                let texts: Vec<String> =
                    sink.texts.into_iter().map(|text| if quoted { quote(text) } else { text }).collect();
                self.header(member.name, member.wire_name, &texts.join(", "));
            }
            Location::Query => {
                let mut sink = TextSink::new(place);
                elements(&mut sink);
                self.query.extend(sink.texts.into_iter().map(|text| (member.wire_name.to_owned(), text)));
            }
            Location::HeaderPrefix | Location::Uri | Location::StatusCode => {
                self.fail(WriteError::Place { member: member.name });
            }
        }
    }
    fn map(&mut self, member: &'static Member, _: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        let place = member.location;
        if !matches!(place, Location::HeaderPrefix | Location::Query) {
            return;
        }
        let mut sink = TextSink::new(place);
        entries(&mut sink);
        for (key, text) in sink.keys.into_iter().zip(sink.texts) {
            if place == Location::Query {
                self.query.push((key, text));
            } else {
                self.header(member.name, &format!("{}{key}", member.wire_name), &text);
            }
        }
    }
    fn key(&mut self, _: &str) {}
    fn null(&mut self, _: &'static Member) {}
}

/// Quotes what would not be one element of a list.
fn quote(text: String) -> String {
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text
    }
}

/// Collects the texts of a list's elements, or of a map's values with the keys beside them.
pub(crate) struct TextSink {
    place: Location,
    pub(crate) texts: Vec<String>,
    pub(crate) keys: Vec<String>,
    key: String,
    in_map: bool,
}

impl TextSink {
    pub(crate) fn new(place: Location) -> Self {
        Self { place, texts: Vec::new(), keys: Vec::new(), key: String::new(), in_map: false }
    }

    fn push(&mut self, text: String) {
        if self.in_map {
            self.keys.push(self.key.clone());
        }
        self.texts.push(text);
    }
}

impl ShapeWriter for TextSink {
    fn string(&mut self, _: &'static Member, value: &str) {
        self.push(value.to_owned());
    }
    fn boolean(&mut self, _: &'static Member, value: bool) {
        self.push(value.to_string());
    }
    fn integer(&mut self, _: &'static Member, value: i64) {
        self.push(value.to_string());
    }
    fn float(&mut self, member: &'static Member, value: f64) {
        self.push(scalar::float_text(member, value));
    }
    fn blob(&mut self, _: &'static Member, value: &[u8]) {
        self.push(scalar::encode_blob(value));
    }
    fn timestamp(&mut self, member: &'static Member, value: Timestamp) {
        self.push(scalar::timestamp_text(member, timestamp_default(self.place), false, value));
    }
    fn document(&mut self, _: &'static Member, json: &str) {
        self.push(json.to_owned());
    }
    fn structure(&mut self, _: &'static Member, _: &dyn Structure) {}
    fn list(&mut self, _: &'static Member, _: usize, elements: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        elements(self);
    }
    fn map(&mut self, _: &'static Member, _: usize, _: &mut dyn FnMut(&mut dyn ShapeWriter)) {}
    fn key(&mut self, key: &str) {
        self.in_map = true;
        key.clone_into(&mut self.key);
    }
    fn null(&mut self, _: &'static Member) {}
}

/// Passes on the members at one location, for the writers of documents.
pub(crate) struct Only<'a> {
    /// Nothing: all locations.
    location: Option<Location>,
    /// Members of these names, case ignored, are left out.
    without: &'static [&'static str],
    inner: &'a mut dyn ShapeWriter,
}

impl<'a> Only<'a> {
    /// Passes on what lies at `location`.
    pub(crate) fn at(location: Location, inner: &'a mut dyn ShapeWriter) -> Self {
        Self { location: Some(location), without: &[], inner }
    }

    /// Passes on what lies at `location`, or anywhere, but has none of these names.
    pub(crate) fn without(
        location: Option<Location>,
        without: &'static [&'static str],
        inner: &'a mut dyn ShapeWriter,
    ) -> Self {
        Self { location, without, inner }
    }

    fn wants(&self, member: &'static Member) -> bool {
        self.location.is_none_or(|location| member.location == location)
            && !is_stream(member)
            && !self.without.iter().any(|name| name.eq_ignore_ascii_case(member.wire_name))
    }
}

impl ShapeWriter for Only<'_> {
    fn string(&mut self, member: &'static Member, value: &str) {
        if self.wants(member) {
            self.inner.string(member, value);
        }
    }
    fn boolean(&mut self, member: &'static Member, value: bool) {
        if self.wants(member) {
            self.inner.boolean(member, value);
        }
    }
    fn integer(&mut self, member: &'static Member, value: i64) {
        if self.wants(member) {
            self.inner.integer(member, value);
        }
    }
    fn float(&mut self, member: &'static Member, value: f64) {
        if self.wants(member) {
            self.inner.float(member, value);
        }
    }
    fn blob(&mut self, member: &'static Member, value: &[u8]) {
        if self.wants(member) {
            self.inner.blob(member, value);
        }
    }
    fn timestamp(&mut self, member: &'static Member, value: Timestamp) {
        if self.wants(member) {
            self.inner.timestamp(member, value);
        }
    }
    fn document(&mut self, member: &'static Member, json: &str) {
        if self.wants(member) {
            self.inner.document(member, json);
        }
    }
    fn structure(&mut self, member: &'static Member, value: &dyn Structure) {
        if self.wants(member) {
            self.inner.structure(member, value);
        }
    }
    fn list(
        &mut self,
        member: &'static Member,
        length: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeWriter),
    ) {
        if self.wants(member) {
            self.inner.list(member, length, elements);
        }
    }
    fn map(&mut self, member: &'static Member, length: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        if self.wants(member) {
            self.inner.map(member, length, entries);
        }
    }
    fn key(&mut self, key: &str) {
        self.inner.key(key);
    }
    fn null(&mut self, member: &'static Member) {
        if self.wants(member) {
            self.inner.null(member);
        }
    }
}

/// Path and fixed query of an operation, with the labels put in.
pub(crate) fn path_of(
    op: &'static OperationSchema,
    labels: &[(&'static str, String)],
) -> Result<String, WriteError> {
    let mut path = String::new();
    let mut rest = op.uri;
    while let Some((before, from)) = rest.split_once('{') {
        let (label, behind) = from.split_once('}').unwrap_or((from, ""));
        let (label, set) = match label.strip_suffix('+') {
            Some(greedy) => (greedy, PATH),
            None => (label, QUERY),
        };
        let value = labels.iter().find(|(name, _)| *name == label).map(|(_, value)| value);
        let value = value.filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| WriteError::Label { label: label.to_owned() })?;
        path.push_str(before);
        path.extend(utf8_percent_encode(value, set));
        rest = behind;
    }
    path.push_str(rest);
    Ok(path)
}

/// Appends parameters to a URI that may have a query already.
pub(crate) fn push_query(uri: &mut String, query: &[(String, String)]) {
    for (name, value) in query {
        uri.push(if uri.contains('?') { '&' } else { '?' });
        uri.extend(utf8_percent_encode(name, QUERY));
        uri.push('=');
        uri.extend(utf8_percent_encode(value, QUERY));
    }
}
