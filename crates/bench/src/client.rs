//! One client: a connection, its buffers, and the S3 operations over them.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use rustls::pki_types::ServerName;
use strongroom_sigv4::SignError;
use tokio_rustls::TlsConnector;

use crate::error::{BenchError, visible};
use crate::http::{Answer, Connection, Fault, Keep, connector};
use crate::limits::LIST_PAGE_KEYS;
use crate::plan::{Payload, Plan, Side, Size};
use crate::random::{Random, mix};
use crate::request::{Body, Method, Request, Signer};
use crate::xml;

/// What is put: one buffer of random bytes, of which an object of any size is the beginning.
pub(crate) struct Payloads {
    bytes: Vec<u8>,
    sha256: Vec<(Size, [u8; 32])>,
}

impl Payloads {
    /// Objects of these sizes.
    pub(crate) fn new(sizes: &[Size], seed: u64) -> Self {
        let largest = sizes.iter().map(|size| size.bytes()).max().unwrap_or(0);
        let bytes = Random::new(seed).bytes(usize::try_from(largest).unwrap_or(usize::MAX));
        let mut payloads = Self { bytes, sha256: Vec::new() };
        for size in sizes {
            let mut sha256 = [0; 32];
            // INVARIANT: a SHA-256 has 32 bytes.
            sha256.copy_from_slice(digest(&SHA256, payloads.object(*size)).as_ref());
            payloads.sha256.push((*size, sha256));
        }
        payloads
    }

    /// The bytes of an object.
    pub(crate) fn object(&self, size: Size) -> &[u8] {
        usize::try_from(size.bytes()).ok().and_then(|length| self.bytes.get(..length)).unwrap_or(&self.bytes)
    }

    fn body(&self, size: Size, payload: Payload) -> Body<'_> {
        let bytes = self.object(size);
        let known = self.sha256.iter().find(|(of, _)| *of == size);
        match (payload, known) {
            (Payload::Signed, Some((_, sha256))) => Body::Hashed { bytes, sha256: *sha256 },
            (Payload::Signed, None) | (Payload::Unsigned, _) => Body::Unsigned(bytes),
        }
    }
}

/// A key space: its objects have keys of one prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    /// Objects that stay: they are overwritten, read and listed.
    Kept,
    /// Objects that are put once.
    New,
    /// Objects that mixed clients put and delete.
    Passing,
    /// Objects that DeleteObjects deletes.
    Doomed,
}

impl Space {
    fn letter(self) -> char {
        match self {
            Self::Kept => 'k',
            Self::New => 'n',
            Self::Passing => 'p',
            Self::Doomed => 'd',
        }
    }
}

/// Writes the key of an object. Numbers in a row have keys all over the space, so that an index is not met in order.
fn push_key(out: &mut String, space: Space, size: Size, number: u64) {
    // INVARIANT: writing to a String cannot fail.
    let _ = write!(out, "{}{size}/{:016x}", space.letter(), mix(number));
}

/// Why an operation did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no answer.
    Fault(Fault),
    /// The server said no.
    Refused { status: u16, code: String, message: String },
    /// The answer is not what it must be.
    Wrong(String),
    /// The request cannot be signed.
    Sign(SignError),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "{fault}"),
            Self::Refused { status, code, message } if code.is_empty() => {
                write!(f, "HTTP {status} {message}")
            }
            Self::Refused { status, code, message } => write!(f, "{code}: {message} (HTTP {status})"),
            Self::Wrong(what) => f.write_str(what),
            Self::Sign(error) => write!(f, "cannot be signed: {error}"),
        }
    }
}

impl Failure {
    fn of_answer(status: u16, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let element = |name| xml::text(&text, name).map(|found| visible(&found)).unwrap_or_default();
        let (code, message) = (element("Code"), element("Message"));
        let message = if code.is_empty() { visible(text.trim()) } else { message };
        Self::Refused { status, code, message }
    }

