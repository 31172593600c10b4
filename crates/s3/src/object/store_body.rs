//! Plain bytes into a sealed blob: digested and sealed in one pass, staged, not yet part of anything.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::StreamExt as _;
use strongroom_crypto::{
    BlobBinding, ChecksumAlgorithm, ChecksumSet, CustomerPlace, DataKey, Digests, EncryptionContext,
    MultiDigest, Sealer, WrappedKey, sealed_len,
};
use strongroom_gate::{Body, BodyVerified, ByteStream, ErrorReply};
use strongroom_storage::{BlobWriter, StagedBlob, StoreError};
use strongroom_types::{BucketId, ObjectKey};
use tokio::task::JoinHandle;

use super::customer::Customer;
use super::md5_combiner::{Md5Combiner, Md5Upload};
use crate::S3;
use crate::error;
use crate::limits::{STORE_BATCH_BYTES, STORE_BATCH_PIECES};
use crate::row::{BlobRow, ChecksumRow};

/// The encryption context of data keys of SSE-S3: empty. What binds a blob to its bucket, key and id is the associated
/// data of its frames.
pub fn blob_encryption_context() -> EncryptionContext {
    EncryptionContext::new()
}

/// A staged blob that no row names yet. Dropped, it leaves nothing.
pub(crate) struct StoredBlob {
    /// To be committed.
    pub(crate) staged: StagedBlob,
    /// For the row that will name it.
    pub(crate) row: BlobRow,
    /// Over the plain bytes; the MD5 is not there where nobody needs it.
    pub(crate) digests: Digests,
    /// The MD5 of the plain bytes; under a customer's key, random bytes.
    pub(crate) etag: [u8; 16],
    /// The bucket for which it is sealed: it opens in no other.
    pub(crate) bucket: BucketId,
}

impl StoredBlob {
    /// The ETag of an object in one piece, without quotes.
    pub(crate) fn etag(&self) -> String {
        hex::encode(self.etag)
    }

    /// The checksums as rows of an object in one piece.
    pub(crate) fn checksum_rows(&self) -> Vec<ChecksumRow> {
        checksum_rows(&self.digests)
    }
}

/// Checksums over all bytes, as rows.
pub(crate) fn checksum_rows(digests: &Digests) -> Vec<ChecksumRow> {
    digests
        .checksums
        .iter()
        .map(|sum| ChecksumRow {
            algorithm: sum.algorithm().as_str().to_owned(),
            value: sum.to_base64(),
            kind: "FULL_OBJECT".to_owned(),
        })
        .collect()
}

/// Where plain bytes come from.
enum Plain<'a> {
    Body(&'a mut Body),
    Stream(ByteStream),
}

impl Plain<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, ErrorReply> {
        match self {
            Self::Body(body) => body.next().await.map_err(|error| error.0),
            Self::Stream(stream) => stream.next().await.transpose().map_err(|error| ErrorReply::from(&error)),
        }
    }

    /// The next batch; `false` with it once nothing follows.
    async fn batch(&mut self) -> Result<(Vec<Bytes>, bool), ErrorReply> {
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        while let Some(piece) = self.next().await? {
            bytes += piece.len();
            if !piece.is_empty() {
                pieces.push(piece);
            }
            if bytes > STORE_BATCH_BYTES || pieces.len() >= STORE_BATCH_PIECES {
                return Ok((pieces, true));
            }
        }
        Ok((pieces, false))
    }
}

/// What happens to bytes on their way: all of it in one pass.
struct Works {
    digest: MultiDigest,
    sealer: Sealer,
    /// Over the sealed bytes, where they can be opened only with a customer's key.
    sealed: Option<MultiDigest>,
}

/// What was found on the way.
struct Found {
    digests: Digests,
    sealed_sha256: Option<[u8; 32]>,
}

impl Works {
    fn take(&mut self, batch: Vec<Bytes>, frames: &mut Vec<Bytes>) {
        for mut piece in batch {
            self.digest.update(&piece);
            while let Some(frame) = self.sealer.push(&mut piece) {
                if let Some(sealed) = &mut self.sealed {
                    sealed.update(&frame);
                }
                frames.push(frame);
            }
        }
    }

