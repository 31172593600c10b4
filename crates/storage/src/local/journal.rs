//! Reading records back out of the log, in order.

use std::io;

use bytes::Bytes;

use super::blobs::read_at;
use super::frame::{HEADER_BYTES, Header, decode_meta};
use super::log::failure;
use super::{Shared, limits};
use crate::contract::{Position, StoreError};

type Found = Vec<(Position, Vec<Bytes>)>;

/// Up to `limit` records behind `after`, in order, none skipped, no position split.
pub(crate) fn read(shared: &Shared, after: Option<Position>, limit: usize) -> Result<Found, StoreError> {
    // A segment that goes while it is read had been trimmed: look again from what is left.
    for _ in 0..8 {
        match try_read(shared, after, limit) {
            Err(ReadError::Gone) => {}
            Err(ReadError::Store(error)) => return Err(error),
            Ok(found) => return Ok(found),
        }
    }
    Err(StoreError::Corrupt { what: "a segment of the log is gone".into() })
}

enum ReadError {
    Gone,
    Store(StoreError),
}

impl ReadError {
    fn io(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound {
            return Self::Gone;
        }
        Self::Store(StoreError::Corrupt { what: failure("the log", error) })
    }

    fn damaged() -> Self {
        Self::Store(StoreError::Corrupt { what: "a frame of the log".into() })
    }
}

/// What has been gathered, and whether there is room for more.
struct Gathered {
    found: Found,
    records: usize,
    bytes: usize,
    limit: usize,
}

impl Gathered {
    /// Takes a position's records; `false` when they would be too many.
    fn take(&mut self, position: u64, records: Vec<Bytes>) -> bool {
        let bytes: usize = records.iter().map(Bytes::len).sum();
        self.records = self.records.saturating_add(records.len());
        self.bytes = self.bytes.saturating_add(bytes);
        if !self.found.is_empty() && (self.records > self.limit || self.bytes > limits::JOURNAL_READ_BYTES) {
            return false;
        }
        self.found.push((Position(position), records));
        true
    }
}

fn try_read(shared: &Shared, after: Option<Position>, limit: usize) -> Result<Found, ReadError> {
    let tail = shared.tail();
    let start = after.map_or(0, |position| position.0).max(shared.trimmed()).saturating_add(1);
    let mut gathered = Gathered { found: Vec::new(), records: 0, bytes: 0, limit };
    let mut from = start;
    while from <= tail {
        let Some((segment, stats)) = shared.segments.holding(from) else { break };
        if stats.last_record >= start
            && !read_segment(shared, segment, stats.length, (start, tail), &mut gathered)?
        {
            return Ok(gathered.found);
        }
        from = stats.last_position.saturating_add(1);
    }
    for (position, records) in shared.reserve.records(start.saturating_sub(1)) {
        if !gathered.take(position, records) {
            break;
        }
    }
    Ok(gathered.found)
}

/// Gathers one segment's records from `start` to `tail`; `false` when enough are gathered.
fn read_segment(
    shared: &Shared,
    segment: u64,
    length: u64,
    (start, tail): (u64, u64),
    gathered: &mut Gathered,
) -> Result<bool, ReadError> {
    let file = shared.segments.file(segment).map_err(|error| ReadError::io(&error))?;
    let mut offset = shared.segments.marked(start, segment);
    while offset < length {
        let head = read_at(&file, offset, HEADER_BYTES).map_err(|error| ReadError::io(&error))?;
        let header = Header::decode(&head, shared.instance).ok_or_else(ReadError::damaged)?;
        if header.first_position > tail {
            break;
        }
        shared.segments.mark(header.first_position, segment, offset);
        if header.last_position() >= start {
            let meta = read_at(&file, offset + HEADER_BYTES as u64, header.meta_bytes as usize)
                .map_err(|error| ReadError::io(&error))?;
            if shared.instance.checksum(&meta) != header.meta_crc {
                return Err(ReadError::damaged());
            }
            let commits = decode_meta(&header, meta).ok_or_else(ReadError::damaged)?;
            for (position, commit) in (header.first_position..).zip(commits) {
                let wanted = position >= start && position <= tail && !commit.records.is_empty();
                if wanted && !gathered.take(position, commit.records) {
                    return Ok(false);
                }
            }
        }
        offset += header.frame_bytes();
    }
    Ok(true)
}
