//! The engine's own rows of the index, and how a frame becomes rows: the same for a frame just written and for one that
//! is replayed.

use std::collections::{BTreeSet, HashMap};

use bytes::{Buf, Bytes};
use strongroom_types::{BlobId, Timestamp};

use super::Shared;
use super::blobs::Pointer;
use super::frame::{BlobEntry, CommitMeta, Header, RowChange};
use super::index::Snapshot;
use super::log::LogEnd;
use super::segments::SegmentStats;
use crate::contract::{Direction, StoreError};

/// Before the engine's own keys: below every partition's prefix.
const OWN: u8 = 0;
const APPLIED: [u8; 2] = [OWN, b'A'];
pub(crate) const TRIMMED: [u8; 2] = [OWN, b'T'];
const BLOB: [u8; 2] = [OWN, b'B'];
const SEGMENT: [u8; 2] = [OWN, b'S'];

pub(crate) fn blob_key(id: BlobId) -> Vec<u8> {
    [BLOB.as_slice(), id.as_bytes()].concat()
}

pub(crate) fn segment_key(segment: u64) -> Vec<u8> {
    [SEGMENT.as_slice(), &segment.to_be_bytes()].concat()
}

fn damaged(what: &'static str) -> StoreError {
    StoreError::Corrupt { what: what.into() }
}

/// Up to where the index holds the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AppliedTo {
    /// End of the last frame applied.
    pub(crate) end: LogEnd,
    /// Position of its last commit.
    pub(crate) position: u64,
    /// Its time.
    pub(crate) time: Timestamp,
}

impl AppliedTo {
    fn encode(&self) -> Vec<u8> {
        [
            &self.end.segment.to_be_bytes()[..],
            &self.end.length.to_be_bytes(),
            &self.end.next_frame.to_be_bytes(),
            &self.end.previous.to_be_bytes(),
            &self.position.to_be_bytes(),
            &self.time.as_millis().to_be_bytes(),
        ]
        .concat()
    }

    fn decode(mut stored: &[u8]) -> Option<Self> {
        Some(Self {
            end: LogEnd {
                segment: stored.try_get_u64().ok()?,
                length: stored.try_get_u64().ok()?,
                next_frame: stored.try_get_u64().ok()?,
                previous: stored.try_get_u32().ok()?,
            },
            position: stored.try_get_u64().ok()?,
            time: Timestamp::from_millis(stored.try_get_i64().ok()?),
        })
    }
}

/// Up to where the index holds the log; `None` in a new one.
pub(crate) fn applied(snapshot: &Snapshot<'_>) -> Result<Option<AppliedTo>, StoreError> {
    let Some(row) = snapshot.get(&APPLIED)? else { return Ok(None) };
    AppliedTo::decode(&row.value)
        .map(Some)
        .ok_or_else(|| damaged("the row that says which frames are indexed"))
}

/// Up to which position records were trimmed.
pub(crate) fn trimmed(snapshot: &Snapshot<'_>) -> Result<u64, StoreError> {
    let Some(row) = snapshot.get(&TRIMMED)? else { return Ok(0) };
    row.value
        .first_chunk::<8>()
        .map(|bytes| u64::from_be_bytes(*bytes))
        .ok_or_else(|| damaged("the trim row"))
}

/// What each segment holds.
pub(crate) fn segments(snapshot: &Snapshot<'_>) -> Result<Vec<(u64, SegmentStats)>, StoreError> {
    let range = SEGMENT.to_vec()..vec![OWN, b'S' + 1];
    snapshot
        .range(range, Direction::Forward)
        .map(|row| {
            let (key, row) = row?;
            let segment = key.get(2..).and_then(|number| number.first_chunk::<8>()).copied();
            segment
                .map(u64::from_be_bytes)
                .zip(SegmentStats::decode(&row.value))
                .ok_or_else(|| damaged("a segment's row"))
        })
        .collect()
}

/// Where a committed blob lies.
pub(crate) fn pointer(snapshot: &Snapshot<'_>, id: BlobId) -> Result<Option<Pointer>, StoreError> {
    let Some(row) = snapshot.get(&blob_key(id))? else { return Ok(None) };
    Pointer::decode(&row.value).map(Some).ok_or_else(|| damaged("a blob's row"))
}

/// Committed blobs behind `after`, in the order of their ids.
pub(crate) fn pointers(
    snapshot: &Snapshot<'_>,
    after: Option<BlobId>,
    limit: usize,
) -> Result<Vec<(BlobId, Pointer)>, StoreError> {
    let start = after.map_or(BLOB.to_vec(), |id| [blob_key(id).as_slice(), &[0]].concat());
    snapshot
        .range(start..vec![OWN, b'B' + 1], Direction::Forward)
        .take(limit)
        .map(|row| {
            let (key, row) = row?;
            let id = key.get(2..).and_then(|id| id.first_chunk::<16>()).copied().map(BlobId::from_bytes);
            id.zip(Pointer::decode(&row.value)).ok_or_else(|| damaged("a blob's row"))
        })
        .collect()
}

/// Brings a durable frame into the index and shows it to readers. Where the blobs that it moves lay may be known already.
pub(crate) fn apply(
    shared: &Shared,
    header: &Header,
    offset: u64,
    commits: &[CommitMeta],
    moved: &HashMap<BlobId, Pointer>,
) -> Result<(), StoreError> {
    let mut frame = Frame {
        shared,
        header,
        blobs_at: offset + header.blobs_at(),
        snapshot: shared.index.snapshot(),
        moved,
        pointers: HashMap::new(),
        touched: BTreeSet::from([header.segment]),
        sequence: 0,
    };
    shared.segments.update(header.segment, |stats| {
        if offset == 0 {
            stats.first_position = header.first_position;
        }
        stats.last_frame = header.frame;
        stats.last_position = header.last_position();
        stats.length = offset + header.frame_bytes();
    });
    for (position, commit) in (header.first_position..).zip(commits) {
        frame.commit(position, commit)?;
    }
    frame.finish(offset);
    if commits.iter().any(|commit| !commit.released.is_empty()) && shared.files.are_too_many() {
        shared.chores.wake();
    }
    Ok(())
}

