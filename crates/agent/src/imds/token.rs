//! The session tokens of the metadata service.
//!
//! A token is `end ‖ random ‖ HMAC(key, end ‖ random)`: it proves itself, so that none has to be remembered and no number
//! of them takes memory. The key is made at each start and never leaves the process, so that a token is good for this
//! process alone.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_crypto::Entropy;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::limits::{MAX_TOKEN_BYTES, MAX_TOKEN_SECONDS};

/// Bytes of when it ends, milliseconds since the start of the process.
const END: usize = 8;
/// Bytes that make each one unlike all others.
const RANDOM: usize = 16;

/// How long a token is to be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ttl(u64);

impl Ttl {
    /// Reads 1 to 21600 seconds, in decimal digits.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let digits = std::str::from_utf8(text).ok()?.trim_matches([' ', '\t']);
        let are_digits = (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let seconds = digits.parse().ok().filter(|_| are_digits)?;
        (1..=MAX_TOKEN_SECONDS).contains(&seconds).then_some(Self(seconds))
    }

    pub(super) fn seconds(self) -> u64 {
        self.0
    }
}

/// Makes and checks tokens.
pub(super) struct Tokens {
    key: hmac::Key,
    began: Instant,
}

impl Tokens {
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(&mut *key);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &*key), began: Instant::now() }
    }

    fn now_millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn make(&self, ttl: Ttl, entropy: &dyn Entropy) -> Zeroizing<String> {
        let mut random = [0; RANDOM];
        entropy.fill(&mut random);
        let end = self.now_millis().saturating_add(ttl.0.saturating_mul(1000));
        let mut token = Zeroizing::new([&end.to_be_bytes()[..], &random].concat());
        let tag = hmac::sign(&self.key, &token);
        token.extend_from_slice(tag.as_ref());
        Zeroizing::new(URL_SAFE_NO_PAD.encode(&*token))
    }

    /// How long a token is still good, if it is one of this process.
    pub(super) fn check(&self, shown: &[u8]) -> Option<Duration> {
        if shown.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let token = Zeroizing::new(URL_SAFE_NO_PAD.decode(shown).ok()?);
        let (said, tag) = token.split_at_checked(END + RANDOM)?;
        // Compares in constant time.
        hmac::verify(&self.key, said, tag).ok()?;
        let end = u64::from_be_bytes(*said.first_chunk()?);
        let left = end.checked_sub(self.now_millis()).filter(|left| *left > 0)?;
        Some(Duration::from_millis(left))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_good_until_it_ends_and_for_its_process_alone() {
        let tokens = Tokens::new(&Fixed(1));
        let token = tokens.make(Ttl(60), &Fixed(2));
        assert_eq!(tokens.check(token.as_bytes()), Some(Duration::from_secs(60)));
        assert_eq!(Tokens::new(&Fixed(3)).check(token.as_bytes()), None, "another process");
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(tokens.check(token.as_bytes()), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(tokens.check(token.as_bytes()), None);
    }

    #[test]
    fn a_time_to_live_is_one_second_to_six_hours() {
        for (text, seconds) in [("1", 1), ("21600", 21_600), (" 60 ", 60), ("00060", 60)] {
            assert_eq!(Ttl::parse(text.as_bytes()), Some(Ttl(seconds)), "{text}");
        }
        for bad in
            ["", "0", "21601", "-1", "+1", "1.5", "60s", "0x3c", "99999999999999999999", "6 0", "\u{666}"]
        {
            assert_eq!(Ttl::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(ttl) = Ttl::parse(&bytes) {
                prop_assert!((1..=MAX_TOKEN_SECONDS).contains(&ttl.seconds()));
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let _guard = runtime.enter();
            prop_assert_eq!(Tokens::new(&Fixed(1)).check(&bytes), None);
        }

        #[test]
        fn no_changed_token_is_taken(at in 0_usize..75, to in "[A-Za-z0-9_-]") {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let _guard = runtime.enter();
            let tokens = Tokens::new(&Fixed(1));
            let token = tokens.make(Ttl(60), &Fixed(2));
            prop_assert_eq!(token.len(), 75);
            let mut changed = token.to_string();
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(tokens.check(changed.as_bytes()).is_some(), changed == *token);
        }
    }
}
