use proptest::prelude::*;

use super::*;

fn verdict(bytes: &[u8]) -> Result<(usize, usize), HeadFault> {
    let (passed, heads, fault) = run(bytes, usize::MAX);
    fault.map_or(Ok((passed, heads)), Err)
}

fn request(head: &str) -> Result<(usize, usize), HeadFault> {
    verdict(head.as_bytes())
}

#[test]
fn passes_a_plain_request_and_its_body() {
    let text = "PUT /bucket/key HTTP/1.1\r\nHost: localhost:9000\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(request(text), Ok((text.len(), 1)));
}

#[test]
fn passes_an_upload_with_chunked_transfer_and_decoded_length() {
    let text = "PUT /b/k HTTP/1.1\r\nHost: s3.localhost\r\nTransfer-Encoding: chunked\r\n\
                x-amz-decoded-content-length: 3\r\nExpect: 100-continue\r\n\r\n\
                3;name=value\r\nabc\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(request(text), Ok((text.len(), 2)));
}

#[test]
fn follows_pipelined_requests_after_bodies() {
    let one = "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ";
    let text = format!("{one}{one}GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(request(&text), Ok((text.len(), 3)));
}

#[test]
fn passes_one_empty_line_before_a_request_but_not_two() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(request(&format!("\r\n{head}")), Ok((head.len() + 2, 1)));
    assert_eq!(request(&format!("\r\n\r\n{head}")), Err(HeadFault::RequestLineMissing));
}

#[test]
fn refuses_every_ambiguous_framing_of_a_put() {
    let cases = [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", HeadFault::ContentLengthWithTransferEncoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", HeadFault::ContentLengthWithTransferEncoding),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", HeadFault::ContentLengthDuplicated),
        ("Content-Length: 5\r\ncontent-length: 5\r\n", HeadFault::ContentLengthDuplicated),
        ("Content-Length: 5, 5\r\n", HeadFault::ContentLengthMalformed),
        ("Content-Length: +5\r\n", HeadFault::ContentLengthMalformed),
        ("Content-Length: -5\r\n", HeadFault::ContentLengthMalformed),
        ("Content-Length: 0x5\r\n", HeadFault::ContentLengthMalformed),
        ("Content-Length: 5 5\r\n", HeadFault::ContentLengthMalformed),
        ("Content-Length:\r\n", HeadFault::ContentLengthMalformed),
        ("Content-Length: 9999999999999999999\r\n", HeadFault::ContentLengthMalformed),
        ("Transfer-Encoding: gzip, chunked\r\n", HeadFault::TransferEncodingRefused),
        ("Transfer-Encoding: chunked, identity\r\n", HeadFault::TransferEncodingRefused),
        ("Transfer-Encoding: xchunked\r\n", HeadFault::TransferEncodingRefused),
        ("Transfer-Encoding: identity\r\n", HeadFault::TransferEncodingRefused),
        ("Transfer-Encoding:\r\n", HeadFault::TransferEncodingRefused),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", HeadFault::TransferEncodingRefused),
        ("Transfer-Encoding : chunked\r\n", HeadFault::WhitespaceBeforeColon),
        ("Content-Length\t: 5\r\n", HeadFault::WhitespaceBeforeColon),
        ("X-A: b\r\n folded\r\n", HeadFault::ObsoleteFold),
        ("X-A: b\r\n\tTransfer-Encoding: chunked\r\n", HeadFault::ObsoleteFold),
        ("X-A: b\n", HeadFault::BareLineFeed),
        ("X-A: b\rTransfer-Encoding: chunked\r\n", HeadFault::BareCarriageReturn),
        ("X-A: b\0c\r\n", HeadFault::ControlCharacter),
        ("X-A: b\u{b}c\r\n", HeadFault::ControlCharacter),
        ("X A: b\r\n", HeadFault::HeaderNameMalformed),
        (": b\r\n", HeadFault::HeaderNameMalformed),
        ("no colon\r\n", HeadFault::HeaderNameMalformed),
        ("X\u{e9}: b\r\n", HeadFault::HeaderNameMalformed),
        ("Host: b\r\n", HeadFault::HostDuplicated),
    ];
    for (headers, fault) in cases {
        let text = format!("PUT /b/k HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        assert_eq!(request(&text), Err(fault), "{headers:?}");
    }
}

