//! What the gate asks before it decides.

use async_trait::async_trait;
use strongroom_storage::{Precondition, StoreError};
use strongroom_types::{AccountId, BucketId, BucketName, CanonicalUserId, Region};

/// What a decision needs to know of a bucket.
#[derive(Debug, Clone)]
pub struct BucketFacts {
    /// Its incarnation.
    pub id: BucketId,
    /// The account that owns it.
    pub owner: AccountId,
    /// The canonical user id of that account.
    pub owner_canonical: CanonicalUserId,
    /// Where it lies.
    pub region: Region,
    /// What must still hold, in the bucket's partition, when a change is committed: the rows of the incarnation and of
    /// its generation, as they were read for this decision.
    pub guards: Vec<Precondition>,
}

/// Facts, from the crates that keep them.
#[async_trait]
pub trait Facts: Send + Sync {
    /// The bucket of this name, if there is one.
    async fn bucket(&self, name: &BucketName) -> Result<Option<BucketFacts>, StoreError>;

    /// The management account, which owns the installation.
    async fn management_account(&self) -> Result<AccountId, StoreError>;
}
