//! The decision.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use strongroom_policy::evaluate::{Decision, Missing, Source, Statement};
use strongroom_record::{ResourceRecord, Verdict};
use strongroom_shape::{Input, OperationSchema, Structure, Untyped};
use strongroom_storage::StoreError;
use strongroom_types::{AccountId, ObjectKey, Region, Timestamp, VersionId};

use crate::authorized::{Granted, KeyDecision};
use crate::facts::{BucketAccess, BucketFacts, NamedPolicy};
use crate::requirement::{self, Access, Authority, Resource, action, requirements};
use crate::weigh::{Bearings, Question, Scales, Seen, nobody_allows};
use crate::{
    Authorized, Body, BucketGrant, Caller, Denied, Facts, Ledger, Named, Permit, Refusal, SecondFactor,
    Target,
};

/// What the gate knows of a request beside its input. Filled by the pipeline from the connection and the signature,
/// never from a header of the same name.
#[derive(Debug, Clone)]
pub struct RequestFacts {
    /// The service, by its name in botocore.
    pub service: &'static str,
    /// The region that the signature names, or where the request arrived.
    pub region: Region,
    /// The store clock when the head had been read.
    pub now: Timestamp,
    /// The peer's address.
    pub source_ip: IpAddr,
    /// Whether the request came over TLS.
    pub secure_transport: bool,
    /// What the head says that policies may ask about.
    pub wire: WireFacts,
}

/// What policies may ask about of a request's connection, head and signature.
#[derive(Debug, Clone, Default)]
pub struct WireFacts {
    /// Version of TLS, as `s3:TlsVersion` has it: "1.2".
    pub tls_version: Option<&'static str>,
    /// `User-Agent`: whatever the client says.
    pub user_agent: Option<String>,
    /// `Referer`: whatever the client says.
    pub referer: Option<String>,
    /// How the request was signed.
    pub signature: Option<SignatureFacts>,
    /// When a code in the request proved a second factor. The gate itself fills this.
    pub second_factor: Option<Timestamp>,
}

/// How a request was signed.
#[derive(Debug, Clone)]
pub struct SignatureFacts {
    /// `s3:authType`: "REST-HEADER", "REST-QUERY-STRING" or "POST".
    pub auth_type: &'static str,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// `x-amz-content-sha256`, as it was signed.
    pub content_sha256: Option<String>,
}

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
    operation: &'static str,
}

impl Deciding {
    pub(crate) async fn decide(&self, target: &Target, ledger: &Ledger) -> Result<Granted, Refusal> {
        let needed = requirements(self.request.service, self.operation, target, &self.caller);
        let accesses =
            needed.ok_or_else(|| Refusal::Denied(Box::new(self.denied("*", nobody_allows(), "*".into()))))?;
        if let Some(first) = accesses.first() {
            ledger.fill(|decided| decided.action = Some(first.action.to_owned()));
        }
        if self.request.service == "iam" && self.caller.is_kept_from_iam() {
            let decision = Decision::ImplicitDeny { missing: Missing::Policy(Source::Session) };
            let (action, arn) = accesses
                .first()
                .map_or(("iam:*", "*".to_owned()), |access| (access.action, access.resource.arn()));
            record(ledger, &decision, action);
            return Err(Refusal::Denied(Box::new(self.denied(action, decision, arn))));
        }
        let bearings = Bearings::of(&self.caller, &*self.facts).await.map_err(Refusal::Store)?;
        if bearings.is_closed() {
            let (action, arn) = accesses
                .first()
                .map_or(("*", "*".to_owned()), |access| (access.action, access.resource.arn()));
            record(ledger, &nobody_allows(), action);
            ledger.fill(|decided| decided.reason = Some("the caller's account is closed".to_owned()));
            return Err(Refusal::Denied(Box::new(self.denied(action, nobody_allows(), arn))));
        }
        let mut bucket = self.bucket(target, &accesses, ledger).await?;
        self.block_by_organization(bucket.as_mut(), &bearings).await?;
        let mut source_bucket = self.source_bucket(target, bucket.as_ref()).await?;
        self.block_by_organization(source_bucket.as_mut(), &bearings).await?;
        let tags = self.tags_of_copy(target, source_bucket.as_ref()).await?;
        let mut seen = Vec::new();
        for access in accesses.iter().chain(&tags) {
            if self.operation == "DeleteObjects" && !target.deletes.is_empty() {
                break; // INVARIANT: each key is decided below, and the handler gets a permit for each.
            }
            let object = self
                .access(access, target, (&bearings, bucket.as_ref(), source_bucket.as_ref()), ledger)
                .await
                .map_err(|refusal| in_region(refusal, bucket.as_ref()))?;
            seen.extend(object);
        }
        let deletes = match &bucket {
            Some(bucket) => self.deletes(target, bucket, &bearings, ledger).await?,
            None => Vec::new(),
        };
        let source = match (source_bucket, &target.copy_source) {
            (Some(bucket), Some(source)) => Some(Permit {
                bucket,
                key: source.key.clone(),
                version_id: source.version_id,
                action: PhantomData,
            }),
            _ => None,
        };
        Ok(Granted { bucket, source, deletes, seen, guard: bearings.guard() })
    }

