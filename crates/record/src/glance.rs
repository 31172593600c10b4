//! What an index needs of a record, without a copy of it.

use minicbor::Decode;

use crate::coding::{RecordError, body};
use crate::{Effect, Record};

/// When a record happened, whose it is, and what it names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Glance<'a> {
    /// When it happened, milliseconds since 1970, if it has a time.
    pub time_millis: Option<i64>,
    /// The request that it belongs to.
    pub request_id: Option<&'a str>,
    bucket: Option<&'a str>,
    key: Option<&'a str>,
    /// Buckets, where they are not the request's, and keys.
    touched: Vec<(Option<&'a str>, Option<&'a str>)>,
    /// Whether it is about objects at all.
    names_objects: bool,
}

impl<'a> Glance<'a> {
    /// Of an encoded record. Members that are not asked for are passed over, not read.
    ///
    /// # Errors
    /// [`RecordError`] for bytes that are no record.
    pub fn of(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let seen: Seen<'a> = minicbor::decode(body(bytes)?).map_err(|_| RecordError::Malformed)?;
        Ok(match seen {
            Seen::Decided(decided) => Self {
                time_millis: Some(decided.decided_at_millis),
                request_id: Some(decided.request_id),
                bucket: decided.bucket,
                key: decided.key,
                touched: decided.effects.iter().map(|effect| (effect.bucket, effect.key)).collect(),
                names_objects: true,
            },
            Seen::Completed(completed) => Self {
                time_millis: Some(completed.completed_at_millis),
                request_id: Some(completed.request_id),
                ..Self::default()
            },
            Seen::Continued(continued) => Self {
                request_id: Some(continued.request_id),
                touched: continued.effects.iter().map(|effect| (effect.bucket, effect.key)).collect(),
                names_objects: true,
                ..Self::default()
            },
            Seen::Coalesced(coalesced) => {
                Self { time_millis: Some(coalesced.second.saturating_mul(1000)), ..Self::default() }
            }
        })
    }

    /// Of a record that was read already.
    pub fn of_record(record: &'a Record) -> Self {
        let touched = |effects: &'a [Effect]| {
            effects.iter().map(|effect| (effect.bucket.as_deref(), effect.key.as_deref())).collect()
        };
        match record {
            Record::Decided(decided) => Self {
                time_millis: Some(decided.decided_at_millis),
                request_id: Some(&decided.request_id),
                bucket: decided.bucket.as_deref(),
                key: decided.key.as_deref(),
                touched: touched(&decided.effects),
                names_objects: true,
            },
            Record::Completed(completed) => Self {
                time_millis: Some(completed.completed_at_millis),
                request_id: Some(&completed.request_id),
                ..Self::default()
            },
            Record::Continued(continued) => Self {
                request_id: Some(&continued.request_id),
                touched: touched(&continued.effects),
                names_objects: true,
                ..Self::default()
            },
            Record::Coalesced(coalesced) => {
                Self { time_millis: Some(coalesced.second.saturating_mul(1000)), ..Self::default() }
            }
        }
    }

    /// The buckets (with no key) and objects that it names. A continuation's bucket is that of its request, which it
    /// does not name.
    pub fn objects(&self) -> impl Iterator<Item = (Option<&'a str>, Option<&'a str>)> + '_ {
        let whole = self.names_objects.then_some((self.bucket, None));
        let asked = self.key.map(|key| (self.bucket, Some(key)));
        let touched = self.touched.iter().flat_map(move |(bucket, key)| {
            let of = bucket.or(self.bucket);
            let other = bucket.map(|_| (of, None));
            other.into_iter().chain(key.map(|key| (of, Some(key))))
        });
        whole.into_iter().chain(asked).chain(touched)
    }
}

// The numbers are those of the members in `model`.

