//! What holds for every policy and every request.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod advice;
mod agree;
mod case;
mod examples;
mod monotone;
mod naive;
mod reach;
mod text;
mod world;

/// How many random cases a test tries: in a long run `STRONGROOM_LONG` times as many.
fn cases(usual: u32) -> u32 {
    let times = std::env::var("STRONGROOM_LONG").ok().and_then(|times| times.parse::<u32>().ok());
    usual.saturating_mul(times.unwrap_or(1))
}
