use crate::document::{
    AwsPrincipal, Document, Effect, FindingKind, PrincipalEntry, Version, Vocabulary, Word,
};
use crate::error::{PolicyError, Reason};
use crate::kind::Kind;

fn parse(text: &str, kind: Kind) -> Result<Document, PolicyError> {
    Document::parse(text.as_bytes(), kind)
}

/// Reason, line, column and path of the error.
fn fault(text: &str, kind: Kind) -> (Reason, usize, usize, String) {
    match parse(text, kind) {
        Err(PolicyError::Malformed { reason, place }) => (reason, place.line, place.column, place.path),
        other => panic!("{text}: {other:?}"),
    }
}

fn reason(text: &str, kind: Kind) -> Reason {
    fault(text, kind).0
}

/// A document of one statement with these elements besides `"Effect":"Allow"`.
fn statement(elements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow",{elements}}}}}"#)
}

const MANAGED: &str = r#""Action":"s3:GetObject","Resource":"*""#;
const BUCKET: &str = r#""Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*""#;

#[test]
fn a_whole_document_is_read() {
    let text = r#"{
        "Version": "2012-10-17",
        "Id": "An id with spaces",
        "Statement": [{
            "Sid": "Allow get requests originating from www.example.com.",
            "Effect": "Deny",
            "NotPrincipal": {"AWS": ["111122223333", "arn:aws:iam::111122223333:user/Ann"], "Service": "s3.amazonaws.com"},
            "NotAction": ["s3:Get*", "s3:List?ucket"],
            "NotResource": ["arn:aws:s3:::b", "arn:aws:s3:::b/${aws:username}/*"],
            "Condition": {
                "NumericLessThan": {"s3:max-keys": 10},
                "bool": {"aws:SecureTransport": false},
                "ForAnyValue:StringLike": {"aws:TagKeys": ["a*", "b"]}
            }
        }]
    }"#;
    let document = parse(text, Kind::Bucket).unwrap();
    assert_eq!(document.as_str(), text);
    assert_eq!((document.version(), document.id()), (Version::V2012, Some("An id with spaces")));
    let [statement] = document.statements() else { panic!() };
    assert_eq!(statement.effect, Effect::Deny);
    assert!(statement.principal.as_ref().unwrap().negated && statement.action.negated);
    assert_eq!(document.principals().count(), 3);
    assert_eq!(document.resources().map(Word::as_str).next(), Some("arn:aws:s3:::b"));
    let values = statement.conditions.iter().flat_map(|c| &c.values).map(Word::as_str);
    assert_eq!(values.collect::<Vec<_>>(), ["10", "false", "a*", "b"]);
    assert_eq!(
        document.context_keys(),
        ["aws:securetransport", "aws:tagkeys", "aws:username", "s3:max-keys"]
    );
    assert_eq!(parse(&document.render(), Kind::Bucket).unwrap(), document);
}

