//! What is written is read again as it was, in each protocol, from client to server and back.

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use strongroom_codec::{RequestHead, decode, decode_response, encode, encode_request};
use strongroom_shape::{
    Flags, Kind, ListSchema, Location, MapSchema, Member, OperationSchema, Protocol, Structure as _,
    StructureSchema,
};
use strongroom_types::Timestamp;

use crate::dynamic::{DynStructure, Value};
use crate::model::{leak, member, service, structure};

const PROTOCOLS: [Protocol; 7] = [
    Protocol::RestXml,
    Protocol::RestJson1,
    Protocol::AwsJson10,
    Protocol::AwsJson11,
    Protocol::AwsQuery,
    Protocol::Ec2Query,
    Protocol::RpcV2Cbor,
];

fn list(element: Member, flattened: bool) -> Kind {
    Kind::List(leak(ListSchema { name: "List", element, flattened, sparse: false }))
}

fn map(value: Member, flattened: bool) -> Kind {
    let key = member("key", "key", Kind::String);
    Kind::Map(leak(MapSchema { name: "Map", key, value, flattened, sparse: false }))
}

/// All kinds, and structures within lists, maps and structures. `bound`: with members outside the body.
fn schema(bound: bool) -> &'static StructureSchema {
    let leaf = structure(
        "Leaf",
        vec![
            member("Text", "Text", Kind::String),
            member("Number", "number", Kind::Long),
            member("Tags", "Tag", list(member("", "", Kind::String), true)),
        ],
    );
    let at = |mut member: Member, location, wire_name| {
        member.location = location;
        member.wire_name = wire_name;
        member
    };
    let mut attribute = member("Kind", "x:kind", Kind::String);
    attribute.flags = Flags { xml_attribute: true, ..Flags::default() };
    let attributed = structure("Attributed", vec![member("Text", "Text", Kind::String), attribute]);
    let mut members = vec![
        member("Text", "Text", Kind::String),
        member("Yes", "Yes", Kind::Boolean),
        member("Integer", "Integer", Kind::Integer),
        member("Long", "Long", Kind::Long),
        member("Float", "Float", Kind::Float),
        member("Double", "Double", Kind::Double),
        member("Blob", "Blob", Kind::Blob),
        member("Time", "Time", Kind::Timestamp),
        member("Leaf", "Leaf", Kind::Structure(leaf)),
        member("Attributed", "Attributed", Kind::Structure(attributed)),
        member("Leaves", "Leaves", list(member("", "item", Kind::Structure(leaf)), false)),
        member("FlatLeaves", "FlatLeaf", list(member("", "", Kind::Structure(leaf)), true)),
        member("Lists", "Lists", list(member("", "", list(member("", "", Kind::Long), false)), false)),
        member("Map", "Map", map(member("value", "value", Kind::Structure(leaf)), false)),
        member("FlatMap", "FlatMap", map(member("value", "value", Kind::String), true)),
        member(
            "Maps",
            "Maps",
            map(member("value", "value", map(member("value", "value", Kind::Long), false)), false),
        ),
    ];
    if bound {
        members.push(at(member("Label", "", Kind::String), Location::Uri, "Label"));
        members.push(at(member("Path", "", Kind::String), Location::Uri, "Path"));
        members.push(at(member("Header", "", Kind::String), Location::Header, "x-header"));
        members.push(at(member("When", "", Kind::Timestamp), Location::Header, "x-when"));
        members.push(at(
            member("Names", "", list(member("", "", Kind::String), false)),
            Location::Header,
            "x-names",
        ));
        members.push(at(member("Query", "", Kind::String), Location::Query, "query"));
        members.push(at(
            member("Many", "", list(member("", "", Kind::Long), false)),
            Location::Query,
            "many",
        ));
    }
    structure("All", members)
}

fn operation(protocol: Protocol) -> &'static OperationSchema {
    let rest = matches!(protocol, Protocol::RestXml | Protocol::RestJson1);
    leak(OperationSchema {
        name: "All",
        method: "POST",
        uri: if rest { "/a/{Label}/{Path+}?sub" } else { "/" },
        status: 200,
        input: schema(rest),
        output: schema(false),
        input_root: Some(("AllRequest", None)),
        result_wrapper: Some("AllResult"),
        errors: &[],
        streaming_input: false,
        streaming_output: false,
        checksum_required: false,
        unsigned: false,
    })
}

