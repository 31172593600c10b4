//! What the index knows of a record.

use strongroom_record::Glance;

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
        match Glance::of(bytes) {
            Ok(glance) => Self::of_glance(&glance),
            Err(error) => {
                tracing::error!(%error, "a record that cannot be read is archived as it is");
                Self::default()
            }
        }
    }

    fn of_glance(glance: &Glance<'_>) -> Self {
        let mut fingerprints = Vec::with_capacity(4);
        if let Some(id) = glance.request_id {
            fingerprints.push(fingerprint::of(Kind::Request, &[id]));
        }
        for (bucket, key) in glance.objects() {
            fingerprints.push(match (bucket, key) {
                (Some(bucket), Some(key)) => fingerprint::of(Kind::Object, &[bucket, key]),
                (Some(bucket), None) => fingerprint::of(Kind::Bucket, &[bucket]),
                (None, Some(key)) => fingerprint::of(Kind::Key, &[key]),
                (None, None) => continue,
            });
        }
        Self { time: glance.time_millis, fingerprints }
    }
}
