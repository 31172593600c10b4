//! The embedded engine: our commit log holds the truth, an LSM tree indexes it.
//!
//! The way of a commit: [`queue`] → [`committer`] (decide, one frame, one write, one sync) → [`rows`] (the frame becomes
//! rows of the [`index`]) → the answer. The way of a blob: [`blobs`]. Behind them, on threads of their own: [`flush`]
//! (memtables to tables) and [`reclaim`] (what nobody needs any more). At start: [`open`], then [`recover`].
//! `docs/formats/log.md` and `docs/formats/data-directory.md` describe what lies on disk.

pub mod backup;
mod blobs;
mod clock;
mod committer;
mod flush;
#[cfg(test)]
mod format_tests;
mod frame;
mod health;
mod index;
mod inspect;
mod journal;
mod limits;
mod log;
#[cfg(test)]
mod model;
mod open;
mod pace;
mod queue;
mod reclaim;
#[cfg(test)]
mod reclaim_tests;
mod recover;
mod reserve;
mod rows;
pub mod scrub;
mod segments;
mod space;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use strongroom_types::{BlobId, Timestamp};
use tokio::sync::oneshot;

pub use frame::fuzz_frame;
pub use open::{OpenError, Options, make_directory};

use self::blobs::{BlobFiles, LocalWriter, Pointer, blocking};
use self::clock::Clock;
use self::committer::{Job, Work};
use self::flush::Flush;
use self::frame::Instance;
use self::health::Health;
use self::index::Index;
use self::log::failure;
use self::queue::Queue;
use self::reclaim::Chores;
use self::reserve::Reserve;
use self::segments::{SegmentStats, Segments};
use self::space::Space;
use crate::contract::{
    Batch, BlobStore, BlobWriter, Committed, Direction, Entry, Journal, MAX_COMMIT_BYTES, MetaStore,
    Partition, Position, Row, StoreClock, StoreError, StoreHealth,
};
use crate::locked;
use crate::memory::{check_limits, check_range};

/// A data directory that is open. Clones share it; it closes when the last one goes.
#[derive(Clone)]
pub struct LocalStore {
    handle: Arc<Handle>,
}

/// What the store's threads and its callers share.
pub(crate) struct Shared {
    directory: PathBuf,
    instance_id: [u8; 16],
    instance: Instance,
    inline_bytes: u64,
    memtable_bytes: u64,
    replay_bytes: u64,
    release_grace: Duration,
    index: Index,
    segments: Segments,
    files: BlobFiles,
    queue: Queue<Job>,
    flush: Flush,
    chores: Chores,
    clock: Clock,
    health: Health,
    space: Space,
    reserve: Reserve,
    tail: AtomicU64,
    trimmed: AtomicU64,
}

/// Ends the threads, in order, and lets go of the lock last.
struct Handle {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    reclaims: bool,
    _lock: File,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.queue.close();
        self.shared.flush.close();
        self.shared.chores.close();
        for thread in locked(&self.threads).drain(..) {
            let _ = thread.join();
        }
        if self.reclaims {
            self.shared.files.sweep(Duration::ZERO);
        }
    }
}

/// A committed blob, as [`LocalStore::blob_ids`] lists it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlobInfo {
    /// Its id.
    pub id: BlobId,
    /// Length of its sealed bytes.
    pub sealed_bytes: u64,
    /// Whether it has a file of its own (otherwise it lies in the log).
    pub has_file: bool,
}

impl Shared {
    fn trimmed(&self) -> u64 {
        self.trimmed.load(Ordering::Acquire)
    }

    fn trim_to(&self, position: u64) {
        self.trimmed.fetch_max(position, Ordering::AcqRel);
        self.segments.forget_marks(position);
    }

    fn tail(&self) -> u64 {
        self.tail.load(Ordering::Acquire)
    }

    /// Everything up to `position` is durable and visible.
    fn reach(&self, position: u64) {
        self.tail.fetch_max(position, Ordering::AcqRel);
    }

    /// Whether a sealed segment holds nothing that anyone needs: its frames are in the flushed index, its records
    /// trimmed, its blobs dead and no longer read.
    fn is_reclaimable(&self, segment: u64, stats: &SegmentStats) -> bool {
        stats.last_frame <= self.flush.flushed_frame()
            && stats.last_record <= self.trimmed()
            && !stats.is_alive()
            && !self.files.lingers_in(segment)
    }

