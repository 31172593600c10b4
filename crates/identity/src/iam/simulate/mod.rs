//! What somebody could do: decisions on requests that are only imagined, by the evaluator that decides on real ones.
//!
//! Source: IAM API Reference, SimulateCustomPolicy, SimulatePrincipalPolicy, GetContextKeysForCustomPolicy and
//! GetContextKeysForPrincipalPolicy.

mod context;
mod position;
pub(crate) mod source;

use async_trait::async_trait;
use strongroom_api_iam as api;
use strongroom_gate::{Authorized, ControlLevel, ErrorReply, Handle, Reply};
use strongroom_policy::document::Effect;
use strongroom_policy::evaluate::{
    Attached, Decision, Grant, Level, PolicySets, Principal, Request, ResourceSide, RoleSession, Source,
    StatementOutcome, StepOutcome, Trace, User, explain,
};
use strongroom_policy::{ContextMap, Document, Kind as PolicyKind};
use strongroom_types::{AccountId, Arn};

use super::entity::TagRow;
use super::error::IamError;
use super::page::Page;
use super::row::UserRow;
use super::view::View;
use crate::Identity;
use context::{Imagined, written};
use source::{Bearer, SourcePolicy};

/// The session of a role whose policies are simulated.
const SESSION: &str = "simulation";

/// Everything that a simulation is made from.
struct Simulation {
    principal: Principal,
    /// Of the caller.
    account: AccountId,
    identity: Vec<SourcePolicy>,
    boundaries: Vec<SourcePolicy>,
    resource: Option<SourcePolicy>,
    control: Vec<(String, Vec<SourcePolicy>)>,
    /// What the organisation lays on the account.
    organization: Vec<ControlLevel>,
    /// Whose the resources are that name no account; of none, if nothing is asked of their owner.
    owner: Option<AccountId>,
    context: Imagined,
    actions: Vec<String>,
    resources: Vec<String>,
}

/// What both operations have in their requests.
struct Asked<'a> {
    actions: &'a [String],
    resources: Option<&'a [String]>,
    resource_policy: Option<&'a str>,
    resource_owner: Option<&'a str>,
    caller_arn: Option<&'a str>,
    boundaries: Option<&'a [String]>,
    entries: Option<&'a [api::ContextEntry]>,
}

fn given(name: &str, kind: PolicyKind, texts: Option<&[String]>) -> Result<Vec<SourcePolicy>, IamError> {
    let texts = texts.unwrap_or_default().iter().enumerate();
    texts.map(|(at, text)| SourcePolicy::given(format!("{name}.{}", at + 1), kind, text)).collect()
}

/// Actions as policies name them, without wildcards.
fn check_actions(actions: &[String]) -> Result<(), IamError> {
    let good = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    for action in actions {
        if !action.split_once(':').is_some_and(|(service, name)| good(service) && good(name)) {
            return Err(IamError::BadInput(format!("Invalid action: {action}")));
        }
    }
    Ok(())
}

/// An account's number, or an ARN of one.
fn account_of(text: &str) -> Result<AccountId, IamError> {
    let number = Arn::parse(text).map_or_else(|_| text.to_owned(), |arn| arn.account().to_owned());
    AccountId::parse(&number).map_err(|_| IamError::BadInput(format!("Invalid resource owner: {text}")))
}

