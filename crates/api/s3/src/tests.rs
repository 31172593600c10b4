//! What the generated code must be like, seen from the model's documentation.

use strongroom_shape::{Kind, Location, Operation as _, Structure as _};

use super::*;

#[test]
fn a_customer_key_is_never_shown() {
    let key = "c2VjcmV0IGN1c3RvbWVyIGtleQ==".to_owned();
    let input =
        PutObjectInput { key: "k".to_owned(), sse_customer_key: Some(key.clone()), ..Default::default() };
    let shown = format!("{input:?}");
    assert!(!shown.contains(&key), "{shown}");
    assert!(shown.contains("SSECustomerKey: (redacted)") && shown.contains(r#"Key: "k""#), "{shown}");
    assert!(!shown.contains("ContentType"), "what is absent is not shown: {shown}");
}

#[test]
fn a_stream_has_a_schema_and_no_field() {
    let body =
        PutObjectInput::default().schema().members.iter().find(|member| member.name == "Body").unwrap();
    assert!(body.flags.streaming && body.location == Location::Payload);
    assert!(op::PutObject::SCHEMA.streaming_input && op::GetObject::SCHEMA.streaming_output);
    assert!(!op::CopyObject::SCHEMA.streaming_input);
}

#[test]
fn answers_have_the_roots_that_the_api_reference_shows() {
    for (operation, root) in [
        (op::ListBuckets::SCHEMA, "ListAllMyBucketsResult"),
        (op::ListObjectsV2::SCHEMA, "ListBucketResult"),
        (op::ListObjectVersions::SCHEMA, "ListVersionsResult"),
        (op::DeleteObjects::SCHEMA, "DeleteResult"),
        (op::CreateMultipartUpload::SCHEMA, "InitiateMultipartUploadResult"),
        (op::GetBucketTagging::SCHEMA, "Tagging"),
        (op::GetBucketVersioning::SCHEMA, "VersioningConfiguration"),
    ] {
        assert_eq!(operation.output.xml_name, Some(root), "{}", operation.name);
    }
}

#[test]
fn every_answer_with_members_in_its_body_has_a_root() {
    for operation in SERVICE.operations {
        let members = operation.output.members;
        let in_body = members.iter().any(|member| member.location == Location::Body);
        assert!(!in_body || operation.output.xml_name.is_some(), "{}", operation.name);
    }
}

#[test]
fn the_bodies_whose_digest_must_be_sent_are_those_of_the_model() {
    assert!(op::DeleteObjects::SCHEMA.checksum_required);
    assert!(op::PutBucketPolicy::SCHEMA.checksum_required);
    assert!(!op::PutObject::SCHEMA.checksum_required);
}

#[test]
fn enums_know_their_names_exactly() {
    assert_eq!(StorageClass::parse("STANDARD_IA"), Some(StorageClass::StandardIa));
    assert_eq!(StorageClass::parse("standard_ia"), None);
    assert_eq!(ServerSideEncryption::AwsKms.as_str(), "aws:kms");
    for (value, name) in ChecksumAlgorithm::ALL.iter().zip(ChecksumAlgorithm::NAMES) {
        assert_eq!(value.as_str(), *name);
    }
}

#[test]
fn the_grantee_is_told_by_an_attribute() {
    let grantee = Grantee::default();
    let member = grantee.schema().members.iter().find(|member| member.name == "Type").unwrap();
    assert!(member.flags.xml_attribute && matches!(member.kind, Kind::Enum(_)));
    assert_eq!(member.wire_name, "xsi:type");
    assert_eq!(grantee.schema().xml_namespace, Some(("xsi", "http://www.w3.org/2001/XMLSchema-instance")));
}
