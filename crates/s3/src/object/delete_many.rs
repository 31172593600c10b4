//! DeleteObjects: up to 1000 keys, each decided and answered on its own.

use std::collections::HashMap;

use async_trait::async_trait;
use strongroom_api_s3::{
    DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, Error, ObjectIdentifier, op,
};
use strongroom_gate::{Authorized, CommitError, ErrorReply, Handle, Mutation, Reply};
use strongroom_record::{Effect, EffectKind};
use strongroom_storage::Partition;
use strongroom_types::{ObjectKey, ObjectKeyError, VersionId};

use super::conditions::WriteConditions;
use super::delete::{Deleted, check_mfa, check_no_version, directory_buckets_only};
use super::versions::{Removed, Unplanned, effect};
use crate::S3;
use crate::error;
use crate::limits::{DELETE_CHANGES_PER_COMMIT, DELETE_KEYS_PER_COMMIT, MAX_COMMIT_TRIES, MAX_DELETES};
use crate::row::StateRow;

/// A key that may be deleted, and its place in the request.
struct Wanted {
    place: usize,
    key: ObjectKey,
    version_id: Option<VersionId>,
    conditions: WriteConditions,
    random: [u8; 8],
}

/// What came of a place of the request.
type Outcome = Result<Deleted, ErrorReply>;

#[async_trait]
impl Handle<op::DeleteObjects> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeleteObjectsInput>,
    ) -> Result<Reply<DeleteObjectsOutput>, ErrorReply> {
        let objects = request.input().delete.objects.clone();
        let quiet = request.input().delete.quiet == Some(true);
        if objects.is_empty() || objects.len() > MAX_DELETES {
            return Err(error::malformed_xml());
        }
        let (mut outcomes, wanted) = self.sort(&request, &objects)?;
        self.delete_all(&mut request, wanted, &mut outcomes).await?;
        let mut output = DeleteObjectsOutput::default();
        for (object, outcome) in objects.iter().zip(outcomes) {
            match outcome {
                Some(Ok(deleted)) if !quiet => output.deleted.push(deleted_object(object, deleted)),
                Some(Ok(_)) => {}
                Some(Err(reply)) => output.errors.push(failed(object, &reply)),
                None => output.errors.push(failed(object, &error::slow_down())),
            }
        }
        Ok(Reply::new(output))
    }
}

fn deleted_object(object: &ObjectIdentifier, deleted: Deleted) -> DeletedObject {
    let plain = DeletedObject {
        key: Some(object.key.clone()),
        version_id: object.version_id.clone(),
        ..DeletedObject::default()
    };
    match deleted {
        Deleted::Nothing | Deleted::Object | Deleted::Version(Removed { delete_marker: false, .. }) => plain,
        Deleted::Marked(placed) => DeletedObject {
            delete_marker: Some(true),
            delete_marker_version_id: Some(placed.id.to_string()),
            ..plain
        },
        Deleted::Version(Removed { id, delete_marker: true }) => DeletedObject {
            delete_marker: Some(true),
            delete_marker_version_id: Some(id.to_string()),
            ..plain
        },
    }
}

fn failed(object: &ObjectIdentifier, reply: &ErrorReply) -> Error {
    Error {
        key: Some(object.key.clone()),
        version_id: object.version_id.clone(),
        code: Some(reply.code.to_string()),
        message: Some(reply.message.clone()),
    }
}

impl S3 {
    /// Parts what may be deleted from what is refused already.
    fn sort(
        &self,
        request: &Authorized<DeleteObjectsInput>,
        objects: &[ObjectIdentifier],
    ) -> Result<(Vec<Option<Outcome>>, Vec<Wanted>), ErrorReply> {
        let decisions = request.deletes();
        // INVARIANT: the gate decides on each key, in order.
        if decisions.len() != objects.len() {
            return Err(error::internal());
        }
        let mut outcomes = Vec::with_capacity(objects.len());
        let mut wanted = Vec::with_capacity(objects.len());
        for (place, (object, decision)) in objects.iter().zip(decisions).enumerate() {
            let refused = match decision {
                Ok(permit) => match conditions(object, permit.version_id()) {
                    Ok(conditions) => {
                        wanted.push(Wanted {
                            place,
                            key: permit.key().clone(),
                            version_id: permit.version_id(),
                            conditions,
                            random: self.random(),
                        });
                        None
                    }
                    Err(reply) => Some(reply),
                },
                Err(denied) if denied.decision.is_allow() => Some(malformed(object)),
                Err(denied) => Some(error::access_denied(denied.message())),
            };
            if let Some(reply) = &refused {
                request.note(Effect {
                    kind: EffectKind::Denied,
                    key: Some(object.key.clone()),
                    version_id: object.version_id.clone(),
                    error_code: Some(reply.code.to_string()),
                    ..Effect::default()
                });
            }
            outcomes.push(refused.map(Err));
        }
        Ok((outcomes, wanted))
    }

