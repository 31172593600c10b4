//! Inputs that are missing, repeated, in conflict or out of time, each with AWS's code.

use std::time::Duration;

use strongroom_sigv4::{AuthError, Code, PayloadToSign, Problem, RegionRule};
use strongroom_types::Region;

use crate::support::{Refusal, Request, now};

fn signed() -> Request {
    Request::new("PUT", "/b/k", "").with_body(b"data").signed(PayloadToSign::Bytes(b"data"))
}

fn authorization(request: &Request) -> String {
    request.headers["authorization"].to_str().unwrap().to_owned()
}

#[test]
fn the_request_that_the_others_differ_from_is_accepted() {
    assert!(signed().serve().is_ok());
    assert!(Request::new("GET", "/b/k", "").presigned(60).serve().is_ok());
}

#[test]
fn repeated_inputs_are_refused() {
    let request = signed();
    let value = authorization(&request);
    assert_eq!(request.clone().with("authorization", &value).head_code(), Code::InvalidArgument);
    assert_eq!(request.clone().with("x-amz-date", "20261124T163238Z").head_code(), Code::AccessDenied);
    let hash = request.headers["x-amz-content-sha256"].to_str().unwrap().to_owned();
    assert_eq!(request.clone().with("x-amz-content-sha256", &hash).head_code(), Code::InvalidArgument);
    assert_eq!(request.clone().with("host", "s3.localhost").head_code(), Code::AuthorizationHeaderMalformed);
    let presigned = Request::new("GET", "/b/k", "").presigned(60);
    for parameter in presigned.query.split('&') {
        for repeated in
            [parameter.to_owned(), parameter.to_ascii_lowercase(), parameter.replacen('-', "%2D", 1)]
        {
            let request = presigned.clone().with_query(&repeated);
            assert_eq!(request.head_code(), Code::AuthorizationQueryParametersError, "{repeated}");
        }
    }
}

#[test]
fn inputs_of_two_mechanisms_are_refused() {
    let presigned = Request::new("PUT", "/b/k", "").presigned(60);
    let both = Request { query: presigned.query.clone(), ..signed() };
    assert_eq!(both.head_code(), Code::InvalidArgument);
    for one in presigned.query.split('&').chain(["X-Amz-Security-Token=t", "Signature=s", "AWSAccessKeyId=a"])
    {
        assert_eq!(signed().with_query(one).head_code(), Code::InvalidArgument, "{one}");
    }
    assert_eq!(presigned.with_query("Signature=s").head_code(), Code::InvalidArgument);
}

#[test]
fn each_missing_or_broken_part_of_the_authorization_header_is_refused() {
    let value = authorization(&signed());
    let (start, signature) = value.rsplit_once(", ").unwrap();
    let malformed = [
        start.to_owned(),
        value.replace("Credential=", "credential="),
        value.replace("SignedHeaders=", "Signedheaders="),
        value.replace("Signature=", "Signature"),
        format!("{value}, {signature}"),
        format!("{value}, Extra=1"),
        format!("{value},"),
        value.replace("/s3/", "/"),
        value.replace("aws4_request", "aws4_reques"),
        value.replace("20261124", "2026112"),
        value.replace("20261124", "20261125"),
        value.replace("us-east-1", "us east 1"),
        value.replace("AKIAIOSFODNN7EXAMPLE", ""),
        value.replace("host;", ""),
        value.replace("host;", "host;host;"),
        value.replace("host;", "Host;"),
        value.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"),
        value.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256-PAYLOAD"),
        format!("{start}, Signature="),
        format!("{start}, Signature={}", "0".repeat(257)),
    ];
    for value in malformed {
        let request = signed().set("authorization", &value);
        assert_eq!(request.head_code(), Code::AuthorizationHeaderMalformed, "{value}");
    }
    let short = value.replace("AKIAIOSFODNN7EXAMPLE", "short");
    assert_eq!(signed().set("authorization", &short).head_code(), Code::InvalidAccessKeyId);
    assert_eq!(signed().set("authorization", "Bearer x").head_code(), Code::InvalidArgument);
    assert_eq!(signed().set("authorization", "").head_code(), Code::AccessDenied);
    assert_eq!(signed().without("host").head_code(), Code::AuthorizationHeaderMalformed);
}

