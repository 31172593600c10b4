//! The command line.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use strongroom_kms::RootKeySource;
use strongroom_types::{AccountId, Region};

use crate::agent::AgentArgs;
use crate::backup::BackupArgs;
use crate::bench::BenchArgs;
use crate::explain::ExplainArgs;
use crate::recover_root::RecoverRootArgs;
use crate::restore::RestoreArgs;
use crate::scrub::ScrubArgs;
use crate::who_can::WhoCanArgs;

/// S3-compatible object store that encrypts, checks and records everything.
#[derive(Debug, Parser)]
#[command(
    name = "strongroom",
    version,
    arg_required_else_help = true,
    after_help = "Example:\n  strongroom serve --data /srv/strongroom --listen 127.0.0.1:9000\n\n\
                  Exit status: 0 done, 1 not done (or not sound), 2 not understood."
)]
pub(crate) struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new installation: management account, root access key, certificate authority, root key
    Init(InitArgs),
    /// Run the server; on an empty directory, make the installation first
    Serve(ServeArgs),
    /// Make and look at accounts of a running server
    Account(AccountArgs),
    /// Take a backup of a running server
    Backup(BackupArgs),
    /// Make a data directory of a backup, offline, and verify it
    Restore(RestoreArgs),
    /// Read and check everything on a running server's disk, in the background
    Scrub(ScrubArgs),
    /// Say why a request is, or was, allowed or denied, and what would change that
    Explain(ExplainArgs),
    /// List everybody who can do something, and why
    WhoCan(WhoCanArgs),
    /// Prove offline that everything in a data directory opens, and that nothing is missing or left over
    Verify(VerifyArgs),
    /// Give a root user whose access keys are gone a new one, offline
    RecoverRoot(RecoverRootArgs),
    /// Measure how fast an S3 endpoint is, alone or beside another, and what an operation costs its server
    Bench(Box<BenchArgs>),
    /// Hand rotating credentials of a role to this host's programs, as AWS's SDKs ask for them
    Agent(Box<AgentArgs>),
}

/// How results are written to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON object, for programs.
    Json,
}

/// The data directory and its root key.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Where the root key lies [default: the file DIR.root-key, beside the data directory]
    #[arg(long, value_name = "file:PATH", value_parser = RootKeyParser)]
    pub(crate) root_key: Option<RootKeySource>,
}

impl DataArgs {
    /// The data directory, absolute, so that printed paths hold anywhere.
    pub(crate) fn data(&self) -> PathBuf {
        std::path::absolute(&self.data).unwrap_or_else(|_| self.data.clone())
    }

    /// The root key as named, or the sibling of the data directory.
    pub(crate) fn root_key(&self) -> RootKeySource {
        match &self.root_key {
            Some(RootKeySource::File(path)) => {
                RootKeySource::File(std::path::absolute(path).unwrap_or_else(|_| path.clone()))
            }
            None => RootKeySource::beside(&self.data()),
        }
    }
}

