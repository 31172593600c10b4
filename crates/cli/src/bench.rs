//! `strongroom bench`: how fast an S3 endpoint is, and what an operation costs its server.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use strongroom_bench::{
    BenchError, Endpoint, Op, Payload, Plan, Process, Progress, RATIO_TITLES, Report, Side, Size, Stop,
    TITLES, Trust, parse_duration,
};
use strongroom_crypto::Entropy as _;
use strongroom_kms::SystemEntropy;
use strongroom_server::installation::wall_clock;
use strongroom_types::{AccessKeyId, Region, SecretAccessKey};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Output;
use crate::aws::Environment;
use crate::error::{self, CliError};
use crate::output;

/// `strongroom bench`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  strongroom bench --endpoint https://localhost:9000 --ca-bundle data/tls/ca.pem \\\n    \
    --vs http://localhost:9001 --ops put,get --sizes 4KiB,1MiB --server-pid 4711 --vs-server-pid 4712\n\n\
    Operations: put overwrites random keys, put-new writes new ones, get reads whole objects, mixed is 70 % GET, 20 % PUT, \
    5 % HEAD and 5 % DELETE of one object: for each size. head, list (all keys in pages of 1,000; the whole is one \
    operation) and delete (DeleteObjects of 100; the request is one operation) are for the smallest size alone.\n\n\
    The access key is that of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or of the AWS files. The second endpoint's is \
    that of VS_AWS_ACCESS_KEY_ID, VS_AWS_SECRET_ACCESS_KEY and VS_AWS_SESSION_TOKEN, or else the same. Buckets are \
    addressed in the path.\n\n\
    With --vs, rounds alternate between the two; ratios are the first over the second, the median of the rounds with the \
    least and the most. Server CPU is user and system time of the process while its round lasts; what the kernel's threads \
    do for it, and what it does later, is not in it. The generator uses the same machine: mind its CPU too.\n\n\
    A bucket strongroom-bench-… is made at each endpoint and removed at the end, after Ctrl-C too; both endpoints may lead \
    to one server. Exit status 1 if an \
    operation failed or the run was interrupted."
)]
pub(crate) struct BenchArgs {
    /// URL of the server [default: AWS_ENDPOINT_URL, or endpoint_url of the AWS configuration file]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// URL of a second server to compare with
    #[arg(long, value_name = "URL")]
    vs: Option<String>,
    /// What to measure
    #[arg(
        long,
        value_name = "OP[,OP…]",
        value_delimiter = ',',
        default_value = "put,get,mixed,head,list,delete"
    )]
    ops: Vec<Op>,
    /// Sizes of objects
    #[arg(long, value_name = "SIZE[,SIZE…]", value_delimiter = ',', default_value = "4KiB,64KiB,1MiB,16MiB")]
    sizes: Vec<Size>,
    /// Clients at the same time, a connection each
    #[arg(long, value_name = "N", default_value_t = 16)]
    clients: usize,
    /// How long a round of a cell lasts at each endpoint
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    duration: Duration,
    /// Rounds of a cell at each endpoint
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// Keys of each size that are put beforehand, overwritten, read and listed
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    keys: u64,
    /// Most bytes of these: large objects have fewer keys (but one for each client)
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    max_fill: Size,
    /// Directory on the disk of --endpoint's server: before each round of puts, groups of one object of each client are
    /// appended to a file there and synced, and the rate of the puts is told as a share of that
    #[arg(long, value_name = "DIR")]
    disk: Option<PathBuf>,
    /// Threads of the generator [default: half of the cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// For choosing keys and bytes; the same seed makes the same objects [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Whether the signature covers the bytes that are put (their SHA-256, which the server must compute too), as SDKs
    /// do over http, or not, which is for https
    #[arg(long, value_enum, default_value_t)]
    payload: PayloadArg,
    /// The same for the second endpoint [default: as the first]
    #[arg(long, value_enum)]
    vs_payload: Option<PayloadArg>,
    /// Ask for encryption at rest with x-amz-server-side-encryption
    #[arg(long, value_enum, value_name = "AES256")]
    sse: Option<SseArg>,
    /// The same for the second endpoint
    #[arg(long, value_enum, value_name = "AES256")]
    vs_sse: Option<SseArg>,
    /// Region to sign for [default: AWS_REGION, or that of the AWS configuration file, or us-east-1]
    #[arg(long, value_name = "R", value_parser = crate::args::region)]
    region: Option<Region>,
    /// The same for the second endpoint [default: as the first]
    #[arg(long, value_name = "R", value_parser = crate::args::region)]
    vs_region: Option<Region>,
    /// Certificate of the server's authority (PEM) [default: AWS_CA_BUNDLE, or else the system's authorities]
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca_bundle: Option<PathBuf>,
    /// The same for the second endpoint [default: as the first]
    #[arg(long, value_name = "FILE", conflicts_with = "vs_insecure")]
    vs_ca_bundle: Option<PathBuf>,
    /// Take any certificate of the server
    #[arg(long)]
    insecure: bool,
    /// Take any certificate of the second server
    #[arg(long)]
    vs_insecure: bool,
    /// Process id of the server on this machine, for its CPU time and memory
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// The same for the second endpoint
    #[arg(long, value_name = "PID", requires = "vs")]
    vs_server_pid: Option<u32>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Whether the signature covers what is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum PayloadArg {
    /// Its SHA-256 is signed.
    #[default]
    Signed,
    /// UNSIGNED-PAYLOAD.
    Unsigned,
}

