//! How the field types of generated structures are walked; lists and maps once for each element type.

use bytes::Bytes;
use strongroom_types::Timestamp;

use crate::{Kind, Member, ReadError, ReadErrorKind, ShapeReader, ShapeWriter};

/// A type that a member can have.
pub trait Value: Sized {
    /// Shows the value.
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter);

    /// Takes a value.
    ///
    /// # Errors
    /// What the reader says; a number out of range; an unknown value of an enum.
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError>;
}

/// Free-form JSON, as text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document(pub String);

/// Shows a member if it is set.
pub fn opt<T: Value>(field: &Option<T>, member: &'static Member, writer: &mut dyn ShapeWriter) {
    if let Some(value) = field {
        value.put(member, writer);
    }
}

/// Shows a list or map whose absence is its emptiness.
pub fn some<T>(field: &Vec<T>, member: &'static Member, writer: &mut dyn ShapeWriter)
where
    Vec<T>: Value,
{
    if !field.is_empty() {
        field.put(member, writer);
    }
}

/// Takes a member that may be absent.
///
/// # Errors
/// Those of [`Value::take`].
pub fn set<T: Value>(
    field: &mut Option<T>,
    member: &'static Member,
    reader: &mut dyn ShapeReader,
) -> Result<(), ReadError> {
    *field = Some(T::take(member, reader)?);
    Ok(())
}

/// Takes more of a list or map that can be met repeatedly.
///
/// # Errors
/// Those of [`Value::take`].
pub fn grow<T>(
    field: &mut Vec<T>,
    member: &'static Member,
    reader: &mut dyn ShapeReader,
) -> Result<(), ReadError>
where
    Vec<T>: Value,
{
    field.append(&mut Vec::take(member, reader)?);
    Ok(())
}

impl Value for String {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        writer.string(member, self);
    }
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        reader.string(member)
    }
}

impl Value for bool {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        writer.boolean(member, *self);
    }
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        reader.boolean(member)
    }
}

impl Value for i32 {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        writer.integer(member, i64::from(*self));
    }
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        Self::try_from(reader.integer(member)?).map_err(|_| ReadError::at(member, ReadErrorKind::OutOfRange))
    }
}

impl Value for i64 {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        writer.integer(member, *self);
    }
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        reader.integer(member)
    }
}

impl Value for f32 {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        writer.float(member, f64::from(*self));
    }
    #[expect(clippy::cast_possible_truncation, reason = "a float is the nearest to what was written")]
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        Ok(reader.float(member)? as Self)
    }
}

impl Value for f64 {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        writer.float(member, *self);
    }
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        reader.float(member)
    }
}

impl Value for Bytes {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        writer.blob(member, self);
    }
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        reader.blob(member).map(Self::from)
    }
}

impl Value for Timestamp {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        writer.timestamp(member, *self);
    }
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        reader.timestamp(member)
    }
}

impl Value for Document {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        writer.document(member, &self.0);
    }
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        reader.document(member).map(Self)
    }
}

impl<T: Value> Value for Box<T> {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        (**self).put(member, writer);
    }
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        T::take(member, reader).map(Self::new)
    }
}

/// An element or value of a sparse list or map.
impl<T: Value> Value for Option<T> {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        match self {
            Some(value) => value.put(member, writer),
            None => writer.null(member),
        }
    }
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        if reader.is_null() { Ok(None) } else { T::take(member, reader).map(Some) }
    }
}

impl<T: Value> Value for Vec<T> {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        if let Kind::List(list) = member.kind {
            writer.list(member, self.len(), &mut |writer| {
                for element in self {
                    element.put(&list.element, writer);
                }
            });
        }
    }
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        let mut elements = Self::new();
        if let Kind::List(list) = member.kind {
            reader.list(member, &mut |reader| {
                elements.push(T::take(&list.element, reader)?);
                Ok(())
            })?;
        }
        Ok(elements)
    }
}

impl<T: Value> Value for Vec<(String, T)> {
    fn put(&self, member: &'static Member, writer: &mut dyn ShapeWriter) {
        if let Kind::Map(map) = member.kind {
            writer.map(member, self.len(), &mut |writer| {
                for (key, value) in self {
                    writer.key(key);
                    value.put(&map.value, writer);
                }
            });
        }
    }
    fn take(member: &'static Member, reader: &mut dyn ShapeReader) -> Result<Self, ReadError> {
        let mut entries = Self::new();
        if let Kind::Map(map) = member.kind {
            reader.map(member, &mut |key, reader| {
                entries.push((key, T::take(&map.value, reader)?));
                Ok(())
            })?;
        }
        Ok(entries)
    }
}
