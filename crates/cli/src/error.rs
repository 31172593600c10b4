//! Why a command did not do as asked. Every message says what to do next.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use strongroom_agent::AgentError;
use strongroom_bench::BenchError;
use strongroom_identity::{IdentityError, RecoverError};
use strongroom_kms::{KeysError, RootKeyError};
use strongroom_server::config::ConfigError;
use strongroom_server::installation::InstallationError;
use strongroom_server::pki::PkiError;
use strongroom_server::serve::ServeError;
use strongroom_storage::StoreError;
use strongroom_storage::local::OpenError;
use strongroom_storage::local::backup::RestoreError;

use crate::agent::StsError;
use crate::aws::EnvironmentError;
use crate::client::ClientError;

/// Why a command did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The data directory cannot be made or opened.
    #[error(transparent)]
    Installation(#[from] InstallationError),
    /// The server cannot start.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Its settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its certificate.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The root key.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
    /// The root key of a backup.
    #[error(
        "the root key of the backup cannot be had; it is never in the backup: name your copy of it with --root-key file:PATH"
    )]
    RestoreRootKey(#[source] RootKeyError),
    /// A backup that cannot be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The epoch keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The engine does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The engine does not read.
    #[error("the store cannot be read; check its disk, then restore a backup if this stays")]
    Store(#[from] StoreError),
    /// What AWS's tools read says nothing usable.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A request to a server.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Work that goes on at the server, while nothing is heard of it.
    #[error(
        "the {what} goes on at the server if that runs; see how far it is with: strongroom {what} --status"
    )]
    Unwatched {
        /// The work, as its command is named.
        what: &'static str,
        /// Why nothing is heard.
        #[source]
        source: ClientError,
    },
    /// The accounts cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A root user got no new key.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The agent cannot start.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// What the agent is to ask STS with.
    #[error(transparent)]
    Sts(#[from] StsError),
    /// A run of the load generator.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// `--log-level` or `RUST_LOG`.
    #[error("{0:?} is no log filter; give error, warn, info, debug or trace")]
    LogFilter(String),
    /// The file for new credentials.
    #[error(
        "cannot write the new credentials to {path}; move an existing file away, or run on a terminal to see them"
    )]
    CredentialsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Standard output.
    #[error("cannot write to standard output; the result is lost if it was shown only there")]
    Output(#[source] io::Error),
    /// The operating system refused.
    #[error("the system does not let strongroom {what}; check the limits of its user")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Tells the error and its causes on standard error, a line each.
pub(crate) fn report(error: &CliError) {
    eprint!("{}", lines(error));
}

/// The error in one line, then what caused it, each cause once.
fn lines(error: &dyn Error) -> String {
    let mut last = error.to_string();
    let mut text = format!("strongroom: {}\n", last.replace('\n', " "));
    let mut next = error.source();
    while let Some(cause) = next {
        let line = cause.to_string();
        // A transparent error shows its cause as itself.
        if line != last {
            text.extend(["  because: ", &line.replace('\n', " "), "\n"]);
        }
        last = line;
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_and_its_causes_follow() {
        let source = io::Error::new(io::ErrorKind::PermissionDenied, "denied\nby the system");
        let error = CliError::CredentialsFile { path: "/x/d.credentials".into(), source };
        let text = lines(&error);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].starts_with("strongroom: cannot write the new credentials to /x/d.credentials; move ")
        );
        assert_eq!(lines[1], "  because: denied by the system");
    }

    #[test]
    fn a_transparent_error_is_told_once() {
        let error = CliError::from(InstallationError::NotInitialised { path: "/x".into() });
        assert_eq!(lines(&error).lines().count(), 1);
    }
}