    async fn ask(&self, work: Work, bytes: u64) -> Result<Position, StoreError> {
        let room = Some(self.queue.room(bytes).await?);
        let (answer, answered) = oneshot::channel();
        self.queue.push(bytes, Job { work, answer, room })?;
        answered.await.unwrap_or_else(|_| Err(self.health.poisoned().unwrap_or(StoreError::Closed)))
    }

    /// The same for the engine's own threads, which do not wait for room.
    fn ask_here(&self, work: Work, bytes: u64) -> Result<Position, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.push(bytes, Job { work, answer, room: None })?;
        answered.blocking_recv().unwrap_or_else(|_| Err(self.health.poisoned().unwrap_or(StoreError::Closed)))
    }

    /// Where a blob lies: committed, or released and still kept for its readers.
    fn locate(&self, id: BlobId) -> Result<Pointer, StoreError> {
        // A released blob is kept before its row is seen to be gone, so this order misses none.
        if let Some(pointer) = rows::pointer(&self.index.snapshot(), id)? {
            return Ok(pointer);
        }
        self.files.still(id).ok_or(StoreError::NoSuchBlob(id))
    }
}

impl LocalStore {
    /// Opens the data directory `directory`, makes it if it is empty, recovers what a crash left. Blocks while it
    /// replays the log. Files of others in it (`keys`, `tls/`) are left alone.
    ///
    /// # Errors
    /// [`OpenError`] says what to do next: the directory is in use, of another format, not ours, or damaged.
    pub fn open(directory: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        open::open(directory.as_ref(), options)
    }

    /// Opens without the thread that reclaims, so that nothing that lies there goes.
    pub(crate) fn open_to_look(directory: &Path, options: Options) -> Result<Self, OpenError> {
        if !directory.join("FORMAT").exists() {
            return Err(OpenError::FormatMissing);
        }
        open::open_with(directory, options, open::Seams { reclaims: false, ..open::Seams::default() })
    }

    /// The random id that the installation got when its data directory was made.
    pub fn instance_id(&self) -> [u8; 16] {
        self.handle.shared.instance_id
    }

    /// Flushes what the log holds into the index's tables, so that the next start has nothing to replay.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] or [`StoreError::DiskFull`] if it cannot.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        let through = self.shared().ask(Work::Rotate, 0).await?;
        let shared = self.handle.shared.clone();
        let _ = through;
        blocking(move || shared.flush.wait_idle(&shared)).await?
    }

    /// Runs one round of reclaim now: unlinks, drops and compacts what may go.
    ///
    /// # Errors
    /// As [`MetaStore::commit`].
    pub async fn reclaim(&self) -> Result<(), StoreError> {
        let shared = self.handle.shared.clone();
        blocking(move || reclaim::hurried_round(&shared)).await?
    }

    /// Committed blobs in the order of their ids, up to `limit` behind `after`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the index is damaged.
    pub fn blob_ids(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobInfo>, StoreError> {
        let found = rows::pointers(&self.shared().index.snapshot(), after, limit)?;
        let info = |(id, pointer): (BlobId, Pointer)| BlobInfo {
            id,
            sealed_bytes: pointer.sealed_bytes(),
            has_file: matches!(pointer, Pointer::File { .. }),
        };
        Ok(found.into_iter().map(info).collect())
    }

    /// Every partition that has rows. One seek each.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the index is damaged, or holds a key of no partition.
    pub fn partitions(&self) -> Result<Vec<Partition>, StoreError> {
        let snapshot = self.shared().index.snapshot();
        let mut found = Vec::new();
        let mut from = vec![1];
        while let Some(row) = snapshot.range(from.clone()..vec![0xff], Direction::Forward).next() {
            let (key, _) = row?;
            let (partition, _) = Partition::split(&key)
                .ok_or_else(|| StoreError::Corrupt { what: "a row key of no partition".into() })?;
            found.push(partition);
            from = crate::prefix_range(&partition.prefix()).end;
        }
        Ok(found)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.handle.shared
    }
}

#[async_trait]
impl MetaStore for LocalStore {
    async fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Row>, StoreError> {
        let mut full = partition.prefix();
        full.extend_from_slice(key);
        self.shared().index.snapshot().get(&full)
    }

