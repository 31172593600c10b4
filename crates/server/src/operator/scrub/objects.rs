//! Rows, and the blobs that they name: each row is opened, each blob from its first frame to its last.

use strongroom_s3::row::{self, BlobRow, BucketRow, Coded, PartRow, UploadIndexRow, VersionRow};
use strongroom_storage::{Direction, Entry, MAX_KEY_BYTES, MetaStore as _, Partition, StoreError};
use strongroom_types::{BucketId, ObjectKey, UploadId};

use super::super::row::{FindingRow, Place};
use super::{Halt, PIECE_BYTES, Pass};
use crate::proof::{BlobProof, Unproved};

/// Rows read at once.
const ROW_PAGE: usize = 200;

/// The object that a blob belongs to.
struct Owner<'a> {
    bucket: BucketId,
    bucket_name: &'a str,
    object: ObjectKey,
    version_id: Option<String>,
    upload_id: Option<String>,
    part_number: Option<u16>,
}

impl Owner<'_> {
    fn finding(&self, message: String) -> FindingRow {
        FindingRow {
            kind: "BLOB".to_owned(),
            message,
            bucket: Some(self.bucket_name.to_owned()),
            key: Some(self.object.to_string()),
            version_id: self.version_id.clone(),
            upload_id: self.upload_id.clone(),
            part_number: self.part_number,
            ..FindingRow::default()
        }
    }
}

