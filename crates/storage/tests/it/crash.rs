//! A child process commits under load and tells each acknowledgement over a pipe; the parent kills it at a random moment,
//! opens what is left and compares it with what was acknowledged: nothing lost, nothing half visible, no blob without a
//! row, no file without a blob. Then the next child goes on in the same directory.
//!
//! Thirty kills in a normal run, `STRONGROOM_LONG` says how many in a long one (`STRONGROOM_LONG=1` means 2000). The
//! seed is printed; `STRONGROOM_SEED` sets it.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use strongroom_powercut::Random;
use strongroom_storage::LocalStore;

use crate::work::told::Told;
use crate::work::{LARGE, World, child, is_sound, is_verified, opened, runtime, seed};

/// Starts a child, kills it after `delay`, and gives what it told.
fn one_life(directory: &Path, world: World, life: u64, delay: Duration) -> String {
    let mut command = child::command(directory, world, life, u64::MAX);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut told = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        told.read_to_string(&mut text).unwrap();
        text
    });
    std::thread::sleep(delay);
    assert!(child.try_wait().unwrap().is_none(), "the child ended by itself: {}", reader.join().unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

async fn check(directory: &Path, world: World, told: &Told) -> Told {
    let store = opened(|| LocalStore::open(directory, world.scale.options(0))).unwrap();
    let found = is_sound(&store, directory, world, told).await.unwrap();
    drop(store);
    is_verified(directory, world).unwrap();
    found
}

fn operations(told: &Told) -> u64 {
    told.last.values().map(|last| last + 1).sum()
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_there_however_the_process_dies() {
    let kills = match std::env::var("STRONGROOM_LONG").ok().map(|long| long.parse::<u64>()) {
        None => 30,
        Some(Ok(kills)) if kills > 1 => kills,
        Some(_) => 2000,
    };
    let world = World { seed: seed("kills"), scale: &LARGE };
    let mut random = Random::of(&[world.seed]);
    let mut directory = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    let mut done = 0;
    for life in 0..kills {
        // From time to time a new directory, so that its making is hit as well.
        if life % 50 == 49 {
            directory = tempfile::tempdir().unwrap();
            told = Told::default();
        }
        let delay = Duration::from_millis(match random.below(4) {
            0 => random.below(40),
            _ => 40 + random.below(360),
        });
        let before = operations(&told);
        told.hear(&one_life(directory.path(), world, life, delay));
        done += operations(&told) - before;
        told = runtime().block_on(check(directory.path(), world, &told));
    }
    println!("{kills} kills, {done} operations acknowledged, none lost");
    assert!(done > kills, "the children hardly worked: {done} operations in {kills} lives");
}
