//! The kinds of policy documents, and what each may hold.

use crate::limits;

/// What a document is attached to, which decides what it must, may and must not hold.
///
/// Source: IAM User Guide, "Grammar of the IAM JSON policy language"; Organizations User Guide, "SCP syntax" and "RCP
/// syntax"; IAM User Guide, "AWS JSON policy elements: NotPrincipal".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Bucket policy: names principals, speaks of S3 alone.
    Bucket,
    /// Access point policy: as a bucket policy.
    AccessPoint,
    /// Key policy of KMS.
    Key,
    /// Managed policy for identities.
    Managed,
    /// Inline policy of a user.
    UserInline,
    /// Inline policy of a group.
    GroupInline,
    /// Inline policy of a role.
    RoleInline,
    /// Permissions boundary: a managed policy in another place.
    Boundary,
    /// Trust policy of a role: names principals, and no resource.
    Trust,
    /// Policy that narrows a session.
    Session,
    /// Service control policy.
    ServiceControl,
    /// Resource control policy, as customers may write it: it only denies.
    ResourceControl,
    /// `RCPFullAWSAccess`, the one resource control policy that allows.
    FullResourceControl,
    /// Policy of a VPC endpoint.
    Endpoint,
}

/// Whether an element must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    Optional,
    Prohibited,
}

/// How the size of a document is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// In bytes.
    Bytes,
    /// In characters.
    Chars,
    /// In characters that are not white space, as IAM counts.
    CharsWithoutSpace,
}

impl Counted {
    /// The size of a text, so counted.
    pub fn count(self, text: &str) -> usize {
        match self {
            Self::Bytes => text.len(),
            Self::Chars => text.chars().count(),
            Self::CharsWithoutSpace => text.chars().filter(|c| !c.is_ascii_whitespace()).count(),
        }
    }
}

impl Kind {
    /// The largest size, and how it is counted. The quotas of inline policies are of all such policies of one identity
    /// together: whoever stores them adds up [`Counted::count`]; a document alone must fit as well.
    pub fn limit(self) -> (usize, Counted) {
        match self {
            Self::Bucket | Self::AccessPoint => (limits::BUCKET_POLICY_MAX_BYTES, Counted::Bytes),
            Self::Key => (limits::KEY_POLICY_MAX_BYTES, Counted::Bytes),
            Self::Managed | Self::Boundary => (limits::MANAGED_POLICY_MAX_CHARS, Counted::CharsWithoutSpace),
            Self::UserInline => (limits::USER_INLINE_MAX_CHARS, Counted::CharsWithoutSpace),
            Self::GroupInline => (limits::GROUP_INLINE_MAX_CHARS, Counted::CharsWithoutSpace),
            Self::RoleInline => (limits::ROLE_INLINE_MAX_CHARS, Counted::CharsWithoutSpace),
            Self::Trust => (limits::TRUST_POLICY_MAX_CHARS, Counted::CharsWithoutSpace),
            Self::Session => (limits::SESSION_POLICY_MAX_CHARS, Counted::Chars),
            Self::ServiceControl | Self::ResourceControl | Self::FullResourceControl => {
                (limits::CONTROL_POLICY_MAX_CHARS, Counted::Chars)
            }
            Self::Endpoint => (limits::ENDPOINT_POLICY_MAX_CHARS, Counted::Chars),
        }
    }

    /// Whether documents of this kind hang on a resource, or on what guards it, and so name principals.
    pub fn names_principals(self) -> bool {
        match self {
            Self::Bucket
            | Self::AccessPoint
            | Self::Key
            | Self::Trust
            | Self::ResourceControl
            | Self::FullResourceControl
            | Self::Endpoint => true,
            Self::Managed
            | Self::UserInline
            | Self::GroupInline
            | Self::RoleInline
            | Self::Boundary
            | Self::Session
            | Self::ServiceControl => false,
        }
    }

    pub(crate) fn principal(self) -> Need {
        if self.names_principals() { Need::Required } else { Need::Prohibited }
    }

    pub(crate) fn resource(self) -> Need {
        if self == Self::Trust { Need::Prohibited } else { Need::Required }
    }

    /// `Id` is for policies on resources. Source: IAM User Guide, "Grammar of the IAM JSON policy language", notes.
    pub(crate) fn id(self) -> Need {
        if self.names_principals() { Need::Optional } else { Need::Prohibited }
    }

    /// IAM and Organizations allow letters and digits in a Sid; S3's own examples hold sentences.
    pub(crate) fn plain_sid(self) -> bool {
        match self {
            Self::Bucket | Self::AccessPoint | Self::Key | Self::Endpoint => false,
            Self::Managed
            | Self::UserInline
            | Self::GroupInline
            | Self::RoleInline
            | Self::Boundary
            | Self::Trust
            | Self::Session
            | Self::ServiceControl
            | Self::ResourceControl
            | Self::FullResourceControl => true,
        }
    }

    pub(crate) fn allows_not_principal(self) -> bool {
        matches!(self, Self::Bucket | Self::AccessPoint | Self::Key | Self::Endpoint)
    }

    /// It grants nobody anything, but limits what others grant.
    pub(crate) fn is_limit(self) -> bool {
        matches!(
            self,
            Self::Boundary
                | Self::Session
                | Self::ServiceControl
                | Self::ResourceControl
                | Self::FullResourceControl
                | Self::Endpoint
        )
    }

    /// Only the newer version of the language. Source: Organizations User Guide, "SCP syntax" and "RCP syntax".
    pub(crate) fn needs_newer_version(self) -> bool {
        matches!(self, Self::ServiceControl | Self::ResourceControl | Self::FullResourceControl)
    }

    /// The service that all actions must belong to, if it is one alone.
    pub(crate) fn service(self) -> Option<&'static str> {
        match self {
            Self::Bucket | Self::AccessPoint => Some("s3"),
            Self::Trust => Some("sts"),
            Self::Key
            | Self::Managed
            | Self::UserInline
            | Self::GroupInline
            | Self::RoleInline
            | Self::Boundary
            | Self::Session
            | Self::ServiceControl
            | Self::ResourceControl
            | Self::FullResourceControl
            | Self::Endpoint => None,
        }
    }
}
