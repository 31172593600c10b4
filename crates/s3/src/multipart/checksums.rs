//! Additional checksums of uploads: which there may be, and how those of the parts become one of the object.
//!
//! Source: S3 User Guide, "Checking object integrity in Amazon S3", "Full object and composite checksum types".

use strongroom_crypto::{
    Checksum, ChecksumAlgorithm, ChecksumSet, ChecksumType, MultipartChecksum, combine_full_object,
    composite_checksum,
};
use strongroom_gate::ErrorReply;

use crate::error;
use crate::object::write_options::unknown_checksum;
use crate::row::{ChecksumRow, PartRow, UploadRow};

/// The checksum of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UploadChecksum {
    pub(super) algorithm: ChecksumAlgorithm,
    pub(super) kind: ChecksumType,
    /// Whether the upload's creator asked for it. Otherwise it is CRC64NVME, which S3 computes by itself.
    pub(super) asked: bool,
}

/// The checksum values that an input states, of the five algorithms that are built.
macro_rules! stated_checksums {
    ($input:expr) => {
        [
            (strongroom_crypto::ChecksumAlgorithm::Crc32, $input.checksum_crc32.as_deref()),
            (strongroom_crypto::ChecksumAlgorithm::Crc32c, $input.checksum_crc32c.as_deref()),
            (strongroom_crypto::ChecksumAlgorithm::Crc64Nvme, $input.checksum_crc64nvme.as_deref()),
            (strongroom_crypto::ChecksumAlgorithm::Sha1, $input.checksum_sha1.as_deref()),
            (strongroom_crypto::ChecksumAlgorithm::Sha256, $input.checksum_sha256.as_deref()),
        ]
        .into_iter()
        .filter_map(|(algorithm, value)| Some((algorithm, value?)))
    };
}
pub(super) use stated_checksums;

/// Sets the checksum members of an output about one part.
macro_rules! show_part_checksums {
    ($output:expr, $rows:expr) => {
        for row in $rows {
            let value = Some(row.value.clone());
            match row.algorithm.as_str() {
                "CRC32" => $output.checksum_crc32 = value,
                "CRC32C" => $output.checksum_crc32c = value,
                "CRC64NVME" => $output.checksum_crc64nvme = value,
                "SHA1" => $output.checksum_sha1 = value,
                "SHA256" => $output.checksum_sha256 = value,
                _ => {}
            }
        }
    };
}
pub(super) use show_part_checksums;

impl UploadChecksum {
    /// What CreateMultipartUpload asks for.
    ///
    /// # Errors
    /// `InvalidRequest` for a type without an algorithm or one that the algorithm does not have; `NotImplemented` for
    /// algorithms that are not built.
    pub(super) fn asked_for(
        algorithm: Option<strongroom_api_s3::ChecksumAlgorithm>,
        kind: Option<strongroom_api_s3::ChecksumType>,
    ) -> Result<Self, ErrorReply> {
        let Some(algorithm) = algorithm else {
            if kind.is_some() {
                return Err(error::invalid_request(
                    "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
                ));
            }
            return Ok(Self::unasked());
        };
        let algorithm = ChecksumAlgorithm::from_name(algorithm.as_str()).ok_or_else(unknown_checksum)?;
        let kind = match kind {
            None => algorithm.default_type(),
            Some(strongroom_api_s3::ChecksumType::Composite) => ChecksumType::Composite,
            Some(strongroom_api_s3::ChecksumType::FullObject) => ChecksumType::FullObject,
        };
        if !algorithm.supports(kind) {
            return Err(error::invalid_request(format!(
                "The {} checksum type cannot be used with the {} checksum algorithm.",
                kind.as_str(),
                lower(algorithm),
            )));
        }
        Ok(Self { algorithm, kind, asked: true })
    }

    fn unasked() -> Self {
        Self { algorithm: ChecksumAlgorithm::Crc64Nvme, kind: ChecksumType::FullObject, asked: false }
    }

    /// The checksum of an upload that is there.
    pub(super) fn of(upload: &UploadRow) -> Result<Self, ErrorReply> {
        let Some(algorithm) = &upload.checksum_algorithm else { return Ok(Self::unasked()) };
        let algorithm = ChecksumAlgorithm::from_name(algorithm).ok_or_else(error::internal)?;
        let kinds = [ChecksumType::Composite, ChecksumType::FullObject];
        let kind = kinds.into_iter().find(|kind| upload.checksum_type.as_deref() == Some(kind.as_str()));
        Ok(Self { algorithm, kind: kind.ok_or_else(error::internal)?, asked: true })
    }

