//! The names that a server certificate is for.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The domain of virtual-host style names on the machine itself; names under `.localhost` resolve to loopback.
pub const DEFAULT_DOMAIN: &str = "s3.localhost";

/// A domain that cannot stand in a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a DNS name; give a domain such as s3.example.com, without a port or a wildcard")]
pub struct NamesError {
    /// What was given.
    pub name: String,
}

/// The subject alternative names of a server certificate.
///
/// Each domain comes with its wildcard: `s3.localhost` and `*.s3.localhost`, which covers `mybucket.s3.localhost` and
/// `123456789012.s3.localhost`.
///
/// # Limits
/// A wildcard stands for one label (RFC 6125 section 6.4.3), so a bucket whose name has a dot cannot be used in
/// virtual-host style over TLS; path style works. The same holds on AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerNames {
    dns: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl ServerNames {
    /// Names for the loopback, the host's own name, the default domain and each domain given, with their wildcards,
    /// and the given addresses (those that are not addresses of one host, such as 0.0.0.0, are left out).
    ///
    /// A host name that is not a DNS name is left out.
    ///
    /// # Errors
    /// A domain that is not a DNS name.
    pub fn new(
        host_name: Option<&str>,
        domains: &[String],
        addresses: &[IpAddr],
    ) -> Result<Self, NamesError> {
        let mut dns = BTreeSet::from(["localhost".to_owned()]);
        if let Some(host_name) = host_name.and_then(dns_name) {
            dns.insert(host_name);
        }
        for domain in std::iter::once(DEFAULT_DOMAIN).chain(domains.iter().map(String::as_str)) {
            let domain = dns_name(domain).ok_or_else(|| NamesError { name: domain.to_owned() })?;
            dns.insert(format!("*.{domain}"));
            dns.insert(domain);
        }
        let mut all = BTreeSet::from([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        all.extend(addresses.iter().filter(|address| !address.is_unspecified()));
        Ok(Self { dns, addresses: all })
    }

    /// The DNS names, wildcards included, in order.
    pub fn dns(&self) -> impl Iterator<Item = &str> {
        self.dns.iter().map(String::as_str)
    }

    /// The addresses, in order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().copied()
    }
}

/// The name in lower case, if it is one that DNS can have and that is not an address.
pub(crate) fn dns_name(text: &str) -> Option<String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let sound = text.len() <= 253 && text.split('.').all(label) && text.parse::<IpAddr>().is_err();
    sound.then(|| text.to_ascii_lowercase())
}
