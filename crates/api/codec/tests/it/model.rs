//! Schemas out of botocore's description of shapes, as the generator makes them.

use serde_json::Value as Json;
use strongroom_shape::{
    Constraints, ErrorSchema, Fault, Flags, Kind, ListSchema, Location, MapSchema, Member, OperationSchema,
    Protocol, ServiceSchema, StructureSchema, TimestampFormat,
};

/// How often a structure may lie within itself: schemas made at run time cannot be cyclic.
const RECURSION: usize = 5;

/// Lives as long as the test.
pub(crate) fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

pub(crate) fn text(json: &Json) -> Option<&'static str> {
    json.as_str().map(|text| &**leak(text.to_owned()))
}

/// A plain member in the body.
pub(crate) fn member(name: &'static str, wire_name: &'static str, kind: Kind) -> Member {
    Member {
        name,
        wire_name,
        query_name: None,
        location: Location::Body,
        kind,
        flags: Flags::default(),
        timestamp_format: None,
        xml_namespace: None,
        constraints: Constraints::NONE,
    }
}

pub(crate) fn structure(name: &'static str, members: Vec<Member>) -> &'static StructureSchema {
    leak(StructureSchema {
        name,
        members: Vec::leak(members),
        xml_name: None,
        xml_namespace: None,
        union: false,
    })
}

/// The shapes of one suite.
pub(crate) struct Shapes<'a>(pub(crate) &'a Json);

impl Shapes<'_> {
    pub(crate) fn structure(&self, name: Option<&str>) -> &'static StructureSchema {
        match name {
            Some(name) => self.structure_within(name, &mut Vec::new()),
            None => structure("Unit", Vec::new()),
        }
    }

    fn structure_within(&self, name: &str, path: &mut Vec<String>) -> &'static StructureSchema {
        let shape = &self.0[name];
        if path.iter().filter(|within| *within == name).count() >= RECURSION {
            return structure("Cut", Vec::new());
        }
        path.push(name.to_owned());
        let mut members = Vec::new();
        for (member, at) in shape["members"].as_object().into_iter().flatten() {
            let mut made = self.member(text(&Json::from(member.as_str())).unwrap(), at, path);
            if shape["payload"] == member.as_str() {
                made.location = Location::Payload;
            }
            members.push(made);
        }
        path.pop();
        leak(StructureSchema {
            name: text(&Json::from(name)).unwrap(),
            members: Vec::leak(members),
            xml_name: text(&shape["locationName"]),
            xml_namespace: namespace(&shape["xmlNamespace"]),
            union: shape["union"] == true,
        })
    }

    /// A member named by itself; lists' elements and maps' parts pass what stands for no name.
    fn member(&self, name: &'static str, at: &Json, path: &mut Vec<String>) -> Member {
        let target = at["shape"].as_str().unwrap();
        let shape = &self.0[target];
        let location = match at["location"].as_str() {
            None => Location::Body,
            Some("header") => Location::Header,
            Some("headers") => Location::HeaderPrefix,
            Some("querystring") => Location::Query,
            Some("uri") => Location::Uri,
            Some("statusCode") => Location::StatusCode,
            Some(other) => panic!("unknown location {other}"),
        };
        Member {
            name,
            wire_name: text(&at["locationName"]).unwrap_or(name),
            query_name: text(&at["queryName"]),
            location,
            kind: self.kind(target, shape, path),
            flags: Flags {
                xml_attribute: at["xmlAttribute"] == true,
                flattened: at["flattened"] == true,
                json_value: at["jsonvalue"] == true,
                idempotency_token: at["idempotencyToken"] == true,
                ..Flags::default()
            },
            timestamp_format: format(&at["timestampFormat"]).or(format(&shape["timestampFormat"])),
            xml_namespace: namespace(&at["xmlNamespace"]),
            constraints: Constraints::NONE,
        }
    }

    fn kind(&self, name: &str, shape: &Json, path: &mut Vec<String>) -> Kind {
        match shape["type"].as_str().unwrap() {
            "string" if shape["enum"].is_array() => {
                let values = shape["enum"].as_array().unwrap().iter().filter_map(text).collect::<Vec<_>>();
                Kind::Enum(Vec::leak(values))
            }
            "string" | "character" => Kind::String,
            "boolean" => Kind::Boolean,
            "integer" | "byte" | "short" => Kind::Integer,
            "long" => Kind::Long,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "blob" => Kind::Blob,
            "timestamp" => Kind::Timestamp,
            "structure" if shape["document"] == true => Kind::Document,
            "structure" => Kind::Structure(self.structure_within(name, path)),
            "list" => Kind::List(leak(ListSchema {
                name: text(&Json::from(name)).unwrap(),
                element: self.member("", &shape["member"], path),
                flattened: shape["flattened"] == true,
                sparse: false,
            })),
            "map" => Kind::Map(leak(MapSchema {
                name: text(&Json::from(name)).unwrap(),
                key: self.member("key", &shape["key"], path),
                value: self.member("value", &shape["value"], path),
                flattened: shape["flattened"] == true,
                sparse: false,
            })),
            other => panic!("unknown type {other}"),
        }
    }
}