    /// Deletes in as few commits as may be. Whatever others come between is tried again, with fewer keys to a commit.
    async fn delete_all(
        &self,
        request: &mut Authorized<DeleteObjectsInput>,
        mut waiting: Vec<Wanted>,
        outcomes: &mut [Option<Outcome>],
    ) -> Result<(), ErrorReply> {
        let (mut tries, mut most_keys) = (0, DELETE_KEYS_PER_COMMIT);
        while !waiting.is_empty() && tries < MAX_COMMIT_TRIES {
            let partition = request.bucket()?.partition();
            let state = self.bucket_state(partition).await?;
            let (groups, later) = next_groups(waiting, most_keys);
            let mut mutation = Mutation::new();
            mutation.frees_space();
            let mut done = Vec::with_capacity(groups.len());
            let mut planned = 0;
            let mut settled = true;
            for group in &groups {
                match self.plan_group(partition, &state, group, &mut mutation).await {
                    Ok(deleted) => {
                        done.extend(group.iter().map(|wanted| wanted.place).zip(deleted.into_iter().map(Ok)));
                    }
                    Err(Unplanned::Stale) => {
                        settled = false;
                        break;
                    }
                    // INVARIANT: what is refused by a check is refused before anything is added to the change.
                    Err(Unplanned::Answer(reply)) if reply.status < 500 => {
                        done.extend(group.iter().map(|wanted| (wanted.place, Err((*reply).clone()))));
                    }
                    Err(Unplanned::Answer(reply)) => return Err(*reply),
                }
                planned += 1;
                if mutation.changes() >= DELETE_CHANGES_PER_COMMIT {
                    break;
                }
            }
            if settled && mutation.changes() > 0 {
                settled = match request.commit(&*self.store, mutation).await {
                    Ok(_) => true,
                    Err(CommitError::Conflict) => false,
                    Err(error) => return Err(error.reply()),
                };
            }
            if settled {
                tries = 0;
                for (place, outcome) in done {
                    if let Some(slot) = outcomes.get_mut(place) {
                        *slot = Some(outcome);
                    }
                }
                waiting = groups.into_iter().skip(planned).flatten().chain(later).collect();
            } else {
                tries += 1;
                most_keys = (most_keys / 2).max(1);
                // A conflict decides anew: what was allowed may not be any more.
                waiting = Vec::new();
                for wanted in groups.into_iter().flatten().chain(later) {
                    match request.deletes().get(wanted.place) {
                        Some(Err(denied)) => {
                            if let Some(slot) = outcomes.get_mut(wanted.place) {
                                *slot = Some(Err(error::access_denied(denied.message())));
                            }
                        }
                        Some(Ok(_)) => waiting.push(wanted),
                        None => return Err(error::internal()),
                    }
                }
            }
        }
        Ok(())
    }

    /// Works out the deletes of one key.
    async fn plan_group(
        &self,
        partition: Partition,
        state: &StateRow,
        group: &[Wanted],
        mutation: &mut Mutation,
    ) -> Result<Vec<Deleted>, Unplanned> {
        let Some(first) = group.first() else { return Ok(Vec::new()) };
        let key = &first.key;
        if first.version_id.is_none() {
            let Wanted { random, conditions, .. } = first;
            let deleted = self.plan_delete(partition, key, state, *random, conditions, mutation).await?;
            return Ok(vec![deleted]);
        }
        check_mfa(state)?;
        let ids: Vec<_> = group.iter().filter_map(|wanted| wanted.version_id).collect();
        let removed = self.plan_remove(partition, key, &ids, mutation).await?;
        for removed in removed.iter().flatten() {
            mutation.effect(effect(EffectKind::Delete, key, Some(removed.id), None));
        }
        Ok(removed.into_iter().map(|removed| removed.map_or(Deleted::Nothing, Deleted::Version)).collect())
    }
}

/// The next deletes, a group for each key, at most `most` keys; and what has to wait. Several versions of a key go
/// together; whatever else repeats a key comes after what was asked of it before.
fn next_groups(waiting: Vec<Wanted>, most: usize) -> (Vec<Vec<Wanted>>, Vec<Wanted>) {
    let joins = |wanted: &Wanted| wanted.version_id.is_some();
    let mut groups: Vec<Vec<Wanted>> = Vec::new();
    let mut places: HashMap<ObjectKey, Option<usize>> = HashMap::new();
    let mut later = Vec::new();
    for wanted in waiting {
        let place = match places.get(&wanted.key) {
            None if groups.len() < most => {
                groups.push(Vec::new());
                Some(groups.len() - 1)
            }
            Some(Some(place))
                if joins(&wanted) && groups.get(*place).is_some_and(|group| group.iter().all(joins)) =>
            {
                Some(*place)
            }
            _ => None,
        };
        places.insert(wanted.key.clone(), place);
        match place.and_then(|place| groups.get_mut(place)) {
            Some(group) => group.push(wanted),
            None => later.push(wanted),
        }
    }
    (groups, later)
}

/// The condition of a key.
fn conditions(
    object: &ObjectIdentifier,
    version_id: Option<VersionId>,
) -> Result<WriteConditions, ErrorReply> {
    if object.last_modified_time.is_some() || object.size.is_some() {
        return Err(directory_buckets_only());
    }
    let conditions = WriteConditions::parse(object.etag.as_deref(), None)?;
    check_no_version(&conditions, version_id)?;
    Ok(conditions)
}

/// Why a key that the caller may delete cannot be: it, or its version id, has not the form of one.
fn malformed(object: &ObjectIdentifier) -> ErrorReply {
    match ObjectKey::parse(&object.key) {
        Err(ObjectKeyError::TooLong) => ErrorReply::new(400, "KeyTooLongError", "Your key is too long"),
        Err(ObjectKeyError::Empty | ObjectKeyError::NotUtf8) => error::malformed_xml(),
        Ok(_) => ErrorReply::new(404, "NoSuchVersion", "The specified version does not exist."),
    }
}
