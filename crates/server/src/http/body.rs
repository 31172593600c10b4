//! The body of a request, as the pipeline reads it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use crate::listener::ConnectionLimits;

/// Why a body cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client went away, or sent a body whose framing is broken.
    #[error("the request body ended before it was complete")]
    Incomplete(#[source] Option<hyper::Error>),
    /// Nothing came for too long.
    #[error(
        "Your socket connection to the server was not read from or written to within the timeout period."
    )]
    Stalled {
        /// How long the server waited.
        after: Duration,
    },
}

/// What becomes of a body once the pipeline is done with it.
#[derive(Debug)]
pub(crate) enum Rest {
    /// The pipeline still has it.
    Held,
    /// It was read to its end, or was empty.
    Read,
    /// It failed; nothing more can be read.
    Failed,
    /// It was given back with bytes unread.
    Unread {
        /// The rest.
        body: hyper::body::Incoming,
        /// Bytes that are still to come, if the client named the length.
        left: Option<u64>,
        /// Whether the client waits for 100 Continue, which it has not got.
        awaits_continue: bool,
    },
}

/// Where a body leaves its rest when it is dropped.
pub(crate) type RestSlot = Arc<Mutex<Rest>>;

enum Inner {
    Wire(hyper::body::Incoming),
    Memory(VecDeque<Bytes>),
    Ended,
}

/// The body of a request. Bytes are read from the connection only as they are asked for; the first call of
/// [`next`](Self::next) makes hyper send 100 Continue, if the client waits for it.
pub struct IncomingBody {
    inner: Inner,
    rest: RestSlot,
    content_length: Option<u64>,
    bytes_read: BytesRead,
    limits: ConnectionLimits,
    /// How long the client was waited for, and what it sent, since its rate was last looked at.
    waited: Duration,
    sent: u64,
    awaits_continue: bool,
    failed: bool,
}

/// How many bytes of a body were read so far, for whoever records the request while another reads the body.
#[derive(Debug, Clone, Default)]
pub struct BytesRead(Arc<AtomicU64>);

impl BytesRead {
    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl fmt::Debug for IncomingBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingBody")
            .field("content_length", &self.content_length)
            .field("bytes_read", &self.bytes_read)
            .finish_non_exhaustive()
    }
}

impl IncomingBody {
    /// A body that comes from a connection, and the slot that it leaves its rest in.
    pub(crate) fn new(
        body: hyper::body::Incoming,
        limits: ConnectionLimits,
        awaits_continue: bool,
    ) -> (Self, RestSlot) {
        let rest = RestSlot::new(Mutex::new(Rest::Held));
        let content_length = body.size_hint().exact();
        let incoming = Self {
            inner: Inner::Wire(body),
            rest: Arc::clone(&rest),
            content_length,
            bytes_read: BytesRead::default(),
            limits,
            waited: Duration::ZERO,
            sent: 0,
            awaits_continue: awaits_continue && content_length != Some(0),
            failed: false,
        };
        (incoming, rest)
    }

    /// A body that is in memory already: for work without a connection, and for tests.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self::from_pieces([bytes])
    }

    /// A body that is in memory already, in pieces.
    pub fn from_pieces(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let pieces: VecDeque<_> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        Self {
            content_length: Some(pieces.iter().map(|piece| piece.len() as u64).sum()),
            inner: Inner::Memory(pieces),
            rest: RestSlot::new(Mutex::new(Rest::Held)),
            bytes_read: BytesRead::default(),
            limits: ConnectionLimits::default(),
            waited: Duration::ZERO,
            sent: 0,
            awaits_continue: false,
            failed: false,
        }
    }

    /// The next bytes, never an empty piece; `None` at the end. After an error every call gives `None`, so that a
    /// caller must not take the end for a good one once it saw an error.
    ///
    /// # Errors
    /// [`BodyError::Incomplete`] and [`BodyError::Stalled`].
    pub async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        loop {
            let frame = match &mut self.inner {
                Inner::Ended => return None,
                Inner::Memory(pieces) => {
                    let piece = pieces.pop_front()?;
                    self.bytes_read.add(piece.len());
                    return Some(Ok(piece));
                }
                Inner::Wire(body) => {
                    self.awaits_continue = false;
                    let asked = Instant::now();
                    let frame = tokio::time::timeout(self.limits.body_idle_timeout, body.frame()).await;
                    self.waited += asked.elapsed();
                    frame
                }
            };
            if self.limits.is_too_slow(self.waited, self.sent) {
                return Some(Err(self.fail(BodyError::Stalled { after: self.waited })));
            }
            if self.waited >= self.limits.slow_start {
                (self.waited, self.sent) = (Duration::ZERO, 0);
            }
            match frame {
                Err(_) => {
                    return Some(Err(self.fail(BodyError::Stalled { after: self.limits.body_idle_timeout })));
                }
                Ok(Some(Err(error))) => return Some(Err(self.fail(BodyError::Incomplete(Some(error))))),
                Ok(None) => {
                    self.inner = Inner::Ended;
                    let short = self.content_length.is_some_and(|length| self.bytes_read.get() < length);
                    return short.then(|| Err(self.fail(BodyError::Incomplete(None))));
                }
                Ok(Some(Ok(frame))) => {
                    // Trailer fields of the transfer coding carry nothing that S3 reads.
                    let Ok(data) = frame.into_data() else { continue };
                    if data.is_empty() {
                        continue;
                    }
                    self.bytes_read.add(data.len());
                    self.sent += data.len() as u64;
                    return Some(Ok(data));
                }
            }
        }
    }

    /// The length that the client named; `None` for a chunked body.
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Bytes read so far, as they are read.
    pub fn bytes_read(&self) -> BytesRead {
        self.bytes_read.clone()
    }

    /// Whether the client waits for 100 Continue before it sends the body.
    pub fn awaits_continue(&self) -> bool {
        self.awaits_continue
    }

    fn fail(&mut self, error: BodyError) -> BodyError {
        self.inner = Inner::Ended;
        self.failed = true;
        error
    }
}

impl Drop for IncomingBody {
    fn drop(&mut self) {
        let rest = match std::mem::replace(&mut self.inner, Inner::Ended) {
            Inner::Wire(body) if body.is_end_stream() => Rest::Read,
            Inner::Wire(body) => Rest::Unread {
                body,
                left: self.content_length.map(|length| length.saturating_sub(self.bytes_read.get())),
                awaits_continue: self.awaits_continue,
            },
            Inner::Memory(_) | Inner::Ended if self.failed => Rest::Failed,
            Inner::Memory(_) | Inner::Ended => Rest::Read,
        };
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = rest;
    }
}
