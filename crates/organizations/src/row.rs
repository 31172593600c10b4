//! Rows of the partition `Org` that are about the organisation; the crate `identity` keeps accounts and keys beside them.
//! `docs/formats/organizations.md` describes them.
//!
//! | key | value |
//! |---|---|
//! | `og` | [`OrganizationRow`]; every change rewrites it, on condition that it is as it was read |
//! | `or` | [`RootRow`] |
//! | `ou` unit's id | [`UnitRow`] |
//! | `om` account (8 bytes) | [`MemberRow`] |
//! | `oc` parent's id, 00, `a` or `u`, child's id | empty: the account or unit lies in the root or unit |
//! | `on` parent's id, 00, name | id of the unit of this name in the root or unit |
//! | `op` policy's id | [`PolicyRow`] |
//! | `oq` type (1 byte), name | id of the policy of this type and name |
//! | `ot` policy's id, 00, target's id | empty: the policy is attached to the root, unit or account |
//! | `os` id of a request | [`StatusRow`]: what became of a CreateAccount |
//! | `oe` service principal | [`ServiceRow`]: the service may work with the organisation |
//! | `od` account (8 bytes) | [`DelegationRow`] |
//! | `ox` | [`ResourcePolicyRow`] |
//! | `oi` account (8 bytes) | [`ContactsRow`]; written without the row `og` |

use minicbor::{Decode, Encode};
use strongroom_storage::Entry;
use strongroom_types::{AccountId, Timestamp};

use crate::error::OrganizationsError;
use crate::kind::PolicyKind;

const FORMAT: u8 = 1;

/// The row that every change rewrites.
pub(crate) const ORGANIZATION: &[u8] = b"og";
pub(crate) const ROOT: &[u8] = b"or";
pub(crate) const UNITS: &[u8] = b"ou";
pub(crate) const MEMBERS: &[u8] = b"om";
pub(crate) const STATUSES: &[u8] = b"os";
pub(crate) const SERVICES: &[u8] = b"oe";
pub(crate) const DELEGATIONS: &[u8] = b"od";
pub(crate) const RESOURCE_POLICY: &[u8] = b"ox";

/// What an index row holds: that it is there is all it says.
pub(crate) const PRESENT: &[u8] = b"";

/// What lies in a root or unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChildKind {
    Account,
    Unit,
}

pub(crate) fn unit(id: &str) -> Vec<u8> {
    [UNITS, id.as_bytes()].concat()
}

pub(crate) fn member(account: AccountId) -> Vec<u8> {
    [MEMBERS, account.as_u64().to_be_bytes().as_slice()].concat()
}

pub(crate) fn children(parent: &str, kind: ChildKind) -> Vec<u8> {
    let kind = match kind {
        ChildKind::Account => b"a",
        ChildKind::Unit => b"u",
    };
    [b"oc", parent.as_bytes(), &[0], kind].concat()
}

pub(crate) fn child(parent: &str, kind: ChildKind, id: &str) -> Vec<u8> {
    [children(parent, kind), id.as_bytes().to_vec()].concat()
}

/// Ids hold no zero byte, so it parts them from names.
pub(crate) fn unit_name(parent: &str, name: &str) -> Vec<u8> {
    [b"on", parent.as_bytes(), &[0], name.as_bytes()].concat()
}

pub(crate) fn policy(id: &str) -> Vec<u8> {
    [b"op", id.as_bytes()].concat()
}

pub(crate) fn policy_names(kind: PolicyKind) -> Vec<u8> {
    vec![b'o', b'q', kind.byte()]
}

pub(crate) fn policy_name(kind: PolicyKind, name: &str) -> Vec<u8> {
    [policy_names(kind), name.as_bytes().to_vec()].concat()
}

pub(crate) fn targets(policy: &str) -> Vec<u8> {
    [b"ot", policy.as_bytes(), &[0]].concat()
}

pub(crate) fn target(policy: &str, target: &str) -> Vec<u8> {
    [targets(policy), target.as_bytes().to_vec()].concat()
}

pub(crate) fn status(id: &str) -> Vec<u8> {
    [STATUSES, id.as_bytes()].concat()
}

pub(crate) fn service(principal: &str) -> Vec<u8> {
    [SERVICES, principal.as_bytes()].concat()
}

