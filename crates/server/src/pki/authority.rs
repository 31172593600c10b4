//! The private certificate authority.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use strongroom_types::Timestamp;
use zeroize::Zeroizing;

use super::names::ServerNames;
use super::{AUTHORITY_VALIDITY, BACKDATE, Entropy, PkiError, SERVER_VALIDITY};

/// Seals and opens the authority's key; the two are each other's inverse.
pub trait AuthoritySeal {
    /// Seals the key.
    ///
    /// # Errors
    /// [`PkiError::Sealed`] when it cannot.
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, PkiError>;

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// [`PkiError::Sealed`] when it does not open.
    fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, PkiError>;
}

/// The authority as it is kept: a public certificate and a sealed key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAuthority {
    /// The certificate in DER.
    pub certificate: Vec<u8>,
    /// The private key, PKCS#8 in DER, sealed.
    pub sealed_key: Vec<u8>,
}

/// The authority of an installation: ECDSA P-256, ten years, for server certificates only.
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority").finish_non_exhaustive()
    }
}

impl CertificateAuthority {
    /// Makes an authority with a new key; `name` becomes its common name.
    ///
    /// # Errors
    /// [`PkiError::Certificate`].
    pub fn create(name: &str, now: Timestamp, entropy: Entropy<'_>) -> Result<Self, PkiError> {
        let mut params = params(name, now, AUTHORITY_VALIDITY, entropy);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// Puts an authority together again.
    ///
    /// # Errors
    /// When either part cannot be read, or the key is not the certificate's.
    pub fn from_parts(certificate_der: &[u8], private_key_der: &[u8]) -> Result<Self, PkiError> {
        let certificate = CertificateDer::from(certificate_der.to_vec());
        certified_key(vec![certificate.clone()], pkcs8(private_key_der))?;
        let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(private_key_der))?;
        Ok(Self { issuer: Issuer::from_ca_cert_der(&certificate, key)?, certificate })
    }

    /// The form to keep.
    ///
    /// # Errors
    /// When the key cannot be sealed.
    pub fn store(&self, seal: &dyn AuthoritySeal) -> Result<StoredAuthority, PkiError> {
        let sealed_key = seal.seal(&self.private_key_der())?;
        Ok(StoredAuthority { certificate: self.certificate.to_vec(), sealed_key })
    }

    /// From the form that was kept.
    ///
    /// # Errors
    /// When the key does not open or is not the certificate's.
    pub fn load(stored: &StoredAuthority, seal: &dyn AuthoritySeal) -> Result<Self, PkiError> {
        Self::from_parts(&stored.certificate, &seal.open(&stored.sealed_key)?)
    }

    /// The private key, PKCS#8 in DER: a secret.
    pub fn private_key_der(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.issuer.key().serialize_der())
    }

    /// The certificate in DER.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate in PEM, for clients (`DIR/tls/ca.pem`).
    pub fn certificate_pem(&self) -> String {
        pem(&self.certificate)
    }

    /// Issues a server certificate for `names` with a new ECDSA P-256 key, valid for 90 days.
    ///
    /// # Errors
    /// [`PkiError::Certificate`].
    pub fn issue_server(
        &self,
        names: &ServerNames,
        now: Timestamp,
        entropy: Entropy<'_>,
    ) -> Result<ServerCertificate, PkiError> {
        let mut params = params("Strongroom server", now, SERVER_VALIDITY, entropy);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        for name in names.dns() {
            params.subject_alt_names.push(SanType::DnsName(Ia5String::try_from(name)?));
        }
        params.subject_alt_names.extend(names.addresses().map(SanType::IpAddress));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();
        let key_der = Zeroizing::new(key.serialize_der());
        let certified = certified_key(vec![certificate.clone()], pkcs8(&key_der))?;
        Ok(ServerCertificate {
            certificate,
            certified,
            life: ServerCertificateLife {
                not_before: now.minus(BACKDATE),
                not_after: now.plus(SERVER_VALIDITY),
            },
        })
    }
}

/// A server certificate with its key, which never leaves the process.
#[derive(Debug)]
pub struct ServerCertificate {
    certificate: CertificateDer<'static>,
    certified: CertifiedKey,
    life: ServerCertificateLife,
}

/// When a server certificate begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerCertificateLife {
    /// Its beginning.
    pub not_before: Timestamp,
    /// Its end.
    pub not_after: Timestamp,
}

impl ServerCertificate {
    /// The certificate in DER.
    pub fn certificate_der(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// The certificate in PEM.
    pub fn certificate_pem(&self) -> String {
        pem(&self.certificate)
    }

    /// When it begins and ends.
    pub fn life(&self) -> ServerCertificateLife {
        self.life
    }

    /// What rustls serves.
    pub fn into_certified(self) -> CertifiedKey {
        self.certified
    }
}

/// Whether two thirds of a certificate's life are over, or it has not begun (a clock that was turned back).
pub fn renew_due(not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> bool {
    let life = not_after.since(not_before);
    now < not_before || now.since(not_before) >= life * 2 / 3
}

/// Puts certificate and key together, and refuses a pair that does not belong together.
pub(super) fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, PkiError> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let certified = CertifiedKey::from_der(chain, key, &provider).map_err(PkiError::Pair)?;
    certified.keys_match().map_err(PkiError::Pair)?;
    Ok(certified)
}

fn pkcs8(der: &[u8]) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.to_vec()))
}

fn params(name: &str, now: Timestamp, validity: Duration, entropy: Entropy<'_>) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name = distinguished_name;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since_epoch = |time: Timestamp| time.truncated_to_seconds().since(Timestamp::from_millis(0));
    params.not_before = epoch + since_epoch(now.minus(BACKDATE));
    params.not_after = epoch + since_epoch(now.plus(validity));
    let mut serial = [0u8; 16];
    entropy(&mut serial);
    // RFC 5280 section 4.1.2.2: positive, not zero.
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params
}

/// RFC 7468, section 5 ("Textual Encoding of Certificates").
fn pem(certificate: &CertificateDer<'_>) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    // 48 bytes are the 64 characters of a line.
    for line in certificate.chunks(48) {
        STANDARD.encode_string(line, &mut text);
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}
