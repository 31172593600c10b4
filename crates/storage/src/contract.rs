//! The contracts that every engine keeps. [`crate::conformance`] says in tests what they mean.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use strongroom_types::{AccountId, BlobId, BucketId, Timestamp};

/// An ordered key space of its own. A commit touches one partition; crossing partitions is done by ordered
/// idempotent steps with an intent record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Partition {
    /// Bucket name → account, region, bucket id.
    Names,
    /// The organisation: accounts, units, service control policies.
    Org,
    /// Identities of one account, and its generation.
    Iam(AccountId),
    /// Settings of one account.
    Account(AccountId),
    /// One bucket's configuration, objects, versions and uploads.
    Bucket(BucketId),
    /// Bookkeeping of the installation itself: access key index, certificates, cursors of record readers.
    System,
}

impl Partition {
    /// The bytes that stand before each row key of this partition: prefix-free, so partitions never overlap.
    ///
    /// First bytes below `a` are the engines' own.
    pub fn prefix(&self) -> Vec<u8> {
        match self {
            Self::Names => vec![b'n'],
            Self::Org => vec![b'o'],
            Self::Iam(account) => [b"i".as_slice(), &account.as_u64().to_be_bytes()].concat(),
            Self::Account(account) => [b"a".as_slice(), &account.as_u64().to_be_bytes()].concat(),
            Self::Bucket(bucket) => [b"b".as_slice(), bucket.as_bytes()].concat(),
            Self::System => vec![b's'],
        }
    }

    /// The partition whose rows have keys like `key` (as [`Self::prefix`] writes them), and its rows' part of the key.
    pub fn split(key: &[u8]) -> Option<(Self, &[u8])> {
        let (kind, rest) = key.split_first()?;
        Some(match kind {
            b'n' => (Self::Names, rest),
            b'o' => (Self::Org, rest),
            b's' => (Self::System, rest),
            b'i' | b'a' => {
                let (account, rest) = rest.split_first_chunk::<8>()?;
                let account = AccountId::parse(&format!("{:012}", u64::from_be_bytes(*account))).ok()?;
                (if *kind == b'i' { Self::Iam(account) } else { Self::Account(account) }, rest)
            }
            b'b' => {
                let (bucket, rest) = rest.split_first_chunk::<16>()?;
                (Self::Bucket(BucketId::from_bytes(*bucket)), rest)
            }
            _ => return None,
        })
    }
}

/// The place of a commit in the order of all commits of a store. Grows by at least one with each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Position(pub u64);

/// Which commit wrote a row: equal only while the row is untouched.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RowVersion(pub u64);

/// A row as read by key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The commit that wrote it.
    pub version: RowVersion,
    /// Its value; may be empty.
    pub value: Bytes,
}

/// A row as met in a scan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Key within the partition.
    pub key: Bytes,
    /// The row.
    pub row: Row,
}

/// Which end of a range a scan starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// What must hold for a batch to be committed. All of them, at one instant, or nothing is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Precondition {
    /// No row has this key.
    RowAbsent(Vec<u8>),
    /// The row with this key was written by this commit.
    RowIs(Vec<u8>, RowVersion),
    /// No row lies in this range.
    RangeEmpty(Range<Vec<u8>>),
}

/// A change of one row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Write {
    /// Sets the row.
    Put {
        /// Key within the partition.
        key: Vec<u8>,
        /// New value.
        value: Vec<u8>,
    },
    /// Removes the row, if there is one.
    Delete {
        /// Key within the partition.
        key: Vec<u8>,
    },
    /// Sets a row whose key is `prefix` followed by the commit's [`Position`] (8 bytes, big endian) and, so that one
    /// batch may append several, its place among the batch's appends (4 bytes, big endian).
    Append {
        /// Key before the position.
        prefix: Vec<u8>,
        /// Value.
        value: Vec<u8>,
    },
}

