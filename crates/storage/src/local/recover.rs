//! From the log back to the index: replay the frames that it does not hold, cut off a torn one, refuse damage.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::Shared;
use super::blobs::read_at;
use super::committer::{Head, encode_frame};
use super::frame::{CommitMeta, HEADER_BYTES, Header, Instance, MAGIC, decode_frame};
use super::log::{LogDisk, LogEnd, LogWriter, segment_of, segment_path, sync_directory};
use super::open::OpenError;
use super::reserve::EMERGENCY;
use super::rows::{self, AppliedTo};

/// The segments that lie in `log/`, with their lengths.
pub(crate) fn list_segments(log: &Path) -> Result<BTreeMap<u64, u64>, OpenError> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(log).map_err(|error| OpenError::io("read log", error))? {
        let entry = entry.map_err(|error| OpenError::io("read log", error))?;
        if let Some(segment) = entry.file_name().to_str().and_then(segment_of) {
            let length = entry.metadata().map_err(|error| OpenError::io("read log", error))?.len();
            found.insert(segment, length);
        }
    }
    Ok(found)
}

/// What recovery found.
pub(crate) struct Recovered {
    pub(crate) log: LogWriter,
    pub(crate) next_position: u64,
}

fn damaged(what: impl Into<String>) -> OpenError {
    OpenError::Corrupt { what: what.into() }
}

/// Replays the log behind `applied`, merges the emergency log, and gives the end to append at.
pub(crate) fn recover(
    shared: &Shared,
    disk: Arc<dyn LogDisk>,
    segment_bytes: u64,
    applied: Option<AppliedTo>,
) -> Result<Recovered, OpenError> {
    let log = shared.directory.join("log");
    let mut replay = Replay {
        shared,
        segments: list_segments(&log)?,
        log,
        end: LogEnd { segment: 1, length: 0, next_frame: 1, previous: 0 },
        position: 0,
        last: None,
    };
    if let Some(applied) = applied {
        replay.end = applied.end;
        replay.position = applied.position;
    }
    replay.run(applied.is_some())?;
    replay.make_certain()?;
    replay.compare_with_index()?;
    let (end, position) = (replay.end, replay.position);
    let log = LogWriter::open(disk, replay.log, segment_bytes, end)
        .map_err(|error| OpenError::io("open log", error))?;
    let mut recovered = Recovered { log, next_position: position + 1 };
    merge_emergency(shared, &mut recovered)?;
    Ok(recovered)
}

struct Replay<'a> {
    shared: &'a Shared,
    segments: BTreeMap<u64, u64>,
    log: std::path::PathBuf,
    end: LogEnd,
    position: u64,
    /// The frame that was replayed last, and where it begins in its segment.
    last: Option<(u64, Bytes)>,
}

