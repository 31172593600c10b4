//! Requests as bytes, signed.

use std::sync::{PoisonError, RwLock};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use strongroom_sigv4::{Credentials, DaySigner, PayloadToSign, SignError};
use strongroom_types::Timestamp;

use crate::plan::Side;

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
const SERVER_SIDE_ENCRYPTION: HeaderName = HeaderName::from_static("x-amz-server-side-encryption");

/// Methods that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Put,
    Post,
    Delete,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// A body, and what of it is signed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'a> {
    /// None.
    Empty,
    /// An object, whose SHA-256 was computed once.
    Hashed { bytes: &'a [u8], sha256: [u8; 32] },
    /// An object that the signature does not cover.
    Unsigned(&'a [u8]),
    /// An XML document, with its `Content-MD5`.
    Document { text: &'a str, content_md5: &'a str },
}

impl<'a> Body<'a> {
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Empty => &[],
            Self::Hashed { bytes, .. } | Self::Unsigned(bytes) => bytes,
            Self::Document { text, .. } => text.as_bytes(),
        }
    }

    fn to_sign(self) -> PayloadToSign<'a> {
        match self {
            Self::Empty => PayloadToSign::Bytes(&[]),
            Self::Hashed { sha256, .. } => PayloadToSign::Sha256(sha256),
            Self::Unsigned(_) => PayloadToSign::Unsigned,
            Self::Document { text, .. } => PayloadToSign::Bytes(text.as_bytes()),
        }
    }
}

/// What is asked. Path and query hold nothing that must be escaped and is not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) body: Body<'a>,
    pub(crate) asks_for_sse: bool,
}

/// Signs in the name of one side's key.
pub(crate) struct Signer {
    side: Side,
    /// Derived once a day: four HMACs for each request would be a good part of what the generator spends on it.
    of_day: RwLock<DaySigner>,
    /// What all requests have.
    common: HeaderMap,
    clock: fn() -> Timestamp,
}

impl Signer {
    pub(crate) fn new(side: Side, clock: fn() -> Timestamp) -> Result<Self, SignError> {
        let mut common = HeaderMap::with_capacity(16);
        let host = HeaderValue::from_str(side.endpoint.authority()).map_err(|_| SignError::HeaderValue)?;
        common.insert(HOST, host);
        common.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("strongroom-bench/", env!("CARGO_PKG_VERSION"))),
        );
        let of_day = RwLock::new(DaySigner::derive(&credentials(&side), clock())?);
        Ok(Self { side, of_day, common, clock })
    }

    fn sign(&self, request: &Request<'_>, headers: &mut HeaderMap) -> Result<(), SignError> {
        let (method, payload) = (request.method.as_str(), request.body.to_sign());
        let now = (self.clock)();
        let mut sign = || {
            // What is guarded is replaced whole.
            let of_day = self.of_day.read().unwrap_or_else(PoisonError::into_inner);
            of_day.sign_header(now, method, request.path, request.query, headers, payload)
        };
        match sign() {
            Err(SignError::Day) => {
                let next = DaySigner::derive(&credentials(&self.side), now)?;
                *self.of_day.write().unwrap_or_else(PoisonError::into_inner) = next;
                sign().map(|_| ())
            }
            signed => signed.map(|_| ()),
        }
    }

    /// Writes the head of a request, signed, into `out`, which is emptied first.
    pub(crate) fn write(&self, request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), SignError> {
        let mut headers = self.common.clone();
        if let Body::Document { content_md5, .. } = request.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            let value = HeaderValue::from_str(content_md5).map_err(|_| SignError::HeaderValue)?;
            headers.insert(CONTENT_MD5, value);
        }
        if request.asks_for_sse {
            headers.insert(SERVER_SIDE_ENCRYPTION, HeaderValue::from_static("AES256"));
        }
        if matches!(request.method, Method::Put | Method::Post) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.bytes().len()));
        }
        self.sign(request, &mut headers)?;
        out.clear();
        for piece in [request.method.as_str(), " ", request.path] {
            out.extend_from_slice(piece.as_bytes());
        }
        if !request.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(request.query.as_bytes());
        }
        out.extend_from_slice(b" HTTP/1.1\r\n");
        for (name, value) in &headers {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

fn credentials(side: &Side) -> Credentials<'_> {
    Credentials {
        access_key_id: &side.access_key_id,
        secret: &side.secret,
        session_token: side.session_token.as_deref(),
        region: &side.region,
        service: "s3",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::side;

    fn written(request: &Request<'_>) -> String {
        let signer = Signer::new(side("http://h:9000"), || Timestamp::from_secs(1_795_537_958)).unwrap();
        let mut out = b"left over".to_vec();
        signer.write(request, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_head_is_what_a_server_expects() {
        let body = Body::Hashed { bytes: b"abc", sha256: [7; 32] };
        let request = Request { method: Method::Put, path: "/b/k", query: "", body, asks_for_sse: true };
        let head = written(&request);
        assert!(head.starts_with("PUT /b/k HTTP/1.1\r\nhost: h:9000\r\n"), "{head}");
        for line in [
            "content-length: 3",
            "x-amz-server-side-encryption: AES256",
            "x-amz-date: 20261124T163238Z",
            &format!("x-amz-content-sha256: {}", "07".repeat(32)),
        ] {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
        }
        let signed = "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-server-side-encryption,";
        assert!(head.contains(signed), "{head}");
        assert!(head.ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_run_over_midnight_signs_with_the_key_of_the_new_day() {
        static SECONDS: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(1_795_564_799);
        let now = || Timestamp::from_secs(SECONDS.load(std::sync::atomic::Ordering::Relaxed));
        let signer = Signer::new(side("http://h:9000"), now).unwrap();
        let head = || {
            let request = Request {
                method: Method::Get,
                path: "/b/k",
                query: "",
                body: Body::Empty,
                asks_for_sse: false,
            };
            let mut out = Vec::new();
            signer.write(&request, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(head().contains("/20261124/us-east-1/s3/aws4_request"), "{}", head());
        SECONDS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let next = head();
        assert!(next.contains("/20261125/us-east-1/s3/aws4_request"), "{next}");
        let fresh = Signer::new(side("http://h:9000"), now).unwrap();
        let mut out = Vec::new();
        let request =
            Request { method: Method::Get, path: "/b/k", query: "", body: Body::Empty, asks_for_sse: false };
        fresh.write(&request, &mut out).unwrap();
        assert_eq!(next.as_bytes(), out);
    }

    #[test]
    fn a_body_may_be_left_unsigned_and_a_query_stands_behind_the_path() {
        let unsigned = Request {
            method: Method::Put,
            path: "/b/k",
            query: "",
            body: Body::Unsigned(b"abc"),
            asks_for_sse: false,
        };
        assert!(written(&unsigned).contains("x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"));
        let list = Request {
            method: Method::Get,
            path: "/b",
            query: "list-type=2&prefix=k%2F",
            body: Body::Empty,
            asks_for_sse: false,
        };
        let head = written(&list);
        assert!(head.starts_with("GET /b?list-type=2&prefix=k%2F HTTP/1.1\r\n"), "{head}");
        assert!(!head.contains("content-length"));
    }
}
