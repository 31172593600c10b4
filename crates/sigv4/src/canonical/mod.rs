//! The canonical request: what exactly is signed.
//!
//! Source: IAM User Guide, "Create a signed AWS API request", "Step 1: Create a canonical request".

mod headers;
mod path;
mod query;

use std::fmt;

use crate::head::RequestHead;

pub(crate) use headers::{SignedHeaders, is_token};
pub(crate) use path::UriStyle;
pub(crate) use query::{CanonicalQuery, QueryError, encode};

/// A canonical request up to its last line, the payload's. May hold a session token, so it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CanonicalHead(Vec<u8>);

impl fmt::Debug for CanonicalHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanonicalHead({} bytes)", self.0.len())
    }
}

impl CanonicalHead {
    /// The canonical form of a head. `query` is that of the head; its `X-Amz-Signature` is left out.
    pub(crate) fn new(
        style: UriStyle,
        head: &RequestHead<'_>,
        query: &CanonicalQuery,
        signed: &SignedHeaders,
    ) -> Result<Self, QueryError> {
        let mut text = Vec::with_capacity(512);
        text.extend_from_slice(head.method.as_bytes());
        text.push(b'\n');
        text.extend_from_slice(path::canonical_path(style, head.raw_path)?.as_bytes());
        text.push(b'\n');
        query.write_without_signature(&mut text);
        text.push(b'\n');
        signed.write_canonical(head.headers, &mut text);
        text.push(b'\n');
        text.extend_from_slice(signed.as_str().as_bytes());
        text.push(b'\n');
        Ok(Self(text))
    }

    /// The whole request, with the payload's line.
    pub(crate) fn with_payload(&self, line: &str) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.0.len() + line.len());
        whole.extend_from_slice(&self.0);
        whole.extend_from_slice(line.as_bytes());
        whole
    }

    /// SHA-256 of the whole request, without putting it together.
    pub(crate) fn digest(&self, line: &str) -> aws_lc_rs::digest::Digest {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        context.update(&self.0);
        context.update(line.as_bytes());
        context.finish()
    }
}

/// Fuzz entry: no path or query makes canonicalisation panic, and what is canonical stays as it is.
#[doc(hidden)]
pub fn fuzz_canonical(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (raw_path, raw_query) = text.split_once('?').unwrap_or((&text, ""));
    for style in [UriStyle::Single, UriStyle::DoubleNormalized] {
        let once = path::canonical_path(style, raw_path);
        if let (UriStyle::Single, Ok(once)) = (style, &once) {
            assert_eq!(path::canonical_path(style, once).as_ref(), Ok(once));
        }
    }
    if let Ok(query) = CanonicalQuery::parse(raw_query) {
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        query.write_without_signature(&mut once);
        if let Ok(query) = CanonicalQuery::parse(&String::from_utf8_lossy(&once)) {
            query.write_without_signature(&mut twice);
        }
        assert_eq!(once, twice);
    }
}
