//! What is known about a request: condition keys and their values.

use std::borrow::Cow;

/// The values of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values<'a> {
    /// The value of a key that has one.
    One(Cow<'a, str>),
    /// The values of a key that may have several; an empty list is as no key at all.
    Many(Cow<'a, [String]>),
}

impl<'a> Values<'a> {
    /// One value that lives elsewhere.
    pub fn one(value: &'a str) -> Self {
        Self::One(Cow::Borrowed(value))
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Many(values) if values.is_empty())
    }

    pub(crate) fn any(&self, mut test: impl FnMut(&str) -> bool) -> bool {
        match self {
            Self::One(value) => test(value),
            Self::Many(values) => values.iter().any(|value| test(value)),
        }
    }

    pub(crate) fn all(&self, mut test: impl FnMut(&str) -> bool) -> bool {
        !self.any(|value| !test(value))
    }

    /// The one value, where there is exactly one: what a variable stands for. Source: IAM User Guide, "Single-valued vs.
    /// multivalued context keys": a key with several values is no policy variable.
    pub(crate) fn single(self) -> Option<Cow<'a, str>> {
        match self {
            Self::One(value) => Some(value),
            Self::Many(Cow::Borrowed([value])) => Some(Cow::Borrowed(value)),
            Self::Many(Cow::Owned(values)) => match <[String; 1]>::try_from(values) {
                Ok([value]) => Some(Cow::Owned(value)),
                Err(_) => None,
            },
            Self::Many(Cow::Borrowed(_)) => None,
        }
    }

    /// All values, for people.
    pub fn to_list(&self) -> Vec<String> {
        match self {
            Self::One(value) => vec![value.to_string()],
            Self::Many(values) => values.to_vec(),
        }
    }
}

/// Where an evaluation asks for condition keys, one at a time and only for those that a statement speaks of: an
/// implementation may work a value out when it is asked for.
///
/// INVARIANT: an implementation answers from what the store knows, never from a header that happens to have a key's name.
pub trait Context {
    /// The values of `key`, which comes in lower case (`aws:sourceip`, `s3:existingobjecttag/team`): the names of keys,
    /// of the tags in them too, are not case-sensitive. `None` where the request has no such key.
    fn values(&self, key: &str) -> Option<Values<'_>>;
}

/// A context without any key.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoContext;

impl Context for NoContext {
    fn values(&self, _key: &str) -> Option<Values<'_>> {
        None
    }
}

/// A small sorted map of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContextMap {
    entries: Vec<(String, Vec<String>)>,
}

impl ContextMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key to one value.
    #[must_use]
    pub fn with(self, key: &str, value: impl Into<String>) -> Self {
        self.with_all(key, [value.into()])
    }

    /// Sets a key to several values.
    #[must_use]
    pub fn with_all(mut self, key: &str, values: impl IntoIterator<Item = String>) -> Self {
        self.insert(key, values.into_iter().collect());
        self
    }

    /// Each key, in lower case, and its values.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.entries.iter().map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    /// Sets a key; what it had before is gone.
    pub fn insert(&mut self, key: &str, values: Vec<String>) {
        let key = key.to_lowercase();
        match self.entries.binary_search_by(|(name, _)| name.cmp(&key)) {
            Ok(at) => {
                if let Some(entry) = self.entries.get_mut(at) {
                    entry.1 = values;
                }
            }
            Err(at) => self.entries.insert(at, (key, values)),
        }
    }
}

impl Context for ContextMap {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        let at = self.entries.binary_search_by(|(name, _)| name.as_str().cmp(key)).ok()?;
        let (_, values) = self.entries.get(at)?;
        Some(Values::Many(Cow::Borrowed(values)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_whatever_their_case_was() {
        let map = ContextMap::new().with("aws:SourceIp", "10.0.0.1").with("AWS:PrincipalTag/Team", "red");
        assert_eq!(map.values("aws:sourceip").map(|v| v.to_list()), Some(vec!["10.0.0.1".to_owned()]));
        assert_eq!(map.values("aws:principaltag/team").map(|v| v.to_list()), Some(vec!["red".to_owned()]));
        assert!(map.values("aws:username").is_none());
    }

    #[test]
    fn only_a_single_value_can_stand_for_a_variable() {
        let map = ContextMap::new().with("a:one", "1").with_all("a:two", ["1".to_owned(), "2".to_owned()]);
        assert_eq!(map.values("a:one").and_then(Values::single).as_deref(), Some("1"));
        assert_eq!(map.values("a:two").and_then(Values::single), None);
    }
}
