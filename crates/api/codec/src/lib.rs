//! The six AWS wire protocols, over the shapes: requests into inputs, outputs and errors into answers, and the same
//! for clients. What the model demands of values is checked by [`validate`]; what CloudTrail shows of them is written
//! by [`render_cloudtrail`].
//!
//! Nothing here knows of time, entropy or I/O. Everything that reads has the limits of [`limits`].

pub mod limits;

mod client;
mod cloudtrail;
mod error;
mod message;
mod server;
mod validate;

mod binding;
mod cbor;
mod json;
mod query;
mod required;
mod rest;
mod s3;
mod scalar;
mod sink;
mod xml;

pub use client::{decode_error, decode_response, encode_request};
pub use cloudtrail::{render_cloudtrail, render_cloudtrail_request};
pub use error::encode_error;
pub use message::{EncodedRequest, EncodedResponse, ErrorAnswer, ErrorResponse, RequestHead, WriteError};
pub use server::{body_limit_bytes, decode, encode, needs_body};
pub use validate::{pattern_is_supported, validate, validate_except};
pub use xml::XML_DECLARATION;

pub use cbor::fuzz_cbor;
pub use json::fuzz_json;
pub use query::fuzz_query;
pub use xml::fuzz_rest_xml;
