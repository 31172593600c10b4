//! A request that was allowed, and all that it may do.

use std::marker::PhantomData;
use std::sync::Arc;

use strongroom_record::Effect;
use strongroom_storage::{Committed, MetaStore, Partition, Precondition, RowVersion, StoreError};
use strongroom_types::{
    AccountId, BucketId, BucketName, CanonicalUserId, ObjectKey, Region, Timestamp, VersionId,
};

use crate::access_point::{AccessPointFacts, Through, arns};
use crate::gate::Deciding;
use crate::request::RequestFacts;
use crate::requirement::action;
use crate::weigh::{Guard, Seen};
use crate::{
    AccountFacts, Body, BucketAcls, BucketFacts, Caller, Denied, ErrorReply, Ledger, Mutation,
    PublicAccessBlock, Refusal, Target,
};

/// The bucket that a decision was about, as it was then.
#[derive(Debug, Clone)]
pub struct BucketGrant {
    pub(crate) name: BucketName,
    pub(crate) facts: BucketFacts,
    /// The access point that led to it.
    pub(crate) through: Option<Arc<AccessPointFacts>>,
}

impl BucketGrant {
    /// Its name.
    pub fn name(&self) -> &BucketName {
        &self.name
    }

    /// Its incarnation.
    pub fn id(&self) -> BucketId {
        self.facts.id
    }

    /// Its owner.
    pub fn owner(&self) -> AccountId {
        self.facts.owner
    }

    /// Its owner's canonical user id.
    pub fn owner_canonical(&self) -> CanonicalUserId {
        self.facts.owner_canonical
    }

    /// Its region.
    pub fn region(&self) -> &Region {
        &self.facts.region
    }

    /// What the organisation's S3 policy blocks for its account, and what the access point does that led to it.
    pub fn organization_block(&self) -> PublicAccessBlock {
        self.facts.organization_block.and(self.facts.access_point_block)
    }

    /// The ARN of the bucket, or of an object in it, as the request knows it; through an access point, also as the
    /// bucket's own policy does.
    pub(crate) fn arns(&self, key: Option<&str>) -> (String, Option<String>) {
        arns(&self.name, key, self.through.as_deref())
    }

    /// The access point on the way there, for a question about what the bucket's policy knows as `bucket_arn`.
    pub(crate) fn through<'a>(&'a self, bucket_arn: Option<&'a str>) -> Option<Through<'a>> {
        self.through.as_deref().zip(bucket_arn).map(|(point, bucket_arn)| Through { point, bucket_arn })
    }

    /// Whether access control lists have a say on it and its objects.
    pub fn acls_enabled(&self) -> bool {
        matches!(self.facts.access.acls, BucketAcls::Enabled(_))
    }

    /// Its partition.
    pub fn partition(&self) -> Partition {
        Partition::Bucket(self.facts.id)
    }
}

/// Leave to do one more action `A`, to one object, given by the gate.
#[derive(Debug)]
pub struct Permit<A> {
    pub(crate) bucket: BucketGrant,
    pub(crate) key: ObjectKey,
    pub(crate) version_id: Option<VersionId>,
    pub(crate) action: PhantomData<A>,
}

impl<A> Permit<A> {
    /// The bucket in which the object lies.
    pub fn bucket(&self) -> &BucketGrant {
        &self.bucket
    }

    /// The object.
    pub fn key(&self) -> &ObjectKey {
        &self.key
    }

    /// The version, if the request named one.
    pub fn version_id(&self) -> Option<VersionId> {
        self.version_id
    }
}

/// Why a change was not made.
#[derive(Debug, Clone)]
pub enum CommitError {
    /// Something that it relied on changed, and the decision on the new facts is still yes: read again, try again.
    Conflict,
    /// Something that it relied on changed, and now the answer is no.
    Refused(Refusal),
    /// The store could not.
    Store(StoreError),
}

impl CommitError {
    /// The answer to the caller, once no further try is made.
    pub fn reply(&self) -> ErrorReply {
        match self {
            Self::Conflict => ErrorReply::from(&StoreError::Conflict),
            Self::Refused(refusal) => refusal.reply(),
            Self::Store(error) => ErrorReply::from(error),
        }
    }
}

