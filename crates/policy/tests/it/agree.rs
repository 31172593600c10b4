//! The evaluator agrees with the naive one, for random policies of every kind and random requests.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use strongroom_policy::evaluate::Principal;
use strongroom_policy::{ContextMap, Decision, Document, Policy};

use crate::case::{CANONICAL, Case, case};
use crate::cases;
use crate::naive::{Answer, Keys, Kind, Person, Question};
use crate::world::{self, ACTIONS, RESOURCES};

pub(crate) fn person(principal: &Principal, canonical: Option<String>) -> Person {
    let named = |kind, account: Option<String>, own: Vec<String>, behind: Vec<String>| Person {
        kind,
        account,
        own,
        behind,
        canonical,
    };
    let own = principal.to_string();
    let account = principal.account().map(|account| account.to_string());
    match principal {
        Principal::Anonymous => named(Kind::Anonymous, account, Vec::new(), Vec::new()),
        Principal::Root(_) => named(Kind::Root, account, Vec::new(), Vec::new()),
        Principal::User(user) => named(Kind::User, account, vec![own, user.id.clone()], Vec::new()),
        Principal::RoleSession(session) => {
            let arn = format!("arn:aws:iam::{}:role/{}", session.account, session.role);
            let kind = if session.service_linked { Kind::ServiceLinkedRole } else { Kind::Role };
            named(kind, account, vec![own], vec![arn, session.role_id.clone()])
        }
        Principal::FederatedUser(federated) => {
            let behind = federated.issuer.iter().flat_map(|user| {
                [format!("arn:aws:iam::{}:user/{}", user.account, user.name), user.id.clone()]
            });
            named(Kind::Federated, account, vec![own], behind.collect())
        }
        Principal::WebIdentity(name) => named(Kind::WebIdentity, account, vec![name.clone()], Vec::new()),
        Principal::Service(name) => named(Kind::Service, account, vec![name.clone()], Vec::new()),
        Principal::Worker { .. } => panic!("no caller"),
    }
}

pub(crate) fn keys(context: &ContextMap) -> Keys {
    context.entries().map(|(key, values)| (key.to_owned(), values.to_vec())).collect()
}

fn naive(case: &Case, values: &[Value]) -> Answer {
    let [rcp, scp, endpoint, resource, one, two, boundary, session] = values else { panic!() };
    let [has_rcp, has_scp, has_endpoint, has_boundary, has_session] = case.present;
    let keys = keys(&case.context);
    let question = Question {
        person: &person(&case.principal, case.canonical.then(|| CANONICAL.to_owned())),
        action: case.action,
        resource: case.resource,
        resource_account: world::ACCOUNTS[0],
        keys: &keys,
        management_account: case.management.map(|index| world::ACCOUNTS[index]),
        resource_control: if has_rcp { vec![vec![rcp]] } else { Vec::new() },
        service_control: if has_scp { vec![vec![scp]] } else { Vec::new() },
        endpoint: has_endpoint.then_some(endpoint),
        resource_policy: Some(resource),
        acl: u8::try_from(case.acl).unwrap(),
        restricted: case.restricted,
        must_allow: case.must_allow,
        identity: vec![one, two],
        boundary: has_boundary.then_some(boundary),
        session: has_session.then(|| vec![session]),
    };
    question.decide()
}

fn values(documents: &[Document]) -> Vec<Value> {
    documents.iter().map(|document| serde_json::from_str(document.as_str()).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(3_000)))]

    /// Each case is a dozen decisions.
    #[test]
    fn both_evaluators_give_the_same_answer(case in case()) {
        let mut case = case;
        let documents = case.documents();
        let values = values(&documents);
        let policies = documents.iter().map(Policy::compile).collect::<Vec<_>>();
        for action in ACTIONS {
            for resource in RESOURCES {
                (case.action, case.resource) = (action, resource);
                let answer = match case.decision(&policies) {
                    Decision::Allow(_) => Answer::Allow,
                    Decision::ImplicitDeny { .. } => Answer::ImplicitDeny,
                    Decision::ExplicitDeny(_) => Answer::ExplicitDeny,
                };
                prop_assert_eq!(answer, naive(&case, &values), "{:?}", case);
            }
        }
    }
}

#[test]
fn each_answer_is_frequent() {
    let mut runner = TestRunner::deterministic();
    let mut counts = [0; 3];
    for _ in 0..2_000 {
        let case = case().new_tree(&mut runner).unwrap().current();
        counts[naive(&case, &values(&case.documents())) as usize] += 1;
    }
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}
