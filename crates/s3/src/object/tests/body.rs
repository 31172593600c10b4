//! Bytes in and out.

use proptest::prelude::*;
use strongroom_api_s3::{GetObjectInput, PutObjectInput, op};
use strongroom_crypto::{Checksum, ChecksumAlgorithm, Md5Digest};
use strongroom_gate::ExpectedDigests;
use strongroom_storage::BlobStore;

use super::{bytes, code, get, get_input, put, put_input};
use crate::testing::{Harness, body_with, body_with_trailers, broken_body};

#[tokio::test]
async fn what_is_put_is_got_at_every_size_around_frames_batches_and_chunks() {
    let harness = Harness::new().await;
    for size in [0, 1, 4096, 65_535, 65_536, 65_537, 262_144, 262_145, 1 << 20, (1 << 20) + 1, 3_333_333] {
        let data = bytes(size);
        let output = put(&harness, "k", &data).await;
        assert_eq!(output.etag, Some(format!("\"{}\"", Md5Digest::of(&data).to_hex())));
        assert_eq!(get(&harness, "k").await.unwrap(), data, "{size}");
        assert_eq!(harness.engine.live_blobs().await.len(), 1, "the one before is released");
    }
}

#[tokio::test]
async fn no_plaintext_and_no_other_place_for_a_sealed_blob() {
    let harness = Harness::new().await;
    put(&harness, "k", b"the plain text of the canary").await;
    let id = harness.engine.live_blobs().await[0];
    let length = harness.engine.len(id).await.unwrap();
    let sealed = BlobStore::read(&harness.engine.inner, id, 0..length).await.unwrap();
    assert!(!sealed.windows(6).any(|window| window == b"canary"));
}

#[tokio::test]
async fn a_body_that_breaks_off_or_is_another_leaves_nothing() {
    let harness = Harness::new().await;
    let short = ExpectedDigests { length: Some(9), ..ExpectedDigests::default() };
    let md5 = ExpectedDigests { md5: Some(Md5Digest::of(b"other")), ..ExpectedDigests::default() };
    let crc = Checksum::parse(ChecksumAlgorithm::Crc32, "AAAAAA==").unwrap();
    let crc = ExpectedDigests { checksums: vec![crc], ..ExpectedDigests::default() };
    let large = bytes(700_000);
    for (body, expected) in [
        (body_with(b"hello", short.clone()), "IncompleteBody"),
        (body_with(&large, short), "IncompleteBody"),
        (body_with(b"hello", md5.clone()), "BadDigest"),
        (body_with(&large, md5), "BadDigest"),
        (body_with(b"hello", crc), "BadDigest"),
        (broken_body(b"hello"), "SignatureDoesNotMatch"),
        (broken_body(&large), "SignatureDoesNotMatch"),
    ] {
        assert_eq!(code(harness.call::<op::PutObject>(put_input("k"), Some(body)).await), expected);
    }
    assert_eq!(code(get(&harness, "k").await), "NoSuchKey");
    assert!(harness.engine.live_blobs().await.is_empty());
}

#[tokio::test]
async fn a_body_too_large_by_its_own_word_is_refused_before_it_is_read() {
    let harness = Harness::new().await;
    let expected = ExpectedDigests { length: Some((5 << 30) + 1), ..ExpectedDigests::default() };
    let result = harness.call::<op::PutObject>(put_input("k"), Some(body_with(b"", expected))).await;
    let reply = result.err().unwrap();
    assert_eq!((reply.status, reply.code.as_ref()), (400, "EntityTooLarge"));
}

