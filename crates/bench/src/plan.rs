//! What is measured, and against whom.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use strongroom_types::{AccessKeyId, Region, SecretAccessKey, Timestamp};

use crate::error::{BenchError, visible};
use crate::http::{Endpoint, Trust};
use crate::limits::{DELETE_BATCH_KEYS, MAX_CLIENTS, MAX_KEYS, MAX_OBJECT_BYTES, MAX_ROUNDS};
use crate::process::Process;

/// What a cell does again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// PutObject on keys that are there already.
    Put,
    /// PutObject on keys never used before.
    PutNew,
    /// GetObject of the whole object.
    Get,
    /// 70 % GET, 20 % PUT, 5 % HEAD, 5 % DELETE of one object.
    Mixed,
    /// HeadObject.
    Head,
    /// A listing of all keys, in pages of 1,000; the whole counts as one operation.
    List,
    /// DeleteObjects of 100; the request counts as one operation.
    Delete,
}

impl Op {
    /// All of them, in the order of a run.
    pub const ALL: [Self; 7] =
        [Self::Put, Self::PutNew, Self::Get, Self::Mixed, Self::Head, Self::List, Self::Delete];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::PutNew => "put-new",
            Self::Get => "get",
            Self::Mixed => "mixed",
            Self::Head => "head",
            Self::List => "list",
            Self::Delete => "delete",
        }
    }

    /// Whether it is measured for each size; the others are for the smallest alone.
    pub(crate) fn is_per_size(self) -> bool {
        matches!(self, Self::Put | Self::PutNew | Self::Get | Self::Mixed)
    }

    /// Whether each operation is a PUT, which ends on the disk.
    pub(crate) fn is_put(self) -> bool {
        matches!(self, Self::Put | Self::PutNew)
    }

    /// Whether objects must be there before it starts. Deletions make their own.
    pub(crate) fn needs_fill(self) -> bool {
        !matches!(self, Self::PutNew | Self::Delete)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Op {
    type Err = BenchError;

    fn from_str(text: &str) -> Result<Self, BenchError> {
        let expected = "an operation; give put, put-new, get, mixed, head, list or delete";
        let found = Self::ALL.into_iter().find(|op| op.as_str() == text);
        found.ok_or_else(|| BenchError::Value { given: visible(text), expected })
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

/// Units of bytes, the largest first.
const BYTE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Size {
    /// So many bytes.
    pub fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit =
            BYTE_UNITS.into_iter().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let (name, bytes) = unit.unwrap_or(("B", 1));
        write!(f, "{}{name}", self.0 / bytes)
    }
}

impl FromStr for Size {
    type Err = BenchError;

    /// Reads a whole number and `B`, `KiB`, `MiB` or `GiB`; a number alone is bytes.
    fn from_str(text: &str) -> Result<Self, BenchError> {
        let expected = "a size; give a whole number of B, KiB, MiB or GiB, such as 64KiB";
        let (number, unit) = split_number(text);
        let unit = if unit.is_empty() { "B" } else { unit };
        let factor = BYTE_UNITS.into_iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
        let bytes =
            number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        bytes.map(Self).ok_or_else(|| BenchError::Value { given: visible(text), expected })
    }
}

/// Reads a whole number and `ms`, `s` or `m`, as in `5s`.
///
/// # Errors
/// [`BenchError::Value`] for anything else, and for zero.
pub fn parse_duration(text: &str) -> Result<Duration, BenchError> {
    let expected = "a duration; give a whole number of ms, s or m, such as 5s";
    let (number, unit) = split_number(text);
    let factor = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        _ => None,
    };
    let millis =
        number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    let duration = millis.filter(|millis| *millis > 0).map(Duration::from_millis);
    duration.ok_or_else(|| BenchError::Value { given: visible(text), expected })
}

/// Digits, and what stands behind them.
fn split_number(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Whether the signature covers the bytes of an object that is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// `x-amz-content-sha256` is the SHA-256 of the body, as SDKs send it over http. The server must compute it too.
    Signed,
    /// `UNSIGNED-PAYLOAD`, which is for https.
    Unsigned,
}

impl Payload {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Unsigned => "unsigned",
        }
    }
}

/// One of the endpoints, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Side {
    /// Where.
    pub endpoint: Endpoint,
    /// The key's id.
    pub access_key_id: AccessKeyId,
    /// Its secret.
    pub secret: SecretAccessKey,
    /// The token of temporary credentials.
    pub session_token: Option<String>,
    /// The region to sign for.
    pub region: Region,
    /// Whose certificates are good.
    pub trust: Trust,
    /// Whether the signature covers what is put.
    pub payload: Payload,
    /// Whether a PUT asks for SSE-S3 (`x-amz-server-side-encryption: AES256`).
    pub asks_for_sse: bool,
    /// The server's process, where it runs on this machine.
    pub process: Option<Process>,
}

