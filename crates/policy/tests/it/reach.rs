//! What outsiders can reach, against an exhaustive search of a world that is small but has a value of each kind.

use proptest::prelude::*;
use strongroom_policy::evaluate::{Attached, Principal, ResourceSide, RoleSession, User};
use strongroom_policy::public::{Reach, reachable};
use strongroom_policy::{ContextMap, Document, Kind, Policy, PolicySets, Request, evaluate};
use strongroom_types::AccountId;

use crate::cases;

const OWNER: &str = "111111111111";
const ACCOUNTS: [&str; 5] = [OWNER, "222222222222", "333333333333", "444444444444", "555555555555"];

const ACTIONS: [&str; 4] = ["s3:GetObject", "s3:GetOther", "s3:PutObject", "s3:Other"];
const ACTION_PATTERNS: &[&str] = &["*", "s3:*", "s3:Get*", "s3:getobject", "s3:PutObject"];
const RESOURCES: [&str; 7] = [
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/x",
    "arn:aws:s3:::b/y",
    "arn:aws:s3:::b/a/x",
    "arn:aws:s3:::b/a/y",
    "arn:aws:s3:::c",
    "arn:aws:s3:::c/x",
];
const RESOURCE_PATTERNS: &[&str] =
    &["*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::b/a/*", "arn:aws:s3:::*/x"];
const PRINCIPALS: &[&str] = &[
    r#""Principal":"*""#,
    r#""Principal":"*""#,
    r#""Principal":{"AWS":"*"}"#,
    r#""Principal":{"AWS":"222222222222"}"#,
    r#""Principal":{"AWS":["arn:aws:iam::333333333333:user/x","AIDA00000000000000XX"]}"#,
    r#""Principal":{"Federated":"accounts.google.com"}"#,
    r#""Principal":{"Service":"s3.amazonaws.com"}"#,
];
const DENIED: &[&str] = &[
    r#""Principal":"*""#,
    r#""Principal":"*""#,
    r#""Principal":{"AWS":"444444444444"}"#,
    r#""Principal":{"AWS":["arn:aws:iam::555555555555:user/x","arn:aws:iam::555555555555:role/x"]}"#,
    r#""NotPrincipal":{"AWS":["444444444444","arn:aws:iam::444444444444:user/x"]}"#,
    r#""NotPrincipal":{"AWS":["arn:aws:iam::111111111111:root","arn:aws:iam::555555555555:role/x"]}"#,
];

/// A key with the conditions that statements have on it, and the values that a request may have: none, one, several.
struct Key {
    name: &'static str,
    conditions: &'static [&'static str],
    values: &'static [&'static [&'static str]],
}