#[test]
fn refuses_request_lines_with_more_than_one_reading() {
    let cases = [
        ("GET  / HTTP/1.1", HeadFault::RequestLineMalformed),
        ("GET / HTTP/1.1 ", HeadFault::RequestLineMalformed),
        ("GET /", HeadFault::RequestLineMalformed),
        ("GET /a b HTTP/1.1", HeadFault::RequestLineMalformed),
        ("GET\t/ HTTP/1.1", HeadFault::RequestLineMalformed),
        ("GET / HTTP/2.0", HeadFault::VersionRefused),
        ("GET / HTTP/1.2", HeadFault::VersionRefused),
        ("GET / http/1.1", HeadFault::VersionRefused),
        ("GET / HTTP/0.9", HeadFault::VersionRefused),
        ("CONNECT a:443 HTTP/1.1", HeadFault::MethodRefused),
        ("G@T / HTTP/1.1", HeadFault::MethodRefused),
        (" / HTTP/1.1", HeadFault::MethodRefused),
        ("GET  HTTP/1.1", HeadFault::TargetMalformed),
        ("GET /a#b HTTP/1.1", HeadFault::TargetMalformed),
        ("GET /\u{e9} HTTP/1.1", HeadFault::TargetMalformed),
        ("GET * HTTP/1.1", HeadFault::TargetFormRefused),
        ("GET bucket/key HTTP/1.1", HeadFault::TargetFormRefused),
        ("GET http://b/k HTTP/1.1", HeadFault::TargetFormRefused),
        ("GET http://u@a/k HTTP/1.1", HeadFault::TargetFormRefused),
        ("GET ftp://a/k HTTP/1.1", HeadFault::TargetFormRefused),
        ("GET http:///k HTTP/1.1", HeadFault::TargetFormRefused),
    ];
    for (line, fault) in cases {
        assert_eq!(request(&format!("{line}\r\nHost: a\r\n\r\n")), Err(fault), "{line:?}");
    }
    for line in
        ["GET http://a/k HTTP/1.1", "GET HTTPS://A/k?x HTTP/1.1", "OPTIONS * HTTP/1.1", "GET //k HTTP/1.0"]
    {
        let text = format!("{line}\r\nHost: a\r\n\r\n");
        assert_eq!(request(&text), Ok((text.len(), 1)), "{line:?}");
    }
}

