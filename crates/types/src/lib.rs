//! The names of things: identifiers that are parsed once, from outside bytes, and are valid ever after.
//!
//! Nothing here knows of time, entropy or I/O: whoever makes a new identifier passes the random bytes in,
//! and whoever needs the time passes a [`Timestamp`].

mod account;
mod arn;
mod bucket;
mod credential;
mod object;
mod region;
mod request;
mod timestamp;

pub use account::{AccountId, CanonicalUserId};
pub use arn::{Arn, ArnError};
pub use bucket::{BucketId, BucketName, BucketNameError};
pub use credential::{AccessKeyId, SecretAccessKey};
pub use object::{BlobId, ObjectKey, ObjectKeyError, UploadId, VersionId};
pub use region::Region;
pub use request::{HostId, RequestId};
pub use timestamp::{Timestamp, TimestampError};

/// An identifier from outside that does not have the form of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}")]
pub struct Malformed {
    /// What the text was meant to be, in AWS's words ("account id", "version id").
    pub kind: &'static str,
}

/// Lower-case hexadecimal of `bytes`.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Reads exactly `N` bytes of lower-case hexadecimal.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    if text.len() != N * 2 {
        return None;
    }
    for (slot, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        *slot = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}
