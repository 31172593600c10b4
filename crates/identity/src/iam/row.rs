//! Rows of the partition `Iam` of an account. `docs/formats/identity.md` describes them.
//!
//! | key | value |
//! |---|---|
//! | `g` | [`GenerationRow`]; every change rewrites it, on condition that it is as it was read |
//! | `n` kind, name in lower case | the entity's unique id |
//! | `e` unique id | [`UserRow`], [`GroupRow`], [`RoleRow`], [`PolicyRow`], [`InstanceProfileRow`] |
//! | `d` unique id, 00, name of the policy | document of an inline policy |
//! | `v` unique id, number of the version | [`VersionRow`] |
//! | `a` policy's ARN, 00, unique id | empty: the policy is attached to this entity |
//! | `b` policy's ARN, 00, unique id | empty: the policy bounds this entity |
//! | `c` group's id, 00, user's id | empty: the user is in the group |
//! | `k` access key id | [`KeyRow`] |
//! | `m` name in lower case | [`MfaRow`]: a virtual MFA device |
//! | `M` name in lower case | [`MfaUseRow`]: which of its codes was taken last; written without a new generation |
//! | `o` URL without scheme | [`OidcRow`]: an OpenID Connect provider |
//! | `j` id | [`AccessJobRow`]: what a report on access is about; written without a new generation |
//! | `l` access key id or unique id | [`LastUseRow`]; written without a new generation |
//! | `w` unique id, 00, service | [`LastUseRow`]: the user's or role's last use of a service; likewise |
//! | `x` unique id, 00, action | [`LastUseRow`]: the user's or role's last request for an action; likewise |
//! | `s` name | a setting of the account: [`PasswordPolicyRow`], [`RootMfaRow`], [`ReportRow`], [`TokenPreferencesRow`] |
//!
//! A unique id says by its first letters what it is of, and names its entity for ever: renaming changes two rows of
//! `n` and the entity's own, and whoever is made again under an old name inherits nothing.

use minicbor::{Decode, Encode};
use strongroom_policy::Kind as PolicyKind;

use super::entity::{Core, Entity, Held, Holder, Kind, TagRow, Tagged};

/// The row that every change rewrites.
pub(crate) const GENERATION: &[u8] = b"g";

/// The account's password policy.
pub(crate) const PASSWORD_POLICY: &[u8] = b"spassword-policy";

/// The root user's MFA devices.
pub(crate) const ROOT_MFA: &[u8] = b"sroot-mfa";

/// The account's credential report.
pub(crate) const REPORT: &[u8] = b"scredential-report";

/// Which kind of session tokens the account prefers.
pub(crate) const TOKEN_PREFERENCES: &[u8] = b"stoken-preferences";

/// What the keys of reports on access begin with.
pub(crate) const ACCESS_JOBS: &[u8] = b"j";

/// What the keys of OpenID Connect providers begin with.
pub(crate) const OIDC_PROVIDERS: &[u8] = b"o";

/// What the keys of virtual MFA devices begin with.
pub(crate) const MFA_DEVICES: &[u8] = b"m";

/// What an index row holds: that it is there is all it says.
pub(crate) const PRESENT: &[u8] = b"";

pub(crate) fn names(kind: Kind) -> Vec<u8> {
    vec![b'n', kind.byte()]
}

pub(crate) fn name(kind: Kind, name: &str) -> Vec<u8> {
    [names(kind), name.to_ascii_lowercase().into_bytes()].concat()
}

pub(crate) fn entity(id: &str) -> Vec<u8> {
    [b"e", id.as_bytes()].concat()
}

pub(crate) fn inline(id: &str, policy: &str) -> Vec<u8> {
    joined(b'd', id, policy)
}

pub(crate) fn version(id: &str, number: u32) -> Vec<u8> {
    [b"v".as_slice(), id.as_bytes(), &number.to_be_bytes()].concat()
}

pub(crate) fn attachments(policy_arn: &str) -> Vec<u8> {
    joined(b'a', policy_arn, "")
}

pub(crate) fn attachment(policy_arn: &str, id: &str) -> Vec<u8> {
    joined(b'a', policy_arn, id)
}

