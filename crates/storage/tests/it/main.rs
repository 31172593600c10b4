//! The engine as a process of its own: killed at any instruction, opened again, compared with what it acknowledged.

mod crash;
