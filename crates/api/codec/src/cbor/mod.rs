//! CBOR for rpcv2Cbor (RFC 8949; Smithy RPC v2 CBOR protocol).

mod read;
mod write;

pub use read::fuzz_cbor;
pub(crate) use read::{error_members, read_structure};
pub(crate) use write::CborWriter;
