//! Values out of JSON.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of JSON's types a member takes one or two, the rest is refused"
)]

use strongroom_shape::{
    Kind, Location, Member, ReadError, ReadErrorKind, ShapeReader, Structure, TimestampFormat,
};
use strongroom_types::Timestamp;

use super::tree::{Node, parse};
use crate::required::filled;
use crate::scalar::{self, wrong};

/// Stands at a value.
pub(crate) struct NodeReader<'n, 'a>(pub(crate) &'n Node<'a>);

impl NodeReader<'_, '_> {
    fn text(&self, member: &'static Member, expected: &str) -> Result<&str, ReadError> {
        self.0.as_str().ok_or_else(|| wrong(member, expected))
    }
}

impl ShapeReader for NodeReader<'_, '_> {
    fn string(&mut self, member: &'static Member) -> Result<String, ReadError> {
        self.text(member, "string").map(str::to_owned)
    }
    fn boolean(&mut self, member: &'static Member) -> Result<bool, ReadError> {
        match self.0 {
            Node::Bool(value) => Ok(*value),
            _ => Err(wrong(member, "boolean")),
        }
    }
    fn integer(&mut self, member: &'static Member) -> Result<i64, ReadError> {
        match self.0 {
            Node::Integer(value) => Ok(*value),
            Node::Unsigned(_) => Err(ReadError::at(member, ReadErrorKind::OutOfRange)),
            // Whole numbers that a client's language wrote as such ("1.0", "1e3").
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            Node::Float(value) if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 => {
                Ok(*value as i64)
            }
            _ => Err(wrong(member, "integer")),
        }
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of JSON has no more precision where a float is wanted"
    )]
    fn float(&mut self, member: &'static Member) -> Result<f64, ReadError> {
        match self.0 {
            Node::Integer(value) => Ok(*value as f64),
            Node::Unsigned(value) => Ok(*value as f64),
            Node::Float(value) => Ok(*value),
            Node::String(name) if matches!(&**name, "NaN" | "Infinity" | "-Infinity") => {
                scalar::parse_float(member, name)
            }
            _ => Err(wrong(member, "number")),
        }
    }
    fn blob(&mut self, member: &'static Member) -> Result<Vec<u8>, ReadError> {
        scalar::parse_blob(member, self.text(member, "base64")?)
    }
    fn timestamp(&mut self, member: &'static Member) -> Result<Timestamp, ReadError> {
        match member.timestamp_format {
            None | Some(TimestampFormat::UnixTimestamp) => {
                let seconds = self.float(member).map_err(|_| wrong(member, "timestamp in seconds"))?;
                scalar::timestamp_from_seconds(member, seconds)
            }
            Some(format) => scalar::parse_timestamp(member, format, self.text(member, "timestamp")?),
        }
    }
    fn document(&mut self, _: &'static Member) -> Result<String, ReadError> {
        let mut json = Vec::new();
        self.0.write(&mut json);
        String::from_utf8(json).map_err(|_| ReadError::syntax("the document is not UTF-8"))
    }
    fn structure(&mut self, member: &'static Member, target: &mut dyn Structure) -> Result<(), ReadError> {
        filled(target, |target| fill(self.0, target, false)).map_err(|error| match error {
            ReadError { member: "", kind } => ReadError::at(member, kind),
            other => other,
        })
    }
    fn list(
        &mut self,
        member: &'static Member,
        push: &mut dyn FnMut(&mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let Node::Array(nodes) = self.0 else { return Err(wrong(member, "list")) };
        let sparse = matches!(member.kind, Kind::List(list) if list.sparse);
        for node in nodes.iter().filter(|node| sparse || **node != Node::Null) {
            push(&mut NodeReader(node))?;
        }
        Ok(())
    }
    fn map(
        &mut self,
        member: &'static Member,
        put: &mut dyn FnMut(String, &mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let Node::Object(members) = self.0 else { return Err(wrong(member, "map")) };
        let sparse = matches!(member.kind, Kind::Map(map) if map.sparse);
        for (key, node) in members.iter().filter(|(_, node)| sparse || *node != Node::Null) {
            put(key.clone().into_owned(), &mut NodeReader(node))?;
        }
        Ok(())
    }
    fn is_null(&self) -> bool {
        *self.0 == Node::Null
    }
}

/// Fills `target` from an object: unknown names and nulls are skipped.
fn fill(node: &Node<'_>, target: &mut dyn Structure, body_only: bool) -> Result<(), ReadError> {
    let Node::Object(found) = node else {
        return Err(ReadError { member: "", kind: ReadErrorKind::WrongType("object".into()) });
    };
    let members = target.schema().members;
    for (name, node) in found.iter().filter(|(_, node)| *node != Node::Null) {
        let index = members
            .iter()
            .position(|member| member.wire_name == name && (!body_only || member.location == Location::Body));
        if let Some(index) = index {
            target.read(index, &mut NodeReader(node))?;
        }
    }
    Ok(())
}

/// Reads a document that holds members of `target`: those bound to the body, or all of them in protocols that bind
/// nothing elsewhere. An empty body is an empty object.
pub(crate) fn read_structure(
    document: &[u8],
    target: &mut dyn Structure,
    body_only: bool,
) -> Result<(), ReadError> {
    if document.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    fill(&parse(document)?, target, body_only)
}

/// Entry for fuzzing: reads arbitrary bytes as a document with recursive members of all kinds.
#[doc(hidden)]
pub fn fuzz_json(data: &[u8]) {
    let _ = read_structure(data, &mut crate::sink::Sink, false);
    if let Ok(node) = parse(data) {
        let mut out = Vec::new();
        node.write(&mut out);
        // Every finite document that was read can be written and read again.
        assert!(parse(&out).is_ok(), "what was read cannot be read again");
    }
}