/// `strongroom init`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  strongroom init --data /srv/strongroom --root-key file:/mnt/keys/strongroom.root-key\n\n\
    The secret access key is shown once. Keep a copy of the root key apart from the data: without it nothing opens."
)]
pub(crate) struct InitArgs {
    /// Where.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// E-mail address of the management account's root user
    #[arg(long, value_name = "E", default_value = strongroom_server::installation::DEFAULT_EMAIL)]
    pub(crate) account_email: String,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// `strongroom serve`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  strongroom serve --data /srv/strongroom --listen 127.0.0.1:9000 --audit-log /var/log/strongroom.jsonl\n\n\
    SIGTERM ends it when what is in flight is answered (10 s at most); SIGHUP reloads certificates and configuration."
)]
pub(crate) struct ServeArgs {
    /// The data directory
    #[arg(long, value_name = "DIR", required_unless_present = "print_limits")]
    data: Option<PathBuf>,
    /// Where the root key lies [default: the file DIR.root-key, beside the data directory]
    #[arg(long, value_name = "file:PATH", value_parser = RootKeyParser)]
    root_key: Option<RootKeySource>,
    /// Address of the TLS listener [default: 127.0.0.1:9000]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address of a listener without TLS, for a balancer that ends TLS; none by default
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen_plaintext: Option<SocketAddr>,
    /// Loopback address of /-/live and /-/ready [default: 127.0.0.1 and any free port, printed at the start]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// A further domain for virtual-host style requests; may be given several times. s3.localhost is always one
    #[arg(long = "domain", value_name = "D")]
    pub(crate) domains: Vec<String>,
    /// The regions, the home region first [default: us-east-1]
    #[arg(long = "region", value_name = "R[,R2…]", value_delimiter = ',', value_parser = region)]
    pub(crate) regions: Vec<Region>,
    /// File for records of all requests as JSON lines
    #[arg(long, value_name = "PATH")]
    pub(crate) audit_log: Option<PathBuf>,
    /// What new buckets are like: current, or before-april-2023, for what was written for such buckets: open to ACLs
    /// (ObjectWriter), without Block Public Access, and open to customer-provided keys (SSE-C) [default: current]
    #[arg(long, value_name = "WHICH", value_parser = strongroom_server::config::new_buckets)]
    pub(crate) new_buckets: Option<strongroom_s3::NewBuckets>,
    /// Configuration file (TOML); what the command line says goes before it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What to log to standard error, in place of RUST_LOG: error, warn, info, debug, trace, or a filter [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// Print every limit that the server holds to, those of the configuration file included, and end
    #[arg(long)]
    pub(crate) print_limits: bool,
    /// How to print the addresses, or the limits
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

impl ServeArgs {
    /// Where.
    pub(crate) fn place(&self) -> DataArgs {
        // INVARIANT: the directory is missing only where limits are printed, which needs none.
        DataArgs { data: self.data.clone().unwrap_or_default(), root_key: self.root_key.clone() }
    }

