//! The budget of requests that nobody answers for: unauthenticated and malformed ones.
//!
//! Each of them costs a record, and records are what authenticated requests need too. So they live on a budget of
//! their own, per source and in all; beyond it they are answered 503 before they are parsed, and only counted. The
//! table of sources is bounded: when it is full, further sources share one bucket.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::source::Source;

/// One token in the unit that buckets count in, so that slow rates refill exactly.
const TOKEN: u64 = 1_000_000;

/// What the budget allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloodLimits {
    /// Requests a second of one source, once its burst is used up.
    pub per_source_per_second: u32,
    /// Requests of one source at once.
    pub per_source_burst: u32,
    /// Requests a second of all sources together, whatever else the server does.
    pub total_per_second: u32,
    /// Requests of all sources at once.
    pub total_burst: u32,
    /// Sources that are counted one by one.
    pub sources: usize,
}

impl Default for FloodLimits {
    /// A tenth of what the journal of a small machine (two cores) keeps a second.
    fn default() -> Self {
        Self {
            per_source_per_second: 100,
            per_source_burst: 200,
            total_per_second: 1_000,
            total_burst: 2_000,
            sources: 8_192,
        }
    }
}

/// Of how many records one may be of an unauthenticated or malformed request.
pub const JOURNAL_SHARE: u64 = 10;

/// Whether a request may be parsed and recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// Serve it; its record is within the budget.
    Yes,
    /// Answer 503 and count it.
    Refuse {
        /// Whether it is this source's first refusal in this second.
        first_in_this_second: bool,
    },
}

/// What was refused to one source in one second: one coalesced record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusals {
    /// The source; `None` for the sources beyond the table, which are counted together.
    pub source: Option<Source>,
    /// When the second began.
    pub second_began: Instant,
    /// How many requests were refused in it.
    pub count: u64,
}

#[derive(Debug, Clone)]
struct Bucket {
    tokens: u64,
    filled_at: Instant,
}

impl Bucket {
    fn full(burst: u32, now: Instant) -> Self {
        Self { tokens: u64::from(burst) * TOKEN, filled_at: now }
    }

    fn refill(&mut self, per_second: u32, burst: u32, now: Instant) {
        let micros = now.saturating_duration_since(self.filled_at).as_micros();
        let earned = u64::try_from(micros).unwrap_or(u64::MAX).saturating_mul(u64::from(per_second));
        // TOKEN is a million: one token a second is one unit a microsecond.
        self.tokens = self.tokens.saturating_add(earned).min(u64::from(burst) * TOKEN);
        self.filled_at = self.filled_at.max(now);
    }

    fn has_token(&self) -> bool {
        self.tokens >= TOKEN
    }

    fn take(&mut self) {
        self.tokens = self.tokens.saturating_sub(TOKEN);
    }
}

#[derive(Debug, Clone)]
struct Entry {
    bucket: Bucket,
    refused: Option<(Instant, u64)>,
}

impl Entry {
    fn new(burst: u32, now: Instant) -> Self {
        Self { bucket: Bucket::full(burst, now), refused: None }
    }

    /// Counts a refusal; a second that is over is pushed to `settled`.
    fn refuse(&mut self, source: Option<Source>, now: Instant, settled: &mut Vec<Refusals>) -> Admit {
        self.settle(source, now, settled);
        let first_in_this_second = self.refused.is_none();
        let (began, count) = self.refused.unwrap_or((now, 0));
        self.refused = Some((began, count + 1));
        Admit::Refuse { first_in_this_second }
    }

    fn settle(&mut self, source: Option<Source>, now: Instant, settled: &mut Vec<Refusals>) {
        if let Some((second_began, count)) = self.refused
            && now.saturating_duration_since(second_began) >= Duration::from_secs(1)
        {
            settled.push(Refusals { source, second_began, count });
            self.refused = None;
        }
    }
}

/// Token buckets per source and for all, in a table of bounded size. Holds no clock: time is an argument.
#[derive(Debug)]
pub struct FloodBudget {
    limits: FloodLimits,
    total: Bucket,
    sources: HashMap<Source, Entry>,
    others: Entry,
    purged_at: Instant,
    settled: Vec<Refusals>,
}

impl FloodBudget {
    /// A budget with all buckets full.
    pub fn new(limits: FloodLimits, now: Instant) -> Self {
        Self {
            limits,
            total: Bucket::full(limits.total_burst, now),
            sources: HashMap::new(),
            others: Entry::new(limits.per_source_burst, now),
            purged_at: now,
            settled: Vec::new(),
        }
    }

