//! The decision.

use std::marker::PhantomData;
use std::sync::Arc;

use strongroom_policy::evaluate::{Decision, Missing, Source, Statement};
use strongroom_record::{Decided, ResourceRecord, Verdict};
use strongroom_shape::{Input, OperationSchema, Structure, Untyped};
use strongroom_storage::StoreError;
use strongroom_types::{AccountId, Arn, BucketName, ObjectKey, VersionId};

use crate::access_point::AccessPointFacts;
use crate::authorized::{Granted, KeyDecision};
use crate::facts::{BucketAccess, BucketFacts, NamedPolicy, PublicAccessBlock};
use crate::payer::Payer;
use crate::request::{EndpointFacts, RequestFacts};
use crate::requirement::{self, Access, Authority, Resource, action, requirements};
use crate::way::{Passage, Subject, Way, record_of};
use crate::weigh::{Bearings, Guard, POLICY_ACTIONS, Question, Scales, Seen, nobody_allows, told};
use crate::{
    Authorized, Body, BucketGrant, Caller, CopySource, Denied, Facts, Ledger, Named, Permit, Refusal,
    SecondFactor, Target,
};

/// Keys of one DeleteObjects that are decided on before other requests have their turn.
const KEYS_IN_A_TURN: usize = 4;

/// The one gate.
#[derive(Clone)]
pub struct Gate {
    facts: Arc<dyn Facts>,
}

impl Gate {
    /// A gate that asks `facts`.
    pub fn new(facts: Arc<dyn Facts>) -> Self {
        Self { facts }
    }

    pub(crate) fn facts(&self) -> &dyn Facts {
        &*self.facts
    }

    /// Decides whether `caller` may do what `input` asks, and says so in the record.
    ///
    /// # Errors
    /// [`Refusal`], with the decision and its reason in the ledger.
    pub async fn authorize<I: Input>(
        &self,
        caller: Caller,
        request: RequestFacts,
        input: I,
        body: Option<Body>,
        ledger: &Ledger,
    ) -> Result<Authorized<I>, Refusal> {
        let target = target_of(&request, &input, ledger)?;
        let operation = <I::Operation as strongroom_shape::Operation>::SCHEMA.name;
        let request = second_factor(&*self.facts, &caller, request, (operation, &target), ledger).await?;
        let deciding = Deciding { facts: self.facts.clone(), caller, request, operation };
        let granted = deciding.decide(&target, ledger).await?;
        Ok(Authorized { input, target, granted, deciding, body, ledger: ledger.clone() })
    }

    /// The VPC endpoint of this id, as it is now; `None` if there is none, or its account is closed. Asked for each
    /// request that comes through one, so that a policy that is changed, or an endpoint that is deleted, counts from the
    /// next request on, on connections that are open, too.
    ///
    /// # Errors
    /// Those of the facts.
    pub async fn endpoint(&self, id: &str) -> Result<Option<Arc<EndpointFacts>>, StoreError> {
        self.facts.endpoint(id).await
    }

    /// Decides on an operation that nobody handles, as [`Gate::authorize`] does.
    ///
    /// # Errors
    /// As [`Gate::authorize`].
    pub async fn decide(
        &self,
        caller: Caller,
        request: RequestFacts,
        operation: &'static OperationSchema,
        input: &Untyped,
        ledger: &Ledger,
    ) -> Result<(), Refusal> {
        let target = target_of(&request, input, ledger)?;
        let deciding = Deciding { facts: self.facts.clone(), caller, request, operation: operation.name };
        deciding.decide(&target, ledger).await.map(drop)
    }
}