pub(crate) fn boundaries(policy_arn: &str) -> Vec<u8> {
    joined(b'b', policy_arn, "")
}

pub(crate) fn boundary(policy_arn: &str, id: &str) -> Vec<u8> {
    joined(b'b', policy_arn, id)
}

pub(crate) fn members(group_id: &str) -> Vec<u8> {
    joined(b'c', group_id, "")
}

pub(crate) fn member(group_id: &str, user_id: &str) -> Vec<u8> {
    joined(b'c', group_id, user_id)
}

pub(crate) fn key(access_key_id: &str) -> Vec<u8> {
    [b"k", access_key_id.as_bytes()].concat()
}

pub(crate) fn last_use(id: &str) -> Vec<u8> {
    [b"l", id.as_bytes()].concat()
}

pub(crate) fn last_uses_of(id: &str) -> Vec<u8> {
    joined(b'w', id, "")
}

pub(crate) fn last_use_of_service(id: &str, service: &str) -> Vec<u8> {
    joined(b'w', id, service)
}

/// Of the actions of all services.
pub(crate) fn last_uses_of_actions(id: &str) -> Vec<u8> {
    joined(b'x', id, "")
}

/// `action` as policies name it, `iam:GetUser`.
pub(crate) fn last_use_of_action(id: &str, action: &str) -> Vec<u8> {
    joined(b'x', id, action)
}

pub(crate) fn mfa_device(name: &str) -> Vec<u8> {
    [MFA_DEVICES, name.to_ascii_lowercase().as_bytes()].concat()
}

pub(crate) fn mfa_use(name: &str) -> Vec<u8> {
    [b"M", name.to_ascii_lowercase().as_bytes()].concat()
}

pub(crate) fn access_job(id: &str) -> Vec<u8> {
    [ACCESS_JOBS, id.as_bytes()].concat()
}

pub(crate) fn oidc_provider(url: &str) -> Vec<u8> {
    [OIDC_PROVIDERS, url.as_bytes()].concat()
}

/// Neither ids nor ARNs nor names hold a zero byte, so it parts them.
fn joined(kind: u8, first: &str, second: &str) -> Vec<u8> {
    [&[kind], first.as_bytes(), &[0], second.as_bytes()].concat()
}

/// How often the account's identities changed, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct GenerationRow {
    #[n(0)]
    pub(crate) generation: u64,
    #[n(1)]
    pub(crate) users: u32,
    #[n(2)]
    pub(crate) groups: u32,
    #[n(3)]
    pub(crate) roles: u32,
    #[n(4)]
    pub(crate) policies: u32,
    #[n(5)]
    pub(crate) versions: u32,
    #[n(6)]
    pub(crate) instance_profiles: u32,
    #[n(7)]
    pub(crate) providers: u32,
    #[n(8)]
    pub(crate) mfa_devices: u32,
    #[n(9)]
    pub(crate) mfa_devices_in_use: u32,
}

