//! Amazon Resource Names.

use std::fmt;

/// An ARN: `arn:partition:service:region:account:resource`, kept as text and as the places of its parts.
///
/// Source: IAM User Guide, "Identify AWS resources with Amazon Resource Names (ARNs)".
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn {
    text: String,
    colons: [usize; 5],
}

/// Why a text is not an ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an ARN has the form arn:partition:service:region:account-id:resource")]
pub struct ArnError;

impl Arn {
    /// Longest accepted ARN in bytes (S3 keys are up to 1,024 bytes; IAM paths up to 512).
    pub const MAX_BYTES: usize = 2048;

    /// Parses an ARN. The account and the region may be empty, the service and the resource may not.
    ///
    /// # Errors
    /// [`ArnError`] for fewer than six parts, another prefix, or an empty service or resource.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        if text.len() > Self::MAX_BYTES || !text.starts_with("arn:") {
            return Err(ArnError);
        }
        let mut colons = [0; 5];
        let mut found = text.bytes().enumerate().filter(|(_, byte)| *byte == b':').map(|(at, _)| at);
        for slot in &mut colons {
            *slot = found.next().ok_or(ArnError)?;
        }
        let arn = Self { text: text.to_owned(), colons };
        if arn.partition().is_empty() || arn.service().is_empty() || arn.resource().is_empty() {
            return Err(ArnError);
        }
        Ok(arn)
    }

    /// Builds an ARN in the partition `aws`. The parts come from types of this crate, so they hold no colon.
    pub fn new(service: &str, region: &str, account: &str, resource: &str) -> Self {
        let text = format!("arn:aws:{service}:{region}:{account}:{resource}");
        let second = 7 + 1 + service.len();
        let third = second + 1 + region.len();
        Self { colons: [3, 7, second, third, third + 1 + account.len()], text }
    }

    fn between(&self, first: usize, last: usize) -> &str {
        self.text.get(first + 1..last).unwrap_or_default()
    }

    /// `aws` in all that this store makes.
    pub fn partition(&self) -> &str {
        self.between(self.colons[0], self.colons[1])
    }

    /// The service's prefix, as in `s3`.
    pub fn service(&self) -> &str {
        self.between(self.colons[1], self.colons[2])
    }

    /// The region, empty for S3 buckets and IAM.
    pub fn region(&self) -> &str {
        self.between(self.colons[2], self.colons[3])
    }

    /// The account id, empty for S3 buckets.
    pub fn account(&self) -> &str {
        self.between(self.colons[3], self.colons[4])
    }

    /// Everything after the fifth colon; may hold colons and slashes of its own.
    pub fn resource(&self) -> &str {
        self.between(self.colons[4], self.text.len())
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_and_building_agrees_with_parsing() {
        let arn = Arn::parse("arn:aws:s3:::bucket/a:b/c").unwrap();
        assert_eq!((arn.service(), arn.region(), arn.account()), ("s3", "", ""));
        assert_eq!(arn.resource(), "bucket/a:b/c");
        assert_eq!(Arn::new("s3", "", "", "bucket/a:b/c"), arn);
        let iam = Arn::new("iam", "", "123456789012", "user/x");
        assert_eq!(iam.account(), "123456789012");
        assert_eq!(Arn::parse(iam.as_str()).unwrap(), iam);
    }

    #[test]
    fn refuses_what_lacks_a_part() {
        for bad in
            ["", "arn", "arn:aws:s3::", "arn:aws::::x", "arn:aws:s3:::", "urn:aws:s3:::b", "arn::s3:::b"]
        {
            assert!(Arn::parse(bad).is_err(), "{bad}");
        }
    }
}
