//! The boundary between HTTP and the pipeline: what comes in, what goes out, and who answers.
//!
//! [`Handler`] is the pipeline. It gets an [`Incoming`] whose head was checked and whose body streams, and gives an
//! [`Outgoing`]. It knows nothing of connections, timeouts or hyper; the listener knows nothing of S3.

mod body;
mod handler;
mod outgoing;
pub(crate) mod respond;
mod wire;

pub use body::{BodyError, BytesRead, IncomingBody};
pub use handler::{Connection, Handler, Incoming, MalformedHead, TlsFacts};
pub use outgoing::{Chunks, Finished, OnFinished, Outgoing, OutgoingBody};
pub(crate) use wire::Wire;
