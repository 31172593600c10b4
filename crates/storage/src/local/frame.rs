//! The frame: what one write and one sync make durable. `docs/formats/log.md` has it byte by byte.
//!
//! A frame is a header, a meta section (its commits' rows, blob entries, releases and records) and a section of inline
//! blob bytes. Its checksums begin from the installation's instance id, so that bytes which a caller has put into a row
//! key can never pass for a frame, nor can another installation's.

use bytes::{Buf, Bytes};
use strongroom_types::{BlobId, Timestamp};

use super::limits::SECTION_BYTES;

/// Length of a header.
pub(crate) const HEADER_BYTES: usize = 68;

/// First bytes of a header; the last of them is the format.
pub(crate) const MAGIC: [u8; 8] = *b"SRFRAME\x01";

const ROW_PUT: u8 = 1;
const ROW_DELETE: u8 = 2;
const BLOB_INLINE: u8 = 1;
const BLOB_FILE: u8 = 2;
const BLOB_MOVED: u8 = 3;

/// What a blob takes in the meta section: kind, id, offset or half a length, length.
pub(crate) const BLOB_ENTRY_BYTES: u64 = 1 + 16 + 8;

/// Which installation frames belong to: where their checksums begin.
#[derive(Clone, Copy)]
pub(crate) struct Instance(u32);

impl Instance {
    pub(crate) fn new(id: &[u8; 16]) -> Self {
        Self(crc32c::crc32c(id))
    }

    pub(crate) fn checksum(self, bytes: &[u8]) -> u32 {
        crc32c::crc32c_append(self.0, bytes)
    }
}

/// The head of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    /// First frame of the segment that the frame lies in.
    pub(crate) segment: u64,
    /// The frame's own number, one more than its predecessor's.
    pub(crate) frame: u64,
    /// Position of its first commit; the others follow without gaps.
    pub(crate) first_position: u64,
    /// Store time of all its commits.
    pub(crate) time: Timestamp,
    /// Checksum of the preceding frame's header (0 before the first frame).
    pub(crate) previous: u32,
    /// How many commits it has.
    pub(crate) commits: u32,
    /// Length of the meta section.
    pub(crate) meta_bytes: u32,
    /// Length of the blob section.
    pub(crate) blob_bytes: u32,
    /// Checksum of the meta section.
    pub(crate) meta_crc: u32,
    /// Checksum of the blob section.
    pub(crate) blob_crc: u32,
    /// Checksum of the header.
    pub(crate) crc: u32,
}

impl Header {
    /// The 68 bytes, and their checksum, which the next frame names.
    pub(crate) fn encode(&self, instance: Instance) -> ([u8; HEADER_BYTES], u32) {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.segment.to_be_bytes());
        bytes.extend_from_slice(&self.frame.to_be_bytes());
        bytes.extend_from_slice(&self.first_position.to_be_bytes());
        bytes.extend_from_slice(&self.time.as_millis().to_be_bytes());
        for part in
            [self.previous, self.commits, self.meta_bytes, self.blob_bytes, self.meta_crc, self.blob_crc]
        {
            bytes.extend_from_slice(&part.to_be_bytes());
        }
        let crc = instance.checksum(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        let mut out = [0; HEADER_BYTES];
        out.copy_from_slice(&bytes);
        (out, crc)
    }

    /// Reads a header, if its checksum holds and its lengths can be.
    pub(crate) fn decode(mut bytes: &[u8], instance: Instance) -> Option<Self> {
        let signed = bytes.get(..HEADER_BYTES - 4)?;
        bytes = bytes.strip_prefix(&MAGIC)?;
        let header = Self {
            segment: bytes.try_get_u64().ok()?,
            frame: bytes.try_get_u64().ok()?,
            first_position: bytes.try_get_u64().ok()?,
            time: Timestamp::from_millis(bytes.try_get_i64().ok()?),
            previous: bytes.try_get_u32().ok()?,
            commits: bytes.try_get_u32().ok()?,
            meta_bytes: bytes.try_get_u32().ok()?,
            blob_bytes: bytes.try_get_u32().ok()?,
            meta_crc: bytes.try_get_u32().ok()?,
            blob_crc: bytes.try_get_u32().ok()?,
            crc: bytes.try_get_u32().ok()?,
        };
        let sound = instance.checksum(signed) == header.crc
            && header.meta_bytes <= SECTION_BYTES
            && header.blob_bytes <= SECTION_BYTES
            && header.commits > 0;
        sound.then_some(header)
    }

    /// Length of the whole frame.
    pub(crate) fn frame_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.meta_bytes) + u64::from(self.blob_bytes)
    }

    /// Where in the frame the blob section begins.
    pub(crate) fn blobs_at(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.meta_bytes)
    }

    /// Position of its last commit.
    pub(crate) fn last_position(&self) -> u64 {
        self.first_position.saturating_add(u64::from(self.commits).saturating_sub(1))
    }
}

