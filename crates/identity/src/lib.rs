//! Accounts and their identities: who exists, and how a caller proves to be it. Serves IAM, STS and the account operations
//! of the service `strongroom`.

mod account;
mod credential;
mod error;
mod facts;
mod iam;
mod row;
mod service;
mod session;
mod sts;

pub use account::NewAccount;
pub use credential::Credential;
pub use error::IdentityError;
pub use service::Identity;
pub use session::SessionError;
