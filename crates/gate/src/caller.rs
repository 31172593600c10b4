//! Who asks.

use std::fmt;
use std::sync::Arc;

use strongroom_policy::evaluate::Principal;
use strongroom_record::{CallerKind, CallerRecord};
use strongroom_types::{AccessKeyId, AccountId, Arn, CanonicalUserId, Timestamp};

/// The authenticated (or anonymous) author of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A request without credentials.
    Anonymous,
    /// The root user of an account.
    Root(RootUser),
    /// An IAM user, with a long-term key or with what GetSessionToken gave.
    User(IamUser),
    /// A session of a role.
    Role(RoleSession),
    /// A session that GetFederationToken made.
    Federated(FederatedUser),
    /// Somebody who shows the token of an identity provider and asks for a role.
    WebIdentity(Arc<WebIdentity>),
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
    /// Where the key is temporary: its session.
    pub session: Option<Arc<Session>>,
}

/// An IAM user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IamUser {
    /// The account.
    pub account: AccountId,
    /// Canonical user id of the account.
    pub canonical: CanonicalUserId,
    /// Unique id, as in `AIDA…`.
    pub user_id: String,
    /// Name.
    pub name: String,
    /// Path, with a slash at both ends.
    pub path: String,
    /// The key that signed.
    pub access_key_id: AccessKeyId,
    /// Where the key is temporary: its session.
    pub session: Option<Arc<Session>>,
}

/// A session of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSession {
    /// The role's account.
    pub account: AccountId,
    /// Canonical user id of the account.
    pub canonical: CanonicalUserId,
    /// Unique id of the role, as in `AROA…`.
    pub role_id: String,
    /// Name of the role.
    pub role_name: String,
    /// Path of the role, with a slash at both ends.
    pub role_path: String,
    /// Name of the session.
    pub session_name: String,
    /// The key that signed.
    pub access_key_id: AccessKeyId,
    /// The session.
    pub session: Arc<Session>,
}

/// A session that GetFederationToken made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatedUser {
    /// The account.
    pub account: AccountId,
    /// Canonical user id of the account.
    pub canonical: CanonicalUserId,
    /// Name that the federated user was given.
    pub name: String,
    /// Who asked for the session: a user, whose policies bound it, or the root user.
    pub issuer: FederationIssuer,
    /// The key that signed.
    pub access_key_id: AccessKeyId,
    /// The session.
    pub session: Arc<Session>,
}

/// What a token says that an identity provider signed, once it is verified.
#[derive(Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// ARN of the provider: `aws:FederatedProvider`.
    pub provider: String,
    /// Who issued the token: the provider's URL without its scheme.
    pub issuer: String,
    /// Whom it is about.
    pub subject: String,
    /// For which application it was made.
    pub audience: String,
    /// Condition keys (`accounts.example.com:sub`) with their values.
    pub keys: Vec<(String, Vec<String>)>,
    /// Tags for the session.
    pub tags: Vec<(String, String)>,
    /// Keys of those that go on into chained sessions.
    pub transitive_tags: Vec<String>,
    /// Source identity for the session.
    pub source_identity: Option<String>,
}

impl fmt::Debug for WebIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tokens tell of people; logs need no more than whose word it is.
        f.debug_struct("WebIdentity").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// Who asked for a federated session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FederationIssuer {
    /// The root user of the account.
    Root,
    /// An IAM user.
    User {
        /// Unique id.
        user_id: String,
        /// Name.
        name: String,
        /// Path.
        path: String,
    },
}

/// What temporary credentials carry. Everything here was fixed when they were issued.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// When they were issued: `aws:TokenIssueTime`.
    pub issued_at: Timestamp,
    /// When they end.
    pub expires_at: Timestamp,
    /// When the caller proved a second factor; `None` without one.
    pub mfa_at: Option<Timestamp>,
    /// Session policy, JSON as it was given.
    pub policy: Option<String>,
    /// ARNs of managed policies that bound the session.
    pub policy_arns: Vec<String>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// Keys of those session tags that go on into chained sessions.
    pub transitive_tags: Vec<String>,
    /// Source identity, which chained sessions keep.
    pub source_identity: Option<String>,
    /// The identity provider and its facts (`accounts.example.com:sub` → values), for AssumeRoleWithWebIdentity.
    pub federation: Option<Federation>,
}

