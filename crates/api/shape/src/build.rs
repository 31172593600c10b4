//! Constant builders: generated statics state only what differs from the usual.

use crate::{
    Constraints, ErrorSchema, Flags, Kind, Location, Member, OperationSchema, StructureSchema,
    TimestampFormat,
};

impl Member {
    /// An optional member of the body, named alike on the wire.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            wire_name: name,
            query_name: None,
            location: Location::Body,
            kind,
            flags: Flags {
                required: false,
                sensitive: false,
                xml_attribute: false,
                flattened: false,
                streaming: false,
                event_stream: false,
                json_value: false,
                idempotency_token: false,
            },
            timestamp_format: None,
            xml_namespace: None,
            constraints: Constraints::NONE,
        }
    }

    /// Named `wire_name` on the wire.
    #[must_use]
    pub const fn wire(mut self, wire_name: &'static str) -> Self {
        self.wire_name = wire_name;
        self
    }

    /// Named `query_name` in ec2Query.
    #[must_use]
    pub const fn query_name(mut self, query_name: &'static str) -> Self {
        self.query_name = Some(query_name);
        self
    }

    /// The body as a whole.
    #[must_use]
    pub const fn payload(mut self) -> Self {
        self.location = Location::Payload;
        self
    }

    /// In this place, under this name.
    #[must_use]
    pub const fn at(mut self, location: Location, wire_name: &'static str) -> Self {
        self.location = location;
        self.wire_name = wire_name;
        self
    }

    /// In the header `name`.
    #[must_use]
    pub const fn header(self, name: &'static str) -> Self {
        self.at(Location::Header, name)
    }

    /// In the query parameter `name`.
    #[must_use]
    pub const fn query(self, name: &'static str) -> Self {
        self.at(Location::Query, name)
    }

    /// In the label `name` of the URI.
    #[must_use]
    pub const fn label(self, name: &'static str) -> Self {
        self.at(Location::Uri, name)
    }

    /// Must be present.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.flags.required = true;
        self
    }

    /// Must not be shown.
    #[must_use]
    pub const fn sensitive(mut self) -> Self {
        self.flags.sensitive = true;
        self
    }

    /// An XML attribute.
    #[must_use]
    pub const fn xml_attribute(mut self) -> Self {
        self.flags.xml_attribute = true;
        self
    }

    /// Flattened in this use.
    #[must_use]
    pub const fn flattened(mut self) -> Self {
        self.flags.flattened = true;
        self
    }

    /// A stream.
    #[must_use]
    pub const fn streaming(mut self) -> Self {
        self.flags.streaming = true;
        self
    }

    /// An event stream.
    #[must_use]
    pub const fn event_stream(mut self) -> Self {
        self.flags.streaming = true;
        self.flags.event_stream = true;
        self
    }

    /// JSON in base64 in a header.
    #[must_use]
    pub const fn json_value(mut self) -> Self {
        self.flags.json_value = true;
        self
    }

    /// Filled by clients with a random token.
    #[must_use]
    pub const fn idempotency_token(mut self) -> Self {
        self.flags.idempotency_token = true;
        self
    }

    /// In this form of time.
    #[must_use]
    pub const fn timestamp(mut self, format: TimestampFormat) -> Self {
        self.timestamp_format = Some(format);
        self
    }

    /// In this XML namespace.
    #[must_use]
    pub const fn namespace(mut self, prefix: &'static str, uri: &'static str) -> Self {
        self.xml_namespace = Some((prefix, uri));
        self
    }

    /// At least this long or large.
    #[must_use]
    pub const fn min(mut self, min: i64) -> Self {
        self.constraints.min = Some(min);
        self
    }

    /// At most this long or large.
    #[must_use]
    pub const fn max(mut self, max: i64) -> Self {
        self.constraints.max = Some(max);
        self
    }

    /// Of this form.
    #[must_use]
    pub const fn pattern(mut self, pattern: &'static str) -> Self {
        self.constraints.pattern = Some(pattern);
        self
    }
}

impl StructureSchema {
    /// A plain structure.
    pub const fn new(name: &'static str, members: &'static [Member]) -> Self {
        Self { name, members, xml_name: None, xml_namespace: None, union: false }
    }

    /// Its XML element's name.
    #[must_use]
    pub const fn xml_name(mut self, name: &'static str) -> Self {
        self.xml_name = Some(name);
        self
    }

    /// Its XML element's namespace.
    #[must_use]
    pub const fn namespace(mut self, prefix: &'static str, uri: &'static str) -> Self {
        self.xml_namespace = Some((prefix, uri));
        self
    }

    /// Exactly one member is set.
    #[must_use]
    pub const fn union(mut self) -> Self {
        self.union = true;
        self
    }
}

impl OperationSchema {
    /// A plain operation; `route` is (method, URI, status of a success).
    pub const fn new(
        name: &'static str,
        route: (&'static str, &'static str, u16),
        input: &'static StructureSchema,
        output: &'static StructureSchema,
    ) -> Self {
        Self {
            name,
            method: route.0,
            uri: route.1,
            status: route.2,
            input,
            output,
            input_root: None,
            result_wrapper: None,
            errors: &[],
            streaming_input: false,
            streaming_output: false,
            checksum_required: false,
            unsigned: false,
        }
    }

    /// The element around the members of the request.
    #[must_use]
    pub const fn input_root(mut self, name: &'static str, namespace: Option<&'static str>) -> Self {
        self.input_root = Some((name, namespace));
        self
    }

    /// The element around the members of the answer.
    #[must_use]
    pub const fn result_wrapper(mut self, name: &'static str) -> Self {
        self.result_wrapper = Some(name);
        self
    }

    /// The errors that the model names.
    #[must_use]
    pub const fn errors(mut self, errors: &'static [&'static ErrorSchema]) -> Self {
        self.errors = errors;
        self
    }

    /// The request's payload is a stream.
    #[must_use]
    pub const fn streaming_input(mut self) -> Self {
        self.streaming_input = true;
        self
    }

    /// The answer's payload is a stream.
    #[must_use]
    pub const fn streaming_output(mut self) -> Self {
        self.streaming_output = true;
        self
    }

    /// The body's digest must be sent.
    #[must_use]
    pub const fn checksum_required(mut self) -> Self {
        self.checksum_required = true;
        self
    }

    /// Callable without a signature.
    #[must_use]
    pub const fn unsigned(mut self) -> Self {
        self.unsigned = true;
        self
    }
}