    fn end(self, frames: &mut Vec<Bytes>) -> Found {
        let frame = self.sealer.finish().frame;
        let sealed_sha256 = self.sealed.and_then(|mut sealed| {
            sealed.update(&frame);
            sealed.finalize().sha256.map(|sha256| *sha256.as_bytes())
        });
        frames.push(frame);
        Found { digests: self.digest.finalize(), sealed_sha256 }
    }
}

/// How a blob is sealed, and what is computed over its plain bytes.
pub(crate) struct Sealing<'a> {
    /// The customer's key, if one is to be needed for opening it.
    pub(crate) customer: Option<&'a Customer>,
    pub(crate) checksums: ChecksumSet,
    /// Whether somebody needs the MD5, though the ETag under a customer's key does not.
    md5: bool,
}

impl<'a> Sealing<'a> {
    /// With these checksums; CRC64NVME where that is none.
    pub(crate) fn new(customer: Option<&'a Customer>, checksums: ChecksumSet) -> Self {
        Self { customer, checksums, md5: customer.is_none() }
    }
}

/// A batch being worked on. Aborted with its owner.
struct Busy(JoinHandle<(Box<Works>, Vec<Bytes>)>);

impl Busy {
    fn start(mut works: Box<Works>, batch: Vec<Bytes>) -> Self {
        Self(tokio::task::spawn_blocking(move || {
            let mut frames = Vec::with_capacity(STORE_BATCH_BYTES >> 15);
            works.take(batch, &mut frames);
            (works, frames)
        }))
    }

