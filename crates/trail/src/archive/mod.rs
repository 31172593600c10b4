//! Records that left the journal: sealed, compressed chunks in `DIR/archive`, one file each, without a gap from the
//! oldest kept to the newest archived.
//!
//! Two numbers say what holds, in one row: *through*, up to which everything is in chunks (or was removed), and
//! *removed*, up to which retention has removed. The row is committed after a chunk is durable and before the journal is
//! trimmed; so at every instant each record not removed is in a chunk, in the journal, or in both.

mod archiver;
mod backup;
mod chunk;
mod facts;
mod files;
mod find;
mod proof;
mod retention;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use strongroom_storage::{Batch, Journal, MetaStore, Partition, Position, StoreError};

pub use archiver::{ArchiveSettings, Archiver};
pub use backup::{ChunkProof, Held, chunk_files, prove_chunk};
pub use chunk::{ChunkSeal, SealError, fuzz_chunk};
pub use find::Query;
pub use proof::{ArchiveFault, Proof, prove};

pub(crate) use chunk::{Group, Reader};

use crate::error::{TrailError, blocking};
use chunk::Header;

/// Row with the archive's progress, in the system's partition.
const PROGRESS: &[u8] = b"trail/archive";

const PROGRESS_FORMAT: u8 = 1;

/// The chunks of an installation, shared by the archiver, which writes, and everyone who reads.
pub struct Archive {
    dir: PathBuf,
    store: Arc<dyn MetaStore>,
    journal: Arc<dyn Journal>,
    seal: Arc<dyn ChunkSeal>,
    state: RwLock<State>,
    /// Held while chunks are removed, and by whoever needs them to stay.
    removing: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first.
    chunks: VecDeque<Chunk>,
    through: u64,
    removed: u64,
}

/// What is kept in memory of a chunk: 48 bytes, and a busy day has 288 of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) after: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
    pub(crate) bytes: u64,
}

impl Chunk {
    fn of(header: &Header) -> Self {
        let Header { after, first, last, first_time, last_time, .. } = *header;
        Self { after, first, last, first_time, last_time, bytes: header.file_bytes() }
    }
}

/// Where the records behind a position are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this chunk.
    Chunk(Chunk),
    /// In the journal.
    Journal,
    /// Removed by retention: the next ones kept are behind this position.
    Removed(Position),
    /// Nowhere, though nobody removed them.
    Missing,
}

impl Archive {
    /// Opens `data_dir/archive`, makes it if it is missing, and finishes what a crash left undone.
    ///
    /// `store` and `journal` come already opened: rows and records are plain to the archive.
    ///
    /// # Errors
    /// [`TrailError`] when directory or store cannot be used. Chunks that are missing or whose headers are damaged are
    /// no error here: they are logged, and whoever reads there is told.
    pub async fn open(
        data_dir: &Path,
        store: Arc<dyn MetaStore>,
        journal: Arc<dyn Journal>,
        seal: Arc<dyn ChunkSeal>,
    ) -> Result<Arc<Self>, TrailError> {
        let dir = data_dir.join("archive");
        let (through, removed) = read_progress(&*store).await?;
        let found = {
            let (dir, seal) = (dir.clone(), seal.clone());
            blocking(move || files::survey(&dir, &seal, through, removed)).await??
        };
        let mut state = State { chunks: found.into(), through, removed };
        report_gaps(&state);
        let adopted = state.chunks.back().map_or(through, |newest| newest.last.max(through));
        if adopted > through {
            // The crash came between a chunk and its row. Its records are still in the journal.
            commit_progress(&*store, adopted, removed).await?;
            state.through = adopted;
        }
        let removing = Arc::default();
        Ok(Arc::new(Self { dir, store, journal, seal, state: RwLock::new(state), removing }))
    }

    /// The position up to which everything has left the journal, or is about to.
    pub fn archived_through(&self) -> Position {
        Position(self.read(|state| state.through))
    }

    /// The position up to which retention has removed records.
    pub fn removed_through(&self) -> Position {
        Position(self.read(|state| state.removed))
    }

    /// Bytes of all chunks on disk.
    pub fn bytes(&self) -> u64 {
        self.read(|state| state.chunks.iter().map(|chunk| chunk.bytes).sum())
    }

    /// The position of the last durable commit.
    pub(crate) fn tail(&self) -> Position {
        self.journal.tail()
    }

    pub(crate) fn store(&self) -> &dyn MetaStore {
        &*self.store
    }

    pub(crate) fn journal(&self) -> &dyn Journal {
        &*self.journal
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where the records behind `after` are.
    pub(crate) fn place(&self, after: Position) -> Place {
        self.read(|state| {
            if after.0 < state.removed {
                return Place::Removed(Position(state.removed));
            }
            if after.0 >= state.through {
                return Place::Journal;
            }
            let next = state.chunks.partition_point(|chunk| chunk.last <= after.0);
            match state.chunks.get(next) {
                Some(chunk) if chunk.after <= after.0 => Place::Chunk(*chunk),
                Some(_) | None => Place::Missing,
            }
        })
    }

    /// Opens a chunk's file. `None` if retention removed it meanwhile.
    pub(crate) async fn reader(&self, chunk: Chunk) -> Result<Option<Reader>, TrailError> {
        let (path, seal) = (files::path(&self.dir, chunk.first), self.seal.clone());
        match blocking(move || Reader::open(&path, seal)).await? {
            Ok(reader) if reader.header().after == chunk.after && reader.header().last == chunk.last => {
                Ok(Some(reader))
            }
            Ok(_) => Err(TrailError::Damaged { what: "it is another chunk than its name says" }),
            Err(_) if self.removed_through().0 >= chunk.last => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn report_gaps(state: &State) {
    let mut expected = state.removed;
    for chunk in &state.chunks {
        if chunk.after != expected {
            tracing::error!(after = expected, next = chunk.after, "chunks of the archive are missing");
        }
        expected = chunk.last;
    }
    if expected < state.through {
        tracing::error!(after = expected, next = state.through, "chunks of the archive are missing");
    }
}

/// The value of a row with positions.
pub(crate) fn encode_positions(positions: &[u64]) -> Vec<u8> {
    let bytes = positions.iter().flat_map(|position| position.to_be_bytes());
    std::iter::once(PROGRESS_FORMAT).chain(bytes).collect()
}

/// Reads such a row.
pub(crate) fn decode_positions<const N: usize>(value: &[u8]) -> Result<[u64; N], TrailError> {
    let damaged = || StoreError::Corrupt { what: "a row of the archive or of a cursor".into() };
    let (format, rest) = value.split_first().ok_or_else(damaged)?;
    let (chunks, rest) = rest.as_chunks::<8>();
    if *format != PROGRESS_FORMAT || !rest.is_empty() || chunks.len() != N {
        return Err(damaged().into());
    }
    let mut out = [0; N];
    out.iter_mut().zip(chunks).for_each(|(to, from)| *to = u64::from_be_bytes(*from));
    Ok(out)
}

async fn read_progress(store: &dyn MetaStore) -> Result<(u64, u64), TrailError> {
    match store.get(Partition::System, PROGRESS).await? {
        Some(row) => decode_positions::<2>(&row.value).map(|[through, removed]| (through, removed)),
        None => Ok((0, 0)),
    }
}

async fn commit_progress(store: &dyn MetaStore, through: u64, removed: u64) -> Result<(), TrailError> {
    let mut batch = Batch::new(Partition::System);
    batch.put(PROGRESS, encode_positions(&[through, removed]));
    // Archiving is what gives the log its space back.
    batch.frees_space = true;
    store.commit(batch).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
