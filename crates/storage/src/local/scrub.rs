//! Looking at what lies on disk, piece by piece, while everything goes on: frames of the log, and tables of the index.
//! What only the services know (which rows name which blobs, and whether each opens) the caller looks at through
//! [`LocalStore`]'s contracts; it also says how fast, by how often it asks.

use std::fs::File;
use std::io::{self, Read as _};

use xxhash_rust::xxh3::Xxh3;

use super::blobs::blocking;
use super::limits;
use super::log::failure;
use super::{LocalStore, Shared};
use crate::contract::StoreError;

/// Where a walk over the log has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogPlace {
    /// The segment, as its file is named.
    pub segment: u64,
    /// Where in it.
    pub offset: u64,
}

/// Something on disk that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// In the log. The rest of the segment is not looked at: where its next frame begins is not known.
    Log {
        /// Where.
        place: LogPlace,
        /// What is wrong.
        what: &'static str,
    },
    /// In the index.
    Index {
        /// The file, relative to the data directory.
        file: String,
        /// What is wrong.
        what: String,
    },
}

/// What a step of a walk came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Step<P> {
    /// Bytes that were read.
    pub bytes: u64,
    /// What was found.
    pub damage: Option<Damage>,
    /// Where to go on; `None` at the end.
    pub next: Option<P>,
}

/// Where a walk over the index's tables has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TablePlace {
    /// The number from which on tables are to be looked at.
    pub from: u64,
    /// The newest table there was when the walk began: those that are made later are not part of it.
    pub through: u64,
}

/// A table that is being read.
pub struct TableRead {
    id: u64,
    file: File,
    hash: Xxh3,
    expected: u128,
}

/// How much there is to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Bytes of the index's tables.
    pub index_bytes: u64,
}

impl LocalStore {
    /// How much log and index there is.
    pub fn extent(&self) -> Extent {
        let shared = self.shared();
        let log_bytes = shared.segments.all().values().map(|stats| stats.length).sum();
        Extent { log_bytes, index_bytes: shared.index.table_bytes() }
    }

    /// Looks at frames from `place` on, until about `most` bytes of them are read or their segment ends. One frame is
    /// always read whole, and may have some 20 MiB.
    ///
    /// # Errors
    /// [`StoreError`] only if looking itself fails.
    pub async fn scrub_log(&self, place: LogPlace, most: u64) -> Result<Step<LogPlace>, StoreError> {
        let store = self.clone();
        blocking(move || store.scrub_frames(place, most)).await
    }

    fn scrub_frames(&self, place: LogPlace, most: u64) -> Step<LogPlace> {
        let shared = self.shared();
        let known = shared.segments.all();
        let Some((segment, stats)) = known.range(place.segment..).next() else {
            return Step { bytes: 0, damage: None, next: None };
        };
        let (segment, length) = (*segment, stats.length);
        let behind = known.range(segment + 1..).next().map(|(segment, _)| *segment);
        let behind = behind.map(|segment| LogPlace { segment, offset: 0 });
        let mut at = if segment == place.segment { place.offset } else { 0 };
        let file = match shared.segments.file(segment) {
            Ok(file) => file,
            Err(error) => {
                // It may have gone meanwhile, as segments do.
                let goes =
                    error.kind() == io::ErrorKind::NotFound && shared.segments.stats(segment).is_none();
                let place = LogPlace { segment, offset: 0 };
                let damage = Damage::Log { place, what: "the segment cannot be opened" };
                return Step { bytes: 0, damage: (!goes).then_some(damage), next: behind };
            }
        };
        let (mut bytes, mut before) = (0, None);
        while at < length && bytes < most {
            let what = match self.check_frame(&file, segment, at, length, before) {
                Ok(Ok(header)) => {
                    before = Some((header.frame, header.crc));
                    bytes += header.frame_bytes();
                    at += header.frame_bytes();
                    continue;
                }
                Ok(Err(what)) => what,
                Err(_) => "the disk does not give back what was written",
            };
            let damage = Damage::Log { place: LogPlace { segment, offset: at }, what };
            return Step { bytes: bytes + (length - at), damage: Some(damage), next: behind };
        }
        let next = if at < length { Some(LogPlace { segment, offset: at }) } else { behind };
        Step { bytes, damage: None, next }
    }

    /// Checks the file that says which tables make up the index, and gives where a walk over them begins.
    ///
    /// # Errors
    /// [`StoreError`] only if looking itself fails.
    pub async fn scrub_index(&self) -> Result<Step<TablePlace>, StoreError> {
        let store = self.clone();
        blocking(move || match store.shared().index.files() {
            Ok((files, tables)) => {
                let bytes = (files.version.len() + files.current.len()) as u64;
                let through = tables.iter().map(lsm_tree::Table::id).max();
                let next = through.map(|through| TablePlace { from: 0, through });
                Step { bytes, damage: None, next }
            }
            Err(error) => {
                let damage = Damage::Index { file: "index/current".to_owned(), what: error.to_string() };
                Step { bytes: 0, damage: Some(damage), next: None }
            }
        })
        .await
    }

