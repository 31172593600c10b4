//! The listings against a naive model, and AWS's rules one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use proptest::prelude::*;
use strongroom_api_s3::{
    EncodingType, ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsInput, ListObjectsV2Input,
    ListObjectsV2Output, op,
};
use strongroom_crypto::Keyring;
use strongroom_gate::{BucketFacts, Caller, ErrorReply, Facts, Gate, Handle, Ledger, RequestFacts, RootUser};
use strongroom_kms::{Keys, SystemEntropy};
use strongroom_shape::Operation;
use strongroom_storage::{
    Batch, Committed, Direction, Entry, MemoryStore, MetaStore, Partition, Row, StoreError, StoreHealth,
};
use strongroom_types::{
    AccessKeyId, AccountId, BucketId, BucketName, CanonicalUserId, ObjectKey, Region, Timestamp, VersionId,
};

use super::rows::CurrentObject;
use super::walk::{Item, MOST_ROWS_PER_ITEM, Page, Start, Walk};
use crate::S3;
use crate::row::{
    self, ChecksumRow, Coded as _, Content, CurrentRow, Headers, NullRow, ObjectSequence, VersionRow,
};

fn bucket_id() -> BucketId {
    BucketId::from_bytes([7; 16])
}

fn partition() -> Partition {
    Partition::Bucket(bucket_id())
}

/// A store that counts the rows that it gives out.
struct Counting {
    inner: MemoryStore,
    rows: AtomicUsize,
    scans: AtomicUsize,
}

#[async_trait]
impl MetaStore for Counting {
    async fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Row>, StoreError> {
        self.inner.get(partition, key).await
    }
    async fn scan(
        &self,
        partition: Partition,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Entry>, StoreError> {
        let found = self.inner.scan(partition, range, limit, direction).await?;
        self.rows.fetch_add(found.len(), Ordering::Relaxed);
        self.scans.fetch_add(1, Ordering::Relaxed);
        Ok(found)
    }
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.inner.commit(batch).await
    }
    fn health(&self) -> StoreHealth {
        self.inner.health()
    }
}

struct OneBucket;

fn account() -> AccountId {
    AccountId::parse("111122223333").unwrap()
}

#[async_trait]
impl Facts for OneBucket {
    async fn bucket(&self, _: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        Ok(Some(BucketFacts {
            id: bucket_id(),
            owner: account(),
            owner_canonical: CanonicalUserId::from_bytes([1; 32]),
            region: Region::us_east_1(),
            guards: Vec::new(),
        }))
    }
    async fn management_account(&self) -> Result<AccountId, StoreError> {
        Ok(account())
    }
}

struct Bench {
    s3: S3,
    gate: Gate,
    store: Arc<Counting>,
}

impl Bench {
    fn new() -> Self {
        let inner = MemoryStore::at(Timestamp::from_secs(1_700_000_000));
        let store = Arc::new(Counting { inner: inner.clone(), rows: 0.into(), scans: 0.into() });
        let keys = Arc::new(Keys::from_keyring(Keyring::create(&SystemEntropy::new())).unwrap());
        let (blobs, clock) = (Arc::new(inner.clone()), Arc::new(inner));
        let regions = Arc::new([Region::us_east_1()]);
        let s3 = S3::new(store.clone(), blobs, clock, keys, regions);
        Self { s3, gate: Gate::new(Arc::new(OneBucket)), store }
    }

    async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, ErrorReply>
    where
        S3: Handle<O>,
    {
        let caller = Caller::Root(RootUser {
            account: account(),
            canonical: CanonicalUserId::from_bytes([1; 32]),
            access_key_id: AccessKeyId::long_term([1; 16]),
        });
        let facts = RequestFacts {
            service: "s3",
            region: Region::us_east_1(),
            now: Timestamp::from_secs(1_700_000_000),
            source_ip: [127, 0, 0, 1].into(),
            secure_transport: true,
        };
        let ledger = Ledger::new(strongroom_record::Decided::default());
        let request = self.gate.authorize(caller, facts, input, None, &ledger).await.unwrap();
        Handle::<O>::handle(&self.s3, request).await.map(|reply| reply.output)
    }

