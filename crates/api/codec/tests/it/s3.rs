//! S3's own wire, over its generated types. Bytes are those of the S3 API Reference's examples where it has them.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, Method};
use strongroom_api_s3::*;
use strongroom_codec::{
    ErrorResponse, RequestHead, decode, decode_error, decode_response, encode, encode_error, encode_request,
    limits, needs_body, render_cloudtrail, render_cloudtrail_request, validate,
};
use strongroom_shape::{Input, Operation, Protocol, ReadErrorKind, ServiceSchema, Structure};
use strongroom_types::Timestamp;

const XMLNS: &str = r#"xmlns="http://s3.amazonaws.com/doc/2006-03-01/""#;

fn read<I: Input>(
    query: &[(&str, &str)],
    headers: &[(&'static str, &str)],
    body: &str,
) -> Result<I, strongroom_shape::ReadError> {
    let labels = [("Bucket", Cow::Borrowed("b")), ("Key", Cow::Borrowed("k"))];
    let query: Vec<(String, String)> =
        query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let head = RequestHead { method: &Method::PUT, labels: &labels, query: &query, headers: &map };
    let mut input = I::default();
    decode(Protocol::RestXml, &SERVICE, I::Operation::SCHEMA, &head, body.as_bytes(), &mut input)?;
    validate(&input).map(|()| input)
}

fn written<O: Operation>(output: &O::Output) -> (u16, HeaderMap, String) {
    let encoded = encode(Protocol::RestXml, &SERVICE, O::SCHEMA, output, "id").unwrap();
    (encoded.status, encoded.headers.into_iter().collect(), String::from_utf8(encoded.body).unwrap())
}

fn document(inside: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{inside}")
}

#[test]
fn a_listing_has_the_root_the_namespace_and_the_flattened_lists_of_s3() {
    let output = ListObjectsV2Output {
        name: Some("b".to_owned()),
        prefix: Some(String::new()),
        key_count: Some(1),
        max_keys: Some(1000),
        is_truncated: Some(false),
        contents: vec![Object {
            key: Some("a&\u{1}\r".to_owned()),
            etag: Some("\"d41d8cd98f00b204e9800998ecf8427e\"".to_owned()),
            last_modified: Some(Timestamp::from_millis(1_795_537_958_000)),
            size: Some(0),
            storage_class: Some(ObjectStorageClass::Standard),
            ..Default::default()
        }],
        ..Default::default()
    };
    let (status, headers, body) = written::<op::ListObjectsV2>(&output);
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "application/xml"));
    assert_eq!(
        body,
        document(&format!(
            "<ListBucketResult {XMLNS}><IsTruncated>false</IsTruncated><Contents><Key>a&amp;&#x1;&#13;</Key>\
             <LastModified>2026-11-24T16:32:38.000Z</LastModified>\
             <ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>0</Size>\
             <StorageClass>STANDARD</StorageClass></Contents><Name>b</Name><Prefix></Prefix>\
             <MaxKeys>1000</MaxKeys><KeyCount>1</KeyCount></ListBucketResult>"
        ))
    );
    let mut read = ListObjectsV2Output::default();
    let op = op::ListObjectsV2::SCHEMA;
    decode_response(Protocol::RestXml, &SERVICE, op, 200, &headers, body.as_bytes(), &mut read).unwrap();
    assert_eq!(format!("{read:?}"), format!("{output:?}"));
}

#[test]
fn a_configuration_of_which_nothing_is_set_is_an_empty_document() {
    let (_, _, body) = written::<op::GetBucketVersioning>(&Default::default());
    assert_eq!(body, document(&format!("<VersioningConfiguration {XMLNS}></VersioningConfiguration>")));
}

#[test]
fn the_location_is_text_in_the_root_and_empty_for_us_east_1() {
    let (_, _, body) = written::<op::GetBucketLocation>(&Default::default());
    assert_eq!(body, document(&format!("<LocationConstraint {XMLNS}></LocationConstraint>")));
    let output =
        GetBucketLocationOutput { location_constraint: BucketLocationConstraint::parse("eu-central-1") };
    let (_, headers, body) = written::<op::GetBucketLocation>(&output);
    assert_eq!(body, document(&format!("<LocationConstraint {XMLNS}>eu-central-1</LocationConstraint>")));
    let mut read = GetBucketLocationOutput::default();
    let op = op::GetBucketLocation::SCHEMA;
    decode_response(Protocol::RestXml, &SERVICE, op, 200, &headers, body.as_bytes(), &mut read).unwrap();
    assert_eq!(read.location_constraint, output.location_constraint);
}

