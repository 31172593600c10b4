//! `strongroom serve`: the server, from its start to its signals.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use strongroom_s3::NewBuckets;
use strongroom_server::config::Config;
use strongroom_server::installation::{Installation, ca_path, is_empty};
use strongroom_server::limits::{self, Amount};
use strongroom_server::listener::ShutdownTrigger;
use strongroom_server::serve::{Certificates, Server};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::{Output, ServeArgs};
use crate::error::CliError;
use crate::log;
use crate::output::{Showing, pairs, print, print_json, table};

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn run(args: &ServeArgs) -> Result<(), CliError> {
    if args.print_limits {
        return print_limits(&Config::load(args.config.as_deref(), &args.overrides())?, args.output);
    }
    log::start(args.log_level.as_deref())?;
    raise_file_limit();
    // From here on no signal is lost, and none ends a start half done.
    let mut signals =
        Signals::new().map_err(|source| CliError::System { what: "receive signals", source })?;
    let config = Config::load(args.config.as_deref(), &args.overrides())?;
    let (installation, credentials) = open(args, &config).await?;
    warn_of_shared_file_system(args);
    warn_of_open_buckets(&config);
    let server = Server::bind(installation, config.clone()).await?;
    announce(args, &config, server.addresses(), credentials)?;
    let certificates = server.certificates();
    let (trigger, shutdown) = ShutdownTrigger::new();
    let mut running = std::pin::pin!(server.run(shutdown));
    loop {
        tokio::select! {
            () = &mut running => return Ok(()),
            _ = signals.end.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.reload.recv() => reload(args, &config, &certificates),
        }
    }
    tracing::info!("ending: nothing new is accepted, what is in flight is finished");
    trigger.request();
    running.await;
    tracing::info!("ended");
    Ok(())
}

fn print_limits(config: &Config, output: Output) -> Result<(), CliError> {
    let all = limits::all(config);
    match output {
        Output::Text => {
            let rows: Vec<_> = all
                .into_iter()
                .map(|limit| [limit.of.to_owned(), limit.name, limit.value.to_string()])
                .collect();
            print(&table(["OF", "LIMIT", "VALUE"], &rows))
        }
        Output::Json => {
            let shown = all.into_iter().map(|limit| {
                let value = match limit.value {
                    Amount::Number(number) => json!(number),
                    Amount::Time(time) => json!(time.as_secs_f64()),
                    Amount::Unlimited => json!(null),
                };
                json!({ "of": limit.of, "name": limit.name, "value": value })
            });
            print_json(&json!({ "limits": shown.collect::<Vec<_>>() }))
        }
    }
}

/// Opens the installation; makes it first in an empty directory.
async fn open(args: &ServeArgs, config: &Config) -> Result<(Installation, Option<PathBuf>), CliError> {
    let (data, root_key) = (args.place().data(), args.place().root_key());
    if !is_empty(&data)? {
        return Ok((Installation::open(&data, &root_key).await?, None));
    }
    let showing = Showing::choose(&data, args.output == Output::Json)?;
    let email = strongroom_server::installation::DEFAULT_EMAIL;
    match Installation::init(&data, &root_key, email).await {
        Ok((installation, made)) => Ok((installation, showing.show(&made, config.home_region())?)),
        Err(error) => {
            showing.withdraw();
            Err(error.into())
        }
    }
}

/// One theft of the disk would take both.
fn warn_of_shared_file_system(args: &ServeArgs) {
    match args.place().root_key().shares_file_system_with(&args.place().data()) {
        Ok(false) => {}
        Ok(true) => tracing::warn!(
            "the root key and the data are on one file system, so whoever takes the disk takes both; move the key and \
             name it with --root-key file:PATH"
        ),
        Err(error) => tracing::warn!(%error, "it is not known whether root key and data share a file system"),
    }
}

/// The defaults are what keeps most buckets closed.
fn warn_of_open_buckets(config: &Config) {
    match config.new_buckets {
        NewBuckets::Current => {}
        NewBuckets::BeforeApril2023 => tracing::warn!(
            "new buckets are as AWS made them before April 2023: ACLs on (ObjectWriter), Block Public Access off, open to \
             customer-provided keys; leave out --new-buckets for today's defaults"
        ),
    }
}

/// Tells the addresses, with the ports that port 0 became, on standard output.
fn announce(
    args: &ServeArgs,
    config: &Config,
    (tls, plaintext, admin): (
        Option<std::net::SocketAddr>,
        Option<std::net::SocketAddr>,
        Option<std::net::SocketAddr>,
    ),
    credentials: Option<PathBuf>,
) -> Result<(), CliError> {
    if let Some(path) = &credentials {
        tracing::info!(path = %path.display(), "a new installation was made; its root credentials are in this file");
    }
    let ca = ca_path(&args.place().data());
    let text = match args.output {
        Output::Json => {
            let object = serde_json::json!({
                "listen": tls.map(|address| address.to_string()),
                "listen_plaintext": plaintext.map(|address| address.to_string()),
                "admin_listen": admin.map(|address| address.to_string()),
                "region": config.home_region().as_str(),
                "ca_path": ca.to_string_lossy(),
                "credentials_path": credentials.as_ref().map(|path| path.to_string_lossy()),
            });
            format!("{object}\n")
        }
        Output::Text => {
            let url = |scheme: &str, address: std::net::SocketAddr| format!("{scheme}://{address}");
            let mut lines = Vec::new();
            lines.extend(tls.map(|address| ("listening", url("https", address))));
            lines.extend(plaintext.map(|address| ("listening without TLS", url("http", address))));
            lines.extend(admin.map(|address| ("admin", format!("http://{address}/-/ready"))));
            lines.push(("CA certificate", ca.to_string_lossy().into_owned()));
            lines.extend(credentials.map(|path| ("root credentials", path.to_string_lossy().into_owned())));
            let lines: Vec<(&str, &str)> =
                lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
            pairs(&lines)
        }
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
}

/// SIGHUP: certificates anew; of the configuration, whatever does not need new sockets.
fn reload(args: &ServeArgs, running: &Config, certificates: &Arc<Certificates>) {
    let config = match Config::load(args.config.as_deref(), &args.overrides()) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(%error, "the configuration was not reloaded; the old one stays in use");
            return;
        }
    };
    if needs_restart(running, &config) {
        tracing::warn!(
            "only [tls] is taken while running; restart the server for the other changed settings"
        );
    }
    match certificates.reload(config.tls.as_ref()) {
        Ok(()) => tracing::info!("configuration and certificate reloaded"),
        Err(error) => tracing::error!(%error, "the certificate was not reloaded; the old one stays in use"),
    }
}

/// Whether the two differ in more than the certificate's files.
fn needs_restart(running: &Config, reloaded: &Config) -> bool {
    let without_tls = |config: &Config| Config { tls: None, ..config.clone() };
    without_tls(running) != without_tls(reloaded)
}

/// Each connection and each large blob is an open file; the soft limit is often 1,024.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

struct Signals {
    end: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            end: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::hangup())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use strongroom_server::config::CommandLine;

    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text, Path::new("server.toml"), &CommandLine::default()).unwrap()
    }

    #[test]
    fn only_the_certificate_changes_without_a_restart() {
        let running = config("listen = '127.0.0.1:9000'");
        let renewed = config("listen = '127.0.0.1:9000'\n[tls]\ncertificate = 'c'\nprivate_key = 'k'");
        assert!(!needs_restart(&running, &renewed));
        assert!(needs_restart(&running, &config("listen = '127.0.0.1:9001'")));
    }
}
