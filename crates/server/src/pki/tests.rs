use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use strongroom_types::Timestamp;
use zeroize::Zeroizing;

use super::*;

fn now() -> Timestamp {
    Timestamp::parse_iso8601("2026-11-24T12:00:00Z").unwrap()
}

fn entropy(buffer: &mut [u8]) {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    buffer.fill_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
}

fn names() -> ServerNames {
    ServerNames::new(Some("store7"), &["objects.example.com".to_owned()], &["192.0.2.7".parse().unwrap()])
        .unwrap()
}

/// Whether a client that trusts `authority` takes `certificate` for `name` at `at`.
fn verifies(
    authority: &CertificateAuthority,
    certificate: &ServerCertificate,
    name: &str,
    at: Timestamp,
) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate_der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let name = ServerName::try_from(name).unwrap();
    let at = UnixTime::since_unix_epoch(at.since(Timestamp::from_millis(0)));
    verifier.verify_server_cert(&certificate.certificate_der(), &[], &name, &[], at).is_ok()
}

struct Xor;

impl AuthoritySeal for Xor {
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, PkiError> {
        Ok(plain.iter().map(|byte| byte ^ 0x5a).collect())
    }

    fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, PkiError> {
        Ok(Zeroizing::new(sealed.iter().map(|byte| byte ^ 0x5a).collect()))
    }
}

#[test]
fn a_server_certificate_is_good_for_every_name_and_no_other() {
    let authority = CertificateAuthority::create("Strongroom test", now(), &entropy).unwrap();
    let certificate = authority.issue_server(&names(), now(), &entropy).unwrap();
    for name in [
        "localhost",
        "127.0.0.1",
        "::1",
        "store7",
        "s3.localhost",
        "mybucket.s3.localhost",
        "123456789012.s3.localhost",
        "objects.example.com",
        "b.objects.example.com",
        "192.0.2.7",
    ] {
        assert!(verifies(&authority, &certificate, name, now()), "{name}");
    }
    for name in ["a.b.s3.localhost", "example.com", "192.0.2.8", "other.localhost"] {
        assert!(!verifies(&authority, &certificate, name, now()), "{name}");
    }
}

#[test]
fn a_server_certificate_ends_after_ninety_days() {
    let authority = CertificateAuthority::create("Strongroom test", now(), &entropy).unwrap();
    let certificate = authority.issue_server(&names(), now(), &entropy).unwrap();
    let day = std::time::Duration::from_hours(24);
    assert!(verifies(&authority, &certificate, "localhost", now().plus(day * 90)));
    assert!(!verifies(&authority, &certificate, "localhost", now().plus(day * 91)));
}

#[test]
fn another_authority_of_the_same_name_is_not_trusted() {
    let authority = CertificateAuthority::create("Strongroom test", now(), &entropy).unwrap();
    let other = CertificateAuthority::create("Strongroom test", now(), &entropy).unwrap();
    let certificate = authority.issue_server(&names(), now(), &entropy).unwrap();
    assert!(!verifies(&other, &certificate, "localhost", now()));
}

#[test]
fn an_authority_survives_being_stored_sealed() {
    let authority = CertificateAuthority::create("Strongroom test", now(), &entropy).unwrap();
    let stored = authority.store(&Xor).unwrap();
    let secret = authority.private_key_der();
    assert!(!stored.sealed_key.windows(16).any(|window| secret.windows(16).any(|part| part == window)));
    let again = CertificateAuthority::load(&stored, &Xor).unwrap();
    let certificate = again.issue_server(&names(), now(), &entropy).unwrap();
    assert!(verifies(&authority, &certificate, "localhost", now()));
    assert!(!format!("{again:?}{certificate:?}").contains("secret"));
}

#[test]
fn an_authority_with_the_key_of_another_is_refused() {
    let one = CertificateAuthority::create("one", now(), &entropy).unwrap();
    let two = CertificateAuthority::create("two", now(), &entropy).unwrap();
    let mixed = CertificateAuthority::from_parts(one.certificate_der(), &two.private_key_der());
    assert!(matches!(mixed, Err(PkiError::Pair(_))));
}

#[test]
fn serial_numbers_come_from_the_entropy_that_was_given() {
    let authority = CertificateAuthority::create("x", now(), &|buffer: &mut [u8]| buffer.fill(0xff)).unwrap();
    let (_, parsed) = x509_parser::parse_x509_certificate(authority.certificate_der()).unwrap();
    assert_eq!(parsed.raw_serial(), [[0x7f].as_slice(), &[0xff; 15]].concat());
    assert!(parsed.is_ca());
    let days = (parsed.validity().not_after.timestamp() - parsed.validity().not_before.timestamp()) / 86_400;
    assert_eq!(days, 3652);
}

