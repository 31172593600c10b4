//! A decorator that seals row values and records on their way to any engine.
//!
//! Row keys stay plain: the engine orders by them. A value is bound to its partition and row key, so that a value edited
//! on disk, or put under another key, does not open; what does not open is [`StoreError::Corrupt`], never served.
//!
//! Stored form of a value: a mark, then what [`RowCipher::seal`] gave. The mark says what the value is bound to: `1` its
//! whole key, `2` (of [`Write::Append`], whose key ends in a position that nobody knows while sealing) the key without
//! its last 12 bytes, with `+` after the partition so that the two can never stand for each other. Rows appended under
//! one prefix could therefore be swapped on disk among themselves: whoever minds puts what orders them into the value.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::contract::{
    Batch, Committed, Direction, Entry, Journal, MetaStore, Partition, Position, Row, StoreError,
    StoreHealth, Write,
};

/// A sealed value does not open: it was changed, moved, or sealed under a key that is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open")]
pub struct CipherError;

/// Seals and opens small values. Implemented over the installation's epoch keys.
pub trait RowCipher: Send + Sync {
    /// Seals a row's value for `key` in `partition` (both authenticated, neither secret).
    fn seal(&self, partition: &[u8], key: &[u8], plaintext: &[u8]) -> Vec<u8>;

    /// Opens what [`seal`](Self::seal) made for this very place.
    ///
    /// # Errors
    /// [`CipherError`] otherwise.
    fn open(&self, partition: &[u8], key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CipherError>;

    /// Seals a record of the journal.
    fn seal_record(&self, plaintext: &[u8]) -> Vec<u8>;

    /// Opens a record of the journal.
    ///
    /// # Errors
    /// [`CipherError`] if it is none.
    fn open_record(&self, sealed: &[u8]) -> Result<Vec<u8>, CipherError>;
}

const WHOLE_KEY: u8 = 1;
const APPENDED: u8 = 2;
/// What [`Write::Append`] puts behind its prefix: position and place.
const APPENDED_BYTES: usize = 12;

/// An engine's rows and records, sealed.
#[derive(Clone)]
pub struct SealedStore {
    rows: Arc<dyn MetaStore>,
    journal: Arc<dyn Journal>,
    cipher: Arc<dyn RowCipher>,
}

impl SealedStore {
    /// Seals what goes to `rows` and `journal`.
    pub fn new(rows: Arc<dyn MetaStore>, journal: Arc<dyn Journal>, cipher: Arc<dyn RowCipher>) -> Self {
        Self { rows, journal, cipher }
    }

    fn seal_write(&self, partition: &[u8], write: Write) -> Write {
        match write {
            Write::Put { key, value } => {
                let value = marked(WHOLE_KEY, &self.cipher.seal(partition, &key, &value));
                Write::Put { key, value }
            }
            Write::Append { prefix, value } => {
                let value = marked(APPENDED, &self.cipher.seal(&appended(partition), &prefix, &value));
                Write::Append { prefix, value }
            }
            Write::Delete { key } => Write::Delete { key },
        }
    }

    fn open_row(&self, partition: &[u8], key: &[u8], row: &Row) -> Result<Row, StoreError> {
        let opened = match row.value.split_first() {
            Some((&WHOLE_KEY, sealed)) => self.cipher.open(partition, key, sealed),
            Some((&APPENDED, sealed)) => {
                let prefix = key.len().checked_sub(APPENDED_BYTES).and_then(|end| key.get(..end));
                prefix
                    .ok_or(CipherError)
                    .and_then(|prefix| self.cipher.open(&appended(partition), prefix, sealed))
            }
            Some(_) | None => Err(CipherError),
        };
        match opened {
            Ok(value) => Ok(Row { version: row.version, value: value.into() }),
            Err(CipherError) => Err(StoreError::Corrupt { what: "a row's sealed value".into() }),
        }
    }
}

fn marked(mark: u8, sealed: &[u8]) -> Vec<u8> {
    [&[mark], sealed].concat()
}

fn appended(partition: &[u8]) -> Vec<u8> {
    [partition, b"+"].concat()
}

#[async_trait]
impl MetaStore for SealedStore {
    async fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Row>, StoreError> {
        let row = self.rows.get(partition, key).await?;
        row.map(|row| self.open_row(&partition.prefix(), key, &row)).transpose()
    }