impl GenerationRow {
    /// How many entities of a kind there are.
    pub(crate) fn count_mut(&mut self, kind: Kind) -> &mut u32 {
        match kind {
            Kind::User => &mut self.users,
            Kind::Group => &mut self.groups,
            Kind::Role => &mut self.roles,
            Kind::Policy => &mut self.policies,
            Kind::InstanceProfile => &mut self.instance_profiles,
        }
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct UserRow {
    #[n(0)]
    pub(crate) core: Core,
    #[n(1)]
    pub(crate) held: Held,
    #[n(2)]
    pub(crate) tags: Vec<TagRow>,
    /// Ids of its groups.
    #[n(3)]
    pub(crate) groups: Vec<String>,
    /// Its access keys.
    #[n(4)]
    pub(crate) keys: Vec<String>,
    /// Serial numbers of its MFA devices.
    #[n(5)]
    pub(crate) mfa_devices: Vec<String>,
    #[n(6)]
    pub(crate) login_profile: Option<LoginProfileRow>,
}

/// That a user has a password. There is no way to sign in with one, so the password itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct LoginProfileRow {
    #[n(0)]
    pub(crate) created_millis: i64,
    /// When the password was last set.
    #[n(1)]
    pub(crate) changed_millis: i64,
    #[n(2)]
    pub(crate) reset_required: bool,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct GroupRow {
    #[n(0)]
    pub(crate) core: Core,
    #[n(1)]
    pub(crate) held: Held,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct RoleRow {
    #[n(0)]
    pub(crate) core: Core,
    #[n(1)]
    pub(crate) held: Held,
    #[n(2)]
    pub(crate) tags: Vec<TagRow>,
    /// Its trust policy, as it was given.
    #[n(3)]
    pub(crate) trust: String,
    #[n(4)]
    pub(crate) description: Option<String>,
    #[n(5)]
    pub(crate) max_session_seconds: i32,
    /// Ids of the instance profiles that it is in.
    #[n(6)]
    pub(crate) instance_profiles: Vec<String>,
    /// The service that a service-linked role is linked to, as in `config.amazonaws.com`.
    #[n(7)]
    pub(crate) service: Option<String>,
}

/// A customer-managed policy.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct PolicyRow {
    #[n(0)]
    pub(crate) core: Core,
    #[n(1)]
    pub(crate) tags: Vec<TagRow>,
    #[n(2)]
    pub(crate) description: Option<String>,
    #[n(3)]
    pub(crate) updated_millis: i64,
    /// Number of the default version.
    #[n(4)]
    pub(crate) default_version: u32,
    /// Numbers of all versions, ascending.
    #[n(5)]
    pub(crate) versions: Vec<u32>,
    /// Number of the newest version that there ever was: numbers are not given twice.
    #[n(6)]
    pub(crate) last_version: u32,
}

/// A version of a customer-managed policy.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct VersionRow {
    #[n(0)]
    pub(crate) document: String,
    #[n(1)]
    pub(crate) created_millis: i64,
}

/// An instance profile.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct InstanceProfileRow {
    #[n(0)]
    pub(crate) core: Core,
    #[n(1)]
    pub(crate) tags: Vec<TagRow>,
    /// Ids of its roles.
    #[n(2)]
    pub(crate) roles: Vec<String>,
}

/// A user's access key. The secret is sealed, bound to the key's id.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct KeyRow {
    /// Id of the user.
    #[n(0)]
    pub(crate) user_id: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(crate) sealed_secret: Vec<u8>,
    #[n(2)]
    pub(crate) created_millis: i64,
    #[n(3)]
    pub(crate) active: bool,
}

/// A virtual MFA device. The seed is sealed, bound to the serial number.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct MfaRow {
    #[n(0)]
    pub(crate) name: String,
    #[n(1)]
    pub(crate) path: String,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub(crate) sealed_seed: Vec<u8>,
    #[n(3)]
    pub(crate) created_millis: i64,
    #[n(4)]
    pub(crate) tags: Vec<TagRow>,
    /// Unique id of the user who has it, or `root`.
    #[n(5)]
    pub(crate) holder: Option<String>,
    #[n(6)]
    pub(crate) enabled_millis: Option<i64>,
    /// How many steps of half a minute its clock is ahead of ours.
    #[n(7)]
    pub(crate) drift_steps: i64,
}

/// What a device's codes were used for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct MfaUseRow {
    /// The newest step whose code was taken; none of it or of an older one is taken again.
    #[n(0)]
    pub(crate) last_step: Option<i64>,
    /// Wrong codes since the last one that was taken.
    #[n(1)]
    pub(crate) wrong: u32,
    /// When the last of them was shown.
    #[n(2)]
    pub(crate) wrong_millis: i64,
}

/// An OpenID Connect provider.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct OidcRow {
    /// Its URL, without `https://`.
    #[n(0)]
    pub(crate) url: String,
    /// Applications whose tokens are taken.
    #[n(1)]
    pub(crate) client_ids: Vec<String>,
    #[n(2)]
    pub(crate) thumbprints: Vec<String>,
    #[n(3)]
    pub(crate) created_millis: i64,
    #[n(4)]
    pub(crate) tags: Vec<TagRow>,
}

