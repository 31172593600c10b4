//! `strongroom explain`: why a request is, or was, allowed or denied.

use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use strongroom_api_strongroom::{
    AdvisedChange, AdvisedChangeKind, ContextEntry, Decision, ExplainDecisionInput, ExplainDecisionOutput,
    ExplainedPolicy, ExplainedStatement, ExplainedStep, Explanation, FailedCondition, RecordedRequest,
    StatementOutcome, StepOutcome,
};

use crate::args::{Output, RemoteArgs};
use crate::client::Client;
use crate::error::CliError;
use crate::output::{self, visible};

/// `strongroom explain`.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("question").required(true).args(["request_id", "principal"]),
    after_help = "Examples:\n  strongroom explain 4442587FB7D0A2F9\n  \
    strongroom explain --principal arn:aws:iam::111122223333:user/ann --action s3:GetObject \\\n    \
    --resource arn:aws:s3:::reports/2026.csv --context aws:SourceIp=192.0.2.7\n\n\
    A request that was made is told from its record, and decided once more with the policies of today. One that was not \
    is taken to come over TLS 1.3, now, from 0.0.0.0, unless --context says otherwise; session policies are not known."
)]
pub(crate) struct ExplainArgs {
    /// The id of a request, as its answer had it (x-amz-request-id)
    #[arg(value_name = "REQUEST-ID", conflicts_with_all = ["principal", "action", "resource"])]
    request_id: Option<String>,
    /// Who asks: the ARN of a user, role or role session, an account's number (its root user), or "anonymous"
    #[arg(long, value_name = "ARN", requires = "action", requires = "resource")]
    principal: Option<String>,
    /// What for: an action, as in s3:GetObject
    #[arg(long, value_name = "ACTION", requires = "principal")]
    action: Option<String>,
    /// On what: an ARN, or *
    #[arg(long, value_name = "ARN", requires = "principal")]
    resource: Option<String>,
    /// A condition key and its value; the same key again adds a value
    #[arg(long, value_name = "KEY=VALUE", value_parser = context)]
    context: Vec<(String, String)>,
    /// Which server.
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Reads `key=value`.
pub(crate) fn context(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("give it as KEY=VALUE, as in aws:SourceIp=192.0.2.7")?;
    if !key.contains(':') {
        return Err(format!("{key} is no condition key: they look like aws:SourceIp or s3:prefix"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Keys with all their values.
pub(crate) fn entries(given: &[(String, String)]) -> Option<Vec<ContextEntry>> {
    let mut entries: Vec<ContextEntry> = Vec::new();
    for (key, value) in given {
        match entries.iter_mut().find(|entry| entry.key.eq_ignore_ascii_case(key)) {
            Some(entry) => entry.values.push(value.clone()),
            None => entries.push(ContextEntry { key: key.clone(), values: vec![value.clone()] }),
        }
    }
    (!entries.is_empty()).then_some(entries)
}

/// Asks the server and prints its answer.
pub(crate) async fn run(args: &ExplainArgs) -> Result<(), CliError> {
    let input = ExplainDecisionInput {
        request_id: args.request_id.clone(),
        principal: args.principal.clone(),
        action: args.action.clone(),
        resource: args.resource.clone(),
        context: entries(&args.context),
    };
    let answer = Client::of(&args.remote)?.call(&input).await?;
    match args.remote.output {
        Output::Json => output::print_json(&answer_json(&answer)),
        Output::Text => output::print(&answer_text(&answer)),
    }
}

fn decision_word(decision: Option<Decision>) -> &'static str {
    match decision {
        Some(Decision::Allowed) => "allowed",
        Some(Decision::ImplicitlyDenied) => "denied: nothing allows it",
        Some(Decision::ExplicitlyDenied) => "denied explicitly",
        Some(Decision::Undecided) | None => "not decided",
    }
}

fn answer_text(answer: &ExplainDecisionOutput) -> String {
    let mut text = String::new();
    if let Some(request) = &answer.request {
        text.push_str(&request_text(request));
        text.push_str(match &answer.explanation {
            Some(_) => "\nDecided once more, with the policies of today:\n\n",
            None => {
                "\nIt cannot be decided once more: what it was about, or who asked, is not known any more.\n"
            }
        });
    }
    if let Some(explanation) = &answer.explanation {
        text.push_str(&explanation_text(explanation));
    }
    text
}

fn request_text(request: &RecordedRequest) -> String {
    let received =
        request.received_at.map(strongroom_types::Timestamp::to_iso8601_seconds).unwrap_or_default();
    let operation = format!("{} {}", request.service, request.operation);
    let answered = match (request.status, &request.error_code) {
        (Some(status), Some(code)) => format!("{status} {code}"),
        (Some(status), None) => status.to_string(),
        (None, _) => "its end is not recorded".to_owned(),
    };
    output::pairs(&[
        ("Request", &request.request_id),
        ("Received", &received),
        ("Operation", &operation),
        ("Principal", request.principal.as_deref().unwrap_or("anonymous")),
        ("From", request.source_ip.as_deref().unwrap_or_default()),
        ("Decision", decision_word(request.decision)),
        ("Because of", request.reason.as_deref().unwrap_or("nothing was there to decide on")),
        ("Answer", &answered),
    ])
}

fn explanation_text(explanation: &Explanation) -> String {
    let mut text = output::pairs(&[
        ("Principal", &explanation.principal),
        ("Action", &explanation.action),
        ("Resource", &explanation.resource),
        ("Decision", decision_word(explanation.decision)),
        ("Because of", &explanation.reason),
    ]);
    text.push_str("\nThe way of the decision:\n");
    let last = explanation.steps.len().saturating_sub(1);
    for (index, step) in explanation.steps.iter().enumerate() {
        push_step(&mut text, step, index == last);
    }
    if !explanation.changes.is_empty() {
        text.push_str("\nThe smallest change that would allow it:\n");
    }
    for (index, change) in explanation.changes.iter().enumerate() {
        push_change(&mut text, index + 1, change);
    }
    text
}

fn push_step(text: &mut String, step: &ExplainedStep, last: bool) {
    let (branch, trunk) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
    let level = step.level.as_deref().map(|level| format!(" of {level}")).unwrap_or_default();
    let outcome = match step.outcome {
        Some(StepOutcome::Denies) => "denies",
        Some(StepOutcome::Allows) => "allows",
        Some(StepOutcome::Skipped) => "has no say",
        Some(StepOutcome::Silent) | None => "is silent",
    };
    let note = step.note.as_deref().map(|note| format!(" ({note})")).unwrap_or_default();
    let head = format!("{branch}{}{level}: {outcome}{note}", step.policy_type);
    text.push_str(&visible(&head));
    text.push('\n');
    for policy in &step.policies {
        push_policy(text, trunk, policy);
    }
}

fn push_policy(text: &mut String, trunk: &str, policy: &ExplainedPolicy) {
    text.push_str(&visible(&format!("{trunk}{}", policy.name)));
    text.push('\n');
    for statement in &policy.statements {
        let line =
            format!("{trunk}  {} {}: {}", statement.effect, statement.statement, outcome_text(statement));
        text.push_str(&visible(&line));
        text.push('\n');
    }
}

fn outcome_text(statement: &ExplainedStatement) -> String {
    match statement.outcome {
        Some(StatementOutcome::Applies) => "applies".to_owned(),
        Some(StatementOutcome::OtherAction) => "is about other actions".to_owned(),
        Some(StatementOutcome::OtherResource) => "is about other resources".to_owned(),
        Some(StatementOutcome::OtherPrincipal) => "is about other principals".to_owned(),
        Some(StatementOutcome::ConditionFails) => format!(
            "its condition {} on {} does not hold: the request has {}",
            statement.operator.as_deref().unwrap_or_default(),
            statement.key.as_deref().unwrap_or_default(),
            found_text(statement.found.as_deref()),
        ),
        None => String::new(),
    }
}

fn found_text(found: Option<&[String]>) -> String {
    found.map_or_else(|| "no such key".to_owned(), |values| values.join(", "))
}

fn push_change(text: &mut String, number: usize, change: &AdvisedChange) {
    let policy_type = change.policy_type.as_deref().unwrap_or_default();
    let statement = change.statement.as_deref().unwrap_or_default();
    let level = change.level.as_deref().map(|level| format!(" of {level}")).unwrap_or_default();
    let line = match change.kind {
        Some(AdvisedChangeKind::RemoveStatement) => {
            let policy = change.policy.as_deref().unwrap_or_default();
            format!("{number}. take statement {statement} out of the {policy_type} {policy}, or narrow it")
        }
        Some(AdvisedChangeKind::AddStatement) => {
            format!("{number}. add to the {policy_type}{level}: {statement}")
        }
        Some(AdvisedChangeKind::UnblockPublicAccess) => {
            format!(
                "{number}. let the bucket's policy name whom it is for, or turn RestrictPublicBuckets off"
            )
        }
        None => return,
    };
    text.push_str(&visible(&line));
    text.push('\n');
    for near in change.near.iter().flatten() {
        let line = format!(
            "   or let statement {} of {} apply: its condition {} on {} does not hold, the request has {}",
            near.statement,
            near.policy,
            near.operator,
            near.key,
            found_text(near.found.as_deref()),
        );
        text.push_str(&visible(&line));
        text.push('\n');
    }
}

fn answer_json(answer: &ExplainDecisionOutput) -> Value {
    json!({
        "explanation": answer.explanation.as_deref().map(explanation_json),
        "request": answer.request.as_deref().map(request_json),
    })
}

fn request_json(request: &RecordedRequest) -> Value {
    json!({
        "request_id": request.request_id,
        "received_at": request.received_at.map(strongroom_types::Timestamp::to_iso8601_seconds),
        "service": request.service,
        "operation": request.operation,
        "principal": request.principal,
        "source_ip": request.source_ip,
        "decision": request.decision.map(Decision::as_str),
        "reason": request.reason,
        "status": request.status,
        "error_code": request.error_code,
    })
}

fn explanation_json(explanation: &Explanation) -> Value {
    json!({
        "principal": explanation.principal,
        "action": explanation.action,
        "resource": explanation.resource,
        "decision": explanation.decision.map(Decision::as_str),
        "reason": explanation.reason,
        "steps": explanation.steps.iter().map(step_json).collect::<Vec<_>>(),
        "changes": explanation.changes.iter().map(change_json).collect::<Vec<_>>(),
    })
}

fn step_json(step: &ExplainedStep) -> Value {
    let statement = |statement: &ExplainedStatement| {
        json!({
            "statement": statement.statement,
            "effect": statement.effect,
            "outcome": statement.outcome.map(StatementOutcome::as_str),
            "operator": statement.operator,
            "key": statement.key,
            "found": statement.found,
        })
    };
    let policy = |policy: &ExplainedPolicy| {
        json!({
            "name": policy.name,
            "statements": policy.statements.iter().map(statement).collect::<Vec<_>>(),
        })
    };
    json!({
        "policy_type": step.policy_type,
        "level": step.level,
        "outcome": step.outcome.map(StepOutcome::as_str),
        "note": step.note,
        "policies": step.policies.iter().map(policy).collect::<Vec<_>>(),
    })
}

fn change_json(change: &AdvisedChange) -> Value {
    let near = |near: &FailedCondition| {
        json!({
            "policy": near.policy,
            "statement": near.statement,
            "operator": near.operator,
            "key": near.key,
            "found": near.found,
        })
    };
    json!({
        "kind": change.kind.map(AdvisedChangeKind::as_str),
        "policy_type": change.policy_type,
        "level": change.level,
        "policy": change.policy,
        // What is to be added is a document itself.
        "statement": change.statement.as_deref().map(|text| {
            serde_json::from_str::<Value>(text).ok().filter(Value::is_object).unwrap_or_else(|| json!(text))
        }),
        "near": change.near.iter().flatten().map(near).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_given_twice_has_both_values() {
        let given = ["aws:TagKeys=a", "aws:tagkeys=b=c", "s3:prefix="].map(|text| context(text).unwrap());
        let entries = entries(&given).unwrap();
        assert_eq!(entries[0].values, ["a", "b=c"]);
        assert_eq!(entries[1].values, [""]);
        assert!(context("prefix=x").is_err() && context("s3:prefix").is_err());
    }

    #[test]
    fn a_denial_is_drawn_as_a_tree_with_what_would_change_it() {
        let statement = ExplainedStatement {
            statement: "Home".to_owned(),
            effect: "Allow".to_owned(),
            outcome: Some(StatementOutcome::ConditionFails),
            operator: Some("IpAddress".to_owned()),
            key: Some("aws:sourceip".to_owned()),
            found: Some(vec!["192.0.2.7".to_owned()]),
        };
        let policy = ExplainedPolicy { name: "home\u{1b}[2J".to_owned(), statements: vec![statement] };
        let step = ExplainedStep {
            policy_type: "identity-based policy".to_owned(),
            outcome: Some(StepOutcome::Silent),
            policies: vec![policy],
            ..ExplainedStep::default()
        };
        let change = AdvisedChange {
            kind: Some(AdvisedChangeKind::AddStatement),
            policy_type: Some("identity-based policy".to_owned()),
            statement: Some(r#"{"Effect":"Allow"}"#.to_owned()),
            ..AdvisedChange::default()
        };
        let explanation = Explanation {
            decision: Some(Decision::ImplicitlyDenied),
            steps: vec![step],
            changes: vec![change],
            ..Explanation::default()
        };
        let answer = ExplainDecisionOutput { explanation: Some(Box::new(explanation)), request: None };
        let text = answer_text(&answer);
        assert!(text.contains("└─ identity-based policy: is silent\n"), "{text}");
        assert!(text.contains(
            "Allow Home: its condition IpAddress on aws:sourceip does not hold: the request has 192.0.2.7"
        ));
        assert!(text.contains("1. add to the identity-based policy: {\"Effect\":\"Allow\"}\n"));
        assert!(!text.contains('\u{1b}'), "bytes that steer a terminal");
        assert_eq!(answer_json(&answer)["explanation"]["changes"][0]["statement"]["Effect"], "Allow");
    }
}
