//! Multipart uploads.
//!
//! An upload is the row `u` (found by key, sequence and id: the id begins with the sequence), its parts are rows `p`,
//! each with a sealed blob of its own. Completing writes the version and the layout `l`, and leaves the parts where they
//! are; no byte is copied. Row `i` then says what became of the upload, so that a repeated Complete is answered the same.
//!
//! INVARIANTS, kept by the preconditions of each commit:
//! - a part is written only while its upload's row is there, unchanged;
//! - an upload is completed or aborted in one commit that relies on each of its parts as it was read, and on there being
//!   no others: of a part that is written meanwhile, one of the two commits starts anew;
//! - so no part outlives an aborted upload, and no blob of a part is released twice or never.
//!
//! In reading order: `upload` finds uploads and their parts; `checksums` are the rules of additional checksums; then the
//! operations: `create`, `part`, `copy`, `complete`, `abort`, `list`.
//!
//! Source: S3 User Guide, "Uploading and copying objects using multipart upload in Amazon S3".

mod abort;
mod checksums;
mod complete;
mod copy;
mod create;
pub mod limits;
mod list;
mod part;
mod upload;

#[cfg(test)]
mod tests;

#[doc(hidden)]
pub use copy::fuzz_copy_source_range;
pub(crate) use upload::{hold, remove, upload_of_row};
