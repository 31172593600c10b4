//! ListObjectVersions.
//!
//! Each version and delete marker is an item of the answer, so a page of `max-keys` reads as many rows, within the
//! factor of [`super::walk`]. ListObjects does not pass delete markers at all: there is no current row under one.

use async_trait::async_trait;
use strongroom_api_s3::{
    ChecksumAlgorithm, ChecksumType, DeleteMarkerEntry, ListObjectVersionsInput, ListObjectVersionsOutput,
    ListedVersion, ObjectVersion, ObjectVersionStorageClass, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};
use strongroom_storage::{Direction, Entry, Partition};
use strongroom_types::{ObjectKey, VersionId};

use super::rows::Version;
use super::walk::{Item, Start};
use super::wire::{Asked, Owners, listed, most_items, present, quoted};
use crate::row::{self, Coded as _, NullRow, ObjectSequence, VersionRow};
use crate::{S3, error};

/// Source: S3 API Reference, "ListObjectVersions": keys in order, the versions of a key from the newest.
#[async_trait]
impl Handle<op::ListObjectVersions> for S3 {
    async fn handle(
        &self,
        request: Authorized<ListObjectVersionsInput>,
    ) -> Result<Reply<ListObjectVersionsOutput>, ErrorReply> {
        let (input, bucket) = (request.input(), request.bucket()?);
        let most = most_items("maxKeys", input.max_keys)?;
        let asked = Asked::new(most, input.prefix.as_ref(), input.delimiter.as_ref(), input.encoding_type);
        let Beginning { start, not_latest } = self.version_start(bucket.partition(), input, &asked).await?;
        let page = asked.page::<Version>(&*self.store, bucket, start).await?;
        request.note(listed());
        let next = page.next();
        let next_key_marker = next.map(|item| asked.text(item.position()));
        let next_version_id_marker = next.and_then(Item::row).map(Version::id);
        let truncated = page.truncated;
        let (found, prefixes) = page.split();
        Ok(Reply::new(ListObjectVersionsOutput {
            is_truncated: Some(truncated),
            key_marker: Some(asked.text(input.key_marker.as_deref().unwrap_or_default())),
            version_id_marker: Some(input.version_id_marker.clone().unwrap_or_default()),
            next_key_marker,
            next_version_id_marker,
            entries: shown(found, not_latest, &asked, &Owners::of(bucket)),
            name: Some(bucket.name().to_string()),
            prefix: Some(asked.text(asked.prefix)),
            delimiter: asked.shown_delimiter(),
            max_keys: Some(most.into()),
            common_prefixes: asked.common_prefixes(&prefixes),
            encoding_type: asked.encoding,
            request_charged: None,
        }))
    }
}

/// Where a page of versions begins.
struct Beginning {
    start: Start,
    /// The key whose latest version lies before the page.
    not_latest: Option<ObjectKey>,
}

impl S3 {
    async fn version_start(
        &self,
        partition: Partition,
        input: &ListObjectVersionsInput,
        asked: &Asked<'_>,
    ) -> Result<Beginning, ErrorReply> {
        let marker = present(input.key_marker.as_ref());
        let beginning = |start| Ok(Beginning { start, not_latest: None });
        let Some(id) = present(input.version_id_marker.as_ref()) else {
            return beginning(asked.after(marker));
        };
        let Some(marker) = marker else {
            let message = "A version-id marker cannot be specified without a key marker.";
            return Err(error::invalid_argument("version-id-marker", id, message));
        };
        let Ok(version_id) = VersionId::parse(id) else {
            let message = "Invalid version id specified";
            return Err(error::invalid_argument("version-id-marker", id, message));
        };
        // A marker that no key can be has no versions either.
        let Some(key) = asked.marked_key(marker) else { return beginning(asked.after(Some(marker))) };
        let sequence = match version_id {
            VersionId::Null => self.null_sequence(partition, &key).await?,
            VersionId::Id(bytes) => bytes.first_chunk().map(|head| ObjectSequence(u64::from_be_bytes(*head))),
        };
        let newest = self.end_of(partition, &key, Direction::Forward).await?;
        let row = match sequence {
            Some(sequence) => row::version(&key, sequence),
            // The null version is gone: where it was is not known, so the key's versions are given once more rather
            // than left out. They are behind whatever comes before the key.
            None => row::versions_of(&key).start,
        };
        let passed = newest.is_some_and(|newest| newest.key.as_ref() <= row.as_slice());
        Ok(Beginning { start: Start::AfterRow(row), not_latest: passed.then_some(key) })
    }

    /// The sequence of a key's null version: as its row says, and else that of the oldest version, if it has no id.
    async fn null_sequence(
        &self,
        partition: Partition,
        key: &ObjectKey,
    ) -> Result<Option<ObjectSequence>, ErrorReply> {
        if let Some((null, _)) = self.read::<NullRow>(partition, &row::null(key)).await? {
            return Ok(Some(null.sequence));
        }
        let Some(oldest) = self.end_of(partition, key, Direction::Backward).await? else { return Ok(None) };
        let unnamed = VersionRow::decode(&oldest.row.value)?.random.is_none();
        Ok(row::version_key_parts(&oldest.key).filter(|_| unnamed).map(|(_, sequence)| sequence))
    }

    /// The newest (forward) or oldest (backward) version of a key.
    async fn end_of(
        &self,
        partition: Partition,
        key: &ObjectKey,
        direction: Direction,
    ) -> Result<Option<Entry>, ErrorReply> {
        let scan = self.store.scan(partition, row::versions_of(key), 1, direction);
        Ok(scan.await.map_err(|error| ErrorReply::from(&error))?.pop())
    }
}

/// Each is the latest of its key if nothing of that key is before it.
fn shown(
    found: Vec<Version>,
    not_latest: Option<ObjectKey>,
    asked: &Asked<'_>,
    owners: &Owners,
) -> Vec<ListedVersion> {
    let mut before = not_latest;
    let entries = found.into_iter().map(|version| {
        let is_latest = before.as_ref() != Some(&version.key);
        let entry = entry(&version, is_latest, asked, owners);
        before = Some(version.key);
        entry
    });
    entries.collect()
}

/// A delete marker is the bucket owner's: nobody can be given anything on one.
fn entry(version: &Version, is_latest: bool, asked: &Asked<'_>, owners: &Owners) -> ListedVersion {
    let version_id = Some(version.id());
    let last_modified = Some(version.summary.modified());
    let key = Some(asked.text(version.key.as_str()));
    let is_latest = Some(is_latest);
    let of_object = version.summary.content.as_ref().and_then(|content| content.owner.as_ref());
    let owner = Some(Box::new(owners.object(of_object.map(|owner| owner.canonical))));
    let Some(content) = &version.summary.content else {
        return ListedVersion::DeleteMarker(DeleteMarkerEntry {
            owner,
            key,
            version_id,
            is_latest,
            last_modified,
        });
    };
    let checksums = &content.checksums;
    let class = content.storage_class.as_deref().unwrap_or("STANDARD");
    ListedVersion::Version(ObjectVersion {
        etag: Some(quoted(&content.etag)),
        checksum_algorithm: checksums
            .iter()
            .filter_map(|sum| ChecksumAlgorithm::parse(&sum.algorithm))
            .collect(),
        checksum_type: checksums.first().and_then(|sum| ChecksumType::parse(&sum.kind)),
        size: i64::try_from(content.size).ok(),
        // The model knows STANDARD only; other classes cannot be shown here.
        storage_class: ObjectVersionStorageClass::parse(class),
        key,
        version_id,
        is_latest,
        last_modified,
        owner,
        restore_status: None,
    })
}
