//! The index over the log: an LSM tree whose every row a frame explains.
//!
//! Readers see the tree at the published sequence number, never at what is being inserted; while they read they are
//! registered, and no version that a registered reader may need is collected.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::ops::{Bound, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use lsm_tree::{AbstractTree, AnyTree, Cache, Config, DescriptorTable, Guard, SequenceNumberCounter};
use xxhash_rust::xxh3::Xxh3;

use super::blobs::read_at;
use super::limits;
use crate::contract::{Direction, Row, RowVersion, StoreError};
use crate::locked;

/// The tree and what its readers hold.
pub(crate) struct Index {
    path: PathBuf,
    tree: AnyTree,
    sequence: SequenceNumberCounter,
    // The tree raises the counter it is given on its own account, also for flushes: ours is apart from it.
    visible: AtomicU64,
    readers: Mutex<BTreeMap<u64, usize>>,
}

/// A registered view of the index at one instant.
pub(crate) struct Snapshot<'a> {
    index: &'a Index,
    sequence: u64,
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let mut readers = locked(&self.index.readers);
        if let Some(count) = readers.get_mut(&self.sequence) {
            *count -= 1;
            if *count == 0 {
                readers.remove(&self.sequence);
            }
        }
    }
}

pub(crate) fn index_error(error: &lsm_tree::Error) -> StoreError {
    StoreError::Corrupt { what: format!("the index ({error})").into() }
}

/// Why the index was not opened.
#[derive(Debug)]
pub(crate) enum IndexOpenError {
    /// The file that lists its tables is not what was written.
    Version(&'static str),
    Tree(lsm_tree::Error),
}

/// Checks the file that says which tables make up the index. The tree writes its checksum into `current` and does not
/// look at it: with one bit turned it would show old rows, or fail in ways that cannot be caught.
///
/// `current`: number of the version (8 bytes, little endian), XXH3-128 of the file `v<number>` (16 bytes, little
/// endian), kind of the checksum (one byte, 0).
fn check_version(path: &Path) -> Result<(), IndexOpenError> {
    let damaged = |what| move |_: std::io::Error| IndexOpenError::Version(what);
    let current = match std::fs::read(path.join("current")) {
        Ok(current) => current,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(IndexOpenError::Tree(error.into())),
    };
    let form = || IndexOpenError::Version("the index's file `current` has not its form");
    let (number, rest) = current.split_first_chunk::<8>().ok_or_else(form)?;
    let (checksum, kind) = rest.split_first_chunk::<16>().ok_or_else(form)?;
    if kind != [0] {
        return Err(form());
    }
    let name = format!("v{}", u64::from_le_bytes(*number));
    let version =
        std::fs::read(path.join(name)).map_err(damaged("a version file of the index is missing"))?;
    if xxhash_rust::xxh3::xxh3_128(&version) == u128::from_le_bytes(*checksum) {
        Ok(())
    } else {
        Err(IndexOpenError::Version("a version file of the index is not what was written"))
    }
}

/// Most entries of a table file's list of contents; the tree writes five or six.
const MAX_CONTENTS: u32 = 64;

/// Checks how long each table's list of contents says that it is. The tree's file reader makes room for that many entries
/// before it compares the list's checksum, and a wrong length ends the process.
///
/// The end of a file: `SFA!`, version (2 bytes), checksum (16), the list's position (8) and length (8); the list: `TOC!`,
/// number of entries (4); little endian. A file that a power cut tore has another end, and the tree removes it unread.
fn check_contents(path: &Path) -> Result<(), IndexOpenError> {
    let unread = |error: std::io::Error| IndexOpenError::Tree(error.into());
    let tables = match std::fs::read_dir(path.join("tables")) {
        Ok(tables) => tables,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unread(error)),
    };
    for table in tables {
        let file = File::open(table.map_err(unread)?.path()).map_err(unread)?;
        if entries_of(&file).map_err(unread)?.is_some_and(|count| count > MAX_CONTENTS) {
            return Err(IndexOpenError::Version("a table of the index is not what was written"));
        }
    }
    Ok(())
}

/// The number of entries that a table file's list of contents claims, if it has one.
fn entries_of(file: &File) -> std::io::Result<Option<u32>> {
    const TRAILER_BYTES: u64 = 38;
    let Some(start) = file.metadata()?.len().checked_sub(TRAILER_BYTES) else { return Ok(None) };
    let trailer = read_at(file, start, 38)?;
    let Some(rest) = trailer.strip_prefix(b"SFA!\x01\x00") else { return Ok(None) };
    let position = rest.get(16..).and_then(<[u8]>::first_chunk::<8>).copied().map(u64::from_le_bytes);
    let Some(position) = position.filter(|position| position.saturating_add(8) <= start) else {
        return Ok(None);
    };
    let list = read_at(file, position, 8)?;
    Ok(list.strip_prefix(b"TOC!").and_then(<[u8]>::first_chunk::<4>).copied().map(u32::from_le_bytes))
}

impl Index {
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<Self, IndexOpenError> {
        check_version(path)?;
        check_contents(path)?;
        Self::open_tree(path, cache_bytes).map_err(IndexOpenError::Tree)
    }

    fn open_tree(path: &Path, cache_bytes: u64) -> Result<Self, lsm_tree::Error> {
        let sequence = SequenceNumberCounter::default();
        let tree = Config::new(path, sequence.clone(), SequenceNumberCounter::default())
            .use_cache(Arc::new(Cache::with_capacity_bytes(cache_bytes)))
            .use_descriptor_table(Some(Arc::new(DescriptorTable::new(limits::INDEX_FILES))))
            .open()?;
        let next = tree.get_highest_seqno().map_or(1, |highest| highest + 1);
        sequence.fetch_max(next);
        let visible = AtomicU64::new(sequence.get());
        Ok(Self { path: path.to_owned(), tree, sequence, visible, readers: Mutex::default() })
    }

