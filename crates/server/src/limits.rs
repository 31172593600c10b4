//! Everything that the server holds to, by name: for operators who want to see it, in one place. What is no other
//! module's own is declared here.

use std::fmt;
use std::time::Duration;

use strongroom_codec::limits as codec;
use strongroom_s3::bucket::limits as bucket;
use strongroom_s3::limits as s3;
use strongroom_s3::multipart::limits as multipart;
use strongroom_sigv4::limits as sigv4;
use strongroom_types::ObjectKey;

use self::here as server;
use crate::config::Config;
use crate::listener::{FloodLimits, limits as wire};
use crate::oidc;

pub(crate) use self::here::*;

mod here {
    use std::time::Duration;

    /// Bytes of an answer above which it counts among the downloads.
    pub(crate) const MIN_DOWNLOAD_BYTES: u64 = 256 << 10;

    /// Bytes of the documents (not of what is stored) of known callers that are in memory at once: bodies of requests
    /// that are read whole, such as DeleteObjects.
    pub(crate) const MAX_DOCUMENT_BYTES_AT_ONCE: u64 = 256 << 20;

    /// How many of them one account may have.
    pub(crate) const MAX_DOCUMENT_BYTES_AT_ONCE_PER_ACCOUNT: u64 = 192 << 20;

    /// Which part one unknown source may have of the uploads, downloads and documents of all unknown callers, who have
    /// as many together as one account.
    pub(crate) const UNKNOWN_SOURCES_SHARE: u64 = 8;

    /// Longest body that is read of a service whose operations are named in the body.
    pub(crate) const MAX_RPC_BODY_BYTES: usize = 1 << 20;

    /// KiB that bodies of callers who are not known yet may hold in memory together, those that are small left out.
    pub(crate) const UNKNOWN_BODIES_KIB: usize = 64 * 1024;

    /// How many of them those may have who name a key of one account, and those together who name none.
    pub(crate) const UNKNOWN_BODIES_KIB_PER_ACCOUNT: usize = 16 * 1024;

    /// Bytes of such a body that take no room: each connection has one request at a time, and its limit bounds them.
    pub(crate) const SMALL_UNKNOWN_BODY_BYTES: usize = 16 * 1024;

    /// How long a body may take that is read before its caller is known.
    pub(crate) const UNKNOWN_BODY_TIMEOUT: Duration = Duration::from_secs(60);

    /// Parameters of a query.
    pub(crate) const MAX_QUERY_PARAMETERS: usize = 1000;

    /// Bytes of all fields of a form before its file. Source: S3 API Reference, "POST Object": 20 KB.
    pub(crate) const MAX_FORM_FIELDS_BYTES: usize = 20 * 1024;

    /// Bytes that are read of a form before its file must begin: the fields, what frames each of them, and the preamble.
    pub(crate) const MAX_FORM_PREAMBLE_BYTES: u64 = 64 * 1024;

    /// Bytes of the boundary between a form's fields. Source: RFC 2046, section 5.1.1.
    pub(crate) const MAX_FORM_BOUNDARY_BYTES: usize = 70;

    /// Fields of a form before its file.
    pub(crate) const MAX_FORM_FIELDS: usize = 200;

    /// Requests whose records may be on their way at once, from the beginning of the request until its last record is
    /// durable.
    pub(crate) const MAX_RECORDS_AT_ONCE: usize = 16_384;

    /// How long a request waits for a place among them before it is told to slow down.
    pub(crate) const RECORD_WAIT: Duration = Duration::from_secs(2);

    /// Bytes of a header's value that are kept in records.
    pub(crate) const MAX_RECORDED_HEADER_BYTES: usize = 1024;

