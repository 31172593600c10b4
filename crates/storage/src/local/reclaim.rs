//! Giving space back, on a thread of its own: files that no row names, segments that hold nothing any more, and, out of
//! segments that are more than half dead, what is still alive.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::blobs::{Pointer, read_at};
use super::committer::{Move, Work};
use super::frame::{BlobEntry, HEADER_BYTES, Header, decode_frame};
use super::index::index_error;
use super::log::{failure, segment_path};
use super::pace::Pace;
use super::segments::SegmentStats;
use super::{Shared, backup, limits, rows};
use crate::contract::StoreError;
use crate::locked;

/// How often the thread looks when nobody wakes it.
const INTERVAL: Duration = Duration::from_secs(5);

pub(crate) struct Chores {
    state: Mutex<State>,
    woken: Condvar,
    /// One round at a time.
    turn: Mutex<()>,
    /// One step of a round at a time.
    step: Mutex<()>,
    /// One backup at a time.
    backup: Mutex<()>,
    bytes_per_second: u64,
}

#[derive(Default)]
struct State {
    wake: bool,
    closed: bool,
    /// Rounds that somebody waits for.
    hurried: usize,
}

impl Chores {
    /// Moves at most so many bytes a second while nobody is in a hurry.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self {
            state: Mutex::default(),
            woken: Condvar::new(),
            turn: Mutex::default(),
            step: Mutex::default(),
            backup: Mutex::default(),
            bytes_per_second,
        }
    }

    pub(crate) fn wake(&self) {
        locked(&self.state).wake = true;
        self.woken.notify_all();
    }

    pub(crate) fn close(&self) {
        locked(&self.state).closed = true;
        self.woken.notify_all();
    }

    /// While it is held, nothing goes from the disk that a row has named.
    pub(crate) fn pause(&self) -> MutexGuard<'_, ()> {
        locked(&self.step)
    }

    /// Held by whoever takes a backup.
    pub(crate) fn backup(&self) -> &Mutex<()> {
        &self.backup
    }

    fn is_closed(&self) -> bool {
        locked(&self.state).closed
    }

    /// Waits for the next round; `false` when there is none.
    fn next(&self) -> bool {
        let mut state = locked(&self.state);
        if !state.wake && !state.closed {
            state = self.woken.wait_timeout(state, INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.wake = false;
        !state.closed
    }

    /// Waits until `instant`, but not for a store that closes, nor while somebody waits for a round.
    pub(super) fn sleep_until(&self, instant: Instant) {
        let mut state = locked(&self.state);
        while !state.closed && state.hurried == 0 {
            let left = instant.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.woken.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn hurry(&self, more: bool) {
        let mut state = locked(&self.state);
        state.hurried = if more { state.hurried + 1 } else { state.hurried.saturating_sub(1) };
        self.woken.notify_all();
    }
}

/// The thread.
pub(crate) fn run(shared: &Shared) {
    if let Ok(_none) = shared.chores.backup.try_lock()
        && let Err(error) = backup::remove_staging(&shared.directory)
    {
        tracing::warn!(%error, "what an interrupted backup left could not be removed");
    }
    if let Err(error) = sweep_orphans(shared) {
        tracing::warn!(%error, "files that no row names could not be looked for");
    }
    while shared.chores.next() {
        match round(shared) {
            Ok(()) | Err(StoreError::Closed | StoreError::Conflict | StoreError::Poisoned { .. }) => {}
            Err(error) => tracing::warn!(%error, "space could not be reclaimed"),
        }
    }
}

/// One round of everything, at once.
pub(crate) fn hurried_round(shared: &Shared) -> Result<(), StoreError> {
    shared.chores.hurry(true);
    let done = round(shared);
    shared.chores.hurry(false);
    done
}

/// One round of everything, at the pace that is allowed.
fn round(shared: &Shared) -> Result<(), StoreError> {
    let _turn = locked(&shared.chores.turn);
    // Of a store that is poisoned rows may be seen whose deletion is durable: what they name stays until the restart.
    if shared.health.check().is_err() {
        return Ok(());
    }
    let mut pace = Pace::new(shared.chores.bytes_per_second);
    unlink_released(shared, &mut pace);
    if shared.space.check().is_ok()
        && let Err(error) = shared.reserve.fill()
    {
        tracing::debug!(%error, "the reserve could not be filled again");
    }
    let mut waits_for_flush = false;
    let mut outcome = Ok(());
    for (segment, stats) in dying(shared) {
        if stats.last_frame > shared.flush.flushed_frame() {
            waits_for_flush = true;
            continue;
        }
        match give_back(shared, segment, &stats, &mut pace) {
            Ok(()) => {}
            // What one segment hides keeps nothing back in the others.
            Err(error @ StoreError::Corrupt { .. }) => outcome = Err(error),
            Err(error) => return Err(error),
        }
        if shared.chores.is_closed() {
            return outcome;
        }
    }
    if waits_for_flush {
        shared.ask_here(Work::Rotate, 0)?;
    }
    // A flush or compaction lets go of what was before, but only with the next one after a commit, which may never come.
    if shared.index.keeps_old() {
        shared.ask_here(Work::Publish, 0)?;
        shared.index.let_go().map_err(|error| index_error(&error))?;
    }
    outcome
}

/// Unlinks the files that nobody wants any more.
fn unlink_released(shared: &Shared, pace: &mut Pace) {
    let room = shared.space.check().is_ok();
    let grace = if room { shared.release_grace } else { shared.release_grace.min(Duration::from_secs(5)) };
    for id in shared.files.due(grace) {
        pace.wait(shared);
        let _step = shared.chores.pause();
        shared.files.unlink(id);
        pace.unlinked();
    }
}

/// Segments that may go, or be emptied, those with the least to copy first.
fn dying(shared: &Shared) -> Vec<(u64, SegmentStats)> {
    let mut all = shared.segments.all();
    // The last one is being written.
    all.pop_last();
    let trimmed = shared.trimmed();
    let mut dying: Vec<_> = all
        .into_iter()
        .filter(|(_, stats)| stats.last_record <= trimmed && stats.live_share() < limits::LIVE_SHARE)
        .collect();
    dying.sort_by_key(|(_, stats)| stats.live_share());
    dying
}

/// Empties a segment and drops it, unless somebody still reads there.
fn give_back(shared: &Shared, segment: u64, stats: &SegmentStats, pace: &mut Pace) -> Result<(), StoreError> {
    if stats.is_alive() {
        relocate(shared, segment, stats.length, pace)?;
    }
    let _step = shared.chores.pause();
    if shared.segments.stats(segment).is_some_and(|stats| shared.is_reclaimable(segment, &stats)) {
        drop_segment(shared, segment)?;
    }
    Ok(())
}

/// The row goes first, durably; a file that outlives it is removed at the next start.
fn drop_segment(shared: &Shared, segment: u64) -> Result<(), StoreError> {
    match shared.ask_here(Work::DropSegment(segment), 64) {
        Ok(_) => {}
        Err(StoreError::Conflict) => return Ok(()),
        Err(error) => return Err(error),
    }
    let path = segment_path(&shared.directory.join("log"), segment);
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(%error, "a segment of the log could not be removed");
    }
    Ok(())
}

/// Copies what is alive in a segment to the log's end.
fn relocate(shared: &Shared, segment: u64, length: u64, pace: &mut Pace) -> Result<(), StoreError> {
    let damaged = || StoreError::Corrupt { what: "a frame of the log".into() };
    let unread = |error: std::io::Error| StoreError::Corrupt { what: failure("the log", &error) };
    let file = shared.segments.file(segment).map_err(unread)?;
    let mut offset = 0;
    let mut moves = Moves::default();
    while offset < length && !shared.chores.is_closed() {
        let head = read_at(&file, offset, HEADER_BYTES).map_err(unread)?;
        let header = Header::decode(&head, shared.instance).ok_or_else(damaged)?;
        // The whole frame, so that its checksums are looked at: what is copied gets new ones.
        let size = usize::try_from(header.frame_bytes()).map_err(|_| damaged())?;
        let frame = read_at(&file, offset, size).map_err(unread)?;
        let (_, commits) = decode_frame(&frame, shared.instance).ok_or_else(damaged)?;
        for blob in commits.iter().flat_map(|commit| &commit.blobs) {
            let (BlobEntry::Inline { id, offset: at, bytes } | BlobEntry::Moved { id, offset: at, bytes }) =
                *blob
            else {
                continue;
            };
            let begin = header.blobs_at() + u64::from(at);
            let from = Pointer::Inline { segment, offset: offset + begin, bytes };
            if rows::pointer(&shared.index.snapshot(), id)? != Some(from) {
                continue;
            }
            let begin = usize::try_from(begin).map_err(|_| damaged())?;
            let within = frame.get(begin..begin + bytes as usize).ok_or_else(damaged)?;
            moves.add(Move { id, from, bytes: frame.slice_ref(within) });
            if moves.is_enough() {
                std::mem::take(&mut moves).make(shared, pace)?;
            }
        }
        offset += header.frame_bytes();
    }
    moves.make(shared, pace)
}

/// Moves that are gathered for one commit.
#[derive(Default)]
struct Moves {
    moves: Vec<Move>,
    bytes: u64,
}

impl Moves {
    fn add(&mut self, wanted: Move) {
        self.bytes += wanted.bytes.len() as u64;
        self.moves.push(wanted);
    }

    fn is_enough(&self) -> bool {
        self.bytes >= limits::RELOCATE_BYTES || self.moves.len() >= limits::RELOCATE_BLOBS
    }

    fn make(self, shared: &Shared, pace: &mut Pace) -> Result<(), StoreError> {
        if self.moves.is_empty() {
            return Ok(());
        }
        // A round may take long: what is released meanwhile does not gather until its end.
        if shared.files.are_too_many() {
            unlink_released(shared, pace);
        }
        pace.wait(shared);
        pace.moved(self.moves.len() as u64, self.bytes);
        let _step = shared.chores.pause();
        shared.ask_here(Work::Relocate(self.moves), self.bytes).map(drop)
    }
}

/// Removes the blob files that a crash left without a commit. Those that are being written now are not touched.
fn sweep_orphans(shared: &Shared) -> Result<(), StoreError> {
    let unread = |error: std::io::Error| StoreError::Corrupt { what: failure("blobs", &error) };
    let mut orphans = 0_u64;
    for listed in shared.files.list().map_err(unread)? {
        let Some(id) = listed.map_err(unread)?.id else { continue };
        // Staged first: a commit may come between the two looks, and then the row is there.
        if shared.files.is_staged(id) || shared.chores.is_closed() {
            continue;
        }
        // A frame whose sync failed may name the file, and may be there at the next start.
        if shared.health.check().is_err() {
            return Ok(());
        }
        if rows::pointer(&shared.index.snapshot(), id)?.is_none() && !shared.files.is_staged(id) {
            shared.files.unlink(id);
            orphans += 1;
        }
    }
    if orphans > 0 {
        tracing::info!(orphans, "removed blob files that no commit names");
    }
    Ok(())
}
