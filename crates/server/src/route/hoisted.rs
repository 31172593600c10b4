//! Headers that stand in the query of a presigned URL.

use http::{HeaderMap, HeaderName, HeaderValue};
use strongroom_gate::ErrorReply;

/// Parameters that are about the signature or the body as it is sent, and no headers.
const OF_THE_SIGNATURE: [&str; 12] = [
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-expires",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
    "x-amz-trailer",
    "x-amz-user-agent",
];

/// Keys of customers. Whoever has a URL must not have the key with it, and a URL gets into logs.
const SECRET: &str = "server-side-encryption-customer-";

/// The headers of a request by a presigned URL, with those that its maker put into the query: SDKs move `x-amz-…` there,
/// where the signature covers them, and S3 takes them for headers. Checksums are left out: what made the URL had no body.
///
/// Source: S3 API Reference, "Authenticating Requests: Using Query Parameters".
///
/// # Errors
/// `InvalidArgument` for what is no header's value, contradicts a header, or is a customer's key.
pub(crate) fn hoisted(mut headers: HeaderMap, query: &[(String, String)]) -> Result<HeaderMap, ErrorReply> {
    for (name, value) in query {
        let lower = name.to_ascii_lowercase();
        let checksum = lower.starts_with("x-amz-checksum-") && lower != "x-amz-checksum-mode";
        if !lower.starts_with("x-amz-") || checksum || OF_THE_SIGNATURE.contains(&lower.as_str()) {
            continue;
        }
        if lower.contains(SECRET) {
            let message =
                "Customer-provided encryption keys must be sent in headers, not in the query string.";
            return Err(invalid(message, &lower));
        }
        let header = HeaderName::from_bytes(lower.as_bytes());
        let (Ok(header), Ok(value)) = (header, HeaderValue::from_bytes(value.as_bytes())) else {
            return Err(invalid(
                "A parameter of the query string has a value that no header can have.",
                &lower,
            ));
        };
        match headers.get(&header) {
            Some(given) if *given != value => {
                return Err(invalid("A header contradicts the query string.", &lower));
            }
            Some(_) => {}
            None => drop(headers.insert(header, value)),
        }
    }
    Ok(headers)
}

fn invalid(message: &'static str, name: &str) -> ErrorReply {
    ErrorReply::new(400, "InvalidArgument", message).member("ArgumentName", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(
        headers: &[(&'static str, &'static str)],
        query: &[(&str, &str)],
    ) -> Result<Vec<String>, ErrorReply> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        let query: Vec<_> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let found = hoisted(map, &query)?;
        let mut all: Vec<_> =
            found.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap_or("?"))).collect();
        all.sort();
        Ok(all)
    }

    #[test]
    fn what_the_url_says_counts_as_headers_do() {
        let signature = [("X-Amz-Signature", "s"), ("X-Amz-Date", "d"), ("X-Amz-SignedHeaders", "host")];
        assert_eq!(ask(&[("host", "h")], &signature), Ok(vec!["host=h".to_owned()]));
        let all = ask(
            &[("x-amz-acl", "private")],
            &[("X-Amz-Acl", "private"), ("x-amz-meta-a", "1"), ("x-id", "y")],
        );
        assert_eq!(all, Ok(vec!["x-amz-acl=private".to_owned(), "x-amz-meta-a=1".to_owned()]));
        let checksums = [("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-mode", "ENABLED")];
        assert_eq!(ask(&[], &checksums), Ok(vec!["x-amz-checksum-mode=ENABLED".to_owned()]));
    }

    #[test]
    fn what_contradicts_or_is_a_key_or_no_header_is_refused() {
        for (headers, parameter) in [
            (&[("x-amz-acl", "private")][..], ("x-amz-acl", "public-read")),
            (&[], ("x-amz-server-side-encryption-customer-key", "a")),
            (&[], ("X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key-MD5", "a")),
            (&[], ("x-amz-meta-a", "1\r\nx: y")),
            (&[], ("x-amz-meta-a b", "1")),
        ] {
            let refused = ask(headers, &[parameter]).map_err(|error| error.code.into_owned());
            assert_eq!(refused, Err("InvalidArgument".to_owned()), "{parameter:?}");
        }
        // Twice, and not the same.
        assert!(ask(&[], &[("x-amz-meta-a", "1"), ("x-amz-meta-a", "2")]).is_err());
    }
}
