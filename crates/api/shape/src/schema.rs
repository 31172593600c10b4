//! Static descriptions of shapes.

/// A structure: its members in the order of the model.
#[derive(Debug)]
pub struct StructureSchema {
    /// Name in the model.
    pub name: &'static str,
    /// Members; the index of a member is its number in [`crate::Structure::read`].
    pub members: &'static [Member],
    /// Name of the XML element where it differs from the member's (a payload's `locationName`).
    pub xml_name: Option<&'static str>,
    /// XML namespace as (prefix, uri); the prefix is empty for a default namespace.
    pub xml_namespace: Option<(&'static str, &'static str)>,
    /// A union: exactly one member is set.
    pub union: bool,
}

/// A list and the member that stands for its elements (named `member` unless the model says otherwise).
#[derive(Debug)]
pub struct ListSchema {
    /// Name in the model.
    pub name: &'static str,
    /// The elements. `wire_name` is the element's XML name; empty if the model gives none (then `member`).
    pub element: Member,
    /// The list shape itself is flattened (in XML and query).
    pub flattened: bool,
    /// Nulls may be elements.
    pub sparse: bool,
}

/// A map from strings to values.
#[derive(Debug)]
pub struct MapSchema {
    /// Name in the model.
    pub name: &'static str,
    /// The keys; always a string.
    pub key: Member,
    /// The values.
    pub value: Member,
    /// The map shape itself is flattened (in XML and query).
    pub flattened: bool,
    /// Nulls may be values.
    pub sparse: bool,
}

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// UTF-8 text.
    String,
    /// Text out of a fixed set; the generated type is a `Copy` enum.
    Enum(&'static [&'static str]),
    /// True or false.
    Boolean,
    /// 32-bit (also byte and short).
    Integer,
    /// 64-bit.
    Long,
    /// 32-bit floating point.
    Float,
    /// 64-bit floating point.
    Double,
    /// Bytes; base64 in most wires.
    Blob,
    /// A point in time.
    Timestamp,
    /// Free-form JSON, kept as text.
    Document,
    /// A structure.
    Structure(&'static StructureSchema),
    /// A list.
    List(&'static ListSchema),
    /// A map.
    Map(&'static MapSchema),
}

/// Where a member of an operation's input or output lies in the HTTP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In the document that is the body.
    Body,
    /// It is the body (a structure: the document's root; a blob or string: the raw bytes).
    Payload,
    /// The header `wire_name`.
    Header,
    /// All headers that begin with `wire_name` (a map; keys are the rest of the header names).
    HeaderPrefix,
    /// The query parameter `wire_name` (a list: repeated; a map: all parameters not bound otherwise).
    Query,
    /// The label `wire_name` of the request URI.
    Uri,
    /// The status code of the answer.
    StatusCode,
}

/// How a timestamp is written, where the model departs from the protocol's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    /// ISO 8601.
    Iso8601,
    /// RFC 7231 / RFC 822.
    Rfc822,
    /// Seconds since 1970, perhaps with a fraction.
    UnixTimestamp,
}

/// Properties of a member that are true or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// Must be present.
    pub required: bool,
    /// Must not be shown in logs, records or `Debug`.
    pub sensitive: bool,
    /// An XML attribute of the enclosing element.
    pub xml_attribute: bool,
    /// This use of the list or map is flattened.
    pub flattened: bool,
    /// The payload is a stream (such members have no field in the generated struct).
    pub streaming: bool,
    /// An event stream.
    pub event_stream: bool,
    /// A header that carries JSON in base64 (`jsonvalue`).
    pub json_value: bool,
    /// Clients fill it with a random token when it is missing.
    pub idempotency_token: bool,
}

/// What the model demands of a value, checked once after decoding.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Constraints {
    /// Least length (characters, bytes, elements) or least value.
    pub min: Option<i64>,
    /// Greatest length or value.
    pub max: Option<i64>,
    /// Regular expression of the model.
    pub pattern: Option<&'static str>,
}

impl Member {
    /// Whether a list or map is written without an element of its own.
    pub fn is_flattened(&self) -> bool {
        self.flags.flattened
            || match self.kind {
                Kind::List(list) => list.flattened,
                Kind::Map(map) => map.flattened,
                Kind::String
                | Kind::Enum(_)
                | Kind::Boolean
                | Kind::Integer
                | Kind::Long
                | Kind::Float
                | Kind::Double
                | Kind::Blob
                | Kind::Timestamp
                | Kind::Document
                | Kind::Structure(_) => false,
            }
    }
}

impl Constraints {
    /// No constraint.
    pub const NONE: Self = Self { min: None, max: None, pattern: None };
}

/// One member of a structure, or the element of a list, or the key or value of a map.
#[derive(Debug)]
pub struct Member {
    /// Name in the model ("ContentType").
    pub name: &'static str,
    /// Name on the wire (the model's `locationName`, or the name).
    pub wire_name: &'static str,
    /// Name in ec2Query where it differs (`queryName`).
    pub query_name: Option<&'static str>,
    /// Where it lies.
    pub location: Location,
    /// What it is.
    pub kind: Kind,
    /// Yes-or-no properties.
    pub flags: Flags,
    /// Timestamp form, if not the protocol's default.
    pub timestamp_format: Option<TimestampFormat>,
    /// XML namespace of the element as (prefix, uri).
    pub xml_namespace: Option<(&'static str, &'static str)>,
    /// The model's constraints on the value's shape.
    pub constraints: Constraints,
}