#[derive(Decode)]
enum Seen<'a> {
    #[n(0)]
    Decided(#[b(0)] SeenDecided<'a>),
    #[n(1)]
    Completed(#[b(0)] SeenCompleted<'a>),
    #[n(2)]
    Continued(#[b(0)] SeenContinued<'a>),
    #[n(3)]
    Coalesced(#[n(0)] SeenCoalesced),
}

#[derive(Decode)]
#[cbor(map)]
struct SeenDecided<'a> {
    #[b(0)]
    request_id: &'a str,
    #[n(4)]
    decided_at_millis: i64,
    #[b(13)]
    bucket: Option<&'a str>,
    #[b(16)]
    key: Option<&'a str>,
    #[b(27)]
    effects: Vec<SeenEffect<'a>>,
}

#[derive(Decode)]
#[cbor(map)]
struct SeenCompleted<'a> {
    #[b(0)]
    request_id: &'a str,
    #[n(1)]
    completed_at_millis: i64,
}

#[derive(Decode)]
#[cbor(map)]
struct SeenContinued<'a> {
    #[b(0)]
    request_id: &'a str,
    #[b(1)]
    effects: Vec<SeenEffect<'a>>,
}

#[derive(Decode)]
#[cbor(map)]
struct SeenCoalesced {
    #[n(1)]
    second: i64,
}

#[derive(Decode)]
#[cbor(map)]
struct SeenEffect<'a> {
    #[b(1)]
    key: Option<&'a str>,
    #[b(5)]
    bucket: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Coalesced, Completed, Continued, Decided, encode};

    fn effect(bucket: Option<&str>, key: Option<&str>) -> Effect {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Effect { bucket: text(bucket), key: text(key), size: Some(7), ..Effect::default() }
    }

    fn records() -> Vec<Record> {
        let effects = vec![effect(None, Some("k1")), effect(Some("other"), Some("k2")), effect(None, None)];
        let decided = Decided {
            request_id: "ABABABABABABABAB".into(),
            host_id: "h".into(),
            received_at_millis: 3,
            decided_at_millis: 4,
            bucket: Some("b".into()),
            key: Some("k".into()),
            resources: vec![crate::ResourceRecord::default()],
            effects: effects.clone(),
            read_only: true,
            ..Decided::default()
        };
        let completed =
            Completed { request_id: "r".into(), completed_at_millis: 5, status: 200, ..Completed::default() };
        vec![
            Record::Decided(Box::new(decided)),
            Record::Decided(Box::default()),
            Record::Completed(Box::new(completed)),
            Record::Continued(Continued { request_id: "r".into(), effects }),
            Record::Coalesced(Coalesced { source_ip: "::1".into(), second: 9, refused: 2 }),
        ]
    }

    #[test]
    fn a_glance_at_the_bytes_sees_what_the_whole_record_says() {
        for record in records() {
            let bytes = encode(&record);
            assert_eq!(Glance::of(&bytes).unwrap(), Glance::of_record(&record), "{record:?}");
        }
        assert!(matches!(Glance::of(&[9, 0]), Err(RecordError::Format(9))));
        assert!(matches!(Glance::of(&[1, 0]), Err(RecordError::Malformed)));
        assert!(matches!(Glance::of(&[]), Err(RecordError::Malformed)));
    }

    #[test]
    fn buckets_and_objects_are_named_with_the_bucket_that_they_are_in() {
        let records = records();
        let objects = |at: usize| Glance::of_record(&records[at]).objects().collect::<Vec<_>>();
        let expected = [
            (Some("b"), None),
            (Some("b"), Some("k")),
            (Some("b"), Some("k1")),
            (Some("other"), None),
            (Some("other"), Some("k2")),
        ];
        assert_eq!(objects(0), expected);
        assert_eq!(objects(1), [(None, None)]);
        assert!(objects(2).is_empty());
        assert_eq!(
            objects(3),
            [(None, None), (None, Some("k1")), (Some("other"), None), (Some("other"), Some("k2"))]
        );
    }
}
