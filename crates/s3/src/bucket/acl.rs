//! Access control lists of buckets: GetBucketAcl, PutBucketAcl.

use async_trait::async_trait;
use strongroom_api_s3::{GetBucketAclInput, GetBucketAclOutput, PutBucketAclInput, PutBucketAclOutput, op};
use strongroom_gate::{AccessControlList, Authorized, BucketGrant, ErrorReply, Handle, Reply};

use crate::S3;
use crate::acl::{
    AskedAcl, CannedAcl, Ownership, blocked_public_acl, header_grants, shown_grants, shown_owner,
};
use crate::error;
use crate::row::{AclRow, StateRow};

/// The list as it is kept, whether or not it has a say.
pub(super) fn stored(state: &StateRow, bucket: &BucketGrant) -> AccessControlList {
    let private = || AccessControlList::private(bucket.owner_canonical());
    state.acl.as_ref().map_or_else(private, AccessControlList::from)
}

/// Shows what is in effect: with lists disabled the owner's full control, with IgnorePublicAcls no public entry.
///
/// Source: S3 API Reference, "GetBucketAcl"; S3 User Guide, "Blocking public access to your Amazon S3 storage".
#[async_trait]
impl Handle<op::GetBucketAcl> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketAclInput>,
    ) -> Result<Reply<GetBucketAclOutput>, ErrorReply> {
        let bucket = request.bucket()?.clone();
        let (state, _) = self.state(bucket.partition()).await?;
        let owner = bucket.owner_canonical();
        let list = match Ownership::of(&state) {
            Ownership::BucketOwnerEnforced => AccessControlList::private(owner),
            Ownership::BucketOwnerPreferred | Ownership::ObjectWriter => {
                self.in_effect(&bucket, stored(&state, &bucket)).await?
            }
        };
        Ok(Reply::new(GetBucketAclOutput {
            owner: Some(Box::new(shown_owner(owner))),
            grants: Some(shown_grants(&list)),
        }))
    }
}

/// Source: S3 API Reference, "PutBucketAcl". With lists disabled every change is refused.
#[async_trait]
impl Handle<op::PutBucketAcl> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutBucketAclInput>,
    ) -> Result<Reply<PutBucketAclOutput>, ErrorReply> {
        let bucket = request.bucket()?.clone();
        let (state, _) = self.state(bucket.partition()).await?;
        if Ownership::of(&state) == Ownership::BucketOwnerEnforced {
            return Err(error::acl_not_supported());
        }
        let owner = bucket.owner_canonical();
        let input = request.input();
        let document = input.access_control_policy.as_deref();
        let canned = input.acl.map(CannedAcl::from);
        let asked = AskedAcl::of_request(canned, &header_grants!(input), document, owner)?;
        let list = asked.resolve(&mut request).await?.list(owner, owner);
        if list.is_public() && self.effective_block(&bucket).await?.block_public_acls {
            return Err(blocked_public_acl(request.caller(), "s3:PutBucketAcl", bucket.name().as_str()));
        }
        let row = (!list.is_private(owner)).then(|| AclRow::from(&list));
        self.change_state(&mut request, |state| {
            if Ownership::of(state) == Ownership::BucketOwnerEnforced {
                return Err(error::acl_not_supported());
            }
            if list.is_public() && state.public_access_block.is_some_and(|block| block.block_public_acls) {
                return Err(error::access_denied("Access Denied"));
            }
            state.acl.clone_from(&row);
            Ok(())
        })
        .await?;
        Ok(Reply::new(PutBucketAclOutput {}))
    }
}

impl S3 {
    /// A list as it is in effect: without public entries while these are ignored.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn in_effect(
        &self,
        bucket: &BucketGrant,
        list: AccessControlList,
    ) -> Result<AccessControlList, ErrorReply> {
        let ignored = list.is_public() && self.effective_block(bucket).await?.ignore_public_acls;
        Ok(if ignored { list.without_public() } else { list })
    }
}
