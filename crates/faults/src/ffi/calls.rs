//! What each call does to the files, between its decision and its place in the record.

use std::ffi::{c_char, c_int, c_long, c_uint, c_void};

use libc::{iovec, mode_t, off_t, size_t, ssize_t};
use strongroom_powercut::plan::Call;
use strongroom_powercut::trace::Event;

use super::{
    Session, call, die, errno, exists, fail, freed_by_unlink, length_of, session, set_errno, watch, watched,
};
use crate::recorder::Verdict;

// Opening and closing.

pub(super) fn opened(directory: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let raw = || call!(libc::SYS_openat, directory, path, flags, mode) as c_int;
    let Some((session, name)) =
        session().and_then(|session| Some((session, session.relative(directory, path)?)))
    else {
        return raw();
    };
    let mut recorder = session.lock();
    let creates = flags & libc::O_CREAT != 0 && !exists(directory, path);
    match recorder.decide(Call::Open, &name) {
        Verdict::Fail(libc::ENOSPC) if !creates => {}
        Verdict::Fail(errno) => return fail(errno),
        Verdict::Proceed | Verdict::Halve | Verdict::Lie => {}
    }
    if creates && !recorder.has_entry_room() {
        return fail(libc::ENOSPC);
    }
    let fd = raw();
    if fd >= 0 {
        recorder.note(&Event::Open { fd, flags, path: &name });
        recorder.set_path(fd, Some(name));
        watch(fd, true);
    }
    fd
}

/// A descriptor's number now means the same as another's.
pub(super) fn duplicated(session: &Session, fd: c_int, copy: c_int) {
    let mut recorder = session.lock();
    if copy >= 0 {
        let path = recorder.path(fd);
        recorder.note(&Event::Duplicate { fd, copy });
        recorder.set_path(copy, path);
        watch(copy, true);
    }
}

/// Before a descriptor's number means something else.
pub(super) fn closed(session: &Session, fd: c_int) {
    let mut recorder = session.lock();
    recorder.note(&Event::Close { fd });
    recorder.set_path(fd, None);
    watch(fd, false);
}

// Writing.

/// Writes `data` at `offset`, or where the descriptor stands.
pub(super) fn store(session: &Session, fd: c_int, data: &[u8], offset: Option<off_t>) -> ssize_t {
    let mut recorder = session.lock();
    let name = recorder.path(fd).unwrap_or_default();
    let mut most = match recorder.decide(Call::Write, &name) {
        Verdict::Fail(errno) => return fail(errno) as ssize_t,
        Verdict::Halve => data.len().div_ceil(2),
        Verdict::Proceed | Verdict::Lie => data.len(),
    };
    let begin = offset.unwrap_or_else(|| {
        // SAFETY: no pointers.
        unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) }
    });
    if recorder.is_full() {
        let length = length_of(fd);
        let end = begin as u64 + most as u64;
        let growth = end.saturating_sub(length);
        let lacking = growth - recorder.take_room(growth);
        most = most.saturating_sub(lacking as usize);
        if most == 0 && !data.is_empty() {
            return fail(libc::ENOSPC) as ssize_t;
        }
    }
    let written = match offset {
        Some(offset) => call!(libc::SYS_pwrite64, fd, data.as_ptr(), most, offset),
        None => call!(libc::SYS_write, fd, data.as_ptr(), most),
    };
    let failure = errno();
    if let Ok(count) = usize::try_from(written)
        && let Some(data) = data.get(..count)
    {
        // With O_APPEND the place is known only now.
        let end = match offset {
            Some(offset) => offset + written as off_t,
            // SAFETY: no pointers.
            None => unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) },
        };
        recorder.note(&Event::Write { fd, offset: end as u64 - count as u64, data });
    }
    set_errno(failure);
    written as ssize_t
}

/// The bytes that a caller of write(2) points to.
///
/// # Safety
/// `buffer` points to `count` bytes.
pub(super) unsafe fn bytes<'a>(buffer: *const c_void, count: size_t) -> &'a [u8] {
    if buffer.is_null() {
        return &[];
    }
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts(buffer.cast(), count) }
}

/// The bytes that a caller of writev(2) points to.
///
/// # Safety
/// `vectors` points to `count` vectors, each of which points to its bytes.
pub(super) unsafe fn gathered(vectors: *const iovec, count: c_int) -> Vec<u8> {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: the caller says so.
    let vectors = unsafe { std::slice::from_raw_parts(vectors, count) };
    // SAFETY: as above.
    vectors.iter().flat_map(|vector| unsafe { bytes(vector.iov_base, vector.iov_len) }).copied().collect()
}

pub(super) fn resized(session: &Session, fd: c_int, length: off_t) -> c_int {
    let mut recorder = session.lock();
    let name = recorder.path(fd).unwrap_or_default();
    if let Verdict::Fail(errno) = recorder.decide(Call::Resize, &name) {
        return fail(errno);
    }
    let before = length_of(fd);
    let done = call!(libc::SYS_ftruncate, fd, length);
    if done == 0 {
        recorder.note(&Event::Resize { fd, length: length as u64 });
        recorder.change_room((before as i64 - length).max(0));
    }
    done as c_int
}

