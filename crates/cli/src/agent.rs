//! `strongroom agent`: temporary credentials of a role for the programs of this host.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clap::Args;
use serde_json::{Value, json};
use strongroom_agent::{
    Admitted, Agent, CONTAINER_PATH, Credentials, RoleArn, Schedule, Settings, Source, SourceError,
};
use strongroom_api_sts as sts;
use strongroom_kms::SystemEntropy;
use strongroom_server::installation::wall_clock;
use strongroom_shape::Protocol;
use strongroom_types::{AccessKeyId, Region, SecretAccessKey};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::{Zeroize as _, Zeroizing};

use crate::args::{Output, region};
use crate::aws::{Environment, EnvironmentError, Place};
use crate::client::{Client, ClientError};
use crate::error::CliError;
use crate::{log, output};

/// Bytes of an OIDC token. Source: STS API Reference, AssumeRoleWithWebIdentity, "WebIdentityToken".
const MAX_WEB_IDENTITY_TOKEN_BYTES: u64 = 20_000;

/// `strongroom agent`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  strongroom agent --role-arn arn:aws:iam::123456789012:role/reports --endpoint https://localhost:9000 \\\n    \
    --listen-credentials 127.0.0.1:1338 --token-file /run/reports/token\n\n\
    It prints the variables that the host's programs need, and then SDKs get credentials by themselves and renew them. It\n\
    assumes the role with its own key (AWS_ACCESS_KEY_ID, AWS_PROFILE, …), or with the token of an OIDC issuer, which it\n\
    reads anew each time: --web-identity-token-file. Programs of other users than its own and root need --allow-uid, and\n\
    for --listen-credentials also the right to read the token's file. SIGTERM ends it."
)]
pub(crate) struct AgentArgs {
    /// The role whose credentials are handed out
    #[arg(long, value_name = "ARN", value_parser = role_arn)]
    role_arn: RoleArn,
    /// Loopback address of the container-credentials protocol
    #[arg(
        long,
        value_name = "127.0.0.1:PORT",
        requires = "token_file",
        required_unless_present = "listen_imds"
    )]
    listen_credentials: Option<SocketAddr>,
    /// Where to write the token that programs show to it; made anew at each start, with mode 0600
    #[arg(long, value_name = "PATH", requires = "listen_credentials")]
    token_file: Option<PathBuf>,
    /// Loopback address of the instance metadata service, version 2
    #[arg(long, value_name = "127.0.0.1:PORT")]
    listen_imds: Option<SocketAddr>,
    /// A user, by number, whose programs are answered besides this one's and root's; several times, or `any`
    #[arg(long, value_name = "UID", value_parser = user)]
    allow_uid: Vec<User>,
    /// File with a token of an OIDC issuer, to assume the role with instead of a key
    #[arg(long, value_name = "PATH")]
    web_identity_token_file: Option<PathBuf>,
    /// Name of the role's sessions, as records show them
    #[arg(long, value_name = "NAME", default_value = "strongroom-agent")]
    session_name: String,
    /// Seconds that credentials last, 900 to 43200
    #[arg(long, value_name = "SECONDS", default_value_t = 3600,
          value_parser = clap::value_parser!(i32).range(900..=43_200))]
    duration: i32,
    /// Seconds before their end when credentials are renewed [default: a third of --duration]
    #[arg(long, value_name = "SECONDS")]
    renew_before: Option<u32>,
    /// URL of the server [default: AWS_ENDPOINT_URL, or endpoint_url of the AWS configuration file]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Certificates of the server's authority [default: AWS_CA_BUNDLE]
    #[arg(long, value_name = "PATH")]
    ca_bundle: Option<PathBuf>,
    /// The region that the metadata service tells [default: AWS_REGION, or us-east-1]
    #[arg(long, value_name = "R", value_parser = region)]
    region: Option<Region>,
    /// What to log to standard error, in place of RUST_LOG: error, warn, info, debug, trace, or a filter [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// How to print the variables
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// A value of `--allow-uid`.
#[derive(Debug, Clone, Copy)]
enum User {
    Number(u32),
    Any,
}

fn user(text: &str) -> Result<User, String> {
    if text == "any" {
        return Ok(User::Any);
    }
    text.parse()
        .map(User::Number)
        .map_err(|_| "not the number of a user; give one such as 1000, or any".to_owned())
}

