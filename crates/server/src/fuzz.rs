//! The fuzz entry for the way of a request from its raw head to its typed input: what the checker lets through, every
//! later step must be able to read.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use strongroom_api_s3::op;
use strongroom_codec::RequestHead;
use strongroom_gate::Target;
use strongroom_shape::{Operation, Protocol, Structure};
use strongroom_sigv4::{AuthInput, RequestHead as SignedHead};

use crate::decode;
use crate::listener::head::HeadChecker;
use crate::route::{Destination, Locator, RouteHead, Routed, Routes, hoisted, parse_query, redacted_target};

static ROUTES: LazyLock<Routes> = LazyLock::new(|| Routes::new(Locator::new(["s3.localhost"])));

/// Reads `data` as a request: checks the head, finds the operation, decodes its input and what that is about.
#[doc(hidden)]
pub fn fuzz_request(data: &[u8]) {
    let _ = read_request(data);
}

/// The same, for the bench too: the operation, if the request was read to its end as one of S3's.
#[doc(hidden)]
pub fn read_request(data: &[u8]) -> Option<&'static str> {
    let passed = HeadChecker::new().check(data).ok().filter(|passed| passed.head)?;
    let (head, body) = data.split_at(passed.bytes);
    let Head { method, target, headers } = Head::of(head);
    let (raw_path, raw_query) = target.split_once('?').unwrap_or((&target, ""));
    let signed = SignedHead { method: method.as_str(), raw_path, raw_query, headers: &headers, is_tls: true };
    let signed_service = match AuthInput::from_head(&signed).ok()? {
        AuthInput::Signed(signed) => Some(signed.scope().service().to_owned()),
        AuthInput::Anonymous(_) => None,
    };
    let query = parse_query(raw_query).ok()?;
    let headers = if query.iter().any(|(name, _)| name == "X-Amz-Signature") {
        hoisted(headers, &query).ok()?
    } else {
        headers
    };
    check_redaction(&target);
    let signed_service = signed_service.as_deref();
    let route = RouteHead { method: &method, raw_path, query: &query, headers: &headers, signed_service };
    match ROUTES.resolve(&route) {
        Ok(Destination::Operation(routed)) => {
            let headers = decode::tolerated(headers);
            let labels = &routed.labels;
            let head = RequestHead { method: &method, labels, query: &query, headers: &headers };
            read(&routed, &head, body).then_some(routed.operation.name)
        }
        Ok(Destination::Service(service)) => {
            drop(ROUTES.operation(service, &route, body));
            None
        }
        Ok(Destination::Unserved(_) | Destination::PostForm { .. } | Destination::Preflight { .. })
        | Err(_) => None,
    }
}

/// # Panics
/// If a signature would be recorded.
fn check_redaction(target: &str) {
    let recorded = redacted_target(target);
    let recorded = parse_query(recorded.split_once('?').unwrap_or_default().1).unwrap_or_default();
    for (name, value) in recorded.iter().filter(|(name, _)| name.eq_ignore_ascii_case("X-Amz-Signature")) {
        assert!(value == "(redacted)" || value.is_empty(), "{name} is recorded as {value}");
    }
}

/// A head as hyper gives it on.
struct Head {
    method: Method,
    target: String,
    headers: HeaderMap,
}

impl Head {
    /// # Panics
    /// For a head that the checker should not have passed.
    #[expect(clippy::expect_used, reason = "a fuzz entry: what fails here is a finding")]
    fn of(head: &[u8]) -> Self {
        let mut lines =
            head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let line = lines.next().expect("a request line");
        let mut words = line.split(|byte| *byte == b' ');
        let method = Method::from_bytes(words.next().expect("a method")).expect("a method of HTTP");
        let uri = Uri::try_from(words.next().expect("a target")).expect("a target that is a URI");
        let target = uri.path_and_query().map_or_else(|| "*".to_owned(), |it| it.as_str().to_owned());
        let mut headers = HeaderMap::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            let colon = line.iter().position(|byte| *byte == b':').expect("a colon");
            let (name, value) = line.split_at(colon);
            let name = HeaderName::from_bytes(name).expect("a header's name");
            let value = HeaderValue::from_bytes(value.get(1..).unwrap_or_default().trim_ascii());
            headers.append(name, value.expect("a header's value"));
        }
        Self { method, target, headers }
    }
}

macro_rules! read_as {
    ($($operation:ident)*) => {
        /// Decodes the input of the operations that have much to decode; whether it was one.
        fn read(routed: &Routed, head: &RequestHead<'_>, body: &[u8]) -> bool {
            match routed.operation.name {
                $(stringify!($operation) => {
                    fill(routed, head, body, &mut <op::$operation as Operation>::Input::default())
                })*
                _ => false,
            }
        }
    };
}

read_as! {
    CompleteMultipartUpload CopyObject CreateBucket CreateMultipartUpload DeleteObject DeleteObjects GetObject
    GetObjectAttributes HeadObject ListMultipartUploads ListObjectVersions ListObjects ListObjectsV2 ListParts PutBucketAcl
    PutBucketCors PutBucketEncryption PutBucketLifecycleConfiguration PutBucketNotificationConfiguration
    PutBucketOwnershipControls PutBucketReplication PutBucketTagging PutBucketVersioning PutBucketWebsite PutObject
    PutObjectAcl PutObjectLegalHold PutObjectLockConfiguration PutObjectRetention PutObjectTagging PutPublicAccessBlock
    RestoreObject SelectObjectContent UploadPart UploadPartCopy
}

fn fill(routed: &Routed, head: &RequestHead<'_>, body: &[u8], input: &mut dyn Structure) -> bool {
    assert_eq!(routed.protocol, Protocol::RestXml);
    let decoded = decode::decode(routed, head, body, input);
    let _ = strongroom_codec::render_cloudtrail_request(routed.service, routed.operation, &*input);
    let _ = Target::of(routed.service.name, &*input);
    let _ = decode::expected_digests(head.headers, None, true);
    decoded.is_ok()
}
