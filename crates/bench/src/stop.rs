//! Ending a run early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Tells a run to end early: what was put is removed, and what was measured is reported.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_set: AtomicBool,
    changed: Notify,
}

impl Stop {
    /// Not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the run.
    pub fn set(&self) {
        self.0.is_set.store(true, Ordering::Release);
        self.0.changed.notify_waiters();
    }

    /// Whether the run is to end.
    pub fn is_set(&self) -> bool {
        self.0.is_set.load(Ordering::Acquire)
    }

    /// Waits for it.
    pub(crate) async fn wait(&self) {
        // Registered before looking, so that a set in between is not missed.
        let changed = self.0.changed.notified();
        if !self.is_set() {
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_waiter_is_woken_whether_it_came_before_or_after() {
        let stop = Stop::new();
        let other = stop.clone();
        let ((), ()) = tokio::join!(stop.wait(), async { other.set() });
        stop.wait().await;
        assert!(stop.is_set());
    }
}