/// A value of a member, drawn from `seed`.
fn value(member: &'static Member, draw: &mut Draw<'_>, protocol: Protocol) -> Option<Value> {
    Some(match member.kind {
        Kind::String | Kind::Enum(_) => {
            let text = draw.text();
            match member.location {
                Location::Uri if text.is_empty() => Value::String("a".to_owned()),
                // Headers hold no control characters, and lose blanks at their ends.
                Location::Header => {
                    let kept: String = text.chars().filter(|c| !c.is_control()).collect();
                    Value::String(kept.trim().to_owned())
                }
                _ => Value::String(text),
            }
        }
        Kind::Boolean => Value::Boolean(draw.next().is_multiple_of(2)),
        Kind::Integer => Value::Integer(i64::from(draw.next() as i32)),
        Kind::Long => Value::Integer(draw.next() as i64),
        Kind::Float => Value::Float(format!("{}", (draw.next() % 1_000_000) as f32 / 64.0).parse().unwrap()),
        Kind::Double => Value::Float(draw.next() as i64 as f64 / 1024.0),
        Kind::Blob => Value::Blob(draw.text().into_bytes()),
        Kind::Timestamp if member.location == Location::Header => {
            Value::Timestamp(Timestamp::from_secs((draw.next() % 4_000_000_000) as i64))
        }
        Kind::Timestamp => Value::Timestamp(Timestamp::from_millis((draw.next() % 4_000_000_000_000) as i64)),
        Kind::Document => Value::Document(serde_json::json!({ "a": [draw.text()] })),
        Kind::Structure(schema) => {
            let filled = fill(schema, draw, protocol);
            // Forms have no way to write a structure of which nothing is set.
            if form(protocol) && filled.values.iter().all(Option::is_none) {
                return None;
            }
            Value::Structure(filled)
        }
        Kind::List(list) => {
            let header = member.location == Location::Header;
            let mut values = Vec::new();
            for _ in 0..draw.next() % 3 {
                match value(&list.element, draw, protocol)? {
                    // An empty element of a header is none, and one that looks quoted is read as such.
                    Value::String(text) if header => {
                        let kept: String = text.chars().filter(|c| !c.is_control()).collect();
                        let kept = kept.trim();
                        values.push(Value::String(if kept.is_empty() {
                            "-".to_owned()
                        } else {
                            kept.to_owned()
                        }));
                    }
                    value => values.push(value),
                }
            }
            let empty_is_absent = member.location != Location::Body
                || member.flags.flattened
                || list.flattened
                || protocol == Protocol::Ec2Query;
            if values.is_empty()
                && (empty_is_absent && !json_like(protocol) || member.location != Location::Body)
            {
                return None;
            }
            Value::List(values)
        }
        Kind::Map(map) => {
            let mut entries = Vec::new();
            for index in 0..draw.next() % 3 {
                entries.push((format!("{index}{}", draw.text()), value(&map.value, draw, protocol)?));
            }
            if entries.is_empty() && (map.flattened && !json_like(protocol) || form(protocol)) {
                return None;
            }
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Map(entries)
        }
    })
}

fn form(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::AwsQuery | Protocol::Ec2Query)
}

fn json_like(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::RestJson1 | Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::RpcV2Cbor)
}

fn fill(schema: &'static StructureSchema, draw: &mut Draw<'_>, protocol: Protocol) -> DynStructure {
    let mut made = DynStructure::new(schema);
    for (member, slot) in schema.members.iter().zip(&mut made.values) {
        if !draw.next().is_multiple_of(4) || member.location == Location::Uri {
            *slot = value(member, draw, protocol);
        }
    }
    made
}

/// Numbers and texts that proptest chose and can shrink.
struct Draw<'a> {
    numbers: &'a [u64],
    texts: &'a [String],
    at: usize,
}

impl Draw<'_> {
    fn next(&mut self) -> u64 {
        self.at += 1;
        self.numbers[self.at % self.numbers.len()].rotate_left(u32::try_from(self.at % 64).unwrap())
    }
    fn text(&mut self) -> String {
        let at = usize::try_from(self.next() % self.texts.len() as u64).unwrap();
        self.texts[at].clone()
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

fn request_returns(protocol: Protocol, value: &DynStructure) {
    let (op, service) = (operation(protocol), service(protocol, &serde_json::json!({ "apiVersion": "1" })));
    let sent = encode_request(protocol, service, op, value).unwrap();
    let (path, query) = sent.uri.split_once('?').unwrap_or((&sent.uri, ""));
    let mut parts = path.splitn(4, '/').skip(2).map(decoded);
    let labels: Vec<(&str, Cow<'_, str>)> =
        ["Label", "Path"].into_iter().zip(parts.by_ref().map(Cow::Owned)).collect();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query: Vec<(String, String)> = pairs.map(|(name, text)| (decoded(name), decoded(text))).collect();
    let headers: HeaderMap = sent.headers.iter().cloned().collect();
    let head = RequestHead { method: &sent.method, labels: &labels, query: &query, headers: &headers };
    let mut read = DynStructure::new(op.input);
    let body = String::from_utf8_lossy(&sent.body);
    decode(protocol, service, op, &head, &sent.body, &mut read)
        .unwrap_or_else(|error| panic!("{protocol:?}: {error}\n{} {body}", sent.uri));
    assert_eq!(format!("{read:#?}"), format!("{value:#?}"), "{protocol:?} {} {body}", sent.uri);
}

fn answer_returns(protocol: Protocol, value: &DynStructure) {
    let (op, service) = (operation(protocol), service(protocol, &serde_json::json!({ "apiVersion": "1" })));
    let sent = encode(protocol, service, op, value, "id").unwrap();
    let headers: HeaderMap = sent.headers.iter().cloned().collect();
    let mut read = DynStructure::new(op.output);
    let body = String::from_utf8_lossy(&sent.body);
    decode_response(protocol, service, op, sent.status, &headers, &sent.body, &mut read)
        .unwrap_or_else(|error| panic!("{protocol:?}: {error}\n{body}"));
    assert_eq!(format!("{read:#?}"), format!("{value:#?}"), "{protocol:?} {body}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn every_protocol_reads_what_it_writes(
        numbers in proptest::collection::vec(any::<u64>(), 1..24),
        texts in proptest::collection::vec(prop_oneof![
            any::<String>().prop_map(|text| text.replace('\u{0}', "")),
            "[a-z<>&\"' ,\\\\\r\n\t\u{1}\u{fffe}é]{0,12}",
        ], 1..6),
    ) {
        for protocol in PROTOCOLS {
            let op = operation(protocol);
            let draw = |schema| fill(schema, &mut Draw { numbers: &numbers, texts: &texts, at: 0 }, protocol);
            request_returns(protocol, &draw(op.input));
            // Answers of the query protocols are XML, which writes what forms cannot.
            let answered = if form(protocol) { Protocol::RestXml } else { protocol };
            let value = fill(op.output, &mut Draw { numbers: &numbers, texts: &texts, at: 0 }, answered);
            assert_eq!(value.schema().name, "All");
            answer_returns(protocol, &value);
        }
    }
}