impl Simulation {
    async fn of(
        view: &View,
        bearer: Option<&Bearer>,
        asked: &Asked<'_>,
        identity: Vec<SourcePolicy>,
    ) -> Result<Self, IamError> {
        check_actions(asked.actions)?;
        let caller = match asked.caller_arn {
            Some(arn) => Some(user(view, arn).await?),
            None => None,
        };
        if asked.resource_policy.is_some() && caller.is_none() && !matches!(bearer, Some(Bearer::User(_))) {
            return Err(IamError::InvalidInput(
                "CallerArn must name a user where ResourcePolicy is given, unless the policies are a user's.",
            ));
        }
        let (principal, known) = principal(view, bearer, caller.as_ref());
        let boundaries = match (asked.boundaries, bearer) {
            (Some(texts), _) => {
                given("PermissionsBoundaryPolicyInputList", PolicyKind::Boundary, Some(texts))?
            }
            (None, Some(bearer)) => bearer.boundary(view).await?.into_iter().collect(),
            (None, None) => Vec::new(),
        };
        let resource = asked.resource_policy;
        let resource =
            resource.map(|text| SourcePolicy::given("ResourcePolicy".to_owned(), PolicyKind::Bucket, text));
        let resources = match asked.resources {
            Some(resources) if !resources.is_empty() => resources.to_vec(),
            Some(_) | None => vec!["*".to_owned()],
        };
        Ok(Self {
            principal,
            account: view.account,
            identity,
            boundaries,
            resource: resource.transpose()?,
            control: Vec::new(),
            organization: Vec::new(),
            owner: asked.resource_owner.map(account_of).transpose()?,
            context: Imagined::new(known, asked.entries),
            actions: asked.actions.to_vec(),
            resources,
        })
    }

    /// A page of results, one for each action and resource.
    fn run(&self, page: &Page) -> (Vec<api::EvaluationResult>, Option<bool>, Option<String>) {
        let pairs = self.actions.iter().flat_map(|action| self.resources.iter().map(move |to| (action, to)));
        let mut results = Vec::new();
        for (at, (action, resource)) in pairs.enumerate() {
            let key = format!("{at:010}");
            if page.after().is_some_and(|after| key.as_str() <= after) {
                continue;
            }
            if results.len() > page.limit() {
                break;
            }
            results.push((key, self.result(action, resource)));
        }
        let cut = page.full(results, |(key, _)| key.clone()).map(|(_, result)| result);
        (cut.items, cut.is_truncated, cut.marker)
    }

    /// Which account a resource belongs to. Where nothing is said of it, it is the caller's: there is no policy of another
    /// account to look at.
    fn owner(&self, resource: &str) -> AccountId {
        let named = Arn::parse(resource).ok().and_then(|arn| AccountId::parse(arn.account()).ok());
        let asks = self.resource.is_some() || self.owner.is_some();
        named.filter(|_| asks).or(self.owner).unwrap_or(self.account)
    }

