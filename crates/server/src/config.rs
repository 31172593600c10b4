//! The configuration file, and what the command line says over it.
//!
//! Everything has a secure default, so the file is optional (`--config FILE`, TOML). An unknown name is an error that
//! points at its line, never ignored: a misspelt limit must not be no limit.

mod file;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use strongroom_s3::NewBuckets;
use strongroom_types::Region;

pub use self::file::new_buckets;
use self::file::{AuditLogTable, File};
use crate::listener::limits::ConnectionLimits;
use crate::listener::{Entrance, hold_everybody};
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

#[cfg(test)]
mod tests;
