//! A child process commits under load and tells each acknowledgement over a pipe; the parent kills it at a random
//! moment, opens what is left and checks it against a model: nothing acknowledged lost, nothing half visible, no blob
//! without a row, no file without a blob. Then the next child goes on in the same directory.
//!
//! Thirty kills in a normal run, `STRONGROOM_LONG` says how many in a long one (`STRONGROOM_LONG=1` means 2000). The
//! seed is printed; `STRONGROOM_SEED` sets it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use strongroom_storage::local::Options;
use strongroom_storage::verify::{Finding, Verifier};
use strongroom_storage::{
    Batch, BlobStore, Direction, Journal, LocalStore, MetaStore, Partition, Position, Precondition, Write,
    prefix_range,
};
use strongroom_types::{BlobId, BucketId, Timestamp};

const CHILD: &str = "STRONGROOM_CRASH_CHILD";
const SEED: &str = "STRONGROOM_SEED";
const TASKS: u64 = 6;
const SLOTS: u64 = 12;

/// A small generator whose every draw follows from its seed.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn of(parts: &[u64]) -> Self {
        let mixed = parts.iter().fold(0x9e37_79b9_7f4a_7c15_u64, |state, part| {
            (state ^ part.wrapping_mul(0xff51_afd7_ed55_8ccd))
                .rotate_left(29)
                .wrapping_mul(0xc4ce_b9fe_1a85_ec53)
        });
        Self(mixed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }
}

/// One operation of one task, which follows from the seed alone.
#[derive(Clone, Debug, PartialEq)]
enum Operation {
    /// An object in a slot, of so many parts (multipart when more than one), each a blob of this many bytes.
    Put {
        slot: u64,
        parts: Vec<u64>,
    },
    Delete {
        slot: u64,
    },
}

fn operation(seed: u64, task: u64, number: u64) -> Operation {
    let mut random = Random::of(&[seed, task, number]);
    let slot = random.below(SLOTS);
    if random.below(5) == 0 {
        return Operation::Delete { slot };
    }
    let count = if random.below(6) == 0 { 2 + random.below(3) } else { 1 };
    let part = |random: &mut Random| match random.below(10) {
        0 => 300_000 + random.below(200_000),
        1..4 => 10_000 + random.below(60_000),
        _ => random.below(5_000),
    };
    Operation::Put { slot, parts: (0..count).map(|_| part(&mut random)).collect() }
}

/// Blobs are named by who wrote them, in which life: an id is never used again.
fn blob_id(life: u64, task: u64, number: u64, part: u64) -> BlobId {
    let mut random = Random::of(&[life, task, number, part]);
    let (high, low) = (random.next(), random.next());
    BlobId::from_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

fn blob_bytes(id: BlobId, length: u64) -> Vec<u8> {
    let key = u64::from_be_bytes(id.as_bytes()[..8].try_into().unwrap());
    (0..length).map(|at| (key >> (at % 8 * 8)).to_be_bytes()[7] ^ at.to_be_bytes()[7]).collect()
}

fn options() -> Options {
    static MILLIS: AtomicI64 = AtomicI64::new(1_700_000_000_000);
    let mut options = Options::new(
        Arc::new(|| Timestamp::from_millis(MILLIS.fetch_add(1, Ordering::Relaxed))),
        Arc::new(|bytes| bytes.fill(3)),
    );
    options.low_water_bytes = Some(0);
    options.reserve_bytes = 1 << 20;
    options.segment_bytes = 2 << 20;
    options.memtable_bytes = 64 << 10;
    options.release_grace = Duration::from_millis(50);
    options
}

fn place(task: u64) -> Partition {
    Partition::Bucket(BucketId::from_bytes(u128::from(task).to_be_bytes()))
}

/// What a slot's row says: which operation put it, in which life, and its parts.
fn slot_value(life: u64, number: u64, parts: &[u64]) -> Vec<u8> {
    [life, number].iter().chain(parts).flat_map(|number| number.to_be_bytes()).collect()
}

fn numbers(value: &[u8]) -> Vec<u64> {
    value.chunks_exact(8).map(|chunk| u64::from_be_bytes(chunk.try_into().unwrap())).collect()
}

fn slot_key(slot: u64) -> Vec<u8> {
    [b"o|".as_slice(), &slot.to_be_bytes()].concat()
}

/// The next number of a task, the life in which its row was written, and the row's version.
async fn counter(store: &LocalStore, task: u64) -> (u64, Option<Precondition>) {
    match store.get(place(task), b"n").await.unwrap() {
        Some(row) => (numbers(&row.value)[0] + 1, Some(Precondition::RowIs(b"n".to_vec(), row.version))),
        None => (0, Some(Precondition::RowAbsent(b"n".to_vec()))),
    }
}

/// Runs one task's operations from where the store says it stands.
async fn work(store: LocalStore, seed: u64, life: u64, task: u64) {
    loop {
        let (number, guard) = counter(&store, task).await;
        let mut batch = Batch::new(place(task));
        batch.preconditions.extend(guard);
        batch.put(b"n".as_slice(), number.to_be_bytes().to_vec());
        batch.writes.push(Write::Append { prefix: b"chg|".to_vec(), value: number.to_be_bytes().to_vec() });
        batch.records.push(numbers_record(task, number));
        let operation = operation(seed, task, number);
        let (Operation::Put { slot, .. } | Operation::Delete { slot }) = operation;
        if let Some(old) = store.get(place(task), &slot_key(slot)).await.unwrap() {
            let old = numbers(&old.value);
            batch.released.extend((0..).zip(&old[2..]).map(|(part, _)| blob_id(old[0], task, old[1], part)));
        }
        match operation {
            Operation::Delete { slot } => {
                batch.delete(slot_key(slot));
            }
            Operation::Put { slot, parts } => {
                for (part, length) in (0..).zip(&parts) {
                    let id = blob_id(life, task, number, part);
                    let mut writer = store.stage(id, (number % 2 == 0).then_some(*length)).await.unwrap();
                    for piece in blob_bytes(id, *length).chunks(70_000) {
                        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
                    }
                    batch.blobs.push(writer.finish().await.unwrap());
                }
                batch.put(slot_key(slot), slot_value(life, number, &parts));
            }
        }
        store.commit(batch).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "ACK {task} {number}").unwrap();
        out.flush().unwrap();
    }
}

