//! The decision on a request that nobody made, with its whole way: for people who ask why, or who could.

use std::sync::Arc;

use strongroom_policy::evaluate::{Change, Decision, Trace, advise, evaluate, explain};
use strongroom_policy::{ContextMap, PolicySets, Request};
use strongroom_storage::StoreError;
use strongroom_types::{AccountId, Arn, BucketName, ObjectKey};

use crate::access_point::{AccessPointAddress, AccessPointFacts, AccessPointId, Through, arns};
use crate::facts::BucketFacts;
use crate::weigh::{Answer, Bearings, Question, Scales, nobody_allows};
use crate::{Caller, Facts, Gate, RequestFacts, Target};

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
    /// There is no such access point.
    #[error("there is no access point {0}")]
    NoSuchAccessPoint(String),
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
    /// The access point that leads there, and the ARN that the bucket's policy speaks of.
    through: Option<(Arc<AccessPointFacts>, String)>,
    key: Option<ObjectKey>,
    /// `None`: nobody's, so that nobody's policies can allow it.
    owner: Option<AccountId>,
}

/// The request, through the VPC endpoint that `aws:SourceVpce` is supposed to be, if there is such a one: then its policy
/// has a say, too.
async fn through_endpoint(
    request: &RequestFacts,
    supposed: &ContextMap,
    facts: &dyn Facts,
) -> Result<RequestFacts, StoreError> {
    let mut request = request.clone();
    let named = supposed.entries().find(|(key, _)| *key == "aws:sourcevpce");
    if let Some((_, [id])) = named {
        request.wire.endpoint = facts.endpoint(id).await?;
    }
    Ok(request)
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
        let request = &through_endpoint(request, supposed, facts).await?;
        let mut place = self.place(caller, (action, resource)).await?;
        let Some(owner) = place.owner else { return Ok(A::from(nobody_allows())) };
        let bearings = Bearings::of(caller, facts).await?;
        if bearings.is_closed() {
            return Ok(A::from(nobody_allows()));
        }
        if let Some((_, bucket)) = &mut place.bucket {
            let owner = bearings.account_of(bucket.owner, caller, facts).await?;
            bucket.organization_block = owner.public_access_block.unwrap_or_default();
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
            through: place.through.as_ref().map(|(point, bucket_arn)| Through { point, bucket_arn }),
            access_point: None,
        };
        Ok(scales.ask(&bearings, &question, evaluator).await?.answer)
    }

    async fn place(&self, caller: &Caller, (action, resource): (&str, &str)) -> Result<Place, Unaskable> {
        let nowhere = Place { bucket: None, through: None, key: None, owner: caller.account() };
        if resource == "*" {
            return Ok(nowhere);
        }
        let unknown = || Unaskable::Resource(resource.to_owned());
        let arn = Arn::parse(resource).map_err(|_| unknown())?;
        if let Some((id, key)) = of_access_point(&arn).filter(|_| !is_about_access_points(action)) {
            return self.through(caller, id, key).await;
        }
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
            Some(facts) => {
                Ok(Place { owner: Some(facts.owner), bucket: Some((name, facts)), through: None, key })
            }
            None => Err(Unaskable::NoSuchBucket(name)),
        }
    }

    /// What lies behind an access point.
    async fn through(
        &self,
        caller: &Caller,
        id: AccessPointId,
        key: Option<&str>,
    ) -> Result<Place, Unaskable> {
        let address = AccessPointAddress::Id(id.clone());
        let Some(point) = self.facts().access_point(&address).await? else {
            return Err(Unaskable::NoSuchAccessPoint(id.arn().to_string()));
        };
        let facts = self.facts().bucket(&point.bucket).await?.filter(|facts| facts.id == point.bucket_id);
        let mut facts = facts.ok_or_else(|| Unaskable::NoSuchBucket(point.bucket.clone()))?;
        let account = Bearings::of(caller, self.facts()).await?;
        let account = account.account_of(id.account, caller, self.facts()).await?;
        facts.access_point_block = point.block.and(account.public_access_block.unwrap_or_default());
        let (_, bucket_arn) = arns(&point.bucket, key, Some(&point));
        let unknown = |_| Unaskable::Resource(id.arn().to_string());
        let key = key.map(ObjectKey::parse).transpose().map_err(unknown)?;
        let name = point.bucket.clone();
        Ok(Place {
            owner: Some(facts.owner),
            bucket: Some((name, facts)),
            through: bucket_arn.map(|bucket_arn| (point, bucket_arn)),
            key,
        })
    }
}

/// Whether an action is done to an access point itself, not to what lies behind it.
fn is_about_access_points(action: &str) -> bool {
    action.contains("AccessPoint")
        || matches!(action, "s3:TagResource" | "s3:UntagResource" | "s3:ListTagsForResource")
}

/// The access point that an ARN names, and the key of the object behind it.
fn of_access_point(arn: &Arn) -> Option<(AccessPointId, Option<&str>)> {
    let (point, key) = match arn.as_str().split_once("/object/") {
        Some((point, key)) => (point, Some(key)),
        None => (arn.as_str(), None),
    };
    Some((AccessPointId::of_arn(point)?, key))
}
