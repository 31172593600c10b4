//! What listings have in common in their parameters and answers.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use strongroom_api_s3::{CommonPrefix, EncodingType, Owner};
use strongroom_gate::{BucketGrant, ErrorReply};
use strongroom_record::{Effect, EffectKind};

use crate::error;

/// Most items of one answer; who asks for more gets as many. Source: S3 API Reference, "ListObjectsV2", `max-keys`.
pub(crate) const MAX_ITEMS: u16 = 1000;

/// How many items were asked for: at most [`MAX_ITEMS`], which is also the default. `name` is the argument's, as S3
/// writes it in errors.
///
/// # Errors
/// `InvalidArgument` for a negative number. (A text that is no number does not get here.)
pub(crate) fn most_items(name: &'static str, asked: Option<i32>) -> Result<u16, ErrorReply> {
    let Some(asked) = asked else { return Ok(MAX_ITEMS) };
    let Ok(most) = u32::try_from(asked) else {
        let message = format!("Argument {name} must be an integer between 0 and 2147483647");
        return Err(error::invalid_argument(name, asked.to_string(), message));
    };
    Ok(u16::try_from(most).unwrap_or(MAX_ITEMS).min(MAX_ITEMS))
}

/// A parameter that means nothing when it is empty.
pub(crate) fn present(parameter: Option<&String>) -> Option<&str> {
    parameter.map(String::as_str).filter(|text| !text.is_empty())
}

/// What stays as it is in answers with `encoding-type=url`. A blank is `%20` and a plus sign `%2B`, which every client
/// reads the same way, whether or not it takes a plus sign for a blank.
const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as the answer shows it.
///
/// Source: S3 API Reference, "ListObjectsV2", `encoding-type`.
pub(crate) fn encoded(encoding: Option<EncodingType>, text: &str) -> String {
    match encoding {
        Some(EncodingType::Url) => utf8_percent_encode(text, URL).to_string(),
        None => text.to_owned(),
    }
}

/// The common prefixes as the answer shows them.
pub(crate) fn common_prefixes(encoding: Option<EncodingType>, prefixes: &[String]) -> Vec<CommonPrefix> {
    prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(encoded(encoding, prefix)) }).collect()
}

/// The owner of a bucket's objects: the bucket's, since ACLs are off. `DisplayName` is no longer sent, as AWS stopped
/// doing so in 2025.
pub(crate) fn owner(bucket: &BucketGrant) -> Owner {
    Owner { display_name: None, id: Some(bucket.owner_canonical().to_string()) }
}

/// What the record says of a listing: the bucket was read.
pub(crate) fn listed() -> Effect {
    Effect { kind: EffectKind::Read, key: None, version_id: None, size: None, error_code: None, bucket: None }
}

/// An ETag in its quotes.
pub(crate) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_encoding_leaves_slashes_and_writes_plus_signs_as_percent_2b() {
        let url = Some(EncodingType::Url);
        assert_eq!(encoded(url, "a/b c+d%é\u{1}(3)*~-_."), "a/b%20c%2Bd%25%C3%A9%01%283%29%2A~-_.");
        assert_eq!(encoded(None, "a b+"), "a b+");
    }

    #[test]
    fn more_than_a_thousand_items_are_a_thousand_and_negative_ones_refused() {
        assert_eq!(most_items("maxKeys", None), Ok(1000));
        assert_eq!(most_items("maxKeys", Some(0)), Ok(0));
        assert_eq!(most_items("maxKeys", Some(999)), Ok(999));
        assert_eq!(most_items("maxKeys", Some(i32::MAX)), Ok(1000));
        assert_eq!(most_items("maxKeys", Some(-1)).unwrap_err().code, "InvalidArgument");
    }
}
