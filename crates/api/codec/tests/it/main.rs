//! The codecs against AWS's protocol compliance cases, against themselves, and against hostile documents.

mod compliance;
mod dynamic;
mod hostile;
mod model;
mod patterns;
mod roundtrip;
mod s3;
mod semantic;
