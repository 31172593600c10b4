//! The library under a process of its own, and the model of the disk, each against what is known to be true.

#![expect(clippy::unwrap_used, reason = "tests")]

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod library;
mod model;
