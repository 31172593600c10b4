use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, HeaderValue};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use strongroom_types::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_rustls::TlsConnector;

use super::*;
use crate::admin::Readiness;
use crate::http::{Connection, Finished, Handler, Incoming, MalformedHead, Outgoing, OutgoingBody, TlsFacts};
use crate::pki::{CertificateAuthority, ReloadingResolver, ServerNames, server_config};

/// What a request or its end showed.
#[derive(Debug, PartialEq)]
enum Seen {
    Request { method: String, target: String, tls: Option<TlsFacts> },
    Body(Result<usize, String>),
    Malformed(fault::HeadFault),
    Overloaded,
    Finished { bytes_sent: u64, complete: bool },
}

/// Answers by the path, and tells what it saw.
struct Dummy {
    seen: mpsc::UnboundedSender<Seen>,
    gate: Semaphore,
    entered: Notify,
}

impl Dummy {
    fn outgoing(&self, status: u16, body: OutgoingBody) -> Outgoing {
        let seen = self.seen.clone();
        let finished = move |it: Finished| {
            let _ = seen.send(Seen::Finished { bytes_sent: it.bytes_sent, complete: it.complete });
        };
        Outgoing { status, headers: HeaderMap::new(), body, finished: Box::new(finished) }
    }

    async fn read_body(&self, incoming: &mut Incoming) -> Result<usize, String> {
        let mut total = 0;
        while let Some(piece) = incoming.body.next().await {
            total += piece.map_err(|error| error.to_string())?.len();
        }
        Ok(total)
    }
}

#[async_trait]
impl Handler for Dummy {
    async fn handle(&self, mut incoming: Incoming) -> Outgoing {
        let tls = incoming.connection.tls.clone();
        let (method, target) = (incoming.method.to_string(), incoming.target.clone());
        let _ = self.seen.send(Seen::Request { method, target: target.clone(), tls });
        match target.as_str() {
            "/whose" => {
                let Connection { peer, endpoint, .. } = &*incoming.connection;
                let text = format!("{} {}", peer.ip(), endpoint.as_deref().unwrap_or("public"));
                self.outgoing(200, OutgoingBody::Full(text.into()))
            }
            "/panic" => panic!("a handler that panics"),
            "/deny" => self.outgoing(403, OutgoingBody::Full(Bytes::from_static(b"denied"))),
            "/nothing" => self.outgoing(204, OutgoingBody::Full(Bytes::from_static(b"must not be sent"))),
            "/same" => self.outgoing(304, OutgoingBody::Full(Bytes::from_static(b"must not be sent"))),
            "/head" => {
                let mut outgoing = self.outgoing(200, OutgoingBody::Empty);
                outgoing.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("12345"));
                outgoing
            }
            "/stream" => {
                let chunks = stream::iter(["ab", "cd", "ef"].map(|it| Ok(Bytes::from_static(it.as_bytes()))));
                self.outgoing(200, OutgoingBody::Stream { len: Some(6), chunks: Box::pin(chunks) })
            }
            "/chunked" => {
                let chunks = stream::iter(["ab", "cd"].map(|it| Ok(Bytes::from_static(it.as_bytes()))));
                self.outgoing(200, OutgoingBody::Stream { len: None, chunks: Box::pin(chunks) })
            }
            "/short" => {
                let chunks = stream::iter([Ok(Bytes::from_static(b"ab"))]);
                self.outgoing(200, OutgoingBody::Stream { len: Some(6), chunks: Box::pin(chunks) })
            }
            "/endless" => {
                let chunks = stream::repeat_with(|| Ok(Bytes::from(vec![7; 65_536])));
                self.outgoing(200, OutgoingBody::Stream { len: None, chunks: Box::pin(chunks) })
            }
            "/gate" => {
                self.entered.notify_one();
                self.gate.acquire().await.unwrap().forget();
                self.outgoing(200, OutgoingBody::Full(Bytes::from_static(b"through")))
            }
            _ => {
                let body = self.read_body(&mut incoming).await;
                let status = if body.is_ok() { 200 } else { 400 };
                let text = format!("{body:?}");
                let _ = self.seen.send(Seen::Body(body));
                self.outgoing(status, OutgoingBody::Full(text.into()))
            }
        }
    }

    async fn malformed(&self, _connection: Arc<Connection>, malformed: MalformedHead) -> Outgoing {
        let _ = self.seen.send(Seen::Malformed(malformed.fault));
        Outgoing::malformed(malformed.fault)
    }

    fn overloaded(&self, _connection: &Connection) {
        let _ = self.seen.send(Seen::Overloaded);
    }
}

