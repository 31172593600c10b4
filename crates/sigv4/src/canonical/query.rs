//! Percent-encoding and the canonical query.

use std::borrow::Cow;

use crate::limits::MAX_QUERY_PARAMETERS;

/// A path or query that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueryError;

/// The query, decoded and encoded again the one way that AWS defines, sorted by name and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CanonicalQuery {
    pairs: Vec<(String, String)>,
}

/// The parameter that a signature cannot cover.
const SIGNATURE: &str = "X-Amz-Signature";

impl CanonicalQuery {
    /// Reads `name=value&name&…`. A plus sign is a space, as S3 reads it; a name alone has an empty value; empty
    /// pieces count for nothing.
    pub(crate) fn parse(raw: &str) -> Result<Self, QueryError> {
        let mut pairs = Vec::new();
        for piece in raw.split('&').filter(|piece| !piece.is_empty()) {
            if pairs.len() == MAX_QUERY_PARAMETERS {
                return Err(QueryError);
            }
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            pairs.push((reencode(name, true, false)?, reencode(value, true, false)?));
        }
        pairs.sort_unstable();
        Ok(Self { pairs })
    }

    /// The values of a parameter of unreserved characters, whatever its case, decoded.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, [u8]>> + 'a {
        let same = move |pair: &&(String, String)| pair.0.eq_ignore_ascii_case(name);
        self.pairs.iter().filter(same).map(|(_, value)| percent_decode(value))
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.pairs.iter().any(|(found, _)| found.eq_ignore_ascii_case(name))
    }

    pub(crate) fn write_without_signature(&self, out: &mut Vec<u8>) {
        let mut first = true;
        for (name, value) in self.pairs.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(SIGNATURE)) {
            if !first {
                out.push(b'&');
            }
            first = false;
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
        }
    }
}

/// Decodes and encodes again: after this, each byte string has one form.
pub(crate) fn reencode(raw: &str, plus_is_space: bool, keep_slash: bool) -> Result<String, QueryError> {
    let mut out = String::with_capacity(raw.len() + 8);
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let high = bytes.next().and_then(hex_value).ok_or(QueryError)?;
                let low = bytes.next().and_then(hex_value).ok_or(QueryError)?;
                high << 4 | low
            }
            b'+' if plus_is_space => b' ',
            other => other,
        };
        push_encoded(byte, keep_slash, &mut out);
    }
    Ok(out)
}

/// Encodes text that holds no escapes.
pub(crate) fn encode(text: &str, keep_slash: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        push_encoded(byte, keep_slash, &mut out);
    }
    out
}

/// Decodes what [`reencode`] or [`encode`] made.
pub(crate) fn percent_decode(encoded: &str) -> Cow<'_, [u8]> {
    if !encoded.contains('%') {
        return Cow::Borrowed(encoded.as_bytes());
    }
    let mut out = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        let decoded = match byte {
            b'%' => {
                bytes.next().and_then(hex_value).unwrap_or(0) << 4
                    | bytes.next().and_then(hex_value).unwrap_or(0)
            }
            other => other,
        };
        out.push(decoded);
    }
    Cow::Owned(out)
}

/// Unreserved characters stay, everything else becomes `%` and two upper-case digits.
///
/// Source: IAM User Guide, "Create a signed AWS API request", `UriEncode()`.
fn push_encoded(byte: u8, keep_slash: bool, out: &mut String) {
    let plain = byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~')
        || (keep_slash && byte == b'/');
    if plain {
        out.push(char::from(byte));
    } else {
        out.push('%');
        out.push(hex_digit(byte >> 4));
        out.push(hex_digit(byte & 15));
    }
}

fn hex_digit(value: u8) -> char {
    char::from(if value < 10 { b'0' + value } else { b'A' + value - 10 })
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(raw: &str) -> String {
        let mut out = Vec::new();
        CanonicalQuery::parse(raw).unwrap().write_without_signature(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn parameters_are_sorted_by_encoded_name_and_value() {
        assert_eq!(canonical("b=2&a=2&a=1&a"), "a=&a=1&a=2&b=2");
        assert_eq!(canonical("prefix=J&max-keys=2"), "max-keys=2&prefix=J");
        assert_eq!(canonical("%41=1&-=2&a=3&~=4"), "-=2&A=1&a=3&~=4");
    }

    #[test]
    fn a_name_alone_has_an_empty_value_and_empty_pieces_count_for_nothing() {
        assert_eq!(canonical("acl"), "acl=");
        assert_eq!(canonical("&&acl=&"), "acl=");
        assert_eq!(canonical("=x"), "=x");
        assert_eq!(canonical(""), "");
    }

    #[test]
    fn escapes_are_normalised_and_a_plus_sign_is_a_space() {
        assert_eq!(canonical("k=a+b&l=a%20b&m=a%2bb&n=%7e&o=é"), "k=a%20b&l=a%20b&m=a%2Bb&n=~&o=%C3%A9");
        assert_eq!(canonical("a=b=c/d"), "a=b%3Dc%2Fd");
    }

    #[test]
    fn the_signature_is_left_out_whatever_its_case() {
        assert_eq!(canonical("a=1&X-Amz-Signature=0&x-amz-signature=1&X%2DAmz-Signature=2"), "a=1");
    }

    #[test]
    fn broken_escapes_and_too_many_parameters_are_refused() {
        for bad in ["%", "%2", "%zz", "a=%+1", "%é"] {
            assert_eq!(CanonicalQuery::parse(bad), Err(QueryError), "{bad}");
        }
        assert!(CanonicalQuery::parse(&"a&".repeat(MAX_QUERY_PARAMETERS)).is_ok());
        assert!(CanonicalQuery::parse(&"a&".repeat(MAX_QUERY_PARAMETERS + 1)).is_err());
    }

    #[test]
    fn values_are_found_decoded_and_whatever_the_case_of_the_name() {
        let query = CanonicalQuery::parse("X-Amz-Credential=a%2Fb&x-amz-credential=c").unwrap();
        let values: Vec<_> = query.values("X-Amz-Credential").map(Cow::into_owned).collect();
        assert_eq!(values, [b"a/b".to_vec(), b"c".to_vec()]);
    }
}
