//! The walk over rows: each is opened and read, and each blob that one names is opened from end to end.

use std::collections::HashSet;
use std::sync::Arc;

use indicatif::ProgressBar;
use strongroom_crypto::{CustomerPlace, WrappedKey};
use strongroom_s3::row::{
    self, AccessPointRow, AliasRow, BlobRow, BucketRow, Coded, CurrentRow, LayoutRow, NameRow, NullRow,
    PartRow, StateRow, UploadIndexRow, UploadRow, VersionRow,
};
use strongroom_server::installation::Installation;
use strongroom_server::proof::{BlobProof, Unproved};
use strongroom_storage::verify::Verifier;
use strongroom_storage::{
    BlobStore, Direction, Entry, MAX_KEY_BYTES, MAX_READ_BYTES, MetaStore, Partition, StoreError,
};
use strongroom_types::{BlobId, BucketId, ObjectKey, UploadId};

use super::finding::{Finding, Findings};
use crate::error::CliError;

/// Rows read at once.
const ROW_PAGE: usize = 1000;

/// Records read at once.
const RECORD_PAGE: usize = 1000;

/// One pass over all rows. The first opens blobs; each knows only the ids of its share, so that memory is bounded.
pub(super) struct Walk<'a> {
    store: Arc<dyn MetaStore>,
    blobs_of: Arc<dyn BlobStore>,
    installation: &'a Installation,
    bar: &'a ProgressBar,
    pass: u64,
    passes: u64,
    /// Ids of this pass's share that rows name.
    named: HashSet<[u8; 16]>,
    /// Rows read.
    pub(super) rows: u64,
    /// Blobs opened.
    pub(super) blobs: u64,
    /// Blobs that only a customer's key opens. Their bytes are those that were sealed.
    pub(super) blobs_of_customers: u64,
    /// Their frames.
    pub(super) frames: u64,
}

impl<'a> Walk<'a> {
    /// The pass `pass` of `passes`.
    pub(super) fn new(
        installation: &'a Installation,
        bar: &'a ProgressBar,
        (pass, passes): (u64, u64),
    ) -> Self {
        Self {
            store: installation.store.clone(),
            blobs_of: installation.blobs.clone(),
            installation,
            bar,
            pass,
            passes,
            named: HashSet::new(),
            rows: 0,
            blobs: 0,
            blobs_of_customers: 0,
            frames: 0,
        }
    }

    /// Walks over all partitions.
    pub(super) async fn partitions(
        &mut self,
        verifier: &Verifier,
        findings: &mut Findings,
    ) -> Result<(), CliError> {
        for partition in verifier.store().partitions()? {
            self.partition(partition, findings).await?;
        }
        Ok(())
    }

    /// Tells the committed blobs that no row named.
    pub(super) fn find_orphans(&self, verifier: &Verifier, findings: &mut Findings) {
        // What cannot be listed was told already.
        for info in verifier.blobs().map_while(Result::ok) {
            if self.is_of_this_pass(info.id) && !self.named.contains(info.id.as_bytes()) {
                findings.add(Finding::BlobOrphaned { blob: info.id });
            }
        }
    }

    fn is_of_this_pass(&self, id: BlobId) -> bool {
        share(id, self.passes) == self.pass
    }

    async fn partition(&mut self, partition: Partition, findings: &mut Findings) -> Result<(), CliError> {
        let mut from = Vec::new();
        loop {
            let range = from.clone()..vec![0xff; MAX_KEY_BYTES + 1];
            let raw =
                self.installation.local.scan(partition, range.clone(), ROW_PAGE, Direction::Forward).await;
            let raw = match raw {
                Ok(raw) => raw,
                Err(error) => {
                    let what = "rows from here on cannot be read";
                    tracing::debug!(%error, what);
                    findings.add(Finding::Row { partition, key: from, what });
                    return Ok(());
                }
            };
            let Some(last) = raw.last() else { return Ok(()) };
            from = [&last.key[..], &[0]].concat();
            let ended = raw.len() < ROW_PAGE;
            match self.store.scan(partition, range, ROW_PAGE, Direction::Forward).await {
                Ok(entries) => {
                    for entry in &entries {
                        self.entry(partition, entry, findings).await?;
                    }
                }
                // One of the page does not open: one by one, to tell which.
                Err(_) => {
                    for entry in raw {
                        match self.store.get(partition, &entry.key).await {
                            Ok(Some(row)) => {
                                self.entry(partition, &Entry { key: entry.key, row }, findings).await?;
                            }
                            Ok(None) | Err(_) => {
                                self.count_row();
                                let what = "its value does not open";
                                self.tell(
                                    findings,
                                    Finding::Row { partition, key: entry.key.to_vec(), what },
                                );
                            }
                        }
                    }
                }
            }
            if ended {
                return Ok(());
            }
        }
    }

