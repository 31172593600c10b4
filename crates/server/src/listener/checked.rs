//! The bytes of a connection, with the head checker and the timeouts that hyper has no place for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::fault::HeadFault;
use super::head::HeadChecker;
use super::limits::{ConnectionLimits, LINGER_TIMEOUT, MAX_LINGER_BYTES};
use crate::http::Wire;

/// Bytes read at once while the checker looks at each of them.
const WINDOW_READ_BYTES: usize = 8 * 1024;

/// What hyper gets in place of a head with a fault. It makes one request of the bad message, so that its answer keeps
/// its place behind those of the messages before it; the service knows it by its number, not by what it says.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: malformed\r\nconnection: close\r\n\r\n";

/// The same where the bad message may be a HEAD, whose answer must have no body: one would be read as the next answer.
const STAND_IN_FOR_HEAD: &[u8] = b"HEAD / HTTP/1.1\r\nhost: malformed\r\nconnection: close\r\n\r\n";

/// What the reader waits for, and so how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// The first head of the connection.
    First,
    /// The rest of a head that has begun.
    Head,
    /// The next request.
    Idle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    ShutDown,
    Linger { bytes: usize },
    Done,
}

/// A transport whose reads give hyper only messages that have one reading, and whose waits all end.
#[derive(Debug)]
pub(crate) struct Checked<T> {
    inner: T,
    wire: Arc<Wire>,
    limits: ConnectionLimits,
    checker: HeadChecker,
    /// Bytes read and not yet given to hyper.
    window: BytesMut,
    /// How many of them may be given.
    passable: usize,
    scratch: Box<[u8; WINDOW_READ_BYTES]>,
    fresh: bool,
    eof: bool,
    stopped: bool,
    waiting: Option<Waiting>,
    timer: Pin<Box<Sleep>>,
    write_timer: Option<Pin<Box<Sleep>>>,
    taking: Taking,
    closing: Closing,
}

/// How the peer takes what is written, since its rate was last looked at.
#[derive(Debug, Default)]
struct Taking {
    /// Since when nothing could be written.
    blocked_at: Option<Instant>,
    /// How long that was in all.
    waited: Duration,
    bytes: u64,
}

impl<T> Checked<T> {
    pub(crate) fn new(inner: T, wire: Arc<Wire>, limits: ConnectionLimits) -> Self {
        Self {
            inner,
            wire,
            limits,
            checker: HeadChecker::new(),
            window: BytesMut::new(),
            passable: 0,
            scratch: Box::new([0; WINDOW_READ_BYTES]),
            fresh: true,
            eof: false,
            stopped: false,
            waiting: None,
            timer: Box::pin(tokio::time::sleep(limits.header_read_timeout)),
            write_timer: None,
            taking: Taking::default(),
            closing: Closing::No,
        }
    }

    /// Lets the checker see the window; whether there is something to do for it.
    fn check_window(&mut self) -> io::Result<bool> {
        if self.window.is_empty() {
            return Ok(false);
        }
        let in_head = self.checker.at_head();
        match self.checker.check(&self.window) {
            Ok(passed) => {
                self.passable = passed.bytes;
                if passed.head {
                    self.fresh = false;
                    self.wire.head_passed();
                }
                Ok(passed.bytes > 0)
            }
            Err(fault) if in_head => {
                self.stand_in(fault);
                Ok(true)
            }
            // In a body: hyper fails the body with this, and the request's handler learns of it.
            Err(fault) => {
                self.stopped = true;
                Err(io::Error::new(io::ErrorKind::InvalidData, fault))
            }
        }
    }

    /// Gives hyper the stand-in, and nothing after it.
    fn stand_in(&mut self, fault: HeadFault) {
        self.wire.malformed_passed(fault);
        let stand_in = if self.window.starts_with(b"HEAD ") { STAND_IN_FOR_HEAD } else { STAND_IN };
        self.window.clear();
        self.window.extend_from_slice(stand_in);
        self.passable = stand_in.len();
        self.stopped = true;
    }

