//! A structure with a member of each kind, itself among them: what the fuzz entries read into.

use strongroom_shape::{
    Constraints, Flags, Kind, ListSchema, Location, MapSchema, Member, ReadError, ShapeReader, ShapeWriter,
    Structure, StructureSchema,
};

/// Takes whatever its readers give and forgets it.
#[derive(Default)]
pub(crate) struct Sink;

const fn member(name: &'static str, kind: Kind) -> Member {
    Member {
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

static LIST: ListSchema = ListSchema {
    name: "List",
    element: member("", Kind::Structure(&SCHEMA)),
    flattened: false,
    sparse: true,
};
static FLAT: ListSchema =
    ListSchema { name: "Flat", element: member("", Kind::String), flattened: true, sparse: false };
static MAP: MapSchema = MapSchema {
    name: "Map",
    key: member("key", Kind::String),
    value: member("value", Kind::Structure(&SCHEMA)),
    flattened: false,
    sparse: true,
};
static SCHEMA: StructureSchema = StructureSchema {
    name: "Sink",
    members: &[
        member("s", Kind::String),
        member("b", Kind::Boolean),
        member("i", Kind::Long),
        member("f", Kind::Double),
        member("x", Kind::Blob),
        member("t", Kind::Timestamp),
        member("d", Kind::Document),
        member("n", Kind::Structure(&SCHEMA)),
        member("l", Kind::List(&LIST)),
        member("a", Kind::List(&FLAT)),
        member("m", Kind::Map(&MAP)),
    ],
    xml_name: None,
    xml_namespace: None,
    union: false,
};

/// A member that is such a structure.
pub(crate) static NESTED: Member = member("n", Kind::Structure(&SCHEMA));

impl Structure for Sink {
    fn schema(&self) -> &'static StructureSchema {
        &SCHEMA
    }

    fn write(&self, _: &mut dyn ShapeWriter) {}

    fn read(&mut self, index: usize, reader: &mut dyn ShapeReader) -> Result<(), ReadError> {
        SCHEMA.members.get(index).map_or(Ok(()), |member| swallow(member, reader))
    }
}

fn swallow(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<(), ReadError> {
    if reader.is_null() {
        return Ok(());
    }
    match member.kind {
        Kind::String | Kind::Enum(_) => reader.string(member).map(drop),
        Kind::Boolean => reader.boolean(member).map(drop),
        Kind::Integer | Kind::Long => reader.integer(member).map(drop),
        Kind::Float | Kind::Double => reader.float(member).map(drop),
        Kind::Blob => reader.blob(member).map(drop),
        Kind::Timestamp => reader.timestamp(member).map(drop),
        Kind::Document => reader.document(member).map(drop),
        Kind::Structure(_) => reader.structure(member, &mut Sink),
        Kind::List(list) => reader.list(member, &mut |at| swallow(&list.element, at)),
        Kind::Map(map) => reader.map(member, &mut |_, at| swallow(&map.value, at)),
    }
}
