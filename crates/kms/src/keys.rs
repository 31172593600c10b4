//! The facade: sealing and opening under the keys of an installation.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use strongroom_crypto::limits::NONCE_BYTES;
use strongroom_crypto::{
    BucketKey, CustomerKey, CustomerPlace, DataKey, EncryptionContext, Entropy, EpochId, KeyWrapper, Keyring,
    KeyringError, NewDataKey, OpenError, RootKey, RowKey, SecretKey, WrapError, WrappedKey, WrapperId,
    prove_outer, sealed_epoch,
};
use strongroom_types::{Arn, BucketId};
use zeroize::Zeroizing;

use crate::entropy::SystemEntropy;
use crate::epochs::EpochsFile;
use crate::error::KeysError;

/// Most bucket keys held ready. One is derived again in microseconds, so at the limit all are let go.
const MAX_BUCKET_KEYS: usize = 4096;

/// The keys of an installation, ready for use. Share it in an [`Arc`].
///
/// It seals under the current epoch and opens what any epoch of the keyring sealed. The root key is not kept.
pub struct Keys {
    keyring: Keyring,
    /// The keys of each epoch, oldest first; the current epoch's are the last.
    older: Vec<EpochKeys>,
    current: EpochKeys,
    buckets: RwLock<HashMap<(EpochId, BucketId), Arc<BucketKey>>>,
    entropy: SystemEntropy,
}

/// The derived keys of one epoch.
struct EpochKeys {
    row: RowKey,
    record: RowKey,
    secret: SecretKey,
    token: SecretKey,
    kms: SecretKey,
}

impl EpochKeys {
    fn derive(keyring: &Keyring, epoch: EpochId) -> Result<Self, KeyringError> {
        Ok(Self {
            row: keyring.row_key(epoch)?,
            record: keyring.record_key(epoch)?,
            secret: keyring.secret_key(epoch)?,
            token: keyring.token_key(epoch)?,
            kms: keyring.kms_key(epoch)?,
        })
    }
}

impl Keys {
    /// Makes the epochs file of a new data directory, which must exist, and gives its keys.
    ///
    /// # Errors
    /// [`KeysError`]; a file that is there is never overwritten.
    pub fn create(data: &Path, root: &RootKey) -> Result<Self, KeysError> {
        let file = EpochsFile::of(data);
        let keyring = file.create(root, &SystemEntropy::new())?;
        Self::from_keyring(keyring)
            .map_err(|source| KeysError::Keyring { path: file.path().to_owned(), source })
    }

    /// The keys of a data directory.
    ///
    /// # Errors
    /// [`KeysError`]: another root key, or an epochs file that cannot be used.
    pub fn open(data: &Path, root: &RootKey) -> Result<Self, KeysError> {
        let file = EpochsFile::of(data);
        let keyring = file.load(root)?;
        Self::from_keyring(keyring)
            .map_err(|source| KeysError::Keyring { path: file.path().to_owned(), source })
    }

    /// The keys of a keyring that lies in no file: for tests, and for `verify` of a copy.
    ///
    /// # Errors
    /// None, for a keyring that was created or decoded.
    pub fn from_keyring(keyring: Keyring) -> Result<Self, KeyringError> {
        let current = EpochKeys::derive(&keyring, keyring.current())?;
        let older = keyring.epochs().filter(|epoch| *epoch != keyring.current());
        let older = older.map(|epoch| EpochKeys::derive(&keyring, epoch)).collect::<Result<_, _>>()?;
        Ok(Self { keyring, older, current, buckets: RwLock::default(), entropy: SystemEntropy::new() })
    }

    /// Seals the value of a row under the current epoch.
    pub fn seal_row(&self, partition: &[u8], key: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.current.row.seal(partition, key, plaintext, &self.nonce())
    }

    /// Opens the value of a row, of whatever epoch.
    ///
    /// # Errors
    /// [`OpenError`]: altered, moved, or of an epoch that was dropped.
    pub fn open_row(&self, partition: &[u8], key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        self.epoch_of(sealed)?.row.open(partition, key, sealed)
    }

