//! Values as a form.

use strongroom_shape::{Kind, Member, ShapeWriter, Structure, TimestampFormat};
use strongroom_types::Timestamp;

use super::Dialect;
use crate::scalar::{self, or_default};

/// Collects the parameters of a form.
pub(crate) struct QueryWriter {
    pub(crate) pairs: Vec<(String, String)>,
    dialect: Dialect,
    prefix: String,
    within: Within,
}

/// What the next value's name comes from.
#[derive(Clone, Copy)]
enum Within {
    Structure,
    /// A list that has shown this many elements.
    List(usize),
    /// A map that has shown this many keys; names of keys and values.
    Map(usize, &'static str, &'static str),
}

impl QueryWriter {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { pairs: Vec::new(), dialect, prefix: String::new(), within: Within::Structure }
    }

    fn name(&mut self, member: &'static Member) -> String {
        let last = match &mut self.within {
            Within::Structure => self.dialect.name(member),
            Within::List(count) => {
                *count += 1;
                count.to_string()
            }
            Within::Map(count, _, value) => format!("{count}.{value}"),
        };
        if self.prefix.is_empty() { last } else { format!("{}.{last}", self.prefix) }
    }

    fn scalar(&mut self, member: &'static Member, text: String) {
        let name = self.name(member);
        self.pairs.push((name, text));
    }

    fn inside(&mut self, prefix: String, within: Within, show: impl FnOnce(&mut Self)) {
        let outer =
            (std::mem::replace(&mut self.prefix, prefix), std::mem::replace(&mut self.within, within));
        show(self);
        (self.prefix, self.within) = outer;
    }
}

impl ShapeWriter for QueryWriter {
    fn string(&mut self, member: &'static Member, value: &str) {
        self.scalar(member, value.to_owned());
    }
    fn boolean(&mut self, member: &'static Member, value: bool) {
        self.scalar(member, value.to_string());
    }
    fn integer(&mut self, member: &'static Member, value: i64) {
        self.scalar(member, value.to_string());
    }
    fn float(&mut self, member: &'static Member, value: f64) {
        self.scalar(member, scalar::float_text(member, value));
    }
    fn blob(&mut self, member: &'static Member, value: &[u8]) {
        self.scalar(member, scalar::encode_blob(value));
    }
    fn timestamp(&mut self, member: &'static Member, value: Timestamp) {
        self.scalar(member, scalar::timestamp_text(member, TimestampFormat::Iso8601, false, value));
    }
    fn document(&mut self, member: &'static Member, json: &str) {
        self.scalar(member, json.to_owned());
    }
    fn structure(&mut self, member: &'static Member, value: &dyn Structure) {
        let prefix = self.name(member);
        self.inside(prefix, Within::Structure, |inner| value.write(inner));
    }
    fn list(
        &mut self,
        member: &'static Member,
        length: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeWriter),
    ) {
        let Kind::List(list) = member.kind else { return };
        let mut prefix = self.name(member);
        if length == 0 {
            // ec2Query has no empty lists.
            if self.dialect == Dialect::Aws {
                self.pairs.push((prefix, String::new()));
            }
            return;
        }
        if !self.dialect.flat(member) {
            prefix.push('.');
            prefix.push_str(or_default(list.element.wire_name, "member"));
        }
        self.inside(prefix, Within::List(0), |inner| elements(inner));
    }
    fn map(&mut self, member: &'static Member, _: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        let Kind::Map(map) = member.kind else { return };
        let mut prefix = self.name(member);
        if !self.dialect.flat(member) {
            prefix.push_str(".entry");
        }
        let within =
            Within::Map(0, or_default(map.key.wire_name, "key"), or_default(map.value.wire_name, "value"));
        self.inside(prefix, within, |inner| entries(inner));
    }
    fn key(&mut self, key: &str) {
        if let Within::Map(count, name, _) = &mut self.within {
            *count += 1;
            self.pairs.push((format!("{}.{count}.{name}", self.prefix), key.to_owned()));
        }
    }
    fn null(&mut self, member: &'static Member) {
        let _ = self.name(member);
    }
}
