//! Whether a text fits pieces.

use crate::variable::Piece;

/// Pieces that are tried in vain before a pattern counts as a hard one. Patterns that people write need some tens.
const PATIENCE: usize = 1_024;

/// Matches with one point to fall back to, the last `*`: nothing is kept, and what comes behind is tried at one place of
/// the text after the other. Where that takes long, since much fits nearly everywhere, the rest is decided by [`walk`].
#[inline]
pub(crate) fn fits(pieces: &[Piece<'_>], text: &str) -> bool {
    fits_within(pieces, text, PATIENCE)
}

fn fits_within(pieces: &[Piece<'_>], text: &str, mut patience: usize) -> bool {
    let (mut piece, mut at) = (0, 0);
    let mut fallback: Option<(usize, usize)> = None;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let step = match pieces.get(piece) {
            None => rest.is_empty().then_some(0),
            Some(Piece::Many) if piece + 1 == pieces.len() => return true,
            Some(Piece::Many) => {
                fallback = Some((piece, at));
                Some(0)
            }
            Some(Piece::One) => rest.chars().next().map(char::len_utf8),
            Some(Piece::Text(wanted)) => rest.starts_with(wanted.as_ref()).then_some(wanted.len()),
        };
        match (step, fallback) {
            (Some(_), _) if piece == pieces.len() => return true,
            (Some(bytes), _) => {
                piece += 1;
                at += bytes;
            }
            (None, None) => return false,
            (None, Some((star, from))) => {
                let Some(skipped) = text.get(from..).and_then(|rest| rest.chars().next()) else {
                    return false;
                };
                let from = from + skipped.len_utf8();
                match patience.checked_sub(piece - star) {
                    Some(left) => patience = left,
                    // What stood before the star has its place, and nothing is gained by another.
                    None => {
                        let (pieces, text) = (pieces.get(star..), text.get(from..));
                        return walk(pieces.unwrap_or_default(), text.unwrap_or_default());
                    }
                }
                // A text behind the star stands where its first byte does, or nowhere.
                let from = match pieces.get(star + 1) {
                    Some(Piece::Text(wanted)) => match next(wanted, text, from) {
                        Some(from) => from,
                        None => return false,
                    },
                    Some(Piece::One | Piece::Many) | None => from,
                };
                fallback = Some((star, from));
                (piece, at) = (star + 1, from);
            }
        }
    }
}

/// Where the first byte of `wanted` is in `text`, from a place on; it is the first of a character there, too. What a
/// variable stands for may be empty, and is everywhere.
fn next(wanted: &str, text: &str, from: usize) -> Option<usize> {
    let Some(first) = wanted.bytes().next() else { return Some(from) };
    let rest = text.as_bytes().get(from..)?;
    rest.iter().position(|byte| *byte == first).map(|skipped| from + skipped)
}

/// Matches every place of the pattern at once, a bit each, a character at a time: 64 places cost what one costs, so that no
/// pattern of a policy takes longer than some tens of microseconds for a key of an object.
#[cold]
fn walk(pieces: &[Piece<'_>], text: &str) -> bool {
    let (mut symbols, mut stars) = (Vec::new(), Vec::new());
    for piece in pieces {
        match piece {
            Piece::Text(text) => symbols.extend(text.chars().map(Some)),
            Piece::One => symbols.push(None),
            Piece::Many => stars.push(symbols.len()),
        }
    }
    let end = symbols.len();
    if text.chars().count() < end {
        return false;
    }
    let of = |wanted: Option<char>| {
        let places = symbols.iter().enumerate();
        places.filter(move |(_, symbol)| **symbol == wanted).map(|(place, _)| place)
    };
    let stars = bits(end, stars.into_iter());
    let any = bits(end, of(None));
    let mut letters: Vec<char> = symbols.iter().flatten().copied().collect();
    letters.sort_unstable();
    letters.dedup();
    // Where in the pattern a letter is taken.
    let mut takes = vec![any.clone(); letters.len()];
    for (place, symbol) in symbols.iter().enumerate() {
        if let Some(at) = symbol.and_then(|letter| letters.binary_search(&letter).ok())
            && let Some(word) = takes.get_mut(at).and_then(|takes| takes.get_mut(place / 64))
        {
            *word |= 1 << (place % 64);
        }
    }
    // The places up to which the pattern fits the text so far.
    let mut reached = bits(end, std::iter::once(0));
    for letter in text.chars() {
        let takes = letters.binary_search(&letter).ok().and_then(|at| takes.get(at)).unwrap_or(&any);
        let mut carry = 0;
        for ((word, takes), stays) in reached.iter_mut().zip(takes).zip(&stars) {
            let moved = *word & takes;
            *word = moved << 1 | carry | *word & stays;
            carry = moved >> 63;
        }
    }
    reached.last().is_some_and(|word| word >> (end % 64) & 1 == 1)
}

/// These places, of `end` and one.
fn bits(end: usize, places: impl Iterator<Item = usize>) -> Vec<u64> {
    let mut bits = vec![0; end / 64 + 1];
    for place in places {
        if let Some(word) = bits.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    fn pieces(pattern: &str) -> Vec<Piece<'static>> {
        let piece = |c: char| match c {
            '*' => Piece::Many,
            '?' => Piece::One,
            '0' => Piece::Text(Cow::Borrowed("")),
            other => Piece::Text(Cow::Owned(other.to_string())),
        };
        pattern.chars().map(piece).collect()
    }

    #[test]
    fn an_empty_text_is_everywhere() {
        for (pattern, text, expected) in [
            ("*0b", "aab", true),
            ("0*0", "", true),
            ("*0?b*0", "aaba", true),
            ("*0b", "aa", false),
            ("0", "a", false),
        ] {
            assert_eq!(fits(&pieces(pattern), text), expected, "{pattern} {text}");
            assert_eq!(walk(&pieces(pattern), text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_that_nearly_fits_everywhere_is_decided_in_time() {
        let text = format!("{}c", "a".repeat(40_000));
        for (pattern, expected) in [
            (format!("*{}b*", "?".repeat(20_000)), false),
            (format!("*{}b*", "a?".repeat(10_000)), false),
            (format!("*{}c", "a?".repeat(10_000)), true),
            (format!("a*{}d*", "a*?".repeat(10_000)), false),
            (format!("*{}*", "a".repeat(40_002)), false),
        ] {
            assert_eq!(fits(&pieces(&pattern), &text), expected, "{}", pattern.get(..9).unwrap());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_walk_agrees_with_falling_back(
            pattern in "[abä0*?]{0,12}|[ab*?]{60,70}", text in "[abäc]{0,16}|[ab]{60,140}", patience in 0..20_usize,
        ) {
            let pieces = pieces(&pattern);
            let expected = fits_within(&pieces, &text, usize::MAX);
            prop_assert_eq!(walk(&pieces, &text), expected);
            prop_assert_eq!(fits_within(&pieces, &text, patience), expected);
        }

        #[test]
        fn a_text_made_by_a_pattern_fits_it(pattern in "[ab*?]{0,150}", fill in "[abc]{1,3}") {
            let pieces = pieces(&pattern);
            let text = pattern.replace('?', "b").replace('*', &fill);
            prop_assert!(fits(&pieces, &text) && walk(&pieces, &text));
        }
    }
}
