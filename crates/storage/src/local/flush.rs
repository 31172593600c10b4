//! Memtables to tables, on a thread of its own.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::log::is_full;
use super::{Shared, limits};
use crate::contract::StoreError;
use crate::locked;

/// How long a flush that found no room waits before it tries again.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Default)]
struct State {
    /// Last frame of what is sealed.
    sealed_frame: u64,
    /// Last frame that the tables hold.
    flushed_frame: u64,
    wanted: bool,
    busy: bool,
    full: bool,
    closed: bool,
}

pub(crate) struct Flush {
    state: Mutex<State>,
    changed: Condvar,
}

impl Flush {
    pub(crate) fn new(flushed_frame: u64) -> Self {
        let state = State { sealed_frame: flushed_frame, flushed_frame, ..State::default() };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// A memtable was sealed whose last frame is `frame`.
    pub(crate) fn request(&self, frame: u64) {
        let mut state = locked(&self.state);
        state.sealed_frame = frame;
        state.wanted = true;
        self.changed.notify_all();
    }

    /// Recovery has flushed everything up to `frame`.
    pub(crate) fn started_with(&self, frame: u64) {
        let mut state = locked(&self.state);
        state.sealed_frame = frame;
        state.flushed_frame = frame;
    }

    pub(crate) fn flushed_frame(&self) -> u64 {
        locked(&self.state).flushed_frame
    }

    /// Whether a sealed memtable waits for its flush.
    fn is_wanted(&self) -> bool {
        locked(&self.state).wanted
    }

    fn is_closed(&self) -> bool {
        locked(&self.state).closed
    }

    /// Whether the last flush found no room.
    pub(crate) fn is_full(&self) -> bool {
        locked(&self.state).full
    }

    /// Waits for a change, but not longer than `most`.
    pub(crate) fn wait(&self, most: Duration) {
        let state = locked(&self.state);
        drop(self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits until all that was sealed is flushed.
    pub(crate) fn wait_idle(&self, shared: &Shared) -> Result<(), StoreError> {
        let mut state = locked(&self.state);
        while state.wanted || state.busy {
            shared.health.check()?;
            if state.full {
                drop(state);
                return Err(shared.space.full());
            }
            if state.closed {
                return Err(StoreError::Closed);
            }
            state = self
                .changed
                .wait_timeout(state, Duration::from_millis(100))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        locked(&self.state).closed = true;
        self.changed.notify_all();
    }

    fn next(&self) -> Option<u64> {
        let mut state = locked(&self.state);
        loop {
            if state.closed {
                return None;
            }
            if state.wanted {
                if !state.full {
                    break;
                }
                state = self.changed.wait_timeout(state, RETRY).unwrap_or_else(PoisonError::into_inner).0;
                break;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.wanted = false;
        state.busy = true;
        Some(state.sealed_frame)
    }

    fn done(&self, frame: Result<u64, bool>) {
        let mut state = locked(&self.state);
        state.busy = false;
        match frame {
            Ok(frame) => {
                state.flushed_frame = frame;
                state.full = false;
            }
            Err(full) => {
                state.full = full;
                state.wanted |= full;
            }
        }
        self.changed.notify_all();
    }
}

/// Whether a flush or compaction failed for want of room, and can be tried again.
fn found_no_room(shared: &Shared, error: &lsm_tree::Error) -> bool {
    matches!(error, lsm_tree::Error::Io(error) if is_full(error)) && shared.index.is_where_it_was()
}

/// The thread: flushes what is sealed, and compacts in between.
pub(crate) fn run(shared: &Shared) {
    while let Some(frame) = shared.flush.next() {
        let failed = match shared.index.flush() {
            Ok(()) => {
                shared.flush.done(Ok(frame));
                shared.chores.wake();
                compact(shared).err()
            }
            Err(error) => {
                let full = found_no_room(shared, &error);
                if full {
                    shared.reserve.give_back();
                }
                shared.flush.done(Err(full));
                Some(error)
            }
        };
        if let Some(error) = failed.filter(|error| !found_no_room(shared, error)) {
            // What a failed sync left of the index is unknown; the log has it all.
            shared.health.poison(format!("index: {error}").into());
            return;
        }
    }
}

/// Compacts until nothing is left to compact, or some steps are done and a memtable waits.
fn compact(shared: &Shared) -> Result<(), lsm_tree::Error> {
    let mut steps = 0;
    while !shared.flush.is_closed() && (steps < limits::STEPS_A_FLUSH || !shared.flush.is_wanted()) {
        if !shared.index.compact()? && (shared.flush.is_wanted() || !shared.index.purge()?) {
            break;
        }
        steps += 1;
    }
    Ok(())
}
