//! JSON whose every part knows where it stands, read with a bound on depth.
//!
//! `serde_json` keeps the last of two equal names and says nothing; a policy that reads one way and decides another is
//! what this reader exists to refuse.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::error::{Place, PolicyError, Reason};
use crate::limits::JSON_MAX_DEPTH;

/// A value and the bytes that it stands in.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) value: Value<'a>,
}

#[derive(Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<Member<'a>>),
}

/// A member of an object.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    /// The bytes of its name, quotation marks and all.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) name: Cow<'a, str>,
    pub(crate) value: Node<'a>,
}

/// The line and column (in characters, both from 1) of a byte, with a path.
pub(crate) fn place(source: &str, offset: usize, path: &str) -> Place {
    let before = source.get(..offset).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        path: path.to_owned(),
    }
}

pub(crate) fn malformed(source: &str, offset: usize, path: &str, reason: Reason) -> PolicyError {
    PolicyError::Malformed { reason, place: place(source, offset, path) }
}

/// Reads one JSON value and nothing behind it.
pub(crate) fn read(source: &str) -> Result<Node<'_>, PolicyError> {
    let mut reader = Reader { source, at: 0, path: "$".to_owned(), depth: 0 };
    reader.space();
    let node = reader.value()?;
    reader.space();
    if reader.at < source.len() {
        return Err(reader.syntax("text behind the document"));
    }
    Ok(node)
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
    path: String,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn syntax(&self, what: &'static str) -> PolicyError {
        malformed(self.source, self.at, &self.path, Reason::Json(what))
    }

    fn value(&mut self) -> Result<Node<'a>, PolicyError> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Value::Text(self.text()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(_) => return Err(self.syntax("a value was expected")),
            None => return Err(self.syntax("the text ends too early")),
        };
        Ok(Node { start, end: self.at, value })
    }

    fn nested(
        &mut self,
        inner: fn(&mut Self) -> Result<Value<'a>, PolicyError>,
    ) -> Result<Value<'a>, PolicyError> {
        if self.depth == JSON_MAX_DEPTH {
            return Err(self.syntax("nested too deeply"));
        }
        self.depth += 1;
        let value = inner(self);
        self.depth -= 1;
        value
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, PolicyError> {
        if self.source.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.syntax("a value was expected"))
        }
    }

    fn object(&mut self) -> Result<Value<'a>, PolicyError> {
        self.at += 1;
        let mut members = Vec::new();
        let mut names = BTreeSet::new();
        self.space();
        if self.eat(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.syntax("a name in quotation marks was expected"));
            }
            let name = self.text()?;
            let end = self.at;
            if !names.insert(name.clone()) {
                return Err(malformed(self.source, start, &self.path, Reason::Duplicate(name.into_owned())));
            }
            self.space();
            if !self.eat(b':') {
                return Err(self.syntax("a colon was expected"));
            }
            self.space();
            let outer = self.path.len();
            let _ = write!(self.path, ".{name}");
            let value = self.value()?;
            self.path.truncate(outer);
            members.push(Member { start, end, name, value });
            self.space();
            if self.eat(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.eat(b',') {
                return Err(self.syntax("a comma or a closing brace was expected"));
            }
        }
    }

    fn list(&mut self) -> Result<Value<'a>, PolicyError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return Ok(Value::List(items));
        }
        loop {
            self.space();
            let outer = self.path.len();
            let _ = write!(self.path, "[{}]", items.len());
            let item = self.value()?;
            self.path.truncate(outer);
            items.push(item);
            self.space();
            if self.eat(b']') {
                return Ok(Value::List(items));
            }
            if !self.eat(b',') {
                return Err(self.syntax("a comma or a closing bracket was expected"));
            }
        }
    }

    fn digits(&mut self) -> Result<(), PolicyError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.syntax("a digit was expected")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<&'a str, PolicyError> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            self.digits()?;
        }
        Ok(self.source.get(start..self.at).unwrap_or_default())
    }

    fn text(&mut self) -> Result<Cow<'a, str>, PolicyError> {
        self.at += 1;
        let mut owned = String::new();
        let mut plain = self.at;
        loop {
            match self.peek() {
                None => return Err(self.syntax("a text is not closed")),
                Some(b'"') => {
                    let run = self.source.get(plain..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(if owned.is_empty() {
                        Cow::Borrowed(run)
                    } else {
                        owned.push_str(run);
                        Cow::Owned(owned)
                    });
                }
                Some(b'\\') => {
                    owned.push_str(self.source.get(plain..self.at).unwrap_or_default());
                    self.at += 1;
                    owned.push(self.escape()?);
                    plain = self.at;
                }
                Some(0..=0x1f) => return Err(self.syntax("a control character in a text")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, PolicyError> {
        let byte = self.peek().ok_or_else(|| self.syntax("a text is not closed"))?;
        let plain = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.syntax("an escape that JSON does not have")),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, PolicyError> {
        let first = self.hex4()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !(self.eat(b'\\') && self.eat(b'u')) {
                    return Err(self.syntax("half of a surrogate pair"));
                }
                let second = self.hex4()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.syntax("half of a surrogate pair"));
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| self.syntax("half of a surrogate pair"))
    }

    fn hex4(&mut self) -> Result<u32, PolicyError> {
        let digits =
            self.source.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.syntax("four hexadecimal digits were expected"))?;
        self.at += 4;
        Ok(code)
    }
}

/// Writes a text as JSON.
pub(crate) fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}
