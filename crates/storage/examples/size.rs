//! What many objects cost: loads empty objects through the engine and measures rate, sizes on disk, memory, recovery and
//! listing.
//!
//! ```sh
//! cargo run --release -p strongroom-storage --example size -- --directory DIR --objects 1000000,5000000
//! ```
//!
//! `DIR` must not exist, is filled (some 700 bytes an object; the log takes more for a while) and is not removed. Each
//! number of objects is reached from the one before; in the end all of them are deleted. Each measurement is a process of its own, so that its memory is only its own.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a program that measures")]

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Random, argument, disk_bytes, memory_mib, mib, options, place};
use strongroom_storage::{
    Batch, BlobStore, Direction, Journal, LocalStore, MetaStore, Position, prefix_range,
};

/// Commits under way at once: enough to fill groups.
const WRITERS: u64 = 256;

/// Sealed bytes of an empty object: a header and a tag.
const SEALED_BYTES: usize = 20;

/// Positions that the archiver is behind the end: about a chunk of records.
const ARCHIVE_LAG: u64 = 30_000;

/// Numbers of the objects that a process puts until it is killed.
const APART: u64 = 1 << 40;

async fn put(store: &LocalStore, number: u64) {
    let id = common::blob_id(number, 0);
    let mut random = Random(number | 1);
    let mut writer = store.stage(id, Some(SEALED_BYTES as u64)).await.unwrap();
    writer.write(Bytes::from(random.bytes(SEALED_BYTES))).await.unwrap();
    let mut batch = Batch::new(place());
    batch.blobs.push(writer.finish().await.unwrap());
    common::put(&mut batch, &common::object_name(number), number, None, &mut random);
    store.commit(batch).await.unwrap();
}

async fn delete(store: &LocalStore, number: u64) {
    let mut batch = Batch::new(place());
    batch.released.push(common::blob_id(number, 0));
    common::delete(&mut batch, &common::object_name(number), Some(number), &mut Random(number | 1));
    store.commit(batch).await.unwrap();
}

