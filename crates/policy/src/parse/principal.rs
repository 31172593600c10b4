//! `Principal` and `NotPrincipal`.

use super::json::{Member, Node, Value};
use super::{Parser, one_or_more};
use crate::document::{AwsPrincipal, PrincipalElement, PrincipalEntry, Word};
use crate::error::{PolicyError, Reason};
use crate::kind::Kind;

impl Parser<'_> {
    pub(super) fn principal(&self, member: &Member<'_>, path: &str) -> Result<PrincipalElement, PolicyError> {
        let path = format!("{path}.{}", member.name);
        let negated = member.name == "NotPrincipal";
        if !self.kind.names_principals() {
            return Err(self.error(member.start, &path, Reason::PrincipalProhibited));
        }
        if negated && !self.kind.allows_not_principal() {
            return Err(self.error(member.start, &path, Reason::Prohibited("NotPrincipal")));
        }
        let node = &member.value;
        let entries = match &node.value {
            Value::Text(text) if text == "*" => {
                vec![(PrincipalEntry::Everyone, Word::new(&**text, node.start, node.end))]
            }
            Value::Text(text) => {
                return Err(self.error(node.start, &path, Reason::Principal(text.to_string())));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Object(_) => {
                self.principal_map(node, &path)?
            }
        };
        if entries.is_empty() {
            return Err(self.error(node.start, &path, Reason::Principal(String::new())));
        }
        let control = matches!(self.kind, Kind::ResourceControl | Kind::FullResourceControl);
        let everyone = |entry: &PrincipalEntry| {
            matches!(entry, PrincipalEntry::Everyone | PrincipalEntry::Aws(AwsPrincipal::Everyone))
        };
        if control && !entries.iter().all(|(entry, _)| everyone(entry)) {
            return Err(self.error(node.start, &path, Reason::ControlPrincipal));
        }
        Ok(PrincipalElement { negated, entries })
    }

    fn principal_map(&self, node: &Node<'_>, path: &str) -> Result<Vec<(PrincipalEntry, Word)>, PolicyError> {
        let mut entries = Vec::new();
        for member in self.object(node, path)? {
            let path = format!("{path}.{}", member.name);
            if !["AWS", "Federated", "Service", "CanonicalUser"].contains(&member.name.as_ref()) {
                return Err(self.error(member.start, &path, Reason::Unknown(member.name.to_string())));
            }
            for (item, path) in one_or_more(&member.value, &path) {
                let text = self.text(item, &path)?;
                let entry = PrincipalEntry::parse(&member.name, text)
                    .ok_or_else(|| self.error(item.start, &path, Reason::Principal(text.to_owned())))?;
                entries.push((entry, Word::new(text, item.start, item.end)));
            }
        }
        Ok(entries)
    }
}