/// Whether a change was committed. `false`: something that it relied on changed meanwhile; read again, try again.
///
/// # Errors
/// The answer to the caller, where another try is of no use.
pub fn settled(outcome: Result<Committed, CommitError>) -> Result<bool, ErrorReply> {
    match outcome {
        Ok(_) => Ok(true),
        Err(CommitError::Conflict) => Ok(false),
        Err(error @ (CommitError::Refused(_) | CommitError::Store(_))) => Err(error.reply()),
    }
}

/// The outcome of deciding on one of many keys.
pub(crate) type KeyDecision = Result<Permit<action::DeleteObject>, Box<Denied>>;

/// What the gate found while it decided.
pub(crate) struct Granted {
    pub(crate) bucket: Option<BucketGrant>,
    pub(crate) source: Option<Permit<action::GetObject>>,
    pub(crate) deletes: Vec<KeyDecision>,
    pub(crate) seen: Vec<Seen>,
    /// What must still hold, in partitions, for the caller to have the rights that were found.
    pub(crate) guards: Vec<Guard>,
    /// What the organisation's S3 policies set for the caller's account.
    pub(crate) organization_block: Option<PublicAccessBlock>,
}

/// An input that was allowed. Only the gate makes one.
pub struct Authorized<I> {
    pub(crate) input: I,
    pub(crate) target: Target,
    pub(crate) granted: Granted,
    pub(crate) deciding: Deciding,
    pub(crate) body: Option<Body>,
    pub(crate) ledger: Ledger,
}

impl<I> Authorized<I> {
    /// The typed input.
    pub fn input(&self) -> &I {
        &self.input
    }

    /// What the input is about, parsed.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Who asks.
    pub fn caller(&self) -> &Caller {
        &self.deciding.caller
    }

    /// Block Public Access as the organisation's S3 policies set it for the caller's account; `None` where none does.
    pub fn organization_block(&self) -> Option<PublicAccessBlock> {
        self.granted.organization_block
    }

    /// Facts about the request that are not in its input.
    pub fn request(&self) -> &RequestFacts {
        &self.deciding.request
    }

    /// When the request was decided on, by the store clock.
    pub fn now(&self) -> Timestamp {
        self.deciding.request.now
    }

    /// The bucket.
    ///
    /// # Errors
    /// An internal error for operations that have none: a mistake of ours that fails the request.
    pub fn bucket(&self) -> Result<&BucketGrant, ErrorReply> {
        self.granted.bucket.as_ref().ok_or_else(internal)
    }

    /// The key.
    ///
    /// # Errors
    /// As [`Authorized::bucket`].
    pub fn key(&self) -> Result<&ObjectKey, ErrorReply> {
        self.target.key.as_ref().ok_or_else(internal)
    }

    /// Leave to read the copy's source.
    ///
    /// # Errors
    /// As [`Authorized::bucket`].
    pub fn source(&self) -> Result<&Permit<action::GetObject>, ErrorReply> {
        self.granted.source.as_ref().ok_or_else(internal)
    }

    /// Whether an object, as it was read now, is the one that was decided on. Where lists have a say, an object that was
    /// written since may be another account's.
    pub fn decided_on(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        version: Option<VersionId>,
        row: RowVersion,
    ) -> bool {
        let about = |seen: &&Seen| seen.bucket == bucket && seen.key == *key && seen.version == version;
        self.granted.seen.iter().filter(about).all(|seen| seen.row == Some(row))
    }

    /// Decides anew, on the facts of now.
    ///
    /// # Errors
    /// [`Refusal`], if the answer is no now.
    pub async fn decide_again(&mut self) -> Result<(), Refusal> {
        self.renew().await
    }

