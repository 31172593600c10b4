//! What STS refuses, with AWS's codes. Source: STS API Reference, "Errors" of each operation, and "Common Errors".

use strongroom_gate::ErrorReply;

use crate::IdentityError;

/// Why STS does not give credentials.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum StsError {
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Tags(&'static str),
    #[error("{0}")]
    MalformedPolicy(String),
    #[error("Packed size of session tags and policies consumes {0}% of allotted space.")]
    PackedPolicyTooLarge(usize),
    #[error("Roles may not be assumed by root accounts.")]
    RootAssumes,
    #[error("Cannot call {0} with session credentials")]
    SessionCredentials(&'static str),
    #[error("MultiFactorAuthentication failed, unable to validate MFA code.")]
    Mfa,
    #[error("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}")]
    NoRole { caller: String, role: String },
    #[error("{0}")]
    IdentityToken(String),
    #[error("Token expired: the identity token is past its time; get a new one from the identity provider.")]
    TokenExpired,
    #[error("{0}")]
    Provider(String),
    #[error("The source identity of a session cannot be changed.")]
    SourceIdentity,
    #[error("The message is not one that this store encoded for your account within the last day.")]
    AuthorizationMessage,
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl From<StsError> for ErrorReply {
    fn from(error: StsError) -> Self {
        let message = error.to_string();
        match error {
            StsError::Invalid(_) => Self::new(400, "ValidationError", message),
            StsError::Tags(_) => Self::new(400, "InvalidParameterValue", message),
            StsError::MalformedPolicy(_) => Self::new(400, "MalformedPolicyDocument", message),
            StsError::PackedPolicyTooLarge(_) => Self::new(400, "PackedPolicyTooLarge", message),
            StsError::RootAssumes
            | StsError::SessionCredentials(_)
            | StsError::Mfa
            | StsError::NoRole { .. }
            | StsError::SourceIdentity => Self::new(403, "AccessDenied", message),
            StsError::IdentityToken(_) => Self::new(400, "InvalidIdentityToken", message),
            StsError::TokenExpired => Self::new(400, "ExpiredTokenException", message),
            StsError::Provider(_) => Self::new(400, "IDPCommunicationError", message),
            StsError::AuthorizationMessage => Self::new(400, "InvalidAuthorizationMessageException", message),
            StsError::Identity(error) => error.into(),
        }
    }
}
