//! A walk over XML that refuses what no AWS client sends: document types, entities of their own, processing
//! instructions, bombs by depth, count or size.

use std::borrow::Cow;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use strongroom_shape::ReadError;

use crate::limits;

/// What is allowed of one document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of the document.
    pub(crate) bytes: usize,
    /// Elements.
    pub(crate) elements: usize,
    /// Bytes of text in one element.
    pub(crate) text_bytes: usize,
}

impl Limits {
    /// For requests.
    pub(crate) const REQUEST: Self = Self {
        bytes: limits::MAX_LONG_BODY_BYTES,
        elements: limits::MAX_XML_ELEMENTS,
        text_bytes: limits::MAX_XML_TEXT_BYTES,
    };

    /// For answers, which come from a server that the client chose.
    pub(crate) const ANSWER: Self = Self {
        bytes: limits::MAX_ANSWER_BYTES,
        elements: limits::MAX_ANSWER_BYTES / 8,
        text_bytes: limits::MAX_ANSWER_BYTES,
    };
}

/// What the walk meets, once white space between elements, comments and the declaration are gone.
pub(crate) enum Step<'a> {
    /// An element begins; an empty one is followed by its [`Step::End`].
    Start(Start<'a>),
    /// The current element ends.
    End,
    /// A piece of text.
    Text(Cow<'a, str>),
    /// The document ends.
    Eof,
}

/// The beginning of an element.
pub(crate) struct Start<'a> {
    tag: BytesStart<'a>,
}

impl Start<'_> {
    /// Name without prefix.
    pub(crate) fn name(&self) -> &str {
        local(self.tag.name().into_inner())
    }

    /// Attributes but namespace declarations, as (local name, value).
    pub(crate) fn attributes(&self) -> Result<Vec<(String, String)>, ReadError> {
        let mut found = Vec::new();
        for attribute in self.tag.attributes() {
            let attribute = attribute.map_err(|error| ReadError::syntax(error.to_string()))?;
            let name = attribute.key.into_inner();
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(|error| ReadError::syntax(error.to_string()))?;
            found.push((local(name).to_owned(), value.into_owned()));
        }
        Ok(found)
    }
}

/// The part of a qualified name behind its prefix.
pub(crate) fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

/// The walk itself.
pub(crate) struct Cursor<'a> {
    reader: Reader<&'a [u8]>,
    limits: Limits,
    depth: usize,
    elements: usize,
    text_bytes: usize,
    /// The element that was last begun was of the form `<a/>`: its end comes next.
    empty: bool,
    /// Something other than the declaration was met.
    begun: bool,
    /// The root element has ended.
    done: bool,
}

impl<'a> Cursor<'a> {
    /// A walk over `document`, before its root.
    pub(crate) fn new(document: &'a [u8], limits: Limits) -> Result<Self, ReadError> {
        if document.len() > limits.bytes {
            return Err(ReadError::syntax(format!("the document is longer than {} bytes", limits.bytes)));
        }
        let text =
            std::str::from_utf8(document).map_err(|_| ReadError::syntax("the document is not UTF-8"))?;
        let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        let config = reader.config_mut();
        config.check_end_names = true;
        config.allow_dangling_amp = false;
        config.allow_unmatched_ends = false;
        Ok(Self {
            reader,
            limits,
            depth: 0,
            elements: 0,
            text_bytes: 0,
            empty: false,
            begun: false,
            done: false,
        })
    }

