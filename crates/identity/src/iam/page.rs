//! Pages of lists. Source: IAM API Reference, `Marker`, `MaxItems` and `IsTruncated`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::entity::Entity;
use super::error::IamError;
use super::view::{View, suffix};
use super::{limits, row};
use crate::row::decode;

/// Which part of a list is asked for.
pub(crate) struct Page {
    after: Option<String>,
    limit: usize,
}

/// A part of a list.
pub(crate) struct Cut<T> {
    pub(crate) items: Vec<T>,
    pub(crate) is_truncated: Option<bool>,
    pub(crate) marker: Option<String>,
}

impl<T> Cut<T> {
    /// The same part of a list of something else.
    pub(crate) fn map<U>(self, f: impl FnMut(T) -> U) -> Cut<U> {
        let Self { items, is_truncated, marker } = self;
        Cut { items: items.into_iter().map(f).collect(), is_truncated, marker }
    }
}

impl Page {
    /// The part behind `marker`. A marker is the key of the last item that was shown: keys are names and ids, which are
    /// no secret to those who may list them.
    pub(crate) fn of(marker: Option<&str>, max_items: Option<i32>) -> Result<Self, IamError> {
        let limit = max_items.and_then(|n| usize::try_from(n).ok()).unwrap_or(limits::PAGE);
        let after = marker.map(|marker| {
            let bytes = URL_SAFE_NO_PAD.decode(marker).map_err(|_| IamError::Marker)?;
            String::from_utf8(bytes).map_err(|_| IamError::Marker)
        });
        Ok(Self { after: after.transpose()?, limit: limit.clamp(1, limits::MAX_PAGE) })
    }

    /// The key of the last item that was shown.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Items that are shown at most.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// A list of which one item more than fits was gathered, if there are so many.
    pub(crate) fn full<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> String) -> Cut<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let last = items.last().filter(|_| more).map(key);
        Cut { items, is_truncated: Some(more), marker: last.map(|last| URL_SAFE_NO_PAD.encode(last)) }
    }

    /// A part of a whole list, in the order of its keys.
    pub(crate) fn cut<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> String) -> Cut<T> {
        items.sort_by_cached_key(&key);
        if let Some(after) = &self.after {
            items.retain(|item| key(item) > *after);
        }
        self.full(items, key)
    }

    /// A part of what stands behind a prefix in the keys of rows.
    pub(crate) async fn suffixes(&self, view: &View, prefix: &[u8]) -> Result<Cut<String>, IamError> {
        let after = self.after().map(str::as_bytes);
        let rows = view.scan(prefix, after, self.limit + 1).await?;
        let found = rows.iter().map(|entry| suffix(prefix, entry)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.full(found, Clone::clone))
    }

    /// A part of all entities of a kind whose paths begin with a prefix, in the order of their names.
    pub(crate) async fn entities<E: Entity>(
        &self,
        view: &View,
        path_prefix: Option<&str>,
    ) -> Result<Cut<E>, IamError> {
        let prefix = row::names(E::KIND);
        let mut after = self.after.clone();
        let mut found: Vec<E> = Vec::new();
        loop {
            let behind = after.as_deref().map(str::as_bytes);
            let rows = view.scan(&prefix, behind, limits::SCAN_ROWS.min(self.limit + 1)).await?;
            if rows.is_empty() {
                break;
            }
            for entry in &rows {
                after = Some(suffix(&prefix, entry)?);
                let id: String = decode(&entry.row.value)?;
                // One that was deleted since the names were read is not there.
                let entity = view.entity::<E>(&id).await?;
                found.extend(entity.filter(|entity| {
                    path_prefix.is_none_or(|prefix| entity.core().path.starts_with(prefix))
                }));
            }
            if found.len() > self.limit {
                break;
            }
        }
        Ok(self.full(found, |entity| entity.core().name.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(items: &[&str], max_items: i32) -> Vec<Vec<String>> {
        let (mut pages, mut marker) = (Vec::new(), None::<String>);
        loop {
            let page = Page::of(marker.as_deref(), Some(max_items)).unwrap();
            let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
            let cut = page.cut(items, Clone::clone);
            pages.push(cut.items);
            assert_eq!(cut.is_truncated, Some(cut.marker.is_some()));
            marker = cut.marker;
            if marker.is_none() {
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
    fn a_marker_that_was_never_given_out_is_refused() {
        assert!(matches!(Page::of(Some("?"), None), Err(IamError::Marker)));
    }
}
