//! What is decided and noted about each call, without a way to the system of its own.

use strongroom_powercut::plan::{Call, Effect, Plan};
use strongroom_powercut::trace::Event;

use crate::ffi;

/// Room that an empty file or directory needs.
const ENTRY_BYTES: i64 = 4096;

/// What is to happen to a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes through.
    Proceed,
    /// It goes through for half of its bytes.
    Halve,
    /// It fails with this error number.
    Fail(i32),
    /// It says that it is done, and is not.
    Lie,
}

/// The state behind the lock.
pub(crate) struct Recorder {
    trace: i32,
    plan: Plan,
    /// Path of each watched descriptor.
    paths: Vec<Option<Vec<u8>>>,
    next_token: u32,
    /// Bytes that are left on the disk, while it is full.
    room: Option<i64>,
}

impl Recorder {
    pub(crate) fn new(trace: i32, plan: Plan) -> Self {
        Self { trace, plan, paths: Vec::new(), next_token: 0, room: None }
    }

    /// Counts a call and says what becomes of it. Notes it if it fails.
    pub(crate) fn decide(&mut self, call: Call, path: &[u8]) -> Verdict {
        let errno = match self.plan.decide(call, path) {
            None => return Verdict::Proceed,
            Some(Effect::Kill) => ffi::die_here(),
            Some(Effect::Full) => {
                self.room.get_or_insert(0);
                self.note(&Event::Injected { call, errno: libc::ENOSPC, path });
                return Verdict::Proceed;
            }
            Some(Effect::Short) => {
                self.note(&Event::Injected { call, errno: 0, path });
                return Verdict::Halve;
            }
            Some(Effect::Lie) => return if call == Call::Sync { Verdict::Lie } else { Verdict::Proceed },
            Some(Effect::Broken) => libc::EIO,
            Some(Effect::NoRoom) => libc::ENOSPC,
        };
        self.note(&Event::Injected { call, errno, path });
        Verdict::Fail(errno)
    }

    /// Appends an event to the record.
    pub(crate) fn note(&self, event: &Event<'_>) {
        let (head, first, second) = event.encode();
        ffi::append(self.trace, &[&head, first, second]);
    }

    pub(crate) fn path(&self, fd: i32) -> Option<Vec<u8>> {
        usize::try_from(fd).ok().and_then(|fd| self.paths.get(fd)).cloned().flatten()
    }

    pub(crate) fn set_path(&mut self, fd: i32, path: Option<Vec<u8>>) {
        let Ok(at) = usize::try_from(fd) else { return };
        if self.paths.len() <= at {
            self.paths.resize(at + 1, None);
        }
        if let Some(place) = self.paths.get_mut(at) {
            *place = path;
        }
    }

    pub(crate) fn token(&mut self) -> u32 {
        self.next_token += 1;
        self.next_token
    }

    /// How many of `bytes` bytes, by which a file would grow, there is room for; takes that room.
    pub(crate) fn take_room(&mut self, bytes: u64) -> u64 {
        let Some(room) = &mut self.room else { return bytes };
        let taken = bytes.min(u64::try_from(*room).unwrap_or(0));
        *room = room.saturating_sub(i64::try_from(taken).unwrap_or(i64::MAX));
        taken
    }

    /// Room that was taken or given back without asking.
    pub(crate) fn change_room(&mut self, bytes: i64) {
        if let Some(room) = &mut self.room {
            *room = room.saturating_add(bytes);
        }
    }

    /// Whether there is room for one more name.
    pub(crate) fn has_entry_room(&self) -> bool {
        self.room.is_none_or(|room| room >= ENTRY_BYTES)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.room.is_some()
    }

    /// The process says something.
    pub(crate) fn hear(&mut self, text: &[u8]) {
        if text.windows(ROOM.len()).any(|window| window == ROOM) {
            self.room = None;
        }
        self.note(&Event::Mark { text });
    }
}

const ROOM: &[u8] = strongroom_powercut::run::ROOM.as_bytes();
