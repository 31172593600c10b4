//! The configuration file, and what the command line says over it.
//!
//! Everything has a secure default, so the file is optional (`--config FILE`, TOML). An unknown name is an error that
//! points at its line, never ignored: a misspelt limit must not be no limit.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use strongroom_s3::NewBuckets;
use strongroom_types::Region;

use crate::listener::limits::ConnectionLimits;
use crate::listener::{Entrance, Network, hold_everybody};
use crate::pki::{DEFAULT_DOMAIN, ServerNames};

/// Bytes of a configuration file.
pub const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

/// Where TLS is served when nothing else is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:9000";

/// Where the admin listener is when nothing else is said; its port is printed at the start.
pub const DEFAULT_ADMIN_LISTEN: &str = "127.0.0.1:0";

/// Longest time that a limit can be set to: a day.
const MAX_LIMIT_SECONDS: u64 = 86_400;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}; check the path given with --config")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML, or has a name or value that is not known.
    #[error("{path}, line {line}: {message}; correct the line or remove it")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1; of a list, the line that it begins on.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Two settings contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
}

/// The settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The address of the TLS listener.
    pub listen: SocketAddr,
    /// The address of the plaintext listener, if one was asked for.
    pub listen_plaintext: Option<SocketAddr>,
    /// The address of the admin listener.
    pub admin_listen: SocketAddr,
    /// Domains for virtual-host style requests, the default one first.
    pub domains: Vec<String>,
    /// The regions; the first is home.
    pub regions: Vec<Region>,
    /// Where records are written as JSON lines, if anywhere.
    pub audit_log: Option<AuditLog>,
    /// The operator's certificate; without it the private authority issues one.
    pub tls: Option<TlsFiles>,
    /// Authorities, in PEM: clients of the TLS listener must show a certificate of one of them. Without a file none is
    /// asked for.
    pub client_authorities: Option<PathBuf>,
    /// Limits of connections.
    pub limits: ConnectionLimits,
    /// How long records are kept.
    pub retention: Retention,
    /// How everything on disk is read and checked in the background.
    pub scrub: Scrub,
    /// What new buckets are like where their makers ask for nothing.
    pub new_buckets: NewBuckets,
    /// Issuers of identity tokens, and where their keys are. A token of any other issuer is refused.
    pub oidc: Vec<OidcIssuer>,
    /// Addresses at which VPC endpoints and balancers are served.
    pub entrances: Vec<Entrance>,
}

/// An issuer of identity tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcIssuer {
    /// Its URL, without a slash at the end.
    pub url: String,
    /// Where its keys are.
    pub keys: OidcKeys,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OidcKeys {
    /// In a file (a JSON Web Key Set), which is read again now and then.
    File(PathBuf),
    /// Where its discovery document says.
    Fetch {
        /// Authorities whose certificates are trusted, in PEM; those of the system if there is none.
        ca_file: Option<PathBuf>,
        /// Whether the issuer may be on this host or in its private network.
        private_addresses: bool,
    },
}

/// The file of audit records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLog {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes at which it is rotated.
    pub max_bytes: u64,
    /// How many rotated files are kept.
    pub keep: u32,
}

/// An operator's certificate chain and key, in PEM; read again on SIGHUP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, the server's first.
    pub certificate: PathBuf,
    /// The private key.
    pub private_key: PathBuf,
}

/// How long archived records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Days.
    pub days: u32,
    /// Bytes of the archive, if it has a cap.
    pub max_bytes: Option<u64>,
}

/// How everything on disk is read and checked in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scrub {
    /// Days from the beginning of one pass to that of the next; a pass takes no longer.
    pub days: u32,
    /// MiB a second that are read at least.
    pub min_mib_per_second: u32,
}

impl Default for AuditLog {
    fn default() -> Self {
        Self { path: PathBuf::new(), max_bytes: 256 * 1024 * 1024, keep: 8 }
    }
}

impl Default for Scrub {
    fn default() -> Self {
        Self { days: 30, min_mib_per_second: 4 }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 90, max_bytes: None }
    }
}

/// What the command line says; each given value replaces the file's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--listen-plaintext`.
    pub listen_plaintext: Option<SocketAddr>,
    /// `--admin-listen`.
    pub admin_listen: Option<SocketAddr>,
    /// Each `--domain`; replaces the file's list when there is one.
    pub domains: Vec<String>,
    /// `--region`, split at commas; replaces the file's list when there is one.
    pub regions: Vec<Region>,
    /// `--audit-log`.
    pub audit_log: Option<PathBuf>,
    /// `--new-buckets`.
    pub new_buckets: Option<NewBuckets>,
}

