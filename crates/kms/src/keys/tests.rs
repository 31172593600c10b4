//! What the facade seals, refuses and does not show.

use strongroom_crypto::{BlobBinding, SecretBytes, rewrap};
use strongroom_types::{BlobId, ObjectKey};

use super::*;
use crate::RootKeySource;

fn root(byte: u8) -> RootKey {
    RootKey::from_secret(SecretBytes::take(&mut [byte; 32]))
}

fn keys() -> Arc<Keys> {
    Arc::new(Keys::from_keyring(Keyring::create(&SystemEntropy::new())).unwrap())
}

fn bucket(byte: u8) -> BucketId {
    BucketId::from_bytes([byte; 16])
}

#[test]
fn rows_and_records_open_in_their_place_and_not_as_each_other() {
    let keys = keys();
    let row = keys.seal_row(b"bucket/1", b"cur|k", b"value");
    assert_eq!(keys.open_row(b"bucket/1", b"cur|k", &row).unwrap(), b"value");
    assert_eq!(keys.open_row(b"bucket/2", b"cur|k", &row), Err(OpenError::Altered));
    assert_eq!(keys.open_record(b"bucket/1", b"cur|k", &row), Err(OpenError::Altered));
    let record = keys.seal_record(b"journal", b"1", b"record");
    assert_eq!(keys.open_record(b"journal", b"1", &record).unwrap(), b"record");
    assert_eq!(keys.open_row(b"journal", b"1", &record), Err(OpenError::Altered));
}

#[test]
fn the_same_plaintext_never_seals_to_the_same_bytes() {
    let keys = keys();
    assert_ne!(keys.seal_row(b"p", b"k", b"v"), keys.seal_row(b"p", b"k", b"v"));
}

#[test]
fn secrets_tokens_and_kms_material_have_keys_of_their_own() {
    let keys = keys();
    let sealed =
        [keys.seal_secret(b"c", b"s"), keys.seal_token(b"c", b"s"), keys.seal_kms_material(b"c", b"s")];
    let opens = |bytes: &[u8]| {
        [
            keys.open_secret(b"c", bytes).is_ok(),
            keys.open_token(b"c", bytes).is_ok(),
            keys.open_kms_material(b"c", bytes).is_ok(),
        ]
    };
    assert_eq!(opens(&sealed[0]), [true, false, false]);
    assert_eq!(opens(&sealed[1]), [false, true, false]);
    assert_eq!(opens(&sealed[2]), [false, false, true]);
    assert!(keys.open_token(b"another request", &sealed[1]).is_err());
}

#[test]
fn another_installation_opens_nothing() {
    let (one, two) = (keys(), keys());
    let sealed = one.seal_row(b"p", b"k", b"v");
    assert_eq!(two.open_row(b"p", b"k", &sealed), Err(OpenError::Altered));
    let context = EncryptionContext::new();
    let wrapped = one.wrap_for_bucket(bucket(1), one.new_data_key().key(), &context).unwrap();
    assert!(two.unwrap_for_bucket(bucket(1), &wrapped, &context).is_err());
}

#[test]
fn data_keys_unwrap_in_their_bucket_and_context_only() {
    let keys = keys();
    let wrapper: &dyn KeyWrapper = &keys.bucket_wrapper(bucket(1));
    let context = EncryptionContext::new().with("aws:s3:arn", "arn:aws:s3:::b/k").unwrap();
    let fresh = keys.new_data_key();
    let wrapped = wrapper.wrap_key(fresh.key(), &context).unwrap();
    assert!(wrapper.unwrap_key(&wrapped, &context).unwrap() == *fresh.key());
    assert!(keys.bucket_wrapper(bucket(2)).unwrap_key(&wrapped, &context).is_err());
    assert!(wrapper.unwrap_key(&wrapped, &EncryptionContext::new()).is_err());
    assert!(wrapper.key_arn().is_none());
    let customer = WrapperId::CustomerKey { epoch: keys.current_epoch() };
    let customer = WrappedKey::new(customer, wrapped.bytes()).unwrap();
    assert_eq!(wrapper.unwrap_key(&customer, &context), Err(WrapError::OtherWrapper));
}

#[test]
fn a_customers_data_key_needs_the_customer_and_this_installation() {
    let (here, elsewhere) = (keys(), keys());
    let customer = |byte| CustomerKey::from_secret(SecretBytes::take(&mut [byte; 32]));
    let name = ObjectKey::parse("k").unwrap();
    let place = |id| {
        CustomerPlace::Blob(BlobBinding { bucket: bucket(1), key: &name, blob: BlobId::from_bytes([id; 16]) })
    };
    let fresh = here.new_data_key();
    let wrapped = here.wrap_for_customer(&customer(1), &place(1), fresh.key()).unwrap();
    assert!(here.unwrap_for_customer(&customer(1), &place(1), &wrapped).unwrap() == *fresh.key());
    assert_eq!(here.prove_for_customer(&place(1), &wrapped), Ok(()));
    let wrong = here.unwrap_for_customer(&customer(2), &place(1), &wrapped);
    assert_eq!(wrong, Err(WrapError::OtherCustomerKey));
    let altered = Err(WrapError::Open(OpenError::Altered));
    assert_eq!(elsewhere.prove_for_customer(&place(1), &wrapped), altered);
    assert_eq!(here.prove_for_customer(&place(2), &wrapped), altered);
    let plain = here.wrap_for_bucket(bucket(1), fresh.key(), &EncryptionContext::new()).unwrap();
    assert_eq!(here.prove_for_customer(&place(1), &plain), Err(WrapError::OtherWrapper));
}

