//! Hands temporary credentials of one role to the programs of one host, over the two protocols that every AWS SDK asks by
//! itself: that of containers and that of an instance's metadata, version 2.
//!
//! It listens on loopback addresses only, gets credentials through a [`Source`] that its caller brings (STS, asked by the
//! binary), renews them before they end, and serves the old ones for as long as they are good. It knows nothing of
//! signatures, of TLS or of where the store is.
//!
//! In reading order: [`RoleArn`] and [`Credentials`] (what is handed out), [`Schedule`] and `renew` (when it is got),
//! `container` and `imds` (the two protocols, as functions of a request's head), `peer` (whose program asks), `serve`
//! (connections), [`Agent`] (all of it together).

mod agent;
mod answer;
mod container;
mod credentials;
mod error;
mod head;
mod imds;
pub mod limits;
mod peer;
mod rate;
mod renew;
mod role;
mod serve;
mod token_file;

pub use agent::{Agent, Settings};
pub use container::PATH as CONTAINER_PATH;
pub use credentials::{Credentials, Source, SourceError};
pub use error::AgentError;
pub use peer::Admitted;
pub use renew::Schedule;
pub use role::RoleArn;
