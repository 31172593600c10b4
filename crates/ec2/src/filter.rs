//! Filters and pages of Describe operations.
//!
//! Source: EC2 API Reference, "Filter", and `MaxResults` and `NextToken` of each operation.

use strongroom_api_ec2 as api;
use strongroom_policy::wildcard_match;

use crate::error::Ec2Error;
use crate::limits;
use crate::row::TagRow;

/// What filters look at.
pub(crate) trait Filtered {
    /// The filters that there are, beside those of tags.
    const NAMES: &'static [&'static str];

    /// What a filter of this name is compared with.
    fn values(&self, name: &str) -> Vec<String>;

    /// The tags.
    fn tags(&self) -> &[TagRow];
}

/// Keeps what all filters let through: of each one value must fit, with `*` and `?` in it.
///
/// # Errors
/// `InvalidParameterValue` for a filter that there is not, and for too many.
pub(crate) fn keep<T: Filtered>(items: Vec<T>, filters: Option<&[api::Filter]>) -> Result<Vec<T>, Ec2Error> {
    let filters = filters.unwrap_or_default();
    let values: usize = filters.iter().map(|filter| filter.values.as_ref().map_or(0, Vec::len)).sum();
    if filters.len() > limits::FILTERS || values > limits::FILTER_VALUES {
        let (filters, values) = (limits::FILTERS, limits::FILTER_VALUES);
        return Err(Ec2Error::Value(format!("There are at most {filters} filters with {values} values.")));
    }
    for name in filters.iter().map(|filter| filter.name.as_deref().unwrap_or_default()) {
        if !(T::NAMES.contains(&name) || name == "tag-key" || name.starts_with("tag:")) {
            return Err(Ec2Error::Value(format!("The filter '{name}' is invalid")));
        }
    }
    let fits = |item: &T| filters.iter().all(|filter| passes(item, filter));
    Ok(items.into_iter().filter(|item| fits(item)).collect())
}

fn passes<T: Filtered>(item: &T, filter: &api::Filter) -> bool {
    let name = filter.name.as_deref().unwrap_or_default();
    let of_tags = |take: &dyn Fn(&TagRow) -> Option<String>| item.tags().iter().filter_map(take).collect();
    let found: Vec<String> = match name.strip_prefix("tag:") {
        Some(key) => of_tags(&|tag| (tag.key == key).then(|| tag.value.clone())),
        None if name == "tag-key" => of_tags(&|tag| Some(tag.key.clone())),
        None => item.values(name),
    };
    let wanted = filter.values.as_deref().unwrap_or_default();
    wanted.iter().any(|pattern| found.iter().any(|value| wildcard_match(pattern, value)))
}

/// A part of a list, and where the next begins.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_token: Option<String>,
}

/// The part of a list behind `next_token`, in the order of its keys. A token is the key of the last item that was shown:
/// keys are ids and names, which are no secret to those who may list them.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn page<T>(
    mut items: Vec<T>,
    (next_token, max_results): (Option<&str>, Option<i32>),
    key: impl Fn(&T) -> String,
) -> Result<Page<T>, Ec2Error> {
    let limit = match max_results {
        None => limits::PAGE,
        Some(asked) => usize::try_from(asked)
            .ok()
            .filter(|limit| (1..=limits::PAGE).contains(limit))
            .ok_or_else(|| {
                Ec2Error::Value(format!(
                    "Value ( {asked} ) for parameter maxResults is not from 1 to {}.",
                    limits::PAGE
                ))
            })?,
    };
    items.sort_by_cached_key(&key);
    if let Some(after) = next_token {
        if after.is_empty() || !after.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Ec2Error::NextToken);
        }
        items.retain(|item| key(item).as_str() > after);
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next_token = items.last().filter(|_| more).map(key);
    Ok(Page { items, next_token })
}
