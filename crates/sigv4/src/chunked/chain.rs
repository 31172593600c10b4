//! Chained signatures: each covers its chunk and the signature before it, the first that of the head.

use std::fmt;

use aws_lc_rs::digest;

use crate::key::SigningKey;
use crate::scope::CredentialScope;

/// SHA-256 of nothing, in hexadecimal digits.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Where a chain of signatures stands.
#[derive(Clone)]
pub(crate) struct Chain {
    key: SigningKey,
    /// `date\nscope\n`.
    middle: String,
    previous: [u8; 64],
}

impl Chain {
    pub(crate) fn new(key: SigningKey, seed: [u8; 32], amz_date: &str, scope: &CredentialScope) -> Self {
        Self { key, middle: format!("{amz_date}\n{scope}\n"), previous: hex_digits(&seed) }
    }

    /// The signature of the next chunk, whose data has this digest.
    pub(super) fn chunk(&mut self, data: &digest::Digest) -> [u8; 32] {
        let hash = hex::encode(data);
        let algorithm: &[u8] = b"AWS4-HMAC-SHA256-PAYLOAD\n";
        let pieces = [
            algorithm,
            self.middle.as_bytes(),
            &self.previous,
            b"\n",
            EMPTY_SHA256.as_bytes(),
            b"\n",
            hash.as_bytes(),
        ];
        let signature = self.key.sign_pieces(&pieces);
        self.previous = hex_digits(&signature);
        signature
    }

    /// The signature of the trailer, given as `name:value\n` lines.
    pub(super) fn trailer(&mut self, lines: &[u8]) -> [u8; 32] {
        let hash = hex::encode(digest::digest(&digest::SHA256, lines));
        let algorithm: &[u8] = b"AWS4-HMAC-SHA256-TRAILER\n";
        let pieces = [algorithm, self.middle.as_bytes(), &self.previous, b"\n", hash.as_bytes()];
        let signature = self.key.sign_pieces(&pieces);
        self.previous = hex_digits(&signature);
        signature
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain(redacted)")
    }
}

fn hex_digits(bytes: &[u8; 32]) -> [u8; 64] {
    let mut digits = [b'0'; 64];
    // INVARIANT: 32 bytes are 64 digits, so this does not fail.
    let _ = hex::encode_to_slice(bytes, &mut digits);
    digits
}