    fn count_row(&mut self) {
        self.rows += 1;
    }

    /// What every pass would find is told by the first.
    fn tell(&self, findings: &mut Findings, finding: Finding) {
        if self.pass == 0 {
            findings.add(finding);
        }
    }

    async fn entry(
        &mut self,
        partition: Partition,
        entry: &Entry,
        findings: &mut Findings,
    ) -> Result<(), CliError> {
        self.count_row();
        let checked = match partition {
            Partition::Bucket(bucket) => self.bucket_row(bucket, entry, findings).await?,
            Partition::Names => name_row(entry),
            // Their rows open, and what is in them is read whenever they are used.
            Partition::Org | Partition::Iam(_) | Partition::Account(_) | Partition::System => Ok(()),
        };
        if let Err(what) = checked {
            self.tell(findings, Finding::Row { partition, key: entry.key.to_vec(), what });
        }
        Ok(())
    }

    async fn bucket_row(
        &mut self,
        bucket: BucketId,
        entry: &Entry,
        findings: &mut Findings,
    ) -> Result<Result<(), &'static str>, CliError> {
        let (key, value) = (&entry.key[..], &entry.row.value[..]);
        let partition = Partition::Bucket(bucket);
        Ok(match key.first() {
            Some(b'b') => read::<BucketRow>(value).map(drop),
            Some(b'g') => read::<StateRow>(value).map(drop),
            // Documents, which their operations read.
            Some(b'c') => Ok(()),
            Some(b'k') => self.current_row(partition, key, value).await?,
            Some(b'n') => read::<NullRow>(value).map(drop),
            Some(b'v') => self.version_row(bucket, key, value, findings).await?,
            Some(b'u') => self.upload_row(bucket, key, value),
            Some(b'i') => read::<UploadIndexRow>(value).map(drop),
            Some(b'p') => self.part_row(bucket, key, value, findings).await?,
            Some(b'l') => read::<LayoutRow>(value).map(drop),
            _ => Err("no row has a key of this form"),
        })
    }

    /// A listing must find the version that it shows.
    async fn current_row(
        &self,
        partition: Partition,
        key: &[u8],
        value: &[u8],
    ) -> Result<Result<(), &'static str>, CliError> {
        let current: CurrentRow = match read(value) {
            Ok(current) => current,
            Err(what) => return Ok(Err(what)),
        };
        let Some((object, [])) = row::decode_object_key(key) else { return Ok(Err(MALFORMED_KEY)) };
        let version =
            self.installation.local.get(partition, &row::version(&object, current.sequence)).await?;
        Ok(version.map(drop).ok_or("the current version that it names does not exist"))
    }

    async fn version_row(
        &mut self,
        bucket: BucketId,
        key: &[u8],
        value: &[u8],
        findings: &mut Findings,
    ) -> Result<Result<(), &'static str>, CliError> {
        let version: VersionRow = match read(value) {
            Ok(version) => version,
            Err(what) => return Ok(Err(what)),
        };
        let Some((object, _)) = row::version_key_parts(key) else { return Ok(Err(MALFORMED_KEY)) };
        let Some(content) = version.content else { return Ok(Ok(())) };
        if let Some(blob) = &content.blob {
            self.blob(bucket, &object, key, blob, findings).await?;
            return Ok(if blob.plain_bytes == content.size {
                Ok(())
            } else {
                Err("its blob has another length")
            });
        }
        let Some(upload) = content.upload_id() else { return Ok(Err("it has neither a blob nor parts")) };
        if let Err(what) = self.proof(bucket, &object, upload, content.customer_proof.as_deref()) {
            return Ok(Err(what));
        }
        self.parts_are_there(bucket, upload, content.size).await
    }

    fn upload_row(&self, bucket: BucketId, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let row: UploadRow = read(value)?;
        let (object, rest) = row::decode_object_key(key).ok_or(MALFORMED_KEY)?;
        let id = rest.last_chunk().copied().map(UploadId::from_bytes).ok_or(MALFORMED_KEY)?;
        self.proof(bucket, &object, id, row.customer_proof.as_deref())
    }

    /// What tells the customer's key of an upload from others is sound, as far as can be proved without that key.
    fn proof(
        &self,
        bucket: BucketId,
        object: &ObjectKey,
        upload: UploadId,
        proof: Option<&[u8]>,
    ) -> Result<(), &'static str> {
        let Some(proof) = proof else { return Ok(()) };
        let place = CustomerPlace::Upload { bucket, key: object, upload };
        let proved = WrappedKey::decode(proof)
            .map_err(strongroom_crypto::WrapError::from)
            .and_then(|wrapped| self.installation.keys.prove_for_customer(&place, &wrapped));
        proved.map_err(|_| "what tells its customer's key from others does not open")
    }

    /// The layout of an object in parts names parts that exist, in their lengths.
    async fn parts_are_there(
        &self,
        bucket: BucketId,
        upload: UploadId,
        size: u64,
    ) -> Result<Result<(), &'static str>, CliError> {
        let partition = Partition::Bucket(bucket);
        // A row that does not open is told where it is met.
        let Ok(layout) = self.store.get(partition, &row::layout(upload)).await else { return Ok(Ok(())) };
        let Some(layout) = layout else { return Ok(Err("the layout of its parts does not exist")) };
        let Ok(layout) = read::<LayoutRow>(&layout.value) else { return Ok(Ok(())) };
        let mut total = 0_u64;
        for (number, bytes) in layout.parts {
            total = total.saturating_add(bytes);
            let Ok(part) = self.store.get(partition, &row::part(upload, number)).await else { continue };
            let Some(part) = part else { return Ok(Err("one of its parts does not exist")) };
            if read::<PartRow>(&part.value).is_ok_and(|part| part.blob.plain_bytes != bytes) {
                return Ok(Err("one of its parts has another length"));
            }
        }
        Ok(if total == size { Ok(()) } else { Err("its parts have another length in all") })
    }

    async fn part_row(
        &mut self,
        bucket: BucketId,
        key: &[u8],
        value: &[u8],
        findings: &mut Findings,
    ) -> Result<Result<(), &'static str>, CliError> {
        let part: PartRow = match read(value) {
            Ok(part) => part,
            Err(what) => return Ok(Err(what)),
        };
        let Some((id, [_, _])) = key.get(1..).and_then(|rest| rest.split_first_chunk::<16>()) else {
            return Ok(Err(MALFORMED_KEY));
        };
        let index = self.store.get(Partition::Bucket(bucket), &row::index(UploadId::from_bytes(*id))).await;
        let index = match index {
            Ok(Some(index)) => read::<UploadIndexRow>(&index.value),
            Ok(None) => Err("the upload that it belongs to does not exist"),
            Err(_) => Err("the row of the upload that it belongs to does not open"),
        };
        let object = index.and_then(|index| ObjectKey::parse(&index.key).map_err(|_| MALFORMED_KEY));
        match object {
            Ok(object) => {
                self.blob(bucket, &object, key, &part.blob, findings).await?;
                Ok(Ok(()))
            }
            Err(what) => {
                self.name(&part.blob, false);
                Ok(Err(what))
            }
        }
    }

    /// Remembers that a row names the blob; false if another row did already.
    fn name(&mut self, blob: &BlobRow, report: bool) -> bool {
        !self.is_of_this_pass(blob.id()) || self.named.insert(blob.id) || !report
    }

    /// Opens a blob from its first frame to its last; of one that only a customer's key opens, proves that it has the bytes
    /// that were sealed.
    async fn blob(
        &mut self,
        bucket: BucketId,
        object: &ObjectKey,
        row_key: &[u8],
        blob: &BlobRow,
        findings: &mut Findings,
    ) -> Result<(), CliError> {
        let id = blob.id();
        let sealed = |what: String| Finding::BlobSealed { bucket, key: row_key.to_vec(), blob: id, what };
        if !self.name(blob, true) {
            findings.add(sealed("two rows name it".to_owned()));
        }
        if self.pass > 0 {
            return Ok(());
        }
        let found = match self.prove(bucket, object, blob).await {
            Ok(Proved::Opened { frames }) => {
                self.blobs += 1;
                self.frames += frames;
                return Ok(());
            }
            Ok(Proved::OfCustomer) => {
                self.blobs_of_customers += 1;
                return Ok(());
            }
            Err(Unproved::Store(StoreError::NoSuchBlob(_))) => {
                Finding::BlobMissing { bucket, key: row_key.to_vec(), blob: id }
            }
            Err(Unproved::Store(error)) => sealed(error.to_string()),
            Err(Unproved::Seal(what)) => sealed(what),
        };
        findings.add(found);
        Ok(())
    }

    async fn prove(&self, bucket: BucketId, object: &ObjectKey, blob: &BlobRow) -> Result<Proved, Unproved> {
        let blobs = &*self.blobs_of;
        let mut proof = BlobProof::begin(blobs, &self.installation.keys, bucket, object, blob).await?;
        let of_customer = proof.is_of_customer();
        while let Some(bytes) = proof.step(blobs, MAX_READ_BYTES).await? {
            self.bar.inc(bytes);
        }
        Ok(if of_customer { Proved::OfCustomer } else { Proved::Opened { frames: proof.frames() } })
    }
}

