//! What a browser may be told about a bucket: the evaluation of its CORS rules. Pure.
//!
//! Nothing of the request is given back unless a rule matches it, and then only text that cannot break out of a header.
//!
//! Source: S3 User Guide, "Using cross-origin resource sharing (CORS)", "How does Amazon S3 evaluate the CORS
//! configuration on a bucket?"; Fetch standard, "HTTP CORS protocol".

use strongroom_api_s3::CorsRule;

use super::limits::MAX_CORS_REQUEST_BYTES;

/// What the response headers say: how the first rule that matches answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsHeaders {
    /// `Access-Control-Allow-Origin`: `*`, or the request's origin.
    pub allow_origin: String,
    /// `Access-Control-Allow-Methods`.
    pub allow_methods: String,
    /// `Access-Control-Allow-Headers`: those that the preflight asked for.
    pub allow_headers: Option<String>,
    /// `Access-Control-Expose-Headers`.
    pub expose_headers: Option<String>,
    /// `Access-Control-Max-Age`, in seconds.
    pub max_age_seconds: Option<i32>,
}

/// What an answer that depends on the origin varies by; sent with every answer of [`evaluate`].
pub const VARY: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";

impl CorsHeaders {
    /// The headers to send. Credentials are allowed where an origin was named by the rule, and never with `*`.
    pub fn into_headers(self) -> Vec<(&'static str, String)> {
        let mut headers = Vec::with_capacity(7);
        let named = self.allow_origin != "*";
        headers.push(("access-control-allow-origin", self.allow_origin));
        headers.push(("access-control-allow-methods", self.allow_methods));
        if let Some(allow_headers) = self.allow_headers {
            headers.push(("access-control-allow-headers", allow_headers));
        }
        if let Some(expose_headers) = self.expose_headers {
            headers.push(("access-control-expose-headers", expose_headers));
        }
        if let Some(seconds) = self.max_age_seconds {
            headers.push(("access-control-max-age", seconds.to_string()));
        }
        if named {
            headers.push(("access-control-allow-credentials", "true".to_owned()));
        }
        headers.push(("vary", VARY.to_owned()));
        headers
    }
}

/// The answer to a request from `origin`, by the first rule that allows it: its origin, its method, and every header it
/// wants to send. `None`: no rule does.
///
/// `method` is a preflight's `Access-Control-Request-Method`, or the method of an actual request. `request_headers` is
/// a preflight's `Access-Control-Request-Headers` as it came; actual requests have none.
pub fn evaluate(
    rules: &[CorsRule],
    origin: &str,
    method: &str,
    request_headers: Option<&str>,
) -> Option<CorsHeaders> {
    if !is_origin(origin) {
        return None;
    }
    let asked = asked_headers(request_headers)?;
    rules.iter().find_map(|rule| by_rule(rule, origin, method, &asked))
}

fn by_rule(rule: &CorsRule, origin: &str, method: &str, asked: &[String]) -> Option<CorsHeaders> {
    let pattern = rule.allowed_origins.iter().find(|pattern| matches(pattern, origin))?;
    let allowed = rule.allowed_methods.iter().any(|allowed| allowed == method);
    let headers = asked
        .iter()
        .all(|name| rule.allowed_headers.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), name)));
    if !allowed || !headers {
        return None;
    }
    let methods = rule.allowed_methods.iter().map(String::as_str).filter(|method| is_token(method));
    Some(CorsHeaders {
        allow_origin: if pattern == "*" { "*" } else { origin }.to_owned(),
        allow_methods: joined(methods)?,
        allow_headers: joined(asked.iter().map(String::as_str)),
        expose_headers: joined(rule.expose_headers.iter().map(String::as_str).filter(|name| is_token(name))),
        max_age_seconds: rule.max_age_seconds,
    })
}

fn joined<'a>(parts: impl Iterator<Item = &'a str>) -> Option<String> {
    let parts = parts.collect::<Vec<_>>();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The names in `Access-Control-Request-Headers`, in lower case. `None` if one is no header's name.
fn asked_headers(request_headers: Option<&str>) -> Option<Vec<String>> {
    let Some(text) = request_headers else { return Some(Vec::new()) };
    if text.len() > MAX_CORS_REQUEST_BYTES {
        return None;
    }
    text.split(',')
        .map(|name| name.trim_matches([' ', '\t']))
        .filter(|name| !name.is_empty())
        .map(|name| is_token(name).then(|| name.to_ascii_lowercase()))
        .collect()
}

/// Whether `pattern`, with at most one `*`, stands for `text`. A pattern with more stands for nothing.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((_, after)) if after.contains('*') => false,
        Some((before, after)) => {
            text.len() >= before.len() + after.len() && text.starts_with(before) && text.ends_with(after)
        }
    }
}

/// Whether text can be an origin that is given back: visible ASCII only, and not the wildcard.
fn is_origin(text: &str) -> bool {
    (1..=MAX_CORS_REQUEST_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*' && byte != b',')
}

/// Whether text is a token. Source: RFC 9110, 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    let symbol = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || symbol(byte))
}