#[test]
fn refuses_a_request_without_one_sound_host() {
    for (host, fault) in [
        ("", HeadFault::HostMissing),
        ("Host:\r\n", HeadFault::HostMissing),
        ("Host: a, b\r\n", HeadFault::HostMalformed),
        ("Host: a/b\r\n", HeadFault::HostMalformed),
        ("Host: u@a\r\n", HeadFault::HostMalformed),
        ("Host: a b\r\n", HeadFault::HostMalformed),
        ("Host: a:b\r\n", HeadFault::HostMalformed),
        ("Host: a:1:2\r\n", HeadFault::HostMalformed),
        ("Host: a:65536\r\n", HeadFault::HostMalformed),
        ("Host: a:+1\r\n", HeadFault::HostMalformed),
        ("Host: :9000\r\n", HeadFault::HostMalformed),
        ("Host: ::1\r\n", HeadFault::HostMalformed),
        ("Host: [::1\r\n", HeadFault::HostMalformed),
        ("Host: [[::1]]\r\n", HeadFault::HostMalformed),
        ("Host: [::1]x:1\r\n", HeadFault::HostMalformed),
        ("Host: [::1]9000\r\n", HeadFault::HostMalformed),
        ("Host: [a.example]\r\n", HeadFault::HostMalformed),
        ("Host: [fe80::1%25eth0]\r\n", HeadFault::HostMalformed),
        ("Host: a]b\r\n", HeadFault::HostMalformed),
        ("Host: a%2eb\r\n", HeadFault::HostMalformed),
    ] {
        assert_eq!(request(&format!("GET / HTTP/1.1\r\n{host}\r\n")), Err(fault), "{host:?}");
        assert_eq!(request(&format!("GET / HTTP/1.0\r\n{host}\r\n")), Err(fault), "{host:?} in 1.0");
    }
    for host in
        ["[::1]:9000", "[::ffff:127.0.0.1]", "bucket_x.s3.localhost", "127.0.0.1", "a.", "a:", "a:65535"]
    {
        assert!(request(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_ok(), "{host}");
    }
}

#[test]
fn refuses_chunked_transfer_in_http_1_0() {
    let text = "PUT / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(request(text), Err(HeadFault::TransferEncodingRefused));
}

#[test]
fn refuses_chunks_with_more_than_one_reading() {
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (body, fault) in [
        ("\r\n", HeadFault::ChunkSizeMalformed),
        ("0x3\r\nabc\r\n", HeadFault::ChunkSizeMalformed),
        ("+3\r\nabc\r\n", HeadFault::ChunkSizeMalformed),
        ("3 \r\nabc\r\n", HeadFault::ChunkSizeMalformed),
        (" 3\r\nabc\r\n", HeadFault::ChunkSizeMalformed),
        ("ffffffffffffffff\r\n", HeadFault::ChunkSizeMalformed),
        ("3\nabc\r\n", HeadFault::BareLineFeed),
        ("3;a\nb\r\nabc\r\n", HeadFault::BareLineFeed),
        ("3\rX\nabc", HeadFault::BareCarriageReturn),
        ("3\r\nabcd\r\n", HeadFault::ChunkEndMalformed),
        ("3\r\nabc\n", HeadFault::ChunkEndMalformed),
        ("0\r\nTransfer-Encoding: chunked\r\n\r\n", HeadFault::HeaderNameMalformed),
        ("0\r\nno colon\r\n\r\n", HeadFault::HeaderNameMalformed),
        ("0\r\nX: a\n\r\n", HeadFault::BareLineFeed),
    ] {
        assert_eq!(request(&format!("{head}{body}")), Err(fault), "{body:?}");
    }
}

#[test]
fn bounds_every_part_of_a_head() {
    let long = "a".repeat(MAX_REQUEST_LINE_BYTES);
    let line = format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(request(&line), Err(HeadFault::RequestLineTooLong));
    let unfinished = format!("GET /{long}{long}");
    assert_eq!(request(&unfinished), Err(HeadFault::RequestLineTooLong), "before the line ends");
    let value = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}{long}{long}\r\n\r\n");
    assert_eq!(request(&value), Err(HeadFault::HeadTooLarge));
    let fields = "a: b\r\n".repeat(MAX_HEADER_FIELDS - 1);
    assert!(request(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).is_ok());
    assert_eq!(
        request(&format!("GET / HTTP/1.1\r\nHost: a\r\na: b\r\n{fields}\r\n")),
        Err(HeadFault::TooManyHeaders)
    );
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let extension = "x".repeat(MAX_CHUNK_LINE_BYTES);
    assert_eq!(request(&format!("{head}1;{extension}")), Err(HeadFault::ChunkSizeMalformed));
    let trailers = "x-amz-meta-a: b\r\n".repeat(MAX_TRAILER_BYTES / 16);
    assert_eq!(request(&format!("{head}0\r\n{trailers}")), Err(HeadFault::TrailerTooLarge));
}

