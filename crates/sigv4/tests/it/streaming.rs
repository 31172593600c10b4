//! aws-chunked bodies, well formed and not.

use bytes::Bytes;
use proptest::prelude::*;
use strongroom_sigv4::{
    AuthInput, BodyDecoder, BodyDigest, BodyError, Code, ExpectedScope, PayloadToSign, RegionRule, SigningKey,
};

use crate::support::{Refusal, Request, now, secret};

const MODES: [PayloadToSign<'static>; 3] = [
    PayloadToSign::StreamingSigned,
    PayloadToSign::StreamingSignedTrailer,
    PayloadToSign::StreamingUnsignedTrailer,
];

fn upload(mode: PayloadToSign<'_>, body: &[u8]) -> Request {
    Request::new("PUT", "/b/k", "").with_body(body).streamed(mode)
}

/// An upload of five bytes with unsigned trailer, its wire bytes given.
fn wire(wire: &[u8]) -> Request {
    Request { body: wire.to_vec(), ..upload(PayloadToSign::StreamingUnsignedTrailer, b"hello") }
}

fn refused(request: &Request) -> BodyError {
    match request.refusal() {
        Refusal::Body(error) => error,
        other @ (Refusal::Anonymous | Refusal::UnknownKey | Refusal::Head(_)) => {
            panic!("refused for its head: {other:?}")
        }
    }
}