    /// Opens the next table to look at, and gives the place behind it; `None` at the end. A table that goes meanwhile is
    /// passed over: what was in it is in another, which came later.
    ///
    /// # Errors
    /// [`StoreError`] only if looking itself fails.
    pub async fn scrub_table(
        &self,
        place: TablePlace,
    ) -> Result<Option<(TablePlace, TableOpened)>, StoreError> {
        let store = self.clone();
        blocking(move || next_table(store.shared(), place)).await
    }
}

/// A table, or why it was not opened.
pub type TableOpened = Result<Box<TableRead>, Damage>;

fn table_file(id: u64) -> String {
    format!("index/tables/{id}")
}

fn next_table(shared: &Shared, place: TablePlace) -> Option<(TablePlace, TableOpened)> {
    // While it is held here, the table's file stays.
    let table = shared.index.next_table(place.from).filter(|table| table.id() <= place.through)?;
    let behind = TablePlace { from: table.id().saturating_add(1), ..place };
    let opened = match File::open(&*table.path) {
        Ok(file) => Ok(Box::new(TableRead {
            id: table.id(),
            file,
            hash: Xxh3::new(),
            expected: table.checksum().into_u128(),
        })),
        Err(error) => Err(Damage::Index {
            file: table_file(table.id()),
            what: failure("it cannot be opened", &error).to_string(),
        }),
    };
    Some((behind, opened))
}

impl TableRead {
    /// Reads on, by at most `most` bytes. [`Step::next`] is the table until all of it is read.
    ///
    /// # Errors
    /// [`StoreError::Closed`] when the runtime goes down.
    pub async fn step(self: Box<Self>, most: u64) -> Result<Step<Box<Self>>, StoreError> {
        blocking(move || self.read(most)).await
    }

