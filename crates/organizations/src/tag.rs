//! Tags. Source: Organizations API Reference, TagResource, UntagResource, ListTagsForResource.

use std::collections::HashSet;

use strongroom_api_organizations as api;
use strongroom_api_organizations::{
    ConstraintViolationExceptionReason as Constraint, InvalidInputExceptionReason as Input,
};

use crate::error::{Missing, OrganizationsError, input, limit};
use crate::kind::AwsPolicy;
use crate::limits;
use crate::node::Node;
use crate::page::Page;
use crate::row::{self, PolicyRow, RESOURCE_POLICY, ResourcePolicyRow, TagRow};
use crate::view::{Change, View};

/// Tags as they are kept.
///
/// # Errors
/// `InvalidInputException` for a key that is there twice or AWS's own.
fn rows(tags: &[api::Tag]) -> Result<Vec<TagRow>, OrganizationsError> {
    let mut keys = HashSet::new();
    if !tags.iter().all(|tag| keys.insert(tag.key.as_str())) {
        return Err(input(Input::DuplicateTagKey, "Tag keys must be unique among the tags of a resource."));
    }
    if tags.iter().any(|tag| is_system(&tag.key)) {
        return Err(input(Input::InvalidSystemTagsParameter, "Tag keys must not begin with aws:"));
    }
    Ok(tags.iter().map(|tag| TagRow { key: tag.key.clone(), value: tag.value.clone() }).collect())
}

fn is_system(key: &str) -> bool {
    key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

fn check_count(tags: &[TagRow]) -> Result<(), OrganizationsError> {
    if tags.len() > limits::TAGS {
        return Err(limit(Constraint::MaxTagLimitExceeded, limits::TAGS, "tags for a resource"));
    }
    Ok(())
}

/// Tags of a new resource.
pub(crate) fn new_tags(tags: Option<&[api::Tag]>) -> Result<Vec<TagRow>, OrganizationsError> {
    let rows = rows(tags.unwrap_or_default())?;
    check_count(&rows)?;
    Ok(rows)
}

/// What has tags.
enum Tagged {
    Node(Node),
    Policy(PolicyRow),
    ResourcePolicy(ResourcePolicyRow),
}

impl Tagged {
    async fn of(view: &View, id: &str) -> Result<Self, OrganizationsError> {
        if AwsPolicy::find(id).is_some() {
            return Err(input(Input::ImmutablePolicy, "A policy of AWS's has no tags."));
        }
        let found = if id.starts_with("p-") {
            view.policy(id).await?.map(Self::Policy)
        } else if id.starts_with("rp-") {
            let row: Option<ResourcePolicyRow> = view.get(RESOURCE_POLICY).await?;
            row.filter(|row| row.id == id).map(Self::ResourcePolicy)
        } else {
            view.node(id).await?.map(Self::Node)
        };
        Ok(found.ok_or(Missing::Target)?)
    }

    fn tags(&self) -> &[TagRow] {
        match self {
            Self::Node(node) => node.tags(),
            Self::Policy(policy) => &policy.tags,
            Self::ResourcePolicy(policy) => &policy.tags,
        }
    }

    fn tags_mut(&mut self) -> &mut Vec<TagRow> {
        match self {
            Self::Node(node) => node.tags_mut(),
            Self::Policy(policy) => &mut policy.tags,
            Self::ResourcePolicy(policy) => &mut policy.tags,
        }
    }

    fn save(self, change: &mut Change) -> Result<(), OrganizationsError> {
        match self {
            Self::Node(node) => change.save(&node)?,
            Self::Policy(policy) => {
                change.touch(change.view.organization.policy_arn(policy.kind, &policy.id));
                change.put(row::policy(&policy.id), &policy);
            }
            Self::ResourcePolicy(policy) => {
                change.touch(change.view.organization.resource_policy_arn(&policy.id));
                change.put(RESOURCE_POLICY.to_vec(), &policy);
            }
        }
        Ok(())
    }
}

pub(crate) async fn tag_resource(
    change: &mut Change,
    input: &api::TagResourceInput,
) -> Result<api::TagResourceOutput, OrganizationsError> {
    let new = rows(&input.tags)?;
    let mut tagged = Tagged::of(&change.view, &input.resource_id).await?;
    let tags = tagged.tags_mut();
    tags.retain(|tag| new.iter().all(|new| new.key != tag.key));
    tags.extend(new);
    check_count(tags)?;
    tagged.save(change)?;
    Ok(api::TagResourceOutput {})
}

pub(crate) async fn untag_resource(
    change: &mut Change,
    input: &api::UntagResourceInput,
) -> Result<api::UntagResourceOutput, OrganizationsError> {
    let mut tagged = Tagged::of(&change.view, &input.resource_id).await?;
    tagged.tags_mut().retain(|tag| !input.tag_keys.contains(&tag.key));
    tagged.save(change)?;
    Ok(api::UntagResourceOutput {})
}

pub(crate) async fn list_tags_for_resource(
    view: &View,
    input: &api::ListTagsForResourceInput,
) -> Result<api::ListTagsForResourceOutput, OrganizationsError> {
    let page = Page::of(input.next_token.as_deref(), None)?;
    let tags = match AwsPolicy::find(&input.resource_id) {
        Some(_) => Vec::new(),
        None => Tagged::of(view, &input.resource_id).await?.tags().to_vec(),
    };
    let cut = page.cut(tags, |tag| tag.key.clone());
    let tags = cut.items.into_iter().map(|tag| api::Tag { key: tag.key, value: tag.value }).collect();
    Ok(api::ListTagsForResourceOutput { tags: Some(tags), next_token: cut.next_token })
}