    async fn done(mut self) -> Result<(Box<Works>, Vec<Bytes>), ErrorReply> {
        Pin::new(&mut self.0).await.map_err(|_| error::internal())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl S3 {
    /// Stores a request's body and proves that it is the one that the caller meant. Beside the checksums of `sealing` those
    /// that the caller states are computed.
    ///
    /// # Errors
    /// `EntityTooLarge` above `most_bytes`; whatever is wrong with the body; the store's errors.
    pub(crate) async fn store_upload(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        mut body: Body,
        sealing: Sealing<'_>,
        most_bytes: u64,
    ) -> Result<(StoredBlob, BodyVerified), ErrorReply> {
        let length = body.length();
        if let Some(length) = length.filter(|length| *length > most_bytes) {
            return Err(error::entity_too_large(length, most_bytes));
        }
        let sealing = Sealing {
            checksums: sealing.checksums.iter().fold(body.wanted(), ChecksumSet::with),
            md5: sealing.md5 || body.wants_md5(),
            ..sealing
        };
        let stored = self.store(bucket, key, Plain::Body(&mut body), length, &sealing, most_bytes).await?;
        let verified = body.finish(&stored.digests).map_err(|error| error.0)?;
        Ok((stored, verified))
    }

    /// Stores `length` bytes that come from another object.
    ///
    /// # Errors
    /// Those of reading and of storing.
    pub(crate) async fn store_copy(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        bytes: ByteStream,
        length: u64,
        sealing: &Sealing<'_>,
    ) -> Result<StoredBlob, ErrorReply> {
        let stored = self.store(bucket, key, Plain::Stream(bytes), Some(length), sealing, length).await?;
        if stored.digests.length == length { Ok(stored) } else { Err(error::internal()) }
    }

    async fn store(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        mut plain: Plain<'_>,
        length: Option<u64>,
        sealing: &Sealing<'_>,
        most_bytes: u64,
    ) -> Result<StoredBlob, ErrorReply> {
        let id = self.new_blob_id();
        let data_key = self.keys.new_data_key();
        let binding = BlobBinding { bucket, key, blob: id };
        let wrapped = self.wrap(&binding, data_key.key(), sealing.customer)?;
        let sealer = Sealer::pooled(data_key, &binding, length, self.buffers.frames());
        let store = |error: StoreError| ErrorReply::from(&error);
        let mut writer = self.blobs.stage(id, length.map(sealed_len)).await.map_err(store)?;
        let (batch, more) = plain.batch().await?;
        let md5 = self.md5_combiner.as_ref().filter(|_| more && sealing.md5).map(Md5Combiner::begin);
        let works = Works {
            digest: MultiDigest::new(sealing.md5 && md5.is_none(), false, or_default(sealing.checksums)),
            sealer,
            sealed: sealing.customer.map(|_| MultiDigest::new(false, true, ChecksumSet::EMPTY)),
        };
        let Found { mut digests, sealed_sha256 } = if more {
            pipe(plain, works, md5.as_ref(), batch, writer.as_mut(), most_bytes).await?
        } else {
            inline(works, batch, writer.as_mut()).await?
        };
        if digests.length > most_bytes {
            return Err(error::entity_too_large(digests.length, most_bytes));
        }
        let staged = writer.finish().await.map_err(store)?;
        if let Some(md5) = md5 {
            digests.md5 = Some(md5.finish().await?);
        }
        let etag = match (sealing.customer, digests.md5) {
            (None, Some(md5)) => *md5.as_bytes(),
            (None, None) => return Err(error::internal()),
            // S3 User Guide: the ETag of an object under a customer's key is not the MD5 of its data.
            (Some(_), _) => self.random(),
        };
        let row = BlobRow {
            id: *id.as_bytes(),
            wrapped_key: wrapped.encode(),
            plain_bytes: digests.length,
            sealed_sha256,
        };
        Ok(StoredBlob { staged, row, digests, etag, bucket })
    }

    /// Wraps a blob's key: under the bucket's, or under the customer's and the bucket's.
    fn wrap(
        &self,
        binding: &BlobBinding<'_>,
        data_key: &DataKey,
        customer: Option<&Customer>,
    ) -> Result<WrappedKey, ErrorReply> {
        let wrapped = match customer {
            None => self.keys.wrap_for_bucket(binding.bucket, data_key, &blob_encryption_context()),
            Some(customer) => {
                self.keys.wrap_for_customer(customer.key(), &CustomerPlace::Blob(*binding), data_key)
            }
        };
        wrapped.map_err(|_| error::internal())
    }
}

/// CRC64NVME where no checksum is asked for. Source: S3 User Guide, "Checking object integrity", "Using supported
/// checksum algorithms".
fn or_default(checksums: ChecksumSet) -> ChecksumSet {
    if checksums.iter().next().is_none() { checksums.with(ChecksumAlgorithm::Crc64Nvme) } else { checksums }
}

/// A small body, where it is.
async fn inline(
    mut works: Works,
    batch: Vec<Bytes>,
    writer: &mut dyn BlobWriter,
) -> Result<Found, ErrorReply> {
    let mut frames = Vec::with_capacity(1);
    works.take(batch, &mut frames);
    let found = works.end(&mut frames);
    write(writer, frames).await?;
    Ok(found)
}

/// A large body: one batch arrives while the one before is digested and sealed and the one before that is written. Its
/// MD5 is left to `md5`; where that is `None`, it is computed with its other digests, if at all.
async fn pipe(
    mut plain: Plain<'_>,
    works: Works,
    md5: Option<&Md5Upload>,
    first: Vec<Bytes>,
    writer: &mut dyn BlobWriter,
    most_bytes: u64,
) -> Result<Found, ErrorReply> {
    let mut seen = total(&first);
    let leave = |batch: &[Bytes]| md5.iter().for_each(|md5| md5.leave(batch));
    leave(&first);
    let mut busy = Busy::start(Box::new(works), first);
    loop {
        let (batch, more) = plain.batch().await?;
        seen = seen.saturating_add(total(&batch));
        if seen > most_bytes {
            return Err(error::entity_too_large(seen, most_bytes));
        }
        leave(&batch);
        let (works, frames) = busy.done().await?;
        busy = Busy::start(works, batch);
        write(writer, frames).await?;
        if !more {
            break;
        }
        if let Some(md5) = md5 {
            md5.keep_up().await;
        }
    }
    let (works, mut frames) = busy.done().await?;
    let end = tokio::task::spawn_blocking(move || {
        let found = works.end(&mut frames);
        (found, frames)
    });
    let (found, frames) = end.await.map_err(|_| error::internal())?;
    write(writer, frames).await?;
    Ok(found)
}

fn total(batch: &[Bytes]) -> u64 {
    batch.iter().map(|piece| piece.len() as u64).sum()
}

async fn write(writer: &mut dyn BlobWriter, frames: Vec<Bytes>) -> Result<(), ErrorReply> {
    for frame in frames {
        writer.write(frame).await.map_err(|error| ErrorReply::from(&error))?;
    }
    Ok(())
}
