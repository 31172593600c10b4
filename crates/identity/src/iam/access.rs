//! Which policies let somebody use a service, and who used it when.
//!
//! Source: IAM API Reference, ListPoliciesGrantingServiceAccess, GenerateServiceLastAccessedDetails,
//! GetServiceLastAccessedDetails and GetServiceLastAccessedDetailsWithEntities; IAM User Guide, "Refine permissions in AWS
//! using last accessed information".
//!
//! When users and roles used which service is noted as they use it (see `last_use`). A report is therefore ready at once:
//! what is kept of it is what it was asked about, for as long as somebody may come for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use strongroom_api_iam as api;
use strongroom_gate::generated::{self, Action, SERVICES};
use strongroom_gate::{Authorized, CommitError, ErrorReply, Handle, Mutation, Reply};
use strongroom_policy::document::{Effect, Statement, Word};
use strongroom_record::uuid;
use strongroom_types::Timestamp;

use super::entity::{Entity as _, Kind};
use super::error::{IamError, Missing, commit_reply};
use super::page::Page;
use super::row::{self, AccessJobRow, GroupRow, LastUseRow, RoleRow, UserRow};
use super::simulate::source::{Bearer, SourcePolicy, managed};
use super::view::View;
use super::{limits, policy};
use crate::Identity;
use crate::row::encode;

/// How long somebody may come for a report.
const JOB_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a statement allows something of a service.
fn grants(statement: &Statement, service: &str) -> bool {
    let service_of =
        |pattern: &str| pattern.split_once(':').map_or("*", |(service, _)| service).to_lowercase();
    let all_of =
        |pattern: &str| pattern == "*" || pattern.split_once(':').is_some_and(|(_, name)| name == "*");
    let fits = |pattern: &str| strongroom_policy::wildcard_match(&service_of(pattern), service);
    let mut patterns = statement.action.patterns.iter().map(Word::as_str);
    statement.effect == Effect::Allow
        && if statement.action.negated {
            !patterns.any(|pattern| all_of(pattern) && fits(pattern))
        } else {
            patterns.any(fits)
        }
}

fn allows_service(policy: &SourcePolicy, service: &str) -> bool {
    policy.document.statements().iter().any(|statement| grants(statement, service))
}

pub(crate) async fn list_policies_granting_service_access(
    view: &View,
    input: &api::ListPoliciesGrantingServiceAccessInput,
) -> Result<api::ListPoliciesGrantingServiceAccessOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), None)?;
    let policies = Bearer::of_arn(view, &input.arn).await?.policies(view).await?;
    let entries = input.service_namespaces.iter().map(|service| {
        let service_name = service.to_lowercase();
        let granting = policies.iter().filter(|policy| allows_service(policy, &service_name));
        api::ListPoliciesGrantingServiceAccessEntry {
            service_namespace: Some(service.clone()),
            policies: Some(granting.map(granting_shape).collect()),
        }
    });
    let key = |entry: &api::ListPoliciesGrantingServiceAccessEntry| {
        entry.service_namespace.clone().unwrap_or_default()
    };
    let cut = page.cut(entries.collect(), key);
    Ok(api::ListPoliciesGrantingServiceAccessOutput {
        policies_granting_service_access: cut.items,
        is_truncated: cut.is_truncated,
        marker: cut.marker,
    })
}

/// Source: `PolicyGrantingServiceAccess`: the entity is named for inline policies only.
fn granting_shape(policy: &SourcePolicy) -> api::PolicyGrantingServiceAccess {
    let inline = policy.arn.is_none();
    let holder = policy.holder.as_ref().filter(|_| inline);
    api::PolicyGrantingServiceAccess {
        policy_name: policy.id.clone(),
        policy_type: Some(if inline { api::PolicyType::Inline } else { api::PolicyType::Managed }),
        policy_arn: policy.arn.clone(),
        entity_type: holder.map(|(kind, _)| *kind),
        entity_name: holder.map(|(_, name)| name.clone()),
    }
}

