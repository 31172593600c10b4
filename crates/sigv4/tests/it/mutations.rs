//! What is signed is accepted; whatever of it changes is refused.

use std::time::Duration;

use proptest::prelude::*;
use strongroom_sigv4::PayloadToSign;

use crate::support::{Request, now};

fn request() -> impl Strategy<Value = Request> {
    let method = prop::sample::select(vec!["GET", "PUT", "POST", "DELETE", "HEAD"]);
    let path = prop::collection::vec(any::<u8>(), 0..24);
    let query = prop::collection::vec((any::<String>(), any::<Option<String>>()), 0..4);
    let metadata = prop::collection::vec("[ -~é]{0,20}", 0..3);
    let body = prop::collection::vec(any::<u8>(), 1..64);
    (method, path, query, metadata, body).prop_map(|(method, path, query, metadata, body)| {
        let pairs = query.iter().map(|(name, value)| match value {
            Some(value) => {
                format!("q{}={}", percent_encode(name.as_bytes()), percent_encode(value.as_bytes()))
            }
            None => format!("q{}", percent_encode(name.as_bytes())),
        });
        let query = pairs.collect::<Vec<_>>().join("&");
        let mut request = Request::new(method, &format!("/b/{}", percent_encode(&path)), &query);
        for (at, value) in metadata.iter().enumerate() {
            request.append(&format!("x-amz-meta-{at}"), value.as_bytes());
        }
        request.with_body(&body)
    })
}

fn percent_encode(bytes: &[u8]) -> String {
    let digits = hex::encode(bytes);
    let pairs = digits.as_bytes().chunks(2).flat_map(|pair| [b'%', pair[0], pair[1]]);
    pairs.map(char::from).collect()
}

fn payload() -> impl Strategy<Value = u8> {
    0..6_u8
}

fn sign(request: Request, kind: u8) -> Request {
    let body = request.body.clone();
    match kind {
        0 => request.signed(PayloadToSign::Bytes(&body)),
        1 => request.signed(PayloadToSign::Unsigned),
        2 => request.streamed(PayloadToSign::StreamingSigned),
        3 => request.streamed(PayloadToSign::StreamingSignedTrailer),
        4 => request.streamed(PayloadToSign::StreamingUnsignedTrailer),
        _ => request.presigned(60),
    }
}

/// Every single change that a signature must notice, by name.
fn mutations(good: &Request, kind: u8) -> Vec<(&'static str, Request)> {
    let changed = |change: fn(&mut Request)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let mut all = vec![
        ("method", changed(|request| request.method.push('X'))),
        ("path", changed(|request| request.path.push('x'))),
        ("path's slash", changed(|request| request.path.push('/'))),
        ("path's dots", changed(|request| request.path.insert_str(0, "/x/.."))),
        ("parameter", good.clone().with_query("versionId=1")),
        ("empty parameter", good.clone().with_query("acl")),
        ("host", good.clone().set("host", "s3.example")),
        ("unsigned header", good.clone().with("x-amz-acl", "public-read")),
    ];
    if good.query.contains('&') {
        let shorter = good.query.split_once('&').unwrap().1.to_owned();
        all.push(("parameter removed", Request { query: shorter, ..good.clone() }));
    }
    for name in good.headers.keys().filter(|name| name.as_str().starts_with("x-amz-")) {
        all.push(("header removed", good.clone().without(name.as_str())));
        all.push(("header changed", good.clone().set(name.as_str(), "7-7-7")));
        all.push(("header repeated", good.clone().with(name.as_str(), "7")));
    }
    if let Some(value) = good.headers.get("authorization") {
        let value = value.to_str().unwrap();
        let flipped = if value.ends_with('0') { '1' } else { '0' };
        for (what, other) in [
            ("signature", format!("{}{flipped}", &value[..value.len() - 1])),
            ("scope's date", value.replace("/20261124/", "/20261123/")),
            ("scope's region", value.replace("/us-east-1/", "/us-east-2/")),
            ("scope's service", value.replace("/s3/", "/s3express/")),
            ("key id", value.replace("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLF")),
            ("signed headers", value.replace(";x-amz-date", "")),
        ] {
            all.push((what, good.clone().set("authorization", &other)));
        }
    } else {
        for (what, from, to) in [
            ("expiry", "Expires=60", "Expires=61"),
            ("presigned date", "Date=20261124T163238Z", "Date=20261124T163237Z"),
            ("presigned headers", "SignedHeaders=host", "SignedHeaders=host%3Brange"),
            ("presigned key id", "AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLF"),
        ] {
            all.push((what, Request { query: good.query.replace(from, to), ..good.clone() }));
        }
    }
    if matches!(kind, 0 | 2 | 3) {
        all.push(("body", changed(|request| *request.body.last_mut().unwrap() ^= 1)));
        all.push(("body's start", changed(|request| request.body[0] ^= 1)));
        all.push(("body longer", changed(|request| request.body.push(b'0'))));
        all.push(("body shorter", changed(|request| request.body.truncate(request.body.len() - 1))));
    }
    all
}

proptest! {
    #[test]
    fn what_is_signed_is_accepted_and_its_body_comes_through(request in request(), kind in payload()) {
        let body = request.body.clone();
        let accepted = sign(request, kind).serve().map_err(|refusal| format!("{refusal:?}"));
        prop_assert_eq!(accepted.map(|accepted| accepted.data), Ok(body));
    }

    #[test]
    fn no_single_change_goes_unnoticed(request in request(), kind in payload()) {
        let good = sign(request, kind);
        for (what, mutated) in mutations(&good, kind) {
            prop_assert!(mutated.serve().is_err(), "{} was not noticed", what);
        }
        for late in [now().plus(Duration::from_secs(901)), now().minus(Duration::from_secs(901))] {
            prop_assert!(good.serve_at(late).is_err());
        }
    }
}
