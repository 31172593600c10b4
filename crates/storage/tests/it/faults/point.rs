//! A record of a child's work, and one point of it to look at: rebuild, open, compare.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use strongroom_powercut::run::Watch;
use strongroom_powercut::{Disk, Event, Plan, Random, State, Trace};
use strongroom_storage::{Batch, BlobStore, LocalStore, MetaStore, Partition, Position, StoreError};
use strongroom_types::BlobId;

use super::{data, rot, scratch};
use crate::work::told::Told;
use crate::work::{SMALL, World, child, is_sound, is_verified, opened, runtime};

/// A directory that a kept record is run again from.
const REPLAY: &str = "STRONGROOM_FAULTS_REPLAY";

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The process died, the power held.
    Whole,
    /// The power was cut.
    Cut,
    /// Nothing happened but that bits have changed.
    Rot,
    /// The same with bits of lengths.
    Lengths,
}

/// Where, and with which chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Point {
    pub(super) kind: Kind,
    /// Events before it.
    pub(super) at: usize,
    pub(super) chance: u64,
}

/// A directory, and what had been acknowledged of it.
pub(super) struct Base {
    state: State,
    told: Told,
}

/// A child's work on one directory, over one or more lives.
pub(super) struct Recording {
    world: World,
    base: Arc<Base>,
    place: tempfile::TempDir,
    pub(super) trace: Trace,
}

impl Recording {
    /// A new directory, or what `base` left.
    pub(super) fn new(seed: u64, base: Option<Arc<Base>>) -> Self {
        let place = scratch();
        let root = place.path().join("root");
        fs::create_dir(&root).unwrap();
        let base = base.unwrap_or_else(|| {
            let state = State::read(&root).unwrap();
            Arc::new(Base { state, told: Told::default() })
        });
        base.state.write_to(&root).unwrap();
        Self { world: World { seed, scale: &SMALL }, base, place, trace: Trace::from_bytes(Vec::new()) }
    }

    /// One life of the child; gives how it ended and what it told.
    pub(super) fn live(&mut self, plan: &Plan, operations: u64) -> (ExitStatus, String) {
        static LIVES: AtomicU64 = AtomicU64::new(1);
        let (root, trace) = (self.place.path().join("root"), self.place.path().join("trace"));
        let life = LIVES.fetch_add(1, Ordering::Relaxed);
        let mut command = child::command(&data(&root), self.world, life, operations);
        command.stdout(Stdio::null()).stderr(Stdio::inherit());
        let watch = Watch { root: &root, trace: &trace, plan, sync_micros: 150 };
        let status = watch.over(&mut command).status().unwrap();
        let before = self.trace.marks(self.trace.len()).len();
        self.trace = Trace::read(&trace).unwrap();
        (status, self.trace.marks(self.trace.len()).split_off(before))
    }

    /// Where the lives begin.
    pub(super) fn births(&self) -> Vec<usize> {
        let events = self.trace.events().enumerate();
        events.filter(|(_, event)| *event == Event::Life).map(|(at, _)| at).collect()
    }

    /// Looks at points, in the order of their places. Gives what the last one that is not rotten left to go on from.
    ///
    /// A failure keeps the record, and says how to look at the point again.
    pub(super) fn examine(&self, points: Vec<Point>) -> Option<Arc<Base>> {
        let mut left = None;
        self.walk(points, |point, looked| match looked {
            Ok(found) => left = found.or(left.take()),
            Err(what) => {
                self.keep(point);
                panic!("{what}");
            }
        });
        left
    }

    /// How many of the points are not sound.
    pub(super) fn count_unsound(&self, points: Vec<Point>) -> usize {
        let mut unsound = 0;
        self.walk(points, |_, looked| unsound += usize::from(looked.is_err()));
        unsound
    }

    fn walk(&self, mut points: Vec<Point>, mut met: impl FnMut(Point, Result<Option<Arc<Base>>, String>)) {
        points.sort_by_key(|point| point.at);
        let mut disk = Disk::of(&self.base.state);
        let mut told = self.base.told.clone();
        let mut text = String::new();
        let mut done = 0;
        for point in points {
            while done < point.at {
                let Some(event) = self.trace.event(done) else { break };
                if let Event::Mark { text: said } = event {
                    text.push_str(&String::from_utf8_lossy(said));
                    told.hear(&text);
                    text.drain(..text.rfind('\n').map_or(0, |end| end + 1));
                }
                disk.apply(&event);
                done += 1;
            }
            let looked = std::panic::catch_unwind(AssertUnwindSafe(|| look(&disk, self.world, &told, point)));
            met(point, looked.unwrap_or_else(|_| Err("it panicked".to_owned())));
        }
    }

