//! What a program gets.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use zeroize::Zeroizing;

/// Room for credentials as JSON, so that the text is written in one place that is zeroised, and not moved as it grows.
const JSON_BYTES: usize = 16 * 1024;

/// An answer, before it is one of HTTP.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    content_type: &'static str,
    header: Option<(HeaderName, HeaderValue)>,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// A line of text without its end, as the metadata service answers.
    pub(crate) fn text(status: StatusCode, text: &str) -> Self {
        let body = Zeroizing::new(text.as_bytes().to_vec());
        Self { status, content_type: "text/plain", header: None, body }
    }

    /// JSON; a value that cannot be written is a failure of ours, and says no more than that.
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        let mut body = Zeroizing::new(Vec::with_capacity(JSON_BYTES));
        match serde_json::to_writer(&mut *body, value) {
            Ok(()) => Self { status, content_type: "application/json", header: None, body },
            Err(_) => Self::text(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be written"),
        }
    }

    /// The same with a header.
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.header = Some((name, value.into()));
        self
    }

    /// The answer on its way: nothing of it may be kept by whoever carries it.
    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from_owner(self.body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.header);
        response
    }

    #[cfg(test)]
    pub(crate) fn body(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
