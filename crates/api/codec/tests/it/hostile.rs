//! Documents that no client of good will sends.

use http::{HeaderMap, Method};
use proptest::prelude::*;
use strongroom_codec::{RequestHead, decode, fuzz_cbor, fuzz_json, fuzz_query, fuzz_rest_xml, limits};
use strongroom_shape::{Flags, Kind, ListSchema, OperationSchema, Protocol, ReadError, ReadErrorKind};

use crate::dynamic::{DynStructure, Value};
use crate::model::{leak, member, structure};

/// An operation with a required text, a list and a flattened list in its body.
pub(crate) fn op() -> &'static OperationSchema {
    let list = |flattened| {
        Kind::List(leak(ListSchema {
            name: "Names",
            element: member("", "", Kind::String),
            flattened,
            sparse: false,
        }))
    };
    let mut name = member("Name", "Name", Kind::String);
    name.flags = Flags { required: true, ..Flags::default() };
    let inner = structure("Inner", vec![name]);
    let input = structure(
        "Root",
        vec![
            member("Text", "Text", Kind::String),
            member("Number", "Number", Kind::Integer),
            member("List", "List", list(false)),
            member("Flat", "Flat", list(true)),
            member("Inner", "Inner", Kind::Structure(inner)),
        ],
    );
    leak(OperationSchema {
        name: "Test",
        method: "POST",
        uri: "/",
        status: 200,
        input,
        output: structure("Unit", Vec::new()),
        input_root: Some(("Root", None)),
        result_wrapper: None,
        errors: &[],
        streaming_input: false,
        streaming_output: false,
        checksum_required: false,
        unsigned: false,
    })
}

fn read(protocol: Protocol, body: impl AsRef<[u8]>) -> Result<DynStructure, ReadError> {
    let service = crate::model::service(protocol, &serde_json::json!({ "apiVersion": "1" }));
    let (op, headers) = (op(), HeaderMap::new());
    let head = RequestHead { method: &Method::POST, labels: &[], query: &[], headers: &headers };
    let mut value = DynStructure::new(op.input);
    decode(protocol, service, op, &head, body.as_ref(), &mut value).map(|()| value)
}

fn xml(body: impl AsRef<[u8]>) -> Result<DynStructure, ReadError> {
    read(Protocol::RestXml, body)
}

