//! What a request looks like to the pipeline, and the trait that answers it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use super::body::IncomingBody;
use super::outgoing::{Outgoing, error_document};
use crate::listener::fault::HeadFault;

/// One connection of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Number of the connection, unique while the process runs.
    pub id: u64,
    /// The client's address.
    pub peer: SocketAddr,
    /// The address that it connected to.
    pub local: SocketAddr,
    /// What TLS agreed on; `None` on a plaintext listener.
    pub tls: Option<TlsFacts>,
    /// The id of the VPC endpoint that it came through, by its listener or by what a trusted balancer says. It is not
    /// known yet whether there is one.
    pub endpoint: Option<Arc<str>>,
}

/// What a TLS handshake agreed on, in the words of CloudTrail's `tlsDetails` and of S3's access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// `TLS_AES_128_GCM_SHA256` in TLS 1.3, `ECDHE-ECDSA-AES128-GCM-SHA256` (OpenSSL's name) in 1.2.
    pub cipher: &'static str,
    /// The group of the key exchange: `X25519MLKEM768`, `x25519`, `secp256r1`.
    pub key_exchange: &'static str,
    /// The server name that the client asked for.
    pub sni: Option<String>,
}

/// A request whose head has arrived.
#[derive(Debug)]
pub struct Incoming {
    /// The connection it came on.
    pub connection: Arc<Connection>,
    /// When its head was complete.
    pub received_at: Instant,
    /// The method.
    pub method: http::Method,
    /// The request target in origin form, as sent, undecoded: `/bucket/a%20b?versionId=x` (or `*`).
    pub target: String,
    /// The header fields.
    pub headers: http::HeaderMap,
    /// The body, not yet read.
    pub body: IncomingBody,
}

/// A message whose framing was refused before anything interpreted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedHead {
    /// What is wrong.
    pub fault: HeadFault,
    /// When it was found.
    pub received_at: Instant,
}

/// The pipeline: answers each request of every listener.
///
/// Each call runs in a task of its own, which goes on when the client goes away: a commit is never dropped half way.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Answers a request.
    async fn handle(&self, incoming: Incoming) -> Outgoing;

    /// Answers a message that could not be read, after which the connection closes. Records it, and may add the
    /// request ids to the document that [`malformed_answer`](Outgoing::malformed) makes.
    async fn malformed(&self, connection: Arc<Connection>, malformed: MalformedHead) -> Outgoing {
        let _ = connection;
        Outgoing::malformed(malformed.fault)
    }

    /// Takes note of a connection that was closed unread, because its source or all sources have too many.
    fn overloaded(&self, connection: &Connection);

    /// Answers for a call that panicked; the request got no record from it.
    fn panicked(&self, connection: &Connection) -> Outgoing {
        let _ = connection;
        Outgoing::error(500, "InternalError", error_document::INTERNAL_ERROR)
    }
}
