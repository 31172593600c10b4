//! Filters and pages of Describe operations.
//!
//! Source: EC2 API Reference, "Filter", and `MaxResults` and `NextToken` of each operation.

use std::collections::{BTreeSet, HashSet};

use strongroom_api_ec2 as api;

use crate::error::Ec2Error;
use crate::limits;
use crate::row::TagRow;

/// What filters look at.
pub(crate) trait Filtered {
    /// The filters that there are, beside those of tags.
    const NAMES: &'static [&'static str];

    /// Whether there are filters of tags.
    const HAS_TAGS: bool = true;

    /// What a filter of this name is compared with.
    fn values(&self, name: &str) -> Vec<String>;

    /// The tags.
    fn tags(&self) -> &[TagRow];
}

/// Keeps what all filters let through: of each one value must fit, with `*` and `?` in it.
///
/// # Errors
/// `InvalidParameterValue` for a filter that there is not, for too many, and for what takes too many comparisons.
pub(crate) fn keep<T: Filtered>(items: Vec<T>, filters: Option<&[api::Filter]>) -> Result<Vec<T>, Ec2Error> {
    let filters = filters.unwrap_or_default();
    let values: usize = filters.iter().map(|filter| filter.values.as_ref().map_or(0, Vec::len)).sum();
    if filters.len() > limits::FILTERS || values > limits::FILTER_VALUES {
        let (filters, values) = (limits::FILTERS, limits::FILTER_VALUES);
        return Err(Ec2Error::Value(format!("There are at most {filters} filters with {values} values.")));
    }
    let wanted = filters.iter().map(Wanted::of::<T>).collect::<Result<Vec<_>, _>>()?;
    let (mut steps, mut kept) = (Steps(limits::FILTER_STEPS), Vec::new());
    for item in items {
        let mut fits = true;
        for wanted in &wanted {
            fits = fits && wanted.has(&item, &mut steps)?;
        }
        if fits {
            kept.push(item);
        }
    }
    Ok(kept)
}

/// What a request's filters may still look at.
struct Steps(usize);

impl Steps {
    fn take(&mut self, steps: usize) -> Result<(), Ec2Error> {
        self.0 = self.0.checked_sub(steps).ok_or_else(|| {
            let message = "The filters compare too much. Name fewer values, or such without wildcards.";
            Ec2Error::Value(message.to_owned())
        })?;
        Ok(())
    }
}

/// A filter, read once for all that it is held against.
struct Wanted<'a> {
    name: &'a str,
    /// Values without wildcards.
    exact: HashSet<&'a str>,
    patterns: Vec<Vec<char>>,
}

impl<'a> Wanted<'a> {
    fn of<T: Filtered>(filter: &'a api::Filter) -> Result<Self, Ec2Error> {
        let name = filter.name.as_deref().unwrap_or_default();
        let of_tags = T::HAS_TAGS && (name == "tag-key" || name.starts_with("tag:"));
        let values = filter.values.as_deref().unwrap_or_default();
        let long = |text: &str| text.chars().nth(limits::FILTER_CHARS).is_some();
        if long(name) || values.iter().any(|value| long(value)) {
            let most = limits::FILTER_CHARS;
            return Err(Ec2Error::Value(format!(
                "A filter's name and values have at most {most} characters."
            )));
        }
        if !(T::NAMES.contains(&name) || of_tags) {
            return Err(Ec2Error::Value(format!("The filter '{name}' is invalid")));
        }
        let (wild, exact): (Vec<&str>, Vec<&str>) =
            values.iter().map(String::as_str).partition(|value| value.contains(['*', '?']));
        let patterns = wild.into_iter().map(|value| value.chars().collect()).collect();
        Ok(Self { name, exact: exact.into_iter().collect(), patterns })
    }

