//! The archive's directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chunk::{ChunkSeal, Reader, read_header};
use super::{Chunk, Header};
use crate::error::TrailError;

const SUFFIX: &str = ".chunk";
const UNFINISHED: &str = ".tmp";

/// The file of the chunk that begins at `first`.
pub(crate) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}{SUFFIX}"))
}

/// The position that a chunk of this file name begins at.
pub(crate) fn first_of(name: &str) -> Option<u64> {
    name.strip_suffix(SUFFIX)?.parse().ok()
}

/// The position that the chunk of this file begins at.
pub(crate) fn first_of_path(path: &Path) -> Option<u64> {
    path.file_name().and_then(|name| name.to_str()).and_then(first_of)
}

/// The chunks that are kept, oldest first. Sweeps what a crash left: unfinished files, chunks that were to be
/// removed, and chunks behind `through` that do not open.
pub(crate) fn survey(
    dir: &Path,
    seal: &Arc<dyn ChunkSeal>,
    through: u64,
    removed: u64,
) -> Result<Vec<Chunk>, TrailError> {
    make(dir)?;
    let mut chunks = Vec::new();
    let mut swept = false;
    for entry in fs::read_dir(dir).map_err(TrailError::io("reading the archive's directory"))? {
        let entry = entry.map_err(TrailError::io("reading the archive's directory"))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.ends_with(UNFINISHED) {
            remove(&entry.path())?;
            swept = true;
            continue;
        }
        let Some(first) = first_of(name) else { continue };
        // A damaged chunk is left where it is, and is missing to readers; the server starts all the same.
        let chunk = match read_header(&entry.path()) {
            Ok(header) if header.first == first => Chunk::of(&header),
            Ok(_) => {
                tracing::error!(first, "a chunk of the archive is another one than its name says");
                continue;
            }
            Err(error) => {
                tracing::error!(first, %error, "a chunk of the archive cannot be read");
                continue;
            }
        };
        let unusable = chunk.last > through && Reader::open(&entry.path(), seal.clone()).is_err();
        if chunk.last <= removed || unusable {
            remove(&entry.path())?;
            swept = true;
            continue;
        }
        chunks.push(chunk);
    }
    if swept {
        sync_dir(dir)?;
    }
    chunks.sort_unstable_by_key(|chunk| chunk.first);
    Ok(chunks)
}

fn make(dir: &Path) -> Result<(), TrailError> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => dir.parent().map_or(Ok(()), sync_dir),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(TrailError::Io { what: "making the archive's directory", source }),
    }
}

/// Writes a chunk: whole and durable under its name, or not at all.
pub(crate) fn write(dir: &Path, header: &Header, bytes: &[u8]) -> Result<(), TrailError> {
    let unfinished = dir.join(format!("{:020}{UNFINISHED}", header.first));
    remove(&unfinished)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(TrailError::io("making a chunk"))?;
    file.write_all(bytes).map_err(TrailError::io("writing a chunk"))?;
    file.sync_all().map_err(TrailError::io("syncing a chunk"))?;
    drop(file);
    fs::rename(&unfinished, path(dir, header.first)).map_err(TrailError::io("naming a chunk"))?;
    sync_dir(dir)
}

/// Removes a file that may be gone already.
pub(crate) fn remove(path: &Path) -> Result<(), TrailError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(TrailError::Io { what: "removing a chunk", source })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes names in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), TrailError> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(TrailError::io("syncing a directory"))
}