    /// Registers a reader at what is published now.
    pub(crate) fn snapshot(&self) -> Snapshot<'_> {
        let mut readers = locked(&self.readers);
        let sequence = self.visible.load(Ordering::Acquire);
        *readers.entry(sequence).or_default() += 1;
        Snapshot { index: self, sequence }
    }

    /// The oldest view that anyone may hold.
    fn watermark(&self) -> u64 {
        let readers = locked(&self.readers);
        let visible = self.visible.load(Ordering::Acquire);
        readers.keys().next().map_or(visible, |oldest| visible.min(*oldest))
    }

    /// The sequence number for the next commit's rows. Only the committer asks.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence.next()
    }

    pub(crate) fn put(&self, key: &[u8], version: u64, value: &[u8], sequence: u64) {
        self.tree.insert(key, [&version.to_be_bytes(), value].concat(), sequence);
    }

    pub(crate) fn delete(&self, key: &[u8], sequence: u64) {
        self.tree.remove(key, sequence);
    }

    /// Shows readers everything up to `sequence`.
    pub(crate) fn publish(&self, sequence: u64) {
        self.visible.store(sequence + 1, Ordering::Release);
    }

    pub(crate) fn active_bytes(&self) -> u64 {
        self.tree.active_memtable().size()
    }

    pub(crate) fn sealed_memtables(&self) -> usize {
        self.tree.sealed_memtable_count()
    }

    /// Seals the active memtable. Only the committer calls it, between frames.
    pub(crate) fn rotate(&self) -> bool {
        self.tree.rotate_memtable().is_some()
    }

    /// Writes the sealed memtables to tables, and syncs them.
    pub(crate) fn flush(&self) -> Result<(), lsm_tree::Error> {
        let lock = self.tree.get_flush_lock();
        self.tree.flush(&lock, self.watermark())?;
        Ok(())
    }

    /// Compacts while there is something to compact.
    pub(crate) fn compact(&self) -> Result<(), lsm_tree::Error> {
        let strategy = Arc::new(lsm_tree::compaction::Leveled::default());
        for _ in 0..64 {
            let before = (self.tree.table_count(), self.tree.l0_run_count(), self.tree.disk_space());
            self.tree.compact(strategy.clone(), self.watermark())?;
            if before == (self.tree.table_count(), self.tree.l0_run_count(), self.tree.disk_space()) {
                break;
            }
        }
        Ok(())
    }
}

impl Index {
    /// Whether the disk names the version that the tree stands at: false after a flush or compaction that failed between
    /// naming its version and syncing the name. To try again then would write over the version that is named.
    pub(crate) fn is_where_it_was(&self) -> bool {
        let named = std::fs::read(self.path.join("current")).ok();
        let named = named.as_deref().and_then(<[u8]>::first_chunk::<8>).copied().map(u64::from_le_bytes);
        named == Some(self.tree.current_version().id())
    }

    /// Compares every table's file with the checksum that the version file has of it: filters and the tables' own
    /// descriptions too, which no read of rows looks at whole.
    pub(crate) fn check_tables(&self) -> Result<(), StoreError> {
        let mut piece = vec![0; 1 << 20];
        for table in self.tree.current_version().iter_tables() {
            let unread = |error: std::io::Error| StoreError::Corrupt {
                what: super::log::failure("a table of the index", &error),
            };
            let mut file = File::open(&*table.path).map_err(unread)?;
            let mut hash = Xxh3::new();
            loop {
                let read = file.read(&mut piece).map_err(unread)?;
                match piece.get(..read) {
                    Some(bytes) if read > 0 => hash.update(bytes),
                    _ => break,
                }
            }
            if hash.digest128() != table.checksum().into_u128() {
                return Err(StoreError::Corrupt {
                    what: "a table of the index is not what was written".into(),
                });
            }
        }
        Ok(())
    }
}

fn row_of(stored: &[u8]) -> Result<Row, StoreError> {
    let (version, value) =
        stored.split_first_chunk::<8>().ok_or_else(|| StoreError::Corrupt { what: "a row".into() })?;
    Ok(Row { version: RowVersion(u64::from_be_bytes(*version)), value: Bytes::copy_from_slice(value) })
}

impl Snapshot<'_> {
    /// The row under a full key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        let found = self.index.tree.get(key, self.sequence).map_err(|error| index_error(&error))?;
        found.map(|stored| row_of(&stored)).transpose()
    }

    /// The version of the row under a full key.
    pub(crate) fn version(&self, key: &[u8]) -> Result<Option<RowVersion>, StoreError> {
        Ok(self.get(key)?.map(|row| row.version))
    }

    /// Rows of a range of full keys, from the end that `direction` names.
    pub(crate) fn range(
        &self,
        range: Range<Vec<u8>>,
        direction: Direction,
    ) -> impl Iterator<Item = Result<(Bytes, Row), StoreError>> + '_ {
        let bounds = if range.start < range.end {
            (Bound::Included(range.start), Bound::Excluded(range.end))
        } else {
            // The tree's own ranges must not be turned round.
            (Bound::Included(vec![]), Bound::Excluded(vec![0]))
        };
        let mut rows = self.index.tree.range(bounds, self.sequence, None);
        std::iter::from_fn(move || {
            let guard = match direction {
                Direction::Forward => rows.next(),
                Direction::Backward => rows.next_back(),
            }?;
            let row = guard.into_inner().map_err(|error| index_error(&error));
            Some(row.and_then(|(key, stored)| Ok((Bytes::copy_from_slice(&key), row_of(&stored)?))))
        })
    }
}
