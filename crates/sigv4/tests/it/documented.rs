//! The examples of the S3 API Reference: "Signature Calculations for the Authorization Header", "Authenticating
//! Requests: Using Query Parameters", "Browser-Based Upload using HTTP POST".

use strongroom_sigv4::{
    AuthInput, ExpectedScope, PostField, PostInput, PostTarget, RegionRule, SigningKey, sign_header,
};
use strongroom_sigv4::{Credentials, PayloadToSign};
use strongroom_types::{AccessKeyId, BucketName, ObjectKey, Region};

use crate::support::{ID, Refusal, Request, secret, time};

const DAY: &str = "20130524T000000Z";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn request(method: &str, path: &str, query: &str, sha256: &str) -> Request {
    Request::new(method, path, query)
        .set("host", "examplebucket.s3.amazonaws.com")
        .with("x-amz-date", DAY)
        .with("x-amz-content-sha256", sha256)
}

fn authorized(request: Request, headers: &str, signature: &str) -> Request {
    let credential = format!("{ID}/20130524/us-east-1/s3/aws4_request");
    let value =
        format!("AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={headers},Signature={signature}");
    request.with("authorization", &value)
}

fn accepts(request: &Request) {
    request.serve_at(time(DAY)).map(|_| ()).unwrap();
}

#[test]
fn accepts_get_object() {
    let request = request("GET", "/test.txt", "", EMPTY).with("range", "bytes=0-9");
    accepts(&authorized(
        request,
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ));
}