    /// As the error of a request that the run depends on.
    pub(crate) fn into_error(self, side: &Side, request: &'static str) -> BenchError {
        let endpoint = side.endpoint.url().to_owned();
        let answer = self.to_string();
        match self {
            Self::Fault(Fault::Connect(source)) => BenchError::Connect { endpoint, source },
            Self::Fault(Fault::Handshake(source)) => BenchError::Handshake { endpoint, source },
            Self::Fault(Fault::NoAnswer(source) | Fault::Broken(source)) => {
                BenchError::Broken { endpoint, request, source }
            }
            Self::Refused { code, .. } => {
                BenchError::Refused { endpoint, request, answer, advice: advice(&code) }
            }
            Self::Wrong(_) => BenchError::Refused { endpoint, request, answer, advice: advice("") },
            Self::Sign(error) => BenchError::Sign(error),
        }
    }
}

/// What helps against an error.
///
/// Source: S3 API Reference, "Error responses", "List of error codes".
fn advice(code: &str) -> &'static str {
    match code {
        "InvalidAccessKeyId" => {
            "the server does not know this access key: check AWS_ACCESS_KEY_ID (VS_AWS_ACCESS_KEY_ID for the second endpoint)"
        }
        "SignatureDoesNotMatch" => {
            "the secret is not that of the access key: check AWS_SECRET_ACCESS_KEY (VS_AWS_SECRET_ACCESS_KEY for the \
             second endpoint)"
        }
        "AccessDenied" => "use a key that may make buckets, or check that the endpoint is the right one",
        "RequestTimeTooSkewed" => "set the clocks of this machine and of the server",
        "AuthorizationHeaderMalformed" | "InvalidRegionName" | "IllegalLocationConstraintException" => {
            "give the server's region with --region (--vs-region for the second endpoint)"
        }
        "ExpiredToken" | "InvalidToken" => "get new temporary credentials",
        "NotImplemented" => "leave out what this server does not have (--sse, --ops)",
        _ => "look at the server's log",
    }
}

/// A server, and what is put there.
pub(crate) struct Target {
    pub(crate) side: Side,
    pub(crate) bucket: String,
    pub(crate) payloads: Arc<Payloads>,
    addresses: Vec<SocketAddr>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    signer: Signer,
}

impl Target {
    /// Finds the server. Nothing is sent to it yet.
    pub(crate) async fn find(
        plan: &Plan,
        side: &Side,
        bucket: String,
        payloads: Arc<Payloads>,
    ) -> Result<Self, BenchError> {
        let url = side.endpoint.url().to_owned();
        let tls = match connector(&side.endpoint, &side.trust)? {
            None => None,
            Some(connector) => {
                let name = ServerName::try_from(side.endpoint.host().to_owned())
                    .map_err(|_| BenchError::Endpoint(url.clone()))?;
                Some((connector, name))
            }
        };
        let addresses = side.endpoint.addresses().await;
        let addresses = addresses.map_err(|source| BenchError::Connect { endpoint: url, source })?;
        let signer = Signer::new(side.clone(), plan.clock)?;
        Ok(Self { side: side.clone(), bucket, payloads, addresses, tls, signer })
    }

    async fn connect(&self) -> Result<Connection, Fault> {
        let tls = self.tls.as_ref().map(|(connector, name)| (connector, name));
        Connection::open(&self.addresses, tls).await
    }
}

/// What a whole listing holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Page {
    pub(crate) keys: u64,
    pub(crate) next_token: Option<String>,
}

/// One client of a side.
pub(crate) struct Client {
    target: Arc<Target>,
    /// Which of the side's clients it is.
    number: u64,
    connection: Option<Connection>,
    /// Connections that were made anew because the server had closed the old one.
    reconnects: u64,
    pub(crate) random: Random,
    /// How many keys this client has made up: a key is never used twice.
    made_up: u64,
    head: Vec<u8>,
    path: String,
    kept: Vec<u8>,
}

