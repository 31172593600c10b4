//! AWS's protocol compliance cases with the arrows turned round: what a client would send is decoded, what it would
//! read is encoded. See `tests/protocol/README.md`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use base64::Engine as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;
use strongroom_codec::{
    EncodedResponse, ErrorResponse, RequestHead, decode, decode_response, encode, encode_error,
};
use strongroom_shape::{Fault, Kind, Location, Protocol, ServiceSchema, Structure as _, StructureSchema};

use crate::dynamic::{DynStructure, Value};
use crate::model::{Shapes, error, operation, service};
use crate::semantic::{self, seen_by_clients};

/// File, protocol.
const FILES: [(&str, Protocol); 10] = [
    ("ec2", Protocol::Ec2Query),
    ("json", Protocol::AwsJson11),
    ("json_1_0", Protocol::AwsJson10),
    ("json_1_0-query-compatible", Protocol::AwsJson10),
    ("query", Protocol::AwsQuery),
    ("rest-json", Protocol::RestJson1),
    ("rest-xml", Protocol::RestXml),
    ("smithy-rpc-v2-cbor", Protocol::RpcV2Cbor),
    ("smithy-rpc-v2-cbor-query-compatible", Protocol::RpcV2Cbor),
    ("smithy-rpc-v2-cbor-non-query-compatible", Protocol::RpcV2Cbor),
];

struct Case {
    /// "rest-xml/input/AllQueryStringTypes"; a number follows where a file uses an id twice.
    name: String,
    protocol: Protocol,
    suite: Json,
    case: Json,
    input: bool,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol");
    let mut all = Vec::new();
    for (file, protocol) in FILES {
        for direction in ["input", "output"] {
            let text = std::fs::read(folder.join(direction).join(format!("{file}.json"))).unwrap();
            let suites: Vec<Json> = serde_json::from_slice(&text).unwrap();
            let mut ids: BTreeMap<String, usize> = BTreeMap::new();
            for suite in suites {
                for case in suite["cases"].as_array().unwrap() {
                    let id = case["id"].as_str().unwrap();
                    let count = ids.entry(id.to_owned()).or_default();
                    *count += 1;
                    let again = if *count == 1 { String::new() } else { format!("#{count}") };
                    all.push(Case {
                        name: format!("{file}/{direction}/{id}{again}"),
                        protocol,
                        suite: suite.clone(),
                        case: case.clone(),
                        input: direction == "input",
                    });
                }
            }
        }
    }
    all
}

fn run(case: &Case) -> Result<(), String> {
    let shapes = Shapes(&case.suite["shapes"]);
    let service = service(case.protocol, &case.suite["metadata"]);
    let given = &case.case["given"];
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        if case.input {
            run_input(case, &shapes, service)
        } else if given["errors"].is_array() && case.case["error"].is_object() {
            run_error(case, &shapes, service)
        } else {
            run_output(case, &shapes, service)
        }
    }));
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Err(text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("panicked").to_owned())
    })
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

type Labels = Vec<(&'static str, String)>;

/// What the router makes of a URI: labels and query.
fn route(template: &str, uri: &str) -> (Labels, Vec<(String, String)>) {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let template = template.split_once('?').map_or(template, |(path, _)| path);
    let mut labels = Vec::new();
    let mut segments = path.split('/');
    let parts: Vec<&str> = template.split('/').collect();
    for (index, part) in parts.iter().enumerate() {
        let label = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let Some(label) = label else {
            assert_eq!(Some(*part), segments.next(), "{uri} is not of {template}");
            continue;
        };
        let (label, value) = match label.strip_suffix('+') {
            Some(label) => {
                let rest: Vec<&str> = segments.clone().collect();
                let count = rest.len() - (parts.len() - index - 1);
                segments.nth(count - 1);
                (label, rest[..count].join("/"))
            }
            None => (label, segments.next().unwrap().to_owned()),
        };
        labels.push((&**crate::model::leak(label.to_owned()), decoded(&value)));
    }
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    });
    (labels, query.collect())
}

fn header_map(json: &Json) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in json.as_object().into_iter().flatten() {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
    }
    headers
}

