//! The example policies of AWS's IAM and S3 user guides, each with a request that it allows and one that it denies.
//!
//! `tests/data/aws-examples.jsonl` has an example a line: the page and heading that it stands under, the kind of the
//! policy, the policy without the names of its statements, and two requests that differ in one fact where one fact can
//! tell. Words that stand for an account are account numbers. `full_access`: the policy only denies, and its bearer may
//! do everything else.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use strongroom_policy::evaluate::{Attached, FederatedUser, Principal, ResourceSide, RoleSession, User};
use strongroom_policy::{ContextMap, Document, Kind, Policy, PolicySets, Request, evaluate};
use strongroom_types::AccountId;

use crate::agree;
use crate::naive::{Answer, Question};

const EXAMPLES: &str = include_str!("../data/aws-examples.jsonl");
const ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

#[derive(Deserialize)]
struct Example {
    source: String,
    kind: String,
    #[serde(default)]
    full_access: bool,
    policy: Value,
    allowed: Asked,
    denied: Asked,
}

/// A request; `who` is `user:ARN`, `role:ARN|session`, `federated:ARN`, `service:NAME`, `web:PROVIDER` or `anonymous`.
#[derive(Deserialize)]
struct Asked {
    who: String,
    action: String,
    resource: String,
    keys: BTreeMap<String, Vec<String>>,
}

fn principal(who: &str) -> Principal {
    let (kind, name) = who.split_once(':').unwrap_or((who, ""));
    let account = || AccountId::parse(name.split(':').nth(4).unwrap()).unwrap();
    let behind = |prefix: &str| name.split_once(prefix).unwrap().1.to_owned();
    match kind {
        "anonymous" => Principal::Anonymous,
        "service" => Principal::Service(name.to_owned()),
        "web" => Principal::WebIdentity(name.to_owned()),
        "user" => Principal::User(User {
            account: account(),
            name: behind(":user/"),
            id: "AIDA0000000000EXAMPLE".to_owned(),
        }),
        "federated" => Principal::FederatedUser(FederatedUser {
            account: account(),
            name: behind(":federated-user/"),
            issuer: None,
        }),
        _ => {
            let (role, session) =
                behind(":role/").split_once('|').map(|(r, s)| (r.to_owned(), s.to_owned())).unwrap();
            let role_id = "AROA0000000000EXAMPLE".to_owned();
            Principal::RoleSession(RoleSession {
                account: account(),
                role,
                role_id,
                session,
                service_linked: false,
            })
        }
    }
}

impl Example {
    fn kind(&self) -> Kind {
        match self.kind.as_str() {
            "Managed" => Kind::Managed,
            "Bucket" => Kind::Bucket,
            "Trust" => Kind::Trust,
            _ => Kind::Endpoint,
        }
    }

    /// By both evaluators.
    fn is_allowed(&self, document: &Document, asked: &Asked) -> bool {
        let principal = principal(&asked.who);
        let on_resource = self.kind() != Kind::Managed;
        // The policy of a resource is asked from another account, which allows everything, so that it alone decides.
        let own = principal.account().filter(|_| self.full_access || !on_resource);
        let resource_account = own.unwrap_or_else(|| AccountId::parse("000000000000").unwrap());
        let all = Document::parse(ALL.as_bytes(), Kind::Managed).unwrap();
        let (policy, everything) = (Policy::compile(document), Policy::compile(&all));
        let (this, everything) =
            (Attached { name: "example", policy: &policy }, Attached { name: "all", policy: &everything });
        let identity = match (on_resource, self.full_access) {
            (true, _) => vec![everything],
            (false, true) => vec![this, everything],
            (false, false) => vec![this],
        };
        let resource = ResourceSide { policy: on_resource.then_some(this), ..ResourceSide::NONE };
        let sets = PolicySets { resource, identity: &identity, ..PolicySets::NONE };
        let mut context = ContextMap::new();
        for (key, values) in &asked.keys {
            context.insert(key, values.clone());
        }
        let request = Request {
            principal: &principal,
            canonical_user: None,
            action: &asked.action,
            resource: &asked.resource,
            resource_account,
            context: &context,
        };
        let allowed = evaluate(&request, &sets).is_allow();

        let (all, this) = (serde_json::from_str::<Value>(ALL).unwrap(), &self.policy);
        let question = Question {
            person: &agree::person(&principal, None),
            action: &asked.action,
            resource: &asked.resource,
            resource_account: &resource_account.to_string(),
            keys: &agree::keys(&context),
            management_account: None,
            resource_control: Vec::new(),
            service_control: Vec::new(),
            endpoint: None,
            resource_policy: on_resource.then_some(this),
            acl: 0,
            restricted: false,
            must_allow: false,
            identity: match (on_resource, self.full_access) {
                (true, _) => vec![&all],
                (false, true) => vec![this, &all],
                (false, false) => vec![this],
            },
            boundary: None,
            session: None,
        };
        assert_eq!(question.decide() == Answer::Allow, allowed, "the evaluators differ: {}", self.source);
        allowed
    }
}

#[test]
fn every_example_of_the_user_guides_allows_and_denies_as_it_should() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in EXAMPLES.lines() {
        let example: Example = serde_json::from_str(line).unwrap();
        let text = example.policy.to_string();
        match Document::parse(text.as_bytes(), example.kind()) {
            Err(error) => wrong.push(format!("{}: {error}: {text}", example.source)),
            Ok(document) => {
                for (asked, expected) in [(&example.allowed, true), (&example.denied, false)] {
                    if example.is_allowed(&document, asked) != expected {
                        wrong.push(format!("{}: not {expected}: {line}", example.source));
                    }
                }
            }
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 350, "{count}");
}
