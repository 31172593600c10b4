//! The engine as a process of its own: killed at any instruction, opened again, compared with what it acknowledged.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod crash;
#[cfg(target_os = "linux")]
mod faults;
