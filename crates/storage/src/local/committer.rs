//! The committer: one thread that takes what is queued, decides it against the index and itself, makes it durable with
//! one write and one sync, and only then shows and answers it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strongroom_types::{BlobId, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::blobs::{Part, Pointer, Staged};
use super::frame::{BlobEntry, CommitMeta, HEADER_BYTES, Header, Instance, RowChange};
use super::index::Snapshot;
use super::log::{AppendError, LogEnd, LogWriter, failure};
use super::reserve::EMERGENCY;
use super::{Shared, limits, rows};
use crate::contract::{Batch, Direction, Position, Precondition, RowVersion, StoreError, Write};
use crate::memory::append_key;

/// Where a job's outcome goes. Dropped unanswered, it says that the store is closing.
pub(crate) type Answer = oneshot::Sender<Result<Position, StoreError>>;

/// A blob that is to lie elsewhere, if it still lies at `from`.
pub(crate) struct Move {
    pub(crate) id: BlobId,
    pub(crate) from: Pointer,
    pub(crate) bytes: Bytes,
}

/// What is asked of the committer.
pub(crate) enum Work {
    Commit(Box<Batch>),
    Append(Vec<Vec<u8>>),
    Trim(Position),
    Relocate(Vec<Move>),
    /// Forget a segment that holds nothing any more.
    DropSegment(u64),
    /// Seal the memtable, so that what it holds gets flushed.
    Rotate,
    /// Let readers go on from the index as it is compacted now.
    Publish,
    /// Begin a new segment, so that what lies before it changes no more, and tell where that is.
    Freeze(oneshot::Sender<Frozen>),
}

/// An instant between two frames.
pub(crate) struct Frozen {
    /// Position of the last commit before it.
    pub(crate) position: u64,
    /// The log's end: a segment in which nothing lies yet.
    pub(crate) end: LogEnd,
    /// The index's number at which readers see exactly what was committed before.
    pub(crate) sequence: u64,
}

/// One job, with the room in the queue that it takes.
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) answer: Answer,
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// A job that is part of the frame.
struct Admitted {
    meta: CommitMeta,
    staged: Vec<Arc<Staged>>,
    answer: Answer,
    records_only: bool,
    _room: Option<OwnedSemaphorePermit>,
}

/// What the frame under construction changes: full key → the version that it will have.
type Overlay = BTreeMap<Bytes, Option<RowVersion>>;

#[derive(Default)]
struct Group {
    admitted: Vec<Admitted>,
    blobs: Vec<Bytes>,
    blob_bytes: u32,
    /// Blobs that this frame moves, and from where.
    moved: HashMap<BlobId, Pointer>,
    overlay: Overlay,
    /// Answered after the sync: what they met may be part of this very frame.
    refused: Vec<(Answer, StoreError)>,
}

pub(crate) struct Committer {
    shared: Arc<Shared>,
    log: LogWriter,
    next_position: u64,
    /// Bytes of frames whose rows lie in the active memtable.
    unsealed_bytes: u64,
    buffer: Vec<u8>,
}

