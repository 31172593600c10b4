//! Round trips in random chunks and ranges, and every way to tamper with a blob.

use bytes::Bytes;
use proptest::prelude::*;
use strongroom_types::{BlobId, BucketId, ObjectKey};

use super::*;
use crate::error::OpenError;
use crate::limits::{BLOB_HEADER_BYTES, FRAME_PLAIN_BYTES, FRAME_SEALED_BYTES, TAG_BYTES};
use crate::secret::testing::CountingEntropy;
use crate::secret::{DataKey, NewDataKey};

fn object(name: &str) -> ObjectKey {
    ObjectKey::parse(name).unwrap()
}

fn binding(key: &ObjectKey) -> BlobBinding<'_> {
    BlobBinding { bucket: BucketId::from_bytes([1; 16]), key, blob: BlobId::from_bytes([2; 16]) }
}

fn new_key() -> (NewDataKey, DataKey) {
    let new = NewDataKey::generate(&CountingEntropy::seeded(9));
    let key = new.key().clone();
    (new, key)
}

fn plain(len: usize) -> Vec<u8> {
    (0..len).map(|i| ((i * 31) >> 3).to_le_bytes()[0]).collect()
}

fn sealed(len: usize) -> (DataKey, Vec<u8>) {
    let (new, key) = new_key();
    (key, seal_blob(new, &binding(&object("k")), &plain(len)))
}

fn open(key: &DataKey, bytes: &[u8]) -> Result<Vec<u8>, OpenError> {
    open_blob(key, &binding(&object("k")), bytes)
}

/// As a reader does who knows the length from a row: piece by piece, and at once where the bytes lie.
fn open_knowing(key: &DataKey, bytes: &[u8], plain_len: u64) -> Result<Vec<u8>, OpenError> {
    let in_place = open_in_place(key, bytes, plain_len, 0..plain_len);
    let pushed = open_pushing(key, bytes, plain_len);
    assert_eq!(in_place, pushed);
    pushed
}

