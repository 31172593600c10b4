//! The work that crash and fault tests watch: tasks that put, overwrite and delete objects, as the store's callers do. What
//! each operation is follows from a seed, its task and its number; so what must be there follows from the last number
//! that was acknowledged.
//!
//! [`child`] does the work in a process of its own and tells what was acknowledged ([`told`]); [`survey`] compares a store
//! with that.

pub(crate) mod child;
pub(crate) mod survey;
pub(crate) mod told;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use strongroom_powercut::Random;
use strongroom_storage::local::{OpenError, Options};
use strongroom_storage::verify::Verifier;
use strongroom_storage::{LocalStore, Partition};
use strongroom_types::{BlobId, BucketId, Timestamp};

use self::survey::Survey;
use self::told::Told;

/// What sets the seed.
pub(crate) const SEED: &str = "STRONGROOM_SEED";

/// How large everything is.
#[derive(Debug)]
pub(crate) struct Scale {
    name: &'static str,
    /// Tasks that put and delete, each in a partition of its own.
    pub(crate) tasks: u64,
    /// Objects that a task has at most.
    slots: u64,
    /// Bytes of one part in ten, of three in ten, of the others.
    parts: [Range<u64>; 3],
    /// Bytes that are written to a blob at a time.
    piece_bytes: usize,
    reserve_bytes: u64,
    segment_bytes: u64,
    memtable_bytes: u64,
    cache_bytes: u64,
    inline_bytes: u64,
    release_grace: Duration,
    /// Positions whose records are kept, and how often older ones are trimmed.
    kept_positions: u64,
    trim_pause: Duration,
}

/// So that little work makes the engine do everything it does.
pub(crate) static SMALL: Scale = Scale {
    name: "small",
    tasks: 4,
    slots: 8,
    parts: [6_001..36_001, 1_000..6_000, 0..1_000],
    piece_bytes: 5_000,
    reserve_bytes: 64 << 10,
    segment_bytes: 96 << 10,
    memtable_bytes: 24 << 10,
    cache_bytes: 1 << 20,
    inline_bytes: 6_000,
    release_grace: Duration::from_millis(5),
    kept_positions: 60,
    trim_pause: Duration::from_millis(6),
};

/// So that a kill meets long writes, and blobs of the size that has files.
pub(crate) static LARGE: Scale = Scale {
    name: "large",
    tasks: 6,
    slots: 12,
    parts: [300_000..500_000, 10_000..70_000, 0..5_000],
    piece_bytes: 70_000,
    reserve_bytes: 1 << 20,
    segment_bytes: 2 << 20,
    memtable_bytes: 64 << 10,
    cache_bytes: 64 << 20,
    inline_bytes: 256 << 10,
    release_grace: Duration::from_millis(50),
    kept_positions: 200,
    trim_pause: Duration::from_millis(40),
};

impl Scale {
    fn named(name: &str) -> &'static Self {
        [&SMALL, &LARGE].into_iter().find(|scale| scale.name == name).unwrap()
    }

    /// A store whose wall clock begins at `begin_millis` and goes on by one millisecond each time it is read.
    pub(crate) fn options(&self, begin_millis: i64) -> Options {
        let millis = AtomicI64::new(begin_millis);
        let mut options = Options::new(
            Arc::new(move || Timestamp::from_millis(millis.fetch_add(1, Ordering::Relaxed))),
            Arc::new(|bytes| bytes.fill(3)),
        );
        options.low_water_bytes = Some(0);
        options.reserve_bytes = self.reserve_bytes;
        options.segment_bytes = self.segment_bytes;
        options.memtable_bytes = self.memtable_bytes;
        options.cache_bytes = self.cache_bytes;
        options.inline_bytes = self.inline_bytes;
        options.release_grace = self.release_grace;
        options
    }
}

/// One operation of one task.
#[derive(Clone, Debug, PartialEq)]
enum Operation {
    /// An object in a slot, of so many parts, each a blob of this many bytes.
    Put {
        slot: u64,
        parts: Vec<u64>,
    },
    Delete {
        slot: u64,
    },
}

/// What the tasks do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) scale: &'static Scale,
}