/// However the thread ends, nobody waits for it in vain.
struct Ends<'a>(&'a Shared);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.queue.abandon();
        if std::thread::panicking() {
            self.0.health.poison("the committer failed".into());
        }
    }
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>, log: LogWriter, next_position: u64) -> Self {
        Self { shared, log, next_position, unsealed_bytes: 0, buffer: Vec::new() }
    }

    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let shared = self.shared.clone();
        let _ends = Ends(&shared);
        while let Some(jobs) = shared.queue.take() {
            let room = self.await_flush();
            self.group(jobs, room.as_ref());
        }
    }

    /// Waits while too many memtables wait for their flush. An error: there is no room to flush them.
    fn await_flush(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        while shared.index.sealed_memtables() > limits::SEALED_MEMTABLES && shared.health.check().is_ok() {
            if shared.flush.is_full() {
                return Err(shared.space.full());
            }
            shared.flush.wait(Duration::from_millis(50));
        }
        Ok(())
    }

    fn group(&mut self, jobs: Vec<Job>, room: Result<&(), &StoreError>) {
        let mut group = Group::default();
        let shared = self.shared.clone();
        let snapshot = shared.index.snapshot();
        for job in jobs {
            match room {
                Ok(()) => self.admit(&mut group, &snapshot, job),
                Err(error) => group.refused.push((job.answer, error.clone())),
            }
        }
        drop(snapshot);
        if !group.admitted.is_empty() {
            match shared.health.check() {
                Ok(()) => self.write(&mut group),
                Err(error) => self.save_records(&mut group, &error),
            }
        }
        for (answer, error) in group.refused {
            let _ = answer.send(Err(error));
        }
    }

    fn admit(&mut self, group: &mut Group, snapshot: &Snapshot<'_>, job: Job) {
        let Job { work, answer, room } = job;
        let position = self.next_position + group.admitted.len() as u64;
        let records_only = matches!(work, Work::Append(_));
        let poisoned = if records_only { None } else { self.shared.health.poisoned() };
        let decided = match (poisoned, work) {
            (Some(error), _) => Err(error),
            (None, Work::Commit(batch)) => self.admit_batch(group, snapshot, *batch, position),
            (None, Work::Append(records)) => {
                let records = records.into_iter().map(Bytes::from).collect();
                Ok((CommitMeta { records, ..CommitMeta::default() }, Vec::new()))
            }
            (None, Work::Trim(through)) => {
                let through = through.0.min(self.next_position.saturating_sub(1));
                let value = Bytes::copy_from_slice(&through.max(self.shared.trimmed()).to_be_bytes());
                let rows = vec![RowChange::Put { key: Bytes::from_static(&rows::TRIMMED), value }];
                Ok((CommitMeta { rows, ..CommitMeta::default() }, Vec::new()))
            }
            (None, Work::Relocate(moves)) => {
                Self::admit_moves(group, snapshot, moves).map(|meta| (meta, Vec::new()))
            }
            (None, Work::DropSegment(segment)) => self.admit_drop(segment).map(|meta| (meta, Vec::new())),
            (None, Work::Rotate) => {
                self.rotate();
                let _ = answer.send(Ok(Position(self.next_position.saturating_sub(1))));
                return;
            }
            (None, Work::Publish) => {
                self.shared.index.publish_all();
                let _ = answer.send(Ok(Position(self.next_position.saturating_sub(1))));
                return;
            }
            (None, Work::Freeze(tell)) => {
                let _ = answer.send(self.freeze(snapshot.sequence(), tell));
                return;
            }
        };
        match decided {
            Ok((meta, staged)) => {
                for row in &meta.rows {
                    match row {
                        RowChange::Put { key, .. } => {
                            group.overlay.insert(key.clone(), Some(RowVersion(position)))
                        }
                        RowChange::Delete { key } => group.overlay.insert(key.clone(), None),
                    };
                }
                group.admitted.push(Admitted { meta, staged, answer, records_only, _room: room });
            }
            Err(error) => group.refused.push((answer, error)),
        }
    }

    fn admit_batch(
        &self,
        group: &mut Group,
        snapshot: &Snapshot<'_>,
        batch: Batch,
        position: u64,
    ) -> Result<(CommitMeta, Vec<Arc<Staged>>), StoreError> {
        let grows = !batch.writes.is_empty() || !batch.blobs.is_empty();
        if grows && !batch.frees_space {
            self.shared.space.check()?;
        }
        let prefix = batch.partition.prefix();
        for precondition in &batch.preconditions {
            if !holds(&group.overlay, snapshot, &prefix, precondition)? {
                return Err(StoreError::Conflict);
            }
        }
        let mut parts = Vec::with_capacity(batch.blobs.len());
        for blob in batch.blobs {
            let id = blob.id();
            let part = blob.into_engine().downcast::<Staged>().map_err(|_| StoreError::NoSuchBlob(id))?;
            parts.push((id, part));
        }
        for (at, (id, part)) in parts.iter().enumerate() {
            if !part.take() {
                parts.iter().take(at).for_each(|(_, part)| part.put_back());
                return Err(StoreError::NoSuchBlob(*id));
            }
        }
        let mut meta = CommitMeta {
            rows: changes(&prefix, batch.writes, position),
            blobs: Vec::with_capacity(parts.len()),
            released: batch.released,
            records: batch.records.into_iter().map(Bytes::from).collect(),
        };
        for (id, staged) in &parts {
            meta.blobs.push(match &staged.part {
                Part::Inline { bytes, length } => {
                    BlobEntry::Inline { id: *id, offset: group.place(bytes, *length), bytes: *length }
                }
                Part::File { bytes, .. } => BlobEntry::File { id: *id, bytes: *bytes },
            });
        }
        Ok((meta, parts.into_iter().map(|(_, staged)| staged).collect()))
    }

    fn admit_moves(
        group: &mut Group,
        snapshot: &Snapshot<'_>,
        moves: Vec<Move>,
    ) -> Result<CommitMeta, StoreError> {
        let mut meta = CommitMeta::default();
        for Move { id, from, bytes } in moves {
            // A release in this same frame that comes before the move would bring the blob back: such a blob stays
            // where it is, and goes with its segment later.
            let released = group.admitted.iter().any(|admitted| admitted.meta.released.contains(&id));
            if released || group.moved.contains_key(&id) || rows::pointer(snapshot, id)? != Some(from) {
                continue;
            }
            let Ok(length) = u32::try_from(bytes.len()) else { continue };
            group.moved.insert(id, from);
            meta.blobs.push(BlobEntry::Moved { id, offset: group.place(&[bytes], length), bytes: length });
        }
        Ok(meta)
    }

    fn admit_drop(&self, segment: u64) -> Result<CommitMeta, StoreError> {
        let stats = self.shared.segments.stats(segment).ok_or(StoreError::Conflict)?;
        if segment == self.log.end().segment || !self.shared.is_reclaimable(segment, &stats) {
            return Err(StoreError::Conflict);
        }
        let rows = vec![RowChange::Delete { key: rows::segment_key(segment).into() }];
        Ok(CommitMeta { rows, ..CommitMeta::default() })
    }

    fn rotate(&mut self) {
        if self.shared.index.rotate() {
            self.unsealed_bytes = 0;
            self.shared.flush.request(self.log.end().next_frame.saturating_sub(1));
        }
    }

    fn freeze(&mut self, sequence: u64, tell: oneshot::Sender<Frozen>) -> Result<Position, StoreError> {
        match self.log.begin_segment() {
            Ok(()) => {}
            Err(AppendError::Full) => return Err(self.shared.space.full()),
            Err(AppendError::Failed(reason)) => return Err(self.shared.health.poison(reason)),
        }
        let position = self.next_position.saturating_sub(1);
        let _ = tell.send(Frozen { position, end: self.log.end(), sequence });
        Ok(Position(position))
    }

    /// The store was poisoned after the group was admitted, by another thread: only records are kept.
    fn save_records(&mut self, group: &mut Group, error: &StoreError) {
        let mut records = Vec::new();
        for admitted in std::mem::take(&mut group.admitted) {
            if admitted.records_only {
                records.push(admitted);
            } else {
                admitted.staged.iter().for_each(|staged| staged.put_back());
                group.refused.push((admitted.answer, error.clone()));
            }
        }
        if !records.is_empty() {
            self.write_emergency(records);
        }
    }

    /// Makes the group durable, shows it and answers it.
    fn write(&mut self, group: &mut Group) {
        let metas: Vec<_> =
            group.admitted.iter_mut().map(|admitted| std::mem::take(&mut admitted.meta)).collect();
        let mut outcome = self.append(&metas, &group.blobs);
        while matches!(outcome, Err(AppendError::Full)) && self.shared.reserve.give_back() {
            outcome = self.append(&metas, &group.blobs);
        }
        let admitted = std::mem::take(&mut group.admitted);
        match outcome {
            Ok((header, offset)) => self.show(&header, offset, &metas, &group.moved, admitted),
            Err(AppendError::Full) => {
                let error = self.shared.space.full();
                for admitted in admitted {
                    admitted.staged.iter().for_each(|staged| staged.put_back());
                    group.refused.push((admitted.answer, error.clone()));
                }
            }
            Err(AppendError::Failed(reason)) => {
                let error = self.shared.health.poison(reason);
                // The frame may lie on the disk whole. Its positions are not given again, its files stay for it.
                self.next_position += admitted.len() as u64;
                let mut records = Vec::new();
                for (admitted, meta) in admitted.into_iter().zip(metas) {
                    admitted.staged.iter().for_each(|staged| staged.keep());
                    if admitted.records_only {
                        records.push(Admitted { meta, ..admitted });
                    } else {
                        group.refused.push((admitted.answer, error.clone()));
                    }
                }
                if !records.is_empty() {
                    self.write_emergency(records);
                }
            }
        }
    }

    fn append(&mut self, metas: &[CommitMeta], blobs: &[Bytes]) -> Result<(Header, u64), AppendError> {
        self.log.roll()?;
        let end = self.log.end();
        let head = Head {
            segment: end.segment,
            frame: end.next_frame,
            previous: end.previous,
            first_position: self.next_position,
            time: self.shared.clock.now(),
        };
        let header = encode_frame(&mut self.buffer, self.shared.instance, head, metas, blobs);
        self.log.append(&self.buffer, header.crc)?;
        Ok((header, end.length))
    }

    fn show(
        &mut self,
        header: &Header,
        offset: u64,
        metas: &[CommitMeta],
        moved: &HashMap<BlobId, Pointer>,
        admitted: Vec<Admitted>,
    ) {
        let first = self.next_position;
        self.next_position += admitted.len() as u64;
        // Durable it is. If the index cannot take it, its rows are seen from the next start on, its records at once.
        let failed = rows::apply(&self.shared, header, offset, metas, moved).err().map(|error| {
            rows::show_records(&self.shared, header, metas);
            self.shared.health.poison(error.to_string().into())
        });
        for (position, admitted) in (first..).zip(admitted) {
            admitted.staged.iter().for_each(|staged| staged.keep());
            let refused = failed.clone().filter(|_| !admitted.records_only);
            let _ = admitted.answer.send(refused.map_or(Ok(Position(position)), Err));
        }
        // A memtable that holds a part of a frame must not become a table: the next start replays that frame whole.
        self.unsealed_bytes += header.frame_bytes();
        let is_full = self.shared.index.active_bytes() >= self.shared.memtable_bytes
            || self.unsealed_bytes >= self.shared.replay_bytes;
        if failed.is_none() && is_full {
            self.rotate();
        }
    }

    /// Keeps records in the emergency log, when the log takes nothing any more.
    fn write_emergency(&mut self, admitted: Vec<Admitted>) {
        let first = self.next_position;
        let metas: Vec<_> = admitted.iter().map(|admitted| admitted.meta.clone()).collect();
        let records =
            (first..).zip(&metas).map(|(position, meta)| (position, meta.records.clone())).collect();
        let (time, instance) = (self.shared.clock.now(), self.shared.instance);
        let written = self.shared.reserve.append(records, |frame, previous| {
            let mut buffer = Vec::new();
            let head = Head { segment: EMERGENCY, frame, previous, first_position: first, time };
            let header = encode_frame(&mut buffer, instance, head, &metas, &[]);
            (buffer, header.crc)
        });
        let outcome = written.map_err(|error| {
            self.shared.health.lose_records();
            self.shared.health.poison(failure("emergency log", &error))
        });
        if outcome.is_ok() {
            self.next_position += admitted.len() as u64;
            self.shared.clock.told(time);
            self.shared.reach(self.next_position - 1);
        }
        for (position, admitted) in (first..).zip(admitted) {
            let _ = admitted.answer.send(outcome.clone().map(|()| Position(position)));
        }
    }
}

