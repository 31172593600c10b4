//! Everything that the server holds to, by name: for operators who want to see it, in one place.

use std::fmt;
use std::time::Duration;

use strongroom_codec::limits as codec;
use strongroom_s3::bucket::limits as bucket;
use strongroom_s3::limits as s3;
use strongroom_sigv4::limits as sigv4;

use crate::config::Config;
use crate::listener::{FloodLimits, limits as wire};

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What it is a limit of: `connection`, `head`, `body`, `signature`, `object`, `bucket`.
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
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Time(time) => write!(f, "{time:?}"),
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
        body_idle_timeout write_idle_timeout shutdown_grace
    ));
    all.extend(members!("unknown callers", FloodLimits::default(),
        per_source_per_second per_source_burst total_per_second total_burst sources
    ));
    all.extend(limits!("connection", wire: MAX_CONNECTION_BUFFER_BYTES MAX_DRAIN_BYTES DRAIN_TIMEOUT));
    all.extend(limits!("head", wire:
        MAX_REQUEST_LINE_BYTES MAX_HEAD_BYTES MAX_HEADER_FIELDS MAX_METHOD_BYTES MAX_CHUNK_LINE_BYTES MAX_TRAILER_BYTES
    ));
    all.extend(limits!("document", codec:
        MAX_BODY_BYTES MAX_LONG_BODY_BYTES MAX_XML_DEPTH MAX_XML_ELEMENTS MAX_XML_ATTRIBUTES MAX_XML_TEXT_BYTES
        MAX_TREE_DEPTH MAX_TREE_VALUES MAX_FORM_PARAMETERS MAX_FORM_DEPTH
    ));
    all.extend(limits!("signature", sigv4:
        MAX_CLOCK_SKEW MAX_PRESIGN_SECONDS MAX_POST_AGE MAX_QUERY_PARAMETERS MAX_SIGNED_HEADERS
        MAX_SESSION_TOKEN_BYTES MAX_POST_POLICY_BYTES MAX_POST_CONDITIONS MAX_TRAILERS
    ));
    all.extend(limits!("object", s3:
        MAX_PUT_BYTES MAX_COPY_SOURCE_BYTES MAX_USER_METADATA_BYTES MAX_OBJECT_TAGS MAX_TAG_KEY_CHARS
        MAX_TAG_VALUE_CHARS MAX_WEBSITE_REDIRECT_BYTES MAX_DELETES MAX_PART_NUMBER
    ));
    all.extend(limits!("bucket", bucket:
        MAX_BUCKETS_PER_ACCOUNT MAX_BUCKET_TAGS MAX_CORS_RULES MAX_CORS_BYTES MAX_ROUTING_RULES
    ));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_name_of_its_own_and_what_the_operator_set() {
        let mut config = Config::load(None, &crate::config::CommandLine::default()).unwrap();
        config.limits.max_connections = 7;
        let all = all(&config);
        let set = all.iter().find(|limit| limit.name == "max_connections").map(|limit| limit.value);
        assert_eq!(set, Some(Amount::Number(7)));
        let mut names: Vec<_> = all.iter().map(|limit| (limit.of, &limit.name)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
