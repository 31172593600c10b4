//! Multipart uploads, called through the gate.

mod checksum;
mod copy;
mod customer;
mod list;
mod race;
mod rules;

use std::collections::BTreeSet;

use strongroom_api_s3::{
    AbortMultipartUploadInput, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CompletedMultipartUpload, CompletedPart, CreateMultipartUploadInput, GetObjectInput, PutObjectInput,
    UploadPartInput, UploadPartOutput, op,
};
use strongroom_crypto::{Checksum, ChecksumAlgorithm, ChecksumSet, MultiDigest};
use strongroom_gate::{ErrorReply, ExpectedDigests};
use strongroom_storage::{Direction, MetaStore as _, prefix_range};
use strongroom_types::BlobId;

use crate::row::{Coded, PartRow, VersionRow};
use crate::testing::{BUCKET, Harness, body, body_with};

/// The least part that may be followed by another.
const WHOLE: usize = 5 << 20;

fn create_input(key: &str) -> CreateMultipartUploadInput {
    CreateMultipartUploadInput {
        bucket: BUCKET.into(),
        key: key.into(),
        ..CreateMultipartUploadInput::default()
    }
}

fn part_input(key: &str, id: &str, number: i32) -> UploadPartInput {
    UploadPartInput {
        bucket: BUCKET.into(),
        key: key.into(),
        upload_id: id.into(),
        part_number: Some(number),
        ..UploadPartInput::default()
    }
}

fn complete_input(key: &str, id: &str, parts: &[(i32, &str)]) -> CompleteMultipartUploadInput {
    let part = |(number, etag): &(i32, &str)| CompletedPart {
        part_number: Some(*number),
        etag: Some((*etag).to_owned()),
        ..CompletedPart::default()
    };
    CompleteMultipartUploadInput {
        bucket: BUCKET.into(),
        key: key.into(),
        upload_id: id.into(),
        multipart_upload: Some(Box::new(CompletedMultipartUpload {
            parts: parts.iter().map(part).collect(),
        })),
        ..CompleteMultipartUploadInput::default()
    }
}

fn abort_input(key: &str, id: &str) -> AbortMultipartUploadInput {
    AbortMultipartUploadInput {
        bucket: BUCKET.into(),
        key: key.into(),
        upload_id: id.into(),
        ..AbortMultipartUploadInput::default()
    }
}

async fn create(harness: &Harness, key: &str) -> String {
    let answer = harness.call::<op::CreateMultipartUpload>(create_input(key), None).await.unwrap();
    answer.output.upload_id.unwrap()
}

async fn part(harness: &Harness, key: &str, id: &str, number: i32, bytes: &[u8]) -> String {
    let answer =
        harness.call::<op::UploadPart>(part_input(key, id, number), Some(body(bytes))).await.unwrap();
    answer.output.etag.unwrap()
}

async fn part_stating(
    harness: &Harness,
    input: UploadPartInput,
    bytes: &[u8],
    stated: &[ChecksumAlgorithm],
) -> Result<UploadPartOutput, ErrorReply> {
    let checksums = stated.iter().map(|algorithm| checksum(*algorithm, bytes)).collect();
    let expected =
        ExpectedDigests { length: Some(bytes.len() as u64), checksums, ..ExpectedDigests::default() };
    Ok(harness.call::<op::UploadPart>(input, Some(body_with(bytes, expected))).await?.output)
}

async fn complete(
    harness: &Harness,
    input: CompleteMultipartUploadInput,
) -> Result<CompleteMultipartUploadOutput, ErrorReply> {
    Ok(harness.call::<op::CompleteMultipartUpload>(input, None).await?.output)
}

async fn put(harness: &Harness, key: &str, bytes: &[u8]) {
    let input = PutObjectInput { bucket: BUCKET.into(), key: key.into(), ..PutObjectInput::default() };
    harness.call::<op::PutObject>(input, Some(body(bytes))).await.unwrap();
}

async fn get(harness: &Harness, key: &str) -> Result<Vec<u8>, ErrorReply> {
    let input = GetObjectInput { bucket: BUCKET.into(), key: key.into(), ..GetObjectInput::default() };
    Ok(harness.call::<op::GetObject>(input, None).await?.body)
}

fn checksum(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Checksum {
    let mut digest = MultiDigest::new(false, false, ChecksumSet::EMPTY.with(algorithm));
    digest.update(bytes);
    digest.finalize().checksum(algorithm).unwrap()
}

/// Bytes of which no two parts are alike.
fn bytes(seed: u8, length: usize) -> Vec<u8> {
    let scattered = |at: u32| at.wrapping_mul(2_654_435_761).to_le_bytes()[3] ^ seed;
    (0..).take(length).map(scattered).collect()
}

/// The status and code of an error.
fn code<T>(result: Result<T, ErrorReply>) -> (u16, String) {
    result.err().map_or_else(|| (0, "none".to_owned()), |reply| (reply.status, reply.code.into_owned()))
}

/// How many rows there are of a kind.
async fn rows(harness: &Harness, kind: u8) -> usize {
    let partition = harness.partition().await;
    let scan = harness.engine.inner.scan(partition, prefix_range(&[kind]), usize::MAX, Direction::Forward);
    scan.await.unwrap().len()
}

/// Every blob that a row names is there, and no other: nothing leaks and nothing is released too early.
async fn assert_blobs_match_rows(harness: &Harness) {
    let partition = harness.partition().await;
    let mut named = BTreeSet::new();
    for kind in *b"vp" {
        let scan =
            harness.engine.inner.scan(partition, prefix_range(&[kind]), usize::MAX, Direction::Forward);
        for entry in scan.await.unwrap() {
            let blob = if kind == b'p' {
                Some(<PartRow as Coded>::decode(&entry.row.value).unwrap().blob)
            } else {
                <VersionRow as Coded>::decode(&entry.row.value)
                    .unwrap()
                    .content
                    .and_then(|content| content.blob)
            };
            named.extend(blob.map(|blob| blob.id()));
        }
    }
    let live: BTreeSet<BlobId> = harness.engine.live_blobs().await.into_iter().collect();
    assert_eq!(live, named, "blobs and the rows that name them");
}