/// Everything that becomes durable and visible together.
pub struct Batch {
    /// The partition that all keys lie in.
    pub partition: Partition,
    /// Checked first, all of them.
    pub preconditions: Vec<Precondition>,
    /// Applied in order; a later write of the same key wins.
    pub writes: Vec<Write>,
    /// Staged blobs that become visible with this commit.
    pub blobs: Vec<StagedBlob>,
    /// Blobs that no row names any more once this commit is through; their space is reclaimed later.
    pub released: Vec<BlobId>,
    /// Records (sealed) that become durable with this commit, in order.
    pub records: Vec<Vec<u8>>,
    /// This commit frees space, or keeps order (deletes, aborts, archiving), and goes on while the disk is nearly
    /// full. Batches of records alone always do.
    pub frees_space: bool,
}

impl Batch {
    /// An empty batch for `partition`.
    pub fn new(partition: Partition) -> Self {
        Self {
            partition,
            preconditions: Vec::new(),
            writes: Vec::new(),
            blobs: Vec::new(),
            released: Vec::new(),
            records: Vec::new(),
            frees_space: false,
        }
    }

    /// Adds a [`Write::Put`].
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.writes.push(Write::Put { key: key.into(), value: value.into() });
        self
    }

    /// Adds a [`Write::Delete`].
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) -> &mut Self {
        self.writes.push(Write::Delete { key: key.into() });
        self
    }

    /// Adds a precondition.
    pub fn require(&mut self, precondition: Precondition) -> &mut Self {
        self.preconditions.push(precondition);
        self
    }
}

/// What a commit came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// Its place in the order of commits; every row that it put has `RowVersion(position.0)`.
    pub position: Position,
}

/// Sealed bytes that lie durable under a random id, but that no commit has named yet: invisible, and swept away when
/// the last handle is dropped uncommitted, or after a crash. A handle can be cloned, so that a commit which met a
/// conflict can be tried again.
#[derive(Clone)]
pub struct StagedBlob {
    id: BlobId,
    sealed_bytes: u64,
    engine: Arc<dyn std::any::Any + Send + Sync>,
}

impl StagedBlob {
    /// For engines: a blob with whatever the engine needs to commit or to remove it. The engine's part removes the
    /// bytes when it is dropped uncommitted.
    pub fn new(id: BlobId, sealed_bytes: u64, engine: Arc<dyn std::any::Any + Send + Sync>) -> Self {
        Self { id, sealed_bytes, engine }
    }

    /// The id under which the blob can be read once committed.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// Length of the sealed bytes.
    pub fn sealed_bytes(&self) -> u64 {
        self.sealed_bytes
    }

    /// For engines: the part they put in.
    pub fn into_engine(self) -> Arc<dyn std::any::Any + Send + Sync> {
        self.engine
    }
}

impl fmt::Debug for StagedBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StagedBlob({}, {} bytes)", self.id, self.sealed_bytes)
    }
}

/// Why a store did not do as asked. The kinds are those on which callers act differently.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A precondition did not hold; nothing was written. Read again, decide again.
    #[error("a row that the commit relied on has changed")]
    Conflict,
    /// The commit's outcome is not known (never said by engine `local` while it runs): read back before retrying.
    #[error("the outcome of the commit is not known")]
    Unknown,
    /// No room for writes; reads and deletes go on.
    #[error("the disk is full: {free_bytes} bytes are free, writes stop below {low_water_bytes}")]
    DiskFull {
        /// Free bytes at the last look.
        free_bytes: u64,
        /// Bytes under which writes stop.
        low_water_bytes: u64,
    },
    /// A write or sync failed; the store acknowledges nothing more until it is restarted.
    #[error("the store stopped writing after a failed disk operation: {reason}")]
    Poisoned {
        /// The operation and its error, without paths.
        reason: Arc<str>,
    },
    /// The queue of commits is full. Try again.
    #[error("too many commits are waiting")]
    Busy,
    /// Bytes on disk are not those that were written. Never served.
    #[error("stored bytes are damaged: {what}")]
    Corrupt {
        /// Which structure.
        what: Arc<str>,
    },
    /// No blob has this id.
    #[error("no blob has the id {0}")]
    NoSuchBlob(BlobId),
    /// The batch breaks a limit of the store (see [`MAX_KEY_BYTES`], [`MAX_COMMIT_BYTES`]): a mistake of the caller's.
    #[error("{what} is larger than the store takes: at most {most_bytes} bytes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit.
        most_bytes: u64,
    },
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
}

