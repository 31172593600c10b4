//! Values out of CBOR.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of CBOR's types a member takes one or two, the rest is refused"
)]

use std::collections::HashSet;

use minicbor::data::{Tag, Type};
use minicbor::decode::Decoder;
use strongroom_shape::{Kind, Member, ReadError, ReadErrorKind, ShapeReader, Structure};
use strongroom_types::Timestamp;

use crate::limits;
use crate::required::filled;
use crate::scalar::{self, Seen, wrong};

/// The walk over a document.
struct Walk<'a> {
    decoder: Decoder<'a>,
    values: usize,
}

impl<'a> Walk<'a> {
    fn new(document: &'a [u8]) -> Self {
        Self { decoder: Decoder::new(document), values: 0 }
    }

    fn kind(&mut self) -> Result<Type, ReadError> {
        self.decoder.datatype().map_err(syntax)
    }

    /// Whether another element follows in a container with `left` elements to come, or of unknown length.
    fn more(&mut self, left: &mut Option<u64>) -> Result<bool, ReadError> {
        self.values += 1;
        if self.values > limits::MAX_TREE_VALUES {
            return Err(ReadError::syntax(format!("more than {} values", limits::MAX_TREE_VALUES)));
        }
        match left {
            Some(0) => Ok(false),
            Some(count) => {
                *count -= 1;
                Ok(true)
            }
            None if self.kind()? == Type::Break => {
                self.decoder.set_position(self.decoder.position() + 1);
                Ok(false)
            }
            None => Ok(true),
        }
    }

    fn text(&mut self) -> Result<String, ReadError> {
        if self.kind()? == Type::StringIndef {
            let mut text = String::new();
            for piece in self.decoder.str_iter().map_err(syntax)? {
                text.push_str(piece.map_err(syntax)?);
            }
            return Ok(text);
        }
        self.decoder.str().map(str::to_owned).map_err(syntax)
    }

    /// A number of 16 bits (RFC 8949, appendix D).
    fn half(&mut self) -> Result<f64, ReadError> {
        let at = self.decoder.position();
        let Some([_, high, low]) = self.decoder.input().get(at..at.saturating_add(3)) else {
            return Err(ReadError::syntax("the document ends too early"));
        };
        self.decoder.set_position(at + 3);
        let bits = u16::from_be_bytes([*high, *low]);
        let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
        let value = match exponent {
            0 => mantissa * 2_f64.powi(-24),
            31 if mantissa == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            _ => (mantissa + 1024.0) * 2_f64.powi(exponent - 25),
        };
        Ok(if bits >> 15 == 0 { value } else { -value })
    }

    fn is_null(&mut self) -> Result<bool, ReadError> {
        Ok(matches!(self.kind()?, Type::Null | Type::Undefined))
    }

    fn skip(&mut self) -> Result<(), ReadError> {
        self.decoder.skip().map_err(syntax)
    }

    fn finish(&self) -> Result<(), ReadError> {
        if self.decoder.position() == self.decoder.input().len() {
            Ok(())
        } else {
            Err(ReadError::syntax("bytes after the document"))
        }
    }

