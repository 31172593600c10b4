//! The search: what the Allow demands is solved, then what each denial that still applies demands to fail, in every way
//! in which it can.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::Who;
use super::language::{Test, of_actions, of_condition, of_resources};
use super::word::Language;
use super::{COPY, World};
use crate::compile::ActionName;
use crate::condition::{Condition, Family};
use crate::context::ContextMap;
use crate::document::{AwsPrincipal, ConditionElement, Effect, PrincipalElement, PrincipalEntry, Statement};
use crate::evaluate::{Outcome, Prepared, Principal, Request};
use crate::kind::Kind;
use crate::pattern::ArnParts;

/// One search: who asks, and what the keys are that variables name.
pub(super) struct Case<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) who: &'a Who,
    /// Values that are settled; none: the request does not have the key.
    pub(super) assigned: BTreeMap<String, Option<String>>,
    /// Keys on whose values nothing may depend, in a loose search.
    pub(super) open: BTreeSet<String>,
    /// What cannot be decided is taken as the outsider would have it.
    pub(super) loose: bool,
}

/// A request in the making.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// In lower case.
    pub(super) action: String,
    pub(super) resource: String,
    /// Of a foreign caller.
    pub(super) arn: Option<String>,
    pub(super) keys: BTreeMap<String, Vec<String>>,
}

/// A condition that must hold, or must not.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) condition: &'a Condition,
    pub(super) holds: bool,
    /// The condition belongs to a denial.
    pub(super) denies: bool,
}

/// What a request must be.
#[derive(Clone, Default)]
pub(super) struct Demands<'a> {
    pub(super) action: Vec<Test>,
    pub(super) resource: Vec<Test>,
    pub(super) arn: Vec<Test>,
    pub(super) keys: BTreeMap<&'a str, Vec<Signed<'a>>>,
}

/// One way in which a denial fails.
enum Failing<'a> {
    Action(Test),
    Resource(Test),
    Principal(Test),
    Condition(Signed<'a>),
}

/// Actions that people know, in the order of what they would rather see, and whether they are done to objects.
const KNOWN: &[(&str, bool)] = &[
    ("s3:GetObject", true),
    ("s3:PutObject", true),
    ("s3:DeleteObject", true),
    ("s3:ListBucket", false),
    ("s3:GetObjectVersion", true),
    ("s3:GetObjectAcl", true),
    ("s3:PutObjectAcl", true),
    ("s3:GetObjectTagging", true),
    ("s3:ListBucketVersions", false),
    ("s3:GetBucketLocation", false),
    ("s3:GetBucketAcl", false),
    ("s3:GetBucketPolicy", false),
    ("s3:PutBucketPolicy", false),
];

/// An action as people write it.
pub(super) fn spelled_action(action: &str) -> String {
    let known = KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(action));
    known.map_or(action, |(name, _)| name).to_owned()
}

impl<'a> Case<'a> {
    /// A request that the statement allows and nothing denies; `as_known`: one that people know.
    pub(super) fn search(&self, allow: usize, as_known: Option<(&str, bool)>) -> Option<Model> {
        let statement = self.world.document.statements().get(allow)?;
        let mut demands = Demands::default();
        if let Some((action, object)) = as_known {
            demands.action.push(Test::new(Language::text(&action.to_ascii_lowercase()), true));
            let form = if object { "arn:aws:s3:::~?/?*" } else { "arn:aws:s3:::~" };
            demands.resource.push(Test::new(Language::form(form), true));
        }
        demands.action.push(of_actions(&statement.action));
        if let Some(resources) = &statement.resource
            && !self.is_loose_resource(statement)
        {
            let context = self.context(&Model::default());
            demands.resource.push(of_resources(resources, &context, false));
        }
        for condition in &statement.conditions {
            if !self.is_loose(condition) {
                self.demand(
                    &mut demands,
                    Signed { condition: &condition.typed, holds: true, denies: false },
                )?;
            }
        }
        let model = self.solve(&demands)?;
        self.refute(&demands, model)
    }