impl Pass<'_> {
    /// Every row behind the full key `after`.
    pub(super) async fn objects(&mut self, after: &[u8]) -> Result<(), Halt> {
        let partitions = match self.scrubber.local.partitions() {
            Ok(partitions) => partitions,
            Err(error) => {
                let mut finding = row_finding("", format!("its partitions cannot be read: {error}"), &[]);
                "INDEX".clone_into(&mut finding.kind);
                self.found(finding).await;
                return Ok(());
            }
        };
        for partition in partitions {
            let prefix = partition.prefix();
            let from = match after.strip_prefix(prefix.as_slice()) {
                Some(done) => [done, &[0]].concat(),
                None if prefix.as_slice() < after => continue,
                None => Vec::new(),
            };
            self.partition(partition, from).await?;
        }
        Ok(())
    }

    async fn partition(&mut self, partition: Partition, mut from: Vec<u8>) -> Result<(), Halt> {
        let bucket_name = self.bucket_name(partition).await;
        loop {
            let range = from..vec![0xff; MAX_KEY_BYTES + 1];
            let page = self.scrubber.local.scan(partition, range, ROW_PAGE, Direction::Forward).await;
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    let message = format!("rows of it cannot be read: {error}");
                    let mut finding = row_finding(&bucket_name, message, &[]);
                    "INDEX".clone_into(&mut finding.kind);
                    self.found(finding).await;
                    return Ok(());
                }
            };
            let Some(last) = page.last() else { return Ok(()) };
            from = [&last.key[..], &[0]].concat();
            let mut bytes = 0;
            for raw in &page {
                bytes += (raw.key.len() + raw.row.value.len()) as u64;
                self.entry(partition, &bucket_name, raw).await?;
                let place = [partition.prefix().as_slice(), &raw.key].concat();
                self.scrubber.change(|row| row.place = Place::Objects(place));
            }
            self.pay(bytes).await?;
        }
    }

    /// The bucket's name, or what stands for it; of other partitions, what they are.
    async fn bucket_name(&self, partition: Partition) -> String {
        let Partition::Bucket(bucket) = partition else { return format!("({partition:?})") };
        let row = self.scrubber.store.get(partition, row::BUCKET).await;
        let name = row.ok().flatten().and_then(|row| BucketRow::decode(&row.value).ok());
        name.map_or_else(|| format!("({bucket})"), |row| row.name)
    }

    /// Opens one row and what it names. `raw` is the row as it was when it was met.
    pub(super) async fn entry(
        &mut self,
        partition: Partition,
        bucket_name: &str,
        raw: &Entry,
    ) -> Result<(), Halt> {
        let found = match self.scrubber.store.get(partition, &raw.key).await {
            Ok(None) => return Ok(()),
            Ok(Some(row)) => match partition {
                Partition::Bucket(bucket) => self.bucket_row(bucket, bucket_name, raw, &row.value).await?,
                Partition::Names
                | Partition::Org
                | Partition::Iam(_)
                | Partition::Account(_)
                | Partition::System => None,
            },
            Err(StoreError::Corrupt { .. }) => {
                Some(row_finding(bucket_name, "its row does not open".to_owned(), &raw.key))
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(finding) = found
            && self.is_still_there(partition, raw).await?
        {
            self.found(finding).await;
        }
        Ok(())
    }

    /// Whether the row is the one that was met: what went meanwhile, and took its blob along, is no finding.
    async fn is_still_there(&self, partition: Partition, raw: &Entry) -> Result<bool, Halt> {
        match self.scrubber.local.get(partition, &raw.key).await {
            Ok(now) => Ok(now.is_some_and(|row| row.version == raw.row.version)),
            Err(StoreError::Corrupt { .. }) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    async fn bucket_row(
        &mut self,
        bucket: BucketId,
        bucket_name: &str,
        raw: &Entry,
        value: &[u8],
    ) -> Result<Option<FindingRow>, Halt> {
        let malformed = |what: &str| Ok(Some(row_finding(bucket_name, what.to_owned(), &raw.key)));
        match raw.key.first() {
            Some(b'v') => {
                let Some((object, sequence)) = row::version_key_parts(&raw.key) else {
                    return malformed("the key of its row has not its form");
                };
                let Ok(version) = VersionRow::decode(value) else {
                    return malformed("its row is not what its key says");
                };
                let version_id = Some(version.id(sequence).to_string());
                let (upload_id, part_number) = (None, None);
                let owner = Owner { bucket, bucket_name, object, version_id, upload_id, part_number };
                match version.content.and_then(|content| content.blob) {
                    Some(blob) => self.blob(&owner, &blob).await,
                    None => Ok(None),
                }
            }
            Some(b'p') => {
                let Some((id, number)) = raw.key.get(1..).and_then(|rest| rest.split_first_chunk::<16>())
                else {
                    return malformed("the key of its row has not its form");
                };
                let Ok(part) = PartRow::decode(value) else {
                    return malformed("its row is not what its key says");
                };
                let upload = UploadId::from_bytes(*id);
                let Some(object) = self.object_of(bucket, upload).await? else {
                    return malformed("the upload that the part belongs to is not to be found");
                };
                let owner = Owner {
                    bucket,
                    bucket_name,
                    object,
                    version_id: None,
                    upload_id: Some(upload.to_string()),
                    part_number: number.first_chunk::<2>().map(|number| u16::from_be_bytes(*number)),
                };
                self.blob(&owner, &part.blob).await
            }
            _ => Ok(None),
        }
    }

    /// The object that an upload is of.
    async fn object_of(&self, bucket: BucketId, upload: UploadId) -> Result<Option<ObjectKey>, Halt> {
        let index = self.scrubber.store.get(Partition::Bucket(bucket), &row::index(upload)).await;
        match index {
            Ok(index) => {
                let index = index.and_then(|index| UploadIndexRow::decode(&index.value).ok());
                Ok(index.and_then(|index| ObjectKey::parse(&index.key).ok()))
            }
            // A row that does not open is told where it is met.
            Err(StoreError::Corrupt { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn blob(&mut self, owner: &Owner<'_>, blob: &BlobRow) -> Result<Option<FindingRow>, Halt> {
        let (blobs, keys) = (self.scrubber.blobs.clone(), self.scrubber.keys.clone());
        let begun = BlobProof::begin(&*blobs, &keys, owner.bucket, &owner.object, blob).await;
        let mut proof = match begun {
            Ok(proof) => proof,
            Err(unproved) => return told(owner, unproved),
        };
        loop {
            match proof.step(&*blobs, PIECE_BYTES).await {
                Ok(Some(bytes)) => self.pay(bytes).await?,
                Ok(None) => return Ok(None),
                Err(unproved) => return told(owner, unproved),
            }
        }
    }
}

/// What is damage, told of its object; what is not, halts.
fn told(owner: &Owner<'_>, unproved: Unproved) -> Result<Option<FindingRow>, Halt> {
    match unproved {
        Unproved::Seal(what) => Ok(Some(owner.finding(format!("its bytes do not open: {what}")))),
        Unproved::Store(StoreError::NoSuchBlob(_)) => {
            Ok(Some(owner.finding("its bytes are not there".to_owned())))
        }
        Unproved::Store(StoreError::Corrupt { what }) => {
            Ok(Some(owner.finding(format!("its bytes cannot be read: {what}"))))
        }
        Unproved::Store(error) => Err(error.into()),
    }
}

/// A finding about a row; the object's name is read from its key where that has one.
fn row_finding(bucket_name: &str, message: String, key: &[u8]) -> FindingRow {
    let object = match key.first() {
        Some(b'v' | b'k' | b'n' | b'u') => row::decode_object_key(key).map(|(object, _)| object.to_string()),
        _ => None,
    };
    let some = |text: String| (!text.is_empty()).then_some(text);
    FindingRow {
        kind: "ROW".to_owned(),
        message,
        bucket: some(bucket_name.to_owned()),
        key: object.or_else(|| some(key.escape_ascii().to_string())),
        ..FindingRow::default()
    }
}
