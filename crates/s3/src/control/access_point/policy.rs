//! Policies of access points: PutAccessPointPolicy, GetAccessPointPolicy, DeleteAccessPointPolicy,
//! GetAccessPointPolicyStatus.
//!
//! Kept as a bucket's is: with its principals by unique id, and with the verdict whether it is public beside it.

use async_trait::async_trait;
use strongroom_api_s3control::{
    DeleteAccessPointPolicyInput, DeleteAccessPointPolicyOutput, GetAccessPointPolicyInput,
    GetAccessPointPolicyOutput, GetAccessPointPolicyStatusInput, GetAccessPointPolicyStatusOutput,
    PolicyStatus, PutAccessPointPolicyInput, PutAccessPointPolicyOutput, op,
};
use strongroom_gate::{
    AccessPointId, Authorized, CommitError, ErrorReply, Handle, Mutation, PublicAccessBlock, Reply, aside,
    assess, settled,
};
use strongroom_policy::public::Exposure;
use strongroom_policy::{Document, Kind};
use strongroom_storage::Partition;

use super::limits::{MAX_READ_TRIES, MAX_TRIES};
use super::{id_of, malformed, no_such_policy};
use crate::S3;
use crate::bucket::policy::{has_fitting_actions, invalid_resource};
use crate::bucket::public_access::effective;
use crate::bucket::settings::configured;
use crate::error;
use crate::row::{self, AccessPointPolicyRow, AccessPointRow, Coded as _, StateRow};

/// A policy to be kept, and whether it is public.
type Kept = (AccessPointPolicyRow, Vec<u8>);

/// Source: S3 Control API Reference, "PutAccessPointPolicy".
#[async_trait]
impl Handle<op::PutAccessPointPolicy> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutAccessPointPolicyInput>,
    ) -> Result<Reply<PutAccessPointPolicyOutput>, ErrorReply> {
        let id = id_of(&request)?;
        let (found, _) = self.access_point(&id).await?;
        let document = Document::parse(request.input().policy.as_bytes(), Kind::AccessPoint)
            .map_err(|error| malformed(&error))?;
        let (given, about) = (document.clone(), id.clone());
        aside(move || about_this_access_point(&given, &about)).await??;
        let document = request.keep_principals(&document).await?;
        // Whoever is not in the VPC gets nothing, whatever the policy says. Source: S3 User Guide, "The meaning of
        // 'public'": access points with a network origin of VPC are never public.
        let exposure = if found.vpc.is_none() { assess(&document, id.account).await? } else { None };
        if let Some(exposure) = &exposure
            && self.blocks_public_policy(&id, &found, request.organization_block()).await?
        {
            return Err(refused_as_public(&request, &id, exposure));
        }
        let row = AccessPointPolicyRow { id: self.random(), is_public: exposure.is_some() };
        let kept = (row, document.as_str().as_bytes().to_vec());
        self.change_access_point_policy(&mut request, &id, Some((&kept, &found))).await?;
        Ok(Reply::new(PutAccessPointPolicyOutput {}))
    }
}

/// Source: S3 Control API Reference, "GetAccessPointPolicy".
#[async_trait]
impl Handle<op::GetAccessPointPolicy> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<GetAccessPointPolicyInput>,
    ) -> Result<Reply<GetAccessPointPolicyOutput>, ErrorReply> {
        let id = id_of(&request)?;
        for _ in 0..MAX_READ_TRIES {
            let (found, _) = self.access_point(&id).await?;
            let kept = found.policy.ok_or_else(|| no_such_policy(&id))?;
            let row = self.store.get(Partition::Names, &row::access_point_policy(&kept)).await;
            let Some(row) = row.map_err(|error| ErrorReply::from(&error))? else { continue };
            let text = std::str::from_utf8(&row.value).map_err(|_| error::internal())?;
            let document = Document::stored(text, Kind::AccessPoint).map_err(|_| error::internal())?;
            let shown = request.show_principals(&document).await?;
            return Ok(Reply::new(GetAccessPointPolicyOutput { policy: Some(shown.as_str().to_owned()) }));
        }
        Err(error::operation_aborted())
    }
}