#[test]
fn a_signature_of_another_form_does_not_match() {
    let value = authorization(&signed());
    let (start, signature) = value.rsplit_once('=').unwrap();
    for other in [signature.to_ascii_uppercase(), "0".repeat(64), "x".to_owned(), signature[..63].to_owned()]
    {
        let request = signed().set("authorization", &format!("{start}={other}"));
        assert_eq!(request.code(), Code::SignatureDoesNotMatch, "{other}");
    }
}

#[test]
fn each_missing_or_broken_parameter_of_a_presigned_url_is_refused() {
    let good = Request::new("GET", "/b/k", "").presigned(60);
    let parameters: Vec<&str> = good.query.split('&').collect();
    for left_out in 0..parameters.len() {
        let mut rest = parameters.clone();
        let name = rest.remove(left_out);
        let request = Request { query: rest.join("&"), ..good.clone() };
        assert_eq!(request.head_code(), Code::AuthorizationQueryParametersError, "{name}");
    }
    for (from, to) in [
        ("Expires=60", "Expires=0"),
        ("Expires=60", "Expires=-1"),
        ("Expires=60", "Expires=604801"),
        ("Expires=60", "Expires=99999999999999999999"),
        ("Expires=60", "Expires=+6"),
        ("Expires=60", "Expires="),
        ("Date=2026", "Date=26"),
        ("SignedHeaders=host", "SignedHeaders=range"),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        ("%2Faws4_request", "%2Faws4_request%2F"),
        ("Credential=AKIA", "Credential=%FFAKIA"),
    ] {
        let request = Request { query: good.query.replace(from, to), ..good.clone() };
        assert_ne!(request.query, good.query);
        assert_eq!(request.head_code(), Code::AuthorizationQueryParametersError, "{to}");
    }
    let longest = Request::new("GET", "/b/k", "").presigned(604_800);
    assert!(longest.serve().is_ok());
}

/// Clients look for the sentence (API.md: the AWS CLI does).
#[test]
fn signature_version_2_is_refused_with_what_to_use_instead() {
    let header =
        Request::new("GET", "/b/k", "").with("authorization", "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo=");
    let query = Request::new(
        "GET",
        "/b/k",
        "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1141889120&Signature=vjby%3D",
    );
    for request in [header, query, Request::new("GET", "/b/k", "Signature=x")] {
        let error = request.input().unwrap_err();
        assert_eq!(error.code(), Code::InvalidRequest);
        assert!(error.to_string().contains("Please use AWS4-HMAC-SHA256"), "{error}");
    }
}

#[test]
fn signature_version_4a_is_refused_as_such() {
    let value = authorization(&signed()).replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256");
    let header = signed().set("authorization", &value);
    let query = Request::new("GET", "/b/k", "").presigned(60);
    let query =
        Request { query: query.query.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), ..query.clone() };
    let body = signed().set("x-amz-content-sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER");
    for request in [header, query, body] {
        assert_eq!(request.input(), Err(AuthError::SignatureVersion4a));
        assert_eq!(request.head_code(), Code::InvalidRequest);
    }
}

#[test]
fn a_time_is_needed_and_must_be_readable() {
    assert_eq!(signed().without("x-amz-date").head_code(), Code::AccessDenied);
    for bad in ["", "2026-11-24T16:32:38Z", "20261124T163238", "20261324T163238Z", "+0261124T163238Z"] {
        assert_eq!(signed().set("x-amz-date", bad).head_code(), Code::AccessDenied, "{bad}");
    }
    assert_eq!(signed().with("date", "yesterday").head_code(), Code::AccessDenied);
    assert!(signed().with("date", "Tue, 24 Nov 2026 16:32:38 GMT").serve().is_ok());
}

