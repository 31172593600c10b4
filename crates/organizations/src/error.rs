//! Why Organizations did not do as asked.

use strongroom_api_organizations::{
    ConstraintViolationExceptionReason as Constraint,
    HandshakeConstraintViolationExceptionReason as Handshake, InvalidInputExceptionReason as Input,
};
use strongroom_gate::{CommitError, ErrorReply};
use strongroom_identity::IdentityError;
use strongroom_storage::StoreError;

/// What a request named, and is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// An account.
    Account,
    /// A root or unit, as a parent.
    Parent,
    /// The root or unit that an account is to leave.
    SourceParent,
    /// The root or unit that an account is to go to.
    DestinationParent,
    /// An account or unit, as a child.
    Child,
    /// A unit.
    Unit,
    /// The root.
    Root,
    /// A policy.
    Policy,
    /// A root, unit or account that has policies or tags.
    Target,
    /// A request to create an account.
    Status,
    /// A policy in effect.
    EffectivePolicy,
    /// The resource policy.
    ResourcePolicy,
    /// A handshake.
    Handshake,
}

impl Missing {
    /// Source: Organizations API Reference, the errors of the operations.
    fn code(self) -> &'static str {
        match self {
            Self::Account => "AccountNotFoundException",
            Self::Parent => "ParentNotFoundException",
            Self::SourceParent => "SourceParentNotFoundException",
            Self::DestinationParent => "DestinationParentNotFoundException",
            Self::Child => "ChildNotFoundException",
            Self::Unit => "OrganizationalUnitNotFoundException",
            Self::Root => "RootNotFoundException",
            Self::Policy => "PolicyNotFoundException",
            Self::Target => "TargetNotFoundException",
            Self::Status => "CreateAccountStatusNotFoundException",
            Self::EffectivePolicy => "EffectivePolicyNotFoundException",
            Self::ResourcePolicy => "ResourcePolicyNotFoundException",
            Self::Handshake => "HandshakeNotFoundException",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Account => "You specified an account that doesn't exist.",
            Self::Parent => "You specified a parent that doesn't exist.",
            Self::SourceParent => {
                "The account is not in the root or unit that you specified as its source parent."
            }
            Self::DestinationParent => "You specified a destination parent that doesn't exist.",
            Self::Child => "You specified a child that doesn't exist.",
            Self::Unit => "You specified an organizational unit that doesn't exist.",
            Self::Root => "You specified a root that doesn't exist.",
            Self::Policy => "You specified a policy that doesn't exist.",
            Self::Target => "You specified a root, unit, account or policy that doesn't exist.",
            Self::Status => "You specified a request to create an account that doesn't exist.",
            Self::EffectivePolicy => "The account has no effective policy of this type.",
            Self::ResourcePolicy => "The organization has no resource policy.",
            Self::Handshake => "You specified a handshake that doesn't exist.",
        }
    }
}

/// What a request would make, change or take away in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clash {
    /// A unit of this name.
    UnitExists,
    /// A unit to be deleted holds something.
    UnitNotEmpty,
    /// The account is where it is to go.
    AccountThere,
    /// A policy of this name.
    PolicyExists,
    /// A policy to be deleted is attached.
    PolicyInUse,
    /// The policy is attached.
    Attached,
    /// The policy is not attached.
    NotAttached,
    /// The policy type is enabled.
    TypeEnabled,
    /// The policy type is not enabled.
    TypeNotEnabled,
    /// The policy type is not one of ours.
    TypeNotAvailable,
    /// The account is in the organisation.
    InOrganization,
    /// The organisation stays.
    OrganizationNotEmpty,
    /// The management account stays.
    ManagementLeaves,
    /// The account is closed.
    AccountClosed,
    /// The account is a delegated administrator.
    Registered,
    /// The account is no delegated administrator.
    NotRegistered,
}

