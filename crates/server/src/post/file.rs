//! The file of a form, as a body.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use multer::{Field, Multipart};
use strongroom_gate::{BodyError, BodySource};
use strongroom_sigv4::VerifiedPost;

use super::malformed;
use crate::authn::post_reply;
use crate::http::IncomingBody;

/// The pieces of a body, as the form parser wants them.
pub(super) fn pieces(
    body: IncomingBody,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    futures_util::stream::unfold(body, |mut body| async move {
        let piece = body.next().await?;
        Some((piece.map_err(std::io::Error::other), body))
    })
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
