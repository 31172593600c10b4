//! `Range`: one range of bytes.

use std::ops::Range;

use strongroom_gate::ErrorReply;

use crate::error;

/// What a `Range` header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// `bytes=a-b`, `bytes=a-`.
    From(u64, Option<u64>),
    /// `bytes=-n`.
    Last(u64),
}

/// Reads the header. What is no single range of bytes is as if it were not there (RFC 9110, section 14.2; S3 gives the
/// whole object for several ranges).
fn parse(header: &str) -> Option<Asked> {
    let (unit, set) = header.trim().split_once('=')?;
    let (first, last) = set.trim().split_once('-')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // Numbers too large for us lie behind every object.
    let number = |text: &str| text.parse().unwrap_or(u64::MAX);
    if !unit.trim().eq_ignore_ascii_case("bytes") || !digits(first) || !digits(last) {
        return None;
    }
    match (first.is_empty(), last.is_empty()) {
        (true, true) => None,
        (true, false) => Some(Asked::Last(number(last))),
        (false, true) => Some(Asked::From(number(first), None)),
        (false, false) => {
            let (first, last) = (number(first), number(last));
            (first <= last).then_some(Asked::From(first, Some(last)))
        }
    }
}

/// The bytes of an object of `size` bytes that a `Range` header asks for; `None` for all of it.
///
/// # Errors
/// `InvalidRange` where no byte of the object lies in the range.
pub(crate) fn resolve(header: &str, size: u64) -> Result<Option<Range<u64>>, ErrorReply> {
    let range = match parse(header) {
        None => return Ok(None),
        Some(Asked::From(first, last)) => first..last.map_or(size, |last| last.saturating_add(1)).min(size),
        Some(Asked::Last(count)) => size.saturating_sub(count)..size,
    };
    if range.start < range.end { Ok(Some(range)) } else { Err(error::invalid_range(header, size)) }
}

/// `Content-Range`.
pub(crate) fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

/// The fuzz entry for `Range`: what is given always lies within the object and is not empty.
#[doc(hidden)]
pub fn fuzz_range(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for size in [0, 1, 10, u64::MAX] {
        if let Ok(Some(range)) = resolve(text, size) {
            assert!(range.start < range.end && range.end <= size);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_three_forms_are_cut_to_the_object() {
        for (header, range) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-4", 2..5),
            ("bytes=2-400", 2..10),
            ("bytes=9-", 9..10),
            ("bytes=-3", 7..10),
            ("bytes=-30", 0..10),
            ("Bytes=1-1", 1..2),
            ("bytes=5-99999999999999999999999", 5..10),
        ] {
            assert_eq!(resolve(header, 10).unwrap(), Some(range), "{header}");
        }
    }

    #[test]
    fn what_is_no_range_is_passed_over() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=4-2",
            "lines=1-2",
            "bytes=0-1,3-4",
            "bytes=+1-2",
        ] {
            assert_eq!(resolve(header, 10).unwrap(), None, "{header}");
        }
    }

    #[test]
    fn a_range_without_a_byte_is_refused_with_the_size() {
        for (header, size) in
            [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)]
        {
            let reply = resolve(header, size).unwrap_err();
            assert_eq!((reply.status, reply.code.as_ref()), (416, "InvalidRange"), "{header}");
            assert!(reply.members.contains(&("ActualObjectSize", size.to_string())));
            assert!(reply.members.contains(&("RangeRequested", header.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn no_header_reaches_beyond_the_object(text in "bytes=[0-9]{0,22}-[0-9]{0,22}|\\PC{0,12}") {
            fuzz_range(text.as_bytes());
        }
    }
}
