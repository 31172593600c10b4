//! The facts that the gate asks for, from the crates that keep them.

use async_trait::async_trait;
use strongroom_gate::{BucketFacts, Facts};
use strongroom_identity::{Identity, IdentityError};
use strongroom_s3::BucketDirectory;
use strongroom_storage::StoreError;
use strongroom_types::{AccountId, BucketName};

/// [`Facts`] of an installation.
pub(crate) struct InstallationFacts {
    pub(crate) buckets: BucketDirectory,
    pub(crate) identity: Identity,
}

#[async_trait]
impl Facts for InstallationFacts {
    async fn bucket(&self, name: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        self.buckets.bucket(name).await
    }

    async fn management_account(&self) -> Result<AccountId, StoreError> {
        self.identity.management_account().await.map_err(|error| {
            let what = error.to_string().into();
            if let IdentityError::Store(error) = error { error } else { StoreError::Corrupt { what } }
        })
    }
}
