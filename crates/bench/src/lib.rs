//! The load generator behind `strongroom bench`: drives any S3 endpoint, or two in turn, and says what came of it.
//!
//! It shares its machine with the server that it measures, so it spends little itself: one task and one kept connection
//! for each client, on few threads; objects that are all the beginning of one buffer, hashed once; answers read into a
//! buffer that stays, and counted, not copied.
//!
//! In reading order: [`Plan`] (what is measured, against whom), [`run`] (the rounds), `work` (what a client does in one),
//! `client` (the S3 operations), `request` (signed heads), `http` (a connection), `disk` (what the disk does by itself),
//! and of the results [`Tally`], [`Histogram`] and [`Report`].

mod client;
mod disk;
mod error;
mod histogram;
mod http;
pub mod limits;
mod plan;
mod process;
mod random;
mod report;
mod request;
mod run;
mod stop;
mod threads;
mod work;
mod xml;

pub use disk::DiskRate;
pub use error::BenchError;
pub use histogram::Histogram;
pub use http::{Endpoint, Trust, connector};
pub use plan::{Op, Payload, Plan, Side, Size, parse_duration};
pub use process::{Process, Usage};
pub use report::{Cell, RATIO_TITLES, Report, Round, Spread, TITLES};
pub use run::{Progress, run};
pub use stop::Stop;
pub use work::Tally;
