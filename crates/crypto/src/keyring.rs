//! The hierarchy of keys: root key → epoch keys → the keys of each purpose.
//!
//! The root key wraps the epoch keys and does nothing else; every other key is derived from an epoch key by
//! HKDF under a label of its own. A new root key therefore rewrites one small file, and destroying keys means:
//! begin a new epoch, re-wrap what shall survive, drop the old epoch. See `docs/formats/keys.md`.

use std::fmt;

use strongroom_types::BucketId;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

use crate::aead::{Xaes, derive, mac};
use crate::envelope::{RowKey, SecretKey};
use crate::error::KeyringError;
use crate::limits::{KEY_BYTES, MAX_EPOCHS, NONCE_BYTES, TAG_BYTES};
use crate::secret::{Entropy, SecretBytes, nonce};
use crate::wrap::BucketKey;

const FORMAT: u8 = 1;
const CHECK_BYTES: usize = 16;
const MAC_BYTES: usize = 32;
/// Format, root key check, keyring id, current epoch, number of epochs.
const FIXED_BYTES: usize = 1 + CHECK_BYTES + 16 + 4 + 4;
const WRAPPED_BYTES: usize = KEY_BYTES + TAG_BYTES;
/// Id, nonce, wrapped key.
const EPOCH_BYTES: usize = 4 + NONCE_BYTES + WRAPPED_BYTES;

/// The key on which everything hangs. It lies outside the data directory and wraps epoch keys only.
#[derive(Clone, PartialEq, Eq)]
pub struct RootKey(SecretBytes);

/// Sixteen bytes that tell one root key from another and nothing else about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootKeyCheck([u8; CHECK_BYTES]);

impl RootKeyCheck {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; CHECK_BYTES] {
        &self.0
    }
}

impl RootKey {
    /// A fresh root key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(SecretBytes::random(entropy))
    }

    /// The root key that a provider read.
    pub fn from_secret(secret: SecretBytes) -> Self {
        Self(secret)
    }

    /// The bytes, for the provider that stores them.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        self.0.expose()
    }

    /// What a keyring keeps to recognise its root key.
    pub fn check(&self) -> RootKeyCheck {
        let derived = derive(&self.0, "root-check", b"");
        let mut check = [0; CHECK_BYTES];
        check.iter_mut().zip(derived.expose()).for_each(|(to, from)| *to = *from);
        RootKeyCheck(check)
    }

    fn wrapping(&self) -> Xaes {
        Xaes::new(&derive(&self.0, "root-wrap-epoch", b""))
    }

    fn mac(&self, message: &[u8]) -> [u8; MAC_BYTES] {
        mac(&derive(&self.0, "root-mac-keyring", b""), message)
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(redacted)")
    }
}

/// The number of an epoch: 1 and up, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EpochId(u32);

impl EpochId {
    /// The first epoch of every keyring.
    pub const FIRST: Self = Self(1);

    /// From its stored number; `None` for 0.
    pub fn from_u32(number: u32) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }

    /// Its number.
    pub fn as_u32(self) -> u32 {
        self.0
    }
}

impl fmt::Display for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a key derived from an epoch is for. Each has a label of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Values of rows.
    Row,
    /// Records.
    Record,
    /// Small secrets: secret access keys, the CA's private key.
    Secret,
    /// Tokens that clients hold: of listings, of sessions.
    Token,
    /// Key material of the KMS.
    Kms,
    /// The data keys of one bucket's objects.
    Bucket(BucketId),
}

impl Purpose {
    fn derive(self, epoch: &SecretBytes) -> SecretBytes {
        match self {
            Self::Row => derive(epoch, "row", b""),
            Self::Record => derive(epoch, "record", b""),
            Self::Secret => derive(epoch, "secret", b""),
            Self::Token => derive(epoch, "token", b""),
            Self::Kms => derive(epoch, "kms", b""),
            Self::Bucket(bucket) => derive(epoch, "bucket", bucket.as_bytes()),
        }
    }
}

/// One epoch's key.
#[derive(Clone, PartialEq, Eq)]
struct Epoch {
    id: EpochId,
    key: SecretBytes,
}

/// The epoch keys of an installation, opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Keyring {
    /// Random, fixed at creation: tells installations apart.
    id: [u8; 16],
    /// Ascending by id, never empty.
    epochs: Vec<Epoch>,
    /// INVARIANT: names one of `epochs`, and the greatest, since new epochs become current.
    current: EpochId,
}

