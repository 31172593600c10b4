//! The generator against servers in this process that count what they are asked.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::format_push_string, reason = "tests")]

mod server;

use std::sync::Arc;
use std::time::Duration;

use server::{Fault, Server, clock, side};
use strongroom_bench::{BenchError, Op, Payload, Plan, Process, Progress, Report, Size, Stop, Trust, run};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

fn plan(server: &Server, ops: &[Op]) -> Plan {
    Plan {
        first: server.side.clone(),
        second: None,
        ops: ops.to_vec(),
        sizes: vec![Size::new(4096)],
        clients: 4,
        threads: 2,
        duration: Duration::from_millis(100),
        rounds: 2,
        keys: 2500,
        max_fill: Size::new(1 << 30),
        disk: None,
        bucket: Plan::bucket_name(7),
        seed: 1,
        clock,
    }
}

async fn measured(plan: &Plan) -> Report {
    run(plan, &Stop::new(), &|_| {}).await.unwrap()
}

async fn refused(plan: &Plan) -> BenchError {
    run(plan, &Stop::new(), &|_| {}).await.unwrap_err()
}

/// Operations of a cell, of all rounds.
fn operations(report: &Report, cell: usize, side: usize) -> u64 {
    let json = report.to_json();
    let rounds = json["cells"][cell]["sides"][side]["rounds"].as_array().unwrap().clone();
    rounds.iter().map(|round| round["operations"].as_u64().unwrap()).sum()
}