/// What was proved of a blob.
enum Proved {
    /// Every frame opens.
    Opened { frames: u64 },
    /// Only a customer's key opens it: it has the bytes that were sealed.
    OfCustomer,
}

const MALFORMED_KEY: &str = "its key has not the form of its kind";
const OTHER_VALUE: &str = "its value is not what its key says";

/// Which of `passes` equal shares of all ids an id falls into.
fn share(id: BlobId, passes: u64) -> u64 {
    let [first, second, third, fourth, ..] = *id.as_bytes();
    (u64::from(u32::from_be_bytes([first, second, third, fourth])) * passes) >> 32
}

fn read<R: Coded>(value: &[u8]) -> Result<R, &'static str> {
    R::decode(value).map_err(|_| OTHER_VALUE)
}

fn name_row(entry: &Entry) -> Result<(), &'static str> {
    let value = &entry.row.value;
    match entry.key.first() {
        Some(b'n') => read::<NameRow>(value).and_then(|row| row.parsed().map(drop).map_err(|_| OTHER_VALUE)),
        Some(b'a' | b'i') => Ok(()),
        Some(b'p') => {
            read::<AccessPointRow>(value)?;
            row::access_point_name(&entry.key).map(drop).ok_or(MALFORMED_KEY)
        }
        Some(b'o') => row::access_point_name(&entry.key).map(drop).ok_or(MALFORMED_KEY),
        Some(b'q') => read::<AliasRow>(value).and_then(|row| row.id().map(drop).ok_or(OTHER_VALUE)),
        Some(b'r') => row::bucket_access_point_name(&entry.key).map(drop).ok_or(MALFORMED_KEY),
        Some(b't') => std::str::from_utf8(value).map(drop).map_err(|_| OTHER_VALUE),
        _ => Err("no row has a key of this form"),
    }
}

/// Opens every record that the journal keeps; gives their number.
pub(super) async fn records(installation: &Installation, findings: &mut Findings) -> Result<u64, CliError> {
    let (mut after, mut records) = (None, 0);
    loop {
        let page = match installation.journal.read(after, RECORD_PAGE).await {
            Ok(page) => page,
            Err(error) => {
                let after = after.map_or(0, |position: strongroom_storage::Position| position.0);
                findings.add(Finding::Records { after, what: error.to_string() });
                return Ok(records);
            }
        };
        let Some((last, _)) = page.last() else { return Ok(records) };
        after = Some(*last);
        for (_, group) in &page {
            records += group.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_falls_into_exactly_one_pass(id in any::<[u8; 16]>(), passes in 1_u64..5000) {
            prop_assert!(share(BlobId::from_bytes(id), passes) < passes);
        }
    }

    #[test]
    fn the_shares_are_equal() {
        let of = |first: u8| share(BlobId::from_bytes([first; 16]), 4);
        assert_eq!([of(0), of(63), of(64), of(128), of(191), of(255)], [0, 0, 1, 2, 2, 3]);
    }
}