impl Config {
    /// Reads the file, if there is one, and lays the command line over it.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(file: Option<&Path>, command_line: &CommandLine) -> Result<Self, ConfigError> {
        use std::io::Read as _;
        let Some(path) = file else { return Self::build(File::default(), Path::new(""), command_line) };
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        let mut text = String::new();
        let opened = std::fs::File::open(path).map_err(unreadable)?;
        opened.take(MAX_CONFIG_BYTES).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(&text, path, command_line)
    }

    /// The settings of a file's text. Relative paths in it are relative to the file's folder.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with the line, [`ConfigError::Contradiction`].
    pub fn parse(text: &str, path: &Path, command_line: &CommandLine) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| ConfigError::Invalid {
            path: path.to_owned(),
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        let lines: Vec<usize> =
            file.listeners.iter().map(|table| line_of(text, table.span().start)).collect();
        let config = Self::build(file, path.parent().unwrap_or(Path::new("")), command_line)?;
        for (at, line) in lines.into_iter().enumerate() {
            let invalid = |message: &str| ConfigError::Invalid {
                path: path.to_owned(),
                line,
                message: message.to_owned(),
            };
            config.check_entrance(at).map_err(invalid)?;
        }
        Ok(config)
    }

    /// What one of the further listeners must be, and must not be together with the others.
    fn check_entrance(&self, at: usize) -> Result<(), &'static str> {
        let (before, [entrance, ..]) = self.entrances.split_at(at.min(self.entrances.len())) else {
            return Ok(());
        };
        let Entrance { listen, endpoint, balancers, .. } = entrance;
        if endpoint.is_none() && balancers.is_empty() {
            return Err(
                "an entry of [[listeners]] has an endpoint, whose connections come in there, or balancers, which say by \
                 PROXY protocol version 2 whose they are, or both; give one of the two",
            );
        }
        if hold_everybody(balancers) {
            return Err("the balancers are everybody together; name the balancers alone");
        }
        let mut others = [self.listen, self.admin_listen]
            .into_iter()
            .chain(self.listen_plaintext)
            .chain(before.iter().map(|entrance| entrance.listen));
        if listen.port() != 0 && others.any(|other| other == *listen) {
            return Err("another listener has the same address; give each one of its own");
        }
        Ok(())
    }

    fn build(file: File, folder: &Path, command_line: &CommandLine) -> Result<Self, ConfigError> {
        let address = |text: &str| text.parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)));
        let mut domains = vec![DEFAULT_DOMAIN.to_owned()];
        let given = if command_line.domains.is_empty() {
            file.domains.into_iter().map(|domain| domain.0).collect()
        } else {
            command_line.domains.clone()
        };
        for domain in given {
            let domain = domain_name(&domain).map_err(|_| {
                ConfigError::Contradiction("a --domain is not a DNS name; give one such as s3.example.com")
            })?;
            if !domains.contains(&domain) {
                domains.push(domain);
            }
        }
        let regions = match command_line.regions.as_slice() {
            [] => file.regions.into_iter().map(|region| region.0).collect(),
            given => given.to_vec(),
        };
        let config = Self {
            listen: command_line.listen.or(file.listen).unwrap_or_else(|| address(DEFAULT_LISTEN)),
            listen_plaintext: command_line.listen_plaintext.or(file.listen_plaintext),
            admin_listen: command_line
                .admin_listen
                .or(file.admin_listen)
                .unwrap_or_else(|| address(DEFAULT_ADMIN_LISTEN)),
            domains,
            regions: if regions.is_empty() { vec![Region::us_east_1()] } else { regions },
            audit_log: audit_log(file.audit_log, folder, command_line),
            client_authorities: file.tls.client_ca_file.as_ref().map(|path| folder.join(path)),
            tls: file.tls.files.map(|files| TlsFiles {
                certificate: folder.join(files.certificate),
                private_key: folder.join(files.private_key),
            }),
            limits: file.limits.apply(ConnectionLimits::default()),
            retention: Retention {
                days: file.retention.days.map_or(Retention::default().days, |days| days.0),
                max_bytes: file.retention.max_bytes.map(|bytes| bytes.0),
            },
            scrub: Scrub {
                days: file.scrub.days.map_or(Scrub::default().days, |days| days.0),
                min_mib_per_second: file
                    .scrub
                    .min_mib_per_second
                    .map_or(Scrub::default().min_mib_per_second, |rate| rate.0),
            },
            new_buckets: command_line
                .new_buckets
                .or(file.new_buckets.map(|named| named.0))
                .unwrap_or_default(),
            oidc: file.oidc.into_iter().map(|table| table.issuer(folder)).collect::<Result<_, _>>()?,
            entrances: file.listeners.into_iter().map(|table| table.into_inner().entrance()).collect(),
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.limits.max_connections_per_source > self.limits.max_connections {
            return Err(ConfigError::Contradiction(
                "limits.max_connections_per_source is above limits.max_connections; lower it or raise the other",
            ));
        }
        if self.limits.max_uploads_per_account > self.limits.max_uploads {
            return Err(ConfigError::Contradiction(
                "limits.max_uploads_per_account is above limits.max_uploads; lower it or raise the other",
            ));
        }
        if self.limits.max_downloads_per_account > self.limits.max_downloads {
            return Err(ConfigError::Contradiction(
                "limits.max_downloads_per_account is above limits.max_downloads; lower it or raise the other",
            ));
        }
        if !self.admin_listen.ip().to_canonical().is_loopback() {
            return Err(ConfigError::Contradiction(
                "admin_listen must be a loopback address such as 127.0.0.1:9001, since it has no authentication",
            ));
        }
        let mut addresses: Vec<SocketAddr> = [self.listen, self.admin_listen]
            .into_iter()
            .chain(self.listen_plaintext)
            .filter(|address| address.port() != 0)
            .collect();
        let all = addresses.len();
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.len() != all {
            return Err(ConfigError::Contradiction(
                "two listeners have the same address; give listen, listen_plaintext and admin_listen one each",
            ));
        }
        let mut issuers = Vec::new();
        for issuer in &self.oidc {
            if issuers.contains(&&issuer.url) {
                return Err(ConfigError::Contradiction(
                    "an issuer of [[oidc]] is named twice; name each once",
                ));
            }
            issuers.push(&issuer.url);
        }
        let mut seen = Vec::new();
        for region in &self.regions {
            if seen.contains(&region) {
                return Err(ConfigError::Contradiction("a region is named twice; name each once"));
            }
            seen.push(region);
        }
        Ok(())
    }

    /// The region that accounts and IAM live in.
    pub fn home_region(&self) -> &Region {
        // INVARIANT: `build` leaves no empty list.
        static FALLBACK: std::sync::LazyLock<Region> = std::sync::LazyLock::new(Region::us_east_1);
        self.regions.first().unwrap_or(&FALLBACK)
    }
}

