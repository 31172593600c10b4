//! Proving of a blob that it is what was sealed: what `verify` does offline and the scrub online. It is opened from its
//! first frame to its last; where only a customer's key opens it, its bytes are compared with their digest.

use std::fmt;

use strongroom_crypto::{
    BlobBinding, ChecksumSet, CustomerPlace, MultiDigest, Opener, WrappedKey, WrapperId, sealed_len,
};
use strongroom_kms::Keys;
use strongroom_s3::object::blob_encryption_context;
use strongroom_s3::row::BlobRow;
use strongroom_storage::{BlobStore, StoreError};
use strongroom_types::{BlobId, BucketId, ObjectKey};

/// Why nothing was proved.
#[derive(Debug)]
pub enum Unproved {
    /// The store does not give its bytes.
    Store(StoreError),
    /// Its bytes, or its key, are not what was sealed.
    Seal(String),
}

/// A blob that is being proved.
pub struct BlobProof {
    id: BlobId,
    how: How,
    at: u64,
    length: u64,
    frames: u64,
}

enum How {
    Open(Box<Opener>),
    /// The digest of the sealed bytes is in the row, which is sealed itself.
    Compare(Box<MultiDigest>, Option<[u8; 32]>),
    Done,
}

fn seal(error: impl fmt::Display) -> Unproved {
    Unproved::Seal(error.to_string())
}

fn key_fault(error: impl fmt::Display) -> Unproved {
    Unproved::Seal(format!("its wrapped key: {error}"))
}

impl BlobProof {
    /// Begins with the blob that a row of `object` names.
    ///
    /// # Errors
    /// [`Unproved`].
    pub async fn begin(
        blobs: &dyn BlobStore,
        keys: &Keys,
        bucket: BucketId,
        object: &ObjectKey,
        row: &BlobRow,
    ) -> Result<Self, Unproved> {
        let id = row.id();
        let binding = BlobBinding { bucket, key: object, blob: id };
        let wrapped = WrappedKey::decode(&row.wrapped_key).map_err(key_fault)?;
        let how = match wrapped.wrapper() {
            WrapperId::CustomerKey { .. } => {
                keys.prove_for_customer(&CustomerPlace::Blob(binding), &wrapped).map_err(key_fault)?;
                let digest = MultiDigest::new(false, true, ChecksumSet::EMPTY);
                How::Compare(Box::new(digest), row.sealed_sha256)
            }
            WrapperId::BucketKey { .. } | WrapperId::KmsKey { .. } => {
                let key = keys.unwrap_for_bucket(bucket, &wrapped, &blob_encryption_context());
                let opener = Opener::whole(&key.map_err(key_fault)?, &binding, row.plain_bytes);
                How::Open(Box::new(opener.map_err(seal)?))
            }
        };
        let length = blobs.len(id).await.map_err(Unproved::Store)?;
        if sealed_len(row.plain_bytes) != length {
            return Err(Unproved::Seal(format!("it has {length} sealed bytes, which its row does not say")));
        }
        Ok(Self { id, how, at: 0, length, frames: 0 })
    }

    /// Whether only a customer's key opens it.
    pub fn is_of_customer(&self) -> bool {
        matches!(self.how, How::Compare(..))
    }

    /// Goes on, by at most `most` bytes, which one read of the store may have. Gives how many they were; `None` once all of
    /// it is proved.
    ///
    /// # Errors
    /// [`Unproved`].
    pub async fn step(&mut self, blobs: &dyn BlobStore, most: u64) -> Result<Option<u64>, Unproved> {
        if self.at >= self.length {
            return self.finish().map(|()| None);
        }
        let end = self.length.min(self.at.saturating_add(most));
        let bytes = blobs.read(self.id, self.at..end).await.map_err(Unproved::Store)?;
        match &mut self.how {
            How::Open(opener) => {
                opener.push(bytes);
                while opener.next_frame().map_err(seal)?.is_some() {
                    self.frames += 1;
                }
            }
            How::Compare(digest, _) => digest.update(&bytes),
            How::Done => {}
        }
        let read = end - self.at;
        self.at = end;
        Ok(Some(read))
    }

    fn finish(&mut self) -> Result<(), Unproved> {
        match std::mem::replace(&mut self.how, How::Done) {
            How::Open(opener) => opener.finish().map_err(seal),
            How::Compare(digest, expected) => {
                let found = digest.finalize().sha256.map(|sha256| *sha256.as_bytes());
                if found.is_some() && found == expected {
                    Ok(())
                } else {
                    Err(Unproved::Seal("its bytes are not those that were sealed".to_owned()))
                }
            }
            How::Done => Ok(()),
        }
    }

    /// Frames opened so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }
}