impl Group {
    /// Gives inline bytes their place in the frame's blob section.
    fn place(&mut self, bytes: &[Bytes], length: u32) -> u32 {
        let offset = self.blob_bytes;
        // INVARIANT: the queue and the limit of a commit keep a section far below 4 GiB.
        self.blob_bytes = self.blob_bytes.saturating_add(length);
        self.blobs.extend_from_slice(bytes);
        offset
    }
}

/// What a frame's header does not take from its sections.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) segment: u64,
    pub(crate) frame: u64,
    pub(crate) previous: u32,
    pub(crate) first_position: u64,
    pub(crate) time: Timestamp,
}

/// Writes a whole frame into `buffer`.
pub(crate) fn encode_frame(
    buffer: &mut Vec<u8>,
    instance: Instance,
    head: Head,
    metas: &[CommitMeta],
    blobs: &[Bytes],
) -> Header {
    buffer.clear();
    buffer.resize(HEADER_BYTES, 0);
    for meta in metas {
        meta.encode(buffer);
    }
    let meta_end = buffer.len();
    for bytes in blobs {
        buffer.extend_from_slice(bytes);
    }
    let section = |range: std::ops::Range<usize>| buffer.get(range).unwrap_or_default();
    let (meta, blob) = (section(HEADER_BYTES..meta_end), section(meta_end..buffer.len()));
    let length = |part: &[u8]| u32::try_from(part.len()).unwrap_or(u32::MAX);
    let mut header = Header {
        segment: head.segment,
        frame: head.frame,
        first_position: head.first_position,
        time: head.time,
        previous: head.previous,
        commits: u32::try_from(metas.len()).unwrap_or(u32::MAX),
        meta_bytes: length(meta),
        blob_bytes: length(blob),
        meta_crc: instance.checksum(meta),
        blob_crc: instance.checksum(blob),
        crc: 0,
    };
    let (bytes, crc) = header.encode(instance);
    header.crc = crc;
    if let Some(place) = buffer.get_mut(..HEADER_BYTES) {
        place.copy_from_slice(&bytes);
    }
    header
}

