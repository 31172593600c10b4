//! A policy as text: another principal in its place, or all of it anew.

use std::fmt::Write as _;

use super::{
    AwsPrincipal, Document, Effect, Patterns, PrincipalElement, PrincipalEntry, Statement, Version, Word,
};
use crate::error::PolicyError;
use crate::parse;
use crate::parse::json::quote;

impl Document {
    /// The same policy with other principals under `AWS`: `replace` is asked for each and answers `None` where it stays.
    /// All else of the text stays as it was, to the byte.
    ///
    /// Services keep users and roles by unique id (ARN → id before they store), so that a user who is made again does
    /// not inherit a grant, and show ARNs (id → ARN when they answer; the id itself, once its user is gone).
    /// Source: IAM User Guide, "AWS JSON policy elements: Principal".
    /// # Errors
    /// [`PolicyError`] if what `replace` answers is no principal as a document may name it.
    pub fn replace_principals(
        &self,
        mut replace: impl FnMut(&AwsPrincipal) -> Option<AwsPrincipal>,
    ) -> Result<Self, PolicyError> {
        let mut out = String::with_capacity(self.source.len());
        let mut done = 0;
        let elements = self.statements.iter().filter_map(|statement| statement.principal.as_ref());
        for (entry, word) in elements.flat_map(|element| &element.entries) {
            let PrincipalEntry::Aws(principal) = entry else { continue };
            let Some(other) = replace(principal) else { continue };
            out.push_str(self.source.get(done..word.start).unwrap_or_default());
            quote(&mut out, &other.to_string());
            done = word.end;
        }
        out.push_str(self.source.get(done..).unwrap_or_default());
        parse::document_of_any_size(&out, self.kind)
    }

    /// The policy written anew: one line, elements in AWS's order, one value without a list.
    pub fn render(&self) -> String {
        let mut out = String::new();
        let _ = write!(out, "{{\"Version\":\"{}\"", self.version.as_str());
        if let Some(id) = &self.id {
            out.push_str(",\"Id\":");
            quote(&mut out, id);
        }
        out.push_str(",\"Statement\":[");
        for (index, statement) in self.statements.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            statement.render(&mut out);
        }
        out.push_str("]}");
        out
    }
}

impl Statement {
    fn render(&self, out: &mut String) {
        out.push('{');
        if let Some(sid) = &self.sid {
            out.push_str("\"Sid\":");
            quote(out, sid);
            out.push(',');
        }
        out.push_str(match self.effect {
            Effect::Allow => "\"Effect\":\"Allow\"",
            Effect::Deny => "\"Effect\":\"Deny\"",
        });
        if let Some(principal) = &self.principal {
            principal.render(out);
        }
        self.action.render(out, "Action");
        if let Some(resource) = &self.resource {
            resource.render(out, "Resource");
        }
        self.render_conditions(out);
        out.push('}');
    }

    fn render_conditions(&self, out: &mut String) {
        let mut open = None;
        for condition in &self.conditions {
            let operator = condition.operator;
            match open {
                Some(previous) if previous == operator => out.push(','),
                Some(_) => {
                    let _ = write!(out, "}},\"{operator}\":{{");
                }
                None => {
                    let _ = write!(out, ",\"Condition\":{{\"{operator}\":{{");
                }
            }
            open = Some(operator);
            quote(out, condition.key.as_str());
            out.push(':');
            words(out, &condition.values);
        }
        if open.is_some() {
            out.push_str("}}");
        }
    }
}

impl Patterns {
    fn render(&self, out: &mut String, name: &str) {
        let not = if self.negated { "Not" } else { "" };
        let _ = write!(out, ",\"{not}{name}\":");
        words(out, &self.patterns);
    }
}

impl PrincipalElement {
    fn render(&self, out: &mut String) {
        let not = if self.negated { "Not" } else { "" };
        let _ = write!(out, ",\"{not}Principal\":");
        if self.entries().any(|entry| *entry == PrincipalEntry::Everyone) {
            out.push_str("\"*\"");
            return;
        }
        let mut open = None;
        for (entry, word) in &self.entries {
            let kind = entry.kind();
            match open {
                Some(previous) if previous == kind => out.push(','),
                Some(_) => {
                    let _ = write!(out, "],\"{}\":[", kind.unwrap_or_default());
                }
                None => {
                    let _ = write!(out, "{{\"{}\":[", kind.unwrap_or_default());
                }
            }
            open = Some(kind);
            quote(out, word.as_str());
        }
        out.push_str("]}");
    }
}

fn words(out: &mut String, words: &[Word]) {
    if let [word] = words {
        quote(out, word.as_str());
        return;
    }
    out.push('[');
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        quote(out, word.as_str());
    }
    out.push(']');
}

impl Version {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::V2008, Self::V2012].into_iter().find(|version| version.as_str() == text)
    }
}