#[test]
fn every_mode_gives_back_what_was_encoded() {
    for mode in MODES {
        for size in [0, 1, 9_999, 10_000, 10_001, 100_000] {
            let body = vec![7; size];
            let accepted = upload(mode, &body)
                .serve()
                .map_err(|refusal| format!("{mode:?} {size} {refusal:?}"))
                .unwrap();
            assert_eq!(accepted.data, body);
            assert_eq!(accepted.body.bytes(), u64::try_from(size).unwrap());
            let trailer = accepted.body.trailers().get("x-amz-checksum-crc32");
            assert_eq!(trailer.is_some(), mode != PayloadToSign::StreamingSigned);
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    for mode in MODES {
        let good = upload(mode, &vec![7; 20_001]);
        for length in
            (0..good.body.len()).filter(|length| length % 997 == 0 || length + 300 > good.body.len())
        {
            let cut = Request { body: good.body[..length].to_vec(), ..good.clone() };
            assert_eq!(refused(&cut), BodyError::Incomplete, "{mode:?} {length}");
        }
    }
}

#[test]
fn every_changed_byte_of_a_signed_body_is_refused() {
    for mode in [PayloadToSign::StreamingSigned, PayloadToSign::StreamingSignedTrailer] {
        let good = upload(mode, b"hello, world");
        assert!(good.serve().is_ok());
        for at in 0..good.body.len() {
            for flip in [1, 0x20, 0x80] {
                let mut bad = good.clone();
                bad.body[at] ^= flip;
                // Hexadecimal sizes and names of trailers have no case; all else must be as it was signed.
                let accepted = bad.serve().map(|accepted| accepted.data).ok();
                let line = good.body[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                let no_case = flip == 0x20 && !good.body[line..at].iter().any(|byte| b";:".contains(byte));
                let expected = Some(b"hello, world".to_vec()).filter(|_| no_case && accepted.is_some());
                assert_eq!(accepted, expected, "{mode:?} byte {at} flipped by {flip}");
            }
        }
    }
}

#[test]
fn chunks_cannot_be_swapped_repeated_or_left_out() {
    let body: Vec<u8> = (0..30_000_u32).map(|at| u8::try_from(at / 10_000).unwrap()).collect();
    let good = upload(PayloadToSign::StreamingSigned, &body);
    let header = format!("2710;chunk-signature={}\r\n", "0".repeat(64)).len();
    let chunk = header + 10_000 + 2;
    let (chunks, last) = good.body.split_at(3 * chunk);
    let parts: Vec<&[u8]> = chunks.chunks(chunk).collect();
    for order in [[1, 0, 2], [0, 2, 1], [0, 0, 2], [0, 1, 1]] {
        let mut body: Vec<u8> = order.iter().flat_map(|at| parts[*at].to_vec()).collect();
        body.extend_from_slice(last);
        assert_eq!(refused(&Request { body, ..good.clone() }), BodyError::ChunkSignature, "{order:?}");
    }
    let mut body = [parts[0], parts[1]].concat();
    body.extend_from_slice(last);
    assert!(matches!(
        refused(&Request { body, ..good.clone() }),
        BodyError::ChunkSignature | BodyError::Incomplete
    ));
}

#[test]
fn a_body_of_another_request_does_not_fit() {
    let other = Request::new("PUT", "/b/other", "").with_body(b"hello").streamed(MODES[0]);
    assert!(other.serve().is_ok());
    assert_eq!(
        refused(&Request { body: other.body, ..upload(MODES[0], b"hello") }),
        BodyError::ChunkSignature
    );
}

#[test]
fn malformed_chunks_are_refused() {
    for (bytes, error) in [
        (&b"5\r\nhello\r\n0\r\n\r\n"[..], BodyError::Trailer),
        (b"5\nhello\r\n0\r\nx-amz-checksum-crc32:a\r\n\r\n", BodyError::ChunkHeader),
        (b"5 \r\nhello", BodyError::ChunkHeader),
        (b"+5\r\nhello", BodyError::ChunkHeader),
        (b"0x5\r\nhello", BodyError::ChunkHeader),
        (b"\r\nhello", BodyError::ChunkHeader),
        (b"5;ext=1\r\nhello", BodyError::ChunkHeader),
        (b"5;chunk-signature=0\r\nhello", BodyError::ChunkHeader),
        (b"00000000000000005\r\nhello", BodyError::ChunkHeader),
        (b"fffffffffffffffff\r\nhello", BodyError::ChunkHeader),
        (b"ffffffffffffffff\r\nhello", BodyError::Incomplete),
        (b"6\r\nhello!\r\n", BodyError::Incomplete),
        (b"4\r\nhell\r\n0\r\n", BodyError::Incomplete),
        (b"5\r\nhelloX\r\n", BodyError::ChunkEnd),
        (b"5\r\nhello\n0\r\n", BodyError::ChunkEnd),
        (b"5\r\nhello\r\r", BodyError::ChunkEnd),
        (b"4\r\nhell\r\n1\r\no\r\n0\r\n", BodyError::ChunkTooSmall),
        (b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:a\r\n\r\nX", BodyError::TrailingBytes),
        (b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:a\r\n\r\n0\r\n\r\n", BodyError::TrailingBytes),
    ] {
        assert_eq!(refused(&wire(bytes)), error, "{}", String::from_utf8_lossy(bytes));
    }
    let endless = wire(&[b'0'; 1000]);
    assert_eq!(refused(&endless), BodyError::ChunkHeader);
}

/// ATTACKS family 3: what a trailer may hold.
#[test]
fn malformed_trailers_are_refused() {
    let with = |trailer: &str| wire(format!("5\r\nhello\r\n0\r\n{trailer}").as_bytes());
    assert!(with("x-amz-checksum-crc32:NhCmhg==\r\n\r\n").serve().is_ok());
    assert!(with("X-Amz-Checksum-CRC32: NhCmhg== \n\n").serve().is_ok());
    for trailer in [
        "\r\n",
        "x-amz-checksum-crc32:a\r\nx-amz-checksum-crc32:a\r\n\r\n",
        "x-amz-checksum-crc32:a\r\nx-amz-acl:public-read\r\n\r\n",
        "x-amz-checksum-sha256:a\r\n\r\n",
        "x-amz-checksum-crc32\r\n\r\n",
        "x-amz-checksum-crc32 :a\r\n\r\n",
        ":a\r\n\r\n",
        "x-amz-checksum-crc32:a\r\n b\r\n\r\n",
        "x-amz-checksum-crc32:\u{e9}\r\n\r\n",
        "x-amz-checksum-crc32:a\u{0}\r\n\r\n",
        "x-amz-checksum-crc32:a\r\nx-amz-trailer-signature:0\r\n\r\n",
    ] {
        let error = refused(&with(trailer));
        assert_eq!((error, error.code()), (BodyError::Trailer, Code::MalformedTrailerError), "{trailer:?}");
    }
    assert_eq!(refused(&with(&"x".repeat(2000))), BodyError::Trailer);
}

/// minio-go ends its unsigned trailer so, and AWS takes it.
#[test]
fn an_unsigned_trailer_may_end_with_one_empty_line_more() {
    let with = |end: &[u8]| wire(&[b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==", end].concat());
    assert!(with(b"\n\r\n\r\n").serve().is_ok());
    assert_eq!(refused(&with(b"\n\r\n\r")), BodyError::Incomplete);
    for end in [&b"\n\r\n\n"[..], b"\n\r\n\r\r", b"\n\r\n\r\n\r\n", b"\n\r\n\r\nX"] {
        assert_eq!(refused(&with(end)), BodyError::TrailingBytes, "{end:?}");
    }
}

#[test]
fn a_signed_trailer_needs_its_signature_last_and_right() {
    let good = upload(PayloadToSign::StreamingSignedTrailer, b"hello");
    let text = String::from_utf8(good.body.clone()).unwrap();
    let (start, signature) = text.split_once("x-amz-trailer-signature:").unwrap();
    let (signature, end) = signature.split_once("\r\n").unwrap();
    let line = "x-amz-checksum-crc32:AAAAAA==\r\n";
    for (bad, error) in [
        (format!("{start}{end}"), BodyError::Incomplete),
        (format!("{start}\r\n\r\n\r\n"), BodyError::Trailer),
        (format!("{start}x-amz-trailer-signature:{}\r\n{end}", "0".repeat(64)), BodyError::TrailerSignature),
        (text.replace("AAAAAA==", "AAAAAB=="), BodyError::TrailerSignature),
        (text.replace(line, ""), BodyError::Trailer),
        (
            text.replace(line, "").replace(signature, &format!("{signature}\r\n{}", line.trim_end())),
            BodyError::Trailer,
        ),
        (format!("{text}\r\n"), BodyError::TrailingBytes),
    ] {
        assert_eq!(refused(&Request { body: bad.clone().into_bytes(), ..good.clone() }), error, "{bad}");
    }
}

#[test]
fn a_small_chunk_may_only_be_the_last() {
    let body = vec![7; 8192 + 5];
    let head = upload(PayloadToSign::StreamingUnsignedTrailer, &body);
    let end = b"0\r\nx-amz-checksum-crc32:a\r\n\r\n";
    let chunk = |size: usize| [format!("{size:x}\r\n").as_bytes(), &vec![7; size], b"\r\n"].concat();
    let good = [&chunk(8192)[..], &chunk(5), end].concat();
    assert!(Request { body: good, ..head.clone() }.serve().is_ok());
    let bad = [&chunk(5)[..], &chunk(8192), end].concat();
    let error = refused(&Request { body: bad, ..head });
    assert_eq!((error, error.code()), (BodyError::ChunkTooSmall, Code::InvalidChunkSizeError));
}

fn decoder(request: &Request) -> BodyDecoder {
    let Ok(AuthInput::Signed(signed)) = request.input() else { panic!("signed") };
    let key = SigningKey::derive(&secret(), signed.scope());
    let expected = ExpectedScope { region: RegionRule::Any, service: "s3" };
    BodyDecoder::new(signed.verify(&key, now(), &expected, BodyDigest::Pending).unwrap().payload())
}

#[test]
fn after_an_error_nothing_is_accepted_any_more() {
    let good = upload(PayloadToSign::StreamingSigned, b"hello");
    let (mut decoder, mut out) = (decoder(&good), Vec::new());
    assert_eq!(decoder.declared_bytes(), Some(5));
    let error = decoder.feed(Bytes::from_static(b"nonsense\r\n"), &mut out).unwrap_err();
    assert_eq!(decoder.feed(Bytes::from(good.body.clone()), &mut out), Err(error));
    assert!(out.is_empty());
    assert_eq!(decoder.finish().map(|_| ()), Err(error));
}

#[test]
fn data_is_given_out_without_a_copy() {
    let good = upload(PayloadToSign::StreamingSigned, &[7; 9000]);
    let (mut decoder, mut out, input) = (decoder(&good), Vec::new(), Bytes::from(good.body.clone()));
    decoder.feed(input.clone(), &mut out).unwrap();
    assert_eq!(out.len(), 1);
    assert!(input.as_ptr_range().contains(&out[0].as_ptr()));
    assert!(decoder.finish().is_ok());
}

proptest! {
    #[test]
    fn however_a_body_is_split_it_decodes_alike(
        size in 0_usize..30_000, cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20), mode in 0_usize..3,
    ) {
        let body: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let request = upload(MODES[mode], &body);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(request.body.len())).collect();
        ends.push(request.body.len());
        ends.sort_unstable();
        let (mut decoder, mut out, mut start) = (decoder(&request), Vec::new(), 0);
        for end in ends {
            decoder.feed(Bytes::copy_from_slice(&request.body[start..end]), &mut out).unwrap();
            start = end;
        }
        prop_assert_eq!(out.concat(), body);
        prop_assert!(decoder.finish().is_ok());
    }
}
