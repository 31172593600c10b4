//! The order of evaluation: first every explicit deny, then what must allow.
//!
//! Source: IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation logic".

use super::decision::{Decision, Missing, Source, Statement};
use super::matching::{Outcome, Prepared};
use super::principal::{Grant, Principal};
use super::request::{AclGrant, Attached, Level, PolicySets};
use super::trace::{Observer, StepOutcome};
use crate::compile::Policy;
use crate::document::Effect;

/// A statement that applies.
#[derive(Clone, Copy)]
struct Hit<'a> {
    source: Source,
    name: &'a str,
    policy: &'a Policy,
    index: usize,
}

impl Hit<'_> {
    fn statement(&self) -> Statement {
        let statement = self.policy.statements.get(self.index).map(|statement| statement.name(self.index));
        Statement {
            source: self.source,
            policy: self.name.to_owned(),
            statement: statement.unwrap_or_default(),
        }
    }
}

/// What the policies of one kind say together.
#[derive(Clone, Copy)]
struct Said<'a> {
    deny: Option<Hit<'a>>,
    allow: Option<Hit<'a>>,
    grant: Grant,
}

impl<'a> Said<'a> {
    const NOTHING: Self = Self { deny: None, allow: None, grant: Grant::None };

    fn outcome(&self) -> StepOutcome {
        match (self.deny, self.allow) {
            (Some(_), _) => StepOutcome::Denies,
            (None, Some(_)) => StepOutcome::Allows(self.grant),
            (None, None) => StepOutcome::Silent,
        }
    }

    fn need(&self, source: Source) -> Result<Hit<'a>, Missing> {
        self.allow.ok_or(Missing::Policy(source))
    }
}

/// What limits a caller; `None` where there is no such limit.
struct Limits<'a> {
    control: Result<(), Missing>,
    resource: Said<'a>,
    identity: Said<'a>,
    boundary: Option<Said<'a>>,
    session: Option<Said<'a>>,
}

/// One evaluation.
pub(crate) struct Evaluation<'a, O> {
    pub(crate) prepared: &'a Prepared<'a>,
    pub(crate) sets: &'a PolicySets<'a>,
    pub(crate) observer: O,
}

/// An explicit deny, which ends it all.
struct Denied<'a>(Hit<'a>);

impl<'a, O: Observer> Evaluation<'a, O> {
    pub(crate) fn decide(&mut self) -> Decision {
        let request = self.prepared.request;
        if let Principal::Worker { service, account } = request.principal {
            return worker(service, *account == request.resource_account);
        }
        let mut denied = None;
        let limits = self.limits(&mut denied);
        match (limits, denied) {
            (_, Some(Denied(hit))) => Decision::ExplicitDeny(hit.statement()),
            (None, None) => Decision::ImplicitDeny { missing: Missing::Policy(Source::Identity) },
            (Some(limits), None) => match self.allowed(&limits) {
                Ok(statement) => Decision::Allow(statement),
                Err(missing) => Decision::ImplicitDeny { missing },
            },
        }
    }

    /// Looks at all policies that have a say; stops at a deny unless everything is to be told.
    fn limits(&mut self, denied: &mut Option<Denied<'a>>) -> Option<Limits<'a>> {
        let sets = self.sets;
        let mut control = self.resource_control(denied)?;
        control = control.and(self.service_control(denied)?);
        if let Some(endpoint) = &sets.endpoint {
            let said = self.said(Source::Endpoint, None, std::slice::from_ref(endpoint), denied)?;
            control = control.and(said.need(Source::Endpoint).map(|_| ()));
        }
        let resource = self.said(Source::Resource, None, sets.resource.policy.as_slice(), denied)?;
        let (mut identity, mut boundary, mut session) = (Said::NOTHING, None, None);
        if self.has_policies() {
            identity = self.said(Source::Identity, None, sets.identity, denied)?;
            if let Some(policy) = &sets.boundary {
                boundary = Some(self.said(Source::Boundary, None, std::slice::from_ref(policy), denied)?);
            }
        } else {
            self.observer.skip(Source::Identity, "the caller has no policies of its own");
        }
        if let Some(policies) = sets.session {
            session = Some(self.said(Source::Session, None, policies, denied)?);
        }
        Some(Limits { control, resource, identity, boundary, session })
    }

    /// Users and roles have policies; so has a federated session by the user behind it.
    fn has_policies(&self) -> bool {
        match self.prepared.request.principal {
            Principal::User(_) | Principal::RoleSession(_) => true,
            Principal::FederatedUser(federated) => federated.issuer.is_some(),
            Principal::Anonymous
            | Principal::Root(_)
            | Principal::WebIdentity(_)
            | Principal::Service(_)
            | Principal::Worker { .. } => false,
        }
    }

    fn resource_control(&mut self, denied: &mut Option<Denied<'a>>) -> Option<Result<(), Missing>> {
        let request = self.prepared.request;
        let source = Source::ResourceControl;
        if self.sets.management_account == Some(request.resource_account) {
            self.observer.skip(source, "the resource belongs to the management account");
            return Some(Ok(()));
        }
        if request.principal.is_service_linked() {
            self.observer.skip(source, "the caller is a service-linked role");
            return Some(Ok(()));
        }
        self.levels(source, self.sets.resource_control, denied)
    }

    fn service_control(&mut self, denied: &mut Option<Denied<'a>>) -> Option<Result<(), Missing>> {
        let principal = self.prepared.request.principal;
        let source = Source::ServiceControl;
        let account = principal.account();
        let why = if account.is_none() {
            "the caller belongs to no account"
        } else if account == self.sets.management_account {
            "the caller belongs to the management account"
        } else if principal.is_service_linked() {
            "the caller is a service-linked role"
        } else {
            return self.levels(source, self.sets.service_control, denied);
        };
        self.observer.skip(source, why);
        Some(Ok(()))
    }

    /// Each level must allow.
    fn levels(
        &mut self,
        source: Source,
        levels: &'a [Level<'a>],
        denied: &mut Option<Denied<'a>>,
    ) -> Option<Result<(), Missing>> {
        let mut all = Ok(());
        for level in levels {
            let said = self.said(source, Some(level.target), level.policies, denied)?;
            all = all.and(said.need(source).map(|_| ()));
        }
        Some(all)
    }

