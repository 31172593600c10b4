//! Who may do what: the decision and its reasons. Pure: no clock, no I/O, no async.
//!
//! What decides today is ownership alone: the root user of the account that owns a resource may do everything with it,
//! everybody else is denied implicitly. The types are those that policies will fill.

mod decision;

pub use decision::{Decision, Principal, Question, Statement, decide};
