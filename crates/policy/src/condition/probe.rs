//! What a search for a request needs to know of a condition: of which family its values are, and values around which its
//! answer changes.

use std::net::{IpAddr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::date::Date;
use super::ip::Range;
use super::number::Number;
use super::{Condition, Test};
use crate::context::Context;
use crate::pattern::{ArnMatcher, Matcher};
use crate::variable::Template;

/// Values that are compared in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Text,
    Bool,
    Number,
    Date,
    Binary,
    Address,
    /// The value does not matter, only whether there is one.
    Presence,
}

/// The texts that a condition compares with.
pub(crate) enum Texts<'a> {
    Exact(&'a [Template]),
    IgnoreCase(&'a [Template]),
    Like(&'a [Matcher]),
    Arn(&'a [ArnMatcher]),
}

impl Condition {
    pub(crate) fn family(&self) -> Family {
        match self.test {
            Test::Exact(_) | Test::IgnoreCase(_) | Test::Like(_) | Test::Arn(_) => Family::Text,
            Test::Bool(_) => Family::Bool,
            Test::Number(..) => Family::Number,
            Test::Date(..) => Family::Date,
            Test::Binary(_) => Family::Binary,
            Test::Address(_) => Family::Address,
            Test::Absent(_) => Family::Presence,
        }
    }

    /// The texts of a condition of the family [`Family::Text`].
    pub(crate) fn texts(&self) -> Option<Texts<'_>> {
        match &self.test {
            Test::Exact(templates) => Some(Texts::Exact(templates)),
            Test::IgnoreCase(templates) => Some(Texts::IgnoreCase(templates)),
            Test::Like(matchers) => Some(Texts::Like(matchers)),
            Test::Arn(matchers) => Some(Texts::Arn(matchers)),
            Test::Bool(_)
            | Test::Number(..)
            | Test::Date(..)
            | Test::Binary(_)
            | Test::Address(_)
            | Test::Absent(_) => None,
        }
    }

    /// The ranges of a condition over addresses.
    pub(crate) fn ranges(&self) -> &[Range] {
        match &self.test {
            Test::Address(ranges) => ranges,
            Test::Exact(_)
            | Test::IgnoreCase(_)
            | Test::Like(_)
            | Test::Arn(_)
            | Test::Bool(_)
            | Test::Number(..)
            | Test::Date(..)
            | Test::Binary(_)
            | Test::Absent(_) => &[],
        }
    }

    /// Whether one value fits, negation included: what set operators ask of each value.
    pub(crate) fn holds_for(&self, found: &str, context: &dyn Context, denies: bool) -> bool {
        self.one(found, context, denies)
    }

    /// Values of which one lies in each part that the condition's own values cut their family into.
    pub(crate) fn boundaries(&self) -> Vec<String> {
        match &self.test {
            Test::Exact(_) | Test::IgnoreCase(_) | Test::Like(_) | Test::Arn(_) => Vec::new(),
            Test::Bool(_) => vec!["true".to_owned(), "false".to_owned()],
            Test::Number(_, wanted) => wanted.iter().flat_map(|number| number.around()).collect(),
            Test::Date(_, wanted) => wanted.iter().flat_map(|date| date.around()).collect(),
            Test::Binary(wanted) => {
                let longest = wanted.iter().map(Vec::len).max().unwrap_or_default();
                let other = vec![0_u8; longest + 1];
                wanted.iter().chain([&other]).map(|bytes| STANDARD.encode(bytes)).collect()
            }
            Test::Address(ranges) => {
                let edges =
                    ranges.iter().flat_map(|range| [Some(range.first()), range.last().checked_add(1)]);
                edges.flatten().map(written).collect()
            }
            Test::Absent(_) => vec!["x".to_owned()],
        }
    }
}

/// An address as it is written.
pub(crate) fn written(bits: u128) -> String {
    let address = Ipv6Addr::from(bits);
    address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4).to_string()
}

impl Number {
    /// The number, whole steps beside it, and the nearest others.
    fn around(self) -> Vec<String> {
        let steps = [0, Self::ONE, -Self::ONE, 1, -1];
        steps.into_iter().filter_map(|step| self.plus(step)).map(|number| number.to_string()).collect()
    }
}

impl Date {
    /// The time, the seconds beside it, and the nearest others.
    fn around(self) -> Vec<String> {
        let steps = [0, 1000, -1000, 1, -1];
        steps.into_iter().filter_map(|millis| self.plus(millis)?.written()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_written_as_they_are_read() {
        for text in ["0", "10", "-1.5", "0.000000000000000001", "123456789.25"] {
            assert_eq!(Number::parse(text).unwrap().to_string(), text);
        }
        for text in ["2026-11-24T16:32:38Z", "1969-12-31T23:59:59.999Z", "2000-02-29T00:00:00Z", "0001-01-01"]
        {
            let date = Date::parse(text).unwrap();
            assert_eq!(Date::parse(&date.written().unwrap()), Some(date), "{text}");
        }
    }

    #[test]
    fn addresses_are_written_in_their_family() {
        assert_eq!(written(super::super::ip::address("10.1.2.3").unwrap()), "10.1.2.3");
        assert_eq!(written(super::super::ip::address("2001:db8::1").unwrap()), "2001:db8::1");
    }
}
