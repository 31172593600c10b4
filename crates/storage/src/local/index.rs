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
use lsm_tree::compaction::Leveled;
use lsm_tree::config::PartitioningPolicy;
use lsm_tree::{AbstractTree, AnyTree, Cache, Config, DescriptorTable, Guard, SequenceNumberCounter, Table};
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

/// The two files that say which tables make up the index.
pub(crate) struct VersionFiles {
    number: u64,
    /// Name of the version file.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) version: Vec<u8>,
    /// Bytes of the file `current`.
    pub(crate) current: Vec<u8>,
}

/// Checks the file that says which tables make up the index. The tree writes its checksum into `current` and does not
/// look at it: with one bit turned it would show old rows, or fail in ways that cannot be caught.
///
/// `current`: number of the version (8 bytes, little endian), XXH3-128 of the file `v<number>` (16 bytes, little
/// endian), kind of the checksum (one byte, 0).
fn check_version(path: &Path) -> Result<Option<VersionFiles>, IndexOpenError> {
    let damaged = |what| move |_: std::io::Error| IndexOpenError::Version(what);
    let current = match std::fs::read(path.join("current")) {
        Ok(current) => current,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IndexOpenError::Tree(error.into())),
    };
    let form = || IndexOpenError::Version("the index's file `current` has not its form");
    let (number, rest) = current.split_first_chunk::<8>().ok_or_else(form)?;
    let (checksum, kind) = rest.split_first_chunk::<16>().ok_or_else(form)?;
    if kind != [0] {
        return Err(form());
    }
    let number = u64::from_le_bytes(*number);
    let name = format!("v{number}");
    let version =
        std::fs::read(path.join(&name)).map_err(damaged("a version file of the index is missing"))?;
    if xxhash_rust::xxh3::xxh3_128(&version) == u128::from_le_bytes(*checksum) {
        Ok(Some(VersionFiles { number, name, version, current }))
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

/// Most bytes of `current`, which the tree writes under another name first.
const CURRENT_BYTES: u64 = 25;

/// Removes what a kill between writing and renaming `current` has left: files `.tmp` and six letters or digits, of at most
/// its length. Nothing else in the directory has such a name, and nothing names them.
pub(crate) fn sweep_temporary(path: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(".tmp"));
        let ours = random.is_some_and(|random| {
            random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if ours && metadata.is_file() && metadata.len() <= CURRENT_BYTES {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Index {
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<Self, IndexOpenError> {
        check_version(path)?;
        check_contents(path)?;
        Self::open_tree(path, cache_bytes).map_err(IndexOpenError::Tree)
    }

    fn open_tree(path: &Path, cache_bytes: u64) -> Result<Self, lsm_tree::Error> {
        let sequence = SequenceNumberCounter::default();
        // Below the first level indexes and filters of tables are read in pieces of 4 KiB: whole, those of a store of a few
        // million objects no longer fit the cache together, and each read of a row would load more than a megabyte.
        let in_pieces = PartitioningPolicy::new([false, true]);
        let tree = Config::new(path, sequence.clone(), SequenceNumberCounter::default())
            .index_block_partitioning_policy(in_pieces.clone())
            .filter_block_partitioning_policy(in_pieces)
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

    /// Shows readers everything that the tree holds: only the committer knows when all of it may be shown.
    pub(crate) fn publish_all(&self) {
        self.visible.store(self.sequence.get(), Ordering::Release);
    }

    /// Whether states of the tree from before a flush or a compaction are kept for readers, with all that they hold.
    pub(crate) fn keeps_old(&self) -> bool {
        self.tree.version_free_list_len() > 0
    }

    /// Lets go of old states, their memtables and files, as far as nobody reads there.
    pub(crate) fn let_go(&self) -> Result<(), lsm_tree::Error> {
        self.tree.get_version_history_lock().maintenance(&self.path, self.watermark())
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

    /// Compacts a little, if there is something to compact; `false`: there was nothing.
    pub(crate) fn compact(&self) -> Result<bool, lsm_tree::Error> {
        self.step(Leveled::default().with_table_target_size(limits::TABLE_BYTES))
    }

    /// Compacts a little, if much of the tables is marks of deleted rows: these take space, and hide rows that take more,
    /// until they have come down to the last level. `false`: it is not, or they have.
    pub(crate) fn purge(&self) -> Result<bool, lsm_tree::Error> {
        let (marks, rows) = (self.tree.tombstone_count(), self.tree.approximate_len() as u64);
        if marks.saturating_mul(limits::ROWS_A_MARK) < rows.max(1) {
            return Ok(false);
        }
        // With this threshold every level but the last counts as too full.
        self.step(Leveled::default().with_table_target_size(limits::TABLE_BYTES).with_l0_threshold(0))
    }

    fn step(&self, strategy: Leveled) -> Result<bool, lsm_tree::Error> {
        let before = self.tree.current_version().id();
        self.tree.compact(Arc::new(strategy), self.watermark())?;
        Ok(self.tree.current_version().id() != before)
    }
}

/// How often [`Index::files`] looks until the disk names the version that the tree stands at: in between lie two syncs of
/// small files.
const VERSION_LOOKS: usize = 1000;

impl Index {
    /// The files that make up the index at one instant, whose tables stay on the disk for as long as the answer is held.
    pub(crate) fn files(&self) -> Result<(VersionFiles, Vec<Table>), StoreError> {
        let mut last = "the index's version file is not to be found";
        for _ in 0..VERSION_LOOKS {
            // The tables first: what they hold on to cannot go while the disk is looked at.
            let version = self.tree.current_version();
            let tables: Vec<Table> = version.iter_tables().cloned().collect();
            match check_version(&self.path) {
                Ok(Some(files)) if files.number == version.id() => return Ok((files, tables)),
                Ok(_) => {}
                Err(IndexOpenError::Version(what)) => last = what,
                Err(IndexOpenError::Tree(error)) => return Err(index_error(&error)),
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Err(StoreError::Corrupt { what: last.into() })
    }

    /// Bytes of all tables.
    pub(crate) fn table_bytes(&self) -> u64 {
        self.tree.disk_space()
    }

    /// The oldest table of those numbered from `from` on. It stays on the disk for as long as the answer is held.
    pub(crate) fn next_table(&self, from: u64) -> Option<Table> {
        let version = self.tree.current_version();
        version.iter_tables().filter(|table| table.id() >= from).min_by_key(|table| table.id()).cloned()
    }

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
    /// The number that it sees the tree at.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The view at a later number that was published meanwhile. What it sees was kept for the earlier one.
    pub(crate) fn at(self, sequence: u64) -> Self {
        *locked(&self.index.readers).entry(sequence).or_default() += 1;
        Self { index: self.index, sequence }
    }

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
