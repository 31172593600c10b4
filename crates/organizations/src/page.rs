//! Pages of lists. Source: Organizations API Reference, `MaxResults` and `NextToken`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_api_organizations::InvalidInputExceptionReason as Input;
use strongroom_storage::Entry;

use crate::error::{OrganizationsError, input};
use crate::limits;
use crate::view::View;

/// Which part of a list is asked for.
pub(crate) struct Page {
    after: Option<Vec<u8>>,
    limit: usize,
}

/// A part of a list.
pub(crate) struct Cut<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_token: Option<String>,
}

impl Page {
    /// The part behind `next_token`. A token is the key of the last item that was shown: keys are names and ids, which
    /// are no secret to those who may list them.
    pub(crate) fn of(next_token: Option<&str>, max_results: Option<i32>) -> Result<Self, OrganizationsError> {
        let limit = max_results.and_then(|n| usize::try_from(n).ok()).unwrap_or(limits::PAGE);
        let bad = || input(Input::InvalidNextToken, "You must use the NextToken of a previous answer.");
        let after = next_token.map(|token| URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())).transpose()?;
        Ok(Self { after, limit: limit.clamp(1, limits::PAGE) })
    }

    /// A list of which one item more than fits was gathered, if there are so many.
    fn full<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> Vec<u8>) -> Cut<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let last = items.last().filter(|_| more).map(key);
        Cut { items, next_token: last.map(|last| URL_SAFE_NO_PAD.encode(last)) }
    }

    /// A part of a whole list, in the order of its keys.
    pub(crate) fn cut<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> String) -> Cut<T> {
        items.sort_by_cached_key(&key);
        if let Some(after) = &self.after {
            items.retain(|item| key(item).into_bytes() > *after);
        }
        self.full(items, |item| key(item).into_bytes())
    }

    /// A part of the rows whose keys begin with a prefix, of those that `take` makes something of.
    pub(crate) async fn rows<T>(
        &self,
        view: &View,
        prefix: &[u8],
        take: impl Fn(&Entry) -> Result<Option<T>, OrganizationsError>,
    ) -> Result<Cut<T>, OrganizationsError> {
        let mut after = self.after.clone();
        let mut found: Vec<(Vec<u8>, T)> = Vec::new();
        loop {
            let rows = view.scan(prefix, after.as_deref(), limits::SCAN_ROWS.min(self.limit + 1)).await?;
            for entry in &rows {
                let key = entry.key.get(prefix.len()..).unwrap_or_default().to_vec();
                if let Some(item) = take(entry)? {
                    found.push((key.clone(), item));
                }
                after = Some(key);
            }
            if rows.is_empty() || found.len() > self.limit {
                break;
            }
        }
        let Cut { items, next_token } = self.full(found, |(key, _)| key.clone());
        Ok(Cut { items: items.into_iter().map(|(_, item)| item).collect(), next_token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(items: &[&str], max_results: i32) -> Vec<Vec<String>> {
        let (mut pages, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = Page::of(token.as_deref(), Some(max_results)).unwrap();
            let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
            let cut = page.cut(items, Clone::clone);
            pages.push(cut.items);
            token = cut.next_token;
            if token.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn pages_hold_every_item_once() {
        assert_eq!(walk(&["c", "a", "b"], 2), [vec!["a", "b"], vec!["c"]]);
        assert_eq!(walk(&["a", "b"], 2), [vec!["a", "b"]]);
        assert_eq!(walk(&[], 1), [Vec::<String>::new()]);
    }

    #[test]
    fn a_token_that_was_never_given_out_is_refused() {
        assert!(Page::of(Some("?"), None).is_err());
    }
}
