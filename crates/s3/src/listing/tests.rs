//! The listings against a naive model, and AWS's rules one by one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use strongroom_api_s3::{
    EncodingType, ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsInput, ListObjectsV2Input,
    ListObjectsV2Output, ListedVersion, SERVICE, op,
};
use strongroom_codec::{encode, render_cloudtrail_request};
use strongroom_gate::{ErrorReply, Handle};
use strongroom_shape::{Operation, Protocol};
use strongroom_storage::{Batch, MetaStore as _, Partition};
use strongroom_types::{ObjectKey, VersionId};

use super::rows::CurrentObject;
use super::walk::{Item, MOST_ROWS_PER_ITEM, Page, Start, Walk};
use crate::S3;
use crate::row::{
    self, ChecksumRow, Coded as _, Content, CurrentRow, Headers, NullRow, ObjectSequence, VersionRow,
};
use crate::testing::{BUCKET, Engine, Harness};

/// The harness's bucket, filled row by row.
struct Bench {
    harness: Harness,
    engine: Engine,
    partition: Partition,
}

impl Bench {
    async fn new() -> Self {
        let harness = Harness::new().await;
        let (engine, partition) = (harness.engine.clone(), harness.partition().await);
        Self { harness, engine, partition }
    }

    async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, ErrorReply>
    where
        S3: Handle<O>,
    {
        self.harness.call::<O>(input, None).await.map(|answer| answer.output)
    }

