//! The additional checksums: their names, values and text.
//!
//! Source: S3 User Guide, "Checking object integrity in Amazon S3".

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

/// The longest checksum, SHA-256.
const MAX_BYTES: usize = 32;

/// An algorithm of S3's additional checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChecksumAlgorithm {
    /// CRC-32 (ISO-HDLC), 4 bytes.
    Crc32,
    /// CRC-32C (Castagnoli), 4 bytes.
    Crc32c,
    /// CRC-64/NVME, 8 bytes.
    Crc64Nvme,
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
}

/// Whether a multipart object's checksum covers its bytes or its parts' checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChecksumType {
    /// Over the parts' checksums, one after another; text ends in `-N`.
    Composite,
    /// Over the bytes of the object.
    FullObject,
}

impl ChecksumType {
    /// As in `x-amz-checksum-type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Composite => "COMPOSITE",
            Self::FullObject => "FULL_OBJECT",
        }
    }
}

impl ChecksumAlgorithm {
    /// All, in the order of the API's enumeration.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Sha1, Self::Sha256, Self::Crc64Nvme];

    /// As in `x-amz-checksum-algorithm`, `x-amz-sdk-checksum-algorithm` and XML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header or trailer that carries a value, in lower case.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// Reads the name, in whatever case, as AWS does.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
    }

    /// Reads the name of a header or trailer, in whatever case.
    pub fn from_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(name))
    }

    /// Bytes of a value.
    pub fn bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Whether a multipart upload may have a checksum of this type.
    ///
    /// Source: S3 User Guide, "Checking object integrity in Amazon S3", table "Full object and composite
    /// checksum types": CRC-64/NVME is full-object only, SHA-1 and SHA-256 are composite only.
    pub fn supports(self, kind: ChecksumType) -> bool {
        match self {
            Self::Crc32 | Self::Crc32c => true,
            Self::Crc64Nvme => kind == ChecksumType::FullObject,
            Self::Sha1 | Self::Sha256 => kind == ChecksumType::Composite,
        }
    }

    /// The type a multipart upload has when its creator names none.
    pub fn default_type(self) -> ChecksumType {
        match self {
            Self::Crc64Nvme => ChecksumType::FullObject,
            Self::Crc32 | Self::Crc32c | Self::Sha1 | Self::Sha256 => ChecksumType::Composite,
        }
    }
}

impl fmt::Display for ChecksumAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of algorithms to compute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChecksumSet(u8);

impl ChecksumSet {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// The set with one more algorithm.
    #[must_use]
    pub fn with(self, algorithm: ChecksumAlgorithm) -> Self {
        Self(self.0 | 1 << algorithm as u8)
    }

    /// Whether it is in the set.
    pub fn contains(self, algorithm: ChecksumAlgorithm) -> bool {
        self.0 & (1 << algorithm as u8) != 0
    }

    /// The algorithms in the set.
    pub fn iter(self) -> impl Iterator<Item = ChecksumAlgorithm> {
        ChecksumAlgorithm::ALL.into_iter().filter(move |algorithm| self.contains(*algorithm))
    }
}

impl FromIterator<ChecksumAlgorithm> for ChecksumSet {
    fn from_iter<I: IntoIterator<Item = ChecksumAlgorithm>>(algorithms: I) -> Self {
        algorithms.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// The text of a checksum is not canonical base64 of the algorithm's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {algorithm} checksum: it is the base64 of {} bytes", .algorithm.bytes())]
pub struct ChecksumParseError {
    /// The algorithm it was meant for.
    pub algorithm: ChecksumAlgorithm,
}

/// A checksum value. Comparison takes the same time wherever two values differ.
#[derive(Clone, Copy)]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    bytes: [u8; MAX_BYTES],
}

impl Checksum {
    /// From the raw value, most significant byte first.
    ///
    /// # Errors
    /// [`ChecksumParseError`] for another length than the algorithm's.
    pub fn from_bytes(algorithm: ChecksumAlgorithm, value: &[u8]) -> Result<Self, ChecksumParseError> {
        let mut bytes = [0; MAX_BYTES];
        match bytes.get_mut(..algorithm.bytes()) {
            Some(place) if place.len() == value.len() => place.copy_from_slice(value),
            _ => return Err(ChecksumParseError { algorithm }),
        }
        Ok(Self { algorithm, bytes })
    }

