//! Who asks, as far as a decision depends on it, and which principals of a statement that is.

use std::fmt;

use strongroom_types::{AccountId, CanonicalUserId};

use crate::compile::Principals;
use crate::document::{AwsPrincipal, Effect, PrincipalElement, PrincipalEntry};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody known.
    Anonymous,
    /// The root user of an account, by its own key or a session of GetSessionToken.
    Root(AccountId),
    /// An IAM user, by its own key or a session of GetSessionToken.
    User(User),
    /// A session of a role.
    RoleSession(RoleSession),
    /// A session that a user or root got with GetFederationToken.
    FederatedUser(FederatedUser),
    /// Somebody with a token of an identity provider, who asks for a role: `accounts.google.com`, or a provider's ARN.
    WebIdentity(String),
    /// An AWS service on its own behalf, as in `logging.s3.amazonaws.com`: it needs what a resource allows it.
    Service(String),
    /// A part of the store that carries out what an account's configuration says (lifecycle, replication), so that no
    /// policy stands in its way there. Source: S3 User Guide, "Managing the lifecycle of objects": a bucket policy does
    /// not keep lifecycle rules from deleting.
    Worker {
        /// Its name, as in `lifecycle.s3.amazonaws.com`.
        service: String,
        /// The account that it works for.
        account: AccountId,
    },
}

/// An IAM user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its account.
    pub account: AccountId,
    /// Path and name as in its ARN behind `user/` (`engineering/Ann`).
    pub name: String,
    /// `AIDA…`.
    pub id: String,
}

/// A session of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSession {
    /// The role's account.
    pub account: AccountId,
    /// Path and name of the role as in its ARN behind `role/`.
    pub role: String,
    /// `AROA…`.
    pub role_id: String,
    /// The session's name.
    pub session: String,
    /// The role belongs to a service: neither service nor resource control policies bind it.
    pub service_linked: bool,
}

/// A session of GetFederationToken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatedUser {
    /// The account.
    pub account: AccountId,
    /// The name that the session was asked for under.
    pub name: String,
    /// The user who asked for it; none: root.
    pub issuer: Option<User>,
}

impl Principal {
    /// The account whose policies speak for the principal.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Anonymous | Self::WebIdentity(_) | Self::Service(_) => None,
            Self::Root(account) | Self::Worker { account, .. } => Some(*account),
            Self::User(user) => Some(user.account),
            Self::RoleSession(session) => Some(session.account),
            Self::FederatedUser(federated) => Some(federated.account),
        }
    }

    pub(crate) fn is_service_linked(&self) -> bool {
        matches!(self, Self::RoleSession(RoleSession { service_linked: true, .. }))
    }
}

/// The principal's ARN, or what stands for one.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Root(account) => AwsPrincipal::Root(*account).fmt(f),
            Self::User(User { account, name, .. }) => write!(f, "arn:aws:iam::{account}:user/{name}"),
            Self::RoleSession(RoleSession { account, role, session, .. }) => {
                write!(f, "arn:aws:sts::{account}:assumed-role/{}/{session}", last(role))
            }
            Self::FederatedUser(FederatedUser { account, name, .. }) => {
                write!(f, "arn:aws:sts::{account}:federated-user/{name}")
            }
            Self::WebIdentity(name) | Self::Service(name) | Self::Worker { service: name, .. } => {
                f.write_str(name)
            }
        }
    }
}

/// The name behind a path.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// How near a statement comes to a principal, and with it what else limits a grant within one account.
///
/// Source: IAM User Guide, "Policy evaluation logic", "Resource-based policies and implicit denies in other policy types
/// (same account)".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// Not at all.
    None,
    /// To the account, which must allow it in its turn.
    Account,
    /// To the role of a session, or the user behind a federated one: boundary and session policy still limit it.
    Entity,
    /// To the caller itself, or everybody: nothing but an explicit deny limits it.
    Direct,
}

/// How near `principals` come to the one who asks.
pub(crate) fn grant(
    principals: &Principals,
    effect: Effect,
    who: &Principal,
    canonical: Option<CanonicalUserId>,
    has_boundary: bool,
) -> Grant {
    // DEVIATION: a role that trusts everybody trusts everybody in this store, not whoever has a token of some provider;
    // those must be named under `Federated`. A denial reaches them all the same, and so does a policy that only limits what
    // others grant, as that of a VPC endpoint.
    let everyone_has_tokens = effect == Effect::Deny || principals.limit;
    let near = |entry: &PrincipalEntry| one(entry, everyone_has_tokens, who, canonical);
    if principals.negated {
        let spared = spared(&principals.entries, who, canonical, has_boundary);
        return if spared { Grant::None } else { Grant::Direct };
    }
    principals.entries.iter().map(near).max().unwrap_or(Grant::None)
}

/// The same for an element of a document.
pub(crate) fn grant_entries(element: &PrincipalElement, effect: Effect, who: &Principal) -> Grant {
    let entries = element.entries().cloned().collect();
    let principals = Principals { negated: element.negated, limit: false, entries };
    grant(&principals, effect, who, None, false)
}

