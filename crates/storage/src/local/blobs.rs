//! Blobs on their way in, and where they lie once they are there.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{DirEntry, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use strongroom_types::BlobId;
use tokio::task::JoinHandle;

use super::log::{failure, is_full, sync_directory};
use super::{Shared, limits};
use crate::contract::{BlobWriter, StagedBlob, StoreError};
use crate::locked;

/// Where a blob lies: the value of its pointer row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pointer {
    /// In a segment of the log.
    Inline { segment: u64, offset: u64, bytes: u32 },
    /// In a file of its own.
    File { bytes: u64 },
}

impl Pointer {
    pub(crate) fn encode(self) -> Vec<u8> {
        match self {
            Self::Inline { segment, offset, bytes } => {
                [&[1][..], &segment.to_be_bytes(), &offset.to_be_bytes(), &bytes.to_be_bytes()].concat()
            }
            Self::File { bytes } => [&[2][..], &bytes.to_be_bytes()].concat(),
        }
    }

    pub(crate) fn decode(mut stored: &[u8]) -> Option<Self> {
        let pointer = match stored.try_get_u8().ok()? {
            1 => Self::Inline {
                segment: stored.try_get_u64().ok()?,
                offset: stored.try_get_u64().ok()?,
                bytes: stored.try_get_u32().ok()?,
            },
            2 => Self::File { bytes: stored.try_get_u64().ok()? },
            _ => return None,
        };
        stored.is_empty().then_some(pointer)
    }

    pub(crate) fn sealed_bytes(self) -> u64 {
        match self {
            Self::Inline { bytes, .. } => u64::from(bytes),
            Self::File { bytes } => bytes,
        }
    }
}

struct Released {
    pointer: Pointer,
    last_read: Instant,
}

#[derive(Default)]
struct Waiting {
    /// Blobs whose pointer is gone, kept for those who still read them.
    released: HashMap<BlobId, Released>,
    /// Their order of release.
    order: VecDeque<BlobId>,
    /// Files that no one will commit any more.
    dropped: Vec<BlobId>,
    /// Files that are being written, or wait for their commit.
    staged: HashSet<BlobId>,
}

/// A file in `blobs/`.
pub(crate) struct Listed {
    pub(crate) path: PathBuf,
    /// `None` for what does not have a blob's name, or is not where it belongs.
    pub(crate) id: Option<BlobId>,
}

/// The directory `blobs/`.
pub(crate) struct BlobFiles {
    directory: PathBuf,
    waiting: Mutex<Waiting>,
}

impl BlobFiles {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory, waiting: Mutex::default() }
    }

    fn folder(&self, id: BlobId) -> PathBuf {
        self.directory.join(format!("{:02x}", id.as_bytes().first().copied().unwrap_or_default()))
    }

    pub(crate) fn path(&self, id: BlobId) -> PathBuf {
        self.folder(id).join(id.to_string())
    }

    fn create(&self, id: BlobId) -> io::Result<File> {
        locked(&self.waiting).staged.insert(id);
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path(id));
        if created.is_err() {
            locked(&self.waiting).staged.remove(&id);
        }
        created
    }

    pub(crate) fn is_staged(&self, id: BlobId) -> bool {
        let waiting = locked(&self.waiting);
        waiting.staged.contains(&id) || waiting.released.contains_key(&id)
    }

    /// Takes a blob whose pointer is durably gone.
    pub(crate) fn release(&self, id: BlobId, pointer: Pointer) {
        let mut waiting = locked(&self.waiting);
        waiting.released.insert(id, Released { pointer, last_read: Instant::now() });
        waiting.order.push_back(id);
    }

    /// Whether so many released blobs wait that some should go now ([`due`](Self::due)).
    pub(crate) fn are_too_many(&self) -> bool {
        locked(&self.waiting).released.len() > 2 * limits::RELEASED_BLOBS
    }

    /// Where a released blob still lies. The reader keeps it alive.
    pub(crate) fn still(&self, id: BlobId) -> Option<Pointer> {
        let mut waiting = locked(&self.waiting);
        let released = waiting.released.get_mut(&id)?;
        released.last_read = Instant::now();
        Some(released.pointer)
    }

    /// Whether a released blob that someone may read lies in `segment`.
    pub(crate) fn lingers_in(&self, segment: u64) -> bool {
        let lies = |pointer: &Pointer| matches!(pointer, Pointer::Inline { segment: in_segment, .. } if *in_segment == segment);
        locked(&self.waiting).released.values().any(|released| lies(&released.pointer))
    }

    /// Takes the files that nobody wants any more, which the caller unlinks.
    pub(crate) fn due(&self, grace: Duration) -> Vec<BlobId> {
        let mut waiting = locked(&self.waiting);
        let mut gone = std::mem::take(&mut waiting.dropped);
        let mut excess = waiting.released.len().saturating_sub(limits::RELEASED_BLOBS);
        let Waiting { released, order, .. } = &mut *waiting;
        order.retain(|id| {
            let Some(blob) = released.get(id) else { return false };
            let idle = blob.last_read.elapsed();
            // A file takes long to download, and few of them are released at once.
            let dispensable =
                excess > 0 && (matches!(blob.pointer, Pointer::Inline { .. }) || idle > limits::READ_PAUSE);
            if !dispensable && idle < grace {
                return true;
            }
            excess = excess.saturating_sub(1);
            if matches!(blob.pointer, Pointer::File { .. }) {
                gone.push(*id);
            }
            released.remove(id);
            false
        });
        gone
    }

    /// Unlinks all of them at once.
    pub(crate) fn sweep(&self, grace: Duration) {
        for id in self.due(grace) {
            self.unlink(id);
        }
    }

    pub(crate) fn unlink(&self, id: BlobId) {
        match std::fs::remove_file(self.path(id)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "a blob file could not be removed"),
        }
    }

    /// Every file in `blobs/`. One folder's are held in memory at a time.
    pub(crate) fn list(&self) -> io::Result<impl Iterator<Item = io::Result<Listed>> + '_> {
        let folders = std::fs::read_dir(&self.directory)?;
        Ok(folders.flat_map(|folder| match folder.and_then(|folder| self.list_folder(&folder)) {
            Ok(files) => files.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }))
    }

    fn list_folder(&self, folder: &DirEntry) -> io::Result<Vec<Listed>> {
        if !folder.file_type()?.is_dir() {
            return Ok(vec![Listed { path: folder.path(), id: None }]);
        }
        let files = std::fs::read_dir(folder.path())?.map(|file| {
            let file = file?;
            let id = file.file_name().to_str().and_then(|name| BlobId::parse(name).ok());
            Ok(Listed { id: id.filter(|id| self.path(*id) == file.path()), path: file.path() })
        });
        files.collect()
    }

    /// Makes the 256 folders.
    pub(crate) fn make_folders(&self) -> io::Result<()> {
        for first in 0..=u8::MAX {
            super::open::make_directory(&self.directory.join(format!("{first:02x}")))?;
        }
        sync_directory(&self.directory)
    }

    pub(crate) fn read(
        &self,
        id: BlobId,
        offset: u64,
        length: usize,
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        let file = File::open(self.path(id))?;
        read_into(&file, offset, length, buffer)
    }
}

