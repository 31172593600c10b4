//! Data keys at rest: a wrapped key lies in the row of the version or part whose blob it opens, never in the
//! blob, so that a new root key, a rewrap or another kind of encryption rewrites rows, not data.

use std::collections::BTreeMap;
use std::fmt;

use strongroom_types::{Arn, BucketId};
use zeroize::Zeroize as _;

use crate::aead::Xaes;
use crate::error::{OpenError, WrapError};
use crate::keyring::EpochId;
use crate::limits::{
    KEY_BYTES, MAX_ENCRYPTION_CONTEXT_BYTES, MAX_KMS_KEY_ID_BYTES, MAX_WRAPPED_BYTES, NONCE_BYTES, TAG_BYTES,
};
use crate::secret::{DataKey, SecretBytes};

const FORMAT: u8 = 1;
const KIND_BUCKET: u8 = 1;
const KIND_KMS: u8 = 2;
const KIND_CUSTOMER: u8 = 3;

/// Wraps and unwraps data keys under one key.
///
/// A value of this trait is a capability: whoever makes one has shown the permit that its key demands (a KMS
/// key's `kms:GenerateDataKey` or `kms:Decrypt`; nothing for the bucket key of SSE-S3) and has loaded the key.
/// Its user brings only the data key and the encryption context, and cannot tell the kinds apart.
pub trait KeyWrapper: Send + Sync {
    /// Wraps `key`, bound to `context`.
    ///
    /// # Errors
    /// [`WrapError`], when the wrapping key cannot be used.
    fn wrap_key(&self, key: &DataKey, context: &EncryptionContext) -> Result<WrappedKey, WrapError>;

    /// Unwraps what [`wrap_key`](Self::wrap_key) of the same wrapper made for the same context.
    ///
    /// # Errors
    /// [`WrapError`], when another wrapper made it, the context differs, or the bytes were altered.
    fn unwrap_key(&self, wrapped: &WrappedKey, context: &EncryptionContext) -> Result<DataKey, WrapError>;

    /// The ARN of the KMS key, where there is one (`x-amz-server-side-encryption-aws-kms-key-id`).
    fn key_arn(&self) -> Option<&Arn>;
}

/// Unwraps a key with one wrapper and wraps it with another: how survivors move to a new epoch, or to another
/// kind of encryption, without a look at the data.
///
/// # Errors
/// Those of the two wrappers.
pub fn rewrap(
    from: &dyn KeyWrapper,
    to: &dyn KeyWrapper,
    wrapped: &WrappedKey,
    context: &EncryptionContext,
) -> Result<WrappedKey, WrapError> {
    to.wrap_key(&from.unwrap_key(wrapped, context)?, context)
}

/// Which key wrapped a data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrapperId {
    /// SSE-S3: the key of the bucket, of this epoch.
    BucketKey {
        /// The epoch from which the bucket's key is derived.
        epoch: EpochId,
    },
    /// SSE-KMS: the KMS key of this id (and backing key), 1 to 2,048 bytes.
    KmsKey {
        /// As the KMS named it.
        id: Box<str>,
    },
    /// SSE-C: a key that only the customer has, and over it the key of the bucket.
    CustomerKey {
        /// The epoch from which the bucket's key is derived.
        epoch: EpochId,
    },
}

/// A data key as it lies in a row: the id of its wrapper and the wrapped bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    wrapper: WrapperId,
    bytes: Box<[u8]>,
}

impl WrappedKey {
    /// What a wrapper made.
    ///
    /// # Errors
    /// [`OpenError::Length`] when the id or the bytes are empty or longer than their limit.
    pub fn new(wrapper: WrapperId, bytes: &[u8]) -> Result<Self, OpenError> {
        if let WrapperId::KmsKey { id } = &wrapper
            && !(1..=MAX_KMS_KEY_ID_BYTES).contains(&id.len())
        {
            return Err(OpenError::Length);
        }
        if !(1..=MAX_WRAPPED_BYTES).contains(&bytes.len()) {
            return Err(OpenError::Length);
        }
        Ok(Self { wrapper, bytes: bytes.into() })
    }

