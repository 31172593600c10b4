//! Finding records again.

use strongroom_record::{Glance, Record, decode};
use strongroom_storage::Position;
use strongroom_types::Timestamp;

use super::{Archive, Chunk, Group, Place};
use crate::error::{TrailError, blocking};
use crate::fingerprint::{self, Kind};
use crate::limits::READ_RECORDS;

/// Which records are looked for: those that fit all members given.
///
/// Second parts name no bucket and no key: look for their request id when a first part was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
    /// Of this request.
    pub request_id: Option<String>,
    /// Of this bucket.
    pub bucket: Option<String>,
    /// Of this key; needs `bucket`.
    pub key: Option<String>,
}

impl Query {
    /// A continuation has no time of its own and passes for any.
    fn in_time(&self, glance: &Glance<'_>) -> bool {
        let Some(time) = glance.time_millis else { return true };
        self.from.is_none_or(|from| from.as_millis() <= time)
            && self.to.is_none_or(|to| time <= to.as_millis())
    }

    fn times(&self) -> (i64, i64) {
        let from = self.from.map_or(i64::MIN, Timestamp::as_millis);
        (from, self.to.map_or(i64::MAX, Timestamp::as_millis))
    }

    fn fingerprints(&self) -> Vec<u64> {
        if let Some(id) = &self.request_id {
            return vec![fingerprint::of(Kind::Request, &[id])];
        }
        match (&self.bucket, &self.key) {
            (Some(bucket), Some(key)) => {
                vec![fingerprint::of(Kind::Object, &[bucket, key]), fingerprint::of(Kind::Key, &[key])]
            }
            (Some(bucket), None) => vec![fingerprint::of(Kind::Bucket, &[bucket])],
            (None, _) => Vec::new(),
        }
    }

    fn fit(&self, record: &Record) -> Fit {
        let glance = Glance::of_record(record);
        let right_request = self.request_id.as_deref().is_none_or(|id| glance.request_id == Some(id));
        if !right_request || !self.in_time(&glance) {
            return Fit::No;
        }
        let Some(bucket) = self.bucket.as_deref() else { return Fit::Yes };
        let mut fit = Fit::No;
        for (of, key) in glance.objects() {
            let right_key = self.key.is_none() || self.key.as_deref() == key;
            match of {
                Some(of) if of == bucket && right_key => return Fit::Yes,
                None if self.key.is_some() && right_key && matches!(record, Record::Continued(_)) => {
                    fit = Fit::IfItsRequestDoes;
                }
                Some(_) | None => {}
            }
        }
        fit
    }
}

#[derive(PartialEq, Eq)]
enum Fit {
    Yes,
    No,
    /// The key fits; the bucket stands in the first part.
    IfItsRequestDoes,
}

impl Archive {
    /// Up to `limit` records (and the rest of the last one's position) behind `after` that fit, in order, from the
    /// archive and the journal. To go on, pass the last position found; fewer than `limit` means that there are no
    /// more.
    ///
    /// A look-up opens the index of each chunk in the time range, and of those the blocks that may fit: name a range of
    /// time where one is known.
    ///
    /// # Errors
    /// [`TrailError`]; records that were removed or are missing are passed over.
    pub async fn find(
        &self,
        query: &Query,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<(Position, Record)>, TrailError> {
        let mut found = Vec::new();
        let mut at = after.unwrap_or_default();
        loop {
            match self.place(at) {
                Place::Removed(to) => at = to,
                Place::Missing => {
                    let next = self.read(|state| {
                        state
                            .chunks
                            .iter()
                            .map(|chunk| chunk.after)
                            .find(|after| *after > at.0)
                            .unwrap_or(state.through)
                    });
                    at = Position(next);
                }
                Place::Chunk(chunk) => {
                    let groups = self.search_chunk(chunk, query, at).await?;
                    self.take_fitting(groups, query, limit, &mut found).await?;
                    at = Position(chunk.last);
                }
                Place::Journal => {
                    let groups = self.journal.read((at.0 > 0).then_some(at), READ_RECORDS).await?;
                    if self.archived_through() > at {
                        continue;
                    }
                    let Some((last, _)) = groups.last() else { return Ok(found) };
                    at = *last;
                    self.take_fitting(groups, query, limit, &mut found).await?;
                }
            }
            if found.len() >= limit {
                return Ok(found);
            }
        }
    }

    /// The records of a chunk's candidate blocks.
    async fn search_chunk(
        &self,
        chunk: Chunk,
        query: &Query,
        after: Position,
    ) -> Result<Vec<Group>, TrailError> {
        let (from, to) = query.times();
        if chunk.last_time < from || chunk.first_time > to {
            return Ok(Vec::new());
        }
        let Some(mut reader) = self.reader(chunk).await? else { return Ok(Vec::new()) };
        let (fingerprints, times) = (query.fingerprints(), query.times());
        blocking(move || {
            let mut groups = Vec::new();
            for block in reader.candidates(&fingerprints, times, after) {
                groups.extend(reader.groups(block)?.into_iter().filter(|(position, _)| *position > after));
            }
            Ok(groups)
        })
        .await?
    }

    async fn take_fitting(
        &self,
        groups: Vec<Group>,
        query: &Query,
        limit: usize,
        found: &mut Vec<(Position, Record)>,
    ) -> Result<(), TrailError> {
        for (position, records) in groups {
            if found.len() >= limit {
                return Ok(());
            }
            for bytes in &records {
                let record = decode(bytes).map_err(|source| TrailError::Record { position, source })?;
                let fits = match query.fit(&record) {
                    Fit::Yes => true,
                    Fit::No => false,
                    Fit::IfItsRequestDoes => {
                        self.request_names(&record, position, query.bucket.as_deref()).await?
                    }
                };
                if fits {
                    found.push((position, record));
                }
            }
        }
        Ok(())
    }

    /// Whether the first part of a continuation's request names this bucket.
    async fn request_names(
        &self,
        record: &Record,
        before: Position,
        bucket: Option<&str>,
    ) -> Result<bool, TrailError> {
        let Some(id) = Glance::of_record(record).request_id else { return Ok(false) };
        let query = Query { request_id: Some(id.to_owned()), ..Query::default() };
        let names = |groups: &[Group]| {
            groups.iter().flat_map(|(_, records)| records).any(|bytes| match decode(bytes) {
                Ok(Record::Decided(decided)) => {
                    decided.request_id == id && decided.bucket.as_deref() == bucket
                }
                Ok(Record::Completed(_) | Record::Continued(_) | Record::Coalesced(_)) | Err(_) => false,
            })
        };
        // The first part is a little older: look backwards.
        let chunks: Vec<Chunk> = self.read(|state| {
            state.chunks.iter().rev().filter(|chunk| chunk.first <= before.0).copied().collect()
        });
        let mut at = self.archived_through();
        while at < before {
            let groups = self.journal.read((at.0 > 0).then_some(at), READ_RECORDS).await?;
            let Some((last, _)) = groups.last() else { break };
            at = *last;
            if names(&groups) {
                return Ok(true);
            }
        }
        for chunk in chunks {
            if names(&self.search_chunk(chunk, &query, Position(0)).await?) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
