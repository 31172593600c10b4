//! Decisions in the words of the API.

use strongroom_api_strongroom as api;
use strongroom_gate::Explained;
use strongroom_policy::document::Effect;
use strongroom_policy::evaluate::{
    Change, Decision, Near, PolicyTrace, StatementOutcome, StatementTrace, Step, StepOutcome,
};
use strongroom_record::{Completed, Decided, Verdict};
use strongroom_types::Timestamp;

use crate::operator::wire;

/// The decision on `[principal, action, resource]`.
pub(super) fn explanation(question: [&str; 3], explained: Explained) -> api::Explanation {
    let [principal, action, resource] = question.map(ToOwned::to_owned);
    let decision = match explained.trace.decision {
        Decision::Allow(_) => api::Decision::Allowed,
        Decision::ImplicitDeny { .. } => api::Decision::ImplicitlyDenied,
        Decision::ExplicitDeny(_) => api::Decision::ExplicitlyDenied,
    };
    api::Explanation {
        reason: reason(&explained.trace.decision, &action),
        principal,
        action,
        resource,
        decision: Some(decision),
        steps: explained.trace.steps.into_iter().map(step).collect(),
        changes: explained.changes.into_iter().flatten().map(change).collect(),
    }
}

/// What decided, in a sentence's part.
pub(super) fn reason(decision: &Decision, action: &str) -> String {
    match decision {
        Decision::Allow(statement) | Decision::ExplicitDeny(statement) => statement.to_string(),
        Decision::ImplicitDeny { missing } => format!("no {missing} allows {action}"),
    }
}

fn step(step: Step) -> api::ExplainedStep {
    let (outcome, note) = match step.outcome {
        StepOutcome::Denies => (api::StepOutcome::Denies, None),
        StepOutcome::Allows(_) => (api::StepOutcome::Allows, None),
        StepOutcome::Silent => (api::StepOutcome::Silent, None),
        StepOutcome::Skipped(why) => (api::StepOutcome::Skipped, Some(why.to_owned())),
    };
    api::ExplainedStep {
        policy_type: step.source.name().to_owned(),
        level: step.level,
        outcome: Some(outcome),
        note,
        policies: step.policies.into_iter().map(policy).collect(),
    }
}

fn policy(policy: PolicyTrace) -> api::ExplainedPolicy {
    api::ExplainedPolicy {
        name: policy.name,
        statements: policy.statements.into_iter().map(statement).collect(),
    }
}

fn statement(statement: StatementTrace) -> api::ExplainedStatement {
    let effect = match statement.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    let shown = api::ExplainedStatement {
        statement: statement.sid.unwrap_or_else(|| statement.index.to_string()),
        effect: effect.to_owned(),
        ..api::ExplainedStatement::default()
    };
    let outcome = match statement.outcome {
        StatementOutcome::Applies(_) => api::StatementOutcome::Applies,
        StatementOutcome::OtherAction => api::StatementOutcome::OtherAction,
        StatementOutcome::OtherResource => api::StatementOutcome::OtherResource,
        StatementOutcome::OtherPrincipal => api::StatementOutcome::OtherPrincipal,
        StatementOutcome::ConditionFails { operator, key, found } => {
            let outcome = Some(api::StatementOutcome::ConditionFails);
            let (operator, key) = (Some(operator), Some(key));
            return api::ExplainedStatement { outcome, operator, key, found, ..shown };
        }
    };
    api::ExplainedStatement { outcome: Some(outcome), ..shown }
}

fn change(change: Change) -> api::AdvisedChange {
    match change {
        Change::Remove(statement) => api::AdvisedChange {
            kind: Some(api::AdvisedChangeKind::RemoveStatement),
            policy_type: Some(statement.source.name().to_owned()),
            policy: Some(statement.policy),
            statement: Some(statement.statement),
            ..api::AdvisedChange::default()
        },
        Change::Allow { source, level, statement, near } => api::AdvisedChange {
            kind: Some(api::AdvisedChangeKind::AddStatement),
            policy_type: Some(source.name().to_owned()),
            level,
            statement: Some(statement),
            near: (!near.is_empty()).then(|| near.into_iter().map(failed).collect()),
            ..api::AdvisedChange::default()
        },
        Change::Unblock => api::AdvisedChange {
            kind: Some(api::AdvisedChangeKind::UnblockPublicAccess),
            ..api::AdvisedChange::default()
        },
    }
}

fn failed(near: Near) -> api::FailedCondition {
    api::FailedCondition {
        policy: near.statement.policy,
        statement: near.statement.statement,
        operator: near.operator,
        key: near.key,
        found: near.found,
    }
}

/// What the record tells of a request.
pub(super) fn recorded(decided: &Decided, completed: Option<&Completed>) -> api::RecordedRequest {
    let decision = match decided.verdict {
        Verdict::Undecided => api::Decision::Undecided,
        Verdict::Allow => api::Decision::Allowed,
        Verdict::ImplicitDeny => api::Decision::ImplicitlyDenied,
        Verdict::ExplicitDeny => api::Decision::ExplicitlyDenied,
    };
    api::RecordedRequest {
        request_id: decided.request_id.clone(),
        received_at: Some(Timestamp::from_millis(decided.received_at_millis)),
        service: decided.service.clone(),
        operation: decided.operation.clone(),
        principal: decided.caller.arn.clone(),
        source_ip: Some(decided.source_ip.clone()),
        decision: Some(decision),
        reason: decided.reason.clone(),
        status: completed.map(|completed| wire(u64::from(completed.status))),
        error_code: completed.and_then(|completed| completed.error_code.clone()),
    }
}
