//! Answers: what the pipeline gives, and the body that hyper pulls.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body::{Body, Frame, SizeHint};

use super::wire::Wire;
use crate::listener::fault::HeadFault;

/// The pieces of a streamed body.
pub type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>> + Send>>;

/// What to do once the answer is over.
pub type OnFinished = Box<dyn FnOnce(Finished) + Send>;

/// The body of an answer.
pub enum OutgoingBody {
    /// No bytes.
    Empty,
    /// All bytes at once.
    Full(Bytes),
    /// Bytes as they come.
    Stream {
        /// How many there will be; without it the answer is sent in chunks. A stream that gives another number, or
        /// an error, ends the connection, so that the client cannot take the answer for whole.
        len: Option<u64>,
        /// The bytes.
        chunks: Chunks,
    },
}

impl fmt::Debug for OutgoingBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream { len, .. } => write!(f, "Stream({len:?} bytes)"),
        }
    }
}

impl OutgoingBody {
    /// How many bytes the body has, if known.
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Stream { len, .. } => *len,
        }
    }

    /// Whether it is known to have no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

/// How the sending of an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Body bytes handed to the connection. When `complete` is false the last of them may not have left it.
    pub bytes_sent: u64,
    /// Whether the whole answer was handed to the operating system.
    pub complete: bool,
    /// When the answer's head was written; `None` if the client was gone by then.
    pub first_byte_at: Option<Instant>,
    /// When the last byte was written; `None` as above.
    pub last_byte_at: Option<Instant>,
}

/// An answer.
///
/// The listener adds `Server` and `Date`, sets `Content-Length` from the body (a HEAD answer keeps the length that its
/// body or its own header names, and sends no body), and drops the body of 204 and 304.
pub struct Outgoing {
    /// The status code; one that HTTP does not have is sent as 500.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: OutgoingBody,
    /// Called exactly once, also when the client goes away before or during the answer.
    pub finished: OnFinished,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("status", &self.status)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

impl Outgoing {
    /// An S3 error document with nothing request-specific in it, for failures before a request exists.
    ///
    /// # Source
    /// S3 API Reference, "Error responses", "REST error responses".
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        let body = OutgoingBody::Full(error_document::render(code, message).into());
        Self { status, headers, body, finished: Box::new(|_| ()) }
    }

    /// The answer to a message whose framing was refused: 400, naming the fault.
    pub fn malformed(fault: HeadFault) -> Self {
        Self::error(400, fault.code(), &fault.to_string())
    }
}

pub(super) mod error_document {
    //! The little of S3's error document that the front writes itself.

    /// Message of InternalError.
    pub(crate) const INTERNAL_ERROR: &str = "We encountered an internal error. Please try again.";

    /// The document for a code and a message of ours.
    pub(crate) fn render(code: &str, message: &str) -> String {
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>",
            escape(code),
            escape(message)
        )
    }
}

/// Calls `finished` exactly once, whatever happens to the answer.
pub(crate) struct Finish {
    finished: Option<OnFinished>,
    wire: Option<Arc<Wire>>,
    bytes_sent: u64,
    first_byte_at: Option<Instant>,
}

impl fmt::Debug for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finish").field("bytes_sent", &self.bytes_sent).finish_non_exhaustive()
    }
}

impl Finish {
    pub(crate) fn new(finished: OnFinished) -> Self {
        Self { finished: Some(finished), wire: None, bytes_sent: 0, first_byte_at: None }
    }

    /// The answer's last byte has left.
    pub(crate) fn completed(mut self) {
        self.end(true);
    }

    fn end(&mut self, complete: bool) {
        let Some(finished) = self.finished.take() else { return };
        let last_byte_at = self.first_byte_at.map(|_| Instant::now());
        finished(Finished {
            bytes_sent: self.bytes_sent,
            complete,
            first_byte_at: self.first_byte_at,
            last_byte_at,
        });
        if let Some(wire) = self.wire.take() {
            wire.answered();
        }
    }
}

impl Drop for Finish {
    fn drop(&mut self) {
        self.end(false);
    }
}

/// The body that hyper pulls from; it counts bytes, keeps a promised length, and knows when it ended.
pub(crate) struct AnswerBody {
    body: OutgoingBody,
    left: Option<u64>,
    ended: bool,
    finish: Option<Finish>,
}

impl AnswerBody {
    /// The body of an answer whose head is about to be written on `wire`.
    pub(crate) fn new(body: OutgoingBody, mut finish: Finish, wire: &Arc<Wire>) -> Self {
        finish.wire = Some(Arc::clone(wire));
        finish.first_byte_at = Some(Instant::now());
        let (left, ended) = (body.len(), body.is_empty());
        Self { body, left, ended, finish: Some(finish) }
    }

    /// Counts a piece against the promised length.
    fn count(&mut self, piece: Bytes) -> Result<Frame<Bytes>, std::io::Error> {
        let len = piece.len() as u64;
        if let Some(left) = self.left {
            let left = left.checked_sub(len).ok_or_else(|| std::io::Error::other("the body is too long"))?;
            self.left = Some(left);
            self.ended = left == 0;
        }
        if let Some(finish) = &mut self.finish {
            finish.bytes_sent += len;
        }
        Ok(Frame::data(piece))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = match &mut self.body {
            OutgoingBody::Empty => None,
            OutgoingBody::Full(bytes) => Some(Ok(std::mem::take(bytes))),
            OutgoingBody::Stream { chunks, .. } => match chunks.as_mut().poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(piece) => piece,
            },
        };
        Poll::Ready(match piece {
            Some(Ok(piece)) => Some(self.count(piece)),
            Some(Err(error)) => Some(Err(error)),
            None if self.left.is_some_and(|left| left > 0) => {
                Some(Err(std::io::Error::other("the body is too short")))
            }
            None => {
                self.ended = true;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}

impl Drop for AnswerBody {
    /// hyper drops a body once it has buffered its last byte, or when the connection ends before that.
    fn drop(&mut self) {
        let Some(finish) = self.finish.take() else { return };
        if self.ended
            && let Some(wire) = finish.wire.clone()
        {
            wire.await_flush(finish);
        }
    }
}
