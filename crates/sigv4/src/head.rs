//! What of a request head the signature depends on.

use http::{HeaderMap, header};

/// The head of a request as it came over the wire.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method, as in `GET`.
    pub method: &'a str,
    /// The path of the request line, still percent-encoded.
    pub raw_path: &'a str,
    /// The query of the request line without its question mark, still percent-encoded; empty if there is none.
    pub raw_query: &'a str,
    /// All header lines.
    pub headers: &'a HeaderMap,
    /// Whether the connection is encrypted.
    pub is_tls: bool,
}

/// A header that should occur once at most.
pub(crate) enum Single<'a> {
    Absent,
    Value(&'a [u8]),
    Repeated,
}

impl<'a> RequestHead<'a> {
    pub(crate) fn single(&self, name: &str) -> Single<'a> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Single::Absent,
            (Some(value), None) => Single::Value(value.as_bytes()),
            (Some(_), Some(_)) => Single::Repeated,
        }
    }

    /// Whether a body of at least one byte may follow the head.
    pub(crate) fn has_body(&self) -> bool {
        let lengths = self.headers.get_all(header::CONTENT_LENGTH).iter();
        self.headers.contains_key(header::TRANSFER_ENCODING)
            || lengths.into_iter().any(|length| length.as_bytes() != b"0")
    }
}
