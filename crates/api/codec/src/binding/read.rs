//! Values out of headers, query, labels and raw bodies.

use std::borrow::Cow;

use http::HeaderMap;
use strongroom_shape::{
    Kind, Location, Member, OperationSchema, ReadError, ReadErrorKind, ShapeReader, Structure,
    TimestampFormat,
};
use strongroom_types::Timestamp;

use super::{fixed_query, is_stream};
use crate::message::RequestHead;
use crate::scalar::{self, wrong};

/// Where a text came from; decides the default form of timestamps and how lists are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A header: lists are separated by commas, timestamps are HTTP dates.
    Header,
    /// Query, label: lists are repetitions, timestamps ISO 8601.
    Address,
    /// An attribute of a document.
    Document,
}

type Texts<'a> = Vec<Cow<'a, str>>;

/// Stands at one or more texts, or at named groups of them.
pub(crate) struct TextReader<'a> {
    place: Place,
    texts: Texts<'a>,
    entries: Vec<(String, Texts<'a>)>,
}

impl<'a> TextReader<'a> {
    pub(crate) fn single(text: Cow<'a, str>, place: Place) -> Self {
        Self { place, texts: vec![text], entries: Vec::new() }
    }

    /// The one text there is.
    fn text(&self, member: &'static Member) -> Result<&str, ReadError> {
        match self.texts.as_slice() {
            [text] => Ok(text),
            _ => Err(wrong(member, "single value: it is given more than once")),
        }
    }

    /// The texts of a list's elements.
    fn elements(&self, member: &'static Member) -> Result<Texts<'_>, ReadError> {
        if self.place != Place::Header {
            return Ok(self.texts.iter().map(|text| Cow::Borrowed(&**text)).collect());
        }
        let Kind::List(list) = member.kind else { return Err(wrong(member, "list")) };
        let format = list.element.timestamp_format.unwrap_or(TimestampFormat::Rfc822);
        let dates = matches!(list.element.kind, Kind::Timestamp) && format == TimestampFormat::Rfc822;
        let text = self.text(member)?;
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        if dates { Ok(split_dates(text)) } else { split_list(text).ok_or_else(|| wrong(member, "list")) }
    }
}

/// HTTP dates have a comma of their own: every second one separates.
fn split_dates(text: &str) -> Texts<'_> {
    let commas: Vec<usize> = text.match_indices(',').map(|(at, _)| at).collect();
    let mut from = 0;
    let mut dates = Vec::new();
    for comma in commas.iter().skip(1).step_by(2) {
        dates.push(Cow::Borrowed(text.get(from..*comma).unwrap_or_default().trim()));
        from = comma + 1;
    }
    dates.push(Cow::Borrowed(text.get(from..).unwrap_or_default().trim()));
    dates
}

/// Elements between commas; such as hold commas or quotes are quoted, with `\` before quotes.
fn split_list(text: &str) -> Option<Texts<'_>> {
    let mut elements = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let (element, behind) = if let Some(quoted) = rest.strip_prefix('"') {
            let (element, behind) = unquote(quoted)?;
            (Cow::Owned(element), behind.trim_start_matches([' ', '\t']))
        } else {
            let (element, behind) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            (Cow::Borrowed(element.trim_end_matches([' ', '\t'])), behind)
        };
        elements.push(element);
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Some(elements),
            None => return None,
        }
    }
}

fn unquote(text: &str) -> Option<(String, &str)> {
    let mut element = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((element, text.get(at + 1..)?)),
            '\\' => element.push(characters.next()?.1),
            other => element.push(other),
        }
    }
    None
}