    const _: () = assert!(MAX_DOCUMENT_BYTES_AT_ONCE_PER_ACCOUNT <= MAX_DOCUMENT_BYTES_AT_ONCE);
    // The longest body finds room in the share of one unknown source.
    const _: () = assert!(
        MAX_RPC_BODY_BYTES as u64 <= UNKNOWN_BODIES_KIB_PER_ACCOUNT as u64 * 1024 / UNKNOWN_SOURCES_SHARE
    );
    const _: () = assert!(2 * UNKNOWN_BODIES_KIB_PER_ACCOUNT <= UNKNOWN_BODIES_KIB);
    const _: () = assert!(SMALL_UNKNOWN_BODY_BYTES < MAX_RPC_BODY_BYTES);
    const _: () = assert!(MAX_FORM_FIELDS_BYTES as u64 <= MAX_FORM_PREAMBLE_BYTES);
}

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What it is a limit of: `connection`, `head`, `body`, `document`, `form`, `issuer`, `signature`, `object`,
    /// `bucket`, or a table of the configuration file: `audit_log`, `retention`, `scrub`.
    pub of: &'static str,
    /// Its name in the code, in lower case.
    pub name: String,
    /// How much.
    pub value: Amount,
}

/// How much of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// A number of bytes or things, as the name says.
    Number(u64),
    /// A time.
    Time(Duration),
    /// As much as there is.
    Unlimited,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Time(time) => write!(f, "{time:?}"),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl From<Duration> for Amount {
    fn from(time: Duration) -> Self {
        Self::Time(time)
    }
}