/// The changes of a batch under full keys, the last of each key only.
fn changes(prefix: &[u8], writes: Vec<Write>, position: u64) -> Vec<RowChange> {
    let mut rows: Vec<RowChange> = Vec::with_capacity(writes.len());
    let mut places: HashMap<Bytes, usize> = HashMap::new();
    let mut appends = 0;
    let several = writes.len() > 1;
    for write in writes {
        let full = |key: &[u8]| Bytes::from([prefix, key].concat());
        let row = match write {
            Write::Put { key, value } => RowChange::Put { key: full(&key), value: value.into() },
            Write::Delete { key } => RowChange::Delete { key: full(&key) },
            Write::Append { prefix, value } => {
                appends += 1;
                RowChange::Put { key: full(&append_key(&prefix, position, appends - 1)), value: value.into() }
            }
        };
        if !several {
            return vec![row];
        }
        let (RowChange::Put { key, .. } | RowChange::Delete { key }) = &row;
        let place = *places.entry(key.clone()).or_insert(rows.len());
        match rows.get_mut(place) {
            Some(earlier) => *earlier = row,
            None => rows.push(row),
        }
    }
    rows
}

fn holds(
    overlay: &Overlay,
    snapshot: &Snapshot<'_>,
    prefix: &[u8],
    precondition: &Precondition,
) -> Result<bool, StoreError> {
    let full = |key: &[u8]| [prefix, key].concat();
    let version = |key: &[u8]| match overlay.get(key) {
        Some(version) => Ok(*version),
        None => snapshot.version(key),
    };
    Ok(match precondition {
        Precondition::RowAbsent(key) => version(&full(key))?.is_none(),
        Precondition::RowIs(key, expected) => version(&full(key))? == Some(*expected),
        Precondition::RangeEmpty(range) if range.start >= range.end => true,
        Precondition::RangeEmpty(range) => {
            let (start, end) = (full(&range.start), full(&range.end));
            let bounds = (Bound::Included(start.as_slice()), Bound::Excluded(end.as_slice()));
            if overlay.range::<[u8], _>(bounds).any(|(_, version)| version.is_some()) {
                return Ok(false);
            }
            for row in snapshot.range(start..end, Direction::Forward) {
                let (key, _) = row?;
                if !overlay.contains_key(&key) {
                    return Ok(false);
                }
            }
            true
        }
    })
}
