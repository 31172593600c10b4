//! Configurations as they are stored: any structure of the API, member by member, so that a GET gives back what was PUT.
//!
//! A document is a format byte and one CBOR item. A structure is a map from the names of its members (the model's) to
//! their values, a list is an array, a map is a map from text, times are milliseconds since 1970. Members that this
//! version does not know are skipped; a value of an enum that it does not know fails the reading.

use std::convert::Infallible;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use strongroom_shape::{Member, ReadError, ShapeReader, ShapeWriter, Structure};
use strongroom_types::Timestamp;

use crate::row::RowError;

/// The format written today.
const FORMAT: u8 = 1;

/// The bytes to store of a structure.
pub fn encode(value: &dyn Structure) -> Vec<u8> {
    let mut writer = Writer { out: Encoder::new(vec![FORMAT]), within: Within::Structure, failed: false };
    writer.open(value);
    // INVARIANT: writing to a vector does not fail. Were it to, the row would not read, rather than read wrongly.
    if writer.failed { Vec::new() } else { writer.out.into_writer() }
}

/// Reads stored bytes.
///
/// # Errors
/// [`RowError`] for another format, or bytes that are no such structure.
pub fn decode<T: Structure + Default>(bytes: &[u8]) -> Result<T, RowError> {
    let Some((&FORMAT, rest)) = bytes.split_first() else { return Err(RowError) };
    let mut reader = Reader { from: Decoder::new(rest) };
    let mut value = T::default();
    reader.fill(&mut value).map_err(|_| RowError)?;
    if reader.from.position() == rest.len() { Ok(value) } else { Err(RowError) }
}

/// Fuzz entry: stored bytes of any kind are read or refused, and what was read is written and read again alike.
#[doc(hidden)]
pub fn fuzz_document(data: &[u8]) {
    if let Ok(value) = decode::<strongroom_api_s3::WebsiteConfiguration>(data) {
        let bytes = encode(&value);
        let again = decode::<strongroom_api_s3::WebsiteConfiguration>(&bytes);
        assert_eq!(again.map(|again| encode(&again)), Ok(bytes));
    }
    let _ = decode::<strongroom_api_s3::CorsConfiguration>(data);
}

/// What the member that is written next lies in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Structure,
    ListOrMap,
}

struct Writer {
    out: Encoder<Vec<u8>>,
    within: Within,
    failed: bool,
}

impl Writer {
    fn item<T>(
        &mut self,
        member: &'static Member,
        write: impl FnOnce(&mut Encoder<Vec<u8>>) -> Result<T, minicbor::encode::Error<Infallible>>,
    ) {
        if self.within == Within::Structure {
            self.failed |= self.out.str(member.name).is_err();
        }
        self.failed |= write(&mut self.out).is_err();
    }

    fn open(&mut self, value: &dyn Structure) {
        let outer = std::mem::replace(&mut self.within, Within::Structure);
        self.failed |= self.out.begin_map().is_err();
        value.write(self);
        self.failed |= self.out.end().is_err();
        self.within = outer;
    }

    fn each(&mut self, elements: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        let outer = std::mem::replace(&mut self.within, Within::ListOrMap);
        elements(self);
        self.within = outer;
    }
}

impl ShapeWriter for Writer {
    fn string(&mut self, member: &'static Member, value: &str) {
        self.item(member, |out| out.str(value).map(|_| ()));
    }
    fn boolean(&mut self, member: &'static Member, value: bool) {
        self.item(member, |out| out.bool(value).map(|_| ()));
    }
    fn integer(&mut self, member: &'static Member, value: i64) {
        self.item(member, |out| out.i64(value).map(|_| ()));
    }
    fn float(&mut self, member: &'static Member, value: f64) {
        self.item(member, |out| out.f64(value).map(|_| ()));
    }
    fn blob(&mut self, member: &'static Member, value: &[u8]) {
        self.item(member, |out| out.bytes(value).map(|_| ()));
    }
    fn timestamp(&mut self, member: &'static Member, value: Timestamp) {
        self.item(member, |out| out.i64(value.as_millis()).map(|_| ()));
    }
    fn document(&mut self, member: &'static Member, json: &str) {
        self.string(member, json);
    }
    fn structure(&mut self, member: &'static Member, value: &dyn Structure) {
        self.item(member, |_| Ok(()));
        self.open(value);
    }
    fn list(
        &mut self,
        member: &'static Member,
        length: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeWriter),
    ) {
        self.item(member, |out| out.array(length as u64).map(|_| ()));
        self.each(elements);
    }
    fn map(&mut self, member: &'static Member, length: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        self.item(member, |out| out.map(length as u64).map(|_| ()));
        self.each(entries);
    }
    fn key(&mut self, key: &str) {
        self.failed |= self.out.str(key).is_err();
    }
    fn null(&mut self, member: &'static Member) {
        self.item(member, |out| out.null().map(|_| ()));
    }
}

struct Reader<'b> {
    from: Decoder<'b>,
}

