//! Accounts and their canonical users.

use std::fmt;

use crate::{Malformed, hex, unhex};

/// An AWS account id: twelve decimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(u64);

impl AccountId {
    /// Parses exactly twelve digits.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().map(Self).map_err(|_| Malformed { kind: "account id" })
        } else {
            Err(Malformed { kind: "account id" })
        }
    }

    /// An account id drawn from random bytes; never one with a leading zero, which spreadsheets eat.
    pub fn from_random(random: [u8; 8]) -> Self {
        const FIRST: u64 = 100_000_000_000;
        Self(FIRST + u64::from_be_bytes(random) % (9 * FIRST))
    }

    /// The id as a number, for compact keys.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The obfuscated account id that ACLs and access logs use: 64 hexadecimal digits.
///
/// Source: S3 User Guide, "Access control list (ACL) overview", "Finding an AWS account canonical user ID".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CanonicalUserId([u8; 32]);

impl CanonicalUserId {
    /// Parses 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        unhex(text).map(Self).ok_or(Malformed { kind: "canonical user id" })
    }

    /// A canonical id made of random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes behind the digits.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for CanonicalUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for CanonicalUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_are_twelve_digits() {
        assert_eq!(AccountId::parse("012345678901").unwrap().to_string(), "012345678901");
        for bad in ["", "12345678901", "1234567890123", "12345678901x", "+12345678901", " 12345678901"] {
            assert!(AccountId::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(AccountId::from_random([0xff; 8]).to_string().len(), 12);
        assert_eq!(AccountId::from_random([0; 8]).to_string(), "100000000000");
    }

    #[test]
    fn canonical_ids_round_trip() {
        let id = CanonicalUserId::from_bytes([0xab; 32]);
        assert_eq!(CanonicalUserId::parse(&id.to_string()), Ok(id));
        assert!(CanonicalUserId::parse(&"AB".repeat(32)).is_err());
    }
}
