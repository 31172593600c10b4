//! The engine as a process of its own: killed at any instruction, opened again, compared with what it acknowledged.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod crash;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod faults;
mod work;
