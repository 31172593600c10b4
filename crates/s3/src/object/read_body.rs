//! A range of an object's plain bytes, out of sealed blobs: a chunk is under way while the next is read ahead.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use strongroom_crypto::{BlobBinding, CustomerPlace, DataKey, Opener, WrappedKey};
use strongroom_gate::{ByteStream, ErrorReply};
use strongroom_storage::{Direction, Partition, StoreError};
use strongroom_types::{BlobId, BucketId, ObjectKey, UploadId};
use tokio::task::JoinHandle;

use super::customer::Customer;
use super::store_body::blob_encryption_context;
use crate::S3;
use crate::error;
use crate::limits::READ_CHUNK_BYTES;
use crate::row::{self, BlobRow, Coded, Content, LayoutRow, PartRow};

/// A range of the plain bytes of one blob.
#[derive(Debug, Clone)]
struct Extent {
    blob: BlobRow,
    range: Range<u64>,
}

/// An open blob, and what is still to be read of it.
struct OpenBlob {
    id: BlobId,
    key: Arc<DataKey>,
    plain_bytes: u64,
    rest: Range<u64>,
}

/// The place up to which extents are read.
struct Cursor {
    s3: S3,
    bucket: BucketId,
    object: ObjectKey,
    /// The customer's key, for an object that needs one.
    customer: Option<Arc<Customer>>,
    extents: VecDeque<Extent>,
    open: Option<OpenBlob>,
}

type Frames = VecDeque<Bytes>;

/// Rows of parts read at once.
const PARTS_AT_A_TIME: usize = 1000;

fn damaged(what: &'static str) -> StoreError {
    StoreError::Corrupt { what: what.into() }
}

impl S3 {
    /// Opens `range` of an object's bytes, with the customer's key that it needs, which was checked. The first chunk is read and proved authentic before this returns, so that what
    /// cannot be read is an error, not a broken answer. Where the bytes lie is looked up whole: once reading has begun,
    /// the object can be replaced without harm to it, for as long as released blobs stay.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBlob`] when the object was replaced meanwhile; [`StoreError::Corrupt`] for altered bytes.
    pub(crate) async fn open_range(
        &self,
        bucket: BucketId,
        object: &ObjectKey,
        content: &Content,
        range: Range<u64>,
        customer: Option<&Arc<Customer>>,
    ) -> Result<ByteStream, StoreError> {
        let extents = self.extents(Partition::Bucket(bucket), content, range).await?.into();
        let customer = customer.map(Arc::clone);
        let (s3, object) = (self.clone(), object.clone());
        let mut cursor = Cursor { s3, bucket, object, customer, extents, open: None };
        let Some(frames) = cursor.next_chunk().await? else { return Ok(Box::pin(stream::empty())) };
        if cursor.at_end() {
            return Ok(Box::pin(stream::iter(frames.into_iter().map(Ok))));
        }
        let state = Reading { frames, ahead: Some(Ahead::start(cursor)) };
        Ok(Box::pin(stream::unfold(state, Reading::next)))
    }

    /// Where `range` of an object's bytes lies.
    async fn extents(
        &self,
        partition: Partition,
        content: &Content,
        range: Range<u64>,
    ) -> Result<Vec<Extent>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(blob) = &content.blob {
            return Ok(vec![Extent { blob: blob.clone(), range }]);
        }
        let upload = content.upload_id().ok_or_else(|| damaged("an object without bytes"))?;
        let layout =
            self.store.get(partition, &row::layout(upload)).await?.ok_or_else(|| replaced(upload))?;
        let layout = LayoutRow::decode(&layout.value).map_err(|_| damaged("the layout of an object"))?;
        let within = parts_within(&layout, &range);
        let mut blobs = self.part_blobs(partition, upload, &within).await?.into_iter();
        let mut extents = Vec::with_capacity(within.len());
        for (_, range) in within {
            extents.push(Extent { blob: blobs.next().ok_or_else(|| replaced(upload))?, range });
        }
        let planned: u64 = extents.iter().map(|extent| extent.range.end - extent.range.start).sum();
        if planned == range.end - range.start { Ok(extents) } else { Err(damaged("the layout of an object")) }
    }

    /// The blobs of parts that follow each other in an object, in their order.
    async fn part_blobs(
        &self,
        partition: Partition,
        upload: UploadId,
        wanted: &[(u16, Range<u64>)],
    ) -> Result<Vec<BlobRow>, StoreError> {
        let (Some((first, _)), Some((last, _))) = (wanted.first(), wanted.last()) else {
            return Ok(Vec::new());
        };
        let mut range = row::part(upload, *first)..row::part_end(upload, *last);
        let mut blobs = Vec::with_capacity(wanted.len());
        loop {
            let rows = self.store.scan(partition, range.clone(), PARTS_AT_A_TIME, Direction::Forward).await?;
            for entry in &rows {
                let part = PartRow::decode(&entry.row.value).map_err(|_| damaged("the row of a part"))?;
                blobs.push(part.blob);
            }
            match rows.last() {
                Some(last) if rows.len() == PARTS_AT_A_TIME => range.start = [&last.key[..], &[0]].concat(),
                _ => break,
            }
        }
        // Completion removed the parts that it left out, and the parts go with their object, in one commit.
        if blobs.len() == wanted.len() { Ok(blobs) } else { Err(replaced(upload)) }
    }

    /// The layout of an object in parts.
    ///
    /// # Errors
    /// `SlowDown` if the object was replaced just now: the next try finds the new one.
    pub(crate) async fn layout(
        &self,
        partition: Partition,
        upload: UploadId,
    ) -> Result<LayoutRow, ErrorReply> {
        let layout = self.read::<LayoutRow>(partition, &row::layout(upload)).await?;
        layout.map(|(layout, _)| layout).ok_or_else(error::slow_down)
    }
}