impl Reader<'_> {
    fn fill(&mut self, target: &mut dyn Structure) -> Result<(), ReadError> {
        let members = target.schema().members;
        let mut left = self.from.map().map_err(damaged)?;
        while self.more(&mut left)? {
            let name = self.from.str().map_err(damaged)?;
            match members.iter().position(|member| member.name == name) {
                Some(index) => target.read(index, self)?,
                None => self.from.skip().map_err(damaged)?,
            }
        }
        Ok(())
    }

    /// Whether another element follows; takes the end of those whose length is not stated.
    fn more(&mut self, left: &mut Option<u64>) -> Result<bool, ReadError> {
        match left {
            Some(0) => Ok(false),
            Some(count) => {
                *count -= 1;
                Ok(true)
            }
            None if self.from.datatype().map_err(damaged)? == Type::Break => {
                self.from.skip().map_err(damaged)?;
                Ok(false)
            }
            None => Ok(true),
        }
    }
}

impl ShapeReader for Reader<'_> {
    fn string(&mut self, _: &'static Member) -> Result<String, ReadError> {
        self.from.str().map(str::to_owned).map_err(damaged)
    }
    fn boolean(&mut self, _: &'static Member) -> Result<bool, ReadError> {
        self.from.bool().map_err(damaged)
    }
    fn integer(&mut self, _: &'static Member) -> Result<i64, ReadError> {
        self.from.i64().map_err(damaged)
    }
    fn float(&mut self, _: &'static Member) -> Result<f64, ReadError> {
        self.from.f64().map_err(damaged)
    }
    fn blob(&mut self, _: &'static Member) -> Result<Vec<u8>, ReadError> {
        self.from.bytes().map(<[u8]>::to_vec).map_err(damaged)
    }
    fn timestamp(&mut self, _: &'static Member) -> Result<Timestamp, ReadError> {
        self.from.i64().map(Timestamp::from_millis).map_err(damaged)
    }
    fn document(&mut self, member: &'static Member) -> Result<String, ReadError> {
        self.string(member)
    }
    fn structure(&mut self, _: &'static Member, target: &mut dyn Structure) -> Result<(), ReadError> {
        self.fill(target)
    }
    fn list(
        &mut self,
        _: &'static Member,
        push: &mut dyn FnMut(&mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut left = self.from.array().map_err(damaged)?;
        while self.more(&mut left)? {
            push(self)?;
        }
        Ok(())
    }
    fn map(
        &mut self,
        _: &'static Member,
        put: &mut dyn FnMut(String, &mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut left = self.from.map().map_err(damaged)?;
        while self.more(&mut left)? {
            let key = self.from.str().map_err(damaged)?.to_owned();
            put(key, self)?;
        }
        Ok(())
    }
    fn is_null(&self) -> bool {
        matches!(self.from.datatype(), Ok(Type::Null))
    }
}

fn damaged<E>(_: E) -> ReadError {
    ReadError::syntax("a stored document is damaged")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strongroom_api_s3::{CorsConfiguration, CorsRule, Tag, Tagging};

    use super::*;

    proptest! {
        #[test]
        fn what_was_put_is_what_is_got(
            ids in proptest::collection::vec(
                (proptest::option::of(".{0,9}"), proptest::collection::vec(".{0,9}", 0..4), proptest::option::of(any::<i32>())),
                0..5,
            ),
        ) {
            let cors_rules = ids
                .into_iter()
                .map(|(id, origins, max_age_seconds)| CorsRule {
                    id,
                    allowed_headers: origins.clone(),
                    allowed_methods: vec!["GET".into()],
                    allowed_origins: origins,
                    expose_headers: Vec::new(),
                    max_age_seconds,
                })
                .collect::<Vec<_>>();
            let bytes = encode(&CorsConfiguration { cors_rules: cors_rules.clone() });
            let read = decode::<CorsConfiguration>(&bytes).unwrap();
            prop_assert_eq!(read.cors_rules.len(), cors_rules.len());
            for (read, written) in read.cors_rules.iter().zip(&cors_rules) {
                prop_assert_eq!(&read.id, &written.id);
                prop_assert_eq!(&read.allowed_origins, &written.allowed_origins);
                prop_assert_eq!(&read.allowed_headers, &written.allowed_headers);
                prop_assert_eq!(&read.max_age_seconds, &written.max_age_seconds);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            fuzz_document(&data);
            fuzz_document(&[&[FORMAT], data.as_slice()].concat());
        }
    }

    #[test]
    fn bytes_behind_a_document_another_format_and_cut_bytes_are_refused() {
        let tags = Tagging { tag_set: vec![Tag { key: "k".into(), value: "v".into() }] };
        let bytes = encode(&tags);
        assert_eq!(decode::<Tagging>(&bytes).unwrap().tag_set[0].value, "v");
        for cut in 0..bytes.len() {
            assert!(decode::<Tagging>(&bytes[..cut]).is_err(), "{cut}");
        }
        assert!(decode::<Tagging>(&[bytes.as_slice(), &[0]].concat()).is_err());
        assert!(decode::<Tagging>(&[&[2], &bytes[1..]].concat()).is_err());
    }
}
