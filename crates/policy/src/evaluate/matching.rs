//! Whether a statement is about a request.

use super::principal::{Grant, grant};
use super::request::Request;
use crate::compile::{ActionName, Compiled, Resources};
use crate::condition::Condition;
use crate::document::Effect;
use crate::pattern::{ArnParts, Fit};

/// What a statement has to do with a request; the first that differs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome<'p> {
    /// It is about the request, and comes this near to the caller.
    Applies(Grant),
    Action,
    Resource,
    Principal,
    Condition(&'p Condition),
}

/// A request, taken apart once for all statements.
pub(crate) struct Prepared<'a> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) action: ActionName,
    /// What the caller's policies are about.
    pub(crate) resource: ArnParts<'a>,
    /// What the resource's policies are about.
    pub(crate) target: ArnParts<'a>,
    /// Whether that is another ARN.
    pub(crate) has_target: bool,
    pub(crate) has_boundary: bool,
}

impl Prepared<'_> {
    /// Compares what is cheapest and tells most apart first; the order changes nothing about the answer.
    ///
    /// Where the caller's policies are about an access point, what they deny of the bucket behind it by its own ARN is
    /// denied, too: nobody gets round a denial by going through an access point. (AWS says only that both must allow.)
    pub(crate) fn outcome<'p>(&self, statement: &'p Compiled, on_target: bool) -> Outcome<'p> {
        let denies = statement.effect == Effect::Deny;
        let arn = if on_target { &self.target } else { &self.resource };
        if !statement.actions.include(&self.action) {
            return Outcome::Action;
        }
        let concerns = |resources: &Resources| {
            self.concerns(resources, arn, denies)
                || (denies
                    && self.has_target
                    && !resources.negated
                    && self.concerns(resources, &self.target, denies))
        };
        if !statement.resources.as_ref().is_none_or(concerns) {
            return Outcome::Resource;
        }
        let near = match &statement.principals {
            // A policy that names nobody is about its bearer: on a resource it grants nothing, and denies all.
            None if on_target && !denies => Grant::None,
            None => Grant::Direct,
            Some(principals) => {
                let Request { principal, canonical_user, .. } = self.request;
                grant(principals, statement.effect, principal, *canonical_user, self.has_boundary)
            }
        };
        if near == Grant::None {
            return Outcome::Principal;
        }
        let context = self.request.context;
        match statement.conditions.iter().find(|condition| !condition.holds(context, denies)) {
            Some(condition) => Outcome::Condition(condition),
            None => Outcome::Applies(near),
        }
    }

    /// A pattern whose variable stands for nothing fits nothing. Whether `NotResource` then spares anything, nobody can
    /// tell: a denial holds, a grant does not.
    fn concerns(&self, resources: &Resources, arn: &ArnParts<'_>, denies: bool) -> bool {
        let context = self.request.context;
        match Fit::any(resources.patterns.iter().map(|pattern| pattern.fit(arn, context))) {
            Fit::Yes => !resources.negated,
            Fit::No => resources.negated,
            Fit::Unresolved => resources.negated && denies,
        }
    }
}
