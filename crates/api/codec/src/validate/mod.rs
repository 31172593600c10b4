//! What the model demands of a value beyond its types.

mod pattern;

use strongroom_shape::{Kind, Member, ReadError, ReadErrorKind, ShapeWriter, Structure};
use strongroom_types::Timestamp;

use crate::binding::is_stream;

pub use pattern::pattern_is_supported;

/// Checks required members, lengths, ranges, enums, patterns and that unions have one member; the first fault counts.
///
/// A pattern that is not supported (see [`pattern_is_supported`]) holds for every text: the services that have such
/// check the member themselves.
///
/// # Errors
/// [`ReadErrorKind::Missing`], [`ReadErrorKind::Constraint`], [`ReadErrorKind::OutOfRange`] or
/// [`ReadErrorKind::UnknownValue`] at the member.
pub fn validate(input: &dyn Structure) -> Result<(), ReadError> {
    validate_except(input, &[])
}

/// [`validate`], but for the patterns of these members: for models that are stricter than their service.
///
/// # Errors
/// As [`validate`].
pub fn validate_except(input: &dyn Structure, patterns_of: &[&str]) -> Result<(), ReadError> {
    let mut validator =
        Validator { fault: None, required: Vec::new(), count: 0, key: None, free: patterns_of };
    validator.members(input);
    validator.fault.map_or(Ok(()), Err)
}

struct Validator<'a> {
    fault: Option<ReadError>,
    /// Required members that were met in the current structure.
    required: Vec<&'static str>,
    /// How many members were met in the current structure.
    count: usize,
    /// What the keys of the current map must be like.
    key: Option<&'static Member>,
    /// Members whose patterns do not count.
    free: &'a [&'a str],
}

impl Validator<'_> {
    fn members(&mut self, value: &dyn Structure) {
        let outer = (std::mem::take(&mut self.required), std::mem::take(&mut self.count), self.key.take());
        value.write(self);
        let (required, count) = (std::mem::take(&mut self.required), self.count);
        (self.required, self.count, self.key) = outer;
        let schema = value.schema();
        let missing =
            schema.members.iter().find(|m| m.flags.required && !is_stream(m) && !required.contains(&m.name));
        if let Some(member) = missing {
            self.fail(member, ReadErrorKind::Missing);
        }
        if schema.union && count != 1 {
            let demand = "have exactly one of its members".to_owned();
            self.fault
                .get_or_insert(ReadError { member: schema.name, kind: ReadErrorKind::Constraint(demand) });
        }
    }

    fn met(&mut self, member: &'static Member) {
        self.count += 1;
        if member.flags.required {
            self.required.push(member.name);
        }
    }

    fn fail(&mut self, member: &'static Member, kind: ReadErrorKind) {
        self.fault.get_or_insert_with(|| ReadError::at(member, kind));
    }

    fn demand(&mut self, member: &'static Member, demand: String) {
        self.fail(member, ReadErrorKind::Constraint(demand));
    }

    fn range(&mut self, member: &'static Member, value: i64, what: &str) {
        match (member.constraints.min, member.constraints.max) {
            (Some(min), Some(max)) if !(min..=max).contains(&value) => {
                self.demand(member, format!("have {what} between {min} and {max}"));
            }
            (Some(min), _) if value < min => self.demand(member, format!("have {what} of at least {min}")),
            (_, Some(max)) if value > max => self.demand(member, format!("have {what} of at most {max}")),
            _ => {}
        }
    }

    fn length(&mut self, member: &'static Member, length: usize) {
        self.range(member, i64::try_from(length).unwrap_or(i64::MAX), "a length");
    }

    fn text(&mut self, member: &'static Member, value: &str) {
        if let Kind::Enum(known) = member.kind {
            if !known.contains(&value) {
                self.fail(member, ReadErrorKind::UnknownValue(value.to_owned()));
            }
            return;
        }
        if member.constraints.min.is_some() || member.constraints.max.is_some() {
            self.length(member, value.chars().count());
        }
        let pattern = member.constraints.pattern.filter(|_| !self.free.contains(&member.name));
        if let Some(pattern) = pattern.filter(|pattern| !pattern::holds(pattern, value)) {
            self.demand(member, format!("satisfy regular expression pattern: {pattern}"));
        }
    }
}

impl ShapeWriter for Validator<'_> {
    fn string(&mut self, member: &'static Member, value: &str) {
        self.met(member);
        self.text(member, value);
    }
    fn boolean(&mut self, member: &'static Member, _: bool) {
        self.met(member);
    }
    fn integer(&mut self, member: &'static Member, value: i64) {
        self.met(member);
        if matches!(member.kind, Kind::Integer) && i32::try_from(value).is_err() {
            self.fail(member, ReadErrorKind::OutOfRange);
        }
        self.range(member, value, "a value");
    }
    #[expect(clippy::cast_precision_loss, reason = "bounds of the models are small")]
    fn float(&mut self, member: &'static Member, value: f64) {
        self.met(member);
        let below = member.constraints.min.is_some_and(|min| value < min as f64);
        let above = member.constraints.max.is_some_and(|max| value > max as f64);
        if below || above {
            self.fail(member, ReadErrorKind::OutOfRange);
        }
    }
    fn blob(&mut self, member: &'static Member, value: &[u8]) {
        self.met(member);
        self.length(member, value.len());
    }
    fn timestamp(&mut self, member: &'static Member, _: Timestamp) {
        self.met(member);
    }
    fn document(&mut self, member: &'static Member, _: &str) {
        self.met(member);
    }
    fn structure(&mut self, member: &'static Member, value: &dyn Structure) {
        self.met(member);
        self.members(value);
    }
    fn list(
        &mut self,
        member: &'static Member,
        length: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeWriter),
    ) {
        self.met(member);
        self.length(member, length);
        let outer = (std::mem::take(&mut self.required), self.count, self.key.take());
        elements(self);
        (self.required, self.count, self.key) = outer;
    }
    fn map(&mut self, member: &'static Member, length: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        self.met(member);
        self.length(member, length);
        let Kind::Map(map) = member.kind else { return };
        let outer = (std::mem::take(&mut self.required), self.count, self.key.replace(&map.key));
        entries(self);
        (self.required, self.count, self.key) = outer;
    }
    fn key(&mut self, key: &str) {
        if let Some(member) = self.key {
            self.text(member, key);
        }
    }
    fn null(&mut self, _: &'static Member) {}
}
