//! The offline proof of a data directory: what `strongroom verify` walks.
//!
//! The engine can say that every frame of the log is whole and follows its predecessor, that every block of the index
//! has its checksum, that every blob which a commit named is there in its full length, and which files nothing names.
//! What only the services know (which rows name which blobs, and whether each blob opens) the caller completes with
//! [`Verifier::store`].

use std::path::{Path, PathBuf};

use strongroom_types::BlobId;

use crate::contract::StoreError;
use crate::local::{BlobInfo, LocalStore, OpenError, Options};

/// Something that is not as it must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// A frame of the log is damaged, missing, or does not follow its predecessor.
    Frame {
        /// The segment, as its file is named.
        segment: u64,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A committed blob whose bytes are not there, or not in their full length.
    BlobMissing {
        /// Which blob.
        id: BlobId,
        /// Length that its row says.
        sealed_bytes: u64,
    },
    /// A file in `blobs/` that no commit names. After a crash the next start removes such files.
    Orphan {
        /// The file, relative to the data directory.
        path: PathBuf,
    },
    /// The index does not read.
    Index {
        /// What the engine says.
        what: String,
    },
}

/// What was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Looked {
    /// Frames of the log.
    pub frames: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Rows of the index, the engine's own included.
    pub rows: u64,
    /// Committed blobs.
    pub blobs: u64,
    /// Their sealed bytes.
    pub blob_bytes: u64,
}

/// A data directory, locked and opened for looking: it takes no part in reclaim, and removes nothing that lies there.
pub struct Verifier {
    store: LocalStore,
}

impl Verifier {
    /// Opens `directory`, which must exist. Frames that the index lacks are replayed, and a torn last frame is cut off,
    /// as at any start.
    ///
    /// # Errors
    /// As [`LocalStore::open`]: a directory that does not open is not sound.
    pub fn open(directory: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        LocalStore::open_to_look(directory.as_ref(), options).map(|store| Self { store })
    }

    /// The store, to read rows and blobs.
    pub fn store(&self) -> &LocalStore {
        &self.store
    }

    /// Bytes that [`run`](Self::run) will report as done, for a progress bar.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the log cannot be listed.
    pub fn log_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.store.segment_files()?.iter().map(|(_, length)| length).sum())
    }

    /// Looks at everything. `progress` is told bytes of the log as they are done, `found` each finding. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] only if looking itself fails; what is found is told.
    pub fn run(
        &self,
        mut progress: impl FnMut(u64),
        mut found: impl FnMut(Finding),
    ) -> Result<Looked, StoreError> {
        let mut looked = Looked::default();
        self.store.check_frames(&mut looked, &mut progress, &mut found)?;
        match self.store.count_rows() {
            Ok(rows) => looked.rows = rows,
            Err(error) => found(Finding::Index { what: error.to_string() }),
        }
        for info in self.blobs() {
            match info {
                Ok(info) => {
                    looked.blobs += 1;
                    looked.blob_bytes += info.sealed_bytes;
                    if !self.store.blob_is_there(info.id)? {
                        found(Finding::BlobMissing { id: info.id, sealed_bytes: info.sealed_bytes });
                    }
                }
                Err(error) => {
                    found(Finding::Index { what: error.to_string() });
                    break;
                }
            }
        }
        for path in self.store.orphans()? {
            found(Finding::Orphan { path });
        }
        Ok(looked)
    }

    /// All committed blobs, in the order of their ids.
    pub fn blobs(&self) -> impl Iterator<Item = Result<BlobInfo, StoreError>> + '_ {
        const PAGE: usize = 1000;
        let mut page = Vec::new().into_iter();
        let mut after = None;
        let mut ended = false;
        std::iter::from_fn(move || {
            loop {
                if let Some(info) = page.next() {
                    let info: BlobInfo = info;
                    after = Some(info.id);
                    return Some(Ok(info));
                }
                if ended {
                    return None;
                }
                match self.store.blob_ids(after, PAGE) {
                    Ok(next) => {
                        ended = next.len() < PAGE;
                        page = next.into_iter();
                    }
                    Err(error) => {
                        ended = true;
                        return Some(Err(error));
                    }
                }
            }
        })
    }
}
