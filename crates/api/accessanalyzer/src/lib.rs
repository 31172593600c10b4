//! IAM Access Analyzer: the operations, their inputs and outputs, and the descriptions through which codecs walk them.
//!
//! Everything comes from the service's model; `cargo xtask generate` writes it again. Inputs can be read and written;
//! outputs can be written, and read with the feature `client`.

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

mod router;

pub use generated::operations::*;
pub use generated::service::SERVICE;
pub use generated::types::*;
pub use generated::{errors, schema, service};
pub use router::router;
