//! A process under the library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::plan::Plan;

/// The directory that is watched.
pub const ROOT: &str = "STRONGROOM_FAULTS_ROOT";
/// The file that the record is appended to; not under the watched directory.
pub const TRACE: &str = "STRONGROOM_FAULTS_TRACE";
/// What fails, as [`Plan`] is written.
pub const PLAN: &str = "STRONGROOM_FAULTS_PLAN";
/// How long a sync takes.
pub const SYNC_MICROS: &str = "STRONGROOM_FAULTS_SYNC_MICROS";

/// What a process says on its standard output to have room on its disk again ([`Effect::Full`](crate::Effect::Full)).
pub const ROOM: &str = "@room";

/// How a process is watched.
pub struct Watch<'a> {
    /// The directory.
    pub root: &'a Path,
    /// The record, which is appended to.
    pub trace: &'a Path,
    /// What fails.
    pub plan: &'a Plan,
    /// How long a sync takes, in microseconds. Nothing is synced in earnest: the record is the disk.
    pub sync_micros: u32,
}

impl Watch<'_> {
    /// Makes `command` start under the library.
    ///
    /// # Panics
    /// If the library is not there and cannot be built.
    pub fn over<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("LD_PRELOAD", library())
            .env(ROOT, self.root)
            .env(TRACE, self.trace)
            .env(PLAN, self.plan.to_string())
            .env(SYNC_MICROS, self.sync_micros.to_string())
    }
}

/// The shared library, beside the running test. Where only single packages were built it is missing, or older than its
/// sources: then it is built.
///
/// # Panics
/// If that fails.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let profile = std::env::current_exe().ok().and_then(|test| Some(test.parent()?.parent()?.to_owned()));
        let profile = profile.unwrap_or_default();
        let library = profile.join("libstrongroom_faults.so");
        let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = changed(&library);
        if built.is_none() || built < newest(&crates.join("../src")).max(newest(&crates.join("src"))) {
            build(&profile, crates);
        }
        assert!(
            library.exists(),
            "{} is missing: cargo build -p strongroom-faults makes it",
            library.display()
        );
        library
    })
}

fn build(profile: &Path, manifest: &Path) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "strongroom-faults"]).current_dir(manifest);
    if let Some(target) = profile.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    // A missing cargo is no mistake while the library is there.
    match cargo.status() {
        Ok(status) => assert!(status.success(), "cargo build -p strongroom-faults failed"),
        Err(error) => eprintln!("cargo could not be started ({error}): strongroom-faults is as it was"),
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn newest(directory: &Path) -> Option<SystemTime> {
    fs::read_dir(directory).ok()?.filter_map(|entry| changed(&entry.ok()?.path())).max()
}
