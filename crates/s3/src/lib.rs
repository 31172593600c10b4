//! Buckets and objects: the S3 and S3 Control APIs over rows and blobs. Knows nothing of HTTP.
//!
//! [`S3`] implements [`strongroom_gate::Handle`] once per operation, a file per operation family. What is stored is in
//! [`row`]; what buckets are allowed to whom is asked through [`BucketDirectory`], which is the gate's view of buckets.
//!
//! # What handlers cannot do
//!
//! A handler cannot make up the leave to delete a key that the gate did not decide on:
//! ```compile_fail,E0451
//! use strongroom_gate::{BucketGrant, Permit, action::DeleteObject};
//! fn widen(bucket: BucketGrant, key: strongroom_types::ObjectKey) -> Permit<DeleteObject> {
//!     Permit { bucket, key, version_id: None, action: std::marker::PhantomData }
//! }
//! ```
//! nor turn a grant of one bucket into one of another:
//! ```compile_fail,E0451
//! fn elsewhere(name: strongroom_types::BucketName, other: strongroom_gate::BucketGrant) -> strongroom_gate::BucketGrant {
//!     strongroom_gate::BucketGrant { name, ..other }
//! }
//! ```
//! nor ask itself for another operation with a request that was allowed for this one:
//! ```compile_fail,E0308
//! use strongroom_api_s3::{DeleteBucketInput, HeadBucketInput};
//! use strongroom_gate::Authorized;
//! fn borrow_leave(allowed: Authorized<HeadBucketInput>) -> Authorized<DeleteBucketInput> {
//!     allowed
//! }
//! ```
//! nor call a body whole that it has not read to its end:
//! ```compile_fail,E0451
//! fn trust(length: u64) -> strongroom_gate::BodyVerified {
//!     strongroom_gate::BodyVerified { length, stated: Vec::new(), _made_here: () }
//! }
//! ```

mod acl;
pub mod bucket;
pub mod control;
pub mod error;
pub mod limits;
pub mod listing;
pub mod multipart;
pub mod object;
pub mod row;
mod service;
#[cfg(test)]
pub(crate) mod testing;

pub use bucket::defaults::NewBuckets;
pub use bucket::directory::BucketDirectory;
pub use service::S3;