    fn read(mut self: Box<Self>, most: u64) -> Step<Box<Self>> {
        let mut piece = vec![0; usize::try_from(most.min(limits::SCRUB_PIECE_BYTES)).unwrap_or_default()];
        let damaged = |table: &Self, what: String| Step {
            bytes: 0,
            damage: Some(Damage::Index { file: table_file(table.id), what }),
            next: None,
        };
        match self.file.read(&mut piece) {
            Err(error) => damaged(&self, failure("it cannot be read", &error).to_string()),
            Ok(0) if self.hash.digest128() == self.expected => Step { bytes: 0, damage: None, next: None },
            Ok(0) => damaged(&self, "it is not what was written".to_owned()),
            Ok(read) => {
                self.hash.update(piece.get(..read).unwrap_or_default());
                Step { bytes: read as u64, damage: None, next: Some(self) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use strongroom_types::Timestamp;

    use super::*;
    use crate::contract::{Batch, Journal, MetaStore, Partition};
    use crate::local::Options;

    const MOST: u64 = 4096;

    fn open(directory: &Path) -> LocalStore {
        static MILLIS: AtomicI64 = AtomicI64::new(1_700_000_000_000);
        let mut options = Options::new(
            Arc::new(|| Timestamp::from_millis(MILLIS.fetch_add(1, Ordering::Relaxed))),
            Arc::new(|bytes| bytes.fill(7)),
        );
        options.low_water_bytes = Some(0);
        options.reserve_bytes = 1 << 16;
        options.segment_bytes = 20_000;
        options.memtable_bytes = 10_000;
        LocalStore::open(directory, options).unwrap()
    }

    async fn fill(store: &LocalStore, rounds: u8) {
        for round in 0..rounds {
            let mut batch = Batch::new(Partition::Names);
            batch.put([round], vec![round; 2000]);
            batch.records.push(vec![round; 100]);
            store.commit(batch).await.unwrap();
        }
        store.checkpoint().await.unwrap();
    }

    /// All that a walk over log and index finds, and the bytes that it read.
    async fn walk(store: &LocalStore) -> (Vec<Damage>, u64, u64) {
        let (mut found, mut log, mut index) = (Vec::new(), 0, 0);
        let mut place = Some(LogPlace::default());
        while let Some(at) = place {
            let step = store.scrub_log(at, MOST).await.unwrap();
            assert!(
                step.damage.is_some() || step.bytes <= MOST + 3000,
                "no more than was asked, and a frame"
            );
            log += step.bytes;
            found.extend(step.damage);
            place = step.next;
        }
        let first = store.scrub_index().await.unwrap();
        found.extend(first.damage);
        let mut place = first.next;
        while let Some(at) = place {
            let Some((behind, opened)) = store.scrub_table(at).await.unwrap() else { break };
            place = Some(behind);
            let mut reading = match opened {
                Ok(table) => Some(table),
                Err(damage) => {
                    found.push(damage);
                    None
                }
            };
            while let Some(table) = reading {
                let step = table.step(MOST).await.unwrap();
                assert!(step.bytes <= MOST);
                index += step.bytes;
                found.extend(step.damage);
                reading = step.next;
            }
        }
        (found, log, index)
    }

    fn flip(path: &Path, offset: u64) {
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        byte[0] ^= 4;
        file.write_all_at(&byte, offset).unwrap();
    }

    fn files(folder: &Path) -> Vec<std::path::PathBuf> {
        let mut found: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    }

    #[tokio::test]
    async fn a_sound_store_is_read_whole_and_nothing_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        assert_eq!(walk(&store).await, (vec![], 0, 0));
        fill(&store, 60).await;
        let extent = store.extent();
        assert!(extent.log_bytes > 120_000 && extent.index_bytes > 0, "{extent:?}");
        let (found, log, index) = walk(&store).await;
        assert_eq!((found, log), (vec![], extent.log_bytes));
        let tables = files(&directory.path().join("index/tables"));
        assert_eq!(index, tables.iter().map(|path| path.metadata().unwrap().len()).sum());
        assert!(extent.index_bytes.abs_diff(index) < index / 10, "{extent:?}, {index}");
        // What comes later, and what goes, is none of the walk's business.
        let place = store.scrub_index().await.unwrap().next.unwrap();
        fill(&store, 60).await;
        store.trim(store.tail()).await.unwrap();
        store.reclaim().await.unwrap();
        let mut place = Some(place);
        while let Some(at) = place {
            let opened = store.scrub_table(at).await.unwrap();
            place = opened.map(|(behind, opened)| {
                assert!(opened.is_ok() && behind.from <= behind.through + 1);
                behind
            });
        }
        assert_eq!(walk(&store).await.0, []);
    }

    #[tokio::test]
    async fn a_changed_bit_in_the_log_is_found_where_it_lies_and_the_other_segments_are_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        fill(&store, 60).await;
        let segments = files(&directory.path().join("log"));
        assert!(segments.len() > 4);
        for path in [&segments[1], &segments[3]] {
            flip(path, 5000);
        }
        let (found, log, _) = walk(&store).await;
        assert_eq!(log, store.extent().log_bytes, "what is passed over counts as done");
        let places: Vec<_> = found
            .iter()
            .map(|damage| match damage {
                Damage::Log { place, .. } => (format!("{:016x}.seg", place.segment), place.offset),
                Damage::Index { .. } => panic!("{damage:?}"),
            })
            .collect();
        assert_eq!(places.len(), 2);
        for (place, path) in places.iter().zip([&segments[1], &segments[3]]) {
            assert_eq!(place.0.as_str(), path.file_name().unwrap());
            assert!((2000..=5000).contains(&place.1), "{place:?}");
        }
    }

    #[tokio::test]
    async fn a_changed_bit_anywhere_in_a_table_of_the_index_is_found_and_the_table_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        fill(&store, 20).await;
        let table = files(&directory.path().join("index/tables")).pop().unwrap();
        let length = table.metadata().unwrap().len();
        let name = format!("index/tables/{}", table.file_name().unwrap().to_str().unwrap());
        for at in [0, length / 3, length / 2, length - 1] {
            flip(&table, at);
            let (found, _, _) = walk(&store).await;
            assert!(matches!(&found[..], [Damage::Index { file, .. }] if *file == name), "{found:?}");
            flip(&table, at);
        }
        let current = std::fs::read(directory.path().join("index/current")).unwrap();
        let version = u64::from_le_bytes(current[..8].try_into().unwrap());
        flip(&directory.path().join(format!("index/v{version}")), 40);
        let (found, _, _) = walk(&store).await;
        assert!(matches!(&found[..], [Damage::Index { file, .. }] if file == "index/current"), "{found:?}");
    }

    #[tokio::test]
    async fn a_file_that_is_gone_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        fill(&store, 60).await;
        let segment = files(&directory.path().join("log")).remove(1);
        drop(store);
        let store = open(directory.path());
        std::fs::remove_file(segment).unwrap();
        let table = files(&directory.path().join("index/tables")).remove(0);
        std::fs::remove_file(&table).unwrap();
        let (found, _, _) = walk(&store).await;
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(matches!(&found[0], Damage::Log { what: "the segment cannot be opened", .. }));
        assert!(matches!(&found[1], Damage::Index { .. }));
    }
}
