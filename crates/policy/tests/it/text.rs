//! Reading and writing.

use proptest::prelude::*;
use strongroom_policy::{Document, Kind, fuzz_policy_document, wildcard_match};

use crate::world;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_the_bytes_reading_them_ends(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz_policy_document(&bytes);
    }

    #[test]
    fn a_damaged_document_is_read_or_refused(
        statements in world::statements(true),
        at in any::<prop::sample::Index>(),
        damage in any::<(u8, u8)>(),
    ) {
        let mut bytes = world::text(&statements).into_bytes();
        let index = at.index(bytes.len());
        match damage.0 % 3 {
            0 => bytes[index] = damage.1,
            1 => bytes.truncate(index),
            _ => { bytes.remove(index); }
        }
        fuzz_policy_document(&bytes);
    }

    #[test]
    fn what_is_written_is_read_again(statements in world::statements(true), space in "[ \n\t]{0,3}") {
        let text = world::text(&statements).replace(",\"", &format!(",{space}\""));
        let document = Document::parse(text.as_bytes(), Kind::Endpoint).unwrap();
        prop_assert_eq!(document.as_str(), &text);
        let again = Document::parse(document.render().as_bytes(), Kind::Endpoint).unwrap();
        prop_assert_eq!(&again, &document);
        prop_assert_eq!(again.render(), document.render());
    }

    #[test]
    fn wildcards_agree_with_a_naive_matcher(pattern in "[ab*?]{0,8}", text in "[abä]{0,10}") {
        let (pattern_chars, chars) = (pattern.chars().collect::<Vec<_>>(), text.chars().collect::<Vec<_>>());
        prop_assert_eq!(wildcard_match(&pattern, &text), naive(&pattern_chars, &chars), "{} {}", pattern, text);
    }
}

fn naive(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
        ['?', rest @ ..] => !text.is_empty() && naive(rest, &text[1..]),
        [c, rest @ ..] => text.first() == Some(c) && naive(rest, &text[1..]),
    }
}
