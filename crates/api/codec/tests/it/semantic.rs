//! When two bodies mean the same: numbers as numbers, times as times, members in any order.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::data::Type;
use minicbor::decode::Decoder;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Value as Json, json};
use strongroom_shape::Kind;
use strongroom_types::Timestamp;

/// An element: its text, or its elements by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Element {
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) text: Text,
    pub(crate) children: BTreeMap<String, Vec<Element>>,
}

/// Text that is compared by what it means.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text(pub(crate) String);

impl Text {
    /// The point in time that it is, if it is one.
    fn millis(&self) -> Option<i64> {
        let time = Timestamp::parse_iso8601(&self.0).or_else(|_| Timestamp::parse_http_date(&self.0));
        time.map(Timestamp::as_millis).ok()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        let number = |text: &str| text.parse::<f64>().ok().filter(|_| text.contains('.'));
        self.0 == other.0
            || self.millis().is_some() && self.millis() == other.millis()
            || number(&self.0).is_some() && number(&self.0) == other.0.parse::<f64>().ok()
    }
}

impl Element {
    /// Puts the entries of maps into one order; lists keep theirs. `names` are those of flattened maps' elements.
    pub(crate) fn sort_maps(&mut self, names: &BTreeSet<&str>) {
        for (name, elements) in &mut self.children {
            elements.iter_mut().for_each(|element| element.sort_maps(names));
            if name == "entry" || names.contains(name.as_str()) {
                elements.sort_by_key(|element| format!("{element:?}"));
            }
        }
    }

    /// Takes all namespace declarations away: awsQuery's and ec2Query's clients do not look at them, and the cases
    /// have those of some shapes and not of others.
    pub(crate) fn without_namespaces(&mut self) {
        self.attributes.retain(|name, _| !name.starts_with("xmlns"));
        self.children.values_mut().flatten().for_each(Self::without_namespaces);
    }
}

/// Reads a whole document as (name of the root, root).
pub(crate) fn xml(body: &str) -> (String, Element) {
    let mut reader = quick_xml::Reader::from_str(body);
    let mut stack = vec![(String::new(), Element::default())];
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {body}")) {
            Event::Start(start) => stack.push(element(&start)),
            Event::Empty(start) => {
                let (name, made) = element(&start);
                stack.last_mut().unwrap().1.children.entry(name).or_default().push(made);
            }
            Event::End(_) => {
                let (name, mut made) = stack.pop().unwrap();
                if made.text.0.trim().is_empty() {
                    made.text = Text::default();
                }
                assert!(made.children.is_empty() || made.text.0.is_empty(), "mixed content in {name}");
                stack.last_mut().unwrap().1.children.entry(name).or_default().push(made);
            }
            Event::Text(text) => stack.last_mut().unwrap().1.text.0.push_str(&text.xml10_content()),
            Event::CData(text) => stack.last_mut().unwrap().1.text.0.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().unwrap().unwrap_or_else(|| match &*reference {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    "apos" => '\'',
                    other => panic!("entity {other}"),
                });
                stack.last_mut().unwrap().1.text.0.push(character);
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) => {}
            Event::PI(_) | Event::DocType(_) => panic!("{body}"),
        }
    }
    let (_, document) = stack.pop().unwrap();
    let (name, mut roots) = document.children.into_iter().next().unwrap();
    assert_eq!(roots.len(), 1);
    (name, roots.remove(0))
}

fn element(start: &BytesStart<'_>) -> (String, Element) {
    let attributes = start.attributes().map(|attribute| {
        let attribute = attribute.unwrap();
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).unwrap();
        (attribute.key.into_inner().to_owned(), value.into_owned())
    });
    let attributes = attributes.collect();
    (start.name().into_inner().to_owned(), Element { attributes, ..Element::default() })
}