/// A change of one row of the index, under its full key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum RowChange {
    Put { key: Bytes, value: Bytes },
    Delete { key: Bytes },
}

/// A blob that a commit makes visible.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum BlobEntry {
    /// Its bytes lie in this frame's blob section, from `offset` on.
    Inline { id: BlobId, offset: u32, bytes: u32 },
    /// It has a file of its own.
    File { id: BlobId, bytes: u64 },
    /// It lay in an older frame and lies here now.
    Moved { id: BlobId, offset: u32, bytes: u32 },
}

/// One commit, as the meta section has it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct CommitMeta {
    pub(crate) rows: Vec<RowChange>,
    pub(crate) blobs: Vec<BlobEntry>,
    pub(crate) released: Vec<BlobId>,
    pub(crate) records: Vec<Bytes>,
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    // INVARIANT: a commit has at most MAX_COMMIT_BYTES, so its parts' lengths fit 32 bits.
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

impl CommitMeta {
    /// Appends the commit to a meta section.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_length(out, self.rows.len());
        for row in &self.rows {
            let (kind, key) = match row {
                RowChange::Put { key, .. } => (ROW_PUT, key),
                RowChange::Delete { key } => (ROW_DELETE, key),
            };
            out.push(kind);
            put_length(out, key.len());
            out.extend_from_slice(key);
            if let RowChange::Put { value, .. } = row {
                put_length(out, value.len());
                out.extend_from_slice(value);
            }
        }
        put_length(out, self.blobs.len());
        for blob in &self.blobs {
            match blob {
                BlobEntry::Inline { id, offset, bytes } | BlobEntry::Moved { id, offset, bytes } => {
                    out.push(if matches!(blob, BlobEntry::Inline { .. }) { BLOB_INLINE } else { BLOB_MOVED });
                    out.extend_from_slice(id.as_bytes());
                    out.extend_from_slice(&offset.to_be_bytes());
                    out.extend_from_slice(&bytes.to_be_bytes());
                }
                BlobEntry::File { id, bytes } => {
                    out.push(BLOB_FILE);
                    out.extend_from_slice(id.as_bytes());
                    out.extend_from_slice(&bytes.to_be_bytes());
                }
            }
        }
        put_length(out, self.released.len());
        for id in &self.released {
            out.extend_from_slice(id.as_bytes());
        }
        put_length(out, self.records.len());
        for record in &self.records {
            put_length(out, record.len());
            out.extend_from_slice(record);
        }
    }

    fn decode(bytes: &mut Bytes) -> Option<Self> {
        let mut commit = Self::default();
        for _ in 0..bytes.try_get_u32().ok()? {
            let kind = bytes.try_get_u8().ok()?;
            let key = take(bytes)?;
            commit.rows.push(match kind {
                ROW_PUT => RowChange::Put { key, value: take(bytes)? },
                ROW_DELETE => RowChange::Delete { key },
                _ => return None,
            });
        }
        for _ in 0..bytes.try_get_u32().ok()? {
            let kind = bytes.try_get_u8().ok()?;
            let id = take_id(bytes)?;
            commit.blobs.push(match kind {
                BLOB_FILE => BlobEntry::File { id, bytes: bytes.try_get_u64().ok()? },
                BLOB_INLINE | BLOB_MOVED => {
                    let (offset, bytes) = (bytes.try_get_u32().ok()?, bytes.try_get_u32().ok()?);
                    if kind == BLOB_INLINE {
                        BlobEntry::Inline { id, offset, bytes }
                    } else {
                        BlobEntry::Moved { id, offset, bytes }
                    }
                }
                _ => return None,
            });
        }
        for _ in 0..bytes.try_get_u32().ok()? {
            commit.released.push(take_id(bytes)?);
        }
        for _ in 0..bytes.try_get_u32().ok()? {
            commit.records.push(take(bytes)?);
        }
        Some(commit)
    }
}

