//! Accounts and their credentials: who exists, and how a caller proves to be it. Serves STS and the account operations
//! of the service `strongroom`.

mod account;
mod credential;
mod error;
mod row;
mod service;
mod sts;

pub use account::NewAccount;
pub use credential::Credential;
pub use error::IdentityError;
pub use service::Identity;