fn role_arn(text: &str) -> Result<RoleArn, String> {
    RoleArn::parse(text).map_err(|error| error.to_string())
}

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn run(args: &AgentArgs) -> Result<(), CliError> {
    log::start(args.log_level.as_deref())?;
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut end), Ok(mut interrupt)) = signals else {
        let source = std::io::Error::other("signals cannot be received");
        return Err(CliError::System { what: "receive signals", source });
    };
    let sts = Sts::new(args);
    let place = sts.place()?;
    // What can be known to be wrong is told now, not in the log of each attempt.
    sts.client()?;
    let entropy = Arc::new(SystemEntropy::new());
    let agent = Agent::bind(settings(args, &place)?, &*entropy)?;
    let printed = match args.output {
        Output::Json => output::print_json(&to_json(args, &agent, &place)),
        Output::Text => output::print(&to_text(&agent, &place)),
    };
    printed?;
    let ended = async {
        tokio::select! {
            _ = end.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    agent.run(Arc::new(sts), wall_clock, entropy, ended).await;
    tracing::info!("ended");
    Ok(())
}

fn settings(args: &AgentArgs, place: &Place) -> Result<Settings, CliError> {
    let users: Vec<u32> = args
        .allow_uid
        .iter()
        .filter_map(|user| if let User::Number(number) = user { Some(*number) } else { None })
        .collect();
    let is_any = args.allow_uid.iter().any(|user| matches!(user, User::Any));
    let duration = Duration::from_secs(args.duration.unsigned_abs().into());
    let margin = args.renew_before.map(|seconds| Duration::from_secs(seconds.into()));
    Ok(Settings {
        role: args.role_arn.clone(),
        region: place.region.clone(),
        schedule: Schedule::new(duration, margin)?,
        credentials: args.listen_credentials,
        token_file: args.token_file.clone(),
        imds: args.listen_imds,
        admitted: if is_any { Admitted::Everybody } else { Admitted::own_and(&users) },
    })
}

/// The variables of the container protocol, those of the metadata service, and those that are good for both.
fn variables(agent: &Agent, place: &Place) -> [Vec<(&'static str, String)>; 3] {
    let container = agent.credentials().map(|(address, file)| {
        vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{address}{CONTAINER_PATH}")),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_string_lossy().into_owned()),
        ]
    });
    let imds =
        agent.imds().map(|address| vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{address}"))]);
    let mut both =
        vec![("AWS_ENDPOINT_URL", place.endpoint.clone()), ("AWS_REGION", place.region.to_string())];
    both.extend(place.ca_bundle.as_deref().map(|path| ("AWS_CA_BUNDLE", absolute(path))));
    [container.unwrap_or_default(), imds.unwrap_or_default(), both]
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

fn to_json(args: &AgentArgs, agent: &Agent, place: &Place) -> Value {
    let all = variables(agent, place);
    let all: serde_json::Map<String, Value> =
        all.into_iter().flatten().map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({
        "role_arn": args.role_arn.as_str(),
        "listen_credentials": agent.credentials().map(|(address, _)| address.to_string()),
        "listen_imds": agent.imds().map(|address| address.to_string()),
        "environment": all,
    })
}

fn to_text(agent: &Agent, place: &Place) -> String {
    let titles = [
        "# by the container-credentials protocol",
        "# by the instance metadata service",
        "# where requests go",
    ];
    let mut text = String::new();
    for (title, variables) in titles.into_iter().zip(variables(agent, place)) {
        if variables.is_empty() {
            continue;
        }
        text.extend([title, "\n"]);
        for (name, value) in variables {
            text.push_str(&format!("export {name}={}\n", quoted(&output::visible(&value))));
        }
    }
    text
}

/// A word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/:._-".contains(c));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Why STS gave no credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StsError {
    /// What AWS's tools read says nothing usable.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The request.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The file of the OIDC token.
    #[error("cannot read the OIDC token in {path}; does whoever renews it still do so?")]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something else is in that file.
    #[error("{0} holds no OIDC token, which is one line of at most 20,000 letters")]
    NoToken(PathBuf),
    /// Part of the credentials is missing.
    #[error("the server answered without credentials; is it a Strongroom server of this version?")]
    Answer,
}

/// Credentials of the role from STS. Key, certificates and OIDC token are read anew each time, since they are renewed too.
struct Sts {
    role: RoleArn,
    session_name: String,
    duration: i32,
    endpoint: Option<String>,
    ca_bundle: Option<PathBuf>,
    region: Option<Region>,
    web_identity_token_file: Option<PathBuf>,
}

impl Sts {
    fn new(args: &AgentArgs) -> Self {
        Self {
            role: args.role_arn.clone(),
            session_name: args.session_name.clone(),
            duration: args.duration,
            endpoint: args.endpoint.clone(),
            ca_bundle: args.ca_bundle.clone(),
            region: args.region.clone(),
            web_identity_token_file: args.web_identity_token_file.clone(),
        }
    }

    fn place(&self) -> Result<Place, EnvironmentError> {
        Ok(self.over(Place::load(self.endpoint.as_deref())?))
    }

    /// What the command line says goes before the environment.
    fn over(&self, place: Place) -> Place {
        Place {
            region: self.region.clone().unwrap_or(place.region),
            endpoint: place.endpoint,
            ca_bundle: self.ca_bundle.clone().or(place.ca_bundle),
        }
    }

    fn client(&self) -> Result<Client, StsError> {
        if self.web_identity_token_file.is_some() {
            return Ok(Client::unsigned(self.place()?)?);
        }
        let Environment { key, place } = Environment::load(self.endpoint.as_deref())?;
        Ok(Client::new(Environment { key, place: self.over(place) })?)
    }

    async fn assume(&self) -> Result<Credentials, StsError> {
        let client = self.client()?;
        let role_arn = self.role.as_str().to_owned();
        let (role_session_name, duration_seconds) = (self.session_name.clone(), Some(self.duration));
        let credentials = match &self.web_identity_token_file {
            None => {
                let input = sts::AssumeRoleInput {
                    role_arn,
                    role_session_name,
                    duration_seconds,
                    ..sts::AssumeRoleInput::default()
                };
                client.call_of(&sts::SERVICE, Protocol::AwsQuery, &input).await?.credentials
            }
            Some(path) => {
                let mut input = sts::AssumeRoleWithWebIdentityInput {
                    role_arn,
                    role_session_name,
                    duration_seconds,
                    web_identity_token: oidc_token(path)?,
                    ..sts::AssumeRoleWithWebIdentityInput::default()
                };
                let answer = client.call_of(&sts::SERVICE, Protocol::AwsQuery, &input).await;
                input.web_identity_token.zeroize();
                answer?.credentials
            }
        };
        credentials.and_then(|given| read(*given)).ok_or(StsError::Answer)
    }
}

/// Credentials as STS answers them; what it wrote is moved, so that no copy stays.
fn read(given: sts::Credentials) -> Option<Credentials> {
    let secret = SecretAccessKey::new(given.secret_access_key);
    let id = AccessKeyId::parse(&given.access_key_id).ok()?;
    Some(Credentials::new(id, secret, given.session_token, given.expiration?))
}

/// The token in a file, without what follows its only line.
fn oidc_token(path: &Path) -> Result<String, StsError> {
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_WEB_IDENTITY_TOKEN_BYTES + 1).read_to_string(&mut text))
        .map_err(|source| StsError::Token { path: path.to_owned(), source })?;
    let token = text.trim();
    let is_token = token.bytes().all(|byte| byte.is_ascii_graphic())
        && (1..=MAX_WEB_IDENTITY_TOKEN_BYTES).contains(&(token.len() as u64));
    if is_token { Ok(token.to_owned()) } else { Err(StsError::NoToken(path.to_owned())) }
}

