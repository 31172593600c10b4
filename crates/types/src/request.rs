//! Requests.

use std::fmt;

use crate::{Malformed, hex, unhex};

/// The id of a request (`x-amz-request-id`): 16 upper-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId([u8; 8]);

impl RequestId {
    /// From random bytes, or from a stored record.
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Parses 16 upper-case hexadecimal digits.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(Malformed { kind: "request id" });
        }
        unhex(&text.to_ascii_lowercase()).map(Self).ok_or(Malformed { kind: "request id" })
    }

    /// The 8 bytes.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0).to_ascii_uppercase())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The extended request id (`x-amz-id-2`): opaque text that names the answering server and request.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HostId(String);

impl HostId {
    /// Base64 of 48 bytes, as long as AWS's.
    pub fn from_bytes(bytes: &[u8; 48]) -> Self {
        use base64::Engine as _;
        Self(base64::engine::general_purpose::STANDARD.encode(bytes))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_round_trip() {
        let id = RequestId::from_bytes([0xab; 8]);
        assert_eq!(id.to_string(), "ABABABABABABABAB");
        assert_eq!(RequestId::parse(&id.to_string()), Ok(id));
        assert!(RequestId::parse("abababababababab").is_err());
    }
}