#[test]
fn a_missing_version_is_the_older_one_in_which_variables_are_text() {
    let text = r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${"}]}"#;
    assert_eq!(parse(text, Kind::Managed).unwrap().version(), Version::V2008);
    let newer = text.replacen('{', r#"{"Version":"2012-10-17","#, 1);
    assert_eq!(reason(&newer, Kind::Managed), Reason::Variable("arn:aws:s3:::b/${".into()));
}

#[test]
fn errors_say_where() {
    let text = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"*\"},\n    {\"Effect\": \"allow\"}\n  ]\n}";
    let expected = (Reason::Effect("allow".into()), 5, 16, "$.Statement[1].Effect".to_owned());
    assert_eq!(fault(text, Kind::Managed), expected);
    let (reason, line, column, path) = fault("{\"Statement\": [\n {\"ä\": tru}]}", Kind::Managed);
    assert_eq!((reason, line, column), (Reason::Json("a value was expected"), 2, 8));
    assert_eq!(path, "$.Statement[0].ä");
    let message = parse("{}", Kind::Bucket).unwrap_err().to_string();
    assert_eq!(message, "Missing required field Statement (line 1, column 1, at $)");
}

#[test]
fn what_is_no_json_is_refused() {
    for bad in [
        "",
        " ",
        "{",
        "[",
        "{]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"",
        "{} {}",
        "nul",
        "{\"a\":\"\\u00e\"}",
        "'a'",
        "\u{feff}{}",
    ] {
        assert!(matches!(reason(bad, Kind::Managed), Reason::Json(_)), "{bad}");
    }
    let invalid = Document::parse(b"{\"a\":\"\xff\"}", Kind::Managed);
    let Err(PolicyError::Malformed { reason: Reason::Json(_), place }) = invalid else { panic!() };
    assert_eq!((place.line, place.column), (1, 7));
}

#[test]
fn deep_and_long_documents_are_refused() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(reason(&deep, Kind::Bucket), Reason::Json("nested too deeply"));
    let long = vec![b' '; 200_000];
    assert!(matches!(Document::parse(&long, Kind::Managed), Err(PolicyError::TooLarge { .. })));
}

#[test]
fn escapes_in_texts_are_read() {
    let text =
        statement(r#""Action":"s3:\u0047et\u004fbject","Resource":"arn:aws:s3:::b/\ud83d\ude00\"\\\/""#);
    let document = parse(&text, Kind::Managed).unwrap();
    assert_eq!(document.statements()[0].action.patterns[0].as_str(), "s3:GetObject");
    assert_eq!(document.resources().next().unwrap().as_str(), "arn:aws:s3:::b/😀\"\\/");
    assert_eq!(parse(&document.render(), Kind::Managed).unwrap(), document);
}

#[test]
fn equal_names_are_refused_at_every_depth() {
    for (text, name) in [
        (r#"{"Version":"2012-10-17","Version":"2008-10-17"}"#.to_owned(), "Version"),
        (statement(r#""Effect":"Deny","Action":"s3:*","Resource":"*""#), "Effect"),
        (statement(&format!(r#"{MANAGED},"Condition":{{"Bool":{{"a:b":"true","a:b":"false"}}}}"#)), "a:b"),
        (statement(&format!(r#"{MANAGED},"Condition":{{"Bool":{{}},"Bool":{{}}}}"#)), "Bool"),
        (
            statement(&format!(r#"{MANAGED},"Condition":{{"Bool":{{"a:b":true}},"bool":{{"a:b":true}}}}"#)),
            "bool",
        ),
    ] {
        assert_eq!(reason(&text, Kind::Managed), Reason::Duplicate(name.into()), "{text}");
    }
}

#[test]
fn elements_that_there_are_not_are_refused() {
    assert_eq!(reason(r#"{"statement":[]}"#, Kind::Managed), Reason::Unknown("statement".into()));
    assert_eq!(reason(&statement(r#""Actions":"s3:*""#), Kind::Managed), Reason::Unknown("Actions".into()));
    let map = statement(r#""Principal":{"Aws":"*"},"Action":"s3:*","Resource":"arn:aws:s3:::b""#);
    assert_eq!(reason(&map, Kind::Bucket), Reason::Unknown("Aws".into()));
}

#[test]
fn types_are_checked() {
    for bad in [
        "[]".to_owned(),
        r#"{"Statement":"x"}"#.to_owned(),
        r#"{"Statement":[[]]}"#.to_owned(),
        statement(r#""Action":5,"Resource":"*""#),
        statement(r#""Action":["s3:*",null],"Resource":"*""#),
        statement(r#""Action":"s3:*","Resource":{}"#),
        statement(&format!(r#"{MANAGED},"Sid":7"#)),
        statement(&format!(r#"{MANAGED},"Condition":[]"#)),
        statement(&format!(r#"{MANAGED},"Condition":{{"Bool":"x"}}"#)),
        statement(&format!(r#"{MANAGED},"Condition":{{"Bool":{{"a:b":null}}}}"#)),
        statement(&format!(r#"{MANAGED},"Condition":{{"Bool":{{"a:b":[["true"]]}}}}"#)),
    ] {
        assert!(matches!(reason(&bad, Kind::Managed), Reason::Type(_)), "{bad}");
    }
}

#[test]
fn each_statement_has_what_its_kind_asks_for() {
    assert_eq!(reason(r#"{"Statement":[]}"#, Kind::Managed), Reason::NoStatements);
    assert_eq!(reason(&statement(r#""Resource":"*""#), Kind::Managed), Reason::NoActions);
    assert_eq!(reason(&statement(r#""Action":[],"Resource":"*""#), Kind::Managed), Reason::NoActions);
    assert_eq!(reason(&statement(r#""Action":"s3:*""#), Kind::Managed), Reason::NoResources);
    assert_eq!(reason(&statement(r#""Action":"s3:*","Resource":[]"#), Kind::Managed), Reason::NoResources);
    let no_effect = format!(r#"{{"Statement":{{{MANAGED}}}}}"#);
    assert_eq!(reason(&no_effect, Kind::Managed), Reason::Missing("Effect"));
    assert_eq!(reason(&statement(MANAGED), Kind::Bucket), Reason::Missing("Principal"));
    assert!(parse(&statement(BUCKET), Kind::Bucket).is_ok());
}

#[test]
fn elements_that_exclude_each_other_are_refused() {
    let both = statement(r#""Action":"s3:*","NotAction":"s3:*","Resource":"*""#);
    assert_eq!(reason(&both, Kind::Managed), Reason::Both("Action", "NotAction"));
    let both = statement(r#""Action":"s3:*","NotResource":"*","Resource":"*""#);
    assert_eq!(reason(&both, Kind::Managed), Reason::Both("Resource", "NotResource"));
    let both = statement(r#""Principal":"*","NotPrincipal":"*""#);
    assert_eq!(reason(&both, Kind::Bucket), Reason::Both("Principal", "NotPrincipal"));
}

#[test]
fn policies_of_identities_name_no_principal_and_have_no_id() {
    for kind in [
        Kind::Managed,
        Kind::UserInline,
        Kind::GroupInline,
        Kind::RoleInline,
        Kind::Boundary,
        Kind::Session,
        Kind::ServiceControl,
    ] {
        assert!(parse(&statement(MANAGED), kind).is_ok(), "{kind:?}");
        assert_eq!(reason(&statement(BUCKET), kind), Reason::PrincipalProhibited, "{kind:?}");
        let id = statement(MANAGED).replacen('{', r#"{"Id":"x","#, 1);
        assert_eq!(reason(&id, kind), Reason::Prohibited("Id"), "{kind:?}");
    }
}

#[test]
fn sids_are_unique_and_plain_where_iam_has_them() {
    let two = |a: &str, b: &str| {
        let one = |sid: &str| format!(r#"{{"Sid":"{sid}","Effect":"Allow",{MANAGED}}}"#);
        format!(r#"{{"Statement":[{},{}]}}"#, one(a), one(b))
    };
    assert!(parse(&two("a", "A"), Kind::Managed).is_ok());
    assert!(parse(&two("", ""), Kind::Managed).is_ok());
    assert_eq!(reason(&two("a", "a"), Kind::Managed), Reason::SidTwice);
    assert_eq!(reason(&two("a", "b c"), Kind::Managed), Reason::SidCharacters);
    let spaced = statement(&format!(r#""Sid":"a sentence.",{BUCKET}"#));
    assert!(parse(&spaced, Kind::Bucket).is_ok());
}

#[test]
fn versions_and_effects_are_those_there_are() {
    let text = statement(MANAGED);
    assert_eq!(reason(&text.replace("2012-10-17", "2012-10-18"), Kind::Managed), Reason::Version);
    assert!(parse(&text.replace("2012-10-17", "2008-10-17"), Kind::Managed).is_ok());
    assert_eq!(reason(&text.replace("2012-10-17", "2008-10-17"), Kind::ServiceControl), Reason::OldVersion);
    assert_eq!(reason(&text.replace("Allow", "ALLOW"), Kind::Managed), Reason::Effect("ALLOW".into()));
}

#[test]
fn actions_name_their_service() {
    let action = |action: &str| statement(&format!(r#""Action":"{action}","Resource":"*""#));
    for good in ["*", "s3:*", "s3:Get*", "S3:GETOBJECT", "*:*", "execute-api:Invoke", "s3:?et"] {
        assert!(parse(&action(good), Kind::Managed).is_ok(), "{good}");
    }
    for bad in ["", "GetObject", "**"] {
        assert_eq!(reason(&action(bad), Kind::Managed), Reason::Vendor, "{bad}");
    }
    for bad in ["s3:", ":x", "s*:Get", "s3:Get Object", "s3:a:b"] {
        assert_eq!(reason(&action(bad), Kind::Managed), Reason::Action(bad.into()), "{bad}");
    }
}

#[test]
fn resources_are_arns() {
    let resource = |resource: &str| statement(&format!(r#""Action":"s3:*","Resource":"{resource}""#));
    for good in
        ["*", "arn:aws:s3:::b", "arn:*:s3:::b/*", "arn:aws:iam::*:user/${aws:username}", "arn:aws:s3:::${*}"]
    {
        assert!(parse(&resource(good), Kind::Managed).is_ok(), "{good}");
    }
    for bad in ["", "b", "arn:aws:s3", "arn:aws:s3*", "arn:aws:*:::b", "arn:aws:s3:::", "**"] {
        assert_eq!(reason(&resource(bad), Kind::Managed), Reason::Resource(bad.into()), "{bad}");
    }
}

#[test]
fn bucket_policies_speak_of_s3_alone() {
    let text = statement(BUCKET);
    let foreign = text.replace("s3:GetObject", "kms:Decrypt");
    assert!(matches!(reason(&foreign, Kind::Bucket), Reason::ForeignAction { .. }));
    let foreign = text.replace("arn:aws:s3:::b/*", "arn:aws:sqs:::b");
    assert!(matches!(reason(&foreign, Kind::Bucket), Reason::ForeignResource(_)));
    assert!(parse(&text.replace("s3:GetObject", "*"), Kind::AccessPoint).is_ok());
    assert!(parse(&text.replace("arn:aws:s3:::b/*", "*"), Kind::AccessPoint).is_ok());
}

#[test]
fn trust_policies_have_a_principal_no_resource_and_actions_of_sts() {
    let trust = statement(r#""Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole""#);
    assert!(parse(&trust, Kind::Trust).is_ok());
    assert_eq!(reason(&trust.replace("sts:AssumeRole", "s3:GetObject"), Kind::Trust), Reason::TrustAction);
    assert_eq!(reason(&trust.replace("sts:AssumeRole", "*"), Kind::Trust), Reason::Vendor);
    let resource = trust.replace("\"Action\"", "\"Resource\":\"*\",\"Action\"");
    assert_eq!(reason(&resource, Kind::Trust), Reason::Prohibited("Resource"));
    let negated = trust.replace("\"Principal\"", "\"NotPrincipal\"").replace("Allow", "Deny");
    assert_eq!(reason(&negated, Kind::Trust), Reason::Prohibited("NotPrincipal"));
}

#[test]
fn not_principal_only_denies() {
    let text = statement(BUCKET).replace("\"Principal\"", "\"NotPrincipal\"");
    assert_eq!(reason(&text, Kind::Bucket), Reason::AllowNotPrincipal);
    assert!(parse(&text.replace("Allow", "Deny"), Kind::Bucket).is_ok());
}

#[test]
fn resource_control_policies_deny_everybody_something_named() {
    let rcp = statement(r#""Principal":"*","Action":"s3:*","Resource":"*""#);
    let deny = rcp.replace("Allow", "Deny");
    assert!(parse(&deny, Kind::ResourceControl).is_ok());
    assert_eq!(reason(&rcp, Kind::ResourceControl), Reason::ControlAllow);
    assert!(parse(&rcp.replace("s3:*", "*"), Kind::FullResourceControl).is_ok());
    assert_eq!(reason(&deny.replace("s3:*", "*"), Kind::ResourceControl), Reason::ControlAction);
    let not = deny.replace("\"Action\"", "\"NotAction\"");
    assert_eq!(reason(&not, Kind::ResourceControl), Reason::ControlAction);
    let one = deny.replace("\"Principal\":\"*\"", "\"Principal\":{\"AWS\":\"111122223333\"}");
    assert_eq!(reason(&one, Kind::ResourceControl), Reason::ControlPrincipal);
}

#[test]
fn principals_of_no_form_are_refused() {
    for bad in [
        r#""someone""#,
        r#"{"AWS":"arn:aws:iam::111122223333:user/*"}"#,
        r#"{"AWS":"someone"}"#,
        r#"{"Service":"*"}"#,
        r#"{"CanonicalUser":"abc"}"#,
        "{}",
        r#"{"AWS":[]}"#,
    ] {
        let text = statement(BUCKET).replace(r#""Principal":"*""#, &format!(r#""Principal":{bad}"#));
        assert!(matches!(reason(&text, Kind::Bucket), Reason::Principal(_)), "{bad}");
    }
}

#[test]
fn conditions_have_known_operators_prefixed_keys_and_typed_values() {
    let condition = |condition: &str| statement(&format!(r#"{MANAGED},"Condition":{{{condition}}}"#));
    let unknown = condition(r#""StringSame":{"a:b":"c"}"#);
    assert_eq!(reason(&unknown, Kind::Managed), Reason::Operator("StringSame".into()));
    for key in ["SourceIp", ":x", "aws:"] {
        let text = condition(&format!(r#""StringEquals":{{"{key}":"c"}}"#));
        assert_eq!(reason(&text, Kind::Managed), Reason::Vendor, "{key}");
    }
    let (reason, _, _, path) =
        fault(&condition(r#""IpAddress":{"aws:SourceIp":["::1","x"]}"#), Kind::Managed);
    assert!(matches!(reason, Reason::Value { .. }));
    assert_eq!(path, "$.Statement.Condition.IpAddress.aws:SourceIp[1]");
    assert!(parse(&condition(r#""StringEquals":{"a:b":[]}"#), Kind::Managed).is_ok());
}

#[test]
fn sizes_are_counted_as_each_service_counts() {
    let padded = |kind: Kind, elements: &str, pad: &str| {
        let (limit, counted) = kind.limit();
        let text = statement(elements);
        let room = limit - counted.count(&text);
        (format!("{text}{}", pad.repeat(room)), format!("{text}{}", pad.repeat(room + 1)))
    };
    let (fits, over) = padded(Kind::Bucket, BUCKET, " ");
    assert!(parse(&fits, Kind::Bucket).is_ok());
    assert!(matches!(
        parse(&over, Kind::Bucket),
        Err(PolicyError::TooLarge { size: 20_481, limit: 20_480, .. })
    ));
    // IAM does not count white space.
    assert!(parse(&format!("{}{}", statement(MANAGED), " ".repeat(50_000)), Kind::Managed).is_ok());
    let (fits, over) = padded(Kind::Managed, MANAGED, "x");
    assert!(matches!(parse(&fits, Kind::Managed), Err(PolicyError::Malformed { .. })));
    assert!(matches!(parse(&over, Kind::Managed), Err(PolicyError::TooLarge { size: 6_145, .. })));
    let (fits, over) = padded(Kind::Session, MANAGED, " ");
    assert!(parse(&fits, Kind::Session).is_ok() && parse(&over, Kind::Session).is_err());
    assert_eq!(parse(&statement(MANAGED), Kind::Managed).unwrap().counted_size(), statement(MANAGED).len());
}

#[test]
fn principals_are_replaced_in_place_and_all_else_stays() {
    let text = "{ \"Statement\" : [ {\"Effect\":\"Allow\",\n \"Principal\": {\"AWS\": [\"arn:aws:iam::111122223333:user/Ann\",\"111122223333\"]},\n\t\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::b\"}]}  ";
    let document = parse(text, Kind::Bucket).unwrap();
    let id = AwsPrincipal::UniqueId("AIDAJQABLZS4A3QDU576Q".into());
    let stored = document
        .replace_principals(|principal| matches!(principal, AwsPrincipal::User(..)).then(|| id.clone()))
        .unwrap();
    assert_eq!(stored.as_str(), text.replace("arn:aws:iam::111122223333:user/Ann", "AIDAJQABLZS4A3QDU576Q"));
    assert_eq!(stored.principals().next(), Some(&PrincipalEntry::Aws(id.clone())));
    let shown = Document::stored(stored.as_str(), Kind::Bucket)
        .unwrap()
        .replace_principals(|principal| {
            let ann = AwsPrincipal::parse("arn:aws:iam::111122223333:user/Ann");
            if *principal == id { ann } else { None }
        })
        .unwrap();
    assert_eq!(shown.as_str(), text);
    assert!(document.replace_principals(|_| Some(AwsPrincipal::UniqueId("nobody".into()))).is_err());
}

struct OnlyGetObject;

impl Vocabulary for OnlyGetObject {
    fn has_action(&self, pattern: &str) -> bool {
        crate::wildcard_match(&pattern.to_lowercase(), "s3:getobject")
    }
    fn has_key(&self, key: &str) -> bool {
        key == "aws:SourceIp"
    }
    fn forms(&self, resource: &str) -> Option<Vec<&'static str>> {
        let form = if resource.contains('/') { "object" } else { "bucket" };
        Some(if resource.starts_with("arn:aws:s3:::") { vec![form] } else { Vec::new() })
    }
    fn objects(&self, actions: &[&str]) -> Option<Vec<&'static str>> {
        Some(if actions.iter().any(|action| self.has_action(action)) { vec!["object"] } else { Vec::new() })
    }
}

#[test]
fn what_no_service_has_is_found_with_its_place() {
    let text = "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:Get*\",\"s3:Got\"],\n\"Resource\":[\"arn:aws:s3:::b\",\"arn:aws:s3:::b/*\",\"arn:aws:sns:::t\"],\n\"Condition\":{\"StringEquals\":{\"aws:Nothing\":\"x\"}}}]}";
    let findings = parse(text, Kind::Managed).unwrap().findings(&OnlyGetObject);
    let found = findings.iter().map(|finding| (finding.kind, finding.text.as_str(), finding.place.line));
    assert_eq!(
        found.collect::<Vec<_>>(),
        [
            (FindingKind::UnknownAction, "s3:Got", 1),
            (FindingKind::UnknownKey, "aws:Nothing", 3),
            (FindingKind::ActionsElsewhere, "arn:aws:s3:::b", 2),
            (FindingKind::UnknownResource, "arn:aws:sns:::t", 2),
        ]
    );
    assert_eq!(findings[0].place.path, "$.Statement[0]");
}