    async fn scan(
        &self,
        partition: Partition,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Entry>, StoreError> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        let prefix = partition.prefix();
        let full = |key: &[u8]| [prefix.as_slice(), key].concat();
        let bounds = full(&range.start)..full(&range.end);
        let snapshot = self.shared().index.snapshot();
        snapshot
            .range(bounds, direction)
            .take(limit)
            .map(|row| row.map(|(key, row)| Entry { key: key.slice(prefix.len()..), row }))
            .collect()
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let shared = self.shared();
        let inline = |bytes: &u64| *bytes <= shared.inline_bytes;
        let blobs: u64 = batch.blobs.iter().map(crate::StagedBlob::sealed_bytes).filter(inline).sum();
        if blobs > MAX_COMMIT_BYTES {
            return Err(StoreError::TooLarge { what: "a commit", most_bytes: MAX_COMMIT_BYTES });
        }
        let bytes = check_limits(&batch)? + blobs;
        let position = shared.ask(Work::Commit(Box::new(batch)), bytes).await?;
        Ok(Committed { position })
    }

    fn health(&self) -> StoreHealth {
        let shared = self.shared();
        if let Some(error) = shared.health.poisoned() {
            return if shared.health.keeps_records() {
                StoreHealth::ReadOnly(error)
            } else {
                StoreHealth::Down(error)
            };
        }
        shared.space.check().map_or_else(StoreHealth::ReadOnly, |()| StoreHealth::Ready)
    }
}

#[async_trait]
impl BlobStore for LocalStore {
    async fn stage(
        &self,
        id: BlobId,
        expected_bytes: Option<u64>,
    ) -> Result<Box<dyn BlobWriter>, StoreError> {
        Ok(Box::new(LocalWriter::new(self.handle.shared.clone(), id, expected_bytes).await?))
    }

    async fn read(&self, id: BlobId, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.read_into(id, range, Vec::new()).await.map(Bytes::from)
    }

    async fn read_into(
        &self,
        id: BlobId,
        range: Range<u64>,
        mut buffer: Vec<u8>,
    ) -> Result<Vec<u8>, StoreError> {
        let shared = &self.handle.shared;
        // A blob that moves or goes between the look at its row and the read is looked for again.
        for _ in 0..8 {
            let pointer = shared.locate(id)?;
            check_range(&range, pointer.sealed_bytes())?;
            let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            let start = range.start;
            let read = match pointer {
                Pointer::Inline { segment, offset, .. } => shared.segments.file(segment).and_then(|file| {
                    blobs::read_into(&file, offset.saturating_add(start), length, &mut buffer)
                }),
                Pointer::File { .. } => {
                    let shared = shared.clone();
                    let mut lent = std::mem::take(&mut buffer);
                    let reading = blocking(move || {
                        let read = shared.files.read(id, start, length, &mut lent);
                        (lent, read)
                    });
                    let read;
                    (buffer, read) = reading.await?;
                    read
                }
            };
            match read {
                Ok(()) => return Ok(buffer),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) if blobs::is_out_of_files(&error) => return Err(StoreError::Busy),
                Err(error) => return Err(StoreError::Corrupt { what: failure("a blob's bytes", &error) }),
            }
        }
        Err(StoreError::Corrupt { what: "a blob's bytes are gone".into() })
    }

    async fn len(&self, id: BlobId) -> Result<u64, StoreError> {
        Ok(self.shared().locate(id)?.sealed_bytes())
    }
}

#[async_trait]
impl Journal for LocalStore {
    async fn append(&self, records: Vec<Vec<u8>>) -> Result<Position, StoreError> {
        let bytes = records.iter().map(|record| record.len() as u64 + 8).sum();
        if bytes > MAX_COMMIT_BYTES {
            return Err(StoreError::TooLarge { what: "a commit", most_bytes: MAX_COMMIT_BYTES });
        }
        self.shared().ask(Work::Append(records), bytes).await
    }

    async fn read(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<(Position, Vec<Bytes>)>, StoreError> {
        let shared = self.handle.shared.clone();
        blocking(move || journal::read(&shared, after, limit)).await?
    }

    async fn trim(&self, through: Position) -> Result<(), StoreError> {
        self.shared().ask(Work::Trim(through), 64).await.map(|_| ())
    }

    fn tail(&self) -> Position {
        Position(self.shared().tail())
    }
}

impl StoreClock for LocalStore {
    fn now(&self) -> Timestamp {
        self.shared().clock.now()
    }

    fn lag(&self) -> Option<Duration> {
        self.shared().clock.lag()
    }
}
