//! Objects, their versions, uploads and blobs.

use std::fmt;

use crate::{Malformed, hex, unhex};

/// The key of an object: 1 to 1,024 bytes of UTF-8. Every byte is a plain byte of the name: `..`, `//`, a leading
/// slash and control characters mean nothing here.
///
/// Source: S3 User Guide, "Naming Amazon S3 objects".
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(Box<str>);

/// Why a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ObjectKeyError {
    /// Empty.
    #[error("an object key has at least one byte")]
    Empty,
    /// Longer than 1,024 bytes (answered as `KeyTooLongError`).
    #[error("an object key has at most 1024 bytes of UTF-8")]
    TooLong,
    /// Not UTF-8.
    #[error("an object key is UTF-8 text")]
    NotUtf8,
}

impl ObjectKey {
    /// Longest key, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Parses a key from text.
    ///
    /// # Errors
    /// [`ObjectKeyError::Empty`] or [`ObjectKeyError::TooLong`].
    pub fn parse(text: &str) -> Result<Self, ObjectKeyError> {
        match text.len() {
            0 => Err(ObjectKeyError::Empty),
            1..=Self::MAX_BYTES => Ok(Self(text.into())),
            _ => Err(ObjectKeyError::TooLong),
        }
    }

    /// Parses a key from percent-decoded bytes.
    ///
    /// # Errors
    /// As [`ObjectKey::parse`], and [`ObjectKeyError::NotUtf8`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ObjectKeyError> {
        Self::parse(std::str::from_utf8(bytes).map_err(|_| ObjectKeyError::NotUtf8)?)
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes of the key; their order is the order of listings.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The id of a version: `null`, or 32 characters that tell nothing.
///
/// Source: S3 User Guide, "Retaining multiple versions of objects with S3 Versioning", "Version IDs".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VersionId {
    /// The version written while versioning was off or suspended.
    Null,
    /// A version of its own.
    Id([u8; 16]),
}

impl VersionId {
    /// Parses `null` or 32 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`Malformed`] otherwise (answered as `InvalidArgument`, "Invalid version id specified").
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text == "null" {
            return Ok(Self::Null);
        }
        unhex(text).map(Self::Id).ok_or(Malformed { kind: "version id" })
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Id(bytes) => f.write_str(&hex(bytes)),
        }
    }
}

impl fmt::Debug for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// From random bytes, or from a stored row.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Parses 32 lower-case hexadecimal digits.
            ///
            /// # Errors
            /// [`Malformed`] for anything else.
            pub fn parse(text: &str) -> Result<Self, Malformed> {
                unhex(text).map(Self).ok_or(Malformed { kind: $kind })
            }

            /// The 16 bytes.
            pub fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

random_id!(
    /// The id of a multipart upload.
    UploadId,
    "upload id"
);
random_id!(
    /// The id of a sealed blob: random, never reused, the name under which its bytes lie.
    BlobId,
    "blob id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_plain_bytes() {
        for good in ["..", "/", "a//b", "../../x", "\u{1}", "\0", "ключ"] {
            assert_eq!(ObjectKey::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(ObjectKey::parse(""), Err(ObjectKeyError::Empty));
        assert!(ObjectKey::parse(&"é".repeat(512)).is_ok());
        assert_eq!(ObjectKey::parse(&"é".repeat(513)), Err(ObjectKeyError::TooLong));
        assert_eq!(ObjectKey::from_bytes(b"\xff"), Err(ObjectKeyError::NotUtf8));
    }

    #[test]
    fn version_ids_round_trip() {
        for id in [VersionId::Null, VersionId::Id([9; 16])] {
            assert_eq!(VersionId::parse(&id.to_string()), Ok(id));
        }
        assert!(VersionId::parse("NULL").is_err());
        assert!(VersionId::parse("").is_err());
    }
}
