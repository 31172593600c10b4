//! A policy in the form that is decided with.

use crate::condition::Condition;
use crate::document::{Document, Effect, PrincipalEntry, Statement};
use crate::kind::Kind;
use crate::pattern::{ArnMatcher, Matcher};

/// A compiled policy: patterns as matchers, conditions typed. Shared as `Arc<Policy>`; see [`crate::PolicyCache`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(crate) kind: Kind,
    pub(crate) statements: Box<[Compiled]>,
    keys: Box<[String]>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiled {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    /// None in policies that do not name principals: they are about their bearer.
    pub(crate) principals: Option<Principals>,
    pub(crate) actions: Actions,
    /// None in trust policies: they are about their role.
    pub(crate) resources: Option<Resources>,
    pub(crate) conditions: Box<[Condition]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principals {
    pub(crate) negated: bool,
    /// The policy grants nobody anything: it limits what others grant.
    pub(crate) limit: bool,
    pub(crate) entries: Box<[PrincipalEntry]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actions {
    pub(crate) negated: bool,
    patterns: Box<[ActionPattern]>,
}

/// A pattern over actions, in lower case: the names of services and actions are not case-sensitive.
/// Source: IAM User Guide, "IAM JSON policy elements: Action".
#[derive(Debug, Clone, PartialEq, Eq)]
struct ActionPattern {
    /// None: of any service.
    service: Option<Box<str>>,
    name: Matcher,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resources {
    pub(crate) negated: bool,
    pub(crate) patterns: Box<[ArnMatcher]>,
}

/// An action that is asked for, in lower case.
#[derive(Debug)]
pub(crate) struct ActionName {
    text: String,
    colon: usize,
}

impl ActionName {
    pub(crate) fn of(action: &str) -> Self {
        let text = action.to_ascii_lowercase();
        let colon = text.find(':').unwrap_or(text.len());
        Self { text, colon }
    }

    fn service(&self) -> &str {
        self.text.get(..self.colon).unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.text.get(self.colon + 1..).unwrap_or_default()
    }
}

impl ActionPattern {
    fn parse(pattern: &str) -> Self {
        let lower = pattern.to_ascii_lowercase();
        match lower.split_once(':') {
            None => Self { service: None, name: Matcher::plain(&lower) },
            Some(("*", name)) => Self { service: None, name: Matcher::plain(name) },
            Some((service, name)) => Self { service: Some(service.into()), name: Matcher::plain(name) },
        }
    }

    fn fits(&self, action: &ActionName) -> bool {
        let service = self.service.as_deref().is_none_or(|service| service == action.service());
        service && self.name.fits_plain(action.name())
    }
}

impl Actions {
    pub(crate) fn include(&self, action: &ActionName) -> bool {
        self.patterns.iter().any(|pattern| pattern.fits(action)) != self.negated
    }
}

impl Policy {
    /// Compiles a document.
    pub fn compile(document: &Document) -> Self {
        Self {
            kind: document.kind(),
            statements: document
                .statements()
                .iter()
                .map(|statement| Compiled::new(statement, document.kind()))
                .collect(),
            keys: document.context_keys().into(),
        }
    }

    /// What the policy is attached to.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it asks for a condition key that begins so (`s3:existingobjecttag/`, in lower case): what such keys stand
    /// for is looked up only then.
    pub fn asks_for(&self, prefix: &str) -> bool {
        self.keys.iter().any(|key| key.starts_with(prefix))
    }

    /// Makes the statement of this name be about nothing. `false` if there is none.
    pub(crate) fn silence(&mut self, name: &str) -> bool {
        let mut named = self.statements.iter_mut().enumerate();
        let found = named.find(|(index, statement)| statement.name(*index) == name && !statement.is_silent());
        found
            .map(|(_, statement)| statement.actions = Actions { negated: false, patterns: Box::default() })
            .is_some()
    }

    /// Adds the statements of another.
    pub(crate) fn extend(&mut self, other: Self) {
        self.statements = std::mem::take(&mut self.statements).into_iter().chain(other.statements).collect();
    }

    /// How many statements it has.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether it has none; a document always has one.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
}

impl Compiled {
    fn is_silent(&self) -> bool {
        !self.actions.negated && self.actions.patterns.is_empty()
    }

    fn new(statement: &Statement, kind: Kind) -> Self {
        let principals = statement.principal.as_ref().map(|element| Principals {
            negated: element.negated,
            limit: kind.is_limit(),
            entries: element.entries().cloned().collect(),
        });
        let resources = statement.resource.as_ref().map(|resource| Resources {
            negated: resource.negated,
            patterns: resource.arns.iter().cloned().collect(),
        });
        let words = statement.action.patterns.iter();
        let patterns = words.map(|word| ActionPattern::parse(word.as_str())).collect();
        Self {
            sid: statement.sid.as_deref().map(Box::from),
            effect: statement.effect,
            principals,
            actions: Actions { negated: statement.action.negated, patterns },
            resources,
            conditions: statement.conditions.iter().map(|condition| condition.typed.clone()).collect(),
        }
    }

    /// The Sid, or the index from 0: what people find the statement by.
    pub(crate) fn name(&self, index: usize) -> String {
        self.sid.as_deref().map_or_else(|| index.to_string(), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, action: &str) -> bool {
        ActionPattern::parse(pattern).fits(&ActionName::of(action))
    }

    #[test]
    fn actions_match_whatever_their_case() {
        assert!(fits("s3:GetObject", "S3:getobject"));
        assert!(fits("S3:Get*", "s3:GetObjectTagging"));
        assert!(!fits("s3:GetObject", "s3:GetObjectTagging"));
        assert!(fits("s3:*Object?ag*", "s3:GetObjectTagging"));
        assert!(fits("*", "kms:Decrypt"));
        assert!(fits("*:*", "kms:Decrypt"));
        assert!(fits("*:Decrypt", "kms:Decrypt"));
        assert!(!fits("s3:*", "s3-object-lambda:GetObject"));
    }
}
