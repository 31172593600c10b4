//! Bucket and key, by path style and by virtual-host style.

use strongroom_gate::ErrorReply;

use super::query::{decode_label, invalid_uri};

/// Knows the domains under which buckets are host names.
pub(crate) struct Locator {
    /// Lower case, with a leading dot.
    suffixes: Vec<String>,
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
}

impl Locator {
    pub(crate) fn new<'a>(domains: impl IntoIterator<Item = &'a str>) -> Self {
        Self { suffixes: domains.into_iter().map(|domain| format!(".{}", domain.to_lowercase())).collect() }
    }

    /// Finds bucket and key.
    ///
    /// # Errors
    /// `InvalidURI` for a path that does not begin with a slash or decodes to no text.
    pub(crate) fn locate(&self, headers: &http::HeaderMap, raw_path: &str) -> Result<Located, ErrorReply> {
        let path = raw_path.strip_prefix('/').ok_or_else(invalid_uri)?;
        if let Some(bucket) = self.bucket_of_host(headers) {
            return Ok(Located { bucket: Some(bucket), key: non_empty(path)? });
        }
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let bucket = non_empty(bucket)?;
        if bucket.is_none() && !key.is_empty() {
            return Err(invalid_uri());
        }
        Ok(Located { bucket, key: non_empty(key)? })
    }

    /// What stands before the domain in the host's name: a bucket, or for S3 Control an account.
    pub(super) fn bucket_of_host(&self, headers: &http::HeaderMap) -> Option<String> {
        let host = headers.get(http::header::HOST)?.to_str().ok()?.to_lowercase();
        let host = host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(host.as_str(), |(host, _)| host);
        // The dot of the root does not make it another name.
        let host = host.strip_suffix('.').unwrap_or(host);
        let longest =
            self.suffixes.iter().filter(|suffix| host.ends_with(suffix.as_str())).max_by_key(|s| s.len())?;
        let bucket = host.strip_suffix(longest.as_str())?;
        (!bucket.is_empty()).then(|| bucket.to_owned())
    }
}

fn non_empty(raw: &str) -> Result<Option<String>, ErrorReply> {
    if raw.is_empty() { Ok(None) } else { decode_label(raw).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate(host: &str, path: &str) -> (Option<String>, Option<String>) {
        let mut headers = http::HeaderMap::new();
        headers.insert("host", host.parse().unwrap());
        let located = Locator::new(["s3.localhost"]).locate(&headers, path).unwrap();
        (located.bucket, located.key)
    }

    #[test]
    fn both_styles_name_bucket_and_key() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(locate("localhost:9000", "/"), (None, None));
        assert_eq!(locate("localhost:9000", "/b"), (some("b"), None));
        assert_eq!(locate("localhost:9000", "/b/"), (some("b"), None));
        assert_eq!(locate("localhost:9000", "/b//..%2Fk"), (some("b"), some("/../k")));
        assert_eq!(locate("b.S3.localhost:9000", "/k/l"), (some("b"), some("k/l")));
        assert_eq!(locate("a.b.s3.localhost", "/"), (some("a.b"), None));
        assert_eq!(locate("b.s3.localhost.:9000", "/k"), (some("b"), some("k")));
        assert_eq!(locate("s3.localhost", "/b/k"), (some("b"), some("k")));
    }
}
