//! The two traits through which codecs and values meet.

use std::fmt;

use strongroom_types::Timestamp;

use crate::{Member, StructureSchema};

/// A value with members, generated from a model.
pub trait Structure {
    /// Its description.
    fn schema(&self) -> &'static StructureSchema;

    /// Shows each member that is set to `writer`, in the order of the schema.
    fn write(&self, writer: &mut dyn ShapeWriter);

    /// Takes the member with this index of [`StructureSchema::members`] from `reader`. A member met twice: the later
    /// wins, lists that are flattened grow.
    ///
    /// # Errors
    /// What the reader says, and [`ReadErrorKind::OutOfRange`], [`ReadErrorKind::UnknownValue`].
    fn read(&mut self, index: usize, reader: &mut dyn ShapeReader) -> Result<(), ReadError>;
}

/// Is shown a value, one member at a time. Writers that can fail keep their first error until they are finished.
///
/// Within [`ShapeWriter::list`] the callback shows each element under the list's `element`; within
/// [`ShapeWriter::map`] it alternates [`ShapeWriter::key`] and one value under the map's `value`.
pub trait ShapeWriter {
    /// Text, or the name of an enum's value.
    fn string(&mut self, member: &'static Member, value: &str);
    /// True or false.
    fn boolean(&mut self, member: &'static Member, value: bool);
    /// An integer or long.
    fn integer(&mut self, member: &'static Member, value: i64);
    /// A float or double.
    fn float(&mut self, member: &'static Member, value: f64);
    /// Bytes.
    fn blob(&mut self, member: &'static Member, value: &[u8]);
    /// A point in time.
    fn timestamp(&mut self, member: &'static Member, value: Timestamp);
    /// Free-form JSON text.
    fn document(&mut self, member: &'static Member, json: &str);
    /// A structure.
    fn structure(&mut self, member: &'static Member, value: &dyn Structure);
    /// A list of `length` elements.
    fn list(
        &mut self,
        member: &'static Member,
        length: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeWriter),
    );
    /// A map of `length` entries.
    fn map(&mut self, member: &'static Member, length: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter));
    /// The key of the map entry whose value comes next.
    fn key(&mut self, key: &str);
    /// An element or value of a sparse list or map that is null.
    fn null(&mut self, member: &'static Member);
}

/// Gives the value of the member that the walk stands at.
pub trait ShapeReader {
    /// Text, or the name of an enum's value.
    fn string(&mut self, member: &'static Member) -> Result<String, ReadError>;
    /// True or false.
    fn boolean(&mut self, member: &'static Member) -> Result<bool, ReadError>;
    /// An integer or long; the caller checks the narrower range.
    fn integer(&mut self, member: &'static Member) -> Result<i64, ReadError>;
    /// A float or double.
    fn float(&mut self, member: &'static Member) -> Result<f64, ReadError>;
    /// Bytes.
    fn blob(&mut self, member: &'static Member) -> Result<Vec<u8>, ReadError>;
    /// A point in time.
    fn timestamp(&mut self, member: &'static Member) -> Result<Timestamp, ReadError>;
    /// Free-form JSON, as text.
    fn document(&mut self, member: &'static Member) -> Result<String, ReadError>;
    /// Fills a structure: calls [`Structure::read`] for each member that is present.
    fn structure(&mut self, member: &'static Member, target: &mut dyn Structure) -> Result<(), ReadError>;
    /// Calls `push` for each element, with the reader standing at it.
    fn list(
        &mut self,
        member: &'static Member,
        push: &mut dyn FnMut(&mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError>;
    /// Calls `put` for each entry, with the reader standing at the value.
    fn map(
        &mut self,
        member: &'static Member,
        put: &mut dyn FnMut(String, &mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError>;
    /// Whether the reader stands at a null (elements and values of sparse lists and maps).
    fn is_null(&self) -> bool;
}

/// Why a request could not be turned into its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// Name of the member in the model, empty for the document as a whole.
    pub member: &'static str,
    /// What was wrong.
    pub kind: ReadErrorKind,
}

/// The ways in which a value can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadErrorKind {
    /// The document is not of its syntax, or holds what is refused (DTD, entity, too deep, too large).
    Syntax(String),
    /// A value is not of its type (text where a number belongs).
    WrongType(String),
    /// A number outside its range.
    OutOfRange,
    /// Not a value of the enum.
    UnknownValue(String),
    /// A required member is missing.
    Missing,
    /// A constraint of the model is broken: what it demands.
    Constraint(String),
}

impl ReadError {
    /// An error at `member`.
    pub fn at(member: &'static Member, kind: ReadErrorKind) -> Self {
        Self { member: member.name, kind }
    }

    /// An output was to be read in a program that is no client (feature `client` of its crate).
    pub fn client_only() -> Self {
        Self::syntax("outputs are read by clients only")
    }

    /// An error of the document as a whole.
    pub fn syntax(what: impl Into<String>) -> Self {
        Self { member: "", kind: ReadErrorKind::Syntax(what.into()) }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.member.is_empty() {
            write!(f, "{}: ", self.member)?;
        }
        match &self.kind {
            ReadErrorKind::Syntax(what) => f.write_str(what),
            ReadErrorKind::WrongType(expected) => write!(f, "not a valid {expected}"),
            ReadErrorKind::OutOfRange => f.write_str("number out of range"),
            ReadErrorKind::UnknownValue(value) => write!(f, "unknown value {value:?}"),
            ReadErrorKind::Missing => f.write_str("required but missing"),
            ReadErrorKind::Constraint(demand) => write!(f, "must {demand}"),
        }
    }
}

impl std::error::Error for ReadError {}
