//! ACLs of buckets: the owner's full control is the one that every bucket has.

use async_trait::async_trait;
use strongroom_api_s3::{
    AccessControlPolicy, BucketCannedAcl, GetBucketAclInput, GetBucketAclOutput, Grant, Grantee,
    ObjectOwnership, Owner, Permission, PutBucketAclInput, PutBucketAclOutput, Type, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};
use strongroom_types::CanonicalUserId;

use super::settings::not_built;
use crate::S3;
use crate::error;

/// Why a grant is not taken.
pub(super) const NO_GRANTS: &str =
    "Grants to others by ACL are not implemented. Use a bucket policy, and leave ACLs disabled.";

/// Source: S3 API Reference, "GetBucketAcl" (with ACLs disabled it shows the owner's full control).
#[async_trait]
impl Handle<op::GetBucketAcl> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketAclInput>,
    ) -> Result<Reply<GetBucketAclOutput>, ErrorReply> {
        let id = Some(request.bucket()?.owner_canonical().to_string());
        let grantee = Grantee {
            display_name: None,
            email_address: None,
            id: id.clone(),
            r#type: Some(Type::CanonicalUser),
            uri: None,
        };
        let grant = Grant { grantee: Some(Box::new(grantee)), permission: Some(Permission::FullControl) };
        Ok(Reply::new(GetBucketAclOutput {
            owner: Some(Box::new(Owner { display_name: None, id })),
            grants: Some(vec![grant]),
        }))
    }
}

/// With ACLs disabled every change is refused. With ACLs enabled, what every bucket has is accepted, public ones are
/// refused by Block Public Access, and others are not built.
///
/// Source: S3 API Reference, "PutBucketAcl".
#[async_trait]
impl Handle<op::PutBucketAcl> for S3 {
    async fn handle(
        &self,
        request: Authorized<PutBucketAclInput>,
    ) -> Result<Reply<PutBucketAclOutput>, ErrorReply> {
        let bucket = request.bucket()?.clone();
        let (state, _) = self.state(bucket.partition()).await?;
        if state.ownership.as_deref() == Some(ObjectOwnership::BucketOwnerEnforced.as_str()) {
            return Err(error::acl_not_supported());
        }
        let asked = Asked::of(request.input(), bucket.owner_canonical())?;
        let blocks = state.public_access_block.is_some_and(|block| block.block_public_acls);
        match asked {
            Asked::OwnerOnly => Ok(Reply::new(PutBucketAclOutput {})),
            Asked::Public if blocks => Err(error::access_denied("Access Denied")),
            Asked::Public | Asked::Others => Err(not_built(NO_GRANTS)),
        }
    }
}

/// Whom an ACL gives access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Full control for the owner, nothing for others.
    OwnerOnly,
    /// Everybody, or everybody with an account.
    Public,
    /// Other accounts, or less for the owner.
    Others,
}

impl Asked {
    fn of(input: &PutBucketAclInput, owner: CanonicalUserId) -> Result<Self, ErrorReply> {
        let grants = [
            &input.grant_full_control,
            &input.grant_read,
            &input.grant_read_acp,
            &input.grant_write,
            &input.grant_write_acp,
        ];
        let headers = grants.into_iter().flatten().count();
        match (input.acl, &input.access_control_policy, headers) {
            (Some(canned), None, 0) => Ok(match canned {
                BucketCannedAcl::Private => Self::OwnerOnly,
                BucketCannedAcl::PublicRead
                | BucketCannedAcl::PublicReadWrite
                | BucketCannedAcl::AuthenticatedRead => Self::Public,
            }),
            (None, Some(policy), 0) => Self::of_document(policy, owner),
            (None, None, 1..) => Ok(Self::of_headers(input, grants.into_iter().flatten(), headers, owner)),
            (None, None, _) => Err(ErrorReply::new(
                400,
                "MissingSecurityHeader",
                "Your request was missing a required header: x-amz-acl, a grant, or an AccessControlPolicy",
            )),
            _ => Err(error::invalid_request(
                "Specify only one of a canned ACL, header grants and an AccessControlPolicy",
            )),
        }
    }

    fn of_document(policy: &AccessControlPolicy, owner: CanonicalUserId) -> Result<Self, ErrorReply> {
        let owner = owner.to_string();
        let named = policy.owner.as_ref().and_then(|owner| owner.id.as_deref());
        if named != Some(owner.as_str()) {
            return Err(if named.is_none() {
                error::malformed_xml()
            } else {
                error::access_denied("Access Denied")
            });
        }
        let grants = policy.grants.as_deref().unwrap_or_default();
        let grantees = || grants.iter().filter_map(|grant| grant.grantee.as_deref());
        if grantees().any(|grantee| grantee.uri.as_deref().is_some_and(is_public_group)) {
            return Ok(Self::Public);
        }
        let own = |grant: &Grant| {
            grant.permission == Some(Permission::FullControl)
                && grant.grantee.as_ref().and_then(|grantee| grantee.id.as_deref()) == Some(owner.as_str())
        };
        Ok(if !grants.is_empty() && grants.iter().all(own) { Self::OwnerOnly } else { Self::Others })
    }

    fn of_headers<'a>(
        input: &PutBucketAclInput,
        mut grants: impl Iterator<Item = &'a String>,
        headers: usize,
        owner: CanonicalUserId,
    ) -> Self {
        let full = input.grant_full_control.as_deref();
        if headers == 1 && full.is_some_and(|grant| is_only(grant, owner)) {
            Self::OwnerOnly
        } else if grants.any(|grant| is_public_group(grant)) {
            Self::Public
        } else {
            Self::Others
        }
    }
}

/// Whether text names one of the groups that make a grant public.
fn is_public_group(text: &str) -> bool {
    ["/groups/global/AllUsers", "/groups/global/AuthenticatedUsers"].iter().any(|group| text.contains(group))
}

/// Whether a grant header (`id="…"`, perhaps several, separated by commas) names nobody but `owner`.
pub(super) fn is_only(header: &str, owner: CanonicalUserId) -> bool {
    header.split(',').all(|grantee| {
        grantee.trim().split_once('=').is_some_and(|(kind, id)| {
            kind.trim().eq_ignore_ascii_case("id") && id.trim().trim_matches('"') == owner.to_string()
        })
    })
}