fn body(case: &Case, json: &Json) -> Vec<u8> {
    let text = json.as_str().unwrap_or_default();
    if case.protocol == Protocol::RpcV2Cbor {
        base64::engine::general_purpose::STANDARD.decode(text).unwrap()
    } else {
        text.as_bytes().to_vec()
    }
}

/// Without what has two forms on the wire that mean the same, or none: parameters that a member bound to the whole
/// query repeats of members bound to one each, and empty lists and maps outside documents and where the protocol cannot
/// write them.
fn plain(protocol: Protocol, mut value: DynStructure) -> DynStructure {
    let members = value.schema().members;
    let bound: Vec<&str> = members
        .iter()
        .filter(|m| m.location == Location::Query && !matches!(m.kind, Kind::Map(_)))
        .map(|m| m.wire_name)
        .collect();
    for (member, slot) in members.iter().zip(&mut value.values) {
        let outside = member.location != Location::Body;
        match slot {
            Some(Value::Map(entries)) => {
                if member.location == Location::Query {
                    entries.retain(|(key, _)| !bound.contains(&key.as_str()));
                }
                if entries.is_empty()
                    && (outside || matches!(protocol, Protocol::AwsQuery | Protocol::Ec2Query))
                {
                    *slot = None;
                }
            }
            Some(Value::List(values)) if values.is_empty() && (outside || protocol == Protocol::Ec2Query) => {
                *slot = None;
            }
            _ => {}
        }
    }
    value
}

fn same(protocol: Protocol, expected: DynStructure, found: DynStructure) -> Result<(), String> {
    let (expected, found) = (plain(protocol, expected), plain(protocol, found));
    // By way of text, in which NaN equals itself.
    let (expected, found) = (format!("{expected:#?}"), format!("{found:#?}"));
    if expected == found { Ok(()) } else { Err(format!("expected {expected}\nfound {found}")) }
}

/// What a client fills in before it sends.
fn with_token(mut value: DynStructure) -> DynStructure {
    for (member, slot) in value.schema().members.iter().zip(&mut value.values) {
        if member.flags.idempotency_token && slot.is_none() {
            *slot = Some(Value::String("00000000-0000-4000-8000-000000000000".to_owned()));
        }
    }
    value
}