    /// Whether one of the values fits something of `item`.
    fn has<T: Filtered>(&self, item: &T, steps: &mut Steps) -> Result<bool, Ec2Error> {
        let tag_value = self.name.strip_prefix("tag:");
        if T::NAMES.contains(&self.name) {
            for value in item.values(self.name) {
                if self.fits(&value, steps)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        for tag in item.tags() {
            steps.take(1)?;
            let looked_at = match tag_value {
                None => &tag.key,
                Some(key) if tag.key == key => &tag.value,
                Some(_) => continue,
            };
            if self.fits(looked_at, steps)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn fits(&self, value: &str, steps: &mut Steps) -> Result<bool, Ec2Error> {
        steps.take(1)?;
        if self.exact.contains(value) {
            return Ok(true);
        }
        if self.patterns.is_empty() {
            return Ok(false);
        }
        let value: Vec<char> = value.chars().collect();
        steps.take(value.len())?;
        for pattern in &self.patterns {
            if matches(pattern, &value, steps)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Matches with one point to fall back to, the last `*`: at most pattern × value steps, each of which is counted.
fn matches(pattern: &[char], value: &[char], steps: &mut Steps) -> Result<bool, Ec2Error> {
    let (mut piece, mut at) = (0, 0);
    let mut fallback = None;
    loop {
        steps.take(1)?;
        match (pattern.get(piece), value.get(at)) {
            (None, None) => return Ok(true),
            (Some('*'), _) => {
                piece += 1;
                fallback = Some((piece, at));
            }
            (Some(wanted), Some(found)) if *wanted == '?' || wanted == found => {
                piece += 1;
                at += 1;
            }
            _ => {
                let Some((star, from)) = fallback.filter(|(_, from)| *from < value.len()) else {
                    return Ok(false);
                };
                (piece, at) = (star, from + 1);
                fallback = Some((star, at));
            }
        }
    }
}

/// The resources that a request names, each once.
///
/// # Errors
/// `InvalidParameterValue` for too many.
pub(crate) fn named(ids: &[String]) -> Result<BTreeSet<&str>, Ec2Error> {
    if ids.len() > limits::DESCRIBED_AT_ONCE {
        let most = limits::DESCRIBED_AT_ONCE;
        return Err(Ec2Error::Value(format!("At most {most} resources can be named at once.")));
    }
    Ok(ids.iter().map(String::as_str).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Tagged(Vec<TagRow>);

    impl Filtered for Tagged {
        const NAMES: &'static [&'static str] = &["id"];

        fn values(&self, _: &str) -> Vec<String> {
            vec!["vpc-1".to_owned()]
        }

        fn tags(&self) -> &[TagRow] {
            &self.0
        }
    }

    fn tagged(count: usize, key: &str, value: &str) -> Vec<Tagged> {
        let tag = || TagRow { key: key.to_owned(), value: value.to_owned() };
        (0..count).map(|_| Tagged(vec![tag()])).collect()
    }

    fn kept(items: Vec<Tagged>, filters: &[(&str, Vec<String>)]) -> Result<usize, String> {
        let filter = |(name, values): &(&str, Vec<String>)| api::Filter {
            name: Some((*name).to_owned()),
            values: Some(values.clone()),
        };
        let filters: Vec<_> = filters.iter().map(filter).collect();
        keep(items, Some(&filters)).map(|kept| kept.len()).map_err(|error| error.to_string())
    }

    fn one(name: &str, value: &str) -> Result<usize, String> {
        kept(tagged(1, "team", "rouge et noir"), &[(name, vec![value.to_owned()])])
    }

    #[test]
    fn wildcards_stand_for_any_characters_and_for_one() {
        for (value, fits) in [
            ("rouge et noir", 1),
            ("rouge", 0),
            ("", 0),
            ("*", 1),
            ("rouge*", 1),
            ("*noir", 1),
            ("*noi", 0),
            ("r?uge*n**r", 1),
            ("*et?noir", 1),
            ("*e*e*e*", 0),
            ("?*?", 1),
            ("rouge et noir?", 0),
        ] {
            assert_eq!(one("tag:team", value), Ok(fits), "{value}");
        }
        assert_eq!(
            (one("tag-key", "te*"), one("tag-key", "rouge*"), one("tag:other", "*")),
            (Ok(1), Ok(0), Ok(0))
        );
        assert_eq!((one("id", "vpc-?"), one("id", "vpc-2")), (Ok(1), Ok(0)));
    }

    #[test]
    fn every_filter_has_to_fit_and_one_value_of_it() {
        let values = |all: &[&str]| all.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let all = |filters: &[(&str, Vec<String>)]| kept(tagged(3, "team", "red"), filters);
        assert_eq!(all(&[("tag:team", values(&["blue", "r*"])), ("id", values(&["vpc-1"]))]), Ok(3));
        assert_eq!(all(&[("tag:team", values(&["blue", "r*"])), ("id", values(&["vpc-2"]))]), Ok(0));
        assert_eq!(all(&[("id", Vec::new())]), Ok(0));
        assert_eq!(all(&[]), Ok(3));
    }

    #[test]
    fn more_and_longer_filters_than_there_may_be_are_refused() {
        let longest = "x".repeat(limits::FILTER_CHARS);
        assert_eq!(one("tag:team", &longest), Ok(0));
        assert!(one("tag:team", &(longest.clone() + "x")).is_err());
        assert!(one(&format!("tag:{longest}"), "x").is_err());
        let values = |count: usize| vec!["x".to_owned(); count];
        let count = |filters: &[(&str, Vec<String>)]| kept(tagged(1, "a", "b"), filters);
        assert_eq!(count(&[("id", values(limits::FILTER_VALUES))]), Ok(0));
        assert!(count(&[("id", values(limits::FILTER_VALUES + 1))]).is_err());
        assert!(count(&vec![("id", values(1)); limits::FILTERS + 1]).is_err());
        assert!(one("colour", "red").is_err());
    }

    #[test]
    fn what_would_compare_for_long_ends() {
        let hostile = format!("*{}b", "a".repeat(limits::FILTER_CHARS - 2));
        let many =
            |count| kept(tagged(count, "team", &"a".repeat(256)), &[("tag:team", vec![hostile.clone()])]);
        assert_eq!(many(10), Ok(0));
        assert!(many(5_000).unwrap_err().contains("compare too much"));
        let exact: Vec<_> = (0..limits::FILTER_VALUES).map(|at| format!("vpc-{at}x")).collect();
        assert_eq!(
            kept(tagged(5_000, "team", "red"), &[("id", exact)]),
            Ok(0),
            "without wildcards it is cheap"
        );
    }
}