/// Fuzz entry: whatever the rules and the request are, the answer fits in headers and gives back no origin that no rule
/// names. `data`: lines of origin, method, request headers, then patterns of origins.
#[doc(hidden)]
pub fn fuzz_cors(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\0');
    let (origin, method) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let headers = lines.next();
    let patterns = lines.map(str::to_owned).collect::<Vec<_>>();
    let rule = CorsRule {
        id: None,
        allowed_headers: patterns.clone(),
        allowed_methods: vec![method.to_owned()],
        allowed_origins: patterns.clone(),
        expose_headers: patterns.clone(),
        max_age_seconds: Some(1),
    };
    if let Some(answer) = evaluate(&[rule], origin, method, headers) {
        assert!(patterns.iter().any(|pattern| matches(pattern, origin)), "an origin that no rule names");
        for (_, value) in answer.into_headers() {
            assert!(value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    fn rule(origins: &[&str], methods: &[&str], headers: &[&str]) -> CorsRule {
        CorsRule {
            id: None,
            allowed_headers: texts(headers),
            allowed_methods: texts(methods),
            allowed_origins: texts(origins),
            expose_headers: texts(&["ETag", "x-amz-request-id"]),
            max_age_seconds: Some(3000),
        }
    }

    fn header(answer: &CorsHeaders, name: &str) -> Option<String> {
        let headers = answer.clone().into_headers();
        headers.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    #[test]
    fn the_first_rule_that_matches_answers() {
        let rules = [
            rule(&["http://www.example1.com"], &["PUT", "POST", "DELETE"], &["*"]),
            rule(&["http://www.example2.com"], &["PUT"], &["*"]),
            rule(&["*"], &["GET"], &[]),
        ];
        let answer =
            evaluate(&rules, "http://www.example1.com", "PUT", Some("X-Amz-Date, content-type")).unwrap();
        assert_eq!(answer.allow_origin, "http://www.example1.com");
        assert_eq!(answer.allow_methods, "PUT, POST, DELETE");
        assert_eq!(answer.allow_headers.as_deref(), Some("x-amz-date, content-type"));
        assert_eq!(answer.expose_headers.as_deref(), Some("ETag, x-amz-request-id"));
        assert_eq!(header(&answer, "access-control-max-age").as_deref(), Some("3000"));
        assert_eq!(header(&answer, "access-control-allow-credentials").as_deref(), Some("true"));
        assert!(evaluate(&rules, "http://www.example2.com", "DELETE", None).is_none());
        assert_eq!(evaluate(&rules, "http://www.example2.com", "GET", None).unwrap().allow_origin, "*");
    }

    #[test]
    fn credentials_are_never_allowed_for_every_origin() {
        let answer = evaluate(&[rule(&["*"], &["GET"], &[])], "https://evil.example", "GET", None).unwrap();
        assert_eq!(answer.allow_origin, "*");
        assert_eq!(header(&answer, "access-control-allow-credentials"), None);
    }

    #[test]
    fn one_wildcard_stands_for_any_text_within_an_origin() {
        let rules = [rule(&["https://*.example.com"], &["GET"], &[])];
        assert!(evaluate(&rules, "https://a.example.com", "GET", None).is_some());
        assert!(evaluate(&rules, "https://a.b.example.com", "GET", None).is_some());
        for other in [
            "https://example.com",
            "http://a.example.com",
            "https://a.example.com.evil.net",
            "https://a.example.com:444",
            "null",
        ] {
            assert!(evaluate(&rules, other, "GET", None).is_none(), "{other}");
        }
    }

    #[test]
    fn every_header_asked_for_must_be_allowed() {
        let rules = [rule(&["https://a"], &["PUT"], &["x-amz-*", "Content-Type"])];
        assert!(evaluate(&rules, "https://a", "PUT", Some("X-Amz-Acl,content-type")).is_some());
        assert!(evaluate(&rules, "https://a", "PUT", Some("x-amz-acl, authorization")).is_none());
        assert!(evaluate(&rules, "https://a", "PUT", Some("x-amz-acl\r\nset-cookie: a")).is_none());
        assert!(evaluate(&rules, "https://a", "put", None).is_none(), "methods are case-sensitive");
    }

    proptest! {
        #[test]
        fn no_origin_is_given_back_that_no_rule_names(
            patterns in proptest::collection::vec("[a-c:/.*]{0,6}", 0..4),
            origin in "[a-c:/.\r\n *]{0,6}",
            headers in proptest::option::of("[a-c,\r\n *-]{0,8}"),
        ) {
            let patterns = patterns.iter().map(String::as_str).collect::<Vec<_>>();
            let rules = [rule(&patterns, &["GET"], &["*"])];
            if let Some(answer) = evaluate(&rules, &origin, "GET", headers.as_deref()) {
                // A model of its own: what stands before the star, tried at every place.
                let named = |pattern: &str| {
                    let (before, after) = pattern.split_once('*').unwrap_or((pattern, ""));
                    (0..=origin.len()).any(|cut| {
                        origin.get(..cut) == Some(before)
                            && origin.get(cut..).is_some_and(|rest| {
                                if pattern.contains('*') { rest.ends_with(after) } else { rest.is_empty() }
                            })
                    })
                };
                prop_assert!(patterns.iter().any(|pattern| named(pattern)), "{:?} {:?}", patterns, origin);
                prop_assert!(answer.allow_origin == origin || answer.allow_origin == "*");
                for (_, value) in answer.into_headers() {
                    prop_assert!(!value.contains(['\r', '\n']));
                }
            }
        }

        #[test]
        fn any_bytes_are_answered_safely(data in proptest::collection::vec(any::<u8>(), 0..120), star in any::<bool>()) {
            fuzz_cors(&data);
            if star {
                fuzz_cors(&[data.as_slice(), b"\0*"].concat());
            }
        }
    }
}
