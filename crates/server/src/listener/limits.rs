//! What the front of the server lets a client use up, each with a name and a unit.

use std::time::Duration;

/// Bytes of a request line, its line end included. S3 keys are at most 1,024 bytes (3,072 percent-encoded), and
/// a presigned query carries a session token of a few KiB.
pub const MAX_REQUEST_LINE_BYTES: usize = 16 * 1024;

/// Bytes of a message's head: request line, header fields and the empty line.
pub const MAX_HEAD_BYTES: usize = 32 * 1024;

/// Header fields of one message.
pub const MAX_HEADER_FIELDS: usize = 128;

/// Bytes of a method name.
pub const MAX_METHOD_BYTES: usize = 32;

/// Bytes of a chunk-size line, extensions and line end included.
pub const MAX_CHUNK_LINE_BYTES: usize = 512;

/// Bytes of all trailer fields of a chunked message.
pub const MAX_TRAILER_BYTES: usize = 8 * 1024;

/// Hexadecimal digits of a chunk size; sixteen are all that fit 64 bits, fifteen leave no overflow.
pub const MAX_CHUNK_SIZE_DIGITS: usize = 15;

/// Decimal digits of a Content-Length; eighteen always fit 64 bits.
pub const MAX_CONTENT_LENGTH_DIGITS: usize = 18;

/// Bytes that hyper may buffer for one connection and direction.
pub const MAX_CONNECTION_BUFFER_BYTES: usize = 128 * 1024;

/// Body bytes that are read and thrown away to keep a connection after an answer that came before the body.
pub const MAX_DRAIN_BYTES: u64 = 256 * 1024;

/// How long such a rest may take.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes read and thrown away after the last answer of a connection, so that the answer is not lost to a reset.
pub const MAX_LINGER_BYTES: usize = 1024 * 1024;

/// How long a connection is kept for that.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// Sources with connections that are counted one by one; the server refuses new sources beyond it.
pub const MAX_COUNTED_SOURCES: usize = 65_536;

/// Bytes of a header of PROXY protocol version 2. The specification asks that 536 be taken; Network Load Balancers send
/// less than 100, and what names a certificate or a unique id may be longer.
pub const MAX_PROXY_HEADER_BYTES: usize = 1024;

/// Bytes of the endpoint's id in it: `vpce-` and 17 digits on AWS.
pub const MAX_PROXY_ENDPOINT_BYTES: usize = 64;

/// From the TCP accept to the end of that header. The specification asks for three seconds at least.
pub const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause after the operating system refused to accept (out of descriptors, most likely).
pub const ACCEPT_RETRY: Duration = Duration::from_millis(50);

const _: () = assert!(MAX_REQUEST_LINE_BYTES < MAX_HEAD_BYTES);
const _: () = assert!(MAX_HEAD_BYTES <= MAX_CONNECTION_BUFFER_BYTES);
const _: () = assert!(MAX_PROXY_ENDPOINT_BYTES < MAX_PROXY_HEADER_BYTES);
const _: () = assert!(MAX_METHOD_BYTES < MAX_REQUEST_LINE_BYTES);
const _: () = assert!(MAX_CHUNK_SIZE_DIGITS < MAX_CHUNK_LINE_BYTES);

/// The limits that an operator can change (`[limits]` of the configuration file).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections in all, over every public listener.
    pub max_connections: usize,
    /// Connections of one source: an IPv4 address, or an IPv6 /64.
    pub max_connections_per_source: usize,
    /// From the TCP accept to the end of the TLS handshake.
    pub tls_handshake_timeout: Duration,
    /// From the first byte of a head to its last, and from a connection's start to its first byte.
    pub header_read_timeout: Duration,
    /// Between two requests of a kept connection.
    pub idle_timeout: Duration,
    /// Between two pieces of a body that the server waits for.
    pub body_idle_timeout: Duration,
    /// Between two writes while the client takes nothing.
    pub write_idle_timeout: Duration,
    /// Each time that the server has waited so long in all for a body, or for a client to take an answer, that client must
    /// have moved [`min_bytes_per_second`](Self::min_bytes_per_second) of it: a byte now and then does not hold a
    /// connection for ever.
    pub slow_start: Duration,
    /// The least that a client sends or takes meanwhile.
    pub min_bytes_per_second: usize,
    /// What requests in flight get to finish in after a shutdown was asked for.
    pub shutdown_grace: Duration,
    /// Bodies that are being stored at once, of all accounts: parts, objects and forms. Each holds up to about 1.5 MiB.
    pub max_uploads: usize,
    /// Bodies of one account that are being stored at once.
    pub max_uploads_per_account: usize,
    /// Answers of more than 256 KiB that are being sent at once, to all accounts. Each holds up to about 2.5 MiB.
    pub max_downloads: usize,
    /// Such answers to one account at once.
    pub max_downloads_per_account: usize,
}

impl ConnectionLimits {
    /// Whether a client that was waited for so long has moved too little.
    pub(crate) fn is_too_slow(&self, waited: Duration, bytes: u64) -> bool {
        let least = waited.as_secs().saturating_mul(self.min_bytes_per_second as u64);
        waited >= self.slow_start && bytes < least
    }
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            max_connections_per_source: 1024,
            tls_handshake_timeout: Duration::from_secs(10),
            header_read_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_mins(1),
            body_idle_timeout: Duration::from_secs(30),
            write_idle_timeout: Duration::from_mins(1),
            slow_start: Duration::from_mins(1),
            min_bytes_per_second: 1024,
            shutdown_grace: Duration::from_secs(10),
            max_uploads: 1024,
            max_uploads_per_account: 768,
            max_downloads: 512,
            max_downloads_per_account: 384,
        }
    }
}
