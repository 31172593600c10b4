//! Every digest that a body needs, in one pass over it.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use super::checksum::{Checksum, ChecksumAlgorithm, ChecksumSet};
use crate::limits::DIGEST_PIECE_BYTES;

/// An MD5 value: the ETag of an object that one request wrote. Compared in constant time.
#[derive(Clone, Copy)]
pub struct Md5Digest([u8; 16]);

impl Md5Digest {
    /// From a stored row.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The MD5 of `data`.
    pub fn of(data: &[u8]) -> Self {
        Self(Md5::digest(data).into())
    }

    /// Parses `Content-MD5`: canonical base64 of 16 bytes. `None` is answered as `InvalidDigest`.
    pub fn parse_base64(text: &str) -> Option<Self> {
        let mut bytes = [0; 20];
        let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
        bytes.get(..length)?.try_into().ok().map(Self)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The ETag, without its quotes.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// As in `Content-MD5`.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }
}

impl PartialEq for Md5Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Md5Digest {}

impl fmt::Debug for Md5Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// A SHA-256 value: the payload hash of a signature. Compared in constant time.
#[derive(Clone, Copy)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// From raw bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The SHA-256 of `data`.
    pub fn of(data: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(data);
        Self(finish(context))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As in `x-amz-content-sha256`.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }
}

impl PartialEq for Sha256Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Sha256Digest {}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The first `N` bytes of a digest that has as many.
fn finish<const N: usize>(context: Context) -> [u8; N] {
    let digest = context.finish();
    let mut out = [0; N];
    out.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    out
}

/// What [`MultiDigest`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Bytes seen.
    pub length: u64,
    /// The MD5, if asked for.
    pub md5: Option<Md5Digest>,
    /// The SHA-256 of the payload, if asked for (the checksum SHA256 is among `checksums`).
    pub sha256: Option<Sha256Digest>,
    /// The checksums asked for, in the API's order.
    pub checksums: Vec<Checksum>,
}

impl Digests {
    /// The checksum of an algorithm that was asked for.
    pub fn checksum(&self, algorithm: ChecksumAlgorithm) -> Option<Checksum> {
        self.checksums.iter().find(|checksum| checksum.algorithm() == algorithm).copied()
    }
}

/// Computes MD5, SHA-256 and any set of checksums in one pass. SHA-256 is computed once, even when it is both
/// the payload's hash and a checksum.
#[derive(Clone)]
pub struct MultiDigest {
    length: u64,
    md5: Option<Md5>,
    sha1: Option<Context>,
    sha256: Option<Context>,
    crcs: Vec<(ChecksumAlgorithm, crc_fast::Digest)>,
    payload_hash: bool,
    set: ChecksumSet,
}

impl MultiDigest {
    /// Begins: MD5 or not (an ETag under SSE-KMS or SSE-C is not one), the payload's SHA-256 or not, checksums.
    pub fn new(md5: bool, payload_sha256: bool, checksums: ChecksumSet) -> Self {
        let sha256 = payload_sha256 || checksums.contains(ChecksumAlgorithm::Sha256);
        let crcs = checksums
            .iter()
            .filter_map(|algorithm| Some((algorithm, crc_fast::Digest::new(crc(algorithm)?))));
        Self {
            length: 0,
            md5: md5.then(Md5::new),
            sha1: checksums
                .contains(ChecksumAlgorithm::Sha1)
                .then(|| Context::new(&SHA1_FOR_LEGACY_USE_ONLY)),
            sha256: sha256.then(|| Context::new(&SHA256)),
            crcs: crcs.collect(),
            payload_hash: payload_sha256,
            set: checksums,
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.length += data.len() as u64;
        for piece in data.chunks(DIGEST_PIECE_BYTES) {
            if let Some(md5) = &mut self.md5 {
                md5.update(piece);
            }
            for context in [&mut self.sha1, &mut self.sha256].into_iter().flatten() {
                context.update(piece);
            }
            for (_, crc) in &mut self.crcs {
                crc.update(piece);
            }
        }
    }

    /// Bytes seen so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Ends.
    pub fn finalize(self) -> Digests {
        let sha1 = self.sha1.map(finish::<20>);
        let sha256 = self.sha256.map(finish::<32>);
        let crcs = self.crcs;
        let checksum = |algorithm| {
            let value = match algorithm {
                ChecksumAlgorithm::Sha1 => sha1.as_ref().map(|value| &value[..]),
                ChecksumAlgorithm::Sha256 => sha256.as_ref().map(|value| &value[..]),
                ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32c | ChecksumAlgorithm::Crc64Nvme => {
                    let (_, crc) = crcs.iter().find(|(held, _)| *held == algorithm)?;
                    return Some(Checksum::from_crc(algorithm, crc.finalize()));
                }
            };
            Checksum::from_bytes(algorithm, value?).ok()
        };
        Digests {
            length: self.length,
            md5: self.md5.map(|md5| Md5Digest(md5.finalize().into())),
            sha256: sha256.filter(|_| self.payload_hash).map(Sha256Digest),
            checksums: self.set.iter().filter_map(checksum).collect(),
        }
    }
}

impl fmt::Debug for MultiDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiDigest")
            .field("length", &self.length)
            .field("set", &self.set)
            .finish_non_exhaustive()
    }
}