#[test]
fn a_grantee_s_type_is_an_attribute_beside_its_namespace() {
    let grantee =
        Grantee { id: Some("f".to_owned()), r#type: Type::parse("CanonicalUser"), ..Default::default() };
    let grant = Grant { grantee: Some(Box::new(grantee)), permission: Permission::parse("FULL_CONTROL") };
    let (_, _, body) =
        written::<op::GetBucketAcl>(&GetBucketAclOutput { grants: Some(vec![grant]), owner: None });
    assert!(
        body.contains(
            "<AccessControlList><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:type=\"CanonicalUser\"><ID>f</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>"
        ),
        "{body}"
    );
}

#[test]
fn answers_without_a_body_have_no_content_type_and_policies_are_json() {
    let (status, headers, body) = written::<op::DeleteObject>(&Default::default());
    assert_eq!((status, headers.get("content-type"), body.as_str()), (204, None, ""));
    let (_, headers, body) =
        written::<op::GetBucketPolicy>(&GetBucketPolicyOutput { policy: Some("{ }".to_owned()) });
    assert_eq!((headers["content-type"].to_str().unwrap(), body.as_str()), ("application/json", "{ }"));
    let output = GetObjectOutput {
        content_type: Some("text/x".to_owned()),
        metadata: vec![("color".to_owned(), "blue".to_owned())],
        last_modified: Some(Timestamp::from_secs(1_795_537_958)),
        ..Default::default()
    };
    let (_, headers, body) = written::<op::GetObject>(&output);
    assert_eq!(headers["content-type"], "text/x");
    assert_eq!(headers["x-amz-meta-color"], "blue");
    assert_eq!(headers["last-modified"], "Tue, 24 Nov 2026 16:32:38 GMT");
    assert!(body.is_empty());
}

#[test]
fn a_header_that_cannot_be_one_is_an_error_not_a_split_answer() {
    let output = GetObjectOutput { content_type: Some("a\r\nx-evil: 1".to_owned()), ..Default::default() };
    assert!(encode(Protocol::RestXml, &SERVICE, op::GetObject::SCHEMA, &output, "id").is_err());
}

#[test]
fn reads_deletes_as_every_client_writes_them() {
    let plain = format!(
        "<Delete {XMLNS}><Object><Key>a</Key></Object><Quiet>true</Quiet><Object><Key>b&#13;</Key><VersionId>v</VersionId></Object></Delete>"
    );
    for body in [plain.clone(), plain.replace(XMLNS, ""), format!("\u{feff}{}", document(&plain))] {
        let input: DeleteObjectsInput = read(&[("delete", "")], &[], &body).unwrap();
        assert_eq!(input.delete.quiet, Some(true));
        let keys: Vec<&str> = input.delete.objects.iter().map(|object| object.key.as_str()).collect();
        assert_eq!(keys, ["a", "b\r"]);
    }
    for body in ["", "<Delete/>", "<Delete><Object/></Delete>"] {
        let error = read::<DeleteObjectsInput>(&[], &[], body).unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Missing, "{body}");
    }
}

#[test]
fn reads_headers_metadata_and_query() {
    let headers = [
        ("x-amz-meta-color", "blue"),
        ("x-amz-meta-color", "red"),
        ("x-amz-meta-name", "caf\u{e9}"),
        ("content-type", "text/plain"),
        ("x-amz-storage-class", "STANDARD_IA"),
    ];
    let input: PutObjectInput = read(&[], &headers, "").unwrap();
    assert_eq!((input.bucket.as_str(), input.key.as_str()), ("b", "k"));
    assert_eq!(input.content_type.as_deref(), Some("text/plain"));
    assert_eq!(input.storage_class, Some(StorageClass::StandardIa));
    let mut metadata = input.metadata.clone();
    metadata.sort();
    assert_eq!(metadata, [("color".into(), "blue,red".into()), ("name".into(), "caf\u{e9}".into())]);

    let input: ListObjectsV2Input =
        read(&[("list-type", "2"), ("prefix", ""), ("max-keys", "7")], &[], "").unwrap();
    assert_eq!((input.prefix.as_deref(), input.max_keys), (Some(""), Some(7)));
    for bad in
        [[("max-keys", "x")], [("max-keys", "")], [("max-keys", "99999999999")], [("encoding-type", "xml")]]
    {
        assert!(read::<ListObjectsV2Input>(&bad, &[], "").is_err(), "{bad:?}");
    }
    assert!(read::<ListObjectsV2Input>(&[("prefix", "a"), ("prefix", "b")], &[], "").is_err());
}

#[test]
fn only_bodies_that_mean_something_are_buffered() {
    assert!(!needs_body(Protocol::RestXml, op::PutObject::SCHEMA));
    assert!(!needs_body(Protocol::RestXml, op::GetObject::SCHEMA));
    assert!(needs_body(Protocol::RestXml, op::DeleteObjects::SCHEMA));
    assert!(needs_body(Protocol::RestXml, op::PutBucketPolicy::SCHEMA));
}

#[test]
fn the_longest_legal_requests_are_within_the_limits() {
    let key = "&#x1;".repeat(1024);
    let objects = format!("<Object><Key>{key}</Key></Object>").repeat(1000);
    let input: DeleteObjectsInput = read(&[], &[], &format!("<Delete>{objects}</Delete>")).unwrap();
    assert_eq!(input.delete.objects.len(), 1000);
    let part = "<Part><PartNumber>1</PartNumber><ETag>\"d41d8cd98f00b204e9800998ecf8427e\"</ETag><ChecksumSHA256>47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=</ChecksumSHA256></Part>";
    let body = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", part.repeat(10_000));
    assert!(body.len() < limits::MAX_LONG_BODY_BYTES);
    let input: CompleteMultipartUploadInput = read(&[("uploadId", "u")], &[], &body).unwrap();
    assert_eq!(input.multipart_upload.unwrap().parts.len(), 10_000);
}