/// Takes the code that AssumeRole and GetSessionToken may bring, before anything is decided: a role's trust policy may ask
/// for it. A code counts once, so this is done once, even where a decision is made anew.
async fn second_factor(
    facts: &dyn Facts,
    caller: &Caller,
    mut request: RequestFacts,
    (operation, target): (&'static str, &Target),
    ledger: &Ledger,
) -> Result<RequestFacts, Refusal> {
    request.wire.second_factor = None;
    if request.service != "sts" || !matches!(operation, "AssumeRole" | "GetSessionToken") {
        return Ok(request);
    }
    let parameters = &target.parameters;
    let outcome = match (parameters.member("SerialNumber"), parameters.member("TokenCode")) {
        (None, None) => return Ok(request),
        (Some(serial), Some(code)) => {
            facts.second_factor(caller, serial, code, request.now).await.map_err(Refusal::Store)?
        }
        (Some(_), None) | (None, Some(_)) => SecondFactor::NoDevice,
    };
    if outcome != SecondFactor::Proved {
        let decision = Decision::ImplicitDeny { missing: Missing::Policy(Source::Session) };
        record(
            ledger,
            &decision,
            if operation == "AssumeRole" { "sts:AssumeRole" } else { "sts:GetSessionToken" },
        );
        ledger.fill(|decided| decided.reason = Some("the second factor was not proved".to_owned()));
        return Err(Refusal::SecondFactor(outcome));
    }
    request.wire.second_factor = Some(request.now);
    Ok(request)
}

/// What an input is about, noted in the record.
fn target_of(request: &RequestFacts, input: &dyn Structure, ledger: &Ledger) -> Result<Target, Refusal> {
    let target = Target::of(request.service, input).map_err(Refusal::Target)?;
    ledger.fill(|decided| {
        decided.bucket = target.bucket.as_ref().map(ToString::to_string);
        decided.key = target.key.as_ref().map(ToString::to_string);
        decided.version_id = target.version_id.as_ref().map(ToString::to_string);
    });
    Ok(target)
}

/// Everything that a decision is made from, kept so that it can be made again.
#[derive(Clone)]
pub(crate) struct Deciding {
    pub(crate) facts: Arc<dyn Facts>,
    pub(crate) caller: Caller,
    pub(crate) request: RequestFacts,
    pub(crate) operation: &'static str,
}

impl Deciding {
    pub(crate) async fn decide(&self, target: &Target, ledger: &Ledger) -> Result<Granted, Refusal> {
        let mut way = self.way(target).await?;
        loop {
            match self.decide_on(way.target(target), &way, ledger).await {
                Err(Refusal::NoSuchBucket(name)) => match self.way_by_host(&name, &way, target).await? {
                    Some(next) => way = next,
                    None => return Err(Refusal::NoSuchBucket(name)),
                },
                outcome => return outcome,
            }
        }
    }

    async fn decide_on(&self, target: &Target, way: &Way, ledger: &Ledger) -> Result<Granted, Refusal> {
        let needed = requirements(self.request.service, self.operation, target, &self.caller);
        let accesses = needed.ok_or_else(|| self.refuse(target, ("*", nobody_allows(), "*".into()), None))?;
        if let Some(first) = accesses.first() {
            ledger.fill(|decided| decided.action = Some(first.action.to_owned()));
        }
        if self.request.service == "iam" && self.caller.is_kept_from_iam() {
            let decision = Decision::ImplicitDeny { missing: Missing::Policy(Source::Session) };
            return Err(self.refuse_all((&accesses, "iam:*"), target, (decision, None), ledger));
        }
        let bearings = Bearings::of(&self.caller, &*self.facts).await.map_err(Refusal::Store)?;
        if bearings.is_closed() {
            let why = Some("the caller's account is closed");
            return Err(self.refuse_all((&accesses, "*"), target, (nobody_allows(), why), ledger));
        }
        let mut bucket = self.bucket(target, (&accesses, way), ledger).await?;
        self.block_by_organization(bucket.as_mut(), &bearings).await?;
        let mut source_bucket = self.source_bucket(target, (bucket.as_ref(), way), ledger).await?;
        self.block_by_organization(source_bucket.as_mut(), &bearings).await?;
        let tags = self.tags_of_copy(target, source_bucket.as_ref()).await?;
        let mut seen = Vec::new();
        let mut guards = Vec::from_iter(bearings.guard());
        for access in accesses.iter().chain(&tags) {
            if self.operation == "DeleteObjects" && !target.deletes.is_empty() {
                break; // INVARIANT: each key is decided below, and the handler gets a permit for each.
            }
            let (object, guard) = self
                .access(access, target, (&bearings, bucket.as_ref(), source_bucket.as_ref()), ledger)
                .await
                .map_err(|refusal| in_region(refusal, bucket.as_ref()))?;
            seen.extend(object);
            guards.extend(guard);
        }
        let deletes = match &bucket {
            Some(bucket) => self.deletes(target, bucket, &bearings, ledger).await?,
            None => Vec::new(),
        };
        // Told only to those who would be let in.
        if deletes.is_empty() || deletes.iter().any(Result::is_ok) {
            self.demand_payer(target, bucket.iter().chain(&source_bucket), ledger)?;
        }
        let source = match (source_bucket, &target.copy_source) {
            (Some(bucket), Some(source)) => Some(Permit {
                bucket,
                key: source.key.clone(),
                version_id: source.version_id,
                action: PhantomData,
            }),
            _ => None,
        };
        let organization_block = bearings.organization_block();
        Ok(Granted { bucket, source, deletes, seen, guards, organization_block })
    }

    /// The refusal of a caller who may do nothing of this kind, whatever it is about; `any` stands for the action of an
    /// operation that asks for none.
    fn refuse_all(
        &self,
        (accesses, any): (&[Access], &'static str),
        target: &Target,
        (decision, why): (Decision, Option<&str>),
        ledger: &Ledger,
    ) -> Refusal {
        let first = accesses.first();
        let (action, arn) =
            first.map_or((any, "*".to_owned()), |access| (access.action, access.resource.arn()));
        record(ledger, &decision, action);
        if let Some(why) = why {
            ledger.fill(|decided| decided.reason = Some(why.to_owned()));
        }
        self.refuse(target, (action, decision, arn), None)
    }

    /// Where requesters pay, whoever is not of the bucket's account must say that he knows.
    fn demand_payer<'a>(
        &self,
        target: &Target,
        buckets: impl Iterator<Item = &'a BucketGrant>,
        ledger: &Ledger,
    ) -> Result<(), Refusal> {
        if Payer::of(target, &self.caller, buckets) != Payer::Nobody {
            return Ok(());
        }
        ledger.fill(|decided| {
            decided.verdict = Verdict::ImplicitDeny;
            decided.reason = Some("the requester pays, and did not say so".to_owned());
        });
        Err(Refusal::RequesterPays)
    }

    async fn bucket(
        &self,
        target: &Target,
        (accesses, way): (&[Access], &Way),
        ledger: &Ledger,
    ) -> Result<Option<BucketGrant>, Refusal> {
        // S3 Control's header must name the caller's own account; elsewhere an account id is what the operation is about.
        if let (Some(named), Some(account)) = (&target.account_id, self.caller.account())
            && self.request.service == "s3control"
            && *named != account.to_string()
        {
            return Err(Refusal::WrongAccount);
        }
        let Some(name) = accesses.first().and_then(|access| access.resource.bucket()) else {
            return Ok(None);
        };
        let facts = self.facts.bucket(name).await.map_err(Refusal::Store)?;
        let (facts, through) = behind(way.point.as_ref(), name, facts)?;
        ledger.fill(|decided| {
            decided.bucket_owner = Some(facts.owner.to_string());
            decided.bucket_owner_canonical = Some(facts.owner_canonical.to_string());
            decided.resources = records_of(name, target.key.as_ref(), facts.owner);
            if let Some(point) = &through {
                decided.bucket = Some(name.to_string());
                note_access_point(decided, point);
            }
        });
        if facts.region != self.request.region {
            let place = way.point.as_ref().map_or_else(|| name.to_string(), |passage| passage.asked.clone());
            return Err(Refusal::WrongRegion { place, region: facts.region });
        }
        expect_owner(target.expected_bucket_owner.as_deref(), facts.owner)?;
        Ok(Some(BucketGrant { name: name.clone(), facts, through }))
    }

    async fn source_bucket(
        &self,
        target: &Target,
        (bucket, way): (Option<&BucketGrant>, &Way),
        ledger: &Ledger,
    ) -> Result<Option<BucketGrant>, Refusal> {
        let Some(name) = target.copy_source.as_ref().and_then(CopySource::bucket) else { return Ok(None) };
        let facts = match bucket {
            Some(bucket) if bucket.name == *name => {
                Some(BucketFacts { access_point_block: PublicAccessBlock::default(), ..bucket.facts.clone() })
            }
            _ => self.facts.bucket(name).await.map_err(Refusal::Store)?,
        };
        let (facts, through) = behind(way.source.as_ref(), name, facts)?;
        ledger.fill(|decided| {
            let key = target.copy_source.as_ref().map(|source| &source.key);
            let own = records_of(name, key, facts.owner);
            for resource in own.into_iter().chain(through.iter().map(|point| record_of(&point.id))) {
                if !decided.resources.contains(&resource) {
                    decided.resources.push(resource);
                }
            }
        });
        let grant = BucketGrant { name: name.clone(), facts, through };
        expect_owner(target.expected_source_bucket_owner.as_deref(), grant.owner())?;
        Ok(Some(grant))
    }

    /// Adds what the organisation blocks for a bucket's account, and what the access point does on the way there.
    async fn block_by_organization(
        &self,
        bucket: Option<&mut BucketGrant>,
        bearings: &Bearings,
    ) -> Result<(), Refusal> {
        if let Some(bucket) = bucket {
            let owner = bearings.account_of(bucket.owner(), &self.caller, &*self.facts).await;
            let block = owner.map_err(Refusal::Store)?.public_access_block;
            bucket.facts.organization_block = block.unwrap_or_default();
            if let Some(point) = &bucket.through {
                let owner = bearings.account_of(point.id.account, &self.caller, &*self.facts).await;
                let block = owner.map_err(Refusal::Store)?.public_access_block;
                bucket.facts.access_point_block = point.block.and(block.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// The account that owns what an access is about; `None` where being somebody is enough.
    async fn owner(
        &self,
        access: &Access,
        bucket: Option<&BucketGrant>,
        source: Option<&BucketGrant>,
    ) -> Result<Option<AccountId>, Refusal> {
        Ok(match &access.resource {
            Resource::Bucket(_) | Resource::Object(..) => bucket.map(BucketGrant::owner),
            Resource::Source(..) => source.map(BucketGrant::owner),
            Resource::NewBucket(_) | Resource::Regional { .. } | Resource::Account | Resource::Caller => {
                self.caller.account()
            }
            Resource::Arn(arn) => AccountId::parse(arn.account()).ok().or(self.caller.account()),
            Resource::Iam(name) | Resource::IamRenamed { from: name, .. } => Some(name.account),
            Resource::Organization { authority, .. } => self.authority(*authority).await?,
            Resource::MemberAccount(_) => Some(self.accounts_authority().await?),
            Resource::Installation => Some(self.management_account().await?),
        })
    }

    async fn management_account(&self) -> Result<AccountId, Refusal> {
        self.facts.management_account().await.map_err(Refusal::Store)
    }

    /// The account whose users may be allowed what is done to other accounts by the service `account`: the caller's, if
    /// it is that service's delegated administrator.
    async fn accounts_authority(&self) -> Result<AccountId, Refusal> {
        match self.caller.account() {
            Some(own) if self.facts.administers_accounts(own).await.map_err(Refusal::Store)? => Ok(own),
            Some(_) | None => self.management_account().await,
        }
    }

    /// The account whose users may be allowed something of the organisation.
    async fn authority(&self, authority: Authority) -> Result<Option<AccountId>, Refusal> {
        let own = self.caller.account();
        let is_own = match (authority, own) {
            (Authority::Member, _) => true,
            (Authority::Delegated, Some(account)) => {
                self.facts.is_delegated_administrator(account).await.map_err(Refusal::Store)?
            }
            (Authority::Delegated, None) | (Authority::Management, _) => false,
        };
        Ok(if is_own { own } else { Some(self.management_account().await?) })
    }

    /// The ARN that policies are asked about: what a request names by less is looked up.
    async fn arn(&self, resource: &Resource) -> Result<String, Refusal> {
        let named = match resource {
            Resource::Iam(name) | Resource::IamRenamed { from: name, .. } => Named::Iam(name),
            Resource::Organization { id: Some(id), .. } => Named::Organization(id),
            Resource::MemberAccount(id) => Named::MemberAccount(id),
            Resource::Regional { service, resource } => {
                let account = self.caller.account().map(|account| account.to_string()).unwrap_or_default();
                return Ok(Arn::new(service, self.request.region.as_str(), &account, resource).to_string());
            }
            Resource::Bucket(_)
            | Resource::NewBucket(_)
            | Resource::Object(..)
            | Resource::Source(..)
            | Resource::Arn(_)
            | Resource::Organization { id: None, .. }
            | Resource::Account
            | Resource::Installation
            | Resource::Caller => return Ok(resource.arn()),
        };
        let found = self.facts.arn(named).await.map_err(Refusal::Store)?;
        Ok(match (found, resource) {
            (Some(arn), Resource::IamRenamed { name, .. }) => requirement::renamed(&arn, name).to_string(),
            (Some(arn), _) => arn.to_string(),
            (None, _) => resource.arn(),
        })
    }

    /// What a copy needs beside that takes its source's tags along, if there are any.
    async fn tags_of_copy(
        &self,
        target: &Target,
        source: Option<&BucketGrant>,
    ) -> Result<Vec<Access>, Refusal> {
        let (Some(copied), Some(bucket)) = (&target.copy_source, source) else { return Ok(Vec::new()) };
        let replaces = target.parameters.member("TaggingDirective") == Some("REPLACE");
        if self.operation != "CopyObject" || replaces {
            return Ok(Vec::new());
        }
        let tags = self.facts.object_tags(bucket.id(), &copied.key, copied.version_id).await;
        let tagged = tags.map_err(Refusal::Store)?.is_some_and(|tags| !tags.is_empty());
        Ok(if tagged { requirement::tags_of_copy(target) } else { Vec::new() })
    }

    /// Decides one access; gives what that rests on: the object whose owner and list had a say, and what must still hold
    /// of another resource.
    async fn access(
        &self,
        access: &Access,
        target: &Target,
        (bearings, bucket, source): (&Bearings, Option<&BucketGrant>, Option<&BucketGrant>),
        ledger: &Ledger,
    ) -> Result<(Option<Seen>, Option<Guard>), Refusal> {
        let owner = self.owner(access, bucket, source).await?;
        let of_source = matches!(access.resource, Resource::Source(..));
        let of_bucket = access.resource.bucket().is_some();
        let grant = if of_source { source } else { bucket.filter(|_| of_bucket) };
        let key = access.resource.object();
        let (arn, bucket_arn) = match grant {
            Some(grant) => grant.arns(key.map(ObjectKey::as_str)),
            None => (self.arn(&access.resource).await?, None),
        };
        let action = access.action;
        let (mut seen, mut guard, mut kept_out) = (None, None, false);
        let decision = match owner {
            // GetCallerIdentity and its like: being somebody is enough, whatever policies say; but for those of a network.
            Some(owner) if access.resource == Resource::Caller => {
                match self.scales(target).through_endpoint(bearings, (action, &arn, owner)) {
                    None | Some(Decision::Allow(_)) => Decision::Allow(Statement {
                        source: Source::Ownership,
                        policy: "no policy".to_owned(),
                        statement: "any caller may".to_owned(),
                    }),
                    Some(denied) => denied,
                }
            }
            Some(owner) => {
                let subject = self.subject(access, target, ledger).await?;
                let question = Question {
                    action,
                    resource: &arn,
                    owner,
                    bucket: grant.map(|grant| &grant.facts),
                    object: key.map(|key| (key, version_of(target, &access.resource))),
                    through: grant.and_then(|grant| grant.through(bucket_arn.as_deref())),
                    access_point: subject.as_ref().map(Subject::context),
                };
                let weighed = self.scales(target).weigh(bearings, &question).await.map_err(Refusal::Store)?;
                (seen, guard, kept_out) = (weighed.seen, weighed.guard, weighed.kept_out);
                guard = guard.or_else(|| subject.as_ref().and_then(Subject::guard));
                if weighed.acl_required {
                    ledger.fill(|decided| decided.acl_required = true);
                }
                weighed.answer
            }
            None => nobody_allows(),
        };
        record(ledger, &decision, action);
        if decision.is_allow() && POLICY_ACTIONS.contains(&action) && self.caller.account() != owner {
            ledger.fill(|decided| {
                decided.verdict = Verdict::ImplicitDeny;
                decided.reason = Some("a bucket's policy is for its owner's account alone".to_owned());
            });
            return Err(Refusal::ForeignPolicy);
        }
        if decision.is_allow() {
            Ok((seen, guard))
        } else {
            let point = grant.and_then(|grant| grant.through.as_ref());
            let whose = owner.filter(|owner| point.is_none_or(|point| point.id.account == *owner));
            Err(self.refuse(target, (action, told(decision, kept_out), arn), whose))
        }
    }

    /// What the decision on `action` would be if the bucket had this policy.
    pub(crate) async fn under(
        &self,
        policy: NamedPolicy,
        action: &'static str,
        target: &Target,
        bucket: &BucketGrant,
    ) -> Result<Decision, StoreError> {
        let bearings = Bearings::of(&self.caller, &*self.facts).await?;
        let access = BucketAccess { policy: Some(policy), ..BucketAccess::clone(&bucket.facts.access) };
        let facts = BucketFacts { access: Arc::new(access), ..bucket.facts.clone() };
        let resource = format!("arn:aws:s3:::{}", bucket.name);
        let question = Question {
            action,
            resource: &resource,
            owner: bucket.owner(),
            bucket: Some(&facts),
            object: None,
            through: None,
            access_point: None,
        };
        Ok(self.scales(target).weigh(&bearings, &question).await?.answer)
    }

    pub(crate) fn scales<'a>(&'a self, target: &'a Target) -> Scales<'a> {
        Scales {
            facts: &*self.facts,
            caller: &self.caller,
            request: &self.request,
            target,
            operation: self.operation,
            supposed: None,
        }
    }

    fn denied(&self, action: &'static str, decision: Decision, resource: String) -> Denied {
        let caller = self.caller.arn().map(|arn| arn.to_string());
        Denied { decision, action, resource, caller, bucket_region: None, attempt: None }
    }

    /// A denial of the whole request; `owner` as [`Deciding::attempt`] has it.
    fn refuse(
        &self,
        target: &Target,
        (action, decision, resource): (&'static str, Decision, String),
        owner: Option<AccountId>,
    ) -> Refusal {
        let mut denied = self.denied(action, decision, resource);
        denied.attempt = self.attempt(target, &denied, owner);
        Refusal::Denied(Box::new(denied))
    }

    async fn deletes(
        &self,
        target: &Target,
        bucket: &BucketGrant,
        bearings: &Bearings,
        ledger: &Ledger,
    ) -> Result<Vec<KeyDecision>, Refusal> {
        if self.operation != "DeleteObjects" {
            return Ok(Vec::new());
        }
        let mut all = Vec::with_capacity(target.deletes.len());
        for (index, entry) in target.deletes.iter().enumerate() {
            // There may be a thousand keys, and a policy may make the decision on each take long: others have their turn.
            if index > 0 && index % KEYS_IN_A_TURN == 0 {
                tokio::task::yield_now().await;
            }
            all.push(self.delete(entry, target, (bucket, bearings), ledger).await?);
        }
        Ok(all)
    }

    async fn delete(
        &self,
        entry: &crate::KeyVersion,
        target: &Target,
        (bucket, bearings): (&BucketGrant, &Bearings),
        ledger: &Ledger,
    ) -> Result<KeyDecision, Refusal> {
        let action = requirement::delete_action(entry.version_id.is_some());
        let (resource, bucket_arn) = bucket.arns(Some(&entry.key));
        let key = ObjectKey::parse(&entry.key).ok();
        let version_id = entry.version_id.as_deref().map(VersionId::parse).transpose();
        let object = key.as_ref().map(|key| (key, version_id.ok().flatten()));
        let question = Question {
            action,
            resource: &resource,
            owner: bucket.owner(),
            bucket: Some(&bucket.facts),
            object,
            through: bucket.through(bucket_arn.as_deref()),
            access_point: None,
        };
        let scales = self.scales(target);
        let weighed = scales.weigh(bearings, &question).await.map_err(Refusal::Store)?;
        if weighed.acl_required {
            ledger.fill(|decided| decided.acl_required = true);
        }
        let (mut decision, mut kept_out) = (weighed.answer, weighed.kept_out);
        if target.asks.bypass_governance && decision.is_allow() {
            let question = Question { action: requirement::BYPASS, ..question };
            let weighed = scales.weigh(bearings, &question).await.map_err(Refusal::Store)?;
            (decision, kept_out) = (weighed.answer, weighed.kept_out);
        }
        record(ledger, &decision, action);
        Ok(match (decision.is_allow(), key, version_id) {
            (true, Some(key), Ok(version_id)) => Ok(Permit {
                bucket: bucket.clone(),
                key,
                version_id,
                action: PhantomData::<action::DeleteObject>,
            }),
            _ => Err(Box::new(self.denied(action, told(decision, kept_out), resource))),
        })
    }
}

/// The version of an object that an action is done to: of the copy's source that of the source.
fn version_of(target: &Target, resource: &Resource) -> Option<VersionId> {
    match (&target.copy_source, resource) {
        (Some(source), Resource::Source(..)) => source.version_id,
        _ => target.version_id,
    }
}

/// The bucket at the end of a way, and the access point that leads there: the one that this was made for, not one that was
/// made since under its name.
///
/// # Errors
/// Where there is none, with the name that the caller knows.
fn behind(
    passage: Option<&Passage>,
    name: &BucketName,
    found: Option<BucketFacts>,
) -> Result<(BucketFacts, Option<Arc<AccessPointFacts>>), Refusal> {
    match (passage, found) {
        (None, Some(facts)) => Ok((facts, None)),
        (None, None) => Err(Refusal::NoSuchBucket(name.clone())),
        (Some(passage), Some(facts)) if passage.point.bucket_id == facts.id => {
            Ok((facts, Some(passage.point.clone())))
        }
        (Some(passage), _) => Err(Refusal::NothingBehind(passage.asked.clone())),
    }
}

/// A bucket, and an object in it, as a record lists them.
fn records_of(bucket: &BucketName, key: Option<&ObjectKey>, owner: AccountId) -> Vec<ResourceRecord> {
    let object = key.map(|key| ResourceRecord {
        arn: format!("arn:aws:s3:::{bucket}/{key}"),
        account: None,
        kind: "AWS::S3::Object".into(),
    });
    let arn = format!("arn:aws:s3:::{bucket}");
    let bucket = ResourceRecord { arn, account: Some(owner.to_string()), kind: "AWS::S3::Bucket".into() };
    object.into_iter().chain([bucket]).collect()
}

/// Says in the record which access point a request went through.
fn note_access_point(decided: &mut Decided, point: &AccessPointFacts) {
    decided.access_point_arn = Some(point.id.arn().to_string());
    decided.resources.push(record_of(&point.id));
}

fn in_region(refusal: Refusal, bucket: Option<&BucketGrant>) -> Refusal {
    let Refusal::Denied(mut denied) = refusal else { return refusal };
    denied.bucket_region = bucket.map(|bucket| bucket.region().clone());
    Refusal::Denied(denied)
}

fn record(ledger: &Ledger, decision: &Decision, action: &'static str) {
    let (verdict, reason) = match decision {
        Decision::Allow(statement) => (Verdict::Allow, statement.to_string()),
        Decision::ImplicitDeny { missing } => {
            (Verdict::ImplicitDeny, format!("no {missing} allows {action}"))
        }
        Decision::ExplicitDeny(statement) => (Verdict::ExplicitDeny, statement.to_string()),
    };
    ledger.fill(|decided| {
        decided.verdict = verdict;
        decided.reason = Some(reason);
    });
}

fn expect_owner(expected: Option<&str>, owner: AccountId) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != owner.to_string() => Err(Refusal::UnexpectedOwner),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
