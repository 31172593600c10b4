//! What a decision costs: over ten statements, over a hundred attached policies, with all kinds of policies at once;
//! and what reading and compiling a policy costs, which the cache saves.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at what it did not expect")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use strongroom_policy::evaluate::{Attached, Level, Principal, ResourceSide, User, evaluate};
use strongroom_policy::{ContextMap, Document, Kind, Policy, PolicyCache, PolicySets, Request, explain};
use strongroom_types::AccountId;

fn compile(text: &str, kind: Kind) -> Policy {
    Policy::compile(&Document::parse(text.as_bytes(), kind).unwrap())
}

/// A statement as people write them: several actions, an ARN, every third with a variable, every second a condition.
fn statement(index: usize, effect: &str) -> String {
    let resource = match index % 3 {
        0 => format!("arn:aws:s3:::bucket-{index}/*"),
        1 => format!("arn:aws:s3:::shared/home/${{aws:username}}/{index}/*"),
        _ => "arn:aws:s3:::shared/*".to_owned(),
    };
    let condition = match index % 4 {
        0 => r#","Condition":{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","198.51.100.0/24"]}}"#,
        2 => {
            r#","Condition":{"StringLike":{"s3:prefix":["a/*","b/*"]},"Bool":{"aws:SecureTransport":"true"}}"#
        }
        _ => "",
    };
    format!(
        r#"{{"Sid":"S{index}","Effect":"{effect}","Action":["s3:Get*","s3:ListBucket","s3:PutObject"],"Resource":"{resource}"{condition}}}"#
    )
}

fn document(statements: &[String]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

fn context() -> ContextMap {
    (0..36)
        .fold(ContextMap::new(), |map, index| map.with(&format!("aws:Key{index}"), "value"))
        .with("aws:username", "ann")
        .with("aws:SourceIp", "192.0.2.1")
        .with("aws:SecureTransport", "true")
        .with("s3:prefix", "c/")
}

fn decisions(criterion: &mut Criterion) {
    let account = AccountId::parse("111111111111").unwrap();
    let principal = Principal::User(User { account, name: "ann".into(), id: "AIDA0000000000000ANN".into() });
    let context = context();
    let request = Request {
        principal: &principal,
        canonical_user: None,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::shared/home/ann/12/report.pdf",
        resource_account: account,
        context: &context,
    };

    // The statement that allows is the last, and the others nearly fit.
    let mut ten = (0..9)
        .map(|index| statement(index, if index % 3 == 2 { "Deny" } else { "Allow" }))
        .collect::<Vec<_>>();
    ten.push(statement(11, "Allow"));
    let ten = ten
        .into_iter()
        .map(|text| {
            text.replace(
                r#""Effect":"Deny","Action":["s3:Get*""#,
                r#""Effect":"Deny","Action":["s3:Delete*""#,
            )
        })
        .collect::<Vec<_>>();
    let policy = compile(&document(&ten), Kind::RoleInline);
    let identity = [Attached { name: "ten", policy: &policy }];
    let sets = PolicySets { identity: &identity, ..PolicySets::NONE };
    assert!(evaluate(&request, &sets).is_allow());
    criterion.bench_function("decision over 10 statements", |bencher| {
        bencher.iter(|| evaluate(black_box(&request), black_box(&sets)));
    });
    criterion.bench_function("explanation over 10 statements", |bencher| {
        bencher.iter(|| explain(black_box(&request), black_box(&sets)));
    });

    let hundred = (0..100)
        .map(|index| {
            compile(
                &document(&[
                    statement(3 * index, "Allow"),
                    statement(3 * index + 1, "Allow"),
                    statement(3 * index + 2, "Deny").replace("s3:Get*", "s3:Delete*"),
                ]),
                Kind::Managed,
            )
        })
        .collect::<Vec<_>>();
    let identity = hundred.iter().map(|policy| Attached { name: "one of many", policy }).collect::<Vec<_>>();
    let sets = PolicySets { identity: &identity, ..PolicySets::NONE };
    criterion.bench_function("decision over 100 policies of 3 statements", |bencher| {
        bencher.iter(|| evaluate(black_box(&request), black_box(&sets)));
    });

    let full = compile(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
        Kind::ServiceControl,
    );
    let bucket = compile(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::shared","arn:aws:s3:::shared/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#,
        Kind::Bucket,
    );
    let attached = [Attached { name: "full", policy: &full }];
    let levels = ["r", "ou", "account"].map(|target| Level { target, policies: &attached });
    let identity = [Attached { name: "ten", policy: &policy }];
    let sets = PolicySets {
        service_control: &levels,
        resource: ResourceSide {
            policy: Some(Attached { name: "bucket", policy: &bucket }),
            ..ResourceSide::NONE
        },
        identity: &identity,
        boundary: Some(Attached { name: "full", policy: &full }),
        session: Some(&attached),
        ..PolicySets::NONE
    };
    assert!(evaluate(&request, &sets).is_allow());
    criterion.bench_function("decision with every kind of policy", |bencher| {
        bencher.iter(|| evaluate(black_box(&request), black_box(&sets)));
    });

    let text: Arc<str> = document(&ten).into();
    let cache = PolicyCache::new();
    criterion.bench_function("reading and compiling 10 statements", |bencher| {
        bencher.iter(|| compile(black_box(&text), Kind::RoleInline));
    });
    criterion.bench_function("finding 10 statements in the cache", |bencher| {
        bencher.iter(|| cache.get(black_box(&text), Kind::RoleInline));
    });
}

criterion_group!(benches, decisions);
criterion_main!(benches);
