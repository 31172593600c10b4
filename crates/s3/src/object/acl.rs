//! Access control lists of objects: GetObjectAcl, PutObjectAcl.

use async_trait::async_trait;
use strongroom_api_s3::{GetObjectAclInput, GetObjectAclOutput, PutObjectAclInput, PutObjectAclOutput, op};
use strongroom_gate::{
    AccessControlList, Authorized, BucketGrant, ErrorReply, Handle, ObjectAccess, ObjectOwner, Reply,
};
use strongroom_record::EffectKind;
use strongroom_storage::{Partition, StoreError};
use strongroom_types::{BucketId, CanonicalUserId, ObjectKey, VersionId};

use super::versions::effect;
use crate::S3;
use crate::acl::{
    AskedAcl, CannedAcl, Ownership, WantedAcl, blocked_public_acl, header_grants, shown_grants, shown_owner,
};
use crate::error;
use crate::row::{AclRow, Content, OwnerRow};

/// Shows what is in effect: with lists disabled the bucket owner's full control, with IgnorePublicAcls no public entry.
///
/// Source: S3 API Reference, "GetObjectAcl"; S3 User Guide, "Blocking public access to your Amazon S3 storage".
#[async_trait]
impl Handle<op::GetObjectAcl> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<GetObjectAclInput>,
    ) -> Result<Reply<GetObjectAclOutput>, ErrorReply> {
        let object = self.decided_object(&mut request, "GET").await?;
        let (bucket, key) = (request.bucket()?.clone(), request.key()?);
        let owner = owner_in(&bucket, &object.content);
        let list = match &object.content.acl {
            Some(list) if bucket.acls_enabled() => AccessControlList::from(list),
            _ => AccessControlList::private(owner),
        };
        request.note(effect(EffectKind::Read, key, request.target().version_id, None));
        let list = self.in_effect(&bucket, list).await?;
        Ok(Reply::new(GetObjectAclOutput {
            owner: Some(Box::new(shown_owner(owner))),
            grants: Some(shown_grants(&list)),
            request_charged: None,
        }))
    }
}

/// Who owns an object, as its bucket is now.
fn owner_in(bucket: &BucketGrant, content: &Content) -> CanonicalUserId {
    match &content.owner {
        Some(owner) if bucket.acls_enabled() => CanonicalUserId::from_bytes(owner.canonical),
        _ => bucket.owner_canonical(),
    }
}

/// Source: S3 API Reference, "PutObjectAcl". With lists disabled nothing but the bucket owner's full control is accepted,
/// and nothing changes.
#[async_trait]
impl Handle<op::PutObjectAcl> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutObjectAclInput>,
    ) -> Result<Reply<PutObjectAclOutput>, ErrorReply> {
        let object = self.decided_object(&mut request, "PUT").await?;
        let bucket = request.bucket()?.clone();
        let owner = owner_in(&bucket, &object.content);
        let wanted = wanted(&mut request, owner).await?;
        if !bucket.acls_enabled() {
            wanted.check_enforced(bucket.owner_canonical())?;
            let key = request.key()?;
            request.note(effect(EffectKind::Configure, key, request.target().version_id, None));
            return Ok(Reply::new(PutObjectAclOutput::default()));
        }
        let list = wanted.list(owner, bucket.owner_canonical());
        if list.is_public() && self.effective_block(&bucket).await?.block_public_acls {
            let resource = format!("{}/{}", bucket.name(), request.key()?);
            return Err(blocked_public_acl(request.caller(), "s3:PutObjectAcl", &resource));
        }
        self.change_content(&mut request, "PUT", |bucket, state, content| {
            let now = owner_in(bucket, content);
            // Whose it is, or whether lists have a say, changed meanwhile: what was asked for was read for another.
            if now != owner || Ownership::of(state) == Ownership::BucketOwnerEnforced {
                return Err(error::operation_aborted());
            }
            if list.is_public() && state.public_access_block.is_some_and(|block| block.block_public_acls) {
                return Err(error::access_denied("Access Denied"));
            }
            content.acl = (!list.is_private(owner)).then(|| AclRow::from(&list));
            Ok(())
        })
        .await?;
        Ok(Reply::new(PutObjectAclOutput::default()))
    }
}

async fn wanted(
    request: &mut Authorized<PutObjectAclInput>,
    owner: CanonicalUserId,
) -> Result<WantedAcl, ErrorReply> {
    let input = request.input();
    let document = input.access_control_policy.as_deref();
    let canned = input.acl.map(CannedAcl::from);
    AskedAcl::of_request(canned, &header_grants!(input), document, owner)?.resolve(request).await
}

impl S3 {
    /// Owner and list of an object, for the gate; `None` if there is no such object.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub async fn object_access(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: Option<VersionId>,
    ) -> Result<Option<ObjectAccess>, StoreError> {
        let corrupt = || StoreError::Corrupt { what: "the owner of an object".into() };
        let object = match self.object(Partition::Bucket(bucket), key, version, "GET").await {
            Ok(object) => object,
            Err(reply) if reply.status < 500 => return Ok(None),
            Err(_) => return Err(corrupt()),
        };
        let owner: Option<ObjectOwner> =
            object.content.owner.as_ref().map(OwnerRow::parsed).transpose().map_err(|_| corrupt())?;
        let acl = object.content.acl.as_ref().map(AccessControlList::from);
        Ok(Some(ObjectAccess { owner, acl, row: object.row_version }))
    }
}
