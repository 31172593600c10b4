//! Fetching an issuer's keys: discovery, then the key set, each one GET over TLS, bounded in every way.
//!
//! Source: OpenID Connect Discovery 1.0, section 4. No redirect is followed, and the address that a name was looked up to
//! is the one that is spoken to, so that what was checked is what is used.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use strongroom_identity::MAX_KEY_SET_BYTES;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::is_public;

/// How long all of it may take.
pub(crate) const ISSUER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one address may take to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Addresses of a host that are tried.
const MAX_ADDRESSES: usize = 4;

/// Where systems keep the certificates of authorities that they trust: Debian and its kin, Red Hat and its kin, Alpine.
const SYSTEM_AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Fetches from one issuer.
pub(super) struct Fetcher {
    issuer: Url,
    private_addresses: bool,
    tls: TlsConnector,
}

/// What of a URL matters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Url {
    host: String,
    port: u16,
    /// Path and query.
    target: String,
}

/// Source: OpenID Connect Discovery 1.0, section 3.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Url {
    /// Source: RFC 3986; of it only what issuers need.
    fn parse(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        if uri.scheme_str() != Some("https") || authority.as_str().contains('@') {
            return None;
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Some(Self { host: authority.host().to_owned(), port: authority.port_u16().unwrap_or(443), target })
    }

    /// The host without the brackets of an IPv6 address.
    fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    fn authority(&self) -> String {
        if self.port == 443 { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl Fetcher {
    pub(super) fn new(
        issuer: &str,
        ca_file: Option<&Path>,
        private_addresses: bool,
    ) -> Result<Self, &'static str> {
        let issuer = Url::parse(issuer).ok_or("its URL is none")?;
        let ca_file = ca_file.map(Path::to_owned).or_else(system_authorities);
        let ca_file = ca_file.ok_or("this system has no certificates of authorities; give a ca_file")?;
        let mut roots = RootCertStore::empty();
        let certificates =
            CertificateDer::pem_file_iter(ca_file).map_err(|_| "its ca_file cannot be read")?;
        // Systems have authorities that are not well-formed; those are left out.
        roots.add_parsable_certificates(certificates.filter_map(Result::ok));
        if roots.is_empty() {
            return Err("its ca_file has no certificate");
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self { issuer, private_addresses, tls: TlsConnector::from(Arc::new(config)) })
    }

    /// The text of the issuer's key set.
    pub(super) async fn key_set(&self) -> Result<Bytes, &'static str> {
        tokio::time::timeout(ISSUER_TIMEOUT, self.discover()).await.map_err(|_| "it takes too long")?
    }

    async fn discover(&self) -> Result<Bytes, &'static str> {
        let place = self.issuer.target.trim_end_matches('/');
        let target = format!("{place}/.well-known/openid-configuration");
        let found = self.get(&Url { target, ..self.issuer.clone() }).await?;
        let found: Discovery =
            serde_json::from_slice(&found).map_err(|_| "its discovery document is not one")?;
        // Source: OpenID Connect Discovery 1.0, section 4.3: the issuer must be exactly the one that was asked.
        let says = Url::parse(&found.issuer)
            .map(|url| (url.authority(), url.target.trim_end_matches('/').to_owned()));
        if says != Some((self.issuer.authority(), place.to_owned())) {
            return Err("its discovery document is another issuer's");
        }
        let keys = Url::parse(&found.jwks_uri).ok_or("its jwks_uri is no https URL")?;
        self.get(&keys).await
    }

    /// The addresses of a host that may be spoken to. Addresses of this host and its network may be only where the operator
    /// said so, and for the issuer itself.
    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, &'static str> {
        let found = tokio::net::lookup_host((url.bare_host(), url.port)).await;
        let found = found.map_err(|_| "its host has no address")?;
        let inside = self.private_addresses && url.host == self.issuer.host && url.port == self.issuer.port;
        let addresses: Vec<SocketAddr> =
            found.filter(|address| inside || is_public(address.ip())).take(MAX_ADDRESSES).collect();
        if addresses.is_empty() {
            Err("its host has no address that may be spoken to")
        } else {
            Ok(addresses)
        }
    }

    async fn connect(&self, url: &Url) -> Result<TcpStream, &'static str> {
        for address in self.addresses(url).await? {
            let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
            if let Ok(Ok(stream)) = connecting {
                return Ok(stream);
            }
        }
        Err("its host does not answer")
    }

    async fn get(&self, url: &Url) -> Result<Bytes, &'static str> {
        let name = ServerName::try_from(url.bare_host().to_owned()).map_err(|_| "its host is no name")?;
        let stream = self.connect(url).await?;
        let stream = self.tls.connect(name, stream).await.map_err(|_| "its certificate is not trusted")?;
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(64 * 1024)
            .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|_| "it does not speak HTTP/1.1")?;
        let request = http::Request::get(&url.target)
            .header(http::header::HOST, url.authority())
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::USER_AGENT, "strongroom")
            .body(Empty::new())
            .map_err(|_| "its URL is none")?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(|_| "it breaks off")?;
            if response.status() != http::StatusCode::OK {
                return Err("it does not answer 200");
            }
            let body = Limited::new(response.into_body(), MAX_KEY_SET_BYTES).collect().await;
            Ok(body.map_err(|_| "its answer breaks off or is too long")?.to_bytes())
        };
        // The connection is driven for as long as the answer is awaited, and dropped with it.
        tokio::pin!(connection);
        tokio::pin!(answer);
        tokio::select! {
            answer = &mut answer => answer,
            _ = &mut connection => answer.await,
        }
    }
}

fn system_authorities() -> Option<PathBuf> {
    SYSTEM_AUTHORITIES.iter().map(PathBuf::from).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_https_without_a_user() {
        let url = Url::parse("https://idp.example:8443/realms/a?x=1").unwrap();
        assert_eq!((&*url.host, url.port, &*url.target), ("idp.example", 8443, "/realms/a?x=1"));
        assert_eq!(Url::parse("https://[::1]/").unwrap().bare_host(), "::1");
        assert_eq!(Url::parse("https://idp.example").unwrap().authority(), "idp.example");
        for bad in ["http://idp.example", "https://u:p@idp.example", "/x", "idp.example", "ftp://a", ""] {
            assert_eq!(Url::parse(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn this_host_is_spoken_to_only_where_the_operator_said_so() {
        let authorities = tempfile::NamedTempFile::new().unwrap();
        let pem = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
        std::fs::write(authorities.path(), pem).unwrap();
        let fetcher =
            |private| Fetcher::new("https://127.0.0.1:9", Some(authorities.path()), private).unwrap();
        let url = |text: &str| Url::parse(text).unwrap();
        let own = url("https://127.0.0.1:9/keys");
        assert!(fetcher(true).addresses(&own).await.is_ok());
        assert!(fetcher(false).addresses(&own).await.is_err());
        for other in ["https://127.0.0.1:10/", "https://127.0.0.2:9/", "https://169.254.169.254/"] {
            assert!(fetcher(true).addresses(&url(other)).await.is_err(), "{other}");
        }
    }
}
