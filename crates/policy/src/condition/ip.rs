//! Ranges of addresses.

use std::net::{IpAddr, Ipv6Addr};

/// A range in CIDR notation. Addresses of both families are kept as 128 bits; IPv4 under `::ffff:0:0/96`, which is how
/// a listener for both families sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    network: u128,
    mask: u128,
}

const IPV4_BITS: u32 = 96;

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// Reads an address of a request.
pub(crate) fn address(text: &str) -> Option<u128> {
    text.parse::<IpAddr>().ok().map(bits)
}

impl Range {
    /// Reads `203.0.113.0/24`, `2001:db8::/32` or a single address. Bits behind the prefix do not matter.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (offset, width) = match address {
            IpAddr::V4(_) => (IPV4_BITS, 32),
            IpAddr::V6(_) => (0, Ipv6Addr::BITS),
        };
        let prefix = match prefix {
            None => width,
            Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => prefix.parse().ok()?,
            Some(_) => return None,
        };
        if prefix > width {
            return None;
        }
        let mask = u128::MAX.checked_shl(Ipv6Addr::BITS - offset - prefix).unwrap_or(0);
        Some(Self { network: bits(address) & mask, mask })
    }

    /// The lowest address.
    pub(crate) fn first(self) -> u128 {
        self.network
    }

    /// The highest address.
    pub(crate) fn last(self) -> u128 {
        self.network | !self.mask
    }

    /// How many addresses of each family it holds, private ones not counted.
    pub(crate) fn public_sizes(self) -> PublicSizes {
        let v4 = overlap(self, V4_FIRST, V4_LAST);
        let private =
            PRIVATE.iter().map(|(first, last)| overlap(self, v4_bits(*first), v4_bits(*last))).sum();
        PublicSizes { v4: v4.saturating_sub(private), v6: (self.last() - self.first()).saturating_sub(v4) }
    }

    pub(crate) fn contains(self, address: u128) -> bool {
        address & self.mask == self.network
    }
}

/// How many addresses of each family there are, private ones not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PublicSizes {
    pub(crate) v4: u128,
    pub(crate) v6: u128,
}

impl PublicSizes {
    /// AWS calls what is wider than /8 of IPv4 or /32 of IPv6 open to the public, private ranges excepted.
    /// Source: S3 User Guide, "The meaning of 'public'", "Bucket policies".
    pub(crate) fn are_narrow(self) -> bool {
        self.v4 <= 1 << 24 && self.v6 <= 1 << 96
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { v4: self.v4.saturating_add(other.v4), v6: self.v6.saturating_add(other.v6) }
    }
}

/// Source: RFC 1918, section 3.
const PRIVATE: [(u32, u32); 3] =
    [(0x0A00_0000, 0x0AFF_FFFF), (0xAC10_0000, 0xAC1F_FFFF), (0xC0A8_0000, 0xC0A8_FFFF)];

const V4_FIRST: u128 = 0xFFFF_0000_0000;
const V4_LAST: u128 = 0xFFFF_FFFF_FFFF;

fn v4_bits(address: u32) -> u128 {
    V4_FIRST | u128::from(address)
}

fn overlap(range: Range, first: u128, last: u128) -> u128 {
    let (from, to) = (range.first().max(first), range.last().min(last));
    if from > to { 0 } else { to - from + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(range: &str, text: &str) -> bool {
        Range::parse(range).unwrap().contains(address(text).unwrap())
    }

    #[test]
    fn addresses_are_in_their_ranges() {
        assert!(inside("203.0.113.0/24", "203.0.113.255"));
        assert!(!inside("203.0.113.0/24", "203.0.114.0"));
        assert!(inside("203.0.113.7/24", "203.0.113.1"));
        assert!(inside("203.0.113.7", "203.0.113.7"));
        assert!(!inside("203.0.113.7", "203.0.113.8"));
        assert!(inside("2001:DB8:1234:5678::/64", "2001:db8:1234:5678::1"));
        assert!(!inside("2001:db8::/32", "2001:db9::1"));
        assert!(inside("0.0.0.0/0", "255.255.255.255"));
        assert!(inside("::/0", "::1"));
    }

    #[test]
    fn the_families_are_kept_apart_but_for_mapped_addresses() {
        assert!(!inside("0.0.0.0/0", "2001:db8::1"));
        assert!(inside("10.0.0.0/8", "::ffff:10.1.2.3"));
    }

    #[test]
    fn broken_ranges_are_none() {
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "a",
            "10.0.0.0/8/8",
            "010.0.0.1",
        ] {
            assert_eq!(Range::parse(bad), None, "{bad}");
        }
    }
}
