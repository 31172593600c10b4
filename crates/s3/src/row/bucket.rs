//! Rows of buckets.

use super::AclRow;
use minicbor::{Decode, Encode};
use strongroom_types::{AccountId, BucketId, CanonicalUserId, Malformed, Region, Timestamp};

/// In `Names`: which bucket has a name. The bucket exists only while its incarnation's row does.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NameRow {
    /// Its id, 16 bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub bucket_id: [u8; 16],
    /// Owner.
    #[n(1)]
    pub owner: String,
    /// Owner's canonical user id.
    #[n(2)]
    pub owner_canonical: String,
    /// Region.
    #[n(3)]
    pub region: String,
    /// When it was made, milliseconds since 1970.
    #[n(4)]
    pub created_millis: i64,
}

impl NameRow {
    /// The bucket's id.
    pub fn id(&self) -> BucketId {
        BucketId::from_bytes(self.bucket_id)
    }

    /// Owner, canonical id and region, parsed.
    ///
    /// # Errors
    /// [`Malformed`] only for a row that this code did not write.
    pub fn parsed(&self) -> Result<(AccountId, CanonicalUserId, Region), Malformed> {
        let owner = AccountId::parse(&self.owner)?;
        Ok((owner, CanonicalUserId::parse(&self.owner_canonical)?, Region::parse(&self.region)?))
    }

    /// When it was made.
    pub fn created(&self) -> Timestamp {
        Timestamp::from_millis(self.created_millis)
    }
}

/// A bucket's incarnation: written once, removed with the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BucketRow {
    /// Its name, so that a partition can be told apart offline.
    #[n(0)]
    pub name: String,
    /// Owner.
    #[n(1)]
    pub owner: String,
    /// When it was made, milliseconds since 1970.
    #[n(2)]
    pub created_millis: i64,
    /// Object Lock was enabled when it was made.
    #[n(3)]
    pub object_lock: bool,
}

/// State of versioning. Source: S3 User Guide, "Retaining multiple versions of objects with S3 Versioning".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(index_only)]
pub enum Versioning {
    /// Never enabled.
    #[default]
    #[n(0)]
    Off,
    /// Enabled.
    #[n(1)]
    Enabled,
    /// Suspended.
    #[n(2)]
    Suspended,
}

/// The settings that requests depend on. Rewritten by every change that can alter a decision, so that its row version
/// is the bucket's generation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct StateRow {
    /// Versioning.
    #[n(0)]
    pub versioning: Versioning,
    /// MFA Delete is enabled.
    #[n(1)]
    pub mfa_delete: bool,
    /// Object ownership ("BucketOwnerEnforced", …); `None` after DeleteBucketOwnershipControls.
    #[n(2)]
    pub ownership: Option<String>,
    /// Block Public Access; `None` after DeletePublicAccessBlock.
    #[n(3)]
    pub public_access_block: Option<PublicAccessBlockRow>,
    /// Rises with each rewrite.
    #[n(4)]
    pub generation: u64,
    /// New objects may be under customers' keys (`BlockedEncryptionTypes` is NONE, not SSE-C).
    #[cbor(n(5), default)]
    pub customer_keys_allowed: bool,
    /// Whether the bucket's policy is public; `None` without a policy.
    #[n(6)]
    pub public_policy: Option<bool>,
    /// Its access control list; `None` for the owner's full control. Kept, without effect, while lists are disabled.
    #[n(7)]
    pub acl: Option<AclRow>,
    /// Access depends on the bucket's tags (ABAC): a change of them is a change of the generation, too.
    #[cbor(n(8), default)]
    pub abac: bool,
    /// Requesters pay, and must say that they know.
    #[cbor(n(9), default)]
    pub requester_pays: bool,
}

/// The four settings of Block Public Access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct PublicAccessBlockRow {
    /// Refuse new public ACLs.
    #[n(0)]
    pub block_public_acls: bool,
    /// Ignore public ACLs.
    #[n(1)]
    pub ignore_public_acls: bool,
    /// Refuse new public policies.
    #[n(2)]
    pub block_public_policy: bool,
    /// Restrict buckets with public policies.
    #[n(3)]
    pub restrict_public_buckets: bool,
}
