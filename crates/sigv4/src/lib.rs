//! AWS Signature Version 4, verified and created, in every form that S3 and the other AWS services use.
//!
//! The crate is pure: time is an argument, bodies are fed in, nothing is read or written, nothing is random.
//! A server goes through it in the order of the modules below:
//!
//! 1. [`AuthInput::from_head`] turns a request head into *one* authentication input, before anything else of the
//!    request is interpreted. Which body encoding applies ([`PayloadMode`]) is part of that input, so no header
//!    can choose another verifier later. Browser uploads take the same step with [`PostInput::from_fields`].
//! 2. [`SignedRequest::verify`] checks scope, time and signature and gives a [`Verified`].
//! 3. The [`PayloadCheck`] of a [`Verified`] opens the body through a [`BodyDecoder`]; only its end,
//!    a [`VerifiedBody`], says that what passed was what the caller signed.
//! 4. [`sign_header`], [`DaySigner`], [`presign`] and [`ChunkEncoder`] are the other side, for clients and tests.
//!
//! Source: IAM User Guide, "AWS Signature Version 4 for API requests"; S3 API Reference, "Authenticating Requests
//! (AWS Signature Version 4)".

mod canonical;
mod chunked;
mod error;
mod head;
mod input;
mod key;
pub mod limits;
mod payload;
mod post;
mod scope;
mod sign;
mod verify;

pub use canonical::fuzz_canonical;
pub use chunked::{ChunkDecoder, ChunkEncoder, ChunkedBody, Trailers, fuzz_chunked};
pub use error::{AuthError, BodyError, Code, PostError, Problem, SignatureMismatch, Source};
pub use head::RequestHead;
pub use input::{
    AnonymousBody, AuthInput, Mechanism, PayloadMode, SessionToken, SignedRequest, fuzz_auth_input,
};
pub use key::{SigningKey, SigningKeyCache};
pub use payload::{BodyDecoder, PayloadCheck, PayloadHasher, VerifiedBody};
pub use post::{PostField, PostFormAuth, PostInput, PostPolicy, PostTarget, VerifiedPost, fuzz_post_policy};
pub use scope::{Credential, CredentialScope};
pub use sign::{
    Credentials, DaySigner, PayloadToSign, SignError, Signed, presign, sign_header, sign_post_policy,
};
pub use verify::{BodyDigest, ExpectedScope, RegionRule, Verified, VerifiedHead};
