//! What a valid policy says that no service understands: worth a warning, since such a statement does nothing.

use super::{Document, Word};
use crate::error::Place;

/// What services have: actions, resource types, condition keys. Implemented over the published service definitions.
pub trait Vocabulary {
    /// Whether some action of a service fits this pattern (`s3:Get*`).
    fn has_action(&self, pattern: &str) -> bool;
    /// Whether this pattern can fit an ARN of some resource type.
    fn has_resource(&self, pattern: &str) -> bool;
    /// Whether a service, or all of them, fill this condition key (`aws:PrincipalTag/team`).
    fn has_key(&self, key: &str) -> bool;
    /// Whether some action that fits `action` can be done to something that fits `resource`.
    fn applies(&self, action: &str, resource: &str) -> bool;
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
}

impl Document {
    /// What no service understands.
    pub fn findings(&self, vocabulary: &dyn Vocabulary) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut find = |kind, word: &Word| {
            findings.push(Finding { kind, text: word.as_str().to_owned(), place: self.place(word) });
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
            for pattern in resource.patterns.iter().filter(|pattern| !is_star(pattern)) {
                let actions = &statement.action.patterns;
                if !vocabulary.has_resource(pattern.as_str()) {
                    find(FindingKind::UnknownResource, pattern);
                } else if !statement.action.negated
                    && !resource.negated
                    && !actions.iter().any(|action| {
                        is_star(action) || vocabulary.applies(action.as_str(), pattern.as_str())
                    })
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