pub(super) struct Server {
    plaintext: SocketAddr,
    pub(super) entrances: Vec<SocketAddr>,
    tls: SocketAddr,
    admin: SocketAddr,
    authority: CertificateAuthority,
    resolver: Arc<ReloadingResolver>,
    handler: Arc<Dummy>,
    seen: Mutex<mpsc::UnboundedReceiver<Seen>>,
    trigger: ShutdownTrigger,
    running: tokio::task::JoinHandle<()>,
}

fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

pub(super) fn limits() -> ConnectionLimits {
    ConnectionLimits { shutdown_grace: Duration::from_secs(5), ..ConnectionLimits::default() }
}

fn issue(authority: &CertificateAuthority) -> rustls::sign::CertifiedKey {
    let names = ServerNames::new(None, &[], &[]).unwrap();
    let certificate = authority.issue_server(&names, now(), &|buffer: &mut [u8]| buffer.fill(9)).unwrap();
    certificate.into_certified()
}

async fn serve(limits: ConnectionLimits) -> Server {
    serve_at(limits, Vec::new()).await
}

pub(super) async fn serve_at(limits: ConnectionLimits, entrances: Vec<Entrance>) -> Server {
    let authority = CertificateAuthority::create("test", now(), &|buffer: &mut [u8]| buffer.fill(7)).unwrap();
    let resolver = ReloadingResolver::new(issue(&authority));
    let any = "127.0.0.1:0".parse().unwrap();
    let addresses = Addresses { listen: Some(any), listen_plaintext: Some(any), admin: any, entrances };
    let config = server_config(Arc::clone(&resolver), None).unwrap();
    let listeners = Listeners::bind(&addresses, config, limits).await.unwrap();
    let (plaintext, tls) = (listeners.plaintext_address().unwrap(), listeners.tls_address().unwrap());
    let admin = listeners.admin_address().unwrap();
    let entrances = listeners.entrances().map(Option::unwrap).collect();
    let (sender, seen) = mpsc::unbounded_channel();
    let handler = Arc::new(Dummy { seen: sender, gate: Semaphore::new(0), entered: Notify::new() });
    let (trigger, shutdown) = ShutdownTrigger::new();
    let readiness = Arc::new(|| Readiness::Ready);
    let running = tokio::spawn(listeners.run(Arc::clone(&handler) as Arc<dyn Handler>, readiness, shutdown));
    let seen = Mutex::new(seen);
    Server { plaintext, entrances, tls, admin, authority, resolver, handler, seen, trigger, running }
}

impl Server {
    /// Asks for the end, and waits for it.
    pub(super) async fn end(self) {
        self.trigger.request();
        self.running.await.unwrap();
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.plaintext).await.unwrap()
    }

    /// The answer to `request` when the server is to close after it.
    async fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }

    #[expect(clippy::await_holding_lock, reason = "one test, one reader")]
    async fn next(&self) -> Seen {
        let mut seen = self.seen.lock().unwrap();
        tokio::time::timeout(Duration::from_secs(10), seen.recv()).await.unwrap().unwrap()
    }

    async fn until_finished(&self) -> (u64, bool) {
        loop {
            if let Seen::Finished { bytes_sent, complete } = self.next().await {
                return (bytes_sent, complete);
            }
        }
    }
}

