//! What listings read of each kind of row.

use std::ops::Range;

use minicbor::{Decode, Encode};
use strongroom_types::{ObjectKey, Timestamp, VersionId};

use super::walk::Listed;
use crate::row::{self, Coded, CurrentRow, ObjectSequence, OwnerRow, RowError};

/// A current object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CurrentObject {
    pub(crate) key: ObjectKey,
    pub(crate) row: CurrentRow,
}

impl Listed for CurrentObject {
    fn range(prefix: &[u8], from: &[u8]) -> Range<Vec<u8>> {
        row::current_range(prefix, from)
    }

    fn read(key: ObjectKey, _: &[u8], value: &[u8]) -> Result<Self, RowError> {
        Ok(Self { key, row: <CurrentRow as Coded>::decode(value)? })
    }

    fn key(&self) -> &ObjectKey {
        &self.key
    }
}

/// A version or delete marker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) key: ObjectKey,
    pub(crate) sequence: ObjectSequence,
    pub(crate) summary: VersionSummary,
}

impl Version {
    /// Its id, as answers show it. What [`VersionId`] displays, by way of a table: there may be a thousand.
    pub(crate) fn id(&self) -> String {
        match self.summary.random.map(|random| row::version_id(self.sequence, random)) {
            Some(VersionId::Id(bytes)) => hex::encode(bytes),
            Some(VersionId::Null) | None => VersionId::Null.to_string(),
        }
    }
}

impl Listed for Version {
    fn range(prefix: &[u8], from: &[u8]) -> Range<Vec<u8>> {
        row::version_range(prefix, from)
    }

    fn read(key: ObjectKey, rest: &[u8], value: &[u8]) -> Result<Self, RowError> {
        let inverted = rest.try_into().map_err(|_| RowError)?;
        let sequence = ObjectSequence(!u64::from_be_bytes(inverted));
        Ok(Self { key, sequence, summary: <VersionSummary as Coded>::decode(value)? })
    }

    fn key(&self) -> &ObjectKey {
        &self.key
    }
}

/// Those members of a [`row::VersionRow`] that a listing shows; the others are passed over undecoded. The numbers are
/// that row's.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct VersionSummary {
    /// The random half of the version id.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(crate) random: Option<[u8; 8]>,
    #[n(1)]
    modified_millis: i64,
    /// What it is: `None` for a delete marker.
    #[n(2)]
    pub(crate) content: Option<ContentSummary>,
}

impl VersionSummary {
    /// Last modified.
    pub(crate) fn modified(&self) -> Timestamp {
        Timestamp::from_millis(self.modified_millis)
    }
}

/// The same of a [`row::Content`].
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ContentSummary {
    /// Size in bytes.
    #[n(0)]
    pub(crate) size: u64,
    /// ETag without quotes.
    #[n(1)]
    pub(crate) etag: String,
    /// Storage class, `None` for STANDARD.
    #[n(4)]
    pub(crate) storage_class: Option<String>,
    /// Its checksums.
    #[n(6)]
    pub(crate) checksums: Vec<ChecksumSummary>,
    /// Its owner; `None` for the bucket's.
    #[n(13)]
    pub(crate) owner: Option<OwnerRow>,
}

/// The same of a [`row::ChecksumRow`].
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ChecksumSummary {
    /// Algorithm, by name.
    #[n(0)]
    pub(crate) algorithm: String,
    /// "COMPOSITE" or "FULL_OBJECT".
    #[n(2)]
    pub(crate) kind: String,
}
