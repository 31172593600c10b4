//! The child: the tasks of a [`World`], one task that only appends records and reads, one that trims, until all is done or
//! the process is killed. It tells every acknowledgement on its standard output.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use strongroom_powercut::run;
use strongroom_storage::{
    Batch, BlobStore, Direction, Journal, LocalStore, MetaStore, Position, Precondition, Row, StoreClock,
    StoreError, StoreHealth, Write, prefix_range,
};

use super::told::Author;
use super::{Operation, SEED, Scale, World, blob_bytes, blob_id, bytes_of, numbers, opened, place, slot_key};

const DIRECTORY: &str = "STRONGROOM_CHILD";
const LIFE: &str = "STRONGROOM_CHILD_LIFE";
const SCALE: &str = "STRONGROOM_CHILD_SCALE";
const OPERATIONS: &str = "STRONGROOM_CHILD_OPERATIONS";

/// What children are started from: this very program, even if another has been built meanwhile.
pub(crate) const THIS_PROGRAM: &str = "/proc/self/exe";

/// When the store's clock begins, in a child.
const BEGIN_MILLIS: i64 = 1_700_000_000_000;

/// After so many refusals for want of room somebody makes some.
const REFUSALS: u64 = 40;

/// A child that works in `directory` and ends after so many operations of each task. No two children of a directory have
/// the same `life`.
pub(crate) fn command(directory: &Path, world: World, life: u64, operations: u64) -> Command {
    let mut command = Command::new(THIS_PROGRAM);
    command
        .args(["the_child_works_until_it_is_stopped", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(SEED, world.seed.to_string())
        .env(SCALE, world.scale.name)
        .env(LIFE, life.to_string())
        .env(OPERATIONS, operations.to_string());
    command
}

/// The record of a commit, or of a read.
fn record(author: Author, number: u64) -> Vec<u8> {
    bytes_of(&[author.code(), number])
}

/// Tells the world.
fn acknowledge(author: Author, number: u64, position: Position, millis: i64) {
    println!("ACK {} {number} {} {millis}", author.code(), position.0);
}

/// What the tasks of a child share.
struct Child {
    store: LocalStore,
    world: World,
    /// Counts tries over all lives.
    attempts: AtomicU64,
    refusals: AtomicU64,
}

impl Child {
    /// The batch of an operation, with its blobs staged.
    async fn batch(&self, task: u64, number: u64, counter: Option<&Row>) -> Result<Batch, StoreError> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let mut batch = Batch::new(place(task));
        batch.require(match counter {
            Some(row) => Precondition::RowIs(b"n".to_vec(), row.version),
            None => Precondition::RowAbsent(b"n".to_vec()),
        });
        batch.put(b"n".as_slice(), bytes_of(&[number]));
        batch.writes.push(Write::Append { prefix: b"chg|".to_vec(), value: bytes_of(&[number]) });
        batch.records.push(record(Author::Task(task), number));
        let operation = self.world.operation(task, number);
        let (Operation::Put { slot, .. } | Operation::Delete { slot }) = operation;
        if let Some(old) = self.store.get(place(task), &slot_key(slot)).await? {
            let old = numbers(&old.value);
            batch.released.extend((0..).zip(&old[2..]).map(|(part, _)| blob_id(old[0], task, old[1], part)));
        }
        match operation {
            Operation::Delete { slot } => {
                batch.delete(slot_key(slot));
            }
            Operation::Put { slot, parts } => {
                for (part, length) in (0..).zip(&parts) {
                    let id = blob_id(attempt, task, number, part);
                    let mut writer =
                        self.store.stage(id, number.is_multiple_of(2).then_some(*length)).await?;
                    for piece in blob_bytes(id, *length).chunks(self.world.scale.piece_bytes) {
                        writer.write(Bytes::copy_from_slice(piece)).await?;
                    }
                    batch.blobs.push(writer.finish().await?);
                }
                batch.put(slot_key(slot), bytes_of(&[&[attempt, number], parts.as_slice()].concat()));
            }
        }
        Ok(batch)
    }

    async fn once(&self, task: u64) -> Result<(u64, Position, i64), StoreError> {
        let counter = self.store.get(place(task), b"n").await?;
        let number = counter.as_ref().map_or(0, |row| numbers(&row.value)[0] + 1);
        let millis = StoreClock::now(&self.store).as_millis();
        let batch = self.batch(task, number, counter.as_ref()).await?;
        Ok((number, self.store.commit(batch).await?.position, millis))
    }

    /// One task's operations, until the store takes no more.
    async fn work(&self, task: u64, operations: u64) {
        // What an earlier life left is shown, and so it is durable, whether that life told of it or not.
        if let Ok(Some(row)) = self.store.get(place(task), b"n").await {
            acknowledge(Author::Task(task), numbers(&row.value)[0], Position(row.version.0), 0);
        }
        let mut done = 0;
        while done < operations {
            match self.once(task).await {
                Ok((number, position, millis)) => {
                    acknowledge(Author::Task(task), number, position, millis);
                    done += 1;
                }
                Err(error) if self.is_for_good(&error).await => {
                    println!("STOP {task} {error}");
                    break;
                }
                Err(_) => {}
            }
            if task == 0 && done % 16 == 7 {
                // Failing is the tasks' to find out.
                let _ = self.store.checkpoint().await;
                let _ = self.store.reclaim().await;
            }
        }
    }

    /// Whether to try again is no use. A full disk has room again after some refusals.
    async fn is_for_good(&self, error: &StoreError) -> bool {
        match error {
            StoreError::DiskFull { .. } => {
                if self.refusals.fetch_add(1, Ordering::Relaxed) % REFUSALS == REFUSALS - 1 {
                    println!("{}", run::ROOM);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
                false
            }
            StoreError::Poisoned { .. } => true,
            // A read that failed may succeed the next time.
            StoreError::Corrupt { what } => {
                println!("UNREAD {what}");
                false
            }
            StoreError::Conflict
            | StoreError::Unknown
            | StoreError::Busy
            | StoreError::NoSuchBlob(_)
            | StoreError::TooLarge { .. }
            | StoreError::Closed => panic!("an error that nothing explains: {error}"),
        }
    }

    /// Appends records and reads, also when the store takes no commits any more.
    async fn read(&self, operations: u64) {
        let store = &self.store;
        // A read that failed succeeds the next time: faults come once.
        let read = match Journal::read(store, None, usize::MAX).await {
            Ok(read) => read,
            Err(_) => Journal::read(store, None, usize::MAX).await.unwrap(),
        };
        let mut found = None;
        for (position, records) in read {
            for record in records.iter().map(|record| numbers(record)) {
                if record[0] == Author::Reader.code() {
                    found = Some((record[1], position));
                }
            }
        }
        if let Some((number, position)) = found {
            acknowledge(Author::Reader, number, position, 0);
        }
        let mut number = found.map_or(0, |(number, _)| number + 1);
        let mut refused = 0;
        for _ in 0..operations {
            let millis = StoreClock::now(store).as_millis();
            match store.append(vec![record(Author::Reader, number)]).await {
                Ok(position) => {
                    acknowledge(Author::Reader, number, position, millis);
                    number += 1;
                }
                Err(StoreError::DiskFull { .. }) => {}
                Err(error) if matches!(store.health(), StoreHealth::Down(_)) => {
                    println!("LOST {error}");
                    break;
                }
                // Those that were in the log's last frame; the next ones go to the emergency log.
                Err(error) => {
                    println!("REFUSED {error}");
                    refused += 1;
                    assert!(refused < 3, "records are refused, and the store does not say so");
                }
            }
            let task = number % self.world.scale.tasks;
            check_instant(store, task).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// One scan shows one instant: as many changes as the counter says, or more by what came since.
async fn check_instant(store: &LocalStore, task: u64) {
    let counter = store.get(place(task), b"n").await;
    let changes = store.scan(place(task), prefix_range(b"chg|"), usize::MAX, Direction::Forward).await;
    let (counter, changes) = match (counter, changes) {
        (Ok(counter), Ok(changes)) => (counter, changes),
        (Err(error), _) | (_, Err(error)) => {
            println!("UNREAD {error}");
            return;
        }
    };
    let last = counter.map(|row| numbers(&row.value)[0]);
    let changes: Vec<_> = changes.iter().map(|entry| numbers(&entry.row.value)[0]).collect();
    assert!(changes.iter().copied().eq(0..changes.len() as u64), "changes {changes:?}");
    assert!(last.is_none_or(|last| changes.len() as u64 > last), "{last:?}, but changes {changes:?}");
}

/// Trims what is old, as the archiver does, so that segments go while the others work.
async fn trim(store: LocalStore, scale: &Scale) {
    loop {
        tokio::time::sleep(scale.trim_pause).await;
        let through = store.tail().0.saturating_sub(scale.kept_positions);
        println!("TRIM {through}");
        let _ = store.trim(Position(through)).await;
    }
}

/// The child's part. In an ordinary run there is nothing for it to do.
#[test]
fn the_child_works_until_it_is_stopped() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let world = World { seed: number(SEED), scale: Scale::named(&std::env::var(SCALE).unwrap()) };
    println!("BEGIN");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(live(Path::new(&directory), world, number(LIFE), number(OPERATIONS)));
    println!("END");
}

async fn live(directory: &Path, world: World, life: u64, operations: u64) {
    // Each life's wall clock is an hour behind the one before.
    let begin = BEGIN_MILLIS - i64::try_from(life % 64).unwrap() * 3_600_000;
    // The last store in the parent lets go of the lock a little after it was dropped.
    let store = match opened(|| LocalStore::open(directory, world.scale.options(begin))) {
        Ok(store) => store,
        Err(error) => {
            println!("CLOSED {error}");
            return;
        }
    };
    println!("READY");
    let child = Arc::new(Child {
        store: store.clone(),
        world,
        attempts: AtomicU64::new(life << 32),
        refusals: AtomicU64::new(0),
    });
    let trimmer = tokio::spawn(trim(store.clone(), world.scale));
    let mut tasks = Vec::new();
    for task in 0..world.scale.tasks {
        let child = child.clone();
        tasks.push(tokio::spawn(async move { child.work(task, operations).await }));
    }
    let reader = child.clone();
    tasks.push(tokio::spawn(async move { reader.read(operations).await }));
    for task in tasks {
        task.await.unwrap();
    }
    trimmer.abort();
    let _ = trimmer.await;
    // What goes on in the background comes to its end, or finds its fault.
    let _ = store.checkpoint().await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    println!(
        "HEALTH {}",
        match store.health() {
            StoreHealth::Ready => "ready",
            StoreHealth::ReadOnly(_) => "read-only",
            StoreHealth::Down(_) => "down",
        }
    );
}
