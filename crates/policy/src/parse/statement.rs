//! A statement and its elements.

use super::json::{Member, Node};
use super::{Parser, one_or_more, scalar};
use crate::condition::{Condition, Operator};
use crate::document::{
    ConditionElement, Effect, Patterns, PrincipalElement, Start, Statement, Version, Word,
};
use crate::error::{PolicyError, Reason};
use crate::kind::{Kind, Need};
use crate::pattern::{ArnMatcher, BadArn};

/// The elements of a statement as they are found, before it is known which must be there.
#[derive(Default)]
struct Found {
    sid: Option<String>,
    effect: Option<Effect>,
    principal: Option<PrincipalElement>,
    action: Option<Patterns>,
    resource: Option<Patterns>,
    conditions: Vec<ConditionElement>,
}

impl Parser<'_> {
    pub(super) fn statement(&self, node: &Node<'_>, path: &str) -> Result<Statement, PolicyError> {
        let mut found = Found::default();
        for member in self.object(node, path)? {
            self.element(member, path, &mut found)?;
        }
        let missing = |reason| self.error(node.start, path, reason);
        let effect = found.effect.ok_or_else(|| missing(Reason::Missing("Effect")))?;
        if self.kind.principal() == Need::Required && found.principal.is_none() {
            return Err(missing(Reason::Missing("Principal")));
        }
        let action = found.action.ok_or_else(|| missing(Reason::NoActions))?;
        if self.kind.resource() == Need::Required && found.resource.is_none() {
            return Err(missing(Reason::NoResources));
        }
        let statement = Statement {
            sid: found.sid.filter(|sid| !sid.is_empty()),
            effect,
            principal: found.principal,
            action,
            resource: found.resource,
            conditions: found.conditions,
            start: Start(node.start),
        };
        self.whole_statement(&statement).map_err(missing)?;
        Ok(statement)
    }

    /// What can be said only of a statement as a whole.
    fn whole_statement(&self, statement: &Statement) -> Result<(), Reason> {
        let negated = statement.principal.as_ref().is_some_and(|principal| principal.negated);
        if negated && statement.effect == Effect::Allow {
            return Err(Reason::AllowNotPrincipal);
        }
        if self.kind == Kind::ResourceControl {
            if statement.effect == Effect::Allow {
                return Err(Reason::ControlAllow);
            }
            let star = statement.action.patterns.iter().any(|action| action.as_str().starts_with('*'));
            if statement.action.negated || star {
                return Err(Reason::ControlAction);
            }
        }
        Ok(())
    }

    fn element(&self, member: &Member<'_>, path: &str, found: &mut Found) -> Result<(), PolicyError> {
        let name = member.name.as_ref();
        let inner = format!("{path}.{name}");
        let value = &member.value;
        match name {
            "Sid" => found.sid = Some(self.sid(value, &inner)?),
            "Effect" => found.effect = Some(self.effect(value, &inner)?),
            "Principal" | "NotPrincipal" => {
                if found.principal.is_some() {
                    return Err(self.error(member.start, path, Reason::Both("Principal", "NotPrincipal")));
                }
                found.principal = Some(self.principal(member, path)?);
            }
            "Action" | "NotAction" => {
                if found.action.is_some() {
                    return Err(self.error(member.start, path, Reason::Both("Action", "NotAction")));
                }
                found.action = Some(self.patterns(value, &inner, name == "NotAction", Self::action)?);
                if found.action.as_ref().is_some_and(|action| action.patterns.is_empty()) {
                    return Err(self.error(value.start, &inner, Reason::NoActions));
                }
            }
            "Resource" | "NotResource" => {
                if found.resource.is_some() {
                    return Err(self.error(member.start, path, Reason::Both("Resource", "NotResource")));
                }
                if self.kind.resource() == Need::Prohibited {
                    return Err(self.error(member.start, path, Reason::Prohibited("Resource")));
                }
                found.resource = Some(self.patterns(value, &inner, name == "NotResource", Self::resource)?);
                if found.resource.as_ref().is_some_and(|resource| resource.patterns.is_empty()) {
                    return Err(self.error(value.start, &inner, Reason::NoResources));
                }
            }
            "Condition" => found.conditions = self.conditions(value, &inner)?,
            other => return Err(self.error(member.start, path, Reason::Unknown(other.to_owned()))),
        }
        Ok(())
    }

    fn sid(&self, node: &Node<'_>, path: &str) -> Result<String, PolicyError> {
        let sid = self.text(node, path)?;
        if self.kind.plain_sid() && !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(self.error(node.start, path, Reason::SidCharacters));
        }
        Ok(sid.to_owned())
    }

    fn effect(&self, node: &Node<'_>, path: &str) -> Result<Effect, PolicyError> {
        match self.text(node, path)? {
            "Allow" => Ok(Effect::Allow),
            "Deny" => Ok(Effect::Deny),
            other => Err(self.error(node.start, path, Reason::Effect(other.to_owned()))),
        }
    }

    fn patterns(
        &self,
        node: &Node<'_>,
        path: &str,
        negated: bool,
        read: fn(&Self, &str) -> Result<Option<ArnMatcher>, Reason>,
    ) -> Result<Patterns, PolicyError> {
        let mut all = Patterns { negated, patterns: Vec::new(), arns: Vec::new() };
        for (item, path) in one_or_more(node, path) {
            let text = self.text(item, &path)?;
            let arn = read(self, text).map_err(|reason| self.error(item.start, &path, reason))?;
            all.patterns.push(Word::new(text, item.start, item.end));
            all.arns.extend(arn);
        }
        Ok(all)
    }

    /// `service:Name` with wildcards in the name, or `*`.
    fn action(&self, text: &str) -> Result<Option<ArnMatcher>, Reason> {
        if text == "*" && self.kind != Kind::Trust {
            return Ok(None);
        }
        let (service, name) = text.split_once(':').ok_or(Reason::Vendor)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let fits = |byte: u8| plain(byte) || b"*?.".contains(&byte);
        let vendor = service == "*" || (!service.is_empty() && service.bytes().all(plain));
        if !vendor || name.is_empty() || !name.bytes().all(fits) {
            return Err(Reason::Action(text.to_owned()));
        }
        match self.kind.service() {
            Some(only) if !service.eq_ignore_ascii_case(only) => Err(if self.kind == Kind::Trust {
                Reason::TrustAction
            } else {
                Reason::ForeignAction { action: text.to_owned(), service: only }
            }),
            Some(_) | None => Ok(None),
        }
    }

    /// An ARN with wildcards, but its service in full, or `*`.
    fn resource(&self, text: &str) -> Result<Option<ArnMatcher>, Reason> {
        let matcher = ArnMatcher::parse(text, self.variables(), false).map_err(|bad| match bad {
            BadArn::Variable => Reason::Variable(text.to_owned()),
            BadArn::Form => Reason::Resource(text.to_owned()),
        })?;
        if matcher != ArnMatcher::Any {
            let service = matcher.service().ok_or_else(|| Reason::Resource(text.to_owned()))?;
            if self.kind.service().is_some_and(|only| service != only) {
                return Err(Reason::ForeignResource(text.to_owned()));
            }
        }
        Ok(Some(matcher))
    }

    fn variables(&self) -> bool {
        self.version == Version::V2012
    }

    fn conditions(&self, node: &Node<'_>, path: &str) -> Result<Vec<ConditionElement>, PolicyError> {
        let mut conditions: Vec<ConditionElement> = Vec::new();
        for member in self.object(node, path)? {
            let path = format!("{path}.{}", member.name);
            let operator = Operator::parse(&member.name)
                .ok_or_else(|| self.error(member.start, &path, Reason::Operator(member.name.to_string())))?;
            // `Bool` and `bool` are one operator, and an object has a name once.
            if conditions.iter().any(|condition| condition.operator == operator) {
                return Err(self.error(member.start, &path, Reason::Duplicate(member.name.to_string())));
            }
            for key in self.object(&member.value, &path)? {
                conditions.push(self.condition(operator, key, &path)?);
            }
        }
        Ok(conditions)
    }

    fn condition(
        &self,
        operator: Operator,
        member: &Member<'_>,
        path: &str,
    ) -> Result<ConditionElement, PolicyError> {
        let path = format!("{path}.{}", member.name);
        let named =
            member.name.split_once(':').is_some_and(|(vendor, key)| !vendor.is_empty() && !key.is_empty());
        if !named {
            return Err(self.error(member.start, &path, Reason::Vendor));
        }
        let items = one_or_more(&member.value, &path);
        let value = |(item, path): &(&Node<'_>, String)| {
            let expected = Reason::Type("a text, a number or a boolean");
            let text = scalar(&item.value).ok_or_else(|| self.error(item.start, path, expected))?;
            Ok(Word::new(text, item.start, item.end))
        };
        let values = items.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        let texts = values.iter().map(Word::as_str).collect::<Vec<_>>();
        let typed =
            Condition::parse(operator, &member.name, &texts, self.variables()).map_err(|(at, reason)| {
                let (item, path) =
                    items.get(at).map_or((&member.value, path.as_str()), |(item, path)| (*item, path));
                self.error(item.start, path, reason)
            })?;
        let key = Word::new(&*member.name, member.start, member.end);
        Ok(ConditionElement { operator, key, values, typed })
    }
}
