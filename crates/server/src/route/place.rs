//! Bucket and key, by path style and by virtual-host style. What stands in a bucket's place may be an access point: its ARN,
//! its alias, or by virtual-host style its name and account. Which it is, the gate finds out.

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
        let (bucket, key) = split(path);
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

/// Parts a path behind the bucket: behind the first slash, or where an ARN `…:accesspoint/NAME` is written out, behind the
/// second.
fn split(path: &str) -> (&str, &str) {
    let Some((first, rest)) = path.split_once('/') else { return (path, "") };
    let before_name = [":accesspoint", "%3Aaccesspoint", "%3aaccesspoint"];
    if !first.starts_with("arn") || !before_name.iter().any(|end| first.ends_with(end)) {
        return (first, rest);
    }
    let name = rest.split('/').next().unwrap_or_default();
    let (bucket, key) = path.split_at_checked(first.len() + 1 + name.len()).unwrap_or((path, ""));
    (bucket, key.strip_prefix('/').unwrap_or(key))
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

    proptest::proptest! {
        #[test]
        fn bucket_and_key_are_the_whole_path(path in "(arn:a(:|%3A|%3a)accesspoint/)?[a:/%-]{0,12}") {
            let (bucket, key) = split(&path);
            let whole =
                if path.len() == bucket.len() { bucket.to_owned() } else { format!("{bucket}/{key}") };
            proptest::prop_assert_eq!(whole, path);
        }
    }

    #[test]
    fn an_access_point_stands_in_a_buckets_place() {
        let some = |text: &str| Some(text.to_owned());
        let arn = "arn:aws:s3:us-east-1:123456789012:accesspoint/ap1";
        let colon = "arn:aws:s3:us-east-1:123456789012:accesspoint:ap1";
        let encoded = "arn%3Aaws%3As3%3Aus-east-1%3A123456789012%3Aaccesspoint%2Fap1";
        let half = "arn%3Aaws%3As3%3Aus-east-1%3A123456789012%3Aaccesspoint/ap1";
        assert_eq!(locate("localhost", &format!("/{arn}/k/l")), (some(arn), some("k/l")));
        assert_eq!(locate("localhost", &format!("/{arn}")), (some(arn), None));
        assert_eq!(locate("localhost", &format!("/{arn}/")), (some(arn), None));
        assert_eq!(locate("localhost", &format!("/{colon}/k")), (some(colon), some("k")));
        assert_eq!(locate("localhost", &format!("/{encoded}/k%2Fl")), (some(arn), some("k/l")));
        assert_eq!(locate("localhost", &format!("/{half}/k")), (some(arn), some("k")));
        assert_eq!(locate("localhost", "/a-x-s3alias/k"), (some("a-x-s3alias"), some("k")));
        assert_eq!(locate("ap1-123456789012.s3.localhost", "/k"), (some("ap1-123456789012"), some("k")));
        assert_eq!(locate("localhost", "/b:accesspoint/k"), (some("b:accesspoint"), some("k")));
    }
}
