//! Random operations on the engine and on the reference in memory: they may never differ. A failure prints the
//! operations, shrunk, and the seed that finds them again.

use std::collections::BTreeMap;

use proptest::prelude::*;
use strongroom_types::Timestamp;

use super::*;
use crate::conformance::stage;
use crate::contract::{Precondition, RowVersion, Write, prefix_range};
use crate::memory::MemoryStore;

#[derive(Clone, Debug)]
enum Change {
    Put(u8, u16),
    Delete(u8),
    Append,
}

#[derive(Clone, Debug)]
enum Demand {
    Absent(u8),
    /// The version that the row has, or one too many.
    Unchanged(u8, bool),
    Empty(u8, u8),
}

#[derive(Clone, Debug)]
enum Step {
    Commit {
        changes: Vec<Change>,
        demands: Vec<Demand>,
        blob: Option<u32>,
        release: bool,
        records: u8,
    },
    Append(u8),
    Trim(u8),
    Scan(u8, u8, u8, bool),
    Reopen,
    Checkpoint,
    /// A backup is taken, the store goes on for a while, and then the backup is restored in its place.
    Restore,
}

fn some_step() -> impl Strategy<Value = Step> {
    let key = 0..12_u8;
    let change = prop_oneof![
        4 => (key.clone(), 0..600_u16).prop_map(|(key, size)| Change::Put(key, size)),
        2 => key.clone().prop_map(Change::Delete),
        1 => Just(Change::Append),
    ];
    let demand = prop_oneof![
        key.clone().prop_map(Demand::Absent),
        (key.clone(), prop::bool::weighted(0.2)).prop_map(|(key, wrong)| Demand::Unchanged(key, wrong)),
        (key.clone(), key.clone()).prop_map(|(from, to)| Demand::Empty(from, to)),
    ];
    let blob = prop::option::weighted(0.4, prop_oneof![4 => 0..3000_u32, 1 => 262_000..300_000_u32]);
    prop_oneof![
        36 => (
            prop::collection::vec(change, 0..5),
            prop::collection::vec(demand, 0..2),
            blob,
            any::<bool>(),
            0..3_u8,
        )
            .prop_map(|(changes, demands, blob, release, records)| Step::Commit { changes, demands, blob, release, records }),
        6 => (0..4_u8).prop_map(Step::Append),
        3 => any::<u8>().prop_map(Step::Trim),
        12 => (key.clone(), key, 0..20_u8, any::<bool>()).prop_map(|(from, to, limit, forward)| Step::Scan(from, to, limit, forward)),
        3 => Just(Step::Reopen),
        3 => Just(Step::Checkpoint),
        1 => Just(Step::Restore),
    ]
}

const PLACES: [Partition; 2] = [Partition::Names, Partition::Org];

/// Both stores, and what both must hold.
struct Pair {
    local: Option<LocalStore>,
    memory: MemoryStore,
    directory: tempfile::TempDir,
    options: Options,
    /// Committed blobs → length.
    blobs: BTreeMap<u64, u32>,
    released: Vec<u64>,
    next_blob: u64,
}

fn blob_id(number: u64) -> BlobId {
    BlobId::from_bytes((u128::from(number) << 64 | u128::from(number)).to_be_bytes())
}

fn blob_bytes(number: u64, length: u32) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((u64::from(at) * 7 + number) % 251).unwrap()).collect()
}

impl Pair {
    fn local(&self) -> &LocalStore {
        self.local.as_ref().unwrap()
    }

    async fn step(&mut self, at: usize, step: &Step) {
        let place = PLACES[at % 2];
        match step {
            Step::Commit { changes, demands, blob, release, records } => {
                let mut batches = [Batch::new(place), Batch::new(place)];
                let mut demanded = Vec::new();
                for demand in demands {
                    demanded.push(match *demand {
                        Demand::Absent(key) => Precondition::RowAbsent(vec![key]),
                        Demand::Unchanged(key, wrong) => {
                            let row = self.memory.get(place, &[key]).await.unwrap();
                            let version = row.map_or(0, |row| row.version.0) + u64::from(wrong);
                            Precondition::RowIs(vec![key], RowVersion(version))
                        }
                        Demand::Empty(from, to) => Precondition::RangeEmpty(vec![from]..vec![to]),
                    });
                }
                let fresh = blob.map(|length| (self.next_blob, length));
                self.next_blob += 1;
                let gone = release.then(|| self.blobs.keys().next().copied()).flatten();
                for (which, batch) in batches.iter_mut().enumerate() {
                    batch.preconditions.clone_from(&demanded);
                    for change in changes {
                        batch.writes.push(match *change {
                            Change::Put(key, size) => {
                                Write::Put { key: vec![key], value: vec![key; size.into()] }
                            }
                            Change::Delete(key) => Write::Delete { key: vec![key] },
                            Change::Append => Write::Append { prefix: vec![200], value: vec![1] },
                        });
                    }
                    batch.records = (0..*records).map(|n| vec![n; at % 90]).collect();
                    batch.released.extend(gone.map(blob_id));
                    if let Some((number, length)) = fresh {
                        let bytes = blob_bytes(number, length);
                        let staged = if which == 0 {
                            stage(self.local(), blob_id(number), &bytes, at.is_multiple_of(3)).await
                        } else {
                            stage(&self.memory, blob_id(number), &bytes, false).await
                        };
                        batch.blobs.push(staged);
                    }
                }
                let [ours, theirs] = batches;
                let (ours, theirs) = (self.local().commit(ours).await, self.memory.commit(theirs).await);
                match (&ours, &theirs) {
                    (Ok(ours), Ok(theirs)) => {
                        assert_eq!(ours.position, theirs.position);
                        self.blobs.extend(fresh);
                        if let Some(gone) = gone {
                            self.blobs.remove(&gone);
                            self.released.push(gone);
                        }
                    }
                    (Err(StoreError::Conflict), Err(StoreError::Conflict)) => {}
                    _ => panic!("{ours:?} but {theirs:?}"),
                }
            }
            Step::Append(count) => {
                let records: Vec<_> = (0..*count).map(|n| vec![n; at % 70]).collect();
                let ours = self.local().append(records.clone()).await.unwrap();
                assert_eq!(ours, self.memory.append(records).await.unwrap());
            }
            Step::Trim(part) => {
                let through = Position(self.memory.tail().0 * u64::from(*part) / 255);
                self.local().trim(through).await.unwrap();
                self.memory.trim(through).await.unwrap();
                self.catch_up().await;
            }
            Step::Scan(from, to, limit, forward) => {
                let direction = if *forward { Direction::Forward } else { Direction::Backward };
                let range = || vec![*from]..vec![*to];
                let ours = self.local().scan(place, range(), (*limit).into(), direction).await.unwrap();
                assert_eq!(ours, self.memory.scan(place, range(), (*limit).into(), direction).await.unwrap());
            }
            Step::Reopen => {
                drop(self.local.take());
                self.local = Some(open_quiet(self.directory.path(), &self.options));
                self.local().reclaim().await.unwrap();
                self.catch_up().await;
                self.compare().await;
            }
            Step::Restore => self.restore().await,
            Step::Checkpoint => {
                self.local().checkpoint().await.unwrap();
                self.local().reclaim().await.unwrap();
                self.catch_up().await;
            }
        }
    }

