//! How far a backup or a restore is: written by the thread that does it, read by whoever asks.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Getting ready: the index is brought up to date.
    Preparing,
    /// Files get their second names, on the same file system.
    Linking,
    /// Files are copied.
    Copying,
    /// Names are made durable.
    Ending,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// What is being done.
    pub phase: Phase,
    /// Files done in this phase.
    pub files_done: u64,
    /// Of so many.
    pub files_total: u64,
    /// Their bytes done.
    pub bytes_done: u64,
    /// Of so many; 0 while not known.
    pub bytes_total: u64,
}

/// Shared by the thread that works and those who ask it how far it is, or to stop.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    files_done: AtomicU64,
    files_total: AtomicU64,
    bytes_done: AtomicU64,
    bytes_total: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// How far it is now.
    pub fn look(&self) -> Seen {
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Seen {
            phase: match self.phase.load(Ordering::Relaxed) {
                0 => Phase::Preparing,
                1 => Phase::Linking,
                2 => Phase::Copying,
                _ => Phase::Ending,
            },
            files_done: get(&self.files_done),
            files_total: get(&self.files_total),
            bytes_done: get(&self.bytes_done),
            bytes_total: get(&self.bytes_total),
        }
    }

    /// Asks it to stop soon. What it has made stays, marked as unfinished.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(super) fn begin(&self, phase: Phase, files: u64, bytes: u64) {
        let phase = match phase {
            Phase::Preparing => 0,
            Phase::Linking => 1,
            Phase::Copying => 2,
            Phase::Ending => 3,
        };
        self.files_done.store(0, Ordering::Relaxed);
        self.bytes_done.store(0, Ordering::Relaxed);
        self.files_total.store(files, Ordering::Relaxed);
        self.bytes_total.store(bytes, Ordering::Relaxed);
        self.phase.store(phase, Ordering::Relaxed);
    }

    pub(super) fn file_done(&self) {
        self.files_done.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn bytes_done(&self, bytes: u64) {
        self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }
}
