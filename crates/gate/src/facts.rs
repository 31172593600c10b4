//! What the gate asks before it decides.

use std::sync::Arc;

use async_trait::async_trait;
use strongroom_policy::Policy;
use strongroom_policy::document::AwsPrincipal;
use strongroom_policy::evaluate::Attached;
use strongroom_storage::{Partition, Precondition, StoreError};
use strongroom_types::{
    AccountId, Arn, BucketId, BucketName, CanonicalUserId, ObjectKey, Region, Timestamp, VersionId,
};

use crate::{
    AccessPointAddress, AccessPointFacts, AccessPointId, BucketAcls, Caller, EndpointFacts, Named,
    ObjectAccess,
};

/// A policy, compiled, with the name that people know it by.
#[derive(Debug, Clone)]
pub struct NamedPolicy {
    /// ARN, name or id.
    pub name: Arc<str>,
    /// The policy.
    pub policy: Arc<Policy>,
}

impl NamedPolicy {
    pub(crate) fn attached(&self) -> Attached<'_> {
        Attached { name: &self.name, policy: &self.policy }
    }
}

/// The control policies on the root of the organisation, on one unit, or on one account.
#[derive(Debug, Clone)]
pub struct ControlLevel {
    /// `r-…`, `ou-…`, or the account's number.
    pub target: String,
    /// The policies attached there.
    pub policies: Vec<NamedPolicy>,
}

/// An account's place in the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationFacts {
    /// `o-…`.
    pub id: String,
    /// `o-…/r-…/ou-…/`, as `aws:PrincipalOrgPaths` has it.
    pub path: String,
}

/// What a decision needs to know of an account, whether it is the caller's or the resource's.
#[derive(Debug, Clone, Default)]
pub struct AccountFacts {
    /// Its place in the organisation.
    pub organization: Option<OrganizationFacts>,
    /// Service control policies, from the root down to the account. None for the management account.
    pub service_control: Vec<ControlLevel>,
    /// Resource control policies, likewise.
    pub resource_control: Vec<ControlLevel>,
    /// Block Public Access as the organisation's S3 policies set it for the account; `None` where none does.
    pub public_access_block: Option<PublicAccessBlock>,
    /// It is closed: its credentials are refused, and nobody reaches what it has.
    pub is_closed: bool,
}

/// What a decision needs to know of a caller beside its credentials.
#[derive(Debug, Clone, Default)]
pub struct PrincipalFacts {
    /// Its own policies and its groups'; none for root users.
    pub identity: Vec<NamedPolicy>,
    /// Its permissions boundary.
    pub boundary: Option<NamedPolicy>,
    /// The policies that the session was begun with; `None` where none were given, which does not narrow.
    pub session: Option<Vec<NamedPolicy>>,
    /// `aws:PrincipalTag`: the tags of the user or role, and those of the session over them.
    pub tags: Vec<(String, String)>,
    /// What must still hold in a partition, if the request changes that, for all of this to be true.
    pub guard: Option<(Partition, Precondition)>,
}

/// What a decision may ask of a resource that is no bucket.
#[derive(Debug, Clone, Default)]
pub struct ResourceFacts {
    /// Its tags, if it is there and has such that count for access.
    pub tags: Vec<(String, String)>,
    /// The ARN of its permissions boundary, if it is a user or role that has one.
    pub boundary: Option<String>,
    /// What must still hold in a partition, if the request changes that, for all of this to be true.
    pub guard: Option<(Partition, Precondition)>,
}

/// What a decision needs to know of who may reach a bucket.
#[derive(Debug, Clone, Default)]
pub struct BucketAccess {
    /// Its policy.
    pub policy: Option<NamedPolicy>,
    /// The policy gives access to the public.
    pub is_public: bool,
    /// Its access control list, if lists have a say.
    pub acls: BucketAcls,
    /// Block Public Access of the bucket and its account together; read only where there is a policy, or lists have a
    /// say.
    pub block: PublicAccessBlock,
    /// Its tags, where they count for access (ABAC); none otherwise.
    pub tags: Vec<(String, String)>,
    /// Requesters pay: whoever is no user of its account must say that he knows.
    pub requester_pays: bool,
}

/// The four settings of Block Public Access.
///
/// Source: S3 User Guide, "Blocking public access to your Amazon S3 storage".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PublicAccessBlock {
    /// New ACLs that are public are refused.
    pub block_public_acls: bool,
    /// ACLs that are public are ignored.
    pub ignore_public_acls: bool,
    /// New policies that are public are refused.
    pub block_public_policy: bool,
    /// Policies that are public give nothing beyond the account.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// All four settings on.
    pub const ALL: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };

    /// What is in effect where both are set.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            block_public_acls: self.block_public_acls || other.block_public_acls,
            ignore_public_acls: self.ignore_public_acls || other.ignore_public_acls,
            block_public_policy: self.block_public_policy || other.block_public_policy,
            restrict_public_buckets: self.restrict_public_buckets || other.restrict_public_buckets,
        }
    }
}

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
    /// Who may reach it.
    pub access: Arc<BucketAccess>,
    /// What the organisation's S3 policy blocks for its account.
    pub organization_block: PublicAccessBlock,
    /// What the access point blocks that the request came through, and its account.
    pub access_point_block: PublicAccessBlock,
}

impl BucketFacts {
    /// Block Public Access in effect, where there is anything that it could block.
    pub fn block(&self) -> PublicAccessBlock {
        self.access.block.and(self.organization_block).and(self.access_point_block)
    }
}