    /// The next step.
    pub(crate) fn next(&mut self) -> Result<Step<'a>, ReadError> {
        if self.empty {
            self.empty = false;
            return self.end();
        }
        loop {
            let event = self.reader.read_event().map_err(|error| ReadError::syntax(error.to_string()))?;
            let first = !std::mem::replace(&mut self.begun, true);
            match event {
                Event::Start(tag) => return self.start(tag),
                Event::Empty(tag) => {
                    self.empty = true;
                    return self.start(tag);
                }
                Event::End(_) => return self.end(),
                Event::Text(text) => {
                    if let Some(text) = self.text(text.xml10_content())? {
                        return Ok(Step::Text(text));
                    }
                }
                Event::CData(text) => {
                    if self.depth == 0 {
                        return Err(ReadError::syntax("text outside the root element"));
                    }
                    if let Some(text) = self.text(text.xml10_content())? {
                        return Ok(Step::Text(text));
                    }
                }
                Event::GeneralRef(reference) => {
                    let character = resolve(&reference)?;
                    if self.depth == 0 {
                        return Err(ReadError::syntax("text outside the root element"));
                    }
                    if let Some(text) = self.text(Cow::Owned(character.to_string()))? {
                        return Ok(Step::Text(text));
                    }
                }
                Event::Comment(_) => {}
                Event::Decl(declaration) => {
                    if !first {
                        return Err(ReadError::syntax("the XML declaration is not at the beginning"));
                    }
                    match declaration.encoding() {
                        None => {}
                        Some(Ok(name)) if is_utf8_name(&name) => {}
                        Some(_) => return Err(ReadError::syntax("the encoding is not UTF-8")),
                    }
                }
                Event::PI(_) => return Err(ReadError::syntax("processing instructions are not accepted")),
                Event::DocType(_) => return Err(ReadError::syntax("document types are not accepted")),
                Event::Eof if self.depth > 0 || !self.done => {
                    return Err(ReadError::syntax("the document ends too early"));
                }
                Event::Eof => return Ok(Step::Eof),
            }
        }
    }

    fn start(&mut self, tag: BytesStart<'a>) -> Result<Step<'a>, ReadError> {
        if self.done {
            return Err(ReadError::syntax("a second root element"));
        }
        self.depth += 1;
        self.elements += 1;
        self.text_bytes = 0;
        if self.depth > limits::MAX_XML_DEPTH {
            return Err(ReadError::syntax(format!("deeper than {} elements", limits::MAX_XML_DEPTH)));
        }
        if self.elements > self.limits.elements {
            return Err(ReadError::syntax(format!("more than {} elements", self.limits.elements)));
        }
        let mut attributes = tag.attributes();
        // The count is bounded first: the check for duplicates compares each attribute with all before it.
        if attributes.with_checks(false).take(limits::MAX_XML_ATTRIBUTES + 1).count()
            > limits::MAX_XML_ATTRIBUTES
        {
            return Err(ReadError::syntax(format!("more than {} attributes", limits::MAX_XML_ATTRIBUTES)));
        }
        for attribute in tag.attributes() {
            attribute.map_err(|error| ReadError::syntax(error.to_string()))?;
        }
        Ok(Step::Start(Start { tag }))
    }

    fn end(&mut self) -> Result<Step<'a>, ReadError> {
        let depth = self.depth.checked_sub(1);
        self.depth = depth.ok_or_else(|| ReadError::syntax("an end without a beginning"))?;
        self.done = self.depth == 0;
        Ok(Step::End)
    }

    /// Text that counts; nothing for white space outside the root.
    fn text(&mut self, text: Cow<'a, str>) -> Result<Option<Cow<'a, str>>, ReadError> {
        if self.depth == 0 {
            let blank = text.bytes().all(|byte| byte.is_ascii_whitespace());
            return if blank { Ok(None) } else { Err(ReadError::syntax("text outside the root element")) };
        }
        self.text_bytes += text.len();
        if self.text_bytes > self.limits.text_bytes {
            return Err(ReadError::syntax(format!("text longer than {} bytes", self.limits.text_bytes)));
        }
        Ok(Some(text))
    }

    /// Skips to the end of the element that was just begun.
    pub(crate) fn skip(&mut self) -> Result<(), ReadError> {
        let until = self.depth.saturating_sub(1);
        while self.depth > until {
            self.next()?;
        }
        Ok(())
    }

    /// All text of the element that was just begun, up to its end. Elements within are refused.
    pub(crate) fn text_content(&mut self) -> Result<String, ReadError> {
        let mut content = String::new();
        loop {
            match self.next()? {
                Step::Text(text) => content.push_str(&text),
                Step::End => return Ok(content),
                Step::Start(start) => {
                    return Err(ReadError::syntax(format!("unexpected element {}", start.name())));
                }
                Step::Eof => return Err(ReadError::syntax("the document ends too early")),
            }
        }
    }

    /// The next element within the current one, or nothing at its end. Text between elements must be white space.
    pub(crate) fn child(&mut self) -> Result<Option<Start<'a>>, ReadError> {
        loop {
            match self.next()? {
                Step::Start(start) => return Ok(Some(start)),
                Step::End => return Ok(None),
                Step::Text(text) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
                Step::Text(_) => return Err(ReadError::syntax("text between elements")),
                Step::Eof => return Err(ReadError::syntax("the document ends too early")),
            }
        }
    }

    /// The root element.
    pub(crate) fn root(&mut self) -> Result<Start<'a>, ReadError> {
        match self.next()? {
            Step::Start(start) => Ok(start),
            Step::End | Step::Text(_) | Step::Eof => Err(ReadError::syntax("no root element")),
        }
    }

    /// Checks that nothing follows the root element.
    pub(crate) fn finish(&mut self) -> Result<(), ReadError> {
        match self.next()? {
            Step::Eof => Ok(()),
            Step::Start(_) | Step::End | Step::Text(_) => {
                Err(ReadError::syntax("text after the root element"))
            }
        }
    }
}

/// ASCII and its supersets whose ASCII part a UTF-8 reader reads alike are tolerated by name; the bytes were checked.
fn is_utf8_name(name: &str) -> bool {
    ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The five predefined entities and numeric references; all others are refused, so nothing can expand.
fn resolve(reference: &BytesRef<'_>) -> Result<char, ReadError> {
    let bad = || ReadError::syntax("unknown entity or character reference");
    if let Some(character) = reference.resolve_char_ref().map_err(|_| bad())? {
        return Ok(character);
    }
    match &**reference {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(bad()),
    }
}
