//! Rows of objects.

use super::{AclRow, OwnerRow};
use minicbor::{Decode, Encode};
use strongroom_types::{BlobId, Timestamp, UploadId, VersionId};

/// Orders the versions of a key: microseconds of the store clock when the version came to be (an upload's: when it was
/// begun), and always above that of the version before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct ObjectSequence(#[n(0)] pub u64);

impl ObjectSequence {
    /// The sequence for a version made `now`, after `newest`.
    pub fn next(now: Timestamp, newest: Option<Self>) -> Self {
        let clock = u64::try_from(now.as_millis()).unwrap_or(0).saturating_mul(1000);
        Self(newest.map_or(clock, |newest| clock.max(newest.0.saturating_add(1))))
    }
}

/// The id of a version: its sequence, so that it can be found without an index, and 8 random bytes, so that it cannot
/// be guessed.
pub fn version_id(sequence: ObjectSequence, random: [u8; 8]) -> VersionId {
    let mut bytes = [0; 16];
    let (head, tail) = bytes.split_at_mut(8);
    head.copy_from_slice(&sequence.0.to_be_bytes());
    tail.copy_from_slice(&random);
    VersionId::Id(bytes)
}

/// Where the null version of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NullRow {
    /// Its sequence.
    #[n(0)]
    pub sequence: ObjectSequence,
}

/// What a listing needs of the current version, and where that version is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CurrentRow {
    /// Sequence of the current version.
    #[n(0)]
    pub sequence: ObjectSequence,
    /// Size in bytes.
    #[n(1)]
    pub size: u64,
    /// ETag without quotes.
    #[n(2)]
    pub etag: String,
    /// Last modified, milliseconds since 1970.
    #[n(3)]
    pub modified_millis: i64,
    /// Storage class, `None` for STANDARD.
    #[n(4)]
    pub storage_class: Option<String>,
    /// Checksum algorithms, by name.
    #[n(5)]
    pub checksum_algorithms: Vec<String>,
    /// "COMPOSITE" or "FULL_OBJECT".
    #[n(6)]
    pub checksum_type: Option<String>,
    /// Canonical user id of its owner; `None` for the bucket's.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub owner: Option<[u8; 32]>,
}

/// One version of an object, or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct VersionRow {
    /// The random half of the version id; `None` for the null version.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub random: Option<[u8; 8]>,
    /// Last modified, milliseconds since 1970.
    #[n(1)]
    pub modified_millis: i64,
    /// What it is: `None` for a delete marker.
    #[n(2)]
    pub content: Option<Box<Content>>,
}

/// What an object version holds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Content {
    /// Size in bytes.
    #[n(0)]
    pub size: u64,
    /// ETag without quotes.
    #[n(1)]
    pub etag: String,
    /// Headers that are given back as they came.
    #[n(2)]
    pub headers: Headers,
    /// User metadata, names in lower case without `x-amz-meta-`, values as they came (decoded from RFC 2047).
    #[n(3)]
    pub metadata: Vec<(String, String)>,
    /// Storage class, `None` for STANDARD.
    #[n(4)]
    pub storage_class: Option<String>,
    /// Tags, in the order given.
    #[n(5)]
    pub tags: Vec<(String, String)>,
    /// Checksums of the whole object.
    #[n(6)]
    pub checksums: Vec<ChecksumRow>,
    /// Website redirect.
    #[n(7)]
    pub website_redirect: Option<String>,
    /// The blob, for an object that was written in one piece.
    #[n(8)]
    pub blob: Option<BlobRow>,
    /// The upload whose parts hold the bytes, for one that was uploaded in parts.
    #[cbor(n(9), with = "minicbor::bytes")]
    pub upload: Option<[u8; 16]>,
    /// Number of parts of such an upload.
    #[n(10)]
    pub parts: Option<u16>,
    /// Encryption as asked and as answered: "AES256"; "SSE-C" for one under a customer's key.
    #[n(11)]
    pub encryption: String,
    /// For an object in parts under a customer's key: what tells that key from others
    /// (`WrappedKey::encode` of a key that seals nothing).
    #[cbor(n(12), with = "minicbor::bytes")]
    pub customer_proof: Option<Vec<u8>>,
    /// Its owner; `None` for the bucket's.
    #[n(13)]
    pub owner: Option<OwnerRow>,
    /// Its access control list; `None` for its owner's full control.
    #[n(14)]
    pub acl: Option<AclRow>,
}

impl Content {
    /// [`encryption`](Self::encryption) of an object under a customer's key.
    pub const OF_CUSTOMER: &'static str = "SSE-C";

    /// Whether it is sealed under a customer's key.
    pub fn is_of_customer(&self) -> bool {
        self.encryption == Self::OF_CUSTOMER
    }

    /// The upload whose parts hold the bytes.
    pub fn upload_id(&self) -> Option<UploadId> {
        self.upload.map(UploadId::from_bytes)
    }
}

/// Headers kept with an object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Headers {
    /// `Content-Type`.
    #[n(0)]
    pub content_type: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`.
    #[n(1)]
    pub content_encoding: Option<String>,
    /// `Content-Disposition`.
    #[n(2)]
    pub content_disposition: Option<String>,
    /// `Content-Language`.
    #[n(3)]
    pub content_language: Option<String>,
    /// `Cache-Control`.
    #[n(4)]
    pub cache_control: Option<String>,
    /// `Expires`, as it came.
    #[n(5)]
    pub expires: Option<String>,
}

/// A sealed blob and its wrapped key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobRow {
    /// Its id.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// Its key, wrapped (`WrappedKey::encode`).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub wrapped_key: Vec<u8>,
    /// Bytes of plaintext.
    #[n(2)]
    pub plain_bytes: u64,
    /// SHA-256 of the sealed bytes of a blob under a customer's key, so that their soundness can be proved without it.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub sealed_sha256: Option<[u8; 32]>,
}

impl BlobRow {
    /// Its id.
    pub fn id(&self) -> BlobId {
        BlobId::from_bytes(self.id)
    }
}

/// A stored checksum.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ChecksumRow {
    /// "CRC32", "CRC32C", "CRC64NVME", "SHA1" or "SHA256".
    #[n(0)]
    pub algorithm: String,
    /// Base64 of the value; with `-N` behind it where it is composite.
    #[n(1)]
    pub value: String,
    /// "COMPOSITE" or "FULL_OBJECT".
    #[n(2)]
    pub kind: String,
}

impl VersionRow {
    /// The version's id, given its sequence.
    pub fn id(&self, sequence: ObjectSequence) -> VersionId {
        self.random.map_or(VersionId::Null, |random| version_id(sequence, random))
    }

    /// Last modified.
    pub fn modified(&self) -> Timestamp {
        Timestamp::from_millis(self.modified_millis)
    }

    /// Whether it is a delete marker.
    pub fn is_delete_marker(&self) -> bool {
        self.content.is_none()
    }
}
