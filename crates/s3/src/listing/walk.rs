//! One way through rows in the order of their keys, for every listing.
//!
//! What a page costs: a row that is given back is read once, a common prefix costs one seek, whatever lies under it.
//! Rows are scanned in pages that begin small behind a seek and double while at least half of what they bring is given
//! back, so that no more than [`MOST_ROWS_PER_ITEM`] rows are read for each item given back, however the keys lie.

use std::ops::Range;

use strongroom_gate::ErrorReply;
use strongroom_storage::{Direction, MetaStore, Partition};
use strongroom_types::ObjectKey;

use crate::row::{self, RowError};

/// Rows of the first scan, and of the first one behind a seek.
const FIRST_PAGE_ROWS: usize = 8;

/// Most rows of one scan: a full answer, and the row that says that there is more.
const MAX_PAGE_ROWS: usize = 1001;

/// Most rows that are read for each item given back: 8 for the page in which the item lies, and a page of up to four
/// times its predecessor's items of which nothing but the first was of use.
#[cfg(test)]
pub(crate) const MOST_ROWS_PER_ITEM: usize = 12;

/// A kind of row that can be listed.
pub(crate) trait Listed: Sized + Send {
    /// The rows of all keys of at least `from` that begin with `prefix`.
    fn range(prefix: &[u8], from: &[u8]) -> Range<Vec<u8>>;

    /// Reads a row: its object's key, what follows it in the row's key, and the row's value.
    ///
    /// # Errors
    /// [`RowError`] for a row that we did not write.
    fn read(key: ObjectKey, rest: &[u8], value: &[u8]) -> Result<Self, RowError>;

    /// Its object's key.
    fn key(&self) -> &ObjectKey;
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the beginning.
    First,
    /// Behind all rows of all keys up to and including this one, which need not exist.
    AfterKey(String),
    /// Behind everything that begins with this.
    AfterPrefix(String),
    /// Behind the row with this row key, which need not exist.
    AfterRow(Vec<u8>),
}

/// What to list.
pub(crate) struct Walk<'a> {
    /// Where the rows are.
    pub(crate) store: &'a dyn MetaStore,
    /// The bucket.
    pub(crate) partition: Partition,
    /// Only keys that begin with this.
    pub(crate) prefix: &'a str,
    /// Keys that have this behind the prefix are rolled up to its first occurrence. Never empty.
    pub(crate) delimiter: Option<&'a str>,
    /// Where to begin.
    pub(crate) start: Start,
    /// Most items: rows and common prefixes together.
    pub(crate) most: usize,
}

/// One item of a listing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item<L> {
    /// A row.
    Row(L),
    /// A common prefix.
    Prefix(String),
}

impl<L: Listed> Item<L> {
    /// Where it stands: a key, or a common prefix.
    pub(crate) fn position(&self) -> &str {
        match self {
            Self::Row(row) => row.key().as_str(),
            Self::Prefix(prefix) => prefix,
        }
    }

    /// The row, if it is one.
    pub(crate) fn row(&self) -> Option<&L> {
        match self {
            Self::Row(row) => Some(row),
            Self::Prefix(_) => None,
        }
    }
}

/// A page of a listing.
#[derive(Debug)]
pub(crate) struct Page<L> {
    /// The items, in the order of keys.
    pub(crate) items: Vec<Item<L>>,
    /// Whether there are more.
    pub(crate) truncated: bool,
}

impl<L> Page<L> {
    /// The item behind which the next page begins, if there is one.
    pub(crate) fn next(&self) -> Option<&Item<L>> {
        self.items.last().filter(|_| self.truncated)
    }

    /// The rows and the common prefixes, each in order.
    pub(crate) fn split(self) -> (Vec<L>, Vec<String>) {
        let (mut rows, mut prefixes) = (Vec::with_capacity(self.items.len()), Vec::new());
        for item in self.items {
            match item {
                Item::Row(row) => rows.push(row),
                Item::Prefix(prefix) => prefixes.push(prefix),
            }
        }
        (rows, prefixes)
    }
}

/// The common prefix into which `key` is rolled up, if it is.
pub(crate) fn common_prefix<'k>(key: &'k str, prefix: &str, delimiter: Option<&str>) -> Option<&'k str> {
    let delimiter = delimiter?;
    let at = key.strip_prefix(prefix)?.find(delimiter)?;
    key.get(..prefix.len() + at + delimiter.len())
}

/// The least bytes, not all of them keys, that are greater than everything that begins with `prefix`.
fn behind(prefix: &str) -> Vec<u8> {
    let mut bytes = prefix.as_bytes().to_vec();
    // INVARIANT: no byte of UTF-8 is FF, so the last one can be raised.
    if let Some(last) = bytes.last_mut() {
        *last = last.saturating_add(1);
    }
    bytes
}

impl Walk<'_> {
    /// The next page.
    ///
    /// # Errors
    /// The store's, and an internal error for rows that do not read.
    pub(crate) async fn page<L: Listed>(self) -> Result<Page<L>, ErrorReply> {
        let mut page = Page { items: Vec::new(), truncated: false };
        // A key has at most 1,024 bytes: nothing begins with more.
        if self.most == 0 || self.prefix.len() > ObjectKey::MAX_BYTES {
            return Ok(page);
        }
        let Range { mut start, end } = self.range::<L>();
        let mut rows = if self.delimiter.is_some() { FIRST_PAGE_ROWS } else { MAX_PAGE_ROWS };
        while start < end {
            let asked = rows.min(self.most - page.items.len() + 1);
            let scan = self.store.scan(self.partition, start..end.clone(), asked, Direction::Forward);
            let entries = scan.await.map_err(|error| ErrorReply::from(&error))?;
            let ended = entries.len() < asked;
            let Some(last) = entries.last() else { break };
            let mut next = [last.key.as_ref(), &[0]].concat();
            let mut skipping = Vec::new();
            let mut skipped = 0;
            for entry in &entries {
                if entry.key.as_ref() < skipping.as_slice() {
                    skipped += 1;
                    continue;
                }
                if page.items.len() == self.most {
                    page.truncated = true;
                    return Ok(page);
                }
                let (key, rest) = row::decode_object_key(&entry.key).ok_or(RowError)?;
                page.items.push(match common_prefix(key.as_str(), self.prefix, self.delimiter) {
                    Some(prefix) => {
                        skipping = L::range(&[], &behind(prefix)).start;
                        Item::Prefix(prefix.to_owned())
                    }
                    None => Item::Row(L::read(key, rest, &entry.row.value)?),
                });
            }
            if ended {
                break;
            }
            next = next.max(skipping);
            start = next;
            rows = if skipped * 2 > asked { FIRST_PAGE_ROWS } else { (rows * 2).min(MAX_PAGE_ROWS) };
        }
        Ok(page)
    }

    fn range<L: Listed>(&self) -> Range<Vec<u8>> {
        let prefix = self.prefix.as_bytes();
        match &self.start {
            Start::First => L::range(prefix, &[]),
            Start::AfterKey(key) => {
                let mut from = key.as_bytes().to_vec();
                // Longer than any key: what decides is in the first bytes.
                from.truncate(ObjectKey::MAX_BYTES + 1);
                from.push(0);
                L::range(prefix, &from)
            }
            Start::AfterPrefix(rolled_up) => {
                let mut from = behind(rolled_up);
                from.truncate(ObjectKey::MAX_BYTES + 1);
                L::range(prefix, &from)
            }
            Start::AfterRow(row) => {
                let all = L::range(prefix, &[]);
                let from = [row.as_slice(), &[0]].concat();
                all.start.max(from)..all.end
            }
        }
    }
}
