//! Times in conditions: ISO 8601 as the W3C's note has it, or seconds since 1970.

/// A time in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date(i64);

impl Date {
    /// Reads `2026`, `2026-11`, `2026-11-24`, `2026-11-24T16:32Z`, `…T16:32:38Z`, `…T16:32:38.5+01:00` or seconds since
    /// 1970. Four digits are a year, as the note has it.
    ///
    /// Source: <https://www.w3.org/TR/NOTE-datetime>.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() != 4 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse::<i64>().ok()?.checked_mul(1000).map(Self);
        }
        let (date, time) = match text.split_once(['T', 't']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut fields = date.split('-');
        let year = digits(fields.next()?, 4)?;
        let month = fields.next().map_or(Some(1), |month| digits(month, 2))?;
        let day_field = fields.next();
        let day = day_field.map_or(Some(1), |day| digits(day, 2))?;
        if fields.next().is_some() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day)
        {
            return None;
        }
        let midnight = days_since_1970(year, month, day) * 86_400_000;
        match time {
            None => Some(Self(midnight)),
            Some(time) if day_field.is_some() => Some(Self(midnight + millis_of_day(time)?)),
            Some(_) => None,
        }
    }
}

impl Date {
    /// The time this much later.
    pub(crate) fn plus(self, millis: i64) -> Option<Self> {
        self.0.checked_add(millis).map(Self)
    }

    /// As [`Date::parse`] reads it; none for what lies outside the years that have four digits.
    pub(crate) fn written(self) -> Option<String> {
        let day = self.0.div_euclid(86_400_000);
        let millis = self.0.rem_euclid(86_400_000);
        let year = (1..=9999).rev().find(|year| days_since_1970(*year, 1, 1) <= day)?;
        if day >= days_since_1970(10_000, 1, 1) {
            return None;
        }
        let month = (1..=12).rev().find(|month| days_since_1970(year, *month, 1) <= day)?;
        let date = day - days_since_1970(year, month, 1) + 1;
        let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
        let part = match millis % 1000 {
            0 => String::new(),
            part => format!(".{part:03}"),
        };
        Some(format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}{part}Z"))
    }
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// `hh:mm[:ss[.s]]` and `Z` or `±hh:mm`; a second 60 is that of a leap second.
fn millis_of_day(text: &str) -> Option<i64> {
    let zone_at = text.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = text.split_at(zone_at);
    let mut fields = clock.split(':');
    let hour = digits(fields.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = digits(fields.next()?, 2).filter(|minute| *minute < 60)?;
    let millis = fields.next().map_or(Some(0), second_millis)?;
    if fields.next().is_some() {
        return None;
    }
    Some((hour * 60 + minute) * 60_000 + millis - offset_millis(zone)?)
}

fn second_millis(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let seconds = digits(whole, 2).filter(|second| *second <= 60)?;
    let Some(fraction) = fraction else { return Some(seconds * 1000) };
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: String = fraction.chars().chain("00".chars()).take(3).collect();
    Some(seconds * 1000 + thousandths.parse::<i64>().ok()?)
}

fn offset_millis(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let hours = digits(hours, 2).filter(|hours| *hours < 24)?;
    let minutes = digits(minutes, 2).filter(|minutes| *minutes < 60)?;
    Some(sign * (hours * 60 + minutes) * 60_000)
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400;
    let in_year: i64 = (1..month).map(|month| days_in(year, month)).sum();
    // 719,162 days lie between 0001-01-01 and 1970-01-01.
    before * 365 + leap_days + in_year + day - 1 - 719_162
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> i64 {
        Date::parse(text).unwrap_or_else(|| panic!("{text}")).0
    }

    #[test]
    fn the_forms_of_the_note_are_read() {
        assert_eq!(millis("1970-01-01T00:00:00Z"), 0);
        assert_eq!(millis("2026-11-24T16:32:38Z"), 1_795_537_958_000);
        assert_eq!(millis("2026-11-24T17:32:38.123+01:00"), 1_795_537_958_123);
        assert_eq!(millis("2026-11-24T16:32Z"), 1_795_537_920_000);
        assert_eq!(millis("2026-11-24"), 1_795_478_400_000);
        assert_eq!(millis("2026-11"), millis("2026-11-01"));
        assert_eq!(millis("2026"), millis("2026-01-01T00:00:00Z"));
        assert_eq!(millis("2000-03-01") - millis("2000-02-28"), 2 * 86_400_000);
        assert_eq!(millis("1900-03-01") - millis("1900-02-28"), 86_400_000);
        assert_eq!(millis("1795537958"), 1_795_537_958_000);
    }

    #[test]
    fn other_forms_are_none() {
        for bad in [
            "",
            "T",
            "2026-13",
            "2026-02-30",
            "2026-11-24T16",
            "2026-11-24T16:32",
            "2026-11T10:00Z",
            "26-11-24",
            "2026-11-24T24:00Z",
            "2026-11-24T16:32:38",
            "2026-11-24T16:32:38.Z",
            "yesterday",
            "-1",
            "1.5",
            "99999999999999999999",
        ] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
    }
}