    /// What a wrapper of this crate made; its bytes have a length within the limits.
    pub(crate) fn of(wrapper: WrapperId, bytes: &[u8]) -> Self {
        Self { wrapper, bytes: bytes.into() }
    }

    /// Which key wrapped it.
    pub fn wrapper(&self) -> &WrapperId {
        &self.wrapper
    }

    /// The wrapped bytes, in the wrapper's own form.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The form that lies in a row: format byte, wrapper, bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = header(&self.wrapper);
        out.extend_from_slice(&self.bytes);
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`OpenError::Format`] for an unknown format or wrapper, [`OpenError::Length`] for a length that no
    /// encoding has.
    pub fn decode(bytes: &[u8]) -> Result<Self, OpenError> {
        let (wrapper, rest) = match bytes {
            [FORMAT, kind @ (KIND_BUCKET | KIND_CUSTOMER), a, b, c, d, rest @ ..] => {
                let epoch =
                    EpochId::from_u32(u32::from_be_bytes([*a, *b, *c, *d])).ok_or(OpenError::Altered)?;
                let customer = *kind == KIND_CUSTOMER;
                let wrapper =
                    if customer { WrapperId::CustomerKey { epoch } } else { WrapperId::BucketKey { epoch } };
                (wrapper, rest)
            }
            [FORMAT, KIND_KMS, high, low, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                let (id, rest) = rest.split_at_checked(length).ok_or(OpenError::Length)?;
                let id = std::str::from_utf8(id).map_err(|_| OpenError::Altered)?;
                (WrapperId::KmsKey { id: id.into() }, rest)
            }
            [FORMAT, KIND_BUCKET | KIND_KMS | KIND_CUSTOMER, ..] | [FORMAT] | [] => {
                return Err(OpenError::Length);
            }
            [FORMAT, found, ..] | [found, ..] => return Err(OpenError::Format { found: *found }),
        };
        Self::new(wrapper, rest)
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedKey").field("wrapper", &self.wrapper).finish_non_exhaustive()
    }
}

/// What stands before the wrapped bytes; it is also the beginning of their associated data.
pub(crate) fn header(wrapper: &WrapperId) -> Vec<u8> {
    let with_epoch = |kind, epoch: &EpochId| {
        let [a, b, c, d] = epoch.as_u32().to_be_bytes();
        vec![FORMAT, kind, a, b, c, d]
    };
    match wrapper {
        WrapperId::BucketKey { epoch } => with_epoch(KIND_BUCKET, epoch),
        WrapperId::KmsKey { id } => {
            let [high, low] = u16::try_from(id.len()).unwrap_or(u16::MAX).to_be_bytes();
            let mut out = vec![FORMAT, KIND_KMS, high, low];
            out.extend_from_slice(id.as_bytes());
            out
        }
        WrapperId::CustomerKey { epoch } => with_epoch(KIND_CUSTOMER, epoch),
    }
}

/// Names and values that are bound to a wrapped key: the same must be given to unwrap it.
///
/// Source: AWS KMS Developer Guide, "Encryption context": case-sensitive, order does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncryptionContext(BTreeMap<Box<str>, Box<str>>);

/// A name or value cannot be added to an encryption context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionContextError {
    /// The name is there already.
    #[error("an encryption context has each name once")]
    Duplicate,
    /// Names and values together are too long.
    #[error("an encryption context has at most 8192 bytes")]
    TooLong,
}

impl EncryptionContext {
    /// An empty context.
    pub fn new() -> Self {
        Self::default()
    }

