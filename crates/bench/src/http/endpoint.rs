//! Where a server is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::Uri;

use crate::error::{BenchError, visible};

/// Where a server is. Signatures keep the secret, so that http is good anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    host: String,
    port: u16,
    authority: String,
    is_tls: bool,
}

impl Endpoint {
    /// Reads `http://HOST[:PORT]` or `https://HOST[:PORT]`.
    ///
    /// # Errors
    /// [`BenchError::Endpoint`] for anything else.
    pub fn parse(url: &str) -> Result<Self, BenchError> {
        let bad = || BenchError::Endpoint(visible(url));
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@') {
            return Err(bad());
        }
        let (is_tls, default_port) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            _ => return Err(bad()),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let port = authority.port_u16().unwrap_or(default_port);
        if host.is_empty() || (authority.port().is_none() && authority.as_str().ends_with(':')) {
            return Err(bad());
        }
        let authority = if port == default_port { authority.host() } else { authority.as_str() }.to_owned();
        Ok(Self { url: url.trim_end_matches('/').to_owned(), host, port, authority, is_tls })
    }

    /// The URL, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether it has TLS.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The name that the certificate must be good for.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// As the header `Host` has it.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether it is this very machine: what is sent there does not leave it.
    pub fn is_loopback(&self) -> bool {
        self.is_local_name() || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }

    /// Source: RFC 6761, section 6.3: names under `localhost` are loopback addresses without asking anybody.
    fn is_local_name(&self) -> bool {
        self.host == "localhost" || self.host.ends_with(".localhost")
    }

    /// The addresses behind the name, which is asked for once so that no request waits for it.
    ///
    /// # Errors
    /// Those of the resolver.
    pub async fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        if self.is_local_name() {
            let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            return Ok(both.map(|ip| SocketAddr::new(ip, self.port)).to_vec());
        }
        Ok(tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url_without_a_path() {
        let endpoint = Endpoint::parse("https://s3.LOCALHOST:9000/").unwrap();
        assert_eq!((endpoint.host(), endpoint.port, endpoint.is_tls()), ("s3.localhost", 9000, true));
        assert_eq!(
            (endpoint.authority(), endpoint.url()),
            ("s3.LOCALHOST:9000", "https://s3.LOCALHOST:9000")
        );
        let endpoint = Endpoint::parse("http://store.example:80").unwrap();
        assert_eq!(endpoint.authority(), "store.example", "the default port is not part of Host");
        let endpoint = Endpoint::parse("https://[::1]:9000").unwrap();
        assert_eq!((endpoint.host(), endpoint.authority()), ("::1", "[::1]:9000"));
        for bad in ["", "localhost:9000", "ftp://h", "https://h/path", "https://h?q", "https://u:p@h", "/x"] {
            assert!(matches!(Endpoint::parse(bad), Err(BenchError::Endpoint(_))), "{bad}");
        }
    }
}