/// The identity provider's word on a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Federation {
    /// ARN of the provider: `aws:FederatedProvider`.
    pub provider: String,
    /// Condition keys with their values.
    pub keys: Vec<(String, Vec<String>)>,
}

impl Session {
    /// One that nothing narrows and that carries nothing.
    pub fn plain(issued_at: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            issued_at,
            expires_at,
            mfa_at: None,
            policy: None,
            policy_arns: Vec::new(),
            tags: Vec::new(),
            transitive_tags: Vec::new(),
            source_identity: None,
            federation: None,
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Session policies and tags may tell of people and data; logs need neither.
        f.debug_struct("Session").field("issued_at", &self.issued_at).finish_non_exhaustive()
    }
}

/// A service principal acting in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePrincipal {
    /// As in `logging.s3.amazonaws.com`.
    pub name: &'static str,
    /// The account on whose behalf it works.
    pub account: AccountId,
}

impl IamUser {
    /// Its ARN.
    pub fn arn(&self) -> Arn {
        user_arn(self.account, &self.path, &self.name)
    }
}

impl RoleSession {
    /// ARN of the role, as policies name it.
    pub fn role_arn(&self) -> Arn {
        let resource = format!("role{}{}", self.role_path, self.role_name);
        Arn::new("iam", "", &self.account.to_string(), &resource)
    }

    /// ARN of the session.
    pub fn arn(&self) -> Arn {
        let resource = format!("assumed-role/{}/{}", self.role_name, self.session_name);
        Arn::new("sts", "", &self.account.to_string(), &resource)
    }
}

impl FederatedUser {
    /// ARN of the session.
    pub fn arn(&self) -> Arn {
        Arn::new("sts", "", &self.account.to_string(), &format!("federated-user/{}", self.name))
    }
}

fn policy_user(account: AccountId, path: &str, name: &str, id: &str) -> strongroom_policy::evaluate::User {
    strongroom_policy::evaluate::User { account, name: behind_slash(path, name), id: id.to_owned() }
}

/// Path and name, without the slash that every path begins with.
fn behind_slash(path: &str, name: &str) -> String {
    format!("{}{name}", path.strip_prefix('/').unwrap_or(path))
}

/// ARN of an IAM user.
fn user_arn(account: AccountId, path: &str, name: &str) -> Arn {
    Arn::new("iam", "", &account.to_string(), &format!("user{path}{name}"))
}