    async fn rows(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) {
        for chunk in rows.chunks(10_000) {
            let mut batch = Batch::new(partition());
            for (key, value) in chunk {
                batch.put(key.clone(), value.clone());
            }
            self.store.commit(batch).await.unwrap();
        }
    }

    async fn objects<'k>(&self, keys: impl IntoIterator<Item = &'k str>) {
        let row = current().encode();
        self.rows(keys.into_iter().map(|k| (row::current(&key(k)), row.clone())).collect()).await;
    }
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

fn current() -> CurrentRow {
    CurrentRow {
        sequence: ObjectSequence(5),
        size: 3,
        etag: "900150983cd24fb0d6963f7d28e17f72".into(),
        modified_millis: 1_700_000_000_000,
        storage_class: None,
        checksum_algorithms: vec!["CRC64NVME".into()],
        checksum_type: Some("FULL_OBJECT".into()),
    }
}

fn content() -> Box<Content> {
    Box::new(Content {
        size: 3,
        etag: "900150983cd24fb0d6963f7d28e17f72".into(),
        headers: Headers { content_type: Some("text/plain".into()), ..Headers::default() },
        metadata: vec![("a".into(), "b".into())],
        storage_class: None,
        tags: vec![("t".into(), "v".into())],
        checksums: vec![ChecksumRow {
            algorithm: "CRC32".into(),
            value: "AAAAAA==".into(),
            kind: "FULL_OBJECT".into(),
        }],
        website_redirect: None,
        blob: None,
        upload: Some([3; 16]),
        parts: Some(2),
        encryption: "AES256".into(),
    })
}

fn version(random: Option<u8>, marker: bool) -> VersionRow {
    let content = (!marker).then(content);
    VersionRow { random: random.map(|byte| [byte; 8]), modified_millis: 1_700_000_000_000, content }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn v2() -> ListObjectsV2Input {
    ListObjectsV2Input { bucket: "bucket".into(), ..ListObjectsV2Input::default() }
}

fn v1() -> ListObjectsInput {
    ListObjectsInput { bucket: "bucket".into(), ..ListObjectsInput::default() }
}

fn versions() -> ListObjectVersionsInput {
    ListObjectVersionsInput { bucket: "bucket".into(), ..ListObjectVersionsInput::default() }
}

fn keys_of(output: &ListObjectsV2Output) -> Vec<&str> {
    output.contents.iter().map(|object| object.key.as_deref().unwrap()).collect()
}

fn prefixes_of(output: &ListObjectsV2Output) -> Vec<&str> {
    output.common_prefixes.iter().map(|common| common.prefix.as_deref().unwrap()).collect()
}

/// What a listing of everything gives: keys, and common prefixes once, in order.
fn model(keys: &BTreeSet<String>, prefix: &str, delimiter: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let rest = &key[prefix.len()..];
        let item = match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => format!("P{}", &key[..prefix.len() + at + delimiter.len()]),
            None => format!("K{key}"),
        };
        if out.last() != Some(&item) {
            out.push(item);
        }
    }
    out
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab/]{1,6}",
        "[a/\u{0}\u{1}]{1,5}",
        "a[\u{0}\u{1}/\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10ffff}]{0,3}",
        "long/long/long/[ab/]{0,4}x",
        "\\PC{1,4}",
    ]
}

