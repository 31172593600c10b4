//! The committer's queue: bounded in bytes, taken in groups.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits;
use crate::contract::StoreError;
use crate::locked;

/// Bytes that one permit stands for.
const UNIT_BYTES: u64 = 1024;

struct State<T> {
    waiting: VecDeque<(u64, T)>,
    closed: bool,
}

pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    room: Arc<Semaphore>,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        let units = usize::try_from(limits::QUEUE_BYTES / UNIT_BYTES).unwrap_or(usize::MAX);
        Self {
            state: Mutex::new(State { waiting: VecDeque::new(), closed: false }),
            arrived: Condvar::new(),
            room: Arc::new(Semaphore::new(units)),
        }
    }

    /// Waits for room for `bytes`. The room is held until the permit is dropped.
    pub(crate) async fn room(&self, bytes: u64) -> Result<OwnedSemaphorePermit, StoreError> {
        let units =
            u32::try_from(bytes.min(limits::QUEUE_BYTES).div_ceil(UNIT_BYTES).max(1)).unwrap_or(u32::MAX);
        let acquired = self.room.clone().acquire_many_owned(units);
        match tokio::time::timeout(limits::QUEUE_WAIT, acquired).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(_) => Err(StoreError::Busy),
        }
    }

    /// Puts a job at the end.
    pub(crate) fn push(&self, bytes: u64, job: T) -> Result<(), StoreError> {
        let mut state = locked(&self.state);
        if state.closed {
            return Err(StoreError::Closed);
        }
        state.waiting.push_back((bytes, job));
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes what waits, in order, up to the limits of a group; waits for the first. `None`: closed and empty.
    pub(crate) fn take(&self) -> Option<Vec<T>> {
        let mut state = locked(&self.state);
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut group = Vec::new();
        let mut taken = 0;
        while let Some((bytes, _)) = state.waiting.front() {
            if !group.is_empty()
                && (taken + bytes > limits::GROUP_BYTES || group.len() >= limits::GROUP_COMMITS)
            {
                break;
            }
            taken += bytes;
            group.extend(state.waiting.pop_front().map(|(_, job)| job));
        }
        Some(group)
    }

    /// Takes no more jobs. Those that wait are still taken.
    pub(crate) fn close(&self) {
        locked(&self.state).closed = true;
        self.room.close();
        self.arrived.notify_all();
    }

    /// Closes, and drops what waits (whose callers are told so by their dropped answers).
    pub(crate) fn abandon(&self) {
        self.close();
        let waiting = std::mem::take(&mut locked(&self.state).waiting);
        drop(waiting);
    }
}