/// Reads a configuration from arbitrary text: the fuzz entry.
#[doc(hidden)]
pub fn fuzz_config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    drop(Config::parse(&text, Path::new("fuzz.toml"), &CommandLine::default()));
}

fn audit_log(file: Option<AuditLogTable>, folder: &Path, command_line: &CommandLine) -> Option<AuditLog> {
    let defaults = AuditLog::default();
    let (path, max_bytes, keep) = match file {
        Some(table) => (Some(folder.join(table.path)), table.max_bytes, table.keep),
        None => (None, None, None),
    };
    let path = command_line.audit_log.clone().or(path)?;
    Some(AuditLog {
        path,
        max_bytes: max_bytes.map_or(defaults.max_bytes, |bytes| bytes.0),
        keep: keep.unwrap_or(defaults.keep),
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

fn domain_name(text: &str) -> Result<String, String> {
    ServerNames::new(None, &[text.to_owned()], &[])
        .map(|_| text.to_ascii_lowercase())
        .map_err(|error| error.to_string())
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    listen: Option<SocketAddr>,
    listen_plaintext: Option<SocketAddr>,
    admin_listen: Option<SocketAddr>,
    domains: Vec<Domain>,
    regions: Vec<RegionName>,
    audit_log: Option<AuditLogTable>,
    tls: TlsTable,
    limits: LimitsTable,
    retention: RetentionTable,
    scrub: ScrubTable,
    new_buckets: Option<NewBucketsName>,
    oidc: Vec<OidcTable>,
    listeners: Vec<toml::Spanned<ListenerTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListenerTable {
    listen: SocketAddr,
    interface: Option<InterfaceName>,
    #[serde(default)]
    plaintext: bool,
    endpoint: Option<EndpointId>,
    #[serde(default)]
    balancers: Vec<NetworkName>,
}

impl ListenerTable {
    fn entrance(self) -> Entrance {
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
struct EndpointId(String);

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
struct InterfaceName(String);

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
struct NetworkName(Network);

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
struct OidcTable {
    issuer: IssuerUrl,
    jwks_file: Option<PathBuf>,
    #[serde(default)]
    fetch: bool,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    private_addresses: bool,
}

impl OidcTable {
    fn issuer(self, folder: &Path) -> Result<OidcIssuer, ConfigError> {
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
struct IssuerUrl(String);

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
struct AuditLogTable {
    path: PathBuf,
    max_bytes: Option<FileBytes>,
    keep: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "TlsEntries")]
struct TlsTable {
    files: Option<TlsFiles>,
    client_ca_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TlsEntries {
    certificate: Option<PathBuf>,
    private_key: Option<PathBuf>,
    client_ca_file: Option<PathBuf>,
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
struct LimitsTable {
    max_connections: Option<Count>,
    max_connections_per_source: Option<Count>,
    tls_handshake_timeout_seconds: Option<Seconds>,
    header_read_timeout_seconds: Option<Seconds>,
    idle_timeout_seconds: Option<Seconds>,
    body_idle_timeout_seconds: Option<Seconds>,
    write_idle_timeout_seconds: Option<Seconds>,
    slow_start_seconds: Option<Seconds>,
    min_bytes_per_second: Option<Count>,
    shutdown_grace_seconds: Option<Seconds>,
    max_uploads: Option<Count>,
    max_uploads_per_account: Option<Count>,
    max_downloads: Option<Count>,
    max_downloads_per_account: Option<Count>,
}

impl LimitsTable {
    fn apply(self, defaults: ConnectionLimits) -> ConnectionLimits {
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
struct RetentionTable {
    days: Option<Days>,
    max_bytes: Option<FileBytes>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ScrubTable {
    days: Option<Days>,
    min_mib_per_second: Option<MibPerSecond>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "u32")]
struct MibPerSecond(u32);

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
struct Domain(String);

impl TryFrom<String> for Domain {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        domain_name(&text).map(Self)
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct RegionName(Region);

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
struct NewBucketsName(NewBuckets);

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
struct Seconds(u64);

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
struct Count(usize);

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
struct Days(u32);

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
struct FileBytes(u64);

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("/etc/strongroom/server.toml"), &CommandLine::default())
    }

    #[test]
    fn an_empty_file_is_the_secure_default() {
        let config = parse("").unwrap();
        assert_eq!(config, Config::load(None, &CommandLine::default()).unwrap());
        assert_eq!(config.listen.to_string(), DEFAULT_LISTEN);
        assert_eq!(config.admin_listen.to_string(), DEFAULT_ADMIN_LISTEN);
        assert_eq!(config.listen_plaintext, None);
        assert_eq!(config.domains, [DEFAULT_DOMAIN]);
        assert_eq!(config.home_region(), &Region::us_east_1());
        assert_eq!(config.retention, Retention { days: 90, max_bytes: None });
        assert_eq!(config.limits, ConnectionLimits::default());
        assert_eq!(config.scrub, Scrub { days: 30, min_mib_per_second: 4 });
        assert_eq!(config.new_buckets, NewBuckets::Current);
        assert_eq!(config.oidc, []);
        assert_eq!(config.entrances, []);
    }

    #[test]
    fn listeners_are_of_an_endpoint_or_of_balancers_or_both() {
        let config = parse(
            r#"
            [[listeners]]
            listen = "10.1.0.5:443"
            interface = "eth1"
            endpoint = "vpce-0123456789abcdef0"
            [[listeners]]
            listen = "10.9.0.2:8080"
            plaintext = true
            balancers = ["10.9.0.10", "2001:db8::/64"]
            "#,
        )
        .unwrap();
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let bound = Entrance {
            listen: "10.1.0.5:443".parse().unwrap(),
            interface: Some("eth1".to_owned()),
            plaintext: false,
            endpoint: Some("vpce-0123456789abcdef0".into()),
            balancers: networks(&[]),
        };
        let balanced = Entrance {
            listen: "10.9.0.2:8080".parse().unwrap(),
            interface: None,
            plaintext: true,
            endpoint: None,
            balancers: networks(&["10.9.0.10", "2001:db8::/64"]),
        };
        assert_eq!(config.entrances, [bound, balanced]);
    }

    #[test]
    fn issuers_have_their_keys_in_a_file_or_let_them_be_fetched() {
        let config = parse(
            r#"
            [[oidc]]
            issuer = "https://idp.example.com/realms/a/"
            jwks_file = "jwks.json"
            [[oidc]]
            issuer = "https://127.0.0.1:8443"
            fetch = true
            ca_file = "/run/ca.pem"
            private_addresses = true
            "#,
        )
        .unwrap();
        let file = OidcKeys::File("/etc/strongroom/jwks.json".into());
        let ca_file = Some("/run/ca.pem".into());
        let fetch = OidcKeys::Fetch { ca_file, private_addresses: true };
        let issuer = |url: &str, keys| OidcIssuer { url: url.to_owned(), keys };
        assert_eq!(
            config.oidc,
            [issuer("https://idp.example.com/realms/a", file), issuer("https://127.0.0.1:8443", fetch)]
        );
    }

    #[test]
    fn every_setting_can_be_given() {
        let config = parse(
            r#"
            listen = "0.0.0.0:443"
            listen_plaintext = "127.0.0.1:8080"
            admin_listen = "[::1]:9001"
            domains = ["S3.Example.com", "s3.localhost"]
            regions = ["eu-central-1", "us-east-1"]
            new_buckets = "before-april-2023"
            [audit_log]
            path = "audit.jsonl"
            max_bytes = 1048576
            keep = 3
            [tls]
            certificate = "cert.pem"
            private_key = "/run/key.pem"
            [limits]
            max_connections = 100
            idle_timeout_seconds = 7
            max_uploads = 50
            [retention]
            days = 400
            max_bytes = 10000000
            [scrub]
            days = 7
            min_mib_per_second = 20
            "#,
        )
        .unwrap();
        assert_eq!(config.listen.port(), 443);
        assert_eq!(config.domains, ["s3.localhost", "s3.example.com"]);
        assert_eq!(config.home_region().as_str(), "eu-central-1");
        let audit_log = config.audit_log.unwrap();
        assert_eq!(audit_log.path, Path::new("/etc/strongroom/audit.jsonl"));
        assert_eq!((audit_log.max_bytes, audit_log.keep), (1_048_576, 3));
        let tls = config.tls.unwrap();
        assert_eq!(tls.certificate, Path::new("/etc/strongroom/cert.pem"));
        assert_eq!(tls.private_key, Path::new("/run/key.pem"));
        assert_eq!(config.limits.max_connections_per_source, 100);
        assert_eq!(config.limits.max_uploads_per_account, 50);
        assert_eq!(config.limits.idle_timeout, Duration::from_secs(7));
        assert_eq!(config.retention, Retention { days: 400, max_bytes: Some(10_000_000) });
        assert_eq!(config.scrub, Scrub { days: 7, min_mib_per_second: 20 });
        assert_eq!(config.new_buckets, NewBuckets::BeforeApril2023);
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let command_line = CommandLine {
            listen: Some("127.0.0.1:1".parse().unwrap()),
            listen_plaintext: Some("127.0.0.1:2".parse().unwrap()),
            admin_listen: Some("127.0.0.1:3".parse().unwrap()),
            domains: vec!["b.example".to_owned()],
            regions: vec![Region::parse("eu-west-1").unwrap()],
            audit_log: Some(PathBuf::from("here.jsonl")),
            new_buckets: Some(NewBuckets::Current),
        };
        let text = "listen = '127.0.0.1:9'\ndomains = ['a.example']\nregions = ['us-east-1']\n\
                    new_buckets = 'before-april-2023'\n[audit_log]\npath = 'there.jsonl'\nkeep = 2";
        let config = Config::parse(text, Path::new("x/server.toml"), &command_line).unwrap();
        assert_eq!(config.listen.port(), 1);
        assert_eq!(config.listen_plaintext.unwrap().port(), 2);
        assert_eq!(config.admin_listen.port(), 3);
        assert_eq!(config.domains, ["s3.localhost", "b.example"]);
        assert_eq!(config.home_region().as_str(), "eu-west-1");
        assert_eq!(config.new_buckets, NewBuckets::Current);
        let audit_log = config.audit_log.unwrap();
        assert_eq!((audit_log.path.as_path(), audit_log.keep), (Path::new("here.jsonl"), 2));
    }

    #[test]
    fn an_error_names_the_line_and_what_is_wrong() {
        for (text, line, words) in [
            ("listen = '127.0.0.1:1'\nlisten_plain = 'x'", 2, "unknown field `listen_plain`"),
            ("[limits]\nmax_conections = 3", 2, "unknown field `max_conections`"),
            ("[limits]\n\nidle_timeout_seconds = 0", 3, "0 is not between 1 and 86400 seconds"),
            ("\nregions = ['us-east-1', 'Nowhere!']", 2, "\"Nowhere!\" is not the name of a region"),
            ("domains = ['*.example.com']", 1, "is not a DNS name"),
            ("listen = 'localhost:9000'", 1, "socket address"),
            ("[tls]\ncertificate = 'a'", 1, "missing field `private_key`"),
            ("listen = ", 1, ""),
            ("[retention]\ndays = 0", 2, "0 is not between"),
            ("[scrub]\nmin_mib_per_second = 0", 2, "0 is not between 1 and 10000 MiB/s"),
            ("[[oidc]]\nissuer = 'http://idp.example'\nfetch = true", 2, "is not the URL of an issuer"),
            ("[[oidc]]\nfetch = true", 1, "missing field `issuer`"),
            ("[[listeners]]\nendpoint = 'vpce-0123456789abcdef0'", 1, "missing field `listen`"),
            (
                "[[listeners]]\nlisten = '[::1]:1'\ninterface = 'a b'",
                3,
                "is not the name of a network interface",
            ),
            ("[[listeners]]\nlisten = '[::1]:1'\nendpoint = 'front'", 3, "is not the id of a VPC endpoint"),
            (
                "[[listeners]]\nlisten = '[::1]:1'\nbalancers = ['lb.example']",
                3,
                "is neither an address nor a network",
            ),
            ("[[listeners]]\nlisten = '[::1]:1'\nbalancers = ['0.0.0.0/0']", 3, "is everybody"),
            ("[[listeners]]\nlisten = '[::1]:1'\nbalancers = ['0.0.0.0/00']", 3, "is everybody"),
            ("[[listeners]]\nlisten = '[::1]:1'\nbalancers = ['::ffff:0.0.0.0/96']", 3, "is everybody"),
            (
                "\n[[listeners]]\nlisten = '[::1]:1'\nbalancers = ['0.0.0.0/1', '128.0.0.0/1']",
                2,
                "are everybody together",
            ),
            ("\n[[listeners]]\nlisten = '127.0.0.1:7'", 2, "has an endpoint"),
            (
                "listen = '127.0.0.1:7'\n[[listeners]]\nlisten = '127.0.0.1:7'\nbalancers = ['10.0.0.1']",
                2,
                "same address",
            ),
            (
                "[[listeners]]\nlisten = '[::1]:7'\nbalancers = ['10.0.0.1']\n\n\
                 [[listeners]]\nlisten = '[::1]:7'\nendpoint = 'vpce-0123456789abcdef0'",
                5,
                "same address",
            ),
            ("new_buckets = 'old'", 1, "\"old\" is neither current nor before-april-2023"),
        ] {
            match parse(text) {
                Err(ConfigError::Invalid { line: found, message, .. }) => {
                    assert_eq!(found, line, "{text:?}: {message}");
                    assert!(message.contains(words), "{text:?}: {message}");
                }
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn refuses_settings_that_contradict_each_other() {
        for text in [
            "admin_listen = '0.0.0.0:9001'",
            "listen = '127.0.0.1:9'\nlisten_plaintext = '127.0.0.1:9'",
            "[limits]\nmax_connections = 5\nmax_connections_per_source = 6",
            "[limits]\nmax_uploads = 5\nmax_uploads_per_account = 6",
            "[limits]\nmax_downloads = 5\nmax_downloads_per_account = 6",
            "regions = ['us-east-1', 'us-east-1']",
            "[[oidc]]\nissuer = 'https://a'",
            "[[oidc]]\nissuer = 'https://a'\nfetch = true\njwks_file = 'x'",
            "[[oidc]]\nissuer = 'https://a'\nca_file = 'y'\njwks_file = 'x'",
            "[[oidc]]\nissuer = 'https://a'\nfetch = true\n[[oidc]]\nissuer = 'https://a/'\nfetch = true",
        ] {
            assert!(matches!(parse(text), Err(ConfigError::Contradiction(_))), "{text:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Config::load(Some(Path::new("/nowhere/x.toml")), &CommandLine::default()).unwrap_err();
        assert!(error.to_string().contains("/nowhere/x.toml"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
            fuzz_config(text.as_bytes());
        }
    }
}
