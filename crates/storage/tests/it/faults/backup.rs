//! Power cuts while a backup is taken, and after: what calls itself complete is whole, and was there when it was said to be;
//! what does not is never taken for one; and the data directory beside it suffers nothing.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use strongroom_powercut::plan::{Call, Effect, Point};
use strongroom_powercut::run::Watch;
use strongroom_powercut::{Disk, Event, Plan, Random, State, Trace};
use strongroom_storage::local::backup::{Progress, RestoreError, look_at, restore};
use strongroom_storage::verify::{Finding, Verifier};
use strongroom_storage::{Batch, BlobStore, Journal, LocalStore, MetaStore, Partition};
use strongroom_types::BlobId;

use super::{points, scratch};
use crate::work::child::THIS_PROGRAM;
use crate::work::{SMALL, opened, runtime, seed};

const DIRECTORY: &str = "STRONGROOM_BACKUP_CHILD";

/// Cuts of one record.
const CUTS: u64 = 25;

/// Commits before the backup begins, and after it is taken.
const COMMITS: u64 = 40;

const PLACE: Partition = Partition::System;

fn blob_id(number: u64) -> BlobId {
    BlobId::from_bytes((u128::from(number) << 120 | u128::from(number) | 1 << 64).to_be_bytes())
}

/// One blob in three has a file.
fn blob_bytes(number: u64) -> usize {
    if number.is_multiple_of(3) { 9_000 } else { 500 }
}

fn fill(number: u64) -> u8 {
    u8::try_from(number % 251).unwrap()
}

async fn commit(store: &LocalStore, number: u64) {
    let mut writer = store.stage(blob_id(number), None).await.unwrap();
    writer.write(Bytes::from(vec![fill(number); blob_bytes(number)])).await.unwrap();
    let mut batch = Batch::new(PLACE);
    batch.put(number.to_be_bytes(), [1]).put([&number.to_be_bytes()[..], b"half"].concat(), [2]);
    batch.blobs.push(writer.finish().await.unwrap());
    batch.records.push(number.to_be_bytes().to_vec());
    store.commit(batch).await.unwrap();
    println!("ACK {number}");
}

/// The child's part. In an ordinary run there is nothing for it to do.
#[test]
fn the_child_takes_a_backup_while_it_writes() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let directory = Path::new(&directory).to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        let store = LocalStore::open(directory.join("data"), SMALL.options(1_700_000_000_000)).unwrap();
        let taken = Arc::new(AtomicBool::new(false));
        let mut number = 0;
        while number < COMMITS {
            number += 1;
            commit(&store, number).await;
        }
        store.trim(store.tail()).await.unwrap();
        println!("BEGUN");
        let (taker, done) = (store.clone(), taken.clone());
        let taking = tokio::task::spawn_blocking(move || {
            let others = |_| Ok((Vec::new(), ()));
            taker.backup(&directory.join("backup"), others, &Progress::default()).unwrap();
            println!("TAKEN");
            done.store(true, Ordering::Release);
        });
        let mut after = 0;
        while after < COMMITS {
            number += 1;
            after += u64::from(taken.load(Ordering::Acquire));
            commit(&store, number).await;
        }
        taking.await.unwrap();
        store.checkpoint().await.unwrap();
        store.reclaim().await.unwrap();
    });
}

/// What a child had said by some moment.
#[derive(Default)]
struct Told {
    text: String,
}

impl Told {
    fn acknowledged(&self, by: &str) -> u64 {
        let said = self.text.split(by).next().unwrap_or_default();
        said.lines().filter_map(|line| line.strip_prefix("ACK ")?.parse().ok()).max().unwrap_or(0)
    }

    fn has(&self, word: &str) -> bool {
        self.text.lines().any(|line| line == word)
    }
}

/// The store holds commits from the first to some last one, whole, and at least `least` of them.
async fn holds(directory: &Path, least: u64) -> Result<(), String> {
    let store =
        opened(|| LocalStore::open(directory, SMALL.options(0))).map_err(|error| format!("{error:?}"))?;
    let mut number = 0_u64;
    loop {
        number += 1;
        let row = store.get(PLACE, &number.to_be_bytes()).await.map_err(|error| error.to_string())?;
        let half = store.get(PLACE, &[&number.to_be_bytes()[..], b"half"].concat()).await;
        let half = half.map_err(|error| error.to_string())?;
        if row.map(|row| row.version) != half.map(|row| row.version) {
            return Err(format!("half of commit {number} is there"));
        }
        let length = BlobStore::len(&store, blob_id(number)).await;
        let Ok(length) = length else { break };
        let bytes =
            BlobStore::read(&store, blob_id(number), 0..length).await.map_err(|error| error.to_string())?;
        if bytes != vec![fill(number); blob_bytes(number)] {
            return Err(format!("blob {number} is another"));
        }
    }
    if number <= least {
        return Err(format!("commit {number} is not there, though {least} were acknowledged"));
    }
    let behind = store.get(PLACE, &(number + 1).to_be_bytes()).await.map_err(|error| error.to_string())?;
    if behind.is_some() {
        return Err(format!("commit {number} is missing in the middle"));
    }
    Ok(())
}

