//! The certificate in use, which changes without a restart.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoClientAuth, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use strongroom_types::Timestamp;

use super::authority::certified_key;
use super::{MAX_PEM_FILE_BYTES, PkiError};

/// Gives each new handshake the current certificate. What is swapped in was validated before: a certificate whose key
/// is another never gets here.
#[derive(Debug)]
pub struct ReloadingResolver {
    current: ArcSwap<CertifiedKey>,
}

impl ReloadingResolver {
    /// A resolver that begins with `first`.
    pub fn new(first: CertifiedKey) -> Arc<Self> {
        Arc::new(Self { current: ArcSwap::from_pointee(first) })
    }

    /// Uses `next` from the next handshake on.
    ///
    /// # Errors
    /// [`PkiError::Pair`] if its key is another's; the current certificate then stays.
    pub fn replace(&self, next: CertifiedKey) -> Result<(), PkiError> {
        next.keys_match().map_err(PkiError::Pair)?;
        self.current.store(Arc::new(next));
        Ok(())
    }
}

impl ResolvesServerCert for ReloadingResolver {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// TLS 1.2 and 1.3 with HTTP/1.1 as the only protocol, the post-quantum hybrid preferred, and session tickets. With
/// `clients`, only for those.
///
/// # Errors
/// [`PkiError::Pair`] when the provider cannot do this (it can).
pub fn server_config(
    resolver: Arc<ReloadingResolver>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<Arc<ServerConfig>, PkiError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(PkiError::Pair)?
        .with_client_cert_verifier(clients.unwrap_or_else(|| Arc::new(NoClientAuth)))
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(PkiError::Pair)?;
    Ok(Arc::new(config))
}

/// Loads a certificate chain and its key from PEM files that an operator brings.
///
/// # Errors
/// When a file cannot be read or has no such thing in it, when the two do not belong together, and when the
/// certificate is not valid at `now`.
///
/// # Limits
/// [`MAX_PEM_FILE_BYTES`] a file.
pub fn load_files(certificate: &Path, private_key: &Path, now: Timestamp) -> Result<CertifiedKey, PkiError> {
    let missing = |path: &Path, what| PkiError::Pem { path: path.to_owned(), what };
    let chain = CertificateDer::pem_slice_iter(&read_file(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| missing(certificate, "certificate"))?;
    let first = chain.first().ok_or_else(|| missing(certificate, "certificate"))?;
    let (not_before, not_after) = validity(first)?;
    if now < not_before || now > not_after {
        return Err(PkiError::NotValidNow);
    }
    let key = PrivateKeyDer::from_pem_slice(&zeroize::Zeroizing::new(read_file(private_key)?))
        .map_err(|_| missing(private_key, "private key"))?;
    certified_key(chain, key)
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, PkiError> {
    let failed = |source| PkiError::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_PEM_FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The two ends of a certificate's validity.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Result<(Timestamp, Timestamp), PkiError> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| PkiError::NotX509)?;
    let validity = parsed.validity();
    Ok((
        Timestamp::from_secs(validity.not_before.timestamp()),
        Timestamp::from_secs(validity.not_after.timestamp()),
    ))
}

#[cfg(test)]
impl ReloadingResolver {
    pub(super) fn current_certificate(&self) -> Vec<u8> {
        self.current.load().end_entity_cert().map(|it| it.to_vec()).unwrap_or_default()
    }
}
