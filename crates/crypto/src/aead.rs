//! AES-256-GCM, plain and with an extended nonce: the only module that calls the cipher, so that another
//! library can take its place here.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroize as _;

use crate::error::OpenError;
use crate::limits::{KEY_BYTES, NONCE_BYTES, TAG_BYTES};
use crate::secret::SecretBytes;

/// The library answers `Unspecified` for wrong lengths of keys and buffers, which are constants here, and when
/// memory is exhausted, where Rust's own allocations abort as well. It never does so because of a message.
#[expect(clippy::expect_used, reason = "fails only for lengths that are constants here; see above")]
fn never<T>(result: Result<T, Unspecified>) -> T {
    result.expect("the cipher accepts lengths that are fixed at compile time")
}

/// AES-256-GCM with nonces chosen by the caller, each to be used once under a key.
pub(crate) struct Gcm(LessSafeKey);

impl Gcm {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(LessSafeKey::new(never(UnboundKey::new(&AES_256_GCM, key))))
    }

    /// Encrypts in place and gives the tag.
    pub(crate) fn seal(&self, nonce: [u8; 12], aad: &[u8], in_out: &mut [u8]) -> [u8; TAG_BYTES] {
        let sealed =
            self.0.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), in_out);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(never(sealed).as_ref());
        tag
    }

    /// Opens ciphertext and tag in place; the plaintext is what stands before the tag afterwards.
    pub(crate) fn open<'a>(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        in_out: &'a mut [u8],
    ) -> Result<&'a mut [u8], OpenError> {
        self.0
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), in_out)
            .map_err(|Unspecified| OpenError::Altered)
    }
}

/// AES-256-GCM with random nonces of 192 bits: the first half of the nonce makes a key of its own, under which
/// the second half is the GCM nonce.
///
/// Random nonces of 96 bits under one key are safe for 2³² messages only, which a busy store writes in days.
/// With 192 bits, 2⁸⁰ messages collide with probability 2⁻³², and a subkey sees a handful of messages, so there
/// is no bound that an installation can reach. The price is two AES blocks and a key schedule for each message.
///
/// Source: C2SP, "XAES-256-GCM" (a NIST SP 800-108r1 KDF in counter mode with CMAC, and SP 800-38D).
pub(crate) struct Xaes {
    blocks: EncryptingKey,
    /// The CMAC subkey for complete blocks.
    k1: u128,
}

impl Xaes {
    pub(crate) fn new(key: &SecretBytes) -> Self {
        let blocks = never(EncryptingKey::ecb(never(UnboundCipherKey::new(&AES_256, key.expose()))));
        let mut zeros = [0; 16];
        never(blocks.encrypt(&mut zeros));
        let l = u128::from_be_bytes(zeros);
        zeros.zeroize();
        // Doubling in GF(2¹²⁸), without a branch on the secret bit.
        Self { blocks, k1: (l << 1) ^ ((l >> 127) * 0x87) }
    }

    /// The key and GCM nonce that belong to `nonce`.
    fn split(&self, nonce: &[u8; NONCE_BYTES]) -> (Gcm, [u8; 12]) {
        let (mut start, mut rest) = ([0; 16], [0; 12]);
        start.copy_from_slice(&nonce[..16]);
        rest.copy_from_slice(&nonce[12..]);
        let prefix = u128::from_be_bytes(start) >> 32;
        let block = |counter: u128| (counter << 112 | u128::from(b'X') << 104 | prefix) ^ self.k1;
        let mut key = [0; KEY_BYTES];
        key[..16].copy_from_slice(&block(1).to_be_bytes());
        key[16..].copy_from_slice(&block(2).to_be_bytes());
        never(self.blocks.encrypt(&mut key));
        let gcm = Gcm::new(&key);
        key.zeroize();
        (gcm, rest)
    }

    /// Encrypts in place and gives the tag.
    pub(crate) fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], in_out: &mut [u8]) -> [u8; TAG_BYTES] {
        let (gcm, rest) = self.split(nonce);
        gcm.seal(rest, aad, in_out)
    }

    /// Opens ciphertext and tag in place.
    pub(crate) fn open<'a>(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        in_out: &'a mut [u8],
    ) -> Result<&'a mut [u8], OpenError> {
        let (gcm, rest) = self.split(nonce);
        gcm.open(rest, aad, in_out)
    }
}

impl Drop for Xaes {
    fn drop(&mut self) {
        self.k1.zeroize();
    }
}

/// A key derived from another by HKDF-SHA-256 (RFC 5869) for one labelled purpose and context.
///
/// `info` is the label's length (one byte), the label, and the context, so that no two purposes share one.
pub(crate) fn derive(secret: &SecretBytes, label: &'static str, context: &[u8]) -> SecretBytes {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            KEY_BYTES
        }
    }
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"strongroom").extract(secret.expose());
    let length = [u8::try_from(label.len()).unwrap_or(u8::MAX)];
    let mut out = SecretBytes::zeroed();
    never(
        prk.expand(&[&length, label.as_bytes(), context], Length).and_then(|okm| okm.fill(out.expose_mut())),
    );
    out
}

/// HMAC-SHA-256 under a derived key.
pub(crate) fn mac(secret: &SecretBytes, message: &[u8]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    let mut out = [0; 32];
    out.copy_from_slice(hmac::sign(&key, message).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_extended_nonce_agrees_with_the_published_vectors() {
        // C2SP, XAES-256-GCM, "Test vectors".
        let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
        for (key, aad, sealed) in [
            (1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
            (3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
        ] {
            let cipher = Xaes::new(&SecretBytes::take(&mut [key; 32]));
            let mut text = b"XAES-256-GCM".to_vec();
            let tag = cipher.seal(nonce, aad.as_bytes(), &mut text);
            text.extend_from_slice(&tag);
            assert_eq!(text, unhex(sealed));
            assert_eq!(cipher.open(nonce, aad.as_bytes(), &mut text).unwrap(), b"XAES-256-GCM");
        }
    }

    #[test]
    fn gcm_agrees_with_the_published_vector() {
        // NIST GCM specification (McGrew, Viega), test case 16: AES-256, 60 bytes, 20 bytes of associated data.
        let key: [u8; 32] =
            unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308").try_into().unwrap();
        let nonce: [u8; 12] = unhex("cafebabefacedbaddecaf888").try_into().unwrap();
        let mut text = unhex(concat!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ));
        let tag = Gcm::new(&key).seal(nonce, &unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"), &mut text);
        assert_eq!(
            text,
            unhex(concat!(
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
                "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
            ))
        );
        assert_eq!(tag.to_vec(), unhex("76fc6ece0f4e1768cddf8853bb2d551b"));
    }

    #[test]
    fn purposes_and_contexts_never_share_a_key() {
        let secret = SecretBytes::take(&mut [7; 32]);
        let all = [derive(&secret, "a", b"bc"), derive(&secret, "ab", b"c"), derive(&secret, "abc", b"")];
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    }
}
