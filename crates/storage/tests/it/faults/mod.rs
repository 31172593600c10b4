//! The engine on a disk that fails: power cuts, errors, full disks, rotten bits, all under the files of its index too.
//!
//! A child process works in a directory while the preloaded library `strongroom-faults` records every file operation and
//! every acknowledgement in one order. From one record `strongroom-powercut` rebuilds what any power cut would have left;
//! the parent opens that and compares it with what had been acknowledged by then.
//!
//! `STRONGROOM_FAULTS_POINTS` says how many points are tried (`STRONGROOM_TEST_MODE=long` means 12,000; 900 otherwise),
//! `STRONGROOM_SEED` where chance begins. A child has threads, so a seed alone does not bring a failure back: a point that
//! fails leaves its record behind, and says how to run it again.

mod backup;
mod errors;
mod point;
mod power;
mod rot;

use std::path::{Path, PathBuf};

/// How many points in all, of which each test takes a share.
fn points() -> u64 {
    let long = std::env::var("STRONGROOM_TEST_MODE").is_ok_and(|mode| mode == "long");
    let asked = std::env::var("STRONGROOM_FAULTS_POINTS").ok().and_then(|points| points.parse().ok());
    asked.unwrap_or(if long { 12_000 } else { 900 })
}

/// Where states are written: in memory if there is such a place, for they are written and read once.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let inside = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("strongroom-faults-").tempdir_in(inside).unwrap()
}

/// The data directory in a watched one.
fn data(root: &Path) -> PathBuf {
    root.join("data")
}
