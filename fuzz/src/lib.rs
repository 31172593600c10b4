//! Every parser of outside bytes under random input: `tests/targets.rs`.
//!
//! `cargo test -p strongroom-fuzz` runs each target briefly with random bytes and with the corpus beside it; `cargo bolero
//! test -p strongroom-fuzz NAME` runs one with a coverage-guided fuzzer. A target only calls the `fuzz_*` function beside
//! the parser. A finding becomes a named test there.
