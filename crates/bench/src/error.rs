//! Why a run cannot be made. Every message says what to do next.

use std::io;
use std::path::PathBuf;

/// Why a run cannot be made or ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A size, duration or operation that cannot be read.
    #[error("{given:?} is not {expected}")]
    Value {
        /// What was given.
        given: String,
        /// What would be understood.
        expected: &'static str,
    },
    /// Numbers that do not go together.
    #[error("{0}")]
    Plan(&'static str),
    /// A URL that cannot be used.
    #[error("{0:?} cannot be used as an endpoint; give a URL without a path, such as https://localhost:9000")]
    Endpoint(String),
    /// No authority to trust.
    #[error(
        "it is not said which authority vouches for {0}, and there is no list of the system's; give its certificate in \
         PEM form (--ca-bundle, AWS_CA_BUNDLE; for Strongroom DIR/tls/ca.pem of its data directory)"
    )]
    NoAuthority(String),
    /// The authority's certificate.
    #[error(
        "{path} holds no usable certificate; give the authority's in PEM form (--ca-bundle, AWS_CA_BUNDLE)"
    )]
    CaBundle {
        /// The file.
        path: PathBuf,
        /// Why, where the system says it.
        #[source]
        source: Option<io::Error>,
    },
    /// TLS itself.
    #[error("TLS cannot be used here; this is a fault of the build")]
    Tls(#[source] rustls::Error),
    /// The server is not there.
    #[error("cannot reach {endpoint}; is the server running, and are address and port right?")]
    Connect {
        /// The URL.
        endpoint: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The handshake failed.
    #[error(
        "the TLS handshake with {endpoint} failed; does the server speak TLS there, is its certificate good for this name, \
         and does --ca-bundle (AWS_CA_BUNDLE) name its authority? --insecure asks for no proof"
    )]
    Handshake {
        /// The URL.
        endpoint: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The connection broke or the answer is none.
    #[error(
        "{endpoint} did not answer {request} properly; is it an S3 endpoint, and is http or https right?"
    )]
    Broken {
        /// The URL.
        endpoint: String,
        /// What was asked.
        request: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No answer in time.
    #[error("{endpoint} did not answer {request} in time; look at the server's log")]
    Timeout {
        /// The URL.
        endpoint: String,
        /// What was asked.
        request: &'static str,
    },
    /// The server said no.
    #[error("{endpoint} refused {request}: {answer}; {advice}")]
    Refused {
        /// The URL.
        endpoint: String,
        /// What was asked.
        request: &'static str,
        /// Its words.
        answer: String,
        /// What to do.
        advice: &'static str,
    },
    /// The server does not give back what it was given.
    #[error("{endpoint} does not give back what it was given: {what}; do not trust it with data")]
    Corrupt {
        /// The URL.
        endpoint: String,
        /// What was seen.
        what: String,
    },
    /// It was there before.
    #[error("{endpoint} is no longer there: {failure}; look at its log")]
    Lost {
        /// The URL.
        endpoint: String,
        /// What was seen.
        failure: String,
    },
    /// Objects that a cell needs could not be put.
    #[error("the objects that {what} needs could not be put to {endpoint}: {failure}")]
    Fill {
        /// The URL.
        endpoint: String,
        /// The cell.
        what: &'static str,
        /// The last failure.
        failure: String,
    },
    /// What was put stays.
    #[error(
        "the bucket {bucket} at {endpoint} could not be removed; remove it yourself, such as with: aws s3 rb --force \
         s3://{bucket} --endpoint-url {endpoint}"
    )]
    Clean {
        /// The URL.
        endpoint: String,
        /// The bucket.
        bucket: String,
        /// Why.
        #[source]
        source: Box<BenchError>,
    },
    /// A process that is to be watched.
    #[error(
        "process {id} is not there: it has ended (look at its log), or --server-pid (--vs-server-pid) names another"
    )]
    Process {
        /// Its id.
        id: u32,
        /// Why.
        #[source]
        source: Option<io::Error>,
    },
    /// The disk that is to be probed.
    #[error("{directory} cannot be written and synced; name a directory on the server's disk with --disk")]
    Disk {
        /// The directory.
        directory: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Threads.
    #[error("the system does not give the threads that are needed; check the limits of this user")]
    Threads(#[source] io::Error),
    /// The signer cannot sign.
    #[error("a request cannot be signed: {0}; check region and session token")]
    Sign(#[from] strongroom_sigv4::SignError),
}

/// What somebody else says, without the characters that would steer a terminal, and not too much of it.
pub(crate) fn visible(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
