//! Buckets: their life, their settings and their configurations.
//!
//! In reading order: [`directory`] finds a bucket for the gate; `create`, `delete` and `list` are its life, [`defaults`] what
//! it is born with, `intent` what keeps it whole over a kill; `settings` is how a handler changes the bucket's state or one of its configurations, which are stored as [`document`]s; then a
//! file for each family of configurations. [`cors`] is pure: it decides what a browser may be told.

mod abac;
mod absent;
mod acl;
pub mod cors;
mod cors_configuration;
mod create;
pub mod defaults;
mod delete;
pub mod directory;
pub mod document;
mod encryption;
mod intent;
pub mod limits;
mod list;
mod ownership;
mod payment;
pub(crate) mod policy;
pub(crate) mod public_access;
pub(crate) mod settings;
pub(crate) mod tagging;
mod versioning;
mod website;

#[cfg(test)]
mod tests;
