//! One decision: who asks, what is asked, which policies have a say.

mod advice;
mod decision;
mod matching;
mod order;
mod principal;
mod request;
mod trace;

pub use advice::{Change, Near, advise};
pub use decision::{Decision, Missing, Source, Statement};
pub(crate) use matching::{Outcome, Prepared};
pub use principal::{FederatedUser, Grant, Principal, RoleSession, User};
pub(crate) use principal::{grant, grant_entries};
pub use request::{AclGrant, Attached, Level, PolicySets, Request, ResourceSide};
pub use trace::{PolicyTrace, StatementOutcome, StatementTrace, Step, StepOutcome, Trace};

use crate::compile::ActionName;
use crate::pattern::ArnParts;
use order::Evaluation;
use trace::{Recorder, Silent};

/// Decides.
pub fn evaluate(request: &Request<'_>, sets: &PolicySets<'_>) -> Decision {
    let prepared = prepare(request, sets);
    Evaluation { prepared: &prepared, sets, observer: Silent }.decide()
}

/// Decides, and tells the whole way. The answer is that of [`evaluate`]: both walk the same code.
pub fn explain(request: &Request<'_>, sets: &PolicySets<'_>) -> Trace {
    let prepared = prepare(request, sets);
    let observer = Recorder { context: request.context, steps: Vec::new() };
    let mut evaluation = Evaluation { prepared: &prepared, sets, observer };
    let decision = evaluation.decide();
    Trace { decision, steps: evaluation.observer.steps }
}

fn prepare<'a>(request: &'a Request<'a>, sets: &PolicySets<'a>) -> Prepared<'a> {
    Prepared {
        request,
        action: ActionName::of(request.action),
        resource: ArnParts::of(request.resource),
        target: ArnParts::of(sets.resource.arn.unwrap_or(request.resource)),
        has_target: sets.resource.arn.is_some(),
        has_boundary: sets.boundary.is_some(),
    }
}

#[cfg(test)]
mod tests;
