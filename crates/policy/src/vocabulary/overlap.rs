//! Whether two patterns have a text in common.

/// What one step of a pattern takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Byte(u8),
    One,
    Any,
}

/// The steps of a pattern; a variable (`${…}`) can be anything.
fn steps(pattern: &str) -> Vec<Step> {
    let bytes = pattern.as_bytes();
    let mut steps = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let variable = rest.starts_with(b"${").then(|| rest.iter().position(|byte| *byte == b'}')).flatten();
        let step = match (byte, variable) {
            (_, Some(_)) | (b'*', None) => Step::Any,
            (b'?', None) => Step::One,
            (byte, None) => Step::Byte(*byte),
        };
        if !(step == Step::Any && steps.last() == Some(&Step::Any)) {
            steps.push(step);
        }
        at += variable.map_or(1, |end| end + 1);
    }
    steps
}

/// Whether some text fits both patterns. Time is their lengths' product, space that of one.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let (one, other) = (steps(one), steps(other));
    // `reach[j]`: the steps of `one` so far and the first j of `other` can be taken by the same text.
    let mut reach = vec![false; other.len() + 1];
    if let Some(first) = reach.first_mut() {
        *first = true;
    }
    skip(&mut reach, &other);
    for step in &one {
        let mut next = vec![false; other.len() + 1];
        for (j, from) in reach.iter().enumerate().filter(|(_, from)| **from) {
            debug_assert!(*from);
            if *step == Step::Any {
                next.iter_mut().skip(j).for_each(|place| *place = true);
                break;
            }
            match other.get(j) {
                // The other's star takes what this step takes, and may take more.
                Some(Step::Any) => set(&mut next, j),
                Some(taken) if same(*step, *taken) => set(&mut next, j + 1),
                Some(_) | None => {}
            }
        }
        skip(&mut next, &other);
        reach = next;
    }
    reach.last().copied().unwrap_or(false)
}

fn set(places: &mut [bool], at: usize) {
    if let Some(place) = places.get_mut(at) {
        *place = true;
    }
}

/// A star may take nothing.
fn skip(reach: &mut [bool], other: &[Step]) {
    for (j, step) in other.iter().enumerate() {
        if *step == Step::Any && reach.get(j) == Some(&true) {
            set(reach, j + 1);
        }
    }
}

fn same(one: Step, other: Step) -> bool {
    match (one, other) {
        (Step::Byte(one), Step::Byte(other)) => one == other,
        (Step::One, _) | (_, Step::One) => true,
        (Step::Any, _) | (_, Step::Any) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wildcard_match;

    #[test]
    fn patterns_meet_or_do_not() {
        for (one, other) in
            [("a*", "*b"), ("a${x}c", "abc"), ("*", ""), ("a?c", "abc"), ("a*b*c", "axc*bc"), ("${a}", "x")]
        {
            assert!(overlap(one, other) && overlap(other, one), "{one} {other}");
        }
        for (one, other) in [("a*", "b*"), ("a", "ab"), ("a?", "a"), ("a*b", "a*c"), ("", "?")] {
            assert!(!overlap(one, other) && !overlap(other, one), "{one} {other}");
        }
    }

    proptest! {
        /// Against all short texts over the letters of the patterns: none of them needs a longer one.
        #[test]
        fn two_patterns_meet_where_a_text_fits_both(one in "[ab*?]{0,4}", other in "[ab*?]{0,4}") {
            let mut texts = vec![String::new()];
            let mut last = texts.clone();
            for _ in 0..8 {
                last = last.iter().flat_map(|text| ["a", "b"].map(|letter| format!("{text}{letter}"))).collect();
                texts.extend(last.iter().cloned());
            }
            let both = texts.iter().any(|text| wildcard_match(&one, text) && wildcard_match(&other, text));
            prop_assert_eq!(overlap(&one, &other), both);
        }
    }
}