    /// Seals a record under the current epoch.
    pub fn seal_record(&self, partition: &[u8], key: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.current.record.seal(partition, key, plaintext, &self.nonce())
    }

    /// Opens a record, of whatever epoch.
    ///
    /// # Errors
    /// As for [`open_row`](Self::open_row).
    pub fn open_record(&self, partition: &[u8], key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        self.epoch_of(sealed)?.record.open(partition, key, sealed)
    }

    /// Seals a small secret for a context that says what it is and whose (`access-key/AKIA…`, `ca-key`).
    pub fn seal_secret(&self, context: &[u8], secret: &[u8]) -> Vec<u8> {
        self.current.secret.seal_secret(context, secret, &self.nonce())
    }

    /// Opens a small secret for the context of its sealing.
    ///
    /// # Errors
    /// As for [`open_row`](Self::open_row).
    pub fn open_secret(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.epoch_of(sealed)?.secret.open_secret(context, sealed)
    }

    /// Seals what a client gets and brings back (continuation tokens, session tokens), for a context that binds
    /// it to its request.
    pub fn seal_token(&self, context: &[u8], token: &[u8]) -> Vec<u8> {
        self.current.token.seal_secret(context, token, &self.nonce())
    }

    /// Opens a token for the context of its sealing.
    ///
    /// # Errors
    /// [`OpenError`]: forged, of another context, or of an epoch that was dropped.
    pub fn open_token(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.epoch_of(sealed)?.token.open_secret(context, sealed)
    }

    /// Seals key material of a KMS key.
    pub fn seal_kms_material(&self, context: &[u8], material: &[u8]) -> Vec<u8> {
        self.current.kms.seal_secret(context, material, &self.nonce())
    }

    /// Opens key material of a KMS key.
    ///
    /// # Errors
    /// As for [`open_row`](Self::open_row).
    pub fn open_kms_material(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.epoch_of(sealed)?.kms.open_secret(context, sealed)
    }

    /// A fresh data key for one blob. Wrap it before the sealer consumes it.
    pub fn new_data_key(&self) -> NewDataKey {
        NewDataKey::generate(&self.entropy)
    }

