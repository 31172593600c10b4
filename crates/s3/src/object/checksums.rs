//! Stored checksums in outputs.

/// Sets the checksum members of an output from rows of checksums, and its type if there are any.
macro_rules! show_checksums {
    ($output:expr, $rows:expr) => {{
        let rows: &[$crate::row::ChecksumRow] = $rows;
        for row in rows {
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
        $output.checksum_type =
            rows.first().and_then(|row| strongroom_api_s3::ChecksumType::parse(&row.kind));
    }};
}
pub(crate) use show_checksums;

/// An ETag as headers and XML have it.
pub(crate) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}