/// The parts in which `range` of an object lies, each with the range of its own bytes.
fn parts_within(layout: &LayoutRow, range: &Range<u64>) -> Vec<(u16, Range<u64>)> {
    let mut parts = Vec::new();
    let mut start = 0_u64;
    for (number, size) in &layout.parts {
        let end = start.saturating_add(*size);
        let within = range.start.max(start)..range.end.min(end);
        if within.start < within.end {
            parts.push((*number, within.start - start..within.end - start));
        }
        start = end;
    }
    parts
}

/// An object's parts are gone: it was replaced.
fn replaced(upload: UploadId) -> StoreError {
    StoreError::NoSuchBlob(BlobId::from_bytes(*upload.as_bytes()))
}

/// A chunk being read ahead. Aborted with its owner.
struct Ahead(JoinHandle<(Cursor, Result<Option<Frames>, StoreError>)>);

impl Ahead {
    fn start(mut cursor: Cursor) -> Self {
        Self(tokio::spawn(async move {
            let chunk = cursor.next_chunk().await;
            (cursor, chunk)
        }))
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Reading {
    frames: Frames,
    ahead: Option<Ahead>,
}

impl Reading {
    async fn next(mut self) -> Option<(Result<Bytes, StoreError>, Self)> {
        if let Some(frame) = self.frames.pop_front() {
            return Some((Ok(frame), self));
        }
        let mut ahead = self.ahead.take()?;
        let chunk = match (&mut ahead.0).await {
            Ok((cursor, Ok(Some(frames)))) => {
                self.ahead = (!cursor.at_end()).then(|| Ahead::start(cursor));
                Ok(frames)
            }
            Ok((_, Ok(None))) => return None,
            Ok((_, Err(error))) => Err(error),
            Err(_) => Err(StoreError::Closed),
        };
        match chunk {
            Ok(mut frames) => {
                let frame = frames.pop_front()?;
                self.frames = frames;
                Some((Ok(frame), self))
            }
            Err(error) => Some((Err(error), self)),
        }
    }
}

impl Cursor {
    fn at_end(&self) -> bool {
        self.extents.is_empty() && self.open.as_ref().is_none_or(|open| open.rest.is_empty())
    }

    /// The next chunk, at most [`READ_CHUNK_BYTES`] of one blob, in authentic frames.
    async fn next_chunk(&mut self) -> Result<Option<Frames>, StoreError> {
        if self.open.as_ref().is_none_or(|open| open.rest.is_empty()) {
            let Some(extent) = self.extents.pop_front() else { return Ok(None) };
            self.open = Some(self.open_blob(extent)?);
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        // To the next multiple, so that no frame is opened twice.
        let end = (open.rest.start / READ_CHUNK_BYTES + 1).saturating_mul(READ_CHUNK_BYTES);
        let plain = open.rest.start..end.min(open.rest.end);
        open.rest.start = plain.end;
        let binding = BlobBinding { bucket: self.bucket, key: &self.object, blob: open.id };
        let opener = Opener::new(&open.key, &binding, open.plain_bytes, plain)
            .map_err(|_| damaged("the length of a blob"))?;
        let sealed = opener.sealed();
        let sealed_bytes = usize::try_from(sealed.end - sealed.start).unwrap_or(usize::MAX);
        let mut buffer = self.s3.buffers.take(sealed_bytes);
        let room = std::mem::take(buffer.bytes_mut());
        *buffer.bytes_mut() = self.s3.blobs.read_into(open.id, sealed, room).await?;
        let frames = opener.open_in_place(buffer.bytes_mut()).map_err(|_| damaged("a frame of a blob"))?;
        let plain = buffer.into_bytes();
        Ok(Some(frames.into_iter().map(|frame| plain.slice(frame)).collect()))
    }

    fn open_blob(&self, extent: Extent) -> Result<OpenBlob, StoreError> {
        let Extent { blob, range: rest } = extent;
        let wrapped = WrappedKey::decode(&blob.wrapped_key).map_err(|_| damaged("a wrapped key"))?;
        let keys = &self.s3.keys;
        let key = match &self.customer {
            None => keys.unwrap_for_bucket(self.bucket, &wrapped, &blob_encryption_context()),
            Some(customer) => {
                let binding = BlobBinding { bucket: self.bucket, key: &self.object, blob: blob.id() };
                keys.unwrap_for_customer(customer.key(), &CustomerPlace::Blob(binding), &wrapped)
            }
        };
        let key = Arc::new(key.map_err(|_| damaged("a wrapped key"))?);
        Ok(OpenBlob { id: blob.id(), key, plain_bytes: blob.plain_bytes, rest })
    }
}