/// Source: S3 Control API Reference, "GetAccessPointPolicyStatus".
#[async_trait]
impl Handle<op::GetAccessPointPolicyStatus> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetAccessPointPolicyStatusInput>,
    ) -> Result<Reply<GetAccessPointPolicyStatusOutput>, ErrorReply> {
        let id = id_of(&request)?;
        let (found, _) = self.access_point(&id).await?;
        let kept = found.policy.ok_or_else(|| no_such_policy(&id))?;
        let policy_status = Some(Box::new(PolicyStatus { is_public: Some(kept.is_public) }));
        Ok(Reply::new(GetAccessPointPolicyStatusOutput { policy_status }))
    }
}

/// Source: S3 Control API Reference, "DeleteAccessPointPolicy".
#[async_trait]
impl Handle<op::DeleteAccessPointPolicy> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeleteAccessPointPolicyInput>,
    ) -> Result<Reply<DeleteAccessPointPolicyOutput>, ErrorReply> {
        let id = id_of(&request)?;
        self.change_access_point_policy(&mut request, &id, None).await?;
        Ok(Reply::new(DeleteAccessPointPolicyOutput {}))
    }
}

impl S3 {
    /// Sets the policy, its text and the row that says which it is, in one commit; `None` removes it. A policy is judged for
    /// one access point: one that was made since under the name may have another network and block, and does not get it.
    async fn change_access_point_policy<I: Send>(
        &self,
        request: &mut Authorized<I>,
        id: &AccessPointId,
        policy: Option<(&Kept, &AccessPointRow)>,
    ) -> Result<(), ErrorReply> {
        for _ in 0..MAX_TRIES {
            let (mut found, version) = self.access_point(id).await?;
            if policy.is_some_and(|(_, judged)| !found.is_same(judged)) {
                return Err(error::operation_aborted());
            }
            let mut mutation = Mutation::new();
            mutation.unchanged(row::access_point(id), Some(version));
            if let Some(old) = &found.policy {
                mutation.delete(row::access_point_policy(old));
            }
            if let Some(((row, text), _)) = policy {
                mutation.put(row::access_point_policy(row), text.clone());
            }
            found.policy = policy.map(|((row, _), _)| *row);
            mutation.put(row::access_point(id), found.encode());
            mutation.effect(configured());
            if settled(request.commit_in(&*self.store, Partition::Names, mutation).await)? {
                return Ok(());
            }
        }
        Err(CommitError::Conflict.reply())
    }

    /// Whether BlockPublicPolicy is on: at the access point, its account or organisation, or its bucket where that is the
    /// same account's. Source: S3 User Guide, "Blocking public access to your Amazon S3 storage", BlockPublicPolicy.
    async fn blocks_public_policy(
        &self,
        id: &AccessPointId,
        found: &AccessPointRow,
        organization: Option<PublicAccessBlock>,
    ) -> Result<bool, ErrorReply> {
        let failed = |error| ErrorReply::from(&error);
        let account = self.directory.account_block(id.account).await.map_err(failed)?;
        let mut block = effective(Some(found.block), account).and(organization.unwrap_or_default());
        if found.bucket_account == id.account.to_string() {
            let partition = Partition::Bucket(found.bucket_id());
            let bucket = self.read::<StateRow>(partition, row::STATE).await?;
            let bucket = bucket.and_then(|(state, _)| state.public_access_block);
            block = block.and(bucket.map(PublicAccessBlock::from).unwrap_or_default());
        }
        Ok(block.block_public_policy)
    }
}

fn refused_as_public<I>(request: &Authorized<I>, id: &AccessPointId, exposure: &Exposure) -> ErrorReply {
    let caller = request.caller().arn().map_or_else(|| "anonymous".to_owned(), |arn| arn.to_string());
    error::access_denied(format!(
        "User: {caller} is not authorized to perform: s3:PutAccessPointPolicy on resource: \"{}\" because public \
         policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access. {exposure}",
        id.arn()
    ))
}

/// An access point's policy speaks of this access point and of objects behind it, and each of its actions of something
/// that the statement names. Source: S3 User Guide, "Configuring IAM policies for using access points".
fn about_this_access_point(document: &Document, id: &AccessPointId) -> Result<(), ErrorReply> {
    let arn = id.arn();
    for resource in document.resources() {
        let rest = resource.as_str().strip_prefix(arn.as_str());
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("/object/")) {
            return Err(invalid_resource(document, resource));
        }
    }
    let is_object = |pattern: &str| pattern.contains("/object/");
    document.statements().iter().try_for_each(|statement| has_fitting_actions(statement, is_object))
}