#[test]
fn says_the_same_fault_for_ever() {
    let mut checker = HeadChecker::new();
    assert_eq!(checker.check(b"GET /\n"), Err(HeadFault::BareLineFeed));
    assert_eq!(checker.check(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Err(HeadFault::BareLineFeed));
}

#[test]
fn lets_body_bytes_pass_unseen_and_counts_them() {
    let mut checker = HeadChecker::new();
    let head = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";
    assert_eq!(checker.check(head), Ok(Passed { bytes: head.len(), head: true }));
    assert_eq!(checker.opaque(), 10);
    checker.advance(4);
    assert_eq!(checker.opaque(), 6);
    checker.advance(6);
    assert!(checker.at_head());
}

#[test]
fn every_target_that_passes_is_one_that_hyper_keeps_as_it_is() {
    for byte in 0u8..=255 {
        let target = [b"/a".as_slice(), &[byte], b"b?c", &[byte], b"d"].concat();
        let head = [b"GET ".as_slice(), &target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        if verdict(&head).is_err() {
            continue;
        }
        let uri = http::Uri::from_maybe_shared(bytes::Bytes::from(target.clone()));
        let kept = uri.unwrap_or_else(|error| panic!("byte {byte:#x}: {error}"));
        assert_eq!(kept.path_and_query().map(|it| it.as_str().as_bytes()), Some(target.as_slice()));
    }
}

#[test]
fn every_fault_has_a_code_and_a_message() {
    for fault in HeadFault::ALL {
        assert!(!fault.code().is_empty() && fault.to_string().len() > 10, "{fault:?}");
    }
}

/// Text made of the pieces that framing is made of, so that random input reaches deep states.
fn framing() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "PUT /b/k HTTP/1.1\r\n",
        "POST / HTTP/1.0\r\n",
        "Host: a\r\n",
        "Host: ",
        "Content-Length: 3\r\n",
        "Content-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\n",
        "\r\n",
        "\r",
        "\n",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "0\r\n",
        "abc",
        "x-a: b\r\n",
        " ",
        "\t",
        "\0",
        ";",
        ":",
    ]);
    prop::collection::vec(
        prop_oneof![8 => piece.prop_map(|it| it.as_bytes().to_vec()),
                                      1 => prop::collection::vec(any::<u8>(), 0..6)],
        0..24,
    )
    .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn splitting_the_bytes_never_changes_the_verdict(bytes in framing(), piece in 1usize..40) {
        prop_assert_eq!(run(&bytes, usize::MAX), run(&bytes, piece));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        fuzz_head_checker(&bytes);
    }

    #[test]
    fn a_sound_message_passes_whole(length in 0usize..300, chunked: bool, tail in 1usize..4) {
        let body = vec![b'z'; length];
        let one = if chunked {
            let mut one = b"PUT /k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for part in body.chunks(100) {
                one.extend_from_slice(format!("{:X}\r\n", part.len()).as_bytes());
                one.extend_from_slice(part);
                one.extend_from_slice(b"\r\n");
            }
            one.extend_from_slice(b"0\r\n\r\n");
            one
        } else {
            let mut one = format!("PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").into_bytes();
            one.extend_from_slice(&body);
            one
        };
        prop_assert_eq!(verdict(&one.repeat(tail)), Ok((one.len() * tail, tail)));
    }
}

proptest::proptest! {
    #[test]
    fn a_host_that_passes_is_one_that_other_parsers_read_alike(host in "[a-z0-9.:_%@\\[\\]-]{1,24}") {
        let passes = request(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_ok();
        if passes {
            let authority: http::uri::Authority = host.parse().unwrap();
            let port = authority.port().map_or(String::new(), |port| format!(":{port}"));
            let colon = if host.ends_with(':') { ":" } else { "" };
            proptest::prop_assert_eq!(format!("{}{}{}", authority.host(), port, colon), host);
        }
    }
}
