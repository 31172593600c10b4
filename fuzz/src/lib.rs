//! Every parser of outside bytes under random input: `tests/targets.rs`.
//!
//! `cargo test -p strongroom-fuzz` runs each target on its corpus (`corpora/NAME/`), on copies of each file in it that are
//! changed in always the same ways, and briefly with random bytes. `cargo bolero test -p strongroom-fuzz NAME --corpus-dir
//! fuzz/corpora/NAME` runs one with a coverage-guided fuzzer. `seeds.py` writes the seeds that were thought of. A target
//! only calls the `fuzz_*` function beside the parser. A finding becomes a named test there.