#[test]
fn errors_are_bare_for_s3_and_wrapped_for_s3_control() {
    let mut error = ErrorResponse::new("NoSuchKey", "The specified key does not exist.", 404);
    error.members.push(("Key".into(), "a<b".into()));
    error.request_id = "4442587FB7D0A2F9".into();
    error.host_id = Some("host".into());
    let encoded = encode_error(Protocol::RestXml, &SERVICE, &error);
    assert_eq!(encoded.status, 404);
    assert_eq!(
        String::from_utf8(encoded.body.clone()).unwrap(),
        document(
            "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>a&lt;b</Key>\
             <RequestId>4442587FB7D0A2F9</RequestId><HostId>host</HostId></Error>"
        )
    );
    let read = decode_error(Protocol::RestXml, &HeaderMap::new(), &encoded.body);
    assert_eq!((read.code.as_str(), read.request_id.as_deref()), ("NoSuchKey", Some("4442587FB7D0A2F9")));
    let control = ServiceSchema {
        name: "s3control",
        service_id: "S3 Control",
        signing_name: "s3",
        api_version: "2018-08-20",
        target_prefix: None,
        xml_namespace: None,
        protocols: &[Protocol::RestXml],
        query_compatible: false,
        operations: &[],
    };
    let encoded = encode_error(Protocol::RestXml, crate::model::leak(control), &error);
    let body = String::from_utf8(encoded.body).unwrap();
    assert!(
        body.contains("<Error><Type>Sender</Type><Code>NoSuchKey</Code>")
            && body.ends_with("</ErrorResponse>")
    );
}

#[test]
fn requests_that_we_send_are_those_that_s3_reads() {
    let rule = CorsRule {
        allowed_methods: vec!["GET".to_owned(), "PUT".to_owned()],
        allowed_origins: vec!["*".to_owned()],
        ..Default::default()
    };
    let input = PutBucketCorsInput {
        bucket: "b".to_owned(),
        cors_configuration: CorsConfiguration { cors_rules: vec![rule] },
        ..Default::default()
    };
    let sent = encode_request(Protocol::RestXml, &SERVICE, op::PutBucketCors::SCHEMA, &input).unwrap();
    assert_eq!((sent.method, sent.uri.as_str()), (Method::PUT, "/b?cors"));
    let body = String::from_utf8(sent.body).unwrap();
    assert_eq!(
        body,
        document(&format!(
            "<CORSConfiguration {XMLNS}><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>\
             <AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>"
        ))
    );
    let read: PutBucketCorsInput = read(&[], &[], &body).unwrap();
    assert_eq!(format!("{read:?}"), format!("{input:?}"));
    let get = GetObjectInput { bucket: "b".into(), key: "a b/ü+%/..".into(), ..Default::default() };
    let sent = encode_request(Protocol::RestXml, &SERVICE, op::GetObject::SCHEMA, &get).unwrap();
    assert_eq!(sent.uri, "/b/a%20b/%C3%BC%2B%25/..");
}

#[test]
fn cloudtrail_shows_parameters_as_aws_does_and_hides_secrets() {
    let input: PutBucketVersioningInput =
        read(&[], &[], "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
            .unwrap();
    assert_eq!(
        render_cloudtrail_request(&SERVICE, op::PutBucketVersioning::SCHEMA, &input),
        r#"{"bucketName":"b","VersioningConfiguration":{"Status":"Enabled"},"versioning":""}"#
    );
    let input = PutObjectInput {
        bucket: "b".into(),
        key: "k".into(),
        sse_customer_key: Some("c2VjcmV0".into()),
        sse_customer_key_md5: Some("bWQ1".into()),
        metadata: vec![("name".into(), "Alice".into())],
        content_type: Some("text/plain".into()),
        ..Default::default()
    };
    assert_eq!(
        render_cloudtrail(&input),
        concat!(
            r#"{"bucketName":"b","key":"k","x-amz-server-side-encryption-customer-key":"HIDDEN_DUE_TO_SECURITY_REASONS","#,
            r#""x-amz-server-side-encryption-customer-key-md5":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#
        )
    );
    let long = GetObjectInput {
        bucket: "b".into(),
        key: "k".repeat(limits::MAX_RENDERED_BYTES),
        ..Default::default()
    };
    let rendered = render_cloudtrail(&long);
    assert!(rendered.starts_with(r#"{"omitted":true,"#) && rendered.len() < 200);
}

#[test]
fn the_model_s_lengths_are_demanded() {
    let input = GetObjectInput { bucket: "b".into(), key: String::new(), ..Default::default() };
    let error = validate(&input as &dyn Structure).unwrap_err();
    assert_eq!((error.member, matches!(error.kind, ReadErrorKind::Constraint(_))), ("Key", true));
}
