//! One connection: a request at a time.

use std::io;
use std::net::SocketAddr;

use bytes::Buf;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::framing::Framing;
use crate::limits::{CONNECT_TIMEOUT, MAX_HEAD_BYTES, MAX_HEADER_LINES, MAX_KEPT_BYTES, READ_BUFFER_BYTES};

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// No connection.
    Connect(io::Error),
    /// No TLS over it.
    Handshake(io::Error),
    /// The connection ended before the first byte of an answer: where it had been idle, the server may have closed it.
    NoAnswer(io::Error),
    /// The answer ended early, or is none.
    Broken(io::Error),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connect(source) => write!(f, "no connection: {source}"),
            Self::Handshake(source) => write!(f, "no TLS: {source}"),
            Self::NoAnswer(source) => write!(f, "no answer: {source}"),
            Self::Broken(source) => write!(f, "broken answer: {source}"),
        }
    }
}

/// What becomes of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep<'a> {
    /// It is counted; that of an error is kept.
    Errors,
    /// It is kept.
    All,
    /// It is counted and compared with these bytes; that of an error is kept.
    Same(&'a [u8]),
}

/// An answer whose body has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Bytes of the body.
    pub(crate) body_bytes: u64,
    /// `Content-Length`, which HEAD has without a body.
    pub(crate) declared_bytes: Option<u64>,
    /// Whether the body was the bytes of [`Keep::Same`]; true where none were given.
    pub(crate) is_same: bool,
    /// Whether the connection is good for another request.
    pub(crate) is_reusable: bool,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    buffer: Box<[u8]>,
    /// Bytes of the buffer that were read and not used yet.
    start: usize,
    end: usize,
    /// Protocol and cipher suite, for the report.
    tls: Option<String>,
}

/// The head of an answer.
struct Head {
    status: u16,
    declared_bytes: Option<u64>,
    framing: Framing,
    is_reusable: bool,
}

