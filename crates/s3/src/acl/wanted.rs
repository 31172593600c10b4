//! From what is asked for to the list that is kept.

use strongroom_gate::{
    AccessControlList, AclGrantee, AclPermission, Authorized, BucketGrant, Caller, ErrorReply, ObjectOwner,
};
use strongroom_types::{CanonicalUserId, ObjectKey};

use super::asked::{AskedAcl, AskedGrantee, CannedAcl};
use crate::S3;
use crate::error;
use crate::row::{AclRow, OwnerRow, StateRow};

/// Object Ownership.
///
/// Source: S3 User Guide, "Controlling ownership of objects and disabling ACLs for your bucket".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// Lists are disabled, and the bucket's owner owns every object.
    BucketOwnerEnforced,
    /// The bucket's owner owns what is given to it by `bucket-owner-full-control`.
    BucketOwnerPreferred,
    /// Who writes an object owns it.
    ObjectWriter,
}

impl Ownership {
    /// That of a bucket. A word that this version does not know disables lists.
    pub(crate) fn of(state: &StateRow) -> Self {
        match state.ownership.as_deref() {
            None | Some("ObjectWriter") => Self::ObjectWriter,
            Some("BucketOwnerPreferred") => Self::BucketOwnerPreferred,
            Some(_) => Self::BucketOwnerEnforced,
        }
    }
}

/// A list that a request asks for, the accounts that it names found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WantedAcl {
    Canned(CannedAcl),
    List(AccessControlList),
}

/// Who owns a new object and what its list is, as rows have it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ObjectRights {
    pub(crate) owner: Option<OwnerRow>,
    pub(crate) acl: Option<AclRow>,
}

/// The account of Amazon EC2 that reads bundles of machine images, as AWS's lists show it.
///
/// Source: S3 User Guide, "Access control list (ACL) overview", "Canned ACL", `aws-exec-read`.
const EC2_BUNDLES: &str = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c";

impl AskedAcl {
    /// Finds the accounts that are named.
    ///
    /// # Errors
    /// `UnresolvableGrantByEmailAddress` for an address that is nobody's, `InvalidArgument` for an id that is nobody's.
    pub(crate) async fn resolve<I: Send>(self, request: &mut Authorized<I>) -> Result<WantedAcl, ErrorReply> {
        let asked = match self {
            Self::Canned(canned) => return Ok(WantedAcl::Canned(canned)),
            Self::Entries(asked) => asked,
        };
        let (mut entries, mut ids) = (Vec::with_capacity(asked.len()), Vec::new());
        for (grantee, permission) in asked {
            let grantee = match grantee {
                AskedGrantee::Known(grantee) => grantee,
                AskedGrantee::Email(address) => {
                    let found = request.canonical_user_of(&address).await;
                    let found = found.map_err(|error| ErrorReply::from(&error))?;
                    AclGrantee::User(found.ok_or_else(unresolvable)?)
                }
            };
            if let AclGrantee::User(id) = grantee
                && !ids.contains(&id)
                && request.caller().canonical() != Some(id)
                && id.to_string() != EC2_BUNDLES
            {
                ids.push(id);
            }
            entries.push((grantee, permission));
        }
        if !ids.is_empty() {
            let unknown = request.unknown_canonical_user(&ids).await;
            if let Some(id) = unknown.map_err(|error| ErrorReply::from(&error))? {
                return Err(error::invalid_argument("CanonicalUser/ID", id.to_string(), "Invalid id"));
            }
        }
        Ok(WantedAcl::List(entries.into_iter().collect()))
    }
}

fn unresolvable() -> ErrorReply {
    let message = "The e-mail address you provided does not match any account on record.";
    ErrorReply::new(400, "UnresolvableGrantByEmailAddress", message)
}

impl WantedAcl {
    /// The list, for something that `owner` owns, which is a bucket or lies in one of `bucket_owner`.
    ///
    /// Source: S3 User Guide, "Access control list (ACL) overview", "Canned ACL". A bucket-owner list on a bucket is its
    /// owner's full control.
    pub(crate) fn list(&self, owner: CanonicalUserId, bucket_owner: CanonicalUserId) -> AccessControlList {
        let canned = match self {
            Self::List(list) => return list.clone(),
            Self::Canned(canned) => *canned,
        };
        let bucket_owner = AclGrantee::User(bucket_owner);
        let further = match canned {
            CannedAcl::Private => vec![],
            CannedAcl::PublicRead => vec![(AclGrantee::AllUsers, AclPermission::Read)],
            CannedAcl::PublicReadWrite => vec![
                (AclGrantee::AllUsers, AclPermission::Read),
                (AclGrantee::AllUsers, AclPermission::Write),
            ],
            CannedAcl::AuthenticatedRead => vec![(AclGrantee::AuthenticatedUsers, AclPermission::Read)],
            CannedAcl::AwsExecRead => {
                let bundles = CanonicalUserId::parse(EC2_BUNDLES);
                bundles.map(|id| (AclGrantee::User(id), AclPermission::Read)).into_iter().collect()
            }
            CannedAcl::BucketOwnerRead => vec![(bucket_owner, AclPermission::Read)],
            CannedAcl::BucketOwnerFullControl => vec![(bucket_owner, AclPermission::FullControl)],
            CannedAcl::LogDeliveryWrite => vec![
                (AclGrantee::LogDelivery, AclPermission::Write),
                (AclGrantee::LogDelivery, AclPermission::ReadAcp),
            ],
        };
        let own = AclGrantee::User(owner);
        let further = further.into_iter().filter(|(grantee, _)| *grantee != own);
        std::iter::once((own, AclPermission::FullControl)).chain(further).collect()
    }

