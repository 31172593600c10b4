//! The file as it is written: its tables, and the types that its values are read into.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use strongroom_s3::NewBuckets;
use strongroom_types::Region;

use super::{ConfigError, MAX_LIMIT_SECONDS, OidcIssuer, OidcKeys, TlsFiles, domain_name};
use crate::listener::limits::ConnectionLimits;
use crate::listener::{Entrance, Network, hold_everybody};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) listen: Option<SocketAddr>,
    pub(super) listen_plaintext: Option<SocketAddr>,
    pub(super) admin_listen: Option<SocketAddr>,
    pub(super) domains: Vec<Domain>,
    pub(super) regions: Vec<RegionName>,
    pub(super) audit_log: Option<AuditLogTable>,
    pub(super) tls: TlsTable,
    pub(super) limits: LimitsTable,
    pub(super) retention: RetentionTable,
    pub(super) scrub: ScrubTable,
    pub(super) new_buckets: Option<NewBucketsName>,
    pub(super) oidc: Vec<OidcTable>,
    pub(super) listeners: Vec<toml::Spanned<ListenerTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListenerTable {
    pub(super) listen: SocketAddr,
    pub(super) interface: Option<InterfaceName>,
    #[serde(default)]
    pub(super) plaintext: bool,
    pub(super) endpoint: Option<EndpointId>,
    #[serde(default)]
    pub(super) balancers: Vec<NetworkName>,
}