impl Connection {
    /// Connects to the first address that answers.
    pub(crate) async fn open(
        addresses: &[SocketAddr],
        tls: Option<(&TlsConnector, &ServerName<'static>)>,
    ) -> Result<Self, Fault> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(addresses));
        let stream = connecting.await.map_err(|_| Fault::Connect(late()))?.map_err(Fault::Connect)?;
        // Heads are small, and each is waited for.
        stream.set_nodelay(true).map_err(Fault::Connect)?;
        let (stream, tls): (Box<dyn Stream>, _) = match tls {
            None => (Box::new(stream), None),
            Some((connector, name)) => {
                let handshake =
                    tokio::time::timeout(CONNECT_TIMEOUT, connector.connect(name.clone(), stream));
                let stream =
                    handshake.await.map_err(|_| Fault::Handshake(late()))?.map_err(Fault::Handshake)?;
                let (_, session) = stream.get_ref();
                let suite = session.negotiated_cipher_suite().map(|suite| suite.suite());
                let text = session.protocol_version().zip(suite);
                (Box::new(stream), text.map(|(version, suite)| format!("{version:?} {suite:?}")))
            }
        };
        let buffer = vec![0; READ_BUFFER_BYTES].into_boxed_slice();
        Ok(Self { stream, buffer, start: 0, end: 0, tls })
    }

    /// Protocol and cipher suite; none without TLS.
    pub(crate) fn tls(&self) -> Option<&str> {
        self.tls.as_deref()
    }

    /// Sends a request and reads its answer. `kept` is emptied first.
    pub(crate) async fn exchange(
        &mut self,
        head: &[u8],
        body: &[u8],
        is_head_request: bool,
        keep: Keep<'_>,
        kept: &mut Vec<u8>,
    ) -> Result<Answer, Fault> {
        let sent = self.send(head, body).await;
        // A server may refuse a body before it has come, and say why.
        match (self.receive(is_head_request, keep, kept).await, sent) {
            (Ok(answer), sent) => Ok(Answer { is_reusable: answer.is_reusable && sent.is_ok(), ..answer }),
            (Err(Fault::NoAnswer(_)), Err(source)) => Err(Fault::NoAnswer(source)),
            (Err(fault), _) => Err(fault),
        }
    }

    async fn send(&mut self, head: &[u8], body: &[u8]) -> io::Result<()> {
        self.stream.write_all_buf(&mut Buf::chain(head, body)).await?;
        self.stream.flush().await
    }

    async fn receive(
        &mut self,
        is_head_request: bool,
        keep: Keep<'_>,
        kept: &mut Vec<u8>,
    ) -> Result<Answer, Fault> {
        kept.clear();
        let head = self.receive_head(is_head_request).await?;
        let mut framing = head.framing;
        let is_error = head.status >= 300;
        let (mut body_bytes, mut is_same) = (0_usize, true);
        loop {
            let input = self.buffer.get(self.start..self.end).unwrap_or_default();
            let taken = framing.feed(input, |bytes| {
                match keep {
                    Keep::Same(expected) if !is_error => {
                        is_same &= expected.get(body_bytes..body_bytes + bytes.len()) == Some(bytes);
                    }
                    Keep::Errors if !is_error => {}
                    Keep::All | Keep::Errors | Keep::Same(_) => kept.extend_from_slice(bytes),
                }
                body_bytes += bytes.len();
            });
            self.start += taken.map_err(|_| broken("the chunks of the body cannot be read"))?;
            if framing.is_done() {
                break;
            }
            if kept.len() > MAX_KEPT_BYTES {
                return Err(broken("the answer is too long"));
            }
            if self.fill().await.map_err(Fault::Broken)? == 0 {
                if framing == Framing::UntilClose {
                    break;
                }
                return Err(broken("the connection ended within the answer"));
            }
        }
        if let Keep::Same(expected) = keep {
            is_same &= is_error || body_bytes == expected.len();
        }
        let is_reusable = head.is_reusable && self.start == self.end;
        let (status, declared_bytes) = (head.status, head.declared_bytes);
        Ok(Answer { status, body_bytes: body_bytes as u64, declared_bytes, is_same, is_reusable })
    }

    /// Reads the head of the final answer; interim ones (1xx) are passed over.
    async fn receive_head(&mut self, is_head_request: bool) -> Result<Head, Fault> {
        let mut has_begun = false;
        loop {
            let input = self.buffer.get(self.start..self.end).unwrap_or_default();
            has_begun |= !input.is_empty();
            if let Some((head, length)) = parse_head(input, is_head_request)? {
                self.start += length;
                if head.status >= 200 {
                    return Ok(head);
                }
                continue;
            }
            if input.len() > MAX_HEAD_BYTES {
                return Err(broken("the head of the answer is too long"));
            }
            match self.fill().await {
                Ok(0) if has_begun => return Err(broken("the connection ended within the answer's head")),
                Ok(0) => return Err(Fault::NoAnswer(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(source) if has_begun => return Err(Fault::Broken(source)),
                Err(source) => return Err(Fault::NoAnswer(source)),
            }
        }
    }

    /// Reads what has come, at least a byte, behind what is still to be used.
    async fn fill(&mut self) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = self.stream.read(free).await?;
        self.end += read;
        Ok(read)
    }
}

fn broken(what: &'static str) -> Fault {
    Fault::Broken(io::Error::new(io::ErrorKind::InvalidData, what))
}