/// What became of a code that a caller shows as its second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactor {
    /// It is right, and is good for nothing any more.
    Proved,
    /// The caller has no such device.
    NoDevice,
    /// It is wrong, or was used before.
    WrongCode,
    /// It was not looked at, since too many were wrong.
    Locked,
}

/// How a principal is kept that a policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// There is none such.
    Unknown,
    /// As the policy names it.
    AsItIs,
    /// By the unique id of the user or role.
    ByUniqueId(String),
}

/// Facts, from the crates that keep them.
#[async_trait]
pub trait Facts: Send + Sync {
    /// The bucket of this name, if there is one.
    async fn bucket(&self, name: &BucketName) -> Result<Option<BucketFacts>, StoreError>;

    /// The access point that is addressed so, if there is one. Asked only where a request names one.
    async fn access_point(
        &self,
        _address: &AccessPointAddress,
    ) -> Result<Option<Arc<AccessPointFacts>>, StoreError> {
        Ok(None)
    }

    /// Its row as it is now, as [`AccessPointFacts::guard`] has it; `None` if it is gone. Asked just before what came
    /// through it is committed, so that one row is read.
    async fn access_point_guard(&self, id: &AccessPointId) -> Result<Option<Precondition>, StoreError> {
        let found = self.access_point(&AccessPointAddress::Id(id.clone())).await?;
        Ok(found.map(|point| point.guard.clone()))
    }

    /// The management account, which owns the installation.
    async fn management_account(&self) -> Result<AccountId, StoreError>;

    /// The ARN of what a request names by less; `None` if there is none of this name.
    async fn arn(&self, _named: Named<'_>) -> Result<Option<Arn>, StoreError> {
        Ok(None)
    }

    /// The policies of a caller, which is a user, a role or a federated user.
    async fn principal(&self, _caller: &Caller) -> Result<Arc<PrincipalFacts>, StoreError> {
        Ok(Arc::default())
    }

    /// The place of an account in the organisation, and the control policies on it.
    async fn account(&self, _account: AccountId) -> Result<Arc<AccountFacts>, StoreError> {
        Ok(Arc::default())
    }

    /// The policy of a resource that is no bucket and has one of its own: a role's trust policy.
    async fn resource_policy(&self, _resource: &Arn) -> Result<Option<NamedPolicy>, StoreError> {
        Ok(None)
    }

    /// What is known of a resource that is no bucket: a user, a unit of the organisation, a VPC. Asked only where a policy
    /// asks for it.
    async fn resource(&self, _resource: &Arn) -> Result<ResourceFacts, StoreError> {
        Ok(ResourceFacts::default())
    }

    /// The VPC endpoint of this id, as it is now; `None` if there is none, or its account is closed.
    async fn endpoint(&self, _id: &str) -> Result<Option<Arc<EndpointFacts>>, StoreError> {
        Ok(None)
    }

    /// The tags of an object; `None` if it is not there.
    async fn object_tags(
        &self,
        _bucket: BucketId,
        _key: &ObjectKey,
        _version: Option<VersionId>,
    ) -> Result<Option<Vec<(String, String)>>, StoreError> {
        Ok(None)
    }

    /// Owner and access control list of an object; `None` if it is not there. Asked only of buckets whose lists have a
    /// say.
    async fn object_access(
        &self,
        _bucket: BucketId,
        _key: &ObjectKey,
        _version: Option<VersionId>,
    ) -> Result<Option<ObjectAccess>, StoreError> {
        // Not known whose it is: nobody's to read.
        Err(StoreError::Corrupt { what: "the owner of an object".into() })
    }

    /// The canonical user id of the account that began an upload; `None` if there is no such upload.
    async fn upload_initiator(
        &self,
        _bucket: BucketId,
        _key: &ObjectKey,
        _id: &str,
    ) -> Result<Option<CanonicalUserId>, StoreError> {
        Ok(None)
    }

    /// The canonical user id of the account whose root user has this e-mail address.
    async fn canonical_user_of(&self, _email: &str) -> Result<Option<CanonicalUserId>, StoreError> {
        Ok(None)
    }

    /// The first of these canonical user ids that is no account's.
    async fn unknown_canonical_user(
        &self,
        _ids: &[CanonicalUserId],
    ) -> Result<Option<CanonicalUserId>, StoreError> {
        Ok(None)
    }

    /// Takes the code that a caller shows for its MFA device.
    async fn second_factor(
        &self,
        _caller: &Caller,
        _serial: &str,
        _code: &str,
        _now: Timestamp,
    ) -> Result<SecondFactor, StoreError> {
        Ok(SecondFactor::NoDevice)
    }

    /// Whether a principal that a policy names exists, and how it is kept.
    async fn keep_principal(&self, _principal: &AwsPrincipal) -> Result<Kept, StoreError> {
        Ok(Kept::AsItIs)
    }

    /// How a principal is shown that was kept by its unique id; `None` as it is, once its user or role is gone.
    async fn show_principal(&self, _id: &str) -> Result<Option<AwsPrincipal>, StoreError> {
        Ok(None)
    }

    /// Whether the management account has made this account a delegated administrator of the organisation.
    async fn is_delegated_administrator(&self, _account: AccountId) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Whether an account is a delegated administrator of the service `account`.
    async fn administers_accounts(&self, _account: AccountId) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// The policy by which the management account lets others manage the organisation's policies.
    async fn organization_policy(&self) -> Result<Option<NamedPolicy>, StoreError> {
        Ok(None)
    }
}
