//! Is there a request of an outsider that a policy allows?
//!
//! # Who is an outsider
//!
//! A caller whose account, organisation, network and source no Allow fixes: nobody known; a user, role or root of an
//! account that the policy's grants do not name, whose own account lets it do everything; or whoever an identity
//! provider that a grant names vouches for. An outsider's account is no account that an Allow names (as a principal, in
//! `aws:PrincipalAccount`, `aws:PrincipalArn`, `aws:SourceArn`…), nor the owner's; so with `aws:PrincipalOrgID` and its
//! like, `aws:SourceVpc`, `aws:SourceVpce`, `aws:userid`, and the networks of `aws:SourceIp` that are no wider than AWS
//! lets a network be (/8, /32), nor together wider than that. All else (tags, headers, parameters, the time, values that
//! only a pattern describes) an outsider chooses. Keys are taken as independent of each other, but for a caller's account
//! and ARN; unique ids that the policy names anywhere are not an outsider's.
//!
//! # What is exact
//!
//! Every combination of actions, resources, principals, explicit denials and conditions of all operators, over as many
//! keys as there are, is decided exactly, as long as each key is compared in one way (as text, number, time, address…)
//! and no variable stands for something that the outsider chooses. Exactly means: by [`word::find`] over patterns, by a
//! value of each part that the policy's own values cut a key's values into, and by trying every way in which each
//! denial can fail. Then [`Reach::Unreachable`] says that there is no such request, and [`Reach::Reachable`] has one.
//!
//! Variables are tried with a number of values. If that finds a request, it is the witness. If it finds none, what
//! depends on such a variable is left out of consideration: if not even then there is a request, there is none. What
//! remains, and what would need more work than [`BUDGET`], is [`Reach::Undecided`], and counts as public.

mod fixed;
mod keys;
mod language;
mod search;
mod solve;
mod word;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use strongroom_types::AccountId;

use crate::compile::Policy;
use crate::condition::Family;
use crate::context::{Context, ContextMap};
use crate::document::{Document, Effect, PrincipalEntry, Version};
use crate::evaluate::{Grant, Principal, grant};
use crate::kind::Kind;
use crate::variable;
use fixed::{Fixed, OWN_ORGANIZATION};
use keys::{Traits, Values, Who};
use search::{Case, Model};

/// Work that one assessment may take, in words of automaton state that are looked at, and what costs as much: a quarter of a
/// second at most.
pub const BUDGET: usize = 1 << 23;

/// What a text that is copied costs, in words.
const COPY: usize = 16;

/// Combinations of values that variables are tried with.
const MAX_ASSIGNMENTS: usize = 64;

/// A request of an outsider that a policy allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Who asks; where it has an account, that account allows it everything.
    pub principal: Principal,
    /// What is asked.
    pub action: String,
    /// Of what.
    pub resource: String,
    /// The condition keys that the policy asks for and the request has, as the policy spells them, with their values.
    pub keys: Vec<(String, Vec<String>)>,
}

impl Witness {
    /// The keys, for an evaluation.
    pub fn context(&self) -> ContextMap {
        let mut context = ContextMap::new();
        for (key, values) in &self.keys {
            context.insert(key, values.clone());
        }
        context
    }
}

/// As in "an anonymous caller may do s3:GetObject to arn:aws:s3:::b/x with aws:Referer \"x\"".
impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.principal {
            Principal::Anonymous => f.write_str("an anonymous caller")?,
            Principal::WebIdentity(provider) => write!(f, "anybody with a token of {provider}")?,
            Principal::Root(_)
            | Principal::User(_)
            | Principal::RoleSession(_)
            | Principal::FederatedUser(_)
            | Principal::Service(_)
            | Principal::Worker { .. } => write!(f, "a caller of any account, such as {},", self.principal)?,
        }
        write!(f, " may do {} to {}", self.action, self.resource)?;
        let said = |key: &str| {
            let follows =
                ["aws:principalarn", "aws:principalaccount", "aws:resourceaccount", "aws:principaltype"];
            follows.contains(&key.to_lowercase().as_str())
        };
        for (index, (key, values)) in self.keys.iter().filter(|(key, _)| !said(key)).enumerate() {
            let values = values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ");
            write!(f, "{} {key} {values}", if index == 0 { " with" } else { " and" })?;
        }
        Ok(())
    }
}

