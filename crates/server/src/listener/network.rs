//! Networks, as configurations name them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Addresses with a common prefix, of either family. An IPv4 address that is mapped into IPv6 is the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: u128,
    mask: u128,
    shown: (IpAddr, u32),
}

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a network such as 10.0.0.0/24")]
pub struct NotANetwork(String);

/// Whether networks hold together every address of IPv4, or every one of IPv6 that is routed (RFC 4291, section 2.4: of
/// global unicast 2000::/3 is what is given out).
pub(crate) fn hold_everybody(networks: &[Network]) -> bool {
    const IPV4: (u128, u128) = (0xffff_0000_0000, 0xffff_ffff_ffff);
    const IPV6: (u128, u128) = (0b001 << 125, (0b010 << 125) - 1);
    let mut ranges: Vec<_> =
        networks.iter().map(|network| (network.first, network.first | !network.mask)).collect();
    ranges.sort_unstable();
    [IPV4, IPV6].into_iter().any(|(first, last)| {
        let mut next = Some(first);
        for (from, to) in &ranges {
            next = next
                .and_then(|next| if *from <= next && next <= *to { to.checked_add(1) } else { Some(next) });
        }
        next.is_none_or(|next| next > last)
    })
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl Network {
    /// Whether it holds `address`.
    pub fn contains(&self, address: IpAddr) -> bool {
        bits(address) & self.mask == self.first
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    /// Bits behind the prefix must be zero: a mistyped network is not widened.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let bad = || NotANetwork(text.to_owned());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(at, prefix)| (at, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let width = if address.is_ipv4() { 32 } else { Ipv6Addr::BITS };
        let prefix = match prefix {
            None => width,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= width).ok_or_else(bad)?
            }
            Some(_) => return Err(bad()),
        };
        let mask = u128::MAX.checked_shl(width - prefix).unwrap_or(0);
        // All but the IPv4 part of a mapped address is prefix, too.
        let mask = if address.is_ipv4() { mask | !u128::from(u32::MAX) } else { mask };
        let first = bits(address);
        if first & mask != first {
            return Err(bad());
        }
        Ok(Self { first, mask, shown: (address, prefix) })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.shown.0, self.shown.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("10.1.0.0/16", "10.1.255.255", "10.2.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("10.1.2.3/32", "::ffff:10.1.2.3", "10.1.2.2"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "127.0.0.1"),
            ("::/0", "2001:db8::1", "never"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(inside.parse().unwrap()), "{network}");
            assert!(outside.parse().map_or(true, |outside| !parsed.contains(outside)), "{network}");
        }
        assert_eq!("10.1.2.3".parse::<Network>().unwrap().to_string(), "10.1.2.3/32");
    }

    #[test]
    fn everybody_is_told_however_it_is_written() {
        for all in [
            &["0.0.0.0/0"][..],
            &["0.0.0.0/00"],
            &["::ffff:0.0.0.0/96"],
            &["::/0"],
            &["2000::/3"],
            &["128.0.0.0/1", "10.0.0.1", "0.0.0.0/1"],
            &["0.0.0.0/1", "0.0.0.0/2", "::ffff:128.0.0.0/97"],
            &["3000::/4", "2000::/4"],
            &["8000::/1", "::/1"],
        ] {
            let networks: Vec<Network> = all.iter().map(|network| network.parse().unwrap()).collect();
            assert!(hold_everybody(&networks), "{all:?}");
        }
        for some in [
            &[][..],
            &["10.0.0.0/8", "2001:db8::/32"],
            &["0.0.0.0/1"],
            &["0.0.0.0/2", "128.0.0.0/1"],
            &["3000::/4", "fd00::/8"],
            &["8000::/1"],
        ] {
            let networks: Vec<Network> = some.iter().map(|network| network.parse().unwrap()).collect();
            assert!(!hold_everybody(&networks), "{some:?}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in
            ["", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/+8", "host", "2001:db8::1/32"]
        {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
