//! Opening a data directory: the lock, the format, recovery, the threads.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::blobs::BlobFiles;
use super::clock::Clock;
use super::committer::Committer;
use super::flush::{self, Flush};
use super::frame::Instance;
use super::health::Health;
use super::index::{self, Index, IndexOpenError};
use super::log::{Disk, LogDisk, sync_directory};
use super::queue::Queue;
use super::reclaim::{self, Chores};
use super::recover;
use super::reserve::Reserve;
use super::segments::Segments;
use super::space::{Space, Statvfs, real_statvfs};
use super::{Handle, LocalStore, Shared, backup, limits, rows};
use crate::contract::StoreError;
use crate::{Entropy, WallClock};

/// How a data directory is opened. Sizes have DESIGN's values; tests make them small.
#[derive(Clone)]
pub struct Options {
    /// The wall clock.
    pub wall_clock: WallClock,
    /// Random bytes, for the instance id of a new directory.
    pub entropy: Entropy,
    /// Free bytes under which writes stop. `None`: 5 % of the disk, and at least 1 GiB.
    pub low_water_bytes: Option<u64>,
    /// Length of the file `reserve`.
    pub reserve_bytes: u64,
    /// Size from which a segment of the log is followed by a new one.
    pub segment_bytes: u64,
    /// Size at which a memtable is flushed.
    pub memtable_bytes: u64,
    /// Bytes of the log after which a memtable is flushed, however small it is.
    pub replay_bytes: u64,
    /// Memory for the index's blocks.
    pub cache_bytes: u64,
    /// Sealed bytes up to which a blob travels in the log (at most 256 KiB).
    pub inline_bytes: u64,
    /// How long a released blob can still be read, counted from its last read.
    pub release_grace: Duration,
    /// Bytes a second that are copied, while there is room, to give the space around them back.
    pub reclaim_bytes_per_second: u64,
}

impl Options {
    /// The defaults.
    pub fn new(wall_clock: WallClock, entropy: Entropy) -> Self {
        Self {
            wall_clock,
            entropy,
            low_water_bytes: None,
            reserve_bytes: limits::RESERVE_BYTES,
            segment_bytes: limits::SEGMENT_BYTES,
            memtable_bytes: limits::MEMTABLE_BYTES,
            replay_bytes: limits::REPLAY_BYTES,
            cache_bytes: limits::CACHE_BYTES,
            inline_bytes: limits::INLINE_BYTES,
            release_grace: limits::RELEASE_GRACE,
            reclaim_bytes_per_second: limits::RECLAIM_BYTES_PER_SECOND,
        }
    }
}

/// Why a data directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "the data directory is in use by another process: stop it first, or give this one a directory of its own"
    )]
    Locked,
    /// `FORMAT` names a format that this version does not know.
    #[error(
        "the data directory has format {found}, and this version reads format {known}: use the version that wrote it, or a newer one"
    )]
    UnknownFormat {
        /// What `FORMAT` says.
        found: String,
        /// What this version reads.
        known: u32,
    },
    /// It is a backup.
    #[error(
        "the directory is a backup, which stays as it is: make a data directory of it with: strongroom restore --from BACKUP --data DIR"
    )]
    Backup,
    /// It holds data, but no `FORMAT`.
    #[error(
        "the directory has a log or an index but no FORMAT file: restore FORMAT from a backup, or give an empty directory"
    )]
    FormatMissing,
    /// What lies there is not what was written.
    #[error("the data directory is damaged ({what}): restore a backup; nothing was changed")]
    Corrupt {
        /// Which part.
        what: String,
    },
    /// The index cannot be opened.
    #[error("the index cannot be opened ({0}): restore a backup; the log was not changed")]
    Index(lsm_tree::Error),
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

impl OpenError {
    pub(crate) fn io(operation: &'static str, source: io::Error) -> Self {
        Self::Io { operation, source }
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Corrupt { what: error.to_string() }
    }
}