    async fn restore(&mut self) {
        let fresh = tempfile::tempdir().unwrap();
        let (to, store) = (fresh.path().join("backup"), self.local().clone());
        let taken = blocking(move || {
            let taken = store.backup(&to, |_| Ok((Vec::new(), ())), &backup::Progress::default());
            taken.map(|_| to)
        });
        let from = taken.await.unwrap().unwrap();
        let mut lost = Batch::new(PLACES[0]);
        lost.put([7], *b"after the backup");
        self.local().commit(lost).await.unwrap();
        drop(self.local.take());
        let data = tempfile::tempdir().unwrap();
        backup::restore(&from, data.path(), &backup::Progress::default()).unwrap();
        self.directory = data;
        self.local = Some(open_quiet(self.directory.path(), &self.options));
        self.compare().await;
    }

    /// What the engine does for itself (trims, moves of blobs) are commits too, and none in memory.
    async fn catch_up(&self) {
        while self.memory.tail() < self.local().tail() {
            self.memory.append(Vec::new()).await.unwrap();
        }
    }

    async fn compare(&self) {
        for place in PLACES {
            let ours = self.local().scan(place, prefix_range(b""), 1000, Direction::Forward).await.unwrap();
            let theirs = self.memory.scan(place, prefix_range(b""), 1000, Direction::Forward).await.unwrap();
            assert_eq!(ours, theirs);
        }
        let ours = Journal::read(self.local(), None, 10_000).await.unwrap();
        assert_eq!(ours, Journal::read(&self.memory, None, 10_000).await.unwrap());
        assert_eq!(self.local().tail(), self.memory.tail());
        let listed: Vec<_> = self.local().blob_ids(None, 10_000).unwrap();
        let expected: Vec<_> =
            self.blobs.iter().map(|(number, length)| (blob_id(*number), u64::from(*length))).collect();
        assert_eq!(listed.iter().map(|info| (info.id, info.sealed_bytes)).collect::<Vec<_>>(), expected);
        for (number, length) in &self.blobs {
            let read = BlobStore::read(self.local(), blob_id(*number), 0..u64::from(*length)).await.unwrap();
            assert_eq!(read, blob_bytes(*number, *length), "blob {number}");
        }
        for number in &self.released {
            assert!(BlobStore::len(self.local(), blob_id(*number)).await.is_err(), "released blob {number}");
        }
    }
}

/// Reclaim runs when a step says so, not when it likes: positions must be the same on every run.
fn open_quiet(directory: &Path, options: &Options) -> LocalStore {
    let seams = open::Seams { reclaims: false, ..open::Seams::default() };
    open::open_with(directory, options.clone(), seams).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_never_differs_from_the_reference(steps in prop::collection::vec(some_step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let mut options = Options::new(Arc::new(|| Timestamp::from_secs(5)), Arc::new(|bytes| bytes.fill(1)));
            options.low_water_bytes = Some(0);
            options.reserve_bytes = 1 << 16;
            options.segment_bytes = 30_000;
            options.memtable_bytes = 15_000;
            options.release_grace = Duration::ZERO;
            let local = open_quiet(directory.path(), &options);
            let memory = MemoryStore::at(Timestamp::from_secs(5));
            let mut pair = Pair {
                local: Some(local), memory, directory, options, blobs: BTreeMap::new(), released: Vec::new(), next_blob: 1,
            };
            for (at, step) in steps.iter().enumerate() {
                pair.step(at, step).await;
            }
            pair.step(0, &Step::Reopen).await;
        });
    }
}
