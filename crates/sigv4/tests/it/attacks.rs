//! How other stores were broken, tried here. Numbers are those of public advisories.

use bytes::Bytes;
use strongroom_sigv4::{AuthError, AuthInput, BodyDecoder, BodyError, Code, PayloadToSign};
use strongroom_types::SecretAccessKey;

use crate::support::{Refusal, Request, now, secret};

const STREAMING: [&str; 3] = [
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
];

const PAYLOADS: [PayloadToSign<'static>; 5] = [
    PayloadToSign::Bytes(b"data"),
    PayloadToSign::Unsigned,
    PayloadToSign::StreamingSigned,
    PayloadToSign::StreamingSignedTrailer,
    PayloadToSign::StreamingUnsignedTrailer,
];

fn put(payload: PayloadToSign<'_>, secret: &SecretAccessKey, more: &[(&str, &str)]) -> Request {
    let mut request = Request::new("PUT", "/b/k", "").with_body(b"data");
    for (name, value) in more {
        request = request.with(name, value);
    }
    if !matches!(payload, PayloadToSign::Bytes(_) | PayloadToSign::Unsigned) {
        request = request.with("x-amz-decoded-content-length", "4");
    }
    if matches!(payload, PayloadToSign::StreamingSignedTrailer | PayloadToSign::StreamingUnsignedTrailer) {
        request = request.with("x-amz-trailer", "x-amz-checksum-crc32");
    }
    request.signed_by(secret, None, "s3", now(), payload)
}

/// MinIO CVE-2025-31489: the signature of an upload with unsigned trailer was not verified.
#[test]
fn cve_2025_31489_an_unsigned_trailer_upload_with_a_wrong_secret_is_refused() {
    let wrong = SecretAccessKey::new("wrong".to_owned());
    assert!(put(PayloadToSign::StreamingUnsignedTrailer, &secret(), &[]).serve().is_ok());
    assert_eq!(put(PayloadToSign::StreamingUnsignedTrailer, &wrong, &[]).code(), Code::SignatureDoesNotMatch);
}

/// MinIO CVE-2026-40344: the same, on the path that a header for archives to unpack selected.
#[test]
fn cve_2026_40344_an_extract_header_selects_no_other_verifier() {
    let wrong = SecretAccessKey::new("wrong".to_owned());
    let extract = ("x-amz-meta-snowball-auto-extract", "true");
    for payload in PAYLOADS {
        assert!(put(payload, &secret(), &[extract]).serve().is_ok());
        assert_eq!(put(payload, &wrong, &[extract]).code(), Code::SignatureDoesNotMatch);
        let unsigned = put(payload, &secret(), &[]).with(extract.0, extract.1);
        assert_eq!(unsigned.input(), Err(AuthError::HeadersNotSigned(vec![extract.0.to_owned()])));
    }
}

/// MinIO CVE-2026-41145: a credential in the query and an unsigned trailer needed no signature at all.
#[test]
fn cve_2026_41145_a_credential_in_the_query_without_signature_is_refused() {
    let query = "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261124%2Fus-east-1%2Fs3%2Faws4_request";
    for streaming in STREAMING {
        let request = Request::new("PUT", "/b/k", query)
            .with("x-amz-content-sha256", streaming)
            .with("x-amz-decoded-content-length", "4")
            .with_body(b"4\r\ndata\r\n0\r\n\r\n");
        assert_eq!(request.head_code(), Code::AuthorizationQueryParametersError);
        let whole = Request::new("PUT", "/b/k", "").presigned(60);
        for unsigned in
            [&whole, &Request { query: whole.query.replace("Signature=", "Signature=0"), ..whole.clone() }]
        {
            let request = unsigned.clone().with("x-amz-content-sha256", streaming);
            assert_eq!(request.input(), Err(AuthError::StreamingNeedsHeaderSignature));
        }
    }
}

/// Family 1: every incomplete set of presign parameters, with every payload header, is refused and never anonymous.
#[test]
fn no_incomplete_set_of_presign_parameters_is_taken_for_anonymous() {
    let whole = Request::new("PUT", "/b/k", "").presigned(60);
    let parameters: Vec<&str> = whole.query.split('&').collect();
    for chosen in 1..(1_u32 << parameters.len()) - 1 {
        let some = parameters.iter().enumerate().filter(|(at, _)| chosen & (1 << at) != 0);
        let query = some.map(|(_, parameter)| *parameter).collect::<Vec<_>>().join("&");
        for payload in STREAMING.into_iter().chain(["UNSIGNED-PAYLOAD", ""]) {
            let mut request = Request::new("PUT", "/b/k", &query);
            if !payload.is_empty() {
                request = request.with("x-amz-content-sha256", payload);
            }
            assert!(request.input().is_err(), "{query} {payload}");
        }
    }
}

