//! What the browser is told after an upload.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{HeaderMap, header};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::encode::Answer;
use crate::http::OutgoingBody;

/// What may stand unescaped in the path of a location.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'?').add(b'#').add(b'%').add(b'`');

/// The form's wish, by `success_action_redirect` or `success_action_status`.
pub(crate) struct AfterUpload {
    bucket: String,
    key: String,
    redirect: Option<String>,
    status: u16,
}

impl AfterUpload {
    pub(super) fn new(bucket: &str, key: &str, field: impl Fn(&str) -> Option<String>) -> Self {
        let status = match field("success_action_status").as_deref() {
            Some("200") => 200,
            Some("201") => 201,
            // Source: "POST Object": any other value is taken as 204.
            _ => 204,
        };
        let redirect = field("success_action_redirect").or_else(|| field("redirect"));
        let redirect = redirect.filter(|url| url.starts_with("http://") || url.starts_with("https://"));
        Self { bucket: bucket.to_owned(), key: key.to_owned(), redirect, status }
    }

    /// The answer of the upload, as the form wanted it.
    pub(crate) fn answer(self, mut answer: Answer, request: &HeaderMap, secure: bool) -> Answer {
        let etag = answer.headers.get(header::ETAG).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let etag = etag.to_owned();
        let host = request.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let scheme = if secure { "https" } else { "http" };
        // By virtual host the bucket is in the host's name already.
        let in_host = host.to_lowercase().starts_with(&format!("{}.", self.bucket));
        let bucket = if in_host { String::new() } else { format!("/{}", self.bucket) };
        let location = format!("{scheme}://{host}{bucket}/{}", utf8_percent_encode(&self.key, PATH));
        if let Some(redirect) = &self.redirect {
            let (redirect, fragment) = match redirect.split_once('#') {
                Some((redirect, fragment)) => (redirect, format!("#{fragment}")),
                None => (redirect.as_str(), String::new()),
            };
            let separator = if redirect.contains('?') { '&' } else { '?' };
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let (bucket, key, etag) = (encode(&self.bucket), encode(&self.key), encode(&etag));
            let target = format!("{redirect}{separator}bucket={bucket}&key={key}&etag={etag}{fragment}");
            if let Ok(target) = HeaderValue::try_from(target) {
                answer.status = 303;
                answer.headers.insert(LOCATION, target);
                return answer;
            }
        }
        answer.status = self.status;
        if let Ok(location) = HeaderValue::try_from(location.as_str()) {
            answer.headers.insert(LOCATION, location);
        }
        if self.status == 201 {
            answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            answer.body = OutgoingBody::Full(self.document(&location, &etag));
        }
        answer
    }

    fn document(&self, location: &str, etag: &str) -> Bytes {
        let escape = |text: &str| {
            let mut out = String::with_capacity(text.len());
            for c in text.chars() {
                match c {
                    '&' => out.push_str("&amp;"),
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    '"' => out.push_str("&quot;"),
                    c if c.is_control() => out.push_str(&format!("&#x{:x};", u32::from(c))),
                    c => out.push(c),
                }
            }
            out
        };
        let (location, bucket, key) = (escape(location), escape(&self.bucket), escape(&self.key));
        Bytes::from(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{location}</Location>\
             <Bucket>{bucket}</Bucket><Key>{key}</Key><ETag>{}</ETag></PostResponse>",
            escape(etag)
        ))
    }
}
