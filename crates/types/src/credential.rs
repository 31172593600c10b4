//! Access keys.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::Malformed;

/// Base 32 alphabet of AWS's unique ids (RFC 4648).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// An access key id: `AKIA…` (long term) or `ASIA…` (temporary) and upper-case letters and digits, 16 to 128 in all.
///
/// Source: IAM API Reference, `AccessKey`, and IAM User Guide, "Understanding unique ID prefixes".
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessKeyId(Box<str>);

impl AccessKeyId {
    /// Parses 16 to 128 word characters.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if word && (16..=128).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(Malformed { kind: "access key id" })
        }
    }

    /// A long-term key id: `AKIA` and 16 characters of 5 random bits each.
    pub fn long_term(random: [u8; 16]) -> Self {
        // INVARIANT: five bits always index the alphabet of 32.
        let letter = |byte: u8| BASE32.get(usize::from(byte & 31)).map_or('A', |letter| char::from(*letter));
        Self(format!("AKIA{}", random.into_iter().map(letter).collect::<String>()).into())
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A secret access key: zeroised when dropped, compared in constant time, never printed by `Debug`.
#[derive(Clone)]
pub struct SecretAccessKey(Zeroizing<String>);

impl SecretAccessKey {
    /// Takes the text of a secret.
    pub fn new(secret: String) -> Self {
        Self(Zeroizing::new(secret))
    }

    /// A secret of 40 characters from 30 random bytes, as long as AWS's.
    pub fn from_random(random: &[u8; 30]) -> Self {
        use base64::Engine as _;
        Self(Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(random)))
    }

    /// The secret itself, for deriving keys and for showing it once to its new owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for SecretAccessKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for SecretAccessKey {}

impl fmt::Debug for SecretAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretAccessKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_in_its_debug_output() {
        let secret = SecretAccessKey::from_random(&[7; 30]);
        assert_eq!(secret.expose().len(), 40);
        assert!(!format!("{secret:?}").contains(secret.expose()));
        assert_eq!(secret, SecretAccessKey::new(secret.expose().to_owned()));
    }

    #[test]
    fn key_ids_have_their_form() {
        assert_eq!(AccessKeyId::long_term([0; 16]).as_str(), "AKIAAAAAAAAAAAAAAAAA");
        for bad in ["", "AKIA", "AKIA AAAAAAAAAAAAAAA", "AKIA/AAAAAAAAAAAAAAA"] {
            assert!(AccessKeyId::parse(bad).is_err());
        }
    }
}
