//! The record of a process's file operations, in the order in which they took effect.
//!
//! An event is a head of 40 bytes and two runs of bytes. All numbers are little endian:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | kind |
//! | 1 | 3 | 0 |
//! | 4 | 4 | an error number, the flags of an open, or a call |
//! | 8 | 4 | file descriptor |
//! | 12 | 4 | a sync's token, or a second descriptor |
//! | 16 | 8 | offset, or length of a file |
//! | 24 | 8 | 0 |
//! | 32 | 4, 4 | lengths of the two runs that follow |
//!
//! Paths are relative to the watched directory, without a leading slash; the directory itself is the empty path.

use std::fs;
use std::io;
use std::path::Path;

use crate::plan::Call;

/// Length of an event's head.
pub const HEAD_BYTES: usize = 40;

/// One operation. What failed in earnest changed nothing and is not recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// A process began: descriptors of earlier ones mean nothing any more.
    Life,
    /// A file or a directory was opened.
    Open {
        /// The descriptor that it got.
        fd: i32,
        /// As given to open(2).
        flags: i32,
        /// Which.
        path: &'a [u8],
    },
    /// A descriptor was closed.
    Close {
        /// Which.
        fd: i32,
    },
    /// A descriptor got a second number.
    Duplicate {
        /// The old one.
        fd: i32,
        /// The new one.
        copy: i32,
    },
    /// Bytes were written: `data` is what was taken, which may be less than was given.
    Write {
        /// Into what.
        fd: i32,
        /// Where.
        offset: u64,
        /// What.
        data: &'a [u8],
    },
    /// A file got another length.
    Resize {
        /// Which.
        fd: i32,
        /// The new length.
        length: u64,
    },
    /// A sync began.
    SyncBegin {
        /// Names this sync.
        token: u32,
        /// Of what.
        fd: i32,
        /// The file's length as the kernel says it.
        length: u64,
    },
    /// A sync ended.
    SyncEnd {
        /// Which.
        token: u32,
        /// 0, or how it failed.
        errno: i32,
    },
    /// A name changed.
    Rename {
        /// From.
        from: &'a [u8],
        /// To.
        to: &'a [u8],
    },
    /// A file got one more name.
    Link {
        /// A name that it had.
        from: &'a [u8],
        /// The new one.
        to: &'a [u8],
    },
    /// A name went.
    Unlink {
        /// Which.
        path: &'a [u8],
    },
    /// A directory was made.
    MakeDirectory {
        /// Which.
        path: &'a [u8],
    },
    /// An empty directory went.
    RemoveDirectory {
        /// Which.
        path: &'a [u8],
    },
    /// The process wrote to its standard output, and so told the world something.
    Mark {
        /// What.
        text: &'a [u8],
    },
    /// A call failed because the plan said so.
    Injected {
        /// Which.
        call: Call,
        /// With what; 0: it was cut short.
        errno: i32,
        /// On what.
        path: &'a [u8],
    },
}

/// The numbers of an event, before they become bytes.
#[derive(Default)]
struct Head {
    kind: u8,
    number: i32,
    fd: i32,
    second: u32,
    offset: u64,
}

impl<'a> Event<'a> {
    fn parts(&self) -> (Head, &'a [u8], &'a [u8]) {
        const NONE: &[u8] = &[];
        let head = |kind: u8| Head { kind, ..Head::default() };
        match *self {
            Self::Life => (head(1), NONE, NONE),
            Self::Open { fd, flags, path } => (Head { fd, number: flags, ..head(2) }, path, NONE),
            Self::Close { fd } => (Head { fd, ..head(3) }, NONE, NONE),
            Self::Duplicate { fd, copy } => {
                (Head { fd, second: copy.cast_unsigned(), ..head(4) }, NONE, NONE)
            }
            Self::Write { fd, offset, data } => (Head { fd, offset, ..head(5) }, data, NONE),
            Self::Resize { fd, length } => (Head { fd, offset: length, ..head(6) }, NONE, NONE),
            Self::SyncBegin { token, fd, length } => {
                (Head { fd, second: token, offset: length, ..head(7) }, NONE, NONE)
            }
            Self::SyncEnd { token, errno } => (Head { second: token, number: errno, ..head(8) }, NONE, NONE),
            Self::Rename { from, to } => (head(9), from, to),
            Self::Link { from, to } => (head(10), from, to),
            Self::Unlink { path } => (head(11), path, NONE),
            Self::MakeDirectory { path } => (head(12), path, NONE),
            Self::RemoveDirectory { path } => (head(13), path, NONE),
            Self::Mark { text } => (head(14), text, NONE),
            Self::Injected { call, errno, path } => {
                (Head { number: errno, second: u32::from(call.code()), ..head(15) }, path, NONE)
            }
        }
    }