fn numbers_record(task: u64, number: u64) -> Vec<u8> {
    [task.to_be_bytes(), number.to_be_bytes()].concat()
}

/// Trims what is old, as the archiver does, so that segments go while the others work.
async fn trim(store: LocalStore) {
    loop {
        tokio::time::sleep(Duration::from_millis(40)).await;
        let through = Position(store.tail().0.saturating_sub(200));
        store.trim(through).await.unwrap();
        println!("TRIM {}", through.0);
    }
}

/// The child's part. In an ordinary run there is nothing for it to do.
#[test]
fn the_child_commits_until_it_is_killed() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (seed, life) = (number(SEED), number("STRONGROOM_CRASH_LIFE"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        println!("OPENING");
        let store = LocalStore::open(directory, options()).unwrap();
        println!("READY");
        let tasks: Vec<_> =
            (0..TASKS).map(|task| tokio::spawn(work(store.clone(), seed, life, task))).collect();
        tokio::spawn(trim(store));
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Starts a child, kills it after `delay`, and gives the last acknowledged number of each task and the last trim.
fn one_life(directory: &Path, seed: u64, life: u64, delay: Duration) -> (BTreeMap<u64, u64>, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["the_child_commits_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(CHILD, directory)
        .env(SEED, seed.to_string())
        .env("STRONGROOM_CRASH_LIFE", life.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader = std::thread::spawn(move || {
        let (mut acknowledged, mut trimmed) = (BTreeMap::new(), 0);
        // A line that the kill cut short is no acknowledgement that anybody has read.
        while let Some(Ok(line)) = lines.next() {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["ACK", task, number] => {
                    if let (Ok(task), Ok(number)) = (task.parse(), number.parse()) {
                        acknowledged.insert(task, number);
                    }
                }
                ["TRIM", through] => trimmed = through.parse().unwrap_or(trimmed),
                _ => {}
            }
        }
        (acknowledged, trimmed)
    });
    std::thread::sleep(delay);
    assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// What the slots of a task hold after its operations up to `last`.
fn model(seed: u64, task: u64, last: u64) -> BTreeMap<u64, (u64, Vec<u64>)> {
    let mut slots = BTreeMap::new();
    for number in 0..=last {
        match operation(seed, task, number) {
            Operation::Put { slot, parts } => slots.insert(slot, (number, parts)),
            Operation::Delete { slot } => slots.remove(&slot),
        };
    }
    slots
}

/// Checks one task's rows and blobs; gives its last number and the blobs that it names.
async fn check_task(
    store: &LocalStore,
    seed: u64,
    task: u64,
    acknowledged: Option<u64>,
) -> (Option<u64>, BTreeSet<BlobId>) {
    let last = counter(store, task).await.0.checked_sub(1);
    // One operation may have been under way: it is there whole, or not at all.
    let expected = [acknowledged, Some(acknowledged.map_or(0, |number| number + 1))];
    assert!(expected.contains(&last), "task {task}: acknowledged {acknowledged:?}, found {last:?}");
    let mut blobs = BTreeSet::new();
    let Some(last) = last else { return (None, blobs) };
    let changes =
        store.scan(place(task), prefix_range(b"chg|"), usize::MAX, Direction::Forward).await.unwrap();
    let changes: Vec<_> = changes.iter().map(|entry| numbers(&entry.row.value)[0]).collect();
    assert_eq!(changes, (0..=last).collect::<Vec<_>>(), "task {task}: its changes");
    let found = store.scan(place(task), prefix_range(b"o|"), usize::MAX, Direction::Forward).await.unwrap();
    let expected = model(seed, task, last);
    assert_eq!(found.len(), expected.len(), "task {task}: its objects");
    for (entry, (slot, (number, parts))) in found.iter().zip(&expected) {
        let value = numbers(&entry.row.value);
        assert_eq!(entry.key, slot_key(*slot));
        assert_eq!((value[1], &value[2..]), (*number, parts.as_slice()), "task {task}, slot {slot}");
        for (part, length) in (0..).zip(parts) {
            let id = blob_id(value[0], task, *number, part);
            let bytes = BlobStore::read(store, id, 0..*length).await.unwrap();
            assert!(bytes == blob_bytes(id, *length), "task {task}, slot {slot}: blob {id} has other bytes");
            blobs.insert(id);
        }
    }
    (Some(last), blobs)
}

/// Records of each task are there from the trimmed position on, in order, none missing.
async fn check_records(store: &LocalStore, last: &BTreeMap<u64, Option<u64>>) {
    let mut seen: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = Journal::read(store, after, 500).await.unwrap();
        let Some((position, _)) = page.last() else { break };
        after = Some(*position);
        for record in page.iter().flat_map(|(_, records)| records) {
            let record = numbers(record);
            seen.entry(record[0]).or_default().push(record[1]);
        }
    }
    for (task, numbers) in seen {
        let expected: Vec<_> = (numbers[0]..=last[&task].unwrap()).collect();
        assert_eq!(numbers, expected, "task {task}: its records");
    }
}

async fn check(directory: &Path, seed: u64, acknowledged: &BTreeMap<u64, u64>) -> BTreeMap<u64, u64> {
    let store = LocalStore::open(directory, options()).unwrap();
    let mut last = BTreeMap::new();
    let mut named = BTreeSet::new();
    for task in 0..TASKS {
        let (number, blobs) = check_task(&store, seed, task, acknowledged.get(&task).copied()).await;
        last.insert(task, number);
        named.extend(blobs);
    }
    check_records(&store, &last).await;
    let mut committed = BTreeSet::new();
    let mut after = None;
    loop {
        let page = store.blob_ids(after, 100).unwrap();
        committed.extend(page.iter().map(|info| info.id));
        let Some(info) = page.last() else { break };
        after = Some(info.id);
    }
    assert_eq!(committed, named, "blobs and the rows that name them");
    // The sweep runs beside the first requests.
    let files = || -> BTreeSet<BlobId> {
        let folders = std::fs::read_dir(directory.join("blobs")).unwrap();
        let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
        files.map(|file| BlobId::parse(file.unwrap().file_name().to_str().unwrap()).unwrap()).collect()
    };
    let since = Instant::now();
    while !files().is_subset(&named) {
        assert!(since.elapsed() < Duration::from_secs(20), "files without a blob are left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(store);
    let mut findings: Vec<Finding> = Vec::new();
    let verifier = Verifier::open(directory, options()).unwrap();
    verifier.run(|_| {}, |finding| findings.push(finding)).unwrap();
    assert_eq!(findings, [], "verification");
    last.into_iter().filter_map(|(task, number)| Some((task, number?))).collect()
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_there_however_the_process_dies() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    let kills = match std::env::var("STRONGROOM_LONG").ok().map(|long| long.parse::<u64>()) {
        None => 30,
        Some(Ok(kills)) if kills > 1 => kills,
        Some(_) => 2000,
    };
    let drawn = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(drawn);
    println!("STRONGROOM_SEED={seed}, {kills} kills");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut random = Random::of(&[seed]);
    let mut directory = tempfile::tempdir().unwrap();
    let mut state = BTreeMap::new();
    let mut operations = 0;
    for life in 0..kills {
        // From time to time a new directory, so that its making is hit as well.
        if life % 50 == 49 {
            directory = tempfile::tempdir().unwrap();
            state.clear();
        }
        let delay = Duration::from_millis(match random.below(4) {
            0 => random.below(40),
            _ => 40 + random.below(360),
        });
        let (acknowledged, _) = one_life(directory.path(), seed, life, delay);
        operations +=
            acknowledged.iter().map(|(task, last)| last - state.get(task).copied().unwrap_or(0)).sum::<u64>();
        state.extend(acknowledged);
        state = runtime.block_on(check(directory.path(), seed, &state));
    }
    println!("{kills} kills, {operations} operations acknowledged, none lost");
    assert!(operations > kills, "the children hardly worked: {operations} operations in {kills} lives");
}