impl Caller {
    /// The caller's account.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Anonymous | Self::WebIdentity(_) => None,
            Self::Root(root) => Some(root.account),
            Self::User(user) => Some(user.account),
            Self::Role(role) => Some(role.account),
            Self::Federated(federated) => Some(federated.account),
            Self::Service(service) => Some(service.account),
        }
    }

    /// The caller's ARN, as policies and GetCallerIdentity show it.
    pub fn arn(&self) -> Option<Arn> {
        match self {
            Self::Anonymous | Self::WebIdentity(_) | Self::Service(_) => None,
            Self::Root(root) => Some(Arn::new("iam", "", &root.account.to_string(), "root")),
            Self::User(user) => Some(user.arn()),
            Self::Role(role) => Some(role.arn()),
            Self::Federated(federated) => Some(federated.arn()),
        }
    }

    /// The canonical user id of the caller's account, where one signed.
    pub fn canonical(&self) -> Option<CanonicalUserId> {
        match self {
            Self::Root(root) => Some(root.canonical),
            Self::User(user) => Some(user.canonical),
            Self::Role(role) => Some(role.canonical),
            Self::Federated(federated) => Some(federated.canonical),
            Self::Anonymous | Self::WebIdentity(_) | Self::Service(_) => None,
        }
    }

    /// The key that signed.
    pub fn access_key_id(&self) -> Option<&AccessKeyId> {
        match self {
            Self::Root(root) => Some(&root.access_key_id),
            Self::User(user) => Some(&user.access_key_id),
            Self::Role(role) => Some(&role.access_key_id),
            Self::Federated(federated) => Some(&federated.access_key_id),
            Self::Anonymous | Self::WebIdentity(_) | Self::Service(_) => None,
        }
    }

    /// The session of temporary credentials.
    pub fn session(&self) -> Option<&Session> {
        match self {
            Self::Root(RootUser { session, .. }) | Self::User(IamUser { session, .. }) => session.as_deref(),
            Self::Role(role) => Some(&role.session),
            Self::Federated(federated) => Some(&federated.session),
            Self::Anonymous | Self::WebIdentity(_) | Self::Service(_) => None,
        }
    }

    /// `aws:userid`, which GetCallerIdentity shows too. Source: IAM User Guide, "IAM policy elements: Variables and
    /// tags", table of principal key values.
    pub fn user_id(&self) -> Option<String> {
        match self {
            Self::Anonymous | Self::Service(_) => None,
            // Source: CloudTrail User Guide, "CloudTrail userIdentity element", `WebIdentityUser`.
            Self::WebIdentity(web) => Some(format!("{}:{}:{}", web.provider, web.audience, web.subject)),
            Self::Root(root) => Some(root.account.to_string()),
            Self::User(user) => Some(user.user_id.clone()),
            Self::Role(role) => Some(format!("{}:{}", role.role_id, role.session_name)),
            Self::Federated(federated) => Some(format!("{}:{}", federated.account, federated.name)),
        }
    }

    /// Whether these credentials are kept from IAM, whatever policies allow: federated sessions are, and what
    /// GetSessionToken gives without a second factor. Source: IAM User Guide, "Compare AWS STS credentials".
    pub(crate) fn is_kept_from_iam(&self) -> bool {
        match self {
            Self::Federated(_) => true,
            Self::Root(RootUser { session, .. }) | Self::User(IamUser { session, .. }) => {
                session.as_ref().is_some_and(|session| session.mfa_at.is_none())
            }
            Self::Anonymous | Self::Role(_) | Self::WebIdentity(_) | Self::Service(_) => false,
        }
    }

    /// The caller as policies see it.
    pub(crate) fn principal(&self) -> Principal {
        match self {
            Self::Anonymous => Principal::Anonymous,
            Self::Root(root) => Principal::Root(root.account),
            Self::User(user) => {
                Principal::User(policy_user(user.account, &user.path, &user.name, &user.user_id))
            }
            Self::Role(role) => Principal::RoleSession(strongroom_policy::evaluate::RoleSession {
                account: role.account,
                role: behind_slash(&role.role_path, &role.role_name),
                role_id: role.role_id.clone(),
                session: role.session_name.clone(),
                service_linked: role.role_path.starts_with("/aws-service-role/"),
            }),
            Self::Federated(federated) => {
                let account = federated.account;
                let issuer = match &federated.issuer {
                    FederationIssuer::Root => None,
                    FederationIssuer::User { user_id, name, path } => {
                        Some(policy_user(account, path, name, user_id))
                    }
                };
                let name = federated.name.clone();
                Principal::FederatedUser(strongroom_policy::evaluate::FederatedUser { account, name, issuer })
            }
            Self::WebIdentity(web) => Principal::WebIdentity(web.provider.clone()),
            Self::Service(service) => {
                Principal::Worker { service: service.name.to_owned(), account: service.account }
            }
        }
    }

    fn kind(&self) -> CallerKind {
        match self {
            Self::Anonymous => CallerKind::Anonymous,
            Self::Root(_) => CallerKind::Root,
            Self::User(_) => CallerKind::IamUser,
            Self::Role(_) => CallerKind::AssumedRole,
            Self::Federated(_) => CallerKind::FederatedUser,
            Self::WebIdentity(_) => CallerKind::WebIdentityUser,
            Self::Service(_) => CallerKind::AwsService,
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Anonymous | Self::Root(_) => None,
            Self::User(user) => Some(&user.name),
            Self::Role(role) => Some(&role.session_name),
            Self::Federated(federated) => Some(&federated.name),
            Self::WebIdentity(web) => Some(&web.subject),
            Self::Service(service) => Some(service.name),
        }
    }

    /// The caller as records show it.
    pub fn record(&self) -> CallerRecord {
        CallerRecord {
            kind: self.kind(),
            principal_id: self.user_id(),
            arn: self.arn().map(|arn| arn.to_string()),
            account: self.account().map(|account| account.to_string()),
            canonical_user_id: self.canonical().map(|id| id.to_string()),
            access_key_id: self.access_key_id().map(ToString::to_string),
            name: self.name().map(ToOwned::to_owned),
            identity_provider: if let Self::WebIdentity(web) = self {
                Some(web.provider.clone())
            } else {
                None
            },
        }
    }
}