    /// The same with an action and a resource that people know, if there is such a request.
    pub(super) fn understandable(&self, allow: usize) -> Option<Model> {
        let known = matches!(self.world.document.kind(), Kind::Bucket | Kind::AccessPoint);
        let actions = if known { KNOWN } else { &[] };
        actions.iter().find_map(|(action, object)| self.search(allow, Some((action, *object))))
    }

    fn demand(&self, demands: &mut Demands<'a>, signed: Signed<'a>) -> Option<()> {
        let key: &str = &signed.condition.key;
        if *self.who == Who::Foreign && ["aws:principalarn", "aws:principalaccount"].contains(&key) {
            demands.arn.push(self.identity_test(signed)?);
        } else {
            demands.keys.entry(key).or_default().push(signed);
        }
        Some(())
    }

    /// Every variable of the request.
    fn solve(&self, demands: &Demands<'a>) -> Option<Model> {
        let mut model = Model {
            action: self.solve_action(&demands.action)?,
            resource: self.solve_resource(&demands.resource)?,
            arn: None,
            keys: BTreeMap::new(),
        };
        if *self.who == Who::Foreign {
            model.arn = Some(self.solve_arn(&demands.arn)?);
        }
        for key in self.world.families.keys() {
            if self.is_identity(key) {
                continue;
            }
            let signed = demands.keys.get(key.as_str()).map(Vec::as_slice).unwrap_or_default();
            let values = self.solve_key(key, signed)?;
            model.keys.insert(key.clone(), values);
        }
        Some(model)
    }

    pub(super) fn is_identity(&self, key: &str) -> bool {
        *self.who == Who::Foreign && ["aws:principalarn", "aws:principalaccount"].contains(&key)
    }

    /// Makes every denial fail that applies.
    fn refute(&self, demands: &Demands<'a>, model: Model) -> Option<Model> {
        // Each statement may be evaluated, and for it a context built.
        let evaluated = self.world.document.statements().len() * (self.world.families.len() + 1);
        if !self.world.spend(evaluated << 7) {
            return None;
        }
        let Some(denial) = self.denial(&model) else { return Some(model) };
        for failing in self.ways_to_fail(denial) {
            let mut demands = demands.clone();
            let Some(next) = self.with(&mut demands, &model, failing) else { continue };
            if self.applies(denial, &next) {
                // INVARIANT: a demand that is met makes the denial fail; where it does not, the search is not exact.
                self.world.gap.set(true);
                continue;
            }
            if let Some(found) = self.refute(&demands, next) {
                return Some(found);
            }
        }
        None
    }

    /// The request with one variable solved anew.
    fn with(&self, demands: &mut Demands<'a>, model: &Model, failing: Failing<'a>) -> Option<Model> {
        let mut next = model.clone();
        match failing {
            Failing::Action(test) => {
                demands.action.push(test);
                next.action = self.solve_action(&demands.action)?;
            }
            Failing::Resource(test) => {
                demands.resource.push(test);
                next.resource = self.solve_resource(&demands.resource)?;
            }
            Failing::Principal(test) => {
                demands.arn.push(test);
                next.arn = Some(self.solve_arn(&demands.arn)?);
            }
            Failing::Condition(signed) => {
                let key: &str = &signed.condition.key;
                self.demand(demands, signed)?;
                if self.is_identity(key) {
                    next.arn = Some(self.solve_arn(&demands.arn)?);
                } else {
                    let signed = demands.keys.get(key).map(Vec::as_slice).unwrap_or_default();
                    next.keys.insert(key.to_owned(), self.solve_key(key, signed)?);
                }
            }
        }
        Some(next)
    }

    /// The first denial that applies to the request and is not taken as failing.
    fn denial(&self, model: &Model) -> Option<usize> {
        self.with_request(model, |prepared| {
            let mut statements = self.world.document.statements().iter().zip(&self.world.policy.statements);
            statements.position(|(statement, compiled)| {
                statement.effect == Effect::Deny
                    && matches!(prepared.outcome(compiled, true), Outcome::Applies(_))
                    && !self.may_fail(statement)
            })
        })
    }

    /// In a loose search: something about the denial cannot be decided.
    fn may_fail(&self, statement: &Statement) -> bool {
        self.is_loose_resource(statement)
            || self.loose && statement.principal.as_ref().is_some_and(is_vague)
            || statement.conditions.iter().any(|condition| self.is_loose(condition))
    }

