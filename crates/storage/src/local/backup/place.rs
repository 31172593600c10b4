//! Where a backup may be taken to.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use super::super::open::make_directory;
use super::{Marked, is_backup};

/// Why a directory cannot take a backup. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Relative to what?
    #[error("the backup's directory must be an absolute path on the server's machine, without . and ..")]
    NotAbsolute,
    /// The directory in which it would lie is not there.
    #[error(
        "the directory in which the backup's would lie does not exist or cannot be looked at: make it first"
    )]
    NoParent(#[source] io::Error),
    /// Inside the data, or around it.
    #[error("the backup's directory lies inside the data directory: choose one outside")]
    Inside,
    /// Something that is no directory.
    #[error("the backup's directory is a file or a link: choose one that does not exist yet")]
    NotADirectory,
    /// There is something in it.
    #[error("the backup's directory is not empty: choose one that is, or that does not exist yet")]
    NotEmpty,
    /// There is an interrupted backup in it.
    #[error("the backup's directory holds an unfinished backup: remove it, or choose another directory")]
    Unfinished,
    /// There is a backup in it.
    #[error("the backup's directory holds a backup already: each has a directory of its own")]
    Taken,
    /// Somebody else could change what lies there.
    #[error(
        "the backup's directory belongs to another user, or others may write to it: choose one of the server's user"
    )]
    NotOurs,
}

/// Whether a backup of the data directory `data` can be taken to `to`, and `to` with links resolved. Changes nothing.
///
/// # Errors
/// [`PlaceError`].
pub fn check_place(data: &Path, to: &Path) -> Result<PathBuf, PlaceError> {
    let plain = to.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let (Some(parent), Some(name)) = (to.parent(), to.file_name()) else {
        return Err(PlaceError::NotAbsolute);
    };
    if !to.is_absolute() || !plain {
        return Err(PlaceError::NotAbsolute);
    }
    let parent = parent.canonicalize().map_err(PlaceError::NoParent)?;
    let to = parent.join(name);
    let data = data.canonicalize().map_err(PlaceError::NoParent)?;
    if to.starts_with(&data) {
        return Err(PlaceError::Inside);
    }
    match to.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound && parent.is_dir() => Ok(to),
        Err(error) => Err(PlaceError::NoParent(error)),
        Ok(found) if !found.is_dir() => Err(PlaceError::NotADirectory),
        Ok(found) => {
            if std::fs::read_dir(&to).map_err(PlaceError::NoParent)?.next().is_some() {
                return Err(match Marked::read(&to) {
                    Ok(Marked::Unfinished) => PlaceError::Unfinished,
                    Ok(Marked::Complete(_)) => PlaceError::Taken,
                    Err(_) if is_backup(&to) => PlaceError::Taken,
                    Err(_) => PlaceError::NotEmpty,
                });
            }
            let ours = found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0;
            if ours { Ok(to) } else { Err(PlaceError::NotOurs) }
        }
    }
}

/// Makes the directory, or takes the empty one, for our eyes only.
pub(super) fn make(to: &Path) -> io::Result<()> {
    make_directory(to)?;
    std::fs::set_permissions(to, Permissions::from_mode(0o700))
}
