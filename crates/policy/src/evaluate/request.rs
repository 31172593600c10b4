//! What is asked, and the policies that have a say.

use strongroom_types::{AccountId, CanonicalUserId};

use super::principal::Principal;
use crate::compile::Policy;
use crate::context::Context;

/// May `principal` do `action` to `resource`?
///
/// One question has one action and one resource; an operation that needs several is allowed if all are. A request
/// through an access point is two questions with one `resource`, the access point's ARN: one with the access point's
/// policy, one with the bucket's, whose [`ResourceSide::arn`] is the bucket's ARN.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// The canonical user id of the principal's account.
    pub canonical_user: Option<CanonicalUserId>,
    /// As in `s3:GetObject`.
    pub action: &'a str,
    /// ARN of the resource, or `*` where an action has none. S3 takes `arn:aws:s3:::*` for ListAllMyBuckets.
    pub resource: &'a str,
    /// The account that the resource belongs to.
    pub resource_account: AccountId,
    /// What else is known.
    pub context: &'a dyn Context,
}

/// A policy and the name that people know it by (an ARN, a name, an id).
#[derive(Debug, Clone, Copy)]
pub struct Attached<'a> {
    /// Its name.
    pub name: &'a str,
    /// The policy.
    pub policy: &'a Policy,
}

/// The control policies on the root, on one unit, or on one account. Each level must allow.
#[derive(Debug, Clone, Copy)]
pub struct Level<'a> {
    /// `r-…`, `ou-…`, or the account's number.
    pub target: &'a str,
    /// The policies attached there.
    pub policies: &'a [Attached<'a>],
}

/// What an access control list grants the caller for the action that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclGrant {
    /// Nothing, or lists are disabled or ignored.
    None,
    /// It names the caller's account, which must allow it in its turn.
    Account,
    /// It names a group that the caller is in: everybody, or every authenticated user.
    Group,
}

/// What the resource itself says.
#[derive(Debug, Clone, Copy)]
pub struct ResourceSide<'a> {
    /// The ARN that the resource's, endpoint's and resource control policies speak of, where it is another than
    /// [`Request::resource`].
    pub arn: Option<&'a str>,
    /// Its policy.
    pub policy: Option<Attached<'a>>,
    /// Its access control list.
    pub acl: AclGrant,
    /// Its policy is public and RestrictPublicBuckets is in effect: only principals of its account and AWS services get
    /// what it grants. Source: S3 User Guide, "Blocking public access to your Amazon S3 storage".
    pub restricted: bool,
    /// The resource must allow even callers of its own account: roles (their trust policies) and keys.
    /// Source: IAM User Guide, "Policy evaluation logic".
    pub must_allow: bool,
}

impl ResourceSide<'_> {
    /// A resource without a policy.
    pub const NONE: ResourceSide<'static> =
        ResourceSide { arn: None, policy: None, acl: AclGrant::None, restricted: false, must_allow: false };
}

/// All policies that have a say. What does not apply to a principal is not looked at: no identity policies for root, no
/// control policies for the management account, and so on.
#[derive(Debug, Clone, Copy)]
pub struct PolicySets<'a> {
    /// The organisation's management account: no control policy binds its principals and resources.
    pub management_account: Option<AccountId>,
    /// Resource control policies, from the root down to the resource's account.
    pub resource_control: &'a [Level<'a>],
    /// Service control policies, from the root down to the caller's account.
    pub service_control: &'a [Level<'a>],
    /// The policy of the VPC endpoint that the request came through.
    pub endpoint: Option<Attached<'a>>,
    /// The resource's.
    pub resource: ResourceSide<'a>,
    /// The caller's own and its groups'.
    pub identity: &'a [Attached<'a>],
    /// The caller's permissions boundary.
    pub boundary: Option<Attached<'a>>,
    /// What the session was begun with; `Some` and empty allows nothing, as a federated session without policies.
    pub session: Option<&'a [Attached<'a>]>,
}

impl PolicySets<'_> {
    /// No policy at all.
    pub const NONE: PolicySets<'static> = PolicySets {
        management_account: None,
        resource_control: &[],
        service_control: &[],
        endpoint: None,
        resource: ResourceSide::NONE,
        identity: &[],
        boundary: None,
        session: None,
    };
}