/// The library's name for a CRC; `None` for the hashes.
pub(super) fn crc(algorithm: ChecksumAlgorithm) -> Option<CrcAlgorithm> {
    match algorithm {
        ChecksumAlgorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
        ChecksumAlgorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
        ChecksumAlgorithm::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
        ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(data: &[u8]) -> Digests {
        let mut digest = MultiDigest::new(true, true, ChecksumAlgorithm::ALL.into_iter().collect());
        digest.update(data);
        digest.finalize()
    }

    #[test]
    fn known_answers_of_every_algorithm() {
        // The CRC catalogue's check values; RFC 1321 and FIPS 180 for the hashes.
        let found = all(b"123456789");
        let value = |algorithm| hex(found.checksum(algorithm).unwrap().as_bytes());
        assert_eq!(value(ChecksumAlgorithm::Crc32), "cbf43926");
        assert_eq!(value(ChecksumAlgorithm::Crc32c), "e3069283");
        assert_eq!(value(ChecksumAlgorithm::Crc64Nvme), "ae8b14860a799888");
        assert_eq!(value(ChecksumAlgorithm::Sha1), "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        let sha256 = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
        assert_eq!(value(ChecksumAlgorithm::Sha256), sha256);
        assert_eq!(found.sha256.unwrap().to_hex(), sha256);
        assert_eq!(found.md5.unwrap().to_hex(), "25f9e794323b453885f5181f1b624d0b");
        assert_eq!(found.length, 9);
    }

    #[test]
    fn known_answers_of_nothing() {
        let found = all(b"");
        assert_eq!(found.md5.unwrap().to_hex(), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(found.checksum(ChecksumAlgorithm::Crc32).unwrap().to_base64(), "AAAAAA==");
        assert_eq!(
            found.sha256.unwrap().to_hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn only_what_was_asked_for_is_given() {
        let digest = MultiDigest::new(false, false, ChecksumSet::EMPTY.with(ChecksumAlgorithm::Sha256));
        let found = digest.finalize();
        assert!(found.md5.is_none() && found.sha256.is_none());
        assert_eq!(found.checksums.len(), 1);
        assert_eq!(found.checksum(ChecksumAlgorithm::Sha1), None);
    }

    #[test]
    fn content_md5_is_strict() {
        let text = Md5Digest::of(b"").to_base64();
        assert_eq!(text, "1B2M2Y8AsgTpgAmY7PhCfg==");
        assert_eq!(Md5Digest::parse_base64(&text), Some(Md5Digest::of(b"")));
        for bad in ["", "1B2M2Y8AsgTpgAmY7PhCfg", "1B2M2Y8AsgTpgAmY7PhCfh==", "AAAA", &format!("{text} ")] {
            assert_eq!(Md5Digest::parse_base64(bad), None, "{bad:?}");
        }
    }

    /// Bit by bit, as the definition says.
    fn naive_crc(data: &[u8], polynomial: u64, ones: u64) -> u64 {
        data.iter().fold(ones, |crc, byte| {
            (0..8).fold(
                crc ^ u64::from(*byte),
                |crc, _| if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 },
            )
        }) ^ ones
    }

    proptest! {
        #[test]
        fn chunks_of_any_size_give_the_same_digests_and_crcs_follow_their_definition(
            data in prop::collection::vec(any::<u8>(), 0..40_000),
            chunk in 1usize..20_000,
        ) {
            let mut digest = MultiDigest::new(true, true, ChecksumAlgorithm::ALL.into_iter().collect());
            data.chunks(chunk).for_each(|piece| digest.update(piece));
            let found = digest.finalize();
            prop_assert_eq!(&found, &all(&data));
            for (algorithm, polynomial, ones) in [
                (ChecksumAlgorithm::Crc32, 0xedb8_8320, 0xffff_ffff),
                (ChecksumAlgorithm::Crc32c, 0x82f6_3b78, 0xffff_ffff),
                (ChecksumAlgorithm::Crc64Nvme, 0x9a6c_9329_ac4b_c9b5, u64::MAX),
            ] {
                prop_assert_eq!(found.checksum(algorithm).unwrap().to_crc(), naive_crc(&data, polynomial, ones));
            }
        }
    }
}
