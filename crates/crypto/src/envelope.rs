//! Small sealed values: rows, records, secrets, tokens.
//!
//! One form for all, under keys of their own: format byte, epoch of the key, random nonce of 192 bits,
//! ciphertext, tag. The place where the value belongs (partition and row key, or a secret's context) is
//! associated data, so that a value that was moved does not open. See `docs/formats/keys.md`.

use std::fmt;

use crate::aead::Xaes;
use crate::error::OpenError;
use crate::keyring::EpochId;
use crate::limits::{ENVELOPE_OVERHEAD_BYTES, NONCE_BYTES};
use crate::secret::SecretBytes;

const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 5;

/// The cipher of one purpose in one epoch.
struct EpochCipher {
    epoch: EpochId,
    cipher: Xaes,
}

impl EpochCipher {
    fn new(epoch: EpochId, key: &SecretBytes) -> Self {
        Self { epoch, cipher: Xaes::new(key) }
    }

    fn header(&self) -> [u8; HEADER_BYTES] {
        let [a, b, c, d] = self.epoch.as_u32().to_be_bytes();
        [FORMAT, a, b, c, d]
    }

    fn seal(&self, place: &Place<'_>, plaintext: &[u8], nonce: &[u8; NONCE_BYTES]) -> Vec<u8> {
        let header = self.header();
        let mut out = Vec::with_capacity(plaintext.len() + ENVELOPE_OVERHEAD_BYTES);
        out.extend_from_slice(&header);
        out.extend_from_slice(nonce);
        out.extend_from_slice(plaintext);
        let body = out.get_mut(HEADER_BYTES + NONCE_BYTES..).unwrap_or_default();
        let tag = self.cipher.seal(nonce, &place.associated_data(header), body);
        out.extend_from_slice(&tag);
        out
    }

    fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let epoch = sealed_epoch(sealed)?;
        if epoch != self.epoch {
            return Err(OpenError::UnknownEpoch(epoch));
        }
        let after = sealed.get(HEADER_BYTES..).unwrap_or_default();
        let (nonce, body) = after.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::Length)?;
        let mut out = body.to_vec();
        let plain = self.cipher.open(nonce, &place.associated_data(self.header()), &mut out)?.len();
        out.truncate(plain);
        Ok(out)
    }
}

/// Where a sealed value belongs. The first part is preceded by its length, the second ends the associated data.
struct Place<'a>(&'a [u8], &'a [u8]);

impl Place<'_> {
    fn associated_data(&self, header: [u8; HEADER_BYTES]) -> Vec<u8> {
        let Self(first, second) = self;
        let mut aad = Vec::with_capacity(HEADER_BYTES + 8 + first.len() + second.len());
        aad.extend_from_slice(&header);
        aad.extend_from_slice(&(first.len() as u64).to_be_bytes());
        aad.extend_from_slice(first);
        aad.extend_from_slice(second);
        aad
    }
}

/// The epoch of the key that sealed a row, record, secret or token.
///
/// # Errors
/// [`OpenError::Format`] and [`OpenError::Length`]: the bytes cannot be an envelope.
pub fn sealed_epoch(sealed: &[u8]) -> Result<EpochId, OpenError> {
    match sealed {
        [FORMAT, a, b, c, d, ..] if sealed.len() >= ENVELOPE_OVERHEAD_BYTES => {
            EpochId::from_u32(u32::from_be_bytes([*a, *b, *c, *d])).ok_or(OpenError::Altered)
        }
        [FORMAT, ..] | [] => Err(OpenError::Length),
        [found, ..] => Err(OpenError::Format { found: *found }),
    }
}

/// Seals the values of rows, or records, in one epoch.
pub struct RowKey(EpochCipher);

impl RowKey {
    pub(crate) fn new(epoch: EpochId, key: &SecretBytes) -> Self {
        Self(EpochCipher::new(epoch, key))
    }

    /// The epoch that sealed values name.
    pub fn epoch(&self) -> EpochId {
        self.0.epoch
    }

    /// Seals `plaintext` for the row `row_key` of `partition`. `nonce` must be fresh random bytes.
    ///
    /// # Limits
    /// With random nonces of 192 bits no number of messages that an installation can reach matters: 2⁸⁰ of
    /// them share a nonce with probability 2⁻³².
    pub fn seal(
        &self,
        partition: &[u8],
        row_key: &[u8],
        plaintext: &[u8],
        nonce: &[u8; NONCE_BYTES],
    ) -> Vec<u8> {
        self.0.seal(&Place(partition, row_key), plaintext, nonce)
    }

    /// Opens what [`seal`](Self::seal) made for this very row.
    ///
    /// # Errors
    /// [`OpenError::UnknownEpoch`] when another epoch's key sealed it; otherwise what is wrong with the bytes.
    pub fn open(&self, partition: &[u8], row_key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        self.0.open(&Place(partition, row_key), sealed)
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowKey").field("epoch", &self.0.epoch).finish_non_exhaustive()
    }
}