fn run_input(case: &Case, shapes: &Shapes<'_>, service: &'static ServiceSchema) -> Result<(), String> {
    let op = operation(case.protocol, shapes, &case.case["given"]);
    let sent = &case.case["serialized"];
    let (labels, query) = match case.protocol {
        Protocol::RestXml | Protocol::RestJson1 => route(op.uri, sent["uri"].as_str().unwrap()),
        _ => Default::default(),
    };
    let labels: Vec<(&str, Cow<'_, str>)> = labels.into_iter().map(|(n, v)| (n, Cow::Owned(v))).collect();
    let headers = header_map(&sent["headers"]);
    let method = Method::from_bytes(sent["method"].as_str().unwrap_or("POST").as_bytes()).unwrap();
    let head = RequestHead { method: &method, labels: &labels, query: &query, headers: &headers };
    let mut found = DynStructure::new(op.input);
    decode(case.protocol, service, op, &head, &body(case, &sent["body"]), &mut found)
        .map_err(|e| e.to_string())?;
    same(case.protocol, with_token(DynStructure::from_json(op.input, &case.case["params"])), found)
}

fn same_headers(expected: &HeaderMap, found: &EncodedResponse) -> Result<(), String> {
    for (name, value) in expected {
        if name == "content-length" || name == "content-type" && found.body.is_empty() {
            continue;
        }
        let ours = found.headers.iter().find(|(ours, _)| ours == name).map(|(_, value)| value);
        let text = |value: &HeaderValue| semantic::Text(value.to_str().unwrap().to_owned());
        let media = |value: &HeaderValue| value.to_str().unwrap().split(';').next().unwrap().to_owned();
        if name == "content-type" && ours.map(media) == Some(media(value)) {
            continue;
        }
        if ours.map(text) != Some(text(value)) {
            return Err(format!("header {name}: expected {value:?}, found {ours:?}"));
        }
    }
    Ok(())
}

fn run_output(case: &Case, shapes: &Shapes<'_>, service: &'static ServiceSchema) -> Result<(), String> {
    let op = operation(case.protocol, shapes, &case.case["given"]);
    let value = DynStructure::from_json(op.output, &case.case["result"]);
    let expected = &case.case["response"];
    let encoded = encode(case.protocol, service, op, &value, "foo-id").map_err(|error| error.to_string())?;
    if expected["status_code"] != encoded.status {
        return Err(format!("status {}", encoded.status));
    }
    let headers = header_map(&expected["headers"]);
    same_headers(&headers, &encoded)?;
    same_body(case, op.output, &body(case, &expected["body"]), &encoded.body)?;
    // What a client of ours reads of the expected answer is the result.
    let mut read = DynStructure::new(op.output);
    let body = body(case, &expected["body"]);
    if body.is_empty() && !matches!(case.protocol, Protocol::RestXml | Protocol::RestJson1) {
        return Ok(());
    }
    decode_response(case.protocol, service, op, encoded.status, &headers, &body, &mut read)
        .map_err(|error| format!("client: {error}"))?;
    same(case.protocol, value, read)
}

fn same_body(
    case: &Case,
    schema: &'static StructureSchema,
    expected: &[u8],
    found: &[u8],
) -> Result<(), String> {
    let rest = matches!(case.protocol, Protocol::RestXml | Protocol::RestJson1);
    let payload = schema.members.iter().find(|member| rest && member.location == Location::Payload);
    let kind = payload.map(|member| member.kind).unwrap_or(Kind::Structure(schema));
    let equal = match case.protocol {
        Protocol::RestJson1 | Protocol::AwsJson10 | Protocol::AwsJson11 => {
            expected == found || {
                let times = |json: &Json| seen_by_clients(kind, json);
                times(&semantic::json(expected)) == times(&semantic::json(found))
            }
        }
        Protocol::RpcV2Cbor => seen_by_clients(kind, &semantic::cbor(expected)) == semantic::cbor(found),
        Protocol::RestXml | Protocol::AwsQuery | Protocol::Ec2Query => {
            let looks_like_xml = expected.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
            if looks_like_xml || expected.is_empty() && !found.is_empty() {
                let mut names = BTreeSet::new();
                flattened_maps(schema, &mut names);
                let read = |body: &[u8]| answer_element(case.protocol, &names, body);
                read(expected) == read(found)
            } else {
                expected == found
            }
        }
    };
    let text = String::from_utf8_lossy;
    if equal { Ok(()) } else { Err(format!("expected {}\nfound {}", text(expected), text(found))) }
}

fn flattened_maps(schema: &'static StructureSchema, names: &mut BTreeSet<&'static str>) {
    for member in schema.members {
        match member.kind {
            Kind::Map(map) if member.flags.flattened || map.flattened => {
                names.insert(member.wire_name);
            }
            Kind::Structure(inner) => flattened_maps(inner, names),
            _ => {}
        }
    }
}

/// The root without the ids that each answer has, which the cases have at will. No body means no members.
fn answer_element(protocol: Protocol, maps: &BTreeSet<&str>, body: &[u8]) -> (String, semantic::Element) {
    if body.is_empty() {
        return Default::default();
    }
    let (name, mut root) = semantic::xml(std::str::from_utf8(body).unwrap());
    root.sort_maps(maps);
    if protocol != Protocol::RestXml {
        root.without_namespaces();
    }
    for id in ["ResponseMetadata", "requestId", "RequestId"] {
        root.children.remove(id);
    }
    let bare = |element: &semantic::Element| element.children.is_empty() && element.text.0.trim().is_empty();
    let result = name.strip_suffix("Response").map(|name| format!("{name}Result")).unwrap_or_default();
    if root.children.get(&result).is_some_and(|results| results.iter().all(bare)) {
        root.children.remove(&result);
    }
    if bare(&root) && root.attributes.keys().all(|name| name == "xmlns") {
        return Default::default();
    }
    (name, root)
}

fn run_error(case: &Case, shapes: &Shapes<'_>, service: &'static ServiceSchema) -> Result<(), String> {
    let schema = error(shapes, &case.case["given"]);
    let detail = DynStructure::from_json(schema.structure, &case.case["error"]);
    let expected = &case.case["response"];
    let mut answer = ErrorResponse::new(
        schema.code,
        case.case["errorMessage"].as_str().unwrap_or_default(),
        u16::try_from(expected["status_code"].as_u64().unwrap()).unwrap(),
    );
    // The cases' models leave the fault of client errors out.
    answer.fault = if schema.fault == Fault::Receiver { Fault::Receiver } else { Fault::Sender };
    answer.schema = Some(schema);
    answer.detail = Some(&detail);
    answer.request_id = "foo-id".into();
    let encoded = encode_error(case.protocol, service, &answer);
    assert_eq!(expected["status_code"], encoded.status);
    let mut headers = header_map(&expected["headers"]);
    let expected_type = headers.remove("x-amzn-errortype");
    same_headers(&headers, &encoded)?;

    let expected = body(case, &expected["body"]);
    let names: BTreeSet<&str> = schema
        .structure
        .members
        .iter()
        .filter(|member| member.location == Location::Body)
        .map(|member| member.wire_name)
        .filter(|name| !name.eq_ignore_ascii_case("message") || case.case["errorMessage"].is_string())
        .collect();
    match case.protocol {
        Protocol::RestXml | Protocol::AwsQuery | Protocol::Ec2Query => {
            let (expected, found) = (error_element(&expected), error_element(&encoded.body));
            for name in names.iter().copied().chain(["Code", "Type"]) {
                assert_eq!(expected.children.get(name), found.children.get(name), "{name}");
            }
        }
        Protocol::RestJson1 | Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::RpcV2Cbor => {
            let read = |body: &[u8]| {
                if case.protocol == Protocol::RpcV2Cbor { semantic::cbor(body) } else { semantic::json(body) }
            };
            let (expected, found) = (read(&expected), read(&encoded.body));
            let our_type =
                encoded.headers.iter().find(|(name, _)| name == "x-amzn-errortype").map(|(_, v)| v.clone());
            assert_eq!(json_code(expected_type.as_ref(), &expected), json_code(our_type.as_ref(), &found));
            for name in names {
                assert_eq!(expected.get(name), found.get(name), "{name}");
            }
        }
    }
    Ok(())
}

fn error_element(body: &[u8]) -> semantic::Element {
    let (_, mut at) = semantic::xml(std::str::from_utf8(body).unwrap());
    for name in ["Errors", "Error"] {
        if let Some(inner) = at.children.remove(name) {
            at = inner.into_iter().next().unwrap();
        }
    }
    at
}

/// The code as clients are told to find it: header, `__type` or `code`, without namespace and URI.
fn json_code(header: Option<&HeaderValue>, body: &Json) -> String {
    let code =
        header.map(|value| value.to_str().unwrap()).or(body["__type"].as_str()).or(body["code"].as_str());
    let code = code.expect("no code");
    let code = code.split(':').next().unwrap();
    code.rsplit('#').next().unwrap().to_owned()
}

/// Cases that are not judged, by name, with the reason.
fn left_out() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol/left-out.toml");
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn means_what_aws_s_protocol_cases_say() {
    let left_out = left_out();
    let faults: Vec<String> = cases()
        .iter()
        .filter(|case| !left_out.contains_key(&case.name))
        .filter_map(|case| run(case).err().map(|fault| format!("== {}\n{fault}", case.name)))
        .collect();
    assert!(faults.is_empty(), "{} cases fail\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn leaves_out_at_most_a_twentieth_of_each_protocol() {
    let left_out = left_out();
    let cases = cases();
    for protocol in [
        Protocol::RestXml,
        Protocol::RestJson1,
        Protocol::AwsJson10,
        Protocol::AwsJson11,
        Protocol::AwsQuery,
        Protocol::Ec2Query,
        Protocol::RpcV2Cbor,
    ] {
        let all = cases.iter().filter(|case| case.protocol == protocol).count();
        let out = cases
            .iter()
            .filter(|case| case.protocol == protocol && left_out.contains_key(&case.name))
            .count();
        assert!(out * 20 <= all, "{protocol:?}: {out} of {all} are left out");
    }
}

#[test]
fn leaves_out_no_case_that_would_pass_or_does_not_exist() {
    let cases = cases();
    for (name, reason) in left_out() {
        assert!(reason.len() > 20, "{name}: give a reason");
        let case = cases.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"));
        assert!(run(case).is_err(), "{name} passes: take it off the list");
    }
}