#[async_trait]
impl Handle<api::op::GenerateServiceLastAccessedDetails> for Identity {
    async fn handle(
        &self,
        mut request: Authorized<api::GenerateServiceLastAccessedDetailsInput>,
    ) -> Result<Reply<api::GenerateServiceLastAccessedDetailsOutput>, ErrorReply> {
        let view = View::of(self, &request)?;
        let (arn, granularity) = (request.input().arn.clone(), request.input().granularity);
        Subject::of(&view, &arn).await?;
        let id = uuid(u128::from_be_bytes(self.random()), 4);
        let by_action = granularity == Some(api::AccessAdvisorUsageGranularityType::ActionLevel);
        let job = AccessJobRow { arn, created_millis: view.now.as_millis(), by_action };
        for _ in 0..limits::MAX_TRIES {
            let mut mutation = Mutation::new();
            let mut kept = 0;
            for old in view.suffixes(row::ACCESS_JOBS).await? {
                let row: Option<AccessJobRow> = view.get(&row::access_job(&old)).await?;
                if row.is_some_and(|row| row.is_over(view.now)) {
                    mutation.delete(row::access_job(&old));
                } else {
                    kept += 1;
                }
            }
            if kept >= limits::ACCESS_JOBS {
                return Err(IamError::TooManyReports.into());
            }
            mutation.put(row::access_job(&id), encode(&job));
            match request.commit_in(&*self.store, view.partition(), mutation).await {
                Ok(_) => {
                    return Ok(Reply::new(api::GenerateServiceLastAccessedDetailsOutput {
                        job_id: Some(id),
                    }));
                }
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(commit_reply(&error)),
            }
        }
        Err(IamError::Contended.into())
    }
}

impl AccessJobRow {
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.created()) >= JOB_LIFE
    }

    fn created(&self) -> Timestamp {
        Timestamp::from_millis(self.created_millis)
    }
}

async fn job(view: &View, id: &str) -> Result<AccessJobRow, IamError> {
    let missing = || IamError::NoSuch(Missing::AccessJob(id.to_owned()));
    if !id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return Err(missing());
    }
    let row: Option<AccessJobRow> = view.get(&row::access_job(id)).await?;
    row.filter(|row| !row.is_over(view.now)).ok_or_else(missing)
}

/// A user or role that may have used services.
struct User {
    info: api::EntityInfo,
}

/// What a report is about.
struct Subject {
    policies: Vec<SourcePolicy>,
    users: Vec<User>,
}

impl Subject {
    /// The user, group, role or policy that an ARN names.
    async fn of(view: &View, arn: &str) -> Result<Self, IamError> {
        if arn.contains(":policy/") {
            policy::must(view, arn).await?;
            let policies = managed(view, arn).await?.into_iter().collect();
            let mut users = Vec::new();
            for id in view.suffixes(&row::attachments(arn)).await? {
                users.extend(users_of_id(view, &id).await?);
            }
            return Ok(Self { policies, users: each_once(users) });
        }
        let bearer = Bearer::of_arn(view, arn).await?;
        let users = match &bearer {
            Bearer::User(user) => vec![user_info(view, user)],
            Bearer::Role(role) => vec![role_info(view, role)],
            Bearer::Group(group) => members(view, group).await?,
        };
        Ok(Self { policies: bearer.policies(view).await?, users })
    }

    /// When each of its users and roles used a service last, the latest first.
    async fn uses(&self, view: &View, service: &str) -> Result<Vec<(LastUseRow, &User)>, IamError> {
        let mut uses = Vec::new();
        for user in &self.users {
            let used: Option<LastUseRow> =
                view.get(&row::last_use_of_service(&user.info.id, service)).await?;
            uses.extend(used.map(|used| (used, user)));
        }
        uses.sort_by_key(|(used, _)| std::cmp::Reverse(used.at_millis));
        Ok(uses)
    }
}

impl Subject {
    /// The actions of a service that the policies allow or that were asked for, each with its last use. Those on objects
    /// are not noted, as in AWS's reports.
    async fn actions(
        &self,
        view: &View,
        service: &str,
    ) -> Result<Vec<api::TrackedActionLastAccessed>, IamError> {
        let mut last: BTreeMap<String, Option<(LastUseRow, &User)>> =
            allowed_actions(&self.policies, service);
        let own = format!("{service}:");
        for user in &self.users {
            for action in view.suffixes(&row::last_uses_of_actions(&user.info.id)).await? {
                let Some(name) = action.strip_prefix(&own) else { continue };
                let Some(used) =
                    view.get::<LastUseRow>(&row::last_use_of_action(&user.info.id, &action)).await?
                else {
                    continue;
                };
                let known = last.entry(name.to_owned()).or_default();
                if known.as_ref().is_none_or(|(earlier, _)| earlier.at_millis < used.at_millis) {
                    *known = Some((used, user));
                }
            }
        }
        Ok(last.into_iter().map(|(name, used)| tracked(name, used)).collect())
    }
}