impl Keyring {
    /// A keyring with one fresh epoch.
    pub fn create(entropy: &dyn Entropy) -> Self {
        let mut id = [0; 16];
        entropy.fill(&mut id);
        let first = Epoch { id: EpochId::FIRST, key: SecretBytes::random(entropy) };
        Self { id, epochs: vec![first], current: EpochId::FIRST }
    }

    /// The epoch under which new values are sealed.
    pub fn current(&self) -> EpochId {
        self.current
    }

    /// All epochs, oldest first.
    pub fn epochs(&self) -> impl Iterator<Item = EpochId> {
        self.epochs.iter().map(|epoch| epoch.id)
    }

    /// Begins a new epoch, which becomes the current one. Old values still open.
    ///
    /// # Errors
    /// [`KeyringError::Full`] at 1,024 epochs.
    pub fn new_epoch(&mut self, entropy: &dyn Entropy) -> Result<EpochId, KeyringError> {
        let next = self.current.0.checked_add(1).ok_or(KeyringError::Full)?;
        if self.epochs.len() >= MAX_EPOCHS {
            return Err(KeyringError::Full);
        }
        self.current = EpochId(next);
        self.epochs.push(Epoch { id: self.current, key: SecretBytes::random(entropy) });
        Ok(self.current)
    }

    /// Drops an epoch: whatever was still sealed under it is lost for good, once no copy of the keyring that
    /// holds it is left.
    ///
    /// # Errors
    /// [`KeyringError::CurrentEpoch`] for the current one, [`KeyringError::UnknownEpoch`] for one not there.
    pub fn drop_epoch(&mut self, epoch: EpochId) -> Result<(), KeyringError> {
        if epoch == self.current {
            return Err(KeyringError::CurrentEpoch(epoch));
        }
        let position = self.epochs.iter().position(|held| held.id == epoch);
        self.epochs.remove(position.ok_or(KeyringError::UnknownEpoch(epoch))?);
        Ok(())
    }

    /// The key that seals values of rows in `epoch`.
    ///
    /// # Errors
    /// [`KeyringError::UnknownEpoch`] when the keyring does not hold it.
    pub fn row_key(&self, epoch: EpochId) -> Result<RowKey, KeyringError> {
        Ok(RowKey::new(epoch, &self.derive(epoch, Purpose::Row)?))
    }

    /// The key that seals records in `epoch`.
    ///
    /// # Errors
    /// [`KeyringError::UnknownEpoch`] when the keyring does not hold it.
    pub fn record_key(&self, epoch: EpochId) -> Result<RowKey, KeyringError> {
        Ok(RowKey::new(epoch, &self.derive(epoch, Purpose::Record)?))
    }

    /// The key that seals small secrets in `epoch`.
    ///
    /// # Errors
    /// [`KeyringError::UnknownEpoch`] when the keyring does not hold it.
    pub fn secret_key(&self, epoch: EpochId) -> Result<SecretKey, KeyringError> {
        Ok(SecretKey::new(epoch, &self.derive(epoch, Purpose::Secret)?))
    }

    /// The key that seals tokens in `epoch`.
    ///
    /// # Errors
    /// [`KeyringError::UnknownEpoch`] when the keyring does not hold it.
    pub fn token_key(&self, epoch: EpochId) -> Result<SecretKey, KeyringError> {
        Ok(SecretKey::new(epoch, &self.derive(epoch, Purpose::Token)?))
    }

    /// The key that seals the KMS's key material in `epoch`.
    ///
    /// # Errors
    /// [`KeyringError::UnknownEpoch`] when the keyring does not hold it.
    pub fn kms_key(&self, epoch: EpochId) -> Result<SecretKey, KeyringError> {
        Ok(SecretKey::new(epoch, &self.derive(epoch, Purpose::Kms)?))
    }

    /// The key that wraps the data keys of `bucket` in `epoch`.
    ///
    /// # Errors
    /// [`KeyringError::UnknownEpoch`] when the keyring does not hold it.
    pub fn bucket_key(&self, epoch: EpochId, bucket: BucketId) -> Result<BucketKey, KeyringError> {
        Ok(BucketKey::new(epoch, bucket, &self.derive(epoch, Purpose::Bucket(bucket))?))
    }

    fn derive(&self, epoch: EpochId, purpose: Purpose) -> Result<SecretBytes, KeyringError> {
        let held =
            self.epochs.iter().find(|held| held.id == epoch).ok_or(KeyringError::UnknownEpoch(epoch))?;
        Ok(purpose.derive(&held.key))
    }

