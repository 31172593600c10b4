//! Who asks.

use strongroom_policy::Principal;
use strongroom_record::{CallerKind, CallerRecord};
use strongroom_types::{AccessKeyId, AccountId, Arn, CanonicalUserId};

/// The authenticated (or anonymous) author of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A request without credentials.
    Anonymous,
    /// The root user of an account.
    Root(RootUser),
    /// A part of the store that works without a request.
    Service(ServicePrincipal),
}

/// The root user of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootUser {
    /// The account.
    pub account: AccountId,
    /// Its canonical user id.
    pub canonical: CanonicalUserId,
    /// The key that signed.
    pub access_key_id: AccessKeyId,
}

/// A service principal acting in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePrincipal {
    /// As in `logging.s3.amazonaws.com`.
    pub name: &'static str,
    /// The account on whose behalf it works.
    pub account: AccountId,
}

impl Caller {
    /// The caller's account.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Anonymous => None,
            Self::Root(root) => Some(root.account),
            Self::Service(service) => Some(service.account),
        }
    }

    /// The caller's ARN, as policies and GetCallerIdentity show it.
    pub fn arn(&self) -> Option<Arn> {
        match self {
            Self::Anonymous => None,
            Self::Root(root) => Some(Arn::new("iam", "", &root.account.to_string(), "root")),
            Self::Service(_) => None,
        }
    }

    /// The canonical user id of the caller's account, where one signed.
    pub fn canonical(&self) -> Option<CanonicalUserId> {
        match self {
            Self::Root(root) => Some(root.canonical),
            Self::Anonymous | Self::Service(_) => None,
        }
    }

    pub(crate) fn principal(&self) -> Principal {
        match self {
            Self::Anonymous => Principal::Anonymous,
            Self::Root(root) => Principal::Root(root.account),
            Self::Service(service) => Principal::Service(service.account),
        }
    }

    /// The caller as records show it.
    pub fn record(&self) -> CallerRecord {
        let account = self.account().map(|account| account.to_string());
        let arn = self.arn().map(|arn| arn.to_string());
        match self {
            Self::Anonymous => CallerRecord::default(),
            Self::Root(root) => CallerRecord {
                kind: CallerKind::Root,
                principal_id: account.clone(),
                arn,
                account,
                canonical_user_id: Some(root.canonical.to_string()),
                access_key_id: Some(root.access_key_id.to_string()),
                name: None,
            },
            Self::Service(service) => CallerRecord {
                kind: CallerKind::AwsService,
                principal_id: None,
                arn,
                account,
                canonical_user_id: None,
                access_key_id: None,
                name: Some(service.name.to_owned()),
            },
        }
    }
}
