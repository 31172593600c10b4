//! Keys that a customer brings with each request and takes away again (SSE-C).
//!
//! A data key is wrapped twice: under a key derived from the customer's, and what that gives under the bucket's own. So
//! neither the disk with the root key nor the customer's key with a stolen row opens anything alone; another epoch
//! needs only the outer layer, which is ours. Nothing of the customer's key is stored: that another one does not open
//! the inner layer is how it is told.
//!
//! Source: S3 User Guide, "Using server-side encryption with customer-provided keys (SSE-C)".

use std::fmt;

use strongroom_types::{BucketId, ObjectKey, UploadId};
use zeroize::{Zeroize as _, Zeroizing};

use crate::aead::{Xaes, derive};
use crate::blob::BlobBinding;
use crate::error::{OpenError, WrapError};
use crate::limits::{KEY_BYTES, NONCE_BYTES, TAG_BYTES};
use crate::secret::{DataKey, SecretBytes};
use crate::wrap::{BucketKey, WrappedKey, WrapperId, header};

/// What the customer's layer of a wrapped key begins its associated data with: format and kind.
const INNER_HEADER: [u8; 2] = [1, 3];

/// The customer's layer: nonce, wrapped key, tag.
const INNER_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// A customer's key. Zeroed when dropped, never shown, never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerKey(SecretBytes);

/// What a key is wrapped for, under a customer's key; it opens for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CustomerPlace<'a> {
    /// The data key of a blob.
    Blob(BlobBinding<'a>),
    /// A random key that seals nothing: it only tells whether a part's customer key is the one that the upload was
    /// begun with.
    Upload {
        /// The bucket's incarnation.
        bucket: BucketId,
        /// The key of the object to be.
        key: &'a ObjectKey,
        /// The upload.
        upload: UploadId,
    },
}

impl CustomerPlace<'_> {
    /// The bucket's incarnation.
    pub fn bucket(&self) -> BucketId {
        match self {
            Self::Blob(binding) => binding.bucket,
            Self::Upload { bucket, .. } => *bucket,
        }
    }

    /// The one encoding of a place: its kind, bucket, id, object key. Only the last has a length of its own.
    fn encode(&self) -> Vec<u8> {
        let (kind, bucket, id, key) = match self {
            Self::Blob(BlobBinding { bucket, key, blob }) => (0, bucket, blob.as_bytes(), key),
            Self::Upload { bucket, key, upload } => (1, bucket, upload.as_bytes(), key),
        };
        [&[kind], &bucket.as_bytes()[..], &id[..], key.as_bytes()].concat()
    }
}

impl CustomerKey {
    /// The key that a request brought.
    pub fn from_secret(secret: SecretBytes) -> Self {
        Self(secret)
    }

    /// The key for one place. The place's id is random, so that it is also the salt.
    fn cipher(&self, place: &[u8]) -> Xaes {
        Xaes::new(&derive(&self.0, "sse-c", place))
    }

    /// Wraps `key` for `place` under this key, and that under `own`, the key of the place's bucket. Each nonce must be
    /// fresh random bytes.
    pub fn wrap(
        &self,
        own: &BucketKey,
        place: &CustomerPlace<'_>,
        key: &DataKey,
        [inner, outer]: &[[u8; NONCE_BYTES]; 2],
    ) -> WrappedKey {
        let place = place.encode();
        let mut secret = *key.expose();
        let tag = self.cipher(&place).seal(inner, &inner_associated_data(&place), &mut secret);
        let mut body = [&inner[..], &secret[..], &tag[..]].concat();
        let wrapper = WrapperId::CustomerKey { epoch: own.epoch() };
        let tag = own.cipher().seal(outer, &outer_associated_data(&wrapper, &place), &mut body);
        WrappedKey::of(wrapper, &[&outer[..], &body[..], &tag[..]].concat())
    }

    /// Unwraps what [`wrap`](Self::wrap) made.
    ///
    /// # Errors
    /// [`WrapError::OtherCustomerKey`] when the bytes are sound and this is not the key that they were wrapped under;
    /// otherwise as [`prove_outer`].
    pub fn unwrap(
        &self,
        own: &BucketKey,
        place: &CustomerPlace<'_>,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, WrapError> {
        let place = place.encode();
        let inner = open_outer(own, &place, wrapped)?;
        let (nonce, body) = inner.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::Length)?;
        let mut body =
            Zeroizing::new(*body.first_chunk::<{ KEY_BYTES + TAG_BYTES }>().ok_or(OpenError::Length)?);
        // INVARIANT: the outer layer opened, so these are the bytes that were wrapped for this place, and only the
        // customer's key can be another.
        let opened = self.cipher(&place).open(nonce, &inner_associated_data(&place), &mut body[..]);
        let plain = opened.map_err(|_| WrapError::OtherCustomerKey)?;
        Ok(DataKey::from_secret(SecretBytes::from_slice(plain).ok_or(OpenError::Length)?))
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey(redacted)")
    }
}

/// Proves what can be proved of a wrapped key without the customer's: that the bucket's key wrapped it for this place,
/// and that it is unaltered.
///
/// # Errors
/// [`WrapError::OtherWrapper`] for another kind of wrapper; [`OpenError::UnknownEpoch`] for another epoch; otherwise what
/// is wrong with the bytes.
pub fn prove_outer(
    own: &BucketKey,
    place: &CustomerPlace<'_>,
    wrapped: &WrappedKey,
) -> Result<(), WrapError> {
    open_outer(own, &place.encode(), wrapped).map(drop)
}

fn open_outer(own: &BucketKey, place: &[u8], wrapped: &WrappedKey) -> Result<[u8; INNER_BYTES], WrapError> {
    match wrapped.wrapper() {
        WrapperId::CustomerKey { epoch } if *epoch == own.epoch() => {}
        WrapperId::CustomerKey { epoch } => return Err(OpenError::UnknownEpoch(*epoch).into()),
        WrapperId::BucketKey { .. } | WrapperId::KmsKey { .. } => return Err(WrapError::OtherWrapper),
    }
    let (nonce, body) = wrapped.bytes().split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::Length)?;
    let mut body = <[u8; INNER_BYTES + TAG_BYTES]>::try_from(body).map_err(|_| OpenError::Length)?;
    let opened = own.cipher().open(nonce, &outer_associated_data(wrapped.wrapper(), place), &mut body)?;
    let inner = <[u8; INNER_BYTES]>::try_from(&*opened).map_err(|_| OpenError::Length)?;
    body.zeroize();
    Ok(inner)
}

fn inner_associated_data(place: &[u8]) -> Vec<u8> {
    [&INNER_HEADER[..], place].concat()
}

fn outer_associated_data(wrapper: &WrapperId, place: &[u8]) -> Vec<u8> {
    [&header(wrapper)[..], place].concat()
}

#[cfg(test)]
mod tests;
