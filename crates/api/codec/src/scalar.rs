//! Text forms of the simple kinds, common to all wires that are text.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};
use strongroom_shape::{Kind, Member, ReadError, ReadErrorKind, TimestampFormat};
use strongroom_types::Timestamp;

/// 9999-12-31T23:59:59.999Z, the last that a [`Timestamp`] holds.
const LAST_MILLIS: f64 = 253_402_300_799_999.0;

/// Reads with or without padding, as AWS does.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(crate) fn wrong(member: &'static Member, expected: &str) -> ReadError {
    ReadError::at(member, ReadErrorKind::WrongType(expected.to_owned()))
}

pub(crate) fn parse_bool(member: &'static Member, text: &str) -> Result<bool, ReadError> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(wrong(member, "boolean"))
    }
}

pub(crate) fn parse_integer(member: &'static Member, text: &str) -> Result<i64, ReadError> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.trim().parse::<i64>().map_err(|error| {
        if matches!(error.kind(), PosOverflow | NegOverflow) {
            ReadError::at(member, ReadErrorKind::OutOfRange)
        } else {
            wrong(member, "integer")
        }
    })
}

pub(crate) fn parse_float(member: &'static Member, text: &str) -> Result<f64, ReadError> {
    match text.trim() {
        "NaN" => Ok(f64::NAN),
        "Infinity" => Ok(f64::INFINITY),
        "-Infinity" => Ok(f64::NEG_INFINITY),
        // Rust also reads "inf" and "nan", which no AWS protocol has.
        digits if digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) => {
            digits.parse().map_err(|_| wrong(member, "number"))
        }
        _ => Err(wrong(member, "number")),
    }
}

pub(crate) fn parse_blob(member: &'static Member, text: &str) -> Result<Vec<u8>, ReadError> {
    let text = text.trim();
    if text.bytes().any(|b| b.is_ascii_whitespace()) {
        let packed: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        return BASE64.decode(packed).map_err(|_| wrong(member, "base64"));
    }
    BASE64.decode(text).map_err(|_| wrong(member, "base64"))
}

pub(crate) fn encode_blob(value: &[u8]) -> String {
    general_purpose::STANDARD.encode(value)
}

/// The special names of numbers that JSON and XML cannot write otherwise.
pub(crate) fn float_name(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        None
    }
}

/// Shortest text that reads back as the same number of the member's precision.
pub(crate) fn float_text(member: &'static Member, value: f64) -> String {
    match (float_name(value), member.kind) {
        (Some(name), _) => name.to_owned(),
        #[expect(clippy::cast_possible_truncation, reason = "a float member holds nothing wider")]
        (None, Kind::Float) => format!("{:?}", value as f32),
        (None, _) => format!("{value:?}"),
    }
}

pub(crate) fn parse_timestamp(
    member: &'static Member,
    default: TimestampFormat,
    text: &str,
) -> Result<Timestamp, ReadError> {
    let text = text.trim();
    match member.timestamp_format.unwrap_or(default) {
        TimestampFormat::Iso8601 => {
            Timestamp::parse_iso8601(text).map_err(|_| wrong(member, "ISO 8601 timestamp"))
        }
        TimestampFormat::Rfc822 => parse_http_date(text).ok_or_else(|| wrong(member, "HTTP date")),
        TimestampFormat::UnixTimestamp => timestamp_from_seconds(member, parse_float(member, text)?),
    }
}

/// Seconds since 1970, rounded to milliseconds.
pub(crate) fn timestamp_from_seconds(member: &'static Member, seconds: f64) -> Result<Timestamp, ReadError> {
    let millis = (seconds * 1000.0).round();
    if !(0.0..=LAST_MILLIS).contains(&millis) {
        return Err(ReadError::at(member, ReadErrorKind::OutOfRange));
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and within the range that was just checked")]
    Ok(Timestamp::from_millis(millis as i64))
}

/// HTTP's forms, and the fraction of a second that AWS's protocols allow in the first ("20:34:56.456 GMT").
fn parse_http_date(text: &str) -> Option<Timestamp> {
    if let Ok(time) = Timestamp::parse_http_date(text) {
        return Some(time);
    }
    let (before, after) = text.split_once('.')?;
    let digits = after.strip_suffix(" GMT")?;
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole = Timestamp::parse_http_date(&format!("{before} GMT")).ok()?;
    let millis: i64 = format!("{digits:0<3}").get(..3)?.parse().ok()?;
    Some(Timestamp::from_millis(whole.as_millis() + millis))
}

pub(crate) fn timestamp_text(
    member: &'static Member,
    default: TimestampFormat,
    always_millis: bool,
    value: Timestamp,
) -> String {
    match member.timestamp_format.unwrap_or(default) {
        TimestampFormat::Iso8601 if always_millis || value.as_millis() % 1000 != 0 => {
            value.to_iso8601_millis()
        }
        TimestampFormat::Iso8601 => value.to_iso8601_seconds(),
        TimestampFormat::Rfc822 => value.to_http_date(),
        TimestampFormat::UnixTimestamp => seconds_text(value),
    }
}

/// Seconds since 1970 with a fraction only if there is one.
pub(crate) fn seconds_text(value: Timestamp) -> String {
    match value.as_millis() % 1000 {
        0 => value.as_secs().to_string(),
        millis => format!("{}.{millis:03}", value.as_secs()).trim_end_matches('0').to_owned(),
    }
}

/// Name of a flattened list's or map's elements: the member's own, unless only the list names its elements.
/// Source: botocore `parsers.py`, `_member_key_name`, less what Smithy's `xmlFlattened` says otherwise.
pub(crate) fn flattened_name(member: &'static Member) -> &'static str {
    if member.wire_name != member.name {
        return member.wire_name;
    }
    let Kind::List(list) = member.kind else { return member.wire_name };
    if list.flattened { or_default(list.element.wire_name, member.wire_name) } else { member.wire_name }
}

/// `name`, or `default` where the model gives no name.
pub(crate) fn or_default(name: &'static str, default: &'static str) -> &'static str {
    if name.is_empty() { default } else { name }
}

/// Which members were met, to refuse what comes twice.
#[derive(Default)]
pub(crate) struct Seen(Vec<u64>);

impl Seen {
    /// Notes `index`; true if it was noted before.
    pub(crate) fn again(&mut self, index: usize) -> bool {
        let (word, bit) = (index / 64, 1_u64 << (index % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        match self.0.get_mut(word) {
            Some(slot) => {
                let was = *slot & bit != 0;
                *slot |= bit;
                was
            }
            None => false,
        }
    }
}
