//! The fuzz entries under random input, and under input that is nearly right.

use proptest::prelude::*;
use strongroom_sigv4::{PayloadToSign, fuzz_auth_input, fuzz_canonical, fuzz_chunked, fuzz_post_policy};

use crate::support::Request;

/// The form that [`fuzz_auth_input`] reads.
fn flat(request: &Request) -> Vec<u8> {
    let mut text = format!("{} {} {}", request.method, request.path, request.query).into_bytes();
    for (name, value) in &request.headers {
        text.push(b'\n');
        text.extend_from_slice(name.as_str().as_bytes());
        text.push(b':');
        text.extend_from_slice(value.as_bytes());
    }
    text
}

proptest! {
    #[test]
    fn no_head_makes_the_parser_panic(data in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz_auth_input(&data);
        fuzz_canonical(&data);
    }

    #[test]
    fn no_damaged_head_makes_the_parser_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), query in any::<bool>()) {
        let request = Request::new("GET", "/b/%20", "a=%2f");
        let request = if query { request.presigned(60) } else { request.signed(PayloadToSign::Unsigned) };
        let mut data = flat(&request);
        fuzz_auth_input(&data);
        let at = at.index(data.len());
        data[at] = byte;
        fuzz_auth_input(&data);
        fuzz_canonical(&data);
    }

    #[test]
    fn however_any_chunked_body_is_split_the_outcome_is_the_same(data in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz_chunked(&data);
    }

    #[test]
    fn however_a_damaged_chunked_body_is_split_the_outcome_is_the_same(
        choice in 0x80_u8.., cut in any::<u8>(), size in 0_usize..20_000,
    ) {
        let mut data = vec![choice, cut];
        data.resize(size + 2, 7);
        fuzz_chunked(&data);
    }

    #[test]
    fn chunked_text_of_the_right_alphabet_does_not_panic(mode in 0_u8..3, text in "[0-9a-f:;x\r\n-]{0,60}") {
        let mut data = vec![mode, 3];
        data.extend_from_slice(text.as_bytes());
        fuzz_chunked(&data);
    }

    #[test]
    fn no_policy_makes_the_parser_panic_or_lets_a_stranger_through(
        data in prop::collection::vec(any::<u8>(), 0..200), text in r#"[\[\]{}",:$a-c0-9 \\v-]{0,60}"#,
    ) {
        fuzz_post_policy(&data);
        fuzz_post_policy(text.as_bytes());
        let whole = format!(r#"{{"expiration": "2026-11-24T17:00:00Z", "conditions": [{text}]}}"#);
        fuzz_post_policy(whole.as_bytes());
    }
}
