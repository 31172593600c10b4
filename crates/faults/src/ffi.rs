//! Functions that stand before libc's, and the system calls that they end in.
//!
//! Every function here has the name and the meaning of libc's. Variadic ones are declared with all their arguments: on
//! the 64-bit Linux ABIs an integer argument is passed the same way in both, and one that the caller did not give is
//! read from a register, and not used.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::many_single_char_names,
    reason = "arguments of system calls are words, whatever they mean"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uint, c_void};
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use libc::{iovec, mode_t, off_t, size_t, ssize_t};
use strongroom_powercut::plan::Call;
use strongroom_powercut::run;
use strongroom_powercut::trace::Event;

use crate::recorder::{Recorder, Verdict};

/// Descriptors that can be watched.
const DESCRIPTORS: usize = 65_536;

/// From where on the record's descriptor is put, out of the process's way.
const TRACE_DESCRIPTOR: c_int = 512;

/// What a process says here is noted.
const STANDARD_OUTPUT: c_int = 1;

struct Session {
    root: Vec<u8>,
    sync_micros: u64,
    recorder: Mutex<Recorder>,
}

static SESSION: OnceLock<Option<Session>> = OnceLock::new();
static WATCHED: [AtomicBool; DESCRIPTORS] = [const { AtomicBool::new(false) }; DESCRIPTORS];

fn session() -> Option<&'static Session> {
    SESSION.get().and_then(Option::as_ref)
}

fn watched(fd: c_int) -> Option<&'static Session> {
    let place = WATCHED.get(usize::try_from(fd).ok()?)?;
    if place.load(Ordering::Acquire) { session() } else { None }
}

fn watch(fd: c_int, on: bool) {
    match usize::try_from(fd).ok().and_then(|fd| WATCHED.get(fd)) {
        Some(place) => place.store(on, Ordering::Release),
        None if on => die("a descriptor above 65535"),
        None => {}
    }
}