/// What of `json` a client of the model sees: nulls and unknown names mean nothing.
pub(crate) fn seen_by_clients(kind: Kind, json: &Json) -> Json {
    match (kind, json) {
        (Kind::Structure(schema), Json::Object(members)) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .filter_map(|(name, value)| {
                let member = schema.members.iter().find(|member| member.wire_name == name)?;
                Some((name.clone(), seen_by_clients(member.kind, value)))
            })
            .collect(),
        (Kind::List(list), Json::Array(values)) => {
            values.iter().map(|value| seen_by_clients(list.element.kind, value)).collect()
        }
        (Kind::Map(map), Json::Object(members)) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), seen_by_clients(map.value.kind, value)))
            .collect(),
        (Kind::Timestamp, Json::String(text)) => json!({ "time": Text(text.clone()).millis() }),
        _ => json.clone(),
    }
}

/// JSON with all numbers as floating-point ones.
pub(crate) fn json(body: &[u8]) -> Json {
    if body.is_empty() {
        return json!({});
    }
    floats(serde_json::from_slice(body).unwrap())
}

fn floats(value: Json) -> Json {
    match value {
        Json::Number(number) => json!(number.as_f64().unwrap()),
        Json::Array(values) => values.into_iter().map(floats).collect(),
        Json::Object(members) => members.into_iter().map(|(name, value)| (name, floats(value))).collect(),
        other => other,
    }
}

/// CBOR as JSON: times as `{"time": …}`, bytes as `{"bytes": …}`, special numbers by name.
pub(crate) fn cbor(body: &[u8]) -> Json {
    if body.is_empty() {
        return json!({});
    }
    let mut decoder = Decoder::new(body);
    let value = cbor_value(&mut decoder);
    assert_eq!(decoder.position(), body.len(), "bytes after the document");
    value
}

fn cbor_value(from: &mut Decoder<'_>) -> Json {
    let number = |value: f64| if value.is_finite() { json!(value) } else { json!(value.to_string()) };
    match from.datatype().unwrap() {
        Type::Bool => json!(from.bool().unwrap()),
        Type::Null => {
            from.null().unwrap();
            Json::Null
        }
        Type::F16 => {
            let at = from.position();
            let bits = u16::from_be_bytes([from.input()[at + 1], from.input()[at + 2]]);
            from.set_position(at + 3);
            number(half(bits))
        }
        Type::F32 => number(f64::from(from.f32().unwrap())),
        Type::F64 => number(from.f64().unwrap()),
        Type::Bytes => json!({ "bytes": from.bytes().unwrap() }),
        Type::BytesIndef => {
            json!({ "bytes": from.bytes_iter().unwrap().map(Result::unwrap).collect::<Vec<_>>().concat() })
        }
        Type::String => json!(from.str().unwrap()),
        Type::StringIndef => json!(from.str_iter().unwrap().map(Result::unwrap).collect::<String>()),
        Type::Array | Type::ArrayIndef => {
            let length = from.array().unwrap();
            let mut values = Vec::new();
            while more(from, length, values.len()) {
                values.push(cbor_value(from));
            }
            Json::Array(values)
        }
        Type::Map | Type::MapIndef => {
            let length = from.map().unwrap();
            let mut members = serde_json::Map::new();
            while more(from, length, members.len()) {
                let Json::String(name) = cbor_value(from) else { panic!("a name that is no text") };
                let value = cbor_value(from);
                assert!(members.insert(name, value).is_none());
            }
            Json::Object(members)
        }
        Type::Tag => {
            assert_eq!(from.tag().unwrap().as_u64(), 1);
            json!({ "time": cbor_value(from) })
        }
        _ => json!(i64::try_from(from.int().unwrap()).unwrap() as f64),
    }
}

fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let mantissa = f64::from(bits & 0x3ff);
    sign * match bits >> 10 & 0x1f {
        0 => mantissa / f64::from(1 << 24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + mantissa / 1024.0) * 2_f64.powi(i32::from(exponent) - 15),
    }
}

fn more(from: &mut Decoder<'_>, length: Option<u64>, read: usize) -> bool {
    match length {
        Some(length) => (read as u64) < length,
        None if from.datatype().unwrap() == Type::Break => {
            from.set_position(from.position() + 1);
            false
        }
        None => true,
    }
}