    async fn scan(
        &self,
        partition: Partition,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Entry>, StoreError> {
        let prefix = partition.prefix();
        let found = self.rows.scan(partition, range, limit, direction).await?;
        found
            .into_iter()
            .map(|Entry { key, row }| Ok(Entry { row: self.open_row(&prefix, &key, &row)?, key }))
            .collect()
    }

    async fn commit(&self, mut batch: Batch) -> Result<Committed, StoreError> {
        let partition = batch.partition.prefix();
        batch.writes = batch.writes.into_iter().map(|write| self.seal_write(&partition, write)).collect();
        batch.records = batch.records.iter().map(|record| self.cipher.seal_record(record)).collect();
        self.rows.commit(batch).await
    }

    fn health(&self) -> StoreHealth {
        self.rows.health()
    }
}

#[async_trait]
impl Journal for SealedStore {
    async fn append(&self, records: Vec<Vec<u8>>) -> Result<Position, StoreError> {
        self.journal.append(records.iter().map(|record| self.cipher.seal_record(record)).collect()).await
    }

    async fn read(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<(Position, Vec<Bytes>)>, StoreError> {
        let open = |sealed: &Bytes| match self.cipher.open_record(sealed) {
            Ok(record) => Ok(Bytes::from(record)),
            Err(CipherError) => Err(StoreError::Corrupt { what: "a sealed record".into() }),
        };
        let found = self.journal.read(after, limit).await?;
        found
            .into_iter()
            .map(|(position, records)| Ok((position, records.iter().map(open).collect::<Result<_, _>>()?)))
            .collect()
    }

    async fn trim(&self, through: Position) -> Result<(), StoreError> {
        self.journal.trim(through).await
    }

    fn tail(&self) -> Position {
        self.journal.tail()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use strongroom_types::{BlobId, Timestamp};

    use super::*;
    use crate::conformance::{self, Harness};
    use crate::contract::{BlobStore, BlobWriter, StoreClock, prefix_range};
    use crate::memory::MemoryStore;

    /// Not a cipher: it hides nothing, but binds as one does.
    struct Checksum;

    fn sum(parts: &[&[u8]]) -> [u8; 4] {
        parts
            .iter()
            .fold(0, |sum, part| crc32c::crc32c_append(crc32c::crc32c_append(sum, part), b"|"))
            .to_be_bytes()
    }

    impl RowCipher for Checksum {
        fn seal(&self, partition: &[u8], key: &[u8], plaintext: &[u8]) -> Vec<u8> {
            [&sum(&[partition, key, plaintext])[..], plaintext].concat()
        }

        fn open(&self, partition: &[u8], key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CipherError> {
            let (tag, plaintext) = sealed.split_first_chunk::<4>().ok_or(CipherError)?;
            (*tag == sum(&[partition, key, plaintext])).then(|| plaintext.to_vec()).ok_or(CipherError)
        }

        fn seal_record(&self, plaintext: &[u8]) -> Vec<u8> {
            self.seal(b"record", b"", plaintext)
        }

        fn open_record(&self, sealed: &[u8]) -> Result<Vec<u8>, CipherError> {
            self.open(b"record", b"", sealed)
        }
    }

    #[derive(Clone)]
    struct Both(SealedStore, MemoryStore);

    fn both() -> Both {
        let memory = MemoryStore::at(Timestamp::from_secs(1));
        Both(SealedStore::new(Arc::new(memory.clone()), Arc::new(memory.clone()), Arc::new(Checksum)), memory)
    }

    #[async_trait]
    impl MetaStore for Both {
        async fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Row>, StoreError> {
            self.0.get(partition, key).await
        }
        async fn scan(
            &self,
            partition: Partition,
            range: Range<Vec<u8>>,
            limit: usize,
            direction: Direction,
        ) -> Result<Vec<Entry>, StoreError> {
            self.0.scan(partition, range, limit, direction).await
        }
        async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
            self.0.commit(batch).await
        }
        fn health(&self) -> StoreHealth {
            self.0.health()
        }
    }

    #[async_trait]
    impl Journal for Both {
        async fn append(&self, records: Vec<Vec<u8>>) -> Result<Position, StoreError> {
            self.0.append(records).await
        }
        async fn read(
            &self,
            after: Option<Position>,
            limit: usize,
        ) -> Result<Vec<(Position, Vec<Bytes>)>, StoreError> {
            Journal::read(&self.0, after, limit).await
        }
        async fn trim(&self, through: Position) -> Result<(), StoreError> {
            self.0.trim(through).await
        }
        fn tail(&self) -> Position {
            self.0.tail()
        }
    }

    #[async_trait]
    impl BlobStore for Both {
        async fn stage(&self, id: BlobId, expected: Option<u64>) -> Result<Box<dyn BlobWriter>, StoreError> {
            self.1.stage(id, expected).await
        }
        async fn read(&self, id: BlobId, range: Range<u64>) -> Result<Bytes, StoreError> {
            BlobStore::read(&self.1, id, range).await
        }
        async fn len(&self, id: BlobId) -> Result<u64, StoreError> {
            BlobStore::len(&self.1, id).await
        }
    }

    impl StoreClock for Both {
        fn now(&self) -> Timestamp {
            self.1.now()
        }
        fn lag(&self) -> Option<Duration> {
            self.1.lag()
        }
    }

    struct SealedHarness;

    #[async_trait]
    impl Harness for SealedHarness {
        type Store = Both;
        async fn fresh(&self) -> Both {
            both()
        }
        async fn reopen(&self, store: Both) -> Both {
            store
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_sealed_store_keeps_the_contracts() {
        conformance::all(&SealedHarness).await;
    }

    #[tokio::test]
    async fn a_value_that_was_changed_or_moved_is_never_served() {
        let Both(sealed, memory) = both();
        let place = Partition::Names;
        let mut batch = Batch::new(place);
        batch.put(b"a".as_slice(), b"one".as_slice()).put(b"b".as_slice(), b"two".as_slice());
        batch.writes.push(Write::Append { prefix: b"c".to_vec(), value: b"three".to_vec() });
        sealed.commit(batch).await.unwrap();
        let all = memory.scan(place, prefix_range(b""), 9, Direction::Forward).await.unwrap();
        assert!(all.iter().all(|entry| entry.row.value.len() > 5));

        for (from, to) in [(0, 1), (0, 2), (2, 0)] {
            let stored = &all[from].row.value;
            let mut marks = vec![stored.to_vec(), stored.to_vec(), Vec::new()];
            marks[1][0] ^= 3;
            for value in marks {
                let mut tamper = Batch::new(place);
                tamper.put(all[to].key.to_vec(), value);
                memory.commit(tamper).await.unwrap();
                assert!(matches!(sealed.get(place, &all[to].key).await, Err(StoreError::Corrupt { .. })));
                let scanned = sealed.scan(place, prefix_range(b""), 9, Direction::Forward).await;
                assert!(matches!(scanned, Err(StoreError::Corrupt { .. })));
            }
            let mut restore = Batch::new(place);
            restore.put(all[to].key.to_vec(), all[to].row.value.to_vec());
            memory.commit(restore).await.unwrap();
            sealed.get(place, &all[to].key).await.unwrap().unwrap();
        }
        memory.append(vec![b"forged".to_vec()]).await.unwrap();
        assert!(matches!(Journal::read(&sealed, None, 9).await, Err(StoreError::Corrupt { .. })));
    }
}