    /// The form that lies beside `FORMAT`: every epoch wrapped under `root`, all of it authenticated.
    pub fn encode(&self, root: &RootKey, entropy: &dyn Entropy) -> Vec<u8> {
        let count = u32::try_from(self.epochs.len()).unwrap_or(u32::MAX);
        let mut out = Vec::with_capacity(FIXED_BYTES + self.epochs.len() * EPOCH_BYTES + MAC_BYTES);
        out.push(FORMAT);
        out.extend_from_slice(root.check().as_bytes());
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.current.0.to_be_bytes());
        out.extend_from_slice(&count.to_be_bytes());
        let wrapping = root.wrapping();
        for epoch in &self.epochs {
            let nonce = nonce(entropy);
            let mut key = *epoch.key.expose();
            let tag = wrapping.seal(&nonce, &epoch_aad(&self.id, epoch.id), &mut key);
            out.extend_from_slice(&epoch.id.0.to_be_bytes());
            out.extend_from_slice(&nonce);
            out.extend_from_slice(&key);
            out.extend_from_slice(&tag);
        }
        let mac = root.mac(&out);
        out.extend_from_slice(&mac);
        out
    }

    /// Opens what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`KeyringError`]: another root key, an unknown format, or bytes that were altered.
    pub fn decode(bytes: &[u8], root: &RootKey) -> Result<Self, KeyringError> {
        match bytes {
            [FORMAT, ..] => {}
            [found, ..] => return Err(KeyringError::Format { found: *found }),
            [] => return Err(KeyringError::Malformed),
        }
        let parsed = Encoded::parse(bytes).ok_or(KeyringError::Malformed)?;
        if parsed.check != root.check().as_bytes() {
            return Err(KeyringError::WrongRootKey);
        }
        if !bool::from(root.mac(parsed.authenticated).ct_eq(parsed.mac)) {
            return Err(KeyringError::Altered);
        }
        let wrapping = root.wrapping();
        let mut epochs = Vec::with_capacity(parsed.epochs.len());
        for (id, nonce, wrapped) in parsed.epochs {
            let mut wrapped = *wrapped;
            let key = wrapping
                .open(nonce, &epoch_aad(parsed.id, id), &mut wrapped)
                .ok()
                .and_then(|plain| SecretBytes::from_slice(plain))
                .ok_or(KeyringError::Altered)?;
            wrapped.zeroize();
            epochs.push(Epoch { id, key });
        }
        Ok(Self { id: *parsed.id, epochs, current: parsed.current })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("current", &self.current)
            .field("epochs", &self.epochs.len())
            .finish_non_exhaustive()
    }
}

/// An epoch's key is bound to its keyring and number.
fn epoch_aad(keyring: &[u8; 16], epoch: EpochId) -> [u8; 21] {
    let mut aad = [FORMAT; 21];
    let bytes = keyring.iter().copied().chain(epoch.0.to_be_bytes());
    aad.iter_mut().skip(1).zip(bytes).for_each(|(to, from)| *to = from);
    aad
}

/// The parts of an encoded keyring, where they lie.
struct Encoded<'a> {
    check: &'a [u8; CHECK_BYTES],
    id: &'a [u8; 16],
    current: EpochId,
    epochs: Vec<(EpochId, &'a [u8; NONCE_BYTES], &'a [u8; WRAPPED_BYTES])>,
    authenticated: &'a [u8],
    mac: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// `None` for anything that encoding never writes.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (authenticated, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        let rest = authenticated.get(1..)?;
        let (check, rest) = rest.split_first_chunk::<CHECK_BYTES>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (current, rest) = rest.split_first_chunk::<4>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let current = EpochId::from_u32(u32::from_be_bytes(*current))?;
        let count = usize::try_from(u32::from_be_bytes(*count)).ok()?;
        if count > MAX_EPOCHS || rest.len() != count * EPOCH_BYTES {
            return None;
        }
        let mut epochs = Vec::with_capacity(count);
        for entry in rest.chunks_exact(EPOCH_BYTES) {
            let (number, entry) = entry.split_first_chunk::<4>()?;
            let (nonce, wrapped) = entry.split_first_chunk::<NONCE_BYTES>()?;
            epochs.push((EpochId::from_u32(u32::from_be_bytes(*number))?, nonce, wrapped.first_chunk()?));
        }
        let ascending = epochs.windows(2).all(|pair| matches!(pair, [(a, ..), (b, ..)] if a < b));
        let ends_in_current = epochs.last().is_some_and(|(id, ..)| *id == current);
        (ascending && ends_in_current).then_some(Self { check, id, current, epochs, authenticated, mac })
    }
}