    async fn rows(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) {
        for chunk in rows.chunks(10_000) {
            let mut batch = Batch::new(self.partition);
            for (key, value) in chunk {
                batch.put(key.clone(), value.clone());
            }
            self.engine.commit(batch).await.unwrap();
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
        owner: None,
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
        customer_proof: None,
        owner: None,
        acl: None,
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
    ListObjectsV2Input { bucket: BUCKET.into(), ..ListObjectsV2Input::default() }
}

fn v1() -> ListObjectsInput {
    ListObjectsInput { bucket: BUCKET.into(), ..ListObjectsInput::default() }
}

fn versions() -> ListObjectVersionsInput {
    let mut input = ListObjectVersionsInput::default();
    BUCKET.clone_into(&mut input.bucket);
    input
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
            let bench = Bench::new().await;
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
            let bench = Bench::new().await;
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
    fn every_version_comes_once_in_order_and_the_newest_of_a_key_is_the_latest(
        keys in prop::collection::btree_map(
            any_key(), prop::collection::vec((any::<bool>(), any::<bool>()), 1..5), 0..16
        ),
        (prefix, delimiter) in any_cut(),
        most in 1i32..9,
    ) {
        block_on(async {
            let bench = Bench::new().await;
            let all = store_versions(&bench, &keys).await;
            let expected = version_model(&all, &prefix, &delimiter);
            let (mut found, mut input) = ((Vec::new(), Vec::new()), versions());
            (input.prefix, input.delimiter, input.max_keys) = (some(&prefix), some(&delimiter), Some(most));
            loop {
                let output = bench.call::<op::ListObjectVersions>(input.clone()).await.unwrap();
                let (rows, prefixes) = items_of(&output);
                prop_assert!(rows.len() + prefixes.len() <= usize::try_from(most).unwrap());
                found.0.extend(rows);
                found.1.extend(prefixes);
                if output.is_truncated != Some(true) { break; }
                input.key_marker = output.next_key_marker;
                input.version_id_marker = output.next_version_id_marker;
                prop_assert!(input.key_marker.is_some());
            }
            prop_assert_eq!(found, expected);
            Ok(())
        })?;
    }

    #[test]
    fn the_rows_read_for_a_page_are_bounded_however_the_keys_lie(
        groups in prop::collection::vec((0usize..4, 1usize..600), 1..12), most in 1usize..20,
    ) {
        block_on(async {
            let bench = Bench::new().await;
            let mut keys = Vec::new();
            for (group, (flat, deep)) in groups.iter().enumerate() {
                keys.extend((0..*flat).map(|n| format!("{group:03}-{n}")));
                keys.extend((0..*deep).map(|n| format!("{group:03}-x/{n:04}")));
            }
            bench.objects(keys.iter().map(String::as_str)).await;
            let mut start = Start::First;
            loop {
                bench.engine.scanned();
                let page = walk(&bench, "", Some("/"), start, most).await;
                let (rows, _) = bench.engine.scanned();
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
    let walk = Walk { store: &bench.engine, partition: bench.partition, prefix, delimiter, start, most };
    walk.page().await.unwrap()
}

/// Key and id of a version, whether it is a delete marker, whether it is the latest.
type Known = (String, String, bool, bool);

/// Stores versions, the oldest of each key first, of which at most one is the null version; gives them back in the order
/// of a listing.
async fn store_versions(bench: &Bench, keys: &BTreeMap<String, Vec<(bool, bool)>>) -> Vec<Known> {
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for (text, list) in keys {
        let (mut null, before) = (false, all.len());
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
            all.push((text.clone(), id, *marker, place + 1 == list.len()));
        }
        all[before..].reverse();
    }
    bench.rows(rows).await;
    all
}

/// What a listing of everything gives: versions and delete markers as one sequence, and common prefixes.
fn version_model(all: &[Known], prefix: &str, delimiter: &str) -> (Vec<String>, Vec<String>) {
    let (mut rows, mut prefixes) = (Vec::new(), Vec::new());
    for (key, id, marker, latest) in all.iter().filter(|known| known.0.starts_with(prefix)) {
        let one = BTreeSet::from([key.clone()]);
        let item = model(&one, prefix, delimiter).remove(0);
        if item.starts_with('K') {
            rows.push(format!("{item} {id} {marker} {latest}"));
        } else if prefixes.last() != Some(&item) {
            prefixes.push(item);
        }
    }
    (rows, prefixes)
}

fn items_of(output: &ListObjectVersionsOutput) -> (Vec<String>, Vec<String>) {
    let rows = output.entries.iter().map(|entry| {
        let (key, id, marker, latest) = match entry {
            ListedVersion::Version(found) => (&found.key, &found.version_id, false, found.is_latest),
            ListedVersion::DeleteMarker(found) => (&found.key, &found.version_id, true, found.is_latest),
        };
        format!("K{} {} {marker} {}", key.as_ref().unwrap(), id.as_ref().unwrap(), latest.unwrap())
    });
    let prefixes = output.common_prefixes.iter().map(|p| format!("P{}", p.prefix.as_ref().unwrap()));
    (rows.collect(), prefixes.collect())
}

#[tokio::test]
async fn on_the_wire_versions_and_delete_markers_are_one_sequence() {
    let bench = Bench::new().await;
    let history = |kinds: &[bool]| kinds.iter().map(|marker| (*marker, false)).collect::<Vec<_>>();
    let keys = BTreeMap::from([
        ("a".to_owned(), history(&[false, true])),
        ("b".to_owned(), history(&[false, true, false])),
        ("c/d".to_owned(), history(&[true, true])),
    ]);
    store_versions(&bench, &keys).await;
    let mut input = versions();
    input.delimiter = some("/");
    let shown = render_cloudtrail_request(&SERVICE, op::ListObjectVersions::SCHEMA, &input);
    assert_eq!(shown, r#"{"bucketName":"bucket","delimiter":"/","versions":""}"#);
    let output = bench.call::<op::ListObjectVersions>(input).await.unwrap();
    let answer = encode(Protocol::RestXml, &SERVICE, op::ListObjectVersions::SCHEMA, &output, "id").unwrap();
    let document = String::from_utf8(answer.body).unwrap();
    let entries = document.split('<').filter_map(|piece| {
        let (name, text) = piece.split_once('>')?;
        ["Version", "DeleteMarker", "Key", "IsLatest", "CommonPrefixes"]
            .contains(&name)
            .then_some(if text.is_empty() { name } else { text })
    });
    let expected = [
        ["DeleteMarker", "a", "true"],
        ["Version", "a", "false"],
        ["Version", "b", "true"],
        ["DeleteMarker", "b", "false"],
        ["Version", "b", "false"],
    ];
    let mut expected = expected.concat();
    expected.push("CommonPrefixes");
    assert_eq!(entries.collect::<Vec<_>>(), expected, "{document}");
}

#[tokio::test]
async fn a_common_prefix_costs_the_same_with_ten_keys_and_with_ten_thousand() {
    let mut costs = Vec::new();
    for keys in [10, 10_000] {
        let bench = Bench::new().await;
        let keys: Vec<String> = (0..3).flat_map(|p| (0..keys).map(move |n| format!("{p}/{n:05}"))).collect();
        bench.objects(keys.iter().map(String::as_str)).await;
        let page = walk(&bench, "", Some("/"), Start::First, 1000).await;
        assert_eq!(page.items.len(), 3);
        costs.push(bench.engine.scanned());
    }
    assert!(costs[1].0 <= costs[0].0 && costs[1].1 <= costs[0].1, "{costs:?}");
}

#[tokio::test]
async fn common_prefixes_count_as_keys_and_max_keys_zero_is_an_empty_page_that_is_not_truncated() {
    let bench = Bench::new().await;
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
    let bench = Bench::new().await;
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
    assert_eq!(id, bench.harness.caller.canonical().map(|id| id.to_string()));
    let output = bench.call::<op::ListObjects>(v1()).await.unwrap();
    assert!(output.contents[0].owner.is_some(), "the first version of the API always shows it");
}

#[tokio::test]
async fn a_continuation_token_is_good_for_the_same_listing_only() {
    let bench = Bench::new().await;
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
    let bench = Bench::new().await;
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
    let bench = Bench::new().await;
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
    let bench = Bench::new().await;
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
    let bench = Bench::new().await;
    let id = some(&VersionId::Id([1; 16]).to_string());
    let marked = |key_marker, version_id_marker| {
        let mut input = versions();
        (input.key_marker, input.version_id_marker) = (key_marker, version_id_marker);
        bench.call::<op::ListObjectVersions>(input)
    };
    for (key_marker, version_id_marker) in [(None, id.clone()), (some("k"), some("nonsense"))] {
        let error = marked(key_marker, version_id_marker).await.unwrap_err();
        assert_eq!((error.status, error.code.as_ref()), (400, "InvalidArgument"));
    }
    assert!(marked(some("k"), id).await.is_ok());
}

#[tokio::test]
async fn what_follows_a_deleted_marker_is_the_latest_if_nothing_newer_is_left() {
    let bench = Bench::new().await;
    let rows = [(1, 1), (2, 2)].map(|(sequence, byte)| {
        (row::version(&key("k"), ObjectSequence(sequence)), version(Some(byte), false).encode())
    });
    bench.rows(rows.to_vec()).await;
    let marker = |sequence| row::version_id(ObjectSequence(sequence), [9; 8]).to_string();
    for (sequence, latest) in [(3, Some(true)), (2, Some(false))] {
        let mut input = versions();
        (input.key_marker, input.version_id_marker) = (some("k"), Some(marker(sequence)));
        let output = bench.call::<op::ListObjectVersions>(input).await.unwrap();
        let [ListedVersion::Version(first), ..] = output.entries.as_slice() else { panic!("{output:?}") };
        assert_eq!(first.is_latest, latest);
        assert_eq!(output.entries.len(), usize::try_from(sequence - 1).unwrap());
    }
}

#[tokio::test]
async fn a_thousand_rows_are_read_within_a_scan() {
    let bench = Bench::new().await;
    let keys: Vec<String> = (0..1500).map(|n| format!("photos/2026/11/24/{n:08}.jpg")).collect();
    bench.objects(keys.iter().map(String::as_str)).await;
    let output = bench.call::<op::ListObjectsV2>(v2()).await.unwrap();
    assert_eq!((output.key_count, output.is_truncated), (Some(1000), Some(true)));
    assert_eq!(bench.engine.scanned(), (1001, 1));
}
