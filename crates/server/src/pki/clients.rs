//! Certificates that clients must show, where an operator wants only known machines at the door.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::PkiError;
use super::resolver::read_file;

/// Takes only clients with a certificate of one of the authorities in a PEM file. Who a request comes from is still for
/// its signature to say.
///
/// # Errors
/// When the file cannot be read, or has no certificate of an authority in it.
///
/// # Limits
/// [`MAX_PEM_FILE_BYTES`](super::MAX_PEM_FILE_BYTES).
pub fn clients_of(authorities: &Path) -> Result<Arc<dyn ClientCertVerifier>, PkiError> {
    let missing = || PkiError::Pem { path: authorities.to_owned(), what: "certificate of an authority" };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&read_file(authorities)?) {
        roots.add(certificate.map_err(|_| missing())?).map_err(|_| missing())?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|_| missing())
}
