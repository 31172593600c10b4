//! Signing keys, derived once a day for each key, region and service.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::hmac;
use strongroom_types::{AccessKeyId, SecretAccessKey};
use zeroize::Zeroizing;

use crate::limits::{SIGNING_KEY_CACHE_ENTRIES, SIGNING_KEY_CACHE_SHARDS};
use crate::scope::CredentialScope;

/// The key that signs requests of one credential scope. Never printed; its memory is cleansed when it is dropped.
///
/// Source: IAM User Guide, "Create a signed AWS API request", "Step 3: Calculate the signature".
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Derives the key of a scope: four HMACs.
    pub fn derive(secret: &SecretAccessKey, scope: &CredentialScope) -> Self {
        let seed = Zeroizing::new(format!("AWS4{}", secret.expose()));
        let date = step(seed.as_bytes(), scope.date());
        let region = step(&*date, scope.region().as_str());
        let service = step(&*region, scope.service());
        let signing = step(&*service, "aws4_request");
        Self(hmac::Key::new(hmac::HMAC_SHA256, &*signing))
    }

    /// The signature of a string to sign.
    pub(crate) fn sign(&self, string_to_sign: &[u8]) -> [u8; 32] {
        to_array(&hmac::sign(&self.0, string_to_sign))
    }

    /// A signature over several pieces, without putting them together.
    pub(crate) fn sign_pieces(&self, pieces: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for piece in pieces {
            context.update(piece);
        }
        to_array(&context.sign())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

fn step(key: &[u8], data: &str) -> Zeroizing<[u8; 32]> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    Zeroizing::new(to_array(&hmac::sign(&key, data.as_bytes())))
}

fn to_array(tag: &hmac::Tag) -> [u8; 32] {
    let mut bytes = [0; 32];
    // INVARIANT: a tag of HMAC-SHA256 has 32 bytes.
    for (slot, byte) in bytes.iter_mut().zip(tag.as_ref()) {
        *slot = *byte;
    }
    bytes
}

/// Keeps the signing keys of the credentials in use.
///
/// An entry is found by access key id and scope and is good only for the secret that it was derived from, so a
/// changed secret never meets an old key. Holds [`SIGNING_KEY_CACHE_ENTRIES`] at most; the least recently used of a
/// shard goes first. A stranger who knows an id can fill a shard with other regions and so make keys be derived
/// anew, which costs four HMACs; check scope and time first ([`crate::SignedRequest::check_scope_and_time`]).
pub struct SigningKeyCache {
    shards: Vec<Mutex<Vec<Entry>>>,
}

struct Entry {
    access_key_id: AccessKeyId,
    scope: CredentialScope,
    secret: SecretAccessKey,
    key: SigningKey,
}

const ENTRIES_OF_SHARD: usize = SIGNING_KEY_CACHE_ENTRIES / SIGNING_KEY_CACHE_SHARDS;

impl SigningKeyCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self { shards: (0..SIGNING_KEY_CACHE_SHARDS).map(|_| Mutex::new(Vec::new())).collect() }
    }

    /// The signing key of a scope, from the cache or derived.
    pub fn signing_key(
        &self,
        id: &AccessKeyId,
        secret: &SecretAccessKey,
        scope: &CredentialScope,
    ) -> SigningKey {
        let Some(shard) = self.shards.get(shard_of(id)) else { return SigningKey::derive(secret, scope) };
        // A poisoned shard holds whole entries still: each is pushed or removed in one step.
        let mut entries = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let found = entries.iter().position(|entry| entry.access_key_id == *id && entry.scope == *scope);
        let entry = match found.map(|at| entries.remove(at)).filter(|entry| entry.secret == *secret) {
            Some(entry) => entry,
            None => Entry {
                access_key_id: id.clone(),
                scope: scope.clone(),
                secret: secret.clone(),
                key: SigningKey::derive(secret, scope),
            },
        };
        let key = entry.key.clone();
        if entries.len() >= ENTRIES_OF_SHARD {
            entries.remove(0);
        }
        entries.push(entry);
        key
    }

    /// Forgets all keys of an access key, as when it is deleted.
    pub fn forget(&self, id: &AccessKeyId) {
        if let Some(shard) = self.shards.get(shard_of(id)) {
            shard.lock().unwrap_or_else(PoisonError::into_inner).retain(|entry| entry.access_key_id != *id);
        }
    }
}

impl Default for SigningKeyCache {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SigningKeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeyCache(redacted)")
    }
}

/// FNV-1a: which ids exist is not an attacker's choice, so no keyed hash is needed.
fn shard_of(id: &AccessKeyId) -> usize {
    let hash = id
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    usize::try_from(hash).unwrap_or(0) % SIGNING_KEY_CACHE_SHARDS
}

#[cfg(test)]
mod tests {
    use strongroom_types::Region;
    use strongroom_types::Timestamp;

    use super::*;

    fn scope(day: &str) -> CredentialScope {
        let at = Timestamp::parse_amz_date(&format!("{day}T000000Z")).unwrap();
        CredentialScope::new(at, Region::us_east_1(), "iam").unwrap()
    }

    fn secret(text: &str) -> SecretAccessKey {
        SecretAccessKey::new(text.to_owned())
    }

    /// IAM User Guide (2016), "Examples of how to derive a signing key".
    #[test]
    fn derives_the_documented_signature() {
        let key = SigningKey::derive(&secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), &scope("20150830"));
        let string_to_sign = "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
                              f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
        let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        assert_eq!(hex::encode(key.sign(string_to_sign.as_bytes())), signature);
        let (start, end) = string_to_sign.as_bytes().split_at(20);
        assert_eq!(hex::encode(key.sign_pieces(&[start, end])), signature);
        assert_eq!(format!("{key:?}"), "SigningKey(redacted)");
    }

    #[test]
    fn a_changed_secret_never_meets_an_old_key() {
        let (cache, id) = (SigningKeyCache::new(), AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap());
        let sign =
            |secret: &SecretAccessKey, day: &str| cache.signing_key(&id, secret, &scope(day)).sign(b"x");
        let (old, new) = (secret("old"), secret("new"));
        let first = sign(&old, "20260101");
        assert_eq!(sign(&old, "20260101"), first);
        assert_ne!(sign(&new, "20260101"), first);
        assert_eq!(sign(&new, "20260101"), SigningKey::derive(&new, &scope("20260101")).sign(b"x"));
        assert_ne!(sign(&new, "20260102"), sign(&new, "20260101"));
        assert_eq!(sign(&old, "20260101"), first);
    }

    #[test]
    fn the_cache_stays_within_its_limit_and_forgets_on_demand() {
        let (cache, secret) = (SigningKeyCache::new(), secret("s"));
        for number in 0..2 * SIGNING_KEY_CACHE_ENTRIES {
            let id = AccessKeyId::parse(&format!("AKIA{number:016}")).unwrap();
            cache.signing_key(&id, &secret, &scope("20260101"));
        }
        let held = |cache: &SigningKeyCache| -> usize {
            cache.shards.iter().map(|shard| shard.lock().unwrap().len()).sum()
        };
        assert!(held(&cache) <= SIGNING_KEY_CACHE_ENTRIES);
        let last = AccessKeyId::parse(&format!("AKIA{:016}", 2 * SIGNING_KEY_CACHE_ENTRIES - 1)).unwrap();
        let before = held(&cache);
        cache.forget(&last);
        assert_eq!(held(&cache), before - 1);
    }
}
