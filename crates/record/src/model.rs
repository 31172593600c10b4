//! What a record holds. Members are numbered for ever (CBOR); new ones are optional and take new numbers.

use minicbor::{Decode, Encode};

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Record {
    /// The first part.
    #[n(0)]
    Decided(#[n(0)] Box<Decided>),
    /// The second part.
    #[n(1)]
    Completed(#[n(0)] Box<Completed>),
    /// Further effects of a request that needed more than one commit.
    #[n(2)]
    Continued(#[n(0)] Continued),
    /// Requests refused before they were parsed, counted.
    #[n(3)]
    Coalesced(#[n(0)] Coalesced),
}

/// Who asked, what, and what was decided.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Decided {
    /// The request's id, 16 hexadecimal digits.
    #[n(0)]
    pub request_id: String,
    /// Extended request id (`x-amz-id-2`).
    #[n(1)]
    pub host_id: String,
    /// UUID of the event, fixed here so that it is the same however often it is delivered.
    #[n(2)]
    pub event_id: String,
    /// When the head had been read, milliseconds since 1970.
    #[n(3)]
    pub received_at_millis: i64,
    /// When the decision fell, milliseconds since 1970.
    #[n(4)]
    pub decided_at_millis: i64,
    /// Who asked.
    #[n(5)]
    pub caller: CallerRecord,
    /// The service's name in ARNs and event sources ("s3"), empty if none was recognised.
    #[n(6)]
    pub service: String,
    /// The operation's name in the model ("PutObject"), empty if none was recognised.
    #[n(7)]
    pub operation: String,
    /// The deciding IAM action ("s3:PutObject").
    #[n(8)]
    pub action: Option<String>,
    /// The region that was asked.
    #[n(9)]
    pub region: String,
    /// What was decided.
    #[n(10)]
    pub verdict: Verdict,
    /// The statement or rule that decided, or what was missing.
    #[n(11)]
    pub reason: Option<String>,
    /// The resources that the action concerned.
    #[n(12)]
    pub resources: Vec<ResourceRecord>,
    /// The bucket, if there is one.
    #[n(13)]
    pub bucket: Option<String>,
    /// The account that owns the bucket.
    #[n(14)]
    pub bucket_owner: Option<String>,
    /// The canonical user id of that owner.
    #[n(15)]
    pub bucket_owner_canonical: Option<String>,
    /// The key, if there is one.
    #[n(16)]
    pub key: Option<String>,
    /// The version that was asked for.
    #[n(17)]
    pub version_id: Option<String>,
    /// Peer address.
    #[n(18)]
    pub source_ip: String,
    /// `User-Agent`, at most 1 KiB.
    #[n(19)]
    pub user_agent: Option<String>,
    /// `Referer`, at most 1 KiB.
    #[n(20)]
    pub referer: Option<String>,
    /// `Host`.
    #[n(21)]
    pub host: Option<String>,
    /// HTTP method.
    #[n(22)]
    pub method: String,
    /// Request target, with the values of signatures and tokens removed.
    #[n(23)]
    pub target: String,
    /// Facts about TLS, if it was used.
    #[n(24)]
    pub tls: Option<TlsRecord>,
    /// How the request was signed, if it was.
    #[n(25)]
    pub signature: Option<SignatureRecord>,
    /// Typed request parameters as CloudTrail shows them, JSON; sensitive members are hidden.
    #[n(26)]
    pub request_parameters: Option<String>,
    /// What was read, written or deleted, one entry a key.
    #[n(27)]
    pub effects: Vec<Effect>,
    /// Whether the operation only reads.
    #[n(28)]
    pub read_only: bool,
    /// The VPC endpoint through which the request came.
    #[n(29)]
    pub vpc_endpoint_id: Option<String>,
    /// The account that owns that endpoint.
    #[n(30)]
    pub vpc_endpoint_account: Option<String>,
    /// ARN of the access point that the request named.
    #[n(31)]
    pub access_point_arn: Option<String>,
    /// Whether it was an access control list that let the request through: no policy would have.
    #[n(32)]
    #[cbor(default)]
    pub acl_required: bool,
}

/// How the request ended.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Completed {
    /// The request's id.
    #[n(0)]
    pub request_id: String,
    /// When the last byte of the answer was sent, milliseconds since 1970.
    #[n(1)]
    pub completed_at_millis: i64,
    /// HTTP status.
    #[n(2)]
    pub status: u16,
    /// Error code, if it failed.
    #[n(3)]
    pub error_code: Option<String>,
    /// Error message, at most 1 KiB.
    #[n(4)]
    pub error_message: Option<String>,
    /// Bytes of the request's body.
    #[n(5)]
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    #[n(6)]
    pub bytes_out: u64,
    /// Size of the object concerned.
    #[n(7)]
    pub object_size: Option<u64>,
    /// From the first byte in to the last byte out, microseconds.
    #[n(8)]
    pub total_micros: u64,
    /// From the last byte in to the first byte out, microseconds.
    #[n(9)]
    pub turn_around_micros: u64,
    /// How it ended.
    #[n(10)]
    pub outcome: Outcome,
    /// The version that was made or read.
    #[n(11)]
    pub version_id: Option<String>,
}

/// Further effects of a request.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Continued {
    /// The request's id.
    #[n(0)]
    pub request_id: String,
    /// The effects of this commit.
    #[n(1)]
    pub effects: Vec<Effect>,
}

/// Requests of one source in one second that were refused before parsing.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Coalesced {
    /// The peer's address.
    #[n(0)]
    pub source_ip: String,
    /// The second, since 1970.
    #[n(1)]
    pub second: i64,
    /// How many.
    #[n(2)]
    pub refused: u64,
}