impl Client {
    pub(crate) fn new(target: Arc<Target>, number: u64, seed: u64) -> Self {
        let random = Random::new(mix(seed ^ mix(number + 1)));
        let (head, path, kept) = (Vec::with_capacity(1024), String::with_capacity(128), Vec::new());
        Self { target, number, connection: None, reconnects: 0, random, made_up: 0, head, path, kept }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Connections that had to be made anew since the last call.
    pub(crate) fn take_reconnects(&mut self) -> u64 {
        std::mem::take(&mut self.reconnects)
    }

    /// A number that no client of this side has had before.
    pub(crate) fn new_number(&mut self) -> u64 {
        self.made_up += 1;
        self.number << 40 | self.made_up
    }

    /// Protocol and cipher suite of its connection.
    pub(crate) fn tls(&self) -> Option<String> {
        self.connection.as_ref().and_then(|connection| connection.tls()).map(ToOwned::to_owned)
    }

    /// PutObject.
    pub(crate) async fn put(&mut self, space: Space, size: Size, number: u64) -> Result<u64, Failure> {
        self.set_path(space, size, number);
        let target = self.target.clone();
        let body = target.payloads.body(size, target.side.payload);
        let request = Parts { body, asks_for_sse: target.side.asks_for_sse, ..Parts::new(Method::Put) };
        self.ask(request, Keep::Errors).await.map(|_| size.bytes())
    }

    /// GetObject. The length is checked always, the bytes where they are given.
    pub(crate) async fn get(
        &mut self,
        space: Space,
        size: Size,
        number: u64,
        expected: Option<&[u8]>,
    ) -> Result<u64, Failure> {
        self.set_path(space, size, number);
        let keep = expected.map_or(Keep::Errors, Keep::Same);
        let answer = self.ask(Parts::new(Method::Get), keep).await?;
        if answer.body_bytes != size.bytes() || !answer.is_same {
            let is_short = answer.body_bytes != size.bytes();
            let what = if is_short { "another length" } else { "other bytes" };
            return Err(Failure::Wrong(format!("an object of {size} came back with {what}")));
        }
        Ok(answer.body_bytes)
    }

    /// HeadObject.
    pub(crate) async fn head(&mut self, space: Space, size: Size, number: u64) -> Result<u64, Failure> {
        self.set_path(space, size, number);
        let answer = self.ask(Parts::new(Method::Head), Keep::Errors).await?;
        match answer.declared_bytes {
            Some(bytes) if bytes == size.bytes() => Ok(0),
            _ => Err(Failure::Wrong(format!("HEAD of an object of {size} tells another length"))),
        }
    }

    /// DeleteObject.
    pub(crate) async fn delete(&mut self, space: Space, size: Size, number: u64) -> Result<u64, Failure> {
        self.set_path(space, size, number);
        self.ask(Parts::new(Method::Delete), Keep::Errors).await.map(|_| 0)
    }

    /// DeleteObjects of the numbers given. Every key must be told as deleted.
    pub(crate) async fn delete_batch(
        &mut self,
        space: Space,
        size: Size,
        numbers: std::ops::Range<u64>,
    ) -> Result<u64, Failure> {
        let mut keys = Vec::with_capacity(usize::try_from(numbers.end - numbers.start).unwrap_or(0));
        for number in numbers {
            let mut key = String::with_capacity(40);
            push_key(&mut key, space, size, number);
            keys.push(key);
        }
        self.delete_keys(&keys).await.map(|()| 0)
    }

    /// DeleteObjects of these keys.
    pub(crate) async fn delete_keys(&mut self, keys: &[String]) -> Result<(), Failure> {
        let text = xml::delete_document(keys);
        let content_md5 = BASE64.encode(Md5::digest(text.as_bytes()));
        self.set_bucket_path();
        let body = Body::Document { text: &text, content_md5: &content_md5 };
        let request = Parts { query: "delete=", body, ..Parts::new(Method::Post) };
        self.ask(request, Keep::All).await?;
        let answer = String::from_utf8_lossy(&self.kept);
        let deleted = xml::count(&answer, "Deleted");
        if deleted == keys.len() && xml::count(&answer, "Error") == 0 {
            return Ok(());
        }
        let error = xml::text(&answer, "Code").map(|code| visible(&code)).unwrap_or_default();
        Err(Failure::Wrong(format!("{deleted} of {} keys were deleted {error}", keys.len())))
    }

    /// One page of ListObjectsV2 of a key space.
    pub(crate) async fn list_page(
        &mut self,
        space: Space,
        size: Size,
        token: Option<&str>,
    ) -> Result<Page, Failure> {
        let prefix = format!("{}{size}%2F", space.letter());
        self.list(&prefix, token).await?;
        let text = String::from_utf8_lossy(&self.kept);
        let keys = xml::text(&text, "KeyCount").and_then(|count| count.parse().ok());
        let keys = keys.ok_or_else(|| Failure::Wrong("a listing does not tell its KeyCount".to_owned()))?;
        Ok(Page { keys, next_token: xml::text(&text, "NextContinuationToken") })
    }

    /// The first page of all keys of the bucket.
    pub(crate) async fn first_keys(&mut self) -> Result<Vec<String>, Failure> {
        self.list("", None).await?;
        Ok(xml::texts(&String::from_utf8_lossy(&self.kept), "Key"))
    }

    async fn list(&mut self, prefix: &str, token: Option<&str>) -> Result<(), Failure> {
        // In the order of the canonical query, escaped as it is signed.
        let token = token.map(|token| format!("continuation-token={}&", escape(token))).unwrap_or_default();
        let query = format!("{token}list-type=2&max-keys={LIST_PAGE_KEYS}&prefix={prefix}");
        self.set_bucket_path();
        self.ask(Parts { query: &query, ..Parts::new(Method::Get) }, Keep::All).await.map(|_| ())
    }

    /// CreateBucket.
    pub(crate) async fn create_bucket(&mut self) -> Result<(), Failure> {
        self.set_bucket_path();
        let region = self.target.side.region.as_str().to_owned();
        let text = xml::create_document(&region);
        let content_md5 = BASE64.encode(Md5::digest(text.as_bytes()));
        // Source: S3 API Reference, CreateBucket, `LocationConstraint`: us-east-1 is told by telling nothing.
        let body = match region.as_str() {
            "us-east-1" => Body::Empty,
            _ => Body::Document { text: &text, content_md5: &content_md5 },
        };
        self.ask(Parts { body, ..Parts::new(Method::Put) }, Keep::Errors).await.map(|_| ())
    }

    /// HeadBucket: connects where there is no connection, or the server has closed it.
    pub(crate) async fn head_bucket(&mut self) -> Result<(), Failure> {
        self.set_bucket_path();
        self.ask(Parts::new(Method::Head), Keep::Errors).await.map(|_| ())
    }

    /// DeleteBucket.
    pub(crate) async fn delete_bucket(&mut self) -> Result<(), Failure> {
        self.set_bucket_path();
        self.ask(Parts::new(Method::Delete), Keep::Errors).await.map(|_| ())
    }

    fn set_bucket_path(&mut self) {
        self.path.clear();
        self.path.push('/');
        self.path.push_str(&self.target.bucket);
    }

    fn set_path(&mut self, space: Space, size: Size, number: u64) {
        self.set_bucket_path();
        self.path.push('/');
        push_key(&mut self.path, space, size, number);
    }

    /// Asks for what stands in `self.path`. A kept connection that the server has closed meanwhile is replaced once:
    /// all that is asked may be asked twice (RFC 9110, section 9.2.2; DeleteObjects deletes what is there).
    async fn ask(&mut self, parts: Parts<'_>, keep: Keep<'_>) -> Result<Answer, Failure> {
        let Parts { method, query, body, asks_for_sse } = parts;
        let request = Request { method, path: &self.path, query, body, asks_for_sse };
        self.target.signer.write(&request, &mut self.head).map_err(Failure::Sign)?;
        let is_head = method == Method::Head;
        loop {
            // Taken, so that a connection whose request was cut off is never used again.
            let (mut connection, was_kept) = match self.connection.take() {
                Some(connection) => (connection, true),
                None => (self.target.connect().await.map_err(Failure::Fault)?, false),
            };
            let asked = connection.exchange(&self.head, body.bytes(), is_head, keep, &mut self.kept).await;
            match asked {
                Ok(answer) => {
                    if answer.is_reusable {
                        self.connection = Some(connection);
                    }
                    if answer.status >= 300 {
                        return Err(Failure::of_answer(answer.status, &self.kept));
                    }
                    return Ok(answer);
                }
                Err(Fault::NoAnswer(_)) if was_kept => self.reconnects += 1,
                Err(fault) => return Err(Failure::Fault(fault)),
            }
        }
    }
}

/// A request without its path, which stands in the client's buffer.
struct Parts<'a> {
    method: Method,
    query: &'a str,
    body: Body<'a>,
    asks_for_sse: bool,
}

