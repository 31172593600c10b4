//! Decimal numbers, compared exactly.

use std::fmt;

/// A number in units of 10⁻¹⁸, so that 0.1 is 0.1. Holds up to eighteen digits before and behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(i128);

const PLACES: usize = 18;

impl Number {
    /// Reads an integer or decimal, as in `10`, `-0.5`, `1e3`. `None` for anything else and for what is out of range.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix('-').or_else(|| mantissa.strip_prefix('+')).unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let digits = [whole, fraction].concat();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Self(0));
        }
        // value = digits × 10^(exponent − fraction); stored = value × 10^18
        let shift = i32::from(exponent) - i32::try_from(fraction.len()).ok()? + i32::try_from(PLACES).ok()?;
        let (digits, shift) = drop_zeros(digits, shift);
        let factor = 10_i128.checked_pow(u32::try_from(shift).ok()?)?;
        let size = digits.parse::<i128>().ok()?.checked_mul(factor)?;
        Some(Self(if mantissa.starts_with('-') { -size } else { size }))
    }
}

impl Number {
    /// One, in the units that numbers are kept in.
    pub(crate) const ONE: i128 = 10_i128.pow(18);

    /// The number and this many units.
    pub(crate) fn plus(self, units: i128) -> Option<Self> {
        self.0.checked_add(units).map(Self)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        let one = Self::ONE.unsigned_abs();
        let fraction = format!("{:0PLACES$}", size % one);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}{}", size / one),
            digits => write!(f, "{sign}{}.{digits}", size / one),
        }
    }
}

/// Takes zeros off the end as far as the shift is negative.
fn drop_zeros(mut digits: &str, mut shift: i32) -> (&str, i32) {
    while shift < 0 {
        let Some(shorter) = digits.strip_suffix('0') else { break };
        digits = shorter;
        shift += 1;
    }
    (digits, shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_compare_exactly() {
        let n = |text| Number::parse(text).unwrap();
        assert_eq!(n("10"), n("10.0"));
        assert_eq!(n("1e3"), n("1000"));
        assert_eq!(n("0.1"), n("1E-1"));
        assert_eq!(n("-0"), n("0.000"));
        assert_eq!(n("+5"), n("5"));
        assert_eq!(n(".5"), n("0.5"));
        assert!(n("9007199254740993") > n("9007199254740992"));
        assert!(n("-2") < n("-1.5"));
        assert!(n("1.20") < n("1.3"));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for bad in ["", "-", ".", "1.2.3", "0x10", "1e", "one", "1 ", "NaN", "inf", "1e400", "--1", "1e-40"] {
            assert_eq!(Number::parse(bad), None, "{bad}");
        }
    }
}
