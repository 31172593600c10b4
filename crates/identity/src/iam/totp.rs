//! Codes of virtual MFA devices: RFC 6238 with HMAC-SHA-1, steps of thirty seconds, and six digits.
//!
//! Source: IAM User Guide, "Assign a virtual MFA device in the AWS Management Console": any application that "supports the
//! TOTP standard (RFC 6238)".

use std::fmt;

use aws_lc_rs::hmac;
use strongroom_types::Timestamp;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::entity::base32;

/// Bytes of a seed. In base 32 they are 64 letters without padding, as AWS's seeds are.
pub(crate) const SEED_BYTES: usize = 40;
/// Seconds that one code holds. Source: RFC 6238, section 4.1.
const STEP_SECONDS: i64 = 30;
/// Digits of a code. Source: STS API Reference, GetSessionToken, `TokenCode`.
const DIGITS: usize = 6;
/// Steps that a code may be away from where the device's clock was last: RFC 6238, section 5.2, recommends one for the
/// way of the code to us; one ahead is for devices that run fast.
const NEAR_STEPS: i64 = 1;
/// Steps that a device's clock may be away when two codes in a row prove it: a day to either side.
const FAR_STEPS: i64 = 24 * 60 * 60 / STEP_SECONDS;

/// What a device and we share.
#[derive(Clone)]
pub(crate) struct Seed(Zeroizing<Vec<u8>>);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// A code as somebody typed it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Code([u8; DIGITS]);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

impl Code {
    /// Six digits; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits: [u8; DIGITS] = text.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }
}

/// Which step it is.
pub(crate) fn step_of(now: Timestamp) -> i64 {
    now.as_secs().div_euclid(STEP_SECONDS)
}

impl Seed {
    pub(crate) fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// As people type it and QR codes carry it. Source: RFC 4648, section 6; a seed needs no padding.
    pub(crate) fn base32(&self) -> Zeroizing<String> {
        let bit = |at: usize| self.0.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
        let five = |letter: usize| (0..5).fold(0, |bits, at| bits << 1 | u8::from(bit(letter * 5 + at)));
        Zeroizing::new(base32((0..(self.0.len() * 8).div_ceil(5)).map(five)).collect())
    }

    /// The code of a step. Source: RFC 4226, section 5.3.
    fn code(&self, step: i64) -> [u8; DIGITS] {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag.last().copied().unwrap_or(0) & 0xf);
        let word = tag.get(offset..offset + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        let mut number = u32::from_be_bytes(word.unwrap_or_default()) & 0x7fff_ffff;
        let mut code = [b'0'; DIGITS];
        for digit in code.iter_mut().rev() {
            *digit += u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
        }
        code
    }

    fn is_code(&self, step: i64, code: &Code) -> bool {
        self.code(step).ct_eq(&code.0).into()
    }

    /// The step whose code this is, near `step` or that which the device's clock showed then, and behind `last`, the newest
    /// whose code was ever taken. Both, since who was slow to type his two codes has a clock that seems to be behind. Every
    /// candidate is looked at, so that the time tells nothing.
    pub(crate) fn near(&self, (step, drift): (i64, i64), last: Option<i64>, code: &Code) -> Option<i64> {
        let around = |centre: i64| (centre - NEAR_STEPS)..=(centre + NEAR_STEPS);
        let fresh = |step: &i64| last.is_none_or(|last| *step > last);
        let steps = around(step).chain(around(step + drift));
        steps.filter(|step| self.is_code(*step, code)).filter(fresh).max()
    }

    /// The second of two steps in a row whose codes these are, wherever the device's clock stands; the nearest to `step`.
    pub(crate) fn in_a_row(&self, step: i64, last: Option<i64>, codes: (&Code, &Code)) -> Option<i64> {
        let mut first_before = self.is_code(step - FAR_STEPS - 1, codes.0);
        let mut found: Option<i64> = None;
        for second in (step - FAR_STEPS)..=(step + FAR_STEPS) {
            let code = self.code(second);
            let is_pair = first_before && bool::from(code.ct_eq(&codes.1.0));
            first_before = code.ct_eq(&codes.0.0).into();
            let nearer = found.is_none_or(|found| second.abs_diff(step) < found.abs_diff(step));
            if is_pair && nearer && last.is_none_or(|last| second > last) {
                found = Some(second);
            }
        }
        found
    }

    /// A code, for tests.
    #[cfg(test)]
    pub(crate) fn code_text(&self, step: i64) -> String {
        String::from_utf8(self.code(step).to_vec()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(bytes: &[u8]) -> Seed {
        Seed::new(Zeroizing::new(bytes.to_vec()))
    }

    fn code(text: &str) -> Code {
        Code::parse(text).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfcs() {
        let seed = seed(b"12345678901234567890");
        // RFC 4226, appendix D.
        let codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583"];
        for (step, code) in codes.iter().enumerate() {
            assert_eq!(seed.code_text(i64::try_from(step).unwrap()), *code);
        }
        // RFC 6238, appendix B, the last six of its eight digits.
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (20_000_000_000, "353130")]
        {
            assert_eq!(seed.code_text(step_of(Timestamp::from_secs(seconds))), code);
        }
    }

    #[test]
    fn seeds_are_written_as_rfc_4648_does() {
        assert_eq!(&*seed(b"fooba").base32(), "MZXW6YTB");
        assert_eq!(&*seed(b"f").base32(), "MY");
        assert_eq!(seed(&[7; SEED_BYTES]).base32().len(), 64);
    }

    #[test]
    fn a_code_is_six_digits() {
        for bad in ["", "12345", "1234567", "12345a", "１２"] {
            assert_eq!(Code::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_code_holds_for_its_step_and_its_neighbours_and_once() {
        let seed = seed(b"12345678901234567890");
        let (before, now, after, far) = ("755224", "287082", "359152", "969429");
        assert_eq!(seed.near((1, 0), None, &code(before)), Some(0));
        assert_eq!(seed.near((1, 0), None, &code(now)), Some(1));
        assert_eq!(seed.near((1, 0), None, &code(after)), Some(2));
        assert_eq!(seed.near((1, 0), None, &code(far)), None);
        assert_eq!(seed.near((1, 0), Some(1), &code(now)), None, "it was taken");
        assert_eq!(seed.near((1, 0), Some(1), &code(before)), None, "it is older than what was taken");
        assert_eq!(seed.near((1, 0), Some(1), &code(after)), Some(2));
        assert_eq!(seed.near((11, -8), None, &code(far)), Some(3), "the device's clock is behind");
        assert_eq!(seed.near((1, -8), None, &code(now)), Some(1), "or was only thought to be");
    }

    #[test]
    fn two_codes_in_a_row_are_found_wherever_the_clock_stands() {
        let seed = seed(b"12345678901234567890");
        let (first, second) = (code("162583"), code(&seed.code_text(8)));
        assert_eq!(seed.in_a_row(8 + FAR_STEPS, None, (&first, &second)), Some(8));
        assert_eq!(seed.in_a_row(8 - FAR_STEPS, None, (&first, &second)), Some(8));
        assert_eq!(seed.in_a_row(9 + FAR_STEPS, None, (&first, &second)), None);
        assert_eq!(seed.in_a_row(8, None, (&second, &first)), None, "in the wrong order");
        assert_eq!(seed.in_a_row(8, Some(8), (&first, &second)), None, "taken already");
    }
}
