//! Whom a server's certificate must come from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use crate::error::BenchError;
use crate::http::Endpoint;

/// Where Debian, and most others by a link, keep the authorities of the system.
const SYSTEM_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Whom a server's certificate must come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// One of the authorities of the system.
    System,
    /// One of the authorities in this file, and no other.
    Bundle(PathBuf),
    /// Anybody: who listens in between is not found out.
    Anybody,
}

/// What makes TLS connections to an endpoint; none for http.
///
/// # Errors
/// [`BenchError::NoAuthority`], [`BenchError::CaBundle`], [`BenchError::Tls`].
pub fn connector(endpoint: &Endpoint, trust: &Trust) -> Result<Option<TlsConnector>, BenchError> {
    if !endpoint.is_tls() {
        return Ok(None);
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(BenchError::Tls)?;
    let builder = match trust {
        Trust::System if !Path::new(SYSTEM_BUNDLE).exists() => {
            return Err(BenchError::NoAuthority(endpoint.url().to_owned()));
        }
        Trust::System => builder.with_root_certificates(roots(Path::new(SYSTEM_BUNDLE))?),
        Trust::Bundle(path) => builder.with_root_certificates(roots(path)?),
        Trust::Anybody => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(NoProof { provider }))
        }
    };
    Ok(Some(TlsConnector::from(Arc::new(builder.with_no_client_auth()))))
}

fn roots(path: &Path) -> Result<RootCertStore, BenchError> {
    let unusable = |source| BenchError::CaBundle { path: path.to_owned(), source };
    let of_file = |error| {
        let io = if let pem::Error::Io(source) = error { Some(source) } else { None };
        unusable(io)
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(of_file)? {
        roots.add(certificate.map_err(of_file)?).map_err(|_| unusable(None))?;
    }
    if roots.is_empty() { Err(unusable(None)) } else { Ok(roots) }
}

/// Takes any certificate whose key the server has.
#[derive(Debug)]
struct NoProof {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for NoProof {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_of_certificates_is_a_bundle() {
        let endpoint = Endpoint::parse("https://h").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, text).unwrap();
            let made = connector(&endpoint, &Trust::Bundle(path.clone()));
            assert!(matches!(made, Err(BenchError::CaBundle { .. })), "{text:?}");
        }
        let missing = Trust::Bundle(directory.path().join("none"));
        let made = connector(&endpoint, &missing);
        assert!(matches!(made, Err(BenchError::CaBundle { source: Some(_), .. })));
        let plain = Endpoint::parse("http://h").unwrap();
        assert!(connector(&plain, &missing).unwrap().is_none(), "http needs no authority");
    }
}