    /// What lies over the configuration file.
    pub(crate) fn overrides(&self) -> strongroom_server::config::CommandLine {
        strongroom_server::config::CommandLine {
            listen: self.listen,
            listen_plaintext: self.listen_plaintext,
            admin_listen: self.admin_listen,
            domains: self.domains.clone(),
            regions: self.regions.clone(),
            audit_log: self.audit_log.clone(),
            new_buckets: self.new_buckets,
        }
    }
}

/// `strongroom account`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  strongroom account create --email team@example.com --endpoint https://localhost:9000"
)]
pub(crate) struct AccountArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: AccountCommand,
}

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account with its root access key
    #[command(
        after_help = "Example:\n  AWS_CONFIG_FILE=data.aws/config AWS_SHARED_CREDENTIALS_FILE=data.aws/credentials \\\n    \
        strongroom account create --email team@example.com\n\nThe secret access key is shown once."
    )]
    Create {
        /// E-mail address of the account's root user
        #[arg(long, value_name = "E")]
        email: String,
        /// A name for the account
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Which server, and how to print.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// List the accounts of the installation
    #[command(
        after_help = "Example:\n  strongroom account list --endpoint https://localhost:9000 --output json"
    )]
    List {
        /// Which server, and how to print.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Show one account
    #[command(after_help = "Example:\n  strongroom account describe --account-id 123456789012")]
    Describe {
        /// The account's id, 12 digits
        #[arg(long, value_name = "ID", value_parser = account_id)]
        account_id: AccountId,
        /// Which server, and how to print.
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

/// A running server.
#[derive(Debug, Args)]
pub(crate) struct RemoteArgs {
    /// URL of the server [default: AWS_ENDPOINT_URL, or endpoint_url of the AWS configuration file]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// `strongroom verify`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  strongroom verify --data /srv/strongroom --output json\n\n\
    The server must not run on the directory meanwhile. Exit status 1, and a list, when something is wrong.")]
pub(crate) struct VerifyArgs {
    /// Where.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Reads `--root-key`. What it refuses it does not repeat, as other parsers do: it may be the key itself.
#[derive(Debug, Clone, Copy)]
struct RootKeyParser;

impl TypedValueParser for RootKeyParser {
    type Value = RootKeySource;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let source = value.to_str().and_then(|text| RootKeySource::parse(text).ok());
        source.ok_or_else(|| {
            let words = "what --root-key was given is not a place (and not repeated here, since it may be the key); give \
                         file:PATH\n";
            clap::Error::raw(ErrorKind::ValueValidation, words).with_cmd(command)
        })
    }
}

pub(crate) fn region(text: &str) -> Result<Region, String> {
    Region::parse(text).map_err(|_| "not the name of a region; give one such as us-east-1".to_owned())
}

pub(crate) fn account_id(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).map_err(|_| "not an account id; give 12 digits".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        CommandLine::try_parse_from(line.split_whitespace()).map(|parsed| parsed.command)
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_help_has_an_example() {
        fn look(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let has_one = help.starts_with("Example:\n  ") || help.starts_with("Examples:\n  ");
            assert!(has_one, "{}", command.get_name());
            command.get_subcommands().filter(|command| command.get_name() != "help").for_each(look);
        }
        look(&CommandLine::command());
    }

    #[test]
    fn serve_takes_every_flag_that_programs_rely_on() {
        let line = "strongroom serve --data d --listen 127.0.0.1:0 --listen-plaintext 127.0.0.1:1 --admin-listen \
                    127.0.0.1:2 --domain a.example --domain b.example --region us-east-1,eu-west-1 --audit-log a.jsonl \
                    --new-buckets before-april-2023 --config c.toml --root-key file:k --output json";
        let Ok(Command::Serve(args)) = parse(line) else { panic!("not serve") };
        let overrides = args.overrides();
        assert_eq!(overrides.listen.map(|address| address.port()), Some(0));
        assert_eq!(overrides.domains, ["a.example", "b.example"]);
        let regions: Vec<&str> = overrides.regions.iter().map(Region::as_str).collect();
        assert_eq!(regions, ["us-east-1", "eu-west-1"]);
        assert_eq!(overrides.audit_log, Some(PathBuf::from("a.jsonl")));
        assert_eq!(overrides.new_buckets, Some(strongroom_s3::NewBuckets::BeforeApril2023));
        assert_eq!(args.output, Output::Json);
        assert!(args.place().root_key().path().is_some_and(|path| path.is_absolute() && path.ends_with("k")));
    }

    #[test]
    fn the_root_key_is_the_sibling_of_the_data_directory_unless_named() {
        let Ok(Command::Init(args)) = parse("strongroom init --data /srv/d/") else { panic!("not init") };
        assert_eq!(args.data.root_key(), RootKeySource::File("/srv/d.root-key".into()));
        assert_eq!(args.account_email, strongroom_server::installation::DEFAULT_EMAIL);
    }

    #[test]
    fn what_was_given_as_the_root_key_is_not_repeated() {
        let key = "0123456789abcdef".repeat(4);
        for command in ["init", "serve", "verify", "recover-root", "restore --from b"] {
            for given in [key.clone(), format!("file={key}"), format!("{key}:x"), format!("hex:{key}")] {
                let error = parse(&format!("strongroom {command} --data d --root-key {given}")).unwrap_err();
                assert_eq!(error.exit_code(), 2);
                let said = error.to_string();
                assert!(!said.contains(&key) && said.contains("file:PATH"), "{said}");
            }
        }
    }

    #[test]
    fn refuses_what_it_does_not_understand_and_says_what_it_would() {
        for (line, words) in [
            ("strongroom serve --data d --listen localhost:9000", "--listen"),
            ("strongroom serve --listen 127.0.0.1:9000", "--data"),
            ("strongroom init --data d --root-key /k", "file:PATH"),
            ("strongroom serve --data d --region Nowhere!", "us-east-1"),
            ("strongroom serve --data d --new-buckets old", "before-april-2023"),
            ("strongroom account describe --account-id 12", "12 digits"),
            ("strongroom verify --data d --output yaml", "json"),
            ("strongroom backup --endpoint https://h", "--to"),
            ("strongroom backup --status --to /b", "--to"),
            ("strongroom restore --from /b", "--data"),
            ("strongroom scrub --rate 0", "1..=10000"),
            (
                "strongroom agent --role-arn reports --listen-imds 127.0.0.1:1",
                "arn:aws:iam::123456789012:role/",
            ),
            ("strongroom agent --role-arn arn:aws:iam::123456789012:role/r", "--listen-credentials"),
            (
                "strongroom agent --role-arn arn:aws:iam::123456789012:role/r --listen-credentials 127.0.0.1:1",
                "--token-file",
            ),
        ] {
            let error = parse(line).map(|_| ()).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(words), "{line}: {error}");
        }
    }
}
