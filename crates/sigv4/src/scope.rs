//! Credential scopes: the day, region and service that a signing key is good for.

use std::fmt;

use strongroom_types::{AccessKeyId, Region, Timestamp};

use crate::error::Problem;
use crate::limits::MAX_CREDENTIAL_BYTES;

const TERMINAL: &str = "aws4_request";

/// `20130524/us-east-1/s3/aws4_request`.
///
/// Source: IAM User Guide, "Elements of an AWS API request signature", "Credential scope".
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CredentialScope {
    date: [u8; 8],
    region: Region,
    service: Box<str>,
}

impl CredentialScope {
    /// The scope of what is signed at `signed_at` for `service` in `region`.
    ///
    /// # Errors
    /// [`Problem::Credential`] if the service is not of the characters that a scope allows.
    pub fn new(signed_at: Timestamp, region: Region, service: &str) -> Result<Self, Problem> {
        let date = date_of(signed_at);
        Ok(Self { date, region, service: parse_service(service)? })
    }

    /// The day, as in `20130524`.
    pub fn date(&self) -> &str {
        std::str::from_utf8(&self.date).unwrap_or_default()
    }

    /// The region.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The service's signing name, as in `s3`.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Whether the service canonicalises and treats payloads as S3 does.
    pub fn is_s3(&self) -> bool {
        matches!(&*self.service, "s3" | "s3express" | "s3-outposts" | "s3-object-lambda")
    }

    /// Whether a time, given as `20130524T000000Z`, lies on the day of the scope.
    pub(crate) fn is_of_day(&self, amz_date: &str) -> bool {
        amz_date.as_bytes().starts_with(&self.date)
    }
}

impl fmt::Display for CredentialScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINAL}", self.date(), self.region, self.service)
    }
}

impl fmt::Debug for CredentialScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An access key id and the scope that it signs for, as in `AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Whose key signed.
    pub access_key_id: AccessKeyId,
    /// What the key was derived for.
    pub scope: CredentialScope,
}

impl Credential {
    /// Parses the five parts.
    ///
    /// # Errors
    /// The [`Problem`] of the first part that is wrong.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() > MAX_CREDENTIAL_BYTES {
            return Err(Problem::Credential);
        }
        let mut parts = text.split('/');
        let mut next = || parts.next().ok_or(Problem::Credential);
        let (id, date, region, service, terminal) = (next()?, next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(Problem::Credential);
        }
        if id.is_empty() {
            return Err(Problem::EmptyAccessKeyId);
        }
        let digits = date.bytes().all(|byte| byte.is_ascii_digit());
        let date = <[u8; 8]>::try_from(date.as_bytes()).ok().filter(|_| digits).ok_or(Problem::ScopeDate)?;
        if terminal != TERMINAL {
            return Err(Problem::Terminal);
        }
        let region = region_near(region).ok_or(Problem::Credential)?;
        let service = parse_service(service)?;
        let access_key_id = AccessKeyId::parse(id).map_err(|_| Problem::AccessKeyId)?;
        Ok(Self { access_key_id, scope: CredentialScope { date, region, service } })
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.access_key_id, self.scope)
    }
}

/// The region, or for a name that no region has the nearest that one could have: it is refused as the wrong one, with the
/// right one in the answer, which clients wait for (s3cmd signs for `US` first). No signature made for the given name
/// verifies under another.
fn region_near(text: &str) -> Option<Region> {
    Region::parse(text).or_else(|_| Region::parse(&text.to_ascii_lowercase().replace('_', "-"))).ok()
}

fn parse_service(text: &str) -> Result<Box<str>, Problem> {
    let legal = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if legal && (1..=64).contains(&text.len()) { Ok(text.into()) } else { Err(Problem::Credential) }
}

fn date_of(time: Timestamp) -> [u8; 8] {
    let mut date = *b"00000000";
    for (slot, byte) in date.iter_mut().zip(time.to_amz_date().bytes()) {
        *slot = byte;
    }
    date
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_has_five_parts_and_reads_back() {
        let text = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
        let credential = Credential::parse(text).unwrap();
        assert_eq!(credential.to_string(), text);
        assert_eq!(credential.scope.date(), "20130524");
        assert!(credential.scope.is_s3());
        assert!(credential.scope.is_of_day("20130524T235959Z"));
        assert!(!credential.scope.is_of_day("20130525T000000Z"));
    }

    #[test]
    fn a_region_that_none_can_be_is_a_wrong_one_and_not_a_wrong_form() {
        let credential = Credential::parse("AKIAIOSFODNN7EXAMPLE/20130524/US/s3/aws4_request").unwrap();
        assert_eq!(credential.scope.region().as_str(), "us");
        let credential =
            Credential::parse("AKIAIOSFODNN7EXAMPLE/20130524/us_east_1/s3/aws4_request").unwrap();
        assert_ne!(credential.scope.to_string(), "20130524/us_east_1/s3/aws4_request");
    }

    #[test]
    fn each_wrong_part_of_a_credential_is_named() {
        for (bad, problem) in [
            ("", Problem::Credential),
            ("AKIAIOSFODNN7EXAMPLE", Problem::Credential),
            ("AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3", Problem::Credential),
            ("AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request/", Problem::Credential),
            ("AKIAIOSFODNN7EXAMPLE/20130524//s3/aws4_request", Problem::Credential),
            ("AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/S3/aws4_request", Problem::Credential),
            ("/20130524/us-east-1/s3/aws4_request", Problem::EmptyAccessKeyId),
            ("short/20130524/us-east-1/s3/aws4_request", Problem::AccessKeyId),
            ("AKIAIOSFODNN7EXAMPLE/2013052/us-east-1/s3/aws4_request", Problem::ScopeDate),
            ("AKIAIOSFODNN7EXAMPLE/2013-05-/us-east-1/s3/aws4_request", Problem::ScopeDate),
            ("AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_reques", Problem::Terminal),
        ] {
            assert_eq!(Credential::parse(bad), Err(problem), "{bad}");
        }
    }
}
