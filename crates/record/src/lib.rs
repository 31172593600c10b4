//! The record of a request, in two parts under one request id.
//!
//! [`Decided`] says who asked what, what was decided and what it touched; it is durable before the answer, and for a
//! change in the very commit of that change. [`Completed`] says how it ended. CloudTrail events, access-log lines and
//! metrics are derived from these and from nothing else.

mod coding;
mod glance;
mod model;
mod uuid;

pub use coding::{RecordError, decode, encode, fuzz_record};
pub use glance::Glance;
pub use model::{
    CallerKind, CallerRecord, Coalesced, Completed, Continued, Decided, Effect, EffectKind, Outcome, Record,
    ResourceRecord, SignatureRecord, TlsRecord, Verdict,
};
pub use uuid::uuid;
