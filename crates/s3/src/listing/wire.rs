//! What listings have in common in their parameters and answers.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use strongroom_api_s3::{CommonPrefix, EncodingType, Owner};
use strongroom_gate::{BucketGrant, ErrorReply};
use strongroom_record::{Effect, EffectKind};
use strongroom_storage::MetaStore;
use strongroom_types::{CanonicalUserId, ObjectKey};

use super::walk::{Listed, Page, Start, Walk, common_prefix};
use crate::acl::shown_owner;
use crate::error;
use crate::limits::MAX_LISTED;

/// How many items were asked for: at most [`MAX_LISTED`], which is also the default. `name` is the argument's, as S3
/// writes it in errors.
///
/// # Errors
/// `InvalidArgument` for a negative number. (A text that is no number does not get here.)
pub(crate) fn most_items(name: &'static str, asked: Option<i32>) -> Result<u16, ErrorReply> {
    let Some(asked) = asked else { return Ok(MAX_LISTED) };
    let Ok(most) = u32::try_from(asked) else {
        let message = format!("Argument {name} must be an integer between 0 and 2147483647");
        return Err(error::invalid_argument(name, asked.to_string(), message));
    };
    Ok(u16::try_from(most).unwrap_or(MAX_LISTED).min(MAX_LISTED))
}

/// What every listing is asked: of which keys, how much, and how texts are written.
pub(crate) struct Asked<'r> {
    /// Most items, as [`most_items`] says.
    pub(crate) most: u16,
    /// Only keys that begin with this.
    pub(crate) prefix: &'r str,
    /// Keys that have this behind the prefix are rolled up. Never empty.
    pub(crate) delimiter: Option<&'r str>,
    /// How the answer writes keys, and what may become one.
    pub(crate) encoding: Option<EncodingType>,
}

impl<'r> Asked<'r> {
    /// From the parameters of a request.
    pub(crate) fn new(
        most: u16,
        prefix: Option<&'r String>,
        delimiter: Option<&'r String>,
        encoding: Option<EncodingType>,
    ) -> Self {
        let prefix = prefix.map(String::as_str).unwrap_or_default();
        Self { most, prefix, delimiter: present(delimiter), encoding }
    }

    /// Where a listing with a marker begins. A marker that lies in a common prefix continues behind that prefix.
    pub(crate) fn after(&self, marker: Option<&str>) -> Start {
        let Some(marker) = marker else { return Start::First };
        match common_prefix(marker, self.prefix, self.delimiter) {
            Some(rolled_up) => Start::AfterPrefix(rolled_up.to_owned()),
            None => Start::AfterKey(marker.to_owned()),
        }
    }

    /// The key that a marker names among whose versions or uploads a listing may begin: none if no key can be so, or if
    /// it is rolled up.
    pub(crate) fn marked_key(&self, marker: &str) -> Option<ObjectKey> {
        let rolled_up = common_prefix(marker, self.prefix, self.delimiter).is_some();
        ObjectKey::parse(marker).ok().filter(|_| !rolled_up)
    }

    /// The page of a bucket that begins at `start`.
    ///
    /// # Errors
    /// Those of [`Walk::page`].
    pub(crate) async fn page<L: Listed>(
        &self,
        store: &dyn MetaStore,
        bucket: &BucketGrant,
        start: Start,
    ) -> Result<Page<L>, ErrorReply> {
        let Self { most, prefix, delimiter, .. } = *self;
        let walk = Walk { store, partition: bucket.partition(), prefix, delimiter, start, most: most.into() };
        walk.page().await
    }

    /// A text as the answer shows it.
    pub(crate) fn text(&self, text: &str) -> String {
        encoded(self.encoding, text)
    }

    /// The delimiter as the answer shows it.
    pub(crate) fn shown_delimiter(&self) -> Option<String> {
        self.delimiter.map(|delimiter| self.text(delimiter))
    }

    /// The common prefixes as the answer shows them.
    pub(crate) fn common_prefixes(&self, prefixes: &[String]) -> Vec<CommonPrefix> {
        prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(self.text(prefix)) }).collect()
    }
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
fn encoded(encoding: Option<EncodingType>, text: &str) -> String {
    match encoding {
        Some(EncodingType::Url) => utf8_percent_encode(text, URL).to_string(),
        None => text.to_owned(),
    }
}

/// The owners of what is in a bucket. Most are the bucket's, which is written once and copied.
pub(crate) struct Owners {
    bucket: Owner,
    acls_enabled: bool,
}

impl Owners {
    pub(crate) fn of(bucket: &BucketGrant) -> Self {
        Self { bucket: shown_owner(bucket.owner_canonical()), acls_enabled: bucket.acls_enabled() }
    }

    /// An object's: as its row says, unless the bucket's owner owns them all.
    pub(crate) fn object(&self, canonical: Option<[u8; 32]>) -> Owner {
        match canonical.filter(|_| self.acls_enabled) {
            Some(canonical) => shown_owner(CanonicalUserId::from_bytes(canonical)),
            None => self.bucket.clone(),
        }
    }
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
