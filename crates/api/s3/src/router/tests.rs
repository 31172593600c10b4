use proptest::prelude::*;
use strongroom_shape::route::{Place, Request, Unrouted};
use strongroom_shape::{Location, OperationSchema};

use super::*;

/// A request as a client writes it: method, place, query, names of headers.
#[derive(Debug, Clone)]
struct Sent {
    method: &'static str,
    place: Place<'static>,
    query: Vec<(&'static str, &'static str)>,
    headers: Vec<&'static str>,
}

impl Sent {
    fn with<T>(&self, then: impl FnOnce(&Request<'_, 'static>) -> T) -> T {
        let has_header = |name: &str| self.headers.iter().any(|header| header.eq_ignore_ascii_case(name));
        then(&Request { method: self.method, place: self.place, query: &self.query, has_header: &has_header })
    }

    fn resolve(&self) -> Result<&'static str, Unrouted> {
        self.with(|request| router().resolve(request).map(|found| found.operation.name))
    }
}

/// The request that a client writes for `operation`, with its required members, or with all.
fn sent(operation: &'static OperationSchema, all: bool) -> Sent {
    let (path, query) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
    let place = match path {
        "/" => Place::Service,
        "/{Bucket}" => Place::Bucket,
        "/{Bucket}/{Key+}" => Place::Object,
        other => Place::Path(other),
    };
    let literals = query.split('&').filter(|part| !part.is_empty());
    let mut query: Vec<_> = literals.map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
    query.push(("x-id", operation.name));
    let members = operation.input.members.iter().filter(|member| all || member.flags.required);
    let at = |location| {
        members.clone().filter(move |member| member.location == location).map(|member| member.wire_name)
    };
    query.extend(at(Location::Query).map(|name| (name, "1")));
    Sent { method: operation.method, place, query, headers: at(Location::Header).collect() }
}

fn twin(shadowed: &str) -> String {
    match shadowed {
        "ListDirectoryBuckets" => "ListBuckets".to_owned(),
        twin => format!("{twin}Configuration"),
    }
}

#[test]
fn every_operation_is_reached_by_its_smallest_and_by_its_fullest_request() {
    assert_eq!(SERVICE.operations.len(), 116);
    for operation in SERVICE.operations {
        let shadowed = service::SHADOWED.contains(&operation.name);
        let expected = if shadowed { twin(operation.name) } else { operation.name.to_owned() };
        for all in [false, true] {
            assert_eq!(
                sent(operation, all).resolve().as_deref(),
                Ok(expected.as_str()),
                "all members: {all}"
            );
        }
    }
}

fn ask(
    method: &'static str,
    place: Place<'static>,
    query: &[(&'static str, &'static str)],
    headers: &[&'static str],
) -> Result<&'static str, Unrouted> {
    Sent { method, place, query: query.to_vec(), headers: headers.to_vec() }.resolve()
}

#[test]
fn a_copy_is_told_from_an_upload_by_its_header_and_a_part_by_its_query() {
    let part: &[_] = &[("partNumber", "1"), ("uploadId", "u")];
    let source: &[_] = &["X-Amz-Copy-Source"];
    assert_eq!(ask("PUT", Place::Object, &[], &[]), Ok("PutObject"));
    assert_eq!(ask("PUT", Place::Object, &[], source), Ok("CopyObject"));
    assert_eq!(ask("PUT", Place::Object, part, &[]), Ok("UploadPart"));
    assert_eq!(ask("PUT", Place::Object, part, source), Ok("UploadPartCopy"));
    assert_eq!(ask("PUT", Place::Object, &[("acl", "")], source), Ok("PutObjectAcl"));
    assert_eq!(
        ask("PUT", Place::Object, &[("renameObject", "")], &["x-amz-rename-source"]),
        Ok("RenameObject")
    );
}

#[test]
fn half_a_part_upload_never_becomes_an_object() {
    for source in [&[][..], &["x-amz-copy-source"]] {
        let part_number = ask("PUT", Place::Object, &[("partNumber", "1")], source);
        assert_eq!(part_number, Err(Unrouted::Missing { parameter: "uploadId" }));
        let upload_id = ask("PUT", Place::Object, &[("uploadId", "u")], source);
        assert_eq!(upload_id, Err(Unrouted::Missing { parameter: "partNumber" }));
    }
}

