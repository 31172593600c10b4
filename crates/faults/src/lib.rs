//! A library for tests that is loaded into a process by `LD_PRELOAD` and stands between it and the operating system:
//! it records what the process does to the files under one directory, makes calls fail as it is told, and kills the
//! process where it is told to. What a power cut leaves is rebuilt from the record by `strongroom-powercut`, whose
//! `run` module has the environment variables and whose `trace` module the form of the record.
//!
//! - Calls through libc arrive because the library's functions stand before libc's. Calls past libc (rustix issues
//!   system calls of its own, and the index switches its files by one such rename) arrive by a seccomp filter that
//!   turns them into signals; only libc's `syscall`, which this library itself uses, is let through.
//! - Everything but syncs happens under one lock, together with its place in the record: the record's order is the
//!   order of effect. A sync begins and ends apart, so that others work meanwhile. It is not carried out: the record is
//!   the disk.
//! - A way of writing that the record has no event for (a writable shared mapping, a punched hole) ends the process with
//!   a message: an incomplete record would prove nothing.
//!
//! `ffi` is the only module with `unsafe` code. On systems other than 64-bit Linux on x86 and Arm the library is empty.

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#[expect(unsafe_code, reason = "functions that stand in for libc's, and the calls behind them")]
mod ffi;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod recorder;