#[test]
fn survivors_move_to_a_new_epoch_and_the_rest_is_shredded() {
    let directory = tempfile::tempdir().unwrap();
    let (file, entropy) = (EpochsFile::of(directory.path()), SystemEntropy::new());
    let before = Arc::new(Keys::create(directory.path(), &root(1)).unwrap());
    let context = EncryptionContext::new();
    let fresh = before.new_data_key();
    let wrapped = before.wrap_for_bucket(bucket(1), fresh.key(), &context).unwrap();
    let row = before.seal_row(b"p", b"k", b"v");

    file.begin_epoch(&root(1), &entropy).unwrap();
    let between = Arc::new(Keys::open(directory.path(), &root(1)).unwrap());
    assert!(between.current_epoch() > before.current_epoch());
    assert_eq!(between.open_row(b"p", b"k", &row).unwrap(), b"v");
    let wrapper = between.bucket_wrapper(bucket(1));
    let moved = rewrap(&wrapper, &wrapper, &wrapped, &context).unwrap();
    assert_eq!(moved.wrapper(), &WrapperId::BucketKey { epoch: between.current_epoch() });

    file.drop_epoch(&root(1), before.current_epoch(), &entropy).unwrap();
    let after = Keys::open(directory.path(), &root(1)).unwrap();
    assert!(after.unwrap_for_bucket(bucket(1), &moved, &context).unwrap() == *fresh.key());
    let gone = OpenError::UnknownEpoch(before.current_epoch());
    assert_eq!(after.unwrap_for_bucket(bucket(1), &wrapped, &context), Err(WrapError::Open(gone)));
    assert_eq!(after.open_row(b"p", b"k", &row), Err(gone));
}

#[test]
fn a_new_root_key_changes_nothing_that_was_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let before = Keys::create(directory.path(), &root(1)).unwrap();
    let sealed = before.seal_secret(b"c", b"secret");
    EpochsFile::of(directory.path()).rotate_root(&root(1), &root(2), &SystemEntropy::new()).unwrap();
    assert!(matches!(Keys::open(directory.path(), &root(1)), Err(KeysError::WrongRootKey(_))));
    let after = Keys::open(directory.path(), &root(2)).unwrap();
    assert_eq!(&after.open_secret(b"c", &sealed).unwrap()[..], b"secret");
}

#[test]
fn the_cache_of_bucket_keys_is_bounded() {
    let keys = keys();
    for number in 0..MAX_BUCKET_KEYS as u128 + 10 {
        keys.bucket_key(EpochId::FIRST, BucketId::from_bytes(number.to_be_bytes())).unwrap();
    }
    assert!(keys.buckets.read().unwrap().len() <= MAX_BUCKET_KEYS);
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|d| char::from_digit(d.into(), 16).unwrap())
        .collect()
}

/// Every way in which bytes may show: hexadecimal of both cases, a list of numbers, base64 is caught by length.
fn shows(text: &str, secret: &[u8]) -> bool {
    let hex = hex(secret);
    let list = secret.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let lower = text.to_lowercase();
    secret.windows(4).enumerate().any(|(at, _)| lower.contains(&hex[at * 2..at * 2 + 8]))
        || text.replace(['\n', ' '], "").contains(&list.replace(' ', ""))
}

#[test]
fn no_key_shows_in_debug_output_or_errors() {
    let directory = tempfile::tempdir().unwrap();
    let source = RootKeySource::File(directory.path().join("root-key"));
    let root_key = source.create(&SystemEntropy::new()).unwrap();
    let keys = Arc::new(Keys::create(directory.path(), &root_key).unwrap());
    let fresh = keys.new_data_key();
    let secret = SecretBytes::take(&mut Zeroizing::new(*fresh.key().expose()));
    let wrong = Keys::open(directory.path(), &root(1)).unwrap_err();
    let wrapped = keys.wrap_for_bucket(bucket(1), fresh.key(), &EncryptionContext::new()).unwrap();
    let bucket_key = keys.bucket_key(EpochId::FIRST, bucket(1)).unwrap();

    let debug = |value: &dyn fmt::Debug| format!("{value:?} {value:#?}");
    let all = [
        debug(&root_key),
        debug(&source),
        debug(&keys),
        debug(&keys.bucket_wrapper(bucket(1))),
        debug(&keys.keyring),
        debug(&keys.current.row),
        debug(&keys.current.secret),
        debug(&bucket_key),
        debug(&fresh),
        debug(fresh.key()),
        debug(&secret),
        debug(&wrapped),
        debug(&wrong),
        wrong.to_string(),
    ];
    for text in &all {
        assert!(!shows(text, root_key.expose()) && !shows(text, fresh.key().expose()), "{text}");
    }
    assert!(shows(&format!("{:?}", root_key.expose()), root_key.expose()), "the canary sings");
    assert!(shows(&hex(root_key.expose()).to_uppercase(), root_key.expose()), "the canary sings");
}

#[test]
fn no_key_lies_open_in_the_data_directory() {
    let (data, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root_key =
        RootKeySource::File(outside.path().join("root-key")).create(&SystemEntropy::new()).unwrap();
    Keys::create(data.path(), &root_key).unwrap();
    for entry in std::fs::read_dir(data.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|window| root_key.expose().windows(8).any(|secret| secret == window)));
    }
}
