//! Whom a policy means by its grants: the accounts, organisations, networks and sources that an Allow fixes.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_types::AccountId;

use super::word::{Language, Symbol};
use crate::condition::{AddressRange, Comparison, PublicSizes};
use crate::document::{AwsPrincipal, ConditionElement, Document, Effect, PrincipalElement, PrincipalEntry};
use crate::kind::Kind;

/// What a variable stands for that is about the resource's organisation: an outsider's is another.
pub(super) const OWN_ORGANIZATION: &str = "o-resourceowner";

/// Everything that an Allow fixes; an outsider has other values.
pub(super) struct Fixed {
    accounts: BTreeSet<String>,
    organizations: BTreeSet<String>,
    /// Unique ids of users and roles.
    ids: BTreeSet<String>,
    /// Values without wildcards, by their key.
    values: BTreeMap<String, BTreeSet<String>>,
    /// Networks; none if together they are wider than AWS lets a network be that is not the public.
    pub(super) networks: Vec<AddressRange>,
    kind: Kind,
}

fn wild(text: &str) -> bool {
    text.contains(['*', '?', '$'])
}

impl Fixed {
    pub(super) fn of(document: &Document, owner: AccountId) -> Self {
        let mut fixed = Self {
            accounts: BTreeSet::from([owner.to_string()]),
            organizations: BTreeSet::from([OWN_ORGANIZATION.to_owned()]),
            ids: BTreeSet::new(),
            values: BTreeMap::new(),
            networks: Vec::new(),
            kind: document.kind(),
        };
        for statement in document.statements() {
            let allows = statement.effect == Effect::Allow;
            for entry in statement.principal.iter().flat_map(PrincipalElement::entries) {
                let PrincipalEntry::Aws(principal) = entry else { continue };
                if let AwsPrincipal::UniqueId(id) = principal {
                    fixed.ids.insert(id.clone());
                }
                let account = principal.account().filter(|_| allows);
                fixed.accounts.extend(account.map(|account| account.to_string()));
            }
            for condition in statement.conditions.iter().filter(|_| allows) {
                fixed.condition(condition);
            }
        }
        let sizes = fixed.networks.iter().map(|range| range.public_sizes());
        if !sizes.reduce(PublicSizes::plus).is_none_or(PublicSizes::are_narrow) {
            fixed.networks.clear();
        }
        fixed
    }

    /// How many values it has.
    pub(super) fn len(&self) -> usize {
        let values = self.values.values().map(BTreeSet::len).sum::<usize>();
        self.accounts.len() + self.organizations.len() + self.ids.len() + self.networks.len() + values
    }

    fn condition(&mut self, condition: &ConditionElement) {
        if condition.operator.negated {
            return;
        }
        let key = condition.key.as_str().to_lowercase();
        if condition.operator.comparison == Comparison::IpAddress {
            if key == "aws:sourceip" {
                for range in condition.typed.ranges() {
                    if range.public_sizes().are_narrow() && !self.networks.contains(range) {
                        self.networks.push(*range);
                    }
                }
            }
            return;
        }
        for value in &condition.values {
            self.value(&key, value.as_str());
        }
    }

    fn value(&mut self, key: &str, value: &str) {
        let plain = |text: &str| (!text.is_empty() && !wild(text)).then(|| text.to_owned());
        match key {
            "aws:principalaccount"
            | "aws:sourceaccount"
            | "aws:sourceowner"
            | "s3:dataaccesspointaccount" => {
                self.accounts.extend(plain(value));
            }
            "aws:principalorgid" | "aws:sourceorgid" => self.organizations.extend(plain(value)),
            "aws:principalorgpaths" | "aws:sourceorgpaths" => {
                self.organizations.extend(value.split_once('/').and_then(|(id, _)| plain(id)));
            }
            "aws:principalarn" | "aws:sourcearn" | "s3:dataaccesspointarn" => match value.split(':').nth(4) {
                Some(account) if !account.is_empty() => self.accounts.extend(plain(account)),
                Some(_) | None => self.keep(key, plain(value)),
            },
            "aws:userid" => self.ids.extend(value.split(':').next().and_then(plain)),
            "aws:sourcevpc" | "aws:sourcevpce" => self.keep(key, plain(value)),
            _ => {}
        }
    }

    fn keep(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.values.entry(key.to_owned()).or_default().insert(value);
        }
    }

    /// ARNs that are not an outsider's.
    pub(super) fn arns(&self, key: &str) -> Language {
        let mut language = self.exactly(key);
        for account in &self.accounts {
            language.add(Language::form(&format!("arn:%:%:%:{account}:*")));
        }
        language
    }

    fn exactly(&self, key: &str) -> Language {
        texts(self.values.get(key).into_iter().flatten().map(String::as_str), "")
    }

    /// The values of a key that are not an outsider's.
    pub(super) fn forbidden(&self, key: &str) -> Language {
        let names = |set: &BTreeSet<String>| texts(set.iter().map(String::as_str), "");
        // Whoever comes through an access point has its ARN.
        if self.kind == Kind::AccessPoint && key.starts_with("s3:dataaccesspoint") {
            return Language::none();
        }
        match key {
            "aws:principalaccount"
            | "aws:sourceaccount"
            | "aws:sourceowner"
            | "s3:dataaccesspointaccount" => names(&self.accounts),
            "aws:principalorgid" | "aws:sourceorgid" => names(&self.organizations),
            "aws:principalorgpaths" | "aws:sourceorgpaths" => {
                texts(self.organizations.iter().map(String::as_str), "/*")
            }
            "aws:sourcearn" | "s3:dataaccesspointarn" => self.arns(key),
            "aws:userid" => {
                let mut all = names(&self.ids);
                all.add(texts(self.ids.iter().map(String::as_str), ":*"));
                all.add(names(&self.accounts));
                all.add(texts(self.accounts.iter().map(String::as_str), ":*"));
                all
            }
            _ => self.exactly(key),
        }
    }
}

/// Exactly these texts with a form behind each.
fn texts<'a>(all: impl Iterator<Item = &'a str>, behind: &str) -> Language {
    let mut language = Language::none();
    for text in all {
        let exact = text.chars().map(Symbol::Exact);
        let form = Language::form(behind);
        language.push(exact.chain(form.patterns().iter().flatten().copied()).collect());
    }
    language
}