/// The format that this version writes.
const FORMAT: u32 = 1;

/// The seams that tests reach in through.
pub(crate) struct Seams {
    pub(crate) disk: Arc<dyn LogDisk>,
    pub(crate) statvfs: Statvfs,
    /// Whether space is given back in the background.
    pub(crate) reclaims: bool,
}

impl Default for Seams {
    fn default() -> Self {
        Self { disk: Arc::new(Disk), statvfs: Box::new(real_statvfs), reclaims: true }
    }
}

pub(super) fn open(directory: &Path, options: Options) -> Result<LocalStore, OpenError> {
    open_with(directory, options, Seams::default())
}

pub(crate) fn open_with(directory: &Path, options: Options, seams: Seams) -> Result<LocalStore, OpenError> {
    if backup::is_backup(directory) {
        return Err(OpenError::Backup);
    }
    make_directory(directory).map_err(|error| OpenError::io("make the data directory", error))?;
    let lock = lock(directory)?;
    let instance_id = format_file(directory, &options.entropy)?;
    let instance = Instance::new(&instance_id);
    let files = BlobFiles::new(directory.join("blobs"));
    for part in ["log", "index", "blobs"] {
        make_directory(&directory.join(part)).map_err(|error| OpenError::io("make a folder", error))?;
    }
    files.make_folders().map_err(|error| OpenError::io("make the folders of blobs", error))?;
    sync_directory(directory).map_err(|error| OpenError::io("sync the data directory", error))?;

    // Names that an earlier life gave in the index become durable before its recovery removes anything on their strength.
    sync_directory(&directory.join("index")).map_err(|error| OpenError::io("sync the index", error))?;
    if seams.reclaims
        && let Err(error) = index::sweep_temporary(&directory.join("index"))
    {
        tracing::warn!(%error, "what a kill left beside the index could not be removed");
    }
    let index = Index::open(&directory.join("index"), options.cache_bytes).map_err(|error| match error {
        IndexOpenError::Version(what) => OpenError::Corrupt { what: what.into() },
        IndexOpenError::Tree(error) => OpenError::Index(error),
    })?;
    let snapshot = index.snapshot();
    let applied = rows::applied(&snapshot)?;
    let trimmed = rows::trimmed(&snapshot)?;
    let stats = rows::segments(&snapshot)?.into_iter().collect();
    drop(snapshot);
    let reserve = Reserve::open(&directory.join("reserve"), options.reserve_bytes)
        .map_err(|error| OpenError::io("open the reserve", error))?;
    sync_directory(directory).map_err(|error| OpenError::io("sync the data directory", error))?;

    let shared = Arc::new(Shared {
        directory: directory.to_owned(),
        instance_id,
        instance,
        inline_bytes: options.inline_bytes.min(limits::INLINE_BYTES),
        memtable_bytes: options.memtable_bytes,
        replay_bytes: options.replay_bytes,
        release_grace: options.release_grace,
        index,
        segments: Segments::new(directory.join("log"), stats),
        files,
        queue: Queue::new(),
        flush: Flush::new(applied.map_or(0, |applied| applied.end.next_frame - 1)),
        chores: Chores::new(options.reclaim_bytes_per_second),
        clock: Clock::new(options.wall_clock, applied.map(|applied| applied.time)),
        health: Health::default(),
        space: Space::new(directory.to_owned(), options.low_water_bytes, seams.statvfs),
        reserve,
        tail: AtomicU64::new(applied.map_or(0, |applied| applied.position)),
        trimmed: AtomicU64::new(trimmed),
    });
    let recovered = recover::recover(&shared, seams.disk, options.segment_bytes, applied)?;
    // What the replayed frames release has no readers any more.
    if seams.reclaims {
        shared.files.sweep(Duration::ZERO);
    }
    if shared.space.check().is_ok()
        && let Err(error) = shared.reserve.fill()
    {
        tracing::warn!(%error, "the reserve could not be laid out");
    }
    start(shared, recovered, lock, seams.reclaims)
}