fn namespace(json: &Json) -> Option<(&'static str, &'static str)> {
    match json {
        Json::String(_) => Some(("", text(json)?)),
        Json::Object(_) => Some((text(&json["prefix"]).unwrap_or(""), text(&json["uri"])?)),
        _ => None,
    }
}

fn format(json: &Json) -> Option<TimestampFormat> {
    json.as_str().map(|name| match name {
        "iso8601" => TimestampFormat::Iso8601,
        "rfc822" => TimestampFormat::Rfc822,
        "unixTimestamp" => TimestampFormat::UnixTimestamp,
        other => panic!("unknown timestamp format {other}"),
    })
}

/// The service of a suite, without operations.
pub(crate) fn service(protocol: Protocol, metadata: &Json) -> &'static ServiceSchema {
    // The cases' answers of awsQuery and ec2Query have a namespace that their models do not tell.
    let namespaced = matches!(protocol, Protocol::AwsQuery | Protocol::Ec2Query);
    leak(ServiceSchema {
        name: "test",
        service_id: "Test",
        signing_name: "test",
        api_version: text(&metadata["apiVersion"]).unwrap(),
        target_prefix: text(&metadata["targetPrefix"]),
        xml_namespace: namespaced.then_some("https://example.com/"),
        protocols: leak([protocol]),
        query_compatible: metadata["awsQueryCompatible"].is_object(),
        operations: &[],
    })
}

/// The operation of a case.
pub(crate) fn operation(protocol: Protocol, shapes: &Shapes<'_>, given: &Json) -> &'static OperationSchema {
    let name = text(&given["name"]).unwrap();
    let input = &given["input"];
    let root = text(&input["locationName"]);
    let output = given["output"]["shape"].as_str();
    let wrapper = output.filter(|_| protocol == Protocol::AwsQuery).map(|_| &**leak(format!("{name}Result")));
    leak(OperationSchema {
        name,
        method: text(&given["http"]["method"]).unwrap(),
        uri: text(&given["http"]["requestUri"]).unwrap(),
        status: given["http"]["responseCode"].as_u64().map_or(200, |code| u16::try_from(code).unwrap()),
        input: shapes.structure(input["shape"].as_str()),
        output: shapes.structure(output),
        input_root: root.map(|root| (root, namespace(&input["xmlNamespace"]).map(|(_, uri)| uri))),
        result_wrapper: wrapper,
        errors: &[],
        streaming_input: false,
        streaming_output: false,
        checksum_required: false,
        unsigned: false,
    })
}

/// The one error that a case's operation names.
pub(crate) fn error(shapes: &Shapes<'_>, given: &Json) -> &'static ErrorSchema {
    let name = text(&given["errors"][0]["shape"]).unwrap();
    let shape = &shapes.0[name];
    let traits = &shape["error"];
    leak(ErrorSchema {
        name,
        code: text(&traits["code"]).unwrap_or(name),
        status: traits["httpStatusCode"].as_u64().map_or(400, |code| u16::try_from(code).unwrap()),
        fault: if shape["fault"] == true { Fault::Receiver } else { Fault::Sender },
        structure: shapes.structure(Some(name)),
    })
}
