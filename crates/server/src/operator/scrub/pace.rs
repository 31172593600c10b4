//! How fast a scrub reads: what was read is paid for, in time, before more is.

use std::time::Duration;

use tokio::time::Instant;

/// Time that went by unused is saved up so far, so that reading itself counts, and idle hours do not.
const MAX_SAVED: Duration = Duration::from_secs(1);

/// What is owed.
pub(super) struct Pace {
    paid_until: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { paid_until: Instant::now() }
    }

    /// So many bytes were read; gives when the next may be.
    pub(super) fn spend(&mut self, bytes: u64, bytes_per_second: u64) -> Instant {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let now = Instant::now();
        self.paid_until = self.paid_until.max(now.checked_sub(MAX_SAVED).unwrap_or(now)) + cost;
        self.paid_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_is_read_in_any_time_than_its_rate_and_one_second_of_it() {
        tokio::time::sleep(Duration::from_hours(1)).await;
        let (mut pace, began) = (Pace::new(), Instant::now());
        let (rate, mut bytes) = (1000, 0_u64);
        for piece in (0..400).map(|n| n * 37 % 501) {
            tokio::time::sleep(Duration::from_millis(piece % 7)).await;
            bytes += piece;
            tokio::time::sleep_until(pace.spend(piece, rate)).await;
            let allowed = began.elapsed().as_millis() + 1000;
            assert!(u128::from(bytes) <= allowed + 1, "{bytes} bytes in {:?}", began.elapsed());
        }
        let floor = u128::from(bytes) - 1000;
        assert!(began.elapsed().as_millis() <= floor + 1100, "nor much less: {:?}", began.elapsed());
    }
}