fn text(value: &DynStructure) -> Option<&str> {
    match &value.values[0] {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

#[test]
fn refuses_document_types_and_with_them_the_billion_laughs() {
    let bomb = r#"<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><Root><Text>&lol2;</Text></Root>"#;
    assert!(xml(bomb).is_err());
    assert!(xml("<!DOCTYPE Root SYSTEM \"file:///etc/passwd\"><Root/>").is_err());
    assert!(xml("<Root><Text>&lol;</Text></Root>").is_err());
    assert!(xml("<Root><Text>&amp;&#38;&#x26;</Text></Root>").is_ok());
}

#[test]
fn refuses_processing_instructions() {
    assert!(xml("<?xml-stylesheet href='x'?><Root/>").is_err());
    assert!(xml("<Root><?php echo 1 ?></Root>").is_err());
}

#[test]
fn refuses_elements_beyond_the_depth_limit_even_if_nobody_reads_them() {
    let nested = |depth: usize| format!("<Root>{}{}</Root>", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(xml(nested(limits::MAX_XML_DEPTH - 1)).is_ok());
    assert!(xml(nested(limits::MAX_XML_DEPTH)).is_err());
    assert!(xml("<a>".repeat(200_000)).is_err());
}

#[test]
fn refuses_more_elements_than_the_limit() {
    let flat = |count: usize| format!("<Root>{}</Root>", "<a/>".repeat(count));
    assert!(xml(flat(limits::MAX_XML_ELEMENTS - 1)).is_ok());
    assert!(xml(flat(limits::MAX_XML_ELEMENTS)).is_err());
}

#[test]
fn refuses_more_attributes_than_the_limit() {
    let wide = |count: usize| {
        let attributes: String = (0..count).map(|n| format!(" a{n}=''")).collect();
        format!("<Root{attributes}/>")
    };
    assert!(xml(wide(limits::MAX_XML_ATTRIBUTES)).is_ok());
    assert!(xml(wide(limits::MAX_XML_ATTRIBUTES + 1)).is_err());
    assert!(xml(wide(100_000)).is_err());
    assert!(xml("<Root a='1' a='2'/>").is_err());
}

#[test]
fn refuses_text_longer_than_the_limit() {
    let long = |bytes: usize| format!("<Root><Text>{}</Text></Root>", "x".repeat(bytes));
    assert_eq!(
        text(&xml(long(limits::MAX_XML_TEXT_BYTES)).unwrap()).unwrap().len(),
        limits::MAX_XML_TEXT_BYTES
    );
    assert!(xml(long(limits::MAX_XML_TEXT_BYTES + 1)).is_err());
    assert!(xml(vec![b' '; limits::MAX_BODY_BYTES + 1]).is_err());
}

#[test]
fn refuses_what_is_not_one_well_formed_document() {
    for bad in [
        "<Root>",
        "<Root></root>",
        "<Root/><Root/>",
        "<Root/>x",
        "x<Root/>",
        "<Other/>",
        "<Root>text</Root>",
        "<Root><Text><b/></Text></Root>",
        "<Root><Text>a</Text><Text>b</Text></Root>",
        "<Root><Text>&#0;</Text></Root>",
        "<Root><Text>a & b</Text></Root>",
        "<Root/><?xml version='1.0'?>",
        "<?xml version='1.0' encoding='UTF-16'?><Root/>",
        " \n ",
    ] {
        assert!(xml(bad).is_err(), "{bad}");
    }
    assert!(xml(b"<Root><Text>\xff</Text></Root>").is_err());
}

#[test]
fn tolerates_what_clients_of_s3_send() {
    for good in [
        "\u{feff}<Root><Text>a</Text></Root>",
        "<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<Root>\n  <Text>a</Text>\n</Root>\n",
        "<Root xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Unknown><Text>b</Text></Unknown><Text>a</Text></Root>",
        "<s:Root xmlns:s='urn:x'><s:Text>a</s:Text></s:Root>",
        "<Root><!-- x --><Text><![CDATA[a]]></Text></Root>",
    ] {
        assert_eq!(text(&xml(good).unwrap_or_else(|error| panic!("{good}: {error}"))), Some("a"), "{good}");
    }
    let lines = xml("<Root><Text>a\r\nb\rc&#13;\u{85}</Text></Root>").unwrap();
    assert_eq!(text(&lines), Some("a\nb\nc\r\u{85}"), "line ends as XML 1.0, section 2.11");
}

#[test]
fn demands_required_members_in_every_protocol() {
    let missing = Err(ReadError { member: "Name", kind: ReadErrorKind::Missing });
    assert_eq!(xml("<Root><Inner/></Root>"), missing);
    assert!(xml("<Root><Inner><Name/></Inner></Root>").is_ok());
    for protocol in [Protocol::AwsJson10, Protocol::AwsJson11, Protocol::RestJson1] {
        assert_eq!(read(protocol, r#"{"Inner":{}}"#), missing);
        assert_eq!(read(protocol, r#"{"Inner":{"Name":null}}"#), missing);
        assert!(read(protocol, r#"{"Inner":{"Name":""}}"#).is_ok());
    }
    assert_eq!(read(Protocol::AwsQuery, "Inner.Other=x"), missing);
    assert!(read(Protocol::AwsQuery, "Inner.Name=").is_ok());
    assert_eq!(read(Protocol::RpcV2Cbor, b"\xa1\x65Inner\xa0"), missing);
    assert!(read(Protocol::RpcV2Cbor, b"\xa1\x65Inner\xa1\x64Name\x60").is_ok());
}

#[test]
fn refuses_values_given_twice_in_every_protocol() {
    assert!(read(Protocol::AwsJson11, r#"{"Text":"a","Text":"b"}"#).is_err());
    assert!(read(Protocol::AwsQuery, "Text=a&Text=b").is_err());
    assert!(read(Protocol::Ec2Query, "Text=a&Text=b").is_err());
    assert!(read(Protocol::RpcV2Cbor, b"\xa2\x64Text\x61a\x64Text\x61b").is_err());
}

#[test]
fn refuses_values_of_another_type() {
    assert!(read(Protocol::AwsJson11, r#"{"Number":"1"}"#).is_err());
    assert!(read(Protocol::AwsJson11, r#"{"Number":1.5}"#).is_err());
    assert!(read(Protocol::AwsJson11, r#"{"Number":99999999999999999999}"#).is_err());
    assert!(read(Protocol::AwsJson11, r#"{"List":{}}"#).is_err());
    assert!(read(Protocol::AwsJson11, "[]").is_err());
    assert!(xml("<Root><Number>1x</Number></Root>").is_err());
    assert!(read(Protocol::AwsQuery, "Number=1e3").is_err());
    assert!(read(Protocol::RpcV2Cbor, b"\xa1\x66Number\x61a").is_err());
    assert!(read(Protocol::RpcV2Cbor, b"\xa0\x00").is_err(), "bytes after the document");
}

#[test]
fn cbor_that_promises_more_than_it_has_takes_no_memory() {
    assert!(read(Protocol::RpcV2Cbor, b"\xa1\x64List\x9b\x7f\xff\xff\xff\xff\xff\xff\xff").is_err());
    assert!(read(Protocol::RpcV2Cbor, b"\xa1\x64Text\x7b\x7f\xff\xff\xff\xff\xff\xff\xff").is_err());
    assert!(read(Protocol::RpcV2Cbor, [b"\xa1\x64Text".as_slice(), &[0x9f; 100_000]].concat()).is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_panic_no_reader(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        fuzz_rest_xml(&bytes);
        fuzz_json(&bytes);
        fuzz_query(&bytes);
        fuzz_cbor(&bytes);
    }

    #[test]
    fn texts_like_documents_panic_no_reader(
        xml in r#"(<[snlam]( b="[a-z&;]*")?>|</[snlam]>|<[snlam]/>|[a-z0-9 ]{0,3}|&(amp|#x?[0-9a-f]{1,4}|q);|<!\[CDATA\[|\]\]>|<!--|-->|<\?xml [a-z]*\?>){0,40}"#,
        json in r#"([\[\]{},:]|"[sbifxtdnlam]":|"[a-z\\]*"|-?[0-9.eE]{1,6}|null|true| ){0,40}"#,
        form in r"([sbifxtdnlam]\.|member\.|entry\.|[0-9]{1,3}\.|key|value|=|&|[a-z%+]{1,3}){0,60}",
    ) {
        fuzz_rest_xml(xml.as_bytes());
        fuzz_json(json.as_bytes());
        fuzz_query(form.as_bytes());
    }
}
