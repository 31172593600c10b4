//! What can go wrong with accounts.

use strongroom_gate::ErrorReply;
use strongroom_storage::StoreError;

/// Why an account or credential could not be made or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IdentityError {
    /// Another account has this e-mail address.
    #[error("an account with this e-mail address exists already; choose another address")]
    EmailTaken,
    /// The text is no e-mail address.
    #[error("the e-mail address must have the form name@domain.tld and 6 to 64 characters")]
    Email,
    /// No account has this id.
    #[error("no account has this id")]
    NoSuchAccount,
    /// The token was not given out for this request.
    #[error("the token is not one that this operation gave out")]
    NextToken,
    /// The installation has a management account already.
    #[error("the installation has a management account already")]
    Bootstrapped,
    /// A stored row or secret does not read as what it should be.
    #[error("a stored account or credential is damaged")]
    Damaged,
    /// The store could not.
    #[error("the store could not keep or read the account")]
    Store(#[from] StoreError),
}

impl From<IdentityError> for ErrorReply {
    fn from(error: IdentityError) -> Self {
        let message = error.to_string();
        match error {
            IdentityError::EmailTaken => Self::new(400, "AccountAlreadyExistsException", message),
            IdentityError::Email => {
                Self::new(400, "InvalidInputException", message).member("Reason", "INVALID_EMAIL")
            }
            IdentityError::NextToken => {
                Self::new(400, "InvalidInputException", message).member("Reason", "INVALID_NEXT_TOKEN")
            }
            IdentityError::NoSuchAccount => Self::new(400, "AccountNotFoundException", message),
            IdentityError::Bootstrapped | IdentityError::Damaged => {
                Self::new(500, "ServiceException", message)
            }
            IdentityError::Store(error) => Self::from(&error),
        }
    }
}
