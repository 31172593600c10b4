//! The files that an earlier version wrote: every later one opens them.
//!
//! `tests/fixtures/format-1` holds a small data directory without its empty folders, and beside it `expected.txt`, which
//! says what was put into it. To make both anew, when the format changes before there is a release:
//!
//! ```sh
//! STRONGROOM_WRITE_FIXTURE=$PWD/crates/storage/tests/fixtures/format-1 cargo test -p strongroom-storage --lib format_tests
//! ```

use std::collections::BTreeMap;

use strongroom_types::BucketId;

use super::tests::{copy, open_faulty, options};
use super::*;
use crate::conformance::stage;
use crate::contract::{Write, prefix_range};
use crate::memory::append_key;
use crate::verify::Verifier;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/format-1");

/// What lies in a store.
#[derive(Default)]
struct Content {
    /// Full key → version and value.
    rows: BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
    /// Whether it has a file of its own, and its bytes.
    blobs: BTreeMap<BlobId, (bool, Vec<u8>)>,
    records: BTreeMap<u64, Vec<Vec<u8>>>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Content {
    /// Reads everything that is in `store`.
    async fn of(store: &LocalStore) -> Self {
        let mut content = Self::default();
        for partition in store.partitions().unwrap() {
            let rows =
                store.scan(partition, prefix_range(b""), usize::MAX, Direction::Forward).await.unwrap();
            for Entry { key, row } in rows {
                let key = [partition.prefix(), key.to_vec()].concat();
                content.rows.insert(key, (row.version.0, row.value.to_vec()));
            }
        }
        for info in store.blob_ids(None, usize::MAX).unwrap() {
            let bytes = BlobStore::read(store, info.id, 0..info.sealed_bytes).await.unwrap();
            content.blobs.insert(info.id, (info.has_file, bytes.to_vec()));
        }
        for (position, records) in Journal::read(store, None, usize::MAX).await.unwrap() {
            content.records.insert(position.0, records.iter().map(|record| record.to_vec()).collect());
        }
        content
    }

    /// A line for each row, blob and record; long values by their length and CRC32C.
    fn lines(&self) -> String {
        let shown = |bytes: &[u8]| match bytes.len() {
            0..=64 => format!("={}", hex(bytes)),
            length => format!("{length} bytes, CRC32C {:08x}", crc32c::crc32c(bytes)),
        };
        let mut lines = String::new();
        for (key, (version, value)) in &self.rows {
            lines.push_str(&format!("row {} of {version}: {}\n", hex(key), shown(value)));
        }
        for (id, (has_file, bytes)) in &self.blobs {
            let place = if *has_file { "file" } else { "log" };
            lines.push_str(&format!("blob {id} in {place}: {}\n", shown(bytes)));
        }
        for (position, records) in &self.records {
            for record in records {
                lines.push_str(&format!("record of {position}: {}\n", shown(record)));
            }
        }
        lines
    }

    /// Commits a batch with blobs of these bytes, and notes what must be there then.
    async fn commit(&mut self, store: &LocalStore, mut batch: Batch, blobs: &[(BlobId, Vec<u8>)]) {
        for (id, bytes) in blobs {
            batch.blobs.push(stage(store, *id, bytes, true).await);
        }
        let noted = (batch.partition, batch.writes.clone(), batch.released.clone(), batch.records.clone());
        let position = store.commit(batch).await.unwrap().position.0;
        self.note(position, noted, blobs);
    }

    fn note(
        &mut self,
        position: u64,
        (partition, writes, released, records): (Partition, Vec<Write>, Vec<BlobId>, Vec<Vec<u8>>),
        blobs: &[(BlobId, Vec<u8>)],
    ) {
        let full = |key: &[u8]| [partition.prefix(), key.to_vec()].concat();
        let mut appends = 0..;
        for write in writes {
            match write {
                Write::Put { key, value } => {
                    self.rows.insert(full(&key), (position, value));
                }
                Write::Delete { key } => {
                    self.rows.remove(&full(&key));
                }
                Write::Append { prefix, value } => {
                    let key = append_key(&prefix, position, appends.next().unwrap());
                    self.rows.insert(full(&key), (position, value));
                }
            }
        }
        for id in released {
            self.blobs.remove(&id);
        }
        for (id, bytes) in blobs {
            self.blobs.insert(*id, (bytes.len() as u64 > INLINE_BYTES, bytes.clone()));
        }
        if !records.is_empty() {
            self.records.insert(position, records);
        }
    }

    async fn append(&mut self, store: &LocalStore, records: Vec<Vec<u8>>) {
        let position = store.append(records.clone()).await.unwrap();
        self.records.insert(position.0, records);
    }
}

const INLINE_BYTES: u64 = 2_000;

fn id(number: u64) -> BlobId {
    BlobId::from_bytes((u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | 1).to_be_bytes())
}

fn bytes(number: u64, length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at * 7 + number * 31 + at / 256).to_be_bytes()[7]).collect()
}