fn any_cut() -> impl Strategy<Value = (String, String)> {
    let prefix = prop_oneof![Just(String::new()), "[ab/]{0,3}", "[a\u{0}\u{1}]{1,2}", "long/[lo]{0,2}"];
    let delimiter =
        prop_oneof![Just(String::new()), Just("/".into()), "[ab/]{1,2}", "[\u{0}\u{1}\u{10ffff}]", "ng/lo"];
    (prefix, delimiter)
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_page_size_gives_each_key_and_prefix_once_in_order(
        keys in prop::collection::btree_set(any_key(), 0..60),
        (prefix, delimiter) in any_cut(),
        most in 1i32..12,
    ) {
        block_on(async {
            let bench = Bench::new();
            bench.objects(keys.iter().map(String::as_str)).await;
            let expected = model(&keys, &prefix, &delimiter);
            let (mut found, mut token) = (Vec::new(), None);
            loop {
                let input = ListObjectsV2Input {
                    prefix: some(&prefix), delimiter: some(&delimiter), max_keys: Some(most),
                    continuation_token: token, ..v2()
                };
                let output = bench.call::<op::ListObjectsV2>(input).await.unwrap();
                let mut page: Vec<String> = keys_of(&output).into_iter().map(|k| format!("K{k}")).collect();
                page.extend(prefixes_of(&output).into_iter().map(|p| format!("P{p}")));
                page.sort_by(|a, b| a[1..].cmp(&b[1..]));
                prop_assert_eq!(output.key_count, Some(i32::try_from(page.len()).unwrap()));
                prop_assert!(page.len() <= usize::try_from(most).unwrap());
                found.extend(page);
                prop_assert_eq!(output.is_truncated, Some(output.next_continuation_token.is_some()));
                token = output.next_continuation_token;
                if token.is_none() { break; }
            }
            prop_assert_eq!(&found, &expected);

            let (mut found, mut marker) = (Vec::new(), None);
            loop {
                let input = ListObjectsInput {
                    prefix: some(&prefix), delimiter: some(&delimiter), max_keys: Some(most), marker, ..v1()
                };
                let output = bench.call::<op::ListObjects>(input).await.unwrap();
                let mut page: Vec<String> =
                    output.contents.iter().map(|object| format!("K{}", object.key.as_ref().unwrap())).collect();
                page.extend(output.common_prefixes.iter().map(|p| format!("P{}", p.prefix.as_ref().unwrap())));
                page.sort_by(|a, b| a[1..].cmp(&b[1..]));
                found.extend(page);
                prop_assert_eq!(
                    output.next_marker.is_some(), output.is_truncated == Some(true) && !delimiter.is_empty()
                );
                if output.is_truncated != Some(true) { break; }
                marker = output.next_marker.or_else(|| found.last().map(|last| last[1..].to_owned()));
            }
            prop_assert_eq!(found, expected);
            Ok(())
        })?;
    }

    #[test]
    fn start_after_gives_what_is_greater(
        keys in prop::collection::btree_set(any_key(), 0..40), after in any_key(), (prefix, delimiter) in any_cut(),
    ) {
        block_on(async {
            let bench = Bench::new();
            bench.objects(keys.iter().map(String::as_str)).await;
            let greater = keys.iter().filter(|key| **key > after).cloned().collect();
            let input = ListObjectsV2Input {
                prefix: some(&prefix), delimiter: some(&delimiter), start_after: Some(after), ..v2()
            };
            let output = bench.call::<op::ListObjectsV2>(input).await.unwrap();
            let mut found: Vec<String> = keys_of(&output).into_iter().map(|k| format!("K{k}")).collect();
            found.extend(prefixes_of(&output).into_iter().map(|p| format!("P{p}")));
            found.sort_by(|a, b| a[1..].cmp(&b[1..]));
            prop_assert_eq!(found, model(&greater, &prefix, &delimiter));
            Ok(())
        })?;
    }

    #[test]
    fn every_version_comes_once_and_the_newest_of_a_key_is_the_latest(
        keys in prop::collection::btree_map(
            any_key(), prop::collection::vec((any::<bool>(), any::<bool>()), 1..5), 0..16
        ),
        (prefix, delimiter) in any_cut(),
        most in 1i32..9,
    ) {
        block_on(async {
            let bench = Bench::new();
            let all = store_versions(&bench, &keys).await;
            let expected = version_model(&all, &prefix, &delimiter);
            let mut found = BTreeSet::new();
            let (mut key_marker, mut version_id_marker, mut count) = (None, None, 0);
            loop {
                let input = ListObjectVersionsInput {
                    prefix: some(&prefix), delimiter: some(&delimiter), max_keys: Some(most), key_marker,
                    version_id_marker, ..versions()
                };
                let output = bench.call::<op::ListObjectVersions>(input).await.unwrap();
                let page = items_of(&output);
                prop_assert!(page.len() <= usize::try_from(most).unwrap());
                count += page.len();
                found.extend(page);
                if output.is_truncated != Some(true) { break; }
                (key_marker, version_id_marker) = (output.next_key_marker, output.next_version_id_marker);
                prop_assert!(key_marker.is_some());
            }
            prop_assert_eq!(count, expected.len(), "none twice");
            prop_assert_eq!(found, expected);
            Ok(())
        })?;
    }

    #[test]
    fn the_rows_read_for_a_page_are_bounded_however_the_keys_lie(
        groups in prop::collection::vec((0usize..4, 1usize..600), 1..12), most in 1usize..20,
    ) {
        block_on(async {
            let bench = Bench::new();
            let mut keys = Vec::new();
            for (group, (flat, deep)) in groups.iter().enumerate() {
                keys.extend((0..*flat).map(|n| format!("{group:03}-{n}")));
                keys.extend((0..*deep).map(|n| format!("{group:03}-x/{n:04}")));
            }
            bench.objects(keys.iter().map(String::as_str)).await;
            let mut start = Start::First;
            loop {
                bench.store.rows.store(0, Ordering::Relaxed);
                let page = walk(&bench, "", Some("/"), start, most).await;
                let rows = bench.store.rows.load(Ordering::Relaxed);
                let bound = MOST_ROWS_PER_ITEM * (page.items.len() + 1);
                prop_assert!(rows <= bound, "{} rows for {} items", rows, page.items.len());
                if !page.truncated { break; }
                start = match page.items.last().unwrap() {
                    Item::Row(found) => Start::AfterKey(found.key.to_string()),
                    Item::Prefix(prefix) => Start::AfterPrefix(prefix.clone()),
                };
            }
            Ok(())
        })?;
    }
}

