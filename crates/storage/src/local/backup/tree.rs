//! A tree of files that is made beside another: by links or by copies, never over something that is there.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::Advice;

use super::super::log::sync_directory;
use super::super::open::make_directory;
use super::progress::{Phase, Progress};
use super::{Failed, failed};

/// Bytes copied between two looks at whether to stop.
const PIECE_BYTES: u64 = 8 << 20;

/// How a file comes into the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// As a second name: the file must never be changed again.
    Link,
    /// As a copy.
    Copy,
}

/// The tree that is made.
pub(super) struct Tree<'a> {
    from: PathBuf,
    to: PathBuf,
    how: How,
    progress: &'a Progress,
    folders: Vec<PathBuf>,
    /// Files made.
    pub(super) files: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

impl<'a> Tree<'a> {
    /// A tree in `to`, which exists, of files of `from`.
    pub(super) fn new(from: &Path, to: &Path, how: How, progress: &'a Progress) -> Self {
        let (from, to) = (from.to_owned(), to.to_owned());
        Self { from, to, how, progress, folders: Vec::new(), files: 0, bytes: 0 }
    }

    /// Says how many files there will be.
    pub(super) fn begin(&self, files: u64) {
        let phase = match self.how {
            How::Link => Phase::Linking,
            How::Copy => Phase::Copying,
        };
        self.progress.begin(phase, files, 0);
    }

    /// Makes a folder; one that is there already stays.
    pub(super) fn folder(&mut self, relative: impl AsRef<Path>) -> Result<(), Failed> {
        let path = self.to.join(relative);
        if !self.folders.contains(&path) {
            make_directory(&path).map_err(failed("make a folder"))?;
            self.folders.push(path);
        }
        Ok(())
    }

    /// Places a file under the same name as at its origin, in a folder made before. `false`: there is none there.
    pub(super) fn place(&mut self, relative: impl AsRef<Path>) -> Result<bool, Failed> {
        self.go_on()?;
        let (from, to) = (self.from.join(&relative), self.to.join(&relative));
        let placed = match self.how {
            How::Link => std::fs::hard_link(&from, &to).and_then(|()| Ok(to.symlink_metadata()?.len())),
            How::Copy => return self.copy(&from, &to),
        };
        match placed {
            Ok(bytes) => {
                self.progress.bytes_done(bytes);
                self.count(bytes);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            // Tens of thousands of backups of one file; a folder that is a file system of its own.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::TooManyLinks | io::ErrorKind::CrossesDevices) =>
            {
                self.copy(&from, &to)
            }
            Err(error) => Err(failed("link a file")(error)),
        }
    }

    /// Places the file in the folder that its path names, which is made if it is not there.
    pub(super) fn place_deep(&mut self, relative: &Path) -> Result<bool, Failed> {
        if let Some(folder) = relative.parent() {
            self.folder(folder)?;
        }
        self.place(relative)
    }

    fn copy(&mut self, from: &Path, to: &Path) -> Result<bool, Failed> {
        let source = match File::open(from) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("read a file")(error)),
        };
        let mut copy = create(to).map_err(failed("make a file"))?;
        let mut bytes = 0;
        loop {
            self.go_on()?;
            let piece = io::copy(&mut (&source).take(PIECE_BYTES), &mut copy);
            match piece.map_err(failed("copy a file"))? {
                0 => break,
                piece => {
                    bytes += piece;
                    self.progress.bytes_done(piece);
                }
            }
        }
        copy.sync_all().map_err(failed("sync a file"))?;
        // Neither will be read again soon, and what others read should stay in memory. Advice, which may be ignored.
        for file in [&source, &copy] {
            let _ = rustix::fs::fadvise(file, 0, None, Advice::DontNeed);
        }
        self.count(bytes);
        Ok(true)
    }

    /// Writes a small file.
    pub(super) fn write(&mut self, relative: impl AsRef<Path>, bytes: &[u8]) -> Result<(), Failed> {
        self.go_on()?;
        let write = || {
            let mut file = create(&self.to.join(&relative))?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(failed("write a file"))?;
        self.progress.bytes_done(bytes.len() as u64);
        self.count(bytes.len() as u64);
        Ok(())
    }

    fn go_on(&self) -> Result<(), Failed> {
        if self.progress.is_stopped() { Err(Failed::Stopped) } else { Ok(()) }
    }

    fn count(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
        self.progress.file_done();
    }

    /// Makes every name durable.
    pub(super) fn sync(&self) -> Result<(), Failed> {
        self.folders
            .iter()
            .chain([&self.to])
            .try_for_each(|folder| sync_directory(folder))
            .map_err(failed("sync a folder"))
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Calls `met` with every file under `root`, its path relative to that, and its length. What is neither file nor folder
/// is an error: nobody of ours puts links or devices there.
pub(super) fn walk(root: &Path, met: &mut dyn FnMut(&Path, u64) -> Result<(), Failed>) -> Result<(), Failed> {
    walk_folder(root, Path::new(""), met)
}

fn walk_folder(
    root: &Path,
    folder: &Path,
    met: &mut dyn FnMut(&Path, u64) -> Result<(), Failed>,
) -> Result<(), Failed> {
    for entry in std::fs::read_dir(root.join(folder)).map_err(failed("list a folder"))? {
        let entry = entry.map_err(failed("list a folder"))?;
        let relative = folder.join(entry.file_name());
        // Of the entry itself: links are not followed.
        let metadata = entry.metadata().map_err(failed("look at a file"))?;
        if metadata.is_dir() {
            walk_folder(root, &relative, met)?;
        } else if metadata.is_file() {
            met(&relative, metadata.len())?;
        } else {
            return Err(Failed::Foreign(relative));
        }
    }
    Ok(())
}
