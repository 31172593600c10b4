//! User metadata: its limit, and RFC 2047, in which text beyond ASCII crosses HTTP.
//!
//! Source: S3 User Guide, "Working with object metadata", "User-defined object metadata".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_gate::ErrorReply;

use crate::error;
use crate::limits::MAX_USER_METADATA_BYTES;

/// Longest encoded word. Source: RFC 2047, section 2.
const MAX_ENCODED_WORD: usize = 75;

/// What to keep of the metadata of a request: names in lower case, values decoded.
///
/// # Errors
/// `MetadataTooLarge` where names and values together are longer than 2 KB.
pub(crate) fn keep(metadata: &[(String, String)]) -> Result<Vec<(String, String)>, ErrorReply> {
    let kept: Vec<_> =
        metadata.iter().map(|(name, value)| (name.to_ascii_lowercase(), decode(value))).collect();
    let size = kept.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_USER_METADATA_BYTES {
        return Err(error::metadata_too_large(size, MAX_USER_METADATA_BYTES));
    }
    Ok(kept)
}

/// Metadata as headers, and how much of it no header can carry (`x-amz-missing-meta`).
pub(crate) fn show(metadata: &[(String, String)]) -> (Vec<(String, String)>, Option<i32>) {
    let shown: Vec<_> = metadata
        .iter()
        .filter(|(name, _)| is_token(name))
        .map(|(name, value)| (name.clone(), encode(value)))
        .collect();
    let missing = metadata.len() - shown.len();
    (shown, (missing > 0).then(|| i32::try_from(missing).unwrap_or(i32::MAX)))
}

/// RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let other = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.as_bytes().iter().all(other)
}

/// Decodes the encoded words of a value; text that is none stays as it is.
fn decode(value: &str) -> String {
    if !value.contains("=?") {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    let mut after_word = false;
    while let Some(place) = rest.find("=?") {
        let (before, from) = rest.split_at(place);
        if let Some((text, behind)) = encoded_word(from) {
            // Blanks between two encoded words are not part of the text (RFC 2047, section 6.2).
            if !(after_word && before.trim().is_empty()) {
                out.push_str(before);
            }
            out.push_str(&text);
            rest = behind;
            after_word = true;
        } else {
            let (mark, behind) = from.split_at(2);
            out.push_str(before);
            out.push_str(mark);
            rest = behind;
            after_word = false;
        }
    }
    out.push_str(rest);
    out
}

/// The text of the encoded word that `text` begins with, and what follows it.
fn encoded_word(text: &str) -> Option<(String, &str)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (payload, rest) = rest.split_once("?=")?;
    if payload.bytes().any(|byte| byte == b' ' || byte == b'?') {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(payload).ok()?,
        "Q" | "q" => unquote(payload)?,
        _ => return None,
    };
    // RFC 2231 allows a language behind the charset.
    let charset = charset.split('*').next().unwrap_or(charset);
    let text = if charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("us-ascii") {
        String::from_utf8(bytes).ok()?
    } else if charset.eq_ignore_ascii_case("iso-8859-1") {
        bytes.into_iter().map(char::from).collect()
    } else {
        return None;
    };
    Some((text, rest))
}

fn unquote(payload: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(payload.len());
    let mut bytes = payload.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'_' => b' ',
            b'=' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    Some(out)
}

/// A value as it crosses HTTP: as it is if it is printable ASCII, else in encoded words. So no control character of a
/// value can reach a header.
fn encode(value: &str) -> String {
    let plain = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    if value.bytes().all(plain) && !value.contains("=?") {
        return value.to_owned();
    }
    let ascii = value.bytes().filter(|byte| plain(*byte)).count();
    // The shorter of the two, about.
    if ascii * 2 >= value.len() { words(value, 'Q', quoted) } else { words(value, 'B', based) }
}

fn quoted(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b' ' => out.push('_'),
            byte if byte.is_ascii_alphanumeric() || b"!*+-/".contains(&byte) => out.push(char::from(byte)),
            byte => {
                let _ = write!(out, "={byte:02X}");
            }
        }
        out
    })
}