fn bucket() -> Partition {
    Partition::Bucket(BucketId::from_bytes([0xb0; 16]))
}

/// An object as the S3 service keeps it: the row of the current version, one of each version, a blob.
fn object(name: &str, version: u64, blob: u64) -> Batch {
    let mut batch = Batch::new(bucket());
    let key = |kind: u8| [&[kind], name.as_bytes(), &[0, 1]].concat();
    batch.put(key(b'k'), bytes(version, 40));
    batch.put([key(b'v'), (!version).to_be_bytes().to_vec()].concat(), id(blob).as_bytes().to_vec());
    batch.records.push(format!("put {name} {version}").into_bytes());
    batch
}

/// Puts something of every kind into a new data directory, as little as does it.
async fn write(directory: &Path) -> Content {
    let mut options = options();
    options.inline_bytes = INLINE_BYTES;
    options.segment_bytes = 2_500;
    options.reserve_bytes = 16_384;
    options.release_grace = Duration::ZERO;
    let (store, faults) = open_faulty(directory, options);
    let mut content = Content::default();

    // Partitions, keys and values at their edges.
    for place in [Partition::Names, Partition::Org, Partition::System, bucket()] {
        let mut batch = Batch::new(place);
        batch.put(b"".as_slice(), b"under an empty key".as_slice());
        batch.put([0, 0xff].as_slice(), b"".as_slice()).put(vec![0xff; 20], vec![0; 70]);
        batch.put(b"goes".as_slice(), b"soon".as_slice());
        content.commit(&store, batch, &[]).await;
    }
    let mut batch = Batch::new(bucket());
    batch.delete(b"goes".as_slice());
    batch.writes.push(Write::Append { prefix: b"change|".to_vec(), value: b"first".to_vec() });
    batch.writes.push(Write::Append { prefix: b"change|".to_vec(), value: b"second".to_vec() });
    content.commit(&store, batch, &[]).await;

    // A blob that will be alive when its segment dies.
    content.commit(&store, object("kept", 1, 80), &[(id(80), bytes(80, 50))]).await;
    // Objects with versions, overwritten and deleted, and records, over several segments and tables.
    for round in 0..6 {
        for number in 0..4 {
            let blob = round * 4 + number;
            let length = [0, 1, 700, INLINE_BYTES + 400][usize::try_from(number).unwrap()];
            let mut batch = object(&format!("folder/{number}"), round, blob);
            // Of all but the last two versions only the rows stay.
            batch.released.extend((round > 1).then(|| id(blob - 8)));
            let blob = [(id(blob), bytes(blob, usize::try_from(length).unwrap()))];
            content.commit(&store, batch, &blob).await;
        }
        content.append(&store, vec![b"read".to_vec(), bytes(round, 90)]).await;
        store.checkpoint().await.unwrap();
    }
    // Records go, and with them segments; blobs that are alive move out of them.
    let trimmed = *content.records.keys().nth(18).unwrap();
    store.trim(Position(trimmed)).await.unwrap();
    content.records.retain(|position, _| *position > trimmed);
    for _ in 0..3 {
        store.reclaim().await.unwrap();
        store.checkpoint().await.unwrap();
    }

    // What is in the log only, at last a frame whose sync failed, and records in the emergency log.
    content.commit(&store, object("in the log", 1, 90), &[(id(90), bytes(90, 300))]).await;
    let mut batch = Batch::new(bucket());
    batch.delete(b"kfolder/0\0\x01".as_slice());
    batch.released.push(id(20));
    content.commit(&store, batch, &[]).await;
    faults.sync.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut doubtful = Batch::new(Partition::Org);
    doubtful.put(b"doubtful".as_slice(), b"but there".as_slice());
    let noted = (doubtful.partition, doubtful.writes.clone(), Vec::new(), Vec::new());
    let position = store.tail().0 + 1;
    assert!(store.commit(doubtful).await.is_err());
    content.note(position, noted, &[]);
    content.append(&store, vec![b"when nothing could be written any more".to_vec()]).await;
    content
}

