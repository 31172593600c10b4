//! Rows of the operator's work in the partition `System`, as CBOR behind a format byte.
//!
//! | key | value |
//! |---|---|
//! | `operator/backup` | [`BackupRow`]: the latest |
//! | `operator/scrub` | [`ScrubRow`]: the one that runs, or the last that did |

use minicbor::{Decode, Encode};

pub(super) const BACKUP: &[u8] = b"operator/backup";
pub(super) const SCRUB: &[u8] = b"operator/scrub";

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct BackupRow {
    #[n(0)]
    pub(super) id: String,
    #[n(1)]
    pub(super) to: String,
    #[n(2)]
    pub(super) started_millis: i64,
    #[n(3)]
    pub(super) end: Option<BackupEnd>,
}

/// What became of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct BackupEnd {
    #[n(0)]
    pub(super) ended_millis: i64,
    /// Why it failed, if it did.
    #[n(1)]
    pub(super) failure: Option<String>,
    #[n(2)]
    pub(super) position: u64,
    #[n(3)]
    pub(super) instant_millis: i64,
    #[n(4)]
    pub(super) files: u64,
    #[n(5)]
    pub(super) bytes: u64,
}

/// A scrub: where it is, and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct ScrubRow {
    #[n(0)]
    pub(super) id: String,
    #[n(1)]
    pub(super) started_millis: i64,
    #[n(2)]
    pub(super) ended_millis: Option<i64>,
    /// Bytes a second that somebody asked for.
    #[n(3)]
    pub(super) asked_rate: Option<u64>,
    #[n(4)]
    pub(super) place: Place,
    #[n(5)]
    pub(super) bytes_done: u64,
    #[n(6)]
    pub(super) bytes_total: u64,
    #[n(7)]
    pub(super) findings: Vec<FindingRow>,
    /// Those that are not listed included.
    #[n(8)]
    pub(super) findings_total: u64,
}

/// Where a scrub is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) enum Place {
    /// At a frame of the log: segment and offset.
    #[n(0)]
    Log(#[n(0)] u64, #[n(1)] u64),
    /// At the beginning of the index.
    #[n(1)]
    Index,
    /// At a table of the index: from which number on, and up to which.
    #[n(2)]
    Tables(#[n(0)] u64, #[n(1)] u64),
    /// Behind a row, by its full key.
    #[n(3)]
    Objects(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// At a chunk of the archive.
    #[n(4)]
    Archive(#[n(0)] u64),
}

/// Something that a scrub found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct FindingRow {
    /// `LOG`, `INDEX`, `ROW`, `BLOB` or `ARCHIVE`.
    #[n(0)]
    pub(super) kind: String,
    #[n(1)]
    pub(super) message: String,
    #[n(2)]
    pub(super) found_millis: i64,
    #[n(3)]
    pub(super) bucket: Option<String>,
    #[n(4)]
    pub(super) key: Option<String>,
    #[n(5)]
    pub(super) version_id: Option<String>,
    #[n(6)]
    pub(super) upload_id: Option<String>,
    #[n(7)]
    pub(super) part_number: Option<u16>,
    /// Relative to the data directory.
    #[n(8)]
    pub(super) file: Option<String>,
    #[n(9)]
    pub(super) offset: Option<u64>,
}

#[cfg(test)]
mod tests {
    use strongroom_s3::row::Coded as _;

    use super::{BackupEnd, BackupRow, FindingRow, Place, ScrubRow};

    #[test]
    fn rows_read_back_as_they_were_written() {
        let end = BackupEnd {
            ended_millis: 9,
            failure: Some("no room".into()),
            position: 7,
            instant_millis: 8,
            files: 1,
            bytes: 2,
        };
        let row = BackupRow { id: "a".into(), to: "/b".into(), started_millis: 5, end: Some(end) };
        assert_eq!(BackupRow::decode(&row.encode()), Ok(row));
        for place in [
            Place::Log(3, 4),
            Place::Index,
            Place::Tables(1, 2),
            Place::Objects(vec![0, 255]),
            Place::Archive(6),
        ] {
            let finding = FindingRow { kind: "BLOB".into(), key: Some("k".into()), ..FindingRow::default() };
            let row = ScrubRow {
                id: "a".into(),
                started_millis: 1,
                ended_millis: None,
                asked_rate: Some(1 << 20),
                place,
                bytes_done: 2,
                bytes_total: 3,
                findings: vec![finding],
                findings_total: 9,
            };
            assert_eq!(ScrubRow::decode(&row.encode()), Ok(row));
        }
        assert!(ScrubRow::decode(b"\x02").is_err());
    }
}