/// Shows a durable frame's records alone, when [`apply`] could not bring its rows into the index.
pub(crate) fn show_records(shared: &Shared, header: &Header, commits: &[CommitMeta]) {
    for (position, commit) in (header.first_position..).zip(commits) {
        note_records(shared, header, position, commit);
    }
    shared.clock.told(header.time);
    shared.reach(header.last_position());
}

/// Remembers which commit of a segment was the last with records.
fn note_records(shared: &Shared, header: &Header, position: u64, commit: &CommitMeta) {
    if !commit.records.is_empty() {
        shared.segments.update(header.segment, |stats| stats.last_record = position);
    }
}

struct Frame<'a> {
    shared: &'a Shared,
    header: &'a Header,
    blobs_at: u64,
    snapshot: Snapshot<'a>,
    /// Where blobs lay before this frame moves them, as far as it is known.
    moved: &'a HashMap<BlobId, Pointer>,
    /// Pointers that this frame has set or removed.
    pointers: HashMap<BlobId, Option<Pointer>>,
    /// Segments whose rows change.
    touched: BTreeSet<u64>,
    sequence: u64,
}

impl Frame<'_> {
    fn commit(&mut self, position: u64, commit: &CommitMeta) -> Result<(), StoreError> {
        let index = &self.shared.index;
        self.sequence = index.next_sequence();
        for row in &commit.rows {
            match row {
                RowChange::Put { key, value } => {
                    index.put(key, position, value, self.sequence);
                    self.own_row(key, Some(value));
                }
                RowChange::Delete { key } => {
                    index.delete(key, self.sequence);
                    self.own_row(key, None);
                }
            }
        }
        for blob in &commit.blobs {
            self.blob(position, blob)?;
        }
        for id in &commit.released {
            self.release(*id)?;
        }
        note_records(self.shared, self.header, position, commit);
        Ok(())
    }

    /// What the engine keeps in memory beside its own rows.
    fn own_row(&self, key: &Bytes, value: Option<&Bytes>) {
        if key.first() != Some(&OWN) {
            return;
        }
        if let (true, Some(value)) =
            (*key == TRIMMED.as_slice(), value.and_then(|value| value.first_chunk::<8>()))
        {
            self.shared.trim_to(u64::from_be_bytes(*value));
        } else if let Some(segment) = key.strip_prefix(&SEGMENT).and_then(|number| number.first_chunk::<8>())
        {
            self.shared.segments.remove(u64::from_be_bytes(*segment));
        }
    }

    fn blob(&mut self, position: u64, blob: &BlobEntry) -> Result<(), StoreError> {
        let segment = self.header.segment;
        let (id, pointer) = match *blob {
            BlobEntry::Inline { id, offset, bytes } | BlobEntry::Moved { id, offset, bytes } => {
                (id, Pointer::Inline { segment, offset: self.blobs_at + u64::from(offset), bytes })
            }
            BlobEntry::File { id, bytes } => (id, Pointer::File { bytes }),
        };
        if matches!(blob, BlobEntry::Moved { .. })
            && let Some(old) = self.known(id)?
        {
            self.bury(old);
        }
        if let Pointer::Inline { bytes, .. } = pointer {
            self.shared.segments.update(segment, |stats| stats.lay(bytes));
        }
        self.shared.index.put(&blob_key(id), position, &pointer.encode(), self.sequence);
        self.pointers.insert(id, Some(pointer));
        Ok(())
    }

    fn release(&mut self, id: BlobId) -> Result<(), StoreError> {
        if let Some(pointer) = self.known(id)? {
            self.bury(pointer);
            self.shared.index.delete(&blob_key(id), self.sequence);
            self.pointers.insert(id, None);
            // Before readers see the row gone, so that they find the blob in one place or the other.
            self.shared.files.release(id, pointer);
        }
        Ok(())
    }

    fn known(&self, id: BlobId) -> Result<Option<Pointer>, StoreError> {
        if let Some(known) = self.pointers.get(&id) {
            return Ok(*known);
        }
        match self.moved.get(&id) {
            Some(known) => Ok(Some(*known)),
            None => pointer(&self.snapshot, id),
        }
    }

    fn bury(&mut self, pointer: Pointer) {
        if let Pointer::Inline { segment, bytes, .. } = pointer {
            self.shared.segments.update(segment, |stats| stats.bury(bytes));
            self.touched.insert(segment);
        }
    }

    fn finish(&mut self, offset: u64) {
        let (shared, header) = (self.shared, self.header);
        let position = header.last_position();
        for segment in &self.touched {
            if let Some(stats) = shared.segments.stats(*segment) {
                shared.index.put(&segment_key(*segment), position, &stats.encode(), self.sequence);
            }
        }
        let end = LogEnd {
            segment: header.segment,
            length: offset + header.frame_bytes(),
            next_frame: header.frame + 1,
            previous: header.crc,
        };
        let applied = AppliedTo { end, position, time: header.time };
        shared.index.put(&APPLIED, position, &applied.encode(), self.sequence);
        shared.segments.mark(header.first_position, header.segment, offset);
        shared.index.publish(self.sequence);
        shared.clock.told(header.time);
        shared.reach(position);
    }
}
