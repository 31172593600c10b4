use proptest::prelude::*;
use strongroom_record::{EffectKind, SignatureRecord, TlsRecord};

use super::*;

pub(crate) fn sample() -> (Decided, Completed) {
    let owner = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be";
    let decided = Decided {
        request_id: "DD6CC733AEXAMPLE".into(),
        host_id: "10S62Zv81kBW7BB6SX4XJ48o6kpcl6LPwEoizZQQxJd5qDSCTLX0TgS37kYUBKQW3+bPdrg1234=".into(),
        received_at_millis: 1_549_411_261_000,
        caller: CallerRecord {
            kind: CallerKind::Root,
            canonical_user_id: Some(owner.into()),
            ..CallerRecord::default()
        },
        service: "s3".into(),
        operation: "PutObject".into(),
        bucket: Some("amzn-s3-demo-bucket1".into()),
        bucket_owner_canonical: Some(owner.into()),
        key: Some("s3-dg.pdf".into()),
        source_ip: "192.0.2.3".into(),
        user_agent: Some("S3Console/0.4".into()),
        host: Some("amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com".into()),
        method: "PUT".into(),
        target: "/amzn-s3-demo-bucket1/s3-dg.pdf".into(),
        signature: Some(SignatureRecord { version: "SigV4".into(), method: "AuthHeader".into() }),
        tls: Some(TlsRecord {
            version: "TLSv1.2".into(),
            cipher: "ECDHE-RSA-AES128-GCM-SHA256".into(),
            ..TlsRecord::default()
        }),
        ..Decided::default()
    };
    let completed = Completed {
        request_id: decided.request_id.clone(),
        status: 200,
        bytes_in: 4_406_583,
        object_size: Some(4_406_583),
        total_micros: 41_754_000,
        turn_around_micros: 28_900,
        ..Completed::default()
    };
    (decided, completed)
}

/// Splits a line as the documented pattern of readers does: brackets and quotes hold a field together.
fn split(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let end = match rest.as_bytes()[0] {
            b'"' => rest[1..].find('"').map(|at| at + 2),
            b'[' => rest.find(']').map(|at| at + 1),
            _ => rest.find(' '),
        }
        .unwrap_or(rest.len());
        fields.push(rest[..end].to_owned());
        rest = rest[end..].strip_prefix(' ').unwrap_or(&rest[end..]);
    }
    fields
}

/// tests/golden/access-log.txt: the fields of the example in "Amazon S3 server access log format" (PUT of s3-dg.pdf).
#[test]
fn a_put_reads_as_in_awss_example() {
    let (decided, completed) = sample();
    let golden = include_str!("../../tests/golden/access-log.txt");
    let wanted = golden.lines().find(|line| !line.starts_with('#')).unwrap();
    assert_eq!(line(&decided, &completed).unwrap(), wanted);
    assert_eq!(split(wanted).len(), 27);
}

#[test]
fn requests_without_a_known_bucket_and_of_other_services_have_no_line() {
    let (decided, completed) = sample();
    assert_eq!(line(&Decided { bucket: None, ..decided.clone() }, &completed), None);
    assert_eq!(line(&Decided { bucket_owner_canonical: None, ..decided.clone() }, &completed), None);
    assert_eq!(line(&Decided { service: "sts".into(), ..decided }, &completed), None);
}

#[test]
fn operations_are_named_by_method_and_resource() {
    let (decided, completed) = sample();
    let named = |method: &str, operation: &str, key: bool| {
        let decided = Decided {
            method: method.into(),
            operation: operation.into(),
            key: key.then(|| "k".into()),
            ..decided.clone()
        };
        split(&line(&decided, &completed).unwrap())[6].clone()
    };
    // The first four stand in AWS's examples.
    assert_eq!(named("GET", "GetBucketVersioning", false), "REST.GET.VERSIONING");
    assert_eq!(named("GET", "GetBucketLogging", false), "REST.GET.LOGGING_STATUS");
    assert_eq!(named("GET", "GetBucketPolicy", false), "REST.GET.BUCKETPOLICY");
    assert_eq!(named("PUT", "PutObject", true), "REST.PUT.OBJECT");
    assert_eq!(named("GET", "ListObjectsV2", false), "REST.GET.BUCKET");
    assert_eq!(named("PUT", "CopyObject", true), "REST.COPY.OBJECT");
    assert_eq!(named("PUT", "UploadPart", true), "REST.PUT.PART");
    assert_eq!(named("POST", "CreateMultipartUpload", true), "REST.POST.UPLOADS");
    assert_eq!(named("POST", "CompleteMultipartUpload", true), "REST.POST.UPLOAD");
    assert_eq!(named("POST", "DeleteObjects", false), "REST.POST.MULTI_OBJECT_DELETE");
    assert_eq!(named("HEAD", "HeadBucket", false), "REST.HEAD.BUCKET");
    assert_eq!(named("GET", "GetObjectAcl", true), "REST.GET.ACL");
}

