//! Block Public Access of an account.

use async_trait::async_trait;
use minicbor::{Decode, Encode};
use strongroom_api_s3control::{
    DeletePublicAccessBlockInput, DeletePublicAccessBlockOutput, GetPublicAccessBlockInput,
    GetPublicAccessBlockOutput, PutPublicAccessBlockInput, PutPublicAccessBlockOutput, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Mutation, Reply};
use strongroom_storage::{MetaStore, Partition, StoreError};
use strongroom_types::AccountId;

use crate::S3;
use crate::bucket::defaults::NewBuckets;
use crate::bucket::directory::corrupt;
use crate::bucket::settings::configured;
use crate::row::{Coded, PublicAccessBlockRow};

/// The key of an account's block, in the account's partition.
const KEY: &[u8] = b"public-access-block";

/// In `Account`: Block Public Access. An account without this row has all four on: a new installation is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AccountBlockRow {
    /// The settings; `None` after DeletePublicAccessBlock.
    #[n(0)]
    pub block: Option<PublicAccessBlockRow>,
}

impl AccountBlockRow {
    /// What an account has of which nothing is stored.
    pub const NEW: Self = Self {
        block: Some(PublicAccessBlockRow {
            block_public_acls: true,
            ignore_public_acls: true,
            block_public_policy: true,
            restrict_public_buckets: true,
        }),
    };

    /// Reads an account's block; by `defaults` where nothing is stored.
    ///
    /// # Errors
    /// [`StoreError`] of the store, and for a row that does not read.
    pub async fn of(
        store: &dyn MetaStore,
        account: AccountId,
        defaults: NewBuckets,
    ) -> Result<Self, StoreError> {
        match store.get(Partition::Account(account), KEY).await? {
            None => Ok(defaults.account_block()),
            Some(row) => Coded::decode(&row.value).map_err(|_| corrupt()),
        }
    }
}

/// The account that a request is about: the gate lets through the caller's own only.
fn account<I>(request: &Authorized<I>) -> Result<AccountId, ErrorReply> {
    request.caller().account().ok_or_else(|| ErrorReply::new(403, "AccessDenied", "Access Denied"))
}

/// Source: S3 Control API Reference, "PutPublicAccessBlock", "DeletePublicAccessBlock": 403 while a policy of the
/// organisation manages the account.
fn managed() -> ErrorReply {
    let message = "Block Public Access of this account is set by an Amazon S3 policy of its organization. Change or \
                   detach that policy in AWS Organizations.";
    ErrorReply::new(403, "AccessDenied", message)
}

/// What is in effect: the organisation's setting stands over the account's own, which is kept.
///
/// Source: S3 Control API Reference, "GetPublicAccessBlock".
#[async_trait]
impl Handle<op::GetPublicAccessBlock> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetPublicAccessBlockInput>,
    ) -> Result<Reply<GetPublicAccessBlockOutput>, ErrorReply> {
        let account = account(&request)?;
        if let Some(block) = request.organization_block() {
            let block = PublicAccessBlockRow::from(block);
            let public_access_block_configuration = Some(Box::new(block.into()));
            return Ok(Reply::new(GetPublicAccessBlockOutput { public_access_block_configuration }));
        }
        let row = self.directory.account_block(account).await;
        let Some(block) = row.map_err(|error| ErrorReply::from(&error))?.block else {
            return Err(ErrorReply::new(
                404,
                "NoSuchPublicAccessBlockConfiguration",
                "The public access block configuration was not found",
            )
            .member("AccountId", account.to_string()));
        };
        let public_access_block_configuration = Some(Box::new(block.into()));
        Ok(Reply::new(GetPublicAccessBlockOutput { public_access_block_configuration }))
    }
}

/// Replaces all four settings; those left out are off. Source: S3 Control API Reference, "PutPublicAccessBlock".
#[async_trait]
impl Handle<op::PutPublicAccessBlock> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutPublicAccessBlockInput>,
    ) -> Result<Reply<PutPublicAccessBlockOutput>, ErrorReply> {
        let block = PublicAccessBlockRow::from(&request.input().public_access_block_configuration);
        self.block_account(&mut request, Some(block)).await?;
        Ok(Reply::new(PutPublicAccessBlockOutput {}))
    }
}

/// Source: S3 Control API Reference, "DeletePublicAccessBlock".
#[async_trait]
impl Handle<op::DeletePublicAccessBlock> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeletePublicAccessBlockInput>,
    ) -> Result<Reply<DeletePublicAccessBlockOutput>, ErrorReply> {
        self.block_account(&mut request, None).await?;
        Ok(Reply::new(DeletePublicAccessBlockOutput {}))
    }
}

impl S3 {
    async fn block_account<I: Send>(
        &self,
        request: &mut Authorized<I>,
        block: Option<PublicAccessBlockRow>,
    ) -> Result<(), ErrorReply> {
        if request.organization_block().is_some() {
            return Err(managed());
        }
        let partition = Partition::Account(account(request)?);
        let mut mutation = Mutation::new();
        mutation.put(KEY, Coded::encode(&AccountBlockRow { block }));
        mutation.effect(configured());
        let committed = request.commit_in(&*self.store, partition, mutation).await;
        committed.map(|_| ()).map_err(|error| error.reply())
    }
}