    /// Of the lives themselves: what must hold, or else the record is kept.
    pub(super) fn demand(&self, holds: bool, what: &str) {
        if !holds {
            self.keep(Point { kind: Kind::Whole, at: self.trace.len(), chance: 0 });
            panic!("{what}");
        }
    }

    /// Leaves everything that a point follows from behind.
    fn keep(&self, point: Point) {
        let place = tempfile::Builder::new().prefix("strongroom-fault-").tempdir().unwrap().keep();
        fs::copy(self.place.path().join("trace"), place.join("trace")).unwrap();
        fs::create_dir(place.join("base")).unwrap();
        self.base.state.write_to(&place.join("base")).unwrap();
        fs::write(place.join("told"), self.base.told.tell()).unwrap();
        let Point { kind, at, chance } = point;
        fs::write(place.join("point"), format!("{kind:?} {at} {chance} {}", self.world.seed)).unwrap();
        eprintln!(
            "{point:?} of seed {} failed. To look at it again: {REPLAY}={} cargo test -p strongroom-storage \
             --test it a_kept_point",
            self.world.seed,
            place.display()
        );
    }

    /// What [`keep`](Self::keep) left.
    fn kept(from: &Path) -> (Self, Point) {
        let text = fs::read_to_string(from.join("point")).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        let kind =
            [Kind::Whole, Kind::Cut, Kind::Rot].into_iter().find(|kind| format!("{kind:?}") == words[0]);
        let point =
            Point { kind: kind.unwrap(), at: words[1].parse().unwrap(), chance: words[2].parse().unwrap() };
        let mut told = Told::default();
        told.hear(&fs::read_to_string(from.join("told")).unwrap());
        let base = Arc::new(Base { state: State::read(&from.join("base")).unwrap(), told });
        let mut recording = Self::new(words[3].parse().unwrap(), Some(base));
        fs::copy(from.join("trace"), recording.place.path().join("trace")).unwrap();
        recording.trace = Trace::read(&from.join("trace")).unwrap();
        (recording, point)
    }
}

/// A point that failed, again. In an ordinary run there is none.
#[test]
fn a_kept_point_is_looked_at_again() {
    let Some(from) = std::env::var_os(REPLAY) else { return };
    let (recording, point) = Recording::kept(&PathBuf::from(from));
    recording.examine(vec![point]);
}

fn look(disk: &Disk, world: World, told: &Told, point: Point) -> Result<Option<Arc<Base>>, String> {
    let mut random = Random::of(&[point.chance]);
    let state = match point.kind {
        Kind::Whole => State::everything(disk),
        Kind::Cut => State::cut(disk, &mut random),
        Kind::Rot => return rot::look(disk, world, told, &mut random).map(|()| None),
        Kind::Lengths => return rot::look_at_lengths(disk, world, told).map(|()| None),
    };
    let place = scratch();
    state.write_to(place.path()).unwrap();
    let told = runtime().block_on(opens_sound(&data(place.path()), world, told, &mut random))?;
    Ok(Some(Arc::new(Base { state, told })))
}

/// The directory opens, holds everything, takes commits, and is found sound; gives what is there.
async fn opens_sound(
    directory: &Path,
    world: World,
    told: &Told,
    random: &mut Random,
) -> Result<Told, String> {
    let store = opened(|| LocalStore::open(directory, world.scale.options(0)));
    let store = store.map_err(|error| format!("{error:?}"))?;
    let found = is_sound(&store, directory, world, told).await?;
    let committed = probe(&store).await.map_err(|error| format!("a commit: {error}"))?;
    if random.one_in(2) {
        store.checkpoint().await.map_err(|error| format!("a checkpoint: {error}"))?;
    }
    drop(store);
    let verifier = is_verified(directory, world)?;
    let row = verifier.store().get(Partition::System, b"probe").await;
    let bytes = BlobStore::read(verifier.store(), probe_id(), 0..5).await;
    match (row, bytes) {
        (Ok(Some(row)), Ok(bytes)) if row.version.0 == committed.0 && bytes == b"probe".as_slice() => {
            Ok(found)
        }
        other => Err(format!("the commit of before: {other:?}")),
    }
}

fn probe_id() -> BlobId {
    BlobId::from_bytes([0xee; 16])
}

/// One more commit.
async fn probe(store: &LocalStore) -> Result<Position, StoreError> {
    let mut writer = store.stage(probe_id(), None).await?;
    writer.write(Bytes::from_static(b"probe")).await?;
    let mut batch = Batch::new(Partition::System);
    batch.blobs.push(writer.finish().await?);
    batch.put(b"probe".as_slice(), b"put".as_slice());
    Ok(store.commit(batch).await?.position)
}
