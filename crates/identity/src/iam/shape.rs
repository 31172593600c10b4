//! Rows as answers show them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use strongroom_api_iam as api;
use strongroom_types::{AccountId, Timestamp};

use super::entity::{Entity as _, Held};
use super::name::tag_shapes;
use super::row::{GroupRow, InstanceProfileRow, LastUseRow, PolicyRow, RoleRow, UserRow};

/// What RFC 3986, section 2.3, leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A document as answers carry it. Source: IAM API Reference, GetRole: "Policies returned by this operation are
/// URL-encoded compliant with RFC 3986."
pub(crate) fn document(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The permissions boundary of an entity.
pub(crate) fn boundary(held: &Held) -> Option<Box<api::AttachedPermissionsBoundary>> {
    held.boundary.as_ref().map(|arn| {
        Box::new(api::AttachedPermissionsBoundary {
            permissions_boundary_type: Some(
                api::PermissionsBoundaryAttachmentType::PermissionsBoundaryPolicy,
            ),
            permissions_boundary_arn: Some(arn.clone()),
        })
    })
}

pub(crate) fn user(account: AccountId, row: &UserRow) -> api::User {
    api::User {
        path: row.core.path.clone(),
        user_name: row.core.name.clone(),
        user_id: row.core.id.clone(),
        arn: row.arn(account),
        create_date: Some(row.core.created()),
        password_last_used: None,
        permissions_boundary: boundary(&row.held),
        tags: tag_shapes(&row.tags),
    }
}

pub(crate) fn group(account: AccountId, row: &GroupRow) -> api::Group {
    api::Group {
        path: row.core.path.clone(),
        group_name: row.core.name.clone(),
        group_id: row.core.id.clone(),
        arn: row.arn(account),
        create_date: Some(row.core.created()),
    }
}

/// A role, with its trust policy as it is shown.
pub(crate) fn role(account: AccountId, row: &RoleRow, trust: &str) -> api::Role {
    api::Role {
        path: row.core.path.clone(),
        role_name: row.core.name.clone(),
        role_id: row.core.id.clone(),
        arn: row.arn(account),
        create_date: Some(row.core.created()),
        assume_role_policy_document: Some(document(trust)),
        description: row.description.clone(),
        max_session_duration: Some(row.max_session_seconds),
        max_signin_session_duration: None,
        permissions_boundary: boundary(&row.held),
        tags: tag_shapes(&row.tags),
        role_last_used: None,
        source_role_template: None,
    }
}

pub(crate) fn role_last_used(last_use: Option<&LastUseRow>) -> api::RoleLastUsed {
    api::RoleLastUsed {
        last_used_date: last_use.map(|last_use| Timestamp::from_millis(last_use.at_millis)),
        region: last_use.map(|last_use| last_use.region.clone()),
    }
}

/// Attachments of a managed policy: to identities, and as their boundary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) attached: usize,
    pub(crate) bounding: usize,
}

pub(crate) fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

pub(crate) fn policy(account: AccountId, row: &PolicyRow, usage: Usage) -> api::Policy {
    api::Policy {
        policy_name: Some(row.core.name.clone()),
        policy_id: Some(row.core.id.clone()),
        arn: Some(row.arn(account)),
        path: Some(row.core.path.clone()),
        default_version_id: Some(PolicyRow::version_id(row.default_version)),
        attachment_count: Some(count(usage.attached)),
        permissions_boundary_usage_count: Some(count(usage.bounding)),
        is_attachable: Some(true),
        description: row.description.clone(),
        create_date: Some(row.core.created()),
        update_date: Some(Timestamp::from_millis(row.updated_millis)),
        tags: tag_shapes(&row.tags),
    }
}

pub(crate) fn instance_profile(
    account: AccountId,
    row: &InstanceProfileRow,
    roles: Vec<api::Role>,
) -> api::InstanceProfile {
    api::InstanceProfile {
        path: row.core.path.clone(),
        instance_profile_name: row.core.name.clone(),
        instance_profile_id: row.core.id.clone(),
        arn: row.arn(account),
        create_date: Some(row.core.created()),
        roles,
        tags: tag_shapes(&row.tags),
    }
}

#[cfg(test)]
mod tests {
    use super::document;

    #[test]
    fn documents_travel_percent_encoded() {
        assert_eq!(document(r#"{"a b":"%*"}"#), "%7B%22a%20b%22%3A%22%25%2A%22%7D");
        assert_eq!(document("-._~aZ9"), "-._~aZ9");
    }
}