    /// What the policies of one kind say; `None` at an explicit deny that ends it all.
    fn said(
        &mut self,
        source: Source,
        level: Option<&str>,
        policies: &'a [Attached<'a>],
        denied: &mut Option<Denied<'a>>,
    ) -> Option<Said<'a>> {
        self.observer.begin(source, level);
        let mut said = Said::NOTHING;
        for attached in policies {
            self.observer.policy(attached);
            self.policy(source, attached, &mut said);
            if said.deny.is_some() && !O::COMPLETE {
                break;
            }
        }
        self.observer.end(said.outcome());
        if let (Some(hit), None) = (said.deny, &denied) {
            *denied = Some(Denied(hit));
            if !O::COMPLETE {
                return None;
            }
        }
        Some(said)
    }

    fn policy(&mut self, source: Source, attached: &Attached<'a>, said: &mut Said<'a>) {
        let on_target = matches!(source, Source::Resource | Source::Endpoint | Source::ResourceControl);
        let Attached { name, policy } = *attached;
        for (index, statement) in policy.statements.iter().enumerate() {
            // Nothing that only allows can add to a grant that nothing limits.
            if !O::COMPLETE && statement.effect == Effect::Allow && said.grant == Grant::Direct {
                continue;
            }
            let outcome = self.prepared.outcome(statement, on_target);
            self.observer.statement(index, statement, outcome);
            let Outcome::Applies(grant) = outcome else { continue };
            let hit = Hit { source, name, policy, index };
            match statement.effect {
                Effect::Deny => {
                    said.deny = said.deny.or(Some(hit));
                    if !O::COMPLETE {
                        return;
                    }
                }
                Effect::Allow if grant > said.grant => {
                    said.allow = Some(hit);
                    said.grant = grant;
                }
                Effect::Allow => {}
            }
        }
    }

    /// Nothing denies: is all there that must allow?
    fn allowed(&self, limits: &Limits<'a>) -> Result<Statement, Missing> {
        limits.control?;
        let request = self.prepared.request;
        let same_account = request.principal.account() == Some(request.resource_account);
        let (grant, by_resource) = self.resource_side(limits, same_account)?;
        let no_resource = Missing::Policy(Source::Resource);
        if request.principal.account().is_none() {
            return by_resource.filter(|_| grant == Grant::Direct).ok_or(no_resource);
        }
        if !same_account {
            by_resource.ok_or(no_resource)?;
            return self.caller_side(limits);
        }
        match (grant, by_resource) {
            (Grant::Direct, Some(statement)) => Ok(statement),
            (Grant::Entity, Some(statement)) => within(limits).map(|()| statement),
            (Grant::None, _) if self.sets.resource.must_allow => Err(no_resource),
            _ => self.caller_side(limits),
        }
    }

    /// What the resource grants, by its policy or its access control list.
    fn resource_side(
        &self,
        limits: &Limits<'a>,
        same_account: bool,
    ) -> Result<(Grant, Option<Statement>), Missing> {
        let side = &self.sets.resource;
        let acl = match side.acl {
            AclGrant::None => Grant::None,
            AclGrant::Account => Grant::Account,
            AclGrant::Group => Grant::Direct,
        };
        let policy = limits.resource.grant;
        if acl.max(policy) == Grant::None {
            return Ok((Grant::None, None));
        }
        let trusted = same_account || matches!(self.prepared.request.principal, Principal::Service(_));
        if side.restricted && !trusted {
            return Err(Missing::PublicAccessBlocked);
        }
        let statement = match limits.resource.allow {
            Some(hit) if policy >= acl => hit.statement(),
            Some(_) | None => Statement {
                source: Source::AccessControlList,
                policy: "of the resource".to_owned(),
                statement: "grant".to_owned(),
            },
        };
        Ok((acl.max(policy), Some(statement)))
    }

    /// The caller's own policies and what limits them; root needs none.
    fn caller_side(&self, limits: &Limits<'a>) -> Result<Statement, Missing> {
        if !self.has_policies() {
            within(limits)?;
            let account = self.prepared.request.principal.account();
            return Ok(Statement {
                source: Source::Ownership,
                policy: account.map(|account| account.to_string()).unwrap_or_default(),
                statement: "root user".to_owned(),
            });
        }
        let hit = limits.identity.need(Source::Identity)?;
        within(limits)?;
        Ok(hit.statement())
    }
}

/// Whether boundary and session policies allow, where there are any.
fn within(limits: &Limits<'_>) -> Result<(), Missing> {
    if let Some(boundary) = &limits.boundary {
        boundary.need(Source::Boundary)?;
    }
    if let Some(session) = &limits.session {
        session.need(Source::Session)?;
    }
    Ok(())
}

fn worker(service: &str, same_account: bool) -> Decision {
    if !same_account {
        return Decision::ImplicitDeny { missing: Missing::Policy(Source::Resource) };
    }
    Decision::Allow(Statement {
        source: Source::Ownership,
        policy: service.to_owned(),
        statement: "work for the account".to_owned(),
    })
}