/// Whether an outsider has a request that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// There is no such request.
    Unreachable,
    /// There is one.
    Reachable {
        /// The index of the statement that allows it.
        statement: usize,
        /// The request.
        witness: Box<Witness>,
    },
    /// It could not be told; counts as public.
    Undecided {
        /// The index of the statement that may allow one.
        statement: usize,
    },
}

/// Decides whether an outsider has a request that a policy of a resource of `owner` allows.
///
/// An outsider is a caller whose account, organisation, network and source no Allow fixes: nobody known, somebody of a
/// foreign account that lets it do everything, or whoever a provider that an Allow names vouches for.
///
/// The answer is exact for policies that compare each key in one way (as text, number, time, address…) and have no
/// variable that stands for something the outsider chooses. Of others it is still never wrong: [`Reach::Undecided`],
/// which counts as public, is the answer where neither a request nor its absence was found.
///
/// # Limits
/// [`BUDGET`].
pub fn reachable(document: &Document, owner: AccountId) -> Reach {
    World::new(document, owner).reach()
}

/// A policy and what is known about it, for all searches.
struct World<'a> {
    document: &'a Document,
    policy: Policy,
    owner: AccountId,
    fixed: Fixed,
    /// The condition keys in lower case, and how each is compared; none where in several ways.
    families: BTreeMap<String, Option<Family>>,
    /// Keys that variables name, by statement.
    variables: Vec<BTreeSet<String>>,
    budget: Cell<usize>,
    /// Something was given up for want of exactness.
    gap: Cell<bool>,
}

enum Answer {
    Yes(Box<Witness>),
    No,
    Unknown,
}

impl<'a> World<'a> {
    fn new(document: &'a Document, owner: AccountId) -> Self {
        let mut families = BTreeMap::new();
        let mut variables = Vec::new();
        for statement in document.statements() {
            let mut named = BTreeSet::new();
            let resources = statement.resource.iter().flat_map(|resource| &resource.patterns);
            let values = statement.conditions.iter().flat_map(|condition| &condition.values);
            if document.version() == Version::V2012 {
                let words = resources.chain(values);
                named.extend(words.flat_map(|word| variable::keys(word.as_str())).map(String::from));
            }
            variables.push(named);
            for condition in &statement.conditions {
                let family = condition.typed.family();
                let known = families.entry(condition.typed.key.to_string()).or_insert(Some(family));
                *known = match *known {
                    Some(Family::Presence) => Some(family),
                    Some(other) if family == Family::Presence || other == family => Some(other),
                    Some(_) | None => None,
                };
            }
        }
        Self {
            document,
            policy: Policy::compile(document),
            owner,
            fixed: Fixed::of(document, owner),
            families,
            variables,
            budget: Cell::new(BUDGET),
            gap: Cell::new(false),
        }
    }

    fn reach(&self) -> Reach {
        let mut undecided = None;
        for who in self.callers() {
            for statement in self.grants_to(&who) {
                if self.is_exhausted() {
                    return Reach::Undecided { statement: undecided.unwrap_or(statement) };
                }
                match self.statement(&who, statement) {
                    Answer::Yes(witness) => return Reach::Reachable { statement, witness },
                    Answer::No => {}
                    Answer::Unknown => undecided = undecided.or(Some(statement)),
                }
            }
        }
        undecided.map_or(Reach::Unreachable, |statement| Reach::Undecided { statement })
    }

    /// A role cannot be assumed by somebody unknown.
    fn callers(&self) -> Vec<Who> {
        let mut all = Vec::new();
        if self.document.kind() != Kind::Trust {
            all.push(Who::Anonymous);
        }
        all.push(Who::Foreign);
        for entry in self.document.principals() {
            if let PrincipalEntry::Federated(name) = entry {
                let bearer = Who::Bearer(name.clone());
                if !all.contains(&bearer) {
                    all.push(bearer);
                }
            }
        }
        all
    }

    /// The statements that allow such a caller something; which of many foreigners it is does not matter to them.
    fn grants_to(&self, who: &Who) -> Vec<usize> {
        let principal = solve::example(who);
        let allows = self.policy.statements.iter().enumerate().filter(|(_, statement)| {
            let principals = statement.principals.as_ref().filter(|_| statement.effect == Effect::Allow);
            principals.is_some_and(|principals| {
                grant(principals, Effect::Allow, &principal, None, false) != Grant::None
            })
        });
        allows.map(|(index, _)| index).collect()
    }

