//! The ETag and checksum of an object made of parts, from those of its parts.

use std::fmt;

use md5::{Digest as _, Md5};

use super::checksum::{Checksum, ChecksumAlgorithm, ChecksumParseError, ChecksumSet, ChecksumType};
use super::multi::{Md5Digest, MultiDigest, crc, hex};
use crate::limits::MAX_PARTS;

/// The ETag of a multipart object, without quotes: the MD5 of the parts' MD5s, a hyphen, the number of parts.
///
/// Source: S3 User Guide, "Checking object integrity", "Using part-level checksums for multipart uploads".
pub fn multipart_etag<'a>(parts: impl IntoIterator<Item = &'a Md5Digest>) -> String {
    let (mut md5, mut count) = (Md5::new(), 0usize);
    for part in parts {
        md5.update(part.as_bytes());
        count += 1;
    }
    format!("{}-{count}", hex(&md5.finalize()))
}

/// Parts' checksums do not make one of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CombineError {
    /// The algorithm has no checksum of this type.
    #[error("{algorithm} has no {} checksum", .kind.as_str())]
    Type {
        /// The algorithm.
        algorithm: ChecksumAlgorithm,
        /// The type asked for.
        kind: ChecksumType,
    },
    /// A part has a checksum of another algorithm.
    #[error("a part's checksum is of another algorithm than {0}")]
    Algorithm(ChecksumAlgorithm),
    /// There are no parts, or more than 10,000.
    #[error("an object has 1 to 10000 parts")]
    Parts,
}

/// A checksum as an object shows it: of its bytes, or of its parts with their number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MultipartChecksum {
    /// The value.
    pub checksum: Checksum,
    /// The number of parts of a composite checksum; `None` for a full-object one.
    pub parts: Option<u16>,
}

impl MultipartChecksum {
    /// Its type.
    pub fn kind(&self) -> ChecksumType {
        if self.parts.is_some() { ChecksumType::Composite } else { ChecksumType::FullObject }
    }

    /// Parses base64, for a composite checksum with `-N` (N from 1 to 10,000, without leading zeros).
    ///
    /// # Errors
    /// [`ChecksumParseError`] for anything else.
    pub fn parse(algorithm: ChecksumAlgorithm, text: &str) -> Result<Self, ChecksumParseError> {
        let Some((value, count)) = text.split_once('-') else {
            return Ok(Self { checksum: Checksum::parse(algorithm, text)?, parts: None });
        };
        let plain = count.bytes().all(|byte| byte.is_ascii_digit()) && !count.starts_with('0');
        let parts = count.parse::<u16>().ok().filter(|parts| plain && usize::from(*parts) <= MAX_PARTS);
        let parts = Some(parts.ok_or(ChecksumParseError { algorithm })?);
        Ok(Self { checksum: Checksum::parse(algorithm, value)?, parts })
    }
}

impl fmt::Display for MultipartChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.checksum.to_base64())?;
        self.parts.map_or(Ok(()), |parts| write!(f, "-{parts}"))
    }
}

impl fmt::Debug for MultipartChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.checksum.algorithm())
    }
}

/// The composite checksum: the algorithm over the parts' raw checksums, one after another.
///
/// # Errors
/// [`CombineError`], for an algorithm without composite checksums, a part of another one, or no parts.
pub fn composite_checksum<'a>(
    algorithm: ChecksumAlgorithm,
    parts: impl IntoIterator<Item = &'a Checksum>,
) -> Result<MultipartChecksum, CombineError> {
    let kind = ChecksumType::Composite;
    if !algorithm.supports(kind) {
        return Err(CombineError::Type { algorithm, kind });
    }
    let mut digest = MultiDigest::new(false, false, ChecksumSet::EMPTY.with(algorithm));
    let mut count = 0;
    for part in parts {
        if part.algorithm() != algorithm {
            return Err(CombineError::Algorithm(algorithm));
        }
        digest.update(part.as_bytes());
        count += 1;
    }
    let checksum = digest.finalize().checksum(algorithm).ok_or(CombineError::Algorithm(algorithm))?;
    Ok(MultipartChecksum { checksum, parts: Some(number_of_parts(count)?) })
}

