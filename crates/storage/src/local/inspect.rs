//! What [`crate::verify`] asks of the engine: a walk over everything that lies on disk.

use std::fs::File;
use std::path::PathBuf;

use bytes::Bytes;
use strongroom_types::BlobId;

use super::blobs::{Listed, Pointer, read_at};
use super::frame::{HEADER_BYTES, Header, decode_frame};
use super::log::{failure, segment_path};
use super::{LocalStore, limits, recover, rows};
use crate::contract::{Direction, StoreError};
use crate::verify::{Finding, Looked};

fn unread(what: &str, error: &std::io::Error) -> StoreError {
    StoreError::Corrupt { what: failure(what, error) }
}

/// The frame before, as far as the walk knows it: its number and its header's checksum.
type Before = Option<(u64, u32)>;

impl LocalStore {
    /// The segments that lie in `log/`, with their lengths.
    pub(crate) fn segment_files(&self) -> Result<Vec<(u64, u64)>, StoreError> {
        let listed = recover::list_segments(&self.shared().directory.join("log"));
        let listed = listed.map_err(|error| StoreError::Corrupt { what: error.to_string().into() })?;
        Ok(listed.into_iter().collect())
    }

    /// Checks every frame of every segment.
    pub(crate) fn check_frames(
        &self,
        looked: &mut Looked,
        progress: &mut impl FnMut(u64),
        found: &mut impl FnMut(Finding),
    ) -> Result<(), StoreError> {
        let mut before = None;
        for (segment, length) in self.segment_files()? {
            let path = segment_path(&self.shared().directory.join("log"), segment);
            let file = File::open(path).map_err(|error| unread("the log", &error))?;
            let mut offset = 0;
            while offset < length {
                match self.check_frame(&file, segment, offset, length, before)? {
                    Ok(header) => {
                        before = Some((header.frame, header.crc));
                        looked.frames += 1;
                        looked.log_bytes += header.frame_bytes();
                        offset += header.frame_bytes();
                        progress(header.frame_bytes());
                    }
                    Err(what) => {
                        // Where the next frame begins is not known any more.
                        found(Finding::Frame { segment, offset, what });
                        progress(length - offset);
                        before = None;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// The header of the frame at `offset`, or what is wrong there.
    pub(super) fn check_frame(
        &self,
        file: &File,
        segment: u64,
        offset: u64,
        length: u64,
        before: Before,
    ) -> Result<Result<Header, &'static str>, StoreError> {
        let read = |bytes: u64| -> Result<Option<Bytes>, StoreError> {
            if offset + bytes > length {
                return Ok(None);
            }
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            read_at(file, offset, bytes).map(Some).map_err(|error| unread("the log", &error))
        };
        let Some(head) = read(HEADER_BYTES as u64)? else {
            return Ok(Err("the segment ends within a frame"));
        };
        let Some(header) = Header::decode(&head, self.shared().instance) else {
            return Ok(Err("a frame's header is damaged"));
        };
        if header.segment != segment || (offset == 0 && header.frame != segment) {
            return Ok(Err("a frame lies in the wrong segment"));
        }
        if let Some((frame, crc)) = before {
            let follows = header.frame == frame + 1 && header.previous == crc;
            // Between two segments others may have been dropped; within one nothing may.
            if !follows && (offset > 0 || header.frame == frame + 1) {
                return Ok(Err("a frame does not follow the one before it"));
            }
        }
        let Some(whole) = read(header.frame_bytes())? else {
            return Ok(Err("the segment ends within a frame"));
        };
        Ok(decode_frame(&whole, self.shared().instance).map(|(header, _)| header).ok_or("a frame is damaged"))
    }

    /// Checks every table of the index whole, then reads every row.
    pub(crate) fn count_rows(&self) -> Result<u64, StoreError> {
        self.shared().index.check_tables()?;
        let mut rows = 0;
        let mut from = Vec::new();
        // A view that is held for long keeps the memtables that are flushed meanwhile in memory: a new one for each page.
        loop {
            let snapshot = self.shared().index.snapshot();
            let mut last = None;
            for row in snapshot.range(from..vec![0xff], Direction::Forward).take(limits::ROWS_A_VIEW) {
                last = Some(row?.0);
                rows += 1;
            }
            let Some(last) = last else { return Ok(rows) };
            from = [last.as_ref(), &[0]].concat();
        }
    }

    /// Whether a committed blob's bytes lie there in their full length.
    pub(crate) fn blob_is_there(&self, id: BlobId) -> Result<bool, StoreError> {
        let shared = self.shared();
        Ok(match rows::pointer(&shared.index.snapshot(), id)? {
            None => false,
            Some(Pointer::File { bytes }) => {
                std::fs::metadata(shared.files.path(id)).is_ok_and(|metadata| metadata.len() == bytes)
            }
            Some(Pointer::Inline { segment, offset, bytes }) => {
                let length =
                    shared.segments.file(segment).and_then(|file| file.metadata()).map(|file| file.len());
                length.is_ok_and(|length| offset.saturating_add(u64::from(bytes)) <= length)
            }
        })
    }

    /// Files in `blobs/` that no commit names, relative to the data directory.
    pub(crate) fn orphans(&self) -> Result<Vec<PathBuf>, StoreError> {
        let shared = self.shared();
        let mut found = Vec::new();
        for listed in shared.files.list().map_err(|error| unread("blobs", &error))? {
            let Listed { path, id } = listed.map_err(|error| unread("blobs", &error))?;
            let named = match id {
                Some(id) => {
                    shared.files.is_staged(id)
                        || matches!(rows::pointer(&shared.index.snapshot(), id)?, Some(Pointer::File { .. }))
                }
                None => false,
            };
            if !named {
                found.push(path.strip_prefix(&shared.directory).map_or(path.clone(), PathBuf::from));
            }
        }
        Ok(found)
    }
}
