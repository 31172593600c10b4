//! The log's writing end: one segment that grows by appending, one write and one sync a frame.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A segment that is written. A trait so that tests can make the disk fail.
pub(crate) trait LogFile: Send {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn sync_data(&self) -> io::Result<()>;
    fn set_len(&self, length: u64) -> io::Result<()>;
}

/// The disk under the log.
pub(crate) trait LogDisk: Send + Sync {
    /// Opens a segment for writing; makes it, durably, if it is not there.
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>>;
}

/// The real one.
pub(crate) struct Disk;

impl LogFile for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        File::set_len(self, length)
    }
}

impl LogDisk for Disk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        // After a failed sync nothing is known, and a second one proves nothing: not even for want of room is it tried
        // again.
        let unsynced = |error: io::Error| io::Error::other(format!("sync: {error}"));
        file.sync_all().map_err(unsynced)?;
        if let Some(directory) = path.parent() {
            sync_directory(directory).map_err(unsynced)?;
        }
        Ok(Box::new(file))
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Name of the segment whose first frame is `first_frame`.
pub(crate) fn segment_path(log: &Path, first_frame: u64) -> PathBuf {
    log.join(format!("{first_frame:016x}.seg"))
}

/// The segment that a file name in `log/` stands for.
pub(crate) fn segment_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// Why a frame was not appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// No room. The log is as it was before.
    Full,
    /// The disk failed, and it is not known what lies on it now.
    Failed(Arc<str>),
}

/// Whether an error says that there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Says what failed, without paths.
pub(crate) fn failure(operation: &str, error: &io::Error) -> Arc<str> {
    format!("{operation}: {error}").into()
}

/// Where the log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogEnd {
    /// The segment that grows.
    pub(crate) segment: u64,
    /// Its length.
    pub(crate) length: u64,
    /// Number of the frame to come.
    pub(crate) next_frame: u64,
    /// Checksum of the last frame's header.
    pub(crate) previous: u32,
}

/// Appends frames.
pub(crate) struct LogWriter {
    disk: Arc<dyn LogDisk>,
    directory: PathBuf,
    segment_bytes: u64,
    file: Box<dyn LogFile>,
    end: LogEnd,
}

impl LogWriter {
    pub(crate) fn open(
        disk: Arc<dyn LogDisk>,
        directory: PathBuf,
        segment_bytes: u64,
        end: LogEnd,
    ) -> io::Result<Self> {
        let file = disk.open(&segment_path(&directory, end.segment))?;
        Ok(Self { disk, directory, segment_bytes, file, end })
    }

    pub(crate) fn end(&self) -> LogEnd {
        self.end
    }

    /// Begins a new segment if the current one is long enough.
    pub(crate) fn roll(&mut self) -> Result<(), AppendError> {
        if self.end.length < self.segment_bytes {
            return Ok(());
        }
        self.begin_segment()
    }

    /// Begins a new segment, unless nothing lies in the current one.
    pub(crate) fn begin_segment(&mut self) -> Result<(), AppendError> {
        if self.end.length == 0 {
            return Ok(());
        }
        let segment = self.end.next_frame;
        let opened = self.disk.open(&segment_path(&self.directory, segment));
        self.file = opened.map_err(|error| {
            if is_full(&error) {
                AppendError::Full
            } else {
                AppendError::Failed(failure("new log segment", &error))
            }
        })?;
        self.end = LogEnd { segment, length: 0, ..self.end };
        Ok(())
    }

    /// Makes `frame`, the frame with number `end().next_frame`, durable. `crc` is its header's checksum.
    pub(crate) fn append(&mut self, frame: &[u8], crc: u32) -> Result<(), AppendError> {
        if let Err(error) = self.file.write_all_at(frame, self.end.length) {
            if !is_full(&error) {
                return Err(AppendError::Failed(failure("log write", &error)));
            }
            return match self.file.set_len(self.end.length) {
                Ok(()) => Err(AppendError::Full),
                Err(error) => Err(AppendError::Failed(failure("log truncation", &error))),
            };
        }
        self.file.sync_data().map_err(|error| AppendError::Failed(failure("log sync", &error)))?;
        self.end.length += frame.len() as u64;
        self.end.next_frame += 1;
        self.end.previous = crc;
        Ok(())
    }
}
