//! Quotas of Organizations.
//!
//! Source: Organizations User Guide, "Quotas and service limits", unless said otherwise.

/// Accounts. AWS begins with 10 and gives up to so many on request.
pub(crate) const ACCOUNTS: u32 = 10_000;
/// Organizational units.
pub(crate) const UNITS: u32 = 2_000;
/// Units below each other under the root. Source: Organizations API Reference, CreateOrganizationalUnit.
pub(crate) const UNIT_DEPTH: usize = 5;

/// Service control policies.
pub(crate) const SERVICE_CONTROL_POLICIES: u32 = 10_000;
/// Resource control policies.
pub(crate) const RESOURCE_CONTROL_POLICIES: u32 = 1_000;
/// S3 policies, as declarative ones.
pub(crate) const S3_POLICIES: u32 = 1_000;

/// Characters of a service control policy, white space included. Twice as many as before 15 May 2026.
pub(crate) const SERVICE_CONTROL_MAX_CHARS: usize = 10_240;
/// Characters of a resource control policy, white space included.
pub(crate) const RESOURCE_CONTROL_MAX_CHARS: usize = 5_120;
/// Characters of an S3 policy, as of declarative ones.
pub(crate) const S3_POLICY_MAX_CHARS: usize = 10_000;
/// Characters of the resource policy. Source: Organizations API Reference, PutResourcePolicy.
pub(crate) const RESOURCE_POLICY_MAX_CHARS: usize = 40_000;

/// Service control policies attached to one target. Twice as many as before 15 May 2026.
pub(crate) const SERVICE_CONTROL_ATTACHED: usize = 10;
/// Resource control policies attached to one target, `RCPFullAWSAccess` included.
pub(crate) const RESOURCE_CONTROL_ATTACHED: usize = 5;
/// S3 policies attached to one target, as of declarative ones.
pub(crate) const S3_ATTACHED: usize = 10;

/// Tags of one resource. Source: Organizations User Guide, "Tagging AWS Organizations resources".
pub(crate) const TAGS: usize = 50;
/// Services that one account administers.
pub(crate) const DELEGATED_SERVICES: usize = 100;

/// Items of a page, unless the request says otherwise, and at most. Source: Organizations API Reference, `MaxResults`.
pub(crate) const PAGE: usize = 20;
/// Accounts listed at most in one answer of the service `strongroom`.
pub(crate) const ACCOUNTS_PAGE: usize = 100;
/// Rows that one scan reads.
pub(crate) const SCAN_ROWS: usize = 500;

/// How often a change is tried against others before the caller is asked to try again. Within one process changes wait
/// for each other, so that only other processes can be in the way.
pub(crate) const MAX_TRIES: usize = 20;
/// Accounts whose policies are kept ready at most.
pub(crate) const FACTS_KEPT: usize = 4_096;

const _: () = assert!(SERVICE_CONTROL_MAX_CHARS <= strongroom_policy::limits::DOCUMENT_MAX_BYTES);
