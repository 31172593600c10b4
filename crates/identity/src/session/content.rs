//! What a session token holds, before it is sealed.

use minicbor::{Decode, Encode};
use strongroom_gate::{Federation, Session};
use strongroom_types::Timestamp;

use crate::iam::entity::TagRow;

/// A session and the secret of its key.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct SessionRow {
    #[n(0)]
    pub(crate) account: String,
    #[n(1)]
    pub(crate) canonical: String,
    #[n(2)]
    pub(crate) holder: Holder,
    #[n(3)]
    pub(crate) secret: String,
    #[n(4)]
    pub(crate) issued_millis: i64,
    #[n(5)]
    pub(crate) expires_millis: i64,
    #[n(6)]
    pub(crate) mfa_millis: Option<i64>,
    #[n(7)]
    pub(crate) policy: Option<String>,
    #[n(8)]
    pub(crate) policy_arns: Vec<String>,
    #[n(9)]
    pub(crate) tags: Vec<TagRow>,
    #[n(10)]
    pub(crate) transitive_tags: Vec<String>,
    #[n(11)]
    pub(crate) source_identity: Option<String>,
    #[n(12)]
    pub(crate) federation: Option<FederationRow>,
}

/// Whose session it is. Users and roles are meant by their unique ids: those made again under the same name have
/// nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Holder {
    /// The root user's; `key` is the key that asked for it.
    #[n(0)]
    Root {
        #[n(0)]
        key: String,
    },
    /// A user's.
    #[n(1)]
    User {
        #[n(0)]
        user_id: String,
        #[n(1)]
        key: String,
    },
    /// A role's.
    #[n(2)]
    Role {
        #[n(0)]
        role_id: String,
        #[n(1)]
        session_name: String,
    },
    /// A federated user's; the root user asked for it where there is no `user_id`.
    #[n(3)]
    Federated {
        #[n(0)]
        name: String,
        #[n(1)]
        user_id: Option<String>,
        #[n(2)]
        key: String,
    },
}

/// What an identity provider said.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct FederationRow {
    #[n(0)]
    pub(crate) provider: String,
    #[n(1)]
    pub(crate) keys: Vec<FederationKey>,
}

/// A condition key and its values.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct FederationKey {
    #[n(0)]
    pub(crate) name: String,
    #[n(1)]
    pub(crate) values: Vec<String>,
}

impl SessionRow {
    pub(crate) fn of(
        account: String,
        canonical: String,
        holder: Holder,
        secret: String,
        session: &Session,
    ) -> Self {
        let tag = |(key, value): &(String, String)| TagRow { key: key.clone(), value: value.clone() };
        let key = |(name, values): &(String, Vec<String>)| FederationKey {
            name: name.clone(),
            values: values.clone(),
        };
        Self {
            account,
            canonical,
            holder,
            secret,
            issued_millis: session.issued_at.as_millis(),
            expires_millis: session.expires_at.as_millis(),
            mfa_millis: session.mfa_at.map(Timestamp::as_millis),
            policy: session.policy.clone(),
            policy_arns: session.policy_arns.clone(),
            tags: session.tags.iter().map(tag).collect(),
            transitive_tags: session.transitive_tags.clone(),
            source_identity: session.source_identity.clone(),
            federation: session.federation.as_ref().map(|federation| FederationRow {
                provider: federation.provider.clone(),
                keys: federation.keys.iter().map(key).collect(),
            }),
        }
    }

    pub(crate) fn session(self) -> Session {
        Session {
            issued_at: Timestamp::from_millis(self.issued_millis),
            expires_at: Timestamp::from_millis(self.expires_millis),
            mfa_at: self.mfa_millis.map(Timestamp::from_millis),
            policy: self.policy,
            policy_arns: self.policy_arns,
            tags: self.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            transitive_tags: self.transitive_tags,
            source_identity: self.source_identity,
            federation: self.federation.map(|federation| Federation {
                provider: federation.provider,
                keys: federation.keys.into_iter().map(|key| (key.name, key.values)).collect(),
            }),
        }
    }
}
