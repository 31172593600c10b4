//! The keys of issuers of identity tokens, for AssumeRoleWithWebIdentity: from a file, or fetched.
//!
//! Whoever asks with a token is not known yet, so nothing that he sends leads anywhere: keys are had only of issuers that
//! the operator configured, and a key that is not there makes us look again only once in a while.

mod address;
mod fetch;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use strongroom_identity::{KeySet, KeySetError, KeySets};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Mutex;

use crate::config::{OidcIssuer, OidcKeys};
pub(crate) use fetch::ISSUER_TIMEOUT;
pub(crate) use strongroom_identity::MAX_KEY_SET_BYTES;

use fetch::Fetcher;

/// How long keys are used before they are had anew.
pub(crate) const KEEP_ISSUER_KEYS: Duration = Duration::from_secs(10 * 60);
/// How long they are used while they cannot be had anew.
pub(crate) const KEEP_STALE_ISSUER_KEYS: Duration = Duration::from_secs(60 * 60);
/// How long nothing is tried again: for a key that is not in the set, or after a failure.
pub(crate) const RETRY_ISSUER_KEYS: Duration = Duration::from_secs(10);

const _: () = assert!(KEEP_ISSUER_KEYS.as_secs() <= KEEP_STALE_ISSUER_KEYS.as_secs());
const _: () = assert!(RETRY_ISSUER_KEYS.as_secs() <= KEEP_ISSUER_KEYS.as_secs());

/// The issuers that the operator configured.
pub(crate) struct IssuerKeys(HashMap<String, Issuer>);

struct Issuer {
    url: String,
    keys: OidcKeys,
    /// Whoever comes while keys are fetched waits for them.
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    keys: Option<(Arc<KeySet>, Instant)>,
    tried: Option<Instant>,
}

impl IssuerKeys {
    pub(crate) fn new(issuers: &[OidcIssuer]) -> Self {
        let issuer = |issuer: &OidcIssuer| {
            let url = issuer.url.clone();
            (url.clone(), Issuer { url, keys: issuer.keys.clone(), cache: Mutex::default() })
        };
        Self(issuers.iter().map(issuer).collect())
    }
}

#[async_trait]
impl KeySets for IssuerKeys {
    async fn key_set(&self, issuer: &str, key_id: Option<&str>) -> Result<Arc<KeySet>, KeySetError> {
        let known = self.0.get(issuer.trim_end_matches('/'));
        let known = known.ok_or_else(|| KeySetError::NotConfigured(issuer.to_owned()))?;
        known.key_set(key_id, Instant::now()).await
    }
}

impl Issuer {
    async fn key_set(&self, key_id: Option<&str>, now: Instant) -> Result<Arc<KeySet>, KeySetError> {
        let mut cache = self.cache.lock().await;
        let tried_lately =
            cache.tried.is_some_and(|at| now.saturating_duration_since(at) < RETRY_ISSUER_KEYS);
        if let Some((keys, at)) = &cache.keys {
            let age = now.saturating_duration_since(*at);
            let good = age < KEEP_ISSUER_KEYS && keys.has(key_id);
            if good || (tried_lately && age < KEEP_STALE_ISSUER_KEYS) {
                return Ok(keys.clone());
            }
        }
        if tried_lately {
            return Err(self.unavailable("they could not be had a moment ago"));
        }
        cache.tried = Some(now);
        match self.have().await {
            Ok(keys) => {
                let keys = Arc::new(keys);
                cache.keys = Some((keys.clone(), now));
                Ok(keys)
            }
            Err(why) => {
                tracing::warn!(issuer = self.url, why, "the keys of an issuer could not be had");
                let stale = cache
                    .keys
                    .as_ref()
                    .filter(|(_, at)| now.saturating_duration_since(*at) < KEEP_STALE_ISSUER_KEYS);
                stale.map(|(keys, _)| keys.clone()).ok_or_else(|| self.unavailable(why))
            }
        }
    }

    fn unavailable(&self, why: &'static str) -> KeySetError {
        KeySetError::Unavailable { issuer: self.url.clone(), why }
    }

    async fn have(&self) -> Result<KeySet, &'static str> {
        let bytes: Vec<u8> = match &self.keys {
            OidcKeys::File(path) => read(path).await.map_err(|_| "the file cannot be read")?,
            OidcKeys::Fetch { ca_file, private_addresses } => {
                let fetcher = Fetcher::new(&self.url, ca_file.as_deref(), *private_addresses)?;
                fetcher.key_set().await?.into()
            }
        };
        KeySet::parse(&bytes).map_err(|_| "they are no key set")
    }
}

/// At most so much of a file that one byte more than allowed is seen.
async fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = MAX_KEY_SET_BYTES as u64 + 1;
    tokio::fs::File::open(path).await?.take(most).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = r#"{"keys":[]}"#;

    fn key(id: &str) -> String {
        let coordinate = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{id}","x":"{coordinate}"}}]}}"#)
    }

    #[tokio::test]
    async fn a_file_is_read_again_for_a_new_key_once_in_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        std::fs::write(&path, key("a")).unwrap();
        let issuer = OidcIssuer { url: "https://idp.example".to_owned(), keys: OidcKeys::File(path.clone()) };
        let keys = IssuerKeys::new(&[issuer]);
        let issuer = &keys.0["https://idp.example"];
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(issuer.key_set(Some("a"), at(0)).await.unwrap().has(Some("a")));
        std::fs::write(&path, key("b")).unwrap();
        assert!(!issuer.key_set(Some("b"), at(9)).await.unwrap().has(Some("b")), "not so soon");
        assert!(issuer.key_set(Some("b"), at(10)).await.unwrap().has(Some("b")));
        assert!(!issuer.key_set(Some("a"), at(11)).await.unwrap().has(Some("a")), "it was taken out");
    }

    #[tokio::test]
    async fn old_keys_serve_for_a_while_when_new_ones_cannot_be_had() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        let issuer = OidcIssuer { url: "https://idp.example".to_owned(), keys: OidcKeys::File(path.clone()) };
        let keys = IssuerKeys::new(&[issuer]);
        let issuer = &keys.0["https://idp.example"];
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(issuer.key_set(None, at(0)).await.is_err());
        std::fs::write(&path, EMPTY).unwrap();
        assert!(issuer.key_set(None, at(9)).await.is_err(), "not so soon");
        assert!(issuer.key_set(None, at(20)).await.is_ok());
        std::fs::remove_file(&path).unwrap();
        assert!(issuer.key_set(None, at(20 + 3_599)).await.is_ok());
        assert!(issuer.key_set(None, at(20 + 3_600 + 10)).await.is_err());
    }

    #[tokio::test]
    async fn an_issuer_that_is_not_configured_has_no_keys() {
        let keys = IssuerKeys::new(&[]);
        let found = keys.key_set("https://idp.example", None).await;
        assert!(matches!(found, Err(KeySetError::NotConfigured(_))));
    }
}