/// `everyone_has_tokens`: everybody includes those who have nothing but a token of an identity provider.
fn one(
    entry: &PrincipalEntry,
    everyone_has_tokens: bool,
    who: &Principal,
    canonical: Option<CanonicalUserId>,
) -> Grant {
    let direct = |same: bool| if same { Grant::Direct } else { Grant::None };
    match entry {
        PrincipalEntry::Everyone | PrincipalEntry::Aws(AwsPrincipal::Everyone) => {
            direct(everyone_has_tokens || !matches!(who, Principal::WebIdentity(_)))
        }
        PrincipalEntry::Aws(principal) => aws(principal, who),
        PrincipalEntry::Service(name) => direct(matches!(who, Principal::Service(who) if who == name)),
        PrincipalEntry::Federated(name) => direct(matches!(who, Principal::WebIdentity(who) if who == name)),
        PrincipalEntry::CanonicalUser(id) => {
            if canonical == Some(*id) {
                account_of(who)
            } else {
                Grant::None
            }
        }
    }
}

/// What a grant to the principal's account is: for root itself it is direct.
fn account_of(who: &Principal) -> Grant {
    if matches!(who, Principal::Root(_)) { Grant::Direct } else { Grant::Account }
}

fn aws(principal: &AwsPrincipal, who: &Principal) -> Grant {
    let grant = |same: bool, grant| if same { grant } else { Grant::None };
    match (principal, who) {
        (AwsPrincipal::Account(account) | AwsPrincipal::Root(account), _) => {
            grant(who.account() == Some(*account), account_of(who))
        }
        (AwsPrincipal::User(account, name), Principal::User(user)) => {
            grant(user.account == *account && user.name == *name, Grant::Direct)
        }
        (AwsPrincipal::UniqueId(id), Principal::User(user)) => grant(user.id == *id, Grant::Direct),
        (AwsPrincipal::Role(account, name), Principal::RoleSession(session)) => {
            grant(session.account == *account && session.role == *name, Grant::Entity)
        }
        (AwsPrincipal::UniqueId(id), Principal::RoleSession(session)) => {
            grant(session.role_id == *id, Grant::Entity)
        }
        (AwsPrincipal::AssumedRole { account, role, session }, Principal::RoleSession(who)) => {
            let same = who.account == *account && last(&who.role) == role && who.session == *session;
            grant(same, Grant::Direct)
        }
        (AwsPrincipal::FederatedUser(account, name), Principal::FederatedUser(who)) => {
            grant(who.account == *account && who.name == *name, Grant::Direct)
        }
        (
            AwsPrincipal::User(account, name),
            Principal::FederatedUser(FederatedUser { issuer: Some(user), .. }),
        ) => grant(user.account == *account && user.name == *name, Grant::Entity),
        (AwsPrincipal::UniqueId(id), Principal::FederatedUser(FederatedUser { issuer: Some(user), .. })) => {
            grant(user.id == *id, Grant::Entity)
        }
        _ => Grant::None,
    }
}

/// Whether `NotPrincipal` spares the one who asks from a denial: the account must be listed, and the caller in it. A
/// bearer of a permissions boundary is never spared.
///
/// Source: IAM User Guide, "AWS JSON policy elements: NotPrincipal".
fn spared(
    entries: &[PrincipalEntry],
    who: &Principal,
    canonical: Option<CanonicalUserId>,
    has_boundary: bool,
) -> bool {
    let near = |wanted: Grant| entries.iter().any(|entry| one(entry, true, who, canonical) == wanted);
    let everyone = |entry: &PrincipalEntry| {
        matches!(entry, PrincipalEntry::Everyone | PrincipalEntry::Aws(AwsPrincipal::Everyone))
    };
    if has_boundary {
        return false;
    }
    if entries.iter().any(everyone) {
        return true;
    }
    match who {
        Principal::Anonymous | Principal::Root(_) | Principal::Service(_) | Principal::WebIdentity(_) => {
            near(Grant::Direct)
        }
        Principal::User(_) | Principal::FederatedUser(_) => near(Grant::Account) && near(Grant::Direct),
        // The role must be listed; if sessions of it are listed too, then this one must be.
        Principal::RoleSession(session) => {
            let others = |entry: &PrincipalEntry| match entry {
                PrincipalEntry::Aws(AwsPrincipal::AssumedRole { account, role, .. }) => {
                    session.account == *account && last(&session.role) == role
                }
                PrincipalEntry::Everyone
                | PrincipalEntry::Aws(_)
                | PrincipalEntry::Federated(_)
                | PrincipalEntry::Service(_)
                | PrincipalEntry::CanonicalUser(_) => false,
            };
            let sessions_named = entries.iter().any(others);
            near(Grant::Account) && near(Grant::Entity) && (!sessions_named || near(Grant::Direct))
        }
        Principal::Worker { .. } => false,
    }
}