/// The head and its length, if it has come whole.
fn parse_head(input: &[u8], is_head_request: bool) -> Result<Option<(Head, usize)>, Fault> {
    let mut lines = [httparse::EMPTY_HEADER; MAX_HEADER_LINES];
    let mut response = httparse::Response::new(&mut lines);
    let length = match response.parse(input) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => {
            return Err(Fault::Broken(io::Error::new(io::ErrorKind::InvalidData, error.to_string())));
        }
    };
    let status = response.code.unwrap_or_default();
    let (mut declared_bytes, mut is_chunked, mut is_reusable) = (None, false, response.version == Some(1));
    for line in response.headers.iter() {
        if line.name.eq_ignore_ascii_case("content-length") {
            let value = std::str::from_utf8(line.value).ok().and_then(|value| value.trim().parse().ok());
            declared_bytes = Some(value.ok_or_else(|| broken("its Content-Length is no number"))?);
        } else if line.name.eq_ignore_ascii_case("transfer-encoding") {
            is_chunked = line.value.to_ascii_lowercase().ends_with(b"chunked");
        } else if line.name.eq_ignore_ascii_case("connection") {
            is_reusable &= !line.value.eq_ignore_ascii_case(b"close");
        }
    }
    let framing = if is_head_request || status < 200 || matches!(status, 204 | 304) {
        Framing::Length(0)
    } else if is_chunked {
        Framing::chunked()
    } else {
        declared_bytes.map_or(Framing::UntilClose, Framing::Length)
    };
    is_reusable &= framing != Framing::UntilClose;
    Ok(Some((Head { status, declared_bytes, framing, is_reusable }, length)))
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;

    fn pair() -> (Connection, DuplexStream) {
        let (stream, server) = tokio::io::duplex(1024 * 1024);
        let buffer = vec![0; READ_BUFFER_BYTES].into_boxed_slice();
        (Connection { stream: Box::new(stream), buffer, start: 0, end: 0, tls: None }, server)
    }

    /// What is made of an answer that comes in pieces, the connection ending behind them.
    async fn answer(
        pieces: &[&str],
        is_head_request: bool,
        keep: Keep<'_>,
    ) -> Result<(Answer, String), Fault> {
        let (mut connection, mut server) = pair();
        let mut kept = Vec::new();
        let serving = async {
            for piece in pieces {
                server.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(server);
        };
        let asking = connection.exchange(b"HEAD", b"body", is_head_request, keep, &mut kept);
        let (answer, ()) = tokio::join!(asking, serving);
        answer.map(|answer| (answer, String::from_utf8(kept).unwrap()))
    }

    #[tokio::test]
    async fn bodies_are_counted_and_those_of_errors_kept() {
        let ok = ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", "llo"];
        let (counted, kept) = answer(&ok, false, Keep::Errors).await.unwrap();
        assert_eq!((counted.status, counted.body_bytes, counted.is_reusable), (200, 5, true));
        assert_eq!(kept, "");
        let (_, kept) = answer(&ok, false, Keep::All).await.unwrap();
        assert_eq!(kept, "hello");
        let no = [
            "HTTP/1.1 403 No\r\ntransfer-encoding: Chunked\r\nConnection: Close\r\n\r\n2\r\nno\r\n0\r\n",
            "\r\n",
        ];
        let (refused, kept) = answer(&no, false, Keep::Errors).await.unwrap();
        assert_eq!((refused.status, refused.is_reusable, kept.as_str()), (403, false, "no"));
    }

    #[tokio::test]
    async fn a_body_is_compared_with_what_was_put() {
        let ok = ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "he", "llo"];
        for (expected, is_same) in [("hello", true), ("hellO", false), ("hell", false), ("hello!", false)] {
            let (answer, _) = answer(&ok, false, Keep::Same(expected.as_bytes())).await.unwrap();
            assert_eq!(answer.is_same, is_same, "{expected}");
        }
    }

    #[tokio::test]
    async fn head_has_a_length_and_no_body_and_interim_answers_are_passed_over() {
        let pieces = ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"];
        let (answer, _) = answer(&pieces, true, Keep::Errors).await.unwrap();
        assert_eq!((answer.declared_bytes, answer.body_bytes, answer.is_reusable), (Some(5), 0, true));
    }

    #[tokio::test]
    async fn an_answer_that_ends_early_is_told_from_none() {
        assert!(matches!(answer(&[], false, Keep::Errors).await, Err(Fault::NoAnswer(_))));
        for cut in ["HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", "SSH-2.0-x\r\n"] {
            assert!(matches!(answer(&[cut], false, Keep::Errors).await, Err(Fault::Broken(_))), "{cut}");
        }
        let until_close = ["HTTP/1.0 200 OK\r\n\r\nhel", "lo"];
        let (answer, _) = answer(&until_close, false, Keep::Errors).await.unwrap();
        assert_eq!((answer.body_bytes, answer.is_reusable), (5, false));
    }
}
