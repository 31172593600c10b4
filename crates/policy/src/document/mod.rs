//! A policy as it is written.

mod findings;
mod principal;
mod render;
mod word;

use std::sync::Arc;

pub use findings::{Finding, FindingKind, Vocabulary};
pub use principal::{AwsPrincipal, PrincipalElement, PrincipalEntry};
pub use word::Word;

use crate::condition::{Condition, Operator};
use crate::error::{Place, PolicyError};
use crate::kind::Kind;
use crate::parse;
use crate::pattern::ArnMatcher;
use crate::variable;

/// The version of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// `2008-10-17`, and what a document without `Version` is: `${…}` means nothing.
    V2008,
    /// `2012-10-17`.
    V2012,
}

impl Version {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2008 => "2008-10-17",
            Self::V2012 => "2012-10-17",
        }
    }
}

/// What a statement does with what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Allows it.
    Allow,
    /// Denies it, whatever else allows it.
    Deny,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns {
    /// `NotAction`, `NotResource`.
    pub negated: bool,
    /// The patterns, in the document's order.
    pub patterns: Vec<Word>,
    /// The patterns of a resource, ready to match; none for actions.
    pub(crate) arns: Vec<ArnMatcher>,
}

/// One key of one operator in a `Condition`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionElement {
    /// The operator.
    pub operator: Operator,
    /// The key, as it is written.
    pub key: Word,
    /// The values; numbers and booleans as their text.
    pub values: Vec<Word>,
    pub(crate) typed: Condition,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The name that the author gave it; an empty one counts as none.
    pub sid: Option<String>,
    /// What it does.
    pub effect: Effect,
    /// Whom it is about; in policies of identities, their bearer.
    pub principal: Option<PrincipalElement>,
    /// What is done.
    pub action: Patterns,
    /// To what; trust policies leave it out and mean their role.
    pub resource: Option<Patterns>,
    /// When.
    pub conditions: Vec<ConditionElement>,
    pub(crate) start: Start,
}

/// Where a statement begins, in bytes; no part of what it says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start(pub(crate) usize);

impl PartialEq for Start {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Start {}

/// A valid policy of its kind.
///
/// [`Document::as_str`] is the text exactly as it was given, which is what services store and give back; two documents
/// are equal if they say the same.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) source: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) version: Version,
    pub(crate) id: Option<String>,
    pub(crate) statements: Vec<Statement>,
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        let Self { source: _, kind, version, id, statements } = self;
        *kind == other.kind && *version == other.version && *id == other.id && *statements == other.statements
    }
}

impl Eq for Document {}

impl Document {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`], with the place and the reason.
    ///
    /// # Limits
    /// [`Kind::limit`]; no text beyond [`crate::limits::DOCUMENT_MAX_BYTES`] is looked at.
    pub fn parse(bytes: &[u8], kind: Kind) -> Result<Self, PolicyError> {
        parse::document(bytes, kind)
    }

    /// Reads a policy that a service stored after it was accepted: with its principals by unique id it may be longer than
    /// it was.
    ///
    /// # Errors
    /// [`PolicyError`], with the place and the reason.
    pub fn stored(text: &str, kind: Kind) -> Result<Self, PolicyError> {
        parse::document_of_any_size(text, kind)
    }

    /// Exactly what was parsed.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// What the policy is attached to.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The version of the language.
    pub fn version(&self) -> Version {
        self.version
    }

    /// `Id`.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The statements, in the document's order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The size that counts towards the quota of this kind.
    pub fn counted_size(&self) -> usize {
        let (_, counted) = self.kind.limit();
        counted.count(&self.source)
    }

    /// Every principal that the policy names, each as often as it is named: a service looks them up and refuses a policy
    /// that names nobody ("Invalid principal in policy").
    pub fn principals(&self) -> impl Iterator<Item = &PrincipalEntry> {
        self.statements
            .iter()
            .filter_map(|statement| statement.principal.as_ref())
            .flat_map(PrincipalElement::entries)
    }

    /// Every resource that the policy names, each as often as it is named: a bucket policy that names another bucket is
    /// refused by the service that knows which bucket it is for.
    pub fn resources(&self) -> impl Iterator<Item = &Word> {
        self.statements
            .iter()
            .filter_map(|statement| statement.resource.as_ref())
            .flat_map(|resource| &resource.patterns)
    }

    /// Where a word stands.
    pub fn place(&self, word: &Word) -> Place {
        let path = self.statements.iter().rposition(|statement| statement.start.0 <= word.start);
        let path = path.map_or_else(|| "$".to_owned(), |index| format!("$.Statement[{index}]"));
        parse::json::place(&self.source, word.start, &path)
    }

    /// The condition keys that the policy asks for, in lower case, sorted, variables' keys too.
    /// Source: IAM API Reference, "GetContextKeysForCustomPolicy".
    pub fn context_keys(&self) -> Vec<String> {
        let mut keys = std::collections::BTreeSet::new();
        let variables = self.version == Version::V2012;
        for statement in &self.statements {
            let resources = statement.resource.iter().flat_map(|resource| &resource.patterns);
            let values = statement.conditions.iter().flat_map(|condition| &condition.values);
            if variables {
                let words = resources.chain(values);
                keys.extend(words.flat_map(|word| variable::keys(word.as_str())).map(String::from));
            }
            keys.extend(statement.conditions.iter().map(|condition| condition.key.as_str().to_lowercase()));
        }
        keys.into_iter().collect()
    }
}
