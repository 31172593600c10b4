//! Signed headers and their canonical form.

use http::HeaderMap;

use crate::error::Problem;
use crate::limits::MAX_SIGNED_HEADERS;

/// The names of the signed headers, as they were listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedHeaders(Box<str>);

impl SignedHeaders {
    /// Parses `host;x-amz-date`: lower-case names, each once, `host` among them.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let mut seen: Vec<&str> = Vec::new();
        for name in text.split(';') {
            let lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
            let token = !name.is_empty() && name.bytes().all(is_token);
            if !lower || !token || seen.len() == MAX_SIGNED_HEADERS || seen.contains(&name) {
                return Err(Problem::SignedHeaders);
            }
            seen.push(name);
        }
        if seen.contains(&"host") { Ok(Self(text.into())) } else { Err(Problem::Host) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split(';')
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names().any(|signed| signed == name)
    }

    /// Writes `name:value` lines: values trimmed, white space within folded to one space, several values joined by
    /// commas. A listed header that the request lacks has no line, so that adding or removing one always shows.
    pub(crate) fn write_canonical(&self, headers: &HeaderMap, out: &mut Vec<u8>) {
        for name in self.names() {
            for (at, value) in headers.get_all(name).iter().enumerate() {
                if at == 0 {
                    out.extend_from_slice(name.as_bytes());
                }
                out.push(if at == 0 { b':' } else { b',' });
                write_folded(value.as_bytes(), out);
            }
            if headers.contains_key(name) {
                out.push(b'\n');
            }
        }
    }

    /// The headers that begin with `x-amz-` and are not signed, sorted.
    pub(crate) fn unsigned_amz(&self, headers: &HeaderMap) -> Vec<String> {
        let amz = headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
        let mut unsigned: Vec<String> = amz.filter(|name| !self.contains(name)).map(str::to_owned).collect();
        unsigned.sort_unstable();
        unsigned
    }
}

fn write_folded(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// RFC 9110, section 5.6.2.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn canonical(list: &str, lines: &[(&'static str, &[u8])]) -> Vec<u8> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        }
        let mut out = Vec::new();
        SignedHeaders::parse(list).unwrap().write_canonical(&headers, &mut out);
        out
    }

    #[test]
    fn values_are_trimmed_folded_and_joined() {
        let lines: &[(&str, &[u8])] = &[
            ("host", b"h"),
            ("my-header1", b"  a   b \t c  "),
            ("my-header2", b"x"),
            ("my-header2", b" y "),
        ];
        assert_eq!(
            canonical("host;my-header1;my-header2", lines),
            b"host:h\nmy-header1:a b c\nmy-header2:x,y\n"
        );
    }

    #[test]
    fn bytes_beyond_ascii_stay_as_they_are() {
        let lines: &[(&str, &[u8])] = &[("host", b"h"), ("x-amz-meta-a", b"\xc3\xa9\xff")];
        assert_eq!(canonical("host;x-amz-meta-a", lines), b"host:h\nx-amz-meta-a:\xc3\xa9\xff\n");
    }

    #[test]
    fn an_empty_header_and_an_absent_one_differ() {
        let present: &[(&str, &[u8])] = &[("host", b"h"), ("a", b"")];
        assert_ne!(canonical("a;host", present), canonical("a;host", &[("host", b"h")]));
    }

    #[test]
    fn the_list_holds_lower_case_names_each_once_and_host() {
        for bad in ["", "Host", "host;", "host;host", "host;a b", "host;;x"] {
            assert_eq!(SignedHeaders::parse(bad), Err(Problem::SignedHeaders), "{bad}");
        }
        assert_eq!(SignedHeaders::parse("x-amz-date"), Err(Problem::Host));
    }

    #[test]
    fn unsigned_amz_headers_are_listed_and_trace_ids_are_not_among_them() {
        let mut headers = HeaderMap::new();
        for name in ["x-amz-meta-b", "x-amz-acl", "x-amzn-trace-id", "content-type", "x-amz-date"] {
            headers.insert(name, HeaderValue::from_static("v"));
        }
        let signed = SignedHeaders::parse("host;x-amz-date").unwrap();
        assert_eq!(signed.unsigned_amz(&headers), ["x-amz-acl", "x-amz-meta-b"]);
    }
}
