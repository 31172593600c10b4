//! A whole request, and the way of a server through the crate.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use strongroom_sigv4::{
    AuthError, AuthInput, BodyDecoder, BodyDigest, BodyError, Code, Credentials, ExpectedScope,
    PayloadToSign, RegionRule, RequestHead, SigningKey, VerifiedBody, presign, sign_header,
};
use strongroom_types::{AccessKeyId, Region, SecretAccessKey, Timestamp};

pub(crate) const ID: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const NOW: &str = "20261124T163238Z";

pub(crate) fn now() -> Timestamp {
    time(NOW)
}

pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::parse_amz_date(text).unwrap()
}

pub(crate) fn secret() -> SecretAccessKey {
    SecretAccessKey::new(SECRET.to_owned())
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) tls: bool,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    Anonymous,
    UnknownKey,
    Head(AuthError),
    Body(BodyError),
}

impl Refusal {
    pub(crate) fn code(&self) -> Option<Code> {
        match self {
            Self::Anonymous | Self::UnknownKey => None,
            Self::Head(error) => Some(error.code()),
            Self::Body(error) => Some(error.code()),
        }
    }
}

pub(crate) struct Accepted {
    pub(crate) data: Vec<u8>,
    pub(crate) body: VerifiedBody,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str, query: &str) -> Self {
        let headers = HeaderMap::new();
        let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
        Self { method, path, query, headers, body: Vec::new(), tls: true }.with("host", "s3.localhost")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.append(name, value.as_bytes());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.headers.remove(name);
        self.with(name, value)
    }

    pub(crate) fn with_body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.set("content-length", &body.len().to_string())
    }

    pub(crate) fn with_query(mut self, more: &str) -> Self {
        let and = if self.query.is_empty() { "" } else { "&" };
        self.query.push_str(and);
        self.query.push_str(more);
        self
    }

    pub(crate) fn plaintext(mut self) -> Self {
        self.tls = false;
        self
    }

    pub(crate) fn append(&mut self, name: &str, value: &[u8]) {
        let value = HeaderValue::from_bytes(value).unwrap();
        self.headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
    }

    pub(crate) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            raw_path: &self.path,
            raw_query: &self.query,
            headers: &self.headers,
            is_tls: self.tls,
        }
    }

    pub(crate) fn input(&self) -> Result<AuthInput, AuthError> {
        AuthInput::from_head(&self.head())
    }

    /// The code of the refusal of the head alone; fails the test if the head is accepted.
    pub(crate) fn head_code(&self) -> Code {
        self.input().expect_err("the head is refused").code()
    }

    /// Signs with the header, for S3 in us-east-1, by the one key there is.
    pub(crate) fn signed(self, payload: PayloadToSign<'_>) -> Self {
        self.signed_by(&secret(), None, "s3", now(), payload)
    }

    pub(crate) fn signed_by(
        mut self,
        secret: &SecretAccessKey,
        session_token: Option<&str>,
        service: &str,
        at: Timestamp,
        payload: PayloadToSign<'_>,
    ) -> Self {
        let (id, region) = (AccessKeyId::parse(ID).unwrap(), Region::us_east_1());
        let by = Credentials { access_key_id: &id, secret, session_token, region: &region, service };
        let signed =
            sign_header(&by, at, &self.method, &self.path, &self.query, &mut self.headers, payload).unwrap();
        if let Some(mut encoder) = signed.chunk_encoder() {
            let mut wire = Vec::new();
            for piece in self.body.chunks(10_000) {
                encoder.chunk(piece, &mut wire);
            }
            let trailers: &[(&str, &str)] = if self.headers.contains_key("x-amz-trailer") {
                &[("x-amz-checksum-crc32", "AAAAAA==")]
            } else {
                &[]
            };
            encoder.finish(trailers, &mut wire);
            self = self.with_body(&wire);
        }
        self
    }

    /// Sets what a streaming mode needs, then signs and encodes.
    pub(crate) fn streamed(self, payload: PayloadToSign<'_>) -> Self {
        let length = self.body.len().to_string();
        let request =
            self.set("x-amz-decoded-content-length", &length).set("content-encoding", "aws-chunked");
        if payload == PayloadToSign::StreamingSigned {
            return request.signed(payload);
        }
        request.set("x-amz-trailer", "x-amz-checksum-crc32").signed(payload)
    }

    pub(crate) fn presigned(self, expires_seconds: u32) -> Self {
        self.presigned_at(now(), expires_seconds)
    }

    pub(crate) fn presigned_at(mut self, at: Timestamp, expires_seconds: u32) -> Self {
        let (id, region, secret) = (AccessKeyId::parse(ID).unwrap(), Region::us_east_1(), secret());
        let by = Credentials {
            access_key_id: &id,
            secret: &secret,
            session_token: None,
            region: &region,
            service: "s3",
        };
        self.query =
            presign(&by, at, expires_seconds, &self.method, &self.path, &self.query, &self.headers).unwrap();
        self
    }

    /// The way of a server for S3 in us-east-1 that knows one key.
    pub(crate) fn serve(&self) -> Result<Accepted, Refusal> {
        self.serve_at(now())
    }

    pub(crate) fn serve_at(&self, at: Timestamp) -> Result<Accepted, Refusal> {
        self.serve_for("s3", RegionRule::Exactly(&Region::us_east_1()), at)
    }

    pub(crate) fn serve_for(
        &self,
        service: &str,
        region: RegionRule<'_>,
        at: Timestamp,
    ) -> Result<Accepted, Refusal> {
        let AuthInput::Signed(request) = self.input().map_err(Refusal::Head)? else {
            return Err(Refusal::Anonymous);
        };
        if request.credential().access_key_id.as_str() != ID {
            return Err(Refusal::UnknownKey);
        }
        let expected = ExpectedScope { region, service };
        let key = SigningKey::derive(&secret(), request.scope());
        let digest = if request.needs_body_digest() { self.digest() } else { BodyDigest::Pending };
        let verified = request.verify(&key, at, &expected, digest).map_err(Refusal::Head)?;
        assert_eq!(verified.head().access_key_id().as_str(), ID);
        let (mut decoder, mut out) = (BodyDecoder::new(verified.payload()), Vec::new());
        for piece in self.body.chunks(4099) {
            decoder.feed(Bytes::copy_from_slice(piece), &mut out).map_err(Refusal::Body)?;
        }
        let body = decoder.finish().map_err(Refusal::Body)?;
        Ok(Accepted { data: out.concat(), body })
    }

    pub(crate) fn digest(&self) -> BodyDigest {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.body);
        BodyDigest::Sha256(digest.as_ref().try_into().unwrap())
    }

    pub(crate) fn refusal(&self) -> Refusal {
        match self.serve() {
            Ok(_) => panic!("accepted: {self:?}"),
            Err(refusal) => refusal,
        }
    }

    pub(crate) fn code(&self) -> Code {
        self.refusal().code().expect("refused with a code, not taken for anonymous")
    }
}