async fn walk(
    bench: &Bench,
    prefix: &str,
    delimiter: Option<&str>,
    start: Start,
    most: usize,
) -> Page<CurrentObject> {
    let walk = Walk { store: bench.store.as_ref(), partition: partition(), prefix, delimiter, start, most };
    walk.page().await.unwrap()
}

/// Key, number of the version from the oldest, its id, whether it is a delete marker, whether it is the latest.
type Known = (String, usize, String, bool, bool);

/// Stores versions; of each key at most one is the null version.
async fn store_versions(bench: &Bench, keys: &BTreeMap<String, Vec<(bool, bool)>>) -> Vec<Known> {
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for (text, list) in keys {
        let mut null = false;
        for (place, (marker, unnamed)) in list.iter().enumerate() {
            let unnamed = *unnamed && !null;
            null |= unnamed;
            let sequence = ObjectSequence(1000 + place as u64);
            let row = version((!unnamed).then_some(u8::try_from(place).unwrap()), *marker);
            if unnamed && place > 0 {
                rows.push((row::null(&key(text)), NullRow { sequence }.encode()));
            }
            let id = row.id(sequence).to_string();
            rows.push((row::version(&key(text), sequence), row.encode()));
            all.push((text.clone(), place, id, *marker, place + 1 == list.len()));
        }
    }
    bench.rows(rows).await;
    all
}

fn version_model(all: &[Known], prefix: &str, delimiter: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for (key, _, id, marker, latest) in all.iter().filter(|known| known.0.starts_with(prefix)) {
        let one = BTreeSet::from([key.clone()]);
        let item = model(&one, prefix, delimiter).remove(0);
        out.insert(if item.starts_with('P') { item } else { format!("{item} {id} {marker} {latest}") });
    }
    out
}