impl From<PayloadArg> for Payload {
    fn from(arg: PayloadArg) -> Self {
        match arg {
            PayloadArg::Signed => Self::Signed,
            PayloadArg::Unsigned => Self::Unsigned,
        }
    }
}

/// Encryption that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SseArg {
    /// SSE-S3.
    #[value(name = "AES256")]
    Aes256,
}

/// Measures, and prints what was measured.
pub(crate) async fn run(args: &BenchArgs) -> Result<ExitCode, CliError> {
    let plan = plan(args, &|name| std::env::var(name).ok())?;
    let stop = Stop::new();
    let watching = tokio::spawn(watch_signals(stop.clone(), leftovers(&plan)));
    let bar = bar();
    let report = strongroom_bench::run(&plan, &stop, &|progress| show(&bar, progress)).await;
    bar.finish_and_clear();
    watching.abort();
    let report = report?;
    match args.output {
        Output::Json => output::print_json(&report.to_json())?,
        Output::Text => output::print(&text(&report))?,
    }
    let code = if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    for trouble in report.into_troubles() {
        error::report(&trouble.into());
    }
    Ok(code)
}

fn plan(args: &BenchArgs, variable: &dyn Fn(&str) -> Option<String>) -> Result<Plan, CliError> {
    let environment = Environment::load(args.endpoint.as_deref())?;
    let trust = |is_insecure: bool, bundle: Option<&PathBuf>| match bundle {
        _ if is_insecure => Trust::Anybody,
        Some(path) => Trust::Bundle(path.clone()),
        None => Trust::System,
    };
    let bundle = args.ca_bundle.as_ref().or(environment.place.ca_bundle.as_ref());
    let first = Side {
        endpoint: Endpoint::parse(&environment.place.endpoint)?,
        access_key_id: environment.key.id.clone(),
        secret: environment.key.secret.clone(),
        session_token: environment.key.session_token.clone(),
        region: args.region.clone().unwrap_or_else(|| environment.place.region.clone()),
        trust: trust(args.insecure, bundle),
        payload: args.payload.into(),
        asks_for_sse: args.sse.is_some(),
        process: args.server_pid.map(Process::new),
    };
    let second = match &args.vs {
        None => None,
        Some(url) => {
            let side = Side {
                endpoint: Endpoint::parse(url)?,
                region: args.vs_region.clone().unwrap_or_else(|| first.region.clone()),
                trust: trust(args.vs_insecure, args.vs_ca_bundle.as_ref().or(bundle)),
                payload: args.vs_payload.unwrap_or(args.payload).into(),
                asks_for_sse: args.vs_sse.is_some(),
                process: args.vs_server_pid.map(Process::new),
                ..first.clone()
            };
            Some(with_second_key(side, variable)?)
        }
    };
    let mut random = [0; 16];
    SystemEntropy::new().fill(&mut random);
    let (name, seed) = random.split_at(8);
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(Plan {
        first,
        second,
        ops: args.ops.clone(),
        sizes: args.sizes.clone(),
        clients: args.clients,
        threads: args.threads.unwrap_or_else(|| (cores / 2).clamp(1, args.clients.max(1))),
        duration: args.duration,
        rounds: args.rounds,
        keys: args.keys,
        max_fill: args.max_fill,
        disk: args.disk.clone(),
        bucket: Plan::bucket_name(number(name)),
        seed: args.seed.unwrap_or_else(|| number(seed)),
        clock: wall_clock,
    })
}

/// The second endpoint's access key, where one is named; it is named whole or not at all.
fn with_second_key(side: Side, variable: &dyn Fn(&str) -> Option<String>) -> Result<Side, CliError> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    match (given("VS_AWS_ACCESS_KEY_ID"), given("VS_AWS_SECRET_ACCESS_KEY")) {
        (None, None) => Ok(side),
        (Some(id), Some(secret)) => Ok(Side {
            access_key_id: AccessKeyId::parse(&id).map_err(|_| BenchError::Plan(
                "the access key id has not the form of one (16 word characters or more); check VS_AWS_ACCESS_KEY_ID",
            ))?,
            secret: SecretAccessKey::new(secret),
            session_token: given("VS_AWS_SESSION_TOKEN"),
            ..side
        }),
        _ => Err(BenchError::Plan(
            "half of the second endpoint's access key is missing; set both VS_AWS_ACCESS_KEY_ID and VS_AWS_SECRET_ACCESS_KEY",
        )
        .into()),
    }
}