const KEYS: &[Key] = &[
    Key {
        name: "aws:SourceVpc",
        conditions: &[
            r#""StringEquals":{"aws:SourceVpc":"vpc-1"}"#,
            r#""StringEqualsIfExists":{"aws:SourceVpc":["vpc-1"]}"#,
            r#""StringLike":{"aws:SourceVpc":"vpc-*"}"#,
            r#""StringLike":{"aws:SourceVpc":"vpc-a*"}"#,
            r#""StringNotLike":{"aws:SourceVpc":"vpc-a*"}"#,
            r#""StringNotEquals":{"aws:SourceVpc":["vpc-1","vpc-ab"]}"#,
            r#""Null":{"aws:SourceVpc":"true"}"#,
        ],
        values: &[&[], &["vpc-1"], &["vpc-ab"], &["vpc-ac"], &["vpc-b"]],
    },
    Key {
        name: "aws:SourceIp",
        conditions: &[
            r#""IpAddress":{"aws:SourceIp":"203.0.113.0/24"}"#,
            r#""IpAddress":{"aws:SourceIp":["0.0.0.0/1","2001:db8::/16"]}"#,
            r#""NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}"#,
            r#""NotIpAddress":{"aws:SourceIp":["0.0.0.0/0"]}"#,
        ],
        values: &[&[], &["203.0.113.9"], &["198.51.100.1"], &["9.9.9.9"], &["2001:db8::1"], &["2606::1"]],
    },
    Key {
        name: "aws:PrincipalOrgID",
        conditions: &[
            r#""StringEquals":{"aws:PrincipalOrgID":"o-1"}"#,
            r#""StringNotEquals":{"aws:PrincipalOrgID":"o-1"}"#,
            r#""StringLike":{"aws:PrincipalOrgID":"o-?"}"#,
        ],
        values: &[&[], &["o-1"], &["o-2"], &["o-33"]],
    },
    Key {
        name: "aws:SecureTransport",
        conditions: &[
            r#""Bool":{"aws:SecureTransport":"true"}"#,
            r#""Bool":{"aws:SecureTransport":"false"}"#,
            r#""BoolIfExists":{"aws:SecureTransport":false}"#,
        ],
        values: &[&["true"], &["false"]],
    },
    Key {
        name: "s3:max-keys",
        conditions: &[
            r#""NumericLessThan":{"s3:max-keys":10}"#,
            r#""NumericGreaterThanEquals":{"s3:max-keys":"10"}"#,
            r#""NumericEquals":{"s3:max-keys":10}"#,
            r#""NumericNotEquals":{"s3:max-keys":10}"#,
            r#""NumericLessThanEqualsIfExists":{"s3:max-keys":9.5}"#,
        ],
        values: &[&[], &["5"], &["9.7"], &["10"], &["15"]],
    },
    Key {
        name: "aws:TagKeys",
        conditions: &[
            r#""ForAllValues:StringEquals":{"aws:TagKeys":["a","ab"]}"#,
            r#""ForAnyValue:StringEquals":{"aws:TagKeys":"a"}"#,
            r#""ForAnyValue:StringNotLike":{"aws:TagKeys":"a*"}"#,
            r#""ForAllValues:StringNotEquals":{"aws:TagKeys":"a"}"#,
            r#""StringEquals":{"aws:TagKeys":"ab"}"#,
            r#""Null":{"aws:TagKeys":"false"}"#,
        ],
        values: &[
            &[],
            &[""],
            &["a"],
            &["ab"],
            &["c"],
            &["a", "ab"],
            &["a", "c"],
            &["ab", "c"],
            &["", "c"],
            &["a", "ab", "c"],
        ],
    },
    Key {
        name: "aws:Referer",
        conditions: &[
            r#""StringEquals":{"aws:Referer":"a"}"#,
            r#""StringEqualsIgnoreCase":{"aws:Referer":"A"}"#,
            r#""StringNotEqualsIgnoreCase":{"aws:Referer":"A"}"#,
            r#""StringLike":{"aws:Referer":"?*"}"#,
            r#""StringNotLike":{"aws:Referer":"*b*"}"#,
            r#""Null":{"aws:Referer":"false"}"#,
        ],
        values: &[&[], &[""], &["a"], &["A"], &["b"], &["c"]],
    },
    Key {
        name: "aws:CurrentTime",
        conditions: &[
            r#""DateLessThan":{"aws:CurrentTime":"2026-01-01"}"#,
            r#""DateGreaterThanEquals":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}"#,
            r#""DateNotEquals":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}"#,
        ],
        values: &[&[], &["2025-06-01T00:00:00Z"], &["2026-01-01T00:00:00Z"], &["2026-06-01T00:00:00Z"]],
    },
    // Values of this one come from the caller.
    Key {
        name: "aws:PrincipalArn",
        conditions: &[
            r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/x"}"#,
            r#""StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::444444444444:*"}"#,
            r#""ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::222222222222:role/x"}"#,
            r#""StringLike":{"aws:PrincipalAccount":["4444*","5*"]}"#,
            r#""StringNotEquals":{"aws:PrincipalAccount":"333333333333"}"#,
            r#""StringEquals":{"aws:PrincipalAccount":"333333333333"}"#,
            r#""Null":{"aws:PrincipalAccount":"true"}"#,
        ],
        values: &[&[]],
    },
];