/// Reads exactly `length` bytes.
pub(crate) fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    read_into(file, offset, length, &mut bytes)?;
    Ok(bytes.into())
}

/// The same into a buffer, in place of what it held.
pub(crate) fn read_into(file: &File, offset: u64, length: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.truncate(length);
    // Exactly: the room of a buffer that is kept for long is not to be twice what it holds.
    buffer.reserve_exact(length - buffer.len());
    buffer.resize(length, 0);
    file.read_exact_at(buffer, offset)
}

/// A file under its final name that no commit has named yet. Removed when dropped, unless it was committed.
pub(crate) struct StagedFile {
    id: BlobId,
    shared: Arc<Shared>,
    keep: AtomicBool,
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        let mut waiting = locked(&self.shared.files.waiting);
        waiting.staged.remove(&self.id);
        if !*self.keep.get_mut() {
            waiting.dropped.push(self.id);
            drop(waiting);
            self.shared.chores.wake();
        }
    }
}

/// The engine's part of a [`StagedBlob`].
pub(crate) struct Staged {
    pub(crate) part: Part,
    /// A commit has it, or is under way with it. Only the committer changes it.
    taken: AtomicBool,
}

pub(crate) enum Part {
    Inline { bytes: Vec<Bytes>, length: u32 },
    File { file: StagedFile, bytes: u64 },
}

impl Staged {
    /// Takes the blob into a commit; `false` if one has it already.
    pub(crate) fn take(&self) -> bool {
        !self.taken.swap(true, Ordering::AcqRel)
    }

    /// The commit came to nothing: another may take it.
    pub(crate) fn put_back(&self) {
        self.taken.store(false, Ordering::Release);
    }

    /// A commit names it, or may: its file is not removed.
    pub(crate) fn keep(&self) {
        if let Part::File { file, .. } = &self.part {
            file.keep.store(true, Ordering::Release);
        }
    }
}

enum Stage {
    /// Small so far.
    Memory,
    File {
        staged: StagedFile,
        file: Arc<File>,
        /// The write under way: one at a time, so that they stay in order.
        writing: Option<JoinHandle<io::Result<()>>>,
    },
}

/// Takes one blob's bytes: in memory while they are few, then into a file.
pub(crate) struct LocalWriter {
    id: BlobId,
    shared: Arc<Shared>,
    stage: Stage,
    pending: Vec<Bytes>,
    pending_bytes: usize,
    length: u64,
}

impl LocalWriter {
    pub(crate) async fn new(
        shared: Arc<Shared>,
        id: BlobId,
        expected: Option<u64>,
    ) -> Result<Self, StoreError> {
        shared.health.check()?;
        let large = expected.is_some_and(|bytes| bytes > shared.inline_bytes);
        if large {
            shared.space.check()?;
        }
        let mut writer =
            Self { id, shared, stage: Stage::Memory, pending: Vec::new(), pending_bytes: 0, length: 0 };
        if large {
            writer.open_file().await?;
        }
        Ok(writer)
    }

