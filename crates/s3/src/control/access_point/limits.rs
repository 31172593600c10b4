//! Limits of access points.

/// Access points of an account in a region. Source: S3 User Guide, "Access points naming rules, restrictions, and
/// limitations".
pub(super) const MAX_ACCESS_POINTS: usize = 10_000;

/// Access points on one page of a listing; who asks for more gets as many. Source: S3 Control API Reference,
/// "ListAccessPoints", `maxResults`.
pub(super) const MAX_LISTED: usize = 1000;

/// Characters of a VPC's id. Source: S3 Control API Reference, "VpcConfiguration".
pub(super) const MAX_VPC_ID_CHARS: usize = 1024;

/// Tries of a change whose access point others change meanwhile, before it is answered `OperationAborted`.
pub(super) const MAX_TRIES: usize = 8;

/// How often an access point is read again whose policy was replaced between two reads.
pub(super) const MAX_READ_TRIES: usize = 16;

const _: () = assert!(MAX_LISTED <= MAX_ACCESS_POINTS);
