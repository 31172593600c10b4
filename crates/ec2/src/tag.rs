//! Tags. Source: EC2 API Reference, CreateTags, DeleteTags, DescribeTags; EC2 User Guide, "Tag your Amazon EC2 resources".

use std::collections::HashSet;

use strongroom_api_ec2 as api;

use crate::error::{Ec2Error, Named};
use crate::filter::{Filtered, keep, page};
use crate::row::{EndpointRow, TagRow, VpcRow};
use crate::view::{Change, View};
use crate::{id, limits};

/// Tags as they are kept.
///
/// # Errors
/// `InvalidParameterValue`, `MissingParameter`.
fn rows(tags: &[api::Tag]) -> Result<Vec<TagRow>, Ec2Error> {
    let mut keys = HashSet::new();
    let mut rows = Vec::with_capacity(tags.len());
    for tag in tags {
        let key = tag.key.as_deref().ok_or(Ec2Error::Missing("Tag.Key"))?;
        let value = tag.value.as_deref().unwrap_or_default();
        if key.is_empty() || key.chars().count() > limits::TAG_KEY_CHARS {
            let most = limits::TAG_KEY_CHARS;
            return Err(Ec2Error::Value(format!("A tag's key has from 1 to {most} characters.")));
        }
        if value.chars().count() > limits::TAG_VALUE_CHARS {
            let most = limits::TAG_VALUE_CHARS;
            return Err(Ec2Error::Value(format!("A tag's value has at most {most} characters.")));
        }
        if !key.chars().chain(value.chars()).all(is_of_xml) {
            return Err(Ec2Error::Value("A tag has characters that no answer can carry.".to_owned()));
        }
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            let message = format!("Tag keys starting with 'aws:' are reserved for internal use: '{key}'");
            return Err(Ec2Error::Value(message));
        }
        if !keys.insert(key) {
            return Err(Ec2Error::Value(format!("Duplicate tag key '{key}' specified.")));
        }
        rows.push(TagRow { key: key.to_owned(), value: value.to_owned() });
    }
    Ok(rows)
}