    /// Decides on one unauthenticated or malformed request, and takes its token if it may be served.
    ///
    /// A request is refused when its source or all sources together are beyond the budget; a refusal by the one
    /// takes no token of the other, so that a flood from one source leaves the rest theirs.
    pub fn admit(&mut self, source: IpAddr, now: Instant) -> Admit {
        self.total.refill(self.limits.total_per_second, self.limits.total_burst, now);
        let total = self.total.has_token();
        let (entry, name, settled) = self.entry(source, now);
        if entry.bucket.has_token() && total {
            entry.bucket.take();
            self.total.take();
            Admit::Yes
        } else {
            entry.refuse(name, now, settled)
        }
    }

    /// Counts a refusal that was made for another reason, and takes no token: of a connection that was one too many
    /// nothing was read.
    pub fn count_refusal(&mut self, source: IpAddr, now: Instant) {
        let (entry, name, settled) = self.entry(source, now);
        entry.refuse(name, now, settled);
    }

    /// The refilled entry of a source, its name if it has one of its own, and where its refusals go.
    fn entry(&mut self, source: IpAddr, now: Instant) -> (&mut Entry, Option<Source>, &mut Vec<Refusals>) {
        let FloodLimits { per_source_per_second: rate, per_source_burst: burst, .. } = self.limits;
        let source = Source::of(source);
        let known = self.sources.contains_key(&source) || self.make_room(now);
        let (entry, name) = if known {
            (self.sources.entry(source).or_insert_with(|| Entry::new(burst, now)), Some(source))
        } else {
            (&mut self.others, None)
        };
        entry.bucket.refill(rate, burst, now);
        (entry, name, &mut self.settled)
    }

    /// Lets the total grow with the records of authenticated requests, so that a busy server keeps one record in ten
    /// for the others.
    pub fn earn(&mut self, authenticated_records: u64) {
        let earned = authenticated_records.saturating_mul(TOKEN) / (JOURNAL_SHARE - 1);
        let burst = u64::from(self.limits.total_burst) * TOKEN;
        self.total.tokens = self.total.tokens.saturating_add(earned).min(burst);
    }

    /// The refusals of seconds that are over, each reported once. Call it about once a second.
    pub fn settle(&mut self, now: Instant) -> Vec<Refusals> {
        for (source, entry) in &mut self.sources {
            entry.settle(Some(*source), now, &mut self.settled);
        }
        self.others.settle(None, now, &mut self.settled);
        std::mem::take(&mut self.settled)
    }

    /// Sources that are counted one by one now.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Whether the table takes one more source; forgets those whose buckets are full again, at most once a second.
    fn make_room(&mut self, now: Instant) -> bool {
        let FloodLimits { per_source_per_second: rate, per_source_burst: burst, sources, .. } = self.limits;
        if self.sources.len() < sources {
            return true;
        }
        if now.saturating_duration_since(self.purged_at) < Duration::from_secs(1) {
            return false;
        }
        self.purged_at = now;
        let settled = &mut self.settled;
        self.sources.retain(|source, entry| {
            entry.bucket.refill(rate, burst, now);
            entry.settle(Some(*source), now, settled);
            entry.refused.is_some() || entry.bucket.tokens < u64::from(burst) * TOKEN
        });
        self.sources.len() < sources
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const LIMITS: FloodLimits = FloodLimits {
        per_source_per_second: 2,
        per_source_burst: 4,
        total_per_second: 10,
        total_burst: 10,
        sources: 8,
    };

    fn source(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
    }

    fn admitted(budget: &mut FloodBudget, from: IpAddr, now: Instant, tries: usize) -> usize {
        (0..tries).filter(|_| budget.admit(from, now) == Admit::Yes).count()
    }

    #[test]
    fn one_source_gets_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut budget = FloodBudget::new(LIMITS, start);
        assert_eq!(admitted(&mut budget, source(1), start, 100), 4);
        assert_eq!(admitted(&mut budget, source(1), start + Duration::from_millis(499), 100), 0);
        assert_eq!(admitted(&mut budget, source(1), start + Duration::from_millis(500), 100), 1);
        assert_eq!(
            admitted(&mut budget, source(1), start + Duration::from_mins(1), 100),
            4,
            "never above its burst"
        );
    }