    /// The context with one more pair.
    ///
    /// # Errors
    /// [`EncryptionContextError`] for a name that is there already, or beyond 8,192 bytes.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, EncryptionContextError> {
        let length: usize = self.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        if length + name.len() + value.len() > MAX_ENCRYPTION_CONTEXT_BYTES {
            return Err(EncryptionContextError::TooLong);
        }
        match self.0.insert(name.into(), value.into()) {
            Some(_) => Err(EncryptionContextError::Duplicate),
            None => Ok(self),
        }
    }

    /// The pairs, ordered by the bytes of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The one encoding of these pairs: each name and value after its length, ordered by name.
    fn encode_into(&self, out: &mut Vec<u8>) {
        for text in self.0.iter().flat_map(|(name, value)| [name, value]) {
            out.extend_from_slice(&(text.len() as u64).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// The key of a bucket in one epoch, which wraps the data keys of SSE-S3, and once more those of SSE-C.
pub struct BucketKey {
    epoch: EpochId,
    bucket: BucketId,
    cipher: Xaes,
}

impl BucketKey {
    pub(crate) fn new(epoch: EpochId, bucket: BucketId, key: &SecretBytes) -> Self {
        Self { epoch, bucket, cipher: Xaes::new(key) }
    }

    /// The epoch from which this key is derived.
    pub fn epoch(&self) -> EpochId {
        self.epoch
    }

    /// Its cipher, for the outer layer of SSE-C.
    pub(crate) fn cipher(&self) -> &Xaes {
        &self.cipher
    }

    /// Wraps `key`, bound to this bucket and `context`. `nonce` must be fresh random bytes.
    pub fn wrap(&self, key: &DataKey, context: &EncryptionContext, nonce: &[u8; NONCE_BYTES]) -> WrappedKey {
        let wrapper = WrapperId::BucketKey { epoch: self.epoch };
        let aad = self.associated_data(context);
        let mut secret = *key.expose();
        let tag = self.cipher.seal(nonce, &aad, &mut secret);
        let bytes = [&nonce[..], &secret[..], &tag[..]].concat();
        WrappedKey { wrapper, bytes: bytes.into() }
    }

    /// Unwraps what [`wrap`](Self::wrap) made.
    ///
    /// # Errors
    /// [`WrapError::OtherWrapper`] for another kind of wrapper; [`OpenError::UnknownEpoch`] for another epoch;
    /// otherwise what is wrong with the bytes.
    pub fn unwrap(&self, wrapped: &WrappedKey, context: &EncryptionContext) -> Result<DataKey, WrapError> {
        match &wrapped.wrapper {
            WrapperId::BucketKey { epoch } if *epoch == self.epoch => {}
            WrapperId::BucketKey { epoch } => return Err(OpenError::UnknownEpoch(*epoch).into()),
            WrapperId::KmsKey { .. } | WrapperId::CustomerKey { .. } => return Err(WrapError::OtherWrapper),
        }
        let (nonce, body) = wrapped.bytes.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::Length)?;
        let mut body = <[u8; KEY_BYTES + TAG_BYTES]>::try_from(body).map_err(|_| OpenError::Length)?;
        let plain = self.cipher.open(nonce, &self.associated_data(context), &mut body)?;
        let secret = SecretBytes::from_slice(plain).ok_or(OpenError::Length)?;
        body.zeroize();
        Ok(DataKey::from_secret(secret))
    }

    fn associated_data(&self, context: &EncryptionContext) -> Vec<u8> {
        let mut aad = header(&WrapperId::BucketKey { epoch: self.epoch });
        aad.extend_from_slice(self.bucket.as_bytes());
        context.encode_into(&mut aad);
        aad
    }
}

impl fmt::Debug for BucketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketKey")
            .field("epoch", &self.epoch)
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

/// The fuzz entry for wrapped keys: what decodes encodes to the same bytes.
#[doc(hidden)]
pub fn fuzz_wrapped_key(data: &[u8]) {
    if let Ok(wrapped) = WrappedKey::decode(data) {
        assert_eq!(wrapped.encode(), data, "a wrapped key has one encoding");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket_key(epoch: u32, bucket: u8) -> BucketKey {
        let epoch = EpochId::from_u32(epoch).unwrap();
        BucketKey::new(epoch, BucketId::from_bytes([bucket; 16]), &SecretBytes::take(&mut [3; 32]))
    }

    fn data_key() -> DataKey {
        DataKey::from_secret(SecretBytes::take(&mut [8; 32]))
    }

    fn context() -> EncryptionContext {
        EncryptionContext::new().with("aws:s3:arn", "arn:aws:s3:::b/k").unwrap().with("b", "").unwrap()
    }

    #[test]
    fn a_wrapped_key_opens_only_in_its_bucket_epoch_and_context() {
        let wrapped = bucket_key(1, 1).wrap(&data_key(), &context(), &[4; 24]);
        assert_eq!(bucket_key(1, 1).unwrap(&wrapped, &context()), Ok(data_key()));
        assert_eq!(bucket_key(1, 2).unwrap(&wrapped, &context()), Err(OpenError::Altered.into()));
        let unknown = OpenError::UnknownEpoch(EpochId::FIRST);
        assert_eq!(bucket_key(2, 1).unwrap(&wrapped, &context()), Err(unknown.into()));
        let other = context().with("c", "").unwrap();
        assert_eq!(bucket_key(1, 1).unwrap(&wrapped, &other), Err(OpenError::Altered.into()));
        let customer =
            WrappedKey::new(WrapperId::CustomerKey { epoch: EpochId::FIRST }, wrapped.bytes()).unwrap();
        assert_eq!(bucket_key(1, 1).unwrap(&customer, &context()), Err(WrapError::OtherWrapper));
    }

    #[test]
    fn every_flipped_bit_of_a_wrapped_key_is_found() {
        let bytes = bucket_key(1, 1).wrap(&data_key(), &context(), &[4; 24]).encode();
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[position] ^= 1 << bit;
                let opened = WrappedKey::decode(&bad)
                    .map_err(WrapError::from)
                    .and_then(|wrapped| bucket_key(1, 1).unwrap(&wrapped, &context()));
                assert!(opened.is_err(), "byte {position}, bit {bit}");
            }
            let cut = WrappedKey::decode(&bytes[..position]).map_err(WrapError::from);
            assert!(cut.and_then(|wrapped| bucket_key(1, 1).unwrap(&wrapped, &context())).is_err());
        }
    }

    #[test]
    fn contexts_encode_without_ambiguity() {
        let encode = |pairs: &[(&str, &str)]| {
            let mut out = Vec::new();
            let context = pairs.iter().fold(EncryptionContext::new(), |c, (n, v)| c.with(n, v).unwrap());
            context.encode_into(&mut out);
            out
        };
        assert_eq!(encode(&[("a", "1"), ("b", "2")]), encode(&[("b", "2"), ("a", "1")]));
        assert_ne!(encode(&[("a", "1b")]), encode(&[("a1", "b")]));
        assert_ne!(encode(&[("a", "1"), ("b", "2")]), encode(&[("a", "1"), ("b2", "")]));
        assert_eq!(context().with("b", "x"), Err(EncryptionContextError::Duplicate));
        assert_eq!(context().with("long", &"x".repeat(8192)), Err(EncryptionContextError::TooLong));
    }

    #[test]
    fn every_kind_of_wrapper_round_trips() {
        for wrapper in [
            WrapperId::BucketKey { epoch: EpochId::FIRST },
            WrapperId::KmsKey { id: "arn:aws:kms:us-east-1:111122223333:key/1".into() },
            WrapperId::CustomerKey { epoch: EpochId::FIRST },
        ] {
            let wrapped = WrappedKey::new(wrapper, b"bytes").unwrap();
            assert_eq!(WrappedKey::decode(&wrapped.encode()), Ok(wrapped));
        }
        assert_eq!(WrappedKey::new(WrapperId::KmsKey { id: "".into() }, b"x"), Err(OpenError::Length));
        assert_eq!(WrappedKey::decode(&[1, 7, 0]), Err(OpenError::Format { found: 7 }));
        assert_eq!(WrappedKey::decode(&[2, 1, 0]), Err(OpenError::Format { found: 2 }));
    }

    proptest! {
        #[test]
        fn arbitrary_wrapped_keys_never_panic(mut data in prop::collection::vec(any::<u8>(), 0..80), kind in 0u8..5) {
            fuzz_wrapped_key(&data);
            if let [format, slot, ..] = &mut data[..] {
                (*format, *slot) = (FORMAT, kind);
            }
            fuzz_wrapped_key(&data);
        }
    }
}