    fn applies(&self, index: usize, model: &Model) -> bool {
        self.with_request(model, |prepared| {
            let statement = self.world.policy.statements.get(index);
            statement.is_some_and(|one| matches!(prepared.outcome(one, true), Outcome::Applies(_)))
        })
    }

    fn with_request<R>(&self, model: &Model, ask: impl FnOnce(&Prepared<'_>) -> R) -> R {
        let (principal, context) = (self.principal(model), self.context(model));
        let request = Request {
            principal: &principal,
            canonical_user: None,
            action: &model.action,
            resource: &model.resource,
            resource_account: self.world.owner,
            context: &context,
        };
        ask(&Prepared {
            request: &request,
            action: ActionName::of(&model.action),
            resource: ArnParts::of(&model.resource),
            target: ArnParts::of(&model.resource),
            has_target: false,
            has_boundary: false,
        })
    }

    fn ways_to_fail(&self, index: usize) -> Vec<Failing<'a>> {
        let Some(statement) = self.world.document.statements().get(index) else { return Vec::new() };
        let mut ways = Vec::new();
        for condition in statement.conditions.iter().map(|condition| &condition.typed) {
            ways.push(Failing::Condition(Signed { condition, holds: false, denies: true }));
        }
        if let Some(resources) = &statement.resource {
            let context = self.context(&Model::default());
            ways.push(Failing::Resource(of_resources(resources, &context, true).turned(false)));
        }
        ways.push(Failing::Action(of_actions(&statement.action).turned(false)));
        if let (Who::Foreign, Some(element)) = (self.who, &statement.principal) {
            if element.negated && is_vague(element) {
                self.world.gap.set(true);
            }
            ways.push(Failing::Principal(self.spares(element)));
        }
        ways
    }

    /// In a loose search: whether a condition holds cannot be decided.
    fn is_loose(&self, condition: &ConditionElement) -> bool {
        let depends = || condition.values.iter().any(|word| self.depends(word.as_str()));
        let typed = &condition.typed;
        let mixed = || self.world.families.get(&*typed.key).is_some_and(Option::is_none);
        let text = matches!(typed.family(), Family::Text | Family::Presence);
        self.loose && (depends() || mixed() || self.is_identity(&typed.key) && !text)
    }

    fn is_loose_resource(&self, statement: &Statement) -> bool {
        let mut words = statement.resource.iter().flat_map(|resource| &resource.patterns);
        self.loose && words.any(|word| self.depends(word.as_str()))
    }

    /// Whether a text has a variable whose value is open.
    fn depends(&self, text: &str) -> bool {
        crate::variable::keys(text).iter().any(|key| self.open.contains(&**key))
    }

    /// What an evaluation of the request sees.
    pub(super) fn context(&self, model: &Model) -> ContextMap {
        self.world.spend((self.assigned.len() + model.keys.len() + 1) * COPY);
        let mut context = ContextMap::new();
        for (key, value) in &self.assigned {
            if let Some(value) = value {
                context.insert(key, vec![value.clone()]);
            }
        }
        for (key, values) in &model.keys {
            context.insert(key, values.clone());
        }
        if let Some(arn) = &model.arn {
            context.insert("aws:principalarn", vec![arn.clone()]);
            let account = arn.split(':').nth(4).unwrap_or_default();
            context.insert("aws:principalaccount", vec![account.to_owned()]);
        }
        context
    }

    pub(super) fn principal(&self, model: &Model) -> Principal {
        let id = model.keys.get("aws:userid").and_then(|values| values.first());
        super::solve::principal(self.who, model.arn.as_deref(), id.map(String::as_str))
    }

    /// The values that the condition's texts stand for here.
    pub(super) fn test(&self, signed: Signed<'_>) -> Option<Test> {
        of_condition(signed.condition, &self.context(&Model::default()), signed.denies)
    }
}

/// Whether `NotPrincipal` spares somebody whose ARN it does not say.
fn is_vague(element: &PrincipalElement) -> bool {
    element.negated
        && element.entries().any(|entry| matches!(entry, PrincipalEntry::Aws(AwsPrincipal::UniqueId(_))))
}
