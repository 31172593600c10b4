//! A service model of botocore, looked at with the questions of the generator.

use super::json::Json;

/// A model.
#[derive(Clone, Copy)]
pub(crate) struct Model<'a>(pub(crate) &'a Json);

/// How a member's field is declared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Always there; the decoder has refused its absence.
    Plain,
    /// There or not.
    Optional,
    /// A list or map whose emptiness is its absence, and that can be met repeatedly.
    Growing,
    /// No field: a stream.
    Absent,
}

impl<'a> Model<'a> {
    /// The shape of this name, or null.
    pub(crate) fn shape(self, name: &str) -> &'a Json {
        self.0.get("shapes").get(name)
    }

    /// The shape that a member, element, key or value refers to: its name and definition.
    pub(crate) fn target(self, reference: &'a Json) -> (&'a str, &'a Json) {
        let name = reference.get("shape").text().unwrap_or_default();
        (name, self.shape(name))
    }

    /// The operations in order.
    pub(crate) fn operations(self) -> &'a [(String, Json)] {
        self.0.get("operations").entries()
    }

    /// The shapes in order.
    pub(crate) fn shapes(self) -> &'a [(String, Json)] {
        self.0.get("shapes").entries()
    }

    /// A fact about the service.
    pub(crate) fn metadata(self, name: &str) -> &'a Json {
        self.0.get("metadata").get(name)
    }

    /// Whether a member is a stream or a stream of events.
    pub(crate) fn streams(self, reference: &'a Json) -> bool {
        let shape = self.target(reference).1;
        reference.get("streaming").is_true() || shape.get("streaming").is_true() || self.events(reference)
    }

    /// Whether a member is a stream of events.
    pub(crate) fn events(self, reference: &'a Json) -> bool {
        let shape = self.target(reference).1;
        reference.get("eventstream").is_true() || shape.get("eventstream").is_true()
    }

    /// How the field of a member is declared.
    pub(crate) fn form(self, reference: &'a Json, required: bool) -> Form {
        let shape = self.target(reference).1;
        if self.streams(reference) {
            return Form::Absent;
        }
        let flattened = reference.get("flattened").is_true() || shape.get("flattened").is_true();
        match kind(shape) {
            Kind::List | Kind::Map if flattened || reference.get("location").text() == Some("headers") => {
                Form::Growing
            }
            Kind::List | Kind::Map | Kind::String | Kind::Structure if required => Form::Plain,
            Kind::List
            | Kind::Map
            | Kind::String
            | Kind::Structure
            | Kind::Enum
            | Kind::Document
            | Kind::Simple(..) => Form::Optional,
        }
    }
}

/// What a shape is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Structure,
    List,
    Map,
    String,
    Enum,
    Document,
    /// The type of the field, and the kind in the schema.
    Simple(&'static str, &'static str),
}

/// What this shape is.
pub(crate) fn kind(shape: &Json) -> Kind {
    if shape.get("document").is_true() {
        return Kind::Document;
    }
    match shape.get("type").text().unwrap_or_default() {
        "structure" => Kind::Structure,
        "list" => Kind::List,
        "map" => Kind::Map,
        "boolean" => Kind::Simple("bool", "Boolean"),
        "integer" | "short" | "byte" => Kind::Simple("i32", "Integer"),
        "long" => Kind::Simple("i64", "Long"),
        "float" => Kind::Simple("f32", "Float"),
        "double" => Kind::Simple("f64", "Double"),
        "blob" => Kind::Simple("Bytes", "Blob"),
        "timestamp" => Kind::Simple("Timestamp", "Timestamp"),
        _ if !shape.get("enum").is_null() => Kind::Enum,
        _ => Kind::String,
    }
}