fn open_in_place(
    key: &DataKey,
    bytes: &[u8],
    plain_len: u64,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, OpenError> {
    let opener = Opener::new(key, &binding(&object("k")), plain_len, range)?;
    let mut bytes = bytes.to_vec();
    let frames = opener.open_in_place(&mut bytes)?;
    Ok(frames.into_iter().flat_map(|frame| bytes[frame].to_vec()).collect())
}

fn open_pushing(key: &DataKey, bytes: &[u8], plain_len: u64) -> Result<Vec<u8>, OpenError> {
    let mut opener = Opener::whole(key, &binding(&object("k")), plain_len)?;
    opener.push(Bytes::copy_from_slice(bytes));
    let mut out = Vec::new();
    while let Some(frame) = opener.next_frame()? {
        out.extend_from_slice(&frame);
    }
    opener.finish().map(|()| out)
}

#[test]
fn blobs_of_every_interesting_length_round_trip() {
    let frame = FRAME_PLAIN_BYTES;
    for len in [0, 1, 15, 16, 17, frame - 1, frame, frame + 1, 2 * frame, 2 * frame + 1, 3 * frame - 1] {
        let (key, bytes) = sealed(len);
        assert_eq!(bytes.len() as u64, sealed_len(len as u64));
        assert!(open(&key, &bytes).unwrap() == plain(len), "{len}");
    }
}

#[test]
fn every_flipped_bit_of_a_small_blob_is_found() {
    for len in [0, 1, 40] {
        let (key, bytes) = sealed(len);
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[position] ^= 1 << bit;
                assert!(open(&key, &bad).is_err(), "length {len}, byte {position}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_any_frame_is_found() {
    let (key, bytes) = sealed(3 * FRAME_PLAIN_BYTES + 5);
    for frame in 0..4 {
        let start = BLOB_HEADER_BYTES + frame * FRAME_SEALED_BYTES;
        for position in [start, start + 20] {
            let mut bad = bytes.clone();
            bad[position] ^= 1;
            assert_eq!(open(&key, &bad), Err(OpenError::Altered));
        }
    }
}

#[test]
fn swapped_repeated_and_dropped_frames_are_found() {
    let (key, bytes) = sealed(3 * FRAME_PLAIN_BYTES);
    let (header, frames) = bytes.split_at(BLOB_HEADER_BYTES);
    let frames: Vec<&[u8]> = frames.chunks(FRAME_SEALED_BYTES).collect();
    let compose = |order: &[usize]| {
        let mut out = header.to_vec();
        out.extend(order.iter().flat_map(|&frame| frames[frame]));
        out
    };
    assert!(open(&key, &compose(&[0, 1, 2])).is_ok());
    for order in [
        &[1, 0, 2][..],
        &[0, 2, 1],
        &[2, 1, 0],
        &[0, 0, 2],
        &[0, 1, 1],
        &[0, 1],
        &[0, 2],
        &[1, 2],
        &[0],
        &[2],
        &[],
        &[0, 1, 2, 2],
        &[0, 1, 1, 2],
    ] {
        assert!(open(&key, &compose(order)).is_err(), "{order:?}");
        assert!(open_knowing(&key, &compose(order), 3 * FRAME_PLAIN_BYTES as u64).is_err(), "{order:?}");
    }
}

#[test]
fn truncated_and_prolonged_blobs_are_found() {
    let len = 2 * FRAME_PLAIN_BYTES + 100;
    let (key, bytes) = sealed(len);
    let borders = (0..3).map(|frame| BLOB_HEADER_BYTES + frame * FRAME_SEALED_BYTES);
    let inside = [1, 3, 10, 5000, bytes.len() - 1, bytes.len() - TAG_BYTES, bytes.len() - TAG_BYTES - 1];
    for cut in borders.chain(inside) {
        assert!(open(&key, &bytes[..cut]).is_err(), "cut at {cut}");
        assert!(open_knowing(&key, &bytes[..cut], len as u64).is_err(), "cut at {cut}");
    }
    for extra in [1, 16, 17, FRAME_SEALED_BYTES] {
        let longer = [&bytes[..], &vec![0; extra]].concat();
        assert!(open(&key, &longer).is_err());
        assert!(open_knowing(&key, &longer, len as u64).is_err());
    }
    for wrong in [0, 1, len - 1, len + 1, FRAME_PLAIN_BYTES, 2 * FRAME_PLAIN_BYTES, 3 * FRAME_PLAIN_BYTES] {
        assert!(open_knowing(&key, &bytes, wrong as u64).is_err(), "claims {wrong}");
    }
}

#[test]
fn a_blob_does_not_open_elsewhere() {
    let (key, bytes) = sealed(100);
    let name = object("k");
    let here = binding(&name);
    assert!(open_blob(&key, &here, &bytes).is_ok());
    let other = object("k2");
    for elsewhere in [
        BlobBinding { bucket: BucketId::from_bytes([9; 16]), ..here },
        BlobBinding { blob: BlobId::from_bytes([9; 16]), ..here },
        BlobBinding { key: &other, ..here },
    ] {
        assert_eq!(open_blob(&key, &elsewhere, &bytes), Err(OpenError::Altered));
    }
    let wrong = NewDataKey::generate(&CountingEntropy::seeded(10));
    assert_eq!(open_blob(wrong.key(), &here, &bytes), Err(OpenError::Altered));
}

#[test]
fn frames_of_different_blobs_do_not_mix() {
    let name = object("k");
    let other = BlobBinding { blob: BlobId::from_bytes([3; 16]), ..binding(&name) };
    let text = plain(2 * FRAME_PLAIN_BYTES);
    let one = seal_blob(new_key().0, &binding(&name), &text);
    let two = seal_blob(new_key().0, &other, &text);
    let border = BLOB_HEADER_BYTES + FRAME_SEALED_BYTES;
    let mixed = [&one[..border], &two[border..]].concat();
    assert_eq!(open(&new_key().1, &mixed), Err(OpenError::Altered));
}

#[test]
fn an_unknown_format_is_named() {
    let (key, mut bytes) = sealed(10);
    bytes[0] = 2;
    assert_eq!(open(&key, &bytes), Err(OpenError::Format { found: 2 }));
}

#[test]
fn a_single_frame_opens_in_place() {
    let len = FRAME_PLAIN_BYTES + 9;
    let (key, bytes) = sealed(len);
    let name = object("k");
    let border = BLOB_HEADER_BYTES + FRAME_SEALED_BYTES;
    let mut frame = bytes[border..].to_vec();
    let opened = open_frame(&key, &binding(&name), len as u64, 1, &mut frame).unwrap();
    assert_eq!(opened, &plain(len)[FRAME_PLAIN_BYTES..]);
    let mut frame = bytes[border..].to_vec();
    assert_eq!(open_frame(&key, &binding(&name), len as u64, 2, &mut frame), Err(OpenError::Length));
    assert_eq!(open_frame(&key, &binding(&name), len as u64 + 1, 1, &mut frame), Err(OpenError::Length));
}

#[test]
fn no_key_shows_in_debug_output() {
    let (new, key) = new_key();
    let shown = format!("{new:?} {key:?} {:?}", Sealer::new(new_key().0, &binding(&object("k")), None));
    let opener = format!("{:?}", Opener::whole(&key, &binding(&object("k")), 1).unwrap());
    let hex = format!("{:08x}", u32::from_be_bytes(*key.expose().first_chunk().unwrap()));
    let list = format!("{:?}", &key.expose()[..4]);
    for text in [shown, opener] {
        assert!(!text.contains(&hex) && !text.contains(list.trim_matches(['[', ']'])), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn chunks_of_any_size_seal_to_the_same_bytes_and_any_range_opens(
        len in 0usize..300_000,
        chunk in 1usize..100_000,
        read in 1usize..150_000,
        ends in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let text = plain(len);
        let name = object("k");
        let (new, key) = new_key();
        let pool = BufferPool::new(FRAME_SEALED_BYTES + BLOB_HEADER_BYTES, 1);
        let mut sealer = Sealer::pooled(new, &binding(&name), None, &pool);
        let mut bytes = Vec::new();
        for piece in text.chunks(chunk) {
            let mut piece = Bytes::copy_from_slice(piece);
            while let Some(frame) = sealer.push(&mut piece) {
                bytes.extend_from_slice(&frame);
            }
        }
        let end = sealer.finish();
        bytes.extend_from_slice(&end.frame);
        prop_assert_eq!(end.plain_len, len as u64);
        prop_assert_eq!(end.sealed_len, bytes.len() as u64);
        prop_assert!(bytes == seal_blob(new_key().0, &binding(&name), &text));

        let (a, b) = (ends.0.index(len + 1), ends.1.index(len + 1));
        let range = a.min(b)..a.max(b);
        let mut opener =
            Opener::new(&key, &binding(&name), len as u64, range.start as u64..range.end as u64).unwrap();
        let place = opener.sealed();
        let index = |position| usize::try_from(position).unwrap();
        let mut out = Vec::new();
        for piece in bytes[index(place.start)..index(place.end)].chunks(read) {
            opener.push(Bytes::copy_from_slice(piece));
            while let Some(frame) = opener.next_frame().unwrap() {
                out.extend_from_slice(&frame);
            }
        }
        prop_assert!(opener.finish().is_ok());
        prop_assert!(out == text[range.clone()]);
        let within = &bytes[index(place.start)..index(place.end)];
        let in_place = open_in_place(&key, within, len as u64, range.start as u64..range.end as u64);
        prop_assert!(in_place.unwrap() == text[range]);
    }

    #[test]
    fn a_tamper_anywhere_in_what_is_read_is_found(
        len in 1usize..200_000,
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (key, mut bytes) = sealed(len);
        let position = at.index(bytes.len());
        bytes[position] ^= 1 << bit;
        prop_assert!(open(&key, &bytes).is_err());
    }

    #[test]
    fn arbitrary_blobs_never_open(data in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzz_sealed_blob(&data);
        fuzz_sealed_blob(&[&[1, 1, 16, 0], &data[..]].concat());
    }
}
