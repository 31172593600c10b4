//! How fast space is given back: what was done before is paid for, in time, before more is done.

use std::time::{Duration, Instant};

use super::{Shared, limits};

/// Time that one round owes.
pub(crate) struct Pace {
    bytes_per_second: u64,
    paid_at: Instant,
}

impl Pace {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), paid_at: Instant::now() }
    }

    /// Waits until what was done is paid for; not at all while room is short.
    pub(crate) fn wait(&self, shared: &Shared) {
        if !shared.space.is_short() {
            shared.chores.sleep_until(self.paid_at);
        }
    }

    /// So many blobs of so many bytes are moved.
    pub(crate) fn moved(&mut self, blobs: u64, bytes: u64) {
        let cost = bytes.saturating_add(blobs.saturating_mul(limits::MOVE_BYTES));
        self.owe(duration_of(cost, self.bytes_per_second));
    }

    /// A file was unlinked.
    pub(crate) fn unlinked(&mut self) {
        self.owe(duration_of(1, limits::UNLINKS_PER_SECOND));
    }

    fn owe(&mut self, time: Duration) {
        self.paid_at = self.paid_at.max(Instant::now()) + time;
    }
}

fn duration_of(count: u64, per_second: u64) -> Duration {
    let nanos = u128::from(count) * 1_000_000_000 / u128::from(per_second);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_owed_in_time() {
        let began = Instant::now();
        let mut pace = Pace::new(1 << 20);
        pace.moved(1024, 1 << 20);
        assert!(pace.paid_at >= began + Duration::from_secs(1) + duration_of(limits::MOVE_BYTES, 1024));
        let before = pace.paid_at;
        pace.unlinked();
        assert_eq!(pace.paid_at, before + duration_of(1, limits::UNLINKS_PER_SECOND));
    }

    #[test]
    fn time_that_went_by_unused_is_not_saved_up() {
        let mut pace = Pace::new(1);
        pace.paid_at = Instant::now().checked_sub(Duration::from_hours(1)).unwrap();
        let began = Instant::now();
        pace.moved(0, 1);
        assert!(pace.paid_at >= began + Duration::from_secs(1));
    }
}
