//! The answer, and AWS's words for it.

use std::fmt;

/// A kind of policy that takes part in a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// Resource control policies.
    ResourceControl,
    /// Service control policies.
    ServiceControl,
    /// The policy of the VPC endpoint that the request came through.
    Endpoint,
    /// The policy of the resource.
    Resource,
    /// The access control list of the resource.
    AccessControlList,
    /// The policies of the caller.
    Identity,
    /// The caller's permissions boundary.
    Boundary,
    /// The policies that the session was begun with.
    Session,
    /// No policy: root, and the store's own workers, within their account.
    Ownership,
}

impl Source {
    /// AWS's name of it. Source: IAM User Guide, "Troubleshoot access denied error messages".
    pub fn name(self) -> &'static str {
        match self {
            Self::ResourceControl => "resource control policy",
            Self::ServiceControl => "service control policy",
            Self::Endpoint => "VPC endpoint policy",
            Self::Resource => "resource-based policy",
            Self::AccessControlList => "access control list",
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Ownership => "account ownership",
        }
    }

    fn article(self) -> &'static str {
        match self {
            Self::Identity | Self::AccessControlList | Self::Ownership => "an",
            Self::ResourceControl
            | Self::ServiceControl
            | Self::Endpoint
            | Self::Resource
            | Self::Boundary
            | Self::Session => "a",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What would have had to allow a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// A policy of this kind.
    Policy(Source),
    /// A policy of the resource allows it, but it is public, and RestrictPublicBuckets keeps it within its account.
    PublicAccessBlocked,
    /// Nothing can: the access point answers its VPC alone, and the request does not come from there.
    NetworkOrigin,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(source) => source.fmt(f),
            Self::PublicAccessBlocked => f.write_str("policy that is not public"),
            Self::NetworkOrigin => f.write_str("network other than the access point's VPC"),
        }
    }
}

/// The statement that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The kind of its policy.
    pub source: Source,
    /// The policy's name or ARN, as the caller of the evaluation gave it.
    pub policy: String,
    /// Its Sid, or its index from 0.
    pub statement: String,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement {} in {} {}", self.statement, self.source, self.policy)
    }
}

/// The answer, with what decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Allowed; where the policies of both sides had to allow it, this is the caller's.
    Allow(Statement),
    /// Nothing denies it, but something had to allow it that does not.
    ImplicitDeny {
        /// The first in the order of evaluation.
        missing: Missing,
    },
    /// Denied by this, whatever else allows it.
    ExplicitDeny(Statement),
}

impl Decision {
    /// Whether the answer is yes.
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    /// How AWS's sentence on a denial goes on after "… is not authorized to perform: ACTION on resource: RESOURCE"; none
    /// if it is allowed. Source: IAM User Guide, "Troubleshoot access denied error messages".
    pub fn because(&self, action: &str) -> Option<String> {
        match self {
            Self::Allow(_) => None,
            Self::ExplicitDeny(statement) => {
                let source = statement.source;
                Some(format!("with an explicit deny in {} {source}", source.article()))
            }
            Self::ImplicitDeny { missing: Missing::Policy(source) } => {
                Some(format!("because no {source} allows the {action} action"))
            }
            Self::ImplicitDeny { missing: Missing::NetworkOrigin } => {
                Some("because the access point answers only requests from its VPC".to_owned())
            }
            Self::ImplicitDeny { missing: Missing::PublicAccessBlocked } => Some(
                "because public access is prevented by the RestrictPublicBuckets setting in S3 Block Public Access"
                    .to_owned(),
            ),
        }
    }
}