    /// Checks which checksums UploadPart states, and gives those to compute. Where the upload has composite ones, each
    /// part must come with its own; where it has none of its own, a part may come with any.
    ///
    /// # Errors
    /// `InvalidRequest`.
    pub(super) fn of_part(self, stated: ChecksumSet) -> Result<ChecksumSet, ErrorReply> {
        let computed = ChecksumSet::EMPTY.with(self.algorithm);
        if !self.asked || stated.contains(self.algorithm) {
            return Ok(computed);
        }
        match stated.iter().next() {
            Some(other) => Err(mismatch(self.algorithm, &lower(other))),
            None if self.kind == ChecksumType::Composite => Err(mismatch(self.algorithm, "null")),
            None => Ok(computed),
        }
    }

    /// The checksum of the object, from those of its parts.
    pub(super) fn of_object(self, parts: &[&PartRow]) -> Result<MultipartChecksum, ErrorReply> {
        let sums = parts.iter().map(|part| self.of_stored(part)).collect::<Result<Vec<_>, _>>()?;
        let combined = match self.kind {
            ChecksumType::Composite => composite_checksum(self.algorithm, &sums),
            ChecksumType::FullObject => {
                let lengths = parts.iter().map(|part| part.blob.plain_bytes);
                combine_full_object(self.algorithm, sums.iter().zip(lengths))
            }
        };
        combined.map_err(|_| error::internal())
    }

    fn of_stored(self, part: &PartRow) -> Result<Checksum, ErrorReply> {
        let row = part.checksums.iter().find(|row| row.algorithm == self.algorithm.as_str());
        let row = row.ok_or_else(error::internal)?;
        Checksum::parse(self.algorithm, &row.value).map_err(|_| error::internal())
    }

    /// As a row.
    pub(super) fn row(self, value: &MultipartChecksum) -> ChecksumRow {
        ChecksumRow {
            algorithm: self.algorithm.as_str().to_owned(),
            value: value.to_string(),
            kind: self.kind.as_str().to_owned(),
        }
    }

    /// Compares the object's checksum with the one that CompleteMultipartUpload states in a header. The number of parts
    /// behind a composite one may be left out.
    ///
    /// # Errors
    /// `InvalidRequest` for another algorithm or a value that is none, `BadDigest` for another value.
    pub(super) fn check_stated(
        self,
        found: &MultipartChecksum,
        (algorithm, value): (ChecksumAlgorithm, &str),
    ) -> Result<(), ErrorReply> {
        if algorithm != self.algorithm {
            return Err(mismatch(self.algorithm, &lower(algorithm)));
        }
        let stated = MultipartChecksum::parse(algorithm, value).map_err(|_| {
            error::invalid_request(format!("Value for {} header is invalid.", algorithm.header()))
        })?;
        let count = stated.parts.is_none() || stated.parts == found.parts;
        if stated.checksum == found.checksum && count {
            return Ok(());
        }
        let name = lower(algorithm);
        let message = format!("The {name} you specified did not match the calculated checksum.");
        Err(ErrorReply::new(400, "BadDigest", message))
    }

    /// Checks the checksum type that CompleteMultipartUpload states.
    ///
    /// # Errors
    /// `InvalidRequest` for another than the upload's.
    pub(super) fn check_kind(
        self,
        stated: Option<strongroom_api_s3::ChecksumType>,
    ) -> Result<(), ErrorReply> {
        let kind = self.kind.as_str();
        if stated.is_none_or(|stated| stated.as_str() == kind) {
            return Ok(());
        }
        Err(error::invalid_request(format!(
            "The upload was created using the {kind} checksum mode. The complete request must use the same checksum \
             mode."
        )))
    }

    /// The answer to a part without its checksum in the list of a composite upload.
    pub(super) fn missing_of_part(self, number: u16) -> ErrorReply {
        error::invalid_request(format!(
            "The upload was created using a {} checksum. The complete request must include the checksum for each part. \
             It was missing for part {number} in the request.",
            lower(self.algorithm)
        ))
    }
}

/// The name of an algorithm as messages have it.
fn lower(algorithm: ChecksumAlgorithm) -> String {
    algorithm.as_str().to_ascii_lowercase()
}

fn mismatch(expected: ChecksumAlgorithm, actual: &str) -> ErrorReply {
    error::invalid_request(format!(
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {actual}",
        lower(expected)
    ))
}