    fn result(&self, action: &str, resource: &str) -> api::EvaluationResult {
        let boundaries: Vec<Attached<'_>> = attached(&self.boundaries);
        let given = self.control.iter().map(|(target, policies)| (target.as_str(), attached(policies)));
        let laid = self.organization.iter().map(|level| {
            let policies = level.policies.iter();
            let policies =
                policies.map(|named| Attached { name: &named.name, policy: &named.policy }).collect();
            (level.target.as_str(), policies)
        });
        let levels: Vec<(&str, Vec<Attached<'_>>)> = given.chain(laid).collect();
        let levels: Vec<Level<'_>> =
            levels.iter().map(|(target, policies)| Level { target, policies }).collect();
        let identity = attached(&self.identity);
        let request = Request {
            principal: &self.principal,
            canonical_user: None,
            action,
            resource,
            resource_account: self.owner(resource),
            context: &self.context,
        };
        let policy = self.resource.as_ref().map(SourcePolicy::attached);
        let sets = PolicySets {
            resource: ResourceSide { policy, ..ResourceSide::NONE },
            service_control: &levels,
            identity: &identity,
            boundary: boundaries.first().copied(),
            ..PolicySets::NONE
        };
        let trace = explain(&request, &sets);
        let missed = written(self.context.take_missed(), self.all().map(|policy| &policy.document));
        let decision = match trace.decision {
            Decision::Allow(_) => api::PolicyEvaluationDecisionType::Allowed,
            Decision::ImplicitDeny { .. } => api::PolicyEvaluationDecisionType::ImplicitDeny,
            Decision::ExplicitDeny(_) => api::PolicyEvaluationDecisionType::ExplicitDeny,
        };
        let matched = self.matched(&trace);
        let boundary = (!boundaries.is_empty()).then(|| {
            Box::new(api::PermissionsBoundaryDecisionDetail {
                allowed_by_permissions_boundary: Some(allows(&trace, Source::Boundary)),
            })
        });
        let organization = (!levels.is_empty()).then(|| {
            let allowed_by_organizations = Some(allows(&trace, Source::ServiceControl));
            Box::new(api::OrganizationsDecisionDetail { allowed_by_organizations })
        });
        let specific = (resource != "*").then(|| api::ResourceSpecificResult {
            eval_resource_name: resource.to_owned(),
            eval_resource_decision: Some(decision),
            matched_statements: Some(matched.clone()),
            missing_context_values: Some(missed.clone()),
            eval_decision_details: None,
            permissions_boundary_decision_detail: boundary.clone(),
        });
        api::EvaluationResult {
            eval_action_name: action.to_owned(),
            eval_resource_name: Some(resource.to_owned()),
            eval_decision: Some(decision),
            matched_statements: Some(matched),
            missing_context_values: Some(missed),
            organizations_decision_detail: organization,
            permissions_boundary_decision_detail: boundary,
            eval_decision_details: None,
            resource_specific_results: specific.map(|specific| vec![specific]),
        }
    }

    fn all(&self) -> impl Iterator<Item = &SourcePolicy> + Clone {
        let control = self.control.iter().flat_map(|(_, policies)| policies);
        self.identity.iter().chain(&self.boundaries).chain(&self.resource).chain(control)
    }

    /// The statements that decide. Source: IAM API Reference, `EvaluationResult`, `MatchedStatements`: "if only one
    /// statement denies that operation, then the explicit deny overrides. In addition, the deny statement is the only
    /// entry included in the result."
    fn matched(&self, trace: &Trace) -> Vec<api::Statement> {
        let wanted = match trace.decision {
            Decision::Allow(_) => Effect::Allow,
            Decision::ExplicitDeny(_) => Effect::Deny,
            Decision::ImplicitDeny { .. } => return Vec::new(),
        };
        let mut matched = Vec::new();
        for step in &trace.steps {
            let own: Vec<&SourcePolicy> = match step.source {
                Source::Identity => self.identity.iter().collect(),
                Source::Boundary => self.boundaries.iter().collect(),
                Source::Resource => self.resource.iter().collect(),
                Source::ServiceControl => {
                    let level = self.control.iter().find(|(target, _)| Some(target) == step.level.as_ref());
                    // Only the management account may read what the organisation lays on others.
                    let Some((_, policies)) = level else { continue };
                    policies.iter().collect()
                }
                Source::ResourceControl
                | Source::Endpoint
                | Source::AccessControlList
                | Source::Session
                | Source::Ownership => continue,
            };
            for (policy, found) in own.iter().zip(&step.policies) {
                let applies = found.statements.iter().filter(|statement| {
                    statement.effect == wanted
                        && matches!(statement.outcome, StatementOutcome::Applies(grant) if grant > Grant::None)
                });
                matched.extend(applies.map(|statement| policy.statement(statement.index)));
            }
        }
        matched
    }
}

fn attached(policies: &[SourcePolicy]) -> Vec<Attached<'_>> {
    policies.iter().map(SourcePolicy::attached).collect()
}

fn allows(trace: &Trace, source: Source) -> bool {
    let mut steps = trace.steps.iter().filter(|step| step.source == source);
    steps.all(|step| matches!(step.outcome, StepOutcome::Allows(_) | StepOutcome::Skipped(_)))
}

impl SourcePolicy {
    fn attached(&self) -> Attached<'_> {
        Attached { name: &self.id, policy: &self.policy }
    }

    fn statement(&self, index: usize) -> api::Statement {
        let text = self.document.as_str();
        let place = position::statements(text).get(index).copied();
        let at = |at| Box::new(position::position(text, at));
        api::Statement {
            source_policy_id: Some(self.id.clone()),
            source_policy_type: Some(self.kind),
            start_position: place.map(|(from, _)| at(from)),
            end_position: place.map(|(_, to)| at(to)),
        }
    }
}

