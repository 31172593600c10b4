//! Plain bytes into a sealed blob: digested and sealed in one pass, staged, not yet part of anything.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::StreamExt as _;
use strongroom_crypto::{
    BlobBinding, ChecksumAlgorithm, ChecksumSet, Digests, EncryptionContext, MultiDigest, Sealer, sealed_len,
};
use strongroom_gate::{Body, BodyVerified, ByteStream, ErrorReply};
use strongroom_storage::{BlobWriter, StagedBlob, StoreError};
use strongroom_types::{BucketId, ObjectKey};
use tokio::task::JoinHandle;

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
    /// Over the plain bytes; the MD5 is always there.
    pub(crate) digests: Digests,
    /// The bucket for which it is sealed: it opens in no other.
    pub(crate) bucket: BucketId,
}

impl StoredBlob {
    /// The MD5 in hexadecimal digits: the ETag of an object in one piece.
    pub(crate) fn etag(&self) -> String {
        self.digests.md5.map(|md5| md5.to_hex()).unwrap_or_default()
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
}

impl Works {
    fn take(&mut self, batch: Vec<Bytes>, frames: &mut Vec<Bytes>) {
        for mut piece in batch {
            self.digest.update(&piece);
            while let Some(frame) = self.sealer.push(&mut piece) {
                frames.push(frame);
            }
        }
    }

    fn end(self, frames: &mut Vec<Bytes>) -> Digests {
        frames.push(self.sealer.finish().frame);
        self.digest.finalize()
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
    /// Stores a request's body and proves that it is the one that the caller meant. Beside the stated checksums those of
    /// `more` are computed, and CRC64NVME where that leaves none.
    ///
    /// # Errors
    /// `EntityTooLarge` above `most_bytes`; whatever is wrong with the body; the store's errors.
    pub(crate) async fn store_upload(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        mut body: Body,
        more: ChecksumSet,
        most_bytes: u64,
    ) -> Result<(StoredBlob, BodyVerified), ErrorReply> {
        let length = body.length();
        if let Some(length) = length.filter(|length| *length > most_bytes) {
            return Err(error::entity_too_large(length, most_bytes));
        }
        let checksums = or_default(more.iter().fold(body.wanted(), ChecksumSet::with));
        let stored = self.store(bucket, key, Plain::Body(&mut body), length, checksums, most_bytes).await?;
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
        checksums: ChecksumSet,
    ) -> Result<StoredBlob, ErrorReply> {
        let stored = self
            .store(bucket, key, Plain::Stream(bytes), Some(length), or_default(checksums), length)
            .await?;
        if stored.digests.length == length { Ok(stored) } else { Err(error::internal()) }
    }

    async fn store(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        mut plain: Plain<'_>,
        length: Option<u64>,
        checksums: ChecksumSet,
        most_bytes: u64,
    ) -> Result<StoredBlob, ErrorReply> {
        let id = self.new_blob_id();
        let data_key = self.keys.new_data_key();
        let wrapped = self
            .keys
            .wrap_for_bucket(bucket, data_key.key(), &blob_encryption_context())
            .map_err(|_| error::internal())?;
        let binding = BlobBinding { bucket, key, blob: id };
        let sealer = Sealer::new(data_key, &binding, length);
        let store = |error: StoreError| ErrorReply::from(&error);
        let mut writer = self.blobs.stage(id, length.map(sealed_len)).await.map_err(store)?;
        let (batch, more) = plain.batch().await?;
        let md5 = self.md5_combiner.as_ref().filter(|_| more).map(Md5Combiner::begin);
        let works = Works { digest: MultiDigest::new(md5.is_none(), false, checksums), sealer };
        let mut digests = if more {
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
        let row = BlobRow { id: *id.as_bytes(), wrapped_key: wrapped.encode(), plain_bytes: digests.length };
        Ok(StoredBlob { staged, row, digests, bucket })
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
) -> Result<Digests, ErrorReply> {
    let mut frames = Vec::with_capacity(1);
    works.take(batch, &mut frames);
    let digests = works.end(&mut frames);
    write(writer, frames).await?;
    Ok(digests)
}

/// A large body: one batch arrives while the one before is digested and sealed and the one before that is written. Its
/// MD5 is left to `md5`, or computed with its other digests where that is `None`.
async fn pipe(
    mut plain: Plain<'_>,
    works: Works,
    md5: Option<&Md5Upload>,
    first: Vec<Bytes>,
    writer: &mut dyn BlobWriter,
    most_bytes: u64,
) -> Result<Digests, ErrorReply> {
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
        let digests = works.end(&mut frames);
        (digests, frames)
    });
    let (digests, frames) = end.await.map_err(|_| error::internal())?;
    write(writer, frames).await?;
    Ok(digests)
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