/// What stays if nobody removes it.
fn leftovers(plan: &Plan) -> String {
    let buckets = plan.buckets().map(|(side, bucket)| format!("{bucket} at {}", side.endpoint.url()));
    format!("what may be left: the bucket {}", buckets.collect::<Vec<_>>().join(", "))
}

/// The first Ctrl-C or SIGTERM ends the run, the second the process.
async fn watch_signals(stop: Stop, leftovers: String) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    for is_first in [true, false] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if is_first {
            eprintln!("strongroom: ending the run and removing what it put; once more to leave it there");
            stop.set();
        }
    }
    eprintln!("strongroom: interrupted; {leftovers}");
    std::process::exit(1);
}

/// Drawn on standard error, and only if that is a terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed_precise} {wide_msg}");
    // The template is fixed; the plain bar serves as well.
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, progress: &Progress) {
    if progress.total > 0 {
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
    }
    bar.set_message(progress.what.clone());
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for line in report.legend() {
        text.extend([output::visible(&line).as_str(), "\n"]);
    }
    let rows = report.rows();
    if !rows.is_empty() {
        text.extend(["\n", &output::table(TITLES, &rows)]);
    }
    let ratios = report.ratio_rows();
    if !ratios.is_empty() {
        text.extend(["\n", &output::table(RATIO_TITLES, &ratios)]);
    }
    for line in report.disk_lines() {
        text.extend(["\n", &line, "\n"]);
    }
    for line in report.failures() {
        text.extend(["\n", output::visible(&line).as_str(), "\n"]);
    }
    if report.is_interrupted() {
        text.push_str("\nInterrupted: what was not measured to its end is left out.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Command, CommandLine};

    fn parse(line: &str) -> Result<Box<BenchArgs>, clap::Error> {
        let command = CommandLine::try_parse_from(line.split_whitespace())?.command;
        let Command::Bench(args) = command else { panic!("not bench") };
        Ok(args)
    }

    fn second() -> Side {
        Side {
            endpoint: Endpoint::parse("http://h").unwrap(),
            access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
            secret: SecretAccessKey::new("first".to_owned()),
            session_token: Some("first".to_owned()),
            region: Region::us_east_1(),
            trust: Trust::System,
            payload: Payload::Signed,
            asks_for_sse: false,
            process: None,
        }
    }

    #[test]
    fn the_command_line_has_defaults_and_refuses_what_it_does_not_understand() {
        let args = parse("strongroom bench --endpoint http://h").unwrap();
        assert_eq!((args.clients, args.duration, args.keys), (16, Duration::from_secs(5), 10_000));
        assert_eq!((args.ops.len(), args.sizes.len(), args.payload), (6, 4, PayloadArg::Signed));
        let args = parse("strongroom bench --ops put,mixed --sizes 1MiB --sse AES256 --vs http://h").unwrap();
        assert_eq!(args.ops, [Op::Put, Op::Mixed]);
        assert!(args.sse.is_some() && args.vs_sse.is_none());
        for (line, words) in [
            ("strongroom bench --ops copy", "put-new"),
            ("strongroom bench --sizes 4KB", "64KiB"),
            ("strongroom bench --duration 5", "5s"),
            ("strongroom bench --payload none", "unsigned"),
            ("strongroom bench --insecure --ca-bundle f", "--ca-bundle"),
            ("strongroom bench --vs-server-pid 1", "--vs"),
        ] {
            let error = parse(line).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn the_second_key_is_named_whole_or_is_the_first() {
        let with = |variables: &'static [(&'static str, &'static str)]| {
            with_second_key(second(), &|name| {
                variables.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(with(&[]).unwrap().secret.expose(), "first");
        let own =
            with(&[("VS_AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7SECONDS"), ("VS_AWS_SECRET_ACCESS_KEY", "second")])
                .unwrap();
        assert_eq!((own.access_key_id.as_str(), own.secret.expose()), ("AKIAIOSFODNN7SECONDS", "second"));
        assert_eq!(own.session_token, None, "a token belongs to its key");
        let half = with(&[("VS_AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7SECONDS")]).unwrap_err().to_string();
        assert!(half.contains("VS_AWS_SECRET_ACCESS_KEY"), "{half}");
        let bad = with(&[("VS_AWS_ACCESS_KEY_ID", "short"), ("VS_AWS_SECRET_ACCESS_KEY", "second")]);
        assert!(bad.unwrap_err().to_string().contains("VS_AWS_ACCESS_KEY_ID"));
    }
}
