//! aws-chunked bodies: signed, signed with trailer, unsigned with trailer.
//!
//! Source: S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple
//! Chunks (Chunked Upload)" and "… Including Trailing Headers".

mod chain;
mod decoder;
mod encoder;
mod lines;

use crate::input::{ChunkedHead, PayloadMode};
use crate::key::SigningKey;
use crate::scope::CredentialScope;

pub(crate) use chain::Chain;
pub use decoder::{ChunkDecoder, fuzz_chunked};
pub use encoder::ChunkEncoder;

/// Name of the last trailer line where the trailer is signed.
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";
const CHUNK_SIGNATURE: &str = ";chunk-signature=";

/// What a verified head says about its aws-chunked body: sizes, trailer names and the seed of the signatures.
#[derive(Debug)]
pub struct ChunkedBody {
    decoded_bytes: u64,
    declared: Vec<String>,
    /// Present where chunks are signed.
    chain: Option<Chain>,
    has_trailer: bool,
}

impl ChunkedBody {
    pub(crate) fn new(
        mode: PayloadMode,
        head: &ChunkedHead,
        key: &SigningKey,
        seed: [u8; 32],
        amz_date: &str,
        scope: &CredentialScope,
    ) -> Self {
        let (signed, has_trailer) = match mode {
            PayloadMode::StreamingSigned => (true, false),
            PayloadMode::StreamingUnsignedTrailer => (false, true),
            // INVARIANT: only streaming modes come here; the strictest form stands for all others.
            PayloadMode::StreamingSignedTrailer
            | PayloadMode::SignedSha256(_)
            | PayloadMode::OfBody
            | PayloadMode::Unsigned => (true, true),
        };
        let chain = signed.then(|| Chain::new(key.clone(), seed, amz_date, scope));
        Self { decoded_bytes: head.decoded_bytes, declared: head.trailers.clone(), chain, has_trailer }
    }

    /// A body of which nothing is signed, with a trailer.
    pub(crate) fn unsigned(head: &ChunkedHead) -> Self {
        let declared = head.trailers.clone();
        Self { decoded_bytes: head.decoded_bytes, declared, chain: None, has_trailer: true }
    }
}

/// The trailer headers of a body that was verified to its end, names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trailers(Vec<(String, String)>);

impl Trailers {
    /// The value of a trailer header, whose name is given in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// All trailer headers in the order of the wire.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