#[tokio::test]
async fn checksums_that_were_sent_are_given_back_when_asked_for() {
    let harness = Harness::new().await;
    let sha =
        Checksum::parse(ChecksumAlgorithm::Sha256, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=").unwrap();
    let expected = ExpectedDigests { checksums: vec![sha], ..ExpectedDigests::default() };
    let answer =
        harness.call::<op::PutObject>(put_input("k"), Some(body_with(b"hello", expected))).await.unwrap();
    assert_eq!(answer.output.checksum_sha256, Some(sha.to_base64()));
    assert_eq!(answer.output.checksum_crc64nvme, None);
    let plain = harness.call::<op::GetObject>(get_input("k"), None).await.unwrap().output;
    assert_eq!(plain.checksum_sha256, None);
    let asked =
        GetObjectInput { checksum_mode: Some(strongroom_api_s3::ChecksumMode::Enabled), ..get_input("k") };
    let shown = harness.call::<op::GetObject>(asked.clone(), None).await.unwrap().output;
    assert_eq!(shown.checksum_sha256, Some(sha.to_base64()));
    assert_eq!(shown.checksum_type, Some(strongroom_api_s3::ChecksumType::FullObject));
    let range = GetObjectInput { range: Some("bytes=0-1".into()), ..asked };
    let part = harness.call::<op::GetObject>(range, None).await.unwrap().output;
    assert_eq!((part.checksum_sha256, part.checksum_type), (None, None));
}

#[tokio::test]
async fn without_a_checksum_crc64nvme_is_computed_and_a_trailer_counts_as_one() {
    let harness = Harness::new().await;
    let output = put(&harness, "k", b"123456789").await;
    assert_eq!(output.checksum_crc64nvme.as_deref(), Some("rosUhgp5mIg="));
    let expected = ExpectedDigests { trailing: Some(ChecksumAlgorithm::Crc32), ..ExpectedDigests::default() };
    let right = body_with_trailers(b"123456789", expected.clone(), &[("x-amz-checksum-crc32", "y/Q5Jg==")]);
    let output = harness.call::<op::PutObject>(put_input("k"), Some(right)).await.unwrap().output;
    assert_eq!(output.checksum_crc32.as_deref(), Some("y/Q5Jg=="));
    let wrong = body_with_trailers(b"123456780", expected, &[("x-amz-checksum-crc32", "y/Q5Jg==")]);
    assert_eq!(code(harness.call::<op::PutObject>(put_input("k"), Some(wrong)).await), "BadDigest");
}

#[tokio::test]
async fn an_announced_checksum_must_come_and_one_that_is_not_built_is_refused() {
    let harness = Harness::new().await;
    let put = async |input: PutObjectInput| {
        code(harness.call::<op::PutObject>(input, Some(crate::testing::body(b"x"))).await)
    };
    let announced = |algorithm| PutObjectInput { checksum_algorithm: Some(algorithm), ..put_input("k") };
    assert_eq!(put(announced(strongroom_api_s3::ChecksumAlgorithm::Sha256)).await, "InvalidRequest");
    assert_eq!(put(announced(strongroom_api_s3::ChecksumAlgorithm::Xxhash3)).await, "NotImplemented");
    let given = PutObjectInput { checksum_sha512: Some("x".into()), ..put_input("k") };
    assert_eq!(put(given).await, "NotImplemented");
}

#[tokio::test]
async fn a_get_that_is_overtaken_by_an_overwrite_gives_one_of_the_two() {
    let harness = Harness::new().await;
    let (old, new) = (bytes(90_000), vec![7; 80_000]);
    for seed in 1..40 {
        put(&harness, "k", &old).await;
        harness.engine.interleave(seed);
        let (got, _) = tokio::join!(get(&harness, "k"), put(&harness, "k", &new));
        let got = got.unwrap();
        assert!(got == old || got == new, "seed {seed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_range_is_the_slice_of_the_whole(
        size in 1usize..2_600_000,
        cuts in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let harness = Harness::new().await;
            let data = bytes(size);
            put(&harness, "k", &data).await;
            for (a, b) in cuts {
                let (a, b) = (a.index(size), b.index(size));
                let (first, last) = (a.min(b), a.max(b));
                let range = Some(format!("bytes={first}-{last}"));
                let input = GetObjectInput { range, ..get_input("k") };
                let answer = harness.call::<op::GetObject>(input, None).await.unwrap();
                assert_eq!(answer.status, Some(206));
                assert_eq!(answer.output.content_range, Some(format!("bytes {first}-{last}/{size}")));
                assert!(answer.body == data[first..=last]);
            }
        });
    }
}