impl ListenerTable {
    pub(super) fn entrance(self) -> Entrance {
        let Self { listen, interface, plaintext, endpoint, balancers } = self;
        Entrance {
            listen,
            interface: interface.map(|named| named.0),
            plaintext,
            endpoint: endpoint.map(|id| id.0.into()),
            balancers: balancers.into_iter().map(|named| named.0).collect(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct EndpointId(pub(super) String);

impl TryFrom<String> for EndpointId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if strongroom_ec2::is_endpoint_id(&text) {
            Ok(Self(text))
        } else {
            Err(format!("{text:?} is not the id of a VPC endpoint, such as vpce-0123456789abcdef0"))
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct InterfaceName(pub(super) String);

impl TryFrom<String> for InterfaceName {
    type Error = String;

    /// Linux: shorter than 16 bytes (IFNAMSIZ), without white space and slashes.
    fn try_from(text: String) -> Result<Self, String> {
        let good = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
        if (1..16).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text))
        } else {
            Err(format!("{text:?} is not the name of a network interface, such as eth1"))
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct NetworkName(pub(super) Network);

impl TryFrom<String> for NetworkName {
    type Error = String;

    /// Whoever is believed can be anybody: so nobody is believed by leaving something out.
    fn try_from(text: String) -> Result<Self, String> {
        match text.parse::<Network>() {
            Ok(network) if hold_everybody(&[network]) => {
                Err(format!("{text:?} is everybody; name the balancers"))
            }
            Ok(network) => Ok(Self(network)),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OidcTable {
    pub(super) issuer: IssuerUrl,
    pub(super) jwks_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) fetch: bool,
    pub(super) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) private_addresses: bool,
}

impl OidcTable {
    pub(super) fn issuer(self, folder: &Path) -> Result<OidcIssuer, ConfigError> {
        let Self { issuer: IssuerUrl(url), jwks_file, fetch, ca_file, private_addresses } = self;
        let keys = match (jwks_file, fetch) {
            (Some(file), false) if ca_file.is_none() && !private_addresses => {
                OidcKeys::File(folder.join(file))
            }
            (None, true) => {
                OidcKeys::Fetch { ca_file: ca_file.map(|file| folder.join(file)), private_addresses }
            }
            (Some(_), _) | (None, false) => {
                return Err(ConfigError::Contradiction(
                    "an issuer of [[oidc]] has either jwks_file, or fetch = true and then perhaps ca_file and \
                     private_addresses; give one of the two",
                ));
            }
        };
        Ok(OidcIssuer { url, keys })
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct IssuerUrl(pub(super) String);

impl TryFrom<String> for IssuerUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url: Option<http::Uri> = text.parse().ok();
        let good = url.is_some_and(|url| {
            let authority = url.authority().map_or("", http::uri::Authority::as_str);
            url.scheme_str() == Some("https") && !authority.contains('@') && url.query().is_none()
        });
        if good {
            Ok(Self(text.trim_end_matches('/').to_owned()))
        } else {
            Err(format!("{text:?} is not the URL of an issuer, such as https://idp.example.com"))
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditLogTable {
    pub(super) path: PathBuf,
    pub(super) max_bytes: Option<FileBytes>,
    pub(super) keep: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "TlsEntries")]
pub(super) struct TlsTable {
    pub(super) files: Option<TlsFiles>,
    pub(super) client_ca_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsEntries {
    pub(super) certificate: Option<PathBuf>,
    pub(super) private_key: Option<PathBuf>,
    pub(super) client_ca_file: Option<PathBuf>,
}

impl TryFrom<TlsEntries> for TlsTable {
    type Error = &'static str;

    fn try_from(entries: TlsEntries) -> Result<Self, Self::Error> {
        let TlsEntries { certificate, private_key, client_ca_file } = entries;
        let files = match (certificate, private_key) {
            (None, None) => None,
            (Some(certificate), Some(private_key)) => Some(TlsFiles { certificate, private_key }),
            (Some(_), None) => return Err("missing field `private_key`, which belongs to `certificate`"),
            (None, Some(_)) => return Err("missing field `certificate`, which belongs to `private_key`"),
        };
        Ok(Self { files, client_ca_file })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsTable {
    pub(super) max_connections: Option<Count>,
    pub(super) max_connections_per_source: Option<Count>,
    pub(super) tls_handshake_timeout_seconds: Option<Seconds>,
    pub(super) header_read_timeout_seconds: Option<Seconds>,
    pub(super) idle_timeout_seconds: Option<Seconds>,
    pub(super) body_idle_timeout_seconds: Option<Seconds>,
    pub(super) write_idle_timeout_seconds: Option<Seconds>,
    pub(super) slow_start_seconds: Option<Seconds>,
    pub(super) min_bytes_per_second: Option<Count>,
    pub(super) shutdown_grace_seconds: Option<Seconds>,
    pub(super) max_uploads: Option<Count>,
    pub(super) max_uploads_per_account: Option<Count>,
    pub(super) max_downloads: Option<Count>,
    pub(super) max_downloads_per_account: Option<Count>,
}

impl LimitsTable {
    pub(super) fn apply(self, defaults: ConnectionLimits) -> ConnectionLimits {
        let time = |given: Option<Seconds>, default| given.map_or(default, |it| Duration::from_secs(it.0));
        let count = |given: Option<Count>, default| given.map_or(default, |it| it.0);
        ConnectionLimits {
            max_connections: count(self.max_connections, defaults.max_connections),
            max_connections_per_source: count(
                self.max_connections_per_source,
                // A lower total alone lowers both.
                defaults
                    .max_connections_per_source
                    .min(count(self.max_connections, defaults.max_connections)),
            ),
            tls_handshake_timeout: time(self.tls_handshake_timeout_seconds, defaults.tls_handshake_timeout),
            header_read_timeout: time(self.header_read_timeout_seconds, defaults.header_read_timeout),
            idle_timeout: time(self.idle_timeout_seconds, defaults.idle_timeout),
            body_idle_timeout: time(self.body_idle_timeout_seconds, defaults.body_idle_timeout),
            write_idle_timeout: time(self.write_idle_timeout_seconds, defaults.write_idle_timeout),
            slow_start: time(self.slow_start_seconds, defaults.slow_start),
            min_bytes_per_second: count(self.min_bytes_per_second, defaults.min_bytes_per_second),
            shutdown_grace: time(self.shutdown_grace_seconds, defaults.shutdown_grace),
            max_uploads: count(self.max_uploads, defaults.max_uploads),
            max_uploads_per_account: count(
                self.max_uploads_per_account,
                defaults.max_uploads_per_account.min(count(self.max_uploads, defaults.max_uploads)),
            ),
            max_downloads: count(self.max_downloads, defaults.max_downloads),
            max_downloads_per_account: count(
                self.max_downloads_per_account,
                defaults.max_downloads_per_account.min(count(self.max_downloads, defaults.max_downloads)),
            ),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RetentionTable {
    pub(super) days: Option<Days>,
    pub(super) max_bytes: Option<FileBytes>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ScrubTable {
    pub(super) days: Option<Days>,
    pub(super) min_mib_per_second: Option<MibPerSecond>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct MibPerSecond(pub(super) u32);

impl TryFrom<u32> for MibPerSecond {
    type Error = String;

    fn try_from(rate: u32) -> Result<Self, String> {
        if (1..=10_000).contains(&rate) {
            Ok(Self(rate))
        } else {
            Err(format!("{rate} is not between 1 and 10000 MiB/s"))
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Domain(pub(super) String);

impl TryFrom<String> for Domain {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        domain_name(&text).map(Self)
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RegionName(pub(super) Region);

impl TryFrom<String> for RegionName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Region::parse(&text)
            .map(Self)
            .map_err(|_| format!("{text:?} is not the name of a region, such as us-east-1"))
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct NewBucketsName(pub(super) NewBuckets);

impl TryFrom<String> for NewBucketsName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        new_buckets(&text).map(Self)
    }
}

/// Reads the name of a set of defaults for new buckets.
///
/// # Errors
/// What it would take.
pub fn new_buckets(text: &str) -> Result<NewBuckets, String> {
    match text {
        "current" => Ok(NewBuckets::Current),
        "before-april-2023" => Ok(NewBuckets::BeforeApril2023),
        _ => Err(format!("{text:?} is neither current nor before-april-2023")),
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Seconds(pub(super) u64);

impl TryFrom<u64> for Seconds {
    type Error = String;

    fn try_from(seconds: u64) -> Result<Self, String> {
        if (1..=MAX_LIMIT_SECONDS).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(format!("{seconds} is not between 1 and {MAX_LIMIT_SECONDS} seconds"))
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Count(pub(super) usize);

impl TryFrom<u64> for Count {
    type Error = String;

    fn try_from(count: u64) -> Result<Self, String> {
        match usize::try_from(count) {
            Ok(count) if (1..=1_000_000).contains(&count) => Ok(Self(count)),
            Ok(_) | Err(_) => Err(format!("{count} is not between 1 and 1000000")),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Days(pub(super) u32);

impl TryFrom<u32> for Days {
    type Error = String;

    fn try_from(days: u32) -> Result<Self, String> {
        if (1..=36_500).contains(&days) {
            Ok(Self(days))
        } else {
            Err(format!("{days} is not between 1 and 36500 days"))
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct FileBytes(pub(super) u64);

impl TryFrom<u64> for FileBytes {
    type Error = String;

    fn try_from(bytes: u64) -> Result<Self, String> {
        if bytes >= 1024 * 1024 {
            Ok(Self(bytes))
        } else {
            Err(format!("{bytes} is below 1048576 bytes (1 MiB)"))
        }
    }
}
