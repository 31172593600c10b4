//! Signatures as AWS documents them, as botocore makes them, and as attackers bend them.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and helpers outside #[test] functions are tests too"
)]

mod attacks;
mod documented;
mod forms;
mod fuzz;
mod golden;
mod mutations;
mod refusals;
mod streaming;
mod support;