/// Puts or deletes the objects `from..to`.
async fn load(store: &LocalStore, from: u64, to: u64, deletes: bool) {
    let next = Arc::new(AtomicU64::new(from));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (store, next) = (store.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= to {
                        break;
                    }
                    if deletes {
                        delete(&store, number).await;
                    } else {
                        put(&store, number).await;
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Takes records away behind the writers, as the archiver does.
async fn archive(store: LocalStore) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        store.trim(Position(store.tail().0.saturating_sub(ARCHIVE_LAG))).await.unwrap();
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn sizes(directory: &Path) -> String {
    let part = |name: &str| mib(disk_bytes(&directory.join(name)));
    format!("index {:.0} MiB, log {:.0} MiB", part("index"), part("log"))
}

fn memory() -> String {
    format!("resident {:.0} MiB, at most {:.0} MiB", memory_mib("VmRSS"), memory_mib("VmHWM"))
}

/// Fills the store up, or empties it, tells how it goes every million, waits until nothing changes on the disk, and closes.
async fn fill(directory: &Path, from: u64, to: u64, deletes: bool) {
    let mut options = options();
    options.release_grace = Duration::from_secs(5);
    let store = LocalStore::open(directory, options).unwrap();
    let archiver = tokio::spawn(archive(store.clone()));
    let since = Instant::now();
    let mut done = from;
    while done < to {
        let next = to.min((done / 1_000_000 + 1) * 1_000_000);
        let began = Instant::now();
        load(&store, done, next, deletes).await;
        println!("  {next} done: {:.0} /s, {}, {}", rate(next - done, began), sizes(directory), memory());
        done = next;
    }
    println!("  all done: {:.0} /s", rate(to - from, since));
    archiver.abort();
    store.trim(store.tail()).await.unwrap();
    let began = Instant::now();
    let (mut before, mut quiet) = (0, 0);
    while quiet < 3 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let now = disk_bytes(&directory.join("log")) + disk_bytes(&directory.join("index"));
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
    println!("  at rest after {:.0} s: {}, {}", began.elapsed().as_secs_f64(), sizes(directory), memory());
    let began = Instant::now();
    drop(store);
    println!("  closed in {:.0} ms", millis(began.elapsed()));
}

fn rate(count: u64, since: Instant) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let count = count as f64;
    count / since.elapsed().as_secs_f64()
}

/// Opens, lists and reads at random.
async fn look(directory: &Path, objects: u64) {
    let began = Instant::now();
    let store = LocalStore::open(directory, options()).unwrap();
    println!("  opened in {:.0} ms, {}", millis(began.elapsed()), memory());
    if objects == 0 {
        return;
    }
    let mut names: Vec<_> = (0..1000).map(common::object_name).collect();
    names.sort();
    let end = prefix_range(b"k").end;
    for (place_name, from) in [
        ("start", b"k".to_vec()),
        ("middle", common::current_key(&names[500])),
        ("end", common::current_key(&names[994])),
    ] {
        let mut times = Vec::new();
        for _ in 0..9 {
            let began = Instant::now();
            let found =
                store.scan(place(), from.clone()..end.clone(), 1000, Direction::Forward).await.unwrap();
            times.push(began.elapsed());
            assert_eq!(found.len(), 1000);
        }
        let first = times[0];
        times.sort();
        println!(
            "  1,000 keys at the {place_name}: first {:.2} ms, then {:.2} ms",
            millis(first),
            millis(times[4])
        );
    }
    let mut random = Random(7);
    let began = Instant::now();
    for _ in 0..100_000 {
        let name = common::object_name(random.below(objects));
        store.get(place(), &common::current_key(&name)).await.unwrap().unwrap();
    }
    println!("  a row at random: {:.1} µs, {}", millis(began.elapsed()) / 100.0, memory());
}

/// Goes on putting until it is killed, telling how far it is.
async fn go_on(directory: &Path, from: u64) {
    let store = LocalStore::open(directory, options()).unwrap();
    tokio::spawn(archive(store.clone()));
    for number in 0.. {
        println!("on {}", from + number * 1000);
        load(&store, from + number * 1000, from + (number + 1) * 1000, false).await;
    }
}

fn phase(name: &str, directory: &Path, from: u64, to: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--phase", name, "--directory"]).arg(directory);
    command.args(["--from", &from.to_string(), "--to", &to.to_string()]);
    command
}

/// Kills a process that puts objects, after it has put this many.
fn kill(directory: &Path, from: u64, objects: u64) {
    let mut child = phase("go on", directory, from, 0).stdout(Stdio::piped()).spawn().unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.strip_prefix("on ").is_some_and(|number| number.parse::<u64>().unwrap() >= from + objects) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn all(directory: &Path, objects: &str) {
    let run = |name: &str, from, to| assert!(phase(name, directory, from, to).status().unwrap().success());
    let mut from = 0;
    for objects in objects.split(',').map(|number| number.parse::<u64>().unwrap()) {
        println!("{objects} objects");
        run("fill", from, objects);
        println!(" after a clean end");
        run("look", objects, objects);
        kill(directory, APART + objects, 100_000);
        println!(" after a kill");
        run("look", objects, objects);
        from = objects;
    }
    println!("all deleted");
    run("empty", 0, from);
    run("look", 0, 0);
}

fn main() {
    let directory = PathBuf::from(argument("--directory").unwrap());
    let number = |name: &str| argument(name).map_or(0, |number| number.parse::<u64>().unwrap());
    let (from, to) = (number("--from"), number("--to"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match argument("--phase").as_deref() {
        None => all(&directory, &argument("--objects").unwrap_or_else(|| "1000000".to_owned())),
        Some("fill") => runtime.block_on(fill(&directory, from, to, false)),
        Some("empty") => runtime.block_on(fill(&directory, from, to, true)),
        Some("look") => runtime.block_on(look(&directory, to)),
        Some("go on") => runtime.block_on(go_on(&directory, from)),
        Some(other) => panic!("no phase is named {other}"),
    }
}