/// What is measured, and against whom.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The endpoint.
    pub first: Side,
    /// The one it is compared with: their rounds alternate.
    pub second: Option<Side>,
    /// What is measured.
    pub ops: Vec<Op>,
    /// Sizes of objects.
    pub sizes: Vec<Size>,
    /// How many clients ask at the same time, each over one connection.
    pub clients: usize,
    /// Threads of the generator.
    pub threads: usize,
    /// How long one round of a cell lasts on each side.
    pub duration: Duration,
    /// Rounds of a cell on each side.
    pub rounds: usize,
    /// Keys of the key space of a size.
    pub keys: u64,
    /// Most bytes of a key space: large objects have fewer keys.
    pub max_fill: Size,
    /// A directory on the disk of the first endpoint's server: what this disk does by itself is measured before each
    /// round of puts.
    pub disk: Option<PathBuf>,
    /// Beginning of the names of the buckets that are made and removed, see [`Plan::buckets`].
    pub bucket: String,
    /// For choosing keys and bytes.
    pub seed: u64,
    /// The time to sign with.
    pub clock: fn() -> Timestamp,
}

impl Plan {
    /// A name for [`Plan::bucket`] that nobody has.
    pub fn bucket_name(random: u64) -> String {
        format!("strongroom-bench-{random:016x}")
    }

    /// The bucket of each side. They differ, so that both endpoints may lead to one server.
    pub fn buckets(&self) -> impl Iterator<Item = (&Side, String)> {
        self.sides().zip(["a", "b"]).map(|(side, letter)| (side, format!("{}-{letter}", self.bucket)))
    }

    /// Whether the numbers go together.
    pub(crate) fn check(&self) -> Result<(), BenchError> {
        let sizes = self.sizes.iter().map(|size| size.bytes());
        for (is_wrong, what) in [
            (self.ops.is_empty(), "there is nothing to measure; give --ops"),
            (self.sizes.is_empty(), "there is no size; give --sizes"),
            (!(1..=MAX_CLIENTS).contains(&self.clients), "--clients is from 1 to 4096"),
            (!(1..=self.clients).contains(&self.threads), "--threads is from 1 to the number of --clients"),
            (!(1..=MAX_ROUNDS).contains(&self.rounds), "--rounds is from 1 to 1000"),
            (!(1..=MAX_KEYS).contains(&self.keys), "--keys is from 1 to 100000000"),
            (sizes.clone().any(|bytes| bytes > MAX_OBJECT_BYTES), "a size is at most 1GiB"),
            (
                self.second.as_ref().is_some_and(|second| second.endpoint == self.first.endpoint),
                "--endpoint and --vs are the same; name two servers",
            ),
        ] {
            if is_wrong {
                return Err(BenchError::Plan(what));
            }
        }
        Ok(())
    }