fn tracked(name: String, used: Option<(LastUseRow, &User)>) -> api::TrackedActionLastAccessed {
    api::TrackedActionLastAccessed {
        action_name: Some(name),
        last_accessed_time: used.as_ref().map(|(used, _)| Timestamp::from_millis(used.at_millis)),
        last_accessed_entity: used.as_ref().map(|(_, user)| user.info.arn.clone()),
        last_accessed_region: used.map(|(used, _)| used.region),
    }
}

/// The names of a service's actions that some statement allows, and whose use is noted.
fn allowed_actions<V>(policies: &[SourcePolicy], service: &str) -> BTreeMap<String, Option<V>> {
    let is_noted =
        |action: &&Action| !action.on.iter().any(|on| matches!(on.resource, "object" | "accesspointobject"));
    let actions = generated::service(service).map_or(&[][..], |service| service.actions);
    let allowed = |action: &&Action| {
        let id = action.id.to_lowercase();
        let mut statements = policies.iter().flat_map(|policy| policy.document.statements());
        statements.any(|statement| {
            let mut patterns = statement.action.patterns.iter().map(|word| word.as_str().to_lowercase());
            let fits = patterns.any(|pattern| strongroom_policy::wildcard_match(&pattern, &id));
            statement.effect == Effect::Allow && fits != statement.action.negated
        })
    };
    actions.iter().filter(is_noted).filter(allowed).map(|action| (action.name().to_owned(), None)).collect()
}

fn each_once(mut users: Vec<User>) -> Vec<User> {
    users.sort_by(|a, b| a.info.id.cmp(&b.info.id));
    users.dedup_by(|a, b| a.info.id == b.info.id);
    users
}

async fn users_of_id(view: &View, id: &str) -> Result<Vec<User>, IamError> {
    Ok(if id.starts_with(Kind::User.id_prefix()) {
        view.entity::<UserRow>(id).await?.map(|user| user_info(view, &user)).into_iter().collect()
    } else if id.starts_with(Kind::Role.id_prefix()) {
        view.entity::<RoleRow>(id).await?.map(|role| role_info(view, &role)).into_iter().collect()
    } else {
        match view.entity::<GroupRow>(id).await? {
            Some(group) => members(view, &group).await?,
            None => Vec::new(),
        }
    })
}

async fn members(view: &View, group: &GroupRow) -> Result<Vec<User>, IamError> {
    let mut users = Vec::new();
    for id in view.suffixes(&row::members(&group.core.id)).await? {
        let user: Option<UserRow> = view.entity(&id).await?;
        users.extend(user.map(|user| user_info(view, &user)));
    }
    Ok(users)
}

fn user_info(view: &View, user: &UserRow) -> User {
    let kind = Some(api::PolicyOwnerEntityType::User);
    let core = &user.core;
    User {
        info: api::EntityInfo {
            arn: user.arn(view.account),
            name: core.name.clone(),
            r#type: kind,
            id: core.id.clone(),
            path: Some(core.path.clone()),
        },
    }
}

fn role_info(view: &View, role: &RoleRow) -> User {
    let kind = Some(api::PolicyOwnerEntityType::Role);
    let core = &role.core;
    User {
        info: api::EntityInfo {
            arn: role.arn(view.account),
            name: core.name.clone(),
            r#type: kind,
            id: core.id.clone(),
            path: Some(core.path.clone()),
        },
    }
}

/// A service as people call it.
fn full_name(service: &str) -> String {
    let name = match service {
        "account" => "AWS Account Management",
        "ec2" => "Amazon EC2",
        "iam" => "AWS Identity and Access Management",
        "kms" => "AWS Key Management Service",
        "organizations" => "AWS Organizations",
        "s3" => "Amazon S3",
        "sts" => "AWS Security Token Service",
        "strongroom" => "Strongroom",
        other => other,
    };
    name.to_owned()
}

