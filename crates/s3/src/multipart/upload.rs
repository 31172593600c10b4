//! Uploads in progress and their parts, as they are found.

use strongroom_gate::{ErrorReply, Mutation};
use strongroom_storage::{Direction, Entry, Partition, Precondition, RowVersion, StoreError};
use strongroom_types::{BucketId, CanonicalUserId, ObjectKey, UploadId};

use crate::S3;
use crate::error;
use crate::limits::{MAX_PART_NUMBER, PART_PAGE_ROWS};
use crate::row::{self, Coded, ObjectSequence, PartRow, UploadRow};

/// An upload in progress.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) id: UploadId,
    /// The sequence of the version that it will become.
    pub(super) begun: ObjectSequence,
    pub(super) row: UploadRow,
    /// The key of its row.
    pub(super) place: Vec<u8>,
    /// Which commit wrote its row.
    pub(super) version: RowVersion,
}

/// A part of an upload.
#[derive(Debug, Clone)]
pub(crate) struct StoredPart {
    pub(super) number: u16,
    pub(super) row: PartRow,
    /// Which commit wrote its row.
    pub(super) version: RowVersion,
}

/// The id of an upload: its sequence, so that its row is found by id and a list can go on behind an upload that is no
/// longer there, and 8 random bytes. So ids of a key sort by the time when the uploads began.
pub(super) fn upload_id(begun: ObjectSequence, random: [u8; 8]) -> UploadId {
    let mut bytes = [0; 16];
    let (head, tail) = bytes.split_at_mut(8);
    head.copy_from_slice(&begun.0.to_be_bytes());
    tail.copy_from_slice(&random);
    UploadId::from_bytes(bytes)
}

/// The sequence in an upload's id.
pub(super) fn sequence_of(id: UploadId) -> ObjectSequence {
    let head = id.as_bytes().first_chunk().copied().unwrap_or_default();
    ObjectSequence(u64::from_be_bytes(head))
}

/// Reads a part number.
///
/// # Errors
/// `InvalidArgument` outside 1 to 10,000.
pub(super) fn part_number(asked: Option<i32>) -> Result<u16, ErrorReply> {
    let number = asked.and_then(|number| u16::try_from(number).ok());
    number.filter(|number| (1..=MAX_PART_NUMBER).contains(number)).ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        let value = asked.map(|number| number.to_string()).unwrap_or_default();
        error::invalid_argument("partNumber", value, message)
    })
}

/// The number in the key of a part's row.
pub(super) fn number_in(row_key: &[u8]) -> Result<u16, ErrorReply> {
    let number = row_key.last_chunk().ok_or_else(error::internal)?;
    Ok(u16::from_be_bytes(*number))
}

impl S3 {
    /// The account that began an upload, for the gate; `None` if there is no such upload.
    ///
    /// # Errors
    /// [`StoreError`] if its row cannot be read.
    pub async fn upload_initiator(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        id: &str,
    ) -> Result<Option<CanonicalUserId>, StoreError> {
        let found = self.find_upload(Partition::Bucket(bucket), key, id).await;
        let found = found.map_err(|_| StoreError::Corrupt { what: "an upload's row".into() })?;
        Ok(found.and_then(|upload| CanonicalUserId::parse(&upload.row.initiator.1).ok()))
    }

    /// The upload of this key with this id, if it is in progress.
    pub(super) async fn find_upload(
        &self,
        partition: Partition,
        key: &ObjectKey,
        id: &str,
    ) -> Result<Option<Upload>, ErrorReply> {
        let Ok(id) = UploadId::parse(id) else { return Ok(None) };
        let begun = sequence_of(id);
        let place = row::upload(key, begun, id);
        let found = self.read::<UploadRow>(partition, &place).await?;
        Ok(found.map(|(row, version)| Upload { id, begun, row, place, version }))
    }

    /// The same.
    ///
    /// # Errors
    /// `NoSuchUpload`, also for an id that is none and for an upload of another key or bucket.
    pub(super) async fn upload(
        &self,
        partition: Partition,
        key: &ObjectKey,
        id: &str,
    ) -> Result<Upload, ErrorReply> {
        self.find_upload(partition, key, id).await?.ok_or_else(|| error::no_such_upload(id))
    }

    /// All parts of an upload, by number.
    pub(crate) async fn all_parts(
        &self,
        partition: Partition,
        id: UploadId,
    ) -> Result<Vec<StoredPart>, ErrorReply> {
        let mut parts = Vec::new();
        let mut from = 0;
        loop {
            let page = self.parts(partition, id, from, PART_PAGE_ROWS).await?;
            let more = page.len() == PART_PAGE_ROWS;
            parts.extend(page);
            match parts.last() {
                Some(last) if more => from = last.number.saturating_add(1),
                _ => return Ok(parts),
            }
        }
    }

    /// Up to `most` parts of an upload with a number of at least `from`.
    pub(super) async fn parts(
        &self,
        partition: Partition,
        id: UploadId,
        from: u16,
        most: usize,
    ) -> Result<Vec<StoredPart>, ErrorReply> {
        let scan = self.store.scan(partition, row::parts(id, from), most, Direction::Forward);
        let entries = scan.await.map_err(|error| ErrorReply::from(&error))?;
        let part = |entry: Entry| {
            let (number, row) = (number_in(&entry.key)?, PartRow::decode(&entry.row.value)?);
            Ok(StoredPart { number, row, version: entry.row.version })
        };
        entries.into_iter().map(part).collect()
    }
}

/// The upload that a row tells of; `None` for another row.
pub(crate) fn upload_of_row(entry: &Entry) -> Result<Option<Upload>, ErrorReply> {
    let Some((_, rest)) = row::decode_object_key(&entry.key) else { return Ok(None) };
    let id = rest.last_chunk::<16>().copied().map(UploadId::from_bytes);
    let row = UploadRow::decode(&entry.row.value)?;
    let (place, version) = (entry.key.to_vec(), entry.row.version);
    Ok(id.map(|id| Upload { id, begun: sequence_of(id), row, place, version }))
}

/// Demands that an upload and each of its parts are as they were read, and that it has no other parts.
pub(crate) fn hold(upload: &Upload, parts: &[StoredPart], mutation: &mut Mutation) {
    mutation.unchanged(upload.place.clone(), Some(upload.version));
    let mut next = 1;
    for part in parts {
        let place = row::part(upload.id, part.number);
        if part.number != next {
            mutation.require(Precondition::RangeEmpty(row::part(upload.id, next)..place.clone()));
        }
        mutation.unchanged(place, Some(part.version));
        next = part.number.saturating_add(1);
    }
    mutation.require(Precondition::RangeEmpty(row::parts(upload.id, next)));
}

/// Removes an upload with all its parts, and releases their blobs.
pub(crate) fn remove(upload: &Upload, parts: &[StoredPart], mutation: &mut Mutation) {
    mutation.delete(upload.place.clone());
    mutation.delete(row::index(upload.id));
    for part in parts {
        mutation.delete(row::part(upload.id, part.number));
        mutation.release(part.row.blob.id());
    }
}