/// What a report on access is about.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct AccessJobRow {
    /// ARN of a user, group, role or policy.
    #[n(0)]
    pub(crate) arn: String,
    #[n(1)]
    pub(crate) created_millis: i64,
    #[n(2)]
    pub(crate) by_action: bool,
}

/// Which kind of session tokens the account prefers. There is one kind here, which is as long as AWS's second.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct TokenPreferencesRow {
    #[n(0)]
    pub(crate) version: u8,
}

/// That a credential report was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ReportRow {
    #[n(0)]
    pub(crate) asked_millis: i64,
}

/// The root user's MFA devices, by their serial numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct RootMfaRow {
    #[n(0)]
    pub(crate) serials: Vec<String>,
}

/// When something was used last.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct LastUseRow {
    #[n(0)]
    pub(crate) at_millis: i64,
    /// The service's name in policies, as in `s3`.
    #[n(1)]
    pub(crate) service: String,
    #[n(2)]
    pub(crate) region: String,
}

/// What passwords must be like. Source: IAM API Reference, UpdateAccountPasswordPolicy.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct PasswordPolicyRow {
    #[n(0)]
    pub(crate) minimum_length: i32,
    #[n(1)]
    pub(crate) symbols: bool,
    #[n(2)]
    pub(crate) numbers: bool,
    #[n(3)]
    pub(crate) uppercase: bool,
    #[n(4)]
    pub(crate) lowercase: bool,
    #[n(5)]
    pub(crate) users_may_change: bool,
    #[n(6)]
    pub(crate) max_age_days: Option<i32>,
    #[n(7)]
    pub(crate) reuse_prevention: Option<i32>,
    #[n(8)]
    pub(crate) hard_expiry: Option<bool>,
}

macro_rules! entities {
    ($($row:ty: $kind:expr),* $(,)?) => {$(
        impl Entity for $row {
            const KIND: Kind = $kind;

            fn core(&self) -> &Core {
                &self.core
            }

            fn core_mut(&mut self) -> &mut Core {
                &mut self.core
            }
        }
    )*};
}

macro_rules! holders {
    ($($row:ty: $inline:expr, $quota:literal),* $(,)?) => {$(
        impl Holder for $row {
            const INLINE: PolicyKind = $inline;
            const ATTACHED_QUOTA: &'static str = $quota;

            fn held(&self) -> &Held {
                &self.held
            }

            fn held_mut(&mut self) -> &mut Held {
                &mut self.held
            }
        }
    )*};
}

macro_rules! tagged {
    ($($row:ty: $quota:literal),* $(,)?) => {$(
        impl Tagged for $row {
            const TAGS_QUOTA: &'static str = $quota;

            fn tags(&self) -> &[TagRow] {
                &self.tags
            }

            fn tags_mut(&mut self) -> &mut Vec<TagRow> {
                &mut self.tags
            }
        }
    )*};
}

entities! {
    UserRow: Kind::User,
    GroupRow: Kind::Group,
    PolicyRow: Kind::Policy,
    InstanceProfileRow: Kind::InstanceProfile,
}

impl Entity for RoleRow {
    const KIND: Kind = Kind::Role;

    fn core(&self) -> &Core {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn is_protected(&self) -> bool {
        self.service.is_some()
    }
}

holders! {
    UserRow: PolicyKind::UserInline, "PoliciesPerUser",
    GroupRow: PolicyKind::GroupInline, "PoliciesPerGroup",
    RoleRow: PolicyKind::RoleInline, "PoliciesPerRole",
}

tagged! {
    UserRow: "TagsPerUser",
    RoleRow: "TagsPerRole",
    PolicyRow: "TagsPerPolicy",
    InstanceProfileRow: "TagsPerInstanceProfile",
}

impl PolicyRow {
    /// The id of a version, as in `v3`.
    pub(crate) fn version_id(number: u32) -> String {
        format!("v{number}")
    }

    /// The number of one of its versions, by its id.
    pub(crate) fn version_number(&self, id: &str) -> Option<u32> {
        let number: u32 = id.strip_prefix('v')?.parse().ok()?;
        self.versions.iter().copied().find(|known| *known == number && Self::version_id(*known) == id)
    }
}