/// Gives a file room up to a length, and with it the length.
pub(super) fn allocated(session: &Session, fd: c_int, mode: c_int, offset: off_t, bytes: off_t) -> c_int {
    if mode != 0 {
        die("an allocation with a mode");
    }
    let mut recorder = session.lock();
    let name = recorder.path(fd).unwrap_or_default();
    if let Verdict::Fail(errno) = recorder.decide(Call::Allocate, &name) {
        return fail(errno);
    }
    let before = length_of(fd);
    let growth = (offset as u64 + bytes as u64).saturating_sub(before);
    let room = recorder.take_room(growth);
    if room < growth {
        recorder.change_room(room as i64);
        return fail(libc::ENOSPC);
    }
    let done = call!(libc::SYS_fallocate, fd, mode, offset, bytes);
    if done == 0 && growth > 0 {
        recorder.note(&Event::Resize { fd, length: before + growth });
    }
    done as c_int
}

/// Syncs in the record alone.
pub(super) fn synced(session: &Session, fd: c_int) -> c_int {
    let token = {
        let mut recorder = session.lock();
        let name = recorder.path(fd).unwrap_or_default();
        let verdict = recorder.decide(Call::Sync, &name);
        if verdict == Verdict::Lie {
            return 0;
        }
        let token = recorder.token();
        recorder.note(&Event::SyncBegin { token, fd, length: length_of(fd) });
        if let Verdict::Fail(errno) = verdict {
            recorder.note(&Event::SyncEnd { token, errno });
            return fail(errno);
        }
        token
    };
    let duration = libc::timespec { tv_sec: 0, tv_nsec: (session.sync_micros * 1000) as c_long };
    if session.sync_micros > 0 {
        call!(libc::SYS_nanosleep, &raw const duration, 0);
    }
    session.lock().note(&Event::SyncEnd { token, errno: 0 });
    0
}

// Names.

/// A change of one name: decided, done, noted.
pub(super) fn named(
    directory: c_int,
    path: *const c_char,
    kind: Call,
    event: impl FnOnce(&[u8]) -> Event<'_>,
    number: c_long,
    third: usize,
) -> c_int {
    let raw = || call!(number, directory, path, third) as c_int;
    let Some((session, name)) =
        session().and_then(|session| Some((session, session.relative(directory, path)?)))
    else {
        return raw();
    };
    let mut recorder = session.lock();
    if let Verdict::Fail(errno) = recorder.decide(kind, &name) {
        return fail(errno);
    }
    if kind == Call::MakeDirectory && !recorder.has_entry_room() && !exists(directory, path) {
        return fail(libc::ENOSPC);
    }
    let freed = if kind == Call::Unlink && recorder.is_full() { freed_by_unlink(directory, path) } else { 0 };
    let done = raw();
    if done == 0 {
        recorder.change_room(freed);
        recorder.note(&event(&name));
    }
    done
}

/// A change of two names.
pub(super) fn paired(
    from: (c_int, *const c_char),
    to: (c_int, *const c_char),
    kind: Call,
    event: impl for<'a> FnOnce(&'a [u8], &'a [u8]) -> Event<'a>,
    number: c_long,
    flags: c_uint,
) -> c_int {
    let raw = || call!(number, from.0, from.1, to.0, to.1, flags) as c_int;
    let Some(session) = session() else { return raw() };
    let names = (session.relative(from.0, from.1), session.relative(to.0, to.1));
    let (old, new) = match names {
        (None, None) => return raw(),
        (Some(old), Some(new)) => (old, new),
        (Some(_), None) | (None, Some(_)) => die("a name that moves into or out of the directory"),
    };
    if kind == Call::Rename && flags & libc::RENAME_EXCHANGE != 0 {
        die("an exchange of names");
    }
    let mut recorder = session.lock();
    if let Verdict::Fail(errno) = recorder.decide(kind, &new) {
        return fail(errno);
    }
    let done = raw();
    if done == 0 {
        recorder.note(&event(&old, &new));
    }
    done
}

pub(super) fn unlinked(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    if flags & libc::AT_REMOVEDIR == 0 {
        named(
            directory,
            path,
            Call::Unlink,
            |path| Event::Unlink { path },
            libc::SYS_unlinkat,
            flags as usize,
        )
    } else {
        let kind = Call::RemoveDirectory;
        named(
            directory,
            path,
            kind,
            |path| Event::RemoveDirectory { path },
            libc::SYS_unlinkat,
            flags as usize,
        )
    }
}

pub(super) fn made(directory: c_int, path: *const c_char, mode: mode_t) -> c_int {
    let kind = Call::MakeDirectory;
    named(directory, path, kind, |path| Event::MakeDirectory { path }, libc::SYS_mkdirat, mode as usize)
}

pub(super) fn renamed(from: (c_int, *const c_char), to: (c_int, *const c_char), flags: c_uint) -> c_int {
    paired(from, to, Call::Rename, |from, to| Event::Rename { from, to }, libc::SYS_renameat2, flags)
}

pub(super) fn linked(from: (c_int, *const c_char), to: (c_int, *const c_char), flags: c_int) -> c_int {
    paired(from, to, Call::Link, |from, to| Event::Link { from, to }, libc::SYS_linkat, flags as c_uint)
}

/// Truncation by name: as open, ftruncate and close.
pub(super) fn truncated(path: *const c_char, length: off_t) -> c_int {
    let fd = opened(libc::AT_FDCWD, path, libc::O_WRONLY | libc::O_CLOEXEC, 0);
    if fd < 0 {
        return fd;
    }
    let done = match watched(fd) {
        Some(session) => resized(session, fd, length),
        None => call!(libc::SYS_ftruncate, fd, length) as c_int,
    };
    let failure = errno();
    shut(fd);
    set_errno(failure);
    done
}

pub(super) fn shut(fd: c_int) -> c_int {
    if let Some(session) = watched(fd) {
        closed(session, fd);
    }
    call!(libc::SYS_close, fd) as c_int
}