#[test]
fn the_pem_form_is_the_certificate() {
    use rustls_pki_types::pem::PemObject as _;
    let authority = CertificateAuthority::create("Strongroom test", now(), &entropy).unwrap();
    let read = CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap();
    assert_eq!(read.as_ref(), authority.certificate_der());
}

#[test]
fn the_authoritys_certificate_is_published_whole_and_without_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let authority = CertificateAuthority::create("Strongroom test", now(), &entropy).unwrap();
    let path = publish_authority(folder.path(), &authority).unwrap();
    assert_eq!(path, folder.path().join("tls").join(CA_FILE));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), authority.certificate_pem());
    let other = CertificateAuthority::create("Strongroom test", now(), &entropy).unwrap();
    publish_authority(folder.path(), &other).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), other.certificate_pem());
    let files: Vec<_> = std::fs::read_dir(folder.path().join("tls")).unwrap().collect();
    assert_eq!(files.len(), 1, "nothing else is left there");
}

#[test]
fn refuses_domains_that_are_not_names() {
    for domain in ["", "*.example.com", "a:9000", "a b", "-a.example", "127.0.0.1", "a..b", "x_y"] {
        assert!(ServerNames::new(None, &[domain.to_owned()], &[]).is_err(), "{domain:?}");
    }
    let names =
        ServerNames::new(Some("not a name"), &["S3.Example.COM".to_owned()], &["0.0.0.0".parse().unwrap()]);
    let names = names.unwrap();
    let dns: Vec<_> = names.dns().collect();
    assert_eq!(dns, ["*.s3.example.com", "*.s3.localhost", "localhost", "s3.example.com", "s3.localhost"]);
    assert_eq!(names.addresses().count(), 2);
}

#[test]
fn loads_an_operators_files_only_when_they_belong_together_and_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    let paths = ["cert.pem", "key.pem", "other.pem", "empty.pem"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&paths[1], key.serialize_pem()).unwrap();
    std::fs::write(&paths[2], other.serialize_pem()).unwrap();
    std::fs::write(&paths[3], "").unwrap();
    assert!(load_files(&paths[0], &paths[1], now()).is_ok());
    assert!(matches!(load_files(&paths[0], &paths[2], now()), Err(PkiError::Pair(_))));
    assert!(matches!(load_files(&paths[0], &paths[3], now()), Err(PkiError::Pem { .. })));
    assert!(matches!(load_files(&paths[3], &paths[1], now()), Err(PkiError::Pem { .. })));
    assert!(matches!(load_files(&folder.path().join("none"), &paths[1], now()), Err(PkiError::File { .. })));
    let later = Timestamp::parse_iso8601("2027-02-01T00:00:00Z").unwrap();
    assert!(matches!(load_files(&paths[0], &paths[1], later), Err(PkiError::NotValidNow)));
}

#[test]
fn a_certificate_is_renewed_when_two_thirds_of_its_life_are_over_and_served_without_a_restart() {
    let authority = CertificateAuthority::create("Strongroom test", now(), &entropy).unwrap();
    let first = authority.issue_server(&names(), now(), &entropy).unwrap();
    let ServerCertificateLife { not_before, not_after } = first.life();
    let due = |at| renew_due(not_before, not_after, at);
    let two_thirds = not_before.plus((SERVER_VALIDITY + BACKDATE) * 2 / 3);
    let moment = std::time::Duration::from_millis(1);
    assert!(!due(not_before) && !due(two_thirds.minus(moment)) && due(two_thirds) && due(not_after));
    assert!(due(not_before.minus(moment)), "a clock that was turned back");
    assert!(not_after.since(two_thirds) > RENEWAL_CHECK * 24, "a renewal that fails can be tried again");

    let resolver = ReloadingResolver::new(first.into_certified());
    let before = resolver.current_certificate();
    let next = authority.issue_server(&names(), two_thirds, &entropy).unwrap();
    assert!(!renew_due(next.life().not_before, next.life().not_after, two_thirds));
    let issued = next.certificate_der();
    resolver.replace(next.into_certified()).unwrap();
    assert_ne!(resolver.current_certificate(), before);
    assert_eq!(resolver.current_certificate(), issued.as_ref());
}