pub(crate) fn delegation(account: AccountId) -> Vec<u8> {
    [DELEGATIONS, account.as_u64().to_be_bytes().as_slice()].concat()
}

pub(crate) fn contacts(account: AccountId) -> Vec<u8> {
    [b"oi", account.as_u64().to_be_bytes().as_slice()].concat()
}

/// What stands behind `prefix` in a row's key.
pub(crate) fn suffix(prefix: &[u8], entry: &Entry) -> Result<String, OrganizationsError> {
    let rest = entry.key.get(prefix.len()..).unwrap_or_default();
    let text = std::str::from_utf8(rest).map_err(|_| OrganizationsError::Damaged)?;
    Ok(text.to_owned())
}

/// The account that stands behind a prefix of two bytes in a row's key.
pub(crate) fn account_of(entry: &Entry) -> Result<AccountId, OrganizationsError> {
    let bytes =
        entry.key.get(2..).and_then(|rest| rest.try_into().ok()).ok_or(OrganizationsError::Damaged)?;
    let number = u64::from_be_bytes(bytes);
    AccountId::parse(&format!("{number:012}")).map_err(|_| OrganizationsError::Damaged)
}

/// The organisation: what every decision needs to know of it, and how much of everything there is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct OrganizationRow {
    /// `o-…`.
    #[n(0)]
    pub(crate) id: String,
    /// `r-…`.
    #[n(1)]
    pub(crate) root: String,
    /// The management account.
    #[n(2)]
    pub(crate) management: String,
    /// Types of policy that are enabled at the root.
    #[n(3)]
    pub(crate) enabled: Vec<PolicyKind>,
    #[n(4)]
    pub(crate) created_millis: i64,
    #[n(5)]
    pub(crate) generation: u64,
    #[n(6)]
    pub(crate) accounts: u32,
    #[n(7)]
    pub(crate) units: u32,
    /// Policies of customers, of each type.
    #[n(8)]
    pub(crate) service_control: u32,
    #[n(9)]
    pub(crate) resource_control: u32,
    #[n(10)]
    pub(crate) s3: u32,
}

impl OrganizationRow {
    /// Whether policies of a type are in force.
    pub(crate) fn has(&self, kind: PolicyKind) -> bool {
        self.enabled.contains(&kind)
    }

    /// How many policies of a type customers have made.
    pub(crate) fn policies_mut(&mut self, kind: PolicyKind) -> &mut u32 {
        match kind {
            PolicyKind::ServiceControl => &mut self.service_control,
            PolicyKind::ResourceControl => &mut self.resource_control,
            PolicyKind::S3 => &mut self.s3,
        }
    }

    /// The management account.
    pub(crate) fn management(&self) -> Result<AccountId, OrganizationsError> {
        AccountId::parse(&self.management).map_err(|_| OrganizationsError::Damaged)
    }
}

/// A policy on a root, unit or account.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct AttachmentRow {
    #[n(0)]
    pub(crate) policy: String,
    #[n(1)]
    pub(crate) kind: PolicyKind,
}

/// A key and a value.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct TagRow {
    #[n(0)]
    pub(crate) key: String,
    #[n(1)]
    pub(crate) value: String,
}

/// The root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct RootRow {
    #[n(0)]
    pub(crate) attached: Vec<AttachmentRow>,
    #[n(1)]
    pub(crate) tags: Vec<TagRow>,
}

/// An organizational unit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct UnitRow {
    #[n(0)]
    pub(crate) id: String,
    #[n(1)]
    pub(crate) name: String,
    /// The root or unit in which it lies.
    #[n(2)]
    pub(crate) parent: String,
    #[n(3)]
    pub(crate) attached: Vec<AttachmentRow>,
    #[n(4)]
    pub(crate) tags: Vec<TagRow>,
    #[n(5)]
    pub(crate) created_millis: i64,
}

/// An account's place in the organisation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct MemberRow {
    #[n(0)]
    pub(crate) id: String,
    /// The root or unit in which it lies.
    #[n(1)]
    pub(crate) parent: String,
    #[n(2)]
    pub(crate) attached: Vec<AttachmentRow>,
    #[n(3)]
    pub(crate) tags: Vec<TagRow>,
    #[n(4)]
    pub(crate) joined_millis: i64,
    /// When it was closed.
    #[n(5)]
    pub(crate) closed_millis: Option<i64>,
}

