//! Accounts and their identities: who exists, and how a caller proves to be it. Serves IAM and STS; what accounts are to
//! each other is the crate `organizations`'s.

mod account;
mod credential;
mod error;
mod facts;
mod hypothesis;
mod iam;
mod row;
mod service;
mod session;
mod sts;

pub use account::{Account, AccountDraft, NewAccount};
pub use credential::Credential;
pub use error::IdentityError;
pub use iam::{RecoverError, RecoveredKey};
pub use service::Identity;
pub use session::SessionError;
pub use sts::authorization_message::fuzz_authorization_message;
pub use sts::web_identity::{
    BadKeySet, KeySet, KeySetError, KeySets, MAX_KEY_SET_BYTES, fuzz_web_identity_token,
};