    /// The canonical user id of the account whose root user has this e-mail address.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn canonical_user_of(&mut self, email: &str) -> Result<Option<CanonicalUserId>, StoreError> {
        self.deciding.facts.canonical_user_of(email).await
    }

    /// The first of these canonical user ids that is no account's.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn unknown_canonical_user(
        &mut self,
        ids: &[CanonicalUserId],
    ) -> Result<Option<CanonicalUserId>, StoreError> {
        self.deciding.facts.unknown_canonical_user(ids).await
    }

    /// The place of an account in the organisation, and the control policies on it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn account_facts(
        &self,
        account: AccountId,
    ) -> impl Future<Output = Result<Arc<AccountFacts>, StoreError>> + Send + use<I> {
        // What is awaited holds nothing of the request, whose body is not shared between threads.
        let facts = self.deciding.facts.clone();
        async move { facts.account(account).await }
    }

    /// The decision on each key of a DeleteObjects request, in its order.
    pub fn deletes(&self) -> &[KeyDecision] {
        &self.granted.deletes
    }

    /// The streaming body; there once.
    pub fn take_body(&mut self) -> Option<Body> {
        self.body.take()
    }

    /// Notes something read, or failed, in the request's record.
    pub fn note(&self, effect: Effect) {
        self.ledger.note(effect);
    }

    /// Commits a change of the bucket together with the request's record, provided that everything the decision relied
    /// on still holds.
    ///
    /// # Errors
    /// [`CommitError`]. After `Conflict` the grant holds the new facts.
    pub async fn commit(
        &mut self,
        store: &dyn MetaStore,
        mutation: Mutation,
    ) -> Result<Committed, CommitError> {
        let Some(bucket) = &self.granted.bucket else { return Err(CommitError::Store(StoreError::Unknown)) };
        let guards = bucket.facts.guards.clone();
        let partition = bucket.partition();
        self.commit_guarded(store, partition, &guards, mutation).await
    }

    /// Commits a change of another partition (names, accounts) with the request's record. In the partition that holds the
    /// caller's own policies, or a resource whose tags had a say, these must be as they were when the decision read them.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn commit_in(
        &mut self,
        store: &dyn MetaStore,
        partition: Partition,
        mutation: Mutation,
    ) -> Result<Committed, CommitError> {
        let own = self.granted.guards.iter().filter(|(place, _)| *place == partition);
        let guards: Vec<Precondition> = own.map(|(_, guard)| guard.clone()).collect();
        self.commit_guarded(store, partition, &guards, mutation).await
    }

    async fn commit_guarded(
        &mut self,
        store: &dyn MetaStore,
        partition: Partition,
        guards: &[Precondition],
        mut mutation: Mutation,
    ) -> Result<Committed, CommitError> {
        self.still_leads_here().await?;
        let record = self.ledger.entry(mutation.take_effects());
        match store.commit(mutation.into_batch(partition, guards, record)).await {
            Ok(committed) => {
                self.ledger.mark_durable();
                Ok(committed)
            }
            Err(StoreError::Conflict) => {
                self.renew().await.map_err(CommitError::Refused)?;
                Err(CommitError::Conflict)
            }
            Err(error) => Err(CommitError::Store(error)),
        }
    }

    /// An access point lies in another partition than its bucket, so that no guard of the bucket's commit holds it. Its
    /// row is looked at once more instead: what it withdrew while a body came in does not let that in.
    async fn still_leads_here(&mut self) -> Result<(), CommitError> {
        let granted = &self.granted;
        let buckets = granted.bucket.iter().chain(granted.source.iter().map(|source| &source.bucket));
        let points: Vec<_> = buckets.filter_map(|bucket| bucket.through.clone()).collect();
        for point in points {
            // What is awaited holds nothing of the request, whose body is not shared between threads.
            let facts = self.deciding.facts.clone();
            let now = facts.access_point_guard(&point.id).await.map_err(CommitError::Store)?;
            if now.as_ref() != Some(&point.guard) {
                self.renew().await.map_err(CommitError::Refused)?;
                return Err(CommitError::Conflict);
            }
        }
        Ok(())
    }

    /// Decides anew, on the facts of now.
    async fn renew(&mut self) -> Result<(), Refusal> {
        self.granted = self.deciding.decide(&self.target, &self.ledger).await?;
        Ok(())
    }
}

pub(crate) fn internal() -> ErrorReply {
    ErrorReply::new(500, "InternalError", "We encountered an internal error. Please try again.")
}
