//! Versions of a key: how they are found, written and removed.
//!
//! INVARIANTS, kept by the preconditions of each change:
//! - the row `k` exists exactly while the newest version is an object, and names it;
//! - the null version is the one that row `n` names; without that row it is the oldest version, if that has no id;
//! - sequences of a key differ, and a version written now has the greatest;
//! - a blob is released, and rows of parts are removed, in the commit that removes the version which holds them.
//!
//! Source: S3 User Guide, "Retaining multiple versions of objects with S3 Versioning", "Working with delete markers".

use std::ops::Range;

use strongroom_gate::{Authorized, ErrorReply, Mutation};
use strongroom_record::{Effect, EffectKind};
use strongroom_storage::{Direction, Entry, Partition, Precondition, RowVersion};
use strongroom_types::{ObjectKey, Timestamp, VersionId};

use crate::S3;
use crate::error;
use crate::limits::{MAX_READ_TRIES, PART_PAGE_ROWS};
use crate::row::{
    self, Coded, Content, CurrentRow, NullRow, ObjectSequence, PartRow, StateRow, VersionRow, Versioning,
};

/// A version as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) sequence: ObjectSequence,
    pub(crate) row: VersionRow,
    pub(crate) row_version: RowVersion,
}

impl Found {
    pub(crate) fn id(&self) -> VersionId {
        self.row.id(self.sequence)
    }
}

/// A version that holds an object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) sequence: ObjectSequence,
    pub(crate) row_version: RowVersion,
    pub(crate) id: VersionId,
    pub(crate) modified: Timestamp,
    pub(crate) content: Box<Content>,
}

/// Why a change could not be worked out.
#[derive(Debug)]
pub(crate) enum Unplanned {
    /// Rows changed while they were read: read again.
    Stale,
    /// It is refused.
    Answer(Box<ErrorReply>),
}

impl From<ErrorReply> for Unplanned {
    fn from(reply: ErrorReply) -> Self {
        Self::Answer(Box::new(reply))
    }
}

/// The current row of a key, with the version that a commit can name as unchanged.
pub(crate) type CurrentFound = Option<(CurrentRow, RowVersion)>;

/// A version to be written.
pub(crate) struct NewVersion {
    /// Its sequence, where that was fixed when its upload began; otherwise it becomes the newest.
    pub(crate) sequence: Option<ObjectSequence>,
    /// The random half of its id, used where versioning is enabled.
    pub(crate) random: [u8; 8],
    /// When it came to be.
    pub(crate) modified: Timestamp,
    /// What it holds; `None` for a delete marker.
    pub(crate) content: Option<Box<Content>>,
}

/// What became of a version to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    /// Its id.
    pub(crate) id: VersionId,
    /// Its sequence.
    pub(crate) sequence: ObjectSequence,
    /// When it was last modified.
    pub(crate) modified: Timestamp,
    /// What answers show as its id: nothing where versioning was never enabled.
    pub(crate) shown: Option<VersionId>,
    /// A newer null version was there already, which a null version of before cannot replace: nothing is written, and
    /// the caller must not commit its blobs.
    pub(crate) superseded: bool,
}

/// What became of a version to be deleted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Removed {
    pub(crate) id: VersionId,
    pub(crate) delete_marker: bool,
}