fn based(text: &str) -> String {
    STANDARD.encode(text)
}

/// Whole characters in words of at most 75.
fn words(value: &str, kind: char, encode: fn(&str) -> String) -> String {
    const FRAME: usize = "=?UTF-8?Q??=".len();
    let mut out = String::new();
    let mut piece = String::new();
    let mut flush = |piece: &mut String| {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str("=?UTF-8?");
        out.push(kind);
        out.push('?');
        out.push_str(&encode(piece));
        out.push_str("?=");
        piece.clear();
    };
    for character in value.chars() {
        piece.push(character);
        if encode(&piece).len() + FRAME > MAX_ENCODED_WORD {
            piece.pop();
            flush(&mut piece);
            piece.push(character);
        }
    }
    flush(&mut piece);
    out
}

/// The fuzz entry for values of metadata: whatever comes in, what goes out is printable ASCII and reads back the same.
#[doc(hidden)]
pub fn fuzz_metadata_value(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let kept = decode(text);
    let shown = encode(&kept);
    assert!(shown.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)));
    assert_eq!(decode(&shown), kept);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ascii_comes_back_as_it_went() {
        assert_eq!(encode("AMAZONS3"), "AMAZONS3");
        assert_eq!(decode("a =b? c"), "a =b? c");
    }

    #[test]
    fn other_text_comes_back_in_encoded_words() {
        // The example of the S3 User Guide, with characters instead of its bytes.
        assert_eq!(encode("ÄMÄZÕÑ S3"), "=?UTF-8?B?w4RNw4Raw5XDkSBTMw==?=");
        assert_eq!(encode("naïve plan"), "=?UTF-8?Q?na=C3=AFve_plan?=");
        assert_eq!(decode("=?utf-8?q?na=C3=AFve_plan?="), "naïve plan");
        assert_eq!(decode("x =?ISO-8859-1?Q?=E4?= =?UTF-8?B?w7Y=?= y"), "x äö y");
    }

    #[test]
    fn line_breaks_cannot_be_smuggled_into_headers() {
        assert_eq!(decode("=?UTF-8?Q?a=0D=0Ax-amz-y:_1?="), "a\r\nx-amz-y: 1");
        assert_eq!(encode("a\r\nb"), "=?UTF-8?Q?a=0D=0Ab?=");
    }

    #[test]
    fn words_of_unknown_kinds_stay() {
        for text in ["=?x", "=?a?b?c", "=?utf-7?Q?a?=", "=?utf-8?X?a?=", "=?utf-8?Q?=ZZ?=", "=?utf-8?B?*?="] {
            assert_eq!(decode(text), text);
        }
    }

    #[test]
    fn two_kilobytes_of_names_and_values_are_the_limit() {
        let metadata = |length: usize| vec![("Name".to_owned(), "v".repeat(length))];
        assert_eq!(keep(&metadata(2044)).unwrap()[0].0, "name");
        let reply = keep(&metadata(2045)).unwrap_err();
        assert_eq!(reply.code, "MetadataTooLarge");
        assert_eq!(reply.members, [("Size", "2049".to_owned()), ("MaxSizeAllowed", "2048".to_owned())]);
    }

    #[test]
    fn names_that_no_header_can_have_are_counted() {
        let metadata = [("good".to_owned(), "1".to_owned()), ("bad name".to_owned(), "2".to_owned())];
        assert_eq!(show(&metadata), (vec![("good".to_owned(), "1".to_owned())], Some(1)));
    }

    proptest! {
        #[test]
        fn values_round_trip(text in "\\PC{0,120}|[=?_ a\\r\\nä😀]{0,90}") {
            fuzz_metadata_value(text.as_bytes());
            prop_assert_eq!(decode(&encode(&text)), text.clone());
            for word in encode(&text).split(' ').filter(|word| word.starts_with("=?")) {
                prop_assert!(word.len() <= MAX_ENCODED_WORD || !text.is_ascii());
            }
        }
    }
}
