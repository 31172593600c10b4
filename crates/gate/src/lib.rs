//! The one gate: no request reaches a handler undecided.
//!
//! Handlers take [`Authorized`], which only [`Gate::authorize`] makes. Whatever a handler may do beyond its own action
//! (reading a copy source, deleting each of many keys) needs a [`Permit`], which comes from the gate too. What it
//! changes goes through [`Authorized::commit`], which binds the change to the facts that the decision relied on and
//! carries the request's record into the same commit. Bytes from outside become part of the store only with a
//! [`BodyVerified`].
//!
//! # What does not compile
//!
//! An allowed request cannot be made by hand:
//! ```compile_fail,E0451
//! fn forge<I>(input: I, other: strongroom_gate::Authorized<I>) -> strongroom_gate::Authorized<I> {
//!     strongroom_gate::Authorized { input, ..other }
//! }
//! ```
//! nor a permit for another object:
//! ```compile_fail,E0451
//! use strongroom_gate::{Permit, action::GetObject};
//! fn widen(key: strongroom_types::ObjectKey, other: Permit<GetObject>) -> Permit<GetObject> {
//!     Permit { key, ..other }
//! }
//! ```
//! nor the proof that a body is whole:
//! ```compile_fail,E0451
//! let proof = strongroom_gate::BodyVerified { length: 1, stated: Vec::new(), _made_here: () };
//! ```
//! and a staged blob does not become part of a change without one:
//! ```compile_fail,E0061
//! fn smuggle(mutation: &mut strongroom_gate::Mutation, blob: &strongroom_storage::StagedBlob) {
//!     mutation.blob(blob);
//! }
//! ```

mod access_point;
mod acl;
mod aside;
mod attempt;
mod authorized;
mod body;
mod caller;
mod concealment;
mod context;
mod explain;
mod facts;
mod findings;
mod gate;
pub mod generated;
mod ledger;
mod mutation;
mod parameters;
mod payer;
mod principals;
mod refusal;
mod reply;
mod request;
mod requirement;
mod target;
mod way;
mod weigh;

pub use access_point::{
    AccessPointAddress, AccessPointAlias, AccessPointFacts, AccessPointId, AccessPointName,
    AccessPointNameError, BadAddress, fuzz_access_point,
};
pub use acl::{
    AccessControlList, AclEntry, AclGrantee, AclPermission, BucketAcls, ObjectAccess, ObjectOwner,
};
pub use aside::{aside, assess};
pub use attempt::Attempt;
pub use authorized::{Authorized, BucketGrant, CommitError, Permit, settled};
pub use body::{Body, BodyError, BodySource, BodyVerified, ExpectedDigests};
pub use caller::{
    Caller, FederatedUser, Federation, FederationIssuer, IamUser, RoleSession, RootUser, ServicePrincipal,
    Session, WebIdentity,
};
pub use concealment::Concealment;
pub use explain::{Explained, Hypothesis, Unaskable};
pub use facts::{
    AccountFacts, BucketAccess, BucketFacts, ControlLevel, Facts, Kept, NamedPolicy, OrganizationFacts,
    PrincipalFacts, PublicAccessBlock, ResourceFacts, SecondFactor,
};
pub use findings::warn_of_findings;
pub use gate::Gate;
pub use ledger::Ledger;
pub use mutation::{Mutation, Provenance};
pub use parameters::Parameters;
pub use refusal::{Denied, Refusal};
pub use reply::{ByteStream, Dispatch, ErrorReply, Handle, Reply, ReplyBody};
pub use request::{EndpointFacts, RequestFacts, SignatureFacts, WireFacts};
pub use requirement::{
    Access, Authority, IamKind, IamName, Named, Resource, action, is_read_only, requirements,
};
pub use target::{CopyPlace, CopySource, KeyVersion, Target, TargetError, fuzz_copy_source};
