//! The server: listeners, the way of a request, and the wiring of every service.
//!
//! In the order of a request: `listener` → `http` → `route` → `authn` → `decode` → `gate` → `handler` → `encode` → `record`;
//! `pipeline` walks them. Work without a request takes the same way from `gate` on, through [`Errands`].
//!
//! # What the pipeline cannot do
//!
//! It cannot hand an input to a handler without the gate's decision:
//! ```compile_fail,E0308
//! use strongroom_api_s3::{DeleteBucketInput, op::DeleteBucket};
//! use strongroom_gate::Handle;
//! async fn shortcut(s3: &strongroom_s3::S3, input: DeleteBucketInput) {
//!     let _ = Handle::<DeleteBucket>::handle(s3, input).await;
//! }
//! ```
//! nor make that decision itself:
//! ```compile_fail,E0451
//! use strongroom_api_s3::DeleteBucketInput;
//! use strongroom_gate::Authorized;
//! fn replay(input: DeleteBucketInput, earlier: Authorized<DeleteBucketInput>) -> Authorized<DeleteBucketInput> {
//!     Authorized { input, ..earlier }
//! }
//! ```
//! nor use one decision twice:
//! ```compile_fail,E0382
//! use strongroom_api_s3::{DeleteBucketInput, op::DeleteBucket};
//! use strongroom_gate::{Authorized, Handle};
//! async fn twice(s3: &strongroom_s3::S3, allowed: Authorized<DeleteBucketInput>) {
//!     let _ = Handle::<DeleteBucket>::handle(s3, allowed).await;
//!     let _ = Handle::<DeleteBucket>::handle(s3, allowed).await;
//! }
//! ```

pub mod admin;
mod authn;
pub mod config;
mod decode;
mod encode;
#[doc(hidden)]
pub mod fuzz;
mod gate;
mod handler;
pub mod http;
pub mod installation;
pub mod limits;
pub mod listener;
mod oidc;
mod operator;
mod pipeline;
pub mod pki;
mod post;
pub mod proof;
mod record;
mod route;
pub mod serve;

pub use handler::errand::Errands;
pub use post::fuzz_post_form;
