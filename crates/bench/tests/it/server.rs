//! A tiny S3 in memory that counts what it is asked, checks every signature, and can misbehave.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use strongroom_bench::{Endpoint, Payload, Side, Trust};
use strongroom_sigv4::{
    AuthInput, BodyDecoder, BodyDigest, ExpectedScope, RegionRule, RequestHead, SigningKey,
};
use strongroom_types::{AccessKeyId, Region, SecretAccessKey, Timestamp};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// When everything happens.
pub(crate) fn clock() -> Timestamp {
    Timestamp::from_secs(1_795_537_958)
}

/// What the server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Refuses every GET of an object.
    RefusesGet,
    /// Gives back other bytes.
    Corrupts,
    /// Knows no access key.
    KnowsNobody,
    /// Ends each connection with its first answer.
    Closes,
    /// Does not remove what it was given.
    KeepsBucket,
}

/// What was asked, and what is kept.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) has_bucket: bool,
    pub(crate) objects: BTreeMap<String, Bytes>,
    /// Values of `x-amz-content-sha256` of objects that were put.
    pub(crate) hashes: Vec<String>,
    pub(crate) sse: u64,
}

pub(crate) struct Server {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) side: Side,
}

impl Server {
    /// Starts on a port of its own, with TLS where a certificate is given.
    pub(crate) async fn start(fault: Fault, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
        let side = side(&url);
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, of_server) = (state.clone(), side.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (state, side, tls) = (shared.clone(), of_server.clone(), tls.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let (state, side) = (state.clone(), side.clone());
                        async move { Ok::<_, Infallible>(answer(&state, &side, fault, request).await) }
                    });
                    let mut http = http1::Builder::new();
                    http.keep_alive(fault != Fault::Closes);
                    match tls {
                        None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                drop(http.serve_connection(TokioIo::new(stream), service).await);
                            }
                        }
                    }
                });
            }
        });
        Self { state, side }
    }

    pub(crate) fn count(&self, what: &str) -> u64 {
        self.state.lock().unwrap().counts.get(what).copied().unwrap_or(0)
    }
}

pub(crate) fn side(url: &str) -> Side {
    Side {
        endpoint: Endpoint::parse(url).unwrap(),
        access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
        secret: SecretAccessKey::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
        session_token: None,
        region: Region::us_east_1(),
        trust: Trust::System,
        payload: Payload::Signed,
        asks_for_sse: false,
        process: None,
    }
}

fn error(status: u16, code: &str) -> Response<Full<Bytes>> {
    let text = format!("<Error><Code>{code}</Code><Message>of a test</Message></Error>");
    response(status, text.into())
}

fn response(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// Panics, and so breaks the connection, where a signature is wrong.
fn check_signature(side: &Side, request: &Request<()>, body: Bytes) {
    let head = RequestHead {
        method: request.method().as_str(),
        raw_path: request.uri().path(),
        raw_query: request.uri().query().unwrap_or_default(),
        headers: request.headers(),
        is_tls: true,
    };
    let Ok(AuthInput::Signed(signed)) = AuthInput::from_head(&head) else { panic!("not signed") };
    let key = SigningKey::derive(&side.secret, signed.scope());
    let expected = ExpectedScope { region: RegionRule::Exactly(&side.region), service: "s3" };
    let verified = signed.verify(&key, clock(), &expected, BodyDigest::Pending).unwrap();
    let mut decoder = BodyDecoder::new(verified.payload());
    decoder.feed(body, &mut Vec::new()).unwrap();
    decoder.finish().unwrap();
}

async fn answer(
    state: &Mutex<State>,
    side: &Side,
    fault: Fault,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let request = Request::from_parts(parts, ());
    if fault == Fault::KnowsNobody {
        return error(403, "InvalidAccessKeyId");
    }
    check_signature(side, &request, body.clone());
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    assert!(bucket.starts_with("strongroom-bench-"), "{bucket}");
    let mut state = state.lock().unwrap();
    let what = format!("{} {}", request.method(), if key.is_empty() { "bucket" } else { "object" });
    *state.counts.entry(what).or_default() += 1;
    if key.is_empty() {
        of_bucket(&mut state, fault, &request, &body)
    } else {
        of_object(&mut state, fault, &request, key, body)
    }
}

fn of_bucket(state: &mut State, fault: Fault, request: &Request<()>, body: &Bytes) -> Response<Full<Bytes>> {
    match *request.method() {
        Method::PUT => state.has_bucket = true,
        Method::HEAD => {}
        Method::DELETE if fault != Fault::KeepsBucket && state.objects.is_empty() => state.has_bucket = false,
        Method::DELETE => return error(409, "BucketNotEmpty"),
        Method::POST => {
            assert!(request.headers().contains_key("content-md5"));
            let text = String::from_utf8(body.to_vec()).unwrap();
            let keys: Vec<&str> =
                text.split("<Key>").skip(1).map(|rest| rest.split_once('<').unwrap().0).collect();
            let mut answer = "<DeleteResult>".to_owned();
            for key in keys {
                state.objects.remove(key);
                answer.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>"));
            }
            return response(200, (answer + "</DeleteResult>").into());
        }
        _ => return list(state, request.uri().query().unwrap()),
    }
    response(200, Bytes::new())
}

/// The token is the last key of the page, with characters that must be escaped around it.
fn list(state: &State, query: &str) -> Response<Full<Bytes>> {
    let value = |name: &str| {
        let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|pair| pair.0 == name);
        found.map(|(_, value)| value.replace("%2F", "/").replace("%26", "&").replace("%3C", "<"))
    };
    let prefix = value("prefix").unwrap();
    let after = value("continuation-token").map(|token| token.trim_matches(['&', '<']).to_owned());
    let keys = state.objects.keys().filter(|key| key.starts_with(&prefix));
    let mut keys: Vec<&String> =
        keys.filter(|key| after.as_ref().is_none_or(|after| *key > after)).take(1001).collect();
    let has_more = keys.len() > 1000;
    keys.truncate(1000);
    let mut answer = format!("<ListBucketResult><KeyCount>{}</KeyCount>", keys.len());
    for key in &keys {
        answer.push_str(&format!("<Contents><Key>{key}</Key></Contents>"));
    }
    if has_more {
        let token = format!("<NextContinuationToken>&amp;{}&lt;</NextContinuationToken>", keys[999]);
        answer.push_str(&token);
    }
    response(200, (answer + "</ListBucketResult>").into())
}

fn of_object(
    state: &mut State,
    fault: Fault,
    request: &Request<()>,
    key: &str,
    body: Bytes,
) -> Response<Full<Bytes>> {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    match *request.method() {
        Method::PUT => {
            state.hashes.extend(header("x-amz-content-sha256"));
            state.sse += u64::from(header("x-amz-server-side-encryption").as_deref() == Some("AES256"));
            state.objects.insert(key.to_owned(), body);
            response(200, Bytes::new())
        }
        Method::DELETE => match state.objects.remove(key) {
            Some(_) => response(204, Bytes::new()),
            None => error(404, "NoSuchKey"),
        },
        _ if fault == Fault::RefusesGet => error(503, "SlowDown"),
        _ => match state.objects.get(key) {
            None => error(404, "NoSuchKey"),
            Some(bytes) if fault == Fault::Corrupts => response(200, vec![0; bytes.len()].into()),
            Some(bytes) => response(200, bytes.clone()),
        },
    }
}
