//! DeleteObject.

use async_trait::async_trait;
use strongroom_api_s3::{DeleteObjectInput, DeleteObjectOutput, op};
use strongroom_gate::{Authorized, ErrorReply, Handle, Mutation, Reply, settled};
use strongroom_record::EffectKind;
use strongroom_storage::Partition;
use strongroom_types::{ObjectKey, VersionId};

use super::conditions::WriteConditions;
use super::versions::{CurrentFound, NewVersion, Placed, Removed, Unplanned, effect};
use crate::S3;
use crate::error;
use crate::limits::MAX_COMMIT_TRIES;
use crate::row::{self, StateRow, Versioning};

/// What a delete came to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deleted {
    /// There was nothing to do.
    Nothing,
    /// The object of a bucket without versions is gone.
    Object,
    /// A delete marker stands before the object.
    Marked(Placed),
    /// A version is gone for good.
    Version(Removed),
}

#[async_trait]
impl Handle<op::DeleteObject> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeleteObjectInput>,
    ) -> Result<Reply<DeleteObjectOutput>, ErrorReply> {
        let input = request.input();
        if input.if_match_last_modified_time.is_some() || input.if_match_size.is_some() {
            return Err(directory_buckets_only());
        }
        let conditions = WriteConditions::parse(input.if_match.as_deref(), None)?;
        let version_id = request.target().version_id;
        check_no_version(&conditions, version_id)?;
        let key = request.key()?.clone();
        let deleted = self.delete_object(&mut request, &key, version_id, &conditions).await?;
        let output = match deleted {
            Deleted::Nothing | Deleted::Object => DeleteObjectOutput {
                version_id: version_id.map(|id| id.to_string()),
                ..DeleteObjectOutput::default()
            },
            Deleted::Marked(placed) => DeleteObjectOutput {
                delete_marker: Some(true),
                version_id: Some(placed.id.to_string()),
                ..DeleteObjectOutput::default()
            },
            Deleted::Version(removed) => DeleteObjectOutput {
                delete_marker: removed.delete_marker.then_some(true),
                version_id: Some(removed.id.to_string()),
                ..DeleteObjectOutput::default()
            },
        };
        Ok(Reply::new(output))
    }
}

/// A condition speaks of the current object; S3 takes none with a version id.
pub(crate) fn check_no_version(
    conditions: &WriteConditions,
    version_id: Option<VersionId>,
) -> Result<(), ErrorReply> {
    if conditions.any() && version_id.is_some() {
        let message = "A header you provided implies functionality that is not implemented";
        return Err(error::not_implemented("If-Match", message));
    }
    Ok(())
}

/// Conditions on size and time, which S3 knows for directory buckets only.
pub(crate) fn directory_buckets_only() -> ErrorReply {
    let message = "Conditions on size and last modified time are only for directory buckets.";
    error::not_implemented("x-amz-if-match-size", message)
}

impl S3 {
    /// Deletes the current object or one version. Tried again while others change the key.
    async fn delete_object(
        &self,
        request: &mut Authorized<DeleteObjectInput>,
        key: &ObjectKey,
        version_id: Option<VersionId>,
        conditions: &WriteConditions,
    ) -> Result<Deleted, ErrorReply> {
        let random = self.random();
        let mut turn = None;
        for _ in 0..MAX_COMMIT_TRIES {
            let partition = request.bucket()?.partition();
            let state = self.bucket_state(partition).await?;
            let mut mutation = Mutation::new();
            mutation.frees_space();
            let planned = match version_id {
                Some(id) => self.plan_version_delete(partition, key, &state, id, &mut mutation).await,
                None => self.plan_delete(partition, key, &state, random, conditions, &mut mutation).await,
            };
            match planned {
                Ok(Deleted::Nothing) => {
                    request.note(effect(EffectKind::Delete, key, version_id, None));
                    return Ok(Deleted::Nothing);
                }
                Ok(deleted) => {
                    if settled(request.commit(&*self.store, mutation).await)? {
                        return Ok(deleted);
                    }
                }
                Err(Unplanned::Stale) => {}
                Err(Unplanned::Answer(reply)) => return Err(*reply),
            }
            if turn.is_none() {
                turn = self.key_locks.turn(request.bucket()?.id(), key).await;
            }
        }
        Err(conditions.gave_up(key))
    }

    /// Works out a delete without a version id: a delete marker, or, where versioning was never enabled, the end.
    pub(crate) async fn plan_delete(
        &self,
        partition: Partition,
        key: &ObjectKey,
        state: &StateRow,
        random: [u8; 8],
        conditions: &WriteConditions,
        mutation: &mut Mutation,
    ) -> Result<Deleted, Unplanned> {
        let current: CurrentFound = self.current_row(partition, key).await?;
        conditions.check(key, &current)?;
        match state.versioning {
            Versioning::Off => {
                let Some((current, version)) = &current else {
                    // Nothing is there, and nothing else is what the caller wanted: told as done, like AWS's trail does.
                    mutation.effect(effect(EffectKind::Delete, key, None, None));
                    return Ok(Deleted::Nothing);
                };
                // What the conditions held of is what is deleted.
                mutation.unchanged(row::current(key), Some(*version));
                self.plan_end(partition, key, current.sequence, mutation).await?;
                mutation.effect(effect(EffectKind::Delete, key, None, None));
                Ok(Deleted::Object)
            }
            Versioning::Enabled | Versioning::Suspended => {
                let marker = NewVersion { sequence: None, random, modified: self.now(), content: None };
                let placed = self.plan_write(partition, key, state, &current, &marker, mutation).await?;
                mutation.effect(effect(EffectKind::DeleteMarker, key, placed.shown, None));
                Ok(Deleted::Marked(placed))
            }
        }
    }

    /// Works out the delete of one version for good. One that is not there is deleted already.
    pub(crate) async fn plan_version_delete(
        &self,
        partition: Partition,
        key: &ObjectKey,
        state: &StateRow,
        id: VersionId,
        mutation: &mut Mutation,
    ) -> Result<Deleted, Unplanned> {
        check_mfa(state)?;
        let removed = self.plan_remove(partition, key, &[id], mutation).await?;
        let Some(removed) = removed.first().copied().flatten() else { return Ok(Deleted::Nothing) };
        mutation.effect(effect(EffectKind::Delete, key, Some(removed.id), None));
        Ok(Deleted::Version(removed))
    }
}

/// A bucket with MFA Delete lets no version go without a code, and codes are not built yet.
///
/// Source: S3 User Guide, "Configuring MFA delete".
pub(crate) fn check_mfa(state: &StateRow) -> Result<(), ErrorReply> {
    if state.mfa_delete {
        return Err(error::access_denied("Mfa Authentication must be used for this request"));
    }
    Ok(())
}
