//! What a valid policy says that no service understands: worth a warning, since such a statement does nothing.

use super::{Document, Word};
use crate::error::Place;

/// What services have: actions, resource types, condition keys. [`crate::vocabulary::AwsServices`] knows AWS's.
pub trait Vocabulary {
    /// Whether some action of a service fits this pattern (`s3:Get*`).
    fn has_action(&self, pattern: &str) -> bool;
    /// Whether a service, or all of them, fill this condition key (`aws:PrincipalTag/team`).
    fn has_key(&self, key: &str) -> bool;
    /// The forms of ARNs that this pattern can fit; `None` if it can be about anything.
    fn forms(&self, resource: &str) -> Option<Vec<&'static str>>;
    /// The forms of ARNs to which something can be done that fits one of `actions`; `None` if that can be anything.
    fn objects(&self, actions: &[&str]) -> Option<Vec<&'static str>>;
}

/// What is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// No service has such an action.
    UnknownAction,
    /// No service has such a resource.
    UnknownResource,
    /// No service has such a condition key.
    UnknownKey,
    /// None of the statement's actions can be done to this resource. S3 refuses such a bucket policy: "Action does not
    /// apply to any resource(s) in statement".
    ActionsElsewhere,
}

/// One thing that is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The text.
    pub text: String,
    /// Where it stands.
    pub place: Place,
    /// The bytes of the document that it takes, quotation marks and all.
    pub span: std::ops::Range<usize>,
}

impl Document {
    /// What no service understands.
    pub fn findings(&self, vocabulary: &dyn Vocabulary) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut find = |kind, word: &Word| {
            let (text, place) = (word.as_str().to_owned(), self.place(word));
            findings.push(Finding { kind, text, place, span: word.span() });
        };
        for statement in &self.statements {
            for action in &statement.action.patterns {
                if !is_star(action) && !vocabulary.has_action(action.as_str()) {
                    find(FindingKind::UnknownAction, action);
                }
            }
            for condition in &statement.conditions {
                if !vocabulary.has_key(condition.key.as_str()) {
                    find(FindingKind::UnknownKey, &condition.key);
                }
            }
            let Some(resource) = &statement.resource else { continue };
            let actions: Vec<&str> = statement.action.patterns.iter().map(Word::as_str).collect();
            let negated = statement.action.negated || resource.negated || actions.contains(&"*");
            let objects = if negated { None } else { vocabulary.objects(&actions) };
            for pattern in resource.patterns.iter().filter(|pattern| !is_star(pattern)) {
                let Some(forms) = vocabulary.forms(pattern.as_str()) else { continue };
                if forms.is_empty() {
                    find(FindingKind::UnknownResource, pattern);
                } else if objects
                    .as_ref()
                    .is_some_and(|objects| !forms.iter().any(|form| objects.contains(form)))
                {
                    find(FindingKind::ActionsElsewhere, pattern);
                }
            }
        }
        findings
    }
}

fn is_star(word: &Word) -> bool {
    word.as_str() == "*"
}