/// Family 1: a streaming body without a signature is refused, or it is anonymous and nothing more.
#[test]
fn a_signed_streaming_body_needs_a_signature() {
    for streaming in STREAMING {
        let request = Request::new("PUT", "/b/k", "").with("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        let twice = request.with("x-amz-content-sha256", streaming);
        assert_eq!(twice.input(), Err(AuthError::StreamingNeedsHeaderSignature));
        let request = Request::new("PUT", "/b/k", "").with("x-amz-content-sha256", streaming);
        let request = request.with("x-amz-decoded-content-length", "4");
        if streaming == STREAMING[2] {
            assert!(matches!(request.input(), Ok(AuthInput::Anonymous(_))));
        } else {
            assert_eq!(request.input(), Err(AuthError::StreamingNeedsHeaderSignature));
        }
    }
}

/// What the SDKs send for whoever has no credentials: the chunks are decoded, and what they say of themselves must be so.
#[test]
fn an_anonymous_streaming_body_is_decoded_and_checked() {
    let head = |length: &str| {
        Request::new("PUT", "/b/k", "")
            .with("x-amz-content-sha256", STREAMING[2])
            .with("x-amz-decoded-content-length", length)
            .with("x-amz-trailer", "x-amz-checksum-crc32")
    };
    let open = |length: &str, wire: &[u8]| {
        let Ok(AuthInput::Anonymous(body)) = head(length).input() else { panic!("not anonymous") };
        let (mut decoder, mut out) = (BodyDecoder::new(body.check()), Vec::new());
        decoder.feed(Bytes::copy_from_slice(wire), &mut out)?;
        decoder.finish().map(|body| (out.concat(), body.trailers().get("x-amz-checksum-crc32").is_some()))
    };
    let wire = b"4\r\ndata\r\n0\r\nx-amz-checksum-crc32:rfOlDQ==\r\n\r\n";
    assert_eq!(open("4", wire), Ok((b"data".to_vec(), true)));
    for (length, wire) in [("5", &wire[..]), ("3", &wire[..]), ("4", &wire[..20]), ("4", b"data")] {
        assert!(open(length, wire).is_err(), "{length}");
    }
    assert_eq!(head("4x").head_code(), Code::InvalidArgument);
    let no_length = Request::new("PUT", "/b/k", "").with("x-amz-content-sha256", STREAMING[2]);
    assert_eq!(no_length.head_code(), Code::MissingContentLength);
}

/// MinIO CVE-2020-11012: any secret went with a known key id. Family 1, over every payload mode.
#[test]
fn a_known_key_id_with_a_wrong_or_empty_secret_is_refused() {
    for payload in PAYLOADS {
        for wrong in ["", "wrong", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE"] {
            let request = put(payload, &SecretAccessKey::new(wrong.to_owned()), &[]);
            assert_eq!(request.code(), Code::SignatureDoesNotMatch, "{payload:?}");
        }
    }
}

/// Family 2 (CVE-2026-54330, GHSA g8w9, SeaweedFS #9121, s3s #617): headers that act and are not signed.
#[test]
fn an_unsigned_amz_header_is_refused_in_header_and_presigned_requests() {
    let acting = [
        "x-amz-copy-source",
        "x-amz-acl",
        "x-amz-tagging",
        "x-amz-grant-full-control",
        "x-amz-meta-a",
        "x-amz-server-side-encryption",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-storage-class",
        "x-amz-bypass-governance-retention",
        "x-amz-object-lock-mode",
        "x-amz-mfa",
        "x-amz-trailer-x",
        "x-amz-target",
        "x-amz-website-redirect-location",
        "x-amz-checksum-crc32",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-",
    ];
    for name in acting {
        let not_signed = Err(AuthError::HeadersNotSigned(vec![name.to_owned()]));
        assert_eq!(Request::new("PUT", "/b/k", "").presigned(60).with(name, "v").input(), not_signed);
        for payload in PAYLOADS {
            assert_eq!(put(payload, &secret(), &[]).with(name, "v").input(), not_signed);
            assert!(put(payload, &secret(), &[(name, "v")]).serve().is_ok());
        }
        let signed = Request::new("PUT", "/b/k", "").with(name, "v").presigned(60);
        assert!(signed.serve().is_ok());
        assert_eq!(signed.set(name, "w").code(), Code::SignatureDoesNotMatch);
    }
    let sorted =
        Request::new("PUT", "/b/k", "").presigned(60).with("x-amz-tagging", "a").with("x-amz-acl", "b");
    let error = sorted.input().unwrap_err();
    assert_eq!(error.to_string(), "There were headers present in the request which were not signed");
    assert_eq!(error, AuthError::HeadersNotSigned(vec!["x-amz-acl".to_owned(), "x-amz-tagging".to_owned()]));
    assert!(put(PAYLOADS[0], &secret(), &[]).with("x-amzn-trace-id", "Root=1").serve().is_ok());
}

/// Family 2: the headers that describe a streamed body must be signed too.
#[test]
fn the_headers_of_a_streamed_body_must_be_signed() {
    let value = |request: &Request| request.headers["authorization"].to_str().unwrap().to_owned();
    for name in ["x-amz-decoded-content-length", "x-amz-trailer", "x-amz-content-sha256"] {
        let request = put(PayloadToSign::StreamingUnsignedTrailer, &secret(), &[]);
        let unlisted = value(&request).replace(&format!(";{name}"), "");
        let request = request.set("authorization", &unlisted);
        assert_eq!(request.input(), Err(AuthError::HeadersNotSigned(vec![name.to_owned()])));
    }
}

/// The exemption that AWS makes: a concrete hash is part of what is signed, whether or not its header is.
#[test]
fn a_concrete_payload_hash_needs_no_signed_header_and_cannot_be_changed() {
    let request = put(PayloadToSign::Bytes(b"data"), &secret(), &[]);
    let other = hex::encode([7; 32]);
    assert_eq!(request.clone().set("x-amz-content-sha256", &other).code(), Code::SignatureDoesNotMatch);
    let value = request.headers["authorization"].to_str().unwrap().replace(";x-amz-content-sha256", "");
    let unlisted = request.set("authorization", &value);
    assert!(matches!(unlisted.input(), Ok(AuthInput::Signed(_))));
    assert_eq!(unlisted.code(), Code::SignatureDoesNotMatch);
    for sentinel in STREAMING.into_iter().chain(["UNSIGNED-PAYLOAD"]) {
        let request = unlisted.clone().set("x-amz-content-sha256", sentinel);
        assert_eq!(request.head_code(), Code::AccessDenied, "{sentinel}");
    }
}

/// s3s #622: the body of a presigned request whose hash was signed was not compared.
#[test]
fn a_presigned_request_that_signed_a_hash_takes_no_other_body() {
    let hash = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7";
    let in_header = Request::new("PUT", "/b/k", "").with("x-amz-content-sha256", hash).presigned(60);
    assert!(in_header.clone().with_body(b"data").serve().is_ok());
    let refused = in_header.with_body(b"date").refusal();
    assert!(matches!(refused, Refusal::Body(BodyError::Sha256Mismatch { .. })));
    assert_eq!(refused.code(), Some(Code::XAmzContentSHA256Mismatch));
    let unsigned = Request::new("PUT", "/b/k", "").presigned(60);
    assert!(
        unsigned.clone().with("x-amz-content-sha256", "UNSIGNED-PAYLOAD").with_body(b"any").serve().is_ok()
    );
    let later = unsigned.with("x-amz-content-sha256", hash);
    assert_eq!(later.input(), Err(AuthError::HeadersNotSigned(vec!["x-amz-content-sha256".to_owned()])));
}

/// JavaScript and Go put the payload header into the query; there it is signed, and nothing may contradict it.
#[test]
fn a_payload_hash_in_the_query_cannot_be_contradicted() {
    let request = Request::new("PUT", "/b/k", "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD").presigned(60);
    assert!(request.serve().is_ok());
    assert_eq!(request.with("x-amz-content-sha256", &"0".repeat(64)).head_code(), Code::InvalidArgument);
    let streaming = format!("X-Amz-Content-Sha256={}", STREAMING[2]);
    let request = Request::new("PUT", "/b/k", &streaming).presigned(60);
    assert_eq!(request.input(), Err(AuthError::StreamingNeedsHeaderSignature));
}

/// SeaweedFS #9852: a prefix of the scheme's name was enough to choose a verifier.
#[test]
fn only_whole_scheme_names_count() {
    let good = put(PAYLOADS[0], &secret(), &[]);
    let value = good.headers["authorization"].to_str().unwrap().to_owned();
    let rest = value.strip_prefix("AWS4-HMAC-SHA256").unwrap();
    for scheme in
        ["AWS4-HMAC-SHA25", "AWS4-HMAC-SHA2567", "AWS4", "AWSX", "aws4-hmac-sha256", "XAWS4-HMAC-SHA256"]
    {
        let request = good.clone().set("authorization", &format!("{scheme}{rest}"));
        assert!(request.input().is_err(), "{scheme}");
    }
}

/// SeaweedFS #7912: a form's content type made authentication skip.
#[test]
fn a_content_type_changes_nothing_about_a_bad_signature() {
    for kind in ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"] {
        let wrong = SecretAccessKey::new("wrong".to_owned());
        let request = put(PAYLOADS[0], &wrong, &[("content-type", kind)]);
        assert_eq!(request.code(), Code::SignatureDoesNotMatch);
    }
}

