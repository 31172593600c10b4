//! Amazon S3: the operations, their inputs and outputs, and the descriptions through which codecs walk them.
//!
//! Everything but the answer of ListObjectVersions comes from the service's model; `cargo xtask generate` writes it
//! again. Inputs can be read and written; outputs can be written, and read with the feature `client`.

#[allow(
    missing_docs,
    unreachable_pub,
    unused_imports,
    clippy::all,
    clippy::pedantic,
    clippy::indexing_slicing,
    reason = "generated: indices are those of the arrays beside them, imports are those of any service"
)]
mod generated;

mod error_code;
mod listed_versions;
mod router;

pub use error_code::ErrorCode;
pub use generated::operations::*;
pub use generated::service::SERVICE;
pub use generated::types::*;
pub use generated::{errors, schema, service};
pub use listed_versions::{ListObjectVersionsInput, ListObjectVersionsOutput, ListedVersion};
#[doc(hidden)]
pub use router::fuzz_router;
pub use router::router;

/// A marker type for each operation.
pub mod op {
    pub use crate::generated::operations::op::*;
    pub use crate::listed_versions::op::ListObjectVersions;
}

#[cfg(test)]
mod tests;
