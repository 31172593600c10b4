//! Operations on objects, called through the gate.

mod body;
mod customer;
mod model;
mod more;
mod owned;
mod races;
mod read;
mod write;

use strongroom_api_s3::{
    DeleteObjectInput, DeleteObjectOutput, GetObjectInput, HeadObjectInput, PutObjectInput, PutObjectOutput,
    op,
};
use strongroom_gate::ErrorReply;

use crate::testing::{Answer, BUCKET, Harness, body};

fn put_input(key: &str) -> PutObjectInput {
    PutObjectInput { bucket: BUCKET.to_owned(), key: key.to_owned(), ..PutObjectInput::default() }
}

fn get_input(key: &str) -> GetObjectInput {
    GetObjectInput { bucket: BUCKET.to_owned(), key: key.to_owned(), ..GetObjectInput::default() }
}

fn head_input(key: &str) -> HeadObjectInput {
    HeadObjectInput { bucket: BUCKET.to_owned(), key: key.to_owned(), ..HeadObjectInput::default() }
}

fn delete_input(key: &str, version_id: Option<&str>) -> DeleteObjectInput {
    DeleteObjectInput {
        bucket: BUCKET.to_owned(),
        key: key.to_owned(),
        version_id: version_id.map(str::to_owned),
        ..DeleteObjectInput::default()
    }
}

async fn put(harness: &Harness, key: &str, bytes: &[u8]) -> PutObjectOutput {
    harness.call::<op::PutObject>(put_input(key), Some(body(bytes))).await.unwrap().output
}

async fn get(harness: &Harness, key: &str) -> Result<Vec<u8>, ErrorReply> {
    Ok(harness.call::<op::GetObject>(get_input(key), None).await?.body)
}

async fn get_version(
    harness: &Harness,
    key: &str,
    version: &str,
) -> Result<Answer<op::GetObject>, ErrorReply> {
    let input = GetObjectInput { version_id: Some(version.to_owned()), ..get_input(key) };
    harness.call::<op::GetObject>(input, None).await
}

async fn delete(harness: &Harness, key: &str, version: Option<&str>) -> DeleteObjectOutput {
    harness.call::<op::DeleteObject>(delete_input(key, version), None).await.unwrap().output
}

/// The code of an error.
fn code<T>(result: Result<T, ErrorReply>) -> String {
    result.err().map_or_else(|| "none".to_owned(), |reply| reply.code.into_owned())
}

/// Bytes that repeat nowhere.
fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64)
        .flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes())
        .take(length)
        .collect()
}
