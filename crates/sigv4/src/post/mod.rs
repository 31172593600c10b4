//! Browser uploads: the signature fields of a form and the policy that they sign.
//!
//! Source: S3 API Reference, "Browser-Based Uploads Using POST (AWS Signature Version 4)".

mod auth;
mod json;
mod policy;

pub use auth::{PostField, PostFormAuth, PostInput, VerifiedPost};
pub use policy::{PostPolicy, PostTarget, fuzz_post_policy};
