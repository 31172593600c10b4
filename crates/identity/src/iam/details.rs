//! GetAccountAuthorizationDetails: everything that an account's identities may do, in one list.

use strongroom_api_iam as api;

use super::document::shown_trust;
use super::entity::{Entity as _, Held, Kind};
use super::error::IamError;
use super::name::tag_shapes;
use super::page::Page;
use super::policy::{self, Managed};
use super::row::{self, GroupRow, PolicyRow, RoleRow, UserRow};
use super::view::View;
use super::{attachment, group, inline, instance_profile, managed, role, shape};

/// One item of the list.
enum Detail {
    User(api::UserDetail),
    Group(api::GroupDetail),
    Role(api::RoleDetail),
    Policy(api::ManagedPolicyDetail),
}

/// Keys of everything that the request asks for: first what it is, then its name.
async fn keys(view: &View, filter: Option<&[api::EntityType]>) -> Result<Vec<String>, IamError> {
    let wanted = |kind: api::EntityType| filter.is_none_or(|kinds| kinds.is_empty() || kinds.contains(&kind));
    let kinds = [
        (api::EntityType::User, '1', Some(Kind::User)),
        (api::EntityType::Group, '2', Some(Kind::Group)),
        (api::EntityType::Role, '3', Some(Kind::Role)),
        (api::EntityType::LocalManagedPolicy, '4', Some(Kind::Policy)),
        (api::EntityType::AwsManagedPolicy, '5', None),
    ];
    let mut keys = Vec::new();
    for (_, digit, kind) in kinds.into_iter().filter(|(entity, ..)| wanted(*entity)) {
        let names = match kind {
            Some(kind) => view.suffixes(&row::names(kind)).await?,
            None => managed::all().iter().map(|policy| policy.name.to_owned()).collect(),
        };
        keys.extend(names.into_iter().map(|name| format!("{digit}{name}")));
    }
    keys.sort_unstable();
    Ok(keys)
}

pub(crate) async fn get_account_authorization_details(
    view: &View,
    input: &api::GetAccountAuthorizationDetailsInput,
) -> Result<api::GetAccountAuthorizationDetailsOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let mut found = Vec::new();
    for key in keys(view, input.filter.as_deref()).await? {
        if page.after().is_some_and(|after| key.as_str() <= after) {
            continue;
        }
        if let Some(detail) = detail(view, &key).await? {
            found.push((key, detail));
        }
        if found.len() > page.limit() {
            break;
        }
    }
    let cut = page.full(found, |(key, _)| key.clone());
    let mut output = api::GetAccountAuthorizationDetailsOutput {
        user_detail_list: Some(Vec::new()),
        group_detail_list: Some(Vec::new()),
        role_detail_list: Some(Vec::new()),
        policies: Some(Vec::new()),
        is_truncated: cut.is_truncated,
        marker: cut.marker,
    };
    for (_, detail) in cut.items {
        match detail {
            Detail::User(detail) => output.user_detail_list.get_or_insert_default().push(detail),
            Detail::Group(detail) => output.group_detail_list.get_or_insert_default().push(detail),
            Detail::Role(detail) => output.role_detail_list.get_or_insert_default().push(detail),
            Detail::Policy(detail) => output.policies.get_or_insert_default().push(detail),
        }
    }
    Ok(output)
}

/// What a key names; `None` if it was deleted since the keys were read, and for policies of AWS's that nobody uses.
async fn detail(view: &View, key: &str) -> Result<Option<Detail>, IamError> {
    let (digit, name) = key.split_at_checked(1).unwrap_or_default();
    let kind = match digit {
        "1" => Kind::User,
        "2" => Kind::Group,
        "3" => Kind::Role,
        "4" => Kind::Policy,
        _ => return aws_policy(view, name).await,
    };
    let Some(id) = view.id_of(kind, name).await? else { return Ok(None) };
    Ok(match kind {
        Kind::User => match view.entity(&id).await? {
            Some(row) => Some(Detail::User(user(view, &row).await?)),
            None => None,
        },
        Kind::Group => match view.entity(&id).await? {
            Some(row) => Some(Detail::Group(group(view, &row).await?)),
            None => None,
        },
        Kind::Role => match view.entity(&id).await? {
            Some(row) => Some(Detail::Role(role(view, &row).await?)),
            None => None,
        },
        Kind::Policy => match view.entity::<PolicyRow>(&id).await? {
            Some(row) => Some(Detail::Policy(managed(view, &Managed::Customer(row)).await?)),
            None => None,
        },
        Kind::InstanceProfile => None,
    })
}