    /// Whether it says no more than that the bucket's owner has full control, which is what may be said where lists are
    /// disabled.
    fn is_bucket_owners(&self, bucket_owner: CanonicalUserId) -> bool {
        match self {
            Self::Canned(canned) => *canned == CannedAcl::BucketOwnerFullControl,
            Self::List(list) => list.is_private(bucket_owner),
        }
    }

    /// Refuses a list for an object where lists are disabled.
    ///
    /// # Errors
    /// `AccessControlListNotSupported`.
    pub(crate) fn check_enforced(&self, bucket_owner: CanonicalUserId) -> Result<(), ErrorReply> {
        if self.is_bucket_owners(bucket_owner) { Ok(()) } else { Err(error::acl_not_supported()) }
    }
}

impl ObjectRights {
    /// Who owns an object that `caller` makes, and its list. What nobody who signed makes, and what the store's own
    /// workers make, is the bucket owner's.
    ///
    /// DEVIATION: on AWS an object that an anonymous caller uploads belongs to the canonical user "anonymous", and not even
    /// the bucket's owner can read it.
    ///
    /// # Errors
    /// `AccessControlListNotSupported` for a list where lists are disabled.
    pub(crate) fn new(
        wanted: Option<&WantedAcl>,
        bucket: &BucketGrant,
        caller: &Caller,
        ownership: Ownership,
    ) -> Result<Self, ErrorReply> {
        let bucket_owner = bucket.owner_canonical();
        let given = matches!(wanted, Some(WantedAcl::Canned(CannedAcl::BucketOwnerFullControl)));
        let owner = match (ownership, caller.account(), caller.canonical()) {
            (Ownership::BucketOwnerEnforced, ..) => {
                if let Some(wanted) = wanted {
                    wanted.check_enforced(bucket_owner)?;
                }
                return Ok(Self::default());
            }
            (Ownership::BucketOwnerPreferred, ..) if given => None,
            (_, Some(account), Some(canonical)) if canonical != bucket_owner => {
                Some(ObjectOwner { account, canonical })
            }
            _ => None,
        };
        let own = owner.map_or(bucket_owner, |owner| owner.canonical);
        let acl = wanted.map(|wanted| wanted.list(own, bucket_owner)).filter(|list| !list.is_private(own));
        Ok(Self { owner: owner.map(OwnerRow::from), acl: acl.as_ref().map(AclRow::from) })
    }

    /// Whether the list is public.
    pub(crate) fn is_public(&self) -> bool {
        self.acl.as_ref().is_some_and(|acl| AccessControlList::from(acl).is_public())
    }
}

impl S3 {
    /// The list that a request asks for which makes an object: refused, before its body is read, where it cannot be had.
    ///
    /// # Errors
    /// Those of [`AskedAcl::resolve`] and [`S3::object_rights`].
    pub(crate) async fn wanted_acl<I: Send>(
        &self,
        request: &mut Authorized<I>,
        asked: Option<AskedAcl>,
    ) -> Result<Option<WantedAcl>, ErrorReply> {
        let Some(asked) = asked else { return Ok(None) };
        let wanted = asked.resolve(request).await?;
        let state = self.bucket_state(request.bucket()?.partition()).await?;
        let (bucket, caller, key) = (request.bucket()?, request.caller(), request.key()?);
        self.object_rights((bucket, key), caller, Some(&wanted), &state).await?;
        Ok(Some(wanted))
    }

    /// Owner and list of an object that `caller` makes, under the bucket's state.
    ///
    /// # Errors
    /// `AccessControlListNotSupported` for a list where lists are disabled; `AccessDenied` for a public one where these
    /// are blocked; those of the store.
    pub(crate) async fn object_rights(
        &self,
        (bucket, key): (&BucketGrant, &ObjectKey),
        caller: &Caller,
        wanted: Option<&WantedAcl>,
        state: &StateRow,
    ) -> Result<ObjectRights, ErrorReply> {
        let rights = ObjectRights::new(wanted, bucket, caller, Ownership::of(state))?;
        if rights.is_public() && self.effective_block(bucket).await?.block_public_acls {
            let resource = format!("{}/{key}", bucket.name());
            return Err(blocked_public_acl(caller, "s3:PutObjectAcl", &resource));
        }
        Ok(rights)
    }
}

/// The answer to a public list while BlockPublicAcls is on.
///
/// Source: IAM User Guide, "Troubleshoot access denied error messages".
pub(crate) fn blocked_public_acl(caller: &Caller, action: &'static str, resource: &str) -> ErrorReply {
    let caller = caller.arn().map_or_else(|| "anonymous".to_owned(), |arn| arn.to_string());
    error::access_denied(format!(
        "User: {caller} is not authorized to perform: {action} on resource: \"arn:aws:s3:::{resource}\" because public \
         access control lists (ACLs) are prevented by the BlockPublicAcls setting in S3 Block Public Access"
    ))
}

/// The answer to a list of a bucket together with Object Ownership that disables lists.
pub(crate) fn invalid_acl_with_ownership() -> ErrorReply {
    let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
    ErrorReply::new(400, "InvalidBucketAclWithObjectOwnership", message)
}
