//! What is handed out, and where it comes from.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use strongroom_types::{AccessKeyId, SecretAccessKey, Timestamp};
use zeroize::Zeroizing;

/// Temporary credentials. Nothing of them but the key's id and their end is ever shown.
#[derive(Debug, Clone)]
pub struct Credentials {
    access_key_id: AccessKeyId,
    secret: SecretAccessKey,
    token: Token,
    expiration: Timestamp,
}

#[derive(Clone)]
struct Token(Zeroizing<String>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(redacted)")
    }
}

impl Credentials {
    /// Credentials as STS answers them.
    pub fn new(
        access_key_id: AccessKeyId,
        secret: SecretAccessKey,
        token: String,
        expiration: Timestamp,
    ) -> Self {
        Self { access_key_id, secret, token: Token(Zeroizing::new(token)), expiration }
    }

    /// The key's id.
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// The key's secret.
    pub(crate) fn secret(&self) -> &str {
        self.secret.expose()
    }

    /// The session's token.
    pub(crate) fn token(&self) -> &str {
        &self.token.0
    }

    /// When they end.
    pub fn expiration(&self) -> Timestamp {
        self.expiration
    }
}

/// Why there are none: for the operator's log, and for the programs that ask. Must hold no secret.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Where credentials come from.
#[async_trait]
pub trait Source: Send + Sync {
    /// Gets new ones.
    ///
    /// # Errors
    /// [`SourceError`]; the agent tries again.
    async fn fetch(&self) -> Result<Credentials, SourceError>;
}

/// What the agent has at the moment.
#[derive(Default)]
pub(crate) struct Store(RwLock<State>);

/// Credentials, and since when the agent has them.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) credentials: Credentials,
    pub(crate) since: Timestamp,
}

#[derive(Default)]
struct State {
    held: Option<Arc<Held>>,
    /// Why the last attempt to get new ones failed.
    trouble: Option<String>,
}

impl Store {
    pub(crate) fn put(&self, credentials: Credentials, now: Timestamp) {
        let state = State { held: Some(Arc::new(Held { credentials, since: now })), trouble: None };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub(crate) fn fail(&self, trouble: String) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).trouble = Some(trouble);
    }

    /// Credentials that are still good, or why there are none.
    pub(crate) fn look(&self, now: Timestamp) -> Result<Arc<Held>, String> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = state.held.as_ref().filter(|held| held.credentials.expiration() > now) {
            return Ok(Arc::clone(held));
        }
        let why = state.trouble.as_deref().unwrap_or("the store has not answered yet");
        Err(format!("the agent has no credentials now: {why}; it goes on trying, and its log says more"))
    }
}

#[cfg(test)]
pub(crate) fn sample(id: &str, expiration: Timestamp) -> Credentials {
    Credentials::new(
        AccessKeyId::parse(id).unwrap(),
        SecretAccessKey::new("hunter2".to_owned()),
        "token+of/session=".to_owned(),
        expiration,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "ASIAIOSFODNN7EXAMPLE";

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", sample(ID, Timestamp::from_secs(1)));
        assert!(shown.contains(ID) && !shown.contains("hunter2") && !shown.contains("token+of"), "{shown}");
    }

    #[test]
    fn old_credentials_are_served_until_they_end_whatever_fails_meanwhile() {
        let store = Store::default();
        let (early, end) = (Timestamp::from_secs(99), Timestamp::from_secs(100));
        assert!(store.look(early).unwrap_err().contains("has not answered yet"));
        store.put(sample(ID, end), early);
        store.fail("denied".to_owned());
        assert_eq!(store.look(early).unwrap().credentials.access_key_id().as_str(), ID);
        assert!(store.look(end).unwrap_err().contains("denied"));
        store.put(sample(ID, Timestamp::from_secs(200)), end);
        assert!(store.look(end).is_ok());
    }
}
