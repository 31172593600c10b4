//! Functions that stand before libc's, and the system calls that they end in.
//!
//! Every function here has the name and the meaning of libc's. Variadic ones are declared with all their arguments: on
//! the 64-bit Linux ABIs an integer argument is passed the same way in both, and one that the caller did not give is
//! read from a register, and not used.
//!
//! In reading order: `stand_in` has the functions, `calls` what they do, `trap` how calls past libc arrive.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::many_single_char_names,
    reason = "arguments of system calls are words, whatever they mean"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_long};
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use strongroom_powercut::run;
use strongroom_powercut::trace::Event;

use crate::recorder::Recorder;

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

// Behind the macro, which they use.
mod calls;
mod stand_in;
mod trap;

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
        trap::stop_calls_past_libc();
    }
}

#[used]
// SAFETY: the loader calls what stands in this section, with arguments that `start` does not look at.
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;
