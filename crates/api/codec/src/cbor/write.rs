//! Values as CBOR, straight into one buffer.

use minicbor::data::Tag;
use minicbor::encode::Encoder;
use strongroom_shape::{Kind, Member, ShapeWriter, Structure};
use strongroom_types::Timestamp;

/// Appends a document to a buffer. Structures are maps of indefinite length, since a walk does not say beforehand how
/// many members are set.
pub(crate) struct CborWriter<'o> {
    out: Encoder<&'o mut Vec<u8>>,
    /// The current container is a structure: values need names.
    named: bool,
}

impl<'o> CborWriter<'o> {
    /// A writer of one document.
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out: Encoder::new(out), named: false }
    }

    /// Writes a structure with what `inside` shows.
    pub(crate) fn object(&mut self, inside: &mut dyn FnMut(&mut Self)) {
        let outer = std::mem::replace(&mut self.named, true);
        // Writing into memory cannot fail.
        let _ = self.out.begin_map();
        inside(self);
        let _ = self.out.end();
        self.named = outer;
    }

    /// Writes a member that no schema has.
    pub(crate) fn extra(&mut self, name: &str, value: &str) {
        let _ = self.out.str(name).and_then(|out| out.str(value));
    }

    fn begin(&mut self, member: &'static Member) -> &mut Encoder<&'o mut Vec<u8>> {
        if self.named {
            let _ = self.out.str(member.wire_name);
        }
        &mut self.out
    }
}

impl ShapeWriter for CborWriter<'_> {
    fn string(&mut self, member: &'static Member, value: &str) {
        let _ = self.begin(member).str(value);
    }
    fn boolean(&mut self, member: &'static Member, value: bool) {
        let _ = self.begin(member).bool(value);
    }
    fn integer(&mut self, member: &'static Member, value: i64) {
        let _ = self.begin(member).i64(value);
    }
    fn float(&mut self, member: &'static Member, value: f64) {
        let out = self.begin(member);
        #[expect(clippy::cast_possible_truncation, reason = "a float member holds nothing wider")]
        let _ = if matches!(member.kind, Kind::Float) { out.f32(value as f32) } else { out.f64(value) };
    }
    fn blob(&mut self, member: &'static Member, value: &[u8]) {
        let _ = self.begin(member).bytes(value);
    }
    fn timestamp(&mut self, member: &'static Member, value: Timestamp) {
        let out = self.begin(member);
        let _ = out.tag(Tag::new(1));
        #[expect(clippy::cast_precision_loss, reason = "milliseconds up to the year 9999 are below 2^53")]
        let _ = match value.as_millis() % 1000 {
            0 => out.i64(value.as_secs()),
            _ => out.f64(value.as_millis() as f64 / 1000.0),
        };
    }
    fn document(&mut self, member: &'static Member, json: &str) {
        // The protocol has no documents; as text it is at least not lost.
        self.string(member, json);
    }
    fn structure(&mut self, member: &'static Member, value: &dyn Structure) {
        self.begin(member);
        self.object(&mut |inner| value.write(inner));
    }
    fn list(
        &mut self,
        member: &'static Member,
        length: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeWriter),
    ) {
        let _ = self.begin(member).array(length as u64);
        let outer = std::mem::replace(&mut self.named, false);
        elements(self);
        self.named = outer;
    }
    fn map(&mut self, member: &'static Member, length: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        let _ = self.begin(member).map(length as u64);
        let outer = std::mem::replace(&mut self.named, false);
        entries(self);
        self.named = outer;
    }
    fn key(&mut self, key: &str) {
        let _ = self.out.str(key);
    }
    fn null(&mut self, member: &'static Member) {
        let _ = self.begin(member).null();
    }
}