/// The kinds of caller; names are those of CloudTrail's `userIdentity.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(index_only)]
pub enum CallerKind {
    /// Nobody: the request was not authenticated, or its authentication failed.
    #[default]
    #[n(0)]
    Anonymous,
    /// The root user of an account.
    #[n(1)]
    Root,
    /// A service of the store, without a request from outside.
    #[n(2)]
    AwsService,
    /// An IAM user.
    #[n(3)]
    IamUser,
    /// A role's session.
    #[n(4)]
    AssumedRole,
    /// A federated user's session.
    #[n(5)]
    FederatedUser,
    /// Whoever an identity provider's token is about.
    #[n(6)]
    WebIdentityUser,
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct CallerRecord {
    /// Kind.
    #[n(0)]
    pub kind: CallerKind,
    /// Unique principal id.
    #[n(1)]
    pub principal_id: Option<String>,
    /// ARN.
    #[n(2)]
    pub arn: Option<String>,
    /// Account.
    #[n(3)]
    pub account: Option<String>,
    /// Canonical user id of the account.
    #[n(4)]
    pub canonical_user_id: Option<String>,
    /// The access key that signed (also if the signature was wrong).
    #[n(5)]
    pub access_key_id: Option<String>,
    /// User name, role session name or service principal.
    #[n(6)]
    pub name: Option<String>,
    /// ARN of the identity provider that vouches for the caller.
    #[n(7)]
    pub identity_provider: Option<String>,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(index_only)]
pub enum Verdict {
    /// Malformed, unauthenticated or for a resource that does not exist: nothing was there to decide on.
    #[default]
    #[n(0)]
    Undecided,
    /// Allowed.
    #[n(1)]
    Allow,
    /// Denied, since nothing allows it.
    #[n(2)]
    ImplicitDeny,
    /// Denied by a statement.
    #[n(3)]
    ExplicitDeny,
}

/// A resource as CloudTrail lists it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct ResourceRecord {
    /// ARN.
    #[n(0)]
    pub arn: String,
    /// Owner.
    #[n(1)]
    pub account: Option<String>,
    /// "AWS::S3::Bucket", "AWS::S3::Object".
    #[n(2)]
    pub kind: String,
}

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(index_only)]
pub enum EffectKind {
    /// Its bytes or metadata were read.
    #[default]
    #[n(0)]
    Read,
    /// A version was written.
    #[n(1)]
    Write,
    /// A version was deleted for good.
    #[n(2)]
    Delete,
    /// A delete marker was made.
    #[n(3)]
    DeleteMarker,
    /// A setting or attribute was changed.
    #[n(4)]
    Configure,
    /// Refused for this key; see `error_code`.
    #[n(5)]
    Denied,
}

/// One touched key (or, without a key, the bucket or account itself).
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Effect {
    /// What happened.
    #[n(0)]
    pub kind: EffectKind,
    /// Key of the object.
    #[n(1)]
    pub key: Option<String>,
    /// Version.
    #[n(2)]
    pub version_id: Option<String>,
    /// Size in bytes.
    #[n(3)]
    pub size: Option<u64>,
    /// Error code where this key failed.
    #[n(4)]
    pub error_code: Option<String>,
    /// The bucket, where it is not the request's (a copy's source).
    #[n(5)]
    pub bucket: Option<String>,
}

/// TLS facts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct TlsRecord {
    /// "TLSv1.3".
    #[n(0)]
    pub version: String,
    /// Cipher suite.
    #[n(1)]
    pub cipher: String,
    /// Server name that the client asked for.
    #[n(2)]
    pub server_name: Option<String>,
    /// Key exchange group.
    #[n(3)]
    pub key_exchange: Option<String>,
}

/// How a request was signed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct SignatureRecord {
    /// "SigV4".
    #[n(0)]
    pub version: String,
    /// "AuthHeader", "QueryString" or "POST".
    #[n(1)]
    pub method: String,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(index_only)]
pub enum Outcome {
    /// The process died before the end (never written; what a missing second part reads as).
    #[default]
    #[n(0)]
    Interrupted,
    /// The whole answer was sent.
    #[n(1)]
    Sent,
    /// The client went away before the end.
    #[n(2)]
    Aborted,
}
