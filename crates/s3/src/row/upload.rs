//! Rows of multipart uploads.

use minicbor::{Decode, Encode};

use super::{AclRow, BlobRow, ChecksumRow, Headers, ObjectSequence, OwnerRow};

/// An upload in progress.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct UploadRow {
    /// When it was begun, milliseconds since 1970.
    #[n(0)]
    pub begun_millis: i64,
    /// Headers for the object.
    #[n(1)]
    pub headers: Headers,
    /// User metadata for the object.
    #[n(2)]
    pub metadata: Vec<(String, String)>,
    /// Storage class, `None` for STANDARD.
    #[n(3)]
    pub storage_class: Option<String>,
    /// Tags for the object.
    #[n(4)]
    pub tags: Vec<(String, String)>,
    /// Website redirect for the object.
    #[n(5)]
    pub website_redirect: Option<String>,
    /// Checksum algorithm asked for.
    #[n(6)]
    pub checksum_algorithm: Option<String>,
    /// "COMPOSITE" or "FULL_OBJECT".
    #[n(7)]
    pub checksum_type: Option<String>,
    /// The random half of the version id that the object will have where versioning is enabled.
    #[cbor(n(8), with = "minicbor::bytes")]
    pub random: [u8; 8],
    /// The initiator's ARN and canonical user id.
    #[n(9)]
    pub initiator: (String, String),
    /// Under a customer's key: what tells that key from others (`WrappedKey::encode` of a key that seals nothing).
    #[cbor(n(10), with = "minicbor::bytes")]
    pub customer_proof: Option<Vec<u8>>,
    /// The owner of the object that it becomes; `None` for the bucket's.
    #[n(11)]
    pub owner: Option<OwnerRow>,
    /// The access control list of the object; `None` for its owner's full control.
    #[n(12)]
    pub acl: Option<AclRow>,
}

/// Where an upload is; stays after it is complete, so that a repeated Complete can answer the same.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct UploadIndexRow {
    /// The object's key.
    #[n(0)]
    pub key: String,
    /// Sequence with which it was begun.
    #[n(1)]
    pub begun: ObjectSequence,
    /// ETag of the object once it is complete.
    #[n(2)]
    pub completed_etag: Option<String>,
    /// Sequence of the version that it became.
    #[n(3)]
    pub completed_as: Option<ObjectSequence>,
}

/// A part.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PartRow {
    /// Its bytes.
    #[n(0)]
    pub blob: BlobRow,
    /// What its ETag shows: the MD5 of its plaintext; under a customer's key, random bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub etag: [u8; 16],
    /// Last modified, milliseconds since 1970.
    #[n(2)]
    pub modified_millis: i64,
    /// Its checksums.
    #[n(3)]
    pub checksums: Vec<ChecksumRow>,
}

/// The parts of a completed upload, in order: what a range needs to find its parts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct LayoutRow {
    /// Part number and bytes of plaintext.
    #[n(0)]
    pub parts: Vec<(u16, u64)>,
}
