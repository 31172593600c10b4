//! Latencies in buckets whose width grows with the value.
//!
//! Only recording, merging and quantiles are needed, so these few lines stand in for the crate `hdrhistogram`: the array
//! is fixed, recording cannot fail, and its bytes are known.

use std::time::Duration;

/// Buckets of one power of two are 2 to the power of this: a value is known to 1/64, 1.6 %.
const SUB_BITS: u32 = 6;

/// Buckets of one power of two.
const SUB: usize = 1 << SUB_BITS;

/// The largest value told apart is 2 to the power of this, in nanoseconds: 18 minutes.
const MAX_BITS: u32 = 40;

/// All buckets: 18 KiB of counters.
const BUCKETS: usize = ((MAX_BITS - SUB_BITS) as usize + 1) * SUB;

/// How often each latency was seen.
#[derive(Clone)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
}

impl Histogram {
    /// With nothing in it.
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), total: 0 }
    }

    /// Counts one latency; what is longer than 18 minutes counts as that.
    pub fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count += 1;
            self.total += 1;
        }
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    /// How many latencies were recorded.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The latency that `numerator / denominator` of all do not exceed, to 1.6 %; zero if there are none.
    pub fn quantile(&self, numerator: u64, denominator: u64) -> Duration {
        let wanted =
            (u128::from(self.total) * u128::from(numerator)).div_ceil(u128::from(denominator.max(1)));
        let mut seen = 0_u128;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u128::from(*count);
            if *count > 0 && seen >= wanted {
                return Duration::from_nanos(middle(index));
            }
        }
        Duration::ZERO
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Histogram({} latencies)", self.total)
    }
}

/// Values below 64 have a bucket each; above, a power of two has 64 buckets.
fn bucket(nanos: u64) -> usize {
    let nanos = nanos.min((1 << MAX_BITS) - 1);
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(SUB_BITS + 1);
    let within = usize::try_from(nanos >> shift).unwrap_or(0);
    shift as usize * SUB + within
}

/// The value in the middle of a bucket.
fn middle(index: usize) -> u64 {
    let shift = (index / SUB).saturating_sub(1);
    let within = index - shift * SUB;
    let low = (within as u64) << shift;
    low + ((1_u64 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_of_few_values_are_those_values() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(50, 100), Duration::ZERO);
        for nanos in 1..=60 {
            histogram.record(Duration::from_nanos(nanos));
        }
        assert_eq!(histogram.total(), 60);
        assert_eq!(histogram.quantile(50, 100), Duration::from_nanos(30));
        assert_eq!(histogram.quantile(99, 100), Duration::from_nanos(60));
        assert_eq!(histogram.quantile(0, 100), Duration::from_nanos(1));
    }

    #[test]
    fn merging_counts_what_both_saw() {
        let (mut one, mut other) = (Histogram::new(), Histogram::new());
        one.record(Duration::from_millis(1));
        other.record(Duration::from_millis(9));
        one.merge(&other);
        assert_eq!(one.total(), 2);
        let last = one.quantile(100, 100).as_secs_f64();
        assert!((last / 0.009 - 1.0).abs() < 0.016, "{last}");
    }

    #[test]
    fn the_longest_latency_is_counted_too() {
        let mut histogram = Histogram::new();
        histogram.record(Duration::MAX);
        assert_eq!(histogram.total(), 1);
        assert!(histogram.quantile(1, 1) > Duration::from_mins(18));
    }

    proptest! {
        #[test]
        fn a_value_is_known_to_a_64th(nanos in 0_u64..(1 << MAX_BITS)) {
            let index = bucket(nanos);
            prop_assert!(index < BUCKETS);
            prop_assert!(middle(index).abs_diff(nanos) <= nanos / 64 + 1);
            prop_assert!(bucket(nanos.saturating_sub(1)) <= index, "order is kept");
        }
    }
}
