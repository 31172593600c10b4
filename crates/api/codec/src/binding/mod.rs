//! Members that lie in headers, query, labels and the status, and bodies that are one raw value.

mod read;
mod write;

pub(crate) use read::{Place, RawReader, TextReader, headers, read_bindings};
pub(crate) use write::{HttpWriter, Only, TextSink, path_of, push_query};

use strongroom_shape::{Location, Member, OperationSchema, StructureSchema};

/// The member that is the whole body, with its index.
pub(crate) fn payload(schema: &'static StructureSchema) -> Option<(usize, &'static Member)> {
    schema.members.iter().enumerate().find(|(_, member)| member.location == Location::Payload)
}

/// Whether members lie in a document that is the body.
pub(crate) fn has_document(schema: &'static StructureSchema) -> bool {
    schema.members.iter().any(|member| member.location == Location::Body)
}

/// Whether a member is a stream, which is not of the codec's business.
pub(crate) fn is_stream(member: &'static Member) -> bool {
    member.flags.streaming || member.flags.event_stream
}

/// Names of the query parameters that are a fixed part of the operation's URI ("tagging").
pub(crate) fn fixed_query(op: &'static OperationSchema) -> impl Iterator<Item = &'static str> {
    let query = op.uri.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
}
