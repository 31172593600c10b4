//! `tests/golden/` holds sealed bytes in hexadecimal, one `name = bytes` a line. They were written once, checked
//! against an independent implementation (`tests/golden/vectors.py`), and never change; a new format gets a new
//! file. `vectors.py` also describes the inputs.

use std::collections::BTreeMap;

use strongroom_crypto::limits::FRAME_PLAIN_BYTES;
use strongroom_crypto::{
    BlobBinding, CustomerKey, CustomerPlace, DataKey, EncryptionContext, Entropy, EpochId, Keyring,
    NewDataKey, OpenError, RootKey, SecretBytes, Sha256Digest, WrapError, WrappedKey, open_blob, prove_outer,
    seal_blob,
};
use strongroom_types::{BlobId, BucketId, ObjectKey, UploadId};

/// Counts up from a first byte, so that every fill of the same size differs.
struct Counting(std::sync::Mutex<u8>);

impl Counting {
    fn from(first: u8) -> Self {
        Self(std::sync::Mutex::new(first))
    }
}

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        let mut next = self.0.lock().unwrap();
        for byte in out {
            *byte = *next;
            *next = next.wrapping_add(1);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|d| char::from_digit(d.into(), 16).unwrap())
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn vectors(file: &str) -> BTreeMap<String, Vec<u8>> {
    let lines = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let pair =
        |line: &str| line.split_once(" = ").map(|(name, bytes)| (name.to_owned(), unhex(bytes))).unwrap();
    lines.map(pair).collect()
}

/// Byte `i` is `i * 7 + i / 251`, cut to eight bits.
fn plain(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251).to_le_bytes()[0]).collect()
}

fn object() -> ObjectKey {
    ObjectKey::parse("photos/été 1.jpg").unwrap()
}

fn binding(key: &ObjectKey) -> BlobBinding<'_> {
    BlobBinding { bucket: BucketId::from_bytes([0xb0; 16]), key, blob: BlobId::from_bytes([0xb1; 16]) }
}

fn new_key() -> NewDataKey {
    NewDataKey::generate(&Counting::from(0))
}

#[test]
fn blobs_seal_to_the_committed_bytes_and_open_from_them() {
    let vectors = vectors(include_str!("../golden/blob-v1.txt"));
    let name = object();
    for len in [0usize, 1, 5, 100] {
        let committed = &vectors[&format!("blob of {len}")];
        assert_eq!(hex(&seal_blob(new_key(), &binding(&name), &plain(len))), hex(committed));
        assert_eq!(open_blob(new_key().key(), &binding(&name), committed).unwrap(), plain(len));
    }
    for len in [FRAME_PLAIN_BYTES, 2 * FRAME_PLAIN_BYTES + 3] {
        let sealed = seal_blob(new_key(), &binding(&name), &plain(len));
        let committed = &vectors[&format!("sha256 of blob of {len}")];
        assert_eq!(&Sha256Digest::of(&sealed).as_bytes()[..], &committed[..], "{len}");
    }
}

fn root() -> RootKey {
    RootKey::from_secret(SecretBytes::take(&mut [0xaa; 32]))
}

/// Two epochs: keyring id 00…0f, first key 10…2f, second key 30…4f.
fn keyring() -> Keyring {
    let entropy = Counting::from(0);
    let mut keyring = Keyring::create(&entropy);
    keyring.new_epoch(&entropy).unwrap();
    keyring
}

#[test]
fn keyrings_encode_to_the_committed_bytes_and_decode_from_them() {
    let vectors = vectors(include_str!("../golden/keys-v1.txt"));
    let committed = &vectors["keyring"];
    assert_eq!(hex(&keyring().encode(&root(), &Counting::from(0x60))), hex(committed));
    assert!(Keyring::decode(committed, &root()).unwrap() == keyring());
}

#[test]
fn envelopes_and_wrapped_keys_seal_to_the_committed_bytes_and_open_from_them() {
    let vectors = vectors(include_str!("../golden/keys-v1.txt"));
    let (keyring, nonce) = (keyring(), [0x5a; 24]);
    let second = EpochId::from_u32(2).unwrap();

    let row = keyring.row_key(second).unwrap();
    assert_eq!(hex(&row.seal(b"bucket/b0", b"cur|k", b"a row's value", &nonce)), hex(&vectors["row"]));
    assert_eq!(row.open(b"bucket/b0", b"cur|k", &vectors["row"]).unwrap(), b"a row's value");

    let record = keyring.record_key(EpochId::FIRST).unwrap();
    assert_eq!(hex(&record.seal(b"journal", b"", b"", &nonce)), hex(&vectors["record"]));
    assert_eq!(record.open(b"journal", b"", &vectors["record"]), Ok(Vec::new()));

    for (name, key) in [
        ("secret", keyring.secret_key(second).unwrap()),
        ("token", keyring.token_key(second).unwrap()),
        ("kms", keyring.kms_key(second).unwrap()),
    ] {
        assert_eq!(hex(&key.seal_secret(b"context", b"secret", &nonce)), hex(&vectors[name]));
        assert_eq!(&key.open_secret(b"context", &vectors[name]).unwrap()[..], b"secret");
        assert_eq!(key.open_secret(b"context", &vectors["row"]), Err(OpenError::Altered));
    }

    let bucket = keyring.bucket_key(second, BucketId::from_bytes([0xb0; 16])).unwrap();
    let context = EncryptionContext::new().with("b", "2").unwrap().with("a", "1").unwrap();
    let key = DataKey::from_secret(SecretBytes::take(&mut [0xdd; 32]));
    assert_eq!(hex(&bucket.wrap(&key, &context, &nonce).encode()), hex(&vectors["wrapped"]));
    let wrapped = WrappedKey::decode(&vectors["wrapped"]).unwrap();
    assert!(bucket.unwrap(&wrapped, &context).unwrap() == key);
}

#[test]
fn customers_data_keys_wrap_to_the_committed_bytes_and_unwrap_from_them() {
    let vectors = vectors(include_str!("../golden/sse-c-v1.txt"));
    let own = keyring().bucket_key(EpochId::from_u32(2).unwrap(), BucketId::from_bytes([0xb0; 16])).unwrap();
    let secret = |byte| SecretBytes::take(&mut [byte; 32]);
    let (customer, key) = (CustomerKey::from_secret(secret(0xcc)), DataKey::from_secret(secret(0xdd)));
    let name = object();
    let upload = CustomerPlace::Upload {
        bucket: BucketId::from_bytes([0xb0; 16]),
        key: &name,
        upload: UploadId::from_bytes([0xb2; 16]),
    };
    for (title, place) in
        [("wrapped for a blob", CustomerPlace::Blob(binding(&name))), ("wrapped for an upload", upload)]
    {
        let committed = &vectors[title];
        assert_eq!(
            hex(&customer.wrap(&own, &place, &key, &[[0x5a; 24], [0x5b; 24]]).encode()),
            hex(committed)
        );
        let wrapped = WrappedKey::decode(committed).unwrap();
        assert!(customer.unwrap(&own, &place, &wrapped).unwrap() == key);
        assert_eq!(prove_outer(&own, &place, &wrapped), Ok(()));
        let other = CustomerKey::from_secret(secret(0xcd));
        assert_eq!(other.unwrap(&own, &place, &wrapped), Err(WrapError::OtherCustomerKey));
    }
}