impl ShapeReader for TextReader<'_> {
    fn string(&mut self, member: &'static Member) -> Result<String, ReadError> {
        if member.flags.json_value {
            return self.document(member);
        }
        Ok(self.text(member)?.to_owned())
    }
    fn boolean(&mut self, member: &'static Member) -> Result<bool, ReadError> {
        scalar::parse_bool(member, self.text(member)?)
    }
    fn integer(&mut self, member: &'static Member) -> Result<i64, ReadError> {
        scalar::parse_integer(member, self.text(member)?)
    }
    fn float(&mut self, member: &'static Member) -> Result<f64, ReadError> {
        scalar::parse_float(member, self.text(member)?)
    }
    fn blob(&mut self, member: &'static Member) -> Result<Vec<u8>, ReadError> {
        scalar::parse_blob(member, self.text(member)?)
    }
    fn timestamp(&mut self, member: &'static Member) -> Result<Timestamp, ReadError> {
        let default =
            if self.place == Place::Header { TimestampFormat::Rfc822 } else { TimestampFormat::Iso8601 };
        scalar::parse_timestamp(member, default, self.text(member)?)
    }
    fn document(&mut self, member: &'static Member) -> Result<String, ReadError> {
        let json = if self.place == Place::Header {
            let bytes = scalar::parse_blob(member, self.text(member)?)?;
            String::from_utf8(bytes).map_err(|_| wrong(member, "JSON"))?
        } else {
            self.text(member)?.to_owned()
        };
        crate::json::check(member, &json)?;
        Ok(json)
    }
    fn structure(&mut self, member: &'static Member, _: &mut dyn Structure) -> Result<(), ReadError> {
        Err(wrong(member, "text"))
    }
    fn list(
        &mut self,
        member: &'static Member,
        push: &mut dyn FnMut(&mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let place = self.place;
        for text in self.elements(member)? {
            push(&mut TextReader::single(text, place))?;
        }
        Ok(())
    }
    fn map(
        &mut self,
        _: &'static Member,
        put: &mut dyn FnMut(String, &mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        for (key, texts) in std::mem::take(&mut self.entries) {
            put(key, &mut TextReader { place: self.place, texts, entries: Vec::new() })?;
        }
        Ok(())
    }
    fn is_null(&self) -> bool {
        false
    }
}

/// A body that is one blob or text.
pub(crate) struct RawReader<'a>(pub(crate) &'a [u8]);

impl RawReader<'_> {
    fn text(&self, member: &'static Member) -> Result<&str, ReadError> {
        std::str::from_utf8(self.0).map_err(|_| wrong(member, "UTF-8 text"))
    }
}

impl ShapeReader for RawReader<'_> {
    fn string(&mut self, member: &'static Member) -> Result<String, ReadError> {
        self.text(member).map(str::to_owned)
    }
    fn boolean(&mut self, member: &'static Member) -> Result<bool, ReadError> {
        scalar::parse_bool(member, self.text(member)?)
    }
    fn integer(&mut self, member: &'static Member) -> Result<i64, ReadError> {
        scalar::parse_integer(member, self.text(member)?)
    }
    fn float(&mut self, member: &'static Member) -> Result<f64, ReadError> {
        scalar::parse_float(member, self.text(member)?)
    }
    fn blob(&mut self, _: &'static Member) -> Result<Vec<u8>, ReadError> {
        Ok(self.0.to_vec())
    }
    fn timestamp(&mut self, member: &'static Member) -> Result<Timestamp, ReadError> {
        scalar::parse_timestamp(member, TimestampFormat::Iso8601, self.text(member)?)
    }
    fn document(&mut self, member: &'static Member) -> Result<String, ReadError> {
        let json = self.text(member)?;
        crate::json::check(member, json)?;
        Ok(json.to_owned())
    }
    fn structure(&mut self, member: &'static Member, _: &mut dyn Structure) -> Result<(), ReadError> {
        Err(wrong(member, "raw body"))
    }
    fn list(
        &mut self,
        member: &'static Member,
        _: &mut dyn FnMut(&mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        Err(wrong(member, "raw body"))
    }
    fn map(
        &mut self,
        member: &'static Member,
        _: &mut dyn FnMut(String, &mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        Err(wrong(member, "raw body"))
    }
    fn is_null(&self) -> bool {
        false
    }
}

/// Fills the members of `target` that lie outside the body, from a request.
pub(crate) fn read_bindings(
    op: &'static OperationSchema,
    head: &RequestHead<'_>,
    target: &mut dyn Structure,
) -> Result<(), ReadError> {
    let members = target.schema().members;
    // One that does not read does not hide the others: a request is decided on whatever else it says.
    let mut fault = None;
    for (index, member) in members.iter().enumerate() {
        let found = match member.location {
            Location::Body | Location::Payload | Location::StatusCode => None,
            Location::Header | Location::HeaderPrefix => {
                headers(member, head.headers).unwrap_or_else(|error| {
                    fault.get_or_insert(error);
                    None
                })
            }
            Location::Query if matches!(member.kind, Kind::Map(_)) => query_map(op, members, head),
            Location::Query => query(member, head),
            Location::Uri => head
                .labels
                .iter()
                .find(|(name, _)| *name == member.wire_name)
                .map(|(_, text)| TextReader::single(Cow::Borrowed(&**text), Place::Address)),
        };
        if let Some(mut reader) = found.filter(|_| !is_stream(member))
            && let Err(error) = target.read(index, &mut reader)
        {
            fault.get_or_insert(error);
        }
    }
    fault.map_or(Ok(()), Err)
}

fn query<'a>(member: &'static Member, head: &RequestHead<'a>) -> Option<TextReader<'a>> {
    let texts: Texts<'a> = head
        .query
        .iter()
        .filter(|(name, _)| name == member.wire_name)
        .map(|(_, text)| Cow::Borrowed(text.as_str()))
        .collect();
    (!texts.is_empty()).then_some(TextReader { place: Place::Address, texts, entries: Vec::new() })
}

/// All parameters but those that other members, the operation's URI or the signature take.
fn query_map<'a>(
    op: &'static OperationSchema,
    members: &'static [Member],
    head: &RequestHead<'a>,
) -> Option<TextReader<'a>> {
    let bound = |name: &str| {
        members
            .iter()
            .any(|m| m.location == Location::Query && !matches!(m.kind, Kind::Map(_)) && m.wire_name == name)
            || fixed_query(op).any(|fixed| fixed == name)
            || name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("X-Amz-"))
    };
    let mut entries: Vec<(String, Texts<'a>)> = Vec::new();
    for (name, text) in head.query.iter().filter(|(name, _)| !bound(name)) {
        let text = Cow::Borrowed(text.as_str());
        match entries.iter_mut().find(|(known, _)| known == name) {
            Some((_, texts)) => texts.push(text),
            None => entries.push((name.clone(), vec![text])),
        }
    }
    (!entries.is_empty()).then_some(TextReader { place: Place::Address, texts: Vec::new(), entries })
}

