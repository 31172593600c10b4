//! A copy of the data directory at one instant, taken while everything goes on; and back from it.
//!
//! What lies on disk is made so that it can be kept by a second name: sealed segments, tables of the index and blobs never
//! change again. So a backup pauses reclaim, holds on to the index's tables, begins a new segment of the log, and gives
//! second names to all that lies before it. The index may be older than the log's end, never newer: the next start replays
//! the rest. Files of blobs are those that the rows of that very instant name.
//!
//! On another file system, where second names cannot lead, they are made in the data directory, in [`STAGING`], and
//! copied from there, so that nothing pauses for longer.
//!
//! The marker `BACKUP` ([`manifest`]) is the first that lies in the directory and is completed last: whatever interrupts a
//! backup leaves it recognisable. `docs/formats/data-directory.md` has it.

mod manifest;
mod place;
mod progress;
mod restore;
#[cfg(test)]
mod tests;
mod tree;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::TryLockError;

use strongroom_types::{BlobId, Timestamp};
use tokio::sync::oneshot;

pub use manifest::{Backup, fuzz_backup_marker, is_backup};
pub use place::{PlaceError, check_place};
pub use progress::{Phase, Progress, Seen};
pub use restore::{RestoreError, look_at, restore};

use self::manifest::{MARKER, Marked};
use self::tree::{How, Tree};
use super::committer::{Frozen, Work};
use super::index::Snapshot;
use super::log::segment_path;
use super::{LocalStore, Shared, rows};
use crate::contract::{Position, StoreError};

/// Where links are made that are copied to another file system; what an interruption leaves of it goes at the next start.
pub(crate) const STAGING: &str = "backup.tmp";

/// Why no backup was taken.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// One at a time.
    #[error("a backup is being taken already: wait for its end")]
    Running,
    /// The directory is not one that a backup can be taken to.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was told to stop.
    #[error("the backup was stopped before its end")]
    Stopped,
    /// An operation of the system failed.
    #[error("could not {operation}: check the directory's permissions, its disk and the free space on it")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// Why a tree of files was not made.
#[derive(Debug)]
enum Failed {
    Stopped,
    Io(&'static str, io::Error),
    /// Something that is neither a file nor a folder.
    Foreign(PathBuf),
}

fn failed(operation: &'static str) -> impl Fn(io::Error) -> Failed {
    move |source| Failed::Io(operation, source)
}

impl From<Failed> for BackupError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Stopped => Self::Stopped,
            Failed::Io(operation, source) => Self::Io { operation, source },
            Failed::Foreign(_) => {
                let source = io::Error::other("something is there that is neither a file nor a folder");
                Self::Io { operation: "copy the data directory", source }
            }
        }
    }
}

impl LocalStore {
    /// Takes a backup to `to`, which is made, or is empty ([`check_place`]). Commits go on meanwhile. Blocks for as long as
    /// it takes; `progress` says how far it is.
    ///
    /// `others` is asked, once the instant is fixed, which files of the data directory that are not the engine's belong to
    /// it (their paths within that), and gives whatever keeps them there, which is held until they have second names. They
    /// must be files that are replaced, never changed.
    ///
    /// # Errors
    /// [`BackupError`]. What was made stays, marked as unfinished.
    pub fn backup<G>(
        &self,
        to: &Path,
        others: impl FnOnce(Position) -> io::Result<(Vec<PathBuf>, G)>,
        progress: &Progress,
    ) -> Result<Backup, BackupError> {
        let shared = self.shared();
        let _one = match shared.chores.backup().try_lock() {
            Ok(one) => one,
            Err(TryLockError::Poisoned(one)) => one.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(BackupError::Running),
        };
        shared.health.check()?;
        progress.begin(Phase::Preparing, 0, 0);
        let to = check_place(&shared.directory, to)?;
        let io = |operation| move |source| BackupError::Io { operation, source };
        place::make(&to).map_err(io("make the backup's directory"))?;
        Marked::Unfinished.write(&to).map_err(io("mark the backup's directory"))?;
        let (instant, made) = take(shared, &to, others, progress)?;
        progress.begin(Phase::Ending, 0, 0);
        made.sync()?;
        let backup = Backup {
            instance_id: shared.instance_id,
            position: Position(instant.position),
            instant: instant.time,
            files: made.files,
            bytes: made.bytes,
        };
        Marked::Complete(backup).write(&to).map_err(io("mark the backup as complete"))?;
        Ok(backup)
    }
}

/// The instant of a backup.
struct Instant {
    position: u64,
    time: Timestamp,
}

/// Takes the files of an instant to `to`, by whatever way leads there.
fn take<'a, G>(
    shared: &Shared,
    to: &Path,
    others: impl FnOnce(Position) -> io::Result<(Vec<PathBuf>, G)>,
    progress: &'a Progress,
) -> Result<(Instant, Tree<'a>), BackupError> {
    let data = &shared.directory;
    if can_link(data, to) {
        let mut tree = Tree::new(data, to, How::Link, progress);
        let instant = gather(shared, &mut tree, others)?;
        return Ok((instant, tree));
    }
    remove_staging(data).map_err(failed("remove an earlier backup's links"))?;
    let taken = take_by_copies(shared, to, others, progress);
    let removed = remove_staging(data).map_err(failed("remove the backup's links"));
    let taken = taken?;
    removed?;
    Ok(taken)
}