fn start(
    shared: Arc<Shared>,
    recovered: recover::Recovered,
    lock: File,
    reclaims: bool,
) -> Result<LocalStore, OpenError> {
    let handle = Handle { shared: shared.clone(), threads: Mutex::default(), reclaims, _lock: lock };
    let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
        let thread = std::thread::Builder::new().name(name.into()).spawn(work);
        let thread = thread.map_err(|error| OpenError::io("start a thread", error))?;
        crate::locked(&handle.threads).push(thread);
        Ok::<(), OpenError>(())
    };
    let committer = Committer::new(shared.clone(), recovered.log, recovered.next_position);
    let (flusher, chores) = (shared.clone(), shared);
    spawn("store-commit", Box::new(move || committer.run()))?;
    spawn("store-flush", Box::new(move || flush::run(&flusher)))?;
    if reclaims {
        spawn("store-reclaim", Box::new(move || reclaim::run(&chores)))?;
    }
    Ok(LocalStore { handle: Arc::new(handle) })
}

/// Makes a directory for our eyes only, and its parents, durably.
///
/// # Errors
/// Those of the system.
pub fn make_directory(path: &Path) -> io::Result<()> {
    let missing: Vec<_> = path.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    missing.into_iter().try_for_each(|made| match made.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_directory(Path::new(".")),
        Some(parent) => sync_directory(parent),
        None => Ok(()),
    })
}

/// Takes the lock for life: the system lets go of it when the process ends, however it ends.
fn lock(directory: &Path) -> Result<File, OpenError> {
    let opened =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(directory.join("LOCK"));
    let file = opened.map_err(|error| OpenError::io("open LOCK", error))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked),
        Err(error) => Err(OpenError::io("lock LOCK", error.into())),
    }
}

/// Reads `FORMAT`, or writes it in a directory that holds no data of ours yet. Gives the instance id.
fn format_file(directory: &Path, entropy: &Entropy) -> Result<[u8; 16], OpenError> {
    let path = directory.join("FORMAT");
    match std::fs::read_to_string(&path) {
        Ok(text) => return parse_format(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(OpenError::io("read FORMAT", error)),
    }
    if directory.join("log").exists() || directory.join("index").exists() {
        return Err(OpenError::FormatMissing);
    }
    let mut instance = [0; 16];
    entropy(&mut instance);
    let lines = format!("strongroom {FORMAT}\ninstance {:032x}\n", u128::from_be_bytes(instance));
    let text = format!("{lines}check {:08x}\n", crc32c::crc32c(lines.as_bytes()));
    let write = || {
        let temporary = directory.join("FORMAT.tmp");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, &path)?;
        sync_directory(directory)
    };
    write().map_err(|error| OpenError::io("write FORMAT", error))?;
    Ok(instance)
}

fn parse_format(text: &str) -> Result<[u8; 16], OpenError> {
    let mut lines = text.lines();
    let format = lines.next().and_then(|line| line.strip_prefix("strongroom ")).unwrap_or_default();
    if format != FORMAT.to_string() {
        let found = if format.is_empty() { "unknown" } else { format };
        return Err(OpenError::UnknownFormat { found: found.chars().take(20).collect(), known: FORMAT });
    }
    let digits =
        lines.next().and_then(|line| line.strip_prefix("instance ")).filter(|digits| digits.len() == 32);
    let instance = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok());
    // All frames are bound to the instance: under another one the whole log would look torn.
    let checked = text.rsplit_once("check ").is_some_and(|(lines, check)| {
        u32::from_str_radix(check.trim_end(), 16) == Ok(crc32c::crc32c(lines.as_bytes()))
    });
    instance
        .filter(|_| checked)
        .map(u128::to_be_bytes)
        .ok_or_else(|| OpenError::Corrupt { what: "FORMAT is not what was written".into() })
}
