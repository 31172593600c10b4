//! Files that only their owner reads: made whole or not at all, never overwritten unless replaced on purpose.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use strongroom_crypto::Entropy;
use zeroize::Zeroizing;

use crate::error::PrivateFileError;

/// What to do when the file is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Refuse.
    Keep,
    /// Put the new one in its place, atomically.
    Replace,
}

/// Reads a file of at most `limit` bytes, after checking that it is a regular file (not a link to one), that it
/// is ours (or root's), and that nobody else may read or write it.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    // NONBLOCK: opening a pipe must not wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        Err(Errno::NOENT) => return Err(PrivateFileError::Missing(path.to_owned())),
        Err(Errno::LOOP) => return Err(PrivateFileError::Symlink(path.to_owned())),
        Err(error) => return Err(io_error("open", path)(error.into())),
    };
    let facts = rustix::fs::fstat(&file).map_err(|error| io_error("inspect", path)(error.into()))?;
    if !FileType::from_raw_mode(facts.st_mode).is_file() {
        return Err(PrivateFileError::NotAFile(path.to_owned()));
    }
    let us = rustix::process::geteuid();
    if facts.st_uid != us.as_raw() && facts.st_uid != 0 {
        return Err(PrivateFileError::Owner { path: path.to_owned(), owner: facts.st_uid, us: us.as_raw() });
    }
    let mode = facts.st_mode & 0o7777;
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::Permissions { path: path.to_owned(), mode });
    }
    // Allocated once, so that no copy of a key stays behind in a buffer that was outgrown.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(io_error("read", path))?;
    if bytes.len() > limit {
        return Err(PrivateFileError::TooLong(path.to_owned()));
    }
    Ok(bytes)
}

/// Writes a file of mode 0600, durably: a temporary one beside it, synced, takes its name, and the directory is
/// synced. Killed at any instruction, there is the old file or the new one, whole.
pub(crate) fn write(
    path: &Path,
    bytes: &[u8],
    existing: Existing,
    entropy: &dyn Entropy,
) -> Result<(), PrivateFileError> {
    let directory = directory_of(path);
    let temporary = directory.join(temporary_name(path, entropy));
    let written = write_and_rename(path, &temporary, bytes, existing);
    if written.is_err() {
        // Best effort: the name is random, nothing will ever read it.
        let _ = std::fs::remove_file(&temporary);
    }
    written?;
    sync_directory(&directory)
}

/// Removes what a killed [`write()`] of this path left behind.
pub(crate) fn remove_leftovers(path: &Path) -> Result<(), PrivateFileError> {
    let directory = directory_of(path);
    let prefix = temporary_prefix(path);
    for entry in std::fs::read_dir(&directory).map_err(io_error("list", &directory))? {
        let entry = entry.map_err(io_error("list", &directory))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let random = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(TEMPORARY_SUFFIX));
        if random
            .is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            std::fs::remove_file(entry.path()).map_err(io_error("remove", &entry.path()))?;
        }
    }
    Ok(())
}

const TEMPORARY_SUFFIX: &str = ".tmp";

fn temporary_prefix(path: &Path) -> String {
    format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy())
}

fn temporary_name(path: &Path, entropy: &dyn Entropy) -> String {
    let mut random = [0; 8];
    entropy.fill(&mut random);
    format!("{}{:016x}{TEMPORARY_SUFFIX}", temporary_prefix(path), u64::from_be_bytes(random))
}

/// The directory in which `path` lies.
pub(crate) fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn write_and_rename(
    path: &Path,
    temporary: &Path,
    bytes: &[u8],
    existing: Existing,
) -> Result<(), PrivateFileError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let descriptor = rustix::fs::open(temporary, flags, mode)
        .map_err(|error| io_error("create a file beside", path)(error.into()))?;
    let mut file = File::from(descriptor);
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io_error("write", path))?;
    match existing {
        Existing::Replace => std::fs::rename(temporary, path).map_err(io_error("replace", path)),
        Existing::Keep => match rename_to_new(temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(PrivateFileError::Exists(path.to_owned()))
            }
            other => other.map_err(io_error("create", path)),
        },
    }
}

/// Gives `temporary` the name `path`, unless there is one of that name.
fn rename_to_new(temporary: &Path, path: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(rustix::fs::CWD, temporary, rustix::fs::CWD, path, RenameFlags::NOREPLACE)
    {
        // NFS and a few others cannot; a hard link never replaces either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            std::fs::hard_link(temporary, path)?;
            std::fs::remove_file(temporary)
        }
        other => other.map_err(io::Error::from),
    }
}

fn sync_directory(directory: &Path) -> Result<(), PrivateFileError> {
    let synced = File::open(directory).and_then(|opened| opened.sync_all());
    synced.map_err(io_error("sync", directory))
}

pub(crate) fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PrivateFileError {
    let path = path.to_owned();
    move |source| PrivateFileError::Io { doing, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::SystemEntropy;

    fn new(path: &Path, bytes: &[u8]) -> Result<(), PrivateFileError> {
        write(path, bytes, Existing::Keep, &SystemEntropy::new())
    }

    #[test]
    fn a_file_is_made_private_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        new(&path, b"one").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(matches!(new(&path, b"two"), Err(PrivateFileError::Exists(_))));
        assert_eq!(&read(&path, 100).unwrap()[..], b"one");
        write(&path, b"three", Existing::Replace, &SystemEntropy::new()).unwrap();
        assert_eq!(&read(&path, 100).unwrap()[..], b"three");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_file_open_to_others_is_refused_with_the_command_that_mends_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        new(&path, b"one").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o601, 0o666] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&path, 100).unwrap_err();
            assert!(matches!(error, PrivateFileError::Permissions { mode: found, .. } if found == mode));
            assert!(error.to_string().contains(&format!("chmod 600 {}", path.display())), "{error}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert!(read(&path, 100).is_ok());
    }

    #[test]
    fn links_directories_pipes_and_long_files_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        new(&path, b"one").unwrap();
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(read(&link, 100), Err(PrivateFileError::Symlink(_))));
        assert!(matches!(read(directory.path(), 100), Err(PrivateFileError::NotAFile(_))));
        assert!(matches!(read(&directory.path().join("none"), 100), Err(PrivateFileError::Missing(_))));
        assert!(matches!(read(&path, 2), Err(PrivateFileError::TooLong(_))));
        let pipe = directory.path().join("pipe");
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
        assert!(matches!(read(&pipe, 100), Err(PrivateFileError::NotAFile(_))));
    }

    #[test]
    fn a_link_is_replaced_by_the_file_and_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (directory.path().join("target"), directory.path().join("link"));
        new(&target, b"one").unwrap();
        symlink(&target, &link).unwrap();
        assert!(matches!(new(&link, b"two"), Err(PrivateFileError::Exists(_))));
        write(&link, b"two", Existing::Replace, &SystemEntropy::new()).unwrap();
        assert_eq!(&read(&target, 100).unwrap()[..], b"one");
        assert_eq!(&read(&link, 100).unwrap()[..], b"two");
    }

    #[test]
    fn leftovers_of_a_killed_write_are_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        for name in [".keys.0123456789abcdef.tmp", ".other.0123456789abcdef.tmp", ".keys.old.tmp", "keys.tmp"]
        {
            std::fs::write(directory.path().join(name), b"half").unwrap();
        }
        remove_leftovers(&path).unwrap();
        assert!(!directory.path().join(".keys.0123456789abcdef.tmp").exists());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3);
    }
}