/// lakeFS CVE-2025-68671: the time of a request was ignored, so it could be replayed for ever.
#[test]
fn an_old_request_cannot_be_replayed() {
    for payload in PAYLOADS {
        let request = put(payload, &secret(), &[]);
        let later =
            request.serve_at(now().plus(std::time::Duration::from_secs(901))).map(|_| ()).unwrap_err();
        assert_eq!(later.code(), Some(Code::RequestTimeTooSkewed));
    }
}

/// VersityGW GHSA-v2ch-c8v8-fgr7: aws-chunked without a length.
#[test]
fn a_streamed_body_without_or_with_a_wrong_decoded_length_is_refused() {
    let body: &[u8] = b"data";
    let bare = Request::new("PUT", "/b/k", "").with_body(body).signed(PayloadToSign::StreamingSigned);
    assert_eq!(bare.without("content-length").head_code(), Code::MissingContentLength);
    for bad in ["", "-1", "+4", "4 4", "0x4", "99999999999999999999999"] {
        let request =
            Request::new("PUT", "/b/k", "").with("x-amz-decoded-content-length", bad).with_body(body);
        let code = request.signed(PayloadToSign::StreamingSigned).input().map_err(|error| error.code());
        assert_eq!(code, Err(Code::InvalidArgument), "{bad}");
    }
    for wrong in ["0", "3", "5", "18446744073709551615"] {
        let request =
            Request::new("PUT", "/b/k", "").with("x-amz-decoded-content-length", wrong).with_body(body);
        assert_eq!(request.signed(PayloadToSign::StreamingSigned).code(), Code::IncompleteBody, "{wrong}");
    }
}

