//! What a signature costs: the head of a small PUT from parse to proof, with and without the cached key, and
//! aws-chunked bodies per byte.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at what it did not expect")]

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue};
use strongroom_sigv4::{
    AuthInput, BodyDecoder, BodyDigest, Credentials, ExpectedScope, PayloadToSign, RegionRule, RequestHead,
    SignedRequest, SigningKeyCache, sign_header,
};
use strongroom_types::{AccessKeyId, Region, SecretAccessKey, Timestamp};

struct Bench {
    headers: HeaderMap,
    wire: Bytes,
    id: AccessKeyId,
    secret: SecretAccessKey,
    region: Region,
    cache: SigningKeyCache,
}

fn at() -> Timestamp {
    Timestamp::parse_amz_date("20261124T163238Z").unwrap()
}

impl Bench {
    fn new(payload: PayloadToSign<'_>, body_bytes: usize) -> Self {
        let id = AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
        let secret = SecretAccessKey::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned());
        let (region, mut headers) = (Region::us_east_1(), HeaderMap::new());
        for (name, value) in [
            ("host", "bucket.s3.localhost:9000"),
            ("user-agent", "Boto3/1.44 md/Botocore#1.44 ua/2.1 os/linux lang/python#3.11"),
            ("content-type", "application/octet-stream"),
            ("content-length", "4096"),
            ("x-amz-meta-owner", "someone"),
            ("x-amz-storage-class", "STANDARD"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert("x-amz-decoded-content-length", HeaderValue::from(body_bytes));
        let credentials = Credentials {
            access_key_id: &id,
            secret: &secret,
            session_token: None,
            region: &region,
            service: "s3",
        };
        let signed = sign_header(
            &credentials,
            at(),
            "PUT",
            "/a/key%20of/some/depth",
            "x-id=PutObject",
            &mut headers,
            payload,
        );
        let mut wire = Vec::new();
        if let Some(mut encoder) = signed.unwrap().chunk_encoder() {
            for chunk in vec![7; body_bytes].chunks(64 * 1024) {
                encoder.chunk(chunk, &mut wire);
            }
            encoder.finish(&[], &mut wire);
        }
        Self { headers, wire: wire.into(), id, secret, region, cache: SigningKeyCache::new() }
    }

    fn parse(&self) -> Box<SignedRequest> {
        let head = RequestHead {
            method: "PUT",
            raw_path: "/a/key%20of/some/depth",
            raw_query: "x-id=PutObject",
            headers: &self.headers,
            is_tls: true,
        };
        let Ok(AuthInput::Signed(request)) = AuthInput::from_head(&head) else { panic!("signed") };
        request
    }

    fn verify(&self) -> BodyDecoder {
        let request = self.parse();
        let key = self.cache.signing_key(&self.id, &self.secret, request.scope());
        let expected = ExpectedScope { region: RegionRule::Exactly(&self.region), service: "s3" };
        BodyDecoder::new(request.verify(&key, at(), &expected, BodyDigest::Pending).unwrap().payload())
    }
}

fn heads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    let bench = Bench::new(PayloadToSign::Unsigned, 0);
    group.bench_function("parse", |bencher| bencher.iter(|| bench.parse()));
    group.bench_function("verify, key cached", |bencher| bencher.iter(|| bench.verify()));
    group.bench_function("verify, key derived", |bencher| {
        bencher.iter(|| {
            bench.cache.forget(&bench.id);
            bench.verify()
        });
    });
    group.finish();
}

fn bodies(criterion: &mut Criterion) {
    const BYTES: usize = 8 << 20;
    let mut group = criterion.benchmark_group("body of 8 MiB in 64 KiB chunks");
    group.throughput(Throughput::Bytes(u64::try_from(BYTES).unwrap())).sample_size(20);
    for (name, payload) in [
        ("signed", PayloadToSign::StreamingSigned),
        ("unsigned, trailer", PayloadToSign::StreamingUnsignedTrailer),
    ] {
        let bench = Bench::new(payload, BYTES);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let (mut decoder, mut out) = (bench.verify(), Vec::with_capacity(1024));
                for start in (0..bench.wire.len()).step_by(16 * 1024) {
                    let piece = bench.wire.slice(start..bench.wire.len().min(start + 16 * 1024));
                    decoder.feed(piece, &mut out).unwrap();
                }
                decoder.finish().unwrap().bytes()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, heads, bodies);
criterion_main!(benches);
