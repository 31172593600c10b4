//! Inline policies of users, groups and roles.

use strongroom_api_iam as api;

use super::document;
use super::entity::{Holder, InlineEntry};
use super::error::{IamError, Missing};
use super::page::{Cut, Page};
use super::row::{self, GroupRow, RoleRow, UserRow};
use super::view::{Change, View};
use super::{name, shape};

async fn put<E: Holder>(
    change: &mut Change,
    name: &str,
    policy: &str,
    document: &str,
) -> Result<(), IamError> {
    let mut entity: E = change.changeable(name).await?;
    name::check_name(policy)?;
    let (limit, counted) = E::INLINE.limit();
    let chars = counted.count(document);
    let inline = &mut entity.held_mut().inline;
    inline.retain(|entry| entry.name != policy);
    let others: usize = inline.iter().filter_map(|entry| usize::try_from(entry.chars).ok()).sum();
    if others.saturating_add(chars) > limit {
        return Err(IamError::InlineSize { limit, noun: E::KIND.noun(), name: name.to_owned() });
    }
    document::parse(E::INLINE, document)?;
    let chars = u32::try_from(chars).unwrap_or(u32::MAX);
    inline.push(InlineEntry { name: policy.to_owned(), chars });
    change.put(row::inline(&entity.core().id, policy), &document);
    change.save(&entity);
    Ok(())
}

async fn get<E: Holder>(view: &View, name: &str, policy: &str) -> Result<String, IamError> {
    let entity: E = view.named(name).await?;
    let document = document_of(view, &entity, policy).await?;
    document.ok_or_else(|| IamError::NoSuch(Missing::Inline(E::KIND, policy.to_owned())))
}

async fn document_of<E: Holder>(view: &View, entity: &E, policy: &str) -> Result<Option<String>, IamError> {
    view.get(&row::inline(&entity.core().id, policy)).await
}

/// All inline policies of an entity, as answers show them.
pub(crate) async fn details<E: Holder>(view: &View, entity: &E) -> Result<Vec<api::PolicyDetail>, IamError> {
    let mut details = Vec::with_capacity(entity.held().inline.len());
    for entry in &entity.held().inline {
        // One that was deleted since its holder was read is not there.
        let document = document_of(view, entity, &entry.name).await?;
        details.extend(document.map(|text| api::PolicyDetail {
            policy_name: Some(entry.name.clone()),
            policy_document: Some(shape::document(&text)),
        }));
    }
    Ok(details)
}

async fn delete<E: Holder>(change: &mut Change, name: &str, policy: &str) -> Result<(), IamError> {
    let mut entity: E = change.changeable(name).await?;
    let before = entity.held().inline.len();
    entity.held_mut().inline.retain(|entry| entry.name != policy);
    if entity.held().inline.len() == before {
        return Err(IamError::NoSuch(Missing::Inline(E::KIND, policy.to_owned())));
    }
    change.delete(row::inline(&entity.core().id, policy));
    change.save(&entity);
    Ok(())
}

async fn list<E: Holder>(view: &View, name: &str, page: &Page) -> Result<Cut<String>, IamError> {
    let entity: E = view.named(name).await?;
    let names = entity.held().inline.iter().map(|entry| entry.name.clone()).collect();
    Ok(page.cut(names, Clone::clone))
}

macro_rules! inline_policies {
    ($($row:ty, $name:ident: $put:ident $put_in:ident $put_out:ident, $get:ident $get_in:ident $get_out:ident,
        $delete:ident $delete_in:ident $delete_out:ident, $list:ident $list_in:ident $list_out:ident;)*) => {$(
        pub(crate) async fn $put(change: &mut Change, input: &api::$put_in) -> Result<api::$put_out, IamError> {
            put::<$row>(change, &input.$name, &input.policy_name, &input.policy_document).await?;
            Ok(api::$put_out {})
        }

        pub(crate) async fn $get(view: &View, input: &api::$get_in) -> Result<api::$get_out, IamError> {
            let document = get::<$row>(view, &input.$name, &input.policy_name).await?;
            Ok(api::$get_out {
                $name: input.$name.clone(),
                policy_name: input.policy_name.clone(),
                policy_document: shape::document(&document),
            })
        }

        pub(crate) async fn $delete(
            change: &mut Change,
            input: &api::$delete_in,
        ) -> Result<api::$delete_out, IamError> {
            delete::<$row>(change, &input.$name, &input.policy_name).await?;
            Ok(api::$delete_out {})
        }

        pub(crate) async fn $list(view: &View, input: &api::$list_in) -> Result<api::$list_out, IamError> {
            let page = Page::of(input.marker.as_deref(), input.max_items)?;
            let cut = list::<$row>(view, &input.$name, &page).await?;
            Ok(api::$list_out { policy_names: cut.items, is_truncated: cut.is_truncated, marker: cut.marker })
        }
    )*};
}

inline_policies! {
    UserRow, user_name: put_user_policy PutUserPolicyInput PutUserPolicyOutput,
        get_user_policy GetUserPolicyInput GetUserPolicyOutput,
        delete_user_policy DeleteUserPolicyInput DeleteUserPolicyOutput,
        list_user_policies ListUserPoliciesInput ListUserPoliciesOutput;
    GroupRow, group_name: put_group_policy PutGroupPolicyInput PutGroupPolicyOutput,
        get_group_policy GetGroupPolicyInput GetGroupPolicyOutput,
        delete_group_policy DeleteGroupPolicyInput DeleteGroupPolicyOutput,
        list_group_policies ListGroupPoliciesInput ListGroupPoliciesOutput;
    RoleRow, role_name: put_role_policy PutRolePolicyInput PutRolePolicyOutput,
        get_role_policy GetRolePolicyInput GetRolePolicyOutput,
        delete_role_policy DeleteRolePolicyInput DeleteRolePolicyOutput,
        list_role_policies ListRolePoliciesInput ListRolePoliciesOutput;
}
