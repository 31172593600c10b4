//! `Debug` for generated structures, without what is sensitive.

use std::fmt::{self, Write as _};

use strongroom_types::Timestamp;

use crate::{Member, ShapeWriter, Structure};

/// Writes `value` as `Name { Member: value, … }`; sensitive members and all blobs show their length only.
///
/// # Errors
/// Those of the formatter.
pub fn fmt_redacted(value: &dyn Structure, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut writer = DebugWriter { out: String::new(), first: true };
    writer.out.push_str(value.schema().name);
    writer.braces(|inner| value.write(inner));
    f.write_str(&writer.out)
}

struct DebugWriter {
    out: String,
    first: bool,
}

impl DebugWriter {
    fn braces(&mut self, inside: impl FnOnce(&mut Self)) {
        self.out.push_str(" {");
        let outer = std::mem::replace(&mut self.first, true);
        inside(self);
        self.first = outer;
        self.out.push('}');
    }

    fn value(&mut self, member: &'static Member, text: &str) {
        self.name(member);
        self.out.push_str(if member.flags.sensitive { "(redacted)" } else { text });
    }

    fn name(&mut self, member: &'static Member) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(',');
        }
        self.out.push(' ');
        self.out.push_str(member.name);
        self.out.push_str(": ");
    }
}

impl ShapeWriter for DebugWriter {
    fn string(&mut self, member: &'static Member, value: &str) {
        self.value(member, &format!("{value:?}"));
    }
    fn boolean(&mut self, member: &'static Member, value: bool) {
        self.value(member, &value.to_string());
    }
    fn integer(&mut self, member: &'static Member, value: i64) {
        self.value(member, &value.to_string());
    }
    fn float(&mut self, member: &'static Member, value: f64) {
        self.value(member, &value.to_string());
    }
    fn blob(&mut self, member: &'static Member, value: &[u8]) {
        self.value(member, &format!("({} bytes)", value.len()));
    }
    fn timestamp(&mut self, member: &'static Member, value: Timestamp) {
        self.value(member, &value.to_string());
    }
    fn document(&mut self, member: &'static Member, json: &str) {
        self.value(member, json);
    }
    fn structure(&mut self, member: &'static Member, value: &dyn Structure) {
        if member.flags.sensitive {
            return self.value(member, "");
        }
        self.name(member);
        self.out.push_str(value.schema().name);
        self.braces(|inner| value.write(inner));
    }
    fn list(
        &mut self,
        member: &'static Member,
        length: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeWriter),
    ) {
        if member.flags.sensitive {
            return self.value(member, "");
        }
        self.value(member, &format!("[{length}]"));
        self.braces(|inner| elements(inner));
    }
    fn map(&mut self, member: &'static Member, length: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        self.list(member, length, entries);
    }
    fn key(&mut self, key: &str) {
        let _ = write!(self.out, " {key:?} →");
    }
    fn null(&mut self, member: &'static Member) {
        self.value(member, "null");
    }
}
