//! The facts that the gate asks for, from the crates that keep them.

pub(crate) mod endpoint;

use std::sync::Arc;

use async_trait::async_trait;
use strongroom_ec2::Ec2;
use strongroom_gate::{
    AccessPointAddress, AccessPointFacts, AccessPointId, AccountFacts, BucketFacts, Caller, EndpointFacts,
    Facts, Kept, Named, NamedPolicy, ObjectAccess, PrincipalFacts, ResourceFacts, SecondFactor,
};
use strongroom_identity::{Identity, IdentityError};
use strongroom_organizations::{ACCOUNT_SERVICE, Organizations, OrganizationsError};
use strongroom_policy::document::AwsPrincipal;
use strongroom_s3::S3;
use strongroom_storage::{Precondition, StoreError};
use strongroom_types::{
    AccountId, Arn, BucketId, BucketName, CanonicalUserId, ObjectKey, Timestamp, VersionId,
};

/// Accounts that are looked at in one read, while the owners of canonical user ids are sought.
const ACCOUNTS_AT_ONCE: usize = 500;

/// [`Facts`] of an installation.
pub(crate) struct InstallationFacts {
    pub(crate) s3: S3,
    pub(crate) identity: Identity,
    pub(crate) organizations: Organizations,
    pub(crate) ec2: Ec2,
}

fn store_error(error: IdentityError) -> StoreError {
    let what = error.to_string().into();
    if let IdentityError::Store(error) = error { error } else { StoreError::Corrupt { what } }
}

fn organizations_error(error: OrganizationsError) -> StoreError {
    let what = error.to_string().into();
    match error {
        OrganizationsError::Store(error) => error,
        OrganizationsError::Identity(error) => store_error(error),
        OrganizationsError::NoSuch(_)
        | OrganizationsError::Clash(_)
        | OrganizationsError::Constraint(..)
        | OrganizationsError::Input(..)
        | OrganizationsError::Handshake(..)
        | OrganizationsError::Malformed(_)
        | OrganizationsError::NoTrustedAccess
        | OrganizationsError::Contended
        | OrganizationsError::Damaged => StoreError::Corrupt { what },
    }
}

#[async_trait]
impl Facts for InstallationFacts {
    async fn bucket(&self, name: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        self.s3.directory().bucket(name).await
    }

    async fn access_point(
        &self,
        address: &AccessPointAddress,
    ) -> Result<Option<Arc<AccessPointFacts>>, StoreError> {
        self.s3.directory().access_point(address).await
    }

    async fn access_point_guard(&self, id: &AccessPointId) -> Result<Option<Precondition>, StoreError> {
        self.s3.directory().access_point_guard(id).await
    }

    async fn resource(&self, resource: &Arn) -> Result<ResourceFacts, StoreError> {
        match resource.service() {
            "iam" => self.identity.resource_facts(resource).await.map_err(store_error),
            "organizations" | "account" => {
                self.organizations.resource_facts(resource).await.map_err(organizations_error)
            }
            "ec2" => {
                let tags = self.ec2.tags(resource).await.map_err(endpoint::ec2_error)?;
                Ok(ResourceFacts { tags, ..ResourceFacts::default() })
            }
            _ => Ok(ResourceFacts::default()),
        }
    }

    async fn endpoint(&self, id: &str) -> Result<Option<Arc<EndpointFacts>>, StoreError> {
        endpoint::facts_of(&self.ec2, &self.organizations, id).await
    }

    async fn object_tags(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: Option<VersionId>,
    ) -> Result<Option<Vec<(String, String)>>, StoreError> {
        self.s3.object_tags(bucket, key, version).await
    }

    async fn object_access(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: Option<VersionId>,
    ) -> Result<Option<ObjectAccess>, StoreError> {
        self.s3.object_access(bucket, key, version).await
    }

    async fn upload_initiator(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        id: &str,
    ) -> Result<Option<CanonicalUserId>, StoreError> {
        self.s3.upload_initiator(bucket, key, id).await
    }

    async fn canonical_user_of(&self, email: &str) -> Result<Option<CanonicalUserId>, StoreError> {
        let found = self.identity.account_of_email(email).await.map_err(store_error)?;
        Ok(found.map(|account| account.canonical))
    }

    async fn unknown_canonical_user(
        &self,
        ids: &[CanonicalUserId],
    ) -> Result<Option<CanonicalUserId>, StoreError> {
        let (mut unknown, mut last) = (ids.to_vec(), None);
        while !unknown.is_empty() {
            let page = self.identity.accounts(last, ACCOUNTS_AT_ONCE).await.map_err(store_error)?;
            unknown.retain(|id| page.iter().all(|account| account.canonical != *id));
            match page.last() {
                Some(account) if page.len() == ACCOUNTS_AT_ONCE => last = Some(account.id),
                _ => break,
            }
        }
        Ok(unknown.first().copied())
    }

    async fn management_account(&self) -> Result<AccountId, StoreError> {
        self.identity.management_account().await.map_err(store_error)
    }

    async fn arn(&self, named: Named<'_>) -> Result<Option<Arn>, StoreError> {
        match named {
            Named::Iam(name) => self.identity.iam_arn(name).await.map_err(store_error),
            Named::Organization(id) => self.organizations.arn(id).await.map_err(organizations_error),
            Named::MemberAccount(id) => self.organizations.member_arn(id).await.map_err(organizations_error),
        }
    }

    async fn principal(&self, caller: &Caller) -> Result<Arc<PrincipalFacts>, StoreError> {
        self.identity.principal_facts(caller).await.map_err(store_error)
    }

    async fn account(&self, account: AccountId) -> Result<Arc<AccountFacts>, StoreError> {
        self.organizations.account_facts(account).await.map_err(organizations_error)
    }

    async fn is_delegated_administrator(&self, account: AccountId) -> Result<bool, StoreError> {
        let found = self.organizations.is_delegated_administrator(account, None).await;
        found.map_err(organizations_error)
    }

    async fn administers_accounts(&self, account: AccountId) -> Result<bool, StoreError> {
        let found = self.organizations.is_delegated_administrator(account, Some(ACCOUNT_SERVICE)).await;
        found.map_err(organizations_error)
    }

    async fn organization_policy(&self) -> Result<Option<NamedPolicy>, StoreError> {
        self.organizations.resource_policy().await.map_err(organizations_error)
    }

    async fn resource_policy(&self, resource: &Arn) -> Result<Option<NamedPolicy>, StoreError> {
        self.identity.trust_policy(resource).await.map_err(store_error)
    }

    async fn second_factor(
        &self,
        caller: &Caller,
        serial: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<SecondFactor, StoreError> {
        self.identity.second_factor(caller, serial, code, now).await.map_err(store_error)
    }

    async fn keep_principal(&self, principal: &AwsPrincipal) -> Result<Kept, StoreError> {
        self.identity.keep_principal(principal).await.map_err(store_error)
    }

    async fn show_principal(&self, id: &str) -> Result<Option<AwsPrincipal>, StoreError> {
        self.identity.show_principal(id).await.map_err(store_error)
    }
}