pub(super) async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    read.expect("the server closes the connection").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until `end` has come.
async fn until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut answer = String::new();
    while !answer.ends_with(end) {
        let byte = tokio::time::timeout(Duration::from_secs(10), stream.read_u8()).await.unwrap();
        answer.push(char::from(byte.unwrap_or_else(|error| panic!("{error} after {answer:?}"))));
    }
    answer
}

const CLOSE: &str = "Host: a\r\nConnection: close\r\n";

#[tokio::test]
async fn answers_with_server_date_and_length() {
    let server = serve(limits()).await;
    let answer = server.exchange(&format!("GET /stream HTTP/1.1\r\n{CLOSE}\r\n")).await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 200 ok\r\n"), "{answer}");
    for line in ["\r\nserver: strongroom\r\n", "\r\ndate: ", "\r\ncontent-length: 6\r\n"] {
        assert!(answer.contains(line), "{line:?} in {answer}");
    }
    assert!(answer.ends_with("\r\n\r\nabcdef"));
    assert!(matches!(server.next().await, Seen::Request { tls: None, .. }));
    assert_eq!(server.next().await, Seen::Finished { bytes_sent: 6, complete: true });
}

#[tokio::test]
async fn keeps_the_target_as_it_was_sent() {
    let server = serve(limits()).await;
    let target = "//b/%2e%2E/a+b%20|c?versionId=%00&x=[y]";
    server.exchange(&format!("GET {target} HTTP/1.1\r\n{CLOSE}\r\n")).await;
    assert!(matches!(server.next().await, Seen::Request { target: seen, .. } if seen == target));
    server.exchange(&format!("GET http://a/b?c HTTP/1.1\r\n{CLOSE}\r\n")).await;
    loop {
        if let Seen::Request { target, .. } = server.next().await {
            assert_eq!(target, "/b?c");
            break;
        }
    }
}

