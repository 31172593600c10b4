//! Whom a statement is about.

use std::fmt;

use strongroom_types::{AccountId, CanonicalUserId};

use super::word::Word;

/// A principal under `AWS`.
///
/// Source: IAM User Guide, "AWS JSON policy elements: Principal".
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AwsPrincipal {
    /// `*`: everybody, anonymous callers too.
    Everyone,
    /// An account by its number alone: it may pass on to its own users and roles what it is given.
    Account(AccountId),
    /// The same account as `arn:aws:iam::…:root`.
    Root(AccountId),
    /// A user: what follows `user/`, path and all.
    User(AccountId, String),
    /// A role, and so all its sessions: what follows `role/`.
    Role(AccountId, String),
    /// One session of a role.
    AssumedRole {
        /// The role's account.
        account: AccountId,
        /// The role's name, without path.
        role: String,
        /// The session's name.
        session: String,
    },
    /// A session that a user got with GetFederationToken.
    FederatedUser(AccountId, String),
    /// A user or role by its unique id (`AIDA…`, `AROA…`), as it is kept; shown only once the user or role is gone.
    UniqueId(String),
}

impl AwsPrincipal {
    /// Reads an account number, an ARN, a unique id, or `*`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everyone);
        }
        if let Ok(account) = AccountId::parse(text) {
            return Some(Self::Account(account));
        }
        if is_unique_id(text) {
            return Some(Self::UniqueId(text.to_owned()));
        }
        let rest = text.strip_prefix("arn:aws:")?;
        let (service, rest) = rest.split_once("::")?;
        let (account, resource) = rest.split_once(':')?;
        let account = AccountId::parse(account).ok()?;
        // A wildcard cannot stand for a part of a name.
        if resource.contains(['*', '?']) {
            return None;
        }
        match (service, resource.split_once('/')) {
            ("iam", None) if resource == "root" => Some(Self::Root(account)),
            ("iam", Some(("user", name))) if is_path(name) => Some(Self::User(account, name.to_owned())),
            ("iam", Some(("role", name))) if is_path(name) => Some(Self::Role(account, name.to_owned())),
            ("sts", Some(("federated-user", name))) if is_name(name) => {
                Some(Self::FederatedUser(account, name.to_owned()))
            }
            ("sts", Some(("assumed-role", name))) => {
                let (role, session) = name.split_once('/')?;
                let fine = is_name(role) && is_name(session);
                fine.then(|| Self::AssumedRole {
                    account,
                    role: role.to_owned(),
                    session: session.to_owned(),
                })
            }
            _ => None,
        }
    }

    /// The account that the principal belongs to, where its text says so.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Everyone | Self::UniqueId(_) => None,
            Self::Account(account)
            | Self::Root(account)
            | Self::User(account, _)
            | Self::Role(account, _)
            | Self::AssumedRole { account, .. }
            | Self::FederatedUser(account, _) => Some(*account),
        }
    }
}

/// Letters that name the kind, then capitals and digits. Source: IAM User Guide, "IAM identifiers", "Unique identifiers".
fn is_unique_id(text: &str) -> bool {
    let prefixed = ["AIDA", "AROA"].iter().any(|prefix| text.starts_with(prefix));
    let plain = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    prefixed && plain && (16..=128).contains(&text.len())
}

/// Source: IAM API Reference, "CreateUser", `UserName`; STS API Reference, "AssumeRole", `RoleSessionName`.
fn is_name(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@-_".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(fine)
}

/// A name, perhaps behind a path of printable characters. Source: as above, `Path`.
fn is_path(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or_default();
    is_name(name) && text.len() <= 640 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Display for AwsPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("*"),
            Self::Account(account) => write!(f, "{account}"),
            Self::Root(account) => write!(f, "arn:aws:iam::{account}:root"),
            Self::User(account, name) => write!(f, "arn:aws:iam::{account}:user/{name}"),
            Self::Role(account, name) => write!(f, "arn:aws:iam::{account}:role/{name}"),
            Self::AssumedRole { account, role, session } => {
                write!(f, "arn:aws:sts::{account}:assumed-role/{role}/{session}")
            }
            Self::FederatedUser(account, name) => write!(f, "arn:aws:sts::{account}:federated-user/{name}"),
            Self::UniqueId(id) => f.write_str(id),
        }
    }
}

