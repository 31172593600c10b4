//! Buckets and objects: the S3 and S3 Control APIs over rows and blobs. Knows nothing of HTTP.
//!
//! [`S3`] implements [`strongroom_gate::Handle`] once per operation, a file per operation family. What is stored is in
//! [`row`]; what buckets are allowed to whom is asked through [`BucketDirectory`], which is the gate's view of buckets.

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

pub use bucket::directory::BucketDirectory;
pub use service::S3;