impl Replay<'_> {
    /// After the replay, which may have dropped segments: what the index needs is there; what it has dropped, but a
    /// crash has left, goes.
    fn compare_with_index(&mut self) -> Result<(), OpenError> {
        let known = self.shared.segments.all();
        let active = self.end.segment;
        let unknown = |segment: &&u64| **segment != active && !known.contains_key(*segment);
        let dropped: Vec<_> = self.segments.keys().filter(unknown).copied().collect();
        for segment in dropped {
            std::fs::remove_file(segment_path(&self.log, segment))
                .map_err(|error| OpenError::io("remove a dropped log segment", error))?;
            self.segments.remove(&segment);
        }
        for (segment, stats) in known {
            let needed = stats.is_alive() || stats.last_record > self.shared.trimmed();
            match self.segments.get(&segment) {
                None if needed => return Err(damaged(format!("log segment {segment:016x} is missing"))),
                Some(length) if *length < stats.length => {
                    return Err(damaged(format!(
                        "log segment {segment:016x} is shorter than the index says"
                    )));
                }
                None | Some(_) => {}
            }
        }
        Ok(())
    }

    fn run(&mut self, indexed: bool) -> Result<(), OpenError> {
        if !self.segments.contains_key(&self.end.segment) && indexed {
            // The indexed segment was dropped: what follows begins with the very next frame.
            if !self.segments.contains_key(&self.end.next_frame) {
                return Err(damaged("the log's last segment is missing"));
            }
            self.end = LogEnd { segment: self.end.next_frame, length: 0, ..self.end };
        }
        let first = self.segments.keys().next().copied();
        if !indexed && first.is_some_and(|first| first != self.end.segment) {
            return Err(damaged("the index is empty, and the log's first segment is missing"));
        }
        loop {
            self.segment()?;
            let next = self.end.next_frame;
            match self.segments.range(self.end.segment + 1..).next() {
                None => return Ok(()),
                Some((segment, _)) if *segment == next => {
                    // A successor was begun only after the sync.
                    self.last = None;
                    self.end = LogEnd { segment: next, length: 0, ..self.end };
                }
                Some((segment, _)) => {
                    return Err(damaged(format!(
                        "frame {next} is missing before log segment {segment:016x}"
                    )));
                }
            }
        }
    }

    /// Replays one segment from where the index stands.
    fn segment(&mut self) -> Result<(), OpenError> {
        let path = segment_path(&self.log, self.end.segment);
        let Some(length) = self.segments.get(&self.end.segment).copied() else { return Ok(()) };
        let file = File::open(&path).map_err(|error| OpenError::io("open log segment", error))?;
        while self.end.length < length {
            let Some((header, commits, bytes)) = self.frame(&file, length)? else {
                return self.torn(&path, &file, length);
            };
            rows::apply(self.shared, &header, self.end.length, &commits, &HashMap::new())
                .map_err(OpenError::from)?;
            self.last = Some((self.end.length, bytes));
            self.end.length += header.frame_bytes();
            self.end.next_frame = header.frame + 1;
            self.end.previous = header.crc;
            self.position = header.last_position();
            if self.shared.index.active_bytes() >= self.shared.memtable_bytes {
                self.make_certain()?;
                self.shared.index.rotate();
                self.shared.index.flush().map_err(OpenError::Index)?;
                self.shared.flush.started_with(header.frame);
            }
        }
        Ok(())
    }

    /// Writes the last frame again where it lies, and syncs it. A process that died, or whose sync failed, may have left
    /// it in the system's cache alone, which after a failed sync calls it clean: only what is written again is certain to
    /// be written. One frame is in flight at most, so those before it are durable. Source: Rebello and others, "Can
    /// Applications Recover from fsync Failures?" (USENIX ATC 2020).
    fn make_certain(&mut self) -> Result<(), OpenError> {
        let Some((offset, bytes)) = self.last.take() else { return Ok(()) };
        let write = || {
            let file = OpenOptions::new().write(true).open(segment_path(&self.log, self.end.segment))?;
            file.write_all_at(&bytes, offset)?;
            file.sync_all()
        };
        write().map_err(|error| OpenError::io("write the last frame again", error))
    }

    /// The frame at the end of what is replayed, if it is whole and the right one, and its bytes.
    fn frame(&self, file: &File, length: u64) -> Result<Option<(Header, Vec<CommitMeta>, Bytes)>, OpenError> {
        let at = self.end.length;
        let read = |size: u64| -> Result<Option<Bytes>, OpenError> {
            if at + size > length {
                return Ok(None);
            }
            let size = usize::try_from(size).map_err(|_| damaged("a frame is too long"))?;
            read_at(file, at, size).map(Some).map_err(|error| OpenError::io("read log", error))
        };
        let Some(head) = read(HEADER_BYTES as u64)? else { return Ok(None) };
        let Some(header) = Header::decode(&head, self.shared.instance) else { return Ok(None) };
        if !self.follows(&header) {
            return Ok(None);
        }
        let Some(bytes) = read(header.frame_bytes())? else { return Ok(None) };
        let decoded = decode_frame(&bytes, self.shared.instance);
        Ok(decoded.map(|(header, commits)| (header, commits, bytes)))
    }

    fn follows(&self, header: &Header) -> bool {
        header.segment == self.end.segment
            && header.frame == self.end.next_frame
            && header.previous == self.end.previous
            && header.first_position > self.position
    }

    /// A frame that is not whole: at the very end it was never acknowledged and is cut off, elsewhere it is damage.
    fn torn(&mut self, path: &Path, file: &File, length: u64) -> Result<(), OpenError> {
        let what =
            || damaged(format!("frame {} of the log is damaged, and others follow it", self.end.next_frame));
        if self.segments.range(self.end.segment + 1..).next().is_some() {
            return Err(what());
        }
        if has_successor(file, self.end.length + 1, length, self.shared.instance, &self.end)? {
            return Err(what());
        }
        tracing::warn!(
            frame = self.end.next_frame,
            cut_bytes = length - self.end.length,
            "cut off a torn frame that was never acknowledged"
        );
        let truncate = || {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(self.end.length)?;
            file.sync_all()
        };
        truncate().map_err(|error| OpenError::io("truncate log", error))?;
        self.segments.insert(self.end.segment, self.end.length);
        Ok(())
    }
}

