//! Connections: how many, how long, from whom, and how far their packets go.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::answer::Answer;
use crate::limits::{
    ACCEPT_RETRY, CONNECTION_TIMEOUT, MAX_BURST, MAX_CONNECTIONS, MAX_HEAD_BYTES, MAX_HEADER_FIELDS,
    MAX_REQUESTS_PER_SECOND,
};
use crate::rate::Rate;
use crate::{Admitted, AgentError, head};

/// Answers of one protocol.
pub(crate) type Answering = Arc<dyn Fn(&Parts) -> Answer + Send + Sync>;

/// An open socket that no other machine can reach.
#[derive(Debug)]
pub(crate) struct Loopback {
    listener: TcpListener,
    address: SocketAddr,
}

impl Loopback {
    /// Opens a socket on a loopback address. Its packets may take no hop: what is forwarded by mistake, as into the
    /// network of a container, ends at the first router.
    ///
    /// # Errors
    /// [`AgentError::NotLoopback`], [`AgentError::Bind`].
    ///
    /// # Source
    /// EC2 User Guide, "Use IMDSv2": "the hop limit".
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, AgentError> {
        if !address.ip().to_canonical().is_loopback() {
            return Err(AgentError::NotLoopback(address));
        }
        let open = || -> io::Result<(TcpListener, SocketAddr)> {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            if address.is_ipv4() {
                sockopt::set_ip_ttl(&socket, 1)?;
            } else {
                sockopt::set_ipv6_unicast_hops(&socket, Some(1))?;
            }
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let listener = socket.listen(MAX_CONNECTIONS.try_into().unwrap_or(u32::MAX))?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = open().map_err(|source| AgentError::Bind { address, source })?;
        Ok(Self { listener, address })
    }

    /// The address, with the port that port 0 became.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until it is dropped, and its connections with it.
    pub(crate) async fn run(self, answering: Answering, admitted: Admitted) {
        let admitted = Arc::new(admitted);
        let rate = Arc::new(Rate::new(MAX_BURST, MAX_REQUESTS_PER_SECOND));
        let mut connections = JoinSet::new();
        let mut oldest: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                    continue;
                }
            };
            while connections.try_join_next().is_some() {}
            oldest.retain(|connection| !connection.is_finished());
            if oldest.len() >= MAX_CONNECTIONS
                && let Some(connection) = oldest.pop_front()
            {
                connection.abort();
            }
            let one = One { answering: answering.clone(), admitted: admitted.clone(), rate: rate.clone() };
            oldest.push_back(connections.spawn(one.serve(stream, peer, self.address)));
        }
    }
}

/// One connection, of one request.
struct One {
    answering: Answering,
    admitted: Arc<Admitted>,
    rate: Arc<Rate>,
}

impl One {
    async fn serve(self, stream: TcpStream, peer: SocketAddr, local: SocketAddr) {
        let serving = async {
            let is_admitted = self.admitted.admits(peer, local).await;
            let service = service_fn(|request: http::Request<hyper::body::Incoming>| {
                let answer = self.answer(is_admitted, &request.into_parts().0);
                async move { Ok::<_, Infallible>(answer.into_response()) }
            });
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(CONNECTION_TIMEOUT)
                .keep_alive(false)
                .max_buf_size(MAX_HEAD_BYTES)
                .max_headers(MAX_HEADER_FIELDS)
                .serve_connection(TokioIo::new(stream), service)
                .await
        };
        if let Ok(Err(error)) = tokio::time::timeout(CONNECTION_TIMEOUT, serving).await {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    fn answer(&self, is_admitted: bool, head: &Parts) -> Answer {
        if !is_admitted {
            return Answer::text(
                StatusCode::FORBIDDEN,
                "this user's programs get nothing here; the agent's --allow-uid adds users",
            );
        }
        if !self.rate.take() {
            return Answer::text(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many requests; keep what you were given",
            );
        }
        match head::check(head) {
            Ok(()) => (self.answering)(head),
            Err(refusal) => refusal,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn start(admitted: Admitted) -> (SocketAddr, JoinSet<()>) {
        let socket = Loopback::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.address();
        let answering: Answering = Arc::new(|head| Answer::text(StatusCode::OK, head.uri.path()));
        let mut running = JoinSet::new();
        running.spawn(socket.run(answering, admitted));
        (address, running)
    }

    async fn ask(address: SocketAddr, text: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // A connection that is refused early is closed while it is written to.
        let _ = stream.write_all(text).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    const GOOD: &[u8] = b"GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

    #[tokio::test]
    async fn only_loopback_addresses_are_listened_on_and_no_packet_takes_a_hop() {
        for address in ["0.0.0.0:0", "192.0.2.1:0", "169.254.169.254:80", "[::]:0"] {
            let refused = Loopback::bind(address.parse().unwrap());
            assert!(matches!(refused, Err(AgentError::NotLoopback(_))), "{address}");
        }
        let socket = Loopback::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let _client = TcpStream::connect(socket.address()).await.unwrap();
        let (stream, _) = socket.listener.accept().await.unwrap();
        assert_eq!(sockopt::ip_ttl(&stream).unwrap(), 1, "a connection has its listener's");
    }

    #[tokio::test]
    async fn one_request_is_answered_and_the_connection_ends() {
        let (address, _running) = start(Admitted::own_and(&[]));
        let answer = ask(address, &[GOOD, GOOD].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n/x"), "{answer}");
        assert!(answer.contains("cache-control: no-store"));
    }

    #[tokio::test]
    async fn other_users_programs_proxies_and_other_names_are_refused() {
        let (address, _running) = start(Admitted::Users(vec![]));
        assert!(ask(address, GOOD).await.starts_with("HTTP/1.1 403"));
        let (address, _running) = start(Admitted::Everybody);
        for head in ["Host: evil.example", "X-Forwarded-For: 192.0.2.1\r\nHost: 127.0.0.1", "X: y"] {
            let answer = ask(address, format!("GET / HTTP/1.1\r\n{head}\r\n\r\n").as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{head}: {answer}");
        }
    }

    #[tokio::test]
    async fn heads_have_a_limit() {
        let (address, _running) = start(Admitted::Everybody);
        let long = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nx: {}\r\n\r\n", "x".repeat(MAX_HEAD_BYTES));
        let many =
            format!("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n", "x: y\r\n".repeat(MAX_HEADER_FIELDS));
        for head in [long, many] {
            let answer = ask(address, head.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        }
    }

    #[tokio::test]
    async fn who_connects_and_says_nothing_keeps_nobody_out() {
        let (address, _running) = start(Admitted::Everybody);
        let mut silent = Vec::new();
        for _ in 0..MAX_CONNECTIONS * 2 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let answer = tokio::time::timeout(CONNECTION_TIMEOUT / 2, ask(address, GOOD)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    #[tokio::test]
    async fn a_burst_beyond_the_rate_is_told_to_come_again() {
        let (address, _running) = start(Admitted::Everybody);
        let mut refused = 0;
        for _ in 0..MAX_BURST * 3 {
            refused += u32::from(ask(address, GOOD).await.starts_with("HTTP/1.1 503"));
        }
        assert!(refused > 0, "the rate has no effect");
    }
}
