//! Random policies over a small world, in which statements meet requests often.

use proptest::prelude::*;
use strongroom_policy::evaluate::{FederatedUser, Principal, RoleSession, User};
use strongroom_policy::{ContextMap, Document, Kind};
use strongroom_types::AccountId;

pub(crate) const ACCOUNTS: [&str; 2] = ["111111111111", "222222222222"];
pub(crate) const ACTIONS: &[&str] = &["s3:GetObject", "s3:PutObject", "s3:ListBucket"];
pub(crate) const RESOURCES: &[&str] =
    &["arn:aws:s3:::b", "arn:aws:s3:::b/ann/x", "arn:aws:s3:::b/bob/x", "arn:aws:s3:::b/*:x"];

const ACTION_PATTERNS: &[&str] = &["*", "s3:*", "s3:Get*", "s3:putobject", "s3:?istBucket"];
const RESOURCE_PATTERNS: &[&str] = &[
    "*",
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/ann/*",
    "arn:aws:s3:::b/${aws:username}/*",
    "arn:aws:s3:::${aws:PrincipalTag/bucket, 'b'}/*",
    "arn:aws:s3:::?/${*}*",
];
const PRINCIPALS: &[&str] = &[
    r#""*""#,
    r#"{"AWS":"*"}"#,
    r#"{"AWS":"111111111111"}"#,
    r#"{"AWS":["arn:aws:iam::222222222222:root","arn:aws:iam::111111111111:root"]}"#,
    r#"{"AWS":["111111111111","arn:aws:iam::111111111111:user/ann"]}"#,
    r#"{"AWS":"AIDA0000000000000ANN"}"#,
    r#"{"AWS":["arn:aws:iam::222222222222:role/r","222222222222"]}"#,
    r#"{"AWS":"arn:aws:sts::111111111111:assumed-role/r/s"}"#,
    r#"{"AWS":"arn:aws:sts::111111111111:federated-user/f","Service":"s3.amazonaws.com"}"#,
    r#"{"Federated":"accounts.google.com"}"#,
    r#"{"AWS":["arn:aws:iam::111111111111:role/r","111111111111"]}"#,
    r#"{"AWS":["arn:aws:iam::111111111111:user/ann","AROA00000000000000R0"]}"#,
    r#"{"CanonicalUser":"abababababababababababababababababababababababababababababababab"}"#,
];
/// What conditions compare: an operator without its set and end, its keys, values.
const TESTS: &[(&str, &[&str], &[&str])] = &[
    ("Equals", &["aws:username", "aws:PrincipalTag/Name", "s3:prefix", "aws:TagKeys"], TEXTS),
    ("EqualsIgnoreCase", &["aws:username", "aws:PrincipalTag/name", "AWS:tagkeys"], TEXTS),
    ("Like", &["aws:UserName", "s3:prefix", "aws:TagKeys", "aws:SourceArn"], TEXTS),
    ("Arn", &["aws:SourceArn", "aws:PrincipalTag/name"], ARNS),
    ("Numeric", &["s3:max-keys", "aws:MultiFactorAuthAge"], &["10", "5", "9.5", "1000", "-1"]),
    (
        "Date",
        &["aws:CurrentTime", "aws:EpochTime"],
        &["2026-02-28", "2026-02-28T10:00:00Z", "1772272800", "2024-02-29"],
    ),
    ("Bool", &["aws:SecureTransport", "aws:MultiFactorAuthPresent"], &["true", "false", "TRUE"]),
    ("Binary", &["x:bytes"], &["QQ==", "QUI=", ""]),
    ("Ip", &["aws:SourceIp"], &["10.0.0.0/8", "192.0.2.1", "0.0.0.0/0", "::1", "2001:db8::/33"]),
    ("Null", &["aws:SourceIp", "aws:TagKeys", "s3:max-keys"], &["true", "false"]),
];
const TEXTS: &[&str] = &[
    "a",
    "ab",
    "A*",
    "?nn",
    "*",
    "",
    "ann",
    "bob",
    "${aws:username}",
    "home/${aws:username}/*",
    "${aws:PrincipalTag/Name, 'ann'}",
    "${AWS:principaltag/name}x",
    "${aws:TagKeys}",
    "${*}",
    "a${?}",
    "${$}{aws:username}",
    "arn:aws:s3:::b",
];
const ARNS: &[&str] = &[
    "*",
    "arn:aws:s3:::*",
    "arn:aws:s3:::b",
    "arn:aws:sns:*:111111111111:t?p*",
    "arn:aws:sns:eu:${aws:PrincipalTag/account}:*",
    "${aws:SourceArn}",
    "arn:*:s3:::${aws:username}",
];
const PREFIXES: &[&str] = &["", "", "", "ForAllValues:", "ForAnyValue:"];

/// A condition: the operator and the rest.
fn condition() -> impl Strategy<Value = (String, String)> {
    let test = prop::sample::select(TESTS);
    let order = prop::sample::select(
        &["Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"][..],
    );
    (test, prop::sample::select(PREFIXES), order, any::<[bool; 3]>(), any::<[prop::sample::Index; 4]>())
        .prop_map(|((kind, keys, values), prefix, order, [negated, if_exists, lower], at)| {
            let not = if negated { "Not" } else { "" };
            let name = match kind {
                "Equals" | "EqualsIgnoreCase" | "Like" => format!("String{not}{kind}"),
                "Arn" => format!("Arn{not}{}", if if_exists { "Equals" } else { "Like" }),
                "Numeric" | "Date" if negated => format!("{kind}NotEquals"),
                "Numeric" | "Date" => format!("{kind}{order}"),
                "Binary" => "BinaryEquals".to_owned(),
                "Ip" => format!("{not}IpAddress"),
                plain => plain.to_owned(),
            };
            let whole = match kind {
                "Null" => name,
                _ => format!("{prefix}{name}{}", if if_exists { "IfExists" } else { "" }),
            };
            let whole = if lower { whole.to_lowercase() } else { whole };
            let wanted = [at[1].get(values), at[2].get(values)];
            let rest = match at[3].index(4) {
                0 => format!("{:?}:{:?}", at[0].get(keys), wanted[0]),
                1 => format!("{:?}:[]", at[0].get(keys)),
                _ => format!("{:?}:{wanted:?}", at[0].get(keys)),
            };
            (whole, rest)
        })
}

fn conditions() -> impl Strategy<Value = String> {
    prop::collection::vec(condition(), 0..3).prop_map(|all| {
        let mut kept: Vec<(String, String)> = Vec::new();
        for (operator, rest) in all {
            let same = |other: &str| {
                let name = |text: &str| text.to_lowercase();
                name(other) == name(&operator)
            };
            if kept.iter().all(|(other, _)| !same(other)) {
                kept.push((operator, rest));
            }
        }
        let all = kept.iter().map(|(operator, rest)| format!("{operator:?}:{{{rest}}}")).collect::<Vec<_>>();
        if all.is_empty() { String::new() } else { format!(r#","Condition":{{{}}}"#, all.join(",")) }
    })
}

/// The text of a statement.
pub(crate) fn statement(names_principals: bool) -> impl Strategy<Value = String> {
    let action = (any::<bool>(), prop::sample::subsequence(ACTION_PATTERNS, 1..3));
    let resource = (any::<bool>(), prop::sample::subsequence(RESOURCE_PATTERNS, 1..3));
    let principal = (prop::bool::weighted(0.2), prop::sample::select(PRINCIPALS));
    let condition = conditions();
    let parts = (prop::bool::weighted(0.7), principal, action, resource, condition);
    parts.prop_map(move |(allow, principal, action, resource, condition)| {
        let effect = if allow { "Allow" } else { "Deny" };
        let not = |negated: bool| if negated { "Not" } else { "" };
        let principal = if names_principals {
            format!(r#""{}Principal":{},"#, not(principal.0 && !allow), principal.1)
        } else {
            String::new()
        };
        format!(
            r#"{{"Effect":"{effect}",{principal}"{}Action":{},"{}Resource":{}{condition}}}"#,
            not(action.0),
            list(&action.1),
            not(resource.0),
            list(&resource.1),
        )
    })
}

fn list(texts: &[&str]) -> String {
    format!("[{}]", texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(","))
}

pub(crate) fn statements(names_principals: bool) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(statement(names_principals), 1..4)
}

/// A document of statements; one without any has a statement that is about nothing.
pub(crate) fn text(statements: &[String]) -> String {
    versioned(statements, true)
}

fn versioned(statements: &[String], newer: bool) -> String {
    let nothing = [r#"{"Effect":"Deny","Action":"none:None","Resource":"*"}"#.to_owned()];
    let all = if statements.is_empty() { nothing.as_slice() } else { statements };
    let version = if newer { "2012-10-17" } else { "2008-10-17" };
    format!(r#"{{"Version":"{version}","Statement":[{}]}}"#, all.join(","))
}

/// A policy of a kind; those of endpoints and keys are the kinds with fewest other rules that name principals.
pub(crate) fn document(statements: &[String], kind: Kind, newer: bool) -> Document {
    let mut statements = statements.to_vec();
    if statements.is_empty() && matches!(kind, Kind::Endpoint | Kind::Key) {
        statements
            .push(r#"{"Effect":"Deny","Principal":"*","Action":"none:None","Resource":"*"}"#.to_owned());
    }
    // Where a variable is no variable, it is no ARN either.
    let arns = |text: String| {
        if newer { text } else { text.replace(r#""${aws:SourceArn}""#, r#""arn:aws:s3:::b""#) }
    };
    let text = arns(versioned(&statements, newer));
    Document::parse(text.as_bytes(), kind).unwrap_or_else(|error| panic!("{error} {text}"))
}

pub(crate) fn account(index: usize) -> AccountId {
    AccountId::parse(ACCOUNTS[index]).unwrap()
}

pub(crate) fn principal() -> impl Strategy<Value = Principal> {
    let user = |account| User { account, name: "ann".into(), id: "AIDA0000000000000ANN".into() };
    (0..8_usize, 0..2_usize).prop_map(move |(kind, index)| {
        let account = account(index);
        match kind {
            0 => Principal::Anonymous,
            1 => Principal::Root(account),
            2 => Principal::User(user(account)),
            3 | 4 => Principal::RoleSession(RoleSession {
                account,
                role: "r".into(),
                role_id: "AROA00000000000000R0".into(),
                session: "s".into(),
                service_linked: kind == 4,
            }),
            5 => Principal::FederatedUser(FederatedUser {
                account,
                name: "f".into(),
                issuer: (index == 0).then(|| user(account)),
            }),
            6 => Principal::Service("s3.amazonaws.com".into()),
            _ => Principal::WebIdentity("accounts.google.com".into()),
        }
    })
}

pub(crate) fn context() -> impl Strategy<Value = ContextMap> {
    let key = |name: &'static str, values: &'static [&'static str]| {
        prop::option::of(prop::sample::subsequence(values, 0..3)).prop_map(move |found| (name, found))
    };
    let keys = (
        key("aws:SecureTransport", &["true", "false"]),
        key("aws:SourceIp", &["10.1.1.1", "192.0.2.1", "::1", "2001:db8:8000::1", "here"]),
        key("aws:username", &["ann", "bob", "Ann"]),
        key("aws:PrincipalTag/name", &["ann", "*", "", "arn:aws:s3:::b"]),
        key("aws:TagKeys", &["a", "AB", "c", "", "ann", "*"]),
        key("s3:max-keys", &["5", "9.50", "many"]),
        key("s3:prefix", &["", "home/ann/x", "home/", "ab", "${aws:username}"]),
        key("aws:SourceArn", &["arn:aws:s3:::b", "arn:aws:sns:eu:111111111111:top", "arn:aws:s3:::ann", "x"]),
        key("aws:CurrentTime", &["2026-02-28T10:00:00Z", "2024-02-29T00:00:01Z", "soon"]),
        key("x:bytes", &["QQ==", "QUI=", "%"]),
    );
    let more = key("aws:PrincipalTag/account", &["111111111111", "1:2"]);
    (keys, more).prop_map(|((a, b, c, d, e, f, g, h, i, j), k)| {
        [a, b, c, d, e, f, g, h, i, j, k].into_iter().fold(
            ContextMap::new(),
            |map, (name, found)| match found {
                Some(found) => map.with_all(name, found.into_iter().map(str::to_owned)),
                None => map,
            },
        )
    })
}
