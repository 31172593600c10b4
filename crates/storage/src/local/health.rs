//! Whether the store may still acknowledge anything.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::contract::StoreError;

/// Set once, never reset: only a restart, which reads what the disk really has, heals.
#[derive(Default)]
pub(crate) struct Health {
    poison: OnceLock<Arc<str>>,
    records_lost: AtomicBool,
}

impl Health {
    /// Stops all acknowledgements, and gives the error that callers are told. The first reason stays.
    pub(crate) fn poison(&self, reason: Arc<str>) -> StoreError {
        let first = self.poison.get_or_init(|| {
            tracing::error!(%reason, "a disk operation failed: the store stops writing until it is restarted");
            reason
        });
        StoreError::Poisoned { reason: first.clone() }
    }

    pub(crate) fn poisoned(&self) -> Option<StoreError> {
        self.poison.get().map(|reason| StoreError::Poisoned { reason: reason.clone() })
    }

    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.poisoned().map_or(Ok(()), Err)
    }

    /// The emergency log failed too.
    pub(crate) fn lose_records(&self) {
        self.records_lost.store(true, Ordering::Release);
    }

    pub(crate) fn keeps_records(&self) -> bool {
        !self.records_lost.load(Ordering::Acquire)
    }
}