    #[test]
    fn a_refusal_that_is_only_counted_takes_no_token() {
        let start = Instant::now();
        let mut budget = FloodBudget::new(LIMITS, start);
        for _ in 0..100 {
            budget.count_refusal(source(1), start);
        }
        assert_eq!(admitted(&mut budget, source(1), start, 100), 4);
        let settled = budget.settle(start + Duration::from_secs(1));
        assert_eq!(settled.iter().map(|refusals| refusals.count).collect::<Vec<_>>(), [196]);
    }

    #[test]
    fn a_flood_from_one_source_leaves_the_others_theirs() {
        let start = Instant::now();
        let mut budget = FloodBudget::new(LIMITS, start);
        assert_eq!(admitted(&mut budget, source(1), start, 10_000), 4);
        assert_eq!(admitted(&mut budget, source(2), start, 100), 4);
    }

    #[test]
    fn all_sources_together_are_bounded() {
        let start = Instant::now();
        let mut budget = FloodBudget::new(LIMITS, start);
        let sum: usize = (0..100).map(|last| admitted(&mut budget, source(last), start, 10)).sum();
        assert_eq!(sum, 10);
        let later = start + Duration::from_secs(1);
        let sum: usize = (0..100).map(|last| admitted(&mut budget, source(last), later, 10)).sum();
        assert_eq!(sum, 10);
    }

    #[test]
    fn the_first_refusal_of_a_second_is_marked_and_the_rest_is_counted() {
        let start = Instant::now();
        let mut budget = FloodBudget::new(LIMITS, start);
        admitted(&mut budget, source(1), start, 4);
        let refused = |first| Admit::Refuse { first_in_this_second: first };
        assert_eq!(budget.admit(source(1), start), refused(true));
        assert_eq!(budget.admit(source(1), start), refused(false));
        assert_eq!(budget.settle(start + Duration::from_millis(999)), vec![]);
        let settled = budget.settle(start + Duration::from_secs(1));
        let expected = Refusals { source: Some(Source::of(source(1))), second_began: start, count: 2 };
        assert_eq!(settled, vec![expected]);
        assert_eq!(budget.settle(start + Duration::from_secs(9)), vec![], "reported once");
        let later = start + Duration::from_secs(1);
        assert_eq!(admitted(&mut budget, source(1), later, 2), 2);
        assert_eq!(budget.admit(source(1), later), refused(true), "a new second");
    }

    #[test]
    fn the_table_of_sources_never_grows_beyond_its_limit() {
        let start = Instant::now();
        let mut budget = FloodBudget::new(LIMITS, start);
        for low in 0..10_000u32 {
            budget.admit(IpAddr::V4(Ipv4Addr::from(low)), start + Duration::from_millis(u64::from(low)));
            assert!(budget.sources() <= LIMITS.sources);
        }
    }

    #[test]
    fn sources_that_rest_make_room_for_new_ones() {
        let start = Instant::now();
        let mut budget = FloodBudget::new(LIMITS, start);
        for last in 0..8 {
            budget.admit(source(last), start);
        }
        let later = start + Duration::from_secs(10);
        budget.admit(source(99), later);
        assert_eq!(budget.sources(), 1);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_source() {
        let start = Instant::now();
        let mut budget = FloodBudget::new(LIMITS, start);
        let sum: usize = (0..50u16)
            .map(|low| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, low)))
            .map(|from| admitted(&mut budget, from, start, 1))
            .sum();
        assert_eq!(sum, 4);
    }

    #[test]
    fn authenticated_records_earn_one_in_ten() {
        let start = Instant::now();
        let mut budget = FloodBudget::new(LIMITS, start);
        (0..10).for_each(|last| assert_eq!(budget.admit(source(last), start), Admit::Yes));
        assert_ne!(budget.admit(source(20), start), Admit::Yes);
        budget.earn(9);
        assert_eq!(budget.admit(source(21), start), Admit::Yes);
        assert_ne!(budget.admit(source(22), start), Admit::Yes);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing() {
        let earlier = Instant::now();
        let start = earlier + Duration::from_secs(3);
        let mut budget = FloodBudget::new(LIMITS, start);
        admitted(&mut budget, source(1), start, 4);
        assert_ne!(budget.admit(source(1), earlier), Admit::Yes);
        assert_ne!(budget.admit(source(1), start), Admit::Yes);
    }
}
