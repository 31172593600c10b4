//! Why IAM did not do as asked.

use std::fmt;

use strongroom_gate::{CommitError, ErrorReply};
use strongroom_storage::StoreError;

use super::entity::Kind;
use crate::IdentityError;

/// What a request named, and nobody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Missing {
    /// A user, group, role or instance profile.
    Entity(Kind, String),
    /// A managed policy.
    Policy(String),
    /// A managed policy that is to be attached.
    Attachable(String),
    /// A version of a managed policy.
    Version(String, String),
    /// An inline policy.
    Inline(Kind, String),
    /// A permissions boundary.
    Boundary(Kind, String),
    /// An access key.
    AccessKey(String),
    /// A login profile.
    LoginProfile(String),
    /// The account's password policy.
    PasswordPolicy(String),
    /// An alias of the account.
    Alias(String),
    /// A membership in a group.
    Membership {
        /// The user.
        user: String,
        /// The group.
        group: String,
    },
    /// A role in an instance profile.
    ProfileRole {
        /// The instance profile.
        profile: String,
        /// The role.
        role: String,
    },
    /// A deletion of a service-linked role.
    DeletionTask(String),
    /// A report on access.
    AccessJob(String),
    /// An OpenID Connect provider.
    OidcProvider(String),
    /// A virtual MFA device.
    MfaDevice(String),
    /// A virtual MFA device that is a user's.
    MfaDeviceOf {
        /// The device.
        serial: String,
        /// The user.
        user: String,
    },
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entity(Kind::InstanceProfile, name) => {
                write!(f, "Instance Profile {name} cannot be found.")
            }
            Self::Entity(kind, name) => write!(f, "The {} with name {name} cannot be found.", kind.noun()),
            Self::Policy(arn) => write!(f, "Policy {arn} was not found."),
            Self::Attachable(arn) => write!(f, "Policy {arn} does not exist or is not attachable."),
            Self::Version(arn, version) => {
                write!(f, "Policy {arn} version {version} does not exist or is not attachable.")
            }
            Self::Inline(kind, name) => {
                write!(f, "The {} policy with name {name} cannot be found.", kind.noun())
            }
            Self::Boundary(kind, name) => {
                write!(f, "The {} {name} has no permissions boundary.", kind.noun())
            }
            Self::AccessKey(id) => write!(f, "The Access Key with id {id} cannot be found."),
            Self::LoginProfile(user) => write!(f, "Login Profile for User {user} cannot be found."),
            Self::PasswordPolicy(account) => {
                write!(f, "The Password Policy with domain name {account} cannot be found.")
            }
            Self::Alias(alias) => write!(f, "The account alias {alias} cannot be found."),
            Self::Membership { user, group } => write!(f, "User {user} is not in group {group}."),
            Self::ProfileRole { profile, role } => {
                write!(f, "Role {role} is not in instance profile {profile}.")
            }
            Self::DeletionTask(id) => write!(f, "Deletion Task Id {id} cannot be found."),
            Self::AccessJob(id) => write!(f, "Job {id} cannot be found."),
            Self::OidcProvider(arn) => write!(f, "OpenIDConnect Provider not found for arn {arn}"),
            Self::MfaDevice(serial) => {
                write!(f, "VirtualMFADevice with serial number {serial} does not exist.")
            }
            Self::MfaDeviceOf { serial, user } => {
                write!(f, "MFA Device {serial} is not enabled for user {user}.")
            }
        }
    }
}

/// What stands in the way of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Obstacle {
    #[error("Cannot delete entity, must detach all policies first.")]
    AttachedPolicies,
    #[error("Cannot delete entity, must delete policies first.")]
    InlinePolicies,
    #[error("Cannot delete entity, must delete access keys first.")]
    AccessKeys,
    #[error("Cannot delete entity, must delete login profile first.")]
    LoginProfile,
    #[error("Cannot delete entity, must remove users from group first.")]
    Members,
    #[error("Cannot delete entity, must remove user from all groups first.")]
    Memberships,
    #[error("Cannot delete entity, must delete MFA device first.")]
    MfaDevices,
    #[error("MFA VirtualDevice in use. Must deactivate first.")]
    MfaInUse,
    #[error("Cannot delete entity, must remove roles from instance profile first.")]
    InstanceProfiles,
    #[error("Cannot delete a policy attached to entities.")]
    Attachments,
    #[error("Cannot delete a policy that is a permissions boundary of entities.")]
    Boundaries,
    #[error(
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
         The default version is deleted with the policy."
    )]
    Versions,
    #[error("Cannot delete the default version of a policy.")]
    DefaultVersion,
    #[error(
        "Cannot delete or deactivate the last active access key of the root user before the account has an \
         administrator: a user with an active access key and the policy AdministratorAccess."
    )]
    NoAdministrator,
}

