//! What botocore signs is accepted. `tests/golden/botocore_vectors.py` tells how the vectors were made.

use base64::Engine as _;
use serde_json::Value;
use strongroom_sigv4::{ExpectedScope, PostField, PostInput, PostTarget, RegionRule, SigningKey};
use strongroom_types::{BucketName, ObjectKey, Region};

use crate::support::{Request, now, secret};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../golden/botocore_vectors.json")).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn request(vector: &Value) -> Request {
    let mut request =
        Request::new(text(vector, "method"), text(vector, "path"), text(vector, "query")).without("host");
    for header in vector["headers"].as_array().unwrap() {
        request.append(header[0].as_str().unwrap(), header[1].as_str().unwrap().as_bytes());
    }
    request.body = base64::engine::general_purpose::STANDARD.decode(text(vector, "body")).unwrap();
    request.tls = vector["tls"].as_bool().unwrap();
    request
}

#[test]
fn accepts_every_request_that_botocore_signs() {
    let vectors = vectors();
    let requests = vectors["requests"].as_array().unwrap();
    assert!(requests.len() >= 100);
    for vector in requests {
        let region = Region::parse(text(vector, "region")).unwrap();
        let accepted =
            request(vector).serve_for(text(vector, "service"), RegionRule::Exactly(&region), now());
        assert!(accepted.is_ok(), "{}: {:?}", text(vector, "name"), accepted.err());
    }
}

#[test]
fn refuses_every_request_that_botocore_signs_for_another_path() {
    for vector in vectors()["requests"].as_array().unwrap() {
        let mut request = request(vector);
        request.path.push_str("/x");
        let accepted = request.serve_for(text(vector, "service"), RegionRule::Any, now());
        assert!(accepted.is_err(), "{}", text(vector, "name"));
    }
}

#[test]
fn accepts_every_form_that_botocore_signs() {
    for form in vectors()["post_forms"].as_array().unwrap() {
        let fields: Vec<PostField<'_>> = form["fields"].as_array().unwrap().iter().map(field).collect();
        let PostInput::Signed(auth) = PostInput::from_fields(&fields).unwrap() else {
            panic!("the form is signed")
        };
        let key = SigningKey::derive(&secret(), &auth.credential().scope);
        let expected = ExpectedScope { region: RegionRule::Exactly(&Region::us_east_1()), service: "s3" };
        let verified = auth.verify(&key, now(), &expected).unwrap();
        let (bucket, key) = (BucketName::parse("bucket").unwrap(), ObjectKey::parse("user/ሴ").unwrap());
        verified.check(&fields, &PostTarget { bucket: &bucket, key: &key }).unwrap();
    }
}

fn field(pair: &Value) -> PostField<'_> {
    PostField { name: pair[0].as_str().unwrap(), value: pair[1].as_str().unwrap() }
}