/// One principal of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PrincipalEntry {
    /// `"Principal": "*"`.
    Everyone,
    /// Under `AWS`.
    Aws(AwsPrincipal),
    /// Under `Federated`: the ARN of an identity provider, or a provider's name.
    Federated(String),
    /// Under `Service`: the name of an AWS service.
    Service(String),
    /// Under `CanonicalUser`.
    CanonicalUser(CanonicalUserId),
}

impl PrincipalEntry {
    /// Reads a principal under `kind`.
    pub(crate) fn parse(kind: &str, text: &str) -> Option<Self> {
        match kind {
            "AWS" => AwsPrincipal::parse(text).map(Self::Aws),
            "Federated" => is_provider(text).then(|| Self::Federated(text.to_owned())),
            "Service" => is_service(text).then(|| Self::Service(text.to_owned())),
            "CanonicalUser" => CanonicalUserId::parse(text).ok().map(Self::CanonicalUser),
            _ => None,
        }
    }

    /// The name under which the principal stands; none for a bare `*`.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Everyone => None,
            Self::Aws(_) => Some("AWS"),
            Self::Federated(_) => Some("Federated"),
            Self::Service(_) => Some("Service"),
            Self::CanonicalUser(_) => Some("CanonicalUser"),
        }
    }
}

impl fmt::Display for PrincipalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("*"),
            Self::Aws(principal) => principal.fmt(f),
            Self::Federated(text) | Self::Service(text) => f.write_str(text),
            Self::CanonicalUser(id) => id.fmt(f),
        }
    }
}

/// `logging.s3.amazonaws.com`, `s3.us-east-1.amazonaws.com`.
fn is_service(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    text.len() <= 255 && text.contains('.') && text.bytes().all(fine) && !text.starts_with('.')
}

/// A provider's host and path, or its ARN.
fn is_provider(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"*?\"".contains(&byte));
    plain && (1..=2048).contains(&text.len())
}

/// `Principal` or `NotPrincipal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalElement {
    /// `NotPrincipal`.
    pub negated: bool,
    pub(crate) entries: Vec<(PrincipalEntry, Word)>,
}

impl PrincipalElement {
    /// The principals, in the document's order.
    pub fn entries(&self) -> impl Iterator<Item = &PrincipalEntry> {
        self.entries.iter().map(|(entry, _)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_aws_principal_reads_what_it_writes() {
        for text in [
            "*",
            "123456789012",
            "arn:aws:iam::123456789012:root",
            "arn:aws:iam::123456789012:user/a/path/Ann",
            "arn:aws:iam::123456789012:role/Admin",
            "arn:aws:sts::123456789012:assumed-role/Admin/ann@example.com",
            "arn:aws:sts::123456789012:federated-user/ann",
            "AIDAJQABLZS4A3QDU576Q",
            "AROADBQP57FF2AEXAMPLE",
        ] {
            assert_eq!(AwsPrincipal::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn principals_name_somebody_whole() {
        for bad in [
            "",
            "**",
            "12345678901",
            "arn:aws:iam::123456789012:user/*",
            "arn:aws:iam::*:root",
            "arn:aws:iam::123456789012:group/g",
            "arn:aws:iam::123456789012:user/",
            "arn:aws:iam::123456789012:root/x",
            "arn:aws:sts::123456789012:assumed-role/Admin",
            "arn:aws:sts::123456789012:assumed-role/Admin/*",
            "arn:aws:sts::123456789012:assumed-role/a/b/c",
            "arn:aws:s3:::bucket",
            "AIDAshort",
            "AKIAIOSFODNN7EXAMPLE",
        ] {
            assert_eq!(AwsPrincipal::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn services_and_providers_have_names() {
        assert!(PrincipalEntry::parse("Service", "logging.s3.amazonaws.com").is_some());
        assert!(PrincipalEntry::parse("Service", "*").is_none());
        assert!(PrincipalEntry::parse("Federated", "accounts.google.com").is_some());
        assert!(PrincipalEntry::parse("Federated", "*").is_none());
        assert!(PrincipalEntry::parse("CanonicalUser", &"ab".repeat(32)).is_some());
        assert!(PrincipalEntry::parse("CanonicalUser", "*").is_none());
        assert!(PrincipalEntry::parse("Google", "x").is_none());
    }
}
