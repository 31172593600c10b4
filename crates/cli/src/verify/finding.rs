//! Something that is not as it must be, and the list of such things.

use std::fmt;

use serde_json::{Value, json};
use strongroom_storage::Partition;
use strongroom_storage::verify::Finding as EngineFinding;
use strongroom_types::{BlobId, BucketId};

/// Findings that are listed one by one; the others are counted.
const MAX_LISTED: usize = 10_000;

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// The engine found it.
    Engine(EngineFinding),
    /// A row's value does not open, or is not what its key says.
    Row {
        /// Where.
        partition: Partition,
        /// The row's key.
        key: Vec<u8>,
        /// What is wrong.
        what: &'static str,
    },
    /// A row names a blob that does not exist.
    BlobMissing {
        /// The bucket.
        bucket: BucketId,
        /// The row's key.
        key: Vec<u8>,
        /// The blob.
        blob: BlobId,
    },
    /// A blob that a row names does not open.
    BlobSealed {
        /// The bucket.
        bucket: BucketId,
        /// The row's key.
        key: Vec<u8>,
        /// The blob.
        blob: BlobId,
        /// What is wrong.
        what: String,
    },
    /// A committed blob that no row names.
    BlobOrphaned {
        /// The blob.
        blob: BlobId,
    },
    /// Records of the archive are missing or do not open.
    Archive {
        /// The last position before them.
        after: u64,
        /// What is wrong.
        what: String,
    },
    /// Records from here on cannot be read.
    Records {
        /// The last position that could.
        after: u64,
        /// What is wrong.
        what: String,
    },
}

/// A row's key as text: what is printable as it is.
fn key_text(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(EngineFinding::Frame { segment, offset, what }) => {
                write!(f, "log segment {segment}, offset {offset}: {what}")
            }
            Self::Engine(EngineFinding::BlobMissing { id, sealed_bytes }) => {
                write!(f, "blob {id}: its {sealed_bytes} bytes are not all there")
            }
            Self::Engine(EngineFinding::Orphan { path }) => {
                write!(
                    f,
                    "file {}: no commit names it (a crash leaves such files; the next start removes them)",
                    path.display()
                )
            }
            Self::Engine(EngineFinding::Index { what }) => write!(f, "index: {what}"),
            Self::Row { partition, key, what } => write!(f, "row {} of {partition:?}: {what}", key_text(key)),
            Self::BlobMissing { bucket, key, blob } => {
                write!(f, "row {} of bucket {bucket}: its blob {blob} does not exist", key_text(key))
            }
            Self::BlobSealed { bucket, key, blob, what } => {
                write!(f, "row {} of bucket {bucket}: its blob {blob} does not open: {what}", key_text(key))
            }
            Self::BlobOrphaned { blob } => write!(f, "blob {blob}: no row names it"),
            Self::Archive { after, what } => write!(f, "archive behind position {after}: {what}"),
            Self::Records { after, what } => write!(f, "records behind position {after}: {what}"),
        }
    }
}

impl Finding {
    /// Name of the kind, for programs.
    fn kind(&self) -> &'static str {
        match self {
            Self::Engine(EngineFinding::Frame { .. }) => "log_frame",
            Self::Engine(EngineFinding::BlobMissing { .. }) | Self::BlobMissing { .. } => "blob_missing",
            Self::Engine(EngineFinding::Orphan { .. }) => "file_orphaned",
            Self::Engine(EngineFinding::Index { .. }) => "index",
            Self::Row { .. } => "row",
            Self::BlobSealed { .. } => "blob_does_not_open",
            Self::BlobOrphaned { .. } => "blob_orphaned",
            Self::Archive { .. } => "archive",
            Self::Records { .. } => "records",
        }
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        json!({ "kind": self.kind(), "message": self.to_string() })
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    listed: Vec<Finding>,
    more: u64,
}

impl Findings {
    /// Adds one.
    pub(super) fn add(&mut self, finding: Finding) {
        if self.listed.len() < MAX_LISTED {
            self.listed.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// Those that are listed one by one.
    pub(super) fn listed(&self) -> &[Finding] {
        &self.listed
    }

    /// How many more there are.
    pub(super) fn not_listed(&self) -> u64 {
        self.more
    }

    /// Whether nothing was found.
    pub(super) fn is_sound(&self) -> bool {
        self.listed.is_empty()
    }
}
