//! Values of shapes that are made at run time.

use std::fmt;

use serde_json::Value as Json;
use strongroom_shape::{Kind, Member, ReadError, ShapeReader, ShapeWriter, Structure, StructureSchema};
use strongroom_types::Timestamp;

/// A value of any kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Blob(Vec<u8>),
    Timestamp(Timestamp),
    Document(Json),
    Structure(DynStructure),
    List(Vec<Value>),
    /// Sorted by key, so that equal maps are equal.
    Map(Vec<(String, Value)>),
}

/// A structure of a schema made at run time.
#[derive(Clone, PartialEq)]
pub(crate) struct DynStructure {
    schema: SchemaRef,
    pub(crate) values: Vec<Option<Value>>,
}

#[derive(Clone, Copy)]
struct SchemaRef(&'static StructureSchema);

impl PartialEq for SchemaRef {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl fmt::Debug for DynStructure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct(self.schema.0.name);
        for (member, value) in self.schema.0.members.iter().zip(&self.values) {
            if let Some(value) = value {
                all.field(member.name, value);
            }
        }
        all.finish()
    }
}

impl DynStructure {
    pub(crate) fn new(schema: &'static StructureSchema) -> Self {
        Self { schema: SchemaRef(schema), values: vec![None; schema.members.len()] }
    }

    /// The value that AWS's cases write as JSON.
    pub(crate) fn from_json(schema: &'static StructureSchema, json: &Json) -> Self {
        let mut made = Self::new(schema);
        for (name, value) in json.as_object().into_iter().flatten() {
            let index = schema.members.iter().position(|member| member.name == name);
            let index = index.unwrap_or_else(|| panic!("{} has no member {name}", schema.name));
            if !value.is_null() {
                made.values[index] = Some(Value::from_json(&schema.members[index], value));
            }
        }
        made
    }
}

impl Value {
    fn from_json(member: &'static Member, json: &Json) -> Self {
        let text =
            || json.as_str().unwrap_or_else(|| panic!("{}: {json} is no text", member.name)).to_owned();
        match member.kind {
            _ if json.is_null() => Self::Null,
            Kind::String | Kind::Enum(_) if member.flags.json_value && !json.is_string() => {
                Self::String(json.to_string())
            }
            Kind::String | Kind::Enum(_) => Self::String(text()),
            Kind::Boolean => Self::Boolean(json.as_bool().unwrap()),
            Kind::Integer | Kind::Long => Self::Integer(json.as_i64().unwrap()),
            Kind::Float | Kind::Double => Self::Float(match json.as_str() {
                Some("NaN") => f64::NAN,
                Some("Infinity") => f64::INFINITY,
                Some("-Infinity") => f64::NEG_INFINITY,
                _ => json.as_f64().unwrap(),
            }),
            Kind::Blob => Self::Blob(text().into_bytes()),
            Kind::Timestamp => Self::Timestamp(match json.as_f64() {
                Some(seconds) => Timestamp::from_millis((seconds * 1000.0).round() as i64),
                None => Timestamp::parse_iso8601(&text()).unwrap(),
            }),
            Kind::Document => Self::Document(json.clone()),
            Kind::Structure(schema) => Self::Structure(DynStructure::from_json(schema, json)),
            Kind::List(list) => Self::List(
                json.as_array().unwrap().iter().map(|json| Self::from_json(&list.element, json)).collect(),
            ),
            Kind::Map(map) => {
                let entries = json.as_object().unwrap().iter();
                Self::Map(
                    entries.map(|(key, json)| (key.clone(), Self::from_json(&map.value, json))).collect(),
                )
            }
        }
    }

    fn write(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        match self {
            Self::Null => writer.null(member),
            Self::Boolean(value) => writer.boolean(member, *value),
            Self::Integer(value) => writer.integer(member, *value),
            Self::Float(value) => writer.float(member, *value),
            Self::String(value) => writer.string(member, value),
            Self::Blob(value) => writer.blob(member, value),
            Self::Timestamp(value) => writer.timestamp(member, *value),
            Self::Document(value) => writer.document(member, &value.to_string()),
            Self::Structure(value) => writer.structure(member, value),
            Self::List(values) => {
                let Kind::List(list) = member.kind else { panic!("{} is no list", member.name) };
                writer.list(member, values.len(), &mut |writer| {
                    for value in values {
                        value.write(&list.element, writer);
                    }
                });
            }
            Self::Map(entries) => {
                let Kind::Map(map) = member.kind else { panic!("{} is no map", member.name) };
                writer.map(member, entries.len(), &mut |writer| {
                    for (key, value) in entries {
                        writer.key(key);
                        value.write(&map.value, writer);
                    }
                });
            }
        }
    }

    fn read(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        if reader.is_null() {
            return Ok(Self::Null);
        }
        Ok(match member.kind {
            Kind::String | Kind::Enum(_) => Self::String(reader.string(member)?),
            Kind::Boolean => Self::Boolean(reader.boolean(member)?),
            Kind::Integer | Kind::Long => Self::Integer(reader.integer(member)?),
            Kind::Float => Self::Float({
                let value = reader.float(member)?;
                // The nearest double to what was written, not to what the 32 bits hold.
                format!("{}", value as f32).parse().unwrap()
            }),
            Kind::Double => Self::Float(reader.float(member)?),
            Kind::Blob => Self::Blob(reader.blob(member)?),
            Kind::Timestamp => Self::Timestamp(reader.timestamp(member)?),
            Kind::Document => Self::Document(serde_json::from_str(&reader.document(member)?).unwrap()),
            Kind::Structure(schema) => {
                let mut value = DynStructure::new(schema);
                reader.structure(member, &mut value)?;
                Self::Structure(value)
            }
            Kind::List(list) => {
                let mut values = Vec::new();
                reader.list(member, &mut |at| {
                    values.push(Self::read(&list.element, at)?);
                    Ok(())
                })?;
                Self::List(values)
            }
            Kind::Map(map) => {
                let mut entries = Vec::new();
                reader.map(member, &mut |key, at| {
                    entries.push((key, Self::read(&map.value, at)?));
                    Ok(())
                })?;
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                Self::Map(entries)
            }
        })
    }
}

impl Structure for DynStructure {
    fn schema(&self) -> &'static StructureSchema {
        self.schema.0
    }

    fn write(&self, writer: &mut dyn ShapeWriter) {
        for (member, value) in self.schema.0.members.iter().zip(&self.values) {
            if let Some(value) = value {
                value.write(member, writer);
            }
        }
    }

    fn read(&mut self, index: usize, reader: &mut dyn ShapeReader) -> Result<(), ReadError> {
        let new = Value::read(&self.schema.0.members[index], reader)?;
        let slot = &mut self.values[index];
        *slot = Some(match (slot.take(), new) {
            (Some(Value::List(mut all)), Value::List(more)) => {
                all.extend(more);
                Value::List(all)
            }
            (Some(Value::Map(mut all)), Value::Map(more)) => {
                all.extend(more);
                all.sort_by(|(a, _), (b, _)| a.cmp(b));
                Value::Map(all)
            }
            (_, new) => new,
        });
        Ok(())
    }
}
