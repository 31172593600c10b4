//! Quotas of VPCs and their endpoints.
//!
//! Source: Amazon VPC User Guide, "Amazon VPC quotas", unless said otherwise.

/// VPCs of an account in a region. AWS begins with 5 and gives up to so many on request.
pub(crate) const VPCS: usize = 100;
/// Gateway endpoints of an account in a region.
pub(crate) const GATEWAY_ENDPOINTS: usize = 20;
/// Interface endpoints of a VPC.
pub(crate) const INTERFACE_ENDPOINTS: usize = 50;

/// Tags of a resource. Source: EC2 User Guide, "Tag your Amazon EC2 resources", tag restrictions.
pub(crate) const TAGS: usize = 50;
/// Characters of a tag's key. Source: as [`TAGS`].
pub(crate) const TAG_KEY_CHARS: usize = 128;
/// Characters of a tag's value. Source: as [`TAGS`].
pub(crate) const TAG_VALUE_CHARS: usize = 256;
/// Resources that CreateTags and DeleteTags name at once. Source: EC2 API Reference, CreateTags, `ResourceId`.
pub(crate) const TAGGED_AT_ONCE: usize = 1000;
/// Endpoints that DeleteVpcEndpoints names at once.
pub(crate) const DELETED_AT_ONCE: usize = 1000;

/// Characters of a client token. Source: EC2 API Reference, "Ensuring idempotency".
pub(crate) const CLIENT_TOKEN_CHARS: usize = 64;

/// Items of a page at most, and where the request says nothing. Source: EC2 API Reference, `MaxResults`.
pub(crate) const PAGE: usize = 1000;
/// Bytes of policies behind which a page of endpoints ends, however many were asked for.
pub(crate) const PAGE_POLICY_BYTES: usize = 1 << 20;
/// Resources that a Describe operation names at once. Source: EC2 API Reference, DescribeInstances, `InstanceId`: 1000.
pub(crate) const DESCRIBED_AT_ONCE: usize = 1000;
/// Filters of a request. Source: EC2 API Reference, "Filter": 50 filters.
pub(crate) const FILTERS: usize = 50;
/// Values of all filters of a request. Source: EC2 User Guide, "List and filter your resources".
pub(crate) const FILTER_VALUES: usize = 200;
/// Characters of a filter's name, and of each of its values. Source: EC2 User Guide, "List and filter your resources":
/// "Filter strings can be up to 255 characters in length."
pub(crate) const FILTER_CHARS: usize = 255;
/// Characters that all filters of a request may look at: a few milliseconds, since nothing else runs meanwhile. The keys
/// of ten thousand tags, held against a hundred values with a wildcard, take less than half.
pub(crate) const FILTER_STEPS: usize = 4_000_000;
/// Rows that one scan reads.
pub(crate) const SCAN_ROWS: usize = 500;

/// How often a change is tried against others before the caller is asked to try again.
pub(crate) const MAX_TRIES: usize = 20;