/// The checksum of all bytes, from the CRCs and lengths of the parts, without a look at the bytes.
///
/// # Errors
/// [`CombineError`], for an algorithm that is no CRC, a part of another one, or no parts.
pub fn combine_full_object<'a>(
    algorithm: ChecksumAlgorithm,
    parts: impl IntoIterator<Item = (&'a Checksum, u64)>,
) -> Result<MultipartChecksum, CombineError> {
    let kind = ChecksumType::FullObject;
    let library = crc(algorithm).ok_or(CombineError::Type { algorithm, kind })?;
    let mut whole = None;
    let mut count = 0;
    for (part, length) in parts {
        if part.algorithm() != algorithm {
            return Err(CombineError::Algorithm(algorithm));
        }
        whole = Some(match whole {
            None => part.to_crc(),
            Some(before) => crc_fast::checksum_combine(library, before, part.to_crc(), length),
        });
        count += 1;
    }
    number_of_parts(count)?;
    let checksum = Checksum::from_crc(algorithm, whole.ok_or(CombineError::Parts)?);
    Ok(MultipartChecksum { checksum, parts: None })
}

fn number_of_parts(count: usize) -> Result<u16, CombineError> {
    if !(1..=MAX_PARTS).contains(&count) {
        return Err(CombineError::Parts);
    }
    u16::try_from(count).map_err(|_| CombineError::Parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checksum(algorithm: ChecksumAlgorithm, data: &[u8]) -> Checksum {
        let mut digest = MultiDigest::new(false, false, ChecksumSet::EMPTY.with(algorithm));
        digest.update(data);
        digest.finalize().checksum(algorithm).unwrap()
    }

    #[test]
    fn the_etag_of_parts_is_the_md5_of_their_md5s() {
        // Computed by Python's hashlib.
        let parts = [Md5Digest::of(b"a"), Md5Digest::of(b"b")];
        assert_eq!(multipart_etag(&parts), "96e024ba2074fe77e8e965ba43a704be-2");
        assert_eq!(multipart_etag(&parts[..1]), "b6ff9a06b7e20bcb2858c5b8ff744aea-1");
    }

    #[test]
    fn composite_checksums_cover_the_parts_checksums() {
        let algorithm = ChecksumAlgorithm::Sha256;
        let parts = [checksum(algorithm, b"one"), checksum(algorithm, b"two")];
        let joined = [parts[0].as_bytes(), parts[1].as_bytes()].concat();
        let found = composite_checksum(algorithm, &parts).unwrap();
        assert_eq!(found.to_string(), format!("{}-2", checksum(algorithm, &joined).to_base64()));
        assert_eq!(MultipartChecksum::parse(algorithm, &found.to_string()), Ok(found));
        assert_eq!(found.kind(), ChecksumType::Composite);
        assert_eq!(
            composite_checksum(ChecksumAlgorithm::Sha1, &parts),
            Err(CombineError::Algorithm(ChecksumAlgorithm::Sha1))
        );
        assert_eq!(composite_checksum(algorithm, &[]), Err(CombineError::Parts));
        let crc64 = ChecksumAlgorithm::Crc64Nvme;
        let refused = composite_checksum(crc64, &[]);
        assert_eq!(refused, Err(CombineError::Type { algorithm: crc64, kind: ChecksumType::Composite }));
    }

    #[test]
    fn hashes_have_no_full_object_checksum_of_parts() {
        for algorithm in [ChecksumAlgorithm::Sha1, ChecksumAlgorithm::Sha256] {
            let part = checksum(algorithm, b"x");
            let refused = combine_full_object(algorithm, [(&part, 1)]);
            assert_eq!(refused, Err(CombineError::Type { algorithm, kind: ChecksumType::FullObject }));
        }
        assert_eq!(combine_full_object(ChecksumAlgorithm::Crc32, []), Err(CombineError::Parts));
    }

    #[test]
    fn the_number_of_parts_is_written_one_way() {
        let crc = ChecksumAlgorithm::Crc32;
        assert_eq!(MultipartChecksum::parse(crc, "y/Q5Jg==-10000").unwrap().parts, Some(10_000));
        for bad in
            ["y/Q5Jg==-", "y/Q5Jg==-0", "y/Q5Jg==-01", "y/Q5Jg==-+1", "y/Q5Jg==-10001", "y/Q5Jg==-1-1", "-1"]
        {
            assert!(MultipartChecksum::parse(crc, bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn crcs_of_parts_combine_to_the_crc_of_the_whole(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 1..8),
        ) {
            for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32c, ChecksumAlgorithm::Crc64Nvme] {
                let sums: Vec<_> = parts.iter().map(|p| (checksum(algorithm, p), p.len() as u64)).collect();
                let found = combine_full_object(algorithm, sums.iter().map(|(sum, len)| (sum, *len))).unwrap();
                prop_assert_eq!(found.checksum, checksum(algorithm, &parts.concat()));
                prop_assert_eq!(found.parts, None);
            }
        }
    }
}