fn items_of(output: &ListObjectVersionsOutput) -> Vec<String> {
    let versions = output.versions.iter().map(|v| (&v.key, &v.version_id, false, v.is_latest));
    let markers = output.delete_markers.iter().map(|v| (&v.key, &v.version_id, true, v.is_latest));
    let rows = versions.chain(markers).map(|(key, id, marker, latest)| {
        format!("K{} {} {marker} {}", key.as_ref().unwrap(), id.as_ref().unwrap(), latest.unwrap())
    });
    let prefixes = output.common_prefixes.iter().map(|p| format!("P{}", p.prefix.as_ref().unwrap()));
    rows.chain(prefixes).collect()
}

#[tokio::test]
async fn a_common_prefix_costs_the_same_with_ten_keys_and_with_ten_thousand() {
    let mut costs = Vec::new();
    for keys in [10, 10_000] {
        let bench = Bench::new();
        let keys: Vec<String> = (0..3).flat_map(|p| (0..keys).map(move |n| format!("{p}/{n:05}"))).collect();
        bench.objects(keys.iter().map(String::as_str)).await;
        let page = walk(&bench, "", Some("/"), Start::First, 1000).await;
        assert_eq!(page.items.len(), 3);
        costs.push((bench.store.rows.load(Ordering::Relaxed), bench.store.scans.load(Ordering::Relaxed)));
    }
    assert!(costs[1].0 <= costs[0].0 && costs[1].1 <= costs[0].1, "{costs:?}");
}

#[tokio::test]
async fn common_prefixes_count_as_keys_and_max_keys_zero_is_an_empty_page_that_is_not_truncated() {
    let bench = Bench::new();
    bench.objects(["a", "b/1", "b/2", "c"]).await;
    let input = ListObjectsV2Input { delimiter: some("/"), max_keys: Some(2), ..v2() };
    let output = bench.call::<op::ListObjectsV2>(input).await.unwrap();
    assert_eq!((keys_of(&output), prefixes_of(&output)), (vec!["a"], vec!["b/"]));
    assert_eq!((output.key_count, output.is_truncated, output.max_keys), (Some(2), Some(true), Some(2)));
    let input = ListObjectsV2Input { max_keys: Some(0), ..v2() };
    let output = bench.call::<op::ListObjectsV2>(input).await.unwrap();
    assert_eq!((output.key_count, output.is_truncated), (Some(0), Some(false)));
    assert!(output.next_continuation_token.is_none());
    let input = ListObjectsV2Input { max_keys: Some(5000), ..v2() };
    assert_eq!(bench.call::<op::ListObjectsV2>(input).await.unwrap().max_keys, Some(1000));
    let input = ListObjectsV2Input { max_keys: Some(-1), ..v2() };
    assert_eq!(bench.call::<op::ListObjectsV2>(input).await.unwrap_err().code, "InvalidArgument");
}

#[tokio::test]
async fn objects_show_etag_checksum_class_and_the_owner_only_when_fetched() {
    let bench = Bench::new();
    let row = CurrentRow { storage_class: Some("GLACIER".into()), ..current() };
    bench.rows(vec![(row::current(&key("g")), row.encode())]).await;
    let output = bench.call::<op::ListObjectsV2>(v2()).await.unwrap();
    let object = &output.contents[0];
    assert_eq!(object.etag.as_deref(), Some("\"900150983cd24fb0d6963f7d28e17f72\""));
    assert_eq!(object.storage_class.map(strongroom_api_s3::ObjectStorageClass::as_str), Some("GLACIER"));
    assert_eq!(object.checksum_algorithm[0].as_str(), "CRC64NVME");
    assert_eq!(object.checksum_type.map(strongroom_api_s3::ChecksumType::as_str), Some("FULL_OBJECT"));
    assert_eq!((object.size, object.owner.is_none()), (Some(3), true));
    let output =
        bench.call::<op::ListObjectsV2>(ListObjectsV2Input { fetch_owner: Some(true), ..v2() }).await;
    let id = output.unwrap().contents[0].owner.as_ref().unwrap().id.clone();
    assert_eq!(id, Some(CanonicalUserId::from_bytes([1; 32]).to_string()));
    let output = bench.call::<op::ListObjects>(v1()).await.unwrap();
    assert!(output.contents[0].owner.is_some(), "the first version of the API always shows it");
}

