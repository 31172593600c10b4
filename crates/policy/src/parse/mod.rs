//! From text to a document of its kind.

pub(crate) mod json;
mod principal;
mod statement;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::document::{Document, Version};
use crate::error::{PolicyError, Reason};
use crate::kind::{Counted, Kind, Need};
use crate::limits::DOCUMENT_MAX_BYTES;
use json::{Member, Node, Value, malformed};

/// Reads a policy within the limits of its kind.
pub(crate) fn document(bytes: &[u8], kind: Kind) -> Result<Document, PolicyError> {
    if bytes.len() > DOCUMENT_MAX_BYTES {
        let counted = Counted::Bytes;
        return Err(PolicyError::TooLarge { size: bytes.len(), limit: DOCUMENT_MAX_BYTES, counted });
    }
    let source = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let before = String::from_utf8_lossy(valid);
        malformed(&before, before.len(), "$", Reason::Json("the text is not UTF-8"))
    })?;
    let (limit, counted) = kind.limit();
    let size = counted.count(source);
    if size > limit {
        return Err(PolicyError::TooLarge { size, limit, counted });
    }
    document_of_any_size(source, kind)
}

/// Reads a policy that was within its limits before its principals were replaced.
pub(crate) fn document_of_any_size(source: &str, kind: Kind) -> Result<Document, PolicyError> {
    let root = json::read(source)?;
    Parser { source, kind, version: Version::V2008 }.document(&root)
}

/// What reading the parts of a document needs to know.
struct Parser<'a> {
    source: &'a str,
    kind: Kind,
    version: Version,
}

impl Parser<'_> {
    fn error(&self, offset: usize, path: &str, reason: Reason) -> PolicyError {
        malformed(self.source, offset, path, reason)
    }

    fn object<'n, 'a>(&self, node: &'n Node<'a>, path: &str) -> Result<&'n [Member<'a>], PolicyError> {
        match &node.value {
            Value::Object(members) => Ok(members),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
                Err(self.error(node.start, path, Reason::Type("an object")))
            }
        }
    }

    fn text<'n>(&self, node: &'n Node<'_>, path: &str) -> Result<&'n str, PolicyError> {
        match &node.value {
            Value::Text(text) => Ok(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Object(_) => {
                Err(self.error(node.start, path, Reason::Type("a text")))
            }
        }
    }

    fn document(mut self, root: &Node<'_>) -> Result<Document, PolicyError> {
        let members = self.object(root, "$")?;
        let mut id = None;
        let mut statements = None;
        for member in members {
            let value = &member.value;
            match member.name.as_ref() {
                "Version" => self.version = self.read_version(value)?,
                "Id" => {
                    self.need(self.kind.id(), "Id", member.start)?;
                    id = Some(self.text(value, "$.Id")?.to_owned());
                }
                "Statement" => statements = Some(value),
                other => {
                    return Err(self.error(member.start, "$", Reason::Unknown(other.to_owned())));
                }
            }
        }
        if self.kind.needs_newer_version() && self.version != Version::V2012 {
            return Err(self.error(root.start, "$.Version", Reason::OldVersion));
        }
        let Some(list) = statements else {
            return Err(self.error(root.start, "$", Reason::Missing("Statement")));
        };
        let nodes = one_or_more(list, "$.Statement");
        if nodes.is_empty() {
            return Err(self.error(list.start, "$.Statement", Reason::NoStatements));
        }
        let statements =
            nodes.iter().map(|(node, path)| self.statement(node, path)).collect::<Result<Vec<_>, _>>()?;
        let mut sids = BTreeSet::new();
        for ((node, path), statement) in nodes.iter().zip(&statements) {
            if statement.sid.as_ref().is_some_and(|sid| !sids.insert(sid)) {
                return Err(self.error(node.start, &format!("{path}.Sid"), Reason::SidTwice));
            }
        }
        let source = Arc::from(self.source);
        Ok(Document { source, kind: self.kind, version: self.version, id, statements })
    }

    fn read_version(&self, node: &Node<'_>) -> Result<Version, PolicyError> {
        let path = "$.Version";
        Version::parse(self.text(node, path)?).ok_or_else(|| self.error(node.start, path, Reason::Version))
    }

    fn need(&self, need: Need, name: &'static str, offset: usize) -> Result<(), PolicyError> {
        match need {
            Need::Prohibited => Err(self.error(offset, "$", Reason::Prohibited(name))),
            Need::Required | Need::Optional => Ok(()),
        }
    }
}

/// The one value, or each of a list, with its path.
fn one_or_more<'n, 'a>(node: &'n Node<'a>, path: &str) -> Vec<(&'n Node<'a>, String)> {
    match &node.value {
        Value::List(items) => {
            items.iter().enumerate().map(|(index, item)| (item, format!("{path}[{index}]"))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Object(_) => {
            vec![(node, path.to_owned())]
        }
    }
}

/// The text of a value that may be a text, a number or a boolean.
fn scalar<'n>(value: &'n Value<'_>) -> Option<Cow<'n, str>> {
    match value {
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Number(text) => Some(Cow::Borrowed(text)),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        Value::Null | Value::List(_) | Value::Object(_) => None,
    }
}

/// Fuzz entry: whatever the bytes are, reading them ends, and what is read survives being written.
///
/// # Panics
/// Where it does not.
pub fn fuzz_policy_document(bytes: &[u8]) {
    for kind in [Kind::Bucket, Kind::Managed, Kind::Trust, Kind::Key, Kind::ServiceControl] {
        let Ok(document) = Document::parse(bytes, kind) else { continue };
        let again = document_of_any_size(&document.render(), kind);
        assert_eq!(again.as_ref(), Ok(&document), "a document changed by being written");
        let same = document.replace_principals(|principal| Some(principal.clone()));
        assert_eq!(same.as_ref(), Ok(&document), "a document changed by putting its own principals in");
        let _ = crate::Policy::compile(&document);
    }
}

#[cfg(test)]
mod tests;
