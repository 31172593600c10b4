//! Quotas of IAM, as an account of AWS has them until it asks for more.
//!
//! Source: IAM User Guide, "IAM and AWS STS quotas", unless said otherwise.

use std::time::Duration;

pub(crate) use strongroom_policy::limits::{
    GROUP_INLINE_MAX_CHARS, MANAGED_POLICY_MAX_CHARS, ROLE_INLINE_MAX_CHARS, TRUST_POLICY_MAX_CHARS,
    USER_INLINE_MAX_CHARS,
};

/// Users in an account.
pub(crate) const USERS: u32 = 5_000;
/// Groups in an account.
pub(crate) const GROUPS: u32 = 300;
/// Roles in an account.
pub(crate) const ROLES: u32 = 1_000;
/// Customer-managed policies in an account.
pub(crate) const POLICIES: u32 = 1_500;
/// Instance profiles in an account.
pub(crate) const INSTANCE_PROFILES: u32 = 1_000;
/// Versions of one managed policy.
pub(crate) const VERSIONS_PER_POLICY: usize = 5;
/// Versions of all managed policies of an account. Source: what GetAccountSummary shows of a fresh account.
pub(crate) const VERSIONS_IN_USE: u32 = 10_000;
/// Groups that one user is in.
pub(crate) const GROUPS_PER_USER: usize = 10;
/// Access keys of one user, or of a root user.
pub(crate) const ACCESS_KEYS: usize = 2;
/// MFA devices of one user, or of a root user.
pub(crate) const MFA_DEVICES: usize = 8;
/// Wrong codes in a row after which a device's codes are not looked at for a while. AWS does not say how many it takes.
pub(crate) const MFA_WRONG_CODES: u32 = 5;
/// How long that is the first time.
pub(crate) const MFA_SHORTEST_WAIT: Duration = Duration::from_secs(30);
/// How long it is at most.
pub(crate) const MFA_LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// OpenID Connect providers in an account.
pub(crate) const OIDC_PROVIDERS: u32 = 100;
/// Client ids of one provider.
pub(crate) const OIDC_CLIENT_IDS: usize = 100;
/// Thumbprints of one provider. Source: IAM API Reference, CreateOpenIDConnectProvider, `ThumbprintList`.
pub(crate) const OIDC_THUMBPRINTS: usize = 5;
/// Characters of a provider's URL. Source: IAM API Reference, CreateOpenIDConnectProvider, `Url`.
pub(crate) const OIDC_URL_CHARS: usize = 255;
/// Reports on access that an account may have waiting.
pub(crate) const ACCESS_JOBS: usize = 500;
/// Managed policies attached to one user, group or role.
pub(crate) const ATTACHED_POLICIES: usize = 10;
/// Tags of one resource.
pub(crate) const TAGS: usize = 50;
/// Roles in one instance profile.
pub(crate) const ROLES_PER_INSTANCE_PROFILE: usize = 1;
/// Quotas of things that this store does not keep: shown in the summary, as tools expect.
pub(crate) const SERVER_CERTIFICATES: i32 = 20;
/// As [`SERVER_CERTIFICATES`].
pub(crate) const SIGNING_CERTIFICATES_PER_USER: i32 = 2;

/// Items of a page, unless the request says otherwise. Source: IAM API Reference, `MaxItems`.
pub(crate) const PAGE: usize = 100;
/// Items of a page at most. Source: as above.
pub(crate) const MAX_PAGE: usize = 1_000;

/// How long sessions of a role last at most, in seconds, unless its maker says otherwise. Source: IAM API Reference,
/// CreateRole, `MaxSessionDuration`.
pub(crate) const DEFAULT_SESSION_SECONDS: i32 = 3_600;

/// How often a change is tried against others of the same account before the caller is asked to try again. Within one
/// process changes of an account wait for each other, so that only other processes can be in the way.
pub(crate) const MAX_TRIES: usize = 20;
/// Accounts whose changes wait for each other share this many queues.
pub(crate) const TURNS: usize = 64;
/// Uses of a key for one service within so many milliseconds are one use. Source: IAM User Guide, "Generate credential
/// reports": "this value is rounded to the nearest 15-minute interval".
pub(crate) const LAST_USE_STEP_MILLIS: i64 = 15 * 60 * 1_000;
/// Keys and services of which it is known when their use was last noted, at most.
pub(crate) const LAST_USE_KEPT: usize = 16_384;
/// Users and roles whose policies are kept ready at most.
pub(crate) const FACTS_KEPT: usize = 4_096;
/// Rows that one scan reads.
pub(crate) const SCAN_ROWS: usize = 500;

const _: () = assert!(PAGE <= MAX_PAGE);
const _: () = assert!(VERSIONS_IN_USE >= POLICIES);
