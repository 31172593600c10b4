//! Requests to a running server: of the service `strongroom`, and of STS.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use strongroom_api_strongroom::SERVICE;
use strongroom_bench::{BenchError, Endpoint, Trust};
use strongroom_codec::{EncodedRequest, decode_error, decode_response, encode_request};
use strongroom_server::installation::wall_clock;
use strongroom_shape::{Input, Operation, Protocol, ServiceSchema};
use strongroom_sigv4::{Credentials, PayloadToSign, sign_header};
use strongroom_types::Region;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::{Zeroize as _, Zeroizing};

use crate::args::RemoteArgs;
use crate::aws::{Environment, Key, Place};
use crate::error::CliError;
use crate::output::visible;

/// How long finding and reaching the server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the TLS handshake, the request and its whole answer may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of an answer; a page of 100 accounts takes about 40 KiB.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Bytes of an answer's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Why a request was not answered as hoped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// A URL that cannot be used.
    #[error("{0:?} cannot be used as an endpoint; give a URL without a path, such as https://localhost:9000")]
    Endpoint(String),
    /// The answer would carry a secret in plain sight.
    #[error(
        "{0:?} has no TLS, and answers carry secrets; give an https URL (http only to a loopback address)"
    )]
    NoTls(String),
    /// Nobody to trust.
    #[error(
        "it is not said which authority vouches for the server; set AWS_CA_BUNDLE to DIR/tls/ca.pem of its data directory"
    )]
    NoAuthority,
    /// The authority's certificate.
    #[error(
        "{0} holds no usable certificate; set AWS_CA_BUNDLE to DIR/tls/ca.pem of the server's data directory"
    )]
    CaBundle(PathBuf),
    /// TLS itself.
    #[error("TLS cannot be used here")]
    Tls(#[source] rustls::Error),
    /// The server is not there.
    #[error("cannot reach {endpoint}; is the server running, and is the address right?")]
    Connect {
        /// The URL.
        endpoint: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The handshake failed.
    #[error("{endpoint} is not a server that the authority of AWS_CA_BUNDLE vouches for; check both")]
    Handshake {
        /// The URL.
        endpoint: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No answer in time.
    #[error("{0} did not answer in time; look at the server's log and at /-/ready")]
    Timeout(String),
    /// The connection broke.
    #[error(
        "the connection to {endpoint} broke; whether the request was done is not known, so look before repeating it"
    )]
    Broken {
        /// The URL.
        endpoint: String,
        /// Why.
        #[source]
        source: hyper::Error,
    },
    /// The request could not be written down or signed.
    #[error("the request cannot be written: {0}; check the values given")]
    Request(String),
    /// An answer that is none of ours.
    #[error(
        "{0} gave an answer that strongroom does not understand; is it a Strongroom server of this version?"
    )]
    Answer(String),
    /// The server said no.
    #[error("the server answered {code}: {message} (HTTP {status}, request id {request_id})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its code.
        code: String,
        /// Its words.
        message: String,
        /// For finding the record.
        request_id: String,
    },
}

/// Reads where a server is. Answers carry secrets, so that one without TLS must be this very machine.
fn endpoint(url: &str) -> Result<Endpoint, ClientError> {
    let endpoint = Endpoint::parse(url).map_err(|_| ClientError::Endpoint(visible(url)))?;
    if endpoint.is_tls() || endpoint.is_loopback() {
        Ok(endpoint)
    } else {
        Err(ClientError::NoTls(endpoint.url().to_owned()))
    }
}

async fn connect(endpoint: &Endpoint) -> Result<TcpStream, ClientError> {
    let connecting = async { TcpStream::connect(endpoint.addresses().await?.as_slice()).await };
    let url = endpoint.url().to_owned();
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(source)) => Err(ClientError::Connect { endpoint: url, source }),
        Err(_) => Err(ClientError::Timeout(url)),
    }
}

/// What makes TLS connections; none for http. Only the bundle is trusted.
fn connector(endpoint: &Endpoint, bundle: Option<&Path>) -> Result<Option<TlsConnector>, ClientError> {
    if !endpoint.is_tls() {
        return Ok(None);
    }
    let bundle = bundle.ok_or(ClientError::NoAuthority)?.to_owned();
    strongroom_bench::connector(endpoint, &Trust::Bundle(bundle.clone())).map_err(|error| {
        if let BenchError::Tls(source) = error {
            ClientError::Tls(source)
        } else {
            ClientError::CaBundle(bundle)
        }
    })
}

