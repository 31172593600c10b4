//! What is stored of buckets and objects: keys and values of rows.
//!
//! A bucket's partition holds, by first byte of the key:
//!
//! | byte | row | key | value |
//! |---|---|---|---|
//! | `b` | the bucket's incarnation | `b` | [`BucketRow`] |
//! | `g` | its state; every change that can alter a decision rewrites it | `g` | [`StateRow`] |
//! | `c` | one configuration | `c` name | the document, as the operation keeps it |
//! | `k` | current object (absent under a delete marker) | `k` key | [`CurrentRow`] |
//! | `n` | where the null version is, if it was written after versioning was first enabled | `n` key | [`NullRow`] |
//! | `v` | version | `v` key, inverted sequence | [`VersionRow`] |
//! | `u` | upload | `u` key, sequence, upload id | [`UploadRow`] |
//! | `i` | where an upload is, by id | `i` upload id | [`UploadIndexRow`] |
//! | `p` | part; stays after its upload is complete | `p` upload id, part number | [`PartRow`] |
//! | `l` | layout of a completed upload | `l` upload id | [`LayoutRow`] |
//! | `h` | change, for followers (reserved: written once something follows) | `h` position | |
//!
//! The partition [`strongroom_storage::Partition::Names`] holds `n` name → [`NameRow`], `a` account, name → empty,
//! and `i` bucket id → the name of a bucket that is being made or deleted; of access points `p` account, region, name →
//! [`AccessPointRow`], `t` policy's id → the policy's text, `q` alias → [`AliasRow`], and `r` bucket id, account, region,
//! name → empty.

mod access_point;
mod acl;
mod bucket;
mod coded;
mod key;
mod object;
mod upload;

pub use access_point::{
    AccessPointPolicyRow, AccessPointRow, AliasRow, TagRow, access_point, access_point_name,
    access_point_policy, account_access_point, account_access_points, alias, bucket_access_point,
    bucket_access_point_name, bucket_access_points, bucket_access_points_in,
};
pub use acl::{AclRow, GrantRow, GranteeRow, OwnerRow, PermissionRow};
pub use bucket::{BucketRow, NameRow, PublicAccessBlockRow, StateRow, Versioning};
pub use coded::{Coded, RowError};
pub use key::{
    BUCKET, STATE, account_bucket, account_buckets, config, current, current_range, decode_object_key, index,
    intent, intent_bucket, intents, layout, name, null, part, part_end, parts, upload, upload_range, version,
    version_key_parts, version_range, versions_of,
};
pub use object::{
    BlobRow, ChecksumRow, Content, CurrentRow, Headers, NullRow, ObjectSequence, VersionRow, version_id,
};
pub use upload::{LayoutRow, PartRow, UploadIndexRow, UploadRow};
