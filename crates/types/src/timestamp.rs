//! Points in time, in the forms that AWS's wires use.

use std::fmt;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// A point in time in UTC, in milliseconds since 1970. Holds only years 1970 to 9999, so that every form can be written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

/// A text that is not a time in the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time of the form {expected}")]
pub struct TimestampError {
    /// The form that was expected, by name.
    pub expected: &'static str,
}

/// 9999-12-31T23:59:59.999Z.
const LAST_MILLIS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// From milliseconds since 1970; what lies outside 1970–9999 is moved to its nearest end.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(0, LAST_MILLIS))
    }

    /// From seconds since 1970.
    pub fn from_secs(secs: i64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970.
    pub fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Later by `duration`, at most the end of 9999.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Earlier by `duration`, at least 1970.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// The time cut to whole seconds, as HTTP dates have it.
    #[must_use]
    pub fn truncated_to_seconds(self) -> Self {
        Self(self.0 - self.0.rem_euclid(1000))
    }

    fn civil(self) -> DateTime {
        TimeZone::UTC
            .to_datetime(jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    fn from_civil(civil: DateTime, expected: &'static str) -> Result<Self, TimestampError> {
        let timestamp = TimeZone::UTC.to_timestamp(civil).map_err(|_| TimestampError { expected })?;
        let millis = timestamp.as_millisecond();
        if (0..=LAST_MILLIS).contains(&millis) { Ok(Self(millis)) } else { Err(TimestampError { expected }) }
    }

    /// `2026-11-24T16:32:38.123Z`, as S3's XML has it.
    pub fn to_iso8601_millis(self) -> String {
        let t = self.civil();
        let millis = t.subsec_nanosecond() / 1_000_000;
        let (hour, minute, second) = (t.hour(), t.minute(), t.second());
        format!(
            "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z",
            t.year(),
            t.month(),
            t.day()
        )
    }

    /// `2026-11-24T16:32:38Z`, as awsQuery, CloudTrail and policies have it.
    pub fn to_iso8601_seconds(self) -> String {
        let mut text = self.to_iso8601_millis();
        text.truncate(19);
        text.push('Z');
        text
    }

    /// `20261124T163238Z`, as SigV4 has it.
    pub fn to_amz_date(self) -> String {
        self.to_iso8601_seconds().replace(['-', ':'], "")
    }

    /// `Tue, 24 Nov 2026 16:32:38 GMT`, as HTTP has it (RFC 9110, section 5.6.7).
    pub fn to_http_date(self) -> String {
        strtime::format("%a, %d %b %Y %H:%M:%S GMT", self.civil()).unwrap_or_default()
    }

    /// Parses the ISO 8601 / RFC 3339 forms that AWS accepts, with or without fraction, with `Z` or an offset.
    ///
    /// # Errors
    /// [`TimestampError`] for other forms and for times outside 1970–9999.
    pub fn parse_iso8601(text: &str) -> Result<Self, TimestampError> {
        let expected = "ISO 8601";
        let parsed: jiff::Timestamp = text.parse().map_err(|_| TimestampError { expected })?;
        let millis = parsed.as_millisecond();
        if (0..=LAST_MILLIS).contains(&millis) { Ok(Self(millis)) } else { Err(TimestampError { expected }) }
    }

    /// Parses `20261124T163238Z`.
    ///
    /// # Errors
    /// [`TimestampError`] for any other form.
    pub fn parse_amz_date(text: &str) -> Result<Self, TimestampError> {
        let expected = "YYYYMMDD'T'HHMMSS'Z'";
        if text.len() != 16 {
            return Err(TimestampError { expected });
        }
        let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", text).map_err(|_| TimestampError { expected })?;
        Self::from_civil(civil, expected)
    }

    /// Parses the three HTTP date forms (IMF-fixdate, RFC 850, asctime; RFC 9110, section 5.6.7).
    ///
    /// # Errors
    /// [`TimestampError`] for any other form.
    pub fn parse_http_date(text: &str) -> Result<Self, TimestampError> {
        let expected = "HTTP-date";
        let forms = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
        let civil = forms.iter().find_map(|form| DateTime::strptime(form, text).ok());
        Self::from_civil(civil.ok_or(TimestampError { expected })?, expected)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso8601_millis())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso8601_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp(1_795_537_958_123);

    #[test]
    fn forms_are_those_of_the_wires() {
        assert_eq!(T.to_iso8601_millis(), "2026-11-24T16:32:38.123Z");
        assert_eq!(T.to_iso8601_seconds(), "2026-11-24T16:32:38Z");
        assert_eq!(T.to_amz_date(), "20261124T163238Z");
        assert_eq!(T.to_http_date(), "Tue, 24 Nov 2026 16:32:38 GMT");
    }

    #[test]
    fn forms_read_back() {
        let second = T.truncated_to_seconds();
        assert_eq!(Timestamp::parse_iso8601("2026-11-24T16:32:38.123Z"), Ok(T));
        assert_eq!(Timestamp::parse_iso8601("2026-11-24T17:32:38+01:00"), Ok(second));
        assert_eq!(Timestamp::parse_amz_date("20261124T163238Z"), Ok(second));
        assert_eq!(Timestamp::parse_http_date("Tue, 24 Nov 2026 16:32:38 GMT"), Ok(second));
        assert_eq!(Timestamp::parse_http_date("Tuesday, 24-Nov-26 16:32:38 GMT"), Ok(second));
        assert_eq!(Timestamp::parse_http_date("Tue Nov 24 16:32:38 2026"), Ok(second));
    }

    #[test]
    fn refuses_other_forms() {
        for bad in ["", "20261124", "20261124T163238", "20261324T163238Z", "2026-11-24T16:32:38Z "] {
            assert!(Timestamp::parse_amz_date(bad).is_err(), "{bad}");
        }
        assert!(Timestamp::parse_iso8601("1969-12-31T23:59:59Z").is_err());
        assert!(Timestamp::parse_http_date("yesterday").is_err());
    }
}
