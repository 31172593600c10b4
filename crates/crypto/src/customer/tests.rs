use proptest::prelude::*;
use strongroom_types::BlobId;

use super::*;
use crate::keyring::{EpochId, Keyring};
use crate::secret::testing::CountingEntropy;

fn customer(byte: u8) -> CustomerKey {
    CustomerKey::from_secret(SecretBytes::take(&mut [byte; 32]))
}

fn data_key() -> DataKey {
    DataKey::from_secret(SecretBytes::take(&mut [8; 32]))
}

fn bucket(byte: u8) -> BucketId {
    BucketId::from_bytes([byte; 16])
}

/// The keys of a bucket in two epochs.
fn own(of: BucketId) -> [BucketKey; 2] {
    let entropy = CountingEntropy::seeded(5);
    let mut keyring = Keyring::create(&entropy);
    let first = keyring.bucket_key(EpochId::FIRST, of).unwrap();
    let second = keyring.new_epoch(&entropy).unwrap();
    [first, keyring.bucket_key(second, of).unwrap()]
}

fn place(key: &ObjectKey) -> CustomerPlace<'_> {
    CustomerPlace::Blob(BlobBinding { bucket: bucket(1), key, blob: BlobId::from_bytes([2; 16]) })
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

const NONCES: [[u8; 24]; 2] = [[4; 24], [5; 24]];

#[test]
fn a_key_opens_with_the_customers_key_and_the_buckets_only() {
    let [own, next] = own(bucket(1));
    let name = key("k");
    let wrapped = customer(7).wrap(&own, &place(&name), &data_key(), &NONCES);
    assert_eq!(customer(7).unwrap(&own, &place(&name), &wrapped), Ok(data_key()));
    assert_eq!(customer(6).unwrap(&own, &place(&name), &wrapped), Err(WrapError::OtherCustomerKey));
    let [other, _] = self::own(bucket(9));
    assert_eq!(customer(7).unwrap(&other, &place(&name), &wrapped), Err(OpenError::Altered.into()));
    let unknown = OpenError::UnknownEpoch(EpochId::FIRST);
    assert_eq!(customer(7).unwrap(&next, &place(&name), &wrapped), Err(unknown.into()));
    let plain = own.wrap(&data_key(), &crate::EncryptionContext::new(), &NONCES[0]);
    assert_eq!(customer(7).unwrap(&own, &place(&name), &plain), Err(WrapError::OtherWrapper));
    assert_eq!(own.unwrap(&wrapped, &crate::EncryptionContext::new()), Err(WrapError::OtherWrapper));
}

#[test]
fn a_row_that_was_moved_does_not_open_and_is_not_taken_for_a_wrong_key() {
    let [own, _] = own(bucket(1));
    let (name, other) = (key("k"), key("k2"));
    let wrapped = customer(7).wrap(&own, &place(&name), &data_key(), &NONCES);
    let (bucket, blob) = (bucket(1), BlobId::from_bytes([2; 16]));
    for moved in [
        CustomerPlace::Blob(BlobBinding { bucket, key: &other, blob }),
        CustomerPlace::Blob(BlobBinding { bucket, key: &name, blob: BlobId::from_bytes([3; 16]) }),
        CustomerPlace::Blob(BlobBinding { bucket: self::bucket(2), key: &name, blob }),
        CustomerPlace::Upload { bucket, key: &name, upload: UploadId::from_bytes([2; 16]) },
    ] {
        assert_eq!(customer(7).unwrap(&own, &moved, &wrapped), Err(OpenError::Altered.into()), "{moved:?}");
        assert_eq!(prove_outer(&own, &moved, &wrapped), Err(OpenError::Altered.into()));
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_found_without_the_customers_key() {
    let [own, _] = own(bucket(1));
    let name = key("k");
    let wrapped = customer(7).wrap(&own, &place(&name), &data_key(), &NONCES);
    assert_eq!(prove_outer(&own, &place(&name), &wrapped), Ok(()));
    let bytes = wrapped.encode();
    assert_eq!(bytes.len(), 118);
    let proved = |bytes: &[u8]| {
        let decoded = WrappedKey::decode(bytes).map_err(WrapError::from);
        decoded.and_then(|wrapped| prove_outer(&own, &place(&name), &wrapped))
    };
    for position in 0..bytes.len() {
        for bit in 0..8 {
            let mut bad = bytes.clone();
            bad[position] ^= 1 << bit;
            let error = proved(&bad).unwrap_err();
            assert_ne!(error, WrapError::OtherCustomerKey, "byte {position}, bit {bit}");
        }
        assert!(proved(&bytes[..position]).is_err());
    }
    assert!(proved(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn the_same_key_for_two_places_shares_no_bytes_beyond_the_header() {
    let [own, _] = own(bucket(1));
    let (one, two) = (key("k"), key("l"));
    let wrap = |name| customer(7).wrap(&own, &place(name), &data_key(), &NONCES).bytes().to_vec();
    let (one, two) = (wrap(&one), wrap(&two));
    assert_eq!(one[..24], two[..24]);
    // The inner nonce is equal too, and sealed under the same outer one; what follows is under keys of their own.
    assert_ne!(one[48..80], two[48..80]);
}

#[test]
fn a_customers_key_is_never_shown() {
    let shown = format!("{:?}", customer(0x41));
    assert_eq!(shown, "CustomerKey(redacted)");
}

proptest! {
    #[test]
    fn places_encode_without_ambiguity(
        a in "[ -~]{1,4}", b in "[ -~]{1,4}", one in any::<[u8; 16]>(), other in any::<[u8; 16]>(),
    ) {
        let (a, b) = (key(&a), key(&b));
        let places = [
            CustomerPlace::Blob(BlobBinding { bucket: bucket(1), key: &a, blob: BlobId::from_bytes(one) }),
            CustomerPlace::Upload { bucket: bucket(1), key: &a, upload: UploadId::from_bytes(one) },
            CustomerPlace::Blob(BlobBinding { bucket: bucket(1), key: &b, blob: BlobId::from_bytes(other) }),
        ];
        for left in &places {
            for right in &places {
                prop_assert_eq!(left == right, left.encode() == right.encode());
            }
        }
    }
}
