//! The admin listener: whether the process lives and whether it can serve, for the machine that it runs on.
//!
//! It has no authentication, so it binds to loopback addresses only, and it tells nothing but that.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::listener::{ListenError, Shutdown};

/// Connections of the admin listener at once. One more, and the oldest gives way: who connects and says nothing keeps
/// nobody from learning whether the server lives.
const MAX_ADMIN_CONNECTIONS: usize = 16;

/// How long one connection may take in all.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes that hyper may buffer for one of its connections.
const MAX_ADMIN_BUFFER_BYTES: usize = 16 * 1024;

/// Whether the server can serve requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// It cannot, and this is why, in words for the operator.
    NotReady {
        /// What is wrong and what to do.
        reason: String,
    },
}

/// The bound admin listener.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
}

impl Admin {
    /// Binds to a loopback address.
    ///
    /// # Errors
    /// [`ListenError::AdminNotLoopback`] for any other address, [`ListenError::Bind`] from the operating system.
    pub async fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        if !address.ip().to_canonical().is_loopback() {
            return Err(ListenError::AdminNotLoopback { address });
        }
        let listener =
            TcpListener::bind(address).await.map_err(|source| ListenError::Bind { address, source })?;
        Ok(Self { listener })
    }

    /// The address, with the port that port 0 became.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers `GET /-/live` and `GET /-/ready` until `shutdown` is asked for.
    pub async fn run(self, readiness: Arc<dyn Fn() -> Readiness + Send + Sync>, shutdown: Shutdown) {
        let mut connections = JoinSet::new();
        let mut oldest: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(crate::listener::limits::ACCEPT_RETRY).await;
                continue;
            };
            while connections.try_join_next().is_some() {}
            oldest.retain(|connection| !connection.is_finished());
            if oldest.len() >= MAX_ADMIN_CONNECTIONS
                && let Some(connection) = oldest.pop_front()
            {
                connection.abort();
            }
            oldest.push_back(connections.spawn(serve(stream, Arc::clone(&readiness))));
        }
    }
}

async fn serve(stream: TcpStream, readiness: Arc<dyn Fn() -> Readiness + Send + Sync>) {
    let service = service_fn(move |request| {
        let answer = answer(&request, readiness.as_ref());
        async move { Ok::<_, Infallible>(answer) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(MAX_ADMIN_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    if let Ok(Err(error)) = tokio::time::timeout(ADMIN_TIMEOUT, serving).await {
        tracing::debug!(%error, "an admin connection ended early");
    }
}

fn answer<B>(
    request: &Request<B>,
    readiness: &(dyn Fn() -> Readiness + Send + Sync),
) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here");
    }
    match request.uri().path() {
        "/-/live" => text(StatusCode::OK, "live"),
        "/-/ready" => match readiness() {
            Readiness::Ready => text(StatusCode::OK, "ready"),
            Readiness::NotReady { reason } => text(StatusCode::SERVICE_UNAVAILABLE, &reason),
        },
        _ => text(StatusCode::NOT_FOUND, "only /-/live and /-/ready are here"),
    }
}

fn text(status: StatusCode, line: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{line}\n"))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::listener::ShutdownTrigger;

    async fn ask(address: SocketAddr, line: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn tells_whether_it_lives_and_whether_it_is_ready() {
        let admin = Admin::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = admin.address().unwrap();
        let ready = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&ready);
        let readiness = Arc::new(move || {
            if seen.load(Ordering::SeqCst) {
                Readiness::Ready
            } else {
                Readiness::NotReady { reason: "the disk is full; free space under DIR".to_owned() }
            }
        });
        let (trigger, shutdown) = ShutdownTrigger::new();
        let running = tokio::spawn(admin.run(readiness, shutdown));
        assert!(ask(address, "GET /-/live").await.starts_with("HTTP/1.1 200"));
        assert!(ask(address, "GET /-/ready").await.starts_with("HTTP/1.1 200"));
        ready.store(false, Ordering::SeqCst);
        let answer = ask(address, "GET /-/ready").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("the disk is full"), "{answer}");
        assert!(ask(address, "GET /-/live").await.starts_with("HTTP/1.1 200"));
        assert!(ask(address, "GET /bucket/key").await.starts_with("HTTP/1.1 404"));
        assert!(ask(address, "POST /-/live").await.starts_with("HTTP/1.1 405"));
        trigger.request();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn who_connects_and_says_nothing_keeps_nobody_out() {
        let admin = Admin::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = admin.address().unwrap();
        let (trigger, shutdown) = ShutdownTrigger::new();
        let running = tokio::spawn(admin.run(Arc::new(|| Readiness::Ready), shutdown));
        let mut silent = Vec::new();
        for _ in 0..129 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let answer = tokio::time::timeout(ADMIN_TIMEOUT / 2, ask(address, "GET /-/live")).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        trigger.request();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn refuses_an_address_that_others_can_reach() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let refused = Admin::bind(address.parse().unwrap()).await;
            assert!(matches!(refused, Err(ListenError::AdminNotLoopback { .. })), "{address}");
        }
    }
}