#[test]
fn accepts_put_object() {
    let hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    let request = request("PUT", "/test$file.text", "", hash)
        .with("date", "Fri, 24 May 2013 00:00:00 GMT")
        .with("x-amz-storage-class", "REDUCED_REDUNDANCY")
        .with_body(b"Welcome to Amazon S3.");
    let request = authorized(
        request,
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    accepts(&request);
    let other = request.with_body(b"Welcome to Amazon S3!").serve_at(time(DAY)).map(|_| ());
    assert!(matches!(other, Err(Refusal::Body(_))));
}

#[test]
fn accepts_get_bucket_lifecycle() {
    accepts(&authorized(
        request("GET", "/", "lifecycle", EMPTY),
        "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ));
}

#[test]
fn accepts_list_objects() {
    accepts(&authorized(
        request("GET", "/", "max-keys=2&prefix=J", EMPTY),
        "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ));
}

#[test]
fn accepts_the_presigned_url() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
        &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let request = Request::new("GET", "/test.txt", query).set("host", "examplebucket.s3.amazonaws.com");
    accepts(&request);
    assert!(request.serve_at(time("20130525T000000Z")).is_ok());
    assert!(request.serve_at(time("20130525T000001Z")).is_err());
}

fn chunked(mode: &str, seed: &str, more: &str) -> Request {
    let request = request("PUT", "/examplebucket/chunkObject.txt", "", mode)
        .set("host", "s3.amazonaws.com")
        .with("x-amz-storage-class", "REDUCED_REDUNDANCY")
        .with("content-encoding", "aws-chunked")
        .with("x-amz-decoded-content-length", "66560");
    let signed = format!(
        "content-encoding;{}host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class{more}",
        if more.is_empty() { "content-length;" } else { "" }
    );
    authorized(request, &signed, seed)
}

fn chunks(signatures: [&str; 3]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (size, signature) in [65536, 1024, 0].into_iter().zip(signatures) {
        wire.extend_from_slice(format!("{size:x};chunk-signature={signature}\r\n").as_bytes());
        wire.resize(wire.len() + size, b'a');
        if size > 0 {
            wire.extend_from_slice(b"\r\n");
        }
    }
    wire
}

#[test]
fn accepts_the_chunked_upload() {
    let mut wire = chunks([
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ]);
    wire.extend_from_slice(b"\r\n");
    assert_eq!(wire.len(), 66824);
    let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let request = chunked("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", seed, "").with_body(&wire);
    let accepted = request.serve_at(time(DAY)).map_err(|refusal| format!("{refusal:?}")).unwrap();
    assert_eq!(accepted.data, vec![b'a'; 66560]);
    assert_eq!(accepted.body.bytes(), 66560);
}

/// The trailer stands as in the documentation: its line ends in LF, two empty lines follow, then its signature.
#[test]
fn accepts_the_chunked_upload_with_trailer() {
    let wire = chunks([
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ]);
    let seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
    let signature = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
    for between in ["\n\r\n\r\n", "\n\r\n", "\r\n"] {
        let mut wire = wire.clone();
        wire.extend_from_slice(b"x-amz-checksum-crc32c:sOO8/Q==");
        wire.extend_from_slice(between.as_bytes());
        wire.extend_from_slice(format!("x-amz-trailer-signature:{signature}\r\n\r\n").as_bytes());
        let request = chunked("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", seed, ";x-amz-trailer")
            .with("x-amz-trailer", "x-amz-checksum-crc32c")
            .with_body(&wire);
        let accepted = request.serve_at(time(DAY)).map_err(|refusal| format!("{refusal:?}")).unwrap();
        assert_eq!(accepted.body.trailers().get("x-amz-checksum-crc32c"), Some("sOO8/Q=="));
    }
}

#[test]
fn signs_as_documented() {
    let (id, region, secret) = (AccessKeyId::parse(ID).unwrap(), Region::us_east_1(), secret());
    let by = Credentials {
        access_key_id: &id,
        secret: &secret,
        session_token: None,
        region: &region,
        service: "s3",
    };
    let mut request = Request::new("GET", "/test.txt", "")
        .set("host", "examplebucket.s3.amazonaws.com")
        .with("range", "bytes=0-9");
    let payload = PayloadToSign::Bytes(b"");
    let signed = sign_header(&by, time(DAY), "GET", "/test.txt", "", &mut request.headers, payload).unwrap();
    assert_eq!(signed.signature(), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    accepts(&request);
}

#[test]
fn accepts_the_browser_upload() {
    let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2\
        tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImF\
        jbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5z\
        My5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAia\
        W1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3\
        J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWN\
        yZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1h\
        bXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdD\
        Qp9";
    let redirect = "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html";
    let fields = [
        ("key", "user/user1/${filename}"),
        ("acl", "public-read"),
        ("success_action_redirect", redirect),
        ("Content-Type", "image/jpeg"),
        ("x-amz-meta-uuid", "14365123651274"),
        ("x-amz-server-side-encryption", "AES256"),
        ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Date", "20151229T000000Z"),
        ("x-amz-meta-tag", ""),
        ("Policy", policy),
        ("X-Amz-Signature", "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"),
    ]
    .map(|(name, value)| PostField { name, value });
    let PostInput::Signed(form) = PostInput::from_fields(&fields).unwrap() else {
        panic!("the form is signed")
    };
    let key = SigningKey::derive(&secret(), &form.credential().scope);
    let region = Region::us_east_1();
    let expected = ExpectedScope { region: RegionRule::Exactly(&region), service: "s3" };
    let verified = form.verify(&key, time("20151229T010000Z"), &expected).unwrap();
    let bucket = BucketName::parse("sigv4examplebucket").unwrap();
    let key = ObjectKey::parse("user/user1/photo.jpg").unwrap();
    verified.check(&fields, &PostTarget { bucket: &bucket, key: &key }).unwrap();
    assert!(
        form.verify(&SigningKey::derive(&secret(), verified.scope()), time("20151230T120000Z"), &expected)
            .is_err()
    );
}

#[test]
fn a_request_without_any_signature_is_anonymous() {
    let plain = Request::new("GET", "/b/k", "versionId=null&Expires=1");
    assert!(matches!(plain.input(), Ok(AuthInput::Anonymous(_))));
}