    /// Fills `target` from a map: unknown names and nulls are skipped.
    fn fill(&mut self, depth: usize, target: &mut dyn Structure) -> Result<(), ReadError> {
        if !matches!(self.kind()?, Type::Map | Type::MapIndef) {
            return Err(ReadError { member: "", kind: ReadErrorKind::WrongType("map".into()) });
        }
        let members = target.schema().members;
        let mut seen = Seen::default();
        let mut left = self.decoder.map().map_err(syntax)?;
        while self.more(&mut left)? {
            let name = self.text()?;
            let found = members.iter().enumerate().find(|(_, member)| member.wire_name == name);
            let Some((index, member)) = found else {
                self.skip()?;
                continue;
            };
            if seen.again(index) {
                return Err(wrong(member, "single value: it is given twice"));
            }
            if self.is_null()? {
                self.skip()?;
                continue;
            }
            let mut at = ValueReader { walk: self, depth, used: false };
            target.read(index, &mut at)?;
            if !at.used {
                self.skip()?;
            }
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn syntax(error: minicbor::decode::Error) -> ReadError {
    ReadError::syntax(error.to_string())
}

/// Stands at a value.
struct ValueReader<'w, 'a> {
    walk: &'w mut Walk<'a>,
    depth: usize,
    used: bool,
}

impl ValueReader<'_, '_> {
    /// The type of the value, which is used up by reading it.
    fn take(&mut self, member: &'static Member) -> Result<Type, ReadError> {
        if std::mem::replace(&mut self.used, true) {
            return Err(wrong(member, "single value"));
        }
        self.walk.kind()
    }

    fn deeper(&self) -> Result<usize, ReadError> {
        if self.depth >= limits::MAX_TREE_DEPTH {
            return Err(ReadError::syntax(format!("deeper than {} values", limits::MAX_TREE_DEPTH)));
        }
        Ok(self.depth + 1)
    }

    #[expect(clippy::cast_precision_loss, reason = "a float was asked for")]
    fn number(&mut self, member: &'static Member, kind: Type) -> Result<f64, ReadError> {
        match kind {
            Type::F16 => self.walk.half(),
            Type::F32 => self.walk.decoder.f32().map(f64::from).map_err(syntax),
            Type::F64 => self.walk.decoder.f64().map_err(syntax),
            _ => self.whole(member, kind).map(|value| value as f64),
        }
    }

    fn whole(&mut self, member: &'static Member, kind: Type) -> Result<i64, ReadError> {
        match kind {
            Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int => {
                let value = self.walk.decoder.int().map_err(syntax)?;
                i64::try_from(i128::from(value)).map_err(|_| ReadError::at(member, ReadErrorKind::OutOfRange))
            }
            _ => Err(wrong(member, "number")),
        }
    }
}

impl ShapeReader for ValueReader<'_, '_> {
    fn string(&mut self, member: &'static Member) -> Result<String, ReadError> {
        match self.take(member)? {
            Type::String | Type::StringIndef => self.walk.text(),
            _ => Err(wrong(member, "string")),
        }
    }
    fn boolean(&mut self, member: &'static Member) -> Result<bool, ReadError> {
        match self.take(member)? {
            Type::Bool => self.walk.decoder.bool().map_err(syntax),
            _ => Err(wrong(member, "boolean")),
        }
    }
    fn integer(&mut self, member: &'static Member) -> Result<i64, ReadError> {
        let kind = self.take(member)?;
        self.whole(member, kind)
    }
    fn float(&mut self, member: &'static Member) -> Result<f64, ReadError> {
        let kind = self.take(member)?;
        self.number(member, kind)
    }
    fn blob(&mut self, member: &'static Member) -> Result<Vec<u8>, ReadError> {
        match self.take(member)? {
            Type::Bytes => self.walk.decoder.bytes().map(<[u8]>::to_vec).map_err(syntax),
            Type::BytesIndef => {
                let mut bytes = Vec::new();
                for piece in self.walk.decoder.bytes_iter().map_err(syntax)? {
                    bytes.extend_from_slice(piece.map_err(syntax)?);
                }
                Ok(bytes)
            }
            _ => Err(wrong(member, "byte string")),
        }
    }
    fn timestamp(&mut self, member: &'static Member) -> Result<Timestamp, ReadError> {
        let mut kind = self.take(member)?;
        if kind == Type::Tag {
            // Tag 1: seconds since 1970 (RFC 8949, section 3.4.2), the only form of the protocol.
            if self.walk.decoder.tag().map_err(syntax)? != Tag::new(1) {
                return Err(wrong(member, "timestamp"));
            }
            kind = self.walk.kind()?;
        }
        let seconds = self.number(member, kind).map_err(|_| wrong(member, "timestamp"))?;
        scalar::timestamp_from_seconds(member, seconds)
    }
    fn document(&mut self, member: &'static Member) -> Result<String, ReadError> {
        Err(wrong(member, "value: the protocol has no documents"))
    }
    fn structure(&mut self, member: &'static Member, target: &mut dyn Structure) -> Result<(), ReadError> {
        self.take(member)?;
        let depth = self.deeper()?;
        filled(target, |target| self.walk.fill(depth, target)).map_err(|error| match error {
            ReadError { member: "", kind } => ReadError::at(member, kind),
            other => other,
        })
    }
    fn list(
        &mut self,
        member: &'static Member,
        push: &mut dyn FnMut(&mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        if !matches!(self.take(member)?, Type::Array | Type::ArrayIndef) {
            return Err(wrong(member, "list"));
        }
        let depth = self.deeper()?;
        let sparse = matches!(member.kind, Kind::List(list) if list.sparse);
        let mut left = self.walk.decoder.array().map_err(syntax)?;
        while self.walk.more(&mut left)? {
            let mut used = false;
            if sparse || !self.walk.is_null()? {
                let mut at = ValueReader { walk: self.walk, depth, used: false };
                push(&mut at)?;
                used = at.used;
            }
            if !used {
                self.walk.skip()?;
            }
        }
        Ok(())
    }
    fn map(
        &mut self,
        member: &'static Member,
        put: &mut dyn FnMut(String, &mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        if !matches!(self.take(member)?, Type::Map | Type::MapIndef) {
            return Err(wrong(member, "map"));
        }
        let depth = self.deeper()?;
        let sparse = matches!(member.kind, Kind::Map(map) if map.sparse);
        let mut keys = HashSet::new();
        let mut left = self.walk.decoder.map().map_err(syntax)?;
        while self.walk.more(&mut left)? {
            let key = self.walk.text()?;
            if !keys.insert(key.clone()) {
                return Err(wrong(member, "map: a key comes twice"));
            }
            let mut used = false;
            if sparse || !self.walk.is_null()? {
                let mut at = ValueReader { walk: self.walk, depth, used: false };
                put(key, &mut at)?;
                used = at.used;
            }
            if !used {
                self.walk.skip()?;
            }
        }
        Ok(())
    }
    fn is_null(&self) -> bool {
        matches!(self.walk.decoder.datatype(), Ok(Type::Null | Type::Undefined))
    }
}

/// Reads a document that holds all members of `target`. An empty body is an empty map.
pub(crate) fn read_structure(document: &[u8], target: &mut dyn Structure) -> Result<(), ReadError> {
    if document.is_empty() {
        return Ok(());
    }
    let mut walk = Walk::new(document);
    walk.fill(0, target)?;
    walk.finish()
}

/// Type and message of an error's document.
pub(crate) fn error_members(document: &[u8]) -> Result<(Option<String>, Option<String>), ReadError> {
    let mut walk = Walk::new(document);
    let (mut kind, mut message) = (None, None);
    if !matches!(walk.kind()?, Type::Map | Type::MapIndef) {
        return Err(ReadError::syntax("the error is not a map"));
    }
    let mut left = walk.decoder.map().map_err(syntax)?;
    while walk.more(&mut left)? {
        let name = walk.text()?;
        if walk.is_null()? {
            walk.skip()?;
        } else if name == "__type" {
            kind = Some(walk.text()?);
        } else if name.eq_ignore_ascii_case("message") {
            message = Some(walk.text()?);
        } else {
            walk.skip()?;
        }
    }
    walk.finish()?;
    Ok((kind, message))
}

/// Entry for fuzzing: reads arbitrary bytes as a document with recursive members of all kinds.
#[doc(hidden)]
pub fn fuzz_cbor(data: &[u8]) {
    let _ = read_structure(data, &mut crate::sink::Sink);
    let _ = error_members(data);
}