impl From<usize> for Amount {
    fn from(number: usize) -> Self {
        Self::Number(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<u64> for Amount {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Amount {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u16> for Amount {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<Option<u64>> for Amount {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Self::Unlimited, Self::Number)
    }
}

macro_rules! limits {
    ($of:literal, $module:ident: $($name:ident)*) => {
        [$(Limit { of: $of, name: stringify!($name).to_lowercase(), value: $module::$name.into() },)*]
    };
}

macro_rules! members {
    ($of:literal, $value:expr, $($name:ident)*) => {{
        let value = $value;
        [$(Limit { of: $of, name: stringify!($name).to_owned(), value: value.$name.into() },)*]
    }};
}

/// All limits, with the values that `config` gives to those that an operator can change.
pub fn all(config: &Config) -> Vec<Limit> {
    let mut all = Vec::new();
    all.extend(members!("connection", &config.limits,
        max_connections max_connections_per_source tls_handshake_timeout header_read_timeout idle_timeout
        write_idle_timeout slow_start min_bytes_per_second shutdown_grace
    ));
    all.extend(members!("body", &config.limits,
        body_idle_timeout max_uploads max_uploads_per_account max_downloads max_downloads_per_account
    ));
    all.extend(limits!("body", server: MIN_DOWNLOAD_BYTES));
    all.extend(members!("unknown callers", FloodLimits::default(),
        per_source_per_second per_source_burst total_per_second total_burst sources
    ));
    all.extend(
        limits!("unknown callers", server:
            UNKNOWN_BODIES_KIB UNKNOWN_BODIES_KIB_PER_ACCOUNT SMALL_UNKNOWN_BODY_BYTES UNKNOWN_BODY_TIMEOUT UNKNOWN_SOURCES_SHARE
        ),
    );
    all.extend(limits!("connection", wire:
        MAX_CONNECTION_BUFFER_BYTES MAX_DRAIN_BYTES DRAIN_TIMEOUT MAX_LINGER_BYTES LINGER_TIMEOUT MAX_COUNTED_SOURCES
        MAX_PROXY_HEADER_BYTES PROXY_HEADER_TIMEOUT
    ));
    all.extend(limits!("head", wire:
        MAX_REQUEST_LINE_BYTES MAX_HEAD_BYTES MAX_HEADER_FIELDS MAX_METHOD_BYTES MAX_CHUNK_LINE_BYTES MAX_TRAILER_BYTES
    ));
    all.extend(limits!("head", server: MAX_QUERY_PARAMETERS));
    all.extend(limits!("document", server:
        MAX_DOCUMENT_BYTES_AT_ONCE MAX_DOCUMENT_BYTES_AT_ONCE_PER_ACCOUNT MAX_RPC_BODY_BYTES
    ));
    all.extend(limits!("document", codec:
        MAX_BODY_BYTES MAX_LONG_BODY_BYTES MAX_XML_DEPTH MAX_XML_ELEMENTS MAX_XML_ATTRIBUTES MAX_XML_TEXT_BYTES
        MAX_TREE_DEPTH MAX_TREE_VALUES MAX_FORM_PARAMETERS MAX_FORM_DEPTH
    ));
    all.extend(limits!("form", server:
        MAX_FORM_FIELDS MAX_FORM_FIELDS_BYTES MAX_FORM_PREAMBLE_BYTES MAX_FORM_BOUNDARY_BYTES
    ));
    all.extend(limits!("form", sigv4: MAX_POST_AGE MAX_POST_POLICY_BYTES MAX_POST_CONDITIONS));
    all.extend(limits!("issuer", oidc:
        KEEP_ISSUER_KEYS KEEP_STALE_ISSUER_KEYS RETRY_ISSUER_KEYS ISSUER_TIMEOUT MAX_KEY_SET_BYTES
    ));
    all.extend(limits!("record", server: MAX_RECORDS_AT_ONCE RECORD_WAIT MAX_RECORDED_HEADER_BYTES));
    all.extend(limits!("signature", sigv4:
        MAX_CLOCK_SKEW MAX_PRESIGN_SECONDS MAX_QUERY_PARAMETERS MAX_SIGNED_HEADERS MAX_SESSION_TOKEN_BYTES
        MAX_CREDENTIAL_BYTES MAX_TRAILERS MAX_TRAILER_LINE_BYTES
    ));
    all.extend(limits!("object", s3:
        MAX_PUT_BYTES MAX_COPY_SOURCE_BYTES MAX_USER_METADATA_BYTES MAX_OBJECT_TAGS MAX_TAG_KEY_CHARS
        MAX_TAG_VALUE_CHARS MAX_WEBSITE_REDIRECT_BYTES MAX_DELETES MAX_PART_NUMBER MAX_LISTED
    ));
    all.extend(limits!("object", multipart: MIN_PART_BYTES MAX_PART_BYTES MAX_OBJECT_BYTES));
    all.push(Limit { of: "object", name: "max_key_bytes".to_owned(), value: ObjectKey::MAX_BYTES.into() });
    all.extend(limits!("bucket", bucket:
        MAX_BUCKETS_PER_ACCOUNT MAX_BUCKET_TAGS MAX_CORS_RULES MAX_CORS_BYTES MAX_ROUTING_RULES
    ));
    all.extend(members!("retention", &config.retention, days max_bytes));
    all.extend(members!("scrub", &config.scrub, days min_mib_per_second));
    all.extend(config.audit_log.iter().flat_map(|log| members!("audit_log", log, max_bytes keep)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(all: &[Limit], of: &str, name: &str) -> Option<Amount> {
        all.iter().find(|limit| limit.of == of && limit.name == name).map(|limit| limit.value)
    }

    #[test]
    fn every_limit_has_a_name_of_its_own_and_what_the_operator_set() {
        let mut config = Config::load(None, &crate::config::CommandLine::default()).unwrap();
        config.limits.max_connections = 7;
        let all = all(&config);
        assert_eq!(find(&all, "connection", "max_connections"), Some(Amount::Number(7)));
        let mut names: Vec<_> = all.iter().map(|limit| (limit.of, &limit.name)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn every_number_of_the_configuration_file_is_shown() {
        let text = "[audit_log]\npath = 'a'\nkeep = 3\n[retention]\ndays = 40\n[scrub]\ndays = 5\nmin_mib_per_second = 6\n";
        let command_line = crate::config::CommandLine::default();
        let shown = all(&Config::parse(text, std::path::Path::new("c.toml"), &command_line).unwrap());
        for (of, name, value) in [
            ("audit_log", "keep", Amount::Number(3)),
            ("audit_log", "max_bytes", Amount::Number(256 << 20)),
            ("retention", "days", Amount::Number(40)),
            ("retention", "max_bytes", Amount::Unlimited),
            ("scrub", "days", Amount::Number(5)),
            ("scrub", "min_mib_per_second", Amount::Number(6)),
        ] {
            assert_eq!(find(&shown, of, name), Some(value), "{of}.{name}");
        }
        let shown = all(&Config::load(None, &command_line).unwrap());
        assert_eq!(find(&shown, "audit_log", "keep"), None, "there is no file of records");
    }
}