    /// Takes the passable bytes to `buf`.
    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let count = self.passable.min(buf.remaining()).min(self.window.len());
        buf.put_slice(self.window.get(..count).unwrap_or_default());
        self.window.advance(count);
        self.passable -= count;
    }

    fn waiting(&self) -> Option<Waiting> {
        if !self.checker.at_head() {
            None
        } else if !self.window.is_empty() {
            Some(Waiting::Head)
        } else if self.wire.is_busy() {
            None
        } else if self.fresh {
            Some(Waiting::First)
        } else {
            Some(Waiting::Idle)
        }
    }

    /// Whether a wait has been too long; starts the timer when the wait is a new one.
    fn poll_waited(&mut self, cx: &mut Context<'_>) -> Poll<Waiting> {
        self.wire.wait_answered(cx.waker());
        let waiting = self.waiting();
        if waiting != self.waiting {
            self.waiting = waiting;
            let timeout = match waiting {
                // The wait for the first head counts from the start of the connection: its timer goes on.
                None | Some(Waiting::First) => None,
                Some(Waiting::Head) => Some(self.limits.header_read_timeout),
                Some(Waiting::Idle) => Some(self.limits.idle_timeout),
            };
            if let Some(timeout) = timeout {
                self.timer.as_mut().reset(deadline(timeout));
            }
        }
        let Some(waiting) = waiting else { return Poll::Pending };
        ready!(self.timer.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(waiting)
    }

    /// An error once the peer took nothing for too long.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.taking.blocked_at.get_or_insert_with(Instant::now);
        let timeout = self.limits.write_idle_timeout;
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// Takes note of a write that went on.
    ///
    /// # Errors
    /// `TimedOut`, when the peer took too little in the time that it was waited for.
    fn wrote(&mut self, count: usize) -> io::Result<usize> {
        self.write_timer = None;
        self.taking.bytes += count as u64;
        if let Some(blocked_at) = self.taking.blocked_at.take() {
            self.taking.waited += blocked_at.elapsed();
        }
        if self.limits.is_too_slow(self.taking.waited, self.taking.bytes) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if self.taking.waited >= self.limits.slow_start {
            self.taking = Taking::default();
        }
        Ok(count)
    }

    /// Whether the client may still be sending what nobody will read.
    fn owes_linger(&self) -> bool {
        !self.eof && (self.stopped || !self.checker.at_head() || !self.window.is_empty())
    }
}

fn deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now)
}

impl<T: AsyncRead + AsyncWrite + Unpin> Checked<T> {
    /// Reads into the window.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut read = ReadBuf::new(self.scratch.as_mut_slice());
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read))?;
        let filled = read.filled();
        self.window.extend_from_slice(filled);
        Poll::Ready(Ok(filled.len()))
    }

    /// Reads body bytes that need no look straight into hyper's buffer.
    fn poll_through(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = usize::try_from(self.checker.opaque()).unwrap_or(usize::MAX).min(buf.remaining());
        let mut read = ReadBuf::new(buf.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read))?;
        let count = read.filled().len();
        buf.advance(count);
        self.eof |= count == 0;
        self.checker.advance(count as u64);
        Poll::Ready(Ok(()))
    }

    fn poll_checked(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if self.passable > 0 {
                self.give(buf);
                return Poll::Ready(Ok(()));
            }
            if self.eof {
                return Poll::Ready(Ok(()));
            }
            if self.stopped {
                return Poll::Pending;
            }
            if self.check_window()? {
                continue;
            }
            if self.checker.opaque() > 0 {
                return self.poll_through(cx, buf);
            }
            if ready!(self.poll_fill(cx))? == 0 {
                self.eof = true;
            }
        }
    }

    /// Reads and throws away, so that what was sent last is not lost to a reset when unread bytes are closed on.
    fn poll_linger(&mut self, cx: &mut Context<'_>, mut left: usize) -> Poll<()> {
        loop {
            self.closing = Closing::Linger { bytes: left };
            if left == 0 || self.timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            self.window.clear();
            match ready!(self.poll_fill(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(count) => left = left.saturating_sub(count),
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Checked<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if let Poll::Ready(result) = this.poll_checked(cx, buf) {
            if buf.filled().len() > before {
                this.waiting = None;
            }
            return Poll::Ready(result);
        }
        match ready!(this.poll_waited(cx)) {
            Waiting::Head => {
                this.stand_in(HeadFault::HeadTimeout);
                this.poll_checked(cx, buf)
            }
            Waiting::First | Waiting::Idle => {
                this.eof = true;
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Checked<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_write(cx, buf) {
            return Poll::Ready(result.and_then(|count| self.wrote(count)));
        }
        self.poll_stalled(cx).map(Err)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs) {
            return Poll::Ready(result.and_then(|count| self.wrote(count)));
        }
        self.poll_stalled(cx).map(Err)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_flush(cx) {
            let result = result.and_then(|()| self.wrote(0).map(drop));
            if result.is_ok() {
                self.wire.flushed();
            }
            return Poll::Ready(result);
        }
        self.poll_stalled(cx).map(Err)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.closing {
                Closing::No => {
                    // The timer of the reads has no more use.
                    self.timer.as_mut().reset(deadline(LINGER_TIMEOUT));
                    self.closing = Closing::ShutDown;
                }
                Closing::ShutDown => {
                    let closed = match Pin::new(&mut self.inner).poll_shutdown(cx) {
                        Poll::Ready(closed) => closed,
                        Poll::Pending => {
                            ready!(self.timer.as_mut().poll(cx));
                            Err(io::ErrorKind::TimedOut.into())
                        }
                    };
                    self.closing = match closed {
                        Ok(()) if self.owes_linger() => Closing::Linger { bytes: MAX_LINGER_BYTES },
                        Ok(()) => Closing::Done,
                        Err(error) => {
                            self.closing = Closing::Done;
                            return Poll::Ready(Err(error));
                        }
                    };
                }
                Closing::Linger { bytes } => {
                    ready!(self.poll_linger(cx, bytes));
                    self.closing = Closing::Done;
                }
                Closing::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<T> Drop for Checked<T> {
    fn drop(&mut self) {
        self.wire.closed();
    }
}
