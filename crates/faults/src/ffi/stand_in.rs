//! The functions under libc's names.

use std::ffi::{c_char, c_int, c_uint, c_void};

use libc::{iovec, mode_t, off_t, size_t, ssize_t};

use super::calls::{
    allocated, bytes, closed, duplicated, gathered, linked, made, opened, renamed, resized, shut, store,
    synced, truncated, unlinked,
};
use super::{STANDARD_OUTPUT, call, die, errno, fail, session, set_errno, watched};

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