/// The user of this account that an ARN names. Source: SimulateCustomPolicy, `CallerArn`: "You can specify only the ARN of
/// an IAM user. You cannot specify the ARN of an assumed role, federated user, or a service principal."
async fn user(view: &View, arn: &str) -> Result<UserRow, IamError> {
    match Bearer::of_arn(view, arn).await? {
        Bearer::User(user) => Ok(user),
        Bearer::Group(_) | Bearer::Role(_) => Err(IamError::Arn(arn.to_owned())),
    }
}

/// Who is simulated, and what is known of him.
fn principal(view: &View, bearer: Option<&Bearer>, caller: Option<&UserRow>) -> (Principal, ContextMap) {
    let now = view.now;
    let known = ContextMap::new()
        .with("aws:CurrentTime", now.to_iso8601_seconds())
        .with("aws:EpochTime", now.as_secs().to_string())
        .with("aws:PrincipalAccount", view.account.to_string());
    let tagged = |mut known: ContextMap, tags: &[TagRow]| {
        for tag in tags {
            known.insert(&format!("aws:PrincipalTag/{}", tag.key), vec![tag.value.clone()]);
        }
        known
    };
    let place = |path: &str, name: &str| format!("{}{name}", path.trim_start_matches('/'));
    let caller = caller.or(if let Some(Bearer::User(user)) = bearer { Some(user) } else { None });
    match (caller, bearer) {
        (Some(user), _) => {
            use super::entity::Entity as _;
            let core = &user.core;
            let known = known
                .with("aws:username", &*core.name)
                .with("aws:userid", &*core.id)
                .with("aws:PrincipalType", "User")
                .with("aws:PrincipalArn", user.arn(view.account));
            let (name, id) = (place(&core.path, &core.name), core.id.clone());
            (Principal::User(User { account: view.account, name, id }), tagged(known, &user.tags))
        }
        (None, Some(Bearer::Role(role))) => {
            use super::entity::Entity as _;
            let core = &role.core;
            let known = known
                .with("aws:userid", format!("{}:{SESSION}", core.id))
                .with("aws:PrincipalType", "AssumedRole")
                .with("aws:PrincipalArn", role.arn(view.account));
            let session = RoleSession {
                account: view.account,
                role: place(&core.path, &core.name),
                role_id: core.id.clone(),
                session: SESSION.to_owned(),
                service_linked: role.service.is_some(),
            };
            (Principal::RoleSession(session), tagged(known, &role.tags))
        }
        // Policies of nobody in particular: somebody of the account has them.
        (None, _) => {
            let nobody = User { account: view.account, name: String::new(), id: String::new() };
            (Principal::User(nobody), known)
        }
    }
}

/// Takes what is asked from either input: both have these members.
macro_rules! asked {
    ($input:expr) => {
        Asked {
            actions: &$input.action_names,
            resources: $input.resource_arns.as_deref(),
            resource_policy: $input.resource_policy.as_deref(),
            resource_owner: $input.resource_owner.as_deref(),
            caller_arn: $input.caller_arn.as_deref(),
            boundaries: $input.permissions_boundary_policy_input_list.as_deref(),
            entries: $input.context_entries.as_deref(),
        }
    };
}