/// Asks one server, in the name of one access key or of nobody.
pub(crate) struct Client {
    key: Option<Key>,
    region: Region,
    endpoint: Endpoint,
    tls: Option<TlsConnector>,
}

/// An answer: status, headers, body.
type Answer = (u16, HeaderMap, Bytes);

impl Client {
    /// One for the server that the arguments name, or the environment.
    ///
    /// # Errors
    /// What is wrong with either.
    pub(crate) fn of(remote: &RemoteArgs) -> Result<Self, CliError> {
        Ok(Self::new(Environment::load(remote.endpoint.as_deref())?)?)
    }

    /// A client for the server and the key of the environment. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError`]: a URL without TLS, or no authority to trust. Only the bundle is trusted, never the system's
    /// authorities: none of them vouches for a private one.
    pub(crate) fn new(environment: Environment) -> Result<Self, ClientError> {
        Self::with(Some(environment.key), environment.place)
    }

    /// A client that signs nothing.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn unsigned(place: Place) -> Result<Self, ClientError> {
        Self::with(None, place)
    }

    fn with(key: Option<Key>, place: Place) -> Result<Self, ClientError> {
        let endpoint = endpoint(&place.endpoint)?;
        let tls = connector(&endpoint, place.ca_bundle.as_deref())?;
        Ok(Self { key, region: place.region, endpoint, tls })
    }

    /// Asks for an operation of the service `strongroom`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(crate) async fn call<I: Input>(
        &self,
        input: &I,
    ) -> Result<<I::Operation as Operation>::Output, ClientError> {
        self.call_of(&SERVICE, Protocol::AwsJson11, input).await
    }

    /// Asks for an operation of any service, which `input` must be of.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(crate) async fn call_of<I: Input>(
        &self,
        service: &'static ServiceSchema,
        protocol: Protocol,
        input: &I,
    ) -> Result<<I::Operation as Operation>::Output, ClientError> {
        let operation = <I::Operation as Operation>::SCHEMA;
        let encoded = encode_request(protocol, service, operation, input)
            .map_err(|error| ClientError::Request(error.to_string()))?;
        let request = self.request(service, encoded)?;
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, self.send(request)).await;
        let (status, headers, body) =
            answer.map_err(|_| ClientError::Timeout(self.endpoint.url().to_owned()))??;
        if status != operation.status {
            return Err(refused(protocol, status, &headers, &body));
        }
        let mut output = <I::Operation as Operation>::Output::default();
        let decoded = decode_response(protocol, service, operation, status, &headers, &body, &mut output);
        // It may hold secrets.
        if let Ok(mut body) = body.try_into_mut() {
            body.as_mut().zeroize();
        }
        decoded.map_err(|_| ClientError::Answer(self.endpoint.url().to_owned()))?;
        Ok(output)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, ClientError> {
        let stream = connect(&self.endpoint).await?;
        let Some(tls) = &self.tls else { return self.exchange(stream, request).await };
        let name = ServerName::try_from(self.endpoint.host().to_owned())
            .map_err(|_| ClientError::Endpoint(self.endpoint.url().to_owned()))?;
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(|source| ClientError::Handshake { endpoint: self.endpoint.url().to_owned(), source })?;
        self.exchange(stream, request).await
    }

    /// The request as it is sent: signed, if there is a key.
    fn request(
        &self,
        service: &'static ServiceSchema,
        encoded: EncodedRequest,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let unwritable = |error: &dyn std::fmt::Display| ClientError::Request(error.to_string());
        let mut headers: HeaderMap = encoded.headers.into_iter().collect();
        let host = HeaderValue::from_str(self.endpoint.authority()).map_err(|error| unwritable(&error))?;
        headers.insert(HOST, host);
        headers
            .insert(USER_AGENT, HeaderValue::from_static(concat!("strongroom/", env!("CARGO_PKG_VERSION"))));
        if let Some(key) = &self.key {
            let credentials = Credentials {
                access_key_id: &key.id,
                secret: &key.secret,
                session_token: key.session_token.as_deref(),
                region: &self.region,
                service: service.signing_name,
            };
            let method = encoded.method.as_str();
            let (path, query) = encoded.uri.split_once('?').unwrap_or((&encoded.uri, ""));
            let payload = PayloadToSign::Bytes(&encoded.body);
            sign_header(&credentials, wall_clock(), method, path, query, &mut headers, payload)
                .map_err(|error| unwritable(&error))?;
        }
        let mut request = Request::builder()
            .method(encoded.method.clone())
            .uri(&encoded.uri)
            // It may hold a token.
            .body(Full::new(Bytes::from_owner(Zeroizing::new(encoded.body))))
            .map_err(|error| unwritable(&error))?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// One request and its answer over a connection, which ends with them.
    async fn exchange<S>(&self, stream: S, request: Request<Full<Bytes>>) -> Result<Answer, ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |source| ClientError::Broken { endpoint: self.endpoint.url().to_owned(), source };
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let asking = async {
            let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|_| ClientError::Answer(self.endpoint.url().to_owned()))?.to_bytes();
            Ok((head.status.as_u16(), head.headers, body))
        };
        let mut asking = std::pin::pin!(asking);
        tokio::select! {
            biased;
            answer = &mut asking => answer,
            // The connection drives the request; once it has ended, the answer is there or never comes.
            ended = connection => match ended {
                Ok(()) => asking.await,
                Err(error) => Err(broken(error)),
            },
        }
    }
}

