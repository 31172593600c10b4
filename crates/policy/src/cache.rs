//! Compiled policies by their text.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::compile::Policy;
use crate::document::Document;
use crate::error::PolicyError;
use crate::kind::Kind;
use crate::limits::{CACHE_MAX_BYTES, CACHE_MAX_POLICIES};

/// Compiled policies, each once for its text, at most a bounded number.
///
/// The whole text is the key, not a digest of it: whoever finds two texts of one digest must not be able to swap a
/// policy for another. Two generations are kept; what was not asked for during one of them goes.
#[derive(Debug, Default)]
pub struct PolicyCache {
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<(Kind, Arc<str>), Arc<Policy>>,
    old: HashMap<(Kind, Arc<str>), Arc<Policy>>,
    young_bytes: usize,
}

impl PolicyCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// The compiled form of a text.
    ///
    /// # Errors
    /// [`PolicyError`] if the text is not a policy of its kind; such a text is not kept.
    pub fn get(&self, text: &Arc<str>, kind: Kind) -> Result<Arc<Policy>, PolicyError> {
        let key = (kind, Arc::clone(text));
        if let Some(policy) = self.generations.lock().unwrap_or_else(PoisonError::into_inner).find(&key) {
            return Ok(policy);
        }
        // Principals are kept by unique id, so that a stored text may be longer than the one that was put.
        let document = Document::stored(text, kind)?;
        let policy = Arc::new(Policy::compile(&document));
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.insert(key, Arc::clone(&policy));
        Ok(policy)
    }

    /// How many policies are kept.
    pub fn len(&self) -> usize {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.len() + generations.old.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Generations {
    fn find(&mut self, key: &(Kind, Arc<str>)) -> Option<Arc<Policy>> {
        if let Some(policy) = self.young.get(key) {
            return Some(Arc::clone(policy));
        }
        let (key, policy) = self.old.remove_entry(key)?;
        self.insert(key, Arc::clone(&policy));
        Some(policy)
    }

    fn insert(&mut self, key: (Kind, Arc<str>), policy: Arc<Policy>) {
        let bytes = key.1.len();
        let full =
            self.young.len() >= CACHE_MAX_POLICIES / 2 || self.young_bytes + bytes > CACHE_MAX_BYTES / 2;
        if full {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(key, policy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(index: usize) -> Arc<str> {
        format!(r#"{{"Statement":{{"Effect":"Allow","Action":"s3:Get{index}","Resource":"*"}}}}"#).into()
    }

    #[test]
    fn a_text_is_compiled_once_for_each_kind() {
        let cache = PolicyCache::new();
        let first = cache.get(&text(1), Kind::Managed).unwrap();
        assert!(Arc::ptr_eq(&first, &cache.get(&text(1), Kind::Managed).unwrap()));
        assert!(!Arc::ptr_eq(&first, &cache.get(&text(1), Kind::Session).unwrap()));
        assert!(cache.get(&text(1), Kind::Bucket).is_err());
        assert_eq!(cache.len(), 2);
    }

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let cache = PolicyCache::new();
        let kept = cache.get(&text(0), Kind::Managed).unwrap();
        for index in 1..3 * CACHE_MAX_POLICIES {
            cache.get(&text(index), Kind::Managed).unwrap();
            if index % 100 == 0 {
                assert!(Arc::ptr_eq(&kept, &cache.get(&text(0), Kind::Managed).unwrap()));
            }
        }
        assert!(cache.len() <= CACHE_MAX_POLICIES);
    }
}
