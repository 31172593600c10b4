//! DeleteBucket.

use async_trait::async_trait;
use strongroom_api_s3::{DeleteBucketInput, DeleteBucketOutput, op};
use strongroom_gate::{Authorized, BucketGrant, CommitError, ErrorReply, Handle, Mutation, Reply};
use strongroom_record::{Effect, EffectKind};
use strongroom_storage::{Direction, Entry, Partition, Precondition, prefix_range};
use strongroom_types::BucketName;

use super::intent::Intent;
use super::limits::{MAX_TRIES, ROWS_AT_A_TIME};
use super::settings::{configured, name};
use crate::S3;
use crate::error;
use crate::multipart::{hold, remove, upload_of_row};
use crate::row::{self, Coded as _, PartRow};

/// First bytes of the rows that are objects: with any of them the bucket is not empty.
const OBJECTS: [&[u8]; 3] = [b"k", b"v", b"n"];

/// First bytes of the rows of uploads.
const UPLOADS: [&[u8]; 4] = [b"u", b"i", b"p", b"l"];

/// First bytes of those that can be left once no upload is in progress.
const REMAINS: [&[u8]; 3] = [b"i", b"p", b"l"];

/// Deletes a bucket that holds no object, version or delete marker. Uploads in progress do not keep it: they are aborted
/// first, as AWS documents only for directory buckets that they do.
///
/// The bucket is gone with the commit that removes its own rows, which demands that nothing is left in it. Its name is
/// freed after that; killed in between, the name stands for no bucket and can be taken.
///
/// Source: S3 API Reference, "DeleteBucket".
#[async_trait]
impl Handle<op::DeleteBucket> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeleteBucketInput>,
    ) -> Result<Reply<DeleteBucketOutput>, ErrorReply> {
        for _ in 0..MAX_TRIES {
            let bucket = request.bucket()?.clone();
            let partition = bucket.partition();
            self.demand_empty(partition, bucket.name()).await?;
            self.demand_no_access_point(&bucket).await?;
            if self.purge_uploads(&mut request, partition).await? == Purged::Again {
                continue;
            }
            let mut mutation = Mutation::new();
            for tag in OBJECTS.iter().chain(&UPLOADS) {
                mutation.require(Precondition::RangeEmpty(prefix_range(tag)));
            }
            for key in self.configuration_keys(partition).await? {
                mutation.delete(key);
            }
            mutation.delete(row::BUCKET);
            mutation.delete(row::STATE);
            mutation.frees_space();
            mutation.effect(configured());
            self.intend(Intent::Delete, bucket.id(), bucket.name())
                .await
                .map_err(|error| ErrorReply::from(&error))?;
            match request.commit(&*self.store, mutation).await {
                Ok(_) => {
                    self.free_name(&bucket).await;
                    return Ok(Reply::new(DeleteBucketOutput {}));
                }
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.reply()),
            }
        }
        Err(CommitError::Conflict.reply())
    }
}

/// How far a purge came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purged {
    /// Nothing of any upload is left.
    All,
    /// The bucket changed meanwhile: look again.
    Again,
}

impl S3 {
    async fn demand_empty(&self, partition: Partition, name: &BucketName) -> Result<(), ErrorReply> {
        for tag in OBJECTS {
            if !self.rows(partition, tag, 1).await?.is_empty() {
                return Err(error::bucket_not_empty(name, tag != b"k"));
            }
        }
        Ok(())
    }

    /// The account's own access points keep its bucket, as on AWS. Those of other accounts do not, or anybody could keep it:
    /// they lead nowhere from then on, as do those that are made while the bucket goes.
    ///
    /// Source: S3 User Guide, "Deleting a general purpose bucket"; the answer is S3's.
    async fn demand_no_access_point(&self, bucket: &BucketGrant) -> Result<(), ErrorReply> {
        let range = row::bucket_access_points(bucket.id(), bucket.owner());
        let rows = self.store.scan(Partition::Names, range, 1, Direction::Forward).await;
        if rows.map_err(|error| ErrorReply::from(&error))?.is_empty() {
            return Ok(());
        }
        let message = "Bucket has access points attached and cannot be deleted.";
        Err(ErrorReply::new(400, "BucketHasAccessPointsAttached", message)
            .member("BucketName", bucket.name().as_str()))
    }

