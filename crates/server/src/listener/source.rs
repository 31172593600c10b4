//! What counts as one source, and how many connections each has.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use super::limits::MAX_COUNTED_SOURCES;

/// Where requests come from, for limits: an IPv4 address, or an IPv6 network of 64 bits, since one host has all
/// addresses of its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl Source {
    /// The source that `address` belongs to; an IPv4 address mapped into IPv6 is the IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            IpAddr::V6(v6) => {
                let network = v6.to_bits() & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from_bits(network)))
            }
        }
    }

    /// The address, or the first address of the network.
    pub fn address(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    sources: HashMap<Source, usize>,
}

/// Counts open connections, in all and per source.
#[derive(Debug, Clone)]
pub struct ConnectionCounts {
    counts: Arc<Mutex<Counts>>,
    total: usize,
    per_source: usize,
}

impl ConnectionCounts {
    /// Counts that allow `total` connections, `per_source` of each source.
    pub fn new(total: usize, per_source: usize) -> Self {
        Self { counts: Arc::default(), total, per_source }
    }

    /// A place for one more connection from `address`, given back when dropped; `None` beyond a limit.
    pub fn enter(&self, address: IpAddr) -> Option<ConnectionPlace> {
        let mut place = self.enter_from_balancer()?;
        place.belongs_to(address).then_some(place)
    }

    /// A place for one more connection of which a balancer is still to say where it comes from; `None` beyond the limit
    /// of all.
    pub fn enter_from_balancer(&self) -> Option<ConnectionPlace> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.total {
            return None;
        }
        counts.total += 1;
        Some(ConnectionPlace { counts: Arc::clone(&self.counts), per_source: self.per_source, source: None })
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

/// One counted connection.
#[derive(Debug)]
pub struct ConnectionPlace {
    counts: Arc<Mutex<Counts>>,
    per_source: usize,
    source: Option<Source>,
}

impl ConnectionPlace {
    /// Counts it among those of `address`. `false`: they have as many as they may.
    pub(super) fn belongs_to(&mut self, address: IpAddr) -> bool {
        let source = Source::of(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let here = counts.sources.get(&source).copied().unwrap_or(0);
        let new_source = here == 0 && counts.sources.len() >= MAX_COUNTED_SOURCES;
        if self.source.is_some() || here >= self.per_source || new_source {
            return false;
        }
        counts.sources.insert(source, here + 1);
        self.source = Some(source);
        true
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total = counts.total.saturating_sub(1);
        let Some(source) = self.source else { return };
        let left = counts.sources.get(&source).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            counts.sources.remove(&source);
        } else {
            counts.sources.insert(source, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn one_source_cannot_take_every_connection() {
        let counts = ConnectionCounts::new(3, 2);
        let (greedy, other) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::BROADCAST));
        let first = counts.enter(greedy);
        let second = counts.enter(greedy);
        assert!(first.is_some() && second.is_some() && counts.enter(greedy).is_none());
        let third = counts.enter(other);
        assert!(third.is_some());
        drop(first);
        assert!(counts.enter(greedy).is_some(), "a place is given back");
        assert_eq!(counts.open(), 2);
    }

    #[test]
    fn a_balancers_connections_are_counted_among_those_of_its_clients() {
        let counts = ConnectionCounts::new(3, 1);
        let (one, two) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::BROADCAST));
        let mut places: Vec<_> = (0..4).filter_map(|_| counts.enter_from_balancer()).collect();
        assert_eq!(places.len(), 3, "the total holds before their headers");
        assert!(places[0].belongs_to(one) && !places[1].belongs_to(one) && places[2].belongs_to(two));
        places.remove(0);
        assert!(places[0].belongs_to(one), "a place is given back");
        drop(places);
        assert_eq!(counts.open(), 0);
        assert!(counts.counts.lock().is_ok_and(|counts| counts.sources.is_empty()));
    }

    #[test]
    fn the_total_is_bounded_whatever_the_sources() {
        let counts = ConnectionCounts::new(3, 2);
        let places: Vec<_> =
            (0..9).filter_map(|low| counts.enter(IpAddr::V4(Ipv4Addr::from_bits(low)))).collect();
        assert_eq!(places.len(), 3);
        drop(places);
        assert_eq!(counts.open(), 0);
        assert!(counts.counts.lock().is_ok_and(|counts| counts.sources.is_empty()));
    }

    #[test]
    fn a_mapped_ipv4_address_is_the_ipv4_source() {
        let v4 = Ipv4Addr::new(192, 0, 2, 1);
        assert_eq!(Source::of(IpAddr::V6(v4.to_ipv6_mapped())), Source::of(IpAddr::V4(v4)));
        assert_eq!(Source::of(IpAddr::V4(v4)).to_string(), "192.0.2.1");
        assert_eq!(Source::of(IpAddr::V6(Ipv6Addr::LOCALHOST)).to_string(), "::/64");
    }
}