impl Clash {
    /// Source: as [`Missing::code`].
    fn code(self) -> &'static str {
        match self {
            Self::UnitExists => "DuplicateOrganizationalUnitException",
            Self::UnitNotEmpty => "OrganizationalUnitNotEmptyException",
            Self::AccountThere => "DuplicateAccountException",
            Self::PolicyExists => "DuplicatePolicyException",
            Self::PolicyInUse => "PolicyInUseException",
            Self::Attached => "DuplicatePolicyAttachmentException",
            Self::NotAttached => "PolicyNotAttachedException",
            Self::TypeEnabled => "PolicyTypeAlreadyEnabledException",
            Self::TypeNotEnabled => "PolicyTypeNotEnabledException",
            Self::TypeNotAvailable => "PolicyTypeNotAvailableForOrganizationException",
            Self::InOrganization => "AlreadyInOrganizationException",
            Self::OrganizationNotEmpty => "OrganizationNotEmptyException",
            Self::ManagementLeaves => "MasterCannotLeaveOrganizationException",
            Self::AccountClosed => "AccountAlreadyClosedException",
            Self::Registered => "AccountAlreadyRegisteredException",
            Self::NotRegistered => "AccountNotRegisteredException",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::UnitExists => "An organizational unit with this name exists in the parent already.",
            Self::UnitNotEmpty => {
                "The organizational unit is not empty. Move its accounts and delete its units first."
            }
            Self::AccountThere => "The account is in the destination parent already.",
            Self::PolicyExists => "A policy of this type with this name exists already.",
            Self::PolicyInUse => {
                "The policy is attached to one or more targets. Detach it from all of them first."
            }
            Self::Attached => "The policy is attached to the target already.",
            Self::NotAttached => "The policy isn't attached to the target.",
            Self::TypeEnabled => "The policy type is enabled in the root already.",
            Self::TypeNotEnabled => {
                "The policy type isn't enabled in the root. Enable it with EnablePolicyType first."
            }
            Self::TypeNotAvailable => {
                "Policies of this type are not available here: use SERVICE_CONTROL_POLICY, \
                 RESOURCE_CONTROL_POLICY or S3_POLICY."
            }
            Self::InOrganization => "The account is a member of an organization already.",
            Self::OrganizationNotEmpty => {
                "An installation is one organization: it ends with the installation and cannot be deleted."
            }
            Self::ManagementLeaves => "The management account can't leave its organization.",
            Self::AccountClosed => "The account is closed already.",
            Self::Registered => "The account is a delegated administrator for this service already.",
            Self::NotRegistered => "The account is not a delegated administrator for this service.",
        }
    }
}

/// Why Organizations did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OrganizationsError {
    /// Something that the request names is not there.
    #[error("{}", .0.message())]
    NoSuch(Missing),
    /// What is asked for does not go with what is there.
    #[error("{}", .0.message())]
    Clash(Clash),
    /// A limit or rule would be broken.
    #[error("{1}")]
    Constraint(Constraint, String),
    /// The request itself is wrong.
    #[error("{1}")]
    Input(Input, String),
    /// An invitation that makes no sense.
    #[error("{1}")]
    Handshake(Handshake, &'static str),
    /// The text is not a policy of its type.
    #[error("{0}")]
    Malformed(String),
    /// Another account's contacts are not shown, or changed, by the management account unless it said that they may be.
    #[error("enable trusted access for account.amazonaws.com (EnableAWSServiceAccess) first")]
    NoTrustedAccess,
    /// Others changed the organisation at the same time.
    #[error("The organization was changed by others at the same time. Try again.")]
    Contended,
    /// A stored row does not read as what it should be.
    #[error("a stored part of the organization is damaged")]
    Damaged,
    /// Accounts.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store could not.
    #[error("the store could not keep or read the organization")]
    Store(#[from] StoreError),
}

impl From<Missing> for OrganizationsError {
    fn from(missing: Missing) -> Self {
        Self::NoSuch(missing)
    }
}

impl From<Clash> for OrganizationsError {
    fn from(clash: Clash) -> Self {
        Self::Clash(clash)
    }
}

/// A limit that would be exceeded.
pub(crate) fn limit(reason: Constraint, most: impl std::fmt::Display, of: &str) -> OrganizationsError {
    OrganizationsError::Constraint(reason, format!("You have exceeded the limit: at most {most} {of}."))
}

/// An input that is wrong.
pub(crate) fn input(reason: Input, message: &str) -> OrganizationsError {
    OrganizationsError::Input(reason, message.to_owned())
}

impl From<OrganizationsError> for ErrorReply {
    fn from(error: OrganizationsError) -> Self {
        let message = error.to_string();
        let new = |code: &'static str| Self::new(400, code, message.clone());
        match error {
            OrganizationsError::NoSuch(missing) => new(missing.code()),
            OrganizationsError::Clash(clash) => new(clash.code()),
            OrganizationsError::Constraint(reason, _) => {
                new("ConstraintViolationException").member("Reason", reason.as_str())
            }
            OrganizationsError::Input(reason, _) => {
                new("InvalidInputException").member("Reason", reason.as_str())
            }
            OrganizationsError::Handshake(reason, _) => {
                new("HandshakeConstraintViolationException").member("Reason", reason.as_str())
            }
            OrganizationsError::Malformed(_) => new("MalformedPolicyDocumentException"),
            OrganizationsError::NoTrustedAccess => Self::new(403, "AccessDenied", message),
            OrganizationsError::Contended => new("ConcurrentModificationException"),
            OrganizationsError::Damaged => Self::new(500, "ServiceException", message),
            OrganizationsError::Identity(error) => error.into(),
            OrganizationsError::Store(error) => Self::from(&error),
        }
    }
}

/// What a failed commit is to Organizations.
pub(crate) fn commit_reply(error: &CommitError) -> ErrorReply {
    match error {
        CommitError::Conflict => OrganizationsError::Contended.into(),
        CommitError::Refused(_) | CommitError::Store(_) => error.reply(),
    }
}