fn assert_left_nothing(server: &Server) {
    let state = server.state.lock().unwrap();
    assert!(!state.has_bucket && state.objects.is_empty(), "{} objects left", state.objects.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_counted_as_the_server_counts_it_and_leaves_nothing() {
    for op in Op::ALL {
        let server = Server::start(Fault::None, None).await;
        let report = measured(&plan(&server, &[op])).await;
        assert_eq!((report.errors(), report.failures()), (0, Vec::new()), "{op}");
        let ops = operations(&report, 0, 0);
        assert!(ops > 0, "{op}");
        let filled = 2500;
        match op {
            Op::Put => assert_eq!(server.count("PUT object"), filled + ops),
            Op::PutNew => assert_eq!(server.count("PUT object"), ops),
            // One is read back before.
            Op::Get => assert_eq!(server.count("GET object"), 1 + ops),
            Op::Head => assert_eq!(server.count("HEAD object"), ops),
            Op::Mixed => {
                let all = ["PUT object", "GET object", "HEAD object", "DELETE object"];
                let asked: u64 = all.iter().map(|what| server.count(what)).sum();
                assert_eq!(asked, filled + 1 + ops);
            }
            // Three pages each; emptying the bucket asks for four, three full ones and an empty one.
            Op::List => assert_eq!(server.count("GET bucket"), 3 * ops + 4 + 1),
            Op::Delete => {
                // Emptying finds nothing.
                assert_eq!(server.count("POST bucket"), ops);
                assert_eq!(server.count("PUT object"), 100 * ops);
            }
        }
        assert_left_nothing(&server);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_endpoints_take_turns_and_their_ratio_is_told() {
    let (first, second) = (Server::start(Fault::None, None).await, Server::start(Fault::None, None).await);
    let mut plan = plan(&first, &[Op::Head, Op::Get]);
    plan.second = Some(second.side.clone());
    plan.second.as_mut().unwrap().payload = Payload::Unsigned;
    plan.second.as_mut().unwrap().asks_for_sse = true;
    plan.first.process = Some(Process::new(std::process::id()));
    plan.keys = 10;
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |progress: &Progress| told.lock().unwrap().push(progress.what.clone());
    let report = run(&plan, &Stop::new(), &tell).await.unwrap();
    let urls = [first.side.endpoint.url(), second.side.endpoint.url()];
    let told: Vec<String> =
        told.into_inner().unwrap().into_iter().filter(|what| what.starts_with("get")).collect();
    let expected = [(1, 0), (1, 1), (2, 0), (2, 1)]
        .map(|(round, side)| format!("get 4KiB, round {round}, {}", urls[side]));
    assert_eq!(told, expected);
    assert_eq!((report.rows().len(), report.ratio_rows().len()), (4, 2));
    let json = report.to_json();
    assert!(json["cells"][0]["ratios"]["ops_per_second"]["median"].as_f64().unwrap() > 0.0);
    assert!(json["cells"][0]["sides"][0]["disk_share"].is_null(), "reads do not end on the disk");
    assert!(json["cells"][0]["sides"][0]["server_cpu_ms_per_operation"].is_f64());
    assert!(json["cells"][0]["sides"][1]["server_cpu_ms_per_operation"].is_null());
    assert_left_nothing(&first);
    assert_left_nothing(&second);
    let (first, second) = (first.state.lock().unwrap(), second.state.lock().unwrap());
    assert!(first.hashes.iter().all(|hash| hash.len() == 64) && first.sse == 0);
    assert!(second.hashes.iter().all(|hash| hash == "UNSIGNED-PAYLOAD"));
    assert_eq!(second.sse, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_removes_what_it_put_and_reports_what_it_has() {
    let server = Server::start(Fault::None, None).await;
    let mut plan = plan(&server, &[Op::Put, Op::Get]);
    plan.duration = Duration::from_mins(10);
    let stop = Stop::new();
    let stopping = async {
        while server.count("PUT object") < 3000 {
            tokio::task::yield_now().await;
        }
        stop.set();
    };
    let (report, ()) = tokio::join!(run(&plan, &stop, &|_| {}), stopping);
    let report = report.unwrap();
    assert!(report.is_interrupted() && report.rows().is_empty());
    assert_left_nothing(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_operations_are_counted_and_told() {
    let server = Server::start(Fault::RefusesGet, None).await;
    let error = refused(&plan(&server, &[Op::Get])).await.to_string();
    assert!(error.contains("SlowDown: of a test (HTTP 503)"), "the read back is refused: {error}");
    assert_left_nothing(&server);
    let report = measured(&Plan { sizes: vec![Size::new(0)], ..plan(&server, &[Op::PutNew]) }).await;
    assert_eq!(report.errors(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_than_those_that_were_put_end_the_run() {
    let server = Server::start(Fault::Corrupts, None).await;
    let error = refused(&plan(&server, &[Op::Get])).await;
    assert!(matches!(error, BenchError::Corrupt { .. }), "{error}");
    assert_left_nothing(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_connections_is_measured_too() {
    let server = Server::start(Fault::Closes, None).await;
    let report = measured(&plan(&server, &[Op::Put, Op::Head])).await;
    assert_eq!(report.failures(), Vec::<String>::new());
    assert_left_nothing(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_at_the_start_says_what_to_do() {
    let server = Server::start(Fault::KnowsNobody, None).await;
    let error = refused(&plan(&server, &[Op::Put])).await.to_string();
    assert!(error.contains("InvalidAccessKeyId") && error.contains("check AWS_ACCESS_KEY_ID"), "{error}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    drop(listener);
    let nobody = Plan { first: side(&url), ..plan(&server, &[Op::Put]) };
    let error = refused(&nobody).await.to_string();
    assert!(error.contains(&url) && error.contains("is the server running"), "{error}");

    let mut plan = plan(&server, &[Op::Put]);
    plan.first.process = Some(Process::new(u32::MAX));
    assert!(matches!(refused(&plan).await, BenchError::Process { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_of_the_first_endpoint_goes_when_the_second_is_not_there() {
    let server = Server::start(Fault::None, None).await;
    let mut plan = plan(&server, &[Op::Put]);
    plan.second = Some(Server::start(Fault::KnowsNobody, None).await.side);
    refused(&plan).await;
    assert_eq!(server.count("PUT bucket"), 1);
    assert_left_nothing(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_measured_is_reported_though_the_bucket_cannot_be_removed() {
    let server = Server::start(Fault::KeepsBucket, None).await;
    let report = measured(&plan(&server, &[Op::PutNew])).await;
    assert!(!report.is_whole() && report.errors() == 0 && report.rows().len() == 1);
    let troubles = report.into_troubles();
    let text = troubles.iter().map(ToString::to_string).collect::<String>();
    assert!(text.contains("aws s3 rb --force s3://strongroom-bench-"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_trusts_the_bundle_that_is_named_and_nobody_else() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let server = Server::start(Fault::None, Some(TlsAcceptor::from(Arc::new(config)))).await;
    let directory = tempfile::tempdir().unwrap();
    let (own, other) = (directory.path().join("own.pem"), directory.path().join("other.pem"));
    std::fs::write(&own, certified.cert.pem()).unwrap();
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&other, stranger.cert.pem()).unwrap();

    let mut plan = plan(&server, &[Op::Put, Op::Get]);
    plan.sizes = vec![Size::new(1 << 20)];
    plan.keys = 8;
    for (trust, is_good) in
        [(Trust::Bundle(own), true), (Trust::Anybody, true), (Trust::Bundle(other), false)]
    {
        plan.first.trust = trust.clone();
        match run(&plan, &Stop::new(), &|_| {}).await {
            Ok(report) => {
                assert!(is_good && report.errors() == 0, "{trust:?}");
                assert!(report.legend()[0].contains("TLSv1_3"), "{:?}", report.legend());
            }
            Err(error) => {
                assert!(!is_good && matches!(error, BenchError::Handshake { .. }), "{trust:?} {error}");
            }
        }
    }
}
