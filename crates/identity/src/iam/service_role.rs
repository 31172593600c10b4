//! Service-linked roles. Source: IAM User Guide, "Service-linked roles", and the pages of each service on its role.

use strongroom_api_iam as api;
use strongroom_record::uuid;

use super::entity::{Held, Kind};
use super::error::{IamError, Missing};
use super::role::{self, SERVICE_PATH};
use super::row::{self, RoleRow};
use super::view::{Change, View};
use super::{attachment, limits, managed, shape};

/// A service that has a role of its own in accounts.
struct Linked {
    service: &'static str,
    role: &'static str,
    policy: &'static str,
}

const LINKED: &[Linked] = &[
    Linked {
        service: "access-analyzer.amazonaws.com",
        role: "AWSServiceRoleForAccessAnalyzer",
        policy: "AccessAnalyzerServiceRolePolicy",
    },
    Linked {
        service: "cloudtrail.amazonaws.com",
        role: "AWSServiceRoleForCloudTrail",
        policy: "CloudTrailServiceRolePolicy",
    },
    Linked {
        service: "config.amazonaws.com",
        role: "AWSServiceRoleForConfig",
        policy: "AWSConfigServiceRolePolicy",
    },
    Linked {
        service: "macie.amazonaws.com",
        role: "AWSServiceRoleForAmazonMacie",
        policy: "AmazonMacieServiceRolePolicy",
    },
    Linked {
        service: "organizations.amazonaws.com",
        role: "AWSServiceRoleForOrganizations",
        policy: "AWSOrganizationsServiceTrustPolicy",
    },
    Linked {
        service: "remediation.config.amazonaws.com",
        role: "AWSServiceRoleForConfigRemediation",
        policy: "ConfigRemediationServiceRolePolicy",
    },
    Linked {
        service: "support.amazonaws.com",
        role: "AWSServiceRoleForSupport",
        policy: "AWSSupportServiceRolePolicy",
    },
    Linked {
        service: "trustedadvisor.amazonaws.com",
        role: "AWSServiceRoleForTrustedAdvisor",
        policy: "AWSTrustedAdvisorServiceRolePolicy",
    },
];

fn trust(service: &str) -> String {
    format!(
        "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Principal\":{{\"Service\":\
         \"{service}\"}},\"Action\":\"sts:AssumeRole\"}}]}}"
    )
}

/// The path and the name of the role that a service has in accounts.
pub(crate) fn role_of_service(service: &str) -> Option<(String, &'static str)> {
    let linked = LINKED.iter().find(|linked| linked.service == service)?;
    Some((format!("{SERVICE_PATH}{service}/"), linked.role))
}

pub(crate) async fn create_service_linked_role(
    change: &mut Change,
    input: &api::CreateServiceLinkedRoleInput,
) -> Result<api::CreateServiceLinkedRoleOutput, IamError> {
    let linked = LINKED.iter().find(|linked| linked.service == input.aws_service_name);
    let linked = linked.ok_or_else(|| IamError::UnknownService(input.aws_service_name.clone()))?;
    if input.custom_suffix.is_some() {
        return Err(IamError::InvalidInput("Custom suffix is not allowed for this service."));
    }
    let path = format!("{SERVICE_PATH}{}/", linked.service);
    let mut role = RoleRow {
        core: change.core(Kind::Role, linked.role, Some(&path)),
        held: Held::default(),
        tags: Vec::new(),
        trust: trust(linked.service),
        description: input.description.clone(),
        max_session_seconds: limits::DEFAULT_SESSION_SECONDS,
        instance_profiles: Vec::new(),
        service: Some(linked.service.to_owned()),
    };
    match change.create(&role).await {
        Err(IamError::Exists { name, .. }) => return Err(IamError::ServiceRoleTaken(name)),
        created => created?,
    }
    attachment::hang(change, &mut role, &managed::service_role_arn(linked.policy))?;
    let shape = shape::role(change.view.account, &role, &role.trust);
    Ok(api::CreateServiceLinkedRoleOutput { role: Some(Box::new(shape)) })
}

/// Deletes at once; the answer names a task that has ended.
pub(crate) async fn delete_service_linked_role(
    change: &mut Change,
    input: &api::DeleteServiceLinkedRoleInput,
) -> Result<api::DeleteServiceLinkedRoleOutput, IamError> {
    let mut role: RoleRow = change.view.named(&input.role_name).await?;
    let Some(service) = role.service.clone() else {
        return Err(IamError::InvalidInput("The role is not a service-linked role."));
    };
    for arn in std::mem::take(&mut role.held.attached) {
        change.delete(row::attachment(&arn, &role.core.id));
    }
    role::remove(change, &role).await?;
    let id = uuid(u128::from_be_bytes(change.view.identity.random()), 4);
    let deletion_task_id = format!("task{SERVICE_PATH}{service}/{}/{id}", role.core.name);
    Ok(api::DeleteServiceLinkedRoleOutput { deletion_task_id })
}

/// A task that was given out has ended: it is known by its form.
pub(crate) fn get_service_linked_role_deletion_status(
    _view: &View,
    input: &api::GetServiceLinkedRoleDeletionStatusInput,
) -> Result<api::GetServiceLinkedRoleDeletionStatusOutput, IamError> {
    let id = &input.deletion_task_id;
    let parts: Vec<&str> = id.split('/').collect();
    let known = match parts.as_slice() {
        ["task", "aws-service-role", service, role, uuid] => {
            uuid.len() == 36 && LINKED.iter().any(|linked| linked.service == *service && linked.role == *role)
        }
        _ => false,
    };
    if !known {
        return Err(IamError::NoSuch(Missing::DeletionTask(id.clone())));
    }
    let status = Some(api::DeletionTaskStatusType::Succeeded);
    Ok(api::GetServiceLinkedRoleDeletionStatusOutput { status, reason: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_policy() {
        for linked in LINKED {
            let policy = managed::find(&managed::service_role_arn(linked.policy)).unwrap();
            assert!(!policy.is_attachable(), "{}", linked.policy);
        }
    }
}
