//! The codecs against AWS's protocol compliance cases, against themselves, and against hostile documents.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::pedantic,
    clippy::large_stack_arrays,
    reason = "helpers of tests fail as tests do"
)]

mod compliance;
mod dynamic;
mod hostile;
mod model;
mod patterns;
mod roundtrip;
mod s3;
mod semantic;
