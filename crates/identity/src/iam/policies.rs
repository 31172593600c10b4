//! Lists of managed policies, and of what they are attached to.

use strongroom_api_iam as api;

use super::entity::Kind;
use super::error::IamError;
use super::managed;
use super::page::Page;
use super::policy::{self, Managed};
use super::row::{self, GroupRow, PolicyRow, RoleRow, UserRow};
use super::shape::Usage;
use super::view::View;

/// Keys of policies in the order in which they are listed: the customer's, then AWS's, each by name.
async fn keys(view: &View, scope: api::PolicyScopeType) -> Result<Vec<String>, IamError> {
    let (customer, aws) = match scope {
        api::PolicyScopeType::All => (true, true),
        api::PolicyScopeType::Local => (true, false),
        api::PolicyScopeType::Aws => (false, true),
    };
    let mut keys = Vec::new();
    if customer {
        let names = view.suffixes(&row::names(Kind::Policy)).await?;
        keys.extend(names.into_iter().map(|name| format!("c{name}")));
    }
    if aws {
        keys.extend(managed::all().iter().map(|policy| format!("x{}", policy.name)));
    }
    keys.sort_unstable();
    Ok(keys)
}

async fn by_key(view: &View, key: &str) -> Result<Option<Managed>, IamError> {
    let Some((b"c", name)) = key.as_bytes().split_first_chunk() else {
        let policy = managed::all().iter().find(|policy| key.get(1..) == Some(policy.name));
        return Ok(policy.map(Managed::Aws));
    };
    let name = std::str::from_utf8(name).unwrap_or_default();
    let Some(id) = view.id_of(Kind::Policy, name).await? else { return Ok(None) };
    Ok(view.entity::<PolicyRow>(&id).await?.map(Managed::Customer))
}

pub(crate) async fn list_policies(
    view: &View,
    input: &api::ListPoliciesInput,
) -> Result<api::ListPoliciesOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let mut found = Vec::new();
    for key in keys(view, input.scope.unwrap_or(api::PolicyScopeType::All)).await? {
        if page.after().is_some_and(|after| key.as_str() <= after) {
            continue;
        }
        let Some(managed) = by_key(view, &key).await? else { continue };
        let shape = managed.shape(view).await?;
        if is_wanted(input, &shape) {
            found.push((key, shape));
        }
        if found.len() > page.limit() {
            break;
        }
    }
    let cut = page.full(found, |(key, _)| key.clone());
    // Source: ListPolicies: neither tags nor description.
    let cut = cut.map(|(_, shape)| api::Policy { tags: None, description: None, ..shape });
    Ok(api::ListPoliciesOutput {
        policies: Some(cut.items),
        is_truncated: cut.is_truncated,
        marker: cut.marker,
    })
}

fn is_wanted(input: &api::ListPoliciesInput, policy: &api::Policy) -> bool {
    let usage = Usage {
        attached: policy.attachment_count.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        bounding: policy.permissions_boundary_usage_count.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
    };
    let used = match input.policy_usage_filter {
        None => true,
        Some(api::PolicyUsageType::PermissionsPolicy) => usage.attached > 0,
        Some(api::PolicyUsageType::PermissionsBoundary) => usage.bounding > 0,
    };
    let path = policy.path.as_deref().unwrap_or("/");
    used && (input.only_attached != Some(true) || usage.attached > 0)
        && input.path_prefix.as_deref().is_none_or(|prefix| path.starts_with(prefix))
}

/// An entity that a policy is attached to.
enum Attached {
    User(UserRow),
    Group(GroupRow),
    Role(RoleRow),
}

impl Attached {
    async fn of(view: &View, id: &str) -> Result<Option<Self>, IamError> {
        Ok(if id.starts_with(Kind::User.id_prefix()) {
            view.entity(id).await?.map(Self::User)
        } else if id.starts_with(Kind::Group.id_prefix()) {
            view.entity(id).await?.map(Self::Group)
        } else {
            view.entity(id).await?.map(Self::Role)
        })
    }

    fn kind_and_path(&self) -> (api::EntityType, &str) {
        match self {
            Self::User(user) => (api::EntityType::User, &user.core.path),
            Self::Group(group) => (api::EntityType::Group, &group.core.path),
            Self::Role(role) => (api::EntityType::Role, &role.core.path),
        }
    }
}

pub(crate) async fn list_entities_for_policy(
    view: &View,
    input: &api::ListEntitiesForPolicyInput,
) -> Result<api::ListEntitiesForPolicyOutput, IamError> {
    policy::must(view, &input.policy_arn).await?;
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let arn = &input.policy_arn;
    let mut ids = match input.policy_usage_filter {
        None => [row::attachments(arn), row::boundaries(arn)].to_vec(),
        Some(api::PolicyUsageType::PermissionsPolicy) => vec![row::attachments(arn)],
        Some(api::PolicyUsageType::PermissionsBoundary) => vec![row::boundaries(arn)],
    };
    let mut found = Vec::new();
    for prefix in ids.drain(..) {
        found.extend(view.suffixes(&prefix).await?);
    }
    found.sort_unstable();
    found.dedup();
    let mut entities = Vec::new();
    for id in found.into_iter().filter(|id| page.after().is_none_or(|after| id.as_str() > after)) {
        let Some(entity) = Attached::of(view, &id).await? else { continue };
        let (kind, path) = entity.kind_and_path();
        let wanted = input.entity_filter.is_none_or(|filter| filter == kind);
        if wanted && input.path_prefix.as_deref().is_none_or(|prefix| path.starts_with(prefix)) {
            entities.push((id, entity));
        }
        if entities.len() > page.limit() {
            break;
        }
    }
    let cut = page.full(entities, |(id, _)| id.clone());
    Ok(entities_shape(cut.items, cut.is_truncated, cut.marker))
}

fn entities_shape(
    entities: Vec<(String, Attached)>,
    is_truncated: Option<bool>,
    marker: Option<String>,
) -> api::ListEntitiesForPolicyOutput {
    let (mut users, mut groups, mut roles) = (Vec::new(), Vec::new(), Vec::new());
    for (id, entity) in entities {
        let id = Some(id);
        match entity {
            Attached::User(row) => {
                users.push(api::PolicyUser { user_name: Some(row.core.name), user_id: id });
            }
            Attached::Group(row) => {
                groups.push(api::PolicyGroup { group_name: Some(row.core.name), group_id: id });
            }
            Attached::Role(row) => {
                roles.push(api::PolicyRole { role_name: Some(row.core.name), role_id: id });
            }
        }
    }
    api::ListEntitiesForPolicyOutput {
        policy_groups: Some(groups),
        policy_users: Some(users),
        policy_roles: Some(roles),
        is_truncated,
        marker,
    }
}