impl Parts<'_> {
    fn new(method: Method) -> Self {
        Self { method, query: "", body: Body::Empty, asks_for_sse: false }
    }
}

/// Escapes a value of a query.
///
/// Source: RFC 3986, section 2.3, "Unreserved Characters".
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // INVARIANT: writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::side;

    #[test]
    fn keys_of_a_space_are_spread_and_differ() {
        let size: Size = "4KiB".parse().unwrap();
        let key = |space, number| {
            let mut key = String::new();
            push_key(&mut key, space, size, number);
            key
        };
        assert!(key(Space::Kept, 1).starts_with("k4KiB/"));
        let mut keys: Vec<String> = (0..1000).map(|number| key(Space::Kept, number)).collect();
        assert!(!keys.is_sorted());
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 1000);
        assert_ne!(key(Space::Kept, 1), key(Space::Passing, 1));
    }

    #[test]
    fn objects_are_beginnings_of_one_buffer_with_their_hash() {
        let sizes = [Size::new(3), Size::new(10)];
        let payloads = Payloads::new(&sizes, 1);
        assert_eq!(payloads.object(sizes[0]), &payloads.object(sizes[1])[..3]);
        let Body::Hashed { bytes, sha256 } = payloads.body(sizes[0], Payload::Signed) else {
            panic!("unsigned")
        };
        assert_eq!(digest(&SHA256, bytes).as_ref(), sha256);
        assert!(
            matches!(payloads.body(sizes[0], Payload::Unsigned), Body::Unsigned(bytes) if bytes.len() == 3)
        );
    }

    #[test]
    fn what_was_refused_says_what_to_do() {
        let side = side("http://h");
        for (code, words) in [
            ("InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
            ("SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
            ("RequestTimeTooSkewed", "clocks"),
            ("AuthorizationHeaderMalformed", "--region"),
            ("Strange", "log"),
        ] {
            let body = format!("<Error><Code>{code}</Code><Message>no &amp; no\u{1b}</Message></Error>");
            let error =
                Failure::of_answer(403, body.as_bytes()).into_error(&side, "CreateBucket").to_string();
            assert!(error.contains(&format!("{code}: no & no\u{fffd} (HTTP 403)")), "{error}");
            assert!(error.contains(words) && error.contains("http://h"), "{error}");
        }
        let plain = Failure::of_answer(400, b"Client sent an HTTP request to an HTTPS server.\n");
        assert_eq!(plain.to_string(), "HTTP 400 Client sent an HTTP request to an HTTPS server.");
    }

    #[test]
    fn tokens_are_escaped_as_they_are_signed() {
        assert_eq!(escape("a/b+c=~-._"), "a%2Fb%2Bc%3D~-._");
    }
}
