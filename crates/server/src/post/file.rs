//! The file of a form, as a body.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use multer::{Field, Multipart};
use strongroom_gate::{BodyError, BodySource};
use strongroom_sigv4::VerifiedPost;

use super::malformed;
use crate::authn::post_reply;
use crate::http::IncomingBody;
use crate::limits::MAX_FORM_PREAMBLE_BYTES;

/// How much of a form may still be read. The form parser buffers all that it gets while it looks for a boundary or the
/// end of a field's head, so what it gets is bounded until the file begins.
#[derive(Clone)]
pub(super) struct Allowance(Arc<Mutex<Reading>>);

enum Reading {
    /// So many bytes, of fields.
    Fields(u64),
    File,
}

impl Allowance {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Reading::Fields(0))))
    }

    /// The file has begun: from here on the parser passes on what it gets.
    pub(super) fn file_begins(&self) {
        *self.reading() = Reading::File;
    }

    /// Whether the fields used it up.
    pub(super) fn is_spent(&self) -> bool {
        matches!(*self.reading(), Reading::Fields(bytes) if bytes > MAX_FORM_PREAMBLE_BYTES)
    }

    fn count(&self, piece: &Bytes) {
        if let Reading::Fields(bytes) = &mut *self.reading() {
            *bytes += piece.len() as u64;
        }
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pieces of a body, as the form parser wants them, within the allowance.
pub(super) fn pieces(body: IncomingBody, allowance: Allowance) -> OneAtATime {
    let pieces = futures_util::stream::unfold(body, move |mut body| {
        let allowance = allowance.clone();
        async move {
            if allowance.is_spent() {
                return Some((Err(std::io::Error::other("the fields before the file are too large")), body));
            }
            let piece = body.next().await?;
            if let Ok(piece) = &piece {
                allowance.count(piece);
            }
            Some((piece.map_err(std::io::Error::other), body))
        }
    });
    OneAtATime { pieces: Box::pin(pieces), gave: false }
}

/// A stream that is never ready twice in a row. The form parser takes all that is ready into its buffer before it looks
/// at any of it, so that a client faster than the disk would fill the memory.
pub(super) struct OneAtATime {
    pieces: Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>> + Send>>,
    gave: bool,
}

impl Stream for OneAtATime {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.gave) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = self.pieces.as_mut().poll_next(context);
        self.gave = matches!(next, Poll::Ready(Some(_)));
        next
    }
}

/// A [`BodySource`] over the file field. Its end is that of the field: the boundary has been seen.
pub(super) struct FormFile {
    field: Option<Field<'static>>,
    policy: Option<VerifiedPost>,
    bytes: u64,
    // Keeps the rest of the form, which the field reads from.
    _form: Multipart<'static>,
}

impl FormFile {
    pub(super) fn new(form: Multipart<'static>, field: Field<'static>) -> Self {
        Self { field: Some(field), policy: None, bytes: 0, _form: form }
    }

    /// Holds the file to the size that the policy allows.
    pub(super) fn under(mut self, policy: Option<VerifiedPost>) -> Self {
        self.policy = policy;
        self
    }
}

#[async_trait]
impl BodySource for FormFile {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let Some(field) = &mut self.field else { return Ok(None) };
        let piece = field.chunk().await.map_err(|_| BodyError(malformed()))?;
        let check = |bytes: u64| {
            let checked = self.policy.as_ref().map(|policy| policy.check_size(bytes));
            checked.unwrap_or(Ok(())).map_err(|error| BodyError(post_reply(&error)))
        };
        match &piece {
            Some(piece) => {
                self.bytes += piece.len() as u64;
                if self.policy.as_ref().is_some_and(|policy| self.bytes > policy.policy().max_bytes()) {
                    check(self.bytes)?;
                }
            }
            None => {
                check(self.bytes)?;
                self.field = None;
            }
        }
        Ok(piece)
    }

    fn trailers(&self) -> &[(String, String)] {
        &[]
    }
}
