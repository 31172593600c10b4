//! Buckets.

use std::fmt;

use crate::{Malformed, hex, unhex};

/// The name of a general purpose bucket, valid under the naming rules.
///
/// Source: S3 User Guide, "General purpose bucket naming rules".
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketName(Box<str>);

/// Why a bucket name is refused (answered as `InvalidBucketName`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BucketNameError {
    /// Not 3 to 63 characters.
    #[error("bucket names are 3 to 63 characters long")]
    Length,
    /// A character outside a–z, 0–9, `.` and `-`.
    #[error("bucket names hold only lower-case letters, digits, periods and hyphens")]
    Character,
    /// A first or last character that is not a letter or digit, or two periods in a row.
    #[error("bucket names and the parts between their periods begin and end with a letter or digit")]
    Edge,
    /// Formatted like an IP address.
    #[error("bucket names are not formatted as IP addresses")]
    Address,
    /// A prefix or suffix that AWS reserves.
    #[error("this bucket name has a reserved prefix or suffix")]
    Reserved,
}

const RESERVED_PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
const RESERVED_SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

impl BucketName {
    /// Parses a name for a bucket.
    ///
    /// # Errors
    /// [`BucketNameError`], one variant a rule.
    pub fn parse(text: &str) -> Result<Self, BucketNameError> {
        if !(3..=63).contains(&text.len()) {
            return Err(BucketNameError::Length);
        }
        if !text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-')) {
            return Err(BucketNameError::Character);
        }
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        if !edge(bytes.first()) || !edge(bytes.last()) || text.contains("..") {
            return Err(BucketNameError::Edge);
        }
        if text.parse::<std::net::Ipv4Addr>().is_ok() {
            return Err(BucketNameError::Address);
        }
        let reserved = RESERVED_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
            || RESERVED_SUFFIXES.iter().any(|suffix| text.ends_with(suffix));
        if reserved {
            return Err(BucketNameError::Reserved);
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A bucket's incarnation: random, so that a bucket made again under an old name shares nothing with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketId([u8; 16]);

impl BucketId {
    /// From random bytes, or from a stored row.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Parses 32 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        unhex(text).map(Self).ok_or(Malformed { kind: "bucket id" })
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naming_rules_hold() {
        for good in ["abc", "my-bucket.logs", "0bucket9", "1.2.3", "a.b", &"a".repeat(63)] {
            assert!(BucketName::parse(good).is_ok(), "{good}");
        }
        use BucketNameError::{Address, Character, Edge, Length, Reserved};
        for (bad, why) in [
            ("ab", Length),
            (&*"a".repeat(64), Length),
            ("Bucket", Character),
            ("a_b", Character),
            ("a/b", Character),
            ("a\r\nb", Character),
            ("bücket", Character),
            ("-abc", Edge),
            ("abc-", Edge),
            (".abc", Edge),
            ("a..b", Edge),
            ("192.168.5.4", Address),
            ("xn--abc", Reserved),
            ("abc-s3alias", Reserved),
            ("abc--x-s3", Reserved),
        ] {
            assert_eq!(BucketName::parse(bad), Err(why), "{bad}");
        }
    }
}
