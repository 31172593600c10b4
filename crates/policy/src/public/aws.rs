//! AWS's rule: a policy is public unless each of its grants goes to fixed values only.
//!
//! Source: S3 User Guide, "Blocking public access to your Amazon S3 storage", "The meaning of 'public'".

use crate::condition::{Comparison, Operator, SetOperator};
use crate::document::{
    AwsPrincipal, ConditionElement, Document, Effect, PrincipalElement, PrincipalEntry, Statement, Word,
};
use crate::kind::Kind;

/// A statement that makes a policy public by AWS's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Its index from 0.
    pub statement: usize,
    /// Whom it lets in, in words.
    pub who: &'static str,
}

/// The first statement that makes a policy public by AWS's published rule.
pub fn aws_public(document: &Document) -> Option<Opening> {
    document.statements().iter().enumerate().find_map(|(index, statement)| {
        let who = opens(statement, document.kind())?;
        Some(Opening { statement: index, who })
    })
}

/// Whom a statement lets in, if that is the public.
fn opens(statement: &Statement, kind: Kind) -> Option<&'static str> {
    if statement.effect == Effect::Deny {
        return None;
    }
    let who = open_principal(statement.principal.as_ref()?)?;
    (!statement.conditions.iter().any(|condition| fixes_the_caller(condition, kind))).then_some(who)
}

fn open_principal(element: &PrincipalElement) -> Option<&'static str> {
    if element.negated {
        return Some("everybody but those it names");
    }
    let everyone = |entry: &PrincipalEntry| {
        matches!(entry, PrincipalEntry::Everyone | PrincipalEntry::Aws(AwsPrincipal::Everyone))
    };
    // AWS's first example of a public policy names a provider: whoever has an account there is let in.
    let federated = |entry: &PrincipalEntry| matches!(entry, PrincipalEntry::Federated(_));
    if element.entries().any(everyone) {
        Some("everybody")
    } else if element.entries().any(federated) {
        Some("whoever an identity provider vouches for")
    } else {
        None
    }
}

/// Keys whose fixed value makes a grant one to somebody in particular.
const FIXING: [&str; 14] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
];

/// Whether a condition lets only fixed values through. What AWS does not speak of (negations, `…IfExists`,
/// `ForAllValues`, `Null`) fixes nothing: where the key may be missing, it holds for those who have none.
fn fixes_the_caller(condition: &ConditionElement, kind: Kind) -> bool {
    let Operator { set, comparison, if_exists, negated } = condition.operator;
    if negated || if_exists || set == SetOperator::ForAllValues || condition.values.is_empty() {
        return false;
    }
    let key = condition.key.as_str().to_ascii_lowercase();
    // Of an access point everybody who comes has its ARN.
    if kind == Kind::AccessPoint && key.starts_with("s3:dataaccesspoint") {
        return false;
    }
    match comparison {
        Comparison::IpAddress => {
            let mut ranges = condition.typed.ranges().iter();
            key == "aws:sourceip" && ranges.all(|range| range.public_sizes().are_narrow())
        }
        Comparison::StringEquals
        | Comparison::StringEqualsIgnoreCase
        | Comparison::StringLike
        | Comparison::ArnEquals
        | Comparison::ArnLike => {
            let mut values = condition.values.iter().map(Word::as_str);
            FIXING.contains(&key.as_str()) && values.all(|value| is_fixed(&key, value))
        }
        Comparison::Numeric(_)
        | Comparison::Date(_)
        | Comparison::Bool
        | Comparison::BinaryEquals
        | Comparison::Null => false,
    }
}

/// No wildcard and no variable; of an access point only the name may be a pattern, and of a user id the session.
fn is_fixed(key: &str, value: &str) -> bool {
    let wild = |text: &str| text.is_empty() || text.contains(['*', '?']);
    if value.contains("${") {
        return false;
    }
    match key {
        // arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME
        "s3:dataaccesspointarn" => match value.split(':').collect::<Vec<_>>().as_slice() {
            [_, _, _, _, account, ..] => !wild(account),
            _ => false,
        },
        "aws:userid" => !wild(value.split(':').next().unwrap_or_default()),
        _ => !wild(value),
    }
}