impl World {
    fn operation(self, task: u64, number: u64) -> Operation {
        let mut random = Random::of(&[self.seed, task, number]);
        let slot = random.below(self.scale.slots);
        if random.one_in(5) {
            return Operation::Delete { slot };
        }
        let count = if random.one_in(6) { 2 + random.below(2) } else { 1 };
        let part = |random: &mut Random| {
            let [large, middle, small] = &self.scale.parts;
            let range = match random.below(10) {
                0 => large,
                1..4 => middle,
                _ => small,
            };
            range.start + random.below(range.end - range.start)
        };
        Operation::Put { slot, parts: (0..count).map(|_| part(&mut random)).collect() }
    }

    /// What the slots of a task hold after its operations up to `last`: who put it, and its parts.
    fn model(self, task: u64, last: u64) -> BTreeMap<u64, (u64, Vec<u64>)> {
        let mut slots = BTreeMap::new();
        for number in 0..=last {
            match self.operation(task, number) {
                Operation::Put { slot, parts } => slots.insert(slot, (number, parts)),
                Operation::Delete { slot } => slots.remove(&slot),
            };
        }
        slots
    }
}

/// Blobs are named by who tried to write them, and when: an id is never used again.
fn blob_id(attempt: u64, task: u64, number: u64, part: u64) -> BlobId {
    let mut random = Random::of(&[attempt, task, number, part]);
    let (high, low) = (random.draw(), random.draw());
    BlobId::from_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

fn blob_bytes(id: BlobId, length: u64) -> Vec<u8> {
    let key = u64::from_be_bytes(id.as_bytes()[..8].try_into().unwrap());
    (0..length).map(|at| (key >> (at % 8 * 8)).to_be_bytes()[7] ^ (at / 8).to_be_bytes()[7]).collect()
}

fn place(task: u64) -> Partition {
    Partition::Bucket(BucketId::from_bytes(u128::from(task).to_be_bytes()))
}

fn numbers(value: &[u8]) -> Vec<u64> {
    value.chunks_exact(8).map(|chunk| u64::from_be_bytes(chunk.try_into().unwrap())).collect()
}

fn bytes_of(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn slot_key(slot: u64) -> Vec<u8> {
    [b"o|".as_slice(), &slot.to_be_bytes()].concat()
}

/// The seed of this run, which is printed.
pub(crate) fn seed(test: &str) -> u64 {
    let drawn = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(drawn);
    println!("{test}: {SEED}={seed}");
    seed
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Opens what nobody else has open. A process that another test is just starting has, until it runs its own program, a
/// copy of every descriptor, that of `LOCK` too.
pub(crate) fn opened<T>(open: impl Fn() -> Result<T, OpenError>) -> Result<T, OpenError> {
    for _ in 0..1_000 {
        match open() {
            Err(OpenError::Locked) => std::thread::sleep(Duration::from_millis(2)),
            outcome => return outcome,
        }
    }
    Err(OpenError::Locked)
}

/// Everything that was acknowledged is in the store, nothing is half there, and what no row names goes; gives what is
/// there.
pub(crate) async fn is_sound(
    store: &LocalStore,
    directory: &Path,
    world: World,
    told: &Told,
) -> Result<Told, String> {
    let survey = Survey::of(store, world, told).await;
    if !survey.is_sound() {
        return Err(format!("{:#?} {:#?} {:#?}", survey.wrong, survey.damaged, survey.unsealed));
    }
    survey.await_sweep(directory).await?;
    Ok(survey.found)
}

/// The verification finds nothing, and no store has left a file beside its index; gives the verifier.
pub(crate) fn is_verified(directory: &Path, world: World) -> Result<Verifier, String> {
    let mut beside =
        std::fs::read_dir(directory.join("index")).unwrap().map(|entry| entry.unwrap().file_name());
    if let Some(left) = beside.find(|name| name.to_string_lossy().starts_with(".tmp")) {
        return Err(format!("{} is left beside the index", left.display()));
    }
    let verifier = opened(|| Verifier::open(directory, world.scale.options(0)));
    let verifier = verifier.map_err(|error| format!("verification: {error:?}"))?;
    let mut findings = Vec::new();
    let looked = verifier.run(|_| {}, |finding| findings.push(finding));
    if looked.is_err() || !findings.is_empty() {
        return Err(format!("verification: {looked:?} {findings:#?}"));
    }
    Ok(verifier)
}