#[test]
fn fifteen_minutes_of_skew_are_allowed_either_way() {
    let quarter = Duration::from_mins(15);
    let (request, second) = (signed(), Duration::from_secs(1));
    for at in [now().plus(quarter), now().minus(quarter)] {
        assert!(request.serve_at(at).is_ok());
    }
    for at in [now().plus(quarter).plus(second), now().minus(quarter).minus(second)] {
        let Err(Refusal::Head(error)) = request.serve_at(at) else { panic!("refused for its time") };
        assert_eq!(error.code(), Code::RequestTimeTooSkewed);
        let expected =
            AuthError::RequestTimeTooSkewed { request_time: now(), server_time: at, max_skew: quarter };
        assert_eq!(error, expected);
    }
}

#[test]
fn a_presigned_url_lives_from_its_date_to_its_end() {
    let request = Request::new("GET", "/b/k", "").presigned(3600);
    let at = |secs: u64| now().plus(Duration::from_secs(secs));
    assert!(request.serve_at(at(3600)).is_ok());
    let Err(Refusal::Head(error)) = request.serve_at(at(3601)) else { panic!("expired") };
    assert_eq!(error.to_string(), "Request has expired");
    let expected = AuthError::Expired { expires_seconds: 3600, expires: at(3600), server_time: at(3601) };
    assert_eq!((error.code(), error), (Code::AccessDenied, expected));
}

/// ATTACKS, VersityGW: a future-dated presigned URL would outlive its seven days.
#[test]
fn a_presigned_url_of_the_future_is_refused() {
    let request =
        |secs| Request::new("GET", "/b/k", "").presigned_at(now().plus(Duration::from_secs(secs)), 60);
    assert!(request(900).serve().is_ok());
    assert_eq!(request(901).code(), Code::AccessDenied);
}

#[test]
fn a_wrong_region_names_the_right_one() {
    let europe = Region::parse("eu-west-1").unwrap();
    for (request, code) in [
        (signed(), Code::AuthorizationHeaderMalformed),
        (Request::new("GET", "/b/k", "").presigned(60), Code::AuthorizationQueryParametersError),
    ] {
        let Err(Refusal::Head(error)) = request.serve_for("s3", RegionRule::Exactly(&europe), now()) else {
            panic!("the region is wrong")
        };
        assert_eq!((error.code(), error.expected_region()), (code, Some(&europe)));
        assert!(
            error.to_string().contains("the region 'us-east-1' is wrong; expecting 'eu-west-1'"),
            "{error}"
        );
        assert!(request.serve_for("s3", RegionRule::Any, now()).is_ok());
    }
}

#[test]
fn a_signature_for_one_service_opens_no_other() {
    let Err(Refusal::Head(error)) = signed().serve_for("iam", RegionRule::Any, now()) else {
        panic!("refused")
    };
    let problem = Problem::Service { found: "s3".to_owned(), expected: "iam".to_owned() };
    assert!(matches!(&error, AuthError::Malformed { problem: found, .. } if *found == problem));
    assert_eq!(error.code_of_other_services(), Code::SignatureDoesNotMatch);
}

#[test]
fn s3_needs_the_payload_header_and_knows_its_values() {
    let error = signed().without("x-amz-content-sha256").input().unwrap_err();
    assert_eq!(error.to_string(), "Missing required header for this request: x-amz-content-sha256");
    assert_eq!(error.code(), Code::InvalidRequest);
    for bad in ["", "unsigned-payload", "STREAMING-", "0", &"g".repeat(64), &"A".repeat(64), &"0".repeat(63)]
    {
        assert_eq!(signed().set("x-amz-content-sha256", bad).head_code(), Code::InvalidArgument, "{bad}");
    }
}

