//! How large and how deep a document may be. All are checked while reading, before memory is taken for what follows.

/// Bytes of a request body that is decoded, except for [`MAX_LONG_BODY_BYTES`]. AWS gives no figure for most
/// operations; the largest documents that it describes are 1,000 lifecycle rules and 1 MB for CloudWatch's metrics.
pub const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of a request body of DeleteObjects (1,000 keys of 1,024 bytes, each byte perhaps a character reference)
/// and of CompleteMultipartUpload (10,000 parts with all their checksums).
pub const MAX_LONG_BODY_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of an answer that a client decodes.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Elements within elements of XML. The deepest document of S3's API has 8.
pub const MAX_XML_DEPTH: usize = 32;

/// Elements of one XML document. CompleteMultipartUpload with 10,000 parts and three checksums each has 50,001.
pub const MAX_XML_ELEMENTS: usize = 150_000;

/// Attributes of one XML element, namespace declarations included.
pub const MAX_XML_ATTRIBUTES: usize = 16;

/// Bytes of text of one XML element.
pub const MAX_XML_TEXT_BYTES: usize = 1024 * 1024;

/// Values within values of a JSON or CBOR document. `serde_json` itself stops at 128.
pub const MAX_TREE_DEPTH: usize = 64;

/// Values of one JSON or CBOR document.
pub const MAX_TREE_VALUES: usize = 250_000;

/// Parameters of one form-encoded body. IAM's and STS's requests have tens; CloudWatch's 1,000 metrics, some 20,000.
pub const MAX_FORM_PARAMETERS: usize = 50_000;

/// Dots in the name of a form parameter.
pub const MAX_FORM_DEPTH: usize = 32;

/// Bytes of a rendering for CloudTrail; longer values are cut and longer documents left out.
/// Source: CloudTrail User Guide, "CloudTrail record contents", `requestParameters`: "maximum size of 100 KB".
pub const MAX_RENDERED_BYTES: usize = 100 * 1024;

/// Bytes of memory of one compiled pattern of a model.
pub const MAX_PATTERN_BYTES: usize = 4 * 1024 * 1024;

const _: () = assert!(MAX_BODY_BYTES <= MAX_LONG_BODY_BYTES && MAX_LONG_BODY_BYTES <= MAX_ANSWER_BYTES);
const _: () = assert!(MAX_XML_TEXT_BYTES <= MAX_BODY_BYTES);
const _: () = assert!(MAX_TREE_DEPTH < 128);