/// Seals small secrets (secret access keys, a private key of the CA) or opaque tokens in one epoch.
pub struct SecretKey(EpochCipher);

impl SecretKey {
    pub(crate) fn new(epoch: EpochId, key: &SecretBytes) -> Self {
        Self(EpochCipher::new(epoch, key))
    }

    /// The epoch that sealed values name.
    pub fn epoch(&self) -> EpochId {
        self.0.epoch
    }

    /// Seals `secret` for `context`: what it is and whose, such as `access-key/AKIA…`. The same context must be
    /// given to open it. `nonce` must be fresh random bytes.
    pub fn seal_secret(&self, context: &[u8], secret: &[u8], nonce: &[u8; NONCE_BYTES]) -> Vec<u8> {
        self.0.seal(&Place(context, b""), secret, nonce)
    }

    /// Opens what [`seal_secret`](Self::seal_secret) made for this very context.
    ///
    /// # Errors
    /// As for [`RowKey::open`].
    pub fn open_secret(
        &self,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, OpenError> {
        self.0.open(&Place(context, b""), sealed).map(zeroize::Zeroizing::new)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("epoch", &self.0.epoch).finish_non_exhaustive()
    }
}

/// The fuzz entry for envelopes: arbitrary bytes never open and never panic.
#[doc(hidden)]
pub fn fuzz_sealed_row(data: &[u8]) {
    let key = RowKey::new(EpochId::FIRST, &SecretBytes::take(&mut [9; 32]));
    let _ = sealed_epoch(data);
    assert!(key.open(b"partition", b"key", data).is_err(), "arbitrary bytes opened");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> RowKey {
        RowKey::new(EpochId::FIRST, &SecretBytes::take(&mut [5; 32]))
    }

    #[test]
    fn a_row_opens_only_in_its_own_place() {
        let sealed = key().seal(b"bucket/1", b"cur|a", b"value", &[1; 24]);
        assert_eq!(sealed.len(), 5 + ENVELOPE_OVERHEAD_BYTES);
        assert_eq!(key().open(b"bucket/1", b"cur|a", &sealed).unwrap(), b"value");
        for (partition, row) in
            [(&b"bucket/2"[..], &b"cur|a"[..]), (b"bucket/1", b"cur|b"), (b"bucket/1c", b"ur|a"), (b"", b"")]
        {
            assert_eq!(key().open(partition, row, &sealed), Err(OpenError::Altered));
        }
    }

    #[test]
    fn every_flipped_bit_of_a_row_is_found() {
        let sealed = key().seal(b"p", b"k", b"some value", &[1; 24]);
        for position in 0..sealed.len() {
            for bit in 0..8 {
                let mut bad = sealed.clone();
                bad[position] ^= 1 << bit;
                assert!(key().open(b"p", b"k", &bad).is_err(), "byte {position}, bit {bit}");
            }
            assert!(key().open(b"p", b"k", &sealed[..position]).is_err(), "cut at {position}");
        }
        let mut longer = sealed.clone();
        longer.push(0);
        assert!(key().open(b"p", b"k", &longer).is_err());
    }

    #[test]
    fn an_unknown_format_or_epoch_is_named() {
        let mut sealed = key().seal(b"p", b"k", b"", &[1; 24]);
        assert_eq!(sealed_epoch(&sealed), Ok(EpochId::FIRST));
        sealed[4] = 2;
        assert_eq!(
            key().open(b"p", b"k", &sealed),
            Err(OpenError::UnknownEpoch(EpochId::from_u32(2).unwrap()))
        );
        sealed[0] = 9;
        assert_eq!(key().open(b"p", b"k", &sealed), Err(OpenError::Format { found: 9 }));
    }

    #[test]
    fn a_secret_opens_only_in_its_own_context() {
        let key = SecretKey::new(EpochId::FIRST, &SecretBytes::take(&mut [5; 32]));
        let sealed = key.seal_secret(b"access-key/AKIA1", b"secret", &[2; 24]);
        assert_eq!(&key.open_secret(b"access-key/AKIA1", &sealed).unwrap()[..], b"secret");
        assert_eq!(key.open_secret(b"access-key/AKIA2", &sealed), Err(OpenError::Altered));
    }

    proptest! {
        #[test]
        fn rows_round_trip_and_arbitrary_bytes_never_open(
            plain in prop::collection::vec(any::<u8>(), 0..2000),
            place in prop::collection::vec(any::<u8>(), 0..64),
            nonce in any::<[u8; 24]>(),
        ) {
            let sealed = key().seal(&place, &plain, &plain, &nonce);
            prop_assert_eq!(key().open(&place, &plain, &sealed).unwrap(), &plain[..]);
            fuzz_sealed_row(&plain);
        }
    }
}
