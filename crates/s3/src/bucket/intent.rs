//! The life of a bucket crosses two partitions: its own, and that of the names. Before the first step an intent is
//! written beside the names; the last step removes it. What a kill leaves in between, [`S3::settle_intents`] brings to
//! one end or the other: a bucket with a name and rows, or neither.

use strongroom_storage::{Batch, Direction, Entry, Partition, Precondition, RowVersion, StoreError};
use strongroom_types::{AccountId, BucketId, BucketName};

use super::directory::corrupt;
use super::limits::ROWS_AT_A_TIME;
use super::settings::name;
use crate::S3;
use crate::row;

/// What is about to be done to a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Create,
    Delete,
}

impl S3 {
    /// Ends what was begun when the process was last killed. To be called before the first request.
    ///
    /// # Errors
    /// [`StoreError`]; then it can be called again.
    pub async fn settle_intents(&self) -> Result<(), StoreError> {
        loop {
            let rows =
                self.store.scan(Partition::Names, row::intents(), ROWS_AT_A_TIME, Direction::Forward).await?;
            if rows.is_empty() {
                return Ok(());
            }
            for Entry { key, row } in rows {
                let bucket = row::intent_bucket(&key).ok_or_else(corrupt)?;
                let name = std::str::from_utf8(&row.value).ok().and_then(|name| BucketName::parse(name).ok());
                self.settle(bucket, &name.ok_or_else(corrupt)?).await?;
            }
        }
    }

    async fn settle(&self, bucket: BucketId, name: &BucketName) -> Result<(), StoreError> {
        let directory = &self.directory;
        let named = directory.name_row(name).await?.filter(|(named, _)| named.id() == bucket);
        match named {
            None => self.unmake(bucket).await,
            Some((named, _)) if directory.exists(&named).await? => self.forget_intent(bucket).await,
            Some((named, version)) => {
                let (owner, _, _) = named.parsed().map_err(|_| corrupt())?;
                self.free(bucket, name, owner, version).await
            }
        }
    }

    /// Says what is about to be done to a bucket.
    pub(super) async fn intend(
        &self,
        what: Intent,
        bucket: BucketId,
        name: &BucketName,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new(Partition::Names);
        // What frees space must not need any.
        batch.frees_space = what == Intent::Delete;
        batch.put(row::intent(bucket), name.as_str().as_bytes().to_vec());
        self.store.commit(batch).await.map(drop)
    }

    pub(super) async fn forget_intent(&self, bucket: BucketId) -> Result<(), StoreError> {
        let mut batch = Batch::new(Partition::Names);
        batch.delete(row::intent(bucket));
        batch.frees_space = true;
        self.store.commit(batch).await.map(drop)
    }

    /// Takes back the rows of a bucket that got no name.
    pub(super) async fn unmake(&self, bucket: BucketId) -> Result<(), StoreError> {
        let mut batch = Batch::new(Partition::Bucket(bucket));
        batch.delete(row::BUCKET).delete(row::STATE);
        for name in name::ALL {
            batch.delete(row::config(name));
        }
        batch.frees_space = true;
        self.store.commit(batch).await?;
        self.forget_intent(bucket).await
    }

    /// Frees the name of a bucket that is gone, unless it has been taken since.
    pub(super) async fn free(
        &self,
        bucket: BucketId,
        name: &BucketName,
        owner: AccountId,
        version: RowVersion,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new(Partition::Names);
        batch.require(Precondition::RowIs(row::name(name), version));
        batch.delete(row::name(name)).delete(row::account_bucket(owner, name)).delete(row::intent(bucket));
        batch.frees_space = true;
        self.store.commit(batch).await.map(drop)
    }
}
