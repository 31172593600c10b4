//! Values out of XML.

use strongroom_shape::{Kind, Location, Member, ReadError, ShapeReader, Structure, TimestampFormat};
use strongroom_types::Timestamp;

use super::cursor::{Cursor, Limits, Start, local};
use crate::binding::{Place, TextReader};
use crate::required::filled;
use crate::scalar::{self, Seen, flattened_name, or_default, wrong};

/// Stands at the beginning of an element.
struct ElementReader<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    /// Nothing once the element is used up.
    start: Option<Start<'a>>,
}

impl<'a> ElementReader<'_, 'a> {
    /// The element, which is used up by reading it.
    fn take(&mut self, member: &'static Member) -> Result<Start<'a>, ReadError> {
        self.start.take().ok_or_else(|| wrong(member, "single value"))
    }

    fn text(&mut self, member: &'static Member) -> Result<String, ReadError> {
        self.take(member)?;
        self.cursor.text_content().map_err(|error| ReadError { member: member.name, ..error })
    }

    fn each(
        &mut self,
        member: &'static Member,
        names: [&str; 2],
        element: &mut dyn FnMut(&mut ElementReader<'_, 'a>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.take(member)?;
        while let Some(start) = self.cursor.child()? {
            if names.contains(&start.name()) {
                let mut at = ElementReader { cursor: self.cursor, start: Some(start) };
                element(&mut at)?;
                at.close()?;
            } else {
                self.cursor.skip()?;
            }
        }
        Ok(())
    }

    /// Skips the element if nothing read it.
    fn close(&mut self) -> Result<(), ReadError> {
        if self.start.take().is_some() { self.cursor.skip() } else { Ok(()) }
    }

    /// One entry of a map, from its element.
    fn entry(
        &mut self,
        member: &'static Member,
        put: &mut dyn FnMut(String, &mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let Kind::Map(map) = member.kind else { return Err(wrong(member, "map")) };
        let (key_name, value_name) =
            (or_default(map.key.wire_name, "key"), or_default(map.value.wire_name, "value"));
        self.take(member)?;
        let mut key = None;
        while let Some(start) = self.cursor.child()? {
            if start.name() == key_name && key.is_none() {
                key = Some(self.cursor.text_content()?);
            } else if start.name() == value_name {
                let mut at = ElementReader { cursor: self.cursor, start: Some(start) };
                put(key.take().ok_or_else(|| wrong(member, "entry (its key comes first)"))?, &mut at)?;
                at.close()?;
            } else {
                self.cursor.skip()?;
            }
        }
        if key.is_some() { Err(wrong(member, "entry (it has no value)")) } else { Ok(()) }
    }
}

impl ShapeReader for ElementReader<'_, '_> {
    fn string(&mut self, member: &'static Member) -> Result<String, ReadError> {
        let text = self.text(member)?;
        Ok(if matches!(member.kind, Kind::Enum(_)) { text.trim().to_owned() } else { text })
    }
    fn boolean(&mut self, member: &'static Member) -> Result<bool, ReadError> {
        scalar::parse_bool(member, &self.text(member)?)
    }
    fn integer(&mut self, member: &'static Member) -> Result<i64, ReadError> {
        scalar::parse_integer(member, &self.text(member)?)
    }
    fn float(&mut self, member: &'static Member) -> Result<f64, ReadError> {
        scalar::parse_float(member, &self.text(member)?)
    }
    fn blob(&mut self, member: &'static Member) -> Result<Vec<u8>, ReadError> {
        scalar::parse_blob(member, &self.text(member)?)
    }
    fn timestamp(&mut self, member: &'static Member) -> Result<Timestamp, ReadError> {
        scalar::parse_timestamp(member, TimestampFormat::Iso8601, &self.text(member)?)
    }
    fn document(&mut self, member: &'static Member) -> Result<String, ReadError> {
        self.text(member)
    }
    fn structure(&mut self, member: &'static Member, target: &mut dyn Structure) -> Result<(), ReadError> {
        let start = self.take(member)?;
        filled(target, |target| {
            fill_attributes(&start, target)?;
            fill(self.cursor, target, false)
        })
    }
    fn list(
        &mut self,
        member: &'static Member,
        push: &mut dyn FnMut(&mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        if member.is_flattened() {
            return push(self);
        }
        let Kind::List(list) = member.kind else { return Err(wrong(member, "list")) };
        let name = or_default(list.element.wire_name, "member");
        self.each(member, [local(name), "member"], &mut |at| push(at))
    }
    fn map(
        &mut self,
        member: &'static Member,
        put: &mut dyn FnMut(String, &mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        if member.is_flattened() {
            return self.entry(member, put);
        }
        self.each(member, ["entry", "entry"], &mut |at| at.entry(member, put))
    }
    fn is_null(&self) -> bool {
        false
    }
}

fn fill_attributes(start: &Start<'_>, target: &mut dyn Structure) -> Result<(), ReadError> {
    let members = target.schema().members;
    if !members.iter().any(|member| member.flags.xml_attribute) {
        return Ok(());
    }
    for (name, value) in start.attributes()? {
        let found = members.iter().position(|m| m.flags.xml_attribute && local(m.wire_name) == name);
        if let Some(index) = found {
            target.read(index, &mut TextReader::single(value.into(), Place::Document))?;
        }
    }
    Ok(())
}

/// Fills `target` from the elements within the current one. Unknown elements are skipped, as S3 does; an element that
/// comes twice is refused unless it is a flattened list or map.
fn fill(cursor: &mut Cursor<'_>, target: &mut dyn Structure, body_only: bool) -> Result<(), ReadError> {
    let members = target.schema().members;
    let mut seen = Seen::default();
    while let Some(start) = cursor.child()? {
        let found = members.iter().enumerate().find(|(_, member)| {
            !member.flags.xml_attribute
                && (!body_only || member.location == Location::Body)
                && (local(member.wire_name) == start.name()
                    || member.is_flattened() && flattened_name(member) == start.name())
        });
        let Some((index, member)) = found else {
            cursor.skip()?;
            continue;
        };
        if !member.is_flattened() && seen.again(index) {
            return Err(wrong(member, "single value: it is given twice"));
        }
        let mut at = ElementReader { cursor: &mut *cursor, start: Some(start) };
        target.read(index, &mut at)?;
        at.close()?;
    }
    Ok(())
}

/// Reads a document whose root is a value by itself.
pub(crate) fn read_document(
    document: &[u8],
    limits: Limits,
    is_root: &dyn Fn(&str) -> bool,
    value: &mut dyn FnMut(&mut dyn ShapeReader) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut cursor = Cursor::new(document, limits)?;
    let start = root(&mut cursor, is_root)?;
    let mut at = ElementReader { cursor: &mut cursor, start: Some(start) };
    value(&mut at)?;
    at.close()?;
    cursor.finish()
}

/// Reads a document whose root, or the element named `wrapper` in it, holds members of `target` that lie in the body.
pub(crate) fn read_members(
    document: &[u8],
    limits: Limits,
    is_root: &dyn Fn(&str) -> bool,
    wrapper: Option<&str>,
    target: &mut dyn Structure,
) -> Result<(), ReadError> {
    let mut cursor = Cursor::new(document, limits)?;
    let start = root(&mut cursor, is_root)?;
    match wrapper {
        None => {
            fill_attributes(&start, target)?;
            fill(&mut cursor, target, true)?;
        }
        Some(wrapper) => {
            let mut met = false;
            while let Some(child) = cursor.child()? {
                if child.name() == wrapper && !met {
                    met = true;
                    fill(&mut cursor, target, true)?;
                } else {
                    cursor.skip()?;
                }
            }
        }
    }
    cursor.finish()
}

/// The text of a document that has only a root with text in it.
pub(crate) fn read_text_document(document: &[u8], limits: Limits, name: &str) -> Result<String, ReadError> {
    let mut cursor = Cursor::new(document, limits)?;
    root(&mut cursor, &|found| found == name)?;
    let text = cursor.text_content()?;
    cursor.finish()?;
    Ok(text)
}

fn root<'a>(cursor: &mut Cursor<'a>, is_root: &dyn Fn(&str) -> bool) -> Result<Start<'a>, ReadError> {
    let start = cursor.root()?;
    if is_root(start.name()) {
        Ok(start)
    } else {
        Err(ReadError::syntax(format!("the root element cannot be {}", start.name())))
    }
}

/// Entry for fuzzing: reads arbitrary bytes as a document with recursive members of all kinds.
#[doc(hidden)]
pub fn fuzz_rest_xml(data: &[u8]) {
    let mut sink = crate::sink::Sink;
    let _ = read_members(data, Limits::REQUEST, &|_| true, None, &mut sink);
    let _ = read_document(data, Limits::REQUEST, &|_| true, &mut |at| {
        at.structure(&crate::sink::NESTED, &mut crate::sink::Sink)
    });
    let _ = crate::client::decode_error_document(data);
}
