//! Tags of objects: their form and limits.
//!
//! Source: S3 User Guide, "Categorizing your objects using tags"; S3 API Reference, PutObjectTagging.

use percent_encoding::percent_decode_str;
use strongroom_api_s3::Tag;
use strongroom_gate::ErrorReply;

use crate::error;
use crate::limits::{MAX_OBJECT_TAGS, MAX_TAG_KEY_CHARS, MAX_TAG_VALUE_CHARS};

/// Checks the tags of an object.
///
/// # Errors
/// `BadRequest` for too many, `InvalidTag` for a key or value that cannot be, a key of AWS's own, or a key twice.
pub(crate) fn check(tags: Vec<(String, String)>) -> Result<Vec<(String, String)>, ErrorReply> {
    if tags.len() > MAX_OBJECT_TAGS {
        return Err(error::too_many_object_tags());
    }
    for (place, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > MAX_TAG_KEY_CHARS || !key.chars().all(is_allowed) {
            return Err(error::invalid_tag("The TagKey you have provided is invalid", key));
        }
        if value.chars().count() > MAX_TAG_VALUE_CHARS || !value.chars().all(is_allowed) {
            return Err(error::invalid_tag("The TagValue you have provided is invalid", key)
                .member("TagValue", value));
        }
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(error::invalid_tag("System tags cannot be added/updated by requester", key));
        }
        if tags.iter().take(place).any(|(other, _)| other == key) {
            return Err(error::invalid_tag("Cannot provide multiple Tags with the same key", key));
        }
    }
    Ok(tags)
}

/// Letters, numbers and spaces of any language, and `+ - = . _ : / @`.
fn is_allowed(character: char) -> bool {
    character.is_alphanumeric() || character == ' ' || "+-=._:/@".contains(character)
}

/// The tags of a document.
///
/// # Errors
/// As [`check`].
pub(crate) fn from_document(tags: &[Tag]) -> Result<Vec<(String, String)>, ErrorReply> {
    check(tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect())
}

/// The tags of `x-amz-tagging`: a URL-encoded query.
///
/// # Errors
/// As [`check`]; `InvalidArgument` for another form.
pub(crate) fn from_header(header: &str) -> Result<Vec<(String, String)>, ErrorReply> {
    let malformed = || {
        let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters \
                       without tag name duplicates.";
        error::invalid_argument("x-amz-tagging", header, message)
    };
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let text = percent_decode_str(&text).decode_utf8().map_err(|_| malformed())?;
        Ok::<_, ErrorReply>(text.into_owned())
    };
    let mut tags: Vec<(String, String)> = Vec::new();
    for pair in header.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decode(key)?, decode(value)?);
        if tags.iter().any(|(other, _)| *other == key) {
            return Err(malformed());
        }
        tags.push((key, value));
    }
    check(tags)
}

/// The fuzz entry for `x-amz-tagging`: what is taken keeps every limit.
#[doc(hidden)]
pub fn fuzz_tagging_header(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(tags) = from_header(text) {
        assert!(tags.len() <= MAX_OBJECT_TAGS);
        assert!(check(tags).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(header: &str) -> String {
        from_header(header).unwrap_err().code.into_owned()
    }

    #[test]
    fn the_header_is_a_query() {
        let tags = from_header("a=1&b%20c=d+e&empty=&bare").unwrap();
        let expected = [("a", "1"), ("b c", "d e"), ("empty", ""), ("bare", "")];
        assert_eq!(tags, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(from_header("").unwrap(), []);
        assert_eq!(code("a=%ff"), "InvalidArgument");
        assert_eq!(code("a=1&a=2"), "InvalidArgument");
    }

    #[test]
    fn limits_are_counted_in_characters() {
        assert!(from_header(&format!("{}={}", "ä".repeat(128), "ö".repeat(256))).is_ok());
        assert_eq!(code(&format!("{}=", "ä".repeat(129))), "InvalidTag");
        assert_eq!(code(&format!("k={}", "ä".repeat(257))), "InvalidTag");
        assert_eq!(code("=v"), "InvalidTag");
        assert_eq!(code("k=%3B"), "InvalidTag");
    }

    #[test]
    fn ten_tags_none_of_them_awss_own_and_none_twice() {
        let many = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join("&");
        assert!(from_header(&many(10)).is_ok());
        assert_eq!(code(&many(11)), "BadRequest");
        assert_eq!(code("aws:x=1"), "InvalidTag");
        assert_eq!(code("AWS:x=1"), "InvalidTag");
        let twice = [("a", "1"), ("a", "2")].map(|(key, value)| Tag { key: key.into(), value: value.into() });
        assert_eq!(from_document(&twice).unwrap_err().code, "InvalidTag");
    }

    proptest! {
        #[test]
        fn no_header_gets_past_the_limits(text in "([a-z%0-9+ä]{0,5}=[a-f%0-9]{0,5}&?){0,12}|\\PC{0,40}") {
            fuzz_tagging_header(text.as_bytes());
        }
    }
}