#[test]
fn other_services_sign_the_hash_of_the_body() {
    let request = Request::new("POST", "/", "").with_body(b"Action=GetCallerIdentity");
    let secret = crate::support::secret();
    let payload = PayloadToSign::Bytes(b"Action=GetCallerIdentity");
    let request = request.signed_by(&secret, None, "sts", now(), payload);
    assert!(!request.headers.contains_key("x-amz-content-sha256"));
    assert!(request.serve_for("sts", RegionRule::Any, now()).is_ok());
    let changed = request.clone().with_body(b"Action=GetSessionToken");
    let refused = changed.serve_for("sts", RegionRule::Any, now()).map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), Some(Code::SignatureDoesNotMatch));
    let unsigned = request.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert_eq!(unsigned.input(), Err(AuthError::PayloadMustBeSigned));
}

#[test]
fn an_unsigned_body_needs_tls_and_an_empty_one_does_not() {
    let request = Request::new("PUT", "/b/k", "").with_body(b"data").signed(PayloadToSign::Unsigned);
    assert!(request.serve().is_ok());
    assert_eq!(request.clone().plaintext().input(), Err(AuthError::UnsignedPayloadNeedsTls));
    let chunked = request.without("content-length").with("transfer-encoding", "chunked");
    assert_eq!(chunked.plaintext().input(), Err(AuthError::UnsignedPayloadNeedsTls));
    assert!(Request::new("GET", "/b/k", "").signed(PayloadToSign::Unsigned).plaintext().serve().is_ok());
    let presigned = Request::new("PUT", "/b/k", "").presigned(60).with_body(b"data");
    assert!(presigned.serve().is_ok() && presigned.plaintext().serve().is_ok());
    let trailer =
        Request::new("PUT", "/b/k", "").with_body(b"x").streamed(PayloadToSign::StreamingUnsignedTrailer);
    assert!(trailer.serve().is_ok());
    assert_eq!(trailer.plaintext().input(), Err(AuthError::UnsignedPayloadNeedsTls));
}

#[test]
fn a_uri_that_cannot_be_read_is_refused() {
    let request = signed();
    for (path, query) in [("/b/%", ""), ("/b/%zz", ""), ("/b/k", "%"), ("/b/k", "prefix=%f")] {
        let request = Request { path: path.to_owned(), query: query.to_owned(), ..request.clone() };
        assert_eq!(request.head_code(), Code::InvalidURI, "{path}?{query}");
    }
}

#[test]
fn a_mismatch_tells_what_was_signed_and_no_secret() {
    let Refusal::Head(AuthError::SignatureDoesNotMatch(mismatch)) =
        signed().set("host", "evil.localhost").refusal()
    else {
        panic!("the signature does not match")
    };
    assert_eq!(mismatch.access_key_id.as_str(), crate::support::ID);
    assert!(
        mismatch
            .string_to_sign
            .starts_with("AWS4-HMAC-SHA256\n20261124T163238Z\n20261124/us-east-1/s3/aws4_request\n")
    );
    assert!(mismatch.string_to_sign_bytes().starts_with("41 57 53 34 2d"));
    let canonical = mismatch.canonical_request_text();
    assert!(canonical.starts_with("PUT\n/b/k\n\nhost:evil.localhost\n"), "{canonical}");
    assert!(mismatch.canonical_request_bytes().starts_with("50 55 54 0a"));
    assert!(!format!("{mismatch:?}").contains(crate::support::SECRET));
}

#[test]
fn neither_secret_nor_session_token_is_in_any_debug_output() {
    let secret = crate::support::secret();
    let request = Request::new("GET", "/b/k", "").signed_by(
        &secret,
        Some("canary-token"),
        "s3",
        now(),
        PayloadToSign::Bytes(b""),
    );
    let mut printed = format!("{:?}", request.input().unwrap());
    let Refusal::Head(error) = request.set("host", "other").refusal() else { panic!("refused") };
    printed.extend([format!("{error:?}"), error.to_string()]);
    let numbers = |text: &str| text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    assert!(!printed.contains(&numbers("canary-token")));
    assert!(!printed.contains("canary-token"));
    assert!(!printed.contains(crate::support::SECRET));
}
