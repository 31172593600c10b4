//! Conditions: an operator, a key, values; typed once, decided for each request.

mod date;
mod ip;
mod number;
mod operator;
mod probe;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::context::{Context, Values};
use crate::error::Reason;
use crate::pattern::{ArnMatcher, ArnParts, BadArn, Fit, Matcher};
use crate::variable::{BadVariable, Template};
use date::Date;
use ip::Range;
pub(crate) use ip::{PublicSizes, Range as AddressRange, address};
use number::Number;
pub use operator::{Comparison, Operator, Order, SetOperator};
pub(crate) use probe::{Family, Texts, written};

/// A condition, ready to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    /// In lower case.
    pub(crate) key: Box<str>,
    test: Test,
}

/// The values that the policy names, typed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exact(Vec<Template>),
    IgnoreCase(Vec<Template>),
    Like(Vec<Matcher>),
    Arn(Vec<ArnMatcher>),
    Bool(Vec<Template>),
    Number(Order, Vec<Number>),
    Date(Order, Vec<Date>),
    Binary(Vec<Vec<u8>>),
    Address(Vec<Range>),
    Absent(Vec<bool>),
}

/// Reads one value of a condition; the reason why the operator cannot take it.
fn each<T>(values: &[&str], read: impl Fn(&str) -> Result<T, Reason>) -> Result<Vec<T>, (usize, Reason)> {
    values.iter().enumerate().map(|(at, value)| read(value).map_err(|reason| (at, reason))).collect()
}

