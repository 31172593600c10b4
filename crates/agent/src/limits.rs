//! What a program of this host lets the agent use up, each with a name and a unit.

use std::time::Duration;

/// Connections of one listener at once. One more, and the oldest gives way: who connects and says nothing keeps nobody
/// out.
pub const MAX_CONNECTIONS: usize = 64;

/// How long a connection may take, from its accept to the end of its only answer.
pub const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause after the operating system refused to accept one (out of descriptors, most likely).
pub const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Bytes that are buffered of a connection, and so of a request's head; hyper takes no less.
pub const MAX_HEAD_BYTES: usize = 8 * 1024;

/// Header fields of a request.
pub const MAX_HEADER_FIELDS: usize = 32;

/// Requests that one listener answers in a burst, and in a second after that. What is beyond is told to come again.
pub const MAX_BURST: u32 = 200;

/// See [`MAX_BURST`].
pub const MAX_REQUESTS_PER_SECOND: u32 = 100;

/// Session tokens that are given out in a burst, and in a second after that. They take no memory: each proves itself.
pub const MAX_TOKEN_BURST: u32 = 50;

/// See [`MAX_TOKEN_BURST`].
pub const MAX_TOKENS_PER_SECOND: u32 = 10;

/// How long a session token of the metadata service may be good, in seconds.
///
/// Source: EC2 User Guide, "Use the Instance Metadata Service": six hours at most.
pub const MAX_TOKEN_SECONDS: u64 = 21_600;

/// Bytes of a token that a program shows.
pub const MAX_TOKEN_BYTES: usize = 256;

/// How long one attempt to get credentials may take.
pub const RENEWAL_TIMEOUT: Duration = Duration::from_secs(90);

/// The shortest pause between two attempts.
pub const MIN_RENEWAL_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two attempts after a failure.
pub const MAX_RETRY_PAUSE: Duration = Duration::from_secs(30);

/// How often the clock is looked at while a renewal is waited for: a machine that slept has other times.
pub const CLOCK_CHECK: Duration = Duration::from_secs(5);

/// Bytes of the system's table of connections that are read.
pub const MAX_SOCKET_TABLE_BYTES: u64 = 16 << 20;

/// How often that table is read anew when a connection is not found in it: a table that changes while it is read may
/// miss one.
pub const SOCKET_TABLE_TRIES: usize = 3;

const _: () = assert!(MAX_TOKENS_PER_SECOND <= MAX_REQUESTS_PER_SECOND && MAX_TOKEN_BURST <= MAX_BURST);
