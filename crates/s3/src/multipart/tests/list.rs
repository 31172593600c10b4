//! ListParts and ListMultipartUploads.

use proptest::prelude::*;
use strongroom_api_s3::{ListMultipartUploadsInput, ListPartsInput, StorageClass, op};

use super::*;

fn parts_input(id: &str) -> ListPartsInput {
    ListPartsInput {
        bucket: BUCKET.into(),
        key: "k".into(),
        upload_id: id.into(),
        ..ListPartsInput::default()
    }
}

fn uploads_input() -> ListMultipartUploadsInput {
    ListMultipartUploadsInput { bucket: BUCKET.into(), ..ListMultipartUploadsInput::default() }
}

#[tokio::test]
async fn parts_come_in_order_a_page_at_a_time() {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    for number in [4, 1, 10_000, 300] {
        part(&harness, "k", &id, number, &bytes(1, 7)).await;
    }
    let mut found = Vec::new();
    let mut marker = None;
    loop {
        let input = ListPartsInput { max_parts: Some(2), part_number_marker: marker, ..parts_input(&id) };
        let output = harness.call::<op::ListParts>(input, None).await.unwrap().output;
        assert_eq!((output.max_parts, output.part_number_marker), (Some(2), Some(marker.unwrap_or(0))));
        found.extend(output.parts.iter().map(|part| part.part_number.unwrap()));
        marker = output.next_part_number_marker;
        if output.is_truncated != Some(true) {
            break;
        }
    }
    assert_eq!(found, [1, 4, 300, 10_000]);
    let output = harness.call::<op::ListParts>(parts_input(&id), None).await.unwrap().output;
    assert_eq!((output.is_truncated, output.max_parts), (Some(false), Some(1000)));
    assert_eq!(output.storage_class.map(StorageClass::as_str), Some("STANDARD"));
    assert_eq!(output.initiator.unwrap().id, output.owner.unwrap().id);
    assert_eq!(output.parts[0].size, Some(7));
    assert!(output.parts[0].checksum_crc64nvme.is_some());
    for input in [
        ListPartsInput { max_parts: Some(-1), ..parts_input(&id) },
        ListPartsInput { part_number_marker: Some(-1), ..parts_input(&id) },
    ] {
        assert_eq!(code(harness.call::<op::ListParts>(input, None).await), (400, "InvalidArgument".into()));
    }
}

#[tokio::test]
async fn a_list_goes_on_behind_an_upload_that_was_aborted_meanwhile() {
    let harness = Harness::new().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(create(&harness, "k").await);
    }
    assert!(ids.is_sorted(), "a later upload has the greater id");
    let input = ListMultipartUploadsInput { max_uploads: Some(1), ..uploads_input() };
    let output = harness.call::<op::ListMultipartUploads>(input, None).await.unwrap().output;
    assert_eq!(
        (output.next_key_marker.as_deref(), output.next_upload_id_marker.as_ref()),
        (Some("k"), ids.first())
    );
    harness.call::<op::AbortMultipartUpload>(abort_input("k", &ids[0]), None).await.unwrap();
    let next = ListMultipartUploadsInput {
        key_marker: output.next_key_marker.clone(),
        upload_id_marker: output.next_upload_id_marker,
        ..uploads_input()
    };
    let output = harness.call::<op::ListMultipartUploads>(next, None).await.unwrap().output;
    let found: Vec<_> = output.uploads.into_iter().map(|upload| upload.upload_id.unwrap()).collect();
    assert_eq!(found, ids[1..]);
    let key_only = ListMultipartUploadsInput { key_marker: Some("k".into()), ..uploads_input() };
    let output = harness.call::<op::ListMultipartUploads>(key_only, None).await.unwrap().output;
    assert!(output.uploads.is_empty());
    let id_only = ListMultipartUploadsInput { upload_id_marker: Some(ids[1].clone()), ..uploads_input() };
    let output = harness.call::<op::ListMultipartUploads>(id_only, None).await.unwrap().output;
    assert_eq!(output.uploads.len(), 2, "an id without a key is not looked at");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_upload_and_prefix_comes_once(
        keys in prop::collection::vec("[ab/]{1,4}", 0..14), prefix in "[ab/]{0,2}", delimiter in "[/b]?",
        most in 1i32..5,
    ) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let harness = Harness::new().await;
            let mut expected = Vec::new();
            for key in &keys {
                let id = create(&harness, key).await;
                let Some(rest) = key.strip_prefix(&prefix) else { continue };
                let at = rest.find(&delimiter).filter(|_| !delimiter.is_empty());
                expected.push(match at {
                    Some(at) => (key[..prefix.len() + at + delimiter.len()].to_owned(), String::new()),
                    None => (key.clone(), id),
                });
            }
            expected.sort();
            expected.dedup();
            let (mut found, mut key_marker, mut upload_id_marker) = (Vec::new(), None, None);
            loop {
                let input = ListMultipartUploadsInput {
                    prefix: Some(prefix.clone()), delimiter: Some(delimiter.clone()), max_uploads: Some(most),
                    key_marker, upload_id_marker, ..uploads_input()
                };
                let output = harness.call::<op::ListMultipartUploads>(input, None).await.unwrap().output;
                let mut page: Vec<_> = output.uploads.into_iter()
                    .map(|upload| (upload.key.unwrap(), upload.upload_id.unwrap())).collect();
                page.extend(output.common_prefixes.into_iter().map(|p| (p.prefix.unwrap(), String::new())));
                page.sort();
                found.extend(page);
                if output.is_truncated != Some(true) { break; }
                (key_marker, upload_id_marker) = (output.next_key_marker, output.next_upload_id_marker);
            }
            prop_assert_eq!(found, expected);
            Ok(())
        })?;
    }
}