    /// Parses the text of a header, trailer or XML element: canonical base64 with padding, no blanks.
    ///
    /// # Errors
    /// [`ChecksumParseError`] for anything else (answered as `InvalidRequest`).
    pub fn parse(algorithm: ChecksumAlgorithm, text: &str) -> Result<Self, ChecksumParseError> {
        // Room for what the decoder estimates, which is up to two bytes more than the value has.
        let mut bytes = [0; MAX_BYTES + 4];
        let error = ChecksumParseError { algorithm };
        let length = STANDARD.decode_slice(text, &mut bytes).map_err(|_| error)?;
        Self::from_bytes(algorithm, bytes.get(..length).ok_or(error)?)
    }

    /// The CRC as a number: what the library gives.
    pub(super) fn from_crc(algorithm: ChecksumAlgorithm, value: u64) -> Self {
        let mut bytes = [0; MAX_BYTES];
        let all = value.to_be_bytes();
        let tail = all.iter().skip(all.len() - algorithm.bytes().min(all.len()));
        bytes.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
        Self { algorithm, bytes }
    }

    /// The number of a CRC.
    pub(super) fn to_crc(self) -> u64 {
        self.as_bytes().iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The raw value, most significant byte first.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.algorithm.bytes()).unwrap_or_default()
    }

    /// The text of headers and XML.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.as_bytes())
    }
}

impl PartialEq for Checksum {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

impl Eq for Checksum {}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.to_base64())
    }
}

/// The fuzz entry for the text of checksums: what parses is written the same way.
#[doc(hidden)]
pub fn fuzz_checksum_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for algorithm in ChecksumAlgorithm::ALL {
        if let Ok(checksum) = Checksum::parse(algorithm, text) {
            assert_eq!(checksum.to_base64(), text, "a checksum has one text");
        }
    }
    let _ = super::MultipartChecksum::parse(ChecksumAlgorithm::Crc32, text);
    let _ = super::Md5Digest::parse_base64(text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn checksum_text_is_strict() {
        let crc = ChecksumAlgorithm::Crc32;
        assert_eq!(Checksum::parse(crc, "y/Q5Jg==").unwrap().as_bytes(), [0xcb, 0xf4, 0x39, 0x26]);
        for bad in
            ["", "y/Q5Jg", "y/Q5Jg=", "y_Q5Jg==", "y/Q5Jh==", " y/Q5Jg==", "y/Q5Jg==\n", "y/Q5JgA=", "y/Q5"]
        {
            assert_eq!(Checksum::parse(crc, bad), Err(ChecksumParseError { algorithm: crc }), "{bad:?}");
        }
        assert!(Checksum::parse(ChecksumAlgorithm::Crc64Nvme, "y/Q5Jg==").is_err());
    }

    #[test]
    fn names_and_headers_are_read_in_any_case() {
        for algorithm in ChecksumAlgorithm::ALL {
            assert_eq!(ChecksumAlgorithm::from_name(&algorithm.as_str().to_lowercase()), Some(algorithm));
            assert_eq!(ChecksumAlgorithm::from_header(&algorithm.header().to_uppercase()), Some(algorithm));
        }
        assert_eq!(ChecksumAlgorithm::from_name("MD5"), None);
    }

    #[test]
    fn types_follow_the_documented_table() {
        use ChecksumType::{Composite, FullObject};
        for (algorithm, composite, full) in [
            (ChecksumAlgorithm::Crc32, true, true),
            (ChecksumAlgorithm::Crc32c, true, true),
            (ChecksumAlgorithm::Crc64Nvme, false, true),
            (ChecksumAlgorithm::Sha1, true, false),
            (ChecksumAlgorithm::Sha256, true, false),
        ] {
            assert_eq!((algorithm.supports(Composite), algorithm.supports(FullObject)), (composite, full));
            assert!(algorithm.supports(algorithm.default_type()));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,60}", bytes in any::<[u8; 32]>()) {
            fuzz_checksum_text(text.as_bytes());
            for algorithm in ChecksumAlgorithm::ALL {
                let checksum = Checksum::from_bytes(algorithm, &bytes[..algorithm.bytes()]).unwrap();
                prop_assert_eq!(Checksum::parse(algorithm, &checksum.to_base64()), Ok(checksum));
            }
        }
    }
}
