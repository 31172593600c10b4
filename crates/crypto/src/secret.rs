//! Keys as values: zeroed when dropped, hidden from `Debug`, compared in constant time.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::limits::{KEY_BYTES, NONCE_BYTES};

/// A source of unpredictable bytes. The one that serves requests lives in `kms`; tests bring their own.
pub trait Entropy: Send + Sync {
    /// Fills `out` with bytes that nobody can predict. Must not return without having done so.
    fn fill(&self, out: &mut [u8]);
}

/// A fresh nonce for an envelope or a wrapped key.
pub(crate) fn nonce(entropy: &dyn Entropy) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    entropy.fill(&mut nonce);
    nonce
}

/// 32 secret bytes: zeroed when dropped, redacted in `Debug`, boxed so that moves leave no copies behind.
#[derive(Clone)]
pub struct SecretBytes(Box<Zeroizing<[u8; KEY_BYTES]>>);

impl SecretBytes {
    /// All zeros, to be filled in place.
    pub(crate) fn zeroed() -> Self {
        Self(Box::new(Zeroizing::new([0; KEY_BYTES])))
    }

    /// Takes the bytes over and zeroes the place they came from.
    pub fn take(bytes: &mut [u8; KEY_BYTES]) -> Self {
        let mut secret = Self::zeroed();
        secret.0.copy_from_slice(bytes);
        bytes.zeroize();
        secret
    }

    /// Fresh random bytes.
    pub fn random(entropy: &dyn Entropy) -> Self {
        let mut secret = Self::zeroed();
        entropy.fill(&mut secret.0[..]);
        secret
    }

    /// Copies exactly 32 bytes; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self::zeroed();
        if bytes.len() != KEY_BYTES {
            return None;
        }
        secret.0.copy_from_slice(bytes);
        Some(secret)
    }

    /// The bytes. Never to be logged, formatted or stored unsealed.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The bytes, to be filled in place.
    pub(crate) fn expose_mut(&mut self) -> &mut [u8; KEY_BYTES] {
        &mut self.0
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(redacted)")
    }
}

/// The key of one blob, as unwrapped from the row that names the blob. It opens; it cannot seal.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(SecretBytes);

impl DataKey {
    /// The key whose bytes came out of a wrapper.
    pub fn from_secret(secret: SecretBytes) -> Self {
        Self(secret)
    }

    /// The bytes, for wrapping.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        self.0.expose()
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(redacted)")
    }
}

/// A data key that has sealed nothing yet.
///
/// INVARIANT: frames take their nonces from a counter, so a key may seal one blob only. This type is made from
/// fresh entropy alone, cannot be cloned, and [`Sealer::new`](crate::Sealer::new) consumes it. Wrap its
/// [`key`](Self::key) before.
pub struct NewDataKey(DataKey);

impl NewDataKey {
    /// A fresh key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(DataKey(SecretBytes::random(entropy)))
    }

    /// The key, for wrapping.
    pub fn key(&self) -> &DataKey {
        &self.0
    }
}

impl fmt::Debug for NewDataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewDataKey(redacted)")
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Entropy;

    /// A predictable stream of bytes: tests repeat themselves.
    #[derive(Debug, Default)]
    pub(crate) struct CountingEntropy(AtomicU64);

    impl CountingEntropy {
        pub(crate) fn seeded(seed: u64) -> Self {
            Self(AtomicU64::new(seed))
        }
    }

    impl Entropy for CountingEntropy {
        fn fill(&self, out: &mut [u8]) {
            for piece in out.chunks_mut(8) {
                // SplitMix64: well spread, and not a cipher.
                let mut word = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
                word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                let bytes = (word ^ (word >> 31)).to_le_bytes();
                piece.copy_from_slice(&bytes[..piece.len()]);
            }
        }
    }
}