/// The fuzz entry for keyrings: arbitrary bytes never open and never panic.
#[doc(hidden)]
pub fn fuzz_keyring(data: &[u8]) {
    let root = RootKey::from_secret(SecretBytes::take(&mut [1; 32]));
    assert!(Keyring::decode(data, &root).is_err(), "arbitrary bytes opened");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::testing::CountingEntropy;

    fn root(seed: u64) -> RootKey {
        RootKey::generate(&CountingEntropy::seeded(seed))
    }

    fn keyring() -> Keyring {
        let entropy = CountingEntropy::seeded(77);
        let mut keyring = Keyring::create(&entropy);
        keyring.new_epoch(&entropy).unwrap();
        keyring
    }

    #[test]
    fn a_keyring_opens_with_its_root_key_only() {
        let encoded = keyring().encode(&root(1), &CountingEntropy::default());
        assert!(Keyring::decode(&encoded, &root(1)).unwrap() == keyring());
        assert_eq!(Keyring::decode(&encoded, &root(2)).unwrap_err(), KeyringError::WrongRootKey);
    }

    #[test]
    fn every_flipped_bit_of_a_keyring_is_found() {
        let encoded = keyring().encode(&root(1), &CountingEntropy::default());
        for position in 0..encoded.len() {
            for bit in 0..8 {
                let mut bad = encoded.clone();
                bad[position] ^= 1 << bit;
                assert!(Keyring::decode(&bad, &root(1)).is_err(), "byte {position}, bit {bit}");
            }
            assert!(Keyring::decode(&encoded[..position], &root(1)).is_err());
        }
        assert!(Keyring::decode(&[&encoded[..], &[0]].concat(), &root(1)).is_err());
    }

    #[test]
    fn a_new_root_key_rewrites_the_epochs_and_changes_no_derived_key() {
        let entropy = CountingEntropy::default();
        let bucket = BucketId::from_bytes([1; 16]);
        let before = keyring();
        let sealed = before.row_key(before.current()).unwrap().seal(b"p", b"k", b"v", &[1; 24]);
        let opened = Keyring::decode(&before.encode(&root(1), &entropy), &root(1)).unwrap();
        let after = Keyring::decode(&opened.encode(&root(2), &entropy), &root(2)).unwrap();
        assert_eq!(after.row_key(after.current()).unwrap().open(b"p", b"k", &sealed).unwrap(), b"v");
        assert!(after.bucket_key(EpochId::FIRST, bucket).is_ok());
    }

    #[test]
    fn old_epochs_open_until_they_are_dropped() {
        let entropy = CountingEntropy::default();
        let mut keyring = Keyring::create(&entropy);
        let old = keyring.current();
        assert_eq!(keyring.drop_epoch(old), Err(KeyringError::CurrentEpoch(old)));
        let sealed = keyring.record_key(old).unwrap().seal(b"p", b"k", b"v", &[1; 24]);
        let new = keyring.new_epoch(&entropy).unwrap();
        assert_eq!(keyring.epochs().collect::<Vec<_>>(), [old, new]);
        assert_eq!(keyring.record_key(old).unwrap().open(b"p", b"k", &sealed).unwrap(), b"v");
        keyring.drop_epoch(old).unwrap();
        assert_eq!(keyring.record_key(old).unwrap_err(), KeyringError::UnknownEpoch(old));
        assert_eq!(keyring.drop_epoch(old), Err(KeyringError::UnknownEpoch(old)));
        let encoded = keyring.encode(&root(1), &entropy);
        assert!(Keyring::decode(&encoded, &root(1)).unwrap() == keyring);
    }

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        let epoch = SecretBytes::take(&mut [6; 32]);
        let bucket = |byte| Purpose::Bucket(BucketId::from_bytes([byte; 16]));
        let purposes = [
            Purpose::Row,
            Purpose::Record,
            Purpose::Secret,
            Purpose::Token,
            Purpose::Kms,
            bucket(1),
            bucket(2),
        ];
        for (position, one) in purposes.iter().enumerate() {
            for other in &purposes[..position] {
                assert!(one.derive(&epoch) != other.derive(&epoch), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_full_keyring_refuses_another_epoch() {
        let entropy = CountingEntropy::default();
        let mut keyring = Keyring::create(&entropy);
        for _ in 1..MAX_EPOCHS {
            keyring.new_epoch(&entropy).unwrap();
        }
        assert_eq!(keyring.new_epoch(&entropy), Err(KeyringError::Full));
    }

    proptest! {
        #[test]
        fn arbitrary_keyrings_never_open(mut data in prop::collection::vec(any::<u8>(), 0..400)) {
            fuzz_keyring(&data);
            if let Some(first) = data.first_mut() {
                *first = FORMAT;
            }
            fuzz_keyring(&data);
        }
    }
}