/// Every finding of a verification but `is_known`.
fn verify(directory: &Path, is_known: impl Fn(&Finding) -> bool) -> Result<(), String> {
    let verifier = opened(|| Verifier::open(directory, SMALL.options(0)));
    let verifier = verifier.map_err(|error| format!("verification: {error:?}"))?;
    let mut findings = Vec::new();
    let looked = verifier.run(|_| {}, |finding| findings.push(finding));
    findings.retain(|finding| !is_known(finding));
    if looked.is_err() || !findings.is_empty() {
        return Err(format!("verification: {looked:?} {findings:?}"));
    }
    Ok(())
}

/// What a cut has left: directory and backup.
async fn look(place: &Path, told: &Told) -> Result<bool, String> {
    if place.join("data/FORMAT").exists() || told.has("ACK 1") {
        let acknowledged = told.acknowledged("never said");
        // A blob that was being written when the power went is removed while the store is open.
        verify(&place.join("data"), |finding| matches!(finding, Finding::Orphan { .. }))?;
        holds(&place.join("data"), acknowledged).await.map_err(|what| format!("data: {what}"))?;
    }
    let (backup, restored) = (place.join("backup"), place.join("restored"));
    match look_at(&backup) {
        Ok(_) => {
            restore(&backup, &restored, &Progress::default())
                .map_err(|error| format!("restore: {error:?}"))?;
            verify(&restored, |_| false).map_err(|what| format!("restored: {what}"))?;
            let least = told.acknowledged("BEGUN");
            holds(&restored, least).await.map_err(|what| format!("restored: {what}"))?;
            Ok(true)
        }
        Err(RestoreError::Unfinished(_) | RestoreError::NotABackup(_)) if !told.has("TAKEN") => Ok(false),
        Err(error) => Err(format!("the backup: {error:?}, taken: {}", told.has("TAKEN"))),
    }
}

/// A child's record, with the place at which its backup begins.
fn record(plan: &Plan) -> (Trace, usize) {
    let home = scratch();
    let (root, trace) = (home.path().join("root"), home.path().join("trace"));
    std::fs::create_dir(&root).unwrap();
    let mut command = Command::new(THIS_PROGRAM);
    command
        .args(["the_child_takes_a_backup_while_it_writes", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, &root)
        .stdout(Stdio::null());
    let watch = Watch { root: &root, trace: &trace, plan, sync_micros: 100 };
    assert!(watch.over(&mut command).status().unwrap().success());
    let trace = Trace::read(&trace).unwrap();
    let begun =
        trace.events().position(|event| matches!(event, Event::Mark { text } if text.starts_with(b"BEGUN")));
    (trace, begun.unwrap())
}

/// Looks at what cuts of the record leave, in the order of their places.
fn cut(trace: &Trace, mut cuts: Vec<(usize, u64)>, mut met: impl FnMut(usize, u64, Result<bool, String>)) {
    cuts.sort_unstable();
    let nothing = scratch();
    let mut disk = Disk::of(&State::read(nothing.path()).unwrap());
    let (mut told, mut done) = (Told::default(), 0);
    for (at, chance) in cuts {
        while done < at {
            let Some(event) = trace.event(done) else { break };
            if let Event::Mark { text } = event {
                told.text.push_str(&String::from_utf8_lossy(text));
            }
            disk.apply(&event);
            done += 1;
        }
        let left = scratch();
        State::cut(&disk, &mut Random::of(&[chance])).write_to(left.path()).unwrap();
        met(at, chance, runtime().block_on(look(left.path(), &told)));
    }
}

#[test]
fn a_backup_is_whole_once_it_says_so_wherever_the_power_is_cut() {
    let seed = seed("backup cuts");
    let mut random = Random::of(&[seed, 7]);
    let wanted = points() / 9;
    let (mut tried, mut complete) = (0, 0);
    while tried < wanted {
        let (trace, begun) = record(&Plan::default());
        // Most of them while it is taken, and soon after.
        let place = |random: &mut Random| match random.below(5) {
            0 => random.index(trace.len() + 1),
            _ => begun + random.index(trace.len() - begun + 1),
        };
        let cuts: Vec<_> =
            (0..CUTS.min(wanted - tried)).map(|_| (place(&mut random), random.draw())).collect();
        tried += cuts.len() as u64;
        cut(&trace, cuts, |at, chance, looked| match looked {
            Ok(whole) => complete += u64::from(whole),
            Err(what) => panic!("seed {seed}, event {at} of {}, chance {chance}: {what}", trace.len()),
        });
    }
    println!("{tried} power cuts, {complete} of them after the backup was complete");
    assert!(complete > 0 && complete < tried, "{complete} of {tried}");
}

/// Were a sync of the backup left out, the test above would fail.
#[test]
fn a_disk_that_lies_about_the_syncs_of_a_backup_is_found_out() {
    let seed = seed("lies about backups");
    let mut random = Random::of(&[seed, 8]);
    for part in ["backup/log", "backup/blobs", "backup/index"] {
        let lie = Point { call: Some(Call::Sync), prefix: part.to_owned(), number: 0, effect: Effect::Lie };
        let (mut tried, mut unsound) = (0, 0);
        while unsound == 0 && tried < 200 {
            let (trace, begun) = record(&Plan::of([lie.clone()]));
            let place = |random: &mut Random| begun + random.index(trace.len() - begun + 1);
            let cuts = (0..CUTS).map(|_| (place(&mut random), random.draw())).collect();
            cut(&trace, cuts, |_, _, looked| unsound += u64::from(looked.is_err()));
            tried += CUTS;
        }
        println!("{part}: {unsound} of {tried} cuts are unsound");
        assert!(unsound > 0, "nobody misses the syncs of {part}");
    }
}