#[tokio::test]
async fn an_answer_without_a_known_length_is_chunked() {
    let server = serve(limits()).await;
    let answer = server.exchange(&format!("GET /chunked HTTP/1.1\r\n{CLOSE}\r\n")).await;
    assert!(answer.contains("transfer-encoding: chunked\r\n"), "{answer}");
    assert!(answer.ends_with("2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn answers_to_head_and_of_204_and_304_have_no_body() {
    let server = serve(limits()).await;
    for (line, status, length) in [
        ("HEAD /head", "200", Some("12345")),
        ("HEAD /stream", "200", Some("6")),
        ("HEAD /deny", "403", Some("6")),
        ("GET /nothing", "204", None),
        ("GET /same", "304", None),
    ] {
        let answer = server.exchange(&format!("{line} HTTP/1.1\r\n{CLOSE}\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{line}: {answer}");
        let found = answer.lines().find_map(|line| line.strip_prefix("content-length: "));
        assert_eq!(found, length, "{line}: {answer}");
        assert_eq!(server.until_finished().await, (0, true), "{line}");
    }
}

#[tokio::test]
async fn keeps_a_connection_and_answers_pipelined_requests_in_order() {
    let server = serve(limits()).await;
    let put = "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    let chunked =
        "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let answer = server.exchange(&format!("{put}{chunked}GET /deny HTTP/1.1\r\n{CLOSE}\r\n")).await;
    let (four, five) = (answer.find("Ok(4)").unwrap(), answer.find("Ok(5)").unwrap());
    assert!(four < five && five < answer.find("denied").unwrap(), "{answer}");
}

#[tokio::test]
async fn a_smuggled_second_request_is_refused_after_the_first_was_answered() {
    let server = serve(limits()).await;
    let first = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n";
    let second =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let third = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = server.exchange(&format!("{first}{second}{third}")).await;
    let bad = answer.find("HTTP/1.1 400").unwrap_or_else(|| panic!("{answer}"));
    assert!(answer.find("abcdef").is_some_and(|good| good < bad), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "nothing after the refusal: {answer}");
    assert!(answer.contains("connection: close") && answer.contains("<Code>BadRequest</Code>"), "{answer}");
    assert!(matches!(server.next().await, Seen::Request { .. }));
    server.until_finished().await;
    assert_eq!(server.next().await, Seen::Malformed(fault::HeadFault::ContentLengthWithTransferEncoding));
}

#[tokio::test]
async fn a_malformed_head_gets_an_error_document_and_no_handler() {
    let server = serve(limits()).await;
    for (request, code) in [
        ("GET / HTTP/1.1\r\n\r\n", "BadRequest"),
        ("GET / HTTP/1.0\r\n\r\n", "BadRequest"),
        ("GET / HTTP/1.1\nHost: a\n\n", "BadRequest"),
        ("GET /<> HTTP/1.1\r\nHost: a\r\n\r\n", "InvalidURI"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "BadRequest"),
        ("\u{16}\u{3}\u{1}\0", "BadRequest"),
    ] {
        let answer = server.exchange(request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{request:?}: {answer}");
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{request:?}: {answer}");
        assert!(matches!(server.next().await, Seen::Malformed(_)));
    }
    let headers = "x: y\r\n".repeat(limits::MAX_HEADER_FIELDS + 1);
    let answer = server.exchange(&format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n")).await;
    assert!(answer.contains("<Code>RequestHeaderSectionTooLarge</Code>"), "{answer}");
}

#[tokio::test]
async fn a_request_cannot_pass_for_the_stand_in_of_a_malformed_one() {
    let server = serve(limits()).await;
    let answer = server.exchange("GET / HTTP/1.1\r\nhost: malformed\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn broken_chunks_fail_the_body_and_the_handler_still_answers() {
    let server = serve(limits()).await;
    let head = "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = server.exchange(&format!("{head}3\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    server.next().await;
    assert!(matches!(server.next().await, Seen::Body(Err(_))));
}

#[tokio::test]
async fn asks_for_an_awaited_body_only_when_the_handler_reads_it() {
    let server = serve(limits()).await;
    let head = "Host: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let mut stream = server.connect().await;
    stream.write_all(format!("PUT /echo HTTP/1.1\r\n{head}").as_bytes()).await.unwrap();
    assert_eq!(until(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    assert!(until(&mut stream, "Ok(5)").await.starts_with("HTTP/1.1 200"));
    stream.write_all(format!("PUT /deny HTTP/1.1\r\n{head}").as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "refused before its body is sent: {answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_small_unread_body_is_drained_and_a_large_one_closes_the_connection() {
    let server = serve(limits()).await;
    let mut stream = server.connect().await;
    let small = format!("PUT /deny HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{}", "z".repeat(1000));
    for _ in 0..3 {
        stream.write_all(small.as_bytes()).await.unwrap();
        assert!(!until(&mut stream, "denied").await.contains("connection: close"));
    }
    let length = limits::MAX_DRAIN_BYTES * 2;
    let large = format!("PUT /deny HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(large.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'z'; usize::try_from(length).unwrap()]).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.contains("connection: close") && answer.ends_with("denied"), "{answer}");
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error_to_the_handler() {
    let server = serve(limits()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel").await.unwrap();
    server.next().await;
    drop(stream);
    assert!(matches!(server.next().await, Seen::Body(Err(_))));
    server.until_finished().await;
}

#[tokio::test]
async fn a_stream_of_another_length_ends_the_connection_incomplete() {
    let server = serve(limits()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /short HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(server.until_finished().await, (2, false));
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_500() {
    let server = serve(limits()).await;
    let answer = server.exchange(&format!("GET /panic HTTP/1.1\r\n{CLOSE}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("<Code>InternalError</Code>"), "{answer}");
}

#[tokio::test]
async fn a_client_that_closes_its_side_after_asking_gets_its_answer() {
    let server = serve(limits()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(rest(&mut stream).await.ends_with("Ok(5)"));

    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.handler.entered.notified().await;
    waiting.shutdown().await.unwrap();
    // While this is asked and answered, the server reads that the other has ended its side.
    server.exchange(&format!("GET /deny HTTP/1.1\r\n{CLOSE}\r\n")).await;
    server.handler.gate.add_permits(1);
    assert!(rest(&mut waiting).await.ends_with("through"));
}

#[tokio::test]
async fn a_handler_goes_on_when_its_client_leaves() {
    let server = serve(limits()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.handler.entered.notified().await;
    drop(stream);
    server.handler.gate.add_permits(1);
    server.next().await;
    assert_eq!(server.handler.gate.available_permits(), 0);
    let finished = server.until_finished().await;
    assert!(finished == (0, false) || finished == (7, false) || finished == (7, true), "{finished:?}");
}

#[tokio::test]
async fn a_client_that_leaves_during_an_answer_is_reported_once() {
    let server = serve(limits()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    stream.read_exact(&mut vec![0; 100_000]).await.unwrap();
    drop(stream);
    server.next().await;
    assert!(
        matches!(server.next().await, Seen::Finished { complete: false, bytes_sent } if bytes_sent >= 65_536)
    );
}

#[tokio::test]
async fn slow_heads_idle_connections_and_stalled_bodies_end() {
    let short = Duration::from_millis(80);
    let server = serve(ConnectionLimits {
        header_read_timeout: short,
        idle_timeout: short,
        body_idle_timeout: short,
        ..limits()
    })
    .await;
    assert_eq!(rest(&mut server.connect().await).await, "", "a connection that says nothing");
    let answer = server.exchange("GET / HTTP/1.1\r\nHost:").await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("<Code>RequestTimeout</Code>"), "{answer}");
    let answer = server.exchange("GET /deny HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.ends_with("denied"), "an idle connection is closed: {answer}");
    let answer = server.exchange("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel").await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("within the timeout"), "{answer}");
}

#[tokio::test]
async fn a_head_that_trickles_in_does_not_outlast_its_time() {
    let server =
        serve(ConnectionLimits { header_read_timeout: Duration::from_millis(120), ..limits() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nx: ").await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let trickle = async {
        loop {
            tokio::time::sleep(Duration::from_millis(15)).await;
            if writer.write_all(b"y").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let answer = tokio::select! { answer = rest(&mut reader) => answer, () = trickle => String::new() };
    assert!(answer.contains("<Code>RequestTimeout</Code>"), "{answer}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_dropped() {
    let server = serve(ConnectionLimits { write_idle_timeout: Duration::from_millis(100), ..limits() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(!server.until_finished().await.1);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_reported() {
    let server = serve(ConnectionLimits { max_connections_per_source: 2, ..limits() }).await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET /deny HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        until(&mut stream, "denied").await;
        server.until_finished().await;
        kept.push(stream);
    }
    let mut third = server.connect().await;
    assert_eq!(third.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert_eq!(server.next().await, Seen::Overloaded);
    drop(kept);
}

#[tokio::test]
async fn shutdown_closes_idle_connections_and_finishes_what_is_in_flight() {
    let server = serve(limits()).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /deny HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(&mut idle, "denied").await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.handler.entered.notified().await;
    server.trigger.request();
    assert_eq!(rest(&mut idle).await, "");
    let mut live = TcpStream::connect(server.admin).await.unwrap();
    live.write_all(b"GET /-/live HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(rest(&mut live).await.starts_with("HTTP/1.1 200"), "the admin listener answers until the end");
    assert!(!server.running.is_finished());
    server.handler.gate.add_permits(1);
    let answer = rest(&mut busy).await;
    assert!(answer.ends_with("through") && answer.contains("connection: close"), "{answer}");
    tokio::time::timeout(Duration::from_secs(10), server.running).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.plaintext).await.is_err(), "nothing is accepted any more");
}

#[tokio::test]
async fn shutdown_does_not_wait_longer_than_the_grace() {
    let server = serve(ConnectionLimits { shutdown_grace: Duration::from_millis(100), ..limits() }).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.handler.entered.notified().await;
    server.trigger.request();
    tokio::time::timeout(Duration::from_secs(10), server.running).await.unwrap().unwrap();
    assert_eq!(rest(&mut busy).await, "");
}

fn client(
    authority: &CertificateAuthority,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate_der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

async fn tls_answer(server: &Server, config: ClientConfig, name: &str) -> std::io::Result<String> {
    let stream = TcpStream::connect(server.tls).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(format!("GET /stream HTTP/1.1\r\n{CLOSE}\r\n").as_bytes()).await?;
    Ok(rest(&mut stream).await)
}

#[tokio::test]
async fn tls_is_verified_by_our_authority_and_its_facts_are_told() {
    let server = serve(limits()).await;
    for (versions, version, cipher) in [
        (&[&rustls::version::TLS13], "TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        (&[&rustls::version::TLS12], "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ] {
        let config = client(&server.authority, versions);
        let answer = tls_answer(&server, config, "bucket.s3.localhost").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("abcdef"), "{answer}");
        let Seen::Request { tls: Some(tls), .. } = server.next().await else { panic!("no facts") };
        assert_eq!((tls.version, tls.cipher), (version, cipher));
        assert_eq!(tls.sni.as_deref(), Some("bucket.s3.localhost"));
        if version == "TLSv1.3" {
            assert_eq!(tls.key_exchange, "X25519MLKEM768");
        }
        assert_eq!(server.until_finished().await, (6, true));
    }
}

#[tokio::test]
async fn only_http_1_1_is_negotiated() {
    let server = serve(limits()).await;
    let mut config = client(&server.authority, &[&rustls::version::TLS13]);
    config.alpn_protocols = vec![b"h2".to_vec()];
    assert!(tls_answer(&server, config, "localhost").await.is_err(), "HTTP/2 alone is refused");
    let mut config = client(&server.authority, &[&rustls::version::TLS13]);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    assert!(tls_answer(&server, config, "localhost").await.is_ok());
}

#[tokio::test]
async fn a_new_certificate_is_served_without_a_restart() {
    let server = serve(limits()).await;
    let other = CertificateAuthority::create("other", now(), &|buffer: &mut [u8]| buffer.fill(8)).unwrap();
    let versions = &[&rustls::version::TLS13];
    assert!(tls_answer(&server, client(&other, versions), "localhost").await.is_err());
    server.resolver.replace(issue(&other)).unwrap();
    assert!(tls_answer(&server, client(&other, versions), "localhost").await.is_ok());
    assert!(tls_answer(&server, client(&server.authority, versions), "localhost").await.is_err());
}

#[tokio::test]
async fn a_handshake_that_stalls_is_dropped() {
    let server =
        serve(ConnectionLimits { tls_handshake_timeout: Duration::from_millis(80), ..limits() }).await;
    let mut stream = TcpStream::connect(server.tls).await.unwrap();
    stream.write_all(&[0x16, 3, 1]).await.unwrap();
    rest(&mut stream).await;
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = serve(limits()).await;
    let addresses = Addresses {
        listen: None,
        listen_plaintext: Some(server.plaintext),
        admin: "127.0.0.1:0".parse().unwrap(),
        entrances: Vec::new(),
    };
    let config = server_config(Arc::clone(&server.resolver), None).unwrap();
    let error = Listeners::bind(&addresses, Arc::clone(&config), limits()).await.unwrap_err();
    assert!(error.to_string().contains(&server.plaintext.to_string()), "{error}");
    let none = Addresses { listen: None, listen_plaintext: None, ..addresses };
    assert!(matches!(Listeners::bind(&none, config, limits()).await, Err(ListenError::NoAddress)));
}
