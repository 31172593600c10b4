//! The organisation: AWS Organizations and Account Management, and the account operations of the service `strongroom`.
//!
//! An installation is one organisation with all features, from its first start: a management account, a root, units,
//! accounts as leaves. Policies hang on the root, on units and on accounts, and bound what is done in and to everything
//! below. The server implements [`strongroom_gate::Facts`] with [`Organizations::account_facts`] and its like.
//!
//! In reading order: [`row`] says what is kept, [`view`] how it is read and changed, [`node`], [`kind`], [`id`],
//! [`page`] and [`error`] what operations share, [`operations`] which function does which operation, [`facts`] what
//! decisions are told.

mod account;
mod attachment;
mod contact;
mod create;
mod delegation;
mod effective;
mod error;
mod facts;
mod fixed;
mod id;
mod kind;
mod limits;
mod node;
mod operations;
mod organization;
mod page;
mod policy;
mod policy_type;
mod resource_policy;
mod row;
mod s3_policy;
mod service;
mod tag;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trusted;
mod unit;
mod view;

pub use contact::SERVICE as ACCOUNT_SERVICE;
pub use error::OrganizationsError;
pub use service::Organizations;