/// The header or headers of `member`. Lines of one name are one value, joined by commas (RFC 9110, section 5.3).
pub(crate) fn headers<'a>(
    member: &'static Member,
    headers: &'a HeaderMap,
) -> Result<Option<TextReader<'a>>, ReadError> {
    if member.location == Location::Header {
        let text = joined(headers, member.wire_name);
        return Ok(text.map(|text| TextReader::single(text, Place::Header)));
    }
    let mut entries = Vec::new();
    for name in headers.keys() {
        let Some(prefix) = name.as_str().get(..member.wire_name.len()) else { continue };
        if !prefix.eq_ignore_ascii_case(member.wire_name) {
            continue;
        }
        let key = name.as_str().get(member.wire_name.len()..).unwrap_or_default();
        if key.is_empty() && !member.wire_name.is_empty() {
            return Err(ReadError::at(
                member,
                ReadErrorKind::Constraint("have a name after its prefix".into()),
            ));
        }
        if let Some(text) = joined(headers, name.as_str()) {
            entries.push((key.to_owned(), vec![text]));
        }
    }
    Ok((!entries.is_empty()).then_some(TextReader { place: Place::Header, texts: Vec::new(), entries }))
}

fn joined<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, str>> {
    let mut values = headers.get_all(name).iter().map(|value| text_of(value.as_bytes()));
    let first = values.next()?;
    Some(values.fold(first, |mut all, next| {
        let text = all.to_mut();
        text.push(',');
        text.push_str(&next);
        all
    }))
}

/// Header bytes are UTF-8, or else Latin-1 (RFC 9110, section 5.5, "historically").
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_lists_at_commas_outside_quotes() {
        assert_eq!(split_list("a, b,c").unwrap(), ["a", "b", "c"]);
        assert_eq!(split_list(r#""b,c", "\"def\"", a"#).unwrap(), ["b,c", "\"def\"", "a"]);
        assert_eq!(split_list(r#""open"#), None);
        assert_eq!(split_list(r#""a"b"#), None);
    }

    #[test]
    fn splits_dates_at_every_second_comma() {
        let text = "Mon, 16 Dec 2019 23:48:18 GMT, Tue, 17 Dec 2019 23:48:18 GMT";
        assert_eq!(split_dates(text), ["Mon, 16 Dec 2019 23:48:18 GMT", "Tue, 17 Dec 2019 23:48:18 GMT"]);
    }

    #[test]
    fn reads_header_bytes_that_are_not_utf8_as_latin_1() {
        assert_eq!(text_of(b"caf\xe9"), "caf\u{e9}");
        assert_eq!(text_of("café".as_bytes()), "café");
    }
}
