//! One connection from its accept to its end.

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::{CipherSuite, NamedGroup, ProtocolVersion, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::checked::Checked;
use super::limits::{ConnectionLimits, MAX_CONNECTION_BUFFER_BYTES, MAX_HEADER_FIELDS};
use super::shutdown::Shutdown;
use crate::http::respond::Responder;
use crate::http::{Connection, Handler, TlsFacts, Wire};

/// Serves connections.
pub(super) struct Serve {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) limits: ConnectionLimits,
    pub(super) shutdown: Shutdown,
    pub(super) alive: mpsc::Sender<()>,
}

impl Serve {
    /// Serves a TCP connection, through TLS if there is an acceptor.
    pub(super) async fn stream(
        self,
        stream: TcpStream,
        mut connection: Connection,
        acceptor: Option<TlsAcceptor>,
    ) {
        let Some(acceptor) = acceptor else { return self.http(stream, connection).await };
        let handshake = tokio::time::timeout(self.limits.tls_handshake_timeout, acceptor.accept(stream));
        let accepted = tokio::select! {
            biased;
            () = self.shutdown.requested() => return,
            accepted = handshake => accepted,
        };
        match accepted {
            Ok(Ok(stream)) => {
                connection.tls = tls_facts(stream.get_ref().1);
                // A TLS connection whose facts are unknown must not pass for a plaintext one.
                if connection.tls.is_some() {
                    self.http(stream, connection).await;
                }
            }
            Ok(Err(error)) => tracing::debug!(peer = %connection.peer, %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!(peer = %connection.peer, "a TLS handshake took too long"),
        }
    }

    async fn http<T>(self, stream: T, connection: Connection)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { handler, limits, shutdown, alive } = self;
        let wire = Arc::new(Wire::default());
        let io = TokioIo::new(Checked::new(stream, Arc::clone(&wire), limits));
        let responder = Responder { handler, connection: Arc::new(connection), wire, limits, alive };
        let id = responder.connection.id;
        let service = service_fn(move |request| responder.clone().respond(request));
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            // A client may close its side as soon as it has asked, and still waits for its answer (RFC 9112, section 9.6).
            // Whether it is gone altogether shows when it is written to.
            .half_close(true)
            // The checker under hyper has the timeouts of heads and of idle connections.
            .header_read_timeout(None)
            .max_headers(MAX_HEADER_FIELDS)
            .max_buf_size(MAX_CONNECTION_BUFFER_BYTES)
            .serve_connection(io, service);
        tokio::pin!(serving);
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = shutdown.requested() => {
                serving.as_mut().graceful_shutdown();
                match tokio::time::timeout(limits.shutdown_grace, serving.as_mut()).await {
                    Ok(ended) => ended,
                    Err(_) => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(connection = id, %error, "a connection ended early");
        }
    }
}

/// What was agreed on, once the handshake is over.
fn tls_facts(session: &ServerConnection) -> Option<TlsFacts> {
    let version = name(&VERSIONS, session.protocol_version()?)?;
    Some(TlsFacts {
        version,
        cipher: name(&CIPHERS, session.negotiated_cipher_suite()?.suite())?,
        key_exchange: session
            .negotiated_key_exchange_group()
            .and_then(|group| name(&GROUPS, group.name()))
            .unwrap_or("-"),
        sni: session.server_name().map(str::to_owned),
    })
}

/// The names of CloudTrail's `tlsDetails.tlsVersion`.
const VERSIONS: [(ProtocolVersion, &str); 2] =
    [(ProtocolVersion::TLSv1_3, "TLSv1.3"), (ProtocolVersion::TLSv1_2, "TLSv1.2")];

/// OpenSSL's names, which S3's access log has; those of TLS 1.3 are the RFC's.
const CIPHERS: [(CipherSuite, &str); 9] = [
    (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
    (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"),
    (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305"),
];

/// The names of CloudTrail's `tlsDetails.keyExchange`.
const GROUPS: [(NamedGroup, &str); 6] = [
    (NamedGroup::X25519MLKEM768, "X25519MLKEM768"),
    (NamedGroup::secp256r1MLKEM768, "SecP256r1MLKEM768"),
    (NamedGroup::MLKEM768, "MLKEM768"),
    (NamedGroup::X25519, "x25519"),
    (NamedGroup::secp256r1, "secp256r1"),
    (NamedGroup::secp384r1, "secp384r1"),
];

fn name<T: PartialEq + Copy>(names: &[(T, &'static str)], value: T) -> Option<&'static str> {
    names.iter().find(|(named, _)| *named == value).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cipher_that_the_provider_offers_has_the_name_of_the_access_log() {
        for suite in rustls::crypto::aws_lc_rs::default_provider().cipher_suites {
            assert!(name(&CIPHERS, suite.suite()).is_some(), "{:?}", suite.suite());
        }
    }

    #[test]
    fn every_key_exchange_that_the_provider_offers_has_a_name() {
        for group in rustls::crypto::aws_lc_rs::default_provider().kx_groups {
            assert!(name(&GROUPS, group.name()).is_some(), "{:?}", group.name());
        }
    }
}
