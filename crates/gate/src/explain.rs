//! The decision on a request that nobody made, with its whole way: for people who ask why, or who could.

use strongroom_policy::evaluate::{Change, Decision, Trace, advise, evaluate, explain};
use strongroom_policy::{ContextMap, PolicySets, Request};
use strongroom_storage::StoreError;
use strongroom_types::{AccountId, Arn, BucketName, ObjectKey};

use crate::facts::BucketFacts;
use crate::weigh::{Answer, Bearings, Question, Scales, nobody_allows};
use crate::{Caller, Gate, RequestFacts, Target};

/// A request that nobody made.
#[derive(Debug, Clone)]
pub struct Hypothesis<'a> {
    /// Who would ask.
    pub caller: Caller,
    /// From where, when and how.
    pub request: RequestFacts,
    /// As in `s3:GetObject`.
    pub action: &'a str,
    /// ARN, or `*`.
    pub resource: &'a str,
    /// Condition keys that are taken as given, before what the rest of this says.
    pub supposed: &'a ContextMap,
}

/// The decision, why, and what would change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The way of the decision.
    pub trace: Trace,
    /// What would allow a request that is denied ([`advise`]).
    pub changes: Option<Vec<Change>>,
}

/// Why a question cannot be put.
#[derive(Debug, thiserror::Error)]
pub enum Unaskable {
    /// There is no such bucket.
    #[error("there is no bucket {0}")]
    NoSuchBucket(BucketName),
    /// The resource is neither an ARN nor `*`, or an ARN of S3 that names no bucket or no possible key.
    #[error("{0} is no resource: give an ARN as in arn:aws:s3:::bucket/key, or *")]
    Resource(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Answer for Explained {
    fn decision(&self) -> &Decision {
        &self.trace.decision
    }
}

impl From<Decision> for Explained {
    fn from(decision: Decision) -> Self {
        Self { trace: Trace { decision, steps: Vec::new() }, changes: None }
    }
}

/// What a question is about, and whose that is.
struct Place {
    bucket: Option<(BucketName, BucketFacts)>,
    key: Option<ObjectKey>,
    /// `None`: nobody's, so that nobody's policies can allow it.
    owner: Option<AccountId>,
}

impl Gate {
    /// Explains the decision on one action and one resource.
    ///
    /// # Errors
    /// [`Unaskable`].
    pub async fn explain(&self, hypothesis: &Hypothesis<'_>) -> Result<Explained, Unaskable> {
        let explained = |request: &Request<'_>, sets: &PolicySets<'_>| Explained {
            trace: explain(request, sets),
            changes: advise(request, sets),
        };
        self.suppose(hypothesis, &explained).await
    }

    /// The decision alone.
    ///
    /// # Errors
    /// As [`Gate::explain`].
    pub async fn would(&self, hypothesis: &Hypothesis<'_>) -> Result<Decision, Unaskable> {
        self.suppose(hypothesis, &evaluate).await
    }

    async fn suppose<A: Answer>(
        &self,
        hypothesis: &Hypothesis<'_>,
        evaluator: &(dyn Fn(&Request<'_>, &PolicySets<'_>) -> A + Sync),
    ) -> Result<A, Unaskable> {
        let Hypothesis { caller, request, action, resource, supposed } = hypothesis;
        let facts = self.facts();
        let mut place = self.place(caller, resource).await?;
        let Some(owner) = place.owner else { return Ok(A::from(nobody_allows())) };
        let bearings = Bearings::of(caller, facts).await?;
        if bearings.is_closed() {
            return Ok(A::from(nobody_allows()));
        }
        if let Some((_, bucket)) = &mut place.bucket {
            let owner = bearings.account_of(bucket.owner, caller, facts).await?;
            bucket.organization_block = owner.public_access_block;
        }
        let target = Target {
            bucket: place.bucket.as_ref().map(|(name, _)| name.clone()),
            key: place.key.clone(),
            ..Target::default()
        };
        // What needs one permission is named as that; "s3:PutObjectAcl" is then that of an object that is there.
        let operation = action.split_once(':').map_or(*action, |(_, name)| name);
        let scales = Scales { facts, caller, request, target: &target, operation, supposed: Some(*supposed) };
        let question = Question {
            action,
            resource,
            owner,
            bucket: place.bucket.as_ref().map(|(_, facts)| facts),
            object: place.key.as_ref().map(|key| (key, None)),
        };
        Ok(scales.ask(&bearings, &question, evaluator).await?.0)
    }

    async fn place(&self, caller: &Caller, resource: &str) -> Result<Place, Unaskable> {
        let nowhere = Place { bucket: None, key: None, owner: caller.account() };
        if resource == "*" {
            return Ok(nowhere);
        }
        let unknown = || Unaskable::Resource(resource.to_owned());
        let arn = Arn::parse(resource).map_err(|_| unknown())?;
        if arn.service() != "s3" || !arn.account().is_empty() {
            let owner = AccountId::parse(arn.account()).ok().or(caller.account());
            return Ok(Place { owner, ..nowhere });
        }
        let (name, key) =
            arn.resource().split_once('/').map_or((arn.resource(), None), |(name, key)| (name, Some(key)));
        // As for ListAllMyBuckets.
        if name == "*" {
            return Ok(nowhere);
        }
        let name = BucketName::parse(name).map_err(|_| unknown())?;
        let key = key.map(ObjectKey::parse).transpose().map_err(|_| unknown())?;
        match self.facts().bucket(&name).await? {
            Some(facts) => Ok(Place { owner: Some(facts.owner), bucket: Some((name, facts)), key }),
            None => Err(Unaskable::NoSuchBucket(name)),
        }
    }
}
