//! Why a text is not a policy, and where.

use std::fmt;

use crate::kind::Counted;

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// As in `$.Statement[1].Condition.Bool`.
    pub path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}, at {}", self.line, self.column, self.path)
    }
}

/// A text that is not a policy of its kind.
///
/// Services choose their code: S3 answers `MalformedPolicy`, IAM and STS `MalformedPolicyDocument` and `LimitExceeded`,
/// Organizations `MalformedPolicyDocumentException` and `ConstraintViolationException`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The text is not a policy of its kind.
    #[error("{reason} ({place})")]
    Malformed {
        /// What is wrong.
        reason: Reason,
        /// Where.
        place: Place,
    },
    /// The text is longer than its kind may be.
    #[error("Policy exceeds the maximum allowed document size: {size} of at most {limit} {}", unit(*.counted))]
    TooLarge {
        /// Its size.
        size: usize,
        /// The largest that is allowed.
        limit: usize,
        /// The unit of both.
        counted: Counted,
    },
}

fn unit(counted: Counted) -> &'static str {
    match counted {
        Counted::Bytes => "bytes",
        Counted::Chars => "characters",
        Counted::CharsWithoutSpace => "characters, white space not counted",
    }
}

/// What is wrong with a document. `Display` has AWS's words where AWS has words that tell enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Not JSON.
    #[error("Policies must be valid JSON: {0}")]
    Json(&'static str),
    /// The same name twice in an object.
    #[error("Duplicate field {0}")]
    Duplicate(String),
    /// An element that the language does not have.
    #[error("Unknown field {0}")]
    Unknown(String),
    /// JSON of another type than the element takes.
    #[error("Syntax errors in policy: expected {0}")]
    Type(&'static str),
    /// An element that must be there.
    #[error("Missing required field {0}")]
    Missing(&'static str),
    /// Neither `Action` nor `NotAction`, or an empty list.
    #[error("Policy statement must contain actions.")]
    NoActions,
    /// Neither `Resource` nor `NotResource`, or an empty list.
    #[error("Policy statement must contain resources.")]
    NoResources,
    /// No statement.
    #[error("Statement is empty!")]
    NoStatements,
    /// An element that this kind of document must not have.
    #[error("Has prohibited field {0}")]
    Prohibited(&'static str),
    /// A policy of an identity names principals.
    #[error("Policy document should not specify a principal.")]
    PrincipalProhibited,
    /// Two elements of which a statement has one.
    #[error("Syntax errors in policy: {0} and {1} exclude each other")]
    Both(&'static str, &'static str),
    /// Another version of the language than there are.
    #[error("The policy must contain a valid version string")]
    Version,
    /// A version that this kind of document does not take.
    #[error("Policy document must be version 2012-10-17 or greater.")]
    OldVersion,
    /// Neither `Allow` nor `Deny`.
    #[error("Invalid effect: {0}")]
    Effect(String),
    /// Characters that a Sid here must not have.
    #[error(
        "Statement IDs (SID) should be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
    )]
    SidCharacters,
    /// The same Sid twice.
    #[error("Statement IDs (SID) in a single policy must be unique.")]
    SidTwice,
    /// A principal of no known form.
    #[error("Invalid principal in policy: {0}")]
    Principal(String),
    /// `NotPrincipal` may only deny. Source: IAM User Guide, "AWS JSON policy elements: NotPrincipal".
    #[error("Allow with NotPrincipal is not allowed.")]
    AllowNotPrincipal,
    /// An action without its service.
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    Vendor,
    /// An action that is no name.
    #[error("Policy has invalid action: {0}")]
    Action(String),
    /// An action of another service than this kind of document speaks of.
    #[error("Policy has invalid action: {action} is no action of {service}")]
    ForeignAction {
        /// The action.
        action: String,
        /// The service.
        service: &'static str,
    },
    /// A trust policy with other actions.
    #[error("AssumeRole policy may only specify STS AssumeRole actions.")]
    TrustAction,
    /// A resource that is no ARN.
    #[error("Resource {0} must be in ARN format or \"*\".")]
    Resource(String),
    /// A resource of another service than this kind of document speaks of.
    #[error("Policy has invalid resource: {0}")]
    ForeignResource(String),
    /// A condition operator that the language does not have.
    #[error("Invalid Condition type : {0}")]
    Operator(String),
    /// A value that the operator cannot take.
    #[error("Invalid Condition value: {value} is not {expected}")]
    Value {
        /// The value.
        value: String,
        /// What the operator takes.
        expected: &'static str,
    },
    /// A variable that is not closed, or names nothing.
    #[error("Invalid policy variable in {0}")]
    Variable(String),
    /// Only `RCPFullAWSAccess` allows. Source: Organizations User Guide, "RCP syntax".
    #[error("A resource control policy may only deny.")]
    ControlAllow,
    /// A resource control policy speaks of everybody. Source: as above.
    #[error("The Principal of a resource control policy must be \"*\".")]
    ControlPrincipal,
    /// `*` alone, or NotAction, in a resource control policy. Source: as above.
    #[error("A resource control policy must name the services of its actions.")]
    ControlAction,
}
