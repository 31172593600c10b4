//! The file `reserve`: room that is taken while there is some.
//!
//! Its first quarter is the emergency log, which takes records once the log itself is not to be trusted any more: what
//! was served meanwhile stays recorded, and the next start merges it. The rest is ballast: on a full disk it is given
//! back step by step, so that deletes, records and the index's flushes find room.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;

use super::frame::{CommitMeta, HEADER_BYTES, Header, Instance, MAGIC, decode_frame};
use crate::locked;

/// The segment number that emergency frames bear.
pub(crate) const EMERGENCY: u64 = u64::MAX;

struct State {
    /// Where the next emergency frame goes.
    offset: u64,
    /// The file's length now.
    length: u64,
    /// Emergency records, for readers of the journal: (position, records).
    records: Vec<(u64, Vec<Bytes>)>,
    previous: u32,
    frame: u64,
}

/// What an earlier life left in the emergency log.
pub(crate) struct Left {
    /// Frames of records, in order.
    pub(crate) frames: Vec<(Header, Vec<CommitMeta>)>,
    /// Where everything that may be a frame ends.
    pub(crate) end: u64,
    /// The highest position in whole frames that lie behind one that is not whole: of records that are lost, or, when
    /// the log has them, the leavings of a [`Reserve::clear`] that was cut short.
    pub(crate) last_behind: Option<u64>,
}

pub(crate) struct Reserve {
    file: File,
    full_length: u64,
    state: Mutex<State>,
}

impl Reserve {
    pub(crate) fn open(path: &Path, length: u64) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let state =
            State { offset: 0, length: file.metadata()?.len(), records: Vec::new(), previous: 0, frame: 0 };
        Ok(Self { file, full_length: length, state: Mutex::new(state) })
    }

    /// What an earlier life left here.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn left(&self, instance: Instance) -> io::Result<Left> {
        let mut found = Vec::new();
        let mut previous = 0;
        let mut offset = 0;
        let most = self.file.metadata()?.len().min(self.full_length / 4);
        while let Some((header, commits)) = self.frame(instance, offset, most)? {
            if header.previous != previous {
                break;
            }
            previous = header.crc;
            offset += header.frame_bytes();
            found.push((header, commits));
        }
        let last_behind = self.last_behind(instance, offset, most)?;
        Ok(Left { frames: found, end: last_behind.map_or(offset, |_| most), last_behind })
    }

    /// The whole emergency frame at `offset`.
    fn frame(
        &self,
        instance: Instance,
        offset: u64,
        most: u64,
    ) -> io::Result<Option<(Header, Vec<CommitMeta>)>> {
        if offset + HEADER_BYTES as u64 > most {
            return Ok(None);
        }
        let head = super::blobs::read_at(&self.file, offset, HEADER_BYTES)?;
        let Some(header) = Header::decode(&head, instance) else { return Ok(None) };
        if header.segment != EMERGENCY || offset + header.frame_bytes() > most {
            return Ok(None);
        }
        let size = usize::try_from(header.frame_bytes()).map_err(io::Error::other)?;
        Ok(decode_frame(&super::blobs::read_at(&self.file, offset, size)?, instance))
    }

    /// The highest position in whole frames behind `from`.
    fn last_behind(&self, instance: Instance, from: u64, most: u64) -> io::Result<Option<u64>> {
        const CHUNK: u64 = 1 << 20;
        let (mut at, mut last) = (from, None);
        while at + (HEADER_BYTES as u64) <= most {
            let size =
                usize::try_from((most - at).min(CHUNK + HEADER_BYTES as u64)).map_err(io::Error::other)?;
            let chunk = super::blobs::read_at(&self.file, at, size)?;
            for (place, _) in chunk.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC) {
                if let Some((header, _)) = self.frame(instance, at + place as u64, most)? {
                    last = last.max(Some(header.last_position()));
                }
            }
            at += CHUNK;
        }
        Ok(last)
    }

    /// Forgets what was left up to `end`, durably, so that no old frame can be taken for a later one.
    pub(crate) fn clear(&self, end: u64) -> io::Result<()> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        let mut at = 0;
        while at < end {
            let size = usize::try_from((end - at).min(ZEROS.len() as u64)).unwrap_or(ZEROS.len());
            self.file.write_all_at(ZEROS.get(..size).unwrap_or(&ZEROS), at)?;
            at += size as u64;
        }
        self.file.sync_data()
    }

    /// Takes the full length on disk again.
    pub(crate) fn fill(&self) -> io::Result<()> {
        let mut state = locked(&self.state);
        if state.length >= self.full_length {
            return Ok(());
        }
        match rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::empty(), 0, self.full_length) {
            Ok(()) => {}
            Err(rustix::io::Errno::OPNOTSUPP) => self.file.set_len(self.full_length)?,
            Err(error) => return Err(error.into()),
        }
        self.file.sync_all()?;
        state.length = self.full_length;
        Ok(())
    }

    /// Gives back one step of the ballast; `false` when there is none left.
    pub(crate) fn give_back(&self) -> bool {
        let mut state = locked(&self.state);
        let shorter = state.length.saturating_sub(self.full_length / 4);
        if shorter < self.full_length / 4 || self.file.set_len(shorter).is_err() {
            return false;
        }
        state.length = shorter;
        tracing::warn!(left_bytes = shorter, "the disk is full: a part of the reserve was given back");
        true
    }

    /// Makes a frame of records durable in the emergency log, built by `encode` from its number and its predecessor's
    /// checksum.
    pub(crate) fn append(
        &self,
        records: Vec<(u64, Vec<Bytes>)>,
        encode: impl FnOnce(u64, u32) -> (Vec<u8>, u32),
    ) -> io::Result<()> {
        let mut state = locked(&self.state);
        let (frame, crc) = encode(state.frame, state.previous);
        let end = state.offset + frame.len() as u64;
        if end > self.full_length / 4 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.file.write_all_at(&frame, state.offset)?;
        self.file.sync_data()?;
        state.offset = end;
        state.frame += 1;
        state.previous = crc;
        state.records.extend(records);
        Ok(())
    }

    /// Emergency records behind `after`.
    pub(crate) fn records(&self, after: u64) -> Vec<(u64, Vec<Bytes>)> {
        let state = locked(&self.state);
        state.records.iter().filter(|(position, _)| *position > after).cloned().collect()
    }
}
