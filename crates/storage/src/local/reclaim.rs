//! Giving space back, on a thread of its own: files that no row names, segments that hold nothing any more, and, out of
//! segments that are more than half dead, what is still alive.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::blobs::{Pointer, read_at};
use super::committer::{Move, Work};
use super::frame::{BlobEntry, HEADER_BYTES, Header, decode_frame};
use super::log::{failure, segment_path};
use super::{Shared, limits, rows};
use crate::contract::StoreError;
use crate::locked;

/// How often the thread looks when nobody wakes it.
const INTERVAL: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(crate) struct Chores {
    state: Mutex<State>,
    woken: Condvar,
    /// One round at a time.
    round: Mutex<()>,
}

#[derive(Default)]
struct State {
    wake: bool,
    closed: bool,
}

impl Chores {
    pub(crate) fn wake(&self) {
        locked(&self.state).wake = true;
        self.woken.notify_one();
    }

    pub(crate) fn close(&self) {
        locked(&self.state).closed = true;
        self.woken.notify_one();
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
}

/// The thread.
pub(crate) fn run(shared: &Shared) {
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

/// One round of everything.
pub(crate) fn round(shared: &Shared) -> Result<(), StoreError> {
    let _round = locked(&shared.chores.round);
    let room = shared.space.check().is_ok();
    let grace = if room { shared.release_grace } else { shared.release_grace.min(Duration::from_secs(5)) };
    shared.files.sweep(grace);
    if shared.health.check().is_err() {
        return Ok(());
    }
    if room && let Err(error) = shared.reserve.fill() {
        tracing::debug!(%error, "the reserve could not be filled again");
    }
    let all = shared.segments.all();
    let active = all.keys().next_back().copied();
    let mut waits_for_flush = false;
    for (segment, stats) in all {
        if Some(segment) == active || shared.chores.is_closed() || stats.last_record > shared.trimmed() {
            continue;
        }
        if stats.last_frame > shared.flush.flushed_frame() {
            waits_for_flush |= stats.live_bytes() * 2 < stats.length;
            continue;
        }
        if stats.live_bytes() > 0 && stats.live_bytes() * 2 < stats.length {
            relocate(shared, segment, stats.length)?;
        }
        if shared.segments.stats(segment).is_some_and(|stats| shared.is_reclaimable(segment, &stats)) {
            drop_segment(shared, segment)?;
        }
    }
    if waits_for_flush {
        shared.ask_here(Work::Rotate, 0)?;
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
fn relocate(shared: &Shared, segment: u64, length: u64) -> Result<(), StoreError> {
    let damaged = || StoreError::Corrupt { what: "a frame of the log".into() };
    let unread = |error: std::io::Error| StoreError::Corrupt { what: failure("the log", &error) };
    let file = shared.segments.file(segment).map_err(unread)?;
    let mut offset = 0;
    let mut moves = Vec::new();
    let mut gathered = 0;
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
            let bytes = frame.slice_ref(within);
            gathered += bytes.len() as u64;
            moves.push(Move { id, from, bytes });
            if gathered >= limits::RELOCATE_BYTES {
                shared.ask_here(Work::Relocate(std::mem::take(&mut moves)), gathered)?;
                gathered = 0;
            }
        }
        offset += header.frame_bytes();
    }
    if !moves.is_empty() {
        shared.ask_here(Work::Relocate(moves), gathered)?;
    }
    Ok(())
}

/// Removes the blob files that a crash left without a commit. Those that are being written now are not touched.
fn sweep_orphans(shared: &Shared) -> Result<(), StoreError> {
    let listed =
        shared.files.list().map_err(|error| StoreError::Corrupt { what: failure("blobs", &error) })?;
    let mut orphans = 0_u64;
    for (_, id, _) in listed {
        let Some(id) = id else { continue };
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