    async fn open_file(&mut self) -> Result<(), StoreError> {
        let (shared, id) = (self.shared.clone(), self.id);
        // The guard is made where the file is: a caller that goes away in between leaves nothing behind.
        let created = blocking(move || {
            let file = shared.files.create(id)?;
            Ok((StagedFile { id, shared, keep: AtomicBool::new(false) }, Arc::new(file)))
        });
        let (staged, file) = created.await?.map_err(|error: io::Error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                StoreError::Conflict
            } else if is_out_of_files(&error) {
                StoreError::Busy
            } else {
                self.failed("blob file", &error)
            }
        })?;
        self.stage = Stage::File { staged, file, writing: None };
        Ok(())
    }

    fn failed(&self, operation: &str, error: &io::Error) -> StoreError {
        if is_full(error) {
            return self.shared.space.full();
        }
        self.shared.health.poison(failure(operation, error))
    }

    /// Starts writing what has gathered, after the write before it.
    async fn flush(&mut self) -> Result<(), StoreError> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let Stage::File { file, writing, .. } = &mut self.stage else { return Ok(()) };
        let before = match writing.take() {
            Some(task) => joined(task.await),
            None => Ok(()),
        };
        let file = file.clone();
        *writing = Some(tokio::task::spawn_blocking(move || {
            let mut file = &*file;
            pending.iter().try_for_each(|bytes| file.write_all(bytes))
        }));
        before.map_err(|error| self.failed("blob write", &error))
    }
}

/// Whether the process or the system has too many files open: a matter of load, not of the disk.
pub(crate) fn is_out_of_files(error: &io::Error) -> bool {
    matches!(
        rustix::io::Errno::from_io_error(error),
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
    )
}

fn joined(outcome: Result<io::Result<()>, tokio::task::JoinError>) -> io::Result<()> {
    outcome.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Runs `work` where blocking is allowed.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closed)
}

#[async_trait]
impl BlobWriter for LocalWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.length += bytes.len() as u64;
        self.pending_bytes += bytes.len();
        self.pending.push(bytes);
        if matches!(self.stage, Stage::Memory) && self.length > self.shared.inline_bytes {
            self.shared.space.check()?;
            self.open_file().await?;
        }
        if matches!(self.stage, Stage::File { .. }) && self.pending_bytes >= limits::BLOB_WRITE_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<StagedBlob, StoreError> {
        self.flush_if_file().await?;
        let (id, length) = (self.id, self.length);
        let this = *self;
        let part = match this.stage {
            Stage::Memory => {
                let length = u32::try_from(length).map_err(|_| StoreError::TooLarge {
                    what: "an inline blob",
                    most_bytes: limits::INLINE_BYTES,
                })?;
                Part::Inline { bytes: this.pending, length }
            }
            Stage::File { staged, file, writing } => {
                let shared = this.shared.clone();
                if let Some(task) = writing {
                    joined(task.await).map_err(|error| write_failed(&shared, "blob write", &error))?;
                }
                let folder = shared.files.folder(id);
                let synced = blocking(move || {
                    file.sync_all()?;
                    sync_directory(&folder)
                });
                synced.await?.map_err(|error| sync_failed(&shared, &error))?;
                Part::File { file: staged, bytes: length }
            }
        };
        Ok(StagedBlob::new(id, length, Arc::new(Staged { part, taken: AtomicBool::new(false) })))
    }
}

impl LocalWriter {
    async fn flush_if_file(&mut self) -> Result<(), StoreError> {
        match self.stage {
            Stage::Memory => Ok(()),
            Stage::File { .. } => self.flush().await,
        }
    }
}

fn write_failed(shared: &Shared, operation: &str, error: &io::Error) -> StoreError {
    if is_full(error) { shared.space.full() } else { shared.health.poison(failure(operation, error)) }
}

/// A failed sync poisons, whatever its reason: what it says of the disk cannot be asked again.
fn sync_failed(shared: &Shared, error: &io::Error) -> StoreError {
    shared.health.poison(failure("blob sync", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn released_blobs_that_wait_for_readers_do_not_gather_without_end() {
        let files = BlobFiles::new(PathBuf::new());
        let id = |number: usize| BlobId::from_bytes((number as u128).to_be_bytes());
        let pointer = Pointer::Inline { segment: 1, offset: 0, bytes: 1 };
        for number in 0..2 * limits::RELEASED_BLOBS {
            files.release(id(number), pointer);
        }
        assert!(!files.are_too_many());
        files.release(id(2 * limits::RELEASED_BLOBS), pointer);
        assert!(files.are_too_many());
        assert!(files.due(Duration::from_hours(1)).is_empty(), "they have no files");
        assert!(!files.are_too_many());
        assert_eq!(files.still(id(limits::RELEASED_BLOBS)), None, "the oldest went first");
        assert_eq!(files.still(id(limits::RELEASED_BLOBS + 1)), Some(pointer));
    }
}