#[tokio::test]
async fn a_continuation_token_is_good_for_the_same_listing_only() {
    let bench = Bench::new();
    bench.objects(["a/1", "a/2", "a/3"]).await;
    let first = ListObjectsV2Input { prefix: some("a/"), max_keys: Some(1), ..v2() };
    let output = bench.call::<op::ListObjectsV2>(first.clone()).await.unwrap();
    let token = output.next_continuation_token.unwrap();
    let next = ListObjectsV2Input { continuation_token: Some(token.clone()), ..first.clone() };
    // A token wins over start-after.
    let both = ListObjectsV2Input { start_after: some("a/3"), ..next.clone() };
    let output = bench.call::<op::ListObjectsV2>(both).await.unwrap();
    assert_eq!(keys_of(&output), ["a/2"]);
    assert_eq!(output.continuation_token, Some(token.clone()));
    let mut wrong = vec![
        ListObjectsV2Input { prefix: some("a"), ..next.clone() },
        ListObjectsV2Input { delimiter: some("/"), ..next.clone() },
        ListObjectsV2Input { continuation_token: Some(String::new()), ..next.clone() },
        ListObjectsV2Input { continuation_token: Some("a/1".into()), ..next.clone() },
    ];
    let mut altered = token.into_bytes();
    let last = altered.len() - 3;
    altered[last] = if altered[last] == b'A' { b'B' } else { b'A' };
    wrong.push(ListObjectsV2Input { continuation_token: String::from_utf8(altered).ok(), ..next });
    for input in wrong {
        let error = bench.call::<op::ListObjectsV2>(input).await.unwrap_err();
        assert_eq!((error.status, error.code.as_ref()), (400, "InvalidArgument"));
        assert_eq!(error.message, "The continuation token provided is incorrect");
    }
}

#[tokio::test]
async fn encoding_type_url_encodes_every_name_and_is_echoed() {
    let bench = Bench::new();
    bench.objects(["p q+/a b", "p q+/a+/c"]).await;
    let input = ListObjectsV2Input {
        prefix: some("p q+/"),
        delimiter: some("+/"),
        start_after: some("p q"),
        encoding_type: Some(EncodingType::Url),
        ..v2()
    };
    let output = bench.call::<op::ListObjectsV2>(input).await.unwrap();
    assert_eq!(output.encoding_type, Some(EncodingType::Url));
    assert_eq!((keys_of(&output), prefixes_of(&output)), (vec!["p%20q%2B/a%20b"], vec!["p%20q%2B/a%2B/"]));
    assert_eq!(output.prefix.as_deref(), Some("p%20q%2B/"));
    assert_eq!(output.delimiter.as_deref(), Some("%2B/"));
    assert_eq!(output.start_after.as_deref(), Some("p%20q"));
    let input = ListObjectsInput { delimiter: some("/a"), max_keys: Some(1), marker: some("a b"), ..v1() };
    let input = ListObjectsInput { encoding_type: Some(EncodingType::Url), ..input };
    bench.objects(["z"]).await;
    let output = bench.call::<op::ListObjects>(input).await.unwrap();
    assert_eq!(output.marker.as_deref(), Some("a%20b"));
    assert_eq!(output.next_marker.as_deref(), Some("p%20q%2B/a"));
}

