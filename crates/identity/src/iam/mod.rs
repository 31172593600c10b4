//! IAM: the users, groups, roles, policies and instance profiles of an account.
//!
//! In reading order: [`row`] says how they are kept, [`view`] how they are read and changed, [`entity`], [`name`],
//! [`page`], [`error`] and [`shape`] what operations share, [`operations`] which function does which operation.

mod absent;
mod access;
mod access_key;
mod attachment;
mod boundary;
mod details;
mod document;
pub(crate) mod entity;
mod error;
mod group;
mod inline;
mod instance_profile;
mod last_use;
pub(crate) mod limits;
mod login_profile;
pub(crate) mod managed;
mod mfa;
mod name;
mod oidc;
mod operations;
mod page;
mod policies;
mod policy;
mod principal;
mod qr;
mod report;
mod role;
mod root_key;
mod root_recovery;
pub(crate) mod row;
mod second_factor;
mod service_role;
mod settings;
mod shape;
mod simulate;
mod tag;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod totp;
mod user;
mod view;

pub(crate) use last_use::Noted;
pub use root_recovery::{RecoverError, RecoveredKey};
pub(crate) use service_role::role_of_service;
pub(crate) use view::Turns;