#[test]
fn an_upload_id_changes_what_get_post_and_delete_mean() {
    let upload: &[_] = &[("uploadId", "u")];
    assert_eq!(ask("GET", Place::Object, upload, &[]), Ok("ListParts"));
    assert_eq!(ask("POST", Place::Object, upload, &[]), Ok("CompleteMultipartUpload"));
    assert_eq!(ask("DELETE", Place::Object, upload, &[]), Ok("AbortMultipartUpload"));
    assert_eq!(ask("POST", Place::Object, &[("uploads", "")], &[]), Ok("CreateMultipartUpload"));
    assert_eq!(ask("POST", Place::Object, &[], &[]), Err(Unrouted::MethodNotAllowed));
    assert_eq!(ask("GET", Place::Object, &[("partNumber", "2")], &[]), Ok("GetObject"));
    assert_eq!(ask("HEAD", Place::Object, &[("partNumber", "2")], &[]), Ok("HeadObject"));
    assert_eq!(ask("DELETE", Place::Object, &[("versionId", "v")], &[]), Ok("DeleteObject"));
}

#[test]
fn list_type_2_and_nothing_else_is_the_second_listing() {
    assert_eq!(ask("GET", Place::Bucket, &[("list-type", "2"), ("prefix", "a")], &[]), Ok("ListObjectsV2"));
    assert_eq!(ask("GET", Place::Bucket, &[("list-type", "1")], &[]), Ok("ListObjects"));
    assert_eq!(ask("GET", Place::Bucket, &[("versions", "")], &[]), Ok("ListObjectVersions"));
    assert_eq!(ask("GET", Place::Bucket, &[("uploads", "")], &[]), Ok("ListMultipartUploads"));
    assert_eq!(ask("GET", Place::Bucket, &[], &[]), Ok("ListObjects"));
}

#[test]
fn an_id_tells_one_configuration_from_all() {
    for (kind, one, all) in [
        ("analytics", "GetBucketAnalyticsConfiguration", "ListBucketAnalyticsConfigurations"),
        ("inventory", "GetBucketInventoryConfiguration", "ListBucketInventoryConfigurations"),
        ("metrics", "GetBucketMetricsConfiguration", "ListBucketMetricsConfigurations"),
        (
            "intelligent-tiering",
            "GetBucketIntelligentTieringConfiguration",
            "ListBucketIntelligentTieringConfigurations",
        ),
    ] {
        assert_eq!(ask("GET", Place::Bucket, &[(kind, ""), ("id", "x")], &[]), Ok(one));
        assert_eq!(ask("GET", Place::Bucket, &[(kind, "")], &[]), Ok(all));
    }
    assert_eq!(ask("GET", Place::Bucket, &[("id", "x")], &[]), Ok("ListObjects"));
}

#[test]
fn a_sub_resource_that_the_method_does_not_have_never_falls_through() {
    for name in ["acl", "versioning", "uploads", "versions", "location", "policyStatus", "delete"] {
        assert_eq!(
            ask("DELETE", Place::Bucket, &[(name, "")], &[]),
            Err(Unrouted::MethodNotAllowed),
            "{name}"
        );
    }
    assert_eq!(ask("PUT", Place::Object, &[("torrent", "")], &[]), Err(Unrouted::MethodNotAllowed));
    assert_eq!(ask("DELETE", Place::Object, &[("acl", "")], &[]), Err(Unrouted::MethodNotAllowed));
    assert_eq!(ask("DELETE", Place::Object, &[("retention", "")], &[]), Err(Unrouted::MethodNotAllowed));
}

#[test]
fn two_sub_resources_are_a_conflict() {
    let both = ask("GET", Place::Bucket, &[("acl", ""), ("tagging", "")], &[]);
    assert_eq!(both, Err(Unrouted::Conflict { first: "acl", second: "tagging" }));
    assert_eq!(ask("GET", Place::Bucket, &[("acl", ""), ("acl", "")], &[]), Ok("GetBucketAcl"));
}

#[test]
fn unknown_parameters_and_sub_resources_of_other_places_are_ignored() {
    assert_eq!(ask("GET", Place::Object, &[("utm_source", "mail")], &[]), Ok("GetObject"));
    assert_eq!(ask("GET", Place::Object, &[("policy", "")], &[]), Ok("GetObject"));
    assert_eq!(ask("GET", Place::Service, &[("x-id", "ListBuckets")], &[]), Ok("ListBuckets"));
}

