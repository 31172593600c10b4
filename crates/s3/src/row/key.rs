//! Keys of rows. Object keys escape 00 as 00 FF and end in 00 01, so that rows sort as the object names' bytes do.

use std::ops::Range;

use strongroom_types::{AccountId, BucketId, BucketName, ObjectKey, UploadId};

use super::ObjectSequence;

/// The row of the bucket's incarnation.
pub const BUCKET: &[u8] = b"b";
/// The row of the bucket's state.
pub const STATE: &[u8] = b"g";

/// A configuration document: `name` is the sub-resource's name, as in `tagging`.
pub fn config(name: &str) -> Vec<u8> {
    [b"c", name.as_bytes()].concat()
}

fn escaped(tag: u8, key: &[u8], more: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() + 3 + more);
    out.push(tag);
    push_escaped(&mut out, key);
    out
}

fn push_escaped(out: &mut Vec<u8>, key: &[u8]) {
    for byte in key {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xff);
        }
    }
}

fn terminated(tag: u8, key: &ObjectKey, more: usize) -> Vec<u8> {
    let mut out = escaped(tag, key.as_bytes(), more + 2);
    out.extend_from_slice(&[0, 1]);
    out
}

/// The current object of a key.
pub fn current(key: &ObjectKey) -> Vec<u8> {
    terminated(b'k', key, 0)
}

/// The pointer to the null version of a key.
pub fn null(key: &ObjectKey) -> Vec<u8> {
    terminated(b'n', key, 0)
}

/// One version of a key.
pub fn version(key: &ObjectKey, sequence: ObjectSequence) -> Vec<u8> {
    let mut out = terminated(b'v', key, 8);
    out.extend_from_slice(&(!sequence.0).to_be_bytes());
    out
}

/// All versions of a key, the newest first.
pub fn versions_of(key: &ObjectKey) -> Range<Vec<u8>> {
    let start = terminated(b'v', key, 0);
    let mut end = start.clone();
    if let Some(last) = end.last_mut() {
        *last = 2;
    }
    start..end
}

/// All current objects whose key is at least `from` (bytes; need not be a whole key), below the end of `prefix`.
pub fn current_range(prefix: &[u8], from: &[u8]) -> Range<Vec<u8>> {
    range(b'k', prefix, from)
}

/// All versions of keys of at least `from` that begin with `prefix`.
pub fn version_range(prefix: &[u8], from: &[u8]) -> Range<Vec<u8>> {
    range(b'v', prefix, from)
}

/// All uploads of keys of at least `from` that begin with `prefix`.
pub fn upload_range(prefix: &[u8], from: &[u8]) -> Range<Vec<u8>> {
    range(b'u', prefix, from)
}

fn range(tag: u8, prefix: &[u8], from: &[u8]) -> Range<Vec<u8>> {
    let start = escaped(tag, std::cmp::max(prefix, from), 0);
    let end = successor(escaped(tag, prefix, 0));
    start..end
}

/// The least key that is greater than all keys which begin with `prefix` (never all FF, since tags are ASCII).
fn successor(mut prefix: Vec<u8>) -> Vec<u8> {
    while let Some(last) = prefix.pop() {
        if last < 0xff {
            prefix.push(last + 1);
            break;
        }
    }
    prefix
}

/// Reads the object key out of a row key with a one-byte tag; gives the key and the bytes behind its end.
pub fn decode_object_key(row_key: &[u8]) -> Option<(ObjectKey, &[u8])> {
    let mut rest = row_key.get(1..)?;
    let mut key = Vec::with_capacity(rest.len());
    loop {
        let (first, after) = rest.split_first()?;
        if *first != 0 {
            key.push(*first);
            rest = after;
            continue;
        }
        let (second, after) = after.split_first()?;
        rest = after;
        match second {
            0xff => key.push(0),
            1 => break,
            _ => return None,
        }
    }
    Some((ObjectKey::from_bytes(&key).ok()?, rest))
}

/// Reads key and sequence out of a version's row key.
pub fn version_key_parts(row_key: &[u8]) -> Option<(ObjectKey, ObjectSequence)> {
    let (key, rest) = decode_object_key(row_key)?;
    Some((key, ObjectSequence(!u64::from_be_bytes(rest.try_into().ok()?))))
}