    /// Wraps a data key under the bucket's key of the current epoch: SSE-S3.
    ///
    /// # Errors
    /// None while the keyring holds its current epoch, which it always does.
    pub fn wrap_for_bucket(
        &self,
        bucket: BucketId,
        key: &DataKey,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, WrapError> {
        let bucket_key = self.bucket_key(self.current_epoch(), bucket)?;
        Ok(bucket_key.wrap(key, context, &self.nonce()))
    }

    /// Unwraps a data key of SSE-S3, of whatever epoch.
    ///
    /// # Errors
    /// [`WrapError`]: altered, of another bucket or context, of a dropped epoch, or of another kind of wrapper.
    pub fn unwrap_for_bucket(
        &self,
        bucket: BucketId,
        wrapped: &WrappedKey,
        context: &EncryptionContext,
    ) -> Result<DataKey, WrapError> {
        match wrapped.wrapper() {
            WrapperId::BucketKey { epoch } => self.bucket_key(*epoch, bucket)?.unwrap(wrapped, context),
            WrapperId::KmsKey { .. } | WrapperId::CustomerKey { .. } => Err(WrapError::OtherWrapper),
        }
    }

    /// Wraps a data key under a customer's key, and that under the bucket's key of the current epoch: SSE-C.
    ///
    /// # Errors
    /// None while the keyring holds its current epoch, which it always does.
    pub fn wrap_for_customer(
        &self,
        customer: &CustomerKey,
        place: &CustomerPlace<'_>,
        key: &DataKey,
    ) -> Result<WrappedKey, WrapError> {
        let own = self.bucket_key(self.current_epoch(), place.bucket())?;
        Ok(customer.wrap(&own, place, key, &[self.nonce(), self.nonce()]))
    }

    /// Unwraps a data key of SSE-C, of whatever epoch.
    ///
    /// # Errors
    /// [`WrapError::OtherCustomerKey`] for another key than the one that it was wrapped under; otherwise as
    /// [`prove_for_customer`](Self::prove_for_customer).
    pub fn unwrap_for_customer(
        &self,
        customer: &CustomerKey,
        place: &CustomerPlace<'_>,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, WrapError> {
        customer.unwrap(&*self.outer_key(place, wrapped)?, place, wrapped)
    }

    /// Proves what can be proved of a data key of SSE-C without the customer's key.
    ///
    /// # Errors
    /// [`WrapError`]: altered, of another place, of a dropped epoch, or of another kind of wrapper.
    pub fn prove_for_customer(
        &self,
        place: &CustomerPlace<'_>,
        wrapped: &WrappedKey,
    ) -> Result<(), WrapError> {
        prove_outer(&*self.outer_key(place, wrapped)?, place, wrapped)
    }

    /// The bucket's key over a customer's.
    fn outer_key(
        &self,
        place: &CustomerPlace<'_>,
        wrapped: &WrappedKey,
    ) -> Result<Arc<BucketKey>, WrapError> {
        match wrapped.wrapper() {
            WrapperId::CustomerKey { epoch } => Ok(self.bucket_key(*epoch, place.bucket())?),
            WrapperId::BucketKey { .. } | WrapperId::KmsKey { .. } => Err(WrapError::OtherWrapper),
        }
    }

    /// The wrapper of SSE-S3 for one bucket.
    pub fn bucket_wrapper(self: &Arc<Self>, bucket: BucketId) -> BucketWrapper {
        BucketWrapper { keys: Arc::clone(self), bucket }
    }

    /// The entropy that serves requests.
    pub fn entropy(&self) -> &SystemEntropy {
        &self.entropy
    }

    /// The epoch under which everything is sealed now.
    pub fn current_epoch(&self) -> EpochId {
        self.keyring.current()
    }

    fn nonce(&self) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        self.entropy.fill(&mut nonce);
        nonce
    }

    fn epoch_of(&self, sealed: &[u8]) -> Result<&EpochKeys, OpenError> {
        let epoch = sealed_epoch(sealed)?;
        if epoch == self.keyring.current() {
            return Ok(&self.current);
        }
        self.older.iter().find(|keys| keys.row.epoch() == epoch).ok_or(OpenError::UnknownEpoch(epoch))
    }

    fn bucket_key(&self, epoch: EpochId, bucket: BucketId) -> Result<Arc<BucketKey>, OpenError> {
        // A lock poisoned by a panic elsewhere guards a cache of immutable keys: nothing in it is half done.
        if let Some(held) = self.buckets.read().unwrap_or_else(PoisonError::into_inner).get(&(epoch, bucket))
        {
            return Ok(Arc::clone(held));
        }
        let derived = self.keyring.bucket_key(epoch, bucket).map_err(|_| OpenError::UnknownEpoch(epoch))?;
        let derived = Arc::new(derived);
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_BUCKET_KEYS {
            buckets.clear();
        }
        buckets.insert((epoch, bucket), Arc::clone(&derived));
        Ok(derived)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("keyring", &self.keyring).finish_non_exhaustive()
    }
}

/// SSE-S3: wraps data keys under the key of one bucket.
#[derive(Debug, Clone)]
pub struct BucketWrapper {
    keys: Arc<Keys>,
    bucket: BucketId,
}

impl KeyWrapper for BucketWrapper {
    fn wrap_key(&self, key: &DataKey, context: &EncryptionContext) -> Result<WrappedKey, WrapError> {
        self.keys.wrap_for_bucket(self.bucket, key, context)
    }

    fn unwrap_key(&self, wrapped: &WrappedKey, context: &EncryptionContext) -> Result<DataKey, WrapError> {
        self.keys.unwrap_for_bucket(self.bucket, wrapped, context)
    }

    fn key_arn(&self) -> Option<&Arn> {
        None
    }
}

#[cfg(test)]
mod tests;