#[test]
fn posts_are_told_apart() {
    assert_eq!(ask("POST", Place::Bucket, &[("delete", "")], &[]), Ok("DeleteObjects"));
    assert_eq!(ask("POST", Place::Object, &[("restore", "")], &[]), Ok("RestoreObject"));
    let select = ask("POST", Place::Object, &[("select", ""), ("select-type", "2")], &[]);
    assert_eq!(select, Ok("SelectObjectContent"));
    let other = ask("POST", Place::Object, &[("select", ""), ("select-type", "3")], &[]);
    assert_eq!(other, Err(Unrouted::MethodNotAllowed));
    assert_eq!(ask("POST", Place::Path("/WriteGetObjectResponse"), &[], &[]), Ok("WriteGetObjectResponse"));
}

#[test]
fn a_form_upload_to_a_bucket_is_no_modelled_operation() {
    assert_eq!(ask("POST", Place::Bucket, &[], &[]), Err(Unrouted::MethodNotAllowed));
    assert_eq!(ask("OPTIONS", Place::Object, &[], &[]), Err(Unrouted::MethodNotAllowed));
}

#[test]
fn a_missing_header_is_left_to_the_decoder_to_name() {
    assert_eq!(ask("GET", Place::Object, &[("attributes", "")], &[]), Ok("GetObjectAttributes"));
    assert_eq!(ask("DELETE", Place::Bucket, &[("metrics", "")], &[]), Ok("DeleteBucketMetricsConfiguration"));
}

/// Every parameter and header that some operation knows, and one that none does.
fn vocabulary() -> (Vec<(&'static str, &'static str)>, Vec<&'static str>) {
    let mut query = vec![("unknown", "")];
    let mut headers = vec!["x-unknown"];
    for operation in SERVICE.operations {
        let full = sent(operation, true);
        query.extend(full.query);
        headers.extend(full.headers);
    }
    headers.sort_unstable();
    headers.dedup();
    query.sort_unstable();
    query.dedup();
    (query, headers)
}

fn any_request() -> impl Strategy<Value = Sent> {
    let (query, headers) = vocabulary();
    let method = prop::sample::select(vec!["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "get"]);
    let place = prop::sample::select(vec![Place::Service, Place::Bucket, Place::Object, Place::Path("/b/k")]);
    let query = prop::collection::vec(prop::sample::select(query), 0..5);
    let headers = prop::collection::vec(prop::sample::select(headers), 0..4);
    (method, place, query, headers).prop_map(|(method, place, query, headers)| Sent {
        method,
        place,
        query,
        headers,
    })
}

proptest! {
    #[test]
    fn no_request_asks_for_two_operations(sent in any_request()) {
        let all = sent.with(|request| router().resolve_all(request));
        prop_assert!(all.len() <= 1, "{:?}", all.iter().map(|operation| operation.name).collect::<Vec<_>>());
        prop_assert_eq!(all.first().map(|operation| operation.name), sent.resolve().ok());
    }

    #[test]
    fn what_a_request_reaches_has_its_method_and_the_sub_resource_it_names(sent in any_request()) {
        let found = sent.with(|request| router().resolve(request).map(|found| found.operation).ok());
        if let Some(found) = found {
            prop_assert_eq!(found.method, sent.method);
            for (name, _) in &sent.query {
                if ["acl", "policy", "versioning", "delete", "uploads"].contains(name) && sent.place == Place::Bucket {
                    prop_assert!(found.uri.contains(name), "{} for {name}", found.name);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_routed_or_refused(data in prop::collection::vec(any::<u8>(), 0..200), text in "(GET|PUT)\n[a-z/{}+%]{0,20}\n([a-zA-Z-]{0,9}[=:]\n){0,4}") {
        fuzz_router(&data);
        fuzz_router(text.as_bytes());
    }

    #[test]
    fn a_raw_path_is_read_as_the_split_place_is(sent in any_request(), key in "[a-z/%.]{1,12}") {
        let path = format!("/bucket/{key}");
        let split = Sent { place: Place::Object, ..sent.clone() }.resolve();
        let raw = sent.with(|request| {
            let request = Request { place: Place::Path(&path), ..*request };
            router().resolve(&request).map(|found| (found.operation.name, found.labels.last().map(|label| label.1 == key)))
        });
        prop_assert_eq!(raw, split.map(|name| (name, Some(true))));
    }
}
