//! Every bound on documents, with its unit and its source.

/// Longest document that is looked at, in bytes, whatever its kind: the length that the IAM API itself allows for the
/// parameter `PolicyDocument`. What a kind of document allows is less: [`crate::Kind::limit`].
pub const DOCUMENT_MAX_BYTES: usize = 131_072;

/// Deepest nesting of JSON that is read. The language needs seven levels: document, list of statements, statement,
/// condition, operator, key's values, value.
pub const JSON_MAX_DEPTH: usize = 16;

/// Bucket and access point policies, in bytes. Source: S3 User Guide, "Bucket policies for Amazon S3".
pub const BUCKET_POLICY_MAX_BYTES: usize = 20 * 1024;

/// Customer-managed policies (and boundaries, which are such), in characters without white space.
/// Source: IAM User Guide, "IAM and AWS STS quotas".
pub const MANAGED_POLICY_MAX_CHARS: usize = 6_144;

/// Inline policies of a user, all together, in characters without white space. Source: as above.
pub const USER_INLINE_MAX_CHARS: usize = 2_048;

/// Inline policies of a role, all together, in characters without white space. Source: as above.
pub const ROLE_INLINE_MAX_CHARS: usize = 10_240;

/// Inline policies of a group, all together, in characters without white space. Source: as above.
pub const GROUP_INLINE_MAX_CHARS: usize = 5_120;

/// Trust policies, in characters without white space. Source: as above, "Role trust policy length".
pub const TRUST_POLICY_MAX_CHARS: usize = 2_048;

/// Session policies, in characters, white space included. Source: STS API Reference, "AssumeRole", `Policy`.
pub const SESSION_POLICY_MAX_CHARS: usize = 2_048;

/// Service and resource control policies, in characters, white space included.
/// Source: Organizations User Guide, "Quotas and service limits" and "RCP syntax".
pub const CONTROL_POLICY_MAX_CHARS: usize = 5_120;

/// VPC endpoint policies, in characters, white space included. Source: AWS PrivateLink Guide, "Control access to VPC
/// endpoints using endpoint policies".
pub const ENDPOINT_POLICY_MAX_CHARS: usize = 20_480;

/// Key policies, in bytes. Source: KMS API Reference, "PutKeyPolicy".
pub const KEY_POLICY_MAX_BYTES: usize = 32 * 1024;

/// Compiled policies that a cache holds at most, and the bytes of their texts.
pub const CACHE_MAX_POLICIES: usize = 4_096;

/// Bytes of text of the policies that a cache holds at most; compiled forms are a small multiple of it.
pub const CACHE_MAX_BYTES: usize = 32 << 20;

const _: () = assert!(KEY_POLICY_MAX_BYTES <= DOCUMENT_MAX_BYTES);
const _: () = assert!(CACHE_MAX_BYTES > DOCUMENT_MAX_BYTES);