#[test]
fn requesters_are_shown_as_aws_shows_them() {
    let (decided, completed) = sample();
    let shown = |caller: CallerRecord| {
        split(&line(&Decided { caller, ..decided.clone() }, &completed).unwrap())[4].clone()
    };
    assert_eq!(shown(CallerRecord::default()), "-");
    let arn = "arn:aws:sts::111122223333:assumed-role/app/session";
    let role =
        CallerRecord { kind: CallerKind::AssumedRole, arn: Some(arn.into()), ..CallerRecord::default() };
    assert_eq!(shown(role), arn);
}

#[test]
fn the_access_point_and_the_need_of_a_list_are_told() {
    let (decided, completed) = sample();
    let fields = |decided: &Decided| split(&line(decided, &completed).unwrap())[24..].to_vec();
    assert_eq!(fields(&decided), ["-", "-", "-"]);
    let arn = "arn:aws:s3:us-west-2:111122223333:accesspoint/reports";
    let listed = Decided { access_point_arn: Some(arn.into()), acl_required: true, ..decided };
    assert_eq!(fields(&listed), [arn, "Yes", "-"]);
}

#[test]
fn what_clients_send_can_forge_neither_field_nor_line() {
    let (decided, completed) = sample();
    let evil = "x\" 200 - 1 \"\r\nforged\\";
    let decided = Decided {
        user_agent: Some(evil.into()),
        referer: Some(evil.into()),
        target: format!("/{evil}"),
        key: Some(evil.into()),
        host: Some(evil.into()),
        version_id: Some(evil.into()),
        ..decided
    };
    let line = line(&decided, &completed).unwrap();
    assert!(!line.contains(['\r', '\n', '\\']));
    let fields = split(&line);
    assert_eq!(fields.len(), 27, "{line}");
    assert_eq!(fields[16], "\"x%22 200 - 1 %22%0D%0Aforged%5C\"");
    assert_eq!(fields[7], "x%22%20200%20-%201%20%22%0D%0Aforged%5C");
}

#[test]
fn each_key_of_a_batch_has_a_line() {
    let (decided, completed) = sample();
    let effect = |key: &str, code: Option<&str>| Effect {
        kind: EffectKind::Delete,
        key: Some(key.into()),
        error_code: code.map(str::to_owned),
        ..Effect::default()
    };
    let decided = Decided {
        method: "POST".into(),
        operation: "DeleteObjects".into(),
        key: None,
        effects: vec![effect("a", None)],
        ..decided
    };
    let more = Continued { request_id: String::new(), effects: vec![effect("b c", Some("AccessDenied"))] };
    let lines = lines(&decided, &[more], &completed);
    let told: Vec<_> = lines.iter().map(|line| split(line)[6..11].join(" ")).collect();
    let request = "\"POST /amzn-s3-demo-bucket1/s3-dg.pdf HTTP/1.1\"";
    assert_eq!(
        told,
        [
            format!("REST.POST.MULTI_OBJECT_DELETE - {request} 200 -"),
            format!("BATCH.DELETE.OBJECT a {request} 204 -"),
            format!("BATCH.DELETE.OBJECT b%20c {request} 403 AccessDenied"),
        ]
    );
}

proptest! {
    #[test]
    fn any_record_is_one_line_of_27_fields(
        texts in proptest::collection::vec(any::<String>(), 12), millis: i64, status: u16, sizes: [u64; 4],
    ) {
        let (decided, completed) = sample();
        let text = |n: usize| texts[n].clone();
        let decided = Decided {
            request_id: text(0), host_id: text(1), operation: text(2), method: text(3), target: text(4),
            key: Some(text(5)), user_agent: Some(text(6)), referer: Some(text(7)), host: Some(text(8)),
            source_ip: text(9), bucket: Some(text(10)), received_at_millis: millis, ..decided
        };
        let completed = Completed {
            status, error_code: Some(text(11)), bytes_out: sizes[0], object_size: Some(sizes[1]),
            total_micros: sizes[2], turn_around_micros: sizes[3], ..completed
        };
        let line = line(&decided, &completed).unwrap();
        prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert_eq!(split(&line).len(), 27);
    }
}
