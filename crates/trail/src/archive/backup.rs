//! What a backup needs of the archive, and a scrub.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_storage::Position;
use tokio::sync::OwnedMutexGuard;

use super::chunk::{ChunkSeal, Reader, read_header};
use super::proof::{Proof, chunks};
use super::{Archive, ArchiveFault};
use crate::error::{TrailError, blocking};

/// Keeps retention from removing chunks for as long as it lives.
pub struct Held {
    _removing: OwnedMutexGuard<()>,
}

impl Archive {
    /// Keeps retention from removing chunks.
    pub async fn hold(&self) -> Held {
        Held { _removing: self.removing.clone().lock_owned().await }
    }
}

/// The files of chunks that end at `through` or before it, relative to the data directory: all that rows of that instant
/// speak of, provided that the archive was held since then. A chunk that ends later is none of its, and would be taken
/// for one. Blocks.
///
/// # Errors
/// [`TrailError`] if the archive cannot be read.
pub fn chunk_files(data_dir: &Path, through: Position) -> Result<Vec<PathBuf>, TrailError> {
    let mut files = Vec::new();
    for path in chunks(&data_dir.join("archive"))? {
        // What cannot be read is for `verify` to tell; the copy has it as it is.
        if read_header(&path).is_ok_and(|header| header.last > through.0) {
            continue;
        }
        files.extend(path.strip_prefix(data_dir).map(Path::to_owned));
    }
    Ok(files)
}

/// One chunk, looked at.
#[derive(Debug, PartialEq, Eq)]
pub struct ChunkProof {
    /// Where the next look begins.
    pub next: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What is wrong with it.
    pub faults: Vec<ArchiveFault>,
    /// Its file, relative to the data directory.
    pub file: PathBuf,
}

/// Opens every record of the first chunk that begins at `from` or behind it; `None` when there is none. One that retention
/// removes meanwhile is passed over.
///
/// # Errors
/// [`TrailError`] if the archive cannot be read.
pub async fn prove_chunk(
    data_dir: &Path,
    seal: Arc<dyn ChunkSeal>,
    from: u64,
) -> Result<Option<ChunkProof>, TrailError> {
    let data_dir = data_dir.to_owned();
    blocking(move || {
        for path in chunks(&data_dir.join("archive"))? {
            let Some(first) = super::files::first_of_path(&path).filter(|first| *first >= from) else {
                continue;
            };
            let bytes = match path.metadata() {
                Ok(metadata) => metadata.len(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(source) => return Err(TrailError::Io { what: "looking at a chunk", source }),
            };
            let mut proof = Proof::default();
            match Reader::open(&path, seal.clone()) {
                Ok(mut reader) => proof.chunk(&mut reader),
                Err(_) if !path.exists() => continue,
                Err(error) => proof.fault(first.saturating_sub(1), &error),
            }
            let file = path.strip_prefix(&data_dir).unwrap_or(&path).to_owned();
            return Ok(Some(ChunkProof { next: first.saturating_add(1), bytes, faults: proof.faults, file }));
        }
        Ok(None)
    })
    .await?
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::archive::ArchiveSettings;
    use crate::testing::{AT_ONCE, Plain, Store};

    async fn walk(dir: &Path) -> (u64, Vec<ArchiveFault>) {
        let (mut from, mut bytes, mut faults) = (0, 0, Vec::new());
        while let Some(proof) = prove_chunk(dir, Arc::new(Plain), from).await.unwrap() {
            assert!(proof.next > from);
            (from, bytes) = (proof.next, bytes + proof.bytes);
            faults.extend(proof.faults);
        }
        (bytes, faults)
    }

    #[tokio::test]
    async fn of_an_instant_are_the_chunks_that_end_before_it_and_retention_waits_for_who_holds_them() {
        let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
        let archive = store.archive(dir.path()).await;
        let keep = Duration::from_mins(1);
        let mut archiver = store.archiver(&archive, ArchiveSettings { keep, ..AT_ONCE });
        let mut instants = Vec::new();
        for n in 0..3 {
            instants.push(store.record(n).await);
            archiver.step().await.unwrap();
        }
        for (chunks, instant) in (1..).zip(&instants) {
            assert_eq!(chunk_files(dir.path(), *instant).unwrap().len(), chunks);
        }
        assert_eq!(chunk_files(dir.path(), Position(0)).unwrap(), Vec::<PathBuf>::new());

        let held = archive.hold().await;
        store.pass_time(10 * 60_000);
        archiver.retain().await.unwrap();
        assert_eq!(chunk_files(dir.path(), instants[2]).unwrap().len(), 3, "held");
        drop(held);
        archiver.retain().await.unwrap();
        assert_eq!(chunk_files(dir.path(), instants[2]).unwrap().len(), 0);
    }

    #[tokio::test]
    async fn chunks_are_looked_at_one_by_one_and_a_damaged_one_is_named() {
        let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
        let archive = store.archive(dir.path()).await;
        let mut archiver = store.archiver(&archive, AT_ONCE);
        for n in 0..3 {
            store.record(n).await;
            archiver.step().await.unwrap();
        }
        assert_eq!(walk(dir.path()).await, (archive.bytes(), vec![]));
        let path = dir.path().join(&chunk_files(dir.path(), archive.tail()).unwrap()[1]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0] = 99;
        std::fs::write(path, bytes).unwrap();
        let (read, faults) = walk(dir.path()).await;
        assert_eq!((read, faults.len()), (archive.bytes(), 1));
    }
}
