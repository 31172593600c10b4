//! Who may do what: the IAM policy language, the decision and its reasons. Pure: no clock, no I/O, no async.
//!
//! # From text to decision
//!
//! ```text
//! bytes ──Document::parse(kind)──▶ Document ──Policy::compile──▶ Policy ──┐
//!          positioned errors         │  as given, principals by id,       ├─▶ evaluate(Request, PolicySets) ─▶ Decision
//!                                    │  resources, keys, findings          │   explain(…)                     ─▶ Trace
//!                                    └── PolicyCache: compiled by content ─┘
//! ```
//!
//! # The order of a decision
//!
//! ```text
//!            every policy below that applies to the caller and the resource
//!                                   │
//!                  does one of their statements deny? ── yes ──▶ ExplicitDeny(statement)
//!                                   │ no
//!   resource control policies       │   each level, root → unit → account; not for resources of the management
//!   allow?                          │   account, nor for service-linked roles          no ──▶ ImplicitDeny
//!                                   │ yes
//!   service control policies        │   each level; not for principals of the management account, service-linked
//!   allow?                          │   roles, AWS services, anonymous callers          no ──▶ ImplicitDeny
//!                                   │ yes
//!   VPC endpoint policy allows?     │   if the request came through one                 no ──▶ ImplicitDeny
//!                                   │ yes
//!   what does the resource grant    │   policy and access control list; nothing beyond the account while
//!   this caller?                    │   RestrictPublicBuckets holds a public policy back
//!          ┌────────────────────────┼────────────────────────────────────────────┐
//!   no account                 same account                               another account
//!   (anonymous, service,            │                                            │
//!   web identity)                   │                                            │
//!          │              to the caller itself or all ──▶ Allow          anything? no ──▶ ImplicitDeny
//!   to it or all?         to its role, to the user                                │ yes
//!    yes ──▶ Allow        behind a federated session ──▶ boundary                 │
//!    no ──▶ ImplicitDeny  and session policy allow? ──▶ Allow                     │
//!                         to the account, or nothing                              │
//!                         (a role or key must grant something)                    │
//!                                   │                                             │
//!                                   └────────────────────┬────────────────────────┘
//!                                        identity policies allow? (root: always)  no ──▶ ImplicitDeny
//!                                                        │ yes
//!                                        boundary allows, if there is one?        no ──▶ ImplicitDeny
//!                                                        │ yes
//!                                        session policy allows, if there is one?  no ──▶ ImplicitDeny
//!                                                        │ yes
//!                                                      Allow(statement)
//! ```
//!
//! An ImplicitDeny names the first kind of policy that had to allow and does not; AWS's sentence for it is
//! [`evaluate::Decision::because`]. The store's own workers are no callers: within the account that they work for they
//! are allowed, elsewhere denied.
//!
//! What is unknown is decided against access: a variable that stands for nothing fits nothing, and where an element is
//! negated, a denial holds and a grant does not.

pub mod condition;
pub mod document;
pub mod evaluate;
pub mod limits;
pub mod public;
pub mod vocabulary;

mod cache;
mod compile;
mod context;
mod error;
mod kind;
mod parse;
mod pattern;
mod variable;
mod wildcard;

pub use cache::PolicyCache;
pub use compile::Policy;
pub use context::{Context, ContextMap, NoContext, Values};
pub use document::{Document, Vocabulary};
pub use error::{Place, PolicyError, Reason};
pub use evaluate::{Attached, Decision, PolicySets, Principal, Request, evaluate, explain};
pub use kind::{Counted, Kind};
pub use parse::fuzz_policy_document;
pub use pattern::wildcard_match;