async fn aws_policy(view: &View, name: &str) -> Result<Option<Detail>, IamError> {
    let Some(found) = managed::all().iter().find(|policy| policy.name == name) else { return Ok(None) };
    let detail = managed(view, &Managed::Aws(found)).await?;
    let used = detail.attachment_count != Some(0) || detail.permissions_boundary_usage_count != Some(0);
    Ok(used.then_some(Detail::Policy(detail)))
}

fn attached(held: &Held) -> Vec<api::AttachedPolicy> {
    held.attached.iter().map(|arn| attachment::shape(arn)).collect()
}

async fn user(view: &View, row: &UserRow) -> Result<api::UserDetail, IamError> {
    let groups = group::groups_of(view, row).await?;
    Ok(api::UserDetail {
        path: Some(row.core.path.clone()),
        user_name: Some(row.core.name.clone()),
        user_id: Some(row.core.id.clone()),
        arn: Some(row.arn(view.account)),
        create_date: Some(row.core.created()),
        user_policy_list: Some(inline::details(view, row).await?),
        group_list: Some(groups.into_iter().map(|group| group.core.name).collect()),
        attached_managed_policies: Some(attached(&row.held)),
        permissions_boundary: shape::boundary(&row.held),
        tags: tag_shapes(&row.tags),
    })
}

async fn group(view: &View, row: &GroupRow) -> Result<api::GroupDetail, IamError> {
    Ok(api::GroupDetail {
        path: Some(row.core.path.clone()),
        group_name: Some(row.core.name.clone()),
        group_id: Some(row.core.id.clone()),
        arn: Some(row.arn(view.account)),
        create_date: Some(row.core.created()),
        group_policy_list: Some(inline::details(view, row).await?),
        attached_managed_policies: Some(attached(&row.held)),
    })
}

async fn role(view: &View, row: &RoleRow) -> Result<api::RoleDetail, IamError> {
    let last_use = role::last_use(view, row).await?;
    let trust = shown_trust(&view.identity, &row.trust).await?;
    Ok(api::RoleDetail {
        path: Some(row.core.path.clone()),
        role_name: Some(row.core.name.clone()),
        role_id: Some(row.core.id.clone()),
        arn: Some(row.arn(view.account)),
        create_date: Some(row.core.created()),
        assume_role_policy_document: Some(shape::document(&trust)),
        instance_profile_list: Some(instance_profile::profiles_of(view, row).await?),
        role_policy_list: Some(inline::details(view, row).await?),
        attached_managed_policies: Some(attached(&row.held)),
        permissions_boundary: shape::boundary(&row.held),
        tags: tag_shapes(&row.tags),
        role_last_used: Some(Box::new(shape::role_last_used(last_use.as_ref()))),
    })
}

async fn managed(view: &View, managed: &Managed) -> Result<api::ManagedPolicyDetail, IamError> {
    let policy = managed.shape(view).await?;
    Ok(api::ManagedPolicyDetail {
        policy_name: policy.policy_name,
        policy_id: policy.policy_id,
        arn: policy.arn,
        path: policy.path,
        default_version_id: policy.default_version_id,
        attachment_count: policy.attachment_count,
        permissions_boundary_usage_count: policy.permissions_boundary_usage_count,
        is_attachable: policy.is_attachable,
        description: policy.description,
        create_date: policy.create_date,
        update_date: policy.update_date,
        policy_version_list: Some(policy::versions(view, managed, true).await?),
    })
}
