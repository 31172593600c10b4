//! The whole way of a decision, as values, for people who ask why.

use super::decision::{Decision, Source};
use super::matching::Outcome;
use super::principal::Grant;
use super::request::Attached;
use crate::compile::Compiled;
use crate::context::Context;
use crate::document::Effect;

/// What is told about while a decision is made.
pub(crate) trait Observer {
    /// Go on after an explicit deny, so that all is told.
    const COMPLETE: bool;
    fn begin(&mut self, source: Source, level: Option<&str>);
    fn policy(&mut self, attached: &Attached<'_>);
    fn statement(&mut self, index: usize, statement: &Compiled, outcome: Outcome<'_>);
    fn end(&mut self, outcome: StepOutcome);
    fn skip(&mut self, source: Source, why: &'static str);
}

/// Tells nobody.
pub(crate) struct Silent;

impl Observer for Silent {
    const COMPLETE: bool = false;
    fn begin(&mut self, _source: Source, _level: Option<&str>) {}
    fn policy(&mut self, _attached: &Attached<'_>) {}
    fn statement(&mut self, _index: usize, _statement: &Compiled, _outcome: Outcome<'_>) {}
    fn end(&mut self, _outcome: StepOutcome) {}
    fn skip(&mut self, _source: Source, _why: &'static str) {}
}

/// The way of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The answer; the same as without a trace.
    pub decision: Decision,
    /// Each kind of policy, in the order of evaluation.
    pub steps: Vec<Step>,
}

/// One kind of policy, or one level of control policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The kind.
    pub source: Source,
    /// Where control policies hang.
    pub level: Option<String>,
    /// What they say together.
    pub outcome: StepOutcome,
    /// Each policy.
    pub policies: Vec<PolicyTrace>,
}

/// What the policies of a step say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// One denies.
    Denies,
    /// One allows, and comes this near to the caller.
    Allows(Grant),
    /// Neither.
    Silent,
    /// They have no say, and why.
    Skipped(&'static str),
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyTrace {
    /// Its name.
    pub name: String,
    /// Each statement.
    pub statements: Vec<StatementTrace>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementTrace {
    /// From 0.
    pub index: usize,
    /// Its Sid.
    pub sid: Option<String>,
    /// Its effect.
    pub effect: Effect,
    /// What it has to do with the request.
    pub outcome: StatementOutcome,
}

/// What a statement has to do with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementOutcome {
    /// It is about the request, and comes this near to the caller.
    Applies(Grant),
    /// It is about other actions.
    OtherAction,
    /// It is about other resources.
    OtherResource,
    /// It is about other principals.
    OtherPrincipal,
    /// A condition does not hold.
    ConditionFails {
        /// As in `ForAnyValue:StringLike`.
        operator: String,
        /// In lower case.
        key: String,
        /// What the request has; `None`: nothing.
        found: Option<Vec<String>>,
    },
}

/// Writes down what it is told.
pub(crate) struct Recorder<'a> {
    pub(crate) context: &'a dyn Context,
    pub(crate) steps: Vec<Step>,
}

impl Recorder<'_> {
    fn told(&self, outcome: Outcome<'_>) -> StatementOutcome {
        match outcome {
            Outcome::Applies(grant) => StatementOutcome::Applies(grant),
            Outcome::Action => StatementOutcome::OtherAction,
            Outcome::Resource => StatementOutcome::OtherResource,
            Outcome::Principal => StatementOutcome::OtherPrincipal,
            Outcome::Condition(condition) => StatementOutcome::ConditionFails {
                operator: condition.operator.to_string(),
                key: condition.key.to_string(),
                found: self.context.values(&condition.key).map(|values| values.to_list()),
            },
        }
    }
}

impl Observer for Recorder<'_> {
    const COMPLETE: bool = true;

    fn begin(&mut self, source: Source, level: Option<&str>) {
        let level = level.map(str::to_owned);
        self.steps.push(Step { source, level, outcome: StepOutcome::Silent, policies: Vec::new() });
    }

    fn policy(&mut self, attached: &Attached<'_>) {
        if let Some(step) = self.steps.last_mut() {
            step.policies.push(PolicyTrace { name: attached.name.to_owned(), statements: Vec::new() });
        }
    }

    fn statement(&mut self, index: usize, statement: &Compiled, outcome: Outcome<'_>) {
        let outcome = self.told(outcome);
        let policies = self.steps.last_mut().map(|step| &mut step.policies);
        if let Some(policy) = policies.and_then(|policies| policies.last_mut()) {
            let sid = statement.sid.as_deref().map(str::to_owned);
            policy.statements.push(StatementTrace { index, sid, effect: statement.effect, outcome });
        }
    }

    fn end(&mut self, outcome: StepOutcome) {
        if let Some(step) = self.steps.last_mut() {
            step.outcome = outcome;
        }
    }

    fn skip(&mut self, source: Source, why: &'static str) {
        let outcome = StepOutcome::Skipped(why);
        self.steps.push(Step { source, level: None, outcome, policies: Vec::new() });
    }
}