    async fn rows(&self, partition: Partition, tag: &[u8], limit: usize) -> Result<Vec<Entry>, ErrorReply> {
        let rows = self.store.scan(partition, prefix_range(tag), limit, Direction::Forward).await;
        rows.map_err(|error| ErrorReply::from(&error))
    }

    /// Removes uploads in progress, each whole in a commit of its own, so that a kill or a racing upload leaves no part
    /// without its upload; then what remains of completed ones. Gives back the space of their parts.
    async fn purge_uploads(
        &self,
        request: &mut Authorized<DeleteBucketInput>,
        partition: Partition,
    ) -> Result<Purged, ErrorReply> {
        while let Some(entry) = self.rows(partition, b"u", 1).await?.into_iter().next() {
            let Some(upload) = upload_of_row(&entry)? else { return Err(error::internal()) };
            let parts = self.all_parts(partition, upload.id).await?;
            let mut mutation = Self::purge_of_empty();
            hold(&upload, &parts, &mut mutation);
            remove(&upload, &parts, &mut mutation);
            let key = row::decode_object_key(&entry.key).map(|(key, _)| key.to_string());
            mutation.effect(Effect { kind: EffectKind::Delete, key, ..Effect::default() });
            match request.commit(&*self.store, mutation).await {
                Ok(_) => {}
                Err(CommitError::Conflict) => return Ok(Purged::Again),
                Err(error) => return Err(error.reply()),
            }
        }
        for tag in REMAINS {
            loop {
                let rows = self.rows(partition, tag, ROWS_AT_A_TIME).await?;
                if rows.is_empty() {
                    break;
                }
                let mut mutation = Self::purge_of_empty();
                // Parts that are added belong to an upload that was begun meanwhile.
                mutation.require(Precondition::RangeEmpty(prefix_range(b"u")));
                for Entry { key, row } in rows {
                    if tag == b"p" {
                        mutation.release(PartRow::decode(&row.value)?.blob.id());
                    }
                    mutation.unchanged(key.as_ref(), Some(row.version));
                    mutation.delete(key.as_ref());
                }
                match request.commit(&*self.store, mutation).await {
                    Ok(_) => {}
                    Err(CommitError::Conflict) => return Ok(Purged::Again),
                    Err(error) => return Err(error.reply()),
                }
            }
        }
        Ok(Purged::All)
    }

    /// A change of a bucket that holds no object.
    fn purge_of_empty() -> Mutation {
        let mut mutation = Mutation::new();
        for objects in OBJECTS {
            mutation.require(Precondition::RangeEmpty(prefix_range(objects)));
        }
        mutation.frees_space();
        mutation
    }

    /// The keys of all configurations there are, and of all that might be written meanwhile.
    async fn configuration_keys(&self, partition: Partition) -> Result<Vec<Vec<u8>>, ErrorReply> {
        let mut keys = name::ALL.map(row::config).to_vec();
        keys.extend(
            self.rows(partition, b"c", ROWS_AT_A_TIME).await?.into_iter().map(|entry| entry.key.to_vec()),
        );
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// Frees the name of a bucket that is gone. The bucket is deleted whether or not this succeeds: such a name is found
    /// to be free, and the next start removes its row.
    async fn free_name(&self, bucket: &BucketGrant) {
        let directory = &self.directory;
        let Ok(Some((named, version))) = directory.name_row(bucket.name()).await else { return };
        if named.id() == bucket.id() {
            drop(self.free(bucket.id(), bucket.name(), bucket.owner(), version).await);
        }
    }
}