/// Whether a whole frame of this segment, later than the one expected, begins at `from` or behind it.
fn has_successor(
    file: &File,
    from: u64,
    length: u64,
    instance: Instance,
    end: &LogEnd,
) -> Result<bool, OpenError> {
    const CHUNK: usize = 1 << 20;
    let unread = |error| OpenError::io("read log", error);
    let mut at = from;
    while at + (HEADER_BYTES as u64) <= length {
        let size = usize::try_from((length - at).min(CHUNK as u64 + HEADER_BYTES as u64)).unwrap_or(CHUNK);
        let chunk = read_at(file, at, size).map_err(unread)?;
        for (place, window) in chunk.windows(MAGIC.len()).enumerate() {
            if window != MAGIC {
                continue;
            }
            let begin = at + place as u64;
            if begin + HEADER_BYTES as u64 > length {
                break;
            }
            let head = read_at(file, begin, HEADER_BYTES).map_err(unread)?;
            let Some(header) = Header::decode(&head, instance) else { continue };
            if header.segment != end.segment
                || header.frame <= end.next_frame
                || begin + header.frame_bytes() > length
            {
                continue;
            }
            let size = usize::try_from(header.frame_bytes()).map_err(|_| damaged("a frame is too long"))?;
            if decode_frame(&read_at(file, begin, size).map_err(unread)?, instance).is_some() {
                return Ok(true);
            }
        }
        at += CHUNK as u64;
    }
    Ok(false)
}

/// Records that were kept in the emergency log become ordinary frames, with the positions that they had.
fn merge_emergency(shared: &Shared, recovered: &mut Recovered) -> Result<(), OpenError> {
    let left = shared.reserve.left(shared.instance).map_err(|error| OpenError::io("read reserve", error))?;
    if left.frames.is_empty() && left.last_behind.is_none() {
        return Ok(());
    }
    let failed = |error| match error {
        super::log::AppendError::Full => {
            damaged("the disk is full: make room, so that kept records can be merged")
        }
        super::log::AppendError::Failed(reason) => damaged(reason.to_string()),
    };
    let mut buffer = Vec::new();
    let mut merged = 0_u64;
    for (header, commits) in left.frames {
        debug_assert_eq!(header.segment, EMERGENCY);
        if header.first_position < recovered.next_position {
            continue;
        }
        recovered.log.roll().map_err(failed)?;
        let end = recovered.log.end();
        let head = Head {
            segment: end.segment,
            frame: end.next_frame,
            previous: end.previous,
            first_position: header.first_position,
            time: header.time,
        };
        let header = encode_frame(&mut buffer, shared.instance, head, &commits, &[]);
        recovered.log.append(&buffer, header.crc).map_err(failed)?;
        rows::apply(shared, &header, end.length, &commits, &HashMap::new()).map_err(OpenError::from)?;
        recovered.next_position = header.last_position() + 1;
        merged += 1;
    }
    if left.last_behind.is_some_and(|last| last >= recovered.next_position) {
        return Err(damaged("a frame of the emergency log is not whole, and others follow it"));
    }
    shared.reserve.clear(left.end).map_err(|error| OpenError::io("clear reserve", error))?;
    tracing::info!(frames = merged, "merged records from the emergency log");
    sync_directory(&shared.directory).map_err(|error| OpenError::io("sync", error))
}
