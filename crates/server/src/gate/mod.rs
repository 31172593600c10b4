//! The facts that the gate asks for, from the crates that keep them.

use std::sync::Arc;

use async_trait::async_trait;
use strongroom_gate::{BucketFacts, Caller, Facts, Kept, Named, NamedPolicy, PrincipalFacts};
use strongroom_identity::{Identity, IdentityError};
use strongroom_policy::document::AwsPrincipal;
use strongroom_s3::S3;
use strongroom_storage::StoreError;
use strongroom_types::{AccountId, Arn, BucketId, BucketName, ObjectKey, VersionId};

/// [`Facts`] of an installation.
pub(crate) struct InstallationFacts {
    pub(crate) s3: S3,
    pub(crate) identity: Identity,
}

fn store_error(error: IdentityError) -> StoreError {
    let what = error.to_string().into();
    if let IdentityError::Store(error) = error { error } else { StoreError::Corrupt { what } }
}

#[async_trait]
impl Facts for InstallationFacts {
    async fn bucket(&self, name: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        self.s3.directory().bucket(name).await
    }

    async fn object_tags(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: Option<VersionId>,
    ) -> Result<Option<Vec<(String, String)>>, StoreError> {
        self.s3.object_tags(bucket, key, version).await
    }

    async fn management_account(&self) -> Result<AccountId, StoreError> {
        self.identity.management_account().await.map_err(store_error)
    }

    async fn arn(&self, named: Named<'_>) -> Result<Option<Arn>, StoreError> {
        match named {
            Named::Iam(name) => self.identity.iam_arn(name).await.map_err(store_error),
            Named::Organization(_) | Named::MemberAccount(_) => Ok(None),
        }
    }

    async fn principal(&self, caller: &Caller) -> Result<Arc<PrincipalFacts>, StoreError> {
        self.identity.principal_facts(caller).await.map_err(store_error)
    }

    async fn resource_policy(&self, resource: &Arn) -> Result<Option<NamedPolicy>, StoreError> {
        self.identity.trust_policy(resource).await.map_err(store_error)
    }

    async fn keep_principal(&self, principal: &AwsPrincipal) -> Result<Kept, StoreError> {
        self.identity.keep_principal(principal).await.map_err(store_error)
    }

    async fn show_principal(&self, id: &str) -> Result<Option<AwsPrincipal>, StoreError> {
        self.identity.show_principal(id).await.map_err(store_error)
    }
}
