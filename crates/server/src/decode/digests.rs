//! What a request's headers say of its body.

use http::HeaderMap;
use strongroom_crypto::{Checksum, ChecksumAlgorithm, Md5Digest};
use strongroom_gate::{ErrorReply, ExpectedDigests};

const CHECKSUM_PREFIX: &str = "x-amz-checksum-";

/// Headers with the prefix of checksums that are none.
const NOT_CHECKSUMS: [&str; 3] = ["x-amz-checksum-mode", "x-amz-checksum-algorithm", "x-amz-checksum-type"];

/// Reads `Content-MD5`, `x-amz-checksum-…` and `x-amz-trailer`.
///
/// # Errors
/// `InvalidDigest`, `InvalidRequest` for values that are no digests, and for more than one checksum.
pub(crate) fn expected_digests(
    headers: &HeaderMap,
    length: Option<u64>,
    whole_object: bool,
) -> Result<ExpectedDigests, ErrorReply> {
    let mut expected = ExpectedDigests { length, ..ExpectedDigests::default() };
    let mut md5 = headers.get_all("content-md5").iter();
    if let Some(value) = md5.next() {
        let digest = value.to_str().ok().and_then(Md5Digest::parse_base64);
        // A field of one value: of two, even equal ones, whoever is asked might take the other (RFC 9110, section 5.3).
        let digest = digest.filter(|_| md5.next().is_none());
        expected.md5 = Some(digest.ok_or_else(|| {
            ErrorReply::new(400, "InvalidDigest", "The Content-MD5 you specified is not valid.")
        })?);
    }
    let stated = headers.iter().filter(|(name, _)| {
        name.as_str().starts_with(CHECKSUM_PREFIX) && !NOT_CHECKSUMS.contains(&name.as_str())
    });
    if whole_object {
        for (name, value) in stated {
            expected.checksums.push(checksum(name.as_str(), value.to_str().unwrap_or_default())?);
        }
        if let Some(names) = headers.get("x-amz-trailer") {
            expected.trailing = trailing(names.to_str().unwrap_or_default())?;
        }
    }
    if expected.checksums.len() + usize::from(expected.trailing.is_some()) > 1 {
        let message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
        return Err(ErrorReply::new(400, "InvalidRequest", message));
    }
    Ok(expected)
}

fn checksum(name: &str, text: &str) -> Result<Checksum, ErrorReply> {
    let algorithm = ChecksumAlgorithm::from_header(name).ok_or_else(|| unsupported(name))?;
    Checksum::parse(algorithm, text)
        .map_err(|_| ErrorReply::new(400, "InvalidRequest", format!("Value for {name} header is invalid.")))
}

fn trailing(names: &str) -> Result<Option<ChecksumAlgorithm>, ErrorReply> {
    let mut found = None;
    for name in names.split(',').map(|name| name.trim().to_lowercase()) {
        if name.starts_with(CHECKSUM_PREFIX) {
            found = Some(ChecksumAlgorithm::from_header(&name).ok_or_else(|| unsupported(&name))?);
        }
    }
    Ok(found)
}

fn unsupported(name: &str) -> ErrorReply {
    ErrorReply::new(
        501,
        "NotImplemented",
        format!("{name} is not supported here. Use CRC32, CRC32C, CRC64NVME, SHA1 or SHA256."),
    )
}

/// Demands that a body bears a digest, as DeleteObjects and most configurations do.
///
/// # Errors
/// `InvalidRequest`.
pub(crate) fn require_digest(expected: &ExpectedDigests) -> Result<(), ErrorReply> {
    if expected.md5.is_none() && expected.checksums.is_empty() && expected.trailing.is_none() {
        let message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
        return Err(ErrorReply::new(400, "InvalidRequest", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn one_checksum_at_most() {
        let one = headers(&[("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-mode", "ENABLED")]);
        assert_eq!(expected_digests(&one, None, true).unwrap().checksums.len(), 1);
        let two =
            headers(&[("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-trailer", "x-amz-checksum-crc32c")]);
        assert_eq!(expected_digests(&two, None, true).unwrap_err().code, "InvalidRequest");
    }

    #[test]
    fn malformed_digests_are_refused() {
        let md5 = headers(&[("content-md5", "abc")]);
        assert_eq!(expected_digests(&md5, None, true).unwrap_err().code, "InvalidDigest");
        let good = "1B2M2Y8AsgTpgAmY7PhCfg==";
        assert!(expected_digests(&headers(&[("content-md5", good)]), None, true).is_ok());
        for other in [good, "AAAAAAAAAAAAAAAAAAAAAA=="] {
            let twice = headers(&[("content-md5", good), ("content-md5", other)]);
            assert_eq!(expected_digests(&twice, None, true).unwrap_err().code, "InvalidDigest");
        }
        let crc = headers(&[("x-amz-checksum-crc32", "abc")]);
        assert_eq!(expected_digests(&crc, None, true).unwrap_err().code, "InvalidRequest");
        let other = headers(&[("x-amz-checksum-sha512", "abc")]);
        assert_eq!(expected_digests(&other, None, true).unwrap_err().code, "NotImplemented");
        assert!(require_digest(&expected_digests(&HeaderMap::new(), None, true).unwrap()).is_err());
    }
}
