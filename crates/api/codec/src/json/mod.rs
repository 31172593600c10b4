//! JSON for awsJson and restJson1.

mod read;
mod tree;
mod write;

pub use read::fuzz_json;
pub(crate) use read::{NodeReader, read_structure};
pub(crate) use tree::{Node, check, parse};
pub(crate) use write::{JsonWriter, push_string};