/// An upload in progress; uploads of a key sort by the time they were begun.
pub fn upload(key: &ObjectKey, begun: ObjectSequence, id: UploadId) -> Vec<u8> {
    let mut out = terminated(b'u', key, 24);
    out.extend_from_slice(&begun.0.to_be_bytes());
    out.extend_from_slice(id.as_bytes());
    out
}

/// Where an upload is, by id.
pub fn index(id: UploadId) -> Vec<u8> {
    [b"i", id.as_bytes().as_slice()].concat()
}

/// A part.
pub fn part(id: UploadId, number: u16) -> Vec<u8> {
    [b"p", id.as_bytes().as_slice(), &number.to_be_bytes()].concat()
}

/// Behind a part, and before the next.
pub fn part_end(id: UploadId, number: u16) -> Vec<u8> {
    let mut out = part(id, number);
    out.push(0);
    out
}

/// All parts of an upload with a number of at least `from`.
pub fn parts(id: UploadId, from: u16) -> Range<Vec<u8>> {
    part(id, from)..successor([b"p", id.as_bytes().as_slice()].concat())
}

/// The layout of a completed upload.
pub fn layout(id: UploadId) -> Vec<u8> {
    [b"l", id.as_bytes().as_slice()].concat()
}

/// In `Names`: the bucket of a name.
pub fn name(bucket: &BucketName) -> Vec<u8> {
    [b"n", bucket.as_str().as_bytes()].concat()
}

/// In `Names`: that an account owns a bucket.
pub fn account_bucket(account: AccountId, bucket: &BucketName) -> Vec<u8> {
    [b"a", account.as_u64().to_be_bytes().as_slice(), bucket.as_str().as_bytes()].concat()
}

/// In `Names`: the buckets of an account whose name is at least `from` and begins with `prefix`.
pub fn account_buckets(account: AccountId, prefix: &str, from: &str) -> Range<Vec<u8>> {
    let base = [b"a", account.as_u64().to_be_bytes().as_slice()].concat();
    let start = [base.as_slice(), std::cmp::max(prefix, from).as_bytes()].concat();
    start..successor([base.as_slice(), prefix.as_bytes()].concat())
}

/// In `Names`: that something was begun with a bucket.
pub fn intent(bucket: BucketId) -> Vec<u8> {
    [b"i", bucket.as_bytes().as_slice()].concat()
}

/// In `Names`: everything that was begun.
pub fn intents() -> Range<Vec<u8>> {
    strongroom_storage::prefix_range(b"i")
}

/// The bucket of an intent's row.
pub fn intent_bucket(key: &[u8]) -> Option<BucketId> {
    key.strip_prefix(b"i")?.try_into().ok().map(BucketId::from_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> ObjectKey {
        ObjectKey::parse(text).unwrap()
    }

    proptest! {
        #[test]
        fn rows_sort_as_the_bytes_of_their_keys(a in "\\PC{1,8}|[\0\u{1}a]{1,6}", b in "\\PC{1,8}|[\0\u{1}a]{1,6}") {
            prop_assert_eq!(current(&key(&a)).cmp(&current(&key(&b))), a.as_bytes().cmp(b.as_bytes()));
            let row = version(&key(&a), ObjectSequence(7));
            prop_assert_eq!(version_key_parts(&row), Some((key(&a), ObjectSequence(7))));
            prop_assert!(versions_of(&key(&a)).contains(&row));
            prop_assert_eq!(versions_of(&key(&b)).contains(&row), a == b);
        }

        #[test]
        fn a_range_holds_exactly_the_keys_with_its_prefix(a in "[\0\u{1}ab]{1,5}", p in "[\0\u{1}ab]{0,3}") {
            let inside = current_range(p.as_bytes(), b"").contains(&current(&key(&a)));
            prop_assert_eq!(inside, a.starts_with(&p));
        }
    }

    #[test]
    fn newer_versions_come_first() {
        assert!(version(&key("k"), ObjectSequence(2)) < version(&key("k"), ObjectSequence(1)));
    }
}