fn refused(protocol: Protocol, status: u16, headers: &HeaderMap, body: &[u8]) -> ClientError {
    let is_xml = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().ends_with(b"xml"));
    let answer = decode_error(if is_xml { Protocol::RestXml } else { protocol }, headers, body);
    let or = |text: String, otherwise: &str| {
        if text.is_empty() { otherwise.to_owned() } else { visible(&text) }
    };
    ClientError::Refused {
        status,
        code: or(answer.code, "an error"),
        message: or(answer.message, "no message"),
        request_id: or(answer.request_id.unwrap_or_default(), "unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url_without_a_path() {
        let found = endpoint("https://s3.LOCALHOST:9000/").unwrap();
        assert_eq!((found.host(), found.port()), ("s3.localhost", 9000));
        assert_eq!(found.authority(), "s3.LOCALHOST:9000");
        let found = endpoint("https://store.example:443").unwrap();
        assert_eq!(found.authority(), "store.example", "the default port is not part of Host");
        let found = endpoint("https://[::1]:9000").unwrap();
        assert_eq!((found.host(), found.authority()), ("::1", "[::1]:9000"));
        for bad in ["", "localhost:9000", "ftp://h", "https://h/path", "https://h?q", "https://u:p@h", "/x"] {
            assert!(matches!(endpoint(bad), Err(ClientError::Endpoint(_))), "{bad}");
        }
    }

    #[test]
    fn a_secret_does_not_travel_in_plain_sight() {
        for good in
            ["http://127.0.0.1:9080", "http://[::1]:9080", "http://localhost", "http://s3.localhost:1"]
        {
            assert!(!endpoint(good).unwrap().is_tls());
        }
        for bad in ["http://192.0.2.1:9080", "http://store.example", "http://localhost.example"] {
            assert!(matches!(endpoint(bad), Err(ClientError::NoTls(_))), "{bad}");
        }
    }

    #[test]
    fn only_a_file_of_certificates_is_a_bundle() {
        let server = endpoint("https://h").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(connector(&server, Some(&path)), Err(ClientError::CaBundle(_))), "{text:?}");
        }
        assert!(matches!(
            connector(&server, Some(&directory.path().join("none"))),
            Err(ClientError::CaBundle(_))
        ));
    }

    #[test]
    fn an_error_of_the_server_is_told_with_its_request_id() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amzn-requestid", HeaderValue::from_static("R1"));
        let body = br#"{"__type":"AccountAlreadyExistsException","message":"taken\u001b[2J"}"#;
        let error = refused(Protocol::AwsJson11, 400, &headers, body).to_string();
        assert!(
            error.contains("AccountAlreadyExistsException: taken\u{fffd}[2J (HTTP 400, request id R1)"),
            "{error}"
        );
        let error = refused(Protocol::AwsJson11, 503, &HeaderMap::new(), b"<html>").to_string();
        assert!(error.contains("HTTP 503"), "{error}");
    }
}
