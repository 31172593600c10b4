//! Reading every record once, or again: never skipped.

use std::sync::Arc;

use strongroom_record::{Record, decode};
use strongroom_storage::{Batch, Partition, Position};

use crate::archive::{Archive, Group, Place, Reader, decode_positions, encode_positions};
use crate::error::{TrailError, blocking};
use crate::limits::MAX_CURSOR_NAME_BYTES;

/// Where the rows of cursors begin, in the system's partition.
pub(crate) const CURSORS: &[u8] = b"trail/cursor/";

/// A named reader over archive and journal whose place is durable: at least once, in order, none skipped.
///
/// What [`next`](Self::next) gave out and [`commit`](Self::commit) did not name is given out again after a restart.
/// Retention asks every cursor that was ever opened, until it is [forgotten](Self::forget).
pub struct Cursor {
    archive: Arc<Archive>,
    name: String,
    committed: Position,
    read: Position,
    /// The chunk that is being read.
    reader: Option<Reader>,
    /// Nothing was behind `read` when the journal's tail was here.
    seen_tail: Option<Position>,
}

impl Cursor {
    /// Opens the cursor `name`. A new one begins with the oldest record kept.
    ///
    /// # Errors
    /// [`TrailError::Name`]; the store's.
    pub async fn open(archive: &Arc<Archive>, name: &str) -> Result<Self, TrailError> {
        let row = archive.store().get(Partition::System, &row_key(name)?).await?;
        let known = row.as_ref().map(|row| decode_positions::<1>(&row.value)).transpose()?;
        let mut cursor = Self {
            archive: archive.clone(),
            name: name.to_owned(),
            committed: Position(known.map_or(0, |[position]| position)),
            read: Position(0),
            reader: None,
            seen_tail: None,
        };
        if known.is_none() {
            // From now on retention knows of it.
            cursor.write(archive.removed_through()).await?;
        }
        cursor.rewind();
        Ok(cursor)
    }

    /// Removes a cursor that nobody reads with any more.
    ///
    /// # Errors
    /// [`TrailError::Name`]; the store's.
    pub async fn forget(archive: &Archive, name: &str) -> Result<(), TrailError> {
        let key = row_key(name)?;
        if archive.store().get(Partition::System, &key).await?.is_some() {
            let mut batch = Batch::new(Partition::System);
            batch.delete(key);
            batch.frees_space = true;
            archive.store().commit(batch).await?;
        }
        Ok(())
    }

    /// The position up to which it has been read.
    pub fn read_to(&self) -> Position {
        self.read
    }

    /// The position up to which it is committed.
    pub fn committed(&self) -> Position {
        self.committed
    }

    /// When [`next`](Self::next) last found nothing: the position up to which there was nothing.
    pub fn idle_at(&self) -> Option<Position> {
        self.seen_tail
    }

    /// Goes back to what is committed.
    pub fn rewind(&mut self) {
        self.read = self.committed;
        self.reader = None;
        self.seen_tail = None;
    }

    /// About `limit` records behind those read so far, whole positions; empty when there are none. Asking when there
    /// is nothing new costs one atomic read.
    ///
    /// # Errors
    /// [`TrailError`]; the cursor stays where it was.
    pub async fn next(&mut self, limit: usize) -> Result<Vec<(Position, Record)>, TrailError> {
        loop {
            let groups = match self.archive.place(self.read) {
                Place::Removed(to) => {
                    tracing::warn!(
                        cursor = self.name,
                        position = self.read.0,
                        next = to.0,
                        "records that were not read are past their retention"
                    );
                    self.reader = None;
                    self.read = to;
                    continue;
                }
                Place::Missing => return Err(TrailError::Missing { after: self.read }),
                Place::Chunk(chunk) => {
                    let reader = match self.reader.take() {
                        Some(reader) if reader.header().first == chunk.first => reader,
                        Some(_) | None => match self.archive.reader(chunk).await? {
                            Some(reader) => reader,
                            None => continue,
                        },
                    };
                    let groups = self.read_chunk(reader, limit).await?;
                    if groups.is_empty() {
                        self.reader = None;
                        self.read = Position(chunk.last);
                        continue;
                    }
                    groups
                }
                Place::Journal => {
                    self.reader = None;
                    let tail = self.archive.tail();
                    if self.seen_tail == Some(tail) {
                        return Ok(Vec::new());
                    }
                    let after = (self.read > Position(0)).then_some(self.read);
                    let groups = self.archive.journal().read(after, limit).await?;
                    // What was archived meanwhile may have been trimmed before it was read.
                    // INVARIANT: the archive says so before the journal is trimmed.
                    if self.archive.archived_through() > self.read {
                        continue;
                    }
                    if groups.is_empty() {
                        self.seen_tail = Some(tail);
                        return Ok(Vec::new());
                    }
                    groups
                }
            };
            let records = self.give(&groups);
            if !records.is_empty() {
                return Ok(records);
            }
        }
    }

    async fn read_chunk(&mut self, mut reader: Reader, limit: usize) -> Result<Vec<Group>, TrailError> {
        let after = self.read;
        let (reader, groups) = blocking(move || {
            let groups = reader.read(after, limit);
            (reader, groups)
        })
        .await?;
        self.reader = Some(reader);
        groups
    }

    /// A record that does not read is told of and passed over: it must not keep those behind it from being delivered.
    fn give(&mut self, groups: &[Group]) -> Vec<(Position, Record)> {
        let mut records = Vec::new();
        for (position, group) in groups {
            for bytes in group {
                match decode(bytes) {
                    Ok(record) => records.push((*position, record)),
                    Err(error) => tracing::error!(
                        cursor = self.name,
                        position = position.0,
                        %error,
                        "a record does not read and was not delivered; run strongroom verify"
                    ),
                }
            }
        }
        if let Some((last, _)) = groups.last() {
            self.read = *last;
            self.seen_tail = None;
        }
        records
    }

    /// Says that everything up to and including `position` is done with. Costs a commit, which makes no record;
    /// nothing if it is committed already.
    ///
    /// # Errors
    /// The store's.
    pub async fn commit(&mut self, position: Position) -> Result<(), TrailError> {
        let position = position.min(self.read);
        if position > self.committed {
            self.write(position).await?;
        }
        Ok(())
    }

    async fn write(&mut self, position: Position) -> Result<(), TrailError> {
        let mut batch = Batch::new(Partition::System);
        batch.put(row_key(&self.name)?, encode_positions(&[position.0]));
        // Readers that go on let retention go on.
        batch.frees_space = true;
        self.archive.store().commit(batch).await?;
        self.committed = position;
        Ok(())
    }
}

fn row_key(name: &str) -> Result<Vec<u8>, TrailError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > MAX_CURSOR_NAME_BYTES || !name.bytes().all(allowed) {
        return Err(TrailError::Name);
    }
    Ok([CURSORS, name.as_bytes()].concat())
}
