//! Why the agent does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the agent does not start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// An address that others can reach.
    #[error("the agent serves this machine alone; give a loopback address such as 127.0.0.1:1338, not {0}")]
    NotLoopback(SocketAddr),
    /// The operating system refused an address.
    #[error("cannot listen on {address}; is another process using it? choose another port")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Neither protocol was asked for.
    #[error(
        "there is nothing to serve; give --listen-credentials 127.0.0.1:PORT, --listen-imds 127.0.0.1:PORT, or both"
    )]
    NothingToServe,
    /// The container protocol needs a token.
    #[error("it is not said where programs find the token of --listen-credentials; give --token-file PATH")]
    NoTokenFile,
    /// The token's file.
    #[error(
        "cannot write the token to {path}; give --token-file a path in a directory that only this user can write to"
    )]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A text that is no role's ARN.
    #[error("not the ARN of a role; give one such as arn:aws:iam::123456789012:role/reports")]
    RoleArn,
    /// A margin that leaves no time between two renewals.
    #[error(
        "credentials that last {duration_seconds} s cannot be renewed {margin_seconds} s before they end; give a smaller --renew-before"
    )]
    Margin {
        /// How long they last.
        duration_seconds: u64,
        /// How long before their end they were to be renewed.
        margin_seconds: u64,
    },
}