    /// Both sides, or the one.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &Side> {
        std::iter::once(&self.first).chain(&self.second)
    }

    /// Keys of the key space of a size: each client has one of its own at least.
    pub(crate) fn keys_of(&self, size: Size) -> u64 {
        let fitting = self.max_fill.bytes() / size.bytes().max(1);
        self.keys.min(fitting).max(self.clients as u64)
    }

    /// Objects that a cell of deletions makes and deletes at a time: whole requests, one for each client at least.
    pub(crate) fn keys_to_delete(&self) -> u64 {
        let requests = (self.keys / DELETE_BATCH_KEYS).max(self.clients as u64);
        requests * DELETE_BATCH_KEYS
    }

    /// The sizes in ascending order, each with what is measured for it.
    pub(crate) fn cells(&self) -> Vec<(Size, Vec<Op>)> {
        let (mut sizes, mut ops) = (self.sizes.clone(), self.ops.clone());
        sizes.sort_unstable();
        sizes.dedup();
        ops.sort_unstable();
        ops.dedup();
        let of = |(index, size): (usize, Size)| {
            (size, ops.iter().copied().filter(|op| index == 0 || op.is_per_size()).collect())
        };
        sizes.into_iter().enumerate().map(of).filter(|(_, ops): &(_, Vec<Op>)| !ops.is_empty()).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small plan against one endpoint.
    pub(crate) fn plan(url: &str) -> Plan {
        Plan {
            first: side(url),
            second: None,
            ops: Op::ALL.to_vec(),
            sizes: vec![Size(4096)],
            clients: 4,
            threads: 2,
            duration: Duration::from_millis(50),
            rounds: 2,
            keys: 1000,
            max_fill: Size(1 << 30),
            disk: None,
            bucket: Plan::bucket_name(1),
            seed: 1,
            clock: || Timestamp::from_secs(1_795_537_958),
        }
    }

    pub(crate) fn side(url: &str) -> Side {
        Side {
            endpoint: Endpoint::parse(url).unwrap(),
            access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
            secret: SecretAccessKey::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
            session_token: None,
            region: Region::us_east_1(),
            trust: Trust::System,
            payload: Payload::Signed,
            asks_for_sse: false,
            process: None,
        }
    }

    #[test]
    fn sizes_are_whole_numbers_of_binary_units() {
        for (text, bytes, shown) in [
            ("0", 0, "0B"),
            ("4096", 4096, "4KiB"),
            ("4097B", 4097, "4097B"),
            (" 64KiB", 65_536, "64KiB"),
            ("16MiB", 16 << 20, "16MiB"),
            ("5GiB", 5 << 30, "5GiB"),
            ("1025KiB", 1025 << 10, "1025KiB"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, shown), "{text}");
            assert_eq!(shown.parse::<Size>().unwrap(), size);
        }
        for bad in ["", "KiB", "4kb", "4 KiB", "-1", "1.5MiB", "4KB", "99999999999GiB"] {
            let error = bad.parse::<Size>().unwrap_err().to_string();
            assert!(error.contains("64KiB"), "{bad}: {error}");
        }
    }

    #[test]
    fn durations_are_whole_numbers_of_a_unit() {
        assert_eq!(parse_duration("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(parse_duration("5s").unwrap(), Duration::from_secs(5));
        assert_eq!(parse_duration("2m").unwrap(), Duration::from_mins(2));
        for bad in ["", "5", "s", "0s", "1.5s", "5h", "99999999999999999999s", "18446744073709551615m"] {
            let error = parse_duration(bad).unwrap_err().to_string();
            assert!(error.contains("5s"), "{bad}: {error}");
        }
    }

    #[test]
    fn operations_have_names() {
        for op in Op::ALL {
            assert_eq!(op.to_string().parse::<Op>().unwrap(), op);
        }
        assert!("copy".parse::<Op>().unwrap_err().to_string().contains("put, put-new"));
    }

    #[test]
    fn what_does_not_depend_on_the_size_is_measured_once_with_the_smallest() {
        let mut plan = plan("http://h");
        plan.sizes = vec![Size(1 << 20), Size(4096), Size(4096)];
        plan.ops = vec![Op::Delete, Op::List, Op::Get, Op::Put, Op::Head];
        let cells = plan.cells();
        assert_eq!(cells[0], (Size(4096), vec![Op::Put, Op::Get, Op::Head, Op::List, Op::Delete]));
        assert_eq!(cells[1], (Size(1 << 20), vec![Op::Put, Op::Get]));
        plan.ops = vec![Op::Head];
        assert_eq!(plan.cells().len(), 1);
    }

    #[test]
    fn large_objects_have_fewer_keys_but_one_for_each_client() {
        let mut plan = plan("http://h");
        plan.max_fill = Size(1 << 20);
        assert_eq!(plan.keys_of(Size(100)), 1000);
        assert_eq!(plan.keys_of(Size(4096)), 256);
        assert_eq!(plan.keys_of(Size(1 << 30)), 4);
        assert_eq!(plan.keys_of(Size(0)), 1000);
        assert_eq!(plan.keys_to_delete(), 1000);
        plan.clients = 16;
        assert_eq!(plan.keys_to_delete(), 1600);
    }

    #[test]
    fn numbers_that_do_not_go_together_are_refused() {
        let refused = |change: fn(&mut Plan)| {
            let mut plan = plan("http://h");
            change(&mut plan);
            plan.check().unwrap_err().to_string()
        };
        plan("http://h").check().unwrap();
        assert!(refused(|plan| plan.ops.clear()).contains("--ops"));
        assert!(refused(|plan| plan.sizes.clear()).contains("--sizes"));
        assert!(refused(|plan| plan.clients = 0).contains("--clients"));
        assert!(refused(|plan| plan.threads = 5).contains("--threads"));
        assert!(refused(|plan| plan.rounds = 0).contains("--rounds"));
        assert!(refused(|plan| plan.keys = 0).contains("--keys"));
        assert!(refused(|plan| plan.sizes = vec![Size(2 << 30)]).contains("1GiB"));
        assert!(refused(|plan| plan.second = Some(plan.first.clone())).contains("--vs"));
    }
}
