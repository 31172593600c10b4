//! Tags of users, roles, customer-managed policies and instance profiles.
//!
//! Source: IAM User Guide, "Tags for AWS Identity and Access Management resources": keys differ by more than case; a tag
//! whose key differs from another's by case alone replaces it.

use strongroom_api_iam as api;

use super::entity::{TagRow, Tagged};
use super::error::IamError;
use super::name::{check_tag_count, tag_rows, tag_shape};
use super::page::{Cut, Page};
use super::policy::{self, Managed};
use super::row::{InstanceProfileRow, RoleRow, UserRow};
use super::view::{Change, View};

/// Adds tags to those that there are.
pub(crate) fn merge(tags: &mut Vec<TagRow>, new: Vec<TagRow>) {
    for tag in new {
        let key = tag.key.to_lowercase();
        match tags.iter_mut().find(|old| old.key.to_lowercase() == key) {
            Some(old) => *old = tag,
            None => tags.push(tag),
        }
    }
}

/// Takes tags away; keys that are not there are no mistake.
pub(crate) fn strip(tags: &mut Vec<TagRow>, keys: &[String]) {
    let keys: Vec<String> = keys.iter().map(|key| key.to_lowercase()).collect();
    tags.retain(|tag| !keys.contains(&tag.key.to_lowercase()));
}

fn tag<E: Tagged>(change: &mut Change, mut entity: E, tags: &[api::Tag]) -> Result<(), IamError> {
    merge(entity.tags_mut(), tag_rows(Some(tags))?);
    check_tag_count::<E>(entity.tags())?;
    change.save(&entity);
    Ok(())
}

fn untag<E: Tagged>(change: &mut Change, mut entity: E, keys: &[String]) {
    strip(entity.tags_mut(), keys);
    change.save(&entity);
}

/// A page of tags.
pub(crate) fn list(tags: &[TagRow], page: &Page) -> Cut<api::Tag> {
    page.cut(tags.to_vec(), |tag| tag.key.clone()).map(|tag| tag_shape(&tag))
}

macro_rules! tags {
    ($($row:ty, $name:ident: $tag:ident $tag_in:ident $tag_out:ident, $untag:ident $untag_in:ident $untag_out:ident,
        $list:ident $list_in:ident $list_out:ident;)*) => {$(
        pub(crate) async fn $tag(change: &mut Change, input: &api::$tag_in) -> Result<api::$tag_out, IamError> {
            let entity: $row = change.changeable(&input.$name).await?;
            tag(change, entity, &input.tags)?;
            Ok(api::$tag_out {})
        }

        pub(crate) async fn $untag(
            change: &mut Change,
            input: &api::$untag_in,
        ) -> Result<api::$untag_out, IamError> {
            let entity: $row = change.changeable(&input.$name).await?;
            untag(change, entity, &input.tag_keys);
            Ok(api::$untag_out {})
        }

        pub(crate) async fn $list(view: &View, input: &api::$list_in) -> Result<api::$list_out, IamError> {
            let page = Page::of(input.marker.as_deref(), input.max_items)?;
            let entity: $row = view.named(&input.$name).await?;
            let cut = list(&entity.tags, &page);
            Ok(api::$list_out { tags: cut.items, is_truncated: cut.is_truncated, marker: cut.marker })
        }
    )*};
}

tags! {
    UserRow, user_name: tag_user TagUserInput TagUserOutput, untag_user UntagUserInput UntagUserOutput,
        list_user_tags ListUserTagsInput ListUserTagsOutput;
    RoleRow, role_name: tag_role TagRoleInput TagRoleOutput, untag_role UntagRoleInput UntagRoleOutput,
        list_role_tags ListRoleTagsInput ListRoleTagsOutput;
    InstanceProfileRow, instance_profile_name: tag_instance_profile TagInstanceProfileInput TagInstanceProfileOutput,
        untag_instance_profile UntagInstanceProfileInput UntagInstanceProfileOutput,
        list_instance_profile_tags ListInstanceProfileTagsInput ListInstanceProfileTagsOutput;
}

pub(crate) async fn tag_policy(
    change: &mut Change,
    input: &api::TagPolicyInput,
) -> Result<api::TagPolicyOutput, IamError> {
    let policy = policy::customer(&change.view, &input.policy_arn).await?;
    tag(change, policy, &input.tags)?;
    Ok(api::TagPolicyOutput {})
}

pub(crate) async fn untag_policy(
    change: &mut Change,
    input: &api::UntagPolicyInput,
) -> Result<api::UntagPolicyOutput, IamError> {
    let policy = policy::customer(&change.view, &input.policy_arn).await?;
    untag(change, policy, &input.tag_keys);
    Ok(api::UntagPolicyOutput {})
}

pub(crate) async fn list_policy_tags(
    view: &View,
    input: &api::ListPolicyTagsInput,
) -> Result<api::ListPolicyTagsOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let cut = match policy::must(view, &input.policy_arn).await? {
        Managed::Customer(policy) => list(&policy.tags, &page),
        Managed::Aws(_) => list(&[], &page),
    };
    Ok(api::ListPolicyTagsOutput { tags: cut.items, is_truncated: cut.is_truncated, marker: cut.marker })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, value: &str) -> TagRow {
        TagRow { key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn a_tag_replaces_the_one_whose_key_differs_by_case() {
        let mut tags = vec![row("Team", "a"), row("x", "1")];
        merge(&mut tags, vec![row("team", "b"), row("y", "2")]);
        assert_eq!(tags, [row("team", "b"), row("x", "1"), row("y", "2")]);
        strip(&mut tags, &["TEAM".to_owned(), "none".to_owned()]);
        assert_eq!(tags, [row("x", "1"), row("y", "2")]);
    }
}