impl Session {
    fn lock(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path relative to the root, if it lies there.
    fn relative(&self, directory: c_int, path: *const c_char) -> Option<Vec<u8>> {
        if path.is_null() {
            return None;
        }
        // SAFETY: the caller of open(2) and its like gives a string that ends in a zero byte.
        let path = unsafe { CStr::from_ptr(path) }.to_bytes();
        let whole = if path.first() == Some(&b'/') { path.to_vec() } else { join(&base(directory), path) };
        let rest = whole.strip_prefix(self.root.as_slice())?;
        match rest.split_first() {
            None => Some(Vec::new()),
            Some((b'/', rest)) => Some(rest.strip_suffix(b"/").unwrap_or(rest).to_vec()),
            Some(_) => None,
        }
    }
}

fn join(directory: &[u8], path: &[u8]) -> Vec<u8> {
    [directory, b"/", path].concat()
}

/// What a relative path begins from.
fn base(directory: c_int) -> Vec<u8> {
    let link = if directory == libc::AT_FDCWD {
        String::from("/proc/self/cwd\0")
    } else {
        format!("/proc/self/fd/{directory}\0")
    };
    let mut buffer = [0_u8; 4096];
    // SAFETY: `link` ends in a zero byte, and `buffer` has the length that is given.
    let length = unsafe { libc::readlink(link.as_ptr().cast(), buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(length).ok().and_then(|length| buffer.get(..length)).unwrap_or(&[]).to_vec()
}

// System calls.

fn set_errno(errno: c_int) {
    // SAFETY: the pointer is to this thread's own errno.
    unsafe { *libc::__errno_location() = errno }
}

fn errno() -> c_int {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() }
}

/// The system call `number`. `arguments` are what it takes: numbers, and pointers that the caller vouches for.
fn call(number: c_long, arguments: [usize; 6]) -> c_long {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the callers in this module hand on what they were given, in the order that the call has.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

macro_rules! call {
    ($number:expr $(, $argument:expr)*) => {{
        let given = [$(($argument) as usize),*];
        let mut arguments = [0; 6];
        arguments.iter_mut().zip(given).for_each(|(place, given)| *place = given);
        call($number, arguments)
    }};
}

/// Appends to the record; ends the process if it cannot, for a record with a gap proves nothing.
pub(crate) fn append(fd: c_int, runs: &[&[u8]]) {
    let bytes = runs.concat();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let written = call!(libc::SYS_write, fd, rest.as_ptr(), rest.len());
        match usize::try_from(written) {
            Ok(written) => rest = rest.get(written..).unwrap_or(&[]),
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => die("the record cannot be written"),
        }
    }
}

/// Ends the process at once, as `kill -9` does.
pub(crate) fn die_here() -> ! {
    call!(libc::SYS_kill, call!(libc::SYS_getpid), libc::SIGKILL);
    loop {
        call!(libc::SYS_sched_yield);
    }
}

/// Ends the process because it did what the record has no event for.
fn die(what: &str) -> ! {
    let message = format!("strongroom-faults: cannot record {what}\n");
    call!(libc::SYS_write, 2, message.as_ptr(), message.len());
    // SAFETY: always allowed.
    unsafe { libc::abort() }
}

/// Length of the file behind a descriptor.
fn length_of(fd: c_int) -> u64 {
    // SAFETY: a `stat` of zeros is one, and the pointer is to it.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let got = unsafe { libc::fstat(fd, &raw mut stat) };
    if got == 0 { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 }
}

/// Bytes that come free when a name goes: none while the file has another one.
fn freed_by_unlink(directory: c_int, path: *const c_char) -> i64 {
    // SAFETY: a `stat` of zeros is one, and the pointer is to it.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: as above; `path` is what the caller of unlink(2) gave.
    let got = unsafe { libc::fstatat(directory, path, &raw mut stat, libc::AT_SYMLINK_NOFOLLOW) };
    if got == 0 && stat.st_nlink == 1 { stat.st_size } else { 0 }
}

fn exists(directory: c_int, path: *const c_char) -> bool {
    call!(libc::SYS_faccessat, directory, path, libc::F_OK) == 0
}

fn fail(errno: c_int) -> c_int {
    set_errno(errno);
    -1
}

// Opening and closing.

fn opened(directory: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
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
fn duplicated(session: &Session, fd: c_int, copy: c_int) {
    let mut recorder = session.lock();
    if copy >= 0 {
        let path = recorder.path(fd);
        recorder.note(&Event::Duplicate { fd, copy });
        recorder.set_path(copy, path);
        watch(copy, true);
    }
}

/// Before a descriptor's number means something else.
fn closed(session: &Session, fd: c_int) {
    let mut recorder = session.lock();
    recorder.note(&Event::Close { fd });
    recorder.set_path(fd, None);
    watch(fd, false);
}

// Writing.

/// Writes `data` at `offset`, or where the descriptor stands.
fn store(session: &Session, fd: c_int, data: &[u8], offset: Option<off_t>) -> ssize_t {
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
unsafe fn bytes<'a>(buffer: *const c_void, count: size_t) -> &'a [u8] {
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
unsafe fn gathered(vectors: *const iovec, count: c_int) -> Vec<u8> {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: the caller says so.
    let vectors = unsafe { std::slice::from_raw_parts(vectors, count) };
    // SAFETY: as above.
    vectors.iter().flat_map(|vector| unsafe { bytes(vector.iov_base, vector.iov_len) }).copied().collect()
}

fn resized(session: &Session, fd: c_int, length: off_t) -> c_int {
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
fn allocated(session: &Session, fd: c_int, mode: c_int, offset: off_t, bytes: off_t) -> c_int {
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
fn synced(session: &Session, fd: c_int) -> c_int {
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
fn named(
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
fn paired(
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

fn unlinked(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
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

fn made(directory: c_int, path: *const c_char, mode: mode_t) -> c_int {
    let kind = Call::MakeDirectory;
    named(directory, path, kind, |path| Event::MakeDirectory { path }, libc::SYS_mkdirat, mode as usize)
}

fn renamed(from: (c_int, *const c_char), to: (c_int, *const c_char), flags: c_uint) -> c_int {
    paired(from, to, Call::Rename, |from, to| Event::Rename { from, to }, libc::SYS_renameat2, flags)
}

fn linked(from: (c_int, *const c_char), to: (c_int, *const c_char), flags: c_int) -> c_int {
    paired(from, to, Call::Link, |from, to| Event::Link { from, to }, libc::SYS_linkat, flags as c_uint)
}

/// Truncation by name: as open, ftruncate and close.
fn truncated(path: *const c_char, length: off_t) -> c_int {
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

fn shut(fd: c_int) -> c_int {
    if let Some(session) = watched(fd) {
        closed(session, fd);
    }
    call!(libc::SYS_close, fd) as c_int
}

// What stands before libc.

/// Gives functions libc's names.
macro_rules! stand_in {
    ($(fn [$($name:ident),+] $arguments:tt -> $result:ty $body:block)*) => {
        $($(stand_in!(@one $name $arguments $result, $body);)+)*
    };
    (@one $name:ident ($($argument:ident: $kind:ty),*) $result:ty, $body:block) => {
        /// As libc's.
        ///
        /// # Safety
        /// As libc's.
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name($($argument: $kind),*) -> $result $body
    };
}

stand_in! {
    fn [open, open64](path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        opened(libc::AT_FDCWD, path, flags, mode)
    }
    fn [openat, openat64](directory: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        opened(directory, path, flags, mode)
    }
    fn [creat, creat64](path: *const c_char, mode: mode_t) -> c_int {
        opened(libc::AT_FDCWD, path, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, mode)
    }
    fn [close](fd: c_int) -> c_int {
        shut(fd)
    }
    fn [dup](fd: c_int) -> c_int {
        let copy = call!(libc::SYS_dup, fd) as c_int;
        if let Some(session) = watched(fd) {
            duplicated(session, fd, copy);
        }
        copy
    }
    fn [dup2](fd: c_int, copy: c_int) -> c_int {
        if fd == copy {
            return if call!(libc::SYS_fcntl, fd, libc::F_GETFD) < 0 { -1 } else { copy };
        }
        // SAFETY: no pointers.
        unsafe { dup3(fd, copy, 0) }
    }
    fn [dup3](fd: c_int, copy: c_int, flags: c_int) -> c_int {
        if let Some(session) = watched(copy) {
            closed(session, copy);
        }
        let copy = call!(libc::SYS_dup3, fd, copy, flags) as c_int;
        if let Some(session) = watched(fd) {
            duplicated(session, fd, copy);
        }
        copy
    }
    fn [fcntl, fcntl64](fd: c_int, command: c_int, argument: usize) -> c_int {
        let result = call!(libc::SYS_fcntl, fd, command, argument) as c_int;
        if matches!(command, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC)
            && let Some(session) = watched(fd)
        {
            duplicated(session, fd, result);
        }
        result
    }
    fn [write](fd: c_int, buffer: *const c_void, count: size_t) -> ssize_t {
        // SAFETY: the caller of write(2) gives a buffer of `count` bytes.
        let data = || unsafe { bytes(buffer, count) };
        if let Some(session) = watched(fd) {
            return store(session, fd, data(), None);
        }
        if fd == STANDARD_OUTPUT && let Some(session) = session() {
            session.lock().hear(data());
        }
        call!(libc::SYS_write, fd, buffer, count) as ssize_t
    }
    fn [pwrite, pwrite64](fd: c_int, buffer: *const c_void, count: size_t, offset: off_t) -> ssize_t {
        match watched(fd) {
            // SAFETY: the caller of pwrite(2) gives a buffer of `count` bytes.
            Some(session) => store(session, fd, unsafe { bytes(buffer, count) }, Some(offset)),
            None => call!(libc::SYS_pwrite64, fd, buffer, count, offset) as ssize_t,
        }
    }
    fn [writev](fd: c_int, vectors: *const iovec, count: c_int) -> ssize_t {
        // SAFETY: the caller of writev(2) gives `count` vectors.
        let data = || unsafe { gathered(vectors, count) };
        if let Some(session) = watched(fd) {
            return store(session, fd, &data(), None);
        }
        if fd == STANDARD_OUTPUT && let Some(session) = session() {
            session.lock().hear(&data());
        }
        call!(libc::SYS_writev, fd, vectors, count) as ssize_t
    }
    fn [pwritev, pwritev64](fd: c_int, vectors: *const iovec, count: c_int, offset: off_t) -> ssize_t {
        match watched(fd) {
            // SAFETY: the caller of pwritev(2) gives `count` vectors.
            Some(session) => store(session, fd, &unsafe { gathered(vectors, count) }, Some(offset)),
            None => call!(libc::SYS_pwritev, fd, vectors, count, offset, 0) as ssize_t,
        }
    }
    fn [pwritev2, pwritev64v2](fd: c_int, vectors: *const iovec, count: c_int, offset: off_t, flags: c_int) -> ssize_t {
        match watched(fd) {
            // SAFETY: the caller of pwritev2(2) gives `count` vectors.
            Some(session) => store(session, fd, &unsafe { gathered(vectors, count) }, (offset >= 0).then_some(offset)),
            None => call!(libc::SYS_pwritev2, fd, vectors, count, offset, 0, flags) as ssize_t,
        }
    }
    fn [fsync](fd: c_int) -> c_int {
        match watched(fd) {
            Some(session) => synced(session, fd),
            None => call!(libc::SYS_fsync, fd) as c_int,
        }
    }
    fn [fdatasync](fd: c_int) -> c_int {
        match watched(fd) {
            Some(session) => synced(session, fd),
            None => call!(libc::SYS_fdatasync, fd) as c_int,
        }
    }
    fn [sync_file_range](fd: c_int, offset: off_t, bytes: off_t, flags: c_uint) -> c_int {
        // It promises nothing that survives a power cut.
        match watched(fd) {
            Some(_) => 0,
            None => call!(libc::SYS_sync_file_range, fd, offset, bytes, flags) as c_int,
        }
    }
    fn [ftruncate, ftruncate64](fd: c_int, length: off_t) -> c_int {
        match watched(fd) {
            Some(session) => resized(session, fd, length),
            None => call!(libc::SYS_ftruncate, fd, length) as c_int,
        }
    }
    fn [truncate, truncate64](path: *const c_char, length: off_t) -> c_int {
        truncated(path, length)
    }
    fn [fallocate, fallocate64](fd: c_int, mode: c_int, offset: off_t, bytes: off_t) -> c_int {
        match watched(fd) {
            Some(session) => allocated(session, fd, mode, offset, bytes),
            None => call!(libc::SYS_fallocate, fd, mode, offset, bytes) as c_int,
        }
    }
    fn [posix_fallocate, posix_fallocate64](fd: c_int, offset: off_t, bytes: off_t) -> c_int {
        let before = errno();
        // SAFETY: no pointers.
        let done = unsafe { fallocate(fd, 0, offset, bytes) };
        let failure = if done == 0 { 0 } else { errno() };
        set_errno(before);
        failure
    }
    fn [rename](from: *const c_char, to: *const c_char) -> c_int {
        renamed((libc::AT_FDCWD, from), (libc::AT_FDCWD, to), 0)
    }
    fn [renameat](old: c_int, from: *const c_char, new: c_int, to: *const c_char) -> c_int {
        renamed((old, from), (new, to), 0)
    }
    fn [renameat2](old: c_int, from: *const c_char, new: c_int, to: *const c_char, flags: c_uint) -> c_int {
        renamed((old, from), (new, to), flags)
    }
    fn [link](from: *const c_char, to: *const c_char) -> c_int {
        linked((libc::AT_FDCWD, from), (libc::AT_FDCWD, to), 0)
    }
    fn [linkat](old: c_int, from: *const c_char, new: c_int, to: *const c_char, flags: c_int) -> c_int {
        linked((old, from), (new, to), flags)
    }
    fn [unlink](path: *const c_char) -> c_int {
        unlinked(libc::AT_FDCWD, path, 0)
    }
    fn [unlinkat](directory: c_int, path: *const c_char, flags: c_int) -> c_int {
        unlinked(directory, path, flags)
    }
    fn [rmdir](path: *const c_char) -> c_int {
        unlinked(libc::AT_FDCWD, path, libc::AT_REMOVEDIR)
    }
    fn [mkdir](path: *const c_char, mode: mode_t) -> c_int {
        made(libc::AT_FDCWD, path, mode)
    }
    fn [mkdirat](directory: c_int, path: *const c_char, mode: mode_t) -> c_int {
        made(directory, path, mode)
    }
    fn [copy_file_range](from: c_int, at: *mut off_t, to: c_int, offset: *mut off_t, count: size_t, flags: c_uint) -> ssize_t {
        // Callers fall back to reading and writing.
        if watched(to).is_some() {
            return fail(libc::EXDEV) as ssize_t;
        }
        call!(libc::SYS_copy_file_range, from, at, to, offset, count, flags) as ssize_t
    }
    fn [sendfile, sendfile64](to: c_int, from: c_int, offset: *mut off_t, count: size_t) -> ssize_t {
        if watched(to).is_some() {
            return fail(libc::EINVAL) as ssize_t;
        }
        call!(libc::SYS_sendfile, to, from, offset, count) as ssize_t
    }
    fn [splice](from: c_int, at: *mut off_t, to: c_int, offset: *mut off_t, count: size_t, flags: c_uint) -> ssize_t {
        if watched(to).is_some() {
            return fail(libc::EINVAL) as ssize_t;
        }
        call!(libc::SYS_splice, from, at, to, offset, count, flags) as ssize_t
    }
    fn [mmap, mmap64](address: *mut c_void, length: size_t, protection: c_int, flags: c_int, fd: c_int, offset: off_t) -> *mut c_void {
        let shared = flags & libc::MAP_TYPE != libc::MAP_PRIVATE;
        if shared && protection & libc::PROT_WRITE != 0 && watched(fd).is_some() {
            die("a writable shared mapping");
        }
        call!(libc::SYS_mmap, address, length, protection, flags, fd, offset) as *mut c_void
    }
}

// Calls past libc.

/// System calls that change names or lengths, or sync. The index's library renames by one of its own, and the engine
/// allocates so; writes and opens go through libc in both.
const TRAPPED: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
];

/// Does a trapped call as the function of its name would. `None`: it is not one of them.
fn emulate(number: c_long, arguments: [usize; 6]) -> Option<c_int> {
    let [a, b, c, d, e, _] = arguments;
    let int = |argument: usize| argument as c_int;
    let text = |argument: usize| argument as *const c_char;
    let here = libc::AT_FDCWD;
    #[cfg(target_arch = "x86_64")]
    match number {
        libc::SYS_rename => return Some(renamed((here, text(a)), (here, text(b)), 0)),
        libc::SYS_link => return Some(linked((here, text(a)), (here, text(b)), 0)),
        libc::SYS_unlink => return Some(unlinked(here, text(a), 0)),
        libc::SYS_mkdir => return Some(made(here, text(a), b as mode_t)),
        libc::SYS_rmdir => return Some(unlinked(here, text(a), libc::AT_REMOVEDIR)),
        libc::SYS_renameat => return Some(renamed((int(a), text(b)), (int(c), text(d)), 0)),
        _ => {}
    }
    Some(match number {
        libc::SYS_renameat2 => renamed((int(a), text(b)), (int(c), text(d)), e as c_uint),
        libc::SYS_linkat => linked((int(a), text(b)), (int(c), text(d)), int(e)),
        libc::SYS_unlinkat => unlinked(int(a), text(b), int(c)),
        libc::SYS_mkdirat => made(int(a), text(b), c as mode_t),
        libc::SYS_truncate => truncated(text(a), b as off_t),
        // SAFETY: no pointers.
        libc::SYS_ftruncate => unsafe { ftruncate(int(a), b as off_t) },
        // SAFETY: no pointers.
        libc::SYS_fallocate => unsafe { fallocate(int(a), int(b), c as off_t, d as off_t) },
        // SAFETY: no pointers.
        libc::SYS_fsync => unsafe { fsync(int(a)) },
        // SAFETY: no pointers.
        libc::SYS_fdatasync => unsafe { fdatasync(int(a)) },
        _ => return None,
    })
}

/// An interrupted call: its number and its arguments.
#[cfg(target_arch = "x86_64")]
fn interrupted(context: &libc::ucontext_t) -> (c_long, [usize; 6]) {
    let register = |register: c_int| context.uc_mcontext.gregs.get(register as usize).copied().unwrap_or(-1);
    let arguments = [libc::REG_RDI, libc::REG_RSI, libc::REG_RDX, libc::REG_R10, libc::REG_R8, libc::REG_R9];
    (register(libc::REG_RAX), arguments.map(|argument| register(argument) as usize))
}

/// Gives the interrupted call its result.
#[cfg(target_arch = "x86_64")]
fn answer(context: &mut libc::ucontext_t, result: c_int) {
    if let Some(place) = context.uc_mcontext.gregs.get_mut(libc::REG_RAX as usize) {
        *place = result.into();
    }
}

/// An interrupted call: its number and its arguments.
#[cfg(target_arch = "aarch64")]
fn interrupted(context: &libc::ucontext_t) -> (c_long, [usize; 6]) {
    let [a, b, c, d, e, f, _, _, number, ..] = context.uc_mcontext.regs;
    (number as c_long, [a, b, c, d, e, f].map(|argument| argument as usize))
}

/// Gives the interrupted call its result.
#[cfg(target_arch = "aarch64")]
fn answer(context: &mut libc::ucontext_t, result: c_int) {
    let [place, ..] = &mut context.uc_mcontext.regs;
    *place = i64::from(result) as u64;
}

/// Takes the place of a call that the filter stopped.
extern "C" fn on_call(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    let before = errno();
    // SAFETY: the kernel gives a handler with SA_SIGINFO the interrupted thread's context, for it alone.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let (number, arguments) = interrupted(context);
    let outcome = match emulate(number, arguments) {
        Some(done) if done >= 0 => done,
        Some(_) => -errno(),
        None => die("a call that was not to be stopped"),
    };
    answer(context, outcome);
    set_errno(before);
}

/// The filter: [`TRAPPED`] calls become signals, unless they come from libc's `syscall`.
fn filter() -> Vec<libc::sock_filter> {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    // Offsets in `seccomp_data`: the call's number, and the halves of the instruction pointer.
    const NUMBER: u32 = 0;
    const POINTER_LOW: u32 = 8;
    const POINTER_HIGH: u32 = 12;
    /// Length that libc's `syscall` surely has not.
    const LONGEST: u64 = 128;
    let step = |code, k, jt, jf| libc::sock_filter { code, jt, jf, k };
    let begin = libc::syscall as *const () as u64;
    let end = begin + LONGEST;
    if begin >> 32 != end >> 32 {
        die("calls past libc: it lies across a boundary of 4 GiB");
    }
    let count = TRAPPED.len();
    let mut steps = vec![step(LOAD, NUMBER, 0, 0)];
    for (at, number) in TRAPPED.iter().enumerate() {
        // To the look at the pointer, behind the other numbers and the first return.
        steps.push(step(EQUAL, *number as u32, (count - at) as u8, 0));
    }
    steps.extend([
        step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0),
        step(LOAD, POINTER_HIGH, 0, 0),
        step(EQUAL, (begin >> 32) as u32, 0, 4),
        step(LOAD, POINTER_LOW, 0, 0),
        step(AT_LEAST, begin as u32, 0, 2),
        step(AT_LEAST, end as u32, 1, 0),
        step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0),
        step(RETURN, libc::SECCOMP_RET_TRAP, 0, 0),
    ]);
    steps
}

fn stop_calls_past_libc() {
    // SAFETY: a `sigaction` of zeros is one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_call as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
    // SAFETY: `on_call` has the form that SA_SIGINFO asks for.
    let handled = unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) };
    let mut steps = filter();
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    let allowed = call!(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    let set = call!(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program);
    if handled != 0 || allowed != 0 || set != 0 {
        die("calls past libc: the kernel takes no filter");
    }
}

// The start.

fn begin() -> Option<Session> {
    let root = std::env::var_os(run::ROOT)?.into_vec();
    let trace = CString::new(std::env::var_os(run::TRACE)?.into_vec()).ok()?;
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse().ok());
    let plan = std::env::var(run::PLAN).unwrap_or_default();
    let Ok(plan) = plan.parse() else { die("anything: the plan cannot be read") };
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC;
    let opened = call!(libc::SYS_openat, libc::AT_FDCWD, trace.as_ptr(), flags, 0o600);
    let fd = call!(libc::SYS_fcntl, opened, libc::F_DUPFD_CLOEXEC, TRACE_DESCRIPTOR) as c_int;
    if opened < 0 || fd < 0 {
        die("anything: the record cannot be opened");
    }
    call!(libc::SYS_close, opened);
    let recorder = Recorder::new(fd, plan);
    recorder.note(&Event::Life);
    Some(Session { root, sync_micros: number(run::SYNC_MICROS).unwrap_or(0), recorder: Mutex::new(recorder) })
}

/// Before the process's `main`, and so before its threads.
extern "C" fn start() {
    if SESSION.get_or_init(begin).is_some() {
        stop_calls_past_libc();
    }
}

#[used]
// SAFETY: the loader calls what stands in this section, with arguments that `start` does not look at.
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;
