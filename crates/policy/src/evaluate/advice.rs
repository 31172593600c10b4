//! The smallest change that would allow a denied request, for people who ask what to do.

use strongroom_types::AccountId;

use super::decision::{Decision, Missing, Source, Statement};
use super::principal::Principal;
use super::request::{Attached, Level, PolicySets, Request, ResourceSide};
use super::trace::{StatementOutcome, StatementTrace, StepOutcome, Trace};
use super::{evaluate, explain};
use crate::compile::Policy;
use crate::document::{Document, Effect};
use crate::kind::Kind;

/// Changes after which no more are looked for. Each takes away one reason of a denial; there are as many reasons as
/// denying statements and kinds of policy together.
const MAX_CHANGES: usize = 64;

/// Name of what is added while looking; no policy can have it.
const ADDED: &str = "\u{0}added";

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Take this statement out of its policy, or narrow it so that it is not about the request.
    Remove(Statement),
    /// Let a policy of this kind allow the request.
    Allow {
        /// The kind.
        source: Source,
        /// For control policies: the root, unit or account where they hang.
        level: Option<String>,
        /// A statement (JSON) that allows it and nothing else.
        statement: String,
        /// Statements that would allow it already if the request were another.
        near: Vec<Near>,
    },
    /// Turn RestrictPublicBuckets off, or let the resource's policy name whom it is for, so that it is not public.
    Unblock,
}

/// A statement that allows the action, the resource and the caller, but under a condition that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// The statement.
    pub statement: Statement,
    /// As in `ForAnyValue:StringLike`.
    pub operator: String,
    /// The key, in lower case.
    pub key: String,
    /// What the request has; `None`: nothing.
    pub found: Option<Vec<String>>,
}

/// Changes that together would allow a request, of which none can be left out: each takes away the reason that was left
/// after those before it; empty for a request that is allowed. `None` where no change of policies would help: for the
/// store's own workers in accounts that are not theirs, and for callers whom no policy of such a resource can name.
pub fn advise(request: &Request<'_>, sets: &PolicySets<'_>) -> Option<Vec<Change>> {
    let mut draft = Draft::of(sets);
    let mut changes = Vec::new();
    while changes.len() < MAX_CHANGES {
        let change = draft.with(sets, |sets| match evaluate(request, sets) {
            Decision::Allow(_) => None,
            Decision::ExplicitDeny(statement) => Some(Some(Change::Remove(statement))),
            Decision::ImplicitDeny { missing: Missing::PublicAccessBlocked } => Some(Some(Change::Unblock)),
            Decision::ImplicitDeny { missing: Missing::NetworkOrigin } => Some(None),
            Decision::ImplicitDeny { missing: Missing::Policy(source) } => {
                Some(Some(allow(source, request, &explain(request, sets))))
            }
        });
        let Some(change) = change else { return Some(changes) };
        let change = change?;
        if !draft.make(&change, request) || changes.contains(&change) {
            return None;
        }
        changes.push(change);
    }
    None
}

/// What would let the first silent policies of this kind allow the request.
fn allow(source: Source, request: &Request<'_>, trace: &Trace) -> Change {
    let of_source = || trace.steps.iter().filter(|step| step.source == source);
    let silent = of_source().find(|step| step.outcome == StepOutcome::Silent);
    let policies = silent.into_iter().flat_map(|step| &step.policies);
    let near = policies.flat_map(|policy| {
        policy.statements.iter().filter_map(|statement| near(source, &policy.name, statement))
    });
    Change::Allow {
        source,
        level: silent.and_then(|step| step.level.clone()),
        statement: statement(source, request),
        near: near.collect(),
    }
}

fn near(source: Source, policy: &str, statement: &StatementTrace) -> Option<Near> {
    let StatementOutcome::ConditionFails { operator, key, found } = &statement.outcome else { return None };
    let name = statement.sid.clone().unwrap_or_else(|| statement.index.to_string());
    let (operator, key, found) = (operator.clone(), key.clone(), found.clone());
    let statement_name = Statement { source, policy: policy.to_owned(), statement: name };
    (statement.effect == Effect::Allow).then_some(Near { statement: statement_name, operator, key, found })
}

