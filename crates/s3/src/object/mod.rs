//! Objects and their versions.
//!
//! In reading order: `versions` is the state machine of a key; `store_body` and `read_body` are the ways of bytes into and
//! out of sealed blobs, `md5_combiner` the uploads' MD5s; `customer` the keys that requests bring; `write_options`, `metadata`, `tags`, `conditions`, `range` and `checksums` read and show what stands
//! beside the bytes; the rest are the operations, a file per family.

mod acl;
mod attributes;
mod buffers;
pub(crate) mod checksums;
pub(crate) mod conditions;
pub(crate) mod copy;
pub(crate) mod customer;
mod delete;
mod delete_many;
mod get;
mod key_locks;
mod lock;
mod md5_combiner;
pub(crate) mod metadata;
pub(crate) mod put;
pub(crate) mod range;
pub(crate) mod read_body;
mod restore;
pub(crate) mod store_body;
mod tagging;
pub(crate) mod tags;
#[cfg(test)]
mod tests;
pub(crate) mod versions;
pub(crate) mod write_options;

pub(crate) use buffers::Buffers;
#[doc(hidden)]
pub use customer::fuzz_customer_headers;
pub(crate) use key_locks::KeyLocks;
pub(crate) use md5_combiner::Md5Combiner;
#[doc(hidden)]
pub use metadata::fuzz_metadata_value;
#[doc(hidden)]
pub use range::fuzz_range;
pub use store_body::blob_encryption_context;
#[doc(hidden)]
pub use tags::fuzz_tagging_header;