fn typed<T>(value: &str, expected: &'static str, read: impl Fn(&str) -> Option<T>) -> Result<T, Reason> {
    read(value).ok_or_else(|| Reason::Value { value: value.to_owned(), expected })
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

impl Test {
    fn parse(comparison: Comparison, values: &[&str], variables: bool) -> Result<Self, (usize, Reason)> {
        let template = |value: &str| {
            Template::parse(value, variables).map_err(|BadVariable| Reason::Variable(value.to_owned()))
        };
        Ok(match comparison {
            Comparison::StringEquals => Self::Exact(each(values, template)?),
            Comparison::StringEqualsIgnoreCase => Self::IgnoreCase(each(values, template)?),
            Comparison::StringLike => Self::Like(each(values, |value| {
                Matcher::parse(value, variables).map_err(|BadVariable| Reason::Variable(value.to_owned()))
            })?),
            Comparison::ArnEquals | Comparison::ArnLike => Self::Arn(each(values, |value| {
                ArnMatcher::parse(value, variables, true).map_err(|bad| match bad {
                    BadArn::Variable => Reason::Variable(value.to_owned()),
                    BadArn::Form => Reason::Value { value: value.to_owned(), expected: "an ARN" },
                })
            })?),
            // Booleans may be variables; numbers, dates, addresses and bytes may not. Source: IAM User Guide, "IAM JSON
            // policy elements: Condition operators".
            Comparison::Bool => Self::Bool(each(values, |value| match template(value)? {
                Template::Fixed(_) => typed(value, "true or false", boolean)
                    .map(|wanted| Template::Fixed(if wanted { "true" } else { "false" }.into())),
                dynamic @ Template::Dynamic(_) => Ok(dynamic),
            })?),
            Comparison::Numeric(order) => {
                Self::Number(order, each(values, |value| typed(value, "a number", Number::parse))?)
            }
            Comparison::Date(order) => Self::Date(
                order,
                each(values, |value| typed(value, "an ISO 8601 date or seconds since 1970", Date::parse))?,
            ),
            Comparison::BinaryEquals => Self::Binary(each(values, |value| {
                typed(value, "base 64", |text| STANDARD.decode(text).ok())
            })?),
            Comparison::IpAddress => Self::Address(each(values, |value| {
                typed(value, "an IP address or a range in CIDR notation", Range::parse)
            })?),
            Comparison::Null => Self::Absent(each(values, |value| typed(value, "true or false", boolean))?),
        })
    }

    /// Whether one value of the request fits one of the policy's.
    fn fit(&self, found: &str, context: &dyn Context) -> Fit {
        let texts = |templates: &[Template], same: &dyn Fn(&str) -> bool| {
            Fit::any(templates.iter().map(|template| match template.text(context) {
                Some(wanted) => Fit::of(same(&wanted)),
                None => Fit::Unresolved,
            }))
        };
        match self {
            Self::Exact(wanted) => texts(wanted, &|wanted| wanted == found),
            Self::IgnoreCase(wanted) => {
                let found = found.to_lowercase();
                texts(wanted, &|wanted| wanted.to_lowercase() == found)
            }
            Self::Bool(wanted) => {
                let found = boolean(found);
                texts(wanted, &|wanted| found.is_some() && boolean(wanted) == found)
            }
            Self::Like(wanted) => Fit::any(wanted.iter().map(|matcher| matcher.fit(found, context))),
            Self::Arn(wanted) => {
                let found = ArnParts::of(found);
                Fit::any(wanted.iter().map(|matcher| matcher.fit(&found, context)))
            }
            Self::Number(order, wanted) => Fit::of(
                Number::parse(found)
                    .is_some_and(|found| wanted.iter().any(|wanted| order.holds(&found, wanted))),
            ),
            Self::Date(order, wanted) => Fit::of(
                Date::parse(found)
                    .is_some_and(|found| wanted.iter().any(|wanted| order.holds(&found, wanted))),
            ),
            Self::Binary(wanted) => {
                Fit::of(STANDARD.decode(found).is_ok_and(|found| wanted.contains(&found)))
            }
            Self::Address(wanted) => Fit::of(
                ip::address(found).is_some_and(|found| wanted.iter().any(|range| range.contains(found))),
            ),
            Self::Absent(wanted) => Fit::of(boolean(found).is_some_and(|found| wanted.contains(&found))),
        }
    }
}

impl Condition {
    /// Types the values; the error says which value cannot be taken, and why.
    pub(crate) fn parse(
        operator: Operator,
        key: &str,
        values: &[&str],
        variables: bool,
    ) -> Result<Self, (usize, Reason)> {
        let test = Test::parse(operator.comparison, values, variables)?;
        Ok(Self { operator, key: key.to_lowercase().into(), test })
    }

    /// Whether the condition holds. `denies` is the effect of its statement: where a variable stands for nothing, nobody
    /// can tell whether a negated comparison holds, and what is unknown is decided against access.
    pub(crate) fn holds(&self, context: &dyn Context, denies: bool) -> bool {
        let values = context.values(&self.key).filter(|values| !values.is_empty());
        if self.operator.comparison == Comparison::Null {
            let absent = if values.is_none() { "true" } else { "false" };
            return self.test.fit(absent, context) == Fit::Yes;
        }
        let Some(values) = values else { return self.holds_without_key() };
        let one = |found: &str| self.one(found, context, denies);
        match self.operator.set {
            // Of several values without a set operator: as if one was meant, so a negation must hold for all.
            SetOperator::Single if self.operator.negated => values.all(one),
            SetOperator::Single => values.any(one),
            SetOperator::ForAllValues => nothing(&values) || values.all(one),
            SetOperator::ForAnyValue => !nothing(&values) && values.any(one),
        }
    }

    fn one(&self, found: &str, context: &dyn Context, denies: bool) -> bool {
        match (self.test.fit(found, context), self.operator.negated) {
            (Fit::Yes, negated) => !negated,
            (Fit::No, negated) => negated,
            (Fit::Unresolved, negated) => negated && denies,
        }
    }

    fn holds_without_key(&self) -> bool {
        let Operator { set, negated, if_exists, .. } = self.operator;
        if_exists
            || match set {
                SetOperator::Single => negated,
                SetOperator::ForAllValues => true,
                SetOperator::ForAnyValue => false,
            }
    }
}

/// An empty text is no value to a set operator. Source: IAM User Guide, "Set operators for multivalued context keys":
/// "or if the key values resolve to a null data set, such as an empty string".
fn nothing(values: &Values<'_>) -> bool {
    values.all(str::is_empty)
}

#[cfg(test)]
mod tests;