    /// What is known without looking at a request: the organisation only where no condition asks for it.
    fn constants(&self) -> Vec<(String, Option<String>)> {
        let mut all = vec![("aws:resourceaccount".to_owned(), Some(self.owner.to_string()))];
        if !self.families.contains_key("aws:resourceorgid") {
            all.push(("aws:resourceorgid".to_owned(), Some(OWN_ORGANIZATION.to_owned())));
        }
        all
    }

    /// Keys whose values a search has to guess, since a pattern depends on them.
    fn open_keys(&self, who: &Who, allow: usize) -> BTreeSet<String> {
        let denies = |index: usize| {
            self.policy.statements.get(index).is_some_and(|statement| statement.effect == Effect::Deny)
        };
        let statements =
            self.variables.iter().enumerate().filter(|(index, _)| *index == allow || denies(*index));
        let constants = self.constants();
        let is_open = |key: &&String| match self.traits(key, who).values {
            Values::None => false,
            Values::OneOf(values) => values.len() > 1,
            Values::Free { .. } => constants.iter().all(|(name, _)| name != *key),
        };
        statements.flat_map(|(_, keys)| keys).filter(is_open).cloned().collect()
    }

    /// Takes work off what is left; false where that is not enough, and then nothing is.
    fn spend(&self, work: usize) -> bool {
        let enough = word::spend(&self.budget, work);
        if !enough {
            self.gap.set(true);
        }
        enough
    }

    fn is_exhausted(&self) -> bool {
        self.budget.get() == 0
    }

    fn traits(&self, key: &str, who: &Who) -> Traits {
        self.spend(self.fixed.len().saturating_add(1).saturating_mul(COPY));
        Traits::of(key, who, &self.fixed, self.owner)
    }

    fn statement(&self, who: &Who, allow: usize) -> Answer {
        let open = self.open_keys(who, allow);
        self.gap.set(false);
        for assigned in self.assignments(who, allow, &open) {
            if self.is_exhausted() {
                break;
            }
            let case = Case { world: self, who, assigned, open: BTreeSet::new(), loose: false };
            if let Some(model) = case.search(allow, None) {
                let model = case.understandable(allow).unwrap_or(model);
                return Answer::Yes(Box::new(self.witness(&case, &model)));
            }
        }
        if self.is_exhausted() {
            return Answer::Unknown;
        }
        if open.is_empty() && !self.gap.get() {
            return Answer::No;
        }
        self.gap.set(false);
        let assigned = self.constants().into_iter().collect();
        let case = Case { world: self, who, assigned, open, loose: true };
        let none = case.search(allow, None).is_none();
        if none && !self.gap.get() { Answer::No } else { Answer::Unknown }
    }

    /// Values to try for the keys that variables name.
    fn assignments(
        &self,
        who: &Who,
        allow: usize,
        open: &BTreeSet<String>,
    ) -> Vec<BTreeMap<String, Option<String>>> {
        let start: BTreeMap<_, _> = self.constants().into_iter().collect();
        let case = Case { world: self, who, assigned: start.clone(), open: BTreeSet::new(), loose: false };
        let mut all = vec![start];
        for key in open {
            let candidates = case.candidates(key, allow);
            let mut more = Vec::new();
            for assigned in &all {
                for candidate in &candidates {
                    if more.len() == MAX_ASSIGNMENTS || !self.spend((assigned.len() + 1) * COPY) {
                        break;
                    }
                    let mut next = assigned.clone();
                    next.extend(candidate.iter().cloned());
                    more.push(next);
                }
            }
            all = more;
        }
        all
    }

    fn witness(&self, case: &Case<'_>, model: &Model) -> Witness {
        let context = case.context(model);
        let spelled = |key: &str| {
            let conditions = self.document.statements().iter().flat_map(|statement| &statement.conditions);
            let found = conditions.map(|c| c.key.as_str()).find(|name| name.to_lowercase() == key);
            found.unwrap_or(key).to_owned()
        };
        let asked = self.document.context_keys();
        let found = asked.iter().filter_map(|key| Some((key, context.values(key)?.to_list())));
        let present = found.filter(|(_, values)| !values.is_empty());
        Witness {
            principal: case.principal(model),
            action: search::spelled_action(&model.action),
            resource: model.resource.clone(),
            keys: present.map(|(key, values)| (spelled(key), values)).collect(),
        }
    }
}
