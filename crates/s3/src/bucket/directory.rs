//! Which bucket has a name: the gate's view of buckets.

use std::sync::Arc;

use strongroom_gate::BucketFacts;
use strongroom_storage::{MetaStore, Partition, Precondition, RowVersion, StoreError};
use strongroom_types::BucketName;

use crate::row::{self, BucketRow, Coded, NameRow, StateRow};

/// Finds buckets by name. The server implements [`strongroom_gate::Facts`] with it.
///
/// A name whose bucket's own row is gone (a crash in the middle of DeleteBucket) names no bucket.
#[derive(Clone)]
pub struct BucketDirectory {
    store: Arc<dyn MetaStore>,
}

impl BucketDirectory {
    /// A directory over the store that [`crate::S3`] writes to.
    pub fn new(store: Arc<dyn MetaStore>) -> Self {
        Self { store }
    }

    /// The bucket of this name, with the rows that a change of it must find untouched: its incarnation and its state.
    ///
    /// # Errors
    /// [`StoreError`] of the store; [`StoreError::Corrupt`] for a row that is not what its key says.
    pub async fn bucket(&self, name: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        let Some((named, _)) = self.name_row(name).await? else { return Ok(None) };
        let partition = Partition::Bucket(named.id());
        let Some((_, incarnation)) = self.read::<BucketRow>(partition, row::BUCKET).await? else {
            return Ok(None);
        };
        let Some((_, state)) = self.read::<StateRow>(partition, row::STATE).await? else {
            // Removed together with the incarnation; a bucket without it is damaged, unless it went just now.
            let gone = self.store.get(partition, row::BUCKET).await?.is_none();
            return if gone { Ok(None) } else { Err(corrupt()) };
        };
        let (owner, owner_canonical, region) = named.parsed().map_err(|_| corrupt())?;
        let guards = vec![
            Precondition::RowIs(row::BUCKET.to_vec(), incarnation),
            Precondition::RowIs(row::STATE.to_vec(), state),
        ];
        Ok(Some(BucketFacts { id: named.id(), owner, owner_canonical, region, guards }))
    }

    /// The row of a name, whether or not its bucket is still there.
    pub(crate) async fn name_row(
        &self,
        name: &BucketName,
    ) -> Result<Option<(NameRow, RowVersion)>, StoreError> {
        self.read::<NameRow>(Partition::Names, &row::name(name)).await
    }

    /// Whether the bucket that a name's row speaks of is still there.
    pub(crate) async fn exists(&self, named: &NameRow) -> Result<bool, StoreError> {
        Ok(self.store.get(Partition::Bucket(named.id()), row::BUCKET).await?.is_some())
    }

    async fn read<T: Coded>(
        &self,
        partition: Partition,
        key: &[u8],
    ) -> Result<Option<(T, RowVersion)>, StoreError> {
        let row = self.store.get(partition, key).await?;
        row.map(|row| Ok((T::decode(&row.value).map_err(|_| corrupt())?, row.version))).transpose()
    }
}

/// A row that does not read.
pub(crate) fn corrupt() -> StoreError {
    StoreError::Corrupt { what: "a bucket's row".into() }
}