#[tokio::test]
async fn a_marker_inside_a_common_prefix_continues_behind_it() {
    let bench = Bench::new();
    bench.objects(["a/1", "a/2", "b"]).await;
    let input = ListObjectsInput { delimiter: some("/"), marker: some("a/1"), ..v1() };
    let output = bench.call::<op::ListObjects>(input).await.unwrap();
    assert!(output.common_prefixes.is_empty());
    assert_eq!(output.contents.len(), 1);
    let input = ListObjectsV2Input { delimiter: some("/"), start_after: some("a/1"), ..v2() };
    let output = bench.call::<op::ListObjectsV2>(input).await.unwrap();
    assert_eq!(prefixes_of(&output), ["a/"], "there is a key behind a/1");
}

#[tokio::test]
async fn an_empty_delimiter_rolls_nothing_up_and_an_impossible_prefix_finds_nothing() {
    let bench = Bench::new();
    bench.objects(["a/1"]).await;
    let input = ListObjectsV2Input { delimiter: Some(String::new()), prefix: Some(String::new()), ..v2() };
    let output = bench.call::<op::ListObjectsV2>(input).await.unwrap();
    assert_eq!((keys_of(&output), output.delimiter.as_ref()), (vec!["a/1"], None));
    let long = "\0".repeat(5000);
    let inputs = [
        ListObjectsV2Input { prefix: Some(long.clone()), ..v2() },
        ListObjectsV2Input { start_after: Some("z".repeat(5000)), ..v2() },
    ];
    for input in inputs {
        assert_eq!(bench.call::<op::ListObjectsV2>(input).await.unwrap().key_count, Some(0));
    }
    let input = ListObjectsV2Input { start_after: Some(long), ..v2() };
    assert_eq!(bench.call::<op::ListObjectsV2>(input).await.unwrap().key_count, Some(1));
}

#[tokio::test]
async fn a_version_id_marker_needs_a_key_marker_and_the_form_of_one() {
    let bench = Bench::new();
    let id = some(&VersionId::Id([1; 16]).to_string());
    for (key_marker, version_id_marker) in [(None, id.clone()), (some("k"), some("nonsense"))] {
        let input = ListObjectVersionsInput { key_marker, version_id_marker, ..versions() };
        let error = bench.call::<op::ListObjectVersions>(input).await.unwrap_err();
        assert_eq!((error.status, error.code.as_ref()), (400, "InvalidArgument"));
    }
    let input = ListObjectVersionsInput { key_marker: some("k"), version_id_marker: id, ..versions() };
    assert!(bench.call::<op::ListObjectVersions>(input).await.is_ok());
}

#[tokio::test]
async fn what_follows_a_deleted_marker_is_the_latest_if_nothing_newer_is_left() {
    let bench = Bench::new();
    let rows = [(1, 1), (2, 2)].map(|(sequence, byte)| {
        (row::version(&key("k"), ObjectSequence(sequence)), version(Some(byte), false).encode())
    });
    bench.rows(rows.to_vec()).await;
    let marker = |sequence| row::version_id(ObjectSequence(sequence), [9; 8]).to_string();
    for (sequence, latest) in [(3, Some(true)), (2, Some(false))] {
        let input = ListObjectVersionsInput {
            key_marker: some("k"),
            version_id_marker: Some(marker(sequence)),
            ..versions()
        };
        let output = bench.call::<op::ListObjectVersions>(input).await.unwrap();
        assert_eq!(output.versions[0].is_latest, latest);
        assert_eq!(output.versions.len(), usize::try_from(sequence - 1).unwrap());
    }
}

#[tokio::test]
async fn a_thousand_rows_are_read_within_a_scan() {
    let bench = Bench::new();
    let keys: Vec<String> = (0..1500).map(|n| format!("photos/2026/11/24/{n:08}.jpg")).collect();
    bench.objects(keys.iter().map(String::as_str)).await;
    let output = bench.call::<op::ListObjectsV2>(v2()).await.unwrap();
    assert_eq!((output.key_count, output.is_truncated), (Some(1000), Some(true)));
    assert_eq!(bench.store.scans.load(Ordering::Relaxed), 1);
    assert_eq!(bench.store.rows.load(Ordering::Relaxed), 1001);
}
