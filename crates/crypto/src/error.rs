//! What can go wrong when something sealed is opened.

use crate::keyring::EpochId;

/// Something sealed did not open. Nothing of its plaintext was given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The first byte names a format that this version does not know.
    #[error("sealed in format {found}, which this version does not know: run the version that wrote it")]
    Format {
        /// The format byte.
        found: u8,
    },
    /// Too short, too long, or of a length that no sealing gives.
    #[error("sealed bytes are cut short or have a length that sealing never gives")]
    Length,
    /// The key that sealed it is not in the keyring.
    #[error("sealed under key epoch {0}, which is not in the keyring")]
    UnknownEpoch(EpochId),
    /// The bytes, their place or their key are not those of the sealing.
    #[error("sealed bytes were altered, moved, or sealed with another key")]
    Altered,
    /// The range asked for does not lie in the plaintext.
    #[error("the range does not lie within the plaintext")]
    Range,
}

/// A data key could not be wrapped or unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// The wrapped key does not open.
    #[error("the wrapped data key does not open")]
    Open(#[from] OpenError),
    /// The key was wrapped by another kind of wrapper than the one asked.
    #[error("the data key was wrapped by another kind of key")]
    OtherWrapper,
    /// The wrapped key is sound, and the customer's key is not the one that it was wrapped under.
    #[error("the data key was wrapped under another customer's key")]
    OtherCustomerKey,
}

/// A keyring could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The first byte names a format that this version does not know.
    #[error(
        "the keyring has format {found}, which this version does not know: run the version that wrote it"
    )]
    Format {
        /// The format byte.
        found: u8,
    },
    /// Not a keyring, or cut short.
    #[error("the keyring is cut short or malformed")]
    Malformed,
    /// Another root key encoded this keyring.
    #[error("the keyring belongs to another root key")]
    WrongRootKey,
    /// The root key is the right one, but the bytes are not those it wrote.
    #[error("the keyring was altered")]
    Altered,
    /// The epoch is not in the keyring.
    #[error("key epoch {0} is not in the keyring")]
    UnknownEpoch(EpochId),
    /// The current epoch cannot be dropped.
    #[error("key epoch {0} is the current one: begin a new epoch first")]
    CurrentEpoch(EpochId),
    /// No room for another epoch.
    #[error("the keyring is full: drop epochs that nothing uses")]
    Full,
}