#[async_trait]
impl Source for Sts {
    async fn fetch(&self) -> Result<Credentials, SourceError> {
        Ok(self.assume().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_line_of_a_limited_length() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        assert!(matches!(oidc_token(&path), Err(StsError::Token { .. })));
        std::fs::write(&path, "  aaa.bbb.ccc\n").unwrap();
        assert_eq!(oidc_token(&path).unwrap(), "aaa.bbb.ccc");
        for bad in ["", "\n", "a b", "a\nb", &"a".repeat(20_001)] {
            std::fs::write(&path, bad).unwrap();
            assert!(matches!(oidc_token(&path), Err(StsError::NoToken(_))), "{bad:.10}");
        }
    }

    #[test]
    fn variables_are_words_of_a_shell() {
        assert_eq!(quoted("http://127.0.0.1:1338/v1/credentials"), "http://127.0.0.1:1338/v1/credentials");
        assert_eq!(quoted("/run/it's here"), r"'/run/it'\''s here'");
    }

    #[test]
    fn an_answer_without_all_of_the_credentials_is_none() {
        let given = sts::Credentials {
            access_key_id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "s".to_owned(),
            session_token: "t".to_owned(),
            expiration: Some(strongroom_types::Timestamp::from_secs(1)),
        };
        assert!(read(given.clone()).is_some());
        assert!(read(sts::Credentials { expiration: None, ..given.clone() }).is_none());
        assert!(read(sts::Credentials { access_key_id: String::new(), ..given }).is_none());
    }
}
