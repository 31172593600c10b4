//! The body of a request, unchunked and checked against the signature as it passes.

use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::Bytes;
use strongroom_gate::{BodyError, BodySource, ErrorReply};
use strongroom_sigv4::{BodyDecoder, PayloadCheck};

use crate::authn::body_reply;
use crate::http::{BodyError as WireError, IncomingBody};

/// A [`BodySource`] over the wire.
pub(crate) struct SignedBody {
    wire: IncomingBody,
    decoder: Option<BodyDecoder>,
    ready: VecDeque<Bytes>,
    trailers: Vec<(String, String)>,
}

impl SignedBody {
    pub(crate) fn new(wire: IncomingBody, check: PayloadCheck) -> Self {
        Self { wire, decoder: Some(BodyDecoder::new(check)), ready: VecDeque::new(), trailers: Vec::new() }
    }

    /// The plain length that an aws-chunked body declares, or the `Content-Length` of any other.
    pub(crate) fn declared_bytes(&self) -> Option<u64> {
        let decoded = self.decoder.as_ref().and_then(BodyDecoder::declared_bytes);
        decoded.or_else(|| self.wire.content_length())
    }
}

#[async_trait]
impl BodySource for SignedBody {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            let Some(decoder) = &mut self.decoder else { return Ok(None) };
            match self.wire.next().await {
                Some(Ok(piece)) => {
                    let mut plain = Vec::new();
                    decoder.feed(piece, &mut plain).map_err(|error| BodyError(body_reply(error)))?;
                    self.ready.extend(plain);
                }
                Some(Err(error)) => return Err(BodyError(wire_reply(&error))),
                None => {
                    let Some(decoder) = self.decoder.take() else { return Ok(None) };
                    let whole = decoder.finish().map_err(|error| BodyError(body_reply(error)))?;
                    let trailers = whole.trailers().iter();
                    self.trailers =
                        trailers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
                }
            }
        }
    }

    fn trailers(&self) -> &[(String, String)] {
        &self.trailers
    }
}

/// The error for a body that cannot be read on.
pub(crate) fn wire_reply(error: &WireError) -> ErrorReply {
    match error {
        WireError::Incomplete(_) => ErrorReply::new(
            400,
            "IncompleteBody",
            "You did not provide the number of bytes specified by the Content-Length HTTP header.",
        ),
        WireError::Stalled { .. } => super::timed_out(),
    }
}