    async fn bucket(
        &self,
        target: &Target,
        accesses: &[Access],
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
        let facts = facts.ok_or_else(|| Refusal::NoSuchBucket(name.clone()))?;
        ledger.fill(|decided| {
            decided.bucket_owner = Some(facts.owner.to_string());
            decided.bucket_owner_canonical = Some(facts.owner_canonical.to_string());
            let owner = Some(facts.owner.to_string());
            let mut resources = Vec::with_capacity(2);
            if let Some(key) = &target.key {
                let arn = format!("arn:aws:s3:::{name}/{key}");
                resources.push(ResourceRecord { arn, account: None, kind: "AWS::S3::Object".into() });
            }
            let arn = format!("arn:aws:s3:::{name}");
            resources.push(ResourceRecord { arn, account: owner, kind: "AWS::S3::Bucket".into() });
            decided.resources = resources;
        });
        if facts.region != self.request.region {
            return Err(Refusal::WrongRegion { bucket: name.clone(), region: facts.region });
        }
        expect_owner(target.expected_bucket_owner.as_deref(), facts.owner)?;
        Ok(Some(BucketGrant { name: name.clone(), facts }))
    }

    async fn source_bucket(
        &self,
        target: &Target,
        bucket: Option<&BucketGrant>,
    ) -> Result<Option<BucketGrant>, Refusal> {
        let Some(source) = &target.copy_source else { return Ok(None) };
        let grant = match bucket {
            Some(bucket) if bucket.name == source.bucket => bucket.clone(),
            _ => {
                let facts = self.facts.bucket(&source.bucket).await.map_err(Refusal::Store)?;
                let facts = facts.ok_or_else(|| Refusal::NoSuchBucket(source.bucket.clone()))?;
                BucketGrant { name: source.bucket.clone(), facts }
            }
        };
        expect_owner(target.expected_source_bucket_owner.as_deref(), grant.owner())?;
        Ok(Some(grant))
    }

    /// Adds what the organisation blocks for a bucket's account.
    async fn block_by_organization(
        &self,
        bucket: Option<&mut BucketGrant>,
        bearings: &Bearings,
    ) -> Result<(), Refusal> {
        if let Some(bucket) = bucket {
            let owner = bearings.account_of(bucket.owner(), &self.caller, &*self.facts).await;
            bucket.facts.organization_block = owner.map_err(Refusal::Store)?.public_access_block;
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
            Resource::Bucket(name) | Resource::Object(name, _) => [bucket, source]
                .into_iter()
                .flatten()
                .find(|grant| grant.name == *name)
                .map(BucketGrant::owner),
            Resource::NewBucket(_) | Resource::Account | Resource::Caller => self.caller.account(),
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
            Resource::Bucket(_)
            | Resource::NewBucket(_)
            | Resource::Object(..)
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

    /// Decides one access; gives the object on whose owner and list that rests.
    async fn access(
        &self,
        access: &Access,
        target: &Target,
        (bearings, bucket, source): (&Bearings, Option<&BucketGrant>, Option<&BucketGrant>),
        ledger: &Ledger,
    ) -> Result<Option<Seen>, Refusal> {
        let owner = self.owner(access, bucket, source).await?;
        let arn = self.arn(&access.resource).await?;
        let action = access.action;
        let mut seen = None;
        let decision = match owner {
            // GetCallerIdentity and its like: being somebody is enough, whatever policies say.
            Some(_) if access.resource == Resource::Caller => Decision::Allow(Statement {
                source: Source::Ownership,
                policy: "no policy".to_owned(),
                statement: "any caller may".to_owned(),
            }),
            Some(owner) => {
                let grant = access.resource.bucket().and_then(|name| {
                    [bucket, source].into_iter().flatten().find(|grant| grant.name == *name)
                });
                let object = access.resource.object().map(|key| (key, version_of(target, action)));
                let bucket = grant.map(|grant| &grant.facts);
                let question = Question { action, resource: &arn, owner, bucket, object };
                let weighed = self.scales(target).weigh(bearings, &question).await.map_err(Refusal::Store)?;
                seen = weighed.seen;
                weighed.decision
            }
            None => nobody_allows(),
        };
        record(ledger, &decision, action);
        if decision.is_allow() {
            Ok(seen)
        } else {
            Err(Refusal::Denied(Box::new(self.denied(action, decision, arn))))
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
        };
        Ok(self.scales(target).weigh(&bearings, &question).await?.decision)
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
        Denied { decision, action, resource, caller, bucket_region: None }
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
        for entry in &target.deletes {
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
        let resource = format!("arn:aws:s3:::{}/{}", bucket.name, entry.key);
        let key = ObjectKey::parse(&entry.key).ok();
        let version_id = entry.version_id.as_deref().map(VersionId::parse).transpose();
        let object = key.as_ref().map(|key| (key, version_id.ok().flatten()));
        let question = Question {
            action,
            resource: &resource,
            owner: bucket.owner(),
            bucket: Some(&bucket.facts),
            object,
        };
        let scales = self.scales(target);
        let mut decision = scales.weigh(bearings, &question).await.map_err(Refusal::Store)?.decision;
        if target.asks.bypass_governance && decision.is_allow() {
            let question = Question { action: requirement::BYPASS, ..question };
            decision = scales.weigh(bearings, &question).await.map_err(Refusal::Store)?.decision;
        }
        record(ledger, &decision, action);
        Ok(match (decision.is_allow(), key, version_id) {
            (true, Some(key), Ok(version_id)) => Ok(Permit {
                bucket: bucket.clone(),
                key,
                version_id,
                action: PhantomData::<action::DeleteObject>,
            }),
            _ => Err(Box::new(self.denied(action, decision, resource))),
        })
    }
}

/// The version of an object that an action is done to: that of the copy's source, where it is read.
fn version_of(target: &Target, action: &str) -> Option<VersionId> {
    match &target.copy_source {
        Some(source) if action.starts_with("s3:GetObject") => source.version_id,
        _ => target.version_id,
    }
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