/// The key directly behind `key`: what lies between two rows begins there.
fn behind(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

fn found(entry: &Entry) -> Result<Found, ErrorReply> {
    let (_, sequence) = row::version_key_parts(&entry.key).ok_or_else(error::internal)?;
    Ok(Found { sequence, row: VersionRow::decode(&entry.row.value)?, row_version: entry.row.version })
}

/// What `k` says of a version.
fn current_row(sequence: ObjectSequence, modified_millis: i64, content: &Content) -> CurrentRow {
    CurrentRow {
        sequence,
        size: content.size,
        etag: content.etag.clone(),
        modified_millis,
        storage_class: content.storage_class.clone(),
        checksum_algorithms: content.checksums.iter().map(|sum| sum.algorithm.clone()).collect(),
        checksum_type: content.checksums.first().map(|sum| sum.kind.clone()),
        owner: content.owner.as_ref().map(|owner| owner.canonical),
    }
}

/// An effect on a key of the request's bucket.
pub(crate) fn effect(
    kind: EffectKind,
    key: &ObjectKey,
    version: Option<VersionId>,
    size: Option<u64>,
) -> Effect {
    Effect {
        kind,
        key: Some(key.as_str().to_owned()),
        version_id: version.map(|id| id.to_string()),
        size,
        ..Effect::default()
    }
}

impl S3 {
    /// The bucket's state. A change that was worked out from it holds only while it does: its row is among the guards of
    /// every commit.
    ///
    /// # Errors
    /// `NoSuchBucket` if the bucket went while the request was on its way.
    pub(crate) async fn bucket_state(&self, partition: Partition) -> Result<StateRow, ErrorReply> {
        let state = self.read::<StateRow>(partition, row::STATE).await?;
        state.map(|(state, _)| state).ok_or_else(error::bucket_gone)
    }

    /// The current row of a key.
    pub(crate) async fn current_row(
        &self,
        partition: Partition,
        key: &ObjectKey,
    ) -> Result<CurrentFound, ErrorReply> {
        self.read(partition, &row::current(key)).await
    }

    async fn version_at(
        &self,
        partition: Partition,
        key: &ObjectKey,
        sequence: ObjectSequence,
    ) -> Result<Option<Found>, ErrorReply> {
        let read = self.read::<VersionRow>(partition, &row::version(key, sequence)).await?;
        Ok(read.map(|(row, row_version)| Found { sequence, row, row_version }))
    }

    async fn scan_versions(
        &self,
        partition: Partition,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Found>, ErrorReply> {
        let entries = self.store.scan(partition, range, limit, direction).await;
        entries.map_err(|error| ErrorReply::from(&error))?.iter().map(found).collect()
    }

    /// The newest version of a key: an object or a delete marker.
    async fn newest(&self, partition: Partition, key: &ObjectKey) -> Result<Option<Found>, ErrorReply> {
        let newest = self.scan_versions(partition, row::versions_of(key), 1, Direction::Forward).await?;
        Ok(newest.into_iter().next())
    }

    /// Whether a version or delete marker of a key is newer than what began at `begun`.
    pub(crate) async fn is_overtaken(
        &self,
        partition: Partition,
        key: &ObjectKey,
        begun: ObjectSequence,
    ) -> Result<bool, ErrorReply> {
        Ok(self.newest(partition, key).await?.is_some_and(|newest| newest.sequence > begun))
    }

    /// The null version of a key, and the row that says where it is.
    async fn null_version(
        &self,
        partition: Partition,
        key: &ObjectKey,
    ) -> Result<(Option<Found>, Option<RowVersion>), ErrorReply> {
        if let Some((null, version)) = self.read::<NullRow>(partition, &row::null(key)).await? {
            return Ok((self.version_at(partition, key, null.sequence).await?, Some(version)));
        }
        let oldest = self.scan_versions(partition, row::versions_of(key), 1, Direction::Backward).await?;
        Ok((oldest.into_iter().next().filter(|oldest| oldest.row.random.is_none()), None))
    }

    /// The version with this id.
    pub(crate) async fn version(
        &self,
        partition: Partition,
        key: &ObjectKey,
        id: VersionId,
    ) -> Result<Option<Found>, ErrorReply> {
        match id {
            VersionId::Null => Ok(self.null_version(partition, key).await?.0),
            VersionId::Id(bytes) => {
                let (sequence, _) = bytes.split_first_chunk::<8>().ok_or_else(error::internal)?;
                let sequence = ObjectSequence(u64::from_be_bytes(*sequence));
                let found = self.version_at(partition, key, sequence).await?;
                Ok(found.filter(|found| found.id() == id))
            }
        }
    }

    /// The object that a request names: the current one, or one version.
    ///
    /// # Errors
    /// `NoSuchKey` (with the headers of a delete marker, if that is why), `NoSuchVersion`, and `MethodNotAllowed` for the
    /// id of a delete marker.
    pub(crate) async fn object(
        &self,
        partition: Partition,
        key: &ObjectKey,
        id: Option<VersionId>,
        method: &'static str,
    ) -> Result<Object, ErrorReply> {
        let found = match id {
            None => self.current_version(partition, key).await?,
            Some(id) => {
                let found = self.version(partition, key, id).await?;
                found.ok_or_else(|| error::no_such_version(key, id))?
            }
        };
        let version_id = found.id();
        let modified = found.row.modified();
        let Some(content) = found.row.content else {
            return Err(match id {
                None => error::no_such_key(key)
                    .header("x-amz-delete-marker", "true")
                    .header("x-amz-version-id", version_id.to_string()),
                Some(_) => error::delete_marker_not_allowed(method)
                    .header("x-amz-version-id", version_id.to_string())
                    .header("last-modified", modified.to_http_date()),
            });
        };
        let Found { sequence, row_version, .. } = found;
        Ok(Object { sequence, row_version, id: version_id, modified, content })
    }

    /// The object that a request names, which is the one that was decided on: where lists have a say, one that was written
    /// since may be another account's, and is decided on anew.
    ///
    /// # Errors
    /// Those of [`S3::object`]; the gate's refusal.
    pub(crate) async fn decided_object<I>(
        &self,
        request: &mut Authorized<I>,
        method: &'static str,
    ) -> Result<Object, ErrorReply> {
        for _ in 0..MAX_READ_TRIES {
            let bucket = request.bucket()?.id();
            let (key, id) = (request.key()?, request.target().version_id);
            let object = self.object(Partition::Bucket(bucket), key, id, method).await?;
            if request.decided_on(bucket, key, id, object.row_version) {
                return Ok(object);
            }
            request.decide_again().await.map_err(|refusal| refusal.reply())?;
        }
        Err(error::slow_down())
    }

    /// The newest version of a key, be it a delete marker.
    async fn current_version(&self, partition: Partition, key: &ObjectKey) -> Result<Found, ErrorReply> {
        for _ in 0..MAX_READ_TRIES {
            let Some((current, _)) = self.current_row(partition, key).await? else {
                let newest = self.newest(partition, key).await?;
                match newest {
                    Some(newest) if newest.row.is_delete_marker() => return Ok(newest),
                    Some(_) => continue,
                    None => return Err(error::no_such_key(key)),
                }
            };
            if let Some(found) = self.version_at(partition, key, current.sequence).await? {
                return Ok(found);
            }
        }
        Err(error::slow_down())
    }

    /// What answers show as the id of a version: nothing where versioning was never enabled.
    pub(crate) async fn shown_version(
        &self,
        partition: Partition,
        id: VersionId,
        asked: Option<VersionId>,
    ) -> Result<Option<String>, ErrorReply> {
        let shown = match (id, asked) {
            (VersionId::Id(_), _) | (VersionId::Null, Some(_)) => true,
            (VersionId::Null, None) => self.bucket_state(partition).await?.versioning != Versioning::Off,
        };
        Ok(shown.then(|| id.to_string()))
    }

    /// Works out the rows of a new version, of a key whose current row was read as `current`.
    pub(crate) async fn plan_write(
        &self,
        partition: Partition,
        key: &ObjectKey,
        state: &StateRow,
        current: &CurrentFound,
        new: &NewVersion,
        mutation: &mut Mutation,
    ) -> Result<Placed, Unplanned> {
        mutation.unchanged(row::current(key), current.as_ref().map(|(_, version)| *version));
        let newest = match (state.versioning, current) {
            (_, Some((current, _))) => Some(current.sequence),
            // INVARIANT: without delete markers the newest version is the current one.
            (Versioning::Off, None) => None,
            (Versioning::Enabled | Versioning::Suspended, None) => {
                self.plan_top(partition, key, mutation).await?
            }
        };
        let sequence = match new.sequence {
            None => ObjectSequence::next(new.modified, newest),
            Some(fixed) => self.free_sequence(partition, key, fixed, mutation).await?,
        };
        let on_top = newest.is_none_or(|newest| sequence > newest);
        let random = (state.versioning == Versioning::Enabled).then_some(new.random);
        let row =
            VersionRow { random, modified_millis: new.modified.as_millis(), content: new.content.clone() };
        let id = row.id(sequence);
        let shown = (state.versioning != Versioning::Off).then_some(id);
        let mut placed = Placed { id, sequence, modified: new.modified, shown, superseded: false };
        let replaced = match state.versioning {
            Versioning::Off => match current {
                Some((current, _)) => {
                    let old = self.version_at(partition, key, current.sequence).await?;
                    Some(old.ok_or(Unplanned::Stale)?)
                }
                None => None,
            },
            Versioning::Suspended => {
                let (old, null) = self.null_version(partition, key).await?;
                mutation.unchanged(row::null(key), null);
                if null.is_some() && old.is_none() {
                    return Err(Unplanned::Stale);
                }
                old
            }
            Versioning::Enabled => {
                if !on_top {
                    self.plan_below_null(partition, key, sequence, mutation).await?;
                }
                None
            }
        };
        if let Some(old) = &replaced {
            if old.sequence > sequence {
                placed.superseded = true;
                return Ok(placed);
            }
            self.plan_discard(partition, key, old, mutation).await?;
        }
        if state.versioning == Versioning::Suspended {
            mutation.put(row::null(key), NullRow { sequence }.encode());
        }
        mutation.put(row::version(key, sequence), row.encode());
        if on_top {
            match &new.content {
                Some(content) => {
                    let current = current_row(sequence, row.modified_millis, content);
                    mutation.put(row::current(key), current.encode());
                }
                None if current.is_some() => mutation.delete(row::current(key)),
                None => {}
            }
        }
        Ok(placed)
    }

    /// The newest version where there is no current object, and the demand that it stays the newest.
    async fn plan_top(
        &self,
        partition: Partition,
        key: &ObjectKey,
        mutation: &mut Mutation,
    ) -> Result<Option<ObjectSequence>, Unplanned> {
        let newest = self.newest(partition, key).await?;
        let all = row::versions_of(key);
        let above = match &newest {
            Some(newest) if !newest.row.is_delete_marker() => return Err(Unplanned::Stale),
            Some(newest) => all.start..row::version(key, newest.sequence),
            None => all,
        };
        mutation.require(Precondition::RangeEmpty(above));
        Ok(newest.map(|newest| newest.sequence))
    }

    /// The first sequence from `fixed` on that no version has.
    async fn free_sequence(
        &self,
        partition: Partition,
        key: &ObjectKey,
        fixed: ObjectSequence,
        mutation: &mut Mutation,
    ) -> Result<ObjectSequence, Unplanned> {
        let mut sequence = fixed;
        while self.version_at(partition, key, sequence).await?.is_some() {
            sequence = ObjectSequence(sequence.0.saturating_add(1));
        }
        mutation.unchanged(row::version(key, sequence), None);
        Ok(sequence)
    }

    /// Before a version with an id slips in below: a null version that was found by being the oldest would not be found
    /// any more, so it gets its pointer.
    async fn plan_below_null(
        &self,
        partition: Partition,
        key: &ObjectKey,
        sequence: ObjectSequence,
        mutation: &mut Mutation,
    ) -> Result<(), Unplanned> {
        let (null, pointer) = self.null_version(partition, key).await?;
        if let (Some(null), None) = (null, pointer)
            && null.sequence > sequence
        {
            mutation.unchanged(row::null(key), None);
            mutation.unchanged(row::version(key, null.sequence), Some(null.row_version));
            mutation.put(row::null(key), NullRow { sequence: null.sequence }.encode());
        }
        Ok(())
    }

    /// Removes the row of a version, and all that it holds.
    async fn plan_discard(
        &self,
        partition: Partition,
        key: &ObjectKey,
        old: &Found,
        mutation: &mut Mutation,
    ) -> Result<(), ErrorReply> {
        let version_key = row::version(key, old.sequence);
        mutation.unchanged(version_key.clone(), Some(old.row_version));
        mutation.delete(version_key);
        if let Some(content) = &old.row.content {
            self.plan_discard_content(partition, content, mutation).await?;
        }
        Ok(())
    }

    /// Releases the bytes of an object; of one in parts, removes the rows of its upload too.
    pub(crate) async fn plan_discard_content(
        &self,
        partition: Partition,
        content: &Content,
        mutation: &mut Mutation,
    ) -> Result<(), ErrorReply> {
        if let Some(blob) = &content.blob {
            mutation.release(blob.id());
        }
        let Some(upload) = content.upload_id() else { return Ok(()) };
        mutation.delete(row::layout(upload));
        mutation.delete(row::index(upload));
        let mut range = row::parts(upload, 0);
        loop {
            let page = self.store.scan(partition, range.clone(), PART_PAGE_ROWS, Direction::Forward).await;
            let page = page.map_err(|error| ErrorReply::from(&error))?;
            for entry in &page {
                mutation.release(PartRow::decode(&entry.row.value)?.blob.id());
                mutation.delete(entry.key.to_vec());
            }
            match page.last() {
                Some(last) if page.len() == PART_PAGE_ROWS => range.start = behind(last.key.to_vec()),
                _ => return Ok(()),
            }
        }
    }

    /// Works out the removal of versions of one key for good. What is not there is passed over.
    pub(crate) async fn plan_remove(
        &self,
        partition: Partition,
        key: &ObjectKey,
        ids: &[VersionId],
        mutation: &mut Mutation,
    ) -> Result<Vec<Option<Removed>>, Unplanned> {
        let mut doomed: Vec<Found> = Vec::with_capacity(ids.len());
        let mut removed = Vec::with_capacity(ids.len());
        for id in ids {
            let found = self.version(partition, key, *id).await?;
            removed.push(
                found.as_ref().map(|found| Removed { id: *id, delete_marker: found.row.is_delete_marker() }),
            );
            if let Some(found) = found
                && doomed.iter().all(|other| other.sequence != found.sequence)
            {
                doomed.push(found);
            }
        }
        if doomed.is_empty() {
            return Ok(removed);
        }
        self.plan_promotion(partition, key, &doomed, mutation).await?;
        for old in &doomed {
            self.plan_discard(partition, key, old, mutation).await?;
            if old.row.random.is_none() {
                mutation.delete(row::null(key));
            }
        }
        Ok(removed)
    }

    /// Works out the end of a key whose bucket was never versioned: of the one version that there is.
    pub(crate) async fn plan_end(
        &self,
        partition: Partition,
        key: &ObjectKey,
        sequence: ObjectSequence,
        mutation: &mut Mutation,
    ) -> Result<(), Unplanned> {
        let old = self.version_at(partition, key, sequence).await?.ok_or(Unplanned::Stale)?;
        self.plan_discard(partition, key, &old, mutation).await?;
        mutation.delete(row::current(key));
        Ok(())
    }

    /// Finds which version is the newest once `doomed` are gone, and makes it the current one.
    async fn plan_promotion(
        &self,
        partition: Partition,
        key: &ObjectKey,
        doomed: &[Found],
        mutation: &mut Mutation,
    ) -> Result<(), Unplanned> {
        let goes = |found: &Found| doomed.iter().any(|old| old.sequence == found.sequence);
        let top = self.scan_versions(
            partition,
            row::versions_of(key),
            doomed.len().saturating_add(1),
            Direction::Forward,
        );
        let top = top.await?;
        let survivor = top.iter().find(|found| !goes(found));
        if top.first().is_some_and(|newest| !goes(newest)) {
            // As long as the newest stays, none of the others can become current.
            if let Some(newest) = survivor {
                mutation.unchanged(row::version(key, newest.sequence), Some(newest.row_version));
            }
            return Ok(());
        }
        let all = row::versions_of(key);
        let mut start = all.start;
        for found in top.iter().take_while(|found| goes(found)).chain(survivor) {
            let place = row::version(key, found.sequence);
            mutation.require(Precondition::RangeEmpty(start..place.clone()));
            start = behind(place);
        }
        match survivor {
            Some(survivor) => {
                let place = row::version(key, survivor.sequence);
                mutation.unchanged(place, Some(survivor.row_version));
            }
            None => mutation.require(Precondition::RangeEmpty(start..all.end)),
        }
        match survivor.and_then(|survivor| Some((survivor, survivor.row.content.as_ref()?))) {
            Some((survivor, content)) => {
                let row = current_row(survivor.sequence, survivor.row.modified_millis, content);
                mutation.put(row::current(key), row.encode());
            }
            None => mutation.delete(row::current(key)),
        }
        Ok(())
    }
}
