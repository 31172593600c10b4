//! The log's segments, seen from the reading side: what each holds, and open files of them.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::frame::BLOB_ENTRY_BYTES;
use super::limits;
use super::log::segment_path;
use crate::locked;

/// What a segment holds. Stored as a row of the index, so that reclaim knows it without reading the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct SegmentStats {
    pub(crate) last_frame: u64,
    pub(crate) first_position: u64,
    pub(crate) last_position: u64,
    /// Position of the last commit with records (0: none).
    pub(crate) last_record: u64,
    pub(crate) length: u64,
    pub(crate) blobs: u64,
    pub(crate) blob_bytes: u64,
    pub(crate) dead_blobs: u64,
    pub(crate) dead_bytes: u64,
}

const STATS_BYTES: usize = 72;

impl SegmentStats {
    pub(crate) fn encode(&self) -> Vec<u8> {
        [
            self.last_frame,
            self.first_position,
            self.last_position,
            self.last_record,
            self.length,
            self.blobs,
            self.blob_bytes,
            self.dead_blobs,
            self.dead_bytes,
        ]
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != STATS_BYTES {
            return None;
        }
        let mut numbers =
            bytes.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok().map(u64::from_be_bytes));
        Some(Self {
            last_frame: numbers.next()?,
            first_position: numbers.next()?,
            last_position: numbers.next()?,
            last_record: numbers.next()?,
            length: numbers.next()?,
            blobs: numbers.next()?,
            blob_bytes: numbers.next()?,
            dead_blobs: numbers.next()?,
            dead_bytes: numbers.next()?,
        })
    }

    /// A blob of `bytes` lies here.
    pub(crate) fn lay(&mut self, bytes: u32) {
        self.blobs += 1;
        self.blob_bytes += u64::from(bytes);
    }

    /// A blob of `bytes` that lies here was released, or lies elsewhere now.
    pub(crate) fn bury(&mut self, bytes: u32) {
        self.dead_blobs += 1;
        self.dead_bytes += u64::from(bytes);
    }

    /// Whether a blob that lies here, even one of no bytes, is alive.
    pub(crate) fn is_alive(&self) -> bool {
        self.blobs > self.dead_blobs
    }

    /// What the blobs that are alive take here, and would take elsewhere.
    fn live_bytes(&self) -> u64 {
        let blobs = self.blobs.saturating_sub(self.dead_blobs);
        self.blob_bytes.saturating_sub(self.dead_bytes) + blobs * BLOB_ENTRY_BYTES
    }

    /// How much of the segment is alive, in thousandths: its blobs with their entries. Rows and records are not, once the
    /// index holds the ones and the archive the others.
    pub(crate) fn live_share(&self) -> u64 {
        self.live_bytes().saturating_mul(1000) / self.length.max(1)
    }
}

/// All segments.
pub(crate) struct Segments {
    directory: PathBuf,
    stats: Mutex<BTreeMap<u64, SegmentStats>>,
    open: Mutex<VecDeque<(u64, Arc<File>)>>,
    /// Segment and offset of a frame that has this first position: one about each MiB, and where readers stopped.
    marks: Mutex<BTreeMap<u64, (u64, u64)>>,
}

impl Segments {
    pub(crate) fn new(directory: PathBuf, stats: BTreeMap<u64, SegmentStats>) -> Self {
        Self { directory, stats: Mutex::new(stats), open: Mutex::default(), marks: Mutex::default() }
    }

    pub(crate) fn all(&self) -> BTreeMap<u64, SegmentStats> {
        locked(&self.stats).clone()
    }

    pub(crate) fn stats(&self, segment: u64) -> Option<SegmentStats> {
        locked(&self.stats).get(&segment).copied()
    }

    /// Changes what is known of a segment, and gives it.
    pub(crate) fn update(&self, segment: u64, change: impl FnOnce(&mut SegmentStats)) -> SegmentStats {
        let mut all = locked(&self.stats);
        let stats = all.entry(segment).or_default();
        change(stats);
        *stats
    }

    /// Forgets a segment that goes.
    pub(crate) fn remove(&self, segment: u64) {
        locked(&self.stats).remove(&segment);
        locked(&self.open).retain(|(open, _)| *open != segment);
        locked(&self.marks).retain(|_, (marked, _)| *marked != segment);
    }

    /// The segment that the commit at `position` lies in, or the first one behind it.
    pub(crate) fn holding(&self, position: u64) -> Option<(u64, SegmentStats)> {
        let all = locked(&self.stats);
        all.iter()
            .find(|(_, stats)| stats.last_position >= position)
            .map(|(segment, stats)| (*segment, *stats))
    }

    /// A file of the segment to read from.
    pub(crate) fn file(&self, segment: u64) -> io::Result<Arc<File>> {
        {
            let mut open = locked(&self.open);
            if let Some(at) = open.iter().position(|(number, _)| *number == segment)
                && let Some(entry) = open.remove(at)
            {
                let file = entry.1.clone();
                open.push_back(entry);
                return Ok(file);
            }
        }
        let file = Arc::new(File::open(segment_path(&self.directory, segment))?);
        let mut open = locked(&self.open);
        open.push_back((segment, file.clone()));
        if open.len() > limits::READ_FILES {
            open.pop_front();
        }
        Ok(file)
    }

    /// Remembers where a position lies.
    pub(crate) fn mark(&self, position: u64, segment: u64, offset: u64) {
        let mut marks = locked(&self.marks);
        let near = marks
            .range(..=position)
            .next_back()
            .is_some_and(|(_, (marked, at))| *marked == segment && offset < at + limits::MARK_BYTES);
        if !near {
            marks.insert(position, (segment, offset));
        }
    }

    /// Forgets marks that no reader behind `trimmed` begins from.
    pub(crate) fn forget_marks(&self, trimmed: u64) {
        let mut marks = locked(&self.marks);
        let nearest = marks.range(..=trimmed).next_back().map(|(position, _)| *position);
        if let Some(nearest) = nearest {
            *marks = marks.split_off(&nearest);
        }
    }

    /// The best place in `segment` to look for `position` from.
    pub(crate) fn marked(&self, position: u64, segment: u64) -> u64 {
        let marks = locked(&self.marks);
        let mark = marks.range(..=position).next_back();
        mark.filter(|(_, (marked, _))| *marked == segment).map_or(0, |(_, (_, offset))| *offset)
    }
}
