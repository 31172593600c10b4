//! Values of operations that no type stands for: whatever the schema describes, read and shown.

use std::fmt;

use bytes::Bytes;
use strongroom_types::Timestamp;

use crate::{
    Document, Kind, Member, OperationSchema, ReadError, ReadErrorKind, ShapeReader, ShapeWriter, Structure,
    StructureSchema, Value, fmt_redacted,
};

/// The input of an operation, known by its schema alone. An operation that is not built needs no more: its input is
/// decided on and recorded like any other, and then nobody takes it.
#[derive(Clone)]
pub struct Untyped {
    schema: &'static StructureSchema,
    /// In the order of the schema.
    values: Vec<Option<Any>>,
}

/// A value of any kind.
#[derive(Clone)]
enum Any {
    Null,
    Boolean(bool),
    Integer(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    String(String),
    Blob(Bytes),
    Timestamp(Timestamp),
    Document(Document),
    Structure(Untyped),
    List(Vec<Any>),
    Map(Vec<(String, Any)>),
}

impl Untyped {
    /// An empty input of `operation`.
    pub fn input(operation: &'static OperationSchema) -> Self {
        Self::new(operation.input)
    }

    fn new(schema: &'static StructureSchema) -> Self {
        Self { schema, values: schema.members.iter().map(|_| None).collect() }
    }
}

impl Structure for Untyped {
    fn schema(&self) -> &'static StructureSchema {
        self.schema
    }

    fn write(&self, writer: &mut dyn ShapeWriter) {
        for (member, value) in self.schema.members.iter().zip(&self.values) {
            if let Some(value) = value {
                value.put(member, writer);
            }
        }
    }

    fn read(&mut self, index: usize, reader: &mut dyn ShapeReader) -> Result<(), ReadError> {
        let (Some(member), Some(slot)) = (self.schema.members.get(index), self.values.get_mut(index)) else {
            return Ok(());
        };
        let value = Any::take(member, reader)?;
        *slot = Some(match (slot.take(), value) {
            (Some(Any::List(mut all)), Any::List(more)) if is_met_repeatedly(member) => {
                all.extend(more);
                Any::List(all)
            }
            (Some(Any::Map(mut all)), Any::Map(more)) if is_met_repeatedly(member) => {
                all.extend(more);
                Any::Map(all)
            }
            (_, value) => value,
        });
        Ok(())
    }
}

/// Whether a list or map can be met repeatedly.
fn is_met_repeatedly(member: &Member) -> bool {
    member.is_flattened() || member.location == crate::Location::HeaderPrefix
}

impl fmt::Debug for Untyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_redacted(self, f)
    }
}

impl Value for Any {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        match self {
            Self::Null => writer.null(member),
            Self::Boolean(value) => value.put(member, writer),
            Self::Integer(value) => value.put(member, writer),
            Self::Long(value) => value.put(member, writer),
            Self::Float(value) => value.put(member, writer),
            Self::Double(value) => value.put(member, writer),
            Self::String(value) => value.put(member, writer),
            Self::Blob(value) => value.put(member, writer),
            Self::Timestamp(value) => value.put(member, writer),
            Self::Document(value) => value.put(member, writer),
            Self::Structure(value) => writer.structure(member, value),
            Self::List(values) => values.put(member, writer),
            Self::Map(entries) => entries.put(member, writer),
        }
    }

    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        if reader.is_null() {
            return Ok(Self::Null);
        }
        Ok(match member.kind {
            Kind::String => Self::String(Value::take(member, reader)?),
            Kind::Enum(names) => {
                let text = String::take(member, reader)?;
                if !names.contains(&text.as_str()) {
                    return Err(ReadError::at(member, ReadErrorKind::UnknownValue(text)));
                }
                Self::String(text)
            }
            Kind::Boolean => Self::Boolean(Value::take(member, reader)?),
            Kind::Integer => Self::Integer(Value::take(member, reader)?),
            Kind::Long => Self::Long(Value::take(member, reader)?),
            Kind::Float => Self::Float(Value::take(member, reader)?),
            Kind::Double => Self::Double(Value::take(member, reader)?),
            Kind::Blob => Self::Blob(Value::take(member, reader)?),
            Kind::Timestamp => Self::Timestamp(Value::take(member, reader)?),
            Kind::Document => Self::Document(Value::take(member, reader)?),
            Kind::Structure(schema) => {
                let mut value = Untyped::new(schema);
                reader.structure(member, &mut value)?;
                Self::Structure(value)
            }
            Kind::List(_) => Self::List(Value::take(member, reader)?),
            Kind::Map(_) => Self::Map(Value::take(member, reader)?),
        })
    }
}
