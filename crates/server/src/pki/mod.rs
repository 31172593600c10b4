//! Certificates: the installation's own private authority, the server certificates that it issues, and those that an
//! operator brings.
//!
//! The authority's key is kept sealed; a server's key is made at each start, lives in memory only, and is made anew
//! with every renewal, so that no private key lies in the open under the data directory.

mod authority;
mod clients;
mod names;
mod publish;
mod resolver;

pub use authority::{
    AuthoritySeal, CertificateAuthority, ServerCertificate, ServerCertificateLife, StoredAuthority, renew_due,
};
pub use clients::clients_of;
pub use names::{DEFAULT_DOMAIN, NamesError, ServerNames};
pub use publish::{CA_FILE, publish_authority};
pub use resolver::{ReloadingResolver, load_files, server_config};

use std::path::PathBuf;

/// How long the authority's certificate is valid.
pub const AUTHORITY_VALIDITY: std::time::Duration = std::time::Duration::from_hours(3652 * 24);

/// How long a server certificate is valid.
pub const SERVER_VALIDITY: std::time::Duration = std::time::Duration::from_hours(90 * 24);

/// How far back a new certificate is dated, for clients whose clocks are behind.
pub const BACKDATE: std::time::Duration = std::time::Duration::from_hours(1);

/// How often the age of the server certificate is looked at.
pub const RENEWAL_CHECK: std::time::Duration = std::time::Duration::from_hours(1);

/// Bytes of a certificate or key file that an operator brings.
pub const MAX_PEM_FILE_BYTES: u64 = 256 * 1024;

const _: () = assert!(SERVER_VALIDITY.as_secs() < AUTHORITY_VALIDITY.as_secs());
const _: () = assert!(RENEWAL_CHECK.as_secs() * 24 < SERVER_VALIDITY.as_secs() / 3);

/// Fills a buffer with random bytes.
pub type Entropy<'a> = &'a (dyn Fn(&mut [u8]) + Send + Sync);

/// Why a certificate could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The certificate could not be made, or a stored one not be read.
    #[error("the certificate could not be made or read")]
    Certificate(#[from] rcgen::Error),
    /// rustls does not take the certificate or key.
    #[error(
        "the certificate and its private key do not fit together, or are of a kind that TLS here does not take"
    )]
    Pair(#[source] rustls::Error),
    /// The stored authority key does not open.
    #[error("the sealed key of the certificate authority does not open with this root key")]
    Sealed,
    /// A certificate that cannot be read.
    #[error("the certificate is not valid X.509")]
    NotX509,
    /// A certificate that is not valid now.
    #[error("the certificate is expired or not yet valid; bring a valid one")]
    NotValidNow,
    /// A file that cannot be read.
    #[error("cannot read {path}; check that it exists and that this user may read it")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {path}; check that its folder is writable and has space")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that has no certificate or key in it.
    #[error("{path} has no {what} in PEM form")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
}

#[cfg(test)]
mod tests;
