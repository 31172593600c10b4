//! Listings of a bucket: objects (both versions of the API) and versions.
//!
//! In reading order: `walk` goes through rows of any kind in the order of their keys, rolls keys up at a delimiter and
//! seeks past what it rolled up; `rows` says what it reads of each kind; `wire` is what listings have in common in their
//! parameters and answers; `objects` and `versions` are the operations. Uploads in progress are listed by
//! [`crate::multipart`] with the same walk.

mod objects;
mod rows;
mod versions;
pub(crate) mod walk;
pub(crate) mod wire;

#[doc(hidden)]
pub use objects::fuzz_list_token;

#[cfg(test)]
mod tests;