/// The same where no second names lead.
fn take_by_copies<'a, G>(
    shared: &Shared,
    to: &Path,
    others: impl FnOnce(Position) -> io::Result<(Vec<PathBuf>, G)>,
    progress: &'a Progress,
) -> Result<(Instant, Tree<'a>), BackupError> {
    let data = &shared.directory;
    let staging = data.join(STAGING);
    super::open::make_directory(&staging).map_err(failed("make a folder for links"))?;
    if !can_link(data, &staging) {
        // A file system without second names: reclaim pauses for as long as the copy takes.
        let mut tree = Tree::new(data, to, How::Copy, progress);
        return Ok((gather(shared, &mut tree, others)?, tree));
    }
    let mut links = Tree::new(data, &staging, How::Link, progress);
    let instant = gather(shared, &mut links, others)?;
    progress.begin(Phase::Copying, links.files, links.bytes);
    let mut tree = Tree::new(&staging, to, How::Copy, progress);
    tree::walk(&staging, &mut |relative, _| tree.place_deep(relative).map(drop))?;
    Ok((instant, tree))
}

/// Whether files of `data` can get a second name in `to`: by trying, since one file system can be mounted at two places
/// between which none leads, and several can look as one.
fn can_link(data: &Path, to: &Path) -> bool {
    let probe = to.join("BACKUP.probe");
    let linked = std::fs::hard_link(data.join("FORMAT"), &probe);
    linked.and_then(|()| std::fs::remove_file(&probe)).is_ok()
}

/// Removes what an interrupted backup left in the data directory.
pub(crate) fn remove_staging(data: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(data.join(STAGING)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Gathers the files of one instant. Nothing is reclaimed meanwhile.
fn gather<G>(
    shared: &Shared,
    tree: &mut Tree<'_>,
    others: impl FnOnce(Position) -> io::Result<(Vec<PathBuf>, G)>,
) -> Result<Instant, BackupError> {
    let _paused = shared.chores.pause();
    shared.ask_here(Work::Rotate, 0)?;
    match shared.flush.wait_idle(shared) {
        // What is not flushed is in the log, which the next start replays.
        Ok(()) | Err(StoreError::DiskFull { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let (version, tables) = shared.index.files()?;
    let snapshot = shared.index.snapshot();
    let frozen = freeze(shared)?;
    let snapshot = snapshot.at(frozen.sequence);
    let (others, _held) = others(Position(frozen.position)).map_err(failed("list further files"))?;
    let segments = segments(shared, &frozen);
    let blobs = count_blob_files(&shared.directory.join("blobs"))?;
    let files = tables.len() + segments.len() + others.len() + 4;
    tree.begin(files as u64 + blobs);

    for folder in ["index", "index/tables", "log", "blobs"] {
        tree.folder(folder)?;
    }
    for table in &tables {
        let name = table.path.file_name().unwrap_or_default();
        demand(tree.place(Path::new("index/tables").join(name))?, "a table of the index")?;
    }
    // Copied, not linked: after a crash the index may write over a version file that nothing names yet.
    tree.write(Path::new("index").join(&version.name), &version.version)?;
    tree.write("index/current", &version.current)?;
    for (segment, needed) in segments {
        let placed = tree.place(segment_path(Path::new("log"), segment))?;
        demand(placed || !needed, "a segment of the log")?;
    }
    // The segment that the copy will write to, so that it never writes to a file that has two names.
    tree.write(segment_path(Path::new("log"), frozen.end.segment), &[])?;
    place_blobs(tree, &shared.directory.join("blobs"), &snapshot)?;
    for other in others {
        tree.place_deep(&other)?;
    }
    let format = std::fs::read(shared.directory.join("FORMAT")).map_err(failed("read FORMAT"))?;
    tree.write("FORMAT", &format)?;
    let time = rows::applied(&snapshot)?.map_or(Timestamp::from_millis(0), |applied| applied.time);
    Ok(Instant { position: frozen.position, time })
}

/// The instant itself: everything acknowledged so far lies before it.
fn freeze(shared: &Shared) -> Result<Frozen, StoreError> {
    let (tell, mut told) = oneshot::channel();
    shared.ask_here(Work::Freeze(tell), 0)?;
    told.try_recv().map_err(|_| StoreError::Closed)
}

/// The segments before the instant, and whether each is needed.
fn segments(shared: &Shared, frozen: &Frozen) -> Vec<(u64, bool)> {
    let all = shared.segments.all().into_iter().filter(|(segment, _)| *segment < frozen.end.segment);
    all.map(|(segment, stats)| (segment, !shared.is_reclaimable(segment, &stats))).collect()
}

fn demand(there: bool, what: &'static str) -> Result<(), StoreError> {
    if there { Ok(()) } else { Err(StoreError::Corrupt { what: format!("{what} is missing").into() }) }
}

/// The names of blobs in one of the 256 folders.
fn blob_names(folder: &Path) -> Result<Vec<BlobId>, Failed> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list blobs")(error)),
    };
    let mut ids = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed("list blobs"))?.file_name();
        ids.extend(name.to_str().and_then(|name| BlobId::parse(name).ok()));
    }
    Ok(ids)
}

fn count_blob_files(blobs: &Path) -> Result<u64, Failed> {
    let mut count = 0;
    for first in 0..=u8::MAX {
        count += blob_names(&blobs.join(format!("{first:02x}")))?.len() as u64;
    }
    Ok(count)
}

/// The files of the blobs that the rows of the instant name. One that is missing is missing in the copy too: that is for
/// the scrub and for `verify` to say, and no reason to have no backup of everything else.
fn place_blobs(tree: &mut Tree<'_>, blobs: &Path, snapshot: &Snapshot<'_>) -> Result<(), BackupError> {
    for first in 0..=u8::MAX {
        let folder = format!("{first:02x}");
        let ids = blob_names(&blobs.join(&folder))?;
        let within = Path::new("blobs").join(&folder);
        for id in ids {
            if let Some(super::Pointer::File { .. }) = rows::pointer(snapshot, id)? {
                tree.folder(&within)?;
                tree.place(within.join(id.to_string()))?;
            }
        }
    }
    Ok(())
}
