//! Tests of the metadata service, without connections.

use proptest::prelude::*;
use strongroom_types::Timestamp;

use super::*;
use crate::credentials;
use crate::head::sample;

fn now() -> Timestamp {
    Timestamp::from_secs(1_000_000)
}

const PUT: (&str, &str) = ("X-aws-ec2-metadata-token-ttl-seconds", "60");

struct Counting(std::sync::atomic::AtomicU8);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
    }
}

fn imds() -> Imds {
    let store = Store::default();
    store.put(
        credentials::sample("ASIAIOSFODNN7EXAMPLE", now().plus(std::time::Duration::from_secs(60))),
        now(),
    );
    let role = RoleArn::parse("arn:aws:iam::123456789012:role/team/a+b@c").unwrap();
    let entropy = Arc::new(Counting(0.into()));
    Imds::new(entropy, Arc::new(store), role, Region::parse("eu-west-1").unwrap())
}

fn token(imds: &Imds) -> String {
    let answer = imds.answer(&sample("PUT", "/latest/api/token", &[PUT]), now());
    assert_eq!(answer.status, StatusCode::OK);
    answer.body().to_owned()
}

fn get(imds: &Imds, path: &str, token: &str) -> (StatusCode, String) {
    let answer = imds.answer(&sample("GET", path, &[("x-aws-ec2-metadata-token", token)]), now());
    (answer.status, answer.body().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_token_gets_what_sdks_ask_for() {
    let imds = imds();
    let token = token(&imds);
    let text = |path: &str| {
        let (status, body) = get(&imds, path, &token);
        assert_eq!(status, StatusCode::OK, "{path}");
        body
    };
    assert_eq!(text("/latest/meta-data/iam/security-credentials/"), "a+b@c");
    assert_eq!(text("/latest/meta-data/iam/security-credentials"), "a+b@c");
    assert_eq!(text("/latest/meta-data/placement/region"), "eu-west-1");
    assert_eq!(text("/latest/meta-data/placement/availability-zone/"), "eu-west-1a");
    for path in ["a+b@c", "a%2Bb%40c"] {
        let shown = text(&format!("/latest/meta-data/iam/security-credentials/{path}"));
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["Code"], "Success");
        assert_eq!(shown["Type"], "AWS-HMAC");
        assert_eq!(shown["AccessKeyId"], "ASIAIOSFODNN7EXAMPLE");
        assert_eq!(shown["SecretAccessKey"], "hunter2");
        assert_eq!(shown["Expiration"], "1970-01-12T13:47:40Z");
        assert_eq!(shown["LastUpdated"], "1970-01-12T13:46:40Z");
    }
    let document: serde_json::Value =
        serde_json::from_str(&text("/latest/dynamic/instance-identity/document")).unwrap();
    assert_eq!((&document["region"], &document["accountId"]), (&"eu-west-1".into(), &"123456789012".into()));
    let profile: serde_json::Value = serde_json::from_str(&text("/latest/meta-data/iam/info")).unwrap();
    assert_eq!(profile["InstanceProfileArn"], "arn:aws:iam::123456789012:instance-profile/team/a+b@c");
    assert_eq!(get(&imds, "/latest/user-data", &token).0, StatusCode::NOT_FOUND);
    assert_eq!(
        get(&imds, "/latest/meta-data/iam/security-credentials/other", &token).0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_token_there_is_nothing() {
    let imds = imds();
    let good = token(&imds);
    for path in
        ["/", "/latest/meta-data/", "/latest/meta-data/iam/security-credentials/", "/latest/api/token"]
    {
        let first_version = imds.answer(&sample("GET", path, &[]), now());
        assert_eq!(first_version.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(get(&imds, path, "wrong").0, StatusCode::UNAUTHORIZED, "{path}");
    }
    let twice = [("x-aws-ec2-metadata-token", &*good), ("x-aws-ec2-metadata-token", &*good)];
    let twice = imds.answer(&sample("GET", "/latest/meta-data/", &twice), now());
    assert_eq!(twice.status, StatusCode::UNAUTHORIZED);
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    assert_eq!(get(&imds, "/latest/meta-data/", &good).0, StatusCode::UNAUTHORIZED, "its time is over");
}

#[tokio::test(start_paused = true)]
async fn a_token_needs_a_time_to_live_and_their_number_a_second_is_limited() {
    let imds = imds();
    for headers in [vec![], vec![(PUT.0, "0")], vec![(PUT.0, "21601")], vec![PUT, PUT]] {
        let answer = imds.answer(&sample("PUT", "/latest/api/token", &headers), now());
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{headers:?}");
    }
    let tokens: std::collections::BTreeSet<_> = (0..MAX_TOKEN_BURST).map(|_| token(&imds)).collect();
    assert_eq!(tokens.len(), MAX_TOKEN_BURST as usize, "each is another");
    let answer = imds.answer(&sample("PUT", "/latest/api/token", &[PUT]), now());
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let written = imds.answer(&sample("PUT", "/latest/meta-data/", &[PUT]), now());
    assert_eq!(written.status, StatusCode::UNAUTHORIZED);
}

proptest! {
    #[test]
    fn no_path_and_no_headers_get_anything_without_a_token(
        path in "(/latest/(meta-data|dynamic|api)?)?/[ -~&&[^ ?#<>\"{}|\\\\^`]]{0,30}",
        shown in proptest::option::of("[ -~]{0,100}"),
        method in "GET|HEAD|POST|PUT|DELETE|OPTIONS",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _guard = runtime.enter();
        let headers: Vec<_> = shown.iter().map(|shown| ("x-aws-ec2-metadata-token", shown.as_str())).collect();
        let answer = imds().answer(&sample(&method, &path, &headers), now());
        prop_assert!(matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST));
    }

    #[test]
    fn with_a_token_every_path_has_an_answer(path in "/latest(/[a-z%0-9.-]{0,12}){0,5}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _guard = runtime.enter();
        let imds = imds();
        let token = token(&imds);
        let (status, _) = get(&imds, &path, &token);
        prop_assert!(matches!(status, StatusCode::OK | StatusCode::NOT_FOUND));
    }
}
