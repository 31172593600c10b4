//! From a backup back to a data directory, offline.

use std::io;
use std::path::{Path, PathBuf};

use super::manifest::Unmarked;
use super::progress::{Phase, Progress};
use super::tree::{How, Tree, walk};
use super::{Backup, Failed, MARKER, Marked};
use crate::local::open::make_directory;

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// No marker.
    #[error(
        "{0} is not a backup: it has no file BACKUP; name the directory that was given to: strongroom backup --to"
    )]
    NotABackup(PathBuf),
    /// The backup was interrupted.
    #[error(
        "{0} is a backup that was not finished, and has not everything: restore another one; this one can be removed"
    )]
    Unfinished(PathBuf),
    /// The backup is of a newer version.
    #[error(
        "the backup has format {0}, which this version does not know: restore it with the version that took it, or a newer one"
    )]
    UnknownFormat(String),
    /// The marker is not what was written.
    #[error("the backup's file BACKUP is not what was written: restore another backup")]
    Damaged,
    /// Files are missing, or cut off, or too many.
    #[error(
        "the backup has {files} files of {bytes} bytes, and was taken with {expected_files} of {expected_bytes}: it is not whole, so restore another one"
    )]
    NotWhole {
        /// Files found.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// Files that it was taken with.
        expected_files: u64,
        /// Their bytes.
        expected_bytes: u64,
    },
    /// Something that is neither a file nor a folder.
    #[error("{0} in the backup is neither a file nor a folder, and no backup has such: restore another one")]
    Foreign(PathBuf),
    /// There is something there already.
    #[error(
        "{0} is not empty, and restore never writes over anything: give a new directory, or remove this one if an interrupted restore left it (then it has no file FORMAT)"
    )]
    NotEmpty(PathBuf),
    /// It would change the backup.
    #[error("the data directory must not lie inside the backup: give another one")]
    Inside,
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

impl From<Failed> for RestoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Io(operation, source) => Self::Io { operation, source },
            Failed::Foreign(path) => Self::Foreign(path),
            Failed::Stopped => Self::Io { operation: "go on", source: io::ErrorKind::Interrupted.into() },
        }
    }
}

/// What the marker of a backup says.
///
/// # Errors
/// [`RestoreError`] when it is none, or none that can be restored.
pub fn look_at(from: &Path) -> Result<Backup, RestoreError> {
    match Marked::read(from) {
        Ok(Marked::Complete(backup)) => Ok(backup),
        Ok(Marked::Unfinished) => Err(RestoreError::Unfinished(from.to_owned())),
        Err(Unmarked::Missing) => Err(RestoreError::NotABackup(from.to_owned())),
        Err(Unmarked::Unknown(format)) => Err(RestoreError::UnknownFormat(format)),
        Err(Unmarked::Damaged) => Err(RestoreError::Damaged),
        Err(Unmarked::Io(source)) => Err(RestoreError::Io { operation: "read the backup", source }),
    }
}

/// Makes the data directory `to` of the backup in `from`, which stays as it is. `to` must be missing or empty. Every file is
/// copied, so that the two share nothing; the last one is `FORMAT`, without which a directory is not opened. Blocks.
///
/// # Errors
/// [`RestoreError`]. What was made stays.
pub fn restore(from: &Path, to: &Path, progress: &Progress) -> Result<Backup, RestoreError> {
    let backup = look_at(from)?;
    count(from, &backup)?;
    let io = |operation| move |source| RestoreError::Io { operation, source };
    if to.symlink_metadata().is_ok() {
        let mut entries = std::fs::read_dir(to).map_err(io("look into the data directory"))?;
        if entries.next().is_some() {
            return Err(RestoreError::NotEmpty(to.to_owned()));
        }
    }
    let from = from.canonicalize().map_err(io("find the backup"))?;
    // What is there of the path to the new directory: nothing of ours may lie in a backup.
    let to = std::path::absolute(to).map_err(io("find the data directory"))?;
    let there = to.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
    if there.is_some_and(|there| there.starts_with(&from)) {
        return Err(RestoreError::Inside);
    }
    make_directory(&to).map_err(io("make the data directory"))?;
    progress.begin(Phase::Copying, backup.files, backup.bytes);
    let mut tree = Tree::new(&from, &to, How::Copy, progress);
    walk(&from, &mut |relative, _| {
        let last = [Path::new(MARKER), Path::new("FORMAT")].contains(&relative);
        if last { Ok(()) } else { tree.place_deep(relative).map(drop) }
    })?;
    progress.begin(Phase::Ending, 0, 0);
    tree.sync()?;
    tree.place("FORMAT")?;
    tree.sync()?;
    Ok(backup)
}

/// Whether the backup has all its files, as long as they were: before hours of copying.
fn count(from: &Path, backup: &Backup) -> Result<(), RestoreError> {
    let (mut files, mut bytes) = (0_u64, 0_u64);
    walk(from, &mut |relative, length| {
        if relative != Path::new(MARKER) {
            files += 1;
            bytes = bytes.saturating_add(length);
        }
        Ok(())
    })?;
    if (files, bytes) == (backup.files, backup.bytes) {
        return Ok(());
    }
    let (expected_files, expected_bytes) = (backup.files, backup.bytes);
    Err(RestoreError::NotWhole { files, bytes, expected_files, expected_bytes })
}