#[derive(Debug, Clone)]
struct Case {
    keys: Vec<usize>,
    statements: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    allows: bool,
    principal: (usize, usize),
    action: (bool, Vec<&'static str>),
    resource: (bool, Vec<&'static str>),
    conditions: Vec<(usize, usize)>,
}

fn part() -> impl Strategy<Value = Part> {
    let index = 0..1_000_usize;
    (
        any::<bool>(),
        (index.clone(), index.clone()),
        (prop::bool::weighted(0.2), prop::sample::subsequence(ACTION_PATTERNS, 1..3)),
        (prop::bool::weighted(0.2), prop::sample::subsequence(RESOURCE_PATTERNS, 1..3)),
        prop::collection::vec((index.clone(), index), 0..4),
    )
        .prop_map(|(allows, principal, action, resource, conditions)| Part {
            allows,
            principal,
            action,
            resource,
            conditions,
        })
}

fn case() -> impl Strategy<Value = Case> {
    let keys = prop::sample::subsequence((0..KEYS.len()).collect::<Vec<_>>(), 3);
    (keys, prop::collection::vec(part(), 1..5)).prop_map(|(keys, statements)| Case { keys, statements })
}

impl Case {
    fn statement(&self, part: &Part) -> String {
        let principal = if part.allows {
            PRINCIPALS[part.principal.0 % PRINCIPALS.len()]
        } else {
            DENIED[part.principal.1 % DENIED.len()]
        };
        let mut operators: Vec<(&str, &str)> = Vec::new();
        for (key, condition) in &part.conditions {
            let conditions = KEYS[self.keys[key % self.keys.len()]].conditions;
            let text = conditions[condition % conditions.len()];
            let (operator, rest) = text.split_at(text.find(":{").unwrap());
            if operators.iter().all(|(other, _)| *other != operator) {
                operators.push((operator, rest));
            }
        }
        let conditions = operators.iter().map(|(operator, rest)| format!("{operator}{rest}"));
        let not = |negated: bool| if negated { "Not" } else { "" };
        format!(
            r#"{{"Effect":"{}",{principal},"{}Action":{:?},"{}Resource":{:?},"Condition":{{{}}}}}"#,
            if part.allows { "Allow" } else { "Deny" },
            not(part.action.0),
            part.action.1,
            not(part.resource.0),
            part.resource.1,
            conditions.collect::<Vec<_>>().join(","),
        )
    }

    fn document(&self) -> Document {
        let statements = self.statements.iter().map(|part| self.statement(part)).collect::<Vec<_>>();
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
        Document::parse(text.as_bytes(), Kind::Bucket).unwrap_or_else(|error| panic!("{error} {text}"))
    }
}

/// The values that an Allow fixes, by plain search for their text: patterns and negations fix nothing.
fn fixed(document: &Document, value: &str, operators: &[&str]) -> bool {
    let root: serde_json::Value = serde_json::from_str(document.as_str()).unwrap();
    root["Statement"].as_array().unwrap().iter().filter(|s| s["Effect"] == "Allow").any(|statement| {
        let named = statement["Principal"]["AWS"].to_string().contains(value);
        let conditions = statement["Condition"].as_object().unwrap().iter();
        named
            || conditions
                .filter(|(operator, _)| operators.contains(&operator.as_str()))
                .any(|(_, keys)| keys.to_string().contains(value))
    })
}

const EQUALS: [&str; 4] = ["StringEquals", "StringEqualsIfExists", "ArnEquals", "IpAddress"];

/// Everybody who is an outsider, with the keys that they have.
fn outsiders(document: &Document) -> Vec<(Principal, ContextMap)> {
    let anonymous = ContextMap::new().with("aws:PrincipalType", "Anonymous");
    let mut all = vec![
        (Principal::Anonymous, anonymous.clone()),
        (Principal::WebIdentity("accounts.google.com".to_owned()), anonymous),
    ];
    for number in ACCOUNTS {
        if number == OWNER || fixed(document, number, &EQUALS) {
            continue;
        }
        let account = AccountId::parse(number).unwrap();
        let user = |name: &str| Principal::User(User { account, name: name.into(), id: "AIDA0OTHER".into() });
        let role = Principal::RoleSession(RoleSession {
            account,
            role: "x".into(),
            role_id: "AROA0OTHER".into(),
            session: "s".into(),
            service_linked: false,
        });
        for (principal, resource) in [
            (user("x"), "user/x"),
            (user("y"), "user/y"),
            (role, "role/x"),
            (Principal::Root(account), "root"),
        ] {
            let arn = format!("arn:aws:iam::{number}:{resource}");
            let keys = ContextMap::new().with("aws:PrincipalArn", arn).with("aws:PrincipalAccount", number);
            all.push((principal, keys));
        }
    }
    all
}

fn contexts(case: &Case, document: &Document, who: &Principal, start: &ContextMap) -> Vec<ContextMap> {
    let mut all = vec![start.clone()];
    for key in &case.keys {
        let key = &KEYS[*key];
        let possible = key.values.iter().filter(|values| {
            let org = key.name == "aws:PrincipalOrgID" && !values.is_empty();
            let fixes = ["aws:SourceVpc", "aws:PrincipalOrgID"].contains(&key.name)
                && values.iter().any(|value| fixed(document, value, &EQUALS));
            let network = **values == ["203.0.113.9"] && fixed(document, "203.0.113.0/24", &EQUALS);
            !(fixes || network || org && who.account().is_none())
        });
        let possible = possible.collect::<Vec<_>>();
        all = all
            .iter()
            .flat_map(|context| {
                possible.iter().map(move |values| {
                    let mut context = context.clone();
                    if !values.is_empty() {
                        context.insert(key.name, values.iter().map(|value| (*value).to_owned()).collect());
                    }
                    context
                })
            })
            .collect();
    }
    all
}

fn allows(document: &Policy, who: &Principal, action: &str, resource: &str, context: &ContextMap) -> bool {
    let all = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let all = Policy::compile(&Document::parse(all.as_bytes(), Kind::Managed).unwrap());
    allowed(document, &all, who, action, resource, context)
}

fn allowed(
    policy: &Policy,
    all: &Policy,
    who: &Principal,
    action: &str,
    resource: &str,
    context: &ContextMap,
) -> bool {
    let identity = [Attached { name: "all", policy: all }];
    let sets = PolicySets {
        resource: ResourceSide { policy: Some(Attached { name: "b", policy }), ..ResourceSide::NONE },
        identity: &identity,
        ..PolicySets::NONE
    };
    let resource_account = AccountId::parse(OWNER).unwrap();
    let request =
        Request { principal: who, canonical_user: None, action, resource, resource_account, context };
    evaluate(&request, &sets).is_allow()
}

/// Some request of an outsider that is allowed.
fn search(case: &Case, document: &Document) -> Option<String> {
    let policy = Policy::compile(document);
    let all = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let all = Policy::compile(&Document::parse(all.as_bytes(), Kind::Managed).unwrap());
    for (who, keys) in outsiders(document) {
        for context in contexts(case, document, &who, &keys) {
            for action in ACTIONS {
                for resource in RESOURCES {
                    if allowed(&policy, &all, &who, action, resource, &context) {
                        return Some(format!("{who} {action} {resource} {context:?}"));
                    }
                }
            }
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(100)))]

    #[test]
    fn what_is_reachable_is_what_an_exhaustive_search_finds(case in case()) {
        let document = case.document();
        let found = search(&case, &document);
        match reachable(&document, AccountId::parse(OWNER).unwrap()) {
            Reach::Reachable { witness, .. } => {
                let policy = Policy::compile(&document);
                let context = witness.context();
                let allowed = allows(&policy, &witness.principal, &witness.action, &witness.resource, &context);
                prop_assert!(allowed, "not allowed: {} {}", witness, document.as_str());
                prop_assert!(found.is_some(), "nobody found {} {}", witness, document.as_str());
            }
            Reach::Unreachable => prop_assert!(found.is_none(), "{} {}", found.unwrap(), document.as_str()),
            Reach::Undecided { .. } => prop_assert!(false, "undecided {}", document.as_str()),
        }
    }
}

#[test]
fn both_answers_are_frequent_in_the_small_world() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut reached = 0;
    for _ in 0..500 {
        let document = case().new_tree(&mut runner).unwrap().current().document();
        let verdict = reachable(&document, AccountId::parse(OWNER).unwrap());
        reached += usize::from(matches!(verdict, Reach::Reachable { .. }));
    }
    assert!((100..400).contains(&reached), "{reached} of 500");
}