#[test]
fn a_trailer_header_without_a_trailer_mode_is_refused() {
    for payload in [PayloadToSign::Bytes(b"data"), PayloadToSign::Unsigned, PayloadToSign::StreamingSigned] {
        let request = put(payload, &secret(), &[("x-amz-trailer", "x-amz-checksum-crc32")]);
        assert_eq!(request.input(), Err(AuthError::TrailerHeader));
    }
    for bad in ["", "a b", "a,,b", "x-amz-checksum-crc32,X-Amz-Checksum-Crc32"] {
        let request = Request::new("PUT", "/b/k", "")
            .with("x-amz-trailer", bad)
            .with("x-amz-decoded-content-length", "4");
        let request = request.signed(PayloadToSign::StreamingUnsignedTrailer);
        assert_eq!(request.input(), Err(AuthError::TrailerHeader), "{bad}");
    }
}

#[test]
fn a_session_token_is_part_of_what_is_signed() {
    let request = Request::new("GET", "/b/k", "").signed_by(
        &secret(),
        Some("token"),
        "s3",
        now(),
        PayloadToSign::Bytes(b""),
    );
    assert!(request.serve().is_ok());
    assert_eq!(request.clone().set("x-amz-security-token", "other").code(), Code::SignatureDoesNotMatch);
    assert_eq!(request.clone().without("x-amz-security-token").code(), Code::SignatureDoesNotMatch);
    assert_eq!(request.clone().set("x-amz-security-token", "").head_code(), Code::InvalidToken);
    let presigned = Request::new("GET", "/b/k", "").presigned(60);
    assert!(presigned.clone().with("x-amz-security-token", "t").input().is_err());
    assert_eq!(presigned.with_query("X-Amz-Security-Token=t").code(), Code::SignatureDoesNotMatch);
}
