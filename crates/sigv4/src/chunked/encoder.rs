//! The encoder, for clients and tests.

use aws_lc_rs::digest;
use strongroom_types::{Region, SecretAccessKey, Timestamp};

use super::lines::signed_text;
use super::{CHUNK_SIGNATURE, Chain, ChunkedBody, TRAILER_SIGNATURE};
use crate::input::{ChunkedHead, PayloadMode};
use crate::key::SigningKey;
use crate::scope::CredentialScope;

/// Writes an aws-chunked body whose head was signed with a streaming mode (see [`crate::Signed::chunk_encoder`]).
///
/// All chunks but the last must have [`crate::limits::MIN_INNER_CHUNK_BYTES`] at least; S3 refuses others.
#[derive(Debug)]
pub struct ChunkEncoder {
    chain: Option<Chain>,
    has_trailer: bool,
}

impl ChunkEncoder {
    pub(crate) fn new(chain: Option<Chain>, has_trailer: bool) -> Self {
        Self { chain, has_trailer }
    }

    /// Appends a chunk; no data, no chunk.
    pub fn chunk(&mut self, data: &[u8], out: &mut Vec<u8>) {
        if !data.is_empty() {
            self.header(data, out);
            out.extend_from_slice(data);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Appends the last chunk and the trailer headers, which only the modes with a trailer have.
    pub fn finish(mut self, trailers: &[(&str, &str)], out: &mut Vec<u8>) {
        self.header(b"", out);
        if self.has_trailer {
            for (name, value) in trailers {
                out.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
            }
            if let Some(chain) = &mut self.chain {
                let signature = chain.trailer(&signed_text(trailers.iter().copied()));
                out.extend_from_slice(
                    format!("{TRAILER_SIGNATURE}:{}\r\n", hex::encode(signature)).as_bytes(),
                );
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    fn header(&mut self, data: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{:x}", data.len()).as_bytes());
        if let Some(chain) = &mut self.chain {
            let signature = chain.chunk(&digest::digest(&digest::SHA256, data));
            out.extend_from_slice(CHUNK_SIGNATURE.as_bytes());
            out.extend_from_slice(hex::encode(signature).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
}

const FUZZ_TRAILER: (&str, &str) = ("x-amz-checksum-crc32", "AAAAAA==");

fn fuzz_mode(choice: u8) -> PayloadMode {
    match choice % 3 {
        0 => PayloadMode::StreamingSigned,
        1 => PayloadMode::StreamingSignedTrailer,
        _ => PayloadMode::StreamingUnsignedTrailer,
    }
}

fn fuzz_key() -> Option<(SigningKey, String, CredentialScope)> {
    let at = Timestamp::from_secs(0);
    let scope = CredentialScope::new(at, Region::us_east_1(), "s3").ok()?;
    Some((SigningKey::derive(&SecretAccessKey::new("fuzz".to_owned()), &scope), at.to_amz_date(), scope))
}

/// The body that [`super::fuzz_chunked`] decodes.
pub(super) fn fuzz_body(choice: u8, declared: u64) -> ChunkedBody {
    let mode = fuzz_mode(choice);
    let trailers =
        if mode == PayloadMode::StreamingSigned { Vec::new() } else { vec![FUZZ_TRAILER.0.to_owned()] };
    let head = ChunkedHead { decoded_bytes: declared, trailers: trailers.clone() };
    match fuzz_key() {
        Some((key, at, scope)) => ChunkedBody::new(mode, &head, &key, [0; 32], &at, &scope),
        None => ChunkedBody { decoded_bytes: declared, declared: trailers, chain: None, has_trailer: true },
    }
}

/// The declared length and the wire bytes: `rest` itself, or `rest` encoded and, sometimes, with one byte changed.
pub(super) fn fuzz_wire(choice: u8, cut: u8, rest: &[u8]) -> (u64, Vec<u8>) {
    let declared = u64::try_from(rest.len()).unwrap_or(u64::MAX);
    if choice & 0x80 == 0 {
        return (declared, rest.to_vec());
    }
    let mode = fuzz_mode(choice);
    let chain = fuzz_key()
        .filter(|_| mode != PayloadMode::StreamingUnsignedTrailer)
        .map(|(key, at, scope)| Chain::new(key, [0; 32], &at, &scope));
    let mut encoder = ChunkEncoder::new(chain, mode != PayloadMode::StreamingSigned);
    let mut wire = Vec::new();
    for piece in rest.chunks(8192 + usize::from(cut)) {
        encoder.chunk(piece, &mut wire);
    }
    encoder.finish(&[FUZZ_TRAILER], &mut wire);
    if choice & 0x40 != 0 {
        let at = wire.len() * usize::from(cut) / 256;
        if let Some(byte) = wire.get_mut(at) {
            *byte ^= choice & 0x3f;
        }
    }
    (declared, wire)
}