impl MemberRow {
    /// The account.
    pub(crate) fn account(&self) -> Result<AccountId, OrganizationsError> {
        AccountId::parse(&self.id).map_err(|_| OrganizationsError::Damaged)
    }
}

/// A policy of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct PolicyRow {
    #[n(0)]
    pub(crate) id: String,
    #[n(1)]
    pub(crate) kind: PolicyKind,
    #[n(2)]
    pub(crate) name: String,
    #[n(3)]
    pub(crate) description: String,
    #[n(4)]
    pub(crate) content: String,
    #[n(5)]
    pub(crate) tags: Vec<TagRow>,
    #[n(6)]
    pub(crate) changed_millis: i64,
}

/// What became of a request to make an account.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct StatusRow {
    #[n(0)]
    pub(crate) id: String,
    #[n(1)]
    pub(crate) name: String,
    #[n(2)]
    pub(crate) requested_millis: i64,
    /// The account that was made.
    #[n(3)]
    pub(crate) account: Option<String>,
    /// Why none was.
    #[n(4)]
    pub(crate) failure: Option<String>,
}

/// A service that may work with the organisation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ServiceRow {
    #[n(0)]
    pub(crate) enabled_millis: i64,
}

/// What an account administers in the management account's stead.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct DelegationRow {
    #[n(0)]
    pub(crate) since_millis: i64,
    #[n(1)]
    pub(crate) services: Vec<DelegatedServiceRow>,
}

/// A service that an account administers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct DelegatedServiceRow {
    #[n(0)]
    pub(crate) principal: String,
    #[n(1)]
    pub(crate) since_millis: i64,
}

/// The organisation's resource policy, which lets other accounts manage policies.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ResourcePolicyRow {
    #[n(0)]
    pub(crate) id: String,
    /// As it was given, but for users and roles, which stand by their unique ids.
    #[n(1)]
    pub(crate) content: String,
    #[n(2)]
    pub(crate) tags: Vec<TagRow>,
}

/// Whom to turn to about an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ContactsRow {
    #[n(0)]
    pub(crate) primary: Option<PrimaryRow>,
    #[n(1)]
    pub(crate) billing: Option<AlternateRow>,
    #[n(2)]
    pub(crate) operations: Option<AlternateRow>,
    #[n(3)]
    pub(crate) security: Option<AlternateRow>,
}

/// Primary contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct PrimaryRow {
    #[n(0)]
    pub(crate) full_name: String,
    #[n(1)]
    pub(crate) address_lines: Vec<String>,
    #[n(2)]
    pub(crate) city: String,
    #[n(3)]
    pub(crate) state: Option<String>,
    #[n(4)]
    pub(crate) district: Option<String>,
    #[n(5)]
    pub(crate) postal_code: String,
    #[n(6)]
    pub(crate) country: String,
    #[n(7)]
    pub(crate) phone: String,
    #[n(8)]
    pub(crate) company: Option<String>,
    #[n(9)]
    pub(crate) website: Option<String>,
}

/// Alternate contact.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct AlternateRow {
    #[n(0)]
    pub(crate) name: String,
    #[n(1)]
    pub(crate) title: String,
    #[n(2)]
    pub(crate) email: String,
    #[n(3)]
    pub(crate) phone: String,
}

/// As members of answers have it, all of which may be absent.
#[expect(clippy::unnecessary_wraps, reason = "it is there to be a member of an answer")]
pub(crate) fn time(millis: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}

pub(crate) fn encode<T: Encode<()>>(row: &T) -> Vec<u8> {
    let mut out = vec![FORMAT];
    // INVARIANT: writing to a vector does not fail, and no row has a failing encoder.
    if minicbor::encode(row, &mut out).is_err() {
        out.clear();
    }
    out
}

pub(crate) fn decode<T: for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<T, OrganizationsError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => minicbor::decode(rest).map_err(|_| OrganizationsError::Damaged),
        _ => Err(OrganizationsError::Damaged),
    }
}