pub(crate) async fn get_service_last_accessed_details(
    view: &View,
    input: &api::GetServiceLastAccessedDetailsInput,
) -> Result<api::GetServiceLastAccessedDetailsOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let job = job(view, &input.job_id).await?;
    let subject = Subject::of(view, &job.arn).await?;
    // Services that the policies allow, and those that were used while they were allowed.
    let mut services: BTreeSet<String> = SERVICES.iter().map(|service| service.prefix.to_owned()).collect();
    services.retain(|service| subject.policies.iter().any(|policy| allows_service(policy, service)));
    for user in &subject.users {
        services.extend(view.suffixes(&row::last_uses_of(&user.info.id)).await?);
    }
    let cut = page.cut(services.into_iter().collect(), Clone::clone);
    let mut details = Vec::with_capacity(cut.items.len());
    for service in cut.items {
        let uses = subject.uses(view, &service).await?;
        let last = uses.first();
        details.push(api::ServiceLastAccessed {
            service_name: full_name(&service),
            last_authenticated: last.map(|(used, _)| Timestamp::from_millis(used.at_millis)),
            last_authenticated_entity: last.map(|(_, user)| user.info.arn.clone()),
            last_authenticated_region: last.map(|(used, _)| used.region.clone()),
            total_authenticated_entities: i32::try_from(uses.len()).ok(),
            tracked_actions_last_accessed: if job.by_action {
                Some(subject.actions(view, &service).await?)
            } else {
                None
            },
            service_namespace: service,
        });
    }
    let kind = if job.by_action {
        api::AccessAdvisorUsageGranularityType::ActionLevel
    } else {
        api::AccessAdvisorUsageGranularityType::ServiceLevel
    };
    Ok(api::GetServiceLastAccessedDetailsOutput {
        job_status: Some(api::JobStatusType::Completed),
        job_type: Some(kind),
        job_creation_date: Some(job.created()),
        services_last_accessed: details,
        job_completion_date: Some(job.created()),
        is_truncated: cut.is_truncated,
        marker: cut.marker,
        error: None,
    })
}

pub(crate) async fn get_service_last_accessed_details_with_entities(
    view: &View,
    input: &api::GetServiceLastAccessedDetailsWithEntitiesInput,
) -> Result<api::GetServiceLastAccessedDetailsWithEntitiesOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let job = job(view, &input.job_id).await?;
    let subject = Subject::of(view, &job.arn).await?;
    let service = input.service_namespace.to_lowercase();
    let uses = subject.uses(view, &service).await?;
    let mut entities = Vec::with_capacity(subject.users.len());
    for user in &subject.users {
        let used = uses.iter().find(|(_, of)| of.info.id == user.info.id);
        entities.push(api::EntityDetails {
            entity_info: user.info.clone(),
            last_authenticated: used.map(|(used, _)| Timestamp::from_millis(used.at_millis)),
        });
    }
    let cut = page.cut(entities, |entity| entity.entity_info.id.clone());
    Ok(api::GetServiceLastAccessedDetailsWithEntitiesOutput {
        job_status: Some(api::JobStatusType::Completed),
        job_creation_date: Some(job.created()),
        job_completion_date: Some(job.created()),
        entity_details_list: cut.items,
        is_truncated: cut.is_truncated,
        marker: cut.marker,
        error: None,
    })
}

#[cfg(test)]
mod tests {
    use strongroom_policy::{Document, Kind as PolicyKind};

    use super::*;

    #[test]
    fn a_statement_grants_what_its_patterns_reach() {
        let grants = |element: &str, service: &str| {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{element},"Resource":"*"}}]}}"#
            );
            let document = Document::parse(text.as_bytes(), PolicyKind::Managed).unwrap();
            document.statements().iter().any(|statement| grants(statement, service))
        };
        assert!(grants(r#""Action":"s3:GetObject""#, "s3"));
        assert!(grants(r#""Action":"S3:*""#, "s3"));
        assert!(grants(r#""Action":"*""#, "s3"));
        assert!(!grants(r#""Action":["iam:*","s3-object-lambda:*"]"#, "s3"));
        assert!(grants(r#""NotAction":"s3:DeleteObject""#, "s3"));
        assert!(!grants(r#""NotAction":["s3:*"]"#, "s3"));
        assert!(!grants(r#""NotAction":["*"]"#, "s3"));
        assert!(grants(r#""NotAction":["s3:*"]"#, "iam"));
    }
}
