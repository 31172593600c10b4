//! Form-encoded requests of awsQuery and ec2Query.

mod read;
mod tree;
mod write;

use strongroom_shape::Member;

use crate::scalar::flattened_name;

pub(crate) use read::read_request;
pub use tree::fuzz_query;
pub(crate) use tree::{Tree, parse_form};
pub(crate) use write::QueryWriter;

/// Which of the two dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// awsQuery: `X.member.N`, `X.entry.N.key`.
    Aws,
    /// ec2Query: `X.N`, names begin with a capital.
    Ec2,
}

impl Dialect {
    /// Name of a structure's member in a request.
    fn name(self, member: &'static Member) -> String {
        match (self, member.query_name) {
            (Self::Aws, _) if member.is_flattened() => flattened_name(member).to_owned(),
            (Self::Aws, _) => member.wire_name.to_owned(),
            (Self::Ec2, Some(name)) => name.to_owned(),
            (Self::Ec2, None) => capitalised(member.wire_name),
        }
    }

    /// Whether a list or map has no level of its own in names.
    fn flat(self, member: &'static Member) -> bool {
        self == Self::Ec2 || member.is_flattened()
    }
}

fn capitalised(name: &str) -> String {
    let mut characters = name.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + characters.as_str())
}