async fn opens_as_expected(directory: &Path, expected: &str) {
    for looks in [true, false] {
        let scratch = tempfile::tempdir().unwrap();
        copy(directory, scratch.path());
        let opened = if looks {
            LocalStore::open_to_look(scratch.path(), options())
        } else {
            LocalStore::open(scratch.path(), options())
        };
        let store = opened.unwrap();
        let found = Content::of(&store).await.lines();
        for (found, expected) in found.lines().zip(expected.lines()) {
            assert_eq!(found, expected);
        }
        assert_eq!(found.lines().count(), expected.lines().count());
        // It goes on, too.
        store.commit(object("new", 1, 91)).await.unwrap();
        store.checkpoint().await.unwrap();
        store.reclaim().await.unwrap();
        drop(store);
        let verifier = Verifier::open(scratch.path(), options()).unwrap();
        let mut findings = Vec::new();
        let looked = verifier.run(|_| {}, |finding| findings.push(finding)).unwrap();
        assert_eq!((findings, looked.blobs), (vec![], count(expected, "blob ")));
        assert!(Content::of(verifier.store()).await.lines().lines().count() > expected.lines().count());
    }
}

fn count(expected: &str, kind: &str) -> u64 {
    expected.lines().filter(|line| line.starts_with(kind)).count() as u64
}

/// Everything that a directory should show an opener lies in it.
fn holds_every_kind(directory: &Path, expected: &str) {
    let names = |part: &str| -> Vec<String> {
        let entries = std::fs::read_dir(directory.join(part)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let mut segments = names("log");
    segments.sort();
    assert!(segments.len() > 2 && segments[0] != format!("{:016x}.seg", 1), "{segments:?}: none has gone");
    assert!(!names("index/tables").is_empty());
    let moved = format!("blob {} in log", id(80));
    for kind in [" in log: =\n", " in file: ", "record ", &hex(b"doubtful"), &moved] {
        assert!(expected.contains(kind), "{kind}");
    }
}

#[tokio::test]
async fn what_the_first_format_wrote_is_read_for_ever() {
    let fixture = Path::new(FIXTURE);
    let expected = std::fs::read_to_string(fixture.join("expected.txt")).unwrap();
    holds_every_kind(&fixture.join("data"), &expected);
    opens_as_expected(&fixture.join("data"), &expected).await;
}

/// With a directory given, this makes the fixture.
#[tokio::test]
async fn what_is_written_today_is_read_the_same_way() {
    let scratch = tempfile::tempdir().unwrap();
    let expected = write(scratch.path()).await.lines();
    holds_every_kind(scratch.path(), &expected);
    opens_as_expected(scratch.path(), &expected).await;
    if let Some(fixture) = std::env::var_os("STRONGROOM_WRITE_FIXTURE").map(PathBuf::from) {
        let data = fixture.join("data");
        if data.exists() {
            std::fs::remove_dir_all(&data).unwrap();
        }
        copy(scratch.path(), &data);
        std::fs::remove_file(data.join("LOCK")).unwrap();
        for folder in std::fs::read_dir(data.join("blobs")).unwrap() {
            // Goes if it is empty.
            let _ = std::fs::remove_dir(folder.unwrap().path());
        }
        std::fs::write(fixture.join("expected.txt"), expected).unwrap();
    }
}