#[async_trait]
impl Handle<api::op::SimulateCustomPolicy> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::SimulateCustomPolicyInput>,
    ) -> Result<Reply<api::SimulateCustomPolicyOutput>, ErrorReply> {
        let (view, input) = (View::of(self, &request)?, request.input());
        let page = Page::of(input.marker.as_deref(), input.max_items)?;
        let asked = asked!(input);
        let identity = given("PolicyInputList", PolicyKind::Managed, Some(&input.policy_input_list))?;
        let mut simulation = Simulation::of(&view, None, &asked, identity).await?;
        let levels = input.ordered_organization_policy_input_list.as_deref().unwrap_or_default();
        for (at, level) in levels.iter().enumerate() {
            let name = format!("OrderedOrganizationPolicyInputList.{}", at + 1);
            let texts = level.service_control_policy_input_list.as_deref();
            let policies = given(&name, PolicyKind::ServiceControl, texts)?;
            simulation.control.push((name, policies));
        }
        let (results, is_truncated, marker) = simulation.run(&page);
        Ok(Reply::new(api::SimulateCustomPolicyOutput {
            evaluation_results: Some(results),
            is_truncated,
            marker,
        }))
    }
}

#[async_trait]
impl Handle<api::op::SimulatePrincipalPolicy> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::SimulatePrincipalPolicyInput>,
    ) -> Result<Reply<api::SimulatePrincipalPolicyOutput>, ErrorReply> {
        let (view, input) = (View::of(self, &request)?, request.input());
        let page = Page::of(input.marker.as_deref(), input.max_items)?;
        let asked = asked!(input);
        let bearer = Bearer::of_arn(&view, &input.policy_source_arn).await?;
        let mut identity = bearer.policies(&view).await?;
        exclude(&mut identity, input.policy_exclusion_list.as_deref());
        identity.extend(given("PolicyInputList", PolicyKind::Managed, input.policy_input_list.as_deref())?);
        let mut simulation = Simulation::of(&view, Some(&bearer), &asked, identity).await?;
        let facts = request.account_facts(view.account).await.map_err(|error| ErrorReply::from(&error))?;
        simulation.organization.clone_from(&facts.service_control);
        let (results, is_truncated, marker) = simulation.run(&page);
        Ok(Reply::new(api::SimulatePrincipalPolicyOutput {
            evaluation_results: Some(results),
            is_truncated,
            marker,
        }))
    }
}

/// Leaves out policies that the request names.
fn exclude(policies: &mut Vec<SourcePolicy>, excluded: Option<&[api::PolicyIdentifier]>) {
    for identifier in excluded.unwrap_or_default() {
        let inline = identifier.inline_policy_identifier.as_ref();
        policies.retain(|policy| match (&policy.arn, &identifier.policy_arn, inline) {
            (Some(own), Some(arn), _) => own != arn,
            (None, _, Some(inline)) => {
                let of = policy.holder.as_ref().map(|(_, name)| name);
                !(inline.policy_name == policy.id && Some(&inline.attachment_name) == of)
            }
            _ => true,
        });
    }
}

pub(crate) fn get_context_keys_for_custom_policy(
    _view: &View,
    input: &api::GetContextKeysForCustomPolicyInput,
) -> Result<api::GetContextKeysForCustomPolicyOutput, IamError> {
    let policies = given("PolicyInputList", PolicyKind::Managed, Some(&input.policy_input_list))?;
    Ok(api::GetContextKeysForCustomPolicyOutput { context_key_names: Some(context_keys(&policies)) })
}

pub(crate) async fn get_context_keys_for_principal_policy(
    view: &View,
    input: &api::GetContextKeysForPrincipalPolicyInput,
) -> Result<api::GetContextKeysForPrincipalPolicyOutput, IamError> {
    let bearer = Bearer::of_arn(view, &input.policy_source_arn).await?;
    let mut policies = bearer.policies(view).await?;
    policies.extend(bearer.boundary(view).await?);
    policies.extend(given("PolicyInputList", PolicyKind::Managed, input.policy_input_list.as_deref())?);
    Ok(api::GetContextKeysForPrincipalPolicyOutput { context_key_names: Some(context_keys(&policies)) })
}

fn context_keys(policies: &[SourcePolicy]) -> Vec<String> {
    let documents = policies.iter().map(|policy| &policy.document);
    written(documents.clone().flat_map(Document::context_keys), documents)
}