/// What XML 1.0 can carry (its production `Char`), and so every answer that lists tags.
fn is_of_xml(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn check_count(tags: &[TagRow]) -> Result<(), Ec2Error> {
    if tags.len() > limits::TAGS {
        return Err(Ec2Error::Limit {
            code: "TagLimitExceeded",
            of: "tags of a resource",
            most: limits::TAGS,
        });
    }
    Ok(())
}

/// Tags of a new resource.
pub(crate) fn new_tags(
    specifications: Option<&[api::TagSpecification]>,
    of: api::ResourceType,
) -> Result<Vec<TagRow>, Ec2Error> {
    let mut all = Vec::new();
    for specification in specifications.unwrap_or_default() {
        let kind = specification.resource_type.map_or("null", api::ResourceType::as_str);
        if kind != of.as_str() {
            let message = format!("'{kind}' is not a valid taggable resource type for this operation.");
            return Err(Ec2Error::Value(message));
        }
        all.extend_from_slice(specification.tags.as_deref().unwrap_or_default());
    }
    let rows = rows(&all)?;
    check_count(&rows)?;
    Ok(rows)
}

pub(crate) fn shown(tags: &[TagRow]) -> Vec<api::Tag> {
    let show = |tag: &TagRow| api::Tag { key: Some(tag.key.clone()), value: Some(tag.value.clone()) };
    tags.iter().map(show).collect()
}

/// What has tags.
enum Tagged {
    Vpc(VpcRow),
    Endpoint(EndpointRow),
}

impl Tagged {
    async fn of(view: &View, resource: &str) -> Result<Self, Ec2Error> {
        if id::is(resource, "vpc-") {
            return Ok(Self::Vpc(view.vpc(resource).await?));
        }
        if id::is(resource, "vpce-") {
            return Ok(Self::Endpoint(view.endpoint(resource).await?));
        }
        Err(Ec2Error::NotFound { named: Named::Other, id: resource.to_owned() })
    }

    fn tags_mut(&mut self) -> &mut Vec<TagRow> {
        match self {
            Self::Vpc(vpc) => &mut vpc.tags,
            Self::Endpoint(endpoint) => &mut endpoint.tags,
        }
    }

    fn put(&self, change: &mut Change) {
        match self {
            Self::Vpc(vpc) => change.put_vpc(vpc),
            Self::Endpoint(endpoint) => change.put_endpoint(endpoint),
        }
    }
}

/// The resources that are named, each once.
fn resources(named: &[String]) -> Result<Vec<&String>, Ec2Error> {
    if named.is_empty() {
        return Err(Ec2Error::Missing("ResourceId"));
    }
    if named.len() > limits::TAGGED_AT_ONCE {
        let most = limits::TAGGED_AT_ONCE;
        return Err(Ec2Error::Value(format!("At most {most} resources can be named at once.")));
    }
    let mut seen = HashSet::new();
    Ok(named.iter().filter(|id| seen.insert(id.as_str())).collect())
}

pub(crate) async fn create_tags(
    change: &mut Change,
    input: &api::CreateTagsInput,
) -> Result<api::CreateTagsOutput, Ec2Error> {
    let new = rows(&input.tags)?;
    if new.is_empty() {
        return Err(Ec2Error::Missing("Tag"));
    }
    for resource in resources(&input.resources)? {
        let mut tagged = Tagged::of(&change.view, resource).await?;
        let tags = tagged.tags_mut();
        tags.retain(|tag| new.iter().all(|new| new.key != tag.key));
        tags.extend(new.iter().cloned());
        check_count(tags)?;
        tagged.put(change);
    }
    Ok(api::CreateTagsOutput {})
}

/// "If you specify a tag key without a tag value, we delete any tag with this key regardless of its value. […] If you omit
/// this parameter, we delete all user-defined tags."
pub(crate) async fn delete_tags(
    change: &mut Change,
    input: &api::DeleteTagsInput,
) -> Result<api::DeleteTagsOutput, Ec2Error> {
    let goes = |tag: &TagRow| {
        let Some(named) = &input.tags else { return true };
        named.iter().any(|named| {
            named.key.as_ref() == Some(&tag.key)
                && named.value.as_ref().is_none_or(|value| *value == tag.value)
        })
    };
    for resource in resources(&input.resources)? {
        let mut tagged = Tagged::of(&change.view, resource).await?;
        tagged.tags_mut().retain(|tag| !goes(tag));
        tagged.put(change);
    }
    Ok(api::DeleteTagsOutput {})
}

/// A tag and what has it.
struct OfResource {
    resource: String,
    kind: api::ResourceType,
    /// One.
    tag: [TagRow; 1],
}

impl Filtered for OfResource {
    const NAMES: &'static [&'static str] = &["key", "resource-id", "resource-type", "value"];

    fn values(&self, name: &str) -> Vec<String> {
        let [tag] = &self.tag;
        vec![match name {
            "key" => tag.key.clone(),
            "value" => tag.value.clone(),
            "resource-id" => self.resource.clone(),
            _ => self.kind.as_str().to_owned(),
        }]
    }

    fn tags(&self) -> &[TagRow] {
        &self.tag
    }
}

pub(crate) async fn describe_tags(
    view: &View,
    input: &api::DescribeTagsInput,
) -> Result<api::DescribeTagsOutput, Ec2Error> {
    let mut all = Vec::new();
    let mut add = |resource: &str, kind, tags: Vec<TagRow>| {
        let of = |tag| OfResource { resource: resource.to_owned(), kind, tag: [tag] };
        all.extend(tags.into_iter().map(of));
    };
    for vpc in view.vpcs().await? {
        add(&vpc.id, api::ResourceType::Vpc, vpc.tags);
    }
    for endpoint in view.endpoints_without_policies().await? {
        add(&endpoint.id, api::ResourceType::VpcEndpoint, endpoint.tags);
    }
    let kept = keep(all, input.filters.as_deref())?;
    // Keys of tags may be in any script; a token is not.
    let key = |of: &OfResource| {
        let [tag] = &of.tag;
        let hex: String = tag.key.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("{}/{hex}", of.resource)
    };
    let cut = page(kept, (input.next_token.as_deref(), input.max_results), key)?;
    let show = |of: OfResource| {
        let [tag] = of.tag;
        api::TagDescription {
            key: Some(tag.key),
            value: Some(tag.value),
            resource_id: Some(of.resource),
            resource_type: Some(of.kind),
        }
    };
    let tags = Some(cut.items.into_iter().map(show).collect());
    Ok(api::DescribeTagsOutput { tags, next_token: cut.next_token })
}
