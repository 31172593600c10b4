//! How often something may be done.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// A bucket that holds `burst` turns, and gets `per_second` new ones.
pub(crate) struct Rate {
    burst: f64,
    per_second: f64,
    state: Mutex<(f64, Instant)>,
}

impl Rate {
    pub(crate) fn new(burst: u32, per_second: u32) -> Self {
        let burst = f64::from(burst);
        Self { burst, per_second: f64::from(per_second), state: Mutex::new((burst, Instant::now())) }
    }

    /// Whether there is a turn now; takes it.
    pub(crate) fn take(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (turns, since) = *state;
        let turns = (turns + since.elapsed().as_secs_f64() * self.per_second).min(self.burst);
        let is_given = turns >= 1.0;
        *state = (if is_given { turns - 1.0 } else { turns }, Instant::now());
        is_given
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_allowed_and_then_so_many_a_second() {
        let rate = Rate::new(3, 2);
        let taken = |tries: usize| (0..tries).filter(|_| rate.take()).count();
        assert_eq!(taken(10), 3);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(taken(10), 2);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(taken(10), 3);
    }
}
