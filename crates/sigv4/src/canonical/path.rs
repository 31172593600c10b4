//! The canonical path.

use super::query::{QueryError, encode, reencode};

/// How a service canonicalises the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UriStyle {
    /// S3: encoded once, every byte of a key kept, `..` and `//` being names like others.
    Single,
    /// All others: dot segments and repeated slashes removed, then the encoded path encoded once more.
    DoubleNormalized,
}

/// The path as it is signed.
///
/// Source: IAM User Guide, "Create a signed AWS API request", "CanonicalUri".
pub(crate) fn canonical_path(style: UriStyle, raw: &str) -> Result<String, QueryError> {
    match style {
        UriStyle::Single if raw.is_empty() => Ok("/".to_owned()),
        UriStyle::Single => reencode(raw, false, true),
        UriStyle::DoubleNormalized => Ok(encode(&normalized(raw), true)),
    }
}

fn normalized(raw: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    let mut path = format!("/{}", kept.join("/"));
    if raw.ends_with('/') && !kept.is_empty() {
        path.push('/');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_keeps_every_byte_of_a_key_and_encodes_once() {
        for (raw, canonical) in [
            ("", "/"),
            ("/", "/"),
            ("/test.txt", "/test.txt"),
            ("/test$file.text", "/test%24file.text"),
            ("/test%24file.text", "/test%24file.text"),
            ("/a//b/../c/./d/", "/a//b/../c/./d/"),
            ("/a+b%2bc%20d", "/a%2Bb%2Bc%20d"),
            ("/%7euser/%e1%88%b4", "/~user/%E1%88%B4"),
            ("/ሴ", "/%E1%88%B4"),
            ("/%00%ff", "/%00%FF"),
        ] {
            assert_eq!(canonical_path(UriStyle::Single, raw).as_deref(), Ok(canonical), "{raw}");
        }
        assert!(canonical_path(UriStyle::Single, "/%").is_err());
    }

    #[test]
    fn other_services_normalise_and_encode_twice() {
        for (raw, canonical) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/./", "/"),
            ("/example/..", "/"),
            ("/example1/example2/../..", "/"),
            ("/../..", "/"),
            ("//example//", "/example/"),
            ("/./example", "/example"),
            ("/example%20space/", "/example%2520space/"),
            ("/2016-06-28/tags/arn%3Aaws%3Ax", "/2016-06-28/tags/arn%253Aaws%253Ax"),
            ("/-._~0123Aa", "/-._~0123Aa"),
        ] {
            assert_eq!(canonical_path(UriStyle::DoubleNormalized, raw).as_deref(), Ok(canonical), "{raw}");
        }
    }
}