/// Why IAM did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum IamError {
    #[error("{0}")]
    NoSuch(Missing),
    #[error("{}", exists(*.kind, .name))]
    Exists { kind: Kind, name: String },
    #[error("Login Profile for user {0} already exists.")]
    LoginProfileExists(String),
    #[error("The account alias {0} already exists.")]
    AliasExists(String),
    #[error("MFADevice entity at the same path and name already exists.")]
    MfaDeviceExists,
    #[error("Provider with url {0} already exists.")]
    OidcProviderExists(String),
    #[error("No credential report was asked for. Call GenerateCredentialReport first.")]
    NoReport,
    #[error("The credential report has expired. Call GenerateCredentialReport.")]
    ReportExpired,
    #[error("MFA Device is already in use.")]
    MfaInUse,
    #[error("Authentication code for device is not valid.")]
    AuthenticationCode,
    #[error("Too many codes of this device were not valid. Wait up to an hour, then try again.")]
    MfaLocked,
    #[error("{0}")]
    Conflict(Obstacle),
    #[error("Cannot exceed quota for {quota}: {limit}")]
    Limit { quota: &'static str, limit: usize },
    #[error(
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing \
         version."
    )]
    TooManyVersions,
    #[error("Maximum policy size of {limit} bytes exceeded for {noun} {name}")]
    InlineSize { limit: usize, noun: &'static str, name: String },
    #[error("{0}")]
    MalformedDocument(String),
    #[error("Invalid marker: it was not given out by this operation.")]
    Marker,
    #[error("ARN {0} is not valid.")]
    Arn(String),
    #[error("Duplicate tag keys found. Please note that Tag keys are case insensitive.")]
    DuplicateTags,
    #[error("System tags: tag keys that begin with \"aws:\" are reserved for system use.")]
    SystemTag,
    #[error("{0}")]
    InvalidInput(&'static str),
    #[error("{0}")]
    BadInput(String),
    #[error("This account is not the management account of its organization, nor a delegated administrator.")]
    NotManagement,
    #[error("This account is in no organization.")]
    NoOrganization,
    #[error("Only users have passwords that they can change.")]
    NotAUser,
    #[error("There are too many reports. Wait until older ones expire, then try again.")]
    TooManyReports,
    #[error("Must specify userName when calling with non-User credentials")]
    NoUserName,
    #[error("Service role name {0} has been taken in this account, please try a different suffix.")]
    ServiceRoleTaken(String),
    #[error("No service-linked role is known for the service {0}.")]
    UnknownService(String),
    #[error("Cannot perform the operation on the protected role '{0}' - this role is only modifiable by AWS")]
    Protected(String),
    #[error("Cannot attach a Service Role Policy to a Customer Role.")]
    NotAttachable,
    #[error("Cannot change the policy {0}: AWS manages it.")]
    AwsManaged(String),
    #[error("{0}")]
    Password(&'static str),
    #[error("The request was in the way of other changes of this account. Try again.")]
    Contended,
    #[error("{0}")]
    Identity(#[from] IdentityError),
}

fn exists(kind: Kind, name: &str) -> String {
    match kind {
        Kind::User => format!("User with name {name} already exists."),
        Kind::Group => format!("Group with name {name} already exists."),
        Kind::Role => format!("Role with name {name} already exists."),
        Kind::InstanceProfile => format!("Instance Profile {name} already exists."),
        Kind::Policy => format!("A policy called {name} already exists. Duplicate names are not allowed."),
    }
}

impl From<StoreError> for IamError {
    fn from(error: StoreError) -> Self {
        Self::Identity(IdentityError::Store(error))
    }
}

/// Source: IAM API Reference, "Errors" of each operation.
impl From<IamError> for ErrorReply {
    fn from(error: IamError) -> Self {
        let message = error.to_string();
        match error {
            IamError::NoSuch(_) => Self::new(404, "NoSuchEntity", message),
            IamError::Exists { .. }
            | IamError::LoginProfileExists(_)
            | IamError::AliasExists(_)
            | IamError::MfaDeviceExists
            | IamError::OidcProviderExists(_)
            | IamError::MfaInUse => Self::new(409, "EntityAlreadyExists", message),
            IamError::AuthenticationCode => Self::new(403, "InvalidAuthenticationCode", message),
            IamError::NoReport => Self::new(410, "ReportNotPresent", message),
            IamError::ReportExpired => Self::new(410, "ReportExpired", message),
            IamError::MfaLocked => Self::new(409, "EntityTemporarilyUnmodifiable", message),
            IamError::Conflict(_) => Self::new(409, "DeleteConflict", message),
            IamError::Limit { .. } | IamError::TooManyVersions | IamError::InlineSize { .. } => {
                Self::new(409, "LimitExceeded", message)
            }
            IamError::MalformedDocument(_) => Self::new(400, "MalformedPolicyDocument", message),
            IamError::Marker
            | IamError::Arn(_)
            | IamError::DuplicateTags
            | IamError::SystemTag
            | IamError::InvalidInput(_)
            | IamError::BadInput(_)
            | IamError::ServiceRoleTaken(_)
            | IamError::UnknownService(_) => Self::new(400, "InvalidInput", message),
            IamError::NotManagement => {
                Self::new(400, "AccountNotManagementOrDelegatedAdministratorException", message)
            }
            IamError::NoOrganization => Self::new(400, "OrganizationNotFoundException", message),
            IamError::NotAUser => Self::new(400, "InvalidUserType", message),
            IamError::TooManyReports => Self::new(409, "ReportGenerationLimitExceeded", message),
            IamError::NoUserName => Self::new(400, "ValidationError", message),
            IamError::Protected(_) => Self::new(400, "UnmodifiableEntity", message),
            IamError::NotAttachable => Self::new(400, "PolicyNotAttachable", message),
            IamError::AwsManaged(_) => Self::new(403, "AccessDenied", message),
            IamError::Password(_) => Self::new(400, "PasswordPolicyViolation", message),
            IamError::Contended => Self::new(409, "ConcurrentModification", message),
            IamError::Identity(error) => error.into(),
        }
    }
}

/// What a failed commit is to IAM.
pub(crate) fn commit_reply(error: &CommitError) -> ErrorReply {
    match error {
        CommitError::Conflict => IamError::Contended.into(),
        CommitError::Refused(_) | CommitError::Store(_) => error.reply(),
    }
}
