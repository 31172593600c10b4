//! What the index knows of a record.

use strongroom_record::{Effect, Record};

use crate::fingerprint::{self, Kind};

/// Time and index entries of a record.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Milliseconds, if the record has a time.
    pub(crate) time: Option<i64>,
    pub(crate) fingerprints: Vec<u64>,
}

impl Facts {
    /// Of an encoded record. What cannot be read is kept, and not indexed.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match strongroom_record::decode(bytes) {
            Ok(record) => Self::of_record(&record),
            Err(error) => {
                tracing::error!(%error, "a record that cannot be read is archived as it is");
                Self::default()
            }
        }
    }

    fn of_record(record: &Record) -> Self {
        let time = time_of(record);
        let mut fingerprints = Vec::new();
        if let Some(id) = request_id_of(record) {
            fingerprints.push(fingerprint::of(Kind::Request, &[id]));
        }
        for (bucket, key) in objects_of(record) {
            fingerprints.push(match (bucket, key) {
                (Some(bucket), Some(key)) => fingerprint::of(Kind::Object, &[bucket, key]),
                (Some(bucket), None) => fingerprint::of(Kind::Bucket, &[bucket]),
                (None, Some(key)) => fingerprint::of(Kind::Key, &[key]),
                (None, None) => continue,
            });
        }
        Self { time, fingerprints }
    }
}

/// When it happened, milliseconds since 1970.
pub(crate) fn time_of(record: &Record) -> Option<i64> {
    match record {
        Record::Decided(decided) => Some(decided.decided_at_millis),
        Record::Completed(completed) => Some(completed.completed_at_millis),
        Record::Continued(_) => None,
        Record::Coalesced(coalesced) => Some(coalesced.second.saturating_mul(1000)),
    }
}

/// The request that it belongs to.
pub(crate) fn request_id_of(record: &Record) -> Option<&str> {
    match record {
        Record::Decided(decided) => Some(&decided.request_id),
        Record::Completed(completed) => Some(&completed.request_id),
        Record::Continued(continued) => Some(&continued.request_id),
        Record::Coalesced(_) => None,
    }
}

/// The buckets (with no key) and objects that it names. A continuation's bucket is that of its request, which it does
/// not name.
pub(crate) fn objects_of(record: &Record) -> Vec<(Option<&str>, Option<&str>)> {
    let (bucket, key, effects): (Option<&str>, Option<&str>, &[Effect]) = match record {
        Record::Decided(decided) => (decided.bucket.as_deref(), decided.key.as_deref(), &decided.effects),
        Record::Continued(continued) => (None, None, &continued.effects),
        Record::Completed(_) | Record::Coalesced(_) => return Vec::new(),
    };
    let mut objects = vec![(bucket, None)];
    if key.is_some() {
        objects.push((bucket, key));
    }
    for effect in effects {
        let of = effect.bucket.as_deref().or(bucket);
        if effect.bucket.is_some() {
            objects.push((of, None));
        }
        if effect.key.is_some() {
            objects.push((of, effect.key.as_deref()));
        }
    }
    objects
}