    /// The event's bytes: its head, and the two runs that follow it.
    pub fn encode(&self) -> ([u8; HEAD_BYTES], &'a [u8], &'a [u8]) {
        let (head, first, second) = self.parts();
        let length = |run: &[u8]| u32::try_from(run.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = [0; HEAD_BYTES];
        let fields: [(usize, &[u8]); 7] = [
            (0, &[head.kind]),
            (4, &head.number.to_le_bytes()),
            (8, &head.fd.to_le_bytes()),
            (12, &head.second.to_le_bytes()),
            (16, &head.offset.to_le_bytes()),
            (32, &length(first)),
            (36, &length(second)),
        ];
        for (at, field) in fields {
            if let Some(place) = bytes.get_mut(at..at + field.len()) {
                place.copy_from_slice(field);
            }
        }
        (bytes, first, second)
    }

    /// The event that `bytes` begin with, and its length. `None`: they end before it does, or are no event.
    pub fn decode(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let word =
            |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes);
        let (number, fd, second) = (word(4)?.cast_signed(), word(8)?.cast_signed(), word(12)?);
        let offset = u64::from(word(16)?) | u64::from(word(20)?) << 32;
        let middle = HEAD_BYTES + word(32)? as usize;
        let end = middle + word(36)? as usize;
        let (first, last) = (bytes.get(HEAD_BYTES..middle)?, bytes.get(middle..end)?);
        let event = match bytes.first()? {
            1 => Self::Life,
            2 => Self::Open { fd, flags: number, path: first },
            3 => Self::Close { fd },
            4 => Self::Duplicate { fd, copy: second.cast_signed() },
            5 => Self::Write { fd, offset, data: first },
            6 => Self::Resize { fd, length: offset },
            7 => Self::SyncBegin { token: second, fd, length: offset },
            8 => Self::SyncEnd { token: second, errno: number },
            9 => Self::Rename { from: first, to: last },
            10 => Self::Link { from: first, to: last },
            11 => Self::Unlink { path: first },
            12 => Self::MakeDirectory { path: first },
            13 => Self::RemoveDirectory { path: first },
            14 => Self::Mark { text: first },
            15 => Self::Injected { call: Call::from_code(second)?, errno: number, path: first },
            _ => return None,
        };
        Some((event, end))
    }
}

/// A whole record in memory.
pub struct Trace {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Trace {
    /// Reads a record. An event that a dying process left unfinished at the end is left out: it did not happen.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::from_bytes(fs::read(path)?))
    }

    /// The same from bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let mut starts = Vec::new();
        let mut at = 0;
        while let Some((_, length)) = bytes.get(at..).and_then(Event::decode) {
            starts.push(at);
            at += length;
        }
        Self { bytes, starts }
    }

    /// How many events it has.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The event with this number.
    pub fn event(&self, number: usize) -> Option<Event<'_>> {
        let start = *self.starts.get(number)?;
        Event::decode(self.bytes.get(start..)?).map(|(event, _)| event)
    }

    /// All events, in order.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        (0..self.len()).filter_map(|number| self.event(number))
    }

    /// What the process told the world before the event number `end`, as text.
    pub fn marks(&self, end: usize) -> String {
        let mut text = Vec::new();
        for event in self.events().take(end) {
            if let Event::Mark { text: said } = event {
                text.extend_from_slice(said);
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_back_as_they_were_written_and_an_unfinished_one_is_left_out() {
        let events = [
            Event::Life,
            Event::Open { fd: 7, flags: 0o1101, path: b"a/b" },
            Event::Duplicate { fd: 7, copy: -1 },
            Event::Write { fd: 7, offset: 1 << 40, data: b"bytes" },
            Event::Resize { fd: 7, length: 9 },
            Event::SyncBegin { token: 3, fd: 7, length: 9 },
            Event::SyncEnd { token: 3, errno: 5 },
            Event::Rename { from: b"x", to: b"yy" },
            Event::Link { from: b"", to: b"z" },
            Event::Unlink { path: b"z" },
            Event::MakeDirectory { path: b"d" },
            Event::RemoveDirectory { path: b"d" },
            Event::Mark { text: b"ACK 1" },
            Event::Injected { call: Call::Sync, errno: 28, path: b"log" },
            Event::Close { fd: 7 },
        ];
        let mut bytes = Vec::new();
        for event in &events {
            let (head, first, second) = event.encode();
            bytes.extend_from_slice(&head);
            bytes.extend_from_slice(first);
            bytes.extend_from_slice(second);
        }
        let whole = Trace::from_bytes(bytes.clone());
        assert_eq!(whole.events().collect::<Vec<_>>(), events);
        assert_eq!(whole.marks(whole.len()), "ACK 1");
        bytes.pop();
        assert_eq!(Trace::from_bytes(bytes).len(), events.len() - 1);
    }
}