fn take(bytes: &mut Bytes) -> Option<Bytes> {
    let length = bytes.try_get_u32().ok()? as usize;
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

fn take_id(bytes: &mut Bytes) -> Option<BlobId> {
    let id = bytes.first_chunk::<16>().copied()?;
    bytes.advance(16);
    Some(BlobId::from_bytes(id))
}

/// Reads a meta section whose checksum has been found right: exactly `header.commits` commits, whose inline blobs lie
/// within the blob section.
pub(crate) fn decode_meta(header: &Header, mut meta: Bytes) -> Option<Vec<CommitMeta>> {
    let mut commits = Vec::new();
    for _ in 0..header.commits {
        let commit = CommitMeta::decode(&mut meta)?;
        let within = commit.blobs.iter().all(|blob| match blob {
            BlobEntry::Inline { offset, bytes, .. } | BlobEntry::Moved { offset, bytes, .. } => {
                offset.checked_add(*bytes).is_some_and(|end| end <= header.blob_bytes)
            }
            BlobEntry::File { .. } => true,
        });
        if !within {
            return None;
        }
        commits.push(commit);
    }
    meta.is_empty().then_some(commits)
}

/// A whole frame out of `bytes`, which begin with it: its header and commits, if every checksum holds.
pub(crate) fn decode_frame(bytes: &Bytes, instance: Instance) -> Option<(Header, Vec<CommitMeta>)> {
    let header = Header::decode(bytes, instance)?;
    let blobs_at = usize::try_from(header.blobs_at()).ok()?;
    let end = usize::try_from(header.frame_bytes()).ok()?;
    let blobs = bytes.get(blobs_at..end)?;
    if instance.checksum(bytes.get(HEADER_BYTES..blobs_at)?) != header.meta_crc
        || instance.checksum(blobs) != header.blob_crc
    {
        return None;
    }
    let commits = decode_meta(&header, bytes.slice(HEADER_BYTES..blobs_at))?;
    Some((header, commits))
}

/// Fuzz entry: any bytes, as a frame and as a meta section, are read or refused; what is read is written back the same.
#[doc(hidden)]
pub fn fuzz_frame(data: &[u8]) {
    let instance = Instance::new(&[0; 16]);
    let bytes = Bytes::copy_from_slice(data);
    let _ = decode_frame(&bytes, instance);
    if let Some((count, meta)) = data.split_first() {
        let header = Header {
            segment: 0,
            frame: 0,
            first_position: 0,
            time: Timestamp::from_millis(0),
            previous: 0,
            commits: u32::from(*count),
            meta_bytes: 0,
            blob_bytes: 1024,
            meta_crc: 0,
            blob_crc: 0,
            crc: 0,
        };
        if let Some(commits) = decode_meta(&header, Bytes::copy_from_slice(meta)) {
            let mut again = Vec::new();
            for commit in &commits {
                commit.encode(&mut again);
            }
            assert_eq!(again, meta, "a meta section has one form");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_commit() -> impl Strategy<Value = CommitMeta> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
        let row = prop_oneof![
            (bytes(), bytes()).prop_map(|(key, value)| RowChange::Put { key, value }),
            bytes().prop_map(|key| RowChange::Delete { key }),
        ];
        let id = || any::<[u8; 16]>().prop_map(BlobId::from_bytes);
        let blob = prop_oneof![
            (id(), any::<u64>()).prop_map(|(id, bytes)| BlobEntry::File { id, bytes }),
            (id(), 0..8_u32, 0..8_u32).prop_map(|(id, offset, bytes)| BlobEntry::Inline {
                id,
                offset,
                bytes
            }),
            (id(), 0..8_u32, 0..8_u32).prop_map(|(id, offset, bytes)| BlobEntry::Moved { id, offset, bytes }),
        ];
        let many = 0..4_usize;
        (
            proptest::collection::vec(row, many.clone()),
            proptest::collection::vec(blob, many.clone()),
            proptest::collection::vec(id(), many.clone()),
            proptest::collection::vec(bytes(), many),
        )
            .prop_map(|(rows, blobs, released, records)| CommitMeta {
                rows,
                blobs,
                released,
                records,
            })
    }

    pub(crate) fn frame_of(commits: &[CommitMeta], instance: Instance) -> Vec<u8> {
        let mut meta = Vec::new();
        for commit in commits {
            commit.encode(&mut meta);
        }
        let blobs = [7_u8; 16];
        let header = Header {
            segment: 3,
            frame: 9,
            first_position: 40,
            time: Timestamp::from_millis(5),
            previous: 77,
            commits: u32::try_from(commits.len()).unwrap(),
            meta_bytes: u32::try_from(meta.len()).unwrap(),
            blob_bytes: 16,
            meta_crc: instance.checksum(&meta),
            blob_crc: instance.checksum(&blobs),
            crc: 0,
        };
        [header.encode(instance).0.as_slice(), &meta, &blobs].concat()
    }

    proptest! {
        #[test]
        fn a_frame_reads_back_as_it_was_written(commits in proptest::collection::vec(some_commit(), 1..4)) {
            let instance = Instance::new(&[4; 16]);
            let (header, read) = decode_frame(&frame_of(&commits, instance).into(), instance).unwrap();
            prop_assert_eq!(read, commits);
            prop_assert_eq!(header.frame, 9);
        }

        #[test]
        fn a_frame_with_any_bit_changed_is_refused(
            commits in proptest::collection::vec(some_commit(), 1..3), at in any::<prop::sample::Index>(), bit in 0..8_u8,
        ) {
            let instance = Instance::new(&[4; 16]);
            let mut bytes = frame_of(&commits, instance);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(decode_frame(&bytes.into(), instance).is_none());
        }

        #[test]
        fn any_bytes_are_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..400)) {
            fuzz_frame(&data);
        }
    }

    #[test]
    fn a_frame_of_another_installation_is_refused() {
        let bytes = frame_of(&[CommitMeta::default()], Instance::new(&[1; 16]));
        assert!(decode_frame(&bytes.into(), Instance::new(&[2; 16])).is_none());
    }
}
