//! The operators of conditions.

use std::fmt;

/// How several values of the request are taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetOperator {
    /// The key has one value.
    Single,
    /// `ForAllValues:`; true where there is no value.
    ForAllValues,
    /// `ForAnyValue:`; false where there is no value.
    ForAnyValue,
}

/// How two ordered things are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// The same.
    Equals,
    /// The request's value is less than the policy's.
    LessThan,
    /// Less or the same.
    LessThanEquals,
    /// Greater.
    GreaterThan,
    /// Greater or the same.
    GreaterThanEquals,
}

impl Order {
    pub(crate) fn holds<T: Ord>(self, found: &T, wanted: &T) -> bool {
        match self {
            Self::Equals => found == wanted,
            Self::LessThan => found < wanted,
            Self::LessThanEquals => found <= wanted,
            Self::GreaterThan => found > wanted,
            Self::GreaterThanEquals => found >= wanted,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Equals => "Equals",
            Self::LessThan => "LessThan",
            Self::LessThanEquals => "LessThanEquals",
            Self::GreaterThan => "GreaterThan",
            Self::GreaterThanEquals => "GreaterThanEquals",
        }
    }
}

/// What is compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// The same text.
    StringEquals,
    /// The same text, whatever its case.
    StringEqualsIgnoreCase,
    /// A pattern with `*` and `?`.
    StringLike,
    /// Numbers.
    Numeric(Order),
    /// Times.
    Date(Order),
    /// `true` or `false`.
    Bool,
    /// Bytes, in base 64.
    BinaryEquals,
    /// An address in a range.
    IpAddress,
    /// A pattern over ARNs, written `ArnEquals`; AWS gives both names the same meaning.
    ArnEquals,
    /// A pattern over ARNs, written `ArnLike`.
    ArnLike,
    /// Whether the key is absent.
    Null,
}

/// A condition operator, as in `ForAnyValue:StringNotLikeIfExists`.
///
/// Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operator {
    /// How several values are taken together.
    pub set: SetOperator,
    /// What is compared.
    pub comparison: Comparison,
    /// The comparison must fail (`…Not…`).
    pub negated: bool,
    /// True where the key is absent (`…IfExists`).
    pub if_exists: bool,
}

/// The names of comparisons, in lower case, and whether each is a negation.
const NAMES: &[(&str, Comparison, bool)] = &[
    ("stringequals", Comparison::StringEquals, false),
    ("stringnotequals", Comparison::StringEquals, true),
    ("stringequalsignorecase", Comparison::StringEqualsIgnoreCase, false),
    ("stringnotequalsignorecase", Comparison::StringEqualsIgnoreCase, true),
    ("stringlike", Comparison::StringLike, false),
    ("stringnotlike", Comparison::StringLike, true),
    ("numericequals", Comparison::Numeric(Order::Equals), false),
    ("numericnotequals", Comparison::Numeric(Order::Equals), true),
    ("numericlessthan", Comparison::Numeric(Order::LessThan), false),
    ("numericlessthanequals", Comparison::Numeric(Order::LessThanEquals), false),
    ("numericgreaterthan", Comparison::Numeric(Order::GreaterThan), false),
    ("numericgreaterthanequals", Comparison::Numeric(Order::GreaterThanEquals), false),
    ("dateequals", Comparison::Date(Order::Equals), false),
    ("datenotequals", Comparison::Date(Order::Equals), true),
    ("datelessthan", Comparison::Date(Order::LessThan), false),
    ("datelessthanequals", Comparison::Date(Order::LessThanEquals), false),
    ("dategreaterthan", Comparison::Date(Order::GreaterThan), false),
    ("dategreaterthanequals", Comparison::Date(Order::GreaterThanEquals), false),
    ("bool", Comparison::Bool, false),
    ("binaryequals", Comparison::BinaryEquals, false),
    ("ipaddress", Comparison::IpAddress, false),
    ("notipaddress", Comparison::IpAddress, true),
    ("arnequals", Comparison::ArnEquals, false),
    ("arnnotequals", Comparison::ArnEquals, true),
    ("arnlike", Comparison::ArnLike, false),
    ("arnnotlike", Comparison::ArnLike, true),
    ("null", Comparison::Null, false),
];

impl Operator {
    /// Reads an operator's name; its case does not matter. `Null` asks for absence itself, so that it takes neither
    /// `IfExists` nor a set operator.
    pub fn parse(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let (set, rest) = if let Some(rest) = lower.strip_prefix("forallvalues:") {
            (SetOperator::ForAllValues, rest)
        } else if let Some(rest) = lower.strip_prefix("foranyvalue:") {
            (SetOperator::ForAnyValue, rest)
        } else {
            (SetOperator::Single, lower.as_str())
        };
        let (rest, if_exists) = rest.strip_suffix("ifexists").map_or((rest, false), |rest| (rest, true));
        let (_, comparison, negated) = NAMES.iter().find(|(name, ..)| *name == rest)?;
        let plain = set == SetOperator::Single && !if_exists;
        if *comparison == Comparison::Null && !plain {
            return None;
        }
        Some(Self { set, comparison: *comparison, negated: *negated, if_exists })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.set {
            SetOperator::Single => "",
            SetOperator::ForAllValues => "ForAllValues:",
            SetOperator::ForAnyValue => "ForAnyValue:",
        })?;
        let not = if self.negated { "Not" } else { "" };
        match self.comparison {
            Comparison::StringEquals => write!(f, "String{not}Equals"),
            Comparison::StringEqualsIgnoreCase => write!(f, "String{not}EqualsIgnoreCase"),
            Comparison::StringLike => write!(f, "String{not}Like"),
            Comparison::Numeric(order) => write!(f, "Numeric{not}{}", order.name()),
            Comparison::Date(order) => write!(f, "Date{not}{}", order.name()),
            Comparison::Bool => f.write_str("Bool"),
            Comparison::BinaryEquals => f.write_str("BinaryEquals"),
            Comparison::IpAddress => write!(f, "{not}IpAddress"),
            Comparison::ArnEquals => write!(f, "Arn{not}Equals"),
            Comparison::ArnLike => write!(f, "Arn{not}Like"),
            Comparison::Null => f.write_str("Null"),
        }?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_reads_what_it_writes() {
        for (name, ..) in NAMES {
            for set in ["", "ForAllValues:", "ForAnyValue:"] {
                for end in ["", "IfExists"] {
                    let full = format!("{set}{name}{end}");
                    let Some(operator) = Operator::parse(&full) else {
                        assert_eq!(*name, "null", "{full}");
                        continue;
                    };
                    let written = operator.to_string();
                    assert_eq!(written.to_ascii_lowercase(), full.to_ascii_lowercase());
                    assert_eq!(Operator::parse(&written), Some(operator));
                }
            }
        }
    }

    #[test]
    fn unknown_operators_are_none() {
        for bad in
            ["", "String", "StringEqual", "ForAllValues:", "NotBool", "NullIfExists", "ForAnyValue:Null"]
        {
            assert_eq!(Operator::parse(bad), None, "{bad}");
        }
    }
}