/// A statement that allows the request and nothing else.
fn statement(source: Source, request: &Request<'_>) -> String {
    let action = quoted(request.action);
    let resource = quoted(&literal(request.resource));
    match source {
        Source::Resource if takes_role(request) => {
            format!(r#"{{"Effect":"Allow","Principal":{},"Action":{action}}}"#, principal(request.principal))
        }
        Source::Resource => {
            let principal = principal(request.principal);
            format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":{action},"Resource":{resource}}}"#)
        }
        Source::Endpoint | Source::ResourceControl => {
            format!(r#"{{"Effect":"Allow","Principal":"*","Action":{action},"Resource":{resource}}}"#)
        }
        Source::ServiceControl
        | Source::AccessControlList
        | Source::Identity
        | Source::Boundary
        | Source::Session
        | Source::Ownership => {
            format!(r#"{{"Effect":"Allow","Action":{action},"Resource":{resource}}}"#)
        }
    }
}

fn takes_role(request: &Request<'_>) -> bool {
    request.action.to_ascii_lowercase().starts_with("sts:")
}

/// The kind of policy in which [`statement`] stands.
fn kind(source: Source, request: &Request<'_>) -> Kind {
    match source {
        Source::Resource if takes_role(request) => Kind::Trust,
        Source::Resource if request.action.to_ascii_lowercase().starts_with("s3:") => Kind::Bucket,
        Source::Resource => Kind::Key,
        Source::Endpoint | Source::ResourceControl => Kind::Endpoint,
        Source::ServiceControl
        | Source::AccessControlList
        | Source::Identity
        | Source::Boundary
        | Source::Session
        | Source::Ownership => Kind::Managed,
    }
}

/// The `Principal` that means this caller and, where one can be named, nobody else.
fn principal(principal: &Principal) -> String {
    match principal {
        Principal::Anonymous => r#""*""#.to_owned(),
        Principal::WebIdentity(provider) => format!(r#"{{"Federated":{}}}"#, quoted(provider)),
        Principal::Service(name) | Principal::Worker { service: name, .. } => {
            format!(r#"{{"Service":{}}}"#, quoted(name))
        }
        Principal::RoleSession(session) => {
            format!(r#"{{"AWS":{}}}"#, quoted(&role_arn(session.account, &session.role)))
        }
        Principal::Root(_) | Principal::User(_) | Principal::FederatedUser(_) => {
            format!(r#"{{"AWS":{}}}"#, quoted(&principal.to_string()))
        }
    }
}

fn role_arn(account: AccountId, role: &str) -> String {
    format!("arn:aws:iam::{account}:role/{role}")
}

/// A resource as a pattern that fits it alone. Source: IAM User Guide, "IAM policy elements: Variables and tags",
/// "Characters that are special".
fn literal(resource: &str) -> String {
    if resource == "*" {
        return resource.to_owned();
    }
    let mut pattern = String::with_capacity(resource.len());
    for character in resource.chars() {
        match character {
            '*' | '?' | '$' => pattern.extend(["${", character.encode_utf8(&mut [0; 4]), "}"]),
            other => pattern.push(other),
        }
    }
    pattern
}

/// A text as JSON writes it.
fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            control if control < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => json.push(other),
        }
    }
    json.push('"');
    json
}

/// The policies as they would be after the changes so far.
struct Draft {
    resource_control: Vec<(String, Policies)>,
    service_control: Vec<(String, Policies)>,
    endpoint: Policies,
    resource: Policies,
    identity: Policies,
    boundary: Policies,
    session: Option<Policies>,
    restricted: bool,
}

type Policies = Vec<(String, Policy)>;

impl Draft {
    fn of(sets: &PolicySets<'_>) -> Self {
        let levels = |levels: &[Level<'_>]| {
            levels.iter().map(|level| (level.target.to_owned(), owned(level.policies))).collect()
        };
        Self {
            resource_control: levels(sets.resource_control),
            service_control: levels(sets.service_control),
            endpoint: owned(sets.endpoint.as_slice()),
            resource: owned(sets.resource.policy.as_slice()),
            identity: owned(sets.identity),
            boundary: owned(sets.boundary.as_slice()),
            session: sets.session.map(owned),
            restricted: sets.resource.restricted,
        }
    }

    /// Asks under these policies.
    fn with<T>(&self, sets: &PolicySets<'_>, ask: impl FnOnce(&PolicySets<'_>) -> T) -> T {
        let resource_control = borrowed_levels(&self.resource_control);
        let service_control = borrowed_levels(&self.service_control);
        let (resource_control, service_control) = (levels(&resource_control), levels(&service_control));
        let (identity, session) = (borrowed(&self.identity), self.session.as_ref().map(borrowed));
        ask(&PolicySets {
            management_account: sets.management_account,
            resource_control: &resource_control,
            service_control: &service_control,
            endpoint: borrowed(&self.endpoint).first().copied(),
            resource: ResourceSide {
                policy: borrowed(&self.resource).first().copied(),
                restricted: self.restricted,
                ..sets.resource
            },
            identity: &identity,
            boundary: borrowed(&self.boundary).first().copied(),
            session: session.as_deref(),
        })
    }

    /// Whether the change could be made.
    fn make(&mut self, change: &Change, request: &Request<'_>) -> bool {
        match change {
            Change::Unblock => std::mem::replace(&mut self.restricted, false),
            Change::Remove(statement) => self
                .all(statement.source)
                .filter(|(name, _)| *name == statement.policy)
                .any(|(_, policy)| policy.silence(&statement.statement)),
            Change::Allow { source, level, statement, .. } => {
                let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
                let document = Document::parse(text.as_bytes(), kind(*source, request));
                let Some(policies) = self.place(*source, level.as_deref()) else { return false };
                let Ok(document) = document else { return false };
                let added = Policy::compile(&document);
                match policies.first_mut() {
                    // What there is one of only gets one statement more.
                    Some((_, policy)) if is_single(*source) => policy.extend(added),
                    _ => policies.push((ADDED.to_owned(), added)),
                }
                true
            }
        }
    }

    fn all(&mut self, source: Source) -> Box<dyn Iterator<Item = &mut (String, Policy)> + '_> {
        match source {
            Source::ResourceControl => {
                Box::new(self.resource_control.iter_mut().flat_map(|level| &mut level.1))
            }
            Source::ServiceControl => {
                Box::new(self.service_control.iter_mut().flat_map(|level| &mut level.1))
            }
            Source::Endpoint
            | Source::Resource
            | Source::AccessControlList
            | Source::Identity
            | Source::Boundary
            | Source::Session
            | Source::Ownership => Box::new(self.place(source, None).into_iter().flatten()),
        }
    }

    fn place(&mut self, source: Source, level: Option<&str>) -> Option<&mut Policies> {
        let at = |levels: &mut Vec<(String, Policies)>| {
            levels.iter().position(|(target, _)| Some(target.as_str()) == level)
        };
        match source {
            Source::ResourceControl => {
                let index = at(&mut self.resource_control)?;
                self.resource_control.get_mut(index).map(|level| &mut level.1)
            }
            Source::ServiceControl => {
                let index = at(&mut self.service_control)?;
                self.service_control.get_mut(index).map(|level| &mut level.1)
            }
            Source::Endpoint => Some(&mut self.endpoint),
            Source::Resource => Some(&mut self.resource),
            Source::Identity => Some(&mut self.identity),
            Source::Boundary => Some(&mut self.boundary),
            Source::Session => self.session.as_mut(),
            Source::AccessControlList | Source::Ownership => None,
        }
    }
}

/// Whether there is one policy of this kind at most.
fn is_single(source: Source) -> bool {
    matches!(source, Source::Endpoint | Source::Resource | Source::Boundary)
}

fn owned(policies: &[Attached<'_>]) -> Policies {
    policies.iter().map(|attached| (attached.name.to_owned(), attached.policy.clone())).collect()
}

fn borrowed(policies: &Policies) -> Vec<Attached<'_>> {
    policies.iter().map(|(name, policy)| Attached { name, policy }).collect()
}

fn borrowed_levels(levels: &[(String, Policies)]) -> Vec<(&str, Vec<Attached<'_>>)> {
    levels.iter().map(|(target, policies)| (target.as_str(), borrowed(policies))).collect()
}

fn levels<'a>(levels: &'a [(&'a str, Vec<Attached<'a>>)]) -> Vec<Level<'a>> {
    levels.iter().map(|(target, policies)| Level { target, policies }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::ContextMap;
    use crate::evaluate::User;

    const ACCOUNT: &str = "111111111111";

    fn policy(text: &str, kind: Kind) -> Policy {
        Policy::compile(&Document::parse(text.as_bytes(), kind).unwrap())
    }

    fn advice(resource: &str, owner: &str, context: &ContextMap, sets: &PolicySets<'_>) -> Vec<Change> {
        let account = AccountId::parse(ACCOUNT).unwrap();
        let user = User { account, name: "team/Ann".into(), id: "AIDA0000000000000ANN".into() };
        let request = Request {
            principal: &Principal::User(user),
            canonical_user: None,
            action: "s3:GetObject",
            resource,
            resource_account: AccountId::parse(owner).unwrap(),
            context,
        };
        advise(&request, sets).unwrap()
    }

    fn statements(changes: &[Change]) -> Vec<(Source, &str)> {
        let statement = |change| match change {
            &Change::Allow { source, ref statement, .. } => Some((source, statement.as_str())),
            Change::Remove(_) | Change::Unblock => None,
        };
        changes.iter().filter_map(statement).collect()
    }

    #[test]
    fn whoever_is_allowed_nothing_needs_one_statement() {
        let changes = advice("arn:aws:s3:::b/a*b", ACCOUNT, &ContextMap::default(), &PolicySets::NONE);
        let expected = r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/a${*}b"}"#;
        assert_eq!(statements(&changes), [(Source::Identity, expected)]);
    }

    #[test]
    fn another_account_s_bucket_needs_both_sides() {
        let changes = advice("arn:aws:s3:::b/k", "222222222222", &ContextMap::default(), &PolicySets::NONE);
        let bucket = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/team/Ann"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/k"}"#;
        let user = r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/k"}"#;
        assert_eq!(statements(&changes), [(Source::Resource, bucket), (Source::Identity, user)]);
    }

    #[test]
    fn a_denial_must_go_and_a_condition_that_fails_is_named() {
        let deny = policy(
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"NotNow","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}]}"#,
            Kind::Bucket,
        );
        let conditional = policy(
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"FromHome","Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}"#,
            Kind::Managed,
        );
        let context = ContextMap::new().with("aws:SourceIp", "192.0.2.1");
        let sets = PolicySets {
            resource: ResourceSide {
                policy: Some(Attached { name: "b", policy: &deny }),
                ..ResourceSide::NONE
            },
            identity: &[Attached { name: "home", policy: &conditional }],
            ..PolicySets::NONE
        };
        let changes = advice("arn:aws:s3:::b/k", ACCOUNT, &context, &sets);
        let [Change::Remove(removed), Change::Allow { source: Source::Identity, near, .. }] =
            changes.as_slice()
        else {
            panic!("{changes:?}")
        };
        assert_eq!(removed.statement, "NotNow");
        let [near] = near.as_slice() else { panic!("{near:?}") };
        assert_eq!((near.statement.statement.as_str(), near.key.as_str()), ("FromHome", "aws:sourceip"));
        assert_eq!(near.found.as_deref(), Some(&["192.0.2.1".to_owned()][..]));
    }

    #[test]
    fn each_level_of_the_organisation_is_named_that_does_not_allow() {
        let other =
            policy(r#"{"Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#, Kind::Managed);
        let all = policy(r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#, Kind::Managed);
        let (other, all) =
            ([Attached { name: "other", policy: &other }], [Attached { name: "all", policy: &all }]);
        let levels = [
            Level { target: "r-1", policies: &other },
            Level { target: "ou-1", policies: &all },
            Level { target: ACCOUNT, policies: &other },
        ];
        let sets = PolicySets { service_control: &levels, identity: &all, ..PolicySets::NONE };
        let changes = advice("arn:aws:s3:::b/k", ACCOUNT, &ContextMap::default(), &sets);
        let level = |change: &Change| match change {
            Change::Allow { level, .. } => level.clone(),
            Change::Remove(_) | Change::Unblock => None,
        };
        let levels = changes.iter().filter_map(level).collect::<Vec<_>>();
        assert_eq!(levels, ["r-1", ACCOUNT]);
    }
}
