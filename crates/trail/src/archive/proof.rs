//! Proving, offline, that the archive is whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_record::decode;
use strongroom_storage::{MetaStore, Position};

use super::chunk::{ChunkSeal, Group, Reader};
use super::{files, read_progress};
use crate::error::{TrailError, blocking};

/// What was found in an archive.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Records that open and read.
    pub records: u64,
    /// Where they do not.
    pub faults: Vec<ArchiveFault>,
}

/// Records that are not there, or do not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveFault {
    /// The last position before them.
    pub after: u64,
    /// What is wrong.
    pub what: String,
}

impl Proof {
    pub(super) fn fault(&mut self, after: u64, what: &dyn ToString) {
        self.faults.push(ArchiveFault { after, what: what.to_string() });
    }

    /// Opens everything in a chunk.
    pub(super) fn chunk(&mut self, reader: &mut Reader) {
        let after = reader.header().after;
        for block in reader.candidates(&[], (i64::MIN, i64::MAX), Position(0)) {
            match reader.groups(block) {
                Ok(groups) => groups.iter().for_each(|group| self.group(group)),
                Err(error) => self.fault(after, &error),
            }
        }
    }

    fn group(&mut self, (position, records): &Group) {
        for bytes in records {
            match decode(bytes) {
                Ok(_) => self.records += 1,
                Err(error) => self.fault(position.0, &error),
            }
        }
    }
}

/// Opens every record of the archive in `data_dir/archive` and finds what is missing between the oldest kept and the
/// newest archived. Changes nothing; what a crash left over is passed over.
///
/// # Errors
/// [`TrailError`] if the archive's progress or its directory cannot be read.
pub async fn prove(
    data_dir: &Path,
    store: &dyn MetaStore,
    seal: Arc<dyn ChunkSeal>,
) -> Result<Proof, TrailError> {
    let dir = data_dir.join("archive");
    let (through, removed) = read_progress(store).await?;
    blocking(move || {
        let mut proof = Proof::default();
        let mut expected = removed;
        for path in chunks(&dir)? {
            let mut reader = match Reader::open(&path, seal.clone()) {
                Ok(reader) => reader,
                Err(error) => {
                    proof.fault(expected, &format!("{}: {error}", path.display()));
                    continue;
                }
            };
            let (after, last) = (reader.header().after, reader.header().last);
            if last <= removed || after >= through {
                continue;
            }
            if after != expected {
                proof.fault(expected, &format!("records up to {after} are missing"));
            }
            proof.chunk(&mut reader);
            expected = last;
        }
        if expected < through {
            proof.fault(expected, &format!("records up to {through} are missing"));
        }
        Ok(proof)
    })
    .await?
}

/// The files of chunks, oldest first.
pub(super) fn chunks(dir: &Path) -> Result<Vec<PathBuf>, TrailError> {
    let failed = || TrailError::io("reading the archive's directory");
    let mut firsts = Vec::new();
    match fs::read_dir(dir) {
        Ok(entries) => {
            for entry in entries {
                let name = entry.map_err(failed())?.file_name();
                firsts.extend(name.to_str().and_then(files::first_of));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed()(error)),
    }
    firsts.sort_unstable();
    Ok(firsts.into_iter().map(|first| files::path(dir, first)).collect())
}
