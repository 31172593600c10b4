//! A small HTTP/1.1 client: one connection kept alive, heads and bodies written at once, answers read into one buffer
//! that is used again and again.
//!
//! hyper's client hands every request to a task of its own over channels and collects bodies in buffers that it
//! allocates. A generator that shares its machine with the server would so be measured in the server's place.
//!
//! In reading order: where a server is and whom its certificate must come from ([`Endpoint`], [`Trust`]), the
//! [`Connection`], and how the answer's bytes end (`framing`).

mod connection;
mod endpoint;
mod framing;
mod tls;

pub(crate) use connection::{Answer, Connection, Fault, Keep};
pub use endpoint::Endpoint;
pub use tls::{Trust, connector};