/// Whether a store takes writes, and whether it can keep records.
#[derive(Debug, Clone)]
pub enum StoreHealth {
    /// All is well.
    Ready,
    /// Reads go on, recorded; writes answer with the error.
    ReadOnly(StoreError),
    /// Not even records can be kept: nothing may be served.
    Down(StoreError),
}

/// Rows, and the one durable step.
#[async_trait]
pub trait MetaStore: Send + Sync {
    /// Reads one row; sees every commit acknowledged before the call.
    async fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Row>, StoreError>;

    /// Reads up to `limit` rows of `range`, in order from the end that `direction` names, at one instant.
    async fn scan(
        &self,
        partition: Partition,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Entry>, StoreError>;

    /// Checks the preconditions and makes rows, blobs and records durable and visible, all or nothing.
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError>;

    /// Whether writes and records are possible now.
    fn health(&self) -> StoreHealth;
}

/// Takes the sealed bytes of one blob.
#[async_trait]
pub trait BlobWriter: Send {
    /// Appends bytes.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;

    /// Makes the bytes durable (or leaves small ones to travel in the commit).
    async fn finish(self: Box<Self>) -> Result<StagedBlob, StoreError>;
}

/// Immutable sealed bytes under random ids.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Starts a blob under `id` (fresh and random). `expected_bytes`, when known, lets small blobs skip a file.
    async fn stage(&self, id: BlobId, expected_bytes: Option<u64>)
    -> Result<Box<dyn BlobWriter>, StoreError>;

    /// Reads `range` of the sealed bytes of a committed blob: at most [`MAX_READ_BYTES`] at a time, all of it
    /// or an error.
    async fn read(&self, id: BlobId, range: Range<u64>) -> Result<Bytes, StoreError>;

    /// As [`read`](Self::read), into a buffer that the caller has; what it held is lost. Its room is used where that
    /// suffices.
    async fn read_into(
        &self,
        id: BlobId,
        range: Range<u64>,
        mut buffer: Vec<u8>,
    ) -> Result<Vec<u8>, StoreError> {
        let bytes = self.read(id, range).await?;
        buffer.clear();
        buffer.extend_from_slice(&bytes);
        Ok(buffer)
    }

    /// Length of the sealed bytes of a committed blob.
    async fn len(&self, id: BlobId) -> Result<u64, StoreError>;
}

/// Longest row key within a partition.
pub const MAX_KEY_BYTES: usize = 4096;

/// Most bytes of rows, inline blobs and records that one commit may carry.
pub const MAX_COMMIT_BYTES: u64 = 16 << 20;

/// All keys that begin with `prefix`, as a range to scan. An empty prefix gives every key of a partition.
pub fn prefix_range(prefix: &[u8]) -> Range<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.last_mut() {
        if let Some(next) = last.checked_add(1) {
            *last = next;
            return prefix.to_vec()..end;
        }
        end.pop();
    }
    prefix.to_vec()..vec![0xff; MAX_KEY_BYTES + 1]
}

/// Most bytes that one [`BlobStore::read`] may ask for.
pub const MAX_READ_BYTES: u64 = 4 << 20;

/// Records in the order of their commits.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Makes records durable without a mutation; returns when they are.
    async fn append(&self, records: Vec<Vec<u8>>) -> Result<Position, StoreError>;

    /// Reads up to `limit` records behind `after` (`None`: from the oldest kept), in order, none skipped. A position
    /// may carry several records; they are never split over two calls.
    async fn read(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<(Position, Vec<Bytes>)>, StoreError>;

    /// Forgets the records up to and including `through`. Only the archiver calls this.
    async fn trim(&self, through: Position) -> Result<(), StoreError>;

    /// The last position that is durable.
    fn tail(&self) -> Position;
}

/// The store clock: never behind the last commit, whatever the wall clock says.
pub trait StoreClock: Send + Sync {
    /// max(wall clock, time of the last frame + 1 ms).
    fn now(&self) -> Timestamp;

    /// How far the wall clock is behind the store clock, if by more than five minutes (readiness is false then).
    fn lag(&self) -> Option<std::time::Duration>;
}
