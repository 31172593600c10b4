//! The condition keys of a request that is only imagined: what the request gives, what is known of the caller, and a note
//! of what was asked for and is not there.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use strongroom_api_iam as api;
use strongroom_policy::{Context, ContextMap, Document, Values};

/// Keys, and which were missed.
pub(super) struct Imagined {
    known: ContextMap,
    missed: Mutex<BTreeSet<String>>,
}

impl Imagined {
    /// What is known of the caller, and over it what the request gives.
    pub(super) fn new(mut known: ContextMap, given: Option<&[api::ContextEntry]>) -> Self {
        for entry in given.unwrap_or_default() {
            let Some(name) = &entry.context_key_name else { continue };
            known.insert(name, entry.context_key_values.clone().unwrap_or_default());
        }
        Self { known, missed: Mutex::default() }
    }

    /// What was missed since this was asked last.
    pub(super) fn take_missed(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.missed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Context for Imagined {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        let found = self.known.values(key);
        if found.is_none() {
            self.missed.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
        }
        found
    }
}

/// Keys as the policies that ask for them write them, each once.
pub(super) fn written<'a>(
    keys: impl IntoIterator<Item = String>,
    documents: impl Iterator<Item = &'a Document> + Clone,
) -> Vec<String> {
    let conditions = documents.flat_map(Document::statements).flat_map(|statement| &statement.conditions);
    let spellings: Vec<&str> = conditions.map(|condition| condition.key.as_str()).collect();
    let spelled = |key: String| match spellings.iter().find(|known| known.eq_ignore_ascii_case(&key)) {
        Some(known) => (*known).to_owned(),
        None => key,
    };
    let all: BTreeSet<String> = keys.into_iter().map(spelled).collect();
    all.into_iter().collect()
}
